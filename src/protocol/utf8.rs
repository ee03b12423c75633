//! UTF-8 validation (RFC 3629) of text that arrives in portions.
//!
//! "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is
//! not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_"
//! (RFC 6455 §8.1). The failure shows at the first byte that no continuation could mend.

use super::Error;

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
        if simdutf8::basic::from_utf8(whole).is_err() || !is_valid_beginning(tail) {
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
