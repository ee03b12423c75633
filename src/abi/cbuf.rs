//! Memory that crosses the API: bytes on the C heap.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use super::heap;
use super::room::Room;
use crate::protocol::payload::PORTION;
use crate::protocol::{Error, Mask, Payload, Utf8};
use crate::simd::{copy_masked, is_utf8};

/// Bytes from `malloc`, always followed by one NUL that is not counted: a C program may print the
/// payload of a message as a string, and may replace or free it.
pub(crate) struct CBuf {
    data: *mut u8,
    len: usize,
    /// How many bytes of `data` are initialised, at least `len`.
    initialised: usize,
    /// The NUL needs one more than `len`.
    capacity: usize,
}

// SAFETY: plain owned memory.
unsafe impl Send for CBuf {}

/// No single growth step beyond the bytes at hand is larger, so memory follows what really came.
const STEP: usize = 64 * 1024;
/// What UTF-8 is validated in.
const BLOCK: usize = 64;
/// A program may keep the message: it isn't to hold more memory than so many times what it needs.
const MOST_SPARE: usize = 4;
/// The largest memory that is kept for the next message.
const MOST_KEPT: usize = 4 * 1024 * 1024;

impl CBuf {
    /// A block that nobody needs the contents of any more; NULL is none.
    ///
    /// Its size is the allocator's word: a program that had it in its hands may have replaced it.
    #[inline]
    pub(crate) fn of_block(block: *mut c_void) -> Self {
        Self {
            data: block.cast(),
            len: 0,
            initialised: 0,
            // SAFETY: the caller owns it.
            capacity: unsafe { heap::usable_size(block) },
        }
    }

    /// A block of `capacity` bytes for what is to be written anew; NULL when memory is short.
    #[inline]
    fn renew(mut self, capacity: usize) -> *mut u8 {
        if self.suits(capacity) {
            return std::mem::replace(&mut self.data, ptr::null_mut());
        }
        // SAFETY: plain allocation.
        unsafe { libc::malloc(capacity) }.cast()
    }

    /// It has room for `needed` bytes, and not much more.
    #[inline]
    fn suits(&self, needed: usize) -> bool {
        (needed..=needed.saturating_mul(MOST_SPARE)).contains(&self.capacity)
    }

    /// It holds much more memory than needed, and than growing would have got.
    #[inline]
    fn is_oversized(&self) -> bool {
        let filled = self.len + 1;
        self.capacity > filled.saturating_mul(MOST_SPARE).saturating_add(STEP)
    }

    /// There is something, and an idle process may keep it.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        (1..=MOST_KEPT).contains(&self.capacity)
    }

    /// There is no room behind the filled part, except for the NUL.
    #[inline]
    fn is_full(&self) -> bool {
        self.capacity <= self.len + 1
    }

    /// Grows if there is no room behind the filled part, for at most `most` bytes. `None` when memory
    /// is short.
    fn make_room(&mut self, most: usize) -> Option<()> {
        if self.is_full() {
            let step = most.max(1).min(self.len.max(STEP));
            let wanted = self.len.checked_add(step)?.checked_add(1)?;
            return self.grow(wanted).then_some(());
        }
        Some(())
    }

    /// What is behind the filled part, at most `most` bytes; and what holds how far the block is
    /// initialised.
    fn room(&mut self, most: usize) -> (&mut [MaybeUninit<u8>], &mut usize) {
        let room = self.capacity.saturating_sub(self.len + 1).min(most);
        if room == 0 {
            return (&mut [], &mut self.initialised);
        }
        // SAFETY: within the block.
        let start = unsafe { self.data.add(self.len) };
        // SAFETY: within the block, and ours.
        let bytes = unsafe { slice::from_raw_parts_mut(start.cast(), room) };
        (bytes, &mut self.initialised)
    }

    /// Goes on in memory for twice as much as is filled, and gives back what it was in; `None` when
    /// memory is short.
    #[cold]
    fn exchange(&mut self) -> Option<Self> {
        let mut own = Self::new();
        if self.len > 0 {
            if !own.grow(self.len.checked_mul(2)?.checked_add(1)?) {
                return None;
            }
            own.copy_filled(self);
        }
        Some(std::mem::replace(self, own))
    }

    /// Becomes filled with what is in `other`, for which there is room.
    fn copy_filled(&mut self, other: &Self) {
        assert!(other.len < self.capacity, "too much to copy");
        // SAFETY: `other` has as many bytes, we have room for them, and blocks don't overlap.
        unsafe { ptr::copy_nonoverlapping(other.data, self.data, other.len) };
        self.len = other.len;
        self.initialised = other.len;
    }

    /// Makes room for `capacity` bytes in all; false when memory is short.
    fn grow(&mut self, capacity: usize) -> bool {
        if capacity <= self.capacity {
            return true;
        }
        // SAFETY: `data` is NULL or came from the same allocator.
        let data = unsafe {
            if self.data.is_null() {
                libc::malloc(capacity)
            } else {
                libc::realloc(self.data.cast::<c_void>(), capacity)
            }
        }
        .cast::<u8>();
        if data.is_null() {
            return false;
        }
        self.data = data;
        self.capacity = capacity;
        true
    }

    /// Hands the block to whoever frees it with `free`; NULL when memory for the NUL is short.
    pub(crate) fn into_raw(mut self) -> (*mut c_void, usize) {
        if !self.grow(self.len + 1) {
            return (ptr::null_mut(), 0);
        }
        let data = std::mem::replace(&mut self.data, ptr::null_mut());
        // SAFETY: `grow` made room for the NUL.
        unsafe { *data.add(self.len) = 0 };
        (data.cast::<c_void>(), self.len)
    }
}

impl Payload for CBuf {
    type Room<'a> = Room<'a>;

    fn new() -> Self {
        Self {
            data: ptr::null_mut(),
            len: 0,
            initialised: 0,
            capacity: 0,
        }
    }

    #[inline(always)]
    fn masked_copy(
        old: Self,
        bytes: &[u8],
        mut mask: Mask,
        must_be_text: bool,
    ) -> Option<(Self, bool)> {
        let len = bytes.len();
        // Room for the NUL, and for a validator to look at whole blocks.
        let capacity = len.checked_add(BLOCK)? / BLOCK * BLOCK;
        let data = old.renew(capacity);
        if data.is_null() {
            return None;
        }
        // SAFETY: the last block of the memory.
        unsafe { ptr::write_bytes(data.add(capacity - BLOCK), 0, BLOCK) };
        // SAFETY: within the memory, which is ours.
        let place = unsafe { slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), len) };
        let at_once = copy_masked(bytes, place, mask.key(), must_be_text);
        let passes = at_once.unwrap_or_else(|| {
            mask.copy_to_new(bytes, place);
            // Zeros behind text make no difference: a character cut short by one is as invalid as
            // one that is cut short by the end.
            // SAFETY: all of it is initialised.
            let padded = unsafe { slice::from_raw_parts(data, len.div_ceil(BLOCK) * BLOCK) };
            !must_be_text || is_utf8(padded)
        });
        let copy = Self {
            data,
            len,
            initialised: capacity,
            capacity,
        };
        Some((copy, passes))
    }

    fn len(&self) -> usize {
        self.len
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.data.is_null() {
            return &mut [];
        }
        // SAFETY: `len` initialised bytes, owned by us.
        unsafe { slice::from_raw_parts_mut(self.data, self.len) }
    }

    fn append(
        &mut self,
        mut bytes: &[u8],
        mask: &mut Mask,
        mut utf8: Option<&mut Utf8>,
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            self.make_room(bytes.len()).ok_or(Error::OutOfMemory)?;
            let start = self.len;
            let (room, initialised) = self.room(bytes.len().min(PORTION));
            let (now, later) = bytes.split_at(room.len());
            mask.copy_to_new(now, room);
            *initialised = start + now.len();
            self.commit(now.len());
            if let Some(utf8) = &mut utf8 {
                utf8.push(&self.bytes_mut()[start..])?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn spare(&mut self, most: usize) -> Option<Room<'_>> {
        self.make_room(most)?;
        let start = self.len;
        let (bytes, initialised) = self.room(most.max(1));
        Some(Room::new(bytes, initialised, start))
    }

    fn commit(&mut self, n: usize) {
        assert!(self.len + n <= self.initialised, "more than was filled");
        self.len += n;
    }

    fn move_to(&mut self, memory: &mut Self, whole: usize) {
        if self.is_full() && memory.suits(whole.saturating_add(1)) {
            if self.len > 0 {
                memory.copy_filled(self);
            } else {
                memory.len = 0;
            }
            std::mem::swap(self, memory);
        }
    }

    #[inline]
    fn move_out(&mut self) -> Option<Self> {
        if self.is_oversized() {
            self.exchange()
        } else {
            None
        }
    }
}

impl Drop for CBuf {
    fn drop(&mut self) {
        release(self.data.cast::<c_void>());
    }
}

/// Makes ready for [`CBuf::of_block`] and [`is_watched`].
pub(crate) fn prepare() {
    heap::prepare();
}

/// Whether a memory checker wants to see freed what is done with.
#[inline]
pub(crate) fn is_watched() -> bool {
    heap::is_watched()
}

/// A block as large as this one, which is NULL or on the C heap; NULL when memory is short.
pub(crate) fn alike(block: *mut c_void) -> *mut c_void {
    // SAFETY: as callers promise; plain allocation.
    unsafe { libc::malloc(heap::usable_size(block)) }
}

/// Frees a block of the C heap; NULL is nothing.
pub(crate) fn release(block: *mut c_void) {
    // SAFETY: callers pass NULL or a block they own.
    unsafe { libc::free(block) }
}

/// Both payloads in one fresh NUL-terminated block. `None` when a size is negative, a positive size
/// comes without bytes, the sum doesn't fit, or memory is short: sizes are what C code left there,
/// so nothing is read before the new block exists.
pub(crate) fn join(
    first: (*const c_void, isize),
    second: (*const c_void, isize),
) -> Option<(*mut c_void, isize)> {
    let sane = |(data, size): (*const c_void, isize)| size >= 0 && (size == 0 || !data.is_null());
    if !sane(first) || !sane(second) {
        return None;
    }
    let size = first.1.checked_add(second.1)?;
    let room = usize::try_from(size.checked_add(1)?).ok()?;
    // SAFETY: plain allocation.
    let block = unsafe { libc::calloc(1, room) };
    if block.is_null() {
        return None;
    }
    let mut to = block.cast::<u8>();
    for (data, size) in [first, second] {
        let size = size.unsigned_abs();
        if size > 0 {
            // SAFETY: a message's payload is `size` bytes long, whoever stored it; `block` has
            // room for both and is fresh.
            unsafe { ptr::copy_nonoverlapping(data.cast::<u8>(), to, size) };
            // SAFETY: stays within `block`.
            to = unsafe { to.add(size) };
        }
    }
    Some((block, size))
}

/// The bytes of a payload that no C code has had in its hands yet.
pub(crate) fn view<'a>(data: *const c_void, size: isize) -> &'a [u8] {
    if data.is_null() || size <= 0 {
        return &[];
    }
    // SAFETY: stored by `CBuf::into_raw` together with its size.
    unsafe { slice::from_raw_parts(data.cast::<u8>(), size.unsigned_abs()) }
}
