//! Messages. A message is independent of its connection and context.

use std::ffi::{c_int, c_uchar};
use std::mem::ManuallyDrop;
use std::ptr;

use super::boundary::boundary;
use super::convert::look;
use crate::abi::counted::Owned;
use crate::abi::types::{NOPOLL_PAYLOAD_SIZE, OpCode, noPollMsg, noPollOpCode, nopoll_bool};
use crate::api::Msg;

/// Makes an empty message: no payload, opcode 0, not final, a fragment.
///
/// Returns it with one reference, the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_msg_new() -> *mut noPollMsg {
    boundary(ptr::null_mut(), || Some(to_c(Some(Msg::create()))))
}

/// What C gets for a message, with the reference on it; NULL for none.
pub(in crate::ffi) fn to_c(msg: Option<Owned<Msg>>) -> *mut noPollMsg {
    msg.map_or(ptr::null_mut(), |msg| Owned::into_raw(msg).cast())
}

/// A message as the library refers to it, without taking a reference of the caller's.
///
/// # Safety
/// `msg` is a handle, and stays one while the result is used.
unsafe fn shared(msg: *mut noPollMsg) -> Option<ManuallyDrop<Owned<Msg>>> {
    // SAFETY: never dropped, so no reference is given away.
    unsafe { Owned::from_raw(msg.cast()) }.map(ManuallyDrop::new)
}

/// Takes a reference on a message. Returns 1; 0 for NULL.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_ref(msg: *mut noPollMsg) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    let Some(msg) = (unsafe { shared(msg) }) else {
        return 0;
    };
    Owned::into_raw(Owned::clone(&msg));
    1
}

/// Drops a reference on a message; the last one releases message and payload.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_unref(msg: *mut noPollMsg) {
    boundary((), || {
        // SAFETY: a handle, of which the caller gives one reference back.
        drop(unsafe { Owned::<Msg>::from_raw(msg.cast()) });
        Some(())
    });
}

/// Returns the number of references on a message; -1 for NULL.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_ref_count(msg: *mut noPollMsg) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, -1, Msg::ref_count) }
}

/// Returns the payload. It belongs to the message, and a NUL byte that is not counted follows it,
/// so that text can be used as a string; it may hold other NULs. NULL for a NULL or empty message.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_get_payload(msg: *mut noPollMsg) -> *const c_uchar {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, ptr::null(), Msg::payload) }
}

/// Returns the bytes of payload in this message, which may be a part of its frame; -1 for NULL.
///
/// The library returns a long. It is declared as int, or as long with NOPOLL_LONG_PAYLOAD_SIZE
/// defined.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_get_payload_size(msg: *mut noPollMsg) -> NOPOLL_PAYLOAD_SIZE {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, -1, Msg::size) }
}

/// Returns 1 when the message ends a WebSocket message: the FIN bit of its frame is set and no byte
/// of the frame is still to come. Otherwise 0, also for NULL.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_is_final(msg: *mut noPollMsg) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, 0, |msg: &Msg| nopoll_bool::from(msg.is_final())) }
}

/// Returns 1 when the message is a part of something larger: its FIN bit is off, it belongs to a
/// fragmented message, or it holds only a part of its frame. Otherwise 0, also for NULL.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_is_fragment(msg: *mut noPollMsg) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, 0, |msg: &Msg| nopoll_bool::from(msg.is_fragment())) }
}

/// Returns the opcode of the message's frame, as received; 0 for all but the first part of a frame
/// that arrived in parts; NOPOLL_UNKNOWN_OP_CODE for NULL.
///
/// # Safety
/// `msg` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_opcode(msg: *mut noPollMsg) -> noPollOpCode {
    // SAFETY: a handle, as this function demands.
    unsafe { look(msg, UNKNOWN, Msg::opcode) }
}

const UNKNOWN: noPollOpCode = OpCode::NOPOLL_UNKNOWN_OP_CODE as noPollOpCode;

/// Joins two messages. Neither is consumed, and they may be the same.
///
/// Returns a new message with one reference, the caller's, whose payload is that of `msg` followed
/// by that of `msg2`. Opcode and FIN bit are those of `msg`: ask the joined message for the type,
/// and the part received last whether the message is complete. When one of the two is NULL, the
/// other one itself is returned, with one more reference. NULL when both are NULL, when memory is
/// short, or for sizes that make no sense.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_msg_join(
    msg: *mut noPollMsg,
    msg2: *mut noPollMsg,
) -> *mut noPollMsg {
    boundary(ptr::null_mut(), || {
        // SAFETY: handles, as this function demands.
        let (first, second) = unsafe { (shared(msg), shared(msg2)) };
        Some(to_c(Msg::join(first.as_deref(), second.as_deref())))
    })
}
