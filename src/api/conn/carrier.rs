//! What carries a connection's bytes: which descriptor, with or without TLS, and what it waits for.

use super::link::{Link, Phase};
use super::ready::Ready;
use crate::transport::Transport;
use crate::transport::socket::{Fd, Readiness};
#[cfg(feature = "tls")]
use crate::transport::tls::Stream;

impl Link {
    /// The TLS stream, if there is one.
    #[cfg(feature = "tls")]
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.transport {
            Some(Transport::Tls(stream)) => Some(stream),
            _ => None,
        }
    }

    /// Takes the loop's buffer to read into; false when another wait's is here.
    pub(super) fn lend(&mut self, buffer: &mut Box<[u8]>) -> bool {
        let lent = self.ahead.lend(buffer);
        if let Some(transport) = self.transport.as_mut().filter(|_| lent) {
            transport.set_read_ahead(true);
        }
        lent
    }

    /// Gives the loop's buffer back.
    pub(super) fn reclaim(&mut self) -> Box<[u8]> {
        if let Some(transport) = &mut self.transport {
            transport.set_read_ahead(false);
        }
        self.ahead.reclaim()
    }

    /// What is held below us; see [`Transport::pending`].
    pub(super) fn pending(&self) -> usize {
        self.transport.as_ref().map_or(0, Transport::pending)
    }

    /// What the descriptor must become for a read, or a write, to get on.
    pub(super) fn waits_for(&self, wanted: Readiness) -> Readiness {
        match (&self.transport, wanted) {
            (None, wanted) => wanted,
            (Some(transport), Readiness::Readable) => transport.read_waits_for(),
            (Some(transport), Readiness::Writable) => transport.write_waits_for(),
        }
    }

    /// What an event allows: under TLS a read may have waited for the socket to take bytes, or a
    /// write for bytes to come.
    pub(super) fn allowed_by(&self, event: Ready) -> Ready {
        let mut allowed = event;
        for (wanted, what) in [
            (Readiness::Readable, Ready::READ),
            (Readiness::Writable, Ready::WRITE),
        ] {
            let waits_for = match self.waits_for(wanted) {
                Readiness::Readable => Ready::READ,
                Readiness::Writable => Ready::WRITE,
            };
            if event.has(waits_for) {
                allowed = allowed.with(what);
            }
        }
        allowed
    }

    /// Another descriptor takes the place, -1 for none; what was read ahead of the old one is void.
    /// TLS goes on where it was: a connection that has begun with it never does without.
    pub(super) fn replace_stream(&mut self, fd: Fd, listener: bool) {
        self.ahead.clear();
        if !self.secure {
            self.transport = (fd != -1 && !listener).then_some(Transport::Plain(fd));
            return;
        }
        let detached = self.detached.take().map(|stream| *stream);
        let mut stream = self.transport.take().or(detached);
        if let Some(stream) = &mut stream {
            stream.set_fd(fd);
        }
        if fd == -1 {
            self.detached = stream.map(Box::new);
        } else {
            self.transport = stream;
        }
    }

    /// The stream is over: gives up everything but the leftover of stream reads. Returns the
    /// stream and what is still to be written to it.
    pub(super) fn end(&mut self) -> (Option<Transport>, Vec<u8>) {
        self.closing = false;
        self.detached = None;
        self.phase = Phase::Idle;
        self.ahead.clear();
        self.receiver.release();
        if let Some(deflater) = &mut self.deflater {
            deflater.release();
        }
        (self.transport.take(), self.out.take_rest())
    }
}
