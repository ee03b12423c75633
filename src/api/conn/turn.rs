//! One turn of the loop at one connection: what comes before and after its items.

use std::sync::Arc;

use super::Conn;
use super::link::Reading;
use super::ready::Ready;

/// Reads of up to the buffer's size before others get their turn.
const ROUNDS: u32 = 4;
/// The same, when each read takes a part of a frame only.
const SMALL_ROUNDS: u32 = 64;

impl Conn {
    /// Writes what the socket may have become ready for, and lends the loop's buffer to the
    /// connection.
    pub(crate) fn begin_turn(this: &Arc<Self>, ready: Ready, buffer: &mut Vec<u8>) -> Reading {
        let read_ahead = this.ctx.settings.read_ahead();
        let (lent, resumes) = {
            let mut link = this.link.lock();
            let resumes = ready.has(Ready::WRITE) && link.flush_and_resume();
            let lent = read_ahead && ready.has(Ready::READ) && link.ahead.lend(buffer);
            (lent, resumes)
        };
        if resumes {
            this.ctx.touch(this, Ready::READ);
        }
        Reading {
            lent,
            asked: ready.has(Ready::READ),
            closed: ready.has(Ready::CLOSED),
            drained: false,
            rounds: if lent { ROUNDS } else { SMALL_ROUNDS },
        }
    }

    /// Writes what the batch has gathered, because its last reply is never delayed, takes the
    /// buffer back, and has the loop come again if there is more to read.
    pub(crate) fn end_turn(this: &Arc<Self>, reading: &Reading, buffer: &mut Vec<u8>) {
        let (again, resumes) = {
            let mut link = this.link.lock();
            let resumes = link.has_backlog() && link.flush_and_resume();
            if reading.lent {
                *buffer = link.ahead.reclaim();
            }
            // Whoever ends a pause or a decision has the loop look again.
            let held_up = link.paused || link.phase.is_deciding();
            let more = !reading.drained || !link.ahead.is_empty();
            (reading.asked && more && !held_up, resumes)
        };
        if resumes {
            this.ctx.touch(this, Ready::READ);
        }
        if again && this.is_ok() {
            let closed = if reading.closed {
                Ready::CLOSED
            } else {
                Ready::NONE
            };
            this.ctx.looping.push_ready(this, Ready::READ.with(closed));
        }
    }
}
