//! What connections share: an `SSL_CTX`.

use std::ffi::{CStr, c_int, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignType;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use openssl_sys as ffi;

use super::{Error, Identity, Sessions, Trust, sys, trust};
use crate::abi::hook::MadeContext;

/// The oldest TLS version to speak; no newer one is ever refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Oldest {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// What a context of ours is made of.
pub(crate) struct Recipe<'a> {
    pub(crate) oldest: Oldest,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) trust: Option<&'a Trust>,
    /// Whether its connections may resume sessions.
    pub(crate) resume: bool,
}

/// RFC 7301: what a WebSocket server speaks.
const PROTOCOLS: &[u8] = b"\x08http/1.1";
/// Sessions of one purpose aren't resumed for another; we have only one.
const PURPOSE: &[u8] = b"nopoll";

/// A counted reference on an `SSL_CTX`.
#[derive(Clone)]
pub(crate) struct Context {
    raw: SslContext,
    sessions: Option<Arc<Sessions>>,
    /// Made by the program.
    foreign: bool,
}

impl Context {
    pub(crate) fn client(recipe: &Recipe<'_>) -> Result<Self, Error> {
        let make = || {
            let mut builder = begin(SslMethod::tls_client(), recipe)?;
            let sessions = recipe.resume.then(|| Sessions::collect(&mut builder));
            Ok((builder.build(), sessions))
        };
        let (raw, sessions) = make().map_err(|stack| Error::of("TLS context", &stack))?;
        Ok(Self {
            raw,
            sessions,
            foreign: false,
        })
    }

    pub(crate) fn server(recipe: &Recipe<'_>) -> Result<Self, Error> {
        let make = || {
            let mut builder = begin(SslMethod::tls_server(), recipe)?;
            builder.set_session_id_context(PURPOSE)?;
            // Tickets need no memory here; a cache would.
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            if !recipe.resume {
                builder.set_options(SslOptions::NO_TICKET);
                builder.set_num_tickets(0)?;
            }
            // SAFETY: a live context; the callback may be called for any connection.
            unsafe {
                ffi::SSL_CTX_set_alpn_select_cb__fixed_rust(
                    builder.as_ptr(),
                    Some(select_protocol),
                    ptr::null_mut(),
                );
            }
            Ok(builder.build())
        };
        let raw = make().map_err(|stack| Error::of("TLS context", &stack))?;
        Ok(Self {
            raw,
            sessions: None,
            foreign: false,
        })
    }

    /// The context a program made: its reference is ours now. `None` for NULL.
    pub(crate) fn adopt(made: MadeContext) -> Option<Self> {
        let pointer: *mut ffi::SSL_CTX = made.into_raw().cast();
        if pointer.is_null() {
            return None;
        }
        // SAFETY: a live `SSL_CTX` with a reference that is ours to drop, as `Hook::new` promises.
        let raw = unsafe { SslContext::from_ptr(pointer) };
        // SAFETY: a live context.
        unsafe { ffi::SSL_CTX_set_options(pointer, ffi::SSL_OP_NO_RENEGOTIATION) };
        Some(Self {
            raw,
            sessions: None,
            foreign: true,
        })
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::SSL_CTX {
        self.raw.as_ptr()
    }

    /// As a C program sees it.
    pub(crate) fn as_c(&self) -> *mut c_void {
        self.raw.as_ptr().cast()
    }

    /// A connection by it. `Ssl::new` would keep a second reference on the context in each, for
    /// callbacks of a kind that isn't used here.
    pub(super) fn new_ssl(&self) -> Result<Ssl, ErrorStack> {
        // SAFETY: a live context; what comes of it is new and ours, or NULL.
        unsafe {
            let ssl = ffi::SSL_new(self.as_ptr());
            if ssl.is_null() {
                return Err(ErrorStack::get());
            }
            Ok(Ssl::from_ptr(ssl))
        }
    }

    pub(super) fn sessions(&self) -> Option<&Arc<Sessions>> {
        self.sessions.as_ref()
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether it has a certificate of its own.
    pub(crate) fn has_certificate(&self) -> bool {
        self.raw.certificate().is_some()
    }

    /// Whether whoever made it has said how peers are to be verified.
    pub(crate) fn verifies(&self) -> bool {
        // SAFETY: a live context.
        let callback = unsafe { sys::SSL_CTX_get_verify_callback(self.as_ptr()) };
        callback.is_some() || self.raw.verify_mode() != SslVerifyMode::NONE
    }

    /// Has a program's context trust the certificates in `file`, too.
    pub(crate) fn add_trusted(&self, file: &CStr) -> Result<(), Error> {
        trust::add_file(self.as_ptr(), file)
    }

    /// Has a program's context trust the system's authorities, too. Once is enough: a program may
    /// hand out the same context for every connection, and this takes its time.
    pub(crate) fn add_system_trusted(&self) -> Result<(), Error> {
        let index = system_index().map_err(|stack| Error::of("TLS context", &stack))?;
        if self.raw.ex_data(index).is_some() {
            return Ok(());
        }
        // SAFETY: a live context; the mark is any pointer but NULL.
        let done = unsafe {
            let raw = self.as_ptr();
            let mark: *mut c_void = Box::into_raw(Box::new(())).cast();
            ffi::SSL_CTX_set_default_verify_paths(raw) == 1
                && ffi::SSL_CTX_set_ex_data(raw, index.as_raw(), mark) == 1
        };
        if done {
            Ok(())
        } else {
            Err(Error::last(trust::SYSTEM))
        }
    }
}

/// Selects HTTP/1.1 of what a client offers; if it doesn't, the handshake goes on without.
unsafe extern "C" fn select_protocol(
    _ssl: *mut ffi::SSL,
    selected: *mut *const c_uchar,
    selected_size: *mut c_uchar,
    offered: *const c_uchar,
    size: c_uint,
    _argument: *mut c_void,
) -> c_int {
    let ours = c_uint::try_from(PROTOCOLS.len()).unwrap_or(0);
    // SAFETY: OpenSSL passes what the client sent, and where the answer goes.
    let outcome = unsafe {
        ffi::SSL_select_next_proto(
            selected.cast(),
            selected_size,
            PROTOCOLS.as_ptr(),
            ours,
            offered,
            size,
        )
    };
    if outcome == ffi::OPENSSL_NPN_NEGOTIATED {
        ffi::SSL_TLSEXT_ERR_OK
    } else {
        ffi::SSL_TLSEXT_ERR_NOACK
    }
}

/// Marks contexts that trust the system's authorities by our doing.
fn system_index() -> Result<Index<SslContext, ()>, ErrorStack> {
    static INDEX: OnceLock<Index<SslContext, ()>> = OnceLock::new();
    super::once(&INDEX, SslContext::new_ex_index)
}

fn begin(method: SslMethod, recipe: &Recipe<'_>) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(method)?;
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    let oldest = match recipe.oldest {
        Oldest::Tls10 => SslVersion::TLS1,
        Oldest::Tls11 => SslVersion::TLS1_1,
        // The system's configuration may be stricter than we are.
        Oldest::Tls12 if builder.min_proto_version() == Some(SslVersion::TLS1_3) => {
            SslVersion::TLS1_3
        }
        Oldest::Tls12 => SslVersion::TLS1_2,
        Oldest::Tls13 => SslVersion::TLS1_3,
    };
    builder.set_min_proto_version(Some(oldest))?;
    if let Some(identity) = recipe.identity {
        identity.install(&mut builder)?;
    }
    if let Some(trust) = recipe.trust {
        trust.install(&mut builder);
    }
    Ok(builder)
}

/// A `noPollSslProtocol`.
impl From<c_int> for Oldest {
    fn from(protocol: c_int) -> Self {
        match protocol {
            4 => Self::Tls10,
            5 => Self::Tls11,
            8 => Self::Tls13,
            _ => Self::Tls12,
        }
    }
}
