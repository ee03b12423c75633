//! A C callback with its user pointer.
//!
//! [`Hook::new`] is the one unsafe promise (made at the boundary, from what the C program passed);
//! calling a hook is safe from then on. A hook is copied out of its [`HookCell`] before the call,
//! so that it may replace itself.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Mutex;

use super::callbacks::{ActionFn, CloseFn, CreatorFn, HttpFn, LogFn, MessageFn, PostCheckFn};
use super::errno;
use super::types::{noPollConn, noPollConnOpts, noPollCtx, noPollDebugLevel, noPollMsg};
use crate::sync::relock;

/// A pointer that belongs to the C program; we only hand it back.
#[derive(Clone, Copy)]
pub struct UserData(pub *mut c_void);

// SAFETY: never dereferenced here; the program decides which thread runs its callbacks.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// A callback and the pointer it gets as its last argument.
#[derive(Clone, Copy)]
pub struct Hook<F> {
    function: F,
    data: UserData,
}

impl<F: Copy> Hook<F> {
    /// # Safety
    /// `function` may be called with live handles and `data`, from any thread that uses the
    /// library, as long as the hook is installed.
    pub unsafe fn new(function: F, data: *mut c_void) -> Self {
        Self {
            function,
            data: UserData(data),
        }
    }
}

/// Also what `nopoll_ctx_foreach_conn` calls: the C type is the same.
impl Hook<ActionFn> {
    pub(crate) fn call(self, ctx: *mut noPollCtx, conn: *mut noPollConn) -> bool {
        // SAFETY: promised by `Hook::new`.
        unsafe { (self.function)(ctx, conn, self.data.0) != 0 }
    }
}

impl Hook<MessageFn> {
    /// C contract: `errno` is 0 on entry.
    pub(crate) fn call(self, ctx: *mut noPollCtx, conn: *mut noPollConn, msg: *mut noPollMsg) {
        errno::set(0);
        // SAFETY: promised by `Hook::new`.
        unsafe { (self.function)(ctx, conn, msg, self.data.0) }
    }
}

impl Hook<CloseFn> {
    pub(crate) fn call(self, ctx: *mut noPollCtx, conn: *mut noPollConn) {
        // SAFETY: promised by `Hook::new`.
        unsafe { (self.function)(ctx, conn, self.data.0) }
    }
}

impl Hook<LogFn> {
    pub(crate) fn call(self, ctx: *mut noPollCtx, level: noPollDebugLevel, text: &CStr) {
        // SAFETY: promised by `Hook::new`; the text lives through the call.
        unsafe { (self.function)(ctx, level, text.as_ptr(), self.data.0) }
    }
}

impl Hook<HttpFn> {
    pub(crate) fn call(
        self,
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        method: &CStr,
        url: &CStr,
    ) -> bool {
        let (method, url) = (method.as_ptr(), url.as_ptr());
        // SAFETY: promised by `Hook::new`; the texts live through the call.
        unsafe { (self.function)(ctx, conn, method, url, self.data.0) != 0 }
    }
}

impl Hook<CreatorFn> {
    #[allow(dead_code, reason = "called by the TLS transport")]
    pub(crate) fn call(
        self,
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        opts: *mut noPollConnOpts,
        is_client: bool,
    ) -> *mut c_void {
        // SAFETY: promised by `Hook::new`.
        unsafe { (self.function)(ctx, conn, opts, c_int::from(is_client), self.data.0) }
    }
}

impl Hook<PostCheckFn> {
    #[allow(dead_code, reason = "called by the TLS transport")]
    pub(crate) fn call(
        self,
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        ssl_ctx: *mut c_void,
        ssl: *mut c_void,
    ) -> bool {
        // SAFETY: promised by `Hook::new`.
        unsafe { (self.function)(ctx, conn, ssl_ctx, ssl, self.data.0) != 0 }
    }
}

/// Where a hook is installed.
pub struct HookCell<F>(Mutex<Option<Hook<F>>>);

impl<F: Copy> HookCell<F> {
    pub(crate) const fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// Installs a hook; `None` removes it.
    pub fn set(&self, hook: Option<Hook<F>>) {
        *relock(&self.0) = hook;
    }

    pub(crate) fn get(&self) -> Option<Hook<F>> {
        *relock(&self.0)
    }
}
