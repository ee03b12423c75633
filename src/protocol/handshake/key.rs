//! The key that proves that the server speaks WebSocket.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Decodes what any encoder produces, also one that leaves garbage in the last, unused bits.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The answer to a key: RFC 6455 §1.3, "concatenate this with the Globally Unique Identifier ... A
/// SHA-1 hash (160 bits), base64-encoded ..., of this concatenation is then returned".
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// The key to send for a nonce.
pub fn encode_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// "A |Sec-WebSocket-Key| header field with a base64-encoded ... value that, when decoded, is 16
/// bytes in length" (RFC 6455 §4.2.1).
pub(super) fn is_well_formed(key: &[u8]) -> bool {
    TOLERANT.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455_section_1_3() {
        assert_eq!(
            accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(encode_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn well_formed_keys_hold_16_bytes() {
        assert!(is_well_formed(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_well_formed(b"dGhlIHNhbXBsZSBub25jZR=="));
        for key in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25j",
            "dGhl IHNhbXBsZSBub25jZQ==",
        ] {
            assert!(!is_well_formed(key.as_bytes()), "{key}");
        }
        assert!(!is_well_formed(STANDARD.encode([0; 17]).as_bytes()));
    }
}
