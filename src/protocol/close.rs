//! The payload of close frames (RFC 6455 §5.5.1, §7.4).

use super::Error;
use super::item::Close;

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
        if strict && simdutf8::basic::from_utf8(reason).is_err() {
            return Self {
                reason: None,
                ..close
            }
            .refused(Error::InvalidUtf8);
        }
        close
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
