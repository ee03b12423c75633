//! Connection options.
//!
//! The visible count is the C program's; whoever in the library needs the contents longer keeps
//! a clone of the `Arc`, which no program can see.

use std::ffi::{CString, c_int, c_long};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::abi::keep::Keep;
#[cfg(feature = "tls")]
use crate::abi::types::noPollConnOpts;
use crate::abi::window::OptsWindow;
use crate::api::compression::Compression;
use crate::sync::Lock;

/// TLS settings.
#[derive(Clone, Default)]
pub struct TlsSettings {
    /// A `noPollSslProtocol`, unchecked.
    pub protocol: c_int,
    /// Certificate file.
    pub certificate: Option<CString>,
    /// Private key file.
    pub private_key: Option<CString>,
    /// Chain file.
    pub chain: Option<CString>,
    /// CA file.
    pub ca: Option<CString>,
    /// What `nopoll_conn_opts_ssl_peer_verify` asked for.
    pub peer_verify: Option<bool>,
    /// What `nopoll_conn_opts_ssl_host_verify` asked for.
    pub host_verify: Option<bool>,
    /// SHA-256 hashes of the public keys a server may have; empty: any.
    pub pins: Vec<[u8; 32]>,
}

/// Everything the setters store.
#[derive(Clone)]
pub struct Settings {
    /// Content of the `Cookie` header.
    pub cookie: Option<CString>,
    /// Raw header lines, each starting with CRLF.
    pub extra_headers: Option<CString>,
    /// Network device to bind to.
    pub interface: Option<CString>,
    /// Whether a client sends `Origin`.
    pub add_origin: bool,
    /// Whether a listener shares its port with others.
    pub reuse_port: bool,
    /// Whether a listener accepts clients without `Origin`.
    pub skip_origin_check: bool,
    /// Largest frame accepted; 0: the context's.
    pub max_frame_size: c_long,
    /// Overrides the context's leniency.
    pub lenient: Option<bool>,
    /// Overrides the context's delivery.
    pub delivery: Option<c_int>,
    /// Overrides the context's message limit.
    pub max_message_size: Option<c_long>,
    /// Overrides the context's backlog bound.
    pub max_pending: Option<c_long>,
    /// Overrides the context's compression, setting by setting.
    pub compression: Compression,
    /// TLS.
    pub tls: TlsSettings,
}

/// `NOPOLL_METHOD_TLS_FLEXIBLE`.
const TLS_FLEXIBLE: c_int = 7;

impl Default for Settings {
    fn default() -> Self {
        Self {
            cookie: None,
            extra_headers: None,
            interface: None,
            add_origin: true,
            reuse_port: false,
            skip_origin_check: false,
            max_frame_size: 0,
            lenient: None,
            delivery: None,
            max_message_size: None,
            max_pending: None,
            compression: Compression::UNSET,
            tls: TlsSettings {
                protocol: TLS_FLEXIBLE,
                ..TlsSettings::default()
            },
        }
    }
}

/// `noPollConnOpts`.
#[repr(C)]
pub struct Opts {
    window: OptsWindow,
    alive: Keep<Self>,
    settings: Lock<Settings>,
}

impl Opts {
    /// A new object with one reference, the caller's.
    pub fn create() -> Arc<Self> {
        let opts = Arc::new(Self {
            window: OptsWindow::default(),
            alive: Keep::empty(),
            settings: Lock::new(Settings::default()),
        });
        opts.window.refs.store(1, Ordering::Relaxed);
        opts.alive.put(Arc::clone(&opts));
        opts
    }

    /// The pointer C programs know the options by.
    #[cfg(feature = "tls")]
    pub(crate) fn as_c(this: &Arc<Self>) -> *mut noPollConnOpts {
        Arc::as_ptr(this).cast::<noPollConnOpts>().cast_mut()
    }

    /// One more visible reference; false when the object is already dead.
    pub fn acquire(&self) -> bool {
        self.window
            .refs
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |refs| {
                (refs > 0).then(|| refs + 1)
            })
            .is_ok()
    }

    /// Drops one visible reference, and with the last one the C program's hold on the object.
    pub fn release(this: &Arc<Self>) {
        let before = this
            .window
            .refs
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |refs| {
                (refs > 0).then(|| refs - 1)
            });
        if before == Ok(1) {
            drop(this.alive.take());
        }
    }

    /// Drops one reference unless the object is to be reused.
    pub fn release_if_needed(this: &Arc<Self>) {
        if this.window.reuse.load(Ordering::Acquire) == 0 {
            Self::release(this);
        }
    }

    /// Who drops the creator's reference.
    pub fn set_reuse(&self, reuse: c_int) {
        self.window.reuse.store(reuse, Ordering::Release);
    }

    /// Changes settings.
    pub fn edit(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings.lock());
    }

    /// A copy of the settings as they are now.
    pub(crate) fn snapshot(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// Reads one setting.
    pub(crate) fn read<T>(&self, get: impl FnOnce(&Settings) -> T) -> T {
        get(&self.settings.lock())
    }
}
