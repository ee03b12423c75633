//! An `Arc` that can be put away and taken out again through a shared reference.

use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds an `Arc` or none. An object that C refers to keeps one of itself until C has given its
/// last reference back.
pub(crate) struct Keep<T>(AtomicPtr<T>, PhantomData<Arc<T>>);

impl<T> Keep<T> {
    pub(crate) const fn empty() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()), PhantomData)
    }

    pub(crate) fn put(&self, object: Arc<T>) {
        let old = self.swap(Arc::into_raw(object).cast_mut());
        drop(old);
    }

    pub(crate) fn take(&self) -> Option<Arc<T>> {
        self.swap(ptr::null_mut())
    }

    fn swap(&self, object: *mut T) -> Option<Arc<T>> {
        let old = self.0.swap(object, Ordering::AcqRel);
        // SAFETY: whatever is in here came from `Arc::into_raw`, and only this swap takes it out.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }
}

impl<T> Drop for Keep<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
