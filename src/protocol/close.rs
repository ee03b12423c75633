//! The payload of close frames (RFC 6455 §5.5.1, §7.4).

use super::Error;
use super::item::Close;
use crate::simd::is_utf8;

/// Tells the application "that no status code was actually present" (RFC 6455 §7.4.1).
const NO_STATUS: u16 = 1005;
/// Tells the application "that the connection was closed abnormally".
const ABNORMAL: u16 = 1006;
/// What fits a control frame behind the status.
const MAX_REASON: usize = 123;

impl Close {
    /// Interprets the payload of a received close frame.
    pub(super) fn received(payload: &[u8], strict: bool) -> Self {
        let bare = Self {
            status: NO_STATUS,
            reason: None,
            answer: None,
            error: None,
        };
        let Some((&status, reason)) = payload.split_first_chunk() else {
            // §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte
            // unsigned integer."
            return if strict && !payload.is_empty() {
                Self {
                    status: ABNORMAL,
                    ..bare
                }
                .refused(Error::InvalidClose)
            } else {
                bare
            };
        };
        let status = u16::from_be_bytes(status);
        // The application gets a C string.
        let text = reason.split(|&byte| byte == 0).next().unwrap_or_default();
        let close = Self {
            status,
            reason: Some(text.to_vec()),
            answer: Some(status),
            error: None,
        };
        if strict && !is_valid_status(status) {
            return close.refused(Error::InvalidClose);
        }
        // §5.5.1: "Following the 2-byte integer, the body MAY contain UTF-8-encoded data with
        // value /reason/."
        if strict && !is_utf8(reason) {
            return Self {
                reason: None,
                ..close
            }
            .refused(Error::InvalidUtf8);
        }
        close
    }

    /// Whether the reason is what will be refused, and no bytes behind these could make it UTF-8.
    pub(super) fn is_hopeless(payload: &[u8]) -> bool {
        payload
            .split_first_chunk()
            .is_some_and(|(&status, reason)| {
                let reason = std::str::from_utf8(reason);
                // Behind an invalid status all of the reason is reported, as it is.
                is_valid_status(u16::from_be_bytes(status))
                    && reason.is_err_and(|error| error.error_len().is_some())
            })
    }

    fn refused(self, error: Error) -> Self {
        Self {
            answer: Some(error.close_code()),
            error: Some(error),
            ..self
        }
    }
}

/// The payload of a close frame to send: empty without a status, as nothing may stand in its
/// place. A reason that is too long for a control frame is cut between two characters.
pub fn close_payload(status: i32, reason: Option<&[u8]>) -> Vec<u8> {
    if status <= 0 {
        return Vec::new();
    }
    let reason = truncated(reason.unwrap_or_default());
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&(status as u16).to_be_bytes());
    payload.extend_from_slice(reason);
    payload
}

/// Whether a peer may send `status` (RFC 6455 §7.4 and the IANA registry it sets up): 1004 to 1006
/// and 1015 "MUST NOT be set as a status code in a Close control frame", other numbers below 3000
/// are reserved or unused, 3000 to 4999 belong to libraries and applications.
pub fn is_valid_status(status: u16) -> bool {
    matches!(status, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn truncated(reason: &[u8]) -> &[u8] {
    if reason.len() <= MAX_REASON {
        return reason;
    }
    let is_boundary = |&end: &usize| reason[end] & 0xc0 != 0x80;
    // A character has at most three continuation bytes; where there are more, it is not UTF-8.
    let end = (MAX_REASON - 3..=MAX_REASON).rev().find(is_boundary);
    &reason[..end.unwrap_or(MAX_REASON)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(
        payload: &[u8],
        strict: bool,
    ) -> (u16, Option<Vec<u8>>, Option<u16>, Option<Error>) {
        let Close {
            status,
            reason,
            answer,
            error,
        } = Close::received(payload, strict);
        (status, reason, answer, error)
    }

    #[test]
    fn sound_close_frames() {
        for strict in [true, false] {
            assert_eq!(received(b"", strict), (1005, None, None, None));
            let (status, answer) = (1001, Some(1001));
            assert_eq!(
                received(b"\x03\xe9", strict),
                (status, Some(vec![]), answer, None)
            );
            let away = Some(b"away".to_vec());
            assert_eq!(
                received(b"\x03\xe9away", strict),
                (status, away.clone(), answer, None)
            );
            assert_eq!(
                received(b"\x03\xe9away\0far", strict),
                (status, away, answer, None)
            );
        }
    }

    #[test]
    fn unsound_close_frames() {
        let invalid = Some(Error::InvalidClose);
        assert_eq!(received(b"\x03", true), (1006, None, Some(1002), invalid));
        assert_eq!(received(b"\x03", false), (1005, None, None, None));

        let reason = Some(b"?\xff".to_vec());
        let reserved = b"\x03\xed?\xff";
        assert_eq!(
            received(reserved, true),
            (1005, reason.clone(), Some(1002), invalid)
        );
        assert_eq!(
            received(reserved, false),
            (1005, reason.clone(), Some(1005), None)
        );
        assert_eq!(
            received(b"\0\0", true),
            (0, Some(vec![]), Some(1002), invalid)
        );
        assert_eq!(received(b"\0\0", false), (0, Some(vec![]), Some(0), None));

        let garbled = b"\x03\xe8?\xff";
        assert_eq!(
            received(garbled, true),
            (1000, None, Some(1007), Some(Error::InvalidUtf8))
        );
        assert_eq!(received(garbled, false), (1000, reason, Some(1000), None));
        // Also behind the NUL that ends what the application sees.
        assert_eq!(
            received(b"\x03\xe8\0\xff", true).3,
            Some(Error::InvalidUtf8)
        );
    }

    #[test]
    fn statuses_a_peer_may_send() {
        let valid = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
        ];
        for status in 0..=u16::MAX {
            let expected = valid.contains(&status) || (3000..5000).contains(&status);
            assert_eq!(is_valid_status(status), expected, "{status}");
        }
    }

    #[test]
    fn close_frames_to_send() {
        assert_eq!(close_payload(1000, Some(b"bye")), b"\x03\xe8bye");
        assert_eq!(close_payload(1000, None), b"\x03\xe8");
        assert_eq!(close_payload(1000, Some(b"")), b"\x03\xe8");
        assert_eq!(close_payload(65535, None), b"\xff\xff");
        assert_eq!(close_payload(1, None), b"\0\x01");
        for status in [0, -1, i32::MIN] {
            assert_eq!(close_payload(status, Some(b"bye")), b"");
            assert_eq!(close_payload(status, None), b"");
        }
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let kept = |reason: &[u8]| close_payload(1000, Some(reason)).len() - 2;
        assert_eq!(kept(&[b'x'; 123]), 123);
        assert_eq!(kept(&[b'x'; 500]), 123);
        for character in ["é", "한", "𣎴"] {
            for lead in 0..4 {
                let reason = "x".repeat(lead) + &character.repeat(100);
                let payload = close_payload(1000, Some(reason.as_bytes()));
                let text = std::str::from_utf8(&payload[2..]);
                assert!(
                    text.is_ok_and(|text| reason.starts_with(text)),
                    "{lead} {character}"
                );
                assert!(payload.len() > 125 - character.len() && payload.len() <= 125);
            }
        }
        // A whole character that ends just there stays.
        assert_eq!(kept(("x".repeat(121) + "ééé").as_bytes()), 123);
        // What is no UTF-8 has no boundaries to keep.
        assert_eq!(kept(&[0x80; 200]), 123);
    }
}
