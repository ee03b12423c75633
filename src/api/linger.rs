//! Sockets that outlive their connection by a moment.
//!
//! A socket with unsent bytes of ours, or with an error frame or HTTP answer that the peer must be
//! able to read, is not closed at once: closing with unread input makes the kernel reset the
//! connection, and the peer would lose what it has not read. The context keeps it, half-closes it
//! once everything is written, discards what still comes, and closes it soon.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::conn::close::Ending;
use crate::api::ctx::Ctx;
use crate::api::meanwhile::Unsent;
use crate::engine::{self, Engine, fork};
use crate::sync::Rare;
use crate::transport::socket::{self, Fd, Readiness};
use crate::transport::{Transport, would_block};

/// More than this many are not kept: the oldest goes first.
const MOST: usize = 256;
/// What a peer may still take to be written to, and to end its direction.
const WRITE_TIME: Duration = Duration::from_secs(5);
const DISCARD_TIME: Duration = Duration::from_secs(2);
const DISCARD_BYTES: usize = 1024 * 1024;
/// Without a loop, a closing call waits this long for the peer to take the rest.
const BLOCKING_TIME: Duration = Duration::from_secs(1);

/// Events of lingering sockets carry this; which one it is doesn't matter.
pub(crate) const TOKEN: usize = engine::WAKE - 1;

struct Lingerer {
    fd: Fd,
    stream: Transport,
    /// TLS has said that nothing follows, or has nothing to say.
    finished: bool,
    bytes: Vec<u8>,
    written: usize,
    /// Closed for writing; reading until the peer ends.
    discarding: bool,
    /// Whether to discard at all.
    answer: bool,
    discarded: usize,
    deadline: Instant,
    armed: bool,
    generation: u32,
}

/// The lingering sockets of one context.
pub(crate) struct Lingering(Rare<Lingerer>);

impl Lingerer {
    fn new(fd: Fd, stream: Transport, bytes: Vec<u8>, answer: bool) -> Self {
        Self {
            fd,
            stream,
            finished: false,
            bytes,
            written: 0,
            discarding: false,
            answer,
            discarded: 0,
            deadline: Instant::now() + WRITE_TIME,
            armed: false,
            generation: fork::generation(),
        }
    }

    /// Goes on as far as possible without waiting; true when done.
    fn step(&mut self) -> bool {
        while self.written < self.bytes.len() {
            let rest = IoSlice::new(&self.bytes[self.written..]);
            match self.stream.write(&[rest]) {
                Ok(n) => self.written += n,
                Err(error) if would_block(&error) => return false,
                Err(_) => return true,
            }
        }
        if !self.finished {
            match self.stream.finish() {
                Err(error) if would_block(&error) => return false,
                _ => self.finished = true,
            }
        }
        if !self.answer {
            return true;
        }
        if !self.discarding {
            socket::shutdown_write(self.fd);
            self.discarding = true;
            self.deadline = Instant::now() + DISCARD_TIME;
        }
        let mut waste = [0; 16 * 1024];
        loop {
            // Nobody looks at it: TLS needn't, either.
            match socket::receive(self.fd, &mut waste, libc::MSG_DONTWAIT) {
                Ok(0) => return true,
                Ok(n) => self.discarded += n,
                Err(error) => return !would_block(&error),
            }
            if self.discarded > DISCARD_BYTES {
                return true;
            }
        }
    }

    fn has_unsent(&self) -> bool {
        self.written < self.bytes.len()
    }

    fn close(self, engine: Option<&Engine>) {
        if let Some(engine) = engine.filter(|_| self.armed) {
            engine.disarm(self.fd);
        }
        socket::close(self.fd);
    }
}

/// Closes the socket of a connection that has ended, with `rest` still to be written to its stream.
pub(crate) fn dispose(
    ctx: &Arc<Ctx>,
    fd: Fd,
    stream: Option<Transport>,
    rest: Vec<u8>,
    ending: Ending,
) {
    let answer = ending == Ending::Answer;
    let Some(stream) = stream else {
        socket::close(fd);
        return;
    };
    let mut lingerer = Lingerer::new(fd, stream, rest, answer);
    if lingerer.step() {
        socket::close(fd);
    } else if ctx.waiting() || (!answer && ending != Ending::Close) {
        Lingering::add(ctx, lingerer);
    } else {
        if ending == Ending::Close {
            write_blocking(&mut lingerer);
        }
        socket::close(fd);
    }
}

/// Nobody will come back to this socket: waits for the peer for a moment.
fn write_blocking(lingerer: &mut Lingerer) {
    let end = Instant::now() + BLOCKING_TIME;
    while lingerer.has_unsent() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || lingerer.step() {
            return;
        }
        socket::wait_for(lingerer.fd, Readiness::Writable, left);
    }
}

impl Lingering {
    pub(crate) const fn new() -> Self {
        Self(Rare::new())
    }

    fn add(ctx: &Arc<Ctx>, lingerer: Lingerer) {
        if ctx.ref_count() <= 0 {
            // The context is going away with this connection: no wait will come by.
            socket::close(lingerer.fd);
            return;
        }
        let oldest = ctx.lingering.0.with(|list| {
            let oldest = (list.len() >= MOST).then(|| list.remove(0));
            list.push(lingerer);
            oldest
        });
        if let Some(oldest) = oldest {
            oldest.close(ctx.current_engine().as_deref());
        }
        ctx.wake_others();
    }

    /// Has the poll object watch those it doesn't know yet, and goes on with those it knows when it
    /// had news of one (`woken`) or their time is up. Called by a wait; returns when it has to look
    /// again.
    pub(crate) fn drive(&self, engine: &Engine, woken: bool) -> Option<Instant> {
        if self.0.is_empty() {
            return None;
        }
        self.0.with(|list| {
            let now = Instant::now();
            let mut kept = Vec::new();
            for mut lingerer in list.drain(..) {
                if lingerer.generation != fork::generation() {
                    // A forked child: the bytes are the parent's to write.
                    socket::close_only(lingerer.fd);
                    continue;
                }
                let has_news = woken || !lingerer.armed;
                if now >= lingerer.deadline || (has_news && lingerer.step()) {
                    lingerer.close(Some(engine));
                    continue;
                }
                if !lingerer.armed {
                    lingerer.armed = engine.arm(lingerer.fd, TOKEN, true).is_ok();
                }
                kept.push(lingerer);
            }
            let next = kept.iter().map(|lingerer| lingerer.deadline).min();
            *list = kept;
            next
        })
    }

    /// Descriptors are short: gives all of them back.
    pub(crate) fn release_all(&self, engine: &Engine) {
        for lingerer in self.0.take() {
            lingerer.close(Some(engine));
        }
    }

    /// One more attempt to write.
    pub(crate) fn push(&self, unsent: &mut Unsent) {
        if self.0.is_empty() {
            return;
        }
        self.0.with(|list| {
            for lingerer in list
                .iter_mut()
                .filter(|l| l.generation == fork::generation())
            {
                if lingerer.has_unsent() && !lingerer.step() && lingerer.has_unsent() {
                    let left = lingerer.bytes.len() - lingerer.written;
                    let wait = (lingerer.fd, lingerer.stream.write_waits_for());
                    unsent.add(left, Some(wait));
                }
            }
        });
    }

    /// The context goes: a last attempt for each.
    pub(crate) fn finish_now(&self) {
        for mut lingerer in self.0.take() {
            if lingerer.generation == fork::generation() {
                lingerer.step();
                socket::close(lingerer.fd);
            } else {
                socket::close_only(lingerer.fd);
            }
        }
    }
}
