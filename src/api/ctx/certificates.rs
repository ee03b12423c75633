//! The certificates a context knows, by server name. Paths only: files are read when used.

use std::ffi::{CStr, CString};

struct Entry {
    name: Option<CString>,
    certificate: CString,
    key: CString,
    chain: Option<CString>,
}

/// In the order they were stored; the first of a name wins for good.
#[derive(Default)]
pub(crate) struct Certificates(Vec<Entry>);

/// The files of one entry. They live as long as the store.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) certificate: &'a CStr,
    pub(crate) key: &'a CStr,
    pub(crate) chain: Option<&'a CStr>,
}

impl Certificates {
    /// Stores an entry, unless the name already has one.
    pub(crate) fn add(&mut self, name: Option<&CStr>, files: Files<'_>) {
        if self.0.iter().any(|entry| entry.name.as_deref() == name) {
            return;
        }
        self.0.push(Entry {
            name: name.map(CStr::to_owned),
            certificate: files.certificate.to_owned(),
            key: files.key.to_owned(),
            chain: files.chain.map(CStr::to_owned),
        });
    }

    /// The entry of exactly this name; without a name, the nameless one or else the first.
    pub(crate) fn find(&self, name: Option<&CStr>) -> Option<Files<'_>> {
        let exact = self.0.iter().find(|entry| entry.name.as_deref() == name);
        let entry = match (exact, name) {
            (Some(entry), _) => Some(entry),
            (None, None) => self.0.first(),
            (None, Some(_)) => None,
        }?;
        Some(Files {
            certificate: &entry.certificate,
            key: &entry.key,
            chain: entry.chain.as_deref(),
        })
    }
}
