//! Payload memory that is stingy: it lends less than was asked for, so that every copy has to go
//! around its loop. What is copied and judged at once is compared with doing one after the other.

use std::mem::MaybeUninit;

use nopoll::fuzzing::payload::{Scratch, append_by_spare};
use nopoll::fuzzing::{Error, Mask, Payload, Utf8, copy_masked};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(Scratch);

const STEP: usize = 37;

impl Memory {
    /// Memory to lend, which somebody else has used.
    pub fn used(size: usize) -> Self {
        Self(Scratch::of(vec![0xee; size]))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
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
        let mut copy = vec![MaybeUninit::new(0); bytes.len()];
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
        Some((Self(Scratch::of(bytes)), passes))
    }

    fn len(&self) -> usize {
        self.0.filled
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.bytes_mut()
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
        let filled = self.0.filled;
        Some(self.0.up_to(filled + most.min(STEP.max(filled / 2))))
    }

    fn commit(&mut self, n: usize) {
        self.0.commit(n);
    }

    fn move_to(&mut self, memory: &mut Self, whole: usize) {
        self.0.move_to(&mut memory.0, whole);
    }

    fn move_out(&mut self) -> Option<Self> {
        self.0.move_out().map(Self)
    }
}
