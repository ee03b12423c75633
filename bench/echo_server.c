/*
 * echo_server.c - what is measured: an echo server on the library's public API.
 *
 *   echo_server [--sink | --push N SIZE [--cork]] [--direct] [--threads N]
 *               [--tls CERTIFICATE KEY] [PORT]
 *
 * Sends every message back as it came; with --sink it only takes them, with --push it answers each
 * with the same N messages of SIZE bytes, with --cork in one piece. With --direct it has no loop
 * of the library's: it serves one connection after another, with a poll and a nopoll_conn_get_msg
 * per message. With --threads it runs N contexts, each with a loop of its own, on the same port.
 * Default settings otherwise. Prints "port N" once it listens.
 */
#include <nopoll.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "burst.h"

struct settings {
  int sink;
  struct burst *burst;
  int cork;
  int direct;
  int threads;
  const char *certificate;
  const char *key;
  const char *port;
};

static void push (noPollConn *conn, const struct burst *burst, int cork)
{
  int i;

  if (cork)
    nopoll_conn_cork (conn, nopoll_true);
  for (i = 0; i < burst->count; i++)
    nopoll_conn_send_binary (conn, burst_payload (burst, i), burst->size);
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const struct settings *settings = data;
  const char *payload = (const char *) nopoll_msg_get_payload (msg);
  long size = nopoll_msg_get_payload_size (msg);

  if (settings->sink)
    return;
  if (settings->burst != NULL) {
    push (conn, settings->burst, settings->cork);
    return;
  }
  if (nopoll_msg_opcode (msg) == NOPOLL_TEXT_FRAME)
    nopoll_conn_send_text (conn, payload, size);
  else
    nopoll_conn_send_binary (conn, payload, size);
}

/* A context with a listener; port "0" lets the system choose. NULL if that fails. */
static noPollCtx *open_loop (struct settings *settings, noPollConn **listener)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_on_msg (ctx, on_msg, settings);
  nopoll_conn_opts_set_reuse_port (opts, settings->threads > 1);
  if (settings->certificate == NULL)
    *listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", settings->port);
  else {
    nopoll_conn_opts_set_ssl_certs (opts, settings->certificate, settings->key, NULL, NULL);
    *listener = nopoll_listener_tls_new_opts (ctx, opts, "127.0.0.1", settings->port);
  }
  if (*listener != NULL)
    return ctx;
  fprintf (stderr, "can't listen: %s\n", nopoll_conn_get_error_text (NULL));
  exit (1);
}

static int port_of (noPollConn *listener)
{
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size);
  return ntohs (address.sin_port);
}

/* One message per event: enough for a peer that waits for each reply. */
static void serve_directly (noPollCtx *ctx, noPollConn *conn, struct settings *settings)
{
  struct pollfd readable = { nopoll_conn_socket (conn), POLLIN, 0 };
  noPollMsg *msg;

  while (nopoll_conn_is_ok (conn) && poll (&readable, 1, -1) > 0) {
    msg = nopoll_conn_get_msg (conn);
    if (msg != NULL)
      on_msg (ctx, conn, msg, settings);
    nopoll_msg_unref (msg);
  }
  nopoll_conn_close (conn);
}

static void run_directly (noPollCtx *ctx, noPollConn *listener, struct settings *settings)
{
  struct pollfd readable = { nopoll_conn_socket (listener), POLLIN, 0 };
  noPollConn *conn;

  while (poll (&readable, 1, -1) > 0) {
    conn = nopoll_conn_accept (ctx, listener);
    if (conn != NULL)
      serve_directly (ctx, conn, settings);
  }
}

static void *run (void *ctx)
{
  nopoll_loop_wait (ctx, 0);
  return NULL;
}

int main (int argc, char **argv)
{
  static struct settings settings = { 0, NULL, 0, 0, 1, NULL, NULL, "0" };
  char port[16];
  noPollConn *listener;
  noPollCtx *ctx;
  pthread_t thread;
  int i;

  for (i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--sink") == 0)
      settings.sink = 1;
    else if (strcmp (argv[i], "--push") == 0 && i + 2 < argc) {
      settings.burst = burst_new (atoi (argv[i + 1]), atol (argv[i + 2]));
      i += 2;
    } else if (strcmp (argv[i], "--cork") == 0)
      settings.cork = 1;
    else if (strcmp (argv[i], "--direct") == 0)
      settings.direct = 1;
    else if (strcmp (argv[i], "--threads") == 0 && i + 1 < argc)
      settings.threads = atoi (argv[++i]);
    else if (strcmp (argv[i], "--tls") == 0 && i + 2 < argc) {
      settings.certificate = argv[++i];
      settings.key = argv[++i];
    } else
      settings.port = argv[i];
  }
  ctx = open_loop (&settings, &listener);
  snprintf (port, sizeof port, "%d", port_of (listener));
  settings.port = port;
  for (i = 1; i < settings.threads; i++)
    pthread_create (&thread, NULL, run, open_loop (&settings, &listener));
  printf ("port %s\n", port);
  fflush (stdout);
  if (settings.direct)
    run_directly (ctx, listener, &settings);
  else
    run (ctx);
  return 0;
}
