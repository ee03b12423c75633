//! TLS for clients: all of it happens within the constructor.

use std::ffi::CStr;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::Conn;
use super::files_of;
use crate::api::error::{Failure, Kind};
use crate::api::opts::{Opts, TlsSettings};
use crate::api::tls::Purpose;
use crate::api::tls::policy::{Chain, Demand};
use crate::transport::patience::SLICE;
use crate::transport::socket::{self, Readiness};
use crate::transport::tls::{
    Advance, Anchors, Check, Context, Identity, IdentityFiles, Oldest, PeerName, Stream,
};

/// What a client asks of TLS.
struct Wanted {
    options: Option<TlsSettings>,
    name: Option<PeerName>,
    /// Host and port, under which sessions are kept.
    server: String,
}

impl Conn {
    /// Does the TLS handshake and everything before and after it, up to the first byte of HTTP.
    pub(in crate::api::conn) fn secure_client(
        this: &Arc<Self>,
        opts: Option<&Arc<Opts>>,
        (host, port): (&CStr, &CStr),
        deadline: Instant,
    ) -> Result<(), Failure> {
        let creator = this.ctx.hooks().creator.get();
        let made = creator.map(|hook| {
            let opts = opts.map_or(ptr::null_mut(), Opts::as_c);
            hook.call(this.ctx_ptr(), Self::as_c(this), opts, true)
        });
        let (_, header, _, _) = this.request_texts();
        let wanted = Wanted {
            options: opts.map(|opts| opts.read(|settings| settings.tls.clone())),
            name: PeerName::parse(&header).or_else(|| PeerName::parse(host.to_bytes())),
            server: format!("{host:?} {port:?}"),
        };
        let must_match = match made {
            Some(made) => {
                let context = Context::adopt(made).ok_or_else(|| {
                    Failure::new(Kind::Tls, "the program's context creator returned NULL")
                })?;
                this.secure_with(&context, &wanted)?
            }
            None => this.secure_builtin(&wanted)?,
        };
        this.finish_handshake(deadline)?;
        let pins = wanted.options.map(|tls| tls.pins).unwrap_or_default();
        this.with_stream(|stream| stream.check_server(&pins, must_match))
            .ok_or_else(gone)??;
        Self::post_check(this)?;
        if !this.is_live() {
            return Err(gone());
        }
        this.window.tls_on.store(1, Ordering::Release);
        Ok(())
    }

    /// A stream by a context of ours. The name needs no second look: OpenSSL has checked it.
    fn secure_builtin(self: &Arc<Self>, wanted: &Wanted) -> Result<bool, Failure> {
        let tls = wanted.options.clone().unwrap_or_default();
        let demand = Demand::of_client(wanted.options.as_ref(), self.ctx.settings.checks_names());
        let purpose = Purpose {
            server: false,
            oldest: Oldest::from(tls.protocol),
            files: files_of(&tls),
            anchors: match (demand.chain, tls.ca) {
                (Chain::System, _) => Some(Anchors::System),
                // Also read when nothing is checked: a file that is not there should be noticed.
                (Chain::Given | Chain::Unchecked, ca) => ca.map(Anchors::File),
            },
        };
        // Programs with a check of their own read certificates there.
        let share = self.ctx.hooks().post_check.get().is_none();
        let context = self.ctx.tls.get(&self.ctx, &purpose, share)?;
        let check = match demand.chain {
            Chain::Unchecked => Check::Nothing,
            Chain::System | Chain::Given => Check::Chain,
        };
        let name = required(wanted, demand.name)?;
        let fd = self.descriptor();
        let mut stream = Stream::client(&context, fd, name, check, demand.name)?;
        // A session says nothing about what was demanded when it began.
        let key = format!(
            "{demand:?} {:?} {:?} {}",
            tls.pins, wanted.name, wanted.server
        );
        stream.resume(&context, &key);
        self.adopt_stream(&context, stream);
        Ok(false)
    }

    /// A stream by the program's context; returns whether the name must be looked at afterwards,
    /// whatever the context's own verification made of it.
    fn secure_with(&self, context: &Context, wanted: &Wanted) -> Result<bool, Failure> {
        let tls = wanted.options.clone().unwrap_or_default();
        if let Some(ca) = &tls.ca {
            context.add_trusted(ca)?;
        }
        let check = if context.verifies() {
            Check::AsContext
        } else if Demand::of_client(wanted.options.as_ref(), false).chain == Chain::Unchecked {
            Check::Nothing
        } else {
            context.add_system_trusted()?;
            Check::Chain
        };
        let must_match = tls.host_verify == Some(true);
        let name = required(wanted, must_match)?;
        let mut stream = Stream::client(context, self.descriptor(), name, check, must_match)?;
        let files = files_of(&tls);
        if files != IdentityFiles::default() {
            stream.identify(&Identity::load_for(&files, context)?)?;
        }
        self.adopt_stream(context, stream);
        Ok(must_match)
    }

    fn finish_handshake(&self, deadline: Instant) -> Result<(), Failure> {
        loop {
            let step = self.with_stream(Stream::handshake).ok_or_else(gone)?;
            let readiness = match step {
                Ok(Advance::Done) => return Ok(()),
                Ok(Advance::Blocked(readiness)) => readiness,
                // A callback of the program's context has stopped it: ask again.
                Ok(Advance::Named) => Readiness::Writable,
                Err(error) => return Err(Failure::new(Kind::Tls, error.to_string())),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = "the TLS handshake could not be completed in time";
                return Err(Failure::new(Kind::Timeout, text));
            }
            socket::wait_for(self.descriptor(), readiness, left.min(SLICE));
        }
    }
}

/// The name to ask for; there must be one if it is to be checked.
fn required(wanted: &Wanted, check: bool) -> Result<Option<PeerName>, Failure> {
    if check && wanted.name.is_none() {
        let text = "the host name can't be checked: it is no name a certificate can be for";
        return Err(Failure::new(Kind::Tls, text));
    }
    Ok(wanted.name.clone())
}

fn gone() -> Failure {
    Failure::new(
        Kind::Tls,
        "the connection was closed during the TLS handshake",
    )
}
