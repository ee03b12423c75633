/*
 * send_file.c - streams a file of any size to receive_file, as one message in many fragments.
 *
 *   send_file FILE ws://HOST[:PORT][/PATH]
 *
 * First comes a text message with the file's name and, in a fragment of its own, its size; then
 * the content as one binary message, 64 KiB at a time; last the receiver's answer. Neither end
 * ever has more than a fragment in memory.
 *
 * It shows sending without a loop as fast as the receiver takes it: nopoll_conn_flush_writes ()
 * waits until what a send could not write at once is out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <poll.h>

#include "support.h"

#define CHUNK 65536
/* How long a receiver may take nothing: µs for a fragment, ms for its answer. */
#define FLUSH_TIMEOUT 30000000
#define ANSWER_TIMEOUT 30000

/*
 * Waits until a frame of size bytes is out, given the result of the send. False when it isn't.
 *
 * The result is the size when all of it could be written, as usual. Less, or -2: the library has
 * kept the rest; flush_writes counts on from there. -1: nothing was accepted.
 */
static nopoll_bool finish (noPollConn *conn, int result, int size)
{
  if (result == -1) {
    fprintf (stderr, "can't send: %s\n", strerror (errno));
    return nopoll_false;
  }
  if (result != size)
    result = nopoll_conn_flush_writes (conn, FLUSH_TIMEOUT, result);
  if (result != size)
    fprintf (stderr, "the receiver takes nothing any more\n");
  return result == size;
}

/* Name and size: two fragments of one text message. */
static nopoll_bool send_description (noPollConn *conn, const char *path, long long size)
{
  const char *slash = strrchr (path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  char text[32];

  snprintf (text, sizeof text, "\n%lld", size);
  return finish (conn, nopoll_conn_send_text_fragment (conn, name, -1), (int) strlen (name))
         && finish (conn, nopoll_conn_send_text (conn, text, -1), (int) strlen (text));
}

/* The content: every fragment but the last says that more is to come. */
static nopoll_bool send_content (noPollConn *conn, FILE *file, long long size)
{
  static char chunk[CHUNK];
  long long left = size;

  if (size == 0) /* an empty message: send_binary () refuses to send nothing */
    return finish (conn, nopoll_conn_send_frame (conn, nopoll_true, nopoll_true,
                                                 NOPOLL_BINARY_FRAME, 0, NULL, 0), 0);
  while (left > 0) {
    int part = left < CHUNK ? (int) left : CHUNK;
    int result;

    if (fread (chunk, 1, (size_t) part, file) != (size_t) part) {
      fprintf (stderr, "the file has become shorter\n");
      return nopoll_false;
    }
    left -= part;
    if (left > 0)
      result = nopoll_conn_send_binary_fragment (conn, chunk, part);
    else
      result = nopoll_conn_send_binary (conn, chunk, part);
    if (!finish (conn, result, part))
      return nopoll_false;
  }
  return nopoll_true;
}

/* Prints the receiver's answer; false when none comes. */
static nopoll_bool print_answer (noPollConn *conn)
{
  struct pollfd ready;
  noPollMsg *msg;

  while ((msg = nopoll_conn_get_msg (conn)) == NULL) {
    if (!nopoll_conn_is_ok (conn)) {
      fprintf (stderr, "%s\n", why_closed (conn));
      return nopoll_false;
    }
    ready.fd = nopoll_conn_socket (conn);
    ready.events = POLLIN;
    if (nopoll_conn_read_pending (conn) == 0 && poll (&ready, 1, ANSWER_TIMEOUT) == 0) {
      fprintf (stderr, "the receiver doesn't answer\n");
      return nopoll_false;
    }
  }
  printf ("%s\n", (const char *) nopoll_msg_get_payload (msg));
  nopoll_msg_unref (msg);
  return nopoll_true;
}

static nopoll_bool send_file (noPollConn *conn, const char *path, FILE *file)
{
  struct stat status;

  if (fstat (fileno (file), &status) != 0 || !S_ISREG (status.st_mode)) {
    fprintf (stderr, "%s: not a regular file\n", path);
    return nopoll_false;
  }
  return send_description (conn, path, status.st_size)
         && send_content (conn, file, status.st_size) && print_answer (conn);
}

int main (int argc, char **argv)
{
  nopoll_bool sent = nopoll_false;
  noPollCtx *ctx;
  noPollConn *conn;
  FILE *file;

  if (argc != 3)
    exit_with_usage (argv, "FILE ws://HOST[:PORT][/PATH]");
  file = fopen (argv[1], "rb");
  if (file == NULL) {
    perror (argv[1]);
    return 1;
  }
  ctx = nopoll_ctx_new ();
  conn = open_client (ctx, argv[2]);
  if (conn != NULL) {
    sent = send_file (conn, argv[1], file);
    nopoll_conn_close_ext (conn, sent ? 1000 : 1011, sent ? "" : "failed", sent ? 0 : 6);
  }
  nopoll_ctx_unref (ctx);
  fclose (file);
  return sent ? 0 : 1;
}
