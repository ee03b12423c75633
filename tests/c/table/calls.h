/*
 * calls.h - for rows whose call needs something made before, or taken back after.
 */
#ifndef TABLE_CALLS_H
#define TABLE_CALLS_H

#include "env.h"

/* A block of the C heap, the caller's. */
static struct got block (void *value)
{
  struct got got = number (value != NULL);

  free (value);
  return got;
}

/* A string of the C heap, the caller's. */
static struct got string (char *value)
{
  struct got got = text (value);

  free (value);
  return got;
}

/* A connection just made by a constructor; 1 for one. */
static struct got made (noPollConn *conn)
{
  struct got got = number (conn != NULL);

  nopoll_conn_close (conn);
  return got;
}

/* An accepted connection; 1 for one. The caller owns none of its references. */
static struct got admitted (struct env *e, noPollConn *conn)
{
  struct got got = number (conn != NULL);

  if (conn != e->conn)
    nopoll_conn_close (conn);
  return got;
}

/* A descriptor, the caller's; 1 for one. */
static struct got descriptor (int fd)
{
  struct got got = number (fd >= 0 ? 1 : fd);

  nopoll_close_socket (fd);
  return got;
}

/* The descriptor of a pair, for a call that keeps it unless it fails. */
static struct got handed_over (struct env *e, noPollConn *conn)
{
  if (conn != NULL)
    e->pair[0] = -1;
  return made (conn);
}

static struct got size_and_unref (noPollMsg *msg)
{
  struct got got = number (nopoll_msg_get_payload_size (msg));

  nopoll_msg_unref (msg);
  return got;
}

static struct got engine (noPollIoEngine *value)
{
  struct got got = number (value != NULL);

  nopoll_io_release_engine (value);
  return got;
}

static struct got context (noPollCtx *ctx)
{
  struct got got = number (ctx != NULL);

  nopoll_ctx_unref (ctx);
  return got;
}

static struct got options (noPollConnOpts *opts)
{
  struct got got = number (opts != NULL);

  nopoll_conn_opts_unref (opts);
  return got;
}

static struct got received (noPollMsg *msg)
{
  struct got got = number (msg != NULL);

  nopoll_msg_unref (msg);
  return got;
}

static struct got mutex (noPollPtr value)
{
  struct got got = number (value != NULL);

  nopoll_mutex_destroy (value);
  return got;
}

static char *formatted (const char *format, ...)
{
  va_list args;
  char *value;

  va_start (args, format);
  value = nopoll_strdup_printfv (format, args);
  va_end (args);
  return value;
}

static int formatted_size (const char *format, ...)
{
  va_list args;
  int size;

  va_start (args, format);
  size = nopoll_vprintf_len (format, args);
  va_end (args);
  return size;
}

/* Reference counts are put back as they were. */
static noPollConn *counted (noPollConn *conn) { nopoll_conn_ref (conn); PREPARED; return conn; }
static noPollConn *visited (noPollConn *conn)
{
  __nopoll_conn_transient_ref (conn);
  PREPARED;
  return conn;
}
static noPollCtx *counted_ctx (noPollCtx *ctx) { nopoll_ctx_ref (ctx); PREPARED; return ctx; }
static noPollMsg *counted_msg (noPollMsg *msg) { nopoll_msg_ref (msg); PREPARED; return msg; }
static noPollConnOpts *counted_opts (noPollConnOpts *opts)
{
  nopoll_conn_opts_ref (opts);
  PREPARED;
  return opts;
}
static noPollIoEngine *new_engine (void)
{
  return nopoll_io_get_engine (NULL, NOPOLL_IO_ENGINE_DEFAULT);
}

/* A connection from nobody to a name: the TLS handshake would go on for long. */
static noPollCtx *impatient (noPollCtx *ctx)
{
  nopoll_conn_connect_timeout (ctx, 20000);
  PREPARED;
  return ctx;
}

/* Handlers to install. None of them is called by the test that installs it. */
static nopoll_bool yes (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { return nopoll_true; }
static nopoll_bool no_page (noPollCtx *ctx, noPollConn *conn, const char *method, const char *url,
                            noPollPtr data) { return nopoll_false; }
static void ignore_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data) { }
static void ignore_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { }
static void ignore_log (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data) { }
static noPollPtr no_context (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                             nopoll_bool is_client, noPollPtr data) { return NULL; }
static nopoll_bool check_nothing (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx,
                                  noPollPtr ssl, noPollPtr data) { return nopoll_true; }

/* The mutexes of ON_MUTEX; otherwise none are installed. */
static int with_mutexes;
static noPollPtr mutex_make (void);
static void mutex_break (noPollPtr mutex);
static void mutex_take (noPollPtr mutex);
static void mutex_give (noPollPtr mutex);

static void default_mutexes (void)
{
  if (with_mutexes)
    nopoll_thread_handlers (mutex_make, mutex_break, mutex_take, mutex_give);
  else
    nopoll_thread_handlers (NULL, NULL, NULL, NULL);
}

static struct got then_default_mutexes (struct got got)
{
  default_mutexes ();
  return got;
}

#define NO_LOG_HANDLER nopoll_log_set_handler (e->ctx, NULL, NULL)

#endif
