//! Sessions that a client may resume: one full handshake less per server.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef, SslSession, SslSessionCacheMode, SslVersion};
use std::sync::Arc;

use crate::sync::relock;

/// Servers remembered per context.
const MOST: usize = 256;

/// The newest session of each server; keys tell apart whatever must not be mixed.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, SslSession>>);

/// Marks a connection with its key.
fn key_index() -> Result<Index<Ssl, String>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, String>> = OnceLock::new();
    match INDEX.get() {
        Some(index) => Ok(*index),
        None => {
            let index = Ssl::new_ex_index()?;
            Ok(*INDEX.get_or_init(|| index))
        }
    }
}

impl Sessions {
    /// Has a context collect its connections' sessions here.
    pub(super) fn collect(context: &mut SslContextBuilder) -> Result<Arc<Self>, ErrorStack> {
        let index = key_index()?;
        let sessions = Arc::new(Self::default());
        let collected = Arc::clone(&sessions);
        context
            .set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        context.set_new_session_callback(move |ssl, session| {
            if let Some(key) = ssl.ex_data(index) {
                collected.keep(key, session);
            }
        });
        Ok(sessions)
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
    pub(super) fn offer(&self, ssl: &mut SslRef, key: &str) -> Result<(), ErrorStack> {
        ssl.set_ex_data(key_index()?, key.to_owned());
        if let Some(session) = self.take(key) {
            // SAFETY: the session is one of the same context's.
            unsafe { ssl.set_session(&session)? };
        }
        Ok(())
    }
}
