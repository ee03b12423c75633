/*
 * What noPoll's headers don't declare: functions it exports all the same, those of its forks, and
 * this library's own.
 */
#include <nopoll.h>

#include "support/records.h"
#include "support/wire.h"

TEST (the_header_tells_which_library_it_is)
{
  CHECK_INT (NOPOLL_RS >> 16, 0);
  CHECK_INT (NOPOLL_RS, 0x000500);
}

TEST (accept_keys_are_those_of_the_rfc)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char *key = nopoll_conn_produce_accept_key (ctx, "dGhlIHNhbXBsZSBub25jZQ==");
  char wanted[32];

  CHECK_STR (key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  free (key);
  key = nopoll_conn_produce_accept_key (NULL, "");
  wire_accept_key ("", wanted);
  CHECK_STR (key, wanted);
  nopoll_free (key);
  key = nopoll_conn_produce_accept_key (NULL, "any bytes \x01\xff");
  wire_accept_key ("any bytes \x01\xff", wanted);
  CHECK_STR (key, wanted);
  free (key);
  CHECK (nopoll_conn_produce_accept_key (ctx, NULL) == NULL);
  nopoll_ctx_unref (ctx);
}

TEST (masking_twice_restores)
{
  static const int offsets[] = { 0, 1, 2, 3, 4, 5, 1000003, -1, -2, -5, -2147483647 - 1 };
  char key[4] = { 1, 2, 4, 8 }, content[37], masked[37];
  unsigned o;
  int size, i;

  for (i = 0; i < 37; i++)
    content[i] = (char) (i * 7);
  for (o = 0; o < sizeof offsets / sizeof offsets[0]; o++)
    for (size = 0; size <= 37; size++) {
      memcpy (masked, content, 37);
      nopoll_conn_mask_content (NULL, masked, size, key, offsets[o]);
      for (i = 0; i < 37; i++) {
        long at = ((long) i + offsets[o]) % 4;

        CHECK_INT (masked[i], i < size ? content[i] ^ key[at < 0 ? at + 4 : at] : content[i]);
      }
      nopoll_conn_mask_content (NULL, masked, size, key, offsets[o]);
      CHECK_MEM (masked, 37, content, 37);
    }
  nopoll_conn_mask_content (NULL, masked, -1, key, 0);
  nopoll_conn_mask_content (NULL, NULL, 4, key, 0);
  nopoll_conn_mask_content (NULL, masked, 4, NULL, 0);
  CHECK_MEM (masked, 37, content, 37);
}

/* Pings. */
struct pinged {
  int calls, opcode, final, fragment;
  long size;
  char payload[128];
  int closes;
  int quiet;      /* nothing had been answered yet */
  int peer;
};

static void on_ping (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct pinged *pinged = (struct pinged *) data;

  pinged->calls++;
  pinged->opcode = nopoll_msg_opcode (msg);
  pinged->final = nopoll_msg_is_final (msg);
  pinged->fragment = nopoll_msg_is_fragment (msg);
  pinged->size = nopoll_msg_get_payload_size (msg);
  snprintf (pinged->payload, sizeof pinged->payload, "%s",
            (const char *) nopoll_msg_get_payload (msg));
  pinged->quiet = wire_is_quiet (pinged->peer);
  if (pinged->closes)
    nopoll_conn_close (conn);
}

static void pings (struct wire_pair *pair, struct pinged *pinged, int how, const char *payload)
{
  long size = (long) strlen (payload);
  int calls = pinged->calls;
  char byte;

  wire_put (pair, 0x89, payload, size);
  if (how == 0)
    LOOP_UNTIL (pair->ctx, pinged->calls > calls);
  else if (how == 1)
    WAIT_UNTIL (nopoll_conn_get_msg (pair->conn) == NULL && pinged->calls > calls);
  else
    WAIT_UNTIL (nopoll_conn_read (pair->conn, &byte, 1, nopoll_false, 0) == -1
                && pinged->calls > calls);
  CHECK_INT (pinged->calls, calls + 1);
  CHECK_INT (pinged->opcode, NOPOLL_PING_FRAME);
  CHECK_INT (pinged->final, 1);
  CHECK_INT (pinged->fragment, 0);
  CHECK_INT (pinged->size, size);
  CHECK_STR (pinged->payload, payload);
  CHECK (pinged->quiet);
  wire_expect (pair, 0x8a, payload, size);
}

TEST (pings_are_told_before_they_are_answered)
{
  struct wire_pair pair;
  struct pinged pinged;
  int server, how;

  for (server = 0; server < 2; server++) {
    memset (&pinged, 0, sizeof pinged);
    wire_open (&pair, NULL, server);
    pinged.peer = pair.peer;
    nopoll_conn_set_on_ping_msg (pair.conn, on_ping, &pinged);
    for (how = 0; how < 3; how++) {
      pings (&pair, &pinged, how, "payload");
      pings (&pair, &pinged, how, "");
    }
    nopoll_conn_set_on_ping_msg (pair.conn, NULL, NULL);
    wire_put (&pair, 0x89, "x", 1);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    wire_expect (&pair, 0x8a, "x", 1);
    CHECK_INT (pinged.calls, 6);
    wire_close (&pair);
  }
}

TEST (a_connection_closed_on_a_ping_sends_no_pong)
{
  struct wire_pair pair;
  struct pinged pinged;

  memset (&pinged, 0, sizeof pinged);
  wire_open (&pair, NULL, 0);
  pinged.peer = pair.peer;
  pinged.closes = 1;
  nopoll_conn_set_on_ping_msg (pair.conn, on_ping, &pinged);
  wire_put (&pair, 0x89, "x", 1);
  LOOP_UNTIL (pair.ctx, pinged.calls == 1);
  wire_expect (&pair, 0x88, "", 0);
  wire_expect_end (pair.peer);
  pair.conn = NULL;
  wire_close (&pair);
}

/* Coalescing. */
struct echoed { int peer, calls, at_once; };

static void echo_and_look (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct echoed *echoed = (struct echoed *) data;

  nopoll_conn_send_text (conn, "reply", 5);
  if (echoed->calls++ == 0)
    echoed->at_once = !wire_is_quiet (echoed->peer);
}

TEST (replies_to_a_batch_are_written_together_unless_told_otherwise)
{
  struct wire_pair pair;
  struct echoed echoed;
  unsigned char frames[64];
  long size;
  int coalescing, i;

  for (coalescing = 0; coalescing < 2; coalescing++) {
    memset (&echoed, 0, sizeof echoed);
    wire_open (&pair, NULL, 1);
    echoed.peer = pair.peer;
    nopoll_ctx_set_coalescing (pair.ctx, coalescing);
    nopoll_ctx_set_on_msg (pair.ctx, echo_and_look, &echoed);
    size = wire_frame (frames, 0x81, 1, "one", 3);
    size += wire_frame (frames + size, 0x81, 1, "two", 3);
    wire_send (pair.peer, frames, size);
    LOOP_UNTIL (pair.ctx, echoed.calls == 2);
    CHECK_INT (echoed.at_once, !coalescing);
    for (i = 0; i < 2; i++)
      wire_expect (&pair, 0x81, "reply", 5);
    wire_close (&pair);
  }
}

/* What options say wins over the context, in both directions. */
static noPollConn *client_with (noPollCtx *ctx, noPollConnOpts *opts, int *peer)
{
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL,
                                           NULL, NULL, NULL);

  *peer = wire_accept (listening);
  close (listening);
  wire_answer_request (*peer, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  return conn;
}

TEST (options_win_over_the_context)
{
  int value, given;

  for (value = 0; value < 2; value++)
    for (given = 0; given < 2; given++) {
      noPollCtx *ctx = nopoll_ctx_new ();
      noPollConnOpts *opts = nopoll_conn_opts_new ();
      int lenient = given ? value : !value, peer;
      noPollConn *conn;
      noPollMsg *msg;

      nopoll_ctx_set_lenient (ctx, !value);
      nopoll_ctx_set_delivery (ctx, value ? NOPOLL_DELIVER_FRAMES : NOPOLL_DELIVER_MESSAGES);
      if (given) {
        nopoll_conn_opts_set_lenient (opts, value);
        nopoll_conn_opts_set_delivery (opts, value ? NOPOLL_DELIVER_MESSAGES
                                                   : NOPOLL_DELIVER_FRAMES);
      }
      conn = client_with (ctx, opts, &peer);
      wire_send_frame (peer, 0x01, 0, "he", 2);
      wire_send_frame (peer, 0x80, 0, "llo", 3);
      msg = wire_next_message (conn);
      CHECK_STR ((const char *) nopoll_msg_get_payload (msg), lenient ? "hello" : "he");
      nopoll_msg_unref (msg);
      if (!lenient)
        nopoll_msg_unref (wire_next_message (conn));
      wire_send_frame (peer, 0x81, 1, "masked", 6);
      wire_wait_readable (nopoll_conn_socket (conn));
      msg = nopoll_conn_get_msg (conn);
      CHECK_INT (msg != NULL, lenient);
      CHECK_INT (nopoll_conn_is_ok (conn), lenient);
      nopoll_msg_unref (msg);
      nopoll_conn_close (conn);
      close (peer);
      nopoll_ctx_unref (ctx);
    }
}

TEST (values_that_are_none_change_nothing)
{
  static const long sizes[] = { 0, -1, 2147483647L };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  struct records records;
  noPollConn *conn;
  noPollMsg *msg;
  unsigned i;
  int peer;

  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_max_message_size (ctx, 5);
  records_of (ctx, &records);
  for (i = 0; i < 3; i++) {
    nopoll_ctx_set_max_message_size (ctx, sizes[i]);
    CHECK (records_name (&records, "max_message_size"));
    nopoll_ctx_set_max_pending (ctx, sizes[i]);
    CHECK (records_name (&records, "max_pending"));
    nopoll_ctx_set_delivery (ctx, (noPollDelivery) (3 + i));
    CHECK (records_name (&records, "delivery"));
    CHECK_INT (records.count, 3);
    CHECK_INT (records.level, NOPOLL_LEVEL_CRITICAL);
    records_clear (&records);
    nopoll_conn_opts_set_max_message_size (opts, sizes[i]);
    nopoll_conn_opts_set_max_pending (opts, sizes[i]);
    nopoll_conn_opts_set_delivery (opts, (noPollDelivery) (3 + i));
  }
  records_of (ctx, NULL);
  conn = client_with (ctx, opts, &peer);
  wire_send_frame (peer, 0x01, 0, "he", 2);
  wire_send_frame (peer, 0x80, 0, "llo", 3);
  msg = wire_next_message (conn);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "hello");
  nopoll_msg_unref (msg);
  wire_send_frame (peer, 0x81, 0, "123456", 6);
  WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
  CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_LIMIT);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_ctx_unref (ctx);
}

/* Why a connection ended. */
enum end { OPEN, OWN_SHUTDOWN, OWN_CLOSE, TAKEN, PEER_FRAME, PEER_END, PEER_RESET, VIOLATION, BAD_TEXT, TOO_LARGE };

static const struct { enum end end; noPollError error; } ends[] = {
  { OPEN, NOPOLL_ERROR_NONE }, { OWN_SHUTDOWN, NOPOLL_ERROR_NONE },
  { OWN_CLOSE, NOPOLL_ERROR_NONE }, { TAKEN, NOPOLL_ERROR_NONE },
  { PEER_FRAME, NOPOLL_ERROR_PEER_CLOSED }, { PEER_END, NOPOLL_ERROR_PEER_CLOSED },
  { PEER_RESET, NOPOLL_ERROR_IO }, { VIOLATION, NOPOLL_ERROR_PROTOCOL }, { BAD_TEXT, NOPOLL_ERROR_PROTOCOL },
  { TOO_LARGE, NOPOLL_ERROR_LIMIT }
};

/* Whether a call of ours notices, or the loop. */
static void end_and_ask (int in_loop)
{
  unsigned i;

  for (i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    struct wire_pair pair;
    const char *before, *text;
    int fd = -1;

    wire_open (&pair, NULL, 0);
    nopoll_conn_ref (pair.conn);
    CHECK_INT (nopoll_conn_get_error (pair.conn), NOPOLL_ERROR_NONE);
    before = nopoll_conn_get_error_text (pair.conn);
    CHECK (before != NULL && before[0] != 0);
    nopoll_ctx_set_max_frame_size (pair.ctx, 100);
    switch (ends[i].end) {
    case OPEN: break;
    case OWN_SHUTDOWN: nopoll_conn_shutdown (pair.conn); break;
    case OWN_CLOSE: nopoll_conn_close (pair.conn); break;
    case TAKEN:
      fd = nopoll_conn_socket (pair.conn);
      nopoll_conn_set_socket (pair.conn, -1);
      break;
    case PEER_FRAME: wire_put (&pair, 0x88, "\x03\xe8", 2); break;
    case PEER_END: shutdown (pair.peer, SHUT_WR); break;
    case PEER_RESET: wire_reset (pair.peer); break;
    case VIOLATION: wire_put (&pair, 0xc1, "x", 1); break;
    case BAD_TEXT: wire_put (&pair, 0x81, "\xff", 1); break;
    case TOO_LARGE: wire_put (&pair, 0x82, "0123456789012345678901234567890123456789"
                              "0123456789012345678901234567890123456789"
                              "0123456789012345678901234567890123456789", 120); break;
    }
    if (ends[i].end >= PEER_FRAME && in_loop)
      LOOP_UNTIL (pair.ctx, !nopoll_conn_is_ok (pair.conn));
    else if (ends[i].end >= PEER_FRAME)
      WAIT_UNTIL (nopoll_conn_get_msg (pair.conn) == NULL && !nopoll_conn_is_ok (pair.conn));
    CHECK_INT (nopoll_conn_get_error (pair.conn), ends[i].error);
    text = nopoll_conn_get_error_text (pair.conn);
    CHECK (text != NULL && text[0] != 0);
    CHECK_INT (strcmp (text, before) == 0, ends[i].error == NOPOLL_ERROR_NONE);
    CHECK (text == nopoll_conn_get_error_text (pair.conn));
    if (ends[i].end != OWN_CLOSE)
      nopoll_conn_close (pair.conn);
    CHECK_INT (nopoll_conn_get_error (pair.conn), ends[i].error);
    nopoll_conn_unref (pair.conn);
    nopoll_close_socket (fd);
    pair.conn = NULL;
    wire_close (&pair);
  }
}

TEST (a_connection_tells_why_it_ended)
{
  end_and_ask (0);
}

TEST (a_connection_of_the_loop_tells_why_it_ended)
{
  end_and_ask (1);
}

TEST (a_listener_and_an_accepted_connection_have_no_http_status)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int peer;

  conn = wire_accepted (ctx, listener, &peer, 1);
  CHECK_INT (nopoll_conn_get_http_status (conn), 0);
  CHECK_INT (nopoll_conn_get_http_status (listener), 0);
  CHECK_INT (nopoll_conn_get_http_status (NULL), 0);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  close (peer);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (the_header_tells_which_library_it_is), CASE (accept_keys_are_those_of_the_rfc),
       CASE (masking_twice_restores), CASE (pings_are_told_before_they_are_answered),
       CASE (a_connection_closed_on_a_ping_sends_no_pong),
       CASE (replies_to_a_batch_are_written_together_unless_told_otherwise),
       CASE (options_win_over_the_context), CASE (values_that_are_none_change_nothing),
       CASE (a_connection_tells_why_it_ended), CASE (a_connection_of_the_loop_tells_why_it_ended),
       CASE (a_listener_and_an_accepted_connection_have_no_http_status))
