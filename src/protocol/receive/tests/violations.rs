//! What is refused, with which status, and what lenient rules make of it.

use super::*;
use crate::protocol::payload::tests::Stepped;

/// What comes of `input` behind `before`, which is sound.
fn behind(before: &[u8], input: &[u8], role: Role, rules: &Rules) -> Vec<Event> {
    let mut receiver = Receiver::new(role);
    feed(&mut receiver, before, rules);
    feed(&mut receiver, input, rules)
}

fn fail(error: Error) -> Vec<Event> {
    vec![Event::Fail(error)]
}

#[test]
fn headers_in_the_order_of_their_checks() {
    let rules = Rules {
        max_frame: 1000,
        ..strict(Delivery::Frames)
    };
    let open = b"\x01\x01a";
    for (before, input, error) in [
        // Each of these breaks the rules that are checked later as well.
        (&open[..], &b"\x7b\xfe\0\x05"[..], Error::ReservedBits),
        (open, b"\x0b\xfe\0\x05", Error::ReservedOpcode(11)),
        (open, b"\x09\xfe\0\x05", Error::Masked),
        (open, b"\x09\x7e\0\x05", Error::FragmentedControl),
        (open, b"\x89\x7e\0\x05", Error::ControlTooLong),
        (open, b"\x81\x7e\0\x05", Error::UnfinishedMessage(1)),
        (open, b"\x02\x7e\0\x05", Error::UnfinishedMessage(2)),
        (b"", b"\x80\x7e\0\x05", Error::UnexpectedContinuation),
        (b"", b"\x81\x7e\0\x7d", Error::NonMinimalLength),
        (
            b"",
            b"\x81\x7f\0\0\0\0\0\0\xff\xff",
            Error::NonMinimalLength,
        ),
        (
            b"",
            b"\x81\x7e\x03\xe9",
            Error::FrameTooLarge {
                size: 1001,
                limit: 1000,
            },
        ),
    ] {
        assert_eq!(
            behind(before, input, Role::Client, &rules),
            fail(error),
            "{input:x?}"
        );
    }
    for rsv in [0x10, 0x20, 0x40] {
        assert_eq!(
            behind(b"", &[0x81 | rsv, 0], Role::Client, &rules),
            fail(Error::ReservedBits)
        );
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let events = behind(b"", &[0x80 | opcode, 0], Role::Client, &rules);
        assert_eq!(events, fail(Error::ReservedOpcode(opcode)));
    }
}

#[test]
fn lenient_rules_let_them_pass() {
    let rules = lenient(Delivery::Frames);
    for (input, event) in [
        (&b"\xf1\x01a"[..], data(1, 1, 0, b"a")),
        (b"\x8b\x01a", data(11, 1, 0, b"a")),
        (b"\x81\x81\x01\x01\x01\x01\x60", data(1, 1, 0, b"a")),
        (b"\x09\x01a", Event::Ping(b"a".to_vec())),
        (b"\x89\x7e\0\x01a", Event::Ping(b"a".to_vec())),
        (b"\x89\x7f\0\0\0\0\0\0\0\x01a", Event::Ping(b"a".to_vec())),
        (b"\x81\x7e\0\x01a", data(1, 1, 0, b"a")),
        (b"\x81\x01\xff", data(1, 1, 0, b"\xff")),
        (b"\x88\x01\x03", Event::Close(1005, None, None)),
        (b"\x08\x02\0\x01", Event::Close(1, Some(vec![]), Some(1))),
    ] {
        assert_eq!(receive(Role::Client, input, &rules), [event], "{input:x?}");
    }
    let ping = frame(Role::Client, 0x89, &[7; 200]);
    assert_eq!(
        receive(Role::Client, &ping, &rules),
        [Event::Ping(vec![7; 200])]
    );
}

#[test]
fn what_stays_fatal() {
    for rules in [strict(Delivery::Frames), lenient(Delivery::Frames)] {
        for input in [b"\x81\x01a", b"\x89\x01a", b"\x88\x01a", b"\x8a\x01a"] {
            assert_eq!(receive(Role::Server, input, &rules), fail(Error::Unmasked));
        }
        // The mask bit is in the second byte: nothing more is waited for.
        assert_eq!(
            receive(Role::Server, b"\x81\x00", &rules),
            fail(Error::Unmasked)
        );

        let limit = rules.max_frame;
        let huge = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff";
        let too_large = Error::FrameTooLarge {
            size: u64::MAX,
            limit,
        };
        assert_eq!(receive(Role::Server, huge, &rules), fail(too_large));
    }
    let limited = Rules {
        max_frame: 10,
        ..lenient(Delivery::Frames)
    };
    for first in [0x88, 0x89, 0x8a, 0x83] {
        let events = receive(Role::Client, &[first, 11], &limited);
        assert_eq!(
            events,
            fail(Error::FrameTooLarge {
                size: 11,
                limit: 10
            })
        );
    }
}

#[test]
fn frame_limits() {
    for (limit, longer) in [
        (10, &b"\x82\x0b"[..]),
        (200, b"\x82\x7e\0\xc9"),
        (70_000, &[]),
    ] {
        let rules = Rules {
            max_frame: limit,
            ..strict(Delivery::Frames)
        };
        let exact = frame(Role::Client, 0x82, &vec![7; limit as usize]);
        let events = receive(Role::Client, &exact, &rules);
        assert_eq!(events, [data(2, 1, 0, &vec![7; limit as usize])]);
        if !longer.is_empty() {
            let error = Error::FrameTooLarge {
                size: limit + 1,
                limit,
            };
            assert_eq!(receive(Role::Client, longer, &rules), fail(error));
        }
    }
    // Frames are limited, not what they make up together.
    let rules = Rules {
        max_frame: 10,
        ..strict(Delivery::Frames)
    };
    let input = frames(
        Role::Client,
        &[(2, &[7; 10]), (0, &[7; 10]), (0x80, &[7; 10])],
    );
    assert_eq!(receive(Role::Client, &input, &rules).len(), 3);
}

#[test]
fn a_limit_applies_from_the_next_header() {
    let mut receiver = Receiver::new(Role::Client);
    let rules = strict(Delivery::Frames);
    let lower = Rules {
        max_frame: 1,
        ..rules
    };
    assert_eq!(feed(&mut receiver, b"\x81\x04ab", &rules), []);
    let error = Error::FrameTooLarge { size: 2, limit: 1 };
    let expected = [data(1, 1, 0, b"abcd"), Event::Fail(error)];
    assert_eq!(feed(&mut receiver, b"cd\x81\x02", &lower), expected);
}

#[test]
fn message_limits() {
    let rules = Rules {
        max_message: 10,
        ..strict(Delivery::Messages)
    };
    let exact = frames(
        Role::Client,
        &[(1, b"abcdefg"), (0, b""), (0x80, b"hij"), (0x81, b"k")],
    );
    let expected = [data(1, 1, 0, b"abcdefghij"), data(1, 1, 0, b"k")];
    assert_eq!(receive(Role::Client, &exact, &rules), expected);
    // It shows at the header that exceeds it.
    let error = Error::MessageTooLarge { limit: 10 };
    assert_eq!(
        receive(Role::Client, b"\x01\x07abcdefg\x80\x04", &rules),
        fail(error)
    );
    assert_eq!(receive(Role::Client, b"\x82\x0b", &rules), fail(error));
    // Control frames are not part of a message.
    let input = frames(
        Role::Client,
        &[(1, b"abcdefg"), (0x89, &[7; 100]), (0x80, b"hij")],
    );
    assert_eq!(receive(Role::Client, &input, &rules).len(), 2);
    // The limit of a frame is looked at first.
    let limited = Rules {
        max_frame: 5,
        ..rules
    };
    let error = Error::FrameTooLarge { size: 11, limit: 5 };
    assert_eq!(receive(Role::Client, b"\x82\x0b", &limited), fail(error));
}

#[test]
fn text_is_validated_whatever_the_delivery() {
    for delivery in DELIVERIES {
        let rules = strict(delivery);
        let last = |input: &[u8]| receive(Role::Client, input, &rules).pop();
        let invalid = Some(Event::Fail(Error::InvalidUtf8));
        assert_eq!(last(b"\x81\x03a\xffb"), invalid);
        // At the bad byte, not only at the end.
        assert_eq!(last(b"\x81\x09a\xff"), invalid);
        assert_eq!(last(b"\x81\x09\xed\xa0"), invalid);
        assert_eq!(last(b"\x01\x02a\xed\x00\x05\xa0"), invalid);
        // An unfinished character at the end of the message.
        assert_eq!(last(b"\x81\x02a\xe2"), invalid);
        assert_eq!(last(b"\x01\x01\xe2\x00\x01\x89\x80\0"), invalid);
        // Continued across frames and a ping that is no text.
        let input = b"\x01\x01\xe2\x89\x01\xff\x00\x01\x89\x80\x01\xa2\x82\x01\xff";
        assert!(
            receive(Role::Client, input, &rules)
                .iter()
                .all(|event| { !matches!(event, Event::Fail(_)) })
        );
        // Binary messages and their continuations are not text.
        assert_eq!(
            receive(Role::Client, b"\x02\x01\xff\x80\x01\xff", &rules).len(),
            { if delivery == Delivery::Messages { 1 } else { 2 } }
        );
        // The next message starts afresh.
        assert_eq!(last(b"\x82\x01\xe2\x81\x01\x89"), invalid);
    }
}

#[test]
fn text_read_in_place_is_validated() {
    let rules = strict(Delivery::Frames);
    let mut receiver = Receiver::<Buffer>::new(Role::Client);
    assert!(receiver.feed(b"\x81\x09a", &rules).1.is_none());
    receiver.slot(9).expect("room")[..2].copy_from_slice(b"\xed\xa0");
    assert_eq!(
        receiver.filled(2, &rules),
        Some(Item::Fail(Error::InvalidUtf8))
    );
}

#[test]
fn strictness_may_change_inside_a_message() {
    let (rules, loose) = (strict(Delivery::Frames), lenient(Delivery::Frames));
    let mut receiver = Receiver::new(Role::Client);
    assert_eq!(
        feed(&mut receiver, b"\x01\x01\xe2", &rules),
        [data(1, 0, 1, b"\xe2")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x00\x01\xff", &loose),
        [data(0, 0, 1, b"\xff")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x80\x01\xff", &rules),
        [data(0, 1, 1, b"\xff")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x81\x01\xff", &rules),
        fail(Error::InvalidUtf8)
    );
    // What an unfinished character left behind is none of the next message's business.
    let mut receiver = Receiver::new(Role::Client);
    feed(&mut receiver, b"\x01\x01\xe2", &rules);
    feed(&mut receiver, b"\x80\0", &loose);
    assert_eq!(
        feed(&mut receiver, b"\x81\x01a", &rules),
        [data(1, 1, 0, b"a")]
    );
}

#[test]
fn close_frames_are_judged() {
    let rules = strict(Delivery::Frames);
    let invalid = |status, reason| Event::Close(status, reason, Some(1002));
    for (input, event) in [
        (&b"\x88\0"[..], Event::Close(1005, None, None)),
        (
            b"\x88\x06\x03\xe9away",
            Event::Close(1001, Some(b"away".to_vec()), Some(1001)),
        ),
        (b"\x88\x01\x03", invalid(1006, None)),
        (b"\x88\x03\x03\xe7x", invalid(999, Some(b"x".to_vec()))),
        (
            b"\x88\x03\x03\xe8\xff",
            Event::Close(1000, None, Some(1007)),
        ),
    ] {
        assert_eq!(receive(Role::Client, input, &rules), [event], "{input:x?}");
    }
}

#[test]
fn nothing_comes_after_the_end() {
    for end in [&b"\x88\0"[..], b"\xf1\0"] {
        let rules = strict(Delivery::Pieces);
        let input = [end, b"\x81\x01a\x89\0"].concat();
        let mut receiver = Receiver::new(Role::Client);
        assert_eq!(feed(&mut receiver, &input, &rules).len(), 1);
        assert_eq!(feed(&mut receiver, b"\x81\x01a", &rules), []);
        assert_eq!((receiver.want(), receiver.mid_frame()), (1, false));
        assert!(receiver.slot(1).is_none() && receiver.filled(0, &rules).is_none());
        assert!(receiver.take_partial().is_none());
        assert_eq!(receiver.complete_items(b"\x81\x01a", 9), 0);
    }
}

#[test]
fn memory_may_run_out() {
    type Small = Stepped<8, 20>;
    let rules = strict(Delivery::Frames);
    for first in [0x82, 0x89] {
        let mut receiver = Receiver::<Small>::new(Role::Client);
        let input = frame(Role::Client, first, &[7; 30]);
        let (_, item) = receiver.feed(&input, &rules);
        assert!(matches!(item, Some(Item::Fail(Error::OutOfMemory))));
    }
    // Payload memory that comes in steps is filled step by step.
    let mut receiver = Receiver::<Stepped<3, 100>>::new(Role::Server);
    let payload: Vec<u8> = (0..50).collect();
    let (_, item) = receiver.feed(&frame(Role::Server, 0x82, &payload), &rules);
    let Some(Item::Data(data)) = item else {
        panic!("a frame");
    };
    assert_eq!(data.payload.into_bytes(), payload);
}

#[test]
fn a_declared_length_costs_nothing() {
    let rules = Rules {
        max_frame: u64::MAX,
        ..strict(Delivery::Frames)
    };
    let mut receiver = Receiver::<Buffer>::new(Role::Client);
    let header = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(feed(&mut receiver, header, &rules), []);
    assert!(
        receiver
            .slot(usize::MAX)
            .is_some_and(|slot| slot.len() <= 64)
    );
    let declared = usize::try_from(u64::MAX >> 1).unwrap_or(usize::MAX);
    assert_eq!(receiver.want(), declared);
}
