//! Bytes taken from the kernel that nothing has acted on yet.
//!
//! Only our loop reads ahead. It lends its buffer to the connection it serves, so that whatever a
//! handler calls on that connection sees the bytes in order; what a stopped wait leaves behind is
//! kept in a copy of just that size.

use super::turn::BUFFER;

/// The unread part of a buffer.
#[derive(Default)]
pub(crate) struct Ahead {
    buffer: Box<[u8]>,
    start: u32,
    end: u32,
}

impl Ahead {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n as u32;
        debug_assert!(self.start <= self.end);
        if self.is_empty() {
            self.clear();
        }
    }

    /// Takes up to `into.len()` bytes out.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let n = into.len().min(self.bytes().len());
        into[..n].copy_from_slice(&self.bytes()[..n]);
        self.consume(n);
        n
    }

    /// Memory to read into; empty unless the loop's buffer is here and used up.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        debug_assert!(self.is_empty());
        &mut self.buffer
    }

    /// `n` bytes were read into [`Self::room`].
    pub(crate) fn filled(&mut self, n: usize) {
        self.start = 0;
        self.end = n as u32;
    }

    /// Lends the loop's buffer; false when it can't be used because another wait's is here.
    pub(crate) fn lend(&mut self, buffer: &mut Box<[u8]>) -> bool {
        let kept = self.bytes().len();
        if self.buffer.len() >= buffer.len() || kept > buffer.len() {
            return false;
        }
        buffer[..kept].copy_from_slice(self.bytes());
        std::mem::swap(&mut self.buffer, buffer);
        *buffer = Box::default();
        self.filled(kept);
        true
    }

    /// Takes the loop's buffer back, keeping what is unread.
    pub(crate) fn reclaim(&mut self) -> Box<[u8]> {
        let kept = Box::from(self.bytes());
        let buffer = std::mem::replace(&mut self.buffer, kept);
        self.filled(self.buffer.len());
        buffer
    }

    /// Forgets what is unread. A copy kept from an earlier wait has served its purpose.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        if self.buffer.len() != BUFFER {
            self.buffer = Box::default();
        }
    }
}
