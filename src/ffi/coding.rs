//! Base64 and random bytes.

use std::ffi::{c_char, c_int};

use super::boundary::boundary;
use super::convert::{bytes, bytes_mut, size, store};
use crate::abi::types::nopoll_bool;
use crate::{base64, random};

/// Encodes `length` bytes as base64 (RFC 4648 §4), with a LF after every 64 characters but the
/// last, and a terminator.
///
/// `*output_size` is the size of `output` in bytes. On success it is left alone: strlen tells the
/// length of the text. When `output` is too small it is set to the size needed, terminator
/// included.
///
/// Returns 1 on success; 0 when `output` is too small, an argument is NULL or `length` ≤ 0.
///
/// # Safety
/// `content` is a buffer of `length` bytes, `output` one of `*output_size` bytes; they don't
/// overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_base64_encode(
    content: *const c_char,
    length: c_int,
    output: *mut c_char,
    output_size: *mut c_int,
) -> nopoll_bool {
    boundary(0, || {
        let length = size(length).filter(|&length| length > 0)?;
        // SAFETY: a buffer, as this function demands.
        let content = unsafe { bytes(content, length) }?;
        // SAFETY: an out-pointer that holds a size.
        let room = unsafe { output_size.as_ref() }?;
        if output.is_null() {
            return None;
        }
        let mut text = base64::encode(content);
        text.push(0);
        let room = size(*room).unwrap_or(0);
        if room < text.len() {
            // SAFETY: not NULL.
            unsafe {
                store(
                    output_size,
                    c_int::try_from(text.len()).unwrap_or(c_int::MAX),
                )
            };
            return None;
        }
        // SAFETY: `room` bytes, which are enough.
        unsafe { bytes_mut(output, text.len()) }?.copy_from_slice(&text);
        Some(1)
    })
}

/// Decodes `length` characters of base64 (RFC 4648 §4). LFs and CRs within the text and white
/// space behind it are skipped; a final group that is not complete, its padding included, is
/// dropped.
///
/// `*output_size` is the size of `output` in bytes and gets the number of bytes decoded; `output`
/// always gets a NUL behind them, which is not counted. A result that doesn't fit is cut without
/// notice.
///
/// Returns 1 on success. Returns 0 when nothing could be decoded (`output` is empty then) or for
/// any other character; also when an argument is NULL, `length` ≤ 0 or `*output_size` ≤ 0, which
/// leave `output` alone.
///
/// # Safety
/// `content` is a buffer of `length` bytes, `output` one of `*output_size` bytes; they don't
/// overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_base64_decode(
    content: *const c_char,
    length: c_int,
    output: *mut c_char,
    output_size: *mut c_int,
) -> nopoll_bool {
    boundary(0, || {
        let length = size(length).filter(|&length| length > 0)?;
        // SAFETY: a buffer, as this function demands.
        let content = unsafe { bytes(content, length) }?;
        // SAFETY: an out-pointer that holds a size.
        let room = size(*unsafe { output_size.as_ref() }?).filter(|&room| room > 0)?;
        // SAFETY: a buffer of this size, as this function demands.
        let output = unsafe { bytes_mut(output, room) }?;
        let decoded = base64::decode(content).unwrap_or_default();
        let fits = decoded.len().min(room - 1);
        output[..fits].copy_from_slice(&decoded[..fits]);
        output[fits] = 0;
        // SAFETY: not NULL.
        unsafe { store(output_size, c_int::try_from(fits).unwrap_or(c_int::MAX)) };
        Some(nopoll_bool::from(fits > 0))
    })
}

/// Fills a buffer with random bytes from the system's secure source.
///
/// Returns 1 on success; 0, the buffer untouched, for a NULL buffer or `nonce_size` ≤ 0.
///
/// # Safety
/// `buffer` is a buffer of `nonce_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_nonce(buffer: *mut c_char, nonce_size: c_int) -> nopoll_bool {
    boundary(0, || {
        let wanted = size(nonce_size).filter(|&wanted| wanted > 0)?;
        // SAFETY: a buffer, as this function demands.
        let buffer = unsafe { bytes_mut(buffer, wanted) }?;
        Some(nopoll_bool::from(random::try_fill(buffer)))
    })
}
