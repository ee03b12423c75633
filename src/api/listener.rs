//! Listeners.

use std::ffi::{CStr, CString, c_int};
use std::sync::Arc;

use crate::api::conn::Conn;
use crate::api::conn::accept_fd as accept_on;
use crate::api::ctx::Ctx;
use crate::api::error::{self, Errno, Failure, Kind};
use crate::api::opts::Opts;
use crate::log::{Level, log};
use crate::transport::listen;
use crate::transport::resolve::{self, Family};

/// A listener on `host` and `port`; drops the caller's reference on `opts` when it fails, or else
/// when the listener goes, unless they are to be reused.
pub fn bind(
    ctx: Option<&Arc<Ctx>>,
    opts: Option<&Arc<Opts>>,
    family: Family,
    tls: bool,
    host: Option<&CStr>,
    port: Option<&CStr>,
) -> Option<Arc<Conn>> {
    let result = arguments(ctx, host, port).and_then(|(ctx, host, port)| {
        if tls {
            Conn::tls_available()?;
        }
        let shared = opts.is_some_and(|opts| opts.read(|settings| settings.reuse_port));
        let fd = open(host, port, family, shared)?;
        Ok(Conn::listening(ctx, opts, tls, fd, host, port))
    });
    if let Err(failure) = &result {
        failure.tell(ctx, ATTEMPT);
        if let Some(opts) = opts {
            Opts::release_if_needed(opts);
        }
    }
    error::constructed(result)
}

/// A bare listening IPv4 descriptor; -1 on failure, -2 for missing arguments.
pub fn listen_socket(ctx: Option<&Arc<Ctx>>, host: Option<&CStr>, port: Option<&CStr>) -> c_int {
    let result =
        arguments(ctx, host, port).and_then(|(_, host, port)| open(host, port, Family::V4, false));
    result.unwrap_or_else(|failure| {
        failure.tell(ctx, ATTEMPT);
        // C contract: an empty host is a host that doesn't resolve.
        let missing = ctx.is_none() || host.is_none() || port.is_none_or(CStr::is_empty);
        if missing { -2 } else { -1 }
    })
}

/// `accept` on a bare descriptor.
pub fn accept_fd(fd: c_int) -> (c_int, Errno) {
    match accept_on(fd, || true) {
        Ok(fd) => (fd, Errno::Keep),
        Err(error) => (-1, Errno::of(&error)),
    }
}

const ATTEMPT: &str = "can't listen";

type Arguments<'a> = (&'a Arc<Ctx>, &'a CStr, &'a CStr);

fn arguments<'a>(
    ctx: Option<&'a Arc<Ctx>>,
    host: Option<&'a CStr>,
    port: Option<&'a CStr>,
) -> Result<Arguments<'a>, Failure> {
    let ctx = ctx.ok_or_else(|| Failure::missing("ctx"))?;
    Ok((ctx, given("host", host)?, given("port", port)?))
}

fn given<'a>(name: &str, text: Option<&'a CStr>) -> Result<&'a CStr, Failure> {
    let text = text.ok_or_else(|| Failure::missing(name))?;
    if text.is_empty() {
        return Err(Failure::new(Kind::Argument, format!("{name} is empty")));
    }
    Ok(text)
}

fn open(host: &CStr, port: &CStr, family: Family, shared: bool) -> Result<c_int, Failure> {
    let addresses = resolve::resolve(host, port, family, true)
        .map_err(|text| Failure::new(Kind::Resolve, text))?;
    listen::listen(&addresses, shared).map_err(|error| {
        let (host, port) = (host.to_string_lossy(), port.to_string_lossy());
        Failure::new(Kind::Io, format!("host {host} port {port}: {error}"))
    })
}

/// Whether each given file can be opened for reading.
fn readable(file: Option<&CStr>) -> bool {
    use std::os::unix::ffi::OsStrExt;
    file.is_none_or(|file| {
        std::fs::File::open(std::ffi::OsStr::from_bytes(file.to_bytes())).is_ok()
    })
}

impl Conn {
    /// Stores certificate, key and chain files; without a chain, a stored one stays.
    pub fn set_certificate(
        &self,
        certificate: Option<&CStr>,
        key: Option<&CStr>,
        chain: Option<&CStr>,
    ) -> bool {
        let named = [
            ("certificate", certificate),
            ("private_key", key),
            ("chain_file", chain),
        ];
        for (name, file) in named {
            let missing = file.is_none() && name != "chain_file";
            if missing || !readable(file) {
                let file = file.map(CStr::to_string_lossy).unwrap_or_default();
                log!(self.ctx(), Level::Critical, "{name}: can't read '{file}'");
                return false;
            }
        }
        self.store_certificate([certificate, key, chain].map(|file| file.map(CString::from)));
        true
    }
}
