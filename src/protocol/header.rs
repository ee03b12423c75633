//! The frame header (RFC 6455 §5.2): 2 bytes, a longer length of 2 or 8 bytes, a key of 4 bytes.

use super::gate::Gate;
use super::{Error, Role};

/// A received header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub fin: bool,
    pub opcode: u8,
    /// It belongs to a compressed message.
    pub compressed: bool,
    pub mask: Option<[u8; 4]>,
    /// Payload bytes that follow.
    pub len: u64,
    /// Bytes of the header itself.
    pub size: usize,
}

/// The first two bytes.
#[derive(Clone, Copy)]
pub struct Start {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub masked: bool,
    /// The length, or which longer form it has.
    pub short_len: u8,
}

/// The longest header there is.
pub const MAX_HEADER: usize = 14;

pub const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
/// The reserved bit that permessage-deflate gives a meaning.
pub const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
pub const MASK: u8 = 0x80;
const LEN: u8 = 0x7f;
/// A length of 16 bits follows.
pub const LEN_16: u8 = 126;
/// A length of 64 bits follows.
pub const LEN_64: u8 = 127;

impl Header {
    /// Reads a header from the front of `bytes`; None while it is incomplete. `gate` judges each
    /// part as soon as it is there.
    #[inline]
    pub fn read(bytes: &[u8], gate: &Gate<'_>) -> Result<Option<Self>, Error> {
        let Some(start) = Start::read(bytes) else {
            return Ok(None);
        };
        gate.check_start(start)?;
        let Some(len) = start.len(bytes) else {
            return Ok(None);
        };
        gate.check_length(start, len)?;
        let size = start.header_size();
        let Some(header) = bytes.get(..size) else {
            return Ok(None);
        };
        let mask = header.last_chunk().copied().filter(|_| start.masked);
        Ok(Some(Self {
            fin: start.fin,
            opcode: start.opcode,
            compressed: gate.compresses(start),
            mask,
            len,
            size,
        }))
    }
}

impl Start {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second] = bytes.first_chunk()?;
        Some(Self {
            fin: first & FIN != 0,
            rsv: first & RSV,
            opcode: first & OPCODE,
            masked: second & MASK != 0,
            short_len: second & LEN,
        })
    }

    /// Whether `len` would have fitted a shorter form: "the minimal number of bytes MUST be used
    /// to encode the length".
    pub fn is_wasteful(self, len: u64) -> bool {
        match self.short_len {
            LEN_16 => len < u64::from(LEN_16),
            LEN_64 => u16::try_from(len).is_ok(),
            _ => false,
        }
    }

    /// The payload length, "in network byte order"; None while it is incomplete.
    fn len(self, bytes: &[u8]) -> Option<u64> {
        let behind = bytes.get(2..)?;
        match self.short_len {
            LEN_16 => behind
                .first_chunk()
                .map(|&len| u16::from_be_bytes(len).into()),
            LEN_64 => behind.first_chunk().map(|&len| u64::from_be_bytes(len)),
            len => Some(len.into()),
        }
    }

    fn header_size(self) -> usize {
        let longer = match self.short_len {
            LEN_16 => 2,
            LEN_64 => 8,
            _ => 0,
        };
        2 + longer + if self.masked { 4 } else { 0 }
    }
}

/// How many bytes a frame has at least, judged by its first ones. More than these may belong to
/// another frame.
pub fn least_size(bytes: &[u8], role: Role) -> usize {
    let Some(start) = Start::read(bytes) else {
        // Frames to a server are masked, or refused: no header has less than 6 bytes.
        return match role {
            Role::Client => 2,
            Role::Server => 6,
        };
    };
    let payload = start.len(bytes).unwrap_or(0);
    start
        .header_size()
        .saturating_add(usize::try_from(payload).unwrap_or(usize::MAX))
}

/// Writes a header to the front of `out`, with the shortest form of the length; returns its size.
pub fn encode_header(
    out: &mut [u8; MAX_HEADER],
    fin: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    len: u64,
) -> usize {
    out[0] = (opcode & OPCODE) | if fin { FIN } else { 0 };
    let (short, mut size) = if len < u64::from(LEN_16) {
        (len as u8, 2)
    } else if let Ok(len) = u16::try_from(len) {
        out[2..4].copy_from_slice(&len.to_be_bytes());
        (LEN_16, 4)
    } else {
        out[2..10].copy_from_slice(&len.to_be_bytes());
        (LEN_64, 10)
    };
    out[1] = short;
    if let Some(key) = mask {
        out[1] |= MASK;
        out[size..size + 4].copy_from_slice(&key);
        size += 4;
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Delivery, Rules};

    const KEY: [u8; 4] = [1, 2, 3, 4];

    const RULES: Rules = Rules {
        strict: true,
        max_frame: u64::MAX,
        delivery: Delivery::Frames,
        max_message: 0,
    };

    fn gate(role: Role) -> Gate<'static> {
        Gate {
            role,
            rules: &RULES,
            open: false,
            deflates: false,
            compressed: false,
            joined: 0,
        }
    }

    #[test]
    fn the_shortest_form_of_every_length() {
        for (len, mask, expected) in [
            (0, None, &[0x82, 0][..]),
            (125, None, &[0x82, 125]),
            (126, None, &[0x82, 126, 0, 126]),
            (65535, None, &[0x82, 126, 0xff, 0xff]),
            (65536, None, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (0, Some(KEY), &[0x82, 0x80, 1, 2, 3, 4]),
            (126, Some(KEY), &[0x82, 0xfe, 0, 126, 1, 2, 3, 4]),
            (
                1 << 40,
                Some(KEY),
                &[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            ),
        ] {
            let mut out = [0xee; MAX_HEADER];
            let size = encode_header(&mut out, true, 2, mask, len);
            assert_eq!(out[..size], *expected);

            let role = if mask.is_some() {
                Role::Server
            } else {
                Role::Client
            };
            for cut in 0..size {
                assert_eq!(Header::read(&out[..cut], &gate(role)), Ok(None));
            }
            let header = Header {
                fin: true,
                opcode: 2,
                compressed: false,
                mask,
                len,
                size,
            };
            assert_eq!(Header::read(&out, &gate(role)), Ok(Some(header)));
        }
    }

    #[test]
    fn first_byte() {
        let mut out = [0; MAX_HEADER];
        for (fin, opcode, first) in [(true, 1, 0x81), (false, 0, 0), (true, 0xf, 0x8f)] {
            encode_header(&mut out, fin, opcode, None, 0);
            assert_eq!(out[0], first);
        }
        // Only the low four bits are an opcode.
        encode_header(&mut out, true, 0x7a, None, 0);
        assert_eq!(out[0], 0x8a);
    }

    #[test]
    fn the_least_size_grows_with_what_is_known() {
        let mut out = [0; MAX_HEADER];
        let size = encode_header(&mut out, true, 2, Some(KEY), 300);
        let known = [6, 6, 8, 8, 308, 308, 308, 308, 308];
        for (cut, known) in (0..=size).zip(known) {
            assert_eq!(least_size(&out[..cut], Role::Server), known, "{cut}");
        }
        let size = encode_header(&mut out, true, 2, None, 70_000);
        let known = [2, 2, 10, 10, 10, 10, 10, 10, 10, 10, 70_010];
        for (cut, known) in (0..=size).zip(known) {
            assert_eq!(least_size(&out[..cut], Role::Client), known, "{cut}");
        }
        assert_eq!(least_size(&[0x82, 5], Role::Client), 7);
        let huge = [0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(least_size(&huge, Role::Client), usize::MAX);
    }
}
