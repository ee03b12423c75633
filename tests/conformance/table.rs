//! The tables: chapters of requirements, each with the cases that show it.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::steps::Step;

/// One file: a chapter of an RFC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    pub rfc: u16,
    pub title: String,
    pub requirement: Vec<Requirement>,
}

/// What the RFC demands, and how it is seen to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    pub id: String,
    pub section: String,
    pub level: Level,
    /// In our own words.
    pub text: String,
    /// What we do instead, and why.
    pub deviation: Option<String>,
    /// Other requirements whose cases show this one as well.
    #[serde(default)]
    pub shown_by: Vec<String>,
    /// What no exchange of bytes can show: why not, or where it is shown.
    pub elsewhere: Option<String>,
    #[serde(default)]
    pub case: Vec<Case>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
pub enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "MAY")]
    May,
}

/// One exchange.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub role: Roles,
    #[serde(default)]
    pub settings: Settings,
    #[serde(default)]
    pub opening: Opening,
    /// What happens behind the opening handshake.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// On which side the library is.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Roles {
    Client,
    Server,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// What the program asks of the library.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub lenient: bool,
    pub delivery: Delivery,
    pub max_frame: Option<i32>,
    pub max_message: Option<i32>,
    /// Client: what goes into the request.
    pub url: Option<String>,
    pub host: Option<String>,
    pub protocols: Option<String>,
    pub origin: Option<String>,
    /// Server: a request needs no Origin.
    pub skip_origin: bool,
    /// Server: `on_open` chooses this sub-protocol.
    pub protocol: Option<String>,
    /// Server: `on_open` refuses.
    pub refuses: bool,
    /// The version spoken, if not 13.
    pub version: Option<i32>,
    pub compression: Option<Compression>,
}

/// What is asked of permessage-deflate.
#[derive(Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compression {
    pub threshold: i32,
    pub send_bits: i32,
    pub receive_bits: i32,
    pub send_takeover: bool,
    pub receive_takeover: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            threshold: 1,
            send_bits: 15,
            receive_bits: 15,
            send_takeover: true,
            receive_takeover: true,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    #[default]
    Frames,
    Pieces,
    Messages,
}

/// The opening handshake. The peer's half of it is the RFC's example, with changes.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Opening {
    /// Another first line.
    pub line: Option<String>,
    /// Headers without these.
    pub drop: Vec<String>,
    /// Headers with these in the place of those of the same name.
    pub set: Vec<String>,
    /// Headers with these at the end, whatever is there already.
    pub add: Vec<String>,
    /// Nothing of the example: all bytes the peer sends.
    pub raw: Option<String>,
    /// The client's whole request, as it must be; `{key}` stands for the key.
    pub request: Vec<String>,
    /// The server's whole response, as it must be.
    pub response: Vec<String>,
    /// The status of the server's answer; 101 if not given.
    pub status: Option<u16>,
    /// Lines that the server's answer has, and headers that it hasn't.
    pub has: Vec<String>,
    pub lacks: Vec<String>,
    /// The client refuses the response.
    pub refused: bool,
    /// The peer sends no more than this.
    pub ends: bool,
    /// What happens before the peer sends its half.
    pub early: Vec<Step>,
}

impl Roles {
    pub fn each(self) -> &'static [Role] {
        match self {
            Self::Client => &[Role::Client],
            Self::Server => &[Role::Server],
            Self::Both => &[Role::Client, Role::Server],
        }
    }
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl Opening {
    /// Whether frames flow afterwards.
    pub fn succeeds(&self) -> bool {
        !self.refused && self.status.is_none_or(|status| status == 101)
    }

    /// What the peer sends, with `example` as the lines to start from; `accept` is the right hash.
    pub fn head(&self, example: &[&str], accept: &str) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return super::notation::bytes(raw);
        }
        let mut lines = vec![self.line.as_deref().unwrap_or(example[0])];
        for line in &example[1..] {
            let is_same = |other: &&String| name(other) == name(line);
            if !self.drop.iter().any(|other| is_same(&other)) {
                let other = self.set.iter().find(is_same);
                lines.push(other.map_or(line, String::as_str));
            }
        }
        lines.extend(self.add.iter().map(String::as_str));
        let head = lines.join("\r\n") + "\r\n\r\n";
        let head = head.replace("{ACCEPT}", &accept.to_ascii_uppercase());
        head.replace("{accept}", accept).into_bytes()
    }
}

fn name(line: &str) -> String {
    line.split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The chapters in their order.
pub fn chapters(root: &Path) -> Vec<Chapter> {
    let mut files: Vec<_> = fs::read_dir(root.join("tests/conformance"))
        .expect("tests/conformance")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files.iter().map(|path| chapter(path)).collect()
}

fn chapter(path: &Path) -> Chapter {
    let text = fs::read_to_string(path).expect("a table");
    let read = || {
        let mut table: Table = text.parse()?;
        expand(&mut table);
        table.try_into()
    };
    let read: Result<Chapter, toml::de::Error> = read();
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A case with `each = [...]` stands for as many cases, with `{}` replaced by one of the values, and
/// where a value is `a=b`, also `{left}` by `a` and `{right}` by `b`.
fn expand(chapter: &mut Table) {
    let arrays = |table: &mut Table, key| match table.get_mut(key) {
        Some(Value::Array(array)) => std::mem::take(array),
        _ => Vec::new(),
    };
    let mut requirements = arrays(chapter, "requirement");
    for requirement in &mut requirements {
        let Value::Table(requirement) = requirement else {
            continue;
        };
        let mut cases = Vec::new();
        for mut case in arrays(requirement, "case") {
            let each = case.as_table_mut().and_then(|case| case.remove("each"));
            match each {
                Some(Value::Array(values)) => {
                    let values = values.iter().filter_map(Value::as_str);
                    cases.extend(values.map(|value| replaced(&case, value)));
                }
                _ => cases.push(case),
            }
        }
        requirement.insert("case".into(), Value::Array(cases));
    }
    chapter.insert("requirement".into(), Value::Array(requirements));
}

fn replaced(value: &Value, with: &str) -> Value {
    let (left, right) = with.split_once('=').unwrap_or((with, with));
    match value {
        Value::String(text) => {
            let text = text.replace("{left}", left).replace("{right}", right);
            Value::String(text.replace("{}", with))
        }
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| replaced(value, with)).collect())
        }
        Value::Table(table) => {
            let entries = table.iter();
            Value::Table(
                entries
                    .map(|(key, value)| (key.clone(), replaced(value, with)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
