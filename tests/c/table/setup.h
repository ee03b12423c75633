/*
 * setup.h - makes the environment of a call, and takes everything down again.
 */
#ifndef TABLE_SETUP_H
#define TABLE_SETUP_H

#include "env.h"

static const char accepted_headers[] =
  "Cookie: c=1\r\nSec-WebSocket-Protocol: p1\r\nX-Real-IP: 192.0.2.1\r\n";

static noPollMsg *message (const char *payload)
{
  noPollMsg *msg = nopoll_msg_new ();

  msg->payload = strdup (payload);
  msg->payload_size = (long) strlen (payload);
  msg->op_code = NOPOLL_TEXT_FRAME;
  msg->has_fin = nopoll_true;
  return msg;
}

static void env_start (struct env *e)
{
  int fd;

  memset (e, 0, sizeof *e);
  e->peer = e->taken = e->stuck[0] = e->stuck[1] = -1;
  e->ctx = nopoll_ctx_new ();
  e->listener = wire_listener (e->ctx);
  nopoll_ctx_set_certificate (e->ctx, "name", "/dev/null", "/dev/null", "/dev/null");
  e->opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_set_reuse (e->opts, nopoll_true);
  e->msg = message ("abc");
  e->msg2 = message ("de");
  e->raw = wire_listen ();
  snprintf (e->raw_port, sizeof e->raw_port, "%d", wire_port (e->raw));
  fd = wire_connect (wire_port (e->raw));
  e->pair[0] = wire_accept (e->raw);
  e->pair[1] = fd;
  nopoll_conn_set_sock_block (e->pair[0], nopoll_false);
  nopoll_conn_set_sock_block (e->raw, nopoll_false);
  strcpy (e->text, " text ");
  e->size = (int) sizeof e->text;
  e->early.tv_sec = 5;
  e->late.tv_sec = 6;
}

/* The test's own references. An accepted connection has no maker, so one more. */
static void own (struct env *e)
{
  nopoll_conn_ref (e->conn);
  nopoll_conn_ref (e->conn);
  if (nopoll_conn_role (e->conn) == NOPOLL_ROLE_LISTENER)
    nopoll_conn_ref (e->conn);
}

static nopoll_bool close_it (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_close (conn);
  return nopoll_false;
}

/* Gives everything back; the context must be the last to go, whatever was called. */
static void env_end (struct env *e)
{
  int i, left;

  if (e->threaded) {
    close (e->stuck[1]);
    pthread_join (e->thread, NULL);
  }
  nopoll_ctx_foreach_conn (e->ctx, close_it, NULL);
  if (e->conn != NULL)
    for (left = nopoll_conn_ref_count (e->conn); left > 0; left--)
      nopoll_conn_unref (e->conn);
  CHECK_INT (nopoll_ctx_conns (e->ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (e->ctx), 1);
  nopoll_ctx_unref (e->ctx);
  nopoll_conn_opts_free (e->opts);
  nopoll_msg_unref (e->msg);
  nopoll_msg_unref (e->msg2);
  nopoll_close_socket (e->peer);
  nopoll_close_socket (e->taken);
  nopoll_close_socket (e->raw);
  nopoll_close_socket (e->pair[0]);
  nopoll_close_socket (e->pair[1]);
  for (i = 0; i < e->fd_count; i++)
    close (e->fds[i]);
}

#endif
