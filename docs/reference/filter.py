#!/usr/bin/env python3
"""Doxygen's view of a header: the headings between functions become groups, one page each.

pages.txt beside this file gives each heading the name of its page. Several pages of one name can't
be: those of functions have the functions' names.
"""
import pathlib
import re
import sys

HEADING = re.compile(r"^/\*\n((?: \*.*\n)+?) \*/\n", re.M)
LINE = "=========="


def pages():
    """The names of the pages, by title."""
    rows = (pathlib.Path(__file__).parent / "pages.txt").read_text().splitlines()
    return {title: name for name, title in (row.split(None, 1) for row in rows)}


def groups(text):
    left = pages()
    end = ""

    def group(found):
        nonlocal end
        words = " ".join(line[3:].strip() for line in found.group(1).splitlines()).strip()
        if found.start() == 0 or LINE in words:
            return found.group(0)
        title = max((title for title in left if words.startswith(title)), key=len, default=None)
        if title is None:
            sys.exit(f"docs/reference/pages.txt has no page for: {words}")
        begin = f"{end}/** @defgroup {left.pop(title)} {title}\n * {words}\n * @{{ */\n"
        end = "/** @} */\n"
        return begin

    text = HEADING.sub(group, text)
    if left:
        sys.exit(f"docs/reference/pages.txt: no heading begins with: {', '.join(left)}")
    at = text.rindex("END_C_DECLS")
    return text[:at] + end + text[at:]


def main():
    header = pathlib.Path(sys.argv[1])
    text = header.read_text()
    sys.stdout.write(groups(text) if header.name == "nopoll.h" else text)


main()
