//! What TLS connections of a context share, and what is asked of their peers.
//!
//! | file | concern |
//! |---|---|
//! | `policy` | which certificates are believed: the table of the C API |
//! | `contexts` | OpenSSL contexts, one per set of files and settings |
//! | `cache` | what was made of files, until the files change |
//!
//! How a connection comes by its TLS is in `conn/tls`.

mod cache;
mod contexts;
pub(crate) mod policy;

pub(crate) use contexts::{Contexts, Purpose};
