//! Whether there is anybody to lock things against.

use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, Ordering};

/// Whether the process has no other thread.
#[inline]
pub(super) fn alone() -> bool {
    static FLAG: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
    let mut flag = FLAG.load(Ordering::Relaxed);
    if flag.is_null() {
        flag = find_flag();
        FLAG.store(flag, Ordering::Relaxed);
    }
    // SAFETY: a variable that lives as long as the process. It is written before a second thread
    // begins, by the thread that begins it.
    unsafe { flag.read_volatile() != 0 }
}

/// Changes a number as `fetch_update` does, and returns what it was. Atomically only if there is somebody
/// else: that takes as long as twenty of other instructions.
macro_rules! update {
    ($name:ident, $atomic:ty, $number:ty) => {
        #[inline]
        pub(crate) fn $name(at: &$atomic, to: impl Fn($number) -> $number) -> $number {
            if alone() {
                let before = at.load(Ordering::Relaxed);
                at.store(to(before), Ordering::Relaxed);
                return before;
            }
            at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |number| {
                Some(to(number))
            })
            .unwrap_or_else(|number| number)
        }
    };
}

update!(update_u8, AtomicU8, u8);
update!(update_i32, AtomicI32, i32);

/// glibc's `__libc_single_threaded` (since 2.32), or one that is never set.
#[cold]
fn find_flag() -> *mut c_char {
    static UNKNOWN: c_char = 0;
    // SAFETY: the name of a variable.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    if found.is_null() {
        ptr::from_ref(&UNKNOWN).cast_mut()
    } else {
        found.cast()
    }
}
