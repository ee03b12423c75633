//! One turn of the loop at one connection.

use std::sync::Arc;

use crate::api::conn::link::{How, Reading};
use crate::api::conn::read::Received;
use crate::api::conn::ready::Ready;
use crate::api::conn::{Accepted, Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::dispatch;
use crate::api::msg::Msg;

/// Reads of up to the buffer's size before others get their turn.
const ROUNDS: u32 = 4;
/// The same, when each read takes a part of a frame only.
const SMALL_ROUNDS: u32 = 64;
/// Connections accepted in a row.
const ACCEPTS: u32 = 64;

/// Serves a ready connection.
pub(crate) fn serve(ctx: &Arc<Ctx>, conn: &Arc<Conn>, buffer: &mut Vec<u8>) {
    let ready = conn.ready.take();
    if !conn.is_ok() || !conn.is_registered() {
        return;
    }
    let turn = dispatch::enter(ctx, conn);
    conn.transient_acquire();
    if conn.is(Role::Listener) {
        accept(ctx, conn);
    } else {
        if ready.has(Ready::WRITE) {
            Conn::flush_all(conn);
        }
        if ready.has(Ready::READ) {
            read(ctx, conn, ready, buffer);
        }
    }
    Conn::transient_release(conn);
    drop(turn);
}

fn accept(ctx: &Arc<Ctx>, listener: &Arc<Conn>) {
    for _ in 0..ACCEPTS {
        match Conn::accept_ready(ctx, listener) {
            Accepted::Some => {}
            Accepted::None | Accepted::Failed => return,
            Accepted::Starved => {
                if let Some(engine) = ctx.current_engine() {
                    ctx.lingering.release_all(&engine);
                }
                ctx.looping.starve(listener);
                return;
            }
        }
        if ctx.looping.stopped() {
            break;
        }
    }
    ctx.looping.push_ready(listener, Ready::READ);
}

fn read(ctx: &Arc<Ctx>, conn: &Arc<Conn>, ready: Ready, buffer: &mut Vec<u8>) {
    let lent = ctx.settings.read_ahead() && conn.link.lock().ahead.lend(buffer);
    let mut reading = Reading {
        closed: ready.has(Ready::CLOSED),
        drained: false,
        rounds: if lent { ROUNDS } else { SMALL_ROUNDS },
    };
    receive_batch(ctx, conn, &mut reading);
    // The last reply of a batch is never delayed.
    Conn::flush_backlog(conn);
    let residue = {
        let mut link = conn.link.lock();
        if lent {
            *buffer = link.ahead.reclaim();
        }
        !link.ahead.is_empty()
    };
    if !conn.is_ok() {
        return;
    }
    let paused = conn.link.lock().paused;
    let deciding = conn.is_deciding();
    // Whoever ends a pause or a decision has the loop look again.
    if (!reading.drained || residue) && !paused && !deciding {
        let closed = if reading.closed {
            Ready::CLOSED
        } else {
            Ready::NONE
        };
        ctx.looping.push_ready(conn, Ready::READ.with(closed));
    }
}

/// Dispatches what is here and what the kernel has, up to the budget.
fn receive_batch(ctx: &Arc<Ctx>, conn: &Arc<Conn>, reading: &mut Reading) {
    // C contract: after a stop, each connection whose handler didn't call it gets at most one
    // message more; control frames up to the next data frame are still dealt with.
    let mut one_more = ctx.looping.stopped();
    loop {
        if conn.pause_reading() {
            return;
        }
        if ctx.looping.stopped() && !one_more && !conn.control_is_next() {
            return;
        }
        match Conn::receive(conn, &mut How::Loop(reading), &conn.rules()) {
            Received::Message(msg) => {
                deliver(ctx, conn, &msg);
                one_more = false;
            }
            Received::Control => {}
            Received::Blocked | Received::Dead(_) => return,
        }
    }
}

/// Calls the connection's handler, or else the context's.
fn deliver(ctx: &Arc<Ctx>, conn: &Arc<Conn>, msg: &Arc<Msg>) {
    let own = conn.hooks().on_msg.get();
    if let Some(hook) = own.or_else(|| ctx.hooks().on_msg.get()) {
        hook.call(Ctx::as_c(ctx), Conn::as_c(conn), Msg::as_c(msg));
    }
    Msg::release(msg);
}
