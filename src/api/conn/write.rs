//! Sending frames.
//!
//! The kernel is asked first, without blocking, for what is queued and the new frame in one call.
//! What it doesn't take goes one of three ways: a non-blocking descriptor *owes* it to the program;
//! inside the loop's dispatch it becomes *backlog*, because the loop waits for no peer; any other
//! caller waits, outside the lock, in the order of the frames.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::{Frame, Shape};
use super::link::{Link, Phase};
use super::short::Short;
use super::{Conn, Role};
use crate::api::dispatch;
use crate::api::error::Errno;
use crate::log::{Level, log};
use crate::protocol::{self, Fragments, deflate::Deflater};
use crate::sync::Guard;
use crate::transport::Transport;
use crate::transport::patience::SLICE;
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

impl SendFrame {
    /// Data as the role demands.
    pub fn data(opcode: c_int, fin: bool) -> Self {
        Self {
            opcode,
            fin,
            masked: None,
            track: true,
            sleep_us: 0,
        }
    }
}

/// Frames up to this size are gathered …
pub(super) const GATHER_FRAME: usize = 4 * 1024;
/// … up to this much.
pub(super) const GATHER_TOTAL: usize = 64 * 1024;
/// Above this backlog the loop reads nothing from the peer.
pub(super) const PAUSE_ABOVE: usize = 1024 * 1024;
/// A peer that takes less than this in each window is not worth waiting for.
const SLOW_BYTES: usize = 16 * 1024;
const SLOW_WINDOW: Duration = Duration::from_secs(2);
/// What `__force_stop_after_header` pauses for.
const FORCED_PAUSE: Duration = Duration::from_secs(5);
/// The largest payload whose frame an `int` result can speak of.
pub(super) const LARGEST: usize = c_int::MAX as usize - 14;

/// What one attempt to send came to.
enum Sent {
    /// Result and errno are final.
    Done(c_int, Errno),
    /// Queued up to this position of the stream; the caller is to wait for it.
    Wait(u64, Accepted),
    /// Begun; the rest is to follow after a pause.
    Paused(Accepted, Duration),
    /// Not accepted; the peer must take bytes first.
    Full,
}

/// A frame that was accepted, and how things stood without it.
#[derive(Clone, Copy)]
struct Accepted {
    shape: Shape,
    fragments: Fragments,
    close_sent: bool,
    /// See [`Deflater::was_packing`].
    was_packing: bool,
    credit: usize,
}

impl Conn {
    /// Sends one frame; `served` says what [`Self::is_served_here`] does, for which callers have asked.
    /// Returns its payload size, a smaller count or -2 when the rest is owed, or -1 when nothing was
    /// accepted.
    pub fn send(
        this: &Arc<Self>,
        served: bool,
        frame: &SendFrame,
        content: &[u8],
    ) -> (c_int, Errno) {
        Self::send_now(this, this.link.lock(), served, frame, content, None)
    }

    /// As [`Self::send`], data as the role demands: with this opcode, as a part of a message or its end.
    /// Has one caller, which every reply comes by.
    #[inline(always)]
    pub fn send_data(
        this: &Arc<Self>,
        served: bool,
        (opcode, fin): (c_int, bool),
        content: &[u8],
    ) -> (c_int, Errno) {
        let mut link = this.link.lock_here();
        let begun = match link.send_short(this, served, (opcode, fin), content) {
            Some(Short::Sent) => {
                link.unlock_here();
                return (content.len() as c_int, Errno::Keep);
            }
            Some(Short::Gathered) => {
                link.unlock_here();
                this.ctx.note_backlog(this);
                return (content.len() as c_int, Errno::Keep);
            }
            Some(Short::Failed(errno)) => return (-1, errno),
            Some(Short::Begun(written)) => Some(written),
            None => None,
        };
        let frame = SendFrame::data(opcode, fin);
        Self::send_now(this, link, served, &frame, content, begun)
    }

    /// Sends it, or what is not `begun` of it, or waits until it can be.
    #[inline(never)]
    fn send_now<'a>(
        this: &'a Arc<Self>,
        mut link: Guard<'a, Link>,
        served: bool,
        frame: &SendFrame,
        content: &[u8],
        mut begun: Option<usize>,
    ) -> (c_int, Errno) {
        if let Some(why) = this.cannot_send(content.len()) {
            drop(link);
            log!(&this.ctx, Level::Critical, "conn id {}: {why}", this.id());
            return (-1, Errno::Keep);
        }
        let masked = frame.masked.unwrap_or_else(|| this.is(Role::Client));
        let mut window: Option<(Instant, usize)> = None;
        let mut followed = served && link.is_followed(this);
        loop {
            let sent = match begun.take() {
                Some(written) => link.go_on(this, frame, content, written),
                None => link.offer(this, followed, frame, masked, content),
            };
            let backlog = link.out.has_backlog();
            drop(link);
            if backlog {
                this.ctx.note_backlog(this);
            }
            match sent {
                Sent::Done(result, errno) => return (result, errno),
                Sent::Wait(end, frame) => return Self::wait_written(this, end, frame),
                Sent::Paused(frame, pause) => return Self::send_slowly(this, frame, pause),
                Sent::Full => {
                    // C contract: the handler of this very connection waits while the peer takes
                    // bytes at all; nobody else's connection is worth the loop's time.
                    let left = this.link.lock().out.left();
                    let (since, before) = *window.get_or_insert((Instant::now(), left));
                    if before.saturating_sub(left) >= SLOW_BYTES {
                        window = Some((Instant::now(), left));
                    } else if !this.is_served_here() || since.elapsed() >= SLOW_WINDOW {
                        return Self::refuse_send(this);
                    }
                    let fd = this.descriptor();
                    Self::wait_for(this, fd, Readiness::Writable, SLICE);
                }
            }
            link = this.link.lock();
            followed = this.is_served_here() && link.is_followed(this);
        }
    }

    /// What is wrong with the call, whatever the state of the connection.
    fn cannot_send(&self, size: usize) -> Option<&'static str> {
        if self.is(Role::Listener) {
            Some("a listener can't send")
        } else if size > LARGEST {
            Some("the length is too large")
        } else {
            None
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
    fn pause(&self, frame: &SendFrame, shape: Shape) -> Option<(usize, Duration)> {
        let forced = self
            .window
            .force_stop_after_header
            .load(std::sync::atomic::Ordering::Relaxed);
        if let Ok(first) = usize::try_from(forced) {
            if first > 0 && first < shape.size {
                return Some((first, FORCED_PAUSE));
            }
        }
        let micros = u64::try_from(frame.sleep_us).unwrap_or(0);
        (micros > 0).then(|| (shape.header, Duration::from_micros(micros)))
    }

    /// The frame is queued and its first bytes are out; the rest follows after a pause in which
    /// nobody else may write.
    fn send_slowly(this: &Arc<Self>, frame: Accepted, pause: Duration) -> (c_int, Errno) {
        socket::sleep(pause);
        let end = {
            let mut link = this.link.lock();
            link.out.hold(false);
            let end = link.out.end();
            if link.transport.is_none() {
                return (-1, Errno::DEAD);
            }
            let failure = link.flush();
            if link.out.has_written(end) {
                return (frame.shape.whole(), Errno::Keep);
            }
            if let Some(errno) = failure {
                return (-1, errno);
            }
            if !socket::is_blocking(this.descriptor()) {
                return link.owe_last(end, frame.shape);
            }
            if dispatch::inside(&this.ctx) {
                drop(link);
                Self::settle_backlog(this);
                return (frame.shape.whole(), Errno::Keep);
            }
            end
        };
        Self::wait_written(this, end, frame)
    }

    /// A blocking send: waits until everything up to `end` is written.
    fn wait_written(this: &Arc<Self>, end: u64, frame: Accepted) -> (c_int, Errno) {
        let fd = this.descriptor();
        let mut left = socket::send_timeout(fd);
        let mut held = false;
        loop {
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            let started = Instant::now();
            Self::wait_for_room(this, held, slice);
            let mut link = this.link.lock();
            if link.transport.is_none() || this.descriptor() != fd {
                return (-1, Errno::DEAD);
            }
            let failure = link.flush();
            if link.out.has_written(end) {
                return (frame.shape.whole(), Errno::Keep);
            }
            if let Some(errno) = failure {
                return (-1, errno);
            }
            if link.out.is_empty() {
                // Somebody else's attempt failed, and dropped it.
                return (-1, Errno::Set(libc::EPIPE));
            }
            held = link.out.is_held();
            if let Some(left) = &mut left {
                *left = left.saturating_sub(started.elapsed());
                if left.is_zero() {
                    return link.give_up_waiting(end, frame);
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
        let (result, errno) = Self::send(this, this.is_served_here(), &frame, content);
        (result != -1, errno)
    }

    /// The answer to a ping: never waits, never fails the connection.
    pub(super) fn send_automatic_pong(this: &Arc<Self>, payload: &[u8]) {
        let frame = library_frame(protocol::PONG, payload, this.is_server());
        let gather = this.is_served_here();
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
    Frame::new(&frame, opcode, !server, payload, None).bytes()
}

impl Link {
    /// Whether a frame may go out now; the errno if not.
    fn may_send(&self, conn: &Conn) -> Result<(), c_int> {
        if conn.is_unfinished(self) {
            return Err(libc::ENOTCONN);
        }
        if self.transport.is_none() || !conn.is_ok() {
            return Err(libc::EBADF);
        }
        let early = match self.phase {
            Phase::Idle => true,
            #[cfg(feature = "tls")]
            Phase::Tls => true,
            // A server's frame must not overtake its 101; a client's may follow its request.
            Phase::Request(_) | Phase::Page(_) => true,
            Phase::Deciding => conn.is_server() && !self.replied,
            Phase::Response(_) | Phase::Open => false,
        };
        if early { Err(libc::ENOTCONN) } else { Ok(()) }
    }

    /// One attempt at sending a frame.
    fn offer(
        &mut self,
        conn: &Conn,
        followed: bool,
        frame: &SendFrame,
        masked: bool,
        content: &[u8],
    ) -> Sent {
        if let Err(code) = self.may_send(conn) {
            return Sent::Done(-1, Errno::Set(code));
        }
        if self.closing && self.close_sent {
            // RFC 6455 §5.5.1: "The application MUST NOT send any more data frames after sending a
            // Close frame." C contract: sending is allowed, and pointless; a program that tells
            // everybody in its on_close may well include the one that has gone.
            let size = c_int::try_from(content.len()).unwrap_or(c_int::MAX);
            return Sent::Done(size, Errno::Keep);
        }
        let opcode = self.opcode(frame);
        let packs = |deflater: &Deflater| deflater.packs(opcode, content.len());
        if self.deflater.as_deref().is_some_and(packs) {
            // Compressing what isn't taken is waste, and costs the history of what was.
            if let Some(refusal) = self.refuses(conn, followed, content.len()) {
                return refusal;
            }
        }
        let packed = match &mut self.deflater {
            Some(deflater) => deflater.pack(opcode, frame.fin, content),
            None => None,
        };
        let built = Frame::new(frame, opcode, masked, content, packed);
        let paused = conn
            .pause(frame, built.shape)
            .and_then(|(first, pause)| self.begin_pause(&built, first, pause));
        let sent = paused.unwrap_or_else(|| self.send(conn, followed, &built));
        if let (Sent::Done(-1, _) | Sent::Full, Some(deflater)) = (&sent, &mut self.deflater) {
            deflater.take_back(deflater.was_packing(), built.shape.compressed);
        }
        sent
    }

    /// The opcode that a frame gets as the next one.
    fn opcode(&self, frame: &SendFrame) -> u8 {
        let wanted = (frame.opcode & 0x0f) as u8;
        if frame.track {
            self.fragments.opcode(wanted)
        } else {
            wanted
        }
    }

    fn accepted(&mut self, frame: &Frame<'_>) -> Accepted {
        let accepted = Accepted {
            shape: frame.shape,
            fragments: self.fragments,
            close_sent: self.close_sent,
            was_packing: self.deflater.as_deref().is_some_and(Deflater::was_packing),
            // The program goes on to its next frame: nobody will ask for the last one any more.
            credit: self.out.take_credit(),
        };
        if frame.opcode == protocol::CLOSE {
            // RFC 6455 §5.5.1: a peer's close frame that answers this one gets no answer itself.
            self.close_sent = true;
        }
        if frame.track {
            self.fragments.sent(frame.opcode, frame.fin);
        }
        accepted
    }

    /// Nothing of the frame was written, and nothing is queued behind it: it was never sent.
    fn withdrawn(&mut self, frame: Accepted) {
        self.fragments = frame.fragments;
        self.close_sent = frame.close_sent;
        self.out.add_credit(frame.credit);
        if let Some(deflater) = &mut self.deflater {
            deflater.take_back(frame.was_packing, frame.shape.compressed);
        }
    }

    /// Whether the batch of the loop that serves it goes on, or its handler says that more comes, so that
    /// frames may wait for the end of that.
    #[inline]
    pub(super) fn is_followed(&self, conn: &Conn) -> bool {
        (self.has_item_ahead() || self.corked) && conn.ctx().settings.coalescing()
    }

    /// Whether this frame may, if any.
    fn may_gather(&self, size: usize) -> bool {
        size <= GATHER_FRAME
            && self.out.left() + size <= GATHER_TOTAL
            && !self.out.has_owed()
            && !self.out.is_held()
    }

    fn send(&mut self, conn: &Conn, followed: bool, frame: &Frame<'_>) -> Sent {
        let size = frame.shape.size;
        if frame.opcode == protocol::CLOSE {
            self.out.place_pong();
        }
        if followed && self.may_gather(size) {
            self.out.append(&frame.parts());
            self.accepted(frame);
            return Sent::Done(frame.shape.whole(), Errno::Keep);
        }
        let Some(transport) = &mut self.transport else {
            return Sent::Done(-1, Errno::DEAD);
        };
        let before = self.out.left();
        let progress = self.out.write(transport, Some(frame.parts()));
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
            return Sent::Done(frame.shape.whole(), Errno::Keep);
        }
        if let Some(refusal) = self.refusal(conn, size) {
            return refusal;
        }
        self.keep_rest(conn, frame, written)
    }

    /// A frame that [`Self::send_short`] has begun.
    fn go_on(&mut self, conn: &Conn, frame: &SendFrame, content: &[u8], written: usize) -> Sent {
        let frame = Frame::new(frame, self.opcode(frame), false, content, None);
        self.keep_rest(conn, &frame, written)
    }

    /// Queues what the kernel didn't take of a frame, `written` bytes being out.
    fn keep_rest(&mut self, conn: &Conn, frame: &Frame<'_>, written: usize) -> Sent {
        let accepted = self.accepted(frame);
        if !socket::is_blocking(conn.descriptor()) {
            let counting = frame.shape.counting();
            self.out.owe(frame.bytes(), counting, written);
            return Sent::Done(frame.shape.short(written), Errno::WOULD_BLOCK);
        }
        self.out.append(&frame.rest(written));
        if dispatch::inside(conn.ctx()) {
            return Sent::Done(frame.shape.whole(), Errno::Keep);
        }
        Sent::Wait(self.out.end(), accepted)
    }

    /// Whether a frame of `size` bytes finds something older in its way, which must be out first.
    fn refusal(&self, conn: &Conn, size: usize) -> Option<Sent> {
        if self.out.is_free() {
            return None;
        }
        if !socket::is_blocking(conn.descriptor()) {
            return Some(Sent::Done(-1, Errno::WOULD_BLOCK));
        }
        if !dispatch::inside(conn.ctx()) {
            return None;
        }
        if self.stalled {
            return Some(Sent::Done(-1, Errno::WOULD_BLOCK));
        }
        (self.out.left() + size > conn.max_pending()).then_some(Sent::Full)
    }

    /// The same before a frame is made that will not be larger than `size`; what is older gets its
    /// chance first.
    fn refuses(&mut self, conn: &Conn, followed: bool, size: usize) -> Option<Sent> {
        if self.out.is_free() || followed && self.may_gather(size.min(GATHER_FRAME)) {
            return None;
        }
        self.flush();
        self.refusal(conn, size)
    }

    /// Queues the frame, writes its first bytes and stops there; `None` when something older is in
    /// the way, so that the frame is sent like any other.
    fn begin_pause(&mut self, frame: &Frame<'_>, first: usize, pause: Duration) -> Option<Sent> {
        self.flush();
        if !self.out.is_free() {
            return None;
        }
        let transport = self.transport.as_mut()?;
        self.out.append(&frame.parts());
        if let Some(error) = self.out.write_some(transport, None, first).error {
            self.out.drop_backlog();
            return Some(Sent::Done(-1, Errno::of(&error)));
        }
        self.out.hold(true);
        let accepted = self.accepted(frame);
        Some(Sent::Paused(accepted, pause))
    }

    /// The socket's send timeout has passed.
    fn give_up_waiting(&mut self, end: u64, frame: Accepted) -> (c_int, Errno) {
        let committed = self.transport.as_ref().map_or(0, Transport::committed);
        if !self.out.withdraw(end, frame.shape.size, committed) {
            return self.owe_last(end, frame.shape);
        }
        self.withdrawn(frame);
        (-1, Errno::WOULD_BLOCK)
    }

    /// The rest of the frame that ends at `end` becomes owed; if other frames stand behind it, it
    /// goes out with them.
    fn owe_last(&mut self, end: u64, shape: Shape) -> (c_int, Errno) {
        match self.out.owe_last(end, shape.counting(), shape.size) {
            Some(written) => (shape.short(written), Errno::WOULD_BLOCK),
            None => (shape.whole(), Errno::Keep),
        }
    }
}
