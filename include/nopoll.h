/*
 * nopoll.h - WebSocket (RFC 6455) for C programs, with noPoll's API.
 *
 * Written by `UPDATE_HEADER=1 cargo test --test header` from src/ffi/nopoll.h.in and the sources
 * in src/abi and src/ffi. Don't edit it.
 *
 * What holds for every function, unless it says otherwise:
 *
 * - A NULL object is never an error that crashes: setters do nothing, getters return NULL, 0 or -1
 *   as documented.
 * - Strings and buffers given to a function are copied; the caller keeps its own. Strings returned
 *   as `const char *` belong to the object they were asked from and live as long as it does.
 *   Strings returned as `char *` are the caller's, to be released with nopoll_free () or free ().
 * - `errno` is left as it was on entry, unless the function documents a value.
 * - Handlers run synchronously on the thread that called into the library, with no lock held. They
 *   may call any function, also on the object they were called for.
 * - Any thread may use any object at any time. The library starts no threads.
 * - Times are in microseconds (µs) unless a function says seconds or milliseconds. Sizes are in
 *   bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_H__
#define __NOPOLL_H__

#include "nopoll_decl.h"

#if defined(_WIN32)
# include "nopoll_win32.h"
#endif

BEGIN_C_DECLS

/** How serious a log record is. */
typedef enum {
  /** Normal progress. */
  NOPOLL_LEVEL_DEBUG = 0,
  /** Odd, but handled. */
  NOPOLL_LEVEL_WARNING = 1,
  /** A failure. */
  NOPOLL_LEVEL_CRITICAL = 2,
  /** For programs that log through this library; it writes no such records itself. */
  NOPOLL_LEVEL_INFO = 3
} noPollDebugLevel;

/** What a connection object is. */
typedef enum {
  /** Nothing; also the answer for NULL. */
  NOPOLL_ROLE_UNKNOWN = 0,
  /** Connected to a server by one of the `nopoll_conn_new` family. */
  NOPOLL_ROLE_CLIENT = 1,
  /** Accepted by a listener. */
  NOPOLL_ROLE_LISTENER = 2,
  /** A listening socket. */
  NOPOLL_ROLE_MAIN_LISTENER = 3
} noPollRole;

/** The mechanism to wait with. There is only one: every value gives the same engine. */
typedef enum {
  /** The best there is. */
  NOPOLL_IO_ENGINE_DEFAULT = 0,
  /** Named after select(2). */
  NOPOLL_IO_ENGINE_SELECT = 1,
  /** Named after poll(2). */
  NOPOLL_IO_ENGINE_POLL = 2,
  /** Named after epoll(7). */
  NOPOLL_IO_ENGINE_EPOLL = 3
} noPollIoEngineType;

/** The opcode of a frame (RFC 6455 §5.2). Received frames may carry other values, 3-7 and 11-15. */
typedef enum {
  /** No opcode; the answer for NULL. */
  NOPOLL_UNKNOWN_OP_CODE = -1,
  /** Continues a fragmented message. */
  NOPOLL_CONTINUATION_FRAME = 0,
  /** UTF-8 text. */
  NOPOLL_TEXT_FRAME = 1,
  /** Bytes. */
  NOPOLL_BINARY_FRAME = 2,
  /** Closing handshake. */
  NOPOLL_CLOSE_FRAME = 8,
  /** Asks for a pong. */
  NOPOLL_PING_FRAME = 9,
  /** Answers a ping. */
  NOPOLL_PONG_FRAME = 10
} noPollOpCode;

/** Which addresses to use. */
typedef enum {
  /** IPv4 only. */
  NOPOLL_TRANSPORT_IPV4 = 1,
  /** IPv6 only. */
  NOPOLL_TRANSPORT_IPV6 = 2,
  /** Both families. */
  NOPOLL_TRANSPORT_AUTO = 3
} noPollTransport;

/** How received frames become messages. */
typedef enum {
  /** One message per frame, however it arrives. Frames of a fragmented message stay separate. */
  NOPOLL_DELIVER_FRAMES = 0,
  /** Bytes as they come: a frame may arrive as several messages. */
  NOPOLL_DELIVER_PIECES = 1,
  /** Whole WebSocket messages, joined from their frames. */
  NOPOLL_DELIVER_MESSAGES = 2
} noPollDelivery;

/** Why a connection never got ready or was dropped. */
typedef enum {
  /** Nothing went wrong. */
  NOPOLL_ERROR_NONE = 0,
  /** A constructor's argument. */
  NOPOLL_ERROR_ARGUMENT,
  /** The name or service could not be resolved. */
  NOPOLL_ERROR_RESOLVE,
  /** No TCP connection. */
  NOPOLL_ERROR_CONNECT,
  /** It took longer than allowed. */
  NOPOLL_ERROR_TIMEOUT,
  /** TLS: certificates, verification, handshake. */
  NOPOLL_ERROR_TLS,
  /** The HTTP part of the handshake. */
  NOPOLL_ERROR_HTTP,
  /** A handler, or the peer, said no. */
  NOPOLL_ERROR_REJECTED,
  /** The peer violated RFC 6455. */
  NOPOLL_ERROR_PROTOCOL,
  /** Something was larger than allowed. */
  NOPOLL_ERROR_LIMIT,
  /** The peer closed the connection. */
  NOPOLL_ERROR_PEER_CLOSED,
  /** Reading or writing failed. */
  NOPOLL_ERROR_IO
} noPollError;

/**
 * Judges an event of a connection: on accept, on open, on ready. False drops the connection.
 *
 * Runs on the thread whose call noticed the event, with no lock held: every function of this
 * library may be called from it, also on `conn` itself.
 */
typedef nopoll_bool (*noPollActionHandler)(noPollCtx *ctx, noPollConn *conn, noPollPtr user_data);

/** Shape of an I/O engine's operation; can't be installed. */
typedef noPollPtr (*noPollIoMechCreate)(noPollCtx *ctx);

/** Shape of an I/O engine's operation; can't be installed. */
typedef void (*noPollIoMechDestroy)(noPollCtx *ctx, noPollPtr io_object);

/** Shape of an I/O engine's operation; can't be installed. */
typedef void (*noPollIoMechClear)(noPollCtx *ctx, noPollPtr io_object);

/** Shape of an I/O engine's operation; can't be installed. */
typedef int (*noPollIoMechWait)(noPollCtx *ctx, noPollPtr io_object);

/** Shape of an I/O engine's operation; can't be installed. */
typedef nopoll_bool (*noPollIoMechAddTo)(int fds,
                                         noPollCtx *ctx,
                                         noPollConn *conn,
                                         noPollPtr io_object);

/** Shape of an I/O engine's operation; can't be installed. */
typedef nopoll_bool (*noPollIoMechIsSet)(noPollCtx *ctx, int fds, noPollPtr io_object);

/** Visits a connection for `nopoll_ctx_foreach_conn`. True ends the iteration with `conn`. */
typedef nopoll_bool (*noPollForeachConn)(noPollCtx *ctx, noPollConn *conn, noPollPtr user_data);

/** Shape of a connection's transport operation; can't be installed. */
typedef int (*noPollRead)(noPollConn *conn, char *buffer, int buffer_size);

/**
 * Gets a message that the loop received. The library drops its reference when the handler returns;
 * `nopoll_msg_ref` keeps the message longer. Without that, object and payload may become those of
 * the next message. `errno` is 0 on entry.
 */
typedef void (*noPollOnMessageHandler)(noPollCtx *ctx,
                                       noPollConn *conn,
                                       noPollMsg *msg,
                                       noPollPtr user_data);

/**
 * Told once that a connection is about to lose its socket, whatever the reason. The descriptor
 * is still open; storing -1 with `nopoll_conn_set_socket` keeps it open.
 */
typedef void (*noPollOnCloseHandler)(noPollCtx *ctx, noPollConn *conn, noPollPtr user_data);

/** Makes a mutex, unlocked; NULL when it can't. */
typedef noPollPtr (*noPollMutexCreate)(void);

/** Destroys a mutex, which is unlocked. */
typedef void (*noPollMutexDestroy)(noPollPtr mutex);

/** Locks a mutex, waiting for it. */
typedef void (*noPollMutexLock)(noPollPtr mutex);

/** Unlocks a mutex that the calling thread has locked. */
typedef void (*noPollMutexUnlock)(noPollPtr mutex);

/**
 * Gets every log record of a context: `log_msg` is `"<file>:<line> <text> "`, valid only during
 * the call. Called with no lock held, from any thread that uses the library.
 */
typedef void (*noPollLogHandler)(noPollCtx *ctx,
                                 noPollDebugLevel level,
                                 const char *log_msg,
                                 noPollPtr user_data);

/**
 * Makes the OpenSSL `SSL_CTX *` of a TLS connection, instead of the library. `opts` are those
 * given to the client's constructor, or the listener's; they may be NULL. One reference on the
 * result passes to the library. NULL: the connection fails.
 */
typedef noPollPtr (*noPollSslContextCreator)(noPollCtx *ctx,
                                             noPollConn *conn,
                                             noPollConnOpts *opts,
                                             nopoll_bool is_client,
                                             noPollPtr user_data);

/**
 * Judges a finished TLS handshake, before any HTTP byte. `SSL_CTX` and `SSL` are the OpenSSL
 * objects in use; they stay the library's. False drops the connection.
 */
typedef nopoll_bool (*noPollSslPostCheck)(noPollCtx *ctx,
                                          noPollConn *conn,
                                          noPollPtr SSL_CTX,
                                          noPollPtr SSL,
                                          noPollPtr user_data);

/**
 * Answers a plain HTTP request on a listener's port: one for something else than a WebSocket.
 * `method` is "GET" or "HEAD", `url` the request target. True after nopoll_conn_http_reply;
 * false for the answer there would be without a handler.
 */
typedef nopoll_bool (*noPollOnHttpHandler)(noPollCtx *ctx,
                                           noPollConn *conn,
                                           const char *method,
                                           const char *url,
                                           noPollPtr user_data);

/*
 * Memory: the C library's heap. What this library hands out may also be released with `free`.
 */

/**
 * Allocates `count` objects of `size` bytes, zeroed.
 *
 * Returns the block, to be released with `nopoll_free` or `free`; NULL, with `errno` ENOMEM, when
 * memory is short or `count` times `size` doesn't fit.
 */
noPollPtr nopoll_calloc(size_t count, size_t size);

/**
 * Changes the size of a block of the C heap; NULL allocates a new one.
 *
 * Returns the block at its possibly new address; NULL, with `errno` ENOMEM, when memory is short:
 * the old block stays valid then.
 */
noPollPtr nopoll_realloc(noPollPtr ref, size_t size);

/**
 * Releases a block of the C heap, whether this library or `malloc` allocated it. NULL is nothing.
 */
void nopoll_free(noPollPtr ref);

/**
 * Copies a string.
 *
 * Returns the copy, the caller's to release; NULL for NULL or when memory is short.
 */
char *nopoll_strdup(const char *buffer);

/*
 * Strings.
 */

/**
 * Compares two strings byte by byte.
 *
 * Returns 1 when they are equal or both NULL, otherwise 0.
 */
nopoll_bool nopoll_cmp(const char *string1, const char *string2);

/**
 * Compares the beginnings of two strings.
 *
 * Returns 1 when both are at least `bytes` long and their first `bytes` bytes are equal, or when
 * both are NULL; otherwise 0, also for `bytes` ≤ 0. Unlike strncmp, equal strings that are
 * shorter than `bytes` do not match. Nothing behind a terminator is read.
 */
nopoll_bool nopoll_ncmp(const char *string1, const char *string2, int bytes);

/**
 * Formats as printf does, into a string of the right size. (On ARM, 24 arguments are the
 * most.)
 *
 * Returns the string, the caller's to release; NULL for a NULL format or when formatting
 * fails.
 */
char *nopoll_strdup_printf(const char *chunk, ...);

/**
 * Formats as vprintf does, into a string of the right size. `args` is used up; the caller still
 * ends it with va_end.
 *
 * Returns the string, the caller's to release; NULL for a NULL format or when formatting fails.
 */
char *nopoll_strdup_printfv(const char *chunk, va_list args);

/**
 * Removes blanks, tabs, CRs and LFs from both ends of a string, in place. `trimmed`, unless NULL,
 * gets the number of bytes removed; it is left alone when `chunk` is NULL.
 */
void nopoll_trim(char *chunk, int *trimmed);

/*
 * Base64 and random bytes.
 */

/**
 * Encodes `length` bytes as base64 (RFC 4648 §4), with a LF after every 64 characters but the
 * last, and a terminator.
 *
 * `*output_size` is the size of `output` in bytes. On success it is left alone: strlen tells the
 * length of the text. When `output` is too small it is set to the size needed, terminator
 * included.
 *
 * Returns 1 on success; 0 when `output` is too small, an argument is NULL or `length` ≤ 0.
 */
nopoll_bool nopoll_base64_encode(const char *content, int length, char *output, int *output_size);

/**
 * Decodes `length` characters of base64 (RFC 4648 §4). LFs and CRs within the text and white
 * space behind it are skipped; a final group that is not complete, its padding included, is
 * dropped.
 *
 * `*output_size` is the size of `output` in bytes and gets the number of bytes decoded; `output`
 * always gets a NUL behind them, which is not counted. A result that doesn't fit is cut without
 * notice.
 *
 * Returns 1 on success. Returns 0 when nothing could be decoded (`output` is empty then) or for
 * any other character; also when an argument is NULL, `length` ≤ 0 or `*output_size` ≤ 0, which
 * leave `output` alone.
 */
nopoll_bool nopoll_base64_decode(const char *content, int length, char *output, int *output_size);

/**
 * Fills a buffer with random bytes from the system's secure source.
 *
 * Returns 1 on success; 0, the buffer untouched, for a NULL buffer or `nonce_size` ≤ 0.
 */
nopoll_bool nopoll_nonce(char *buffer, int nonce_size);

/*
 * Bits and bytes. Numbers of several bytes are in network order; no alignment is needed.
 */

/**
 * Returns bit `position` of a byte, 0 being the least significant; 0 for positions other than 0
 * to 7.
 */
int nopoll_get_bit(char byte, int position);

/**
 * Sets bit `position` of the first byte of a buffer, 0 being the least significant. Positions
 * other than 0 to 7 do nothing.
 */
void nopoll_set_bit(char *buffer, int position);

/** Logs the bits of a byte, most significant first, behind `label`, as a debug record on `ctx`. */
void nopoll_show_byte(noPollCtx *ctx, char byte, const char *label);

/**
 * Writes the 32 binary digits of a number, the least significant last, to the end of a buffer of
 * `buf_size` bytes. No terminator is written.
 *
 * Returns a pointer to the byte *before* the first digit, which is outside the buffer when
 * `buf_size` is 32: don't follow it. When `buffer` is NULL or `buf_size` is below 32, nothing is
 * written and `buffer` returned.
 */
char *nopoll_int2bin(int a, char *buffer, int buf_size);

/** Logs a number, decimal and binary, as a debug record on `ctx`. */
void nopoll_int2bin_print(noPollCtx *ctx, int value);

/** Returns the byte at `buffer`, 0 to 255. */
int nopoll_get_8bit(const char *buffer);

/** Returns the 2 bytes at `buffer` as a number, 0 to 65535. */
int nopoll_get_16bit(const char *buffer);

/** Stores the low 16 bits of a number in the 2 bytes at `buffer`. */
void nopoll_set_16bit(int value, char *buffer);

/** Returns the 4 bytes at `buffer` as a number, which may be negative. */
int nopoll_get_32bit(const char *buffer);

/** Stores a number in the 4 bytes at `buffer`. */
void nopoll_set_32bit(int value, char *buffer);

/*
 * Time, descriptors, clean-up.
 */

/**
 * Sleeps for `microseconds`; ≤ 0 returns at once. Signals don't shorten it. Called from a
 * handler, it goes on writing what the library still has to write for the handler's context.
 */
void nopoll_sleep(long microseconds);

/**
 * Stores `a` − `b` in `result`, with 0 ≤ tv_usec < 1000000 and, when the difference is negative,
 * a negative tv_sec. `result` may be `a` or `b`.
 *
 * Returns 1 when the difference is negative, otherwise 0. With a NULL argument nothing is stored
 * and 0 returned.
 */
int nopoll_timeval_substract(struct timeval *a,
                             struct timeval *b,
                             struct timeval *result);

/**
 * Returns 1 when `socket` is a possible descriptor (≥ 0), otherwise 0. Whether it is open is not
 * asked.
 */
nopoll_bool nopoll_socket_is_valid(NOPOLL_SOCKET socket);

/**
 * Releases what the library keeps for the process, of which there is nothing. May be called at
 * any time; the library stays usable.
 */
void nopoll_cleanup_library(void);

/*
 * Mutexes of the program's own. They are optional: without them the library uses its own.
 */

/**
 * Installs the functions behind the mutexes, for the whole process. NULL uninstalls that one.
 *
 * Call it before any object is made: an object uses the functions that were installed when it was
 * made, for as long as it lives. Plain, non-recursive mutexes will do. The library creates and
 * destroys them in pairs, locks one at a time, and holds none while a handler, a log handler, a
 * sleep or a blocking system call runs.
 */
void nopoll_thread_handlers(noPollMutexCreate mutex_create,
                            noPollMutexDestroy mutex_destroy,
                            noPollMutexLock mutex_lock,
                            noPollMutexUnlock mutex_unlock);

/** Returns a mutex from the installed creator; NULL without one, or when that fails. */
noPollPtr nopoll_mutex_create(void);

/** Locks a mutex through the installed function. Nothing for NULL or without one. */
void nopoll_mutex_lock(noPollPtr mutex);

/** Unlocks a mutex through the installed function. Nothing for NULL or without one. */
void nopoll_mutex_unlock(noPollPtr mutex);

/** Destroys a mutex through the installed function. Nothing for NULL or without one. */
void nopoll_mutex_destroy(noPollPtr mutex);

/*
 * Logging. Off until switched on, per context; records go to a handler or else to the console.
 */

/** Returns what `nopoll_log_enable` stored; 0 for NULL. */
nopoll_bool nopoll_log_is_enabled(noPollCtx *ctx);

/** Returns what `nopoll_log_color_enable` stored; 0 for NULL. */
nopoll_bool nopoll_log_color_is_enabled(noPollCtx *ctx);

/**
 * Switches log records to the console (standard output, a line each) on or off; off is the
 * default. A log handler gets records whether this is on or not, and then the console gets none.
 */
void nopoll_log_enable(noPollCtx *ctx, nopoll_bool value);

/** Switches colours on the console on or off; off is the default. */
void nopoll_log_color_enable(noPollCtx *ctx, nopoll_bool value);

/** Diverts all records of a context to a handler; NULL gives them back to the console. */
void nopoll_log_set_handler(noPollCtx *ctx, noPollLogHandler handler, noPollPtr user_data);

/**
 * Logs one record on a context, as printf formats it. `function_name` is not shown. With a
 * NULL context, or when nobody listens, nothing is formatted.
 *
 * Programs use the macro nopoll_log.
 */
void __nopoll_log(noPollCtx *ctx,
                  const char *function_name,
                  const char *file,
                  int line,
                  noPollDebugLevel level,
                  const char *message,
                  ...);

/*
 * Contexts: making and releasing.
 */

/**
 * Makes a context. Contexts are independent of each other.
 *
 * The first one installs a handler for SIGPIPE that does nothing, unless the program has set that
 * signal to something else than the default.
 *
 * Returns it with one reference, the caller's.
 */
noPollCtx *nopoll_ctx_new(void);

/** Takes a reference on a context. Returns 1; 0 for NULL. */
nopoll_bool nopoll_ctx_ref(noPollCtx *ctx);

/**
 * Drops a reference on a context. Every connection that was registered holds one until it is
 * destroyed, so a context outlives its connections; it never closes them.
 */
void nopoll_ctx_unref(noPollCtx *ctx);

/** The same as `nopoll_ctx_unref`. */
void nopoll_ctx_free(noPollCtx *ctx);

/**
 * Returns the number of references on a context: the creator's, those taken with
 * `nopoll_ctx_ref`, and one for each connection that was registered and still exists. -1 for NULL.
 */
int nopoll_ctx_ref_count(noPollCtx *ctx);

/*
 * The registry of a context: its connections.
 */

/**
 * Registers a connection with its context, which every constructor does by itself. The registry
 * takes a reference on the connection, and the connection one on the context. The connection gets
 * an id. Registering twice does nothing.
 *
 * Returns 1; 0 when an argument is NULL or the connection was made for another context.
 */
nopoll_bool nopoll_ctx_register_conn(noPollCtx *ctx, noPollConn *conn);

/**
 * Takes a connection out of its context's registry and drops the registry's reference, which may
 * destroy it. The socket is not closed and no handler called. Nothing for a connection that isn't
 * there.
 */
void nopoll_ctx_unregister_conn(noPollCtx *ctx, noPollConn *conn);

/**
 * Returns 1 when `conn` is the address of a connection in this context's registry, otherwise 0.
 * The address is only compared: it may be that of a connection which is gone.
 */
nopoll_bool __nopoll_ctx_conn_is_registered(noPollCtx *ctx, noPollConn *conn);

/**
 * Returns the number of registered connections: clients, accepted ones and listeners, with those
 * that are dead but not collected yet by the loop. -1 for NULL.
 */
int nopoll_ctx_conns(noPollCtx *ctx);

/**
 * Calls `foreach` for each registered connection, in no particular order, until it returns true.
 * It may close, make and register connections; those made meanwhile may or may not be visited.
 *
 * Returns the connection at which `foreach` returned true, without a reference for the caller;
 * NULL when it never did or an argument is NULL.
 */
noPollConn *nopoll_ctx_foreach_conn(noPollCtx *ctx, noPollForeachConn foreach, noPollPtr user_data);

/*
 * Settings of a context.
 */

/**
 * Sets the WebSocket version that clients ask for and servers expect; 13 is the default, and the
 * only one there is (RFC 6455 §4.1). Applies to later handshakes.
 */
void nopoll_ctx_set_protocol_version(noPollCtx *ctx, int version);

/**
 * Sets the largest frame, in bytes of payload, that connections without a limit of their own
 * accept; 16 MiB is the default. Applies at once, from the next frame header on. Values other
 * than 1 to NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line. A larger frame ends the
 * connection with status 1009 before any memory is spent on it.
 */
void nopoll_ctx_set_max_frame_size(noPollCtx *ctx, long max_frame_size);

/** Returns the limit of `nopoll_ctx_set_max_frame_size`; NOPOLL_MAX_FRAME_SIZE_DEFAULT for NULL. */
long nopoll_ctx_get_max_frame_size(noPollCtx *ctx);

/**
 * Sets how long, in µs, a client's constructor may take to connect and send the request; 20 s is
 * the default, which values ≤ 0 restore. Applies to later constructors.
 */
void nopoll_conn_connect_timeout(noPollCtx *ctx, long microseconds_to_wait);

/** Returns the µs of `nopoll_conn_connect_timeout`; 0 for NULL. */
long nopoll_conn_get_connect_timeout(noPollCtx *ctx);

/*
 * Handlers of a context. They are looked up at each event, so a change applies at once.
 */

/**
 * Sets who is asked when a listener has accepted a TCP connection: nothing has been read yet, the
 * peer's address is known. False closes it without a byte. NULL is ignored: the handler can be
 * replaced, not removed.
 */
void nopoll_ctx_set_on_accept(noPollCtx *ctx, noPollActionHandler on_accept, noPollPtr user_data);

/**
 * Sets who is asked when a client's request is complete and valid, before it is answered: URL,
 * headers and requested protocols are known, and nopoll_conn_set_accepted_protocol still has an
 * effect. False answers 403. NULL is ignored: the handler can be replaced, not removed.
 */
void nopoll_ctx_set_on_open(noPollCtx *ctx, noPollActionHandler on_open, noPollPtr user_data);

/**
 * Sets who is told that a handshake is complete, on either side, for connections without an
 * on-ready handler of their own. Frames may be sent from here on. False drops the connection.
 * NULL is ignored: the handler can be replaced, not removed.
 */
void nopoll_ctx_set_on_ready(noPollCtx *ctx, noPollActionHandler on_ready, noPollPtr user_data);

/**
 * Sets who gets the messages that the loop receives on connections without an on-message handler
 * of their own. NULL removes the handler: such messages are dropped.
 */
void nopoll_ctx_set_on_msg(noPollCtx *ctx, noPollOnMessageHandler on_msg, noPollPtr user_data);

/**
 * Sets who makes the OpenSSL context of each TLS connection, client and server, instead of the
 * library. NULL removes the handler.
 */
void nopoll_ctx_set_ssl_context_creator(noPollCtx *ctx,
                                        noPollSslContextCreator context_creator,
                                        noPollPtr user_data);

/** Sets who judges each finished TLS handshake before any HTTP byte. NULL removes the handler. */
void nopoll_ctx_set_post_ssl_check(noPollCtx *ctx,
                                   noPollSslPostCheck post_ssl_check,
                                   noPollPtr user_data);

/*
 * Certificates of a context, by server name.
 */

/**
 * Stores the certificate and private key files (PEM) for a server name, and optionally a chain
 * file. They serve TLS connections of listeners that have no certificate of their own, chosen by
 * the name the client asks for. `serverName` NULL is for clients that ask for none or for an
 * unknown one. The first entry of a name wins: storing another has no effect. The files are not
 * looked at before they are needed.
 *
 * Returns 1; 0 when `ctx`, `certificateFile` or `privateKey` is NULL.
 */
nopoll_bool nopoll_ctx_set_certificate(noPollCtx *ctx,
                                       const char *serverName,
                                       const char *certificateFile,
                                       const char *privateKey,
                                       const char *optionalChainFile);

/**
 * Looks up what `nopoll_ctx_set_certificate` stored: the entry of exactly this name; for a NULL
 * name without an entry of its own, the first entry. The results belong to the context; the chain
 * is NULL when the entry has none. NULL result pointers are skipped.
 *
 * Returns 1 when there is such an entry; otherwise 0, and nothing is stored.
 */
nopoll_bool nopoll_ctx_find_certificate(noPollCtx *ctx,
                                        const char *serverName,
                                        const char **certificateFile,
                                        const char **privateKey,
                                        const char **optionalChainFile);

/*
 * Connection options: making and releasing.
 */

/**
 * Makes an options object with default settings.
 *
 * Returns it with one reference, the caller's. Passing it to a constructor drops that reference,
 * whatever comes of it, unless `nopoll_conn_opts_set_reuse` was used: then the object may be
 * passed any number of times.
 */
noPollConnOpts *nopoll_conn_opts_new(void);

/** Takes a reference on an options object. Returns 1; 0 for NULL. */
nopoll_bool nopoll_conn_opts_ref(noPollConnOpts *opts);

/** Drops a reference on an options object; the last one releases it. */
void nopoll_conn_opts_unref(noPollConnOpts *opts);

/** The same as `nopoll_conn_opts_unref`. */
void nopoll_conn_opts_free(noPollConnOpts *opts);

/**
 * Says who drops the creator's reference: with false, the default, the constructor that gets the
 * object (a listener: when it is destroyed); with true, the program.
 */
void nopoll_conn_opts_set_reuse(noPollConnOpts *opts, nopoll_bool reuse);

/** Drops a reference on an options object unless it is set to be reused, as constructors do. */
void __nopoll_conn_opts_release_if_needed(noPollConnOpts *options);

/*
 * Connection options: settings. A client reads them when its constructor is called, a listener
 * each time it accepts a connection.
 */

/** Clients: sets the value of the `Cookie` header, sent as it is; NULL sends none, the default. */
void nopoll_conn_opts_set_cookie(noPollConnOpts *opts, const char *cookie_content);

/**
 * Listeners: with true, clients that send no `Origin` header are accepted; with false, the
 * default, they are refused. Read at each handshake.
 */
void nopoll_conn_opts_skip_origin_check(noPollConnOpts *opts, nopoll_bool skip_check);

/** Clients: with true, the default, an `Origin` header is sent; with false it isn't. */
void nopoll_conn_opts_add_origin_header(noPollConnOpts *opts, nopoll_bool add);

/**
 * Clients: binds the socket that a constructor makes to a network device such as "eth0"
 * (SO_BINDTODEVICE on Linux). If that fails, so does the constructor. NULL binds to none, the
 * default.
 */
void nopoll_conn_opts_set_interface(noPollConnOpts *opts, const char *_interface);

/**
 * Clients: sets header lines to append to the request as they are. Each must be preceded by CRLF,
 * and none followed by it: "\r\nname: value\r\nother: value". NULL appends none, the default.
 */
void nopoll_conn_opts_set_extra_headers(noPollConnOpts *opts, const char *extra_headers);

/**
 * Sets the largest frame, in bytes of payload, that the connection, or each one the listener
 * accepts, may receive. Without, the context's limit holds. Values other than 1 to
 * NOPOLL_MAX_FRAME_SIZE_LIMIT are ignored.
 */
void nopoll_conn_opts_set_max_frame_size(noPollConnOpts *opts, long max_frame_size);

/*
 * Connection options for TLS.
 */

/**
 * Sets the oldest TLS version the connection may use; see `noPollSslProtocol`. Unknown values
 * count as NOPOLL_METHOD_TLS_FLEXIBLE, the default.
 */
void nopoll_conn_opts_set_ssl_protocol(noPollConnOpts *opts, noPollSslProtocol ssl_protocol);

/**
 * Sets the files (PEM) to use: the own certificate, its private key, the certificates between it
 * and the root, and the CA that peers are checked against. NULL unsets that one. What was set
 * before is forgotten.
 *
 * Returns 1 when every file given can be read; contents are looked at when a connection needs
 * them. Returns 0 at the first that can't be read, with that one set and those behind it unset;
 * also for NULL options.
 */
nopoll_bool nopoll_conn_opts_set_ssl_certs(noPollConnOpts *opts,
                                           const char *certificate,
                                           const char *private_key,
                                           const char *chain_certificate,
                                           const char *ca_certificate);

/**
 * Says whether the peer's certificate is checked.
 *
 * Clients: with true, against the CA of `nopoll_conn_opts_set_ssl_certs` and nothing else, or
 * without one against the system's CAs, and then the host name, too. With false it is not checked
 * at all. *A new options object doesn't check; a constructor without options does.*
 *
 * Listeners: with true, clients must present a certificate that the CA has signed; with false, the
 * default, they are not asked for one.
 */
void nopoll_conn_opts_ssl_peer_verify(noPollConnOpts *opts, nopoll_bool verify);

/*
 * Client connections.
 */

/**
 * Connects to a WebSocket server over IPv4 and sends the request of the opening handshake
 * (RFC 6455 §4.1). Waits for that, at most for the time of `nopoll_conn_connect_timeout`, but not
 * for the answer: see `nopoll_conn_is_ready`.
 *
 * - `host_ip`: name or address to connect to.
 * - `host_port`: port or service name; NULL is "80", with TLS "443".
 * - `host_name`: the `Host` header, and the name asked for in TLS; NULL is `host_ip`.
 * - `get_url`: the request target; NULL is "/".
 * - `protocols`: the `Sec-WebSocket-Protocol` header; NULL sends none.
 * - `origin`: the `Origin` header; NULL is "http://" followed by the host name.
 *
 * All are sent as they are. The socket is non-blocking.
 *
 * Returns the connection with two references, the caller's and the registry's; give the caller's
 * back with `nopoll_conn_close`. Also a connection that failed while connecting is returned: test
 * with `nopoll_conn_is_ok`, which accepts NULL, and close it. NULL, with nothing to close and
 * `errno` as the system left it, when `ctx` or `host_ip` is NULL, nothing could be resolved, no
 * attempt could be made, or a handler closed the connection meanwhile. nopoll_conn_get_error tells
 * why in either case.
 */
noPollConn *nopoll_conn_new(noPollCtx *ctx,
                            const char *host_ip,
                            const char *host_port,
                            const char *host_name,
                            const char *get_url,
                            const char *protocols,
                            const char *origin);

/** As `nopoll_conn_new`, over IPv6. */
noPollConn *nopoll_conn_new6(noPollCtx *ctx,
                             const char *host_ip,
                             const char *host_port,
                             const char *host_name,
                             const char *get_url,
                             const char *protocols,
                             const char *origin);

/**
 * As `nopoll_conn_new`, with options. Their reference is dropped, whatever comes of the call,
 * unless they are set to be reused. They may be NULL.
 */
noPollConn *nopoll_conn_new_opts(noPollCtx *ctx,
                                 noPollConnOpts *opts,
                                 const char *host_ip,
                                 const char *host_port,
                                 const char *host_name,
                                 const char *get_url,
                                 const char *protocols,
                                 const char *origin);

/**
 * As `nopoll_conn_new_opts`, over a stream socket of the caller's, which is used as it is and
 * belongs to the connection once `ctx` and `host_ip` are not NULL. A negative one connects as
 * usual.
 */
noPollConn *nopoll_conn_new_with_socket(noPollCtx *ctx,
                                        noPollConnOpts *opts,
                                        int socket,
                                        const char *host_ip,
                                        const char *host_port,
                                        const char *host_name,
                                        const char *get_url,
                                        const char *protocols,
                                        const char *origin);

/**
 * As `nopoll_conn_new_opts`, over TLS, whose handshake is part of the call. *NULL options check
 * the server's certificate and name against the system's CAs; a new options object does not: call
 * `nopoll_conn_opts_ssl_peer_verify` on it.*
 */
noPollConn *nopoll_conn_tls_new(noPollCtx *ctx,
                                noPollConnOpts *options,
                                const char *host_ip,
                                const char *host_port,
                                const char *host_name,
                                const char *get_url,
                                const char *protocols,
                                const char *origin);

/** As `nopoll_conn_tls_new`, over IPv6. */
noPollConn *nopoll_conn_tls_new6(noPollCtx *ctx,
                                 noPollConnOpts *options,
                                 const char *host_ip,
                                 const char *host_port,
                                 const char *host_name,
                                 const char *get_url,
                                 const char *protocols,
                                 const char *origin);

/** As `nopoll_conn_new_with_socket`, over TLS; see `nopoll_conn_tls_new`. */
noPollConn *nopoll_conn_tls_new_with_socket(noPollCtx *ctx,
                                            noPollConnOpts *options,
                                            int socket,
                                            const char *host_ip,
                                            const char *host_port,
                                            const char *host_name,
                                            const char *get_url,
                                            const char *protocols,
                                            const char *origin);

/*
 * Listeners.
 */

/**
 * Opens a listening IPv4 socket without a listener object. `host` and `port` are as for
 * `nopoll_listener_new`.
 *
 * Returns the descriptor; -1 on failure; -2 when `ctx` or `host` is NULL or `port`
 * NULL or empty.
 */
NOPOLL_SOCKET nopoll_listener_sock_listen(noPollCtx *ctx, const char *host, const char *port);

/**
 * Makes a listener on an IPv4 address or name and a port or service name; port "0" lets the
 * system choose (ask getsockname). While the address is in use the call tries again for 2.4 s.
 *
 * Connections are accepted by `nopoll_loop_wait`, or by `nopoll_conn_accept`.
 *
 * Returns the listener with two references, the caller's and the registry's; give the caller's
 * back with `nopoll_conn_close`. NULL on failure, with `errno` as the system left it;
 * nopoll_conn_get_error (NULL) tells why.
 */
noPollConn *nopoll_listener_new(noPollCtx *ctx, const char *host, const char *port);

/** As `nopoll_listener_new`, for IPv6. "::" listens on all addresses, on most systems IPv4, too. */
noPollConn *nopoll_listener_new6(noPollCtx *ctx, const char *host, const char *port);

/**
 * As `nopoll_listener_new`, with options, which apply to the connections it accepts. Unless they
 * are set to be reused, their reference passes to the listener, or is dropped on failure.
 */
noPollConn *nopoll_listener_new_opts(noPollCtx *ctx,
                                     noPollConnOpts *opts,
                                     const char *host,
                                     const char *port);

/** As `nopoll_listener_new_opts`, for IPv6. */
noPollConn *nopoll_listener_new_opts6(noPollCtx *ctx,
                                      noPollConnOpts *opts,
                                      const char *host,
                                      const char *port);

/**
 * As `nopoll_listener_new`, for TLS. The certificate comes from the options, from
 * `nopoll_listener_set_certificate` or from `nopoll_ctx_set_certificate`, in this order; without
 * one, connections are refused.
 */
noPollConn *nopoll_listener_tls_new(noPollCtx *ctx, const char *host, const char *port);

/** As `nopoll_listener_tls_new`, for IPv6. */
noPollConn *nopoll_listener_tls_new6(noPollCtx *ctx, const char *host, const char *port);

/** As `nopoll_listener_new_opts`, for TLS; see `nopoll_listener_tls_new`. */
noPollConn *nopoll_listener_tls_new_opts(noPollCtx *ctx,
                                         noPollConnOpts *opts,
                                         const char *host,
                                         const char *port);

/** As `nopoll_listener_tls_new_opts`, for IPv6. */
noPollConn *nopoll_listener_tls_new_opts6(noPollCtx *ctx,
                                          noPollConnOpts *opts,
                                          const char *host,
                                          const char *port);

/**
 * Sets the certificate and private key files (PEM) for the TLS connections of a listener, and a
 * chain file; without one, a chain set before stays. Later calls replace earlier ones.
 *
 * Returns 1; 0, with nothing changed, when `listener`, `certificate` or `private_key` is NULL or a
 * file can't be read.
 */
nopoll_bool nopoll_listener_set_certificate(noPollConn *listener,
                                            const char *certificate,
                                            const char *private_key,
                                            const char *chain_file);

/**
 * Makes a connection object of a socket, which becomes the object's. A connected socket becomes
 * an accepted connection that has yet to receive its request; `nopoll_conn_accept_complete`
 * finishes it. A listening socket becomes a listener.
 *
 * Returns the object with one reference, the registry's: the caller has none. NULL, with the
 * descriptor still the caller's, when `ctx` is NULL or `session` ≤ 0.
 */
noPollConn *nopoll_listener_from_socket(noPollCtx *ctx, NOPOLL_SOCKET session);

/**
 * Accepts a TCP connection on a listening descriptor; waits for one unless the descriptor is
 * non-blocking.
 *
 * Returns the new descriptor; -1 with `errno`, which is NOPOLL_EWOULDBLOCK when nobody is waiting
 * on a non-blocking descriptor.
 */
NOPOLL_SOCKET nopoll_listener_accept(NOPOLL_SOCKET server_socket);

/*
 * Accepted connections, for programs that don't leave accepting to the loop.
 */

/**
 * Accepts the next connection of a listener; waits for one unless the program has made the
 * listener's descriptor non-blocking. `on_accept` runs in the call. The handshake goes on in later
 * calls: `nopoll_loop_wait`, `nopoll_conn_get_msg`, `nopoll_conn_is_ready`. A plain connection's
 * descriptor is blocking, a TLS connection's is not.
 *
 * Returns the connection with one reference, the registry's: the caller has none, see
 * `nopoll_conn_ref`. NULL when an argument is NULL, when it was refused, or on failure, with the
 * `errno` of accept(2): NOPOLL_EWOULDBLOCK when nobody is waiting. nopoll_conn_get_error (NULL)
 * tells which.
 */
noPollConn *nopoll_conn_accept(noPollCtx *ctx, noPollConn *listener);

/**
 * As `nopoll_conn_accept`, for a socket the program has accepted.
 *
 * Returns as that does. When NULL is returned because `session` is no connected socket or an
 * argument is NULL, the descriptor is still the caller's; when the connection was refused, it is
 * closed.
 */
noPollConn *nopoll_conn_accept_socket(noPollCtx *ctx, noPollConn *listener, NOPOLL_SOCKET session);

/**
 * Finishes accepting what `nopoll_listener_from_socket` made of `session`: the descriptor is made
 * blocking, `on_accept` asked, TLS prepared if `tls_on` or the listener says so. `conn` may be
 * `listener` itself, which then becomes the accepted connection.
 *
 * Returns 1; 0 when an argument is NULL, `session` is -1 or the connection was refused. It is shut
 * down and unregistered then; `nopoll_conn_close` on it is still allowed.
 */
nopoll_bool nopoll_conn_accept_complete(noPollCtx *ctx,
                                        noPollConn *listener,
                                        noPollConn *conn,
                                        NOPOLL_SOCKET session,
                                        nopoll_bool tls_on);

/*
 * References on connections. A client or listener starts with two: its maker's and the registry's.
 * An accepted connection starts with one, the registry's.
 */

/**
 * Takes a reference on a connection. Returns 1 when there are more than one now, otherwise 0; also
 * 0 for NULL.
 */
nopoll_bool nopoll_conn_ref(noPollConn *conn);

/**
 * Drops a reference on a connection; the last one destroys it. If its socket is still open then,
 * it is closed without a close frame and without `on_close`; store -1 with
 * `nopoll_conn_set_socket` to keep it.
 */
void nopoll_conn_unref(noPollConn *conn);

/**
 * Returns the number of references on a connection: owners, the registry while it is registered,
 * and the library's own while it calls a handler for it or visits it. -1 for NULL.
 */
int nopoll_conn_ref_count(noPollConn *conn);

/** Returns the references on a connection without the library's own; -1 for NULL. */
int __nopoll_conn_owner_ref_count(noPollConn *conn);

/**
 * Takes a reference that keeps the connection alive without owning it. Returns 1 when there are
 * more than one reference now, otherwise 0; also 0 for NULL.
 */
nopoll_bool __nopoll_conn_transient_ref(noPollConn *conn);

/**
 * Drops a reference of `__nopoll_conn_transient_ref`; the last reference destroys the connection.
 */
void __nopoll_conn_transient_unref(noPollConn *conn);

/*
 * The state of a connection, and waiting until it is ready.
 */

/**
 * Returns 1 while the connection has a socket, otherwise 0; also 0 for NULL. Nothing is asked of
 * the system: that a peer has gone is noticed by a read or a write.
 */
nopoll_bool nopoll_conn_is_ok(noPollConn *conn);

/**
 * Tells whether the opening handshake is complete, after advancing it with what has arrived; on a
 * blocking descriptor that waits. `on_open` and `on_ready` may run in the call.
 *
 * Returns 1 when frames can be exchanged, otherwise 0, with `errno` NOPOLL_EWOULDBLOCK while that
 * may still change. 0 for NULL and for listeners.
 */
nopoll_bool nopoll_conn_is_ready(noPollConn *conn);

/**
 * Waits until the opening handshake is complete, at most about `timeout` **seconds**; ≤ 0 looks
 * once.
 *
 * Returns 1 when frames can be exchanged; 0 when the connection died or the time has passed, which
 * leaves the connection open. 0 for NULL.
 */
nopoll_bool nopoll_conn_wait_until_connection_ready(noPollConn *conn, int timeout);

/** Advances the opening handshake as `nopoll_conn_is_ready` does. */
void nopoll_conn_complete_handshake(noPollConn *conn);

/**
 * Returns 1 when TLS is in use, otherwise 0; also 0 for NULL. A client's is in use once its
 * handshake and check have succeeded; an accepted connection's once `on_accept` has returned.
 */
nopoll_bool nopoll_conn_is_tls_on(noPollConn *conn);

/** Returns what the object is; NOPOLL_ROLE_UNKNOWN for NULL. */
noPollRole nopoll_conn_role(noPollConn *conn);

/** Returns the connection's id: positive, unique within its context, increasing. -1 for NULL. */
int nopoll_conn_get_id(noPollConn *conn);

/** Returns the connection's context, without a reference for the caller; NULL for NULL. */
noPollCtx *nopoll_conn_ctx(noPollConn *conn);

/**
 * Returns the listener that accepted the connection, without a reference for the caller; NULL when
 * that is gone, for other connections, and for NULL.
 */
noPollConn *nopoll_conn_get_listener(noPollConn *conn);

/*
 * What is known of a connection. The strings live as long as it does, also after it has died.
 */

/**
 * Returns a client's `host_ip`, an accepted connection's peer address, a listener's address; NULL
 * for NULL.
 */
const char *nopoll_conn_host(noPollConn *conn);

/** Returns the port that goes with `nopoll_conn_host`; NULL for NULL. */
const char *nopoll_conn_port(noPollConn *conn);

/** Returns the request target, "/" until it is known; NULL for NULL. */
const char *nopoll_conn_get_requested_url(noPollConn *conn);

/**
 * Returns the `Origin` header that was received; for a client what it is or would be. NULL when
 * there is none.
 */
const char *nopoll_conn_get_origin(noPollConn *conn);

/** Returns the `Host` header that was received or sent; NULL when there is none. */
const char *nopoll_conn_get_host_header(noPollConn *conn);

/** Returns the `Cookie` header that an accepted connection received; NULL when there is none. */
const char *nopoll_conn_get_cookie(noPollConn *conn);

/**
 * Returns the `Sec-WebSocket-Protocol` header of the request, as it is; NULL when there is none.
 */
const char *nopoll_conn_get_requested_protocol(noPollConn *conn);

/**
 * Returns the protocol in a server's answer; for an accepted connection what
 * `nopoll_conn_set_accepted_protocol` stored. NULL when there is none.
 */
const char *nopoll_conn_get_accepted_protocol(noPollConn *conn);

/**
 * Chooses the protocol that the answer to the request names; meant for `on_open`. Without it the
 * answer repeats the client's header. NULL does nothing.
 */
void nopoll_conn_set_accepted_protocol(noPollConn *conn, const char *protocol);

/**
 * Returns the `X-Real-IP` header of the request; NULL when there is none. Any client may send it:
 * trust it behind a proxy that sets it.
 */
const char *nopoll_conn_get_x_real_ip_header(noPollConn *conn);

/**
 * Returns the status in the peer's close frame: 1005 when that held none, 1006 while none has been
 * received (RFC 6455 §7.1.5). Local closing doesn't change it. 0 for NULL.
 */
int nopoll_conn_get_close_status(noPollConn *conn);

/**
 * Returns the reason in the peer's close frame, "" when that held only a status; NULL when it held
 * nothing, none has been received, or for NULL.
 */
const char *nopoll_conn_get_close_reason(noPollConn *conn);

/** Stores a pointer of the program's with the connection. The library only keeps it. */
void nopoll_conn_set_hook(noPollConn *conn, noPollPtr ptr);

/** Returns the pointer of `nopoll_conn_set_hook`; NULL when none was stored or for NULL. */
noPollPtr nopoll_conn_get_hook(noPollConn *conn);

/**
 * Returns the largest frame, in bytes of payload, that the connection accepts: its own limit, its
 * listener's, or else its context's. NOPOLL_MAX_FRAME_SIZE_DEFAULT for NULL.
 */
long nopoll_conn_get_max_frame_size(noPollConn *conn);

/**
 * Gives a connection the frame limit of an options object, if that has one. The options keep their
 * references.
 */
void __nopoll_conn_set_max_frame_size(noPollConn *conn, noPollConnOpts *options);

/*
 * Handlers of a connection. NULL removes a handler; NULL connections are ignored.
 */

/**
 * Sets who gets the messages that the loop receives on this connection, instead of the context's
 * handler.
 */
void nopoll_conn_set_on_msg(noPollConn *conn, noPollOnMessageHandler on_msg, noPollPtr user_data);

/**
 * Sets who is told that this connection's handshake is complete, instead of the context's handler.
 * False drops the connection.
 */
void nopoll_conn_set_on_ready(noPollConn *conn, noPollActionHandler on_ready, noPollPtr user_data);

/**
 * Sets who is told, once, that this connection's socket is about to be closed, whatever the
 * reason. The connection is still ok, the peer's close status is known. Not called when the last
 * reference is dropped or -1 stored as descriptor.
 */
void nopoll_conn_set_on_close(noPollConn *conn, noPollOnCloseHandler on_close, noPollPtr user_data);

/*
 * The socket of a connection. It is the program's as much as the library's.
 */

/**
 * Returns the connection's descriptor, for the program to poll or configure; -1 when the
 * connection is dead or NULL. Writes what the library still has to write first, if that goes
 * without waiting.
 */
NOPOLL_SOCKET nopoll_conn_socket(noPollConn *conn);

/**
 * Replaces the descriptor of a connection. The old one is not closed and no handler called. -1, or
 * any negative number, takes the descriptor away from the connection, which is dead then.
 */
void nopoll_conn_set_socket(noPollConn *conn, NOPOLL_SOCKET _socket);

/**
 * Makes any descriptor blocking (`enable` true) or non-blocking (false).
 *
 * Returns 1; 0 when the descriptor is not open.
 */
nopoll_bool nopoll_conn_set_sock_block(NOPOLL_SOCKET socket, nopoll_bool enable);

/**
 * Receives bytes from a plain connection as recv(2) does, beside the protocol and in the
 * descriptor's blocking mode.
 *
 * Returns the number of bytes, 0 at the end of the stream, or -1 with `errno`:
 * NOPOLL_EWOULDBLOCK also while frames read ahead wait for the loop, EBADF when the connection is
 * dead, EINVAL on TLS connections, for NULL and for a negative size.
 */
int nopoll_conn_default_receive(noPollConn *conn, char *buffer, int buffer_size);

/**
 * Sends bytes on a plain connection as send(2) does, beside the protocol and in the descriptor's
 * blocking mode.
 *
 * Returns the number of bytes, or -1 with `errno`: NOPOLL_EWOULDBLOCK also while a frame is partly
 * written, EBADF when the connection is dead, EINVAL on TLS connections, for NULL and for a
 * negative size.
 */
int nopoll_conn_default_send(noPollConn *conn, char *buffer, int buffer_size);

/*
 * Receiving without the loop.
 */

/**
 * Returns the next message of a connection, completing the opening handshake first and handling
 * pings, pongs and close frames on the way; at most one frame is consumed. On a blocking
 * descriptor the call waits. `on_msg` is not called.
 *
 * Returns the message with one reference, the caller's, and `errno` 0. NULL when there is nothing
 * to deliver, with `errno` NOPOLL_EWOULDBLOCK while nothing has arrived; when the connection died,
 * which `nopoll_conn_is_ok` tells; for listeners and NULL.
 */
noPollMsg *nopoll_conn_get_msg(noPollConn *conn);

/**
 * Reads payload as a stream of bytes, without regard to frames; completes the opening handshake
 * first. What a call doesn't take of a frame is kept for the next one, also when the connection
 * has died meanwhile; `nopoll_conn_get_msg` doesn't see it.
 *
 * With `block` true, waits for all `bytes` bytes, at most `timeout` **milliseconds** (≤ 0: without
 * limit). With false, takes what there is, of one frame at most.
 *
 * The buffer is zeroed first. No terminator is added.
 *
 * Returns the number of bytes. With `block`, fewer, and possibly 0, mean that the time has passed
 * or the connection died. Without, -1 means that there is nothing, with `errno`
 * NOPOLL_EWOULDBLOCK while the connection is ok. -1 with `errno` EINVAL when `conn` or `buffer` is
 * NULL or `bytes` ≤ 0.
 */
int nopoll_conn_read(noPollConn *conn,
                     char *buffer,
                     int bytes,
                     nopoll_bool block,
                     long timeout);

/**
 * Returns how much the next `nopoll_conn_read` or `nopoll_conn_get_msg` would find without asking
 * the kernel: bytes kept by `nopoll_conn_read`, bytes decrypted by TLS, and at least 1 for each
 * frame the loop has read ahead. While it is positive, read before waiting for the descriptor. 0
 * for NULL.
 */
int nopoll_conn_read_pending(noPollConn *conn);

/*
 * Sending. One call sends one frame.
 */

/**
 * Sends text in one final frame. That it is UTF-8 is not checked. `length` -1 takes `content` up
 * to its terminator.
 *
 * Returns what all of these do:
 *
 * - the payload's length: the frame was handed to the system, or, from within a handler the loop
 *   called, queued. `errno` is left alone.
 * - less, but more than 0: so much of the payload was handed over, or -2: none of it.
 *   `errno` is NOPOLL_EWOULDBLOCK. The library has a copy of the rest: don't send it again, see
 *   `nopoll_conn_complete_pending_write`. Only on non-blocking descriptors.
 * - -1: the frame was not accepted; with `errno` NOPOLL_EWOULDBLOCK because an older one is still
 *   unfinished, with another one because of a failure, EBADF for a dead connection and ENOTCONN
 *   for one whose handshake a server has not answered yet; with `errno` left alone because `conn`
 *   or `content` is NULL, `length` is 0 or below -1, or the connection is a listener.
 *
 * A failure doesn't close the connection.
 */
int nopoll_conn_send_text(noPollConn *conn, const char *content, long length);

/**
 * As `nopoll_conn_send_text`, in a frame that is not final: the message goes on. The last part is
 * sent with `nopoll_conn_send_text`. Parts after the first go out as continuations
 * (RFC 6455 §5.4).
 */
int nopoll_conn_send_text_fragment(noPollConn *conn, const char *content, long length);

/** As `nopoll_conn_send_text`, for bytes. `length` -1 is refused. */
int nopoll_conn_send_binary(noPollConn *conn, const char *content, long length);

/** As `nopoll_conn_send_text_fragment`, for bytes. `length` -1 is refused. */
int nopoll_conn_send_binary_fragment(noPollConn *conn, const char *content, long length);

/**
 * As `nopoll_conn_send_text`, with FIN bit and opcode as given. `length` -1 is refused with
 * NOPOLL_BINARY_FRAME only. Text and binary frames become continuations while a fragmented message
 * is unfinished. With `sleep_in_header` above 0 the call pauses so many µs between header and
 * payload, a diagnostic aid.
 */
int __nopoll_conn_send_common(noPollConn *conn,
                              const char *content,
                              long length,
                              nopoll_bool has_fin,
                              long sleep_in_header,
                              noPollOpCode frame_type);

/**
 * Sends a frame exactly as described: FIN bit, masking and the low 4 bits of the opcode as given.
 * `length` may be 0, with any `content`. `sleep_in_header` is as for `__nopoll_conn_send_common`.
 *
 * Returns what `nopoll_conn_send_text` does.
 */
int nopoll_conn_send_frame(noPollConn *conn,
                           nopoll_bool fin,
                           nopoll_bool masked,
                           noPollOpCode op_code,
                           long length,
                           noPollPtr content,
                           long sleep_in_header);

/**
 * Sends an empty ping (RFC 6455 §5.5.2). The pong is not waited for.
 *
 * Returns 1 when the frame was accepted, otherwise 0, with `errno` as for
 * `nopoll_conn_send_text`.
 */
nopoll_bool nopoll_conn_send_ping(noPollConn *conn);

/**
 * Sends a pong (RFC 6455 §5.5.3) of `length` bytes, which may be 0. Pings are answered by the
 * library; a pong without a ping is a heartbeat.
 *
 * Returns 1 when the frame was accepted, otherwise 0, with `errno` as for
 * `nopoll_conn_send_text`.
 */
nopoll_bool nopoll_conn_send_pong(noPollConn *conn, long length, noPollPtr content);

/**
 * Masks, or unmasks, `payload_size` bytes in place (RFC 6455 §5.3): byte *i* is XORed with byte
 * (*i* + `desp`) mod 4 of the 4 bytes at `mask`. Nothing for NULL or a size ≤ 0. `ctx` is not
 * used.
 */
void nopoll_conn_mask_content(noPollCtx *ctx,
                              char *payload,
                              int payload_size,
                              char *mask,
                              int desp);

/*
 * Finishing what a send could not write at once. The loop does it, too.
 */

/**
 * Tries once, without waiting, to write what is left of an unfinished frame.
 *
 * Returns the payload bytes written since the last report, by this call or meanwhile by the loop;
 * 0 when nothing was pending or only header bytes were written (`nopoll_conn_pending_write_bytes`
 * tells the two apart), also for NULL; -1 with `errno`, NOPOLL_EWOULDBLOCK when the system took
 * nothing. Any other `errno` is a failure, for example of a peer that is gone: what is pending stays
 * so, and the connection open; close it. With the result of the send, if that was positive, the
 * results add up to the payload's length.
 */
int nopoll_conn_complete_pending_write(noPollConn *conn);

/**
 * Returns the bytes of an unfinished frame, its header included, that are still to be written or,
 * having been written by the loop, to be reported by `nopoll_conn_complete_pending_write`. 0 when
 * there are none and for NULL.
 */
int nopoll_conn_pending_write_bytes(noPollConn *conn);

/**
 * Waits until nothing is pending, at most `timeout` µs, of which anything below 100000 counts as
 * 100000; with `timeout` ≤ 0 nothing is written.
 *
 * Returns `previous_result`, if that is positive, plus the payload bytes written since the last
 * report: given the result of the send, that is the payload's length when all of it is out. Never
 * negative.
 */
int nopoll_conn_flush_writes(noPollConn *conn, long timeout, int previous_result);

/*
 * Closing.
 */

/**
 * Ends a connection at once, without a close frame: `on_close` runs, then the socket is closed.
 * References and registration stay as they are. Nothing when it is dead already.
 */
void nopoll_conn_shutdown(noPollConn *conn);

/** Closes a connection with an empty close frame; see `nopoll_conn_close_ext`. */
void nopoll_conn_close(noPollConn *conn);

/**
 * Closes and releases a connection. If its handshake is complete, a close frame (RFC 6455 §5.5.1)
 * is sent as far as that goes without waiting; `on_close` runs, the socket is closed. The peer's
 * answer is not waited for. In any case, also when it is dead already, the connection is taken out
 * of its context's registry, and one more reference dropped, the caller's, if there is one: don't
 * use it afterwards without a reference of your own.
 *
 * `status` ≤ 0 sends an empty frame. `reason` need not be terminated; it is cut to the 123 bytes
 * that fit, between characters.
 */
void nopoll_conn_close_ext(noPollConn *conn, int status, const char *reason, int reason_size);

/*
 * Messages. A message is independent of its connection and context.
 */

/**
 * Makes an empty message: no payload, opcode 0, not final, a fragment.
 *
 * Returns it with one reference, the caller's.
 */
noPollMsg *nopoll_msg_new(void);

/** Takes a reference on a message. Returns 1; 0 for NULL. */
nopoll_bool nopoll_msg_ref(noPollMsg *msg);

/** Drops a reference on a message; the last one releases message and payload. */
void nopoll_msg_unref(noPollMsg *msg);

/** Returns the number of references on a message; -1 for NULL. */
int nopoll_msg_ref_count(noPollMsg *msg);

/**
 * Returns the payload. It belongs to the message, and a NUL byte that is not counted follows it,
 * so that text can be used as a string; it may hold other NULs. NULL for a NULL or empty message.
 */
const unsigned char *nopoll_msg_get_payload(noPollMsg *msg);

/**
 * Returns the bytes of payload in this message, which may be a part of its frame; -1 for NULL.
 *
 * The library returns a long. It is declared as int, or as long with NOPOLL_LONG_PAYLOAD_SIZE
 * defined.
 */
NOPOLL_PAYLOAD_SIZE nopoll_msg_get_payload_size(noPollMsg *msg);

/**
 * Returns 1 when the message ends a WebSocket message: the FIN bit of its frame is set and no byte
 * of the frame is still to come. Otherwise 0, also for NULL.
 */
nopoll_bool nopoll_msg_is_final(noPollMsg *msg);

/**
 * Returns 1 when the message is a part of something larger: its FIN bit is off, it belongs to a
 * fragmented message, or it holds only a part of its frame. Otherwise 0, also for NULL.
 */
nopoll_bool nopoll_msg_is_fragment(noPollMsg *msg);

/**
 * Returns the opcode of the message's frame, as received; 0 for all but the first part of a frame
 * that arrived in parts; NOPOLL_UNKNOWN_OP_CODE for NULL.
 */
noPollOpCode nopoll_msg_opcode(noPollMsg *msg);

/**
 * Joins two messages. Neither is consumed, and they may be the same.
 *
 * Returns a new message with one reference, the caller's, whose payload is that of `msg` followed
 * by that of `msg2`. Opcode and FIN bit are those of `msg`: ask the joined message for the type,
 * and the part received last whether the message is complete. When one of the two is NULL, the
 * other one itself is returned, with one more reference. NULL when both are NULL, when memory is
 * short, or for sizes that make no sense.
 */
noPollMsg *nopoll_msg_join(noPollMsg *msg, noPollMsg *msg2);

/*
 * The loop.
 */

/**
 * Waits for and dispatches everything that happens on the connections of a context: accepts on
 * listeners, advances handshakes, answers pings and close frames, hands messages to `on_msg`,
 * writes what is pending. All handlers run on the calling thread.
 *
 * `timeout` is in µs; 0 waits without limit. The call doesn't return because something happened,
 * nor when no connection is left. Calls nest; other threads may use everything meanwhile.
 *
 * Returns 0 when `nopoll_loop_stop` was called; -2 when `ctx` is NULL or `timeout` negative; -3
 * when the time has passed (at least one full pass is always made); -4, with `errno`, when the
 * system doesn't let us wait, which a later call may overcome.
 */
int nopoll_loop_wait(noPollCtx *ctx, long timeout);

/**
 * Makes the running `nopoll_loop_wait` of a context return at once, nested ones too. The
 * connection whose handler calls it gets no further message. Without a running wait nothing
 * happens: a later one is not affected.
 *
 * Safe in signal handlers.
 */
void nopoll_loop_stop(noPollCtx *ctx);

/*
 * I/O engines, kept for programs that make one. The loop uses its own; nothing can be installed.
 */

/**
 * Makes an I/O engine object. `ctx` may be NULL.
 *
 * Returns the object, the caller's to release with `nopoll_io_release_engine`; every type gives
 * the same.
 */
noPollIoEngine *nopoll_io_get_engine(noPollCtx *ctx, noPollIoEngineType engine_type);

/** Releases an I/O engine object. NULL is nothing. */
void nopoll_io_release_engine(noPollIoEngine *engine);

/* ============================================================================================
 * Everything below this line is not in noPoll's headers: functions it exports without declaring
 * them, functions of its forks, and this library's own. NOPOLL_RS tells a program at compile time
 * that they are there, and which version of this library: 0xMMmmpp.
 * ========================================================================================== */

/** The version of this library, 0xMMmmpp. noPoll's own header doesn't define it. */
#define NOPOLL_RS 0x000500

/** TLS 1.3 or later, for nopoll_conn_opts_set_ssl_protocol (). */
#define NOPOLL_METHOD_TLSV1_3 ((noPollSslProtocol) 8)

/*
 * Functions that noPoll exports without declaring them.
 */

/**
 * Returns the bytes that vprintf would write, plus one for a terminator; 0 for a NULL format or
 * when formatting fails. `args` is used up; the caller still ends it with va_end.
 */
int nopoll_vprintf_len(const char *format, va_list args);

/**
 * Returns 1 when the first byte of a string is a blank, LF, tab or CR, otherwise 0; also 0 for
 * NULL and an empty string.
 */
nopoll_bool nopoll_is_white_space(char *chunk);

/**
 * Returns the accept value for a key (RFC 6455 §4.2.2), the caller's to release; NULL for a NULL
 * key or when memory is short. `ctx` is not used.
 */
char *nopoll_conn_produce_accept_key(noPollCtx *ctx, const char *websocket_key);

/**
 * Starts a TCP connection over IPv4. `ctx` is for the log and may be NULL.
 *
 * Returns a non-blocking descriptor, connected or still connecting, which is the caller's; -1 when
 * `host` or `port` is NULL or on failure, with `errno` as the system left it.
 */
NOPOLL_SOCKET nopoll_conn_sock_connect(noPollCtx *ctx, const char *host, const char *port);

/**
 * As `nopoll_conn_sock_connect`, bound to the network device of an options object. The options
 * keep their references; they may be NULL.
 */
NOPOLL_SOCKET nopoll_conn_sock_connect_opts(noPollCtx *ctx,
                                            const char *host,
                                            const char *port,
                                            noPollConnOpts *options);

/** Switches TCP_NODELAY on any descriptor. Returns 1; 0 on failure. */
nopoll_bool nopoll_conn_set_sock_tcp_nodelay(NOPOLL_SOCKET socket, nopoll_bool enable);

/**
 * Binds a socket to the network device of an options object, whose references stay as they are.
 *
 * Returns 1, also when the options are NULL or name no device; 0 on failure.
 */
nopoll_bool nopoll_conn_set_bind_interface(NOPOLL_SOCKET socket, noPollConnOpts *options);

/*
 * Functions of noPoll's forks.
 */

/**
 * As `nopoll_conn_wait_until_connection_ready`, with what the server answered. `timeout` is in
 * **seconds**. Both result pointers may be NULL.
 *
 * Returns 1 when frames can be exchanged: `*message` is "Success", `*status` is left alone.
 * Returns 0 at once when the server answered another status than 101: that is `*status`, and
 * `*message` is "Redirect:" followed by the `Location` header if it was a 3xx with one, else left
 * alone. Returns 0 when the connection died or the time has passed: `*message` is "Failure" or left
 * alone, `*status` is left alone. `*message` is the caller's to release.
 */
nopoll_bool nopoll_conn_wait_for_status_until_connection_ready(noPollConn *conn,
                                                               int timeout,
                                                               int *status,
                                                               char **message);

/**
 * Sets who is told of each ping, before it is answered: the message holds its payload, with opcode
 * NOPOLL_PING_FRAME. The handler runs in whatever call read the ping; it may close the connection,
 * which is then not answered. NULL removes the handler.
 */
void nopoll_conn_set_on_ping_msg(noPollConn *conn,
                                 noPollOnMessageHandler on_ping_msg,
                                 noPollPtr user_data);

/**
 * Clients: with true, the server's certificate is checked, as `nopoll_conn_opts_ssl_peer_verify`
 * does, and must be for the host name, or the address when that is one. With false the name is not
 * checked.
 */
void nopoll_conn_opts_ssl_host_verify(noPollConnOpts *opts, nopoll_bool verify);

/** Returns 0 while a `nopoll_loop_wait` runs on the context, otherwise 1; also 1 for NULL. */
int nopoll_loop_ended(noPollCtx *ctx);

/** As `nopoll_conn_new_opts`, over IPv6. */
noPollConn *nopoll_conn_new_opts6(noPollCtx *ctx,
                                  noPollConnOpts *opts,
                                  const char *host_ip,
                                  const char *host_port,
                                  const char *host_name,
                                  const char *get_url,
                                  const char *protocols,
                                  const char *origin);

/** As `nopoll_conn_new`, over IPv6 or IPv4, whichever answers first (RFC 8305). */
noPollConn *nopoll_conn_new_auto(noPollCtx *ctx,
                                 const char *host_ip,
                                 const char *host_port,
                                 const char *host_name,
                                 const char *get_url,
                                 const char *protocols,
                                 const char *origin);

/** As `nopoll_conn_new_opts`, over IPv6 or IPv4, whichever answers first (RFC 8305). */
noPollConn *nopoll_conn_new_opts_auto(noPollCtx *ctx,
                                      noPollConnOpts *opts,
                                      const char *host_ip,
                                      const char *host_port,
                                      const char *host_name,
                                      const char *get_url,
                                      const char *protocols,
                                      const char *origin);

/** As `nopoll_conn_tls_new`, over IPv6 or IPv4, whichever answers first (RFC 8305). */
noPollConn *nopoll_conn_tls_new_auto(noPollCtx *ctx,
                                     noPollConnOpts *options,
                                     const char *host_ip,
                                     const char *host_port,
                                     const char *host_name,
                                     const char *get_url,
                                     const char *protocols,
                                     const char *origin);

/*
 * Strictness, delivery and buffering. A context's value is the default of its connections; a value
 * in the options of a client or listener wins.
 */

/**
 * With true, received frames may break the rules of RFC 6455 that noPoll didn't enforce. With
 * false, the default, such a frame ends the connection with status 1002 or 1007.
 */
void nopoll_ctx_set_lenient(noPollCtx *ctx, nopoll_bool lenient);

/** As `nopoll_ctx_set_lenient`, for the connections made with these options. */
void nopoll_conn_opts_set_lenient(noPollConnOpts *opts, nopoll_bool lenient);

/**
 * Sets how received frames become messages; NOPOLL_DELIVER_FRAMES is the default. Unknown values
 * are refused with a log line.
 */
void nopoll_ctx_set_delivery(noPollCtx *ctx, noPollDelivery delivery);

/**
 * As `nopoll_ctx_set_delivery`, for the connections made with these options. Unknown values are
 * ignored.
 */
void nopoll_conn_opts_set_delivery(noPollConnOpts *opts, noPollDelivery delivery);

/**
 * Sets the largest message, in bytes, that NOPOLL_DELIVER_MESSAGES joins; 16 MiB is the default. A
 * larger one ends the connection with status 1009. Values other than 1 to
 * NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line.
 */
void nopoll_ctx_set_max_message_size(noPollCtx *ctx, long size);

/**
 * As `nopoll_ctx_set_max_message_size`, for the connections made with these options. Values out of
 * range are ignored.
 */
void nopoll_conn_opts_set_max_message_size(noPollConnOpts *opts, long size);

/**
 * Sets how many bytes, sent from within handlers on blocking descriptors, the library keeps for a
 * peer that doesn't take them; 16 MiB is the default. More are waited for while the peer reads, or
 * else refused: -1 with NOPOLL_EWOULDBLOCK. Values other than 1 to NOPOLL_MAX_FRAME_SIZE_LIMIT are
 * refused with a log line.
 */
void nopoll_ctx_set_max_pending(noPollCtx *ctx, long bytes);

/**
 * As `nopoll_ctx_set_max_pending`, for the connections made with these options. Values out of
 * range are ignored.
 */
void nopoll_conn_opts_set_max_pending(noPollConnOpts *opts, long bytes);

/**
 * With true, the default, small frames sent from within handlers while the loop has more messages
 * of the connection at hand are written together, behind the last of them at the latest. With
 * false each is written at once.
 */
void nopoll_ctx_set_coalescing(noPollCtx *ctx, nopoll_bool enable);

/**
 * For a handler that answers a message with many: with true, frames of up to 4 KiB that it sends to its
 * own connection wait for one another, 64 KiB in all, and leave in one piece: as soon as that is full,
 * with false, or when the handler returns, whichever is first. The result of a send is the same as
 * ever. Calls that read or wait write what is there first; where the handler waits, the next handler of
 * the connection ends it, too.
 *
 * Without, each of them is written at once, but for those that `nopoll_ctx_set_coalescing` tells of.
 *
 * Returns 1 if it is so from now on. Returns 0, and changes nothing, for NULL, a closed connection,
 * outside of the handlers that a wait (`nopoll_loop_wait`) runs for this very connection on this
 * thread, and, with true, where coalescing is off.
 */
nopoll_bool nopoll_conn_cork(noPollConn *conn,
                             nopoll_bool enable);

/**
 * With true, the default, the loop reads as much as there is. With false it takes one frame at a
 * time from the socket. Calls outside the loop always do the latter.
 */
void nopoll_ctx_set_read_ahead(noPollCtx *ctx, nopoll_bool enable);

/*
 * permessage-deflate. As with the other settings, a value in the options of a client or listener
 * wins over the context's.
 */

/**
 * With true, connections compress their messages if the peer can do so, too (permessage-deflate,
 * RFC 7692): clients offer it, listeners agree to it. With false, the default, nothing is offered
 * or agreed to. Read at each opening handshake.
 *
 * A connection that is compressed needs about 280 KB for sending and 50 KB for receiving, from the
 * first compressed message on; see `nopoll_ctx_set_compression_context_takeover`. Messages are
 * received uncompressed, and the limits of frames and messages apply to what comes out. With
 * NOPOLL_DELIVER_FRAMES each frame gives what came out of it, which for a frame that isn't the
 * last of its message may be nothing; with NOPOLL_DELIVER_PIECES the last piece of a frame may be
 * empty.
 *
 * Sends return and count bytes of the payload as it was given. The count of a compressed frame
 * that can't be written at once comes in one piece: the send returns -2, and when the frame is
 * out, all of its length is reported.
 *
 * Don't put a secret into a message together with text that an attacker chose: its length would
 * tell how much of the two is alike.
 */
void nopoll_ctx_set_compression(noPollCtx *ctx, nopoll_bool enable);

/** As `nopoll_ctx_set_compression`, for the connections made with these options. */
void nopoll_conn_opts_set_compression(noPollConnOpts *opts, nopoll_bool enable);

/**
 * Sets how hard messages are compressed, from 1 (fast) to 9 (small); 3 is the default. Other
 * values are refused with a log line.
 */
void nopoll_ctx_set_compression_level(noPollCtx *ctx, int level);

/**
 * As `nopoll_ctx_set_compression_level`, for the connections made with these options. Other values
 * are ignored.
 */
void nopoll_conn_opts_set_compression_level(noPollConnOpts *opts, int level);

/**
 * Sets from how many bytes on messages are compressed; 64 is the default. Of a fragmented message,
 * the first fragment decides. Empty messages are never compressed. Values other than 0 to
 * NOPOLL_MAX_FRAME_SIZE_LIMIT are refused with a log line.
 */
void nopoll_ctx_set_compression_threshold(noPollCtx *ctx, long bytes);

/**
 * As `nopoll_ctx_set_compression_threshold`, for the connections made with these options. Other
 * values are ignored.
 */
void nopoll_conn_opts_set_compression_threshold(noPollConnOpts *opts, long bytes);

/**
 * Sets how far back compressed data may refer, as the logarithm of a number of bytes: from 9 (512
 * bytes) to 15 (32 KB), which is the default for both. `send_bits` holds for what is sent: 12
 * instead of 15 saves 115 KB of memory, and costs a tenth or so of what compression gains.
 * `receive_bits` is asked of the peer: a server must comply or the handshake of the client fails;
 * a client that doesn't say that it can use less goes on with 15. Other values are refused with a
 * log line.
 *
 * These are `server_max_window_bits` and `client_max_window_bits` of RFC 7692 §7.1.2. A client
 * that demands a window of 8 bits gets no compression; a server that does, messages that aren't
 * compressed.
 */
void nopoll_ctx_set_compression_window_bits(noPollCtx *ctx, int send_bits, int receive_bits);

/**
 * As `nopoll_ctx_set_compression_window_bits`, for the connections made with these options. Other
 * values are ignored.
 */
void nopoll_conn_opts_set_compression_window_bits(noPollConnOpts *opts,
                                                  int send_bits,
                                                  int receive_bits);

/**
 * Sets whether messages may refer to earlier ones, which compresses small messages that resemble
 * each other much better; true is the default for both directions. With false, memory for the
 * direction is taken with each message and given back behind it. `receive` false is asked of the
 * peer: a server must comply or the handshake of the client fails; every client must.
 *
 * These are `server_no_context_takeover` and `client_no_context_takeover` of RFC 7692 §7.1.1.
 */
void nopoll_ctx_set_compression_context_takeover(noPollCtx *ctx,
                                                 nopoll_bool send,
                                                 nopoll_bool receive);

/**
 * As `nopoll_ctx_set_compression_context_takeover`, for the connections made with these options.
 */
void nopoll_conn_opts_set_compression_context_takeover(noPollConnOpts *opts,
                                                       nopoll_bool send,
                                                       nopoll_bool receive);

/**
 * Returns 1 when both sides agreed to compress in the opening handshake, otherwise 0; also 0 for
 * NULL. That a message was compressed doesn't show.
 */
nopoll_bool nopoll_conn_is_compressed(noPollConn *conn);

/**
 * Gives back the memory that compressing for this connection holds, for one that will be idle. It
 * is taken again with the next message, which then doesn't refer to earlier ones. What receiving
 * holds stays while the peer may refer to earlier messages.
 */
void nopoll_conn_release_compression(noPollConn *conn);

/*
 * Why something failed.
 */

/**
 * Returns the HTTP status of the server's answer to a client's request; 0 while none has come, for
 * other connections and for NULL.
 */
int nopoll_conn_get_http_status(noPollConn *conn);

/**
 * Returns why a connection never got ready or was dropped; NOPOLL_ERROR_NONE while it wasn't. For
 * NULL: why the last constructor of a client, listener or accepted connection on this thread
 * returned NULL; NOPOLL_ERROR_NONE if it didn't.
 */
noPollError nopoll_conn_get_error(noPollConn *conn);

/**
 * Returns the same in words, never NULL. The text lives as long as the connection; for NULL, until
 * this thread's next constructor.
 */
const char *nopoll_conn_get_error_text(noPollConn *conn);

/*
 * Plain HTTP requests on a listener's port.
 */

/**
 * Sets who answers GET and HEAD requests that don't ask for a WebSocket, so that a program can hand
 * out its own page over the port it listens on. Called when the request has been read to its
 * blank line; URL, `Host`, `Origin`, `Cookie` and `X-Real-IP` can be asked for. Each answer ends its
 * connection. NULL, the default, removes the handler: such requests get an HTTP error.
 */
void nopoll_ctx_set_on_http(noPollCtx *ctx,
                            noPollOnHttpHandler on_http,
                            noPollPtr user_data);

/**
 * Answers the plain HTTP request that an on-http handler is being asked about, from within that
 * handler: once, with `Content-Length` and `Connection: close`. `status` is within 200..599.
 * `content_type` NULL means "text/plain; charset=utf-8". `body` is copied; NULL means an empty
 * one, and `body_size` -1 its length as a string. To a HEAD request the body is not sent.
 *
 * Returns 1 when the answer was taken; what the peer doesn't read at once is written by the loop.
 * Returns 0 otherwise: no request is waiting, it has been answered, or an argument is out of
 * range, which the log names.
 */
nopoll_bool nopoll_conn_http_reply(noPollConn *conn,
                                   int status,
                                   const char *content_type,
                                   const char *body,
                                   long body_size);

/*
 * TLS beyond noPoll's.
 */

/**
 * Adds a public key that the server of a TLS client may have: the base64 of the SHA-256 hash of
 * its SubjectPublicKeyInfo, as in:
 *
 *     openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform der |
 *       openssl dgst -sha256 -binary | base64
 *
 * With at least one pin, a server whose certificate has another key is refused, whatever else is
 * checked or not checked of the certificate; nopoll_conn_get_error_text then names the key it
 * has. Give two, one for the next key, and keys can be changed. Chains of a CA don't count: the pin
 * is for the server's own certificate.
 *
 * Returns 1; 0, with nothing added, for NULL or when `spki_sha256_base64` is not the base64 of 32
 * bytes (44 characters).
 */
nopoll_bool nopoll_conn_opts_add_ssl_pin(noPollConnOpts *opts, const char *spki_sha256_base64);

/**
 * Reads the certificate, key, chain and CA files again that TLS connections of this context have
 * used. Files that have changed are noticed without this, by the next connection; call it where a
 * change may go unnoticed (same size, time and place), or to learn now whether the new files are
 * usable. Connections there are stay as they are.
 *
 * Returns 1 when all could be read, also when there are none. Returns 0 when some are unusable: the
 * log names them and why, and what was loaded before stays in use; also for NULL and in a library
 * built without TLS.
 */
nopoll_bool nopoll_ctx_reload_certificates(noPollCtx *ctx);

/*
 * Several listeners on one port.
 */

/**
 * Listeners: with true, others may listen on the same address and port, in this process or in
 * another one of the same user, if all of them are opened with it (SO_REUSEPORT). The system
 * spreads new connections over them by address and port of the peer. With false, the default, a
 * port has one listener.
 *
 * So a program uses several processors: a context, a listener and a `nopoll_loop_wait` per thread.
 * A connection stays with the listener that got it. One that is closed loses the connections it has
 * not accepted yet, and the system may give them to no other.
 *
 * Where the system knows no such option, constructors of listeners that ask for it fail.
 */
void nopoll_conn_opts_set_reuse_port(noPollConnOpts *opts, nopoll_bool enable);

END_C_DECLS

#include "nopoll_log.h"

#endif /* __NOPOLL_H__ */
