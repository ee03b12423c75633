//! Load generator: keeps connections busy (or idle), checks every byte that comes back, and prints
//! what it measured as one line of JSON.
//!
//! | command | measures |
//! |---|---|
//! | `echo` | messages per second and their latency, `--depth` of them in flight per connection |
//! | `sink` | messages per second to the server |
//! | `push` | messages per second from the server, which answers each request with `--burst` of them |
//! | `setup` | connections set up and closed per second |
//! | `idle` | nothing: opens connections and holds them until its input ends |
//!
//! It runs on one thread. By default it does what a client has to do for every message: makes the
//! frame, masks it, takes the reply apart and compares it. With `--canned` all of it is laid out
//! beforehand, and a reply is checked by comparing memory: then the server is the slower side by far.

mod echo;
mod handshake;
mod idle;
mod latency;
mod options;
mod script;
mod setup;
mod sink;
mod stream;
mod text;

use std::io;
use std::process::ExitCode;

use options::{Command, Options};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    match options.command {
        Command::Echo | Command::Push => echo::run(options),
        Command::Sink => sink::run(options),
        Command::Setup => setup::run(options),
        Command::Idle => idle::run(options),
    }
}
