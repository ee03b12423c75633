//! How a connection ends.
//!
//! There is one way, [`Conn::finish`]: whoever comes first runs `on_close` and closes the socket,
//! everybody else finds nothing left to do.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::error::{Failure, Kind};
use crate::api::linger;
use crate::log::{Level, log};
use crate::protocol::{self, close_payload};
use crate::transport::socket;

use super::link::Link;

/// RFC 6455 §7.1.5: no close frame was received.
pub(super) const ABNORMAL: c_int = 1006;

/// What is due to the peer when the socket is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// `nopoll_conn_close`: unsent bytes get their chance even without a loop.
    Close,
    /// Shutdown, or the peer has gone: unsent bytes are left to a loop.
    Shutdown,
    /// An error frame or an HTTP answer: the peer must be able to read it.
    Answer,
    /// As `Shutdown`, without telling the program.
    Silent,
    /// The descriptor isn't ours any more.
    Lost,
}

impl Conn {
    /// Ends the connection at once, without a close frame.
    pub fn shutdown(this: &Arc<Self>) {
        Self::finish(this, Ending::Shutdown);
    }

    /// Sends a close frame if there is a WebSocket, ends the connection, unregisters it and drops
    /// the caller's reference.
    pub fn close(this: &Arc<Self>, status: c_int, reason: Option<&[u8]>) {
        if this.is_ok() {
            this.send_close(&close_payload(status, reason));
            Self::finish(this, Ending::Close);
        }
        let ctx = Arc::clone(&this.ctx);
        let registered = ctx.remove(this);
        // C contract: one further owner, if there is one, is the caller.
        if this.owner_count() > 0 {
            Self::release(this);
        }
        if registered {
            Self::transient_release(this);
        }
        ctx.parked.remove(this);
    }

    /// One attempt at a close frame. Never blocks; skipped when an older frame can't be finished.
    pub(super) fn send_close(&self, payload: &[u8]) {
        let server = self.is_server();
        let backlog = {
            let mut link = self.link.lock();
            if !link.is_live() || link.close_sent || !self.is_open() {
                return;
            }
            link.push_close(payload, server)
        };
        if backlog {
            // Whoever closes the socket takes the rest along.
            log!(
                &self.ctx,
                Level::Debug,
                "conn id {}: close frame is waiting",
                self.id()
            );
        }
    }

    /// RFC 6455 §7.1.7: fails the connection with a close frame that says why.
    pub(super) fn fail_protocol(this: &Arc<Self>, error: protocol::Error) {
        let kind = match error.close_code() {
            1009 => Kind::Limit,
            _ => Kind::Protocol,
        };
        this.log_violation(error);
        this.fail(Failure::new(kind, error.to_string()));
        this.send_close(&close_payload(c_int::from(error.close_code()), None));
        Self::finish(this, Ending::Answer);
    }

    /// Names what the peer did, and the switch that would tolerate it.
    pub(super) fn log_violation(&self, error: protocol::Error) {
        let hint = if error.is_matter_of_rules() {
            " (tolerated after nopoll_ctx_set_lenient, or with NOPOLL_LENIENT=1)"
        } else {
            ""
        };
        log!(
            &self.ctx,
            Level::Critical,
            "conn id {}: {error}{hint}",
            self.id()
        );
    }

    /// Runs `on_close` and closes the socket; false when somebody else already does.
    pub(crate) fn finish(this: &Arc<Self>, ending: Ending) -> bool {
        {
            let mut link = this.link.lock();
            if link.closing || !this.is_ok() {
                return false;
            }
            link.closing = true;
        }
        if ending != Ending::Silent {
            if let Some(hook) = this.handler(|hooks| &hooks.on_close) {
                hook.call(this.ctx_ptr(), Self::as_c(this));
            }
        }
        // The handler may have taken the descriptor over by storing -1: read it again.
        let (fd, (stream, rest)) = {
            let mut link = this.link.lock();
            let fd = this.window.session.swap(-1, Ordering::AcqRel);
            this.window.handshake_ok.store(0, Ordering::Release);
            (fd, link.end())
        };
        let watch = this.take_watch();
        this.ctx.note_dead(this);
        if fd != -1 && ending != Ending::Lost && !this.is(Role::Listener) {
            linger::dispose(&this.ctx, fd, watch, stream, rest, ending);
            return true;
        }
        this.ctx.end_watch(watch);
        if ending == Ending::Lost {
            socket::forget_mode(fd);
        } else if fd != -1 {
            socket::close_only(fd);
        }
        true
    }

    /// Replaces the stored descriptor; a negative one detaches it. Unsent bytes of ours are written
    /// first.
    pub fn set_socket(this: &Arc<Self>, fd: c_int) {
        let fd = fd.max(-1);
        Self::write_out(this);
        socket::forget_mode(this.descriptor());
        {
            let mut link = this.link.lock();
            link.replace_stream(fd, this.is(Role::Listener));
            this.window.session.store(fd, Ordering::Release);
        }
        let ctx = Arc::clone(&this.ctx);
        ctx.disarm(this);
        this.ready.reopen();
        if fd == -1 {
            ctx.note_dead(this);
        } else {
            Ctx::arm(&ctx, this);
        }
    }
}

impl Link {
    /// Queues a close frame and tries to write it; true when some of it is left.
    fn push_close(&mut self, payload: &[u8], server: bool) -> bool {
        self.flush();
        if self.out.has_owed() || self.out.is_held() {
            return false;
        }
        self.close_sent = true;
        self.out.place_pong();
        let frame = super::write::library_frame(protocol::CLOSE, payload, server);
        self.out.append(&[&frame]);
        self.flush();
        !self.out.is_empty()
    }
}
