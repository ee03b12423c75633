//! TLS on a descriptor, by the system's OpenSSL.
//!
//! | file | concern |
//! |---|---|
//! | `stream`, `bio` | bytes: OpenSSL above, the descriptor below |
//! | `context` | what connections share: an `SSL_CTX` of ours, or one the program made |
//! | `identity`, `trust`, `pem` | certificate and key files; whom to trust |
//! | `verify`, `name` | what is asked of the peer's certificate |
//! | `session` | resumption by clients |
//! | `sys` | OpenSSL functions the `openssl-sys` crate lacks |
//!
//! Nothing here knows WebSocket, options or the program's callbacks; which files to use and what
//! to check is decided in `api::tls`. OpenSSL's error queue is emptied before each operation and
//! read after it, so that what a program left there decides nothing.

mod bio;
mod context;
mod identity;
mod name;
mod pem;
mod session;
mod stream;
mod sys;
mod trust;
mod verify;

use std::fmt;
use std::io;
use std::sync::OnceLock;

use openssl::error::ErrorStack;

pub(crate) use context::{Context, Oldest, Recipe};
pub(crate) use identity::{Identity, IdentityFiles};
pub(crate) use name::PeerName;
pub(crate) use session::Sessions;
pub(crate) use stream::{Advance, Object, Stream};
pub(crate) use trust::{Anchors, Trust};
pub(crate) use verify::Check;

/// A failure, in words for the program.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// OpenSSL's reasons for a failure with `subject`.
    fn of(subject: &str, stack: &ErrorStack) -> Self {
        Self(format!("{subject}: {}", reasons(stack)))
    }

    /// What OpenSSL has just reported, about `subject`.
    fn last(subject: &str) -> Self {
        Self::of(subject, &ErrorStack::get())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// What is made once; the first of several at a time wins.
fn once<T: Copy>(
    cell: &OnceLock<T>,
    make: impl FnOnce() -> Result<T, ErrorStack>,
) -> Result<T, ErrorStack> {
    match cell.get() {
        Some(made) => Ok(*made),
        None => {
            let made = make()?;
            Ok(*cell.get_or_init(|| made))
        }
    }
}

/// Whether it was TLS that failed, not the socket below it.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Error>())
}

/// The reasons in OpenSSL's queue, the first cause first.
fn reasons(stack: &ErrorStack) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in stack.errors() {
        let reason = error.reason().unwrap_or("unknown reason");
        let text = match error.data().filter(|data| !data.is_empty()) {
            Some(data) => format!("{reason} ({data})"),
            None => reason.to_owned(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() {
        return "unknown reason".to_owned();
    }
    texts.join(", ")
}
