# The imported targets of libnopoll, made alike in its own build, in packages from its build tree and
# in installed packages.

# nopoll_import(KIND LIBDIR INCLUDEDIR TLS): makes nopoll::shared or nopoll::static, unless there is
# one. INCLUDEDIR has the headers in a directory nopoll; both <nopoll.h> and <nopoll/nopoll.h> work.
function(nopoll_import kind libdir includedir tls)
  if(TARGET nopoll::${kind})
    return()
  endif()
  if(kind STREQUAL "shared")
    add_library(nopoll::shared SHARED IMPORTED)
    set_target_properties(nopoll::shared PROPERTIES
      IMPORTED_LOCATION "${libdir}/libnopoll.so.0.0.0" IMPORTED_SONAME libnopoll.so.0)
  else()
    set(system pthread ${CMAKE_DL_LIBS} m)
    if(tls)
      list(PREPEND system OpenSSL::SSL OpenSSL::Crypto)
    endif()
    add_library(nopoll::static STATIC IMPORTED)
    set_target_properties(nopoll::static PROPERTIES
      IMPORTED_LOCATION "${libdir}/libnopoll.a" IMPORTED_LINK_INTERFACE_LANGUAGES C
      INTERFACE_LINK_LIBRARIES "${system}")
  endif()
  set_target_properties(nopoll::${kind} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${includedir}/nopoll;${includedir}")
endfunction()

# nopoll_choose(RESULT WANTED KIND...): which of the KINDs that exist nopoll::nopoll stands for: the
# one WANTED if it names just one, else static if BUILD_SHARED_LIBS is off, else shared.
function(nopoll_choose result wanted)
  set(choice shared)
  if(wanted STREQUAL "static" OR wanted STREQUAL "shared")
    set(choice ${wanted})
  elseif(DEFINED BUILD_SHARED_LIBS AND NOT BUILD_SHARED_LIBS)
    set(choice static)
  endif()
  if(NOT choice IN_LIST ARGN)
    list(GET ARGN 0 choice)
  endif()
  set(${result} ${choice} PARENT_SCOPE)
endfunction()

# nopoll_import_default(KIND): makes nopoll::nopoll, unless there is one.
function(nopoll_import_default kind)
  if(NOT TARGET nopoll::nopoll)
    add_library(nopoll::nopoll INTERFACE IMPORTED)
    set_target_properties(nopoll::nopoll PROPERTIES INTERFACE_LINK_LIBRARIES nopoll::${kind})
  endif()
endfunction()
