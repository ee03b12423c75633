/*
 * states.h - brings a connection into each state of the table, and takes everything down again.
 */
#ifndef TABLE_STATES_H
#define TABLE_STATES_H

#include "env.h"

static const char *const state_names[STATES] = {
  "fresh", "connecting", "waiting", "ready", "accepted", "gone", "shut", "closed", "listener",
  "detached"
};

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

static void client (struct env *e, int ready)
{
  e->conn = nopoll_conn_new (e->ctx, "127.0.0.1", e->raw_port, NULL, "/table", "p1", NULL);
  CHECK (nopoll_conn_is_ok (e->conn));
  e->peer = wire_accept (e->raw);
  if (!ready)
    return;
  wire_answer_request (e->peer, "Sec-WebSocket-Protocol: p1\r\n");
  CHECK (nopoll_conn_wait_until_connection_ready (e->conn, 10 * check_slowness ()));
}

static void accepted (struct env *e, int ready)
{
  char head[4096];

  e->peer = wire_connect (LISTENER_PORT (e->listener));
  e->conn = nopoll_conn_accept (e->ctx, e->listener);
  CHECK (e->conn != NULL);
  nopoll_conn_set_sock_block (nopoll_conn_socket (e->conn), nopoll_false);
  if (!ready)
    return;
  wire_send_request (e->peer, "/table", accepted_headers);
  CHECK (nopoll_conn_wait_until_connection_ready (e->conn, 10 * check_slowness ()));
  wire_receive_head (e->peer, head, sizeof head);
}

static void *construct (void *data)
{
  struct env *e = (struct env *) data;

  nopoll_conn_new_with_socket (e->ctx, NULL, e->stuck[0], "127.0.0.1", "80", NULL, "/table", "p1",
                               NULL);
  return NULL;
}

static nopoll_bool is_client (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  return nopoll_conn_role (conn) == NOPOLL_ROLE_CLIENT;
}

/* A constructor that can't write its request: the socket is full. */
static void connecting (struct env *e)
{
  char waste[4096];

  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, e->stuck) == 0);
  nopoll_conn_set_sock_block (e->stuck[0], nopoll_false);
  memset (waste, 0, sizeof waste);
  while (send (e->stuck[0], waste, sizeof waste, MSG_NOSIGNAL) > 0)
    ;
  e->threaded = 1;
  CHECK (pthread_create (&e->thread, NULL, construct, e) == 0);
  WAIT_UNTIL (nopoll_ctx_conns (e->ctx) == 2);
  e->conn = nopoll_ctx_foreach_conn (e->ctx, is_client, NULL);
  CHECK (e->conn != NULL);
}

static void enter_state (struct env *e, enum state state)
{
  env_start (e);
  switch (state) {
  case FRESH: client (e, 0); break;
  case CONNECTING: connecting (e); break;
  case WAITING: accepted (e, 0); break;
  case ACCEPTED: accepted (e, 1); break;
  case LISTENER:
    e->conn = e->listener;
    e->peer = wire_connect (LISTENER_PORT (e->listener));
    break;
  default: client (e, 1); break;
  }
  own (e);
  switch (state) {
  case GONE:
    wire_send_frame (e->peer, 0x88, 0, "\x03\xe9" "away", 6);
    WAIT_UNTIL (nopoll_conn_get_msg (e->conn) == NULL && !nopoll_conn_is_ok (e->conn));
    break;
  case SHUT: nopoll_conn_shutdown (e->conn); break;
  case CLOSED: nopoll_conn_close (e->conn); break;
  case DETACHED:
    e->taken = nopoll_conn_socket (e->conn);
    nopoll_conn_set_socket (e->conn, -1);
    break;
  default: break;
  }
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
