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
if grep -q '^nightly' <<<"$(rustup toolchain list 2>/dev/null)"; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi
if [ ! -e "$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; then
    echo "small: not run: this Rust has no rust-src"
    exit 0
fi
rustc --version
. tests/checks.sh
build() { # build NAME OPTION...
    cmake -S . -B "$work/$1" -DNOPOLL_SMALL=ON -DNOPOLL_BUILD_STATIC=OFF "${@:2}" &&
        cmake --build "$work/$1" && strip -o "$work/$1/stripped.so" "$work/$1/libnopoll.so.0.0.0"
}
size() { stat -c %s "$work/$1/stripped.so"; }
suite() { # suite NAME OPTION...
    python3 tests/c/run.py --lib "$work/$1" --include include "${@:2}" | grep -v '^ok '
}
mkdir -p "$work"
check "everything in it: builds" build full
echo "libnopoll.so.0.0.0, full: $(size full) bytes, stripped"
check "everything in it: at most $budget bytes" [ "$(size full)" -le $budget ]
check "everything in it: the C tests" suite full
check "without TLS and deflate: builds" build bare -DNOPOLL_TLS=OFF -DNOPOLL_DEFLATE=OFF
echo "libnopoll.so.0.0.0, bare: $(size bare) bytes, stripped"
check "without TLS and deflate: the C tests" suite bare --without tls --without deflate
verdict
