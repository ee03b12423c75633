#!/usr/bin/env python3
"""Tests the check itself: what it takes for a command, and which entries it doesn't believe."""
import sys

from commands import check, listed, untrue
from document import commands

FILES = {
    ".ci/run": "exec scripts/test.sh",
    "scripts/test.sh": 'fuzz() { scripts/fuzz.sh 10; }\ninterop() {\n    python3 tests/interop/run.py\n}\n'
                       'rust() { cargo test -q; }\nrun fuzz fuzz\nrun interop interop\nrun rust rust\n',
    "scripts/full.sh": "scripts/test.sh\nscripts/ship.sh\n",
    "scripts/ship.sh": "tests/packaging/deb.sh\n",
    "tests/x.sh": "scripts/x.sh",
    "scripts/fuzz.sh": "cargo fuzz build\n",
    "tests/packaging/deb.sh": "scripts/deb.sh out",
    "tests/interop/examples.py": 'bench.example("client", url)',
    "tests/swap.rs": "cc app.c",
}
DOCUMENT = """Build it with `cargo build
--release`, look with `ldd`, or set `NOPOLL_LENIENT=1`; `nopoll_conn_send_text (conn, "a", 1)` sends.

    scripts/fuzz.sh 60 \\
        receiver      # a minute
    client = make (it);

```sh
cc one.c |
    tee two
./cc seven.c &
```

```text
$ ./three
 10 passed
```

```c
make (ctx);
```

| `LD_LIBRARY_PATH=lib ./four` | ``cmake `a` b`` | `scripts/five.sh` | `tests/c/six.c` | `cc seven.c` |
"""
SHOWN = ["cc one.c | tee two", "./cc seven.c &", "./three", "scripts/fuzz.sh 60 receiver", "cargo build --release",
         "LD_LIBRARY_PATH=lib ./four", "cmake `a` b", "scripts/five.sh", "cc seven.c"]

# (what is tried, command, who is said to run it, what the complaint has in it)
CLAIMS = [
    ("the words are there", "scripts/fuzz.sh 10", "stage fuzz | scripts/test.sh | scripts/fuzz.sh 10", None),
    ("other arguments, unsaid", "scripts/fuzz.sh 60", "stage fuzz | scripts/test.sh | scripts/fuzz.sh 10", "varied"),
    ("other arguments", "scripts/fuzz.sh 60", "stage fuzz, varied | scripts/test.sh | scripts/fuzz.sh 10", None),
    ("words that are gone", "scripts/fuzz.sh 60", "stage fuzz, varied | scripts/test.sh | fuzz.sh 20", "doesn't have"),
    ("a file that is gone", "cc app.c", "stage rust | tests/gone.rs | cc app.c", "no such file"),
    ("no file at all", "cc app.c", "stage rust", "no such file"),
    ("a stage that isn't there", "cc app.c", "stage swap | tests/swap.rs | cc app.c", "no such stage"),
    ("another stage's words", "scripts/fuzz.sh 10", "stage rust | scripts/test.sh | scripts/fuzz.sh 10", "doesn't come"),
    ("cargo's tests", "cc app.c", "stage rust | tests/swap.rs | cc app.c", None),
    ("a folder of tests", "client ws://a/", 'stage interop, varied | tests/interop/examples.py | bench.example("client"', None),
    ("a longer job, said so", "scripts/deb.sh", "longer | tests/packaging/deb.sh | scripts/deb.sh out", None),
    ("a longer job that isn't run", "scripts/x.sh", "longer | tests/x.sh | scripts/x.sh", "doesn't come"),
    ("the longest job", "scripts/full.sh", "longer", None),
    ("a longer job of nobody", "scripts/x.sh", "longer", "run by nobody"),
    ("CI", "scripts/test.sh", "ci | .ci/run | exec scripts/test.sh", None),
    ("what CI doesn't run", "cc app.c", "ci | tests/swap.rs | cc app.c", "isn't what CI runs"),
]

LISTS = [
    ("everything accounted for", "a.md\n    scripts/fuzz.sh 10\n        stage fuzz | scripts/test.sh | scripts/fuzz.sh 10", []),
    ("all arguments", "a.md\n    scripts/fuzz.sh *\n        stage fuzz | scripts/test.sh | scripts/fuzz.sh 10", []),
    ("all documents", "*\n    scripts/fuzz.sh 10\n        stage fuzz | scripts/test.sh | scripts/fuzz.sh 10", []),
    ("nobody", "", ["nobody"]),
    ("an old entry", "a.md\n    scripts/fuzz.sh *\n        stage fuzz | scripts/test.sh | scripts/fuzz.sh 10\n"
                     "    cc b.c\n        here", ["not in the document"]),
    ("here, where nothing is run", "a.md\n    scripts/fuzz.sh 10\n        here", ["run.py"]),
    ("an old document", "a.md\n    scripts/fuzz.sh *\n        stage fuzz | scripts/test.sh | scripts/fuzz.sh 10\n"
                        "b.md\n    cc b.c\n        here", ["not in the document"]),
]


def main():
    results = [("what is a command", commands(DOCUMENT) == SHOWN),
               ("executed blocks aren't looked at", commands(DOCUMENT, executed=("sh",)) == SHOWN[2:-1])]
    for what, command, who, complaint in CLAIMS:
        trouble = untrue(command, who, "A longer\njob.", FILES.get)
        results.append((what, trouble is None if complaint is None else complaint in (trouble or "")))
    results.append(("a longer job, unsaid", untrue("scripts/deb.sh", CLAIMS[10][2], "", FILES.get) is not None))
    for what, text, complaints in LISTS:
        found = [t for _, t in check({"a.md": "Type `scripts/fuzz.sh 10`."}, listed(text), [], FILES.get) if t]
        results.append((what, len(found) == len(complaints) and all(c in t for c, t in zip(complaints, found))))
    for what, good in results:
        if not good:
            print(f"FAIL {what}")
    good = sum(good for _, good in results)
    print(f"{good} passed, {len(results) - good} failed")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
