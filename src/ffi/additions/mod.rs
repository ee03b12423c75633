//! What noPoll's headers don't declare.

pub mod compression;
pub mod delivery;
pub mod errors;
pub mod forks;
pub mod http;
pub mod sharing;
pub mod tls;
pub mod undeclared;
