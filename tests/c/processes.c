/* Forks: servers that share a listener, daemons, children beside the parent's connections. */
#include <nopoll.h>

#include <signal.h>

#include "support/process.h"
#include "support/server.h"

/* A pipe between parent and child. */
struct pipes {
  int to_child[2];
  int to_parent[2];
};

static void open_pipes (struct pipes *pipes)
{
  CHECK (pipe (pipes->to_child) == 0 && pipe (pipes->to_parent) == 0);
}

static void close_pipes (struct pipes *pipes)
{
  close (pipes->to_child[0]);
  close (pipes->to_child[1]);
  close (pipes->to_parent[0]);
  close (pipes->to_parent[1]);
}

static void tell (int fd)
{
  CHECK (write (fd, "x", 1) == 1);
}

/* Waits until the other process has told. */
static void hear (int fd)
{
  char byte;

  wire_wait_readable (fd);
  CHECK (read (fd, &byte, 1) == 1);
}

static noPollCtx *stopped_by_signal;

static void stop (int sig)
{
  (void) sig;
  nopoll_loop_stop (stopped_by_signal);
}

struct child {
  struct server *server;
  struct pipes *pipes;
  int served;
};

static void echo_and_count (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ((struct child *) data)->served++;
  server_echo (ctx, conn, msg, NULL);
}

/* Serves until a signal comes; gives back everything. */
static void serve (void *data)
{
  struct child *child = (struct child *) data;

  stopped_by_signal = child->server->ctx;
  signal (SIGTERM, stop);
  nopoll_ctx_set_on_msg (child->server->ctx, echo_and_count, child);
  /* Told from within, so that the signal finds the wait. */
  tell (child->pipes->to_parent[1]);
  while (nopoll_loop_wait (child->server->ctx, 0) != 0)
    ;
  server_stop (child->server);
}

/* Signals until the child has ended: the first may have come before its wait. */
static void end_child (pid_t child)
{
  int i;

  for (i = 0; i < 10000 * check_slowness () && process_is_running (child); i++) {
    kill (child, SIGTERM);
    nopoll_sleep (10000);
  }
  process_join (child);
}

static void exchange (int port)
{
  char head[4096];
  int peer = wire_connect (port);

  wire_send_request (peer, "/", NULL);
  wire_receive_head (peer, head, sizeof head);
  wire_send_frame (peer, 0x81, 1, "hello", 5);
  wire_expect_frame (peer, 0x81, 0, "hello", 5);
  close (peer);
}

/* L-47: each child waits on the listener it inherited; one of them gets each connection. */
TEST (children_share_a_listener)
{
  enum { CHILDREN = 3, PEERS = 30 };
  struct server server;
  struct pipes pipes;
  struct child child = { &server, &pipes, 0 };
  pid_t children[CHILDREN];
  int port, i;

  open_pipes (&pipes);
  server_start (&server, NULL, NULL);
  port = LISTENER_PORT (server.listener);
  for (i = 0; i < CHILDREN; i++)
    children[i] = process_start (serve, &child);
  for (i = 0; i < CHILDREN; i++)
    hear (pipes.to_parent[0]);
  for (i = 0; i < PEERS; i++)
    exchange (port);
  /* The parent may go on accepting, too. */
  nopoll_ctx_set_on_msg (server.ctx, server_echo, NULL);
  nopoll_loop_wait (server.ctx, 1000);
  for (i = 0; i < CHILDREN; i++)
    end_child (children[i]);
  server_stop (&server);
  close_pipes (&pipes);
}

struct daemon {
  struct pipes *pipes;
  int port;
};

static void become_daemon (void *data)
{
  struct daemon *daemon = (struct daemon *) data;
  struct server server;
  struct child child = { &server, daemon->pipes, 0 };
  pid_t self;

  server_start (&server, NULL, NULL);
  nopoll_loop_wait (server.ctx, 1000);
  daemon->port = LISTENER_PORT (server.listener);
  CHECK (write (daemon->pipes->to_parent[1], &daemon->port, sizeof daemon->port)
         == (ssize_t) sizeof daemon->port);
  self = fork ();
  CHECK (self >= 0);
  if (self > 0)
    _exit (0);
  check_guard (60);
  self = getpid ();
  CHECK (write (daemon->pipes->to_parent[1], &self, sizeof self) == (ssize_t) sizeof self);
  serve (&child);
}

/* The process that listens forks and ends; the child serves. */
TEST (a_daemon_serves_on_what_its_parent_opened)
{
  struct pipes pipes;
  struct daemon daemon = { &pipes, 0 };
  pid_t starter, server;
  int i;

  open_pipes (&pipes);
  starter = process_start (become_daemon, &daemon);
  wire_wait_readable (pipes.to_parent[0]);
  CHECK (read (pipes.to_parent[0], &daemon.port, sizeof daemon.port)
         == (ssize_t) sizeof daemon.port);
  process_join (starter);
  wire_wait_readable (pipes.to_parent[0]);
  CHECK (read (pipes.to_parent[0], &server, sizeof server) == (ssize_t) sizeof server);
  hear (pipes.to_parent[0]);
  for (i = 0; i < 3; i++)
    exchange (daemon.port);
  while (kill (server, SIGTERM) == 0)
    nopoll_sleep (10000);
  close_pipes (&pipes);
}

#define LARGE (8 * 1024 * 1024)

static void reply_much (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  char *large = (char *) malloc (LARGE);

  (void) ctx;
  (void) msg;
  memset (large, 'p', LARGE);
  CHECK_INT (nopoll_conn_send_binary (conn, large, LARGE), LARGE);
  free (large);
  ++*(int *) data;
}

/* The child waits on the inherited context, uses one of its own, and ends without closing. */
static void live_beside (void *data)
{
  struct child *child = (struct child *) data;
  struct server own;
  noPollConn *conn;
  int peer;

  conn = server_newest (child->server);
  CHECK_INT (nopoll_conn_pending_write_bytes (conn), 0);
  CHECK_INT (nopoll_loop_wait (child->server->ctx, 20000), -3);
  server_start (&own, server_echo, NULL);
  peer = server_peer (&own);
  wire_send_frame (peer, 0x81, 1, "own", 3);
  LOOP_UNTIL (own.ctx, wire_unread (peer) > 0);
  wire_expect_frame (peer, 0x81, 0, "own", 3);
  server_stop (&own);
  close (peer);
  /* A frame of its own must not carry the parent's bytes. */
  tell (child->pipes->to_parent[1]);
  hear (child->pipes->to_child[0]);
  CHECK_INT (nopoll_conn_send_text (conn, "child", 5), 5);
}

/* L-47: the child writes nothing of what the parent had not written yet, and takes nothing from
 * the parent's loop. */
TEST (a_child_leaves_the_parents_connections_alone)
{
  struct server server;
  struct pipes pipes;
  struct child child = { &server, &pipes, 0 };
  struct loop_thread loop;
  unsigned char *got = (unsigned char *) malloc (LARGE);
  int peer, replies = 0, first, masked;
  long i;
  pid_t running;

  open_pipes (&pipes);
  server_start (&server, reply_much, &replies);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, replies == 1);
  running = process_start (live_beside, &child);
  hear (pipes.to_parent[0]);
  loop_thread_start (&loop, server.ctx);
  CHECK_INT (wire_receive_frame (peer, &first, &masked, got, LARGE), LARGE);
  for (i = 0; i < LARGE && got[i] == 'p'; i++)
    ;
  CHECK_INT (i, LARGE);
  free (got);
  tell (pipes.to_child[1]);
  process_join (running);
  wire_expect_frame (peer, 0x81, 0, "child", 5);
  nopoll_ctx_set_on_msg (server.ctx, server_echo, NULL);
  wire_send_frame (peer, 0x81, 1, "after", 5);
  wire_expect_frame (peer, 0x81, 0, "after", 5);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
  close_pipes (&pipes);
}

static void fork_inside (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  pid_t *child = (pid_t *) data;

  (void) msg;
  if (*child)
    return;
  CHECK_INT (nopoll_conn_send_text (conn, "before", 6), 6);
  *child = fork ();
  if (*child == 0) {
    /* A child of a handler may wait, and must not answer for the parent. */
    nopoll_loop_wait (ctx, 1000);
    _exit (0);
  }
  CHECK_INT (nopoll_conn_send_text (conn, "after", 5), 5);
}

TEST (a_handler_may_fork)
{
  struct server server;
  pid_t child = 0;
  int peer;

  server_start (&server, fork_inside, &child);
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, wire_unread (peer) == 8 + 7);
  wire_expect_frame (peer, 0x81, 0, "before", 6);
  wire_expect_frame (peer, 0x81, 0, "after", 5);
  process_join (child);
  wire_send_frame (peer, 0x89, 1, "", 0);
  LOOP_UNTIL (server.ctx, wire_unread (peer) == 2);
  wire_expect_frame (peer, 0x8a, 0, "", 0);
  CHECK (wire_is_quiet (peer));
  server_stop (&server);
  close (peer);
}

static void close_listener (void *data)
{
  struct child *child = (struct child *) data;

  nopoll_loop_wait (child->server->ctx, 1000);
  nopoll_conn_close (child->server->listener);
  nopoll_loop_wait (child->server->ctx, 1000);
}

/* The child gives the listener back: the parent's goes on listening, and its loop sees it. */
TEST (a_child_may_close_its_copy_of_the_listener)
{
  struct server server;
  struct child child = { &server, NULL, 0 };
  int peer;

  server_start (&server, server_echo, NULL);
  nopoll_loop_wait (server.ctx, 1000);
  process_join (process_start (close_listener, &child));
  peer = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, wire_unread (peer) > 0);
  server_stop (&server);
  close (peer);
}

static void detach_all (void *data)
{
  struct child *child = (struct child *) data;
  noPollConn *conn;

  nopoll_loop_wait (child->server->ctx, 1000);
  conn = server_newest (child->server);
  nopoll_conn_set_socket (conn, -1);
  nopoll_loop_wait (child->server->ctx, 1000);
  CHECK_INT (nopoll_ctx_conns (child->server->ctx), 1);
  nopoll_conn_set_socket (child->server->listener, -1);
  server_stop (child->server);
}

/* A child that detaches descriptors before it releases objects leaves the parent undisturbed. */
TEST (a_child_may_detach_what_it_inherited)
{
  struct server server;
  struct child child = { &server, NULL, 0 };
  int peer, other;

  server_start (&server, server_echo, NULL);
  peer = server_peer (&server);
  process_join (process_start (detach_all, &child));
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, wire_unread (peer) > 0);
  other = server_peer (&server);
  server_stop (&server);
  close (peer);
  close (other);
}

static void stop_own (void *data)
{
  struct child *child = (struct child *) data;
  struct loop_thread loop;

  loop_thread_start (&loop, child->server->ctx);
  CHECK_INT (loop_thread_stop (&loop), 0);
}

/* A stop in the child is none in the parent. */
TEST (a_stop_in_a_child_does_not_reach_the_parent)
{
  struct server server;
  struct child child = { &server, NULL, 0 };
  pid_t running;

  server_start (&server, NULL, NULL);
  nopoll_loop_wait (server.ctx, 1000);
  running = process_start (stop_own, &child);
  CHECK_INT (nopoll_loop_wait (server.ctx, 100000), -3);
  process_join (running);
  server_stop (&server);
}

TESTS (CASE (children_share_a_listener), CASE (a_daemon_serves_on_what_its_parent_opened),
       CASE (a_child_leaves_the_parents_connections_alone), CASE (a_handler_may_fork),
       CASE (a_child_may_close_its_copy_of_the_listener),
       CASE (a_child_may_detach_what_it_inherited),
       CASE (a_stop_in_a_child_does_not_reach_the_parent))
