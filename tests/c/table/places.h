/*
 * places.h - makes a call from inside each callback.
 */
#ifndef TABLE_PLACES_H
#define TABLE_PLACES_H

#include "states.h"
#include "table.h"

static nopoll_bool in_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  at (conn, ON_OPEN, data);
  return nopoll_true;
}

static nopoll_bool in_http (noPollCtx *ctx, noPollConn *conn, const char *method, const char *url,
                            noPollPtr data)
{
  at (conn, ON_HTTP, data);
  return nopoll_false;
}

static nopoll_bool in_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  at (conn, nopoll_conn_role (conn) == NOPOLL_ROLE_CLIENT ? ON_CLIENT_READY : ON_READY, data);
  return nopoll_true;
}

static void in_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  at (conn, nopoll_msg_opcode (msg) == NOPOLL_PING_FRAME ? ON_PING : ON_MSG, data);
}

static void in_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  at (conn, ON_CLOSE, data);
}

static void in_log (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  act ((struct scene *) data);
}

static nopoll_bool in_foreach (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  at (conn, ON_FOREACH, data);
  return nopoll_false;
}

/* The whole conversation of a client, as it comes over the wire; the loop does the rest. */
static void converse (struct scene *scene)
{
  struct env *e = &scene->env;

  env_start (e);
  nopoll_ctx_set_on_accept (e->ctx, in_accept, scene);
  nopoll_ctx_set_on_open (e->ctx, in_open, scene);
  nopoll_ctx_set_on_http (e->ctx, in_http, scene);
  nopoll_ctx_set_on_ready (e->ctx, in_ready, scene);
  nopoll_ctx_set_on_msg (e->ctx, in_msg, scene);
  e->peer = wire_connect (LISTENER_PORT (e->listener));
  LOOP_UNTIL (e->ctx, e->conn != NULL);
  nopoll_conn_set_on_ping_msg (e->conn, in_msg, scene);
  nopoll_conn_set_on_close (e->conn, in_close, scene);
  if (scene->place == ON_HTTP)
    wire_send_text (e->peer, "GET /table HTTP/1.1\r\nHost: test.example\r\n"
                    "Origin: http://test.example\r\nCookie: c=1\r\nX-Real-IP: 192.0.2.1\r\n\r\n");
  else
    wire_send_request (e->peer, "/table", accepted_headers);
  if (scene->place == ON_MSG)
    wire_send_frame (e->peer, 0x81, 1, "abc", 3);
  if (scene->place == ON_PING)
    wire_send_frame (e->peer, 0x89, 1, "abc", 3);
  if (scene->place == ON_CLOSE)
    shutdown (e->peer, SHUT_WR);
  LOOP_UNTIL (e->ctx, scene->done);
  nopoll_loop_wait (e->ctx, 1);
}

static void play (struct scene *scene)
{
  struct env *e = &scene->env;

  switch (scene->place) {
  case ON_CLIENT_READY:
    enter_state (e, FRESH);
    nopoll_ctx_set_on_ready (e->ctx, in_ready, scene);
    wire_answer_request (e->peer, "Sec-WebSocket-Protocol: p1\r\n");
    WAIT_UNTIL ((nopoll_conn_is_ready (e->conn), scene->done));
    break;
  case ON_LOG:
    enter_state (e, READY);
    nopoll_log_set_handler (e->ctx, in_log, scene);
    __nopoll_log (e->ctx, "function", "file", 1, NOPOLL_LEVEL_DEBUG, "record");
    NO_LOG_HANDLER;
    break;
  case ON_FOREACH:
    enter_state (e, READY);
    nopoll_ctx_foreach_conn (e->ctx, in_foreach, scene);
    break;
  case ON_MUTEX:
    with_mutexes = 1;
    default_mutexes ();
    enter_state (e, READY);
    mutex_scene = scene;
    nopoll_ctx_conns (e->ctx);
    break;
  default:
    converse (scene);
    break;
  }
  CHECK (scene->done);
  env_end (e);
  if (scene->place == ON_MUTEX) {
    mutex_scene = NULL;
    with_mutexes = 0;
    default_mutexes ();
  }
}

#endif
