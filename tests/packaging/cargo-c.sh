#!/usr/bin/env bash
# cargo-c: `cargo cinstall` into a clean prefix, and a program that uses what it installed. Takes
# cargo-c from PATH, else builds it below the target directory (that takes some minutes).
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
work=$target/cargo-c-test
rm -rf "$work"
mkdir -p "$work"
# The newest that this Rust compiles.
export PATH="$target/tools/bin:$PATH"
command -v cargo-cinstall >/dev/null ||
    cargo install -q cargo-c --version 0.10.24+cargo-0.98.0 --locked --root "$target/tools"
cargo cinstall --release --locked --prefix "$work/usr" --libdir lib >/dev/null
. tests/checks.sh
export PKG_CONFIG_PATH=$work/usr/lib/pkgconfig
cat > "$work/main.c" <<'EOF'
#include <nopoll.h>

int main (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_unref (ctx);
  return NOPOLL_RS == 0;
}
EOF
check "cargo cinstall: the headers are there" test -e "$work/usr/include/nopoll/nopoll_private.h"
check "cargo cinstall: the soname" bash -c "readelf -d '$work'/usr/lib/libnopoll.so | grep -q 'soname: \[libnopoll.so.0\]'"
check "cargo cinstall: a program, shared" bash -c \
    "cd '$work' && cc main.c -o a \$(pkg-config --cflags --libs nopoll) && LD_LIBRARY_PATH=usr/lib ./a"
check "cargo cinstall: a program, static" bash -c \
    "cd '$work' && cc main.c -o b \$(pkg-config --cflags nopoll) usr/lib/libnopoll.a \$(pkg-config --static --libs-only-l nopoll | sed 's/-lnopoll//') && ./b"
verdict
