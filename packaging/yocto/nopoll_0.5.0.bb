SUMMARY = "WebSocket (RFC 6455) for C programs"
DESCRIPTION = "Clients and servers, with or without an event loop, behind noPoll's API and soname."
HOMEPAGE = "https://example.org/libnopoll"
BUGTRACKER = "https://example.org/libnopoll/issues"
SECTION = "libs"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE-MIT;md5=2039f6321be8a78bb286d5eacc56c2f2 \
                    file://LICENSE-APACHE;md5=86d3f3a95c324c9479bd8986968f4327"

DEPENDS = "openssl cargo-native"

inherit cmake cargo_common pkgconfig externalsrc

EXTERNALSRC = "${THISDIR}/../.."
EXTRA_OECMAKE = "-DNOPOLL_RUST_TARGET=${RUST_TARGET_SYS} -DNOPOLL_CARGO=${STAGING_BINDIR_NATIVE}/cargo"

do_compile[network] = "0"

BBCLASSEXTEND = "native nativesdk"
