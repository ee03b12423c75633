//! The frame whose payload is being received, and what it will be delivered as.

use crate::protocol::header::Header;
use crate::protocol::opcode::CONTINUATION;
use crate::protocol::payload::PORTION;
use crate::protocol::utf8::Utf8;
use crate::protocol::{Error, Mask, Payload};

#[derive(Clone, Copy, Default)]
pub struct Frame {
    pub opcode: u8,
    pub fin: bool,
    /// Its payload is compressed.
    pub compressed: bool,
    masked: bool,
    /// Without effect where there is none.
    mask: Mask,
    /// The length from the header.
    pub len: u64,
    /// Payload bytes still to come.
    pub remaining: u64,
}

impl Frame {
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    /// At most `n`, and not beyond the frame.
    pub fn within(&self, n: usize) -> usize {
        usize::try_from(self.remaining).unwrap_or(usize::MAX).min(n)
    }

    /// Appends `bytes`, which are not beyond the frame, to `payload`, unmasking and validating
    /// them on the way.
    pub fn store<P: Payload>(
        &mut self,
        payload: &mut P,
        bytes: &[u8],
        utf8: Option<&mut Utf8>,
    ) -> Result<(), Error> {
        self.remaining -= bytes.len() as u64;
        payload.append(bytes, &mut self.mask, utf8)
    }

    /// Copies `bytes`, which are not beyond the frame, to `to`, which is as long, unmasking them on
    /// the way.
    pub fn copy(&mut self, bytes: &[u8], to: &mut [u8]) {
        self.remaining -= bytes.len() as u64;
        to.copy_from_slice(bytes);
        if self.masked {
            self.mask.apply(to);
        }
    }

    /// Takes over `n` bytes, not beyond the frame, that were read into the spare memory of
    /// `payload`.
    pub fn adopt<P: Payload>(
        &mut self,
        payload: &mut P,
        n: usize,
        mut utf8: Option<&mut Utf8>,
    ) -> Result<(), Error> {
        self.remaining -= n as u64;
        let start = payload.len();
        payload.commit(n);
        for block in payload.bytes_mut()[start..].chunks_mut(PORTION) {
            if self.masked {
                self.mask.apply(block);
            }
            if let Some(utf8) = &mut utf8 {
                utf8.push(block)?;
            }
        }
        Ok(())
    }

    /// Passes over `n` bytes that nobody wants.
    pub fn skip(&mut self, n: usize) {
        self.remaining -= n as u64;
    }
}

impl From<&Header> for Frame {
    fn from(header: &Header) -> Self {
        Self {
            opcode: header.opcode,
            fin: header.fin,
            compressed: header.compressed,
            masked: header.mask.is_some(),
            mask: Mask::new(header.mask.unwrap_or_default()),
            len: header.len,
            remaining: header.len,
        }
    }
}

/// What is delivered as one where nothing makes it come in parts: a frame, or all frames of a
/// message.
#[derive(Clone, Copy, Default)]
pub struct Unit {
    /// The opcode to report with its next part.
    opcode: u8,
    /// It began inside a fragmented message.
    continues: bool,
    /// A part of it has been given back already.
    is_split: bool,
    /// Frames that are still to come belong to it.
    pub joins: bool,
}

/// How a part of a unit is reported.
pub struct Flags {
    pub opcode: u8,
    pub is_final: bool,
    pub is_fragment: bool,
}

impl Unit {
    pub fn new(opcode: u8, continues: bool) -> Self {
        Self {
            opcode,
            continues,
            is_split: false,
            joins: false,
        }
    }

    /// Gives back a part; `fin` is that of the frame it ends, if it ends one.
    ///
    /// Only the first part carries the opcode, only the last can be final, and all of them are
    /// fragments, as is everything that belongs to a fragmented message.
    pub fn part(&mut self, fin: Option<bool>) -> Flags {
        let is_final = fin == Some(true);
        let is_fragment = !is_final || self.continues || self.is_split;
        let flags = Flags {
            opcode: self.opcode,
            is_final,
            is_fragment,
        };
        self.opcode = CONTINUATION;
        self.is_split = true;
        if fin.is_some() {
            self.joins = false;
        }
        flags
    }
}
