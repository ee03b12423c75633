//! The only locks of the house.
//!
//! Two rules, checked in debug builds: one [`Lock`] at a time per thread, so there is no order to
//! get wrong; and no callback, log handler, sleep or blocking system call while one is held.
//! Only OpenSSL may call the program back under a lock; what that logs waits, see [`foreign`].

mod alone;
mod deferred;
pub(crate) mod handlers;
mod lock;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use alone::{update_i32, update_u8};
pub(crate) use deferred::after_unlock;
#[cfg(feature = "tls")]
pub(crate) use deferred::foreign;
pub(crate) use lock::{Guard, Lock};

/// A list that is empty nearly always and looked at in every pass of the loop: looking is a load.
pub(crate) struct Rare<T> {
    any: AtomicBool,
    list: Mutex<Vec<T>>,
}

impl<T> Rare<T> {
    pub(crate) const fn new() -> Self {
        Self {
            any: AtomicBool::new(false),
            list: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Looks at the list and changes it. `work` calls nothing that could come back here.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Vec<T>) -> R) -> R {
        let mut list = relock(&self.list);
        let result = work(&mut list);
        self.any.store(!list.is_empty(), Ordering::Release);
        result
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Vec<T> {
        if self.is_empty() {
            return Vec::new();
        }
        self.with(std::mem::take)
    }
}

/// Locks a plain internal mutex; a panic elsewhere is no reason to stop serving.
pub(crate) fn relock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
