//! What is known of a connection. The strings live as long as it does, also after it has died.

use std::ffi::{c_char, c_int, c_long};
use std::ptr;

use super::boundary::boundary;
use super::convert::{Handle, ask, text};
use super::refuse;
use crate::abi::types::{noPollConn, noPollConnOpts, noPollPtr};
use crate::api::ctx::settings::MAX_FRAME_DEFAULT;
use crate::api::{Conn, Opts};

unsafe fn string(conn: *mut noPollConn, get: impl FnOnce(&Conn) -> *const c_char) -> *const c_char {
    // SAFETY: the callers' `conn` is a handle.
    unsafe { ask(conn, ptr::null(), get) }
}

/// Returns a client's `host_ip`, an accepted connection's peer address, a listener's address; NULL
/// for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_host(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::host) }
}

/// Returns the port that goes with `nopoll_conn_host`; NULL for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_port(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::port) }
}

/// Returns the request target, "/" until it is known; NULL for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_requested_url(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::requested_url) }
}

/// Returns the `Origin` header that was received; for a client what it is or would be. NULL when
/// there is none.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_origin(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::origin) }
}

/// Returns the `Host` header that was received or sent; NULL when there is none.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_host_header(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::host_header) }
}

/// Returns the `Cookie` header that an accepted connection received; NULL when there is none.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_cookie(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::cookie) }
}

/// Returns the `Sec-WebSocket-Protocol` header of the request, as it is; NULL when there is none.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_requested_protocol(
    conn: *mut noPollConn,
) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::requested_protocol) }
}

/// Returns the protocol in a server's answer; for an accepted connection what
/// `nopoll_conn_set_accepted_protocol` stored. NULL when there is none.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_accepted_protocol(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::accepted_protocol) }
}

/// Chooses the protocol that the answer to the request names; meant for `on_open`. Without it the
/// answer repeats the client's header. NULL does nothing.
///
/// # Safety
/// `conn` is a handle, `protocol` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_accepted_protocol(
    conn: *mut noPollConn,
    protocol: *const c_char,
) {
    boundary((), || {
        // SAFETY: a handle and a text, as this function demands.
        let (conn, protocol) = unsafe { (Conn::retain(conn)?, text(protocol)) };
        let Some(protocol) = protocol else {
            let call = "set_accepted_protocol";
            return refuse(&conn, call, format_args!("protocol is NULL"));
        };
        conn.set_accepted_protocol(protocol);
        Some(())
    });
}

/// Returns the `X-Real-IP` header of the request; NULL when there is none. Any client may send it:
/// trust it behind a proxy that sets it.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_x_real_ip_header(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::real_ip) }
}

/// Returns the status in the peer's close frame: 1005 when that held none, 1006 while none has been
/// received (RFC 6455 §7.1.5). Local closing doesn't change it. 0 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_close_status(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, Conn::close_status) }
}

/// Returns the reason in the peer's close frame, "" when that held only a status; NULL when it held
/// nothing, none has been received, or for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_close_reason(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    unsafe { string(conn, Conn::close_reason) }
}

/// Stores a pointer of the program's with the connection. The library only keeps it.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_hook(conn: *mut noPollConn, ptr: noPollPtr) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, (), |conn: &Conn| conn.set_hook(ptr)) }
}

/// Returns the pointer of `nopoll_conn_set_hook`; NULL when none was stored or for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_hook(conn: *mut noPollConn) -> noPollPtr {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, ptr::null_mut(), Conn::hook) }
}

/// Returns the largest frame, in bytes of payload, that the connection accepts: its own limit, its
/// listener's, or else its context's. NOPOLL_MAX_FRAME_SIZE_DEFAULT for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_max_frame_size(conn: *mut noPollConn) -> c_long {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, MAX_FRAME_DEFAULT, Conn::max_frame_size) }
}

/// Gives a connection the frame limit of an options object, if that has one. The options keep their
/// references.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_set_max_frame_size(
    conn: *mut noPollConn,
    options: *mut noPollConnOpts,
) {
    boundary((), || {
        // SAFETY: handles, as this function demands.
        let (conn, opts) = unsafe { (Conn::retain(conn)?, Opts::retain(options)?) };
        conn.copy_max_frame_size(&opts);
        Some(())
    });
}
