//! Client connections.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::boundary::boundary_making;
use super::convert::{Handle, text};
use crate::abi::types::{noPollConn, noPollConnOpts, noPollCtx};
use crate::api::{Conn, Ctx, Family, Opts, Target};

/// How to reach the server.
#[derive(Clone, Copy)]
pub(in crate::ffi) struct Way {
    pub(in crate::ffi) family: Family,
    pub(in crate::ffi) tls: bool,
    pub(in crate::ffi) socket: Option<c_int>,
}

impl Way {
    pub(in crate::ffi) const fn plain(family: Family) -> Self {
        Self {
            family,
            tls: false,
            socket: None,
        }
    }

    pub(in crate::ffi) const fn tls(family: Family) -> Self {
        Self {
            family,
            tls: true,
            socket: None,
        }
    }

    const fn over(self, socket: c_int) -> Self {
        Self {
            socket: Some(socket),
            ..self
        }
    }
}

/// What all client constructors share; `texts` are host, port, host name, URL, protocols, origin.
///
/// # Safety
/// `ctx` and `opts` are handles, `texts` are texts.
pub(in crate::ffi) unsafe fn connect(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    way: Way,
    texts: [*const c_char; 6],
) -> *mut noPollConn {
    boundary_making(ptr::null_mut(), || {
        // SAFETY: handles, as this function demands.
        let (ctx, opts) = unsafe { (Ctx::retain(ctx), Opts::retain(opts)) };
        // SAFETY: texts, as this function demands.
        let texts = texts.map(|pointer| unsafe { text(pointer) });
        let [host, port, host_name, url, protocols, origin] = texts;
        let target = Target {
            family: way.family,
            tls: way.tls,
            socket: way.socket,
            host,
            port,
            host_name,
            url,
            protocols,
            origin,
        };
        Some(Conn::to_c(Some(Conn::connect(
            ctx.as_ref(),
            opts.as_ref(),
            &target,
        )?)))
    })
}

/// Connects to a WebSocket server over IPv4 and sends the request of the opening handshake
/// (RFC 6455 §4.1). Waits for that, at most for the time of `nopoll_conn_connect_timeout`, but not
/// for the answer: see `nopoll_conn_is_ready`.
///
/// - `host_ip`: name or address to connect to.
/// - `host_port`: port or service name; NULL is "80", with TLS "443".
/// - `host_name`: the `Host` header, and the name asked for in TLS; NULL is `host_ip`.
/// - `get_url`: the request target; NULL is "/".
/// - `protocols`: the `Sec-WebSocket-Protocol` header; NULL sends none.
/// - `origin`: the `Origin` header; NULL is "http://" followed by the host name.
///
/// All are sent as they are. The socket is non-blocking.
///
/// Returns the connection with two references, the caller's and the registry's; give the caller's
/// back with `nopoll_conn_close`. Also a connection that failed while connecting is returned: test
/// with `nopoll_conn_is_ok`, which accepts NULL, and close it. NULL, with nothing to close and
/// `errno` as the system left it, when `ctx` or `host_ip` is NULL, nothing could be resolved, no
/// attempt could be made, or a handler closed the connection meanwhile. nopoll_conn_get_error tells
/// why in either case.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new(
    ctx: *mut noPollCtx,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, ptr::null_mut(), Way::plain(Family::V4), texts) }
}

/// As `nopoll_conn_new`, over IPv6.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new6(
    ctx: *mut noPollCtx,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, ptr::null_mut(), Way::plain(Family::V6), texts) }
}

/// As `nopoll_conn_new`, with options. Their reference is dropped, whatever comes of the call,
/// unless they are set to be reused. They may be NULL.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new_opts(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, opts, Way::plain(Family::V4), texts) }
}

/// As `nopoll_conn_new_opts`, over a stream socket of the caller's, which is used as it is and
/// belongs to the connection once `ctx` and `host_ip` are not NULL. A negative one connects as
/// usual.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new_with_socket(
    ctx: *mut noPollCtx,
    opts: *mut noPollConnOpts,
    socket: c_int,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, opts, Way::plain(Family::V4).over(socket), texts) }
}

/// As `nopoll_conn_new_opts`, over TLS, whose handshake is part of the call. *NULL options check
/// the server's certificate and name against the system's CAs; a new options object does not: call
/// `nopoll_conn_opts_ssl_peer_verify` on it.*
///
/// # Safety
/// `ctx` and `options` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_tls_new(
    ctx: *mut noPollCtx,
    options: *mut noPollConnOpts,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, options, Way::tls(Family::V4), texts) }
}

/// As `nopoll_conn_tls_new`, over IPv6.
///
/// # Safety
/// `ctx` and `options` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_tls_new6(
    ctx: *mut noPollCtx,
    options: *mut noPollConnOpts,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, options, Way::tls(Family::V6), texts) }
}

/// As `nopoll_conn_new_with_socket`, over TLS; see `nopoll_conn_tls_new`.
///
/// # Safety
/// `ctx` and `options` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_tls_new_with_socket(
    ctx: *mut noPollCtx,
    options: *mut noPollConnOpts,
    socket: c_int,
    host_ip: *const c_char,
    host_port: *const c_char,
    host_name: *const c_char,
    get_url: *const c_char,
    protocols: *const c_char,
    origin: *const c_char,
) -> *mut noPollConn {
    let texts = [host_ip, host_port, host_name, get_url, protocols, origin];
    // SAFETY: as this function demands.
    unsafe { connect(ctx, options, Way::tls(Family::V4).over(socket), texts) }
}
