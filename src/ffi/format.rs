//! Formatting by the C library, whose formats our callers write.

use std::ffi::{c_char, c_int};
use std::ptr;

use crate::abi::types::va_list;

unsafe extern "C" {
    fn vasprintf(result: *mut *mut c_char, format: *const c_char, args: va_list) -> c_int;
    fn vsnprintf(
        buffer: *mut c_char,
        size: libc::size_t,
        format: *const c_char,
        args: va_list,
    ) -> c_int;
}

/// A fresh string of the C heap; NULL for a NULL format or when formatting fails.
///
/// # Safety
/// `format` is a text, `args` holds what it names and is not used afterwards.
pub(super) unsafe fn allocate(format: *const c_char, args: va_list) -> *mut c_char {
    let mut result = ptr::null_mut();
    if format.is_null() {
        return result;
    }
    // SAFETY: as this function demands.
    let size = unsafe { vasprintf(&raw mut result, format, args) };
    // What a failed vasprintf leaves in `result` is not for us to read.
    if size < 0 { ptr::null_mut() } else { result }
}

/// Bytes the result would need, terminator included; 0 for a NULL format or when formatting fails.
///
/// # Safety
/// As [`allocate`].
pub(super) unsafe fn size(format: *const c_char, args: va_list) -> c_int {
    if format.is_null() {
        return 0;
    }
    // SAFETY: nothing is written into a buffer of no bytes; the rest as this function demands.
    let size = unsafe { vsnprintf(ptr::null_mut(), 0, format, args) };
    size.saturating_add(1).max(0)
}
