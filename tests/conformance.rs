//! What RFC 6455 and RFC 7692 demand, requirement by requirement, as bytes on a socket.
//!
//! The tables in `tests/conformance` are run through the C API, each case in every role it names, by
//! direct calls and by the loop, the peer's bytes coming together and one by one.
//! `UPDATE_CONFORMANCE=1 cargo test --test conformance` rewrites `docs/conformance.md` from them.

#[path = "conformance/document.rs"]
mod document;
#[path = "conformance/exchange.rs"]
mod exchange;
#[path = "conformance/library.rs"]
mod library;
#[path = "conformance/notation.rs"]
mod notation;
#[path = "conformance/steps.rs"]
mod steps;
#[path = "conformance/table.rs"]
mod table;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use exchange::Arrival;
use library::Driver;
use table::{Chapter, Requirement, chapters};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn requirements(chapters: &[Chapter]) -> impl Iterator<Item = &Requirement> {
    chapters.iter().flat_map(|chapter| &chapter.requirement)
}

/// Runs all cases in one way.
fn every_case_comes_out_as_the_table_says(driver: Driver, arrival: Arrival) {
    let chapters = chapters(root());
    let mut wrong = Vec::new();
    for requirement in requirements(&chapters) {
        for case in &requirement.case {
            // Without the feature nothing is ever compressed.
            if case.settings.compression.is_some() && !cfg!(feature = "deflate") {
                continue;
            }
            for &role in case.role.each() {
                if let Err(why) = exchange::run(case, role, driver, arrival) {
                    let (id, name) = (&requirement.id, &case.name);
                    wrong.push(format!("{id}, {name} ({role:?}): {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn by_direct_calls_bytes_together() {
    every_case_comes_out_as_the_table_says(Driver::Direct, Arrival::Together);
}

#[test]
fn by_direct_calls_bytes_one_by_one() {
    every_case_comes_out_as_the_table_says(Driver::Direct, Arrival::Apart);
}

#[test]
fn by_the_loop_bytes_together() {
    every_case_comes_out_as_the_table_says(Driver::Loop, Arrival::Together);
}

#[test]
fn by_the_loop_bytes_one_by_one() {
    every_case_comes_out_as_the_table_says(Driver::Loop, Arrival::Apart);
}

#[test]
fn every_client_asks_with_a_key_of_its_own() {
    let keys: HashSet<String> = (0..100).map(|_| exchange::key()).collect();
    assert_eq!(keys.len(), 100);
}

#[test]
fn a_client_that_reaches_nobody_fails() {
    assert!(!library::reaches_port_0());
}

#[test]
fn every_requirement_is_accounted_for() {
    let chapters = chapters(root());
    let mut ids = HashSet::new();
    let mut names = HashSet::new();
    for requirement in requirements(&chapters) {
        let id = &requirement.id;
        assert!(ids.insert(id), "{id} comes twice");
        let accounts = [
            !requirement.case.is_empty(),
            !requirement.shown_by.is_empty(),
            requirement.elsewhere.is_some(),
        ];
        let count = accounts.iter().filter(|&&account| account).count();
        assert_eq!(count, 1, "{id} has cases, or says where they are");
        for case in &requirement.case {
            assert!(names.insert(&case.name), "{} comes twice", case.name);
        }
    }
    for requirement in requirements(&chapters) {
        for other in &requirement.shown_by {
            let shown = |known: &Requirement| known.id == *other && !known.case.is_empty();
            let known = requirements(&chapters).any(shown);
            assert!(known, "{}: {other} shows nothing", requirement.id);
        }
    }
}

#[test]
fn the_document_is_up_to_date() {
    let path = root().join("docs/conformance.md");
    let generated = document::write(&chapters(root()));
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        fs::write(&path, &generated).expect("docs/ is writable");
    }
    let current = fs::read_to_string(&path).unwrap_or_default();
    let mut lines = current.lines().zip(generated.lines());
    let differing = lines.position(|(old, new)| old != new);
    assert!(
        current == generated,
        "docs/conformance.md differs from the tables from line {} on: \
         UPDATE_CONFORMANCE=1 cargo test --test conformance",
        differing.unwrap_or_default() + 1
    );
}
