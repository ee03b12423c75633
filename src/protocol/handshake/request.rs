//! The client's request: building it, and reading it as a server.

use super::extensions::Malformed;
use super::headers::{
    Fields, Lines, Oversize, Repeated, field, has_token, is_one_line, is_token_character,
};
use super::key;
use crate::protocol::deflate::{self, Agreement, negotiate};

/// What goes into a client's request.
pub struct RequestFields<'a> {
    pub url: &'a [u8],
    pub host: &'a [u8],
    pub key: &'a str,
    pub version: i32,
    pub origin: Option<&'a [u8]>,
    pub cookie: Option<&'a [u8]>,
    pub protocols: Option<&'a [u8]>,
    /// Offer to compress.
    pub deflate: Option<&'a deflate::Config>,
    /// Further headers, each with CRLF in front and none behind it.
    pub extra: Option<&'a [u8]>,
}

/// How requests are judged.
#[derive(Clone, Copy, Debug)]
pub struct RequestRules {
    /// The WebSocket version spoken.
    pub version: i32,
    /// Any key that isn't empty will do.
    pub lenient: bool,
    pub require_origin: bool,
    /// Requests for something else than a WebSocket are answered by the program.
    pub pages: bool,
    /// Agree to compress, if the client offers it.
    pub deflate: Option<deflate::Config>,
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Upgrade(Request),
    /// Plain HTTP, only where the rules allow it.
    Page(Page),
}

/// An acceptable request. Values are kept as they came, without blanks around them.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub url: Vec<u8>,
    pub host: Option<Vec<u8>>,
    pub origin: Option<Vec<u8>>,
    pub key: Vec<u8>,
    pub protocol: Option<Vec<u8>>,
    pub cookie: Option<Vec<u8>>,
    pub real_ip: Option<Vec<u8>>,
    /// What was agreed on compression, and the `Sec-WebSocket-Extensions` to answer with.
    pub deflate: Option<(Agreement, String)>,
}

/// A request for something else than a WebSocket, without a body that matters.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    pub method: Method,
    pub url: Vec<u8>,
    pub host: Option<Vec<u8>>,
    pub origin: Option<Vec<u8>>,
    pub cookie: Option<Vec<u8>>,
    pub real_ip: Option<Vec<u8>>,
}

/// The method of a request, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    /// As GET, answered without the body.
    Head,
    Other,
}

/// The HTTP status to refuse a request with, and why in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub why: &'static str,
}

/// Reads a request.
pub struct RequestReader {
    lines: Lines,
    line: Option<RequestLine>,
    fields: Fields<9>,
    /// All of them, if they came in several headers.
    extensions: Option<Vec<u8>>,
    is_over: bool,
}

struct RequestLine {
    method: Method,
    url: Vec<u8>,
}

const NAMES: [&str; 9] = [
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Origin",
    "Sec-WebSocket-Protocol",
    "Cookie",
    "X-Real-IP",
];
const HOST: usize = 0;
const UPGRADE: usize = 1;
const CONNECTION: usize = 2;
const KEY: usize = 3;
const VERSION: usize = 4;
const ORIGIN: usize = 5;
const PROTOCOL: usize = 6;
const COOKIE: usize = 7;
const REAL_IP: usize = 8;

/// Builds the request a client opens with.
pub fn build_request(fields: &RequestFields<'_>) -> Vec<u8> {
    let version = fields.version.to_string();
    let deflate = fields.deflate.map(negotiate::offer);
    let mut parts = vec![
        b"GET ",
        fields.url,
        b" HTTP/1.1\r\nHost: ",
        fields.host,
        b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ",
        fields.key.as_bytes(),
        b"\r\nSec-WebSocket-Version: ",
        version.as_bytes(),
    ];
    for (name, value) in [
        (&b"\r\nOrigin: "[..], fields.origin),
        (b"\r\nCookie: ", fields.cookie),
        (b"\r\nSec-WebSocket-Protocol: ", fields.protocols),
        (
            b"\r\nSec-WebSocket-Extensions: ",
            deflate.as_deref().map(str::as_bytes),
        ),
        (b"", fields.extra),
    ] {
        if let Some(value) = value {
            parts.extend([name, value]);
        }
    }
    parts.push(b"\r\n\r\n");
    parts.concat()
}

impl RequestReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Consumes from the front of `input`, at most up to and including the blank line; returns how
    /// many bytes were consumed, and the outcome. Nothing is consumed after the outcome.
    ///
    /// A request that cannot be read is refused at once, one that breaks `rules` at the blank
    /// line.
    pub fn feed(
        &mut self,
        input: &[u8],
        rules: &RequestRules,
    ) -> (usize, Option<Result<Asked, Refusal>>) {
        let mut rest = input;
        let outcome = if self.is_over {
            None
        } else {
            self.advance(&mut rest, rules).transpose()
        };
        self.is_over |= outcome.is_some();
        (input.len() - rest.len(), outcome)
    }

    fn advance(
        &mut self,
        rest: &mut &[u8],
        rules: &RequestRules,
    ) -> Result<Option<Asked>, Refusal> {
        while !rest.is_empty() {
            let is_first = self.line.is_none() && self.lines.unfinished().is_empty();
            if is_first && !is_token_character(rest[0]) {
                return Err(bad("not an HTTP request"));
            }
            let Some(line) = self.lines.next(rest)? else {
                break;
            };
            // RFC 9112 §2.2 lets a recipient take a lone LF for a line end; those who do can be
            // made to disagree with a proxy about where a request ends.
            let line = line
                .strip_suffix(b"\r\n")
                .ok_or(bad("line end without CR"))?;
            if self.line.is_none() {
                self.line = Some(RequestLine::parse(line)?);
            } else if line.is_empty() {
                if rules.pages && self.is_page() {
                    return Ok(self.page().map(Asked::Page));
                }
                return self
                    .judge(rules)
                    .map(|request| Some(Asked::Upgrade(request)));
            } else {
                self.header(line)?;
            }
        }
        Ok(None)
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line.starts_with(b"GET ") {
            return Err(bad("second request line"));
        }
        self.lines.count_header()?;
        let (name, value) = field(line).ok_or(bad("malformed header"))?;
        if name.eq_ignore_ascii_case(b"Sec-WebSocket-Extensions") {
            // RFC 6455 §11.3.2: it "MAY appear multiple times in an HTTP request (which is
            // logically the same as a single |Sec-WebSocket-Extensions| header field that
            // contains all values)".
            match &mut self.extensions {
                Some(all) => all.extend([b", ", value].concat()),
                None => self.extensions = Some(value.to_vec()),
            }
        }
        self.fields.put(name, value)?;
        Ok(())
    }

    /// Whether a server of pages has something to say to this.
    fn is_page(&self) -> bool {
        let readable = |line: &RequestLine| line.method != Method::Other;
        self.line.as_ref().is_some_and(readable) && !self.upgrades()
    }

    fn page(&mut self) -> Option<Page> {
        let line = self.line.take()?;
        Some(Page {
            method: line.method,
            url: line.url,
            host: self.fields.take(HOST),
            origin: self.fields.take(ORIGIN),
            cookie: self.fields.take(COOKIE),
            real_ip: self.fields.take(REAL_IP),
        })
    }

    /// RFC 6455 §4.2.1: "An |Upgrade| header field containing the value "websocket", treated as an
    /// ASCII case-insensitive value." "A |Connection| header field that includes the token
    /// "Upgrade", treated as an ASCII case-insensitive value."
    fn upgrades(&self) -> bool {
        let has = |index, token| {
            let list = self.fields.get(index);
            list.is_some_and(|list| has_token(list, token))
        };
        has(UPGRADE, "websocket") && has(CONNECTION, "upgrade")
    }

    /// The blank line is there. The order of the checks decides which status is answered.
    fn judge(&mut self, rules: &RequestRules) -> Result<Request, Refusal> {
        let key = self
            .fields
            .take(KEY)
            .filter(|key| !key.is_empty())
            .ok_or(bad("no key"))?;
        if !rules.lenient && !key::is_well_formed(&key) {
            return Err(bad("malformed key"));
        }
        let line = self.line.take();
        let line = line.filter(|line| line.method == Method::Get);
        let line = line.ok_or(Refusal {
            status: 405,
            why: "method other than GET",
        })?;
        if !self.upgrades() {
            return Err(Refusal {
                status: 426,
                why: "not a WebSocket upgrade",
            });
        }
        let fields = &mut self.fields;
        if fields.get(VERSION) != Some(rules.version.to_string().as_bytes()) {
            return Err(Refusal {
                status: 426,
                why: "other WebSocket version",
            });
        }
        if rules.require_origin && fields.get(ORIGIN).is_none() {
            return Err(Refusal {
                status: 403,
                why: "no origin",
            });
        }
        let deflate = match (&rules.deflate, self.extensions.take()) {
            (Some(config), Some(offers)) => negotiate::answer(&offers, config)
                .map_err(|Malformed| bad("malformed extensions"))?,
            _ => None,
        };
        Ok(Request {
            url: line.url,
            host: fields.take(HOST),
            origin: fields.take(ORIGIN),
            key,
            protocol: fields.take(PROTOCOL),
            cookie: fields.take(COOKIE),
            real_ip: fields.take(REAL_IP),
            deflate,
        })
    }
}

impl Default for RequestReader {
    fn default() -> Self {
        Self {
            lines: Lines::default(),
            line: None,
            fields: Fields::new(&NAMES),
            extensions: None,
            is_over: false,
        }
    }
}

impl RequestLine {
    /// `method SP target SP HTTP/1.1`; blanks in front of target and version may be more.
    fn parse(line: &[u8]) -> Result<Self, Refusal> {
        const MALFORMED: Refusal = bad("malformed request line");
        if !is_one_line(line) {
            return Err(MALFORMED);
        }
        let (method, target) = split_at_blank(line).ok_or(MALFORMED)?;
        let (target, version) = split_at_blank(target).ok_or(MALFORMED)?;
        if method.is_empty() || !method.iter().all(|&byte| is_token_character(byte)) {
            return Err(MALFORMED);
        }
        // RFC 6455 §4.2.1: "An HTTP/1.1 or higher GET request"; what is higher has another form.
        if version != b"HTTP/1.1" {
            return Err(bad("not HTTP/1.1"));
        }
        let method = match method {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            _ => Method::Other,
        };
        if method != Method::Other && !target.starts_with(b"/") {
            return Err(bad("target is not a path"));
        }
        Ok(Self {
            method,
            url: target.to_vec(),
        })
    }
}

/// The bytes in front of the first space, and those behind it and its like.
fn split_at_blank(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().position(|&byte| byte == b' ')?;
    let behind = bytes[space..].iter().position(|&byte| byte != b' ')?;
    Some((&bytes[..space], &bytes[space + behind..]))
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

impl From<Oversize> for Refusal {
    fn from(Oversize(why): Oversize) -> Self {
        Self { status: 431, why }
    }
}

impl From<Repeated> for Refusal {
    fn from(_: Repeated) -> Self {
        bad("repeated header")
    }
}

#[cfg(test)]
mod tests;
