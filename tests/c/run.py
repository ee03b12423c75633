#!/usr/bin/env python3
"""Builds the C programs of this folder and runs them.

    run.py --lib DIR --include DIR [--mode plain|asan|valgrind|tsan] [--compiler CC]...
           [--without FEATURE]... [NAME...]

DIR of --lib holds libnopoll.so. Each *.c (and *.cc, by the C++ compiler that goes with the C
compiler) is one program, linked with support/*.c. A program prints "N passed, N failed"; the sum of
all is the last line here. A first line of the form `/* run.py: modes=plain,asan ... */` limits the
modes of a program or adds compiler options (cflags=...; libs=...; slow=1 runs it first). A program
that says needs=FEATURE is left out with --without FEATURE, for a library built so. With needs=tls it
also gets support/tls/*.c, OpenSSL, and certificates. tsan wants clang, a library instrumented in the
same way and --runtime: scripts/sanitize.sh sees to that.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
CXX = {"gcc": "g++", "clang": "clang++"}
SLOWNESS = {"plain": 1, "asan": 3, "valgrind": 30, "tsan": 10}
COUNT = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


def directives(source):
    first = source.read_text().split("\n", 1)[0]
    found = re.match(r"/\* run\.py: (.*) \*/$", first)
    return dict(item.split("=", 1) for item in found.group(1).split()) if found else {}


def build(source, compiler, mode, args, out):
    extra = directives(source)
    cc = CXX.get(compiler, compiler) if source.suffix == ".cc" else compiler
    std = "-std=c++11" if source.suffix == ".cc" else "-std=gnu99"
    flags = ["-g", "-O1", "-fno-omit-frame-pointer"]
    if mode == "valgrind":
        # clang's newer default is more than valgrind can read.
        flags += ["-gdwarf-4"]
    if mode == "asan":
        flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    link = []
    if mode == "tsan":
        # The compiler's own runtime is older than what the library is instrumented for.
        flags += ["-fsanitize=thread"]
        link += ["-fno-sanitize-link-runtime", "-Wl,--whole-archive", str(args.runtime),
                 "-Wl,--no-whole-archive", "-Wl,--export-dynamic", "-ldl", "-lm", "-lrt"]
    program = out / source.stem
    needs_tls = extra.get("needs") == "tls"
    if "tls" in args.without:
        flags.append("-DNOPOLL_WITHOUT_TLS=")
    libs = [*extra.get("libs", "").split(","), *(["ssl", "crypto"] if needs_tls else [])]
    folders = ["support", *(["support/tls"] if needs_tls else [])]
    objects = []
    for support in sorted(file for folder in folders for file in (HERE / folder).glob("*.c")):
        target = out / (support.stem + ".o")
        if not target.exists():
            part = out / f"{support.stem}.{os.getpid()}.{source.stem}.o"
            subprocess.run([compiler, "-std=gnu99", *WARNINGS, *flags, f"-I{args.include}", "-c",
                            str(support), "-o", str(part)], check=True)
            part.replace(target)
        objects.append(str(target))
    subprocess.run(
        [cc, std, *WARNINGS, *flags, *(flag for flag in extra.get("cflags", "").split(",") if flag),
         f"-I{args.include}", f"-I{HERE}", str(source), *objects, "-o", str(program),
         *link, f"-L{out}", f"-Wl,-rpath,{out}", "-lnopoll", "-lpthread",
         *(f"-l{name}" for name in libs if name)],
        check=True)
    return program


def run(source, compiler, mode, args, out):
    try:
        program = build(source, compiler, mode, args, out)
    except subprocess.CalledProcessError:
        return source.stem, 0, 1, "does not compile"
    command = [str(program)]
    env = dict(os.environ, CHECK_SLOWNESS=str(SLOWNESS[mode] * args.slowness), CHECK_MODE=mode,
               CHECK_CERTIFICATES=str(args.certificates), UBSAN_OPTIONS="print_stacktrace=1",
               ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
               TSAN_OPTIONS="second_deadlock_stack=1",
               LSAN_OPTIONS=f"suppressions={HERE}/support/lsan.supp:print_suppressions=0")
    if mode == "valgrind":
        command = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                   "--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible",
                   f"--suppressions={HERE}/support/valgrind.supp",
                   "--num-callers=30", "--track-fds=no", *command]
    log = out / (source.stem + ".log")
    with log.open("w") as to:
        try:
            status = subprocess.run(command, stdout=to, stderr=subprocess.STDOUT, env=env,
                                    stdin=subprocess.DEVNULL, timeout=600 * args.slowness).returncode
        except subprocess.TimeoutExpired:
            status = "out of time"
    text = log.read_text(errors="replace")
    counts = COUNT.findall(text)
    passed, failed = map(int, counts[-1]) if counts else (0, 0)
    if "panicked at" in text:
        # The boundary has caught it, and the case may have passed for all that.
        status = status or "a panic in the library"
    if status != 0:
        failed = max(failed, 1)
        return source.stem, passed, failed, f"{text[-6000:]}\nexit status {status}"
    if not counts:
        return source.stem, 0, 1, f"{text[-6000:]}\nno count"
    return source.stem, passed, failed, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--include", required=True, type=Path)
    parser.add_argument("--mode", choices=SLOWNESS, default="plain")
    parser.add_argument("--compiler", action="append")
    parser.add_argument("--out", type=Path, help="where to build; default: beside the library")
    parser.add_argument("--runtime", type=Path, help="the sanitizer's runtime for mode tsan")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--slowness", type=int, default=1, help="multiplies every time limit")
    parser.add_argument("--without", action="append", choices=["tls", "deflate"], default=[],
                        help="a feature the library was built without")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    args.include = args.include.resolve()
    library = (args.lib / "libnopoll.so").resolve()
    args.certificates = (args.lib / "tests-c/certificates").resolve()
    if "tls" not in args.without:
        subprocess.run([sys.executable, str(HERE.parent / "data/certificates.py"),
                        str(args.certificates)], check=True)
    passed = failed = 0
    for compiler in args.compiler or ["gcc"]:
        out = ((args.out or args.lib / "tests-c") / f"{args.mode}-{compiler}").resolve()
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("*.o"):
            old.unlink()
        for name in ("libnopoll.so", "libnopoll.so.0"):
            link = out / name
            link.unlink(missing_ok=True)
            link.symlink_to(library)
        sources = sorted([*HERE.glob("*.c"), *HERE.glob("*.cc")],
                         key=lambda s: (-int(directives(s).get("slow", 0)), s.stem))
        sources = [s for s in sources
                   if (not args.names or s.stem in args.names)
                   and directives(s).get("needs") not in args.without
                   and args.mode in directives(s).get("modes", args.mode).split(",")]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            jobs = [pool.submit(run, s, compiler, args.mode, args, out) for s in sources]
            for job in concurrent.futures.as_completed(jobs):
                name, ok, bad, trouble = job.result()
                print(f"{'ok  ' if not bad else 'FAIL'} {name} ({compiler}, {args.mode}): "
                      f"{ok} passed, {bad} failed", flush=True)
                if trouble:
                    print(trouble, flush=True)
                passed += ok
                failed += bad
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
