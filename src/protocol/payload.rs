//! Where received payload bytes live.

use super::utf8::Utf8;
use super::{Error, Mask};

/// Payload is unmasked and validated in portions that stay in the first-level cache between the two.
pub const PORTION: usize = 8 * 1024;

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

/// Bytes for payloads that are tested with.
#[cfg(any(test, fuzzing))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    pub bytes: Vec<u8>,
    pub filled: usize,
}

#[cfg(any(test, fuzzing))]
impl Scratch {
    /// All of it filled.
    pub fn of(bytes: Vec<u8>) -> Self {
        let filled = bytes.len();
        Self { bytes, filled }
    }

    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }

    /// What is behind the filled part, up to `end`.
    pub fn up_to(&mut self, end: usize) -> &mut [u8] {
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.filled..end]
    }

    pub fn commit(&mut self, n: usize) {
        assert!(self.filled + n <= self.bytes.len(), "more than was lent");
        self.filled += n;
    }

    /// [`Payload::move_to`] any memory with room.
    pub fn move_to(&mut self, memory: &mut Self, whole: usize) {
        assert!(whole > self.filled, "nothing is to come");
        if self.filled == self.bytes.len() && memory.bytes.len() > self.filled {
            memory.bytes[..self.filled].copy_from_slice(&self.bytes);
            memory.filled = self.filled;
            std::mem::swap(self, memory);
        }
    }

    /// [`Payload::move_out`] of all that isn't used.
    pub fn move_out(&mut self) -> Option<Self> {
        (self.bytes.len() > self.filled).then(|| {
            let own = Self::of(self.bytes_mut().to_vec());
            std::mem::replace(self, own)
        })
    }
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
    use super::{Error, Mask, Payload, Scratch, Utf8, append_by_spare};
    use crate::simd::is_utf8;

    /// A payload that hands out at most `STEP` bytes at a time and fails beyond `LIMIT`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Stepped<const STEP: usize, const LIMIT: usize>(Scratch);

    pub type Buffer = Stepped<{ usize::MAX }, { usize::MAX }>;

    impl<const STEP: usize, const LIMIT: usize> Stepped<STEP, LIMIT> {
        /// Memory to lend, which somebody else has used.
        pub fn used(size: usize) -> Self {
            Self(Scratch::of(vec![0xee; size]))
        }

        pub fn into_bytes(self) -> Vec<u8> {
            self.0.into_bytes()
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
            (bytes.len() <= LIMIT).then(|| {
                let mut bytes = bytes.to_vec();
                mask.apply(&mut bytes);
                let passes = !must_be_text || is_utf8(&bytes);
                (Self(Scratch::of(bytes)), passes)
            })
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
            assert!(most > 0, "never asked for nothing");
            let filled = self.0.filled;
            let end = filled + most.min(STEP).min(64.max(filled));
            (filled < LIMIT).then(|| self.0.up_to(end))
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
