//! Certificates of a context, by server name.

use std::ffi::c_char;

use crate::abi::types::{noPollCtx, nopoll_bool};
use crate::api::Ctx;
use crate::ffi::boundary::boundary;
use crate::ffi::convert::{Handle, store, text};
use crate::log::{Level, log};

/// Stores the certificate and private key files (PEM) for a server name, and optionally a chain
/// file. They serve TLS connections of listeners that have no certificate of their own, chosen by
/// the name the client asks for. `serverName` NULL is for clients that ask for none or for an
/// unknown one. The first entry of a name wins: storing another has no effect. The files are not
/// looked at before they are needed.
///
/// Returns 1; 0 when `ctx`, `certificateFile` or `privateKey` is NULL.
///
/// # Safety
/// `ctx` is a handle, the others are texts.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "parameter names of the C header")]
pub unsafe extern "C" fn nopoll_ctx_set_certificate(
    ctx: *mut noPollCtx,
    serverName: *const c_char,
    certificateFile: *const c_char,
    privateKey: *const c_char,
    optionalChainFile: *const c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle, as this function demands.
        let ctx = unsafe { Ctx::retain(ctx) }?;
        // SAFETY: texts, as this function demands.
        let (name, chain) = unsafe { (text(serverName), text(optionalChainFile)) };
        // SAFETY: texts, as this function demands.
        let (certificate, key) = unsafe { (text(certificateFile), text(privateKey)) };
        let (Some(certificate), Some(key)) = (certificate, key) else {
            let missing = if certificate.is_none() {
                "certificateFile"
            } else {
                "privateKey"
            };
            log!(&ctx, Level::Critical, "set_certificate: {missing} is NULL");
            return None;
        };
        Some(nopoll_bool::from(ctx.set_certificate(
            name,
            certificate,
            key,
            chain,
        )))
    })
}

/// Looks up what `nopoll_ctx_set_certificate` stored: the entry of exactly this name; for a NULL
/// name without an entry of its own, the first entry. The results belong to the context; the chain
/// is NULL when the entry has none. NULL result pointers are skipped.
///
/// Returns 1 when there is such an entry; otherwise 0, and nothing is stored.
///
/// # Safety
/// `ctx` is a handle, `serverName` a text, the others are out-pointers.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "parameter names of the C header")]
pub unsafe extern "C" fn nopoll_ctx_find_certificate(
    ctx: *mut noPollCtx,
    serverName: *const c_char,
    certificateFile: *mut *const c_char,
    privateKey: *mut *const c_char,
    optionalChainFile: *mut *const c_char,
) -> nopoll_bool {
    boundary(0, || {
        // SAFETY: a handle and a text, as this function demands.
        let (ctx, name) = unsafe { (Ctx::retain(ctx)?, text(serverName)) };
        let [certificate, key, chain] = ctx.find_certificate(name)?;
        // SAFETY: an out-pointer, as this function demands.
        unsafe { store(certificateFile, certificate) };
        // SAFETY: as above.
        unsafe { store(privateKey, key) };
        // SAFETY: as above.
        unsafe { store(optionalChainFile, chain) };
        Some(1)
    })
}
