//! Where received payload bytes live.

use super::utf8::Utf8;
use super::{Error, Mask};

/// Growing memory for the payload of a frame. The receiver fills it without knowing where it comes
/// from: memory that C can free in the library, a vector in the tests.
pub trait Payload: Sized {
    /// Memory to write to, in the form that whoever reads from the stream takes.
    type Room<'a>
    where
        Self: 'a;

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

    /// Appends `bytes`, masked and validated on the way. Grows as [`Self::spare`].
    fn append(
        &mut self,
        bytes: &[u8],
        mask: &mut Mask,
        utf8: Option<&mut Utf8>,
    ) -> Result<(), Error>;

    /// Writable memory behind the filled part: at least 1, at most `most` bytes (`most` is never
    /// 0). It grows geometrically with what has been filled, never to a declared length at once.
    /// None: out of memory.
    fn spare(&mut self, most: usize) -> Option<Self::Room<'_>>;

    /// Declares the first `n` bytes of the spare memory, which have been written to, filled.
    fn commit(&mut self, n: usize);

    /// Where it would have to grow: goes on in `memory`, if that has room for `whole` bytes and not
    /// much more, and leaves there what it was in. Bytes in `memory` are of no use any more.
    fn move_to(&mut self, memory: &mut Self, whole: usize);

    /// Where most of its memory is unused, and more than growing would have got: goes on in less, and
    /// gives that back.
    fn move_out(&mut self) -> Option<Self>;
}

/// [`Payload::append`] in terms of the other methods, for memory that is tested with.
#[cfg(any(test, fuzzing))]
pub fn append_by_spare<P>(
    payload: &mut P,
    mut bytes: &[u8],
    mask: &mut Mask,
    mut utf8: Option<&mut Utf8>,
) -> Result<(), Error>
where
    P: for<'a> Payload<Room<'a> = &'a mut [u8]>,
{
    while !bytes.is_empty() {
        let spare = payload.spare(bytes.len()).ok_or(Error::OutOfMemory)?;
        let (now, later) = bytes.split_at(spare.len());
        spare.copy_from_slice(now);
        mask.apply(spare);
        if let Some(utf8) = &mut utf8 {
            utf8.push(spare)?;
        }
        payload.commit(now.len());
        bytes = later;
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::{Error, Mask, Payload, Utf8, append_by_spare};
    use crate::simd::is_utf8;

    /// A payload that hands out at most `STEP` bytes at a time and fails beyond `LIMIT`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Stepped<const STEP: usize, const LIMIT: usize> {
        bytes: Vec<u8>,
        filled: usize,
    }

    pub type Buffer = Stepped<{ usize::MAX }, { usize::MAX }>;

    impl<const STEP: usize, const LIMIT: usize> Stepped<STEP, LIMIT> {
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

    impl<const STEP: usize, const LIMIT: usize> Payload for Stepped<STEP, LIMIT> {
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

        fn append(
            &mut self,
            bytes: &[u8],
            mask: &mut Mask,
            utf8: Option<&mut Utf8>,
        ) -> Result<(), Error> {
            append_by_spare(self, bytes, mask, utf8)
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
