//! Names and services to addresses, by the system's resolver.

use std::ffi::{CStr, c_int};
use std::mem;
use std::ptr;

use super::socket::Fd;

/// Which addresses are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Auto,
}

/// One address to connect or bind to.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    storage: libc::sockaddr_storage,
    size: libc::socklen_t,
}

impl Address {
    pub(crate) fn family(&self) -> c_int {
        c_int::from(self.storage.ss_family)
    }

    fn pointer(&self) -> *const libc::sockaddr {
        let storage: *const libc::sockaddr_storage = &raw const self.storage;
        storage.cast()
    }

    /// `connect`; the result of the system call.
    pub(crate) fn connect(&self, fd: Fd) -> c_int {
        // SAFETY: a valid address of `size` bytes.
        unsafe { libc::connect(fd, self.pointer(), self.size) }
    }

    /// `bind`; the result of the system call.
    pub(crate) fn bind(&self, fd: Fd) -> c_int {
        // SAFETY: a valid address of `size` bytes.
        unsafe { libc::bind(fd, self.pointer(), self.size) }
    }
}

/// Whether a port is a number that is none: getaddrinfo reads it as strtoul does and takes it modulo
/// 65536.
fn is_number_out_of_range(port: &[u8]) -> bool {
    let text = port.trim_ascii_start();
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-"));
    let negative = text.starts_with(b"-");
    let digits = digits.unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = std::str::from_utf8(digits).ok();
    let number = number.and_then(|digits| digits.parse::<u32>().ok());
    number.is_none_or(|number| number > if negative { 0 } else { 65_535 })
}

/// The addresses of `host` and `port` (a number or a service name), in the resolver's order, or
/// the reason in words.
pub(crate) fn resolve(
    host: &CStr,
    port: &CStr,
    family: Family,
    passive: bool,
) -> Result<Vec<Address>, String> {
    if is_number_out_of_range(port.to_bytes()) {
        return Err(format!("port {} is out of range", port.to_string_lossy()));
    }
    // SAFETY: all-zero is a valid addrinfo.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
        Family::Auto => libc::AF_UNSPEC,
    };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = if passive { libc::AI_PASSIVE } else { 0 };
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: NUL-terminated texts, valid hints, a place for the result.
    let code = unsafe {
        libc::getaddrinfo(
            host.as_ptr(),
            port.as_ptr(),
            &raw const hints,
            &raw mut list,
        )
    };
    if code != 0 {
        // SAFETY: gai_strerror returns a static text.
        let reason = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        return Err(format!(
            "can't resolve host {} port {}: {}",
            host.to_string_lossy(),
            port.to_string_lossy(),
            reason.to_string_lossy()
        ));
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: an entry of the list getaddrinfo made.
        let entry = unsafe { &*next };
        let size = entry.ai_addrlen as usize;
        if size <= size_of::<libc::sockaddr_storage>() && !entry.ai_addr.is_null() {
            // SAFETY: all-zero is a valid sockaddr_storage.
            let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
            let to: *mut libc::sockaddr_storage = &raw mut storage;
            // SAFETY: `size` bytes fit, as checked.
            unsafe { ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), to.cast::<u8>(), size) };
            found.push(Address {
                storage,
                size: entry.ai_addrlen,
            });
        }
        next = entry.ai_next;
    }
    // SAFETY: made by getaddrinfo, not used afterwards.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}
