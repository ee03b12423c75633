//! The registry of a context: its connections.

use std::ffi::c_int;
use std::ptr;

use crate::abi::callbacks::noPollForeachConn;
use crate::abi::hook::Hook;
use crate::abi::types::{noPollConn, noPollCtx, noPollPtr, nopoll_bool};
use crate::api::{Conn, Ctx};
use crate::ffi::boundary::boundary;
use crate::ffi::convert::Handle;
use crate::log::{Level, log};

/// Registers a connection with its context, which every constructor does by itself. The registry
/// takes a reference on the connection, and the connection one on the context. The connection gets
/// an id. Registering twice does nothing.
///
/// Returns 1; 0 when an argument is NULL or the connection was made for another context.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_register_conn(
    ctx: *mut noPollCtx,
    conn: *mut noPollConn,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: handles, as this function demands.
        let (ctx, conn) = unsafe { (Ctx::retain(ctx)?, Conn::retain(conn)) };
        let Some(conn) = conn else {
            log!(&ctx, Level::Critical, "register: conn is NULL");
            return None;
        };
        Some(nopoll_bool::from(Ctx::register(&ctx, &conn)))
    })
}

/// Takes a connection out of its context's registry and drops the registry's reference, which may
/// destroy it. The socket is not closed and no handler called. Nothing for a connection that isn't
/// there.
///
/// # Safety
/// Both are handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_unregister_conn(ctx: *mut noPollCtx, conn: *mut noPollConn) {
    boundary((), || {
        // SAFETY: handles, as this function demands.
        let (ctx, conn) = unsafe { (Ctx::retain(ctx)?, Conn::retain(conn)) };
        let Some(conn) = conn else {
            log!(&ctx, Level::Critical, "unregister: conn is NULL");
            return None;
        };
        Ctx::unregister(&ctx, &conn);
        Some(())
    });
}

/// Returns 1 when `conn` is the address of a connection in this context's registry, otherwise 0.
/// The address is only compared: it may be that of a connection which is gone.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_ctx_conn_is_registered(
    ctx: *mut noPollCtx,
    conn: *mut noPollConn,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        Some(nopoll_bool::from(
            !conn.is_null() && ctx.is_registered(conn),
        ))
    })
}

/// Returns the number of registered connections: clients, accepted ones and listeners, with those
/// that are dead but not collected yet by the loop. -1 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_conns(ctx: *mut noPollCtx) -> c_int {
    // SAFETY: a handle, as this function demands.
    boundary(-1, || Some(unsafe { Ctx::retain(ctx) }?.conns()))
}

/// Calls `foreach` for each registered connection, in no particular order, until it returns true.
/// It may close, make and register connections; those made meanwhile may or may not be visited.
///
/// Returns the connection at which `foreach` returned true, without a reference for the caller;
/// NULL when it never did or an argument is NULL.
///
/// # Safety
/// `ctx` is a handle, `foreach` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_foreach_conn(
    ctx: *mut noPollCtx,
    foreach: noPollForeachConn,
    user_data: noPollPtr,
) -> *mut noPollConn {
    boundary(ptr::null_mut(), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        let Some(foreach) = foreach else {
            log!(&ctx, Level::Critical, "foreach is NULL");
            return None;
        };
        // SAFETY: a callback, as this function demands.
        Some(Ctx::foreach(&ctx, unsafe { Hook::new(foreach, user_data) }))
    })
}
