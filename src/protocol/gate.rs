//! Which frames are let in. The checks of a header, in their order: reserved bits, opcode, mask
//! bit, control frames, sequence, form of the length, size.

use super::header::Start;
use super::opcode::{CONTINUATION, is_control, is_reserved};
use super::{Delivery, Error, Role, Rules};

/// What the next header is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    pub role: Role,
    pub rules: &'a Rules,
    /// A fragmented message is unfinished.
    pub open: bool,
    /// Bytes already held of the message that the next data frame continues.
    pub joined: u64,
}

impl Gate<'_> {
    /// Judges the first two bytes.
    pub fn check_start(&self, start: Start) -> Result<(), Error> {
        let strict = self.rules.strict;
        let opcode = start.opcode;
        // RFC 6455 §5.2: "If a nonzero value is received and none of the negotiated extensions
        // defines the meaning of such a nonzero value, the receiving endpoint MUST _Fail the
        // WebSocket Connection_." No extension is negotiated.
        if strict && start.rsv != 0 {
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
        if len > max_frame {
            return Err(Error::FrameTooLarge {
                size: len,
                limit: max_frame,
            });
        }
        let joins = delivery == Delivery::Messages && !is_control(start.opcode);
        if joins && self.joined.saturating_add(len) > max_message {
            return Err(Error::MessageTooLarge { limit: max_message });
        }
        Ok(())
    }
}
