//! Runs a case: the peer is played here, byte by byte.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use nopoll::ffi::additions::undeclared::nopoll_conn_produce_accept_key;
use nopoll::ffi::memory::nopoll_free;

use super::library::{Driver, Library};
use super::notation::{Seen, hex};
use super::steps::{Message, Step};
use super::table::{Case, Opening, Role, Settings};

/// How the peer's bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All that the peer sends in a row, at once.
    Together,
    /// Byte by byte.
    Apart,
}

/// The example of RFC 6455 §1.2, which peers send unless a case changes it.
pub fn example(role: Role) -> &'static [&'static str] {
    match role {
        Role::Server => &[
            "GET /chat HTTP/1.1",
            "Host: server.example.com",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Origin: http://example.com",
            "Sec-WebSocket-Version: 13",
        ],
        Role::Client => &[
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Accept: {accept}",
        ],
    }
}

type Outcome<T = ()> = Result<T, String>;

/// Plays the case against the library in `role`.
pub fn run(case: &Case, role: Role, driver: Driver, arrival: Arrival) -> Outcome {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    theirs.set_nonblocking(true).expect("a mode");
    let mut exchange = Exchange {
        ours: Library::new(role, &case.settings, driver, ours),
        peer: theirs,
        role,
        arrival,
        written: Vec::new(),
        ended: false,
        reset: false,
        keys: Vec::new(),
        received: VecDeque::new(),
    };
    exchange.open(&case.opening)?;
    exchange.steps(&case.steps)?;
    exchange.done()
}

/// The key that a new client asks with.
pub fn key() -> String {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    let _library = Library::new(Role::Client, &Settings::default(), Driver::Direct, ours);
    let mut request = [0; 4096];
    let size = theirs.read(&mut request).expect("a request");
    let request = String::from_utf8_lossy(&request[..size]);
    header(&request, "Sec-WebSocket-Key").expect("a key")
}

struct Exchange {
    ours: Library,
    peer: UnixStream,
    role: Role,
    arrival: Arrival,
    /// What the library wrote and no step has asked for yet.
    written: Vec<u8>,
    /// The library has closed.
    ended: bool,
    /// It did so with bytes of the peer unread: the peer may have lost what was sent to it.
    reset: bool,
    keys: Vec<[u8; 4]>,
    received: VecDeque<Message>,
}

impl Exchange {
    fn open(&mut self, opening: &Opening) -> Outcome {
        // The server's half, which says whether messages are compressed.
        let response = match self.role {
            Role::Client => self.open_client(opening)?,
            Role::Server => self.open_server(opening)?,
        };
        let ready = self.ours.is_ready();
        check(ready == opening.succeeds(), || format!("ready: {ready}"))?;
        if ready {
            let agreed = header(&response, "Sec-WebSocket-Extensions").is_some();
            let compressed = self.ours.is_compressed();
            return check(compressed == agreed, || format!("compressed: {compressed}"));
        }
        check(!self.ours.is_ok(), || "it lives".into())?;
        // A client has nothing to say to a server that doesn't speak WebSocket.
        self.reset &= self.role == Role::Server;
        self.ends()
    }

    fn open_client(&mut self, opening: &Opening) -> Outcome<String> {
        let request = self.head()?;
        let key = header(&request, "Sec-WebSocket-Key").unwrap_or_default();
        if !opening.request.is_empty() {
            same_lines(&opening.request, "{key}", &key, &request)?;
        }
        self.steps(&opening.early)?;
        let response = opening.head(example(Role::Client), &accept_key(&key));
        self.answer(&response, opening.ends);
        Ok(String::from_utf8_lossy(&response).into_owned())
    }

    fn open_server(&mut self, opening: &Opening) -> Outcome<String> {
        self.steps(&opening.early)?;
        self.answer(&opening.head(example(Role::Server), ""), opening.ends);
        let response = self.head()?;
        let status = opening.status.unwrap_or(101);
        let line = format!("HTTP/1.1 {status} ");
        check(response.starts_with(&line), || {
            format!("answered {response:?}")
        })?;
        for line in &opening.has {
            let there = response.split("\r\n").any(|other| other == line);
            check(there, || format!("no {line:?} in {response:?}"))?;
        }
        for name in &opening.lacks {
            let there = header(&response, name);
            check(there.is_none(), || format!("{name}: {there:?}"))?;
        }
        if !opening.response.is_empty() {
            same_lines(&opening.response, "", "", &response)?;
        }
        if status != 101 {
            let size = header(&response, "Content-Length").and_then(|n| n.parse().ok());
            let body: Vec<u8> = self.written.drain(..).collect();
            check(size == Some(body.len()), || format!("body: {}", hex(&body)))?;
        }
        Ok(response)
    }

    fn answer(&mut self, bytes: &[u8], ends: bool) {
        self.send(bytes);
        if ends {
            self.peer.shutdown(Shutdown::Write).expect("an open socket");
        }
        self.settle();
    }

    fn steps(&mut self, steps: &[Step]) -> Outcome {
        let mut unsent = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Peer(frame) => unsent.extend(frame.encode(self.role == Role::Server)),
                Step::Raw(bytes) => unsent.extend(bytes),
                other => {
                    if !unsent.is_empty() {
                        self.send(&std::mem::take(&mut unsent));
                        self.settle();
                    }
                    self.step(other)
                        .map_err(|why| format!("step {}: {why}", index + 1))?;
                }
            }
        }
        assert!(unsent.is_empty(), "the last step says what is expected");
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Peer(_) | Step::Raw(_) => unreachable!("sent with the next step"),
            Step::PeerEnds => {
                self.peer.shutdown(Shutdown::Write).expect("an open socket");
                self.settle();
                Ok(())
            }
            Step::Wire(frame) => {
                let from_client = self.role == Role::Client;
                let Some(seen) = Seen::read(&self.written) else {
                    return Err(format!("no frame but {}", hex(&self.written)));
                };
                let bytes: Vec<u8> = self.written.drain(..seen.size).collect();
                self.keys.extend(seen.key);
                let same = (seen.first, &seen.payload) == (frame.first, &frame.payload)
                    && seen.is_minimal
                    && frame.encode(from_client)[1] == bytes[1];
                check(same, || format!("frame {}", hex(&bytes)))
            }
            Step::Quiet => {
                check(self.written.is_empty(), || {
                    format!("wrote {}", hex(&self.written))
                })?;
                check(!self.ended, || "closed".into())
            }
            Step::Ends => self.ends(),
            Step::App(expected) => {
                let got = self.received.pop_front();
                check(got.as_ref() == Some(expected), || {
                    format!("received {got:?}")
                })
            }
            Step::Nothing => {
                check(self.received.is_empty(), || {
                    format!("received {:?}", self.received)
                })?;
                check(self.ours.is_ok(), || "dead".into())
            }
            Step::Closed { status, reason } => {
                check(!self.ours.is_ok(), || "it lives".into())?;
                let got = (self.ours.close_status(), self.ours.close_reason());
                check(got == (*status, reason.clone()), || {
                    format!("closed with {got:?}")
                })
            }
            Step::Call(call) => {
                let result = self.ours.call(call);
                self.settle();
                let expected = call.result.unwrap_or(result);
                check(result == expected, || format!("returned {result}"))
            }
            Step::KeysDiffer => {
                let mut keys = self.keys.clone();
                keys.sort();
                keys.dedup();
                let count = self.keys.len();
                check(keys.len() == count && count > 1, || {
                    format!("keys {:x?}", self.keys)
                })
            }
        }
    }

    fn done(&mut self) -> Outcome {
        check(self.received.is_empty(), || {
            format!("also received {:?}", self.received)
        })?;
        check(self.written.is_empty(), || {
            format!("also wrote {}", hex(&self.written))
        })?;
        let closed = self.ours.closed();
        let expected = u32::from(!self.ours.is_ok());
        check(closed == expected, || {
            format!("on_close ran {closed} times")
        })
    }

    /// The library writes no more, and has closed.
    fn ends(&mut self) -> Outcome {
        check(self.written.is_empty(), || {
            format!("wrote {}", hex(&self.written))
        })?;
        check(self.ended, || "open".into())?;
        check(!self.reset, || "reset".into())
    }

    fn send(&mut self, bytes: &[u8]) {
        // Long payloads gain nothing from thousands of portions.
        let portion = match self.arrival {
            Arrival::Together => bytes.len().max(1),
            Arrival::Apart => 1 + bytes.len() / 300,
        };
        for portion in bytes.chunks(portion) {
            let mut rest = portion;
            while !rest.is_empty() {
                match self.peer.write(rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.ours.drive();
                        self.collect();
                    }
                    // The library has closed in the middle of it.
                    Err(_) => return,
                }
            }
            if self.arrival == Arrival::Apart {
                self.ours.drive();
                self.collect();
            }
        }
    }

    /// Has everything dealt with that is on its way.
    fn settle(&mut self) {
        let mut idle = 0;
        while idle < 2 {
            self.ours.drive();
            idle = if self.collect() { 0 } else { idle + 1 };
        }
    }

    /// Takes what the library wrote and delivered; false when it was nothing.
    fn collect(&mut self) -> bool {
        let messages = self.ours.messages();
        let mut progress = !messages.is_empty();
        self.received.extend(messages);
        let mut buffer = [0; 4096];
        while !self.ended {
            match self.peer.read(&mut buffer) {
                Ok(0) => {
                    self.ended = true;
                    progress = true;
                }
                Ok(n) => {
                    self.written.extend(&buffer[..n]);
                    progress = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    (self.ended, self.reset) = (true, true);
                    progress = true;
                }
            }
        }
        progress
    }

    /// An HTTP head that the library wrote.
    fn head(&mut self) -> Outcome<String> {
        self.settle();
        let end = self
            .written
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n");
        let Some(end) = end else {
            return Err(format!("no head but {}", hex(&self.written)));
        };
        let head = self.written.drain(..end + 4).collect();
        String::from_utf8(head).map_err(|_| "not text".into())
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}

/// The value of a header in a head.
fn header(head: &str, name: &str) -> Option<String> {
    head.split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}

/// The head consists of exactly these lines, in their order.
fn same_lines(lines: &[String], placeholder: &str, value: &str, head: &str) -> Outcome {
    let mut expected = lines.join("\r\n") + "\r\n\r\n";
    if !placeholder.is_empty() {
        expected = expected.replace(placeholder, value);
        let digits = value.trim_end_matches('=');
        let is_key = value.len() == 24
            && digits.len() == 22
            && digits
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
        check(is_key, || format!("key {value:?}"))?;
    }
    check(expected == head, || format!("head {head:?}"))
}

fn accept_key(key: &str) -> String {
    let key = std::ffi::CString::new(key).expect("no NUL in it");
    // SAFETY: a text; the result is a text of ours to free.
    unsafe {
        let accept = nopoll_conn_produce_accept_key(std::ptr::null_mut(), key.as_ptr());
        let text = std::ffi::CStr::from_ptr(accept)
            .to_string_lossy()
            .into_owned();
        nopoll_free(accept.cast());
        text
    }
}
