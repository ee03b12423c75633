#!/usr/bin/env bash
# Makes the reference from the headers' comments: HTML and man pages. A warning is an error.
#
#   scripts/reference.sh [DIR]     default: target/reference
#
# DIR/html/index.html is where to begin, or `man -M DIR/man nopoll`; `man -M DIR/man nopoll_conn_new`
# works, too. SOURCE_DATE_EPOCH gives the pages another date than today's.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/reference}
scripts/need.sh doxygen
rm -rf "$out/html" "$out/man" "$out/xml"
mkdir -p "$out"
(cat docs/reference/Doxyfile; echo "OUTPUT_DIRECTORY = \"$out\"") | doxygen -
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
python3 docs/reference/man.py "$out/xml" "$out/man" "$version" \
    "$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)"
echo "$out/html/index.html and $(find "$out/man" -type f | wc -l) man pages"
