//! Before a fork, unsent bytes of the parent get their chance; the child drops what is left.

use std::sync::{Arc, Mutex, Weak};

use crate::api::ctx::Ctx;
use crate::api::meanwhile;
use crate::engine::fork;
use crate::sync::relock;

/// Every context of the process, to be found without a handle.
static CONTEXTS: Mutex<Vec<Weak<Ctx>>> = Mutex::new(Vec::new());

/// Remembers a context.
pub(crate) fn watch(ctx: &Arc<Ctx>) {
    let mut list = relock(&CONTEXTS);
    list.retain(|known| known.strong_count() > 0);
    list.push(Arc::downgrade(ctx));
}

extern "C" fn before_fork() {
    let contexts: Vec<_> = relock(&CONTEXTS).iter().filter_map(Weak::upgrade).collect();
    // A panic must not cross into the C library's fork.
    let _ = std::panic::catch_unwind(|| {
        for ctx in &contexts {
            meanwhile::drain(ctx);
        }
    });
}

/// Installs the handlers, once per process.
pub(crate) fn install() {
    fork::install(before_fork);
}
