/*
 * What somebody else's program does: includes the header, links the library, sends a message there and
 * back. Valid C and C++; prints "exchanged: hello".
 */
#ifdef WITH_DIRECTORY
# include <nopoll/nopoll.h>
#else
# include <nopoll.h>
#endif

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx;
  (void) data;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

static void print (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn;
  printf ("exchanged: %s\n", (const char *) nopoll_msg_get_payload (msg));
  *(int *) data = 1;
  nopoll_loop_stop (ctx);
}

static nopoll_bool greet (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) data;
  return nopoll_conn_send_text (conn, "hello", 5) == 5;
}

int main (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  noPollConn *client;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  char *port;
  int done = 0;

  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size);
  port = nopoll_strdup_printf ("%d", ntohs (address.sin_port));
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  client = nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL);
  nopoll_free (port);
  nopoll_conn_set_on_ready (client, greet, NULL);
  nopoll_conn_set_on_msg (client, print, &done);
  nopoll_loop_wait (ctx, 20000000);
  nopoll_conn_close (client);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return done ? 0 : 1;
}
