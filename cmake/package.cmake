# What programs find the library by, nopoll.pc and the CMake package, and what is installed. Both
# find their prefix from where they are, so that an installed tree can be moved.

include(CMakePackageConfigHelpers)

# CMake package: one for the build tree, one to install.
write_basic_package_version_file(nopoll-config-version.cmake COMPATIBILITY SameMajorVersion)
configure_file(cmake/nopoll-targets.cmake nopoll-targets.cmake COPYONLY)
set(NOPOLL_LIBDIR "${PROJECT_BINARY_DIR}")
set(NOPOLL_INCLUDEDIR "${PROJECT_BINARY_DIR}/include")
configure_package_config_file(cmake/nopoll-config.cmake.in nopoll-config.cmake
  INSTALL_DESTINATION "${PROJECT_BINARY_DIR}" INSTALL_PREFIX "${PROJECT_BINARY_DIR}"
  PATH_VARS NOPOLL_LIBDIR NOPOLL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)

if(NOT NOPOLL_INSTALL)
  return()
endif()

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nopoll")
set(NOPOLL_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
set(NOPOLL_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
configure_package_config_file(cmake/nopoll-config.cmake.in install/nopoll-config.cmake
  INSTALL_DESTINATION "${package_dir}" PATH_VARS NOPOLL_LIBDIR NOPOLL_INCLUDEDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)

# pkg-config
set(pc_libs_private "-lpthread -ldl -lm")
if(NOPOLL_TLS)
  string(PREPEND pc_libs_private "-lssl -lcrypto ")
endif()
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH pc_prefix "/${pc_dir}" "/")
  string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
endif()
foreach(name libdir includedir)
  string(TOUPPER "CMAKE_INSTALL_${name}" directory)
  set(pc_${name} "${${directory}}")
  if(NOT IS_ABSOLUTE "${pc_${name}}")
    set(pc_${name} "\${prefix}/${pc_${name}}")
  endif()
endforeach()
configure_file(cmake/nopoll.pc.in install/nopoll.pc @ONLY)

# The runtime component is what a compiled program needs, development all the rest.
if(NOPOLL_BUILD_SHARED)
  set(library_type PROGRAMS)
  if(CMAKE_INSTALL_SO_NO_EXE)
    set(library_type FILES)
  endif()
  install(${library_type} "${PROJECT_BINARY_DIR}/libnopoll.so.0.0.0"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
  install(FILES "${PROJECT_BINARY_DIR}/libnopoll.so.0"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime)
  install(FILES "${PROJECT_BINARY_DIR}/libnopoll.so"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
endif()
if(NOPOLL_BUILD_STATIC)
  install(FILES "${PROJECT_BINARY_DIR}/libnopoll.a"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
endif()
install(DIRECTORY "${headers}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/nopoll"
  COMPONENT development FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/install/nopoll.pc" DESTINATION "${pc_dir}"
  COMPONENT development)
install(FILES
  "${PROJECT_BINARY_DIR}/install/nopoll-config.cmake"
  "${PROJECT_BINARY_DIR}/nopoll-config-version.cmake"
  cmake/nopoll-targets.cmake
  DESTINATION "${package_dir}" COMPONENT development)
if(NOPOLL_BUILD_MAN)
  install(DIRECTORY "${reference}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}"
    COMPONENT development)
endif()
