//! Bytes to and from the kernel. Knows descriptors, not WebSocket.
//!
//! [`Transport`] never blocks, whatever the descriptor's mode: the mode belongs to the application
//! and is asked for only when a call would have to wait (see [`socket::is_blocking`]).

pub(crate) mod connect;
pub(crate) mod listen;
pub(crate) mod patience;
pub(crate) mod resolve;
pub mod socket;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::io::{self, IoSlice};

use socket::{Fd, Readiness};

use crate::abi::room::Room;

/// The byte stream below a connection.
pub(crate) enum Transport {
    Plain(Fd),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Stream>),
}

impl Transport {
    /// Reads what is there; 0 is the end of the stream.
    pub(crate) fn read(&mut self, mut room: Room<'_>) -> io::Result<usize> {
        match self {
            Self::Plain(fd) => socket::receive(*fd, &mut room, libc::MSG_DONTWAIT),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(room),
        }
    }

    /// Looks at what is there without taking it.
    pub(crate) fn peek(&mut self, mut room: Room<'_>) -> io::Result<usize> {
        match self {
            Self::Plain(fd) => socket::receive(*fd, &mut room, libc::MSG_DONTWAIT | libc::MSG_PEEK),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.peek(room),
        }
    }

    /// Writes as much as the kernel takes now.
    pub(crate) fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(fd) => socket::send(*fd, parts, libc::MSG_DONTWAIT),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(parts),
        }
    }

    /// As [`Self::write`], of two parts.
    pub(crate) fn write_two(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(fd) => socket::send_two(*fd, first, second, libc::MSG_DONTWAIT),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(&[IoSlice::new(first), IoSlice::new(second)]),
        }
    }

    /// Says what is due to the peer before the end of the stream; one attempt.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.finish(),
        }
    }

    /// Bytes held below us that no poll of the descriptor can see.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.pending(),
        }
    }

    /// After a read of `n` bytes into room for `room`: whether that was all there is until the
    /// descriptor has an event.
    pub(crate) fn is_drained(&self, n: usize, room: usize) -> bool {
        match self {
            Self::Plain(_) => n < room,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.is_drained(),
        }
    }

    /// Whether more may be taken from the kernel than asked for.
    pub(crate) fn set_read_ahead(&mut self, on: bool) {
        match self {
            // The buffer that is read into says how much.
            Self::Plain(_) => _ = on,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.set_read_ahead(on),
        }
    }

    /// Bytes that a write has not reported as written, and that the next one must begin with.
    pub(crate) fn committed(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.committed(),
        }
    }

    /// Whether what a write offers, and the kernel doesn't take, may be taken back.
    pub(crate) fn may_withdraw(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// What a read that would block waits for.
    pub(crate) fn read_waits_for(&self) -> Readiness {
        match self {
            Self::Plain(_) => Readiness::Readable,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read_waits_for(),
        }
    }

    /// What a write that would block waits for.
    pub(crate) fn write_waits_for(&self) -> Readiness {
        match self {
            Self::Plain(_) => Readiness::Writable,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write_waits_for(),
        }
    }

    /// Goes on with another descriptor.
    pub(crate) fn set_fd(&mut self, fd: Fd) {
        match self {
            Self::Plain(stored) => *stored = fd,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.set_fd(fd),
        }
    }
}

/// True when the operation may succeed later.
pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// True when it was TLS that failed, not the socket below it.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    #[cfg(feature = "tls")]
    return tls::is_tls(error);
    #[cfg(not(feature = "tls"))]
    {
        let _ = error;
        false
    }
}
