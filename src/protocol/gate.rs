//! Which frames are let in. The checks of a header, in their order: reserved bits, opcode, mask
//! bit, control frames, sequence, form of the length, size.

use super::header::{RSV1, Start};
use super::opcode::{BINARY, CONTINUATION, TEXT, is_control, is_reserved};
use super::{Delivery, Error, Role, Rules};

/// What the next header is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    pub role: Role,
    pub rules: &'a Rules,
    /// A fragmented message is unfinished.
    pub open: bool,
    /// permessage-deflate was negotiated.
    pub deflates: bool,
    /// The unfinished message is compressed.
    pub compressed: bool,
    /// Bytes already held of the message that the next data frame continues.
    pub joined: u64,
}

/// What `size` bytes may have grown to when compressed: by an eighth in a code that doesn't suit
/// them, and by the blocks. The limits are meant for what comes out, where they hold exactly.
fn largest_deflated(size: u64) -> u64 {
    size.saturating_add(size / 8 + size / 64 + 1024)
}

impl Gate<'_> {
    /// Judges the first two bytes.
    pub fn check_start(&self, start: Start) -> Result<(), Error> {
        let strict = self.rules.strict;
        let opcode = start.opcode;
        // RFC 6455 §5.2: "If a nonzero value is received and none of the negotiated extensions
        // defines the meaning of such a nonzero value, the receiving endpoint MUST _Fail the
        // WebSocket Connection_." RFC 7692 §6 defines RSV1 of the first frame of a message.
        let defined = if self.may_compress(opcode) { RSV1 } else { 0 };
        if strict && start.rsv & !defined != 0 {
            return Err(Error::ReservedBits);
        }
        // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the
        // WebSocket Connection_."
        if strict && is_reserved(opcode) {
            return Err(Error::ReservedOpcode(opcode));
        }
        // §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
        // "A client MUST close a connection if it detects a masked frame." Only the first is a
        // matter of safety, and kept whatever the rules.
        match self.role {
            Role::Server if !start.masked => return Err(Error::Unmasked),
            Role::Client if strict && start.masked => return Err(Error::Masked),
            _ => {}
        }
        if !strict {
            return Ok(());
        }
        if is_control(opcode) {
            // §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST
            // NOT be fragmented."
            if !start.fin {
                return Err(Error::FragmentedControl);
            }
            if start.short_len > 125 {
                return Err(Error::ControlTooLong);
            }
            return Ok(());
        }
        // §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
        // another message unless an extension has been negotiated that can interpret the
        // interleaving."
        match (opcode == CONTINUATION, self.open) {
            (true, false) => Err(Error::UnexpectedContinuation),
            (false, true) => Err(Error::UnfinishedMessage(opcode)),
            _ => Ok(()),
        }
    }

    /// Judges the length, before the masking key or any payload is read.
    pub fn check_length(&self, start: Start, len: u64) -> Result<(), Error> {
        let Rules {
            strict,
            max_frame,
            delivery,
            max_message,
        } = *self.rules;
        if strict && start.is_wasteful(len) {
            return Err(Error::NonMinimalLength);
        }
        // §10.4: "Implementations that have implementation- and/or platform-specific limitations
        // regarding the frame size or total message size after reassembly from multiple frames
        // MUST protect themselves against exceeding those limits."
        let limit = |size: u64| {
            if self.compresses(start) {
                largest_deflated(size)
            } else {
                size
            }
        };
        if len > limit(max_frame) {
            return Err(Error::FrameTooLarge {
                size: len,
                limit: max_frame,
            });
        }
        let joins = delivery == Delivery::Messages && !is_control(start.opcode);
        if joins && self.joined.saturating_add(len) > limit(max_message) {
            return Err(Error::MessageTooLarge { limit: max_message });
        }
        Ok(())
    }

    /// Whether the frame is part of a compressed message.
    pub fn compresses(&self, start: Start) -> bool {
        match start.opcode {
            CONTINUATION => self.open && self.compressed,
            opcode => self.may_compress(opcode) && start.rsv & RSV1 != 0,
        }
    }

    fn may_compress(&self, opcode: u8) -> bool {
        self.deflates && matches!(opcode, TEXT | BINARY)
    }
}
