#!/usr/bin/env python3
"""Runs the library against other implementations, and the example programs as a person would.

    run.py [--mode plain|asan|valgrind] [--jobs N] [MODULE|WORD]...

Builds what is needed and installs the counterparts below the cargo target directory. Only tests of
the MODULEs run, and those whose name has one of the WORDs in it, if there are any. Modes other than
plain have the tool look at the C programs. Tests with Chromium are left out where there is none,
unless NOPOLL_REQUIRE_CHROMIUM=1. Prints a line per test and "N passed, N failed".
"""
import argparse
import concurrent.futures
import importlib
import os
import subprocess
import sys
import time
import traceback

import environment
from environment import HERE, ROOT, TARGET

# Each is a file of tests, beside this one.
MODULES = ["exchanges", "tls", "compression", "browser", "examples", "proxies"]


def build(mode):
    """The library, the examples and the programs beside this one."""
    kind = "asan" if mode == "asan" else "plain"
    subprocess.run([str(ROOT / "scripts/examples.sh"), kind], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})
    out = TARGET / "cmake" / kind
    flags = ["-g", "-fsanitize=address,undefined"] if mode == "asan" else ["-g", "-O1"]
    for source in HERE.glob("*.c"):
        if source == HERE / "peer_lws.c":
            continue
        subprocess.run(
            ["cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", *flags, f"-I{ROOT / 'include'}",
             str(source), "-o", str(out / source.stem), f"-L{out}", f"-Wl,-rpath,{out}", "-lnopoll",
             "-lpthread"], check=True)
    if mode == "valgrind":
        link = TARGET / "cmake" / "valgrind"
        link.unlink(missing_ok=True)
        link.symlink_to(out)


def run(name, function, mode):
    from harness import Bench, Failure
    bench = Bench(mode)
    begun = time.monotonic()
    try:
        function(bench)
        trouble = None
    except Failure as failure:
        trouble = f"{failure}\n{bench.account()}"
    except Exception:
        trouble = f"{traceback.format_exc()}\n{bench.account()}"
    finally:
        bench.clear()
    return name, trouble, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mode", choices=["plain", "asan", "valgrind"], default="plain")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    try:
        environment.ensure()
        environment.ensure_proxies()
        environment.build_peers()
        build(args.mode)
        versions = environment.versions() + environment.proxy_versions()
    except (environment.Unavailable, subprocess.CalledProcessError) as trouble:
        print(f"run.py: {trouble}")
        print("0 passed, 1 failed")
        return 1
    print("against", *versions, sep="\n  ", flush=True)

    from harness import TESTS
    for module in MODULES:
        importlib.import_module(module)
    if not environment.chromium():
        print("tests with Chromium are not run: it isn't installed", flush=True)
        if os.environ.get("NOPOLL_REQUIRE_CHROMIUM") == "1":
            print("0 passed, 1 failed")
            return 1
    chosen = [(name, function) for name, function in TESTS
              if not args.words or function.__module__ in args.words
              or any(word in name for word in args.words)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for job in [pool.submit(run, *item, args.mode) for item in chosen]:
            name, trouble, seconds = job.result()
            print(f"{'FAIL' if trouble else 'ok  '} {name} ({seconds:.1f} s)", flush=True)
            if trouble:
                print("     " + trouble.replace("\n", "\n     "), flush=True)
                failed += 1
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 0 if chosen and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
