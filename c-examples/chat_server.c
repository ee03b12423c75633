/*
 * chat_server.c - hands every message to everybody who is connected.
 *
 *   chat_server [-a ADDRESS] [-c CERTIFICATE -k KEY] [-v] [PORT]
 *
 * Clients choose their name by the path they connect to: ws://HOST:PORT/alice. A name that is
 * taken is refused with HTTP status 403.
 *
 * It shows how to keep data with a connection (hooks), how to refuse a client before it is
 * connected (on_open), how to visit all connections, and what to do about a client that doesn't
 * read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include "support.h"

/* The longest name, and the longest message. */
#define LONGEST_NAME 32
#define LONGEST_MESSAGE 65536
/* What is kept for a client that doesn't read, before it is dropped. */
#define MOST_UNREAD (1024 * 1024)

/* Kept with each connection: nopoll_conn_get_hook (). */
struct member {
  char name[LONGEST_NAME + 1];
  nopoll_bool joined;
};

/* -- Everybody ------------------------------------------------------------------------------- */

static nopoll_bool send_to_one (noPollCtx *ctx, noPollConn *conn, noPollPtr text)
{
  struct member *member = nopoll_conn_get_hook (conn);

  (void) ctx;
  if (member != NULL && member->joined && nopoll_conn_send_text (conn, text, -1) == -1) {
    /* Too much is waiting for it already. Dropping it tells the others: see on_close. */
    printf ("%s doesn't read\n", member->name);
    nopoll_conn_shutdown (conn);
  }
  return nopoll_false; /* go on with the next one */
}

/* Sends a text, which is released, to everybody. */
static void send_to_all (noPollCtx *ctx, char *text)
{
  printf ("%s\n", text);
  nopoll_ctx_foreach_conn (ctx, send_to_one, text);
  nopoll_free (text);
}

static nopoll_bool has_name (noPollCtx *ctx, noPollConn *conn, noPollPtr name)
{
  struct member *member = nopoll_conn_get_hook (conn);

  (void) ctx;
  return member != NULL && strcmp (member->name, name) == 0;
}

/* -- One ------------------------------------------------------------------------------------- */

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct member *member = nopoll_conn_get_hook (conn);

  (void) data;
  nopoll_conn_set_hook (conn, NULL);
  if (member->joined)
    send_to_all (ctx, nopoll_strdup_printf ("* %s has left", member->name));
  free (member);
}

/* A client's request is complete and not answered yet: false answers 403. */
static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  const char *name = nopoll_conn_get_requested_url (conn) + 1; /* behind the slash */
  size_t length = strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
  struct member *member;

  (void) data;
  if (length == 0 || length > LONGEST_NAME || name[length] != 0) {
    printf ("refused: \"%s\" is no name\n", name);
    return nopoll_false;
  }
  if (nopoll_ctx_foreach_conn (ctx, has_name, (noPollPtr) name) != NULL) {
    printf ("refused: %s is here already\n", name);
    return nopoll_false;
  }
  member = calloc (1, sizeof *member);
  if (member == NULL)
    return nopoll_false;
  strcpy (member->name, name);
  nopoll_conn_set_hook (conn, member);
  nopoll_conn_set_on_close (conn, on_close, NULL);
  return nopoll_true;
}

/* The answer is out: from here on it takes messages. */
static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct member *member = nopoll_conn_get_hook (conn);

  (void) data;
  member->joined = nopoll_true;
  send_to_all (ctx, nopoll_strdup_printf ("* %s has joined", member->name));
  return nopoll_true;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct member *member = nopoll_conn_get_hook (conn);
  const char *text = (const char *) nopoll_msg_get_payload (msg); /* NULL when it is empty */

  (void) data;
  if (nopoll_msg_opcode (msg) == NOPOLL_TEXT_FRAME && text != NULL)
    send_to_all (ctx, nopoll_strdup_printf ("%s: %s", member->name, text));
}

int main (int argc, char **argv)
{
  noPollCtx *ctx;
  noPollConn *listener;

  ctx = nopoll_ctx_new ();
  /* Whole messages, joined from their fragments; longer ones end the connection. */
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_max_message_size (ctx, LONGEST_MESSAGE);
  nopoll_ctx_set_max_pending (ctx, MOST_UNREAD);
  nopoll_ctx_set_on_open (ctx, on_open, NULL);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  stop_on_signals (ctx);
  listener = open_listener_for (ctx, argc, argv, LISTENER_USAGE);
  if (listener == NULL) {
    nopoll_ctx_unref (ctx);
    return 1;
  }
  serve_until_stopped (ctx, listener);
  nopoll_ctx_unref (ctx);
  return 0;
}
