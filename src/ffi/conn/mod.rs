//! Connections.

pub mod accept;
pub mod close;
pub mod connect;
pub mod handlers;
pub mod info;
pub mod pending;
pub mod receive;
pub mod refs;
pub mod send;
pub mod socket;
pub mod state;

use super::boundary;
use super::convert;
