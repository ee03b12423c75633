//! What is asked of the peer's certificate, and why it was not enough.

use std::ffi::{c_int, c_uint};
use std::ptr;
use std::sync::{Arc, Mutex, OnceLock};

use foreign_types::ForeignTypeRef;
use openssl::base64::encode_block;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::sha::sha256;
use openssl::ssl::{Ssl, SslRef, SslVerifyMode};
use openssl::x509::verify::X509CheckFlags;
use openssl::x509::{
    X509NameRef, X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult,
};
use openssl_sys as ffi;

use super::{Error, PeerName, sys};
use crate::sync::relock;

/// The SHA-256 hash of a public key as the certificate has it (SubjectPublicKeyInfo).
pub(crate) type Pin = [u8; 32];

/// What a connection demands of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// Whatever the program's context says.
    AsContext,
    /// Nothing; servers don't even ask for a certificate.
    Nothing,
    /// A chain up to somebody trusted.
    Chain,
}

/// Chains longer than these are refused.
const CLIENT_DEPTH: i32 = 10;
const SERVER_DEPTH: i32 = 5;

/// The first certificate that verification objected to.
#[derive(Debug)]
struct Objection {
    result: X509VerifyResult,
    depth: u32,
    subject: String,
    issuer: String,
}

/// What one connection demands of its peer's certificate, and what came of it.
#[derive(Default)]
pub(super) struct Demand {
    /// What it must be for.
    name: Option<PeerName>,
    objection: Mutex<Option<Objection>>,
}

impl Demand {
    pub(super) fn name(&self) -> Option<&PeerName> {
        self.name.as_ref()
    }

    /// Why the certificate wasn't enough, in words.
    pub(super) fn refusal(&self, ssl: &SslRef) -> String {
        let slot = relock(&self.objection);
        // Without an objection noted, a callback of the program's has seen it; this is what it left.
        let result = slot
            .as_ref()
            .map_or_else(|| ssl.verify_result(), |noted| noted.result);
        match (&self.name, slot.as_ref()) {
            (Some(name), _) if is_mismatch(result) => mismatch(name),
            (_, None) => result.error_string().to_owned(),
            (_, Some(noted)) => format!(
                "{} (certificate {} of the chain, subject '{}', issuer '{}')",
                result.error_string(),
                noted.depth,
                noted.subject,
                noted.issuer
            ),
        }
    }

    fn note(&self, context: &X509StoreContextRef) {
        let mut slot = relock(&self.objection);
        if slot.is_some() {
            return;
        }
        let certificate = context.current_cert();
        let show = |name: fn(&X509Ref) -> &X509NameRef| {
            certificate.map_or_else(String::new, |c| one_line(name(c)))
        };
        *slot = Some(Objection {
            result: context.error(),
            depth: context.error_depth(),
            subject: show(X509Ref::subject_name),
            issuer: show(X509Ref::issuer_name),
        });
    }
}

fn is_mismatch(result: X509VerifyResult) -> bool {
    let codes = [
        ffi::X509_V_ERR_HOSTNAME_MISMATCH,
        ffi::X509_V_ERR_IP_ADDRESS_MISMATCH,
    ];
    codes.contains(&result.as_raw())
}

fn mismatch(name: &PeerName) -> String {
    format!("host name mismatch: the certificate is not for '{name}'")
}

/// A distinguished name as `CN=a, O=b`.
fn one_line(name: &X509NameRef) -> String {
    let parts = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string();
        format!("{key}={}", value.as_deref().unwrap_or("?"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Sets what a client demands; with `name`, the certificate must be for it.
pub(super) fn demand_of_server(
    ssl: &mut SslRef,
    check: Check,
    name: Option<PeerName>,
) -> Result<Arc<Demand>, ErrorStack> {
    if let Some(name) = &name {
        let param = ssl.param_mut();
        param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match name {
            PeerName::Dns(name) => param.set_host(name)?,
            PeerName::Ip(ip) => param.set_ip(*ip)?,
        }
    }
    let demand = Arc::new(Demand {
        name,
        ..Demand::default()
    });
    match check {
        Check::AsContext => {}
        Check::Nothing => ssl.set_verify(SslVerifyMode::NONE),
        Check::Chain => verify(ssl, SslVerifyMode::PEER, CLIENT_DEPTH, &demand)?,
    }
    Ok(demand)
}

/// Sets what a server demands, if that is anything.
pub(super) fn demand_of_client(
    ssl: &mut SslRef,
    check: Check,
) -> Result<Option<Arc<Demand>>, ErrorStack> {
    if check == Check::Nothing {
        ssl.set_verify(SslVerifyMode::NONE);
        return Ok(None);
    }
    let demand = Arc::new(Demand::default());
    if check == Check::Chain {
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        verify(ssl, mode, SERVER_DEPTH, &demand)?;
    }
    Ok(Some(demand))
}

fn verify(
    ssl: &mut SslRef,
    mode: SslVerifyMode,
    depth: i32,
    demand: &Arc<Demand>,
) -> Result<(), ErrorStack> {
    ssl.param_mut().set_depth(depth);
    ssl.set_ex_data(demand_index()?, Arc::clone(demand));
    // SAFETY: a live connection; the callback may be called for any.
    unsafe { ffi::SSL_set_verify(ssl.as_ptr(), mode.bits() as c_int, Some(note)) };
    Ok(())
}

/// Finds the demand of a connection.
fn demand_index() -> Result<Index<Ssl, Arc<Demand>>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Arc<Demand>>> = OnceLock::new();
    super::once(&INDEX, Ssl::new_ex_index)
}

/// Called for each certificate of a chain; changes nothing.
extern "C" fn note(fine: c_int, context: *mut ffi::X509_STORE_CTX) -> c_int {
    if fine == 0 && !context.is_null() {
        // SAFETY: OpenSSL's own, for the time of the call.
        let context = unsafe { X509StoreContextRef::from_ptr(context) };
        let ssl = X509StoreContext::ssl_idx().ok();
        let ssl = ssl.and_then(|index| context.ex_data(index));
        let index = demand_index().ok();
        if let Some(demand) = ssl.zip(index).and_then(|(ssl, index)| ssl.ex_data(index)) {
            demand.note(context);
        }
    }
    fine
}

/// Whether the certificate is for `name`, whatever the verification said.
pub(super) fn check_name(certificate: &X509Ref, name: &PeerName) -> Result<(), Error> {
    let flags = X509CheckFlags::NO_PARTIAL_WILDCARDS.bits() as c_uint;
    let raw = certificate.as_ptr();
    let matches = match name {
        PeerName::Dns(name) => {
            // SAFETY: a live certificate, and text of the length given.
            unsafe {
                ffi::X509_check_host(
                    raw,
                    name.as_ptr().cast(),
                    name.len(),
                    flags,
                    ptr::null_mut(),
                )
            }
        }
        PeerName::Ip(ip) => {
            let bytes = match ip {
                std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
                std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            // SAFETY: a live certificate, and bytes of the length given.
            unsafe { ffi::X509_check_ip(raw, bytes.as_ptr(), bytes.len(), flags) }
        }
    };
    if matches == 1 {
        Ok(())
    } else {
        Err(Error::new(mismatch(name)))
    }
}

/// Whether the certificate's key is one of `pins`.
pub(super) fn check_pins(certificate: &X509Ref, pins: &[Pin]) -> Result<(), Error> {
    let pin = pin_of(certificate);
    if pin.is_some_and(|pin| pins.contains(&pin)) {
        return Ok(());
    }
    let has = pin.map_or_else(|| "unknown".to_owned(), |pin| encode_block(&pin));
    Err(Error::new(format!(
        "pin mismatch: the server's public key is '{has}'"
    )))
}

fn pin_of(certificate: &X509Ref) -> Option<Pin> {
    // SAFETY: a live certificate; the key belongs to it. With NULL, only the size is returned.
    let (key, size) = unsafe {
        let key = sys::X509_get_X509_PUBKEY(certificate.as_ptr());
        (key, sys::i2d_X509_PUBKEY(key, ptr::null_mut()))
    };
    let mut der = vec![0; usize::try_from(size).ok().filter(|&size| size > 0)?];
    let mut end = der.as_mut_ptr();
    // SAFETY: there is room for what the first call announced.
    let written = unsafe { sys::i2d_X509_PUBKEY(key, &raw mut end) };
    (written == size).then(|| sha256(&der))
}
