//! The server's answer: building it, and reading it as a client.

use super::headers::{Fields, Lines, Oversize, field, has_token, is_one_line};
use crate::protocol::deflate::{self, Agreement, negotiate};

/// A server's consent.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub protocol: Option<Vec<u8>>,
    /// What the server agreed to of the compression that was offered.
    pub deflate: Option<Agreement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseErrorKind {
    /// Not an HTTP/1.1 response.
    Malformed,
    /// Another status than 101.
    Status,
    /// 101, but not to our request.
    Rejected,
    /// Longer than a handshake has any reason to be.
    Limit,
    /// 101, and then the stream ended.
    CutShort,
}

/// Why a handshake failed.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseError {
    pub kind: ResponseErrorKind,
    /// The HTTP status; 0: none came.
    pub status: u16,
    /// Where another status than 101 sends us.
    pub location: Option<Vec<u8>>,
    pub why: &'static str,
}

/// Reads the response to a request.
pub struct ResponseReader {
    expected: String,
    offered: Option<deflate::Config>,
    lines: Lines,
    status: u16,
    fields: Fields<5>,
    location: Option<Vec<u8>>,
    is_over: bool,
}

const NAMES: [&str; 5] = [
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
];
const UPGRADE: usize = 0;
const CONNECTION: usize = 1;
const ACCEPT: usize = 2;
const PROTOCOL: usize = 3;
const EXTENSIONS: usize = 4;

const VERSION: &[u8] = b"HTTP/1.1 ";

/// Builds the response that accepts a request.
pub fn build_response(accept: &str, protocol: Option<&[u8]>, extensions: Option<&str>) -> Vec<u8> {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    let mut parts = vec![&head[..], accept.as_bytes()];
    if let Some(protocol) = protocol.filter(|protocol| !protocol.is_empty()) {
        parts.extend([b"\r\nSec-WebSocket-Protocol: ", protocol]);
    }
    if let Some(extensions) = extensions {
        parts.extend([b"\r\nSec-WebSocket-Extensions: ", extensions.as_bytes()]);
    }
    parts.push(b"\r\n\r\n");
    parts.concat()
}

impl ResponseReader {
    /// `expected_accept` is the answer to the key that was sent, `offered` the compression that
    /// was.
    pub fn new(expected_accept: String, offered: Option<deflate::Config>) -> Self {
        Self {
            expected: expected_accept,
            offered,
            lines: Lines::default(),
            status: 0,
            fields: Fields::new(&NAMES),
            location: None,
            is_over: false,
        }
    }

    /// Consumes from the front of `input`, at most up to and including the blank line; returns how
    /// many bytes were consumed, and the outcome. Nothing is consumed after the outcome.
    pub fn feed(&mut self, input: &[u8]) -> (usize, Option<Result<Response, ResponseError>>) {
        let mut rest = input;
        let outcome = if self.is_over {
            None
        } else {
            self.advance(&mut rest).transpose()
        };
        self.is_over |= outcome.is_some();
        let outcome = outcome.map(|result| result.map_err(|failure| self.error(failure)));
        (input.len() - rest.len(), outcome)
    }

    /// The stream ended before the blank line. None: before the status line, too.
    pub fn cut_short(&mut self) -> Option<ResponseError> {
        let failure = match self.status {
            0 => return None,
            101 => CUT_SHORT,
            _ => OTHER_STATUS,
        };
        Some(self.error(failure))
    }

    fn error(&mut self, Failure { kind, why }: Failure) -> ResponseError {
        ResponseError {
            kind,
            status: self.status,
            location: self.location.take(),
            why,
        }
    }

    fn advance(&mut self, rest: &mut &[u8]) -> Result<Option<Response>, Failure> {
        while !rest.is_empty() {
            let Some(line) = self.lines.next(rest)? else {
                break;
            };
            if self.status == 0 {
                self.status = status(&line)?;
            } else if &*line == b"\r\n" {
                return self.judge().map(Some);
            } else {
                self.header(&line)?;
            }
        }
        // Whatever isn't HTTP shows at once, not only at the end of a line that may never come.
        if self.status == 0 && !is_like(self.lines.unfinished(), VERSION) {
            return Err(NOT_HTTP);
        }
        Ok(None)
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Failure> {
        const MALFORMED: Failure = malformed("malformed header");
        self.lines.count_header()?;
        if line.len() < 3 {
            return Err(MALFORMED);
        }
        let (name, value) = field(without_end(line)).ok_or(MALFORMED)?;
        if self.status != 101 {
            if self.location.is_none() && name.eq_ignore_ascii_case(b"Location") {
                self.location = Some(value.to_vec());
            }
            return Ok(());
        }
        self.fields
            .put(name, value)
            .map_err(|_| rejected("repeated header"))
    }

    /// The blank line is there: RFC 6455 §4.1, "The client MUST validate the server's response".
    fn judge(&mut self) -> Result<Response, Failure> {
        let fields = &mut self.fields;
        // "If the status code received from the server is not 101, the client handles the response
        // per HTTP [RFC2616] procedures."
        if self.status != 101 {
            return Err(OTHER_STATUS);
        }
        // "... contains a value that is not an ASCII case-insensitive match for the value
        // "websocket", the client MUST _Fail the WebSocket Connection_."
        if !fields
            .get(UPGRADE)
            .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
        {
            return Err(rejected("no Upgrade: websocket"));
        }
        // "... doesn't contain a token that is an ASCII case-insensitive match for the value
        // "Upgrade", the client MUST _Fail the WebSocket Connection_."
        if !fields
            .get(CONNECTION)
            .is_some_and(|list| has_token(list, "upgrade"))
        {
            return Err(rejected("no Connection: Upgrade"));
        }
        if fields.get(ACCEPT) != Some(self.expected.as_bytes()) {
            return Err(rejected("wrong Sec-WebSocket-Accept"));
        }
        // "If the response includes a |Sec-WebSocket-Extensions| header field and this header field
        // indicates the use of an extension that was not present in the client's handshake ..., the
        // client MUST _Fail the WebSocket Connection_."
        let extensions = fields.take(EXTENSIONS).unwrap_or_default();
        let deflate = match &self.offered {
            Some(config) => negotiate::confirm(&extensions, config).map_err(rejected)?,
            None if extensions.is_empty() => None,
            None => return Err(rejected("extension that was not offered")),
        };
        // The protocol is the application's to compare: servers in the field answer with names that
        // were not asked for.
        Ok(Response {
            protocol: fields.take(PROTOCOL),
            deflate,
        })
    }
}

/// C contract: a lone LF ends a line, too, except for the last.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The status of a status line.
fn status(line: &[u8]) -> Result<u16, Failure> {
    let line = without_end(line);
    let behind = line.strip_prefix(VERSION).ok_or(NOT_HTTP)?;
    let start = behind.iter().position(|&byte| byte != b' ').unwrap_or(0);
    match behind[start..] {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] if is_one_line(line) => {
            Ok([a, b, c]
                .iter()
                .fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
        }
        _ => Err(malformed("malformed status line")),
    }
}

/// Whether `bytes` may still become, or have become, something that begins with `prefix`.
fn is_like(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes
        .iter()
        .zip(prefix)
        .all(|(byte, expected)| byte == expected)
}

#[derive(Clone, Copy)]
struct Failure {
    kind: ResponseErrorKind,
    why: &'static str,
}

const NOT_HTTP: Failure = malformed("not an HTTP/1.1 response");
const CUT_SHORT: Failure = Failure {
    kind: ResponseErrorKind::CutShort,
    why: "the peer closed the connection within its answer",
};
const OTHER_STATUS: Failure = Failure {
    kind: ResponseErrorKind::Status,
    why: "the server answered another status than 101",
};

const fn malformed(why: &'static str) -> Failure {
    Failure {
        kind: ResponseErrorKind::Malformed,
        why,
    }
}

const fn rejected(why: &'static str) -> Failure {
    Failure {
        kind: ResponseErrorKind::Rejected,
        why,
    }
}

impl From<Oversize> for Failure {
    fn from(Oversize(why): Oversize) -> Self {
        Self {
            kind: ResponseErrorKind::Limit,
            why,
        }
    }
}

#[cfg(test)]
mod tests;
