//! The OpenSSL contexts of a noPoll context.

use std::sync::{Arc, Mutex};

use super::cache::Cache;
use crate::api::ctx::Ctx;
use crate::sync::relock;
use crate::transport::tls::{
    Anchors, Context, Error, Identity, IdentityFiles, Oldest, Recipe, Trust,
};

/// What an OpenSSL context is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Purpose {
    pub(crate) server: bool,
    pub(crate) oldest: Oldest,
    pub(crate) files: IdentityFiles,
    /// `None`: nobody is verified.
    pub(crate) anchors: Option<Anchors>,
}

/// A context, and what it was made of.
struct Made {
    purpose: Purpose,
    identity: Option<Arc<Identity>>,
    trust: Option<Arc<Trust>>,
    context: Context,
}

/// More than this many are not kept: the one unused for longest goes.
const MOST: usize = 64;

/// Everything that is loaded once.
pub(crate) struct Contexts {
    identities: Cache<IdentityFiles>,
    trusts: Cache<Anchors>,
    /// The last used at the end.
    made: Mutex<Vec<Made>>,
}

impl Contexts {
    pub(crate) fn new() -> Self {
        Self {
            identities: Cache::new(),
            trusts: Cache::new(),
            made: Mutex::new(Vec::new()),
        }
    }

    /// Certificate and key in these files.
    pub(crate) fn identity(
        &self,
        ctx: &Arc<Ctx>,
        files: &IdentityFiles,
    ) -> Result<Arc<Identity>, Error> {
        self.identities.get(ctx, files)
    }

    /// A context for this purpose: with `share`, the one that others for the same purpose have.
    pub(crate) fn get(
        &self,
        ctx: &Arc<Ctx>,
        purpose: &Purpose,
        share: bool,
    ) -> Result<Context, Error> {
        let no_files = purpose.files == IdentityFiles::default();
        let identity = match &purpose.files {
            _ if no_files => None,
            files => Some(self.identities.get(ctx, files)?),
        };
        let trust = match &purpose.anchors {
            None => None,
            Some(anchors) => Some(self.trusts.get(ctx, anchors)?),
        };
        let recipe = Recipe {
            oldest: purpose.oldest,
            identity: identity.as_deref(),
            trust: trust.as_deref(),
            resume: share,
        };
        let make = if purpose.server {
            Context::server
        } else {
            Context::client
        };
        if !share {
            return make(&recipe);
        }
        let mut list = relock(&self.made);
        let place = list.iter().position(|made| made.purpose == *purpose);
        let known = place.map(|place| list.remove(place));
        let current = known.filter(|made| {
            same(made.identity.as_ref(), identity.as_ref())
                && same(made.trust.as_ref(), trust.as_ref())
        });
        let made = match current {
            Some(made) => made,
            None => Made {
                purpose: purpose.clone(),
                context: make(&recipe)?,
                identity,
                trust,
            },
        };
        let context = made.context.clone();
        if list.len() >= MOST {
            list.remove(0);
        }
        list.push(made);
        Ok(context)
    }

    /// Reads all files again; false when some are unusable and what was loaded before stays.
    pub(crate) fn reload(&self, ctx: &Arc<Ctx>) -> bool {
        let identities = self.identities.reload(ctx);
        let trusts = self.trusts.reload(ctx);
        identities && trusts
    }
}

fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}
