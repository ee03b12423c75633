//! What this side proves itself with: certificate, chain and private key, from files.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContextBuilder, SslMode, SslRef};
use openssl::stack::Stack;
use openssl::x509::X509;
use openssl_sys as ffi;

use super::pem::{read_certificates, read_file, show};
use super::{Context, Error, sys};
use crate::transport::socket;

/// Which files.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(crate) struct IdentityFiles {
    /// The certificate, and behind it those up to the root.
    pub(crate) certificate: Option<CString>,
    /// More of the chain; also takes the certificate's place where there is none.
    pub(crate) chain: Option<CString>,
    pub(crate) key: Option<CString>,
}

/// What they hold.
#[derive(Default)]
pub(crate) struct Identity {
    certificate: Option<X509>,
    chain: Vec<X509>,
    key: Option<PKey<Private>>,
}

/// Who is asked for the pass phrase of an encrypted key.
#[derive(Clone, Copy)]
enum PassPhrase {
    /// The user, if there is a terminal.
    Terminal,
    /// The program, by what it set on its context.
    Program(sys::PassPhraseFn, *mut c_void),
}

impl Identity {
    /// Reads the files.
    pub(crate) fn load(files: &IdentityFiles) -> Result<Self, Error> {
        Self::read(files, PassPhrase::Terminal)
    }

    /// Reads the files; a pass phrase is asked for as the program has set up its context.
    pub(crate) fn load_for(files: &IdentityFiles, context: &Context) -> Result<Self, Error> {
        let raw = context.as_ptr();
        // SAFETY: a live context.
        let (ask, user) = unsafe {
            (
                sys::SSL_CTX_get_default_passwd_cb(raw),
                sys::SSL_CTX_get_default_passwd_cb_userdata(raw),
            )
        };
        let ask = ask.map_or(PassPhrase::Terminal, |ask| PassPhrase::Program(ask, user));
        Self::read(files, ask)
    }

    fn read(files: &IdentityFiles, ask: PassPhrase) -> Result<Self, Error> {
        let mut certificates = Vec::new();
        if let Some(file) = &files.certificate {
            certificates = read_certificates("certificate", file)?;
        }
        if let Some(file) = &files.chain {
            for more in read_certificates("chain certificate", file)? {
                // The chain file may begin with the certificate itself.
                if certificates.first().is_none_or(|first| !same(first, &more)) {
                    certificates.push(more);
                }
            }
        }
        let key = match &files.key {
            Some(file) => Some(read_key(file, ask)?),
            None => None,
        };
        let mut certificates = certificates.into_iter();
        let identity = Self {
            certificate: certificates.next(),
            chain: certificates.collect(),
            key,
        };
        if let (Some(certificate), Some(key)) = (&identity.certificate, &identity.key) {
            // SAFETY: both are live.
            let fits =
                unsafe { sys::X509_check_private_key(certificate.as_ptr(), key.as_ptr()) } == 1;
            if !fits {
                let show = |file: &Option<CString>| show(file.as_deref().unwrap_or_default());
                let of = files.certificate.as_ref().or(files.chain.as_ref()).cloned();
                return Err(Error::last(&format!(
                    "private key '{}' does not go with certificate '{}'",
                    show(&files.key),
                    show(&of)
                )));
            }
        }
        Ok(identity)
    }

    /// Makes it the one of all connections of a context.
    pub(super) fn install(&self, context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        if let Some(certificate) = &self.certificate {
            context.set_certificate(certificate)?;
            // What files say is what is sent: OpenSSL would look for more among the trusted.
            context.set_mode(SslMode::NO_AUTO_CHAIN);
            // Each connection gets a copy of it, also of an empty one.
            for certificate in &self.chain {
                // SAFETY: a live context and certificate; with 1, OpenSSL takes its own reference.
                let done = unsafe {
                    let certificate = certificate.as_ptr().cast();
                    ffi::SSL_CTX_ctrl(context.as_ptr(), sys::CTRL_CHAIN_CERT, 1, certificate)
                };
                if done == 0 {
                    return Err(ErrorStack::get());
                }
            }
        }
        if let Some(key) = &self.key {
            context.set_private_key(key)?;
        }
        Ok(())
    }

    /// Makes it that of one connection. With `alone`, what the context has is put aside: it may be
    /// of another kind of key, and be preferred.
    pub(super) fn apply(&self, ssl: &mut SslRef, alone: bool) -> Result<(), ErrorStack> {
        if alone {
            // SAFETY: a live connection.
            unsafe { sys::SSL_certs_clear(ssl.as_ptr()) };
        }
        if let Some(certificate) = &self.certificate {
            ssl.set_certificate(certificate)?;
            let chain = self.stack()?;
            // SAFETY: a live connection and stack; with 1, OpenSSL takes its own references.
            let done = unsafe {
                let chain = chain.as_ptr().cast();
                ffi::SSL_ctrl(ssl.as_ptr(), sys::CTRL_CHAIN, 1, chain)
            };
            if done == 0 {
                return Err(ErrorStack::get());
            }
        }
        if let Some(key) = &self.key {
            ssl.set_private_key(key)?;
        }
        Ok(())
    }

    fn stack(&self) -> Result<Stack<X509>, ErrorStack> {
        let mut chain = Stack::new()?;
        for certificate in &self.chain {
            chain.push(certificate.clone())?;
        }
        Ok(chain)
    }
}

fn same(a: &X509, b: &X509) -> bool {
    match (a.to_der(), b.to_der()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// What [`ask_on_terminal`] leaves behind.
#[derive(Default)]
struct Asked {
    nobody: Cell<bool>,
}

fn read_key(file: &CStr, ask: PassPhrase) -> Result<PKey<Private>, Error> {
    let pem = read_file("private key", file)?;
    let asked = Asked::default();
    let (callback, user): (sys::PassPhraseFn, *mut c_void) = match ask {
        PassPhrase::Terminal => {
            let asked: *const Asked = &raw const asked;
            (ask_on_terminal, asked.cast_mut().cast())
        }
        PassPhrase::Program(callback, user) => (callback, user),
    };
    let size = c_int::try_from(pem.len()).unwrap_or(c_int::MAX);
    // SAFETY: a BIO over bytes that outlive it; the callback gets what belongs to it.
    let key = unsafe {
        ffi::ERR_clear_error();
        let bio = ffi::BIO_new_mem_buf(pem.as_ptr().cast(), size);
        let key = ffi::PEM_read_bio_PrivateKey(bio, ptr::null_mut(), Some(callback), user);
        ffi::BIO_free_all(bio);
        key
    };
    if !key.is_null() {
        // SAFETY: a new key, ours.
        return Ok(unsafe { PKey::from_ptr(key) });
    }
    let failure = Error::last(&format!("private key '{}'", show(file)));
    if asked.nobody.get() {
        return Err(Error::new(format!(
            "{failure}; it is encrypted, and there is no terminal to ask for the pass phrase"
        )));
    }
    Err(failure)
}

/// OpenSSL's own question, where somebody can answer it: without a terminal it would read the
/// standard input, or wait for ever.
unsafe extern "C" fn ask_on_terminal(
    buffer: *mut c_char,
    size: c_int,
    rwflag: c_int,
    user: *mut c_void,
) -> c_int {
    if socket::has_terminal() {
        // SAFETY: the arguments are OpenSSL's own. A pointer would be the pass phrase.
        return unsafe { sys::PEM_def_callback(buffer, size, rwflag, ptr::null_mut()) };
    }
    // SAFETY: `read_key` passes NULL or its `Asked`, which outlives the call.
    if let Some(asked) = unsafe { user.cast::<Asked>().as_ref() } {
        asked.nobody.set(true);
    }
    -1
}
