//! The receiver from outside: bytes in, items out.

#[cfg(feature = "deflate")]
mod compressed;
mod flags;
mod portions;
mod violations;

use super::*;
use crate::protocol::encode_header;
use crate::protocol::payload::tests::Buffer;

pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An item in a form that is easy to write down and to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Opcode, `is_final`, `is_fragment`, payload.
    Data(u8, bool, bool, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(u16, Option<Vec<u8>>, Option<u16>),
    Fail(Error),
}

impl From<Item<Buffer>> for Event {
    fn from(item: Item<Buffer>) -> Self {
        match item {
            Item::Data(data) => Self::from(data),
            Item::Ping(payload) => Self::Ping(payload.into_bytes()),
            Item::Pong => Self::Pong,
            Item::Close(Close {
                status,
                reason,
                answer,
                ..
            }) => Self::Close(status, reason, answer),
            Item::Fail(error) => Self::Fail(error),
        }
    }
}

impl From<Data<Buffer>> for Event {
    fn from(data: Data<Buffer>) -> Self {
        Self::Data(
            data.opcode,
            data.is_final,
            data.is_fragment,
            data.payload.into_bytes(),
        )
    }
}

pub fn data(opcode: u8, is_final: u8, is_fragment: u8, payload: &[u8]) -> Event {
    Event::Data(opcode, is_final == 1, is_fragment == 1, payload.to_vec())
}

pub fn strict(delivery: Delivery) -> Rules {
    Rules {
        strict: true,
        max_frame: 1 << 20,
        delivery,
        max_message: 1 << 20,
    }
}

pub fn lenient(delivery: Delivery) -> Rules {
    Rules {
        strict: false,
        ..strict(delivery)
    }
}

/// A frame as the peer of `role` sends it; `first` is its first byte.
pub fn frame(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(KEY);
    let mut header = [0; MAX_HEADER];
    let size = encode_header(&mut header, false, 0, mask, payload.len() as u64);
    header[0] = first;
    let mut bytes = [&header[..size], payload].concat();
    if role == Role::Server {
        crate::protocol::Mask::new(KEY).apply(&mut bytes[size..]);
    }
    bytes
}

pub fn frames(role: Role, all: &[(u8, &[u8])]) -> Vec<u8> {
    all.iter()
        .flat_map(|&(first, payload)| frame(role, first, payload))
        .collect()
}

/// Feeds `input` to the end; returns what came of it.
pub fn feed(receiver: &mut Receiver<Buffer>, mut input: &[u8], rules: &Rules) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let (n, item) = receiver.feed(input, rules);
        input = &input[n..];
        match item {
            Some(item) => events.push(item.into()),
            None => {
                assert!(input.is_empty(), "without an item, everything is consumed");
                return events;
            }
        }
    }
}

/// What comes of `input` as a whole.
pub fn receive(role: Role, input: &[u8], rules: &Rules) -> Vec<Event> {
    feed(&mut Receiver::new(role), input, rules)
}

/// Joins the parts of what came in parts, so that pieces can be compared with frames.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut whole: Vec<Event> = Vec::new();
    for event in events {
        match (whole.last_mut(), event) {
            (
                Some(Event::Data(_, is_final @ false, _, payload)),
                Event::Data(0, part_final, true, part),
            ) => {
                *is_final = part_final;
                payload.extend(part);
            }
            (_, event) => whole.push(event),
        }
    }
    // A failure may come before or after the part in front of it is due.
    if let [.., Event::Data(_, false, ..), Event::Fail(_)] = whole[..] {
        whole.remove(whole.len() - 2);
    }
    for event in &mut whole {
        if let Event::Data(_, _, is_fragment, _) = event {
            *is_fragment = false;
        }
    }
    whole
}

/// Whether the same came, in whatever pieces.
pub fn compare(delivery: Delivery, got: Vec<Event>, expected: &[Event], what: &str) {
    if delivery == Delivery::Pieces {
        assert_eq!(joined(got), joined(expected.to_vec()), "{what}");
    } else {
        assert_eq!(got, expected, "{what}");
    }
}

pub const ROLES: [Role; 2] = [Role::Client, Role::Server];
pub const DELIVERIES: [Delivery; 3] = [Delivery::Frames, Delivery::Pieces, Delivery::Messages];
