//! Receiving: one item at a time, acted on in the order of the stream.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::close::Ending;
use super::handshake::Step;
use super::link::{Got, How, Phase};
use super::{Conn, Role};
use crate::abi::cbuf::CBuf;
use crate::abi::counted::Owned;
use crate::api::error::{Errno, Failure, Kind};
use crate::api::msg::Msg;
use crate::protocol::{Close, Item, Payload, Rules};
use crate::transport::patience::{Patience, SLICE};
use crate::transport::socket::{self, Readiness};
use crate::transport::would_block;

/// What came of an attempt to receive.
pub(crate) enum Received {
    Message(Owned<Msg>),
    /// A control frame was dealt with.
    Control,
    Blocked,
    /// The connection has ended, for this reason as far as the system knows one.
    Dead(Errno),
}

impl Conn {
    /// Receives one item; drives the handshake first.
    pub(crate) fn receive(this: &Arc<Self>, how: &mut How<'_>, rules: &Rules) -> Received {
        let got = loop {
            {
                let mut link = this.link.lock_here();
                if this.is_unfinished(&link) {
                    return Received::Blocked;
                }
                if !link.is_live() {
                    return Received::Dead(Errno::DEAD);
                }
                if matches!(how, How::Loop(_)) && link.must_pause() {
                    return Received::Blocked;
                }
                if matches!(link.phase, Phase::Open) {
                    let got = link.next_item(how, rules);
                    if let How::Loop(reading) = how {
                        reading.note(&link);
                    }
                    break got;
                }
            }
            match Self::handshake(this, how) {
                Step::Done => {}
                Step::Blocked => return Received::Blocked,
                Step::Dead(errno) => return Received::Dead(errno),
            }
        };
        match got {
            Got::Item(item) => Self::act(this, item),
            Got::Blocked => Received::Blocked,
            Got::End => Received::Dead(Self::lost(this, None)),
            Got::Error(error) => Received::Dead(Self::lost(this, Some(&error))),
        }
    }

    /// Acts on what was received, except a message.
    fn act(this: &Arc<Self>, item: Item<CBuf>) -> Received {
        match item {
            Item::Data(data) => match Msg::received(data) {
                Some(msg) => Received::Message(msg),
                None => {
                    this.fail(Failure::new(Kind::Io, "out of memory"));
                    Self::finish(this, Ending::Shutdown);
                    Received::Dead(Errno::Set(libc::ENOMEM))
                }
            },
            Item::Ping(payload) => {
                Self::answer_ping(this, payload);
                Received::Control
            }
            Item::Pong => Received::Control,
            Item::Close(close) => {
                Self::peer_closed(this, close);
                Received::Dead(Errno::ZERO)
            }
            Item::Fail(error) => {
                Self::fail_protocol(this, error);
                Received::Dead(Errno::ZERO)
            }
        }
    }

    /// RFC 6455 §5.5.2: a pong with the ping's payload, after the program has seen the ping.
    fn answer_ping(this: &Arc<Self>, mut payload: CBuf) {
        let body = payload.bytes_mut().to_vec();
        if let Some(hook) = this.handler(|hooks| &hooks.on_ping) {
            if let Some(msg) = Msg::ping(payload) {
                hook.call(this.ctx_ptr(), Self::as_c(this), Msg::as_c(&msg));
                drop(msg);
            }
        }
        Self::send_automatic_pong(this, &body);
    }

    /// RFC 6455 §5.5.1: the peer's close frame is answered, then the connection ends.
    fn peer_closed(this: &Arc<Self>, close: Close) {
        let status = c_int::from(close.status);
        this.window
            .peer_close_status
            .store(status, Ordering::Release);
        this.lend_all(&[(&this.window.peer_close_reason, close.reason.as_deref())]);
        if let Some(error) = close.error {
            this.log_violation(error);
            this.fail(Failure::new(Kind::Protocol, error.to_string()));
        } else {
            this.fail(Failure::new(
                Kind::PeerClosed,
                format!("the peer closed the connection with status {status}"),
            ));
        }
        let answer: Vec<u8> = close
            .answer
            .map_or_else(Vec::new, |code| code.to_be_bytes().to_vec());
        this.send_close(&answer);
        Self::finish(this, Ending::Answer);
    }

    /// The next message, or nothing; a blocking descriptor waits for one.
    pub(crate) fn get_msg(this: &Arc<Self>) -> (Option<Owned<Msg>>, Errno) {
        if this.is(Role::Listener) {
            return (None, Errno::WOULD_BLOCK);
        }
        if !this.is_ok() {
            return (None, Errno::DEAD);
        }
        Self::flush_backlog(this);
        let mut patience = Patience::default();
        loop {
            match Self::receive(this, &mut How::Direct, &this.rules()) {
                Received::Message(msg) => return (Some(msg), Errno::ZERO),
                Received::Control => return (None, Errno::ZERO),
                Received::Dead(errno) => return (None, errno),
                Received::Blocked => {
                    if this.is_deciding() || !Self::wait_if_blocking(this, &mut patience) {
                        return (None, Errno::WOULD_BLOCK);
                    }
                }
            }
        }
    }

    /// Waits a while for bytes if the descriptor is in blocking mode; false when it isn't, or when
    /// the socket's receive timeout has passed. Unsent bytes of ours are written meanwhile.
    pub(super) fn wait_if_blocking(this: &Arc<Self>, patience: &mut Patience) -> bool {
        let fd = this.descriptor();
        if fd == -1 || !socket::is_blocking(fd) {
            return false;
        }
        Self::wait_patiently(this, patience, fd, Readiness::Readable, SLICE)
    }

    /// Bytes and items that a read would find without the kernel.
    pub fn read_pending(&self) -> c_int {
        let link = self.link.lock();
        let below = link.pending();
        let leftover = link.leftover.as_ref().map_or(0, |left| left.bytes.len());
        let pending = leftover + below + link.items_ahead(usize::MAX);
        c_int::try_from(pending).unwrap_or(c_int::MAX)
    }

    /// One raw receive of bytes, beside the protocol.
    pub fn default_receive(this: &Arc<Self>, buffer: &mut [u8]) -> (c_int, Errno) {
        let count = |n| c_int::try_from(n).unwrap_or(c_int::MAX);
        let mut patience = Patience::default();
        loop {
            let result = {
                let mut link = this.link.lock();
                if link.secure {
                    return (-1, Errno::Set(libc::EINVAL));
                }
                if link.has_item_ahead() {
                    return (-1, Errno::WOULD_BLOCK);
                }
                if !link.ahead.is_empty() {
                    return (count(link.ahead.take(buffer)), Errno::Keep);
                }
                let Some(transport) = &mut link.transport else {
                    return (-1, Errno::DEAD);
                };
                transport.read(buffer.into())
            };
            match result {
                Ok(n) => return (count(n), Errno::Keep),
                Err(error)
                    if would_block(&error) && Self::wait_if_blocking(this, &mut patience) => {}
                Err(error) => return (-1, Errno::of(&error)),
            }
        }
    }
}
