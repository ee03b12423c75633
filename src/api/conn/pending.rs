//! Unsent bytes: what the program may ask about them, and who writes them meanwhile.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Conn;
use super::ready::Ready;
use super::write::PAUSE_ABOVE;
use crate::api::dispatch;
use crate::api::error::Errno;
use crate::api::meanwhile::{self, Unsent};
use crate::transport::patience::{Patience, SLICE};
use crate::transport::socket::{self, Readiness};
use crate::transport::would_block;

/// C contract: a shorter timeout of flush_writes counts as this; programs pass milliseconds.
const LEAST_FLUSH: Duration = Duration::from_millis(100);

fn count(n: usize) -> c_int {
    c_int::try_from(n).unwrap_or(c_int::MAX)
}

impl Conn {
    pub(crate) fn has_backlog(&self) -> bool {
        self.link.lock().has_backlog()
    }

    /// Marks the connection as (not) standing in the context's list; true when that is new.
    #[inline]
    pub(crate) fn list_backlog(&self, listed: bool) -> bool {
        use std::sync::atomic::Ordering;
        // Each frame that is gathered asks; reading is cheaper than writing the same again.
        self.in_backlog_list.load(Ordering::Acquire) != listed
            && self.in_backlog_list.swap(listed, Ordering::AcqRel) != listed
    }

    /// One attempt to write backlog; true while some is left.
    pub(crate) fn flush_backlog(this: &Arc<Self>) -> bool {
        let (left, resumes) = {
            let mut link = this.link.lock();
            if !link.has_backlog() {
                return false;
            }
            let resumes = link.flush_and_resume();
            (link.out.has_backlog(), resumes)
        };
        if resumes {
            this.ctx.touch(this, Ready::READ);
        }
        left
    }

    /// Has the frames of a handler wait for one another, until the turn's end at the latest, or no longer:
    /// then one attempt is made to write, unless more of the batch follows. False, and nothing is done,
    /// where the loop isn't serving the connection, or gathers nothing.
    pub fn cork(this: &Arc<Self>, on: bool) -> bool {
        if !this.is_served_here() || !this.is_ok() {
            return false;
        }
        let followed = {
            let mut link = this.link.lock();
            link.corked = on && this.ctx.settings.coalescing();
            link.is_followed(this)
        };
        if !followed {
            Self::flush_backlog(this);
        }
        followed || !on
    }

    /// Ends what its handlers asked for, and makes one attempt to write.
    pub(crate) fn end_batch(this: &Arc<Self>) {
        this.link.lock().corked = false;
        Self::flush_backlog(this);
    }

    /// As [`Self::flush_backlog`], counting what is left.
    pub(crate) fn push_backlog(this: &Arc<Self>, unsent: &mut Unsent) {
        if !Self::flush_backlog(this) {
            return;
        }
        let link = this.link.lock();
        // No poll tells when a pause within a frame is over.
        let wait =
            (!link.out.is_held()).then(|| (this.descriptor(), link.waits_for(Readiness::Writable)));
        unsent.add(link.out.left(), wait);
    }

    /// Writes backlog until it is done or the peer gives no reason to go on.
    pub(crate) fn write_out(this: &Arc<Self>) {
        meanwhile::write_out(|| {
            let mut unsent = Unsent::default();
            Self::push_backlog(this, &mut unsent);
            unsent
        });
    }

    /// The descriptor, after what the library has not written yet had its chance.
    pub fn socket(this: &Arc<Self>) -> c_int {
        let fd = this.descriptor();
        if fd != -1 {
            Self::flush_backlog(this);
        }
        fd
    }

    /// Transport bytes still to be written, headers included.
    pub fn pending_bytes(&self) -> c_int {
        let link = self.link.lock();
        let mut pending = link.out.owed_left() + link.out.credit();
        if link.out.has_backlog() && link.backlog_refuses(self) {
            pending += link.out.left() - link.out.owed_left();
        }
        count(pending)
    }

    /// One attempt to write what is pending. Returns payload bytes, 0 for nothing pending or only
    /// other bytes written, -1 otherwise.
    pub fn complete_pending(this: &Arc<Self>) -> (c_int, Errno) {
        let mut link = this.link.lock();
        let credit = link.out.take_credit();
        let before = link.out.left();
        let owed = link.out.has_owed();
        let asked_for = owed || (link.out.has_backlog() && link.backlog_refuses(this));
        let (own, error) = link.write_queue();
        let done = credit + own;
        let progress = link.out.left() < before;
        match error {
            _ if done > 0 || !asked_for => (count(done), Errno::Keep),
            Some(errno) => (-1, errno),
            None if progress || before == 0 => (0, Errno::Keep),
            None => (-1, Errno::WOULD_BLOCK),
        }
    }

    /// Writes what is pending for at most `timeout_us` (at least 100 ms, unless ≤ 0: then only
    /// what others wrote is reported).
    pub fn flush(this: &Arc<Self>, timeout_us: c_long, previous: c_int) -> (c_int, Errno) {
        let mut total = usize::try_from(previous).unwrap_or(0);
        total += this.link.lock().out.take_credit();
        let Some(micros) = u64::try_from(timeout_us).ok().filter(|&micros| micros > 0) else {
            return (count(total), Errno::Keep);
        };
        let budget = Duration::from_micros(micros).max(LEAST_FLUSH);
        let deadline = Instant::now().checked_add(budget);
        loop {
            let (error, done, held) = {
                let mut link = this.link.lock();
                total += link.out.take_credit();
                let (own, error) = link.write_queue();
                total += own;
                let done = link.out.is_empty() || link.transport.is_none();
                (error, done, link.out.is_held())
            };
            let now = Instant::now();
            let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(now));
            if done || error.is_some() || left.is_zero() {
                break;
            }
            Self::wait_for_room(this, held, left.min(SLICE));
        }
        (count(total), Errno::Keep)
    }

    /// Waits until the kernel may take bytes. While somebody pauses within a frame (`held`), which
    /// no poll can see, just for a moment.
    pub(super) fn wait_for_room(this: &Arc<Self>, held: bool, limit: Duration) {
        if held {
            meanwhile::pause(limit.min(Duration::from_millis(1)));
        } else {
            Self::wait_for(this, this.descriptor(), Readiness::Writable, limit);
        }
    }

    /// One raw send of bytes, beside the protocol.
    pub fn default_send(this: &Arc<Self>, buffer: &[u8]) -> (c_int, Errno) {
        if this.link.lock().secure {
            return (-1, Errno::Set(libc::EINVAL));
        }
        let mut patience = Patience::default();
        loop {
            let result = {
                let mut link = this.link.lock();
                link.flush();
                let free = link.out.is_free();
                let Some(transport) = &mut link.transport else {
                    return (-1, Errno::DEAD);
                };
                if !free {
                    return (-1, Errno::WOULD_BLOCK);
                }
                transport.write(&[std::io::IoSlice::new(buffer)])
            };
            match result {
                Ok(n) => return (count(n), Errno::Keep),
                Err(error) => {
                    let fd = this.descriptor();
                    let waits = would_block(&error) && socket::is_blocking(fd);
                    if !waits
                        || !Self::wait_patiently(
                            this,
                            &mut patience,
                            fd,
                            Readiness::Writable,
                            SLICE,
                        )
                    {
                        return (-1, Errno::of(&error));
                    }
                }
            }
        }
    }
}

impl super::link::Link {
    pub(super) fn has_backlog(&self) -> bool {
        self.transport.is_some() && self.out.has_backlog()
    }

    /// One attempt to write; true when the loop may read from the peer again.
    #[inline]
    pub(super) fn flush_and_resume(&mut self) -> bool {
        if !self.out.is_empty() {
            self.flush();
        }
        let resumes = self.paused && self.out.left() <= PAUSE_ABOVE;
        if resumes {
            self.paused = false;
        }
        resumes
    }

    /// Whether backlog is in the way of the program's next frame.
    fn backlog_refuses(&self, conn: &Conn) -> bool {
        if !socket::is_blocking(conn.descriptor()) {
            return !(conn.is_served_here() && self.is_followed(conn));
        }
        dispatch::inside(conn.ctx()) && (self.stalled || self.out.left() > conn.max_pending())
    }
}
