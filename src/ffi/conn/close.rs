//! Closing.

use std::ffi::{c_char, c_int};

use super::boundary::boundary;
use super::convert::{Handle, bytes, size};
use crate::abi::types::noPollConn;
use crate::api::Conn;

/// Ends a connection at once, without a close frame: `on_close` runs, then the socket is closed.
/// References and registration stay as they are. Nothing when it is dead already.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_shutdown(conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::shutdown(&unsafe { Conn::retain(conn) }?);
        Some(())
    });
}

/// Closes a connection with an empty close frame; see `nopoll_conn_close_ext`.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_close(conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::close(&unsafe { Conn::retain(conn) }?, 0, None);
        Some(())
    });
}

/// Closes and releases a connection. If its handshake is complete, a close frame (RFC 6455 §5.5.1)
/// is sent as far as that goes without waiting; `on_close` runs, the socket is closed. The peer's
/// answer is not waited for. In any case, also when it is dead already, the connection is taken out
/// of its context's registry, and one more reference dropped, the caller's, if there is one: don't
/// use it afterwards without a reference of your own.
///
/// `status` ≤ 0 sends an empty frame. `reason` need not be terminated; it is cut to the 123 bytes
/// that fit, between characters.
///
/// # Safety
/// `conn` is a handle, `reason` a buffer of `reason_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_close_ext(
    conn: *mut noPollConn,
    status: c_int,
    reason: *const c_char,
    reason_size: c_int,
) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        let size = size(reason_size).filter(|&size| size > 0);
        // SAFETY: a buffer, as this function demands.
        let reason = size.and_then(|size| unsafe { bytes(reason, size) });
        Conn::close(&conn, status, reason);
        Some(())
    });
}
