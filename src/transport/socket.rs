//! System calls on one socket, as safe functions over descriptor numbers.
//!
//! A descriptor may be closed or replaced by the application at any time; then these calls fail
//! with `EBADF` and do nothing else.

use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::io::{self, IoSlice, Write};
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::slice;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::abi::room::Room;
use crate::sync::relock;

/// A descriptor number; -1 is none.
pub type Fd = c_int;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn check_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// `recv`, restarted when interrupted.
#[inline]
pub(crate) fn receive(fd: Fd, room: &mut Room<'_>, flags: c_int) -> io::Result<usize> {
    // SAFETY: the room is writable for its length.
    let n = unsafe { receive_at(fd, room.as_mut_ptr(), room.len(), flags) }?;
    // SAFETY: the kernel has written them.
    unsafe { room.advance(n) };
    Ok(n)
}

/// Takes some of what has arrived, without waiting, for nobody; 0 is the end of the stream.
pub(crate) fn discard(fd: Fd) -> io::Result<usize> {
    let mut waste = [MaybeUninit::<u8>::uninit(); 16 * 1024];
    // SAFETY: as above.
    unsafe {
        receive_at(
            fd,
            waste.as_mut_ptr().cast(),
            waste.len(),
            libc::MSG_DONTWAIT,
        )
    }
}

/// # Safety
/// `place` is writable for `size` bytes.
unsafe fn receive_at(fd: Fd, place: *mut u8, size: usize, flags: c_int) -> io::Result<usize> {
    loop {
        // SAFETY: as this function demands.
        let n = unsafe { libc::recv(fd, place.cast(), size, flags) };
        match check_size(n) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Up to this size, putting the parts together costs less than having the kernel read a list.
const JOINED: usize = 2048;

/// As [`send`], of two parts.
pub(crate) fn send_two(fd: Fd, first: &[u8], second: &[u8], flags: c_int) -> io::Result<usize> {
    let size = first.len() + second.len();
    if size > JOINED {
        return send_parts(fd, &[IoSlice::new(first), IoSlice::new(second)], flags);
    }
    // SAFETY: as checked.
    unsafe { send_joined(fd, [first, second], size, flags) }
}

/// `send` without SIGPIPE, of several parts at once, restarted when interrupted.
pub(crate) fn send(fd: Fd, parts: &[IoSlice<'_>], flags: c_int) -> io::Result<usize> {
    let size: usize = parts.iter().map(|part| part.len()).sum();
    if let [whole] = parts {
        return send_one(fd, whole, flags);
    }
    if size > JOINED {
        return send_parts(fd, parts, flags);
    }
    // SAFETY: as checked.
    unsafe { send_joined(fd, parts.iter().map(|part| &**part), size, flags) }
}

/// # Safety
/// All parts together are `size` bytes, at most [`JOINED`].
#[inline]
unsafe fn send_joined<'a>(
    fd: Fd,
    parts: impl IntoIterator<Item = &'a [u8]>,
    size: usize,
    flags: c_int,
) -> io::Result<usize> {
    let mut joined = [MaybeUninit::<u8>::uninit(); JOINED];
    let start = joined.as_mut_ptr().cast::<u8>();
    let mut end = start;
    for part in parts {
        // SAFETY: all parts together fit, as this function demands.
        end = unsafe {
            ptr::copy_nonoverlapping(part.as_ptr(), end, part.len());
            end.add(part.len())
        };
    }
    // SAFETY: the first `size` bytes have just been written.
    send_one(fd, unsafe { slice::from_raw_parts(start, size) }, flags)
}

fn send_one(fd: Fd, bytes: &[u8], flags: c_int) -> io::Result<usize> {
    let flags = flags | libc::MSG_NOSIGNAL;
    loop {
        // SAFETY: `bytes` is readable for its length.
        let n = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
        match check_size(n) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn send_parts(fd: Fd, parts: &[IoSlice<'_>], flags: c_int) -> io::Result<usize> {
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = parts.as_ptr().cast_mut().cast::<libc::iovec>();
    message.msg_iovlen = parts.len() as _;
    loop {
        // SAFETY: IoSlice has the layout of iovec; the parts live through the call.
        let n = unsafe { libc::sendmsg(fd, &raw const message, flags | libc::MSG_NOSIGNAL) };
        match check_size(n) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether `O_NONBLOCK` is off. A dead descriptor counts as non-blocking: nothing will wait on it.
pub(crate) fn is_blocking(fd: Fd) -> bool {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK == 0
}

/// Clears or sets `O_NONBLOCK`, other flags preserved; false when the descriptor is invalid.
pub(crate) fn set_blocking(fd: Fd, blocking: bool) -> bool {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 {
        return false;
    }
    let wanted = if blocking {
        flags & !libc::O_NONBLOCK
    } else {
        flags | libc::O_NONBLOCK
    };
    // SAFETY: no pointers.
    wanted == flags || unsafe { libc::fcntl(fd, libc::F_SETFL, wanted) } == 0
}

/// As [`set_blocking`], on behalf of the program: a listening descriptor that it wants non-blocking
/// is so for its own accepts, too.
pub fn set_mode(fd: Fd, blocking: bool) -> bool {
    if !blocking {
        forget_mode(fd);
    }
    set_blocking(fd, blocking)
}

fn set_option<T>(fd: Fd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    let value: *const T = value;
    // SAFETY: `value` is readable for `size` bytes.
    check(unsafe { libc::setsockopt(fd, level, name, value.cast::<c_void>(), size) }).map(drop)
}

fn option<T>(fd: Fd, level: c_int, name: c_int) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut size = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: `value` is writable for `size` bytes.
    check(unsafe { libc::getsockopt(fd, level, name, value.as_mut_ptr().cast(), &raw mut size) })?;
    // SAFETY: only used with plain integers and timeval, for which all bytes are valid.
    Ok(unsafe { value.assume_init() })
}

/// Switches `TCP_NODELAY`; false on failure.
pub fn set_nodelay(fd: Fd, enable: bool) -> bool {
    set_option(
        fd,
        libc::IPPROTO_TCP,
        libc::TCP_NODELAY,
        &c_int::from(enable),
    )
    .is_ok()
}

/// Whether sockets that are accepted from this one have `TCP_NODELAY` without being told.
pub(crate) fn passes_nodelay(fd: Fd) -> bool {
    cfg!(any(target_os = "linux", target_os = "android"))
        && option::<c_int>(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY).is_ok_and(|value| value != 0)
}

pub(crate) fn set_reuse_address(fd: Fd) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)
}

pub(crate) fn set_reuse_port(fd: Fd) -> io::Result<()> {
    set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, &1)
}

/// Binds the socket to a network device; false when there is none of that name or no permission.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn bind_interface(fd: Fd, device: &CStr) -> bool {
    let size = libc::socklen_t::try_from(device.to_bytes().len()).unwrap_or(0);
    // SAFETY: the name is readable for `size` bytes.
    let result = unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_BINDTODEVICE,
            device.as_ptr().cast(),
            size,
        )
    };
    result == 0
}

/// Binds the socket to a network device: not offered by this system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn bind_interface(_fd: Fd, _device: &CStr) -> bool {
    false
}

/// The pending error of a non-blocking connect; 0 when it succeeded.
pub(crate) fn take_error(fd: Fd) -> c_int {
    option(fd, libc::SOL_SOCKET, libc::SO_ERROR)
        .unwrap_or_else(|error| error.raw_os_error().unwrap_or(libc::EBADF))
}

/// Whether the descriptor is a listening socket.
pub(crate) fn is_listening(fd: Fd) -> bool {
    option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).is_ok_and(|value| value != 0)
}

fn timeout_option(fd: Fd, name: c_int) -> Option<Duration> {
    let value: libc::timeval = option(fd, libc::SOL_SOCKET, name).ok()?;
    let seconds = u64::try_from(value.tv_sec).ok()?;
    let micros = u64::try_from(value.tv_usec).ok()?;
    (seconds > 0 || micros > 0)
        .then(|| Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros)))
}

/// `SO_RCVTIMEO`, if one is set.
pub(crate) fn receive_timeout(fd: Fd) -> Option<Duration> {
    timeout_option(fd, libc::SO_RCVTIMEO)
}

/// `SO_SNDTIMEO`, if one is set.
pub(crate) fn send_timeout(fd: Fd) -> Option<Duration> {
    timeout_option(fd, libc::SO_SNDTIMEO)
}

/// Numeric address and port, as text.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    /// Both, each followed by a NUL.
    text: [u8; LONG_PEER],
    /// Where the port begins.
    port: usize,
    end: usize,
}

/// An IPv6 address with an IPv4 address in it, a port, and two NULs.
const LONG_PEER: usize = 45 + 5 + 2;
/// Room for any IPv4 address and port, with their NULs.
pub(crate) const SHORT_PEER: usize = 24;

impl Peer {
    /// What a peer without an IP address is called.
    pub(crate) fn unknown() -> Self {
        Self::new(Ipv4Addr::UNSPECIFIED, 0)
    }

    fn new(ip: impl fmt::Display, port: u16) -> Self {
        let mut text = [0; LONG_PEER];
        let mut rest = &mut text[..];
        // Both fit, so neither write fails.
        let _ = write!(rest, "{ip}\0");
        let at_port = rest.len();
        let _ = write!(rest, "{port}\0");
        let at_end = rest.len();
        Self {
            text,
            port: LONG_PEER - at_port,
            end: LONG_PEER - at_end,
        }
    }

    fn from_address(address: &libc::sockaddr_storage) -> Self {
        let start: *const libc::sockaddr_storage = address;
        match c_int::from(address.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says so, and the storage is large and aligned enough.
                let address = unsafe { &*start.cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                Self::new(ip, u16::from_be(address.sin_port))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let address = unsafe { &*start.cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
                Self::new(ip, u16::from_be(address.sin6_port))
            }
            _ => Self::unknown(),
        }
    }

    pub(crate) fn host(&self) -> &[u8] {
        &self.text[..self.port - 1]
    }

    pub(crate) fn port(&self) -> &[u8] {
        &self.text[self.port..self.end - 1]
    }

    /// Host and port with their NULs, if that isn't much.
    pub(crate) fn short(&self) -> Option<[u8; SHORT_PEER]> {
        let short = self.text.first_chunk()?;
        (self.end <= SHORT_PEER).then_some(*short)
    }
}

/// Who is at the other end; an error when nobody is.
pub(crate) fn peer(fd: Fd) -> io::Result<Peer> {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut address: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut size = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or(0);
    let start: *mut libc::sockaddr_storage = &raw mut address;
    // SAFETY: the storage is large enough for any address.
    check(unsafe { libc::getpeername(fd, start.cast(), &raw mut size) })?;
    Ok(Peer::from_address(&address))
}

/// `accept`, restarted at most five times when interrupted.
pub(crate) fn accept(fd: Fd) -> io::Result<Fd> {
    let mut tries = 0;
    loop {
        // SAFETY: without a place for the address none is stored.
        let result = check(unsafe { libc::accept(fd, ptr::null_mut(), ptr::null_mut()) });
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && tries < 5 => tries += 1,
            result => return result,
        }
    }
}

/// A new stream socket; `nonblocking` sets its mode.
pub(crate) fn stream(family: c_int, nonblocking: bool) -> io::Result<Fd> {
    // SAFETY: no pointers.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_STREAM, 0) })?;
    if nonblocking {
        set_blocking(fd, false);
    }
    Ok(fd)
}

/// Half-closes: the peer reads to the end.
pub(crate) fn shutdown_write(fd: Fd) {
    // SAFETY: no pointers.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// Ends both directions and gives the descriptor back. Waiters in `poll` on it wake up.
pub(crate) fn close(fd: Fd) {
    forget_mode(fd);
    // SAFETY: no pointers; the descriptor is ours to close.
    unsafe {
        libc::shutdown(fd, libc::SHUT_RDWR);
        libc::close(fd);
    }
}

/// Gives the descriptor back without touching the connection behind it.
pub(crate) fn close_only(fd: Fd) {
    forget_mode(fd);
    // SAFETY: no pointers; the descriptor is ours to close.
    unsafe { libc::close(fd) };
}

/// Whether the process has a terminal to ask somebody at.
#[cfg(feature = "tls")]
pub(crate) fn has_terminal() -> bool {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: a NUL-terminated name.
    let fd = unsafe { libc::open(c"/dev/tty".as_ptr(), flags) };
    if fd == -1 {
        return false;
    }
    close_only(fd);
    true
}

/// A second descriptor for the same socket.
pub(crate) fn duplicate(fd: Fd) -> io::Result<Fd> {
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) })
}

/// What [`wait_for`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Readiness {
    Readable,
    Writable,
}

/// Waits until the descriptor is ready (true) or `timeout` has passed (false). Errors count as
/// ready: the caller looks again anyway. Signals don't.
pub(crate) fn wait_for(fd: Fd, readiness: Readiness, timeout: Duration) -> bool {
    let mut entry = entry(fd, readiness);
    let mut left = timeout;
    loop {
        let begun = Instant::now();
        // SAFETY: one entry.
        match check(unsafe { libc::poll(&raw mut entry, 1, millis(left)) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                left = left.saturating_sub(begun.elapsed());
            }
            result => return !matches!(result, Ok(0)),
        }
    }
}

/// Waits until one of them is ready; returns which are, by position. A signal may end it early.
pub(crate) fn wait_any(wanted: &[(Fd, Readiness)], timeout: Duration) -> Vec<bool> {
    let mut entries: Vec<_> = wanted
        .iter()
        .map(|&(fd, readiness)| entry(fd, readiness))
        .collect();
    // SAFETY: the entries live through the call.
    unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as _, millis(timeout)) };
    entries.iter().map(|entry| entry.revents != 0).collect()
}

fn entry(fd: Fd, readiness: Readiness) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: match readiness {
            Readiness::Readable => libc::POLLIN,
            Readiness::Writable => libc::POLLOUT,
        },
        revents: 0,
    }
}

/// A poll timeout that is never early: rounded up to whole milliseconds.
fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}

/// Sleeps, restarting after signals, until `duration` has passed.
pub(crate) fn sleep(duration: Duration) {
    let end = Instant::now() + duration.min(Duration::from_secs(u64::from(u32::MAX)));
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left);
    }
}

/// Listening descriptors whose mode *we* changed to non-blocking: for the application they are
/// still blocking, so a direct accept on one waits. A process has few listeners.
static CHANGED: Mutex<Vec<Fd>> = Mutex::new(Vec::new());

/// Makes a listening descriptor non-blocking for the loop and remembers that it wasn't.
pub(crate) fn take_over_mode(fd: Fd) {
    if is_blocking(fd) && set_blocking(fd, false) {
        let mut changed = relock(&CHANGED);
        if !changed.contains(&fd) {
            changed.push(fd);
        }
    }
}

/// Whether the application still believes this descriptor to be blocking.
pub(crate) fn mode_taken_over(fd: Fd) -> bool {
    relock(&CHANGED).contains(&fd)
}

/// Forgets what was remembered of a descriptor number.
pub(crate) fn forget_mode(fd: Fd) {
    let mut changed = relock(&CHANGED);
    changed.retain(|&known| known != fd);
    if changed.is_empty() {
        // A library that is unloaded, or checked for leaks at exit, leaves nothing behind.
        changed.shrink_to_fit();
    }
}
