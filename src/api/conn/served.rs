//! Which thread's loop is serving the connection: handlers run there.
//!
//! Every reply asks. So the connection knows, instead of the thread, whose own data takes a call to get
//! at.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::abi::errno;

/// The thread, by something that no two of them share: where its `errno` is.
#[derive(Default)]
pub(crate) struct ServedBy(AtomicPtr<c_int>);

/// Ends the service when dropped.
pub(crate) struct Service<'a> {
    by: &'a ServedBy,
    /// A wait within a handler may serve its connection once more.
    before: *mut c_int,
}

impl ServedBy {
    /// Whether it is the calling thread. What others write doesn't matter: that is never its own.
    #[inline]
    pub(crate) fn is_me(&self) -> bool {
        ptr::eq(self.0.load(Ordering::Relaxed), errno::place().address())
    }

    /// It is, from now on.
    pub(crate) fn begin(&self) -> Service<'_> {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(errno::place().address(), Ordering::Relaxed);
        Service { by: self, before }
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        self.by.0.store(self.before, Ordering::Relaxed);
    }
}
