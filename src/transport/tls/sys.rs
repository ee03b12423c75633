//! OpenSSL functions that the `openssl-sys` crate doesn't declare. All exist since OpenSSL 1.1.0.

use std::ffi::{c_char, c_int, c_uchar, c_uint, c_void};

use openssl_sys::{BIO, EVP_PKEY, SSL, SSL_CTX, X509, X509_STORE, X509_STORE_CTX};

pub(super) type VerifyFn = unsafe extern "C" fn(c_int, *mut X509_STORE_CTX) -> c_int;
pub(super) type CertificateFn = unsafe extern "C" fn(*mut SSL, *mut c_void) -> c_int;
pub(super) type PassPhraseFn =
    unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

/// `BIO_CTRL_DUP`, `BIO_C_GET_FD`.
pub(super) const CTRL_DUP: c_int = 12;
pub(super) const CTRL_GET_FD: c_int = 105;
/// `BIO_TYPE_DESCRIPTOR | BIO_TYPE_SOURCE_SINK`.
pub(super) const TYPE_DESCRIPTOR: c_int = 0x0100 | 0x0400;
/// `SSL_CTRL_CHAIN`, `SSL_CTRL_CHAIN_CERT`.
pub(super) const CTRL_CHAIN: c_int = 88;
pub(super) const CTRL_CHAIN_CERT: c_int = 89;

unsafe extern "C" {
    pub(super) fn BIO_get_new_index() -> c_int;
    pub(super) fn BIO_up_ref(bio: *mut BIO) -> c_int;

    pub(super) fn PEM_def_callback(
        buffer: *mut c_char,
        size: c_int,
        rwflag: c_int,
        user: *mut c_void,
    ) -> c_int;

    pub(super) fn SSL_up_ref(ssl: *mut SSL) -> c_int;
    pub(super) fn SSL_certs_clear(ssl: *mut SSL);
    pub(super) fn SSL_set_cert_cb(
        ssl: *mut SSL,
        callback: Option<CertificateFn>,
        argument: *mut c_void,
    );
    pub(super) fn SSL_set_read_ahead(ssl: *mut SSL, on: c_int);
    pub(super) fn SSL_set_session_id_context(
        ssl: *mut SSL,
        context: *const c_uchar,
        size: c_uint,
    ) -> c_int;

    pub(super) fn SSL_CTX_get_verify_callback(context: *const SSL_CTX) -> Option<VerifyFn>;
    pub(super) fn SSL_CTX_get_default_passwd_cb(context: *mut SSL_CTX) -> Option<PassPhraseFn>;
    pub(super) fn SSL_CTX_get_default_passwd_cb_userdata(context: *mut SSL_CTX) -> *mut c_void;

    pub(super) fn X509_STORE_up_ref(store: *mut X509_STORE) -> c_int;
    pub(super) fn X509_check_private_key(certificate: *const X509, key: *const EVP_PKEY) -> c_int;
    pub(super) fn X509_get_X509_PUBKEY(certificate: *const X509) -> *mut c_void;
    pub(super) fn i2d_X509_PUBKEY(key: *const c_void, out: *mut *mut c_uchar) -> c_int;
}
