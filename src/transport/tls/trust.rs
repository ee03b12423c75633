//! Whom to trust.

use std::ffi::{CStr, CString};
use std::ptr;

use foreign_types::ForeignType;
use openssl::error::ErrorStack;
use openssl::ssl::SslContextBuilder;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl_sys as ffi;

use super::{Error, sys};
use crate::abi::environment;

/// Where the certificates of authorities come from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Anchors {
    /// OpenSSL's default places, which `SSL_CERT_FILE` and `SSL_CERT_DIR` may replace.
    System,
    /// One file.
    File(CString),
}

/// The certificates, loaded once and shared by contexts.
pub(crate) struct Trust(X509Store);

impl Anchors {
    /// What is read, now: the environment may have changed since the last time.
    pub(crate) fn files(&self) -> Vec<CString> {
        match self {
            Self::System => {
                // SAFETY: constant strings of OpenSSL.
                let [file_env, file, dir_env, dir] = unsafe {
                    [
                        ffi::X509_get_default_cert_file_env(),
                        ffi::X509_get_default_cert_file(),
                        ffi::X509_get_default_cert_dir_env(),
                        ffi::X509_get_default_cert_dir(),
                    ]
                    .map(|text| CStr::from_ptr(text))
                };
                // As OpenSSL reads them.
                let place = |variable, default: &CStr| {
                    environment::value(variable).unwrap_or_else(|| default.to_owned())
                };
                vec![place(file_env, file), place(dir_env, dir)]
            }
            Self::File(file) => vec![file.clone()],
        }
    }

    /// Reads them.
    pub(crate) fn load(&self) -> Result<Trust, Error> {
        let failed = |stack: &ErrorStack| match self {
            Self::System => Error::of("the system's CA certificates", stack),
            Self::File(file) => Error::of(&subject(file), stack),
        };
        let mut store = X509StoreBuilder::new().map_err(|stack| failed(&stack))?;
        match self {
            Self::System => store.set_default_paths(),
            Self::File(file) => load_file(store.as_ptr(), file),
        }
        .map_err(|stack| failed(&stack))?;
        Ok(Trust(store.build()))
    }
}

fn subject(file: &CStr) -> String {
    format!("CA certificate '{}'", file.to_string_lossy())
}

fn load_file(store: *mut ffi::X509_STORE, file: &CStr) -> Result<(), ErrorStack> {
    // SAFETY: a live store and a NUL-terminated name.
    let done = unsafe { sys::X509_STORE_load_locations(store, file.as_ptr(), ptr::null()) };
    if done == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}

impl Trust {
    /// Makes it that of a context.
    pub(super) fn install(&self, context: &mut SslContextBuilder) {
        // SAFETY: one more reference on a live store, which the context then owns.
        let store = unsafe {
            sys::X509_STORE_up_ref(self.0.as_ptr());
            X509Store::from_ptr(self.0.as_ptr())
        };
        context.set_cert_store(store);
    }
}

/// Adds a file to those that a program's context trusts.
pub(super) fn add_file(context: *mut ffi::SSL_CTX, file: &CStr) -> Result<(), Error> {
    // SAFETY: a live context, whose store lives as long.
    let store = unsafe { ffi::SSL_CTX_get_cert_store(context) };
    load_file(store, file).map_err(|stack| Error::of(&subject(file), &stack))
}
