//! The one environment variable the library reads.

use std::ffi::CStr;

#[cfg(all(target_os = "linux", not(target_env = "uclibc")))]
unsafe extern "C" {
    fn secure_getenv(name: *const libc::c_char) -> *mut libc::c_char;
}

#[cfg(not(all(target_os = "linux", not(target_env = "uclibc"))))]
unsafe fn secure_getenv(name: *const libc::c_char) -> *mut libc::c_char {
    // SAFETY: as the caller's.
    unsafe { libc::getenv(name) }
}

/// `NOPOLL_LENIENT=1`: new contexts behave as noPoll did, for programs that can't be rebuilt.
/// Ignored in set-user-id programs.
pub(crate) fn lenient() -> bool {
    // SAFETY: a NUL-terminated name.
    let value = unsafe { secure_getenv(c"NOPOLL_LENIENT".as_ptr()) };
    if value.is_null() {
        return false;
    }
    // SAFETY: getenv returns a NUL-terminated text.
    unsafe { CStr::from_ptr(value) == c"1" }
}
