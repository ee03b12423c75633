//! Random bytes from the system's secure source.

use std::cell::RefCell;

use crate::engine::fork;

/// Fills `buffer`; false when the system has no randomness to give.
pub(crate) fn try_fill(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

/// Fills `buffer`. A system without randomness leaves no way to go on (RFC 6455 §10.3).
pub(crate) fn fill(buffer: &mut [u8]) {
    assert!(try_fill(buffer), "the system's random source failed");
}

/// Keys are drawn in batches: a system call per frame costs more than the masking.
const BATCH: usize = 256;

struct Batch {
    bytes: [u8; BATCH],
    used: usize,
    /// A forked child must not repeat its parent's keys.
    generation: u32,
}

thread_local! {
    static KEYS: RefCell<Batch> = const {
        RefCell::new(Batch { bytes: [0; BATCH], used: BATCH, generation: 0 })
    };
}

/// A masking key, unpredictable as RFC 6455 §5.3 demands.
pub(crate) fn mask_key() -> [u8; 4] {
    KEYS.with(|batch| {
        let mut batch = batch.borrow_mut();
        if batch.used == BATCH || batch.generation != fork::generation() {
            fill(&mut batch.bytes);
            batch.used = 0;
            batch.generation = fork::generation();
        }
        let mut key = [0; 4];
        let used = batch.used;
        key.copy_from_slice(&batch.bytes[used..used + 4]);
        // A used key has no business staying in memory.
        batch.bytes[used..used + 4].fill(0);
        batch.used += 4;
        key
    })
}
