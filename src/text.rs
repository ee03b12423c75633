//! What the string utilities decide.
#![forbid(unsafe_code)]

use std::ops::Range;

/// The bytes that trimming removes. Not `\v` and `\f`.
pub(crate) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}

/// Where the text without white space at its ends is.
pub(crate) fn trim(text: &[u8]) -> Range<usize> {
    let keep = |byte: &u8| !is_white_space(*byte);
    let start = text.iter().position(keep).unwrap_or(text.len());
    let end = text.iter().rposition(keep).map_or(start, |last| last + 1);
    start..end
}

/// Whether both have `n` bytes, the same ones.
pub(crate) fn begin_alike(first: &[u8], second: &[u8], n: usize) -> bool {
    match (first.get(..n), second.get(..n)) {
        (Some(first), Some(second)) => first == second,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trim_removes_four_kinds_of_white_space_at_the_ends_only() {
        let trimmed = |text: &'static [u8]| &text[trim(text)];
        assert_eq!(trimmed(b" a b "), b"a b");
        assert_eq!(trimmed(b"\r\n\t x\r\n"), b"x");
        assert_eq!(trimmed(b"a\t"), b"a");
        assert_eq!(trimmed(b"\x0bx\x0c"), b"\x0bx\x0c");
        assert_eq!(trimmed(b""), b"");
        assert_eq!(trimmed(b" \n\t\r"), b"");
    }

    #[test]
    fn short_strings_never_begin_alike() {
        assert!(begin_alike(b"abcd", b"abce", 3));
        assert!(!begin_alike(b"abc", b"abc", 4));
        assert!(!begin_alike(b"", b"", 1));
        assert!(!begin_alike(b"abc", b"abd", 3));
    }
}
