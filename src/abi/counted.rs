//! Objects whose only reference count is the one C sees.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, Ordering, fence};

/// Has a count, which is 1 when the object is made.
pub(crate) trait Counted {
    fn count(&self) -> &AtomicI32;
}

/// One reference on a heap object; the last one frees it. As `Arc`, without its own count beside the
/// visible one: an object as short-lived as a message would spend more time on counting than on
/// anything else.
pub(crate) struct Owned<T: Counted>(NonNull<T>);

// SAFETY: as `Arc`: the count is atomic, and the object is only ever shared.
unsafe impl<T: Counted + Send + Sync> Send for Owned<T> {}
// SAFETY: as above.
unsafe impl<T: Counted + Send + Sync> Sync for Owned<T> {}

impl<T: Counted> Owned<T> {
    pub(crate) fn new(object: T) -> Self {
        debug_assert_eq!(object.count().load(Ordering::Relaxed), 1);
        Self(NonNull::from(Box::leak(Box::new(object))))
    }

    /// The address C knows the object by.
    pub(crate) fn as_ptr(this: &Self) -> *mut T {
        this.0.as_ptr()
    }

    /// The object itself, if this is the only reference on it.
    pub(crate) fn get_mut(this: &mut Self) -> Option<&mut T> {
        if this.count().load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: nobody else refers to it, nor can as long as this reference is borrowed.
        Some(unsafe { this.0.as_mut() })
    }

    /// Gives the reference to C.
    pub(crate) fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).0.as_ptr()
    }

    /// Takes a reference back from C; `None` for NULL.
    ///
    /// # Safety
    /// `pointer` is NULL or came from here, and one of its references is the caller's to give.
    pub(crate) unsafe fn from_raw(pointer: *mut T) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }
}

impl<T: Counted> Clone for Owned<T> {
    fn clone(&self) -> Self {
        self.count().fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T: Counted> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive as long as somebody has a reference on it.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Counted> Drop for Owned<T> {
    fn drop(&mut self) {
        // Who sees 1 has the only reference: nobody else can take one any more.
        let last = self.count().load(Ordering::Acquire) == 1
            || self.count().fetch_sub(1, Ordering::Release) == 1;
        if last {
            fence(Ordering::Acquire);
            // SAFETY: made by `new`, and nobody else refers to it.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
