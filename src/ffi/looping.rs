//! The loop.

use std::ffi::{c_int, c_long};

use super::boundary::boundary_errno;
use super::convert::{Handle, ask};
use crate::abi::types::noPollCtx;
use crate::api::{Ctx, Errno, run};

/// Waits for and dispatches everything that happens on the connections of a context: accepts on
/// listeners, advances handshakes, answers pings and close frames, hands messages to `on_msg`,
/// writes what is pending. All handlers run on the calling thread.
///
/// `timeout` is in µs; 0 waits without limit. The call doesn't return because something happened,
/// nor when no connection is left. Calls nest; other threads may use everything meanwhile.
///
/// Returns 0 when `nopoll_loop_stop` was called; -2 when `ctx` is NULL or `timeout` negative; -3
/// when the time has passed (at least one full pass is always made); -4, with `errno`, when the
/// system doesn't let us wait, which a later call may overcome.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_loop_wait(ctx: *mut noPollCtx, timeout: c_long) -> c_int {
    boundary_errno((-2, Errno::Keep), || {
        // SAFETY: a handle, as this function demands.
        Some(run::wait(&unsafe { Ctx::retain(ctx) }?, timeout))
    })
}

/// Makes the running `nopoll_loop_wait` of a context return at once, nested ones too. The
/// connection whose handler calls it gets no further message. Without a running wait nothing
/// happens: a later one is not affected.
///
/// Safe in signal handlers.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_loop_stop(ctx: *mut noPollCtx) {
    // A signal handler must not be the one who drops the last reference: nothing is retained.
    // SAFETY: a handle, as this function demands.
    unsafe { ask(ctx, (), Ctx::stop) }
}
