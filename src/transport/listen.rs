//! Listening sockets.

use std::io;
use std::time::Duration;

use super::resolve::Address;
use super::socket::{self, Fd};

/// Pending connections the kernel may queue; it caps the value by its own limit.
const BACKLOG: i32 = 4096;

/// C contract: a port in use is tried again, so that a daemon can restart at once.
const BIND_TRIES: u32 = 25;
const BIND_PAUSE: Duration = Duration::from_millis(100);

/// A bound, listening, blocking socket on the first address that works; with `shared`, others may
/// listen there, too.
pub(crate) fn listen(addresses: &[Address], shared: bool) -> io::Result<Fd> {
    let mut last = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
    for attempt in 0..BIND_TRIES {
        if attempt > 0 {
            socket::sleep(BIND_PAUSE);
        }
        for address in addresses {
            match bind(address, shared) {
                Ok(fd) => return Ok(fd),
                Err(error) => last = error,
            }
        }
        if !may_pass(&last) {
            break;
        }
    }
    Err(last)
}

/// Whether somebody else is in the way, who may leave.
fn may_pass(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    matches!(
        code,
        Some(libc::EADDRINUSE | libc::EADDRNOTAVAIL | libc::EACCES | libc::EPERM)
    )
}

fn bind(address: &Address, shared: bool) -> io::Result<Fd> {
    let fd = socket::stream(address.family(), false)?;
    let result = if fd <= 2 {
        // A daemon without standard streams must not serve its logs to the network.
        Err(io::Error::from_raw_os_error(libc::EBADF))
    } else {
        prepare(fd, address, shared)
    };
    if let Err(error) = result {
        socket::close_only(fd);
        return Err(error);
    }
    Ok(fd)
}

fn prepare(fd: Fd, address: &Address, shared: bool) -> io::Result<()> {
    socket::set_reuse_address(fd)?;
    if shared {
        socket::set_reuse_port(fd)?;
    }
    // For what is accepted from it; see [`socket::passes_nodelay`].
    socket::set_nodelay(fd, true);
    if address.bind(fd) != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: no pointers.
    if unsafe { libc::listen(fd, BACKLOG) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
