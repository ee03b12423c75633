/* Several threads: loops, handshakes, sends, reads and ends of the same objects. */
#include <nopoll.h>

#include "support/process.h"
#include "support/server.h"
#include "support/threads.h"

struct calls {
  int accepted;
  int opened;
  int ready;
  int messages;
  int closed;
  int hold;
  int held;
};

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data);

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  CHECK_INT (threads_held (), 0);
  SHARED_ADD (((struct calls *) data)->closed, 1);
}

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  CHECK_INT (threads_held (), 0);
  nopoll_conn_set_on_close (conn, on_close, data);
  nopoll_conn_set_hook (conn, data);
  SHARED_ADD (((struct calls *) data)->accepted, 1);
  return nopoll_true;
}

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct calls *calls = (struct calls *) data;

  (void) ctx;
  (void) conn;
  CHECK_INT (threads_held (), 0);
  SHARED_ADD (calls->opened, 1);
  if (SHARED_GET (calls->hold)) {
    SHARED_SET (calls->held, 1);
    WAIT_UNTIL (!SHARED_GET (calls->hold));
  }
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  CHECK_INT (threads_held (), 0);
  SHARED_ADD (((struct calls *) data)->ready, 1);
  return nopoll_true;
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  CHECK_INT (threads_held (), 0);
  if (nopoll_conn_role (conn) == NOPOLL_ROLE_CLIENT)
    return;
  SHARED_ADD (((struct calls *) data)->messages, 1);
  server_echo (ctx, conn, msg, NULL);
}

static void begin (struct server *server, struct calls *calls)
{
  memset (calls, 0, sizeof *calls);
  server_start (server, on_msg, calls);
  nopoll_ctx_set_on_accept (server->ctx, on_accept, calls);
  nopoll_ctx_set_on_open (server->ctx, on_open, calls);
  nopoll_ctx_set_on_ready (server->ctx, on_ready, calls);
}

static void port_text (char *text, noPollConn *listener)
{
  sprintf (text, "%d", LISTENER_PORT (listener));
}

/* A wait without timeout that nothing wakes but what the other thread makes. */
TEST (what_another_thread_makes_is_served_at_once)
{
  struct server server;
  struct loop_thread loop;
  noPollConn *client;
  noPollCtx *ctx = nopoll_ctx_new ();
  char port[12];
  int peer;

  loop_thread_start (&loop, ctx);
  server.ctx = ctx;
  server.listener = wire_listener (ctx);
  nopoll_ctx_set_on_msg (ctx, server_echo, NULL);
  peer = server_peer_beside_loop (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_expect_frame (peer, 0x81, 0, "a", 1);
  port_text (port, server.listener);
  client = nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL);
  WAIT_UNTIL (nopoll_conn_is_ready (client));
  CHECK_INT (nopoll_conn_send_text (client, "b", 1), 1);
  nopoll_conn_close (client);
  WAIT_UNTIL (nopoll_ctx_conns (ctx) == 2);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
}

struct client {
  struct server *server;
  int count;
  int turns;
};

static void *make_clients (void *data)
{
  struct client *client = (struct client *) data;
  char port[12];
  int i;

  port_text (port, client->server->listener);
  for (i = 0; i < client->turns; i++) {
    noPollConn *conn = nopoll_conn_new (client->server->ctx, "127.0.0.1", port, NULL, NULL, NULL,
                                        NULL);

    CHECK (nopoll_conn_is_ok (conn));
    if (i % 2)
      CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
    CHECK_INT (nopoll_conn_send_text (conn, "hello", 5), 5);
    nopoll_conn_close (conn);
  }
  return NULL;
}

/* L-42, L-46: clients made, used and closed by three threads on the context of a fourth one's loop.
 * Whoever completes a handshake calls the handlers, once. */
static void churn (int type)
{
  enum { THREADS = 3 };
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  struct client client = { &server, 0, 200 / check_slowness () + 10 };
  pthread_t threads[THREADS];
  int before = process_descriptors (), i;

  if (type >= 0)
    threads_plug (type);
  begin (&server, &calls);
  loop_thread_start (&loop, server.ctx);
  for (i = 0; i < THREADS; i++)
    threads[i] = threads_start (make_clients, &client);
  for (i = 0; i < THREADS; i++)
    threads_join (threads[i]);
  WAIT_UNTIL (SHARED_GET (calls.closed) == THREADS * client.turns);
  WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  CHECK_INT (calls.accepted, THREADS * client.turns);
  CHECK_INT (calls.opened, THREADS * client.turns);
  CHECK_INT (calls.messages, THREADS * client.turns);
  server_stop (&server);
  CHECK_INT (process_descriptors (), before);
  if (type >= 0)
    threads_unplug ();
}

/* L-42 */
TEST (clients_come_and_go_in_other_threads) { churn (-1); }
TEST (clients_come_and_go_with_recursive_mutexes) { churn (PTHREAD_MUTEX_RECURSIVE); }
TEST (clients_come_and_go_with_checked_mutexes) { churn (PTHREAD_MUTEX_ERRORCHECK); }

static void *ask_ready (void *data)
{
  CHECK (nopoll_conn_wait_until_connection_ready ((noPollConn *) data, 10 * check_slowness ()));
  return NULL;
}

/* L-43: a thread asks for the handshake, two more wait for it, and the loop comes across it, too. */
TEST (a_handshake_is_completed_by_one_of_many)
{
  enum { TURNS = 20, THREADS = 3 };
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  pthread_t threads[THREADS];
  int turn, i;

  begin (&server, &calls);
  for (turn = 0; turn < TURNS; turn++) {
    char head[4096];
    int peer = wire_connect (LISTENER_PORT (server.listener));
    noPollConn *conn = nopoll_conn_accept (server.ctx, server.listener);

    nopoll_conn_ref (conn);
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), turn % 2);
    for (i = 0; i < THREADS; i++)
      threads[i] = threads_start (ask_ready, conn);
    loop_thread_start (&loop, server.ctx);
    wire_send_request (peer, "/", NULL);
    for (i = 0; i < THREADS; i++)
      threads_join (threads[i]);
    CHECK_INT (SHARED_GET (calls.opened), turn + 1);
    CHECK_INT (SHARED_GET (calls.ready), turn + 1);
    wire_receive_head (peer, head, sizeof head);
    wire_send_frame (peer, 0x81, 1, "a", 1);
    wire_expect_frame (peer, 0x81, 0, "a", 1);
    CHECK_INT (loop_thread_stop (&loop), 0);
    nopoll_conn_close (conn);
    close (peer);
  }
  server_stop (&server);
}

static void *ask_once (void *data)
{
  CHECK_INT (nopoll_conn_is_ready ((noPollConn *) data), nopoll_true);
  return NULL;
}

/* The peer ends while another thread is inside on_open, so that the loop can't look yet. It does
 * when the handler is through: there is no further event. */
TEST (the_end_during_a_handshake_elsewhere_is_noticed)
{
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  noPollConn *conn;
  pthread_t helper;
  int peer, other;

  begin (&server, &calls);
  SHARED_SET (calls.hold, 1);
  peer = wire_connect (LISTENER_PORT (server.listener));
  conn = nopoll_conn_accept (server.ctx, server.listener);
  wire_send_request (peer, "/", NULL);
  helper = threads_start (ask_once, conn);
  WAIT_UNTIL (SHARED_GET (calls.held));
  loop_thread_start (&loop, server.ctx);
  wire_send_frame (peer, 0x81, 1, "last", 4);
  wire_end (peer);
  /* Once the loop has accepted somebody, it has seen what was ready before. */
  other = wire_connect (LISTENER_PORT (server.listener));
  WAIT_UNTIL (SHARED_GET (calls.accepted) == 2);
  CHECK_INT (SHARED_GET (calls.closed), 0);
  SHARED_SET (calls.hold, 0);
  threads_join (helper);
  WAIT_UNTIL (SHARED_GET (calls.messages) == 1);
  WAIT_UNTIL (SHARED_GET (calls.closed) == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
  close (other);
}

/* The same without an end: the message that arrived meanwhile is dispatched. */
TEST (what_arrives_during_a_handshake_elsewhere_is_dispatched)
{
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  noPollConn *conn;
  pthread_t helper;
  int peer, other;

  begin (&server, &calls);
  SHARED_SET (calls.hold, 1);
  peer = wire_connect (LISTENER_PORT (server.listener));
  conn = nopoll_conn_accept (server.ctx, server.listener);
  wire_send_request (peer, "/", NULL);
  helper = threads_start (ask_once, conn);
  WAIT_UNTIL (SHARED_GET (calls.held));
  loop_thread_start (&loop, server.ctx);
  wire_send_frame (peer, 0x81, 1, "first", 5);
  other = wire_connect (LISTENER_PORT (server.listener));
  WAIT_UNTIL (SHARED_GET (calls.accepted) == 2);
  CHECK_INT (SHARED_GET (calls.messages), 0);
  SHARED_SET (calls.hold, 0);
  threads_join (helper);
  WAIT_UNTIL (SHARED_GET (calls.messages) == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
  close (other);
}

struct reader {
  noPollConn *conn;
  int messages;
};

static void *read_messages (void *data)
{
  struct reader *reader = (struct reader *) data;

  while (nopoll_conn_is_ok (reader->conn)) {
    noPollMsg *msg = nopoll_conn_get_msg (reader->conn);

    if (msg) {
      SHARED_ADD (reader->messages, 1);
      nopoll_msg_unref (msg);
    }
  }
  return NULL;
}

/* A thread that waits in a read of a blocking descriptor is in nobody's way. */
TEST (one_thread_reads_while_others_send)
{
  enum { MESSAGES = 50 };
  struct server server;
  struct calls calls;
  struct reader reader = { NULL, 0 };
  pthread_t helper;
  int peer, i;

  begin (&server, &calls);
  reader.conn = wire_accepted (server.ctx, server.listener, &peer, 1);
  nopoll_conn_ref (reader.conn);
  helper = threads_start (read_messages, &reader);
  for (i = 0; i < MESSAGES; i++) {
    CHECK_INT (nopoll_conn_send_text (reader.conn, "out", 3), 3);
    wire_expect_frame (peer, 0x81, 0, "out", 3);
    wire_send_frame (peer, 0x81, 1, "in", 2);
  }
  WAIT_UNTIL (SHARED_GET (reader.messages) == MESSAGES);
  /* The reader needs the object until it has seen the end. */
  nopoll_conn_shutdown (reader.conn);
  threads_join (helper);
  CHECK_INT (SHARED_GET (calls.closed), 1);
  nopoll_conn_close (reader.conn);
  server_stop (&server);
  close (peer);
}

/* Two direct readers share the messages of one connection: each goes to one of them. */
TEST (two_threads_read_the_same_connection)
{
  enum { MESSAGES = 300 };
  struct server server;
  struct calls calls;
  struct reader reader = { NULL, 0 };
  pthread_t one, two;
  int peer, i;

  begin (&server, &calls);
  reader.conn = wire_accepted (server.ctx, server.listener, &peer, 1);
  nopoll_conn_ref (reader.conn);
  one = threads_start (read_messages, &reader);
  two = threads_start (read_messages, &reader);
  for (i = 0; i < MESSAGES; i++)
    wire_send_frame (peer, 0x81, 1, "in", 2);
  WAIT_UNTIL (SHARED_GET (reader.messages) == MESSAGES);
  nopoll_conn_shutdown (reader.conn);
  threads_join (one);
  threads_join (two);
  CHECK_INT (SHARED_GET (calls.closed), 1);
  nopoll_conn_unref (reader.conn);
  nopoll_conn_close (reader.conn);
  server_stop (&server);
  close (peer);
}

struct blocked {
  noPollConn *conn;
  int result;
  int begun;
  int (*call) (noPollConn *conn);
};

static void *call_it (void *data)
{
  struct blocked *blocked = (struct blocked *) data;

  SHARED_SET (blocked->begun, 1);
  blocked->result = blocked->call (blocked->conn);
  return NULL;
}

static int get_msg (noPollConn *conn) { return nopoll_conn_get_msg (conn) == NULL; }

static int read_all (noPollConn *conn)
{
  char buffer[8];

  return nopoll_conn_read (conn, buffer, sizeof buffer, nopoll_true, 0) == 0;
}

static int receive_raw (noPollConn *conn)
{
  char buffer[8];

  return nopoll_conn_default_receive (conn, buffer, sizeof buffer) == -1;
}

static int send_much (noPollConn *conn)
{
  static char much[16 * 1024 * 1024];

  return nopoll_conn_send_binary (conn, much, sizeof much) == -1;
}

static int flush_long (noPollConn *conn)
{
  return nopoll_conn_flush_writes (conn, 60000000, 0) >= 0;
}

/* M-16: closing from another thread ends a call that waits, whatever it waits for. */
TEST (a_close_ends_calls_that_wait)
{
  static int (*const calls_that_wait[]) (noPollConn *) = { get_msg, read_all, receive_raw, send_much,
                                                            flush_long };
  size_t i;

  for (i = 0; i < sizeof calls_that_wait / sizeof calls_that_wait[0]; i++) {
    struct server server;
    struct calls calls;
    struct blocked blocked = { NULL, -1, 0, calls_that_wait[i] };
    pthread_t helper;
    int peer;

    begin (&server, &calls);
    blocked.conn = wire_accepted (server.ctx, server.listener, &peer, 1);
    if (calls_that_wait[i] == flush_long) {
      nopoll_conn_set_sock_block (nopoll_conn_socket (blocked.conn), nopoll_false);
      send_much (blocked.conn);
    }
    nopoll_conn_ref (blocked.conn);
    helper = threads_start (call_it, &blocked);
    WAIT_UNTIL (SHARED_GET (blocked.begun));
    nopoll_sleep (2000);
    nopoll_conn_shutdown (blocked.conn);
    threads_join (helper);
    CHECK_INT (blocked.result, 1);
    CHECK_INT (SHARED_GET (calls.closed), 1);
    nopoll_conn_close (blocked.conn);
    server_stop (&server);
    close (peer);
  }
}

struct enders {
  struct server *server;
  int done;
};

static nopoll_bool end_accepted (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) data;
  /* Not the listener, and nobody who isn't through with on_accept. */
  if (nopoll_conn_get_hook (conn) == NULL)
    return nopoll_false;
  if (nopoll_conn_get_id (conn) % 2)
    nopoll_conn_close (conn);
  else
    nopoll_conn_shutdown (conn);
  return nopoll_false;
}

static void *end_connections (void *data)
{
  struct enders *enders = (struct enders *) data;

  while (!SHARED_GET (enders->done)) {
    nopoll_ctx_foreach_conn (enders->server->ctx, end_accepted, enders);
    nopoll_sleep (300);
  }
  return NULL;
}

/* Two threads end connections, both perhaps the same, while the loop accepts and serves them. */
static void end_beside_loop (int type)
{
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  struct enders enders = { &server, 0 };
  pthread_t one, two;
  int peers = 300 / check_slowness () + 20, i;

  if (type >= 0)
    threads_plug (type);
  begin (&server, &calls);
  loop_thread_start (&loop, server.ctx);
  one = threads_start (end_connections, &enders);
  two = threads_start (end_connections, &enders);
  for (i = 0; i < peers; i++) {
    int peer = wire_connect (LISTENER_PORT (server.listener));
    static const char burst[] = "\x81\x81\x01\x02\x03\x04`\x81\x81\x01\x02\x03\x04`";

    send (peer, "GET / HTTP/1.1\r\nHost: a\r\n", 25, MSG_NOSIGNAL);
    send (peer, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 116, MSG_NOSIGNAL);
    send (peer, burst, sizeof burst - 1, MSG_NOSIGNAL);
    close (peer);
  }
  WAIT_UNTIL (SHARED_GET (calls.accepted) == peers);
  WAIT_UNTIL (SHARED_GET (calls.closed) == peers);
  WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 1);
  SHARED_SET (enders.done, 1);
  threads_join (one);
  threads_join (two);
  CHECK_INT (loop_thread_stop (&loop), 0);
  CHECK_INT (calls.closed, peers);
  server_stop (&server);
  if (type >= 0)
    threads_unplug ();
}

TEST (threads_end_connections_the_loop_serves) { end_beside_loop (-1); }
TEST (threads_end_connections_with_checked_mutexes) { end_beside_loop (PTHREAD_MUTEX_ERRORCHECK); }

struct order {
  int next[4];
  int messages;
  int busy[4];
  int stops;
};

static void expect_order (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct order *order = (struct order *) data;
  const unsigned char *payload = nopoll_msg_get_payload (msg);
  int number = (int) (long) nopoll_conn_get_hook (conn);

  (void) ctx;
  CHECK_INT (SHARED_ADD (order->busy[number], 1), 1);
  CHECK_INT (payload[0] << 8 | payload[1], order->next[number]);
  order->next[number]++;
  SHARED_ADD (order->busy[number], -1);
  SHARED_ADD (order->messages, 1);
}

/* L-25: two waits on one context. Each message is dispatched once, those of one connection in order
 * and one at a time; a stop ends both waits. */
TEST (two_threads_wait_on_one_context)
{
  enum { PEERS = 4, MESSAGES = 2000 };
  struct server server;
  struct order order;
  struct loop_thread one, two;
  int peers[PEERS], messages = MESSAGES / check_slowness (), i, k;

  memset (&order, 0, sizeof order);
  server_start (&server, expect_order, &order);
  for (i = 0; i < PEERS; i++) {
    peers[i] = server_peer (&server);
    nopoll_conn_set_hook (server_newest (&server), (noPollPtr) (long) i);
  }
  loop_thread_start (&one, server.ctx);
  loop_thread_start (&two, server.ctx);
  for (k = 0; k < messages; k++)
    for (i = 0; i < PEERS; i++) {
      unsigned char payload[2] = { (unsigned char) (k >> 8), (unsigned char) k };

      wire_send_frame (peers[i], 0x82, 1, payload, 2);
    }
  WAIT_UNTIL (SHARED_GET (order.messages) == PEERS * messages);
  nopoll_loop_stop (server.ctx);
  CHECK_INT (loop_thread_join (&one), 0);
  CHECK_INT (loop_thread_join (&two), 0);
  server_stop (&server);
  for (i = 0; i < PEERS; i++)
    close (peers[i]);
}

/* One of two waits ends by itself: the other goes on serving. */
TEST (the_second_wait_takes_over_when_the_first_ends)
{
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  int peer, i;

  begin (&server, &calls);
  loop_thread_start (&loop, server.ctx);
  for (i = 0; i < 20; i++)
    CHECK_INT (nopoll_loop_wait (server.ctx, 500), -3);
  peer = server_peer_beside_loop (&server);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  wire_expect_frame (peer, 0x81, 0, "a", 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  server_stop (&server);
  close (peer);
}

struct relay {
  noPollConn *to;
  int passed;
};

static void pass_on (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct relay *relay = (struct relay *) data;

  (void) ctx;
  (void) conn;
  SHARED_ADD (relay->passed, 1);
  CHECK_INT (nopoll_conn_send_text (relay->to, (const char *) nopoll_msg_get_payload (msg), 1),
             1);
}

/* Handlers of two contexts, in two threads, send on each other's connections. */
TEST (handlers_of_two_contexts_serve_each_other)
{
  enum { MESSAGES = 200 };
  struct server left, right;
  struct relay to_left, to_right;
  struct loop_thread left_loop, right_loop;
  int left_peer, right_peer, i;

  memset (&to_left, 0, sizeof to_left);
  memset (&to_right, 0, sizeof to_right);
  server_start (&left, pass_on, &to_right);
  server_start (&right, pass_on, &to_left);
  left_peer = server_peer (&left);
  right_peer = server_peer (&right);
  to_left.to = server_newest (&left);
  to_right.to = server_newest (&right);
  loop_thread_start (&left_loop, left.ctx);
  loop_thread_start (&right_loop, right.ctx);
  for (i = 0; i < MESSAGES; i++) {
    wire_send_frame (left_peer, 0x81, 1, "l", 1);
    wire_send_frame (right_peer, 0x81, 1, "r", 1);
  }
  for (i = 0; i < MESSAGES; i++) {
    wire_expect_frame (left_peer, 0x81, 0, "r", 1);
    wire_expect_frame (right_peer, 0x81, 0, "l", 1);
  }
  CHECK_INT (loop_thread_stop (&left_loop), 0);
  CHECK_INT (loop_thread_stop (&right_loop), 0);
  server_stop (&left);
  server_stop (&right);
  close (left_peer);
  close (right_peer);
}

struct log {
  noPollCtx *ctx;
  int records;
  int deep;
};

static void on_log (noPollCtx *ctx, noPollDebugLevel level, const char *text, noPollPtr data)
{
  struct log *log = (struct log *) data;

  (void) level;
  CHECK (ctx == log->ctx && text != NULL);
  CHECK_INT (threads_held (), 0);
  CHECK (nopoll_ctx_ref_count (ctx) > 0);
  CHECK (nopoll_ctx_conns (ctx) >= 0);
  SHARED_ADD (log->records, 1);
}

static void *provoke_records (void *data)
{
  struct log *log = (struct log *) data;
  int i;

  for (i = 0; i < 200; i++) {
    nopoll_ctx_set_max_frame_size (log->ctx, -1);
    CHECK (nopoll_listener_new (log->ctx, "", "0") == NULL);
  }
  return NULL;
}

/* U-18: records of several threads at once; the handler asks what takes the context's lock. */
TEST (a_log_handler_is_called_by_many_threads)
{
  struct server server;
  struct calls calls;
  struct loop_thread loop;
  struct log log;
  pthread_t threads[3];
  int i;

  threads_plug (PTHREAD_MUTEX_NORMAL);
  memset (&log, 0, sizeof log);
  begin (&server, &calls);
  log.ctx = server.ctx;
  nopoll_log_set_handler (server.ctx, on_log, &log);
  loop_thread_start (&loop, server.ctx);
  for (i = 0; i < 3; i++)
    threads[i] = threads_start (provoke_records, &log);
  for (i = 0; i < 20; i++)
    close (server_peer_beside_loop (&server));
  for (i = 0; i < 3; i++)
    threads_join (threads[i]);
  WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  CHECK (log.records >= 1200);
  nopoll_log_set_handler (server.ctx, NULL, NULL);
  server_stop (&server);
  threads_unplug ();
}

struct pieces {
  noPollConn *conn;
  int number;
  int messages;
  pthread_mutex_t *turn;
};

struct joined {
  int seen[3];
  int messages;
  int wanted;
  noPollCtx *sitting;
};

enum { PIECE = 700, PIECES = 5 };

static void *send_pieces (void *data)
{
  struct pieces *pieces = (struct pieces *) data;
  unsigned char content[PIECE];
  int i, k;

  for (i = 0; i < pieces->messages; i++) {
    pthread_mutex_lock (pieces->turn);
    for (k = 0; k < PIECES; k++) {
      memset (content, pieces->number, PIECE);
      content[0] = (unsigned char) (i >> 8);
      content[1] = (unsigned char) i;
      CHECK_INT (__nopoll_conn_send_common (pieces->conn, (const char *) content, PIECE,
                                            k == PIECES - 1, 0, NOPOLL_BINARY_FRAME), PIECE);
    }
    pthread_mutex_unlock (pieces->turn);
  }
  return NULL;
}

static void check_joined (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct joined *joined = (struct joined *) data;
  const unsigned char *payload = nopoll_msg_get_payload (msg);
  int number, i;

  (void) ctx;
  (void) conn;
  CHECK_INT (nopoll_msg_get_payload_size (msg), PIECE * PIECES);
  CHECK_INT (nopoll_msg_is_fragment (msg), nopoll_false);
  number = payload[2];
  CHECK (number < 3);
  for (i = 0; i < PIECE * PIECES; i++)
    if (i % PIECE > 1 && payload[i] != number)
      check_fail (__FILE__, __LINE__, "byte %d is %d", i, payload[i]);
  CHECK_INT (payload[0] << 8 | payload[1], joined->seen[number]);
  joined->seen[number]++;
  if (SHARED_ADD (joined->messages, 1) == joined->wanted)
    nopoll_loop_stop (joined->sitting);
}

/* M-25: the way of one large product. The main thread sits in waits of five seconds, workers send
 * all traffic in pieces, recursive mutexes are plugged in. */
TEST (workers_send_pieces_while_the_main_thread_waits)
{
  enum { WORKERS = 3 };
  struct server server;
  struct loop_thread loop;
  struct joined joined;
  struct pieces pieces[WORKERS];
  pthread_t threads[WORKERS];
  pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
  noPollCtx *ctx;
  noPollConn *client;
  int messages = 1000 / check_slowness (), i;
  char port[12];

  threads_plug (PTHREAD_MUTEX_RECURSIVE);
  memset (&joined, 0, sizeof joined);
  joined.wanted = WORKERS * messages;
  ctx = nopoll_ctx_new ();
  server_start (&server, check_joined, &joined);
  nopoll_ctx_set_delivery (server.ctx, NOPOLL_DELIVER_MESSAGES);
  loop_thread_start (&loop, server.ctx);
  joined.sitting = ctx;
  port_text (port, server.listener);
  client = nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (client, 10 * check_slowness ()));
  nopoll_conn_set_sock_block (nopoll_conn_socket (client), nopoll_true);
  for (i = 0; i < WORKERS; i++) {
    pieces[i].conn = client;
    pieces[i].number = i;
    pieces[i].messages = messages;
    pieces[i].turn = &turn;
    threads[i] = threads_start (send_pieces, &pieces[i]);
  }
  while (SHARED_GET (joined.messages) < joined.wanted)
    nopoll_loop_wait (ctx, 5000000);
  for (i = 0; i < WORKERS; i++)
    threads_join (threads[i]);
  nopoll_conn_close (client);
  WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 1);
  CHECK_INT (loop_thread_stop (&loop), 0);
  nopoll_ctx_unref (ctx);
  server_stop (&server);
  threads_unplug ();
}

TESTS (CASE (what_another_thread_makes_is_served_at_once),
       CASE (clients_come_and_go_in_other_threads),
       CASE (clients_come_and_go_with_recursive_mutexes),
       CASE (clients_come_and_go_with_checked_mutexes),
       CASE (a_handshake_is_completed_by_one_of_many),
       CASE (the_end_during_a_handshake_elsewhere_is_noticed),
       CASE (what_arrives_during_a_handshake_elsewhere_is_dispatched),
       CASE (one_thread_reads_while_others_send), CASE (two_threads_read_the_same_connection),
       CASE (a_close_ends_calls_that_wait), CASE (threads_end_connections_the_loop_serves),
       CASE (threads_end_connections_with_checked_mutexes),
       CASE (two_threads_wait_on_one_context),
       CASE (the_second_wait_takes_over_when_the_first_ends),
       CASE (handlers_of_two_contexts_serve_each_other),
       CASE (a_log_handler_is_called_by_many_threads),
       CASE (workers_send_pieces_while_the_main_thread_waits))
