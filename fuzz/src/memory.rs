//! Payload memory that is stingy: it lends less than was asked for, so that every copy has to go
//! around its loop. What is copied and judged at once is compared with doing one after the other.

use std::mem::MaybeUninit;

use nopoll::fuzzing::{Mask, Payload, copy_masked};

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
