//! WebSocket (RFC 6455) for C programs, behind noPoll's API.
//!
//! How to read this crate, from the inside out: `protocol` turns bytes into items and back,
//! without input or output. `transport` moves bytes, `engine` waits for descriptors. `api` holds
//! the objects and puts the three together. `ffi` is what C links to; `abi` is what C sees. `sync`
//! has the only locks. `docs/architecture.md` is the map.
#![cfg_attr(
    fuzzing,
    allow(missing_docs, reason = "the targets' view of the inside")
)]

pub mod abi;
pub mod api;
mod base64;
mod bytes;
mod engine;
pub mod ffi;
mod log;
mod protocol;
mod random;
mod simd;
mod sync;
mod text;
mod transport;

/// The inside, for the fuzz targets; only in their builds.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::protocol::*;
    pub use crate::simd::copy_masked;
}
