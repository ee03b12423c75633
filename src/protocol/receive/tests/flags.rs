//! Opcode, finality and fragment flag of everything that is delivered.

use super::*;

/// Feeds `portions` one after the other.
fn in_portions(portions: &[&[u8]], rules: &Rules) -> Vec<Event> {
    let mut receiver = Receiver::new(Role::Client);
    portions
        .iter()
        .flat_map(|portion| feed(&mut receiver, portion, rules))
        .collect()
}

#[test]
fn the_examples_of_rfc_6455_section_5_7() {
    let rules = strict(Delivery::Frames);
    let client = |input: &[u8]| receive(Role::Client, input, &rules);
    let server = |input: &[u8]| receive(Role::Server, input, &rules);
    let hello = [data(1, 1, 0, b"Hello")];
    assert_eq!(client(b"\x81\x05Hello"), hello);
    assert_eq!(
        server(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        hello
    );
    assert_eq!(
        client(b"\x01\x03Hel\x80\x02lo"),
        [data(1, 0, 1, b"Hel"), data(0, 1, 1, b"lo")]
    );
    assert_eq!(client(b"\x89\x05Hello"), [Event::Ping(b"Hello".to_vec())]);
    assert_eq!(
        server(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        [Event::Pong]
    );
    let medium = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    assert_eq!(client(&medium), [data(2, 1, 0, &[7; 256])]);
    let long = [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &[7; 65536]].concat();
    assert_eq!(client(&long), [data(2, 1, 0, &[7; 65536])]);
}

#[test]
fn whole_frames() {
    for rules in [strict(Delivery::Frames), strict(Delivery::Pieces)] {
        let input = frames(
            Role::Client,
            &[(0x01, b"a"), (0x00, b"b"), (0x80, b"c"), (0x82, b"d")],
        );
        let expected = [
            data(1, 0, 1, b"a"),
            data(0, 0, 1, b"b"),
            data(0, 1, 1, b"c"),
            data(2, 1, 0, b"d"),
        ];
        assert_eq!(receive(Role::Client, &input, &rules), expected);
    }
}

#[test]
fn pieces_of_a_frame() {
    let rules = strict(Delivery::Pieces);
    let parts = [&b"\x81\x09abc"[..], b"def", b"ghi"];
    let expected = [
        data(1, 0, 1, b"abc"),
        data(0, 0, 1, b"def"),
        data(0, 1, 1, b"ghi"),
    ];
    assert_eq!(in_portions(&parts, &rules), expected);

    // The last piece of a frame without FIN ends no message.
    let parts = [&b"\x01\x04ab"[..], b"cd\x80\x02e", b"f\x81\x01g"];
    let expected = [
        data(1, 0, 1, b"ab"),
        data(0, 0, 1, b"cd"),
        data(0, 0, 1, b"e"),
        data(0, 1, 1, b"f"),
        data(1, 1, 0, b"g"),
    ];
    assert_eq!(in_portions(&parts, &rules), expected);

    // A header that arrives alone makes no piece.
    assert_eq!(
        in_portions(&[b"\x81\x02", b"", b"ab"], &rules),
        [data(1, 1, 0, b"ab")]
    );
}

#[test]
fn empty_frames_are_delivered() {
    for delivery in [Delivery::Frames, Delivery::Pieces] {
        let rules = strict(delivery);
        let input = b"\x81\0\x01\x01a\x00\0\x80\0\x82\0";
        let expected = [
            data(1, 1, 0, b""),
            data(1, 0, 1, b"a"),
            data(0, 0, 1, b""),
            data(0, 1, 1, b""),
            data(2, 1, 0, b""),
        ];
        assert_eq!(receive(Role::Client, input, &rules), expected);
    }
    let rules = strict(Delivery::Messages);
    let expected = [data(1, 1, 0, b""), data(1, 1, 0, b"a"), data(2, 1, 0, b"")];
    assert_eq!(
        receive(Role::Client, b"\x81\0\x01\x01a\x00\0\x80\0\x82\0", &rules),
        expected
    );
}

#[test]
fn control_frames_leave_the_fragments_alone() {
    let input = b"\x01\x01a\x89\x02pp\x8a\x02zz\x80\x01b\x81\x01c";
    let (ping, pong) = (Event::Ping(b"pp".to_vec()), Event::Pong);
    for delivery in [Delivery::Frames, Delivery::Pieces] {
        let expected = [
            data(1, 0, 1, b"a"),
            ping.clone(),
            pong.clone(),
            data(0, 1, 1, b"b"),
            data(1, 1, 0, b"c"),
        ];
        assert_eq!(receive(Role::Client, input, &strict(delivery)), expected);
    }
    let expected = [ping, pong, data(1, 1, 0, b"ab"), data(1, 1, 0, b"c")];
    assert_eq!(
        receive(Role::Client, input, &strict(Delivery::Messages)),
        expected
    );

    // A ping that claims to be a fragment doesn't begin a message.
    let events = receive(
        Role::Client,
        b"\x09\x01p\x81\x01a",
        &lenient(Delivery::Frames),
    );
    assert_eq!(events, [Event::Ping(b"p".to_vec()), data(1, 1, 0, b"a")]);
}

#[test]
fn lenient_delivery_of_what_is_out_of_order() {
    // A continuation without a start, a second start inside a message, unknown opcodes.
    let input = b"\x80\x01a\x01\x01b\x02\x01c\x81\x01d\x83\x01e\x0f\x01f\x80\x01g";
    let expected = [
        data(0, 1, 0, b"a"),
        data(1, 0, 1, b"b"),
        data(2, 0, 1, b"c"),
        data(1, 1, 1, b"d"),
        data(3, 1, 0, b"e"),
        data(15, 0, 1, b"f"),
        data(0, 1, 1, b"g"),
    ];
    assert_eq!(
        receive(Role::Client, input, &lenient(Delivery::Frames)),
        expected
    );
    let expected = [
        data(0, 1, 0, b"a"),
        data(1, 1, 0, b"bcd"),
        data(3, 1, 0, b"e"),
        data(15, 1, 0, b"fg"),
    ];
    assert_eq!(
        receive(Role::Client, input, &lenient(Delivery::Messages)),
        expected
    );
}

#[test]
fn the_bits_of_the_frame_itself() {
    let mut receiver = Receiver::<Buffer>::new(Role::Server);
    let rules = strict(Delivery::Messages);
    let input = frames(Role::Server, &[(0x01, b"a"), (0x80, b"b")]);
    let Some(Item::Data(data)) = receiver.feed(&input, &rules).1 else {
        panic!("a message");
    };
    assert!(data.fin && data.masked);

    let mut receiver = Receiver::<Buffer>::new(Role::Client);
    let rules = strict(Delivery::Pieces);
    let Some(Item::Data(data)) = receiver.feed(b"\x81\x02a", &rules).1 else {
        panic!("a piece");
    };
    assert!(data.fin && !data.masked && !data.is_final);
}

#[test]
fn what_is_taken_early_makes_the_rest_a_rest() {
    let rules = strict(Delivery::Frames);
    let mut receiver = Receiver::new(Role::Client);
    assert!(receiver.take_partial().is_none());
    assert_eq!(feed(&mut receiver, b"\x82\x06", &rules), []);
    assert!(receiver.take_partial().is_none(), "a header is no data");
    assert_eq!(feed(&mut receiver, b"ab", &rules), []);
    assert_eq!(
        receiver.take_partial().map(Event::from),
        Some(data(2, 0, 1, b"ab"))
    );
    assert!(receiver.take_partial().is_none());
    assert_eq!(feed(&mut receiver, b"cd", &rules), []);
    assert_eq!(
        receiver.take_partial().map(Event::from),
        Some(data(0, 0, 1, b"cd"))
    );
    let expected = [data(0, 1, 1, b"ef"), data(2, 1, 0, b"g")];
    assert_eq!(feed(&mut receiver, b"ef\x82\x01g", &rules), expected);
    assert!(receiver.take_partial().is_none());
}

#[test]
fn a_message_can_be_taken_early_too() {
    let rules = strict(Delivery::Messages);
    let mut receiver = Receiver::new(Role::Client);
    assert_eq!(feed(&mut receiver, b"\x01\x02ab", &rules), []);
    assert!(!receiver.mid_frame());
    assert_eq!(
        receiver.take_partial().map(Event::from),
        Some(data(1, 0, 1, b"ab"))
    );
    let expected = [data(0, 1, 1, b"cd"), data(1, 1, 0, b"e")];
    assert_eq!(
        feed(&mut receiver, b"\x00\x01c\x80\x01d\x81\x01e", &rules),
        expected
    );
}

#[test]
fn delivery_may_change_at_any_point() {
    let (whole, pieces) = (strict(Delivery::Frames), strict(Delivery::Pieces));
    let messages = strict(Delivery::Messages);

    let mut receiver = Receiver::new(Role::Client);
    assert_eq!(feed(&mut receiver, b"\x81\x06ab", &whole), []);
    assert_eq!(feed(&mut receiver, b"", &pieces), [data(1, 0, 1, b"ab")]);
    assert_eq!(feed(&mut receiver, b"cd", &whole), []);
    assert_eq!(
        feed(&mut receiver, b"ef", &messages),
        [data(0, 1, 1, b"cdef")]
    );

    // A message whose start went out as a frame: the rest is a rest.
    assert_eq!(
        feed(&mut receiver, b"\x01\x01a", &whole),
        [data(1, 0, 1, b"a")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x00\x01b\x80\x01c", &messages),
        [data(0, 1, 1, b"bc")]
    );

    // And one whose start was held.
    assert_eq!(feed(&mut receiver, b"\x01\x01a", &messages), []);
    assert_eq!(
        feed(&mut receiver, b"\x00\x01b", &whole),
        [data(1, 0, 1, b"ab")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x80\x01c", &whole),
        [data(0, 1, 1, b"c")]
    );
    assert_eq!(
        feed(&mut receiver, b"\x81\x01d", &messages),
        [data(1, 1, 0, b"d")]
    );

    // A ping in between is not what the pieces are made of.
    assert_eq!(feed(&mut receiver, b"\x01\x01a", &messages), []);
    assert_eq!(feed(&mut receiver, b"\x89\x02p", &pieces), []);
    assert_eq!(
        feed(&mut receiver, b"q\x80\x01b", &pieces),
        [Event::Ping(b"pq".to_vec()), data(1, 1, 0, b"ab")]
    );
}

#[test]
fn frames_too_long_to_assemble_come_in_pieces() {
    let long = MAX_ASSEMBLED + 1;
    let mut header = [0; MAX_HEADER];
    let size = encode_header(&mut header, true, 2, None, long);
    let rules = Rules {
        max_frame: long,
        max_message: long,
        ..strict(Delivery::Frames)
    };
    let portion = vec![7; 1 << 20];

    let mut receiver = Receiver::new(Role::Client);
    assert_eq!(feed(&mut receiver, &header[..size], &rules), []);
    assert_eq!(
        feed(&mut receiver, &portion, &rules),
        [data(2, 0, 1, &portion)]
    );
    for _ in 1..16 {
        assert_eq!(
            feed(&mut receiver, &portion, &rules),
            [data(0, 0, 1, &portion)]
        );
    }
    assert_eq!(feed(&mut receiver, b"x", &rules), [data(0, 1, 1, b"x")]);

    // Neither a frame of just that length does, nor one that is to become a message.
    let size = encode_header(&mut header, true, 2, None, long - 1);
    assert_eq!(feed(&mut receiver, &header[..size], &rules), []);
    assert_eq!(feed(&mut receiver, &portion, &rules), []);
    let messages = Rules {
        delivery: Delivery::Messages,
        ..rules
    };
    let size = encode_header(&mut header, true, 2, None, long);
    let mut receiver = Receiver::new(Role::Client);
    assert_eq!(feed(&mut receiver, &header[..size], &messages), []);
    assert_eq!(feed(&mut receiver, &portion, &messages), []);
}
