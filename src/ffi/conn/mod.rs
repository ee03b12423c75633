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

use std::fmt;
use std::sync::Arc;

use super::boundary;
use super::convert;
use crate::api::Conn;
use crate::log::{Level, log};

/// Says in the log which argument of a call was wrong.
fn refuse<T>(conn: &Arc<Conn>, call: &str, what: fmt::Arguments<'_>) -> Option<T> {
    let id = conn.id();
    log!(conn.ctx(), Level::Critical, "conn id {id}: {call}: {what}");
    None
}
