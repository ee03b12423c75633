//! The four mutex functions a C program may plug in with `nopoll_thread_handlers`.
//!
//! They are process-wide. A mutex remembers the functions it was created under, so that
//! swapping handlers later can never unlock or destroy it with the wrong one.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::callbacks::{MutexCreateFn, MutexDestroyFn, MutexLockFn};

/// A function pointer that any thread may read or replace.
struct Slot(AtomicPtr<()>);

impl Slot {
    const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    fn store(&self, function: *mut ()) {
        self.0.store(function, Ordering::Release);
    }

    fn load(&self) -> *mut () {
        self.0.load(Ordering::Acquire)
    }
}

static CREATE: Slot = Slot::new();
static DESTROY: Slot = Slot::new();
static LOCK: Slot = Slot::new();
static UNLOCK: Slot = Slot::new();

/// Replaces all four handlers; `None` uninstalls that one.
pub(crate) fn set(
    create: Option<MutexCreateFn>,
    destroy: Option<MutexDestroyFn>,
    lock: Option<MutexLockFn>,
    unlock: Option<MutexLockFn>,
) {
    CREATE.store(create.map_or(ptr::null_mut(), |f| f as *mut ()));
    DESTROY.store(destroy.map_or(ptr::null_mut(), |f| f as *mut ()));
    LOCK.store(lock.map_or(ptr::null_mut(), |f| f as *mut ()));
    UNLOCK.store(unlock.map_or(ptr::null_mut(), |f| f as *mut ()));
}

/// What the installed creator returns; NULL without one.
pub(crate) fn create() -> *mut c_void {
    let function = CREATE.load();
    if function.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: CREATE only ever holds a `MutexCreateFn`.
    let function = unsafe { std::mem::transmute::<*mut (), MutexCreateFn>(function) };
    // SAFETY: installed through nopoll_thread_handlers, callable from any thread.
    unsafe { function() }
}

fn with(slot: &Slot, mutex: *mut c_void) {
    let function = slot.load();
    call(function, mutex);
}

/// Calls a stored lock, unlock or destroy function; NULL on either side is no call.
fn call(function: *mut (), mutex: *mut c_void) {
    if function.is_null() || mutex.is_null() {
        return;
    }
    // SAFETY: the slots other than CREATE hold functions of exactly this type.
    let function = unsafe { std::mem::transmute::<*mut (), MutexLockFn>(function) };
    // SAFETY: as above; `mutex` comes from the program's own creator.
    unsafe { function(mutex) }
}

/// Calls the installed destroyer; nothing for NULL.
pub(crate) fn destroy(mutex: *mut c_void) {
    with(&DESTROY, mutex);
}

/// Calls the installed lock function; nothing for NULL.
pub(crate) fn lock(mutex: *mut c_void) {
    with(&LOCK, mutex);
}

/// Calls the installed unlock function; nothing for NULL.
pub(crate) fn unlock(mutex: *mut c_void) {
    with(&UNLOCK, mutex);
}

/// One mutex of the C program, with the functions it belongs to.
pub(crate) struct CMutex {
    mutex: *mut c_void,
    destroy: *mut (),
    lock: *mut (),
    unlock: *mut (),
}

// SAFETY: the program's contract is that its handlers may be called from any thread.
unsafe impl Send for CMutex {}
// SAFETY: as above.
unsafe impl Sync for CMutex {}

impl CMutex {
    /// `None` when no creator is installed or it fails: the object then works without it.
    pub(crate) fn create() -> Option<Box<Self>> {
        let mutex = create();
        if mutex.is_null() {
            return None;
        }
        Some(Box::new(Self {
            mutex,
            destroy: DESTROY.load(),
            lock: LOCK.load(),
            unlock: UNLOCK.load(),
        }))
    }

    pub(super) fn lock(&self) {
        call(self.lock, self.mutex);
    }

    pub(super) fn unlock(&self) {
        call(self.unlock, self.mutex);
    }
}

impl Drop for CMutex {
    fn drop(&mut self) {
        call(self.destroy, self.mutex);
    }
}
