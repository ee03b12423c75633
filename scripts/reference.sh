#!/usr/bin/env bash
# Makes the reference from the header's comments: HTML and man pages. A warning is an error.
#
#   scripts/reference.sh [DIR]     default: target/reference
#
# DIR/html/index.html is where to begin; `man -M DIR/man nopoll_conn_send_text` works, too.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/reference}
scripts/need.sh doxygen
mkdir -p "$out"
(cat docs/reference/Doxyfile; echo "OUTPUT_DIRECTORY = $out") | doxygen -
# One page per group, one per function.
pages=$(find "$out/man/man3" -name 'nopoll_*.3' | wc -l)
functions=$(wc -l < tests/data/exports.txt)
missing=$(while read -r name; do
    [ -e "$out/man/man3/$name.3" ] || echo "$name"
done < tests/data/exports.txt)
if [ -n "$missing" ]; then
    echo "no page for:" $missing >&2
    exit 1
fi
echo "$out/html/index.html and $pages man pages for $functions functions"
