/* The library against itself and against raw bytes: one message there and back. */
#include <nopoll.h>

#include "support/wire.h"

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx;
  (void) data;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

static void keep (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  nopoll_msg_ref (msg);
  *(noPollMsg **) data = msg;
}

TEST (a_message_goes_there_and_back)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollMsg *answer = NULL;
  noPollConn *client;

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  client = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (nopoll_conn_socket (listener)), NULL,
                            NULL, NULL, NULL);
  nopoll_conn_set_on_msg (client, keep, &answer);
  LOOP_UNTIL (ctx, nopoll_conn_is_ready (client));
  CHECK_INT (nopoll_conn_send_text (client, "hello", 5), 5);
  LOOP_UNTIL (ctx, answer != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (answer), "hello");
  CHECK_INT (nopoll_msg_is_final (answer), nopoll_true);
  nopoll_msg_unref (answer);
  nopoll_conn_close (client);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (raw_bytes_are_echoed)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollConn *conn;
  noPollMsg *msg;
  int peer;

  conn = wire_accepted (ctx, listener, &peer, 1);
  wire_send_frame (peer, 0x81, 1, "raw", 3);
  msg = nopoll_conn_get_msg (conn);
  CHECK (msg != NULL);
  echo (ctx, conn, msg, NULL);
  nopoll_msg_unref (msg);
  wire_expect_frame (peer, 0x81, 0, "raw", 3);
  nopoll_conn_close (conn);
  wire_expect_frame (peer, 0x88, 0, "", 0);
  wire_expect_end (peer);
  close (peer);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_message_goes_there_and_back), CASE (raw_bytes_are_echoed))
