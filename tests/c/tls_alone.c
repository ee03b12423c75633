/* run.py: needs=tls */
/* A process that has one thread until the library is in the middle of something. */
#include <nopoll.h>
#include <sched.h>

#include "support/threads.h"
#include "support/tls/tls.h"

static struct {
  noPollConn *conn;
  pthread_t thread;
  int started, asks, inside, early;
} second;

static void *ask (void *data)
{
  (void) data;
  SHARED_SET (second.asks, 1);
  nopoll_conn_read_pending (second.conn);
  second.early = SHARED_GET (second.inside);
  return NULL;
}

static void start_second (const SSL *ssl, int where, int ret)
{
  int i;

  (void) ssl, (void) where, (void) ret;
  if (second.started)
    return;
  second.started = 1;
  SHARED_SET (second.inside, 1);
  second.thread = threads_start (ask, NULL);
  while (!SHARED_GET (second.asks))
    sched_yield ();
  /* Time to get in, where nothing prevents it. */
  for (i = 0; i < 1000; i++)
    sched_yield ();
  SHARED_SET (second.inside, 0);
}

static noPollPtr with_callback (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                                nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *made = SSL_CTX_new (TLS_server_method ());

  (void) ctx, (void) opts, (void) is_client, (void) data;
  second.conn = conn;
  SSL_CTX_set_info_callback (made, start_second);
  return made;
}

TEST (a_second_thread_waits_for_the_first_to_leave)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = SSL_new (raw);
  int fd = wire_connect (LISTENER_PORT (listener));
  noPollConn *conn;
  char hello[4096];

  nopoll_ctx_set_ssl_context_creator (ctx, with_callback, NULL);
  conn = nopoll_conn_accept (ctx, listener);
  SSL_set_bio (ssl, BIO_new (BIO_s_mem ()), BIO_new (BIO_s_mem ()));
  SSL_set_connect_state (ssl);
  SSL_do_handshake (ssl);
  ERR_clear_error ();
  wire_send (fd, hello, BIO_read (SSL_get_wbio (ssl), hello, sizeof hello));
  WAIT_UNTIL ((nopoll_conn_is_ready (conn), second.started));
  threads_join (second.thread);
  CHECK_INT (second.early, 0);
  SSL_free (ssl);
  SSL_CTX_free (raw);
  close (fd);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_second_thread_waits_for_the_first_to_leave))
