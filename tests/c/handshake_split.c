/* The opening handshake, cut at every byte: read by direct calls, and by the loop. */
#include <nopoll.h>

#include "support/wire.h"

/* Behind the blank line: a frame that belongs to nobody but the next read. */
#define BEHIND "behind"

static const char request[] =
  "GET /chat?room=1 HTTP/1.1\r\nHost: server.example:8080\r\nUpgrade: websocket\r\n"
  "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
  "Sec-WebSocket-Version: 13\r\nOrigin: http://server.example\r\n\r\n";

static const char answer[] =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct counts {
  int open, ready, closed, messages;
  char text[64];
};

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->open++;
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->ready++;
  return nopoll_true;
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->closed++;
}

static nopoll_bool watch_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_set_on_close (conn, on_close, data);
  return nopoll_true;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct counts *counts = (struct counts *) data;

  counts->messages++;
  snprintf (counts->text, sizeof counts->text, "%s",
            (const char *) nopoll_msg_get_payload (msg));
}

static noPollCtx *counting (struct counts *counts)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (counts, 0, sizeof *counts);
  nopoll_ctx_set_on_accept (ctx, watch_close, counts);
  nopoll_ctx_set_on_open (ctx, on_open, counts);
  nopoll_ctx_set_on_ready (ctx, on_ready, counts);
  nopoll_ctx_set_on_msg (ctx, on_msg, counts);
  return ctx;
}

/* Has the library take what has been sent to it so far: size bytes in all. */
static void take (noPollCtx *ctx, noPollConn *conn, int size, int by_loop)
{
  int fd = nopoll_conn_socket (conn);

  wire_await_unread (fd, size);
  if (by_loop)
    LOOP_UNTIL (ctx, !nopoll_conn_is_ok (conn) || wire_unread (fd) == 0);
  else
    nopoll_conn_is_ready (conn);
}

/* The handshake is over, and the frame behind it is untouched, or delivered by the loop. */
static void check_behind (noPollCtx *ctx, noPollConn *conn, int frame, int by_loop,
                          struct counts *counts)
{
  if (by_loop) {
    LOOP_UNTIL (ctx, counts->messages == 1);
    CHECK_STR (counts->text, BEHIND);
  } else {
    noPollMsg *msg;

    CHECK_INT (nopoll_conn_is_ready (conn), 1);
    CHECK_INT (wire_unread (nopoll_conn_socket (conn)), frame);
    msg = nopoll_conn_get_msg (conn);
    CHECK (msg != NULL);
    CHECK_STR ((const char *) nopoll_msg_get_payload (msg), BEHIND);
    nopoll_msg_unref (msg);
  }
  CHECK_INT (counts->ready, 1);
}

/* The first `cut` bytes, then the rest with a frame behind it. */
static void cut_request (int cut, int by_loop)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  int peer = wire_connect (LISTENER_PORT (listener));
  noPollConn *conn = nopoll_conn_accept (ctx, listener);
  unsigned char rest[sizeof request + 64];
  char got[sizeof answer];
  int left = (int) sizeof request - 1 - cut;
  int frame;

  CHECK (conn != NULL);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  if (cut > 0) {
    wire_send (peer, request, cut);
    take (ctx, conn, cut, by_loop);
    CHECK_INT (wire_unread (nopoll_conn_socket (conn)), 0);
  }
  CHECK_INT (counts.open, 0);
  CHECK (wire_is_quiet (peer));
  memcpy (rest, request + cut, (size_t) left);
  frame = (int) wire_frame (rest + left, 0x81, 1, BEHIND, sizeof BEHIND - 1);
  wire_send (peer, rest, left + frame);
  take (ctx, conn, left + frame, by_loop);
  check_behind (ctx, conn, frame, by_loop, &counts);
  CHECK_INT (counts.open, 1);
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/chat?room=1");
  CHECK_STR (nopoll_conn_get_host_header (conn), "server.example:8080");
  CHECK_STR (nopoll_conn_get_origin (conn), "http://server.example");
  wire_receive (peer, got, sizeof answer - 1);
  CHECK_MEM (got, sizeof answer - 1, answer, sizeof answer - 1);
  CHECK (wire_is_quiet (peer));
  nopoll_conn_close (conn);
  CHECK_INT (counts.closed, 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* The answer to the request that is waiting at fd. */
static int make_answer (int fd, char *text)
{
  char head[1024], *key, accept[32];

  wire_receive_head (fd, head, sizeof head);
  key = strstr (head, "Sec-WebSocket-Key: ");
  CHECK (key != NULL);
  key += strlen ("Sec-WebSocket-Key: ");
  key[24] = 0;
  wire_accept_key (key, accept);
  return sprintf (text,
                  "HTTP/1.1 101 Whatever\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
                  "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
                  accept);
}

static void cut_response (int listening, int cut_at, int by_loop, int *size)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);
  int peer = wire_accept (listening);
  char text[1024];
  int frame, cut;

  *size = make_answer (peer, text);
  cut = cut_at < 0 ? *size : cut_at;
  frame = (int) wire_frame ((unsigned char *) text + *size, 0x81, 0, BEHIND, sizeof BEHIND - 1);
  if (cut > 0) {
    wire_send (peer, text, cut);
    take (ctx, conn, cut, by_loop);
    CHECK_INT (wire_unread (nopoll_conn_socket (conn)), 0);
  }
  CHECK_INT (counts.ready, cut == *size);
  wire_send (peer, text + cut, *size + frame - cut);
  take (ctx, conn, *size + frame - cut, by_loop);
  check_behind (ctx, conn, frame, by_loop, &counts);
  CHECK_STR (nopoll_conn_get_accepted_protocol (conn), "chat");
  CHECK (wire_is_quiet (peer));
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static void cut_every_request (int by_loop)
{
  int cut;

  for (cut = 0; cut < (int) sizeof request - 1; cut++)
    cut_request (cut, by_loop);
}

static void cut_every_response (int by_loop)
{
  int listening = wire_listen ();
  int cut, size = 1;

  for (cut = 0; cut <= size; cut++)
    cut_response (listening, cut, by_loop, &size);
  close (listening);
}

TEST (direct_calls_take_a_request_cut_at_any_byte_and_nothing_behind_it) { cut_every_request (0); }

TEST (the_loop_takes_a_request_cut_at_any_byte) { cut_every_request (1); }

TEST (direct_calls_take_a_response_cut_at_any_byte_and_nothing_behind_it)
{
  cut_every_response (0);
}

TEST (the_loop_takes_a_response_cut_at_any_byte) { cut_every_response (1); }

static void request_byte_by_byte (int by_loop)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  int peer = wire_connect (LISTENER_PORT (listener));
  noPollConn *conn = nopoll_conn_accept (ctx, listener);
  int i;

  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  for (i = 0; i < (int) sizeof request - 1; i++) {
    CHECK_INT (counts.ready, 0);
    wire_send (peer, request + i, 1);
    take (ctx, conn, 1, by_loop);
  }
  CHECK_INT (counts.ready, 1);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (a_request_may_come_byte_by_byte)
{
  request_byte_by_byte (0);
  request_byte_by_byte (1);
}

static void response_byte_by_byte (int by_loop)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);
  int peer = wire_accept (listening);
  char text[1024];
  int size = make_answer (peer, text);
  int i;

  for (i = 0; i < size; i++) {
    CHECK_INT (counts.ready, 0);
    wire_send (peer, text + i, 1);
    take (ctx, conn, 1, by_loop);
  }
  CHECK_INT (counts.ready, 1);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
  close (listening);
}

TEST (a_response_may_come_byte_by_byte)
{
  response_byte_by_byte (0);
  response_byte_by_byte (1);
}

/* A request that stops at `cut` and ends. */
static void end_request (int cut, int by_loop)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  int peer = wire_connect (LISTENER_PORT (listener));
  noPollConn *conn = nopoll_conn_accept (ctx, listener);
  int fd = nopoll_conn_socket (conn);

  nopoll_conn_ref (conn);
  nopoll_conn_set_sock_block (fd, nopoll_false);
  wire_send (peer, request, cut);
  wire_end (peer);
  if (by_loop) {
    LOOP_UNTIL (ctx, !nopoll_conn_is_ok (conn));
  } else {
    WAIT_UNTIL (!nopoll_conn_is_ready (conn) && !nopoll_conn_is_ok (conn));
  }
  CHECK_INT (counts.closed, 1);
  CHECK_INT (counts.open, 0);
  CHECK_INT (counts.ready, 0);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  CHECK_INT (nopoll_conn_get_close_status (conn), 1006);
  wire_expect_end (peer);
  nopoll_conn_close (conn);
  CHECK_INT (counts.closed, 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (a_request_that_ends_early_ends_the_connection)
{
  int cut, step = check_slowness () > 1 ? 7 : 1;

  for (cut = 0; cut < (int) sizeof request - 1; cut += step) {
    end_request (cut, 0);
    end_request (cut, 1);
  }
}

static void end_response (int listening, int cut, int by_loop, int *size)
{
  struct counts counts;
  noPollCtx *ctx = counting (&counts);
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);
  int peer = wire_accept (listening);
  char text[1024];

  nopoll_conn_set_on_close (conn, on_close, &counts);
  *size = make_answer (peer, text);
  wire_send (peer, text, cut);
  wire_end (peer);
  if (by_loop) {
    LOOP_UNTIL (ctx, !nopoll_conn_is_ok (conn));
  } else {
    CHECK_INT (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()), 0);
    CHECK_INT (nopoll_conn_is_ok (conn), 0);
  }
  CHECK_INT (counts.closed, 1);
  CHECK_INT (counts.ready, 0);
  CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_PEER_CLOSED);
  nopoll_conn_close (conn);
  CHECK_INT (counts.closed, 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (a_response_that_ends_early_ends_the_connection)
{
  int listening = wire_listen ();
  int cut, size = 1, step = check_slowness () > 1 ? 7 : 1;

  for (cut = 0; cut < size; cut += step) {
    end_response (listening, cut, 0, &size);
    end_response (listening, cut, 1, &size);
  }
  close (listening);
}

TESTS (CASE (direct_calls_take_a_request_cut_at_any_byte_and_nothing_behind_it),
       CASE (the_loop_takes_a_request_cut_at_any_byte),
       CASE (direct_calls_take_a_response_cut_at_any_byte_and_nothing_behind_it),
       CASE (the_loop_takes_a_response_cut_at_any_byte),
       CASE (a_request_may_come_byte_by_byte),
       CASE (a_response_may_come_byte_by_byte),
       CASE (a_request_that_ends_early_ends_the_connection),
       CASE (a_response_that_ends_early_ends_the_connection))
