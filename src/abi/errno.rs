//! The thread's C `errno`, which is an output channel of this API.

use std::ffi::c_int;

/// Where it is. Finding that out is a call.
pub(crate) struct Place(*mut c_int);

/// The calling thread's.
#[inline]
pub(crate) fn place() -> Place {
    // SAFETY: there is one in every thread.
    Place(unsafe { libc::__errno_location() })
}

impl Place {
    #[inline]
    pub(crate) fn address(&self) -> *mut c_int {
        self.0
    }

    #[inline]
    pub(crate) fn get(&self) -> c_int {
        // SAFETY: lives as long as the thread, which a pointer doesn't leave.
        unsafe { *self.0 }
    }

    #[inline]
    pub(crate) fn set(&self, value: c_int) {
        // SAFETY: as above.
        unsafe { *self.0 = value }
    }
}

/// The current value.
pub(crate) fn get() -> c_int {
    place().get()
}

/// Replaces the value.
pub(crate) fn set(value: c_int) {
    place().set(value);
}
