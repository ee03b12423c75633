//! The WebSocket protocol (RFC 6455) without input or output: bytes in, items out.
//!
//! *Receiving.* A [`Receiver`] takes bytes in any portions and gives back one [`Item`] at a time:
//! a data frame, piece or message (as [`Delivery`] says), a ping, a pong, the peer's close frame,
//! or the violation that ends the connection. Payload bytes are unmasked while they are copied,
//! once, into memory that the caller's [`Payload`] type provides; a caller who reads large
//! payloads straight into that memory ([`Receiver::slot`]) saves the copy as well.
//!
//! *Sending.* [`encode_header`], [`Mask`] and [`close_payload`] make the bytes of a frame,
//! [`Fragments`] picks the opcodes of a fragmented message.
//!
//! *Compressing.* [`deflate`] is permessage-deflate (RFC 7692): its negotiation, and what it does
//! to payloads.
//!
//! *Opening.* [`handshake`] builds and reads both sides of the HTTP upgrade.
//!
//! Nothing here knows sockets, clocks, locks, C types or logging. Memory grows with the bytes
//! received, never with a length that a peer merely declares.
#![forbid(unsafe_code)]

pub mod close;
pub mod deflate;
pub mod error;
pub mod fragments;
pub mod gate;
pub mod handshake;
pub mod header;
pub mod item;
pub mod mask;
pub mod opcode;
pub mod payload;
pub mod receive;
pub mod rules;
pub mod utf8;

pub use close::close_payload;
pub use error::Error;
pub use fragments::Fragments;
pub use handshake::{
    Asked, Method, Page, Refusal, Request, RequestFields, RequestReader, RequestRules, Response,
    ResponseError, ResponseErrorKind, ResponseReader, accept_key, build_page, build_refusal,
    build_request, build_response, encode_key,
};

pub use header::{MAX_HEADER, encode_header};
pub use item::{Close, Data, Item};
pub use mask::Mask;
pub use opcode::{BINARY, CLOSE, PING, PONG, TEXT};
pub use payload::Payload;
pub use receive::Receiver;
pub use rules::{Delivery, Role, Rules};
pub use utf8::Utf8;
