/* What programs do in the handlers of the opening handshake. */
#include <nopoll.h>

#include <fcntl.h>
#include <pthread.h>

#include "support/wire.h"

enum place { NOWHERE, ACCEPT, OPEN, READY };
enum deed { NOTHING, REFUSE, CLOSE, SHUTDOWN, DETACH, SEND, ASK };

/* What is to happen in which handler, and what did. */
struct plan {
  enum place place;
  enum deed deed;
  const char *protocol;
  int accepted, opened, ready, closed;
  char order[16];
  int results[8];
  int errnos[8];
  int detached;
};

static void note (struct plan *plan, char what)
{
  size_t size = strlen (plan->order);

  if (size + 1 < sizeof plan->order)
    plan->order[size] = what;
}

#define RESULT(i, call) \
  (errno = 0, plan->results[i] = (int) (long) (call), plan->errnos[i] = errno)

/* The handler may do this, and returns whether to go on. */
static nopoll_bool act (struct plan *plan, enum place place, noPollConn *conn)
{
  char byte;

  if (plan->place != place)
    return nopoll_true;
  switch (plan->deed) {
  case REFUSE:
    return nopoll_false;
  case CLOSE:
    nopoll_conn_close (conn);
    break;
  case SHUTDOWN:
    nopoll_conn_shutdown (conn);
    break;
  case DETACH:
    plan->detached = nopoll_conn_socket (conn);
    nopoll_conn_set_socket (conn, -1);
    break;
  case SEND:
    RESULT (0, nopoll_conn_send_text (conn, "hello", 5));
    RESULT (1, nopoll_conn_send_ping (conn));
    break;
  case ASK:
    RESULT (0, nopoll_conn_is_ready (conn));
    RESULT (1, nopoll_conn_get_msg (conn) != NULL);
    RESULT (2, nopoll_conn_read (conn, &byte, 1, nopoll_false, 0));
    RESULT (3, nopoll_conn_read (conn, &byte, 1, nopoll_true, 20));
    RESULT (4, nopoll_conn_wait_until_connection_ready (conn, 0));
    nopoll_conn_complete_handshake (conn);
    RESULT (5, nopoll_conn_is_ok (conn));
    break;
  case NOTHING:
    break;
  }
  if (plan->protocol)
    nopoll_conn_set_accepted_protocol (conn, plan->protocol);
  return nopoll_true;
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct plan *plan = (struct plan *) data;

  plan->closed++;
  note (plan, 'c');
}

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct plan *plan = (struct plan *) data;

  plan->accepted++;
  note (plan, 'a');
  nopoll_conn_set_on_close (conn, on_close, plan);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  return act (plan, ACCEPT, conn);
}

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct plan *plan = (struct plan *) data;

  plan->opened++;
  note (plan, 'o');
  return act (plan, OPEN, conn);
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct plan *plan = (struct plan *) data;

  plan->ready++;
  note (plan, 'r');
  return act (plan, READY, conn);
}

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  note ((struct plan *) data, 'm');
}

struct server {
  noPollCtx *ctx;
  noPollConn *listener;
};

static void begin (struct server *server, struct plan *plan)
{
  server->ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_accept (server->ctx, on_accept, plan);
  nopoll_ctx_set_on_open (server->ctx, on_open, plan);
  nopoll_ctx_set_on_ready (server->ctx, on_ready, plan);
  nopoll_ctx_set_on_msg (server->ctx, on_msg, plan);
  server->listener = wire_listener (server->ctx);
}

static void end (struct server *server)
{
  nopoll_conn_close (server->listener);
  CHECK_INT (nopoll_ctx_ref_count (server->ctx), 1);
  nopoll_ctx_unref (server->ctx);
}

/* Connects with a request and a masked text frame behind it, and has the library deal with it by
 * direct calls or by the loop, as far as it goes. */
static int visit (struct server *server, struct plan *plan, int by_loop)
{
  int peer = wire_connect (LISTENER_PORT (server->listener));

  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 1, "behind", 6);
  if (by_loop) {
    LOOP_UNTIL (server->ctx, plan->accepted > 0);
    LOOP_UNTIL (server->ctx, strchr (plan->order, 'm') != NULL
                || nopoll_ctx_conns (server->ctx) == 1);
  } else {
    noPollConn *conn = nopoll_conn_accept (server->ctx, server->listener);

    if (conn != NULL) {
      nopoll_conn_ref (conn);
      nopoll_conn_ref (conn);
      WAIT_UNTIL (nopoll_conn_is_ready (conn) || !nopoll_conn_is_ok (conn));
      if (nopoll_conn_is_ok (conn)) {
        noPollMsg *msg;

        wire_wait_readable (nopoll_conn_socket (conn));
        msg = nopoll_conn_get_msg (conn);
        CHECK (msg != NULL);
        CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "behind");
        nopoll_msg_unref (msg);
        note (plan, 'm');
      }
      /* A close in a handler has dropped the registry's reference and one of ours. */
      if (plan->deed != CLOSE)
        nopoll_conn_close (conn);
      nopoll_conn_unref (conn);
    }
  }
  return peer;
}

/* What the peer got: nothing, a status, or that and a frame. */
static void check_got (int peer, const char *status, const char *behind)
{
  char text[4096];
  long size = wire_receive_rest (peer, text, sizeof text - 1);

  text[size] = 0;
  if (status == NULL) {
    CHECK_STR (text, "");
    return;
  }
  CHECK (size > 12);
  CHECK_MEM (text + 9, 3, status, 3);
  if (behind) {
    char *blank = strstr (text, "\r\n\r\n");

    CHECK (blank != NULL);
    CHECK_MEM (blank + 4, text + size - blank - 4, behind, strlen (behind));
  }
}

/* A handler ends the connection one way or another. */
struct ending {
  enum place place;
  enum deed deed;
  const char *order, *status, *behind;
};

static const struct ending endings[] = {
  { ACCEPT, REFUSE, "ac", NULL, NULL },
  { ACCEPT, CLOSE, "ac", NULL, NULL },
  { ACCEPT, SHUTDOWN, "ac", NULL, NULL },
  { OPEN, REFUSE, "aoc", "403", NULL },
  { OPEN, CLOSE, "aoc", NULL, NULL },
  { OPEN, SHUTDOWN, "aoc", NULL, NULL },
  { READY, REFUSE, "aorc", "101", "" },
  { READY, CLOSE, "aorc", "101", "\x88" },
  { READY, SHUTDOWN, "aorc", "101", "" },
};

static void end_in_handlers (int by_loop)
{
  size_t i;

  for (i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    const struct ending *row = &endings[i];
    struct plan plan = { row->place, row->deed, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
    struct server server;
    int peer;

    begin (&server, &plan);
    peer = visit (&server, &plan, by_loop);
    LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
    CHECK_STR (plan.order, row->order);
    /* An empty close frame is 88 00. */
    if (row->behind && row->behind[0]) {
      char head[1024];

      wire_receive_head (peer, head, sizeof head);
      wire_expect_frame (peer, 0x88, 0, "", 0);
      wire_expect_end (peer);
    } else {
      check_got (peer, row->status, row->behind);
    }
    close (peer);
    end (&server);
  }
}

/* L-14, Q30, Q58 */
TEST (a_handler_may_refuse_or_close_when_direct_calls_run_it) { end_in_handlers (0); }

/* L-14, Q30, Q58 */
TEST (a_handler_may_refuse_or_close_when_the_loop_runs_it) { end_in_handlers (1); }

TEST (a_descriptor_taken_over_in_a_handler_stays_open_and_unwritten)
{
  static const enum place places[] = { ACCEPT, OPEN, READY };
  int i, by_loop;

  for (i = 0; i < 6; i++) {
    struct plan plan = { places[i / 2], DETACH, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, -1 };
    struct server server;
    char got[4];
    int peer;

    by_loop = i % 2;
    begin (&server, &plan);
    peer = visit (&server, &plan, by_loop);
    LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
    CHECK_INT (plan.closed, 0);
    CHECK (plan.detached >= 0);
    if (places[i / 2] == READY) {
      char head[1024];

      wire_receive_head (peer, head, sizeof head);
    }
    wire_send (plan.detached, "mine", 4);
    wire_receive (peer, got, 4);
    CHECK_MEM (got, 4, "mine", 4);
    close (plan.detached);
    close (peer);
    end (&server);
  }
}


/* Mutexes that end the program when a thread locks one twice. */
static noPollPtr create_mutex (void)
{
  pthread_mutex_t *mutex = (pthread_mutex_t *) malloc (sizeof *mutex);
  pthread_mutexattr_t kind;

  pthread_mutexattr_init (&kind);
  pthread_mutexattr_settype (&kind, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init (mutex, &kind);
  pthread_mutexattr_destroy (&kind);
  return mutex;
}

static void destroy_mutex (noPollPtr mutex)
{
  if (pthread_mutex_destroy ((pthread_mutex_t *) mutex) != 0)
    abort ();
  free (mutex);
}

static void lock_mutex (noPollPtr mutex)
{
  if (pthread_mutex_lock ((pthread_mutex_t *) mutex) != 0)
    abort ();
}

static void unlock_mutex (noPollPtr mutex)
{
  if (pthread_mutex_unlock ((pthread_mutex_t *) mutex) != 0)
    abort ();
}

static void ask_in_handler (enum place place, int by_loop)
{
  struct plan plan = { place, ASK, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
  struct server server;
  int peer, i;

  begin (&server, &plan);
  peer = visit (&server, &plan, by_loop);
  CHECK_STR (plan.order, by_loop ? "aorm" : "aormc");
  /* is_ready, get_msg, read, blocking read, wait. */
  CHECK_INT (plan.results[0], place == READY);
  CHECK_INT (plan.results[1], 0);
  CHECK_INT (plan.results[2], -1);
  CHECK_INT (plan.results[3], 0);
  CHECK_INT (plan.results[4], place == READY);
  CHECK_INT (plan.results[5], 1);
  for (i = 0; i < 3; i++)
    CHECK_INT (plan.errnos[i], place == READY && i == 0 ? 0 : NOPOLL_EWOULDBLOCK);
  close (peer);
  LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
  end (&server);
}

static void ask_in_handlers (void)
{
  int by_loop;

  for (by_loop = 0; by_loop < 2; by_loop++) {
    ask_in_handler (OPEN, by_loop);
    ask_in_handler (READY, by_loop);
  }
}

/* Q19, Q20, L-12, M-49 */
TEST (asking_in_on_open_and_on_ready_returns_at_once_and_takes_no_byte) { ask_in_handlers (); }

/* Q19, Q20, L-12, M-49 */
TEST (asking_in_on_open_and_on_ready_locks_nothing_twice)
{
  nopoll_thread_handlers (create_mutex, destroy_mutex, lock_mutex, unlock_mutex);
  ask_in_handlers ();
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
}

/* M-36 */
TEST (a_server_may_send_as_soon_as_its_answer_is_out)
{
  static const enum place places[] = { ACCEPT, OPEN, READY };
  int i;

  for (i = 0; i < 6; i++) {
    struct plan plan = { places[i / 2], SEND, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
    struct server server;
    char head[1024];
    int peer;

    begin (&server, &plan);
    peer = visit (&server, &plan, i % 2);
    wire_receive_head (peer, head, sizeof head);
    if (places[i / 2] == READY) {
      CHECK_INT (plan.results[0], 5);
      CHECK_INT (plan.results[1], 1);
      wire_expect_frame (peer, 0x81, 0, "hello", 5);
      wire_expect_frame (peer, 0x89, 0, "", 0);
    } else {
      CHECK_INT (plan.results[0], -1);
      CHECK_INT (plan.errnos[0], ENOTCONN);
      CHECK_INT (plan.results[1], 0);
      CHECK_INT (plan.errnos[1], ENOTCONN);
    }
    close (peer);
    LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
    end (&server);
  }
}

/* What a client asked for, what the program chose in which handler, and what the 101 says. */
struct choice {
  const char *asked;
  enum place place;
  const char *chosen, *answered, *reported;
};

static const struct choice choices[] = {
  { NULL, NOWHERE, NULL, NULL, NULL },
  { "chat", NOWHERE, NULL, "chat", NULL },
  { "chat, superchat", NOWHERE, NULL, "chat, superchat", NULL },
  { "", NOWHERE, NULL, NULL, NULL },
  { "chat, superchat", ACCEPT, "superchat", "superchat", "superchat" },
  { "chat, superchat", OPEN, "superchat", "superchat", "superchat" },
  { NULL, OPEN, "unasked", "unasked", "unasked" },
  { "chat", OPEN, "other", "other", "other" },
  { "chat", READY, "late", "chat", "late" },
};

static int on_msg_keeps_protocol;
static char reported[64];

static void report_protocol (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const char *protocol = nopoll_conn_get_accepted_protocol (conn);

  on_msg_keeps_protocol = protocol != NULL;
  snprintf (reported, sizeof reported, "%s", protocol ? protocol : "");
  note ((struct plan *) data, 'm');
}

/* Q41 */
TEST (the_answer_names_the_chosen_protocol_or_all_that_was_asked_for)
{
  size_t i;

  for (i = 0; i < sizeof choices / sizeof choices[0]; i++) {
    const struct choice *row = &choices[i];
    struct plan plan = { row->place, NOTHING, row->chosen, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
    struct server server;
    char text[1024], expected[1024];
    int peer;

    begin (&server, &plan);
    nopoll_ctx_set_on_msg (server.ctx, report_protocol, &plan);
    peer = wire_connect (LISTENER_PORT (server.listener));
    sprintf (text, "Sec-WebSocket-Protocol: %s\r\n", row->asked ? row->asked : "");
    wire_send_request (peer, "/", row->asked ? text : NULL);
    wire_send_frame (peer, 0x81, 1, "", 0);
    LOOP_UNTIL (server.ctx, strchr (plan.order, 'm') != NULL);
    CHECK_STR (on_msg_keeps_protocol ? reported : NULL, row->reported);
    wire_receive_head (peer, text, sizeof text);
    sprintf (expected,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%s%s%s\r\n",
             row->answered ? "Sec-WebSocket-Protocol: " : "", row->answered ? row->answered : "",
             row->answered ? "\r\n" : "");
    CHECK_STR (text, expected);
    close (peer);
    LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 1);
    end (&server);
  }
}

/* Q43 */
TEST (the_last_choice_counts_and_earlier_strings_stay)
{
  struct plan plan = { NOWHERE, NOTHING, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
  struct server server;
  noPollConn *conn;
  const char *first;
  char choice[] = "first", text[1024];
  int peer;

  begin (&server, &plan);
  peer = wire_connect (LISTENER_PORT (server.listener));
  wire_send_request (peer, "/", "Sec-WebSocket-Protocol: a\r\n");
  conn = nopoll_conn_accept (server.ctx, server.listener);
  nopoll_conn_set_accepted_protocol (conn, choice);
  first = nopoll_conn_get_accepted_protocol (conn);
  choice[0] = 'x';
  nopoll_conn_set_accepted_protocol (conn, "second");
  nopoll_conn_set_accepted_protocol (conn, NULL);
  nopoll_conn_set_accepted_protocol (NULL, "third");
  CHECK_STR (nopoll_conn_get_accepted_protocol (conn), "second");
  CHECK_STR (first, "first");
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  wire_receive_head (peer, text, sizeof text);
  CHECK (strstr (text, "\r\nSec-WebSocket-Protocol: second\r\n") != NULL);
  close (peer);
  nopoll_conn_close (conn);
  end (&server);
}

struct seen {
  char text[8][64];
  int count, tls, role;
  noPollConn *listener;
  noPollPtr hook;
};

static void keep (struct seen *seen, const char *value)
{
  snprintf (seen->text[seen->count++], sizeof seen->text[0], "%s", value ? value : "(none)");
}

static void look (struct seen *seen, noPollConn *conn)
{
  seen->count = 0;
  keep (seen, nopoll_conn_get_requested_url (conn));
  keep (seen, nopoll_conn_get_host_header (conn));
  keep (seen, nopoll_conn_get_origin (conn));
  keep (seen, nopoll_conn_get_cookie (conn));
  keep (seen, nopoll_conn_get_requested_protocol (conn));
  keep (seen, nopoll_conn_get_x_real_ip_header (conn));
  keep (seen, nopoll_conn_get_accepted_protocol (conn));
  seen->role = nopoll_conn_role (conn);
  seen->tls = nopoll_conn_is_tls_on (conn);
  seen->listener = nopoll_conn_get_listener (conn);
  seen->hook = nopoll_conn_get_hook (conn);
}

static nopoll_bool look_on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look ((struct seen *) data, conn);
  nopoll_conn_set_hook (conn, data);
  return nopoll_true;
}

static nopoll_bool look_on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look ((struct seen *) data + 1, conn);
  return nopoll_true;
}

TEST (handlers_find_in_the_accessors_what_is_known_by_then)
{
  struct seen seen[2];
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollConn *conn;
  char port[8];
  int peer, i;

  memset (seen, 0, sizeof seen);
  nopoll_ctx_set_on_accept (ctx, look_on_accept, seen);
  nopoll_ctx_set_on_open (ctx, look_on_open, seen);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/a/b?c=d&e#f",
                     "Cookie: k=v; l\r\nSec-WebSocket-Protocol: p, q\r\nX-Real-IP: 192.0.2.1\r\n");
  conn = nopoll_conn_accept (ctx, listener);
  CHECK_STR (nopoll_conn_host (conn), "127.0.0.1");
  strcpy (port, wire_port_text (peer));
  CHECK_STR (nopoll_conn_port (conn), port);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK (nopoll_conn_get_id (conn) > nopoll_conn_get_id (listener));
  CHECK (nopoll_conn_ctx (conn) == ctx);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  CHECK_STR (seen[0].text[0], "/");
  for (i = 1; i < 7; i++)
    CHECK_STR (seen[0].text[i], "(none)");
  CHECK_STR (seen[1].text[0], "/a/b?c=d&e#f");
  CHECK_STR (seen[1].text[1], "test.example");
  CHECK_STR (seen[1].text[2], "http://test.example");
  CHECK_STR (seen[1].text[3], "k=v; l");
  CHECK_STR (seen[1].text[4], "p, q");
  CHECK_STR (seen[1].text[5], "192.0.2.1");
  CHECK_STR (seen[1].text[6], "(none)");
  CHECK (seen[1].hook == seen);
  for (i = 0; i < 2; i++) {
    CHECK_INT (seen[i].role, NOPOLL_ROLE_LISTENER);
    CHECK_INT (seen[i].tls, 0);
    CHECK (seen[i].listener == listener);
  }
  /* Everything stays after the end, for whoever has a reference. */
  nopoll_conn_ref (conn);
  nopoll_conn_shutdown (conn);
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/a/b?c=d&e#f");
  CHECK_STR (nopoll_conn_get_cookie (conn), "k=v; l");
  CHECK_INT (nopoll_conn_socket (conn), -1);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

static nopoll_bool own_on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  note ((struct plan *) data, 'R');
  return nopoll_true;
}

TEST (a_connections_own_on_ready_replaces_the_contexts)
{
  int own;

  for (own = 0; own < 2; own++) {
    struct plan plan = { NOWHERE, NOTHING, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
    struct server server;
    noPollConn *conn;
    int peer;

    begin (&server, &plan);
    peer = wire_connect (LISTENER_PORT (server.listener));
    wire_send_request (peer, "/", NULL);
    conn = nopoll_conn_accept (server.ctx, server.listener);
    nopoll_conn_set_on_ready (conn, own_on_ready, &plan);
    if (!own)
      nopoll_conn_set_on_ready (conn, NULL, &plan);
    CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
    CHECK_STR (plan.order, own ? "aoR" : "aor");
    close (peer);
    nopoll_conn_close (conn);
    end (&server);
  }
}

/* M-01 */
TEST (one_get_msg_on_a_blocking_socket_completes_the_handshake_and_waits_for_a_message)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer = wire_connect (LISTENER_PORT (listener));
  noPollConn *conn = nopoll_conn_accept (ctx, listener);
  noPollMsg *msg;

  CHECK_INT (fcntl (nopoll_conn_socket (conn), F_GETFL) & O_NONBLOCK, 0);
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x01, 1, "first", 5);
  msg = nopoll_conn_get_msg (conn);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "first");
  CHECK_INT (fcntl (nopoll_conn_socket (conn), F_GETFL) & O_NONBLOCK, 0);
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* Q32, Q33 */
TEST (a_connection_knows_its_listener_and_outlives_it)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int by_hand;
  noPollConn *conn[2];
  int peer[2];

  for (by_hand = 0; by_hand < 2; by_hand++) {
    peer[by_hand] = wire_connect (LISTENER_PORT (listener));
    if (by_hand) {
      int fd = wire_accept (nopoll_conn_socket (listener));

      conn[1] = nopoll_listener_from_socket (ctx, fd);
      CHECK (nopoll_conn_get_listener (conn[1]) == NULL);
      CHECK (nopoll_conn_accept_complete (ctx, listener, conn[1], fd, nopoll_false));
    } else {
      conn[0] = nopoll_conn_accept (ctx, listener);
    }
    CHECK (nopoll_conn_get_listener (conn[by_hand]) == listener);
  }
  nopoll_conn_close (listener);
  for (by_hand = 0; by_hand < 2; by_hand++) {
    static const char request[] =
      "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    CHECK (nopoll_conn_get_listener (conn[by_hand]) == NULL);
    /* The listener's options say that Origin may be missing; that counts still. */
    wire_send_text (peer[by_hand], request);
    CHECK (nopoll_conn_wait_until_connection_ready (conn[by_hand], 10 * check_slowness ()));
    nopoll_conn_close (conn[by_hand]);
    close (peer[by_hand]);
  }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* A client whose context's on_ready follows the plan, and the answer to its request. */
static void client_plan (struct plan *plan, int by_loop, noPollCtx **ctx, noPollConn **conn,
                         int *peer)
{
  int listening = wire_listen ();

  *ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_ready (*ctx, on_ready, plan);
  nopoll_ctx_set_on_open (*ctx, on_open, plan);
  nopoll_ctx_set_on_msg (*ctx, on_msg, plan);
  *conn = nopoll_conn_new (*ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL, NULL);
  nopoll_conn_ref (*conn);
  nopoll_conn_set_on_close (*conn, on_close, plan);
  *peer = wire_accept (listening);
  close (listening);
  wire_answer_request (*peer, NULL);
  wire_send_frame (*peer, 0x81, 0, "behind", 6);
  if (by_loop)
    LOOP_UNTIL (*ctx, plan->ready && (!nopoll_conn_is_ok (*conn) || strchr (plan->order, 'm')));
  else
    WAIT_UNTIL (nopoll_conn_is_ready (*conn) || !nopoll_conn_is_ok (*conn));
}

/* L-14, M-49 */
TEST (a_clients_on_ready_may_do_all_of_it)
{
  static const enum deed deeds[] = { NOTHING, REFUSE, CLOSE, SHUTDOWN, SEND, ASK };
  size_t i;

  for (i = 0; i < 2 * sizeof deeds / sizeof deeds[0]; i++) {
    enum deed deed = deeds[i / 2];
    struct plan plan = { READY, deed, NULL, 0, 0, 0, 0, "", { 0 }, { 0 }, 0 };
    noPollCtx *ctx;
    noPollConn *conn;
    int peer, ends = deed == REFUSE || deed == CLOSE || deed == SHUTDOWN;

    client_plan (&plan, i % 2, &ctx, &conn, &peer);
    CHECK_INT (plan.ready, 1);
    CHECK_INT (plan.opened, 0);
    CHECK_INT (plan.closed, ends);
    CHECK_INT (nopoll_conn_is_ok (conn), !ends);
    if (deed == SEND) {
      wire_expect_frame (peer, 0x81, 1, "hello", 5);
      wire_expect_frame (peer, 0x89, 1, "", 0);
    } else if (deed == CLOSE) {
      wire_expect_frame (peer, 0x88, 1, "", 0);
    } else if (deed == ASK) {
      CHECK_INT (plan.results[0], 1);
      CHECK_INT (plan.results[1], 0);
      CHECK_INT (plan.results[2], -1);
      CHECK_INT (plan.results[4], 1);
    }
    if (ends)
      wire_expect_end (peer);
    if (deed == REFUSE)
      CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_REJECTED);
    close (peer);
    /* A close in the handler has taken one of the two references that are ours. */
    if (deed == CLOSE)
      nopoll_conn_unref (conn);
    else
      nopoll_conn_close (conn), nopoll_conn_unref (conn);
    CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
    nopoll_ctx_unref (ctx);
  }
}

TESTS (CASE (a_handler_may_refuse_or_close_when_direct_calls_run_it),
       CASE (a_handler_may_refuse_or_close_when_the_loop_runs_it),
       CASE (a_descriptor_taken_over_in_a_handler_stays_open_and_unwritten),
       CASE (asking_in_on_open_and_on_ready_returns_at_once_and_takes_no_byte),
       CASE (asking_in_on_open_and_on_ready_locks_nothing_twice),
       CASE (a_server_may_send_as_soon_as_its_answer_is_out),
       CASE (the_answer_names_the_chosen_protocol_or_all_that_was_asked_for),
       CASE (the_last_choice_counts_and_earlier_strings_stay),
       CASE (handlers_find_in_the_accessors_what_is_known_by_then),
       CASE (a_connections_own_on_ready_replaces_the_contexts),
       CASE (one_get_msg_on_a_blocking_socket_completes_the_handshake_and_waits_for_a_message),
       CASE (a_connection_knows_its_listener_and_outlives_it),
       CASE (a_clients_on_ready_may_do_all_of_it))
