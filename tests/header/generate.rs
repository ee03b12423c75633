//! From the sources to `nopoll.h`: cbindgen prints each file, a template puts them in order.

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config};

/// What noPoll's headers declare, in the order of the header.
const FUNCTIONS: &[&str] = &[
    "memory",
    "strings",
    "coding",
    "bits",
    "time",
    "mutex",
    "log",
    "ctx/refs",
    "ctx/registry",
    "ctx/settings",
    "ctx/handlers",
    "ctx/certificates",
    "opts/refs",
    "opts/settings",
    "opts/tls",
    "conn/connect",
    "listener",
    "conn/accept",
    "conn/refs",
    "conn/state",
    "conn/info",
    "conn/handlers",
    "conn/socket",
    "conn/receive",
    "conn/send",
    "conn/pending",
    "conn/close",
    "msg",
    "looping",
    "io",
];

/// What they don't.
const ADDITIONS: &[&str] = &[
    "additions/undeclared",
    "additions/forks",
    "additions/delivery",
    "additions/compression",
    "additions/errors",
    "additions/http",
    "additions/tls",
    "additions/sharing",
];

/// The text of `nopoll.h`.
pub(crate) fn header(root: &Path) -> String {
    let template = read(&root.join("src/ffi/nopoll.h.in"));
    let types = ["types", "callbacks"].map(|name| print(root, &format!("src/abi/{name}.rs")));
    template
        .replace("@types@", types.join("\n").trim())
        .replace("@functions@", sections(root, FUNCTIONS).trim())
        .replace("@additions@", sections(root, ADDITIONS).trim())
}

fn sections(root: &Path, names: &[&str]) -> String {
    names
        .iter()
        .map(|name| section(root, &format!("src/ffi/{name}.rs")))
        .collect()
}

/// The functions of a file, under the file's own documentation.
fn section(root: &Path, file: &str) -> String {
    let source = read(&root.join(file));
    let heading: String = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!(" *{line}\n"))
        .collect();
    assert!(!heading.is_empty(), "{file} has no documentation");
    format!("/*\n{heading} */\n\n{}\n", print(root, file).trim_start())
}

/// What cbindgen makes of one file, without what is for Rust only.
fn print(root: &Path, file: &str) -> String {
    let config = Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut printed = Vec::new();
    Builder::new()
        .with_config(config)
        .with_src(root.join(file))
        .generate()
        .unwrap_or_else(|error| panic!("{file}: {error}"))
        .write(&mut printed);
    let printed = String::from_utf8(printed).expect("cbindgen prints UTF-8");
    let printed = without_extern(&compact(&without_safety(&printed)));
    // C89 knows no comma behind the last enumerator.
    printed.replace(",\n}", "\n}")
}

/// Drops the sections that tell Rust callers what unsafe asks of them.
fn without_safety(printed: &str) -> String {
    let mut kept = Vec::new();
    let mut dropping = false;
    for line in printed.lines() {
        match line {
            " * # Safety" => {
                dropping = true;
                while kept.last() == Some(&" *") {
                    kept.pop();
                }
                if kept.last() == Some(&"/**") {
                    kept.pop();
                }
            }
            " */" if dropping => {
                dropping = false;
                if kept.last().is_some_and(|line| line.starts_with(" *")) {
                    kept.push(line);
                }
            }
            _ if dropping => {}
            _ => kept.push(line),
        }
    }
    kept.join("\n") + "\n"
}

/// Puts comments of one line on one line.
fn compact(printed: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in printed.lines() {
        lines.push(line.to_owned());
        let [.., open, text, close] = &lines[..] else {
            continue;
        };
        let indent = close.len() - close.trim_start().len();
        let words = text.trim_start().strip_prefix("* ");
        if let (true, true, Some(words)) = (open.trim() == "/**", close.trim() == "*/", words) {
            let line = format!("{}/** {words} */", " ".repeat(indent - 1));
            if line.chars().count() <= 100 {
                lines.truncate(lines.len() - 3);
                lines.push(line);
            }
        }
    }
    lines.join("\n") + "\n"
}

/// The variadic functions are declared in extern blocks, which cbindgen prints as such.
fn without_extern(printed: &str) -> String {
    let mut continued = false;
    let mut lines = String::new();
    for line in printed.lines() {
        let shorter = match line.strip_prefix("extern ") {
            None if continued => line.strip_prefix("       ").unwrap_or(line),
            None => line,
            Some(declaration) => {
                continued = true;
                declaration
            }
        };
        continued &= !line.ends_with(';');
        lines.push_str(shorter);
        lines.push('\n');
    }
    lines
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
