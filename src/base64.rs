//! Base64 (RFC 4648 §4) with the habits of the C API.
#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::text::is_white_space;

/// Digits in a line; a line end stands between lines, not behind the last.
const LINE: usize = 64;

/// Encodes, without a terminator.
pub(crate) fn encode(content: &[u8]) -> Vec<u8> {
    let digits = STANDARD.encode(content);
    let lines: Vec<&[u8]> = digits.as_bytes().chunks(LINE).collect();
    lines.join(&b'\n')
}

/// Decodes. A final group that is not complete, padding included, is dropped; line ends within
/// and white space behind are skipped. `None` for anything else.
pub(crate) fn decode(content: &[u8]) -> Option<Vec<u8>> {
    let length = content.iter().rposition(|&byte| !is_white_space(byte))? + 1;
    let mut decoded = Vec::with_capacity(length / 4 * 3);
    let mut group = Vec::with_capacity(4);
    let mut padding = 0;
    for (at, &byte) in content[..length].iter().enumerate() {
        match byte {
            b'\r' | b'\n' if at > 0 => {}
            b'=' => padding += 1,
            _ if padding > 0 => return None,
            _ => group.push(digit(byte)?),
        }
        if let [a, b, c, d] = group[..] {
            decoded.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            group.clear();
        }
    }
    match group[..] {
        [a, b] if padding >= 2 => decoded.push(a << 2 | b >> 4),
        [a, b, c] if padding >= 1 => decoded.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]),
        _ => {}
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_comes_in_lines_of_64() {
        for (input, size) in [(16, 24), (20, 28), (48, 64), (49, 69), (1000, 1356)] {
            let encoded = encode(&vec![7; input]);
            assert_eq!(encoded.len(), size, "{input} bytes");
            assert_ne!(encoded.last(), Some(&b'\n'));
            assert!(
                encoded
                    .split(|&byte| byte == b'\n')
                    .all(|line| line.len() <= 64)
            );
        }
    }

    #[test]
    fn everything_encoded_decodes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(700).collect();
        for length in 1..bytes.len() {
            let content = &bytes[..length];
            assert_eq!(decode(&encode(content)).as_deref(), Some(content));
        }
    }

    #[test]
    fn incomplete_groups_are_dropped() {
        assert_eq!(decode(b"TWFuTQ=="), Some(b"ManM".to_vec()));
        assert_eq!(decode(b"TWFuTQ="), Some(b"Man".to_vec()));
        assert_eq!(decode(b"TWFuTQ"), Some(b"Man".to_vec()));
        assert_eq!(decode(b"TWFuTWE="), Some(b"ManMa".to_vec()));
        assert_eq!(decode(b"TWFuTWE"), Some(b"Man".to_vec()));
        assert_eq!(decode(b"TWF"), Some(vec![]));
        assert_eq!(decode(b"T==="), Some(vec![]));
    }

    #[test]
    fn white_space_and_padding_may_follow() {
        assert_eq!(decode(b"TWFu \t\r\n"), Some(b"Man".to_vec()));
        assert_eq!(decode(b"TWFu===="), Some(b"Man".to_vec()));
        assert_eq!(decode(b"TWFuTQ====\n"), Some(b"ManM".to_vec()));
    }

    #[test]
    fn foreign_characters_are_refused() {
        for text in [
            &b" TWFu"[..],
            b"\nTWFu",
            b"TW Fu",
            b"TW-u",
            b"TW_u",
            b"TWFu\0",
            b"TQ==TQ==",
        ] {
            assert_eq!(decode(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(decode(b""), None);
        assert_eq!(decode(b" \n"), None);
    }
}
