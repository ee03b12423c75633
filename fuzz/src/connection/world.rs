//! The library's end, and the calls on it.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_long};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use nopoll::abi::types::{noPollConn, noPollCtx, noPollMsg, noPollPtr};
use nopoll::ffi::additions::compression::*;
use nopoll::ffi::additions::delivery::*;
use nopoll::ffi::additions::errors::*;
use nopoll::ffi::additions::forks::nopoll_conn_set_on_ping_msg;
use nopoll::ffi::conn::accept::nopoll_conn_accept_complete;
use nopoll::ffi::conn::close::*;
use nopoll::ffi::conn::connect::nopoll_conn_new_with_socket;
use nopoll::ffi::conn::handlers::*;
use nopoll::ffi::conn::info::*;
use nopoll::ffi::conn::pending::*;
use nopoll::ffi::conn::receive::*;
use nopoll::ffi::conn::refs::*;
use nopoll::ffi::conn::send::*;
use nopoll::ffi::conn::socket::*;
use nopoll::ffi::conn::state::*;
use nopoll::ffi::ctx::refs::*;
use nopoll::ffi::ctx::registry::nopoll_ctx_conns;
use nopoll::ffi::listener::nopoll_listener_from_socket;
use nopoll::ffi::looping::*;
use nopoll::ffi::msg::*;
use nopoll::fuzzing::{Delivery, Role, Rules};

use super::books::Books;
use super::peer::Peer;
use super::{handlers, nested};
use crate::input::Input;
use crate::model;
use crate::receiver::Event;

/// How the connection begins.
pub struct Setup {
    role: Role,
    rules: Rules,
    blocking: bool,
    small_buffers: bool,
    read_ahead: bool,
    coalescing: bool,
    compresses: bool,
    /// The handshake is done before anything else.
    greets: bool,
}

pub struct World {
    ctx: *mut noPollCtx,
    conn: *mut noPollConn,
    /// The descriptor that the library got.
    fd: c_int,
    role: Role,
    rules: Rules,
    pub peer: Peer,
    pub books: Books,
    /// What handlers do, one byte each.
    pub script: RefCell<Vec<u8>>,
    /// Data that the program was given as messages, and what it read as a stream.
    received: RefCell<Vec<Event>>,
    streamed: RefCell<Option<Vec<u8>>>,
    /// Some of what was received can't be compared: read as a stream, dropped, or under other rules.
    incomparable: Cell<bool>,
    /// The program ended the connection.
    ended_here: Cell<bool>,
    /// The descriptor was taken out of the connection.
    taken: Cell<bool>,
    compresses: bool,
    closes: Cell<u32>,
    was_ok: Cell<bool>,
}

/// What `errno` is before every call; nothing sets it to this.
const UNTOUCHED: c_int = libc::ENOTEMPTY;
const FULL_FRAME: u64 = 16 << 20;

impl Setup {
    pub fn read(input: &mut Input<'_>) -> Self {
        let first = input.byte();
        let second = input.byte();
        let delivery = [Delivery::Frames, Delivery::Pieces, Delivery::Messages];
        Self {
            role: [Role::Client, Role::Server][usize::from(first & 1)],
            rules: Rules {
                strict: first & 2 == 0,
                max_frame: if first & 4 == 0 { FULL_FRAME } else { 100 },
                delivery: delivery[usize::from(first >> 3 & 3) % 3],
                max_message: if first & 32 == 0 { FULL_FRAME } else { 150 },
            },
            greets: first & 64 == 0,
            blocking: second & 1 != 0,
            small_buffers: second & 2 != 0,
            read_ahead: second & 4 == 0,
            coalescing: second & 8 == 0,
            compresses: second & 16 != 0,
        }
    }
}

impl World {
    pub fn new(setup: Setup) -> Box<Self> {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let fd = ours.into_raw_fd();
        limit_waits(fd, setup.small_buffers);
        let ctx = nopoll_ctx_new();
        // SAFETY: a live context.
        unsafe {
            let delivery = setup.rules.delivery as c_int;
            nopoll_ctx_set_lenient(ctx, (!setup.rules.strict).into());
            nopoll_ctx_set_delivery(ctx, delivery);
            let max_frame = setup.rules.max_frame as c_long;
            nopoll::ffi::ctx::settings::nopoll_ctx_set_max_frame_size(ctx, max_frame);
            nopoll_ctx_set_max_message_size(ctx, setup.rules.max_message as c_long);
            nopoll_ctx_set_read_ahead(ctx, setup.read_ahead.into());
            nopoll_ctx_set_coalescing(ctx, setup.coalescing.into());
            nopoll_ctx_set_compression(ctx, setup.compresses.into());
            nopoll_ctx_set_compression_threshold(ctx, 8);
        }
        let conn = match setup.role {
            Role::Client => connect(ctx, fd),
            Role::Server => accept(ctx, fd),
        };
        assert!(!conn.is_null());
        let world = Box::new(Self {
            ctx,
            conn,
            fd,
            role: setup.role,
            rules: setup.rules,
            peer: Peer::new(theirs, setup.role, setup.compresses),
            books: Books::default(),
            script: RefCell::default(),
            received: RefCell::default(),
            streamed: RefCell::default(),
            // The model knows nothing of compression.
            incomparable: Cell::new(setup.compresses),
            compresses: setup.compresses,
            ended_here: Cell::new(false),
            taken: Cell::new(false),
            closes: Cell::new(0),
            was_ok: Cell::new(true),
        });
        let data: noPollPtr = ptr::from_ref(&*world).cast_mut().cast();
        // SAFETY: a live connection; the world outlives it.
        unsafe {
            nopoll_conn_set_sock_block(fd, setup.blocking.into());
            nopoll_conn_set_on_msg(conn, Some(handlers::on_msg), data);
            nopoll_conn_set_on_close(conn, Some(handlers::on_close), data);
            nopoll_conn_set_on_ready(conn, Some(handlers::on_ready), data);
            nopoll_conn_set_on_ping_msg(conn, Some(handlers::on_ping), data);
        }
        if setup.greets {
            world.peer.greet(&world.books);
            world.is_ready();
        }
        world
    }

    pub fn run(self: Box<Self>, mut input: Input<'_>) {
        for _ in 0..super::MOST_STEPS {
            if input.is_empty() {
                break;
            }
            self.step(&mut input);
            self.check();
        }
        self.finish();
    }

    fn step(&self, input: &mut Input<'_>) {
        let (step, argument) = (input.byte(), input.byte());
        match step % 24 {
            0 => self.peer.greet(&self.books),
            1..=3 => {
                const FIRST: [u8; 16] = [
                    0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, 0xc1, 0x41, 0xc2, 0x83,
                    0x91, 0x09, 0x8b,
                ];
                let size = usize::from(input.byte()) << (argument >> 4 & 1);
                let payload = input.take(size);
                self.peer
                    .send_frame(FIRST[usize::from(argument & 15)], payload);
            }
            4 => self.peer.send(input.take(argument.into())),
            5 => self.peer.look(&self.books),
            6 => self.get_msg(),
            7 => self.read(argument, false),
            8 => self.read(argument, true),
            9 | 10 => self.send_data(argument, input.byte()),
            11 => self.send_frame(argument, input.byte()),
            12 => self.send_control(argument),
            13 => self.complete(argument),
            14 | 15 => self.wait(),
            16 => self.close(argument),
            17 => {
                self.is_ready();
            }
            18 => *self.script.borrow_mut() = input.take(usize::from(argument & 15)).to_vec(),
            19 => self.change(argument),
            20 => self.ask(),
            21 => self.count_references(),
            22 => self.take_out(argument),
            _ => match argument & 3 {
                0 => self.peer.half_close(),
                1 => self.peer.close(),
                _ => self.beside(argument),
            },
        }
    }

    /// What a handler does.
    pub fn act(&self) {
        let act = self.script.borrow_mut().pop();
        let Some(act) = act else { return };
        nested(|| match act % 12 {
            0 => self.get_msg(),
            1 => self.read(act, false),
            2 => self.send_data(act >> 4, act),
            3 => self.send_frame(act >> 4, act),
            4 => self.send_control(act >> 4),
            5 => self.wait(),
            6 => self.close(act >> 4),
            7 => {
                // What is unsent now would keep the wait from ending at once.
                self.peer.look(&self.books);
                // SAFETY: a live context.
                unsafe { nopoll_loop_stop(self.ctx) };
            }
            8 => self.complete(act >> 4),
            9 => self.take_out(act >> 4),
            10 => self.peer.send_frame(0x89, b"from a handler"),
            _ => self.ask(),
        });
    }

    /// What always holds.
    fn check(&self) {
        let ok = self.is_ok();
        assert!(ok || !self.was_ok.get() || self.taken.get() || self.closes.get() == 1);
        assert!(self.closes.get() <= 1, "on_close ran twice");
        if !ok {
            self.books.over();
        }
        self.was_ok.set(ok);
    }

    fn is_ok(&self) -> bool {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_is_ok(self.conn) != 0 }
    }

    /// It is ok, and not inside on_close: there the descriptor is open, and nothing is read any more.
    fn is_alive(&self) -> bool {
        self.is_ok() && self.closes.get() == 0
    }

    fn pending(&self) -> c_int {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_pending_write_bytes(self.conn) }
    }

    pub fn is_ready(&self) -> bool {
        // SAFETY: a live connection.
        let (ready, errno) = with_errno(|| unsafe { nopoll_conn_is_ready(self.conn) != 0 });
        if ready {
            assert_eq!(errno, UNTOUCHED);
        } else if self.is_alive() {
            assert_eq!(errno, libc::EWOULDBLOCK);
        }
        ready
    }

    fn get_msg(&self) {
        // SAFETY: a live connection.
        let (msg, errno) = with_errno(|| unsafe { nopoll_conn_get_msg(self.conn) });
        if msg.is_null() {
            assert!(!self.is_alive() || errno == libc::EWOULDBLOCK || errno == 0);
            return;
        }
        assert_eq!(errno, 0);
        self.keep(msg);
        // SAFETY: a live message, whose reference is ours.
        unsafe {
            assert_eq!(nopoll_msg_ref_count(msg), 1);
            nopoll_msg_unref(msg);
        }
    }

    /// Notes what a message says.
    pub fn keep(&self, msg: *mut noPollMsg) {
        // SAFETY: a live message; its payload has that size, and a NUL behind it.
        let event = unsafe {
            let size = nopoll_msg_get_payload_size(msg) as usize;
            let payload = nopoll_msg_get_payload(msg);
            assert_eq!(*payload.add(size), 0);
            Event::Data {
                opcode: nopoll_msg_opcode(msg) as u8,
                is_final: nopoll_msg_is_final(msg) != 0,
                is_fragment: nopoll_msg_is_fragment(msg) != 0,
                payload: std::slice::from_raw_parts(payload, size).to_vec(),
            }
        };
        self.received.borrow_mut().push(event);
    }

    fn read(&self, size: u8, block: bool) {
        let mut buffer = [7; 256];
        let size = c_int::from(size);
        // SAFETY: a live connection and a buffer of that size.
        let (read, errno) = with_errno(|| unsafe {
            let to = buffer.as_mut_ptr().cast();
            nopoll_conn_read(self.conn, to, size, block.into(), 1)
        });
        assert!((-1..=size.max(-1)).contains(&read));
        if size == 0 {
            assert_eq!((read, errno), (-1, libc::EINVAL));
        } else if block {
            assert!(read >= 0);
        } else if read == -1 && self.is_alive() {
            assert_eq!(errno, libc::EWOULDBLOCK);
        }
        assert!(buffer[size as usize..].iter().all(|&byte| byte == 7));
        let read = usize::try_from(read).unwrap_or(0);
        let mut streamed = self.streamed.borrow_mut();
        streamed.get_or_insert_default().extend(&buffer[..read]);
    }

    /// A size that is often small, sometimes more than the socket takes.
    fn payload(seed: u8) -> Vec<u8> {
        let size = match seed {
            0..200 => usize::from(seed),
            200..250 => usize::from(seed) * 7,
            _ => usize::from(seed) * 256,
        };
        vec![seed; size]
    }

    fn send_data(&self, how: u8, seed: u8) {
        let payload = Self::payload(seed);
        let (content, size) = (payload.as_ptr().cast(), payload.len() as c_long);
        let conn = self.conn;
        let (opcode, fin) = (1 + (how & 1), how & 2 == 0);
        let explicit = c_int::from(how >> 2 & 3);
        // SAFETY: a live connection and a buffer of that size.
        let (sent, errno) = with_errno(|| unsafe {
            match (how >> 4 & 1, opcode, fin) {
                (1, ..) => __nopoll_conn_send_common(conn, content, size, fin.into(), 0, explicit),
                (_, 1, true) => nopoll_conn_send_text(conn, content, size),
                (_, 1, false) => nopoll_conn_send_text_fragment(conn, content, size),
                (_, _, true) => nopoll_conn_send_binary(conn, content, size),
                (_, _, false) => nopoll_conn_send_binary_fragment(conn, content, size),
            }
        });
        if size == 0 {
            assert_eq!((sent, errno), (-1, UNTOUCHED));
            return;
        }
        let opcode = if how >> 4 & 1 == 1 {
            explicit as u8
        } else {
            opcode
        };
        self.judge_send(sent, errno, payload.len());
        self.books.tracked(opcode, fin, &payload, sent);
    }

    fn send_frame(&self, how: u8, seed: u8) {
        let payload = Self::payload(seed);
        let (fin, opcode) = (how & 16 != 0, how & 15);
        let masked = self.role == Role::Client;
        // SAFETY: a live connection and a buffer of that size.
        let (sent, errno) = with_errno(|| unsafe {
            let content = payload.as_ptr().cast_mut().cast();
            let size = payload.len() as c_long;
            nopoll_conn_send_frame(
                self.conn,
                fin.into(),
                masked.into(),
                opcode.into(),
                size,
                content,
                0,
            )
        });
        self.judge_send(sent, errno, payload.len());
        self.books.sent(opcode, fin, &payload, sent);
    }

    fn send_control(&self, how: u8) {
        let payload = vec![how; usize::from(how >> 1 & 63)];
        let is_ping = how & 1 == 0;
        // SAFETY: a live connection and a buffer of that size.
        let (accepted, errno) = with_errno(|| unsafe {
            if is_ping {
                nopoll_conn_send_ping(self.conn)
            } else {
                let content = payload.as_ptr().cast_mut().cast();
                nopoll_conn_send_pong(self.conn, payload.len() as c_long, content)
            }
        });
        assert!(accepted == 0 || accepted == 1);
        let payload = if is_ping { &[] } else { &payload[..] };
        let opcode = if is_ping { 9 } else { 10 };
        if accepted == 0 {
            assert_ne!(errno, UNTOUCHED);
        } else {
            // How much of it is unsent, nobody is told.
            self.books
                .sent(opcode, true, payload, payload.len() as c_int);
        }
    }

    /// The result of a send and `errno` fit together.
    fn judge_send(&self, sent: c_int, errno: c_int, size: usize) {
        let size = size as c_int;
        match sent {
            -1 => assert_ne!(errno, UNTOUCHED),
            -2 => assert_eq!(errno, libc::EWOULDBLOCK),
            _ if sent < size => {
                assert_eq!(errno, libc::EWOULDBLOCK);
                // Compressed bytes pending can't be told in bytes of the payload.
                let adds_up = self.pending() + sent == size;
                assert!(self.compresses || adds_up, "pending and sent");
            }
            _ => assert_eq!(errno, UNTOUCHED),
        }
        assert!(sent == -1 || self.is_ok(), "sent on a dead connection");
    }

    fn complete(&self, how: u8) {
        // SAFETY: a live connection.
        let (done, errno) = with_errno(|| unsafe {
            if how & 1 == 0 {
                nopoll_conn_complete_pending_write(self.conn)
            } else {
                nopoll_conn_flush_writes(self.conn, 0, 0)
            }
        });
        assert!(done >= -1);
        assert_eq!(errno != UNTOUCHED, done < 0);
        if self.is_ok() {
            self.books.completed(done, self.pending());
        }
    }

    fn wait(&self) {
        // SAFETY: a live context.
        let (result, errno) = with_errno(|| unsafe { nopoll_loop_wait(self.ctx, 1) });
        assert!(result == 0 || result == -3, "{result}");
        assert_eq!(errno, UNTOUCHED);
    }

    fn close(&self, how: u8) {
        self.ended_here.set(true);
        let status = [0, 1000, 3000, -1, 70000][usize::from(how >> 2) % 5];
        let reason = vec![b'x'; usize::from(how)];
        // The object lives on for us; closing takes this reference.
        // SAFETY: a live connection and a buffer of that size.
        unsafe {
            match how & 3 {
                0 => nopoll_conn_shutdown(self.conn),
                1 => {
                    nopoll_conn_ref(self.conn);
                    nopoll_conn_close(self.conn);
                }
                _ => {
                    self.peer.look(&self.books);
                    nopoll_conn_ref(self.conn);
                    let (text, size) = (reason.as_ptr().cast(), reason.len() as c_int);
                    nopoll_conn_close_ext(self.conn, status, text, size);
                }
            }
        }
    }

    /// Switches that may be thrown at any time.
    fn change(&self, how: u8) {
        let on = (how >> 3 & 1).into();
        // SAFETY: a live context and connection.
        unsafe {
            match how & 7 {
                0 => {
                    self.incomparable.set(true);
                    nopoll_ctx_set_delivery(self.ctx, c_int::from(how >> 3 & 3));
                }
                1 => {
                    self.incomparable.set(true);
                    nopoll_ctx_set_lenient(self.ctx, on);
                }
                2 => nopoll_ctx_set_coalescing(self.ctx, on),
                3 => nopoll_ctx_set_read_ahead(self.ctx, on),
                4 => nopoll_ctx_set_max_pending(self.ctx, c_long::from(how) * 16),
                5 => {
                    self.incomparable.set(true);
                    nopoll_conn_set_on_msg(self.conn, None, ptr::null_mut());
                }
                6 => {
                    nopoll_conn_cork(self.conn, on);
                }
                _ if self.is_ok() => {
                    nopoll_conn_set_sock_block(self.fd, on);
                }
                _ => {}
            }
        }
    }

    /// Accessors: none of them fails, or does anything.
    fn ask(&self) {
        let conn = self.conn;
        // SAFETY: a live connection.
        let ((), errno) = with_errno(|| unsafe {
            assert!(nopoll_conn_read_pending(conn) >= 0);
            assert!(nopoll_conn_pending_write_bytes(conn) >= 0);
            assert!(!nopoll_conn_get_error_text(conn).is_null());
            nopoll_conn_get_error(conn);
            let status = nopoll_conn_get_close_status(conn);
            assert!((0..=65535).contains(&status));
            let reason = nopoll_conn_get_close_reason(conn);
            assert!(reason.is_null() || status != 1006);
            assert_eq!(nopoll_conn_ctx(conn), self.ctx);
            assert!(!nopoll_conn_get_requested_url(conn).is_null());
            let fd = nopoll_conn_socket(conn);
            assert_eq!(fd != -1, nopoll_conn_is_ok(conn) != 0);
        });
        assert_eq!(errno, UNTOUCHED);
    }

    fn count_references(&self) {
        // SAFETY: a live connection; what is taken is given back.
        unsafe {
            let before = nopoll_conn_ref_count(self.conn);
            assert_eq!(nopoll_conn_ref(self.conn), 1);
            assert_eq!(nopoll_conn_ref_count(self.conn), before + 1);
            __nopoll_conn_transient_ref(self.conn);
            let owners = __nopoll_conn_owner_ref_count(self.conn);
            assert!(owners < nopoll_conn_ref_count(self.conn));
            __nopoll_conn_transient_unref(self.conn);
            nopoll_conn_unref(self.conn);
            assert_eq!(nopoll_conn_ref_count(self.conn), before);
        }
    }

    fn take_out(&self, how: u8) {
        if how & 7 != 0 || !self.is_ok() {
            return;
        }
        self.ended_here.set(true);
        self.taken.set(true);
        self.peer.look(&self.books);
        // SAFETY: a live connection.
        unsafe { nopoll_conn_set_socket(self.conn, -1) };
    }

    /// Raw input and output beside the protocol.
    fn beside(&self, how: u8) {
        self.incomparable.set(true);
        let mut buffer = [b'x'; 64];
        let (at, size) = (buffer.as_mut_ptr().cast(), c_int::from(how >> 2));
        // SAFETY: a live connection and a buffer of that size.
        let (n, _) = with_errno(|| unsafe {
            if how & 1 == 0 {
                nopoll_conn_default_receive(self.conn, at, size)
            } else {
                self.books.raw.set(true);
                nopoll_conn_default_send(self.conn, at, size)
            }
        });
        assert!((-1..=size).contains(&n));
        self.peer.confused.set(true);
    }

    pub fn closed(&self) {
        self.closes.set(self.closes.get() + 1);
        assert!(self.is_ok());
    }

    /// Goes on until nothing moves any more.
    fn come_to_rest(&self) {
        let state = || {
            let received = self.received.borrow().len();
            (received, self.peer.taken.get(), self.is_ok())
        };
        let mut idle = 0;
        while idle < 2 {
            let before = state();
            self.wait();
            self.get_msg();
            self.complete(0);
            self.peer.look(&self.books);
            idle = if state() == before { idle + 1 } else { 0 };
        }
    }

    /// Lets everything come to rest, compares, and releases.
    fn finish(self: Box<Self>) {
        self.script.borrow_mut().clear();
        self.compare_stream();
        self.come_to_rest();
        self.check();
        self.compare();
        let Self { ctx, conn, .. } = *self;
        // SAFETY: live handles, whose last references these are.
        unsafe {
            if self.peer.is_open() {
                nopoll_conn_ref(conn);
                nopoll_conn_close(conn);
            } else {
                nopoll_conn_shutdown(conn);
            }
            self.peer.look(&self.books);
            self.peer.close();
            self.wait();
            assert_eq!(nopoll_conn_is_ok(conn), 0);
            assert_eq!(nopoll_ctx_conns(ctx), 0);
            assert_eq!(nopoll_conn_ref_count(conn), 1);
            assert!(self.closes.get() == 1 || self.taken.get());
            nopoll_conn_unref(conn);
            assert_eq!(nopoll_ctx_ref_count(ctx), 1);
            nopoll_ctx_unref(ctx);
            if self.taken.get() {
                libc::close(self.fd);
            }
        }
    }

    /// Whether the model can say what the program must have got.
    fn is_comparable(&self) -> bool {
        self.peer.greeted.get() && !self.incomparable.get() && !self.peer.confused.get()
    }

    /// What the program read as a stream, if it did nothing else, against the model.
    fn compare_stream(&self) {
        if !self.is_comparable() || !self.received.borrow().is_empty() {
            return;
        }
        let stream = self.peer.stream.borrow();
        let in_pieces = Rules {
            delivery: Delivery::Pieces,
            ..self.rules
        };
        let events = model::receive(self.role, &stream, &in_pieces);
        let all: Vec<u8> = events.iter().flat_map(Event::payload).copied().collect();
        let streamed = self.streamed.borrow();
        assert!(all.starts_with(streamed.as_deref().unwrap_or_default()));
    }

    /// What the program got as messages, if it did nothing else, against the model.
    fn compare(&self) {
        if !self.is_comparable() || self.streamed.borrow().is_some() {
            return;
        }
        let stream = self.peer.stream.borrow();
        let events = model::receive(self.role, &stream, &self.rules);
        let is_data = |event: &&Event| matches!(event, Event::Data { .. });
        let expected: Vec<&Event> = events.iter().filter(is_data).collect();
        let received = self.received.borrow();
        if self.rules.delivery == Delivery::Pieces {
            let bytes = |events: &mut dyn Iterator<Item = &Event>| -> Vec<u8> {
                events.flat_map(Event::payload).copied().collect()
            };
            let (got, all) = (
                bytes(&mut received.iter()),
                bytes(&mut expected.into_iter()),
            );
            assert!(all.starts_with(&got));
        } else {
            assert!(received.len() <= expected.len());
            let same = received
                .iter()
                .zip(&expected)
                .all(|(got, event)| got == *event);
            assert!(same, "received {received:?}, sent {expected:?}");
            let complete = self.ended_here.get() || received.len() == expected.len();
            assert!(complete, "received {received:?}, sent {expected:?}");
        }
        if let (false, [close]) = (self.ended_here.get(), &self.peer.closes.borrow()[..]) {
            let answer = match events.last() {
                Some(Event::Close { answer, .. }) => *answer,
                Some(Event::Fail(error)) => Some(error.close_code()),
                _ => panic!("a close frame out of nothing"),
            };
            let answer = answer.map_or_else(Vec::new, |status| status.to_be_bytes().to_vec());
            assert_eq!(*close, answer);
        }
        assert!(self.books.owes() || !self.is_ok() || self.peer.is_at_a_boundary());
    }
}

/// Runs a call; returns its result, and `errno` behind it.
fn with_errno<R>(call: impl FnOnce() -> R) -> (R, c_int) {
    // SAFETY: the address is always valid.
    unsafe {
        *libc::__errno_location() = UNTOUCHED;
        let result = call();
        (result, *libc::__errno_location())
    }
}

/// Nobody waits for long, and buffers may be small enough to be filled.
fn limit_waits(fd: c_int, small: bool) {
    let set = |name, value: *const libc::c_void, size| {
        // SAFETY: `value` is readable for `size` bytes.
        let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, name, value, size) };
        assert_eq!(result, 0);
    };
    let time = libc::timeval {
        tv_sec: 0,
        tv_usec: 1000,
    };
    for name in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
        set(name, (&raw const time).cast(), size_of_val(&time) as u32);
    }
    if small {
        let size: c_int = 1;
        set(
            libc::SO_SNDBUF,
            (&raw const size).cast(),
            size_of_val(&size) as u32,
        );
    }
}

fn connect(ctx: *mut noPollCtx, fd: c_int) -> *mut noPollConn {
    let none = ptr::null();
    // SAFETY: a live context and texts.
    unsafe {
        let host = c"x".as_ptr();
        nopoll_conn_new_with_socket(ctx, ptr::null_mut(), fd, host, none, none, none, none, none)
    }
}

fn accept(ctx: *mut noPollCtx, fd: c_int) -> *mut noPollConn {
    // SAFETY: a live context; the object becomes its own listener, and gets a reference of ours.
    unsafe {
        let conn = nopoll_listener_from_socket(ctx, fd);
        nopoll_conn_ref(conn);
        assert_eq!(nopoll_conn_accept_complete(ctx, conn, conn, fd, 0), 1);
        conn
    }
}
