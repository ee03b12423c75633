#!/usr/bin/env bash
# Fuzzes the library: builds the targets of fuzz/ and runs each of them from its seeds.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]    600 s each, all targets
#
# Inputs that reach something new are kept in fuzz/corpus (not in the repository), those that fail
# in fuzz/artifacts. Needs cargo-fuzz, which is installed below target/ if it isn't there, and a
# nightly Rust, or a stable one that is made to believe it is nightly. Where cargo-fuzz can't be had
# nothing is run, which is a failure if NOPOLL_REQUIRE_FUZZ=1. Ends with a line "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -eq 0 ] || shift
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
export PATH="$target_dir/tools/bin:$PATH"

if grep -q '^nightly' <<<"$(rustup toolchain list 2>/dev/null)"; then
    export RUSTUP_TOOLCHAIN=nightly
else
    export RUSTC_BOOTSTRAP=1
fi
if ! command -v cargo-fuzz >/dev/null && ! cargo install -q --locked --root "$target_dir/tools" cargo-fuzz; then
    echo "fuzz: not run: cargo-fuzz can't be installed here"
    [ "${NOPOLL_REQUIRE_FUZZ:-}" != 1 ]
    exit
fi
cargo fuzz build --target-dir "$target_dir" || exit 1
triple=$(rustc -vV | sed -n 's/^host: //p')

passed=0 failed=0
mapfile -t targets < <(cargo fuzz list)
[ $# -eq 0 ] || targets=("$@")
for name in "${targets[@]}"; do
    case $name in
        negotiate | request | response) words=http ;;
        *) words=frames ;;
    esac
    mkdir -p "fuzz/corpus/$name" "fuzz/artifacts/$name"
    log=$target_dir/fuzz-$name.log
    if "$target_dir/$triple/release/$name" "fuzz/corpus/$name" "fuzz/seeds/$name" \
        -dict="fuzz/dictionaries/$words.dict" -artifact_prefix="fuzz/artifacts/$name/" \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        >"$log" 2>&1; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "ok   $name: $runs runs in $seconds s from $(find "fuzz/seeds/$name" -type f | wc -l) seeds"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        grep -A 40 -m 1 -E 'panicked at|ERROR: ' "$log"
        tail -5 "$log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
