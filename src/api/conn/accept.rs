//! Accepted connections.

use std::ffi::{CStr, CString, c_int};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::close::Ending;
use super::link::Phase;
use super::{Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::error::{Errno, Failure, Kind};
use crate::api::opts::Opts;
use crate::log::{Level, log};
use crate::protocol::RequestReader;
use crate::sync::relock;
use crate::transport::socket::{self, Fd, Peer, Readiness};
use crate::transport::would_block;

/// What came of an attempt to accept without waiting.
pub(crate) enum Accepted {
    /// A connection was dealt with; refused ones, too.
    Some,
    /// Nobody is waiting.
    None,
    /// No descriptor is left for whoever is waiting.
    Starved,
    /// The listener is unusable.
    Failed,
}

/// See the waits of `read`.
const SLICE: Duration = Duration::from_millis(100);

impl Conn {
    /// Accepts the next connection; waits for one if the application believes the listener to
    /// be blocking.
    pub fn accept(ctx: &Arc<Ctx>, listener: &Arc<Self>) -> Option<Arc<Self>> {
        let listening = listener.descriptor();
        let (fd, _) = accept_fd(listening, || listener.descriptor() == listening);
        if fd < 0 {
            log!(
                ctx,
                Level::Critical,
                "accept on descriptor {listening} failed"
            );
            return None;
        }
        let conn = Self::wrap(ctx, listener, fd);
        if conn.is_none() {
            socket::close_only(fd);
        }
        Self::complete(ctx, listener, &conn?, false)
    }

    /// As [`Self::accept`], for the loop: never waits, because the loop has seen to the listener's
    /// mode.
    pub(crate) fn accept_ready(ctx: &Arc<Ctx>, listener: &Arc<Self>) -> Accepted {
        let listening = listener.descriptor();
        if listening == -1 {
            return Accepted::Failed;
        }
        match socket::accept(listening) {
            Ok(fd) => {
                match Self::wrap(ctx, listener, fd) {
                    Some(conn) => drop(Self::complete(ctx, listener, &conn, false)),
                    None => socket::close_only(fd),
                }
                Accepted::Some
            }
            Err(error) if would_block(&error) => Accepted::None,
            Err(error) => match error.raw_os_error() {
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                    Accepted::Starved
                }
                // The peer was gone before we came.
                Some(libc::ECONNABORTED | libc::EPROTO | libc::EINTR) => Accepted::Some,
                _ => {
                    log!(
                        ctx,
                        Level::Critical,
                        "accept on descriptor {listening}: {error}"
                    );
                    Accepted::Failed
                }
            },
        }
    }

    /// Makes a connection of an accepted socket. On `None` before the handlers ran, the
    /// descriptor is still the caller's.
    pub fn accept_socket(ctx: &Arc<Ctx>, listener: &Arc<Self>, fd: c_int) -> Option<Arc<Self>> {
        let conn = Self::wrap(ctx, listener, fd)?;
        socket::set_blocking(fd, true);
        Self::complete(ctx, listener, &conn, false)
    }

    /// Finishes what [`Self::from_socket`] began.
    pub fn accept_complete(
        ctx: Option<&Arc<Ctx>>,
        listener: Option<&Arc<Self>>,
        conn: Option<&Arc<Self>>,
        fd: c_int,
        tls: bool,
    ) -> bool {
        let Some(conn) = conn else { return false };
        let Some(ctx) = ctx else {
            Self::finish(conn, Ending::Shutdown);
            return false;
        };
        ctx.parked.age();
        let Some(listener) = listener.filter(|_| fd >= 0) else {
            let name = if fd < 0 { "session" } else { "listener" };
            log!(
                ctx,
                Level::Critical,
                "accept_complete: {name} is not usable"
            );
            Self::refuse_accept(conn, true);
            return false;
        };
        if Arc::ptr_eq(listener, conn) && conn.is(Role::Listener) {
            conn.become_accepted(fd);
        }
        socket::set_blocking(fd, true);
        relock(&conn.cold).listener = Arc::downgrade(listener);
        conn.inherit(listener);
        let accepted = Self::admit(ctx, listener, conn, tls);
        if !accepted {
            Self::refuse_accept(conn, true);
        }
        accepted
    }

    /// Wraps a socket: a connected one becomes an accepted connection, a listening one a listener.
    pub fn from_socket(ctx: &Arc<Ctx>, fd: c_int) -> Option<Arc<Self>> {
        if fd <= 0 {
            log!(
                ctx,
                Level::Critical,
                "session: {fd} is no usable descriptor"
            );
            return None;
        }
        if socket::is_listening(fd) {
            let conn = Self::make(ctx, Role::Listener, 0, Some(&Peer::unknown()));
            conn.window.session.store(fd, Ordering::Release);
            Ctx::register(ctx, &conn);
            return Some(conn);
        }
        let peer = match socket::peer(fd) {
            Ok(peer) => peer,
            Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => Peer::unknown(),
            Err(error) => {
                log!(ctx, Level::Critical, "session: descriptor {fd}: {error}");
                return None;
            }
        };
        let conn = Self::accepted(ctx, fd, &peer);
        Ctx::register(ctx, &conn);
        Some(conn)
    }

    /// A registered listener on a listening descriptor: two references, the caller's and the
    /// registry's.
    pub(crate) fn listening(
        ctx: &Arc<Ctx>,
        opts: Option<&Arc<Opts>>,
        tls: bool,
        fd: Fd,
        host: &CStr,
        port: &CStr,
    ) -> Arc<Self> {
        let conn = Self::make(ctx, Role::Listener, 1, None);
        conn.lend_all(&[
            (&conn.window.host, Some(host.to_bytes())),
            (&conn.window.port, Some(port.to_bytes())),
        ]);
        if let Some(opts) = opts {
            conn.limits().set(&opts.snapshot());
            let mut cold = relock(&conn.cold);
            cold.opts = Some(Arc::clone(opts));
            cold.rare().adopted = Some(Arc::clone(opts));
        }
        conn.window.tls_on.store(tls.into(), Ordering::Release);
        conn.window.session.store(fd, Ordering::Release);
        Ctx::register(ctx, &conn);
        conn
    }

    /// Remembers a listener's certificate, key and chain files.
    pub(crate) fn store_certificate(&self, files: [Option<CString>; 3]) {
        let mut cold = relock(&self.cold);
        for (stored, file) in cold.rare().certificate.iter_mut().zip(files) {
            if file.is_some() {
                *stored = file;
            }
        }
    }

    /// The object of a socket that `listener` accepted, registered but not yet served.
    fn wrap(ctx: &Arc<Ctx>, listener: &Arc<Self>, fd: Fd) -> Option<Arc<Self>> {
        if fd <= 0 {
            log!(
                ctx,
                Level::Critical,
                "session: {fd} is no usable descriptor"
            );
            return None;
        }
        let peer = match socket::peer(fd) {
            Ok(peer) => peer,
            Err(error) => {
                log!(ctx, Level::Warning, "descriptor {fd} has no peer: {error}");
                return None;
            }
        };
        socket::set_nodelay(fd, true);
        let conn = Self::accepted(ctx, fd, &peer);
        // The loop must not read before on_accept has seen it.
        conn.hidden.store(true, Ordering::Release);
        relock(&conn.cold).listener = Arc::downgrade(listener);
        conn.inherit(listener);
        Ctx::register(ctx, &conn);
        Some(conn)
    }

    fn accepted(ctx: &Arc<Ctx>, fd: Fd, peer: &Peer) -> Arc<Self> {
        let conn = Self::make(ctx, Role::Accepted, 0, Some(peer));
        {
            let mut link = conn.link.lock();
            link.replace_stream(fd, false);
            link.phase = Phase::Request(Box::new(RequestReader::new()));
        }
        conn.window.session.store(fd, Ordering::Release);
        conn
    }

    /// Settings are taken over now: the listener may be gone when they are needed. Its options may
    /// have changed since they were given to it.
    fn inherit(&self, listener: &Arc<Self>) {
        self.limits().inherit(listener.limits());
        let opts = relock(&listener.cold).opts.clone();
        if let Some(opts) = &opts {
            opts.read(|settings| self.limits().set(settings));
        }
        relock(&self.cold).opts = opts;
    }

    /// A listener object that takes an accepted socket in its own place.
    fn become_accepted(self: &Arc<Self>, fd: Fd) {
        let peer = socket::peer(fd).unwrap_or_else(|_| Peer::unknown());
        // As any accepted connection: not to be read before on_accept has seen it.
        self.hidden.store(true, Ordering::Release);
        self.window
            .role
            .store(Role::Accepted as c_int, Ordering::Release);
        self.name(&peer);
        self.link.lock().secure = false;
        Self::set_socket(self, fd);
        self.link.lock().phase = Phase::Request(Box::new(RequestReader::new()));
    }

    /// Runs the handlers; a refused connection is ended.
    fn complete(
        ctx: &Arc<Ctx>,
        listener: &Arc<Self>,
        conn: &Arc<Self>,
        tls: bool,
    ) -> Option<Arc<Self>> {
        if Self::admit(ctx, listener, conn, tls) {
            return Some(Arc::clone(conn));
        }
        Self::refuse_accept(conn, false);
        None
    }

    fn admit(ctx: &Arc<Ctx>, listener: &Arc<Self>, conn: &Arc<Self>, tls: bool) -> bool {
        if let Some(hook) = ctx.hooks().on_accept.get() {
            if !hook.call(Ctx::as_c(ctx), Self::as_c(conn)) {
                log!(
                    ctx,
                    Level::Warning,
                    "conn id {}: on_accept refused",
                    conn.id()
                );
                conn.fail(Failure::new(Kind::Rejected, "on_accept refused"));
                return false;
            }
        }
        if !conn.is_ok() || conn.destroyed.load(Ordering::Acquire) {
            return false;
        }
        if tls || listener.is_tls_on() {
            if let Err(failure) = Self::secure_accepted(conn, listener) {
                let text = failure.text().to_string_lossy().into_owned();
                log!(ctx, Level::Critical, "conn id {}: TLS: {text}", conn.id());
                conn.fail(failure);
                return false;
            }
            if !conn.is_live() {
                return false;
            }
        }
        conn.hidden.store(false, Ordering::Release);
        Ctx::arm(ctx, conn);
        true
    }

    /// Ends a refused connection. With `park`, its memory stays for a `nopoll_conn_close` to come.
    fn refuse_accept(conn: &Arc<Self>, park: bool) {
        Self::finish(conn, Ending::Shutdown);
        let ctx = Arc::clone(&conn.ctx);
        if park {
            ctx.parked.add(Arc::clone(conn));
        }
        Ctx::unregister(&ctx, conn);
        if park && conn.ref_count() > 0 {
            // The program has a reference of its own; nothing needs to wait for it.
            ctx.parked.remove(conn);
        }
    }
}

/// Accepts on a listening descriptor; waits where the application believes it to be blocking, as
/// long as `usable`. Returns the descriptor, or -1 with errno.
pub(crate) fn accept_fd(listening: Fd, usable: impl Fn() -> bool) -> (c_int, Errno) {
    let waits = socket::is_blocking(listening) || socket::mode_taken_over(listening);
    let timeout = socket::receive_timeout(listening);
    loop {
        if waits {
            if let Err(errno) = wait_for_peer(listening, timeout, &usable) {
                return (-1, errno);
            }
        }
        match socket::accept(listening) {
            Ok(fd) => return (fd, Errno::Keep),
            // Another process was faster.
            Err(error) if waits && would_block(&error) => {}
            Err(error) => return (-1, Errno::of(&error)),
        }
    }
}

/// Waits for somebody to accept. Not in `accept` itself: that would go on after another thread has
/// closed the listener.
fn wait_for_peer(
    listening: Fd,
    timeout: Option<Duration>,
    usable: impl Fn() -> bool,
) -> Result<(), Errno> {
    let mut left = timeout;
    loop {
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        crate::api::run::flush_while_waiting();
        let ready = socket::wait_for(listening, Readiness::Readable, slice);
        if !usable() {
            return Err(Errno::DEAD);
        }
        if ready {
            return Ok(());
        }
        left = left.map(|left| left.saturating_sub(slice));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Errno::WOULD_BLOCK);
        }
    }
}
