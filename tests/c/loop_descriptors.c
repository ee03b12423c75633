/* The loop and descriptor numbers: reused, replaced, taken away, high ones. */
#include <nopoll.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "support/process.h"
#include "support/server.h"

struct run {
  struct server *server;
  noPollConn *victim;
  int victim_fd;
  int newcomer;
  int messages;
  int closed;
  char last[16];
};

static void keep (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  (void) ctx;
  (void) conn;
  run->messages++;
  snprintf (run->last, sizeof run->last, "%s", (const char *) nopoll_msg_get_payload (msg));
}

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ((struct run *) data)->closed++;
}

static void begin (struct run *run, struct server *server, noPollOnMessageHandler on_msg)
{
  memset (run, 0, sizeof *run);
  run->server = server;
  server_start (server, on_msg, run);
}

/* Two connected sockets of ours. */
static void make_pair (int fds[2])
{
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
}

static void replace_victim (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;
  noPollConn *fresh;

  (void) msg;
  run->messages++;
  if (run->newcomer)
    return;
  if (conn == run->victim)
    run->victim = nopoll_conn_get_hook (conn);
  run->victim_fd = nopoll_conn_socket (run->victim);
  run->newcomer = wire_connect (LISTENER_PORT (run->server->listener));
  nopoll_conn_close (run->victim);
  fresh = nopoll_conn_accept (ctx, run->server->listener);
  CHECK (fresh != NULL);
  CHECK_INT (nopoll_conn_socket (fresh), run->victim_fd);
}

/* L-20, M-52: both are ready; the first served closes the other, and a new connection gets the
 * number. It is blocking and has sent nothing yet: being read would stall the loop. */
TEST (a_new_connection_is_not_served_on_its_numbers_old_readiness)
{
  struct server server;
  struct run run;
  noPollConn *conn, *other;
  int peer, ours, head;
  char text[4096];

  begin (&run, &server, replace_victim);
  peer = server_peer (&server);
  conn = server_newest (&server);
  ours = server_peer (&server);
  other = server_newest (&server);
  nopoll_conn_set_hook (conn, other);
  nopoll_conn_set_hook (other, conn);
  run.victim = conn;
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_send_frame (ours, 0x81, 1, "b", 1);
  wire_await_unread (nopoll_conn_socket (conn), 7);
  wire_await_unread (nopoll_conn_socket (other), 7);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  CHECK_INT (run.messages, 1);
  CHECK (run.newcomer > 0);
  wire_send_request (run.newcomer, "/", NULL);
  LOOP_UNTIL (server.ctx, wire_unread (run.newcomer) > 0);
  head = (int) wire_receive_head (run.newcomer, text, sizeof text);
  CHECK (head > 12 && memcmp (text + 9, "101", 3) == 0);
  wire_send_frame (run.newcomer, 0x81, 1, "c", 1);
  LOOP_UNTIL (server.ctx, run.messages == 2);
  server_stop (&server);
  close (peer);
  close (ours);
  close (run.newcomer);
}

/* A live connection gets another socket: the loop follows, and leaves the old one alone. */
TEST (the_loop_follows_a_replaced_socket)
{
  struct server server;
  struct run run;
  noPollConn *conn;
  int peer, old, fds[2];
  char byte;

  begin (&run, &server, keep);
  peer = server_peer (&server);
  conn = server_newest (&server);
  old = nopoll_conn_socket (conn);
  make_pair (fds);
  wire_send_frame (fds[1], 0x81, 1, "early", 5);
  nopoll_conn_set_socket (conn, fds[0]);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  CHECK_STR (run.last, "early");
  wire_send (peer, "x", 1);
  wire_send_frame (fds[1], 0x81, 1, "late", 4);
  LOOP_UNTIL (server.ctx, run.messages == 2);
  CHECK_STR (run.last, "late");
  wire_await_unread (old, 1);
  wire_receive (old, &byte, 1);
  CHECK_INT (nopoll_conn_send_text (conn, "back", 4), 4);
  wire_expect_frame (fds[1], 0x81, 0, "back", 4);
  CHECK (wire_is_quiet (peer));
  /* And back again, with the same token of the loop. */
  nopoll_conn_set_socket (conn, old);
  wire_send_frame (fds[1], 0x81, 1, "no", 2);
  wire_send_frame (peer, 0x81, 1, "yes", 3);
  LOOP_UNTIL (server.ctx, run.messages == 3);
  CHECK_STR (run.last, "yes");
  nopoll_loop_wait (server.ctx, 1000);
  CHECK_INT (run.messages, 3);
  server_stop (&server);
  close (peer);
  close (fds[0]);
  close (fds[1]);
}

TEST (a_detached_socket_is_collected_and_left_open)
{
  struct server server;
  struct run run;
  noPollConn *conn;
  int peer, fd;

  begin (&run, &server, keep);
  peer = server_peer (&server);
  conn = server_newest (&server);
  nopoll_conn_set_on_close (conn, count_close, &run);
  fd = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 2);
  wire_send (peer, "mine", 4);
  nopoll_loop_wait (server.ctx, 1000);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 1);
  CHECK_INT (run.closed, 0);
  wire_await_unread (fd, 4);
  wire_send (fd, "x", 1);
  wire_await_unread (peer, 1);
  close (fd);
  close (peer);
  server_stop (&server);
}

/* The program closes a descriptor itself: nobody else suffers, and nothing is served by it. */
TEST (a_descriptor_closed_behind_our_back_hurts_nobody)
{
  struct server server;
  struct run run;
  noPollConn *conn;
  int peer, other, fd, fds[2];
  char byte;

  begin (&run, &server, keep);
  other = server_peer (&server);
  peer = server_peer (&server);
  conn = server_newest (&server);
  nopoll_conn_set_on_close (conn, count_close, &run);
  fd = nopoll_conn_socket (conn);
  close (fd);
  wire_send_frame (other, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  CHECK_INT (nopoll_conn_get_msg (conn) == NULL, 1);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (run.closed, 1);
  /* The number is somebody else's now. */
  make_pair (fds);
  CHECK (fds[0] == fd || fds[1] == fd);
  LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 2);
  wire_send (fds[0], "x", 1);
  wire_receive (fds[1], &byte, 1);
  server_stop (&server);
  close (fds[0]);
  close (fds[1]);
  close (peer);
  close (other);
}

/* A second process has the descriptor, so that the kernel goes on watching it. */
TEST (a_duplicate_does_not_keep_a_closed_connection_alive)
{
  struct server server;
  struct run run;
  noPollConn *conn;
  int peer, other, copy;

  begin (&run, &server, keep);
  peer = server_peer (&server);
  conn = server_newest (&server);
  copy = dup (nopoll_conn_socket (conn));
  nopoll_conn_set_on_close (conn, count_close, &run);
  nopoll_conn_close (conn);
  CHECK_INT (run.closed, 1);
  other = server_peer (&server);
  wire_send_frame (peer, 0x81, 1, "dead", 4);
  wire_send_frame (other, 0x81, 1, "alive", 5);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  CHECK_STR (run.last, "alive");
  CHECK_INT (run.closed, 1);
  close (copy);
  server_stop (&server);
  close (peer);
  close (other);
}

/* The same socket under two connection objects of one context. */
TEST (a_descriptor_may_belong_to_two_objects)
{
  struct server server;
  struct run run;
  noPollConn *twin;
  int peer, fd;

  begin (&run, &server, keep);
  peer = server_peer (&server);
  fd = nopoll_conn_socket (server_newest (&server));
  twin = nopoll_listener_from_socket (server.ctx, fd);
  CHECK (twin != NULL);
  nopoll_loop_wait (server.ctx, 1);
  nopoll_conn_set_socket (twin, -1);
  nopoll_loop_wait (server.ctx, 1);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 2);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, run.messages == 1);
  server_stop (&server);
  close (peer);
}

/* L-26 */
TEST (descriptors_above_1023_are_served)
{
  enum { FIRST = 1100, PEERS = 10 };
  struct server server;
  struct run run;
  int blockers[FIRST + 8], peers[PEERS], count = 0, i;

  CHECK (process_allow (FIRST + 200) >= FIRST + 100);
  do
    blockers[count] = dup (0);
  while (blockers[count++] < FIRST);
  begin (&run, &server, server_echo);
  CHECK (nopoll_conn_socket (server.listener) > FIRST);
  for (i = 0; i < PEERS; i++)
    peers[i] = server_peer (&server);
  CHECK (nopoll_conn_socket (server_newest (&server)) > FIRST);
  for (i = 0; i < PEERS; i++)
    wire_send_frame (peers[i], 0x81, 1, "high", 4);
  for (i = 0; i < PEERS; i++) {
    LOOP_UNTIL (server.ctx, wire_unread (peers[i]) > 0);
    wire_expect_frame (peers[i], 0x81, 0, "high", 4);
  }
  server_stop (&server);
  for (i = 0; i < PEERS; i++)
    close (peers[i]);
  while (count > 0)
    close (blockers[--count]);
}

/* Accepting, refusing, losing and closing connections leaves no descriptor behind. */
TEST (no_descriptor_is_leaked)
{
  struct server server;
  struct run run;
  int before, i;

  begin (&run, &server, server_echo);
  nopoll_loop_wait (server.ctx, 1);
  before = process_descriptors ();
  for (i = 0; i < 30; i++) {
    int peer = i % 5 == 4 ? wire_connect (LISTENER_PORT (server.listener)) : server_peer (&server);

    switch (i % 5) {
    case 0:
      nopoll_conn_close (server_newest (&server));
      break;
    case 1:
      nopoll_conn_shutdown (server_newest (&server));
      break;
    case 2:
      wire_reset (peer);
      peer = -1;
      break;
    case 3:
      wire_send_frame (peer, 0x83, 0, "", 0);
      break;
    default:
      wire_send_text (peer, "GET / HTTP/1.0\r\n\r\n");
      break;
    }
    if (peer >= 0)
      close (peer);
    LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
  }
  LOOP_UNTIL (server.ctx, process_descriptors () == before);
  server_stop (&server);
}

TESTS (CASE (a_new_connection_is_not_served_on_its_numbers_old_readiness),
       CASE (the_loop_follows_a_replaced_socket),
       CASE (a_detached_socket_is_collected_and_left_open),
       CASE (a_descriptor_closed_behind_our_back_hurts_nobody),
       CASE (a_duplicate_does_not_keep_a_closed_connection_alive),
       CASE (a_descriptor_may_belong_to_two_objects), CASE (descriptors_above_1023_are_served),
       CASE (no_descriptor_is_leaked))
