//! Scalar types, enumerations and opaque handles, under their C names.
//!
//! An enumeration comes twice: as an `enum`, which is what `nopoll.h` prints, and as a plain
//! `c_int` under the C name, which is what functions take and return. C programs pass whatever
//! they like, and a Rust `enum` with an unknown value would be undefined behaviour.

#![allow(non_camel_case_types, reason = "names fixed by the C API")]
#![allow(dead_code, reason = "some of it exists for the C header only")]

use std::ffi::{c_int, c_long, c_void};
use std::marker::{PhantomData, PhantomPinned};

/// A C truth value: 0 is false, anything else is true.
///
/// cbindgen:ignore
pub type nopoll_bool = c_int;

/// A pointer the library doesn't look behind.
///
/// cbindgen:ignore
pub type noPollPtr = *mut c_void;

/// A descriptor.
///
/// cbindgen:ignore
pub type NOPOLL_SOCKET = c_int;

/// What `nopoll_msg_get_payload_size` returns; the header declares it narrower on demand.
///
/// cbindgen:ignore
pub type NOPOLL_PAYLOAD_SIZE = c_long;

/// A C `va_list` as it travels through a parameter: one pointer-sized word on every architecture
/// that [`crate::ffi`] supports.
///
/// cbindgen:ignore
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct va_list(pub *mut c_void);

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// cbindgen:ignore
        #[repr(C)]
        pub struct $name {
            opaque: [u8; 0],
            marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    };
}

handle!(
    /// A context.
    noPollCtx
);
handle!(
    /// A connection: client, listener or accepted.
    noPollConn
);
handle!(
    /// Connection options.
    noPollConnOpts
);
handle!(
    /// A message.
    noPollMsg
);
handle!(
    /// An I/O engine.
    noPollIoEngine
);

/// How serious a log record is.
#[repr(C)]
pub enum DebugLevel {
    /// Normal progress.
    NOPOLL_LEVEL_DEBUG = 0,
    /// Odd, but handled.
    NOPOLL_LEVEL_WARNING = 1,
    /// A failure.
    NOPOLL_LEVEL_CRITICAL = 2,
    /// For programs that log through this library; it writes no such records itself.
    NOPOLL_LEVEL_INFO = 3,
}

/// A [`DebugLevel`], unchecked.
///
/// cbindgen:ignore
pub type noPollDebugLevel = c_int;

/// What a connection object is.
#[repr(C)]
pub enum Role {
    /// Nothing; also the answer for NULL.
    NOPOLL_ROLE_UNKNOWN = 0,
    /// Connected to a server by one of the `nopoll_conn_new` family.
    NOPOLL_ROLE_CLIENT = 1,
    /// Accepted by a listener.
    NOPOLL_ROLE_LISTENER = 2,
    /// A listening socket.
    NOPOLL_ROLE_MAIN_LISTENER = 3,
}

/// A [`Role`].
///
/// cbindgen:ignore
pub type noPollRole = c_int;

/// The mechanism to wait with. There is only one: every value gives the same engine.
#[repr(C)]
pub enum IoEngineType {
    /// The best there is.
    NOPOLL_IO_ENGINE_DEFAULT = 0,
    /// Named after select(2).
    NOPOLL_IO_ENGINE_SELECT = 1,
    /// Named after poll(2).
    NOPOLL_IO_ENGINE_POLL = 2,
    /// Named after epoll(7).
    NOPOLL_IO_ENGINE_EPOLL = 3,
}

/// An [`IoEngineType`], unchecked.
///
/// cbindgen:ignore
pub type noPollIoEngineType = c_int;

/// The opcode of a frame (RFC 6455 §5.2). Received frames may carry other values, 3-7 and 11-15.
#[repr(C)]
pub enum OpCode {
    /// No opcode; the answer for NULL.
    NOPOLL_UNKNOWN_OP_CODE = -1,
    /// Continues a fragmented message.
    NOPOLL_CONTINUATION_FRAME = 0,
    /// UTF-8 text.
    NOPOLL_TEXT_FRAME = 1,
    /// Bytes.
    NOPOLL_BINARY_FRAME = 2,
    /// Closing handshake.
    NOPOLL_CLOSE_FRAME = 8,
    /// Asks for a pong.
    NOPOLL_PING_FRAME = 9,
    /// Answers a ping.
    NOPOLL_PONG_FRAME = 10,
}

/// An [`OpCode`], unchecked.
///
/// cbindgen:ignore
pub type noPollOpCode = c_int;

/// Which addresses to use.
#[repr(C)]
pub enum Transport {
    /// IPv4 only.
    NOPOLL_TRANSPORT_IPV4 = 1,
    /// IPv6 only.
    NOPOLL_TRANSPORT_IPV6 = 2,
    /// Both families.
    NOPOLL_TRANSPORT_AUTO = 3,
}

/// How received frames become messages.
#[repr(C)]
pub enum Delivery {
    /// One message per frame, however it arrives. Frames of a fragmented message stay separate.
    NOPOLL_DELIVER_FRAMES = 0,
    /// Bytes as they come: a frame may arrive as several messages.
    NOPOLL_DELIVER_PIECES = 1,
    /// Whole WebSocket messages, joined from their frames.
    NOPOLL_DELIVER_MESSAGES = 2,
}

/// A [`Delivery`], unchecked.
///
/// cbindgen:ignore
pub type noPollDelivery = c_int;

/// Why a connection never got ready or was dropped.
#[repr(C)]
pub enum Error {
    /// Nothing went wrong.
    NOPOLL_ERROR_NONE = 0,
    /// A constructor's argument.
    NOPOLL_ERROR_ARGUMENT,
    /// The name or service could not be resolved.
    NOPOLL_ERROR_RESOLVE,
    /// No TCP connection.
    NOPOLL_ERROR_CONNECT,
    /// It took longer than allowed.
    NOPOLL_ERROR_TIMEOUT,
    /// TLS: certificates, verification, handshake.
    NOPOLL_ERROR_TLS,
    /// The HTTP part of the handshake.
    NOPOLL_ERROR_HTTP,
    /// A handler, or the peer, said no.
    NOPOLL_ERROR_REJECTED,
    /// The peer violated RFC 6455.
    NOPOLL_ERROR_PROTOCOL,
    /// Something was larger than allowed.
    NOPOLL_ERROR_LIMIT,
    /// The peer closed the connection.
    NOPOLL_ERROR_PEER_CLOSED,
    /// Reading or writing failed.
    NOPOLL_ERROR_IO,
}

/// An [`Error`].
///
/// cbindgen:ignore
pub type noPollError = c_int;

/// A TLS method, unchecked. Its enumeration is in `nopoll_decl.h`: which values exist depends on
/// `nopoll_config.h`.
///
/// cbindgen:ignore
pub type noPollSslProtocol = c_int;
