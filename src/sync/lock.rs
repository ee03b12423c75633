//! The lock: the C program's own mutex (when `nopoll_thread_handlers` was set as the object was made)
//! *around* one of ours. The first honours the API, the second keeps us sound whatever the C functions
//! do.
//!
//! Ours is a flag as long as the process has one thread. Locking and unlocking an uncontended mutex
//! are two atomic read-modify-writes. Most programs with our loop have one thread, and would pay for
//! them more than for anything else that a small message needs. The C library knows how many there
//! are, for the same reason; where it doesn't tell, this is an ordinary mutex.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use super::alone::alone;
use super::handlers::CMutex;
use super::{deferred, relock};

thread_local! {
    /// How many locks the thread holds; only debug builds know.
    static HELD: Cell<i32> = const { Cell::new(0) };
}

/// A value that one caller at a time gets at.
pub(crate) struct Lock<T> {
    c: Option<Box<CMutex>>,
    /// One of the following. Alone, the process has no need to change it atomically.
    state: AtomicU8,
    /// Where others queue, if there are any.
    queue: Mutex<()>,
    value: UnsafeCell<T>,
}

/// Nobody has it.
const FREE: u8 = 0;
/// Somebody has it, and was alone when he took it.
const FLAGGED: u8 = 1;
/// Somebody has it, with the mutexes that there are.
const LOCKED: u8 = 2;

// SAFETY: `state` makes sure that one thread at a time gets at the value.
unsafe impl<T: Send> Sync for Lock<T> {}
/// What a panic leaves behind is served on, see [`relock`].
impl<T> RefUnwindSafe for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            c: CMutex::create(),
            state: AtomicU8::new(FREE),
            queue: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    /// Not inlined, as it is called in a hundred places.
    #[inline(never)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.lock_here()
    }

    /// As [`Self::lock`], for the places that every message comes by.
    #[inline(always)]
    pub(crate) fn lock_here(&self) -> Guard<'_, T> {
        debug_assert!(!held(), "two locks at a time");
        let is_easy = self.c.is_none() && alone() && self.state.load(Ordering::Relaxed) == FREE;
        let place = if is_easy {
            self.state.store(FLAGGED, Ordering::Relaxed);
            None
        } else {
            self.lock_slowly()
        };
        count_held(1);
        Guard {
            lock: self,
            place: ManuallyDrop::new(place),
        }
    }

    #[inline(never)]
    fn lock_slowly(&self) -> Option<MutexGuard<'_, ()>> {
        if let Some(c) = &self.c {
            c.lock();
        }
        let place = if alone() {
            assert!(self.state.load(Ordering::Relaxed) == FREE, "locked already");
            None
        } else {
            let place = relock(&self.queue);
            // Who was alone when he took it may have started threads since.
            while self.state.load(Ordering::Acquire) != FREE {
                thread::yield_now();
            }
            Some(place)
        };
        self.state.store(LOCKED, Ordering::Relaxed);
        place
    }

    #[inline(never)]
    fn unlock_slowly(&self, place: Option<MutexGuard<'_, ()>>) {
        self.state.store(FREE, Ordering::Release);
        drop(place);
        if let Some(c) = &self.c {
            c.unlock();
        }
    }
}

/// Holds the value until dropped, then runs what was deferred.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// Its owner's place in front of the queue, if he queued. Not sent to other threads. Left alone
    /// unless there is one, so that the hundred places where guards are dropped don't ask.
    place: ManuallyDrop<Option<MutexGuard<'a, ()>>>,
}

impl<T> Guard<'_, T> {
    /// Drops it, in the place of the call as [`Lock::lock_here`].
    #[inline(always)]
    pub(crate) fn unlock_here(self) {
        ManuallyDrop::new(self).give_back();
    }

    #[inline(always)]
    fn give_back(&mut self) {
        if self.lock.state.load(Ordering::Relaxed) == FLAGGED {
            self.lock.state.store(FREE, Ordering::Release);
        } else {
            // SAFETY: this is the end of the guard.
            let place = unsafe { ManuallyDrop::take(&mut self.place) };
            self.lock.unlock_slowly(place);
        }
        count_held(-1);
        if deferred::any() {
            deferred::run();
        }
    }
}

impl<T> Drop for Guard<'_, T> {
    /// Not inlined, as it happens in even more places.
    #[inline(never)]
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is one guard at a time.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.lock.value.get() }
    }
}

/// True while this thread holds a [`Lock`], as far as is known.
pub(super) fn held() -> bool {
    HELD.with(Cell::get) > 0
}

#[inline]
fn count_held(more: i32) {
    if cfg!(debug_assertions) {
        HELD.with(|held| held.set(held.get() + more));
    }
}
