//! Inflating: the same bytes as another implementation of DEFLATE makes of the same messages; and
//! compressed frames through the receiver, the same whole and in portions.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use nopoll::fuzzing::deflate::{Agreement, Direction, INPUT, Inflater};
use nopoll::fuzzing::{Delivery, Error, Receiver, Rules};

use crate::input::{Input, Portions, Random};
use crate::memory::Memory;
use crate::receiver::{self, Event};

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
pub fn inflater(takeover: bool) -> Inflater {
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

/// More output than this is left out of the comparison.
const MOST: usize = 1 << 20;

/// Messages of up to 255 bytes, each behind its length.
fn messages(mut input: Input<'_>, takeover: bool) {
    let seed = input.word();
    let mut inflater = inflater(takeover);
    let mut other = Other::new();
    while !input.is_empty() {
        let size = input.byte();
        let message = input.take(size.into());
        let got = inflate(&mut inflater, message, seed);
        match other.message(message, takeover) {
            // Some corrupt codes show earlier there, when nothing has been coded in them yet.
            Outcome::Corrupt | Outcome::TooMuch => return,
            Outcome::Bytes(bytes) => assert_eq!(got, Ok(bytes), "{message:x?}"),
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

/// The other implementation. It has all output of a stream before it, which is its window.
pub struct Other {
    engine: DecompressorOxide,
    out: Vec<u8>,
    made: usize,
    /// Something went into the stream since it began, or since a message was complete.
    inside: bool,
}

pub enum Outcome {
    Bytes(Vec<u8>),
    Corrupt,
    TooMuch,
}

impl Other {
    pub fn new() -> Self {
        Self {
            engine: DecompressorOxide::new(),
            out: vec![0; MOST],
            made: 0,
            inside: false,
        }
    }

    /// A whole message.
    fn message(&mut self, message: &[u8], takeover: bool) -> Outcome {
        let outcome = self.frame(message, true);
        if !takeover {
            self.begin();
        }
        outcome
    }

    /// A frame, which may be the last of its message.
    pub fn frame(&mut self, payload: &[u8], fin: bool) -> Outcome {
        let mut bytes = Vec::new();
        let mut outcome = self.steps(payload, &mut bytes);
        // Nothing is appended behind a final block.
        if fin && self.inside && outcome == Some(true) {
            outcome = self.steps(&[0, 0, 0xff, 0xff], &mut bytes);
            self.inside = false;
        }
        match outcome {
            Some(true) => Outcome::Bytes(bytes),
            Some(false) => Outcome::TooMuch,
            None => Outcome::Corrupt,
        }
    }

    fn steps(&mut self, mut input: &[u8], bytes: &mut Vec<u8>) -> Option<bool> {
        while !input.is_empty() {
            if !self.step(&mut input, bytes)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn begin(&mut self) {
        self.engine = DecompressorOxide::new();
        self.made = 0;
        self.inside = false;
    }

    /// Takes all input up to the end of a stream. None: it is corrupt; false: there is too much.
    fn step(&mut self, input: &mut &[u8], bytes: &mut Vec<u8>) -> Option<bool> {
        let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
            | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, taken, made) =
            decompress(&mut self.engine, input, &mut self.out, self.made, flags);
        bytes.extend(&self.out[self.made..self.made + made]);
        self.inside |= taken > 0;
        self.made += made;
        *input = &input[taken..];
        match status {
            TINFLStatus::NeedsMoreInput => Some(true),
            TINFLStatus::Done => {
                self.begin();
                Some(true)
            }
            TINFLStatus::HasMoreOutput => Some(false),
            _ => None,
        }
    }
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
    let (got, expected) = if receiver::comes_in_pieces(rules) {
        (
            receiver::pieces_joined(got),
            receiver::pieces_joined(expected),
        )
    } else {
        (got, expected)
    };
    assert_eq!(sound(&got), sound(&expected));
}

/// What comes before a failure. Which of several faults in one payload shows first, and how much of
/// it is given back before, depends on the portions.
fn sound(events: &[Event]) -> &[Event] {
    match events {
        [
            sound @ ..,
            Event::Data {
                is_final: false, ..
            },
            Event::Fail(_),
        ] => sound,
        [sound @ .., Event::Fail(_)] => sound,
        all => all,
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
