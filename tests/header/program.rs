//! Compiling C and C++ against the headers in the tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A compiler, the language it is for and the dialects it is asked to speak.
pub(crate) struct Compiler {
    command: String,
    language: &'static str,
    warnings: &'static [&'static str],
    pub(crate) standards: &'static [&'static str],
}

const C: &[&str] = &["gnu89", "c89", "c99", "c11", "c17"];
const CXX: &[&str] = &["c++11", "c++17"];
const C_WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror"];
const CXX_WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Werror"];

/// The C compiler, which there must be, and the others of this machine.
pub(crate) fn compilers() -> Vec<Compiler> {
    let c = |command: &str| Compiler {
        command: command.into(),
        language: "c",
        warnings: C_WARNINGS,
        standards: C,
    };
    let cxx = |command: &str| Compiler {
        command: command.into(),
        language: "c++",
        warnings: CXX_WARNINGS,
        standards: CXX,
    };
    let others = [c("clang"), cxx("g++"), cxx("clang++")];
    let found = others
        .into_iter()
        .filter(|compiler| exists(&compiler.command));
    std::iter::once(Compiler::c()).chain(found).collect()
}

fn exists(command: &str) -> bool {
    Command::new(command)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A fresh directory for what a test makes.
pub(crate) fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{number}"));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a scratch directory");
    directory
}

impl Compiler {
    /// `cc`, or what CC names.
    pub(crate) fn c() -> Self {
        Self {
            command: std::env::var("CC").unwrap_or_else(|_| "cc".into()),
            language: "c",
            warnings: C_WARNINGS,
            standards: C,
        }
    }

    fn compile(&self, standard: &str, flags: &[&str], source: &Path, rest: &[&str]) -> Output {
        Command::new(&self.command)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg(format!("-std={standard}"))
            .args(self.warnings)
            .args(flags)
            .args(["-x", self.language])
            .arg(source)
            .args(rest)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", self.command))
    }

    /// Panics with the compiler's words unless it takes `source` without a warning.
    pub(crate) fn accepts(&self, standard: &str, flags: &[&str], source: &str) {
        let directory = scratch("source");
        let file = directory.join("source");
        fs::write(&file, source).expect("a source file");
        let output = self.compile(standard, flags, &file, &["-fsyntax-only"]);
        assert!(
            output.status.success(),
            "{} -std={standard} {flags:?}\n{source}\n{}",
            self.command,
            String::from_utf8_lossy(&output.stderr)
        );
        let _ = fs::remove_dir_all(&directory);
    }

    /// Compiles and runs a program that needs no library; returns what it prints.
    pub(crate) fn run(&self, standard: &str, flags: &[&str], source: &Path) -> String {
        let program = scratch("program").join("program");
        let place = program.to_str().expect("a plain path");
        let output = self.compile(standard, flags, source, &["-o", place]);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{} -std={standard} {flags:?}\n{words}",
            self.command
        );
        let output = Command::new(&program).output().expect("the program runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
