//! Connecting to the first address that answers (RFC 8305, "Happy Eyeballs").
//!
//! One algorithm for all constructors: a list of one family is tried in order, a list of both
//! is interleaved; the next attempt starts when one fails or after 250 ms without an answer.

use std::ffi::{CStr, c_int};
use std::io;
use std::time::{Duration, Instant};

use super::resolve::Address;
use super::socket::{self, Fd, Readiness};

const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why no connection came about.
pub(crate) enum Failure {
    /// No attempt got as far as waiting for an answer.
    Refused(io::Error),
    /// The peer answered with an error.
    Failed(io::Error),
    /// Nobody answered within the budget.
    TimedOut,
}

/// Starts a non-blocking connect. `Ok(true)` means it is already established.
fn start(address: &Address, interface: Option<&CStr>) -> io::Result<(Fd, bool)> {
    let fd = socket::stream(address.family(), true)?;
    socket::set_nodelay(fd, true);
    if interface.is_some_and(|device| !socket::bind_interface(fd, device)) {
        let error = io::Error::last_os_error();
        socket::close_only(fd);
        return Err(error);
    }
    if address.connect(fd) == 0 {
        return Ok((fd, true));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EINPROGRESS | libc::EWOULDBLOCK | libc::ENOTCONN | libc::EINTR) => {
            Ok((fd, false))
        }
        _ => {
            socket::close_only(fd);
            Err(error)
        }
    }
}

/// Starts connecting to the first address that accepts the attempt, without waiting for it.
pub(crate) fn start_first(addresses: &[Address], interface: Option<&CStr>) -> io::Result<Fd> {
    let mut last = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
    for address in addresses {
        match start(address, interface) {
            Ok((fd, _)) => return Ok(fd),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Puts IPv6 and IPv4 addresses in turn, each family in the resolver's order.
pub(crate) fn interleave(addresses: Vec<Address>) -> Vec<Address> {
    let first = addresses.first().map(Address::family);
    let (mut a, mut b): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.family()) == first);
    a.reverse();
    b.reverse();
    let mut mixed = Vec::with_capacity(a.len() + b.len());
    while let Some(address) = a.pop() {
        mixed.push(address);
        mixed.extend(b.pop());
    }
    mixed.extend(b.into_iter().rev());
    mixed
}

/// Races the addresses; the winner's descriptor is connected and non-blocking.
pub(crate) fn race(
    addresses: &[Address],
    interface: Option<&CStr>,
    deadline: Instant,
) -> Result<Fd, Failure> {
    let mut waiting: Vec<Fd> = Vec::new();
    let mut left = addresses.iter();
    let mut outcome = Failure::Refused(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL));
    let mut next_start = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next_start || waiting.is_empty() {
            match left.next() {
                Some(address) => match start(address, interface) {
                    Ok((fd, true)) => {
                        close_all(&waiting);
                        return Ok(fd);
                    }
                    Ok((fd, false)) => {
                        waiting.push(fd);
                        next_start = now + ATTEMPT_DELAY;
                    }
                    Err(error) => {
                        if matches!(outcome, Failure::Refused(_)) {
                            outcome = Failure::Refused(error);
                        }
                        next_start = now;
                        continue;
                    }
                },
                None if waiting.is_empty() => return Err(outcome),
                None => {}
            }
        }
        if now >= deadline {
            close_all(&waiting);
            return Err(Failure::TimedOut);
        }
        let mut pause = deadline - now;
        if left.len() > 0 {
            pause = pause.min(next_start.saturating_duration_since(now));
        }
        let wanted: Vec<_> = waiting
            .iter()
            .map(|&fd| (fd, Readiness::Writable))
            .collect();
        let ready = socket::wait_any(&wanted, pause);
        let mut still = Vec::new();
        let mut winner = None;
        for (&fd, ready) in waiting.iter().zip(ready) {
            let answered = ready && winner.is_none();
            match if answered {
                socket::take_error(fd)
            } else {
                libc::EINPROGRESS
            } {
                0 => winner = Some(fd),
                libc::EINPROGRESS => still.push(fd),
                code => {
                    socket::close_only(fd);
                    outcome = Failure::Failed(error(code));
                    next_start = now;
                }
            }
        }
        waiting = still;
        if let Some(fd) = winner {
            close_all(&waiting);
            return Ok(fd);
        }
    }
}

fn error(code: c_int) -> io::Error {
    io::Error::from_raw_os_error(code)
}

fn close_all(fds: &[Fd]) {
    for &fd in fds {
        socket::close_only(fd);
    }
}
