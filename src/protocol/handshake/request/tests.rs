use super::*;

const RULES: RequestRules = RequestRules {
    version: 13,
    lenient: false,
    require_origin: true,
    pages: false,
    deflate: None,
};

/// RFC 6455 §1.2, in the spelling of the client's own requests.
const EXAMPLE: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    \r\n";

type Outcome = Result<Asked, Refusal>;

/// The outcome, and how many bytes were consumed until then.
fn read(portions: &[&[u8]], rules: &RequestRules) -> (usize, Option<Outcome>) {
    let mut reader = RequestReader::new();
    let mut consumed = 0;
    for portion in portions {
        let (n, outcome) = reader.feed(portion, rules);
        consumed += n;
        if outcome.is_some() {
            assert_eq!(
                reader.feed(portion, rules),
                (0, None),
                "nothing is read any more"
            );
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

fn outcome(request: &str, rules: &RequestRules) -> Result<Request, Refusal> {
    match read(&[request.as_bytes()], rules).1.expect("an outcome")? {
        Asked::Upgrade(request) => Ok(request),
        Asked::Page(page) => panic!("not asked for: {page:?}"),
    }
}

fn status(request: &str) -> u16 {
    outcome(request, &RULES).map_or_else(|refusal| refusal.status, |_| 101)
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

fn text(bytes: Option<&Vec<u8>>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).expect("text"))
}

#[test]
fn the_example_of_rfc_6455_section_1_2() {
    let request = outcome(EXAMPLE, &RULES).expect("a sound request");
    assert_eq!(request.url, b"/chat");
    assert_eq!(text(request.host.as_ref()), Some("server.example.com"));
    assert_eq!(text(request.origin.as_ref()), Some("http://example.com"));
    assert_eq!(request.key, b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(text(request.protocol.as_ref()), Some("chat, superchat"));
    assert_eq!(
        (request.cookie, request.real_ip, request.deflate),
        (None, None, None)
    );
}

#[test]
fn any_portions_and_not_a_byte_behind_the_blank_line() {
    let input = [EXAMPLE.as_bytes(), b"\x81\x85frame"].concat();
    let whole = read(&[&input], &RULES);
    assert_eq!(whole.0, EXAMPLE.len());
    for cut in 0..input.len() {
        assert_eq!(
            read(&[&input[..cut], &input[cut..]], &RULES),
            whole,
            "cut at {cut}"
        );
    }
    let bytes: Vec<_> = input.chunks(1).collect();
    assert_eq!(read(&bytes, &RULES), whole);
    assert_eq!(read(&[&input[..EXAMPLE.len() - 1]], &RULES).1, None);
}

#[test]
fn values_are_kept_as_they_came() {
    let request = with("GET /chat HTTP/1.1", "GET   /a%20b?c=d&e  HTTP/1.1");
    assert_eq!(
        outcome(&request, &RULES).expect("sound").url,
        b"/a%20b?c=d&e"
    );
    let lines = " cookie :\t a=b; c=\"d\" \r\nX-REAL-IP: ::1\r\nOther: 1\r\nOther: 2";
    let request = outcome(&and(lines), &RULES).expect("sound");
    assert_eq!(text(request.cookie.as_ref()), Some("a=b; c=\"d\""));
    assert_eq!(text(request.real_ip.as_ref()), Some("::1"));
    // Present and empty is not missing.
    let request = with("Origin: http://example.com", "Origin:");
    assert_eq!(
        outcome(&request, &RULES).expect("sound").origin,
        Some(vec![])
    );
}

#[test]
fn accepted_variants() {
    for request in [
        with("Upgrade: websocket", "upgrade: WebSocket"),
        with("Upgrade: websocket", "Upgrade: h2c, websocket"),
        with("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        with("Host: server.example.com", ""),
        with("Sec-WebSocket-Protocol: chat, superchat", ""),
        with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version:   13  "),
    ] {
        assert_eq!(status(&request), 101, "{request}");
    }
}

#[test]
fn refused_with_400() {
    for line in [
        "GET /chat",
        "GET /chat ",
        "GET  HTTP/1.1",
        "GET HTTP/1.1",
        "GET",
        " GET /chat HTTP/1.1",
        "GET\t/chat HTTP/1.1",
        "GET /chat HTTP/1.0",
        "GET /chat HTTP/2.0",
        "GET /chat http/1.1",
        "GET /chat HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET /a\0b HTTP/1.1",
        "GET /a\rb HTTP/1.1",
        "GET chat HTTP/1.1",
        "GET http://example.com/chat HTTP/1.1",
        "POST /chat HTTP/1.0",
        "G@T /chat HTTP/1.1",
        "Host: example.com",
    ] {
        assert_eq!(status(&with("GET /chat HTTP/1.1", line)), 400, "{line}");
    }
    for line in [
        "GET /again HTTP/1.1",
        "no colon",
        "x",
        "a: b\0c",
        "a: b\rX-Real-IP: c",
        "Host: again",
        "upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Origin: again",
        "Sec-WebSocket-Protocol: again",
        "Cookie: a\r\nCookie: b",
        "X-Real-IP: a\r\nX-Real-IP: b",
        " folded without one",
        "line end: without CR\nmore: lines",
    ] {
        assert_eq!(status(&and(line)), 400, "{line}");
    }
    for key in [
        "",
        "Sec-WebSocket-Key:",
        "Sec-WebSocket-Key: short",
        "Sec-WebSocket-Key: ####",
    ] {
        let request = with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", key);
        assert_eq!(status(&request), 400, "{key}");
    }
    assert_eq!(status(&EXAMPLE.replace("\r\n\r\n", "\r\n\n")), 400);
    assert_eq!(status("\r\n"), 400);
}

#[test]
fn refused_at_once() {
    for start in [&b"\x16\x03\x01"[..], b"\0", b"\r", b"\n", b" ", b"\x80"] {
        let refusal = Refusal {
            status: 400,
            why: "not an HTTP request",
        };
        assert_eq!(read(&[start], &RULES), (0, Some(Err(refusal))));
    }
    assert_eq!(
        read(&[b"GET /chat HTTP/1.0\r\n"], &RULES)
            .1
            .map(|o| o.is_err()),
        Some(true)
    );
    assert_eq!(
        read(&[b"GET / HTTP/1.1\r\nx\r\n"], &RULES)
            .1
            .map(|o| o.is_err()),
        Some(true)
    );
    // A rule is applied at the blank line only.
    assert_eq!(
        read(&[b"POST / HTTP/1.1\r\nUpgrade: none\r\n"], &RULES).1,
        None
    );
}

#[test]
fn refused_for_what_it_asks() {
    for method in ["POST", "HEAD", "get", "OPTIONS"] {
        let request = with("GET /chat HTTP/1.1", &format!("{method} /chat HTTP/1.1"));
        assert_eq!(status(&request), 405, "{method}");
    }
    assert_eq!(
        status(&with("GET /chat HTTP/1.1", "OPTIONS * HTTP/1.1")),
        405
    );
    for (line, other) in [
        ("Upgrade: websocket", ""),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket", "Upgrade: websockets"),
        ("Connection: Upgrade", ""),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Sec-WebSocket-Version: 13", ""),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13abc"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8, 13"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version:"),
    ] {
        assert_eq!(status(&with(line, other)), 426, "{other}");
    }
    assert_eq!(status(&with("Origin: http://example.com", "")), 403);
}

#[test]
fn rows_apply_from_the_top() {
    // A key, a method, an upgrade, a version, an origin: the first that is wrong decides.
    let bare = "POST / HTTP/1.1\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    assert_eq!(status(&format!("{bare}\r\n")), 400);
    assert_eq!(status(&format!("{bare}{key}\r\n")), 405);
    let get = "GET / HTTP/1.1\r\n";
    let why = |request: String| outcome(&request, &RULES).map_err(|refusal| refusal.why);
    assert_eq!(
        why(format!("{get}{key}\r\n")),
        Err("not a WebSocket upgrade")
    );
    assert_eq!(
        why(format!("{get}{key}{upgrade}\r\n")),
        Err("other WebSocket version")
    );
    let version = "Sec-WebSocket-Version: 13\r\n";
    assert_eq!(
        why(format!("{get}{key}{upgrade}{version}\r\n")),
        Err("no origin")
    );
}

#[test]
fn rules_that_can_be_relaxed() {
    let lenient = RequestRules {
        lenient: true,
        ..RULES
    };
    let key = |key: &str| with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", key);
    let request = outcome(&key("Sec-WebSocket-Key: short"), &lenient).expect("any key will do");
    assert_eq!(request.key, b"short");
    assert!(outcome(&key("Sec-WebSocket-Key:"), &lenient).is_err());
    assert!(outcome(&key(""), &lenient).is_err());

    let anonymous = RequestRules {
        require_origin: false,
        ..RULES
    };
    let request = outcome(&with("Origin: http://example.com", ""), &anonymous);
    assert_eq!(request.expect("no origin is needed").origin, None);

    let other = RequestRules {
        version: 8,
        ..RULES
    };
    assert_eq!(
        outcome(EXAMPLE, &other).map_err(|refusal| refusal.status),
        Err(426)
    );
    let request = with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8");
    assert!(outcome(&request, &other).is_ok());
}

#[test]
fn extensions_are_one_list_however_many_headers_they_come_in() {
    let rules = RequestRules {
        deflate: Some(deflate::Config::default()),
        ..RULES
    };
    let lines = "Sec-WebSocket-Extensions: x; y=1\r\nOther: 1\r\n\
                 sec-websocket-extensions: permessage-deflate; server_max_window_bits=10";
    let request = outcome(&and(lines), &rules).expect("sound");
    let (agreement, answer) = request.deflate.expect("an agreement");
    assert_eq!(answer, "permessage-deflate; server_max_window_bits=10");
    assert_eq!(agreement.send.map(|send| send.window_bits), Some(10));
    assert_eq!(outcome(&and(lines), &RULES).expect("sound").deflate, None);
    assert_eq!(outcome(EXAMPLE, &rules).expect("sound").deflate, None);

    let line = "Sec-WebSocket-Extensions: permessage-deflate;;";
    let refused = outcome(&and(line), &rules).map_err(|refusal| refusal.status);
    assert_eq!(refused, Err(400));
    assert_eq!(status(&and(line)), 101);
}

#[test]
fn refused_with_431() {
    let value = |len: usize| "x".repeat(len - "X: \r\n".len());
    assert_eq!(status(&and(&format!("X: {}", value(8192)))), 101);
    assert_eq!(status(&and(&format!("X: {}", value(8193)))), 431);
    let path = "x".repeat(8192);
    assert_eq!(
        status(&with(
            "GET /chat HTTP/1.1",
            &format!("GET /{path} HTTP/1.1")
        )),
        431
    );
    // Not only at the end of the line.
    let endless = format!("GET /{path}");
    assert_eq!(status(&endless), 431);

    // The example has 7 headers.
    let headers = |n: usize| vec!["X: y"; n].join("\r\n");
    assert_eq!(status(&and(&headers(93))), 101);
    assert_eq!(status(&and(&headers(94))), 431);

    let long = format!("X: {}", value(8000));
    let fill = |n: usize| vec![long.as_str(); n].join("\r\n");
    assert_eq!(status(&and(&fill(8))), 101);
    assert_eq!(status(&and(&fill(9))), 431);
}

#[test]
fn requests_are_built_line_by_line() {
    let fields = RequestFields {
        url: b"/chat",
        host: b"server.example.com",
        key: "dGhlIHNhbXBsZSBub25jZQ==",
        version: 13,
        origin: Some(b"http://example.com"),
        cookie: None,
        protocols: Some(b"chat, superchat"),
        deflate: None,
        extra: None,
    };
    assert_eq!(build_request(&fields), EXAMPLE.as_bytes());

    let config = deflate::Config::default();
    let all = RequestFields {
        cookie: Some(b""),
        deflate: Some(&config),
        extra: Some(b"\r\nfoo: bar\r\nX: y"),
        ..fields
    };
    let tail = "Origin: http://example.com\r\nCookie: \r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
        foo: bar\r\nX: y\r\n\r\n";
    assert!(build_request(&all).ends_with(tail.as_bytes()));

    let bare = RequestFields {
        origin: None,
        protocols: None,
        version: 8,
        ..fields
    };
    assert!(build_request(&bare).ends_with(b"==\r\nSec-WebSocket-Version: 8\r\n\r\n"));
}

#[test]
fn plain_requests_are_pages_where_they_are_wanted() {
    let rules = RequestRules {
        pages: true,
        ..RULES
    };
    let page = |request: &str| match read(&[request.as_bytes()], &rules).1 {
        Some(Ok(Asked::Page(page))) => {
            Some((page.method, text(Some(&page.url)).map(str::to_owned)))
        }
        _ => None,
    };
    let found = |method| Some((method, Some("/x?y".to_owned())));
    assert_eq!(
        page("GET /x?y HTTP/1.1\r\nHost: h\r\n\r\n"),
        found(Method::Get)
    );
    assert_eq!(page("HEAD /x?y HTTP/1.1\r\n\r\n"), found(Method::Head));
    // A half-hearted upgrade is none.
    assert_eq!(
        page("GET /x?y HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        found(Method::Get)
    );
    for refused in [
        "POST /x?y HTTP/1.1\r\n\r\n",
        "GET /x?y HTTP/1.0\r\n\r\n",
        "GET x?y HTTP/1.1\r\n\r\n",
        "GET /x?y HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        assert_eq!(page(refused), None, "{refused}");
    }
    assert!(
        outcome(EXAMPLE, &rules).is_ok(),
        "an upgrade stays an upgrade"
    );
}
