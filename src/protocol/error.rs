//! Why a connection is failed, and what the peer is told about it.

use std::fmt;

/// What the peer did wrong, or what we could not do for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    ReservedBits,
    ReservedOpcode(u8),
    /// A server received an unmasked frame.
    Unmasked,
    /// A client received a masked frame.
    Masked,
    FragmentedControl,
    ControlTooLong,
    UnexpectedContinuation,
    /// A new message began, with this opcode, before the last one was finished.
    UnfinishedMessage(u8),
    NonMinimalLength,
    InvalidClose,
    FrameTooLarge {
        size: u64,
        limit: u64,
    },
    /// It was of acceptable size on the wire.
    InflatedFrameTooLarge {
        limit: u64,
    },
    MessageTooLarge {
        limit: u64,
    },
    InvalidUtf8,
    /// Compressed data that doesn't decompress.
    CorruptDeflate,
    OutOfMemory,
}

impl Error {
    /// The status for the close frame that reports it (RFC 6455 §7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            // "1009 indicates that an endpoint is terminating the connection because it has
            // received a message that is too big for it to process."
            Self::FrameTooLarge { .. }
            | Self::InflatedFrameTooLarge { .. }
            | Self::MessageTooLarge { .. } => 1009,
            // "1007 ... received data within a message that was not consistent with the type of
            // the message (e.g., non-UTF-8 [RFC3629] data within a text message)."
            Self::InvalidUtf8 | Self::CorruptDeflate => 1007,
            // "1011 ... encountered an unexpected condition that prevented it from fulfilling the
            // request."
            Self::OutOfMemory => 1011,
            // "1002 indicates that an endpoint is terminating the connection due to a protocol
            // error."
            _ => 1002,
        }
    }

    /// Whether rules that aren't strict would have let it pass.
    pub fn is_matter_of_rules(self) -> bool {
        !matches!(
            self,
            Self::Unmasked
                | Self::FrameTooLarge { .. }
                | Self::MessageTooLarge { .. }
                | Self::OutOfMemory
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ReservedBits => f.write_str("reserved bits set without a negotiated extension"),
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode}"),
            Self::Unmasked => f.write_str("unmasked frame from a client"),
            Self::Masked => f.write_str("masked frame from a server"),
            Self::FragmentedControl => f.write_str("fragmented control frame"),
            Self::ControlTooLong => f.write_str("control frame with more than 125 bytes"),
            Self::UnexpectedContinuation => {
                f.write_str("continuation frame without a message to continue")
            }
            Self::UnfinishedMessage(opcode) => write!(
                f,
                "frame with opcode {opcode} inside an unfinished message, which only frames with \
                 opcode 0 may continue"
            ),
            Self::NonMinimalLength => f.write_str("payload length not in its shortest form"),
            Self::InvalidClose => f.write_str("close frame with an invalid status"),
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame of {size} bytes, more than the limit of {limit}")
            }
            Self::InflatedFrameTooLarge { limit } => {
                write!(
                    f,
                    "compressed frame of more than the limit of {limit} bytes"
                )
            }
            Self::MessageTooLarge { limit } => {
                write!(f, "message longer than the limit of {limit} bytes")
            }
            Self::InvalidUtf8 => f.write_str("text that is not UTF-8"),
            Self::CorruptDeflate => f.write_str("corrupt compressed data"),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes() {
        for error in [
            Error::ReservedBits,
            Error::ReservedOpcode(3),
            Error::Unmasked,
            Error::Masked,
            Error::FragmentedControl,
            Error::ControlTooLong,
            Error::UnexpectedContinuation,
            Error::UnfinishedMessage(1),
            Error::NonMinimalLength,
            Error::InvalidClose,
        ] {
            assert_eq!(error.close_code(), 1002, "{error}");
        }
        for error in [Error::InvalidUtf8, Error::CorruptDeflate] {
            assert_eq!(error.close_code(), 1007, "{error}");
        }
        assert_eq!(
            Error::FrameTooLarge {
                size: 11,
                limit: 10
            }
            .close_code(),
            1009
        );
        for error in [
            Error::InflatedFrameTooLarge { limit: 10 },
            Error::MessageTooLarge { limit: 10 },
        ] {
            assert_eq!(error.close_code(), 1009, "{error}");
        }
        assert_eq!(Error::OutOfMemory.close_code(), 1011);
    }

    #[test]
    fn words_name_the_numbers() {
        let text = Error::FrameTooLarge {
            size: 11,
            limit: 10,
        }
        .to_string();
        assert_eq!(text, "frame of 11 bytes, more than the limit of 10");
        assert!(Error::ReservedOpcode(11).to_string().contains("11"));
    }
}
