//! How bytes and frames are written down in the tables.
//!
//! Bytes: pairs of hexadecimal digits and quoted text, with blanks between them; `*N` behind one
//! repeats it. Quoted text knows the escapes `\0`, `\r`, `\n`, `\\`, `\"` and `\xNN`.
//!
//! A frame: its first byte, then words that make it unusual, then its payload. It is masked as the
//! sender's role demands, and its length is in the shortest form, unless a word says otherwise:
//! `masked`, `unmasked`, `form16`, `form64`, or `len=N` for a length that isn't the payload's.

use std::fmt::Write;

/// The key that peers mask with; that of the RFC's examples.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
    masked: Option<bool>,
    form: Form,
    len: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Shortest,
    Bits16,
    Bits64,
}

impl Frame {
    pub fn parse(text: &str) -> Self {
        let mut words = words(text).into_iter().peekable();
        let first = words.next().expect("a first byte");
        let mut frame = Self {
            first: u8::from_str_radix(&first, 16).expect("two digits"),
            payload: Vec::new(),
            masked: None,
            form: Form::Shortest,
            len: None,
        };
        while let Some(word) = words.peek() {
            match word.as_str() {
                "masked" => frame.masked = Some(true),
                "unmasked" => frame.masked = Some(false),
                "form16" => frame.form = Form::Bits16,
                "form64" => frame.form = Form::Bits64,
                _ => match word.strip_prefix("len=") {
                    Some(len) => frame.len = Some(len.parse().expect("a length")),
                    None => break,
                },
            }
            words.next();
        }
        frame.payload = words.flat_map(|word| bytes_of(&word)).collect();
        frame
    }

    /// The bytes of the frame, which a client sends or a server.
    pub fn encode(&self, from_client: bool) -> Vec<u8> {
        let masked = self.masked.unwrap_or(from_client);
        let bit = if masked { 0x80 } else { 0 };
        let len = self.len.unwrap_or(self.payload.len() as u64);
        let mut bytes = vec![self.first];
        match (self.form, len) {
            (Form::Shortest, 0..126) => bytes.push(bit | len as u8),
            (Form::Shortest, 126..65536) | (Form::Bits16, _) => {
                bytes.push(bit | 126);
                bytes.extend((len as u16).to_be_bytes());
            }
            (Form::Shortest | Form::Bits64, _) => {
                bytes.push(bit | 127);
                bytes.extend(len.to_be_bytes());
            }
        }
        if masked {
            bytes.extend(KEY);
        }
        let key = if masked { KEY } else { [0; 4] };
        bytes.extend(
            self.payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(a, b)| a ^ b),
        );
        bytes
    }
}

/// A frame on the wire, read from the front of `bytes`.
pub struct Seen {
    pub first: u8,
    pub key: Option<[u8; 4]>,
    pub payload: Vec<u8>,
    pub size: usize,
    /// The length is in its shortest form.
    pub is_minimal: bool,
}

impl Seen {
    /// None: the frame isn't complete.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, rest) = bytes.split_first()?;
        let (&second, rest) = rest.split_first()?;
        let width = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let digits = rest.get(..width)?;
        let long = digits
            .iter()
            .fold(0, |len, &digit| len << 8 | usize::from(digit));
        let (len, least) = match width {
            2 => (long, 126),
            8 => (long, 65536),
            _ => (usize::from(second & 0x7f), 0),
        };
        let rest = &rest[width..];
        let key = if second & 0x80 == 0 {
            None
        } else {
            Some(*rest.first_chunk::<4>()?)
        };
        let rest = if key.is_some() { &rest[4..] } else { rest };
        let payload = rest.get(..len)?.iter();
        let pad = key.unwrap_or_default();
        Some(Self {
            first,
            key,
            payload: payload
                .zip(pad.iter().cycle())
                .map(|(a, b)| a ^ b)
                .collect(),
            size: bytes.len() - rest.len() + len,
            is_minimal: len >= least,
        })
    }
}

/// Bytes as the table has them.
pub fn bytes(text: &str) -> Vec<u8> {
    words(text).iter().flat_map(|word| bytes_of(word)).collect()
}

/// Splits at blanks outside of quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for character in text.chars() {
        if character == ' ' && !quoted {
            words.push(String::new());
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        words.last_mut().expect("one at least").push(character);
    }
    assert!(!quoted, "no end of {text}");
    words.retain(|word| !word.is_empty());
    words
}

fn bytes_of(word: &str) -> Vec<u8> {
    let (word, times) = match word.rsplit_once('*') {
        Some((word, times)) if times.parse::<usize>().is_ok() => {
            (word, times.parse().expect("just tried"))
        }
        _ => (word, 1),
    };
    let once = match word.strip_prefix('"') {
        Some(rest) => unescaped(rest.strip_suffix('"').expect("a closing quote")),
        None => {
            assert!(word.len() % 2 == 0, "half a byte in {word}");
            let pairs = word
                .as_bytes()
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair));
            pairs
                .map(|pair| u8::from_str_radix(pair.expect("ASCII"), 16).expect(word))
                .collect()
        }
    };
    once.repeat(times)
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.extend(character.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        match rest.next() {
            Some('0') => out.push(0),
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            Some(other) => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
            None => panic!("lone backslash in {text}"),
        }
    }
    out
}

/// Bytes for people: hexadecimal digits, the middle of long ones left out.
pub fn hex(bytes: &[u8]) -> String {
    const MOST: usize = 24;
    let digits = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x} ");
            text
        })
    };
    if bytes.len() <= MOST {
        return digits(bytes).trim_end().to_owned();
    }
    let left_out = bytes.len() - MOST + 4;
    let (front, back) = (&bytes[..MOST - 8], &bytes[bytes.len() - 4..]);
    format!(
        "{}… {} more … {}",
        digits(front),
        left_out,
        digits(back).trim_end()
    )
}

#[test]
fn the_examples_of_rfc_6455_section_5_7() {
    let hello = Frame::parse("81 \"Hello\"");
    assert_eq!(hello.encode(false), bytes("81 05 48656c6c6f"));
    assert_eq!(hello.encode(true), bytes("8185 37fa213d 7f9f4d5158"));
    assert_eq!(
        Frame::parse("82 00*256").encode(false)[..4],
        [0x82, 0x7e, 1, 0]
    );
    let large = Frame::parse("82 00*65536").encode(false);
    assert_eq!(large[..10], bytes("82 7f 0000000000010000"));
    for from_client in [true, false] {
        let seen = Seen::read(&hello.encode(from_client)).expect("all of it");
        assert_eq!((seen.first, &seen.payload[..]), (0x81, &b"Hello"[..]));
        assert_eq!(seen.key.is_some(), from_client);
        assert!(seen.is_minimal);
    }
}

#[test]
fn unusual_frames() {
    let encode = |text| Frame::parse(text).encode(false);
    assert_eq!(encode("81 form16 \"a\""), bytes("81 7e 0001 61"));
    assert_eq!(
        encode("81 form64 \"a\""),
        bytes("81 7f 0000000000000001 61")
    );
    assert_eq!(encode("81 masked \"a\""), bytes("81 81 37fa213d 56"));
    assert_eq!(encode("82 len=5000 \"a b\""), bytes("82 7e 1388 612062"));
    assert_eq!(bytes(r#""\"\\\0\xff"*2"#), bytes("225c00ff225c00ff"));
    assert!(Seen::read(&encode("82 len=3 \"ab\"")).is_none());
    assert!(
        !Seen::read(&encode("81 form16 \"a\""))
            .expect("all")
            .is_minimal
    );
}

#[test]
fn long_bytes_are_cut_in_the_middle() {
    assert_eq!(hex(b"\x01\xff"), "01 ff");
    let cut = hex(&[7; 100]);
    assert!(cut.contains("… 80 more …") && cut.len() < 90, "{cut}");
}
