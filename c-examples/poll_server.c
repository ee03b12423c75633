/*
 * poll_server.c - a server on the program's own poll () loop: the library is only asked when a
 * descriptor is ready, and calls no handler.
 *
 *   poll_server [-a ADDRESS] [-c CERTIFICATE -k KEY] [-v] [PORT]
 *
 * Echoes text and binary messages. This is how the library is built into a program that has an
 * event loop already, be it poll, epoll, libev or glib. Three things matter:
 *
 * - a ready descriptor is read until nothing is left, also nothing that the library holds itself
 *   (nopoll_conn_read_pending): poll () knows only about bytes in the kernel;
 * - what couldn't be written is finished when the descriptor is writable again, and until then
 *   nothing more is read from that client: it can't make the server hoard answers;
 * - nobody but the program closes dead connections: nopoll_conn_close for each.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <poll.h>

#include "support.h"

/* Element 0 of both is the listener; conns[i] belongs to fds[i]. */
static struct pollfd *fds = NULL;
static noPollConn **conns = NULL;
static size_t count = 0, room = 0;

static nopoll_bool add (noPollConn *conn)
{
  if (count == room) {
    size_t more = room == 0 ? 16 : 2 * room;
    struct pollfd *new_fds = realloc (fds, more * sizeof *fds);
    noPollConn **new_conns;

    if (new_fds == NULL)
      return nopoll_false;
    fds = new_fds;
    new_conns = realloc (conns, more * sizeof *conns);
    if (new_conns == NULL)
      return nopoll_false;
    conns = new_conns;
    room = more;
  }
  conns[count] = conn;
  fds[count].fd = nopoll_conn_socket (conn);
  fds[count].events = POLLIN;
  fds[count].revents = 0;
  count++;
  return nopoll_true;
}

/* Closes and releases a connection; the last one takes its place. */
static void drop (size_t at)
{
  printf ("%d: %s\n", nopoll_conn_get_id (conns[at]), why_closed (conns[at]));
  nopoll_conn_close (conns[at]);
  count--;
  conns[at] = conns[count];
  fds[at] = fds[count];
}

/* Accepts everybody who is waiting. */
static void accept_all (noPollCtx *ctx)
{
  noPollConn *conn;

  while ((conn = nopoll_conn_accept (ctx, conns[0])) != NULL) {
    /* Accepted descriptors block unless told otherwise, or speaking TLS. */
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
    if (!add (conn)) {
      nopoll_conn_close (conn);
      return;
    }
    /* The handshake goes on in nopoll_conn_get_msg (). */
    printf ("%d: connected from %s\n", nopoll_conn_get_id (conn), nopoll_conn_host (conn));
  }
}

/* Echoes one message. False when the connection can't be used any more. */
static nopoll_bool answer (noPollConn *conn, noPollMsg *msg)
{
  int size = nopoll_msg_get_payload_size (msg);

  return nopoll_conn_send_frame (conn, nopoll_msg_is_final (msg), nopoll_false,
                                 nopoll_msg_opcode (msg), size,
                                 (noPollPtr) nopoll_msg_get_payload (msg), 0) != -1;
}

/* Serves a client that is ready. False when it is to be dropped. */
static nopoll_bool serve (noPollConn *conn)
{
  noPollMsg *msg;

  /* A failure leaves what is pending where it is, and poll () would report it for ever. */
  if (nopoll_conn_complete_pending_write (conn) < 0 && errno != NOPOLL_EWOULDBLOCK)
    return nopoll_false;
  while (nopoll_conn_pending_write_bytes (conn) == 0) {
    msg = nopoll_conn_get_msg (conn);
    if (msg != NULL) {
      nopoll_bool answered = answer (conn, msg);

      nopoll_msg_unref (msg);
      if (!answered)
        return nopoll_false;
    } else if (nopoll_conn_read_pending (conn) == 0)
      break;
  }
  return nopoll_conn_is_ok (conn);
}

static void run (noPollCtx *ctx)
{
  while (!stopped ()) {
    size_t at;

    /* A signal just before poll () doesn't end it: hence a second at most. */
    if (poll (fds, (nfds_t) count, 1000) <= 0)
      continue;
    /* Backwards: drop () moves the last one, which has had its turn. Those accepted now come
     * behind all of them. */
    for (at = count - 1; at > 0; at--) {
      if (fds[at].revents == 0)
        continue;
      if (serve (conns[at]))
        fds[at].events = nopoll_conn_pending_write_bytes (conns[at]) > 0 ? POLLOUT : POLLIN;
      else
        drop (at);
    }
    if (fds[0].revents != 0)
      accept_all (ctx);
  }
}

int main (int argc, char **argv)
{
  noPollCtx *ctx;
  noPollConn *listener;

  ctx = nopoll_ctx_new ();
  stop_on_signals (NULL);
  listener = open_listener_for (ctx, argc, argv, LISTENER_USAGE);
  if (listener == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  /* A client may be gone before it is accepted: don't wait for the next one then. */
  nopoll_conn_set_sock_block (nopoll_conn_socket (listener), nopoll_false);
  if (!add (listener)) {
    fprintf (stderr, "out of memory\n");
    return 1;
  }
  run (ctx);

  printf ("stopping\n");
  while (count > 0)
    nopoll_conn_close (conns[--count]);
  free (conns);
  free (fds);
  nopoll_ctx_unref (ctx);
  return 0;
}
