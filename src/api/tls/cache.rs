//! Things made of files, kept until the files change.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::hash::Hash;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};

use crate::api::ctx::Ctx;
use crate::log::{Level, log};
use crate::sync::relock;
use crate::transport::tls::{Anchors, Error, Identity, IdentityFiles, Trust};

/// Programs have few sets of files; one that makes up new ones all the time must not fill memory.
const MOST: usize = 64;

/// Says which files, and how to make something of them.
pub(super) trait Source: Clone + Eq + Hash {
    type Made;

    /// What is read.
    fn places(&self) -> Vec<CString>;
    fn make(&self) -> Result<Self::Made, Error>;
}

impl Source for IdentityFiles {
    type Made = Identity;

    fn places(&self) -> Vec<CString> {
        let files = [&self.certificate, &self.chain, &self.key];
        files.into_iter().flatten().cloned().collect()
    }

    fn make(&self) -> Result<Identity, Error> {
        Identity::load(self)
    }
}

impl Source for Anchors {
    type Made = Trust;

    fn places(&self) -> Vec<CString> {
        self.files()
    }

    fn make(&self) -> Result<Trust, Error> {
        self.load()
    }
}

/// What tells a file from its successor; `None` when there is none.
#[derive(Clone, PartialEq, Eq)]
struct Stamp(CString, Option<([u64; 3], [i64; 4])>);

impl Stamp {
    fn of(file: &CStr) -> Self {
        let data = std::fs::metadata(OsStr::from_bytes(file.to_bytes())).ok();
        let numbers = data.map(|data| {
            let changed = [
                data.mtime(),
                data.mtime_nsec(),
                data.ctime(),
                data.ctime_nsec(),
            ];
            ([data.dev(), data.ino(), data.size()], changed)
        });
        Self(file.to_owned(), numbers)
    }
}

type Stamps = Vec<Stamp>;

fn stamps(places: &[CString]) -> Stamps {
    places.iter().map(|place| Stamp::of(place)).collect()
}

struct Kept<T> {
    made: Arc<T>,
    /// The files as they were before it was made of them.
    files: Stamps,
    /// Later ones, of which nothing could be made.
    unusable: Option<Stamps>,
    used: u64,
}

struct Table<S: Source> {
    entries: HashMap<S, Kept<S::Made>>,
    clock: u64,
}

/// One kind of thing.
pub(super) struct Cache<S: Source>(Mutex<Table<S>>);

impl<S: Source> Cache<S> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Table {
            entries: HashMap::new(),
            clock: 0,
        }))
    }

    /// What the files make; read again if they have changed. If nothing can be made of them any
    /// more, what was made before stays in use, and the log says so once.
    pub(super) fn get(&self, ctx: &Arc<Ctx>, source: &S) -> Result<Arc<S::Made>, Error> {
        let now = stamps(&source.places());
        {
            let mut table = relock(&self.0);
            table.clock += 1;
            let clock = table.clock;
            if let Some(kept) = table.entries.get_mut(source) {
                kept.used = clock;
                if kept.files == now || kept.unusable.as_ref() == Some(&now) {
                    return Ok(Arc::clone(&kept.made));
                }
            }
        }
        // Reading takes its time: the table is free meanwhile.
        match source.make() {
            Ok(made) => Ok(self.keep(source, now, made)),
            Err(error) => self.keep_old(ctx, source, now, error),
        }
    }

    /// Reads everything again; false when something is unusable.
    pub(super) fn reload(&self, ctx: &Arc<Ctx>) -> bool {
        let sources: Vec<S> = relock(&self.0).entries.keys().cloned().collect();
        let mut fine = true;
        for source in sources {
            let now = stamps(&source.places());
            match source.make() {
                Ok(made) => drop(self.keep(&source, now, made)),
                Err(error) => {
                    fine = false;
                    // Said again, even if it was before: somebody has asked.
                    self.forget_failure(&source);
                    let _ = self.keep_old(ctx, &source, now, error);
                }
            }
        }
        fine
    }

    fn keep(&self, source: &S, files: Stamps, made: S::Made) -> Arc<S::Made> {
        let made = Arc::new(made);
        let mut table = relock(&self.0);
        if table.entries.len() >= MOST && !table.entries.contains_key(source) {
            let oldest = table.entries.iter().min_by_key(|(_, kept)| kept.used);
            let oldest = oldest.map(|(source, _)| source.clone());
            oldest.and_then(|source| table.entries.remove(&source));
        }
        let kept = Kept {
            made: Arc::clone(&made),
            files,
            unusable: None,
            used: table.clock,
        };
        table.entries.insert(source.clone(), kept);
        made
    }

    fn keep_old(
        &self,
        ctx: &Arc<Ctx>,
        source: &S,
        now: Stamps,
        error: Error,
    ) -> Result<Arc<S::Made>, Error> {
        let (made, first) = {
            let mut table = relock(&self.0);
            let Some(kept) = table.entries.get_mut(source) else {
                return Err(error);
            };
            let first = kept.unusable.as_ref() != Some(&now);
            kept.unusable = Some(now);
            (Arc::clone(&kept.made), first)
        };
        if first {
            let text = "what was loaded before stays in use";
            log!(ctx, Level::Critical, "{error}; {text}");
        }
        Ok(made)
    }

    fn forget_failure(&self, source: &S) {
        if let Some(kept) = relock(&self.0).entries.get_mut(source) {
            kept.unusable = None;
        }
    }
}
