//! The short ways: the next message when it lies whole in the loop's buffer, and a server's frame when
//! nothing is in its way.
//!
//! Small messages spend their time on being asked questions whose answer is nearly always the same.
//! Here all of them are asked in a row, under one lock; any unusual answer gives `None`, and the call
//! goes the long way, as if nothing had been asked. What comes of it is a pointer or a number: values
//! of several words that are moved on by way of the stack cost more than all the questions, because
//! the processor can't load what it has stored in other pieces.

use std::ffi::c_int;
use std::sync::atomic::Ordering;

use super::Conn;
use super::link::{Link, Phase, Reading};
use super::write::{LARGEST, SendFrame};
use crate::abi::counted::Owned;
use crate::api::error::Errno;
use crate::api::msg::Msg;
use crate::protocol::{MAX_HEADER, Rules, encode_header, is_control};

/// What became of a frame on the short way.
pub(super) enum Short {
    /// It is out.
    Sent(c_int),
    /// It is gathered with others.
    Gathered(c_int),
    /// The kernel took so many bytes of it: it is begun, and nothing else may go out before its rest.
    Begun(usize),
    /// The stream is broken.
    Failed(Errno),
}

impl Conn {
    /// The next message of the batch, if it is at hand as a whole. As [`Conn::receive`], which tells
    /// of everything else.
    #[inline]
    pub(crate) fn receive_short(&self, reading: &mut Reading) -> Option<Owned<Msg>> {
        if !reading.more {
            return None;
        }
        let rules = reading.rules(self);
        let mut link = self.link.lock_here();
        let msg = link.next_short(reading, &rules);
        link.unlock_here();
        msg
    }
}

impl Link {
    /// Sends a frame if there is nothing special about it, and nothing in its way; with the others
    /// of the batch if that is `followed` by more.
    pub(super) fn send_short(
        &mut self,
        conn: &Conn,
        followed: bool,
        frame: &SendFrame,
        content: &[u8],
    ) -> Option<Short> {
        let is_plain = frame.masked != Some(true)
            && frame.sleep_us == 0
            && content.len() <= LARGEST
            && conn.is_server()
            && conn.window.force_stop_after_header.load(Ordering::Relaxed) == 0;
        if !is_plain || !self.flows() || self.deflater.is_some() {
            return None;
        }
        let gathers = followed && self.may_gather(content.len());
        let may_go = gathers || self.out.is_free() && conn.is_ok();
        if !may_go {
            return None;
        }
        let opcode = self.opcode(frame);
        if is_control(opcode) {
            return None;
        }
        let result = c_int::try_from(content.len()).ok()?;
        let mut head = [0; MAX_HEADER];
        let size = encode_header(&mut head, frame.fin, opcode, None, content.len() as u64);
        if gathers {
            self.out.append_frame(&head, size, content);
        } else {
            let head = &head[..size];
            match self
                .out
                .write_frame(self.transport.as_mut()?, head, content)
            {
                Ok(taken) if taken == size + content.len() => {}
                Ok(taken) => return Some(Short::Begun(taken)),
                Err(error) => return Some(Short::Failed(Errno::of(&error))),
            }
        }
        if frame.track {
            self.fragments.sent(opcode, frame.fin);
        }
        self.out.take_credit();
        Some(if gathers {
            Short::Gathered(result)
        } else {
            Short::Sent(result)
        })
    }

    #[inline]
    fn next_short(&mut self, reading: &mut Reading, rules: &Rules) -> Option<Owned<Msg>> {
        if !self.flows() || self.must_pause() {
            return None;
        }
        let msg = self.whole_message(reading, rules)?;
        reading.note(self);
        Some(msg)
    }

    /// The next item, if it is a message that has come whole and that nothing is wrong with.
    pub(super) fn whole_message(
        &mut self,
        reading: &mut Reading,
        rules: &Rules,
    ) -> Option<Owned<Msg>> {
        let whole = self.receiver.whole_message(self.ahead.bytes(), rules)?;
        let mut spare = reading.spare.take();
        let payload = whole.payload(Msg::take_payload(&mut spare), rules).ok()?;
        let msg = Msg::whole(spare, whole.opcode, whole.masked, payload)?;
        let size = whole.size;
        self.ahead.consume(size);
        Some(msg)
    }

    /// Messages go both ways, and nothing is in their way.
    fn flows(&self) -> bool {
        self.is_live() && matches!(self.phase, Phase::Open)
    }
}
