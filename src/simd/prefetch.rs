//! Asking for memory ahead of its use.

use std::ptr;

/// Bytes that the cache holds or doesn't hold as one.
const LINE: usize = 64;

/// Has the processor fetch all of `value`, which is needed soon, into its cache, and doesn't wait.
/// Nothing, where there is no instruction for it that we know.
#[inline]
pub fn prefetch<T>(value: &T) {
    let start = ptr::from_ref(value).cast::<u8>();
    // As a rule it begins somewhere in a line.
    for offset in (0..size_of::<T>() + LINE).step_by(LINE) {
        prefetch_line(start.wrapping_add(offset));
    }
}

#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn prefetch_line(at: *const u8) {
    // SAFETY: a hint, which no address makes fail.
    unsafe {
        std::arch::asm!("prefetcht0 [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

#[inline(always)]
#[cfg(target_arch = "aarch64")]
fn prefetch_line(at: *const u8) {
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

#[inline(always)]
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn prefetch_line(_: *const u8) {}
