//! Connection options: settings. A client reads them when its constructor is called, a listener
//! each time it accepts a connection.

use std::ffi::{c_char, c_long};

use super::{copy, edit, limit};
use crate::abi::types::{noPollConnOpts, nopoll_bool};

/// Clients: sets the value of the `Cookie` header, sent as it is; NULL sends none, the default.
///
/// # Safety
/// `opts` is a handle, `cookie_content` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_cookie(
    opts: *mut noPollConnOpts,
    cookie_content: *const c_char,
) {
    // SAFETY: a text, as this function demands.
    let cookie = unsafe { copy(cookie_content) };
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.cookie = cookie) }
}

/// Listeners: with true, clients that send no `Origin` header are accepted; with false, the
/// default, they are refused. Read at each handshake.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_skip_origin_check(
    opts: *mut noPollConnOpts,
    skip_check: nopoll_bool,
) {
    // SAFETY: a handle, as this function demands.
    unsafe {
        edit(opts, |settings| {
            settings.skip_origin_check = skip_check != 0
        })
    }
}

/// Clients: with true, the default, an `Origin` header is sent; with false it isn't.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_add_origin_header(
    opts: *mut noPollConnOpts,
    add: nopoll_bool,
) {
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.add_origin = add != 0) }
}

/// Clients: binds the socket that a constructor makes to a network device such as "eth0"
/// (SO_BINDTODEVICE on Linux). If that fails, so does the constructor. NULL binds to none, the
/// default.
///
/// # Safety
/// `opts` is a handle, `_interface` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_interface(
    opts: *mut noPollConnOpts,
    _interface: *const c_char,
) {
    // SAFETY: a text, as this function demands.
    let interface = unsafe { copy(_interface) };
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.interface = interface) }
}

/// Clients: sets header lines to append to the request as they are. Each must be preceded by CRLF,
/// and none followed by it: "\r\nname: value\r\nother: value". NULL appends none, the default.
///
/// # Safety
/// `opts` is a handle, `extra_headers` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_extra_headers(
    opts: *mut noPollConnOpts,
    extra_headers: *const c_char,
) {
    // SAFETY: a text, as this function demands.
    let headers = unsafe { copy(extra_headers) };
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.extra_headers = headers) }
}

/// Sets the largest frame, in bytes of payload, that the connection, or each one the listener
/// accepts, may receive. Without, the context's limit holds. Values other than 1 to
/// NOPOLL_MAX_FRAME_SIZE_LIMIT are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_max_frame_size(
    opts: *mut noPollConnOpts,
    max_frame_size: c_long,
) {
    if let Some(size) = limit(max_frame_size) {
        // SAFETY: a handle, as this function demands.
        unsafe { edit(opts, |settings| settings.max_frame_size = size) }
    }
}
