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
#define LARGE_MESSAGES 30
#define MOST_LARGE 300000

struct row {
  long (*size_of) (int i);
  int seen;
  noPollMsg *kept[MESSAGES];
  char *stolen[MESSAGES];
};

/* Sizes go up and down, by a lot and by little. */
static long small_size (int i)
{
  return i % 5 == 4 ? 1 + i % 9 : 1 + (i * 37) % MOST;
}

/* Those that come in one read, those that don't, and what is between them in memory. */
static long large_size (int i)
{
  static const long sizes[] = { 200000, 65536, 200001, 65535, 150000, 20000, MOST_LARGE, 70000, 7 };

  return sizes[i % 9] - i / 9;
}

static char text[MOST_LARGE + 1];

/* The text of a message. */
static const char *text_of (const struct row *row, int i)
{
  long size = row->size_of (i), at;

  for (at = 0; at < size; at++)
    text[at] = (char) ('a' + (i + at) % 26);
  text[at] = 0;
  return text;
}

static void handle (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct row *rows = data, *row = rows + (nopoll_conn_get_requested_url (conn)[1] - '0');
  int i = row->seen++;
  long size = row->size_of (i);

  CHECK_INT (nopoll_msg_get_payload_size (msg), size);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), text_of (row, i));
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
    msg->payload = realloc (msg->payload, 2 * (size_t) size + MOST);
    memset (msg->payload, 'x', 2 * (size_t) size + MOST);
    break;
  default: /* to leave it alone */
    break;
  }
}

/* A client of the listener, whose number is the target it asks for. */
static int connect_to (noPollCtx *ctx, noPollConn *listener, int number)
{
  int peer = wire_connect (LISTENER_PORT (listener));
  char target[] = "/0", head[512];

  target[1] = (char) ('0' + number);
  wire_send_request (peer, target, "");
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2 + number && !wire_is_quiet (peer));
  wire_receive_head (peer, head, sizeof head);
  return peer;
}

/* The frames of a row, one behind the other, in new memory. */
static unsigned char *frames_of (const struct row *row, int first, int count, long *end)
{
  unsigned char *frames;
  long room = 0;
  int i;

  for (i = 0; i < count; i++)
    room += 14 + row->size_of (i);
  frames = malloc ((size_t) room);
  for (i = 0, *end = 0; i < count; i++)
    *end += wire_frame (frames + *end, first, 1, text_of (row, i), row->size_of (i));
  return frames;
}

/* What was kept is as it was. */
static void check_and_release (struct row *row, int count)
{
  int i;

  for (i = 0; i < count; i++) {
    if (row->kept[i] != NULL)
      CHECK_STR ((const char *) nopoll_msg_get_payload (row->kept[i]), text_of (row, i));
    if (row->stolen[i] != NULL)
      CHECK_STR (row->stolen[i], text_of (row, i));
    nopoll_msg_unref (row->kept[i]);
    free (row->stolen[i]);
  }
}

/* All of them at once, as often as a wait takes. */
static void run_row (int first)
{
  static struct row row;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;
  unsigned char *frames;
  long end;

  memset (&row, 0, sizeof row);
  row.size_of = small_size;
  nopoll_ctx_set_on_msg (ctx, handle, &row);
  peer = connect_to (ctx, listener, 0);
  frames = frames_of (&row, first, MESSAGES, &end);
  wire_send (peer, frames, end);
  free (frames);
  LOOP_UNTIL (ctx, row.seen == MESSAGES);
  check_and_release (&row, MESSAGES);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* Large ones of two peers that take turns, in portions that end anywhere. */
static void run_rows_of_two (int first)
{
  static const long portions[] = { 30000, 1, 70000, 3000, 120000, 14 };
  static struct row rows[2];
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peers[2], turn, i;
  unsigned char *frames[2];
  long end[2], sent[2] = { 0, 0 };

  memset (rows, 0, sizeof rows);
  nopoll_ctx_set_on_msg (ctx, handle, rows);
  for (i = 0; i < 2; i++) {
    rows[i].size_of = large_size;
    peers[i] = connect_to (ctx, listener, i);
    frames[i] = frames_of (rows + i, first, LARGE_MESSAGES, end + i);
  }
  for (turn = 0; sent[0] < end[0] || sent[1] < end[1]; turn++) {
    long size = portions[turn % 6];

    i = turn / 2 % 2;
    if (size > end[i] - sent[i])
      size = end[i] - sent[i];
    wire_send (peers[i], frames[i] + sent[i], size);
    sent[i] += size;
    nopoll_loop_wait (ctx, 100);
  }
  LOOP_UNTIL (ctx, rows[0].seen == LARGE_MESSAGES && rows[1].seen == LARGE_MESSAGES);
  for (i = 0; i < 2; i++) {
    check_and_release (rows + i, LARGE_MESSAGES);
    free (frames[i]);
    close (peers[i]);
  }
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

TEST (of_large_texts)
{
  run_rows_of_two (0x81);
}

TEST (of_large_messages_of_bytes)
{
  run_rows_of_two (0x82);
}

TESTS (CASE (of_text), CASE (of_bytes), CASE (of_large_texts), CASE (of_large_messages_of_bytes))
