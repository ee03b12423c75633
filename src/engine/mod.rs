//! Waiting for descriptors, on mio. Knows tokens and deadlines, not connections.
//!
//! Registrations persist and are edge-triggered, for both directions at once: a wait costs nothing
//! per idle connection, and the caller remembers who still has something to do.

pub(crate) mod fork;
pub(crate) mod wake;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::sync::relock;
use crate::transport::socket::Fd;

/// What happened to one registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has ended its direction, or both: the end of the stream may follow a short read
    /// without another event.
    pub(crate) closed: bool,
}

/// Used for the wake-up; never handed out for a descriptor.
pub(crate) const WAKE: usize = usize::MAX;

struct Waiting {
    poll: Poll,
    events: Events,
}

/// One poll object. It belongs to the process that made it (see [`fork`]).
pub(crate) struct Engine {
    /// Absent while a thread is inside the system call.
    waiting: Mutex<Option<Waiting>>,
    returned: Condvar,
    /// Threads that wait for `returned`; a notification is a system call, also when nobody does.
    queueing: AtomicUsize,
    registry: Registry,
    generation: u32,
}

impl Engine {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        Ok(Self {
            waiting: Mutex::new(Some(Waiting {
                poll,
                events: Events::with_capacity(1024),
            })),
            returned: Condvar::new(),
            queueing: AtomicUsize::new(0),
            registry,
            generation: fork::generation(),
        })
    }

    /// False in a forked child: the poll object is still the parent's.
    pub(crate) fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Starts watching a descriptor: for reading, or for both directions.
    pub(crate) fn arm(&self, fd: Fd, token: usize, both: bool) -> io::Result<()> {
        self.registry
            .register(&mut SourceFd(&fd), Token(token), interest(both))
    }

    /// Goes on watching it under another token. What it is ready for already is an event.
    pub(crate) fn rearm(&self, fd: Fd, token: usize, both: bool) -> io::Result<()> {
        self.registry
            .reregister(&mut SourceFd(&fd), Token(token), interest(both))
    }

    /// Stops watching; must come before the descriptor is closed, because a duplicate would keep
    /// the registration alive.
    pub(crate) fn disarm(&self, fd: Fd) {
        // The application may have closed it: the kernel has forgotten it then, too.
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }

    /// Waits at most `timeout` and appends what happened. A signal ends the wait early, without
    /// events. While another thread waits here, this one waits for that one to come back.
    pub(crate) fn wait(&self, timeout: Option<Duration>, into: &mut Vec<Event>) -> io::Result<()> {
        let mut slot = relock(&self.waiting);
        let Some(mut waiting) = slot.take() else {
            let pause = timeout
                .unwrap_or(Duration::from_secs(1))
                .min(Duration::from_secs(1));
            self.queueing.fetch_add(1, Ordering::SeqCst);
            let waited = self.returned.wait_timeout(slot, pause);
            self.queueing.fetch_sub(1, Ordering::SeqCst);
            drop(waited);
            return Ok(());
        };
        drop(slot);
        let result = waiting.poll.poll(&mut waiting.events, timeout);
        if result.is_ok() {
            into.extend(waiting.events.iter().map(|event| Event {
                token: event.token().0,
                readable: event.is_readable(),
                writable: event.is_writable(),
                closed: event.is_read_closed() || event.is_write_closed() || event.is_error(),
            }));
        }
        *relock(&self.waiting) = Some(waiting);
        // Who queues is counted before it lets go of the slot.
        if self.queueing.load(Ordering::SeqCst) > 0 {
            self.returned.notify_all();
        }
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }
}

fn interest(both: bool) -> Interest {
    if both {
        Interest::READABLE | Interest::WRITABLE
    } else {
        Interest::READABLE
    }
}
