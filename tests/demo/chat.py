#!/usr/bin/env python3
"""scripts/demo.sh --chat serves the chat's page, opens it in a browser, and ends with Ctrl-C.

The browser is a stand-in that says what it is asked to open. The last line is "N passed, N failed".
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600


def find(lines, pattern):
    said = []
    for line in lines:
        said.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"no {pattern} in: " + "".join(said))


def fetch(url):
    return urllib.request.urlopen(url.replace("localhost", "127.0.0.1")).read().decode()


def check(folder):
    browser = folder / "xdg-open"
    browser.write_text('#!/bin/sh\necho "opened $1"\n')
    browser.chmod(0o755)
    demo = subprocess.Popen([ROOT / "scripts/demo.sh", "--chat"], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
                            start_new_session=True,
                            # Whoever runs the tests in the background has it ignored.
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    guard = threading.Timer(SECONDS, os.killpg, (demo.pid, signal.SIGKILL))
    guard.start()
    try:
        url = find(demo.stdout, "http://localhost:[0-9]+/")[0]
        find(demo.stdout, f"^opened {url}$")
        page = fetch(url)
        assert "<title>Chat</title>" in page, page
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        status = demo.wait()
        guard.cancel()
    assert status == 130, status
    try:
        fetch(url)
    except urllib.error.URLError:
        return
    raise AssertionError("the chat still answers")


with tempfile.TemporaryDirectory() as name:
    try:
        check(Path(name))
    except Exception as error:
        print(f"FAIL the chat of the demonstration: {error}")
        print("0 passed, 1 failed")
        sys.exit(1)
print("ok   the chat of the demonstration")
print("1 passed, 0 failed")
