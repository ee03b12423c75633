/*
 * A program's own mutexes: plain ones that find out about every misuse. They are created and
 * destroyed in pairs, taken one at a time, and never held while the library calls out or waits.
 */
#include <nopoll.h>

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "support/threads.h"
#include "support/wire.h"

/* The functions of one kind of mutex. */
struct kind {
  int created, destroyed, locked, unlocked, foreign;
};

struct mutex {
  pthread_mutex_t lock;
  struct kind *kind;
};

static struct kind kinds[2];
static int misuses, waits, waits_under_lock;
static __thread int held;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static void count (int *counter)
{
  pthread_mutex_lock (&counting);
  ++*counter;
  pthread_mutex_unlock (&counting);
}

static noPollPtr make (struct kind *kind)
{
  struct mutex *mutex = (struct mutex *) malloc (sizeof *mutex);
  pthread_mutexattr_t attributes;

  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_settype (&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init (&mutex->lock, &attributes);
  pthread_mutexattr_destroy (&attributes);
  mutex->kind = kind;
  count (&kind->created);
  return mutex;
}

static struct mutex *mine (struct kind *kind, noPollPtr data)
{
  struct mutex *mutex = (struct mutex *) data;

  if (mutex == NULL || mutex->kind != kind)
    count (&kind->foreign);
  return mutex;
}

static void destroy (struct kind *kind, noPollPtr data)
{
  struct mutex *mutex = mine (kind, data);

  count (&kind->destroyed);
  if (pthread_mutex_destroy (&mutex->lock) != 0)   /* locked */
    count (&misuses);
  free (mutex);
}

static void lock (struct kind *kind, noPollPtr data)
{
  if (held > 0 || pthread_mutex_lock (&mine (kind, data)->lock) != 0)   /* a second one, or again */
    count (&misuses);
  held++;
  count (&kind->locked);
}

static void unlock (struct kind *kind, noPollPtr data)
{
  held--;
  count (&kind->unlocked);
  if (pthread_mutex_unlock (&mine (kind, data)->lock) != 0)   /* not locked, or by another thread */
    count (&misuses);
}

static noPollPtr make_a (void) { return make (&kinds[0]); }
static void destroy_a (noPollPtr mutex) { destroy (&kinds[0], mutex); }
static void lock_a (noPollPtr mutex) { lock (&kinds[0], mutex); }
static void unlock_a (noPollPtr mutex) { unlock (&kinds[0], mutex); }
static noPollPtr make_b (void) { return make (&kinds[1]); }
static void destroy_b (noPollPtr mutex) { destroy (&kinds[1], mutex); }
static void lock_b (noPollPtr mutex) { lock (&kinds[1], mutex); }
static void unlock_b (noPollPtr mutex) { unlock (&kinds[1], mutex); }
static noPollPtr make_none (void) { count (&kinds[0].created); return NULL; }

static void begin (void)
{
  memset (kinds, 0, sizeof kinds);
  misuses = waits = waits_under_lock = 0;
  nopoll_thread_handlers (make_a, destroy_a, lock_a, unlock_a);
}

static void settled (const struct kind *kind)
{
  CHECK (kind->created > 0);
  CHECK_INT (kind->destroyed, kind->created);
  CHECK_INT (kind->unlocked, kind->locked);
  CHECK_INT (kind->foreign, 0);
}

static void end (void)
{
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
  CHECK_INT (misuses, 0);
  CHECK_INT (waits_under_lock, 0);
  CHECK_INT (held, 0);
}

/* The system calls that wait. The library reaches them through these. */
static void waiting (int for_long)
{
  if (for_long)
    count (held > 0 ? &waits_under_lock : &waits);
}

int poll (struct pollfd *fds, nfds_t n, int timeout)
{
  waiting (timeout != 0);
  return (int) syscall (SYS_poll, fds, n, timeout);
}

int epoll_wait (int fd, struct epoll_event *events, int n, int timeout)
{
  waiting (timeout != 0);
  return (int) syscall (SYS_epoll_wait, fd, events, n, timeout);
}

int nanosleep (const struct timespec *time, struct timespec *left)
{
  waiting (1);
  return (int) syscall (SYS_nanosleep, time, left);
}

int clock_nanosleep (clockid_t clock, int flags, const struct timespec *time,
                     struct timespec *left)
{
  waiting (1);
  return syscall (SYS_clock_nanosleep, clock, flags, time, left) == 0 ? 0 : errno;
}

/* The callbacks, all of which ask things that lock. */
static int called;

static void look_around (noPollCtx *ctx, noPollConn *conn)
{
  count (&called);
  if (held > 0)
    count (&misuses);
  nopoll_ctx_conns (ctx);
  nopoll_ctx_ref_count (ctx);
  nopoll_conn_is_ready (conn);
  nopoll_conn_pending_write_bytes (conn);
  nopoll_conn_ref (conn);
  nopoll_conn_unref (conn);
}

static nopoll_bool on_event (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look_around (ctx, conn);
  return nopoll_true;
}

static nopoll_bool in_foreach (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look_around (ctx, conn);
  return nopoll_false;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  look_around (ctx, conn);
  nopoll_msg_ref (msg);
  nopoll_msg_unref (msg);
  if (nopoll_msg_opcode (msg) != NOPOLL_PING_FRAME)
    nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                           nopoll_msg_get_payload_size (msg));
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look_around (ctx, conn);
}

static void on_log (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  count (&called);
  if (held > 0)
    count (&misuses);
  nopoll_ctx_conns (ctx);
  nopoll_ctx_ref_count (ctx);
  nopoll_conn_is_ready (*(noPollConn **) data);
  nopoll_ctx_find_certificate (ctx, "name", NULL, NULL, NULL);
}

static int accepted;

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  accepted++;
  nopoll_conn_set_on_close (conn, on_close, NULL);
  nopoll_conn_set_on_ping_msg (conn, on_msg, NULL);
  return on_event (ctx, conn, data);
}

/* A conversation that takes every way through the library at least once. */
static void converse (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *client, *logged = NULL;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollMsg *msg, *joined;
  char buffer[16];
  int peer;

  accepted = 0;
  nopoll_log_set_handler (ctx, on_log, &logged);
  nopoll_ctx_set_certificate (ctx, "name", "cert", "key", NULL);
  nopoll_ctx_set_on_accept (ctx, on_accept, NULL);
  nopoll_ctx_set_on_open (ctx, on_event, NULL);
  nopoll_ctx_set_on_ready (ctx, on_event, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  nopoll_conn_opts_set_cookie (opts, "c=1");
  client = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (nopoll_conn_socket (listener)),
                                 NULL, NULL, NULL, NULL);
  logged = client;
  nopoll_conn_set_on_close (client, on_close, NULL);
  LOOP_UNTIL (ctx, nopoll_conn_is_ready (client));
  CHECK_INT (nopoll_conn_send_text_fragment (client, "frag", 4), 4);
  CHECK_INT (nopoll_conn_send_text (client, "ment", 4), 4);
  CHECK_INT (nopoll_conn_send_ping (client), 1);
  nopoll_conn_set_on_msg (client, NULL, NULL);
  LOOP_UNTIL (ctx, nopoll_conn_read (client, buffer, 4, nopoll_false, 0) == 4);
  nopoll_conn_read (client, buffer, 16, nopoll_true, 5);
  nopoll_conn_flush_writes (client, 1, 0);
  nopoll_conn_complete_pending_write (client);
  nopoll_ctx_foreach_conn (ctx, in_foreach, NULL);
  nopoll_ctx_set_max_frame_size (ctx, -1);
  nopoll_conn_send_text (client, NULL, 1);
  nopoll_conn_send_text (listener, "x", 1);
  nopoll_ctx_register_conn (ctx, client);
  msg = nopoll_msg_new ();
  joined = nopoll_msg_join (msg, msg);
  nopoll_msg_unref (msg);
  nopoll_msg_unref (joined);
  nopoll_sleep (10);
  nopoll_conn_close (client);
  logged = listener;
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);

  /* Failures: a violation, a refused request, nobody there, a name that isn't one. */
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 0, "unmasked", 8);
  LOOP_UNTIL (ctx, accepted == 2 && nopoll_ctx_conns (ctx) == 1);
  close (peer);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_text (peer, "nonsense\r\n\r\n");
  LOOP_UNTIL (ctx, accepted == 3 && nopoll_ctx_conns (ctx) == 1);
  close (peer);
  peer = wire_listen ();
  snprintf (buffer, sizeof buffer, "%d", wire_port (peer));
  close (peer);
  nopoll_conn_close (nopoll_conn_new (ctx, "127.0.0.1", buffer, NULL, NULL, NULL, NULL));
  CHECK (nopoll_conn_new (ctx, "127.0.0.1", "no-such-service", NULL, NULL, NULL, NULL) == NULL);
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", "no-such-service") == NULL);
  CHECK (nopoll_conn_accept_complete (ctx, NULL, listener, -1, nopoll_false) == nopoll_false);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (they_are_never_held_while_the_library_calls_out_or_waits)
{
  begin ();
  called = 0;
  converse ();
  CHECK (called > 20);
  CHECK (waits > 0);
  CHECK (kinds[0].locked > 50);
  settled (&kinds[0]);
  end ();
}

/* A sender whose peer is slow waits in a blocking call. */
static void *read_slowly (void *data)
{
  char waste[65536];
  int peer = *(int *) data;

  while (recv (peer, waste, sizeof waste, 0) > 0)
    ;
  return NULL;
}

TEST (they_are_not_held_by_a_blocking_send_or_read)
{
  noPollCtx *ctx;
  noPollConn *listener, *conn;
  pthread_t thread;
  char *big = (char *) calloc (1, 4000000);
  int peer, raw, size = 8192;
  char byte;

  begin ();
  ctx = nopoll_ctx_new ();
  listener = wire_listener (ctx);
  conn = wire_accepted (ctx, listener, &peer, 1);
  setsockopt (nopoll_conn_socket (conn), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  CHECK (pthread_create (&thread, NULL, read_slowly, &peer) == 0);
  CHECK_INT (nopoll_conn_send_binary (conn, big, 4000000), 4000000);
  wire_send_frame (peer, 0x82, 1, "y", 1);
  CHECK_INT (nopoll_conn_read (conn, &byte, 1, nopoll_true, 0), 1);
  nopoll_conn_read (conn, &byte, 1, nopoll_true, 20);
  nopoll_conn_close (conn);
  pthread_join (thread, NULL);
  close (peer);
  /* A direct accept and a blocking get_msg wait, too. */
  raw = wire_connect (LISTENER_PORT (listener));
  wire_send_request (raw, "/", NULL);
  wire_send_frame (raw, 0x81, 1, "x", 1);
  conn = nopoll_conn_accept (ctx, listener);
  nopoll_msg_unref (nopoll_conn_get_msg (conn));
  nopoll_conn_close (conn);
  close (raw);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  free (big);
  CHECK (waits > 0);
  settled (&kinds[0]);
  end ();
}

static noPollCtx *shared_ctx;
static noPollConn *shared_conn;

static void *use_from_aside (void *data)
{
  int i;

  for (i = 0; i < 200 / check_slowness () + 5; i++) {
    nopoll_conn_send_text (shared_conn, "x", 1);
    nopoll_ctx_conns (shared_ctx);
    nopoll_conn_is_ready (shared_conn);
    nopoll_ctx_foreach_conn (shared_ctx, in_foreach, NULL);
    nopoll_conn_read_pending (shared_conn);
  }
  return NULL;
}

static void *stop_later (void *data)
{
  int i;
  pthread_t threads[3];

  for (i = 0; i < 3; i++)
    if (pthread_create (&threads[i], NULL, use_from_aside, NULL) != 0)
      abort ();
  for (i = 0; i < 3; i++)
    pthread_join (threads[i], NULL);
  nopoll_loop_stop (shared_ctx);
  SHARED_SET (*(int *) data, 1);
  return NULL;
}

TEST (they_serve_several_threads)
{
  noPollConn *listener;
  pthread_t thread;
  int peer, done = 0;

  begin ();
  shared_ctx = nopoll_ctx_new ();
  listener = wire_listener (shared_ctx);
  nopoll_ctx_set_on_msg (shared_ctx, on_msg, NULL);
  shared_conn = wire_accepted (shared_ctx, listener, &peer, 0);
  wire_send_frame (peer, 0x81, 1, "x", 1);
  CHECK (pthread_create (&thread, NULL, stop_later, &done) == 0);
  while (!SHARED_GET (done))
    nopoll_loop_wait (shared_ctx, 10000);
  pthread_join (thread, NULL);
  nopoll_conn_close (shared_conn);
  nopoll_conn_close (listener);
  close (peer);
  CHECK_INT (nopoll_ctx_ref_count (shared_ctx), 1);
  nopoll_ctx_unref (shared_ctx);
  settled (&kinds[0]);
  end ();
}

/* U-27 */
TEST (an_object_keeps_the_functions_it_was_made_under)
{
  noPollCtx *old, *new;
  noPollConnOpts *opts;
  noPollConn *conn, *other;
  int peer, far, locked;

  begin ();
  old = nopoll_ctx_new ();
  opts = nopoll_conn_opts_new ();
  conn = wire_client (old, &peer);
  nopoll_thread_handlers (make_b, destroy_b, lock_b, unlock_b);
  new = nopoll_ctx_new ();
  other = wire_client (new, &far);
  CHECK (kinds[1].locked > 0);
  locked = kinds[0].locked;
  CHECK_INT (nopoll_conn_send_text (conn, "x", 1), 1);
  CHECK_INT (nopoll_ctx_conns (old), 1);
  CHECK (kinds[0].locked > locked);
  nopoll_conn_opts_set_cookie (opts, "c");
  nopoll_conn_opts_unref (opts);
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
  CHECK_INT (nopoll_conn_send_text (other, "x", 1), 1);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (old);
  nopoll_conn_close (other);
  nopoll_ctx_unref (new);
  close (peer);
  close (far);
  settled (&kinds[0]);
  settled (&kinds[1]);
  end ();
}

TEST (objects_made_without_them_stay_without)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  begin ();
  CHECK_INT (nopoll_conn_send_text (conn, "x", 1), 1);
  nopoll_conn_opts_set_cookie (opts, "c");
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  nopoll_conn_close (conn);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
  close (peer);
  CHECK_INT (kinds[0].locked + kinds[0].unlocked + kinds[0].destroyed, 0);
  end ();
}

TEST (a_creator_without_success_leaves_objects_without)
{
  begin ();
  nopoll_thread_handlers (make_none, destroy_a, lock_a, unlock_a);
  converse ();
  CHECK (kinds[0].created > 0);
  CHECK_INT (kinds[0].locked + kinds[0].unlocked + kinds[0].destroyed, 0);
  end ();
}

TEST (partial_sets_do_what_there_is)
{
  begin ();
  nopoll_thread_handlers (make_a, destroy_a, NULL, NULL);
  converse ();
  CHECK (kinds[0].created > 0);
  CHECK_INT (kinds[0].destroyed, kinds[0].created);
  CHECK_INT (kinds[0].locked + kinds[0].unlocked, 0);
  nopoll_thread_handlers (NULL, destroy_a, lock_a, unlock_a);
  converse ();
  CHECK_INT (kinds[0].locked + kinds[0].unlocked, 0);
  CHECK_INT (kinds[0].destroyed, kinds[0].created);
  end ();
}

TEST (stopping_the_loop_takes_none)
{
  noPollCtx *ctx;
  int locked;

  begin ();
  ctx = nopoll_ctx_new ();
  locked = kinds[0].locked;
  nopoll_loop_stop (ctx);
  CHECK_INT (kinds[0].locked, locked);
  nopoll_ctx_unref (ctx);
  settled (&kinds[0]);
  end ();
}

TESTS (CASE (they_are_never_held_while_the_library_calls_out_or_waits),
       CASE (they_are_not_held_by_a_blocking_send_or_read), CASE (they_serve_several_threads),
       CASE (an_object_keeps_the_functions_it_was_made_under),
       CASE (objects_made_without_them_stay_without),
       CASE (a_creator_without_success_leaves_objects_without), CASE (partial_sets_do_what_there_is),
       CASE (stopping_the_loop_takes_none))
