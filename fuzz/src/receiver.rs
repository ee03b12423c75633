//! The receiver: one stream, fed whole, in portions, read into its own memory and looked at ahead,
//! must give the same events, and those that the model expects.

use nopoll::fuzzing::{Close, Data, Delivery, Error, Item, Payload, Receiver, Role, Rules};

use crate::input::{Input, MAX_ASSEMBLED, Portions, Random};
use crate::memory::Memory;
use crate::model;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Data {
        opcode: u8,
        is_final: bool,
        is_fragment: bool,
        payload: Vec<u8>,
    },
    Ping(Vec<u8>),
    Pong,
    Close {
        status: u16,
        reason: Option<Vec<u8>>,
        answer: Option<u16>,
    },
    Fail(Error),
}

impl Event {
    /// The bytes of data; nothing for anything else.
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Data { payload, .. } => payload,
            _ => &[],
        }
    }

    /// The end of a stream with bytes that are no text, which shows before the frame is complete.
    pub fn is_bad_text(&self) -> bool {
        let refused = Error::InvalidUtf8;
        match self {
            Self::Close { answer, .. } => *answer == Some(refused.close_code()),
            Self::Fail(error) => *error == refused,
            _ => false,
        }
    }

    fn ends(&self) -> bool {
        matches!(self, Self::Close { .. } | Self::Fail(_))
    }
}

impl From<Item<Memory>> for Event {
    fn from(item: Item<Memory>) -> Self {
        match item {
            Item::Data(Data {
                opcode,
                payload,
                is_final,
                is_fragment,
                ..
            }) => Self::Data {
                opcode,
                is_final,
                is_fragment,
                payload: payload.into_bytes(),
            },
            Item::Ping(payload) => Self::Ping(payload.into_bytes()),
            Item::Pong => Self::Pong,
            Item::Close(Close {
                status,
                reason,
                answer,
                ..
            }) => Self::Close {
                status,
                reason,
                answer,
            },
            Item::Fail(error) => {
                assert!([1002, 1007, 1009].contains(&error.close_code()), "{error}");
                assert!(!error.to_string().is_empty());
                Self::Fail(error)
            }
        }
    }
}

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, rules) = input.rules();
    let seed = input.word();
    let stream = input.rest();

    let whole = feed(&mut Receiver::new(role), stream, &rules);
    let in_portions = portions(role, stream, &rules, seed);
    let read = read_exactly(&mut Receiver::new(role), stream, &rules, seed);
    let expected = model::receive(role, stream, &rules);
    for (events, how) in [(whole, "whole"), (in_portions, "portions"), (read, "reads")] {
        if comes_in_pieces(&rules) {
            compare_pieces(events, expected.clone(), how);
        } else {
            assert_eq!(events, expected, "{how}");
        }
    }
    if !comes_in_pieces(&rules) {
        look_ahead(role, stream, &rules, usize::from(seed), &expected);
    }
    switch_delivery(role, stream, &rules, seed);
}

pub fn comes_in_pieces(rules: &Rules) -> bool {
    match rules.delivery {
        Delivery::Pieces => true,
        Delivery::Frames => rules.max_frame > MAX_ASSEMBLED,
        Delivery::Messages => false,
    }
}

/// Feeds `input` to its end.
pub fn feed(receiver: &mut Receiver<Memory>, mut input: &[u8], rules: &Rules) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let (used, item) = receiver.feed(input, rules);
        input = &input[used..];
        let Some(item) = item else {
            assert!(input.is_empty(), "without an item, all is consumed");
            return events;
        };
        events.push(Event::from(item));
    }
}

fn portions(role: Role, stream: &[u8], rules: &Rules, seed: u16) -> Vec<Event> {
    let mut receiver = Receiver::new(role);
    Portions::new(stream, seed)
        .flat_map(|portion| feed(&mut receiver, portion, rules))
        .collect()
}

/// Takes from the stream as from a socket: what is wanted and no more, into the payload's memory
/// where the receiver lends it. That may be in memory lent to the receiver, and taken back now and
/// then.
pub fn read_exactly(
    receiver: &mut Receiver<Memory>,
    stream: &[u8],
    rules: &Rules,
    seed: u16,
) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut memory = Memory::used(random.size());
    let mut events: Vec<Event> = Vec::new();
    let mut rest = stream;
    while !(rest.is_empty() || events.last().is_some_and(Event::ends)) || receiver.holds() {
        if receiver.holds() {
            let (_, item) = receiver.feed(&[], rules);
            events.extend(item.map(Event::from));
            continue;
        }
        let most = random.size();
        if most % 2 == 0 {
            receiver.lend(&mut memory);
        } else if most % 3 == 0 {
            memory = receiver.take_back().unwrap_or(memory);
        }
        let want = receiver.want();
        assert!(want > 0, "something is always wanted");
        let item = if let Some(slot) = receiver.slot(most) {
            assert!(!slot.is_empty() && slot.len() <= want.min(most));
            let n = slot.len().min(rest.len());
            slot[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            receiver.filled(n, rules)
        } else {
            let (bytes, behind) = rest.split_at(want.min(most).min(rest.len()));
            rest = behind;
            let (used, item) = receiver.feed_with(bytes, rules, Some(&mut memory));
            let failed = matches!(item, Some(Item::Fail(_)));
            assert!(used == bytes.len() || failed, "more was wanted than used");
            item
        };
        events.extend(item.map(Event::from));
    }
    events
}

/// What is counted in advance is what comes, except that a violation within a payload passes for
/// the frame it is in.
fn look_ahead(role: Role, stream: &[u8], rules: &Rules, cut: usize, expected: &[Event]) {
    let cut = cut % (stream.len() + 1);
    let mut receiver = Receiver::<Memory>::new(role);
    let before = feed(&mut receiver, &stream[..cut], rules).len();
    let ahead = receiver.complete_items(&stream[cut..], usize::MAX);
    assert_eq!(receiver.complete_items(&stream[cut..], 2), ahead.min(2));
    match expected {
        [sound @ .., last] if last.is_bad_text() => assert!(before + ahead >= sound.len()),
        all => assert_eq!(before + ahead, all.len()),
    }
}

/// Delivery may change between two calls: no byte is lost or told twice by it.
fn switch_delivery(role: Role, stream: &[u8], rules: &Rules, seed: u16) {
    let rules = |delivery| Rules {
        delivery,
        max_message: u64::MAX,
        ..*rules
    };
    let expected = data_bytes(&feed(
        &mut Receiver::new(role),
        stream,
        &rules(Delivery::Pieces),
    ));
    let mut receiver = Receiver::new(role);
    let mut events = Vec::new();
    for (portion, delivery) in Portions::new(stream, seed).zip(
        [Delivery::Frames, Delivery::Messages, Delivery::Pieces]
            .into_iter()
            .cycle(),
    ) {
        events.extend(feed(&mut receiver, portion, &rules(delivery)));
    }
    let is_over = events.last().is_some_and(Event::ends);
    let mut got = data_bytes(&events);
    if let (false, Some(partial)) = (is_over, receiver.take_partial()) {
        assert!(!partial.payload.is_empty());
        got.extend(partial.payload.into_bytes());
    }
    if is_over {
        // What was held of an unfinished message is gone with the connection.
        assert!(expected.starts_with(&got) || got.starts_with(&expected));
    } else {
        assert_eq!(got, expected);
    }
}

fn data_bytes(events: &[Event]) -> Vec<u8> {
    events.iter().flat_map(Event::payload).copied().collect()
}

/// The portions decide how much of a frame is given back before it turns out to be unsound.
fn compare_pieces(events: Vec<Event>, expected: Vec<Event>, how: &str) {
    let (mut got, mut expected) = (pieces_joined(events), pieces_joined(expected));
    if expected.last() == Some(&Event::Fail(Error::InvalidUtf8)) {
        assert_eq!(got.pop(), expected.pop());
        if got.len() < expected.len() {
            expected.pop();
        } else if let (
            Some(Event::Data { payload: part, .. }),
            Some(Event::Data { payload: whole, .. }),
        ) = (got.last(), expected.last_mut())
        {
            assert!(whole.starts_with(part));
            whole.truncate(part.len());
        }
    }
    assert_eq!(got, expected, "{how}");
}

/// Joins what came in parts.
pub fn pieces_joined(events: Vec<Event>) -> Vec<Event> {
    let mut whole: Vec<Event> = Vec::new();
    for event in events {
        match (whole.last_mut(), event) {
            (
                Some(Event::Data {
                    is_final: is_final @ false,
                    payload,
                    ..
                }),
                Event::Data {
                    opcode: 0,
                    is_final: ends,
                    is_fragment: true,
                    payload: part,
                },
            ) => {
                *is_final = ends;
                payload.extend(part);
            }
            (
                _,
                Event::Data {
                    opcode,
                    is_final,
                    payload,
                    ..
                },
            ) => whole.push(Event::Data {
                opcode,
                is_final,
                is_fragment: false,
                payload,
            }),
            (_, event) => whole.push(event),
        }
    }
    whole
}
