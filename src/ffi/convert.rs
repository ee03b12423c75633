//! Pointers from C to what the library works with, and back.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use super::boundary::boundary;
use crate::abi::types::{noPollConn, noPollConnOpts, noPollCtx, noPollMsg};
use crate::api::{Conn, Ctx, Msg, Opts};

/// An object that C knows by the address of its contents.
pub(super) trait Object: Sized {
    /// The opaque type it has in C.
    type C;

    /// The object for as long as the caller has it; for calls that run nothing else.
    ///
    /// # Safety
    /// `pointer` is a handle, and stays one while the reference is used.
    unsafe fn borrow<'a>(pointer: *mut Self::C) -> Option<&'a Self> {
        // SAFETY: a live handle is the address of the object, which is only ever shared.
        unsafe { pointer.cast_const().cast::<Self>().as_ref() }
    }
}

/// An object that the library refers to beside the references C counts.
pub(super) trait Handle: Object {
    /// Keeps the object alive while a call works on it: a handler may release it meanwhile.
    ///
    /// # Safety
    /// `pointer` is a handle.
    unsafe fn retain(pointer: *mut Self::C) -> Option<Arc<Self>> {
        let object = pointer.cast_const().cast::<Self>();
        if object.is_null() {
            return None;
        }
        // SAFETY: a live handle is the address of what an `Arc` holds.
        unsafe { Arc::increment_strong_count(object) };
        // SAFETY: the count just taken is ours to give to this `Arc`.
        Some(unsafe { Arc::from_raw(object) })
    }

    /// What C gets for an object; NULL for none.
    fn to_c(object: Option<Arc<Self>>) -> *mut Self::C {
        object.map_or(std::ptr::null_mut(), |object| {
            Arc::as_ptr(&object).cast::<Self::C>().cast_mut()
        })
    }
}

/// A connection for the time of a call: with a reference that keeps it alive, unless this thread's
/// loop is serving it and keeps it alive anyway. Counting costs more than all the rest of a small
/// reply.
pub(super) struct Held {
    conn: ManuallyDrop<Arc<Conn>>,
    counted: bool,
}

impl Held {
    /// # Safety
    /// `pointer` is a handle.
    pub(super) unsafe fn new(pointer: *mut noPollConn) -> Option<Self> {
        let conn = pointer.cast_const().cast::<Conn>();
        if conn.is_null() {
            return None;
        }
        // SAFETY: a live handle is the address of the connection.
        let counted = !unsafe { &*conn }.is_served_here();
        if counted {
            // SAFETY: a live handle is the address of what an `Arc` holds.
            unsafe { Arc::increment_strong_count(conn) };
        }
        // SAFETY: as above; dropped only where a count was taken for it.
        let conn = ManuallyDrop::new(unsafe { Arc::from_raw(conn) });
        Some(Self { conn, counted })
    }
}

impl Held {
    /// Whether this thread's loop is serving it.
    pub(super) fn is_served(&self) -> bool {
        !self.counted
    }
}

impl Deref for Held {
    type Target = Arc<Conn>;

    fn deref(&self) -> &Arc<Conn> {
        &self.conn
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.counted {
            // SAFETY: not used any more.
            unsafe { ManuallyDrop::drop(&mut self.conn) };
        }
    }
}

impl Object for Ctx {
    type C = noPollCtx;
}

impl Object for Conn {
    type C = noPollConn;
}

impl Object for Opts {
    type C = noPollConnOpts;
}

impl Object for Msg {
    type C = noPollMsg;
}

impl Handle for Ctx {}
impl Handle for Conn {}
impl Handle for Opts {}

/// Asks an object something that runs no handlers; `fallback` for NULL.
///
/// # Safety
/// `pointer` is a handle.
pub(super) unsafe fn ask<T: Object, R>(
    pointer: *mut T::C,
    fallback: R,
    question: impl FnOnce(&T) -> R,
) -> R {
    // SAFETY: as this function demands.
    boundary(fallback, || Some(question(unsafe { T::borrow(pointer) }?)))
}

/// Reads something of an object that takes neither locks nor memory nor system calls, so that
/// neither a panic nor `errno` is a concern; `fallback` for NULL.
///
/// # Safety
/// `pointer` is a handle.
pub(super) unsafe fn look<T: Object, R>(
    pointer: *mut T::C,
    fallback: R,
    question: impl FnOnce(&T) -> R,
) -> R {
    // SAFETY: as this function demands.
    unsafe { T::borrow(pointer) }.map_or(fallback, question)
}

/// A string argument.
///
/// # Safety
/// `pointer` is a text and stays one while the result is used.
pub(super) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: NUL-terminated, as this function demands.
    Some(unsafe { CStr::from_ptr(pointer) })
}

/// A buffer argument; `None` for NULL.
///
/// # Safety
/// `pointer` is a buffer of `size` bytes and stays one while the result is used.
pub(super) unsafe fn bytes<'a>(pointer: *const c_char, size: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: valid for `size` bytes, as this function demands.
    Some(unsafe { slice::from_raw_parts(pointer.cast::<u8>(), size) })
}

/// A buffer argument to be written; `None` for NULL.
///
/// # Safety
/// `pointer` is a buffer of `size` bytes that nobody else touches while the result is used.
pub(super) unsafe fn bytes_mut<'a>(pointer: *mut c_char, size: usize) -> Option<&'a mut [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: valid for `size` bytes, as this function demands.
    Some(unsafe { slice::from_raw_parts_mut(pointer.cast::<u8>(), size) })
}

/// Stores a result; nothing for NULL.
///
/// # Safety
/// `place` is an out-pointer.
pub(super) unsafe fn store<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: valid for writing, as this function demands.
        unsafe { place.write(value) };
    }
}

/// A size from C; `None` when negative.
pub(super) fn size(value: c_int) -> Option<usize> {
    usize::try_from(value).ok()
}

/// A length from C; `None` when negative.
pub(super) fn length(value: c_long) -> Option<usize> {
    usize::try_from(value).ok()
}

/// A string of the C heap, for the caller to release; NULL when memory is short.
pub(super) fn owned(text: &[u8]) -> *mut c_char {
    // SAFETY: plain allocation.
    let copy = unsafe { libc::malloc(text.len() + 1) }.cast::<u8>();
    if copy.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: the block has room for the text and its terminator, and is fresh.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len()) };
    // SAFETY: as above.
    unsafe { copy.add(text.len()).write(0) };
    copy.cast::<c_char>()
}

/// Releases a block of the C heap.
///
/// # Safety
/// `block` is NULL or was allocated by the C library and is not used any more.
pub(super) unsafe fn free(block: *mut c_void) {
    // SAFETY: as this function demands.
    unsafe { libc::free(block) }
}
