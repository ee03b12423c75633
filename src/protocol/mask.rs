//! Masking (RFC 6455 §5.3): byte *i* of a payload is XORed with byte *i* mod 4 of the key.
//! The same operation masks and unmasks.

use std::mem::MaybeUninit;

/// A masking key and how far into it the payload has come, so that a payload can be worked on in
/// any portions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// The key as it lies in memory, rotated so that its first byte there belongs to the next byte
    /// of payload.
    key: u32,
}

impl Mask {
    pub fn new(key: [u8; 4]) -> Self {
        Self {
            key: u32::from_ne_bytes(key),
        }
    }

    /// Its first byte belongs to the next byte of payload.
    pub fn key(self) -> [u8; 4] {
        self.key.to_ne_bytes()
    }

    /// The mask for a payload from its byte `offset` on.
    pub fn at(key: [u8; 4], offset: usize) -> Self {
        let mut mask = Self::new(key);
        mask.advance(offset);
        mask
    }

    /// Masks `bytes` in place.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let word = self.word();
        let mut words = bytes.chunks_exact_mut(WORD);
        for chunk in &mut words {
            let masked = load(chunk) ^ word;
            chunk.copy_from_slice(&masked.to_ne_bytes());
        }
        for (byte, key) in words.into_remainder().iter_mut().zip(word.to_ne_bytes()) {
            *byte ^= key;
        }
        self.advance(bytes.len());
    }

    /// Copies `from` to `to`, which is as long and need not hold anything yet, and masks it on the way.
    pub fn copy_to_new(&mut self, from: &[u8], to: &mut [MaybeUninit<u8>]) {
        self.copy_with(from, to, |place, byte| _ = place.write(byte));
    }

    #[inline]
    fn copy_with<T>(&mut self, from: &[u8], to: &mut [T], store: impl Fn(&mut T, u8)) {
        assert_eq!(
            from.len(),
            to.len(),
            "a masked copy is as long as the original"
        );
        let word = self.word();
        let mut targets = to.chunks_exact_mut(WORD);
        let mut sources = from.chunks_exact(WORD);
        for (target, source) in (&mut targets).zip(&mut sources) {
            let masked = load(source) ^ word;
            for (place, byte) in target.iter_mut().zip(masked.to_ne_bytes()) {
                store(place, byte);
            }
        }
        if let Some(source) = from.last_chunk::<WORD>() {
            // One more word, which overlaps the one before it.
            let at = from.len() - WORD;
            let mut mask = *self;
            mask.advance(at);
            let masked = u64::from_ne_bytes(*source) ^ mask.word();
            for (place, byte) in to[at..].iter_mut().zip(masked.to_ne_bytes()) {
                store(place, byte);
            }
        } else {
            for ((place, source), key) in to.iter_mut().zip(from).zip(word.to_ne_bytes()) {
                store(place, source ^ key);
            }
        }
        self.advance(from.len());
    }

    /// The key twice; in memory order, so that no byte order is involved.
    fn word(self) -> u64 {
        let key = u64::from(self.key);
        key << 32 | key
    }

    fn advance(&mut self, n: usize) {
        let bits = 8 * (n % 4) as u32;
        self.key = if cfg!(target_endian = "little") {
            self.key.rotate_right(bits)
        } else {
            self.key.rotate_left(bits)
        };
    }
}

/// Plain loads of any alignment; the compiler widens the loops above to vectors.
fn load(chunk: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word.copy_from_slice(chunk);
    u64::from_ne_bytes(word)
}

const WORD: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn bytewise(bytes: &[u8], phase: usize) -> Vec<u8> {
        let masked = bytes.iter().enumerate();
        masked
            .map(|(i, byte)| byte ^ KEY[(i + phase) % 4])
            .collect()
    }

    /// To memory that does hold something, so that it can be looked at whatever is copied.
    fn copy(mask: &mut Mask, from: &[u8], to: &mut [u8]) {
        mask.copy_with(from, to, |place, byte| *place = byte);
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 131 + 7) as u8).collect()
    }

    #[test]
    fn every_length_alignment_and_phase() {
        let source = sample(200);
        for len in 0..160 {
            for offset in 0..16 {
                for phase in 0..4 {
                    let from = &source[offset..offset + len];
                    let expected = bytewise(from, phase);

                    let mut whole = source.clone();
                    let mut mask = Mask::at(KEY, phase);
                    mask.apply(&mut whole[offset..offset + len]);
                    assert_eq!(whole[offset..offset + len], expected);
                    assert_eq!(whole[..offset], source[..offset]);
                    assert_eq!(whole[offset + len..], source[offset + len..]);
                    assert_eq!(mask, Mask::at(KEY, phase + len));

                    let mut copied = [0xee; 200];
                    let mut mask = Mask::at(KEY, phase);
                    copy(&mut mask, from, &mut copied[16 - offset..][..len]);
                    assert_eq!(copied[16 - offset..][..len], expected);
                    assert!(copied[..16 - offset].iter().all(|&byte| byte == 0xee));
                    assert!(copied[16 - offset + len..].iter().all(|&byte| byte == 0xee));
                    assert_eq!(mask, Mask::at(KEY, phase + len));
                }
            }
        }
    }

    #[test]
    fn any_two_cuts_make_no_difference() {
        let source = sample(40);
        let expected = bytewise(&source, 0);
        for first in 0..=40 {
            for second in first..=40 {
                let mut mask = Mask::new(KEY);
                let mut bytes = source.clone();
                mask.apply(&mut bytes[..first]);
                copy(&mut mask, &source[first..second], &mut bytes[first..second]);
                mask.apply(&mut bytes[second..]);
                assert_eq!(bytes, expected);
            }
        }
    }

    #[test]
    fn the_masked_hello_of_rfc_6455_section_5_7() {
        let mut hello = *b"Hello";
        Mask::new(KEY).apply(&mut hello);
        assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    #[should_panic(expected = "as long as the original")]
    fn a_copy_of_another_length_is_a_mistake() {
        copy(&mut Mask::new(KEY), b"abc", &mut [0; 2]);
    }
}
