//! TLS beyond noPoll's.

use std::ffi::c_char;

use crate::abi::types::{noPollConnOpts, noPollCtx, nopoll_bool};
use crate::api::{Ctx, Opts};
use crate::base64;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, text};

/// Adds a public key that the server of a TLS client may have: the base64 of the SHA-256 hash of
/// its SubjectPublicKeyInfo, as in:
///
///     openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform der |
///       openssl dgst -sha256 -binary | base64
///
/// With at least one pin, a server whose certificate has another key is refused, whatever else is
/// checked or not checked of the certificate; nopoll_conn_get_error_text then names the key it
/// has. Give two, one for the next key, and keys can be changed. Chains of a CA don't count: the pin
/// is for the server's own certificate.
///
/// Returns 1; 0, with nothing added, for NULL or when `spki_sha256_base64` is not the base64 of 32
/// bytes (44 characters).
///
/// # Safety
/// `opts` is a handle, `spki_sha256_base64` a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_conn_opts_add_ssl_pin(
    opts: *mut noPollConnOpts,
    spki_sha256_base64: *const c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle and a text, as this function demands.
        let (opts, pin) = unsafe { (Opts::retain(opts)?, text(spki_sha256_base64)?) };
        let pin = parse_pin(pin.to_bytes())?;
        opts.edit(|settings| settings.tls.pins.push(pin));
        Some(1)
    })
}

fn parse_pin(text: &[u8]) -> Option<[u8; 32]> {
    let pin = <[u8; 32]>::try_from(base64::decode(text)?).ok()?;
    // The decoder is as tolerant as the C API wants it; a typing error here must not pass.
    (base64::encode(&pin) == text).then_some(pin)
}

/// Reads the certificate, key, chain and CA files again that TLS connections of this context have
/// used. Files that have changed are noticed without this, by the next connection; call it where a
/// change may go unnoticed (same size, time and place), or to learn now whether the new files are
/// usable. Connections there are stay as they are.
///
/// Returns 1 when all could be read, also when there are none. Returns 0 when some are unusable: the
/// log names them and why, and what was loaded before stays in use; also for NULL and in a library
/// built without TLS.
///
/// # Safety
/// `ctx` is a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nopoll_ctx_reload_certificates(ctx: *mut noPollCtx) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        Some(nopoll_bool::from(Ctx::reload_certificates(&ctx)))
    })
}
