/*
 * threads.c - several threads send on one connection while the main thread runs the loop, with
 * mutexes that the program brings along.
 *
 *   threads [-w WORKERS] [-m MESSAGES]
 *
 * Each of the WORKERS (4) sends MESSAGES (10000) numbered messages to a server in the same
 * program, which checks that all of them arrive, whole and each worker's in its order.
 *
 * nopoll_thread_handlers () is how an RTOS port has the library use the system's own mutexes:
 * replace the four functions below. On a system with pthreads it isn't needed: without it the
 * library locks by itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <pthread.h>

#include "support.h"

/* -- Mutexes: what an RTOS port replaces ----------------------------------------------------- */

/* Counted for the sake of demonstration: the library makes and destroys them in pairs. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static long created = 0, destroyed = 0;

static void tally (long *counter)
{
  pthread_mutex_lock (&counting);
  ++*counter;
  pthread_mutex_unlock (&counting);
}

static noPollPtr mutex_create (void)
{
  pthread_mutex_t *mutex = malloc (sizeof *mutex);

  if (mutex == NULL || pthread_mutex_init (mutex, NULL) != 0) {
    free (mutex);
    return NULL;
  }
  tally (&created);
  return mutex;
}

static void mutex_destroy (noPollPtr mutex)
{
  pthread_mutex_destroy (mutex);
  free (mutex);
  tally (&destroyed);
}

static void mutex_lock (noPollPtr mutex)
{
  pthread_mutex_lock (mutex);
}

static void mutex_unlock (noPollPtr mutex)
{
  pthread_mutex_unlock (mutex);
}

/* -- The workers ----------------------------------------------------------------------------- */

struct worker {
  pthread_t thread;
  noPollConn *conn;
  int number;
  long messages;
};

static void *work (void *data)
{
  struct worker *worker = data;
  char text[64];
  long i;

  for (i = 0; i < worker->messages; i++) {
    snprintf (text, sizeof text, "worker %d message %ld", worker->number, i);
    if (nopoll_conn_send_text (worker->conn, text, -1) < 0) {
      fprintf (stderr, "worker %d can't send: %s\n", worker->number, strerror (errno));
      nopoll_conn_shutdown (worker->conn); /* the main thread notices */
      break;
    }
  }
  nopoll_conn_unref (worker->conn);
  return NULL;
}

/* Starts the workers; returns how many run. */
static int start (struct worker *workers, int count, long messages, noPollConn *conn)
{
  int i;

  for (i = 0; i < count; i++) {
    workers[i].number = i;
    workers[i].messages = messages;
    workers[i].conn = conn;
    /* A thread that uses a connection holds a reference on it: whatever the others do, also close
     * it, the object stays. */
    nopoll_conn_ref (conn);
    if (pthread_create (&workers[i].thread, NULL, work, &workers[i]) != 0) {
      fprintf (stderr, "can't start worker %d\n", i);
      nopoll_conn_unref (conn);
      nopoll_conn_shutdown (conn);
      break;
    }
  }
  return i;
}

/* -- The server ------------------------------------------------------------------------------ */

struct tally {
  long *next; /* by worker: the number of its next message */
  int workers;
  long received;
  long wrong;
};

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct tally *tally = data;
  const char *text = (const char *) nopoll_msg_get_payload (msg);
  int worker, end = 0;
  long number;

  (void) ctx;
  (void) conn;
  tally->received++;
  if (text != NULL && sscanf (text, "worker %d message %ld%n", &worker, &number, &end) == 2
      && text[end] == 0 && worker >= 0 && worker < tally->workers
      && number == tally->next[worker])
    tally->next[worker]++;
  else
    tally->wrong++;
}

/* Runs until everything has arrived, or nothing more can. */
static void run (noPollCtx *ctx, int count, long messages, struct tally *tally)
{
  struct worker *workers = calloc ((size_t) count, sizeof *workers);
  noPollConn *listener = open_listener (ctx, "127.0.0.1", "0", NULL, NULL);
  struct sockaddr_in bound;
  socklen_t size = sizeof bound;
  char port[16];
  noPollConn *client;

  if (workers == NULL || listener == NULL) {
    free (workers);
    nopoll_conn_close (listener);
    return;
  }
  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &bound, &size);
  snprintf (port, sizeof port, "%d", ntohs (bound.sin_port));
  client = nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL);
  while (nopoll_conn_is_ok (client) && !nopoll_conn_is_ready (client))
    nopoll_loop_wait (ctx, 10000);

  /* With a blocking descriptor a worker waits until its message is out: no result but the size or
   * a failure. The loop doesn't mind, it never blocks on a descriptor. */
  nopoll_conn_set_sock_block (nopoll_conn_socket (client), nopoll_true);
  nopoll_ctx_set_on_msg (ctx, on_msg, tally);
  count = start (workers, count, messages, client);
  while (tally->received < count * messages && nopoll_conn_is_ok (client) && !stopped ())
    nopoll_loop_wait (ctx, 100000);

  nopoll_conn_close (client);
  while (count > 0)
    pthread_join (workers[--count].thread, NULL);
  free (workers);
  /* The loop collects the server's end of the connection. */
  while (nopoll_ctx_conns (ctx) > 1)
    nopoll_loop_wait (ctx, 10000);
  nopoll_conn_close (listener);
}

int main (int argc, char **argv)
{
  const char *usage = "[-w WORKERS] [-m MESSAGES]";
  struct tally tally = { NULL, 4, 0, 0 };
  long messages = 10000;
  noPollCtx *ctx;
  int option;

  while ((option = getopt (argc, argv, "w:m:")) != -1) {
    if (option == 'w')
      tally.workers = (int) number_argument ("-w", optarg, 1, 1000);
    else if (option == 'm')
      messages = number_argument ("-m", optarg, 1, 100000000);
    else
      exit_with_usage (argv, usage);
  }
  if (optind != argc)
    exit_with_usage (argv, usage);
  tally.next = calloc ((size_t) tally.workers, sizeof *tally.next);
  if (tally.next == NULL)
    return 1;

  /* Before anything else is made: each object keeps to the mutexes it was made with. */
  nopoll_thread_handlers (mutex_create, mutex_destroy, mutex_lock, mutex_unlock);
  ctx = nopoll_ctx_new ();
  stop_on_signals (ctx);
  run (ctx, tally.workers, messages, &tally);
  nopoll_ctx_unref (ctx);
  free (tally.next);

  printf ("%ld of %ld messages received, %ld of them wrong\n", tally.received,
          tally.workers * messages, tally.wrong);
  printf ("%ld mutexes created, %ld destroyed\n", created, destroyed);
  if (tally.received != tally.workers * messages || tally.wrong > 0 || created != destroyed)
    return 1;
  return 0;
}
