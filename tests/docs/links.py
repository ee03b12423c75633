#!/usr/bin/env python3
"""Checks that what documents link to and show is there, and that README leads to every document.

Prints "N passed, N failed".
"""
import re
import sys

from document import FENCE, ROOT, documents

LINK = re.compile(r'(?:\]\(|(?:src|href)=")(?!https?:|#)([^)#"\s]+)')


def main():
    found = {name: [(ROOT / name).parent / link for link in LINK.findall(FENCE.sub("", text))]
             for name, text in documents().items()}
    results = [(f"{name} links to {link.relative_to(ROOT)}", link.exists())
               for name, links in found.items() for link in links]
    linked = {link.resolve() for link in found["README.md"]}
    # Doxygen's front page is no document by itself.
    results += [(f"README.md leads to {name}", (ROOT / name) in linked)
                for name in found if name not in ("README.md", "docs/reference/main.md")]
    for what, good in results:
        if not good:
            print(f"FAIL {what}: no")
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 0 if results and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
