//! Listeners.

use std::ffi::c_char;
use std::ptr;

use super::boundary::{boundary, boundary_errno, boundary_making};
use super::convert::{Handle, text};
use crate::abi::types::{NOPOLL_SOCKET, noPollConn, noPollConnOpts, noPollCtx, nopoll_bool};
use crate::api::{Conn, Ctx, Errno, Family, Opts, listener};

/// Opens a listening IPv4 socket without a listener object. `host` and `port` are as for
/// `nopoll_listener_new`.
///
/// Returns the descriptor; -1 on failure; -2 when `ctx` or `host` is NULL or `port`
/// NULL or empty.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_sock_listen(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> NOPOLL_SOCKET {
    boundary_making(-1, || {
        // SAFETY: as this function demands.
        let (ctx, host, port) = unsafe { (Ctx::retain(ctx), text(host), text(port)) };
        Some(listener::listen_socket(ctx.as_ref(), host, port))
    })
}

/// What the eight constructors share.
unsafe fn bind(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    family: Family,
    tls: bool,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    boundary_making(ptr::null_mut(), || {
        // SAFETY: the callers' arguments are handles and texts.
        let (ctx, opts) = unsafe { (Ctx::retain(ctx), Opts::retain(opts)) };
        // SAFETY: as above.
        let (host, port) = unsafe { (text(host), text(port)) };
        let listener = listener::bind(ctx.as_ref(), opts.as_ref(), family, tls, host, port)?;
        Some(Conn::to_c(Some(listener)))
    })
}

/// Makes a listener on an IPv4 address or name and a port or service name; port "0" lets the
/// system choose (ask getsockname). While the address is in use the call tries again for 2.4 s.
///
/// Connections are accepted by `nopoll_loop_wait`, or by `nopoll_conn_accept`.
///
/// Returns the listener with two references, the caller's and the registry's; give the caller's
/// back with `nopoll_conn_close`. NULL on failure, with `errno` as the system left it;
/// nopoll_conn_get_error (NULL) tells why.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_new(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, ptr::null_mut(), Family::V4, false, host, port) }
}

/// As `nopoll_listener_new`, for IPv6. "::" listens on all addresses, on most systems IPv4, too.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_new6(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, ptr::null_mut(), Family::V6, false, host, port) }
}

/// As `nopoll_listener_new`, with options, which apply to the connections it accepts. Unless they
/// are set to be reused, their reference passes to the listener, or is dropped on failure.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_new_opts(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, opts, Family::V4, false, host, port) }
}

/// As `nopoll_listener_new_opts`, for IPv6.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_new_opts6(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, opts, Family::V6, false, host, port) }
}

/// As `nopoll_listener_new`, for TLS. The certificate comes from the options, from
/// `nopoll_listener_set_certificate` or from `nopoll_ctx_set_certificate`, in this order; without
/// one, connections are refused.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_tls_new(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, ptr::null_mut(), Family::V4, true, host, port) }
}

/// As `nopoll_listener_tls_new`, for IPv6.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_tls_new6(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, ptr::null_mut(), Family::V6, true, host, port) }
}

/// As `nopoll_listener_new_opts`, for TLS; see `nopoll_listener_tls_new`.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_tls_new_opts(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, opts, Family::V4, true, host, port) }
}

/// As `nopoll_listener_tls_new_opts`, for IPv6.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_tls_new_opts6(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    host: *const c_char,
    port: *const c_char,
) -> *mut noPollConn {
    // SAFETY: as this function demands.
    unsafe { bind(ctx, opts, Family::V6, true, host, port) }
}

/// Sets the certificate and private key files (PEM) for the TLS connections of a listener, and a
/// chain file; without one, a chain set before stays. Later calls replace earlier ones.
///
/// Returns 1; 0, with nothing changed, when `listener`, `certificate` or `private_key` is NULL or a
/// file can't be read.
///
/// # Safety
/// `listener` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_set_certificate(
    listener: *mut noPollConn,
    certificate: *const c_char,
    private_key: *const c_char,
    chain_file: *const c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let listener = unsafe { Conn::retain(listener) }?;
        let files = [certificate, private_key, chain_file];
        // SAFETY: texts, as this function demands.
        let [certificate, key, chain] = files.map(|file| unsafe { text(file) });
        Some(nopoll_bool::from(listener.set_certificate(
            certificate,
            key,
            chain,
        )))
    })
}

/// Makes a connection object of a socket, which becomes the object's. A connected socket becomes
/// an accepted connection that has yet to receive its request; `nopoll_conn_accept_complete`
/// finishes it. A listening socket becomes a listener.
///
/// Returns the object with one reference, the registry's: the caller has none. NULL, with the
/// descriptor still the caller's, when `ctx` is NULL or `session` ≤ 0.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_listener_from_socket(
    ctx: *mut noPollCtx,
    session: NOPOLL_SOCKET,
) -> *mut noPollConn {
    boundary(ptr::null_mut(), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) };
        Some(Conn::to_c(Conn::from_socket(ctx.as_ref(), session)))
    })
}

/// Accepts a TCP connection on a listening descriptor; waits for one unless the descriptor is
/// non-blocking.
///
/// Returns the new descriptor; -1 with `errno`, which is NOPOLL_EWOULDBLOCK when nobody is waiting
/// on a non-blocking descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_listener_accept(server_socket: NOPOLL_SOCKET) -> NOPOLL_SOCKET {
    boundary_errno((-1, Errno::Set(libc::EIO)), || {
        Some(listener::accept_fd(server_socket))
    })
}
