#!/usr/bin/env bash
# Builds for another machine, on Debian, and runs the C examples there under qemu-user.
#
#   scripts/cross.sh aarch64 | armv7 | musl
#
# aarch64 and armv7 (hard float) use Debian's cross compilers, and its own Rust 1.85 with the standard
# library of the foreign architecture. Both must be the same version, so they are taken by version from
# the main archive into target/cross, beside whatever Rust this machine has. OpenSSL's foreign
# libraries go there, too: nothing of another architecture is installed into the system. musl builds a
# static library for x86-64, and static programs, with Debian's musl-tools and the standard library that
# rustup has for it; without TLS, for want of an OpenSSL. Prints library sizes and "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
kind=${1:?usage: scripts/cross.sh aarch64|armv7|musl}
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/cross
mkdir -p "$work"

case $kind in
aarch64) arch=arm64 gnu=aarch64-linux-gnu rust=aarch64-unknown-linux-gnu qemu=qemu-aarch64-static ;;
armv7) arch=armhf gnu=arm-linux-gnueabihf rust=armv7-unknown-linux-gnueabihf qemu=qemu-arm-static ;;
musl) arch=amd64 gnu=x86_64-linux-musl rust=x86_64-unknown-linux-musl qemu= ;;
*) echo "unknown target: $kind" >&2; exit 2 ;;
esac

# install PACKAGE...: those that are missing.
install() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# A private package index of the main archive for both architectures: with a foreign one enabled
# system-wide, an archive that is being updated can fail every later apt-get update.
index() {
    local apt=$work/apt-$arch
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    python3 - "$arch" > "$apt/sources.list" <<'EOF'
import pathlib, re, sys
release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
name = release["VERSION_CODENAME"].strip('"')
for path in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
    text = path.read_text() if path.is_file() else ""
    found = [m.group(1) for m in re.finditer(rf"^deb (?:\[[^\]]*\] )?(\S+) {name} main", text, re.M)]
    for part in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w+): *(.*)$", part, re.M))
        if name in fields.get("Suites", "").split():
            found += fields["URIs"].split()
    for uri in found:
        print(f"deb [arch=amd64,{sys.argv[1]}] {uri} {name} main")
EOF
    options=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$apt/lists"
        -o Dir::Cache="$apt/cache" -o APT::Architectures::=amd64 -o APT::Architectures::="$arch")
    apt-get -q "${options[@]}" update >/dev/null
}

# fetch PACKAGE...: unpacks them into $work/$kind.
fetch() {
    mkdir -p "$work/debs-$arch" "$work/$kind"
    (cd "$work/debs-$arch" && apt-get -q "${options[@]}" download "$@" >/dev/null)
    for deb in "$work/debs-$arch"/*.deb; do
        dpkg -x "$deb" "$work/$kind"
    done
}

features=()
if [ "$kind" = musl ]; then
    install musl-tools cmake qemu-user-static
    # Neither OpenSSL nor Rust's standard library for musl is packaged by Debian; rustup has the latter.
    standard=$(rustc --print sysroot)/lib/rustlib/$rust
    if [ ! -d "$standard" ] && ! rustup target add "$rust"; then
        echo "no Rust standard library for $rust on this machine (rustup target add $rust)"
        echo "musl: not built"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
    # gcc's own unwinder is built for glibc and wants a function of its loader; Rust brings another.
    features=(-DNOPOLL_TLS=OFF -DNOPOLL_BUILD_SHARED=OFF -DCMAKE_EXE_LINKER_FLAGS=-static
        -DCMAKE_C_STANDARD_LIBRARIES="$standard/lib/self-contained/libunwind.a")
    compiler=musl-gcc
else
    install "gcc-$gnu" "libc6-dev-$arch-cross" qemu-user-static cmake libllvm19
    if [ ! -e "$work/$kind/unpacked" ]; then
        rm -rf "$work/debs-$arch" "$work/${kind:?}"
        index
        version=$(apt-cache "${options[@]}" policy "libstd-rust-web-dev:$arch" | sed -n 's/ *Candidate: //p')
        fetch "rustc-web=$version" "libstd-rust-web-dev=$version" "libstd-rust-web-dev:$arch=$version" \
            "libstd-rust-web-$(grep -oE '^[0-9]+\.[0-9]+' <<< "$version")=$version" \
            "libssl-dev:$arch" "libssl3:$arch"
        touch "$work/$kind/unpacked"
    fi
    export RUSTC=$work/$kind/usr/bin/rustc
    export LD_LIBRARY_PATH=$work/$kind/usr/lib/x86_64-linux-gnu
    export OPENSSL_LIB_DIR=$work/$kind/usr/lib/$gnu OPENSSL_INCLUDE_DIR=$work/$kind/usr/include
    export CPATH=$work/$kind/usr/include/$gnu
    compiler=$gnu-gcc
    # The linker of a program looks for what its libraries need.
    features=(-DCMAKE_EXE_LINKER_FLAGS="-Wl,-rpath-link,$OPENSSL_LIB_DIR")
    "$RUSTC" --version
fi

build=$work/build-$kind
cmake -S . -B "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$kind" -DCMAKE_C_COMPILER="$compiler" \
    -DNOPOLL_RUST_TARGET="$rust" -DNOPOLL_BUILD_EXAMPLES=ON "${features[@]}" \
    ${OPENSSL_INCLUDE_DIR:+-DOPENSSL_INCLUDE_DIR="$OPENSSL_INCLUDE_DIR"} \
    ${OPENSSL_LIB_DIR:+-DOPENSSL_SSL_LIBRARY="$OPENSSL_LIB_DIR/libssl.so" -DOPENSSL_CRYPTO_LIBRARY="$OPENSSL_LIB_DIR/libcrypto.so"} >/dev/null
cmake --build "$build" -j2 >/dev/null
strip=$gnu-strip
[ "$kind" != musl ] || strip=strip
for library in "$build"/libnopoll.so.0.0.0 "$build"/libnopoll.a; do
    if [ -e "$library" ]; then
        "$strip" --strip-unneeded -o "$work/stripped" "$library"
        printf '%s: %s bytes, stripped\n' "$(basename "$library")" "$(stat -c %s "$work/stripped")"
    fi
done

# The examples talk to each other, as programs of that machine.
unset LD_LIBRARY_PATH
foreign=(env)
if [ -n "$qemu" ]; then
    foreign=("$qemu" -L "/usr/$gnu" -E "LD_LIBRARY_PATH=$build:$work/$kind/usr/lib/$gnu")
fi
. tests/checks.sh
"${foreign[@]}" "$build/c-examples/echo_server" 0 > "$work/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    port=$(grep -oE ':[0-9]+' "$work/server.log" | head -1 | tr -d :) && [ -n "$port" ] && break
    sleep 0.1
done
talk() {
    local answer
    answer=$(printf 'one\ntwo\n' | "${foreign[@]}" "$build/c-examples/client" "ws://127.0.0.1:$port/" 2>>"$work/client.log") &&
        [[ $answer == *one*two* ]] || { echo "$answer"; tail -5 "$work/client.log"; return 1; }
}
check "$kind: client and server exchange messages" talk
check "$kind: variadic functions, threads and plugged-in mutexes" "${foreign[@]}" "$build/c-examples/threads"
if kill "$server" && wait "$server"; then status=0; else status=$?; fi
check "$kind: the server ends when it is told to" [ "$status" -eq 0 ]
verdict
