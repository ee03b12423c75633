//! Which server certificates a client believes.

use crate::api::opts::TlsSettings;

/// Against what a chain is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Chain {
    Unchecked,
    /// The authorities the system trusts.
    System,
    /// Only the one in the options.
    Given,
}

/// What a client demands of its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    pub(crate) chain: Chain,
    /// The certificate must be for the host name.
    pub(crate) name: bool,
}

impl Demand {
    /// Of a client with these options, or none. `names` is the context's default: whether host
    /// names are checked where nothing was said about them.
    pub(crate) fn of_client(options: Option<&TlsSettings>, names: bool) -> Self {
        let Some(tls) = options else {
            return Self {
                chain: Chain::System,
                name: names,
            };
        };
        let given = tls.ca.is_some();
        let chain = if given { Chain::Given } else { Chain::System };
        match (tls.peer_verify, tls.host_verify) {
            // Asking for the name asks for a chain that vouches for it.
            (_, Some(true)) => Self { chain, name: true },
            // C contract: options that were never told to verify don't.
            (None | Some(false), _) => Self {
                chain: Chain::Unchecked,
                name: false,
            },
            // Whoever trusts one authority of its own may connect to devices by address.
            (Some(true), asked) => Self {
                chain,
                name: !given && asked.is_none() && names,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(peer: Option<bool>, ca: bool, host: Option<bool>) -> TlsSettings {
        TlsSettings {
            peer_verify: peer,
            ca: ca.then(|| c"ca.pem".to_owned()),
            host_verify: host,
            ..TlsSettings::default()
        }
    }

    #[test]
    fn every_row_of_the_table() {
        use Chain::{Given, System, Unchecked};
        let rows = [
            // peer verify, CA given, host verify → chain, name
            (None, false, None, Unchecked, false),
            (None, true, None, Unchecked, false),
            (None, true, Some(false), Unchecked, false),
            (Some(false), false, None, Unchecked, false),
            (Some(true), false, None, System, true),
            (Some(true), false, Some(true), System, true),
            (Some(true), false, Some(false), System, false),
            (Some(true), true, None, Given, false),
            (Some(true), true, Some(false), Given, false),
            (Some(true), true, Some(true), Given, true),
            (None, false, Some(true), System, true),
            (None, true, Some(true), Given, true),
            (Some(false), false, Some(true), System, true),
            (Some(false), true, Some(true), Given, true),
        ];
        for (peer, ca, host, chain, name) in rows {
            let options = options(peer, ca, host);
            assert_eq!(
                Demand::of_client(Some(&options), true),
                Demand { chain, name },
                "{peer:?} {ca} {host:?}"
            );
        }
        let none = Demand::of_client(None, true);
        assert_eq!((none.chain, none.name), (System, true));
    }

    #[test]
    fn a_context_may_leave_names_unchecked_unless_asked_for() {
        let name = |options: Option<&TlsSettings>| Demand::of_client(options, false).name;
        assert!(!name(None));
        assert!(!name(Some(&options(Some(true), false, None))));
        assert!(name(Some(&options(Some(true), false, Some(true)))));
        assert!(name(Some(&options(None, true, Some(true)))));
    }
}
