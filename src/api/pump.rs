//! One turn of the loop at one connection.

use std::sync::Arc;

use crate::abi::counted::Owned;
use crate::api::conn::link::{How, Reading};
use crate::api::conn::read::Received;
use crate::api::conn::ready::Ready;
use crate::api::conn::turn::Workspace;
use crate::api::conn::{Accepted, Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::dispatch;
use crate::api::msg::Msg;
use crate::transport::socket;

/// Messages and control frames, however small, that are dealt with in a row.
const ITEMS: u32 = 1024;
/// Connections accepted in a row.
const ACCEPTS: u32 = 64;

/// Serves a ready connection, unless another thread does: one connection's handlers run one after
/// the other.
pub(crate) fn serve(ctx: &Arc<Ctx>, conn: &Arc<Conn>, work: &mut Workspace) {
    let nested = conn.is_served_here();
    let Some(ready) = conn.ready.begin(nested) else {
        return;
    };
    turn(ctx, conn, nested, || {
        if conn.is(Role::Listener) {
            accept(ctx, conn);
        } else {
            let mut reading = Conn::begin_turn(conn, ready, work);
            if reading.asked {
                receive_batch(ctx, conn, &mut reading);
            }
            Conn::end_turn(conn, reading, work);
        }
    });
}

/// Dispatches the complete items that were read ahead, until a handler stops the wait.
pub(crate) fn finish(ctx: &Arc<Ctx>, conn: &Arc<Conn>) {
    let nested = conn.is_served_here();
    if !nested && !conn.ready.begin_quietly() {
        return;
    }
    turn(ctx, conn, nested, || {
        while conn.has_items_ahead() && !ctx.looping.stopped() {
            match receive_one(conn, &mut How::Ahead) {
                Next::Message(msg) => deliver(ctx, conn, &msg),
                Next::Control => {}
                Next::Nothing => break,
            }
        }
        Conn::end_batch(conn);
    });
}

/// Does `work` as the dispatch of a connection, if that is still there, and ends what was begun:
/// a turn, unless it was within another of this thread.
fn turn(ctx: &Arc<Ctx>, conn: &Arc<Conn>, nested: bool, work: impl FnOnce()) {
    if conn.is_ok() && conn.is_registered() {
        let dispatch = dispatch::enter(conn);
        conn.transient_acquire();
        work();
        Conn::transient_release(conn);
        drop(dispatch);
    }
    if !nested && conn.ready.end() {
        ctx.looping.queue(conn);
    }
}

/// Not inlined, to be out of the way of messages.
#[inline(never)]
fn accept(ctx: &Arc<Ctx>, listener: &Arc<Conn>) {
    // The program may have made it blocking since the last time.
    socket::take_over_mode(listener.descriptor());
    let nodelay = socket::passes_nodelay(listener.descriptor());
    for _ in 0..ACCEPTS {
        match Conn::accept_ready(ctx, listener, nodelay) {
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

/// Dispatches what is here and what the kernel has, up to the budget.
fn receive_batch(ctx: &Arc<Ctx>, conn: &Arc<Conn>, reading: &mut Reading) {
    // C contract: after a stop, each connection whose handler didn't call it gets at most one
    // message more; control frames up to the next data frame are still dealt with.
    let mut one_more = ctx.looping.stopped();
    for _ in 0..ITEMS {
        if ctx.looping.stopped() && !one_more && !conn.control_is_next() {
            return;
        }
        let item = match conn.receive_short(reading) {
            Some(msg) => Next::Message(msg),
            None => receive_one(conn, &mut How::Loop(reading)),
        };
        match item {
            Next::Message(msg) => {
                deliver(ctx, conn, &msg);
                reading.take_over(msg);
                one_more = false;
            }
            Next::Control => {}
            Next::Nothing => return,
        }
        if reading.over {
            return;
        }
    }
}

/// What came next. In registers, as it is handed on with every message.
enum Next {
    Message(Owned<Msg>),
    /// Dealt with.
    Control,
    /// For now, or for ever.
    Nothing,
}

/// Not inlined: what comes by the short way isn't to go around it.
#[inline(never)]
fn receive_one(conn: &Arc<Conn>, how: &mut How<'_>) -> Next {
    let rules = match how {
        How::Loop(reading) => {
            reading.update_rules(conn);
            reading.rules
        }
        How::Direct | How::Ahead => conn.rules(),
    };
    match Conn::receive(conn, how, &rules) {
        Received::Message(msg) => Next::Message(msg),
        Received::Control => Next::Control,
        Received::Blocked | Received::Dead(_) => Next::Nothing,
    }
}

/// Calls the connection's handler, or else the context's.
fn deliver(ctx: &Arc<Ctx>, conn: &Arc<Conn>, msg: &Owned<Msg>) {
    let own = conn.handler(|hooks| &hooks.on_msg);
    if let Some(hook) = own.or_else(|| ctx.hooks().on_msg.get()) {
        hook.call(Ctx::as_c(ctx), Conn::as_c(conn), Msg::as_c(msg));
    }
}
