/* What RFC 6455 forbids: refused with the right status, or tolerated where the program says so. */
#include <nopoll.h>

#include "support/wire.h"

/* One frame to the library. */
struct frame {
  int first;
  const char *payload;
  int size;
  /* The length's form: 0 the shortest, else 16 or 64 bits. */
  int form;
  /* Masked when it must not be, and the other way round. */
  int wrong_mask;
};

struct row {
  struct frame frames[3];
  /* The status in the close frame, and the noPollError. */
  int status;
  noPollError error;
  /* What is delivered before it, and what by a lenient connection: opcode, final, fragment,
   * size of each message. The latter is NULL where tolerance goes no further. */
  const char *strict, *lenient;
  /* Ends the connection also of a lenient one. */
  int closes;
};

#define NO { 0, NULL, 0, 0, 0 }
#define PROTOCOL 1002, NOPOLL_ERROR_PROTOCOL
#define LONG                                                                                      \
  "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
  "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct row rows[] = {
  /* Reserved bits. */
  { { { 0xc1, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "1F.1 ", 0 },
  { { { 0xa2, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "2F.1 ", 0 },
  { { { 0x91, "", 0, 0, 0 }, NO, NO }, PROTOCOL, "", "1F.0 ", 0 },
  { { { 0xf1, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "1F.1 ", 0 },
  { { { 0xc9, "p", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  { { { 0x01, "a", 1, 0, 0 }, { 0xc0, "b", 1, 0, 0 }, NO }, PROTOCOL, "1.g1 ", "1.g1 0Fg1 ", 0 },
  /* Reserved opcodes. */
  { { { 0x83, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "3F.1 ", 0 },
  { { { 0x84, "", 0, 0, 0 }, NO, NO }, PROTOCOL, "", "4F.0 ", 0 },
  { { { 0x05, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "5.g1 ", 0 },
  { { { 0x86, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "6F.1 ", 0 },
  { { { 0x87, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "7F.1 ", 0 },
  { { { 0x8b, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "11F.1 ", 0 },
  { { { 0x8c, "", 0, 0, 0 }, NO, NO }, PROTOCOL, "", "12F.0 ", 0 },
  { { { 0x8d, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "13F.1 ", 0 },
  { { { 0x8e, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "14F.1 ", 0 },
  { { { 0x8f, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "15F.1 ", 0 },
  /* Control frames in parts, or too long. */
  { { { 0x09, "p", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  { { { 0x0a, "p", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  { { { 0x08, "\x03\xe8", 2, 0, 0 }, NO, NO }, PROTOCOL, "", "", 1 },
  { { { 0x89, LONG, 126, 0, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  { { { 0x8a, LONG, 140, 0, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  { { { 0x89, "p", 1, 16, 0 }, NO, NO }, PROTOCOL, "", "", 0 },
  /* Continuations. */
  { { { 0x80, "a", 1, 0, 0 }, NO, NO }, PROTOCOL, "", "0F.1 ", 0 },
  { { { 0x00, "", 0, 0, 0 }, NO, NO }, PROTOCOL, "", "0.g0 ", 0 },
  { { { 0x81, "a", 1, 0, 0 }, { 0x80, "b", 1, 0, 0 }, NO }, PROTOCOL, "1F.1 ", "1F.1 0F.1 ", 0 },
  { { { 0x01, "a", 1, 0, 0 }, { 0x81, "b", 1, 0, 0 }, NO }, PROTOCOL, "1.g1 ", "1.g1 1Fg1 ", 0 },
  { { { 0x01, "a", 1, 0, 0 }, { 0x02, "b", 1, 0, 0 }, { 0x80, "c", 1, 0, 0 } }, PROTOCOL, "1.g1 ",
    "1.g1 2.g1 0Fg1 ", 0 },
  { { { 0x02, "a", 1, 0, 0 }, { 0x89, "p", 1, 0, 0 }, { 0x82, "", 0, 0, 0 } }, PROTOCOL, "2.g1 ",
    "2.g1 2Fg0 ", 0 },
  /* Lengths that would have been shorter. */
  { { { 0x82, "a", 1, 16, 0 }, NO, NO }, PROTOCOL, "", "2F.1 ", 0 },
  { { { 0x82, LONG, 125, 16, 0 }, NO, NO }, PROTOCOL, "", "2F.125 ", 0 },
  { { { 0x82, "", 0, 64, 0 }, NO, NO }, PROTOCOL, "", "2F.0 ", 0 },
  { { { 0x82, LONG, 126, 64, 0 }, NO, NO }, PROTOCOL, "", "2F.126 ", 0 },
  /* Text that is none. */
  { { { 0x81, "\xff", 1, 0, 0 }, NO, NO }, 1007, NOPOLL_ERROR_PROTOCOL, "", "1F.1 ", 0 },
  { { { 0x81, "a\xc3", 2, 0, 0 }, NO, NO }, 1007, NOPOLL_ERROR_PROTOCOL, "", "1F.2 ", 0 },
  { { { 0x81, "\xed\xa0\x80", 3, 0, 0 }, NO, NO }, 1007, NOPOLL_ERROR_PROTOCOL, "", "1F.3 ", 0 },
  { { { 0x81, "\xf4\x90\x80\x80", 4, 0, 0 }, NO, NO }, 1007, NOPOLL_ERROR_PROTOCOL, "", "1F.4 ", 0 },
  { { { 0x01, "\xe2\x82", 2, 0, 0 }, { 0x80, "a", 1, 0, 0 }, NO }, 1007, NOPOLL_ERROR_PROTOCOL,
    "1.g2 ", "1.g2 0Fg1 ", 0 },
  { { { 0x01, "\xe2\x82", 2, 0, 0 }, { 0x80, "", 0, 0, 0 }, NO }, 1007, NOPOLL_ERROR_PROTOCOL,
    "1.g2 ", "1.g2 0Fg0 ", 0 },
  { { { 0x01, "a", 1, 0, 0 }, { 0x00, "\x80", 1, 0, 0 }, NO }, 1007, NOPOLL_ERROR_PROTOCOL, "1.g1 ",
    "1.g1 0.g1 ", 0 },
};

/* Bytes of any kind may be in these. */
static const struct row sound[] = {
  { { { 0x82, "\xff\xfe", 2, 0, 0 }, NO, NO }, 0, NOPOLL_ERROR_NONE, "2F.2 ", "2F.2 ", 0 },
  { { { 0x02, "a", 1, 0, 0 }, { 0x80, "\xff", 1, 0, 0 }, NO }, 0, NOPOLL_ERROR_NONE, "2.g1 0Fg1 ",
    "2.g1 0Fg1 ", 0 },
  { { { 0x01, "\xe2", 1, 0, 0 }, { 0x89, "\xff", 1, 0, 0 }, { 0x80, "\x82\xac", 2, 0, 0 } }, 0,
    NOPOLL_ERROR_NONE, "1.g1 0Fg2 ", "1.g1 0Fg2 ", 0 },
  { { { 0x81, "\0\x7f\xf4\x8f\xbf\xbf", 6, 0, 0 }, NO, NO }, 0, NOPOLL_ERROR_NONE, "1F.6 ", "1F.6 ",
    0 },
};

static void put (struct wire_pair *pair, const struct frame *frame)
{
  unsigned char bytes[512], plain[512];
  long size = wire_frame (plain, frame->first, pair->server ^ frame->wrong_mask, frame->payload,
                          frame->size);
  int short_form = frame->size < 126 ? 2 : 4;

  if (frame->form == 0) {
    wire_send (pair->peer, plain, size);
    return;
  }
  memset (bytes, 0, sizeof bytes);
  bytes[0] = plain[0];
  bytes[1] = (unsigned char) ((plain[1] & 0x80) | (frame->form == 16 ? 126 : 127));
  bytes[frame->form / 8] = (unsigned char) (frame->size >> 8);
  bytes[frame->form / 8 + 1] = (unsigned char) frame->size;
  memcpy (bytes + 2 + frame->form / 8, plain + short_form, (size_t) (size - short_form));
  wire_send (pair->peer, bytes, 2 + frame->form / 8 + size - short_form);
}

struct record {
  char text[256];
  int closed, status;
};

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct record *record = (struct record *) data;

  record->closed++;
  record->status = nopoll_conn_get_close_status (conn);
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  char *end = strchr (((struct record *) data)->text, 0);

  sprintf (end, "%d%c%c%ld ", nopoll_msg_opcode (msg), nopoll_msg_is_final (msg) ? 'F' : '.',
           nopoll_msg_is_fragment (msg) ? 'g' : '.', (long) nopoll_msg_get_payload_size (msg));
}

/* Has the library look at everything there is, until the connection is dead or has nothing. */
static void serve (struct wire_pair *pair, struct record *got, int by_loop, const char *wanted,
                   int dies)
{
  if (by_loop) {
    LOOP_UNTIL (pair->ctx, dies ? !nopoll_conn_is_ok (pair->conn)
                                : strlen (got->text) >= strlen (wanted)
                                    && wire_unread (nopoll_conn_socket (pair->conn)) == 0);
    return;
  }
  while (nopoll_conn_is_ok (pair->conn)) {
    noPollMsg *msg = nopoll_conn_get_msg (pair->conn);

    if (msg != NULL)
      on_msg (pair->ctx, pair->conn, msg, got);
    else if (errno == NOPOLL_EWOULDBLOCK && !dies && strlen (got->text) >= strlen (wanted))
      break;
    nopoll_msg_unref (msg);
  }
}

static void begin (struct wire_pair *pair, struct record *got, noPollCtx *ctx, int server,
                   int lenient)
{
  memset (got, 0, sizeof *got);
  nopoll_ctx_set_lenient (ctx, lenient);
  wire_open (pair, ctx, server);
  nopoll_conn_set_on_msg (pair->conn, on_msg, got);
  nopoll_conn_set_on_close (pair->conn, on_close, got);
}

static void end (struct wire_pair *pair)
{
  nopoll_conn_close (pair->conn);
  nopoll_conn_close (pair->listener);
  close (pair->peer);
}

/* A status in a close frame. */
static void expect_close (struct wire_pair *pair, int status)
{
  unsigned char payload[2];

  payload[0] = (unsigned char) (status >> 8);
  payload[1] = (unsigned char) status;
  wire_expect (pair, 0x88, payload, status ? 2 : 0);
}

static void put_all (struct wire_pair *pair, const struct row *row)
{
  int i;

  for (i = 0; i < 3 && row->frames[i].payload != NULL; i++)
    put (pair, &row->frames[i]);
}

static void check_strict (noPollCtx *ctx, const struct row *row, int server, int by_loop)
{
  struct wire_pair pair;
  struct record got;
  unsigned char pong[1];

  begin (&pair, &got, ctx, server, 0);
  put_all (&pair, row);
  serve (&pair, &got, by_loop, row->strict, row->status != 0);
  CHECK_STR (got.text, row->strict);
  CHECK_INT (got.closed, row->status != 0);
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), 1006);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn), NULL);
  CHECK_INT (nopoll_conn_get_error (pair.conn), row->error);
  if (row->frames[1].first == 0x89) {
    pong[0] = (unsigned char) row->frames[1].payload[0];
    wire_expect (&pair, 0x8a, pong, 1);
  }
  if (row->status) {
    CHECK_INT (got.status, 1006);
    CHECK (strlen (nopoll_conn_get_error_text (pair.conn)) > 0);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    expect_close (&pair, row->status);
    wire_expect_end (pair.peer);
  }
  end (&pair);
}

/* M-13 */
TEST (violations_are_answered_with_their_status_by_direct_calls_and_the_loop)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  size_t i;
  int way;

  for (way = 0; way < 4; way++) {
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
      check_strict (ctx, &rows[i], way / 2, way % 2);
    for (i = 0; i < sizeof sound / sizeof sound[0]; i++)
      check_strict (ctx, &sound[i], way / 2, way % 2);
  }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

static void check_lenient (noPollCtx *ctx, const struct row *row, int server, int by_loop)
{
  struct wire_pair pair;
  struct record got;
  int i;

  begin (&pair, &got, ctx, server, 1);
  put_all (&pair, row);
  serve (&pair, &got, by_loop, row->lenient, row->closes);
  CHECK_STR (got.text, row->lenient);
  CHECK_INT (nopoll_conn_is_ok (pair.conn), !row->closes);
  if (!row->closes)
    CHECK_INT (nopoll_conn_get_error (pair.conn), NOPOLL_ERROR_NONE);
  /* Pings are answered, in whatever shape they come. */
  for (i = 0; i < 3 && row->frames[i].payload != NULL; i++)
    if ((row->frames[i].first & 15) == 9)
      wire_expect (&pair, 0x8a, row->frames[i].payload, row->frames[i].size);
  end (&pair);
}

/* M-14, M-08 */
TEST (lenient_connections_take_what_can_be_understood)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  size_t i;
  int way;

  for (way = 0; way < 4; way++)
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
      check_lenient (ctx, &rows[i], way / 2, way % 2);
  nopoll_ctx_unref (ctx);
}

/* M-14 */
TEST (masks_are_demanded_of_clients_always_and_forbidden_to_servers_unless_lenient)
{
  static const struct frame kinds[] = { { 0x81, "a", 1, 0, 1 }, { 0x82, "", 0, 0, 1 },
                                        { 0x89, "p", 1, 0, 1 }, { 0x8a, "p", 1, 0, 1 },
                                        { 0x88, "", 0, 0, 1 } };
  noPollCtx *ctx = nopoll_ctx_new ();
  int way, i;

  for (way = 0; way < 8; way++)
    for (i = 0; i < 5; i++) {
      int server = way & 1, lenient = way >> 1 & 1, by_loop = way >> 2 & 1;
      int tolerated = lenient && !server;
      struct wire_pair pair;
      struct record got;

      begin (&pair, &got, ctx, server, lenient);
      put (&pair, &kinds[i]);
      if (tolerated && kinds[i].first == 0x81) {
        serve (&pair, &got, by_loop, "1F.1 ", 0);
        CHECK_STR (got.text, "1F.1 ");
      } else if (!tolerated) {
        serve (&pair, &got, by_loop, "", 1);
        CHECK_STR (got.text, "");
        CHECK_INT (got.status, 1006);
        CHECK_INT (nopoll_conn_get_error (pair.conn), NOPOLL_ERROR_PROTOCOL);
        expect_close (&pair, 1002);
        wire_expect_end (pair.peer);
      }
      end (&pair);
    }
  nopoll_ctx_unref (ctx);
}

struct closing {
  const char *payload;
  int size;
  /* Getters and answer, of a strict connection and of a lenient one. */
  int status;
  const char *reason;
  int answer;
  int lenient_status;
  const char *lenient_reason;
  int lenient_answer;
};

static const struct closing closings[] = {
  { "", 0, 1005, NULL, 0, 1005, NULL, 0 },
  { "\x03", 1, 1006, NULL, 1002, 1005, NULL, 0 },
  { "\x03\xe8", 2, 1000, "", 1000, 1000, "", 1000 },
  { "\x03\xe9" "away", 6, 1001, "away", 1001, 1001, "away", 1001 },
  { "\x03\xe9" "aw\0ay", 7, 1001, "aw", 1001, 1001, "aw", 1001 },
  { "\x03\xe8\xc3\xa4", 4, 1000, "\xc3\xa4", 1000, 1000, "\xc3\xa4", 1000 },
  { "\x03\xe8?\xc3", 4, 1000, NULL, 1007, 1000, "?\xc3", 1000 },
  { "\x03\xe8\xff...", 6, 1000, NULL, 1007, 1000, "\xff...", 1000 },
  { "\0\0", 2, 0, "", 1002, 0, "", 0 },
  { "\x03\xe7x", 3, 999, "x", 1002, 999, "x", 999 },
  { "\x03\xec", 2, 1004, "", 1002, 1004, "", 1004 },
  { "\x03\xed", 2, 1005, "", 1002, 1005, "", 1005 },
  { "\x03\xee", 2, 1006, "", 1002, 1006, "", 1006 },
  { "\x03\xef", 2, 1007, "", 1007, 1007, "", 1007 },
  { "\x03\xf6", 2, 1014, "", 1014, 1014, "", 1014 },
  { "\x03\xf7", 2, 1015, "", 1002, 1015, "", 1015 },
  { "\x03\xf8", 2, 1016, "", 1002, 1016, "", 1016 },
  { "\x0b\xb7", 2, 2999, "", 1002, 2999, "", 2999 },
  { "\x0b\xb8ok", 4, 3000, "ok", 3000, 3000, "ok", 3000 },
  { "\x13\x87", 2, 4999, "", 4999, 4999, "", 4999 },
  { "\x13\x88", 2, 5000, "", 1002, 5000, "", 5000 },
  { "\xff\xff" "end", 5, 65535, "end", 1002, 65535, "end", 65535 },
};

static void check_closing (noPollCtx *ctx, const struct closing *row, int server, int lenient,
                           int by_loop)
{
  struct wire_pair pair;
  struct record got;
  int status = lenient ? row->lenient_status : row->status;
  int answer = lenient ? row->lenient_answer : row->answer;
  int invalid = !lenient && row->answer != row->lenient_answer;
  unsigned char payload[2];

  begin (&pair, &got, ctx, server, lenient);
  wire_put (&pair, 0x88, row->payload, row->size);
  /* Nobody looks at this. */
  wire_put (&pair, 0x81, "late", 4);
  serve (&pair, &got, by_loop, "", 1);
  CHECK_STR (got.text, "");
  CHECK_INT (got.closed, 1);
  CHECK_INT (got.status, status);
  CHECK_INT (nopoll_conn_get_close_status (pair.conn), status);
  CHECK_STR (nopoll_conn_get_close_reason (pair.conn),
             lenient ? row->lenient_reason : row->reason);
  CHECK_INT (nopoll_conn_get_error (pair.conn),
             invalid ? NOPOLL_ERROR_PROTOCOL : NOPOLL_ERROR_PEER_CLOSED);
  payload[0] = (unsigned char) (answer >> 8);
  payload[1] = (unsigned char) answer;
  /* A status of 0 is echoed like any other. */
  wire_expect (&pair, 0x88, payload, answer || row->lenient_status == 0 ? 2 : 0);
  wire_expect_end (pair.peer);
  end (&pair);
}

/* M-13, M-14, M-46, M-47 */
TEST (close_frames_are_reported_and_answered_as_they_deserve)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  size_t i;
  int way;

  for (i = 0; i < sizeof closings / sizeof closings[0]; i++)
    for (way = 0; way < 8; way++)
      check_closing (ctx, &closings[i], way & 1, way >> 1 & 1, way >> 2);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* The frame says 100 bytes; the second that comes of its payload is no UTF-8. */
TEST (text_is_refused_at_the_first_bad_byte)
{
  static const int firsts[] = { 0x81, 0x01, 0x80, 0x88 };
  noPollCtx *ctx = nopoll_ctx_new ();
  int i, way;

  for (way = 0; way < 4; way++)
    for (i = 0; i < 4; i++) {
      unsigned char frame[128], payload[100];
      struct wire_pair pair;
      struct record got;
      int lead = firsts[i] == 0x88 ? 2 : 0;

      memset (payload, 'x', sizeof payload);
      memcpy (payload, "\x03\xe8", (size_t) lead);
      payload[lead + 1] = 0xff;
      begin (&pair, &got, ctx, way / 2, 0);
      if (firsts[i] == 0x80)
        wire_put (&pair, 0x01, "\xe2", 1);
      wire_frame (frame, firsts[i], pair.server, payload, 100);
      wire_send (pair.peer, frame, (pair.server ? 6 : 2) + lead + 2);
      serve (&pair, &got, way % 2, "", 1);
      CHECK_INT (nopoll_conn_get_error (pair.conn), NOPOLL_ERROR_PROTOCOL);
      CHECK_INT (nopoll_conn_get_close_status (pair.conn), lead ? 1000 : 1006);
      CHECK_STR (nopoll_conn_get_close_reason (pair.conn), NULL);
      expect_close (&pair, 1007);
      wire_expect_end (pair.peer);
      end (&pair);
    }
  nopoll_ctx_unref (ctx);
}

static char logged[4096];

static void keep_log (noPollCtx *ctx, noPollDebugLevel level, const char *text, noPollPtr data)
{
  if (level == NOPOLL_LEVEL_CRITICAL)
    snprintf (logged, sizeof logged, "%s", text);
}

TEST (the_log_names_the_cause_and_what_would_tolerate_it)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair;
  struct record got;

  nopoll_log_set_handler (ctx, keep_log, NULL);
  begin (&pair, &got, ctx, 1, 0);
  wire_put (&pair, 0x01, "a", 1);
  wire_put (&pair, 0x81, "b", 1);
  serve (&pair, &got, 0, "", 1);
  CHECK (strstr (logged, "opcode 1 inside an unfinished message") != NULL);
  CHECK (strstr (logged, "nopoll_ctx_set_lenient") != NULL);
  end (&pair);
  begin (&pair, &got, ctx, 1, 0);
  wire_send_frame (pair.peer, 0x81, 0, "b", 1);
  serve (&pair, &got, 0, "", 1);
  CHECK (strstr (logged, "unmasked") != NULL);
  CHECK (strstr (logged, "nopoll_ctx_set_lenient") == NULL);
  end (&pair);
  nopoll_ctx_unref (ctx);
}

/* Whether a new connection of the context delivers a frame with reserved bits. */
static int is_lenient (noPollCtx *ctx, noPollConn *listener)
{
  struct wire_pair pair;
  noPollMsg *msg;

  pair.server = 1;
  pair.conn = wire_accepted (ctx, listener, &pair.peer, 0);
  wire_put (&pair, 0xf1, "a", 1);
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  msg = nopoll_conn_get_msg (pair.conn);
  nopoll_msg_unref (msg);
  nopoll_conn_close (pair.conn);
  close (pair.peer);
  return msg != NULL;
}

static noPollConn *listener_with (noPollCtx *ctx, int lenient)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_lenient (opts, lenient);
  return nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
}

TEST (options_decide_before_the_context)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int lenient;

  for (lenient = 0; lenient < 2; lenient++) {
    noPollConn *listener = listener_with (ctx, lenient);
    noPollConn *undecided = wire_listener (ctx);

    nopoll_ctx_set_lenient (ctx, !lenient);
    CHECK_INT (is_lenient (ctx, listener), lenient);
    CHECK_INT (is_lenient (ctx, undecided), !lenient);
    nopoll_ctx_set_lenient (ctx, lenient);
    CHECK_INT (is_lenient (ctx, undecided), lenient);
    nopoll_conn_close (listener);
    nopoll_conn_close (undecided);
  }
  nopoll_ctx_unref (ctx);
}

TEST (the_environment_makes_new_contexts_lenient)
{
  static const char *const values[] = { "1", "0", "", "yes", "11", " 1", NULL };
  int i;

  for (i = 0; i < 7; i++) {
    noPollCtx *ctx;
    noPollConn *listener, *strict;

    unsetenv ("NOPOLL_LENIENT");
    if (values[i])
      setenv ("NOPOLL_LENIENT", values[i], 1);
    ctx = nopoll_ctx_new ();
    unsetenv ("NOPOLL_LENIENT");
    listener = wire_listener (ctx);
    strict = listener_with (ctx, 0);
    CHECK_INT (is_lenient (ctx, listener), i == 0);
    CHECK_INT (is_lenient (ctx, strict), 0);
    nopoll_ctx_set_lenient (ctx, nopoll_false);
    CHECK_INT (is_lenient (ctx, listener), 0);
    nopoll_conn_close (listener);
    nopoll_conn_close (strict);
    nopoll_ctx_unref (ctx);
  }
}

/* A fleet of old peers sends fragments this way. */
TEST (lenient_messages_are_joined_whatever_opcodes_their_fragments_have)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair;
  struct record got;

  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  begin (&pair, &got, ctx, 1, 1);
  wire_put (&pair, 0x01, "one ", 4);
  wire_put (&pair, 0x01, "two ", 4);
  wire_put (&pair, 0x81, "three", 5);
  wire_expect_msg (pair.conn, 1, 1, 0, "one two three", 13);
  wire_put (&pair, 0x80, "alone", 5);
  wire_expect_msg (pair.conn, 0, 1, 0, "alone", 5);
  wire_put (&pair, 0x82, "next", 4);
  wire_expect_msg (pair.conn, 2, 1, 0, "next", 4);
  end (&pair);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (violations_are_answered_with_their_status_by_direct_calls_and_the_loop),
       CASE (lenient_connections_take_what_can_be_understood),
       CASE (masks_are_demanded_of_clients_always_and_forbidden_to_servers_unless_lenient),
       CASE (close_frames_are_reported_and_answered_as_they_deserve),
       CASE (text_is_refused_at_the_first_bad_byte),
       CASE (the_log_names_the_cause_and_what_would_tolerate_it),
       CASE (options_decide_before_the_context),
       CASE (the_environment_makes_new_contexts_lenient),
       CASE (lenient_messages_are_joined_whatever_opcodes_their_fragments_have))
