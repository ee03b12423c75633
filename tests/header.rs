//! `include/nopoll.h` is what the sources say, and every header is what C and C++ programs need.
//!
//! `UPDATE_HEADER=1 cargo test --test header` rewrites `nopoll.h`.

#[path = "header/generate.rs"]
mod generate;
#[path = "header/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{Compiler, compilers};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn headers() -> Vec<PathBuf> {
    let mut headers: Vec<PathBuf> = fs::read_dir(root().join("include"))
        .expect("include/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "h"))
        .collect();
    headers.sort();
    headers
}

fn name(header: &Path) -> &str {
    header
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name")
}

#[test]
fn nopoll_h_is_up_to_date() {
    let path = root().join("include/nopoll.h");
    let generated = generate::header(root());
    if std::env::var_os("UPDATE_HEADER").is_some() {
        // The other tests are reading it.
        let new = path.with_extension("h.new");
        fs::write(&new, &generated).expect("include/ is writable");
        fs::rename(&new, &path).expect("include/nopoll.h can be replaced");
    }
    let current = fs::read_to_string(&path).expect("include/nopoll.h");
    let differing = current
        .lines()
        .zip(generated.lines())
        .position(|(old, new)| old != new);
    assert!(
        current == generated,
        "include/nopoll.h differs from the sources from line {} on: UPDATE_HEADER=1 cargo test --test header",
        differing.unwrap_or_default() + 1
    );
}

#[test]
fn all_fourteen_headers_are_there() {
    let expected = [
        "nopoll.h",
        "nopoll_config.h",
        "nopoll_conn.h",
        "nopoll_conn_opts.h",
        "nopoll_ctx.h",
        "nopoll_decl.h",
        "nopoll_handlers.h",
        "nopoll_io.h",
        "nopoll_listener.h",
        "nopoll_log.h",
        "nopoll_loop.h",
        "nopoll_msg.h",
        "nopoll_private.h",
        "nopoll_win32.h",
    ];
    let headers = headers();
    let names: Vec<&str> = headers.iter().map(|path| name(path)).collect();
    assert_eq!(names, expected);
}

#[test]
fn each_header_compiles_alone_and_twice_in_every_dialect() {
    for compiler in compilers() {
        for header in headers() {
            let name = name(&header);
            let source = format!("#include <{name}>\n#include <{name}>\nint unused;\n");
            for standard in compiler.standards {
                compiler.accepts(standard, &["-I", "include"], &source);
                if name == "nopoll_private.h" {
                    let flags = ["-I", "include", "-DNOPOLL_WITHOUT_TLS"];
                    compiler.accepts(standard, &flags, &source);
                }
            }
        }
    }
}

#[test]
fn every_header_but_the_config_gives_everything() {
    let compiler = Compiler::c();
    for header in headers() {
        let name = name(&header);
        if matches!(name, "nopoll_config.h" | "nopoll_win32.h") {
            continue;
        }
        let source = format!(
            "#include <{name}>\nint main (void) {{ return nopoll_cmp (NULL, NULL) && NOPOLL_RS \
             && nopoll_new (int, 1) != NULL && NOPOLL_ROLE_CLIENT && (noPollActionHandler) 0; }}\n"
        );
        compiler.accepts("gnu89", &["-I", "include"], &source);
    }
}

#[test]
fn pedantic_c89_only_minds_variadic_macros_and_long_strings() {
    let flags = [
        "-I",
        "include",
        "-pedantic",
        "-Wno-variadic-macros",
        "-Wno-overlength-strings",
    ];
    for header in headers() {
        let source = format!("#include <{}>\nint unused;\n", name(&header));
        // OpenSSL's own headers are not C89.
        let flags = match name(&header) {
            "nopoll_private.h" => [&flags[..], &["-DNOPOLL_WITHOUT_TLS"]].concat(),
            _ => flags.to_vec(),
        };
        Compiler::c().accepts("c89", &flags, &source);
    }
}

#[test]
fn an_installed_tree_serves_both_spellings() {
    let tree = program::scratch("installed");
    let directory = tree.join("include/nopoll");
    fs::create_dir_all(&directory).expect("a directory");
    for header in headers() {
        fs::copy(&header, directory.join(name(&header))).expect("a copy");
    }
    let (outer, inner) = (tree.join("include"), directory);
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let check = |include: &str, directory: &Path| {
        let source = format!("#include <{include}>\nnoPollCtx *ctx;\nint unused = NOPOLL_RS;\n");
        Compiler::c().accepts("c99", &["-I", &text(directory)], &source);
    };
    check("nopoll.h", &inner);
    check("nopoll/nopoll.h", &outer);
    check("nopoll/nopoll_private.h", &outer);
}

#[test]
fn the_payload_size_is_declared_as_asked() {
    let source = "#include <nopoll.h>\nSIZE nopoll_msg_get_payload_size (noPollMsg *msg);\n";
    let compiler = Compiler::c();
    compiler.accepts("c99", &["-I", "include", "-DSIZE=int"], source);
    let long = ["-I", "include", "-DSIZE=long", "-DNOPOLL_LONG_PAYLOAD_SIZE"];
    compiler.accepts("c99", &long, source);
}

#[test]
fn a_strict_c99_program_gets_gnu_extensions_and_system_headers() {
    let source = "#include <nopoll.h>\n\
        int main (void) { char *s = NULL; struct timeval t; struct rlimit r; struct stat st;\n\
        fd_set set; struct sockaddr_in a; struct addrinfo *ai = NULL; time_t now = time (NULL);\n\
        FD_ZERO (&set); gettimeofday (&t, NULL); usleep (1); getrlimit (RLIMIT_NOFILE, &r);\n\
        a.sin_addr.s_addr = inet_addr (\"127.0.0.1\"); if (ai) freeaddrinfo (ai);\n\
        if (isspace (' ') && strcasestr (\"aB\", \"b\") && stat (\"/\", &st) == 0 && now\n\
        && asprintf (&s, \"%d\", (int) a.sin_addr.s_addr) > 0 && fcntl (0, F_GETFL) && errno != -1)\n\
        free (s);\n\
        return 0; }\n";
    Compiler::c().accepts("c99", &["-I", "include"], source);
}

/// U-01
#[test]
fn values_macros_and_offsets_are_what_programs_expect() {
    let check = root().join("tests/header/values.c");
    let flags = ["-I", "include"];
    for extra in [
        &["-DSHOW_DEBUG_LOG"][..],
        &["-DNOPOLL_WITHOUT_TLS"][..],
        &[][..],
    ] {
        let output = Compiler::c().run("gnu89", &[&flags[..], extra].concat(), &check);
        assert_eq!(output, "ok\n", "{extra:?}");
    }
}

#[test]
fn the_version_in_the_header_is_the_crates() {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let version = number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
        | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
        | number(env!("CARGO_PKG_VERSION_PATCH"));
    let header = fs::read_to_string(root().join("include/nopoll.h")).expect("include/nopoll.h");
    assert!(header.contains(&format!("#define NOPOLL_RS {version:#08x}\n")));
}
