//! The thread's C `errno`, which is an output channel of this API.

use std::ffi::c_int;

/// The current value.
pub(crate) fn get() -> c_int {
    // SAFETY: always a valid thread-local address.
    unsafe { *libc::__errno_location() }
}

/// Replaces the value.
pub(crate) fn set(value: c_int) {
    // SAFETY: always a valid thread-local address.
    unsafe { *libc::__errno_location() = value }
}
