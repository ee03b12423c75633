//! What the shared library offers to the dynamic linker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names in `tests/data/exports.txt`.
fn expected() -> Vec<String> {
    let list = fs::read_to_string(root().join("tests/data/exports.txt")).expect("the list");
    list.lines().map(str::to_owned).collect()
}

/// Panics with the differences unless these are the names in the list, each once.
fn assert_same(names: &[&str]) {
    let expected = expected();
    let missing: Vec<&String> = expected
        .iter()
        .filter(|name| !names.contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    let other: Vec<&&str> = names
        .iter()
        .filter(|name| !expected.contains(&(**name).to_owned()))
        .collect();
    assert!(other.is_empty(), "not in the list: {other:?}");
    assert_eq!(names.len(), expected.len(), "a name comes twice");
}

/// The shared library of this build: cargo makes it along with the Rust one that tests link, in the
/// same directory as the tests.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("the test's path");
    let library = test.with_file_name("libnopoll.so");
    assert!(library.exists(), "{} is missing", library.display());
    library
}

fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command)
        .args(arguments)
        .arg(library())
        .output()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(output.status.success(), "{command} failed");
    String::from_utf8(output.stdout).expect("plain text")
}

#[test]
fn the_list_is_sorted_and_holds_each_name_once() {
    let names = expected();
    assert!(names.is_sorted_by(|first, second| first < second));
}

#[test]
fn exactly_the_listed_symbols_are_defined() {
    let symbols = output("nm", &["-D", "--defined-only"]);
    let names: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_same(&names);
}

#[test]
fn every_listed_function_is_declared_in_nopoll_h() {
    let header = fs::read_to_string(root().join("include/nopoll.h")).expect("include/nopoll.h");
    let declared: Vec<&str> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/']) && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .collect();
    assert_same(&declared);
}

#[test]
fn the_symbols_file_of_the_debian_package_lists_them() {
    let file = root().join("packaging/debian/libnopoll0.symbols");
    let symbols = fs::read_to_string(file).expect("the symbols file");
    let mut lines = symbols.lines();
    assert_eq!(
        lines.next(),
        Some("libnopoll.so.0 libnopoll0 #MINVER#"),
        "soname and package"
    );
    let names: Vec<&str> = lines
        .map(|line| line.trim().split_once("@Base ").expect("a symbol").0)
        .collect();
    assert_same(&names);
}

#[test]
fn the_library_goes_by_the_name_programs_were_linked_with() {
    let dynamic = output("readelf", &["-dW"]);
    assert!(
        dynamic.contains("Library soname: [libnopoll.so.0]"),
        "{dynamic}"
    );
    assert!(!dynamic.contains("TEXTREL"), "{dynamic}");
}

#[test]
fn every_name_begins_like_one_of_ours() {
    let ours = ["nopoll_", "_nopoll_", "__nopoll_"];
    let foreign = |name: &&String| !ours.iter().any(|prefix| name.starts_with(prefix));
    let names = expected();
    let foreign: Vec<&String> = names.iter().filter(foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn no_memory_is_both_written_and_executed() {
    let headers = output("readelf", &["-lW"]);
    let stack = headers.lines().find(|line| line.contains("GNU_STACK"));
    assert!(stack.is_some_and(|line| line.contains(" RW ")), "{headers}");
    assert!(!headers.contains(" RWE "), "{headers}");
}

#[test]
fn symbols_carry_no_versions() {
    let symbols = output("nm", &["-D", "--defined-only", "--with-symbol-versions"]);
    assert!(!symbols.contains('@'), "{symbols}");
}
