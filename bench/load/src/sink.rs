//! One direction: messages as fast as the server takes them.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::handshake;
use crate::options::Options;
use crate::script::Script;
use crate::stream::Connector;

const CHUNK: u64 = 256 * 1024;
/// Chunks in a row on one connection: the server may take them for ever without a pause.
const ROW: usize = 16;

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
    let (mut bytes, mut before) = (0, 0);
    let mut events = Events::with_capacity(1024);
    // Events come once: who has not been refused a byte since is asked again without one.
    let mut ready: Vec<usize> = Vec::new();
    let (begun, ended) = loop {
        let patience = if ready.is_empty() { 5 } else { 0 };
        poll.poll(&mut events, Some(Duration::from_secs(patience)))?;
        let now = Instant::now();
        for event in &events {
            if !ready.contains(&event.token().0) {
                ready.push(event.token().0);
            }
        }
        if ready.is_empty() {
            return Err(io::Error::other("the server has stopped reading"));
        }
        if measured.is_none() && now >= warm {
            measured = Some(now);
            before = bytes;
        }
        if let Some(begun) = measured.filter(|_| now >= end) {
            break (begun, now);
        }
        let mut blocked = Vec::new();
        for &i in &ready {
            let (stream, sent) = &mut conns[i];
            for _ in 0..ROW {
                match stream.write(script.requests.from(*sent, CHUNK)) {
                    Ok(n) => {
                        *sent += n as u64;
                        bytes += n as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        blocked.push(i);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        ready.retain(|i| !blocked.contains(i));
    };
    let record = script.requests.record();
    let rate = (bytes - before) as f64 / record as f64 / (ended - begun).as_secs_f64();
    println!(
        "{{\"rate\": {rate:.1}, \"total\": {}, \"mb_per_s\": {:.2}}}",
        bytes / record,
        rate * options.size as f64 / 1e6
    );
    Ok(())
}
