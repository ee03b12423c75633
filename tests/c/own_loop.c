/* Programs with an event loop of their own: poll, one call per event; epoll, edge-triggered. */
#include <nopoll.h>

#include <poll.h>
#include <sys/epoll.h>

#include "support/server.h"

#define MOST 16

/* What a program of this kind keeps. */
struct program {
  noPollCtx *ctx;
  noPollConn *listener;
  noPollConn *conns[MOST];
  int count;
  int messages;
  int empty;
};

static void program_begin (struct program *program)
{
  memset (program, 0, sizeof *program);
  program->ctx = nopoll_ctx_new ();
  program->listener = wire_listener (program->ctx);
  nopoll_conn_set_sock_block (nopoll_conn_socket (program->listener), nopoll_false);
}

static void program_end (struct program *program)
{
  while (program->count > 0)
    nopoll_conn_close (program->conns[--program->count]);
  nopoll_conn_close (program->listener);
  CHECK_INT (nopoll_ctx_ref_count (program->ctx), 1);
  nopoll_ctx_unref (program->ctx);
}

static void program_accept (struct program *program)
{
  noPollConn *conn = nopoll_conn_accept (program->ctx, program->listener);

  CHECK (conn != NULL);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  program->conns[program->count++] = conn;
}

static void program_forget (struct program *program, int i)
{
  nopoll_conn_close (program->conns[i]);
  program->conns[i] = program->conns[--program->count];
}

/* One call per event, answers what it gives; the connection may end. */
static int program_serve_once (struct program *program, int i)
{
  noPollConn *conn = program->conns[i];
  noPollMsg *msg = nopoll_conn_get_msg (conn);

  if (msg) {
    program->messages++;
    server_echo (program->ctx, conn, msg, NULL);
    nopoll_msg_unref (msg);
    return 1;
  }
  program->empty++;
  if (!nopoll_conn_is_ok (conn))
    program_forget (program, i);
  return 0;
}

/* One round of poll: every descriptor that is readable gets one call. Returns whether any was. */
static int program_poll (struct program *program)
{
  struct pollfd entries[MOST + 1];
  int i, ready;

  entries[0].fd = nopoll_conn_socket (program->listener);
  entries[0].events = POLLIN;
  for (i = 0; i < program->count; i++) {
    entries[i + 1].fd = nopoll_conn_socket (program->conns[i]);
    entries[i + 1].events = POLLIN;
  }
  ready = poll (entries, (nfds_t) program->count + 1, 20);
  for (i = program->count; i > 0; i--)
    if (entries[i].revents)
      program_serve_once (program, i - 1);
  if (entries[0].revents)
    program_accept (program);
  return ready > 0;
}

#define POLL_UNTIL(program, condition) \
  do { \
    long left_ = 1000L * check_slowness (); \
    while (!(condition) && left_-- > 0) \
      program_poll (program); \
    CHECK (condition); \
  } while (0)

static void expect_head (int peer)
{
  char head[4096];

  wire_receive_head (peer, head, sizeof head);
  CHECK (memcmp (head + 9, "101", 3) == 0);
}

/* Many frames in one segment, and the request with the first of them: what isn't delivered yet is
 * visible to poll, so that one call per event is enough for all of it. */
TEST (one_call_per_event_gets_everything)
{
  enum { FRAMES = 30 };
  struct program program;
  unsigned char bytes[8192];
  long size = 0;
  int peer, i;

  program_begin (&program);
  peer = wire_connect (LISTENER_PORT (program.listener));
  wire_send_request (peer, "/", NULL);
  for (i = 0; i < FRAMES; i++) {
    char text[12];

    snprintf (text, sizeof text, "%d", i);
    size += wire_frame (bytes + size, 0x81, 1, text, (long) strlen (text));
    if (i % 5 == 0)
      size += wire_frame (bytes + size, 0x89, 1, "p", 1);
  }
  wire_send (peer, bytes, size);
  POLL_UNTIL (&program, program.messages == FRAMES);
  expect_head (peer);
  for (i = 0; i < FRAMES; i++) {
    char text[12];

    snprintf (text, sizeof text, "%d", i);
    wire_expect_frame (peer, 0x81, 0, text, (long) strlen (text));
    if (i % 5 == 0)
      wire_expect_frame (peer, 0x8a, 0, "p", 1);
  }
  close (peer);
  POLL_UNTIL (&program, program.count == 0);
  program_end (&program);
}

/* A frame in pieces: each event takes what is there, and none spins without bytes. */
TEST (an_incomplete_frame_keeps_poll_quiet)
{
  struct program program;
  unsigned char bytes[300];
  char payload[200];
  long size, at;
  int peer, empty;

  program_begin (&program);
  peer = wire_connect (LISTENER_PORT (program.listener));
  wire_send_request (peer, "/", NULL);
  POLL_UNTIL (&program, program.count == 1 && wire_unread (peer) > 0);
  expect_head (peer);
  memset (payload, 'x', sizeof payload);
  size = wire_frame (bytes, 0x82, 1, payload, sizeof payload);
  for (at = 0; at < size - 1; at += 23) {
    long n = size - 1 - at < 23 ? size - 1 - at : 23;

    wire_send (peer, bytes + at, n);
    wire_await_unread (nopoll_conn_socket (program.conns[0]), 1);
    while (program_poll (&program))
      ;
    CHECK_INT (program.messages, 0);
  }
  empty = program.empty;
  CHECK_INT (program_poll (&program), 0);
  CHECK_INT (program.empty, empty);
  wire_send (peer, bytes + size - 1, 1);
  POLL_UNTIL (&program, program.messages == 1);
  wire_expect_frame (peer, 0x82, 0, payload, sizeof payload);
  program_end (&program);
  close (peer);
}

/* The loop of the documentation, with read_pending; several peers. */
TEST (read_pending_guides_an_inner_loop)
{
  struct program program;
  int peers[5], i, k;

  program_begin (&program);
  for (i = 0; i < 5; i++) {
    peers[i] = wire_connect (LISTENER_PORT (program.listener));
    wire_send_request (peers[i], "/", NULL);
    for (k = 0; k < 4; k++)
      wire_send_frame (peers[i], 0x81, 1, "abc", 3);
  }
  POLL_UNTIL (&program, program.count == 5);
  for (i = 0; i < program.count; i++)
    while (program_serve_once (&program, i) && nopoll_conn_read_pending (program.conns[i]) > 0)
      ;
  POLL_UNTIL (&program, program.messages == 20);
  for (i = 0; i < 5; i++) {
    expect_head (peers[i]);
    for (k = 0; k < 4; k++)
      wire_expect_frame (peers[i], 0x81, 0, "abc", 3);
    close (peers[i]);
  }
  POLL_UNTIL (&program, program.count == 0);
  program_end (&program);
}

/* Edge-triggered: each event is followed by calls until there is nothing more. */
TEST (an_edge_triggered_program_reads_until_would_block)
{
  struct program program;
  struct epoll_event event;
  int epoll = epoll_create1 (0), peer, k, rounds = 0;

  program_begin (&program);
  peer = wire_connect (LISTENER_PORT (program.listener));
  wire_wait_readable (nopoll_conn_socket (program.listener));
  program_accept (&program);
  event.events = EPOLLIN | EPOLLET;
  event.data.u32 = 0;
  CHECK (epoll_ctl (epoll, EPOLL_CTL_ADD, nopoll_conn_socket (program.conns[0]), &event) == 0);
  wire_send_request (peer, "/", NULL);
  for (k = 0; k < 20; k++)
    wire_send_frame (peer, k % 3 ? 0x81 : 0x89, 1, "abc", 3);
  while (program.messages < 13) {
    CHECK (epoll_wait (epoll, &event, 1, 10000 * check_slowness ()) == 1);
    CHECK (rounds++ < 100);
    for (;;) {
      if (program_serve_once (&program, 0))
        continue;
      CHECK_INT (program.count, 1);
      if (errno == NOPOLL_EWOULDBLOCK)
        break;
    }
  }
  close (epoll);
  program_end (&program);
  close (peer);
}

/* A client on a poll loop, from the connect on; and the same connection served by waits between. */
TEST (a_client_is_polled_and_waited_for_in_turn)
{
  struct server server;
  struct program program;
  noPollConn *client;
  int i, answers = 0, waiting = 0;
  char port[12];

  memset (&program, 0, sizeof program);
  server_start (&server, server_echo, NULL);
  snprintf (port, sizeof port, "%d", LISTENER_PORT (server.listener));
  program.ctx = nopoll_ctx_new ();
  client = nopoll_conn_new (program.ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL);
  LOOP_UNTIL (server.ctx, nopoll_conn_is_ready (client));
  for (i = 0; i < 10; i++) {
    noPollMsg *msg;

    CHECK_INT (nopoll_conn_send_text (client, "x", 1), 1);
    waiting++;
    LOOP_UNTIL (server.ctx, wire_unread (nopoll_conn_socket (client)) == 3 * waiting);
    if (i % 2)
      continue;
    waiting = 0;
    msg = nopoll_conn_get_msg (client);
    while (msg) {
      answers++;
      nopoll_msg_unref (msg);
      msg = nopoll_conn_get_msg (client);
    }
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    CHECK_INT (answers, i + 1);
    nopoll_loop_wait (program.ctx, 1);
  }
  nopoll_conn_close (client);
  nopoll_ctx_unref (program.ctx);
  LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
  server_stop (&server);
}

TESTS (CASE (one_call_per_event_gets_everything), CASE (an_incomplete_frame_keeps_poll_quiet),
       CASE (read_pending_guides_an_inner_loop),
       CASE (an_edge_triggered_program_reads_until_would_block),
       CASE (a_client_is_polled_and_waited_for_in_turn))
