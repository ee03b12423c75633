//! What code of others, which runs under a lock, would have us call: it waits for the unlock.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lock::held;

thread_local! {
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

/// Whether somebody's jobs wait.
#[inline]
pub(super) fn any() -> bool {
    WAITING.load(Ordering::Relaxed) > 0
}

/// Runs those of this thread, a lock having been released.
#[cold]
pub(super) fn run() {
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
