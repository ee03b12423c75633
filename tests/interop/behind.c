/*
 * behind.c - a server that stands behind a proxy: it tells clients what it knows of them.
 *
 *   behind
 *
 * Prints "listening PORT". Each client is greeted with a text message of lines "host VALUE",
 * "real-ip VALUE", "url VALUE", "origin VALUE" ("-" for none). Messages come back; the text "close CODE
 * REASON" has it close with that. A client that asked for /kept gets a ping every half second. When a
 * connection ends it prints "closed STATUS REASON: WHY".
 */
#include <nopoll.h>

#include <signal.h>

/* Between two pings, in µs. */
#define PING_INTERVAL 500000

static noPollCtx *ctx;
static volatile nopoll_bool over;

static void quit (int sig)
{
  (void) sig;
  over = nopoll_true;
  nopoll_loop_stop (ctx);
}

static const char *some (const char *text)
{
  return text != NULL ? text : "-";
}

static void on_close (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  (void) c;
  (void) data;
  printf ("closed %d %s: %s\n", nopoll_conn_get_close_status (conn),
          some (nopoll_conn_get_close_reason (conn)), nopoll_conn_get_error_text (conn));
  fflush (stdout);
}

static nopoll_bool on_ready (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  char text[2048];

  (void) c;
  (void) data;
  nopoll_conn_set_on_close (conn, on_close, NULL);
  snprintf (text, sizeof text, "host %s\nreal-ip %s\nurl %s\norigin %s",
            some (nopoll_conn_get_host_header (conn)),
            some (nopoll_conn_get_x_real_ip_header (conn)),
            nopoll_conn_get_requested_url (conn), some (nopoll_conn_get_origin (conn)));
  return nopoll_conn_send_text (conn, text, -1) > 0;
}

static void on_msg (noPollCtx *c, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const char *content = (const char *) nopoll_msg_get_payload (msg);
  long size = nopoll_msg_get_payload_size (msg);
  int code, used = 0;

  (void) c;
  (void) data;
  if (nopoll_msg_opcode (msg) == NOPOLL_TEXT_FRAME
      && sscanf (content, "close %d %n", &code, &used) == 1)
    nopoll_conn_close_ext (conn, code, content + used, (int) strlen (content + used));
  else
    nopoll_conn_send_frame (conn, nopoll_true, nopoll_false, nopoll_msg_opcode (msg), size,
                            (noPollPtr) content, 0);
}

static nopoll_bool ping (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  const char *url = nopoll_conn_get_requested_url (conn);

  (void) c;
  (void) data;
  if (url != NULL && strcmp (url, "/kept") == 0 && nopoll_conn_is_ready (conn))
    nopoll_conn_send_ping (conn);
  return nopoll_false;
}

int main (void)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  ctx = nopoll_ctx_new ();
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  if (!nopoll_conn_is_ok (listener))
    return 1;
  signal (SIGINT, quit);
  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size);
  printf ("listening %d\n", ntohs (address.sin_port));
  fflush (stdout);
  while (!over) {
    nopoll_loop_wait (ctx, PING_INTERVAL);
    nopoll_ctx_foreach_conn (ctx, ping, NULL);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return 0;
}
