/* A send that gives up leaves no trace: what follows is sent as if it had never been tried. */
#include <nopoll.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "support/wire.h"

static char large[200000];

/* A server whose blocking sends give up soon, and whose socket is full with a frame of which the
 * library still holds a part. */
static void open_full (struct wire_pair *pair, nopoll_bool fin)
{
  struct timeval soon = { 0, 20000 };
  int fd;

  wire_open_local (pair, NULL, 1);
  fd = nopoll_conn_socket (pair->conn);
  nopoll_conn_set_sock_block (fd, nopoll_true);
  CHECK_INT (setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
  CHECK (__nopoll_conn_send_common (pair->conn, large, sizeof large, fin, 0, NOPOLL_TEXT_FRAME)
         < (int) sizeof large);
  CHECK (nopoll_conn_pending_write_bytes (pair->conn) > 0);
}

/* Takes the large frame off the wire. */
static void drain (struct wire_pair *pair, int first)
{
  static char payload[sizeof large];
  char header[10];
  long got = 0;

  wire_receive (pair->peer, header, sizeof header);
  CHECK_INT ((unsigned char) header[0], first);
  while (got < (long) sizeof payload) {
    int there = wire_unread (pair->peer);

    nopoll_conn_complete_pending_write (pair->conn);
    if (there > (long) sizeof payload - got)
      there = (int) (sizeof payload - got);
    if (there > 0)
      wire_receive (pair->peer, payload + got, there);
    got += there;
  }
  CHECK_INT (nopoll_conn_pending_write_bytes (pair->conn), 0);
}

TEST (a_fragmented_message_goes_on_after_a_fragment_was_refused)
{
  struct wire_pair pair;

  open_full (&pair, nopoll_false);
  errno = 0;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "end", 3), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  drain (&pair, 0x01);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "end", 3), 3);
  wire_expect (&pair, 0x80, "end", 3);
  wire_close (&pair);
}

TEST (a_message_begins_after_the_first_fragment_of_another_was_refused)
{
  struct wire_pair pair;

  open_full (&pair, nopoll_true);
  CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "abc", 3), -1);
  drain (&pair, 0x81);
  CHECK_INT (nopoll_conn_send_binary (pair.conn, "abc", 3), 3);
  wire_expect (&pair, 0x82, "abc", 3);
  wire_close (&pair);
}

TEST (a_close_frame_that_was_refused_is_not_taken_for_sent)
{
  struct wire_pair pair;

  open_full (&pair, nopoll_true);
  CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, 0, NOPOLL_CLOSE_FRAME, 2, "\x03\xe8", 0), -1);
  drain (&pair, 0x81);
  nopoll_conn_close_ext (pair.conn, 1001, NULL, 0);
  pair.conn = NULL;
  wire_expect (&pair, 0x88, "\x03\xe9", 2);
  wire_expect_end (pair.peer);
  wire_close (&pair);
}

TESTS (
  CASE (a_fragmented_message_goes_on_after_a_fragment_was_refused),
  CASE (a_message_begins_after_the_first_fragment_of_another_was_refused),
  CASE (a_close_frame_that_was_refused_is_not_taken_for_sent),
)
