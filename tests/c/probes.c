/* Short independent checks of what the descriptions of receiving, sending and closing say, one per
 * claim. "Client" and "server" are the library's part. */
#include <nopoll.h>

#include <pthread.h>

#include "support/wire.h"

static void open_with (struct wire_pair *pair, int server, noPollDelivery delivery)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_delivery (ctx, delivery);
  wire_open (pair, ctx, server);
}

#define EXPECT(op, fin, frag, text) \
  wire_expect_msg (pair.conn, op, fin, frag, text, (long) strlen (text))

/* Waits for bytes; no message comes of them. */
static void expect_none (noPollConn *conn)
{
  wire_wait_readable (nopoll_conn_socket (conn));
  CHECK (nopoll_conn_get_msg (conn) == NULL);
}

/* What on_close saw. */
struct closed {
  int count, status, is_ok;
  char reason[32];
};

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct closed *closed = (struct closed *) data;
  const char *reason = nopoll_conn_get_close_reason (conn);

  closed->count++;
  closed->status = nopoll_conn_get_close_status (conn);
  closed->is_ok = nopoll_conn_is_ok (conn);
  snprintf (closed->reason, sizeof closed->reason, "%s", reason ? reason : "(none)");
}

TEST (probe_01_client_two_text_frames_in_one_segment)
{
  unsigned char frames[32];
  struct wire_pair pair;
  long size;

  wire_open (&pair, NULL, 0);
  size = wire_frame (frames, 0x81, 0, "one", 3);
  size += wire_frame (frames + size, 0x81, 0, "two", 3);
  wire_send (pair.peer, frames, size);
  EXPECT (1, 1, 0, "one");
  EXPECT (1, 1, 0, "two");
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  wire_close (&pair);
}

/* M-07 */
TEST (probe_02_client_header_pause_payload)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_send (pair.peer, "\x81\x05", 2);
  wire_expect_nothing (pair.conn, 2);
  wire_send (pair.peer, "hello", 5);
  EXPECT (1, 1, 0, "hello");
  wire_close (&pair);
}

TEST (probe_03_client_pieces_of_a_text_frame)
{
  struct wire_pair pair;

  open_with (&pair, 0, NOPOLL_DELIVER_PIECES);
  wire_send (pair.peer, "\x81\x09" "abc", 5);
  EXPECT (1, 0, 1, "abc");
  wire_send (pair.peer, "def", 3);
  EXPECT (0, 0, 1, "def");
  wire_send (pair.peer, "ghi", 3);
  EXPECT (0, 1, 1, "ghi");
  wire_close (&pair);
}

/* M-06 */
TEST (probe_04_client_pieces_of_an_unfinished_message)
{
  struct wire_pair pair;

  open_with (&pair, 0, NOPOLL_DELIVER_PIECES);
  wire_send (pair.peer, "\x01\x04" "ab", 4);
  EXPECT (1, 0, 1, "ab");
  wire_send (pair.peer, "cd", 2);
  EXPECT (0, 0, 1, "cd");
  wire_put (&pair, 0x80, "ef", 2);
  EXPECT (0, 1, 1, "ef");
  wire_close (&pair);
}

/* M-08 */
TEST (probe_05_client_ping_between_fragments)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x01, "a", 1);
  wire_put (&pair, 0x89, "pp", 2);
  wire_put (&pair, 0x80, "b", 1);
  EXPECT (1, 0, 1, "a");
  EXPECT (0, 1, 1, "b");
  wire_expect (&pair, 0x8a, "pp", 2);
  wire_close (&pair);
}

/* M-10 */
TEST (probe_06_client_pong_and_text)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x8a, "zz", 2);
  wire_put (&pair, 0x81, "text", 4);
  EXPECT (1, 1, 0, "text");
  wire_close (&pair);
}

/* M-10 */
TEST (probe_07_server_masked_empty_pong_and_text)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 1);
  wire_put (&pair, 0x8a, "", 0);
  wire_put (&pair, 0x81, "text", 4);
  EXPECT (1, 1, 0, "text");
  CHECK (nopoll_conn_is_ok (pair.conn));
  wire_close (&pair);
}

/* M-13 */
TEST (probe_08_server_unmasked_frame)
{
  int lenient;

  for (lenient = 0; lenient < 2; lenient++) {
    noPollCtx *ctx = nopoll_ctx_new ();
    struct wire_pair pair;

    nopoll_ctx_set_lenient (ctx, lenient);
    wire_open (&pair, ctx, 1);
    wire_send_frame (pair.peer, 0x81, 0, "text", 4);
    expect_none (pair.conn);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1006);
    wire_expect (&pair, 0x88, "\x03\xea", 2);
    wire_expect_end (pair.peer);
    wire_close (&pair);
  }
}

/* M-15 */
TEST (probe_09_server_long_headers_cut_anywhere)
{
  static const long sizes[] = { 126, 65536 };
  struct wire_pair pair;
  unsigned char *payload = (unsigned char *) calloc (1, 65536);
  unsigned char *frame = (unsigned char *) malloc (65536 + 14);
  int i, cut;

  wire_open (&pair, NULL, 1);
  for (i = 0; i < 2; i++) {
    long length = wire_frame (frame, 0x82, 1, payload, sizes[i]);

    for (cut = 1; cut <= length - sizes[i]; cut++) {
      wire_send (pair.peer, frame, cut);
      wire_expect_nothing (pair.conn, cut);
      wire_send (pair.peer, frame + cut, length - cut);
      wire_expect_msg (pair.conn, 2, 1, 0, payload, sizes[i]);
    }
  }
  wire_close (&pair);
  free (payload);
  free (frame);
}

/* M-05 */
TEST (probe_10_client_empty_text_frame)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "", 0);
  EXPECT (1, 1, 0, "");
  CHECK (nopoll_conn_is_ok (pair.conn));
  wire_close (&pair);
}

TEST (probe_11_frames_at_and_above_the_limit)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair;

  nopoll_ctx_set_max_frame_size (ctx, 10);
  wire_open (&pair, ctx, 0);
  wire_put (&pair, 0x81, "0123456789", 10);
  EXPECT (1, 1, 0, "0123456789");
  wire_put (&pair, 0x81, "0123456789a", 11);
  expect_none (pair.conn);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1006);
  wire_expect (&pair, 0x88, "\x03\xf1", 2);
  wire_close (&pair);
}

/* M-46 */
TEST (probe_12_client_close_frame_behind_text)
{
  struct closed closed = { 0, 0, 0, "" };
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  nopoll_conn_set_on_close (pair.conn, on_close, &closed);
  wire_put (&pair, 0x81, "text", 4);
  wire_put (&pair, 0x88, "\x03\xe9" "away", 6);
  EXPECT (1, 1, 0, "text");
  expect_none (pair.conn);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK_INT (closed.count, 1);
  CHECK_INT (closed.status, 1001);
  CHECK_INT (closed.is_ok, 1);
  CHECK_STR (closed.reason, "away");
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1001);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn), "away");
  wire_expect (&pair, 0x88, "\x03\xe9", 2);
  wire_close (&pair);
  CHECK_INT (closed.count, 1);
}

TEST (probe_13_server_close_frames_of_one_and_two_bytes)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair;

  nopoll_ctx_set_lenient (ctx, nopoll_true);
  wire_open (&pair, ctx, 1);
  wire_put (&pair, 0x88, "\x03", 1);
  expect_none (pair.conn);
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1005);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn), NULL);
  nopoll_conn_close (pair.conn);
  nopoll_conn_close (pair.listener);
  close (pair.peer);
  wire_open (&pair, ctx, 1);
  wire_put (&pair, 0x88, "\x0f\xa0", 2);
  expect_none (pair.conn);
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 4000);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn), "");
  wire_close (&pair);
}

TEST (probe_14_client_end_of_stream)
{
  struct closed closed = { 0, 0, 0, "" };
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  nopoll_conn_set_on_close (pair.conn, on_close, &closed);
  close (pair.peer);
  expect_none (pair.conn);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK_INT (closed.count, 1);
  CHECK_INT (closed.status, 1006);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK_INT (closed.count, 1);
  pair.peer = -1;
  wire_close (&pair);
}

TEST (probe_15_read_a_frame_in_parts)
{
  struct wire_pair pair;
  char buffer[4];

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x82, "0123456789", 10);
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_false, 0), 4);
  CHECK_MEM (buffer, 4, "0123", 4);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 6);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_false, 0), 4);
  CHECK_MEM (buffer, 4, "4567", 4);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_false, 0), 2);
  CHECK_MEM (buffer, 4, "89\0\0", 4);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_false, 0), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  wire_close (&pair);
}

TEST (probe_16_read_across_frames)
{
  struct wire_pair pair;
  char buffer[10];

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "abc", 3);
  wire_put (&pair, 0x81, "def", 3);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 5, nopoll_true, 0), 5);
  CHECK_MEM (buffer, 5, "abcde", 5);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 10, nopoll_false, 0), 1);
  CHECK_MEM (buffer, 1, "f", 1);
  wire_close (&pair);
}

TEST (probe_17_read_the_leftover_after_shutdown)
{
  struct wire_pair pair;
  char buffer[10];

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "abcdef", 6);
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 2, nopoll_false, 0), 2);
  nopoll_conn_shutdown (pair.conn);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 4);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 10, nopoll_false, 0), 4);
  CHECK_MEM (buffer, 4, "cdef", 4);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 10, nopoll_false, 0), -1);
  wire_close (&pair);
}

TEST (probe_18_read_until_the_time_has_passed)
{
  struct wire_pair pair;
  char buffer[5];

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "ab", 2);
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 5, nopoll_true, 300), 2);
  CHECK_MEM (buffer, 5, "ab\0\0\0", 5);
  CHECK (nopoll_conn_is_ok (pair.conn));
  wire_close (&pair);
}

static void *send_later (void *data)
{
  nopoll_sleep (50000);
  wire_send_frame (*(int *) data, 0x81, 1, "late", 4);
  return NULL;
}

/* M-01 */
TEST (probe_19_server_get_msg_waits_in_the_mode_it_found)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 1);
  noPollMsg *msg;
  pthread_t thread;

  pthread_create (&thread, NULL, send_later, &peer);
  msg = nopoll_conn_get_msg (conn);
  pthread_join (thread, NULL);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "late");
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static char large[3 * 1024 * 1024];

static void *receive_large (void *data)
{
  wire_expect_frame (*(int *) data, 0x82, 1, large, sizeof large);
  return NULL;
}

/* M-26, M-28 */
TEST (probe_20_to_22_client_a_peer_that_reads_later)
{
  struct wire_pair pair;
  pthread_t thread;
  int n, pending;
  long i;

  for (i = 0; i < (long) sizeof large; i++)
    large[i] = (char) (i * 11 + (i >> 10));
  wire_open_local (&pair, NULL, 0);
  n = nopoll_conn_send_binary (pair.conn, large, sizeof large);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (n > 0 && n < (int) sizeof large);
  pending = nopoll_conn_pending_write_bytes (pair.conn);
  CHECK_INT (pending, (int) sizeof large - n);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "second", 6), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), pending);
  pthread_create (&thread, NULL, receive_large, &pair.peer);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 30000000L * check_slowness (), n), sizeof large);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  pthread_join (thread, NULL);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "second", 6), 6);
  wire_expect (&pair, 0x81, "second", 6);
  wire_close (&pair);
}

/* M-26 */
TEST (probe_23_ping_after_nothing_was_found)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK_INT (nopoll_conn_send_ping (pair.conn), 1);
  wire_expect (&pair, 0x89, "", 0);
  CHECK (wire_is_quiet (pair.peer));
  wire_close (&pair);
}

/* M-27 */
TEST (probe_24_text_to_a_peer_that_has_reset)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_reset (pair.peer);
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  CHECK_INT (nopoll_conn_send_text (pair.conn, "text", 4), -1);
  CHECK (errno == EPIPE || errno == ECONNRESET);
  CHECK (nopoll_conn_is_ok (pair.conn));
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  pair.peer = -1;
  wire_close (&pair);
}

/* M-40 */
TEST (probe_25_payloads_of_close_frames)
{
  struct wire_pair pair;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    nopoll_conn_close (pair.conn);
    pair.conn = NULL;
    wire_expect (&pair, 0x88, "", 0);
    wire_close (&pair);
    wire_open (&pair, NULL, server);
    nopoll_conn_close_ext (pair.conn, 1000, "bye", 3);
    pair.conn = NULL;
    wire_expect (&pair, 0x88, "\x03\xe8" "bye", 5);
    wire_close (&pair);
    wire_open (&pair, NULL, server);
    nopoll_conn_close_ext (pair.conn, 1000, NULL, 0);
    pair.conn = NULL;
    wire_expect (&pair, 0x88, "\x03\xe8", 2);
    wire_close (&pair);
  }
}

TEST (probe_26_client_references_and_close)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  CHECK_INT (nopoll_conn_ref_count (pair.conn), 2);
  CHECK_INT (nopoll_ctx_ref_count (pair.ctx), 2);
  nopoll_conn_close (pair.conn);
  CHECK_INT (nopoll_ctx_ref_count (pair.ctx), 1);
  pair.conn = NULL;
  wire_close (&pair);
  wire_open (&pair, NULL, 0);
  nopoll_conn_ref (pair.conn);
  nopoll_conn_close (pair.conn);
  CHECK_INT (nopoll_conn_ref_count (pair.conn), 1);
  nopoll_conn_unref (pair.conn);
  pair.conn = NULL;
  wire_close (&pair);
}

/* M-44 */
TEST (probe_27_client_close_after_the_loop_has_dropped_it)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  close (pair.peer);
  LOOP_UNTIL (pair.ctx, nopoll_ctx_conns (pair.ctx) == 0);
  CHECK_INT (nopoll_conn_ref_count (pair.conn), 1);
  nopoll_conn_close (pair.conn);
  CHECK_INT (nopoll_ctx_ref_count (pair.ctx), 1);
  pair.conn = NULL;
  pair.peer = -1;
  wire_close (&pair);
}

static void close_twice (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  nopoll_conn_close (conn);
  nopoll_conn_close (conn);
}

TEST (probe_28_close_twice_in_a_message_handler)
{
  struct closed closed = { 0, 0, 0, "" };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 0);

  nopoll_conn_set_on_close (conn, on_close, &closed);
  nopoll_conn_set_on_msg (conn, close_twice, NULL);
  wire_send_frame (peer, 0x81, 1, "x", 1);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  CHECK_INT (closed.count, 1);
  /* The context and the listener's reference. */
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static void close_again (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ++*(int *) data;
  nopoll_conn_close (conn);
}

/* M-48, L-13 */
TEST (probe_29_on_close_closes_its_own_connection)
{
  struct wire_pair pair;
  int server, count;

  for (server = 0; server < 2; server++) {
    count = 0;
    wire_open (&pair, NULL, server);
    nopoll_conn_set_on_close (pair.conn, close_again, &count);
    nopoll_conn_close (pair.conn);
    CHECK_INT (count, 1);
    pair.conn = NULL;
    wire_close (&pair);
  }
}

static void keep_descriptor (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  *(int *) data = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);
}

TEST (probe_30_on_close_takes_the_descriptor)
{
  struct wire_pair pair;
  int fd = -1;

  wire_open (&pair, NULL, 0);
  nopoll_conn_set_on_close (pair.conn, keep_descriptor, &fd);
  nopoll_conn_shutdown (pair.conn);
  CHECK (fd >= 0);
  CHECK_INT (nopoll_conn_socket (pair.conn), -1);
  wire_send (fd, "still open", 10);
  wire_wait_readable (pair.peer);
  close (fd);
  wire_close (&pair);
}

static void count_messages (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ++*(int *) data;
}

/* M-51: the same over TLS is a matter of records. */
TEST (probe_31_loop_ping_and_text_in_one_segment)
{
  unsigned char frames[32];
  struct wire_pair pair;
  int count = 0;
  long size;

  wire_open (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, count_messages, &count);
  size = wire_frame (frames, 0x89, 1, "p", 1);
  size += wire_frame (frames + size, 0x81, 1, "text", 4);
  wire_send (pair.peer, frames, size);
  LOOP_UNTIL (pair.ctx, count == 1);
  wire_expect (&pair, 0x8a, "p", 1);
  wire_close (&pair);
}

/* M-02, Q34 */
TEST (probe_32_loop_a_silent_client_delays_nobody)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int silent, half, peer, count = 0;
  char head[1024];

  /* All of them keep the blocking descriptors they were accepted with. */
  nopoll_ctx_set_on_msg (ctx, count_messages, &count);
  silent = wire_connect (LISTENER_PORT (listener));
  wire_send_request (silent, "/", NULL);
  half = wire_connect (LISTENER_PORT (listener));
  wire_send_text (half, "GET / HTTP/1.1\r\nHost:");
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 1, "text", 4);
  LOOP_UNTIL (ctx, count == 1);
  wire_receive_head (silent, head, sizeof head);
  close (silent);
  close (half);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (probe_33_accepted_connections_outlive_their_listener)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 1);
  nopoll_conn_close (pair.listener);
  pair.listener = NULL;
  wire_put (&pair, 0x81, "there", 5);
  EXPECT (1, 1, 0, "there");
  CHECK_INT (nopoll_conn_send_text (pair.conn, "back", 4), 4);
  wire_expect (&pair, 0x81, "back", 4);
  wire_close (&pair);
}

/* M-25 */
TEST (probe_34_opcodes_of_fragments_sent)
{
  struct wire_pair pair;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "a", 1), 1);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "b", 1), 1);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "c", 1), 1);
    wire_expect (&pair, 0x01, "a", 1);
    wire_expect (&pair, 0x00, "b", 1);
    wire_expect (&pair, 0x80, "c", 1);
    wire_close (&pair);
  }
}

TESTS (CASE (probe_01_client_two_text_frames_in_one_segment),
       CASE (probe_02_client_header_pause_payload),
       CASE (probe_03_client_pieces_of_a_text_frame),
       CASE (probe_04_client_pieces_of_an_unfinished_message),
       CASE (probe_05_client_ping_between_fragments),
       CASE (probe_06_client_pong_and_text),
       CASE (probe_07_server_masked_empty_pong_and_text),
       CASE (probe_08_server_unmasked_frame),
       CASE (probe_09_server_long_headers_cut_anywhere),
       CASE (probe_10_client_empty_text_frame),
       CASE (probe_11_frames_at_and_above_the_limit),
       CASE (probe_12_client_close_frame_behind_text),
       CASE (probe_13_server_close_frames_of_one_and_two_bytes),
       CASE (probe_14_client_end_of_stream),
       CASE (probe_15_read_a_frame_in_parts),
       CASE (probe_16_read_across_frames),
       CASE (probe_17_read_the_leftover_after_shutdown),
       CASE (probe_18_read_until_the_time_has_passed),
       CASE (probe_19_server_get_msg_waits_in_the_mode_it_found),
       CASE (probe_20_to_22_client_a_peer_that_reads_later),
       CASE (probe_23_ping_after_nothing_was_found),
       CASE (probe_24_text_to_a_peer_that_has_reset),
       CASE (probe_25_payloads_of_close_frames),
       CASE (probe_26_client_references_and_close),
       CASE (probe_27_client_close_after_the_loop_has_dropped_it),
       CASE (probe_28_close_twice_in_a_message_handler),
       CASE (probe_29_on_close_closes_its_own_connection),
       CASE (probe_30_on_close_takes_the_descriptor),
       CASE (probe_31_loop_ping_and_text_in_one_segment),
       CASE (probe_32_loop_a_silent_client_delays_nobody),
       CASE (probe_33_accepted_connections_outlive_their_listener),
       CASE (probe_34_opcodes_of_fragments_sent))
