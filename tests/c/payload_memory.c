/* The memory of a message's payload belongs to whoever has the message: what programs may do with it,
 * in a row of messages that the loop receives at once. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <stdlib.h>
#include <string.h>

#include "support/wire.h"

#define MESSAGES 400
#define MOST 700

/* Sizes go up and down, by a lot and by little. */
static long size_of (int i)
{
  return i % 5 == 4 ? 1 + i % 9 : 1 + (i * 37) % MOST;
}

static void text_of (int i, char *text)
{
  long at;

  for (at = 0; at < size_of (i); at++)
    text[at] = (char) ('a' + (i + at) % 26);
  text[at] = 0;
}

struct row {
  int seen;
  noPollMsg *kept[MESSAGES];
  char *stolen[MESSAGES];
};

static void handle (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct row *row = data;
  int i = row->seen++;
  long size = size_of (i);
  char expected[MOST + 1];

  text_of (i, expected);
  CHECK_INT (nopoll_msg_get_payload_size (msg), size);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), expected);
  switch (i % 7) {
  case 1: /* to keep the message */
    nopoll_msg_ref (msg);
    row->kept[i] = msg;
    break;
  case 2: /* to keep its payload only */
    row->stolen[i] = msg->payload;
    msg->payload = NULL;
    msg->payload_size = 0;
    break;
  case 3: /* to put something smaller in its place */
    free (msg->payload);
    msg->payload = malloc (1);
    break;
  case 4: /* to have it as small as can be, often at the same place */
    msg->payload = realloc (msg->payload, (size_t) size + 1);
    break;
  case 5: /* to have it larger */
    msg->payload = realloc (msg->payload, 2 * MOST);
    memset (msg->payload, 'x', 2 * MOST);
    break;
  default: /* to leave it alone */
    break;
  }
}

/* All of them at once, as often as a wait takes; kept ones stay as they were. */
static void run_row (int first)
{
  static unsigned char frames[MESSAGES * (MOST + 8)];
  struct row row = { 0, { NULL }, { NULL } };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer = wire_connect (LISTENER_PORT (listener));
  char head[512], text[MOST + 1];
  long end = 0;
  int i;

  nopoll_ctx_set_on_msg (ctx, handle, &row);
  wire_send_request (peer, "/", "");
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2 && !wire_is_quiet (peer));
  wire_receive_head (peer, head, sizeof head);
  for (i = 0; i < MESSAGES; i++) {
    text_of (i, text);
    end += wire_frame (frames + end, first, 1, text, size_of (i));
  }
  wire_send (peer, frames, end);
  LOOP_UNTIL (ctx, row.seen == MESSAGES);
  for (i = 0; i < MESSAGES; i++) {
    text_of (i, text);
    if (row.kept[i] != NULL)
      CHECK_STR ((const char *) nopoll_msg_get_payload (row.kept[i]), text);
    if (row.stolen[i] != NULL)
      CHECK_STR (row.stolen[i], text);
    nopoll_msg_unref (row.kept[i]);
    free (row.stolen[i]);
  }
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (of_text)
{
  run_row (0x81);
}

TEST (of_bytes)
{
  run_row (0x82);
}

TESTS (CASE (of_text), CASE (of_bytes))
