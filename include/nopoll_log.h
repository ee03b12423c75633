/*
 * nopoll_log.h - the logging macro for programs that log through this library. Including it gives
 * all of nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_LOG_H__
#define __NOPOLL_LOG_H__

#include "nopoll_decl.h"

#define __function_name__ __NOPOLL_PRETTY_FUNCTION__
#define __file__ __NOPOLL_FILE__
#define __line__ __NOPOLL_LINE__

/*
 * nopoll_log (ctx, level, format, ...) logs only in sources compiled with SHOW_DEBUG_LOG and is
 * nothing, its arguments unevaluated, in others. SHOW_FORMAT_BUGS turns it into a plain printf, so
 * that the compiler checks the formats. ctx may be NULL: then nothing is logged.
 */
#if defined(SHOW_FORMAT_BUGS)
# define nopoll_log(ctx, level, ...) printf (__VA_ARGS__)
#elif defined(SHOW_DEBUG_LOG)
# define nopoll_log(ctx, level, ...) \
  do { \
    __nopoll_log (ctx, __function_name__, __file__, __line__, level, __VA_ARGS__); \
  } while (0)
#else
# define nopoll_log(ctx, level, ...)
#endif

#endif /* __NOPOLL_LOG_H__ */
