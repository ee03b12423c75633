//! A program that was linked against another libnopoll.so.0 runs with this one: the dynamic linker
//! needs the soname and the names, nothing else.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn scratch() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("swap");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(directory.join("ours")).expect("a scratch directory");
    directory
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the command runs");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A library with all the names and no sense: whatever is called ends the program.
fn stand_in(directory: &Path) {
    let names = fs::read_to_string("tests/data/exports.txt").expect("the list");
    let mut source = String::from("void abort (void);\n");
    for name in names.lines() {
        writeln!(source, "void {name} (void) {{ abort (); }}").expect("a string grows");
    }
    let file = directory.join("stand_in.c");
    fs::write(&file, source).expect("a file");
    succeed(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-Wl,-soname,libnopoll.so.0", "-o"])
            .arg(directory.join("libnopoll.so"))
            .arg(&file),
    );
    fs::copy(
        directory.join("libnopoll.so"),
        directory.join("libnopoll.so.0"),
    )
    .expect("a copy");
}

#[test]
fn a_program_linked_against_another_library_runs_with_this_one() {
    let directory = scratch();
    stand_in(&directory);
    let program = directory.join("program");
    succeed(
        Command::new("cc")
            .args(["-Iinclude", "tests/swap/program.c", "-o"])
            .arg(&program)
            .arg("-L")
            .arg(&directory)
            .arg("-lnopoll"),
    );
    let with = |library: &Path| {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", library);
        command
    };
    let alone = with(&directory).output().expect("the program starts");
    assert!(
        !alone.status.success(),
        "the stand-in is what it was linked to"
    );

    let test = std::env::current_exe().expect("the test's path");
    let ours = directory.join("ours");
    fs::copy(
        test.with_file_name("libnopoll.so"),
        ours.join("libnopoll.so.0"),
    )
    .expect("the library of this build");
    let output = succeed(&mut with(&ours));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "swapped\n");
}
