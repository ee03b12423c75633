//! Inflating: the same bytes, or the same refusal, as zlib gives for the same messages; and
//! compressed frames through the receiver, the same whole and in portions.

use nopoll::fuzzing::deflate::{Agreement, Direction, INPUT, Inflater};
use nopoll::fuzzing::{Delivery, Error, Receiver, Rules};

use crate::input::{Input, Portions, Random};
use crate::memory::Memory;
use crate::receiver::{self, Event};
use crate::zlib::{Inflated, MOST, Messages};

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let switches = input.byte();
    let takeover = switches & 1 != 0;
    if switches & 2 == 0 {
        messages(input, takeover);
    } else {
        frames(input, takeover);
    }
}

/// The receiving half of an agreement.
fn inflater(takeover: bool) -> Inflater {
    Inflater::new(&Agreement {
        level: 3,
        threshold: 1,
        send: None,
        receive: Direction {
            takeover,
            window_bits: 15,
        },
    })
}

/// Messages of up to 255 bytes, each behind its length.
fn messages(mut input: Input<'_>, takeover: bool) {
    let seed = input.word();
    let mut inflater = inflater(takeover);
    let mut other = Messages::new();
    while !input.is_empty() {
        let size = input.byte();
        let message = input.take(size.into());
        let got = inflate(&mut inflater, message, seed);
        match other.message(message, takeover) {
            Inflated::TooMuch => return,
            Inflated::Corrupt => {
                assert_eq!(got, Err(Error::CorruptDeflate), "{message:x?}");
                return;
            }
            Inflated::Bytes(bytes) => assert_eq!(got, Ok(bytes), "{message:x?}"),
        }
    }
}

/// Inflates a message given in portions, taking the output in others.
fn inflate(inflater: &mut Inflater, message: &[u8], seed: u16) -> Result<Vec<u8>, Error> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::new();
    let mut drain = |inflater: &mut Inflater| {
        while !inflater.is_dry() {
            let mut out = vec![0; random.size()];
            let made = inflater.output(&mut out)?;
            bytes.extend(&out[..made]);
        }
        Ok(())
    };
    for portion in Portions::new(message, seed).flat_map(|portion| portion.chunks(INPUT)) {
        inflater.input(portion.len()).copy_from_slice(portion);
        drain(inflater)?;
    }
    while inflater.end_input() {
        drain(inflater)?;
    }
    inflater.end_message();
    Ok(bytes)
}

/// Frames, some of them compressed, of a connection that has agreed to compress.
fn frames(mut input: Input<'_>, takeover: bool) {
    let (role, rules) = input.rules();
    let seed = input.word();
    let stream = input.rest();
    let receiver = || {
        let mut receiver = Receiver::<Memory>::new(role);
        receiver.inflate_with(inflater(takeover));
        receiver
    };
    let whole = receiver::feed(&mut receiver(), stream, &rules);
    if whole
        .iter()
        .map(|event| event.payload().len())
        .sum::<usize>()
        > MOST
    {
        return;
    }
    let mut split = receiver();
    let mut events = Vec::new();
    for portion in Portions::new(stream, seed) {
        events.extend(receiver::feed(&mut split, portion, &rules));
    }
    compare(events, &whole, &rules);
    let events = receiver::read_exactly(&mut receiver(), stream, &rules, seed);
    compare(events, &whole, &rules);
    ahead(receiver(), stream, &rules, seed, &whole);
}

fn compare(got: Vec<Event>, expected: &[Event], rules: &Rules) {
    let expected = expected.to_vec();
    if receiver::comes_in_pieces(rules) {
        compare_pieces(
            receiver::pieces_joined(got),
            receiver::pieces_joined(expected),
        );
    } else {
        assert_eq!(until_failure(&got), until_failure(&expected));
    }
}

/// The portions decide how much of a payload is given back before it turns out to be unsound: some
/// of it, or nothing.
fn compare_pieces(mut got: Vec<Event>, mut expected: Vec<Event>) {
    let (_, fails) = until_failure(&expected);
    assert_eq!(until_failure(&got).1, fails);
    if fails {
        got.pop();
        expected.pop();
        let (less, more) = if told(&got) < told(&expected) {
            (&got, &mut expected)
        } else {
            (&expected, &mut got)
        };
        if less.len() < more.len() {
            let last = more.pop();
            assert!(
                matches!(
                    last,
                    Some(Event::Data {
                        is_final: false,
                        ..
                    })
                ),
                "{last:?}"
            );
        } else if let (
            Some(Event::Data {
                payload: part,
                is_final: false,
                ..
            }),
            Some(Event::Data { payload, .. }),
        ) = (less.last(), more.last_mut())
        {
            payload.truncate(part.len());
        }
    }
    assert_eq!(got, expected);
}

/// How much has been told.
fn told(events: &[Event]) -> (usize, usize) {
    (
        events.len(),
        events.last().map_or(0, |last| last.payload().len()),
    )
}

/// What comes before a failure, and whether there is one. Which of several faults in one payload
/// shows first depends on the portions.
fn until_failure(events: &[Event]) -> (&[Event], bool) {
    match events {
        [sound @ .., Event::Fail(_)] => (sound, true),
        all => (all, false),
    }
}

/// As many items as were counted in advance come, unless a payload turns out to be unsound.
fn ahead(mut receiver: Receiver<Memory>, stream: &[u8], rules: &Rules, seed: u16, whole: &[Event]) {
    let is_unsound = |last: &Event| matches!(last, Event::Fail(_)) || last.is_bad_text();
    if whole.last().is_some_and(is_unsound)
        || rules.delivery == Delivery::Pieces
        || receiver::comes_in_pieces(rules)
    {
        return;
    }
    let cut = usize::from(seed) % (stream.len() + 1);
    let before = receiver::feed(&mut receiver, &stream[..cut], rules).len();
    let count = receiver.complete_items(&stream[cut..], usize::MAX);
    assert_eq!(before + count, whole.len());
}
