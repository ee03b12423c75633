//! What is received: the compressed bytes of the frames of a message in, its bytes out.

use super::Agreement;
use super::deflater::TAIL;
use super::engine::Decompressor;
use crate::protocol::Error;

/// The receiving half of an agreement.
///
/// Output is taken in portions, so input may have to wait: at most [`INPUT`] bytes, which is also
/// what may be given at once.
pub struct Inflater {
    takeover: bool,
    engine: Option<Decompressor>,
    /// Input not looked at yet, from `start` on.
    held: Vec<u8>,
    start: usize,
    /// The latest output was as long as its room: there may be more.
    is_full: bool,
    /// The engine stands inside a stream: part of a message has gone into it since it was
    /// complete or ended for itself.
    is_inside: bool,
    /// Bytes of output since the current frame began.
    of_frame: u64,
}

/// The most input that is given at once.
pub const INPUT: usize = 8 * 1024;

impl Inflater {
    pub fn new(agreement: &Agreement) -> Self {
        Self {
            takeover: agreement.receive.takeover,
            engine: None,
            held: Vec::new(),
            start: 0,
            is_full: false,
            is_inside: false,
            of_frame: 0,
        }
    }

    /// The input of another frame follows.
    pub fn begin_frame(&mut self) {
        self.of_frame = 0;
    }

    /// Bytes that have come out of the frame's payload.
    pub fn of_frame(&self) -> u64 {
        self.of_frame
    }

    /// Everything given has been looked at, and everything made of it taken.
    pub fn is_dry(&self) -> bool {
        self.start == self.held.len() && !self.is_full
    }

    /// Memory for `n` bytes of input, which are looked at next; only while there are none.
    pub fn input(&mut self, n: usize) -> &mut [u8] {
        debug_assert!(self.is_dry() && n <= INPUT);
        self.is_inside |= n > 0;
        self.start = 0;
        self.held.resize(n, 0);
        &mut self.held
    }

    /// The frames of the message are all in: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail
    /// end of the payload of the message" (RFC 7692 §7.2.2). False when there is nothing to append
    /// it to, or it has been appended.
    pub fn end_input(&mut self) -> bool {
        let is_due = self.is_inside;
        if is_due {
            self.input(TAIL.len()).copy_from_slice(&TAIL);
            self.is_inside = false;
        }
        is_due
    }

    /// Fills the front of `out`; returns how much of it.
    pub fn output(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let engine = self.engine.get_or_insert_with(Decompressor::new);
        let step = engine.inflate(&self.held[self.start..], out)?;
        self.start += step.taken;
        self.of_frame += step.made as u64;
        self.is_full = step.made == out.len() && !step.ended;
        if step.ended {
            // §7.2.3.4: a final block may stand anywhere. What is behind it is another stream,
            // which begins without a window.
            self.is_inside &= self.start < self.held.len();
        } else if step.taken + step.made == 0 && self.start < self.held.len() {
            return Err(Error::CorruptDeflate);
        }
        Ok(step.made)
    }

    /// The message is complete.
    pub fn end_message(&mut self) {
        self.held = Vec::new();
        self.start = 0;
        if !self.takeover {
            self.engine = None;
        }
    }
}
