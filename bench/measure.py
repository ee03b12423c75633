"""Runs servers and what loads them, on different cores; counts what hardly depends on the machine."""
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
IDLE, IDLE_TLS = 5000, 1000
CROWD = 18000
# What the C library takes per idle TLS connection; with a CA bundle, which it loads for each.
NOPOLL_TLS, NOPOLL_TLS_BUNDLE = 48_000, 868_000


def pinned(core):
    core = core % os.cpu_count()
    return lambda: os.sched_setaffinity(0, {core})


def cpu_model():
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return names[0] if names else "unknown CPU"


class Server:
    """A server on its core; `wrap` is a tool to run it under."""

    def __init__(self, command, wrap=()):
        self.process = subprocess.Popen([*wrap, *map(str, command)], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=pinned(SERVER_CORE))
        line = self.process.stdout.readline()
        self.port = int(line.split()[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def cpu_ns(self):
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0])

    def private_bytes(self):
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return 1024 * sum(int(n) for n in re.findall(r"^Private_Dirty:\s+(\d+)", text, re.M))

    def load(self, program, command, raw, seconds):
        """One run of the load generator; its figures, and the server's CPU time per message."""
        before = self.cpu_ns()
        out = subprocess.run([str(program), *command, *(["--raw"] if raw else []), "--seconds", str(seconds),
                              str(self.port)], capture_output=True, text=True, preexec_fn=pinned(LOAD_CORE))
        if out.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {out.stderr}")
        result = json.loads(out.stdout)
        result["cpu_ns"] = (self.cpu_ns() - before) / max(result.get("total", 0), 1)
        return result


def idle_bytes(command, load, count, flags=()):
    """Growth of the server's private memory per idle connection."""
    server = Server(command)
    try:
        # What the first connections bring about once isn't theirs.
        warm = hold(load, server.port, 50, flags)
        warm.stop()
        before = server.private_bytes()
        held = hold(load, server.port, count, flags)
        grown = server.private_bytes() - before
        held.stop()
        return grown / count
    finally:
        server.stop()


def crowd_size():
    """As many idle connections as the descriptors of a process suffice for."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(CROWD, hard - 200)


def alone_to_crowded(command, load, crowd):
    """CPU time per message of a few busy connections, as a ratio to what it is among a crowd."""
    servers = [Server(command), Server(command)]
    held = hold(load, servers[1].port, crowd)
    try:
        times = [[], []]
        for _ in range(5):
            for server, found in zip(servers, times):
                found.append(server.load(load, ["echo", "--connections", "10"], False, 1)["cpu_ns"])
        return statistics.median(times[0]) / statistics.median(times[1])
    finally:
        held.stop()
        for server in servers:
            server.stop()


class hold:
    """Idle connections, until stopped."""

    def __init__(self, load, port, count, flags=()):
        command = [str(load), "idle", "--connections", str(count), *flags, str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=pinned(LOAD_CORE))
        self.process.stdout.readline()
        time.sleep(0.3)

    def stop(self):
        self.process.communicate("")


def system_calls(command, load, connections):
    """System calls of the server per echoed message, as strace counts them: what a longer run has more
    than a shorter one, so that setting up doesn't count."""
    runs = [counted_calls(command, load, connections, seconds) for seconds in (0.5, 1.5)]
    (calls, messages), (more_calls, more_messages) = runs
    return (more_calls - calls) / (more_messages - messages)


def counted_calls(command, load, connections, seconds):
    with tempfile.NamedTemporaryFile("r") as counts:
        # -D: the server is our child, strace its grandchild.
        server = Server(command, ["strace", "-D", "-f", "-c", "-o", counts.name])
        try:
            run = server.load(load, ["echo", "--connections", str(connections)], False, seconds)
        finally:
            server.stop()
        while not Path(counts.name).read_text().rstrip().endswith("total"):
            time.sleep(0.1)
        calls = [int(n) for n, name in
                 re.findall(r"^\s*\S+\s+\S+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", counts.read(), re.M)
                 if name != "total"]
    return sum(calls), run["total"]


def instructions(echo, load, depth):
    """User-space instructions of the server per echoed message, as callgrind counts them."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server([echo], ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out"])
        try:
            run = server.load(load, ["echo", "--connections", "50", "--depth", str(depth)], False, 1.0)
        finally:
            server.stop()
        total = re.search(r"^(?:summary|totals): (\d+)", Path(folder, "out").read_text(), re.M)
        return int(total.group(1)) / run["total"]


def stripped_size(library):
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfile(library, copy.name)
        subprocess.run(["strip", copy.name], check=True)
        return os.path.getsize(copy.name)


def facts(programs, progress, wanted, quick):
    """The rows that are no race."""
    found = []

    def add(row, what, value, target, unit, better="less"):
        found.append({"row": row, "what": what, "value": value, "target": target, "unit": unit, "better": better})

    if wanted("P7"):
        progress("P7: idle connections")
        add("P7", "memory per idle connection", idle_bytes([programs.echo], programs.load, IDLE), 800, "B")
        for name, path in programs.peers.items():
            add("P7", f"the same, {name}", idle_bytes([path], programs.load, IDLE), None, "B")
        progress("P7: idle TLS connections")
        tls = programs.tls_arguments()
        ours = idle_bytes([programs.echo, *tls], programs.load, IDLE_TLS, ["--tls"])
        raw = idle_bytes([programs.raw, *tls], programs.load, IDLE_TLS, ["--tls", "--raw"])
        add("P7", "memory per idle TLS connection", ours, None, "B")
        add("P7", "the same, a plain OpenSSL server", raw, None, "B")
        add("P7", "the same, noPoll (a given figure)", NOPOLL_TLS, None, "B")
        add("P7", "the same, noPoll with the CA bundle (a given figure)", NOPOLL_TLS_BUNDLE, None, "B")
        add("P7", "memory per idle TLS connection, of a plain OpenSSL server's", ours / raw, 0.5, "x")
    if wanted("P8") and not quick:
        crowd = crowd_size()
        progress(f"P8: 10 connections alone, and among {crowd} idle ones")
        add("P8", f"CPU time per message of 10 busy connections, alone / among {crowd} idle",
            alone_to_crowded([programs.echo], programs.load, crowd), 0.95, "x", "more")
    if wanted("P9") and shutil.which("strace"):
        progress("P9: system calls per message")
        add("P9", "system calls per echoed message, 100 connections", system_calls([programs.echo], programs.load, 100),
            2.05, "")
    if wanted("P11") and shutil.which("strace"):
        progress("P11: system calls of a direct get_msg")
        # Of what an echo takes, one is the program's own poll and one the send of the reply.
        calls = system_calls([programs.echo, "--direct"], programs.load, 1) - 2
        add("P11", "system calls of a direct get_msg", calls, 2.0, "")
    if wanted("P9") and shutil.which("valgrind"):
        progress("instructions per message")
        for depth in (1, 32):
            add("", f"user-space instructions per echoed message, {depth} in flight",
                instructions(programs.echo, programs.load, depth), None, "")
    if wanted("P10"):
        progress("P10: masking and validation against memcpy")
        for program, target in ((programs.micro, 0.9), (programs.utf8, 0.7)):
            out = subprocess.run([str(program)], capture_output=True, text=True, check=True,
                                 preexec_fn=pinned(SERVER_CORE)).stdout
            for what, value in json.loads(out).items():
                add("P10", what, value, target, "x memcpy", "more")
    if wanted("P12"):
        add("P12", "libnopoll.so, stripped, all features", stripped_size(programs.so) / 1024, 700, "KB")
        add("P12", "the same, without TLS and deflate", stripped_size(programs.bare_so) / 1024, 350, "KB")
        if programs.small_so is not None:
            add("P12", "the same, all features, NOPOLL_SMALL", stripped_size(programs.small_so) / 1024, None, "KB")
    return found
