//! A frame ready to go, and how its sender counts what became of it.

use std::borrow::Cow;
use std::ffi::c_int;

use super::write::SendFrame;
use crate::protocol::deflate::Packed;
use crate::protocol::header::{MAX_HEADER, RSV1};
use crate::protocol::{Mask, encode_header};

/// Header and payload, which is borrowed from the sender if it goes out as it came.
pub(super) struct Frame<'a> {
    head: [u8; MAX_HEADER],
    body: Cow<'a, [u8]>,
    pub(super) shape: Shape,
    pub(super) opcode: u8,
    pub(super) fin: bool,
    pub(super) track: bool,
}

/// Sizes of a frame, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) header: usize,
    /// All of it.
    pub(super) size: usize,
    /// The payload as its sender gave it.
    payload: usize,
    pub(super) compressed: bool,
}

/// How bytes of an owed frame turn into the payload bytes that the program is told of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counting {
    /// So many bytes at the front count nothing.
    pub(crate) uncounted: usize,
    /// What the last byte counts in addition.
    pub(crate) at_end: usize,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        frame: &SendFrame,
        opcode: u8,
        masked: bool,
        content: &'a [u8],
        packed: Option<Packed>,
    ) -> Self {
        let payload = content.len();
        let compressed = packed.is_some();
        let is_first = packed.as_ref().is_some_and(|packed| packed.is_first);
        let mut body = match packed {
            Some(packed) => Cow::Owned(packed.bytes),
            None => Cow::Borrowed(content),
        };
        let key = masked.then(crate::random::mask_key);
        let mut head = [0; MAX_HEADER];
        let header = encode_header(&mut head, frame.fin, opcode, key, body.len() as u64);
        if is_first {
            head[0] |= RSV1;
        }
        if let Some(key) = key {
            Mask::new(key).apply(body.to_mut());
        }
        let shape = Shape {
            header,
            size: header + body.len(),
            payload,
            compressed,
        };
        Self {
            head,
            body,
            shape,
            opcode,
            fin: frame.fin,
            track: frame.track,
        }
    }

    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.head[..self.shape.header], &self.body]
    }

    /// All of it from `written` on.
    pub(super) fn rest(&self, written: usize) -> [&[u8]; 2] {
        let [head, body] = self.parts();
        let of_head = written.min(head.len());
        [&head[of_head..], &body[written - of_head..]]
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.parts().concat()
    }
}

impl Shape {
    /// The result for a frame that is out, or will be without the program's help.
    pub(super) fn whole(self) -> c_int {
        c_int::try_from(self.payload).unwrap_or(c_int::MAX)
    }

    /// The result for a frame of which `written` bytes, not all, are out: payload bytes, or -2 for
    /// none.
    pub(super) fn short(self, written: usize) -> c_int {
        match written.saturating_sub(self.counting().uncounted) {
            0 => -2,
            payload => c_int::try_from(payload).unwrap_or(c_int::MAX),
        }
    }

    /// No part of a compressed payload stands for a part of the payload that the program knows: it
    /// counts as one, when all of it is out.
    pub(super) fn counting(self) -> Counting {
        if self.compressed {
            Counting {
                uncounted: self.size,
                at_end: self.payload,
            }
        } else {
            Counting {
                uncounted: self.header,
                at_end: 0,
            }
        }
    }
}
