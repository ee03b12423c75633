#!/usr/bin/env bash
# Does the oldest Rust that Cargo.toml promises compile the library and its tests?
#
#   scripts/msrv.sh
#
# rustup's is asked, and fetched if it isn't there. Where there is none, clippy looks for what the standard
# library didn't have then; that misses what the language didn't have. Says which of them it was.
set -euo pipefail
cd "$(dirname "$0")/.."
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml).0
target=${CARGO_TARGET_DIR:-$PWD/target}/msrv

# tool NAME: the program of that Rust; an empty word when there is none.
tool() { rustup which --toolchain "$oldest" "$1" 2>/dev/null || true; }
if command -v rustup >/dev/null && [ -z "$(tool rustc)" ]; then
    rustup toolchain install --profile minimal "$oldest" >/dev/null 2>&1 || true
fi
RUSTC=$(tool rustc)
if [ -n "$RUSTC" ]; then
    export RUSTC
    for features in "" --no-default-features; do
        "$(tool cargo)" check -q --locked --all-targets --target-dir "$target" $features
    done
    echo "$("$RUSTC" --version) compiles the library and its tests"
else
    unset RUSTC
    for features in "" --no-default-features; do
        cargo clippy -q --locked --all-targets $features -- -D clippy::incompatible_msrv
    done
    echo "no rustup with Rust $oldest: only clippy, $(cargo clippy --version), has found nothing newer in use"
fi
