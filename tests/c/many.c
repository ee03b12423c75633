/* run.py: slow=2 */
/*
 * Thousands of connections on one loop, three of them misbehaving. The clients are raw sockets of a
 * child process, so that there are descriptors enough for both ends; that all of them get their
 * answers is the measure of who delays whom.
 */
#include <nopoll.h>

#include "support/process.h"
#include "support/wire.h"

#define ROUNDS 3

static int wanted (void)
{
  int count = 5000 / check_slowness ();

  return count < 200 ? 200 : count;
}

/* Somebody who sends and never reads: as much as the kernels on both sides take, and a bit. */
static int never_reads (int port)
{
  static unsigned char frame[70000];
  static char payload[65000];
  long size = wire_frame (frame, 0x82, 1, payload, sizeof payload);
  char head[4096];
  int fd = wire_connect (port), i;

  wire_send_request (fd, "/", NULL);
  wire_receive_head (fd, head, sizeof head);
  for (i = 0; i < 200; i++)
    if (send (fd, frame, (size_t) size, MSG_DONTWAIT | MSG_NOSIGNAL) != size)
      break;
  return fd;
}

/* What the child does: gate tells the port. */
static void clients (void *gate)
{
  int port, count = wanted (), *fds = (int *) malloc (sizeof (int) * (size_t) count);
  char head[4096], text[32];
  int silent, half, deaf, i, round;

  CHECK (read (*(int *) gate, &port, sizeof port) == sizeof port);
  silent = wire_connect (port);
  half = wire_connect (port);
  wire_send_text (half, "GET / HTTP/1.1\r\nHost: somebody who doesn't");
  deaf = never_reads (port);
  for (i = 0; i < count; i++) {
    fds[i] = wire_connect (port);
    wire_send_request (fds[i], "/", NULL);
    wire_receive_head (fds[i], head, sizeof head);
  }
  for (round = 0; round < ROUNDS; round++) {
    for (i = 0; i < count; i++) {
      snprintf (text, sizeof text, "%d of %d", round, i);
      wire_send_frame (fds[i], 0x81, 1, text, (long) strlen (text));
    }
    for (i = 0; i < count; i++) {
      snprintf (text, sizeof text, "%d of %d", round, i);
      wire_expect_frame (fds[i], 0x81, 0, text, (long) strlen (text));
    }
  }
  for (i = 0; i < count; i++)
    close (fds[i]);
  close (silent);
  close (half);
  close (deaf);
  free (fds);
}

struct served {
  long messages;
  /* The most connections there were when a message came. */
  int most;
};

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct served *served = (struct served *) data;

  served->messages++;
  if (nopoll_ctx_conns (ctx) > served->most)
    served->most = nopoll_ctx_conns (ctx);
  nopoll_conn_send_frame (conn, nopoll_true, nopoll_false, nopoll_msg_opcode (msg),
                          nopoll_msg_get_payload_size (msg),
                          (noPollPtr) nopoll_msg_get_payload (msg), 0);
}

TEST (thousands_are_served_whatever_three_of_them_do)
{
  struct served served = { 0, 0 };
  int count = wanted (), gate[2], port;
  noPollCtx *ctx;
  noPollConn *listener;
  pid_t child;

  check_guard (180);
  CHECK (process_allow (count + 100) >= count + 100);
  CHECK (pipe (gate) == 0);
  child = process_start (clients, &gate[0]);
  ctx = nopoll_ctx_new ();
  listener = wire_listener (ctx);
  nopoll_ctx_set_on_msg (ctx, echo, &served);
  port = LISTENER_PORT (listener);
  CHECK (write (gate[1], &port, sizeof port) == sizeof port);
  while (process_is_running (child))
    nopoll_loop_wait (ctx, 50000);
  process_join (child);
  CHECK (served.messages >= (long) ROUNDS * count);
  /* The listener, the three and everybody else were there at once. */
  CHECK_INT (served.most, count + 4);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (gate[0]);
  close (gate[1]);
}

TESTS (CASE (thousands_are_served_whatever_three_of_them_do))
