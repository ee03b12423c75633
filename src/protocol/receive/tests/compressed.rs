//! Compressed messages through the receiver.

use super::*;
use crate::protocol::deflate::{Agreement, Config, Deflater, Direction};

fn agreement() -> Agreement {
    let Config {
        level,
        send,
        receive,
        ..
    } = Config::default();
    Agreement {
        level,
        threshold: 0,
        send: Some(send),
        receive,
    }
}

fn receiver(role: Role) -> Receiver<Buffer> {
    let mut receiver = Receiver::new(role);
    receiver.inflate_with(Inflater::new(&agreement()));
    receiver
}

fn receive(role: Role, input: &[u8], rules: &Rules) -> Vec<Event> {
    feed(&mut receiver(role), input, rules)
}

/// What a peer sends that compresses all it can. Of each frame: its first byte, without RSV1, and
/// what is in it.
fn sent(role: Role, all: &[(u8, &[u8])]) -> Vec<u8> {
    let mut deflater = Deflater::new(&agreement());
    all.iter()
        .flat_map(|&(first, payload)| {
            match deflater.pack(first & 0x0f, first & 0x80 != 0, payload) {
                Some(packed) => {
                    let rsv1 = if packed.is_first { 0x40 } else { 0 };
                    frame(role, first | rsv1, &packed.bytes)
                }
                None => frame(role, first, payload),
            }
        })
        .collect()
}

fn lines(n: usize) -> Vec<u8> {
    (0..n)
        .flat_map(|i| format!("line {i} of many, {}\n", i * i % 977).into_bytes())
        .collect()
}

/// Frames of every kind between compressed ones.
fn stream(role: Role) -> Vec<u8> {
    let long = lines(60);
    sent(
        role,
        &[
            (0x81, b"Hello"),
            (0x81, b"Hello"),
            (0x01, "한국".as_bytes()),
            (0x89, b"ping"),
            (0x00, b""),
            (0x8a, b"pong"),
            (0x80, "어".as_bytes()),
            (0x82, b""),
            (0x82, &long),
            (0x02, &long[..700]),
            (0x80, &long[..700]),
            (0x88, b"\x03\xe8bye"),
        ],
    )
}

#[test]
fn the_example_of_rfc_7692_section_7_2_3_1_in_frames() {
    let rules = strict(Delivery::Frames);
    let whole = frames(Role::Client, &[(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")]);
    assert_eq!(whole, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    let hello = [data(1, 1, 0, b"Hello")];
    assert_eq!(receive(Role::Client, &whole, &rules), hello);
    // The first fragment holds no more than what can be told from it.
    let fragments = b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00";
    let expected = [data(1, 0, 1, b"He"), data(0, 1, 1, b"llo")];
    assert_eq!(receive(Role::Client, fragments, &rules), expected);
    let messages = strict(Delivery::Messages);
    assert_eq!(receive(Role::Client, fragments, &messages), hello);
}

#[test]
fn each_delivery_gives_its_portions() {
    let long = lines(60);
    for role in ROLES {
        let frames = [
            data(1, 1, 0, b"Hello"),
            data(1, 1, 0, b"Hello"),
            data(1, 0, 1, "한국".as_bytes()),
            Event::Ping(b"ping".to_vec()),
            data(0, 0, 1, b""),
            Event::Pong,
            data(0, 1, 1, "어".as_bytes()),
            data(2, 1, 0, b""),
            data(2, 1, 0, &long),
            data(2, 0, 1, &long[..700]),
            data(0, 1, 1, &long[..700]),
            Event::Close(1000, Some(b"bye".to_vec()), Some(1000)),
        ];
        assert_eq!(
            receive(role, &stream(role), &strict(Delivery::Frames)),
            frames
        );
        let messages = [
            data(1, 1, 0, b"Hello"),
            data(1, 1, 0, b"Hello"),
            Event::Ping(b"ping".to_vec()),
            Event::Pong,
            data(1, 1, 0, "한국어".as_bytes()),
            data(2, 1, 0, b""),
            data(2, 1, 0, &long),
            data(2, 1, 0, &[&long[..700], &long[..700]].concat()),
            Event::Close(1000, Some(b"bye".to_vec()), Some(1000)),
        ];
        assert_eq!(
            receive(role, &stream(role), &strict(Delivery::Messages)),
            messages
        );
    }
}

#[test]
fn portions_make_no_difference() {
    for role in ROLES {
        let stream = stream(role);
        for delivery in DELIVERIES {
            let rules = strict(delivery);
            let whole = receive(role, &stream, &rules);
            for cut in 0..=stream.len() {
                let mut receiver = receiver(role);
                let mut events = feed(&mut receiver, &stream[..cut], &rules);
                events.extend(feed(&mut receiver, &stream[cut..], &rules));
                compare(delivery, events, &whole, &format!("cut at {cut}"));
            }
            let mut receiver = receiver(role);
            let bytes = stream.chunks(1);
            let events = bytes.flat_map(|byte| feed(&mut receiver, byte, &rules));
            compare(delivery, events.collect(), &whole, "byte by byte");
        }
    }
}

#[test]
fn what_is_wanted_never_reaches_beyond_the_frame() {
    for role in ROLES {
        let stream = stream(role);
        for delivery in DELIVERIES {
            let rules = strict(delivery);
            let mut receiver = receiver(role);
            let mut events = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(receiver.want());
                events.extend(feed(&mut receiver, now, &rules));
                rest = later;
            }
            compare(
                delivery,
                events,
                &receive(role, &stream, &rules),
                "as wanted",
            );
        }
    }
}

#[test]
fn items_ahead_are_counted_as_they_come() {
    for role in ROLES {
        let stream = stream(role);
        for delivery in DELIVERIES {
            let rules = strict(delivery);
            for cut in 0..=stream.len() {
                let mut receiver = receiver(role);
                feed(&mut receiver, &stream[..cut], &rules);
                let ahead = receiver.complete_items(&stream[cut..], usize::MAX);
                assert_eq!(
                    ahead,
                    feed(&mut receiver, &stream[cut..], &rules).len(),
                    "{delivery:?} {cut}"
                );
            }
        }
    }
}

#[test]
fn looking_ahead_does_not_take_compressed_sizes_for_those_of_the_message() {
    // Stored blocks of nothing: the frames are large, the message isn't.
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(130);
    let input = frames(
        Role::Client,
        &[
            (0x41, &nothing),
            (0x00, &nothing),
            (0x80, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            (0x89, b"ping"),
        ],
    );
    let rules = Rules {
        max_message: 16,
        ..strict(Delivery::Messages)
    };
    let mut receiver = receiver(Role::Client);
    receiver.feed(b"", &rules);
    let before_the_last = input.len() - 9 - 6;
    assert_eq!(receiver.complete_items(&input[..before_the_last], 9), 0);
    assert_eq!(receiver.complete_items(&input, 9), 2);
    let events = [data(1, 1, 0, b"Hello"), Event::Ping(b"ping".to_vec())];
    assert_eq!(feed(&mut receiver, &input, &rules), events);
}

#[test]
fn pieces_are_bounded_and_what_is_held_is_told() {
    let rules = Rules {
        max_frame: 10_000_000,
        ..strict(Delivery::Pieces)
    };
    let mut receiver = receiver(Role::Client);
    let zeros = vec![0; 5_000_000];
    let stream = sent(Role::Client, &[(0x82, &zeros), (0x81, b"next")]);
    let (mut used, mut total) = (0, 0);
    loop {
        let (n, item) = receiver.feed(&stream[used..], &rules);
        used += n;
        match item.map(Event::from) {
            Some(Event::Data(_, is_final, true, piece)) => {
                total += piece.len();
                assert!(piece.len() <= 96 * 1024, "{}", piece.len());
                assert!(piece.iter().all(|&byte| byte == 0));
                assert_eq!(is_final, total == zeros.len() && !receiver.holds());
                assert!(is_final || receiver.holds() || used < stream.len());
                assert!(is_final || receiver.complete_items(&stream[used..], 9) > 0);
                if is_final {
                    break;
                }
            }
            other => panic!("no piece but {other:?}"),
        }
    }
    assert_eq!(total, zeros.len());
    let next = feed(&mut receiver, &stream[used..], &rules);
    assert_eq!(next, [data(1, 1, 0, b"next")]);
}

#[test]
fn limits_are_those_of_what_comes_out() {
    for (size, limit, is_over) in [
        (1000, 1000, false),
        (1001, 1000, true),
        (500_000, 1000, true),
    ] {
        for delivery in DELIVERIES {
            let rules = Rules {
                max_frame: limit,
                ..strict(delivery)
            };
            let stream = sent(Role::Client, &[(0x82, &vec![7; size])]);
            assert!(stream.len() < 1000);
            let last = receive(Role::Client, &stream, &rules)
                .pop()
                .expect("an event");
            let expected = Event::Fail(Error::InflatedFrameTooLarge { limit });
            assert_eq!(last == expected, is_over, "{size} {delivery:?} {last:?}");
        }
        let rules = Rules {
            max_message: limit,
            ..strict(Delivery::Messages)
        };
        let (front, back) = (vec![7; size / 2], vec![7; size - size / 2]);
        for stream in [
            sent(Role::Client, &[(0x82, &[&front[..], &back].concat())]),
            sent(Role::Client, &[(0x02, &front), (0x80, &back)]),
        ] {
            let events = receive(Role::Client, &stream, &rules);
            let failure = Event::Fail(Error::MessageTooLarge { limit });
            assert_eq!(events == [failure], is_over, "{size}");
        }
    }
}

#[test]
fn what_compression_made_longer_is_not_too_long() {
    let mut state = 7u32;
    let noise: Vec<u8> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let stream = sent(Role::Client, &[(0x82, &noise)]);
    assert!(stream.len() > noise.len() + 10);
    for delivery in [Delivery::Frames, Delivery::Messages] {
        let rules = Rules {
            max_frame: noise.len() as u64,
            max_message: noise.len() as u64,
            ..strict(delivery)
        };
        let expected = [data(2, 1, 0, &noise)];
        assert_eq!(receive(Role::Client, &stream, &rules), expected);
        // Far longer than that is refused by its header.
        let header = b"\xc2\x7f\x00\x00\x00\x00\x00\x02\x00\x00";
        let failure = receive(Role::Client, header, &rules).pop();
        let size = 0x20000;
        let limit = noise.len() as u64;
        assert_eq!(
            failure,
            Some(Event::Fail(Error::FrameTooLarge { size, limit }))
        );
    }
}

#[test]
fn text_is_judged_as_it_comes_out() {
    for role in ROLES {
        for (frames, ok) in [
            (&[(0x81, &b"\xc3\xa4"[..])][..], true),
            (&[(0x81, b"\xc3")], false),
            (&[(0x01, b"\xc3"), (0x80, b"\xa4")], true),
            (&[(0x01, b"\xc3"), (0x80, b"x")], false),
            (&[(0x01, b"\xff"), (0x00, b"x")], false),
            (&[(0x82, b"\xff")], true),
        ] {
            let stream = sent(role, frames);
            let last = receive(role, &stream, &strict(Delivery::Frames)).pop();
            assert_eq!(
                last != Some(Event::Fail(Error::InvalidUtf8)),
                ok,
                "{frames:x?}"
            );
            let tolerant = receive(role, &stream, &lenient(Delivery::Frames));
            assert_eq!(tolerant.len(), frames.len());
        }
    }
}

#[test]
fn rsv1_stands_on_first_data_frames_only() {
    for role in ROLES {
        let rules = strict(Delivery::Frames);
        for (first, payload) in [
            (0xc9, &b"ping"[..]),
            (0xca, b"pong"),
            (0xc8, b""),
            (0xa1, b"RSV2"),
            (0x91, b"RSV3"),
            (0xe1, b"\x00"),
        ] {
            let events = receive(role, &frame(role, first, payload), &rules);
            assert_eq!(events, [Event::Fail(Error::ReservedBits)], "{first:x}");
        }
        let continued = [sent(role, &[(0x01, b"a")]), frame(role, 0xc0, b"\x00")].concat();
        let last = receive(role, &continued, &rules).pop();
        assert_eq!(last, Some(Event::Fail(Error::ReservedBits)));
        // Nobody agreed to it.
        let hello = frame(role, 0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        let events = super::receive(role, &hello, &rules);
        assert_eq!(events, [Event::Fail(Error::ReservedBits)]);
        let events = super::receive(role, &hello, &lenient(Delivery::Frames));
        assert_eq!(events, [data(1, 1, 0, b"\xf2\x48\xcd\xc9\xc9\x07\x00")]);
        // Agreed to is not obliged to.
        let plain = frame(role, 0x81, b"plain");
        assert_eq!(receive(role, &plain, &rules), [data(1, 1, 0, b"plain")]);
    }
}

#[test]
fn corrupt_data_ends_the_connection() {
    let events = receive(
        Role::Client,
        &frame(Role::Client, 0xc1, b"\x06"),
        &strict(Delivery::Frames),
    );
    assert_eq!(events, [Event::Fail(Error::CorruptDeflate)]);
}

#[test]
fn without_takeover_each_message_stands_alone() {
    let fresh = Direction {
        takeover: false,
        ..Direction::default()
    };
    let mut receiver = Receiver::new(Role::Client);
    receiver.inflate_with(Inflater::new(&Agreement {
        receive: fresh,
        ..agreement()
    }));
    let rules = strict(Delivery::Frames);
    let first = frame(Role::Client, 0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    assert_eq!(
        feed(&mut receiver, &first, &rules),
        [data(1, 1, 0, b"Hello")]
    );
    let second = frame(Role::Client, 0xc1, b"\xf2\x00\x11\x00\x00");
    let events = feed(&mut receiver, &second, &rules);
    assert_eq!(events, [Event::Fail(Error::CorruptDeflate)]);
}
