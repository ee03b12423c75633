//! Environment variables: the one that is ours, and those OpenSSL has.

use std::ffi::{CStr, CString};

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
    value(c"NOPOLL_LENIENT").is_some_and(|value| value.as_c_str() == c"1")
}

/// A variable's value; `None` in set-user-id programs.
pub(crate) fn value(name: &CStr) -> Option<CString> {
    // SAFETY: a NUL-terminated name.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: getenv returns a NUL-terminated text, which is copied at once.
    Some(unsafe { CStr::from_ptr(value) }.to_owned())
}
