/*
 * client.c - an interactive client: lines from standard input go out as text messages, messages
 * that arrive go to standard output.
 *
 *   client [-w SECONDS] ws://HOST[:PORT][/PATH]
 *
 * At the end of the input, and with -w when the server has been silent for so long, it closes the
 * connection in good order: what is under way still arrives. Why the connection ended goes to
 * standard error; the exit status is 0 for a normal end.
 *
 * It shows how to wait for a connection and for something else at the same time: with a poll ()
 * of the program's own, and nopoll_conn_get_msg () instead of handlers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <poll.h>

#include "support.h"

/* Milliseconds the server gets to answer our close frame. */
#define CLOSE_TIMEOUT 10000

/* What has been read and not sent yet, and whether more can come. */
static char input[65536];
static size_t filled = 0;
static nopoll_bool input_ended = nopoll_false;
/* How many ms of silence to wait for then. */
static int patience = 0;
/* The close frame is out. */
static nopoll_bool closing = nopoll_false;

static void print_message (noPollMsg *msg)
{
  int size = nopoll_msg_get_payload_size (msg);
  static noPollOpCode type;

  /* Later frames of a fragmented message say only that they continue it. */
  if (nopoll_msg_opcode (msg) != NOPOLL_CONTINUATION_FRAME)
    type = nopoll_msg_opcode (msg);
  if (type == NOPOLL_BINARY_FRAME) {
    printf ("(%d bytes)\n", size);
    return;
  }
  if (size > 0)
    fwrite (nopoll_msg_get_payload (msg), 1, (size_t) size, stdout);
  if (nopoll_msg_is_final (msg))
    putchar ('\n');
}

/* Prints everything that has arrived. */
static void receive (noPollConn *conn)
{
  noPollMsg *msg;

  /* A message that is NULL says that nothing is there now, or that a ping or the like has been
   * dealt with. As long as the library has something of its own to hand out, poll () must not be
   * asked: it knows only what is still in the kernel. */
  do {
    msg = nopoll_conn_get_msg (conn);
    if (msg != NULL) {
      print_message (msg);
      nopoll_msg_unref (msg);
    }
  } while (msg != NULL || nopoll_conn_read_pending (conn) > 0);
  fflush (stdout);
}

/*
 * Sends the first bytes of the input, as a message or, unless it ends here, as a fragment of one.
 * False when that failed.
 *
 * The socket of a client is non-blocking. A result that is less than the size, or -2, is no
 * failure then: the library keeps the rest and nopoll_conn_pending_write_bytes () tells how much.
 */
static nopoll_bool send_text (noPollConn *conn, size_t size, nopoll_bool ends)
{
  int result;

  if (size == 0) /* nopoll_conn_send_text () refuses to send nothing; a client masks its frames */
    result = nopoll_conn_send_frame (conn, nopoll_true, nopoll_true, NOPOLL_TEXT_FRAME, 0, NULL, 0);
  else if (ends)
    result = nopoll_conn_send_text (conn, input, (long) size);
  else
    result = nopoll_conn_send_text_fragment (conn, input, (long) size);
  return result != -1;
}

/*
 * Sends a close frame with status 1000 (RFC 6455, section 5.5.1) and leaves the connection open:
 * what the server has sent before it sees this can still be received, up to its own close frame.
 * nopoll_conn_close () would not wait for that.
 */
static nopoll_bool send_close (noPollConn *conn)
{
  char status[2];

  nopoll_set_16bit (1000, status);
  closing = nopoll_true;
  return nopoll_conn_send_frame (conn, nopoll_true, nopoll_true, NOPOLL_CLOSE_FRAME, sizeof status,
                                 status, 0) != -1;
}

/*
 * Sends the lines that have been read, and the close frame behind the last one. One frame at a
 * time: while one is unfinished, another would not be accepted. False when sending failed.
 */
static nopoll_bool send_input (noPollConn *conn)
{
  while (!closing && nopoll_conn_pending_write_bytes (conn) == 0) {
    char *newline = memchr (input, '\n', filled);
    nopoll_bool ends = newline != NULL || input_ended;
    size_t size;

    if (newline != NULL)
      size = (size_t) (newline - input);
    else if (input_ended && filled == 0)
      return patience > 0 || send_close (conn);
    else if (input_ended) /* the last line has no newline */
      size = filled;
    else if (filled == sizeof input) /* a long line: the rest of the message is still to come */
      size = filled - 1;
    else
      return nopoll_true;
    if (!send_text (conn, size, ends))
      return nopoll_false;
    if (newline != NULL)
      size++;
    filled -= size;
    memmove (input, input + size, filled);
  }
  return nopoll_true;
}

static void read_input (void)
{
  ssize_t got = read (STDIN_FILENO, input + filled, sizeof input - filled);

  if (got > 0)
    filled += (size_t) got;
  else if (got == 0 || errno != EINTR)
    input_ended = nopoll_true;
}

/* Runs until the connection ends; true if it ended well. */
static nopoll_bool talk (noPollConn *conn)
{
  int status;

  do {
    struct pollfd fds[2];
    nopoll_bool unsent;

    if (!send_input (conn)) {
      fprintf (stderr, "can't send: %s\n", strerror (errno));
      return nopoll_false;
    }
    unsent = nopoll_conn_pending_write_bytes (conn) > 0;
    fds[0].fd = nopoll_conn_socket (conn);
    fds[0].events = (short) (POLLIN | (unsent ? POLLOUT : 0));
    fds[1].fd = input_ended || unsent ? -1 : STDIN_FILENO; /* poll () skips what is negative */
    fds[1].events = POLLIN;
    switch (poll (fds, 2, closing ? CLOSE_TIMEOUT : input_ended ? patience : -1)) {
    case 0:
      if (!closing) {
        patience = 0;
        continue;
      }
      fprintf (stderr, "the server doesn't answer the close frame\n");
      return nopoll_false;
    case -1:
      if (errno == EINTR)
        continue;
      perror ("poll");
      return nopoll_false;
    }
    if (fds[0].revents & POLLOUT)
      nopoll_conn_complete_pending_write (conn);
    if (fds[1].revents != 0)
      read_input ();
    if (fds[0].revents & ~POLLOUT)
      receive (conn);
  } while (nopoll_conn_is_ok (conn));

  status = nopoll_conn_get_close_status (conn);
  fprintf (stderr, "%s\n", why_closed (conn));
  return status == 1000 || status == 1001 || status == 1005;
}

int main (int argc, char **argv)
{
  const char *usage = "[-w SECONDS] ws://HOST[:PORT][/PATH]";
  nopoll_bool ended_well;
  noPollCtx *ctx;
  noPollConn *conn;
  int option;

  while ((option = getopt (argc, argv, "w:")) != -1) {
    if (option == 'w')
      patience = (int) number_argument ("-w", optarg, 0, 86400) * 1000;
    else
      exit_with_usage (argv, usage);
  }
  if (optind != argc - 1)
    exit_with_usage (argv, usage);
  ctx = nopoll_ctx_new ();
  conn = open_client (ctx, argv[optind]);
  if (conn == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  fprintf (stderr, "connected to %s\n", argv[optind]);
  ended_well = talk (conn);
  nopoll_conn_close (conn); /* also a connection that has ended is ours to close */
  nopoll_ctx_unref (ctx);
  return ended_well ? 0 : 1;
}
