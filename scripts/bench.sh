#!/usr/bin/env bash
# The benchmark: our echo server beside its limit and its peers. See bench/README.md.
#
#   scripts/bench.sh            everything, about six minutes; writes docs/benchmarks.*
#   scripts/bench.sh --quick    a look, about two minutes; writes target/bench/benchmarks.*
#   scripts/bench.sh --runs 3   all of it three times, about twenty minutes
#   scripts/bench.sh P2 P4      these rows only
#
# Needs Rust, gcc, g++, Python and OpenSSL's headers; strace and valgrind for the counted rows.
# Installs libwebsockets-dev where it may; peers that can't be built are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in cargo gcc python3 openssl; do
    command -v "$program" >/dev/null || { echo "missing: $program" >&2; exit 1; }
done
exec python3 bench/run.py "$@"
