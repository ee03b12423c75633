//! What is sent: which frames are compressed, and how their messages hang together.

use super::engine::Compressor;
use super::{Agreement, Direction};
use crate::protocol::opcode::{BINARY, CONTINUATION, TEXT};

/// The sending half of an agreement.
pub struct Deflater {
    level: u8,
    threshold: usize,
    /// `None`: nothing is compressed.
    direction: Option<Direction>,
    engine: Option<Compressor>,
    /// The message being sent is compressed.
    packing: bool,
    /// The same before the latest frame.
    was_packing: bool,
}

/// A compressed payload.
pub struct Packed {
    pub bytes: Vec<u8>,
    /// Whether its frame has to set RSV1: the first of a message.
    pub is_first: bool,
}

/// What an empty stored block ends with.
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

impl Deflater {
    pub fn new(agreement: &Agreement) -> Self {
        Self {
            level: agreement.level,
            threshold: agreement.threshold.max(1),
            direction: agreement.send,
            engine: None,
            packing: false,
            was_packing: false,
        }
    }

    /// Whether a frame would be compressed.
    pub fn packs(&self, opcode: u8, len: usize) -> bool {
        match opcode {
            // Nothing needs no compressing.
            TEXT | BINARY => self.direction.is_some() && len >= self.threshold,
            CONTINUATION => self.packing,
            _ => false,
        }
    }

    /// Compresses the payload of a frame, or leaves it as it is. The frame must go out next, or
    /// [`Self::take_back`] be told that it doesn't.
    ///
    /// RFC 7692 §7.2.1 has the whole message compressed and cut into frames; each frame here is
    /// flushed instead, because its sender expects the peer to see it now. Only where the message
    /// ends "remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end".
    pub fn pack(&mut self, opcode: u8, fin: bool, content: &[u8]) -> Option<Packed> {
        self.was_packing = self.packing;
        let packs = self.packs(opcode, content.len());
        if matches!(opcode, TEXT | BINARY | CONTINUATION) {
            self.packing = packs && !fin;
        }
        let direction = self.direction.filter(|_| packs)?;
        let mut bytes = Vec::new();
        if content.is_empty() {
            // §7.2.3.6: an empty stored block, without its tail.
            bytes.push(0);
            if !fin {
                bytes.extend(TAIL);
            }
        } else {
            let (level, bits) = (self.level, direction.window_bits);
            let engine = self
                .engine
                .get_or_insert_with(|| Compressor::new(level, bits));
            engine.flush(content, &mut bytes);
            if fin {
                bytes.truncate(bytes.len().saturating_sub(TAIL.len()));
            }
        }
        if fin && !direction.takeover {
            self.engine = None;
        }
        Some(Packed {
            bytes,
            is_first: opcode != CONTINUATION,
        })
    }

    /// Whether a compressed message was under way before the latest frame.
    pub fn was_packing(&self) -> bool {
        self.was_packing
    }

    /// A frame will not be sent after all, nor what came after it: `was_packing` is what was said
    /// with it, `is_packed` whether it was compressed. What the engine knows of it the peer doesn't,
    /// so it starts afresh, which it may at any time.
    pub fn take_back(&mut self, was_packing: bool, is_packed: bool) {
        self.packing = was_packing;
        if is_packed {
            self.engine = None;
        }
    }

    /// Gives the engine's memory back.
    pub fn release(&mut self) {
        self.engine = None;
    }
}
