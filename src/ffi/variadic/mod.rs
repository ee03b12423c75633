//! The two functions of the API with `...`, which stable Rust can call but not define.
//!
//! The header declares them variadic. Here they are plain functions that name every place where
//! the platform's calling convention may put an argument: all argument registers, and then words
//! of the caller's stack. A call then looks the same either way, and what arrived makes up a
//! `va_list` as the platform's headers define it, for the C library to format from.
//!
//! On x86-64 the list points to the caller's stack itself, so there is no limit. On the others a
//! number of words is copied from there: those that the caller didn't pass are read with the
//! others but never looked at, and arguments beyond them are lost.
//!
//! Each architecture provides `Call`, the arguments of one call, and `entry!`, which defines a
//! function that collects them. Where there is none, this file does not compile: write it, or
//! build the static library without the two, define them in C (`va_start`, then
//! `nopoll_strdup_printfv`; for `__nopoll_log` a v-form to be exported from here) and link both
//! into the shared library.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64::{Call, entry};
#[cfg(target_arch = "arm")]
use arm::{Call, entry};
#[cfg(target_arch = "x86_64")]
use x86_64::{Call, entry};

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "aarch64", target_arch = "arm", target_arch = "x86_64")
)))]
compile_error!("no variadic functions for this platform: see src/ffi/variadic/mod.rs");

#[cfg(test)]
mod tests;

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::boundary::boundary;
use super::{format, log};

/// What one register or one word of the stack holds.
type Word = *mut c_void;

/// How many words of the caller's stack may hold arguments, where they are copied.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const STACK: usize = 24;

entry!(nopoll_strdup_printf -> *mut c_char, strdup_printf);
entry!(__nopoll_log -> (), write_log);

/// `char *nopoll_strdup_printf (const char *chunk, ...)`.
unsafe fn strdup_printf(call: &mut Call) -> *mut c_char {
    let chunk = call.argument(0).cast::<c_char>();
    boundary(ptr::null_mut(), || {
        // SAFETY: by its contract the function gets a text and what that names.
        Some(unsafe { format::allocate(chunk, call.rest(1)) })
    })
}

/// `void __nopoll_log (noPollCtx *ctx, const char *function_name, const char *file, int line,
/// noPollDebugLevel level, const char *message, ...)`.
unsafe fn write_log(call: &mut Call) {
    let ctx = call.argument(0).cast();
    let file = call.argument(2).cast::<c_char>();
    let (line, level) = (int(call.argument(3)), int(call.argument(4)));
    let message = call.argument(5).cast::<c_char>();
    // SAFETY: by its contract the function gets a handle, texts, and what the last one names.
    unsafe { log::emit(ctx, file, line, level, message, call.rest(6)) }
}

/// An `int` fills the low half of a word, or all of it; what is above is undefined.
fn int(word: Word) -> c_int {
    word.addr() as c_int
}
