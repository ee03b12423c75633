/* Nothing follows a close frame, also where older frames are still on their way. */
#include <nopoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "support/wire.h"

static char large[200000];

static void send_large (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  check_enter_handler ();
  CHECK_INT (nopoll_conn_send_binary (conn, large, sizeof large), sizeof large);
  check_leave_handler ();
}

/* A server whose handler has filled the socket, and a ping that came behind the message. */
static void open_pinged (struct wire_pair *pair)
{
  wire_open_local (pair, NULL, 1);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair->conn), nopoll_true);
  nopoll_conn_set_on_msg (pair->conn, send_large, NULL);
  wire_put (pair, 0x81, "go", 2);
  wire_put (pair, 0x89, "ping", 4);
}

/* Runs the loop and reads until the library has closed; the last bytes are these. */
static void expect_tail (struct wire_pair *pair, const char *tail, int size)
{
  static char stream[sizeof large + 100];
  long got = 0;
  ssize_t n = -1;

  while (n != 0) {
    nopoll_loop_wait (pair->ctx, 1000);
    n = recv (pair->peer, stream + got, sizeof stream - got, MSG_DONTWAIT);
    got += n > 0 ? n : 0;
  }
  CHECK_INT (got, 10 + sizeof large + size);
  CHECK_MEM (stream + got - size, size, tail, size);
}

TEST (a_pong_that_had_to_wait_goes_out_before_the_answer_to_a_close_frame)
{
  struct wire_pair pair;

  open_pinged (&pair);
  wire_put (&pair, 0x88, "\x03\xe8", 2);
  expect_tail (&pair, "\x8a\x04ping\x88\x02\x03\xe8", 10);
  wire_close (&pair);
}

static void send_close (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  check_enter_handler ();
  if (nopoll_msg_get_payload_size (msg) == 2)
    send_large (ctx, conn, msg, data);
  else
    CHECK_INT (nopoll_conn_send_frame (conn, 1, 0, NOPOLL_CLOSE_FRAME, 2, "\x03\xe8", 0), 2);
  check_leave_handler ();
}

TEST (a_pong_that_had_to_wait_goes_out_before_the_programs_close_frame)
{
  struct wire_pair pair;

  open_pinged (&pair);
  nopoll_conn_set_on_msg (pair.conn, send_close, NULL);
  wire_put (&pair, 0x81, "enough", 6);
  wire_put (&pair, 0x88, "\x03\xe8", 2);
  expect_tail (&pair, "\x8a\x04ping\x88\x02\x03\xe8", 10);
  wire_close (&pair);
}

TESTS (
  CASE (a_pong_that_had_to_wait_goes_out_before_the_answer_to_a_close_frame),
  CASE (a_pong_that_had_to_wait_goes_out_before_the_programs_close_frame),
)
