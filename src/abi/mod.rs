//! What C and the library have in common: types, callbacks, memory, `errno`.
//!
//! `types` and `callbacks` are also where `nopoll.h` comes from. The other files are the only
//! places outside `ffi`, `transport` and `sync::handlers` that deal with raw C.

pub mod callbacks;
pub(crate) mod cbuf;
pub(crate) mod counted;
pub(crate) mod environment;
pub(crate) mod errno;
mod heap;
pub mod hook;
pub(crate) mod keep;
pub(crate) mod room;
pub(crate) mod signals;
pub(crate) mod stdout;
pub mod types;
pub(crate) mod window;
