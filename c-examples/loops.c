/*
 * loops.c - an echo server on several processors: as many loops as threads, all on one port.
 *
 *   loops [-t THREADS] [PORT]
 *
 * Each of the THREADS (2) has a context, a listener and a nopoll_loop_wait () of its own, and they
 * share nothing but the port: nopoll_conn_opts_set_reuse_port () has the system spread the
 * clients over the listeners. A connection stays with its thread, so handlers need no lock for
 * what belongs to one connection, or to one thread. SIGINT (Ctrl-C) and SIGTERM end it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <pthread.h>
#include <signal.h>

#include "support.h"

struct loop {
  pthread_t thread;
  noPollCtx *ctx;
  noPollConn *listener;
  /* Touched by the loop's own thread, and after it has ended. */
  long connections, messages;
};

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct loop *loop = data;

  (void) ctx;
  (void) conn;
  loop->connections++;
  return nopoll_true;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct loop *loop = data;
  const char *payload = (const char *) nopoll_msg_get_payload (msg);
  int size = nopoll_msg_get_payload_size (msg);

  (void) ctx;
  loop->messages++;
  if (nopoll_msg_opcode (msg) == NOPOLL_TEXT_FRAME)
    nopoll_conn_send_text (conn, payload, size);
  else
    nopoll_conn_send_binary (conn, payload, size);
}

static void *run (void *data)
{
  struct loop *loop = data;

  nopoll_loop_wait (loop->ctx, 0);
  return NULL;
}

/* A listener that shares its port; says why it can't be had, and returns false then. */
static nopoll_bool open_loop (struct loop *loop, const char *port)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_conn_opts_set_reuse_port (opts, nopoll_true);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  loop->ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_ready (loop->ctx, on_ready, loop);
  nopoll_ctx_set_on_msg (loop->ctx, on_msg, loop);
  loop->listener = nopoll_listener_new_opts (loop->ctx, opts, "127.0.0.1", port);
  if (loop->listener == NULL)
    fprintf (stderr, "can't listen: %s\n", nopoll_conn_get_error_text (NULL));
  return loop->listener != NULL;
}

static void close_loop (struct loop *loop)
{
  nopoll_conn_close (loop->listener);
  nopoll_ctx_unref (loop->ctx);
}

int main (int argc, char **argv)
{
  struct loop loops[64] = { { 0 } };
  const char *port = "8080";
  int threads = 2, opened = 0, i;
  sigset_t signals;

  for (i = 1; i < argc; i++) {
    if (strcmp (argv[i], "-t") == 0 && i + 1 < argc)
      threads = (int) number_argument ("THREADS", argv[++i], 1, 64);
    else if (argv[i][0] != '-')
      port = argv[i];
    else
      exit_with_usage (argv, "[-t THREADS] [PORT]");
  }

  /* The threads inherit this: signals are for the main thread, which asks for them. */
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);

  while (opened < threads && open_loop (&loops[opened], port))
    opened++;
  if (opened == threads) {
    printf ("%d loops on 127.0.0.1:%s\n", threads, port);
    fflush (stdout);
    for (i = 0; i < threads; i++)
      pthread_create (&loops[i].thread, NULL, run, &loops[i]);
    sigwait (&signals, &i);
    for (i = 0; i < threads; i++) {
      nopoll_loop_stop (loops[i].ctx);
      pthread_join (loops[i].thread, NULL);
      printf ("loop %d: %ld connections, %ld messages\n", i + 1, loops[i].connections,
              loops[i].messages);
    }
  }
  for (i = 0; i < opened; i++)
    close_loop (&loops[i]);
  if (opened < threads)
    nopoll_ctx_unref (loops[opened].ctx);
  return opened == threads ? 0 : 1;
}
