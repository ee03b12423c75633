//! The socket of a connection. It is the program's as much as the library's.

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use super::boundary::{boundary, boundary_errno};
use super::convert::{Handle, bytes, bytes_mut, size};
use super::refuse;
use crate::abi::types::{NOPOLL_SOCKET, noPollConn, nopoll_bool};
use crate::api::{Conn, Errno};
use crate::transport::socket;

/// Returns the connection's descriptor, for the program to poll or configure; -1 when the
/// connection is dead or NULL. Writes what the library still has to write first, if that goes
/// without waiting.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_socket(conn: *mut noPollConn) -> NOPOLL_SOCKET {
    // SAFETY: a handle, as this function demands.
    boundary(-1, || Some(Conn::socket(&unsafe { Conn::retain(conn) }?)))
}

/// Replaces the descriptor of a connection. The old one is not closed and no handler called. -1, or
/// any negative number, takes the descriptor away from the connection, which is dead then.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_socket(conn: *mut noPollConn, _socket: NOPOLL_SOCKET) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Conn::set_socket(&unsafe { Conn::retain(conn) }?, _socket);
        Some(())
    });
}

/// Makes any descriptor blocking (`enable` true) or non-blocking (false).
///
/// Returns 1; 0 when the descriptor is not open.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_conn_set_sock_block(
    socket: NOPOLL_SOCKET,
    enable: nopoll_bool,
) -> nopoll_bool {
    boundary(0, || {
        Some(nopoll_bool::from(socket::set_mode(socket, enable != 0)))
    })
}

/// Receives bytes from a plain connection as recv(2) does, beside the protocol and in the
/// descriptor's blocking mode.
///
/// Returns the number of bytes, 0 at the end of the stream, or -1 with `errno`:
/// NOPOLL_EWOULDBLOCK also while frames read ahead wait for the loop, EBADF when the connection is
/// dead, EINVAL on TLS connections, for NULL and for a negative size.
///
/// # Safety
/// `conn` is a handle, `buffer` a buffer of `buffer_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_default_receive(
    conn: *mut noPollConn,
    buffer: *mut c_char,
    buffer_size: c_int,
) -> c_int {
    boundary_errno((-1, Errno::Set(libc::EINVAL)), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        let size = room(&conn, buffer, buffer_size)?;
        // SAFETY: a buffer, as this function demands.
        let buffer = unsafe { bytes_mut(buffer, size) }?;
        Some(Conn::default_receive(&conn, buffer))
    })
}

/// Sends bytes on a plain connection as send(2) does, beside the protocol and in the descriptor's
/// blocking mode.
///
/// Returns the number of bytes, or -1 with `errno`: NOPOLL_EWOULDBLOCK also while a frame is partly
/// written, EBADF when the connection is dead, EINVAL on TLS connections, for NULL and for a
/// negative size.
///
/// # Safety
/// `conn` is a handle, `buffer` a buffer of `buffer_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_default_send(
    conn: *mut noPollConn,
    buffer: *mut c_char,
    buffer_size: c_int,
) -> c_int {
    boundary_errno((-1, Errno::Set(libc::EINVAL)), || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        let size = room(&conn, buffer, buffer_size)?;
        // SAFETY: a buffer, as this function demands.
        let content = unsafe { bytes(buffer, size) }?;
        Some(Conn::default_send(&conn, content))
    })
}

/// The size of a buffer that there is.
fn room(conn: &Arc<Conn>, buffer: *mut c_char, buffer_size: c_int) -> Option<usize> {
    if buffer.is_null() {
        return refuse(conn, "socket", format_args!("buffer is NULL"));
    }
    size(buffer_size)
        .or_else(|| refuse(conn, "socket", format_args!("buffer_size is {buffer_size}")))
}
