//! One TLS connection.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io::{self, IoSlice};
use std::ptr;
use std::sync::Arc;

use foreign_types::ForeignType;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use openssl::ssl::{NameType, Ssl};
use openssl_sys as ffi;

use super::bio::Bio;
use super::verify::{self, Check, Demand, Pin};
use super::{Context, Error, Identity, PeerName, reasons, sys};
use crate::abi::room::Room;
use crate::sync;
use crate::transport::socket::{Fd, Readiness};

/// What one record holds; more is cut into several.
const RECORD: usize = 16 * 1024;

/// What a program or an earlier operation left in OpenSSL's queue must not decide anything. It is
/// empty nearly always, and looking is cheaper than clearing.
fn forget_errors() {
    // SAFETY: the queue is this thread's.
    unsafe {
        if ffi::ERR_peek_last_error() != 0 {
            ffi::ERR_clear_error();
        }
    }
}

/// What came of a step of the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Advance {
    Done,
    /// The descriptor must become ready first.
    Blocked(Readiness),
    /// The client has named the server it wants: [`Stream::choose`] an identity, then go on.
    Named,
}

/// A reference on the `SSL` of a connection, which programs may look at as long as the connection
/// lives: longer than there is a stream. It keeps the `SSL_CTX` it was made by, also when a callback
/// of the program's has put another in its place (`SSL_set_SSL_CTX`).
pub(crate) struct Object(Ssl);

impl Object {
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }
}

/// TLS on a descriptor that belongs to somebody else.
pub(crate) struct Stream {
    ssl: Ssl,
    bio: Bio,
    /// `None` for servers that ask clients for nothing.
    demand: Option<Arc<Demand>>,
    fault: Option<Box<Fault>>,
    /// Size of a record that OpenSSL holds and the kernel has not taken whole: the next write has
    /// to begin with the same bytes.
    committed: usize,
    established: bool,
    read_waits_for: Readiness,
    write_waits_for: Readiness,
}

impl Stream {
    fn new(context: &Context, fd: Fd) -> Result<Self, Error> {
        let make = || Ok((context.new_ssl()?, Bio::new(fd)?));
        let (ssl, bio) = make().map_err(|stack: ErrorStack| Error::of("TLS", &stack))?;
        bio.attach(ssl.as_ptr());
        let mode = ffi::SSL_MODE_ENABLE_PARTIAL_WRITE
            | ffi::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
            // Half of what an idle connection would keep; it costs nothing that can be measured.
            | ffi::SSL_MODE_RELEASE_BUFFERS;
        // SAFETY: a live connection. The context may be the program's, so what we rely on is set
        // here.
        unsafe {
            ffi::SSL_ctrl(
                ssl.as_ptr(),
                ffi::SSL_CTRL_MODE,
                c_long::from(mode),
                ptr::null_mut(),
            );
            sys::SSL_set_read_ahead(ssl.as_ptr(), 0);
        }
        Ok(Self {
            ssl,
            bio,
            demand: None,
            fault: None,
            committed: 0,
            established: false,
            read_waits_for: Readiness::Readable,
            write_waits_for: Readiness::Writable,
        })
    }

    /// A client's, which asks for `name` and demands what `check` says of the server's
    /// certificate, with `check_name` also that it is for that name.
    pub(crate) fn client(
        context: &Context,
        fd: Fd,
        name: Option<PeerName>,
        check: Check,
        check_name: bool,
    ) -> Result<Self, Error> {
        let mut stream = Self::new(context, fd)?;
        // RFC 6066 §3: addresses are no names.
        if let Some(PeerName::Dns(name)) = &name {
            let done = stream.ssl.set_hostname(name);
            done.map_err(|stack| Error::of("host name", &stack))?;
        }
        let wanted = name.filter(|_| check_name);
        let demand = verify::demand_of_server(&mut stream.ssl, check, wanted);
        stream.demand = Some(demand.map_err(|stack| Error::of("TLS", &stack))?);
        stream.ssl.set_connect_state();
        Ok(stream)
    }

    /// A server's.
    pub(crate) fn server(context: &Context, fd: Fd, check: Check) -> Result<Self, Error> {
        let mut stream = Self::new(context, fd)?;
        if context.is_foreign() {
            stream.forget_sessions()?;
        }
        let demand = verify::demand_of_client(&mut stream.ssl, check);
        stream.demand = demand.map_err(|stack| Error::of("TLS", &stack))?;
        stream.ssl.set_accept_state();
        Ok(stream)
    }

    /// Makes this connection's sessions useless for any other: programs with contexts of their own
    /// look at certificates, which a resumed session doesn't bring.
    fn forget_sessions(&mut self) -> Result<(), Error> {
        let mut unique = [0; 32];
        let done = rand_bytes(&mut unique);
        done.map_err(|stack| Error::of("TLS", &stack))?;
        let size = c_uint::try_from(unique.len()).unwrap_or(0);
        // SAFETY: a live connection and 32 bytes, the most there may be.
        unsafe { sys::SSL_set_session_id_context(self.ssl.as_ptr(), unique.as_ptr(), size) };
        Ok(())
    }

    /// Gives this connection an identity beside what its context has.
    pub(crate) fn identify(&mut self, identity: &Identity) -> Result<(), Error> {
        let done = identity.apply(&mut self.ssl, false);
        done.map_err(|stack| Error::of("certificate", &stack))
    }

    /// Has the handshake stop once the client has named the server it wants.
    pub(crate) fn stop_at_name(&mut self) {
        // SAFETY: a live connection.
        unsafe { sys::SSL_set_cert_cb(self.ssl.as_ptr(), Some(stop), ptr::null_mut()) };
    }

    /// The name the client has asked for.
    pub(crate) fn asked_name(&self) -> Option<String> {
        self.ssl.servername(NameType::HOST_NAME).map(str::to_owned)
    }

    /// Goes on after [`Advance::Named`], with another identity than the context's if there is one.
    pub(crate) fn choose(&mut self, identity: Option<&Identity>) -> Result<(), Error> {
        // SAFETY: a live connection.
        unsafe { sys::SSL_set_cert_cb(self.ssl.as_ptr(), None, ptr::null_mut()) };
        let Some(identity) = identity else {
            return Ok(());
        };
        let done = identity.apply(&mut self.ssl, true);
        done.map_err(|stack| Error::of("certificate", &stack))
    }

    /// Offers the server to resume the last session kept under `key`.
    pub(crate) fn resume(&mut self, context: &Context, key: &str) {
        if let Some(sessions) = context.sessions() {
            // Without, the handshake is a full one.
            let _ = sessions.offer(&mut self.ssl, key);
        }
    }

    /// A reference for whoever keeps it for the program to see.
    pub(crate) fn object(&self) -> Object {
        // SAFETY: one more reference on a live connection.
        unsafe {
            sys::SSL_up_ref(self.ssl.as_ptr());
            Object(Ssl::from_ptr(self.ssl.as_ptr()))
        }
    }

    pub(crate) fn set_fd(&mut self, fd: Fd) {
        self.bio.set_fd(fd);
    }

    /// See [`Bio::set_read_ahead`].
    pub(crate) fn set_read_ahead(&mut self, on: bool) {
        self.bio.set_read_ahead(on);
    }

    /// Whether a read would find nothing until the descriptor has an event.
    pub(crate) fn is_drained(&self) -> bool {
        self.bio.is_drained() && self.pending() == 0
    }

    /// Bytes that a read would find without the descriptor; a record still encrypted counts 1.
    pub(crate) fn pending(&self) -> usize {
        if !self.established || self.broken().is_some() {
            return 0;
        }
        self.ssl.pending() + usize::from(self.bio.holds_record())
    }

    pub(crate) fn read_waits_for(&self) -> Readiness {
        self.read_waits_for
    }

    pub(crate) fn write_waits_for(&self) -> Readiness {
        self.write_waits_for
    }

    pub(crate) fn committed(&self) -> usize {
        self.committed
    }

    /// Advances the handshake.
    pub(crate) fn handshake(&mut self) -> io::Result<Advance> {
        self.usable()?;
        // SAFETY: a live connection.
        let result = self.run(|ssl| unsafe { ffi::SSL_do_handshake(ssl) });
        if result == 1 {
            self.established = true;
            return Ok(Advance::Done);
        }
        match self.outcome(result) {
            Outcome::Blocked(readiness) => Ok(Advance::Blocked(readiness)),
            Outcome::Named => Ok(Advance::Named),
            Outcome::Ended => {
                let text = "the peer ended the connection during the TLS handshake";
                Err(self.fail(Fault::Tls(text.to_owned())))
            }
            Outcome::Failed(why) => Err(self.fail(why)),
        }
    }

    /// After the handshake: whether the server's certificate is there, has one of the keys in
    /// `pins`, unless that is empty, and with `check_name` is for the name asked for.
    pub(crate) fn check_server(&self, pins: &[Pin], check_name: bool) -> Result<(), Error> {
        let Some(certificate) = self.ssl.peer_certificate() else {
            return Err(Error::new("the server has no certificate"));
        };
        let name = self.demand.as_ref().and_then(|demand| demand.name());
        if let Some(name) = name.filter(|_| check_name) {
            verify::check_name(&certificate, name)?;
        }
        if pins.is_empty() {
            Ok(())
        } else {
            verify::check_pins(&certificate, pins)
        }
    }

    /// Reads what one record holds, and what is in whole records that were read ahead.
    pub(crate) fn read(&mut self, mut room: Room<'_>) -> io::Result<usize> {
        let mut n = self.receive(&mut room, ffi::SSL_read)?;
        while n > 0 && room.len() > 0 && self.pending() > 0 {
            match self.receive(&mut room, ffi::SSL_read) {
                // What else came of it will be seen by the next call, too.
                Ok(0) | Err(_) => break,
                Ok(more) => n += more,
            }
        }
        Ok(n)
    }

    /// Looks at what is there without taking it.
    pub(crate) fn peek(&mut self, mut room: Room<'_>) -> io::Result<usize> {
        self.receive(&mut room, ffi::SSL_peek)
    }

    /// Not inlined: it is long, and has three callers.
    #[inline(never)]
    fn receive(
        &mut self,
        room: &mut Room<'_>,
        operation: unsafe extern "C" fn(*mut ffi::SSL, *mut c_void, c_int) -> c_int,
    ) -> io::Result<usize> {
        self.usable()?;
        let size = c_int::try_from(room.len()).unwrap_or(c_int::MAX);
        // SAFETY: a live connection, and memory of that size.
        let result = self.run(|ssl| unsafe { operation(ssl, room.as_mut_ptr().cast(), size) });
        if let Ok(n @ 1..) = usize::try_from(result) {
            // SAFETY: OpenSSL has written them.
            unsafe { room.advance(n) };
            return Ok(n);
        }
        match self.outcome(result) {
            Outcome::Blocked(readiness) => {
                self.read_waits_for = readiness;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Outcome::Named => Err(io::ErrorKind::WouldBlock.into()),
            Outcome::Ended => Ok(0),
            Outcome::Failed(why) => Err(self.fail(why)),
        }
    }

    /// Writes as much as the kernel takes now.
    pub(crate) fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.usable()?;
        let mut written = 0;
        loop {
            let wanted = match self.committed {
                0 => RECORD,
                committed => committed,
            };
            let mut joined = Vec::new();
            let chunk = cut(parts, written, wanted, &mut joined);
            if chunk.is_empty() {
                return Ok(written);
            }
            match self.write_record(chunk) {
                Ok(n) => written += n,
                // What is wrong will be seen by the next call, too.
                Err(_) if written > 0 => return Ok(written),
                Err(error) => return Err(error),
            }
        }
    }

    fn write_record(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(fault) = &self.fault {
            return Err(fault.error());
        }
        if bytes.len() < self.committed {
            // The rest of the record was given up, as in a forked child: nothing can follow it.
            return Err(self.end_writing(libc::EPIPE));
        }
        let size = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        // SAFETY: a live connection, and bytes of that size.
        let result = self.run(|ssl| unsafe { ffi::SSL_write(ssl, bytes.as_ptr().cast(), size) });
        if let Ok(n @ 1..) = usize::try_from(result) {
            self.committed = 0;
            return Ok(n);
        }
        match self.outcome(result) {
            Outcome::Blocked(readiness) => {
                self.committed = bytes.len();
                self.write_waits_for = readiness;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Outcome::Named => Err(io::ErrorKind::WouldBlock.into()),
            Outcome::Ended => Err(self.end_writing(libc::EPIPE)),
            Outcome::Failed(Fault::System(code)) => Err(self.end_writing(code)),
            Outcome::Failed(why) => Err(self.fail(why)),
        }
    }

    fn end_writing(&mut self, code: c_int) -> io::Error {
        self.fail(Fault::Unwritable(code))
    }

    /// Tells the peer that nothing follows (close_notify), if that can still be said; one attempt.
    /// The descriptor is not used any more afterwards.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if !self.established || self.fault.is_some() || self.committed > 0 {
            return Ok(());
        }
        // SAFETY: a live connection.
        let result = self.run(|ssl| unsafe { ffi::SSL_shutdown(ssl) });
        if result >= 0 {
            return Ok(());
        }
        match self.outcome(result) {
            Outcome::Blocked(_) => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }

    /// Runs an operation, and with it whatever callbacks the program has installed.
    fn run(&self, operation: impl FnOnce(*mut ffi::SSL) -> c_int) -> c_int {
        forget_errors();
        sync::foreign(|| operation(self.ssl.as_ptr()))
    }

    /// Why OpenSSL must not be called any more.
    fn broken(&self) -> Option<&Fault> {
        let fault = self.fault.as_deref()?;
        (!matches!(fault, Fault::Unwritable(_))).then_some(fault)
    }

    fn usable(&self) -> io::Result<()> {
        self.broken().map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn fail(&mut self, why: Fault) -> io::Error {
        self.fault.insert(Box::new(why)).error()
    }

    /// Why an operation returned `result` instead of what it should.
    fn outcome(&self, result: c_int) -> Outcome {
        // SAFETY: a live connection, and what its last operation returned.
        match unsafe { ffi::SSL_get_error(self.ssl.as_ptr(), result) } {
            ffi::SSL_ERROR_WANT_READ => Outcome::Blocked(Readiness::Readable),
            ffi::SSL_ERROR_WANT_WRITE => Outcome::Blocked(Readiness::Writable),
            ffi::SSL_ERROR_WANT_X509_LOOKUP => Outcome::Named,
            ffi::SSL_ERROR_ZERO_RETURN => Outcome::Ended,
            ffi::SSL_ERROR_SYSCALL if self.bio.has_ended() => Outcome::Ended,
            ffi::SSL_ERROR_SYSCALL => Outcome::Failed(Fault::System(self.bio.error())),
            _ => Outcome::Failed(Fault::Tls(self.reason(&ErrorStack::get()))),
        }
    }

    fn reason(&self, stack: &ErrorStack) -> String {
        let refused = stack.errors().iter().any(|error| {
            ffi::ERR_GET_LIB(error.code()) == LIB_SSL && error.reason_code() == VERIFY_FAILED
        });
        match &self.demand {
            Some(demand) if refused => demand.refusal(&self.ssl),
            _ => reasons(stack),
        }
    }
}

/// Why a stream is of no use any more, or only of some.
enum Fault {
    /// OpenSSL has failed for good, or the socket below it: it must not be called for this connection
    /// any more.
    Tls(String),
    System(c_int),
    /// A write has failed with this `errno`: no more can be written, but what the peer sent before it
    /// went can be read.
    Unwritable(c_int),
}

impl Fault {
    fn error(&self) -> io::Error {
        match self {
            Self::Tls(text) => Error::new(text.as_str()).into(),
            Self::System(code) | Self::Unwritable(code) => io::Error::from_raw_os_error(*code),
        }
    }
}

/// What an operation came to that wasn't done.
enum Outcome {
    Blocked(Readiness),
    /// The handshake is stopped by a callback.
    Named,
    Ended,
    Failed(Fault),
}

/// `ERR_LIB_SSL`, `SSL_R_CERTIFICATE_VERIFY_FAILED`.
const LIB_SSL: c_int = 20;
const VERIFY_FAILED: c_int = 134;

impl Drop for Stream {
    fn drop(&mut self) {
        if self.established && self.broken().is_none() {
            // OpenSSL makes a session useless whose connection seems to have been cut. To us that
            // is how connections end.
            let both = ffi::SSL_SENT_SHUTDOWN | ffi::SSL_RECEIVED_SHUTDOWN;
            // SAFETY: a live connection.
            unsafe { ffi::SSL_set_shutdown(self.ssl.as_ptr(), both) };
        }
        // The program may still hold the `SSL`. The descriptor's number may soon be a stranger's.
        self.bio.set_fd(-1);
    }
}

/// Up to `wanted` bytes of `parts` from `start` on, in one piece: of one part if that has them or
/// is the last, otherwise copied to `joined`.
fn cut<'a>(
    parts: &'a [IoSlice<'_>],
    start: usize,
    wanted: usize,
    joined: &'a mut Vec<u8>,
) -> &'a [u8] {
    let mut skip = start;
    for (at, part) in parts.iter().enumerate() {
        if skip >= part.len() {
            skip -= part.len();
            continue;
        }
        let rest = &part[skip..];
        skip = 0;
        let last = parts[at + 1..].iter().all(|part| part.is_empty());
        if joined.is_empty() && (last || rest.len() >= wanted) {
            return &rest[..rest.len().min(wanted)];
        }
        let n = rest.len().min(wanted - joined.len());
        joined.extend_from_slice(&rest[..n]);
        if joined.len() == wanted {
            break;
        }
    }
    joined
}

/// Stops the handshake.
unsafe extern "C" fn stop(_ssl: *mut ffi::SSL, _argument: *mut c_void) -> c_int {
    -1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_cut_from_the_parts_in_order() {
        let parts = [
            IoSlice::new(b"ab"),
            IoSlice::new(b""),
            IoSlice::new(b"cdef"),
        ];
        for start in 0..=6 {
            for wanted in 1..=7 {
                let whole = b"abcdef";
                let end = (start + wanted).min(whole.len());
                let mut joined = Vec::new();
                assert_eq!(cut(&parts, start, wanted, &mut joined), &whole[start..end]);
            }
        }
    }

    #[test]
    fn one_part_is_not_copied() {
        let big = [7; 100];
        let parts = [IoSlice::new(b"h"), IoSlice::new(&big)];
        let mut joined = Vec::new();
        assert_eq!(cut(&parts, 11, 50, &mut joined).len(), 50);
        assert!(joined.is_empty());
    }
}
