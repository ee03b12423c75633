//! The opening handshake (RFC 6455 §4): an HTTP/1.1 upgrade, read line by line.
//!
//! Both readers consume input exactly up to and including the blank line, as whatever follows
//! belongs to the WebSocket stream. They hold what must be kept of the lines, and an unfinished
//! line, nothing else.

mod answer;
pub mod extensions;
mod headers;
mod key;
mod request;
mod response;

pub use answer::{build_page, build_refusal};
pub use key::{accept_key, encode_key};
pub use request::{
    Asked, Method, Page, Refusal, Request, RequestFields, RequestReader, RequestRules,
    build_request,
};
pub use response::{Response, ResponseError, ResponseErrorKind, ResponseReader, build_response};
