/* NOPOLL_LENIENT=1: programs that can't be rebuilt get all of the old behaviour, and no other. */
#include <nopoll.h>

#include "support/limit.h"

static int unread_in_handler[2], messages;
/* Asking for the descriptor would write what is gathered. */
static int watched;

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  if (messages < 2)
    unread_in_handler[messages] = wire_unread (watched);
  messages++;
  nopoll_conn_send_text (conn, "reply", 5);
}

/* Two frames in one segment, of which the first has reserved bits, come to a new context's
 * connection. Returns how many writes the replies took; 0: nothing was delivered. */
static long writes_for_two (noPollCtx *ctx)
{
  unsigned char frames[64];
  struct wire_pair pair;
  long size;

  limit_off ();
  wire_open (&pair, ctx, 1);
  messages = 0;
  nopoll_conn_set_on_msg (pair.conn, echo, NULL);
  size = wire_frame (frames, 0xf1, 1, "one", 3);
  size += wire_frame (frames + size, 0x81, 1, "two", 3);
  wire_send (pair.peer, frames, size);
  watched = nopoll_conn_socket (pair.conn);
  wire_await_unread (watched, (int) size);
  limit_to (pair.conn, -1);
  LOOP_UNTIL (pair.ctx, messages == 2 || !nopoll_conn_is_ok (pair.conn));
  nopoll_loop_wait (pair.ctx, 1);
  size = messages == 2 ? limit_writes : 0;
  limit_off ();
  wire_close (&pair);
  return size;
}

static noPollCtx *context_with (const char *value)
{
  noPollCtx *ctx;

  if (value)
    setenv ("NOPOLL_LENIENT", value, 1);
  ctx = nopoll_ctx_new ();
  unsetenv ("NOPOLL_LENIENT");
  return ctx;
}

TEST (the_variable_brings_leniency_and_ends_read_ahead_and_coalescing)
{
  CHECK_INT (writes_for_two (context_with ("1")), 2);
  /* The second frame was still in the kernel when the first was delivered. */
  CHECK (unread_in_handler[0] > 0);
  CHECK_INT (unread_in_handler[1], 0);
}

TEST (other_values_change_nothing)
{
  static const char *const values[] = { NULL, "", "0", "2", "true", "1 ", "01" };
  int i;

  for (i = 0; i < 7; i++) {
    noPollCtx *ctx = context_with (values[i]);

    CHECK_INT (writes_for_two (ctx), 0);
    ctx = context_with (values[i]);
    nopoll_ctx_set_lenient (ctx, nopoll_true);
    CHECK_INT (writes_for_two (ctx), 1);
    CHECK_INT (unread_in_handler[0], 0);
  }
}

TEST (setters_have_the_last_word)
{
  noPollCtx *ctx = context_with ("1");

  nopoll_ctx_set_coalescing (ctx, nopoll_true);
  nopoll_ctx_set_read_ahead (ctx, nopoll_true);
  CHECK_INT (writes_for_two (ctx), 1);
  CHECK_INT (unread_in_handler[0], 0);
  ctx = context_with ("1");
  nopoll_ctx_set_lenient (ctx, nopoll_false);
  CHECK_INT (writes_for_two (ctx), 0);
}

TESTS (CASE (the_variable_brings_leniency_and_ends_read_ahead_and_coalescing),
       CASE (other_values_change_nothing), CASE (setters_have_the_last_word))
