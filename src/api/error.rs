//! Why a connection never got ready or was dropped, for `nopoll_conn_get_error` and its text.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Arc;

use crate::api::ctx::Ctx;
use crate::log::{Level, log};

/// What the C caller finds in `errno`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errno {
    /// As it was on entry.
    Keep,
    /// This value.
    Set(c_int),
}

impl Errno {
    pub(crate) const WOULD_BLOCK: Self = Self::Set(libc::EWOULDBLOCK);
    /// Nothing to do with a system call.
    pub(crate) const ZERO: Self = Self::Set(0);
    /// There is no descriptor.
    pub(crate) const DEAD: Self = Self::Set(libc::EBADF);

    pub(crate) fn of(error: &std::io::Error) -> Self {
        Self::Set(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// The kinds of `noPollError`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Argument = 1,
    Resolve = 2,
    Connect = 3,
    Timeout = 4,
    Tls = 5,
    Http = 6,
    Rejected = 7,
    Protocol = 8,
    Limit = 9,
    PeerClosed = 10,
    Io = 11,
}

/// A failure: its kind, and the same in words.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: CString,
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl Into<Vec<u8>>) -> Self {
        let mut text = text.into();
        text.retain(|&byte| byte != 0);
        Self {
            kind,
            text: CString::new(text).unwrap_or_default(),
        }
    }

    pub(crate) fn code(&self) -> c_int {
        self.kind as c_int
    }

    pub(crate) fn text(&self) -> &CStr {
        &self.text
    }

    /// That an argument has no value.
    pub(crate) fn missing(argument: &str) -> Self {
        Self::new(Kind::Argument, format!("{argument} is NULL"))
    }

    /// Logs that something came of nothing, if there is a context to log on.
    pub(crate) fn tell(&self, ctx: Option<&Arc<Ctx>>, attempt: &str) {
        if let Some(ctx) = ctx {
            let text = self.text.to_string_lossy();
            log!(ctx, Level::Critical, "{attempt}: {text}");
        }
    }
}

/// What [`Failure::text`] is when there is none.
pub(crate) const NO_ERROR: &CStr = c"no error";

thread_local! {
    /// Of this thread's last constructor that returned NULL.
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// What a constructor returns. This thread remembers why it failed, or forgets an earlier failure.
pub(crate) fn constructed<T>(result: Result<T, Failure>) -> Option<T> {
    let (made, failure) = match result {
        Ok(made) => (Some(made), None),
        Err(failure) => (None, Some(failure)),
    };
    // A thread that is ending has forgotten what it knew.
    let _ = LAST.try_with(|last| *last.borrow_mut() = failure);
    made
}

/// The `noPollError` of this thread's last failed constructor; 0 when it didn't fail.
pub fn last_error() -> c_int {
    let code = LAST.try_with(|last| last.borrow().as_ref().map_or(0, Failure::code));
    code.unwrap_or(0)
}

/// The same in words; lives until the thread's next constructor.
pub fn last_error_text() -> *const c_char {
    let text = LAST.try_with(|last| {
        let last = last.borrow();
        last.as_ref().map_or(NO_ERROR, Failure::text).as_ptr()
    });
    text.unwrap_or(NO_ERROR.as_ptr())
}
