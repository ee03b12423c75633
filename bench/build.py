"""Builds what the benchmark runs, below target/bench."""
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
OUT = TARGET / "bench"
CC = ["gcc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"]
# The crate that carries the C++ source.
UWS = ("libuwebsockets-sys", "0.0.10")


@dataclass
class Programs:
    so: Path
    echo: Path
    raw: Path
    load: Path
    micro: Path
    utf8: Path
    certificate: Path
    key: Path
    peers: dict = field(default_factory=dict)
    bare_so: Path = None
    small_so: Path = None

    def tls_arguments(self):
        return ["--tls", str(self.certificate), str(self.key)]


def run(command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def cargo(manifest, target, *options):
    run(["cargo", "build", "-q", "--release", "--manifest-path", manifest, *options],
        env=dict(os.environ, CARGO_TARGET_DIR=str(target)))


def install(package, progress):
    """A Debian package, where that is possible."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    progress(f"installing {package}")
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package],
                   env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"),
                   stdout=subprocess.DEVNULL, check=False)


def certificate():
    key, pem = OUT / "key.pem", OUT / "certificate.pem"
    if not pem.exists():
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "3650", "-subj", "/CN=localhost", "-keyout", key, "-out", pem],
            stderr=subprocess.DEVNULL)
    return pem, key


def uws(progress):
    """uWebSockets from the crate that ships its source."""
    project = OUT / "uws"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src" / "lib.rs").write_text("")
    (project / "Cargo.toml").write_text(
        '[package]\nname = "source"\nversion = "0.0.0"\nedition = "2021"\n'
        f'[dependencies]\n{UWS[0]} = "={UWS[1]}"\n[workspace]\n')
    listing = subprocess.run(["cargo", "metadata", "--format-version", "1"], cwd=project, check=True,
                             capture_output=True, text=True).stdout
    crate = next(p for p in json.loads(listing)["packages"] if p["name"] == UWS[0])
    source = Path(crate["manifest_path"]).parent / "uWebSockets"
    sockets = source / "uSockets" / "src"
    flags = ["-O3", "-flto", "-march=native", "-DLIBUS_NO_SSL", f"-I{sockets}"]
    objects = []
    for file in [*sockets.glob("*.c"), *sockets.glob("eventing/*.c"), *sockets.glob("crypto/*.c")]:
        objects.append(project / (file.name + ".o"))
        run(["gcc", *flags, "-c", file, "-o", objects[-1]])
    run(["g++", *flags, "-std=c++20", "-DUWS_NO_ZLIB", "-w", f"-I{source / 'src'}",
         HERE / "peers" / "uws_echo.cpp", *objects, "-o", OUT / "uws_echo"])
    return OUT / "uws_echo"


def libwebsockets(progress):
    if subprocess.run(["pkg-config", "--exists", "libwebsockets"], check=False).returncode != 0:
        install("libwebsockets-dev", progress)
    run([*CC, HERE / "peers" / "lws_echo.c", "-o", OUT / "lws_echo", "-lwebsockets"])
    return OUT / "lws_echo"


def fastwebsockets(progress):
    cargo(HERE / "peers" / "fastwebsockets" / "Cargo.toml", OUT / "fastwebsockets")
    return OUT / "fastwebsockets" / "release" / "fast_echo"


def small(progress):
    """The smallest library, where there is a toolchain that can build it."""
    toolchains = subprocess.run(["rustup", "toolchain", "list"], check=True, capture_output=True, text=True).stdout
    if "nightly" not in toolchains:
        raise OSError("no nightly toolchain")
    nightly = dict(os.environ, RUSTUP_TOOLCHAIN="nightly")
    folder = OUT / "small"
    for command in (["-S", ROOT, "-B", folder, "-DNOPOLL_SMALL=ON", "-DNOPOLL_BUILD_STATIC=OFF"],
                    ["--build", folder]):
        run(["cmake", *command], env=nightly, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "libnopoll.so.0.0.0"


def attempt(name, make, progress):
    """What `make` builds; None, and a word about it, if it can't be built here."""
    progress(f"building {name}")
    try:
        return make(progress)
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        progress(f"without {name}: {error}")
        return None


PEERS = {"uWebSockets": uws, "fastwebsockets": fastwebsockets, "libwebsockets": libwebsockets}


def everything(progress, peers, sizes):
    OUT.mkdir(parents=True, exist_ok=True)
    progress("building the library")
    cargo(ROOT / "Cargo.toml", TARGET)
    library = TARGET / "release" / "libnopoll.so"
    soname = OUT / "libnopoll.so.0"
    soname.unlink(missing_ok=True)
    soname.symlink_to(library)
    link = [f"-I{ROOT / 'include'}", library, f"-Wl,-rpath,{OUT}", "-lpthread"]
    run([*CC, HERE / "echo_server.c", "-o", OUT / "echo_server", *link])
    run([*CC, HERE / "micro.c", "-o", OUT / "micro", *link])
    run([*CC, HERE / "raw_echo.c", "-o", OUT / "raw_echo", "-lssl", "-lcrypto"])
    progress("building the load generator")
    cargo(HERE / "load" / "Cargo.toml", OUT / "load")
    pem, key = certificate()
    programs = Programs(library, OUT / "echo_server", OUT / "raw_echo", OUT / "load" / "release" / "load",
                        OUT / "micro", OUT / "load" / "release" / "utf8", pem, key)
    for name, make in PEERS.items() if peers else ():
        peer = attempt(name, make, progress)
        if peer is not None:
            programs.peers[name] = peer
    if sizes:
        progress("building the library without TLS and deflate")
        cargo(ROOT / "Cargo.toml", OUT / "bare", "--no-default-features")
        programs.bare_so = OUT / "bare" / "release" / "libnopoll.so"
        programs.small_so = attempt("the smallest library", small, progress)
    return programs
