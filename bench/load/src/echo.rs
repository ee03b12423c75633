//! Echoes: `depth` messages in flight on every connection, each reply checked. A reply may be a burst
//! of messages, which is only compared.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::handshake;
use crate::idle;
use crate::latency::Latency;
use crate::options::{Command, Options};
use crate::script::Script;
use crate::stream::{Connector, Stream};

/// How every connection is loaded.
struct Load {
    depth: u64,
    canned: bool,
}

/// What is handed to the kernel at once, at most.
const CHUNK: u64 = 256 * 1024;

struct Conn {
    stream: Stream,
    /// Frames made and not sent yet, from `unsent.1` on; unless they are canned.
    unsent: (Vec<u8>, usize),
    /// Messages made so far.
    made: u64,
    /// The beginning of a reply.
    partial: Vec<u8>,
    /// Position in the stream of requests, and of replies.
    sent: u64,
    got: u64,
    /// When each of the messages in flight was sent.
    begun: Vec<Instant>,
}

pub fn run(options: &Options) -> io::Result<()> {
    let script = Script::new(options);
    let load = Load {
        depth: options.depth as u64,
        canned: options.canned || options.command == Command::Push,
    };
    let connector = Connector::new(options.port, options.tls)?;
    let mut poll = Poll::new()?;
    let quiet = idle::open(options, &connector, options.idle)?;
    let mut conns = Vec::with_capacity(options.connections);
    for i in 0..options.connections {
        let mut stream = connector.open(handshake::begin(options.raw))?;
        stream.register(&poll, i)?;
        conns.push(Conn {
            stream,
            unsent: (Vec::new(), 0),
            made: 0,
            partial: Vec::new(),
            sent: 0,
            got: 0,
            begun: vec![Instant::now(); options.depth],
        });
    }
    let mut buffer = vec![0; CHUNK as usize];
    let mut latency = Latency::new();
    let warm = Instant::now() + options.warm_up();
    let end = warm + options.duration;
    let mut measured = None;
    let (mut messages, mut before) = (0, 0);
    for conn in &mut conns {
        conn.send(&script, &load)?;
    }
    let mut events = Events::with_capacity(1024);
    let (begun, ended) = loop {
        poll.poll(&mut events, Some(Duration::from_secs(5)))?;
        if events.is_empty() {
            return Err(io::Error::other("the server has fallen silent"));
        }
        let now = Instant::now();
        if measured.is_none() && now >= warm {
            measured = Some(now);
            before = messages;
            latency = Latency::new();
        }
        if let Some(begun) = measured.filter(|_| now >= end) {
            break (begun, now);
        }
        for event in &events {
            let conn = &mut conns[event.token().0];
            messages += conn.receive(&script, &load, &mut buffer, &mut latency)?;
            conn.send(&script, &load)?;
        }
    };
    drop(quiet);
    let burst = options.burst as u64;
    let rate = (burst * (messages - before)) as f64 / (ended - begun).as_secs_f64();
    print!(
        "{{\"rate\": {rate:.1}, \"total\": {}, \"mb_per_s\": {:.2}",
        burst * messages,
        rate * options.size as f64 / 1e6,
    );
    // Of a burst there is none that would say anything of a message.
    if burst == 1 {
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99_9", 99.9)] {
            print!(", \"{name}_us\": {:.1}", latency.percentile(percent));
        }
    }
    println!("}}");
    Ok(())
}

impl Conn {
    /// Sends what may be in flight beyond what is.
    fn send(&mut self, script: &Script, load: &Load) -> io::Result<()> {
        let record = script.requests.record();
        let allowed = (self.got / script.replies.record() + load.depth) * record;
        if self.sent == allowed {
            return Ok(());
        }
        let now = Instant::now();
        while self.sent < allowed {
            let n = if load.canned {
                let most = (allowed - self.sent).min(CHUNK);
                self.stream.write(script.requests.from(self.sent, most))
            } else {
                self.make(script, allowed / record);
                self.stream.write(&self.unsent.0[self.unsent.1..])
            };
            let n = match n {
                Ok(n) => n as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.unsent.1 += n as usize;
            let first = self.sent.div_ceil(record);
            self.sent += n;
            for message in first..self.sent.div_ceil(record) {
                self.begun[(message % load.depth) as usize] = now;
            }
        }
        Ok(())
    }

    /// Makes frames up to message `end`, unless there are some.
    fn make(&mut self, script: &Script, end: u64) {
        let (frames, written) = &mut self.unsent;
        if *written < frames.len() {
            return;
        }
        frames.clear();
        *written = 0;
        while self.made < end && frames.len() < CHUNK as usize {
            script.build(self.made, frames);
            self.made += 1;
        }
    }

    /// Takes and checks what has come; returns how many messages that completes.
    fn receive(
        &mut self,
        script: &Script,
        load: &Load,
        buffer: &mut [u8],
        latency: &mut Latency,
    ) -> io::Result<u64> {
        let record = script.replies.record();
        let before = self.got / record;
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(io::Error::other("the server closed the connection")),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            let right = if load.canned {
                script.replies.matches(self.got, &buffer[..n])
            } else {
                self.check(script, &mut buffer[..n])
            };
            if !right {
                return Err(io::Error::other(format!(
                    "wrong reply within {n} bytes at byte {} of the stream",
                    self.got
                )));
            }
            let done = self.got / record;
            self.got += n as u64;
            let now = Instant::now();
            for message in done..self.got / record {
                latency.add(now - self.begun[message as usize % self.begun.len()]);
            }
            if n < buffer.len() && !self.stream.is_buffered() {
                break;
            }
        }
        Ok(self.got / record - before)
    }

    /// Takes the replies apart that `bytes` complete.
    fn check(&mut self, script: &Script, mut bytes: &mut [u8]) -> bool {
        let record = script.replies.record() as usize;
        let mut number = self.got / record as u64;
        if !self.partial.is_empty() {
            let missing = (record - self.partial.len()).min(bytes.len());
            let (now, later) = bytes.split_at_mut(missing);
            self.partial.extend_from_slice(now);
            bytes = later;
            if self.partial.len() < record {
                return true;
            }
            if !script.is_answer(number, &mut self.partial) {
                return false;
            }
            self.partial.clear();
            number += 1;
        }
        let mut replies = bytes.chunks_exact_mut(record);
        let right = (&mut replies)
            .zip(number..)
            .all(|(reply, number)| script.is_answer(number, reply));
        self.partial.extend_from_slice(replies.into_remainder());
        right
    }
}
