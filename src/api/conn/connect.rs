//! Client connections.

use std::ffi::{CStr, c_int};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::close::Ending;
use super::link::Phase;
use super::{Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::error::{self, Failure, Kind};
use crate::api::meanwhile;
use crate::api::opts::{Opts, Settings};
use crate::log::{Level, log};
use crate::protocol::{RequestFields, ResponseReader, accept_key, build_request, encode_key};
use crate::transport::connect::{self, Failure as ConnectFailure};
use crate::transport::is_tls;
use crate::transport::patience::SLICE;
use crate::transport::resolve::{self, Family};
use crate::transport::socket::{Fd, Readiness};

/// Where to, and what to ask for. The C constructors only differ in what they fill in.
pub struct Target<'a> {
    /// Which addresses of the host to use.
    pub family: Family,
    /// Whether to speak TLS.
    pub tls: bool,
    /// A socket of the caller's; `None` or negative: connect.
    pub socket: Option<c_int>,
    /// Name or address to connect to.
    pub host: Option<&'a CStr>,
    /// Port or service name.
    pub port: Option<&'a CStr>,
    /// `Host` header.
    pub host_name: Option<&'a CStr>,
    /// Request target.
    pub url: Option<&'a CStr>,
    /// `Sec-WebSocket-Protocol` header.
    pub protocols: Option<&'a CStr>,
    /// `Origin` header.
    pub origin: Option<&'a CStr>,
}

impl Conn {
    /// Connects and sends the request. `None` when there is nothing to release; a connection that
    /// is not ok when the failure came later. Drops the caller's reference on `opts` unless they
    /// are to be reused.
    pub fn connect(
        ctx: Option<&Arc<Ctx>>,
        opts: Option<&Arc<Opts>>,
        target: &Target<'_>,
    ) -> Option<Arc<Self>> {
        let settings = opts.map(|opts| opts.snapshot()).unwrap_or_default();
        let result = match ctx {
            Some(ctx) => Self::connect_in(ctx, opts, &settings, target).and_then(not_closed),
            None => Err(Failure::missing("ctx")),
        };
        if let Some(opts) = opts {
            Opts::release_if_needed(opts);
        }
        error::constructed(result.inspect_err(|failure| failure.tell(ctx, "can't connect")))
    }

    fn connect_in(
        ctx: &Arc<Ctx>,
        opts: Option<&Arc<Opts>>,
        settings: &Settings,
        target: &Target<'_>,
    ) -> Result<Arc<Self>, Failure> {
        let Some(host) = target.host else {
            return Err(Failure::missing("host_ip"));
        };
        // Called in a handler, it may be long until the loop writes.
        meanwhile::flush_here();
        let budget = Duration::from_micros(u64::try_from(ctx.timeout()).unwrap_or(0));
        let deadline = Instant::now() + budget.min(Duration::from_secs(86_400));
        let port = target
            .port
            .unwrap_or(if target.tls { c"443" } else { c"80" });
        let (fd, failure) = match target.socket.filter(|&fd| fd >= 0) {
            Some(fd) => (fd, None),
            None => match Self::reach(host, port, settings, target.family, deadline)? {
                Ok(fd) => (fd, None),
                Err(failure) => (-1, Some(failure)),
            },
        };
        let conn = Self::client(ctx, settings, target, host, port, fd);
        if let Some(failure) = failure {
            conn.fail_constructor(failure);
            return Ok(conn);
        }
        if target.tls {
            if let Err(failure) = Self::secure_client(&conn, opts, (host, port), deadline) {
                conn.fail_constructor(failure);
                Self::finish(&conn, Ending::Answer);
                return Ok(conn);
            }
        }
        Self::send_request(&conn, settings, deadline);
        Ok(conn)
    }

    /// A connected descriptor. The outer error leaves nothing behind; the inner one came after
    /// the attempt had begun.
    fn reach(
        host: &CStr,
        port: &CStr,
        settings: &Settings,
        family: Family,
        deadline: Instant,
    ) -> Result<Result<Fd, Failure>, Failure> {
        let addresses = resolve::resolve(host, port, family, false)
            .map_err(|text| Failure::new(Kind::Resolve, text))?;
        let addresses = connect::interleave(addresses);
        let to = || format!("{} port {}", host.to_string_lossy(), port.to_string_lossy());
        match connect::race(&addresses, settings.interface.as_deref(), deadline) {
            Ok(fd) => Ok(Ok(fd)),
            Err(ConnectFailure::Refused(error)) => {
                Err(Failure::new(Kind::Connect, format!("{}: {error}", to())))
            }
            Err(ConnectFailure::Failed(error)) => Ok(Err(Failure::new(
                Kind::Connect,
                format!("{}: {error}", to()),
            ))),
            Err(ConnectFailure::TimedOut) => Ok(Err(Failure::new(
                Kind::Timeout,
                format!("{}: no answer in time", to()),
            ))),
        }
    }

    /// The registered object: two references, the caller's and the registry's.
    fn client(
        ctx: &Arc<Ctx>,
        settings: &Settings,
        target: &Target<'_>,
        host: &CStr,
        port: &CStr,
        fd: Fd,
    ) -> Arc<Self> {
        let conn = Self::make(ctx, Role::Client, 1, None);
        let name = target.host_name.unwrap_or(host).to_bytes();
        let window = &conn.window;
        let derived;
        let origin = match target.origin {
            Some(origin) => origin.to_bytes(),
            None => {
                derived = [b"http://", name].concat();
                &derived
            }
        };
        conn.lend_all(&[
            (&window.host, Some(host.to_bytes())),
            (&window.port, Some(port.to_bytes())),
            (&window.host_name, Some(name)),
            (&window.get_url, target.url.map(CStr::to_bytes)),
            (&window.protocols, target.protocols.map(CStr::to_bytes)),
            (&window.origin, Some(origin)),
        ]);
        conn.limits().set(settings);
        // A loop in another thread must not read before the request is out.
        conn.hidden.store(true, Ordering::Release);
        {
            let mut link = conn.link.lock();
            link.secure = target.tls;
            link.replace_stream(fd, false);
        }
        window.session.store(fd, Ordering::Release);
        Ctx::register(ctx, &conn);
        conn
    }

    fn fail_constructor(&self, failure: Failure) {
        log!(
            &self.ctx,
            Level::Critical,
            "conn id {}: {}",
            self.id(),
            failure.text().to_string_lossy()
        );
        self.fail(failure);
    }

    /// Writes the request and starts reading the response.
    fn send_request(this: &Arc<Self>, settings: &Settings, deadline: Instant) {
        let mut nonce = [0; 16];
        crate::random::fill(&mut nonce);
        let key = encode_key(nonce);
        let bytes = |text: Option<&CStr>| text.map(|text| text.to_bytes().to_vec());
        let (url, host, origin, protocols) = this.request_texts();
        let deflate = settings
            .compression
            .resolve(&this.ctx.settings.compression());
        let request = build_request(&RequestFields {
            url: &url,
            host: &host,
            key: &key,
            version: this.ctx.settings.version(),
            origin: settings.add_origin.then_some(origin.as_slice()),
            cookie: settings.cookie.as_deref().map(CStr::to_bytes),
            protocols: protocols.as_deref(),
            deflate: deflate.as_ref(),
            extra: bytes(settings.extra_headers.as_deref()).as_deref(),
        });
        {
            let mut link = this.link.lock();
            link.out.append(&[&request]);
            link.phase = Phase::Idle;
        }
        if let Err(failure) = Self::write_request(this, deadline) {
            this.fail_constructor(failure);
            // Nobody needs half a request.
            this.link.lock().out.drop_backlog();
            Self::finish(this, Ending::Shutdown);
            return;
        }
        {
            let mut link = this.link.lock();
            if link.transport.is_none() {
                return;
            }
            let reader = ResponseReader::new(accept_key(key.as_bytes()), deflate);
            link.phase = Phase::Response(Box::new(reader));
        }
        this.hidden.store(false, Ordering::Release);
        Ctx::arm(&this.ctx, this);
    }

    pub(super) fn request_texts(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>, Option<Vec<u8>>) {
        (
            self.lent(self.requested_url())
                .unwrap_or_else(|| b"/".to_vec()),
            self.lent(self.host_header()).unwrap_or_default(),
            self.lent(self.origin()).unwrap_or_default(),
            self.lent(self.requested_protocol()),
        )
    }

    fn write_request(this: &Arc<Self>, deadline: Instant) -> Result<(), Failure> {
        loop {
            let error = {
                let mut link = this.link.lock();
                match link.attempt_queue() {
                    Ok(true) => return Ok(()),
                    Ok(false) => None,
                    Err(error) => Some(error),
                }
            };
            match error {
                // A socket of the caller's may still be connecting.
                Some(error) if error.raw_os_error() != Some(libc::ENOTCONN) => {
                    return Err(Self::why_unsent(this, &error));
                }
                _ => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::new(
                    Kind::Timeout,
                    "the request could not be sent in time",
                ));
            }
            Self::wait_for(
                this,
                this.descriptor(),
                Readiness::Writable,
                left.min(SLICE),
            );
        }
    }

    /// The request could not be sent. A server that refuses a TLS client says so before it goes.
    fn why_unsent(this: &Arc<Self>, error: &io::Error) -> Failure {
        let mut link = this.link.lock();
        let secure = link.secure;
        let stream = link.transport.as_mut().filter(|_| secure);
        let said = stream.and_then(|stream| stream.read([0].as_mut_slice().into()).err());
        match said {
            Some(said) if is_tls(&said) => Failure::new(Kind::Tls, said.to_string()),
            _ => Failure::new(Kind::Connect, error.to_string()),
        }
    }
}

/// A handler may have closed the connection while it was being made, and with that given back the
/// reference that the constructor's caller would get.
fn not_closed(conn: Arc<Conn>) -> Result<Arc<Conn>, Failure> {
    if conn.destroyed.load(Ordering::Acquire) {
        return Err(Failure::new(Kind::Rejected, "closed by a handler"));
    }
    Ok(conn)
}

/// A connected or connecting IPv4 descriptor, non-blocking; -1 on failure.
pub fn connect_socket(
    ctx: Option<&Arc<Ctx>>,
    host: &CStr,
    port: &CStr,
    interface: Option<&CStr>,
) -> c_int {
    let result = resolve::resolve(host, port, Family::V4, false)
        .map_err(|text| Failure::new(Kind::Resolve, text))
        .and_then(|addresses| {
            connect::start_first(&addresses, interface)
                .map_err(|error| Failure::new(Kind::Connect, error.to_string()))
        });
    result
        .inspect_err(|failure| failure.tell(ctx, "can't connect"))
        .unwrap_or(-1)
}
