//! UTF-8 validation (RFC 3629) of text that arrives in portions.
//!
//! "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is
//! not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_"
//! (RFC 6455 §8.1). The failure shows at the first byte that no continuation could mend.

use super::Error;
use crate::simd::is_utf8;

/// A validator between two portions: it holds the bytes of a character that is not complete yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    pending: [u8; 4],
    held: u8,
}

impl Utf8 {
    /// Validates the next portion.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let bytes = self.complete_pending(bytes)?;
        let (whole, tail) = bytes.split_at(end_of_whole_characters(bytes));
        if !is_utf8(whole) || !is_valid_beginning(tail) {
            return Err(Error::InvalidUtf8);
        }
        if !tail.is_empty() {
            self.pending[..tail.len()].copy_from_slice(tail);
            self.held = tail.len() as u8;
        }
        Ok(())
    }

    /// No character is left unfinished: the text may end here.
    pub fn is_complete(&self) -> bool {
        self.held == 0
    }

    /// Finishes the character held back, as far as `bytes` go; returns the bytes behind it.
    fn complete_pending<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        while self.held > 0 {
            let Some((&byte, rest)) = bytes.split_first() else {
                break;
            };
            bytes = rest;
            self.pending[usize::from(self.held)] = byte;
            self.held += 1;
            let character = &self.pending[..usize::from(self.held)];
            if std::str::from_utf8(character).is_ok() {
                self.held = 0;
            } else if !is_valid_beginning(character) {
                return Err(Error::InvalidUtf8);
            }
        }
        Ok(bytes)
    }
}

/// Where `bytes` must be cut so that no character is split; the rest, at most 3 bytes, starts with
/// the first byte of a longer character.
fn end_of_whole_characters(bytes: &[u8]) -> usize {
    for (back, byte) in (1..4).zip(bytes.iter().rev()) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        if length > back {
            return bytes.len() - back;
        }
        break;
    }
    bytes.len()
}

/// Whether more bytes could turn `bytes`, shorter than one character, into that character.
fn is_valid_beginning(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.is_empty(),
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are taken one by one before the failure; None: there is none.
    fn fails_at(bytes: &[u8]) -> Option<usize> {
        let mut utf8 = Utf8::default();
        bytes.iter().position(|&byte| utf8.push(&[byte]).is_err())
    }

    fn is_text(portions: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        portions.iter().all(|portion| utf8.push(portion).is_ok()) && utf8.is_complete()
    }

    const EXAMPLES: [&[u8]; 4] = [
        // RFC 3629 §7.
        b"A\xe2\x89\xa2\xce\x91.",
        b"\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4",
        b"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
        b"\xef\xbb\xbf\xf0\xa3\x8e\xb4",
    ];

    #[test]
    fn the_examples_of_rfc_3629_in_three_portions() {
        for text in EXAMPLES {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    assert!(is_text(&[
                        &text[..first],
                        &text[first..second],
                        &text[second..]
                    ]));
                }
            }
        }
    }

    #[test]
    fn the_bounds_of_every_length() {
        for text in [
            "\0", "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}",
        ] {
            assert_eq!(fails_at(text.as_bytes()), None, "{text:?}");
        }
        for text in ["\u{fffd}", "\u{ffff}", "\u{10000}", "\u{10ffff}"] {
            assert_eq!(fails_at(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn failures_show_at_the_first_hopeless_byte() {
        for (bytes, at) in [
            (&b"a\x80"[..], 1),
            (b"\xbf", 0),
            // Characters in more bytes than needed.
            (b"\xc0\x80", 0),
            (b"\xc1\xbf", 0),
            (b"\xe0\x80\x80", 1),
            (b"\xe0\x9f\xbf", 1),
            (b"\xf0\x80\x80\x80", 1),
            (b"\xf0\x8f\xbf\xbf", 1),
            // Surrogates.
            (b"\xed\xa0\x80", 1),
            (b"\xed\xbf\xbf", 1),
            // Beyond U+10FFFF.
            (b"\xf4\x90\x80\x80", 1),
            (b"\xf5\x80\x80\x80", 0),
            (b"\xff", 0),
            // Cut short by another character.
            (b"\xcea", 1),
            (b"\xe2\x89a", 2),
            (b"\xf0\xa3\x8ea", 3),
            (b"\xf0\xa3\xc3\xa4", 2),
        ] {
            assert_eq!(fails_at(bytes), Some(at), "{bytes:x?}");
            // Nothing behind the hopeless byte is needed to see it, however the bytes come.
            for cut in 0..=at {
                let mut utf8 = Utf8::default();
                assert!(utf8.push(&bytes[..cut]).is_ok());
                assert!(
                    utf8.push(&bytes[cut..=at]).is_err(),
                    "{bytes:x?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn text_ends_behind_a_whole_character() {
        for text in EXAMPLES {
            for cut in 0..=text.len() {
                let is_boundary = std::str::from_utf8(&text[..cut]).is_ok();
                assert_eq!(is_text(&[&text[..cut]]), is_boundary);
            }
        }
    }

    #[test]
    fn long_portions_are_judged_as_a_whole_is() {
        let text: String = (0..400)
            .map(|i| ["a", "é", "한", "𣎴"][i * 7 % 4])
            .collect();
        for cut in 0..text.len() {
            assert!(
                is_text(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]),
                "{cut}"
            );
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 0x80;
            let expected = std::str::from_utf8(&bytes).is_ok();
            assert_eq!(is_text(&[&bytes]), expected, "{at}");
            assert_eq!(
                is_text(&[&bytes[..at / 2], &bytes[at / 2..]]),
                expected,
                "{at}"
            );
        }
    }
}
