//! Memory: the C library's heap. What this library hands out may also be released with `free`.

use std::ffi::c_char;
use std::ptr;

use super::convert::free;
use crate::abi::types::noPollPtr;

/// Allocates `count` objects of `size` bytes, zeroed.
///
/// Returns the block, to be released with `nopoll_free` or `free`; NULL, with `errno` ENOMEM, when
/// memory is short or `count` times `size` doesn't fit.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_calloc(count: usize, size: usize) -> noPollPtr {
    // SAFETY: plain allocation.
    unsafe { libc::calloc(count, size) }
}

/// Changes the size of a block of the C heap; NULL allocates a new one.
///
/// Returns the block at its possibly new address; NULL, with `errno` ENOMEM, when memory is short:
/// the old block stays valid then.
///
/// # Safety
/// `ref` is NULL or was allocated by the C library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_realloc(r#ref: noPollPtr, size: usize) -> noPollPtr {
    // SAFETY: as this function demands.
    unsafe { libc::realloc(r#ref, size) }
}

/// Releases a block of the C heap, whether this library or `malloc` allocated it. NULL is nothing.
///
/// # Safety
/// `ref` is NULL or was allocated by the C library and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_free(r#ref: noPollPtr) {
    // SAFETY: as this function demands.
    unsafe { free(r#ref) }
}

/// Copies a string.
///
/// Returns the copy, the caller's to release; NULL for NULL or when memory is short.
///
/// # Safety
/// `buffer` is a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_strdup(buffer: *const c_char) -> *mut c_char {
    if buffer.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: NUL-terminated, as this function demands.
    unsafe { libc::strdup(buffer) }
}
