//! The client's request as a server reads it, and the request of ours as others would.

use nopoll::fuzzing::deflate::Config;
use nopoll::fuzzing::{
    Asked, Method, Refusal, Request, RequestFields, RequestReader, RequestRules, accept_key,
    build_page, build_refusal, build_request, build_response, encode_key,
};

use crate::input::{Input, Portions};

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let switches = input.byte();
    let seed = input.word();
    let rules = RequestRules {
        version: if switches & 1 == 0 { 13 } else { 8 },
        lenient: switches & 2 != 0,
        require_origin: switches & 4 != 0,
        pages: switches & 8 != 0,
        deflate: (switches & 32 != 0).then(Config::default),
    };
    if switches & 16 != 0 {
        ours(input, &rules, seed);
    } else {
        theirs(input.rest(), &rules, seed);
    }
}

type Outcome = (usize, Option<Result<Asked, Refusal>>);

fn whole(bytes: &[u8], rules: &RequestRules) -> Outcome {
    let mut reader = RequestReader::new();
    let (used, outcome) = reader.feed(bytes, rules);
    if outcome.is_some() {
        assert_eq!(reader.feed(b"GET", rules), (0, None), "it is over");
    }
    (used, outcome)
}

fn in_portions(bytes: &[u8], rules: &RequestRules, seed: u16) -> Outcome {
    let mut reader = RequestReader::new();
    let mut consumed = 0;
    for portion in Portions::new(bytes, seed) {
        let (used, outcome) = reader.feed(portion, rules);
        consumed += used;
        if outcome.is_some() {
            return (consumed, outcome);
        }
        assert_eq!(used, portion.len(), "without an outcome, all is consumed");
    }
    (consumed, None)
}

fn theirs(bytes: &[u8], rules: &RequestRules, seed: u16) {
    let (used, outcome) = whole(bytes, rules);
    let (used_in_portions, outcome_in_portions) = in_portions(bytes, rules, seed);
    assert_eq!(outcome, outcome_in_portions);
    match outcome {
        None => assert_eq!(used, bytes.len()),
        Some(Ok(asked)) => {
            assert_eq!(used, used_in_portions);
            sound(&bytes[..used], &asked, rules);
        }
        Some(Err(refusal)) => {
            assert!([400, 403, 405, 426, 431].contains(&refusal.status));
            let answer = build_refusal(refusal.status, rules.version);
            let line = format!("HTTP/1.1 {} ", refusal.status);
            assert!(answer.starts_with(line.as_bytes()));
        }
    }
}

/// What an acceptable request certainly has.
fn sound(bytes: &[u8], asked: &Asked, rules: &RequestRules) {
    assert!(bytes.ends_with(b"\r\n\r\n") && bytes.len() <= 64 * 1024);
    let lines = bytes.split(|&byte| byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        assert!(line.ends_with(b"\r") && line.len() < 8 * 1024);
    }
    let (url, values) = match asked {
        Asked::Upgrade(request) => {
            assert!(bytes.starts_with(b"GET "));
            assert!(rules.lenient || request.key.len() == 24);
            assert!(!rules.require_origin || request.origin.is_some());
            let Request {
                url,
                host,
                origin,
                key: _,
                protocol,
                cookie,
                real_ip,
                deflate,
            } = request;
            if let Some((_, answer)) = deflate {
                assert!(rules.deflate.is_some() && answer.starts_with("permessage-deflate"));
            }
            (url, vec![host, origin, protocol, cookie, real_ip])
        }
        Asked::Page(page) => {
            assert!(rules.pages);
            let is_head = page.method == Method::Head;
            assert!(is_head || page.method == Method::Get);
            let answer = build_page(
                200 + bytes.len() as u16 % 400,
                b"text/plain",
                bytes,
                is_head,
            );
            assert_eq!(answer.ends_with(bytes), !is_head);
            (
                &page.url,
                vec![&page.host, &page.origin, &page.cookie, &page.real_ip],
            )
        }
    };
    assert!(!url.contains(&b' '));
    for value in values.into_iter().flatten().chain([url]) {
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
    }
}

/// A request that we build is accepted, and says what was put in.
fn ours(mut input: Input<'_>, rules: &RequestRules, seed: u16) {
    let mut nonce = [0; 16];
    for (to, from) in nonce.iter_mut().zip(input.take(16)) {
        *to = *from;
    }
    let key = encode_key(nonce);
    let mut value = || -> Vec<u8> {
        let n = usize::from(input.byte());
        let raw = input.take(n);
        let printable = raw.iter().filter(|byte| (0x21..0x7f).contains(*byte));
        printable.copied().collect()
    };
    let url = [b"/", &value()[..]].concat();
    let host = value();
    let values = [value(), value(), value()].map(Some);
    let [origin, cookie, protocol] = values;
    let built = build_request(&RequestFields {
        url: &url,
        host: &host,
        key: &key,
        version: rules.version,
        origin: origin.as_deref(),
        cookie: cookie.as_deref(),
        protocols: protocol.as_deref(),
        deflate: rules.deflate.as_ref(),
        extra: Some(b"\r\nSec-WebSocket-Extensions: x"),
    });
    let (used, outcome) = in_portions(&built, rules, seed);
    assert_eq!(used, built.len());
    let Some(Ok(Asked::Upgrade(request))) = outcome else {
        panic!("refused: {outcome:?}");
    };
    let agreed = request.deflate.as_ref();
    let answer = agreed.map(|(_, answer)| answer.as_str());
    assert_eq!(answer, rules.deflate.map(|_| "permessage-deflate"));
    let response = build_response(&accept_key(key.as_bytes()), None, answer);
    assert!(response.ends_with(b"\r\n\r\n"));
    let expected = Request {
        url,
        host: Some(host),
        origin,
        key: key.clone().into_bytes(),
        protocol,
        cookie,
        real_ip: None,
        deflate: request.deflate.clone(),
    };
    assert_eq!(request, expected);
}
