//! Unsent bytes, written while something else waits.
//!
//! The loop writes what it has gathered, or could not write at once, when it comes round. A handler
//! that waits, in whatever call, keeps it from that: the call does it then, before and meanwhile.
//! So do a wait that was stopped, and a fork, which nothing may follow.

use std::ffi::c_long;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::conn::Conn;
use crate::api::ctx::Ctx;
use crate::api::dispatch;
use crate::transport::socket::{self, Fd, Readiness};

/// How long nobody may take anything while what is left is written out, and how long in all.
const IDLE: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(5);
/// A frame that another thread pauses in is looked at again after this.
const HELD_PAUSE: Duration = Duration::from_millis(2);

/// What an attempt to write everything has left.
#[derive(Default)]
pub(crate) struct Unsent {
    bytes: usize,
    /// What must come before another attempt.
    waits: Vec<(Fd, Readiness)>,
}

impl Unsent {
    /// Counts `bytes` that wait for this.
    pub(crate) fn add(&mut self, bytes: usize, wait: Option<(Fd, Readiness)>) {
        self.bytes += bytes;
        self.waits.extend(wait);
    }
}

/// One attempt to write all that is unsent in a context.
pub(crate) fn flush(ctx: &Arc<Ctx>) -> Unsent {
    let mut unsent = Unsent::default();
    ctx.lingering.push(&mut unsent);
    for conn in ctx.backlogged() {
        Conn::push_backlog(&conn, &mut unsent);
    }
    unsent
}

/// A call that may wait begins; the same where this thread is inside a handler of a loop's.
pub(crate) fn flush_here() -> Unsent {
    dispatch::current().map_or_else(Unsent::default, |ctx| flush(&ctx))
}

/// As [`socket::wait_for`]. `own` is the connection waited for, if its bytes are to go out, too.
pub(crate) fn wait_for(
    own: Option<&Arc<Conn>>,
    fd: Fd,
    wanted: Readiness,
    timeout: Duration,
) -> bool {
    let end = Instant::now() + timeout;
    loop {
        let mut unsent = flush_here();
        if let Some(conn) = own {
            Conn::push_backlog(conn, &mut unsent);
        }
        let left = end.saturating_duration_since(Instant::now());
        if unsent.waits.is_empty() {
            return socket::wait_for(fd, wanted, left);
        }
        unsent.waits.push((fd, wanted));
        let ready = socket::wait_any(&unsent.waits, left);
        if ready.last() == Some(&true) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}

/// Sleeps so many µs.
pub fn sleep(micros: c_long) {
    if let Ok(micros) = u64::try_from(micros) {
        pause(Duration::from_micros(micros));
    }
}

/// Sleeps.
pub(crate) fn pause(duration: Duration) {
    let Some(end) = Instant::now().checked_add(duration) else {
        return;
    };
    loop {
        let unsent = flush_here();
        let left = end.saturating_duration_since(Instant::now());
        if unsent.waits.is_empty() || left.is_zero() {
            return socket::sleep(left);
        }
        socket::wait_any(&unsent.waits, left);
    }
}

/// Writes what is unsent in a context.
pub(crate) fn drain(ctx: &Arc<Ctx>) {
    write_out(|| flush(ctx));
}

/// Repeats attempts to write: until nothing is left, nobody takes anything for a second, or five
/// have passed.
pub(crate) fn write_out(attempt: impl Fn() -> Unsent) {
    let start = Instant::now();
    let mut last = (start, usize::MAX);
    loop {
        let unsent = attempt();
        let now = Instant::now();
        if unsent.bytes < last.1 {
            last = (now, unsent.bytes);
        }
        let end = (last.0 + IDLE).min(start + TOTAL);
        if unsent.bytes == 0 || now >= end {
            return;
        }
        if unsent.waits.is_empty() {
            socket::sleep(HELD_PAUSE);
        } else {
            socket::wait_any(&unsent.waits, end - now);
        }
    }
}
