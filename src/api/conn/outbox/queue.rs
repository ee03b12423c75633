//! The queue of an outbox: segments, written front to back.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use crate::api::conn::frame::Counting;
use crate::engine::fork;
use crate::transport::Transport;

pub(super) struct Segment {
    pub(super) bytes: Vec<u8>,
    pub(super) written: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Owed(Counting),
    Backlog,
}

impl Segment {
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.written
    }
}

/// Bytes that wait to be written. Only a connection that has some needs one.
#[derive(Default)]
pub(crate) struct Queue {
    pub(super) segments: VecDeque<Segment>,
    /// Bytes left in all segments.
    pub(super) left: usize,
    /// A pong that must wait for an older frame; a newer one replaces it.
    pub(super) pong: Option<Vec<u8>>,
    /// See [`fork`]: backlog belongs to the process that made it.
    pub(super) generation: u32,
    /// It is the loop's, and stays with the connection for its turn even if empty.
    pub(super) lent: bool,
    /// The memory of a segment that has been written, for the next one.
    spare: Vec<u8>,
}

/// Small frames share a segment of up to this size.
const SHARED: usize = 128 * 1024;

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.pong.is_none()
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.pong.is_some() || self.segments.iter().any(|s| s.kind == Kind::Backlog)
    }

    /// Bytes of the owed frame, header included.
    pub(super) fn owed_left(&self) -> usize {
        // A frame becomes owed only when everything before it has been written, and there is one.
        match self.segments.front() {
            Some(first) if first.kind != Kind::Backlog => first.left(),
            _ => 0,
        }
    }

    pub(super) fn push(&mut self, bytes: Vec<u8>, written: usize, kind: Kind) {
        self.generation = fork::generation();
        self.left += bytes.len() - written;
        self.segments.push_back(Segment {
            bytes,
            written,
            kind,
        });
    }

    /// The only segment, if it takes `size` bytes more of backlog, `most` in all: they are the caller's
    /// to append.
    #[inline]
    pub(super) fn shared(&mut self, size: usize, most: usize) -> Option<&mut Vec<u8>> {
        if self.left + size > most {
            return None;
        }
        if self.segments.is_empty() {
            let bytes = std::mem::take(&mut self.spare);
            self.push(bytes, 0, Kind::Backlog);
        }
        let is_only = self.segments.len() == 1 && self.generation == fork::generation();
        let only = self.segments.front_mut().filter(|_| is_only)?;
        if only.kind != Kind::Backlog || only.bytes.len() + size > SHARED {
            return None;
        }
        self.left += size;
        Some(&mut only.bytes)
    }

    /// One attempt to write the first segment, which is the only one.
    pub(super) fn write_only(&self, transport: &mut Transport) -> io::Result<usize> {
        let Some(only) = self.segments.front() else {
            return Ok(0);
        };
        transport.write(&[IoSlice::new(&only.bytes[only.written..])])
    }

    /// Takes the last `size` bytes back, which [`Self::shared`] had room for.
    pub(super) fn withdraw(&mut self, size: usize) {
        if let Some(last) = self.segments.back_mut() {
            last.bytes.truncate(last.bytes.len() - size);
            self.left -= size;
        }
    }

    /// Appends `size` bytes that `write` adds to a segment.
    #[inline]
    pub(super) fn append(&mut self, size: usize, write: impl FnOnce(&mut Vec<u8>)) {
        match self.segments.back_mut() {
            Some(last)
                if last.kind == Kind::Backlog
                    && last.bytes.len() + size <= SHARED
                    && self.generation == fork::generation() =>
            {
                write(&mut last.bytes);
                self.left += size;
            }
            _ => {
                let mut bytes = std::mem::take(&mut self.spare);
                write(&mut bytes);
                self.push(bytes, 0, Kind::Backlog);
            }
        }
    }

    /// With nothing in front of it any more, the pong is a segment like any other.
    pub(super) fn promote_pong(&mut self) {
        if self.segments.is_empty() {
            self.place_pong();
        }
    }

    /// The pong goes out behind what is queued now.
    pub(super) fn place_pong(&mut self) {
        if let Some(pong) = self.pong.take() {
            self.push(pong, 0, Kind::Backlog);
        }
    }

    /// Backlog of a parent process is the parent's to write.
    pub(super) fn drop_inherited(&mut self) {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.drop_backlog();
        }
    }

    pub(super) fn drop_backlog(&mut self) {
        self.pong = None;
        self.segments
            .retain(|segment| segment.kind != Kind::Backlog);
        self.left = self.segments.iter().map(Segment::left).sum();
    }

    /// Puts the first segments, `most` bytes of them at most, into `parts`; returns how many parts
    /// that are.
    pub(super) fn offer<'a>(&'a self, parts: &mut [IoSlice<'a>], mut most: usize) -> usize {
        let mut count = 0;
        for (segment, place) in self.segments.iter().zip(parts) {
            let part = &segment.bytes[segment.written..];
            let part = &part[..part.len().min(most)];
            most -= part.len();
            *place = IoSlice::new(part);
            count += 1;
        }
        count
    }

    /// Accounts for `n` written bytes; returns how many of them were payload of an owed frame.
    pub(super) fn advance(&mut self, mut n: usize) -> usize {
        let mut payload = 0;
        self.left -= n;
        while n > 0 {
            let Some(segment) = self.segments.front_mut() else {
                break;
            };
            let step = n.min(segment.left());
            segment.written += step;
            if let Kind::Owed(counting) = segment.kind {
                let from = (segment.written - step).max(counting.uncounted);
                payload += segment.written.saturating_sub(from);
                if segment.left() == 0 {
                    payload += counting.at_end;
                }
            }
            n -= step;
            if segment.left() == 0 {
                if let Some(done) = self.segments.pop_front() {
                    self.keep(done.bytes);
                }
            }
        }
        payload
    }

    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.lent && bytes.capacity() <= 2 * SHARED {
            bytes.clear();
            self.spare = bytes;
        }
    }
}
