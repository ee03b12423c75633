# NOPOLL_SMALL: about 320 KB less for 20 % more instructions per message. Rust's standard library
# is built anew, because the one that comes with the compiler carries what prints backtraces of
# panics; less is copied into its callers, and relocations are packed where the C library knows how.
include(CheckCSourceCompiles)

find_program(NOPOLL_RUSTC NAMES rustc HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin"
  DOC "The Rust compiler that NOPOLL_CARGO uses")
execute_process(COMMAND "${NOPOLL_RUSTC}" -vV OUTPUT_VARIABLE rustc_version
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
if(NOT rustc_version MATCHES "release: [^\n]*nightly" AND NOT "$ENV{RUSTC_BOOTSTRAP}" STREQUAL "1")
  message(FATAL_ERROR "NOPOLL_SMALL builds Rust's standard library, for which Rust wants a nightly "
    "toolchain with its rust-src component (RUSTUP_TOOLCHAIN=nightly), or RUSTC_BOOTSTRAP=1.")
endif()

set(small_target "${NOPOLL_RUST_TARGET}")
if(NOT small_target)
  # Flags must not reach the programs that cargo runs while it builds: it keeps them apart
  # when a target is named.
  string(REGEX REPLACE ".*\nhost: ([^\n]+)\n.*" "\\1" small_target "${rustc_version}")
endif()
set(small_arguments -Zbuild-std=std,panic_unwind -Zbuild-std-features=optimize_for_size)
set(small_rustflags "$ENV{RUSTFLAGS} -Cllvm-args=--inline-threshold=10")
check_c_source_compiles("
  #include <features.h>
  #if !defined __GLIBC__ || !__GLIBC_PREREQ (2, 36)
  # error packed relocations came with 2.36
  #endif
  int main (void) { return 0; }" NOPOLL_PACKED_RELOCATIONS)
if(NOPOLL_PACKED_RELOCATIONS)
  string(APPEND small_rustflags " -Clink-arg=-Wl,-z,pack-relative-relocs")
endif()
string(STRIP "${small_rustflags}" small_rustflags)
