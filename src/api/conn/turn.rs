//! One turn of the loop at one connection: what comes before and after its items.

use std::ffi::c_long;
use std::sync::Arc;

use super::Conn;
use super::link::Reading;
use super::outbox::Queue;
use super::ready::Ready;
use crate::abi::cbuf::{self, CBuf};
use crate::abi::counted::Owned;
use crate::api::msg::Msg;

/// What a wait lends to the connection it serves, so that no connection keeps buffers of its own.
pub(crate) struct Workspace {
    /// To read into; [`BUFFER`] bytes while it isn't lent.
    pub(crate) input: Box<[u8]>,
    /// To gather frames in.
    pub(crate) output: Option<Box<Queue>>,
    /// The latest message, whose memory the next one may have.
    pub(crate) spare: Option<Owned<Msg>>,
    /// That of the latest large one, for the next large one.
    pub(crate) memory: Option<Box<CBuf>>,
}

/// The size of the buffer the loop reads into.
pub(crate) const BUFFER: usize = 64 * 1024;

/// From this size on messages don't come the short way, all at once.
const LARGE: c_long = BUFFER as c_long;

fn buffer() -> Box<[u8]> {
    vec![0; BUFFER].into_boxed_slice()
}

impl Workspace {
    pub(crate) fn new() -> Self {
        cbuf::prepare();
        Self {
            input: buffer(),
            output: None,
            spare: None,
            memory: None,
        }
    }

    /// Replaces a buffer that a connection could not give back.
    pub(crate) fn restore(&mut self) {
        if self.input.len() != BUFFER {
            self.input = buffer();
        }
    }
}

impl Reading {
    /// Takes the memory of a message that is done with for later ones.
    #[inline]
    pub(crate) fn take_over(&mut self, msg: Owned<Msg>) {
        if msg.size() < LARGE {
            self.spare = Msg::recycle(msg);
        } else {
            self.take_over_large(msg);
        }
    }

    /// Not inlined, to be out of the way of small ones.
    #[inline(never)]
    fn take_over_large(&mut self, msg: Owned<Msg>) {
        if let Some(memory) = Msg::into_memory(msg) {
            self.keep(memory);
        }
    }

    /// Keeps memory for the next large message.
    fn keep(&mut self, memory: CBuf) {
        match &mut self.memory {
            Some(place) => **place = memory,
            None => self.memory = Some(Box::new(memory)),
        }
    }
}

/// Reads of up to the buffer's size before others get their turn.
const ROUNDS: u32 = 4;
/// The same, when each read takes a part of a frame only.
const SMALL_ROUNDS: u32 = 64;

impl Conn {
    /// Writes what the socket may have become ready for, and lends the loop's buffers to the
    /// connection.
    pub(crate) fn begin_turn(this: &Arc<Self>, ready: Ready, work: &mut Workspace) -> Reading {
        let read_ahead = this.ctx.settings.read_ahead();
        let mut link = this.link.lock_here();
        let allowed = link.allowed_by(ready);
        let asked = allowed.has(Ready::READ);
        let resumes = allowed.has(Ready::WRITE) && link.flush_and_resume();
        let lent = asked && read_ahead && link.lend(&mut work.input);
        let lent_queue = lent && link.out.lend(&mut work.output);
        link.unlock_here();
        if resumes {
            this.ctx.touch(this, Ready::READ);
        }
        let rules_version = this.ctx.settings.rules_version();
        Reading {
            lent,
            lent_queue,
            asked,
            closed: ready.has(Ready::CLOSED),
            drained: false,
            over: false,
            unusual: None,
            rounds: if lent { ROUNDS } else { SMALL_ROUNDS },
            spare: work.spare.take(),
            memory: work.memory.take(),
            rules: this.rules(),
            rules_version,
        }
    }

    /// Writes what the batch has gathered, because its last reply is never delayed, takes the
    /// buffers back, and has the loop come again if there is more to read.
    pub(crate) fn end_turn(this: &Arc<Self>, mut reading: Reading, work: &mut Workspace) {
        let mut link = this.link.lock_here();
        if let Some(memory) = link.receiver.take_back() {
            reading.keep(memory);
        }
        work.spare = reading.spare;
        work.memory = reading.memory;
        link.corked = false;
        let resumes = link.has_backlog() && link.flush_and_resume();
        if reading.lent {
            work.input = link.reclaim();
        }
        if reading.lent_queue {
            work.output = link.out.reclaim();
        }
        // Whoever ends a pause or a decision has the loop look again.
        let held_up = link.paused || link.phase.is_deciding();
        let more = !reading.drained || !link.is_read_out();
        link.unlock_here();
        let again = reading.asked && more && !held_up;
        if resumes {
            this.ctx.touch(this, Ready::READ);
        }
        if again && this.is_ok() {
            this.ctx.looping.push_ready(this, Ready::READ);
        }
    }
}
