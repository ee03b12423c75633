//! References on connections. A client or listener starts with two: its maker's and the registry's.
//! An accepted connection starts with one, the registry's.

use std::ffi::c_int;

use super::boundary::boundary;
use super::convert::{Handle, ask};
use crate::abi::types::{noPollConn, nopoll_bool};
use crate::api::Conn;

/// Takes a reference on a connection. Returns 1 when there are more than one now, otherwise 0; also
/// 0 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_ref(conn: *mut noPollConn) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, 0, |conn: &Conn| nopoll_bool::from(conn.acquire())) }
}

/// Drops a reference on a connection; the last one destroys it. If its socket is still open then,
/// it is closed without a close frame and without `on_close`; store -1 with
/// `nopoll_conn_set_socket` to keep it.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_unref(conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::release(&unsafe { Conn::retain(conn) }?);
        Some(())
    });
}

/// Returns the number of references on a connection: owners, the registry while it is registered,
/// and the library's own while it calls a handler for it or visits it. -1 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_ref_count(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, -1, Conn::ref_count) }
}

/// Returns the references on a connection without the library's own; -1 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_owner_ref_count(conn: *mut noPollConn) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(conn, -1, Conn::owner_count) }
}

/// Takes a reference that keeps the connection alive without owning it. Returns 1 when there are
/// more than one reference now, otherwise 0; also 0 for NULL.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_transient_ref(conn: *mut noPollConn) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe {
        ask(conn, 0, |conn: &Conn| {
            nopoll_bool::from(conn.transient_acquire())
        })
    }
}

/// Drops a reference of `__nopoll_conn_transient_ref`; the last reference destroys the connection.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_transient_unref(conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::transient_release(&unsafe { Conn::retain(conn) }?);
        Some(())
    });
}
