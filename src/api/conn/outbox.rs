//! Bytes that a connection has accepted and the kernel has not.
//!
//! There are two kinds. An *owed* frame is one whose send told the program that it is unfinished:
//! its payload bytes are reported by whoever the program asks next, so progress made behind its
//! back is kept as credit. *Backlog* is everything the program believes to be gone: the rest of a
//! frame the loop must not wait for, frames gathered to be written together, and the library's own
//! pongs, close frames and handshake answers.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use crate::engine::fork;
use crate::transport::{Transport, would_block};

struct Segment {
    bytes: Vec<u8>,
    written: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first `header` bytes don't count as payload.
    Owed {
        header: usize,
    },
    Backlog,
}

impl Segment {
    fn left(&self) -> usize {
        self.bytes.len() - self.written
    }
}

/// How far one attempt to write got.
#[derive(Default)]
pub(crate) struct Progress {
    /// Payload bytes of an owed frame.
    pub(crate) owed: usize,
    /// Bytes of what was offered behind the queue.
    pub(crate) extra: usize,
    /// Why it stopped, other than would-block.
    pub(crate) error: Option<io::Error>,
}

/// The queue, written front to back.
#[derive(Default)]
pub(crate) struct Outbox {
    segments: VecDeque<Segment>,
    /// Bytes left in all segments.
    left: usize,
    /// Payload of owed frames written without the program knowing.
    credit: usize,
    /// A pong that must wait for an older frame; a newer one replaces it.
    pong: Option<Vec<u8>>,
    /// The last attempt was cut short by the kernel.
    blocked: bool,
    /// A frame is being written with a pause inside: nothing else may be.
    held: bool,
    /// Position in the stream of everything queued so far.
    queued: u64,
    /// Position in the stream of everything written so far.
    written: u64,
    /// See [`fork`]: backlog belongs to the process that made it.
    generation: u32,
}

/// More segments than this in one call are no gain.
const MOST_PARTS: usize = 16;
/// What is offered behind the queue: a header and a payload.
const MOST_EXTRA: usize = 2;

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.pong.is_none()
    }

    /// Nothing queued and nobody in the middle of a frame.
    pub(crate) fn is_free(&self) -> bool {
        self.is_empty() && !self.held
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked || self.held
    }

    pub(crate) fn has_owed(&self) -> bool {
        self.owed_left() > 0
    }

    pub(crate) fn has_backlog(&self) -> bool {
        self.pong.is_some() || self.segments.iter().any(|s| s.kind == Kind::Backlog)
    }

    /// Bytes of the owed frame, header included.
    pub(crate) fn owed_left(&self) -> usize {
        self.segments
            .iter()
            .filter(|segment| segment.kind != Kind::Backlog)
            .map(Segment::left)
            .sum()
    }

    pub(crate) fn credit(&self) -> usize {
        self.credit
    }

    pub(crate) fn take_credit(&mut self) -> usize {
        std::mem::take(&mut self.credit)
    }

    pub(crate) fn add_credit(&mut self, payload: usize) {
        self.credit += payload;
    }

    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Stream position behind everything queued.
    pub(crate) fn end(&self) -> u64 {
        self.queued
    }

    pub(crate) fn has_written(&self, position: u64) -> bool {
        self.written >= position
    }

    fn push(&mut self, bytes: Vec<u8>, written: usize, kind: Kind) {
        self.generation = fork::generation();
        let left = bytes.len() - written;
        self.left += left;
        self.queued += left as u64;
        self.segments.push_back(Segment {
            bytes,
            written,
            kind,
        });
    }

    /// Queues the rest of a frame that the program was told of; `header` bytes of it, written or
    /// not, are no payload.
    pub(crate) fn owe(&mut self, frame: Vec<u8>, header: usize, written: usize) {
        self.push(frame, written, Kind::Owed { header });
    }

    /// Queues bytes nobody asks for; small ones share a segment.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if size == 0 {
            return;
        }
        if let Some(last) = self.segments.back_mut() {
            let shared = last.kind == Kind::Backlog && last.bytes.len() + size <= 128 * 1024;
            if shared && self.generation == fork::generation() {
                for part in parts {
                    last.bytes.extend_from_slice(part);
                }
                self.left += size;
                self.queued += size as u64;
                return;
            }
        }
        self.push(parts.concat(), 0, Kind::Backlog);
    }

    /// Queues a pong behind an unfinished frame; only the newest is kept.
    pub(crate) fn append_pong(&mut self, frame: Vec<u8>) {
        self.generation = fork::generation();
        self.pong = Some(frame);
    }

    /// What is still queued of the frame of `size` bytes that ends at `end` becomes owed, if it is
    /// all that is queued; `None` if not. Returns how many of its bytes are written.
    pub(crate) fn owe_last(&mut self, end: u64, header: usize, size: usize) -> Option<usize> {
        if self.queued != end || self.segments.len() != 1 || self.left > size {
            return None;
        }
        let written = size - self.left;
        let segment = self.segments.front_mut()?;
        let rest = segment.bytes.split_off(segment.written);
        segment.bytes = rest;
        segment.written = 0;
        segment.kind = Kind::Owed {
            header: header.saturating_sub(written),
        };
        Some(written)
    }

    /// Takes the frame that ends at `end` back out, if none of it was written and it is the last.
    pub(crate) fn withdraw(&mut self, end: u64, size: usize) -> bool {
        let unwritten = end.saturating_sub(self.written);
        if self.queued != end || unwritten < size as u64 {
            return false;
        }
        let Some(last) = self.segments.back_mut() else {
            return false;
        };
        if last.left() < size || last.kind != Kind::Backlog {
            return false;
        }
        let keep = last.bytes.len() - size;
        last.bytes.truncate(keep);
        if last.left() == 0 {
            self.segments.pop_back();
        }
        self.left -= size;
        self.queued -= size as u64;
        true
    }

    /// Backlog of a parent process is the parent's to write.
    fn drop_inherited(&mut self) {
        if self.generation == fork::generation() || self.is_empty() {
            return;
        }
        self.generation = fork::generation();
        self.pong = None;
        self.segments
            .retain(|segment| segment.kind != Kind::Backlog);
        self.left = self.segments.iter().map(Segment::left).sum();
        self.queued = self.written + self.left as u64;
    }

    /// One attempt to write the queue and then `extra`, which is not queued.
    pub(crate) fn write(&mut self, transport: &mut Transport, extra: &[&[u8]]) -> Progress {
        self.write_some(transport, extra, usize::MAX)
    }

    /// As [`Self::write`], of the queue at most `limit` bytes.
    pub(crate) fn write_some(
        &mut self,
        transport: &mut Transport,
        extra: &[&[u8]],
        limit: usize,
    ) -> Progress {
        let mut progress = Progress::default();
        self.drop_inherited();
        if self.held {
            return progress;
        }
        let mut budget = limit;
        loop {
            if self.segments.is_empty() {
                if let Some(pong) = self.pong.take() {
                    self.push(pong, 0, Kind::Backlog);
                }
            }
            let queued = self.left.min(budget);
            let offer_extra = self.segments.len() < MOST_PARTS && queued == self.left;
            let extra_size: usize = extra.iter().map(|part| part.len()).sum();
            let extra_left = if offer_extra {
                extra_size - progress.extra
            } else {
                0
            };
            if queued + extra_left == 0 {
                self.blocked = false;
                return progress;
            }
            let mut parts = [IoSlice::new(&[]); MOST_PARTS + MOST_EXTRA];
            let mut count = 0;
            let mut offered = 0;
            let mut room = queued;
            for segment in self.segments.iter().take(MOST_PARTS) {
                let part = &segment.bytes[segment.written..];
                let part = &part[..part.len().min(room)];
                room -= part.len();
                offered += part.len();
                parts[count] = IoSlice::new(part);
                count += 1;
            }
            if offer_extra {
                let mut skip = progress.extra;
                for part in extra {
                    let from = skip.min(part.len());
                    skip -= from;
                    if from < part.len() {
                        offered += part.len() - from;
                        parts[count] = IoSlice::new(&part[from..]);
                        count += 1;
                    }
                }
            }
            match transport.write(&parts[..count]) {
                Ok(n) => {
                    let of_queue = n.min(queued);
                    budget -= of_queue;
                    progress.owed += self.advance(of_queue);
                    progress.extra += n - of_queue;
                    // A short write means that the kernel has had enough.
                    if n < offered {
                        self.blocked = true;
                        return progress;
                    }
                }
                Err(error) => {
                    if would_block(&error) {
                        self.blocked = true;
                    } else {
                        progress.error = Some(error);
                    }
                    return progress;
                }
            }
        }
    }

    /// Accounts for `n` written bytes; returns how many of them were payload of an owed frame.
    fn advance(&mut self, mut n: usize) -> usize {
        let mut payload = 0;
        self.left -= n;
        self.written += n as u64;
        while n > 0 {
            let Some(segment) = self.segments.front_mut() else {
                break;
            };
            let step = n.min(segment.left());
            if let Kind::Owed { header } = segment.kind {
                let from = segment.written.max(header);
                payload += (segment.written + step).saturating_sub(from);
            }
            segment.written += step;
            n -= step;
            if segment.left() == 0 {
                self.segments.pop_front();
            }
        }
        payload
    }

    /// Drops backlog after a hard failure: the peer is gone, and the next read tells.
    pub(crate) fn drop_backlog(&mut self) {
        self.generation = 0;
        let keep = fork::generation();
        self.drop_inherited();
        self.generation = keep;
    }

    /// Ends the queue: the backlog that may still be written once the connection is gone. An owed
    /// frame is the program's to finish; it is dropped, and what stands behind it with it.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        self.drop_inherited();
        let mut rest = Vec::new();
        if !self.has_owed() {
            for segment in &self.segments {
                rest.extend_from_slice(&segment.bytes[segment.written..]);
            }
            rest.extend_from_slice(self.pong.as_deref().unwrap_or_default());
        }
        *self = Self::default();
        rest
    }
}
