//! Plain HTTP requests on a listener's port.

use std::ffi::{c_char, c_int, c_long};

use crate::abi::callbacks::noPollOnHttpHandler;
use crate::abi::types::{noPollConn, noPollCtx, noPollPtr, nopoll_bool};
use crate::api::Conn;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, bytes, length, text};
use crate::ffi::ctx::handlers::install;
use crate::log::{Level, log};

/// Sets who answers GET and HEAD requests that don't ask for a WebSocket, so that a program can hand
/// out its own page over the port it listens on. Called when the request has been read to its
/// blank line; URL, `Host`, `Origin`, `Cookie` and `X-Real-IP` can be asked for. Each answer ends its
/// connection. NULL, the default, removes the handler: such requests get an HTTP error.
///
/// # Safety
/// `ctx` is a handle, `on_http` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_on_http(
    ctx: *mut noPollCtx,
    on_http: noPollOnHttpHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "on_http", true, on_http, user_data, |hooks| {
            &hooks.on_http
        })
    }
}

/// Answers the plain HTTP request that an on-http handler is being asked about, from within that
/// handler: once, with `Content-Length` and `Connection: close`. `status` is within 200..599.
/// `content_type` NULL means "text/plain; charset=utf-8". `body` is copied; NULL means an empty
/// one, and `body_size` -1 its length as a string. To a HEAD request the body is not sent.
///
/// Returns 1 when the answer was taken; what the peer doesn't read at once is written by the loop.
/// Returns 0 otherwise: no request is waiting, it has been answered, or an argument is out of
/// range, which the log names.
///
/// # Safety
/// `conn` is a handle, `content_type` a text, `body` a buffer of `body_size` bytes, or a text when
/// that is -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_http_reply(
    conn: *mut noPollConn,
    status: c_int,
    content_type: *const c_char,
    body: *const c_char,
    body_size: c_long,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        // SAFETY: a text, as this function demands.
        let content_type = unsafe { text(content_type) };
        let body = if body_size == -1 {
            // SAFETY: a text, as this function demands.
            unsafe { text(body) }.map(|body| body.to_bytes())
        } else {
            let Some(size) = length(body_size) else {
                log!(
                    conn.ctx(),
                    Level::Critical,
                    "body_size: {body_size} is negative"
                );
                return None;
            };
            // SAFETY: a buffer of that size, as this function demands.
            unsafe { bytes(body, size) }
        };
        let content_type = content_type.map(|text| text.to_bytes());
        let replied = Conn::http_reply(&conn, status, content_type, body.unwrap_or_default());
        Some(nopoll_bool::from(replied))
    })
}
