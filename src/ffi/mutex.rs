//! Mutexes of the program's own. They are optional: without them the library uses its own.

use super::boundary::boundary;
use crate::abi::callbacks::{
    noPollMutexCreate, noPollMutexDestroy, noPollMutexLock, noPollMutexUnlock,
};
use crate::abi::types::noPollPtr;
use crate::sync::handlers;

/// Installs the functions behind the mutexes, for the whole process. NULL uninstalls that one.
///
/// Call it before any object is made: an object uses the functions that were installed when it was
/// made, for as long as it lives. Plain, non-recursive mutexes will do. The library creates and
/// destroys them in pairs, locks one at a time, and holds none while a handler, a log handler, a
/// sleep or a blocking system call runs.
///
/// # Safety
/// All four are callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_thread_handlers(
    mutex_create: noPollMutexCreate,
    mutex_destroy: noPollMutexDestroy,
    mutex_lock: noPollMutexLock,
    mutex_unlock: noPollMutexUnlock,
) {
    boundary((), || {
        handlers::set(mutex_create, mutex_destroy, mutex_lock, mutex_unlock);
        Some(())
    });
}

/// Returns a mutex from the installed creator; NULL without one, or when that fails.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_mutex_create() -> noPollPtr {
    boundary(std::ptr::null_mut(), || Some(handlers::create()))
}

/// Locks a mutex through the installed function. Nothing for NULL or without one.
///
/// # Safety
/// `mutex` is NULL or what the installed functions expect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_mutex_lock(mutex: noPollPtr) {
    boundary((), || {
        handlers::lock(mutex);
        Some(())
    });
}

/// Unlocks a mutex through the installed function. Nothing for NULL or without one.
///
/// # Safety
/// `mutex` is NULL or what the installed functions expect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_mutex_unlock(mutex: noPollPtr) {
    boundary((), || {
        handlers::unlock(mutex);
        Some(())
    });
}

/// Destroys a mutex through the installed function. Nothing for NULL or without one.
///
/// # Safety
/// `mutex` is NULL or what the installed functions expect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_mutex_destroy(mutex: noPollPtr) {
    boundary((), || {
        handlers::destroy(mutex);
        Some(())
    });
}
