/* Frames of every kind, cut at every byte: the same comes out, in both roles, by direct calls and
 * by the loop. */
#include <nopoll.h>

#include "support/wire.h"

/* A stream of frames and what is to come of it. */
struct stream {
  unsigned char bytes[1024];
  int size;
};

static void add (struct stream *stream, int masked, int first, const char *payload, int size)
{
  stream->size += (int) wire_frame (stream->bytes + stream->size, first, masked, payload, size);
}

static char text[126];

/* All kinds of frames; the pings "pp" and "" and the close 1001 "away" are answered. */
static void all_kinds (struct stream *stream, int masked)
{
  int i;

  for (i = 0; i < (int) sizeof text; i++)
    text[i] = (char) ('a' + i % 26);
  memset (stream, 0, sizeof *stream);
  add (stream, masked, 0x81, "text", 4);
  add (stream, masked, 0x89, "pp", 2);
  add (stream, masked, 0x01, "fra", 3);
  add (stream, masked, 0x8a, "zz", 2);
  add (stream, masked, 0x00, "", 0);
  add (stream, masked, 0x89, "", 0);
  add (stream, masked, 0x00, "g", 1);
  add (stream, masked, 0x8a, "", 0);
  add (stream, masked, 0x80, "ment", 4);
  add (stream, masked, 0x82, "", 0);
  add (stream, masked, 0x81, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82", 9);
  add (stream, masked, 0x82, text, 126);
  add (stream, masked, 0x02, text, 20);
  add (stream, masked, 0x80, "", 0);
  add (stream, masked, 0x88, "\x03\xe9" "away", 6);
}

/* One line per message: opcode, final, fragment, size, start of the payload. */
static const char expected[] =
  "1F. 4 text\n"
  "1.g 3 fra\n0.g 0 \n0.g 1 g\n0Fg 4 ment\n"
  "2F. 0 \n"
  "1F. 9 \xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82\n"
  "2F. 126 abcdefghijkl\n"
  "2.g 20 abcdefghijkl\n0Fg 0 \n";

struct record {
  char lines[2048];
  int size, closed;
};

static void record (struct record *record, noPollMsg *msg)
{
  record->size += snprintf (
    record->lines + record->size, sizeof record->lines - (size_t) record->size,
    "%d%c%c %ld %.12s\n", nopoll_msg_opcode (msg), nopoll_msg_is_final (msg) ? 'F' : '.',
    nopoll_msg_is_fragment (msg) ? 'g' : '.', (long) nopoll_msg_get_payload_size (msg),
    (const char *) nopoll_msg_get_payload (msg));
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  record ((struct record *) data, msg);
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct record *) data)->closed++;
}

/* Has the library take the `size` bytes that have been sent, as far as it can. */
static void take (struct wire_pair *pair, struct record *got, int size, int by_loop)
{
  int fd = nopoll_conn_socket (pair->conn);

  wire_await_unread (fd, size);
  if (by_loop) {
    LOOP_UNTIL (pair->ctx, !nopoll_conn_is_ok (pair->conn) || wire_unread (fd) == 0);
    return;
  }
  while (nopoll_conn_is_ok (pair->conn)) {
    noPollMsg *msg = nopoll_conn_get_msg (pair->conn);

    if (msg != NULL) {
      CHECK_INT (errno, 0);
      record (got, msg);
      nopoll_msg_unref (msg);
    } else if (errno == NOPOLL_EWOULDBLOCK) {
      CHECK_INT (wire_unread (fd), 0);
      return;
    }
  }
}

/* Sends the stream in parts that end at `cuts`, and checks everything that comes of it. */
static void run (noPollCtx *ctx, int server, int by_loop, const int *cuts, int count)
{
  struct stream stream;
  struct wire_pair pair;
  struct record got;
  int i, at = 0;

  memset (&got, 0, sizeof got);
  all_kinds (&stream, server);
  wire_open (&pair, ctx, server);
  nopoll_conn_set_on_msg (pair.conn, on_msg, &got);
  nopoll_conn_set_on_close (pair.conn, on_close, &got);
  nopoll_conn_ref (pair.conn);
  for (i = 0; i <= count; i++) {
    int end = i < count ? cuts[i] : stream.size;

    if (end <= at)
      continue;
    wire_send (pair.peer, stream.bytes + at, end - at);
    take (&pair, &got, end - at, by_loop);
    at = end;
  }
  CHECK_STR (got.lines, expected);
  CHECK_INT (got.closed, 1);
  CHECK_INT (nopoll_conn_is_ok (pair.conn), 0);
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1001);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn), "away");
  wire_expect (&pair, 0x8a, "pp", 2);
  wire_expect (&pair, 0x8a, "", 0);
  wire_expect (&pair, 0x88, "\x03\xe9", 2);
  wire_expect_end (pair.peer);
  nopoll_conn_close (pair.conn);
  CHECK_INT (got.closed, 1);
  nopoll_conn_unref (pair.conn);
  nopoll_conn_close (pair.listener);
  close (pair.peer);
}

static void cut_everywhere (int server, int by_loop)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct stream stream;
  int cut, step = check_slowness () > 1 ? 5 : 1;

  all_kinds (&stream, server);
  for (cut = 0; cut < stream.size; cut += step)
    run (ctx, server, by_loop, &cut, 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* M-06, M-07, M-08, M-09, M-10, M-11 */
TEST (direct_calls_of_a_client_take_frames_cut_at_any_byte) { cut_everywhere (0, 0); }

/* M-06, M-07, M-08, M-09, M-10, M-11 */
TEST (direct_calls_of_a_server_take_frames_cut_at_any_byte) { cut_everywhere (1, 0); }

TEST (the_loop_of_a_client_takes_frames_cut_at_any_byte) { cut_everywhere (0, 1); }

TEST (the_loop_of_a_server_takes_frames_cut_at_any_byte) { cut_everywhere (1, 1); }

TEST (frames_may_come_byte_by_byte)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int cuts[sizeof ((struct stream *) 0)->bytes], i;

  for (i = 0; i < (int) (sizeof cuts / sizeof cuts[0]); i++)
    cuts[i] = i + 1;
  for (i = 0; i < 4; i++) {
    struct stream stream;

    all_kinds (&stream, i / 2);
    run (ctx, i / 2, i % 2, cuts, stream.size - 1);
  }
  nopoll_ctx_unref (ctx);
}

TEST (frames_may_come_without_read_ahead)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct stream stream;
  int cut, server;

  nopoll_ctx_set_read_ahead (ctx, nopoll_false);
  for (server = 0; server < 2; server++) {
    all_kinds (&stream, server);
    for (cut = 0; cut < stream.size; cut += 7)
      run (ctx, server, 1, &cut, 1);
  }
  nopoll_ctx_unref (ctx);
}

/* Takes turns between the loop and direct calls, from one part to the next. */
TEST (loop_and_direct_calls_may_take_turns_within_a_frame)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int server, part;

  for (server = 0; server < 2; server++)
    for (part = 2; part < 12; part += 3) {
      struct stream stream;
      struct wire_pair pair;
      struct record got;
      int at, turn = 0;

      memset (&got, 0, sizeof got);
      all_kinds (&stream, server);
      wire_open (&pair, ctx, server);
      nopoll_conn_set_on_msg (pair.conn, on_msg, &got);
      nopoll_conn_ref (pair.conn);
      for (at = 0; at < stream.size; at += part) {
        int size = part < stream.size - at ? part : stream.size - at;

        wire_send (pair.peer, stream.bytes + at, size);
        take (&pair, &got, size, turn++ % 2);
      }
      CHECK_STR (got.lines, expected);
      CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1001);
      nopoll_conn_close (pair.conn);
      nopoll_conn_unref (pair.conn);
      nopoll_conn_close (pair.listener);
      close (pair.peer);
    }
  nopoll_ctx_unref (ctx);
}

/* Bytes that show where they come from. */
static void fill (unsigned char *bytes, long size)
{
  long i;

  for (i = 0; i < size; i++)
    bytes[i] = (unsigned char) (i * 7 + (i >> 8) * 13);
}

struct large {
  const unsigned char *bytes;
  long size;
  int messages, wrong;
};

static void check_large (struct large *large, noPollMsg *msg)
{
  const unsigned char *payload = nopoll_msg_get_payload (msg);
  long size = nopoll_msg_get_payload_size (msg);

  large->messages++;
  if (size != large->size || memcmp (payload, large->bytes, (size_t) size) != 0
      || payload[size] != 0 || nopoll_msg_opcode (msg) != NOPOLL_BINARY_FRAME
      || !nopoll_msg_is_final (msg) || nopoll_msg_is_fragment (msg))
    large->wrong++;
}

static void on_large (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  check_large ((struct large *) data, msg);
}

/* Everything of `size` bytes that is at hand, until there was one more message. */
static void take_large (struct wire_pair *pair, struct large *large, int by_loop)
{
  int before = large->messages;

  if (by_loop) {
    LOOP_UNTIL (pair->ctx, large->messages > before);
    return;
  }
  while (large->messages == before) {
    noPollMsg *msg;

    wire_wait_readable (nopoll_conn_socket (pair->conn));
    msg = nopoll_conn_get_msg (pair->conn);
    CHECK (nopoll_conn_is_ok (pair->conn));
    if (msg != NULL)
      check_large (large, msg);
    nopoll_msg_unref (msg);
  }
}

static const long lengths[] = { 0,     1,     124,   125,   126,   127,    128,    4095,
                                16383, 16384, 16385, 65523, 65534, 65535,  65536,  65537,
                                65550, 70000, 99999, 131072, 200000 };

/* Every form of the length, at its ends. */
TEST (lengths_of_every_form_are_received)
{
  unsigned char *bytes = (unsigned char *) malloc (200000);
  noPollCtx *ctx = nopoll_ctx_new ();
  int i, by_loop, server;

  fill (bytes, 200000);
  for (server = 0; server < 2; server++)
    for (by_loop = 0; by_loop < 2; by_loop++) {
      struct large large = { bytes, 0, 0, 0 };
      struct wire_pair pair;

      wire_open (&pair, ctx, server);
      nopoll_conn_set_on_msg (pair.conn, on_large, &large);
      for (i = 0; i < (int) (sizeof lengths / sizeof lengths[0]); i++) {
        unsigned char *frame = (unsigned char *) malloc ((size_t) lengths[i] + 14);
        long size, half;

        large.size = lengths[i];
        size = wire_frame (frame, 0x82, server, bytes, lengths[i]);
        /* Up to what buffers hold, all of it is there; the rest comes when there is room. */
        half = size > 60000 ? 60000 : size;
        wire_send (pair.peer, frame, half);
        if (half < size) {
          LOOP_UNTIL (ctx, wire_unread (nopoll_conn_socket (pair.conn)) == 0 || !by_loop);
          if (!by_loop)
            CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
          wire_send (pair.peer, frame + half, size - half);
        }
        take_large (&pair, &large, by_loop);
        CHECK_INT (large.wrong, 0);
        CHECK_INT (large.messages, i + 1);
        free (frame);
      }
      nopoll_conn_close (pair.conn);
      nopoll_conn_close (pair.listener);
      close (pair.peer);
    }
  nopoll_ctx_unref (ctx);
  free (bytes);
}

/* M-15 */
TEST (long_headers_may_be_cut_anywhere)
{
  static const long sizes[] = { 126, 65535, 65536, 70000 };
  unsigned char *bytes = (unsigned char *) malloc (70000 + 14);
  unsigned char *frame = (unsigned char *) malloc (70000 + 14);
  noPollCtx *ctx = nopoll_ctx_new ();
  int i, by_loop, server;

  fill (bytes, 70000);
  for (server = 0; server < 2; server++)
    for (by_loop = 0; by_loop < 2; by_loop++) {
      struct large large = { bytes, 0, 0, 0 };
      struct wire_pair pair;

      wire_open (&pair, ctx, server);
      nopoll_conn_set_on_msg (pair.conn, on_large, &large);
      for (i = 0; i < 4; i++) {
        long size = wire_frame (frame, 0x82, server, bytes, sizes[i]);
        int cut;

        large.size = sizes[i];
        for (cut = 1; cut < 18; cut++) {
          int fd = nopoll_conn_socket (pair.conn);

          wire_send (pair.peer, frame, cut);
          wire_await_unread (fd, cut);
          if (by_loop) {
            LOOP_UNTIL (ctx, wire_unread (fd) == 0);
          } else {
            CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
            CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
          }
          wire_send (pair.peer, frame + cut, size - cut);
          take_large (&pair, &large, by_loop);
          CHECK_INT (large.wrong, 0);
        }
      }
      nopoll_conn_close (pair.conn);
      nopoll_conn_close (pair.listener);
      close (pair.peer);
    }
  nopoll_ctx_unref (ctx);
  free (bytes);
  free (frame);
}

/* Programs poll the descriptor: what they have not been given must be there. */
TEST (direct_calls_leave_the_next_frame_in_the_kernel)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int server;

  for (server = 0; server < 2; server++) {
    static const char *const payloads[] = { "", "a", "four", "and so on" };
    unsigned char frame[64];
    struct wire_pair pair;
    int i, left = 0;

    wire_open (&pair, ctx, server);
    for (i = 0; i < 8; i++) {
      const char *payload = payloads[i % 4];
      /* Every other one is a ping. */
      long size = wire_frame (frame, i & 4 ? 0x89 : 0x81, server, payload,
                              (long) strlen (payload));

      wire_send (pair.peer, frame, size);
      left += (int) size;
    }
    wire_await_unread (nopoll_conn_socket (pair.conn), left);
    for (i = 0; i < 8; i++) {
      noPollMsg *msg = nopoll_conn_get_msg (pair.conn);

      CHECK_INT (msg != NULL, i < 4);
      CHECK_INT (errno, 0);
      if (msg != NULL)
        CHECK_STR ((const char *) nopoll_msg_get_payload (msg), payloads[i % 4]);
      nopoll_msg_unref (msg);
      left -= (int) wire_frame (frame, 0, server, payloads[i % 4], (long) strlen (payloads[i % 4]));
      CHECK_INT (wire_unread (nopoll_conn_socket (pair.conn)), left);
      CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
    }
    nopoll_conn_close (pair.conn);
    nopoll_conn_close (pair.listener);
    close (pair.peer);
  }
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (direct_calls_of_a_client_take_frames_cut_at_any_byte),
       CASE (direct_calls_of_a_server_take_frames_cut_at_any_byte),
       CASE (the_loop_of_a_client_takes_frames_cut_at_any_byte),
       CASE (the_loop_of_a_server_takes_frames_cut_at_any_byte),
       CASE (frames_may_come_byte_by_byte),
       CASE (frames_may_come_without_read_ahead),
       CASE (loop_and_direct_calls_may_take_turns_within_a_frame),
       CASE (lengths_of_every_form_are_received),
       CASE (long_headers_may_be_cut_anywhere),
       CASE (direct_calls_leave_the_next_frame_in_the_kernel))
