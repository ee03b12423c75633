//! Time, descriptors, clean-up.

use std::ffi::{c_int, c_long};

use libc::timeval;

use super::boundary::boundary;
use super::convert::store;
use crate::abi::types::{NOPOLL_SOCKET, nopoll_bool};
use crate::api::meanwhile;

/// Sleeps for `microseconds`; ≤ 0 returns at once. Signals don't shorten it. Called from a
/// handler, it goes on writing what the library still has to write for the handler's context.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_sleep(microseconds: c_long) {
    boundary((), || {
        meanwhile::sleep(microseconds);
        Some(())
    });
}

/// Stores `a` − `b` in `result`, with 0 ≤ tv_usec < 1000000 and, when the difference is negative,
/// a negative tv_sec. `result` may be `a` or `b`.
///
/// Returns 1 when the difference is negative, otherwise 0. With a NULL argument nothing is stored
/// and 0 returned.
///
/// # Safety
/// `a` and `b` are NULL or readable, `result` is an out-pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_timeval_substract(
    a: *mut timeval,
    b: *mut timeval,
    result: *mut timeval,
) -> c_int {
    boundary(0, || {
        // SAFETY: as this function demands.
        let (a, b) = unsafe { (a.as_ref()?, b.as_ref()?) };
        let micros = a.tv_usec.wrapping_sub(b.tv_usec);
        let seconds = a.tv_sec.wrapping_sub(b.tv_sec);
        let difference = timeval {
            tv_sec: seconds.wrapping_add(micros.div_euclid(SECOND.into())),
            tv_usec: micros.rem_euclid(SECOND.into()),
        };
        if result.is_null() {
            return None;
        }
        // SAFETY: an out-pointer, as this function demands.
        unsafe { store(result, difference) };
        Some(c_int::from(difference.tv_sec < 0))
    })
}

/// One second in the unit of `tv_usec`, whose type libc calls by a name that it deprecates on musl.
const SECOND: i32 = 1_000_000;

/// Returns 1 when `socket` is a possible descriptor (≥ 0), otherwise 0. Whether it is open is not
/// asked.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_socket_is_valid(socket: NOPOLL_SOCKET) -> nopoll_bool {
    nopoll_bool::from(socket >= 0)
}

/// Releases what the library keeps for the process, of which there is nothing. May be called at
/// any time; the library stays usable.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_cleanup_library() {}
