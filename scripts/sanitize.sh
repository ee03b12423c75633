#!/usr/bin/env bash
# The C suite with the library itself instrumented, not only the programs.
#
#   scripts/sanitize.sh address [ARGUMENT...]   AddressSanitizer, and UBSan in the programs
#   scripts/sanitize.sh thread [ARGUMENT...]    ThreadSanitizer, for programs with threads
#
# Arguments are those of tests/c/run.py: names of programs, --compiler. The switches for
# instrumented code are not stable in Rust, hence RUSTC_BOOTSTRAP. ThreadSanitizer must see the
# standard library, too, so that is built as well: that takes its source (rustup component add
# rust-src), which is fetched if it isn't there. Where that fails, the run ends with "not run".
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?address or thread}
shift
host=$(rustc -vV | sed -n 's/^host: //p')
work=${CARGO_TARGET_DIR:-$PWD/target}/sanitize-$kind
lib=$work/$host/release

# build FLAGS ARGUMENT...: the instrumented shared library. With --target, what runs at build time
# is not instrumented.
build() {
    local flags=$1
    shift
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags -Cforce-frame-pointers=yes" \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_STRIP=none \
        cargo build -q --release --lib --target "$host" --target-dir "$work" "$@"
    [[ $(nm -D "$lib/libnopoll.so") == *" U __$marker"* ]] ||
        { echo "the library is not instrumented" >&2; exit 1; }
}

suite() { python3 tests/c/run.py --lib "$lib" --include include "$@"; }

case $kind in
address)
    marker=asan_init
    # The variadic functions read their caller's stack, of which a copy would be too short.
    build "-Zsanitizer=address -Cllvm-args=-asan-redzone-byval-args=0"
    suite --mode asan "$@"
    ;;
thread)
    marker=tsan_init
    sysroot=$(rustc --print sysroot)
    if [ ! -d "$sysroot/lib/rustlib/src/rust/library/std" ]; then
        rustup component add rust-src 2>/dev/null ||
            { echo "sanitize thread: not run: no source of the standard library"; exit 0; }
    fi
    runtime=$(find "$sysroot/lib/rustlib/$host/lib" -name 'librustc-*_rt.tsan.a' | head -1)
    [ -n "$runtime" ] || { echo "sanitize thread: not run: no runtime"; exit 0; }
    build "-Zsanitizer=thread" -Zbuild-std=std,panic_unwind
    # Without names, all programs that have threads.
    if [ $# -eq 0 ]; then
        mapfile -t programs < <(grep -lE 'pthread|loop_thread' tests/c/*.c)
        set -- "${programs[@]##*/}"
        set -- "${@%.c}"
    fi
    suite --mode tsan --compiler clang --runtime "$runtime" "$@"
    ;;
*)
    echo "address or thread, not $kind" >&2
    exit 2
    ;;
esac
