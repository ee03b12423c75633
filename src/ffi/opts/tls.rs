//! Connection options for TLS.

use std::ffi::{CStr, CString, c_char};

use super::{copy, edit};
use crate::abi::types::{noPollConnOpts, noPollSslProtocol, nopoll_bool};
use crate::api::Opts;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::Handle;

/// Sets the oldest TLS version the connection may use; see `noPollSslProtocol`. Unknown values
/// count as NOPOLL_METHOD_TLS_FLEXIBLE, the default.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_ssl_protocol(
    opts: *mut noPollConnOpts,
    ssl_protocol: noPollSslProtocol,
) {
    // SAFETY: a handle, as this function demands.
    unsafe { edit(opts, |settings| settings.tls.protocol = ssl_protocol) }
}

/// Sets the files (PEM) to use: the own certificate, its private key, the certificates between it
/// and the root, and the CA that peers are checked against. NULL unsets that one. What was set
/// before is forgotten.
///
/// Returns 1 when every file given can be read; contents are looked at when a connection needs
/// them. Returns 0 at the first that can't be read, with that one set and those behind it unset;
/// also for NULL options.
///
/// # Safety
/// `opts` is a handle, the others are texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_set_ssl_certs(
    opts: *mut noPollConnOpts,
    certificate: *const c_char,
    private_key: *const c_char,
    chain_certificate: *const c_char,
    ca_certificate: *const c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let opts = unsafe { Opts::retain(opts) }?;
        let given = [certificate, private_key, chain_certificate, ca_certificate];
        // SAFETY: texts, as this function demands.
        let mut files = given.map(|file| unsafe { copy(file) });
        let unreadable =
            |file: &Option<CString>| file.as_deref().is_some_and(|file| !readable(file));
        let failed = files.iter().position(unreadable);
        if let Some(failed) = failed {
            files[failed + 1..].fill(None);
        }
        let [certificate, private_key, chain, ca] = files;
        opts.edit(|settings| {
            settings.tls.certificate = certificate;
            settings.tls.private_key = private_key;
            settings.tls.chain = chain;
            settings.tls.ca = ca;
        });
        Some(nopoll_bool::from(failed.is_none()))
    })
}

fn readable(file: &CStr) -> bool {
    // SAFETY: a NUL-terminated name.
    unsafe { libc::access(file.as_ptr(), libc::R_OK) == 0 }
}

/// Says whether the peer's certificate is checked.
///
/// Clients: with true, against the CA of `nopoll_conn_opts_set_ssl_certs` and nothing else, or
/// without one against the system's CAs, and then the host name, too. With false it is not checked
/// at all. *A new options object doesn't check; a constructor without options does.*
///
/// Listeners: with true, clients must present a certificate that the CA has signed; with false, the
/// default, they are not asked for one.
///
/// # Safety
/// `opts` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_ssl_peer_verify(
    opts: *mut noPollConnOpts,
    verify: nopoll_bool,
) {
    // SAFETY: a handle, as this function demands.
    unsafe {
        edit(opts, |settings| {
            settings.tls.peer_verify = Some(verify != 0)
        })
    }
}
