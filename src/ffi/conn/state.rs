//! The state of a connection, and waiting until it is ready.

use std::ffi::c_int;
use std::ptr;

use super::boundary::{boundary, boundary_errno};
use super::convert::{Handle, ask};
use crate::abi::types::{noPollConn, noPollCtx, noPollRole, nopoll_bool};
use crate::api::{Conn, Errno};

/// Returns 1 while the connection has a socket, otherwise 0; also 0 for NULL. Nothing is asked of
/// the system: that a peer has gone is noticed by a read or a write.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_is_ok(conn: *mut noPollConn) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, |conn: &Conn| nopoll_bool::from(conn.is_ok())) }
}

/// Tells whether the opening handshake is complete, after advancing it with what has arrived; on a
/// blocking descriptor that waits. `on_open` and `on_ready` may run in the call.
///
/// Returns 1 when frames can be exchanged, otherwise 0, with `errno` NOPOLL_EWOULDBLOCK while that
/// may still change. 0 for NULL and for listeners.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_is_ready(conn: *mut noPollConn) -> nopoll_bool {
    boundary_errno((0, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let (ready, errno) = Conn::is_ready(&unsafe { Conn::retain(conn) }?);
        Some((nopoll_bool::from(ready), errno))
    })
}

/// Waits until the opening handshake is complete, at most about `timeout` **seconds**; ≤ 0 looks
/// once.
///
/// Returns 1 when frames can be exchanged; 0 when the connection died or the time has passed, which
/// leaves the connection open. 0 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_wait_until_connection_ready(
    conn: *mut noPollConn,
    timeout: c_int,
) -> nopoll_bool {
    boundary_errno((0, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        let (ready, errno) = Conn::wait_ready(&unsafe { Conn::retain(conn) }?, timeout);
        Some((nopoll_bool::from(ready), errno))
    })
}

/// Advances the opening handshake as `nopoll_conn_is_ready` does.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_complete_handshake(conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::complete_handshake(&unsafe { Conn::retain(conn) }?);
        Some(())
    });
}

/// Returns 1 when TLS is in use, otherwise 0; also 0 for NULL. A client's is in use once its
/// handshake and check have succeeded; an accepted connection's once `on_accept` has returned.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_is_tls_on(conn: *mut noPollConn) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, |conn: &Conn| nopoll_bool::from(conn.is_tls_on())) }
}

/// Returns what the object is; NOPOLL_ROLE_UNKNOWN for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_role(conn: *mut noPollConn) -> noPollRole {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, Conn::role) }
}

/// Returns the connection's id: positive, unique within its context, increasing. -1 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_id(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, -1, Conn::id) }
}

/// Returns the connection's context, without a reference for the caller; NULL for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_ctx(conn: *mut noPollConn) -> *mut noPollCtx {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, ptr::null_mut(), Conn::ctx_ptr) }
}

/// Returns the listener that accepted the connection, without a reference for the caller; NULL when
/// that is gone, for other connections, and for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_listener(conn: *mut noPollConn) -> *mut noPollConn {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, ptr::null_mut(), Conn::listener_ptr) }
}
