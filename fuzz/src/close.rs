//! Close frames: what is made of a received payload, and the payload made of a status and reason.

use nopoll::fuzzing::close::is_valid_status;
use nopoll::fuzzing::{Close, Error, Item, Receiver, Role, Rules, close_payload};

use crate::input::Input;
use crate::memory::Memory;

const MOST: usize = 125;

pub fn check(data: &[u8]) {
    let payload = &data[..data.len().min(MOST)];
    received(payload);
    let mut input = Input::new(data);
    let status = i32::from(input.word()) - i32::from(input.byte());
    sent(status, input.rest());
}

fn receive(payload: &[u8], strict: bool) -> Close {
    let rules = Rules {
        strict,
        max_frame: u64::MAX,
        delivery: Default::default(),
        max_message: u64::MAX,
    };
    let frame = [&[0x88, payload.len() as u8], payload].concat();
    let (used, item) = Receiver::<Memory>::new(Role::Client).feed(&frame, &rules);
    assert_eq!(used, frame.len());
    match item {
        Some(Item::Close(close)) => close,
        other => panic!("no close frame but {other:?}"),
    }
}

fn received(payload: &[u8]) {
    let lenient = receive(payload, false);
    assert_eq!(lenient.error, None);
    assert_eq!(lenient.reason.is_some(), payload.len() >= 2);
    let strict = receive(payload, true);
    let status = payload
        .first_chunk()
        .map(|&bytes| u16::from_be_bytes(bytes));
    let is_sound = match status {
        None => payload.is_empty(),
        Some(status) => is_valid_status(status) && std::str::from_utf8(&payload[2..]).is_ok(),
    };
    assert_eq!(strict.error.is_none(), is_sound);
    if is_sound {
        assert_eq!(strict, lenient);
        assert_eq!(strict.answer, status);
    } else {
        assert!(matches!(strict.answer, Some(1002 | 1007)));
        assert!(matches!(
            strict.error,
            Some(Error::InvalidClose | Error::InvalidUtf8)
        ));
    }
    if let Some(reason) = lenient.reason {
        assert!(!reason.contains(&0) && payload[2..].starts_with(&reason));
    }
}

fn sent(status: i32, reason: &[u8]) {
    let payload = close_payload(status, Some(reason));
    assert!(payload.len() <= MOST);
    if status <= 0 {
        return assert!(payload.is_empty());
    }
    let kept = &payload[2..];
    assert!(reason.starts_with(kept));
    if reason.len() <= MOST - 2 {
        assert_eq!(kept, reason);
    } else {
        assert!(kept.len() > MOST - 2 - 4);
    }
    if std::str::from_utf8(reason).is_ok() {
        let close = receive(&payload, true);
        assert_eq!(i32::from(close.status), status);
        assert_eq!(close.error.is_none(), is_valid_status(close.status));
    }
}
