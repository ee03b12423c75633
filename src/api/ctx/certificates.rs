//! The certificates a context knows, by server name. Paths only: files are read when used.

use std::ffi::{CStr, CString};

#[cfg(feature = "tls")]
use crate::transport::tls::IdentityFiles;

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

    /// Whether there is anything to choose from.
    #[cfg(feature = "tls")]
    pub(crate) fn has_several(&self) -> bool {
        self.0.len() > 1
    }

    /// The entry for a name that a client asks for: its own, else that of a `*.` in place of the
    /// first label (RFC 6125 §6.4.3). Letters of either case are the same.
    #[cfg(feature = "tls")]
    pub(crate) fn find_for(&self, asked: &str) -> Option<Files<'_>> {
        let named = |wanted: &[u8]| {
            self.0.iter().find(|entry| {
                let name = entry.name.as_deref().map(CStr::to_bytes);
                name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            })
        };
        let entry = named(asked.as_bytes()).or_else(|| {
            let (_, domain) = asked.split_once('.')?;
            named(format!("*.{domain}").as_bytes())
        })?;
        Some(entry.files())
    }

    /// The entry of exactly this name; without a name, the nameless one or else the first.
    pub(crate) fn find(&self, name: Option<&CStr>) -> Option<Files<'_>> {
        let exact = self.0.iter().find(|entry| entry.name.as_deref() == name);
        let entry = match (exact, name) {
            (Some(entry), _) => Some(entry),
            (None, None) => self.0.first(),
            (None, Some(_)) => None,
        }?;
        Some(entry.files())
    }
}

#[cfg(feature = "tls")]
impl Files<'_> {
    pub(crate) fn to_owned(self) -> IdentityFiles {
        IdentityFiles {
            certificate: Some(self.certificate.to_owned()),
            chain: self.chain.map(CStr::to_owned),
            key: Some(self.key.to_owned()),
        }
    }
}

impl Entry {
    fn files(&self) -> Files<'_> {
        Files {
            certificate: &self.certificate,
            key: &self.key,
            chain: self.chain.as_deref(),
        }
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_name_it_asks_for() {
        let mut store = Certificates::default();
        for (name, certificate) in [
            (None, c"default"),
            (Some(c"a.example"), c"a"),
            (Some(c"*.example"), c"star"),
        ] {
            let files = Files {
                certificate,
                key: c"key",
                chain: None,
            };
            store.add(name, files);
        }
        let found = |asked| store.find_for(asked).map(|files| files.certificate);
        assert_eq!(found("a.example"), Some(c"a"));
        assert_eq!(found("A.Example"), Some(c"a"));
        assert_eq!(found("b.example"), Some(c"star"));
        assert_eq!(found("c.b.example"), None);
        assert_eq!(found("example"), None);
        assert_eq!(found(""), None);
    }
}
