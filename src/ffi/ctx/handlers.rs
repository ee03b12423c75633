//! Handlers of a context. They are looked up at each event, so a change applies at once.

use crate::abi::callbacks::{
    noPollActionHandler, noPollOnMessageHandler, noPollSslContextCreator, noPollSslPostCheck,
};
use crate::abi::hook::{Hook, HookCell};
use crate::abi::types::{noPollCtx, noPollPtr};
use crate::api::Ctx;
use crate::api::ctx::CtxHooks;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, look};
use crate::log::{Level, log};

/// Installs a handler; a NULL one only where `removable`.
///
/// # Safety
/// `ctx` is a handle, `function` a callback.
pub(in crate::ffi) unsafe fn install<F: Copy>(
    ctx: *mut noPollCtx,
    name: &str,
    removable: bool,
    function: Option<F>,
    user_data: noPollPtr,
    cell: impl FnOnce(&CtxHooks) -> &HookCell<F>,
) {
    if function.is_none() && !removable {
        // SAFETY: a handle, as this function demands.
        return unsafe { refuse(ctx, name) };
    }
    // SAFETY: a callback, as this function demands.
    let hook = function.map(|function| unsafe { Hook::new(function, user_data) });
    // SAFETY: a handle, as this function demands.
    unsafe { look(ctx, (), |ctx: &Ctx| cell(ctx.hooks()).set(hook)) }
}

/// # Safety
/// `ctx` is a handle.
unsafe fn refuse(ctx: *mut noPollCtx, name: &str) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        log!(
            &ctx,
            Level::Critical,
            "{name} is NULL: the handler stays as it is"
        );
        Some(())
    });
}

/// Sets who is asked when a listener has accepted a TCP connection: nothing has been read yet, the
/// peer's address is known. False closes it without a byte. NULL is ignored: the handler can be
/// replaced, not removed.
///
/// # Safety
/// `ctx` is a handle, `on_accept` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_on_accept(
    ctx: *mut noPollCtx,
    on_accept: noPollActionHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "on_accept", false, on_accept, user_data, |hooks| {
            &hooks.on_accept
        })
    }
}

/// Sets who is asked when a client's request is complete and valid, before it is answered: URL,
/// headers and requested protocols are known, and nopoll_conn_set_accepted_protocol still has an
/// effect. False answers 403. NULL is ignored: the handler can be replaced, not removed.
///
/// # Safety
/// `ctx` is a handle, `on_open` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_on_open(
    ctx: *mut noPollCtx,
    on_open: noPollActionHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "on_open", false, on_open, user_data, |hooks| {
            &hooks.on_open
        })
    }
}

/// Sets who is told that a handshake is complete, on either side, for connections without an
/// on-ready handler of their own. Frames may be sent from here on. False drops the connection.
/// NULL is ignored: the handler can be replaced, not removed.
///
/// # Safety
/// `ctx` is a handle, `on_ready` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_on_ready(
    ctx: *mut noPollCtx,
    on_ready: noPollActionHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "on_ready", false, on_ready, user_data, |hooks| {
            &hooks.on_ready
        })
    }
}

/// Sets who gets the messages that the loop receives on connections without an on-message handler
/// of their own. NULL removes the handler: such messages are dropped.
///
/// # Safety
/// `ctx` is a handle, `on_msg` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_on_msg(
    ctx: *mut noPollCtx,
    on_msg: noPollOnMessageHandler,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "on_msg", true, on_msg, user_data, |hooks| {
            &hooks.on_msg
        })
    }
}

/// Sets who makes the OpenSSL context of each TLS connection, client and server, instead of the
/// library. NULL removes the handler.
///
/// # Safety
/// `ctx` is a handle, `context_creator` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_ssl_context_creator(
    ctx: *mut noPollCtx,
    context_creator: noPollSslContextCreator,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "creator", true, context_creator, user_data, |hooks| {
            &hooks.creator
        })
    }
}

/// Sets who judges each finished TLS handshake before any HTTP byte. NULL removes the handler.
///
/// # Safety
/// `ctx` is a handle, `post_ssl_check` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_set_post_ssl_check(
    ctx: *mut noPollCtx,
    post_ssl_check: noPollSslPostCheck,
    user_data: noPollPtr,
) {
    // SAFETY: as this function demands.
    unsafe {
        install(ctx, "check", true, post_ssl_check, user_data, |hooks| {
            &hooks.post_check
        })
    }
}
