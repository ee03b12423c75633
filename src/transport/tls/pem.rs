//! PEM files (RFC 7468), with failures that name the file.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;

use openssl::x509::X509;

use super::Error;

pub(super) fn show(file: &CStr) -> String {
    file.to_string_lossy().into_owned()
}

/// `what` is what the file is to the program.
pub(super) fn read_file(what: &str, file: &CStr) -> Result<Vec<u8>, Error> {
    std::fs::read(OsStr::from_bytes(file.to_bytes()))
        .map_err(|error| Error::new(format!("{what} '{}': {error}", show(file))))
}

/// All certificates in a file; there is at least one.
pub(super) fn read_certificates(what: &str, file: &CStr) -> Result<Vec<X509>, Error> {
    let pem = read_file(what, file)?;
    let subject = || format!("{what} '{}'", show(file));
    let certificates = X509::stack_from_pem(&pem).map_err(|stack| Error::of(&subject(), &stack))?;
    if certificates.is_empty() {
        // As OpenSSL calls it.
        return Err(Error::new(format!("{}: no start line", subject())));
    }
    Ok(certificates)
}
