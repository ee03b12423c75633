//! The objects behind the C handles and what they do.
//!
//! Safe code throughout: what C passes is checked at the boundary ([`crate::ffi`]), callbacks are
//! [`crate::abi::hook::Hook`]s. No lock is held while one runs.
#![forbid(unsafe_code)]

pub mod compression;
pub mod conn;
pub mod ctx;
pub(crate) mod dispatch;
pub mod error;
pub(crate) mod fork;
pub(crate) mod linger;
pub mod listener;
pub mod meanwhile;
pub mod msg;
pub mod opts;
pub(crate) mod parked;
pub(crate) mod pump;
pub mod run;
#[cfg(feature = "tls")]
pub(crate) mod tls;

pub use crate::transport::resolve::Family;
pub use conn::{Conn, SendFrame, Target, WaitStatus, connect_socket};
pub use ctx::Ctx;
pub use error::Errno;
pub use msg::Msg;
pub use opts::Opts;
