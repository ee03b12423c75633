//! What every connection sends, and what must come back.
//!
//! Both are rings of messages of one size, each with its own contents and masking key, so that a
//! reply that is late, lost or changed can't pass for another one.

use crate::options::{Command, Options};
use crate::text::text;

/// A ring of equally long records, laid out twice, so that any run of up to the ring's length is
/// one slice.
pub struct Ring {
    bytes: Vec<u8>,
    record: usize,
    length: usize,
}

impl Ring {
    fn new(records: &[Vec<u8>]) -> Self {
        let once = records.concat();
        Self {
            record: records[0].len(),
            length: once.len(),
            bytes: [once.as_slice(), once.as_slice()].concat(),
        }
    }

    /// Bytes of one record.
    pub fn record(&self) -> u64 {
        self.record as u64
    }

    /// The bytes from a position of the endless stream on, `most` at most.
    pub fn from(&self, position: u64, most: u64) -> &[u8] {
        let start = (position % self.length as u64) as usize;
        let size = usize::try_from(most).unwrap_or(usize::MAX).min(self.length);
        &self.bytes[start..start + size]
    }

    /// Whether `bytes` are what stands at a position of the stream.
    pub fn matches(&self, mut position: u64, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let expected = self.from(position, bytes.len() as u64);
            let (now, later) = bytes.split_at(expected.len());
            if now != expected {
                return false;
            }
            position += now.len() as u64;
            bytes = later;
        }
        true
    }
}

pub struct Script {
    pub requests: Ring,
    pub replies: Ring,
    messages: Vec<Vec<u8>>,
    first: u8,
    raw: bool,
}

/// So many different messages, unless they are large.
const MESSAGES: usize = 61;
const RING_BYTES: usize = 4 * 1024 * 1024;

impl Script {
    pub fn new(options: &Options) -> Self {
        match options.command {
            Command::Push => Self::push(options),
            _ => Self::echo(options),
        }
    }

    /// Short requests; what answers each is one record of many messages, laid out by the server.
    fn push(options: &Options) -> Self {
        let request = frame(0x82, Some(key(0)), b"go ahead");
        let burst: Vec<_> = (0..options.burst)
            .map(|i| frame(0x82, None, &binary(i, options.size)))
            .collect();
        Self {
            requests: Ring::new(&[request]),
            replies: Ring::new(&[burst.concat()]),
            messages: Vec::new(),
            first: 0x82,
            raw: options.raw,
        }
    }

    fn echo(options: &Options) -> Self {
        let count = (RING_BYTES / options.size.max(1)).clamp(1, MESSAGES);
        let messages: Vec<_> = (0..count)
            .map(|i| {
                if options.text {
                    text(i, options.size)
                } else {
                    binary(i, options.size)
                }
            })
            .collect();
        let first = if options.text { 0x81 } else { 0x82 };
        let frames: Vec<_> = (0..)
            .zip(&messages)
            .map(|(i, message)| frame(first, Some(key(i)), message))
            .collect();
        let replies: Vec<_> = if options.raw {
            frames.clone()
        } else {
            messages.iter().map(|m| frame(first, None, m)).collect()
        };
        Self {
            requests: Ring::new(&frames),
            replies: Ring::new(&replies),
            messages,
            first,
            raw: options.raw,
        }
    }

    fn message(&self, number: u64) -> &[u8] {
        &self.messages[(number % self.messages.len() as u64) as usize]
    }

    /// Appends a message as a client sends it: in a frame made for it, under a key of its own.
    pub fn build(&self, number: u64, out: &mut Vec<u8>) {
        let payload = self.message(number);
        let key = key(number);
        header(self.first, Some(key), payload.len(), out);
        let start = out.len();
        out.extend_from_slice(payload);
        mask(key, &mut out[start..]);
    }

    /// Whether `reply`, a whole record, answers a message; takes it apart as a client does.
    pub fn is_answer(&self, number: u64, reply: &mut [u8]) -> bool {
        let payload = self.message(number);
        let mut expected = Vec::with_capacity(14);
        let key = self.raw.then(|| key(number));
        header(self.first, key, payload.len(), &mut expected);
        let (head, body) = reply.split_at_mut(expected.len());
        if let Some(key) = key {
            mask(key, body);
        }
        head == expected && body == payload
    }
}

/// Differs from message to message, and is known when the reply comes.
fn key(number: u64) -> [u8; 4] {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 32) as u32).to_ne_bytes()
}

fn mask(key: [u8; 4], bytes: &mut [u8]) {
    let half = u64::from(u32::from_ne_bytes(key));
    let word = half << 32 | half;
    let mut words = bytes.chunks_exact_mut(8);
    for chunk in &mut words {
        let mut plain = [0; 8];
        plain.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(plain) ^ word).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

fn header(first: u8, key: Option<[u8; 4]>, size: usize, out: &mut Vec<u8>) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.push(first);
    match size {
        0..=125 => out.push(masked | size as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(key.as_ref().map_or(&[], |key| key));
}

fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    header(first, key, payload.len(), &mut frame);
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask(key.unwrap_or_default(), &mut frame[start..]);
    frame
}

fn binary(i: usize, size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at * 31 + at / 251 + i * 7) as u8)
        .collect()
}
