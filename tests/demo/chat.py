#!/usr/bin/env python3
"""scripts/demo.sh --chat serves the chat's page, opens it in a browser, and ends with Ctrl-C.

The browser is a stand-in that notes what it is asked to open. The last line is "N passed, N failed".
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600


def check(folder):
    opened = folder / "opened"
    browser = folder / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" >"{opened}.new" && mv "{opened}.new" "{opened}"\n')
    browser.chmod(0o755)
    demo = subprocess.Popen([ROOT / "scripts/demo.sh", "--chat"], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
                            start_new_session=True)
    try:
        signal.alarm(SECONDS)
        said = []
        for line in demo.stdout:
            said.append(line)
            if url := re.search(r"http://localhost:[0-9]+/", line):
                break
        else:
            raise AssertionError("no address in: " + "".join(said))
        page = urllib.request.urlopen(url[0].replace("localhost", "127.0.0.1")).read().decode()
        assert "<title>Chat</title>" in page, page
        while not opened.exists():
            assert demo.poll() is None, "it ended"
            os.sched_yield()
        assert opened.read_text().strip() == url[0]
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        status = demo.wait()
    assert status == 130, status
    try:
        urllib.request.urlopen(url[0].replace("localhost", "127.0.0.1"))
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
