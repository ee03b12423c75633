//! What the poll object knows of a connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::close::Ending;
use super::{Conn, Role};
use crate::api::ctx::registry::Token;
use crate::engine::{Engine, fork};
use crate::transport::socket;

/// The registration with the poll object of one process.
pub(super) struct Watched {
    /// The descriptor registered; -1 is none.
    fd: AtomicI32,
    /// A descriptor of our own was registered: the number itself already was, for another object.
    duplicate: AtomicI32,
    generation: AtomicU32,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            fd: AtomicI32::new(-1),
            duplicate: AtomicI32::new(-1),
            generation: AtomicU32::new(0),
        }
    }
}

impl Conn {
    /// Whether some wait of this process watches it.
    pub(crate) fn is_armed(&self) -> bool {
        self.watched.fd.load(Ordering::Acquire) != -1
            && self.watched.generation.load(Ordering::Acquire) == fork::generation()
    }

    /// Its place in the context's registry.
    pub(crate) fn token(&self) -> Token {
        Token::from_raw(self.token.load(Ordering::Acquire))
    }

    /// Whether the context's registry has it.
    pub(crate) fn is_registered(&self) -> bool {
        self.token.load(Ordering::Acquire) != Token::NONE
    }

    /// Whether the loop has a control frame at hand.
    pub(crate) fn control_is_next(&self) -> bool {
        self.link.lock().control_is_next()
    }

    /// Has the poll object watch the descriptor.
    pub(crate) fn arm(&self, engine: &Engine) -> io::Result<()> {
        let fd = self.descriptor();
        if fd == -1 || self.hidden.load(Ordering::Acquire) || self.is_armed() {
            return Ok(());
        }
        let token = self.token.load(Ordering::Acquire);
        if token == Token::NONE {
            return Ok(());
        }
        let listener = self.is(Role::Listener);
        if listener {
            // Another process may take the connection that woke us.
            socket::take_over_mode(fd);
        }
        self.watched
            .generation
            .store(fork::generation(), Ordering::Release);
        match engine.arm(fd, token, !listener) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                let duplicate = socket::duplicate(fd)?;
                if let Err(error) = engine.arm(duplicate, token, !listener) {
                    socket::close_only(duplicate);
                    return Err(error);
                }
                self.watched.duplicate.store(duplicate, Ordering::Release);
            }
            result => result?,
        }
        self.watched.fd.store(fd, Ordering::Release);
        Ok(())
    }

    /// Ends that.
    pub(crate) fn disarm(&self, engine: &Engine) {
        let fd = self.watched.fd.swap(-1, Ordering::AcqRel);
        let duplicate = self.watched.duplicate.swap(-1, Ordering::AcqRel);
        if fd == -1 || self.watched.generation.load(Ordering::Acquire) != fork::generation() {
            return;
        }
        if duplicate == -1 {
            engine.disarm(fd);
        } else {
            engine.disarm(duplicate);
            socket::close_only(duplicate);
        }
    }

    /// The application closed the descriptor behind our back.
    pub(crate) fn lost_descriptor(this: &Arc<Self>) {
        Self::finish(this, Ending::Lost);
    }
}
