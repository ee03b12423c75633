//! What `nopoll_private.h` promises: the first bytes of each object, readable from C.
//!
//! Members are kept live by the library. On LP64 their offsets are those that binaries compiled
//! against noPoll 0.4.9 expect; nothing between them is promised.

use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::sync::atomic::{AtomicI16, AtomicI32, AtomicIsize, AtomicPtr, Ordering};

use super::types::noPollCtx;

/// `struct _noPollConn`. Between its members the library keeps something of its own, because a
/// connection that does nothing should be small: four gaps of 16, 64, 28 and 8 bytes on LP64.
#[repr(C)]
pub(crate) struct ConnWindow<A, B, C, D> {
    pub(crate) id: AtomicI32,
    pub(crate) ctx: AtomicPtr<noPollCtx>,
    pub(crate) session: AtomicI32,
    pub(crate) handshake_ok: AtomicI32,
    pub(crate) gap1: A,
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
    pub(crate) gap2: B,
    pub(crate) refs: AtomicI32,
    pub(crate) gap3: C,
    pub(crate) tls_on: AtomicI32,
    pub(crate) pending_ssl_accept: AtomicI32,
    pub(crate) gap4: D,
    pub(crate) ssl_ctx: AtomicPtr<c_void>,
    pub(crate) ssl: AtomicPtr<c_void>,
    pub(crate) force_stop_after_header: AtomicI32,
}

impl<A, B, C, D> ConnWindow<A, B, C, D> {
    pub(crate) fn new(gap1: A, gap2: B, gap3: C, gap4: D) -> Self {
        const { Self::check() };
        Self {
            id: AtomicI32::default(),
            ctx: AtomicPtr::default(),
            session: AtomicI32::default(),
            handshake_ok: AtomicI32::default(),
            gap1,
            role: AtomicI32::default(),
            host: AtomicPtr::default(),
            port: AtomicPtr::default(),
            host_name: AtomicPtr::default(),
            origin: AtomicPtr::default(),
            get_url: AtomicPtr::default(),
            protocols: AtomicPtr::default(),
            accepted_protocol: AtomicPtr::default(),
            peer_close_status: AtomicI32::default(),
            peer_close_reason: AtomicPtr::default(),
            gap2,
            refs: AtomicI32::default(),
            gap3,
            tls_on: AtomicI32::default(),
            pending_ssl_accept: AtomicI32::default(),
            gap4,
            ssl_ctx: AtomicPtr::default(),
            ssl: AtomicPtr::default(),
            force_stop_after_header: AtomicI32::default(),
        }
    }

    const fn check() {
        let word = size_of::<usize>();
        assert!(size_of::<A>() == 2 * word && size_of::<B>() == 8 * word);
        assert!(size_of::<C>() == 28 && size_of::<D>() == word);
        if word != 8 {
            return;
        }
        assert!(offset_of!(Self, id) == 0);
        assert!(offset_of!(Self, ctx) == 8);
        assert!(offset_of!(Self, session) == 16);
        assert!(offset_of!(Self, handshake_ok) == 20);
        assert!(offset_of!(Self, role) == 40);
        assert!(offset_of!(Self, host) == 48);
        assert!(offset_of!(Self, port) == 56);
        assert!(offset_of!(Self, host_name) == 64);
        assert!(offset_of!(Self, origin) == 72);
        assert!(offset_of!(Self, get_url) == 80);
        assert!(offset_of!(Self, protocols) == 88);
        assert!(offset_of!(Self, accepted_protocol) == 96);
        assert!(offset_of!(Self, peer_close_status) == 104);
        assert!(offset_of!(Self, peer_close_reason) == 112);
        assert!(offset_of!(Self, refs) == 184);
        assert!(offset_of!(Self, tls_on) == 216);
        assert!(offset_of!(Self, pending_ssl_accept) == 220);
        assert!(offset_of!(Self, ssl_ctx) == 232);
        assert!(offset_of!(Self, ssl) == 240);
        assert!(offset_of!(Self, force_stop_after_header) == 248);
    }
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
    pub(crate) fn of_one_owner() -> Self {
        Self {
            refs: AtomicI32::new(1),
            ..Self::default()
        }
    }

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
