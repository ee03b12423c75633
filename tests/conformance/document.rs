//! `docs/conformance.md`: the tables for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::exchange::example;
use super::notation::{Frame, Seen, hex};
use super::steps::{Message, Step};
use super::table::{Case, Chapter, Compression, Opening, Requirement, Role, Settings};

pub fn write(chapters: &[Chapter]) -> String {
    let mut out = String::from(INTRODUCTION);
    counts(&mut out, chapters);
    deviations(&mut out, chapters);
    out.push_str("## Peers\n\n");
    for role in [Role::Server, Role::Client] {
        let (role, side) = match role {
            Role::Server => (role, "request of the peer, where the library is the server"),
            Role::Client => (
                role,
                "response of the peer, where the library is the client",
            ),
        };
        let lines = example(role).join("\n");
        let _ = writeln!(out, "The {side}:\n\n```\n{lines}\n```\n");
    }
    for chapter in chapters {
        let _ = writeln!(out, "## RFC {}: {}\n", chapter.rfc, chapter.title);
        for requirement in &chapter.requirement {
            one(&mut out, requirement);
        }
    }
    out.trim_end().to_owned() + "\n"
}

const INTRODUCTION: &str = "\
# Conformance

Every MUST of RFC 6455 and RFC 7692, in our words, and the bytes that show how the library keeps it.
Generated from the tables in `tests/conformance` by `UPDATE_CONFORMANCE=1 cargo test --test
conformance`. Each case is run through the C API in every role it names four times: by direct calls
and by the loop, with the peer's bytes coming together and one by one.

In the exchanges `>` is what the peer sends, `<` what the library sends; `·· ·· ·· ··` stands for a
masking key, and bytes in brackets are masked with it. `call` is a call of the program, `app` what
the program receives, `closed` what it learns of the end. Frames from peers that are clients are
masked with 37 fa 21 3d.

";

#[derive(Default)]
struct Count {
    requirements: usize,
    elsewhere: usize,
    client: usize,
    server: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.requirements += other.requirements;
        self.elsewhere += other.elsewhere;
        self.client += other.client;
        self.server += other.server;
    }
}

fn counts(out: &mut String, chapters: &[Chapter]) {
    let mut sections: BTreeMap<(u16, Vec<u32>), Count> = BTreeMap::new();
    for chapter in chapters {
        for requirement in &chapter.requirement {
            let numbers = requirement.section.split('.');
            let numbers = numbers.map(|n| n.parse().expect("a section"));
            let count = sections
                .entry((chapter.rfc, numbers.collect()))
                .or_default();
            let cases = |role| {
                let plays = |case: &&Case| case.role.each().contains(&role);
                requirement.case.iter().filter(plays).count()
            };
            count.add(&Count {
                requirements: 1,
                elsewhere: usize::from(requirement.elsewhere.is_some()),
                client: cases(Role::Client),
                server: cases(Role::Server),
            });
        }
    }
    out.push_str(
        "| section | requirements | of them shown elsewhere | cases | as client | as server |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    let mut row = |name: &str, count: &Count| {
        let Count {
            requirements,
            elsewhere,
            client,
            server,
        } = count;
        let cases = client + server;
        let _ = writeln!(
            out,
            "| {name} | {requirements} | {elsewhere} | {cases} | {client} | {server} |"
        );
    };
    let mut total = Count::default();
    for ((rfc, numbers), count) in &sections {
        let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
        row(&format!("RFC {rfc} §{}", numbers.join(".")), count);
        total.add(count);
    }
    row("**all**", &total);
    out.push('\n');
}

fn deviations(out: &mut String, chapters: &[Chapter]) {
    out.push_str(
        "## Deviations\n\nWhat the library does otherwise than demanded, each for a reason:\n\n",
    );
    for chapter in chapters {
        for requirement in &chapter.requirement {
            if let Some(deviation) = &requirement.deviation {
                let Requirement { id, section, .. } = requirement;
                let _ = writeln!(
                    out,
                    "- `{id}` (RFC {} §{section}): {deviation}",
                    chapter.rfc
                );
            }
        }
    }
    out.push('\n');
}

fn one(out: &mut String, requirement: &Requirement) {
    let Requirement {
        id,
        section,
        level,
        text,
        ..
    } = requirement;
    let _ = writeln!(out, "**§{section} `{id}`** {}: {text}\n", level.word());
    if let Some(deviation) = &requirement.deviation {
        let _ = writeln!(out, "*Deviation:* {deviation}\n");
    }
    if let Some(elsewhere) = &requirement.elsewhere {
        let _ = writeln!(out, "*Not here:* {elsewhere}\n");
    }
    if !requirement.shown_by.is_empty() {
        let others: Vec<_> = requirement
            .shown_by
            .iter()
            .map(|id| format!("`{id}`"))
            .collect();
        let _ = writeln!(out, "Shown by {}.\n", others.join(", "));
    }
    if requirement.case.is_empty() {
        return;
    }
    out.push_str("| case | library is | exchange |\n|---|---|---|\n");
    for case in &requirement.case {
        for &role in case.role.each() {
            let lines = lines(case, role).join("<br>");
            let _ = writeln!(out, "| {} | {} | {lines} |", cell(&case.name), side(role));
        }
    }
    out.push('\n');
}

fn side(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

fn lines(case: &Case, role: Role) -> Vec<String> {
    let mut lines = settings(&case.settings);
    lines.extend(opening(&case.opening, role));
    lines.extend(case.steps.iter().map(|step| self::step(step, role)));
    lines
}

fn settings(settings: &Settings) -> Vec<String> {
    use super::table::Delivery;
    let mut asked = Vec::new();
    let flags = [
        (settings.lenient, "lenient"),
        (settings.skip_origin, "no Origin needed"),
        (settings.refuses, "`on_open` refuses"),
        (settings.delivery == Delivery::Pieces, "pieces delivered"),
        (
            settings.delivery == Delivery::Messages,
            "messages delivered",
        ),
    ];
    asked.extend(
        flags
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| (*word).to_owned()),
    );
    let numbers = [
        (settings.max_frame, "max frame size"),
        (settings.max_message, "max message size"),
        (settings.version, "protocol version"),
    ];
    for (number, word) in numbers {
        asked.extend(number.map(|number| format!("{word} {number}")));
    }
    let texts = [
        (&settings.url, "URL"),
        (&settings.host, "host name"),
        (&settings.protocols, "protocols"),
        (&settings.origin, "origin"),
        (&settings.protocol, "accepted protocol"),
    ];
    for (text, word) in texts {
        asked.extend(text.as_ref().map(|text| format!("{word} {}", code(text))));
    }
    asked.extend(settings.compression.as_ref().map(compression));
    if asked.is_empty() {
        return asked;
    }
    vec![format!("*{}*", asked.join(", "))]
}

fn compression(compression: &Compression) -> String {
    let mut words = vec!["compression".to_owned()];
    if compression.threshold != Compression::default().threshold {
        words.push(format!("of {} bytes and more", compression.threshold));
    }
    for (direction, bits, takeover) in [
        ("sending", compression.send_bits, compression.send_takeover),
        (
            "receiving",
            compression.receive_bits,
            compression.receive_takeover,
        ),
    ] {
        if bits != 15 {
            words.push(format!("{direction} with {bits} window bits"));
        }
        if !takeover {
            words.push(format!("{direction} without context takeover"));
        }
    }
    words.join(" ")
}

fn opening(opening: &Opening, role: Role) -> Vec<String> {
    let mut lines = Vec::new();
    let quoted = |lines: &[String]| {
        lines
            .iter()
            .map(|line| code(line))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut changes = Vec::new();
    changes.extend(opening.line.as_ref().map(|line| code(line)));
    for (word, list) in [
        ("without", &opening.drop),
        ("with", &opening.set),
        ("also", &opening.add),
    ] {
        if !list.is_empty() {
            changes.push(format!("{word} {}", quoted(list)));
        }
    }
    if let Some(raw) = &opening.raw {
        lines.push(format!("> {}", code(raw)));
    } else if !changes.is_empty() {
        lines.push(format!("> {}", changes.join(" ")));
    }
    for sent in [&opening.request, &opening.response] {
        if !sent.is_empty() {
            lines.push(format!("< {}", quoted(sent)));
        }
    }
    match role {
        Role::Server => {
            let has = quoted(&opening.has);
            if let Some(status) = opening.status {
                lines.push(format!("< HTTP {status} {has}").trim_end().to_owned());
            } else if !opening.has.is_empty() {
                lines.push(format!("< HTTP 101 {has}"));
            }
            if !opening.lacks.is_empty() {
                lines.push(format!("< without {}", quoted(&opening.lacks)));
            }
            if !opening.succeeds() {
                lines.push("closed".into());
            }
        }
        Role::Client if opening.refused => lines.push("closed, never ready".into()),
        Role::Client if !changes.is_empty() => lines.push("ready".into()),
        Role::Client => {}
    }
    lines
}

fn step(step: &Step, role: Role) -> String {
    let from_client = role == Role::Client;
    match step {
        Step::Peer(frame) => format!("> {}", code(&hex(&frame.encode(!from_client)))),
        Step::Raw(bytes) => format!("> {}", code(&hex(bytes))),
        Step::PeerEnds => "> end".into(),
        Step::Wire(frame) => format!("< {}", wire(frame, from_client)),
        Step::Quiet => "< nothing".into(),
        Step::Ends => "< end".into(),
        Step::App(message) => format!("app {}", app(message)),
        Step::Nothing => "app nothing".into(),
        Step::Closed { status, reason } => match reason {
            Some(reason) => format!("closed {status} {}", code(&quote(reason))),
            None => format!("closed {status}"),
        },
        Step::Call(call) => format!("call {}", code(&call.text)),
        Step::KeysDiffer => "all masking keys differ".into(),
    }
}

fn wire(frame: &Frame, from_client: bool) -> String {
    let bytes = frame.encode(from_client);
    let is_masked = Seen::read(&bytes).is_some_and(|seen| seen.key.is_some());
    if !is_masked {
        return code(&hex(&bytes));
    }
    let head = hex(&bytes[..bytes.len() - 4 - frame.payload.len()]);
    let key = "·· ·· ·· ··";
    code(format!("{head} {key} [{}]", hex(&frame.payload)).trim_end_matches(" []"))
}

fn app(message: &Message) -> String {
    let kind = match message.opcode {
        0 => "continuation".into(),
        1 => "text".into(),
        2 => "binary".into(),
        other => format!("opcode {other}"),
    };
    let place = match (message.is_final, message.is_fragment) {
        (true, false) => "",
        (true, true) => ", last fragment",
        (false, _) => ", fragment",
    };
    format!("{kind}{place} {}", code(&quote(&message.payload)))
}

/// Text in quotes, anything else in digits.
fn quote(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().count() <= 40 && !text.chars().any(char::is_control) => {
            format!("\"{text}\"")
        }
        _ => hex(bytes),
    }
}

/// As code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// Text that may stand in a cell of a table.
fn cell(text: &str) -> String {
    let shown = |character: char| match character {
        '|' => "\\|".to_owned(),
        _ if character.is_control() => format!("\\x{:02x}", u32::from(character)),
        _ => character.to_string(),
    };
    text.chars().map(shown).collect()
}
