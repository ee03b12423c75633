/*
 * echo_server.c - sends every message back, on the library's own loop.
 *
 *   echo_server [-a ADDRESS] [-c CERTIFICATE -k KEY] [-v] [PORT]
 *
 * Listens on 127.0.0.1 unless told otherwise; without a port, or with 0, the system chooses one.
 * With a certificate and its key, both PEM files, it speaks wss:// instead of ws://. SIGINT
 * (Ctrl-C) and SIGTERM end it. -v shows what the library logs.
 *
 * This is the shortest way to a server: handlers are called from nopoll_loop_wait (), one at a
 * time and on this thread, so no data needs a lock.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include "support.h"

/* A connection is about to lose its socket, for whatever reason. */
static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) data;
  printf ("%d: %s\n", nopoll_conn_get_id (conn), why_closed (conn));
}

/* A client has completed its handshake. */
static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) data;
  printf ("%d: connected from %s, %s\n", nopoll_conn_get_id (conn), nopoll_conn_host (conn),
          nopoll_conn_get_requested_url (conn));
  nopoll_conn_set_on_close (conn, on_close, NULL);
  return nopoll_true; /* false would drop it */
}

/*
 * A frame has arrived. msg and its payload are the library's; nopoll_msg_ref () would keep them.
 *
 * nopoll_conn_send_text () and nopoll_conn_send_binary () are what programs usually answer with.
 * This one mirrors whatever came, frame by frame: opcode, FIN bit and empty frames, too. A send
 * within a handler never blocks the loop: what the client doesn't take now is written later.
 */
static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  int size = nopoll_msg_get_payload_size (msg);

  (void) ctx;
  (void) data;
  if (nopoll_conn_send_frame (conn, nopoll_msg_is_final (msg), nopoll_false,
                              nopoll_msg_opcode (msg), size,
                              (noPollPtr) nopoll_msg_get_payload (msg), 0) != size) {
    /* The client takes nothing any more, or is gone. */
    printf ("%d: can't answer: %s\n", nopoll_conn_get_id (conn), strerror (errno));
    nopoll_conn_shutdown (conn);
  }
}

int main (int argc, char **argv)
{
  noPollCtx *ctx;
  noPollConn *listener;

  ctx = nopoll_ctx_new ();
  stop_on_signals (ctx);
  listener = open_listener_for (ctx, argc, argv, LISTENER_USAGE);
  if (listener == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);

  serve_until_stopped (ctx, listener);
  nopoll_ctx_unref (ctx);
  return 0;
}
