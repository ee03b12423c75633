//! What the bit and byte utilities compute.
#![forbid(unsafe_code)]

/// Bit `position` (0: least significant) of a byte; 0 for positions there aren't.
pub(crate) fn bit(byte: u8, position: i32) -> i32 {
    match position {
        0..=7 => i32::from(byte >> position & 1),
        _ => 0,
    }
}

/// `byte` with bit `position` set; unchanged for positions there aren't.
pub(crate) fn with_bit(byte: u8, position: i32) -> u8 {
    match position {
        0..=7 => byte | 1 << position,
        _ => byte,
    }
}

/// The bits of a byte as digits, most significant first.
pub(crate) fn digits(byte: u8) -> [u8; 8] {
    let mut digits = [b'0'; 8];
    for (digit, position) in digits.iter_mut().rev().zip(0..) {
        if bit(byte, position) == 1 {
            *digit = b'1';
        }
    }
    digits
}

/// The two's complement of a number as digits, most significant first.
pub(crate) fn binary(value: i32) -> [u8; 32] {
    let mut all = [b'0'; 32];
    for (place, byte) in all.chunks_exact_mut(8).zip(value.to_be_bytes()) {
        place.copy_from_slice(&digits(byte));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_least_significant() {
        assert_eq!(bit(0b1000_0001, 0), 1);
        assert_eq!(bit(0b1000_0001, 7), 1);
        assert_eq!(bit(0b1000_0001, 3), 0);
        assert_eq!(bit(0xff, 8), 0);
        assert_eq!(bit(0xff, -1), 0);
        assert_eq!(with_bit(0b1000_0000, 1), 0b1000_0010);
        assert_eq!(with_bit(0, 8), 0);
    }

    #[test]
    fn binary_is_twos_complement() {
        assert_eq!(&digits(0b0101_0011), b"01010011");
        assert_eq!(&binary(5), b"00000000000000000000000000000101");
        assert_eq!(&binary(-1), &[b'1'; 32]);
        assert_eq!(binary(i32::MIN)[0], b'1');
        assert_eq!(&binary(i32::MIN)[1..], &[b'0'; 31]);
    }
}
