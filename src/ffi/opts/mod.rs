//! Connection options.

pub mod refs;
pub mod settings;
pub mod tls;

use std::ffi::{CStr, CString, c_char, c_long};

use super::boundary::boundary;
use super::convert::{Handle, text};
use crate::abi::types::noPollConnOpts;
use crate::api::Opts;
use crate::api::ctx::settings::MAX_FRAME_LIMIT;
use crate::api::opts::Settings;

/// Changes the settings of an object; nothing for NULL.
///
/// # Safety
/// `opts` is a handle.
pub(super) unsafe fn edit(opts: *mut noPollConnOpts, change: impl FnOnce(&mut Settings)) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        unsafe { Opts::retain(opts) }?.edit(change);
        Some(())
    });
}

/// A copy of a string argument.
///
/// # Safety
/// `pointer` is a text.
pub(super) unsafe fn copy(pointer: *const c_char) -> Option<CString> {
    // SAFETY: a text, as this function demands.
    unsafe { text(pointer) }.map(CStr::to_owned)
}

/// A size limit, if it is one.
pub(super) fn limit(size: c_long) -> Option<c_long> {
    (1..=MAX_FRAME_LIMIT).contains(&size).then_some(size)
}
