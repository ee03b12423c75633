/*
 * nopoll_decl.h - scalar types, opaque handles, constants and macros. Including it gives all of
 * nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_DECL_H__
#define __NOPOLL_DECL_H__

/* Programs rely on the GNU extensions of the headers below. */
#if defined(__GNUC__) && !defined(_GNU_SOURCE)
# define _GNU_SOURCE
#endif

#include "nopoll_config.h"

/*
 * Programs rely on getting these from here. FD_SETSIZE is left to the C library: on Linux it
 * can't be raised, and nothing in this library depends on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <ctype.h>
#include <netdb.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <time.h>
#include <errno.h>

#if defined(NOPOLL_HAVE_POLL)
# include <sys/poll.h>
#endif
#if defined(NOPOLL_HAVE_EPOLL)
# include <sys/epoll.h>
#endif

/* C linkage for declarations that C++ programs read. */
#undef BEGIN_C_DECLS
#undef END_C_DECLS
#ifdef __cplusplus
# define BEGIN_C_DECLS extern "C" {
# define END_C_DECLS }
#else
# define BEGIN_C_DECLS
# define END_C_DECLS
#endif

BEGIN_C_DECLS

/** A truth value: 0 is false, anything else is true. */
typedef int nopoll_bool;

#define nopoll_true (1)
#define nopoll_false (0)

/** A pointer the library doesn't look behind. */
typedef void *noPollPtr;

/** A socket descriptor. */
#define NOPOLL_SOCKET int
/** No socket. nopoll_socket_is_valid () tests for any negative value. */
#define NOPOLL_INVALID_SOCKET (-1)
/** What system calls on sockets return on failure. */
#define NOPOLL_SOCKET_ERROR (-1)

/** A context: settings, handlers and the registry of connections. */
typedef struct _noPollCtx noPollCtx;
/** A connection: client, listener or accepted connection. */
typedef struct _noPollConn noPollConn;
/** Options for making connections and listeners. */
typedef struct _noPollConnOpts noPollConnOpts;
/** An I/O engine; see nopoll_io_get_engine (). */
typedef struct _noPollIoEngine noPollIoEngine;
/** A received message, or a part of one. */
typedef struct _noPollMsg noPollMsg;
/** The state of an opening handshake; no function takes or returns it. */
typedef struct _noPollHandshake noPollHandShake;

/**
 * The TLS versions a connection may use, for nopoll_conn_opts_set_ssl_protocol (). The minimum is
 * TLS 1.2; TLSV1 and TLSV1_1 lower it. No value sets a maximum.
 */
typedef enum {
#if defined(NOPOLL_HAVE_SSLv23_ENABLED)
  NOPOLL_METHOD_SSLV23 = 2,
#endif
#if defined(NOPOLL_HAVE_SSLv3_ENABLED)
  NOPOLL_METHOD_SSLV3 = 3,
#endif
#if defined(NOPOLL_HAVE_TLSv10_ENABLED)
  /** TLS 1.0 or later. */
  NOPOLL_METHOD_TLSV1 = 4,
#endif
#if defined(NOPOLL_HAVE_TLSv11_ENABLED)
  /** TLS 1.1 or later. */
  NOPOLL_METHOD_TLSV1_1 = 5,
#endif
#if defined(NOPOLL_HAVE_TLSv12_ENABLED)
  /** TLS 1.2 or later. */
  NOPOLL_METHOD_TLSV1_2 = 6,
#endif
  /** The best version both ends know; the default. */
  NOPOLL_METHOD_TLS_FLEXIBLE = 7
} noPollSslProtocol;

/* errno values under portable names. */
#define NOPOLL_EINTR EINTR
#define NOPOLL_EWOULDBLOCK EWOULDBLOCK
#define NOPOLL_EINPROGRESS EINPROGRESS
#define NOPOLL_ENOTCONN ENOTCONN
#define NOPOLL_EAGAIN EAGAIN

/** True when the last failed write found the peer gone. */
#define nopoll_is_disconnected (errno == EPIPE)

/** Closes a descriptor unless it is negative. Evaluates its argument more than once. */
#define nopoll_close_socket(s) do { if ((s) >= 0) { close (s); } } while (0)

/** A zeroed array of count objects, to be released with nopoll_free (); NULL without memory. */
#define nopoll_new(type, count) ((type *) nopoll_calloc ((count), sizeof (type)))

/** No line of an opening handshake may be longer, line end and a NUL included. */
#define NOPOLL_HANDSHAKE_BUFFER_SIZE 8192

/** The frame limit of a new context: 16 MiB. */
#define NOPOLL_MAX_FRAME_SIZE_DEFAULT 16777216
/** The largest frame limit there is. */
#define NOPOLL_MAX_FRAME_SIZE_LIMIT 2147483646

/*
 * What nopoll_msg_get_payload_size () is declared to return: int, as programs written for noPoll
 * up to 0.4.9 expect, or long for those that define NOPOLL_LONG_PAYLOAD_SIZE. The library returns
 * a long in either case.
 */
#if defined(NOPOLL_LONG_PAYLOAD_SIZE)
# define NOPOLL_PAYLOAD_SIZE long int
#else
# define NOPOLL_PAYLOAD_SIZE int
#endif

/* Where a log record comes from. */
#define __NOPOLL_PRETTY_FUNCTION__ __PRETTY_FUNCTION__
#define __NOPOLL_FILE__ __FILE__
#define __NOPOLL_LINE__ __LINE__

/**
 * Unless expr holds, logs that on ctx, which may be NULL, and returns from the calling function.
 * Expands to a braced if: not for the body of an if without braces that has an else.
 */
#define nopoll_return_if_fail(ctx, expr) \
  if (!(expr)) { \
    __nopoll_log (ctx, __NOPOLL_PRETTY_FUNCTION__, __NOPOLL_FILE__, __NOPOLL_LINE__, \
                  NOPOLL_LEVEL_CRITICAL, "'%s' does not hold in %s, %s:%d", \
                  #expr, __NOPOLL_PRETTY_FUNCTION__, __NOPOLL_FILE__, __NOPOLL_LINE__); \
    return; \
  }

/** As nopoll_return_if_fail (), returning val. */
#define nopoll_return_val_if_fail(ctx, expr, val) \
  if (!(expr)) { \
    __nopoll_log (ctx, __NOPOLL_PRETTY_FUNCTION__, __NOPOLL_FILE__, __NOPOLL_LINE__, \
                  NOPOLL_LEVEL_CRITICAL, "'%s' does not hold in %s, %s:%d: returning %s", \
                  #expr, __NOPOLL_PRETTY_FUNCTION__, __NOPOLL_FILE__, __NOPOLL_LINE__, #val); \
    return val; \
  }

END_C_DECLS

#include "nopoll.h"

#endif /* __NOPOLL_DECL_H__ */
