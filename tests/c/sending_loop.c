/* Sends from within handlers: the loop waits for no peer, gathers small frames, and loses nothing. */
#include <nopoll.h>

#include <pthread.h>
#include <sys/wait.h>

#include "support/limit.h"

enum { LARGE = 3 * 1024 * 1024 };

static char large[LARGE];

static void fill (void)
{
  long i;

  for (i = 0; i < LARGE; i++)
    large[i] = (char) (i * 13 + (i >> 12));
}

/* An accepted connection on a descriptor in either mode, and our end of it. The kernel takes a small
 * part of what is large. */
static void begin (struct wire_pair *pair, noPollCtx *ctx, int blocking)
{
  limit_off ();
  fill ();
  wire_open_local (pair, ctx, 1);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair->conn), blocking);
}

static void end_connection (struct wire_pair *pair)
{
  limit_off ();
  nopoll_conn_close (pair->conn);
  nopoll_conn_close (pair->listener);
  close (pair->peer);
}

/* What a handler is to send, and what came of it. */
struct deed {
  /* Frames for each message, how long, and to whom: NULL for the sender. */
  int frames;
  long size;
  noPollConn *to;
  int messages;
  int accepted, refused, result, error, pending;
};

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;
  noPollConn *to = deed->to ? deed->to : conn;
  int i;

  SHARED_ADD (deed->messages, 1);
  for (i = 0; i < deed->frames; i++) {
    int n;

    errno = 0;
    n = nopoll_conn_send_binary (to, large, deed->size);
    if (n == deed->size) {
      deed->accepted++;
    } else {
      deed->refused++;
      deed->result = n;
      deed->error = errno;
    }
  }
  deed->pending = nopoll_conn_pending_write_bytes (to);
}

/* Reads frames of large's beginning while the loop runs. */
static void drain (struct wire_pair *pair, int frames, long size)
{
  long left = frames * (size + (size < 126 ? 2 : size <= 65535 ? 4 : 10));
  char *got = (char *) malloc ((size_t) left), *at = got;
  int i, wrong = 0;

  while (left > 0) {
    ssize_t n = recv (pair->peer, at, (size_t) left, MSG_DONTWAIT);

    if (n < 0) {
      CHECK_INT (errno, EAGAIN);
      nopoll_loop_wait (pair->ctx, 1000);
      continue;
    }
    CHECK (n > 0);
    left -= n;
    at += n;
  }
  for (i = 0, at = got; i < frames; i++) {
    at += size < 126 ? 2 : size <= 65535 ? 4 : 10;
    wrong += memcmp (at, large, (size_t) size) != 0;
    at += size;
  }
  free (got);
  CHECK_INT (wrong, 0);
}

static void count (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ++*(int *) data;
}

/* M-01, M-38 */
TEST (a_handler_that_sends_to_a_silent_peer_holds_nobody_up)
{
  struct deed deed = { 2, LARGE, NULL, 0, 0, 0, 0, 0, 0 };
  struct wire_pair pair, other;
  int seen = 0;

  begin (&pair, NULL, 1);
  wire_open (&other, pair.ctx, 1);
  nopoll_conn_set_on_msg (pair.conn, on_msg, &deed);
  nopoll_conn_set_on_msg (other.conn, count, &seen);
  wire_put (&pair, 0x81, "go", 2);
  LOOP_UNTIL (pair.ctx, deed.messages == 1);
  CHECK_INT (deed.accepted, 2);
  /* Nobody is told of what is left. */
  CHECK_INT (deed.pending, 0);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
  wire_put (&other, 0x81, "here", 4);
  LOOP_UNTIL (pair.ctx, seen == 1);
  drain (&pair, 2, LARGE);
  end_connection (&other);
  wire_close (&pair);
}

/* Several small frames in one segment. */
static void put_many (struct wire_pair *pair, int frames)
{
  unsigned char bytes[128 * 16];
  long size = 0;
  int i;

  for (i = 0; i < frames; i++)
    size += wire_frame (bytes + size, 0x82, pair->server, "request", 7);
  wire_send (pair->peer, bytes, size);
  wire_await_unread (nopoll_conn_socket (pair->conn), (int) size);
}

TEST (replies_to_what_came_together_leave_together)
{
  int blocking, coalescing;

  for (blocking = 0; blocking < 2; blocking++)
    for (coalescing = 0; coalescing < 2; coalescing++) {
      struct deed deed = { 1, 100, NULL, 0, 0, 0, 0, 0, 0 };
      struct wire_pair pair;

      begin (&pair, NULL, blocking);
      nopoll_ctx_set_coalescing (pair.ctx, coalescing);
      nopoll_conn_set_on_msg (pair.conn, on_msg, &deed);
      put_many (&pair, 20);
      limit_to (pair.conn, -1);
      LOOP_UNTIL (pair.ctx, deed.messages == 20);
      CHECK_INT (deed.accepted, 20);
      if (coalescing)
        CHECK (limit_writes <= 2);
      else
        CHECK_INT (limit_writes, 20);
      drain (&pair, 20, 100);
      end_connection (&pair);
      nopoll_ctx_unref (pair.ctx);
    }
}

static void *wait_forever (void *data)
{
  nopoll_loop_wait ((noPollCtx *) data, 0);
  return NULL;
}

TEST (the_last_reply_is_never_held_back)
{
  struct deed deed = { 1, 10, NULL, 0, 0, 0, 0, 0, 0 };
  struct wire_pair pair;
  pthread_t loop;
  int i;

  begin (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, on_msg, &deed);
  pthread_create (&loop, NULL, wait_forever, pair.ctx);
  for (i = 0; i < 200; i++) {
    /* Nothing else happens: the wait has no reason to come round. */
    wire_put (&pair, 0x81, "ping", 4);
    wire_expect (&pair, 0x82, large, 10);
  }
  nopoll_loop_stop (pair.ctx);
  pthread_join (loop, NULL);
  wire_close (&pair);
}

static void take_next (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct wire_pair *pair = (struct wire_pair *) data;
  noPollMsg *next = nopoll_conn_get_msg (conn);

  CHECK (next != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "one");
  CHECK_STR ((const char *) nopoll_msg_get_payload (next), "two");
  nopoll_msg_unref (next);
  CHECK_INT (nopoll_conn_send_text (conn, "both", 4), 4);
  wire_expect (pair, 0x81, "both", 4);
}

/* That another message is at hand was known already. */
TEST (a_handler_that_takes_the_next_message_sends_the_last_reply)
{
  unsigned char bytes[64];
  struct wire_pair pair;
  int messages = 0;
  long size;

  begin (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, take_next, &pair);
  size = wire_frame (bytes, 0x81, 1, "one", 3);
  size += wire_frame (bytes + size, 0x81, 1, "two", 3);
  size += wire_frame (bytes + size, 0x81, 1, "three", 5);
  wire_send (pair.peer, bytes, size - 1);
  wire_await_unread (nopoll_conn_socket (pair.conn), (int) size - 1);
  CHECK_INT (nopoll_loop_wait (pair.ctx, 1), -3);
  nopoll_conn_set_on_msg (pair.conn, count, &messages);
  wire_send (pair.peer, bytes + size - 1, 1);
  LOOP_UNTIL (pair.ctx, messages == 1);
  end_connection (&pair);
  nopoll_ctx_unref (pair.ctx);
}

static void send_sizes (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  static const long sizes[] = { 10, 4096, 5000, 4082, 70000, 1 };
  int *index = (int *) data;

  nopoll_conn_send_binary (conn, large, sizes[*index % 6]);
  ++*index;
}

TEST (frames_of_all_sizes_keep_their_order)
{
  static const long sizes[] = { 10, 4096, 5000, 4082, 70000, 1 };
  struct wire_pair pair;
  pthread_t loop;
  int i, index = 0;

  begin (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, send_sizes, &index);
  put_many (&pair, 60);
  pthread_create (&loop, NULL, wait_forever, pair.ctx);
  for (i = 0; i < 60; i++)
    wire_expect (&pair, 0x82, large, sizes[i % 6]);
  nopoll_loop_stop (pair.ctx);
  pthread_join (loop, NULL);
  wire_close (&pair);
}

static void send_and_look (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;
  int n;

  if (deed->messages++ > 0)
    return;
  /* The kernel takes nothing from here on. */
  limit_to (conn, 0);
  while ((n = nopoll_conn_send_binary (conn, large, 4000)) == 4000)
    deed->accepted++;
  deed->result = n;
  deed->error = errno;
  /* One that is too large to be gathered isn't accepted, a small one fits still. */
  deed->refused = nopoll_conn_send_binary (conn, large, 5000);
  deed->accepted += nopoll_conn_send_binary (conn, large, 10) == 10;
  nopoll_loop_stop (ctx);
}

TEST (on_a_nonblocking_descriptor_64_kib_are_gathered_and_no_more)
{
  struct deed deed = { 0, 0, NULL, 0, 0, 0, 0, 0, 0 };
  struct wire_pair pair;

  begin (&pair, NULL, 0);
  nopoll_conn_set_on_msg (pair.conn, send_and_look, &deed);
  put_many (&pair, 3);
  CHECK_INT (nopoll_loop_wait (pair.ctx, 0), 0);
  CHECK_INT (deed.accepted, 65536 / 4004 + 1);
  CHECK_INT (deed.result, -1);
  CHECK_INT (deed.error, NOPOLL_EWOULDBLOCK);
  CHECK_INT (deed.refused, -1);
  limit_off ();
  drain (&pair, deed.accepted - 1, 4000);
  drain (&pair, 1, 10);
  end_connection (&pair);
  nopoll_ctx_unref (pair.ctx);
}

/* The kernel takes a part of what was gathered, and nothing of the last reply or a part of it. */
static void fill_up (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  errno = 0;
  deed->result = nopoll_conn_send_binary (conn, large, 100);
  deed->error = errno;
  if (++deed->messages == 3)
    nopoll_loop_stop (ctx);
}

TEST (a_last_reply_of_which_the_kernel_takes_nothing_or_a_part)
{
  /* The kernel takes so many bytes of three frames of 102. */
  static const struct { long taken; int result; } cases[] = {
    { 0, -1 }, { 50, -1 }, { 204, -2 }, { 206, -2 }, { 216, 10 }, { 306, 100 }
  };
  unsigned i;
  int blocking;

  for (blocking = 0; blocking < 2; blocking++)
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      struct deed deed = { 0, 0, NULL, 0, 0, 0, 0, 0, 0 };
      int whole = blocking || cases[i].result == 100;
      struct wire_pair pair;

      begin (&pair, NULL, blocking);
      nopoll_conn_set_on_msg (pair.conn, fill_up, &deed);
      put_many (&pair, 3);
      limit_to (pair.conn, cases[i].taken);
      CHECK_INT (nopoll_loop_wait (pair.ctx, 0), 0);
      CHECK_INT (deed.messages, 3);
      CHECK_INT (deed.result, whole ? 100 : cases[i].result);
      CHECK_INT (deed.error, whole ? 0 : NOPOLL_EWOULDBLOCK);
      limit_off ();
      if (deed.result != -1 && deed.result != 100)
        LOOP_UNTIL (pair.ctx, nopoll_conn_complete_pending_write (pair.conn) == 0
                    && nopoll_conn_pending_write_bytes (pair.conn) == 0);
      drain (&pair, deed.result == -1 ? 2 : 3, 100);
      CHECK (wire_is_quiet (pair.peer));
      end_connection (&pair);
      nopoll_ctx_unref (pair.ctx);
    }
}

/* Reads with get_msg until nothing is there: pings are answered meanwhile. */
static void answer_pings (struct wire_pair *pair)
{
  while (nopoll_conn_get_msg (pair->conn) == NULL && errno == 0)
    continue;
}

TEST (a_pong_waits_behind_an_unfinished_frame_and_the_newest_wins)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;

    limit_off ();
    wire_open_local (&pair, NULL, server);
    limit_to (pair.conn, 10);
    CHECK (nopoll_conn_send_text (pair.conn, "an unfinished frame", 19) > 0);
    wire_put (&pair, 0x89, "one", 3);
    wire_put (&pair, 0x89, "two", 3);
    wire_put (&pair, 0x89, "three", 5);
    answer_pings (&pair);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 19 - (10 - (server ? 2 : 6)));
    limit_off ();
    /* The pong is nobody's to count. */
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 19 - (10 - (server ? 2 : 6)));
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    wire_expect (&pair, 0x81, "an unfinished frame", 19);
    wire_expect (&pair, 0x8a, "three", 5);
    CHECK (wire_is_quiet (pair.peer));
    wire_close (&pair);
  }
}

TEST (an_unfinished_pong_is_in_the_way_of_the_next_frame)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    int left = (server ? 2 : 6) + 4 - 3;

    limit_off ();
    wire_open_local (&pair, NULL, server);
    limit_to (pair.conn, 3);
    wire_put (&pair, 0x89, "ping", 4);
    answer_pings (&pair);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "text", 4), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), left);
    limit_left = 1;
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), left - 1);
    CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), -1);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    limit_off ();
    CHECK_INT (nopoll_conn_flush_writes (pair.conn, 1000, -1), 0);
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
    CHECK_INT (nopoll_conn_send_text (pair.conn, "text", 4), 4);
    wire_expect (&pair, 0x8a, "ping", 4);
    wire_expect (&pair, 0x81, "text", 4);
    wire_close (&pair);
  }
}

static void send_behind_a_pong (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct deed *deed = (struct deed *) data;

  if (deed->messages++ > 0)
    return;
  errno = 0;
  deed->result = nopoll_conn_send_text (conn, "text", 4);
  deed->error = errno;
  deed->pending = nopoll_conn_pending_write_bytes (conn);
}

/* It is counted where the next frame is refused because of it; where that is gathered, it isn't. */
TEST (an_unfinished_pong_is_counted_while_more_messages_are_at_hand)
{
  int coalescing;

  for (coalescing = 0; coalescing < 2; coalescing++) {
    struct deed deed = { 0, 0, NULL, 0, 0, 0, 0, 0, 0 };
    unsigned char bytes[64];
    struct wire_pair pair;
    long size;

    begin (&pair, NULL, 0);
    nopoll_ctx_set_coalescing (pair.ctx, coalescing);
    nopoll_conn_set_on_msg (pair.conn, send_behind_a_pong, &deed);
    size = wire_frame (bytes, 0x89, 1, "ping", 4);
    size += wire_frame (bytes + size, 0x81, 1, "one", 3);
    size += wire_frame (bytes + size, 0x81, 1, "two", 3);
    wire_send (pair.peer, bytes, size);
    wire_await_unread (nopoll_conn_socket (pair.conn), (int) size);
    limit_to (pair.conn, 0);
    LOOP_UNTIL (pair.ctx, deed.messages == 2);
    CHECK_INT (deed.result, coalescing ? 4 : -1);
    CHECK_INT (deed.error, coalescing ? 0 : NOPOLL_EWOULDBLOCK);
    CHECK_INT (deed.pending, coalescing ? 0 : 2 + 4);
    limit_off ();
    LOOP_UNTIL (pair.ctx, wire_unread (pair.peer) >= (coalescing ? 12 : 6));
    wire_expect (&pair, 0x8a, "ping", 4);
    if (coalescing)
      wire_expect (&pair, 0x81, "text", 4);
    end_connection (&pair);
    nopoll_ctx_unref (pair.ctx);
  }
}

static int warnings;

static void count_warnings (noPollCtx *ctx, noPollDebugLevel level, const char *text, noPollPtr data)
{
  if (level == NOPOLL_LEVEL_WARNING && strstr (text, "doesn't read") != NULL)
    warnings++;
}

TEST (a_peer_that_reads_nothing_is_refused_beyond_the_bound_until_it_reads)
{
  struct deed deed = { 30, 65536, NULL, 0, 0, 0, 0, 0, 0 };
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair;
  int accepted;

  warnings = 0;
  nopoll_log_set_handler (ctx, count_warnings, NULL);
  nopoll_ctx_set_max_pending (ctx, 300000);
  begin (&pair, ctx, 1);
  nopoll_conn_set_on_msg (pair.conn, on_msg, &deed);
  wire_put (&pair, 0x81, "go", 2);
  /* The kernel takes none of it. */
  limit_to (pair.conn, 0);
  LOOP_UNTIL (ctx, deed.messages == 1);
  CHECK_INT (deed.accepted, 300000 / 65546);
  CHECK_INT (deed.result, -1);
  CHECK_INT (deed.error, NOPOLL_EWOULDBLOCK);
  CHECK_INT (deed.refused, 30 - deed.accepted);
  CHECK (deed.pending > 0);
  CHECK_INT (warnings, 1);
  accepted = deed.accepted;
  wire_put (&pair, 0x81, "again", 5);
  LOOP_UNTIL (ctx, deed.messages == 2);
  CHECK_INT (deed.accepted, accepted);
  CHECK_INT (warnings, 1);
  limit_off ();
  drain (&pair, accepted, 65536);
  deed.frames = 1;
  wire_put (&pair, 0x81, "now", 3);
  LOOP_UNTIL (ctx, deed.messages == 3);
  CHECK_INT (deed.accepted, accepted + 1);
  CHECK_INT (deed.pending, 0);
  drain (&pair, 1, 65536);
  wire_close (&pair);
}

TEST (an_empty_queue_takes_a_frame_of_any_size)
{
  struct deed deed = { 2, LARGE, NULL, 0, 0, 0, 0, 0, 0 };
  noPollCtx *ctx = nopoll_ctx_new ();
  struct wire_pair pair, other;

  nopoll_ctx_set_max_pending (ctx, 1000);
  begin (&pair, ctx, 1);
  wire_open (&other, ctx, 1);
  deed.to = pair.conn;
  nopoll_conn_set_on_msg (other.conn, on_msg, &deed);
  wire_put (&other, 0x81, "to the other", 12);
  limit_to (pair.conn, 0);
  LOOP_UNTIL (ctx, deed.messages == 1);
  CHECK_INT (deed.accepted, 1);
  CHECK_INT (deed.refused, 1);
  CHECK_INT (deed.error, NOPOLL_EWOULDBLOCK);
  limit_off ();
  drain (&pair, 1, LARGE);
  end_connection (&other);
  wire_close (&pair);
}

TEST (options_bound_what_waits_for_a_peer)
{
  struct deed deed = { 10, 1000, NULL, 0, 0, 0, 0, 0, 0 };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  struct wire_pair other, pair;

  fill ();
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_max_pending (opts, 3100);
  nopoll_conn_opts_set_max_pending (opts, 0);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  pair.ctx = ctx;
  pair.server = 1;
  pair.conn = wire_accepted (ctx, listener, &pair.peer, 1);
  wire_open (&other, ctx, 1);
  deed.to = pair.conn;
  nopoll_conn_set_on_msg (other.conn, on_msg, &deed);
  wire_put (&other, 0x81, "go", 2);
  limit_to (pair.conn, 0);
  LOOP_UNTIL (ctx, deed.messages == 1);
  CHECK_INT (deed.accepted, 3);
  limit_off ();
  drain (&pair, 3, 1000);
  end_connection (&other);
  nopoll_conn_close (pair.conn);
  nopoll_conn_close (listener);
  close (pair.peer);
  nopoll_ctx_unref (ctx);
}

/* Each request asks for 100 kB, and nothing of it is read for a while. */
TEST (a_peer_that_does_not_read_its_replies_is_not_read_from)
{
  struct deed deed = { 1, 100000, NULL, 0, 0, 0, 0, 0, 0 };
  struct wire_pair pair;
  pthread_t loop;
  int i;

  begin (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, on_msg, &deed);
  put_many (&pair, 100);
  limit_to (pair.conn, 0);
  pthread_create (&loop, NULL, wait_forever, pair.ctx);
  WAIT_UNTIL (SHARED_GET (deed.messages) > 10);
  usleep (50000);
  /* 1 MiB waits for the peer. */
  CHECK (SHARED_GET (deed.messages) <= 12);
  limit_off ();
  /* The kernel didn't say so, but there is room again. */
  nopoll_conn_socket (pair.conn);
  for (i = 0; i < 100; i++)
    wire_expect (&pair, 0x82, large, 100000);
  nopoll_loop_stop (pair.ctx);
  pthread_join (loop, NULL);
  CHECK_INT (deed.messages, 100);
  CHECK_INT (deed.refused, 0);
  wire_close (&pair);
}

/* A handler that sends and then does something, while our end waits for what was sent. */
struct scene {
  struct wire_pair pair;
  long size;
  void (*then) (struct scene *, noPollConn *);
  int messages, fd;
  /* A client whose server says nothing, and goes when what was sent has arrived. */
  noPollConn *other;
  int other_peer;
  /* Bytes the handler got, and whether our end has what was sent: known to both threads. */
  char answer[16];
  int arrived;
};

static void send_then (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct scene *scene = (struct scene *) data;

  if (scene->messages++ == 0) {
    nopoll_conn_send_binary (conn, large, scene->size);
    scene->then (scene, conn);
  }
}

/* Our end: takes the frame, says so, and answers. */
static void *take_and_answer (void *data)
{
  struct scene *scene = (struct scene *) data;

  wire_expect_frame (scene->pair.peer, 0x82, 0, large, scene->size);
  SHARED_SET (scene->arrived, 1);
  if (scene->other != NULL)
    close (scene->other_peer);
  wire_send_frame (scene->pair.peer, 0x81, 1, "answer", 6);
  return NULL;
}

static long rounds (void) { return 5000L * check_slowness (); }

static void then_read (struct scene *scene, noPollConn *conn)
{
  /* The second request is in front of the answer. */
  nopoll_conn_read (conn, scene->answer, 13, nopoll_true, 0);
}

static void then_sleep (struct scene *scene, noPollConn *conn)
{
  long left = rounds ();

  while (!SHARED_GET (scene->arrived) && left-- > 0)
    nopoll_sleep (1000);
}

static void then_wait (struct scene *scene, noPollConn *conn)
{
  long left = rounds ();

  while (!SHARED_GET (scene->arrived) && left-- > 0)
    nopoll_loop_wait (nopoll_conn_ctx (conn), 1000);
}

static void then_wait_for_another (struct scene *scene, noPollConn *conn)
{
  nopoll_conn_wait_until_connection_ready (scene->other, 10 * check_slowness ());
}

static void then_get_from_another (struct scene *scene, noPollConn *conn)
{
  nopoll_conn_set_sock_block (nopoll_conn_socket (scene->other), nopoll_true);
  nopoll_msg_unref (nopoll_conn_get_msg (scene->other));
}

/* Waits without the library. */
static void await_arrival (struct scene *scene)
{
  long left = rounds ();

  while (!SHARED_GET (scene->arrived) && left-- > 0)
    usleep (1000);
}

static void then_ask_for_the_socket (struct scene *scene, noPollConn *conn)
{
  scene->fd = nopoll_conn_socket (conn);
  await_arrival (scene);
}

static void then_get_a_message (struct scene *scene, noPollConn *conn)
{
  nopoll_msg_unref (nopoll_conn_get_msg (conn));
  await_arrival (scene);
}

static void then_detach (struct scene *scene, noPollConn *conn)
{
  scene->fd = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);
  await_arrival (scene);
}

static void then_fork (struct scene *scene, noPollConn *conn)
{
  pid_t child = fork ();

  if (child == 0)
    _exit (0);
  waitpid (child, NULL, 0);
  await_arrival (scene);
}

/* Plays a scene; what was sent must arrive before the handler returns. */
static void play (void (*then) (struct scene *, noPollConn *), long size, int blocking)
{
  struct scene scene;
  pthread_t thread;

  memset (&scene, 0, sizeof scene);
  scene.size = size;
  scene.then = then;
  begin (&scene.pair, NULL, blocking);
  nopoll_conn_set_on_msg (scene.pair.conn, send_then, &scene);
  if (then == then_wait_for_another || then == then_get_from_another) {
    int fds[2];

    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    nopoll_conn_set_sock_block (fds[0], nopoll_false);
    scene.other = nopoll_conn_new_with_socket (scene.pair.ctx, NULL, fds[0], "silent", NULL, NULL,
                                               NULL, NULL, NULL);
    scene.other_peer = fds[1];
  }
  /* The second request is why the first one's reply may be gathered. */
  put_many (&scene.pair, 2);
  pthread_create (&thread, NULL, take_and_answer, &scene);
  LOOP_UNTIL (scene.pair.ctx, scene.messages > 0);
  CHECK_INT (SHARED_GET (scene.arrived), 1);
  pthread_join (thread, NULL);
  if (then == then_read)
    CHECK_STR (scene.answer, "requestanswer");
  if (then == then_detach)
    close (scene.fd);
  nopoll_conn_close (scene.other);
  wire_close (&scene.pair);
}

TEST (calls_that_wait_in_a_handler_write_first_and_meanwhile)
{
  static void (*const thens[]) (struct scene *, noPollConn *) = {
    then_read, then_sleep, then_wait, then_wait_for_another, then_get_from_another
  };
  int i;

  for (i = 0; i < 5; i++) {
    play (thens[i], 10, 0);
    play (thens[i], 10, 1);
    play (thens[i], LARGE, 1);
  }
}

TEST (calls_about_the_socket_in_a_handler_write_first)
{
  play (then_ask_for_the_socket, 10, 0);
  play (then_ask_for_the_socket, 10, 1);
  play (then_get_a_message, 10, 0);
  play (then_detach, 10, 0);
  play (then_detach, LARGE, 1);
  play (then_fork, 10, 0);
  play (then_fork, LARGE, 1);
}

/* Reads everything to the end: one frame, perhaps a close frame, nothing else. */
static void *take_all (void *data)
{
  struct scene *scene = (struct scene *) data;

  wire_expect_frame (scene->pair.peer, 0x82, 0, large, scene->size);
  if (scene->fd)
    wire_expect_frame (scene->pair.peer, 0x88, 0, "\x03\xe8" "bye", 5);
  wire_expect_end (scene->pair.peer);
  SHARED_SET (scene->arrived, 1);
  return NULL;
}

static void then_close (struct scene *scene, noPollConn *conn)
{
  nopoll_conn_close_ext (conn, 1000, "bye", 3);
}

static void then_shut_down (struct scene *scene, noPollConn *conn) { nopoll_conn_shutdown (conn); }

TEST (what_is_sent_before_a_close_arrives_before_the_close_frame)
{
  int i;

  for (i = 0; i < 6; i++) {
    struct scene scene;
    pthread_t thread;

    memset (&scene, 0, sizeof scene);
    scene.size = i % 2 ? LARGE : 10;
    scene.then = i < 4 ? then_close : then_shut_down;
    scene.fd = scene.then == then_close;
    begin (&scene.pair, NULL, i % 2 || i < 2);
    nopoll_conn_set_on_msg (scene.pair.conn, send_then, &scene);
    nopoll_conn_ref (scene.pair.conn);
    put_many (&scene.pair, 2);
    pthread_create (&thread, NULL, take_all, &scene);
    LOOP_UNTIL (scene.pair.ctx, SHARED_GET (scene.arrived));
    pthread_join (thread, NULL);
    CHECK (!nopoll_conn_is_ok (scene.pair.conn));
    if (scene.then == then_shut_down)
      nopoll_conn_close (scene.pair.conn);
    nopoll_conn_unref (scene.pair.conn);
    scene.pair.conn = NULL;
    wire_close (&scene.pair);
  }
}

static void then_stop (struct scene *scene, noPollConn *conn)
{
  nopoll_loop_stop (nopoll_conn_ctx (conn));
}

TEST (a_wait_that_is_stopped_writes_what_was_sent_first)
{
  static const long sizes[] = { 10, LARGE };
  int i;

  for (i = 0; i < 2; i++) {
    struct scene scene;
    pthread_t thread;

    memset (&scene, 0, sizeof scene);
    scene.size = sizes[i];
    scene.then = then_stop;
    begin (&scene.pair, NULL, 1);
    nopoll_conn_set_on_msg (scene.pair.conn, send_then, &scene);
    put_many (&scene.pair, 2);
    pthread_create (&thread, NULL, take_and_answer, &scene);
    CHECK_INT (nopoll_loop_wait (scene.pair.ctx, 0), 0);
    pthread_join (thread, NULL);
    CHECK_INT (SHARED_GET (scene.arrived), 1);
    wire_close (&scene.pair);
  }
}

/* Over TCP, much less room makes the sender wait for delayed acknowledgements. */
static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  int room = 200000;

  setsockopt (nopoll_conn_socket (conn), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return nopoll_true;
}

/* A server that answers one request, stops and exits, without closing anything. */
static void serve_and_exit (int to_parent)
{
  struct scene scene;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int port = LISTENER_PORT (listener);

  memset (&scene, 0, sizeof scene);
  scene.size = LARGE;
  scene.then = then_stop;
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, send_then, &scene);
  if (write (to_parent, &port, sizeof port) == (ssize_t) sizeof port)
    nopoll_loop_wait (ctx, 0);
  _exit (0);
}

TEST (what_is_sent_before_a_stop_and_the_programs_exit_arrives)
{
  char head[1024];
  int fds[2], port, peer;
  pid_t child;

  fill ();
  limit_off ();
  CHECK (pipe (fds) == 0);
  child = fork ();
  if (child == 0)
    serve_and_exit (fds[1]);
  CHECK_INT (read (fds[0], &port, sizeof port), sizeof port);
  peer = wire_connect (port);
  wire_send_request (peer, "/", NULL);
  wire_receive_head (peer, head, sizeof head);
  wire_send_frame (peer, 0x81, 1, "go", 2);
  wire_expect_frame (peer, 0x82, 0, large, LARGE);
  wire_expect_end (peer);
  waitpid (child, NULL, 0);
  close (peer);
  close (fds[0]);
  close (fds[1]);
}

struct sender {
  noPollConn *conn;
  int result;
};

static void *send_large (void *data)
{
  struct sender *sender = (struct sender *) data;

  sender->result = nopoll_conn_send_binary (sender->conn, large, LARGE);
  return NULL;
}

TEST (outside_of_handlers_a_blocking_descriptor_blocks)
{
  struct wire_pair pair;
  struct sender senders[3];
  pthread_t threads[3];
  int i;

  begin (&pair, NULL, 1);
  for (i = 0; i < 3; i++) {
    senders[i].conn = pair.conn;
    pthread_create (&threads[i], NULL, send_large, &senders[i]);
  }
  /* They take turns frame by frame. */
  for (i = 0; i < 3; i++)
    wire_expect (&pair, 0x82, large, LARGE);
  for (i = 0; i < 3; i++) {
    pthread_join (threads[i], NULL);
    CHECK_INT (senders[i].result, LARGE);
  }
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  wire_close (&pair);
}

TEST (the_sockets_send_timeout_ends_a_blocking_send)
{
  struct timeval limit = { 0, 50000 };
  struct wire_pair pair;
  int n, pending;

  limit_off ();
  fill ();
  wire_open_local (&pair, NULL, 1);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), nopoll_true);
  setsockopt (nopoll_conn_socket (pair.conn), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  errno = 0;
  n = nopoll_conn_send_binary (pair.conn, large, LARGE);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (n > 0 && n < LARGE);
  pending = nopoll_conn_pending_write_bytes (pair.conn);
  CHECK_INT (n + pending, LARGE);
  /* Nothing of the next one goes out: it isn't accepted. */
  errno = 0;
  CHECK_INT (nopoll_conn_send_text (pair.conn, "next", 4), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), pending);
  {
    struct scene scene;
    pthread_t thread;

    memset (&scene, 0, sizeof scene);
    scene.pair = pair;
    scene.size = LARGE;
    pthread_create (&thread, NULL, take_and_answer, &scene);
    CHECK_INT (nopoll_conn_flush_writes (pair.conn, 20000000L * check_slowness (), n), LARGE);
    pthread_join (thread, NULL);
  }
  CHECK_INT (nopoll_conn_send_text (pair.conn, "next", 4), 4);
  wire_expect (&pair, 0x81, "next", 4);
  wire_close (&pair);
}

TESTS (CASE (a_handler_that_sends_to_a_silent_peer_holds_nobody_up),
       CASE (replies_to_what_came_together_leave_together),
       CASE (the_last_reply_is_never_held_back),
       CASE (a_handler_that_takes_the_next_message_sends_the_last_reply),
       CASE (frames_of_all_sizes_keep_their_order),
       CASE (on_a_nonblocking_descriptor_64_kib_are_gathered_and_no_more),
       CASE (a_last_reply_of_which_the_kernel_takes_nothing_or_a_part),
       CASE (a_pong_waits_behind_an_unfinished_frame_and_the_newest_wins),
       CASE (an_unfinished_pong_is_in_the_way_of_the_next_frame),
       CASE (an_unfinished_pong_is_counted_while_more_messages_are_at_hand),
       CASE (a_peer_that_reads_nothing_is_refused_beyond_the_bound_until_it_reads),
       CASE (an_empty_queue_takes_a_frame_of_any_size),
       CASE (options_bound_what_waits_for_a_peer),
       CASE (a_peer_that_does_not_read_its_replies_is_not_read_from),
       CASE (calls_that_wait_in_a_handler_write_first_and_meanwhile),
       CASE (calls_about_the_socket_in_a_handler_write_first),
       CASE (what_is_sent_before_a_close_arrives_before_the_close_frame),
       CASE (a_wait_that_is_stopped_writes_what_was_sent_first),
       CASE (what_is_sent_before_a_stop_and_the_programs_exit_arrives),
       CASE (outside_of_handlers_a_blocking_descriptor_blocks),
       CASE (the_sockets_send_timeout_ends_a_blocking_send))
