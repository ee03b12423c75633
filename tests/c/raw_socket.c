/* Beside the protocol: raw bytes on a connection's socket, another socket in its place, and aids
 * for tests. */
#include <nopoll.h>
#include <nopoll_private.h>

#include <pthread.h>

#include "support/limit.h"

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ++*(int *) data;
}

TEST (raw_bytes_go_past_the_protocol)
{
  struct wire_pair pair;
  char buffer[16];
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    CHECK_INT (nopoll_conn_default_send (pair.conn, (char *) "raw", 3), 3);
    wire_receive (pair.peer, buffer, 3);
    CHECK_MEM (buffer, 3, "raw", 3);
    CHECK_INT (nopoll_conn_default_receive (pair.conn, buffer, 16), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    wire_send (pair.peer, "bytes", 5);
    wire_await_unread (nopoll_conn_socket (pair.conn), 5);
    CHECK_INT (nopoll_conn_default_receive (pair.conn, buffer, 2), 2);
    CHECK_MEM (buffer, 2, "by", 2);
    CHECK_INT (nopoll_conn_default_receive (pair.conn, buffer, 16), 3);
    /* Frames go on as before. */
    wire_put (&pair, 0x81, "frame", 5);
    wire_expect_msg (pair.conn, 1, 1, 0, "frame", 5);
    /* The end of the stream is for the reader to see. */
    wire_end (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    CHECK_INT (nopoll_conn_default_receive (pair.conn, buffer, 16), 0);
    CHECK (nopoll_conn_is_ok (pair.conn));
    nopoll_conn_shutdown (pair.conn);
    CHECK_INT (nopoll_conn_default_receive (pair.conn, buffer, 16), -1);
    CHECK_INT (errno, EBADF);
    CHECK_INT (nopoll_conn_default_send (pair.conn, buffer, 1), -1);
    CHECK_INT (errno, EBADF);
    wire_close (&pair);
  }
  CHECK_INT (nopoll_conn_default_receive (NULL, buffer, 16), -1);
  CHECK_INT (errno, EINVAL);
  CHECK_INT (nopoll_conn_default_send (NULL, buffer, 16), -1);
  CHECK_INT (errno, EINVAL);
}

TEST (raw_bytes_never_get_into_a_frame)
{
  struct wire_pair pair;

  limit_off ();
  wire_open_local (&pair, NULL, 1);
  limit_to (pair.conn, 4);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 2);
  CHECK_INT (nopoll_conn_default_send (pair.conn, (char *) "raw", 3), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  limit_off ();
  CHECK_INT (nopoll_conn_default_send (pair.conn, (char *) "raw", 3), 3);
  /* The attempt has pushed the frame out: that is still to be collected. */
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 8);
  wire_expect (&pair, 0x81, "0123456789", 10);
  {
    char raw[3];

    wire_receive (pair.peer, raw, 3);
    CHECK_MEM (raw, 3, "raw", 3);
  }
  wire_close (&pair);
}

TEST (another_socket_takes_the_place_of_the_old_one)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    int fds[2], old, seen = 0;

    wire_open (&pair, NULL, server);
    old = nopoll_conn_socket (pair.conn);
    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    nopoll_conn_set_sock_block (fds[0], nopoll_false);
    nopoll_conn_set_socket (pair.conn, fds[0]);
    CHECK_INT (nopoll_conn_socket (pair.conn), fds[0]);
    CHECK (wire_is_quiet (pair.peer));
    close (old);
    close (pair.peer);
    pair.peer = fds[1];
    wire_put (&pair, 0x81, "over here", 9);
    wire_expect_msg (pair.conn, 1, 1, 0, "over here", 9);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "here, too", 9), 9);
    wire_expect (&pair, 0x81, "here, too", 9);
    nopoll_conn_set_on_msg (pair.conn, on_msg, &seen);
    wire_put (&pair, 0x81, "loop", 4);
    LOOP_UNTIL (pair.ctx, seen == 1);
    /* Taken out and put back. */
    nopoll_conn_set_socket (pair.conn, -1);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_send_text (pair.conn, "nowhere", 7), -1);
    nopoll_conn_set_socket (pair.conn, fds[0]);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "again", 5), 5);
    wire_expect (&pair, 0x81, "again", 5);
    wire_put (&pair, 0x81, "loop", 4);
    LOOP_UNTIL (pair.ctx, seen == 2);
    wire_close (&pair);
  }
}

struct sender {
  noPollConn *conn;
  int result;
};

static void *send_text (void *data)
{
  struct sender *sender = (struct sender *) data;

  sender->result = nopoll_conn_send_text (sender->conn, "0123456789", 10);
  return NULL;
}

TEST (the_private_header_can_stop_a_frame_after_some_bytes)
{
  struct wire_pair pair;
  struct sender sender;
  pthread_t thread;

  limit_off ();
  wire_open (&pair, NULL, 1);
  /* More than the frame has changes nothing. */
  pair.conn->__force_stop_after_header = 100;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 10);
  wire_expect (&pair, 0x81, "0123456789", 10);
  pair.conn->__force_stop_after_header = 3;
  sender.conn = pair.conn;
  pthread_create (&thread, NULL, send_text, &sender);
  wire_wait_readable (pair.peer);
  CHECK_INT (wire_unread (pair.peer), 3);
  wire_expect (&pair, 0x81, "0123456789", 10);
  pthread_join (thread, NULL);
  CHECK_INT (sender.result, 10);
  pair.conn->__force_stop_after_header = 0;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 10);
  wire_expect (&pair, 0x81, "0123456789", 10);
  wire_close (&pair);
}

TEST (content_is_masked_from_any_offset_and_unmasked_again)
{
  static const char key[4] = { 0x11, 0x22, 0x44, (char) 0x88 };
  char mask[4], text[40], plain[40];
  int offset, size, i;

  memcpy (mask, key, 4);
  for (i = 0; i < 40; i++)
    plain[i] = (char) (i * 9);
  for (offset = -9; offset < 10; offset++)
    for (size = 0; size <= 40; size++) {
      memcpy (text, plain, 40);
      nopoll_conn_mask_content (NULL, text, size, mask, offset);
      for (i = 0; i < 40; i++)
        CHECK_INT (text[i], i < size ? (char) (plain[i] ^ key[((i + offset) % 4 + 4) % 4]) : plain[i]);
      nopoll_conn_mask_content (NULL, text, size, mask, offset);
      CHECK_MEM (text, 40, plain, 40);
    }
  nopoll_conn_mask_content (NULL, text, -1, mask, 0);
  nopoll_conn_mask_content (NULL, NULL, 5, mask, 0);
  nopoll_conn_mask_content (NULL, text, 5, NULL, 0);
  CHECK_MEM (text, 40, plain, 40);
}

/* Q42 */
TEST (an_answer_that_the_kernel_takes_in_parts_is_finished)
{
  int first;

  for (first = 0; first < 140; first += 9) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConn *listener = wire_listener (ctx), *conn;
    char head[1024];
    int peer;

    limit_off ();
    peer = wire_connect (LISTENER_PORT (listener));
    wire_send_request (peer, "/", NULL);
    conn = nopoll_conn_accept (ctx, listener);
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
    limit_to (conn, first);
    WAIT_UNTIL (nopoll_conn_is_ready (conn));
    /* A frame doesn't overtake it. */
    limit_left = 0;
    CHECK_INT (nopoll_conn_send_text (conn, "greeting", 8), first > 128 ? -2 : -1);
    limit_off ();
    CHECK (nopoll_conn_get_msg (conn) == NULL);
    nopoll_conn_flush_writes (conn, 1000, 0);
    wire_receive_head (peer, head, sizeof head);
    CHECK_MEM (head, 12, "HTTP/1.1 101", 12);
    if (first > 128)
      wire_expect_frame (peer, 0x81, 0, "greeting", 8);
    CHECK (wire_is_quiet (peer));
    nopoll_conn_close (conn);
    nopoll_conn_close (listener);
    nopoll_ctx_unref (ctx);
    close (peer);
  }
}

static int leaks;

static void look_for_secrets (noPollCtx *ctx, noPollDebugLevel level, const char *text,
                              noPollPtr data)
{
  if (strstr (text, "secret") != NULL)
    leaks++;
}

/* Q59 */
TEST (no_level_of_logging_shows_cookies_or_other_headers)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener = wire_listener (ctx), *client;
  int seen = 0;

  limit_off ();
  leaks = 0;
  nopoll_log_set_handler (ctx, look_for_secrets, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, &seen);
  nopoll_conn_opts_set_cookie (opts, "session=secret");
  nopoll_conn_opts_set_extra_headers (opts, "\r\nAuthorization: Bearer secret");
  client = nopoll_conn_new_opts (ctx, opts, "127.0.0.1",
                                 wire_port_text (nopoll_conn_socket (listener)), NULL, "/?secret",
                                 NULL, NULL);
  LOOP_UNTIL (ctx, nopoll_conn_is_ready (client));
  nopoll_conn_send_text (client, "secret", -1);
  LOOP_UNTIL (ctx, seen == 1);
  nopoll_conn_close_ext (client, 1000, "secret", 6);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  CHECK_INT (leaks, 0);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (raw_bytes_go_past_the_protocol),
       CASE (raw_bytes_never_get_into_a_frame),
       CASE (another_socket_takes_the_place_of_the_old_one),
       CASE (the_private_header_can_stop_a_frame_after_some_bytes),
       CASE (content_is_masked_from_any_offset_and_unmasked_again),
       CASE (an_answer_that_the_kernel_takes_in_parts_is_finished),
       CASE (no_level_of_logging_shows_cookies_or_other_headers))
