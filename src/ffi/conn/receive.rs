//! Receiving without the loop.

use std::ffi::{c_char, c_int, c_long};
use std::ptr;

use super::boundary::{boundary, boundary_errno};
use super::convert::{Handle, bytes_mut, size};
use super::refuse;
use crate::abi::types::{noPollConn, noPollMsg, nopoll_bool};
use crate::api::{Conn, Errno};
use crate::ffi::msg::to_c;

/// Returns the next message of a connection, completing the opening handshake first and handling
/// pings, pongs and close frames on the way; at most one frame is consumed. On a blocking
/// descriptor the call waits. `on_msg` is not called.
///
/// Returns the message with one reference, the caller's, and `errno` 0. NULL when there is nothing
/// to deliver, with `errno` NOPOLL_EWOULDBLOCK while nothing has arrived; when the connection died,
/// which `nopoll_conn_is_ok` tells; for listeners and NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_msg(conn: *mut noPollConn) -> *mut noPollMsg {
    boundary_errno((ptr::null_mut(), Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let (msg, errno) = Conn::get_msg(&unsafe { Conn::retain(conn) }?);
        Some((to_c(msg), errno))
    })
}

/// Reads payload as a stream of bytes, without regard to frames; completes the opening handshake
/// first. What a call doesn't take of a frame is kept for the next one, also when the connection
/// has died meanwhile; `nopoll_conn_get_msg` doesn't see it.
///
/// With `block` true, waits for all `bytes` bytes, at most `timeout` **milliseconds** (≤ 0: without
/// limit). With false, takes what there is, of one frame at most.
///
/// The buffer is zeroed first. No terminator is added.
///
/// Returns the number of bytes. With `block`, fewer, and possibly 0, mean that the time has passed
/// or the connection died. Without, -1 means that there is nothing, with `errno`
/// NOPOLL_EWOULDBLOCK while the connection is ok. -1 with `errno` EINVAL when `conn` or `buffer` is
/// NULL or `bytes` ≤ 0.
///
/// # Safety
/// `conn` is a handle, `buffer` a buffer of `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_read(
    conn: *mut noPollConn,
    buffer: *mut c_char,
    bytes: c_int,
    block: nopoll_bool,
    timeout: c_long,
) -> c_int {
    boundary_errno((-1, Errno::Set(libc::EINVAL)), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        let Some(wanted) = size(bytes).filter(|&wanted| wanted > 0) else {
            return refuse(&conn, "read", format_args!("bytes is {bytes}"));
        };
        // SAFETY: a buffer, as this function demands.
        let Some(buffer) = (unsafe { bytes_mut(buffer, wanted) }) else {
            return refuse(&conn, "read", format_args!("buffer is NULL"));
        };
        Some(Conn::read(&conn, buffer, block != 0, timeout))
    })
}

/// Returns how much the next `nopoll_conn_read` or `nopoll_conn_get_msg` would find without asking
/// the kernel: bytes kept by `nopoll_conn_read`, bytes decrypted by TLS, and at least 1 for each
/// frame the loop has read ahead. While it is positive, read before waiting for the descriptor. 0
/// for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_read_pending(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    boundary(0, || Some(unsafe { Conn::retain(conn) }?.read_pending()))
}
