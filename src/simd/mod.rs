//! What instructions do much faster that the compiler doesn't use by itself: the processor's best vector
//! instructions, chosen at run time, and prefetching.

#[cfg(avx512)]
mod avx512;
mod prefetch;

use std::mem::MaybeUninit;

pub use prefetch::prefetch;

/// Whether `bytes` are UTF-8 (RFC 3629) as a whole.
pub fn is_utf8(bytes: &[u8]) -> bool {
    #[cfg(avx512)]
    if avx512::is_there() {
        // SAFETY: the processor has these instructions.
        return unsafe { avx512::is_utf8(bytes) };
    }
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Copies `from` to `to`, which is as long, each byte XORed with the one of `key` that its place
/// modulo 4 points at; returns whether the copy is UTF-8 as a whole, if it `must_be_text`, and
/// otherwise true. None, and nothing done: there is nothing better here than to do one after the
/// other.
#[inline]
pub fn copy_masked(
    from: &[u8],
    to: &mut [MaybeUninit<u8>],
    key: [u8; 4],
    must_be_text: bool,
) -> Option<bool> {
    #[cfg(avx512)]
    if (must_be_text || from.len() >= avx512::LONG) && avx512::is_there() {
        let copy = if must_be_text {
            avx512::copy_masked::<true>
        } else {
            avx512::copy_masked::<false>
        };
        // SAFETY: the processor has these instructions.
        return Some(unsafe { copy(from, to, key) });
    }
    _ = (from, to, key, must_be_text);
    None
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// Every way to judge on this machine, and the standard library, agree about `bytes`.
    fn judge(bytes: &[u8]) {
        let expected = std::str::from_utf8(bytes).is_ok();
        assert_eq!(is_utf8(bytes), expected, "{bytes:x?}");
        assert_eq!(simdutf8::basic::from_utf8(bytes).is_ok(), expected);
        // From every alignment there is, in the long run.
        let skipped = bytes.len() % 67;
        let masked = (0..).zip(bytes).map(|(i, byte)| byte ^ KEY[i % 4]);
        let masked: Vec<u8> = repeat_n(0xff, skipped).chain(masked).collect();
        // And to every one, without touching what is around it.
        let shifted = bytes.len() % 61;
        let place = shifted..shifted + bytes.len();
        for must_be_text in [true, false] {
            let mut copy = vec![MaybeUninit::new(0xee); place.end + 64];
            let to = &mut copy[place.clone()];
            if let Some(passes) = copy_masked(&masked[skipped..], to, KEY, must_be_text) {
                assert_eq!(passes, expected || !must_be_text, "{bytes:x?}");
                let around = [0xee; 64];
                let whole = [&around[..shifted], bytes, &around[..]].concat();
                // SAFETY: it was filled before.
                let copied = copy.iter().map(|byte| unsafe { byte.assume_init() });
                assert!(copied.eq(whole), "{bytes:x?}");
            }
        }
    }

    /// `bytes` at every place of a vector, at both ends of the text and between ASCII.
    fn judge_everywhere(bytes: &[u8]) {
        for before in 0..66 {
            for behind in [0, 1, 64] {
                let mut text = vec![b'a'; before];
                text.extend(bytes);
                text.resize(text.len() + behind, b'b');
                judge(&text);
            }
        }
    }

    #[test]
    fn every_pair_of_bytes_and_what_may_follow() {
        // A byte on each side of every bound in RFC 3629 §4.
        const BOUNDS: [u8; 8] = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2];
        // Nothing depends on which ASCII comes first.
        for first in 0x7f..=0xff {
            for second in 0..=0xff {
                judge(&[first, second]);
                for third in BOUNDS {
                    judge(&[first, second, third]);
                    for fourth in BOUNDS {
                        judge(&[first, second, third, fourth]);
                    }
                }
            }
        }
    }

    #[test]
    fn every_length_of_character_at_every_place() {
        for text in ["é", "한", "𣎴", "\u{d7ff}", "\u{10ffff}"] {
            let whole = text.as_bytes();
            for length in 1..=whole.len() {
                judge_everywhere(&whole[..length]);
            }
            judge_everywhere(&whole[1..]);
        }
        for hopeless in [
            &b"\xc1\xbf"[..],
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xf0\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\xff",
        ] {
            judge_everywhere(hopeless);
        }
    }

    #[test]
    fn long_text_with_an_error_anywhere() {
        for pattern in [&["a", "é", "한", "𣎴"][..], &["a"], &["aaaaaaa", "é"]] {
            let mut text = pattern.concat().repeat(3000 / pattern.concat().len());
            while text.len() % 64 != 63 {
                text.push('x');
            }
            // At every distance from the vectors' bounds.
            for start in (0..70).filter(|&start| text.is_char_boundary(start)) {
                judge(&text.as_bytes()[start..]);
            }
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                for wrong in [0x80, 0xc3, 0xff] {
                    bytes[at] ^= wrong;
                    judge(&bytes);
                    judge(&bytes[..at]);
                    bytes[at] ^= wrong;
                }
            }
        }
    }
}
