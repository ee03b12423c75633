//! The library's end: one connection behind the C API, on one half of a socket pair.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use nopoll::abi::types::{
    self, noPollConn, noPollConnOpts, noPollCtx, noPollMsg, noPollPtr, nopoll_bool,
};
use nopoll::ffi::additions::compression::*;
use nopoll::ffi::additions::delivery::*;
use nopoll::ffi::conn::accept::nopoll_conn_accept_socket;
use nopoll::ffi::conn::close::*;
use nopoll::ffi::conn::connect::{nopoll_conn_new, nopoll_conn_new_with_socket};
use nopoll::ffi::conn::handlers::{nopoll_conn_set_on_close, nopoll_conn_set_on_msg};
use nopoll::ffi::conn::info::*;
use nopoll::ffi::conn::receive::nopoll_conn_get_msg;
use nopoll::ffi::conn::send::*;
use nopoll::ffi::conn::socket::{nopoll_conn_set_sock_block, nopoll_conn_socket};
use nopoll::ffi::conn::state::{
    nopoll_conn_is_ok, nopoll_conn_is_ready, nopoll_conn_wait_until_connection_ready,
};
use nopoll::ffi::ctx::handlers::nopoll_ctx_set_on_open;
use nopoll::ffi::ctx::refs::{nopoll_ctx_new, nopoll_ctx_unref};
use nopoll::ffi::ctx::settings::{nopoll_ctx_set_max_frame_size, nopoll_ctx_set_protocol_version};
use nopoll::ffi::listener::nopoll_listener_new_opts;
use nopoll::ffi::looping::nopoll_loop_wait;
use nopoll::ffi::msg::*;
use nopoll::ffi::opts::refs::nopoll_conn_opts_new;
use nopoll::ffi::opts::settings::{
    nopoll_conn_opts_add_origin_header, nopoll_conn_opts_skip_origin_check,
};

use super::steps::{Call, Message};
use super::table::{Compression, Delivery, Role, Settings};

/// Which calls of the program drive the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `nopoll_conn_get_msg`, as a program with an event loop of its own does.
    Direct,
    /// `nopoll_loop_wait`, with handlers.
    Loop,
}

pub struct Library {
    ctx: *mut noPollCtx,
    listener: *mut noPollConn,
    conn: *mut noPollConn,
    driver: Driver,
    seen: Box<Seen>,
}

/// What the handlers leave behind.
#[derive(Default)]
struct Seen {
    messages: RefCell<Vec<Message>>,
    closed: Cell<u32>,
    protocol: Option<CString>,
    refuses: bool,
}

impl Library {
    pub fn new(role: Role, settings: &Settings, driver: Driver, socket: UnixStream) -> Self {
        let seen = Box::new(Seen {
            protocol: settings.protocol.as_deref().map(text),
            refuses: settings.refuses,
            ..Seen::default()
        });
        socket.set_nonblocking(true).expect("a mode");
        let ctx = nopoll_ctx_new();
        let delivery = match settings.delivery {
            Delivery::Frames => types::Delivery::NOPOLL_DELIVER_FRAMES,
            Delivery::Pieces => types::Delivery::NOPOLL_DELIVER_PIECES,
            Delivery::Messages => types::Delivery::NOPOLL_DELIVER_MESSAGES,
        };
        // SAFETY: a live context.
        unsafe {
            nopoll_ctx_set_lenient(ctx, settings.lenient.into());
            nopoll_ctx_set_delivery(ctx, delivery as c_int);
            if let Some(size) = settings.max_frame {
                nopoll_ctx_set_max_frame_size(ctx, size.into());
            }
            if let Some(size) = settings.max_message {
                nopoll_ctx_set_max_message_size(ctx, size.into());
            }
            if let Some(version) = settings.version {
                nopoll_ctx_set_protocol_version(ctx, version);
            }
            if let Some(compression) = settings.compression {
                compress(ctx, compression);
            }
        }
        let (listener, conn) = match role {
            Role::Client => (ptr::null_mut(), connect(ctx, settings, socket)),
            Role::Server => accept(ctx, settings, &seen, socket),
        };
        assert!(!conn.is_null());
        // SAFETY: a live connection; `seen` outlives it.
        unsafe {
            nopoll_conn_set_on_close(conn, Some(on_close), user(&seen));
            nopoll_conn_set_on_msg(conn, Some(on_msg), user(&seen));
        }
        Self {
            ctx,
            listener,
            conn,
            driver,
            seen,
        }
    }

    /// Has the library deal with what has arrived.
    pub fn drive(&self) {
        match self.driver {
            Driver::Direct => while self.receive() {},
            Driver::Loop => {
                // SAFETY: a live context.
                unsafe { nopoll_loop_wait(self.ctx, 1) };
            }
        }
    }

    /// One `get_msg`; false when nothing more is there.
    fn receive(&self) -> bool {
        // SAFETY: a live connection; the address of errno is always valid.
        let (msg, blocked) = unsafe {
            let msg = nopoll_conn_get_msg(self.conn);
            (msg, *libc::__errno_location() == libc::EWOULDBLOCK)
        };
        if msg.is_null() {
            // A control frame may have been dealt with.
            return self.is_ok() && !blocked;
        }
        self.seen.messages.borrow_mut().push(message(msg));
        // SAFETY: our reference.
        unsafe { nopoll_msg_unref(msg) };
        true
    }

    pub fn is_ok(&self) -> bool {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_is_ok(self.conn) != 0 }
    }

    pub fn is_compressed(&self) -> bool {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_is_compressed(self.conn) != 0 }
    }

    pub fn is_ready(&self) -> bool {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_is_ready(self.conn) != 0 }
    }

    /// How often `on_close` ran.
    pub fn closed(&self) -> u32 {
        self.seen.closed.get()
    }

    pub fn close_status(&self) -> i32 {
        // SAFETY: a live connection.
        unsafe { nopoll_conn_get_close_status(self.conn) }
    }

    pub fn close_reason(&self) -> Option<Vec<u8>> {
        // SAFETY: a live connection; its string lives as long.
        unsafe {
            let reason = nopoll_conn_get_close_reason(self.conn);
            (!reason.is_null()).then(|| CStr::from_ptr(reason).to_bytes().to_vec())
        }
    }

    /// Everything received since the last call.
    pub fn messages(&self) -> Vec<Message> {
        self.seen.messages.take()
    }

    pub fn call(&self, call: &Call) -> i64 {
        let content = CString::new(call.bytes.clone()).expect("no NUL in it");
        let (content, size) = (content.as_ptr(), call.bytes.len() as c_long);
        let number = |index: usize| call.numbers.get(index).copied().unwrap_or(0);
        let conn = self.conn;
        // SAFETY: a live connection and a buffer of `size` bytes.
        let result = unsafe {
            match &call.name[..] {
                "send_text" => nopoll_conn_send_text(conn, content, size),
                "send_text_fragment" => nopoll_conn_send_text_fragment(conn, content, size),
                "send_binary" => nopoll_conn_send_binary(conn, content, size),
                "send_binary_fragment" => nopoll_conn_send_binary_fragment(conn, content, size),
                "send_frame" => nopoll_conn_send_frame(
                    conn,
                    number(0) as nopoll_bool,
                    number(1) as nopoll_bool,
                    number(2) as c_int,
                    size,
                    content.cast_mut().cast(),
                    0,
                ),
                "send_ping" => nopoll_conn_send_ping(conn),
                "send_pong" => nopoll_conn_send_pong(conn, size, content.cast_mut().cast()),
                "shutdown" => {
                    nopoll_conn_shutdown(conn);
                    0
                }
                "close" => {
                    let size = size as c_int;
                    // The object lives on for the getters; closing takes this reference.
                    nopoll::ffi::conn::refs::nopoll_conn_ref(conn);
                    match number(0) {
                        0 => nopoll_conn_close(conn),
                        status => nopoll_conn_close_ext(conn, status as c_int, content, size),
                    }
                    0
                }
                other => panic!("unknown call: {other}"),
            }
        };
        result.into()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the references are ours; NULL is nothing.
        unsafe {
            nopoll_conn_close(self.conn);
            nopoll_conn_close(self.listener);
            nopoll_ctx_unref(self.ctx);
        }
    }
}

/// # Safety
/// `ctx` is a live context.
unsafe fn compress(ctx: *mut noPollCtx, wanted: Compression) {
    let (send, receive) = (wanted.send_takeover, wanted.receive_takeover);
    // SAFETY: as this function demands.
    unsafe {
        nopoll_ctx_set_compression(ctx, 1);
        nopoll_ctx_set_compression_threshold(ctx, wanted.threshold.into());
        nopoll_ctx_set_compression_window_bits(ctx, wanted.send_bits, wanted.receive_bits);
        nopoll_ctx_set_compression_context_takeover(ctx, send.into(), receive.into());
    }
}

/// Whether a client gets anywhere with a port that nobody can listen on.
pub fn reaches_port_0() -> bool {
    let ctx = nopoll_ctx_new();
    let (host, port, none) = (c"127.0.0.1".as_ptr(), c"0".as_ptr(), ptr::null());
    // SAFETY: a live context and texts; the references are ours.
    unsafe {
        let conn = nopoll_conn_new(ctx, host, port, none, none, none, none);
        let ready = nopoll_conn_wait_until_connection_ready(conn, 5) != 0;
        nopoll_conn_close(conn);
        nopoll_ctx_unref(ctx);
        ready
    }
}

fn connect(ctx: *mut noPollCtx, settings: &Settings, socket: UnixStream) -> *mut noPollConn {
    let url = settings.url.as_deref().map(text);
    let host = text(settings.host.as_deref().unwrap_or("server.example.com"));
    let protocols = settings.protocols.as_deref().map(text);
    let origin = settings.origin.as_deref().map(text);
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: live handles and texts; the options are consumed.
    unsafe {
        let opts = nopoll_conn_opts_new();
        nopoll_conn_opts_add_origin_header(opts, origin.is_some().into());
        nopoll_conn_new_with_socket(
            ctx,
            opts,
            socket.into_raw_fd(),
            c"192.0.2.1".as_ptr(),
            ptr::null(),
            host.as_ptr(),
            pointer(&url),
            pointer(&protocols),
            pointer(&origin),
        )
    }
}

fn accept(
    ctx: *mut noPollCtx,
    settings: &Settings,
    seen: &Seen,
    socket: UnixStream,
) -> (*mut noPollConn, *mut noPollConn) {
    // SAFETY: live handles and texts; the options are consumed, `seen` outlives the context.
    unsafe {
        let opts: *mut noPollConnOpts = nopoll_conn_opts_new();
        nopoll_conn_opts_skip_origin_check(opts, settings.skip_origin.into());
        let listener = nopoll_listener_new_opts(ctx, opts, c"127.0.0.1".as_ptr(), c"0".as_ptr());
        nopoll_ctx_set_on_open(ctx, Some(on_open), user(seen));
        let conn = nopoll_conn_accept_socket(ctx, listener, socket.into_raw_fd());
        // Ours, so that the loop doesn't take it away when it is dead.
        nopoll::ffi::conn::refs::nopoll_conn_ref(conn);
        nopoll_conn_set_sock_block(nopoll_conn_socket(conn), 0);
        (listener, conn)
    }
}

fn text(text: &str) -> CString {
    CString::new(text).expect("no NUL in it")
}

fn user(seen: &Seen) -> noPollPtr {
    ptr::from_ref(seen).cast_mut().cast()
}

fn message(msg: *mut noPollMsg) -> Message {
    // SAFETY: a live message; its payload has that size and a NUL behind it.
    unsafe {
        let size = usize::try_from(nopoll_msg_get_payload_size(msg)).expect("a size");
        let payload = nopoll_msg_get_payload(msg);
        assert_eq!(*payload.add(size), 0, "a NUL follows the payload");
        Message {
            opcode: nopoll_msg_opcode(msg),
            is_final: nopoll_msg_is_final(msg) != 0,
            is_fragment: nopoll_msg_is_fragment(msg) != 0,
            payload: std::slice::from_raw_parts(payload, size).to_vec(),
        }
    }
}

/// # Safety
/// `data` points to a live `Seen`.
unsafe fn seen<'a>(data: noPollPtr) -> &'a Seen {
    // SAFETY: as this function demands.
    unsafe { &*data.cast::<Seen>() }
}

unsafe extern "C" fn on_msg(
    _ctx: *mut noPollCtx,
    _conn: *mut noPollConn,
    msg: *mut noPollMsg,
    data: noPollPtr,
) {
    // SAFETY: what the handler was installed with.
    let seen = unsafe { seen(data) };
    seen.messages.borrow_mut().push(message(msg));
}

unsafe extern "C" fn on_close(_ctx: *mut noPollCtx, _conn: *mut noPollConn, data: noPollPtr) {
    // SAFETY: what the handler was installed with.
    let seen = unsafe { seen(data) };
    seen.closed.set(seen.closed.get() + 1);
}

unsafe extern "C" fn on_open(
    _ctx: *mut noPollCtx,
    conn: *mut noPollConn,
    data: noPollPtr,
) -> nopoll_bool {
    // SAFETY: what the handler was installed with.
    let seen = unsafe { seen(data) };
    if let Some(protocol) = &seen.protocol {
        let protocol: *const c_char = protocol.as_ptr();
        // SAFETY: a live connection and a text.
        unsafe { nopoll_conn_set_accepted_protocol(conn, protocol) };
    }
    nopoll_bool::from(!seen.refuses)
}
