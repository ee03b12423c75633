//! What happens on an open connection, one line each:
//!
//! | line | meaning |
//! |---|---|
//! | `peer FRAME` | the peer sends a frame |
//! | `raw BYTES` | the peer sends bytes |
//! | `peer ends` | the peer half-closes |
//! | `wire FRAME` | the next frame that the library writes |
//! | `wire quiet` | it writes nothing |
//! | `wire ends` | it writes nothing more and closes |
//! | `app TYPE [part\|last] BYTES` | the program gets this |
//! | `app nothing` | the program gets nothing, and the connection lives |
//! | `closed STATUS [BYTES]` | the connection is dead; status and reason as the program sees them |
//! | `call NAME ARGUMENTS [= RESULT]` | the program calls a function |
//! | `keys differ` | no two frames were masked with the same key |

use serde::Deserialize;

use super::notation::{Frame, bytes};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Step {
    Peer(Frame),
    Raw(Vec<u8>),
    PeerEnds,
    Wire(Frame),
    Quiet,
    Ends,
    App(Message),
    Nothing,
    Closed {
        status: i32,
        reason: Option<Vec<u8>>,
    },
    Call(Call),
    KeysDiffer,
}

/// What a program receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub opcode: i32,
    pub is_final: bool,
    pub is_fragment: bool,
    pub payload: Vec<u8>,
}

/// A call of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Without the prefix that all functions have.
    pub name: String,
    /// Numbers that come before the bytes.
    pub numbers: Vec<i64>,
    pub bytes: Vec<u8>,
    pub result: Option<i64>,
    /// As it stands in the table.
    pub text: String,
}

impl TryFrom<String> for Step {
    type Error = String;

    fn try_from(line: String) -> Result<Self, String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let rest = rest.trim();
        Ok(match (verb, rest) {
            ("peer", "ends") => Self::PeerEnds,
            ("peer", _) => Self::Peer(Frame::parse(rest)),
            ("raw", _) => Self::Raw(bytes(rest)),
            ("wire", "quiet") => Self::Quiet,
            ("wire", "ends") => Self::Ends,
            ("wire", _) => Self::Wire(Frame::parse(rest)),
            ("app", "nothing") => Self::Nothing,
            ("app", _) => Self::App(Message::parse(rest)?),
            ("closed", _) => {
                let (status, reason) = match rest.split_once(' ') {
                    Some((status, reason)) => (status, Some(bytes(reason))),
                    None => (rest, None),
                };
                let status = status.parse().map_err(|_| format!("no status: {line}"))?;
                Self::Closed { status, reason }
            }
            ("call", _) => Self::Call(Call::parse(rest)),
            ("keys", "differ") => Self::KeysDiffer,
            _ => return Err(format!("unknown step: {line}")),
        })
    }
}

impl Message {
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let opcode = match kind {
            "continuation" => 0,
            "text" => 1,
            "binary" => 2,
            _ => kind.parse().map_err(|_| format!("no opcode: {text}"))?,
        };
        let (is_final, is_fragment, rest) = match rest.split_once(' ').unwrap_or((rest, "")) {
            ("part", rest) => (false, true, rest),
            ("last", rest) => (true, true, rest),
            _ => (true, false, rest),
        };
        Ok(Self {
            opcode,
            is_final,
            is_fragment,
            payload: bytes(rest),
        })
    }
}

impl Call {
    fn parse(text: &str) -> Self {
        let (call, result) = match text.rsplit_once(" = ") {
            Some((call, result)) => (call, Some(result.parse().expect("a number"))),
            None => (text, None),
        };
        let (name, mut rest) = call.split_once(' ').unwrap_or((call, ""));
        let mut numbers = Vec::new();
        while let Some((word, behind)) = rest
            .split_once(' ')
            .or((!rest.is_empty()).then_some((rest, "")))
        {
            let Ok(number) = word.parse() else { break };
            numbers.push(number);
            rest = behind;
        }
        Self {
            name: name.to_owned(),
            numbers,
            bytes: bytes(rest),
            result,
            text: text.to_owned(),
        }
    }
}

#[test]
fn lines_are_understood() {
    let step = |line: &str| Step::try_from(line.to_owned()).expect(line);
    assert_eq!(step("wire ends"), Step::Ends);
    assert_eq!(
        step("peer 81 \"ends\""),
        Step::Peer(Frame::parse("81 \"ends\""))
    );
    let message = Message {
        opcode: 1,
        is_final: false,
        is_fragment: true,
        payload: b"a b".to_vec(),
    };
    assert_eq!(step("app text part \"a b\""), Step::App(message));
    assert_eq!(
        step("closed 1006"),
        Step::Closed {
            status: 1006,
            reason: None
        }
    );
    let reason = Some(b"bye".to_vec());
    assert_eq!(
        step("closed 1000 \"bye\""),
        Step::Closed {
            status: 1000,
            reason
        }
    );
    let Step::Call(call) = step("call send_frame 1 0 9 \"5 = 6\" = -1") else {
        panic!("no call");
    };
    assert_eq!(
        (&call.name[..], &call.numbers[..]),
        ("send_frame", &[1, 0, 9][..])
    );
    assert_eq!((&call.bytes[..], call.result), (&b"5 = 6"[..], Some(-1)));
    assert!(Step::try_from("peep".to_owned()).is_err());
}
