//! Refused connections that the C program may still close.
//!
//! `nopoll_conn_accept_complete` ends a connection it refuses, yet documented programs then call
//! `nopoll_conn_close` on it. The object waits here: until that call, else until the beginning of
//! the second later accept or wait.

use std::sync::{Arc, Mutex};

use crate::api::conn::Conn;
use crate::sync::relock;

const ROUNDS: u32 = 2;

/// The refused connections of one context.
pub(crate) struct Parked(Mutex<Vec<(Arc<Conn>, u32)>>);

impl Parked {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Keeps the memory of `conn`.
    pub(crate) fn add(&self, conn: Arc<Conn>) {
        relock(&self.0).push((conn, 0));
    }

    /// The program has closed it.
    pub(crate) fn remove(&self, conn: &Arc<Conn>) {
        let mut list = relock(&self.0);
        if list.is_empty() {
            return;
        }
        let gone = list
            .iter()
            .position(|(parked, _)| Arc::ptr_eq(parked, conn))
            .map(|at| list.swap_remove(at));
        drop(list);
        drop(gone);
    }

    /// A later accept or wait begins.
    pub(crate) fn age(&self) {
        let mut list = relock(&self.0);
        if list.is_empty() {
            return;
        }
        for (_, rounds) in list.iter_mut() {
            *rounds += 1;
        }
        let (old, young) = list.drain(..).partition(|(_, rounds)| *rounds >= ROUNDS);
        *list = young;
        drop(list);
        let _: Vec<(Arc<Conn>, u32)> = old;
    }

    pub(crate) fn clear(&self) {
        let list = std::mem::take(&mut *relock(&self.0));
        drop(list);
    }
}
