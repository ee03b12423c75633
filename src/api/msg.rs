//! Messages: free-standing, with their own reference count and a payload on the C heap.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::abi::cbuf::{self, CBuf};
use crate::abi::counted::{Counted, Owned};
use crate::abi::types::noPollMsg;
use crate::abi::window::MsgWindow;
use crate::protocol::{Data, Payload};

/// `noPollMsg`.
#[repr(C)]
pub struct Msg {
    window: MsgWindow,
}

impl Counted for Msg {
    fn count(&self) -> &AtomicI32 {
        &self.window.refs
    }
}

impl Msg {
    /// A message in `spare`, or in an object of its own, with one reference. `None` if somebody
    /// has another on `spare`.
    #[inline]
    fn fill(
        spare: Option<Owned<Self>>,
        opcode: i16,
        fin: bool,
        fragment: bool,
        masked: bool,
        payload: *mut c_void,
        size: isize,
    ) -> Option<Owned<Self>> {
        let mut msg = spare.unwrap_or_else(Self::create);
        let window = &mut Owned::get_mut(&mut msg)?.window;
        *window.op_code.get_mut() = opcode;
        *window.has_fin.get_mut() = c_int::from(fin);
        *window.is_fragment.get_mut() = c_int::from(fragment);
        *window.is_masked.get_mut() = c_int::from(masked);
        *window.payload.get_mut() = payload;
        *window.payload_size.get_mut() = size;
        window.set_ends_frame(true);
        Some(msg)
    }

    /// An empty holder with one reference: no payload, not final, a fragment.
    pub(crate) fn create() -> Owned<Self> {
        Owned::new(Self {
            window: MsgWindow::of_one_owner(),
        })
    }

    /// What was received, with one reference; `None` when memory is short.
    pub(crate) fn received(data: Data<CBuf>) -> Option<Owned<Self>> {
        let (payload, size) = data.payload.into_raw();
        if payload.is_null() {
            return None;
        }
        // `has_fin` is the frame's FIN (joining needs it), also in a piece that isn't the last.
        let size = isize::try_from(size).unwrap_or(0);
        let msg = Self::fill(
            None,
            data.opcode.into(),
            data.fin,
            data.is_fragment,
            data.masked,
            payload,
            size,
        )?;
        msg.window.set_ends_frame(data.is_final || !data.fin);
        Some(msg)
    }

    /// A message that came whole, with one reference, in an object that [`Self::recycle`] gave
    /// back, if there is one; `None` when memory is short.
    #[inline]
    pub(crate) fn whole(
        spare: Option<Owned<Self>>,
        opcode: u8,
        masked: bool,
        payload: CBuf,
    ) -> Option<Owned<Self>> {
        let (payload, size) = payload.into_raw();
        if payload.is_null() {
            return None;
        }
        let size = isize::try_from(size).unwrap_or(0);
        Self::fill(spare, opcode.into(), true, false, masked, payload, size)
    }

    /// A message that is done with, for another one; `None` if somebody has a reference on it.
    #[inline]
    pub(crate) fn recycle(mut this: Owned<Self>) -> Option<Owned<Self>> {
        if cbuf::is_watched() {
            return Self::replace(this);
        }
        Owned::get_mut(&mut this)?;
        Some(this)
    }

    /// As [`Self::recycle`], but another message with as much memory, and this one is freed: a memory
    /// checker sees who goes on using it.
    #[cold]
    #[inline(never)]
    fn replace(mut this: Owned<Self>) -> Option<Owned<Self>> {
        let payload = *Owned::get_mut(&mut this)?.window.payload.get_mut();
        let mut other = Self::create();
        *Owned::get_mut(&mut other)?.window.payload.get_mut() = cbuf::alike(payload);
        Some(other)
    }

    /// The memory of its payload, or none.
    #[inline]
    pub(crate) fn take_payload(spare: &mut Option<Owned<Self>>) -> CBuf {
        let msg = spare.as_mut().and_then(Owned::get_mut);
        let payload = msg.map(|msg| msg.window.payload.get_mut());
        payload.map_or_else(CBuf::new, |payload| {
            CBuf::of_block(std::mem::replace(payload, ptr::null_mut()))
        })
    }

    /// The memory of a large message that is done with, for another one; `None` if somebody has a
    /// reference on it, or if it is too much to keep.
    pub(crate) fn into_memory(this: Owned<Self>) -> Option<CBuf> {
        let mut spare = Self::recycle(this);
        let memory = Self::take_payload(&mut spare);
        memory.is_worth_keeping().then_some(memory)
    }

    /// A ping's payload, for its handler.
    pub(crate) fn ping(payload: CBuf) -> Option<Owned<Self>> {
        Self::received(Data {
            opcode: 9,
            payload,
            is_final: true,
            is_fragment: false,
            fin: true,
            masked: false,
        })
    }

    pub(crate) fn as_c(this: &Owned<Self>) -> *mut noPollMsg {
        Owned::as_ptr(this).cast::<noPollMsg>()
    }

    /// The visible count.
    pub fn ref_count(&self) -> c_int {
        self.window.refs.load(Ordering::Acquire)
    }

    /// The payload; NULL for an empty holder.
    pub fn payload(&self) -> *const u8 {
        self.window
            .payload
            .load(Ordering::Acquire)
            .cast_const()
            .cast()
    }

    /// Bytes in this message.
    pub fn size(&self) -> c_long {
        self.window.payload_size.load(Ordering::Acquire) as c_long
    }

    /// FIN is set and no byte of its frame is still to come.
    pub fn is_final(&self) -> bool {
        self.window.has_fin.load(Ordering::Acquire) != 0 && self.window.ends_frame()
    }

    /// A piece of something larger, or FIN is off.
    pub fn is_fragment(&self) -> bool {
        self.window.is_fragment.load(Ordering::Acquire) != 0
            || self.window.has_fin.load(Ordering::Acquire) == 0
    }

    /// The opcode of its frame.
    pub fn opcode(&self) -> c_int {
        c_int::from(self.window.op_code.load(Ordering::Acquire))
    }

    /// `first` followed by `second`. FIN and opcode are `first`'s: whoever joins pieces asks the
    /// last piece whether the message is complete, and the joined message for its type.
    pub(crate) fn join(
        first: Option<&Owned<Self>>,
        second: Option<&Owned<Self>>,
    ) -> Option<Owned<Self>> {
        let (first, second) = match (first, second) {
            (None, None) => return None,
            (Some(only), None) | (None, Some(only)) => return Some(only.clone()),
            (Some(first), Some(second)) => (first, second),
        };
        let (payload, size) = cbuf::join(first.content(), second.content())?;
        let window = &first.window;
        Self::fill(
            None,
            window.op_code.load(Ordering::Acquire),
            window.has_fin.load(Ordering::Acquire) != 0,
            false,
            window.is_masked.load(Ordering::Acquire) != 0,
            payload,
            size,
        )
    }

    /// Looks at the payload.
    pub(crate) fn with_bytes<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        let (data, size) = self.content();
        look(cbuf::view(data, size))
    }

    fn content(&self) -> (*const c_void, isize) {
        (
            self.window.payload.load(Ordering::Acquire).cast_const(),
            self.window.payload_size.load(Ordering::Acquire),
        )
    }
}

impl Drop for Msg {
    fn drop(&mut self) {
        cbuf::release(*self.window.payload.get_mut());
    }
}
