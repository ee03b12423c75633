#!/usr/bin/env bash
# Builds library and C examples with CMake, below the cargo target directory, and prints where the
# programs are.
#
#   scripts/examples.sh [plain|asan]     asan: the programs with AddressSanitizer and UBSan
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
mode=${1:-plain}
build=$target/cmake/$mode
flags="-Werror"
[ "$mode" = asan ] && flags+=" -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"

mkdir -p "$build"
log=$build/log
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DNOPOLL_CARGO_TARGET_DIR="$target" \
    -DNOPOLL_BUILD_EXAMPLES=ON -DCMAKE_C_FLAGS="$flags" >"$log" 2>&1 &&
    cmake --build "$build" -j2 >>"$log" 2>&1 || {
    cat "$log" >&2
    echo "scripts/examples.sh: the build failed" >&2
    exit 1
}
echo "$build/c-examples"
