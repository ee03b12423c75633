//! Sockets that outlive their connection by a moment.
//!
//! A socket with unsent bytes of ours, or with an error frame or HTTP answer that the peer must be
//! able to read, is not closed at once: closing with unread input makes the kernel reset the
//! connection, and the peer would lose what it has not read. The context keeps it, half-closes it
//! once everything is written, discards what still comes, and closes it soon.

use std::io::IoSlice;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::conn::close::Ending;
use crate::api::conn::watch::Watch;
use crate::api::ctx::Ctx;
use crate::api::meanwhile::Unsent;
use crate::engine::{self, Engine, Event, fork};
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

/// Tokens of lingering sockets have this bit, which those of the registry never have, and the
/// descriptor's number.
const LINGERS: usize = 1 << (usize::BITS - 1);

/// Whether it is a lingering socket that something happened to.
pub(crate) fn concerns(event: &Event) -> bool {
    event.token & LINGERS != 0 && event.token != engine::WAKE
}

struct Lingerer {
    fd: Fd,
    /// The registration with the poll object, at first that of the connection.
    watch: Option<Watch>,
    /// Something has happened to it since it last went on.
    has_news: bool,
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
    /// Closed for reading, too: nothing more will ever happen to it.
    ended: bool,
    deadline: Instant,
    generation: u32,
}

/// The lingering sockets of one context.
pub(crate) struct Lingering(Rare<Lingerer>);

impl Lingerer {
    /// Says what is left to say, as far as possible without waiting; true when there is nothing
    /// more to do.
    fn speak(&mut self) -> bool {
        while self.has_unsent() {
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
        if self.answer && !self.discarding {
            socket::shutdown_write(self.fd);
            self.discarding = true;
            self.deadline = Instant::now() + DISCARD_TIME;
        }
        !self.answer
    }

    /// The same, and takes what the peer has sent; true when done.
    fn step(&mut self) -> bool {
        if self.speak() {
            return true;
        }
        while self.discarding && self.discarded <= DISCARD_BYTES {
            // Nobody looks at it: TLS needn't, either.
            match socket::discard(self.fd) {
                Ok(0) => {
                    self.ended = true;
                    return true;
                }
                Ok(n) => self.discarded += n,
                Err(error) => return !would_block(&error),
            }
        }
        self.discarding
    }

    fn has_unsent(&self) -> bool {
        self.written < self.bytes.len()
    }

    fn token(&self) -> usize {
        LINGERS | self.fd.unsigned_abs() as usize
    }

    /// Has the poll object tell what happens from now on; what is there already is an event.
    fn arm(&mut self, engine: &Engine) {
        let (token, both) = (self.token(), !self.discarding);
        let watch = match self.watch.take() {
            Some(watch) => watch.pass_on(engine, token, both),
            None => Watch::begin(engine, self.fd, token, both),
        };
        self.watch = watch.ok();
    }

    /// Goes on if there is news; false when it is closed.
    fn lives_on(&mut self, engine: &Engine, now: Instant) -> bool {
        if self.generation != fork::generation() {
            // A forked child: the bytes are the parent's to write.
            socket::close_only(self.fd);
            return false;
        }
        let goes_on = mem::take(&mut self.has_news) || self.watch.is_none();
        if now >= self.deadline || (goes_on && self.step()) {
            self.close(Some(engine));
            return false;
        }
        if self.watch.is_none() {
            self.arm(engine);
        }
        true
    }

    fn close(&mut self, engine: Option<&Engine>) {
        if self.ended {
            // What is closed in both directions has nothing to tell, to whoever has a duplicate
            // either: the registration may end with the descriptor.
            socket::close_only(self.fd);
            return;
        }
        if let (Some(watch), Some(engine)) = (self.watch.take(), engine) {
            watch.end(engine);
        }
        socket::close(self.fd);
    }
}

/// Closes the socket of a connection that has ended, with `rest` still to be written to its stream.
pub(crate) fn dispose(
    ctx: &Arc<Ctx>,
    fd: Fd,
    watch: Option<Watch>,
    stream: Option<Transport>,
    rest: Vec<u8>,
    ending: Ending,
) {
    let Some(stream) = stream else {
        ctx.end_watch(watch);
        socket::close(fd);
        return;
    };
    let answer = ending == Ending::Answer;
    let mut lingerer = Lingerer {
        fd,
        watch,
        has_news: false,
        stream,
        finished: false,
        bytes: rest,
        written: 0,
        discarding: false,
        answer,
        discarded: 0,
        ended: false,
        deadline: Instant::now() + WRITE_TIME,
        generation: fork::generation(),
    };
    let done = lingerer.speak();
    let stays = ctx.waiting() || (!answer && ending != Ending::Close);
    if !done && stays {
        Lingering::add(ctx, lingerer);
        return;
    }
    match ending {
        _ if done => {}
        Ending::Close => write_blocking(&mut lingerer),
        _ => _ = lingerer.step(),
    }
    lingerer.close(ctx.current_engine().as_deref());
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

    fn add(ctx: &Arc<Ctx>, mut lingerer: Lingerer) {
        let engine = ctx.current_engine();
        if ctx.ref_count() <= 0 {
            // The context is going away with this connection: no wait will come by.
            lingerer.close(engine.as_deref());
            return;
        }
        ctx.lingering.0.with(|list| {
            if list.len() >= MOST {
                list.remove(0).close(engine.as_deref());
            }
            // Within the lock: whoever gets the event finds it in the list.
            if let Some(engine) = &engine {
                lingerer.arm(engine);
            }
            list.push(lingerer);
        });
        ctx.wake_others();
    }

    /// Remembers whom events concern; [`Self::drive`] goes on with them.
    pub(crate) fn note(&self, events: &[Event]) {
        if !events.iter().any(concerns) {
            return;
        }
        self.0.with(|list| {
            for event in events.iter().filter(|event| concerns(event)) {
                if let Some(lingerer) = list.iter_mut().find(|l| l.token() == event.token) {
                    lingerer.has_news = true;
                }
            }
        });
    }

    /// Goes on with those that there is news of, and ends those whose time is up. Called by a wait;
    /// returns when it has to look again.
    pub(crate) fn drive(&self, engine: &Engine) -> Option<Instant> {
        if self.0.is_empty() {
            return None;
        }
        self.0.with(|list| {
            let now = Instant::now();
            list.retain_mut(|lingerer| lingerer.lives_on(engine, now));
            list.iter().map(|lingerer| lingerer.deadline).min()
        })
    }

    /// Descriptors are short: gives all of them back.
    pub(crate) fn release_all(&self, engine: &Engine) {
        for mut lingerer in self.0.take() {
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
