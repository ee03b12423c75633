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
    error::remember(None);
    let result = arguments(ctx, host, port).and_then(|(ctx, host, port)| {
        if tls {
            Conn::tls_available()?;
        }
        let fd = open(host, port, family)?;
        Ok(Conn::listening(ctx, opts, tls, fd, host, port))
    });
    match result {
        Ok(listener) => Some(listener),
        Err(failure) => {
            if let Some(ctx) = ctx {
                let text = failure.text().to_string_lossy();
                log!(ctx, Level::Critical, "can't listen: {text}");
            }
            if let Some(opts) = opts {
                Opts::release_if_needed(opts);
            }
            error::remember(Some(failure));
            None
        }
    }
}

/// A bare listening IPv4 descriptor; -1 on failure, -2 for missing arguments.
pub fn listen_socket(ctx: Option<&Arc<Ctx>>, host: Option<&CStr>, port: Option<&CStr>) -> c_int {
    let (ctx, host, port) = match arguments(ctx, host, port) {
        Ok(arguments) => arguments,
        Err(failure) => {
            if let Some(ctx) = ctx {
                let text = failure.text().to_string_lossy();
                log!(ctx, Level::Critical, "can't listen: {text}");
            }
            // C contract: an empty host is a host that doesn't resolve.
            let missing = ctx.is_none() || host.is_none() || port.is_none_or(CStr::is_empty);
            return if missing { -2 } else { -1 };
        }
    };
    match open(host, port, Family::V4) {
        Ok(fd) => fd,
        Err(failure) => {
            let text = failure.text().to_string_lossy();
            log!(ctx, Level::Critical, "can't listen: {text}");
            -1
        }
    }
}

/// `accept` on a bare descriptor.
pub fn accept_fd(fd: c_int) -> (c_int, Errno) {
    accept_on(fd, || true)
}

type Arguments<'a> = (&'a Arc<Ctx>, &'a CStr, &'a CStr);

fn arguments<'a>(
    ctx: Option<&'a Arc<Ctx>>,
    host: Option<&'a CStr>,
    port: Option<&'a CStr>,
) -> Result<Arguments<'a>, Failure> {
    let missing = |name: &str| Failure::new(Kind::Argument, format!("{name} is NULL or empty"));
    let ctx = ctx.ok_or_else(|| missing("ctx"))?;
    let host = host
        .filter(|host| !host.is_empty())
        .ok_or_else(|| missing("host"))?;
    let port = port
        .filter(|port| !port.is_empty())
        .ok_or_else(|| missing("port"))?;
    Ok((ctx, host, port))
}

fn open(host: &CStr, port: &CStr, family: Family) -> Result<c_int, Failure> {
    let addresses = resolve::resolve(host, port, family, true)
        .map_err(|text| Failure::new(Kind::Resolve, text))?;
    listen::listen(&addresses).map_err(|error| {
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
