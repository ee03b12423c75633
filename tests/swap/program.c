/*
 * A program that was linked against some other libnopoll.so.0: a server and a client in one process,
 * with nothing that is not in noPoll.
 */
#include <nopoll.h>

static noPollMsg *answer;

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx;
  (void) data;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

static void keep (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn;
  (void) data;
  nopoll_msg_ref (msg);
  answer = msg;
  nopoll_loop_stop (ctx);
}

int main (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = nopoll_listener_new (ctx, "127.0.0.1", "0"), *client;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  char *port;

  if (!nopoll_conn_is_ok (listener)
      || getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size) != 0)
    return 2;
  port = nopoll_strdup_printf ("%d", ntohs (address.sin_port));
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  client = nopoll_conn_new (ctx, "127.0.0.1", port, NULL, "/", NULL, NULL);
  nopoll_conn_set_on_msg (client, keep, NULL);
  nopoll_conn_send_text (client, "swapped", 7);
  if (nopoll_loop_wait (ctx, 60000000) != 0 || answer == NULL)
    return 3;
  puts ((const char *) nopoll_msg_get_payload (answer));
  nopoll_msg_unref (answer);
  nopoll_free (port);
  nopoll_conn_close (client);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return 0;
}
