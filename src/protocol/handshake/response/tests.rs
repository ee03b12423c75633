use super::ResponseErrorKind::{Limit, Malformed, Rejected, Status};
use super::*;

/// RFC 6455 §1.2.
const EXAMPLE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\
    \r\n";

type Outcome = Result<Response, ResponseError>;

fn reader(offered: Option<deflate::Config>) -> ResponseReader {
    let expected = crate::protocol::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
    ResponseReader::new(expected, offered)
}

/// The outcome, and how many bytes were consumed until then.
fn read(portions: &[&[u8]]) -> (usize, Option<Outcome>) {
    let mut reader = reader(None);
    let mut consumed = 0;
    for portion in portions {
        let (n, outcome) = reader.feed(portion);
        consumed += n;
        if outcome.is_some() {
            assert_eq!(reader.feed(portion), (0, None), "nothing is read any more");
            return (consumed, outcome);
        }
        assert_eq!(
            n,
            portion.len(),
            "without an outcome, everything is consumed"
        );
    }
    (consumed, None)
}

fn outcome(response: &str) -> Outcome {
    read(&[response.as_bytes()]).1.expect("an outcome")
}

fn failure(response: &str) -> (ResponseErrorKind, u16) {
    let error = outcome(response).expect_err("a failure");
    (error.kind, error.status)
}

/// The example with one line replaced; an empty one drops it.
fn with(line: &str, other: &str) -> String {
    let line = format!("{line}\r\n");
    let other = if other.is_empty() {
        String::new()
    } else {
        format!("{other}\r\n")
    };
    assert!(EXAMPLE.contains(&line), "{line}");
    EXAMPLE.replacen(&line, &other, 1)
}

/// The example with further header lines.
fn and(lines: &str) -> String {
    with(
        "Connection: Upgrade",
        &format!("Connection: Upgrade\r\n{lines}"),
    )
}

const STATUS_LINE: &str = "HTTP/1.1 101 Switching Protocols";

#[test]
fn the_example_of_rfc_6455_section_1_2() {
    let response = Response {
        protocol: Some(b"chat".to_vec()),
        deflate: None,
    };
    assert_eq!(outcome(EXAMPLE), Ok(response));
}

#[test]
fn any_portions_and_not_a_byte_behind_the_blank_line() {
    let refused = "HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n";
    for text in [EXAMPLE, refused, &with("Connection: Upgrade", "")] {
        let input = [text.as_bytes(), b"\x81\x05frame"].concat();
        let whole = read(&[&input]);
        assert_eq!(whole.0, text.len());
        for cut in 0..input.len() {
            assert_eq!(read(&[&input[..cut], &input[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<_> = input.chunks(1).collect();
        assert_eq!(read(&bytes), whole);
        assert_eq!(read(&[&input[..text.len() - 1]]).1, None);
    }
}

#[test]
fn accepted_variants() {
    for response in [
        with(STATUS_LINE, "HTTP/1.1 101"),
        with(STATUS_LINE, "HTTP/1.1   101 Whatever"),
        with("Upgrade: websocket", "UPGRADE:WebSocket"),
        with("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        with(
            "Connection: Upgrade",
            "Connection: Upgrade\nServer: lone LF",
        ),
        and("Server: a\r\nServer: b\r\nSec-WebSocket-Extensions: "),
        EXAMPLE.replace("\r\n", "\n").replace("\n\n", "\n\r\n"),
    ] {
        assert!(outcome(&response).is_ok(), "{response}");
    }
    let response = outcome(&with("Sec-WebSocket-Protocol: chat", "")).expect("sound");
    assert_eq!(response.protocol, None);
}

#[test]
fn malformed_responses() {
    for line in [
        "HTTP/1.0 101 Switching Protocols",
        "http/1.1 101 x",
        "HTTP/1.1\t101 x",
        "Upgrade: a",
    ] {
        assert_eq!(failure(&with(STATUS_LINE, line)), (Malformed, 0), "{line}");
    }
    for line in [
        "HTTP/1.1 ",
        "HTTP/1.1 10",
        "HTTP/1.1 1o1 x",
        "HTTP/1.1 001 x",
        "HTTP/1.1 101 \0",
        "HTTP/1.1 101 a\rb",
    ] {
        assert_eq!(failure(&with(STATUS_LINE, line)), (Malformed, 0), "{line}");
    }
    for line in [
        "no colon",
        "HTTP/1.1 101 Again",
        "a: b\0c",
        "a: b\rc",
        "x",
        ":\nx: y",
    ] {
        assert_eq!(failure(&and(line)), (Malformed, 101), "{line}");
    }
    assert_eq!(
        failure(&EXAMPLE.replace("\r\n\r\n", "\r\n\n")),
        (Malformed, 101)
    );
    assert_eq!(
        failure("HTTP/1.1 404 Not Found\r\nno colon\r\n"),
        (Malformed, 404)
    );
}

#[test]
fn what_is_no_http_shows_at_once() {
    for start in [
        &b"\x15\x03\x01"[..],
        b"\r\n",
        b"SSH-2.0",
        b"HTTP/2",
        b"HTTP/1.1\t",
    ] {
        let outcome = read(&[start])
            .1
            .map(|outcome| outcome.map_err(|error| error.kind));
        assert_eq!(outcome, Some(Err(Malformed)), "{start:x?}");
    }
    assert_eq!(read(&[b"HTTP/1.1", b" "]).1, None);
}

#[test]
fn other_statuses_are_read_to_the_blank_line() {
    let text = "HTTP/1.1 302 Found\r\nLocation: http://a/b?c\r\nLocation: second\r\n\r\n";
    let error = outcome(text).expect_err("a failure");
    assert_eq!((error.kind, error.status), (Status, 302));
    assert_eq!(error.location.as_deref(), Some(&b"http://a/b?c"[..]));

    let mut reader = reader(None);
    assert_eq!(reader.status, 0);
    assert_eq!(
        reader.feed(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n").1,
        None
    );
    assert_eq!(reader.status, 503);
    let error = reader
        .feed(b"\r\nbody")
        .1
        .expect("an outcome")
        .expect_err("a failure");
    assert_eq!(
        (error.kind, error.status, error.location),
        (Status, 503, None)
    );

    // The right headers make no difference.
    for status in [100, 200, 400, 404] {
        let text = with(STATUS_LINE, &format!("HTTP/1.1 {status} x"));
        assert_eq!(failure(&text), (Status, status));
        assert_eq!(
            failure(&text.replace("Connection", "Upgrade")),
            (Status, status)
        );
    }
}

#[test]
fn rejected_responses() {
    for (line, other) in [
        ("Upgrade: websocket", ""),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket", "Upgrade:"),
        ("Connection: Upgrade", ""),
        ("Connection: Upgrade", "Connection: close"),
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ""),
        (
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Accept:",
        ),
        (
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ),
    ] {
        assert_eq!(failure(&with(line, other)), (Rejected, 101), "{other}");
    }
    for line in [
        "Sec-WebSocket-Extensions: permessage-deflate",
        "upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-WebSocket-Protocol: chat",
    ] {
        assert_eq!(failure(&and(line)), (Rejected, 101), "{line}");
    }
}

#[test]
fn extensions_are_those_that_were_offered() {
    let config = deflate::Config::default();
    let outcome = |value: &str| {
        let response = and(&format!("Sec-WebSocket-Extensions: {value}"));
        reader(Some(config)).feed(response.as_bytes()).1
    };
    let agreed = |value| match outcome(value) {
        Some(Ok(response)) => response.deflate,
        other => panic!("refused: {other:?}"),
    };
    assert_eq!(agreed(""), None);
    let agreement = agreed("permessage-deflate; client_max_window_bits=10");
    let send = agreement.and_then(|agreement| agreement.send);
    assert_eq!(send.map(|send| send.window_bits), Some(10));
    for value in ["x", "permessage-deflate; x", "permessage-deflate,, x", ";"] {
        let error = outcome(value).expect("an outcome").expect_err(value);
        assert_eq!((error.kind, error.status), (Rejected, 101), "{value}");
    }
    assert!(
        outcome("permessage-deflate\r\nSec-WebSocket-Extensions: x").is_some_and(|o| o.is_err())
    );
}

#[test]
fn limits() {
    let long = format!("X: {}", "x".repeat(8192));
    assert_eq!(failure(&and(&long)), (Limit, 101));
    assert_eq!(failure(&format!("HTTP/1.1 {long}")), (Limit, 0));
    // The example has 4 headers.
    let headers = |n: usize| vec!["X: y"; n].join("\r\n");
    assert!(outcome(&and(&headers(96))).is_ok());
    assert_eq!(failure(&and(&headers(97))), (Limit, 101));
    let many = vec![format!("X: {}", "x".repeat(8000)); 9].join("\r\n");
    assert_eq!(failure(&and(&many)), (Limit, 101));
    let refused = format!("HTTP/1.1 404 Not Found\r\n{many}");
    assert_eq!(failure(&refused), (Limit, 404));
}

#[test]
fn responses_are_built_line_by_line() {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(
        build_response(accept, Some(b"chat"), None),
        EXAMPLE.as_bytes()
    );
    let bare = EXAMPLE.replace("Sec-WebSocket-Protocol: chat\r\n", "");
    for protocol in [None, Some(&b""[..])] {
        assert_eq!(build_response(accept, protocol, None), bare.as_bytes());
    }
    let extended = bare.replace("o=\r\n\r\n", "o=\r\nSec-WebSocket-Extensions: x; y\r\n\r\n");
    assert_eq!(
        build_response(accept, None, Some("x; y")),
        extended.as_bytes()
    );
}
