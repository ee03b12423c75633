/* How large frames and messages may be. */
#include <nopoll.h>

#include "support/wire.h"

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ++*(int *) data;
}

/* The connection refuses what has been sent with 1009. */
static void expect_refusal (struct wire_pair *pair, int *closed)
{
  WAIT_UNTIL (nopoll_conn_get_msg (pair->conn) == NULL && !nopoll_conn_is_ok (pair->conn));
  CHECK_INT (*closed, 1);
  CHECK_INT (nopoll_conn_get_close_status (pair->conn), 1006);
  CHECK_INT (nopoll_conn_get_error (pair->conn), NOPOLL_ERROR_LIMIT);
  wire_expect (pair, 0x88, "\x03\xf1", 2);
  wire_expect_end (pair->peer);
}

static void begin (struct wire_pair *pair, noPollCtx *ctx, int server, int *closed)
{
  *closed = 0;
  wire_open (pair, ctx, server);
  nopoll_conn_set_on_close (pair->conn, on_close, closed);
}

static void end (struct wire_pair *pair)
{
  nopoll_conn_close (pair->conn);
  nopoll_conn_close (pair->listener);
  close (pair->peer);
}

TEST (a_frame_may_be_as_long_as_the_limit)
{
  static char bytes[200];
  noPollCtx *ctx = nopoll_ctx_new ();
  static const int limits[] = { 10, 125, 126, 127 };
  int i, way;

  memset (bytes, 'x', sizeof bytes);
  for (i = 0; i < 4; i++)
    for (way = 0; way < 4; way++) {
      struct wire_pair pair;
      int closed, limit = limits[i];

      nopoll_ctx_set_max_frame_size (ctx, limit);
      nopoll_ctx_set_lenient (ctx, way / 2);
      begin (&pair, ctx, way % 2, &closed);
      wire_put (&pair, 0x81, bytes, limit);
      wire_expect_msg (pair.conn, 1, 1, 0, bytes, limit);
      /* It is about frames: the message may be longer. */
      wire_put (&pair, 0x01, bytes, limit);
      wire_expect_msg (pair.conn, 1, 0, 1, bytes, limit);
      wire_put (&pair, 0x80, bytes, limit);
      wire_expect_msg (pair.conn, 0, 1, 1, bytes, limit);
      wire_put (&pair, 0x81, bytes, limit + 1);
      expect_refusal (&pair, &closed);
      end (&pair);
    }
  nopoll_ctx_unref (ctx);
}

TEST (control_frames_are_held_to_the_limit_too)
{
  static const int firsts[] = { 0x88, 0x89, 0x8a };
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  nopoll_ctx_set_max_frame_size (ctx, 2);
  for (i = 0; i < 6; i++) {
    struct wire_pair pair;
    int closed;

    begin (&pair, ctx, i % 2, &closed);
    wire_put (&pair, 0x89, "ok", 2);
    wire_put (&pair, firsts[i / 2], "\x03\xe8.", 3);
    WAIT_UNTIL (nopoll_conn_get_msg (pair.conn) == NULL && !nopoll_conn_is_ok (pair.conn));
    wire_expect (&pair, 0x8a, "ok", 2);
    expect_refusal (&pair, &closed);
    end (&pair);
  }
  nopoll_ctx_unref (ctx);
}

/* The header alone is enough: before the masking key, and whatever the number says. */
TEST (a_length_beyond_the_limit_is_refused_at_once)
{
  static const unsigned char lengths[][10] = {
    { 0x82, 126, 0xff, 0xff },
    { 0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0 },
    { 0x82, 127, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
    { 0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0 },
    { 0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
    { 0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  nopoll_ctx_set_max_frame_size (ctx, 1000);
  for (i = 0; i < 12; i++) {
    struct wire_pair pair;
    unsigned char header[10];
    int closed;

    begin (&pair, ctx, i % 2, &closed);
    memcpy (header, lengths[i / 2], 10);
    header[1] |= (unsigned char) (pair.server << 7);
    wire_send (pair.peer, header, (header[1] & 0x7f) == 126 ? 4 : 10);
    expect_refusal (&pair, &closed);
    end (&pair);
  }
  nopoll_ctx_unref (ctx);
}

/* M-18. Options come first, then the listener's, then the context's value at the time. */
TEST (limits_are_the_connections_the_listeners_or_the_contexts)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn, *plain;
  struct wire_pair pair;
  int closed;

  CHECK_INT (nopoll_conn_get_max_frame_size (NULL), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_max_frame_size (opts, 50);
  nopoll_conn_opts_set_max_frame_size (opts, 0);
  nopoll_conn_opts_set_max_frame_size (opts, -1);
  nopoll_conn_opts_set_max_frame_size (opts, NOPOLL_MAX_FRAME_SIZE_LIMIT + 1L);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), 50);
  pair.server = 1;
  conn = wire_accepted (ctx, listener, &pair.peer, 0);
  pair.conn = conn;
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 50);
  nopoll_ctx_set_max_frame_size (ctx, 10);
  nopoll_ctx_set_max_frame_size (ctx, 0);
  nopoll_ctx_set_max_frame_size (ctx, -5);
  nopoll_ctx_set_max_frame_size (ctx, NOPOLL_MAX_FRAME_SIZE_LIMIT + 1L);
  CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), 10);
  /* The listener goes, its value stays. */
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 50);
  wire_put (&pair, 0x82, "0123456789ab", 12);
  wire_expect_msg (conn, 2, 1, 0, "0123456789ab", 12);
  nopoll_conn_close (conn);
  close (pair.peer);
  /* Those without their own follow the context. */
  begin (&pair, ctx, 1, &closed);
  plain = pair.conn;
  CHECK_INT (nopoll_conn_get_max_frame_size (plain), 10);
  nopoll_ctx_set_max_frame_size (ctx, NOPOLL_MAX_FRAME_SIZE_LIMIT);
  CHECK_INT (nopoll_conn_get_max_frame_size (plain), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  opts = nopoll_conn_opts_new ();
  __nopoll_conn_set_max_frame_size (plain, opts);
  CHECK_INT (nopoll_conn_get_max_frame_size (plain), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  nopoll_conn_opts_set_max_frame_size (opts, 5);
  __nopoll_conn_set_max_frame_size (plain, opts);
  __nopoll_conn_set_max_frame_size (plain, NULL);
  __nopoll_conn_set_max_frame_size (NULL, opts);
  CHECK_INT (nopoll_conn_get_max_frame_size (plain), 5);
  nopoll_conn_opts_unref (opts);
  wire_put (&pair, 0x82, "12345", 5);
  wire_expect_msg (plain, 2, 1, 0, "12345", 5);
  wire_put (&pair, 0x82, "123456", 6);
  expect_refusal (&pair, &closed);
  end (&pair);
  nopoll_ctx_unref (ctx);
}

TEST (a_new_limit_is_for_the_next_header)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int server;

  for (server = 0; server < 2; server++) {
    unsigned char frame[64];
    struct wire_pair pair;
    long size;
    int closed;

    nopoll_ctx_set_max_frame_size (ctx, 20);
    begin (&pair, ctx, server, &closed);
    size = wire_frame (frame, 0x82, server, "twenty bytes of this", 20);
    wire_send (pair.peer, frame, size - 5);
    wire_expect_nothing (pair.conn, (int) size - 5);
    nopoll_ctx_set_max_frame_size (ctx, 5);
    wire_send (pair.peer, frame + size - 5, 5);
    wire_expect_msg (pair.conn, 2, 1, 0, "twenty bytes of this", 20);
    wire_send (pair.peer, frame, size);
    expect_refusal (&pair, &closed);
    end (&pair);
  }
  nopoll_ctx_unref (ctx);
}

struct change {
  int what;
  int at;
  int seen;
  noPollConnOpts *opts;
};

static void change_rules (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct change *change = data;

  if (change->seen++ != change->at)
    return;
  switch (change->what) {
  case 0:
    nopoll_ctx_set_max_frame_size (ctx, 5);
    break;
  case 1:
    __nopoll_conn_set_max_frame_size (conn, change->opts);
    break;
  case 2:
    nopoll_ctx_set_max_message_size (ctx, 5);
    break;
  case 3:
    nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
    break;
  default:
    nopoll_ctx_set_lenient (ctx, nopoll_false);
    break;
  }
}

/* Of messages that come at once, a handler of one decides about those behind it. */
TEST (what_a_handler_changes_holds_for_the_next_message)
{
  int what, at, i;

  for (what = 0; what < 5; what++)
    for (at = 0; at < 3; at++) {
      noPollCtx *ctx = nopoll_ctx_new ();
      struct change change = { what, at, 0, nopoll_conn_opts_new () };
      unsigned char frames[256];
      struct wire_pair pair;
      int closed;
      long size = 0;

      nopoll_conn_opts_set_max_frame_size (change.opts, 5);
      nopoll_ctx_set_lenient (ctx, what == 4);
      nopoll_ctx_set_delivery (ctx, what == 2 ? NOPOLL_DELIVER_MESSAGES : NOPOLL_DELIVER_FRAMES);
      if (what == 3)
        nopoll_ctx_set_max_message_size (ctx, 5);
      begin (&pair, ctx, 1, &closed);
      nopoll_conn_set_on_msg (pair.conn, change_rules, &change);
      for (i = 0; i < 5; i++)
        size += wire_frame (frames + size, 0x81, 1, what == 4 ? "not text \xff" : "ten bytes!", 10);
      wire_send (pair.peer, frames, size);
      LOOP_UNTIL (ctx, closed == 1);
      CHECK_INT (change.seen, at + 1);
      wire_expect (&pair, 0x88, what == 4 ? "\x03\xef" : "\x03\xf1", 2);
      nopoll_conn_opts_free (change.opts);
      end (&pair);
      nopoll_ctx_unref (ctx);
    }
}

TEST (a_message_that_is_joined_may_be_as_long_as_its_limit)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int way;

  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_max_message_size (ctx, 10);
  nopoll_ctx_set_max_message_size (ctx, 0);
  for (way = 0; way < 4; way++) {
    struct wire_pair pair;
    int closed;

    nopoll_ctx_set_lenient (ctx, way / 2);
    begin (&pair, ctx, way % 2, &closed);
    wire_put (&pair, 0x81, "0123456789", 10);
    wire_expect_msg (pair.conn, 1, 1, 0, "0123456789", 10);
    wire_put (&pair, 0x01, "01234", 5);
    wire_put (&pair, 0x89, "long ping payload", 17);
    wire_put (&pair, 0x00, "", 0);
    wire_put (&pair, 0x80, "56789", 5);
    wire_expect_msg (pair.conn, 1, 1, 0, "0123456789", 10);
    wire_expect (&pair, 0x8a, "long ping payload", 17);
    wire_put (&pair, 0x01, "01234", 5);
    wire_put (&pair, 0x80, "567890", 6);
    expect_refusal (&pair, &closed);
    end (&pair);
    begin (&pair, ctx, way % 2, &closed);
    wire_put (&pair, 0x81, "0123456789.", 11);
    expect_refusal (&pair, &closed);
    end (&pair);
  }
  /* Where nothing is joined it is no limit. */
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_FRAMES);
  {
    struct wire_pair pair;
    int closed;

    begin (&pair, ctx, 1, &closed);
    wire_put (&pair, 0x81, "0123456789.", 11);
    wire_expect_msg (pair.conn, 1, 1, 0, "0123456789.", 11);
    end (&pair);
  }
  nopoll_ctx_unref (ctx);
}

TEST (the_limit_for_messages_may_come_from_options)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  struct wire_pair pair;
  int closed = 0;

  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_max_message_size (opts, 3);
  nopoll_conn_opts_set_max_message_size (opts, 0);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  pair.server = 1;
  pair.conn = wire_accepted (ctx, listener, &pair.peer, 0);
  nopoll_conn_ref (pair.conn);
  nopoll_conn_set_on_close (pair.conn, on_close, &closed);
  wire_put (&pair, 0x81, "abc", 3);
  wire_expect_msg (pair.conn, 1, 1, 0, "abc", 3);
  wire_put (&pair, 0x81, "abcd", 4);
  expect_refusal (&pair, &closed);
  nopoll_conn_close (pair.conn);
  close (pair.peer);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

static long address_space (void)
{
  FILE *file = fopen ("/proc/self/statm", "r");
  long pages = 0;

  if (file == NULL || fscanf (file, "%ld", &pages) != 1)
    pages = 0;
  if (file != NULL)
    fclose (file);
  return pages * sysconf (_SC_PAGESIZE);
}

TEST (a_declared_length_reserves_no_memory)
{
  enum { COUNT = 40 };
  static const unsigned char header[] = { 0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 'a' };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn[COUNT];
  int peer[COUNT], i;
  long before;

  for (i = 0; i < COUNT; i++)
    conn[i] = wire_accepted (ctx, listener, &peer[i], 0);
  before = address_space ();
  for (i = 0; i < COUNT; i++) {
    wire_send (peer[i], header, sizeof header);
    wire_expect_nothing (conn[i], sizeof header);
  }
  /* 16 MiB each were declared. */
  CHECK (address_space () - before < 100L * 1024 * 1024);
  for (i = 0; i < COUNT; i++) {
    nopoll_conn_close (conn[i]);
    close (peer[i]);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_frame_may_be_as_long_as_the_limit),
       CASE (control_frames_are_held_to_the_limit_too),
       CASE (a_length_beyond_the_limit_is_refused_at_once),
       CASE (limits_are_the_connections_the_listeners_or_the_contexts),
       CASE (a_new_limit_is_for_the_next_header),
       CASE (what_a_handler_changes_holds_for_the_next_message),
       CASE (a_message_that_is_joined_may_be_as_long_as_its_limit),
       CASE (the_limit_for_messages_may_come_from_options),
       CASE (a_declared_length_reserves_no_memory))
