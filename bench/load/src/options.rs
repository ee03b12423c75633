//! The command line.

use std::time::Duration;

pub const USAGE: &str = "\
usage: load echo|sink|push|setup|idle [OPTION]... PORT

  --connections N  how many at once (50)
  --depth N        messages in flight per connection (1); push: requests
  --burst N        push: messages that answer a request (64)
  --size BYTES     of a message (100)
  --text           text messages, of several scripts; otherwise binary ones
  --canned         send frames that were built beforehand and only compare what comes back;
                   otherwise each frame is built, masked, parsed and checked, as a client does
  --raw            no WebSocket: the server sends back what it gets
  --tls            TLS 1.3
  --idle N         echo: so many more connections that stay idle (0)
  --seconds S      how long to measure (3), after half a second, or a fifth of S, to warm up";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Echo,
    Sink,
    Push,
    Setup,
    Idle,
}

#[derive(Clone)]
pub struct Options {
    pub command: Command,
    pub port: u16,
    pub connections: usize,
    pub depth: usize,
    pub burst: usize,
    pub size: usize,
    pub text: bool,
    pub canned: bool,
    pub raw: bool,
    pub tls: bool,
    pub idle: usize,
    pub duration: Duration,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let command = match arguments.next().as_deref() {
            Some("echo") => Command::Echo,
            Some("sink") => Command::Sink,
            Some("push") => Command::Push,
            Some("setup") => Command::Setup,
            Some("idle") => Command::Idle,
            other => return Err(format!("no command: {other:?}")),
        };
        let mut options = Self {
            command,
            port: 0,
            connections: 50,
            depth: 1,
            burst: if command == Command::Push { 64 } else { 1 },
            size: 100,
            text: false,
            canned: false,
            raw: false,
            tls: false,
            idle: 0,
            duration: Duration::from_secs(3),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--connections" => options.connections = number(&value()?)?,
                "--depth" => options.depth = number(&value()?)?,
                "--burst" => options.burst = number(&value()?)?,
                "--size" => options.size = number(&value()?)?,
                "--text" => options.text = true,
                "--canned" => options.canned = true,
                "--raw" => options.raw = true,
                "--tls" => options.tls = true,
                "--idle" => options.idle = number(&value()?)?,
                "--seconds" => options.duration = Duration::from_secs_f64(number(&value()?)?),
                port => options.port = number(port)?,
            }
        }
        Ok(options)
    }

    /// What passes before measuring begins.
    pub fn warm_up(&self) -> Duration {
        (self.duration / 5).min(Duration::from_millis(500))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}
