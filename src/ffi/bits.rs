//! Bits and bytes. Numbers of several bytes are in network order; no alignment is needed.

use std::ffi::{c_char, c_int};

use super::boundary::boundary;
use super::convert::{Handle, bytes, bytes_mut, size, text};
use crate::abi::types::noPollCtx;
use crate::api::Ctx;
use crate::bytes as arithmetic;
use crate::log::{Level, log};

/// Returns bit `position` of a byte, 0 being the least significant; 0 for positions other than 0
/// to 7.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_get_bit(byte: c_char, position: c_int) -> c_int {
    let [byte] = byte.to_ne_bytes();
    arithmetic::bit(byte, position)
}

/// Sets bit `position` of the first byte of a buffer, 0 being the least significant. Positions
/// other than 0 to 7 do nothing.
///
/// # Safety
/// `buffer` is a buffer of 1 byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_set_bit(buffer: *mut c_char, position: c_int) {
    boundary((), || {
        // SAFETY: a buffer, as this function demands.
        let byte = unsafe { bytes_mut(buffer, 1) }?.first_mut()?;
        *byte = arithmetic::with_bit(*byte, position);
        Some(())
    });
}

/// Logs the bits of a byte, most significant first, behind `label`, as a debug record on `ctx`.
///
/// # Safety
/// `ctx` is a handle, `label` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_show_byte(ctx: *mut noPollCtx, byte: c_char, label: *const c_char) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        // SAFETY: a text, as this function demands.
        let label = unsafe { text(label) }.unwrap_or_default();
        let [byte] = byte.to_ne_bytes();
        let bits = arithmetic::digits(byte);
        let (label, bits) = (label.to_string_lossy(), bits.escape_ascii());
        log!(&ctx, Level::Debug, "{label} {bits}");
        Some(())
    });
}

/// Writes the 32 binary digits of a number, the least significant last, to the end of a buffer of
/// `buf_size` bytes. No terminator is written.
///
/// Returns a pointer to the byte *before* the first digit, which is outside the buffer when
/// `buf_size` is 32: don't follow it. When `buffer` is NULL or `buf_size` is below 32, nothing is
/// written and `buffer` returned.
///
/// # Safety
/// `buffer` is a buffer of `buf_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_int2bin(
    a: c_int,
    buffer: *mut c_char,
    buf_size: c_int,
) -> *mut c_char {
    boundary(buffer, || {
        let digits = arithmetic::binary(a);
        let start = size(buf_size)?.checked_sub(digits.len())?;
        // SAFETY: a buffer, as this function demands.
        let place = unsafe { bytes_mut(buffer, start + digits.len()) }?;
        place[start..].copy_from_slice(&digits);
        Some(buffer.wrapping_add(start).wrapping_sub(1))
    })
}

/// Logs a number, decimal and binary, as a debug record on `ctx`.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_int2bin_print(ctx: *mut noPollCtx, value: c_int) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        let digits = arithmetic::binary(value);
        log!(&ctx, Level::Debug, "{value} {}", digits.escape_ascii());
        Some(())
    });
}

/// Returns the byte at `buffer`, 0 to 255.
///
/// # Safety
/// `buffer` is a buffer of 1 byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_get_8bit(buffer: *const c_char) -> c_int {
    // SAFETY: a buffer, as this function demands.
    let [byte] = unsafe { get(buffer) };
    c_int::from(byte)
}

/// Returns the 2 bytes at `buffer` as a number, 0 to 65535.
///
/// # Safety
/// `buffer` is a buffer of 2 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_get_16bit(buffer: *const c_char) -> c_int {
    // SAFETY: a buffer, as this function demands.
    c_int::from(u16::from_be_bytes(unsafe { get(buffer) }))
}

/// Stores the low 16 bits of a number in the 2 bytes at `buffer`.
///
/// # Safety
/// `buffer` is a buffer of 2 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_set_16bit(value: c_int, buffer: *mut c_char) {
    let [_, _, high, low] = value.to_be_bytes();
    // SAFETY: a buffer, as this function demands.
    unsafe { set(buffer, [high, low]) }
}

/// Returns the 4 bytes at `buffer` as a number, which may be negative.
///
/// # Safety
/// `buffer` is a buffer of 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_get_32bit(buffer: *const c_char) -> c_int {
    // SAFETY: a buffer, as this function demands.
    c_int::from_be_bytes(unsafe { get(buffer) })
}

/// Stores a number in the 4 bytes at `buffer`.
///
/// # Safety
/// `buffer` is a buffer of 4 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_set_32bit(value: c_int, buffer: *mut c_char) {
    // SAFETY: a buffer, as this function demands.
    unsafe { set(buffer, value.to_be_bytes()) }
}

/// The first bytes of a buffer; zeros for NULL.
unsafe fn get<const N: usize>(buffer: *const c_char) -> [u8; N] {
    // SAFETY: the callers' buffers have N bytes.
    match unsafe { bytes(buffer, N) }.map(TryFrom::try_from) {
        Some(Ok(bytes)) => bytes,
        _ => [0; N],
    }
}

unsafe fn set<const N: usize>(buffer: *mut c_char, value: [u8; N]) {
    // SAFETY: the callers' buffers have N bytes.
    if let Some(place) = unsafe { bytes_mut(buffer, N) } {
        place.copy_from_slice(&value);
    }
}
