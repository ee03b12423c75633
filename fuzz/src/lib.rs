//! What the fuzz targets do with their input. Each module is one target: `check` panics when the
//! library breaks a promise. `docs/fuzzing.md` says how to run them.

pub mod close;
pub mod connection;
pub mod deflate;
pub mod header;
pub mod inflate;
mod input;
mod memory;
mod model;
pub mod negotiate;
pub mod receiver;
pub mod request;
pub mod response;
pub mod utf8;
mod zlib;
