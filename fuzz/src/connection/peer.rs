//! The peer's end of the connection: what it sends, and whether it can make sense of what it gets.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use nopoll::fuzzing::{Role, accept_key};

use super::books::{Books, Sent};
use crate::model;
use crate::zlib::{Inflated, Messages};

pub struct Peer {
    socket: RefCell<Option<UnixStream>>,
    /// The library's side.
    role: Role,
    /// Everything that was sent behind the handshake.
    pub stream: RefCell<Vec<u8>>,
    /// The peer's half of the handshake is out.
    pub greeted: Cell<bool>,
    /// Something was sent that isn't a handshake and then frames.
    pub confused: Cell<bool>,
    /// What the library wrote and has not been looked at.
    unread: RefCell<Vec<u8>>,
    head: RefCell<Option<Vec<u8>>>,
    /// How many bytes were taken off the wire.
    pub taken: Cell<usize>,
    /// The library's end of the stream was seen.
    ended: Cell<bool>,
    /// Compression is offered, or agreed to.
    compresses: bool,
    inflater: RefCell<Option<Messages>>,
    /// The message that the library is sending is compressed.
    compressed: Cell<bool>,
    /// Statuses of the close frames that the library sent by itself.
    pub closes: RefCell<Vec<Vec<u8>>>,
}

const RSV1: u8 = 0x40;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: x\r\n";
const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

impl Peer {
    pub fn new(socket: UnixStream, role: Role, compresses: bool) -> Self {
        socket.set_nonblocking(true).expect("a mode");
        Self {
            socket: RefCell::new(Some(socket)),
            role,
            stream: RefCell::default(),
            greeted: Cell::new(false),
            confused: Cell::new(false),
            unread: RefCell::default(),
            head: RefCell::new(None),
            taken: Cell::new(0),
            ended: Cell::new(false),
            compresses,
            inflater: RefCell::new(None),
            compressed: Cell::new(false),
            closes: RefCell::default(),
        }
    }

    /// Sends the peer's half of the handshake, once.
    pub fn greet(&self, books: &Books) {
        if self.greeted.get() || self.confused.get() {
            return;
        }
        let mut head = match self.role {
            Role::Server => REQUEST.to_owned(),
            Role::Client => {
                self.look(books);
                let Some(key) = self.key() else { return };
                format!(
                    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {}\r\n",
                    accept_key(&key)
                )
            }
        };
        if self.compresses {
            head += EXTENSION;
        }
        head += "\r\n";
        let bytes = head.as_bytes();
        self.greeted.set(self.write(bytes) == bytes.len());
        if !self.greeted.get() {
            self.confused.set(true);
        }
    }

    fn key(&self) -> Option<Vec<u8>> {
        let head = self.head.borrow();
        let head = head.as_ref()?;
        let name = b"Sec-WebSocket-Key: ";
        let at = head.windows(name.len()).position(|bytes| bytes == name)?;
        Some(head[at + name.len()..][..24].to_vec())
    }

    pub fn send(&self, bytes: &[u8]) {
        let written = self.write(bytes);
        if self.greeted.get() {
            self.stream.borrow_mut().extend(&bytes[..written]);
        } else if written > 0 {
            self.confused.set(true);
        }
    }

    /// Sends a frame as the role demands it.
    pub fn send_frame(&self, first: u8, payload: &[u8]) {
        let masked = self.role == Role::Server;
        let bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(bit | len as u8),
            len => {
                frame.push(bit | 126);
                frame.extend((len as u16).to_be_bytes());
            }
        }
        let key = if masked { KEY } else { [0; 4] };
        if masked {
            frame.extend(key);
        }
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
        self.send(&frame);
    }

    fn write(&self, bytes: &[u8]) -> usize {
        let mut socket = self.socket.borrow_mut();
        let Some(socket) = &mut *socket else { return 0 };
        // Small enough to be taken whole, or not at all.
        socket.write(bytes).unwrap_or(0)
    }

    pub fn half_close(&self) {
        if let Some(socket) = &*self.socket.borrow() {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    pub fn close(&self) {
        *self.socket.borrow_mut() = None;
    }

    pub fn is_open(&self) -> bool {
        self.socket.borrow().is_some()
    }

    /// Reads all there is, and judges it.
    pub fn look(&self, books: &Books) {
        let mut buffer = [0; 16 * 1024];
        if let Some(socket) = &mut *self.socket.borrow_mut() {
            loop {
                match socket.read(&mut buffer) {
                    Ok(0) => {
                        self.ended.set(true);
                        break;
                    }
                    Ok(n) => {
                        assert!(!self.ended.get());
                        self.taken.set(self.taken.get() + n);
                        self.unread.borrow_mut().extend(&buffer[..n]);
                    }
                    Err(_) => break,
                }
            }
        }
        if self.head.borrow().is_none() {
            let mut unread = self.unread.borrow_mut();
            let end = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let Some(end) = end else { return };
            let head: Vec<u8> = unread.drain(..end + 4).collect();
            *self.head.borrow_mut() = Some(head);
        }
        if books.raw.get() || self.is_refused() {
            self.unread.borrow_mut().clear();
            return;
        }
        while self.frame(books) {}
    }

    /// The server answered with an HTTP error.
    fn is_refused(&self) -> bool {
        let head = self.head.borrow();
        let head = head.as_deref().unwrap_or_default();
        self.role == Role::Server && !head.starts_with(b"HTTP/1.1 101 ")
    }

    /// Judges the next frame; false when it isn't complete.
    fn frame(&self, books: &Books) -> bool {
        let from_client = self.role == Role::Client;
        let mut unread = self.unread.borrow_mut();
        let Some(seen) = Seen::read(&unread) else {
            return false;
        };
        unread.drain(..seen.size);
        assert_eq!(seen.masked, from_client, "the mask bit");
        assert!(seen.is_minimal, "the length is not in its shortest form");
        let Some(frame) = self.inflated(seen) else {
            // More was compressed than can be followed here.
            unread.clear();
            books.raw.set(true);
            return false;
        };
        let mut expected = books.expected.borrow_mut();
        if expected.front() == Some(&frame) {
            expected.pop_front();
            return true;
        }
        // What the program sends in on_close goes behind the close frame, nothing else does.
        assert!(
            self.closes.borrow().is_empty(),
            "{frame:x?} behind a close frame, where {expected:x?}"
        );
        match frame.first {
            0x8a => assert!(self.pinged(&frame.payload), "a pong to no ping"),
            0x88 => self.closes.borrow_mut().push(frame.payload),
            _ => panic!(
                "{frame:x?} was sent by nobody, next is {:x?}",
                expected.front()
            ),
        }
        true
    }

    /// The frame as it was before compressing.
    fn inflated(&self, seen: Seen) -> Option<Sent> {
        let (first, rsv) = (seen.first & !RSV1, seen.first & 0x70);
        let opcode = first & 15;
        if matches!(opcode, 1 | 2) {
            self.compressed.set(rsv == RSV1);
        }
        let fin = first & 0x80 != 0;
        // Reserved opcodes are never compressed.
        let is_compressed = opcode < 3 && self.compressed.get();
        if opcode < 3 && fin {
            self.compressed.set(false);
        }
        let is_first = matches!(opcode, 1 | 2) && is_compressed;
        assert_eq!(rsv, if is_first { RSV1 } else { 0 }, "reserved bits");
        assert!(
            !is_compressed || self.compresses,
            "nobody agreed to compress"
        );
        if !is_compressed {
            return Some(Sent {
                first,
                payload: seen.payload,
            });
        }
        let mut inflater = self.inflater.borrow_mut();
        let inflater = inflater.get_or_insert_with(Messages::new);
        match inflater.frame(&seen.payload, fin) {
            Inflated::Bytes(payload) => Some(Sent { first, payload }),
            Inflated::TooMuch => None,
            Inflated::Corrupt => panic!("what was compressed can't be read"),
        }
    }

    /// Whether there was a ping with this payload.
    fn pinged(&self, payload: &[u8]) -> bool {
        if self.confused.get() {
            return true;
        }
        let stream = self.stream.borrow();
        model::pings(self.role, &stream).any(|ping| ping == payload)
    }

    /// All the library wrote was whole frames.
    pub fn is_at_a_boundary(&self) -> bool {
        self.unread.borrow().is_empty()
    }
}

/// A frame from the library.
struct Seen {
    first: u8,
    masked: bool,
    payload: Vec<u8>,
    size: usize,
    is_minimal: bool,
}

impl Seen {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second, ..] = bytes else {
            return None;
        };
        let width = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let digits = bytes.get(2..2 + width)?;
        let long = digits
            .iter()
            .fold(0, |len, &digit| len << 8 | usize::from(digit));
        let (len, least) = match width {
            2 => (long, 126),
            8 => (long, 65536),
            _ => (usize::from(second & 0x7f), 0),
        };
        let masked = second & 0x80 != 0;
        let rest = &bytes[2 + width..];
        let (key, rest) = if masked {
            let (key, rest) = rest.split_first_chunk::<4>()?;
            (*key, rest)
        } else {
            ([0; 4], rest)
        };
        let payload = rest.get(..len)?.iter().zip(key.iter().cycle());
        Some(Self {
            first,
            masked,
            payload: payload.map(|(a, b)| a ^ b).collect(),
            size: bytes.len() - rest.len() + len,
            is_minimal: len >= least,
        })
    }
}
