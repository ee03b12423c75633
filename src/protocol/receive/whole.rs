//! The short way for the usual frame: a whole message that lies in the input from its first to its
//! last byte, and that no rule objects to. Everything else goes through the stages of [`Receiver`],
//! with the same outcome, which a test compares.

use super::{Receiver, Stage};
use crate::protocol::item::Data;
use crate::protocol::opcode::{BINARY, TEXT};
use crate::protocol::{Delivery, Error, Mask, Payload, Role, Rules, utf8};

/// Where its parts are.
pub(super) struct Whole {
    opcode: u8,
    masked: bool,
    /// Bytes of the header.
    header: usize,
    /// Bytes of all of it.
    pub(super) size: usize,
}

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
const KEY: usize = 4;

impl Whole {
    /// What `input` begins with, if it is such a frame. Nothing may have come before it that it
    /// belongs to.
    fn at_front(input: &[u8], role: Role, rules: &Rules) -> Option<Self> {
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
        (is_minimal && payload as u64 <= most && size <= input.len()).then_some(Self {
            opcode,
            masked,
            header,
            size,
        })
    }
}

impl<P: Payload> Receiver<P> {
    /// See [`Whole`].
    pub(super) fn whole_ahead(&self, input: &[u8], rules: &Rules) -> Option<Whole> {
        let is_between = self.stage == Stage::Header && self.held == 0 && !self.open;
        if is_between {
            Whole::at_front(input, self.role, rules)
        } else {
            None
        }
    }

    /// The message that `input` begins with, and its size there, if it is whole and nothing is
    /// wrong with it. `None` says nothing about what [`Self::feed`] would find.
    pub fn whole_message(&mut self, input: &[u8], rules: &Rules) -> Option<(usize, Data<P>)> {
        self.rules = *rules;
        let whole = self.whole_ahead(input, rules)?;
        Some((whole.size, self.take_whole(input, &whole).ok()?))
    }

    /// Takes it, from the front of `input`.
    pub(super) fn take_whole(&self, input: &[u8], whole: &Whole) -> Result<Data<P>, Error> {
        let payload = P::copy_of(&input[whole.header..whole.size]);
        let mut payload = payload.ok_or(Error::OutOfMemory)?;
        let bytes = payload.bytes_mut();
        if whole.masked {
            if let Some(&key) = input[..whole.header].last_chunk() {
                Mask::new(key).apply(bytes);
            }
        }
        if whole.opcode == TEXT && self.rules.strict && !utf8::is_text(bytes) {
            return Err(Error::InvalidUtf8);
        }
        Ok(Data {
            opcode: whole.opcode,
            payload,
            is_final: true,
            is_fragment: false,
            fin: true,
            masked: whole.masked,
        })
    }
}
