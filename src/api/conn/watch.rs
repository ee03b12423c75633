//! What the poll object knows of a connection.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::close::Ending;
use super::{Conn, Role};
use crate::api::ctx::registry::Token;
use crate::api::meanwhile;
use crate::engine::{Engine, fork};
use crate::sync::relock;
use crate::transport::patience::Patience;
use crate::transport::socket::{self, Fd, Readiness};

/// The registration of a descriptor with the poll object of one process.
pub(crate) struct Watch {
    fd: Fd,
    /// A descriptor of our own was registered: the number itself already was, for another object.
    duplicate: Option<Fd>,
    generation: u32,
}

impl Watch {
    /// Starts watching a descriptor: for reading, or for both directions.
    pub(crate) fn begin(engine: &Engine, fd: Fd, token: usize, both: bool) -> io::Result<Self> {
        let mut watch = Self {
            fd,
            duplicate: None,
            generation: fork::generation(),
        };
        match engine.arm(fd, token, both) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                let duplicate = *watch.duplicate.insert(socket::duplicate(fd)?);
                engine.arm(duplicate, token, both)?;
            }
            result => result?,
        }
        Ok(watch)
    }

    /// False in a forked child: the registration is the parent's.
    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    fn registered(&self) -> Fd {
        self.duplicate.unwrap_or(self.fd)
    }

    /// Goes on under another token; see [`Engine::rearm`].
    pub(crate) fn pass_on(self, engine: &Engine, token: usize, both: bool) -> io::Result<Self> {
        engine.rearm(self.registered(), token, both)?;
        Ok(self)
    }

    /// Stops watching; before the descriptor is closed.
    pub(crate) fn end(self, engine: &Engine) {
        if self.is_ours() {
            engine.disarm(self.registered());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(duplicate) = self.duplicate {
            socket::close_only(duplicate);
        }
    }
}

/// Whether and how a connection is registered. The descriptor is read under this lock, and closed
/// only after it was disarmed: a number that has become another file's is never registered.
#[derive(Default)]
pub(super) struct Watched(Mutex<Option<Watch>>);

impl Conn {
    /// Whether some wait of this process watches it.
    pub(crate) fn is_armed(&self) -> bool {
        relock(&self.watched.0).as_ref().is_some_and(Watch::is_ours)
    }

    /// Its place in the context's registry.
    pub(crate) fn token(&self) -> Token {
        Token::from_raw(self.window.gap1.token.load(Ordering::Acquire))
    }

    /// The registry says where it is.
    pub(crate) fn set_token(&self, token: usize) {
        self.window.gap1.token.store(token, Ordering::Release);
    }

    /// Whether the context's registry has it.
    pub(crate) fn is_registered(&self) -> bool {
        self.window.gap1.token.load(Ordering::Acquire) != Token::NONE
    }

    /// Whether the loop has a control frame at hand.
    pub(crate) fn control_is_next(&self) -> bool {
        self.link.lock().control_is_next()
    }

    /// Whether the loop has read something complete that nothing has acted on.
    pub(crate) fn has_items_ahead(&self) -> bool {
        let link = self.link.lock();
        link.has_item_ahead() || link.pending() > 0
    }

    /// Waits until the descriptor lets a read, or a write, get on; see [`meanwhile::wait_for`].
    pub(super) fn wait_for(this: &Arc<Self>, fd: Fd, wanted: Readiness, timeout: Duration) -> bool {
        // Who waits for room writes himself, and has to know what.
        let own = (wanted == Readiness::Readable).then_some(this);
        let wanted = if this.is_tls_on() {
            this.link.lock().waits_for(wanted)
        } else {
            wanted
        };
        meanwhile::wait_for(own, fd, wanted, timeout)
    }

    /// As [`Self::wait_for`], within the socket's own timeout; false when that has passed.
    pub(super) fn wait_patiently(
        this: &Arc<Self>,
        patience: &mut Patience,
        fd: Fd,
        wanted: Readiness,
        most: Duration,
    ) -> bool {
        patience.spend(fd, wanted, most, |slice| {
            Self::wait_for(this, fd, wanted, slice);
        })
    }

    /// Whether all that was read has been acted on: if not, no event will tell of it.
    pub(crate) fn is_read_out(&self) -> bool {
        self.link.lock().is_read_out()
    }

    /// Has the poll object watch the descriptor.
    pub(crate) fn arm(&self, engine: &Engine) -> io::Result<()> {
        let mut watched = relock(&self.watched.0);
        let fd = self.descriptor();
        let token = self.window.gap1.token.load(Ordering::Acquire);
        let nothing_to_watch =
            fd == -1 || token == Token::NONE || self.hidden.load(Ordering::Acquire);
        if nothing_to_watch || watched.as_ref().is_some_and(Watch::is_ours) {
            return Ok(());
        }
        let listener = self.is(Role::Listener);
        if listener {
            // Another process may take the connection that woke us.
            socket::take_over_mode(fd);
        }
        *watched = Some(Watch::begin(engine, fd, token, !listener)?);
        Ok(())
    }

    /// Ends that.
    pub(crate) fn disarm(&self, engine: &Engine) {
        // Under the lock: who finds the connection disarmed may close the descriptor.
        let mut watched = relock(&self.watched.0);
        if let Some(watch) = watched.take() {
            watch.end(engine);
        }
    }

    /// Takes the registration out, for who closes the descriptor.
    pub(super) fn take_watch(&self) -> Option<Watch> {
        relock(&self.watched.0).take()
    }

    /// The application closed the descriptor behind our back.
    pub(crate) fn lost_descriptor(this: &Arc<Self>) {
        Self::finish(this, Ending::Lost);
    }
}
