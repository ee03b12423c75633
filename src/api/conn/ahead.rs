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
    end: u32,
    /// Less than [`BUFFER`]: something is behind it, or it is 0.
    start: u16,
    /// Bytes of the message that is known to come next as a whole; 0 if nothing is known.
    whole: u16,
}

const _: () = assert!(BUFFER <= 1 << 16);

impl Ahead {
    pub(crate) fn is_empty(&self) -> bool {
        self.end == 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start.into()..self.end as usize]
    }

    /// What [`Self::note_whole`] was told last, as long as it holds; 0 for nothing.
    pub(crate) fn whole(&self) -> usize {
        self.whole.into()
    }

    /// So many bytes come next as a whole message; see [`Receiver::whole_size`]. Holds until something is
    /// consumed.
    ///
    /// [`Receiver::whole_size`]: crate::protocol::Receiver::whole_size
    pub(crate) fn note_whole(&mut self, n: usize) {
        self.whole = n.try_into().unwrap_or(0);
    }

    pub(crate) fn consume(&mut self, n: usize) {
        let start = usize::from(self.start) + n;
        debug_assert!(start <= self.end as usize);
        self.whole = 0;
        if start == self.end as usize {
            self.clear();
        } else {
            self.start = start as u16;
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
        self.whole = 0;
    }

    /// Lends the loop's buffer; false when it can't be used because another wait's is here.
    pub(crate) fn lend(&mut self, buffer: &mut Box<[u8]>) -> bool {
        let kept = self.bytes().len();
        if self.buffer.len() >= buffer.len() || kept > buffer.len() {
            return false;
        }
        if kept > 0 {
            buffer[..kept].copy_from_slice(self.bytes());
        }
        std::mem::swap(&mut self.buffer, buffer);
        *buffer = Box::default();
        self.filled(kept);
        true
    }

    /// Takes the loop's buffer back, keeping what is unread.
    pub(crate) fn reclaim(&mut self) -> Box<[u8]> {
        let kept = if self.is_empty() {
            Box::default()
        } else {
            Box::from(self.bytes())
        };
        let buffer = std::mem::replace(&mut self.buffer, kept);
        self.filled(self.buffer.len());
        buffer
    }

    /// Forgets what is unread. A copy kept from an earlier wait has served its purpose.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.whole = 0;
        if self.buffer.len() != BUFFER {
            self.buffer = Box::default();
        }
    }
}
