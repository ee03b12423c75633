//! Accepted connections, for programs that don't leave accepting to the loop.

use std::ptr;

use super::boundary::{boundary, boundary_errno};
use super::convert::Handle;
use crate::abi::types::{NOPOLL_SOCKET, noPollConn, noPollCtx, nopoll_bool};
use crate::api::{Conn, Ctx, Errno};

/// Accepts the next connection of a listener; waits for one unless the program has made the
/// listener's descriptor non-blocking. `on_accept` runs in the call. The handshake goes on in later
/// calls: `nopoll_loop_wait`, `nopoll_conn_get_msg`, `nopoll_conn_is_ready`. A plain connection's
/// descriptor is blocking, a TLS connection's is not.
///
/// Returns the connection with one reference, the registry's: the caller has none, see
/// `nopoll_conn_ref`. NULL when an argument is NULL, when it was refused, or on failure, with the
/// `errno` of accept(2): NOPOLL_EWOULDBLOCK when nobody is waiting. nopoll_conn_get_error (NULL)
/// tells which.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_accept(
    ctx: *mut noPollCtx,
    listener: *mut noPollConn,
) -> *mut noPollConn {
    boundary_errno((ptr::null_mut(), Errno::Keep), || {
        // SAFETY: handles, as this function demands.
        let (ctx, listener) = unsafe { (Ctx::retain(ctx), Conn::retain(listener)) };
        let (conn, errno) = Conn::accept(ctx.as_ref(), listener.as_ref());
        Some((Conn::to_c(conn), errno))
    })
}

/// As `nopoll_conn_accept`, for a socket the program has accepted.
///
/// Returns as that does. When NULL is returned because `session` is no connected socket or an
/// argument is NULL, the descriptor is still the caller's; when the connection was refused, it is
/// closed.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_accept_socket(
    ctx: *mut noPollCtx,
    listener: *mut noPollConn,
    session: NOPOLL_SOCKET,
) -> *mut noPollConn {
    boundary(ptr::null_mut(), || {
        // SAFETY: handles, as this function demands.
        let (ctx, listener) = unsafe { (Ctx::retain(ctx), Conn::retain(listener)) };
        let conn = Conn::accept_socket(ctx.as_ref(), listener.as_ref(), session);
        Some(Conn::to_c(conn))
    })
}

/// Finishes accepting what `nopoll_listener_from_socket` made of `session`: the descriptor is made
/// blocking, `on_accept` asked, TLS prepared if `tls_on` or the listener says so. `conn` may be
/// `listener` itself, which then becomes the accepted connection.
///
/// Returns 1; 0 when an argument is NULL, `session` is -1 or the connection was refused. It is shut
/// down and unregistered then; `nopoll_conn_close` on it is still allowed.
///
/// # Safety
/// All are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_accept_complete(
    ctx: *mut noPollCtx,
    listener: *mut noPollConn,
    conn: *mut noPollConn,
    session: NOPOLL_SOCKET,
    tls_on: nopoll_bool,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: handles, as this function demands.
        let (ctx, listener) = unsafe { (Ctx::retain(ctx), Conn::retain(listener)) };
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) };
        let (ctx, listener, conn) = (ctx.as_ref(), listener.as_ref(), conn.as_ref());
        let accepted = Conn::accept_complete(ctx, listener, conn, session, tls_on != 0);
        Some(nopoll_bool::from(accepted))
    })
}
