//! The C library's standard output, so that log lines keep their place among the program's own.

use std::ffi::c_void;

unsafe extern "C" {
    static mut stdout: *mut libc::FILE;
}

/// Writes and flushes.
pub(crate) fn write(text: &[u8]) {
    // SAFETY: the C library's own stream; fwrite takes any bytes.
    unsafe {
        let stream = stdout;
        if !stream.is_null() {
            libc::fwrite(text.as_ptr().cast::<c_void>(), 1, text.len(), stream);
            libc::fflush(stream);
        }
    }
}
