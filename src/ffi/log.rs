//! Logging. Off until switched on, per context; records go to a handler or else to the console.

use std::ffi::{c_char, c_int};

use super::boundary::boundary;
use super::convert::{Handle, ask, free, text};
use super::format;
use crate::abi::callbacks::noPollLogHandler;
use crate::abi::hook::Hook;
use crate::abi::types::{noPollCtx, noPollDebugLevel, noPollPtr, nopoll_bool, va_list};
use crate::api::Ctx;
use crate::log;

/// Returns what `nopoll_log_enable` stored; 0 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_log_is_enabled(ctx: *mut noPollCtx) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, 0, |ctx: &Ctx| ctx.log_settings().enabled()) }
}

/// Returns what `nopoll_log_color_enable` stored; 0 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_log_color_is_enabled(ctx: *mut noPollCtx) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, 0, |ctx: &Ctx| ctx.log_settings().colour()) }
}

/// Switches log records to the console (standard output, a line each) on or off; off is the
/// default. A log handler gets records whether this is on or not, and then the console gets none.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_log_enable(ctx: *mut noPollCtx, value: nopoll_bool) {
    // SAFETY: a handle, as this function demands.
    unsafe { switch(ctx, |settings| settings.set_enabled(value)) }
}

/// Switches colours on the console on or off; off is the default.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_log_color_enable(ctx: *mut noPollCtx, value: nopoll_bool) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, (), |ctx: &Ctx| ctx.log_settings().set_colour(value)) }
}

/// Diverts all records of a context to a handler; NULL gives them back to the console.
///
/// # Safety
/// `ctx` is a handle, `handler` a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_log_set_handler(
    ctx: *mut noPollCtx,
    handler: noPollLogHandler,
    user_data: noPollPtr,
) {
    // SAFETY: a callback, as this function demands.
    let hook = handler.map(|handler| unsafe { Hook::new(handler, user_data) });
    // SAFETY: a handle, as this function demands.
    unsafe { switch(ctx, |settings| settings.set_handler(hook)) }
}

/// Changes who hears of records.
///
/// # Safety
/// `ctx` is a handle.
unsafe fn switch(ctx: *mut noPollCtx, change: impl FnOnce(&log::Settings)) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        change(ctx.log_settings());
        Ctx::catch_up_log(&ctx);
        Some(())
    });
}

#[cfg(any())]
unsafe extern "C" {
    /// Logs one record on a context, as printf formats it. `function_name` is not shown. With a
    /// NULL context, or when nobody listens, nothing is formatted.
    ///
    /// Programs use the macro nopoll_log.
    pub fn __nopoll_log(
        ctx: *mut noPollCtx,
        function_name: *const c_char,
        file: *const c_char,
        line: c_int,
        level: noPollDebugLevel,
        message: *const c_char,
        ...
    );
}

/// What `__nopoll_log` does with its arguments.
///
/// # Safety
/// `ctx` is a handle, `file` and `message` are texts, `args` holds what `message` names.
pub(super) unsafe fn emit(
    ctx: *mut noPollCtx,
    file: *const c_char,
    line: c_int,
    level: noPollDebugLevel,
    message: *const c_char,
    args: va_list,
) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        if !log::wanted(&ctx) {
            return None;
        }
        // SAFETY: as this function demands.
        let formatted = unsafe { format::allocate(message, args) };
        // SAFETY: a text, as this function demands.
        let file = unsafe { text(file) }.unwrap_or(c"(null)");
        // SAFETY: NULL or a fresh string, used only until it is freed below.
        let message = unsafe { text(formatted) }.unwrap_or(c"(null)");
        log::emit(&ctx, level, file.to_bytes(), line, message.to_bytes());
        // SAFETY: vasprintf allocated it.
        unsafe { free(formatted.cast()) };
        Some(())
    });
}
