//! Payload memory that is stingy: it lends less than was asked for, so that every copy has to go
//! around its loop.

use nopoll::fuzzing::{Mask, Payload};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    bytes: Vec<u8>,
    filled: usize,
}

const STEP: usize = 37;

impl Memory {
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }
}

impl Payload for Memory {
    fn new() -> Self {
        Self::default()
    }

    fn masked_copy<T>(
        _: Self,
        bytes: &[u8],
        mut mask: Mask,
        judge: impl FnOnce(&[u8]) -> T,
    ) -> Option<(Self, T)> {
        let mut bytes = bytes.to_vec();
        mask.apply(&mut bytes);
        let filled = bytes.len();
        bytes.extend_from_slice(&[0; STEP]);
        let judged = judge(&bytes);
        Some((Self { bytes, filled }, judged))
    }

    fn len(&self) -> usize {
        self.filled
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
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
}
