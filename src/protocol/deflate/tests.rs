//! Both halves against the examples of RFC 7692, and against each other.

use super::*;
use crate::protocol::Error;
use crate::protocol::opcode::{BINARY, CONTINUATION, PING, TEXT};

const PLAIN: Direction = Direction {
    takeover: true,
    window_bits: 15,
};

const FRESH: Direction = Direction {
    takeover: false,
    ..PLAIN
};

fn agreement(direction: Direction) -> Agreement {
    Agreement {
        level: 3,
        threshold: 0,
        send: Some(direction),
        receive: direction,
    }
}

/// Inflates a message whose payload comes in `portions`, asking for `room` bytes at a time.
fn inflate(inflater: &mut Inflater, portions: &[&[u8]], room: usize) -> Result<Vec<u8>, Error> {
    let mut message = Vec::new();
    let mut out = vec![0; room];
    let mut drain = |inflater: &mut Inflater| {
        while !inflater.is_dry() {
            let made = inflater.output(&mut out)?;
            message.extend_from_slice(&out[..made]);
        }
        Ok(())
    };
    for portion in portions.iter().flat_map(|portion| portion.chunks(INPUT)) {
        inflater.input(portion.len()).copy_from_slice(portion);
        drain(inflater)?;
    }
    while inflater.end_input() {
        drain(inflater)?;
    }
    inflater.end_message();
    Ok(message)
}

/// RFC 7692 §7.2.3: messages of one connection, and their payloads without the tail.
const EXAMPLES: [(&[&[u8]], &str); 6] = [
    (&[b"\xf2\x48\xcd\xc9\xc9\x07\x00"], "Hello"),
    // §7.2.3.2, the second refers to the first.
    (
        &[b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"],
        "Hello",
    ),
    // §7.2.3.3, stored.
    (&[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"], "Hello"),
    // §7.2.3.4, a final block; here other messages follow.
    (
        &[
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        ],
        "Hello",
    ),
    // §7.2.3.5, two blocks.
    (
        &[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"],
        "Hello",
    ),
    // §7.2.3.6, nothing.
    (&[b"\x00", b"\x00"], ""),
];

#[test]
fn the_examples_of_section_7_2_3_in_any_portions() {
    for (messages, expected) in EXAMPLES {
        for room in [1, 2, 3, 5, 6, 100] {
            for cut in 0..=13 {
                let mut inflater = Inflater::new(&agreement(PLAIN));
                for message in messages {
                    let (front, back) = message.split_at(cut.min(message.len()));
                    let inflated = inflate(&mut inflater, &[front, back], room);
                    assert_eq!(inflated.as_deref(), Ok(expected.as_bytes()), "{message:x?}");
                }
            }
        }
    }
}

#[test]
fn final_blocks_may_stand_anywhere_and_lack_what_follows_them() {
    let mut inflater = Inflater::new(&agreement(PLAIN));
    let hello: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
    for message in [
        hello.to_vec(),
        hello.repeat(3),
        [hello, b"\xf2\x48\xcd\xc9\xc9\x07\x00"].concat(),
        b"\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec(),
    ] {
        let inflated = inflate(&mut inflater, &[&message], 7).expect("sound");
        assert_eq!(inflated, b"Hello".repeat(message.len() / 7));
    }
}

#[test]
fn a_message_of_no_bytes_at_all_is_empty() {
    let mut inflater = Inflater::new(&agreement(PLAIN));
    for _ in 0..3 {
        assert_eq!(inflate(&mut inflater, &[], 10), Ok(vec![]));
        let hello = inflate(&mut inflater, &[b"\xf2\x48\xcd\xc9\xc9\x07\x00"], 10);
        assert_eq!(hello, Ok(b"Hello".to_vec()));
    }
}

#[test]
fn what_does_not_inflate() {
    for payload in [
        // A block of no type there is.
        &b"\x06"[..],
        // A stored block whose length is contradicted.
        b"\x00\x05\x00\x00\x00Hello",
        // References to before the beginning: the second message of §7.2.3.2 as the first.
        b"\xf2\x00\x11\x00\x00",
    ] {
        let mut inflater = Inflater::new(&agreement(PLAIN));
        let inflated = inflate(&mut inflater, &[payload], 100);
        assert_eq!(inflated, Err(Error::CorruptDeflate), "{payload:x?}");
    }
    // Without context takeover nothing may refer to an earlier message.
    let mut inflater = Inflater::new(&agreement(FRESH));
    assert!(inflate(&mut inflater, &[b"\xf2\x48\xcd\xc9\xc9\x07\x00"], 9).is_ok());
    let second = inflate(&mut inflater, &[b"\xf2\x00\x11\x00\x00"], 9);
    assert_eq!(second, Err(Error::CorruptDeflate));
}

/// Payloads of many kinds: prose-like, alike, incompressible, empty, longer than any window.
fn payloads() -> Vec<Vec<u8>> {
    let mut state = 1u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..70_000).map(|_| random()).collect();
    let prose: Vec<u8> = (0..40_000)
        .map(|i| b"etaoin shrdlu"[usize::from(noise[i] % 13)])
        .collect();
    vec![
        b"Hello".to_vec(),
        b"Hello".to_vec(),
        br#"{"id":1,"method":"get","path":"/a/b"}"#.to_vec(),
        br#"{"id":2,"method":"get","path":"/a/c"}"#.to_vec(),
        vec![],
        prose.clone(),
        noise,
        prose[..300].to_vec(),
        vec![0; 200_000],
        b"x".to_vec(),
    ]
}

#[test]
fn messages_survive_whatever_the_settings_and_however_they_are_cut() {
    for (level, pieces) in [
        (1, 1),
        (1, 3),
        (2, 2),
        (3, 1),
        (4, 3),
        (5, 2),
        (6, 1),
        (9, 3),
    ] {
        for direction in [PLAIN, FRESH] {
            let direction = Direction {
                window_bits: (8 + level).min(MAX_WINDOW_BITS),
                ..direction
            };
            let agreement = Agreement {
                level,
                ..agreement(direction)
            };
            let mut deflater = Deflater::new(&agreement);
            let mut inflater = Inflater::new(&agreement);
            for payload in payloads() {
                let sent = send(&mut deflater, &payload, pieces);
                let sent: Vec<_> = sent.iter().map(Vec::as_slice).collect();
                let inflated = inflate(&mut inflater, &sent, 3000);
                assert_eq!(inflated, Ok(payload), "level {level}");
            }
        }
    }
}

/// The compressed frames of a message, cut into equal parts and an empty one.
fn send(deflater: &mut Deflater, payload: &[u8], pieces: usize) -> Vec<Vec<u8>> {
    let size = payload.len().div_ceil(pieces).max(1);
    let mut parts: Vec<_> = payload.chunks(size).collect();
    if pieces > 1 || parts.is_empty() {
        parts.push(&[]);
    }
    let last = parts.len() - 1;
    let frames = parts.iter().enumerate().map(|(i, part)| {
        let opcode = if i == 0 { BINARY } else { CONTINUATION };
        match deflater.pack(opcode, i == last, part) {
            Some(packed) => {
                assert_eq!(packed.is_first, i == 0);
                packed.bytes
            }
            None => {
                // Sent as it is: for the inflater's sake, as a stored block.
                assert!(payload.is_empty());
                vec![0]
            }
        }
    });
    frames.collect()
}

#[test]
fn takeover_pays() {
    let size = |direction| {
        let mut deflater = Deflater::new(&agreement(direction));
        let message = &payloads()[2];
        send(&mut deflater, message, 1);
        send(&mut deflater, message, 1).concat().len()
    };
    assert!(size(PLAIN) < 10, "{}", size(PLAIN));
    assert!(size(FRESH) > 30, "{}", size(FRESH));
}

#[test]
fn nothing_refers_farther_back_than_agreed() {
    for window_bits in [9, 10, 12] {
        let direction = Direction {
            window_bits,
            ..PLAIN
        };
        for level in [1, 3, 6, 9] {
            let mut deflater = Deflater::new(&Agreement {
                level,
                ..agreement(direction)
            });
            // A decompressor with just that window, which gets to keep nothing else.
            let mut inflate = zlib_rs::Inflate::new(false, window_bits);
            let mut message = Vec::new();
            let prose = &payloads()[5];
            for part in [&prose[..20_000], &prose[..20_000]] {
                let packed = deflater.pack(TEXT, true, part).expect("compressed");
                let mut input = &[&packed.bytes[..], &[0, 0, 0xff, 0xff]].concat()[..];
                loop {
                    let mut out = [0; 50];
                    let (taken, made) = (inflate.total_in(), inflate.total_out());
                    let flush = zlib_rs::InflateFlush::SyncFlush;
                    inflate
                        .decompress(input, &mut out, flush)
                        .expect("within the window");
                    input = &input[(inflate.total_in() - taken) as usize..];
                    let made = (inflate.total_out() - made) as usize;
                    message.extend_from_slice(&out[..made]);
                    if made < out.len() && input.is_empty() {
                        break;
                    }
                }
            }
            assert_eq!(message, prose[..20_000].repeat(2));
        }
    }
}

/// Makes a frame that will not be sent; whether it was compressed.
fn is_refused(deflater: &mut Deflater, opcode: u8, fin: bool) -> bool {
    let is_packed = deflater.pack(opcode, fin, b"refused, refused").is_some();
    deflater.take_back(deflater.was_packing(), is_packed);
    is_packed
}

#[test]
fn frames_that_are_refused_leave_no_trace() {
    for pieces in [1, 4] {
        let mut deflater = Deflater::new(&agreement(PLAIN));
        let mut inflater = Inflater::new(&agreement(PLAIN));
        for (i, payload) in payloads().iter().enumerate() {
            // Between messages, and between the frames of one.
            if i % 2 == 0 {
                assert!(is_refused(&mut deflater, TEXT, i % 4 == 0));
            }
            let half = payload.len() / 2;
            let mut sent = Vec::new();
            if pieces > 1 && half > 0 {
                sent.extend(deflater.pack(TEXT, false, &payload[..half]));
                assert!(is_refused(&mut deflater, CONTINUATION, i % 4 == 0));
                assert!(!is_refused(&mut deflater, PING, true));
                sent.extend(deflater.pack(CONTINUATION, true, &payload[half..]));
            } else {
                sent.extend(deflater.pack(TEXT, true, payload));
            }
            let sent: Vec<_> = sent.iter().map(|packed| packed.bytes.as_slice()).collect();
            let inflated = inflate(&mut inflater, &sent, 1000);
            assert_eq!(inflated.as_ref(), Ok(payload));
        }
    }
}

#[test]
fn memory_can_be_given_back_at_any_time() {
    let mut deflater = Deflater::new(&agreement(PLAIN));
    let mut inflater = Inflater::new(&agreement(PLAIN));
    let message = b"again and again, the same words".repeat(4);
    for _ in 0..3 {
        let first = deflater
            .pack(TEXT, false, &message)
            .expect("compressed")
            .bytes;
        deflater.release();
        let second = deflater
            .pack(CONTINUATION, true, &message)
            .expect("compressed")
            .bytes;
        deflater.release();
        let inflated = inflate(&mut inflater, &[&first, &second], 1000);
        assert_eq!(inflated, Ok(message.repeat(2)));
    }
}

#[test]
fn the_first_frame_decides_for_its_message() {
    let mut deflater = Deflater::new(&Agreement {
        threshold: 10,
        ..agreement(PLAIN)
    });
    let mut packs = |opcode, fin, len| deflater.pack(opcode, fin, &vec![b'x'; len]).is_some();
    assert!(!packs(TEXT, true, 9));
    assert!(packs(TEXT, true, 10));
    assert!(!packs(BINARY, false, 9));
    assert!(!packs(CONTINUATION, false, 100));
    assert!(!packs(CONTINUATION, true, 100));
    assert!(packs(BINARY, false, 10));
    assert!(packs(CONTINUATION, false, 0));
    // Control frames may stand between, and are never compressed.
    assert!(!packs(PING, true, 100));
    assert!(packs(CONTINUATION, true, 1));
    assert!(!packs(CONTINUATION, true, 100));
    assert!(!packs(3, true, 100));
    let mut silent = Deflater::new(&Agreement {
        send: None,
        ..agreement(PLAIN)
    });
    assert!(silent.pack(TEXT, true, &[b'x'; 1000]).is_none());
}
