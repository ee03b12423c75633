/* Frames as they go out: every byte of them, and which calls send none. */
#include <nopoll.h>

#include <pthread.h>
#include <signal.h>

#include "support/wire.h"

static void fill (char *bytes, long size)
{
  long i;

  for (i = 0; i < size; i++)
    bytes[i] = (char) (i * 5 + (i >> 7) * 3);
}

/* The next frame's header is exactly this; its payload follows, masked as the header says. */
static void expect_bytes (int fd, int first, int masked, const char *payload, long size)
{
  unsigned char header[14], expected[14], *got = (unsigned char *) malloc ((size_t) size + 1);
  long header_size = size < 126 ? 2 : size <= 65535 ? 4 : 10;
  long i;

  memset (expected, 0, sizeof expected);
  expected[0] = (unsigned char) first;
  expected[1] = (unsigned char) (masked << 7 | (size < 126 ? size : size <= 65535 ? 126 : 127));
  for (i = 2; i < header_size; i++)
    expected[i] = (unsigned char) (size >> 8 * (header_size - 1 - i));
  wire_receive (fd, header, header_size);
  CHECK_MEM (header, header_size, expected, header_size);
  memset (header, 0, 4);
  if (masked)
    wire_receive (fd, header, 4);
  wire_receive (fd, got, size);
  for (i = 0; i < size; i++)
    got[i] ^= header[i % 4];
  CHECK_MEM (got, size, payload, size);
  free (got);
}

TEST (headers_have_the_shortest_form_of_every_length)
{
  static const long lengths[] = { 1, 125, 126, 127, 65535, 65536, 70000 };
  static char bytes[70000];
  struct wire_pair pair;
  int server, i;

  fill (bytes, sizeof bytes);
  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), nopoll_true);
    for (i = 0; i < 7; i++) {
      CHECK_INT (nopoll_conn_send_binary (pair.conn, bytes, lengths[i]), lengths[i]);
      expect_bytes (pair.peer, 0x82, !server, bytes, lengths[i]);
      CHECK_INT (nopoll_conn_send_text (pair.conn, bytes, lengths[i]), lengths[i]);
      expect_bytes (pair.peer, 0x81, !server, bytes, lengths[i]);
    }
    wire_close (&pair);
  }
}

/* M-22 */
TEST (a_length_of_minus_one_means_the_text_up_to_its_end)
{
  struct wire_pair pair;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "hello", -1), 5);
    expect_bytes (pair.peer, 0x81, !server, "hello", 5);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "", -1), 0);
    expect_bytes (pair.peer, 0x81, !server, "", 0);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "with NUL", 9), 9);
    expect_bytes (pair.peer, 0x81, !server, "with NUL", 9);
    /* Nor does anybody look whether it is UTF-8. */
    CHECK_INT (nopoll_conn_send_text (pair.conn, "\xff\xfe", -1), 2);
    expect_bytes (pair.peer, 0x81, !server, "\xff\xfe", 2);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "part", -1), 4);
    expect_bytes (pair.peer, 0x01, !server, "part", 4);
    CHECK_INT (__nopoll_conn_send_common (pair.conn, "end", -1, 1, 0, NOPOLL_CONTINUATION_FRAME), 3);
    expect_bytes (pair.peer, 0x80, !server, "end", 3);
    wire_close (&pair);
  }
}

/* M-22, M-23 */
TEST (arguments_that_are_none_send_nothing)
{
  struct wire_pair pair;
  noPollConn *c;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    c = pair.conn;
    CHECK_INT (nopoll_conn_send_text (NULL, "x", 1), -1);
    CHECK_INT (nopoll_conn_send_text (c, NULL, 1), -1);
    CHECK_INT (nopoll_conn_send_text (c, "x", 0), -1);
    CHECK_INT (nopoll_conn_send_text (c, "x", -2), -1);
    CHECK_INT (nopoll_conn_send_text_fragment (c, "x", 0), -1);
    CHECK_INT (nopoll_conn_send_text_fragment (c, NULL, -1), -1);
    CHECK_INT (nopoll_conn_send_binary (c, "x", 0), -1);
    CHECK_INT (nopoll_conn_send_binary (c, "x", -1), -1);
    CHECK_INT (nopoll_conn_send_binary (c, NULL, 5), -1);
    CHECK_INT (nopoll_conn_send_binary_fragment (c, "x", -1), -1);
    CHECK_INT (nopoll_conn_send_binary_fragment (NULL, "x", 1), -1);
    CHECK_INT (__nopoll_conn_send_common (NULL, "x", 1, 1, 0, NOPOLL_TEXT_FRAME), -1);
    CHECK_INT (__nopoll_conn_send_common (c, NULL, 1, 1, 0, NOPOLL_TEXT_FRAME), -1);
    CHECK_INT (__nopoll_conn_send_common (c, "x", 0, 1, 0, NOPOLL_TEXT_FRAME), -1);
    CHECK_INT (__nopoll_conn_send_common (c, "x", -1, 1, 0, NOPOLL_BINARY_FRAME), -1);
    CHECK_INT (__nopoll_conn_send_common (c, "x", -2, 1, 0, NOPOLL_TEXT_FRAME), -1);
    CHECK_INT (nopoll_conn_send_frame (NULL, 1, 0, NOPOLL_TEXT_FRAME, 1, "x", 0), -1);
    CHECK_INT (nopoll_conn_send_frame (c, 1, 0, NOPOLL_TEXT_FRAME, 1, NULL, 0), -1);
    CHECK_INT (nopoll_conn_send_frame (c, 1, 0, NOPOLL_TEXT_FRAME, -1, "x", 0), -1);
    CHECK_INT (nopoll_conn_send_ping (NULL), 0);
    CHECK_INT (nopoll_conn_send_pong (NULL, 0, NULL), 0);
    CHECK_INT (nopoll_conn_send_pong (c, 3, NULL), 0);
    CHECK_INT (nopoll_conn_send_pong (c, -3, "x"), 0);
    /* More than an int can speak of; nobody looks at the bytes. */
    CHECK_INT (nopoll_conn_send_binary (c, "x", 2147483647L), -1);
    CHECK_INT (nopoll_conn_send_frame (c, 1, 1, NOPOLL_TEXT_FRAME, 3000000000L, "x", 0), -1);
    CHECK_INT (nopoll_conn_pending_write_bytes (c), 0);
    CHECK (wire_is_quiet (pair.peer));
    CHECK_INT (nopoll_conn_send_text (c, "still fine", -1), 10);
    expect_bytes (pair.peer, 0x81, !server, "still fine", 10);
    wire_close (&pair);
  }
}

/* M-23 */
TEST (a_listener_sends_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);

  CHECK_INT (nopoll_conn_send_text (listener, "x", 1), -1);
  CHECK_INT (nopoll_conn_send_binary (listener, "x", 1), -1);
  CHECK_INT (nopoll_conn_send_frame (listener, 1, 0, NOPOLL_TEXT_FRAME, 1, "x", 0), -1);
  CHECK_INT (nopoll_conn_send_ping (listener), 0);
  CHECK_INT (nopoll_conn_send_pong (listener, 0, NULL), 0);
  CHECK_INT (nopoll_conn_pending_write_bytes (listener), 0);
  CHECK_INT (nopoll_conn_complete_pending_write (listener), 0);
  CHECK_INT (nopoll_conn_flush_writes (listener, 1000, 3), 3);
  CHECK (nopoll_conn_is_ok (listener));
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* M-24 */
TEST (every_frame_is_masked_with_a_key_of_its_own)
{
  enum { COUNT = 64 };
  unsigned char keys[COUNT][4], head[2], payload[4];
  struct wire_pair pair;
  int i, j, high = 0, same = 0;

  wire_open (&pair, NULL, 0);
  for (i = 0; i < COUNT; i++) {
    CHECK_INT (nopoll_conn_send_text (pair.conn, "abcd", 4), 4);
    wire_receive (pair.peer, head, 2);
    wire_receive (pair.peer, keys[i], 4);
    wire_receive (pair.peer, payload, 4);
    for (j = 0; j < 4; j++)
      CHECK_INT (payload[j] ^ keys[i][j], "abcd"[j]);
    high += keys[i][0] >> 7;
    for (j = 0; j < i; j++)
      same += memcmp (keys[i], keys[j], 4) == 0;
  }
  CHECK (high > 0 && high < COUNT);
  CHECK (same < 3);
  wire_close (&pair);
}

/* What goes out for a call of __nopoll_conn_send_common. */
struct part {
  int opcode, fin, first;
};

/* M-25 */
TEST (fragments_continue_the_message_that_was_begun)
{
  static const struct part parts[] = {
    /* As types are given with every fragment. */
    { 1, 0, 0x01 }, { 1, 0, 0x00 }, { 1, 1, 0x80 }, { 1, 1, 0x81 },
    { 2, 0, 0x02 }, { 2, 0, 0x00 }, { 2, 1, 0x80 }, { 2, 1, 0x82 },
    /* As continuations are named. */
    { 2, 0, 0x02 }, { 0, 0, 0x00 }, { 0, 1, 0x80 }, { 2, 1, 0x82 },
    /* Another type joins the unfinished message. */
    { 1, 0, 0x01 }, { 2, 0, 0x00 }, { 1, 1, 0x80 },
    /* Control frames and unknown opcodes are sent as they are. */
    { 1, 0, 0x01 }, { 9, 1, 0x89 }, { 10, 1, 0x8a }, { 3, 0, 0x03 }, { 1, 1, 0x80 },
    { 0, 0, 0x00 }, { 1, 1, 0x80 }, { 1, 1, 0x81 },
  };
  struct wire_pair pair;
  size_t i;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
      CHECK_INT (__nopoll_conn_send_common (pair.conn, "part", 4, parts[i].fin, 0,
                                            (noPollOpCode) parts[i].opcode), 4);
      expect_bytes (pair.peer, parts[i].first, !server, "part", 4);
    }
    wire_close (&pair);
  }
}

/* M-25 */
TEST (send_frame_ping_and_pong_stay_out_of_it)
{
  struct wire_pair pair;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "a", 1), 1);
    expect_bytes (pair.peer, 0x01, !server, "a", 1);
    CHECK_INT (nopoll_conn_send_ping (pair.conn), 1);
    expect_bytes (pair.peer, 0x89, !server, "", 0);
    CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, !server, NOPOLL_BINARY_FRAME, 1, "b", 0), 1);
    expect_bytes (pair.peer, 0x82, !server, "b", 1);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "c", 1), 1);
    expect_bytes (pair.peer, 0x80, !server, "c", 1);
    CHECK_INT (nopoll_conn_send_frame (pair.conn, 0, !server, NOPOLL_TEXT_FRAME, 1, "d", 0), 1);
    expect_bytes (pair.peer, 0x01, !server, "d", 1);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "e", 1), 1);
    expect_bytes (pair.peer, 0x81, !server, "e", 1);
    wire_close (&pair);
  }
}

TEST (send_frame_sends_just_what_it_is_told)
{
  struct wire_pair pair;
  int server, masked, fin, opcode;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    for (opcode = 0; opcode < 16; opcode++)
      for (fin = 0; fin < 2; fin++)
        for (masked = 0; masked < 2; masked++) {
          CHECK_INT (nopoll_conn_send_frame (pair.conn, fin, masked, (noPollOpCode) opcode, 5,
                                             "\xff\0abc", 0), 5);
          expect_bytes (pair.peer, fin << 7 | opcode, masked, "\xff\0abc", 5);
        }
    CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, 1, NOPOLL_BINARY_FRAME, 0, "", 0), 0);
    expect_bytes (pair.peer, 0x82, 1, "", 0);
    CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, 0, NOPOLL_BINARY_FRAME, 0, NULL, 0), 0);
    expect_bytes (pair.peer, 0x82, 0, "", 0);
    CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, 0, (noPollOpCode) 0x1f2, 1, "x", 0), 1);
    expect_bytes (pair.peer, 0x82, 0, "x", 1);
    wire_close (&pair);
  }
}

/* M-34 */
TEST (pings_and_pongs_say_whether_they_were_accepted)
{
  static char big[200];
  struct wire_pair pair;
  int server;

  memset (big, 'p', sizeof big);
  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    CHECK_INT (nopoll_conn_send_ping (pair.conn), 1);
    expect_bytes (pair.peer, 0x89, !server, "", 0);
    CHECK_INT (nopoll_conn_send_pong (pair.conn, 0, NULL), 1);
    expect_bytes (pair.peer, 0x8a, !server, "", 0);
    CHECK_INT (nopoll_conn_send_pong (pair.conn, 5, (noPollPtr) "hello"), 1);
    expect_bytes (pair.peer, 0x8a, !server, "hello", 5);
    CHECK_INT (nopoll_conn_send_pong (pair.conn, 200, big), 1);
    expect_bytes (pair.peer, 0x8a, !server, big, 200);
    nopoll_conn_shutdown (pair.conn);
    CHECK_INT (nopoll_conn_send_ping (pair.conn), 0);
    CHECK_INT (nopoll_conn_send_pong (pair.conn, 0, NULL), 0);
    wire_close (&pair);
  }
}

/* One packet per write: header and payload leave together. */
TEST (request_answer_and_frames_are_one_write_each)
{
  char packet[2048];
  int fds[2];
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn, *listener = wire_listener (ctx);
  ssize_t n;

  CHECK (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
  conn = nopoll_conn_new_with_socket (ctx, NULL, fds[0], "h", NULL, NULL, NULL, NULL, NULL);
  CHECK (nopoll_conn_is_ok (conn));
  n = recv (fds[1], packet, sizeof packet, 0);
  CHECK (n > 4 && memcmp (packet + n - 4, "\r\n\r\n", 4) == 0);
  CHECK_INT (nopoll_conn_send_text (conn, "early", 5), 5);
  CHECK_INT (recv (fds[1], packet, sizeof packet, 0), 11);
  nopoll_conn_close (conn);
  close (fds[1]);
  CHECK (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
  wire_send_request (fds[1], "/", NULL);
  conn = nopoll_conn_accept_socket (ctx, listener, fds[0]);
  CHECK_INT (nopoll_conn_is_ready (conn), 1);
  n = recv (fds[1], packet, sizeof packet, 0);
  CHECK (n > 4 && memcmp (packet + n - 4, "\r\n\r\n", 4) == 0);
  CHECK_INT (nopoll_conn_send_text (conn, "greeting", 8), 8);
  CHECK_INT (recv (fds[1], packet, sizeof packet, 0), 10);
  nopoll_conn_close_ext (conn, 1000, "bye", 3);
  CHECK_INT (recv (fds[1], packet, sizeof packet, 0), 7);
  close (fds[1]);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

struct sender {
  noPollConn *conn;
  long sleep_us;
  int result, error;
};

static void *send_with_pause (void *data)
{
  struct sender *sender = (struct sender *) data;

  errno = 0;
  sender->result = __nopoll_conn_send_common (sender->conn, "payload", 7, 1, sender->sleep_us,
                                              NOPOLL_TEXT_FRAME);
  sender->error = errno;
  return NULL;
}

/* M-35 */
TEST (a_pause_after_the_header_keeps_the_frame_together)
{
  struct wire_pair pair;
  int way;

  for (way = 0; way < 4; way++) {
    struct sender sender = { NULL, 150000, 0, 0 };
    pthread_t thread;
    int header, blocking = way / 2;

    wire_open (&pair, NULL, way % 2);
    nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), blocking);
    header = pair.server ? 2 : 6;
    sender.conn = pair.conn;
    pthread_create (&thread, NULL, send_with_pause, &sender);
    wire_wait_readable (pair.peer);
    /* Only the header is there, and nobody else gets in between. */
    CHECK_INT (wire_unread (pair.peer), header);
    if (blocking) {
      CHECK_INT (nopoll_conn_send_text (pair.conn, "other", 5), 5);
    } else {
      CHECK_INT (nopoll_conn_send_text (pair.conn, "other", 5), -1);
      CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    }
    pthread_join (thread, NULL);
    CHECK_INT (sender.result, 7);
    CHECK_INT (sender.error, 0);
    expect_bytes (pair.peer, 0x81, !pair.server, "payload", 7);
    if (blocking)
      expect_bytes (pair.peer, 0x81, !pair.server, "other", 5);
    wire_close (&pair);
  }
}

/* M-27, M-35 */
TEST (a_pause_after_the_header_does_not_hide_a_failure)
{
  struct wire_pair pair;
  int way;

  for (way = 0; way < 4; way++) {
    wire_open (&pair, NULL, way % 2);
    nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), way / 2);
    wire_reset (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    errno = 0;
    CHECK_INT (__nopoll_conn_send_common (pair.conn, "payload", 7, 1, 1000, NOPOLL_TEXT_FRAME), -1);
    CHECK (errno == EPIPE || errno == ECONNRESET);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    CHECK (nopoll_conn_is_ok (pair.conn));
    pair.peer = -1;
    wire_close (&pair);
  }
}

/* M-16, M-27, L-16 */
TEST (a_dead_connection_sends_nothing_to_whoever_has_its_descriptor_now)
{
  struct wire_pair pair;
  int server, fds[2], moved, other;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    moved = nopoll_conn_socket (pair.conn);
    nopoll_conn_shutdown (pair.conn);
    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    other = fds[0] == moved ? fds[1] : fds[0];
    if (fds[0] != moved && fds[1] != moved) {
      CHECK (dup2 (fds[1], moved) == moved);
      close (fds[1]);
    }
    CHECK_INT (nopoll_conn_send_text (pair.conn, "lost", 4), -1);
    CHECK_INT (errno, EBADF);
    CHECK_INT (nopoll_conn_send_ping (pair.conn), 0);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1000, -1), 0);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    wire_close (&pair);
    CHECK (wire_is_quiet (other));
    close (moved);
    close (other);
  }
}

/* A library that let SIGPIPE through would end this program. */
TEST (no_write_raises_sigpipe)
{
  struct wire_pair pair;
  int i;

  signal (SIGPIPE, SIG_DFL);
  for (i = 0; i < 2; i++) {
    wire_open (&pair, NULL, i);
    signal (SIGPIPE, SIG_DFL);
    wire_reset (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    nopoll_conn_send_text (pair.conn, "x", 1);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "x", 1), -1);
    CHECK_INT (errno, EPIPE);
    CHECK_INT (nopoll_conn_send_ping (pair.conn), 0);
    CHECK_INT (nopoll_conn_default_send (pair.conn, (char *) "x", 1), -1);
    CHECK_INT (errno, EPIPE);
    nopoll_conn_close (pair.conn);
    pair.conn = NULL;
    pair.peer = -1;
    wire_close (&pair);
  }
}

TESTS (CASE (headers_have_the_shortest_form_of_every_length),
       CASE (a_length_of_minus_one_means_the_text_up_to_its_end),
       CASE (arguments_that_are_none_send_nothing),
       CASE (a_listener_sends_nothing),
       CASE (every_frame_is_masked_with_a_key_of_its_own),
       CASE (fragments_continue_the_message_that_was_begun),
       CASE (send_frame_ping_and_pong_stay_out_of_it),
       CASE (send_frame_sends_just_what_it_is_told),
       CASE (pings_and_pongs_say_whether_they_were_accepted),
       CASE (request_answer_and_frames_are_one_write_each),
       CASE (a_pause_after_the_header_keeps_the_frame_together),
       CASE (a_pause_after_the_header_does_not_hide_a_failure),
       CASE (a_dead_connection_sends_nothing_to_whoever_has_its_descriptor_now),
       CASE (no_write_raises_sigpipe))
