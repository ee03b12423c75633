//! Waking a wait from another thread or from a signal handler.

use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use mio::Waker;

use crate::sync::relock;

/// Holds the current waker where a signal handler can reach it: no lock, no allocation.
///
/// A waker that was replaced (in a forked child) is kept until the cell goes, because a signal
/// handler may be using it at that very moment.
pub(crate) struct WakeCell {
    current: AtomicPtr<Waker>,
    #[expect(clippy::vec_box, reason = "a signal handler holds the address")]
    all: Mutex<Vec<Box<Waker>>>,
}

impl WakeCell {
    pub(crate) const fn new() -> Self {
        Self {
            current: AtomicPtr::new(ptr::null_mut()),
            all: Mutex::new(Vec::new()),
        }
    }

    /// Replaces the waker.
    pub(crate) fn install(&self, waker: Waker) {
        let mut boxed = Box::new(waker);
        self.current.store(&raw mut *boxed, Ordering::Release);
        relock(&self.all).push(boxed);
    }

    /// Wakes whoever waits. Async-signal-safe: one `write` to an event descriptor.
    pub(crate) fn wake(&self) {
        let current = self.current.load(Ordering::Acquire);
        if current.is_null() {
            return;
        }
        // SAFETY: installed wakers live as long as the cell.
        let waker = unsafe { &*current };
        let _ = waker.wake();
    }
}
