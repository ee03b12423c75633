/* nopoll_private.h: what programs find when they look inside, at every moment. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <pthread.h>
#include <stddef.h>

#include "support/wire.h"

/* The members say what the functions say. */
static void is_live (noPollConn *conn)
{
  CHECK_INT (conn->id, nopoll_conn_get_id (conn));
  CHECK (conn->ctx == nopoll_conn_ctx (conn));
  CHECK_INT (conn->session, nopoll_conn_socket (conn));
  CHECK_INT (conn->role, nopoll_conn_role (conn));
  CHECK (conn->host == nopoll_conn_host (conn));
  CHECK (conn->port == nopoll_conn_port (conn));
  CHECK (conn->host_name == nopoll_conn_get_host_header (conn));
  CHECK (conn->origin == nopoll_conn_get_origin (conn));
  CHECK (conn->get_url == nopoll_conn_get_requested_url (conn));
  CHECK (conn->protocols == nopoll_conn_get_requested_protocol (conn));
  CHECK (conn->accepted_protocol == nopoll_conn_get_accepted_protocol (conn));
  CHECK_INT (conn->peer_close_status, nopoll_conn_get_close_status (conn));
  CHECK (conn->peer_close_reason == nopoll_conn_get_close_reason (conn));
  CHECK_INT (conn->refs, nopoll_conn_ref_count (conn));
  CHECK_INT (conn->tls_on, nopoll_conn_is_tls_on (conn));
  CHECK_INT (conn->pending_ssl_accept, 0);
  CHECK (conn->ssl == NULL && conn->ssl_ctx == NULL);
  CHECK_INT (conn->ctx->refs, nopoll_ctx_ref_count (conn->ctx));
  CHECK_INT (conn->ctx->conn_num, nopoll_ctx_conns (conn->ctx));
}

TEST (a_client_shows_its_state)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen (), peer;
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), "host", "/url",
                                      "p1, p2", "http://origin");

  is_live (conn);
  CHECK_INT (conn->handshake_ok, 0);
  CHECK_STR (conn->host, "127.0.0.1");
  CHECK_STR (conn->port, wire_port_text (listening));
  CHECK_STR (conn->host_name, "host");
  CHECK_STR (conn->origin, "http://origin");
  CHECK_STR (conn->get_url, "/url");
  CHECK_STR (conn->protocols, "p1, p2");
  CHECK (conn->accepted_protocol == NULL);
  CHECK_INT (conn->peer_close_status, 1006);
  peer = wire_accept (listening);
  wire_answer_request (peer, "Sec-WebSocket-Protocol: p2\r\n");
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10));
  is_live (conn);
  CHECK_INT (conn->handshake_ok, 1);
  CHECK_STR (conn->accepted_protocol, "p2");
  nopoll_conn_ref (conn);
  is_live (conn);
  wire_send_frame (peer, 0x88, 0, "\x0f\xa0why", 5);
  WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
  is_live (conn);
  CHECK_INT (conn->session, -1);
  CHECK_INT (conn->handshake_ok, 0);
  CHECK_INT (conn->peer_close_status, 4000);
  CHECK_STR (conn->peer_close_reason, "why");
  nopoll_conn_close (conn);
  is_live (conn);
  CHECK_INT (conn->refs, 1);
  CHECK_INT (ctx->conn_num, 0);
  nopoll_conn_unref (conn);
  CHECK_INT (ctx->refs, 1);
  close (peer);
  close (listening);
  nopoll_ctx_unref (ctx);
}

static int asked;

static nopoll_bool in_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  asked++;
  check_enter_handler ();
  is_live (conn);
  CHECK_INT (conn->handshake_ok, 0);
  CHECK_STR (conn->get_url, "/table");
  CHECK_STR (conn->host_name, "test.example");
  CHECK_STR (conn->protocols, "p1");
  CHECK (conn->accepted_protocol == NULL);
  nopoll_conn_set_accepted_protocol (conn, "mine");
  CHECK_STR (conn->accepted_protocol, "mine");
  check_leave_handler ();
  return nopoll_true;
}

static nopoll_bool in_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  asked++;
  check_enter_handler ();
  is_live (conn);
  CHECK_INT (conn->handshake_ok, 1);
  CHECK_INT (conn->refs, 2);   /* the loop's */
  check_leave_handler ();
  return nopoll_true;
}

TEST (listeners_and_accepted_connections_show_theirs)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;

  is_live (listener);
  CHECK_INT (listener->handshake_ok, 0);
  CHECK_STR (listener->host, "127.0.0.1");
  CHECK_STR (listener->port, "0");
  nopoll_ctx_set_on_open (ctx, in_open, NULL);
  nopoll_ctx_set_on_ready (ctx, in_ready, NULL);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/table", "Sec-WebSocket-Protocol: p1\r\n");
  LOOP_UNTIL (ctx, asked == 2);
  is_live (listener);
  CHECK_INT (ctx->conn_num, 2);
  close (peer);
  LOOP_UNTIL (ctx, ctx->conn_num == 1);
  is_live (listener);
  nopoll_conn_close (listener);
  CHECK_INT (ctx->conn_num, 0);
  nopoll_ctx_unref (ctx);
}

/* What a binary finds that was built against noPoll 0.4.9. */
#define AT(object, type, offset) (*(type *) (void *) ((char *) (object) + (offset)))

TEST (members_are_where_binaries_look_for_them)
{
#if defined(__LP64__)
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollMsg *msg;
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  CHECK_INT (AT (conn, int, 0), nopoll_conn_get_id (conn));
  CHECK (AT (conn, noPollCtx *, 8) == ctx);
  CHECK_INT (AT (conn, int, 16), nopoll_conn_socket (conn));
  CHECK_INT (AT (conn, int, 20), 1);
  CHECK_INT (AT (conn, int, 40), NOPOLL_ROLE_CLIENT);
  CHECK_STR (AT (conn, char *, 48), "127.0.0.1");
  CHECK_STR (AT (conn, char *, 56), nopoll_conn_port (conn));
  CHECK_STR (AT (conn, char *, 64), "127.0.0.1");
  CHECK_STR (AT (conn, char *, 72), "http://127.0.0.1");
  CHECK_STR (AT (conn, char *, 80), "/");
  CHECK (AT (conn, char *, 88) == NULL);
  CHECK (AT (conn, char *, 96) == NULL);
  CHECK_INT (AT (conn, int, 104), 1006);
  CHECK (AT (conn, char *, 112) == NULL);
  CHECK_INT (AT (conn, int, 184), 2);
  CHECK_INT (AT (conn, int, 216), 0);
  CHECK_INT (AT (conn, int, 220), 0);
  CHECK (AT (conn, void *, 232) == NULL);
  CHECK (AT (conn, void *, 240) == NULL);
  CHECK_INT (AT (ctx, int, 0), 2);
  CHECK_INT (AT (ctx, int, 68), 1);
  nopoll_conn_opts_set_reuse (opts, 1);
  nopoll_conn_opts_ref (opts);
  CHECK_INT (AT (opts, int, 0), 1);
  CHECK_INT (AT (opts, int, 16), 2);
  nopoll_conn_opts_unref (opts);
  nopoll_conn_opts_unref (opts);
  wire_send_frame (peer, 0x02, 0, "abc", 3);
  msg = wire_next_message (conn);
  CHECK_INT (AT (msg, int, 0), 0);
  CHECK_INT (AT (msg, short, 4), 2);
  CHECK_INT (AT (msg, int, 8), 0);
  CHECK_STR (AT (msg, char *, 16), "abc");
  CHECK_INT (AT (msg, long, 24), 3);
  CHECK_INT (AT (msg, int, 32), 1);
  CHECK_INT (AT (msg, int, 56), 1);
  nopoll_msg_unref (msg);
  wire_send_frame (peer, 0x80, 0, "def", 3);
  msg = wire_next_message (conn);
  CHECK_INT (AT (msg, int, 0), 1);
  CHECK_INT (AT (msg, short, 4), 0);
  CHECK_INT (AT (msg, int, 56), 1);
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_ctx_unref (ctx);
#endif
}

TEST (a_message_shows_its_frame)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 0);
  noPollMsg *msg;

  wire_send_frame (peer, 0x81, 1, "masked", 6);
  msg = wire_next_message (conn);
  CHECK_INT (msg->has_fin, 1);
  CHECK_INT (msg->op_code, 1);
  CHECK (msg->is_masked);
  CHECK (msg->payload == nopoll_msg_get_payload (msg));
  CHECK_INT (msg->payload_size, 6);
  CHECK_INT (msg->refs, 1);
  CHECK_INT (msg->is_fragment, 0);
  nopoll_msg_ref (msg);
  CHECK_INT (msg->refs, 2);
  nopoll_msg_unref (msg);
  /* And takes what a program writes: also in place. */
  ((char *) msg->payload)[0] = 'M';
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "Masked");
  msg->has_fin = 0;
  CHECK_INT (nopoll_msg_is_final (msg), 0);
  CHECK_INT (nopoll_msg_is_fragment (msg), 1);
  msg->op_code = 11;
  CHECK_INT (nopoll_msg_opcode (msg), 11);
  msg->payload_size = 3;
  CHECK_INT (nopoll_msg_get_payload_size (msg), 3);
  free (msg->payload);   /* it is the C heap's */
  msg->payload = NULL;
  msg->payload_size = 0;
  CHECK (nopoll_msg_get_payload (msg) == NULL);
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  close (peer);
  nopoll_ctx_unref (ctx);
}

static int sent_result;

static void *send_injected (void *data)
{
  sent_result = nopoll_conn_send_text ((noPollConn *) data, "0123456789", 10);
  return NULL;
}

TEST (frames_stop_where_a_program_injects_a_fault)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  noPollConn *conn = wire_accepted (ctx, listener, &peer, 1);
  pthread_t thread;
  unsigned char bytes[12];

  conn->__force_stop_after_header = 5;
  CHECK (pthread_create (&thread, NULL, send_injected, conn) == 0);
  wire_receive (peer, bytes, 5);
  CHECK_MEM (bytes, 5, "\x81\x0a" "012", 5);
  nopoll_sleep (100000);
  CHECK (wire_is_quiet (peer));
  wire_receive (peer, bytes, 7);
  CHECK_MEM (bytes, 7, "3456789", 7);
  pthread_join (thread, NULL);
  CHECK_INT (sent_result, 10);
  /* Not below the size of the frame: nothing special. */
  conn->__force_stop_after_header = 12;
  CHECK_INT (nopoll_conn_send_text (conn, "0123456789", 10), 10);
  wire_expect_frame (peer, 0x81, 0, "0123456789", 10);
  conn->__force_stop_after_header = 0;
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  close (peer);
  nopoll_ctx_unref (ctx);
}

TEST (certificates_have_a_type)
{
  noPollCertificate certificate = { NULL, NULL, NULL, NULL };

  CHECK_INT (sizeof certificate, 4 * sizeof (char *));
  CHECK_INT (offsetof (noPollCertificate, serverName), 0);
  CHECK_INT (offsetof (noPollCertificate, optionalChainFile), 3 * sizeof (char *));
}

TESTS (CASE (a_client_shows_its_state), CASE (listeners_and_accepted_connections_show_theirs),
       CASE (members_are_where_binaries_look_for_them), CASE (a_message_shows_its_frame),
       CASE (frames_stop_where_a_program_injects_a_fault), CASE (certificates_have_a_type))
