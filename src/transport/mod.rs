//! Bytes to and from the kernel. Knows descriptors, not WebSocket.
//!
//! [`Transport`] never blocks, whatever the descriptor's mode: the mode belongs to the application
//! and is asked for only when a call would have to wait (see [`socket::is_blocking`]).

pub(crate) mod connect;
pub(crate) mod listen;
pub(crate) mod resolve;
pub mod socket;

use std::io::{self, IoSlice};

use socket::Fd;

/// The byte stream below a connection.
pub(crate) struct Transport {
    fd: Fd,
}

impl Transport {
    pub(crate) const fn plain(fd: Fd) -> Self {
        Self { fd }
    }

    /// Reads what is there; 0 is the end of the stream.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.fd, buffer, libc::MSG_DONTWAIT)
    }

    /// Looks at what is there without taking it.
    pub(crate) fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.fd, buffer, libc::MSG_DONTWAIT | libc::MSG_PEEK)
    }

    /// Writes as much as the kernel takes now.
    pub(crate) fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send(self.fd, parts, libc::MSG_DONTWAIT)
    }

    /// Bytes held below us that no poll of the descriptor can see.
    pub(crate) fn pending(&self) -> usize {
        0
    }
}

/// True when the operation may succeed later.
pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
