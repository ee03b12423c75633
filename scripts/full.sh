#!/usr/bin/env bash
# Everything scripts/test.sh does, and what takes longer: all cases of the Autobahn suite, whose
# outcome is written to docs/autobahn.md, sanitizers in the library itself,
# packages and other machines (docs/ship-results.md).
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" NOPOLL_REQUIRE_AUTOBAHN=1

scripts/test.sh
cargo build -q --release
python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include --cases all \
    --summary docs/autobahn.md
python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include --cases basic \
    --tls --summary docs/autobahn.md

# The library instrumented itself.
scripts/sanitize.sh address
scripts/sanitize.sh thread

# Packages, each way of installing that takes longer, and other machines.
scripts/ship.sh
