//! Accepted connections.

use std::ffi::{CStr, CString, c_int};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::close::Ending;
use super::link::Phase;
use super::{Conn, Role};
use crate::api::ctx::Ctx;
use crate::api::error::{self, Errno, Failure, Kind};
use crate::api::meanwhile;
use crate::api::opts::Opts;
use crate::log::{Level, log};
use crate::protocol::RequestReader;
use crate::sync::relock;
use crate::transport::patience::{Patience, SLICE};
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

impl Conn {
    /// Accepts the next connection; waits for one if the application believes the listener to
    /// be blocking. When `accept` itself fails, errno says why.
    pub fn accept(
        ctx: Option<&Arc<Ctx>>,
        listener: Option<&Arc<Self>>,
    ) -> (Option<Arc<Self>>, Errno) {
        let mut errno = Errno::Keep;
        let wrapped = accepting(ctx, listener).and_then(|(ctx, listener)| {
            let listening = listener.descriptor();
            let accepted = accept_fd(listening, || listener.descriptor() == listening);
            let fd = accepted.map_err(|error| {
                errno = Errno::of(&error);
                Failure::new(
                    Kind::Io,
                    format!("listener, descriptor {listening}: {error}"),
                )
            })?;
            let conn = Self::wrap(ctx, listener, fd, false);
            let conn = conn.inspect_err(|_| socket::close_only(fd))?;
            Ok(((ctx, listener), conn))
        });
        (Self::admitted(ctx, wrapped), errno)
    }

    /// As [`Self::accept`], for the loop: never waits, because the loop has seen to the listener's
    /// mode, and to whether it [passes TCP_NODELAY on](socket::passes_nodelay).
    pub(crate) fn accept_ready(ctx: &Arc<Ctx>, listener: &Arc<Self>, nodelay: bool) -> Accepted {
        let listening = listener.descriptor();
        if listening == -1 {
            return Accepted::Failed;
        }
        match socket::accept(listening) {
            Ok(fd) => {
                match Self::wrap(ctx, listener, fd, nodelay) {
                    Ok(conn) => drop(Self::complete(ctx, listener, &conn)),
                    Err(failure) => {
                        failure.tell(Some(ctx), "can't accept");
                        socket::close_only(fd);
                    }
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
    pub fn accept_socket(
        ctx: Option<&Arc<Ctx>>,
        listener: Option<&Arc<Self>>,
        fd: c_int,
    ) -> Option<Arc<Self>> {
        let wrapped = accepting(ctx, listener).and_then(|(ctx, listener)| {
            let conn = Self::wrap(ctx, listener, fd, false)?;
            socket::set_blocking(fd, true);
            Ok(((ctx, listener), conn))
        });
        Self::admitted(ctx, wrapped)
    }

    /// What a constructor returns that accepts: the connection, if the handlers let it in.
    fn admitted(
        ctx: Option<&Arc<Ctx>>,
        wrapped: Result<(Accepting<'_>, Arc<Self>), Failure>,
    ) -> Option<Arc<Self>> {
        let wrapped = wrapped.inspect_err(|failure| failure.tell(ctx, "can't accept"));
        let admitted =
            wrapped.and_then(|((ctx, listener), conn)| Self::complete(ctx, listener, &conn));
        error::constructed(admitted)
    }

    /// Finishes what [`Self::from_socket`] began.
    pub fn accept_complete(
        ctx: Option<&Arc<Ctx>>,
        listener: Option<&Arc<Self>>,
        conn: Option<&Arc<Self>>,
        fd: c_int,
        tls: bool,
    ) -> bool {
        const ATTEMPT: &str = "can't complete accepting";
        let Some(conn) = conn else {
            Failure::missing("conn").tell(ctx, ATTEMPT);
            return false;
        };
        let Some(ctx) = ctx else {
            Failure::missing("ctx").tell(Some(&conn.ctx), ATTEMPT);
            Self::finish(conn, Ending::Shutdown);
            return false;
        };
        ctx.parked.age();
        let Some(listener) = listener.filter(|_| fd >= 0) else {
            let failure = match listener {
                None => Failure::missing("listener"),
                Some(_) => unusable(fd),
            };
            failure.tell(Some(ctx), ATTEMPT);
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
    pub fn from_socket(ctx: Option<&Arc<Ctx>>, fd: c_int) -> Option<Arc<Self>> {
        let result = ctx.ok_or_else(|| Failure::missing("ctx"));
        let result = result.and_then(|ctx| Self::of_socket(ctx, fd));
        error::constructed(result.inspect_err(|failure| failure.tell(ctx, "can't wrap")))
    }

    fn of_socket(ctx: &Arc<Ctx>, fd: c_int) -> Result<Arc<Self>, Failure> {
        if fd <= 0 {
            return Err(unusable(fd));
        }
        let conn = if socket::is_listening(fd) {
            let conn = Self::make(ctx, Role::Listener, 0, Some(&Peer::unknown()));
            conn.window.session.store(fd, Ordering::Release);
            conn
        } else {
            let peer = match socket::peer(fd) {
                Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => Ok(Peer::unknown()),
                peer => peer,
            };
            Self::accepted(ctx, fd, &peer.map_err(|error| no_peer(fd, &error))?)
        };
        Ctx::register(ctx, &conn);
        Ok(conn)
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

    /// The object of a socket that `listener` accepted, registered but not yet served. With
    /// `nodelay` the socket has TCP_NODELAY already.
    fn wrap(
        ctx: &Arc<Ctx>,
        listener: &Arc<Self>,
        fd: Fd,
        nodelay: bool,
    ) -> Result<Arc<Self>, Failure> {
        if fd <= 0 {
            return Err(unusable(fd));
        }
        // `accept` could tell the address, too, but not that this peer has reset it meanwhile.
        let peer = socket::peer(fd).map_err(|error| no_peer(fd, &error))?;
        if !nodelay {
            socket::set_nodelay(fd, true);
        }
        let conn = Self::accepted(ctx, fd, &peer);
        // The loop must not read before on_accept has seen it.
        conn.hidden.store(true, Ordering::Release);
        relock(&conn.cold).listener = Arc::downgrade(listener);
        conn.inherit(listener);
        Ctx::register(ctx, &conn);
        Ok(conn)
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
    ) -> Result<Arc<Self>, Failure> {
        if Self::admit(ctx, listener, conn, false) {
            return Ok(Arc::clone(conn));
        }
        let why = conn.failure();
        Self::refuse_accept(conn, false);
        Err(why.unwrap_or_else(|| Failure::new(Kind::Rejected, "closed by its handler")))
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

/// What is needed to accept.
type Accepting<'a> = (&'a Arc<Ctx>, &'a Arc<Conn>);

fn accepting<'a>(
    ctx: Option<&'a Arc<Ctx>>,
    listener: Option<&'a Arc<Conn>>,
) -> Result<Accepting<'a>, Failure> {
    let ctx = ctx.ok_or_else(|| Failure::missing("ctx"))?;
    let listener = listener.ok_or_else(|| Failure::missing("listener"))?;
    Ok((ctx, listener))
}

fn unusable(session: Fd) -> Failure {
    let text = format!("session {session} is no usable descriptor");
    Failure::new(Kind::Argument, text)
}

fn no_peer(session: Fd, error: &io::Error) -> Failure {
    let text = format!("session, descriptor {session}, has no peer: {error}");
    Failure::new(Kind::Io, text)
}

/// Accepts on a listening descriptor; waits where the application believes it to be blocking, as
/// long as `usable`.
pub(crate) fn accept_fd(listening: Fd, usable: impl Fn() -> bool) -> io::Result<Fd> {
    // On what doesn't listen the system says so at once.
    let waits = socket::is_listening(listening)
        && (socket::is_blocking(listening) || socket::mode_taken_over(listening));
    let mut patience = Patience::default();
    loop {
        // Not in `accept` itself: that would go on after another thread has closed the listener.
        while waits && !socket::wait_for(listening, Readiness::Readable, Duration::ZERO) {
            let in_time = patience.spend(listening, Readiness::Readable, SLICE, |slice| {
                meanwhile::wait_for(None, listening, Readiness::Readable, slice);
            });
            if !in_time {
                return Err(io::Error::from_raw_os_error(libc::EWOULDBLOCK));
            }
            if !usable() {
                return Err(io::Error::from_raw_os_error(libc::EBADF));
            }
        }
        match socket::accept(listening) {
            // Another process was faster.
            Err(error) if waits && would_block(&error) => {}
            result => return result,
        }
    }
}
