/* What becomes of a socket whose connection has ended with something still to be said. */
#include <nopoll.h>

#include <fcntl.h>
#include <pthread.h>

#include "support/limit.h"

static int is_open (int fd) { return fcntl (fd, F_GETFD) >= 0; }

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data) {}

static void count_closes (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ++*(int *) data;
}

/* A ready accepted connection; its context's descriptor number is *fd. */
static void begin (struct wire_pair *pair, int *fd)
{
  limit_off ();
  wire_open (pair, NULL, 1);
  nopoll_conn_set_on_msg (pair->conn, on_msg, NULL);
  *fd = nopoll_conn_socket (pair->conn);
}

TEST (a_loop_half_closes_and_waits_for_the_peer_to_end)
{
  static const int firsts[] = { 0xf1, 0x88 };
  int i;

  for (i = 0; i < 2; i++) {
    struct wire_pair pair;
    int fd, closes = 0;

    begin (&pair, &fd);
    nopoll_conn_set_on_close (pair.conn, count_closes, &closes);
    wire_put (&pair, firsts[i], "\x03\xe8", 2);
    LOOP_UNTIL (pair.ctx, !nopoll_conn_is_ok (pair.conn));
    /* For the program it is over; the peer can read, and write. */
    CHECK_INT (closes, 1);
    wire_expect (&pair, 0x88, i ? "\x03\xe8" : "\x03\xea", 2);
    wire_expect_end (pair.peer);
    wire_put (&pair, 0x81, "nobody reads this", 17);
    nopoll_loop_wait (pair.ctx, 1000);
    wire_put (&pair, 0x81, "nor this", 8);
    CHECK (is_open (fd));
    wire_end (pair.peer);
    LOOP_UNTIL (pair.ctx, !is_open (fd));
    wire_close (&pair);
  }
}

static void stop_on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  nopoll_loop_stop (ctx);
}

TEST (what_a_stopped_wait_has_heard_of_is_closed_by_the_next)
{
  struct wire_pair ending, other;
  int fd;

  begin (&ending, &fd);
  wire_open (&other, ending.ctx, 1);
  nopoll_conn_set_on_msg (other.conn, stop_on_msg, NULL);
  wire_put (&ending, 0xf1, "", 0);
  LOOP_UNTIL (ending.ctx, !nopoll_conn_is_ok (ending.conn));
  /* Both come with the same look at the descriptors. */
  wire_end (ending.peer);
  wire_put (&other, 0x81, "stop", 4);
  wire_await_unread (nopoll_conn_socket (other.conn), 10);
  CHECK_INT (nopoll_loop_wait (ending.ctx, 0), 0);
  nopoll_loop_wait (ending.ctx, 1);
  CHECK (!is_open (fd));
  nopoll_conn_close (other.conn);
  nopoll_conn_close (other.listener);
  close (other.peer);
  wire_close (&ending);
}

TEST (a_peer_that_never_ends_is_left_after_two_seconds)
{
  struct wire_pair pair;
  int fd;

  begin (&pair, &fd);
  wire_put (&pair, 0xf1, "", 0);
  LOOP_UNTIL (pair.ctx, !nopoll_conn_is_ok (pair.conn));
  CHECK (is_open (fd));
  LOOP_UNTIL (pair.ctx, !is_open (fd));
  wire_close (&pair);
}

TEST (a_peer_that_goes_on_and_on_is_left_after_a_megabyte)
{
  static char block[16384];
  struct wire_pair pair;
  long sent = 0;
  int fd;

  begin (&pair, &fd);
  wire_put (&pair, 0xf1, "", 0);
  LOOP_UNTIL (pair.ctx, !nopoll_conn_is_ok (pair.conn));
  while (is_open (fd)) {
    ssize_t n = send (pair.peer, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
      sent += n;
    else if (errno != EAGAIN)
      break;
    nopoll_loop_wait (pair.ctx, 1);
  }
  CHECK (sent >= 1024 * 1024);
  LOOP_UNTIL (pair.ctx, !is_open (fd));
  wire_close (&pair);
}

TEST (without_a_loop_the_socket_is_closed_at_once)
{
  static const int firsts[] = { 0xf1, 0x88 };
  int i;

  for (i = 0; i < 2; i++) {
    struct wire_pair pair;
    unsigned char more[256];
    int fd;
    long size;

    begin (&pair, &fd);
    /* What is unread doesn't make the kernel reset the connection: it is discarded first. */
    size = wire_frame (more, firsts[i], 1, "\x03\xe8", 2);
    size += wire_frame (more + size, 0x81, 1, "more of it", 10);
    wire_send (pair.peer, more, size);
    wire_await_unread (fd, (int) size);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK (!is_open (fd));
    wire_expect (&pair, 0x88, i ? "\x03\xe8" : "\x03\xea", 2);
    wire_expect_end (pair.peer);
    wire_close (&pair);
  }
}

static void *read_all (void *data)
{
  struct wire_pair *pair = (struct wire_pair *) data;
  static char rest[1 << 20];

  wire_expect (pair, 0x8a, "ping", 4);
  wire_expect (pair, 0x88, "", 0);
  CHECK_INT (wire_receive_rest (pair->peer, rest, sizeof rest), 0);
  return NULL;
}

/* A connection whose pong the kernel has taken two bytes of. */
static void begin_with_backlog (struct wire_pair *pair, int *fd)
{
  limit_off ();
  wire_open_local (pair, NULL, 1);
  *fd = nopoll_conn_socket (pair->conn);
  limit_to (pair->conn, 2);
  wire_put (pair, 0x89, "ping", 4);
  while (nopoll_conn_get_msg (pair->conn) == NULL && errno == 0)
    continue;
}

TEST (a_close_without_a_loop_waits_a_moment_for_the_peer)
{
  struct wire_pair pair;
  pthread_t thread;
  int fd;

  begin_with_backlog (&pair, &fd);
  limit_off ();
  pthread_create (&thread, NULL, read_all, &pair);
  nopoll_conn_close (pair.conn);
  pair.conn = NULL;
  CHECK (!is_open (fd));
  pthread_join (thread, NULL);
  wire_close (&pair);
}

TEST (a_close_without_a_loop_gives_a_silent_peer_a_second)
{
  struct wire_pair pair;
  char got[16];
  int fd;

  begin_with_backlog (&pair, &fd);
  limit_left = 0;
  nopoll_conn_close (pair.conn);
  pair.conn = NULL;
  CHECK (!is_open (fd));
  limit_off ();
  CHECK_INT (wire_receive_rest (pair.peer, got, sizeof got), 2);
  wire_close (&pair);
}

TEST (what_a_shutdown_leaves_is_written_by_a_later_wait)
{
  struct wire_pair pair;
  int fd;

  begin_with_backlog (&pair, &fd);
  nopoll_conn_shutdown (pair.conn);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  CHECK (is_open (fd));
  limit_off ();
  LOOP_UNTIL (pair.ctx, !is_open (fd));
  wire_expect (&pair, 0x8a, "ping", 4);
  wire_expect_end (pair.peer);
  wire_close (&pair);
}

TEST (what_an_ended_peer_leaves_is_written_by_a_later_wait)
{
  struct wire_pair pair;
  int fd;

  begin_with_backlog (&pair, &fd);
  wire_end (pair.peer);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK (is_open (fd));
  limit_off ();
  LOOP_UNTIL (pair.ctx, !is_open (fd));
  wire_expect (&pair, 0x8a, "ping", 4);
  wire_close (&pair);
}

TEST (a_context_that_goes_gives_what_lingers_a_last_attempt)
{
  int taken;

  for (taken = 0; taken < 2; taken++) {
    struct wire_pair pair;
    char got[16];
    int fd;

    begin_with_backlog (&pair, &fd);
    nopoll_conn_shutdown (pair.conn);
    nopoll_conn_close (pair.conn);
    nopoll_conn_close (pair.listener);
    CHECK (is_open (fd));
    /* It holds no reference. */
    CHECK_INT (nopoll_ctx_ref_count (pair.ctx), 1);
    limit_left = taken ? -1 : 0;
    nopoll_ctx_unref (pair.ctx);
    CHECK (!is_open (fd));
    limit_off ();
    CHECK_INT (wire_receive_rest (pair.peer, got, sizeof got), taken ? 6 : 2);
    close (pair.peer);
  }
}

TEST (an_owed_frame_does_not_linger)
{
  struct wire_pair pair;
  char got[16];
  int fd;

  limit_off ();
  wire_open_local (&pair, NULL, 1);
  fd = nopoll_conn_socket (pair.conn);
  limit_to (pair.conn, 5);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 3);
  nopoll_conn_shutdown (pair.conn);
  CHECK (!is_open (fd));
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  limit_off ();
  CHECK_INT (wire_receive_rest (pair.peer, got, sizeof got), 5);
  wire_close (&pair);
}

enum { FIRST = 100, MANY = 300, MOST = 256 };

static int open_among (const int *fds, int count)
{
  int i, open = 0;

  for (i = 0; i < count; i++)
    open += is_open (fds[i]);
  return open;
}

static int ok_among (noPollConn **conns, int count)
{
  int i, ok = 0;

  for (i = 0; i < count; i++)
    ok += nopoll_conn_is_ok (conns[i]);
  return ok;
}

TEST (no_more_than_256_linger_and_the_oldest_go_first)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  static noPollConn *conns[MANY];
  static int peers[MANY], fds[MANY];
  int i;

  limit_off ();
  for (i = 0; i < MANY; i++) {
    conns[i] = wire_accepted (ctx, listener, &peers[i], 0);
    fds[i] = nopoll_conn_socket (conns[i]);
    nopoll_conn_ref (conns[i]);
  }
  /* Each is told of its error, and doesn't end its half. */
  for (i = 0; i < FIRST; i++)
    wire_send_frame (peers[i], 0xf1, 1, "", 0);
  LOOP_UNTIL (ctx, ok_among (conns, MANY) == MANY - FIRST);
  for (; i < MANY; i++)
    wire_send_frame (peers[i], 0xf1, 1, "", 0);
  LOOP_UNTIL (ctx, ok_among (conns, MANY) == 0);
  CHECK (open_among (fds, MANY) <= MOST);
  /* Slow tools may take longer than the 2 s that each is given. */
  if (check_slowness () == 1) {
    CHECK_INT (open_among (fds, FIRST), MOST - (MANY - FIRST));
    CHECK_INT (open_among (fds + FIRST, MANY - FIRST), MANY - FIRST);
  }
  for (i = 0; i < MANY; i++) {
    wire_expect_frame (peers[i], 0x88, 0, "\x03\xea", 2);
    close (peers[i]);
    nopoll_conn_close (conns[i]);
  }
  LOOP_UNTIL (ctx, open_among (fds, MANY) == 0);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_loop_half_closes_and_waits_for_the_peer_to_end),
       CASE (what_a_stopped_wait_has_heard_of_is_closed_by_the_next),
       CASE (a_peer_that_never_ends_is_left_after_two_seconds),
       CASE (a_peer_that_goes_on_and_on_is_left_after_a_megabyte),
       CASE (without_a_loop_the_socket_is_closed_at_once),
       CASE (a_close_without_a_loop_waits_a_moment_for_the_peer),
       CASE (a_close_without_a_loop_gives_a_silent_peer_a_second),
       CASE (what_a_shutdown_leaves_is_written_by_a_later_wait),
       CASE (what_an_ended_peer_leaves_is_written_by_a_later_wait),
       CASE (a_context_that_goes_gives_what_lingers_a_last_attempt),
       CASE (an_owed_frame_does_not_linger),
       CASE (no_more_than_256_linger_and_the_oldest_go_first))
