//! Reading decisions from the front of a fuzz input. What is missing at its end reads as zero, so
//! every input means something.

use nopoll::fuzzing::{Delivery, Role, Rules};

/// Longer frames come in pieces even where whole frames are delivered.
pub const MAX_ASSEMBLED: u64 = 16 << 20;

#[derive(Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Up to `n` bytes.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte of switches and two limits: role and rules of a receiver.
    pub fn rules(&mut self) -> (Role, Rules) {
        let switches = self.byte();
        let role = [Role::Client, Role::Server][usize::from(switches & 1)];
        let delivery = [Delivery::Frames, Delivery::Pieces, Delivery::Messages]
            [usize::from(switches >> 2 & 3) % 3];
        let max_frame = self.limit();
        let max_message = self.limit();
        let strict = switches & 2 == 0;
        (
            role,
            Rules {
                strict,
                max_frame,
                delivery,
                max_message,
            },
        )
    }

    /// Small limits, which short inputs can reach, and two that none can.
    fn limit(&mut self) -> u64 {
        match self.byte() {
            0 => MAX_ASSEMBLED,
            255 => u64::MAX >> 1,
            limit => u64::from(limit) * 4,
        }
    }
}

/// Cuts `input` into portions whose sizes follow from `seed`.
pub struct Portions<'a> {
    rest: &'a [u8],
    random: Random,
}

impl<'a> Portions<'a> {
    pub fn new(input: &'a [u8], seed: u16) -> Self {
        Self {
            rest: input,
            random: Random::new(seed),
        }
    }
}

impl<'a> Iterator for Portions<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let size = self.random.size().min(self.rest.len());
        let (portion, rest) = self.rest.split_at(size);
        self.rest = rest;
        Some(portion)
    }
}

/// A generator that gives the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u16) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (self.0 >> 33) % n
    }

    /// At least 1; mostly small, for small portions find more.
    pub fn size(&mut self) -> usize {
        let most = [1, 3, 16, 128, 4096][self.below(5) as usize];
        1 + self.below(most) as usize
    }
}
