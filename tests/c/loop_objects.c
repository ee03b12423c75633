/* What handlers and other threads do to connections, listeners and contexts while the loop runs. */
#include <nopoll.h>

#include "support/server.h"

#define PEERS 8

struct run {
  struct server *server;
  int messages;
  int closed;
  int visited;
  noPollConn *victims[PEERS];
  noPollConn *made;
};

static void stop_when_closed (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct run *run = (struct run *) data;

  run->closed++;
  CHECK (nopoll_conn_is_ok (conn));
  nopoll_loop_stop (ctx);
}

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ((struct run *) data)->closed++;
}

static nopoll_bool watch_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  nopoll_conn_set_on_close (conn, count_close, data);
  return nopoll_true;
}

static void begin (struct run *run, struct server *server, noPollOnMessageHandler on_msg)
{
  memset (run, 0, sizeof *run);
  run->server = server;
  server_start (server, on_msg, run);
  nopoll_ctx_set_on_accept (server->ctx, watch_close, run);
}

TEST (the_dead_are_collected_at_the_next_pass)
{
  struct server server;
  struct run run;
  noPollConn *conn;
  int peer;

  begin (&run, &server, NULL);
  peer = server_peer (&server);
  conn = server_newest (&server);
  nopoll_conn_ref (conn);
  nopoll_conn_set_on_close (conn, stop_when_closed, &run);
  close (peer);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (run.closed, 1);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 2);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1), -3);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 1);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), 3);
  nopoll_conn_unref (conn);
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), 2);
  CHECK_INT (run.closed, 1);
  server_stop (&server);
}

/* L-44, M-44 */
TEST (a_collected_client_is_released_by_close)
{
  struct server server;
  struct run run;
  noPollConn *client;
  int peer;

  begin (&run, &server, NULL);
  client = wire_client (server.ctx, &peer);
  CHECK_INT (nopoll_conn_ref_count (client), 2);
  close (peer);
  LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
  CHECK_INT (nopoll_conn_ref_count (client), 1);
  nopoll_conn_close (client);
  server_stop (&server);
}

/* An idle wait notices what another thread ends: there is no pass every half second. */
TEST (what_another_thread_shuts_down_is_collected_by_an_idle_wait)
{
  struct server server;
  struct loop_thread loop;
  struct run run;
  noPollConn *conn;
  int peer;

  begin (&run, &server, NULL);
  loop_thread_start (&loop, server.ctx);
  peer = server_peer_beside_loop (&server);
  conn = server_newest (&server);
  nopoll_conn_shutdown (conn);
  wire_expect_end (peer);
  WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 1);
  CHECK_INT (run.closed, 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
}

static nopoll_bool visit (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct run *run = (struct run *) data;
  int refs = nopoll_conn_ref_count (conn);

  (void) ctx;
  run->visited++;
  CHECK (refs >= 2);
  if (nopoll_conn_role (conn) == NOPOLL_ROLE_LISTENER)
    nopoll_conn_close (conn);
  return nopoll_false;
}

static void close_everybody (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) msg;
  run->messages++;
  nopoll_ctx_foreach_conn (ctx, visit, run);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
}

/* The first message ends all connections, its own too; what others had ready is not served. */
TEST (a_handler_may_close_every_connection)
{
  struct server server;
  struct run run;
  int peers[PEERS], i;

  begin (&run, &server, close_everybody);
  for (i = 0; i < PEERS; i++)
    peers[i] = server_peer (&server);
  for (i = 0; i < PEERS; i++)
    wire_send_frame (peers[i], 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages > 0);
  CHECK_INT (run.messages, 1);
  CHECK_INT (run.visited, PEERS + 1);
  CHECK_INT (run.closed, PEERS);
  nopoll_loop_wait (server.ctx, 1000);
  CHECK_INT (run.messages, 1);
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), 2);
  server_stop (&server);
  for (i = 0; i < PEERS; i++) {
    wire_expect_frame (peers[i], 0x88, 0, "", 0);
    wire_expect_end (peers[i]);
    close (peers[i]);
  }
}

static void close_listener (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) ctx;
  (void) msg;
  run->messages++;
  if (run->server->listener) {
    nopoll_conn_close (run->server->listener);
    run->server->listener = NULL;
    CHECK (nopoll_conn_get_listener (conn) == NULL);
  }
  nopoll_conn_send_text (conn, "ok", 2);
}

/* L-36, M-18: with connections pending on the listener in the same pass. */
TEST (a_handler_may_close_the_listener)
{
  struct server server;
  struct run run;
  int peer, late;

  begin (&run, &server, close_listener);
  peer = server_peer (&server);
  late = wire_connect (LISTENER_PORT (server.listener));
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  wire_expect_frame (peer, 0x81, 0, "ok", 2);
  wire_send_frame (peer, 0x81, 1, "b", 1);
  LOOP_UNTIL (server.ctx, run.messages == 2);
  wire_expect_frame (peer, 0x81, 0, "ok", 2);
  server_stop (&server);
  close (peer);
  close (late);
}

static nopoll_bool refuse_and_close_listener (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) ctx;
  CHECK (nopoll_conn_get_listener (conn) == run->server->listener);
  run->visited++;
  nopoll_conn_close (run->server->listener);
  run->server->listener = NULL;
  return nopoll_true;
}

TEST (on_accept_may_close_the_listener)
{
  struct server server;
  struct run run;
  int peers[3], i;

  begin (&run, &server, server_echo);
  nopoll_ctx_set_on_accept (server.ctx, refuse_and_close_listener, &run);
  for (i = 0; i < 3; i++) {
    peers[i] = wire_connect (LISTENER_PORT (server.listener));
    wire_send_request (peers[i], "/", NULL);
  }
  LOOP_UNTIL (server.ctx, run.visited == 1 && nopoll_ctx_conns (server.ctx) == 1);
  LOOP_UNTIL (server.ctx, wire_unread (peers[0]) > 0);
  CHECK_INT (run.visited, 1);
  wire_expect_end (peers[2]);
  server_stop (&server);
  for (i = 0; i < 3; i++)
    close (peers[i]);
}

static void give_everything_back (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) msg;
  run->messages++;
  nopoll_conn_send_text (conn, "bye", 3);
  nopoll_conn_close (run->server->listener);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
}

/* The last reference of the context goes inside a wait: it ends as if stopped. */
TEST (a_handler_may_release_the_context)
{
  struct server server;
  struct run run;
  int peer;

  begin (&run, &server, give_everything_back);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_send_frame (peer, 0x81, 1, "b", 1);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (run.messages, 1);
  wire_expect_frame (peer, 0x81, 0, "bye", 3);
  wire_expect_frame (peer, 0x88, 0, "", 0);
  wire_expect_end (peer);
  close (peer);
}

/* L-02 */
TEST (a_context_lives_as_long_as_its_connections)
{
  struct server server;
  struct run run;
  int peer;

  begin (&run, &server, server_echo);
  peer = server_peer (&server);
  nopoll_ctx_unref (server.ctx);
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), 2);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, wire_unread (peer) > 0);
  wire_expect_frame (peer, 0x81, 0, "a", 1);
  nopoll_conn_close (server_newest (&server));
  nopoll_conn_close (server.listener);
  close (peer);
}

static void make_more (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;
  int port = LISTENER_PORT (run->server->listener);
  char text[8];

  (void) msg;
  run->messages++;
  if (run->made)
    return;
  snprintf (text, sizeof text, "%d", port);
  nopoll_conn_ref (conn);
  run->victims[0] = conn;
  run->victims[1] = wire_listener (ctx);
  run->made = nopoll_conn_new (ctx, "127.0.0.1", text, NULL, NULL, NULL, NULL);
  CHECK (nopoll_conn_is_ok (run->made));
  nopoll_conn_send_text (run->made, "from within", 11);
}

/* Clients and listeners made in a handler are served by the same wait. */
TEST (a_handler_may_make_connections_and_listeners)
{
  struct server server, second;
  struct run run;
  int peer, other;

  begin (&run, &server, make_more);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages == 2);
  CHECK (nopoll_conn_is_ready (run.made));
  second.ctx = server.ctx;
  second.listener = run.victims[1];
  other = server_peer (&second);
  nopoll_conn_close (run.victims[0]);
  nopoll_conn_close (run.victims[1]);
  nopoll_conn_close (run.made);
  server_stop (&server);
  close (peer);
  close (other);
}

static void destroy_others (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;
  int i;

  (void) msg;
  run->messages++;
  run->made = conn;
  for (i = 0; i < PEERS; i++)
    if (run->victims[i] != conn) {
      nopoll_ctx_unregister_conn (ctx, run->victims[i]);
      nopoll_conn_unref (run->victims[i]);
    }
}

/* L-07, M-45: the others are destroyed while they wait for their turn; that closes them silently. */
TEST (a_handler_may_destroy_connections_that_are_ready)
{
  struct server server;
  struct run run;
  int peers[PEERS], i;

  begin (&run, &server, destroy_others);
  for (i = 0; i < PEERS; i++) {
    run.victims[i] = wire_client (server.ctx, &peers[i]);
    nopoll_conn_set_on_close (run.victims[i], count_close, &run);
    wire_send_frame (peers[i], 0x81, 0, "a", 1);
  }
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), PEERS + 2);
  LOOP_UNTIL (server.ctx, run.messages > 0);
  nopoll_loop_wait (server.ctx, 1000);
  CHECK_INT (run.messages, 1);
  CHECK_INT (run.closed, 0);
  CHECK_INT (nopoll_ctx_ref_count (server.ctx), 3);
  for (i = 0; i < PEERS; i++) {
    if (run.victims[i] != run.made)
      wire_expect_end (peers[i]);
    close (peers[i]);
  }
  nopoll_conn_close (run.made);
  CHECK_INT (run.closed, 1);
  server_stop (&server);
}

static nopoll_bool find (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) ctx;
  run->visited++;
  return conn == run->made;
}

static void walk (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) msg;
  run->messages++;
  run->made = conn;
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK (nopoll_ctx_foreach_conn (ctx, find, run) == conn);
  run->made = NULL;
  CHECK (nopoll_ctx_foreach_conn (ctx, find, run) == NULL);
}

/* L-08 */
TEST (foreach_inside_a_handler_visits_all)
{
  struct server server;
  struct run run;
  int peers[PEERS], i;

  begin (&run, &server, walk);
  for (i = 0; i < PEERS; i++)
    peers[i] = server_peer (&server);
  wire_send_frame (peers[PEERS - 1], 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  CHECK_INT (run.visited, 2 * (PEERS + 1));
  server_stop (&server);
  for (i = 0; i < PEERS; i++)
    close (peers[i]);
}

TESTS (CASE (the_dead_are_collected_at_the_next_pass),
       CASE (a_collected_client_is_released_by_close),
       CASE (what_another_thread_shuts_down_is_collected_by_an_idle_wait),
       CASE (a_handler_may_close_every_connection), CASE (a_handler_may_close_the_listener),
       CASE (on_accept_may_close_the_listener), CASE (a_handler_may_release_the_context),
       CASE (a_context_lives_as_long_as_its_connections),
       CASE (a_handler_may_make_connections_and_listeners),
       CASE (a_handler_may_destroy_connections_that_are_ready),
       CASE (foreach_inside_a_handler_visits_all))
