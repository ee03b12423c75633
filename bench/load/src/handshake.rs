//! The opening handshake, with the key of RFC 6455 §1.3.

use std::io;

use crate::stream::ReadWrite;

pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
Origin: http://localhost\r\nSec-WebSocket-Version: 13\r\n\r\n";

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Whether these bytes end a response; an error if it is not the one wanted.
pub fn is_complete(response: &[u8]) -> io::Result<bool> {
    if !response.ends_with(b"\r\n\r\n") {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(response);
    if text.starts_with("HTTP/1.1 101 ") && text.contains(ACCEPT) {
        Ok(true)
    } else {
        Err(io::Error::other(format!("the server answered: {text}")))
    }
}

/// Over a blocking stream.
pub fn upgrade(stream: &mut dyn ReadWrite) -> io::Result<()> {
    stream.write_all(REQUEST)?;
    let mut response = Vec::new();
    let mut byte = [0];
    while !is_complete(&response)? {
        stream.read_exact(&mut byte)?;
        response.push(byte[0]);
    }
    Ok(())
}

/// Over a blocking stream; nothing for a raw server.
pub fn begin(raw: bool) -> impl Fn(&mut dyn ReadWrite) -> io::Result<()> {
    move |stream| if raw { Ok(()) } else { upgrade(stream) }
}
