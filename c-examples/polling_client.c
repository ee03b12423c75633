/*
 * polling_client.c - a client without a loop and without poll (): it looks now and then whether
 * something has arrived, between other things it has to do.
 *
 *   polling_client [-n COUNT] [-i MILLISECONDS] ws://HOST[:PORT][/PATH]
 *
 * Sends COUNT messages (5), one per interval (200 ms), and ends when as many answers have come.
 * This is how firmware with a main loop of its own, or a thread per connection, uses the library:
 * nothing here waits, except for the pause at the end of each turn.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include "support.h"

/* One turn takes so long, in µs. */
#define TURN 10000
/* A connection on which nothing has arrived for so many turns is asked for a sign of life … */
#define QUIET 500
/* … and given up after so many, 15 s. */
#define DEAD 1500

struct state {
  long count;    /* messages to send */
  long interval; /* turns between two of them */
  long sent;
  long received;
  long turn;
  long last_heard; /* the turn in which something has arrived */
};

/* Takes everything that has arrived. */
static void receive (noPollConn *conn, struct state *state)
{
  noPollMsg *msg;

  while ((msg = nopoll_conn_get_msg (conn)) != NULL) {
    state->last_heard = state->turn;
    state->received++;
    /* Text is followed by a NUL that is not counted: %s of a payload works. */
    printf ("%s\n", (const char *) nopoll_msg_get_payload (msg));
    nopoll_msg_unref (msg); /* what get_msg returned is ours to release */
  }
}

/* Sends the next message when it is time. False when the connection can't be used any more. */
static nopoll_bool send_next (noPollConn *conn, struct state *state)
{
  char text[64];

  if (state->sent == state->count || state->turn < state->sent * state->interval)
    return nopoll_true;
  snprintf (text, sizeof text, "message %ld of %ld", state->sent + 1, state->count);
  if (nopoll_conn_send_text (conn, text, -1) == -1) { /* -1: up to the terminator */
    if (errno == NOPOLL_EWOULDBLOCK)
      return nopoll_true; /* an older message is unfinished: the next turn tries again */
    fprintf (stderr, "can't send: %s\n", strerror (errno));
    return nopoll_false;
  }
  /* Also when only a part of it could be written, or nothing (-2): the library has a copy. */
  state->sent++;
  return nopoll_true;
}

/* One turn of the main loop; false when it is to end. */
static nopoll_bool turn (noPollConn *conn, struct state *state)
{
  receive (conn, state);
  if (!nopoll_conn_is_ok (conn)) {
    fprintf (stderr, "%s\n", why_closed (conn));
    return nopoll_false;
  }
  nopoll_conn_complete_pending_write (conn);
  if (!send_next (conn, state))
    return nopoll_false;
  if (state->turn - state->last_heard == DEAD) {
    fprintf (stderr, "the server is silent\n");
    return nopoll_false;
  }
  if (state->turn - state->last_heard == QUIET)
    nopoll_conn_send_ping (conn);
  return state->received < state->count;
}

int main (int argc, char **argv)
{
  const char *usage = "[-n COUNT] [-i MILLISECONDS] ws://HOST[:PORT][/PATH]";
  struct state state = { 5, 20, 0, 0, 0, 0 };
  noPollCtx *ctx;
  noPollConn *conn;
  int option;

  while ((option = getopt (argc, argv, "n:i:")) != -1) {
    if (option == 'n')
      state.count = number_argument ("-n", optarg, 1, 1000000);
    else if (option == 'i')
      state.interval = number_argument ("-i", optarg, 0, 60000) / (TURN / 1000);
    else
      exit_with_usage (argv, usage);
  }
  if (optind != argc - 1)
    exit_with_usage (argv, usage);
  setvbuf (stdout, NULL, _IOLBF, 0);

  ctx = nopoll_ctx_new ();
  conn = open_client (ctx, argv[optind]);
  if (conn == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  while (turn (conn, &state)) {
    /* Here the program does what it is for. */
    nopoll_sleep (TURN);
    state.turn++;
  }
  printf ("%ld sent, %ld received\n", state.sent, state.received);
  nopoll_conn_close_ext (conn, 1000, "done", 4);
  nopoll_ctx_unref (ctx);
  return state.received == state.count ? 0 : 1;
}
