//! Functions that noPoll exports without declaring them.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use crate::abi::types::{NOPOLL_SOCKET, noPollConnOpts, noPollCtx, nopoll_bool, va_list};
use crate::api::{self, Ctx, Opts};
use crate::ffi::boundary::{boundary, boundary_making};
use crate::ffi::convert::{Handle, owned, text};
use crate::ffi::format;
use crate::log::{Level, log};
use crate::protocol;
use crate::text::is_white_space;
use crate::transport::socket;

/// Returns the bytes that vprintf would write, plus one for a terminator; 0 for a NULL format or
/// when formatting fails. `args` is used up; the caller still ends it with va_end.
///
/// # Safety
/// `format` is a text, `args` holds what it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_vprintf_len(format: *const c_char, args: va_list) -> c_int {
    // SAFETY: as this function demands.
    boundary(0, || Some(unsafe { format::size(format, args) }))
}

/// Returns 1 when the first byte of a string is a blank, LF, tab or CR, otherwise 0; also 0 for
/// NULL and an empty string.
///
/// # Safety
/// `chunk` is a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_is_white_space(chunk: *mut c_char) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a text, as this function demands; not NULL, so it has a first byte.
        let [first] = unsafe { chunk.as_ref() }?.to_ne_bytes();
        Some(nopoll_bool::from(is_white_space(first)))
    })
}

/// Returns the accept value for a key (RFC 6455 §4.2.2), the caller's to release; NULL for a NULL
/// key or when memory is short. `ctx` is not used.
///
/// # Safety
/// `websocket_key` is a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_produce_accept_key(
    ctx: *mut noPollCtx,
    websocket_key: *const c_char,
) -> *mut c_char {
    let _ = ctx;
    boundary(ptr::null_mut(), || {
        // SAFETY: a text, as this function demands.
        let key = unsafe { text(websocket_key) }?;
        Some(owned(protocol::accept_key(key.to_bytes()).as_bytes()))
    })
}

/// Starts a TCP connection over IPv4. `ctx` is for the log and may be NULL.
///
/// Returns a non-blocking descriptor, connected or still connecting, which is the caller's; -1 when
/// `host` or `port` is NULL or on failure, with `errno` as the system left it.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_sock_connect(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
) -> NOPOLL_SOCKET {
    // SAFETY: as this function demands.
    unsafe { nopoll_conn_sock_connect_opts(ctx, host, port, ptr::null_mut()) }
}

/// As `nopoll_conn_sock_connect`, bound to the network device of an options object. The options
/// keep their references; they may be NULL.
///
/// # Safety
/// `ctx` and `options` are handles, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_sock_connect_opts(
    ctx: *mut noPollCtx,
    host: *const c_char,
    port: *const c_char,
    options: *mut noPollConnOpts,
) -> NOPOLL_SOCKET {
    boundary_making(-1, || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) };
        // SAFETY: texts, as this function demands.
        let (host, port) = unsafe { (text(host), text(port)) };
        let (Some(host), Some(port)) = (host, port) else {
            if let Some(ctx) = &ctx {
                let missing = if host.is_none() { "host" } else { "port" };
                log!(ctx, Level::Critical, "sock_connect: {missing} is NULL");
            }
            return None;
        };
        // SAFETY: a handle, as this function demands.
        let device = unsafe { interface(options) };
        let fd = api::connect_socket(ctx.as_ref(), host, port, device.as_deref());
        (fd >= 0).then_some(fd)
    })
}

/// The network device of an options object.
unsafe fn interface(options: *mut noPollConnOpts) -> Option<CString> {
    // SAFETY: the callers' `options` is a handle.
    unsafe { Opts::retain(options) }?.read(|settings| settings.interface.clone())
}

/// Switches TCP_NODELAY on any descriptor. Returns 1; 0 on failure.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_conn_set_sock_tcp_nodelay(
    socket: NOPOLL_SOCKET,
    enable: nopoll_bool,
) -> nopoll_bool {
    boundary(0, || {
        Some(nopoll_bool::from(socket::set_nodelay(socket, enable != 0)))
    })
}

/// Binds a socket to the network device of an options object, whose references stay as they are.
///
/// Returns 1, also when the options are NULL or name no device; 0 on failure.
///
/// # Safety
/// `options` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_set_bind_interface(
    socket: NOPOLL_SOCKET,
    options: *mut noPollConnOpts,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let device = unsafe { interface(options) };
        let bound = device.is_none_or(|device| socket::bind_interface(socket, &device));
        Some(nopoll_bool::from(bound))
    })
}
