//! Functions of noPoll's forks.

use std::ffi::{c_char, c_int};
use std::ptr;

use crate::abi::callbacks::noPollOnMessageHandler;
use crate::abi::types::{noPollConn, noPollConnOpts, noPollCtx, noPollPtr, nopoll_bool};
use crate::api::{Conn, Ctx, Family};
use crate::ffi::boundary::boundary;
use crate::ffi::conn::connect::{Way, connect};
use crate::ffi::conn::handlers::install;
use crate::ffi::convert::{Handle, ask, owned, store};
use crate::ffi::opts::edit;

/// As `nopoll_conn_wait_until_connection_ready`, with what the server answered. `timeout` is in
/// **seconds**. Both result pointers may be NULL.
///
/// Returns 1 when frames can be exchanged: `*message` is "Success", `*status` is left alone.
/// Returns 0 at once when the server answered another status than 101: that is `*status`, and
/// `*message` is "Redirect:" followed by the `Location` header if it was a 3xx with one, else left
/// alone. Returns 0 when the connection died or the time has passed: `*message` is "Failure" or left
/// alone, `*status` is left alone. `*message` is the caller's to release.
///
/// # Safety
/// `conn` is a handle, `status` and `message` are out-pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_wait_for_status_until_connection_ready(
    conn: *mut noPollConn,
    timeout: c_int,
    status: *mut c_int,
    message: *mut *mut c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let outcome = Conn::wait_status(&unsafe { Conn::retain(conn) }?, timeout);
        if let Some(code) = outcome.http_status {
            // SAFETY: an out-pointer, as this function demands.
            unsafe { store(status, code) };
        }
        if let Some(text) = outcome.message.filter(|_| !message.is_null()) {
            // SAFETY: not NULL.
            unsafe { store(message, owned(&text)) };
        }
        Some(nopoll_bool::from(outcome.ready))
    })
}

/// Sets who is told of each ping, before it is answered: the message holds its payload, with opcode
/// NOPOLL_PING_FRAME. The handler runs in whatever call read the ping; it may close the connection,
/// which is then not answered. NULL removes the handler.
///
/// # Safety
/// `conn` is a handle, `on_ping_msg` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_on_ping_msg(
    conn: *mut noPollConn,
    on_ping_msg: noPollOnMessageHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe { install(conn, on_ping_msg, user_data, |hooks| &hooks.on_ping) }
}

/// Clients: with true, the server's certificate is checked, as `nopoll_conn_opts_ssl_peer_verify`
/// does, and must be for the host name, or the address when that is one. With false the name is not
/// checked.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_ssl_host_verify(
    opts: *mut noPollConnOpts,
    verify: nopoll_bool,
) {
    // SAFETY: a handle, as this function demands.
    unsafe {
        edit(opts, |settings| {
            settings.tls.host_verify = Some(verify != 0)
        })
    }
}

/// Returns 0 while a `nopoll_loop_wait` runs on the context, otherwise 1; also 1 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_loop_ended(ctx: *mut noPollCtx) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, 1, |ctx: &Ctx| c_int::from(!ctx.waiting())) }
}

/// As `nopoll_conn_new_opts`, over IPv6.
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new_opts6(
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
    unsafe { connect(ctx, opts, Way::plain(Family::V6), texts) }
}

/// As `nopoll_conn_new`, over IPv6 or IPv4, whichever answers first (RFC 8305).
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new_auto(
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
    unsafe { connect(ctx, ptr::null_mut(), Way::plain(Family::Auto), texts) }
}

/// As `nopoll_conn_new_opts`, over IPv6 or IPv4, whichever answers first (RFC 8305).
///
/// # Safety
/// `ctx` and `opts` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_new_opts_auto(
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
    unsafe { connect(ctx, opts, Way::plain(Family::Auto), texts) }
}

/// As `nopoll_conn_tls_new`, over IPv6 or IPv4, whichever answers first (RFC 8305).
///
/// # Safety
/// `ctx` and `options` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_tls_new_auto(
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
    unsafe { connect(ctx, options, Way::tls(Family::Auto), texts) }
}
