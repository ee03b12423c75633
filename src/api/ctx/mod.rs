//! The context: registry, settings, handlers, and everything a wait needs to keep.

pub(crate) mod certificates;
pub(crate) mod looping;
pub(crate) mod registry;
pub(crate) mod settings;

use std::ffi::{CStr, c_char, c_int, c_long};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::abi::callbacks::{ActionFn, CreatorFn, HttpFn, MessageFn, PostCheckFn};
use crate::abi::hook::{Hook, HookCell};
use crate::abi::keep::Keep;
use crate::abi::types::{noPollConn, noPollCtx};
use crate::abi::window::CtxWindow;
use crate::abi::{environment, signals};
use crate::api::conn::Conn;
use crate::api::linger::Lingering;
#[cfg(feature = "tls")]
use crate::api::tls::Contexts;
use crate::api::{fork, parked};
use crate::log::{self, Level, log};
use crate::sync::{Lock, relock};
#[cfg(feature = "tls")]
use crate::transport::tls::IdentityFiles;
use certificates::{Certificates, Files};
use looping::Looping;
use registry::{Registry, Token};
use settings::Settings;

/// The context-wide handlers, read at the moment of each event.
pub struct CtxHooks {
    /// A TCP connection was accepted.
    pub on_accept: HookCell<ActionFn>,
    /// A client's request is complete; the answer is not out yet.
    pub on_open: HookCell<ActionFn>,
    /// The handshake is complete.
    pub on_ready: HookCell<ActionFn>,
    /// A message, for connections without a handler of their own.
    pub on_msg: HookCell<MessageFn>,
    /// A plain HTTP request.
    pub on_http: HookCell<HttpFn>,
    /// Makes the `SSL_CTX` of a TLS connection.
    pub creator: HookCell<CreatorFn>,
    /// Judges a finished TLS handshake.
    pub post_check: HookCell<PostCheckFn>,
}

/// From this many on, the list of connections with unsent bytes is gone through as it doubles.
const CROWD: usize = 64;

/// What the context's own lock guards.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) registry: Registry,
    certificates: Certificates,
}

/// `noPollCtx`.
#[repr(C)]
pub struct Ctx {
    window: CtxWindow,
    alive: Keep<Self>,
    log: log::Settings,
    /// The environment made the context lenient, and nobody has heard of it yet.
    lenient_untold: AtomicBool,
    hooks: CtxHooks,
    pub(crate) settings: Settings,
    pub(crate) tables: Lock<Tables>,
    pub(crate) looping: Looping,
    pub(crate) lingering: Lingering,
    pub(crate) parked: parked::Parked,
    /// Whether the registry has connections to collect.
    has_dead: AtomicBool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Contexts,
    /// Connections with unsent bytes of ours. May name some that have none any more.
    backlogged: Mutex<Vec<Weak<Conn>>>,
}

impl log::Sink for Ctx {
    fn settings(&self) -> &log::Settings {
        &self.log
    }
}

impl Ctx {
    /// A new context with one reference, the caller's.
    pub fn create() -> Arc<Self> {
        signals::survive_sigpipe();
        fork::install();
        let ctx = Arc::new(Self {
            window: CtxWindow::default(),
            alive: Keep::empty(),
            log: log::Settings::new(),
            lenient_untold: AtomicBool::new(false),
            hooks: CtxHooks {
                on_accept: HookCell::empty(),
                on_open: HookCell::empty(),
                on_ready: HookCell::empty(),
                on_msg: HookCell::empty(),
                on_http: HookCell::empty(),
                creator: HookCell::empty(),
                post_check: HookCell::empty(),
            },
            settings: Settings::new(),
            tables: Lock::new(Tables::default()),
            looping: Looping::new(),
            lingering: Lingering::new(),
            parked: parked::Parked::new(),
            #[cfg(feature = "tls")]
            tls: Contexts::new(),
            has_dead: AtomicBool::new(false),
            backlogged: Mutex::new(Vec::new()),
        });
        ctx.window.refs.store(1, Ordering::Relaxed);
        ctx.alive.put(Arc::clone(&ctx));
        fork::watch(&ctx);
        if environment::lenient() {
            // A program that can't be rebuilt gets noPoll's tolerance; see docs/migration.md.
            ctx.settings.set_lenient(true);
            ctx.settings.set_coalescing(false);
            ctx.settings.set_read_ahead(false);
            ctx.settings.set_checks_names(false);
            ctx.lenient_untold.store(true, Ordering::Relaxed);
        }
        ctx
    }

    /// Somebody may be listening to the log from now on: what could not be told before, is.
    pub fn catch_up_log(this: &Arc<Self>) {
        if log::wanted(this) && this.lenient_untold.swap(false, Ordering::Relaxed) {
            log!(
                this,
                Level::Warning,
                "NOPOLL_LENIENT=1: tolerating what RFC 6455 forbids"
            );
        }
    }

    pub(crate) fn as_c(this: &Arc<Self>) -> *mut noPollCtx {
        Arc::as_ptr(this).cast::<noPollCtx>().cast_mut()
    }

    /// One more visible reference.
    pub fn acquire(&self) {
        self.window.refs.fetch_add(1, Ordering::AcqRel);
    }

    /// Drops one visible reference; with the last one the context goes.
    pub fn release(this: &Arc<Self>) {
        let before = this
            .window
            .refs
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |refs| {
                (refs > 0).then(|| refs - 1)
            });
        if before == Ok(1) {
            this.destroy();
        }
    }

    fn destroy(&self) {
        self.lingering.finish_now();
        self.parked.clear();
        self.looping.clear();
        drop(self.alive.take());
    }

    /// The visible count.
    pub fn ref_count(&self) -> c_int {
        self.window.refs.load(Ordering::Acquire)
    }

    /// The handlers.
    pub fn hooks(&self) -> &CtxHooks {
        &self.hooks
    }

    /// The log switches.
    pub fn log_settings(&self) -> &log::Settings {
        &self.log
    }

    /// Registered connections.
    pub fn conns(&self) -> c_int {
        self.tables.lock().registry.count()
    }

    fn show_count(&self, tables: &Tables) {
        self.window
            .conn_num
            .store(tables.registry.count(), Ordering::Release);
    }

    /// Registers a connection: one reference on it for the registry, one on the context for as
    /// long as it lives. Registering twice changes nothing.
    pub fn register(this: &Arc<Self>, conn: &Arc<Conn>) -> bool {
        if !conn.belongs_to(this) {
            log!(
                this,
                Level::Critical,
                "can't register conn: it belongs to another context"
            );
            return false;
        }
        // Beforehand: once it is there, another thread may take it out again.
        conn.acquire();
        conn.hold_ctx();
        let added = {
            let mut tables = this.tables.lock();
            let added = tables.registry.add(conn).is_some();
            this.show_count(&tables);
            added
        };
        if !added {
            Conn::release(conn);
        } else if conn.is_ok() {
            this.arm(conn);
        } else {
            this.note_dead(conn);
        }
        true
    }

    /// Takes a connection out of the registry; true if it was there. The registry's reference is no
    /// owner's from then on, and left to the caller to drop.
    pub(crate) fn remove(&self, conn: &Arc<Conn>) -> bool {
        let removed = {
            let mut tables = self.tables.lock();
            let removed = tables.registry.remove(conn);
            if removed {
                conn.disown();
            }
            self.show_count(&tables);
            removed
        };
        if removed {
            self.disarm(conn);
        }
        removed
    }

    /// Takes a connection out of the registry and drops the registry's reference. The socket
    /// stays open as long as somebody else owns the connection.
    pub fn unregister(this: &Arc<Self>, conn: &Arc<Conn>) {
        if this.remove(conn) {
            Conn::transient_release(conn);
        }
    }

    /// True for a connection of this registry; the pointer is only compared.
    pub fn is_registered(&self, conn: *const noPollConn) -> bool {
        self.tables.lock().registry.contains(conn.cast::<Conn>())
    }

    /// Calls `visit` for each registered connection until it returns true; returns that one.
    pub fn foreach(this: &Arc<Self>, visit: Hook<ActionFn>) -> *mut noPollConn {
        let mut slot = 0;
        loop {
            let next = {
                let tables = this.tables.lock();
                let next = tables.registry.next(slot);
                // Under the lock the registry's reference is there for certain.
                next.inspect(|(_, conn)| {
                    conn.transient_acquire();
                })
            };
            let Some((behind, conn)) = next else {
                return ptr::null_mut();
            };
            slot = behind;
            let found = visit.call(Self::as_c(this), Conn::as_c(&conn));
            Conn::transient_release(&conn);
            if found {
                return Conn::as_c(&conn);
            }
        }
    }

    pub(crate) fn find(&self, token: Token) -> Option<Arc<Conn>> {
        self.tables.lock().registry.get(token).cloned()
    }

    /// Has the next pass of a wait collect a connection; that pass begins now.
    pub(crate) fn note_dead(&self, conn: &Conn) {
        self.tables.lock().registry.note_dead(conn);
        self.has_dead.store(true, Ordering::Release);
        self.wake_others();
    }

    /// Unregisters everything that died since the last call.
    pub(crate) fn collect_dead(this: &Arc<Self>) {
        if !this.has_dead.swap(false, Ordering::AcqRel) {
            return;
        }
        let dead = this.tables.lock().registry.take_dead();
        for conn in dead {
            Self::unregister(this, &conn);
        }
    }

    /// Remembers that a connection has unsent bytes of ours.
    #[inline]
    pub(crate) fn note_backlog(&self, conn: &Arc<Conn>) {
        if conn.list_backlog(true) {
            self.enlist(conn);
        }
    }

    fn enlist(&self, conn: &Arc<Conn>) {
        let listed = self.list_backlog(conn);
        // Nobody takes those out that have none any more; a wait without end would collect them.
        if listed >= CROWD && listed.is_power_of_two() {
            self.backlogged();
        }
    }

    /// Returns the length of the list.
    fn list_backlog(&self, conn: &Arc<Conn>) -> usize {
        let mut list = relock(&self.backlogged);
        list.push(Arc::downgrade(conn));
        list.len()
    }

    /// Connections that still have unsent bytes of ours.
    pub(crate) fn backlogged(&self) -> Vec<Arc<Conn>> {
        let listed = std::mem::take(&mut *relock(&self.backlogged));
        let listed: Vec<Arc<Conn>> = listed.iter().filter_map(Weak::upgrade).collect();
        for conn in &listed {
            conn.list_backlog(false);
        }
        let still: Vec<_> = listed
            .into_iter()
            .filter(|conn| conn.has_backlog())
            .collect();
        for conn in still.iter().filter(|conn| conn.list_backlog(true)) {
            self.list_backlog(conn);
        }
        still
    }

    /// Stores a certificate for a server name.
    pub fn set_certificate(
        &self,
        name: Option<&CStr>,
        certificate: &CStr,
        key: &CStr,
        chain: Option<&CStr>,
    ) -> bool {
        let files = Files {
            certificate,
            key,
            chain,
        };
        self.tables.lock().certificates.add(name, files);
        true
    }

    /// Certificate, key and chain (NULL without) of a server name.
    pub fn find_certificate(&self, name: Option<&CStr>) -> Option<[*const c_char; 3]> {
        let tables = self.tables.lock();
        let files = tables.certificates.find(name)?;
        // Entries are never replaced or removed, so the pointers live as long as the context.
        Some([
            files.certificate.as_ptr(),
            files.key.as_ptr(),
            files.chain.map_or(ptr::null(), CStr::as_ptr),
        ])
    }
}

#[cfg(feature = "tls")]
impl Ctx {
    /// The files for connections that ask for no name, and whether names choose among others.
    pub(crate) fn default_certificate(&self) -> Option<(IdentityFiles, bool)> {
        let tables = self.tables.lock();
        let files = tables.certificates.find(None)?;
        Some((files.to_owned(), tables.certificates.has_several()))
    }

    /// The files for clients that ask for this name.
    pub(crate) fn certificate_for(&self, asked: &str) -> Option<IdentityFiles> {
        let tables = self.tables.lock();
        let files = tables.certificates.find_for(asked)?;
        Some(files.to_owned())
    }

    /// Reads all certificates, keys and CAs again; false when some can't be used.
    pub fn reload_certificates(this: &Arc<Self>) -> bool {
        this.tls.reload(this)
    }
}

#[cfg(not(feature = "tls"))]
impl Ctx {
    /// There are none.
    pub fn reload_certificates(_this: &Arc<Self>) -> bool {
        false
    }
}

/// Settings, as the setters of the C API see them.
impl Ctx {
    /// Connect timeout in µs.
    pub fn timeout(&self) -> c_long {
        self.settings.timeout()
    }

    /// Connect timeout in µs; ≤ 0 restores the default.
    pub fn set_timeout(&self, micros: c_long) {
        self.settings.set_timeout(micros);
    }

    /// The WebSocket version sent and expected.
    pub fn set_protocol_version(&self, version: c_int) {
        self.settings.set_version(version);
    }

    /// The frame limit of connections without their own.
    pub fn max_frame_size(&self) -> c_long {
        self.settings.max_frame()
    }

    /// Sets the frame limit; out of range is refused with a log line.
    pub fn set_max_frame_size(self: &Arc<Self>, size: c_long) {
        if self.size_in_range("max_frame_size", size) {
            self.settings.set_max_frame(size);
        }
    }

    /// Sets the message limit of MESSAGES delivery.
    pub fn set_max_message_size(self: &Arc<Self>, size: c_long) {
        if self.size_in_range("max_message_size", size) {
            self.settings.set_max_message(size);
        }
    }

    /// Sets the bound of unsent bytes kept for a peer.
    pub fn set_max_pending(self: &Arc<Self>, bytes: c_long) {
        if self.size_in_range("max_pending", bytes) {
            self.settings.set_max_pending(bytes);
        }
    }

    fn size_in_range(self: &Arc<Self>, name: &str, size: c_long) -> bool {
        let fits = (1..=settings::MAX_FRAME_LIMIT).contains(&size);
        if !fits {
            log!(
                self,
                Level::Critical,
                "{name}: {size} is not within 1..{}",
                settings::MAX_FRAME_LIMIT
            );
        }
        fits
    }

    /// How frames become messages; a `noPollDelivery`.
    pub fn set_delivery(self: &Arc<Self>, delivery: c_int) {
        if settings::delivery(delivery).is_some() {
            self.settings.set_delivery(delivery);
        } else {
            log!(
                self,
                Level::Critical,
                "delivery: {delivery} is no noPollDelivery"
            );
        }
    }

    /// Tolerates what RFC 6455 forbids.
    pub fn set_lenient(&self, lenient: bool) {
        self.settings.set_lenient(lenient);
    }

    /// Whether replies to a batch of messages are written together.
    pub fn set_coalescing(&self, enable: bool) {
        self.settings.set_coalescing(enable);
    }

    /// Whether the loop reads more than the frame at hand.
    pub fn set_read_ahead(&self, enable: bool) {
        self.settings.set_read_ahead(enable);
    }
}
