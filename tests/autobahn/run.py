#!/usr/bin/env python3
"""Runs the Autobahn test suite against a server and a client made of the library.

    run.py --lib DIR --include DIR [--cases sample|basic|all|PATTERN,...]
           [--role server|client]... [--tls] [--summary FILE]

DIR of --lib holds libnopoll.so. What is expected of each case stands in expected.json: OK, or
INFORMATIONAL where the suite passes no judgement, with a clean close either way. "basic" is sections
1 to 7 and 10, "sample" these and the cases listed there of the long ones. --tls runs them over TLS.
--summary writes the outcome as Markdown, in place of what the file says of the same transport. The
last line is "N passed, N failed".

The suite needs CPython 2.7. Without one the run is skipped, which passes unless
NOPOLL_REQUIRE_AUTOBAHN=1 is set.
"""
import argparse
import collections
import concurrent.futures
import datetime
import fnmatch
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPECTED = json.loads((HERE / "expected.json").read_text())
# The last release that makes environments for Python 2.
VIRTUALENV = "virtualenv==20.21.1"
AGENT = "noPoll"
CLEAN = {"OK", "INFORMATIONAL"}
# A run that takes longer than this for each of its cases, in seconds, hangs. Many take milliseconds.
PATIENCE = 120
# The suite's own program knows no TLS in this mode, and can't be given a socket that listens; the
# suite and what it is made with can.
FUZZING_SERVER = """
import json, socket, sys
from autobahntestsuite import choosereactor, fuzzing
from twisted.internet import reactor
from twisted.protocols.tls import TLSMemoryBIOFactory

spec, descriptor, files = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

def listen(port, factory, *args, **options):
    return reactor.adoptStreamPort(descriptor, socket.AF_INET, factory)

def listen_tls(port, factory, context, *args, **options):
    return listen(port, TLSMemoryBIOFactory(context, False, factory))

reactor.listenTCP, reactor.listenSSL = listen, listen_tls
fuzzing.startServer(json.load(open(spec)), 0, *files)
reactor.run()
"""


class Unavailable(Exception):
    """The suite can't be had on this machine."""


def all_cases():
    return [f"{section}.{number}" for section, count in EXPECTED["cases"].items()
            for number in range(1, count + 1)]


def section(case):
    return int(case.split(".")[0])


def choose(cases):
    basic = [case for case in all_cases() if section(case) in {*range(1, 8), 10}]
    if cases == "all":
        return all_cases()
    if cases == "basic":
        return basic
    if cases == "sample":
        return basic + EXPECTED["sample"]
    patterns = cases.split(",")
    return [case for case in all_cases()
            if any(fnmatch.fnmatchcase(case, pattern) for pattern in patterns)]


def find_python2():
    candidates = [os.environ.get("NOPOLL_PYTHON2"), shutil.which("python2.7"),
                  *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7")))]
    check = ["-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, *check], capture_output=True).returncode == 0:
            return candidate
    raise Unavailable("no Python 2.7 here")


def prepare(folder):
    """An environment with the suite in it; returns its folder of programs."""
    programs = folder / "python2" / "bin"
    packages = [f"{name}=={version}" for name, version in EXPECTED["versions"].items()]
    stamp = folder / "packages"
    if stamp.exists() and stamp.read_text() == "\n".join(packages):
        return programs
    python2 = find_python2()
    tool = folder / "tool"
    for command in (
            [sys.executable, "-m", "venv", "--clear", tool],
            [tool / "bin" / "pip", "-q", "install", VIRTUALENV],
            [tool / "bin" / "virtualenv", "-q", "--clear", "-p", python2, programs.parent],
            [programs / "pip", "-q", "install", *packages]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"{' '.join(map(str, command))} failed:\n{done.stderr[-3000:]}")
    stamp.write_text("\n".join(packages))
    return programs


def build(name, args, folder):
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-std=gnu99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{args.include}",
         str(HERE / f"{name}.c"), "-o", str(folder / name), f"-L{folder}",
         f"-Wl,-rpath,{folder}", "-lnopoll"], check=True)
    return folder / name


def certificate(folder):
    """A certificate for 127.0.0.1 that is its own CA, and its key."""
    names = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=autobahn", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


def fuzz_server(programs, args, folder, cases, log):
    """The suite's fuzzing client against the library's server."""
    server = subprocess.Popen([build("testee_server", args, folder), *args.files],
                              stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        port = int(server.stdout.readline().split()[1])
        spec = {"outdir": str(folder / "report-server"), "cases": cases, "exclude-cases": [],
                "exclude-agent-cases": {},
                "servers": [{"agent": AGENT, "url": f"{args.scheme}://127.0.0.1:{port}"}]}
        (folder / "fuzzingclient.json").write_text(json.dumps(spec))
        subprocess.run([programs / "wstest", "-m", "fuzzingclient",
                        "-s", folder / "fuzzingclient.json"],
                       stdout=log, stderr=log, cwd=folder, check=True,
                       timeout=PATIENCE * len(cases))
    finally:
        server.terminate()
        status = server.wait(30)
    if status != 0:
        raise RuntimeError(f"the server ended with status {status}")
    return folder / "report-server"


def fuzz_client(programs, args, folder, cases, log):
    """The suite's fuzzing server against the library's client."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    spec = {"url": f"{args.scheme}://127.0.0.1:{port}", "outdir": str(folder / "report-client"),
            "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    (folder / "fuzzingserver.json").write_text(json.dumps(spec))
    client = build("testee_client", args, folder)
    server = subprocess.Popen([programs / "python", "-c", FUZZING_SERVER,
                               folder / "fuzzingserver.json", str(listening.fileno()),
                               *reversed(args.files)],
                              stdout=log, stderr=log, cwd=folder, pass_fds=[listening.fileno()])
    # Whoever connects waits for the server, or learns that there is none.
    listening.close()
    try:
        subprocess.run([client, str(port), AGENT, *args.files[:1]], stdout=log, stderr=log,
                       check=True, timeout=PATIENCE * len(cases))
    finally:
        server.terminate()
        server.wait(30)
    return folder / "report-client"


ROLES = {"server": fuzz_server, "client": fuzz_client}


def fuzz(role, programs, args, folder, cases):
    """Runs the cases for a role; returns the folder of the reports."""
    shutil.rmtree(folder / f"report-{role}", ignore_errors=True)
    with (folder / f"{role}.log").open("w") as log:
        return ROLES[role](programs, args, folder, cases, log)


def judge(role, cases, report):
    """Prints what differs from the expectation; returns the results and how many cases failed."""
    index = report / "index.json"
    results = json.loads(index.read_text()).get(AGENT, {}) if index.exists() else {}
    counts = collections.defaultdict(collections.Counter)
    failed = 0
    for case in cases:
        result = results.get(case, {"behavior": "MISSING", "behaviorClose": "MISSING"})
        expected = "INFORMATIONAL" if case in EXPECTED["informational"] else "OK"
        behavior, close = result["behavior"], result["behaviorClose"]
        counts[section(case)][behavior] += 1
        if behavior != expected or close not in CLEAN:
            failed += 1
            print(f"FAIL {role} {case}: {behavior}, close {close}; expected {expected}")
    for number in sorted(counts):
        print(f"{role}, section {number}: {told(counts[number])}")
    return counts, failed


def told(counter):
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


SUMMARY = """# Autobahn results

Written by `tests/autobahn/run.py`, which runs the suite against `tests/autobahn/testee_server.c` and
`tests/autobahn/testee_client.c`: C programs that use nothing but the public header. A case whose
close isn't clean has failed. INFORMATIONAL is the suite's word for cases that it passes no judgement
on.
"""


def summarize(path, transport, outcome, versions):
    """Writes the outcome into the document, which keeps what it says of the other transport."""
    old = path.read_text() if path.exists() else ""
    parts = dict(re.findall(r"^## Over (\w+)\n(.*?)(?=^## |\Z)", old, re.M | re.S))
    lines = ["", f"On {datetime.date.today().isoformat()}, with {versions}:", "",
             "| role | section | cases | verdicts |", "|---|---|---|---|"]
    for role, (counts, failed) in outcome.items():
        for number in sorted(counts):
            lines.append(f"| {role} | {number} | {sum(counts[number].values())} "
                         f"| {told(counts[number])} |")
        total = sum(counts.values(), collections.Counter())
        lines.append(f"| **{role}** | all | **{sum(total.values())}** | {told(total)}; "
                     f"{failed} failed |")
    parts[transport] = "\n".join([*lines, "", ""])
    path.write_text(SUMMARY + "".join(f"\n## Over {name}\n{parts[name].rstrip()}\n"
                                      for name in sorted(parts)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--include", required=True, type=Path)
    parser.add_argument("--cases", default="sample")
    parser.add_argument("--role", action="append", choices=ROLES)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--summary", type=Path)
    args = parser.parse_args()
    args.include = args.include.resolve()
    folder = (args.lib.parent / "autobahn").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("libnopoll.so", "libnopoll.so.0"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to((args.lib / "libnopoll.so").resolve())
    try:
        programs = prepare(folder)
    except Unavailable as why:
        print(f"autobahn: not run: {why}")
        required = os.environ.get("NOPOLL_REQUIRE_AUTOBAHN") == "1"
        print(f"0 passed, {int(required)} failed")
        return int(required)
    version = subprocess.run([programs / "python", "-V"], capture_output=True, text=True)
    python2 = re.sub(r"\s+", " ", (version.stdout + version.stderr).strip())
    versions = ", ".join([python2, *(f"{name} {version}"
                                     for name, version in EXPECTED["versions"].items())])
    print(versions)
    args.scheme = "wss" if args.tls else "ws"
    args.files = certificate(folder) if args.tls else ()
    cases = choose(args.cases)
    # The suite keeps one core busy at most.
    with concurrent.futures.ThreadPoolExecutor(len(ROLES)) as pool:
        reports = {role: pool.submit(fuzz, role, programs, args, folder, cases)
                   for role in args.role or ROLES}
    outcome = {role: judge(role, cases, report.result()) for role, report in reports.items()}
    failed = sum(failed for _, failed in outcome.values())
    if args.summary:
        summarize(args.summary, "TLS" if args.tls else "TCP", outcome, versions)
    print(f"{len(cases) * len(outcome) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
