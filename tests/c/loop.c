/* nopoll_loop_wait: what it returns and when, stopping it, waits inside of waits. */
#include <limits.h>
#include <signal.h>
#include <time.h>

#include "support/server.h"

struct seen {
  noPollConn *stopper;
  int on_stopper;
  int elsewhere;
  int nested;
};

static void stop_it (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn;
  (void) msg;
  ++*(int *) data;
  nopoll_loop_stop (ctx);
}

static void count_it (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  (void) msg;
  ++*(int *) data;
}

TEST (bad_arguments_return_at_once)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  CHECK_INT (nopoll_loop_wait (NULL, 5), -2);
  CHECK_INT (nopoll_loop_wait (NULL, 0), -2);
  CHECK_INT (nopoll_loop_wait (ctx, -1), -2);
  CHECK_INT (nopoll_loop_wait (ctx, LONG_MIN), -2);
  nopoll_loop_stop (NULL);
  CHECK_INT (nopoll_loop_ended (NULL), 1);
  CHECK_INT (nopoll_loop_ended (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-21 */
TEST (a_deadline_is_never_early)
{
  static const long timeouts[] = { 1, 300, 999, 1000, 1001, 4500, 20000, 70001 };
  struct server server;
  size_t i;

  server_start (&server, NULL, NULL);
  for (i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    long long begun = clock_us ();

    CHECK_INT (nopoll_loop_wait (server.ctx, timeouts[i]), -3);
    CHECK (clock_us () - begun >= timeouts[i]);
  }
  server_stop (&server);
}

TEST (a_loop_without_connections_waits)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct loop_thread loop;
  long long begun = clock_us ();

  CHECK_INT (nopoll_loop_wait (ctx, 30000), -3);
  CHECK (clock_us () - begun >= 30000);
  loop_thread_start (&loop, ctx);
  CHECK_INT (loop_thread_stop (&loop), 0);
  nopoll_ctx_unref (ctx);
}

/* L-21 */
TEST (one_microsecond_makes_a_full_pass)
{
  struct server server;
  int seen = 0, peer, other;

  server_start (&server, count_it, &seen);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  other = wire_connect (LISTENER_PORT (server.listener));
  wire_wait_readable (nopoll_conn_socket (server.listener));
  CHECK_INT (nopoll_loop_wait (server.ctx, 1), -3);
  CHECK_INT (seen, 1);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 3);
  server_stop (&server);
  close (peer);
  close (other);
}

/* What was there before the first wait of a context is not missed. */
TEST (the_first_wait_sees_what_came_before)
{
  struct server server;
  int seen = 0, peer;

  server_start (&server, count_it, &seen);
  wire_accepted (server.ctx, server.listener, &peer, 1);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1), -3);
  CHECK_INT (seen, 1);
  server_stop (&server);
  close (peer);
}

TEST (absurd_timeouts_dont_overflow)
{
  static const long timeouts[] = { LONG_MAX / 3, LONG_MAX / 1000, LONG_MAX - 1, LONG_MAX };
  struct server server;
  int seen = 0, peer;
  size_t i;

  server_start (&server, stop_it, &seen);
  peer = server_peer (&server);
  for (i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    wire_send_frame (peer, 0x81, 1, "a", 1);
    CHECK_INT (nopoll_loop_wait (server.ctx, timeouts[i]), 0);
    CHECK_INT (seen, (int) i + 1);
  }
  server_stop (&server);
  close (peer);
}

TEST (a_stop_in_a_handler_ends_the_wait)
{
  struct server server;
  int seen = 0, peer;

  server_start (&server, stop_it, &seen);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (seen, 1);
  CHECK_INT (nopoll_conn_is_ok (server_newest (&server)), nopoll_true);
  wire_send_frame (peer, 0x81, 1, "b", 1);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (seen, 2);
  server_stop (&server);
  close (peer);
}

/* L-22 */
TEST (a_stop_from_another_thread_ends_an_idle_wait)
{
  struct server server;
  struct loop_thread loop;
  int i;

  server_start (&server, NULL, NULL);
  for (i = 0; i < 50; i++) {
    loop_thread_start (&loop, server.ctx);
    CHECK_INT (nopoll_loop_ended (server.ctx), 0);
    CHECK_INT (loop_thread_stop (&loop), 0);
    CHECK_INT (nopoll_loop_ended (server.ctx), 1);
  }
  server_stop (&server);
}

static noPollCtx *signalled;
static volatile sig_atomic_t signals;

static void stop_on_signal (int number)
{
  (void) number;
  signals++;
  nopoll_loop_stop (signalled);
}

static void only_count (int number)
{
  (void) number;
  signals++;
}

static void handle (int number, void (*handler) (int))
{
  struct sigaction action;

  memset (&action, 0, sizeof action);
  action.sa_handler = handler;
  sigaction (number, &action, NULL);
}

static void *raise_later (void *data)
{
  pthread_t target = *(pthread_t *) data;

  WAIT_UNTIL (!nopoll_loop_ended (signalled));
  nopoll_sleep (2000);
  pthread_kill (target, SIGUSR1);
  return NULL;
}

/* L-22: the handler runs on the thread that waits. */
TEST (a_stop_from_a_signal_handler_ends_an_idle_wait)
{
  struct server server;
  pthread_t self = pthread_self (), helper;

  server_start (&server, NULL, NULL);
  signalled = server.ctx;
  signals = 0;
  handle (SIGUSR1, stop_on_signal);
  CHECK (pthread_create (&helper, NULL, raise_later, &self) == 0);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (signals, 1);
  pthread_join (helper, NULL);
  server_stop (&server);
}

/* L-22: the handler runs on another thread, so that the wait's system call is not interrupted. */
TEST (a_signal_on_another_thread_ends_an_idle_wait)
{
  struct server server;
  struct loop_thread loop;
  sigset_t blocked;

  server_start (&server, NULL, NULL);
  signalled = server.ctx;
  signals = 0;
  handle (SIGUSR1, stop_on_signal);
  sigemptyset (&blocked);
  sigaddset (&blocked, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &blocked, NULL);
  loop_thread_start (&loop, server.ctx);
  pthread_sigmask (SIG_UNBLOCK, &blocked, NULL);
  raise (SIGUSR1);
  CHECK_INT (loop_thread_join (&loop), 0);
  CHECK_INT (signals, 1);
  server_stop (&server);
}

/* L-23 */
TEST (a_stop_before_the_wait_is_lost)
{
  struct server server;

  server_start (&server, NULL, NULL);
  nopoll_loop_stop (server.ctx);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  nopoll_loop_stop (server.ctx);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  server_stop (&server);
}

TEST (signals_dont_end_a_wait)
{
  /* Not the timer of alarm, whose signal ends a test that takes too long. */
  struct sigevent by = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
  struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } };
  struct server server;
  timer_t timer;
  int seen = 0, peer;
  long long begun;

  server_start (&server, count_it, &seen);
  peer = server_peer (&server);
  signals = 0;
  handle (SIGUSR2, only_count);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  CHECK_INT (timer_create (CLOCK_MONOTONIC, &by, &timer), 0);
  timer_settime (timer, 0, &often, NULL);
  begun = clock_us ();
  CHECK_INT (nopoll_loop_wait (server.ctx, 100000), -3);
  CHECK (clock_us () - begun >= 100000);
  timer_delete (timer);
  CHECK (signals > 0);
  CHECK_INT (seen, 1);
  server_stop (&server);
  close (peer);
}

static void stop_late (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn;
  (void) msg;
  (void) data;
  nopoll_sleep (3000);
  nopoll_loop_stop (ctx);
}

/* L-17 */
TEST (a_stop_wins_over_a_deadline_that_has_passed)
{
  struct server server;
  int peer;

  server_start (&server, stop_late, NULL);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), 0);
  server_stop (&server);
  close (peer);
}

static void stop_on_first (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct seen *seen = (struct seen *) data;

  (void) msg;
  if (seen->stopper == NULL) {
    seen->stopper = conn;
    nopoll_loop_stop (ctx);
  }
  if (conn == seen->stopper)
    seen->on_stopper++;
  else
    seen->elsewhere++;
}

TEST (after_a_stop_others_get_one_message_at_most)
{
  struct server server;
  struct seen seen;
  int peers[4], i, k;

  memset (&seen, 0, sizeof seen);
  server_start (&server, stop_on_first, &seen);
  for (i = 0; i < 4; i++)
    peers[i] = server_peer (&server);
  for (i = 0; i < 4; i++)
    for (k = 0; k < 3; k++)
      wire_send_frame (peers[i], 0x81, 1, "a", 1);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (seen.on_stopper, 1);
  CHECK (seen.elsewhere <= 3);
  LOOP_UNTIL (server.ctx, seen.on_stopper + seen.elsewhere == 12);
  CHECK_INT (seen.on_stopper, 3);
  server_stop (&server);
  for (i = 0; i < 4; i++)
    close (peers[i]);
}

static void wait_inside (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct seen *seen = (struct seen *) data;

  (void) conn;
  if (memcmp (nopoll_msg_get_payload (msg), "nest", 4) != 0) {
    seen->elsewhere++;
    return;
  }
  seen->nested++;
  CHECK_INT (nopoll_loop_ended (ctx), 0);
  CHECK_INT (nopoll_loop_wait (ctx, 20000), -3);
  CHECK_INT (nopoll_loop_ended (ctx), 0);
}

/* L-24: the nested wait serves the very connection whose handler it is in, and others. */
TEST (a_nested_wait_that_times_out_leaves_the_outer_running)
{
  struct server server;
  struct seen seen;
  int peer, other;

  memset (&seen, 0, sizeof seen);
  server_start (&server, wait_inside, &seen);
  peer = server_peer (&server);
  other = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "nest", 4);
  wire_send_frame (peer, 0x81, 1, "same", 4);
  wire_send_frame (other, 0x81, 1, "other", 5);
  LOOP_UNTIL (server.ctx, seen.elsewhere == 2);
  wire_send_frame (peer, 0x81, 1, "after", 5);
  wire_send_frame (other, 0x81, 1, "nest", 4);
  LOOP_UNTIL (server.ctx, seen.elsewhere == 3 && seen.nested == 2);
  CHECK_INT (nopoll_loop_ended (server.ctx), 1);
  server_stop (&server);
  close (peer);
  close (other);
}

static void nest_twice (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct seen *seen = (struct seen *) data;

  (void) conn;
  (void) msg;
  seen->nested++;
  if (seen->nested == 3)
    nopoll_loop_stop (ctx);
  else
    CHECK_INT (nopoll_loop_wait (ctx, 0), 0);
}

/* L-24 */
TEST (a_stop_ends_all_nested_waits)
{
  struct server server;
  struct seen seen;
  int peer, i;

  memset (&seen, 0, sizeof seen);
  server_start (&server, nest_twice, &seen);
  peer = server_peer (&server);
  for (i = 0; i < 3; i++)
    wire_send_frame (peer, 0x81, 1, "a", 1);
  CHECK_INT (nopoll_loop_wait (server.ctx, 0), 0);
  CHECK_INT (seen.nested, 3);
  server_stop (&server);
  close (peer);
}

static void wait_elsewhere (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct server *inner = (struct server *) data;

  (void) ctx;
  (void) conn;
  (void) msg;
  CHECK_INT (nopoll_loop_wait (inner->ctx, 0), 0);
  CHECK_INT (nopoll_loop_wait (inner->ctx, 1000), -3);
}

/* A stop of one context is no stop of the other. */
TEST (a_handler_may_wait_on_another_context)
{
  struct server outer, inner;
  int seen = 0, peer, inner_peer;

  server_start (&inner, stop_it, &seen);
  server_start (&outer, wait_elsewhere, &inner);
  peer = server_peer (&outer);
  inner_peer = server_peer (&inner);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_send_frame (inner_peer, 0x81, 1, "b", 1);
  CHECK_INT (nopoll_loop_wait (outer.ctx, 100000), -3);
  CHECK_INT (seen, 1);
  server_stop (&outer);
  server_stop (&inner);
  close (peer);
  close (inner_peer);
}

static void wait_long (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn;
  (void) msg;
  ++*(int *) data;
  CHECK_INT (nopoll_loop_wait (ctx, 30000), -3);
}

TEST (an_outer_deadline_inside_a_nested_wait_counts_afterwards)
{
  struct server server;
  int seen = 0, peer;

  server_start (&server, wait_long, &seen);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  CHECK_INT (seen, 1);
  server_stop (&server);
  close (peer);
}

TESTS (CASE (bad_arguments_return_at_once), CASE (a_deadline_is_never_early),
       CASE (a_loop_without_connections_waits), CASE (one_microsecond_makes_a_full_pass),
       CASE (the_first_wait_sees_what_came_before), CASE (absurd_timeouts_dont_overflow),
       CASE (a_stop_in_a_handler_ends_the_wait),
       CASE (a_stop_from_another_thread_ends_an_idle_wait),
       CASE (a_stop_from_a_signal_handler_ends_an_idle_wait),
       CASE (a_signal_on_another_thread_ends_an_idle_wait), CASE (a_stop_before_the_wait_is_lost),
       CASE (signals_dont_end_a_wait), CASE (a_stop_wins_over_a_deadline_that_has_passed),
       CASE (after_a_stop_others_get_one_message_at_most),
       CASE (a_nested_wait_that_times_out_leaves_the_outer_running),
       CASE (a_stop_ends_all_nested_waits), CASE (a_handler_may_wait_on_another_context),
       CASE (an_outer_deadline_inside_a_nested_wait_counts_afterwards))
