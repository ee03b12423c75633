//! Sending frames.
//!
//! The kernel is asked first, without blocking, for what is queued and the new frame in one call.
//! What it doesn't take goes one of three ways: a non-blocking descriptor *owes* it to the program;
//! inside the loop's dispatch it becomes *backlog*, because the loop waits for no peer; any other
//! caller waits, outside the lock, in the order of the frames.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, Phase};
use super::{Conn, Role};
use crate::api::dispatch;
use crate::api::error::Errno;
use crate::log::{Level, log};
use crate::protocol::{self, Mask, encode_header};
use crate::transport::socket::{self, Readiness};

/// What to send.
pub struct SendFrame {
    /// The opcode; its low four bits are used.
    pub opcode: c_int,
    /// Whether it ends a message.
    pub fin: bool,
    /// Whether to mask; `None`: as the role demands.
    pub masked: Option<bool>,
    /// Whether it takes part in the tracking of fragmented messages.
    pub track: bool,
    /// A pause between header and payload, in µs.
    pub sleep_us: c_long,
}

/// Frames up to this size are gathered …
const GATHER_FRAME: usize = 4 * 1024;
/// … up to this much.
const GATHER_TOTAL: usize = 64 * 1024;
/// Above this backlog the loop reads nothing from the peer.
pub(super) const PAUSE_ABOVE: usize = 1024 * 1024;
/// A peer that takes less than this in each window is not worth waiting for.
const SLOW_BYTES: usize = 16 * 1024;
const SLOW_WINDOW: Duration = Duration::from_secs(2);
/// See the waits of `read`.
const SLICE: Duration = Duration::from_millis(100);
/// What `__force_stop_after_header` pauses for.
const FORCED_PAUSE: Duration = Duration::from_secs(5);
/// The largest payload whose frame an `int` result can speak of.
const LARGEST: usize = c_int::MAX as usize - 14;

/// A frame ready to go, in one or two parts.
struct Frame<'a> {
    head: Vec<u8>,
    /// Empty for a masked frame: there the head holds all of it.
    body: &'a [u8],
    header: usize,
    opcode: u8,
    fin: bool,
    track: bool,
}

impl<'a> Frame<'a> {
    fn new(frame: &SendFrame, opcode: u8, masked: bool, content: &'a [u8]) -> Self {
        let mask = masked.then(crate::random::mask_key);
        let mut head = [0; 14];
        let header = encode_header(&mut head, frame.fin, opcode, mask, content.len() as u64);
        let mut bytes = Vec::with_capacity(if masked {
            header + content.len()
        } else {
            header
        });
        bytes.extend_from_slice(&head[..header]);
        if let Some(key) = mask {
            bytes.extend_from_slice(content);
            Mask::new(key).apply(&mut bytes[header..]);
        }
        Self {
            head: bytes,
            body: if masked { &[] } else { content },
            header,
            opcode,
            fin: frame.fin,
            track: frame.track,
        }
    }

    fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }

    fn payload(&self) -> c_int {
        c_int::try_from(self.size() - self.header).unwrap_or(c_int::MAX)
    }

    fn parts(&self) -> [&[u8]; 2] {
        [&self.head, self.body]
    }

    /// All of it from `written` on.
    fn rest(&self, written: usize) -> [&[u8]; 2] {
        let of_head = written.min(self.head.len());
        [&self.head[of_head..], &self.body[written - of_head..]]
    }

    fn bytes(&self) -> Vec<u8> {
        self.parts().concat()
    }

    /// The result for a frame of which `written` bytes are out: payload bytes, or -2 for none.
    fn short(&self, written: usize) -> c_int {
        match written.checked_sub(self.header) {
            None | Some(0) => -2,
            Some(payload) => c_int::try_from(payload).unwrap_or(c_int::MAX),
        }
    }
}

/// What one attempt to send came to.
enum Sent {
    /// Result and errno are final.
    Done(c_int, Errno),
    /// Queued up to this position of the stream; the caller is to wait for it.
    Wait(u64),
    /// Not accepted; the peer must take bytes first.
    Full,
}

impl Conn {
    /// Sends one frame. Returns its payload size, a smaller count or -2 when the rest is owed, or
    /// -1 when nothing was accepted.
    pub fn send(this: &Arc<Self>, frame: SendFrame, content: &[u8]) -> (c_int, Errno) {
        if this.is(Role::Listener) {
            log!(
                &this.ctx,
                Level::Critical,
                "conn id {}: a listener can't send",
                this.id()
            );
            return (-1, Errno::Keep);
        }
        if content.len() > LARGEST {
            log!(
                &this.ctx,
                Level::Critical,
                "length: {} is too large",
                content.len()
            );
            return (-1, Errno::Keep);
        }
        let masked = frame.masked.unwrap_or_else(|| this.is(Role::Client));
        let mut window: Option<(Instant, usize)> = None;
        loop {
            let (sent, backlog) = {
                let mut link = this.link.lock();
                if let Err(code) = link.may_send(this) {
                    return (-1, Errno::Set(code));
                }
                let wanted = u8::try_from(frame.opcode & 0x0f).unwrap_or(0);
                let opcode = if frame.track {
                    link.fragments.opcode(wanted)
                } else {
                    wanted
                };
                let built = Frame::new(&frame, opcode, masked, content);
                let pause = this.pause(&frame, &built);
                match pause {
                    Some((first, pause)) if link.begin_pause(&built, first) => {
                        drop(link);
                        return Self::send_slowly(this, &built, pause);
                    }
                    _ => (link.send(this, &built), link.out.has_backlog()),
                }
            };
            if backlog {
                this.ctx.note_backlog(this);
            }
            match sent {
                Sent::Done(result, errno) => return (result, errno),
                Sent::Wait(end) => {
                    let built = (content.len(), masked);
                    return Self::wait_written(this, end, built);
                }
                Sent::Full => {
                    // C contract: the handler of this very connection waits while the peer takes
                    // bytes at all; nobody else's connection is worth the loop's time.
                    let left = this.link.lock().out.left();
                    let (since, before) = *window.get_or_insert((Instant::now(), left));
                    if before.saturating_sub(left) >= SLOW_BYTES {
                        window = Some((Instant::now(), left));
                    } else if !dispatch::of(this) || since.elapsed() >= SLOW_WINDOW {
                        return Self::refuse_send(this);
                    }
                    let fd = this.descriptor();
                    socket::wait_for(fd, Readiness::Writable, SLICE);
                }
            }
        }
    }

    fn refuse_send(this: &Arc<Self>) -> (c_int, Errno) {
        let first = !std::mem::replace(&mut this.link.lock().stalled, true);
        if first {
            log!(
                &this.ctx,
                Level::Warning,
                "conn id {}: the peer doesn't read; frames are refused until it does",
                this.id()
            );
        }
        (-1, Errno::WOULD_BLOCK)
    }

    /// How many bytes to write before a pause, and how long that is.
    fn pause(&self, frame: &SendFrame, built: &Frame<'_>) -> Option<(usize, Duration)> {
        let forced = self
            .window
            .force_stop_after_header
            .load(std::sync::atomic::Ordering::Relaxed);
        if let Ok(first) = usize::try_from(forced) {
            if first > 0 && first < built.size() {
                return Some((first, FORCED_PAUSE));
            }
        }
        let micros = u64::try_from(frame.sleep_us).unwrap_or(0);
        (micros > 0).then(|| (built.header, Duration::from_micros(micros)))
    }

    /// The frame is queued and its first bytes are out; the rest follows after a pause in which
    /// nobody else may write.
    fn send_slowly(this: &Arc<Self>, built: &Frame<'_>, pause: Duration) -> (c_int, Errno) {
        socket::sleep(pause);
        let end = {
            let mut link = this.link.lock();
            link.out.hold(false);
            let end = link.out.end();
            if link.transport.is_none() {
                return (-1, Errno::DEAD);
            }
            link.flush();
            if link.out.has_written(end) {
                return (built.payload(), Errno::Keep);
            }
            if !socket::is_blocking(this.descriptor()) {
                return match link.out.owe_last(end, built.header, built.size()) {
                    Some(written) => (built.short(written), Errno::WOULD_BLOCK),
                    None => (built.payload(), Errno::Keep),
                };
            }
            if dispatch::inside(&this.ctx) {
                drop(link);
                Self::settle_backlog(this);
                return (built.payload(), Errno::Keep);
            }
            end
        };
        let masked = built.body.is_empty() && built.head.len() > built.header;
        Self::wait_written(this, end, (built.size() - built.header, masked))
    }

    /// A blocking send: waits until everything up to `end` is written.
    fn wait_written(
        this: &Arc<Self>,
        end: u64,
        (payload, masked): (usize, bool),
    ) -> (c_int, Errno) {
        let result = c_int::try_from(payload).unwrap_or(c_int::MAX);
        let fd = this.descriptor();
        let mut left = socket::send_timeout(fd);
        loop {
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            let started = Instant::now();
            socket::wait_for(fd, Readiness::Writable, slice);
            let mut link = this.link.lock();
            if link.transport.is_none() || this.descriptor() != fd {
                return (-1, Errno::DEAD);
            }
            link.flush();
            if link.out.has_written(end) {
                return (result, Errno::Keep);
            }
            if link.out.is_empty() {
                // A hard failure dropped it.
                return (-1, Errno::Set(libc::EPIPE));
            }
            if let Some(left) = &mut left {
                *left = left.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return link.give_up_waiting(end, payload, masked);
                }
            }
        }
    }

    /// An empty ping.
    pub fn ping(this: &Arc<Self>) -> (bool, Errno) {
        Self::control(this, protocol::PING, &[])
    }

    /// A pong with a payload.
    pub fn pong(this: &Arc<Self>, content: &[u8]) -> (bool, Errno) {
        Self::control(this, protocol::PONG, content)
    }

    fn control(this: &Arc<Self>, opcode: u8, content: &[u8]) -> (bool, Errno) {
        let frame = SendFrame {
            opcode: c_int::from(opcode),
            fin: true,
            masked: None,
            track: false,
            sleep_us: 0,
        };
        let (result, errno) = Self::send(this, frame, content);
        (result != -1, errno)
    }

    /// The answer to a ping: never waits, never fails the connection.
    pub(super) fn send_automatic_pong(this: &Arc<Self>, payload: &[u8]) {
        let frame = library_frame(protocol::PONG, payload, this.is_server());
        let gather = dispatch::of(this);
        {
            let mut link = this.link.lock();
            if !link.is_live() || link.close_sent {
                return;
            }
            if link.out.is_blocked() {
                link.flush();
            }
            if link.out.is_blocked() {
                link.out.append_pong(frame);
            } else {
                link.out.append(&[&frame]);
                // The loop writes at the end of the batch.
                if !gather || link.out.left() > GATHER_TOTAL {
                    link.flush();
                }
            }
        }
        Self::settle_backlog(this);
    }

    /// Has the loop know of unsent bytes.
    pub(super) fn settle_backlog(this: &Arc<Self>) {
        if this.has_backlog() {
            this.ctx.note_backlog(this);
        }
    }
}

/// A whole frame made by the library.
pub(super) fn library_frame(opcode: u8, payload: &[u8], server: bool) -> Vec<u8> {
    let frame = SendFrame {
        opcode: c_int::from(opcode),
        fin: true,
        masked: Some(!server),
        track: false,
        sleep_us: 0,
    };
    Frame::new(&frame, opcode, !server, payload).bytes()
}

impl Link {
    /// Whether a frame may go out now; the errno if not.
    fn may_send(&self, conn: &Conn) -> Result<(), c_int> {
        if self.transport.is_none() || !conn.is_ok() {
            return Err(libc::EBADF);
        }
        let early = match self.phase {
            Phase::Idle => true,
            // A server's frame must not overtake its 101; a client's may follow its request.
            Phase::Request(_) | Phase::Page(_) => true,
            Phase::Deciding => conn.is_server() && !self.replied,
            Phase::Response(_) | Phase::Open => false,
        };
        if early { Err(libc::ENOTCONN) } else { Ok(()) }
    }

    fn accepted(&mut self, frame: &Frame<'_>) {
        if frame.opcode == protocol::CLOSE {
            // RFC 6455 §5.5.1: a peer's close frame that answers this one gets no answer itself.
            self.close_sent = true;
        }
        if frame.track {
            self.fragments.sent(frame.opcode, frame.fin);
        }
        // The program goes on to its next frame: nobody will ask for the last one any more.
        self.out.take_credit();
    }

    /// Whether this frame may wait for the end of the loop's batch.
    fn may_gather(&self, conn: &Conn, size: usize) -> bool {
        size <= GATHER_FRAME
            && self.out.left() + size <= GATHER_TOTAL
            && !self.out.has_owed()
            && !self.out.is_held()
            && conn.ctx().settings.coalescing()
            && self.items_ahead(1) > 0
            && dispatch::of(conn)
    }

    fn send(&mut self, conn: &Conn, frame: &Frame<'_>) -> Sent {
        let size = frame.size();
        if self.may_gather(conn, size) {
            self.out.append(&frame.parts());
            self.accepted(frame);
            return Sent::Done(frame.payload(), Errno::Keep);
        }
        let Some(transport) = &mut self.transport else {
            return Sent::Done(-1, Errno::DEAD);
        };
        let before = self.out.left();
        let progress = self.out.write(transport, &frame.parts());
        self.out.add_credit(progress.owed);
        if self.out.left() < before {
            self.stalled = false;
        }
        if let Some(error) = progress.error {
            // Nobody reads any more. What the program was told is unfinished stays so.
            self.out.drop_backlog();
            return Sent::Done(-1, Errno::of(&error));
        }
        let written = progress.extra;
        if written == size && self.out.is_free() {
            self.accepted(frame);
            return Sent::Done(frame.payload(), Errno::Keep);
        }
        let behind = !self.out.is_free();
        if !socket::is_blocking(conn.descriptor()) {
            if behind {
                return Sent::Done(-1, Errno::WOULD_BLOCK);
            }
            self.accepted(frame);
            self.out.owe(frame.bytes(), frame.header, written);
            return Sent::Done(frame.short(written), Errno::WOULD_BLOCK);
        }
        if !dispatch::inside(conn.ctx()) {
            self.out.append(&frame.rest(written));
            self.accepted(frame);
            return Sent::Wait(self.out.end());
        }
        if behind && (self.stalled || self.out.left() + size > conn.max_pending()) {
            if self.stalled {
                return Sent::Done(-1, Errno::WOULD_BLOCK);
            }
            return Sent::Full;
        }
        self.out.append(&frame.rest(written));
        self.accepted(frame);
        Sent::Done(frame.payload(), Errno::Keep)
    }

    /// Queues the frame, writes its first bytes and stops there; false when something older is in
    /// the way, so that the frame is sent like any other.
    fn begin_pause(&mut self, frame: &Frame<'_>, first: usize) -> bool {
        self.flush();
        if !self.out.is_free() {
            return false;
        }
        let Some(transport) = &mut self.transport else {
            return false;
        };
        self.out.append(&frame.parts());
        self.out.write_some(transport, &[], first);
        self.out.hold(true);
        self.accepted(frame);
        true
    }

    /// The socket's send timeout has passed.
    fn give_up_waiting(&mut self, end: u64, payload: usize, masked: bool) -> (c_int, Errno) {
        let mut head = [0; 14];
        let mask = masked.then_some([0; 4]);
        let header = encode_header(&mut head, true, 0, mask, payload as u64);
        if self.out.withdraw(end, header + payload) {
            return (-1, Errno::WOULD_BLOCK);
        }
        match self.out.owe_last(end, header, header + payload) {
            Some(written) if written > header => {
                let sent = c_int::try_from(written - header).unwrap_or(c_int::MAX);
                (sent, Errno::WOULD_BLOCK)
            }
            Some(_) => (-2, Errno::WOULD_BLOCK),
            // Other frames stand behind it: it goes out with them.
            None => (c_int::try_from(payload).unwrap_or(c_int::MAX), Errno::Keep),
        }
    }
}
