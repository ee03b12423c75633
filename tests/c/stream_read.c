/* Payload as a stream of bytes, and what a blocking descriptor and its timeouts mean for reads. */
#include <nopoll.h>

#include <pthread.h>
#include <signal.h>

#include "support/wire.h"

/* A read that doesn't block, of what has arrived. */
#define READ(conn, buffer, size) nopoll_conn_read (conn, buffer, size, nopoll_false, 0)

static void await (noPollConn *conn)
{
  wire_wait_readable (nopoll_conn_socket (conn));
}

/* A read returns these bytes. */
static void expect_read (noPollConn *conn, int ask, const char *bytes, int size)
{
  char buffer[64];

  CHECK_INT (READ (conn, buffer, ask), size);
  CHECK_MEM (buffer, size, bytes, size);
}

static void expect_nothing (noPollConn *conn)
{
  char byte;

  CHECK_INT (READ (conn, &byte, 1), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_is_ok (conn));
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ++*(int *) data;
}

TEST (a_read_takes_part_of_one_frame_and_keeps_the_rest)
{
  struct wire_pair pair;
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    expect_nothing (pair.conn);
    wire_put (&pair, 0x82, "0123456789", 10);
    wire_put (&pair, 0x82, "ab", 2);
    await (pair.conn);
    expect_read (pair.conn, 4, "0123", 4);
    CHECK_INT (nopoll_conn_read_pending (pair.conn), 6);
    /* What is kept isn't joined with what is new. */
    expect_read (pair.conn, 10, "456789", 6);
    CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
    await (pair.conn);
    expect_read (pair.conn, 10, "ab", 2);
    expect_nothing (pair.conn);
    wire_close (&pair);
  }
}

TEST (two_frames_are_never_joined_by_a_read_that_does_not_block)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "one", 3);
  wire_put (&pair, 0x81, "two", 3);
  wire_await_unread (nopoll_conn_socket (pair.conn), 10);
  expect_read (pair.conn, 10, "one", 3);
  expect_read (pair.conn, 10, "two", 3);
  expect_nothing (pair.conn);
  wire_close (&pair);
}

TEST (a_blocking_read_gathers_exactly_what_was_asked_for)
{
  struct wire_pair pair;
  char buffer[12];
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    wire_put (&pair, 0x01, "abc", 3);
    wire_put (&pair, 0x00, "", 0);
    wire_put (&pair, 0x89, "ping", 4);
    wire_put (&pair, 0x80, "def", 3);
    wire_put (&pair, 0x82, "ghi", 3);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 8, nopoll_true, 0), 8);
    CHECK_MEM (buffer, 8, "abcdefgh", 8);
    wire_expect (&pair, 0x8a, "ping", 4);
    wire_put (&pair, 0x82, "jk", 2);
    await (pair.conn);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 3, nopoll_true, 10000), 3);
    CHECK_MEM (buffer, 3, "ijk", 3);
    wire_close (&pair);
  }
}

TEST (the_buffer_is_zeroed_and_nothing_is_written_behind_it)
{
  struct wire_pair pair;
  char buffer[12];

  wire_open (&pair, NULL, 0);
  memset (buffer, 'x', sizeof buffer);
  CHECK_INT (READ (pair.conn, buffer, 8), -1);
  CHECK_MEM (buffer, 12, "\0\0\0\0\0\0\0\0xxxx", 12);
  memset (buffer, 'x', sizeof buffer);
  wire_put (&pair, 0x81, "abc", 3);
  await (pair.conn);
  CHECK_INT (READ (pair.conn, buffer, 8), 3);
  CHECK_MEM (buffer, 12, "abc\0\0\0\0\0xxxx", 12);
  memset (buffer, 'x', sizeof buffer);
  wire_put (&pair, 0x81, "abcdefgh", 8);
  await (pair.conn);
  CHECK_INT (READ (pair.conn, buffer, 8), 8);
  CHECK_MEM (buffer, 12, "abcdefghxxxx", 12);
  /* Arguments that are none leave it alone. */
  CHECK_INT (READ (pair.conn, buffer, 0), -1);
  CHECK_INT (READ (pair.conn, buffer, -1), -1);
  CHECK_INT (READ (pair.conn, NULL, 8), -1);
  CHECK_INT (READ (NULL, buffer, 8), -1);
  CHECK_MEM (buffer, 12, "abcdefghxxxx", 12);
  wire_close (&pair);
}

/* M-21 */
TEST (a_read_goes_on_behind_control_and_empty_frames)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 1);
  wire_put (&pair, 0x89, "1", 1);
  wire_put (&pair, 0x8a, "2", 1);
  wire_put (&pair, 0x82, "", 0);
  wire_put (&pair, 0x81, "text", 4);
  wire_await_unread (nopoll_conn_socket (pair.conn), 7 + 7 + 6 + 10);
  expect_read (pair.conn, 10, "text", 4);
  wire_expect (&pair, 0x8a, "1", 1);
  wire_put (&pair, 0x82, "", 0);
  wire_await_unread (nopoll_conn_socket (pair.conn), 6);
  expect_nothing (pair.conn);
  wire_close (&pair);
}

TEST (bytes_are_read_as_they_come)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_send (pair.peer, "\x81\x06" "ab", 4);
  await (pair.conn);
  expect_read (pair.conn, 10, "ab", 2);
  expect_nothing (pair.conn);
  wire_send (pair.peer, "cd", 2);
  await (pair.conn);
  expect_read (pair.conn, 1, "c", 1);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 1);
  wire_send (pair.peer, "ef", 2);
  await (pair.conn);
  expect_read (pair.conn, 10, "d", 1);
  expect_read (pair.conn, 10, "ef", 2);
  wire_close (&pair);
}

TEST (read_and_get_msg_share_an_unfinished_frame)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  /* What get_msg has assembled comes first; of the rest it says that it is the last part. */
  wire_send (pair.peer, "\x81\x0a" "abcd", 6);
  wire_expect_nothing (pair.conn, 6);
  expect_read (pair.conn, 2, "ab", 2);
  expect_read (pair.conn, 10, "cd", 2);
  expect_nothing (pair.conn);
  wire_send (pair.peer, "efghij", 6);
  wire_expect_msg (pair.conn, 0, 1, 1, "efghij", 6);
  /* The same of a frame that isn't the last of its message. */
  wire_send (pair.peer, "\x02\x04" "ab", 4);
  await (pair.conn);
  expect_read (pair.conn, 10, "ab", 2);
  wire_send (pair.peer, "cd", 2);
  wire_expect_msg (pair.conn, 0, 0, 1, "cd", 2);
  wire_put (&pair, 0x80, "ef", 2);
  wire_expect_msg (pair.conn, 0, 1, 1, "ef", 2);
  /* Whole frames don't know of each other. */
  wire_put (&pair, 0x81, "next", 4);
  wire_expect_msg (pair.conn, 1, 1, 0, "next", 4);
  wire_close (&pair);
}

TEST (what_read_keeps_is_not_for_get_msg)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "first", 5);
  wire_put (&pair, 0x81, "second", 6);
  await (pair.conn);
  expect_read (pair.conn, 1, "f", 1);
  wire_expect_msg (pair.conn, 1, 1, 0, "second", 6);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 4);
  expect_read (pair.conn, 10, "irst", 4);
  wire_close (&pair);
}

TEST (a_read_may_be_the_first_call_on_a_client)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  int block;

  for (block = 0; block < 2; block++) {
    noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                        NULL, NULL);
    int peer = wire_accept (listening);
    char buffer[8];

    expect_nothing (conn);
    wire_answer_request (peer, NULL);
    wire_send_frame (peer, 0x81, 0, "text", 4);
    if (block) {
      CHECK_INT (nopoll_conn_read (conn, buffer, 4, nopoll_true, 0), 4);
      CHECK_MEM (buffer, 4, "text", 4);
    } else {
      await (conn);
      WAIT_UNTIL (nopoll_conn_is_ready (conn));
      await (conn);
      expect_read (conn, 8, "text", 4);
    }
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_ctx_unref (ctx);
  close (listening);
}

/* M-19 */
TEST (a_blocking_read_returns_what_it_has_when_the_time_has_passed)
{
  struct wire_pair pair;
  char buffer[8];

  wire_open (&pair, NULL, 0);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, 20), 0);
  CHECK (nopoll_conn_is_ok (pair.conn));
  wire_put (&pair, 0x81, "ab", 2);
  CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, 500), 2);
  CHECK_MEM (buffer, 4, "ab\0\0", 4);
  CHECK (nopoll_conn_is_ok (pair.conn));
  wire_close (&pair);
}

/* M-19 */
TEST (a_blocking_read_returns_what_it_has_when_the_peer_goes)
{
  static const int frames[] = { 0, 0x88 };
  struct wire_pair pair;
  char buffer[8];
  int i, closed;

  for (i = 0; i < 2; i++) {
    closed = 0;
    wire_open (&pair, NULL, 1);
    nopoll_conn_set_on_close (pair.conn, on_close, &closed);
    wire_put (&pair, 0x81, "ab", 2);
    if (frames[i])
      wire_put (&pair, frames[i], "", 0);
    else
      wire_end (pair.peer);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, 0), 2);
    CHECK_MEM (buffer, 4, "ab\0\0", 4);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (closed, 1);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, 0), 0);
    CHECK_INT (READ (pair.conn, buffer, 4), -1);
    CHECK_INT (closed, 1);
    wire_close (&pair);
  }
}

TEST (what_read_keeps_survives_the_connection)
{
  struct wire_pair pair;
  char buffer[8];
  int way;

  for (way = 0; way < 3; way++) {
    wire_open (&pair, NULL, 0);
    wire_put (&pair, 0x81, "abcdef", 6);
    await (pair.conn);
    expect_read (pair.conn, 2, "ab", 2);
    if (way == 0) {
      nopoll_conn_shutdown (pair.conn);
    } else if (way == 1) {
      wire_end (pair.peer);
      await (pair.conn);
      CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    } else {
      nopoll_conn_ref (pair.conn);
      nopoll_conn_close (pair.conn);
    }
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_read_pending (pair.conn), 4);
    expect_read (pair.conn, 3, "cde", 3);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 3, nopoll_true, 0), 1);
    CHECK_MEM (buffer, 3, "f\0\0", 3);
    CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
    CHECK_INT (READ (pair.conn, buffer, 3), -1);
    if (way == 2) {
      nopoll_conn_unref (pair.conn);
      pair.conn = NULL;
    }
    wire_close (&pair);
  }
}

/* Sends a frame in parts, with a pause before each. */
struct slow_peer {
  int fd;
  const char *parts[4];
  long sizes[4];
};

static void *send_slowly (void *data)
{
  struct slow_peer *peer = (struct slow_peer *) data;
  int i;

  for (i = 0; i < 4 && peer->parts[i] != NULL; i++) {
    nopoll_sleep (20000);
    wire_send (peer->fd, peer->parts[i], peer->sizes[i]);
  }
  return NULL;
}

/* M-20 */
TEST (a_blocking_read_without_limit_waits_as_long_as_it_takes)
{
  static const long limits[] = { 0, -1, -100000, 2147483647L };
  struct wire_pair pair;
  int i;

  wire_open (&pair, NULL, 0);
  for (i = 0; i < 4; i++) {
    struct slow_peer peer = { 0, { "\x81\x04" "ab", "c", "d", NULL }, { 4, 1, 1, 0 } };
    char buffer[4];
    pthread_t thread;
    int n;

    peer.fd = pair.peer;
    pthread_create (&thread, NULL, send_slowly, &peer);
    n = nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, limits[i]);
    pthread_join (thread, NULL);
    CHECK_INT (n, 4);
    CHECK_MEM (buffer, 4, "abcd", 4);
  }
  wire_close (&pair);
}

TEST (on_a_blocking_descriptor_every_read_waits)
{
  struct slow_peer peer = { 0, { "\x81\x84\1\2\3\4", "``", "``", NULL }, { 6, 2, 2, 0 } };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollConn *conn = wire_accepted (ctx, listener, &peer.fd, 1);
  noPollMsg *msg;
  pthread_t thread;
  char buffer[8];
  int n;

  /* get_msg waits for the whole frame. */
  pthread_create (&thread, NULL, send_slowly, &peer);
  msg = nopoll_conn_get_msg (conn);
  pthread_join (thread, NULL);
  CHECK (msg != NULL);
  CHECK_MEM (nopoll_msg_get_payload (msg), nopoll_msg_get_payload_size (msg), "abcd", 4);
  CHECK_INT (nopoll_msg_is_fragment (msg), 0);
  nopoll_msg_unref (msg);
  /* read, although told not to block, for some of it. */
  pthread_create (&thread, NULL, send_slowly, &peer);
  n = READ (conn, buffer, 8);
  pthread_join (thread, NULL);
  CHECK (n >= 1 && n <= 4);
  CHECK_MEM (buffer, n, "abcd", n);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer.fd);
}

static void set_timeout (int fd, int name, long micros)
{
  struct timeval value;

  value.tv_sec = micros / 1000000;
  value.tv_usec = micros % 1000000;
  CHECK (setsockopt (fd, SOL_SOCKET, name, &value, sizeof value) == 0);
}

TEST (the_sockets_receive_timeout_ends_the_wait_and_loses_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 1);
  char buffer[8];

  set_timeout (nopoll_conn_socket (conn), SO_RCVTIMEO, 30000);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (READ (conn, buffer, 8), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  wire_send (peer, "\x81\x84\1\2\3\4``", 8);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_is_ok (conn));
  wire_send (peer, "``", 2);
  wire_expect_msg (conn, 1, 1, 0, "abcd", 4);
  nopoll_conn_close (conn);
  close (peer);
  /* Also during the handshake. */
  peer = wire_connect (LISTENER_PORT (listener));
  conn = nopoll_conn_accept (ctx, listener);
  set_timeout (nopoll_conn_socket (conn), SO_RCVTIMEO, 30000);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_is_ok (conn));
  wire_send_request (peer, "/", NULL);
  CHECK_INT (nopoll_conn_is_ready (conn), 1);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static pthread_t main_thread;
static volatile int interrupted;

static void interrupt (int sig) { interrupted = 1; }

static void *interrupt_and_send (void *data)
{
  int i;

  for (i = 0; i < 5; i++) {
    nopoll_sleep (5000);
    pthread_kill (main_thread, SIGUSR1);
  }
  wire_send_frame (*(int *) data, 0x81, 1, "text", 4);
  return NULL;
}

TEST (a_signal_ends_no_wait)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 1);
  struct sigaction action;
  noPollMsg *msg;
  pthread_t thread;

  memset (&action, 0, sizeof action);
  action.sa_handler = interrupt;
  sigaction (SIGUSR1, &action, NULL);
  main_thread = pthread_self ();
  pthread_create (&thread, NULL, interrupt_and_send, &peer);
  msg = nopoll_conn_get_msg (conn);
  pthread_join (thread, NULL);
  CHECK (interrupted);
  CHECK (msg != NULL);
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* M-17, Q21 */
TEST (reading_from_a_listener_finds_nothing_and_harms_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer = wire_connect (LISTENER_PORT (listener));
  char buffer[4];
  noPollConn *conn;

  CHECK (nopoll_conn_get_msg (listener) == NULL);
  CHECK_INT (READ (listener, buffer, 4), -1);
  CHECK_INT (nopoll_conn_read (listener, buffer, 4, nopoll_true, 10), 0);
  CHECK_INT (nopoll_conn_read_pending (listener), 0);
  CHECK_INT (nopoll_conn_is_ready (listener), 0);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (listener, 1), 0);
  nopoll_conn_complete_handshake (listener);
  CHECK (nopoll_conn_is_ok (listener));
  conn = nopoll_conn_accept (ctx, listener);
  CHECK (conn != NULL);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static void *send_large (void *data)
{
  struct slow_peer *peer = (struct slow_peer *) data;

  wire_send_frame (peer->fd, 0x82, 1, peer->parts[0], peer->sizes[0]);
  return NULL;
}

TEST (a_long_frame_is_read_in_blocks)
{
  static char large[1000003], got[1000003];
  struct slow_peer peer = { 0, { large, NULL, NULL, NULL }, { sizeof large, 0, 0, 0 } };
  struct wire_pair pair;
  pthread_t thread;
  int at;

  for (at = 0; at < (int) sizeof large; at++)
    large[at] = (char) (at * 3 + (at >> 9));
  wire_open (&pair, NULL, 1);
  peer.fd = pair.peer;
  pthread_create (&thread, NULL, send_large, &peer);
  for (at = 0; at < (int) sizeof got; ) {
    int ask = (int) sizeof got - at < 4096 ? (int) sizeof got - at : 4096;

    CHECK_INT (nopoll_conn_read (pair.conn, got + at, ask, nopoll_true, 0), ask);
    at += ask;
  }
  pthread_join (thread, NULL);
  CHECK (memcmp (got, large, sizeof large) == 0);
  expect_nothing (pair.conn);
  wire_close (&pair);
}

TEST (a_stream_of_text_is_validated_all_the_same)
{
  struct wire_pair pair;
  char buffer[8];

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "ok\xff", 3);
  await (pair.conn);
  CHECK_INT (READ (pair.conn, buffer, 8), -1);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  wire_expect (&pair, 0x88, "\x03\xef", 2);
  wire_close (&pair);
}

TESTS (CASE (a_read_takes_part_of_one_frame_and_keeps_the_rest),
       CASE (two_frames_are_never_joined_by_a_read_that_does_not_block),
       CASE (a_blocking_read_gathers_exactly_what_was_asked_for),
       CASE (the_buffer_is_zeroed_and_nothing_is_written_behind_it),
       CASE (a_read_goes_on_behind_control_and_empty_frames),
       CASE (bytes_are_read_as_they_come),
       CASE (read_and_get_msg_share_an_unfinished_frame),
       CASE (what_read_keeps_is_not_for_get_msg),
       CASE (a_read_may_be_the_first_call_on_a_client),
       CASE (a_blocking_read_returns_what_it_has_when_the_time_has_passed),
       CASE (a_blocking_read_returns_what_it_has_when_the_peer_goes),
       CASE (what_read_keeps_survives_the_connection),
       CASE (a_blocking_read_without_limit_waits_as_long_as_it_takes),
       CASE (on_a_blocking_descriptor_every_read_waits),
       CASE (the_sockets_receive_timeout_ends_the_wait_and_loses_nothing),
       CASE (a_signal_ends_no_wait),
       CASE (reading_from_a_listener_finds_nothing_and_harms_nothing),
       CASE (a_long_frame_is_read_in_blocks),
       CASE (a_stream_of_text_is_validated_all_the_same))
