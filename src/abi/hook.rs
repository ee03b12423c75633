//! A C callback with its user pointer.
//!
//! [`Hook::new`] is the one unsafe promise (made at the boundary, from what the C program passed);
//! calling a hook is safe from then on. A hook is copied out of its [`HookCell`] before the call,
//! so that it may replace itself.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

use super::callbacks::{ActionFn, CloseFn, CreatorFn, HttpFn, LogFn, MessageFn, PostCheckFn};
use super::errno;
use super::types::{noPollConn, noPollConnOpts, noPollCtx, noPollDebugLevel, noPollMsg};

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

/// An `SSL_CTX *` fresh from the program, or NULL.
#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without TLS nobody asks for a context")
)]
pub(crate) struct MadeContext(*mut c_void);

impl MadeContext {
    /// The pointer, with the reference that comes with it.
    #[cfg(feature = "tls")]
    pub(crate) fn into_raw(self) -> *mut c_void {
        self.0
    }
}

#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without TLS nobody asks for a context")
)]
impl Hook<CreatorFn> {
    pub(crate) fn call(
        self,
        ctx: *mut noPollCtx,
        conn: *mut noPollConn,
        opts: *mut noPollConnOpts,
        is_client: bool,
    ) -> MadeContext {
        // SAFETY: promised by `Hook::new`, which also promises what comes back.
        MadeContext(unsafe {
            (self.function)(ctx, conn, opts, c_int::from(is_client), self.data.0)
        })
    }
}

#[cfg_attr(
    not(feature = "tls"),
    allow(dead_code, reason = "without TLS there is nothing to check")
)]
impl Hook<PostCheckFn> {
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

/// A hook, or none, that is read and replaced under a version.
///
/// Handlers are looked up for every message and hardly ever replaced, so a reader only loads: it
/// takes the pair again if the version says that somebody wrote meanwhile (a sequence lock).
/// Several pairs may share a version.
pub struct HookPair<F> {
    /// NULL: no hook.
    function: AtomicPtr<()>,
    data: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

/// Odd while a pair is being replaced.
#[derive(Default)]
pub(crate) struct Version(AtomicU32);

impl<F: Copy> HookPair<F> {
    pub(crate) const fn empty() -> Self {
        const { assert!(size_of::<F>() == size_of::<*mut ()>()) };
        Self {
            function: AtomicPtr::new(ptr::null_mut()),
            data: AtomicPtr::new(ptr::null_mut()),
            kind: PhantomData,
        }
    }

    /// Installs a hook; `None` removes it.
    pub(crate) fn set(&self, version: &Version, hook: Option<Hook<F>>) {
        let (function, data) = hook.map_or((ptr::null_mut(), ptr::null_mut()), |hook| {
            // SAFETY: `F` is a function pointer, of a pointer's size as `empty` checks.
            let function = unsafe { std::mem::transmute_copy::<F, *mut ()>(&hook.function) };
            (function, hook.data.0)
        });
        version.write((&self.function, function), (&self.data, data));
    }

    pub(crate) fn get(&self, version: &Version) -> Option<Hook<F>> {
        if self.function.load(Ordering::Relaxed).is_null() {
            // Nothing that would have to go with it.
            return None;
        }
        let (function, data) = version.read(|| {
            let function = self.function.load(Ordering::Relaxed);
            (function, self.data.load(Ordering::Relaxed))
        });
        (!function.is_null()).then(|| Hook {
            // SAFETY: stored by `set` as an `F`.
            function: unsafe { std::mem::transmute_copy::<*mut (), F>(&function) },
            data: UserData(data),
        })
    }
}

impl Version {
    /// Stores a pair. Not inlined: there are many setters, and they are hardly ever called.
    #[inline(never)]
    fn write(
        &self,
        (function, new_function): (&AtomicPtr<()>, *mut ()),
        (data, new_data): (&AtomicPtr<c_void>, *mut c_void),
    ) {
        let before = loop {
            let version = self.0.load(Ordering::Relaxed) & !1;
            let taken = self.0.compare_exchange_weak(
                version,
                version + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => break version,
                Err(_) => std::thread::yield_now(),
            }
        };
        fence(Ordering::Release);
        function.store(new_function, Ordering::Relaxed);
        data.store(new_data, Ordering::Relaxed);
        self.0.store(before.wrapping_add(2), Ordering::Release);
    }

    fn read<R>(&self, load: impl Fn() -> R) -> R {
        loop {
            let version = self.0.load(Ordering::Acquire);
            let result = load();
            fence(Ordering::Acquire);
            if version & 1 == 0 && self.0.load(Ordering::Relaxed) == version {
                return result;
            }
            std::thread::yield_now();
        }
    }
}

/// Where a hook is installed.
pub struct HookCell<F> {
    version: Version,
    pair: HookPair<F>,
}

impl<F: Copy> HookCell<F> {
    pub(crate) const fn empty() -> Self {
        Self {
            version: Version(AtomicU32::new(0)),
            pair: HookPair::empty(),
        }
    }

    /// Installs a hook; `None` removes it.
    pub fn set(&self, hook: Option<Hook<F>>) {
        self.pair.set(&self.version, hook);
    }

    pub(crate) fn get(&self) -> Option<Hook<F>> {
        self.pair.get(&self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    unsafe extern "C" fn one(_: *mut noPollCtx, _: *mut noPollConn, _: *mut c_void) {}
    unsafe extern "C" fn two(_: *mut noPollCtx, conn: *mut noPollConn, _: *mut c_void) {
        assert!(conn.is_null());
    }

    #[test]
    fn a_reader_never_sees_half_of_a_pair() {
        let pairs: [(CloseFn, usize); 2] = [(one, 1), (two, 2)];
        let cell = Arc::new(HookCell::<CloseFn>::empty());
        assert!(cell.get().is_none());
        let writers = pairs.map(|(function, number)| {
            let cell = Arc::clone(&cell);
            std::thread::spawn(move || {
                for round in 0..20_000 {
                    // SAFETY: callable with anything.
                    let hook = unsafe { Hook::new(function, number as *mut c_void) };
                    cell.set((round % 3 > 0).then_some(hook));
                }
            })
        });
        while !writers.iter().all(std::thread::JoinHandle::is_finished) {
            if let Some(hook) = cell.get() {
                let number = hook.data.0 as usize;
                assert_eq!(hook.function as usize, pairs[number - 1].0 as usize);
            }
        }
        for writer in writers {
            assert!(writer.join().is_ok());
        }
    }
}
