#!/usr/bin/env bash
# Replaces the seeds of fuzz targets by the fewest inputs that reach as much as the seeds, what is
# in fuzz/corpus and what is in DIR/TARGET do. Needs the programs that scripts/fuzz.sh has built.
#
#   scripts/fuzz_seeds.sh [DIR...]
set -euo pipefail
cd "$(dirname "$0")/.."
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
triple=$(rustc -vV | sed -n 's/^host: //p')
for name in $(PATH="$target_dir/tools/bin:$PATH" cargo fuzz list); do
    inputs=("fuzz/seeds/$name")
    for folder in fuzz/corpus "$@"; do
        [ ! -d "$folder/$name" ] || inputs+=("$folder/$name")
    done
    kept=$(mktemp -d)
    "$target_dir/$triple/release/$name" -set_cover_merge=1 -use_counters=0 "$kept" "${inputs[@]}" 2>/dev/null
    echo "$name: $(find "${inputs[@]}" -type f | wc -l) inputs, $(find "$kept" -type f | wc -l) kept"
    rm -r "fuzz/seeds/$name"
    mv "$kept" "fuzz/seeds/$name"
    chmod 755 "fuzz/seeds/$name"
done
