//! Why something failed.

use std::ffi::{c_char, c_int};

use crate::abi::types::{noPollConn, noPollError};
use crate::api::{Conn, error};
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Object, ask};

/// Returns the HTTP status of the server's answer to a client's request; 0 while none has come, for
/// other connections and for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_http_status(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, Conn::http_status) }
}

/// Returns why a connection never got ready or was dropped; NOPOLL_ERROR_NONE while it wasn't. For
/// NULL: why the last constructor of a client, listener or accepted connection on this thread
/// returned NULL; NOPOLL_ERROR_NONE if it didn't.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_error(conn: *mut noPollConn) -> noPollError {
    // SAFETY: a handle, as this function demands.
    let conn = unsafe { Conn::borrow(conn) };
    boundary(0, || Some(conn.map_or_else(error::last_error, Conn::error)))
}

/// Returns the same in words, never NULL. The text lives as long as the connection; for NULL, until
/// this thread's next constructor.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_error_text(conn: *mut noPollConn) -> *const c_char {
    // SAFETY: a handle, as this function demands.
    let conn = unsafe { Conn::borrow(conn) };
    boundary(c"".as_ptr(), || {
        Some(conn.map_or_else(error::last_error_text, Conn::error_text))
    })
}
