/* Reference counts of connections, as a program sees them at every moment. */
#include <nopoll.h>

#include "support/makers.h"
#include "support/wire.h"

/* What a callback found: the count, and the owners among it. */
struct seen {
  int calls, count, owners;
  int listener_count;
};

static void look (struct seen *seen, noPollConn *conn)
{
  noPollConn *listener = nopoll_conn_get_listener (conn);

  seen->calls++;
  seen->count = nopoll_conn_ref_count (conn);
  seen->owners = __nopoll_conn_owner_ref_count (conn);
  seen->listener_count = listener ? nopoll_conn_ref_count (listener) : -1;
}

static nopoll_bool look_at_event (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look ((struct seen *) data, conn);
  return nopoll_true;
}

static nopoll_bool look_and_go_on (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look ((struct seen *) data, conn);
  return nopoll_false;
}

static void look_at_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  look ((struct seen *) data, conn);
}

static void look_at_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  look ((struct seen *) data, conn);
}

#define SEEN(seen, wanted_count, wanted_owners) \
  do { \
    CHECK_INT ((seen).calls, 1); \
    CHECK_INT ((seen).count, wanted_count); \
    CHECK_INT ((seen).owners, wanted_owners); \
  } while (0)

TEST (a_client_begins_with_two_even_if_it_is_not_ok)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  nopoll_conn_connect_timeout (ctx, 20000);   /* TLS: nobody answers */
  for (i = 0; i < maker_count; i++) {
    int listening = wire_listen ();
    int fd = makers[i].takes_socket ? wire_connect (wire_port (listening)) : -1;
    noPollConn *conn = makers[i].make (ctx, NULL, makers[i].host, wire_port_text (listening), fd);

    /* Over IPv6 nobody listens, and a refusal may come at once. */
    CHECK (conn != NULL || strcmp (makers[i].host, "::1") == 0);
    if (conn != NULL) {
      CHECK_INT (nopoll_conn_ref_count (conn), 2);
      CHECK_INT (__nopoll_conn_owner_ref_count (conn), 2);
      CHECK_INT (nopoll_ctx_conns (ctx), 1);
      nopoll_conn_close (conn);
    }
    CHECK_INT (nopoll_ctx_conns (ctx), 0);
    CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
    close (listening);
  }
  nopoll_ctx_unref (ctx);
}

TEST (a_listener_begins_with_two)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listeners[8];
  unsigned i;

  listeners[0] = nopoll_listener_new (ctx, "127.0.0.1", "0");
  listeners[1] = nopoll_listener_new6 (ctx, "::1", "0");
  listeners[2] = nopoll_listener_new_opts (ctx, NULL, "127.0.0.1", "0");
  listeners[3] = nopoll_listener_new_opts6 (ctx, NULL, "::1", "0");
  listeners[4] = nopoll_listener_tls_new (ctx, "127.0.0.1", "0");
  listeners[5] = nopoll_listener_tls_new6 (ctx, "::1", "0");
  listeners[6] = nopoll_listener_tls_new_opts (ctx, NULL, "127.0.0.1", "0");
  listeners[7] = nopoll_listener_tls_new_opts6 (ctx, NULL, "::1", "0");
  CHECK (listeners[0] != NULL && listeners[2] != NULL);
  for (i = 0; i < 8; i++)
    if (listeners[i] != NULL) {   /* a machine without IPv6, a build without TLS */
      CHECK_INT (nopoll_conn_ref_count (listeners[i]), 2);
      nopoll_conn_close (listeners[i]);
    }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (an_accepted_connection_begins_with_one)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int raw = wire_listen (), peer, fd;

  peer = wire_connect (LISTENER_PORT (listener));
  conn = nopoll_conn_accept (ctx, listener);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  nopoll_conn_close (conn);
  close (peer);
  peer = wire_connect (wire_port (raw));
  fd = wire_accept (raw);
  conn = nopoll_conn_accept_socket (ctx, listener, fd);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  nopoll_conn_close (conn);
  close (peer);
  peer = wire_connect (wire_port (raw));
  fd = wire_accept (raw);
  conn = nopoll_listener_from_socket (ctx, fd);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_conn_accept_complete (ctx, listener, conn, fd, nopoll_false), 1);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  nopoll_conn_close (conn);
  close (peer);
  /* A listening socket becomes a listener of the registry's. */
  conn = nopoll_listener_from_socket (ctx, raw);
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_MAIN_LISTENER);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

static nopoll_bool watch_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_set_on_close (conn, look_at_close, data);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  return nopoll_true;
}

TEST (inside_the_handlers_of_an_accepted_connection_served_by_the_loop)
{
  struct seen accept, open, ready, msg, closed;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer;

  memset (&accept, 0, sizeof accept);
  open = ready = msg = closed = accept;
  nopoll_ctx_set_on_accept (ctx, look_at_event, &accept);
  peer = wire_connect (LISTENER_PORT (listener));
  LOOP_UNTIL (ctx, accept.calls == 1);
  SEEN (accept, 1, 1);
  CHECK_INT (accept.listener_count, 3);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);

  nopoll_ctx_set_on_accept (ctx, watch_close, &closed);
  nopoll_ctx_set_on_open (ctx, look_at_event, &open);
  nopoll_ctx_set_on_ready (ctx, look_at_event, &ready);
  nopoll_ctx_set_on_msg (ctx, look_at_msg, &msg);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 1, "x", 1);
  LOOP_UNTIL (ctx, msg.calls == 1);
  SEEN (open, 2, 1);
  SEEN (ready, 2, 1);
  SEEN (msg, 2, 1);
  close (peer);
  LOOP_UNTIL (ctx, closed.calls == 1);
  SEEN (closed, 2, 1);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (inside_the_handlers_of_an_accepted_connection_in_direct_calls)
{
  struct seen accept, open, ready, closed;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int peer;

  memset (&accept, 0, sizeof accept);
  open = ready = closed = accept;
  nopoll_ctx_set_on_accept (ctx, look_at_event, &accept);
  nopoll_ctx_set_on_open (ctx, look_at_event, &open);
  nopoll_ctx_set_on_ready (ctx, look_at_event, &ready);
  conn = wire_accepted (ctx, listener, &peer, 1);
  SEEN (accept, 1, 1);
  CHECK_INT (accept.listener_count, 2);
  SEEN (open, 1, 1);
  SEEN (ready, 1, 1);
  nopoll_conn_set_on_close (conn, look_at_close, &closed);
  nopoll_conn_close (conn);
  SEEN (closed, 1, 1);
  close (peer);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

struct end_inside {
  struct seen closed;
  int before, after, after_owners, second;
  int calls, extra;
};

static void close_inside (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct end_inside *end = (struct end_inside *) data;
  int i;

  end->calls++;
  for (i = 0; i < end->extra; i++)
    nopoll_conn_ref (conn);
  end->before = nopoll_conn_ref_count (conn);
  nopoll_conn_close (conn);
  end->after = nopoll_conn_ref_count (conn);
  end->after_owners = __nopoll_conn_owner_ref_count (conn);
  if (end->extra == 0) {
    nopoll_conn_close (conn);   /* finds nothing to release */
    end->second = nopoll_conn_ref_count (conn);
  }
}

/* M-48 */
TEST (a_connection_closed_in_its_own_handler_lives_until_that_returns)
{
  struct end_inside end;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *client;
  int peer;

  memset (&end, 0, sizeof end);
  nopoll_ctx_set_on_accept (ctx, watch_close, &end.closed);
  nopoll_ctx_set_on_msg (ctx, close_inside, &end);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 1, "x", 1);
  LOOP_UNTIL (ctx, end.calls == 1);
  CHECK_INT (end.before, 2);
  SEEN (end.closed, 2, 1);
  CHECK_INT (end.after, 1);
  CHECK_INT (end.after_owners, 0);
  CHECK_INT (end.second, 1);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  close (peer);

  memset (&end, 0, sizeof end);
  client = wire_client (ctx, &peer);
  nopoll_conn_set_on_close (client, look_at_close, &end.closed);
  wire_send_frame (peer, 0x81, 0, "x", 1);
  LOOP_UNTIL (ctx, end.calls == 1);
  CHECK_INT (end.before, 3);
  SEEN (end.closed, 3, 2);
  CHECK_INT (end.after, 1);
  CHECK_INT (end.after_owners, 0);
  CHECK_INT (end.second, 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  close (peer);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (inside_the_handlers_of_a_client)
{
  struct seen ready, direct, msg, closed, own;
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen (), peer, i;
  noPollConn *conn;

  memset (&ready, 0, sizeof ready);
  direct = msg = closed = own = ready;
  for (i = 0; i < 2; i++) {
    conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL, NULL);
    peer = wire_accept (listening);
    wire_answer_request (peer, NULL);
    nopoll_conn_set_on_ready (conn, look_at_event, i ? &direct : &ready);
    nopoll_conn_set_on_msg (conn, look_at_msg, &msg);
    nopoll_conn_set_on_close (conn, look_at_close, i ? &own : &closed);
    if (i) {
      CHECK (nopoll_conn_wait_until_connection_ready (conn, 10));
      nopoll_conn_close (conn);
    } else {
      LOOP_UNTIL (ctx, ready.calls == 1);
      wire_send_frame (peer, 0x81, 0, "x", 1);
      LOOP_UNTIL (ctx, msg.calls == 1);
      close (peer);
      LOOP_UNTIL (ctx, closed.calls == 1);
      LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 0);
      CHECK_INT (nopoll_conn_ref_count (conn), 1);
      nopoll_conn_close (conn);
    }
    CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  }
  SEEN (ready, 3, 2);
  SEEN (direct, 2, 2);
  SEEN (msg, 3, 2);
  SEEN (closed, 3, 2);
  SEEN (own, 2, 2);
  close (peer);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TEST (inside_foreach_there_is_one_more)
{
  struct seen seen;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int i;

  for (i = 0; i < 3; i++) {
    memset (&seen, 0, sizeof seen);
    nopoll_ctx_foreach_conn (ctx, look_and_go_on, &seen);
    SEEN (seen, 3 + i, 2 + i);
    CHECK_INT (nopoll_conn_ref_count (listener), 2 + i);
    nopoll_conn_ref (listener);
  }
  for (i = 0; i < 3; i++)
    nopoll_conn_unref (listener);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (references_are_taken_and_dropped)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  CHECK_INT (nopoll_conn_ref (conn), nopoll_true);
  CHECK_INT (nopoll_conn_ref_count (conn), 3);
  CHECK_INT (__nopoll_conn_owner_ref_count (conn), 3);
  CHECK_INT (__nopoll_conn_transient_ref (conn), nopoll_true);
  CHECK_INT (nopoll_conn_ref_count (conn), 4);
  CHECK_INT (__nopoll_conn_owner_ref_count (conn), 3);
  __nopoll_conn_transient_unref (conn);
  CHECK_INT (nopoll_conn_ref_count (conn), 3);
  CHECK_INT (__nopoll_conn_owner_ref_count (conn), 3);
  nopoll_conn_unref (conn);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  nopoll_conn_close (conn);
  close (peer);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  CHECK_INT (nopoll_conn_ref_count (NULL), -1);
  CHECK_INT (__nopoll_conn_owner_ref_count (NULL), -1);
  CHECK_INT (nopoll_conn_ref (NULL), nopoll_false);
  CHECK_INT (__nopoll_conn_transient_ref (NULL), nopoll_false);
  nopoll_ctx_unref (ctx);
}

TEST (the_last_transient_reference_destroys)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  __nopoll_conn_transient_ref (conn);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (__nopoll_conn_owner_ref_count (conn), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  __nopoll_conn_transient_unref (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

/* What nopoll_conn_close leaves, by what was there before. */
enum before { REGISTERED, COLLECTED, DEAD };

static void closes (int accepted, enum before before, int owners, int left)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int peer, i, count;

  conn = accepted ? wire_accepted (ctx, listener, &peer, 0) : wire_client (ctx, &peer);
  for (i = accepted ? 0 : 1; i < owners; i++)
    nopoll_conn_ref (conn);
  if (before != REGISTERED)
    nopoll_conn_shutdown (conn);
  if (before == COLLECTED) {
    LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
    CHECK_INT (nopoll_conn_ref_count (conn), owners);
  } else {
    CHECK_INT (nopoll_conn_ref_count (conn), owners + 1);
  }
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), left > 0 ? 3 : 2);
  if (left > 0) {
    CHECK_INT (nopoll_conn_ref_count (conn), left);
    CHECK_INT (nopoll_conn_is_ok (conn), 0);
    count = nopoll_conn_ref_count (conn);
    for (i = 0; i < count; i++)
      nopoll_conn_unref (conn);
  }
  close (peer);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-44, M-44 */
TEST (close_releases_the_registrys_reference_and_the_callers)
{
  static const enum before states[] = { REGISTERED, DEAD };
  int i, accepted;

  for (i = 0; i < 2; i++)
    for (accepted = 0; accepted < 2; accepted++) {
      if (accepted)
        closes (accepted, states[i], 0, 0);   /* only the registry's */
      closes (accepted, states[i], 1, 0);
      closes (accepted, states[i], 2, 1);
      closes (accepted, states[i], 3, 2);
    }
  for (accepted = 0; accepted < 2; accepted++) {
    closes (accepted, COLLECTED, 1, 0);
    closes (accepted, COLLECTED, 2, 1);
    closes (accepted, COLLECTED, 3, 2);
  }
}

TEST (closing_a_closed_connection_drops_the_next_reference)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, left;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_conn_ref (conn);
  nopoll_conn_ref (conn);
  for (left = 2; left > 0; left--) {
    nopoll_conn_close (conn);
    CHECK_INT (nopoll_conn_ref_count (conn), left);
  }
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (a_client_left_to_the_loop_is_destroyed_with_its_connection)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_conn_unref (conn);
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

static void unref_inside (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_unref (conn);
  ++*(int *) data;
}

TEST (on_close_may_drop_the_programs_reference)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int peer, calls = 0;
  noPollConn *conn = wire_client (ctx, &peer);

  nopoll_conn_set_on_close (conn, unref_inside, &calls);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 0);
  CHECK_INT (calls, 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_client_begins_with_two_even_if_it_is_not_ok), CASE (a_listener_begins_with_two),
       CASE (an_accepted_connection_begins_with_one),
       CASE (inside_the_handlers_of_an_accepted_connection_served_by_the_loop),
       CASE (inside_the_handlers_of_an_accepted_connection_in_direct_calls),
       CASE (a_connection_closed_in_its_own_handler_lives_until_that_returns),
       CASE (inside_the_handlers_of_a_client), CASE (inside_foreach_there_is_one_more),
       CASE (references_are_taken_and_dropped), CASE (the_last_transient_reference_destroys),
       CASE (close_releases_the_registrys_reference_and_the_callers),
       CASE (closing_a_closed_connection_drops_the_next_reference),
       CASE (a_client_left_to_the_loop_is_destroyed_with_its_connection),
       CASE (on_close_may_drop_the_programs_reference))
