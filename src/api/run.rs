//! `nopoll_loop_wait`: collect, wait, dispatch, until stopped or out of time.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::conn::ready::Ready;
use crate::api::conn::turn::Workspace;
use crate::api::ctx::Ctx;
use crate::api::ctx::registry::Token;
use crate::api::error::Errno;
use crate::api::{dispatch, linger, meanwhile, pump};
use crate::engine::{self, Event};
use crate::log::{Level, log};

const STOPPED: c_int = 0;
const BAD_ARGUMENT: c_int = -2;
const TIMED_OUT: c_int = -3;
const FAILED: c_int = -4;

/// Runs the loop for `timeout` µs (0: without limit). 0: stopped; -2: bad timeout; -3: the time has
/// passed; -4: no poll object, with errno.
pub fn wait(ctx: &Arc<Ctx>, timeout: c_long) -> (c_int, Errno) {
    let Ok(micros) = u64::try_from(timeout) else {
        log!(
            ctx,
            Level::Critical,
            "loop_wait: timeout {timeout} is negative"
        );
        return (BAD_ARGUMENT, Errno::Keep);
    };
    let deadline = match micros {
        0 => None,
        micros => Instant::now().checked_add(Duration::from_micros(micros)),
    };
    ctx.looping.enter();
    ctx.parked.age();
    // A wait within a handler serves that handler's connection, too.
    for conn in dispatch::serving(ctx) {
        ctx.looping.push_ready(&conn, Ready::READ);
    }
    let mut work = ctx.looping.take_workspace();
    let waiting = dispatch::begin(ctx);
    let outcome = passes(ctx, deadline, &mut work);
    drop(waiting);
    ctx.looping.give_workspace(work);
    if ctx.looping.leave() > 0 {
        // What this wait leaves undone is another thread's to do.
        ctx.wake_others();
    } else {
        match outcome {
            Ok(STOPPED) => meanwhile::drain(ctx),
            _ => {
                meanwhile::flush(ctx);
            }
        }
    }
    match outcome {
        Ok(code) => (code, Errno::Keep),
        Err(error) => (FAILED, Errno::of(&error)),
    }
}

fn passes(
    ctx: &Arc<Ctx>,
    deadline: Option<Instant>,
    work: &mut Workspace,
) -> std::io::Result<c_int> {
    let mut events = Vec::new();
    let mut engine = Ctx::engine(ctx)?;
    loop {
        work.restore();
        Ctx::collect_dead(ctx);
        if !engine.is_ours() {
            engine = Ctx::engine(ctx)?;
        }
        let linger_until = ctx.lingering.drive(&engine);
        let pause = if ctx.looping.ready_count() > 0 || ctx.looping.stopped() {
            Some(Duration::ZERO)
        } else {
            let until = [deadline, linger_until, ctx.looping.next_try()];
            let until = until.into_iter().flatten().min();
            until.map(|until| until.saturating_duration_since(Instant::now()))
        };
        events.clear();
        engine.wait(pause, &mut events)?;
        ctx.lingering.note(&events);
        ctx.note_events(events.iter().filter_map(reason));
        ctx.looping.retry_starved();
        // Whoever becomes ready meanwhile gets the next pass.
        for _ in 0..ctx.looping.ready_count() {
            let Some(conn) = ctx.looping.pop_ready() else {
                break;
            };
            pump::serve(ctx, &conn, work);
        }
        // A handler may have given the context's last reference back.
        if ctx.looping.stopped() || ctx.ref_count() <= 0 {
            return Ok(STOPPED);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            finish_ahead(ctx);
            let stopped = ctx.looping.stopped();
            return Ok(if stopped { STOPPED } else { TIMED_OUT });
        }
    }
}

/// C contract: only a stop leaves behind what was read ahead. The rest is with connections that
/// have had their turn, or whose peers have to read our bytes first.
fn finish_ahead(ctx: &Arc<Ctx>) {
    let ready = ctx.looping.all_ready();
    for conn in ready.iter().chain(&ctx.backlogged()) {
        if conn.has_items_ahead() {
            pump::finish(ctx, conn);
        }
    }
}

/// Whom an event concerns, and why to look there.
fn reason(event: &Event) -> Option<(Token, Ready)> {
    if event.token == engine::WAKE || linger::concerns(event) {
        // The next turn of the loop looks at what it was woken for.
        return None;
    }
    let mut what = Ready::NONE;
    if event.readable || event.closed {
        what = what.with(Ready::READ);
    }
    if event.closed {
        what = what.with(Ready::CLOSED);
    }
    if event.writable {
        what = what.with(Ready::WRITE);
    }
    Some((Token::from_raw(event.token), what))
}
