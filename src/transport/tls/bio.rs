//! Between OpenSSL and the descriptor.
//!
//! OpenSSL's own socket BIO writes with `write`, which raises SIGPIPE and blocks on a blocking
//! descriptor, and programs ask `SSL_get_fd`. So this is a BIO of the descriptor kind that never
//! does either.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{self, IoSlice};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use openssl::error::ErrorStack;
use openssl_sys as ffi;

use super::sys;
use crate::abi::room::Room;
use crate::transport::socket::{self, Fd};
use crate::transport::would_block;

/// What is asked of the kernel at a time where OpenSSL asks for a record's header only. A small
/// record comes with its header, the rest of a large one goes where OpenSSL wants it.
const GULP: usize = 4096;
/// A record's header: type, version, length.
const HEADER: usize = 5;

/// The descriptor, and what the last operation on it came to.
pub(super) struct Wire {
    fd: AtomicI32,
    /// Whether more may be taken than OpenSSL asks for: only while our loop reads.
    read_ahead: Cell<bool>,
    ahead: RefCell<Option<Ahead>>,
    /// The last receive got less than it asked for.
    drained: Cell<bool>,
    ended: Cell<bool>,
    error: Cell<c_int>,
}

/// Taken from the kernel, not yet asked for. Begins with a record's header: within a record,
/// OpenSSL asks on until it has all of it or nothing is left here.
struct Ahead {
    buffer: Box<Gulp>,
    start: usize,
    end: usize,
}

type Gulp = [u8; GULP];

thread_local! {
    /// The buffer that every connection of a loop reads into when its turn comes: it is empty again
    /// before the next one's, unless a stop leaves something.
    static SPARE: Cell<Option<Box<Gulp>>> = const { Cell::new(None) };
}

/// The thread's buffer, or a new one where it is in use, or gone already: destructors of the
/// program's own data may still call us when the thread ends.
fn spare() -> Box<Gulp> {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    spare.unwrap_or_else(|| Box::new([0; GULP]))
}

fn give_back(buffer: Box<Gulp>) {
    // Without a thread to keep it, it is released.
    let _ = SPARE.try_with(|spare| spare.set(Some(buffer)));
}

impl Ahead {
    fn receive(fd: Fd) -> io::Result<Self> {
        let mut buffer = spare();
        match socket::receive(fd, &mut Room::from(&mut buffer[..]), libc::MSG_DONTWAIT) {
            Ok(end) => Ok(Self {
                buffer,
                start: 0,
                end,
            }),
            Err(error) => {
                give_back(buffer);
                Err(error)
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn take(&mut self, into: &mut [u8]) -> usize {
        let n = into.len().min(self.rest().len());
        into[..n].copy_from_slice(&self.rest()[..n]);
        self.start += n;
        n
    }

    /// What is left, if that is anything.
    fn or_spare(self) -> Option<Self> {
        if self.rest().is_empty() {
            give_back(self.buffer);
            return None;
        }
        Some(self)
    }

    fn holds_record(&self) -> bool {
        let rest = self.rest();
        rest.len() >= HEADER
            && rest.len() - HEADER >= usize::from(u16::from_be_bytes([rest[3], rest[4]]))
    }
}

impl Wire {
    fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut slot = self.ahead.borrow_mut();
        if let Some(mut ahead) = slot.take() {
            let n = ahead.take(into);
            *slot = ahead.or_spare();
            return Ok(n);
        }
        let fd = self.fd.load(Ordering::Relaxed);
        if !self.read_ahead.get() || into.len() >= GULP {
            let n = socket::receive(fd, &mut into.into(), libc::MSG_DONTWAIT)?;
            self.drained.set(n < into.len());
            return Ok(n);
        }
        let mut ahead = Ahead::receive(fd)?;
        self.drained.set(ahead.end < GULP);
        let n = ahead.take(into);
        *slot = ahead.or_spare();
        Ok(n)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd.load(Ordering::Relaxed);
        socket::send(fd, &[IoSlice::new(bytes)], libc::MSG_DONTWAIT)
    }

    /// What OpenSSL is told of an outcome.
    fn report(&self, bio: *mut ffi::BIO, result: io::Result<usize>, reading: bool) -> c_int {
        match result {
            Ok(0) => {
                self.ended.set(true);
                0
            }
            Ok(n) => c_int::try_from(n).unwrap_or(c_int::MAX),
            Err(error) => {
                self.ended.set(false);
                // A socket of the caller's may still be connecting.
                let early = error.raw_os_error() == Some(libc::ENOTCONN);
                if would_block(&error) || early {
                    self.drained.set(true);
                    // SAFETY: the BIO this is the data of.
                    unsafe {
                        if reading {
                            ffi::BIO_set_retry_read(bio);
                        } else {
                            ffi::BIO_set_retry_write(bio);
                        }
                    }
                } else {
                    self.error
                        .set(error.raw_os_error().unwrap_or(libc::ECONNRESET));
                }
                -1
            }
        }
    }
}

/// A counted reference on the BIO of a connection: its [`Wire`] lives as long as one is held, also
/// when the program has given the `SSL` another BIO.
pub(super) struct Bio(ptr::NonNull<ffi::BIO>);

// SAFETY: a BIO isn't bound to a thread; its users are serialized by the connection's lock.
unsafe impl Send for Bio {}

impl Bio {
    pub(super) fn new(fd: Fd) -> Result<Self, ErrorStack> {
        let wire = Box::new(Wire {
            fd: AtomicI32::new(fd),
            read_ahead: Cell::new(false),
            ahead: RefCell::new(None),
            drained: Cell::new(false),
            ended: Cell::new(false),
            error: Cell::new(libc::ECONNRESET),
        });
        // SAFETY: the method is complete and lives for ever.
        let bio = unsafe { ffi::BIO_new(method()) };
        let bio = ptr::NonNull::new(bio).ok_or_else(ErrorStack::get)?;
        // SAFETY: a new BIO; `destroy` releases the data.
        unsafe {
            ffi::BIO_set_data(bio.as_ptr(), Box::into_raw(wire).cast());
            ffi::BIO_set_init(bio.as_ptr(), 1);
        }
        Ok(Self(bio))
    }

    /// Has the connection read and write here.
    pub(super) fn attach(&self, ssl: *mut ffi::SSL) {
        // SAFETY: both are live; SSL_set_bio takes one reference for both directions.
        unsafe {
            sys::BIO_up_ref(self.0.as_ptr());
            ffi::SSL_set_bio(ssl, self.0.as_ptr(), self.0.as_ptr());
        }
    }

    fn wire(&self) -> &Wire {
        // SAFETY: set in `new`, released with the last reference.
        unsafe { &*ffi::BIO_get_data(self.0.as_ptr()).cast::<Wire>() }
    }

    pub(super) fn set_fd(&self, fd: Fd) {
        self.wire().fd.store(fd, Ordering::Relaxed);
    }

    pub(super) fn set_read_ahead(&self, on: bool) {
        self.wire().read_ahead.set(on);
    }

    /// The kernel had nothing more when it was asked last, and nothing of what it gave is left.
    pub(super) fn is_drained(&self) -> bool {
        let wire = self.wire();
        wire.drained.get() && wire.ahead.borrow().is_none()
    }

    /// Whether a whole record is here that OpenSSL has not asked for.
    pub(super) fn holds_record(&self) -> bool {
        let ahead = self.wire().ahead.borrow();
        ahead.as_ref().is_some_and(|ahead| ahead.holds_record())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.wire().ended.get()
    }

    /// The `errno` of the last operation that failed.
    pub(super) fn error(&self) -> c_int {
        self.wire().error.get()
    }
}

impl Drop for Bio {
    fn drop(&mut self) {
        // SAFETY: gives the reference back.
        unsafe { ffi::BIO_free_all(self.0.as_ptr()) };
    }
}

struct Method(*mut ffi::BIO_METHOD);

// SAFETY: never changed after it was made.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

fn method() -> *const ffi::BIO_METHOD {
    static METHOD: OnceLock<Method> = OnceLock::new();
    METHOD
        .get_or_init(|| {
            // SAFETY: a new method, completed before anybody sees it. NULL, when memory is out,
            // makes BIO_new fail.
            unsafe {
                let kind = sys::BIO_get_new_index() | sys::TYPE_DESCRIPTOR;
                let method = ffi::BIO_meth_new(kind, c"nopoll socket".as_ptr());
                if !method.is_null() {
                    ffi::BIO_meth_set_read__fixed_rust(method, Some(read));
                    ffi::BIO_meth_set_write__fixed_rust(method, Some(write));
                    ffi::BIO_meth_set_ctrl__fixed_rust(method, Some(ctrl));
                    ffi::BIO_meth_set_destroy__fixed_rust(method, Some(destroy));
                }
                Method(method)
            }
        })
        .0
}

/// The data of one of our BIOs.
///
/// # Safety
/// `bio` was made by [`Bio::new`].
unsafe fn wire<'a>(bio: *mut ffi::BIO) -> Option<&'a Wire> {
    // SAFETY: as this function demands; NULL while the BIO is being made.
    unsafe { ffi::BIO_get_data(bio).cast::<Wire>().as_ref() }
}

unsafe extern "C" fn read(bio: *mut ffi::BIO, buffer: *mut c_char, size: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with one of our BIOs.
    let (Some(wire), Ok(size)) = (unsafe { wire(bio) }, usize::try_from(size)) else {
        return -1;
    };
    // SAFETY: as above.
    unsafe { ffi::BIO_clear_retry_flags(bio) };
    if buffer.is_null() || size == 0 {
        return 0;
    }
    // SAFETY: OpenSSL's buffer has room for `size` bytes. They may be uninitialized, but are only
    // written to.
    let into = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), size) };
    wire.report(bio, wire.receive(into), true)
}

unsafe extern "C" fn write(bio: *mut ffi::BIO, buffer: *const c_char, size: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with one of our BIOs.
    let (Some(wire), Ok(size)) = (unsafe { wire(bio) }, usize::try_from(size)) else {
        return -1;
    };
    // SAFETY: as above.
    unsafe { ffi::BIO_clear_retry_flags(bio) };
    if buffer.is_null() || size == 0 {
        return 0;
    }
    // SAFETY: OpenSSL's buffer holds `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), size) };
    wire.report(bio, wire.send(bytes), false)
}

unsafe extern "C" fn ctrl(
    bio: *mut ffi::BIO,
    command: c_int,
    _number: c_long,
    pointer: *mut c_void,
) -> c_long {
    match command {
        sys::CTRL_GET_FD => {
            // SAFETY: OpenSSL calls this with one of our BIOs.
            let fd = unsafe { wire(bio) }.map_or(-1, |wire| wire.fd.load(Ordering::Relaxed));
            if !pointer.is_null() {
                // SAFETY: BIO_get_fd passes NULL or a place for an int.
                unsafe { pointer.cast::<c_int>().write(fd) };
            }
            c_long::from(fd)
        }
        ffi::BIO_CTRL_FLUSH | sys::CTRL_DUP => 1,
        _ => 0,
    }
}

unsafe extern "C" fn destroy(bio: *mut ffi::BIO) -> c_int {
    // SAFETY: the data of one of our BIOs, which nobody can reach any more.
    unsafe {
        let wire = ffi::BIO_get_data(bio).cast::<Wire>();
        ffi::BIO_set_data(bio, ptr::null_mut());
        if !wire.is_null() {
            drop(Box::from_raw(wire));
        }
    }
    1
}
