//! What `fork` does to us.
//!
//! A kernel poll object is shared with a child, and so is everything not yet written: the child
//! must use neither. Each fork raises a generation in the child; whoever holds such a thing
//! compares. Before the fork, in the parent, unsent bytes get their chance.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static INSTALL: Once = Once::new();

/// Differs between a process and its forked children; never 0.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Installs the handlers, once per process; `before` runs in the parent ahead of each fork.
pub(crate) fn install(before: unsafe extern "C" fn()) {
    INSTALL.call_once(|| {
        // SAFETY: plain functions without arguments, valid as long as the library is loaded.
        unsafe { libc::pthread_atfork(Some(before), None, Some(in_child)) };
    });
}
