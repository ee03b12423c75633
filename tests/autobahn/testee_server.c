/*
 * An echo server for Autobahn's fuzzing client, testee_server [CERTIFICATE KEY], over TLS with these
 * files: the built-in loop, whole messages, compression, defaults otherwise. Prints "port N" and
 * runs until it is told to stop (SIGTERM).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "echo.h"

static noPollCtx *ctx;
static volatile sig_atomic_t stopped;

static void stop (int number)
{
  (void) number;
  stopped = 1;
  nopoll_loop_stop (ctx);
}

static int port_of (noPollConn *listener)
{
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  if (getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size) != 0)
    return -1;
  return ntohs (address.sin_port);
}

int main (int argc, char **argv)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;

  ctx = nopoll_ctx_new ();
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 0);
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  if (argc == 3) {
    nopoll_conn_opts_set_ssl_certs (opts, argv[1], argv[2], NULL, NULL);
    listener = nopoll_listener_tls_new_opts (ctx, opts, "127.0.0.1", "0");
  } else
    listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  if (!nopoll_conn_is_ok (listener))
    return EXIT_FAILURE;
  printf ("port %d\n", port_of (listener));
  fflush (stdout);
  signal (SIGTERM, stop);
  while (!stopped)
    nopoll_loop_wait (ctx, 1000000);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  nopoll_cleanup_library ();
  return EXIT_SUCCESS;
}
