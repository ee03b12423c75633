#!/usr/bin/env bash
# Every check of the project, in order; stops at nothing, fails if anything failed.
#
#   scripts/test.sh            everything
#   scripts/test.sh STAGE...   only these: fmt clippy msrv rust docs quirks reference c-plain c-asan
#                              c-valgrind bare guards sanitize cmake documents interop browser demo
#                              autobahn fuzz coverage
#
# Needs Rust, gcc, Python and Node. Installs the rest (Debian packages when run as root, Python
# and npm packages in folders below target/). The Autobahn suite also wants a Python 2.7, fuzzing
# cargo-fuzz, some tests Chromium; without it they are not run, which is a failure where
# NOPOLL_REQUIRE_AUTOBAHN=1, NOPOLL_REQUIRE_FUZZ=1 or NOPOLL_REQUIRE_CHROMIUM=1 (which installs it).
# Ends with a line "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
logs="$CARGO_TARGET_DIR/test-logs"
mkdir -p "$logs"
passed=0 failed=0 broken=() skipped=()

say() { printf '\n== %s\n' "$*"; }

# Adds the counts of a log: cargo's "test result" lines and the plain "N passed, N failed".
count() {
    local line
    while read -r line; do
        passed=$((passed + ${line% *}))
        failed=$((failed + ${line#* }))
    done < <(sed -nE -e 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed;.*/\1 \2/p' \
        -e 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$1")
}

# stage NAME COMMAND...: runs a check that prints counts, or counts as one itself.
stage() {
    local name=$1 log="$logs/$1.log" begun=$SECONDS before=$((passed + failed)) was=$failed status
    shift
    say "$name: $*"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    count "$log"
    if [ "$status" -ne 0 ]; then
        broken+=("$name")
        [ "$failed" -gt "$was" ] || failed=$((failed + 1))
    elif grep -q ': not run: ' "$log"; then
        skipped+=("$name")
    elif [ $((passed + failed)) -eq "$before" ]; then
        passed=$((passed + 1))
    fi
    printf -- '-- %s: exit %d, %d s\n' "$name" "$status" $((SECONDS - begun))
}

install() {
    scripts/need.sh cmake make clang valgrind strace pkg-config doxygen man=man-db g++ openssl \
        /usr/include/openssl/ssl.h=libssl-dev /usr/include/zlib.h=zlib1g-dev &&
        # clang's sanitizer runtimes come in a package of their own.
        scripts/need.sh "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*.a=libclang-rt-$(
            clang -dumpversion | cut -d. -f1)-dev"
}

fmt() { cargo fmt --check; }
clippy() {
    cargo clippy -q --all-targets -- -D warnings &&
        cargo clippy -q --no-default-features --all-targets -- -D warnings
}
msrv() { scripts/msrv.sh; }
# Debug assertions watch over the rules for locks, so the tests are built with them.
rust() { cargo build -q --release && cargo test -q; }
docs() { RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc -q --no-deps --document-private-items; }
quirks() { scripts/quirks.py --check; }
reference() { tests/man/run.sh "$CARGO_TARGET_DIR/reference"; }
# The commands that documents show, and their links; the benchmark as far as it is quick.
documents() {
    python3 tests/docs/commands_test.py && python3 tests/docs/commands.py &&
        python3 tests/docs/links.py &&
        NOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" python3 tests/docs/run.py --work "$CARGO_TARGET_DIR/docs-run" &&
        scripts/bench.sh --quick P9
}
suite() {
    cargo build -q --release &&
        python3 tests/c/run.py --lib "$CARGO_TARGET_DIR/release" --include include "$@"
}
c_asan() { suite --mode asan --compiler gcc --compiler clang; }
c_valgrind() { suite --mode valgrind --compiler gcc; }
# The library may not grow unnoticed: whoever needs more room writes the new size down.
size_budget() {
    local copy size budget
    copy=$(mktemp)
    strip -o "$copy" "$CARGO_TARGET_DIR/release/libnopoll.so"
    size=$(stat -c %s "$copy")
    budget=$(<tests/data/size-budget.txt)
    rm -f "$copy"
    echo "libnopoll.so, stripped: $size bytes of $budget"
    [ "$size" -le "$budget" ]
}
guards() { suite --mode plain guards && size_budget; }
c_plain() { suite --mode plain --compiler gcc --compiler clang; }
# A library without OpenSSL and zlib, and the programs that need neither.
bare() {
    local lib=$CARGO_TARGET_DIR/bare/release
    cargo build -q --release --no-default-features --target-dir "$CARGO_TARGET_DIR/bare" &&
        ! readelf -d "$lib/libnopoll.so" | grep -E 'NEEDED.*lib(ssl|crypto|z)' &&
        python3 tests/c/run.py --lib "$lib" --include include --without tls --without deflate
}
cmake_use() { bash tests/cmake/run.sh; }
autobahn() {
    cargo build -q --release &&
        python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include &&
        python3 tests/autobahn/run.py --lib "$CARGO_TARGET_DIR/release" --include include \
            --cases basic --tls
}
fuzz() { scripts/fuzz.sh 10; }
coverage() { scripts/fuzz_coverage.sh; }
# All programs with threads are for scripts/full.sh.
sanitize() { scripts/sanitize.sh thread threads tls_alone; }
interop() {
    if [ "${NOPOLL_REQUIRE_CHROMIUM:-}" = 1 ]; then scripts/need.sh chromium || return; fi
    python3 tests/interop/run.py && python3 tests/interop/run.py --mode asan &&
        python3 tests/interop/run.py --mode valgrind examples
}
browser() { tests/browser/run.sh; }
demo() { scripts/demo.sh && python3 tests/demo/chat.py; }

install || exit 1
wanted=("$@")
run() {
    if [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]; then
        stage "$1" "$2"
    fi
}
run fmt fmt
run clippy clippy
run msrv msrv
run rust rust
run docs docs
run quirks quirks
run reference reference
run c-plain c_plain
run guards guards
run c-asan c_asan
run c-valgrind c_valgrind
run bare bare
run sanitize sanitize
run cmake cmake_use
run documents documents
run interop interop
run browser browser
run demo demo
run autobahn autobahn
run fuzz fuzz
run coverage coverage

say "summary"
[ ${#skipped[@]} -eq 0 ] || echo "stages not run: ${skipped[*]}"
[ ${#broken[@]} -eq 0 ] || echo "failed stages: ${broken[*]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ ${#broken[@]} -eq 0 ]
