#!/usr/bin/env python3
"""Fills the last column of docs/quirks.md from the tests.

    scripts/quirks.py           rewrites the column
    scripts/quirks.py --check   fails when it is out of date, a row has no test, or a difference is not
                                in docs/migration.md

A test shows a quirk when the comment right above it names the id (/* M-05, Q17 */, // U-03, # L-12).
Rows that refer to another one ("see L-12") need none of their own. A cell that begins with a dash is
left alone: it says why there is no test. Rows that are *kept* are no difference; all others are named by
the migration guide.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ID = re.compile(r"\b(?:Q\d{2}|[MUL]-\d{2})\b")
COMMENT = re.compile(r"^\s*(?:/\*|\*|//|#(?!\[|include|define|if|el|en))")
TEST = re.compile(r"^\s*(?:TEST \((\w+)\)|(?:pub )?(?:async )?(?:fn|def) (\w+))")
ATTRIBUTE = re.compile(r"^\s*(?:#\[|@|$)")
MOST = 2


def tests():
    """(id, file, name) of every test that names an id."""
    for folder in ("tests", "src"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".c", ".cc", ".rs", ".py") or "node_modules" in path.parts:
                continue
            ids = []
            for line in path.read_text(errors="replace").splitlines():
                found = TEST.match(line)
                if found:
                    for name in ids:
                        yield name, path.name, found.group(1) or found.group(2)
                    ids = []
                elif COMMENT.match(line) or (ids and line.rstrip().endswith("*/")):
                    ids += ID.findall(line)
                elif not ATTRIBUTE.match(line):
                    ids = []


def guided():
    """The ids that the migration guide names."""
    return set(ID.findall((ROOT / "docs/migration.md").read_text()))


def main():
    shown = {}
    for name, file, test in tests():
        entry = f"`{file}`: {test}"
        if entry not in shown.setdefault(name, []):
            shown[name].append(entry)
    path = ROOT / "docs/quirks.md"
    old = path.read_text()
    lines, missing, known, differing = [], [], set(), set()
    for line in old.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and ID.fullmatch(cells[0]):
            name, what, here, test = cells
            known.add(name)
            if "see " not in what + here.split(":")[0] and not here.startswith("kept"):
                differing.add(name)
            if not test.startswith("–"):
                found = shown.get(name, [])
                test = "<br>".join(found[:MOST])
                if not found and "see " not in what + here:
                    missing.append(name)
            line = f"| {name} | {what} | {here} | {test} |" if test else f"| {name} | {what} | {here} | |"
        lines.append(line)
    new = "\n".join(lines) + "\n"
    unknown = sorted(set(shown) - known)
    if unknown:
        print("named by tests, not in the register:", *unknown)
    guide = guided()
    untold, strange = sorted(differing - guide), sorted(guide - known)
    if untold:
        print("not in docs/migration.md:", *untold)
    if strange:
        print("in docs/migration.md, not in the register:", *strange)
    if "--check" in sys.argv[1:]:
        if missing:
            print("no test shows:", *missing)
        if new != old:
            print("docs/quirks.md is out of date: run scripts/quirks.py")
        return 1 if missing or unknown or untold or strange or new != old else 0
    path.write_text(new)
    print(f"{len(known)} rows, {len(missing)} without a test: {' '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
