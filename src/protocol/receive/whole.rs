//! The short way for the usual frame: a whole message that lies in the input from its first to its
//! last byte, and that no rule objects to. Everything else goes through the stages of [`Receiver`],
//! with the same outcome, which a test compares.

use super::{Receiver, Stage};
use crate::protocol::header::{FIN, LEN_16, LEN_64, MASK};
use crate::protocol::item::Data;
use crate::protocol::opcode::{BINARY, TEXT};
use crate::protocol::{Delivery, Error, Mask, Payload, Role, Rules};

/// Such a frame.
pub struct Whole<'a> {
    pub opcode: u8,
    pub masked: bool,
    /// Without effect where there is none.
    mask: Mask,
    body: &'a [u8],
}

const KEY: usize = 4;

/// Bytes of the frame that `input` begins with; `None` if that isn't such a frame, whatever the rules.
#[inline]
fn size_at_front(input: &[u8], role: Role) -> Option<usize> {
    let &[first, second] = input.first_chunk()?;
    let masked = second & MASK != 0;
    if !matches!(first ^ FIN, TEXT | BINARY) || masked != (role == Role::Server) {
        return None;
    }
    let payload = match second & !MASK {
        LEN_16 => {
            let &[_, _, high, low] = input.first_chunk()?;
            usize::from(u16::from_be_bytes([high, low]))
        }
        LEN_64 => return None,
        short => usize::from(short),
    };
    let is_minimal = payload >= LEN_16.into() || second & !MASK != LEN_16;
    let size = header_size(second) + payload;
    (is_minimal && size <= input.len()).then_some(size)
}

/// Bytes of its header, of which `second` is the second one.
#[inline]
fn header_size(second: u8) -> usize {
    let length = if second & !MASK == LEN_16 { 4 } else { 2 };
    if second & MASK != 0 {
        length + KEY
    } else {
        length
    }
}

impl<'a> Whole<'a> {
    /// The frame that takes all of `bytes`, as [`size_at_front`] has found; `None` if it is too long.
    #[inline]
    fn new(bytes: &'a [u8], rules: &Rules) -> Option<Self> {
        let &[first, second] = bytes.first_chunk()?;
        let masked = second & MASK != 0;
        let (header, body) = bytes.split_at_checked(header_size(second))?;
        let most = match rules.delivery {
            Delivery::Messages => rules.max_frame.min(rules.max_message),
            Delivery::Frames | Delivery::Pieces => rules.max_frame,
        };
        if body.len() as u64 > most {
            return None;
        }
        let key = header.last_chunk().copied().filter(|_| masked);
        Some(Self {
            opcode: first ^ FIN,
            masked,
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
    /// Bytes of the whole message that `input` begins with, 0 if there is none. That stays so as long as
    /// nothing is fed, and it is an item whatever the rules: a message or a violation. 0 says nothing
    /// about what [`Self::feed`] would find.
    #[inline]
    pub fn whole_size(&self, input: &[u8]) -> usize {
        let is_between = self.stage == Stage::Header && self.held == 0 && !self.open;
        if is_between {
            size_at_front(input, self.role).unwrap_or(0)
        } else {
            0
        }
    }

    /// The message in the first `size` bytes of `input`, which are what [`Self::whole_size`] said.
    /// `None` if there is none, or the rules object to it.
    #[inline]
    pub fn whole_message<'a>(
        &mut self,
        input: &'a [u8],
        size: usize,
        rules: &Rules,
    ) -> Option<Whole<'a>> {
        // Hardly ever, and comparing doesn't wait for stores that copying would wait for.
        if self.rules != *rules {
            self.rules = *rules;
        }
        Whole::new(input.get(..size)?, rules)
    }
}
