//! Connections set up and closed: TCP, upgrade, close frames, end of stream.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::handshake;
use crate::options::Options;
use crate::stream::Connector;

/// A masked close frame with status 1000, and the answer to it.
const CLOSE: &[u8] = b"\x88\x82\x00\x00\x00\x00\x03\xe8";
const CLOSED: &[u8] = b"\x88\x02\x03\xe8";

enum Stage {
    Connecting,
    Upgrading,
    Closing,
}

struct Attempt {
    tcp: TcpStream,
    stage: Stage,
    received: Vec<u8>,
}

impl Attempt {
    fn start(connector: &Connector, poll: &Poll, slot: usize) -> io::Result<Self> {
        let mut tcp = connector.start()?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut tcp, Token(slot), both)?;
        Ok(Self {
            tcp,
            stage: Stage::Connecting,
            received: Vec::with_capacity(256),
        })
    }

    /// Goes on as far as possible; true when the server has closed the connection as it should.
    fn step(&mut self) -> io::Result<bool> {
        if matches!(self.stage, Stage::Connecting) {
            if let Some(error) = self.tcp.take_error()? {
                return Err(error);
            }
            match self.tcp.write(handshake::REQUEST) {
                Ok(n) if n == handshake::REQUEST.len() => self.stage = Stage::Upgrading,
                Ok(_) => return Err(io::Error::other("a short write of a request")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                Err(error) => return Err(error),
            }
            return Ok(false);
        }
        let mut buffer = [0; 512];
        loop {
            match self.tcp.read(&mut buffer) {
                Ok(0) => {
                    let complete = matches!(self.stage, Stage::Closing) && self.received == CLOSED;
                    return if complete {
                        Ok(true)
                    } else {
                        Err(io::Error::other("the server closed too early"))
                    };
                }
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if matches!(self.stage, Stage::Upgrading) && handshake::is_complete(&self.received)? {
                self.stage = Stage::Closing;
                self.received.clear();
                self.tcp.write_all(CLOSE)?;
            }
        }
    }
}

pub fn run(options: &Options) -> io::Result<()> {
    let connector = Connector::new(options.port, false)?;
    let mut poll = Poll::new()?;
    let mut attempts = (0..options.connections)
        .map(|slot| Attempt::start(&connector, &poll, slot))
        .collect::<io::Result<Vec<_>>>()?;
    let warm = Instant::now() + options.warm_up();
    let end = warm + options.duration;
    let mut measured = None;
    let (mut done, mut before) = (0_u64, 0);
    let mut events = Events::with_capacity(1024);
    let (begun, ended) = loop {
        poll.poll(&mut events, Some(Duration::from_secs(5)))?;
        let now = Instant::now();
        if events.is_empty() {
            return Err(io::Error::other("the server has fallen silent"));
        }
        if measured.is_none() && now >= warm {
            measured = Some(now);
            before = done;
        }
        if let Some(begun) = measured.filter(|_| now >= end) {
            break (begun, now);
        }
        for event in &events {
            let slot = event.token().0;
            if attempts[slot].step()? {
                attempts[slot] = Attempt::start(&connector, &poll, slot)?;
                done += 1;
            }
        }
    };
    let rate = (done - before) as f64 / (ended - begun).as_secs_f64();
    println!("{{\"rate\": {rate:.1}, \"total\": {done}}}");
    Ok(())
}
