#!/usr/bin/env bash
# Packages, each way of installing that takes longer, and other machines. What came out, and when, is
# written to docs/ship-results.md.
#
#   scripts/ship.sh [PART...]     recipes deb cargo-c small aarch64 armv7 musl; all of them
#
# Needs a Debian system and root for deb and the other machines.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
logs=$CARGO_TARGET_DIR/ship-logs
mkdir -p "$logs"
parts=("$@")
[ $# -gt 0 ] || parts=(recipes deb cargo-c small aarch64 armv7 musl)

recipes() {
    local venv=$CARGO_TARGET_DIR/venv-recipes
    python3 -m venv "$venv" && "$venv/bin/pip" -q install kconfiglib==14.1.0 oelint-parser==8.13.2 &&
        "$venv/bin/python" packaging/check.py
}
run() {
    case $1 in
    recipes) recipes ;;
    deb)
        scripts/need.sh dpkg-gensymbols=dpkg-dev doxygen man=man-db lintian &&
            NOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" tests/packaging/deb.sh "$CARGO_TARGET_DIR/deb-test"
        ;;
    cargo-c) tests/packaging/cargo-c.sh ;;
    small) tests/packaging/small.sh ;;
    *) scripts/cross.sh "$1" ;;
    esac
}

status=0
for part in "${parts[@]}"; do
    echo "== $part"
    run "$part" 2>&1 | tee "$logs/$part" || status=1
done
{
    echo "# Packages and other machines: results"
    echo
    echo "Written by \`scripts/ship.sh${*:+ $*}\`, a longer job, on $(date -u +%F), with $(rustc --version), $(gcc --version | head -1)," \
        "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), $(cmake --version | head -1)."
    for part in "${parts[@]}"; do
        printf '\n## %s\n\n' "$part"
        grep -E '^(ok  |FAIL|rustc |libnopoll|[0-9]+ passed)|: not run: ' "$logs/$part" | sed 's/^/    /'
    done
} > docs/ship-results.md
exit $status
