/* Frames the kernel takes in parts: results, what is pending, and that the sums come out. */
#include <nopoll.h>

#include <pthread.h>

#include "support/limit.h"

/* A new connection on a local socket, whose kernel takes `bytes` more. */
static void begin (struct wire_pair *pair, int server, long bytes)
{
  int room = 200000;

  limit_off ();
  wire_open_local (pair, NULL, server);
  /* Each write takes a part of the real buffer, too, however small it is. */
  setsockopt (nopoll_conn_socket (pair->conn), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  limit_to (pair->conn, bytes);
}

static void end (struct wire_pair *pair)
{
  limit_off ();
  wire_close (pair);
}

static int header_size (int server, long size)
{
  return (size < 126 ? 2 : size <= 65535 ? 4 : 10) + (server ? 0 : 4);
}

static void fill (char *bytes, long size)
{
  long i;

  for (i = 0; i < size; i++)
    bytes[i] = (char) ('A' + i % 53);
}

static char content[300];

/* Sends a frame of which the kernel takes `first` bytes, then `step` at a time. */
static void send_in_steps (int server, int size, int first, int step)
{
  struct wire_pair pair;
  int head = header_size (server, size), left = head + size, n, sum;

  begin (&pair, server, first);
  errno = 0;
  n = nopoll_conn_send_binary (pair.conn, content, size);
  if (first >= left) {
    CHECK_INT (n, size);
    CHECK_INT (errno, 0);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  } else {
    CHECK_INT (n, first > head ? first - head : -2);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    left -= first;
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), left);
    if (n > 0)
      CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn) + n, size);
    sum = n > 0 ? n : 0;
    /* Nothing goes out: nothing changes. */
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), left);
    while (left > 0) {
      int written = step < left ? step : left;
      /* Of these, what is in front of the payload doesn't count. */
      int rest_of_head = left > size ? left - size : 0;
      int payload = written > rest_of_head ? written - rest_of_head : 0;

      limit_left = step;
      errno = 0;
      n = nopoll_conn_complete_pending_write (pair.conn);
      CHECK_INT (n, payload);
      CHECK_INT (errno, 0);
      left -= written;
      sum += n;
      CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), left);
    }
    CHECK_INT (sum, size);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
  }
  wire_expect (&pair, 0x82, content, size);
  CHECK (wire_is_quiet (pair.peer));
  end (&pair);
}

/* M-30, M-31 */
TEST (a_frame_may_be_interrupted_after_any_byte_of_it)
{
  static const int sizes[] = { 1, 7, 130 };
  int server, i, first;

  fill (content, sizeof content);
  for (server = 0; server < 2; server++)
    for (i = 0; i < 3; i++) {
      int all = header_size (server, sizes[i]) + sizes[i];
      int stride = all > 40 ? 9 : 1;

      for (first = 0; first <= all; first += first < 16 ? 1 : stride) {
        send_in_steps (server, sizes[i], first, 1);
        send_in_steps (server, sizes[i], first, 5);
        send_in_steps (server, sizes[i], first, 1000);
      }
    }
}

/* M-31 */
TEST (the_longest_header_may_be_interrupted_too)
{
  static char large[70000];
  int server, first;

  fill (large, sizeof large);
  for (server = 0; server < 2; server++)
    for (first = 0; first < 16; first++) {
      struct wire_pair pair;
      int head = header_size (server, sizeof large), n, sum;

      begin (&pair, server, first);
      n = nopoll_conn_send_binary (pair.conn, large, sizeof large);
      CHECK_INT (n, first > head ? first - head : -2);
      sum = n > 0 ? n : 0;
      limit_left = 3;
      CHECK (nopoll_conn_complete_pending_write (pair.conn) >= 0);
      sum = (int) sizeof large - nopoll_conn_pending_write_bytes (pair.conn);
      if (sum < 0)
        sum = 0;
      limit_left = 5000;
      sum += nopoll_conn_complete_pending_write (pair.conn);
      CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), (int) sizeof large - sum);
      end (&pair);
    }
}

/* M-26 */
TEST (empty_frames_may_be_interrupted)
{
  int server, first, kind;

  for (server = 0; server < 2; server++)
    for (first = 0; first < header_size (server, 0); first++)
      for (kind = 0; kind < 3; kind++) {
        struct wire_pair pair;

        begin (&pair, server, first);
        if (kind == 0)
          CHECK_INT (nopoll_conn_send_ping (pair.conn), 1);
        else if (kind == 1)
          CHECK_INT (nopoll_conn_send_pong (pair.conn, 0, NULL), 1);
        else
          CHECK_INT (nopoll_conn_send_text (pair.conn, "", -1), -2);
        CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
        CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), header_size (server, 0) - first);
        CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
        limit_off ();
        errno = 7;
        CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
        CHECK_INT (errno, 7);
        CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
        wire_expect (&pair, kind == 0 ? 0x89 : kind == 1 ? 0x8a : 0x81, "", 0);
        end (&pair);
      }
}

/* M-28, M-29 */
TEST (frames_behind_an_unfinished_one_are_refused_until_it_is_out)
{
  int server, step;

  fill (content, sizeof content);
  for (server = 0; server < 2; server++)
    for (step = 1; step < 30; step += 4) {
      struct wire_pair pair;
      int n, sum;

      begin (&pair, server, 10);
      n = nopoll_conn_send_text (pair.conn, content, 40);
      CHECK_INT (n, 10 - header_size (server, 40));
      sum = n;
      /* The attempt pushes the older frame on; what it wrote is reported afterwards. */
      limit_left = step;
      errno = 0;
      CHECK_INT (nopoll_conn_send_text (pair.conn, "second", 6), -1);
      CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
      CHECK_INT (nopoll_conn_send_ping (pair.conn), 0);
      CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
      CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, !server, NOPOLL_TEXT_FRAME, 1, "x", 0), -1);
      /* What went out meanwhile is still to be collected. */
      CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn) + sum, 40);
      n = nopoll_conn_complete_pending_write (pair.conn);
      CHECK_INT (n, step);
      sum += n;
      CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn) + sum, 40);
      CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
      limit_off ();
      n = nopoll_conn_complete_pending_write (pair.conn);
      CHECK_INT (sum + n, 40);
      CHECK_INT (nopoll_conn_send_text (pair.conn, "second", 6), 6);
      wire_expect (&pair, 0x81, content, 40);
      wire_expect (&pair, 0x81, "second", 6);
      CHECK (wire_is_quiet (pair.peer));
      end (&pair);
    }
}

/* M-28 */
TEST (a_frame_that_is_accepted_ends_the_account_of_the_one_before)
{
  struct wire_pair pair;

  fill (content, sizeof content);
  begin (&pair, 1, 12);
  CHECK_INT (nopoll_conn_send_text (pair.conn, content, 40), 10);
  /* The second frame's send pushes the first one out, and is cut short itself. */
  limit_left = 30 + 2 + 3;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "second", 6), 3);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 3);
  limit_off ();
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 3);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  wire_expect (&pair, 0x81, content, 40);
  wire_expect (&pair, 0x81, "second", 6);
  /* Pushed out to the last byte, but not accepted: that is to be collected. */
  limit_to (pair.conn, 12);
  CHECK_INT (nopoll_conn_send_text (pair.conn, content, 40), 10);
  limit_left = 30;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "third", 5), -2);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 7);
  limit_off ();
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1000, -2), 5);
  wire_expect (&pair, 0x81, content, 40);
  wire_expect (&pair, 0x81, "third", 5);
  end (&pair);
}

/* M-25 */
TEST (a_refused_fragment_begins_no_message)
{
  struct wire_pair pair;

  fill (content, sizeof content);
  begin (&pair, 1, 12);
  CHECK_INT (nopoll_conn_send_binary (pair.conn, content, 40), 10);
  CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "refused", 7), -1);
  limit_off ();
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 30);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "whole", 5), 5);
  wire_expect (&pair, 0x82, content, 40);
  wire_expect (&pair, 0x81, "whole", 5);
  /* One that is accepted, however little of it is out, does. */
  limit_to (pair.conn, 0);
  CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "begins", 6), -2);
  limit_off ();
  CHECK_INT (nopoll_conn_send_text (pair.conn, "ends", 4), 4);
  wire_expect (&pair, 0x01, "begins", 6);
  wire_expect (&pair, 0x80, "ends", 4);
  end (&pair);
}

TEST (the_content_may_be_reused_at_once)
{
  char text[] = "the content of a frame";
  int server, first;

  for (server = 0; server < 2; server++)
    for (first = 0; first < 20; first += 3) {
      struct wire_pair pair;

      strcpy (text, "the content of a frame");
      begin (&pair, server, first);
      nopoll_conn_send_text (pair.conn, text, 22);
      memset (text, 'x', 22);
      limit_off ();
      nopoll_conn_flush_writes (pair.conn, 100000, 0);
      wire_expect (&pair, 0x81, "the content of a frame", 22);
      end (&pair);
    }
}

/* M-27 */
TEST (a_failure_while_a_frame_is_unfinished_leaves_it_pending)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    int n, pending;

    begin (&pair, server, 10);
    n = nopoll_conn_send_text (pair.conn, content, 40);
    CHECK (n > 0);
    pending = nopoll_conn_pending_write_bytes (pair.conn);
    close (pair.peer);
    pair.peer = -1;
    limit_off ();
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
    CHECK_INT (errno, EPIPE);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), pending);
    errno = 0;
    CHECK_INT (nopoll_conn_send_text (pair.conn, "more", 4), -1);
    CHECK_INT (errno, EPIPE);
    /* Returns at once, not after its time. */
    CHECK_INT (nopoll_conn_flush_writes (pair.conn, 3600000000L, n), n);
    CHECK (nopoll_conn_is_ok (pair.conn));
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    end (&pair);
  }
}

/* M-32, M-33 */
TEST (flush_adds_up_results_and_never_fails)
{
  struct wire_pair pair;

  begin (&pair, 1, -1);
  CHECK_INT (nopoll_conn_flush_writes (NULL, 1000, 5), 5);
  CHECK_INT (nopoll_conn_flush_writes (NULL, 1000, -1), 0);
  /* Nothing pending. */
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 5000000, 5), 5);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 5000000, 0), 0);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 5000000, -1), 0);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 5000000, -2), 0);
  /* Without time, nothing is written. */
  limit_to (pair.conn, 6);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "pending", 7), 4);
  limit_left = -1;
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 0, 4), 4);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, -5, 4), 4);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 3);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1, 4), 7);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  wire_expect (&pair, 0x81, "pending", 7);
  /* What a refused send pushed out is collected even without time. */
  limit_to (pair.conn, 6);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "pending", 7), 4);
  limit_left = 2;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "refused", 7), -1);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 0, 4), 6);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 1);
  limit_off ();
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1, 6), 7);
  wire_expect (&pair, 0x81, "pending", 7);
  end (&pair);
}

/* M-32 */
TEST (flush_gives_up_when_the_time_has_passed)
{
  struct wire_pair pair;
  int n;

  limit_off ();
  wire_open_local (&pair, NULL, 1);
  wire_stuff (nopoll_conn_socket (pair.conn));
  CHECK_INT (nopoll_conn_send_text (pair.conn, "pending", 7), -2);
  n = nopoll_conn_pending_write_bytes (pair.conn);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1, -2), 0);
  CHECK_INT (nopoll_conn_flush_writes (pair.conn, 150000, -2), 0);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), n);
  wire_close (&pair);
}

/* L-19, M-30 */
TEST (what_the_loop_writes_is_still_to_be_collected)
{
  static char large[200000], got[200000 + 14];
  int server;

  fill (large, sizeof large);
  limit_off ();
  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    int n, pending;
    long left;

    wire_open_local (&pair, NULL, server);
    nopoll_loop_wait (pair.ctx, 1000);
    n = nopoll_conn_send_binary (pair.conn, large, sizeof large);
    CHECK (n > 0 && n < (int) sizeof large);
    pending = nopoll_conn_pending_write_bytes (pair.conn);
    CHECK_INT (n + pending, sizeof large);
    /* The peer reads, the loop writes, and the program's account stays as it was. */
    left = header_size (server, sizeof large) + (long) sizeof large;
    while (left > 0) {
      ssize_t size = recv (pair.peer, got, sizeof got, MSG_DONTWAIT);

      CHECK (size > 0 || errno == EAGAIN);
      left -= size > 0 ? size : 0;
      nopoll_loop_wait (pair.ctx, 1000);
    }
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), pending);
    if (server) {
      CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), pending);
    } else {
      CHECK_INT (nopoll_conn_flush_writes (pair.conn, 0, n), sizeof large);
    }
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    /* Not collected, it is forgotten with the next frame. */
    n = nopoll_conn_send_binary (pair.conn, large, sizeof large);
    left = header_size (server, sizeof large) + (long) sizeof large;
    while (left > 0) {
      ssize_t size = recv (pair.peer, got, sizeof got, MSG_DONTWAIT);

      left -= size > 0 ? size : 0;
      nopoll_loop_wait (pair.ctx, 1000);
    }
    CHECK_INT (nopoll_conn_send_text (pair.conn, "next", 4), 4);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    wire_expect (&pair, 0x81, "next", 4);
    wire_close (&pair);
  }
}

TESTS (CASE (a_frame_may_be_interrupted_after_any_byte_of_it),
       CASE (the_longest_header_may_be_interrupted_too),
       CASE (empty_frames_may_be_interrupted),
       CASE (frames_behind_an_unfinished_one_are_refused_until_it_is_out),
       CASE (a_frame_that_is_accepted_ends_the_account_of_the_one_before),
       CASE (a_refused_fragment_begins_no_message),
       CASE (the_content_may_be_reused_at_once),
       CASE (a_failure_while_a_frame_is_unfinished_leaves_it_pending),
       CASE (flush_adds_up_results_and_never_fails),
       CASE (flush_gives_up_when_the_time_has_passed),
       CASE (what_the_loop_writes_is_still_to_be_collected))
