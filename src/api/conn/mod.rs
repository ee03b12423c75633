//! The connection object: client, accepted connection or listener.
//!
//! | file | concern |
//! |---|---|
//! | `link`, `ahead`, `outbox` | what the lock guards |
//! | `refs` | the counts C sees, and destruction |
//! | `info`, `limits` | accessors |
//! | `connect`, `accept` | how one comes about |
//! | `handshake`, `http` | the opening handshake, and requests that are none |
//! | `read`, `stream`, `wait` | receiving |
//! | `write`, `frame`, `pending` | sending |
//! | `close` | how one ends |
//! | `watch`, `ready`, `turn` | what the loop knows of it and does with it |

mod accept;
mod ahead;
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
mod stream;
pub(crate) mod turn;
mod wait;
mod watch;
mod write;

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::abi::callbacks::{ActionFn, CloseFn, MessageFn};
use crate::abi::hook::HookCell;
use crate::abi::types::noPollConn;
use crate::abi::window::ConnWindow;
use crate::api::ctx::Ctx;
use crate::api::ctx::registry::Token;
use crate::api::error::Failure;
use crate::api::opts::Opts;
use crate::protocol;
use crate::sync::{Lock, relock};
use limits::Limits;
use link::Link;
use ready::ReadySet;

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
    pub on_msg: HookCell<MessageFn>,
    /// The handshake is complete; replaces the context's.
    pub on_ready: HookCell<ActionFn>,
    /// The socket is about to be closed.
    pub on_close: HookCell<CloseFn>,
    /// A ping arrived.
    pub on_ping: HookCell<MessageFn>,
}

/// What is rarely needed.
#[derive(Default)]
struct Cold {
    /// Every string lent to C, also replaced ones: a program may still hold the pointer.
    strings: Vec<CString>,
    listener: Weak<Conn>,
    /// A listener's options, and those of the listener that accepted this connection.
    opts: Option<Arc<Opts>>,
    /// The same, when the reference on them is this object's to give back.
    adopted: Option<Arc<Opts>>,
    /// Where a server redirected to.
    location: Option<Vec<u8>>,
    /// A listener's own certificate, key and chain files.
    certificate: [Option<CString>; 3],
}

/// `noPollConn`.
#[repr(C)]
pub struct Conn {
    pub(crate) window: ConnWindow,
    /// Place in the context's registry.
    pub(crate) token: AtomicUsize,
    pub(crate) ready: ReadySet,
    ctx: Arc<Ctx>,
    alive: Mutex<Option<Arc<Self>>>,
    transients: AtomicI32,
    destroyed: AtomicBool,
    holds_ctx: AtomicBool,
    /// Not to be touched by a loop yet: still being built.
    hidden: AtomicBool,
    in_backlog_list: AtomicBool,
    watched: watch::Watched,
    limits: Limits,
    hooks: ConnHooks,
    pub(crate) link: Lock<Link>,
    user: AtomicPtr<c_void>,
    cookie: AtomicPtr<c_char>,
    real_ip: AtomicPtr<c_char>,
    http_status: AtomicU32,
    failure: OnceLock<Failure>,
    cold: Mutex<Cold>,
}

impl Conn {
    /// A new object with `owners` references, not registered and without a descriptor.
    fn make(ctx: &Arc<Ctx>, role: Role, owners: c_int) -> Arc<Self> {
        let side = match role {
            Role::Client => protocol::Role::Client,
            Role::Accepted | Role::Listener => protocol::Role::Server,
        };
        let conn = Arc::new(Self {
            window: ConnWindow::default(),
            token: AtomicUsize::new(Token::NONE),
            ready: ReadySet::default(),
            ctx: Arc::clone(ctx),
            alive: Mutex::new(None),
            transients: AtomicI32::new(0),
            destroyed: AtomicBool::new(false),
            holds_ctx: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
            in_backlog_list: AtomicBool::new(false),
            watched: watch::Watched::default(),
            limits: Limits::default(),
            hooks: ConnHooks {
                on_msg: HookCell::empty(),
                on_ready: HookCell::empty(),
                on_close: HookCell::empty(),
                on_ping: HookCell::empty(),
            },
            link: Lock::new(Link::new(side)),
            user: AtomicPtr::default(),
            cookie: AtomicPtr::default(),
            real_ip: AtomicPtr::default(),
            http_status: AtomicU32::new(0),
            failure: OnceLock::new(),
            cold: Mutex::new(Cold::default()),
        });
        let window = &conn.window;
        window.ctx.store(Ctx::as_c(ctx), Ordering::Relaxed);
        window.session.store(-1, Ordering::Relaxed);
        window.role.store(role as c_int, Ordering::Relaxed);
        window.refs.store(owners, Ordering::Relaxed);
        window
            .peer_close_status
            .store(close::ABNORMAL, Ordering::Relaxed);
        conn.lend(&window.get_url, b"/");
        *relock(&conn.alive) = Some(Arc::clone(&conn));
        conn
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

    /// The connection's own handlers.
    pub fn hooks(&self) -> &ConnHooks {
        &self.hooks
    }

    pub(crate) fn is(&self, role: Role) -> bool {
        self.window.role.load(Ordering::Acquire) == role as c_int
    }

    /// The stored descriptor; -1 when dead.
    pub(crate) fn descriptor(&self) -> c_int {
        self.window.session.load(Ordering::Acquire)
    }

    /// Stores a string that C may read for as long as the object lives.
    fn lend(&self, place: &AtomicPtr<c_char>, text: &[u8]) {
        let end = text
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(text.len());
        let text = CString::new(&text[..end]).unwrap_or_default();
        let mut cold = relock(&self.cold);
        place.store(text.as_ptr().cast_mut(), Ordering::Release);
        cold.strings.push(text);
    }

    fn lend_some(&self, place: &AtomicPtr<c_char>, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.lend(place, text);
        }
    }

    /// Remembers why the connection failed; the first reason stays.
    fn fail(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }
}
