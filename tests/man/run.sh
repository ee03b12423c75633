#!/usr/bin/env bash
# The man pages: there is one for every name, and no formatter has anything to say against them.
#
#   tests/man/run.sh [DIR]     where to build the reference; default: target/reference
#
# Prints a line per check and "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${1:-target/reference}
pages=$out/man
scripts/need.sh man=man-db mandoc || exit 1

. tests/checks.sh

# Pages with words of their own, as opposed to those that lead to one.
own() { grep -L '^\.so ' "$pages"/man?/*; }
shown() { MANWIDTH=80 man -M "$pages" "$1" | col -bx; }

make() { scripts/reference.sh "$out" >/dev/null; }
functions() {
    local name page
    while read -r name; do
        page=$pages/man3/$name.3
        [ -e "$page" ] || { echo "$name has no page"; continue; }
        grep -q '^\.so ' "$page" && page=$pages/$(sed -n 's/^\.so //p' "$page")
        [ "$(grep -c "^\.SS $name\$" "$page")" -eq 1 ] || echo "$page does not describe $name"
        [ "$(grep -cE "^\\\\fB.*[ *]$name\(" "$page")" -eq 1 ] || echo "$page does not declare $name"
    done < tests/data/exports.txt
}
types() {
    local name
    for name in $(sed -nE -e 's/^typedef .*\(\*(\w+)\).*/\1/p' -e 's/^\} (\w+);/\1/p' \
        -e 's/^typedef struct \w+ (\w+);/\1/p' include/nopoll.h include/nopoll_decl.h); do
        [ -e "$pages/man3/$name.3" ] || echo "$name has no page"
    done
}
groff_warnings() {
    local page
    for page in $(own); do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s|^|$page: |"
    done
}
mandoc_warnings() { own | xargs mandoc -T lint -W warning; }
# Not through a pipe, here and wherever grep -q is: it leaves at the first match, and who still writes
# to it then fails, and with pipefail the pipeline.
shows() { grep -qF 'noPollConn *nopoll_conn_new6(noPollCtx *ctx' <<<"$(shown nopoll_conn_new6)"; }
overview() {
    local page listed
    listed=$(shown nopoll)
    for page in $(own); do
        page=$(basename "$page")
        [ "$page" = nopoll.7 ] || grep -qF "${page%.3}(3)" <<<"$listed" || echo "nopoll(7) doesn't name $page"
    done
}

check "the reference builds without a warning" silent make
check "every function has a page that declares and describes it" silent functions
check "every type has a page" silent types
check "groff has no warnings" silent groff_warnings
check "mandoc has no warnings" silent mandoc_warnings
check "nopoll(7) names all pages" silent overview
check "man finds a function by its name" shows
verdict
