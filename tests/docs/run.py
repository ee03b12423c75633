#!/usr/bin/env python3
"""Runs the documents: what a reader would type in works as it stands.

    run.py [--work DIR] [DOCUMENT...]

A fenced block marked `c` whose first line is a comment with a file name is written to that file; one
marked `sh` is run by bash. After the blocks of a document come the commands of its text that
commands.txt leaves to us ("here"); what its reader has already is made by a script in before/. All
documents share one directory, a fresh copy of the tree, and one shell session, in the order given. The
ports of the examples are replaced by free ones, /usr/local by a folder of its own. Prints one line per
block or command and "N passed, N failed".
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from commands import DOCUMENTS, typed
from document import ROOT, blocks

BEFORE = Path(__file__).with_name("before")
PORTS = ["8080", "8443"]
NAME = re.compile(r"/\* (\S+\.(?:c|h)) \*/\n")
SECONDS = 900


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_tree(work):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                           capture_output=True).stdout.split(b"\0")
    for name in filter(None, files):
        source = ROOT / name.decode()
        if source.is_file():
            target = work / name.decode()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def installed(prefix):
    """The environment in which what is installed there is found, as it is in /usr/local."""
    lib = f"{prefix}/lib"
    return {**os.environ, "PKG_CONFIG_PATH": f"{lib}/pkgconfig", "CMAKE_PREFIX_PATH": str(prefix),
            "LIBRARY_PATH": lib, "LD_LIBRARY_PATH": lib}


class Shell:
    """One bash that runs blocks; each reports its status."""

    def __init__(self, work):
        self.log = work / "shell.log"
        self.out = self.log.open("w")
        self.process = subprocess.Popen(["bash", "--norc"], cwd=work, stdin=subprocess.PIPE,
                                        stdout=self.out, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, env=installed(work / "inst"))
        self.status = work / "status"

    def run(self, text):
        if self.process.poll() is not None:
            return False
        self.status.unlink(missing_ok=True)
        # A failing line ends the session. What a block exports stays.
        text = f"set -e\n{text}\n"
        body = work_file(self.status.parent / "block.sh", text)
        self.process.stdin.write(
            f"trap 'echo failed > {self.status}.part; mv {self.status}.part {self.status}' EXIT\n"
            f". {body}\nset +e\ntrap - EXIT\n"
            f"echo ok > {self.status}.part; mv {self.status}.part {self.status}\n")
        self.process.stdin.flush()
        for _ in range(SECONDS * 20):
            if self.status.exists():
                return self.status.read_text().strip() == "ok"
            if self.process.poll() is not None:
                return False
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        return False

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.out.close()


def work_file(path, text):
    path.write_text(text)
    return path


def steps(name, work):
    """(what it is, kind, text) of all that is done for a document."""
    before = BEFORE / (name.removesuffix(".md").replace("/", "-") + ".sh")
    if before.exists():
        yield f"before: {before.name}", "sh", before.read_text()
    for number, (kind, text) in enumerate(blocks((ROOT / name).read_text()), 1):
        if kind in ("c", "sh"):
            yield f"block {number}: " + text.split("\n", 1)[0], kind, text
    for command in typed(name):
        yield f"command: {command}", "sh", f"cd '{work}'\n{command}"


def write_c(work, text):
    """Whether the block says which file it is."""
    name = NAME.match(text)
    if name:
        (work / name.group(1)).write_text(text)
    return bool(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "target/docs-run")
    parser.add_argument("documents", nargs="*", default=DOCUMENTS)
    args = parser.parse_args()
    work = args.work.resolve()
    copy_tree(work)
    shell = Shell(work)
    passed = failed = 0
    for name in args.documents or DOCUMENTS:
        replacements = {port: str(free_port()) for port in PORTS} | {"/usr/local": str(work / "inst")}
        shell.run(f"cd '{work}'")
        for what, kind, text in steps(name, work):
            for old, new in replacements.items():
                text = text.replace(old, new)
            if kind == "c":
                ok = write_c(work, text)
            else:
                ok = shell.run(text)
            print(f"{'ok  ' if ok else 'FAIL'} {name} {what}", flush=True)
            passed, failed = passed + ok, failed + (not ok)
    shell.close()
    if failed:
        print(shell.log.read_text()[-8000:])
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
