//! A mutex that is a flag as long as the process has one thread.
//!
//! Locking and unlocking an uncontended mutex are two atomic read-modify-writes. Most programs with
//! our loop have one thread, and would pay for them more than for anything else that a small message
//! needs. The C library knows how many there are, for the same reason; where it doesn't tell, this
//! is an ordinary mutex.

use std::cell::UnsafeCell;
use std::ffi::c_char;
use std::ops::{Deref, DerefMut};
use std::panic::RefUnwindSafe;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use super::relock;

/// A value that one caller at a time gets at.
pub(super) struct Elided<T> {
    /// Somebody has it. Alone, the process has no need to say so atomically.
    held: AtomicBool,
    /// Where others queue, if there are any.
    queue: Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: `held` makes sure that one thread at a time gets at the value.
unsafe impl<T: Send> Sync for Elided<T> {}
/// What a panic leaves behind is served on, see [`relock`].
impl<T> RefUnwindSafe for Elided<T> {}

impl<T> Elided<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            queue: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        let place = if alone() {
            assert!(!self.held.load(Ordering::Relaxed), "locked already");
            None
        } else {
            let place = relock(&self.queue);
            // Who was alone when he took it may have started threads since.
            while self.held.load(Ordering::Acquire) {
                thread::yield_now();
            }
            Some(place)
        };
        self.held.store(true, Ordering::Relaxed);
        Guard { owner: self, place }
    }
}

/// Holds the value until dropped.
pub(super) struct Guard<'a, T> {
    owner: &'a Elided<T>,
    /// Its owner's place in front of the queue. Not sent to other threads.
    place: Option<MutexGuard<'a, ()>>,
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.owner.held.store(false, Ordering::Release);
        drop(self.place.take());
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is one guard at a time.
        unsafe { &*self.owner.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.owner.value.get() }
    }
}

/// Whether the process has no other thread.
#[inline]
fn alone() -> bool {
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
