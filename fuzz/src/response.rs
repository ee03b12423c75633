//! The server's response as a client reads it, and the response of ours as others would.

use nopoll::fuzzing::deflate::Config;
use nopoll::fuzzing::{
    Response, ResponseError, ResponseErrorKind, ResponseReader, accept_key, build_response,
};

use crate::input::{Input, Portions};

/// Of the key in the RFC's example, so that seeds can be written down.
const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let switches = input.byte();
    let seed = input.word();
    if switches & 1 != 0 {
        ours(input.rest(), seed);
    } else {
        let offered = (switches & 2 != 0).then(Config::default);
        theirs(input.rest(), offered, seed);
    }
}

type Outcome = (usize, Option<Result<Response, ResponseError>>);

fn reader(offered: Option<Config>) -> ResponseReader {
    ResponseReader::new(accept_key(KEY), offered)
}

fn in_portions(bytes: &[u8], offered: Option<Config>, seed: u16) -> Outcome {
    let mut reader = reader(offered);
    let mut consumed = 0;
    for portion in Portions::new(bytes, seed) {
        let (used, outcome) = reader.feed(portion);
        consumed += used;
        if outcome.is_some() {
            return (consumed, outcome);
        }
        assert_eq!(used, portion.len(), "without an outcome, all is consumed");
    }
    (consumed, None)
}

fn theirs(bytes: &[u8], offered: Option<Config>, seed: u16) {
    let mut whole = reader(offered);
    let (used, outcome) = whole.feed(bytes);
    if outcome.is_some() {
        assert_eq!(whole.feed(b"HTTP"), (0, None), "it is over");
    }
    let (used_in_portions, outcome_in_portions) = in_portions(bytes, offered, seed);
    assert_eq!(outcome, outcome_in_portions);
    match outcome {
        None => {
            assert_eq!(used, bytes.len());
            assert_eq!(whole.cut_short().is_some(), bytes.contains(&b'\n'));
        }
        Some(Ok(response)) => {
            assert_eq!(used, used_in_portions);
            let bytes = &bytes[..used];
            assert!(bytes.starts_with(b"HTTP/1.1 ") && bytes.ends_with(b"\n\r\n"));
            let accept = accept_key(KEY);
            assert!(bytes.windows(28).any(|window| window == accept.as_bytes()));
            assert!(offered.is_some() || response.deflate.is_none());
            if let Some(protocol) = response.protocol {
                assert!(!protocol.iter().any(|byte| b"\r\n\0".contains(byte)));
            }
        }
        Some(Err(error)) => {
            assert_eq!(
                error.kind == ResponseErrorKind::Status,
                ![0, 101].contains(&error.status) && bytes[..used].ends_with(b"\n\r\n")
            );
            assert!(error.location.is_none() || error.status != 101);
        }
    }
}

/// A response that we build is accepted, and says what was put in.
fn ours(protocol: &[u8], seed: u16) {
    let printable = protocol.iter().filter(|byte| (0x21..0x7f).contains(*byte));
    let protocol: Vec<u8> = printable.copied().take(1000).collect();
    let built = build_response(&accept_key(KEY), Some(&protocol), None);
    let (used, outcome) = in_portions(&built, None, seed);
    assert_eq!(used, built.len());
    let expected = Response {
        protocol: (!protocol.is_empty()).then_some(protocol),
        deflate: None,
    };
    assert_eq!(outcome, Some(Ok(expected)));
}
