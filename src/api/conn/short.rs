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
use super::link::{Got, Link, Phase, Reading};
use super::write::{GATHER_FRAME, GATHER_TOTAL, LARGEST};
use crate::abi::counted::Owned;
use crate::api::error::Errno;
use crate::api::msg::Msg;
use crate::protocol::{BINARY, MAX_HEADER, TEXT, encode_header};

/// What became of a frame on the short way.
pub(super) enum Short {
    /// It is out.
    Sent,
    /// It is gathered with others.
    Gathered,
    /// The kernel took so many bytes of it: it is begun, and nothing else may go out before its rest.
    Begun(usize),
    /// The stream is broken.
    Failed(Errno),
}

impl Conn {
    /// The next message of the batch, if one read at most has it at hand as a whole. As
    /// [`Conn::receive`], which tells of everything else.
    #[inline]
    pub(crate) fn receive_short(&self, reading: &mut Reading) -> Option<Owned<Msg>> {
        reading.update_rules(self);
        let mut link = self.link.lock_here();
        let msg = link.next_short(reading);
        link.unlock_here();
        msg
    }
}

impl Link {
    /// Sends data as the role demands, if nothing is special about it and nothing in its way; with the
    /// others of the batch of the loop that serves `conn`, if that is `served` and goes on.
    #[inline]
    pub(super) fn send_short(
        &mut self,
        conn: &Conn,
        served: bool,
        (opcode, fin): (c_int, bool),
        content: &[u8],
    ) -> Option<Short> {
        let wanted = (opcode & 0x0f) as u8;
        let is_plain = matches!(wanted, TEXT | BINARY)
            && content.len() <= LARGEST
            && conn.is_server()
            && conn.window.force_stop_after_header.load(Ordering::Relaxed) == 0;
        if !is_plain || !self.flows() || self.deflater.is_some() {
            return None;
        }
        let opcode = self.fragments.opcode(wanted);
        let mut head = [0; MAX_HEADER];
        let size = encode_header(&mut head, fin, opcode, None, content.len() as u64);
        let is_small = content.len() <= GATHER_FRAME;
        let short = if served && self.is_followed(conn) {
            if !is_small || !self.out.gather(&head, size, content, GATHER_TOTAL) {
                return None;
            }
            Short::Gathered
        } else {
            let transport = self.transport.as_mut().filter(|_| conn.is_ok())?;
            let before = self.out.left();
            let taken = if self.out.is_free() {
                match self.out.write_frame(transport, &head[..size], content) {
                    Ok(taken) => taken,
                    Err(error) => return Some(Short::Failed(Errno::of(&error))),
                }
            } else if is_small {
                let taken = self
                    .out
                    .write_last(transport, &head, size, content, GATHER_TOTAL);
                self.stalled &= self.out.left() == before;
                taken?
            } else {
                return None;
            };
            if taken < size + content.len() {
                return Some(Short::Begun(taken));
            }
            Short::Sent
        };
        self.fragments.sent(opcode, fin);
        self.out.take_credit();
        Some(short)
    }

    #[inline]
    fn next_short(&mut self, reading: &mut Reading) -> Option<Owned<Msg>> {
        if !self.flows() || self.must_pause() {
            return None;
        }
        if self.ahead.is_empty() {
            self.read_ahead(reading)?;
        }
        let msg = self.whole_message(reading)?;
        reading.note(self);
        Some(msg)
    }

    /// Reads into the loop's buffer, if that is here, between two frames. Not inlined: once in a batch.
    #[inline(never)]
    fn read_ahead(&mut self, reading: &mut Reading) -> Option<()> {
        let may_read = !self.receiver.mid_frame() && !self.ahead.room().is_empty();
        let transport = self.transport.as_mut().filter(|_| may_read)?;
        match reading.read(transport, self.ahead.room().into()) {
            Got::Item(n) => {
                self.ahead.filled(n);
                Some(())
            }
            unusual => {
                reading.put_back(unusual);
                None
            }
        }
    }

    /// The next item, if it is a message that has come whole and that nothing is wrong with. Not inlined,
    /// which would make the library larger.
    #[inline(never)]
    fn whole_message(&mut self, reading: &mut Reading) -> Option<Owned<Msg>> {
        let (size, rules) = (self.whole_ahead(), &reading.rules);
        let bytes = self.ahead.bytes();
        let whole = self.receiver.whole_message(bytes, size, rules)?;
        let mut spare = reading.spare.take();
        let payload = whole.payload(Msg::take_payload(&mut spare), rules).ok()?;
        let msg = Msg::whole(spare, whole.opcode, whole.masked, payload)?;
        self.ahead.consume(size);
        // A reply to this one will ask, and then this comes next.
        let next = self.receiver.whole_size(self.ahead.bytes());
        self.ahead.note_whole(next);
        Some(msg)
    }

    /// Messages go both ways, and nothing is in their way.
    fn flows(&self) -> bool {
        self.is_live() && matches!(self.phase, Phase::Open)
    }
}
