#!/usr/bin/env bash
# Runs the browser tests: Chromium's own WebSocket against the library, and the chat example as people
# use it. Installs Chromium (Debian) and playwright-core (npm, below the target directory) when missing.
#
#   tests/browser/run.sh          prints a line per test and "N passed, N failed"
#
# With UPDATE_SCREENSHOTS=1 the pictures of the chat go to docs/, else below the target directory.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
folder=$target/browser
scripts/need.sh chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core
mkdir -p "$folder"
cp tests/browser/package.json tests/browser/package-lock.json tests/browser/*.mjs "$folder"
[ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] ||
    npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error >/dev/null
examples=$(scripts/examples.sh plain)
build=$(dirname "$examples")
cc -std=gnu99 -Wall -Wextra -Werror -Iinclude tests/browser/server.c -o "$folder/server" -L"$build" \
    -Wl,-rpath,"$build" -lnopoll
pictures=$folder/pictures
[ "${UPDATE_SCREENSHOTS:-0}" = 0 ] || pictures=$PWD/docs
node "$folder/websocket.mjs" "$folder/server" | tee "$folder/websocket.log"
node "$folder/chat.mjs" "$examples/chat/chat" "$pictures" | tee "$folder/chat.log"
