/* NOPOLL_LENIENT=1 makes the loop read and write as noPoll did, and no limit is given up for it. */
#include <nopoll.h>

#include <sys/socket.h>

#include "support/wire.h"

static noPollCtx *lenient_ctx (void)
{
  noPollCtx *ctx;

  setenv ("NOPOLL_LENIENT", "1", 1);
  ctx = nopoll_ctx_new ();
  unsetenv ("NOPOLL_LENIENT");
  return ctx;
}

struct seen {
  struct wire_pair *pair;
  int messages;
  /* In the handler of the first of two messages: the second is still in the kernel; the answer is
   * at the peer already. */
  int is_unread, is_answered;
};

static void answer (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct seen *seen = (struct seen *) data;
  char byte;

  CHECK_INT (nopoll_conn_send_text (conn, "answer", 6), 6);
  if (seen->messages++ == 0) {
    /* Asking for the descriptor has everything written. */
    seen->is_answered = recv (seen->pair->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    seen->is_unread = wire_unread (nopoll_conn_socket (conn)) > 0;
  }
}

/* What a loop of the context does with two messages that have arrived. */
static struct seen served (noPollCtx *ctx)
{
  struct wire_pair pair;
  struct seen seen = { NULL, 0, 0, 0 };

  seen.pair = &pair;
  wire_open_local (&pair, ctx, 1);
  nopoll_conn_set_on_msg (pair.conn, answer, &seen);
  wire_put (&pair, 0x81, "one", 3);
  wire_put (&pair, 0x81, "two", 3);
  LOOP_UNTIL (ctx, seen.messages == 2);
  wire_expect (&pair, 0x81, "answer", 6);
  wire_expect (&pair, 0x81, "answer", 6);
  wire_close (&pair);
  return seen;
}

TEST (one_frame_is_read_at_a_time_and_each_answer_written_at_once)
{
  struct seen seen = served (nopoll_ctx_new ());

  CHECK_INT (seen.is_unread, 0);
  CHECK_INT (seen.is_answered, 0);
  seen = served (lenient_ctx ());
  CHECK_INT (seen.is_unread, 1);
  CHECK_INT (seen.is_answered, 1);
}

TEST (each_part_of_it_has_its_own_switch)
{
  noPollCtx *ctx = lenient_ctx ();
  struct seen seen;

  nopoll_ctx_set_read_ahead (ctx, nopoll_true);
  seen = served (ctx);
  CHECK_INT (seen.is_unread, 0);
  CHECK_INT (seen.is_answered, 1);
  ctx = lenient_ctx ();
  nopoll_ctx_set_read_ahead (ctx, nopoll_true);
  nopoll_ctx_set_coalescing (ctx, nopoll_true);
  seen = served (ctx);
  CHECK_INT (seen.is_unread, 0);
  CHECK_INT (seen.is_answered, 0);
}

TEST (limits_hold_and_a_server_wants_masks)
{
  static const struct { const char *bytes; int size; const char *status; } cases[] = {
    /* 11 bytes; the same as a ping, as a close frame, and with a length of all ones. */
    { "\x82\x8b\0\0\0\0" "12345678901", 17, "\x03\xf1" },
    { "\x89\x8b\0\0\0\0" "12345678901", 17, "\x03\xf1" },
    { "\x88\x8b\0\0\0\0" "12345678901", 17, "\x03\xf1" },
    { "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, "\x03\xf1" },
    { "\x81\x01" "a", 3, "\x03\xea" },
    { "\x89\0", 2, "\x03\xea" },
  };
  size_t i;

  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    noPollCtx *ctx = lenient_ctx ();
    struct wire_pair pair;

    nopoll_ctx_set_max_frame_size (ctx, 10);
    wire_open_local (&pair, ctx, 1);
    wire_put (&pair, 0x82, "1234567890", 10);
    wire_send (pair.peer, cases[i].bytes, cases[i].size);
    wire_expect_msg (pair.conn, 2, 1, 0, "1234567890", 10);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    wire_expect (&pair, 0x88, cases[i].status, 2);
    wire_close (&pair);
  }
}

TEST (http_is_read_as_strictly_as_ever)
{
  static const char *const requests[] = {
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x16\x03\x01\x02",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nSec-WebSocket-Key: a\r\n\r\n",
  };
  noPollCtx *ctx = lenient_ctx ();
  noPollConn *listener = wire_listener (ctx);
  size_t i;

  for (i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    char answer[64] = "";
    int peer = wire_connect (LISTENER_PORT (listener));
    noPollConn *conn;

    wire_send_text (peer, requests[i]);
    conn = nopoll_conn_accept (ctx, listener);
    nopoll_conn_ref (conn);
    CHECK (!nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
    wire_receive (peer, answer, 12);
    CHECK_STR (answer, "HTTP/1.1 400");
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (one_frame_is_read_at_a_time_and_each_answer_written_at_once),
       CASE (each_part_of_it_has_its_own_switch),
       CASE (limits_hold_and_a_server_wants_masks),
       CASE (http_is_read_as_strictly_as_ever))
