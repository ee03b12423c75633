#!/usr/bin/env python3
"""Man pages from what Doxygen has understood of the headers.

    man.py XML DIR VERSION DATE

A page per group in DIR/man3, a page that leads to it for each function and type, and nopoll(7) in
DIR/man7, the way in.
"""
import pathlib
import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree

WIDTH = 76
NAME = re.compile(r"\b_*nopoll_\w+")


def escaped(text):
    """Text as it is, for roff: also hyphens that somebody may want to copy."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "".join(char if ord(char) < 128 else f"\\[u{ord(char):04X}]" for char in text)


def prose(text):
    """Words, whose hyphens are hyphens unless they are signs or belong to an option."""
    parts = re.split(r"((?<![\w-])-+\w[\w-]*)", text)
    return "".join(escaped(part) if i % 2 else escaped(part).replace("\\-", "-") for i, part in enumerate(parts))


def font(letter, text):
    return f"\\f{letter}{text}\\fP" if text else ""


class Text:
    """Paragraphs of a comment as lines of roff."""

    def __init__(self, parameters=(), between=".PP"):
        self.parameters = parameters
        self.between = between
        self.lines = []
        self.words = ""
        self.gap = False

    def add(self, element):
        """The children of a description or a paragraph."""
        for para in element:
            if para.tag != "para":
                raise ValueError(f"<{para.tag}> between paragraphs")
            self.inline(para)
            self.end()
        return self

    def inline(self, element):
        self.words += prose(element.text or "")
        for child in element:
            text = "".join(child.itertext())
            if child.tag == "computeroutput":
                self.words += font("I" if text in self.parameters else "B", escaped(text))
            elif child.tag in ("emphasis", "bold"):
                self.words += font("B" if child.tag == "bold" else "I", prose(text))
            elif child.tag == "ref":
                self.words += prose(text)
            elif child.tag == "verbatim":
                self.end()
                self.lines += [".PP", ".nf", ".RS 4", *map(guarded, escaped(text.rstrip()).split("\n")), ".RE", ".fi"]
            elif child.tag == "itemizedlist":
                self.end()
                for item in child:
                    self.lines.append(".IP \\(bu 2")
                    self.gap = False
                    self.add(item)
                self.gap = True
            elif child.tag != "anchor":
                raise ValueError(f"<{child.tag}> in a paragraph")
            self.words += prose(child.tail or "")

    def end(self):
        words = " ".join(self.words.split())
        if words:
            if self.gap:
                self.lines.append(self.between)
            self.lines += [guarded(line) for line in
                           textwrap.wrap(words, 98, break_long_words=False, break_on_hyphens=False)]
            self.gap = True
        self.words = ""


def guarded(line):
    """A line that is none of roff's requests."""
    return "\\&" + line if line.startswith((".", "'")) else line


def described(member, between=".PP"):
    """The whole comment of a function or type."""
    text = Text([name.text for name in member.iter("declname")], between)
    text.add(member.find("briefdescription"))
    return text.add(member.find("detaileddescription")).lines


def kind(declaration):
    """A type, up to the name that it is the type of."""
    text = "".join(declaration.find("type").itertext()).replace("(*", " (*")
    return text if text.endswith(("*", "...")) else text + " "


def prototype(function):
    """The declaration of a function, wrapped behind its parenthesis."""
    begin = kind(function) + function.findtext("name") + "("
    parameters = [(kind(parameter), parameter.findtext("declname", "")) for parameter in function.findall("param")]
    parameters = [(before if name else before.strip(), name) for before, name in parameters]
    lines, width = [font("B", escaped(begin))], len(begin)
    for i, (before, name) in enumerate(parameters):
        end = "," if i < len(parameters) - 1 else ");"
        if width + len(before + name + end) > WIDTH and i > 0:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * len(begin))
            width = len(begin)
        lines[-1] += font("B", escaped(before)) + font("I", escaped(name)) + font("B", end) + " "
        width += len(before + name + end) + 1
    if not parameters:
        lines[-1] += font("B", ");")
    return [line.rstrip() for line in lines]


def enumeration(enum):
    """The values of a type and what they mean."""
    lines = []
    for value in enum.findall("enumvalue"):
        lines += [".TP", font("B", escaped(value.findtext("name"))) + prose(" " + value.findtext("initializer", ""))]
        lines += described(value, ".IP") or ["\\&"]
    return lines


class Page:
    """A page, and the names that lead to it."""

    def __init__(self, name, section, title):
        self.name, self.section, self.title = name, section, title
        self.names = []
        self.lines = []

    def heading(self, text):
        self.lines.append(f".SH {text}")

    def text(self, version, date):
        """What the file holds."""
        names = ", ".join(map(escaped, [self.name, *self.names]))
        return "\n".join(['.\\" Made from include/nopoll.h by scripts/reference.sh.',
                          f'.TH {self.name} {self.section} "{date}" "libnopoll {version}" "libnopoll"',
                          ".nh", ".ad l", ".SH NAME", f"{names} \\- {prose(self.title)}", *self.lines, ""])


def lowered(title):
    """A title as the end of a sentence."""
    return title[0].lower() + title[1:] if title[1].islower() else title


def place(group):
    """Where in the header it is."""
    return int(group.find("sectiondef/memberdef/location").get("line"))


def group_page(compound):
    title = compound.findtext("title")
    page = Page(compound.findtext("compoundname"), 3, lowered(title))
    functions = compound.findall("sectiondef/memberdef[@kind='function']")
    page.names = [function.findtext("name") for function in functions]
    page.heading("SYNOPSIS")
    page.lines += [".nf", font("B", "#include <nopoll.h>")]
    for function in functions:
        page.lines += [".PP", *prototype(function)]
    page.lines += [".fi"]
    page.heading("DESCRIPTION")
    # A heading is one paragraph, of which Doxygen makes two.
    text = Text()
    for para in compound.findall("briefdescription/para") + compound.findall("detaileddescription/para"):
        text.inline(para)
    if text.words.strip() != prose(f"{title}."):
        text.end()
    page.lines += text.lines
    for function in functions:
        page.lines += [f".SS {escaped(function.findtext('name'))}", *described(function)]
    return page


def types_page(compounds):
    """Types and macros belong to no group."""
    page = Page("nopoll_types", 3, "types of handles, handlers and settings, and macros")
    sections = {"enum": "Choices", "typedef": "Handles and handlers", "define": "Macros"}
    members = [member for compound in compounds for member in compound.iter("memberdef")
               if described(member)]
    page.heading("SYNOPSIS")
    page.lines += [".nf", font("B", "#include <nopoll.h>"), ".fi"]
    page.heading("DESCRIPTION")
    for wanted, title in sections.items():
        page.lines.append(f".SS {title}")
        for i, member in enumerate(member for member in members if member.get("kind") == wanted):
            page.lines += [".PP"] * (i > 0) + [".nf", *declaration(member), ".fi", ".RS 4", *described(member)]
            page.lines += [*enumeration(member), ".RE"]
            if wanted != "define":
                page.names.append(member.findtext("name"))
    return page


def declaration(member):
    name = member.findtext("name")
    if member.get("kind") == "enum":
        return [font("B", f"enum {name}")]
    if member.get("kind") == "define":
        parameters = ", ".join(parameter.text for parameter in member.iter("defname"))
        return [font("B", f"{name}({parameters})" if parameters else name)]
    text = f"typedef {kind(member)}{name}{member.findtext('argsstring', '')};"
    return [font("B", escaped(line)) for line in textwrap.wrap(text, WIDTH, subsequent_indent=" " * 8)]


def overview(compound, pages):
    page = Page("nopoll", 7, "WebSocket for C programs, with noPoll's API")
    page.heading("DESCRIPTION")
    page.lines += Text().add(compound.find("detaileddescription")).lines
    page.heading("PAGES")
    for other in pages:
        page.lines += [".TP", f".BR {other.name} ({other.section})", prose(other.title)]
    return page


def see_also(page, pages):
    """The pages of the functions that this one mentions."""
    home = {name: other.name for other in pages for name in other.names}
    text = re.sub(r"\\f[BIP]", " ", "\n".join(page.lines))
    used = {home[name] for name in NAME.findall(text) if name in home} | {"nopoll_types"}
    page.heading("SEE ALSO")
    page.lines += [*(f".BR {name} (3)," for name in sorted(used - {page.name})), ".BR nopoll (7)"]


def main():
    xml, out = map(pathlib.Path, sys.argv[1:3])
    version, date = sys.argv[3:5]

    def compound(name):
        return ElementTree.parse(xml / f"{name}.xml").getroot().find("compounddef")

    groups = [inner.get("refid") for inner in ElementTree.parse(xml / "index.xml").getroot()
              if inner.get("kind") == "group"]
    pages = [group_page(group) for group in sorted(map(compound, groups), key=place)]
    pages.append(types_page(map(compound, ("nopoll_8h", "nopoll__decl_8h"))))
    for page in pages:
        see_also(page, pages)
    pages.append(overview(compound("indexpage"), pages))
    taken = {page.name for page in pages}
    for page in pages:
        folder = out / f"man{page.section}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{page.name}.{page.section}").write_text(page.text(version, date))
        for name in page.names:
            if name in taken:
                sys.exit(f"two pages called {name}")
            taken.add(name)
            (folder / f"{name}.{page.section}").write_text(f".so man{page.section}/{page.name}.{page.section}\n")


main()
