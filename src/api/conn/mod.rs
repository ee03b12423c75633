//! The connection object: client, accepted connection or listener.
//!
//! | file | concern |
//! |---|---|
//! | `link`, `carrier`, `ahead`, `outbox` | what the lock guards |
//! | `refs` | the counts C sees, and destruction |
//! | `info`, `limits`, `texts` | accessors |
//! | `connect`, `accept` | how one comes about |
//! | `handshake`, `http` | the opening handshake, and requests that are none |
//! | `read`, `stream`, `wait` | receiving |
//! | `write`, `frame`, `pending` | sending |
//! | `tls` | what goes on before any of this on a TLS connection |
//! | `short` | receiving and sending, where there is nothing to it |
//! | `close` | how one ends |
//! | `watch`, `ready`, `served`, `turn` | what the loop knows of it and does with it |

mod accept;
mod ahead;
mod carrier;
pub(crate) mod close;
mod connect;
mod frame;
mod handshake;
mod http;
mod info;
mod limits;
pub(crate) mod link;
mod outbox;
mod pending;
pub(crate) mod read;
pub(crate) mod ready;
mod refs;
pub(crate) mod served;
mod short;
mod stream;
mod texts;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
pub(crate) mod turn;
mod wait;
pub(crate) mod watch;
mod write;

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::abi::callbacks::{ActionFn, CloseFn, MessageFn};
use crate::abi::hook::{Hook, HookPair, Version};
use crate::abi::keep::Keep;
use crate::abi::types::noPollConn;
use crate::abi::window::ConnWindow;
use crate::api::ctx::Ctx;
use crate::api::ctx::registry::Token;
use crate::api::error::Failure;
use crate::api::opts::Opts;
use crate::protocol;
use crate::sync::{Lock, relock};
use crate::transport::socket::{Peer, SHORT_PEER};
use limits::Limits;
use link::Link;
use ready::ReadySet;
use served::ServedBy;

pub(crate) use accept::{Accepted, accept_fd};
pub use connect::{Target, connect_socket};
pub use wait::WaitStatus;
pub use write::SendFrame;

/// What a connection object is; the numbers of `noPollRole`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Client = 1,
    Accepted = 2,
    Listener = 3,
}

/// The connection's own handlers.
pub struct ConnHooks {
    /// A message; replaces the context's.
    pub on_msg: HookPair<MessageFn>,
    /// The handshake is complete; replaces the context's.
    pub on_ready: HookPair<ActionFn>,
    /// The socket is about to be closed.
    pub on_close: HookPair<CloseFn>,
    /// A ping arrived.
    pub on_ping: HookPair<MessageFn>,
}

/// What C may read of a connection; this is what stands in its gaps.
type Window = ConnWindow<Place, ConnHooks, Small, Keep<Conn>>;

struct Place {
    /// In the context's registry.
    token: AtomicUsize,
    /// The program's pointer.
    user: AtomicPtr<c_void>,
}

#[derive(Default)]
struct Small {
    /// Of the visible references, those that own; the rest are transient.
    owners: AtomicI32,
    http_status: AtomicU32,
    /// Of all the hooks.
    version: Version,
    limits: Limits,
}

/// What is not needed once messages flow.
#[derive(Default)]
struct Cold {
    /// The first strings that were lent to C; see [`texts`].
    texts: Box<[u8]>,
    listener: Weak<Conn>,
    /// A listener's options, and those of the listener that accepted this connection.
    opts: Option<Arc<Opts>>,
    /// For the program to look at, until the connection is destroyed.
    #[cfg(feature = "tls")]
    tls: Option<tls::Object>,
    rare: Option<Box<Rare>>,
}

/// What few connections have at all, or only when they end.
#[derive(Default)]
struct Rare {
    /// Strings that were lent later.
    texts: Vec<Box<[u8]>>,
    /// A server's strings that have no place in the window.
    cookie: AtomicPtr<c_char>,
    real_ip: AtomicPtr<c_char>,
    /// A listener's options, when the reference on them is this object's to give back.
    adopted: Option<Arc<Opts>>,
    /// Where a server redirected to.
    location: Option<Vec<u8>>,
    /// Of an object that was accepted more than once.
    #[cfg(feature = "tls")]
    earlier_tls: Vec<tls::Object>,
    /// A listener's own certificate, key and chain files.
    certificate: [Option<CString>; 3],
    failure: Option<Failure>,
}

impl Cold {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// `noPollConn`.
#[repr(C)]
pub struct Conn {
    window: Window,
    ctx: Arc<Ctx>,
    pub(crate) ready: ReadySet,
    destroyed: AtomicBool,
    holds_ctx: AtomicBool,
    /// Not to be touched by a loop yet: still being built.
    hidden: AtomicBool,
    in_backlog_list: AtomicBool,
    pub(crate) served_by: ServedBy,
    watched: watch::Watched,
    pub(crate) link: Lock<Link>,
    cold: Mutex<Cold>,
    /// The peer's address and port, if they fit: see [`Peer`].
    peer: [u8; SHORT_PEER],
}

impl Conn {
    /// A new object with `owners` references, not registered and without a descriptor.
    fn make(ctx: &Arc<Ctx>, role: Role, owners: c_int, peer: Option<&Peer>) -> Arc<Self> {
        let side = match role {
            Role::Client => protocol::Role::Client,
            Role::Accepted | Role::Listener => protocol::Role::Server,
        };
        let place = Place {
            token: AtomicUsize::new(Token::NONE),
            user: AtomicPtr::default(),
        };
        let hooks = ConnHooks {
            on_msg: HookPair::empty(),
            on_ready: HookPair::empty(),
            on_close: HookPair::empty(),
            on_ping: HookPair::empty(),
        };
        let conn = Arc::new(Self {
            window: Window::new(place, hooks, Small::default(), Keep::empty()),
            ctx: Arc::clone(ctx),
            ready: ReadySet::default(),
            destroyed: AtomicBool::new(false),
            holds_ctx: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
            in_backlog_list: AtomicBool::new(false),
            served_by: ServedBy::default(),
            watched: watch::Watched::default(),
            link: Lock::new(Link::new(side)),
            cold: Mutex::new(Cold::default()),
            peer: peer.and_then(Peer::short).unwrap_or_default(),
        });
        let window = &conn.window;
        window.ctx.store(Ctx::as_c(ctx), Ordering::Relaxed);
        window.session.store(-1, Ordering::Relaxed);
        window.role.store(role as c_int, Ordering::Relaxed);
        window.refs.store(owners, Ordering::Relaxed);
        window.gap3.owners.store(owners, Ordering::Relaxed);
        window
            .peer_close_status
            .store(close::ABNORMAL, Ordering::Relaxed);
        let root = c"/".as_ptr().cast_mut();
        window.get_url.store(root, Ordering::Relaxed);
        if let Some(peer) = peer {
            conn.name(peer);
        }
        conn.alive().put(Arc::clone(&conn));
        conn
    }

    /// Says who is at the other end.
    fn name(&self, peer: &Peer) {
        let (host, port) = (&self.window.host, &self.window.port);
        if peer.short() == Some(self.peer) {
            let text = |from: usize| self.peer[from..].as_ptr().cast::<c_char>().cast_mut();
            host.store(text(0), Ordering::Release);
            port.store(text(peer.host().len() + 1), Ordering::Release);
        } else {
            self.lend_all(&[(host, Some(peer.host())), (port, Some(peer.port()))]);
        }
    }

    /// The pointer C programs know the connection by.
    pub fn as_c(this: &Arc<Self>) -> *mut noPollConn {
        Arc::as_ptr(this).cast::<noPollConn>().cast_mut()
    }

    /// The context, for the library's own use.
    pub fn ctx(&self) -> &Arc<Ctx> {
        &self.ctx
    }

    pub(crate) fn belongs_to(&self, ctx: &Arc<Ctx>) -> bool {
        Arc::ptr_eq(&self.ctx, ctx)
    }

    /// The hook that is installed in one of the connection's places.
    pub(crate) fn handler<F: Copy>(
        &self,
        place: impl FnOnce(&ConnHooks) -> &HookPair<F>,
    ) -> Option<Hook<F>> {
        place(&self.window.gap2).get(&self.window.gap3.version)
    }

    /// Installs a hook; `None` removes it.
    pub fn set_handler<F: Copy>(
        &self,
        place: impl FnOnce(&ConnHooks) -> &HookPair<F>,
        hook: Option<Hook<F>>,
    ) {
        place(&self.window.gap2).set(&self.window.gap3.version, hook);
    }

    fn limits(&self) -> &Limits {
        &self.window.gap3.limits
    }

    /// The object itself, until nobody owns it any more.
    fn alive(&self) -> &Keep<Self> {
        &self.window.gap4
    }

    fn owners(&self) -> &AtomicI32 {
        &self.window.gap3.owners
    }

    /// Whether this thread's loop is serving it, in whatever depth of waits within handlers.
    #[inline]
    pub fn is_served_here(&self) -> bool {
        self.served_by.is_me()
    }

    pub(crate) fn is(&self, role: Role) -> bool {
        self.window.role.load(Ordering::Acquire) == role as c_int
    }

    /// The stored descriptor; -1 when dead.
    pub(crate) fn descriptor(&self) -> c_int {
        self.window.session.load(Ordering::Acquire)
    }

    /// Remembers why the connection failed; the first reason stays.
    fn fail(&self, failure: Failure) {
        let mut cold = relock(&self.cold);
        // Its text may have been lent.
        cold.rare().failure.get_or_insert(failure);
    }
}
