//! What a context keeps between and during waits: the poll object, who is ready, how to wake.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mio::{Token as MioToken, Waker};

use super::Ctx;
use super::registry::Token;
use crate::abi::errno;
use crate::api::conn::Conn;
use crate::api::conn::ready::Ready;
use crate::api::conn::turn::Workspace;
use crate::api::conn::watch::Watch;
use crate::api::dispatch;
use crate::engine::wake::WakeCell;
use crate::engine::{self, Engine};
use crate::log::{Level, log};
use crate::simd::prefetch;
use crate::sync::{Rare, relock};

/// Accepts that failed for lack of descriptors are tried again after this.
const STARVED_PAUSE: Duration = Duration::from_millis(100);

/// Loop state of one context.
pub(crate) struct Looping {
    engine: Mutex<Option<Arc<Engine>>>,
    wake: WakeCell,
    /// Connections that may have something to do, each at most once.
    ready: Mutex<VecDeque<Arc<Conn>>>,
    ready_count: AtomicUsize,
    waits: AtomicI32,
    stopped: AtomicBool,
    /// Listeners that ran out of descriptors, and when to try each again.
    starved: Rare<(Instant, Arc<Conn>)>,
    /// Of the latest wait, for the next one.
    workspace: Mutex<Option<Workspace>>,
}

impl Looping {
    pub(crate) const fn new() -> Self {
        Self {
            engine: Mutex::new(None),
            wake: WakeCell::new(),
            ready: Mutex::new(VecDeque::new()),
            ready_count: AtomicUsize::new(0),
            waits: AtomicI32::new(0),
            stopped: AtomicBool::new(false),
            starved: Rare::new(),
            workspace: Mutex::new(None),
        }
    }

    /// A wait begins; returns how many were already running.
    pub(crate) fn enter(&self) -> i32 {
        // C contract: a stop before the wait is lost.
        self.stopped.store(false, Ordering::SeqCst);
        self.waits.fetch_add(1, Ordering::SeqCst)
    }

    /// A wait ends; returns how many are still running.
    pub(crate) fn leave(&self) -> i32 {
        self.waits.fetch_sub(1, Ordering::SeqCst) - 1
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// The buffers of one wait.
    pub(crate) fn take_workspace(&self) -> Workspace {
        let kept = relock(&self.workspace).take();
        kept.unwrap_or_else(Workspace::new)
    }

    pub(crate) fn give_workspace(&self, work: Workspace) {
        relock(&self.workspace).get_or_insert(work);
    }

    pub(crate) fn pop_ready(&self) -> Option<Arc<Conn>> {
        let mut list = relock(&self.ready);
        let conn = list.pop_front();
        if let Some(next) = list.front() {
            // With a hundred connections its memory has left the cache since its last turn.
            prefetch(&**next);
        }
        self.ready_count.store(list.len(), Ordering::Release);
        conn
    }

    pub(crate) fn all_ready(&self) -> Vec<Arc<Conn>> {
        relock(&self.ready).iter().map(Arc::clone).collect()
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready_count.load(Ordering::SeqCst)
    }

    /// Queues a connection once.
    pub(crate) fn push_ready(&self, conn: &Arc<Conn>, what: Ready) {
        if conn.ready.add(what) {
            self.queue(conn);
        }
    }

    /// Puts a connection into the ready list, as its set says.
    pub(crate) fn queue(&self, conn: &Arc<Conn>) {
        let mut list = relock(&self.ready);
        list.push_back(Arc::clone(conn));
        // In one order with `waits`: a wait that begins sees this, or else is woken.
        self.ready_count.store(list.len(), Ordering::SeqCst);
    }

    /// A listener found no descriptor for a pending connection.
    pub(crate) fn starve(&self, listener: &Arc<Conn>) {
        self.starved.with(|list| {
            if !list.iter().any(|(_, known)| Arc::ptr_eq(known, listener)) {
                list.push((Instant::now() + STARVED_PAUSE, Arc::clone(listener)));
            }
        });
    }

    /// When starved listeners are to be tried again.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        if self.starved.is_empty() {
            return None;
        }
        self.starved
            .with(|list| list.iter().map(|&(at, _)| at).min())
    }

    /// Makes starved listeners ready again, once their time has come.
    pub(crate) fn retry_starved(&self) {
        if self.starved.is_empty() {
            return;
        }
        let now = Instant::now();
        let (due, later) = self
            .starved
            .take()
            .into_iter()
            .partition(|(at, _)| *at <= now);
        let due: Vec<(Instant, Arc<Conn>)> = due;
        self.starved.with(|list| list.extend::<Vec<_>>(later));
        for (_, listener) in due {
            self.push_ready(&listener, Ready::READ);
        }
    }

    /// Drops everything that refers to connections or the kernel.
    pub(crate) fn clear(&self) {
        let ready = std::mem::take(&mut *relock(&self.ready));
        let starved = self.starved.take();
        let engine = relock(&self.engine).take();
        drop((ready, starved, engine));
    }
}

impl Ctx {
    /// Queues what the poll object reported, under one lock.
    pub(crate) fn note_events(&self, events: impl Iterator<Item = (Token, Ready)>) {
        let tables = self.tables.lock();
        let mut list = relock(&self.looping.ready);
        for (token, what) in events {
            match tables.registry.get(token) {
                Some(conn) if conn.ready.add(what) => list.push_back(Arc::clone(conn)),
                _ => {}
            }
        }
        self.looping
            .ready_count
            .store(list.len(), Ordering::Release);
    }

    /// True while a wait is running.
    pub fn waiting(&self) -> bool {
        self.looping.waits.load(Ordering::SeqCst) > 0
    }

    /// Asks the running wait to end. Async-signal-safe: an atomic store and one `write`.
    pub fn stop(&self) {
        let saved = errno::get();
        self.looping.stopped.store(true, Ordering::SeqCst);
        self.looping.wake.wake();
        errno::set(saved);
    }

    /// The poll object of this process, made on first use and again in a forked child.
    pub(crate) fn engine(this: &Arc<Self>) -> io::Result<Arc<Engine>> {
        let (engine, fresh) = {
            let mut slot = relock(&this.looping.engine);
            match slot.as_ref().filter(|engine| engine.is_ours()) {
                Some(engine) => (Arc::clone(engine), false),
                None => {
                    let engine = Arc::new(Engine::new()?);
                    let waker = Waker::new(engine.registry(), MioToken(engine::WAKE))?;
                    this.looping.wake.install(waker);
                    // Dropping the parent's object only closes our copies of its descriptors.
                    *slot = Some(Arc::clone(&engine));
                    (engine, true)
                }
            }
        };
        if fresh {
            this.arm_all();
        }
        Ok(engine)
    }

    pub(crate) fn current_engine(&self) -> Option<Arc<Engine>> {
        let slot = relock(&self.looping.engine);
        slot.as_ref()
            .filter(|engine| engine.is_ours())
            .map(Arc::clone)
    }

    fn arm_all(self: &Arc<Self>) {
        let mut slot = 0;
        loop {
            let next = self.tables.lock().registry.next(slot);
            let Some((behind, conn)) = next else { return };
            slot = behind;
            self.arm(&conn);
        }
    }

    /// Has the poll object watch a registered connection, if there is a poll object.
    pub(crate) fn arm(self: &Arc<Self>, conn: &Arc<Conn>) {
        let Some(engine) = self.current_engine() else {
            return;
        };
        let fresh = !conn.is_armed();
        if let Err(error) = conn.arm(&engine) {
            log!(
                self,
                Level::Critical,
                "conn id {}: can't watch descriptor {}: {error}",
                conn.id(),
                conn.descriptor()
            );
            if error.raw_os_error() == Some(libc::EBADF) {
                Conn::lost_descriptor(conn);
            }
        } else if fresh && conn.is_tls_on() && !conn.is_read_out() {
            // Decrypted before anybody watched: the descriptor has nothing more to tell.
            self.looping.push_ready(conn, Ready::READ);
        }
    }

    /// Stops watching a connection. Must come before its descriptor is closed.
    pub(crate) fn disarm(&self, conn: &Conn) {
        if let Some(engine) = self.current_engine() {
            conn.disarm(&engine);
        }
    }

    /// The same with a registration that was taken out.
    pub(crate) fn end_watch(&self, watch: Option<Watch>) {
        if let (Some(watch), Some(engine)) = (watch, self.current_engine()) {
            watch.end(&engine);
        }
    }

    /// Has a wait look at a connection that something else than its descriptor made ready.
    pub(crate) fn touch(&self, conn: &Arc<Conn>, what: Ready) {
        if conn.is_armed() {
            self.looping.push_ready(conn, what);
            self.wake_others();
        }
    }

    /// Wakes a wait of another thread. The loop's own thread comes by anyway.
    pub(crate) fn wake_others(&self) {
        if self.waiting() && !dispatch::inside(self) {
            self.looping.wake.wake();
        }
    }
}
