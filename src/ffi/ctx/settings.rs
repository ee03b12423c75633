//! Settings of a context.

use std::ffi::{c_int, c_long};

use crate::abi::types::noPollCtx;
use crate::api::Ctx;
use crate::api::ctx::settings::MAX_FRAME_DEFAULT;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, ask};

/// Sets the WebSocket version that clients ask for and servers expect; 13 is the default, and the
/// only one there is (RFC 6455 §4.1). Applies to later handshakes.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_protocol_version(ctx: *mut noPollCtx, version: c_int) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, (), |ctx: &Ctx| ctx.set_protocol_version(version)) }
}

/// Sets the largest frame, in bytes of payload, that connections without a limit of their own
/// accept; 16 MiB is the default. Applies at once, from the next frame header on. Values other
/// than 1 to NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line. A larger frame ends the
/// connection with status 1009 before any memory is spent on it.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_max_frame_size(
    ctx: *mut noPollCtx,
    max_frame_size: c_long,
) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        unsafe { Ctx::retain(ctx) }?.set_max_frame_size(max_frame_size);
        Some(())
    });
}

/// Returns the limit of `nopoll_ctx_set_max_frame_size`; NOPOLL_MAX_FRAME_SIZE_DEFAULT for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_get_max_frame_size(ctx: *mut noPollCtx) -> c_long {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, MAX_FRAME_DEFAULT, Ctx::max_frame_size) }
}

/// Sets how long, in µs, a client's constructor may take to connect and send the request; 20 s is
/// the default, which values ≤ 0 restore. Applies to later constructors.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_connect_timeout(
    ctx: *mut noPollCtx,
    microseconds_to_wait: c_long,
) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, (), |ctx: &Ctx| ctx.set_timeout(microseconds_to_wait)) }
}

/// Returns the µs of `nopoll_conn_connect_timeout`; 0 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_get_connect_timeout(ctx: *mut noPollCtx) -> c_long {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, 0, Ctx::timeout) }
}
