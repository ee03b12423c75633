//! The only locks of the house.
//!
//! [`Lock`] takes the C program's own mutex (when `nopoll_thread_handlers` was set as the object
//! was made) *around* a Rust mutex: the first honours the API, the second keeps us sound whatever
//! the C functions do.
//!
//! Two rules, checked in debug builds: one `Lock` at a time per thread, so there is no order to
//! get wrong; and no callback, log handler, sleep or blocking system call while one is held.
//! What must run afterwards goes through [`after_unlock`].

pub(crate) mod handlers;

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use handlers::CMutex;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static DEFERRED: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// A value behind the C program's mutex and our own.
pub(crate) struct Lock<T> {
    c: Option<Box<CMutex>>,
    value: Mutex<T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            c: CMutex::create(),
            value: Mutex::new(value),
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        debug_assert!(!held(), "two locks at a time");
        if let Some(c) = &self.c {
            c.lock();
        }
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Guard {
            c: self.c.as_deref(),
            value: Some(relock(&self.value)),
        }
    }
}

/// Holds a [`Lock`] until dropped, then runs what was deferred.
pub(crate) struct Guard<'a, T> {
    c: Option<&'a CMutex>,
    value: Option<MutexGuard<'a, T>>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_deref().expect("held until dropped")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect("held until dropped")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        if let Some(c) = self.c {
            c.unlock();
        }
        let left = DEPTH.with(|depth| {
            depth.set(depth.get() - 1);
            depth.get()
        });
        if left == 0 {
            run_deferred();
        }
    }
}

/// True while this thread holds a [`Lock`].
pub(crate) fn held() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

/// Runs `work` now, or as soon as this thread has released its lock.
pub(crate) fn after_unlock(work: impl FnOnce() + 'static) {
    if held() {
        DEFERRED.with(|list| list.borrow_mut().push(Box::new(work)));
    } else {
        work();
    }
}

fn run_deferred() {
    loop {
        let work = DEFERRED.with(|list| std::mem::take(&mut *list.borrow_mut()));
        if work.is_empty() {
            return;
        }
        for job in work {
            job();
        }
    }
}

/// Locks a plain internal mutex; a panic elsewhere is no reason to stop serving.
pub(crate) fn relock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
