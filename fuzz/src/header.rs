//! Frame headers: read from every prefix, compared with a reading of our own, written again.

use nopoll::fuzzing::gate::Gate;
use nopoll::fuzzing::header::{Header, MAX_HEADER, encode_header, least_size};
use nopoll::fuzzing::{Error, Role, Rules};

use crate::input::Input;
use crate::model;

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, rules) = input.rules();
    let state = input.byte();
    let gate = Gate {
        role,
        rules: &rules,
        open: state & 1 != 0,
        deflates: false,
        compressed: false,
        joined: u64::from(state >> 1) * 8,
    };
    let bytes = &input.rest()[..input.rest().len().min(MAX_HEADER + 4)];
    let mut settled: Option<Result<Header, Error>> = None;
    for end in 0..=bytes.len() {
        let prefix = &bytes[..end];
        let expected = model::header(prefix, &gate);
        let got = Header::read(prefix, &gate);
        assert_eq!(got, expected, "{prefix:x?}");
        // What has been decided stays decided.
        match (&settled, got) {
            (Some(before), now) => assert_eq!(before.map(Some), now),
            (None, Ok(None)) => assert!(least_size(prefix, role) > end),
            (None, Ok(Some(header))) => settled = Some(Ok(header)),
            (None, Err(error)) => settled = Some(Err(error)),
        }
    }
    if let Some(Ok(header)) = settled {
        rewrite(bytes, header, &rules);
    }
}

/// Whatever was read in its shortest form is written as it was.
fn rewrite(bytes: &[u8], header: Header, rules: &Rules) {
    let whole = header.size as u64;
    let whole = usize::try_from(whole.saturating_add(header.len)).unwrap_or(usize::MAX);
    for role in [Role::Client, Role::Server] {
        assert_eq!(least_size(&bytes[..header.size], role), whole);
    }
    let mut out = [0; MAX_HEADER];
    let Header {
        fin,
        opcode,
        compressed: _,
        mask,
        len,
        size,
    } = header;
    let written = encode_header(&mut out, fin, opcode, mask, len);
    if rules.strict {
        assert_eq!(&out[..written], &bytes[..size]);
    } else {
        assert!(written <= size);
    }
}
