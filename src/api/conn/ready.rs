//! What the loop still has to do for a connection.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::sync::update_u8;

/// A set of reasons to look at a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ready(u8);

impl Ready {
    pub(crate) const NONE: Self = Self(0);
    /// Bytes or connections may be there to take.
    pub(crate) const READ: Self = Self(1);
    /// The kernel may take bytes.
    pub(crate) const WRITE: Self = Self(2);
    /// The peer has ended: only a read of nothing may end the stream. That doesn't change any more,
    /// so it stays in the set until the stream is replaced.
    pub(crate) const CLOSED: Self = Self(4);
    /// It stands in the context's ready list.
    const QUEUED: u8 = 8;
    /// A thread is serving it.
    const SERVED: u8 = 16;

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The set of one connection, with whether it stands in the context's ready list and whether a
/// thread is serving it.
#[derive(Default)]
pub(crate) struct ReadySet(AtomicU8);

impl ReadySet {
    /// Adds reasons; true when the connection has to be put into the list. Not inlined, as it is called in
    /// many places.
    #[inline(never)]
    pub(crate) fn add(&self, what: Ready) -> bool {
        self.change(|set| set | what.0 | Ready::QUEUED) & Ready::QUEUED == 0
    }

    /// The connection has left the list: takes all reasons and begins to serve it. `None` while
    /// another thread does, unless `nested`: then the reasons stay for that one.
    pub(crate) fn begin(&self, nested: bool) -> Option<Ready> {
        let served = |set: u8| set & Ready::SERVED != 0 && !nested;
        let taken = self.change(|set| {
            if served(set) {
                set & !Ready::QUEUED
            } else {
                set & Ready::CLOSED.0 | Ready::SERVED
            }
        });
        (!served(taken)).then_some(Ready(taken & !(Ready::QUEUED | Ready::SERVED)))
    }

    /// Begins to serve it for no reason given; false while another thread does.
    pub(crate) fn begin_quietly(&self) -> bool {
        self.0.fetch_or(Ready::SERVED, Ordering::AcqRel) & Ready::SERVED == 0
    }

    /// It is served no longer; true when there are reasons to put it into the list again.
    pub(crate) fn end(&self) -> bool {
        let again = |set: u8| set & (Ready::READ.0 | Ready::WRITE.0) != 0;
        let before = self.change(|set| {
            let set = set & !Ready::SERVED;
            if again(set) { set | Ready::QUEUED } else { set }
        });
        again(before) && before & Ready::QUEUED == 0
    }

    /// Another stream takes the place.
    pub(crate) fn reopen(&self) {
        self.0.fetch_and(!Ready::CLOSED.0, Ordering::AcqRel);
    }

    /// Returns what was there before.
    fn change(&self, to: impl Fn(u8) -> u8) -> u8 {
        update_u8(&self.0, to)
    }
}
