//! Where received payload bytes live.

use super::Mask;

/// Growing memory for the payload of a frame. The receiver fills it without knowing where it comes
/// from: memory that C can free in the library, a vector in the tests.
pub trait Payload: Sized {
    /// An empty payload; nothing need be allocated for it.
    fn new() -> Self;

    /// A payload of its own for `bytes`, which are all of it, masked on the way; in the memory of
    /// `old`, if that will do. The second value is false if it `must_be_text` and isn't. None: out
    /// of memory.
    fn masked_copy(old: Self, bytes: &[u8], mask: Mask, must_be_text: bool)
    -> Option<(Self, bool)>;

    /// How many bytes are filled.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The filled bytes.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Initialised writable memory behind the filled part: at least 1, at most `most` bytes
    /// (`most` is never 0). It grows geometrically with what has been filled, never to a declared
    /// length at once. None: out of memory.
    fn spare(&mut self, most: usize) -> Option<&mut [u8]>;

    /// Declares the first `n` bytes of the spare memory filled.
    fn commit(&mut self, n: usize);
}

#[cfg(test)]
pub mod tests {
    use super::{Mask, Payload};
    use crate::simd::is_utf8;

    /// A payload that hands out at most `STEP` bytes at a time and fails beyond `LIMIT`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Stepped<const STEP: usize, const LIMIT: usize> {
        bytes: Vec<u8>,
        filled: usize,
    }

    pub type Buffer = Stepped<{ usize::MAX }, { usize::MAX }>;

    impl<const STEP: usize, const LIMIT: usize> Stepped<STEP, LIMIT> {
        pub fn into_bytes(mut self) -> Vec<u8> {
            self.bytes.truncate(self.filled);
            self.bytes
        }
    }

    impl<const STEP: usize, const LIMIT: usize> Payload for Stepped<STEP, LIMIT> {
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
            (filled <= LIMIT).then(|| {
                let mut bytes = bytes.to_vec();
                mask.apply(&mut bytes);
                let passes = !must_be_text || is_utf8(&bytes);
                (Self { bytes, filled }, passes)
            })
        }

        fn len(&self) -> usize {
            self.filled
        }

        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.bytes[..self.filled]
        }

        fn spare(&mut self, most: usize) -> Option<&mut [u8]> {
            assert!(most > 0, "never asked for nothing");
            if self.filled >= LIMIT {
                return None;
            }
            let end = self.filled + most.min(STEP).min(64.max(self.filled));
            if self.bytes.len() < end {
                self.bytes.resize(end, 0);
            }
            Some(&mut self.bytes[self.filled..end])
        }

        fn commit(&mut self, n: usize) {
            assert!(
                self.filled + n <= self.bytes.len(),
                "committed more than was lent"
            );
            self.filled += n;
        }
    }

    #[test]
    fn the_test_payload_keeps_its_word() {
        let mut buffer = Stepped::<3, 4>::new();
        assert_eq!(buffer.spare(9).map(|spare| spare.len()), Some(3));
        buffer.commit(3);
        assert_eq!(buffer.spare(1).map(|spare| spare.len()), Some(1));
        buffer.commit(1);
        assert!(buffer.spare(1).is_none());
        assert_eq!((buffer.len(), buffer.into_bytes()), (4, vec![0; 4]));
    }
}
