//! What every connection sends, and what must come back.
//!
//! Both are rings of messages of one size, each with its own contents and masking key, so that a
//! reply that is late, lost or changed can't pass for another one.

use crate::options::Options;

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
}

/// So many different messages, unless they are large.
const MESSAGES: usize = 61;
const RING_BYTES: usize = 4 * 1024 * 1024;

impl Script {
    pub fn new(options: &Options) -> Self {
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
            .map(|(i, message)| {
                let key = (0x9e37_79b9_u32.wrapping_mul(i + 1)).to_be_bytes();
                frame(first, Some(key), message)
            })
            .collect();
        let replies: Vec<_> = if options.raw {
            frames.clone()
        } else {
            messages.iter().map(|m| frame(first, None, m)).collect()
        };
        Self {
            requests: Ring::new(&frames),
            replies: Ring::new(&replies),
        }
    }
}

fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(mask | len as u8),
        len @ 126..=0xffff => {
            frame.push(mask | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = key.inspect(|key| frame.extend(key)).unwrap_or_default();
    let masked = payload.iter().zip(key.iter().cycle());
    frame.extend(masked.map(|(byte, key)| byte ^ key));
    frame
}

fn binary(i: usize, size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at * 31 + at / 251 + i * 7) as u8)
        .collect()
}

/// Text with characters of every length; the pattern a fast validator of ASCII can't skip over.
fn text(i: usize, size: usize) -> Vec<u8> {
    const LINES: [&str; 4] = [
        "The quick brown fox jumps over the lazy dog. ",
        "Größere Übungen für Köche, naïve façades. ",
        "Το γρήγορο καφέ αλεπού πηδάει. ",
        "いろはにほへと ちりぬるを 😀🎉 ",
    ];
    let mut text = format!("{i} ");
    let mut lines = LINES.iter().cycle().skip(i % LINES.len());
    'fill: while text.len() < size {
        for character in lines.next().into_iter().flat_map(|line| line.chars()) {
            if text.len() + character.len_utf8() > size {
                break 'fill;
            }
            text.push(character);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.resize(size, b'.');
    bytes
}
