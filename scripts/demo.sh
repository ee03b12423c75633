#!/usr/bin/env bash
# Shows the library at work: builds it and the C examples, then has a C server and a C client talk to
# each other, and to programs made with Python's websockets and Node's ws.
#
#   scripts/demo.sh           that
#   scripts/demo.sh --chat    serves the chat example instead, and opens it in a browser; Ctrl-C ends it
#
# Needs Rust, a C compiler, Python and Node; installs CMake when run as root, and websockets and ws
# below the cargo target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
work=$(mktemp -d)
server='' python_server=''

bold='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' plain=$'\033[0m'; }
say() { printf '\n%s\n' "$bold$*$plain"; }
indent() { sed -u 's/^/    /'; }
fail() {
    printf '\nThe demonstration has failed: %s\n' "$*" >&2
    exit 1
}
case ${1:-} in
'' | --chat) ;;
*) fail "unknown option $1; there is --chat" ;;
esac
clean_up() {
    for pid in $server $python_server; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# listening LOG PID: waits until a server says where, and prints its port.
listening() {
    local port
    for _ in $(seq 200); do
        port=$(sed -nE 's|^(listening\|chat) on .*:([0-9]+)/?$|\2|p' "$1")
        [ -z "$port" ] || { echo "$port"; return; }
        kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    cat "$1" >&2
    return 1
}
# shows WANTED COMMAND...: runs a client, whose output is to have a line WANTED.
shows() {
    local wanted=$1
    shift
    timeout 60 "$@" >"$work/client" 2>&1 || {
        indent <"$work/client"
        fail "the client ended with an error"
    }
    indent <"$work/client"
    grep -qxF -- "$wanted" "$work/client" || fail "\"$wanted\" is missing"
}

for command in cargo cc python3 node; do
    command -v $command >/dev/null || fail "$command is not installed"
done
scripts/need.sh cmake make || fail "CMake is needed"

say "Building the library with cargo and the C examples with CMake; the first time takes a minute"
begun=$SECONDS
examples=$(scripts/examples.sh) || fail "see above"
library=$examples/../libnopoll.so.0.0.0
printf '    libnopoll.so.0, %d KiB, and %s in %d s\n' $(($(stat -c %s "$library") / 1024)) \
    "${examples#"$PWD/"}" $((SECONDS - begun))

if [ "${1:-}" = --chat ]; then
    "$examples/chat/chat" 0 >"$work/chat" 2>&1 &
    server=$!
    port=$(listening "$work/chat" $server) || fail "the chat doesn't start"
    say "The chat is on http://localhost:$port/; Ctrl-C ends it"
    if ! command -v xdg-open >/dev/null || ! xdg-open "http://localhost:$port/"; then
        echo "    Open that in a browser, in two windows or on a phone in the same network."
    fi
    wait $server
    exit
fi

say "Installing websockets and ws"
environment=$(python3 tests/interop/environment.py) || fail "without them there is nobody to talk to"
read -r python NODE_PATH <<<"$environment"
export NODE_PATH
"$python" -c 'import websockets; print("    Python: websockets", websockets.__version__)'
node -p '`    Node: ws ${require("ws/package.json").version}`'

"$examples/echo_server" >"$work/server" 2>&1 &
server=$!
port=$(listening "$work/server" $server) || fail "the server doesn't start"
url=ws://127.0.0.1:$port

say "C client: printf 'hello\\nGrüße from C\\n' | client $url/from-c"
printf 'hello\nGrüße from C\n' >"$work/input"
shows "Grüße from C" "$examples/client" "$url/from-c" <"$work/input"

say "Python's websockets, the same server"
shows "echoed: 1 MiB, unharmed" "$python" scripts/demo/client.py "$url/from-python"

say "Node's ws, the same server"
shows "echoed: 1 MiB, unharmed" node scripts/demo/client.js "$url/from-node"

say "What the C server has to say: echo_server"
kill -INT $server
wait $server || fail "the server ended with status $?"
server=''
indent <"$work/server"

say "C client, a server made with Python's websockets"
"$python" scripts/demo/server.py >"$work/python" 2>&1 &
python_server=$!
port=$(listening "$work/python" $python_server) || fail "the Python server doesn't start"
shows "Python has received: Grüße from C" "$examples/client" -w 1 "ws://127.0.0.1:$port/" <"$work/input"
wait $python_server || fail "the Python server ended with status $?"
python_server=''
grep -v '^listening' "$work/python" | indent

say "All of it works. The programs are in c-examples, their binaries in ${examples#"$PWD/"}"
