//! Connections that do nothing.

use std::io::{self, Read};

use crate::handshake;
use crate::options::Options;
use crate::stream::{Connector, Stream};

/// Opens `count` of them.
pub fn open(options: &Options, connector: &Connector, count: usize) -> io::Result<Vec<Stream>> {
    (0..count)
        .map(|_| connector.open(handshake::begin(options.raw)))
        .collect()
}

/// Opens connections and holds them until standard input ends.
pub fn run(options: &Options) -> io::Result<()> {
    let connector = Connector::new(options.port, options.tls)?;
    let held = open(options, &connector, options.connections)?;
    println!("{{\"connections\": {}}}", held.len());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
