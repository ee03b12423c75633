#!/usr/bin/env bash
# The Debian packages: built, put in the place of noPoll's (empty stand-ins of those names), used by
# programs outside of the tree, and removed without a trace. Must run as root on a Debian system.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(realpath -m "${1:-target/deb-test}")

. tests/checks.sh

# stand_in NAME: an empty package of noPoll's.
stand_in() {
    local tree=$work/stand-in/$1
    mkdir -p "$tree/DEBIAN"
    printf 'Package: %s\nVersion: 0.4.8-1\nArchitecture: %s\nMaintainer: nobody <nobody@example.org>\nDescription: empty stand-in\n' \
        "$1" "$(dpkg --print-architecture)" > "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$tree" "$work/stand-in/$1.deb" >/dev/null
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
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
dev() { dpkg-deb --fsys-tarfile "$work"/out/libnopoll-dev_*.deb | tar -t; }
every_function_has_a_page() {
    diff <(dev | sed -nE 's|^\./usr/share/man/man3/(.*)\.3\.gz$|\1|p' | LC_ALL=C sort | LC_ALL=C comm -12 - tests/data/exports.txt) \
        tests/data/exports.txt && ! dev | grep '/man/man.*[0-9]$'
}
check "libnopoll-dev has a man page for every function, compressed" every_function_has_a_page
check "libnopoll-dev has the overview" grep -qx ./usr/share/man/man7/nopoll.7.gz <(dev)
symbols() {
    diff <(dpkg-deb -I "$work"/out/libnopoll0_*.deb symbols | sed -n 's/^ \(.*\)@Base .*/\1/p' | LC_ALL=C sort) tests/data/exports.txt
}
check "libnopoll0's symbols are the exported functions" symbols
# The first version of a Debian package closes the bug that asks for one: there is none.
check "lintian has no errors and no warnings" lintian --allow-root --fail-on error,warning \
    --suppress-tags initial-upload-closes-no-bugs "$work"/out/libnopoll0_*.deb "$work"/out/libnopoll-dev_*.deb
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)-1
stand_in libnopoll0
stand_in libnopoll0-dev
check "stand-ins of noPoll's packages" dpkg -i "$work/stand-in/libnopoll0.deb" "$work/stand-in/libnopoll0-dev.deb"
find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path "$root" \) -prune -o -name '*nopoll*' -print 2>/dev/null |
    grep -v -e ^/var/lib/dpkg -e ^/var/cache -e ^/root | sort > "$work/before"
check "ours take their place" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Options::=--path-include='/usr/share/man/*' "$work"/out/libnopoll*.deb
check "libnopoll0 is ours" version_is libnopoll0 "$version"
check "libnopoll-dev is installed" installed libnopoll-dev
check "libnopoll0-dev is gone" gone libnopoll0-dev
manual() {
    [ "$(man -w nopoll_conn_new)" = /usr/share/man/man3/nopoll_conn_connect.3.gz ] &&
        man nopoll_conn_new | col -bx | grep -F 'noPollConn *nopoll_conn_new(noPollCtx *ctx, ' && man -w 7 nopoll
}
check "man nopoll_conn_new, man nopoll" manual
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
verdict
