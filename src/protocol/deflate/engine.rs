//! The two engines, on zlib-rs.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Status};

use super::MAX_WINDOW_BITS;
use crate::protocol::Error;

/// Makes a raw DEFLATE stream.
pub struct Compressor(Deflate);

/// Reads one.
pub struct Decompressor(Inflate);

/// What one call of the decompressor did.
pub struct Step {
    /// Bytes of input taken.
    pub taken: usize,
    /// Bytes of output made.
    pub made: usize,
    /// The stream ended with a final block.
    pub ended: bool,
}

/// Halfway: saves a third of the memory (100 KB) of zlib's default and nothing worth measuring in
/// speed or size, since every message is flushed.
const MEM_LEVEL: i32 = 5;

impl Compressor {
    pub fn new(level: u8, window_bits: u8) -> Self {
        Self(Deflate::new_with_config(DeflateConfig {
            level: i32::from(level),
            // Negative: no zlib header around the stream.
            window_bits: -i32::from(window_bits),
            mem_level: MEM_LEVEL,
            ..DeflateConfig::default()
        }))
    }

    /// Appends `input`, compressed, to `out`, up to and including an empty stored block, behind
    /// which a decompressor has seen everything and the next byte begins afresh.
    pub fn flush(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        let engine = &mut self.0;
        loop {
            let room = input.len() / 2 + SPARE;
            let start = out.len();
            out.resize(start + room, 0);
            let (taken, made) = (engine.total_in(), engine.total_out());
            let status = engine.compress(input, &mut out[start..], DeflateFlush::SyncFlush);
            debug_assert!(
                status.is_ok(),
                "the stream is in order, and input always welcome"
            );
            let made = (engine.total_out() - made) as usize;
            input = &input[(engine.total_in() - taken) as usize..];
            out.truncate(start + made);
            // Output left unused means that there is no more.
            if made < room {
                return;
            }
        }
    }
}

/// Room for what short input may grow by.
const SPARE: usize = 64;

impl Decompressor {
    pub fn new() -> Self {
        // The window costs the same whatever its size, and a larger one than agreed on reads
        // everything the agreed one does.
        Self(Inflate::new(false, MAX_WINDOW_BITS))
    }

    /// Takes input and makes output as far as both last.
    pub fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Error> {
        let engine = &mut self.0;
        let (taken, made) = (engine.total_in(), engine.total_out());
        let status = engine.decompress(input, out, InflateFlush::SyncFlush);
        let ended = match status {
            Ok(status) => status == Status::StreamEnd,
            Err(InflateError::MemError) => return Err(Error::OutOfMemory),
            Err(_) => return Err(Error::CorruptDeflate),
        };
        let step = Step {
            taken: (engine.total_in() - taken) as usize,
            made: (engine.total_out() - made) as usize,
            ended,
        };
        if ended {
            engine.reset(false);
        }
        Ok(step)
    }
}
