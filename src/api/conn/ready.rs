//! What the loop still has to do for a connection.

use std::sync::atomic::{AtomicU8, Ordering};

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
    const QUEUED: u8 = 8;

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The set of one connection, with whether it stands in the context's ready list.
#[derive(Default)]
pub(crate) struct ReadySet(AtomicU8);

impl ReadySet {
    /// Adds reasons; true when the connection has to be put into the list.
    pub(crate) fn add(&self, what: Ready) -> bool {
        self.0.fetch_or(what.0 | Ready::QUEUED, Ordering::AcqRel) & Ready::QUEUED == 0
    }

    /// Takes all reasons: the connection has left the list.
    pub(crate) fn take(&self) -> Ready {
        let taken = self.0.fetch_and(Ready::CLOSED.0, Ordering::AcqRel);
        Ready(taken & !Ready::QUEUED)
    }

    /// Another stream takes the place.
    pub(crate) fn reopen(&self) {
        self.0.fetch_and(!Ready::CLOSED.0, Ordering::AcqRel);
    }
}
