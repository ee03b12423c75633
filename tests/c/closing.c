/* Closing: what is sent, what remains, who is told, and how often. */
#include <nopoll.h>

#include <fcntl.h>

#include "support/limit.h"

static int is_open (int fd) { return fcntl (fd, F_GETFD) >= 0; }

/* What a close is asked to say, and the payload of the frame that goes out. */
struct saying {
  int status;
  const char *reason;
  int reason_size;
  const char *payload;
  int size;
};

#define X123 \
  "123456789-123456789-123456789-123456789-123456789-123456789-123456789-123456789-123456789-" \
  "123456789-123456789-123456789-123"

static const struct saying sayings[] = {
  { 0, NULL, 0, "", 0 },
  { -1, NULL, 0, "", 0 },
  { 1000, NULL, 0, "\x03\xe8", 2 },
  { 1000, "", 0, "\x03\xe8", 2 },
  { 1000, "ignored", 0, "\x03\xe8", 2 },
  { 1000, "ignored", -7, "\x03\xe8", 2 },
  { 1000, NULL, 5, "\x03\xe8", 2 },
  { 1000, "bye", 3, "\x03\xe8" "bye", 5 },
  { 1000, "bye and more", 3, "\x03\xe8" "bye", 5 },
  { 4999, "a\0b", 3, "\x13\x87" "a\0b", 5 },
  { 1000, "\xff\xfe", 2, "\x03\xe8\xff\xfe", 4 },
  /* Nothing is validated. */
  { 1, NULL, 0, "\0\1", 2 },
  { 999, "x", 1, "\x03\xe7x", 3 },
  { 1006, NULL, 0, "\x03\xee", 2 },
  { 65535, NULL, 0, "\xff\xff", 2 },
  /* No status, no reason. */
  { 0, "reason", 6, "", 0 },
  { -1, "reason", 6, "", 0 },
  { -2147483647, "reason", 6, "", 0 },
  /* As much as fits, in whole characters. */
  { 1000, X123, 123, "\x03\xe8" X123, 125 },
  { 1000, X123 "4", 124, "\x03\xe8" X123, 125 },
  { 1000, X123 X123 X123, 369, "\x03\xe8" X123, 125 },
};

/* M-40, M-41, M-42, M-43 */
TEST (a_close_frame_says_what_it_is_asked_to_as_far_as_it_fits)
{
  size_t i;
  int server;

  for (i = 0; i < sizeof sayings / sizeof sayings[0]; i++)
    for (server = 0; server < 2; server++) {
      const struct saying *row = &sayings[i];
      struct wire_pair pair;

      wire_open (&pair, NULL, server);
      nopoll_conn_close_ext (pair.conn, row->status, row->reason, row->reason_size);
      pair.conn = NULL;
      wire_expect (&pair, 0x88, row->payload, row->size);
      wire_expect_end (pair.peer);
      wire_close (&pair);
    }
}

/* M-43 */
TEST (a_long_reason_is_cut_between_characters)
{
  struct wire_pair pair;
  char reason[200], expected[125];
  int i;

  /* 122 letters, then characters of two bytes: the first would end at 124. */
  memset (reason, 'r', 122);
  for (i = 122; i < 200; i += 2)
    memcpy (reason + i, "\xc3\xa4", 2);
  memcpy (expected, "\x03\xe8", 2);
  memcpy (expected + 2, reason, 122);
  wire_open (&pair, NULL, 1);
  nopoll_conn_close_ext (pair.conn, 1000, reason, 200);
  pair.conn = NULL;
  wire_expect (&pair, 0x88, expected, 124);
  wire_close (&pair);
}

/* What on_close saw. */
struct seen {
  int count, is_ok, is_ready, socket, status, sent, flushed, refs;
  const char *reason;
  enum { JUST_LOOK, SEND, CLOSE, SHUTDOWN, DETACH, STOP, CONNECT } deed;
  noPollConn *other;
};

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct seen *seen = (struct seen *) data;

  seen->count++;
  seen->is_ok = nopoll_conn_is_ok (conn);
  seen->is_ready = nopoll_conn_is_ready (conn);
  seen->socket = nopoll_conn_socket (conn);
  seen->status = nopoll_conn_get_close_status (conn);
  seen->reason = nopoll_conn_get_close_reason (conn);
  seen->refs = nopoll_conn_ref_count (conn);
  switch (seen->deed) {
  case SEND:
    seen->sent = nopoll_conn_send_text (conn, "last", 4);
    seen->flushed = nopoll_conn_flush_writes (conn, 1000, seen->sent);
    break;
  case CLOSE:
    nopoll_conn_close (conn);
    break;
  case SHUTDOWN:
    nopoll_conn_shutdown (conn);
    nopoll_conn_shutdown (conn);
    break;
  case DETACH:
    nopoll_conn_set_socket (conn, -1);
    break;
  case STOP:
    nopoll_loop_stop (ctx);
    break;
  case CONNECT:
    seen->other = nopoll_conn_new (ctx, "127.0.0.1",
                                   wire_port_text (*(int *) nopoll_conn_get_hook (conn)), NULL,
                                   NULL, NULL, NULL);
    break;
  case JUST_LOOK:
    break;
  }
}

/* Ways for a connection to end. */
enum cause { LOCAL_CLOSE, LOCAL_SHUTDOWN, CLOSE_FRAME, BARE_CLOSE_FRAME, END, RESET, VIOLATION,
             TOO_LARGE, CAUSES };

/* Ends the connection this way; when that comes from the peer, by a read or by the loop. The
 * connection has a reference that is ours. */
static void end_it (struct wire_pair *pair, enum cause cause, int by_loop)
{
  switch (cause) {
  case LOCAL_CLOSE:
    nopoll_conn_close (pair->conn);
    return;
  case LOCAL_SHUTDOWN:
    nopoll_conn_shutdown (pair->conn);
    return;
  case CLOSE_FRAME:
    wire_put (pair, 0x88, "\x03\xe9" "away", 6);
    break;
  case BARE_CLOSE_FRAME:
    wire_put (pair, 0x88, "", 0);
    break;
  case END:
    wire_end (pair->peer);
    break;
  case RESET:
    wire_reset (pair->peer);
    pair->peer = -1;
    break;
  case VIOLATION:
    wire_put (pair, 0xf1, "", 0);
    break;
  case TOO_LARGE:
    wire_put (pair, 0x81, "more than four", 14);
    break;
  case CAUSES:
    break;
  }
  if (by_loop)
    LOOP_UNTIL (pair->ctx, !nopoll_conn_is_ok (pair->conn));
  else
    WAIT_UNTIL (nopoll_conn_get_msg (pair->conn) == NULL && !nopoll_conn_is_ok (pair->conn));
}

static void begin (struct wire_pair *pair, struct seen *seen, int server)
{
  memset (seen, 0, sizeof *seen);
  seen->socket = -1;
  wire_open (pair, NULL, server);
  nopoll_ctx_set_max_frame_size (pair->ctx, 10);
  nopoll_conn_set_on_close (pair->conn, on_close, seen);
  nopoll_conn_ref (pair->conn);
}

/* Drops what begin took, and checks that nothing else is left. */
static void finish (struct wire_pair *pair, struct seen *seen, int closed)
{
  if (!closed)
    nopoll_conn_close (pair->conn);
  CHECK_INT (seen->count, 1);
  CHECK_INT (nopoll_conn_ref_count (pair->conn), 1);
  nopoll_conn_unref (pair->conn);
  pair->conn = NULL;
  wire_close (pair);
  CHECK_INT (seen->count, 1);
}

/* The close frames of ours that a cause brings, as the peer sees them. */
static void expect_farewell (struct wire_pair *pair, enum cause cause)
{
  if (cause == RESET)
    return;
  if (cause == LOCAL_CLOSE || cause == BARE_CLOSE_FRAME)
    wire_expect (pair, 0x88, "", 0);
  else if (cause == CLOSE_FRAME)
    wire_expect (pair, 0x88, "\x03\xe9", 2);
  else if (cause == VIOLATION)
    wire_expect (pair, 0x88, "\x03\xea", 2);
  else if (cause == TOO_LARGE)
    wire_expect (pair, 0x88, "\x03\xf1", 2);
  wire_expect_end (pair->peer);
}

static int status_of (enum cause cause)
{
  return cause == CLOSE_FRAME ? 1001 : cause == BARE_CLOSE_FRAME ? 1005 : 1006;
}

/* M-46, M-47, Q01 */
TEST (on_close_runs_once_whatever_ends_the_connection)
{
  int cause, way;

  for (cause = 0; cause < CAUSES; cause++)
    for (way = 0; way < 4; way++) {
      struct wire_pair pair;
      struct seen seen;

      begin (&pair, &seen, way % 2);
      CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1006);
      CHECK_STR (nopoll_conn_get_close_reason (pair.conn), NULL);
      end_it (&pair, (enum cause) cause, way / 2);
      CHECK_INT (seen.count, 1);
      CHECK_INT (seen.is_ok, 1);
      CHECK (seen.socket >= 0);
      CHECK_INT (seen.status, status_of ((enum cause) cause));
      CHECK_STR (seen.reason, cause == CLOSE_FRAME ? "away" : NULL);
      CHECK_INT (nopoll_conn_is_ok (pair.conn), 0);
      CHECK_INT (nopoll_conn_is_ready (pair.conn), 0);
      CHECK_INT (nopoll_conn_socket (pair.conn), -1);
      CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
      nopoll_conn_shutdown (pair.conn);
      CHECK_INT (seen.count, 1);
      /* What the peer said stays, whatever is closed afterwards. */
      CHECK_INT (nopoll_conn_get_close_status (pair.conn), status_of ((enum cause) cause));
      CHECK (nopoll_conn_get_close_reason (pair.conn) == seen.reason);
      expect_farewell (&pair, (enum cause) cause);
      finish (&pair, &seen, cause == LOCAL_CLOSE);
    }
}

/* M-48, L-13 */
TEST (closing_and_shutting_down_in_on_close_does_not_recurse)
{
  int cause, way;

  for (cause = 0; cause < CAUSES; cause++)
    for (way = 0; way < 4; way++) {
      struct wire_pair pair;
      struct seen seen;

      begin (&pair, &seen, way % 2);
      seen.deed = way / 2 ? CLOSE : SHUTDOWN;
      /* Both of two closes take a reference. */
      if (cause == LOCAL_CLOSE && seen.deed == CLOSE)
        nopoll_conn_ref (pair.conn);
      end_it (&pair, (enum cause) cause, 1);
      CHECK_INT (seen.count, 1);
      expect_farewell (&pair, (enum cause) cause);
      /* A close in the handler has dropped the registry's reference and the caller's. */
      finish (&pair, &seen, cause == LOCAL_CLOSE || seen.deed == CLOSE);
    }
}

TEST (a_descriptor_that_on_close_takes_over_stays_open)
{
  int cause, way;

  for (cause = 0; cause < CAUSES; cause++)
    for (way = 0; way < 4; way++) {
      struct wire_pair pair;
      struct seen seen;
      char byte = 'x';

      if (cause == RESET)
        continue;
      begin (&pair, &seen, way % 2);
      seen.deed = DETACH;
      end_it (&pair, (enum cause) cause, way / 2);
      CHECK_INT (seen.count, 1);
      CHECK (is_open (seen.socket));
      /* Neither half is closed. */
      if (cause != LOCAL_SHUTDOWN && cause != END)
        wire_expect (&pair, 0x88, cause == CLOSE_FRAME ? "\x03\xe9" : cause == VIOLATION ? "\x03\xea"
                     : "\x03\xf1", cause == LOCAL_CLOSE || cause == BARE_CLOSE_FRAME ? 0 : 2);
      CHECK (wire_is_quiet (pair.peer));
      CHECK_INT (send (seen.socket, &byte, 1, MSG_NOSIGNAL), 1);
      wire_receive (pair.peer, &byte, 1);
      close (seen.socket);
      finish (&pair, &seen, cause == LOCAL_CLOSE);
    }
}

/* As an embedding library hands a descriptor back to its owner. */
TEST (a_descriptor_taken_over_before_is_not_touched_by_shutdown_and_close)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct seen seen;
    int fd;

    begin (&pair, &seen, server);
    fd = nopoll_conn_socket (pair.conn);
    nopoll_conn_set_socket (pair.conn, -1);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    nopoll_conn_shutdown (pair.conn);
    nopoll_conn_close (pair.conn);
    CHECK_INT (seen.count, 0);
    CHECK (is_open (fd));
    CHECK (wire_is_quiet (pair.peer));
    close (fd);
    nopoll_conn_unref (pair.conn);
    pair.conn = NULL;
    wire_close (&pair);
  }
}

TEST (on_close_may_send_as_long_as_there_is_somebody)
{
  static const enum cause causes[] = { LOCAL_SHUTDOWN, END, LOCAL_CLOSE };
  int i;

  for (i = 0; i < 6; i++) {
    struct wire_pair pair;
    struct seen seen;

    begin (&pair, &seen, i % 2);
    seen.deed = SEND;
    end_it (&pair, causes[i / 2], 0);
    CHECK_INT (seen.sent, 4);
    CHECK_INT (seen.flushed, 4);
    /* Nothing may follow a close frame (RFC 6455 section 5.5.1). */
    if (causes[i / 2] == LOCAL_CLOSE)
      wire_expect (&pair, 0x88, "", 0);
    else
      wire_expect (&pair, 0x81, "last", 4);
    wire_expect_end (pair.peer);
    finish (&pair, &seen, causes[i / 2] == LOCAL_CLOSE);
  }
}

TEST (on_close_may_stop_the_loop_and_make_another_connection)
{
  struct wire_pair pair;
  struct seen seen;
  int listening = wire_listen (), peer;

  begin (&pair, &seen, 1);
  seen.deed = STOP;
  wire_end (pair.peer);
  CHECK_INT (nopoll_loop_wait (pair.ctx, 0), 0);
  CHECK_INT (seen.count, 1);
  finish (&pair, &seen, 0);
  begin (&pair, &seen, 1);
  seen.deed = CONNECT;
  nopoll_conn_set_hook (pair.conn, &listening);
  wire_end (pair.peer);
  LOOP_UNTIL (pair.ctx, seen.count == 1);
  CHECK (nopoll_conn_is_ok (seen.other));
  peer = wire_accept (listening);
  wire_answer_request (peer, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (seen.other, 10 * check_slowness ()));
  nopoll_conn_close (seen.other);
  finish (&pair, &seen, 0);
  close (peer);
  close (listening);
}

TEST (a_new_handler_replaces_the_old_one_and_none_is_none)
{
  struct wire_pair pair;
  struct seen first, second;

  memset (&second, 0, sizeof second);
  begin (&pair, &first, 1);
  nopoll_conn_set_on_close (pair.conn, on_close, &second);
  nopoll_conn_shutdown (pair.conn);
  CHECK_INT (first.count, 0);
  CHECK_INT (second.count, 1);
  finish (&pair, &second, 0);
  begin (&pair, &first, 1);
  nopoll_conn_set_on_close (pair.conn, NULL, &first);
  nopoll_conn_set_on_close (NULL, on_close, &first);
  nopoll_conn_shutdown (pair.conn);
  CHECK_INT (first.count, 0);
  nopoll_conn_close (pair.conn);
  nopoll_conn_unref (pair.conn);
  pair.conn = NULL;
  wire_close (&pair);
}

TEST (shutdown_says_nothing_and_keeps_the_registration)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct seen seen;
    int fd, conns, refs;

    begin (&pair, &seen, server);
    fd = nopoll_conn_socket (pair.conn);
    conns = nopoll_ctx_conns (pair.ctx);
    refs = nopoll_conn_ref_count (pair.conn);
    nopoll_conn_shutdown (pair.conn);
    wire_expect_end (pair.peer);
    CHECK (!is_open (fd));
    CHECK_INT (nopoll_ctx_conns (pair.ctx), conns);
    CHECK_INT (nopoll_conn_ref_count (pair.conn), refs);
    CHECK_INT (seen.refs, refs);
    nopoll_loop_wait (pair.ctx, 1000);
    CHECK_INT (nopoll_ctx_conns (pair.ctx), conns - 1);
    CHECK_INT (nopoll_conn_ref_count (pair.conn), refs - 1);
    finish (&pair, &seen, 0);
  }
  nopoll_conn_shutdown (NULL);
  nopoll_conn_close (NULL);
  nopoll_conn_close_ext (NULL, 1000, "x", 1);
}

/* Q58, M-36 */
TEST (a_close_before_the_handshake_is_complete_says_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int listening = wire_listen ();
  noPollConn *client = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                        NULL, NULL);
  int peer = wire_accept (listening);
  noPollConn *accepted;
  char head[1024];

  nopoll_conn_close_ext (client, 1000, "bye", 3);
  wire_receive_head (peer, head, sizeof head);
  wire_expect_end (peer);
  close (peer);
  peer = wire_connect (LISTENER_PORT (listener));
  accepted = nopoll_conn_accept (ctx, listener);
  wire_send_text (peer, "GET / HTTP/1.1\r\nHost: ");
  wire_await_unread (nopoll_conn_socket (accepted), 22);
  nopoll_conn_set_sock_block (nopoll_conn_socket (accepted), nopoll_false);
  CHECK_INT (nopoll_conn_is_ready (accepted), 0);
  nopoll_conn_close_ext (accepted, 1000, "bye", 3);
  wire_expect_end (peer);
  close (peer);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (listening);
}

TEST (closing_a_listener_leaves_its_connections)
{
  struct wire_pair pair;
  struct seen seen;
  int fd;

  memset (&seen, 0, sizeof seen);
  wire_open (&pair, NULL, 1);
  fd = nopoll_conn_socket (pair.listener);
  nopoll_conn_set_on_close (pair.listener, on_close, &seen);
  nopoll_conn_close_ext (pair.listener, 1000, "bye", 3);
  pair.listener = NULL;
  CHECK_INT (seen.count, 1);
  CHECK_INT (seen.is_ready, 0);
  CHECK (!is_open (fd));
  wire_put (&pair, 0x81, "still", 5);
  wire_expect_msg (pair.conn, 1, 1, 0, "still", 5);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "here", 4), 4);
  wire_expect (&pair, 0x81, "here", 4);
  wire_close (&pair);
}

/* M-38 */
TEST (an_unfinished_frame_is_finished_before_the_close_frame_or_cut_off)
{
  int server, fits, blocking;

  for (fits = 0; fits < 2; fits++)
    for (server = 0; server < 2; server++)
      for (blocking = 0; blocking < 2; blocking++) {
        struct wire_pair pair;
        unsigned char got[64];
        int head = server ? 2 : 6;

        limit_off ();
        wire_open_local (&pair, NULL, server);
        limit_to (pair.conn, head + 5);
        CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 5);
        nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), blocking);
        limit_left = fits ? -1 : 2;
        nopoll_conn_close_ext (pair.conn, 1000, "bye", 3);
        pair.conn = NULL;
        limit_off ();
        if (fits) {
          wire_expect (&pair, 0x81, "0123456789", 10);
          wire_expect (&pair, 0x88, "\x03\xe8" "bye", 5);
          wire_expect_end (pair.peer);
        } else {
          CHECK_INT (wire_receive_rest (pair.peer, got, sizeof got), head + 7);
        }
        wire_close (&pair);
      }
}

/* M-46 */
TEST (a_close_frame_is_not_answered_when_an_older_frame_cannot_be_finished)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    unsigned char got[64];
    int head = server ? 2 : 6;

    limit_off ();
    wire_open_local (&pair, NULL, server);
    limit_to (pair.conn, head + 5);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "0123456789", 10), 5);
    wire_put (&pair, 0x88, "\x03\xe8", 2);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    CHECK (!nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1000);
    limit_off ();
    CHECK_INT (wire_receive_rest (pair.peer, got, sizeof got), head + 5);
    wire_close (&pair);
  }
}

static int quiet_before_on_close;

static void look_at_the_peer (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  quiet_before_on_close = wire_is_quiet (*(int *) data);
}

/* M-46 */
TEST (close_frames_are_out_before_on_close_runs)
{
  static const enum cause causes[] = { LOCAL_CLOSE, CLOSE_FRAME, VIOLATION };
  int i;

  for (i = 0; i < 6; i++) {
    struct wire_pair pair;

    quiet_before_on_close = -1;
    wire_open_local (&pair, NULL, i % 2);
    nopoll_conn_set_on_close (pair.conn, look_at_the_peer, &pair.peer);
    end_it (&pair, causes[i / 2], 0);
    CHECK_INT (quiet_before_on_close, 0);
    if (causes[i / 2] == LOCAL_CLOSE)
      pair.conn = NULL;
    wire_close (&pair);
  }
}

/* M-38 */
TEST (a_close_does_not_wait_for_a_silent_peer)
{
  int server, blocking;

  for (server = 0; server < 2; server++)
    for (blocking = 0; blocking < 2; blocking++) {
      struct wire_pair pair;
      int fd;

      wire_open_local (&pair, NULL, server);
      fd = nopoll_conn_socket (pair.conn);
      wire_stuff (fd);
      nopoll_conn_set_sock_block (fd, blocking);
      /* The close frame waits for a second at most, and goes. */
      nopoll_conn_close (pair.conn);
      pair.conn = NULL;
      CHECK (!is_open (fd));
      wire_close (&pair);
    }
}

/* References: how many besides the registry's, what has happened, what is left after a close. */
struct count {
  int server, extra;
  enum { ALIVE, DEAD, COLLECTED } state;
  int left;
};

static const struct count counts[] = {
  { 0, 0, ALIVE, 0 }, { 0, 1, ALIVE, 1 }, { 0, 2, ALIVE, 2 },
  { 0, 0, DEAD, 0 }, { 0, 1, DEAD, 1 },
  { 0, 0, COLLECTED, 0 }, { 0, 1, COLLECTED, 1 },
  { 1, 0, ALIVE, 0 }, { 1, 1, ALIVE, 1 },
  { 1, 0, DEAD, 0 }, { 1, 1, DEAD, 1 },
  { 1, 0, COLLECTED, 0 }, { 1, 1, COLLECTED, 1 },
};

/* M-44. wire_open gives both roles the same two references: the registry's and one to close. */
TEST (a_close_drops_the_registrys_reference_and_one_more)
{
  size_t i;
  int j;

  for (i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    const struct count *row = &counts[i];
    struct wire_pair pair;

    wire_open (&pair, NULL, row->server);
    for (j = 0; j < row->extra; j++)
      nopoll_conn_ref (pair.conn);
    if (row->state != ALIVE)
      nopoll_conn_shutdown (pair.conn);
    if (row->state == COLLECTED)
      nopoll_loop_wait (pair.ctx, 1000);
    CHECK_INT (nopoll_conn_ref_count (pair.conn), 2 + row->extra - (row->state == COLLECTED));
    nopoll_conn_close (pair.conn);
    CHECK_INT (nopoll_ctx_conns (pair.ctx), row->server);
    CHECK_INT (nopoll_ctx_ref_count (pair.ctx), 1 + row->server + (row->left > 0));
    if (row->left > 0)
      CHECK_INT (nopoll_conn_ref_count (pair.conn), row->left);
    for (j = 0; j < row->left; j++)
      nopoll_conn_unref (pair.conn);
    pair.conn = NULL;
    wire_close (&pair);
  }
}

/* M-44 */
TEST (an_accepted_connection_needs_no_reference_to_be_closed)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer, way;

  for (way = 0; way < 2; way++) {
    noPollConn *conn = wire_accepted (ctx, listener, &peer, 0);

    CHECK_INT (nopoll_conn_ref_count (conn), 1);
    if (way)
      nopoll_conn_shutdown (conn);
    nopoll_conn_close (conn);
    CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* M-45, L-07 */
TEST (the_last_reference_closes_the_socket_without_a_word)
{
  struct wire_pair pair;
  struct seen seen;

  memset (&seen, 0, sizeof seen);
  wire_open (&pair, NULL, 0);
  nopoll_conn_set_on_close (pair.conn, on_close, &seen);
  nopoll_ctx_unregister_conn (pair.ctx, pair.conn);
  CHECK_INT (nopoll_conn_ref_count (pair.conn), 1);
  nopoll_conn_unref (pair.conn);
  pair.conn = NULL;
  CHECK_INT (seen.count, 0);
  wire_expect_end (pair.peer);
  wire_close (&pair);
}

TEST (everything_can_be_asked_of_a_dead_connection)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct seen seen;
    noPollConn *c;
    char buffer[4];
    int id;

    begin (&pair, &seen, server);
    c = pair.conn;
    id = nopoll_conn_get_id (c);
    nopoll_conn_set_hook (c, &pair);
    end_it (&pair, CLOSE_FRAME, 0);
    CHECK_INT (nopoll_conn_get_id (c), id);
    CHECK_INT (nopoll_conn_role (c), server ? NOPOLL_ROLE_LISTENER : NOPOLL_ROLE_CLIENT);
    CHECK (nopoll_conn_ctx (c) == pair.ctx);
    CHECK (nopoll_conn_get_hook (c) == &pair);
    CHECK_STR (nopoll_conn_host (c), "127.0.0.1");
    CHECK_STR (nopoll_conn_get_requested_url (c), "/");
    CHECK_STR (nopoll_conn_get_close_reason (c), "away");
    CHECK_INT (nopoll_conn_send_text (c, "x", 1), -1);
    CHECK_INT (nopoll_conn_send_ping (c), 0);
    CHECK_INT (nopoll_conn_pending_write_bytes (c), 0);
    CHECK_INT (nopoll_conn_complete_pending_write (c), 0);
    CHECK_INT (nopoll_conn_flush_writes (c, 1000, 1), 1);
    CHECK_INT (nopoll_conn_read (c, buffer, 4, nopoll_false, 0), -1);
    CHECK_INT (nopoll_conn_read (c, buffer, 4, nopoll_true, 0), 0);
    CHECK_INT (nopoll_conn_read_pending (c), 0);
    CHECK_INT (nopoll_conn_default_receive (c, buffer, 4), -1);
    CHECK_INT (errno, EBADF);
    CHECK_INT (nopoll_conn_default_send (c, buffer, 4), -1);
    CHECK_INT (errno, EBADF);
    nopoll_conn_set_on_msg (c, NULL, NULL);
    nopoll_conn_set_on_ready (c, NULL, NULL);
    nopoll_conn_set_on_close (c, NULL, NULL);
    nopoll_conn_complete_handshake (c);
    finish (&pair, &seen, 0);
  }
}

TEST (close_statuses_of_nothing)
{
  CHECK_INT (nopoll_conn_get_close_status (NULL), 0);
  CHECK_STR (nopoll_conn_get_close_reason (NULL), NULL);
}

TESTS (CASE (a_close_frame_says_what_it_is_asked_to_as_far_as_it_fits),
       CASE (a_long_reason_is_cut_between_characters),
       CASE (on_close_runs_once_whatever_ends_the_connection),
       CASE (closing_and_shutting_down_in_on_close_does_not_recurse),
       CASE (a_descriptor_that_on_close_takes_over_stays_open),
       CASE (a_descriptor_taken_over_before_is_not_touched_by_shutdown_and_close),
       CASE (on_close_may_send_as_long_as_there_is_somebody),
       CASE (on_close_may_stop_the_loop_and_make_another_connection),
       CASE (a_new_handler_replaces_the_old_one_and_none_is_none),
       CASE (shutdown_says_nothing_and_keeps_the_registration),
       CASE (a_close_before_the_handshake_is_complete_says_nothing),
       CASE (closing_a_listener_leaves_its_connections),
       CASE (an_unfinished_frame_is_finished_before_the_close_frame_or_cut_off),
       CASE (a_close_frame_is_not_answered_when_an_older_frame_cannot_be_finished),
       CASE (close_frames_are_out_before_on_close_runs),
       CASE (a_close_does_not_wait_for_a_silent_peer),
       CASE (a_close_drops_the_registrys_reference_and_one_more),
       CASE (an_accepted_connection_needs_no_reference_to_be_closed),
       CASE (the_last_reference_closes_the_socket_without_a_word),
       CASE (everything_can_be_asked_of_a_dead_connection),
       CASE (close_statuses_of_nothing))
