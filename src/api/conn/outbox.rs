//! Bytes that a connection has accepted and the kernel has not.
//!
//! There are two kinds. An *owed* frame is one whose send told the program that it is unfinished:
//! its payload bytes are reported by whoever the program asks next, so progress made behind its
//! back is kept as credit. *Backlog* is everything the program believes to be gone: the rest of a
//! frame the loop must not wait for, frames gathered to be written together, and the library's own
//! pongs, close frames and handshake answers.
//!
//! Most connections have none of it, and keep nothing but a position and a flag. During its turn a
//! connection borrows the loop's queue, so that gathering replies takes no memory from the heap.

mod queue;

use std::io::{self, IoSlice};

use super::frame::Counting;
use crate::engine::fork;
use crate::protocol::MAX_HEADER;
use crate::transport::{Transport, would_block};

pub(crate) use queue::Queue;
use queue::{Kind, Segment};

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

/// What is queued, and what the program has yet to hear of it.
#[derive(Default)]
pub(crate) struct Outbox {
    /// None while there is nothing in it, unless it is the loop's.
    queue: Option<Box<Queue>>,
    /// Payload of owed frames written without the program knowing.
    credit: usize,
    /// Position in the stream of everything written so far.
    written: u64,
    /// The last attempt was cut short by the kernel.
    blocked: bool,
    /// A frame is being written with a pause inside: nothing else may be.
    held: bool,
}

/// More segments than this in one call are no gain.
const MOST_PARTS: usize = 16;
/// What is offered behind the queue: a header and a payload.
const MOST_EXTRA: usize = 2;

impl Outbox {
    /// What is queued; `None` when that is nothing.
    fn queued(&self) -> Option<&Queue> {
        self.queue.as_deref().filter(|queue| !queue.is_empty())
    }

    fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued().is_none()
    }

    /// Nothing queued and nobody in the middle of a frame.
    pub(crate) fn is_free(&self) -> bool {
        self.is_empty() && !self.held
    }

    pub(crate) fn left(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.left)
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked || self.held
    }

    pub(crate) fn has_owed(&self) -> bool {
        self.owed_left() > 0
    }

    pub(crate) fn has_backlog(&self) -> bool {
        self.queued().is_some_and(Queue::has_backlog)
    }

    /// Bytes of the owed frame, header included.
    pub(crate) fn owed_left(&self) -> usize {
        self.queued().map_or(0, Queue::owed_left)
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
        self.written + self.left() as u64
    }

    pub(crate) fn has_written(&self, position: u64) -> bool {
        self.written >= position
    }

    /// Lends the loop's queue for a turn; false when the connection has its own.
    pub(crate) fn lend(&mut self, queue: &mut Option<Box<Queue>>) -> bool {
        if self.queue.is_some() {
            return false;
        }
        let mut lent = queue.take().unwrap_or_default();
        lent.lent = true;
        self.queue = Some(lent);
        true
    }

    /// Takes the loop's queue back, unless something is left in it.
    pub(crate) fn reclaim(&mut self) -> Option<Box<Queue>> {
        if let Some(queue) = &mut self.queue {
            queue.lent = false;
        }
        if self.is_empty() {
            self.queue.take()
        } else {
            None
        }
    }

    /// Gives the memory of an emptied queue back.
    fn tidy(&mut self) {
        if self.queue.as_ref().is_some_and(|q| !q.lent && q.is_empty()) {
            self.queue = None;
        }
    }

    /// Queues the rest of a frame that the program was told of.
    pub(crate) fn owe(&mut self, frame: Vec<u8>, counting: Counting, written: usize) {
        self.queue().push(frame, written, Kind::Owed(counting));
    }

    /// Queues bytes nobody asks for; small ones share a segment.
    pub(crate) fn append(&mut self, parts: &[&[u8]]) {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if size > 0 {
            self.queue().append(size, |bytes| {
                for part in parts {
                    bytes.extend_from_slice(part);
                }
            });
        }
    }

    /// Queues a whole frame nobody asks for, the first `header` bytes of `head` and `content`, behind
    /// others of that kind. False, and nothing is done, if there is anything else, or there would be
    /// more than `most` bytes. Not inlined: its caller is larger than the compiler will then add to.
    #[inline(never)]
    pub(crate) fn gather(
        &mut self,
        head: &[u8; MAX_HEADER],
        header: usize,
        content: &[u8],
        most: usize,
    ) -> bool {
        if self.held {
            return false;
        }
        let Some(bytes) = self.queue().shared(header + content.len(), most) else {
            return false;
        };
        bytes.reserve(MAX_HEADER + content.len());
        // Copying the whole array and dropping its rest costs less than a call to copy a few bytes.
        let end = bytes.len() + header;
        bytes.extend_from_slice(head);
        bytes.truncate(end);
        bytes.extend_from_slice(content);
        true
    }

    /// One attempt to write what was gathered and a frame behind it, which is the last one, in one piece.
    /// Returns how much of the frame the kernel took; `None` for nothing of it, and it isn't queued then.
    #[inline(never)]
    pub(crate) fn write_last(
        &mut self,
        transport: &mut Transport,
        head: &[u8; MAX_HEADER],
        header: usize,
        content: &[u8],
        most: usize,
    ) -> Option<usize> {
        let may_try = !self.blocked && transport.may_withdraw();
        if !may_try || !self.gather(head, header, content, most) {
            return None;
        }
        let size = header + content.len();
        let queue = self.queue.as_deref_mut()?;
        debug_assert!(
            queue.pong.is_none(),
            "a pong waits only while the kernel takes nothing"
        );
        let gathered = queue.left - size;
        let taken = queue.write_only(transport).unwrap_or(0);
        queue.withdraw(size);
        queue.advance(taken.min(gathered));
        self.written += taken as u64;
        self.blocked = taken < gathered + size;
        self.tidy();
        taken.checked_sub(gathered).filter(|&taken| taken > 0)
    }

    /// A close frame comes next, which nothing may follow: the pong that waits goes before it.
    pub(crate) fn place_pong(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.place_pong();
        }
    }

    /// Queues a pong behind an unfinished frame; only the newest is kept.
    pub(crate) fn append_pong(&mut self, frame: Vec<u8>) {
        let queue = self.queue();
        queue.generation = fork::generation();
        queue.pong = Some(frame);
    }

    /// What is still queued of the frame of `size` bytes that ends at `end` becomes owed, if it is
    /// all that is queued; `None` if not. Returns how many of its bytes are written.
    pub(crate) fn owe_last(&mut self, end: u64, counting: Counting, size: usize) -> Option<usize> {
        if self.end() != end {
            return None;
        }
        let queue = self.queue.as_deref_mut()?;
        if queue.segments.len() != 1 || queue.left > size {
            return None;
        }
        let written = size - queue.left;
        let segment = queue.segments.front_mut()?;
        let rest = segment.bytes.split_off(segment.written);
        segment.bytes = rest;
        segment.written = 0;
        segment.kind = Kind::Owed(Counting {
            uncounted: counting.uncounted.saturating_sub(written),
            ..counting
        });
        Some(written)
    }

    /// Takes the frame that ends at `end` back out, if none of it was written, or `committed` to be,
    /// and it is the last.
    pub(crate) fn withdraw(&mut self, end: u64, size: usize, committed: usize) -> bool {
        let unwritten = end.saturating_sub(self.written);
        if self.end() != end || unwritten < (size + committed) as u64 {
            return false;
        }
        let Some(queue) = self.queue.as_deref_mut() else {
            return false;
        };
        let Some(last) = queue.segments.back_mut() else {
            return false;
        };
        if last.left() < size || last.kind != Kind::Backlog {
            return false;
        }
        let keep = last.bytes.len() - size;
        last.bytes.truncate(keep);
        if last.left() == 0 {
            queue.segments.pop_back();
        }
        queue.left -= size;
        self.tidy();
        true
    }

    /// One attempt to write a frame while nothing is queued. Returns how much of it the kernel took.
    pub(crate) fn write_frame(
        &mut self,
        transport: &mut Transport,
        head: &[u8],
        content: &[u8],
    ) -> io::Result<usize> {
        debug_assert!(self.is_free());
        let taken = match transport.write_two(head, content) {
            Ok(n) => n,
            Err(error) if would_block(&error) => 0,
            Err(error) => return Err(error),
        };
        self.written += taken as u64;
        // A short write means that the kernel has had enough.
        self.blocked = taken < head.len() + content.len();
        Ok(taken)
    }

    /// One attempt to write the queue and then `extra`, a frame that is not queued.
    pub(crate) fn write(
        &mut self,
        transport: &mut Transport,
        extra: Option<[&[u8]; 2]>,
    ) -> Progress {
        self.write_some(transport, extra, usize::MAX)
    }

    /// As [`Self::write`], of the queue at most `limit` bytes.
    pub(crate) fn write_some(
        &mut self,
        transport: &mut Transport,
        extra: Option<[&[u8]; 2]>,
        limit: usize,
    ) -> Progress {
        if let Some(queue) = &mut self.queue {
            queue.drop_inherited();
        }
        let progress = if self.held {
            Progress::default()
        } else if self.is_empty() {
            self.write_extra(transport, extra)
        } else {
            self.write_queue(transport, extra, limit)
        };
        self.tidy();
        progress
    }

    /// Nothing is queued.
    fn write_extra(&mut self, transport: &mut Transport, extra: Option<[&[u8]; 2]>) -> Progress {
        self.blocked = false;
        let taken = extra.map_or(Ok(0), |[head, content]| {
            self.write_frame(transport, head, content)
        });
        let mut progress = Progress::default();
        match taken {
            Ok(n) => progress.extra = n,
            Err(error) => progress.error = Some(error),
        }
        progress
    }

    fn write_queue(
        &mut self,
        transport: &mut Transport,
        extra: Option<[&[u8]; 2]>,
        limit: usize,
    ) -> Progress {
        let mut progress = Progress::default();
        let mut budget = limit;
        let Some(queue) = self.queue.as_deref_mut() else {
            return progress;
        };
        loop {
            queue.promote_pong();
            let queued = queue.left.min(budget);
            let mut parts = [IoSlice::new(&[]); MOST_PARTS + MOST_EXTRA];
            let mut count = queue.offer(&mut parts[..MOST_PARTS], queued);
            let mut offered: usize = parts[..count].iter().map(|part| part.len()).sum();
            // What goes along with the queue must be ours to take back if the kernel doesn't want it.
            let alone = queued == 0 || transport.may_withdraw();
            if queue.segments.len() < MOST_PARTS && queued == queue.left && alone {
                let (more, size) = rest(extra, progress.extra, &mut parts[count..]);
                count += more;
                offered += size;
            }
            if offered == 0 {
                self.blocked = false;
                return progress;
            }
            match transport.write(&parts[..count]) {
                Ok(n) => {
                    let of_queue = n.min(queued);
                    budget -= of_queue;
                    progress.owed += queue.advance(of_queue);
                    progress.extra += n - of_queue;
                    self.written += n as u64;
                    if n < offered {
                        self.blocked = true;
                        return progress;
                    }
                }
                Err(error) => {
                    self.stop(&mut progress, error);
                    return progress;
                }
            }
        }
    }

    fn stop(&mut self, progress: &mut Progress, error: io::Error) {
        if would_block(&error) {
            self.blocked = true;
        } else {
            progress.error = Some(error);
        }
    }

    /// Drops backlog after a hard failure: the peer is gone, and the next read tells.
    pub(crate) fn drop_backlog(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.drop_backlog();
        }
        self.tidy();
    }

    /// Ends the queue: the backlog that may still be written once the connection is gone. An owed
    /// frame is the program's to finish; it is dropped, and what stands behind it with it.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        if let Some(mut queue) = self.queue.take() {
            queue.drop_inherited();
            if queue.owed_left() == 0 {
                for Segment { bytes, written, .. } in &queue.segments {
                    rest.extend_from_slice(&bytes[*written..]);
                }
                rest.extend_from_slice(queue.pong.as_deref().unwrap_or_default());
            }
        }
        *self = Self::default();
        rest
    }
}

/// Puts what `extra` holds from byte `skip` on into `parts`; returns how many parts and bytes.
fn rest<'a>(
    extra: Option<[&'a [u8]; 2]>,
    mut skip: usize,
    parts: &mut [IoSlice<'a>],
) -> (usize, usize) {
    let (mut count, mut size) = (0, 0);
    for part in extra.into_iter().flatten() {
        let from = skip.min(part.len());
        skip -= from;
        let part = &part[from..];
        if !part.is_empty() {
            parts[count] = IoSlice::new(part);
            count += 1;
            size += part.len();
        }
    }
    (count, size)
}
