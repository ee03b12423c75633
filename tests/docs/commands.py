#!/usr/bin/env python3
"""Checks that somebody runs every command that a document shows.

    commands.py

Shell blocks of the documents that run.py goes through are run by it. Every other command, of whatever
document, stands in commands.txt, with who runs it. Fails for commands that don't, for entries whose
command no document shows any more, and for entries that aren't true. Prints "N passed, N failed".
"""
import re
import sys
from pathlib import Path

from document import ROOT, commands, documents

LIST = Path(__file__).with_name("commands.txt")
# Documents whose shell blocks run.py runs, in this order, as one session.
DOCUMENTS = ["README.md", "docs/first-server.md", "docs/own-event-loop.md", "docs/threads.md", "docs/tls.md",
             "c-examples/README.md", "docs/migration.md"]
# What a document says of a command that CI doesn't reach, and the script that does.
LONGER = "longer job"
FULL = "scripts/full.sh"
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:sh|py)")


def read(name):
    """The text of a file of the project; None if there is none."""
    path = ROOT / name
    return path.read_text(errors="replace") if path.is_file() else None


def listed(text):
    """{document: {command: who}} of a list: a document, below it its commands, below each who runs it."""
    entries = {}
    document = command = None
    for line in text.splitlines():
        word = line.strip()
        if not word or line.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            document = entries.setdefault(word, {})
        elif depth == 4:
            command = word
            document[command] = ""
        else:
            document[command] = word
    return entries


def typed(name):
    """The commands of a document that run.py types in after its blocks."""
    return [command for command, who in listed(LIST.read_text()).get(name, {}).items() if who == "here"]


def stages(script):
    """{stage: what it does} of scripts/test.sh."""
    bodies = {}
    for name, line, body in re.findall(r"^(\w+)\(\) \{(?: ([^\n]*) \}$|\n(.*?)^\})", script, re.M | re.S):
        bodies[name] = line or body
    return {stage: bodies.get(function, "")
            for stage, function in re.findall(r"^run (\S+) (\S+)$", script, re.M)}


def reaches(body, file, read):
    """Whether a script with that text comes to run the file: it, or what it runs, has its name."""
    waiting, seen = [body], set()
    while waiting:
        text = waiting.pop()
        if file in text or (file.startswith("tests/") and file.endswith(".rs") and "cargo test" in text):
            return True
        for name in set(PATH.findall(text)) - seen:
            seen.add(name)
            # A Python program has modules beside it.
            if name.endswith(".py") and file.endswith(".py") and Path(name).parent == Path(file).parent:
                return True
            waiting.append(read(name) or "")
    return False


def untrue(entry, who, document, read=read):
    """What is wrong with an entry; None if nothing is."""
    where, _, evidence = who.partition(" | ")
    file, _, words = evidence.partition(" | ")
    where, _, varied = where.partition(", ")
    if who == "here":
        return None
    if where == "longer" and LONGER not in " ".join(document.split()):
        return f"the document doesn't say that this is a {LONGER}"
    if who == "longer":
        return None if entry == FULL else f"only {FULL} is run by nobody else"
    text = read(file)
    if text is None:
        return f"no such file: {file}"
    if not words or words not in " ".join(text.split()):
        return f"{file} doesn't have: {words}"
    if entry.removesuffix(" *") not in words and varied != "varied":
        return f"not as it stands, so not without \"varied\": {words}"
    if where == "longer":
        return None if file == FULL or reaches(read(FULL), file, read) else f"{FULL} doesn't come to {file}"
    if where == "ci":
        return None if file == ".ci/run" else f"{file} isn't what CI runs"
    body = stages(read("scripts/test.sh")).get(where.removeprefix("stage "))
    if body is None:
        return f"no such stage: {where}"
    if words not in " ".join(body.split()) and not reaches(body, file, read):
        return f"{where} doesn't come to {file}"
    return None


def same(entry, command):
    """An entry that ends in * is for all arguments."""
    return command == entry or (entry.endswith(" *") and f"{command} ".startswith(entry[:-1]))


def check(texts, entries, run=DOCUMENTS, read=read):
    """(what was checked, what is wrong with it or None) for each command and each entry."""
    used = set()
    for name, text in texts.items():
        own = entries.get("*", {}) | entries.get(name, {})
        shown = commands(text, executed=("sh",) if name in run else ())
        for command in shown:
            entry = next((entry for entry in own if same(entry, command)), None)
            if entry is None:
                trouble = "nobody runs it"
            elif own[entry] == "here" and name not in run:
                trouble = "run.py doesn't come to this document"
            else:
                trouble = untrue(entry, own[entry], text, read)
            yield f"{name}: {command}", trouble
            used.add((name if entry in entries.get(name, {}) else "*", entry))
    for name, own in entries.items():
        for entry in own:
            if (name, entry) not in used:
                yield f"{name}: {entry}", "listed, but not in the document"


def main():
    passed = failed = 0
    for what, trouble in check(documents(), listed(LIST.read_text())):
        passed, failed = passed + (trouble is None), failed + (trouble is not None)
        if trouble:
            print(f"FAIL {what}\n     {trouble}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
