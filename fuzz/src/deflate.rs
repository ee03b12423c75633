//! Compressing: what a deflater makes of the frames of messages, a receiver turns back into them.

use nopoll::fuzzing::deflate::{Agreement, Deflater, Direction, Inflater, Packed};
use nopoll::fuzzing::header::{MAX_HEADER, encode_header};
use nopoll::fuzzing::{Delivery, Receiver, Role, Rules};

use crate::input::{Input, Portions};
use crate::memory::Memory;
use crate::receiver::{self, Event};

const RSV1: u8 = 0x40;

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let switches = input.byte();
    let seed = input.word();
    let direction = Direction {
        takeover: switches & 1 == 0,
        window_bits: 9 + (switches >> 1) % 7,
    };
    let agreement = Agreement {
        level: 1 + (switches >> 4) % 9,
        threshold: usize::from(input.byte()),
        send: Some(direction),
        receive: direction,
    };
    let mut deflater = Deflater::new(&agreement);
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    let mut is_open = false;
    while !input.is_empty() {
        let how = input.byte();
        let fin = how & 1 == 0;
        let opcode = if is_open { 0 } else { 1 + (how >> 1 & 1) };
        let content = content(&mut input, how);
        let packed = deflater.pack(opcode, fin, &content);
        if how & 4 != 0 {
            // Not sent after all.
            deflater.take_back(deflater.was_packing(), packed.is_some());
            continue;
        }
        frame(&mut stream, opcode, fin, packed, &content);
        expected.push(Event::Data {
            opcode,
            is_final: fin,
            is_fragment: !fin || is_open,
            payload: content,
        });
        is_open = !fin;
        if how & 8 != 0 {
            deflater.release();
        }
    }
    let rules = Rules {
        strict: true,
        max_frame: 1 << 24,
        delivery: Delivery::Frames,
        max_message: 1 << 24,
    };
    let mut receiver = Receiver::<Memory>::new(Role::Client);
    receiver.inflate_with(Inflater::new(&agreement));
    let portions = Portions::new(&stream, seed);
    let got: Vec<Event> = portions
        .flat_map(|portion| receiver::feed(&mut receiver, portion, &rules))
        .collect();
    assert_eq!(got, expected);
}

/// Text of any kind: a few bytes, repeated; or bytes as they come, without their top bits.
fn content(input: &mut Input<'_>, how: u8) -> Vec<u8> {
    let size = usize::from(input.byte());
    let bytes = input.take(size).iter().map(|byte| byte & 0x7f);
    let bytes: Vec<u8> = bytes.collect();
    bytes.repeat([1, 1, 40, 700][usize::from(how >> 6)])
}

fn frame(stream: &mut Vec<u8>, opcode: u8, fin: bool, packed: Option<Packed>, content: &[u8]) {
    let (first, payload) = match &packed {
        Some(packed) => (if packed.is_first { RSV1 } else { 0 }, &packed.bytes[..]),
        None => (0, content),
    };
    let mut header = [0; MAX_HEADER];
    let size = encode_header(&mut header, fin, opcode, None, payload.len() as u64);
    header[0] |= first;
    stream.extend(&header[..size]);
    stream.extend(payload);
}
