//! What the connection's lock guards: the stream, the protocol on it, and what is in between.
//!
//! Nothing in here blocks, calls back, or outlives the lock.

use std::collections::VecDeque;
use std::io;

use crate::abi::cbuf::CBuf;
use crate::abi::counted::Owned;
use crate::abi::room::Room;
use crate::api::error::Errno;
use crate::api::msg::Msg;
use crate::protocol::deflate::{self, Deflater};
use crate::protocol::{
    Asked, Fragments, Item, Method, Receiver, Refusal, RequestReader, RequestRules, Response,
    ResponseError, ResponseReader, Role, Rules,
};
use crate::transport::{Transport, would_block};

use super::Conn;
use super::ahead::Ahead;
use super::outbox::Outbox;
use super::write::PAUSE_ABOVE;

/// How far the opening handshake is.
pub(crate) enum Phase {
    /// A listener, or a client whose request isn't out yet: nothing to read.
    Idle,
    /// Server: the TLS handshake comes first.
    #[cfg(feature = "tls")]
    Tls,
    /// Server: reading the request.
    Request(Box<RequestReader>),
    /// Client: reading the response.
    Response(Box<ResponseReader>),
    /// `on_open` or `on_ready` is being asked, without a lock.
    Deciding,
    /// `on_http` is being asked, without a lock: its answer may be given.
    Page(Method),
    /// Frames.
    Open,
}

impl Phase {
    /// A handler is being asked, or the constructor is at work.
    pub(crate) fn is_deciding(&self) -> bool {
        matches!(self, Self::Idle | Self::Deciding | Self::Page(_))
    }
}

/// Who reads.
pub(crate) enum How<'a> {
    /// A call of the program: takes no byte that doesn't belong to the frame at hand.
    Direct,
    /// The loop.
    Loop(&'a mut Reading),
    /// The loop, of what it has read already: even from a peer that has to read first.
    Ahead,
}

/// One turn of the loop at one connection.
pub(crate) struct Reading {
    /// The connection has the loop's buffer.
    pub(crate) lent: bool,
    /// And its queue.
    pub(crate) lent_queue: bool,
    /// There may be something to read at all.
    pub(crate) asked: bool,
    /// The event said that the peer has ended: a short read is not the last.
    pub(crate) closed: bool,
    /// The kernel has nothing more until the next event.
    pub(crate) drained: bool,
    /// Nor is anything left of what it gave: the item just received was the last.
    pub(crate) over: bool,
    /// What came of a read on the short way that has no way to deal with it.
    pub(super) unusual: Option<Got<usize>>,
    /// Reads left before others get their turn.
    pub(crate) rounds: u32,
    /// See [`Msg::recycle`].
    pub(crate) spare: Option<Owned<Msg>>,
    /// See [`Msg::into_memory`].
    pub(crate) memory: Option<Box<CBuf>>,
    pub(crate) rules: Rules,
    /// See [`Settings::rules_version`].
    ///
    /// [`Settings::rules_version`]: crate::api::ctx::settings::Settings::rules_version
    pub(super) rules_version: u32,
}

/// What came of an attempt to read an item.
pub(crate) enum Got<T> {
    Item(T),
    /// Nothing complete is there.
    Blocked,
    /// The stream has ended.
    End,
    Error(io::Error),
}

/// A finished request or response.
pub(crate) enum Opening {
    Request(Result<Asked, Refusal>),
    Response(Result<Response, ResponseError>),
}

/// Bytes of a frame that were more than a stream read had room for.
#[derive(Default)]
pub(crate) struct Leftover {
    pub(crate) bytes: VecDeque<u8>,
}

/// The locked part of a connection.
pub(crate) struct Link {
    /// `None` when there is no stream: a listener, or dead.
    pub(crate) transport: Option<Transport>,
    /// Nothing but TLS may go over the descriptor.
    pub(crate) secure: bool,
    /// The TLS of a descriptor that was taken out, should one be put in again.
    pub(super) detached: Option<Box<Transport>>,
    pub(crate) phase: Phase,
    pub(crate) receiver: Receiver<CBuf>,
    pub(crate) fragments: Fragments,
    /// Where permessage-deflate was negotiated.
    pub(crate) deflater: Option<Box<Deflater>>,
    pub(crate) out: Outbox,
    pub(crate) ahead: Ahead,
    /// What `nopoll_conn_read` took and the program has not asked for yet.
    pub(crate) leftover: Option<Box<Leftover>>,
    /// Shutting down: `on_close` runs or has run.
    pub(crate) closing: bool,
    pub(crate) close_sent: bool,
    /// Server: the 101 is out, so frames may follow.
    pub(crate) replied: bool,
    /// The peer takes nothing and the backlog is at its bound.
    pub(crate) stalled: bool,
    /// The loop stopped reading until the backlog has shrunk.
    pub(crate) paused: bool,
    /// A handler of the turn at hand has its frames wait for one another.
    pub(super) corked: bool,
}

/// Reads straight into a message from this size on; smaller ones share a read.
const DIRECT_PAYLOAD: usize = 16 * 1024;
/// Enough for a header, and for a control frame's payload in one go.
const HEAD: usize = 128;
const NO_STREAM: i32 = libc::EBADF;

impl Link {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            transport: None,
            secure: false,
            detached: None,
            phase: Phase::Idle,
            receiver: Receiver::new(role),
            fragments: Fragments::default(),
            deflater: None,
            out: Outbox::default(),
            ahead: Ahead::default(),
            leftover: None,
            closing: false,
            close_sent: false,
            replied: false,
            stalled: false,
            paused: false,
            corked: false,
        }
    }

    /// Whether anything may still be read or written.
    pub(crate) fn is_live(&self) -> bool {
        self.transport.is_some() && !self.closing
    }

    /// Nothing is here that has been read and not acted on.
    pub(crate) fn is_read_out(&self) -> bool {
        self.ahead.is_empty() && !self.receiver.holds() && self.pending() == 0
    }

    /// Complete items that are here already.
    pub(crate) fn items_ahead(&self, most: usize) -> usize {
        if self.is_read_out() || !matches!(self.phase, Phase::Open | Phase::Deciding) {
            return 0;
        }
        self.receiver.complete_items(self.ahead.bytes(), most)
    }

    /// Whether one is.
    #[inline]
    pub(crate) fn has_item_ahead(&self) -> bool {
        let is_known = self.ahead.whole() > 0 && matches!(self.phase, Phase::Open);
        let is_possible = !self.ahead.is_empty() || self.receiver.holds();
        is_known || is_possible && self.finds_item_ahead()
    }

    /// The same, by looking for it. Not inlined: hardly a message of a batch needs it.
    #[inline(never)]
    fn finds_item_ahead(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.whole_ahead() > 0 || self.items_ahead(1) > 0
    }

    /// Bytes of the whole message that comes next, 0 if that isn't what comes.
    #[inline]
    pub(super) fn whole_ahead(&self) -> usize {
        match self.ahead.whole() {
            0 => self.receiver.whole_size(self.ahead.bytes()),
            known => known,
        }
    }

    /// Whether the peer has to read our bytes before the loop reads its.
    pub(crate) fn must_pause(&mut self) -> bool {
        self.paused = self.out.left() > PAUSE_ABOVE && self.out.has_backlog();
        self.paused
    }

    /// One attempt to write what the constructor queued; true when it is out.
    pub(crate) fn attempt_queue(&mut self) -> io::Result<bool> {
        let Some(transport) = &mut self.transport else {
            return Err(io::Error::from_raw_os_error(NO_STREAM));
        };
        match self.out.write(transport, None).error {
            Some(error) => Err(error),
            None => Ok(self.out.is_empty()),
        }
    }

    /// One attempt to write what is unsent: payload bytes of an owed frame that went out, and a
    /// hard failure, if there was one.
    pub(super) fn write_queue(&mut self) -> (usize, Option<Errno>) {
        let Some(transport) = &mut self.transport else {
            return (0, None);
        };
        if self.out.is_empty() {
            return (0, None);
        }
        let before = self.out.left();
        let progress = self.out.write(transport, None);
        if self.out.left() < before {
            self.stalled = false;
        }
        if progress.error.is_some() {
            // Nobody reads any more. What the program was told is unfinished stays so.
            self.out.drop_backlog();
        }
        (progress.owed, progress.error.as_ref().map(Errno::of))
    }

    /// The same behind the program's back: progress of an owed frame becomes credit.
    pub(crate) fn flush(&mut self) -> Option<Errno> {
        let (owed, failure) = self.write_queue();
        self.out.add_credit(owed);
        failure
    }

    /// Whether the next thing here is a control frame.
    pub(crate) fn control_is_next(&self) -> bool {
        const CONTROL: u8 = 0x08;
        let first = self.ahead.bytes().first();
        !self.receiver.mid_frame()
            && first.is_some_and(|byte| byte & CONTROL != 0)
            && self.has_item_ahead()
    }

    /// Advances the handshake; consumes exactly up to the blank line, unless the loop reads ahead.
    pub(crate) fn next_opening(&mut self, how: &mut How<'_>, rules: &RequestRules) -> Got<Opening> {
        let got = self.read_opening(how, rules);
        if let (Got::End | Got::Error(_), Phase::Response(reader)) = (&got, &mut self.phase) {
            if let Some(error) = reader.cut_short() {
                return Got::Item(Opening::Response(Err(error)));
            }
        }
        got
    }

    fn read_opening(&mut self, how: &mut How<'_>, rules: &RequestRules) -> Got<Opening> {
        loop {
            if !self.ahead.is_empty() {
                let (used, opening) = feed(&mut self.phase, self.ahead.bytes(), rules);
                self.ahead.consume(used);
                match opening {
                    Some(opening) => return Got::Item(opening),
                    None => continue,
                }
            }
            let Some(transport) = &mut self.transport else {
                return Got::Error(io::Error::from_raw_os_error(NO_STREAM));
            };
            match how {
                How::Ahead => return Got::Blocked,
                How::Loop(reading) if !self.ahead.room().is_empty() => {
                    match reading.read(transport, self.ahead.room().into()) {
                        Got::Item(n) => self.ahead.filled(n),
                        Got::Blocked => return Got::Blocked,
                        Got::End => return Got::End,
                        Got::Error(error) => return Got::Error(error),
                    }
                }
                _ => {
                    let mut buffer = [0; 4096];
                    let seen = match transport.peek(buffer[..].as_mut().into()) {
                        Ok(0) => return Got::End,
                        Ok(n) => n,
                        Err(error) if would_block(&error) => {
                            how.drained();
                            return Got::Blocked;
                        }
                        Err(error) => return Got::Error(error),
                    };
                    let (used, opening) = feed(&mut self.phase, &buffer[..seen], rules);
                    if let Err(error) = discard(transport, &mut buffer, used) {
                        return Got::Error(error);
                    }
                    if let Some(opening) = opening {
                        return Got::Item(opening);
                    }
                }
            }
        }
    }

    /// The next item of the open connection.
    pub(crate) fn next_item(&mut self, how: &mut How<'_>, rules: &Rules) -> Got<Item<CBuf>> {
        loop {
            if !self.ahead.is_empty() || self.receiver.holds() {
                let (used, item) = self
                    .receiver
                    .feed_with(self.ahead.bytes(), rules, how.memory());
                self.ahead.consume(used);
                match item {
                    Some(item) => return Got::Item(item),
                    None => continue,
                }
            }
            let Some(transport) = &mut self.transport else {
                return Got::Error(io::Error::from_raw_os_error(NO_STREAM));
            };
            let read_ahead = match how {
                How::Loop(_) => !self.ahead.room().is_empty(),
                How::Direct | How::Ahead => false,
            };
            let large = !read_ahead || self.receiver.want() >= DIRECT_PAYLOAD;
            if large {
                if let Some(memory) = how.memory() {
                    self.receiver.lend(memory);
                }
                if let Some(slot) = self.receiver.slot(usize::MAX) {
                    match how.read(transport, slot) {
                        Got::Item(n) => match self.receiver.filled(n, rules) {
                            Some(item) => return Got::Item(item),
                            None => continue,
                        },
                        Got::Blocked => return Got::Blocked,
                        Got::End => return Got::End,
                        Got::Error(error) => return Got::Error(error),
                    }
                }
            }
            let got = if read_ahead {
                how.read(transport, self.ahead.room().into()).map(|n| {
                    self.ahead.filled(n);
                    None
                })
            } else if self.receiver.want() > HEAD {
                self.take::<{ deflate::INPUT }>(how, rules)
            } else {
                self.take::<HEAD>(how, rules)
            };
            match got {
                Got::Item(None) => {}
                Got::Item(Some(item)) => return Got::Item(item),
                Got::Blocked => return Got::Blocked,
                Got::End => return Got::End,
                Got::Error(error) => return Got::Error(error),
            }
        }
    }

    /// Reads what belongs to the frame at hand, at most `ROOM` bytes, by way of the stack.
    #[inline(never)]
    fn take<const ROOM: usize>(
        &mut self,
        how: &mut How<'_>,
        rules: &Rules,
    ) -> Got<Option<Item<CBuf>>> {
        let Some(transport) = &mut self.transport else {
            return Got::Error(io::Error::from_raw_os_error(NO_STREAM));
        };
        let mut bytes = [0; ROOM];
        let want = self.receiver.want().min(ROOM);
        how.read(transport, bytes[..want].as_mut().into())
            .map(|n| self.receiver.feed(&bytes[..n], rules).1)
    }
}

impl<T> Got<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Got<U> {
        match self {
            Self::Item(item) => Got::Item(change(item)),
            Self::Blocked => Got::Blocked,
            Self::End => Got::End,
            Self::Error(error) => Got::Error(error),
        }
    }
}

impl How<'_> {
    pub(super) fn drained(&mut self) {
        if let How::Loop(reading) = self {
            reading.drained = true;
        }
    }

    /// What a large message may come in.
    fn memory(&mut self) -> Option<&mut CBuf> {
        match self {
            How::Loop(reading) => reading.memory.as_deref_mut(),
            How::Direct | How::Ahead => None,
        }
    }

    fn read(&mut self, transport: &mut Transport, into: Room<'_>) -> Got<usize> {
        match self {
            How::Loop(reading) => reading.read(transport, into),
            How::Ahead if transport.pending() == 0 => Got::Blocked,
            How::Ahead | How::Direct => match transport.read(into) {
                Ok(0) => Got::End,
                Ok(n) => Got::Item(n),
                Err(error) if would_block(&error) => Got::Blocked,
                Err(error) => Got::Error(error),
            },
        }
    }
}

impl Reading {
    /// What holds for the next frame. Handlers change it hardly ever, and it has many sources.
    #[inline]
    pub(crate) fn update_rules(&mut self, conn: &Conn) {
        let version = conn.ctx.settings.rules_version();
        if version != self.rules_version {
            self.rules_version = version;
            self.rules = conn.rules();
        }
    }

    /// Notes whether there is anything behind the item just received.
    pub(super) fn note(&mut self, link: &Link) {
        self.over = self.drained && link.is_read_out();
    }

    /// Has the next [`Self::read`] give this.
    pub(super) fn put_back(&mut self, got: Got<usize>) {
        self.unusual = Some(got);
    }

    pub(super) fn read(&mut self, transport: &mut Transport, into: Room<'_>) -> Got<usize> {
        if let Some(got) = self.unusual.take() {
            return got;
        }
        if self.drained || self.rounds == 0 {
            return Got::Blocked;
        }
        self.rounds -= 1;
        let room = into.len();
        match transport.read(into) {
            Ok(0) => Got::End,
            Ok(n) => {
                // Edge-triggered: fewer bytes than asked for are all there were, unless the end of
                // the stream, which is no bytes, stands right behind them.
                self.drained = transport.is_drained(n, room) && !self.closed;
                Got::Item(n)
            }
            Err(error) if would_block(&error) => {
                self.drained = true;
                Got::Blocked
            }
            Err(error) => Got::Error(error),
        }
    }
}

fn feed(phase: &mut Phase, input: &[u8], rules: &RequestRules) -> (usize, Option<Opening>) {
    match phase {
        Phase::Request(reader) => {
            let (used, result) = reader.feed(input, rules);
            (used, result.map(Opening::Request))
        }
        Phase::Response(reader) => {
            let (used, result) = reader.feed(input);
            (used, result.map(Opening::Response))
        }
        #[cfg(feature = "tls")]
        Phase::Tls => (input.len(), None),
        Phase::Idle | Phase::Deciding | Phase::Page(_) | Phase::Open => (input.len(), None),
    }
}

/// Takes `n` bytes that were just peeked at.
fn discard(transport: &mut Transport, buffer: &mut [u8], n: usize) -> io::Result<()> {
    let mut left = n;
    while left > 0 {
        match transport.read(buffer[..left].as_mut().into())? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            taken => left -= taken,
        }
    }
    Ok(())
}
