use std::ffi::{CStr, CString, c_char, c_int};
use std::hint::black_box;

type StrdupPrintf = unsafe extern "C" fn(*const c_char, ...) -> *mut c_char;
type Log = unsafe extern "C" fn(
    *mut crate::abi::types::noPollCtx,
    *const c_char,
    *const c_char,
    c_int,
    c_int,
    *const c_char,
    ...
);

mod symbols {
    unsafe extern "C" {
        pub fn nopoll_strdup_printf(chunk: *const super::c_char, ...) -> *mut super::c_char;
        pub fn __nopoll_log(
            ctx: *mut crate::abi::types::noPollCtx,
            function_name: *const super::c_char,
            file: *const super::c_char,
            line: super::c_int,
            level: super::c_int,
            message: *const super::c_char,
            ...
        );
    }
}

// As C gets at them: by their addresses. The optimiser is not to see that they are defined here, as
// something else.
fn strdup_printf() -> StrdupPrintf {
    black_box(symbols::nopoll_strdup_printf)
}
fn log() -> Log {
    black_box(symbols::__nopoll_log)
}

/// The C library formats the same arguments, called as a variadic function.
macro_rules! same {
    ($format:expr $(, $argument:expr)*) => {{
        let mut expected = vec![0u8; 512];
        let place = expected.as_mut_ptr().cast::<c_char>();
        // SAFETY: arguments match the format, the buffer is large enough.
        unsafe { libc::snprintf(place, expected.len(), $format.as_ptr() $(, $argument)*) };
        // SAFETY: arguments match the format.
        let result = unsafe { strdup_printf()($format.as_ptr() $(, $argument)*) };
        assert!(!result.is_null());
        // SAFETY: a fresh string.
        let text = unsafe { CStr::from_ptr(result) }.to_owned();
        // SAFETY: as above, and not used any more.
        unsafe { libc::free(result.cast()) };
        assert_eq!(Some(text.as_c_str()), CStr::from_bytes_until_nul(&expected).ok());
    }};
}

#[test]
fn arguments_arrive_from_registers_and_stack() {
    let text = c"text".as_ptr();
    same!(c"");
    same!(c"no arguments, 100%%");
    same!(c"%s", text);
    same!(c"%d %s %lld", -1, text, i64::MIN);
    same!(c"%lld %d %lld", 1_i64 << 40, 2, -3_i64);
    same!(c"%f", 1.5);
    same!(c"%d %f %d %f", 1, 2.5, 3, 4.5);
    same!(
        c"%d %d %d %d %d %d %d %d %d %d %d %d",
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        10,
        11,
        12
    );
    same!(
        c"%g %g %g %g %g %g %g %g %g %g",
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        1.25
    );
    same!(
        c"%d %g %s %d %g %s %d %g %s %d %g %s",
        1,
        0.5,
        text,
        2,
        1.5,
        text,
        3,
        2.5,
        text,
        4,
        3.5,
        text
    );
    same!(
        c"%.*s|%*d|%-8s|%c%c",
        2,
        text,
        7,
        42,
        text,
        c_int::from(b'o'),
        c_int::from(b'k')
    );
    same!(c"%d %lld %d %g %lld", 1, 2_i64, 3, 4.5, 5_i64);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_number_of_arguments_is_not_limited() {
    let format = c"%d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d \
        %g %g %g %g %g %g %g %g %g %g %g %g %d %d %d %d %d %d %d %d %d %d %d %s";
    same!(
        format, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
        24, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, format
    );
}

#[test]
fn a_null_format_gives_null() {
    // SAFETY: NULL is allowed.
    assert!(unsafe { strdup_printf()(std::ptr::null()) }.is_null());
}

#[test]
fn length_is_not_limited() {
    let long = CString::new(vec![b'x'; 100_000]).unwrap_or_default();
    // SAFETY: arguments match the format.
    let result = unsafe { strdup_printf()(c"<%s>".as_ptr(), long.as_ptr()) };
    // SAFETY: a fresh string.
    assert_eq!(unsafe { libc::strlen(result) }, 100_002);
    // SAFETY: not used any more.
    unsafe { libc::free(result.cast()) };
}

#[test]
fn a_record_is_formatted_behind_six_fixed_arguments() {
    unsafe extern "C" fn keep(
        _: *mut crate::abi::types::noPollCtx,
        level: c_int,
        text: *const c_char,
        kept: *mut std::ffi::c_void,
    ) {
        // SAFETY: what this test installed, and a text of the library.
        let (kept, text) = unsafe { (&mut *kept.cast::<Vec<_>>(), CStr::from_ptr(text)) };
        kept.push((level, text.to_owned()));
    }
    let mut kept: Vec<(c_int, CString)> = Vec::new();
    let ctx = crate::ffi::ctx::refs::nopoll_ctx_new();
    let place: *mut Vec<(c_int, CString)> = &raw mut kept;
    // SAFETY: a live context; the handler is removed before `kept` goes.
    unsafe { crate::ffi::log::nopoll_log_set_handler(ctx, Some(keep), place.cast()) };
    let (function, file) = (c"main".as_ptr(), c"test.c".as_ptr());
    let format = c"%d %g %s %lld %g".as_ptr();
    // SAFETY: arguments match the format.
    unsafe {
        log()(
            ctx,
            function,
            file,
            7,
            1,
            format,
            -5,
            0.5,
            c"six".as_ptr(),
            1_i64 << 33,
            2.5,
        )
    };
    // SAFETY: a NULL context is allowed.
    unsafe {
        log()(
            std::ptr::null_mut(),
            function,
            file,
            7,
            1,
            format,
            1,
            1.0,
            file,
            1_i64,
            1.0,
        )
    };
    // SAFETY: a live context.
    unsafe { crate::ffi::log::nopoll_log_set_handler(ctx, None, std::ptr::null_mut()) };
    // SAFETY: as above, and not used any more.
    unsafe { crate::ffi::ctx::refs::nopoll_ctx_unref(ctx) };
    assert_eq!(
        kept,
        [(1, c"test.c:7 -5 0.5 six 8589934592 2.5 ".to_owned())]
    );
}
