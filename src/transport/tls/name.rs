//! What a client calls its server: the name sent as SNI and looked for in the certificate.

use std::fmt;
use std::net::IpAddr;

/// A host name or an address, without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PeerName {
    Dns(String),
    Ip(IpAddr),
}

impl PeerName {
    /// Of a `Host` header or a constructor's argument; `None` when it names nothing that a
    /// certificate could be for.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let host = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?.0,
            // More than one colon: an IPv6 address without brackets, hence without a port.
            None if text.matches(':').count() > 1 => text,
            None => text.split_once(':').map_or(text, |(host, _)| host),
        };
        // An address of one link may name its interface (RFC 4007 §11); certificates don't.
        let bare = host.split_once('%').map_or(host, |(address, _)| address);
        if let Ok(ip) = bare.parse() {
            return Some(Self::Ip(ip));
        }
        // RFC 6066 §3: without a trailing dot.
        let host = host.strip_suffix('.').unwrap_or(host);
        let fits = !host.is_empty() && host.len() <= 255;
        fits.then(|| Self::Dns(host.to_owned()))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(name: &str) -> Option<PeerName> {
        Some(PeerName::Dns(name.into()))
    }

    fn ip(address: &str) -> Option<PeerName> {
        address.parse().ok().map(PeerName::Ip)
    }

    #[test]
    fn names_lose_their_port_and_trailing_dot() {
        assert_eq!(PeerName::parse(b"example.com"), dns("example.com"));
        assert_eq!(PeerName::parse(b"example.com:8443"), dns("example.com"));
        assert_eq!(PeerName::parse(b"example.com."), dns("example.com"));
        assert_eq!(PeerName::parse(b"localhost"), dns("localhost"));
    }

    #[test]
    fn addresses_are_recognized_in_every_spelling() {
        assert_eq!(PeerName::parse(b"127.0.0.1"), ip("127.0.0.1"));
        assert_eq!(PeerName::parse(b"127.0.0.1:443"), ip("127.0.0.1"));
        assert_eq!(PeerName::parse(b"::1"), ip("::1"));
        assert_eq!(PeerName::parse(b"[::1]"), ip("::1"));
        assert_eq!(PeerName::parse(b"[::1]:443"), ip("::1"));
        assert_eq!(PeerName::parse(b"fe80::1%eth0"), ip("fe80::1"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        assert_eq!(PeerName::parse(b""), None);
        assert_eq!(PeerName::parse(b":443"), None);
        assert_eq!(PeerName::parse(b"."), None);
        assert_eq!(PeerName::parse(b"[::1"), None);
        assert_eq!(PeerName::parse(b"ex\xffmple"), None);
        assert_eq!(PeerName::parse(&[b'a'; 256]), None);
    }
}
