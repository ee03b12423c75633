//! A connection: its handshake, what arrives on it and what it is told to send.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::handshake::HandshakeRole;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::tls::Tls;

const PROTOCOL: &str = "Sec-WebSocket-Protocol";
/// How long the end of the program waits for the peer's close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Plain, or with TLS.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

type Socket = WebSocket<Box<dyn Stream>>;

/// Prints an event.
pub fn say<T: Display>(what: &str, words: impl IntoIterator<Item = T>) {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    println!("{what} {}", words.join(" "));
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(word: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&word[at..at + 2], 16).expect("hexadecimal digits");
    (0..word.len() / 2).map(|i| digit(2 * i)).collect()
}

/// The outcome of a handshake.
pub struct Handshake {
    pub socket: Socket,
    pub protocol: String,
}

impl Handshake {
    /// A server's, which agrees to one sub-protocol.
    pub fn accept(
        stream: TcpStream,
        tls: Option<&Tls>,
        offered: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut protocol = String::new();
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => Box::new(tls.accept(stream)?),
            None => Box::new(stream),
        };
        #[expect(clippy::result_large_err, reason = "tungstenite's type of a callback")]
        let choose = |request: &Request, mut answer: Response| -> Result<Response, ErrorResponse> {
            let wanted = request
                .headers()
                .get(PROTOCOL)
                .and_then(|value| value.to_str().ok());
            let mut wanted = wanted.unwrap_or_default().split(',').map(str::trim);
            if let Some(agreed) = offered.filter(|offered| wanted.any(|name| name == *offered)) {
                answer
                    .headers_mut()
                    .insert(PROTOCOL, agreed.parse().expect("a token"));
                protocol = agreed.to_owned();
            }
            Ok(answer)
        };
        let socket = tungstenite::accept_hdr(stream, choose).map_err(failure)?;
        Ok(Self { socket, protocol })
    }

    /// A client's.
    pub fn connect(
        stream: TcpStream,
        tls: Option<&Tls>,
        (address, port, path): (&str, &str, &str),
        protocols: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let host = format!("{address}:{port}");
        let mut request = http::Request::get(format!("ws://{host}{path}"))
            .header("Host", host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        if let Some(protocols) = protocols {
            request = request.header(PROTOCOL, protocols);
        }
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => Box::new(tls.connect(address, stream)?),
            None => Box::new(stream),
        };
        let (socket, answer) = tungstenite::client(request.body(())?, stream).map_err(failure)?;
        let protocol = answer
            .headers()
            .get(PROTOCOL)
            .map_or(Ok(""), |value| value.to_str())?;
        Ok(Self {
            socket,
            protocol: protocol.to_owned(),
        })
    }
}

fn failure<R: HandshakeRole>(error: HandshakeError<R>) -> Box<dyn Error> {
    match error {
        HandshakeError::Failure(error) => error.into(),
        HandshakeError::Interrupted(_) => "a blocking handshake was interrupted".into(),
    }
}

pub struct Connection {
    socket: Socket,
    tcp: TcpStream,
    /// Status and reason of the peer's close frame.
    closed: (u16, String),
    over: bool,
}

impl Connection {
    pub fn new(socket: Socket, tcp: TcpStream) -> Self {
        Self {
            socket,
            tcp,
            closed: (1006, String::new()),
            over: false,
        }
    }

    /// Reads what is there, writes what can be written.
    pub fn progress(&mut self) {
        while !self.over {
            match self.socket.read() {
                Ok(message) => self.report(message),
                Err(error) => {
                    self.look_at(error);
                    break;
                }
            }
        }
        let flushed = self.socket.flush();
        self.check(flushed);
    }

    fn report(&mut self, message: Message) {
        match message {
            Message::Text(text) => say("message text", [hex(text.as_bytes())]),
            Message::Binary(data) => say("message binary", [hex(&data)]),
            Message::Ping(data) => say("ping", [hex(&data)]),
            Message::Pong(data) => say("pong", [hex(&data)]),
            Message::Close(Some(frame)) => {
                self.closed = (frame.code.into(), frame.reason.to_string());
            }
            Message::Close(None) => self.closed = (1005, String::new()),
            Message::Frame(_) => {}
        }
    }

    /// What isn't for lack of room or bytes is the end of the connection.
    fn look_at(&mut self, error: tungstenite::Error) {
        if matches!(&error, tungstenite::Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
        {
            return;
        }
        if !self.over {
            self.over = true;
            say(
                "closed",
                [&self.closed.0.to_string(), &hex(self.closed.1.as_bytes())],
            );
        }
    }

    fn check(&mut self, result: tungstenite::Result<()>) {
        if let Err(error) = result {
            self.look_at(error);
        }
    }

    pub fn obey(&mut self, line: &str) {
        let mut words = line.split(' ');
        let command = words.next().unwrap_or_default();
        let result = match (command, words.next()) {
            ("send" | "fragments", Some(kind)) => self.send(kind, &words.collect::<Vec<_>>()),
            ("ping", Some(payload)) => self.socket.send(Message::Ping(bytes(payload).into())),
            ("close", status) => self.socket.close(status.map(|status| {
                CloseFrame {
                    code: status.parse::<u16>().unwrap_or_default().into(),
                    reason: String::from_utf8(words.next().map(bytes).unwrap_or_default())
                        .unwrap_or_default()
                        .into(),
                }
            })),
            _ => return say("error:", [line]),
        };
        self.check(result);
        // The room of the socket may have been waited for in vain: that event is told only once.
        self.progress();
    }

    /// A message in one frame or several.
    fn send(&mut self, kind: &str, parts: &[&str]) -> tungstenite::Result<()> {
        let first = if kind == "text" {
            Data::Text
        } else {
            Data::Binary
        };
        for (i, part) in parts.iter().enumerate() {
            let opcode = OpCode::Data(if i == 0 { first } else { Data::Continue });
            let frame = Frame::message(bytes(part.trim_matches('-')), opcode, i + 1 == parts.len());
            match self.socket.write(Message::Frame(frame)) {
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                result => result?,
            }
        }
        self.socket.flush()
    }

    /// Closes in good order.
    pub fn end(mut self) -> Result<(), Box<dyn Error>> {
        if self.over {
            return Ok(());
        }
        self.tcp.set_nonblocking(false)?;
        self.tcp.set_read_timeout(Some(GOODBYE))?;
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
        while self.socket.read().is_ok() {}
        io::stdout().flush()?;
        Ok(())
    }
}
