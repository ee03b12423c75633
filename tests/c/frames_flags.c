/* Opcode, final, fragment: what a message says of itself, in the three ways of delivery. */
#include <nopoll.h>

#include "support/wire.h"

static void open_with (struct wire_pair *pair, int server, noPollDelivery delivery)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_delivery (ctx, delivery);
  wire_open (pair, ctx, server);
}

/* Sends these bytes of a frame. */
static void put_part (struct wire_pair *pair, int first, const char *payload, long size, long from,
                      long to)
{
  unsigned char frame[1024];

  wire_frame (frame, first, pair->server, payload, size);
  wire_send (pair->peer, frame + from, to - from);
}

#define EXPECT(op, fin, frag, text) \
  wire_expect_msg (pair.conn, op, fin, frag, text, (long) strlen (text))

/* The header's size. */
#define HEAD(pair) ((pair)->server ? 6 : 2)

TEST (a_whole_frame_is_one_message)
{
  int server, delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_MESSAGES; delivery++)
    for (server = 0; server < 2; server++) {
      struct wire_pair pair;

      open_with (&pair, server, (noPollDelivery) delivery);
      wire_put (&pair, 0x81, "text", 4);
      EXPECT (1, 1, 0, "text");
      wire_put (&pair, 0x82, "bi\0nary", 7);
      wire_expect_msg (pair.conn, 2, 1, 0, "bi\0nary", 7);
      wire_put (&pair, 0x81, "with NUL\0", 9);
      wire_expect_msg (pair.conn, 1, 1, 0, "with NUL\0", 9);
      wire_close (&pair);
    }
}

/* M-05 */
TEST (an_empty_frame_is_a_message_of_no_bytes)
{
  int server, delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_MESSAGES; delivery++)
    for (server = 0; server < 2; server++) {
      struct wire_pair pair;

      open_with (&pair, server, (noPollDelivery) delivery);
      wire_put (&pair, 0x81, "", 0);
      EXPECT (1, 1, 0, "");
      wire_put (&pair, 0x82, "", 0);
      EXPECT (2, 1, 0, "");
      CHECK (nopoll_conn_is_ok (pair.conn));
      wire_close (&pair);
    }
}

/* M-08 */
TEST (fragments_are_messages_of_their_own_whatever_control_frames_stand_between)
{
  int server, delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_PIECES; delivery++)
    for (server = 0; server < 2; server++) {
      struct wire_pair pair;
      int i;

      open_with (&pair, server, (noPollDelivery) delivery);
      for (i = 1; i <= 2; i++) {
        wire_put (&pair, i, "first", 5);
        EXPECT (i, 0, 1, "first");
        wire_put (&pair, 0x89, "ping", 4);
        wire_put (&pair, 0x00, "second", 6);
        EXPECT (0, 0, 1, "second");
        wire_expect (&pair, 0x8a, "ping", 4);
        wire_put (&pair, 0x8a, "pong", 4);
        wire_put (&pair, 0x00, "", 0);
        EXPECT (0, 0, 1, "");
        wire_put (&pair, 0x89, "", 0);
        wire_put (&pair, 0x80, "last", 4);
        EXPECT (0, 1, 1, "last");
        wire_expect (&pair, 0x8a, "", 0);
        wire_put (&pair, 0x81, "new", 3);
        EXPECT (1, 1, 0, "new");
      }
      wire_close (&pair);
    }
}

/* M-05 */
TEST (an_empty_final_frame_ends_a_message)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;

    open_with (&pair, server, NOPOLL_DELIVER_FRAMES);
    wire_put (&pair, 0x01, "streamed", 8);
    EXPECT (1, 0, 1, "streamed");
    wire_put (&pair, 0x80, "", 0);
    EXPECT (0, 1, 1, "");
    wire_close (&pair);
    open_with (&pair, server, NOPOLL_DELIVER_MESSAGES);
    wire_put (&pair, 0x01, "streamed", 8);
    wire_put (&pair, 0x80, "", 0);
    EXPECT (1, 1, 0, "streamed");
    wire_close (&pair);
  }
}

/* M-07 */
TEST (a_frame_that_comes_in_parts_is_one_message_unless_pieces_are_wanted)
{
  int server, delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_MESSAGES; delivery++)
    for (server = 0; server < 2; server++) {
      struct wire_pair pair;
      int head;

      open_with (&pair, server, (noPollDelivery) delivery);
      head = HEAD (&pair);
      put_part (&pair, 0x81, "123456789", 9, 0, head);
      wire_expect_nothing (pair.conn, head);
      put_part (&pair, 0x81, "123456789", 9, head, head + 9);
      EXPECT (1, 1, 0, "123456789");
      put_part (&pair, 0x81, "123456789", 9, 0, head + 3);
      if (delivery == NOPOLL_DELIVER_PIECES)
        EXPECT (1, 0, 1, "123");
      else
        wire_expect_nothing (pair.conn, head + 3);
      put_part (&pair, 0x81, "123456789", 9, head + 3, head + 6);
      if (delivery == NOPOLL_DELIVER_PIECES)
        EXPECT (0, 0, 1, "456");
      else
        wire_expect_nothing (pair.conn, 3);
      put_part (&pair, 0x81, "123456789", 9, head + 6, head + 9);
      if (delivery == NOPOLL_DELIVER_PIECES)
        EXPECT (0, 1, 1, "789");
      else
        EXPECT (1, 1, 0, "123456789");
      wire_close (&pair);
    }
}

/* M-06 */
TEST (pieces_of_an_unfinished_message_are_not_final)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    int head;

    open_with (&pair, server, NOPOLL_DELIVER_PIECES);
    head = HEAD (&pair);
    put_part (&pair, 0x02, "abcd", 4, 0, head + 2);
    EXPECT (2, 0, 1, "ab");
    put_part (&pair, 0x02, "abcd", 4, head + 2, head + 4);
    EXPECT (0, 0, 1, "cd");
    put_part (&pair, 0x80, "efgh", 4, 0, head + 1);
    EXPECT (0, 0, 1, "e");
    put_part (&pair, 0x80, "efgh", 4, head + 1, head + 4);
    EXPECT (0, 1, 1, "fgh");
    wire_put (&pair, 0x82, "next", 4);
    EXPECT (2, 1, 0, "next");
    wire_close (&pair);
  }
}

/* M-09 */
TEST (a_ping_that_comes_in_parts_is_answered_whole_and_never_delivered)
{
  int server, delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_MESSAGES; delivery++)
    for (server = 0; server < 2; server++) {
      struct wire_pair pair;
      int i, head;

      open_with (&pair, server, (noPollDelivery) delivery);
      head = HEAD (&pair);
      for (i = 0; i < head + 6; i++) {
        CHECK (wire_is_quiet (pair.peer));
        put_part (&pair, 0x89, "ping me", 7, i, i + 1);
        wire_expect_nothing (pair.conn, 1);
      }
      put_part (&pair, 0x89, "ping me", 7, head + 6, head + 7);
      wire_await_unread (nopoll_conn_socket (pair.conn), 1);
      CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
      wire_expect (&pair, 0x8a, "ping me", 7);
      wire_put (&pair, 0x81, "text", 4);
      EXPECT (1, 1, 0, "text");
      wire_close (&pair);
    }
}

TEST (whole_messages_are_joined_from_their_frames)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;

    open_with (&pair, server, NOPOLL_DELIVER_MESSAGES);
    wire_put (&pair, 0x02, "", 0);
    wire_put (&pair, 0x00, "one ", 4);
    wire_put (&pair, 0x89, "p", 1);
    wire_put (&pair, 0x00, "two ", 4);
    wire_put (&pair, 0x00, "", 0);
    wire_put (&pair, 0x80, "three", 5);
    EXPECT (2, 1, 0, "one two three");
    wire_expect (&pair, 0x8a, "p", 1);
    wire_put (&pair, 0x01, "", 0);
    wire_put (&pair, 0x80, "", 0);
    EXPECT (1, 1, 0, "");
    /* A character may be cut by the end of a frame. */
    wire_put (&pair, 0x01, "\xe2\x82", 2);
    wire_put (&pair, 0x80, "\xac", 1);
    EXPECT (1, 1, 0, "\xe2\x82\xac");
    wire_close (&pair);
  }
}

TEST (options_choose_the_delivery_of_their_connections)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  struct wire_pair pair;

  /* The context's values are for those who have none; others are refused. */
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_delivery (ctx, (noPollDelivery) 7);
  nopoll_conn_opts_set_delivery (opts, NOPOLL_DELIVER_PIECES);
  nopoll_conn_opts_set_delivery (opts, (noPollDelivery) -1);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  memset (&pair, 0, sizeof pair);
  pair.server = 1;
  pair.conn = wire_accepted (ctx, listener, &pair.peer, 0);
  put_part (&pair, 0x81, "123", 3, 0, 7);
  EXPECT (1, 0, 1, "1");
  put_part (&pair, 0x81, "123", 3, 7, 9);
  EXPECT (0, 1, 1, "23");
  close (pair.peer);
  nopoll_conn_close (pair.conn);
  nopoll_conn_close (listener);
  listener = wire_listener (ctx);
  pair.conn = wire_accepted (ctx, listener, &pair.peer, 0);
  wire_put (&pair, 0x01, "12", 2);
  wire_put (&pair, 0x80, "3", 1);
  EXPECT (1, 1, 0, "123");
  /* A change of the context's is for the next frame of everybody without an own value. */
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_FRAMES);
  wire_put (&pair, 0x01, "12", 2);
  EXPECT (1, 0, 1, "12");
  close (pair.peer);
  nopoll_conn_close (pair.conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* The way every program joins pieces. */
static long collect (noPollConn *conn, unsigned char *bytes, long room, int *count)
{
  long size = 0;
  int done = 0;

  for (*count = 0; !done; ) {
    noPollMsg *msg = nopoll_conn_get_msg (conn);
    long piece;

    if (msg == NULL) {
      CHECK (nopoll_conn_is_ok (conn));
      wire_wait_readable (nopoll_conn_socket (conn));
      continue;
    }
    piece = nopoll_msg_get_payload_size (msg);
    CHECK (piece > 0 && size + piece <= room);
    CHECK_INT (nopoll_msg_opcode (msg), *count == 0 ? NOPOLL_BINARY_FRAME : 0);
    memcpy (bytes + size, nopoll_msg_get_payload (msg), (size_t) piece);
    size += piece;
    (*count)++;
    done = nopoll_msg_is_final (msg);
    CHECK_INT (nopoll_msg_is_fragment (msg), *count > 1 || !done);
    nopoll_msg_unref (msg);
  }
  return size;
}

TEST (a_frame_of_more_than_16_mib_comes_in_pieces)
{
  const long size = 16 * 1024 * 1024 + 1;
  unsigned char *bytes = (unsigned char *) malloc ((size_t) size + 14);
  unsigned char *got = (unsigned char *) malloc ((size_t) size);
  unsigned char *frame = (unsigned char *) malloc ((size_t) size + 14);
  struct wire_pair pair;
  long i, length, sent = 0, received = 0;
  int pieces = 0, done = 0;

  for (i = 0; i < size; i++)
    bytes[i] = (unsigned char) (i ^ i >> 9);
  open_with (&pair, 1, NOPOLL_DELIVER_FRAMES);
  nopoll_ctx_set_max_frame_size (pair.ctx, size);
  length = wire_frame (frame, 0x82, 1, bytes, size);
  while (!done) {
    noPollMsg *msg;
    ssize_t n;

    n = send (pair.peer, frame + sent, (size_t) (length - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
    sent += n > 0 ? n : 0;
    msg = nopoll_conn_get_msg (pair.conn);
    if (msg == NULL) {
      CHECK (nopoll_conn_is_ok (pair.conn));
      continue;
    }
    memcpy (got + received, nopoll_msg_get_payload (msg),
            (size_t) nopoll_msg_get_payload_size (msg));
    received += nopoll_msg_get_payload_size (msg);
    CHECK_INT (nopoll_msg_opcode (msg), pieces == 0 ? 2 : 0);
    CHECK_INT (nopoll_msg_is_fragment (msg), 1);
    done = nopoll_msg_is_final (msg);
    pieces++;
    nopoll_msg_unref (msg);
  }
  CHECK (pieces > 1);
  CHECK_INT (received, size);
  CHECK (memcmp (got, bytes, (size_t) size) == 0);
  wire_close (&pair);
  free (bytes);
  free (got);
  free (frame);
}

TEST (pieces_add_up_wherever_they_are_cut)
{
  unsigned char bytes[5000], got[5000];
  unsigned char frame[5014];
  struct wire_pair pair;
  int i, step, count;

  for (i = 0; i < 5000; i++)
    bytes[i] = (unsigned char) (i * 31);
  open_with (&pair, 1, NOPOLL_DELIVER_PIECES);
  for (step = 1; step < 9; step++) {
    long length = wire_frame (frame, 0x82, 1, bytes, sizeof bytes);

    for (i = 0; i < length; i += 700 * step)
      wire_send (pair.peer, frame + i, 700 * step < length - i ? 700 * step : length - i);
    CHECK_INT (collect (pair.conn, got, sizeof got, &count), sizeof bytes);
    CHECK (memcmp (got, bytes, sizeof bytes) == 0);
  }
  wire_close (&pair);
}

TESTS (CASE (a_whole_frame_is_one_message),
       CASE (an_empty_frame_is_a_message_of_no_bytes),
       CASE (fragments_are_messages_of_their_own_whatever_control_frames_stand_between),
       CASE (an_empty_final_frame_ends_a_message),
       CASE (a_frame_that_comes_in_parts_is_one_message_unless_pieces_are_wanted),
       CASE (pieces_of_an_unfinished_message_are_not_final),
       CASE (a_ping_that_comes_in_parts_is_answered_whole_and_never_delivered),
       CASE (whole_messages_are_joined_from_their_frames),
       CASE (options_choose_the_delivery_of_their_connections),
       CASE (a_frame_of_more_than_16_mib_comes_in_pieces),
       CASE (pieces_add_up_wherever_they_are_cut))
