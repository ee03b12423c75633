# The man pages, made from the headers' comments into the build tree's reference/man.

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(NOPOLL_DOXYGEN doxygen DOC "Reads the comments of the headers")
if(NOT NOPOLL_DOXYGEN)
  message(FATAL_ERROR "NOPOLL_BUILD_MAN: doxygen was not found.")
endif()

set(reference "${PROJECT_BINARY_DIR}/reference")
file(GLOB reference_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.h"
  "${PROJECT_SOURCE_DIR}/docs/reference/*")
add_custom_command(OUTPUT "${reference}/man/man7/nopoll.7"
  COMMAND "${PROJECT_SOURCE_DIR}/scripts/reference.sh" "${reference}"
  DEPENDS ${reference_sources} "${PROJECT_SOURCE_DIR}/scripts/reference.sh"
  COMMENT "Making the man pages" VERBATIM)
add_custom_target(nopoll-man ALL DEPENDS "${reference}/man/man7/nopoll.7")
