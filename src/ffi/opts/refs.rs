//! Connection options: making and releasing.

use std::ptr;

use crate::abi::types::{noPollConnOpts, nopoll_bool};
use crate::api::Opts;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, ask};

/// Makes an options object with default settings.
///
/// Returns it with one reference, the caller's. Passing it to a constructor drops that reference,
/// whatever comes of it, unless `nopoll_conn_opts_set_reuse` was used: then the object may be
/// passed any number of times.
#[unsafe(no_mangle)]
pub extern "C" fn nopoll_conn_opts_new() -> *mut noPollConnOpts {
    boundary(ptr::null_mut(), || Some(Opts::to_c(Some(Opts::create()))))
}

/// Takes a reference on an options object. Returns 1; 0 for NULL.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_ref(opts: *mut noPollConnOpts) -> nopoll_bool {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(opts, 0, |opts: &Opts| nopoll_bool::from(opts.acquire())) }
}

/// Drops a reference on an options object; the last one releases it.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_unref(opts: *mut noPollConnOpts) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Opts::release(&unsafe { Opts::retain(opts) }?);
        Some(())
    });
}

/// The same as `nopoll_conn_opts_unref`.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_free(opts: *mut noPollConnOpts) {
    // SAFETY: as this function demands.
    unsafe { nopoll_conn_opts_unref(opts) }
}

/// Says who drops the creator's reference: with false, the default, the constructor that gets the
/// object (a listener: when it is destroyed); with true, the program.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_reuse(opts: *mut noPollConnOpts, reuse: nopoll_bool) {
    // SAFETY: a handle, as this function demands.
    unsafe { ask(opts, (), |opts: &Opts| opts.set_reuse(reuse)) }
}

/// Drops a reference on an options object unless it is set to be reused, as constructors do.
///
/// # Safety
/// `options` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __nopoll_conn_opts_release_if_needed(options: *mut noPollConnOpts) {
    boundary((), || {
        // SAFETY: a handle, as this function demands.
        Opts::release_if_needed(&unsafe { Opts::retain(options) }?);
        Some(())
    });
}
