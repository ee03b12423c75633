/*
 * A log handler may do to a connection whatever any handler may, at every record there is: the
 * connection ends once, and no other handler hears of it afterwards.
 */
#include <nopoll.h>

#include "support/wire.h"

enum act { SHUT, CLOSE, TAKE, ACTS };

static struct {
  noPollConn *conn;       /* known from the first moment it can be */
  int record, at;         /* the number of this record, and that of the one to act at */
  enum act act;
  int acted, fd;
  char events[64];        /* letters of the handlers that ran; '|' where the log handler acted */
} scene;

static void event (char letter)
{
  size_t size = strlen (scene.events);

  if (size + 1 < sizeof scene.events) {
    scene.events[size] = letter;
    scene.events[size + 1] = 0;
  }
}

static void on_log (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  if (scene.conn == NULL || scene.acted || scene.record++ != scene.at)
    return;
  scene.acted = 1;
  if (nopoll_conn_is_ok (scene.conn))
    event ('|');
  switch (scene.act) {
  case SHUT: nopoll_conn_shutdown (scene.conn); break;
  case CLOSE: nopoll_conn_close (scene.conn); break;
  case TAKE:
    scene.fd = nopoll_conn_socket (scene.conn);
    nopoll_conn_set_socket (scene.conn, -1);
    break;
  default: break;
  }
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { event ('C'); }

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  event ('o');
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  event ('r');
  return nopoll_true;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  event (nopoll_msg_opcode (msg) == NOPOLL_PING_FRAME ? 'p' : 'm');
  nopoll_conn_send_text (conn, "reply", 5);
}

/* The references of ours: one to look at it, one for nopoll_conn_close. */
static void take_over (noPollConn *conn)
{
  nopoll_conn_ref (conn);
  nopoll_conn_ref (conn);
  nopoll_conn_set_on_close (conn, on_close, NULL);
  nopoll_conn_set_on_ping_msg (conn, on_msg, NULL);
  scene.conn = conn;
}

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  take_over (conn);
  return nopoll_true;
}

static noPollCtx *begin (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_log_set_handler (ctx, on_log, NULL);
  nopoll_ctx_set_on_open (ctx, on_open, NULL);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  return ctx;
}

static void judge (noPollCtx *ctx, int peer)
{
  const char *acted = strchr (scene.events, '|');
  const char *closed = strchr (scene.events, 'C');

  LOOP_UNTIL (ctx, !nopoll_conn_is_ok (scene.conn));
  nopoll_loop_wait (ctx, 1);
  if (closed != NULL && closed[1] != 0)
    check_fail (__FILE__, __LINE__, "record %d, act %d: %s", scene.at, (int) scene.act,
                scene.events);
  /* A descriptor that was taken away ends without on_close. */
  if (acted != NULL && strcmp (acted + 1, scene.act == TAKE ? "" : "C") != 0)
    check_fail (__FILE__, __LINE__, "record %d, act %d: %s", scene.at, (int) scene.act,
                scene.events);
  nopoll_log_set_handler (ctx, NULL, NULL);
  while (nopoll_conn_ref_count (scene.conn) > 1)
    nopoll_conn_unref (scene.conn);
  nopoll_conn_unref (scene.conn);
  nopoll_close_socket (scene.fd);
  close (peer);
}

/* What the peer of an accepted connection says, to its end. */
static void serve (const char *request, int ending)
{
  noPollCtx *ctx = begin ();
  noPollConn *listener = wire_listener (ctx);
  int peer;

  nopoll_ctx_set_on_accept (ctx, on_accept, NULL);
  peer = wire_connect (LISTENER_PORT (listener));
  if (request != NULL)
    wire_send_text (peer, request);
  else
    wire_send_request (peer, "/", NULL);
  if (request == NULL) {
    wire_send_frame (peer, 0x89, 1, "ping", 4);
    wire_send_frame (peer, 0x81, 1, "text", 4);
    if (ending == 0)
      wire_send_frame (peer, 0x88, 1, "\x03\xe8", 2);
    if (ending == 1)
      wire_send_frame (peer, 0x83, 1, "?", 1);
  }
  shutdown (peer, SHUT_WR);
  LOOP_UNTIL (ctx, scene.conn != NULL);
  judge (ctx, peer);
  nopoll_conn_close (listener);
  nopoll_loop_wait (ctx, 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

static void ask (const char *answer, int ending)
{
  noPollCtx *ctx = begin ();
  int listening = wire_listen (), peer;
  char head[4096];

  take_over (nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                              NULL));
  nopoll_conn_unref (scene.conn);   /* the constructor's is in its place */
  peer = wire_accept (listening);
  if (answer != NULL) {
    wire_receive_head (peer, head, sizeof head);
    wire_send_text (peer, answer);
  } else {
    wire_answer_request (peer, NULL);
    wire_send_frame (peer, 0x89, 0, "ping", 4);
    wire_send_frame (peer, 0x81, 0, "text", 4);
    if (ending == 0)
      wire_send_frame (peer, 0x88, 0, "\x03\xe8", 2);
    if (ending == 1)
      wire_send_frame (peer, 0x83, 0, "?", 1);
  }
  shutdown (peer, SHUT_WR);
  judge (ctx, peer);
  close (listening);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* Acts at the first record, then at the second, ..., until there are no more. */
static void at_each_record (void (*converse) (const char *first, int ending), const char *first,
                            int ending)
{
  int act, at, acted;

  for (act = 0; act < ACTS; act++) {
    at = 0;
    do {
      check_guard (60);
      memset (&scene, 0, sizeof scene);
      scene.fd = -1;
      scene.at = at;
      scene.act = (enum act) act;
      converse (first, ending);
      acted = scene.acted;
    } while (acted && ++at < 50);
    CHECK (at > 0);   /* there was at least one */
  }
}

TEST (an_accepted_connection_that_the_peer_closes) { at_each_record (serve, NULL, 0); }
TEST (an_accepted_connection_whose_peer_is_wrong) { at_each_record (serve, NULL, 1); }
TEST (an_accepted_connection_whose_peer_ends) { at_each_record (serve, NULL, 2); }
TEST (a_request_that_is_none) { at_each_record (serve, "nonsense\r\n\r\n", 0); }
TEST (a_request_without_upgrade)
{
  at_each_record (serve, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0);
}
TEST (a_client_that_the_peer_closes) { at_each_record (ask, NULL, 0); }
TEST (a_client_whose_peer_is_wrong) { at_each_record (ask, NULL, 1); }
TEST (a_client_whose_peer_ends) { at_each_record (ask, NULL, 2); }
TEST (an_answer_that_refuses)
{
  at_each_record (ask, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0);
}
TEST (an_answer_that_is_none) { at_each_record (ask, "nonsense\r\n\r\n", 0); }

static nopoll_bool close_any (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_close (conn);
  ++*(int *) data;
  return nopoll_false;
}

static void close_all (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  nopoll_ctx_foreach_conn (ctx, close_any, data);
}

TEST (a_client_closed_while_it_is_made_is_not_returned)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen (), closed = 0;
  char port[8];

  snprintf (port, sizeof port, "%d", wire_port (listening));
  close (listening);
  nopoll_log_set_handler (ctx, close_all, &closed);
  CHECK (nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL) == NULL);
  if (closed > 0)   /* the system may also refuse before there is a connection */
    CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_REJECTED);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_client_closed_while_it_is_made_is_not_returned), CASE (an_accepted_connection_that_the_peer_closes),
       CASE (an_accepted_connection_whose_peer_is_wrong),
       CASE (an_accepted_connection_whose_peer_ends), CASE (a_request_that_is_none),
       CASE (a_request_without_upgrade), CASE (a_client_that_the_peer_closes),
       CASE (a_client_whose_peer_is_wrong), CASE (a_client_whose_peer_ends),
       CASE (an_answer_that_refuses), CASE (an_answer_that_is_none))
