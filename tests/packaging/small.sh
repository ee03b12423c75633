#!/usr/bin/env bash
# The smallest library (NOPOLL_SMALL), with everything in it and with nothing: how large it is, and
# that it does what the other one does.
#
#   tests/packaging/small.sh
#
# Needs a Rust with rust-src, nightly or made to believe so; without it nothing is run, and said so.
set -uo pipefail
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
work=$CARGO_TARGET_DIR/small
budget=700000
if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi
if [ ! -e "$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; then
    echo "small: not run: this Rust has no rust-src"
    exit 0
fi
rustc --version
passed=0 failed=0
check() {
    if "${@:2}"; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1"
    fi
}
build() { # build NAME OPTION...
    cmake -S . -B "$work/$1" -DNOPOLL_SMALL=ON -DNOPOLL_BUILD_STATIC=OFF "${@:2}" >"$work.log" 2>&1 &&
        cmake --build "$work/$1" >>"$work.log" 2>&1 || { cat "$work.log"; return 1; }
    strip -o "$work/$1/stripped.so" "$work/$1/libnopoll.so.0.0.0" &&
        echo "libnopoll.so.0.0.0, $1: $(stat -c %s "$work/$1/stripped.so") bytes, stripped"
}
suite() { # suite NAME OPTION...
    python3 tests/c/run.py --lib "$work/$1" --include include "${@:2}" >"$work.log" 2>&1 ||
        { grep -v '^ok ' "$work.log"; return 1; }
    tail -1 "$work.log" | sed 's/^/     /'
}
mkdir -p "$work"
check "everything in it: builds" build full
check "everything in it: at most $budget bytes" [ "$(stat -c %s "$work/full/stripped.so")" -le $budget ]
check "everything in it: the C tests" suite full
check "without TLS and deflate: builds" build bare -DNOPOLL_TLS=OFF -DNOPOLL_DEFLATE=OFF
check "without TLS and deflate: the C tests" suite bare --without tls --without deflate
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
