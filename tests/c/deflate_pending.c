/* run.py: libs=z needs=deflate */
/* Compressed frames that the kernel doesn't take at once, and what the program is told of them. */
#include <nopoll.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "support/zip.h"

/* Larger than the socket's buffers, and not to be compressed. */
#define SIZE 60000

static char noise[SIZE];
static const char text[] = "the peer is still able to read this, and this, and this";

static void make_noise (void)
{
  unsigned long state = 7;
  int i;

  for (i = 0; i < SIZE; i++) {
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    noise[i] = (char) (state >> 56);
  }
}

static void open_zipped (struct wire_pair *pair, struct zip *zip, int server)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  make_noise ();
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 1);
  wire_open_with (pair, ctx, server, ZIP_PLAIN);
  zip_start (zip);
}

static void close_zipped (struct wire_pair *pair, struct zip *zip)
{
  zip_end (zip);
  wire_close (pair);
}

/* A frame arriving in portions, as the writer makes room for itself. */
struct arriving {
  unsigned char bytes[SIZE + 2000];
  long size;
};

/* Takes what is there; returns how much that was. */
static long take (struct arriving *arriving, int fd)
{
  long room = sizeof arriving->bytes - arriving->size;
  long n = recv (fd, arriving->bytes + arriving->size, room, MSG_DONTWAIT);

  if (n > 0)
    arriving->size += n;
  return n;
}

/* What has arrived is one frame, the noise. */
static void check_arrived (struct arriving *arriving, struct zip *zip, struct wire_pair *pair)
{
  static unsigned char unpacked[SIZE + 1000];
  unsigned char *bytes = arriving->bytes;
  long header = 4 + (pair->server ? 0 : 4);
  long size = bytes[2] << 8 | bytes[3];
  long i;

  CHECK_INT (bytes[0], 0xc2);
  CHECK_INT (bytes[1] & 0x7f, 126);
  CHECK_INT (arriving->size, header + size);
  if (!pair->server)
    for (i = 0; i < size; i++)
      bytes[header + i] ^= bytes[4 + i % 4];
  size = zip_unpack (zip, bytes + header, size, unpacked, sizeof unpacked);
  CHECK_MEM (unpacked, size, noise, SIZE);
}

/* Has the library write what is pending; with what arrives it is one frame, the noise. */
static void finish (struct arriving *arriving, struct zip *zip, struct wire_pair *pair)
{
  while (nopoll_conn_pending_write_bytes (pair->conn) > 0) {
    take (arriving, pair->peer);
    nopoll_conn_complete_pending_write (pair->conn);
  }
  while (take (arriving, pair->peer) > 0)
    ;
  check_arrived (arriving, zip, pair);
}

TEST (a_short_compressed_frame_is_counted_when_it_is_out)
{
  int server;

  for (server = 0; server < 2; server++) {
    static struct arriving arriving;
    struct wire_pair pair;
    struct zip zip;
    int counted = 0, pending, n;

    arriving.size = 0;
    open_zipped (&pair, &zip, server);
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), sizeof text - 1);
    zip_expect (&zip, &pair, 0x81, text, sizeof text - 1);
    CHECK_INT (nopoll_conn_send_binary (pair.conn, noise, SIZE), -2);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    pending = nopoll_conn_pending_write_bytes (pair.conn);
    CHECK (pending > SIZE / 2);
    /* No progress. */
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    while (pending > 0) {
      int before = pending;

      CHECK (take (&arriving, pair.peer) > 0);
      n = nopoll_conn_complete_pending_write (pair.conn);
      pending = nopoll_conn_pending_write_bytes (pair.conn);
      CHECK (pending < before);
      CHECK_INT (n, pending > 0 ? 0 : SIZE);
      counted += n;
    }
    CHECK_INT (counted, SIZE);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    while (take (&arriving, pair.peer) > 0)
      ;
    check_arrived (&arriving, &zip, &pair);
    /* And the stream goes on. */
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), sizeof text - 1);
    zip_expect (&zip, &pair, 0x81, text, sizeof text - 1);
    close_zipped (&pair, &zip);
  }
}

TEST (frames_that_are_refused_are_not_missed_by_the_peer)
{
  static struct arriving arriving;
  struct wire_pair pair;
  struct zip zip;
  int i;

  arriving.size = 0;
  open_zipped (&pair, &zip, 1);
  CHECK_INT (nopoll_conn_send_binary (pair.conn, noise, SIZE), -2);
  for (i = 0; i < 3; i++) {
    /* None of these is accepted, whatever it is. */
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, text, -1), -1);
    CHECK_INT (nopoll_conn_send_binary (pair.conn, noise, SIZE), -1);
    CHECK (!nopoll_conn_send_ping (pair.conn));
  }
  finish (&arriving, &zip, &pair);
  for (i = 0; i < 3; i++) {
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), sizeof text - 1);
    zip_expect (&zip, &pair, 0x81, text, sizeof text - 1);
  }
  close_zipped (&pair, &zip);
}


TEST (what_the_loop_writes_is_credit_for_the_whole_frame)
{
  static struct arriving arriving;
  struct wire_pair pair;
  struct zip zip;

  arriving.size = 0;
  open_zipped (&pair, &zip, 1);
  CHECK_INT (nopoll_conn_send_binary (pair.conn, noise, SIZE), -2);
  LOOP_UNTIL (pair.ctx, take (&arriving, pair.peer) == -1 && arriving.size > SIZE);
  check_arrived (&arriving, &zip, &pair);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), SIZE);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 0, -2), SIZE);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  close_zipped (&pair, &zip);
}

TEST (a_flush_adds_up_to_the_whole_frame)
{
  static struct arriving arriving;
  struct wire_pair pair;
  struct zip zip;
  int n;

  arriving.size = 0;
  open_zipped (&pair, &zip, 1);
  n = nopoll_conn_send_binary (pair.conn, noise, SIZE);
  CHECK_INT (n, -2);
  while (nopoll_conn_pending_write_bytes (pair.conn) > 0) {
    take (&arriving, pair.peer);
    n = nopoll_conn_flush_writes (pair.conn, 1, n);
    CHECK_INT (n, nopoll_conn_pending_write_bytes (pair.conn) > 0 ? 0 : SIZE);
  }
  while (take (&arriving, pair.peer) > 0)
    ;
  check_arrived (&arriving, &zip, &pair);
  close_zipped (&pair, &zip);
}

TEST (a_frame_withdrawn_at_a_send_timeout_is_not_missed_by_the_peer)
{
  static struct arriving arriving;
  struct timeval timeout = { 0, 50000 };
  struct wire_pair pair;
  struct zip zip;
  int fd;

  arriving.size = 0;
  open_zipped (&pair, &zip, 1);
  fd = nopoll_conn_socket (pair.conn);
  nopoll_conn_set_sock_block (fd, nopoll_true);
  CHECK (setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0);
  /* Begun, so it must be finished; the next isn't even begun. */
  CHECK_INT (nopoll_conn_send_binary (pair.conn, noise, SIZE), -2);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  finish (&arriving, &zip, &pair);
  CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), sizeof text - 1);
  zip_expect (&zip, &pair, 0x81, text, sizeof text - 1);
  close_zipped (&pair, &zip);
}

static void answer_twice (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  CHECK_INT (nopoll_conn_send_binary (conn, noise, SIZE), SIZE);
  CHECK_INT (nopoll_conn_send_text (conn, text, -1), sizeof text - 1);
  *(int *) data += 1;
}

TEST (a_handler_on_a_blocking_descriptor_hands_its_frames_over)
{
  static struct arriving arriving;
  struct wire_pair pair;
  struct zip zip;
  int called = 0;
  long frame;

  arriving.size = 0;
  open_zipped (&pair, &zip, 1);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), nopoll_true);
  nopoll_conn_set_on_msg (pair.conn, answer_twice, &called);
  wire_put (&pair, 0x81, "go", 2);
  LOOP_UNTIL (pair.ctx, called == 1);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  LOOP_UNTIL (pair.ctx, take (&arriving, pair.peer) == -1 && arriving.size > SIZE + 40);
  frame = 4 + (arriving.bytes[2] << 8 | arriving.bytes[3]);
  {
    unsigned char *second = arriving.bytes + frame;
    unsigned char unpacked[200];
    long size = arriving.size - frame - 2;

    arriving.size = frame;
    CHECK_INT (second[0], 0xc1);
    CHECK_INT (second[1], size);
    check_arrived (&arriving, &zip, &pair);
    size = zip_unpack (&zip, second + 2, size, unpacked, sizeof unpacked);
    CHECK_MEM (unpacked, size, text, sizeof text - 1);
  }
  close_zipped (&pair, &zip);
}

TEST (a_pause_after_the_header_splits_a_compressed_frame_too)
{
  struct wire_pair pair;
  struct zip zip;

  open_zipped (&pair, &zip, 1);
  CHECK_INT (__nopoll_conn_send_common (pair.conn, text, sizeof text - 1, nopoll_true, 1000,
                                        NOPOLL_TEXT_FRAME), sizeof text - 1);
  zip_expect (&zip, &pair, 0x81, text, sizeof text - 1);
  close_zipped (&pair, &zip);
}

TESTS (CASE (a_short_compressed_frame_is_counted_when_it_is_out),
       CASE (frames_that_are_refused_are_not_missed_by_the_peer),
       CASE (what_the_loop_writes_is_credit_for_the_whole_frame),
       CASE (a_flush_adds_up_to_the_whole_frame),
       CASE (a_frame_withdrawn_at_a_send_timeout_is_not_missed_by_the_peer),
       CASE (a_handler_on_a_blocking_descriptor_hands_its_frames_over),
       CASE (a_pause_after_the_header_splits_a_compressed_frame_too))
