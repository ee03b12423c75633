//! Payload memory that is stingy: it lends less than was asked for, so that every copy has to go
//! around its loop. What is copied and judged at once is compared with doing one after the other.

use std::mem::MaybeUninit;

use nopoll::fuzzing::payload::append_by_spare;
use nopoll::fuzzing::{Error, Mask, Payload, Utf8, copy_masked};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    bytes: Vec<u8>,
    filled: usize,
}

const STEP: usize = 37;

impl Memory {
    /// Memory to lend, which somebody else has used.
    pub fn used(size: usize) -> Self {
        let bytes = vec![0xee; size];
        Self {
            bytes,
            filled: size,
        }
    }

    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }
}

impl Payload for Memory {
    type Room<'a> = &'a mut [u8];

    fn new() -> Self {
        Self::default()
    }

    fn masked_copy(
        _: Self,
        bytes: &[u8],
        mut mask: Mask,
        must_be_text: bool,
    ) -> Option<(Self, bool)> {
        let filled = bytes.len();
        let mut copy = vec![MaybeUninit::new(0); filled];
        let at_once = copy_masked(bytes, &mut copy, mask.key(), must_be_text);
        let mut bytes = bytes.to_vec();
        mask.apply(&mut bytes);
        let passes = !must_be_text || std::str::from_utf8(&bytes).is_ok();
        if let Some(at_once) = at_once {
            // SAFETY: it was filled when it was made.
            let copied = copy.iter().map(|byte| unsafe { byte.assume_init() });
            assert!(copied.eq(bytes.iter().copied()));
            assert_eq!(at_once, passes);
        }
        Some((Self { bytes, filled }, passes))
    }

    fn len(&self) -> usize {
        self.filled
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }

    fn append(
        &mut self,
        bytes: &[u8],
        mask: &mut Mask,
        utf8: Option<&mut Utf8>,
    ) -> Result<(), Error> {
        append_by_spare(self, bytes, mask, utf8)
    }

    fn spare(&mut self, most: usize) -> Option<&mut [u8]> {
        assert!(most > 0, "asked for nothing");
        let end = self.filled + most.min(STEP.max(self.filled / 2));
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        Some(&mut self.bytes[self.filled..end])
    }

    fn commit(&mut self, n: usize) {
        assert!(self.filled + n <= self.bytes.len(), "more than was lent");
        self.filled += n;
    }

    /// Takes any memory with room.
    fn move_to(&mut self, memory: &mut Self, whole: usize) {
        assert!(whole > self.filled, "nothing is to come");
        if self.filled == self.bytes.len() && memory.bytes.len() > self.filled {
            memory.bytes[..self.filled].copy_from_slice(&self.bytes);
            memory.filled = self.filled;
            std::mem::swap(self, memory);
        }
    }

    fn move_out(&mut self) -> Option<Self> {
        (self.bytes.len() > self.filled).then(|| {
            let bytes = self.bytes[..self.filled].to_vec();
            let filled = self.filled;
            std::mem::replace(self, Self { bytes, filled })
        })
    }
}
