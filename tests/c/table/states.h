/*
 * states.h - brings a connection into each state of the table.
 */
#ifndef TABLE_STATES_H
#define TABLE_STATES_H

#include "setup.h"

static const char *const state_names[STATES] = {
  "fresh", "connecting", "waiting", "ready", "accepted", "gone", "shut", "closed", "listener",
  "detached"
};

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

#endif
