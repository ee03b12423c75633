"""What stands in a document: its fenced blocks, and the commands that it shows."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"(`+)(.+?)\1", re.S)
COMMENT = re.compile(r"(?:^|\s+)#\s.*$")
SHELL = ("sh", "bash", "console")

# What a command begins with. Such a word alone is a name; with an argument it is something to type in.
PROGRAMS = {*"""apt apt-get bash c++ cargo cc clang cmake cp curl dpkg dpkg-buildpackage export g++ gcc git
    ldconfig ldd make man nm node npm npx objdump openssl perf pip pkg-config python3 readelf rm rustup sh
    strace strip sudo valgrind""".split()}
EXAMPLES = {path.stem for path in (ROOT / "c-examples").rglob("*.c")} - {"support"}
# Of these the name is enough.
SCRIPT = re.compile(r"(?:\./|scripts/|tests/\S*\.(?:sh|py)$|\.ci/)[\w./-]+$")
SETTING = re.compile(r"\w+=\S*$")


def documents():
    """{name: text} of all documents of the project."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split()
    return {name: (ROOT / name).read_text() for name in names if (ROOT / name).exists()}


def blocks(text):
    """(kind, text) of each fenced block, in order."""
    return FENCE.findall(text)


def is_command(line):
    words = line.split()
    while words and SETTING.match(words[0]):
        words.pop(0)
    if not words or line.endswith(";"):
        return False
    first = words[0]
    return bool(SCRIPT.match(first)) or (len(words) > 1 and first in PROGRAMS | EXAMPLES)


def lines(block):
    """The commands of a block: joined where they go on in the next line, without comments and prompts."""
    block = re.sub(r"\\\n\s*", " ", block)
    block = re.sub(r"(\||&&)\n\s*", r"\1 ", block)
    for line in block.splitlines():
        line = COMMENT.sub("", line).strip().removeprefix("$ ")
        if line:
            yield " ".join(line.split())


def indented(text):
    """The lines of indented blocks: four blanks, after an empty line or another of them."""
    inside = True
    for line in text.splitlines():
        inside = line.startswith("    ") and inside
        if inside:
            yield line
        inside = inside or not line.strip()


def commands(text, executed=()):
    """Every command of a document, but for those in fenced blocks of the kinds that are executed."""
    found, done = [], []
    for kind, block in blocks(text):
        if kind in SHELL:
            (done if kind in executed else found).extend(lines(block))
        elif kind in ("", "text"):
            found += filter(is_command, lines(block))
    prose = FENCE.sub("", text)
    found += filter(is_command, lines("\n".join(indented(prose))))
    found += filter(is_command, (" ".join(span.split()) for _, span in SPAN.findall(prose)))
    done = "\n".join(done)
    return [command for command in dict.fromkeys(found)
            if not re.search(rf"(?<![^\s/]){re.escape(command)}(?![^\s;])", done)]
