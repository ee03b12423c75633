//! One direction: messages as fast as the server takes them.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::handshake;
use crate::options::Options;
use crate::script::Script;
use crate::stream::Connector;

const CHUNK: u64 = 256 * 1024;

pub fn run(options: &Options) -> io::Result<()> {
    let script = Script::new(options);
    let connector = Connector::new(options.port, options.tls)?;
    let mut poll = Poll::new()?;
    let mut conns = Vec::new();
    for i in 0..options.connections {
        let mut stream = connector.open(handshake::begin(options.raw))?;
        stream.register(&poll, i)?;
        conns.push((stream, 0_u64));
    }
    let warm = Instant::now() + options.warm_up();
    let end = warm + options.duration;
    let mut measured = None;
    let mut bytes = 0;
    let mut events = Events::with_capacity(1024);
    let (begun, ended) = loop {
        poll.poll(&mut events, Some(Duration::from_secs(5)))?;
        let now = Instant::now();
        if events.is_empty() {
            return Err(io::Error::other("the server has stopped reading"));
        }
        if measured.is_none() && now >= warm {
            measured = Some(now);
            bytes = 0;
        }
        if let Some(begun) = measured.filter(|_| now >= end) {
            break (begun, now);
        }
        for event in &events {
            let (stream, sent) = &mut conns[event.token().0];
            loop {
                match stream.write(script.requests.from(*sent, CHUNK)) {
                    Ok(n) => {
                        *sent += n as u64;
                        bytes += n as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
                if Instant::now() >= end {
                    break;
                }
            }
        }
    };
    let seconds = (ended - begun).as_secs_f64();
    let rate = bytes as f64 / script.requests.record() as f64 / seconds;
    println!(
        "{{\"rate\": {rate:.1}, \"mb_per_s\": {:.2}}}",
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}
