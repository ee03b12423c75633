/*
 * A client for Autobahn's fuzzing server, testee_client PORT AGENT [CA], over TLS with the CA: asks
 * how many cases there are, runs one after the other, and has the server write its reports.
 */
#include <stdlib.h>

#include "echo.h"

static noPollCtx *ctx;
static const char *port;
static const char *ca;
/* The suite wants the port in the Host header. */
static char host_name[32];

static void read_count (noPollCtx *ctx_, noPollConn *conn, noPollMsg *msg, noPollPtr count)
{
  (void) ctx_;
  (void) conn;
  *(int *) count = atoi ((const char *) nopoll_msg_get_payload (msg));
}

static nopoll_bool ready (noPollCtx *ctx_, noPollConn *conn, noPollPtr was_ready)
{
  (void) ctx_;
  (void) conn;
  *(nopoll_bool *) was_ready = nopoll_true;
  return nopoll_true;
}

static void closed (noPollCtx *ctx_, noPollConn *conn, noPollPtr data)
{
  (void) conn;
  (void) data;
  nopoll_loop_stop (ctx_);
}

static noPollConn *connect_to (const char *url)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  if (ca == NULL)
    return nopoll_conn_new_opts (ctx, opts, "127.0.0.1", port, host_name, url, NULL, NULL);
  nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, ca);
  nopoll_conn_opts_ssl_host_verify (opts, nopoll_true);
  return nopoll_conn_tls_new (ctx, opts, "127.0.0.1", port, host_name, url, NULL, NULL);
}

/* Opens a connection and serves it until the server closes it; false when it never got ready. */
static nopoll_bool run (const char *url, noPollOnMessageHandler on_msg, noPollPtr data)
{
  noPollConn *conn = connect_to (url);
  nopoll_bool was_ready = nopoll_false;

  nopoll_conn_set_on_msg (conn, on_msg, data);
  nopoll_conn_set_on_close (conn, closed, NULL);
  nopoll_conn_set_on_ready (conn, ready, &was_ready);
  while (nopoll_conn_is_ok (conn))
    nopoll_loop_wait (ctx, 1000000);
  if (!was_ready)
    fprintf (stderr, "%s: %s\n", url, nopoll_conn_get_error_text (conn));
  nopoll_conn_close (conn);
  return was_ready;
}

int main (int argc, char **argv)
{
  const char *agent = argc >= 3 ? argv[2] : "";
  char url[256];
  int count = -1;
  int i;

  if (argc != 3 && argc != 4) {
    fprintf (stderr, "usage: %s PORT AGENT [CA]\n", argv[0]);
    return EXIT_FAILURE;
  }
  ca = argv[3];
  port = argv[1];
  snprintf (host_name, sizeof host_name, "127.0.0.1:%s", port);
  ctx = nopoll_ctx_new ();
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 0);
  if (!run ("/getCaseCount", read_count, &count) || count < 0)
    return EXIT_FAILURE;
  for (i = 1; i <= count; i++) {
    snprintf (url, sizeof url, "/runCase?case=%d&agent=%s", i, agent);
    run (url, echo, NULL);
  }
  snprintf (url, sizeof url, "/updateReports?agent=%s", agent);
  run (url, read_count, &count);
  nopoll_ctx_unref (ctx);
  nopoll_cleanup_library ();
  return EXIT_SUCCESS;
}
