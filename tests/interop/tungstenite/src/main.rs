//! tungstenite as one end of an exchange; commands and events are those of peers.py.
//!
//!     peer_tungstenite [OPTION] listen [PROTOCOL]
//!     peer_tungstenite [OPTION] connect ADDRESS PORT PATH [PROTOCOLS]
//!
//! OPTION: --tls=CERTIFICATE,KEY,CA,VERSION

mod connection;
mod tls;

use std::error::Error;
use std::io::{self, BufRead};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use connection::{Connection, Handshake, hex, say};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use tls::Tls;

const COMMANDS: Token = Token(0);
const LISTENER: Token = Token(1);
const CONNECTION: Token = Token(2);

struct Server<'a> {
    listener: TcpListener,
    tls: Option<&'a Tls>,
    protocol: Option<&'a str>,
}

struct Peer {
    poll: Poll,
    /// Here as well as with the thread that reads: with the last of them a wake-up would be lost.
    _waker: Arc<Waker>,
    commands: Receiver<String>,
    connection: Option<Connection>,
}

impl Peer {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), COMMANDS)?);
        let (sender, commands) = mpsc::channel();
        let reader_waker = Arc::clone(&waker);
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
                let _ = reader_waker.wake();
            }
            drop(sender);
            let _ = reader_waker.wake();
        });
        Ok(Self {
            poll,
            _waker: waker,
            commands,
            connection: None,
        })
    }

    /// Makes a connection the one that commands are for, and says that it is open.
    fn take(&mut self, stream: TcpStream, handshake: Handshake) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut SourceFd(&stream.as_raw_fd()), CONNECTION, interest)?;
        say("open", [hex(handshake.protocol.as_bytes())]);
        let mut connection = Connection::new(handshake.socket, stream);
        connection.progress();
        self.connection = Some(connection);
        Ok(())
    }

    /// Carries out the commands that are there; false at the end of the input.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(line) => match &mut self.connection {
                    Some(connection) => connection.obey(&line),
                    None => say("error:", ["no connection"]),
                },
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Until the end of the input; the clients of a server become the connection, one by one.
    fn run(mut self, server: Option<Server<'_>>) -> Result<(), Box<dyn Error>> {
        if let Some(server) = &server {
            let fd = server.listener.as_raw_fd();
            self.poll
                .registry()
                .register(&mut SourceFd(&fd), LISTENER, Interest::READABLE)?;
        }
        let mut events = Events::with_capacity(16);
        while self.obey() {
            self.poll.poll(&mut events, None)?;
            if events.iter().any(|event| event.token() == CONNECTION) {
                if let Some(connection) = &mut self.connection {
                    connection.progress();
                }
            }
            let Some(server) = &server else { continue };
            while let Ok((stream, _)) = server.listener.accept() {
                match Handshake::accept(stream.try_clone()?, server.tls, server.protocol) {
                    Ok(handshake) => self.take(stream, handshake)?,
                    Err(trouble) => eprintln!("{trouble}"),
                }
            }
        }
        self.connection.map_or(Ok(()), Connection::end)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let tls = match words
        .first()
        .and_then(|word| word.strip_prefix("--tls="))
        .map(Tls::new)
    {
        Some(tls) => {
            words.remove(0);
            Some(tls)
        }
        None => None,
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut peer = Peer::new()?;
    match words[..] {
        ["listen", ref protocols @ ..] => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            say("listening", [listener.local_addr()?.port().to_string()]);
            let protocol = protocols.first().copied();
            peer.run(Some(Server {
                listener,
                tls: tls.as_ref(),
                protocol,
            }))
        }
        ["connect", address, port, path, ref protocols @ ..] => {
            let stream = TcpStream::connect((address, port.parse()?))?;
            let protocols = protocols.first().copied();
            match Handshake::connect(
                stream.try_clone()?,
                tls.as_ref(),
                (address, port, path),
                protocols,
            ) {
                Ok(handshake) => peer.take(stream, handshake)?,
                Err(trouble) => match trouble.downcast_ref() {
                    Some(tungstenite::Error::Http(answer)) => {
                        say("refused", [answer.status().as_str()]);
                    }
                    _ => say("failed", [trouble.to_string()]),
                },
            }
            peer.run(None)
        }
        _ => Err("listen or connect".into()),
    }
}
