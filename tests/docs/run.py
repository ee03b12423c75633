#!/usr/bin/env python3
"""Runs the documents: what a reader would type in works as it stands.

    run.py [--work DIR] [DOCUMENT...]

A fenced block marked `c` whose first line is a comment with a file name is written to that file; one
marked `sh` is run by bash. All documents share one directory, a fresh copy of the tree, and one
shell session, in the order given. The port 8080 of the examples is replaced by a free one, /usr/local by
a folder of its own. Prints one line per block and "N passed, N failed".
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "docs/first-server.md", "docs/own-event-loop.md", "docs/threads.md",
             "docs/tls.md"]
BLOCK = re.compile(r"^```(c|sh)\n(.*?)^```$", re.M | re.S)
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
    """The environment in which what is installed there is found."""
    return {**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig", "LD_LIBRARY_PATH": f"{prefix}/lib"}


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
        self.status.unlink(missing_ok=True)
        # A failing line ends the block, not the session; what it exported stays.
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
        port = str(free_port())
        for number, (kind, text) in enumerate(BLOCK.findall((ROOT / name).read_text()), 1):
            text = text.replace("8080", port).replace("/usr/local", str(work / "inst"))
            if kind == "c":
                file = NAME.match(text)
                ok = bool(file)
                what = file.group(1) if file else "a C block without a name"
                if file:
                    (work / file.group(1)).write_text(text)
            else:
                ok = shell.process.poll() is None and shell.run(text)
                what = text.split("\n", 1)[0]
            print(f"{'ok  ' if ok else 'FAIL'} {name} block {number}: {what}", flush=True)
            passed, failed = passed + ok, failed + (not ok)
    shell.close()
    if failed:
        print(shell.log.read_text()[-8000:])
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
