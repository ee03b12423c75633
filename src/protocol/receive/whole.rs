//! The short way for the usual frame: a whole message that lies in the input from its first to its
//! last byte, and that no rule objects to. Everything else goes through the stages of [`Receiver`],
//! with the same outcome, which a test compares.

use super::{Receiver, Stage};
use crate::protocol::item::Data;
use crate::protocol::opcode::{BINARY, TEXT};
use crate::protocol::{Delivery, Error, Mask, Payload, Role, Rules};

/// Such a frame.
pub struct Whole<'a> {
    pub opcode: u8,
    pub masked: bool,
    /// Bytes of all of it.
    pub size: usize,
    /// Without effect where there is none.
    mask: Mask,
    body: &'a [u8],
}

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
const KEY: usize = 4;

impl<'a> Whole<'a> {
    /// What `input` begins with, if it is such a frame. Nothing may have come before it that it
    /// belongs to.
    #[inline]
    fn at_front(input: &'a [u8], role: Role, rules: &Rules) -> Option<Self> {
        let &[first, second] = input.first_chunk()?;
        let opcode = first ^ FIN;
        let masked = second & MASK != 0;
        if !matches!(opcode, TEXT | BINARY) || masked != (role == Role::Server) {
            return None;
        }
        let (length, payload) = match second & !MASK {
            126 => {
                let &[_, _, high, low] = input.first_chunk()?;
                (4, usize::from(u16::from_be_bytes([high, low])))
            }
            127 => return None,
            short => (2, usize::from(short)),
        };
        let is_minimal = payload > 125 || length == 2;
        let most = match rules.delivery {
            Delivery::Messages => rules.max_frame.min(rules.max_message),
            Delivery::Frames | Delivery::Pieces => rules.max_frame,
        };
        let header = if masked { length + KEY } else { length };
        let size = header + payload;
        if !is_minimal || payload as u64 > most {
            return None;
        }
        let (header, body) = input.get(..size)?.split_at(header);
        let key = header.last_chunk().copied().filter(|_| masked);
        Some(Self {
            opcode,
            masked,
            size,
            mask: Mask::new(key.unwrap_or_default()),
            body,
        })
    }

    /// Its payload, in the memory of an `old` one if that will do.
    #[inline(always)]
    pub fn payload<P: Payload>(&self, old: P, rules: &Rules) -> Result<P, Error> {
        let must_be_text = self.opcode == TEXT && rules.strict;
        match P::masked_copy(old, self.body, self.mask, must_be_text) {
            Some((payload, true)) => Ok(payload),
            Some((_, false)) => Err(Error::InvalidUtf8),
            None => Err(Error::OutOfMemory),
        }
    }

    /// As any other data.
    pub(super) fn data<P>(&self, payload: P) -> Data<P> {
        Data {
            opcode: self.opcode,
            payload,
            is_final: true,
            is_fragment: false,
            fin: true,
            masked: self.masked,
        }
    }
}

impl<P: Payload> Receiver<P> {
    /// The message that `input` begins with, if it is whole and its header follows the rules. `None`
    /// says nothing about what [`Self::feed`] would find.
    #[inline]
    pub fn whole_message<'a>(&mut self, input: &'a [u8], rules: &Rules) -> Option<Whole<'a>> {
        // Hardly ever, and comparing doesn't wait for stores that copying would wait for.
        if self.rules != *rules {
            self.rules = *rules;
        }
        self.whole_ahead(input, rules)
    }

    /// Whether `input` begins with one, under the rules of the latest call.
    #[inline]
    pub fn begins_whole(&self, input: &[u8]) -> bool {
        self.whole_ahead(input, &self.rules).is_some()
    }

    #[inline]
    pub(super) fn whole_ahead<'a>(&self, input: &'a [u8], rules: &Rules) -> Option<Whole<'a>> {
        let is_between = self.stage == Stage::Header && self.held == 0 && !self.open;
        if is_between {
            Whole::at_front(input, self.role, rules)
        } else {
            None
        }
    }
}
