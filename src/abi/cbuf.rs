//! Memory that crosses the API: bytes on the C heap.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use super::heap;
use crate::protocol::{Mask, Payload};
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
        if (capacity..=capacity.saturating_mul(MOST_SPARE)).contains(&self.capacity) {
            return std::mem::replace(&mut self.data, ptr::null_mut());
        }
        // SAFETY: plain allocation.
        unsafe { libc::malloc(capacity) }.cast()
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

    fn spare(&mut self, most: usize) -> Option<&mut [u8]> {
        let most = most.max(1);
        let room = self.capacity.saturating_sub(self.len + 1);
        if room == 0 {
            let step = most.min(self.len.max(STEP));
            let wanted = self.len.checked_add(step)?.checked_add(1)?;
            if !self.grow(wanted) {
                return None;
            }
        }
        let room = (self.capacity - self.len - 1).min(most);
        let fresh = (self.len + room).saturating_sub(self.initialised);
        if fresh > 0 {
            // SAFETY: ends behind the room, which is within the block.
            unsafe { ptr::write_bytes(self.data.add(self.initialised), 0, fresh) };
            self.initialised += fresh;
        }
        // SAFETY: within the block, initialised and ours.
        Some(unsafe { slice::from_raw_parts_mut(self.data.add(self.len), room) })
    }

    fn commit(&mut self, n: usize) {
        assert!(self.len + n <= self.initialised, "more than was lent");
        self.len += n;
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
