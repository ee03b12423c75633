//! Looking ahead: what bytes that have been read but not fed yet will amount to.

use super::frame::Frame;
use super::{Receiver, Stage};
use crate::protocol::gate::Gate;
use crate::protocol::header::{Header, MAX_HEADER};
use crate::protocol::opcode::{CLOSE, is_control};
use crate::protocol::{Delivery, Error, Payload};

impl<P: Payload> Receiver<P> {
    /// The complete items (data, pings, pongs, closes, violations) contained in `input`, which
    /// follows what has been fed, under the rules of the latest call; counting stops at `most`.
    ///
    /// An unfinished frame or message counts nothing. Only headers are looked at: a violation
    /// inside a payload passes for the frame it is in, and what a compressed frame adds to its
    /// message, which only inflating tells, for nothing.
    pub fn complete_items(&self, input: &[u8], most: usize) -> usize {
        let mut held = self.held_header();
        let mut rest = input;
        let mut gate = self.gate();
        let mut current = match self.stage {
            Stage::Over => return 0,
            Stage::Header => None,
            Stage::Data | Stage::Control | Stage::Pong => Some(self.frame),
        };
        let mut count = 0;
        // Part of a compressed frame can be had where pieces are wanted.
        let mut partial = usize::from(self.holds());
        while count < most {
            let frame = match current.take() {
                Some(frame) => frame,
                None => match next_frame(&mut held, &mut rest, &gate) {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(_) => return count + 1,
                },
            };
            if frame.within(usize::MAX) > rest.len() {
                count += partial;
                break;
            }
            partial = 0;
            rest = &rest[frame.within(rest.len())..];
            if is_control(frame.opcode) {
                count += 1;
                if frame.opcode == CLOSE {
                    break;
                }
                continue;
            }
            gate.open = !frame.fin;
            gate.compressed = frame.compressed;
            if frame.fin || gate.rules.delivery != Delivery::Messages {
                count += 1;
                gate.joined = 0;
            } else if !frame.compressed {
                gate.joined = gate.joined.saturating_add(frame.remaining);
            }
        }
        count
    }
}

/// Reads the header that begins with the bytes held back and continues in `rest`.
fn next_frame(held: &mut &[u8], rest: &mut &[u8], gate: &Gate<'_>) -> Result<Option<Frame>, Error> {
    let header = if held.is_empty() {
        Header::read(rest, gate)?
    } else {
        let mut head = [0; MAX_HEADER];
        let (front, back) = head.split_at_mut(held.len());
        let room = back.len().min(rest.len());
        front.copy_from_slice(held);
        back[..room].copy_from_slice(&rest[..room]);
        Header::read(&head[..held.len() + room], gate)?
    };
    Ok(header.map(|header| {
        *rest = &rest[header.size - held.len()..];
        *held = &[];
        Frame::from(&header)
    }))
}
