"""What the interoperability tests are made with: processes, and the list of tests.

A module of tests defines functions with @test; run.py imports it. Each test gets a Bench, which
starts processes and sees to it that none outlives the test.
"""
import os
import queue
import re
import signal
import subprocess
import threading
import time

from environment import NODE_PATH, PYTHON, ROOT, TARGET

# How much slower than natively things are, by mode.
SLOWNESS = {"plain": 1, "asan": 2, "valgrind": 20}
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible",
            f"--suppressions={ROOT / 'tests/c/support/valgrind.supp'}"]
# Faults that a sanitizer finds end a program with a status of their own.
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=1:detect_stack_use_after_return=1",
              "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1"}
# A test that waits for something longer than this has failed. Nothing is measured by it.
PATIENCE = 60

TESTS = []


class Failure(Exception):
    """A test has failed."""


def test(name):
    """Adds a function to the tests, under a name in words."""
    def add(function):
        TESTS.append((name, function))
        return function
    return add


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: {shortened(got)} instead of {shortened(wanted)}")


def shortened(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:100]} … {text[-40:]} ({len(text)} characters)"


class Process:
    """A program under way, its lines of output, and its input."""

    def __init__(self, command, patience, env=None):
        self.command = [str(word) for word in command]
        self.patience = patience
        self.seen = []
        self.errors = []
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", env=env, start_new_session=True)
        self.readers = [threading.Thread(target=self.read_output, daemon=True),
                        threading.Thread(target=self.read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_output(self):
        for line in self.process.stdout:
            self.seen.append(line.rstrip("\n"))
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.rstrip("\n"))

    def line(self):
        """The next line of output; None at its end."""
        try:
            return self.lines.get(timeout=self.patience)
        except queue.Empty:
            raise Failure(f"{self.name()}: no further line of output") from None

    def expect(self, pattern):
        """The next line of output, which must match."""
        line = self.line()
        found = re.fullmatch(pattern, line) if line is not None else None
        if not found:
            raise Failure(f"{self.name()}: {shortened(line)} instead of {shortened(pattern)}")
        return found

    def write(self, text):
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"{self.name()} has ended") from None

    def kill(self):
        """With the processes it has made: Apache has some that would outlive it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end_of_input(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def exit_status(self):
        """Waits for the end; the exit status."""
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name()} doesn't end") from None
        for reader in self.readers:
            reader.join()
        return status

    def ends_well(self):
        """The program ends by itself with status 0, and no tool has found fault with it."""
        status = self.exit_status()
        if status != 0:
            raise Failure(f"{self.name()} ended with status {status}")

    def name(self):
        return os.path.basename(self.command[-1 if len(self.command) == 1 else self.what()])

    def what(self):
        """The index of the program itself, behind tools and interpreters."""
        for i, word in enumerate(self.command):
            base = os.path.basename(word)
            if not base.startswith(("valgrind", "python", "node", "-")):
                return i
        return 0

    def account(self):
        """Everything there is to know of it, for whoever looks into a failure."""
        state = self.process.poll()
        ended = "still running" if state is None else f"ended with status {state}"
        text = [f"{' '.join(self.command[self.what():])[:200]}: {ended}"]
        text += [f"  > {shortened(line)}" for line in self.seen[-8:]]
        text += [f"  ! {line}" for line in self.errors[-40:]]
        return "\n".join(text)


class Bench:
    """Where one test is done."""

    def __init__(self, mode):
        self.mode = mode
        self.slowness = SLOWNESS[mode]
        self.bin = TARGET / "cmake" / mode
        self.processes = []

    def start(self, *command, env=None):
        process = Process(command, PATIENCE * self.slowness, env)
        self.processes.append(process)
        return process

    def program(self, path, *arguments, **variables):
        """Starts a C program, below the build tree, with these environment variables."""
        tool = VALGRIND if self.mode == "valgrind" else []
        variables = {name: str(value) for name, value in variables.items()}
        return self.start(*tool, self.bin / path, *arguments,
                          env={**os.environ, **SANITIZERS, **variables})

    def example(self, name, *arguments, **variables):
        return self.program(f"c-examples/{name}", *arguments, **variables)

    def python(self, *command):
        return self.start(PYTHON, *command)

    def node(self, *command):
        return self.start("node", *command, env={**os.environ, "NODE_PATH": str(NODE_PATH)})

    def account(self):
        return "\n".join(process.account() for process in self.processes)

    def clear(self):
        for process in self.processes:
            process.end_of_input()
            process.kill()


def wait_until(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        check(time.monotonic() < deadline, what)
        time.sleep(0.01)
