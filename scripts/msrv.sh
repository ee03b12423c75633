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

has_oldest() { rustup run "$oldest" rustc --version >/dev/null 2>&1; }
if command -v rustup >/dev/null &&
    { has_oldest || { rustup toolchain install --profile minimal "$oldest" >/dev/null 2>&1; }; }; then
    for features in "" --no-default-features; do
        rustup run "$oldest" cargo check -q --locked --all-targets --target-dir "$target" $features
    done
    echo "Rust $oldest compiles the library and its tests"
else
    for features in "" --no-default-features; do
        cargo clippy -q --locked --all-targets $features -- -D clippy::incompatible_msrv
    done
    echo "no rustup with Rust $oldest: only clippy, $(cargo clippy --version), has found nothing newer in use"
fi
