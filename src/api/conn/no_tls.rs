//! In place of `tls`, in a library built without it.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Instant;

use super::Conn;
use crate::api::error::{Failure, Kind};
use crate::api::opts::Opts;

impl Conn {
    /// Fails.
    pub(crate) fn tls_available() -> Result<(), Failure> {
        let text = "this library was built without TLS";
        Err(Failure::new(Kind::Tls, text))
    }

    pub(super) fn secure_client(
        _this: &Arc<Self>,
        _opts: Option<&Arc<Opts>>,
        _server: (&CStr, &CStr),
        _deadline: Instant,
    ) -> Result<(), Failure> {
        Self::tls_available()
    }

    pub(super) fn secure_accepted(_this: &Arc<Self>, _listener: &Arc<Self>) -> Result<(), Failure> {
        Self::tls_available()
    }
}
