//! What C links to: every function of `nopoll.h`, one file per theme.
//!
//! A function here is thin. It checks its pointers, says in the log which argument was wrong
//! (when there is a context to log on), calls into [`crate::api`] and translates the answer. Its
//! documentation *is* the documentation in `nopoll.h`, which `tests/header.rs` writes from these
//! files; the first line of a file becomes a heading there. Sections named `Safety` are for Rust
//! readers only. They use these words:
//!
//! * *handle*: NULL, or a live pointer that this library returned for an object of that type.
//! * *text*: NULL, or a NUL-terminated string.
//! * *buffer of n bytes*: NULL, or valid for reading (writing, if it isn't `const`) n bytes.
//! * *out-pointer*: NULL, or valid for writing one value.
//! * *callback*: NULL, or a function that may be called with live handles and the pointer given
//!   with it for as long as it is installed, from any thread that uses the library.
//!
//! Everything passes through [`boundary`]: no panic gets out, and `errno` is an output only where
//! a function says so.

mod boundary;
mod convert;
mod format;
mod variadic;

pub mod bits;
pub mod coding;
pub mod io;
pub mod listener;
pub mod log;
pub mod looping;
pub mod memory;
pub mod msg;
pub mod mutex;
pub mod strings;
pub mod time;

pub mod additions;
pub mod conn;
pub mod ctx;
pub mod opts;
