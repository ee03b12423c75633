//! From bytes to items: the incremental frame decoder.
//!
//! Input comes one of two ways, freely mixed: [`Receiver::feed`] takes bytes that were read
//! somewhere and copies payload out of them, unmasking it on the way; [`Receiver::slot`] lends the
//! payload's own memory to read into, and [`Receiver::filled`] unmasks in place. Either way the
//! decoder keeps no more than an unfinished header beside the payload itself.

mod ahead;
mod compressed;
mod frame;
#[cfg(test)]
mod tests;
mod whole;

use std::mem;

use self::frame::{Flags, Frame, Unit};
use super::deflate::Inflater;
use super::gate::Gate;
use super::header::{self, Header, MAX_HEADER};
use super::item::{Close, Data, Item};
use super::opcode::{CLOSE, CONTINUATION, PING, PONG, TEXT};
use super::utf8::Utf8;
use super::{Delivery, Error, Payload, Role, Rules, deflate};

/// The receiving half of a connection.
pub struct Receiver<P> {
    role: Role,
    stage: Stage,
    /// The rules of the latest call.
    rules: Rules,
    /// The bytes received of an unfinished header.
    head: [u8; MAX_HEADER],
    held: u8,
    frame: Frame,
    unit: Unit,
    /// A fragmented message is unfinished: the last data frame came without FIN.
    open: bool,
    /// The message is compressed.
    compressed: bool,
    /// Where permessage-deflate was negotiated.
    inflater: Option<Box<Inflater>>,
    /// The message is text and its bytes are validated.
    validates: bool,
    utf8: Utf8,
    /// Data received and not given back yet.
    payload: P,
    /// The payload of a ping or close frame, which may stand between the frames of a message.
    control: Option<Box<P>>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Data,
    /// The payload of a ping or close frame.
    Control,
    /// The payload of a pong, which nobody wants.
    Pong,
    /// Nothing: the stream has ended with a close frame or a violation.
    Over,
}

/// Longer frames come in pieces even where whole frames are delivered.
const MAX_ASSEMBLED: u64 = 16 * 1024 * 1024;

impl<P: Payload> Receiver<P> {
    pub fn new(role: Role) -> Self {
        Self {
            role,
            stage: Stage::Header,
            rules: Rules {
                strict: true,
                max_frame: MAX_ASSEMBLED,
                delivery: Delivery::default(),
                max_message: MAX_ASSEMBLED,
            },
            head: [0; MAX_HEADER],
            held: 0,
            frame: Frame::default(),
            unit: Unit::default(),
            open: false,
            compressed: false,
            inflater: None,
            validates: false,
            utf8: Utf8::default(),
            payload: P::new(),
            control: None,
        }
    }

    /// Compressed messages may follow.
    pub fn inflate_with(&mut self, inflater: Inflater) {
        self.inflater = Some(Box::new(inflater));
    }

    /// Nothing more will come: gives back what inflating needed.
    pub fn release(&mut self) {
        self.inflater = None;
    }

    /// Consumes from the front of `input` up to the end of one item at most; returns how many
    /// bytes were consumed, and the item. Without an item, that is all of them.
    ///
    /// Where pieces are delivered, the part received of an unfinished data frame is an item too. Of
    /// a compressed frame, more items may be had without more input: see [`Self::holds`].
    /// Behind a close frame or a violation everything is consumed and ignored.
    pub fn feed(&mut self, input: &[u8], rules: &Rules) -> (usize, Option<Item<P>>) {
        self.feed_with(input, rules, None)
    }

    /// As [`Self::feed`]; a payload that doesn't end in `input` may come in `memory`, see [`Self::lend`].
    pub fn feed_with(
        &mut self,
        input: &[u8],
        rules: &Rules,
        mut memory: Option<&mut P>,
    ) -> (usize, Option<Item<P>>) {
        self.rules = *rules;
        let size = self.whole_size(input);
        if let Some(whole) = self.whole_message(input, size, rules) {
            let item = match whole.payload(P::new(), rules) {
                Ok(payload) => Item::Data(whole.data(payload)),
                Err(error) => self.fail(error),
            };
            return (size, Some(item));
        }
        let mut rest = input;
        loop {
            let step = match self.stage {
                Stage::Header => self.read_header(&mut rest),
                Stage::Over => return (input.len(), None),
                Stage::Data | Stage::Control | Stage::Pong => {
                    if let Some(memory) = memory.as_deref_mut() {
                        self.lend(memory);
                    }
                    self.read_payload(&mut rest)
                }
            };
            let item = step.unwrap_or_else(|error| Some(self.fail(error)));
            if item.is_some() || rest.is_empty() && !self.holds() {
                return (input.len() - rest.len(), item);
            }
        }
    }

    /// How many bytes, at least 1, may be taken from the socket that certainly belong to the
    /// current frame. Not to be asked while something is held.
    pub fn want(&self) -> usize {
        match self.stage {
            Stage::Header => {
                let held = self.held_header();
                header::least_size(held, self.role) - held.len()
            }
            Stage::Over => 1,
            Stage::Data if self.frame.compressed => self.frame.within(deflate::INPUT),
            Stage::Data | Stage::Control | Stage::Pong => self.frame.within(usize::MAX),
        }
    }

    /// Has a data payload go on in `memory` where it would have to grow, if that suits its whole size,
    /// and takes what it was in there. So large messages don't need new memory each: what is lent is
    /// that of an earlier one, until [`Self::take_back`].
    pub fn lend(&mut self, memory: &mut P) {
        let comes_whole = self.stage == Stage::Data && !self.frame.compressed && !self.in_pieces();
        if comes_whole && self.frame.remaining > 0 {
            let to_come = self.frame.within(usize::MAX);
            let whole = self.payload.len().saturating_add(to_come);
            self.payload.move_to(memory, whole);
        }
    }

    /// Memory that was lent and not deserved: a peer that announces much and sends little isn't to hold
    /// more than what it has sent needs. To be called before others are served.
    pub fn take_back(&mut self) -> Option<P> {
        self.payload.move_out()
    }

    /// While a data payload is being received that is not compressed: memory for its next bytes, at
    /// most `most` of them.
    /// What was read into it is reported with [`Self::filled`], before anything else is called.
    pub fn slot(&mut self, most: usize) -> Option<P::Room<'_>> {
        let most = self.frame.within(most);
        if self.stage != Stage::Data || self.frame.compressed || most == 0 {
            return None;
        }
        self.payload.spare(most)
    }

    /// The first `n` bytes of the latest [`Self::slot`] have been filled with input.
    pub fn filled(&mut self, n: usize, rules: &Rules) -> Option<Item<P>> {
        self.rules = *rules;
        if self.stage != Stage::Data {
            return None;
        }
        let utf8 = self.validates.then_some(&mut self.utf8);
        let adopted = self.frame.adopt(&mut self.payload, n, utf8);
        let step = adopted.and_then(|()| self.proceed());
        step.unwrap_or_else(|error| Some(self.fail(error)))
    }

    /// What has been assembled of unfinished data, as a piece: what follows is reported as the
    /// later parts of the same frame then.
    pub fn take_partial(&mut self) -> Option<Data<P>> {
        (!self.payload.is_empty()).then(|| self.give_back(None))
    }

    /// Part of a frame has been received, if only of its header.
    pub fn mid_frame(&self) -> bool {
        match self.stage {
            Stage::Header => self.held > 0,
            Stage::Over => false,
            Stage::Data | Stage::Control | Stage::Pong => true,
        }
    }

    fn held_header(&self) -> &[u8] {
        &self.head[..usize::from(self.held)]
    }

    fn gate(&self) -> Gate<'_> {
        let joined = self.payload.len() as u64;
        Gate {
            role: self.role,
            rules: &self.rules,
            open: self.open,
            deflates: self.inflater.is_some(),
            compressed: self.compressed,
            joined,
        }
    }

    fn read_header(&mut self, rest: &mut &[u8]) -> Result<Option<Item<P>>, Error> {
        let held = usize::from(self.held);
        let bytes = if held == 0 {
            // The usual case: nothing is held back, the header is read where it lies.
            *rest
        } else {
            let end = MAX_HEADER.min(held + rest.len());
            self.head[held..end].copy_from_slice(&rest[..end - held]);
            &self.head[..end]
        };
        let Some(header) = Header::read(bytes, &self.gate())? else {
            // What doesn't complete a header fits the room for one.
            let end = held + rest.len();
            self.head[held..end].copy_from_slice(rest);
            self.held = end as u8;
            *rest = &[];
            return Ok(None);
        };
        self.held = 0;
        *rest = &rest[header.size - held..];
        self.begin(&header);
        // What came of a compressed message so far may end here, too.
        if header.len == 0 && !header.compressed {
            return self.finish();
        }
        Ok(None)
    }

    fn begin(&mut self, header: &Header) {
        self.frame = Frame::from(header);
        self.stage = match header.opcode {
            PING | CLOSE => Stage::Control,
            PONG => Stage::Pong,
            _ => Stage::Data,
        };
        if self.stage != Stage::Data {
            return;
        }
        if !self.unit.joins {
            self.unit = Unit::new(header.opcode, self.open);
        }
        if header.opcode == CONTINUATION {
            self.validates &= self.rules.strict;
        } else {
            self.validates = self.rules.strict && header.opcode == TEXT;
            self.utf8 = Utf8::default();
        }
        self.open = !header.fin;
        self.compressed = header.compressed;
        if let Some(inflater) = &mut self.inflater {
            inflater.begin_frame();
        }
    }

    fn read_payload(&mut self, rest: &mut &[u8]) -> Result<Option<Item<P>>, Error> {
        if self.frame.compressed {
            return self.read_compressed(rest);
        }
        let (bytes, behind) = rest.split_at(self.frame.within(rest.len()));
        *rest = behind;
        match self.stage {
            Stage::Data => {
                let utf8 = self.validates.then_some(&mut self.utf8);
                self.frame.store(&mut self.payload, bytes, utf8)?;
            }
            Stage::Control => {
                let control = self.control.get_or_insert_with(|| Box::new(P::new()));
                self.frame.store(control.as_mut(), bytes, None)?;
                let is_strict_close = self.frame.opcode == CLOSE && self.rules.strict;
                if is_strict_close && Close::is_hopeless(control.bytes_mut()) {
                    return Ok(Some(self.finish_control()));
                }
            }
            _ => self.frame.skip(bytes.len()),
        }
        self.proceed()
    }

    /// More payload has been dealt with: is an item due?
    fn proceed(&mut self) -> Result<Option<Item<P>>, Error> {
        if self.frame.remaining == 0 {
            return self.finish();
        }
        let is_due = self.in_pieces() && self.stage == Stage::Data && !self.payload.is_empty();
        Ok(is_due.then(|| Item::Data(self.give_back(None))))
    }

    /// Data is delivered as it comes.
    fn in_pieces(&self) -> bool {
        match self.rules.delivery {
            Delivery::Pieces => true,
            Delivery::Frames => self.frame.len > MAX_ASSEMBLED,
            Delivery::Messages => false,
        }
    }

    /// The frame is complete.
    fn finish(&mut self) -> Result<Option<Item<P>>, Error> {
        match mem::replace(&mut self.stage, Stage::Header) {
            Stage::Data => self.finish_data(),
            Stage::Control => Ok(Some(self.finish_control())),
            _ => Ok(Some(Item::Pong)),
        }
    }

    fn finish_data(&mut self) -> Result<Option<Item<P>>, Error> {
        let fin = self.frame.fin;
        if let Some(inflater) = self.inflater.as_mut().filter(|_| fin && self.compressed) {
            inflater.end_message();
        }
        if fin && self.validates && !self.utf8.is_complete() {
            return Err(Error::InvalidUtf8);
        }
        if !fin && self.rules.delivery == Delivery::Messages {
            self.unit.joins = true;
            return Ok(None);
        }
        Ok(Some(Item::Data(self.give_back(Some(fin)))))
    }

    fn finish_control(&mut self) -> Item<P> {
        let mut payload = self.control.take().map_or_else(P::new, |control| *control);
        if self.frame.opcode == PING {
            return Item::Ping(payload);
        }
        let close = Close::received(payload.bytes_mut(), self.rules.strict);
        self.end();
        Item::Close(close)
    }

    /// Everything assembled; `fin` is that of the frame it ends, if it ends one.
    fn give_back(&mut self, fin: Option<bool>) -> Data<P> {
        let Flags {
            opcode,
            is_final,
            is_fragment,
        } = self.unit.part(fin);
        Data {
            opcode,
            payload: mem::replace(&mut self.payload, P::new()),
            is_final,
            is_fragment,
            fin: self.frame.fin,
            masked: self.frame.is_masked(),
        }
    }

    fn fail(&mut self, error: Error) -> Item<P> {
        self.end();
        Item::Fail(error)
    }

    fn end(&mut self) {
        self.stage = Stage::Over;
        self.payload = P::new();
        self.control = None;
    }
}
