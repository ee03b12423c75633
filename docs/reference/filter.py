#!/usr/bin/env python3
"""Doxygen's view of a header: the headings between functions become groups, one page each."""
import re
import sys

HEADING = re.compile(r"^/\*\n((?: \*.*\n)+?) \*/\n", re.M)
LINE = "=========="


def main():
    text = open(sys.argv[1]).read()
    open_group = False

    def group(found):
        nonlocal open_group
        words = " ".join(line[3:].strip() for line in found.group(1).splitlines()).strip()
        if found.start() == 0 or not words or LINE in words or not sys.argv[1].endswith("nopoll.h"):
            return found.group(0)
        title = words.partition(". ")[0]
        title = re.split(r",|: the", title)[0]
        slug = re.sub(r"\W+", "_", title.lower()).strip("_").replace("nopoll_", "")
        end = "/** @} */\n" if open_group else ""
        open_group = True
        return f"{end}/** @defgroup nopoll_{slug} {title.rstrip('.')}\n * {words}\n * @{{ */\n"

    text = HEADING.sub(group, text)
    if open_group:
        at = text.rindex("END_C_DECLS")
        text = text[:at] + "/** @} */\n" + text[at:]
    sys.stdout.write(text)


main()
