#!/usr/bin/env bash
# Everything scripts/test.sh does, and what takes longer: all cases of the Autobahn suite, whose
# outcome is written to docs/autobahn.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" NOPOLL_REQUIRE_AUTOBAHN=1

scripts/test.sh
cargo build -q --release
python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include --cases all \
    --summary docs/autobahn.md
python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include --cases basic \
    --tls --summary docs/autobahn.md

# Packages, each way of installing that can be built here, and other machines.
python3 -m venv "$CARGO_TARGET_DIR/venv-recipes"
"$CARGO_TARGET_DIR/venv-recipes/bin/pip" -q install kconfiglib==14.1.0 oelint-parser==8.13.2
"$CARGO_TARGET_DIR/venv-recipes/bin/python" packaging/check.py
if [ "$(id -u)" -eq 0 ] && command -v dpkg >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends dpkg-dev >/dev/null
    NOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" tests/packaging/deb.sh "$CARGO_TARGET_DIR/deb-test"
    for target in aarch64 armv7 musl; do
        scripts/cross.sh "$target"
    done
fi
tests/packaging/cargo-c.sh
