//! Whom to trust.

use std::ffi::{CStr, CString};

use foreign_types::ForeignType;
use openssl::error::ErrorStack;
use openssl::ssl::SslContextBuilder;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl_sys as ffi;

use super::pem::{read_certificates, show};
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
        let failed = |stack: ErrorStack| match self {
            Self::System => Error::of(SYSTEM, &stack),
            Self::File(file) => Error::of(&subject(file), &stack),
        };
        let mut store = X509StoreBuilder::new().map_err(failed)?;
        match self {
            Self::System => store.set_default_paths().map_err(failed)?,
            Self::File(file) => {
                for certificate in read_certificates(WHAT, file)? {
                    store.add_cert(certificate).map_err(failed)?;
                }
            }
        }
        Ok(Trust(store.build()))
    }
}

pub(super) const SYSTEM: &str = "the system's CA certificates";
const WHAT: &str = "CA certificate";

fn subject(file: &CStr) -> String {
    format!("{WHAT} '{}'", show(file))
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
    for certificate in read_certificates(WHAT, file)? {
        // SAFETY: a live context, whose store lives as long, and a live certificate.
        let done = unsafe {
            let store = ffi::SSL_CTX_get_cert_store(context);
            ffi::X509_STORE_add_cert(store, certificate.as_ptr())
        };
        if done != 1 {
            return Err(Error::last(&subject(file)));
        }
    }
    Ok(())
}
