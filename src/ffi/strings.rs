//! Strings.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::boundary::boundary;
use super::convert::{bytes, bytes_mut, size, store, text};
use super::format;
use crate::abi::types::{nopoll_bool, va_list};
use crate::text as strings;

/// Compares two strings byte by byte.
///
/// Returns 1 when they are equal or both NULL, otherwise 0.
///
/// # Safety
/// Both are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_cmp(string1: *const c_char, string2: *const c_char) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: texts, as this function demands.
        let equal = unsafe { text(string1) } == unsafe { text(string2) };
        Some(nopoll_bool::from(equal))
    })
}

/// Compares the beginnings of two strings.
///
/// Returns 1 when both are at least `bytes` long and their first `bytes` bytes are equal, or when
/// both are NULL; otherwise 0, also for `bytes` ≤ 0. Unlike strncmp, equal strings that are
/// shorter than `bytes` do not match. Nothing behind a terminator is read.
///
/// # Safety
/// Both are NULL, or valid up to a NUL or for `bytes` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ncmp(
    string1: *const c_char,
    string2: *const c_char,
    bytes: c_int,
) -> nopoll_bool {
    boundary(0, || {
        let wanted = size(bytes).filter(|&wanted| wanted > 0)?;
        if string1.is_null() && string2.is_null() {
            return Some(1);
        }
        // SAFETY: as this function demands.
        let first = unsafe { beginning(string1, wanted) }?;
        // SAFETY: as this function demands.
        let second = unsafe { beginning(string2, wanted) }?;
        Some(nopoll_bool::from(strings::begin_alike(
            first, second, wanted,
        )))
    })
}

/// Up to `most` bytes of a string that need not end before that.
unsafe fn beginning<'a>(string: *const c_char, most: usize) -> Option<&'a [u8]> {
    if string.is_null() {
        return None;
    }
    // SAFETY: valid up to a NUL or for `most` bytes.
    let length = unsafe { libc::strnlen(string, most) };
    // SAFETY: so many bytes were just looked at.
    unsafe { bytes(string, length) }
}

#[cfg(any())]
unsafe extern "C" {
    /// Formats as printf does, into a string of the right size. (On ARM, 24 arguments are the
    /// most.)
    ///
    /// Returns the string, the caller's to release; NULL for a NULL format or when formatting
    /// fails.
    pub fn nopoll_strdup_printf(chunk: *const c_char, ...) -> *mut c_char;
}

/// Formats as vprintf does, into a string of the right size. `args` is used up; the caller still
/// ends it with va_end.
///
/// Returns the string, the caller's to release; NULL for a NULL format or when formatting fails.
///
/// # Safety
/// `chunk` is a text, `args` holds what it names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_strdup_printfv(chunk: *const c_char, args: va_list) -> *mut c_char {
    boundary(ptr::null_mut(), || {
        // SAFETY: as this function demands.
        Some(unsafe { format::allocate(chunk, args) })
    })
}

/// Removes blanks, tabs, CRs and LFs from both ends of a string, in place. `trimmed`, unless NULL,
/// gets the number of bytes removed; it is left alone when `chunk` is NULL.
///
/// # Safety
/// `chunk` is a text that may be written; `trimmed` is an out-pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_trim(chunk: *mut c_char, trimmed: *mut c_int) {
    boundary((), || {
        // SAFETY: a text, as this function demands.
        let length = unsafe { text(chunk) }?.count_bytes();
        // SAFETY: the string and its terminator, which the caller lets us write.
        let string = unsafe { bytes_mut(chunk, length + 1) }?;
        let kept = strings::trim(&string[..length]);
        let removed = length - kept.len();
        let end = kept.len();
        string.copy_within(kept, 0);
        string[end] = 0;
        // SAFETY: an out-pointer, as this function demands.
        unsafe { store(trimmed, c_int::try_from(removed).unwrap_or(c_int::MAX)) };
        Some(())
    });
}
