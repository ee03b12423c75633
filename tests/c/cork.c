/* nopoll_conn_cork: what a handler sends leaves in one piece, in order, and no later than it may. */
#include <nopoll.h>

#include <pthread.h>

#include "support/limit.h"

enum { LARGE = 8000 };

static char payload[LARGE];

/* What a handler is to do, and what it saw. */
struct deed {
  struct wire_pair *pair;
  int cork, frames;
  long size;
  int messages, corked, accepted;
  long writes;
};

static void send_frames (noPollConn *conn, struct deed *deed)
{
  int i;

  for (i = 0; i < deed->frames; i++)
    deed->accepted += nopoll_conn_send_binary (conn, payload, deed->size) == deed->size;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  if (deed->cork)
    deed->corked = nopoll_conn_cork (conn, nopoll_true);
  send_frames (conn, deed);
  deed->writes = SHARED_GET (limit_writes);
  deed->messages++;
}

static void begin (struct wire_pair *pair, int server, int blocking, noPollOnMessageHandler handler,
                   void *data)
{
  long i;

  limit_off ();
  for (i = 0; i < LARGE; i++)
    payload[i] = (char) (i * 13);
  wire_open_local (pair, NULL, server);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair->conn), blocking);
  nopoll_conn_set_on_msg (pair->conn, handler, data);
}

static void end (struct wire_pair *pair)
{
  limit_off ();
  wire_close (pair);
}

static void expect_frames (struct wire_pair *pair, int frames, long size)
{
  while (frames-- > 0)
    wire_expect (pair, 0x82, payload, size);
}

/* Has the handler run once more. */
static void ask (struct wire_pair *pair, struct deed *deed)
{
  int before = deed->messages;

  wire_put (pair, 0x81, "go", 2);
  LOOP_UNTIL (pair->ctx, deed->messages == before + 1);
}

TEST (many_answers_leave_in_one_piece)
{
  int server, blocking, cork;

  for (server = 0; server < 2; server++)
    for (blocking = 0; blocking < 2; blocking++)
      for (cork = 0; cork < 2; cork++) {
        struct wire_pair pair;
        struct deed deed = { &pair, cork, 10, 100, 0, 0, 0, 0 };

        begin (&pair, server, blocking, on_msg, &deed);
        limit_to (pair.conn, -1);
        ask (&pair, &deed);
        CHECK_INT (deed.corked, cork);
        CHECK_INT (deed.accepted, 10);
        CHECK_INT (deed.writes, cork ? 0 : 10);
        CHECK_INT (limit_writes, cork ? 1 : 10);
        expect_frames (&pair, 10, 100);
        end (&pair);
      }
}

TEST (a_context_that_gathers_nothing_corks_nothing)
{
  struct wire_pair pair;
  struct deed deed = { &pair, 1, 5, 100, 0, 1, 0, 0 };

  begin (&pair, 1, 1, on_msg, &deed);
  nopoll_ctx_set_coalescing (pair.ctx, nopoll_false);
  limit_to (pair.conn, -1);
  ask (&pair, &deed);
  CHECK_INT (deed.corked, 0);
  CHECK_INT (deed.writes, 5);
  expect_frames (&pair, 5, 100);
  end (&pair);
}

TEST (it_ends_with_the_handler)
{
  struct wire_pair pair;
  struct deed deed = { &pair, 1, 3, 10, 0, 0, 0, 0 };

  begin (&pair, 1, 1, on_msg, &deed);
  ask (&pair, &deed);
  expect_frames (&pair, 3, 10);
  deed.cork = 0;
  limit_to (pair.conn, -1);
  ask (&pair, &deed);
  CHECK_INT (deed.writes, 3);
  expect_frames (&pair, 3, 10);
  end (&pair);
}

/* Each frame of another size, so that their order shows: 120 KB in all, and each third one too large to be
 * kept. */
static long size_of (int i)
{
  return i % 3 == 2 ? 5000 + i : 500 + i;
}

static void send_sizes (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;
  int i;

  CHECK_INT (nopoll_conn_cork (conn, nopoll_true), nopoll_true);
  for (i = 0; i < deed->frames; i++)
    CHECK_INT (nopoll_conn_send_binary (conn, payload, size_of (i)), size_of (i));
}

static void *wait_forever (void *ctx)
{
  nopoll_loop_wait ((noPollCtx *) ctx, 0);
  return NULL;
}

TEST (more_than_is_kept_leaves_in_order)
{
  int server, i;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct deed deed = { &pair, 1, 60, 0, 0, 0, 0, 0 };
    pthread_t loop;

    begin (&pair, server, 1, send_sizes, &deed);
    wire_put (&pair, 0x81, "go", 2);
    pthread_create (&loop, NULL, wait_forever, pair.ctx);
    for (i = 0; i < deed.frames; i++)
      wire_expect (&pair, 0x82, payload, size_of (i));
    nopoll_loop_stop (pair.ctx);
    pthread_join (loop, NULL);
    end (&pair);
  }
}

/* Small ones beyond the 64 KiB that are kept. */
TEST (what_is_full_leaves)
{
  struct wire_pair pair;
  struct deed deed = { &pair, 1, 200, 1000, 0, 0, 0, 0 };
  pthread_t loop;

  begin (&pair, 1, 1, on_msg, &deed);
  limit_to (pair.conn, -1);
  wire_put (&pair, 0x81, "go", 2);
  pthread_create (&loop, NULL, wait_forever, pair.ctx);
  expect_frames (&pair, 200, 1000);
  nopoll_loop_stop (pair.ctx);
  pthread_join (loop, NULL);
  CHECK_INT (deed.accepted, 200);
  CHECK (deed.writes > 0);
  end (&pair);
}

static void uncork (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  CHECK_INT (nopoll_conn_cork (conn, nopoll_true), nopoll_true);
  CHECK_INT (nopoll_conn_cork (conn, nopoll_true), nopoll_true);
  send_frames (conn, deed);
  CHECK (wire_is_quiet (deed->pair->peer));
  CHECK_INT (nopoll_conn_pending_write_bytes (conn), 0);
  CHECK_INT (nopoll_conn_cork (conn, nopoll_false), nopoll_true);
  expect_frames (deed->pair, deed->frames, deed->size);
  /* As ever, now. */
  nopoll_conn_send_binary (conn, payload, 5);
  wire_expect (deed->pair, 0x82, payload, 5);
  CHECK_INT (nopoll_conn_cork (conn, nopoll_false), nopoll_true);
  deed->messages++;
}

TEST (it_ends_when_the_handler_says_so)
{
  int blocking;

  for (blocking = 0; blocking < 2; blocking++) {
    struct wire_pair pair;
    struct deed deed = { &pair, 1, 3, 100, 0, 0, 0, 0 };

    begin (&pair, 1, blocking, uncork, &deed);
    ask (&pair, &deed);
    end (&pair);
  }
}

static void look_and_wait (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  if (deed->messages++ > 0)
    return;
  nopoll_conn_cork (conn, nopoll_true);
  send_frames (conn, deed);
  CHECK (wire_is_quiet (deed->pair->peer));
  /* Whoever asks for the descriptor may write to it. */
  CHECK (nopoll_conn_socket (conn) >= 0);
  expect_frames (deed->pair, deed->frames, deed->size);
  send_frames (conn, deed);
  CHECK (wire_is_quiet (deed->pair->peer));
  nopoll_loop_wait (ctx, 1);
  expect_frames (deed->pair, deed->frames, deed->size);
  nopoll_conn_cork (conn, nopoll_true);
  send_frames (conn, deed);
  /* The answer isn't here yet: it is waited for. */
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  expect_frames (deed->pair, deed->frames, deed->size);
}

TEST (calls_that_read_or_wait_write_first)
{
  struct wire_pair pair;
  struct deed deed = { &pair, 1, 2, 100, 0, 0, 0, 0 };

  begin (&pair, 1, 0, look_and_wait, &deed);
  ask (&pair, &deed);
  end (&pair);
}

static void leave (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  nopoll_conn_cork (conn, nopoll_true);
  send_frames (conn, deed);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_conn_cork (conn, nopoll_true), nopoll_false);
  CHECK_INT (nopoll_conn_cork (conn, nopoll_false), nopoll_false);
  deed->messages++;
}

TEST (what_is_kept_goes_out_before_the_connection_closes)
{
  struct wire_pair pair;
  struct deed deed = { &pair, 1, 3, 100, 0, 0, 0, 0 };
  char text[16];
  int first, masked;

  begin (&pair, 1, 1, leave, &deed);
  ask (&pair, &deed);
  expect_frames (&pair, 3, 100);
  wire_receive_frame (pair.peer, &first, &masked, text, sizeof text);
  CHECK_INT (first, 0x88);
  pair.conn = NULL;
  end (&pair);
}

static void *from_another_thread (void *conn)
{
  return nopoll_conn_cork ((noPollConn *) conn, nopoll_true) ? conn : NULL;
}

static void of_others (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;
  pthread_t thread;
  void *corked;

  CHECK (conn != deed->pair->conn);
  CHECK_INT (nopoll_conn_cork (deed->pair->conn, nopoll_true), nopoll_false);
  nopoll_conn_send_binary (deed->pair->conn, payload, 10);
  wire_expect (deed->pair, 0x82, payload, 10);
  pthread_create (&thread, NULL, from_another_thread, conn);
  pthread_join (thread, &corked);
  CHECK (corked == NULL);
  deed->messages++;
}

TEST (nobody_else_is_corked)
{
  struct wire_pair pair, other;
  struct deed deed = { &pair, 0, 0, 0, 0, 0, 0, 0 };

  begin (&pair, 1, 1, on_msg, &deed);
  wire_open (&other, pair.ctx, 1);
  nopoll_conn_set_on_msg (other.conn, of_others, &deed);
  CHECK_INT (nopoll_conn_cork (NULL, nopoll_true), nopoll_false);
  CHECK_INT (nopoll_conn_cork (pair.listener, nopoll_true), nopoll_false);
  CHECK_INT (nopoll_conn_cork (pair.conn, nopoll_true), nopoll_false);
  nopoll_conn_send_binary (pair.conn, payload, 10);
  wire_expect (&pair, 0x82, payload, 10);
  ask (&other, &deed);
  nopoll_conn_close (other.conn);
  nopoll_conn_close (other.listener);
  close (other.peer);
  end (&pair);
}

TESTS (CASE (many_answers_leave_in_one_piece),
       CASE (a_context_that_gathers_nothing_corks_nothing),
       CASE (it_ends_with_the_handler),
       CASE (more_than_is_kept_leaves_in_order),
       CASE (what_is_full_leaves),
       CASE (it_ends_when_the_handler_says_so),
       CASE (calls_that_read_or_wait_write_first),
       CASE (what_is_kept_goes_out_before_the_connection_closes),
       CASE (nobody_else_is_corked))
