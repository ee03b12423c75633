/*
 * nopoll_config.h - what this build offers. The values hold for every Unix with OpenSSL 1.1 or
 * later; the only one that depends on the target asks the compiler.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_CONFIG_H__
#define __NOPOLL_CONFIG_H__

/** A Unix-like platform. */
#define NOPOLL_OS_UNIX (1)

/** Pointers are as wide as long and wider than int. */
#if defined(__LP64__) || defined(_LP64)
# define NOPOLL_64BIT_PLATFORM (1)
#endif

/** The C library has vasprintf. */
#define NOPOLL_HAVE_VASPRINTF (1)

/*
 * The TLS methods there are; each brings its NOPOLL_METHOD_ enumerator. SSLv2, SSLv3 and the old
 * SSLv23 method don't exist any more.
 */
#define NOPOLL_HAVE_TLSv10_ENABLED (1)
#define NOPOLL_HAVE_TLSv11_ENABLED (1)
#define NOPOLL_HAVE_TLSv12_ENABLED (1)
#define NOPOLL_HAVE_TLS_FLEXIBLE_ENABLED (1)

/*
 * Defined by installing a library that was built without TLS: nopoll_private.h then needs no OpenSSL.
 * The TLS functions are declared all the same, and fail.
 */
/* #undef NOPOLL_WITHOUT_TLS */

/** An int in a pointer. */
#ifndef INT_TO_PTR
# define INT_TO_PTR(integer) ((noPollPtr) (long) ((int) (integer)))
#endif

/** The int that INT_TO_PTR stored. */
#ifndef PTR_TO_INT
# define PTR_TO_INT(pointer) ((int) (long) (pointer))
#endif

#endif /* __NOPOLL_CONFIG_H__ */
