/* Connection options: whose reference is dropped when, and what the settings do. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <limits.h>

#include "support/makers.h"
#include "support/wire.h"

TEST (a_new_object_has_one_reference)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  CHECK_INT (opts->refs, 1);
  CHECK_INT (opts->reuse, nopoll_false);
  CHECK_INT (nopoll_conn_opts_ref (opts), nopoll_true);
  CHECK_INT (opts->refs, 2);
  nopoll_conn_opts_free (opts);
  CHECK_INT (opts->refs, 1);
  CHECK_INT (nopoll_conn_opts_ref (opts), nopoll_true);
  nopoll_conn_opts_unref (opts);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_set_reuse (opts, 5);
  CHECK_INT (opts->reuse, 5);
  __nopoll_conn_opts_release_if_needed (opts);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_ref (opts);
  nopoll_conn_opts_set_reuse (opts, nopoll_false);
  __nopoll_conn_opts_release_if_needed (opts);
  CHECK_INT (opts->refs, 1);
  opts->refs = 0;   /* as good as dead */
  CHECK_INT (nopoll_conn_opts_ref (opts), nopoll_false);
  CHECK_INT (opts->refs, 0);
  opts->refs = 1;
  nopoll_conn_opts_unref (opts);
}

/* How a constructor can end. */
enum ending { SUCCESS, NO_CTX, NO_HOST, NO_SERVICE, NO_DEVICE, NOBODY_LISTENS, ENDINGS };

static const char *const ending_names[ENDINGS] = {
  "success", "NULL ctx", "NULL host", "unknown service", "unknown device", "refused"
};

static void ends (const struct maker *maker, enum ending ending, int reuse, int socket)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  const char *host = maker->host, *port = wire_port_text (listening);
  noPollConn *conn;

  nopoll_conn_connect_timeout (ctx, 50000);
  if (socket >= 0)
    socket = wire_connect (wire_port (listening));
  nopoll_conn_opts_set_reuse (opts, reuse);
  nopoll_conn_opts_ref (opts);
  if (ending == NO_HOST)
    host = NULL;
  if (ending == NO_SERVICE)
    port = "no-such-service";
  if (ending == NO_DEVICE)
    nopoll_conn_opts_set_interface (opts, "no-such-device");
  if (ending == NOBODY_LISTENS)
    close (listening);
  conn = maker->make (ending == NO_CTX ? NULL : ctx, opts, host, port, socket);
  if (opts->refs != (reuse ? 2 : 1))
    check_fail (__FILE__, __LINE__, "%s, %s, reuse %d: %d references", maker->name,
                ending_names[ending], reuse, opts->refs);
  if ((ending == NO_CTX || ending == NO_HOST) && conn != NULL)
    check_fail (__FILE__, __LINE__, "%s, %s: not NULL", maker->name, ending_names[ending]);
  if (socket >= 0 && (ending == NO_CTX || ending == NO_HOST))
    CHECK_INT (close (socket), 0);   /* still the caller's */
  nopoll_conn_close (conn);
  CHECK_INT (opts->refs, reuse ? 2 : 1);
  nopoll_conn_opts_unref (opts);
  if (reuse)
    nopoll_conn_opts_unref (opts);
  if (ending != NOBODY_LISTENS)
    close (listening);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (clients_drop_one_reference_however_they_end)
{
  int i, ending, reuse;

  check_enter_handler ();   /* all failures, not the first */
  for (i = 0; i < maker_count; i++)
    for (ending = 0; makers[i].takes_opts && ending < ENDINGS; ending++)
      for (reuse = 0; reuse < 2; reuse++) {
        check_guard (60);
        ends (&makers[i], (enum ending) ending, reuse, -1);
        if (makers[i].takes_socket)
          ends (&makers[i], (enum ending) ending, reuse, 0);
      }
}

TEST (clients_keep_no_options)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen (), peer;
  noPollConn *conn;

  nopoll_conn_opts_set_max_frame_size (opts, 10);
  conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                               NULL);
  /* The options are gone; what they said holds. */
  peer = wire_accept (listening);
  wire_answer_request (peer, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10));
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 10);
  nopoll_conn_close (conn);
  close (peer);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TEST (a_reused_object_serves_many_connections_and_listeners)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen (), i, peer;
  noPollConn *conn, *listener, *again;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  for (i = 0; i < 3; i++) {
    conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                 NULL, NULL);
    CHECK (nopoll_conn_is_ok (conn));
    CHECK_INT (opts->refs, 1);
    nopoll_conn_close (conn);
  }
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  again = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_INT (opts->refs, 1);
  for (i = 0; i < 3; i++) {
    conn = wire_accepted (ctx, listener, &peer, 1);
    CHECK_INT (opts->refs, 1);
    nopoll_conn_close (conn);
    CHECK_INT (opts->refs, 1);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_conn_close (again);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_free (opts);
  close (listening);
  nopoll_ctx_unref (ctx);
}

typedef noPollConn *(*opener) (noPollCtx *ctx, noPollConnOpts *opts, const char *host,
                               const char *port);

static const struct { const char *name, *host; opener open; } openers[] = {
  { "new_opts", "127.0.0.1", nopoll_listener_new_opts },
  { "new_opts6", "::1", nopoll_listener_new_opts6 },
  { "tls_new_opts", "127.0.0.1", nopoll_listener_tls_new_opts },
  { "tls_new_opts6", "::1", nopoll_listener_tls_new_opts6 }
};

TEST (listeners_drop_the_reference_when_they_fail)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  unsigned which;
  int reuse, how;

  for (which = 0; which < sizeof openers / sizeof openers[0]; which++)
    for (reuse = 0; reuse < 2; reuse++)
      for (how = 0; how < 6; how++) {
        noPollConnOpts *opts = nopoll_conn_opts_new ();

        nopoll_conn_opts_set_reuse (opts, reuse);
        nopoll_conn_opts_ref (opts);
        CHECK (openers[which].open (how == 0 ? NULL : ctx, opts,
                                    how == 1 ? NULL : how == 2 ? "" : openers[which].host,
                                    how == 3 ? NULL : how == 4 ? "" : "no-such-service") == NULL);
        CHECK_INT (opts->refs, 1 + reuse);
        nopoll_conn_opts_unref (opts);
        if (reuse)
          nopoll_conn_opts_unref (opts);
      }
  nopoll_ctx_unref (ctx);
}

TEST (listeners_keep_the_reference_until_they_are_destroyed)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn;
  int peer;

  nopoll_conn_opts_ref (opts);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_INT (opts->refs, 2);
  conn = wire_accepted (ctx, listener, &peer, 1);
  CHECK_INT (opts->refs, 2);
  nopoll_conn_shutdown (listener);
  CHECK_INT (opts->refs, 2);
  nopoll_conn_ref (listener);
  nopoll_conn_close (listener);
  CHECK_INT (opts->refs, 2);
  nopoll_conn_unref (listener);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_close (conn);
  CHECK_INT (opts->refs, 1);
  close (peer);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
}

TEST (reuse_counts_as_it_is_when_the_listener_goes)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  nopoll_conn_close (listener);
  CHECK_INT (opts->refs, 1);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  nopoll_conn_opts_set_reuse (opts, nopoll_false);
  nopoll_conn_opts_ref (opts);
  nopoll_conn_close (listener);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
}

static void origin_less_request (int peer)
{
  wire_send_text (peer, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
}

/* U-22 */
TEST (options_freed_too_early_still_serve_their_listener)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn;
  char head[1024];
  int peer;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  nopoll_conn_opts_free (opts);
  peer = wire_connect (LISTENER_PORT (listener));
  origin_less_request (peer);
  conn = nopoll_conn_accept (ctx, listener);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10));
  wire_receive_head (peer, head, sizeof head);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  close (peer);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* U-23, Q33, L-36 */
TEST (a_listener_gone_before_the_handshake_leaves_its_options)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn;
  char head[1024];
  int peer;

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_max_frame_size (opts, 1234);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  peer = wire_connect (LISTENER_PORT (listener));
  conn = nopoll_conn_accept (ctx, listener);
  CHECK (nopoll_conn_get_listener (conn) == listener);
  nopoll_conn_close (listener);
  CHECK (nopoll_conn_get_listener (conn) == NULL);
  origin_less_request (peer);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10));
  wire_receive_head (peer, head, sizeof head);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 1234);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_ctx_unref (ctx);
}

TEST (helpers_release_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  int fd = nopoll_conn_sock_connect_opts (ctx, "127.0.0.1", wire_port_text (listening), opts);

  CHECK (fd >= 0);
  CHECK_INT (opts->refs, 1);
  CHECK_INT (nopoll_conn_set_bind_interface (fd, opts), nopoll_true);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_set_interface (opts, "no-such-device");
  CHECK_INT (nopoll_conn_set_bind_interface (fd, opts), nopoll_false);
  CHECK_INT (nopoll_conn_sock_connect_opts (ctx, "127.0.0.1", wire_port_text (listening), opts),
             -1);
  CHECK_INT (nopoll_conn_sock_connect_opts (ctx, "127.0.0.1", "no-such-service", opts), -1);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_opts_unref (opts);
  close (fd);
  close (listening);
  nopoll_ctx_unref (ctx);
}

/* U-24 */
TEST (certificate_files_must_be_readable)
{
  static const char good[] = "/dev/null", bad[] = "/no/such/file";
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, NULL), 1);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, good, good, good, good), 1);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, good, NULL, NULL, NULL), 1);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, good), 1);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, bad, good, good, good), 0);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, good, bad, good, good), 0);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, good, good, bad, good), 0);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, good, good, good, bad), 0);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, "", NULL, NULL, NULL), 0);
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (NULL, good, good, good, good), 0);
  nopoll_conn_opts_unref (opts);
}

/* The request that a client with these options sends; opts are reused. */
static const char *request_of (noPollConnOpts *opts, const char *origin)
{
  static char head[4096];
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen (), peer;
  noPollConn *conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening),
                                           "host", "/", NULL, origin);

  peer = wire_accept (listening);
  wire_receive_head (peer, head, sizeof head);
  nopoll_conn_close (conn);
  close (peer);
  close (listening);
  nopoll_ctx_unref (ctx);
  return head;
}

static int has (const char *request, const char *part) { return strstr (request, part) != NULL; }

/* U-26, Q07 */
TEST (client_headers_are_sent_as_stored)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  char text[32] = "theme=light";
  const char *request;
  size_t size;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  request = request_of (opts, "http://origin");
  CHECK (!has (request, "Cookie"));
  CHECK (has (request, "\r\nOrigin: http://origin\r\n"));
  nopoll_conn_opts_set_cookie (opts, text);
  strcpy (text, "overwritten");
  CHECK (has (request_of (opts, NULL), "\r\nCookie: theme=light\r\n"));
  nopoll_conn_opts_set_cookie (opts, "second\r\nInjected: yes");
  CHECK (has (request_of (opts, NULL), "\r\nCookie: second\r\nInjected: yes\r\n"));
  nopoll_conn_opts_set_cookie (opts, "");
  CHECK (has (request_of (opts, NULL), "\r\nCookie: \r\n"));
  nopoll_conn_opts_set_cookie (opts, NULL);
  CHECK (!has (request_of (opts, NULL), "Cookie"));
  nopoll_conn_opts_set_extra_headers (opts, "\r\nfoo: bar\r\nX: y");
  request = request_of (opts, NULL);
  size = strlen (request);
  CHECK_STR (request + size - 20, "\r\nfoo: bar\r\nX: y\r\n\r\n");
  nopoll_conn_opts_set_extra_headers (opts, NULL);
  CHECK (!has (request_of (opts, NULL), "foo"));
  nopoll_conn_opts_add_origin_header (opts, nopoll_false);
  CHECK (!has (request_of (opts, "http://origin"), "Origin"));
  CHECK (!has (request_of (opts, NULL), "Origin"));
  nopoll_conn_opts_add_origin_header (opts, nopoll_true);
  CHECK (has (request_of (opts, NULL), "\r\nOrigin: http://host\r\n"));
  nopoll_conn_opts_unref (opts);
}

TEST (the_origin_is_told_even_when_it_is_not_sent)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  noPollConn *conn;

  nopoll_conn_opts_add_origin_header (opts, nopoll_false);
  conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                               "http://o");
  CHECK_STR (nopoll_conn_get_origin (conn), "http://o");
  nopoll_conn_close (conn);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TEST (an_unknown_device_makes_a_client_fail_and_a_listener_not)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  noPollConn *conn;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  nopoll_conn_opts_set_interface (opts, "no-such-device");
  CHECK (nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                               NULL) == NULL);
  CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_CONNECT);
  conn = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK (nopoll_conn_is_ok (conn));
  nopoll_conn_close (conn);
  nopoll_conn_opts_set_interface (opts, NULL);
  conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                               NULL);
  CHECK (nopoll_conn_is_ok (conn));
  nopoll_conn_close (conn);
  nopoll_conn_opts_unref (opts);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TEST (the_origin_rule_is_read_at_each_handshake)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn;
  char head[1024];
  int peer, skip;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  for (skip = 0; skip < 2; skip++) {
    peer = wire_connect (LISTENER_PORT (listener));
    conn = nopoll_conn_accept (ctx, listener);
    nopoll_conn_opts_skip_origin_check (opts, skip);
    origin_less_request (peer);
    CHECK_INT (nopoll_conn_wait_until_connection_ready (conn, 10), skip);
    wire_receive_head (peer, head, sizeof head);
    CHECK (has (head, skip ? "HTTP/1.1 101 " : "HTTP/1.1 403 "));
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
}

static noPollConn *next_accepted (noPollCtx *ctx, noPollConn *listener, int *peer)
{
  *peer = wire_connect (LISTENER_PORT (listener));
  return nopoll_conn_accept (ctx, listener);
}

TEST (frame_limits_of_options_within_range_are_kept)
{
  static const long refused[] = { 0, -1, LONG_MIN, 2147483647L, LONG_MAX };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn, *later;
  int peer, other;
  unsigned i;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  nopoll_conn_opts_set_max_frame_size (opts, NOPOLL_MAX_FRAME_SIZE_LIMIT);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  conn = next_accepted (ctx, listener, &peer);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  /* Read when a connection is accepted. */
  nopoll_conn_opts_set_max_frame_size (opts, 1);
  for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
    nopoll_conn_opts_set_max_frame_size (opts, refused[i]);
  later = next_accepted (ctx, listener, &other);
  CHECK_INT (nopoll_conn_get_max_frame_size (later), 1);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), NOPOLL_MAX_FRAME_SIZE_LIMIT);
  nopoll_conn_close (conn);
  nopoll_conn_close (later);
  nopoll_conn_close (listener);
  close (peer);
  close (other);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
}

/* M-18 */
TEST (frame_limits_come_from_the_nearest_that_has_one)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn, *other;
  int peer, far;

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  conn = next_accepted (ctx, listener, &peer);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), NOPOLL_MAX_FRAME_SIZE_DEFAULT);
  nopoll_ctx_set_max_frame_size (ctx, 5000);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 5000);
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), 5000);
  nopoll_conn_opts_set_max_frame_size (opts, 300);
  __nopoll_conn_set_max_frame_size (listener, opts);
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), 300);
  other = next_accepted (ctx, listener, &far);
  CHECK_INT (nopoll_conn_get_max_frame_size (other), 300);
  __nopoll_conn_set_max_frame_size (conn, opts);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 300);
  nopoll_conn_opts_unref (opts);
  opts = nopoll_conn_opts_new ();
  __nopoll_conn_set_max_frame_size (conn, opts);   /* it has none */
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 300);
  CHECK_INT (opts->refs, 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_conn_get_max_frame_size (other), 300);
  nopoll_conn_close (conn);
  nopoll_conn_close (other);
  close (peer);
  close (far);
  nopoll_conn_opts_unref (opts);
  nopoll_ctx_unref (ctx);
}

TEST (any_tls_version_is_stored)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int version;

  for (version = 0; version < 12; version++)
    nopoll_conn_opts_set_ssl_protocol (opts, (noPollSslProtocol) version);
  nopoll_conn_opts_unref (opts);
}

TESTS (CASE (a_new_object_has_one_reference),
       CASE (clients_drop_one_reference_however_they_end), CASE (clients_keep_no_options),
       CASE (a_reused_object_serves_many_connections_and_listeners),
       CASE (listeners_drop_the_reference_when_they_fail),
       CASE (listeners_keep_the_reference_until_they_are_destroyed),
       CASE (reuse_counts_as_it_is_when_the_listener_goes),
       CASE (options_freed_too_early_still_serve_their_listener),
       CASE (a_listener_gone_before_the_handshake_leaves_its_options),
       CASE (helpers_release_nothing), CASE (certificate_files_must_be_readable),
       CASE (client_headers_are_sent_as_stored),
       CASE (the_origin_is_told_even_when_it_is_not_sent),
       CASE (an_unknown_device_makes_a_client_fail_and_a_listener_not),
       CASE (the_origin_rule_is_read_at_each_handshake),
       CASE (frame_limits_of_options_within_range_are_kept),
       CASE (frame_limits_come_from_the_nearest_that_has_one), CASE (any_tls_version_is_stored))
