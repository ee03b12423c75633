//! Contexts: making and releasing.

use std::ffi::c_int;
use std::ptr;

use crate::abi::types::{noPollCtx, nopoll_bool};
use crate::api::Ctx;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, ask};

/// Makes a context. Contexts are independent of each other.
///
/// The first one installs a handler for SIGPIPE that does nothing, unless the program has set that
/// signal to something else than the default.
///
/// Returns it with one reference, the caller's.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_ctx_new() -> *mut noPollCtx {
    boundary(ptr::null_mut(), || Some(Ctx::to_c(Some(Ctx::create()))))
}

/// Takes a reference on a context. Returns 1; 0 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_ref(ctx: *mut noPollCtx) -> nopoll_bool {
    let acquire = |ctx: &Ctx| {
        ctx.acquire();
        1
    };
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, 0, acquire) }
}

/// Drops a reference on a context. Every connection that was registered holds one until it is
/// destroyed, so a context outlives its connections; it never closes them.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_unref(ctx: *mut noPollCtx) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Ctx::release(&unsafe { Ctx::retain(ctx) }?);
        Some(())
    });
}

/// The same as `nopoll_ctx_unref`.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_free(ctx: *mut noPollCtx) {
    // SAFETY: as this function demands.
    unsafe { nopoll_ctx_unref(ctx) }
}

/// Returns the number of references on a context: the creator's, those taken with
/// `nopoll_ctx_ref`, and one for each connection that was registered and still exists. -1 for NULL.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_ref_count(ctx: *mut noPollCtx) -> c_int {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, -1, Ctx::ref_count) }
}
