//! Books on what was sent: which frames the library accepted, and whether the numbers it reported
//! add up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// A frame, with its first byte as on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    pub first: u8,
    pub payload: Vec<u8>,
}

#[derive(Default)]
pub struct Books {
    /// Accepted and not seen by the peer yet.
    pub expected: RefCell<VecDeque<Sent>>,
    /// The program wrote beside the protocol: nothing can be said of the wire any more.
    pub raw: Cell<bool>,
    /// The last data frame came without FIN: the next one continues it.
    open: Cell<bool>,
    /// The frame that is owed: its payload bytes, and how many were reported.
    owed: Cell<Option<(i64, i64)>>,
}

impl Books {
    /// A send through a function that tracks fragmented messages.
    pub fn tracked(&self, opcode: u8, fin: bool, payload: &[u8], result: i32) {
        let opcode = if self.open.get() && matches!(opcode, 1 | 2) {
            0
        } else {
            opcode
        };
        if self.sent(opcode, fin, payload, result) && !(8..=10).contains(&opcode) {
            self.open.set(!fin);
        }
    }

    /// A send was answered with `result`; whether it was accepted.
    pub fn sent(&self, opcode: u8, fin: bool, payload: &[u8], result: i32) -> bool {
        let size = payload.len() as i64;
        let result = i64::from(result);
        assert!((-2..=size).contains(&result), "{result} for {size} bytes");
        if result == -1 {
            return false;
        }
        let first = opcode | if fin { 0x80 } else { 0 };
        self.expected.borrow_mut().push_back(Sent {
            first,
            payload: payload.to_vec(),
        });
        // What was written of an older frame is no longer asked for.
        self.owed
            .set((result < size || result < 0).then_some((size, result.max(0))));
        true
    }

    /// Payload bytes that a completing call reported.
    pub fn completed(&self, result: i32, pending: i32) {
        if let (Some((size, reported)), true) = (self.owed.get(), result > 0) {
            let reported = reported + i64::from(result);
            assert!(reported <= size, "{reported} of {size} bytes were reported");
            self.owed.set(Some((size, reported)));
        }
        self.settle(pending);
    }

    /// Nothing pending means that everything was reported.
    pub fn settle(&self, pending: i32) {
        if let (Some((size, reported)), 0) = (self.owed.get(), pending) {
            assert_eq!(reported, size, "reported and sent");
            self.owed.set(None);
        }
    }

    /// The connection is over: nobody asks any more.
    pub fn over(&self) {
        self.owed.set(None);
    }

    pub fn owes(&self) -> bool {
        self.owed.get().is_some()
    }
}
