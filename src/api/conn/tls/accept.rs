//! TLS for accepted connections: prepared by the accept, done by whatever call comes along.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::Conn;
use super::super::close::Ending;
use super::super::handshake::{REFUSED, Step};
use super::super::link::{How, Phase};
use super::super::ready::Ready;
use crate::api::error::{Errno, Failure, Kind};
use crate::api::opts::{Opts, TlsSettings};
use crate::api::tls::Purpose;
use crate::log::{Level, log};
use crate::protocol::RequestReader;
use crate::sync::relock;
use crate::transport::socket;
use crate::transport::tls::{
    Advance, Anchors, Check, Context, Identity, IdentityFiles, Oldest, Stream,
};

/// Where a server's certificate comes from.
struct Chosen {
    files: IdentityFiles,
    /// The name that the client asks for may select another.
    by_name: bool,
}

impl Conn {
    /// Makes everything ready for the TLS handshake of an accepted connection.
    pub(in crate::api::conn) fn secure_accepted(
        this: &Arc<Self>,
        listener: &Arc<Self>,
    ) -> Result<(), Failure> {
        this.window.tls_on.store(1, Ordering::Release);
        {
            let mut link = this.link.lock();
            link.secure = true;
            link.transport = None;
        }
        let opts = relock(&this.cold).opts.clone();
        let settings = opts.as_ref().map(|opts| opts.read(|all| all.tls.clone()));
        let chosen = this.choose_files(listener, settings.as_ref());
        match this.ctx.hooks().creator.get() {
            Some(hook) => {
                let pointer = opts.as_ref().map_or(ptr::null_mut(), Opts::as_c);
                let made = hook.call(this.ctx_ptr(), Self::as_c(this), pointer, false);
                let context = Context::adopt(made).ok_or_else(|| {
                    Failure::new(Kind::Tls, "the program's context creator returned NULL")
                })?;
                this.prepare_with(&context, settings.as_ref(), chosen)?;
            }
            None => this.prepare_builtin(settings.as_ref(), chosen)?,
        }
        socket::set_blocking(this.descriptor(), false);
        let mut link = this.link.lock();
        link.phase = Phase::Tls;
        this.window.pending_ssl_accept.store(1, Ordering::Release);
        Ok(())
    }

    /// C contract: the first source with both certificate and key wins.
    fn choose_files(&self, listener: &Arc<Self>, options: Option<&TlsSettings>) -> Option<Chosen> {
        let [certificate, key, chain] = {
            let cold = relock(&listener.cold);
            let rare = cold.rare.as_ref();
            rare.map_or_else(Default::default, |rare| rare.certificate.clone())
        };
        let chain = chain.or_else(|| options.and_then(|tls| tls.chain.clone()));
        let own = |certificate, key| Chosen {
            files: IdentityFiles {
                certificate: Some(certificate),
                chain: chain.clone(),
                key: Some(key),
            },
            by_name: false,
        };
        let of_options = options.map(|tls| (tls.certificate.clone(), tls.private_key.clone()));
        for pair in [of_options, Some((certificate, key))].into_iter().flatten() {
            if let (Some(certificate), Some(key)) = pair {
                return Some(own(certificate, key));
            }
        }
        let (mut files, by_name) = self.ctx.default_certificate()?;
        files.chain = chain.or(files.chain);
        Some(Chosen { files, by_name })
    }

    fn prepare_builtin(
        self: &Arc<Self>,
        options: Option<&TlsSettings>,
        chosen: Option<Chosen>,
    ) -> Result<(), Failure> {
        let chosen = chosen.ok_or_else(no_certificate)?;
        let check = check_clients(options);
        let ca = options.and_then(|tls| tls.ca.clone());
        let purpose = Purpose {
            server: true,
            oldest: Oldest::from(options.map_or(0, |tls| tls.protocol)),
            files: chosen.files,
            // A CA of the program's own is the only one that clients are believed by.
            anchors: match (ca, check) {
                (Some(ca), _) => Some(Anchors::File(ca)),
                (None, Check::Chain) => Some(Anchors::System),
                (None, _) => None,
            },
        };
        let share = self.ctx.hooks().post_check.get().is_none();
        let context = self.ctx.tls.get(&self.ctx, &purpose, share)?;
        let mut stream = Stream::server(&context, self.descriptor(), check)?;
        if chosen.by_name {
            stream.stop_at_name();
        }
        self.adopt_stream(&context, stream);
        Ok(())
    }

    fn prepare_with(
        &self,
        context: &Context,
        options: Option<&TlsSettings>,
        chosen: Option<Chosen>,
    ) -> Result<(), Failure> {
        let identity = match chosen {
            Some(chosen) => Some(Identity::load_for(&chosen.files, context)?),
            None if context.has_certificate() => None,
            None => return Err(no_certificate()),
        };
        let ca = options.and_then(|tls| tls.ca.as_deref());
        if let Some(ca) = ca {
            context.add_trusted(ca)?;
        }
        let mut check = check_clients(options);
        if context.verifies() {
            check = Check::AsContext;
        } else if check == Check::Chain && ca.is_none() {
            context.add_system_trusted()?;
        }
        let mut stream = Stream::server(context, self.descriptor(), check)?;
        if let Some(identity) = identity {
            stream.identify(&identity)?;
        }
        self.adopt_stream(context, stream);
        Ok(())
    }

    /// Advances the TLS handshake of an accepted connection, and in the loop what follows it.
    pub(in crate::api::conn) fn advance_tls(this: &Arc<Self>, how: &mut How<'_>) -> Step {
        loop {
            let step = {
                let mut link = this.link.lock();
                if !matches!(link.phase, Phase::Tls) {
                    return Step::Blocked;
                }
                let Some(stream) = link.stream() else {
                    return Step::Dead(Errno::DEAD);
                };
                let step = stream.handshake();
                if !matches!(step, Ok(Advance::Blocked(_))) {
                    link.phase = Phase::Deciding;
                }
                step
            };
            match step {
                Ok(Advance::Blocked(_)) => {
                    how.drained();
                    return Step::Blocked;
                }
                Ok(Advance::Named) => {
                    if let Err(failure) = this.identify_by_name() {
                        return Self::insecure(this, failure);
                    }
                    this.link.lock().phase = Phase::Tls;
                }
                Ok(Advance::Done) => return Self::secured(this, how),
                Err(error) => {
                    return Self::insecure(this, Failure::new(Kind::Tls, error.to_string()));
                }
            }
        }
    }

    /// The client has said which server it wants.
    fn identify_by_name(&self) -> Result<(), Failure> {
        let name = self.with_stream(|stream| stream.asked_name()).flatten();
        let files = name.and_then(|name| self.ctx.certificate_for(&name));
        let identity = match files {
            Some(files) => Some(self.ctx.tls.identity(&self.ctx, &files)?),
            None => None,
        };
        // Without a stream the next step notices.
        let chosen = self.with_stream(|stream| stream.choose(identity.as_deref()));
        chosen.unwrap_or(Ok(()))?;
        Ok(())
    }

    fn secured(this: &Arc<Self>, how: &mut How<'_>) -> Step {
        let window = &this.window;
        window.pending_ssl_accept.store(0, Ordering::Release);
        socket::set_blocking(this.descriptor(), false);
        if let Err(failure) = Self::post_check(this) {
            let text = failure.text().to_string_lossy().into_owned();
            log!(&this.ctx, Level::Critical, "conn id {}: {text}", this.id());
            this.fail(failure);
            Self::finish(this, Ending::Shutdown);
            return REFUSED;
        }
        {
            let mut link = this.link.lock();
            if !link.is_live() {
                return Step::Dead(Errno::DEAD);
            }
            link.phase = Phase::Request(Box::new(RequestReader::new()));
        }
        match how {
            How::Loop(_) => Self::handshake(this, how),
            How::Direct | How::Ahead => {
                // C contract: the request is for the next call. A loop may have been sent away.
                this.ctx.touch(this, Ready::READ);
                Step::Blocked
            }
        }
    }

    /// The TLS handshake failed; the peer has been told why, if it can be told.
    fn insecure(this: &Arc<Self>, failure: Failure) -> Step {
        let text = failure.text().to_string_lossy().into_owned();
        log!(
            &this.ctx,
            Level::Critical,
            "conn id {}: TLS: {text}",
            this.id()
        );
        this.fail(failure);
        Self::finish(this, Ending::Answer);
        REFUSED
    }
}

fn no_certificate() -> Failure {
    Failure::new(
        Kind::Tls,
        "there is no certificate with its key for this listener",
    )
}

fn check_clients(options: Option<&TlsSettings>) -> Check {
    match options.and_then(|tls| tls.peer_verify) {
        Some(true) => Check::Chain,
        _ => Check::Nothing,
    }
}
