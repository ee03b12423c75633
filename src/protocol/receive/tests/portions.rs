//! The same stream gives the same items in whatever portions it comes.

use super::*;

/// Streams with everything in them; the last items are the end of them.
fn streams(role: Role) -> Vec<Vec<u8>> {
    let text = "A≢Α. 한국어 𣎴".as_bytes();
    let medium: Vec<u8> = (0..130).map(|i| i as u8).collect();
    let sound = [
        (0x81, text),
        (0x01, &text[..5]),
        (0x89, b"ping"),
        (0x00, b""),
        (0x00, &text[5..9]),
        (0x8a, b"pong"),
        (0x80, &text[9..]),
        (0x82, b""),
        (0x89, b""),
        (0x8a, b""),
        (0x82, &medium),
        (0x02, b"\xff"),
        (0x80, b""),
        (0x81, b"end"),
    ];
    let sound = frames(role, &sound);
    let with = |end: &[(u8, &[u8])]| [sound.clone(), frames(role, end)].concat();
    vec![
        with(&[(0x88, b"\x03\xe9away"), (0x81, b"never seen")]),
        with(&[(0x88, b"")]),
        with(&[(0x88, b"\x03\xe8bad \xff byte")]),
        with(&[(0x88, b"\x03\xedbad status, bad \xff byte")]),
        with(&[(0x80, b"no start")]),
        with(&[(0x01, b"a"), (0x81, b"second start")]),
        with(&[(0x91, b"reserved bit")]),
        with(&[(0x83, b"reserved opcode")]),
        with(&[(0x89, &[7; 126])]),
        with(&[(0x81, b"bad \xff byte, and a tail")]),
        with(&[(0x01, b"a"), (0x80, b"cut \xe2")]),
        with(&[(0x82, &vec![7; 70_000])]),
    ]
}

/// Every cut of a short stream, enough of them in a long one.
fn step(input: &[u8]) -> usize {
    1 + input.len() / 1000 * 10
}

/// Every way to feed `input` under `rules`.
fn check(role: Role, input: &[u8], rules: &Rules) {
    let expected = receive(role, input, rules);
    let delivery = rules.delivery;
    for cut in (0..=input.len()).step_by(step(input)) {
        let mut receiver = Receiver::new(role);
        let mut got = feed(&mut receiver, &input[..cut], rules);
        got.extend(feed(&mut receiver, &input[cut..], rules));
        compare(delivery, got, &expected, &format!("cut at {cut}"));
    }
    for portion in [1, 2, 3, 5, 7, 13, 64, 1000] {
        let mut receiver = Receiver::new(role);
        let portions = input.chunks(portion);
        let got = portions
            .flat_map(|portion| feed(&mut receiver, portion, rules))
            .collect();
        compare(delivery, got, &expected, &format!("portions of {portion}"));
        for lent in [0, 10, 150, 100_000] {
            let got = read_exactly(role, input, (portion, lent), rules);
            let how = format!("reads of {portion}, {lent} lent");
            compare(delivery, got, &expected, &how);
        }
    }
}

/// Takes from `input` as from a socket: never more than is wanted, nor than `most` at a time, and
/// straight into the payload where there is one. That may be in memory for `lent` bytes, which is taken
/// back now and then.
fn read_exactly(
    role: Role,
    input: &[u8],
    (most, lent): (usize, usize),
    rules: &Rules,
) -> Vec<Event> {
    let mut receiver = Receiver::<Buffer>::new(role);
    let mut memory = Buffer::used(lent);
    let mut events = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        receiver.lend(&mut memory);
        if rest.len() % 5 == 0 {
            memory = receiver.take_back().unwrap_or(memory);
        }
        let want = receiver.want();
        assert!(want > 0);
        let item = if let Some(slot) = receiver.slot(most) {
            let n = slot.len().min(rest.len());
            assert!(n <= want && slot.len() <= most);
            slot[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            receiver.filled(n, rules)
        } else {
            let (bytes, behind) = rest.split_at(want.min(most).min(rest.len()));
            rest = behind;
            let (n, item) = receiver.feed_with(bytes, rules, Some(&mut memory));
            if !matches!(item, Some(Item::Fail(_))) {
                assert_eq!(n, bytes.len(), "nothing beyond the frame was wanted");
            }
            item
        };
        if let Some(item) = item {
            let is_over = matches!(item, Item::Close(_) | Item::Fail(_));
            events.push(item.into());
            if is_over {
                break;
            }
        }
    }
    events
}

#[test]
fn strict_streams() {
    for role in ROLES {
        for input in streams(role) {
            for delivery in DELIVERIES {
                check(role, &input, &strict(delivery));
            }
        }
    }
}

#[test]
fn lenient_streams() {
    for role in ROLES {
        for input in streams(role) {
            for delivery in DELIVERIES {
                check(role, &input, &lenient(delivery));
            }
        }
    }
}

#[test]
fn pieces_lose_and_repeat_nothing() {
    let payload: Vec<u8> = (0..200).collect();
    let input = frame(Role::Server, 0x82, &payload);
    let header = input.len() - payload.len();
    let rules = strict(Delivery::Pieces);
    for first in 0..input.len() {
        for second in [first, first + 1, first + 9, input.len()] {
            let second = second.min(input.len());
            let mut receiver = Receiver::new(Role::Server);
            let parts = [&input[..first], &input[first..second], &input[second..]];
            let got = parts
                .iter()
                .flat_map(|part| feed(&mut receiver, part, &rules));
            let cuts = [header, first.max(header), second.max(header), input.len()];
            let mut bounds: Vec<_> = cuts.windows(2).filter(|cut| cut[0] < cut[1]).collect();
            let last = bounds.pop().expect("a last piece");
            let mut opcode = 2;
            let mut expected = Vec::new();
            for cut in bounds {
                expected.push(data(
                    opcode,
                    0,
                    1,
                    &payload[cut[0] - header..cut[1] - header],
                ));
                opcode = 0;
            }
            let is_part = u8::from(opcode == 0);
            expected.push(data(opcode, 1, is_part, &payload[last[0] - header..]));
            assert_eq!(got.collect::<Vec<_>>(), expected, "{first} {second}");
        }
    }
}

#[test]
fn headers_of_every_length_cut_anywhere() {
    for role in ROLES {
        for len in [0, 5, 200, 70_000] {
            let payload = vec![7; len];
            let input = frame(role, 0x82, &payload);
            for cut in 0..=input.len() - len {
                let mut receiver = Receiver::new(role);
                let rules = strict(Delivery::Frames);
                let mut got = feed(&mut receiver, &input[..cut], &rules);
                got.extend(feed(&mut receiver, &input[cut..], &rules));
                assert_eq!(got, [data(2, 1, 0, &payload)]);
            }
        }
    }
}

#[test]
fn one_item_at_a_time() {
    let mut receiver = Receiver::<Buffer>::new(Role::Client);
    let rules = strict(Delivery::Frames);
    let input = b"\x81\x01a\x89\0\x82\x02bc\x81\x05d";
    let mut consumed = Vec::new();
    let mut rest = &input[..];
    while !rest.is_empty() {
        let (n, _) = receiver.feed(rest, &rules);
        consumed.push(n);
        rest = &rest[n..];
    }
    assert_eq!(consumed, [3, 2, 4, 3]);
    assert_eq!(receiver.feed(b"", &rules), (0, None));
}

#[test]
fn what_is_wanted() {
    let rules = strict(Delivery::Frames);
    let mut server = Receiver::<Buffer>::new(Role::Server);
    let input = frame(Role::Server, 0x81, &[b'x'; 300]);
    let wanted = [
        (0, 6),
        (1, 5),
        (2, 6),
        (3, 5),
        (4, 304),
        (6, 302),
        (8, 300),
        (9, 299),
    ];
    let mut fed = 0;
    for (at, want) in wanted {
        assert!(server.feed(&input[fed..at], &rules).1.is_none());
        assert_eq!(server.want(), want, "behind {at} bytes");
        assert_eq!(server.mid_frame(), at > 0);
        fed = at;
    }
    let mut client = Receiver::<Buffer>::new(Role::Client);
    assert_eq!(client.want(), 2);
    client.feed(b"\x89\x05", &rules);
    assert_eq!((client.want(), client.slot(9)), (5, None));
    client.feed(b"Hello\x8a\x05H", &rules);
    client.feed(b"\x8a\x05H", &rules);
    assert_eq!((client.want(), client.slot(9)), (4, None));
    client.feed(b"ello", &rules);
    assert!(!client.mid_frame());
}

#[test]
fn slots_stay_within_the_frame() {
    let rules = strict(Delivery::Frames);
    let mut receiver = Receiver::<Buffer>::new(Role::Client);
    assert!(receiver.slot(9).is_none());
    receiver.feed(b"\x82\x05ab", &rules);
    assert!(receiver.slot(0).is_none());
    assert_eq!(receiver.slot(2).map(|slot| slot.len()), Some(2));
    assert_eq!(receiver.slot(usize::MAX).map(|slot| slot.len()), Some(3));
    assert_eq!(receiver.filled(0, &rules), None);
    receiver.slot(9).expect("room").copy_from_slice(b"cde");
    let item = receiver.filled(3, &rules).map(Event::from);
    assert_eq!(item, Some(data(2, 1, 0, b"abcde")));
}

#[test]
fn looking_ahead_sees_what_feeding_gives() {
    for role in ROLES {
        for input in streams(role) {
            for rules in [
                strict(Delivery::Frames),
                strict(Delivery::Messages),
                lenient(Delivery::Frames),
                lenient(Delivery::Messages),
                Rules {
                    max_frame: 129,
                    ..strict(Delivery::Frames)
                },
                Rules {
                    max_message: 30,
                    ..strict(Delivery::Messages)
                },
            ] {
                let total = receive(role, &input, &rules).len();
                for cut in (0..=input.len()).step_by(step(&input)) {
                    let mut receiver = Receiver::new(role);
                    let before = feed(&mut receiver, &input[..cut], &rules);
                    let ahead = receiver.complete_items(&input[cut..], usize::MAX);
                    assert_eq!(before.len() + ahead, total, "cut at {cut}, {rules:?}");
                    let two = receiver.complete_items(&input[cut..], 2);
                    assert_eq!(two, ahead.min(2));
                    assert_eq!(receiver.complete_items(&input[cut..], 0), 0);
                }
            }
        }
    }
}

#[test]
fn looking_ahead_counts_nothing_unfinished() {
    let rules = strict(Delivery::Frames);
    let input = frames(
        Role::Client,
        &[(0x81, b"abc"), (0x89, b"p"), (0x82, &[7; 200])],
    );
    for (end, count) in [
        (4, 0),
        (5, 1),
        (7, 1),
        (8, 2),
        (input.len() - 1, 2),
        (input.len(), 3),
    ] {
        let mut receiver = Receiver::<Buffer>::new(Role::Client);
        receiver.feed(b"", &rules);
        assert_eq!(receiver.complete_items(&input[..end], 9), count, "{end}");
    }
}

#[test]
fn looking_ahead_adds_up_messages() {
    let receiver = |limit| {
        let mut receiver = Receiver::<Buffer>::new(Role::Client);
        let rules = Rules {
            max_message: limit,
            ..strict(Delivery::Messages)
        };
        receiver.feed(b"", &rules);
        receiver
    };
    let input = frames(
        Role::Client,
        &[(0x01, b"abc"), (0x00, b"def"), (0x80, b"g"), (0x81, b"h")],
    );
    assert_eq!(receiver(7).complete_items(&input, 9), 2);
    assert_eq!(receiver(6).complete_items(&input, 9), 1);
    assert_eq!(receiver(6).complete_items(&input[..10], 9), 0);
}

/// Streams that are almost sound, from a generator that always gives the same.
struct Garbage(u64);

impl Garbage {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn stream(&mut self, role: Role) -> Vec<u8> {
        let mut stream = Vec::new();
        for _ in 0..=self.below(12) {
            let first = self.pick(&[0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x09, 0x83, 0x8b]);
            let payload = self
                .pick(&["", "a", "text", "\u{e9}", "한국어"])
                .repeat(self.below(70));
            let mut frame = frame(role, first, payload.as_bytes());
            if self.below(30) == 0 {
                let at = self.below(frame.len());
                frame[at] ^= 1 << self.below(8);
            }
            stream.extend(frame);
        }
        stream
    }
}

#[test]
fn almost_sound_streams() {
    let mut garbage = Garbage(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3000 {
        let role = garbage.pick(&ROLES);
        let limit = garbage.pick(&[100, 1000, 1 << 20]);
        let rules = Rules {
            strict: garbage.below(4) > 0,
            max_frame: garbage.pick(&[100, 1000, 1 << 20]),
            delivery: garbage.pick(&DELIVERIES),
            max_message: limit,
        };
        let input = garbage.stream(role);
        let expected = receive(role, &input, &rules);

        let mut receiver = Receiver::new(role);
        let (mut got, mut rest) = (Vec::new(), &input[..]);
        while !rest.is_empty() {
            let (portion, behind) = rest.split_at(1 + garbage.below(rest.len()));
            got.extend(feed(&mut receiver, portion, &rules));
            rest = behind;
        }
        compare(rules.delivery, got, &expected, "in random portions");
        let most = 1 + garbage.below(100);
        let got = read_exactly(role, &input, (most, 100_000), &rules);
        compare(rules.delivery, got, &expected, "in random reads");
    }
}

#[test]
fn the_state_stays_small() {
    assert!(size_of::<Receiver<[usize; 3]>>() <= 200);
}
