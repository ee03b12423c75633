//! Accessors.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{Conn, Rare, Role};
use crate::abi::types::{noPollConn, noPollCtx};
use crate::api::error::{Failure, NO_ERROR};
use crate::sync::relock;

fn text(place: &AtomicPtr<c_char>) -> *const c_char {
    place.load(Ordering::Acquire).cast_const()
}

impl Conn {
    /// Whether a descriptor is stored.
    pub fn is_ok(&self) -> bool {
        self.descriptor() != -1
    }

    /// Whether TLS is in use.
    pub fn is_tls_on(&self) -> bool {
        self.window.tls_on.load(Ordering::Acquire) != 0
    }

    /// Whether the opening handshake is complete.
    pub(crate) fn is_open(&self) -> bool {
        self.window.handshake_ok.load(Ordering::Acquire) != 0
    }

    /// Unique within the context, increasing.
    pub fn id(&self) -> c_int {
        self.window.id.load(Ordering::Acquire)
    }

    pub(crate) fn set_id(&self, id: c_int) {
        self.window.id.store(id, Ordering::Release);
    }

    /// The context, as C knows it.
    pub fn ctx_ptr(&self) -> *mut noPollCtx {
        self.window.ctx.load(Ordering::Acquire)
    }

    /// A `noPollRole`.
    pub fn role(&self) -> c_int {
        self.window.role.load(Ordering::Acquire)
    }

    /// Client: where it connected to; accepted: the peer; listener: where it listens.
    pub fn host(&self) -> *const c_char {
        text(&self.window.host)
    }

    /// The port that goes with [`Self::host`].
    pub fn port(&self) -> *const c_char {
        text(&self.window.port)
    }

    /// The request target.
    pub fn requested_url(&self) -> *const c_char {
        text(&self.window.get_url)
    }

    /// The `Origin` header, or what it would be.
    pub fn origin(&self) -> *const c_char {
        text(&self.window.origin)
    }

    /// The `Host` header.
    pub fn host_header(&self) -> *const c_char {
        text(&self.window.host_name)
    }

    /// The `Cookie` header a client sent us.
    pub fn cookie(&self) -> *const c_char {
        self.rarely(|rare| text(&rare.cookie))
    }

    /// The subprotocols asked for.
    pub fn requested_protocol(&self) -> *const c_char {
        text(&self.window.protocols)
    }

    /// The subprotocol agreed on.
    pub fn accepted_protocol(&self) -> *const c_char {
        text(&self.window.accepted_protocol)
    }

    /// The `X-Real-IP` header a proxy sent us.
    pub fn real_ip(&self) -> *const c_char {
        self.rarely(|rare| text(&rare.real_ip))
    }

    /// Chooses the subprotocol the 101 will name.
    pub fn set_accepted_protocol(&self, protocol: &CStr) {
        self.lend(&self.window.accepted_protocol, protocol.to_bytes());
    }

    /// The listener that accepted it; NULL once that is gone.
    pub fn listener_ptr(&self) -> *mut noPollConn {
        match self.listener() {
            Some(listener) => Self::as_c(&listener),
            None => ptr::null_mut(),
        }
    }

    pub(super) fn listener(&self) -> Option<Arc<Self>> {
        let listener = relock(&self.cold).listener.upgrade()?;
        (!listener.destroyed.load(Ordering::Acquire)).then_some(listener)
    }

    /// The program's pointer.
    pub fn hook(&self) -> *mut c_void {
        self.window.gap1.user.load(Ordering::Acquire)
    }

    /// Stores the program's pointer.
    pub fn set_hook(&self, pointer: *mut c_void) {
        self.window.gap1.user.store(pointer, Ordering::Release);
    }

    /// What the peer's close frame said; 1005 and 1006 as RFC 6455 §7.1.5 has it.
    pub fn close_status(&self) -> c_int {
        self.window.peer_close_status.load(Ordering::Acquire)
    }

    /// The reason in the peer's close frame.
    pub fn close_reason(&self) -> *const c_char {
        text(&self.window.peer_close_reason)
    }

    /// Of the server's answer; 0 when none came.
    pub fn http_status(&self) -> c_int {
        let status = self.window.gap3.http_status.load(Ordering::Acquire);
        c_int::try_from(status).unwrap_or(0)
    }

    pub(super) fn set_http_status(&self, status: u16) {
        let place = &self.window.gap3.http_status;
        place.store(u32::from(status), Ordering::Release);
    }

    /// Why it ended, if something was wrong.
    pub(super) fn failure(&self) -> Option<Failure> {
        relock(&self.cold).rare.as_ref()?.failure.clone()
    }

    /// A `noPollError`.
    pub fn error(&self) -> c_int {
        self.failure().as_ref().map_or(0, Failure::code)
    }

    /// The same in words.
    pub fn error_text(&self) -> *const c_char {
        let cold = relock(&self.cold);
        let failure = cold.rare.as_ref().and_then(|rare| rare.failure.as_ref());
        failure.map_or(NO_ERROR, Failure::text).as_ptr()
    }

    /// A string of those that few connections have.
    fn rarely(&self, which: impl FnOnce(&Rare) -> *const c_char) -> *const c_char {
        let cold = relock(&self.cold);
        cold.rare.as_deref().map_or(ptr::null(), which)
    }

    /// Whether permessage-deflate was negotiated.
    pub fn is_compressed(&self) -> bool {
        self.link.lock().deflater.is_some()
    }

    /// Gives back the memory of the compressor until it is needed again.
    pub fn release_compression(&self) {
        if let Some(deflater) = &mut self.link.lock().deflater {
            deflater.release();
        }
    }

    pub(super) fn is_server(&self) -> bool {
        self.is(Role::Accepted)
    }
}
