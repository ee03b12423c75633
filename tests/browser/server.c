/*
 * server.c - what the browser's own WebSocket is tested against.
 *
 *   server [PORT]
 *
 * Echoes messages. The text "close CODE REASON" has it close with that. Of the sub-protocols asked for it
 * speaks "two". Each end of a connection is told to the others, as "closed CODE REASON". It compresses if
 * the browser offers it. Plain GET requests get an empty page.
 */
#include <nopoll.h>

#include <signal.h>

static noPollCtx *ctx;

static void quit (int sig)
{
  (void) sig;
  nopoll_loop_stop (ctx);
}

static void on_msg (noPollCtx *c, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const char *content = (const char *) nopoll_msg_get_payload (msg);
  long size = nopoll_msg_get_payload_size (msg);
  int code, used = 0;

  (void) c;
  (void) data;
  if (nopoll_msg_opcode (msg) == NOPOLL_BINARY_FRAME)
    nopoll_conn_send_frame (conn, nopoll_true, nopoll_false, NOPOLL_BINARY_FRAME, size,
                            (noPollPtr) content, 0);
  else if (sscanf (content, "close %d %n", &code, &used) == 1)
    nopoll_conn_close_ext (conn, code, content + used, (int) strlen (content + used));
  else
    nopoll_conn_send_frame (conn, nopoll_true, nopoll_false, NOPOLL_TEXT_FRAME, size,
                            (noPollPtr) content, 0);
}

static nopoll_bool tell (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  (void) c;
  if (nopoll_conn_role (conn) == NOPOLL_ROLE_LISTENER && nopoll_conn_is_ready (conn))
    nopoll_conn_send_text (conn, (const char *) data, -1);
  return nopoll_false;
}

static void on_close (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  const char *reason = nopoll_conn_get_close_reason (conn);
  char line[160];

  (void) data;
  snprintf (line, sizeof line, "closed %d %s", nopoll_conn_get_close_status (conn),
            reason ? reason : "");
  nopoll_ctx_foreach_conn (c, tell, line);
}

static nopoll_bool on_open (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  const char *wanted = nopoll_conn_get_requested_protocol (conn);

  (void) c;
  (void) data;
  if (wanted != NULL)
    nopoll_conn_set_accepted_protocol (conn, "two");
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  (void) c;
  nopoll_conn_set_on_close (conn, on_close, data);
  return nopoll_true;
}

static nopoll_bool on_http (noPollCtx *c, noPollConn *conn, const char *method, const char *url,
                            noPollPtr data)
{
  (void) c;
  (void) method;
  (void) url;
  (void) data;
  return nopoll_conn_http_reply (conn, 200, "text/html", "<!doctype html><title>test</title>", -1);
}

int main (int argc, char **argv)
{
  noPollConn *listener;
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  ctx = nopoll_ctx_new ();
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_on_http (ctx, on_http, NULL);
  nopoll_ctx_set_on_open (ctx, on_open, NULL);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  listener = nopoll_listener_new (ctx, "127.0.0.1", argc > 1 ? argv[1] : "0");
  if (!nopoll_conn_is_ok (listener))
    return 1;
  signal (SIGTERM, quit);
  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size);
  printf ("listening on 127.0.0.1:%d\n", ntohs (address.sin_port));
  fflush (stdout);
  nopoll_loop_wait (ctx, 0);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return 0;
}
