/* Contexts: references, the registry of connections, certificates by name, settings. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "support/records.h"
#include "support/wire.h"

TEST (a_new_context_has_the_defaults)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 20000000);
  CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  CHECK_INT (nopoll_log_is_enabled (ctx), 0);
  CHECK_INT (nopoll_log_color_is_enabled (ctx), 0);
  CHECK_INT (nopoll_loop_ended (ctx), 1);
  CHECK (nopoll_ctx_foreach_conn (ctx, NULL, NULL) == NULL);
  CHECK_INT (nopoll_ctx_find_certificate (ctx, NULL, NULL, NULL, NULL), 0);
  nopoll_ctx_unref (ctx);
}

/* L-03 */
TEST (references_are_counted)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  CHECK_INT (nopoll_ctx_ref (ctx), nopoll_true);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  nopoll_ctx_unref (ctx);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_ref (ctx);
  nopoll_ctx_free (ctx);   /* L-03 */
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_free (ctx);
  CHECK_INT (nopoll_ctx_ref (NULL), nopoll_false);
  CHECK_INT (nopoll_ctx_ref_count (NULL), -1);
  nopoll_ctx_unref (NULL);
  nopoll_ctx_free (NULL);
}

static int refs_in_accept, conns_in_accept;

static nopoll_bool count_references (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  refs_in_accept = nopoll_ctx_ref_count (ctx);
  conns_in_accept = nopoll_ctx_conns (ctx);
  return nopoll_true;
}

/* L-03, L-44 */
TEST (each_connection_holds_its_context)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener, *client, *accepted;

  nopoll_ctx_set_on_accept (ctx, count_references, NULL);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  listener = nopoll_listener_new (ctx, "127.0.0.1", "0");
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  client = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (nopoll_conn_socket (listener)), NULL,
                            NULL, NULL, NULL);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 3);
  accepted = nopoll_conn_accept (ctx, listener);
  CHECK_INT (refs_in_accept, 4);
  CHECK_INT (conns_in_accept, 3);
  CHECK_INT (nopoll_ctx_conns (ctx), 3);
  nopoll_conn_close (accepted);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 3);
  nopoll_conn_close (client);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  nopoll_ctx_unref (ctx);
}

TEST (a_connection_holds_its_context_until_it_is_destroyed)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_conn_ref (conn);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  nopoll_conn_unref (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* L-02 */
/* L-02 */
TEST (releasing_a_context_closes_no_connection)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_ctx_unref (ctx);
  CHECK_INT (nopoll_conn_is_ok (conn), 1);
  CHECK (nopoll_conn_ctx (conn) == ctx);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  CHECK_INT (nopoll_conn_send_text (conn, "alive", 5), 5);
  wire_expect_frame (peer, 0x81, 1, "alive", 5);
  nopoll_conn_close (conn);   /* and the context with it */
  close (peer);
}

TEST (contexts_are_independent)
{
  noPollCtx *one = nopoll_ctx_new (), *two = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (one);

  CHECK_INT (nopoll_ctx_conns (one), 1);
  CHECK_INT (nopoll_ctx_conns (two), 0);
  nopoll_ctx_set_max_frame_size (two, 77);
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (one);
  nopoll_ctx_unref (two);
}

/* L-05 */
/* L-05 */
TEST (registering_twice_changes_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, id;
  noPollConn *conn = wire_client (ctx, &peer);

  id = nopoll_conn_get_id (conn);
  CHECK_INT (nopoll_ctx_register_conn (ctx, conn), nopoll_true);
  CHECK_INT (nopoll_conn_get_id (conn), id);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (unregistering_gives_back_one_reference_and_no_more)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, id;
  noPollConn *conn = wire_client (ctx, &peer);

  id = nopoll_conn_get_id (conn);
  nopoll_ctx_unregister_conn (ctx, conn);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  CHECK_INT (nopoll_conn_is_ok (conn), 1);
  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, conn), 0);
  nopoll_ctx_unregister_conn (ctx, conn);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  /* Back again, under another number. */
  CHECK_INT (nopoll_ctx_register_conn (ctx, conn), nopoll_true);
  CHECK (nopoll_conn_get_id (conn) > id);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, conn), 1);
  CHECK_INT (nopoll_conn_send_text (conn, "hi", 2), 2);
  wire_expect_frame (peer, 0x81, 1, "hi", 2);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* L-06 */
/* L-06 */
TEST (another_contexts_connection_is_never_touched)
{
  noPollCtx *one = nopoll_ctx_new (), *two = nopoll_ctx_new ();
  int first, second;
  noPollConn *mine = wire_client (one, &first), *other = wire_client (two, &second);
  struct records records;

  CHECK_INT (nopoll_conn_get_id (mine), nopoll_conn_get_id (other));
  records_of (one, &records);
  nopoll_ctx_unregister_conn (one, other);
  CHECK_INT (nopoll_ctx_conns (one), 1);
  CHECK_INT (nopoll_ctx_conns (two), 1);
  CHECK_INT (nopoll_conn_ref_count (mine), 2);
  CHECK_INT (nopoll_conn_ref_count (other), 2);
  CHECK_INT (__nopoll_ctx_conn_is_registered (one, other), 0);
  CHECK_INT (nopoll_ctx_register_conn (one, other), nopoll_false);
  CHECK (records_name (&records, "conn"));
  CHECK_INT (nopoll_conn_ref_count (other), 2);
  CHECK_INT (nopoll_ctx_conns (one), 1);
  records_of (one, NULL);
  nopoll_conn_close (mine);
  nopoll_conn_close (other);
  nopoll_ctx_unref (one);
  nopoll_ctx_unref (two);
  close (first);
  close (second);
}

/* L-07, M-45 */
/* L-07 */
TEST (the_last_reference_closes_the_socket_silently)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, fd;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_ctx_unregister_conn (ctx, conn);
  nopoll_conn_unref (conn);
  wire_expect_end (peer);   /* without a close frame */
  close (peer);
  conn = wire_client (ctx, &peer);
  fd = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);
  nopoll_ctx_unregister_conn (ctx, conn);
  nopoll_conn_unref (conn);
  CHECK_INT (send (fd, "kept", 4, MSG_NOSIGNAL), 4);
  close (fd);
  close (peer);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (a_pointer_that_is_no_more_is_not_registered)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, conn), 1);
  nopoll_conn_close (conn);
  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, conn), 0);
  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, (noPollConn *) (void *) &peer), 0);
  CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, NULL), 0);
  CHECK_INT (__nopoll_ctx_conn_is_registered (NULL, NULL), 0);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* L-04, Q02 */
TEST (ids_grow_and_are_never_used_again)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listeners[40];
  int i, last = 0, id;

  for (i = 0; i < 40; i++) {
    listeners[i] = wire_listener (ctx);
    id = nopoll_conn_get_id (listeners[i]);
    CHECK_INT (id, last + 1);
    last = id;
    if (i % 3 == 0)
      nopoll_conn_close (listeners[i]);
  }
  CHECK_INT (nopoll_ctx_conns (ctx), 26);
  for (i = 0; i < 40; i++)
    if (i % 3 != 0)
      nopoll_conn_close (listeners[i]);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (dead_connections_count_until_the_loop_collects_them)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, conns;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_conn_shutdown (conn);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_loop_wait (ctx, 1), -3);
  conns = nopoll_ctx_conns (ctx);
  CHECK_INT (conns, 0);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* A client whose request finds the socket full. */
struct stuck {
  noPollCtx *ctx;
  int ends[2];
  noPollConn *conn;
};

static void *construct (void *data)
{
  struct stuck *stuck = (struct stuck *) data;

  stuck->conn = nopoll_conn_new_with_socket (stuck->ctx, NULL, stuck->ends[0], "127.0.0.1", "80",
                                             "host", "/url", "p", "o");
  return NULL;
}

static nopoll_bool first (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { return nopoll_true; }

/* L-42, Q03 */
TEST (a_client_is_complete_when_others_see_it_and_the_loop_waits_for_its_constructor)
{
  struct stuck stuck;
  pthread_t thread;
  noPollConn *conn;
  char waste[65536];
  int size;

  stuck.ctx = nopoll_ctx_new ();
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, stuck.ends) == 0);
  nopoll_conn_set_sock_block (stuck.ends[0], nopoll_false);
  nopoll_conn_set_sock_block (stuck.ends[1], nopoll_false);
  memset (waste, 0, sizeof waste);
  while (send (stuck.ends[0], waste, 4096, MSG_NOSIGNAL) > 0)
    ;
  CHECK_INT (send (stuck.ends[1], "too early", 9, MSG_NOSIGNAL), 9);
  CHECK (pthread_create (&thread, NULL, construct, &stuck) == 0);
  WAIT_UNTIL (nopoll_ctx_conns (stuck.ctx) == 1);
  conn = nopoll_ctx_foreach_conn (stuck.ctx, first, NULL);
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_CLIENT);
  CHECK_INT (nopoll_conn_socket (conn), stuck.ends[0]);
  CHECK_STR (nopoll_conn_get_host_header (conn), "host");
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/url");
  CHECK_STR (nopoll_conn_get_origin (conn), "o");
  CHECK_INT (nopoll_loop_wait (stuck.ctx, 20000), -3);
  CHECK_INT (nopoll_conn_is_ok (conn), 1);
  CHECK (ioctl (stuck.ends[0], FIONREAD, &size) == 0);
  CHECK_INT (size, 9);   /* untouched */
  while (recv (stuck.ends[1], waste, sizeof waste, 0) > 0)
    ;
  pthread_join (thread, NULL);
  CHECK (stuck.conn == conn);
  LOOP_UNTIL (stuck.ctx, nopoll_ctx_conns (stuck.ctx) == 0);   /* that was no HTTP */
  nopoll_conn_close (conn);
  close (stuck.ends[1]);
  CHECK_INT (nopoll_ctx_ref_count (stuck.ctx), 1);
  nopoll_ctx_unref (stuck.ctx);
}

/* foreach. */
#define MANY 25

struct visit {
  noPollConn *conns[MANY];    /* listeners, in the order they were made */
  int visits[MANY];
  int order[4 * MANY], count;
  int stop_at;                /* the number of the visit that returns true */
  int closes_all;
  int adds;
};

static int index_of (struct visit *visit, noPollConn *conn)
{
  int i;

  for (i = 0; i < MANY; i++)
    if (visit->conns[i] == conn)
      return i;
  return -1;
}

static nopoll_bool visit_one (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct visit *visit = (struct visit *) data;
  int i = index_of (visit, conn);

  check_enter_handler ();
  CHECK_INT (__nopoll_conn_owner_ref_count (conn), 2);
  check_leave_handler ();
  if (i >= 0)
    visit->visits[i]++;
  visit->order[visit->count++] = i;
  if (visit->adds-- > 0)
    wire_listener (ctx);
  if (visit->closes_all)
    for (i = 0; i < MANY; i++) {
      nopoll_conn_close (visit->conns[i]);
      visit->conns[i] = NULL;
    }
  return visit->count == visit->stop_at;
}

static void listen_many (noPollCtx *ctx, struct visit *visit)
{
  int i;

  memset (visit, 0, sizeof *visit);
  for (i = 0; i < MANY; i++)
    visit->conns[i] = wire_listener (ctx);
}

static nopoll_bool close_any (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_close (conn);
  return nopoll_false;
}

static void close_all (noPollCtx *ctx)
{
  CHECK (nopoll_ctx_foreach_conn (ctx, close_any, NULL) == NULL);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-08 */
TEST (foreach_visits_each_once_in_the_order_of_their_slots)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct visit visit;
  int i;

  listen_many (ctx, &visit);
  CHECK (nopoll_ctx_foreach_conn (ctx, visit_one, &visit) == NULL);
  CHECK_INT (visit.count, MANY);
  for (i = 0; i < MANY; i++)
    CHECK_INT (visit.order[i], i);
  /* A new one takes a place that became free. */
  nopoll_conn_close (visit.conns[7]);
  visit.conns[7] = wire_listener (ctx);
  visit.count = 0;
  CHECK (nopoll_ctx_foreach_conn (ctx, visit_one, &visit) == NULL);
  for (i = 0; i < MANY; i++)
    CHECK_INT (visit.order[i], i);
  close_all (ctx);
}

TEST (foreach_stops_at_true_and_lends_the_connection)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct visit visit;

  listen_many (ctx, &visit);
  visit.stop_at = 5;
  CHECK (nopoll_ctx_foreach_conn (ctx, visit_one, &visit) == visit.conns[4]);
  CHECK_INT (visit.count, 5);
  CHECK_INT (nopoll_conn_ref_count (visit.conns[4]), 2);
  CHECK (nopoll_ctx_foreach_conn (ctx, NULL, &visit) == NULL);
  CHECK (nopoll_ctx_foreach_conn (NULL, visit_one, &visit) == NULL);
  CHECK_INT (visit.count, 5);
  close_all (ctx);
}

TEST (foreach_skips_what_was_closed_meanwhile)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct visit visit;

  listen_many (ctx, &visit);
  visit.closes_all = 1;
  CHECK (nopoll_ctx_foreach_conn (ctx, visit_one, &visit) == NULL);
  CHECK_INT (visit.count, 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (foreach_survives_additions)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct visit visit;
  int i;

  listen_many (ctx, &visit);
  visit.adds = MANY;
  CHECK (nopoll_ctx_foreach_conn (ctx, visit_one, &visit) == NULL);
  CHECK (visit.count >= MANY);
  for (i = 0; i < MANY; i++)
    CHECK_INT (visit.visits[i], 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 2 * MANY);
  close_all (ctx);
}

static nopoll_bool nest (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct visit *visit = (struct visit *) data;

  check_enter_handler ();
  CHECK_INT (nopoll_conn_ref_count (conn), 3);
  if (visit->count == 0) {
    nopoll_ctx_foreach_conn (ctx, visit_one, visit);
    CHECK_INT (visit->count, MANY);
  }
  check_leave_handler ();
  return nopoll_false;
}

TEST (foreach_nests)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct visit visit;

  listen_many (ctx, &visit);
  CHECK (nopoll_ctx_foreach_conn (ctx, nest, &visit) == NULL);
  close_all (ctx);
}

/* Certificates. */
static void finds (noPollCtx *ctx, const char *name, const char *certificate, const char *key,
                   const char *chain)
{
  const char *got[3] = { "before", "before", "before" };
  int found = nopoll_ctx_find_certificate (ctx, name, &got[0], &got[1], &got[2]);

  CHECK_INT (found, certificate != NULL);
  CHECK_STR (got[0], certificate ? certificate : "before");
  CHECK_STR (got[1], certificate ? key : "before");
  CHECK_STR (got[2], certificate ? chain : "before");
}

/* L-09, L-10 */
/* L-10 */
TEST (certificates_are_found_by_exact_name)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char name[] = "first.example";

  finds (ctx, NULL, NULL, NULL, NULL);
  finds (ctx, "first.example", NULL, NULL, NULL);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, name, "/no/such/cert", "/no/such/key", "chain"), 1);
  memset (name, 'x', sizeof name - 1);
  finds (ctx, "first.example", "/no/such/cert", "/no/such/key", "chain");
  finds (ctx, "FIRST.example", NULL, NULL, NULL);
  finds (ctx, "other.example", NULL, NULL, NULL);
  finds (ctx, "", NULL, NULL, NULL);
  finds (ctx, NULL, "/no/such/cert", "/no/such/key", "chain");   /* the first, whatever its name */
  CHECK_INT (nopoll_ctx_set_certificate (ctx, "*.example", "wild", "key2", NULL), 1);
  finds (ctx, "a.example", NULL, NULL, NULL);
  finds (ctx, "*.example", "wild", "key2", NULL);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, NULL, "nameless", "key3", NULL), 1);
  finds (ctx, NULL, "nameless", "key3", NULL);
  finds (ctx, "other.example", NULL, NULL, NULL);
  nopoll_ctx_unref (ctx);
}

/* L-09 */
TEST (the_first_certificate_of_a_name_stays)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  const char *certificate = NULL;
  int i;

  CHECK_INT (nopoll_ctx_set_certificate (ctx, "a", "cert", "key", NULL), 1);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, "a", "better", "key2", "chain"), 1);
  finds (ctx, "a", "cert", "key", NULL);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, NULL, "cert0", "key0", NULL), 1);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, NULL, "better", "key2", NULL), 1);
  finds (ctx, NULL, "cert0", "key0", NULL);
  /* What was lent stays where it is as the store grows. */
  CHECK_INT (nopoll_ctx_find_certificate (ctx, "a", &certificate, NULL, NULL), 1);
  for (i = 0; i < 200; i++) {
    char name[16];

    snprintf (name, sizeof name, "n%d", i);
    CHECK_INT (nopoll_ctx_set_certificate (ctx, name, name, name, name), 1);
  }
  CHECK_STR (certificate, "cert");
  finds (ctx, "n150", "n150", "n150", "n150");
  nopoll_ctx_unref (ctx);
}

/* Settings. */
TEST (frame_limits_out_of_range_are_refused)
{
  static const long refused[] = { 0, -1, LONG_MIN, 2147483647L, LONG_MAX };
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  unsigned i;

  nopoll_ctx_set_max_frame_size (ctx, 1);
  CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), 1);
  nopoll_ctx_set_max_frame_size (ctx, NOPOLL_MAX_FRAME_SIZE_LIMIT);
  CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  records_of (ctx, &records);
  for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    nopoll_ctx_set_max_frame_size (ctx, refused[i]);
    CHECK_INT (nopoll_ctx_get_max_frame_size (ctx), NOPOLL_MAX_FRAME_SIZE_LIMIT);
    CHECK_INT (records.count, (int) i + 1);
    CHECK (records_name (&records, "max_frame_size"));
  }
  CHECK_INT (nopoll_ctx_get_max_frame_size (NULL), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  nopoll_ctx_unref (ctx);
}

TEST (a_frame_limit_holds_at_once)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);
  noPollMsg *msg;

  nopoll_ctx_set_max_frame_size (ctx, 10);
  wire_send_frame (peer, 0x82, 0, "0123456789", 10);
  msg = wire_next_message (conn);
  CHECK_INT (nopoll_msg_get_payload_size (msg), 10);
  nopoll_msg_unref (msg);
  nopoll_ctx_set_max_frame_size (ctx, 9);
  wire_send_frame (peer, 0x82, 0, "0123456789", 10);
  WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
  CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_LIMIT);
  CHECK_INT (nopoll_conn_get_close_status (conn), 1006);
  wire_expect_frame (peer, 0x88, 1, "\x03\xf1", 2);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* The version in the request of a client made now. */
static int version_sent (noPollCtx *ctx)
{
  int listening = wire_listen (), peer, version = -1;
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                                      NULL);
  char head[4096], *at;

  peer = wire_accept (listening);
  wire_receive_head (peer, head, sizeof head);
  at = strstr (head, "\r\nSec-WebSocket-Version: ");
  if (at != NULL)
    sscanf (at, "\r\nSec-WebSocket-Version: %d\r\n", &version);
  nopoll_conn_close (conn);
  close (peer);
  close (listening);
  return version;
}

TEST (the_protocol_version_is_sent_and_expected)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  char head[4096];
  int peer, version;

  CHECK_INT (version_sent (ctx), 13);
  nopoll_ctx_set_protocol_version (ctx, 8);
  CHECK_INT (version_sent (ctx), 8);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/", NULL);   /* 13 */
  conn = nopoll_conn_accept (ctx, listener);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (conn, 10), 0);
  wire_receive_head (peer, head, sizeof head);
  CHECK (strstr (head, "HTTP/1.1 426 ") == head);
  CHECK (sscanf (strstr (head, "Sec-WebSocket-Version"), "Sec-WebSocket-Version: %d", &version)
         == 1);
  CHECK_INT (version, 8);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_ctx_set_protocol_version (ctx, -7);   /* not validated */
  CHECK_INT (version_sent (ctx), -7);
  nopoll_ctx_set_protocol_version (ctx, 13);
  conn = wire_accepted (ctx, listener, &peer, 1);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* Q10 */
TEST (the_connect_timeout_is_kept_in_microseconds)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_conn_connect_timeout (ctx, 1234567);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 1234567);
  nopoll_conn_connect_timeout (ctx, LONG_MAX);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), LONG_MAX);
  nopoll_conn_connect_timeout (ctx, 0);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 20000000);
  nopoll_conn_connect_timeout (ctx, -5);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 20000000);
  CHECK_INT (nopoll_conn_get_connect_timeout (NULL), 0);
  nopoll_ctx_unref (ctx);
}

static volatile int pipes;
static void count_pipe (int sig) { pipes++; }

static void (*disposition (void)) (int)
{
  struct sigaction action;

  sigaction (SIGPIPE, NULL, &action);
  return action.sa_handler;
}

/* L-01 */
/* L-01 */
TEST (a_dead_peer_does_not_end_the_program)
{
  int ends[2];
  void (*handler) (int);

  signal (SIGPIPE, SIG_DFL);
  nopoll_ctx_unref (nopoll_ctx_new ());
  handler = disposition ();
  CHECK (handler != SIG_DFL && handler != SIG_IGN);
  CHECK (pipe (ends) == 0);
  close (ends[0]);
  CHECK_INT (write (ends[1], "x", 1), -1);
  CHECK_INT (errno, EPIPE);
  /* What the program has chosen stays. */
  signal (SIGPIPE, SIG_IGN);
  nopoll_ctx_unref (nopoll_ctx_new ());
  CHECK (disposition () == SIG_IGN);
  signal (SIGPIPE, count_pipe);
  nopoll_ctx_unref (nopoll_ctx_new ());
  CHECK (disposition () == count_pipe);
  CHECK_INT (write (ends[1], "x", 1), -1);
  CHECK_INT (pipes, 1);
  close (ends[1]);
  signal (SIGPIPE, SIG_DFL);
}

/* A frame that only lenient connections take: the server masks it. */
static int takes_masked (noPollCtx *ctx)
{
  int peer, taken;
  noPollConn *conn = wire_client (ctx, &peer);
  noPollMsg *msg;

  wire_send_frame (peer, 0x81, 1, "masked", 6);
  wire_wait_readable (nopoll_conn_socket (conn));
  msg = nopoll_conn_get_msg (conn);
  taken = msg != NULL;
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  close (peer);
  return taken;
}

TEST (the_environment_makes_new_contexts_lenient)
{
  static const char *const others[] = { "", "0", "true", "11", " 1" };
  noPollCtx *ctx = nopoll_ctx_new (), *lenient;
  struct records records;
  unsigned i;

  CHECK_INT (takes_masked (ctx), 0);
  setenv ("NOPOLL_LENIENT", "1", 1);
  CHECK_INT (takes_masked (ctx), 0);   /* it was there before */
  lenient = nopoll_ctx_new ();
  records_of (lenient, &records);
  CHECK_INT (records.count, 1);   /* as soon as somebody listens */
  CHECK_INT (records.level, NOPOLL_LEVEL_WARNING);
  CHECK (records_name (&records, "NOPOLL_LENIENT"));
  CHECK_INT (takes_masked (lenient), 1);
  nopoll_ctx_set_lenient (lenient, nopoll_false);
  CHECK_INT (takes_masked (lenient), 0);
  records_of (lenient, &records);
  CHECK_INT (records.count, 0);   /* once */
  nopoll_ctx_unref (lenient);
  for (i = 0; i < sizeof others / sizeof others[0]; i++) {
    setenv ("NOPOLL_LENIENT", others[i], 1);
    lenient = nopoll_ctx_new ();
    CHECK_INT (takes_masked (lenient), 0);
    nopoll_ctx_unref (lenient);
  }
  unsetenv ("NOPOLL_LENIENT");
  nopoll_ctx_set_lenient (ctx, nopoll_true);
  CHECK_INT (takes_masked (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-29 */
/* L-29 */
TEST (every_type_gives_an_io_engine)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  noPollIoEngine *engine;
  int type;

  records_of (ctx, &records);
  for (type = 0; type < 6; type++) {
    engine = nopoll_io_get_engine (ctx, (noPollIoEngineType) type);
    CHECK (engine != NULL);
    CHECK_INT (records.count, type < 2 ? 0 : type - 1);
    nopoll_io_release_engine (engine);
  }
  CHECK_INT (records.level, NOPOLL_LEVEL_WARNING);
  CHECK (records_name (&records, "engine_type"));
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  engine = nopoll_io_get_engine (NULL, NOPOLL_IO_ENGINE_EPOLL);
  CHECK (engine != NULL);
  nopoll_io_release_engine (engine);
  nopoll_io_release_engine (NULL);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_new_context_has_the_defaults), CASE (references_are_counted),
       CASE (each_connection_holds_its_context),
       CASE (a_connection_holds_its_context_until_it_is_destroyed),
       CASE (releasing_a_context_closes_no_connection), CASE (contexts_are_independent),
       CASE (registering_twice_changes_nothing),
       CASE (unregistering_gives_back_one_reference_and_no_more),
       CASE (another_contexts_connection_is_never_touched),
       CASE (the_last_reference_closes_the_socket_silently),
       CASE (a_pointer_that_is_no_more_is_not_registered),
       CASE (ids_grow_and_are_never_used_again),
       CASE (dead_connections_count_until_the_loop_collects_them),
       CASE (a_client_is_complete_when_others_see_it_and_the_loop_waits_for_its_constructor),
       CASE (foreach_visits_each_once_in_the_order_of_their_slots),
       CASE (foreach_stops_at_true_and_lends_the_connection),
       CASE (foreach_skips_what_was_closed_meanwhile), CASE (foreach_survives_additions),
       CASE (foreach_nests), CASE (certificates_are_found_by_exact_name),
       CASE (the_first_certificate_of_a_name_stays), CASE (frame_limits_out_of_range_are_refused),
       CASE (a_frame_limit_holds_at_once), CASE (the_protocol_version_is_sent_and_expected),
       CASE (the_connect_timeout_is_kept_in_microseconds),
       CASE (a_dead_peer_does_not_end_the_program),
       CASE (the_environment_makes_new_contexts_lenient), CASE (every_type_gives_an_io_engine))
