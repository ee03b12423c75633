# The target nopoll-cargo: runs cargo, which knows best what is out of date, on every build, and
# puts the libraries into the build tree under the names they are installed with.

set(cargo_names cargo)
if(NOT "$ENV{CARGO}" STREQUAL "")
  list(PREPEND cargo_names "$ENV{CARGO}")
endif()
find_program(NOPOLL_CARGO NAMES ${cargo_names} HINTS "$ENV{CARGO_HOME}/bin" "$ENV{HOME}/.cargo/bin"
  DOC "The cargo that builds libnopoll")
if(NOT NOPOLL_CARGO)
  message(FATAL_ERROR "cargo was not found. Install Rust 1.85 or later, or set NOPOLL_CARGO.")
endif()

string(TOLOWER "${CMAKE_BUILD_TYPE}" build_type)
if(build_type STREQUAL "debug")
  set(cargo_profile dev)
  set(cargo_profile_dir debug)
elseif(build_type MATCHES "^(relwithdebinfo|minsizerel)$")
  set(cargo_profile ${build_type})
  set(cargo_profile_dir ${build_type})
else()
  set(cargo_profile release)
  set(cargo_profile_dir release)
endif()

set(cargo_arguments --lib --locked --profile ${cargo_profile}
  --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml" --target-dir "${NOPOLL_CARGO_TARGET_DIR}")
if(NOT NOPOLL_TLS OR NOT NOPOLL_DEFLATE)
  # Spelled out only when it differs from the default: otherwise target directories that a plain
  # cargo build shares would be built twice.
  list(APPEND cargo_arguments --no-default-features)
  if(NOPOLL_TLS)
    list(APPEND cargo_arguments --features tls)
  endif()
  if(NOPOLL_DEFLATE)
    list(APPEND cargo_arguments --features deflate)
  endif()
endif()

set(cargo_environment "")
set(cargo_output "${NOPOLL_CARGO_TARGET_DIR}/${cargo_profile_dir}")
set(cargo_target "${NOPOLL_RUST_TARGET}")
if(NOPOLL_SMALL)
  include(cmake/small.cmake)
  set(cargo_target "${small_target}")
  list(APPEND cargo_arguments ${small_arguments})
  list(APPEND cargo_environment "RUSTFLAGS=${small_rustflags}")
endif()
if(cargo_target)
  list(APPEND cargo_arguments --target ${cargo_target})
  set(cargo_output "${NOPOLL_CARGO_TARGET_DIR}/${cargo_target}/${cargo_profile_dir}")
endif()
if(NOPOLL_RUST_TARGET)
  string(TOUPPER "${NOPOLL_RUST_TARGET}" triple)
  string(REPLACE "-" "_" triple "${triple}")
  list(APPEND cargo_environment "CARGO_TARGET_${triple}_LINKER=${CMAKE_C_COMPILER}")
endif()

# Commands run in the source directory, so that cargo finds its configuration there.
set(copy_libraries "")
set(libraries "")
if(NOPOLL_BUILD_SHARED)
  set(library "${PROJECT_BINARY_DIR}/libnopoll.so")
  list(APPEND copy_libraries
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_output}/libnopoll.so" "${library}.0.0.0"
    COMMAND ${CMAKE_COMMAND} -E create_symlink libnopoll.so.0.0.0 "${library}.0"
    COMMAND ${CMAKE_COMMAND} -E create_symlink libnopoll.so.0 "${library}")
  list(APPEND libraries "${library}.0.0.0" "${library}.0" "${library}")
endif()
if(NOPOLL_BUILD_STATIC)
  set(library "${PROJECT_BINARY_DIR}/libnopoll.a")
  list(APPEND copy_libraries
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_output}/libnopoll.a" "${library}")
  list(APPEND libraries "${library}")
endif()

add_custom_target(nopoll-cargo ALL
  COMMAND ${CMAKE_COMMAND} -E env ${cargo_environment}
    ${NOPOLL_CARGO} build ${cargo_arguments} ${NOPOLL_CARGO_FLAGS}
  ${copy_libraries}
  BYPRODUCTS ${libraries}
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "Building libnopoll ${PROJECT_VERSION} with cargo, ${cargo_profile} profile"
  USES_TERMINAL VERBATIM)
