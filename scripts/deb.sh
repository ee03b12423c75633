#!/usr/bin/env bash
# Builds the Debian packages libnopoll0 and libnopoll-dev for this machine's architecture.
#
#   scripts/deb.sh [DIR]      where to put them; default: target/deb
#
# libnopoll0 has the name of noPoll's own runtime package and a higher version: it upgrades it.
# libnopoll-dev replaces noPoll's libnopoll0-dev. Needs Rust, gcc, CMake,
# Doxygen and dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
out=$(realpath -m "${1:-target/deb}")
for tool in dpkg-shlibdeps dpkg-gensymbols dpkg-deb cmake doxygen; do
    command -v "$tool" >/dev/null || { echo "missing: $tool (apt-get install dpkg-dev cmake doxygen)" >&2; exit 1; }
done
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
arch=$(dpkg --print-architecture)
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
revision=$version-1
work=$out/work
rm -rf "$work"
mkdir -p "$work/debian"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}"

cmake -S . -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
    -DCMAKE_INSTALL_LIBDIR="lib/$multiarch" -DCMAKE_INSTALL_SO_NO_EXE=1 -DNOPOLL_BUILD_MAN=ON \
    ${NOPOLL_CARGO_TARGET_DIR:+-DNOPOLL_CARGO_TARGET_DIR="$NOPOLL_CARGO_TARGET_DIR"} >/dev/null
cmake --build "$work/build"
DESTDIR=$work/libnopoll0 cmake --install "$work/build" --component runtime >/dev/null
DESTDIR=$work/libnopoll-dev cmake --install "$work/build" --component development >/dev/null
strip --strip-unneeded "$work/libnopoll0/usr/lib/$multiarch/libnopoll.so.0.0.0"
strip --strip-debug --enable-deterministic-archives "$work/libnopoll-dev/usr/lib/$multiarch/libnopoll.a"

# What dpkg's tools expect to find in a source tree.
cat > "$work/debian/control" <<EOF
Source: nopoll
Maintainer: libnopoll authors <libnopoll@example.org>

Package: libnopoll0
Architecture: any
Description: WebSocket library
EOF
lib=$work/libnopoll0/usr/lib/$multiarch/libnopoll.so.0.0.0
depends=$(cd "$work" && dpkg-shlibdeps -O "$lib" | sed -n 's/^shlibs:Depends=//p')

# common PACKAGE: the files every package has, and DEBIAN/md5sums.
common() {
    local doc=$work/$1/usr/share/doc/$1
    install -d "$doc" "$work/$1/DEBIAN"
    {
        printf 'Licence: MIT or Apache-2.0, at your choice (SPDX: MIT OR Apache-2.0).\n\n'
        cat "$root/LICENSE-MIT"
        printf '\nThe Apache Licence 2.0 is in /usr/share/common-licenses/Apache-2.0.\n'
    } > "$doc/copyright"
    printf 'nopoll (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- libnopoll authors <libnopoll@example.org>  %s\n' \
        "$revision" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" | gzip -9n > "$doc/changelog.Debian.gz"
    gzip -9nc "$root/CHANGELOG.md" > "$doc/changelog.gz"
    (cd "$work/$1" && find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums)
    size=$(du -sk --exclude=DEBIAN "$work/$1" | cut -f1)
}

common libnopoll0
cat > "$work/libnopoll0/DEBIAN/control" <<EOF
Package: libnopoll0
Source: nopoll
Version: $revision
Architecture: $arch
Multi-Arch: same
Maintainer: libnopoll authors <libnopoll@example.org>
Installed-Size: $size
Depends: $depends
Section: libs
Priority: optional
Homepage: https://example.org/libnopoll
Description: WebSocket (RFC 6455) for C programs - shared library
 Clients and servers, plain and over TLS, with or without an event loop, behind
 noPoll's API: programs linked against noPoll's libnopoll.so.0 run with this
 one unchanged.
EOF
printf 'activate-noawait ldconfig\n' > "$work/libnopoll0/DEBIAN/triggers"
printf 'libnopoll 0 libnopoll0 (>= %s)\n' "$version" > "$work/libnopoll0/DEBIAN/shlibs"
# -c4: each function is in the list of those that programs may depend on, and the reverse.
(cd "$work" && dpkg-gensymbols -c4 -plibnopoll0 -v"$version" -I"$root/packaging/debian/libnopoll0.symbols" \
    -Plibnopoll0 -Olibnopoll0/DEBIAN/symbols >/dev/null)

find "$work/libnopoll-dev/usr/share/man" -type f -exec gzip -9n {} +
examples=$work/libnopoll-dev/usr/share/doc/libnopoll-dev/examples
install -d "$examples"
find c-examples -maxdepth 1 \( -name '*.c' -o -name '*.h' \) -exec install -m 644 -t "$examples" {} +
common libnopoll-dev
cat > "$work/libnopoll-dev/DEBIAN/control" <<EOF
Package: libnopoll-dev
Source: nopoll
Version: $revision
Architecture: $arch
Multi-Arch: same
Maintainer: libnopoll authors <libnopoll@example.org>
Installed-Size: $size
Depends: libnopoll0 (= $revision), libssl-dev
Provides: libnopoll0-dev (= $revision)
Conflicts: libnopoll0-dev
Replaces: libnopoll0-dev
Section: libdevel
Priority: optional
Homepage: https://example.org/libnopoll
Description: WebSocket (RFC 6455) for C programs - development files
 Headers, static library, man pages, pkg-config file and CMake package of
 libnopoll, which has noPoll's API.
EOF

for package in libnopoll0 libnopoll-dev; do
    dpkg-deb --root-owner-group --build "$work/$package" "$out/${package}_${revision}_$arch.deb" >/dev/null
    echo "$out/${package}_${revision}_$arch.deb"
done
