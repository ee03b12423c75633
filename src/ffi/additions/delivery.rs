//! Strictness, delivery and buffering. A context's value is the default of its connections; a value
//! in the options of a client or listener wins.

use std::ffi::c_long;
use std::sync::Arc;

use crate::abi::types::{noPollConn, noPollConnOpts, noPollCtx, noPollDelivery, nopoll_bool};
use crate::api::ctx::settings;
use crate::api::{Conn, Ctx};
use crate::ffi::boundary::boundary;
use crate::ffi::convert::Handle;
use crate::ffi::opts::{edit, limit};

unsafe fn change(ctx: *mut noPollCtx, change: impl FnOnce(&Arc<Ctx>)) {
    boundary((), || {
        // SAFETY: the callers' `ctx` is a handle.
        change(&unsafe { Ctx::retain(ctx) }?);
        Some(())
    });
}

/// With true, received frames may break the rules of RFC 6455 that noPoll didn't enforce. With
/// false, the default, such a frame ends the connection with status 1002 or 1007.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_lenient(ctx: *mut noPollCtx, lenient: nopoll_bool) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_lenient(lenient != 0)) }
}

/// As `nopoll_ctx_set_lenient`, for the connections made with these options.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_lenient(
    opts: *mut noPollConnOpts,
    lenient: nopoll_bool,
) {
    // SAFETY: as this function demands.
    unsafe { edit(opts, |settings| settings.lenient = Some(lenient != 0)) }
}

/// Sets how received frames become messages; NOPOLL_DELIVER_FRAMES is the default. Unknown values
/// are refused with a log line.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_delivery(ctx: *mut noPollCtx, delivery: noPollDelivery) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_delivery(delivery)) }
}

/// As `nopoll_ctx_set_delivery`, for the connections made with these options. Unknown values are
/// ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_delivery(
    opts: *mut noPollConnOpts,
    delivery: noPollDelivery,
) {
    if settings::delivery(delivery).is_some() {
        // SAFETY: as this function demands.
        unsafe { edit(opts, |settings| settings.delivery = Some(delivery)) }
    }
}

/// Sets the largest message, in bytes, that NOPOLL_DELIVER_MESSAGES joins; 16 MiB is the default. A
/// larger one ends the connection with status 1009. Values other than 1 to
/// NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_max_message_size(ctx: *mut noPollCtx, size: c_long) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_max_message_size(size)) }
}

/// As `nopoll_ctx_set_max_message_size`, for the connections made with these options. Values out of
/// range are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_max_message_size(
    opts: *mut noPollConnOpts,
    size: c_long,
) {
    if let Some(size) = limit(size) {
        // SAFETY: as this function demands.
        unsafe { edit(opts, |settings| settings.max_message_size = Some(size)) }
    }
}

/// Sets how many bytes, sent from within handlers on blocking descriptors, the library keeps for a
/// peer that doesn't take them; 16 MiB is the default. More are waited for while the peer reads, or
/// else refused: -1 with NOPOLL_EWOULDBLOCK. Values other than 1 to NOPOLL_MAX_FRAME_SIZE_LIMIT are
/// refused with a log line.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_max_pending(ctx: *mut noPollCtx, bytes: c_long) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_max_pending(bytes)) }
}

/// As `nopoll_ctx_set_max_pending`, for the connections made with these options. Values out of
/// range are ignored.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_max_pending(
    opts: *mut noPollConnOpts,
    bytes: c_long,
) {
    if let Some(bytes) = limit(bytes) {
        // SAFETY: as this function demands.
        unsafe { edit(opts, |settings| settings.max_pending = Some(bytes)) }
    }
}

/// With true, the default, small frames sent from within handlers while the loop has more messages
/// of the connection at hand are written together, behind the last of them at the latest. With
/// false each is written at once.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_coalescing(ctx: *mut noPollCtx, enable: nopoll_bool) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_coalescing(enable != 0)) }
}

/// For a handler that answers a message with many: with true, frames of up to 4 KiB that it sends to its
/// own connection wait for one another, 64 KiB in all, and leave in one piece: as soon as that is full,
/// with false, or when the handler returns, whichever is first. The result of a send is the same as
/// ever. Calls that read or wait write what is there first; where the handler waits, the next handler of
/// the connection ends it, too.
///
/// Without, each of them is written at once, but for those that `nopoll_ctx_set_coalescing` tells of.
///
/// Returns 1 if it is so from now on. Returns 0, and changes nothing, for NULL, a closed connection,
/// outside of the handlers that a wait (`nopoll_loop_wait`) runs for this very connection on this
/// thread, and, with true, where coalescing is off.
///
/// # Safety
/// `conn` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_cork(
    conn: *mut noPollConn,
    enable: nopoll_bool,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let conn = unsafe { Conn::retain(conn) }?;
        Some(nopoll_bool::from(Conn::cork(&conn, enable != 0)))
    })
}

/// With true, the default, the loop reads as much as there is. With false it takes one frame at a
/// time from the socket. Calls outside the loop always do the latter.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_read_ahead(ctx: *mut noPollCtx, enable: nopoll_bool) {
    // SAFETY: as this function demands.
    unsafe { change(ctx, |ctx| ctx.set_read_ahead(enable != 0)) }
}
