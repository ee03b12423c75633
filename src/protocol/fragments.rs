//! Opcodes of the fragmented messages we send.

use super::opcode::{BINARY, CONTINUATION, TEXT, is_control};

/// Remembers whether the message being sent is still unfinished, so that callers may name the
/// message's type with every fragment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fragments {
    open: bool,
}

impl Fragments {
    /// The opcode to send for `wanted`: RFC 6455 §5.4 has every fragment after the first continue
    /// the message with opcode 0. Any other opcode goes out as asked for.
    pub fn opcode(&self, wanted: u8) -> u8 {
        match wanted {
            TEXT | BINARY if self.open => CONTINUATION,
            _ => wanted,
        }
    }

    /// A frame was accepted for sending. Control frames may stand between fragments.
    pub fn sent(&mut self, opcode: u8, fin: bool) {
        if !is_control(opcode) {
            self.open = !fin;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_continue_until_the_final_one() {
        let mut fragments = Fragments::default();
        let mut send = |wanted, fin| {
            let opcode = fragments.opcode(wanted);
            fragments.sent(opcode, fin);
            opcode
        };
        assert_eq!([send(1, false), send(1, false), send(1, true)], [1, 0, 0]);
        assert_eq!([send(2, false), send(2, true), send(2, true)], [2, 0, 2]);
        // A message of the other type joins the unfinished one.
        assert_eq!([send(1, false), send(2, true), send(1, true)], [1, 0, 1]);
    }

    #[test]
    fn explicit_continuations_take_part_and_control_frames_do_not() {
        let mut fragments = Fragments::default();
        fragments.sent(0, false);
        assert_eq!(fragments.opcode(1), 0);
        for control in [8, 9, 10] {
            assert_eq!(fragments.opcode(control), control);
            fragments.sent(control, true);
        }
        assert_eq!(fragments.opcode(2), 0);
        assert_eq!(fragments.opcode(5), 5);
        fragments.sent(0, true);
        assert_eq!(fragments.opcode(2), 2);
        fragments.sent(9, false);
        assert_eq!(fragments.opcode(2), 2);
    }
}
