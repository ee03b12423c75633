//! The receiver once more, written to be obviously right: it has the whole stream in its hands,
//! knows no portions, and copies as it likes.

use nopoll::fuzzing::gate::Gate;
use nopoll::fuzzing::header::Header;
use nopoll::fuzzing::{Delivery, Error, Role, Rules};

use crate::input::MAX_ASSEMBLED;
use crate::receiver::Event;

/// The header at the front of `bytes`; None: not enough of it is there to decide.
pub fn header(bytes: &[u8], gate: &Gate<'_>) -> Result<Option<Header>, Error> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    let Rules {
        strict,
        max_frame,
        delivery,
        max_message,
    } = *gate.rules;
    let (fin, rsv, opcode) = (first >= 0x80, first >> 4 & 7, first & 15);
    let (masked, short) = (second >= 0x80, second & 127);
    let is_control = [8, 9, 10].contains(&opcode);
    if strict && rsv != 0 {
        return Err(Error::ReservedBits);
    }
    if strict && ![0, 1, 2, 8, 9, 10].contains(&opcode) {
        return Err(Error::ReservedOpcode(opcode));
    }
    if gate.role == Role::Server && !masked {
        return Err(Error::Unmasked);
    }
    if strict && gate.role == Role::Client && masked {
        return Err(Error::Masked);
    }
    if strict && is_control && !fin {
        return Err(Error::FragmentedControl);
    }
    if strict && is_control && short > 125 {
        return Err(Error::ControlTooLong);
    }
    if strict && opcode == 0 && !gate.open {
        return Err(Error::UnexpectedContinuation);
    }
    if strict && !is_control && opcode != 0 && gate.open {
        return Err(Error::UnfinishedMessage(opcode));
    }
    let width = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(digits) = bytes.get(2..2 + width) else {
        return Ok(None);
    };
    let long = digits
        .iter()
        .fold(0, |len: u64, &digit| len << 8 | u64::from(digit));
    let (len, least) = match short {
        126 => (long, 126),
        127 => (long, 65536),
        _ => (u64::from(short), 0),
    };
    if strict && len < least {
        return Err(Error::NonMinimalLength);
    }
    if len > max_frame {
        return Err(Error::FrameTooLarge {
            size: len,
            limit: max_frame,
        });
    }
    let total = u128::from(gate.joined) + u128::from(len);
    if delivery == Delivery::Messages && !is_control && total > u128::from(max_message) {
        return Err(Error::MessageTooLarge { limit: max_message });
    }
    let size = 2 + width + if masked { 4 } else { 0 };
    let Some(whole) = bytes.get(..size) else {
        return Ok(None);
    };
    let mask = masked.then(|| whole[size - 4..].try_into().expect("a key"));
    Ok(Some(Header {
        fin,
        opcode,
        compressed: false,
        mask,
        len,
        size,
    }))
}

/// Everything that comes of a stream. Where pieces are delivered, each frame is one piece, and so is
/// what there is of an unfinished or unsound frame at the end.
pub fn receive(role: Role, input: &[u8], rules: &Rules) -> Vec<Event> {
    let mut events = Vec::new();
    match Stream::default().run(role, input, rules, &mut events) {
        Ok(()) => {}
        Err(error) => events.push(Event::Fail(error)),
    }
    events
}

/// The message being received.
#[derive(Default)]
struct Stream {
    open: bool,
    /// Its bytes are validated.
    is_text: bool,
    /// All of its bytes, for the validation.
    text: Vec<u8>,
    /// What has not been delivered of it.
    joined: Vec<u8>,
    /// How to report it: with this opcode, as part of something begun before.
    unit: Option<(u8, bool)>,
}

impl Stream {
    fn run(
        &mut self,
        role: Role,
        mut rest: &[u8],
        rules: &Rules,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        loop {
            let gate = Gate {
                role,
                rules,
                open: self.open,
                deflates: false,
                compressed: false,
                joined: self.joined.len() as u64,
            };
            let Some(header) = header(rest, &gate)? else {
                return Ok(());
            };
            rest = &rest[header.size..];
            let there = usize::try_from(header.len)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let complete = there as u64 == header.len;
            let key = header.mask.unwrap_or([0; 4]);
            let payload: Vec<u8> = (0..there).map(|i| rest[i] ^ key[i % 4]).collect();
            rest = &rest[there..];
            match header.opcode {
                8 if !complete && rules.strict && is_hopeless(&payload) => {
                    events.push(close(&payload, true));
                    return Ok(());
                }
                _ if (8..=10).contains(&header.opcode) && !complete => return Ok(()),
                8 => {
                    events.push(close(&payload, rules.strict));
                    return Ok(());
                }
                9 => events.push(Event::Ping(payload)),
                10 => events.push(Event::Pong),
                _ => {
                    let done = self.data(&header, payload, complete, rules, events)?;
                    if !done {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn data(
        &mut self,
        header: &Header,
        payload: Vec<u8>,
        complete: bool,
        rules: &Rules,
        events: &mut Vec<Event>,
    ) -> Result<bool, Error> {
        let (opcode, continues) = *self.unit.get_or_insert((header.opcode, self.open));
        if header.opcode != 0 {
            self.is_text = header.opcode == 1;
            self.text.clear();
        }
        self.open = !header.fin;
        self.text.extend(&payload);
        self.joined.extend(payload);
        let is_final = complete && header.fin;
        let result = match std::str::from_utf8(&self.text) {
            Err(error) if error.error_len().is_some() || is_final => Err(Error::InvalidUtf8),
            _ => Ok(complete),
        };
        let result = if rules.strict && self.is_text {
            result
        } else {
            Ok(complete)
        };
        let is_due = match rules.delivery {
            Delivery::Frames if header.len > MAX_ASSEMBLED => !self.joined.is_empty(),
            Delivery::Frames => result == Ok(true),
            Delivery::Messages => result == Ok(true) && header.fin,
            Delivery::Pieces => complete || !self.joined.is_empty(),
        };
        if is_due {
            events.push(Event::Data {
                opcode,
                is_final: is_final && result.is_ok(),
                is_fragment: !is_final || continues,
                payload: std::mem::take(&mut self.joined),
            });
            self.unit = None;
        }
        result
    }
}

/// Whether the reason behind a valid status is not UTF-8 and won't be.
fn is_hopeless(payload: &[u8]) -> bool {
    let refused = Some(Error::InvalidUtf8.close_code());
    let cut = payload.get(2..).map(std::str::from_utf8);
    let never = cut.is_some_and(|cut| cut.is_err_and(|error| error.error_len().is_some()));
    never && matches!(close(payload, true), Event::Close { answer, .. } if answer == refused)
}

fn close(payload: &[u8], strict: bool) -> Event {
    let (status, reason, answer) = match payload {
        [] => (1005, None, None),
        [_] if strict => (1006, None, Some(1002)),
        [_] => (1005, None, None),
        [high, low, reason @ ..] => {
            let status = u16::from(*high) << 8 | u16::from(*low);
            let shown: Vec<u8> = reason.iter().copied().take_while(|&b| b != 0).collect();
            let reserved = status < 1000
                || [1004, 1005, 1006, 1015].contains(&status)
                || (1016..3000).contains(&status)
                || status > 4999;
            if strict && reserved {
                (status, Some(shown), Some(1002))
            } else if strict && std::str::from_utf8(reason).is_err() {
                (status, None, Some(1007))
            } else {
                (status, Some(shown), Some(status))
            }
        }
    };
    Event::Close {
        status,
        reason,
        answer,
    }
}

/// The payloads of all pings in a stream, however unsound it is.
pub fn pings(role: Role, input: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let rules = Rules {
        strict: false,
        max_frame: u64::MAX >> 1,
        delivery: Delivery::Frames,
        max_message: u64::MAX >> 1,
    };
    let events = receive(role, input, &rules).into_iter();
    events.filter_map(|event| match event {
        Event::Ping(payload) => Some(payload),
        _ => None,
    })
}
