/* run.py: libs=z needs=deflate */
/* A gigabyte of zeros in a message of a megabyte: it costs no more memory than the limits allow. */
#include <nopoll.h>

#include <sys/resource.h>

#include "support/zip.h"

#define MEGABYTE (1024L * 1024)
#define MEGABYTES 1024

/* Two compressed megabytes of zeros: the first, and any after it, which all look the same. */
struct bomb {
  struct zip zip;
  unsigned char first[4000], next[4000];
  long first_size, next_size;
  /* All of it on the wire. */
  long size;
};

static void build (struct bomb *bomb)
{
  char *zeros = (char *) calloc (1, MEGABYTE);

  zip_start (&bomb->zip);
  bomb->first_size = zip_pack (&bomb->zip, zeros, MEGABYTE, bomb->first, sizeof bomb->first) + 4;
  bomb->next_size = zip_pack (&bomb->zip, zeros, MEGABYTE, bomb->next, sizeof bomb->next) + 4;
  bomb->size = bomb->first_size + (MEGABYTES - 1) * bomb->next_size - 4;
  free (zeros);
}

/* The whole frame, unmasked or with a key of zeros. */
static unsigned char *frame (struct bomb *bomb, int masked, long *size)
{
  unsigned char *bytes = (unsigned char *) calloc (1, bomb->size + 4 + 14);
  long at = 10 + (masked ? 4 : 0);
  int i;

  bytes[0] = 0xc2;
  bytes[1] = (masked ? 0x80 : 0) | 127;
  for (i = 0; i < 8; i++)
    bytes[2 + i] = bomb->size >> (56 - 8 * i);
  memcpy (bytes + at, bomb->first, bomb->first_size);
  at += bomb->first_size;
  for (i = 1; i < MEGABYTES; i++, at += bomb->next_size)
    memcpy (bytes + at, bomb->next, bomb->next_size);
  *size = at - 4;
  return bytes;
}

static long peak (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

static void ignore (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr total)
{
  *(long *) total += nopoll_msg_get_payload_size (msg);
}

/* Sends as much as is taken while the library serves the connection, until that ends. */
static void explode_with (int server, noPollDelivery delivery, int by_loop, int lenient)
{
  struct wire_pair pair;
  struct bomb bomb;
  long size, sent = 0, total = 0, before;
  unsigned char *bytes;
  noPollCtx *ctx = nopoll_ctx_new ();
  long left = 1000000L;

  build (&bomb);
  bytes = frame (&bomb, server, &size);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_lenient (ctx, lenient);
  nopoll_ctx_set_delivery (ctx, delivery);
  nopoll_ctx_set_on_msg (ctx, ignore, &total);
  wire_open_with (&pair, ctx, server, ZIP_PLAIN);
  before = peak ();
  while (nopoll_conn_is_ok (pair.conn) && left-- > 0) {
    long n = sent < size ? send (pair.peer, bytes + sent, size - sent, MSG_DONTWAIT) : 0;
    noPollMsg *msg;

    if (n > 0)
      sent += n;
    if (by_loop) {
      nopoll_loop_wait (ctx, 1000);
      continue;
    }
    while ((msg = nopoll_conn_get_msg (pair.conn)) != NULL) {
      total += nopoll_msg_get_payload_size (msg);
      nopoll_msg_unref (msg);
    }
  }
  CHECK (!nopoll_conn_is_ok (pair.conn));
  CHECK_INT (nopoll_conn_get_error (pair.conn), NOPOLL_ERROR_LIMIT);
  wire_expect (&pair, 0x88, "\x03\xf1", 2);
  /* Where it comes in pieces, those up to the limit have been given. */
  if (delivery == NOPOLL_DELIVER_PIECES)
    CHECK (total > 15 * MEGABYTE && total <= 16 * MEGABYTE);
  else
    CHECK_INT (total, 0);
  /* The tools that watch memory take some themselves. */
  if (check_slowness () == 1)
    CHECK (peak () - before < 40 * MEGABYTE);
  free (bytes);
  zip_end (&bomb.zip);
  wire_close (&pair);
}

static void explode (int server, noPollDelivery delivery, int by_loop)
{
  explode_with (server, delivery, by_loop, 0);
}

TEST (in_frames) { explode (1, NOPOLL_DELIVER_FRAMES, 1); }
TEST (in_frames_by_direct_calls_of_a_client) { explode (0, NOPOLL_DELIVER_FRAMES, 0); }
TEST (in_pieces) { explode (1, NOPOLL_DELIVER_PIECES, 1); }
TEST (in_pieces_by_direct_calls_of_a_client) { explode (0, NOPOLL_DELIVER_PIECES, 0); }
TEST (in_whole_messages) { explode (1, NOPOLL_DELIVER_MESSAGES, 1); }

TEST (in_lenient_mode_too) { explode_with (1, NOPOLL_DELIVER_FRAMES, 1, 1); }

TEST (many_small_frames_make_no_message_over_the_limit)
{
  struct wire_pair pair;
  struct bomb bomb;
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  build (&bomb);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_max_message_size (ctx, 5 * MEGABYTE);
  wire_open_with (&pair, ctx, 1, ZIP_PLAIN);
  wire_put (&pair, 0x42, bomb.first, bomb.first_size);
  for (i = 1; i < 6 && nopoll_conn_is_ok (pair.conn); i++) {
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    wire_put (&pair, 0x00, bomb.next, bomb.next_size);
  }
  CHECK_INT (i, 6);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK (!nopoll_conn_is_ok (pair.conn));
  wire_expect (&pair, 0x88, "\x03\xf1", 2);
  zip_end (&bomb.zip);
  wire_close (&pair);
}

TESTS (CASE (in_frames), CASE (in_frames_by_direct_calls_of_a_client), CASE (in_pieces),
       CASE (in_pieces_by_direct_calls_of_a_client), CASE (in_whole_messages),
       CASE (in_lenient_mode_too),
       CASE (many_small_frames_make_no_message_over_the_limit))
