#include "server.h"

#include <sys/resource.h>
#include <time.h>

void server_start (struct server *server, noPollOnMessageHandler on_msg, noPollPtr data)
{
  server->ctx = nopoll_ctx_new ();
  server->listener = wire_listener (server->ctx);
  nopoll_ctx_set_on_msg (server->ctx, on_msg, data);
}

int server_peer (struct server *server)
{
  char head[4096];
  int peer = wire_connect (LISTENER_PORT (server->listener));

  wire_send_request (peer, "/", NULL);
  LOOP_UNTIL (server->ctx, wire_unread (peer) > 0);
  wire_receive_head (peer, head, sizeof head);
  return peer;
}

int server_peer_beside_loop (struct server *server)
{
  char head[4096];
  int peer = wire_connect (LISTENER_PORT (server->listener));

  wire_send_request (peer, "/", NULL);
  wire_receive_head (peer, head, sizeof head);
  return peer;
}

static nopoll_bool newer (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  noPollConn **newest = (noPollConn **) data;

  (void) ctx;
  if (*newest == NULL || nopoll_conn_get_id (conn) > nopoll_conn_get_id (*newest))
    *newest = conn;
  return nopoll_false;
}

noPollConn *server_newest (struct server *server)
{
  noPollConn *newest = NULL;

  nopoll_ctx_foreach_conn (server->ctx, newer, &newest);
  return newest;
}

static nopoll_bool end (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  if (conn != data)
    nopoll_conn_close (conn);
  return nopoll_false;
}

void server_stop (struct server *server)
{
  nopoll_ctx_foreach_conn (server->ctx, end, server->listener);
  nopoll_conn_close (server->listener);
  CHECK_INT (nopoll_ctx_conns (server->ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (server->ctx), 1);
  nopoll_ctx_unref (server->ctx);
}

void server_echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const char *payload = (const char *) nopoll_msg_get_payload (msg);
  int size = nopoll_msg_get_payload_size (msg);

  (void) ctx;
  (void) data;
  if (nopoll_msg_opcode (msg) == NOPOLL_BINARY_FRAME)
    nopoll_conn_send_binary (conn, payload, size);
  else
    nopoll_conn_send_text (conn, payload, size);
}

static void *run_loop (void *data)
{
  struct loop_thread *loop = (struct loop_thread *) data;

  loop->result = nopoll_loop_wait (loop->ctx, 0);
  return NULL;
}

void loop_thread_start (struct loop_thread *loop, noPollCtx *ctx)
{
  loop->ctx = ctx;
  CHECK (pthread_create (&loop->thread, NULL, run_loop, loop) == 0);
  WAIT_UNTIL (!nopoll_loop_ended (ctx));
}

int loop_thread_join (struct loop_thread *loop)
{
  pthread_join (loop->thread, NULL);
  return loop->result;
}

int loop_thread_stop (struct loop_thread *loop)
{
  nopoll_loop_stop (loop->ctx);
  return loop_thread_join (loop);
}

long long clock_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

long long processor_us (void)
{
  struct rusage used;

  getrusage (RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec
    + used.ru_stime.tv_usec;
}
