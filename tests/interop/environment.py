#!/usr/bin/env python3
"""The counterparts of the interoperability tests: Python's websockets, Node's ws, libwebsockets,
tungstenite, Chromium, proxies.

Installs websockets and ws, in the versions of requirements.txt and package-lock.json, below the cargo
target directory, unless they are there, libwebsockets and the proxies from Debian; cargo fetches
tungstenite in the version of its Cargo.lock. As a program it prints the Python to use and the NODE_PATH.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
FOLDER = TARGET / "interop"
PYTHON = FOLDER / "venv" / "bin" / "python"
NODE_PATH = FOLDER / "node_modules"
LWS_PEER = FOLDER / "peer_lws"
TUNGSTENITE_PEER = FOLDER / "tungstenite/release/peer_tungstenite"


class Unavailable(Exception):
    """Something can't be had on this machine."""


def run(*command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


def need(*what):
    run(str(ROOT / "scripts/need.sh"), *what)


def once(what, sources, install):
    """Runs install unless it has been done for what the sources say now."""
    stamp = FOLDER / f"{what}.stamp"
    wanted = "".join(source.read_text() for source in sources)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    install()
    stamp.write_text(wanted)


def install_python():
    requirements = HERE / "requirements.txt"

    def install():
        if importlib.util.find_spec("ensurepip") is None:
            need("python3-venv")
        shutil.rmtree(PYTHON.parent.parent, ignore_errors=True)
        run(sys.executable, "-m", "venv", str(PYTHON.parent.parent))
        run(str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r",
            str(requirements))

    once("python", [requirements], install)


def install_node():
    sources = [HERE / "package.json", HERE / "package-lock.json"]

    def install():
        need("npm")
        for source in sources:
            shutil.copy(source, FOLDER)
        run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=FOLDER)

    once("node", sources, install)


def ensure_proxies():
    # Debian keeps programs that serve where not everybody's PATH goes.
    os.environ["PATH"] += ":/usr/sbin"
    need("nginx", "haproxy", "lighttpd", "apache2",
         "/usr/lib/lighttpd/mod_openssl.so=lighttpd-mod-openssl",
         "/usr/lib/lighttpd/mod_magnet.so=lighttpd-modules-lua", "openssl")


def build_peers():
    """The peers that are compiled, in whatever mode the library is tested."""
    need("/usr/include/libwebsockets.h=libwebsockets-dev")
    run("cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O1", "-g", str(HERE / "peer_lws.c"), "-o",
        str(LWS_PEER), "-lwebsockets", "-lssl", "-lpthread")
    run("cargo", "build", "-q", "--release", "--locked", "--manifest-path",
        str(HERE / "tungstenite/Cargo.toml"), "--target-dir", str(FOLDER / "tungstenite"))


def ensure():
    FOLDER.mkdir(parents=True, exist_ok=True)
    install_python()
    install_node()


def chromium():
    """The browser, which is taken as it is found; None without one."""
    return shutil.which("chromium")


def proxy_versions():
    shown = [run("nginx", "-v"), run("haproxy", "-v"), run("lighttpd", "-v"), run("apache2", "-v")]
    return [text.splitlines()[0].strip() for text in shown]


def versions():
    """What the tests run against, in words."""
    python = run(str(PYTHON), "-c", "import sys, websockets; "
                 "print(f'websockets {websockets.__version__} on Python {sys.version.split()[0]}')")
    node = run("node", "-p", "`ws ${require(process.argv[1] + '/ws/package.json').version} on "
               "Node ${process.versions.node}`", str(NODE_PATH))
    browser = [run(chromium(), "--version").strip().splitlines()[-1]] if chromium() else []
    # What a Debian package says ends in a dash.
    libwebsockets = run("pkg-config", "--modversion", "libwebsockets").strip("-\n")
    tungstenite = re.search(r'name = "tungstenite"\nversion = "(.*)"',
                            (HERE / "tungstenite/Cargo.lock").read_text()).group(1)
    return [python.strip(), node.strip(), f"libwebsockets {libwebsockets}",
            f"tungstenite {tungstenite}", *browser]


if __name__ == "__main__":
    try:
        ensure()
    except Unavailable as trouble:
        sys.exit(f"environment.py: {trouble}")
    print(PYTHON, NODE_PATH)
