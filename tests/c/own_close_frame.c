/* A program that sends the close frame itself, to go on receiving until the peer answers it. */
#include <nopoll.h>

#include "support/wire.h"

static void send_close (noPollConn *conn, nopoll_bool masked)
{
  char status[2];

  nopoll_set_16bit (1000, status);
  CHECK_INT (nopoll_conn_send_frame (conn, nopoll_true, masked, NOPOLL_CLOSE_FRAME, 2, status, 0),
             2);
}

/* What the peer still had to say is delivered, its close frame not answered a second time. */
static void finish (noPollConn *conn, int peer, int peer_masks)
{
  noPollMsg *msg;

  wire_expect_frame (peer, 0x88, !peer_masks, "\x03\xe8", 2);
  wire_send_frame (peer, 0x81, peer_masks, "last words", 10);
  wire_send_frame (peer, 0x88, peer_masks, "\x03\xe8", 2);
  wire_wait_readable (nopoll_conn_socket (conn));
  while ((msg = nopoll_conn_get_msg (conn)) == NULL)
    CHECK (nopoll_conn_is_ok (conn));
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "last words");
  nopoll_msg_unref (msg);
  WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
  CHECK_INT (nopoll_conn_get_close_status (conn), 1000);
  wire_expect_end (peer);
  close (peer);
}

TEST (a_client_ends_the_conversation_with_a_frame_of_its_own)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  send_close (conn, nopoll_true);
  finish (conn, peer, 0);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
}

TEST (a_server_ends_the_conversation_with_a_frame_of_its_own)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 0);

  send_close (conn, nopoll_false);
  finish (conn, peer, 1);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (closing_after_it_sends_no_second_frame)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  send_close (conn, nopoll_true);
  nopoll_conn_close (conn);
  wire_expect_frame (peer, 0x88, 1, "\x03\xe8", 2);
  wire_expect_end (peer);
  close (peer);
  nopoll_ctx_unref (ctx);
}

static void tell_everybody (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  *(int *) data = nopoll_conn_send_text (conn, "somebody has left", 17);
}

TEST (nothing_follows_the_close_frame)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer, sent = 0, round;

  for (round = 0; round < 2; round++) {
    noPollConn *conn = wire_accepted (ctx, listener, &peer, 0);

    nopoll_conn_set_on_close (conn, tell_everybody, &sent);
    sent = 0;
    if (round == 0) {
      nopoll_conn_close_ext (conn, 1000, NULL, 0);
    } else {
      wire_send_frame (peer, 0x88, 1, "\x03\xe8", 2);
      wire_wait_readable (nopoll_conn_socket (conn));
      CHECK (nopoll_conn_get_msg (conn) == NULL);
      nopoll_conn_close (conn);
    }
    CHECK_INT (sent, 17);
    wire_expect_frame (peer, 0x88, 0, "\x03\xe8", 2);
    wire_expect_end (peer);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (nothing_follows_the_close_frame),
       CASE (a_client_ends_the_conversation_with_a_frame_of_its_own),
       CASE (a_server_ends_the_conversation_with_a_frame_of_its_own),
       CASE (closing_after_it_sends_no_second_frame))
