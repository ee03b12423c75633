//! The opening handshake, driven by whichever call comes along.
//!
//! `Reading → Deciding → Open`: in `Deciding` the program's handlers run, without a lock. Whoever
//! else looks at the connection meanwhile sees "not yet", and the loop is told afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::close::Ending;
use super::link::{Got, How, Link, Opening, Phase};
use super::ready::Ready;
use super::texts::Asking;
use super::{Conn, Role};
use crate::api::error::{Errno, Failure, Kind};
use crate::log::{Level, log};
use crate::protocol::deflate::{Agreement, Deflater, Inflater};
use crate::protocol::{
    Asked, Refusal, Request, RequestRules, Response, ResponseError, ResponseErrorKind, accept_key,
    build_refusal, build_response,
};
use crate::sync::relock;
use crate::transport::is_tls;
use crate::transport::patience::Patience;

/// Where an attempt to advance the handshake ended.
pub(super) enum Step {
    /// Complete.
    Done,
    Blocked,
    /// The connection has ended, for this reason as far as the system knows one.
    Dead(Errno),
}

/// Ended by what the peer sent, or by the program.
pub(super) const REFUSED: Step = Step::Dead(Errno::ZERO);

impl Conn {
    /// Advances the handshake with what is there.
    pub(super) fn handshake(this: &Arc<Self>, how: &mut How<'_>) -> Step {
        let rules = this.request_rules();
        let got = {
            let mut link = this.link.lock();
            if this.is_unfinished(&link) {
                return Step::Blocked;
            }
            if !link.is_live() {
                return Step::Dead(Errno::DEAD);
            }
            match link.phase {
                Phase::Open => return Step::Done,
                #[cfg(feature = "tls")]
                Phase::Tls => {
                    drop(link);
                    return Self::advance_tls(this, how);
                }
                Phase::Idle | Phase::Deciding | Phase::Page(_) => return Step::Blocked,
                Phase::Request(_) | Phase::Response(_) => {}
            }
            let got = link.next_opening(how, &rules);
            if matches!(got, Got::Item(_)) {
                link.phase = Phase::Deciding;
            }
            got
        };
        let step = match got {
            Got::Item(Opening::Request(Ok(Asked::Upgrade(request)))) => Self::answer(this, request),
            Got::Item(Opening::Request(Ok(Asked::Page(page)))) => {
                Self::answer_page(this, page);
                REFUSED
            }
            Got::Item(Opening::Request(Err(refusal))) => {
                Self::refuse(this, &refusal);
                REFUSED
            }
            Got::Item(Opening::Response(Ok(response))) => Self::accept_response(this, response),
            Got::Item(Opening::Response(Err(error))) => {
                Self::reject_response(this, error);
                REFUSED
            }
            Got::Blocked => return Step::Blocked,
            Got::End => return Step::Dead(Self::lost(this, None)),
            Got::Error(error) => return Step::Dead(Self::lost(this, Some(&error))),
        };
        if matches!((&step, how), (Step::Done, How::Direct)) {
            // A loop that looked while the handlers ran was sent away.
            this.ctx.touch(this, Ready::READ);
        }
        step
    }

    fn request_rules(&self) -> RequestRules {
        let opts = relock(&self.cold).opts.clone();
        let (skips_origin, compression) = match opts {
            Some(opts) => opts.read(|opts| (opts.skip_origin_check, opts.compression)),
            None => Default::default(),
        };
        RequestRules {
            version: self.ctx.settings.version(),
            lenient: self.lenient(),
            require_origin: self.is_server() && !skips_origin,
            pages: self.ctx.hooks().on_http.get().is_some(),
            deflate: compression.resolve(&self.ctx.settings.compression()),
        }
    }

    /// Server: the request is complete and well-formed.
    fn answer(this: &Arc<Self>, request: Request) -> Step {
        this.lend_request(&Asking {
            url: &request.url,
            host: request.host.as_deref(),
            origin: request.origin.as_deref(),
            protocols: request.protocol.as_deref(),
            cookie: request.cookie.as_deref(),
            real_ip: request.real_ip.as_deref(),
        });
        if let Some(hook) = this.ctx.hooks().on_open.get() {
            let accepted = hook.call(this.ctx_ptr(), Self::as_c(this));
            if !this.is_live() {
                return REFUSED;
            }
            if !accepted {
                let why = "on_open refused";
                Self::refuse(this, &Refusal { status: 403, why });
                return REFUSED;
            }
        }
        // C contract: the program's choice, else what the client asked for, whole and verbatim.
        let protocol = this.lent(this.accepted_protocol()).or(request.protocol);
        let (agreement, extensions) = request.deflate.unzip();
        let response = build_response(
            &accept_key(&request.key),
            protocol.as_deref(),
            extensions.as_deref(),
        );
        {
            let mut link = this.link.lock();
            if !link.is_live() {
                return REFUSED;
            }
            link.out.append(&[&response]);
            link.deflate(agreement);
            link.replied = true;
            link.flush();
        }
        Self::settle_backlog(this);
        Self::open(this)
    }

    /// Client: the server agreed.
    fn accept_response(this: &Arc<Self>, response: Response) -> Step {
        this.set_http_status(101);
        let protocol = response.protocol.as_deref();
        this.lend_all(&[(&this.window.accepted_protocol, protocol)]);
        this.link.lock().deflate(response.deflate);
        Self::open(this)
    }

    /// Both sides: tells the program and lets frames flow.
    fn open(this: &Arc<Self>) -> Step {
        log!(&this.ctx, Level::Debug, "conn id {}: ready", this.id());
        if !this.is_live() {
            return REFUSED;
        }
        // C contract: is_ready is true inside on_ready; reads still find nothing there.
        this.window.handshake_ok.store(1, Ordering::Release);
        let own = this.handler(|hooks| &hooks.on_ready);
        if let Some(hook) = own.or_else(|| this.ctx.hooks().on_ready.get()) {
            let accepted = hook.call(this.ctx_ptr(), Self::as_c(this));
            if !this.is_live() {
                return REFUSED;
            }
            if !accepted {
                let text = "on_ready refused";
                log!(&this.ctx, Level::Critical, "conn id {}: {text}", this.id());
                this.fail(Failure::new(Kind::Rejected, text));
                Self::finish(this, Ending::Shutdown);
                return REFUSED;
            }
        }
        let mut link = this.link.lock();
        if !link.is_live() {
            return REFUSED;
        }
        link.phase = Phase::Open;
        Step::Done
    }

    /// Server: answers with an HTTP error and ends the connection.
    pub(super) fn refuse(this: &Arc<Self>, refusal: &Refusal) {
        log!(
            &this.ctx,
            Level::Critical,
            "conn id {}: handshake refused with {}: {}",
            this.id(),
            refusal.status,
            refusal.why
        );
        let kind = match refusal.status {
            403 => Kind::Rejected,
            431 => Kind::Limit,
            _ => Kind::Http,
        };
        this.fail(Failure::new(kind, refusal.why));
        this.answer_http(&build_refusal(refusal.status, this.ctx.settings.version()));
        Self::finish(this, Ending::Answer);
    }

    /// One attempt to write an HTTP answer; the rest outlives the connection.
    pub(super) fn answer_http(&self, answer: &[u8]) {
        let mut link = self.link.lock();
        link.out.append(&[answer]);
        link.flush();
    }

    /// Client: the server did not agree.
    fn reject_response(this: &Arc<Self>, error: ResponseError) {
        this.set_http_status(error.status);
        relock(&this.cold).rare().location = error.location;
        let kind = match error.kind {
            ResponseErrorKind::Malformed | ResponseErrorKind::Status => Kind::Http,
            ResponseErrorKind::Rejected => Kind::Rejected,
            ResponseErrorKind::Limit => Kind::Limit,
            ResponseErrorKind::CutShort => Kind::PeerClosed,
        };
        let text = match error.status {
            0 | 101 => error.why.to_owned(),
            status => format!("{} (HTTP status {status})", error.why),
        };
        log!(&this.ctx, Level::Critical, "conn id {}: {text}", this.id());
        this.fail(Failure::new(kind, text));
        Self::finish(this, Ending::Shutdown);
    }

    /// The stream ended or broke without a close frame. Returns what `errno` is to say.
    pub(super) fn lost(this: &Arc<Self>, error: Option<&std::io::Error>) -> Errno {
        let failure = match error {
            None => Failure::new(Kind::PeerClosed, "the peer closed the connection"),
            Some(error) if is_tls(error) => Failure::new(Kind::Tls, error.to_string()),
            Some(error) => Failure::new(Kind::Io, error.to_string()),
        };
        log!(
            &this.ctx,
            Level::Debug,
            "conn id {}: {}",
            this.id(),
            failure.text().to_string_lossy()
        );
        this.fail(failure);
        let gone = error.and_then(std::io::Error::raw_os_error) == Some(libc::EBADF);
        let ending = if gone { Ending::Lost } else { Ending::Shutdown };
        Self::finish(this, ending);
        error.map_or(Errno::ZERO, Errno::of)
    }

    pub(super) fn is_live(&self) -> bool {
        self.link.lock().is_live() && self.is_ok()
    }

    /// Whether frames flow; drives the handshake if they don't yet.
    pub fn is_ready(this: &Arc<Self>) -> (bool, Errno) {
        if this.is(Role::Listener) || !this.is_ok() {
            return (false, Errno::Keep);
        }
        if this.is_open() {
            return (true, Errno::Keep);
        }
        let mut patience = Patience::default();
        loop {
            match Self::handshake(this, &mut How::Direct) {
                Step::Done => return (true, Errno::Keep),
                Step::Dead(_) => return (false, Errno::Keep),
                Step::Blocked if this.is_deciding() => return (false, Errno::WOULD_BLOCK),
                Step::Blocked => {
                    if !Self::wait_if_blocking(this, &mut patience) {
                        return (false, Errno::WOULD_BLOCK);
                    }
                }
            }
        }
    }

    /// A handler is being asked, or the constructor is at work: waiting for bytes is no use.
    pub(crate) fn is_deciding(&self) -> bool {
        let link = self.link.lock();
        link.phase.is_deciding() || self.is_unfinished(&link)
    }

    /// Whether the stream is still to come: who makes its TLS is being asked.
    pub(super) fn is_unfinished(&self, link: &Link) -> bool {
        link.transport.is_none() && !link.closing && self.is_ok()
    }

    /// Advances the handshake as [`Self::is_ready`] does.
    pub fn complete_handshake(this: &Arc<Self>) {
        Self::is_ready(this);
    }
}

impl Link {
    /// Messages may be compressed from here on, as was agreed.
    fn deflate(&mut self, agreement: Option<Agreement>) {
        if let Some(agreement) = agreement {
            self.deflater = Some(Box::new(Deflater::new(&agreement)));
            self.receiver.inflate_with(Inflater::new(&agreement));
        }
    }
}
