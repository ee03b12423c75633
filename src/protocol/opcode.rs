//! The opcodes of RFC 6455 §5.2. They stay plain numbers: lenient connections deliver unknown
//! ones as they came.

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// Close, ping and pong. The control opcodes that are merely reserved (0xb to 0xf) are not among
/// them: where they are tolerated, they count as data.
pub fn is_control(opcode: u8) -> bool {
    matches!(opcode, CLOSE | PING | PONG)
}

/// "%x3-7 are reserved for further non-control frames", "%xB-F are reserved for further control
/// frames" (RFC 6455 §5.2).
pub fn is_reserved(opcode: u8) -> bool {
    !is_control(opcode) && opcode > BINARY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_has_one_kind() {
        for opcode in 0..16 {
            assert_eq!(is_control(opcode), [8, 9, 10].contains(&opcode));
            assert_eq!(is_reserved(opcode), ![0, 1, 2, 8, 9, 10].contains(&opcode));
        }
    }
}
