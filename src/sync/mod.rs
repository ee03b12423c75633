//! The only locks of the house.
//!
//! [`Lock`] takes the C program's own mutex (when `nopoll_thread_handlers` was set as the object
//! was made) *around* a Rust mutex: the first honours the API, the second keeps us sound whatever
//! the C functions do.
//!
//! Two rules, checked in debug builds: one `Lock` at a time per thread, so there is no order to
//! get wrong; and no callback, log handler, sleep or blocking system call while one is held.
//! Only OpenSSL may call the program back under a lock; what that logs waits, see [`foreign`].

mod elided;
pub(crate) mod handlers;

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use elided::Elided;
use handlers::CMutex;

thread_local! {
    /// How many locks the thread holds; only debug builds know.
    static HELD: Cell<u32> = const { Cell::new(0) };
    /// How often the thread is in [`foreign`].
    static FOREIGN: Cell<u32> = const { Cell::new(0) };
    /// Not dropped with the thread: destructors of the program's own data may still call us then.
    /// There is nothing to release either, without a lock.
    static DEFERRED: ManuallyDrop<RefCell<Vec<Job>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// What waits for a lock to be released.
type Job = Box<dyn FnOnce()>;

/// How many jobs wait, of all threads: every unlock looks, and looking at the list of its own thread
/// would cost as much as the unlock.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A value behind the C program's mutex and our own.
pub(crate) struct Lock<T> {
    c: Option<Box<CMutex>>,
    value: Elided<T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            c: CMutex::create(),
            value: Elided::new(value),
        }
    }

    /// Not inlined, as it is called in a hundred places.
    #[inline(never)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        debug_assert!(!held(), "two locks at a time");
        let c = self.c.as_deref();
        if let Some(c) = c {
            c.lock();
        }
        if cfg!(debug_assertions) {
            HELD.with(|held| held.set(held.get() + 1));
        }
        Guard {
            value: self.value.lock(),
            _rest: Release(c),
        }
    }
}

/// Holds a [`Lock`] until dropped, then runs what was deferred.
pub(crate) struct Guard<'a, T> {
    // Dropped in this order.
    value: elided::Guard<'a, T>,
    _rest: Release<'a>,
}

/// What remains to be done once our own mutex is unlocked.
struct Release<'a>(Option<&'a CMutex>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if let Some(c) = self.0 {
            c.unlock();
        }
        if cfg!(debug_assertions) {
            HELD.with(|held| held.set(held.get() - 1));
        }
        if WAITING.load(Ordering::Relaxed) > 0 {
            run_deferred();
        }
    }
}

/// True while this thread holds a [`Lock`], as far as is known.
fn held() -> bool {
    HELD.with(Cell::get) > 0
}

fn in_foreign() -> bool {
    FOREIGN.with(Cell::get) > 0
}

/// Runs code of others, under a lock of ours, that may call the program back.
#[cfg(feature = "tls")]
pub(crate) fn foreign<R>(work: impl FnOnce() -> R) -> R {
    FOREIGN.with(|depth| depth.set(depth.get() + 1));
    let result = work();
    FOREIGN.with(|depth| depth.set(depth.get() - 1));
    result
}

/// Runs `work` now, or if it comes out of [`foreign`], as soon as the lock around that is released.
pub(crate) fn after_unlock(work: impl FnOnce() + 'static) {
    if in_foreign() {
        DEFERRED.with(|list| list.borrow_mut().push(Box::new(work)));
        WAITING.fetch_add(1, Ordering::Relaxed);
    } else {
        debug_assert!(!held(), "called back under a lock");
        work();
    }
}

#[cold]
fn run_deferred() {
    if in_foreign() {
        // Another lock, which a callback has taken: the one around it is still held.
        return;
    }
    let work = DEFERRED.with(|list| std::mem::take(&mut *list.borrow_mut()));
    WAITING.fetch_sub(work.len(), Ordering::Relaxed);
    for job in work {
        job();
    }
}

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
