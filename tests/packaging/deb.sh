#!/usr/bin/env bash
# The Debian packages: built, put in the place of noPoll's (empty stand-ins of those names), used by
# programs outside of the tree, and removed without a trace. Must run as root on a Debian system.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(realpath -m "${1:-target/deb-test}")
passed=0 failed=0

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@" > "$work/check.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $what"
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        tail -30 "$work/check.log"
    fi
}

# stand_in NAME: an empty package of noPoll's.
stand_in() {
    local tree=$work/stand-in/$1
    mkdir -p "$tree/DEBIAN"
    printf 'Package: %s\nVersion: 0.4.8-1\nArchitecture: %s\nMaintainer: nobody <nobody@example.org>\nDescription: empty stand-in\n' \
        "$1" "$(dpkg --print-architecture)" > "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$tree" "$work/stand-in/$1.deb" >/dev/null
}

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
gone() { ! installed "$1"; }
version_is() { [ "$(dpkg-query -W -f '${Version}' "$1")" = "$2" ]; }

rm -rf "$work"
mkdir -p "$work/program"
for package in libnopoll0 libnopoll0-dev libnopoll-dev; do
    if installed "$package"; then
        echo "$package is installed here already: this test would remove it" >&2
        exit 1
    fi
done
cat > "$work/program/main.c" <<'EOF'
#include <nopoll.h>

int main (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  int ok = nopoll_conn_is_ok (listener) && NOPOLL_RS > 0;

  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  puts (ok ? "works" : "?");
  return !ok;
}
EOF
cp "$work/program/main.c" "$work/program/main.cc"

check "both packages build" scripts/deb.sh "$work/out"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)-1
stand_in libnopoll0
stand_in libnopoll0-dev
check "stand-ins of noPoll's packages" dpkg -i "$work/stand-in/libnopoll0.deb" "$work/stand-in/libnopoll0-dev.deb"
find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path "$root" \) -prune -o -name '*nopoll*' -print 2>/dev/null |
    grep -v -e ^/var/lib/dpkg -e ^/var/cache -e ^/root | sort > "$work/before"
check "ours take their place" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$work"/out/libnopoll*.deb
check "libnopoll0 is ours" version_is libnopoll0 "$version"
check "libnopoll-dev is installed" installed libnopoll-dev
check "libnopoll0-dev is gone" gone libnopoll0-dev
cd "$work/program"
check "a C program, by pkg-config" bash -c 'gcc -Wall -Werror main.c -o c $(pkg-config --cflags --libs nopoll) && ./c'
check "a C program, by -lnopoll alone" bash -c 'gcc -Wall -Werror -I/usr/include/nopoll main.c -o d -lnopoll && ./d'
check "a C program, linked statically by pkg-config" bash -c 'gcc main.c -o s $(pkg-config --cflags nopoll) -Wl,-Bstatic -lnopoll -Wl,-Bdynamic $(pkg-config --static --libs nopoll | sed "s/-lnopoll//") && ./s && ! ldd ./s | grep -q libnopoll'
check "a C++ program" bash -c 'g++ -Wall -Werror main.cc -o cc $(pkg-config --cflags --libs nopoll) && ./cc'
check "the program's package would depend on libnopoll0" bash -c 'mkdir -p debian && printf "Source: x\n\nPackage: x\nArchitecture: any\n" > debian/control && dpkg-shlibdeps -O c | grep -q "libnopoll0 (>= 0.5.0)"'
cd "$root"
check "both are removed" env DEBIAN_FRONTEND=noninteractive apt-get purge -y -q libnopoll-dev libnopoll0
find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path "$root" \) -prune -o -name '*nopoll*' -print 2>/dev/null |
    grep -v -e ^/var/lib/dpkg -e ^/var/cache -e ^/root | sort > "$work/after"
check "nothing is left" cmp "$work/before" "$work/after"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
