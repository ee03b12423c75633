/* Handlers: which of them is called, how often, in which order, with what. */
#include <nopoll.h>

#include "support/records.h"
#include "support/wire.h"

/* Every call leaves a letter; capital letters are those of the connection's own handlers. */
static char called[256];
static noPollCtx *last_ctx;
static noPollConn *last_conn;

static void note (char letter, noPollCtx *ctx, noPollConn *conn)
{
  size_t size = strlen (called);

  if (size + 1 < sizeof called) {
    called[size] = letter;
    called[size + 1] = 0;
  }
  last_ctx = ctx;
  last_conn = conn;
}

/* The letter is the user data. */
static nopoll_bool action (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  note (*(char *) data, ctx, conn);
  return nopoll_true;
}

static nopoll_bool refusal (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  note (*(char *) data, ctx, conn);
  return nopoll_false;
}

static void message (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  check_enter_handler ();
  CHECK_INT (errno, 0);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  check_leave_handler ();
  note (*(char *) data, ctx, conn);
}

static void closing (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  check_enter_handler ();
  CHECK_INT (nopoll_conn_is_ok (conn), 1);
  CHECK (nopoll_conn_socket (conn) >= 0);
  check_leave_handler ();
  note (*(char *) data, ctx, conn);
}

/* A ready accepted connection of a loop. */
struct served {
  noPollCtx *ctx;
  noPollConn *listener, *conn;
  int peer;
};

static nopoll_bool keep_conn (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct served *) data)->conn = conn;
  return nopoll_true;
}

static void serve (struct served *served)
{
  char head[4096];

  served->conn = NULL;
  nopoll_ctx_set_on_accept (served->ctx, keep_conn, served);
  served->peer = wire_connect (LISTENER_PORT (served->listener));
  wire_send_request (served->peer, "/", NULL);
  LOOP_UNTIL (served->ctx, served->conn != NULL && nopoll_conn_is_ready (served->conn));
  wire_receive_head (served->peer, head, sizeof head);
}

static void start (struct served *served)
{
  called[0] = 0;
  served->ctx = nopoll_ctx_new ();
  served->listener = wire_listener (served->ctx);
}

static void end (struct served *served)
{
  nopoll_conn_close (served->listener);
  CHECK_INT (nopoll_ctx_ref_count (served->ctx), 1);
  nopoll_ctx_unref (served->ctx);
}

static void say (struct served *served, const char *expected)
{
  size_t before = strlen (called);

  wire_send_frame (served->peer, 0x81, 1, "x", 1);
  wire_send_frame (served->peer, 0x89, 1, "", 0);
  LOOP_UNTIL (served->ctx, !wire_is_quiet (served->peer));   /* the pong: all before is done */
  wire_expect_frame (served->peer, 0x8a, 0, "", 0);
  CHECK_STR (called + before, expected);
}

TEST (handlers_are_called_in_order)
{
  struct served served;

  start (&served);
  nopoll_ctx_set_on_open (served.ctx, action, "o");
  nopoll_ctx_set_on_ready (served.ctx, action, "r");
  nopoll_ctx_set_on_msg (served.ctx, message, "m");
  serve (&served);
  nopoll_conn_set_on_close (served.conn, closing, "C");
  CHECK_STR (called, "or");
  CHECK (last_conn == served.conn && last_ctx == served.ctx);
  say (&served, "m");
  CHECK (last_conn == served.conn && last_ctx == served.ctx);
  nopoll_conn_close (served.conn);
  CHECK_STR (called, "ormC");
  close (served.peer);
  end (&served);
}

TEST (clients_have_no_on_accept_and_on_open)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  int peer;

  called[0] = 0;
  nopoll_ctx_set_on_accept (ctx, action, "a");
  nopoll_ctx_set_on_open (ctx, action, "o");
  nopoll_ctx_set_on_ready (ctx, action, "r");
  nopoll_ctx_set_on_msg (ctx, message, "m");
  conn = wire_client (ctx, &peer);
  CHECK_STR (called, "r");
  wire_send_frame (peer, 0x81, 0, "x", 1);
  LOOP_UNTIL (ctx, strcmp (called, "rm") == 0);
  nopoll_conn_close (conn);
  CHECK_STR (called, "rm");
  close (peer);
  nopoll_ctx_unref (ctx);
}

/* L-11 */
/* L-11 */
TEST (some_handlers_of_a_context_can_not_be_removed)
{
  struct served served;
  struct records records;

  start (&served);
  nopoll_ctx_set_on_open (served.ctx, action, "o");
  nopoll_ctx_set_on_ready (served.ctx, action, "r");
  records_of (served.ctx, &records);
  nopoll_ctx_set_on_open (served.ctx, NULL, "x");
  CHECK (records_name (&records, "on_open"));
  nopoll_ctx_set_on_ready (served.ctx, NULL, "x");
  CHECK (records_name (&records, "on_ready"));
  CHECK_INT (records.count, 2);
  records_of (served.ctx, NULL);
  serve (&served);
  CHECK_STR (called, "or");
  nopoll_conn_close (served.conn);
  close (served.peer);
  records_of (served.ctx, &records);
  nopoll_ctx_set_on_accept (served.ctx, NULL, "x");
  CHECK (records_name (&records, "on_accept"));
  records_of (served.ctx, NULL);
  served.conn = NULL;
  served.peer = wire_connect (LISTENER_PORT (served.listener));
  LOOP_UNTIL (served.ctx, served.conn != NULL);   /* keep_conn is still there */
  nopoll_conn_close (served.conn);
  close (served.peer);
  /* They can be replaced. */
  nopoll_ctx_set_on_open (served.ctx, action, "O");
  nopoll_ctx_set_on_ready (served.ctx, action, "R");
  serve (&served);
  CHECK_STR (called, "orOR");
  nopoll_conn_close (served.conn);
  close (served.peer);
  end (&served);
}

/* L-11 */
TEST (other_handlers_can_be_removed)
{
  struct served served;
  struct records records;

  start (&served);
  records_of (served.ctx, &records);
  nopoll_ctx_set_on_msg (served.ctx, message, "m");
  nopoll_ctx_set_on_msg (served.ctx, NULL, NULL);
  nopoll_ctx_set_ssl_context_creator (served.ctx, NULL, NULL);
  nopoll_ctx_set_post_ssl_check (served.ctx, NULL, NULL);
  nopoll_ctx_set_on_http (served.ctx, NULL, NULL);
  CHECK_INT (records.count, 0);
  records_of (served.ctx, NULL);
  serve (&served);
  say (&served, "");   /* dropped */
  nopoll_conn_set_on_msg (served.conn, message, "M");
  nopoll_conn_set_on_close (served.conn, closing, "C");
  say (&served, "M");
  nopoll_conn_set_on_msg (served.conn, NULL, NULL);
  nopoll_conn_set_on_close (served.conn, NULL, NULL);
  nopoll_conn_set_on_ready (served.conn, NULL, NULL);
  nopoll_conn_set_on_ping_msg (served.conn, NULL, NULL);
  say (&served, "");
  nopoll_conn_close (served.conn);
  CHECK_STR (called, "M");
  close (served.peer);
  end (&served);
}

TEST (a_connections_own_on_msg_replaces_the_contexts)
{
  struct served served;

  start (&served);
  nopoll_ctx_set_on_msg (served.ctx, message, "m");
  serve (&served);
  say (&served, "m");
  nopoll_conn_set_on_msg (served.conn, message, "M");
  say (&served, "M");
  nopoll_ctx_set_on_msg (served.ctx, message, "n");
  say (&served, "M");
  nopoll_conn_set_on_msg (served.conn, NULL, NULL);
  say (&served, "n");
  nopoll_conn_close (served.conn);
  close (served.peer);
  end (&served);
}

TEST (pings_have_a_handler_of_their_own)
{
  struct served served;

  start (&served);
  nopoll_ctx_set_on_msg (served.ctx, message, "m");
  serve (&served);
  nopoll_conn_set_on_ping_msg (served.conn, message, "P");
  say (&served, "mP");
  nopoll_conn_set_on_ping_msg (served.conn, NULL, NULL);
  say (&served, "m");
  nopoll_conn_close (served.conn);
  close (served.peer);
  end (&served);
}

TEST (accepted_connections_inherit_no_handlers)
{
  struct served served;

  start (&served);
  nopoll_conn_set_on_msg (served.listener, message, "M");
  nopoll_conn_set_on_ready (served.listener, action, "R");
  nopoll_conn_set_on_close (served.listener, closing, "C");
  nopoll_conn_set_on_ping_msg (served.listener, message, "P");
  nopoll_conn_set_hook (served.listener, &served);
  serve (&served);
  CHECK (nopoll_conn_get_hook (served.conn) == NULL);
  say (&served, "");
  nopoll_conn_close (served.conn);
  CHECK_STR (called, "");
  nopoll_conn_close (served.listener);
  CHECK_STR (called, "C");
  close (served.peer);
  CHECK_INT (nopoll_ctx_ref_count (served.ctx), 1);
  nopoll_ctx_unref (served.ctx);
}

static void replace_itself (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  note ('1', ctx, conn);
  nopoll_conn_set_on_msg (conn, message, "2");
}

TEST (a_handler_changed_by_a_handler_counts_from_the_next_message)
{
  struct served served;

  start (&served);
  serve (&served);
  nopoll_conn_set_on_msg (served.conn, replace_itself, NULL);
  wire_send_frame (served.peer, 0x81, 1, "x", 1);
  wire_send_frame (served.peer, 0x81, 1, "x", 1);
  say (&served, "122");
  nopoll_conn_close (served.conn);
  close (served.peer);
  end (&served);
}

/* on_close: once, whatever the cause. */
enum cause {
  SHUTDOWN, CLOSE, CLOSE_EXT, SHUTDOWN_THEN_CLOSE, PEER_FRAME, PEER_END, PEER_RESET, PEER_ERROR,
  CAUSES
};

static void bring_about (enum cause cause, noPollConn *conn, int peer)
{
  struct linger abort_it = { 1, 0 };

  switch (cause) {
  case SHUTDOWN: nopoll_conn_shutdown (conn); break;
  case CLOSE: nopoll_conn_close (conn); break;
  case CLOSE_EXT: nopoll_conn_close_ext (conn, 1000, "bye", 3); break;
  case SHUTDOWN_THEN_CLOSE:
    nopoll_conn_shutdown (conn);
    nopoll_conn_close (conn);
    break;
  case PEER_FRAME: wire_send_frame (peer, 0x88, 0, "\x03\xe8", 2); break;
  case PEER_END: shutdown (peer, SHUT_WR); break;
  case PEER_RESET:
    setsockopt (peer, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
    close (peer);
    break;
  case PEER_ERROR: wire_send_frame (peer, 0xf3, 0, "", 0); break;
  default: break;
  }
}

TEST (on_close_is_called_once_for_every_cause)
{
  int cause, loop;

  for (cause = 0; cause < CAUSES; cause++)
    for (loop = 0; loop < 2; loop++) {
      noPollCtx *ctx = nopoll_ctx_new ();
      int peer;
      noPollConn *conn = wire_client (ctx, &peer);

      called[0] = 0;
      nopoll_conn_ref (conn);
      nopoll_conn_set_on_close (conn, closing, "C");
      bring_about ((enum cause) cause, conn, peer);
      if (loop)
        LOOP_UNTIL (ctx, !nopoll_conn_is_ok (conn));
      else
        WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
      CHECK_STR (called, "C");
      CHECK (last_conn == conn && last_ctx == ctx);
      nopoll_conn_shutdown (conn);
      nopoll_conn_get_msg (conn);
      nopoll_loop_wait (ctx, 1);
      CHECK_STR (called, "C");
      if (cause != CLOSE && cause != CLOSE_EXT && cause != SHUTDOWN_THEN_CLOSE)
        nopoll_conn_close (conn);
      CHECK_STR (called, "C");
      CHECK_INT (nopoll_conn_ref_count (conn), 1);
      nopoll_conn_unref (conn);
      if (cause != PEER_RESET)
        close (peer);
      CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
      nopoll_ctx_unref (ctx);
    }
}

TEST (on_close_is_not_called_when_nothing_is_closed_by_the_library)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, fd;
  noPollConn *conn = wire_client (ctx, &peer);

  called[0] = 0;
  nopoll_conn_set_on_close (conn, closing, "C");
  fd = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);   /* taken away */
  nopoll_conn_shutdown (conn);
  nopoll_conn_close (conn);
  close (fd);
  close (peer);
  conn = wire_client (ctx, &peer);
  nopoll_conn_set_on_close (conn, closing, "C");
  nopoll_ctx_unregister_conn (ctx, conn);
  nopoll_conn_unref (conn);            /* destroyed */
  CHECK_STR (called, "");
  close (peer);
  nopoll_ctx_unref (ctx);
}

static nopoll_bool accept_and_refuse (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  note ('a', ctx, conn);
  nopoll_conn_set_on_close (conn, closing, "C");
  return nopoll_false;
}

static nopoll_bool accept_and_set (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_set_on_close (conn, closing, "C");
  return nopoll_true;
}

TEST (a_refusal_by_a_handler_calls_on_close)
{
  struct served served;

  start (&served);
  nopoll_ctx_set_on_accept (served.ctx, accept_and_refuse, NULL);
  served.peer = wire_connect (LISTENER_PORT (served.listener));
  CHECK (nopoll_conn_accept (served.ctx, served.listener) == NULL);
  CHECK_STR (called, "aC");
  wire_expect_end (served.peer);
  close (served.peer);
  called[0] = 0;
  nopoll_ctx_set_on_accept (served.ctx, accept_and_set, NULL);
  nopoll_ctx_set_on_open (served.ctx, refusal, "o");
  served.peer = wire_connect (LISTENER_PORT (served.listener));
  wire_send_request (served.peer, "/", NULL);
  LOOP_UNTIL (served.ctx, strcmp (called, "oC") == 0);
  close (served.peer);
  called[0] = 0;
  nopoll_ctx_set_on_open (served.ctx, action, "o");
  nopoll_ctx_set_on_ready (served.ctx, refusal, "r");
  served.peer = wire_connect (LISTENER_PORT (served.listener));
  wire_send_request (served.peer, "/", NULL);
  LOOP_UNTIL (served.ctx, strcmp (called, "orC") == 0);
  close (served.peer);
  LOOP_UNTIL (served.ctx, nopoll_ctx_conns (served.ctx) == 1);
  end (&served);
}

/* Q29, M-50 */
TEST (a_failed_handshake_calls_on_close_and_nothing_else)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen (), peer;
  char head[4096];
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                                      NULL);

  called[0] = 0;
  nopoll_conn_set_on_ready (conn, action, "R");
  nopoll_conn_set_on_close (conn, closing, "C");
  peer = wire_accept (listening);
  wire_receive_head (peer, head, sizeof head);
  wire_send_text (peer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n");
  CHECK_INT (nopoll_conn_wait_until_connection_ready (conn, 10), 0);
  CHECK_STR (called, "C");
  CHECK_INT (nopoll_conn_is_ok (conn), 0);
  nopoll_conn_close (conn);
  CHECK_STR (called, "C");
  close (peer);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (handlers_are_called_in_order), CASE (clients_have_no_on_accept_and_on_open),
       CASE (some_handlers_of_a_context_can_not_be_removed), CASE (other_handlers_can_be_removed),
       CASE (a_connections_own_on_msg_replaces_the_contexts),
       CASE (pings_have_a_handler_of_their_own), CASE (accepted_connections_inherit_no_handlers),
       CASE (a_handler_changed_by_a_handler_counts_from_the_next_message),
       CASE (on_close_is_called_once_for_every_cause),
       CASE (on_close_is_not_called_when_nothing_is_closed_by_the_library),
       CASE (a_refusal_by_a_handler_calls_on_close),
       CASE (a_failed_handshake_calls_on_close_and_nothing_else))
