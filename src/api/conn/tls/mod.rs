//! How a connection comes by its TLS: `client` within the constructor, `accept` from the accept
//! on, in whatever call comes along.

mod accept;
mod client;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Conn;
use crate::api::error::{Failure, Kind};
use crate::api::opts::TlsSettings;
use crate::sync::relock;
use crate::transport::Transport;
use crate::transport::tls::{Context, Error, IdentityFiles, Stream};

pub(super) use crate::transport::tls::Object;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Kind::Tls, error.to_string())
    }
}

impl Conn {
    /// Whether TLS can be had.
    pub(crate) fn tls_available() -> Result<(), Failure> {
        Ok(())
    }

    /// The stream becomes the connection's, and its OpenSSL objects visible.
    fn adopt_stream(&self, context: &Context, stream: Stream) {
        let object = stream.object();
        let window = &self.window;
        window.ssl_ctx.store(context.as_c(), Ordering::Release);
        window.ssl.store(object.as_ptr(), Ordering::Release);
        {
            let mut cold = relock(&self.cold);
            if let Some(earlier) = cold.tls.replace(object) {
                cold.rare().earlier_tls.push(earlier);
            }
        }
        self.link.lock().transport = Some(Transport::Tls(Box::new(stream)));
    }

    /// Asks the program about a finished handshake; false when it refuses or ends the connection.
    fn post_check(this: &Arc<Self>) -> Result<(), Failure> {
        let Some(hook) = this.ctx.hooks().post_check.get() else {
            return Ok(());
        };
        let context = this.window.ssl_ctx.load(Ordering::Acquire);
        let ssl = this.window.ssl.load(Ordering::Acquire);
        let accepted = hook.call(this.ctx_ptr(), Self::as_c(this), context, ssl);
        if accepted {
            Ok(())
        } else {
            Err(Failure::new(Kind::Rejected, "the TLS post-check refused"))
        }
    }

    /// Does something with the TLS stream; `None` when there is none, or none any more.
    fn with_stream<R>(&self, work: impl FnOnce(&mut Stream) -> R) -> Option<R> {
        self.link.lock().stream().map(work)
    }
}

/// The files that options name.
fn files_of(tls: &TlsSettings) -> IdentityFiles {
    let copy = |file: &Option<CString>| file.clone();
    IdentityFiles {
        certificate: copy(&tls.certificate),
        chain: copy(&tls.chain),
        key: copy(&tls.private_key),
    }
}
