/* Several listeners on one port. */
#include "support/wire.h"

#define CLIENTS 64

static noPollConn *shared (noPollCtx *ctx, const char *port)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_conn_opts_set_reuse_port (opts, nopoll_true);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  return nopoll_listener_new_opts (ctx, opts, "127.0.0.1", port);
}

static nopoll_bool count (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ++*(int *) data;
  return nopoll_true;
}

/* Two loops, one after the other on this thread, as two threads would run them. */
TEST (listeners_that_share_a_port_all_get_connections)
{
  noPollCtx *ctxs[2];
  noPollConn *listeners[2];
  int fds[CLIENTS], counts[2] = { 0, 0 }, i;
  char head[512], port[16];

  for (i = 0; i < 2; i++) {
    ctxs[i] = nopoll_ctx_new ();
    nopoll_ctx_set_on_ready (ctxs[i], count, &counts[i]);
  }
  listeners[0] = shared (ctxs[0], "0");
  snprintf (port, sizeof port, "%d", LISTENER_PORT (listeners[0]));
  listeners[1] = shared (ctxs[1], port);
  CHECK (nopoll_conn_is_ok (listeners[1]));
  CHECK_INT (LISTENER_PORT (listeners[1]), LISTENER_PORT (listeners[0]));
  for (i = 0; i < CLIENTS; i++) {
    fds[i] = wire_connect (LISTENER_PORT (listeners[0]));
    wire_send_request (fds[i], "/", "");
  }
  for (i = 0; i < 1000 * check_slowness () && counts[0] + counts[1] < CLIENTS; i++)
    nopoll_loop_wait (ctxs[i % 2], 1000);
  CHECK_INT (counts[0] + counts[1], CLIENTS);
  /* The system chooses by a hash: that one gets none has a chance of 2 in 2 to the 64. */
  CHECK (counts[0] > 0);
  CHECK (counts[1] > 0);
  for (i = 0; i < CLIENTS; i++) {
    wire_receive_head (fds[i], head, sizeof head);
    close (fds[i]);
  }
  for (i = 0; i < 2; i++) {
    LOOP_UNTIL (ctxs[i], nopoll_ctx_conns (ctxs[i]) == 1);
    nopoll_conn_close (listeners[i]);
    nopoll_ctx_unref (ctxs[i]);
  }
}

TEST (without_it_a_port_has_one_listener)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *first = shared (ctx, "0");

  CHECK (nopoll_listener_new (ctx, "127.0.0.1", wire_port_text (nopoll_conn_socket (first))) == NULL);
  CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_IO);
  nopoll_conn_close (first);
  nopoll_conn_opts_set_reuse_port (NULL, nopoll_true);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (listeners_that_share_a_port_all_get_connections),
       CASE (without_it_a_port_has_one_listener))
