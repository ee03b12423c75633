/* What the loop has read ahead: dispatched in order, left over only by a stop, never hidden. */
#include <nopoll.h>

#include "support/server.h"

struct run {
  noPollCtx *ctx;
  int messages;
  int closed;
  int stop_at;
  int pause_us;
  int fill;
  char text[64];
};

static void note (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;
  size_t size = strlen (run->text);

  run->messages++;
  snprintf (run->text + size, sizeof run->text - size, "%s",
            (const char *) nopoll_msg_get_payload (msg));
  if (run->pause_us)
    nopoll_sleep (run->pause_us);
  if (run->fill) {
    char *big = (char *) calloc (1, (size_t) run->fill);

    CHECK_INT (nopoll_conn_send_binary (conn, big, run->fill), run->fill);
    free (big);
  }
  if (run->messages == run->stop_at)
    nopoll_loop_stop (ctx);
}

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ((struct run *) data)->closed++;
}

/* A peer of a server, the connection at its other end, and the frames to send it in one go. */
struct scene {
  struct server server;
  struct run run;
  int peer;
  noPollConn *conn;
  unsigned char bytes[4096];
  long size;
};

static void begin (struct scene *scene)
{
  memset (scene, 0, sizeof *scene);
  server_start (&scene->server, note, &scene->run);
  scene->peer = server_peer (&scene->server);
  scene->conn = server_newest (&scene->server);
  nopoll_conn_set_on_close (scene->conn, count_close, &scene->run);
  nopoll_conn_set_sock_block (nopoll_conn_socket (scene->conn), nopoll_false);
}

static void finish (struct scene *scene)
{
  server_stop (&scene->server);
  close (scene->peer);
}

static void add (struct scene *scene, int first, const char *text)
{
  scene->size += wire_frame (scene->bytes + scene->size, first, 1, text, (long) strlen (text));
}

/* Sends what was added, at once and all of it but for the last bytes. */
static void send_but (struct scene *scene, int bytes)
{
  wire_send (scene->peer, scene->bytes, scene->size - bytes);
  wire_await_unread (nopoll_conn_socket (scene->conn), (int) (scene->size - bytes));
}

/* The frames a, b, c, d in one segment; the handler of the first stops the wait. */
static void leave_three (struct scene *scene)
{
  begin (scene);
  add (scene, 0x81, "a");
  add (scene, 0x81, "b");
  add (scene, 0x81, "c");
  add (scene, 0x81, "d");
  scene->run.stop_at = 1;
  send_but (scene, 0);
  CHECK_INT (nopoll_loop_wait (scene->server.ctx, 0), 0);
  CHECK_STR (scene->run.text, "a");
  CHECK_INT (nopoll_conn_read_pending (scene->conn), 3);
}

static void expect_msg (noPollConn *conn, const char *text)
{
  noPollMsg *msg = nopoll_conn_get_msg (conn);

  CHECK (msg != NULL);
  CHECK_INT (errno, 0);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), text);
  nopoll_msg_unref (msg);
}

TEST (the_next_wait_serves_what_a_stop_left)
{
  struct scene scene;

  leave_three (&scene);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1), -3);
  CHECK_STR (scene.run.text, "abcd");
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  finish (&scene);
}

TEST (get_msg_serves_what_a_stop_left)
{
  struct scene scene;

  leave_three (&scene);
  wire_send_frame (scene.peer, 0x81, 1, "e", 1);
  wire_await_unread (nopoll_conn_socket (scene.conn), 7);
  expect_msg (scene.conn, "b");
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 2);
  expect_msg (scene.conn, "c");
  expect_msg (scene.conn, "d");
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  CHECK_INT (wire_unread (nopoll_conn_socket (scene.conn)), 7);
  expect_msg (scene.conn, "e");
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (scene.run.messages, 1);
  finish (&scene);
}

TEST (read_serves_what_a_stop_left)
{
  struct scene scene;
  char buffer[8];

  leave_three (&scene);
  CHECK_INT (nopoll_conn_read (scene.conn, buffer, 3, nopoll_true, 1000), 3);
  CHECK_MEM (buffer, 3, "bcd", 3);
  CHECK_INT (nopoll_conn_read (scene.conn, buffer, 3, nopoll_false, 0), -1);
  finish (&scene);
}

/* Half with one wait, half with direct calls, then a wait again. */
TEST (waits_and_direct_calls_take_turns)
{
  struct scene scene;

  leave_three (&scene);
  expect_msg (scene.conn, "b");
  scene.run.stop_at = 2;
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  CHECK_STR (scene.run.text, "ac");
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 1);
  expect_msg (scene.conn, "d");
  wire_send_frame (scene.peer, 0x81, 1, "e", 1);
  LOOP_UNTIL (scene.server.ctx, scene.run.messages == 3);
  CHECK_STR (scene.run.text, "ace");
  finish (&scene);
}

TEST (an_incomplete_frame_counts_nothing)
{
  struct scene scene;

  begin (&scene);
  add (&scene, 0x81, "a");
  add (&scene, 0x81, "bb");
  scene.run.stop_at = 1;
  send_but (&scene, 1);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  wire_send (scene.peer, scene.bytes + scene.size - 1, 1);
  wire_await_unread (nopoll_conn_socket (scene.conn), 1);
  expect_msg (scene.conn, "bb");
  finish (&scene);
}

/* Pings up to the next message are still answered; what stands behind it waits. */
TEST (control_frames_before_the_next_message_are_dealt_with)
{
  struct scene scene;

  begin (&scene);
  add (&scene, 0x81, "a");
  add (&scene, 0x89, "1");
  add (&scene, 0x8a, "");
  add (&scene, 0x89, "2");
  add (&scene, 0x81, "b");
  add (&scene, 0x89, "3");
  scene.run.stop_at = 1;
  send_but (&scene, 0);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  wire_expect_frame (scene.peer, 0x8a, 0, "1", 1);
  wire_expect_frame (scene.peer, 0x8a, 0, "2", 1);
  CHECK (wire_is_quiet (scene.peer));
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 2);
  expect_msg (scene.conn, "b");
  CHECK (wire_is_quiet (scene.peer));
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  wire_expect_frame (scene.peer, 0x8a, 0, "3", 1);
  finish (&scene);
}

/* A close frame behind messages that were not asked for yet is not acted on. */
TEST (a_close_frame_waits_for_its_turn)
{
  struct scene scene;

  begin (&scene);
  add (&scene, 0x81, "a");
  add (&scene, 0x81, "b");
  add (&scene, 0x88, "\x03\xe9");
  scene.run.stop_at = 1;
  send_but (&scene, 0);
  wire_end (scene.peer);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  CHECK_INT (scene.run.closed, 0);
  CHECK (nopoll_conn_is_ok (scene.conn));
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 2);
  nopoll_conn_ref (scene.conn);
  expect_msg (scene.conn, "b");
  CHECK_INT (scene.run.closed, 0);
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  CHECK_INT (scene.run.closed, 1);
  CHECK_INT (nopoll_conn_get_close_status (scene.conn), 1001);
  wire_expect_frame (scene.peer, 0x88, 0, "\x03\xe9", 2);
  nopoll_conn_unref (scene.conn);
  finish (&scene);
}

TEST (a_local_end_discards_what_a_stop_left)
{
  struct scene scene;

  leave_three (&scene);
  nopoll_conn_ref (scene.conn);
  nopoll_conn_shutdown (scene.conn);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1), -3);
  CHECK_STR (scene.run.text, "a");
  nopoll_conn_unref (scene.conn);
  finish (&scene);
}

/* … but not what nopoll_conn_read has taken and not handed out yet. */
TEST (a_local_end_keeps_the_leftover_of_read)
{
  struct scene scene;
  char buffer[8];

  begin (&scene);
  add (&scene, 0x81, "a");
  add (&scene, 0x81, "bbbb");
  add (&scene, 0x81, "c");
  scene.run.stop_at = 1;
  send_but (&scene, 0);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  CHECK_INT (nopoll_conn_read (scene.conn, buffer, 1, nopoll_false, 0), 1);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 4);
  nopoll_conn_ref (scene.conn);
  nopoll_conn_close (scene.conn);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 3);
  CHECK_INT (nopoll_conn_read (scene.conn, buffer, 8, nopoll_false, 0), 3);
  CHECK_MEM (buffer, 3, "bbb", 3);
  CHECK_INT (nopoll_conn_read (scene.conn, buffer, 8, nopoll_false, 0), -1);
  nopoll_conn_unref (scene.conn);
  finish (&scene);
}

TEST (another_socket_discards_what_a_stop_left)
{
  struct scene scene;
  int fds[2], old;

  leave_three (&scene);
  old = nopoll_conn_socket (scene.conn);
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  nopoll_conn_set_sock_block (fds[0], nopoll_false);
  nopoll_conn_set_socket (scene.conn, fds[0]);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  CHECK (nopoll_conn_get_msg (scene.conn) == NULL);
  wire_send_frame (fds[1], 0x81, 1, "new", 3);
  wire_await_unread (fds[0], 9);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1), -3);
  CHECK_STR (scene.run.text, "anew");
  close (old);
  close (fds[1]);
  finish (&scene);
}

/* Raw receives: bytes of an unfinished frame come first; none while messages wait. */
TEST (a_raw_receive_continues_behind_what_was_read_ahead)
{
  struct scene scene;
  char buffer[32];

  leave_three (&scene);
  errno = 0;
  CHECK_INT (nopoll_conn_default_receive (scene.conn, buffer, sizeof buffer), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1), -3);
  wire_send (scene.peer, "raw", 3);
  wire_await_unread (nopoll_conn_socket (scene.conn), 3);
  CHECK_INT (nopoll_conn_default_receive (scene.conn, buffer, sizeof buffer), 3);
  CHECK_MEM (buffer, 3, "raw", 3);
  finish (&scene);
}

TEST (without_read_ahead_the_rest_stays_in_the_kernel)
{
  struct scene scene;

  begin (&scene);
  nopoll_ctx_set_read_ahead (scene.server.ctx, nopoll_false);
  add (&scene, 0x81, "a");
  add (&scene, 0x81, "b");
  add (&scene, 0x81, "c");
  scene.run.stop_at = 1;
  send_but (&scene, 0);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 0), 0);
  CHECK_STR (scene.run.text, "a");
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  CHECK_INT (wire_unread (nopoll_conn_socket (scene.conn)), 14);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 10000), -3);
  CHECK_STR (scene.run.text, "abc");
  finish (&scene);
}

/* Direct calls take one frame each: whoever polls the descriptor sees that there is more. */
TEST (direct_calls_take_no_byte_of_the_next_frame)
{
  struct scene scene;
  noPollConn *conn;
  int peer;

  begin (&scene);
  conn = wire_accepted (scene.server.ctx, scene.server.listener, &peer, 0);
  wire_send (peer, "\x81\x81\x01\x02\x03\x04" "`" "\x81\x81\x01\x02\x03\x04" "c", 14);
  wire_await_unread (nopoll_conn_socket (conn), 14);
  expect_msg (conn, "a");
  CHECK_INT (wire_unread (nopoll_conn_socket (conn)), 7);
  CHECK_INT (nopoll_conn_read_pending (conn), 0);
  expect_msg (conn, "b");
  close (peer);
  finish (&scene);
}

/* The deadline passes in the first handler: everything read ahead is dispatched all the same. */
TEST (a_timeout_leaves_nothing_behind)
{
  struct scene scene;
  int i;

  begin (&scene);
  for (i = 0; i < 20; i++)
    add (&scene, 0x81, "a");
  scene.run.pause_us = 2000;
  send_but (&scene, 0);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1000), -3);
  CHECK_INT (scene.run.messages, 20);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  finish (&scene);
}

/* The same when the peer reads nothing, so that the loop has stopped reading from it. */
TEST (a_timeout_leaves_nothing_behind_a_full_backlog)
{
  struct scene scene;
  int i;

  begin (&scene);
  nopoll_conn_set_sock_block (nopoll_conn_socket (scene.conn), nopoll_true);
  wire_shrink (nopoll_conn_socket (scene.conn), scene.peer);
  for (i = 0; i < 4; i++)
    add (&scene, 0x81, "a");
  scene.run.fill = 2 * 1024 * 1024;
  send_but (&scene, 0);
  CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1000), -3);
  CHECK_INT (scene.run.messages, 4);
  CHECK_INT (nopoll_conn_read_pending (scene.conn), 0);
  close (scene.peer);
  scene.peer = -1;
  LOOP_UNTIL (scene.server.ctx, scene.run.closed == 1);
  finish (&scene);
}

/* The peer sends and ends while the loop has stopped reading from it: both are noticed once it has
 * read its replies. The event came long before. */
TEST (the_end_of_a_stream_is_noticed_after_a_pause)
{
  enum { SIZE = 2 * 1024 * 1024 };
  struct scene scene;
  struct loop_thread loop;
  unsigned char *reply = (unsigned char *) malloc (SIZE);
  int some = 65536, i, first, masked;

  begin (&scene);
  nopoll_conn_set_sock_block (nopoll_conn_socket (scene.conn), nopoll_true);
  setsockopt (nopoll_conn_socket (scene.conn), SOL_SOCKET, SO_SNDBUF, &some, sizeof some);
  scene.run.fill = SIZE;
  add (&scene, 0x81, "a");
  send_but (&scene, 0);
  LOOP_UNTIL (scene.server.ctx, scene.run.messages == 1);
  scene.run.fill = 0;
  send_but (&scene, 0);
  wire_end (scene.peer);
  for (i = 0; i < 5; i++)
    CHECK_INT (nopoll_loop_wait (scene.server.ctx, 1000), -3);
  CHECK_INT (scene.run.messages, 1);
  CHECK_INT (scene.run.closed, 0);
  loop_thread_start (&loop, scene.server.ctx);
  CHECK_INT (wire_receive_frame (scene.peer, &first, &masked, reply, SIZE), SIZE);
  WAIT_UNTIL (scene.run.messages == 2);
  WAIT_UNTIL (scene.run.closed == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  free (reply);
  finish (&scene);
}

TESTS (CASE (the_next_wait_serves_what_a_stop_left), CASE (get_msg_serves_what_a_stop_left),
       CASE (read_serves_what_a_stop_left), CASE (waits_and_direct_calls_take_turns),
       CASE (an_incomplete_frame_counts_nothing),
       CASE (control_frames_before_the_next_message_are_dealt_with),
       CASE (a_close_frame_waits_for_its_turn), CASE (a_local_end_discards_what_a_stop_left),
       CASE (a_local_end_keeps_the_leftover_of_read),
       CASE (another_socket_discards_what_a_stop_left),
       CASE (a_raw_receive_continues_behind_what_was_read_ahead),
       CASE (without_read_ahead_the_rest_stays_in_the_kernel),
       CASE (direct_calls_take_no_byte_of_the_next_frame), CASE (a_timeout_leaves_nothing_behind),
       CASE (a_timeout_leaves_nothing_behind_a_full_backlog),
       CASE (the_end_of_a_stream_is_noticed_after_a_pause))
