//! Sessions that a client may resume: one full handshake less per server.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, OnceLock};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef, SslSession, SslSessionCacheMode, SslVersion};
use openssl_sys as ffi;

use crate::sync::relock;

/// Servers remembered per context.
const MOST: usize = 256;

/// The newest session of each server; keys tell apart whatever must not be mixed.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, SslSession>>);

/// Where the sessions of a connection are kept, and under which key.
struct Place(Arc<Sessions>, String);

fn place_index() -> Result<Index<Ssl, Place>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Place>> = OnceLock::new();
    super::once(&INDEX, Ssl::new_ex_index)
}

/// Keeps a new session of a connection that has a place for it.
unsafe extern "C" fn keep(ssl: *mut ffi::SSL, session: *mut ffi::SSL_SESSION) -> c_int {
    // SAFETY: OpenSSL's own, for the time of the call.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    let place = place_index().ok().and_then(|index| ssl.ex_data(index));
    let Some(Place(sessions, key)) = place else {
        return 0;
    };
    // SAFETY: with 1 returned, the reference is ours.
    sessions.keep(key, unsafe { SslSession::from_ptr(session) });
    1
}

impl Sessions {
    /// Has a context tell of its connections' sessions.
    pub(super) fn collect(context: &mut SslContextBuilder) -> Arc<Self> {
        context
            .set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        // SAFETY: a live context; the callback may be called for any connection.
        unsafe { ffi::SSL_CTX_sess_set_new_cb(context.as_ptr(), Some(keep)) };
        Arc::new(Self::default())
    }

    fn keep(&self, key: &str, session: SslSession) {
        let mut sessions = relock(&self.0);
        if sessions.len() >= MOST && !sessions.contains_key(key) {
            // Whichever: its server costs a full handshake more.
            let gone = sessions.keys().next().cloned();
            gone.and_then(|key| sessions.remove(&key));
        }
        sessions.insert(key.to_owned(), session);
    }

    fn take(&self, key: &str) -> Option<SslSession> {
        let mut sessions = relock(&self.0);
        let session = sessions.get(key)?;
        // RFC 8446 §C.4: a ticket used twice lets an observer link the connections.
        if session.protocol_version() == SslVersion::TLS1_3 {
            return sessions.remove(key);
        }
        Some(session.clone())
    }

    /// Offers the last session of `key` to the server, and has the next one kept under it.
    ///
    /// `ssl` must belong to the context these sessions are collected from.
    pub(super) fn offer(self: &Arc<Self>, ssl: &mut SslRef, key: &str) -> Result<(), ErrorStack> {
        ssl.set_ex_data(place_index()?, Place(Arc::clone(self), key.to_owned()));
        if let Some(session) = self.take(key) {
            // SAFETY: the session is one of the same context's.
            unsafe { ssl.set_session(&session)? };
        }
        Ok(())
    }
}
