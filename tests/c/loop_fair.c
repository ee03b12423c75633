/* One peer must not delay the others, whatever it does. Measured by the others' progress. */
#include <nopoll.h>

#include "support/server.h"

#define MANY 8000

struct run {
  noPollConn *flooder;
  int flood;
  int flood_before;
  int elsewhere;
  int accepted;
  int accepted_before;
  int refused;
  int reply;
};

static void count (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  if (conn == run->flooder) {
    run->flood++;
    return;
  }
  if (run->elsewhere++ == 0) {
    run->flood_before = run->flood;
    run->accepted_before = run->accepted;
  }
  server_echo (ctx, conn, msg, NULL);
}

static nopoll_bool count_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ((struct run *) data)->accepted++;
  return nopoll_true;
}

/* Sends so many tiny messages and waits until they are all in the kernel of the other end. */
static void flood (int peer, noPollConn *conn, int messages)
{
  unsigned char *bytes = (unsigned char *) malloc ((size_t) messages * 7);
  long size = 0;
  int i;

  for (i = 0; i < messages; i++)
    size += wire_frame (bytes + size, 0x81, 1, "f", 1);
  wire_send (peer, bytes, size);
  wire_await_unread (nopoll_conn_socket (conn), (int) size);
  free (bytes);
}

/* Both are ready in one pass, the flooder first: it has its budget, then the other's turn comes. */
TEST (a_flood_of_messages_does_not_starve_others)
{
  struct server server;
  struct run run;
  int peer, other;

  memset (&run, 0, sizeof run);
  server_start (&server, count, &run);
  peer = server_peer (&server);
  run.flooder = server_newest (&server);
  other = server_peer (&server);
  flood (peer, run.flooder, MANY);
  wire_send_frame (other, 0x81, 1, "o", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  LOOP_UNTIL (server.ctx, run.flood == MANY && run.elsewhere == 1);
  CHECK (run.flood_before < MANY / 4);
  wire_expect_frame (other, 0x81, 0, "o", 1);
  server_stop (&server);
  close (peer);
  close (other);
}

/* As above, while the loop takes one frame at a time from the kernel. */
TEST (a_flood_does_not_starve_others_without_read_ahead)
{
  struct server server;
  struct run run;
  int peer, other;

  memset (&run, 0, sizeof run);
  server_start (&server, count, &run);
  nopoll_ctx_set_read_ahead (server.ctx, nopoll_false);
  peer = server_peer (&server);
  run.flooder = server_newest (&server);
  other = server_peer (&server);
  flood (peer, run.flooder, MANY);
  wire_send_frame (other, 0x81, 1, "o", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  LOOP_UNTIL (server.ctx, run.flood == MANY && run.elsewhere == 1);
  CHECK (run.flood_before < MANY / 4);
  server_stop (&server);
  close (peer);
  close (other);
}

TEST (a_flood_of_connections_does_not_starve_others)
{
  enum { NEW = 300 };
  struct server server;
  struct run run;
  int late[NEW], peer, i;

  memset (&run, 0, sizeof run);
  server_start (&server, count, &run);
  peer = server_peer (&server);
  nopoll_ctx_set_on_accept (server.ctx, count_accept, &run);
  for (i = 0; i < NEW; i++)
    late[i] = wire_connect (LISTENER_PORT (server.listener));
  wire_send_frame (peer, 0x81, 1, "o", 1);
  wire_await_unread (nopoll_conn_socket (server_newest (&server)), 7);
  LOOP_UNTIL (server.ctx, run.accepted == NEW && run.elsewhere == 1);
  CHECK (run.accepted_before < NEW);
  server_stop (&server);
  close (peer);
  for (i = 0; i < NEW; i++)
    close (late[i]);
}

static void reply_much (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct run *run = (struct run *) data;

  if (conn == run->flooder) {
    char *big = (char *) calloc (1, (size_t) run->reply);

    run->flood++;
    errno = 0;
    if (nopoll_conn_send_binary (conn, big, run->reply) != run->reply) {
      CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
      run->refused++;
    }
    free (big);
    return;
  }
  run->elsewhere++;
  server_echo (ctx, conn, msg, NULL);
}

/* Q34, M-02, L-28: all accepted sockets are blocking, as they come. */
TEST (misbehaving_peers_delay_nobody)
{
  enum { ROUNDS = 50 };
  struct server server;
  struct run run;
  int silent, half, deaf, good, rounds;

  memset (&run, 0, sizeof run);
  run.reply = 256 * 1024;
  server_start (&server, reply_much, &run);
  silent = wire_connect (LISTENER_PORT (server.listener));
  half = wire_connect (LISTENER_PORT (server.listener));
  wire_send_text (half, "GET / HTTP/1.1\r\nHost: a\r\nUpgr");
  deaf = server_peer (&server);
  run.flooder = server_newest (&server);
  good = server_peer (&server);
  for (rounds = 0; rounds < ROUNDS; rounds++) {
    if (rounds == 10)
      wire_send_text (half, "ade: web");
    if (rounds == 20)
      wire_send (deaf, "\x81\xff\0\0\0\0\0", 7);
    if (rounds < 20)
      wire_send_frame (deaf, 0x81, 1, "more", 4);
    wire_send_frame (good, 0x81, 1, "good", 4);
    LOOP_UNTIL (server.ctx, wire_unread (good) >= 6);
    wire_expect_frame (good, 0x81, 0, "good", 4);
  }
  CHECK_INT (run.elsewhere, ROUNDS);
  CHECK (run.flood > 0);
  CHECK_INT (run.refused, 0);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 5);
  server_stop (&server);
  close (silent);
  close (half);
  close (deaf);
  close (good);
}

/* A handler that sends beyond max_pending to a peer that reads nothing waits once, for 2 s; from
 * then on it is refused at once, until the peer reads. */
TEST (a_full_backlog_refuses_and_recovers)
{
  enum { REPLY = 1024 * 1024 };
  struct server server;
  struct run run;
  struct loop_thread loop;
  unsigned char *reply = (unsigned char *) malloc (REPLY + 16);
  noPollConn *conn;
  int deaf, good, some = 65536, i, got;

  memset (&run, 0, sizeof run);
  run.reply = REPLY;
  server_start (&server, reply_much, &run);
  nopoll_ctx_set_max_pending (server.ctx, REPLY / 2);
  deaf = server_peer (&server);
  conn = run.flooder = server_newest (&server);
  setsockopt (nopoll_conn_socket (conn), SOL_SOCKET, SO_SNDBUF, &some, sizeof some);
  good = server_peer (&server);
  for (i = 0; i < 5; i++) {
    wire_send_frame (deaf, 0x81, 1, "more", 4);
    LOOP_UNTIL (server.ctx, run.flood == i + 1);
    wire_send_frame (good, 0x81, 1, "good", 4);
    LOOP_UNTIL (server.ctx, wire_unread (good) >= 6);
    wire_expect_frame (good, 0x81, 0, "good", 4);
  }
  CHECK_INT (run.refused, 4);
  loop_thread_start (&loop, server.ctx);
  CHECK_INT (wire_receive_frame (deaf, &got, NULL, reply, REPLY), REPLY);
  wire_send_frame (deaf, 0x81, 1, "more", 4);
  CHECK_INT (wire_receive_frame (deaf, &got, NULL, reply, REPLY), REPLY);
  CHECK_INT (loop_thread_stop (&loop), 0);
  CHECK_INT (run.refused, 4);
  free (reply);
  server_stop (&server);
  close (deaf);
  close (good);
}

TESTS (CASE (a_flood_of_messages_does_not_starve_others),
       CASE (a_flood_does_not_starve_others_without_read_ahead),
       CASE (a_flood_of_connections_does_not_starve_others), CASE (misbehaving_peers_delay_nobody),
       CASE (a_full_backlog_refuses_and_recovers))
