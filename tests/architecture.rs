//! Which part of the library may know which: the picture in docs/architecture.md, held against the
//! sources. A new edge is a decision: make it here and there.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't read its files has failed"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "ffi",
        &[
            "abi",
            "api",
            "base64",
            "bytes",
            "log",
            "protocol",
            "random",
            "sync",
            "text",
            "transport",
        ],
    ),
    (
        "api",
        &[
            "abi",
            "engine",
            "log",
            "protocol",
            "random",
            "simd",
            "sync",
            "transport",
        ],
    ),
    ("engine", &["sync", "transport"]),
    ("transport", &["abi", "sync"]),
    ("log", &["abi", "sync"]),
    ("sync", &["abi"]),
    ("abi", &["protocol", "simd"]),
    ("random", &["engine"]),
    ("base64", &["text"]),
    ("protocol", &["simd"]),
    ("bytes", &[]),
    ("text", &[]),
    ("simd", &[]),
    // What fuzzing needs of the inside.
    ("lib", &["protocol", "simd"]),
];

/// Rooms without a line of unsafe code.
const SAFE: &[&str] = &[
    "src/protocol/mod.rs",
    "src/api/mod.rs",
    "src/text.rs",
    "src/bytes.rs",
    "src/base64.rs",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn room(path: &Path) -> String {
    let name = path.components().nth(1).unwrap().as_os_str();
    name.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The rooms that a line of code names: `crate::room` and `crate::{room, …}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
            text[..end.unwrap_or(text.len())].to_owned()
        };
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                rooms.extend(group.split(',').map(|part| word(part.trim())));
            }
            None => {
                rooms.insert(word(rest));
            }
        }
    }
    rooms.remove("");
    rooms
}

#[test]
fn parts_use_only_what_lies_below_them() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let own = room(&path);
        let text = fs::read_to_string(&path).unwrap();
        // Tests of a file may reach further.
        let code = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == own)
            .map_or(&[][..], |(_, may)| may);
        for used in named(&code) {
            let is_room = Path::new("src").join(&used).is_dir()
                || Path::new("src").join(format!("{used}.rs")).is_file();
            if is_room && used != own && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_safe_rooms_forbid_unsafe_code() {
    for path in SAFE {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{path}");
    }
}

#[test]
fn the_protocol_knows_no_system() {
    let mut files = Vec::new();
    sources(Path::new("src/protocol"), &mut files);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for foreign in [
            "libc::",
            "std::net",
            "std::io",
            "std::time",
            "std::sync",
            "extern \"C\"",
        ] {
            assert!(!text.contains(foreign), "{} uses {foreign}", path.display());
        }
    }
}
