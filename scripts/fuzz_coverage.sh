#!/usr/bin/env bash
# What the fuzz targets reach of src/protocol, by their seeds and whatever is in fuzz/corpus.
#
#   scripts/fuzz_coverage.sh [DIR...]    also the inputs in DIR/TARGET
#
# Prints the line coverage of each file and the lines that nothing reached. Needs what
# scripts/fuzz.sh needs, and the component llvm-tools of the nightly toolchain; without it, says "not run".
set -euo pipefail
cd "$(dirname "$0")/.."
target_dir=${CARGO_TARGET_DIR:-$PWD/target}
export RUSTUP_TOOLCHAIN=nightly PATH="$target_dir/tools/bin:$PATH"
tools=
if rustc --version >/dev/null 2>&1; then
    tools=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
fi
[ -x "$tools/llvm-profdata" ] || { echo "fuzz coverage: not run: no nightly Rust with llvm-tools"; exit 0; }
profiles=$target_dir/fuzz-profiles
rm -rf "$profiles"
mkdir -p "$profiles"

RUSTFLAGS="-Cinstrument-coverage --cfg fuzzing" cargo build -q --release --bins \
    --manifest-path fuzz/Cargo.toml --target-dir "$target_dir/fuzz-coverage"
objects=()
for name in $(cargo fuzz list); do
    program=$target_dir/fuzz-coverage/release/$name
    objects+=(-object "$program")
    inputs=("fuzz/seeds/$name")
    for folder in fuzz/corpus "$@"; do
        [ ! -d "$folder/$name" ] || inputs+=("$folder/$name")
    done
    LLVM_PROFILE_FILE="$profiles/$name-%p.profraw" "$program" -runs=0 "${inputs[@]}" 2>/dev/null
done
"$tools/llvm-profdata" merge -sparse "$profiles"/*.profraw -o "$profiles/all.profdata"
"$tools/llvm-cov" export -format=lcov "${objects[@]:1}" -instr-profile="$profiles/all.profdata" \
    >"$profiles/lcov.info" 2>/dev/null
python3 - "$profiles/lcov.info" <<'PYTHON'
import collections, re, sys

lines = collections.defaultdict(lambda: collections.defaultdict(int))
for line in open(sys.argv[1]):
    if line.startswith("SF:"):
        found = re.search(r"/(src/protocol/.*\.rs)$", line.strip())
        name = found and found.group(1)
    elif line.startswith("DA:") and name:
        number, count = line[3:].strip().split(",")[:2]
        lines[name][int(number)] += int(count)
total = reached = 0
for name, counts in sorted(lines.items()):
    missed = sorted(number for number, count in counts.items() if count == 0)
    total += len(counts)
    reached += len(counts) - len(missed)
    share = 100 * (len(counts) - len(missed)) / len(counts)
    print(f"{share:6.1f} % of {len(counts):4} lines  {name}", *missed)
print(f"{100 * reached / total:6.1f} % of {total:4} lines  in all")
PYTHON
