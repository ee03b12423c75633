#!/usr/bin/env bash
# The library as other projects meet it: built and installed by CMake into an empty prefix, then found
# by find_package, pkg-config and plain -lnopoll, from C and C++, shared and static.
#
#   tests/cmake/run.sh
#
# Works below the cargo target directory. Prints a line per check and "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
work=$CARGO_TARGET_DIR/cmake-test
build=$CARGO_TARGET_DIR/cmake/plain
prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work"

. tests/checks.sh
refuses() { ! "$@"; }
says() { # says TEXT COMMAND...: fails, and the output names the reason
    local text=$1 output
    shift
    output=$("$@" 2>&1) && return 1
    echo "$output"
    grep -qF -- "$text" <<<"$(tr -s '\n ' ' ' <<<"$output")"
}

# -- What the programs are made of ----------------------------------------------------------------

soname() { readelf -d "$1" | sed -nE 's/.*\(SONAME\).*\[(.*)\]/\1/p'; }
uses_shared() { grep -q 'NEEDED.*\[libnopoll\.so\.0\]' <<<"$(readelf -d "$1")"; }
exchanges() { [ "$("$1")" = "exchanged: hello" ]; }
is_shared() { uses_shared "$1" && exchanges "$1"; }
is_static() { ! uses_shared "$1" && exchanges "$1"; }
links() { # links DIRECTORY: the chain a linker and a loader follow
    [ "$(readlink "$1/libnopoll.so")" = libnopoll.so.0 ] &&
        [ "$(readlink "$1/libnopoll.so.0")" = libnopoll.so.0.0.0 ] &&
        [ "$(soname "$1/libnopoll.so.0.0.0")" = libnopoll.so.0 ]
}

# outside NAME PREFIX ARGUMENT...: configures the outside project afresh against a prefix.
outside() {
    local name=$1 where=$2
    shift 2
    rm -f "$work/$name/CMakeCache.txt"
    cmake -S tests/cmake/outside -B "$work/$name" -DCMAKE_PREFIX_PATH="$where" "$@"
}
# outside_is KIND NAME PREFIX LINK ARGUMENT...: builds it and runs all of its programs.
outside_is() {
    local kind=$1 name=$2 where=$3 link=$4 program count=0
    shift 4
    outside "$name" "$where" -DLINK="$link" "$@" && cmake --build "$work/$name" -j2 || return 1
    for program in "$work/$name/${link#nopoll::}"-*; do
        [ -x "$program" ] || continue
        "is_$kind" "$program" || return 1
        count=$((count + 1))
    done
    [ $count -eq 4 ]
}

pkgconfig() { PKG_CONFIG_PATH=$1/lib/pkgconfig pkg-config "${@:2}" nopoll; }
# by_pkgconfig KIND PREFIX COMPILER SOURCE OPTION...
by_pkgconfig() {
    local kind=$1 where=$2 compiler=$3 source=$4
    shift 4
    # shellcheck disable=SC2046 # these are words
    $compiler "tests/cmake/outside/$source" -o "$work/pkgconfig" $(pkgconfig "$where" --cflags --libs "$@") &&
        LD_LIBRARY_PATH=$where/lib "is_$kind" "$work/pkgconfig"
}

# -- Building and installing ----------------------------------------------------------------------

check "the library and the examples build" scripts/examples.sh
check "soname and links in the build tree" links "$build"
check "installing" cmake --install "$build" --prefix "$prefix"
check "soname and links in the prefix" links "$prefix/lib"
installed() {
    diff <(cd "$prefix" && find . -type f -o -type l | LC_ALL=C sort) <({
        (cd include && find . -name '*.h' | sed 's|^\.|./include/nopoll|')
        printf './lib/%s\n' libnopoll.{a,so,so.0,so.0.0.0} pkgconfig/nopoll.pc \
            cmake/nopoll/nopoll-{config,config-version,targets}.cmake
    } | LC_ALL=C sort)
}
check "nothing else than the library's files is installed" installed
runtime_only() {
    cmake --install "$build" --prefix "$work/runtime" --component runtime &&
        [ "$(cd "$work/runtime" && find . ! -type d | sort | xargs)" = "./lib/libnopoll.so.0 ./lib/libnopoll.so.0.0.0" ]
}
check "the runtime component is the shared library under its soname" runtime_only
staged() {
    DESTDIR=$work/stage cmake --install "$build" --prefix /usr &&
        [ -e "$work/stage/usr/include/nopoll/nopoll.h" ]
}
check "DESTDIR is honoured" staged
check "building again has cargo look and copies nothing" test -z \
    "$(touch "$work/before" && cmake --build "$build" >/dev/null 2>&1 && find "$build" -name 'libnopoll.*' -type f -newer "$work/before")"

manual() {
    cmake -S . -B "$work/manual" -DNOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" -DNOPOLL_BUILD_MAN=ON &&
        cmake --build "$work/manual" -j2 &&
        cmake --install "$work/manual" --prefix "$work/manual-prefix" --component development &&
        diff <(cd "$work/manual-prefix/share/man" && find . -type f | LC_ALL=C sort) \
            <(cd "$work/manual/reference/man" && find . -type f | LC_ALL=C sort) &&
        [ "$(man -M "$work/manual-prefix/share/man" -w nopoll_conn_new)" = \
            "$work/manual-prefix/share/man/man3/nopoll_conn_connect.3" ]
}
check "NOPOLL_BUILD_MAN=ON installs the man pages, and man finds them" manual

# -- find_package ---------------------------------------------------------------------------------

check "find_package: nopoll::nopoll is the shared library" \
    outside_is shared default "$prefix" nopoll::nopoll
check "find_package: nopoll::shared" outside_is shared default "$prefix" nopoll::shared
check "find_package: nopoll::static" outside_is static default "$prefix" nopoll::static
check "find_package with the component static" \
    outside_is static component "$prefix" nopoll::nopoll -DCOMPONENTS=static
check "find_package with the component shared, BUILD_SHARED_LIBS off" outside_is shared component-shared \
    "$prefix" nopoll::nopoll -DCOMPONENTS=shared -DBUILD_SHARED_LIBS=OFF
check "find_package with BUILD_SHARED_LIBS off" \
    outside_is static setting "$prefix" nopoll::nopoll -DBUILD_SHARED_LIBS=OFF
check "find_package of a version such as programs for noPoll ask for" \
    outside refused "$prefix" -DVERSION_WANTED=0.4.6
check "find_package of a later version is refused" \
    says 'compatible with requested version "0.9"' outside refused "$prefix" -DVERSION_WANTED=0.9
check "find_package of a component that isn't there is refused" \
    says 'no component wss' outside refused "$prefix" -DCOMPONENTS=wss
check "without OpenSSL's development files the shared library can be linked" outside_is shared \
    no-openssl "$prefix" nopoll::nopoll -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
check "without OpenSSL's development files the static library is refused by name" \
    says 'OpenSSL' outside no-openssl-static "$prefix" -DCOMPONENTS=static \
    -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
check "find_package in the build tree" \
    outside_is shared tree /nowhere nopoll::nopoll -Dnopoll_DIR="$build"
check "add_subdirectory" outside_is shared part /nowhere nopoll::nopoll -DSOURCE="$root" \
    -DNOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR"
not_installed() { cmake --install "$work/part" --prefix "$work/part-prefix" && [ ! -e "$work/part-prefix/lib" ]; }
check "add_subdirectory installs nothing of the library's" not_installed
strict() {
    local source
    for source in c-examples/*.c; do
        "$1" -std=c99 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wconversion -Werror \
            -Iinclude -c "$source" -o "$work/strict.o" || return 1
    done
}
check "the examples are C99 without warnings: gcc" strict gcc
check "the examples are C99 without warnings: clang" strict clang
examples_alone() {
    cmake -S c-examples -B "$work/examples" -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$work/examples" -j2 && uses_shared "$work/examples/echo_server"
}
check "the examples build by themselves against the installed library" examples_alone

# -- pkg-config and none --------------------------------------------------------------------------

check "pkg-config: version" test "$(pkgconfig "$prefix" --modversion)" = 0.5.0
check "pkg-config: name and flags" grep -qxF -e 'Name: libNoPoll' "$prefix/lib/pkgconfig/nopoll.pc"
for source in program.c program.cc; do
    compiler=cc
    [ $source = program.c ] || compiler=c++
    check "pkg-config: $source, shared" by_pkgconfig shared "$prefix" $compiler $source
    plainly() { # plainly KIND OPTION...
        $compiler -I"$prefix/include/nopoll" "tests/cmake/outside/$source" -o "$work/plain" "${@:2}" &&
            LD_LIBRARY_PATH=$prefix/lib "is_$1" "$work/plain"
    }
    check "-lnopoll: $source, shared" plainly shared -L"$prefix/lib" -lnopoll
    check "libnopoll.a: $source" plainly static "$prefix/lib/libnopoll.a" -lssl -lcrypto -lpthread -ldl -lm
done
spelled() {
    cc -I"$prefix/include" -DWITH_DIRECTORY tests/cmake/outside/program.c -o "$work/plain" \
        -L"$prefix/lib" -Wl,-rpath,"$prefix/lib" -lnopoll && is_shared "$work/plain"
}
check "<nopoll/nopoll.h> with nothing but the include directory" spelled

# A prefix with the static library only.
static_only() {
    cmake -S . -B "$work/static-build" -DNOPOLL_CARGO_TARGET_DIR="$CARGO_TARGET_DIR" \
        -DNOPOLL_BUILD_SHARED=OFF && cmake --build "$work/static-build" &&
        cmake --install "$work/static-build" --prefix "$work/static" &&
        [ ! -e "$work/static/lib/libnopoll.so" ]
}
check "NOPOLL_BUILD_SHARED=OFF installs no shared library" static_only
check "pkg-config --static: program.c" by_pkgconfig static "$work/static" cc program.c --static
check "pkg-config --static: program.cc" by_pkgconfig static "$work/static" c++ program.cc --static
check "find_package where only the static library is: nopoll::nopoll is that" \
    outside_is static only "$work/static" nopoll::nopoll
check "find_package where only the static library is: the component shared is refused" \
    says 'no component shared' outside refused "$work/static" -DCOMPONENTS=shared

mv "$prefix" "$work/moved"
check "a moved prefix: pkg-config" by_pkgconfig shared "$work/moved" cc program.c
check "a moved prefix: find_package" outside_is shared moved "$work/moved" nopoll::nopoll

# What a plain cargo build leaves. The loader looks for the soname.
plain_cargo() {
    cargo build -q --release && mkdir -p "$work/cargo" &&
        ln -sf "$CARGO_TARGET_DIR/release/libnopoll.so" "$work/cargo/libnopoll.so.0" &&
        cc -Iinclude tests/cmake/outside/program.c -o "$work/plain" -L"$CARGO_TARGET_DIR/release" \
            -lnopoll && LD_LIBRARY_PATH=$work/cargo is_shared "$work/plain" &&
        cc -Iinclude tests/cmake/outside/program.c -o "$work/plain" \
            "$CARGO_TARGET_DIR/release/libnopoll.a" -lssl -lcrypto -lpthread -ldl -lm &&
        is_static "$work/plain"
}
check "cargo build --release is enough" plain_cargo

# -- How cargo is called --------------------------------------------------------------------------

export FAKE_CARGO_LOG=$work/fake-cargo.log
# calls TEXT ARGUMENT...: with these arguments for cmake, a build calls cargo so.
calls() {
    local text=$1
    shift
    rm -rf "$work/fake" "$FAKE_CARGO_LOG"
    CARGO=$root/tests/cmake/fake-cargo cmake -S . -B "$work/fake" "$@" &&
        cmake --build "$work/fake" && cat "$FAKE_CARGO_LOG" && grep -qE -- "$text" "$FAKE_CARGO_LOG"
}
check "cargo: \$CARGO is used, in the source directory" calls "^directory $root$"
check "cargo: the lock file is kept to" calls '^arguments build .*--locked'
spaced() {
    CARGO=$root/tests/cmake/fake-cargo cmake -S . -B "$work/with space" &&
        cmake --build "$work/with space" && [ -s "$work/with space/libnopoll.so.0" ]
}
check "cargo: a build tree with a space in its name" spaced
check "cargo: builds in the build tree" calls "--target-dir $work/fake/cargo"
check "cargo: no build type is a release build" calls '--profile release'
check "cargo: Debug" calls '--profile dev' -DCMAKE_BUILD_TYPE=Debug
check "cargo: RelWithDebInfo" calls '--profile relwithdebinfo' -DCMAKE_BUILD_TYPE=RelWithDebInfo
check "cargo: MinSizeRel" calls '--profile minsizerel' -DCMAKE_BUILD_TYPE=MinSizeRel
check "cargo: without TLS" calls '--no-default-features --features deflate *$' -DNOPOLL_TLS=OFF
check "pkg-config: without TLS OpenSSL is not named" grep -qx 'Libs.private: -lpthread -ldl -lm' \
    "$work/fake/install/nopoll.pc"
headers_do_without_tls() {
    cmake --install "$work/fake" --prefix "$work/no-tls" >/dev/null &&
        printf '#include <nopoll_private.h>\nvoid *tls (noPollConn *conn) { return conn->ssl; }\n' |
        cc -E -I"$work/no-tls/include/nopoll" -xc - >"$work/no-tls.i" &&
        ! grep -q 'openssl/' "$work/no-tls.i"
}
check "headers: without TLS OpenSSL's are not included" headers_do_without_tls
check "cargo: without deflate" calls '--no-default-features --features tls *$' -DNOPOLL_DEFLATE=OFF
check "cargo: further arguments" calls '--offline -j3 *$' '-DNOPOLL_CARGO_FLAGS=--offline;-j3'
check "cargo: another target, linked by CMake's compiler" \
    calls '^CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=.*/cc' -DNOPOLL_RUST_TARGET=aarch64-unknown-linux-gnu
small() { # small TEXT ARGUMENT...: how NOPOLL_SMALL calls cargo, on any compiler
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Copt-level=1 calls "$1" -DNOPOLL_SMALL=ON "${@:2}"
}
check "cargo: small builds the standard library, for the host" \
    small "-Zbuild-std=.* --target $(rustc -vV | sed -n 's/^host: //p')"
check "cargo: small adds to flags that are set" small '^RUSTFLAGS=-Copt-level=1 -C.*inline-threshold'
check "cargo: small, for another target" small '--target aarch64-unknown-linux-gnu' \
    -DNOPOLL_RUST_TARGET=aarch64-unknown-linux-gnu
small_on_stable() { env -u RUSTC_BOOTSTRAP RUSTUP_TOOLCHAIN=stable cmake -S . -B "$work/stable" -DNOPOLL_SMALL=ON; }
check "small says that it wants a nightly Rust" says 'RUSTC_BOOTSTRAP=1' small_on_stable
check "cross-compiling without a target is refused" \
    says 'NOPOLL_RUST_TARGET' calls . -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64
check "neither shared nor static is refused" \
    says 'both off' calls . -DNOPOLL_BUILD_SHARED=OFF -DNOPOLL_BUILD_STATIC=OFF

verdict
