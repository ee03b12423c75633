/*
 * receive_file.c - takes one file from send_file, which see, and ends.
 *
 *   receive_file [-a ADDRESS] [-c CERTIFICATE -k KEY] [-v] [PORT] FILE
 *
 * It shows a server at its simplest: one client, and calls that block until there is something.
 * The description is short, so its fragments are joined (nopoll_msg_join); the content may be
 * larger than the memory, so its fragments are written as they come.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include "support.h"

/* The longest description. */
#define LONGEST 4096

/* The next message, or fragment of one; NULL when the connection has ended. */
static noPollMsg *next_msg (noPollConn *conn)
{
  noPollMsg *msg = NULL;

  /* On a blocking descriptor get_msg waits. NULL is also what it returns for a ping. */
  while (msg == NULL && nopoll_conn_is_ok (conn))
    msg = nopoll_conn_get_msg (conn);
  return msg;
}

/* Joins the fragments of one message; NULL when it is too long or the connection has ended. */
static noPollMsg *whole_msg (noPollConn *conn)
{
  noPollMsg *whole = NULL, *part, *joined;
  nopoll_bool final = nopoll_false;

  while (!final && (part = next_msg (conn)) != NULL) {
    final = nopoll_msg_is_final (part); /* the last part knows, the joined message doesn't */
    joined = nopoll_msg_join (whole, part); /* NULL and a message give that message */
    nopoll_msg_unref (whole);
    nopoll_msg_unref (part);
    whole = joined;
    if (nopoll_msg_get_payload_size (whole) > LONGEST)
      break;
  }
  if (final)
    return whole;
  nopoll_msg_unref (whole);
  return NULL;
}

/* Writes the content to the file; the bytes written, or -1. */
static long long receive_content (noPollConn *conn, FILE *file)
{
  nopoll_bool final = nopoll_false;
  long long total = 0;

  while (!final) {
    noPollMsg *part = next_msg (conn);
    size_t size;

    if (part == NULL) {
      fprintf (stderr, "the file is incomplete: %s\n", why_closed (conn));
      return -1;
    }
    size = (size_t) nopoll_msg_get_payload_size (part);
    final = nopoll_msg_is_final (part);
    if (size > 0 && fwrite (nopoll_msg_get_payload (part), 1, size, file) != size) {
      perror ("can't write");
      nopoll_msg_unref (part);
      return -1;
    }
    nopoll_msg_unref (part);
    total += (long long) size;
  }
  return total;
}

static nopoll_bool receive (noPollConn *conn, FILE *file)
{
  noPollMsg *description = whole_msg (conn);
  const char *size_text;
  long long size, received;
  char *answer;

  size_text = description == NULL || nopoll_msg_get_payload_size (description) == 0
                  ? NULL
                  : strchr ((const char *) nopoll_msg_get_payload (description), '\n');
  if (size_text == NULL) {
    fprintf (stderr, "that is no description of a file\n");
    nopoll_msg_unref (description);
    return nopoll_false;
  }
  size = strtoll (size_text, NULL, 10);
  /* The name comes from outside: it is shown, not opened. */
  printf ("receiving %.*s, %lld bytes\n",
          (int) (size_text - (const char *) nopoll_msg_get_payload (description)),
          (const char *) nopoll_msg_get_payload (description), size);
  nopoll_msg_unref (description);

  received = receive_content (conn, file);
  if (received == -1)
    return nopoll_false;
  if (received != size || fflush (file) != 0) {
    fprintf (stderr, "%lld bytes have come\n", received);
    return nopoll_false;
  }
  answer = nopoll_strdup_printf ("received %lld bytes", received);
  printf ("%s\n", answer);
  nopoll_conn_send_text (conn, answer, -1);
  nopoll_free (answer);
  nopoll_msg_unref (next_msg (conn)); /* waits until the sender closes */
  return nopoll_true;
}

int main (int argc, char **argv)
{
  const char *usage = LISTENER_USAGE " FILE";
  nopoll_bool received = nopoll_false;
  noPollCtx *ctx;
  noPollConn *listener, *conn;
  FILE *file;

  if (argc < 2)
    exit_with_usage (argv, usage);
  ctx = nopoll_ctx_new ();
  listener = open_listener_for (ctx, argc - 1, argv, usage);
  if (listener == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  file = fopen (argv[argc - 1], "wb");
  if (file != NULL) {
    conn = nopoll_conn_accept (ctx, listener); /* waits */
    /* Accepted descriptors block, unless they speak TLS. */
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_true);
    received = conn != NULL && receive (conn, file);
    nopoll_conn_close (conn);
  }
  if (file == NULL || fclose (file) != 0) {
    perror (argv[argc - 1]);
    received = nopoll_false;
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return received ? 0 : 1;
}
