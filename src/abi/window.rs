//! What `nopoll_private.h` promises: the first bytes of each object, readable from C.
//!
//! Members are kept live by the library. On LP64 their offsets are those that binaries compiled
//! against noPoll 0.4.9 expect; everything between them is padding without a promise.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicI16, AtomicI32, AtomicIsize, AtomicPtr, Ordering};

use super::types::noPollCtx;

/// `struct _noPollConn`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct ConnWindow {
    pub(crate) id: AtomicI32,
    pub(crate) ctx: AtomicPtr<noPollCtx>,
    pub(crate) session: AtomicI32,
    pub(crate) handshake_ok: AtomicI32,
    reserved1: [usize; 2],
    pub(crate) role: AtomicI32,
    pub(crate) host: AtomicPtr<c_char>,
    pub(crate) port: AtomicPtr<c_char>,
    pub(crate) host_name: AtomicPtr<c_char>,
    pub(crate) origin: AtomicPtr<c_char>,
    pub(crate) get_url: AtomicPtr<c_char>,
    pub(crate) protocols: AtomicPtr<c_char>,
    pub(crate) accepted_protocol: AtomicPtr<c_char>,
    pub(crate) peer_close_status: AtomicI32,
    pub(crate) peer_close_reason: AtomicPtr<c_char>,
    reserved2: [usize; 8],
    pub(crate) refs: AtomicI32,
    reserved3: [u32; 7],
    pub(crate) tls_on: AtomicI32,
    pub(crate) pending_ssl_accept: AtomicI32,
    reserved4: usize,
    pub(crate) ssl_ctx: AtomicPtr<c_void>,
    pub(crate) ssl: AtomicPtr<c_void>,
    pub(crate) force_stop_after_header: AtomicI32,
}

/// `struct _noPollMsg`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct MsgWindow {
    pub(crate) has_fin: AtomicI32,
    pub(crate) op_code: AtomicI16,
    pub(crate) is_masked: AtomicI32,
    pub(crate) payload: AtomicPtr<c_void>,
    pub(crate) payload_size: AtomicIsize,
    pub(crate) refs: AtomicI32,
    /// Ours: the piece stops before its frame does.
    cut: AtomicI32,
    reserved: [u32; 4],
    pub(crate) is_fragment: AtomicI32,
}

impl MsgWindow {
    pub(crate) fn ends_frame(&self) -> bool {
        self.cut.load(Ordering::Acquire) == 0
    }

    pub(crate) fn set_ends_frame(&self, ends: bool) {
        self.cut.store(i32::from(!ends), Ordering::Release);
    }
}

/// `struct _noPollConnOpts`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct OptsWindow {
    pub(crate) reuse: AtomicI32,
    reserved: [u32; 3],
    pub(crate) refs: AtomicI32,
}

/// `struct _noPollCtx`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct CtxWindow {
    pub(crate) refs: AtomicI32,
    reserved: [u32; 16],
    pub(crate) conn_num: AtomicI32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(ConnWindow, id) == 0);
    assert!(offset_of!(ConnWindow, ctx) == 8);
    assert!(offset_of!(ConnWindow, session) == 16);
    assert!(offset_of!(ConnWindow, handshake_ok) == 20);
    assert!(offset_of!(ConnWindow, role) == 40);
    assert!(offset_of!(ConnWindow, host) == 48);
    assert!(offset_of!(ConnWindow, port) == 56);
    assert!(offset_of!(ConnWindow, host_name) == 64);
    assert!(offset_of!(ConnWindow, origin) == 72);
    assert!(offset_of!(ConnWindow, get_url) == 80);
    assert!(offset_of!(ConnWindow, protocols) == 88);
    assert!(offset_of!(ConnWindow, accepted_protocol) == 96);
    assert!(offset_of!(ConnWindow, peer_close_status) == 104);
    assert!(offset_of!(ConnWindow, peer_close_reason) == 112);
    assert!(offset_of!(ConnWindow, refs) == 184);
    assert!(offset_of!(ConnWindow, tls_on) == 216);
    assert!(offset_of!(ConnWindow, pending_ssl_accept) == 220);
    assert!(offset_of!(ConnWindow, ssl_ctx) == 232);
    assert!(offset_of!(ConnWindow, ssl) == 240);
    assert!(offset_of!(ConnWindow, force_stop_after_header) == 248);
    assert!(offset_of!(MsgWindow, has_fin) == 0);
    assert!(offset_of!(MsgWindow, op_code) == 4);
    assert!(offset_of!(MsgWindow, is_masked) == 8);
    assert!(offset_of!(MsgWindow, payload) == 16);
    assert!(offset_of!(MsgWindow, payload_size) == 24);
    assert!(offset_of!(MsgWindow, refs) == 32);
    assert!(offset_of!(MsgWindow, is_fragment) == 56);
    assert!(offset_of!(OptsWindow, reuse) == 0);
    assert!(offset_of!(OptsWindow, refs) == 16);
    assert!(offset_of!(CtxWindow, refs) == 0);
    assert!(offset_of!(CtxWindow, conn_num) == 68);
};
