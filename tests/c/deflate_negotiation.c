/* run.py: needs=deflate */
/* What is said about compression in the opening handshake, byte for byte. */
#include <nopoll.h>

#include "support/wire.h"

#define EXTENSIONS "Sec-WebSocket-Extensions: "

/* The value of the extensions header in a head, in a static buffer; NULL without one. */
static const char *extensions (const char *head)
{
  static char value[512];
  const char *found = strstr (head, "\r\n" EXTENSIONS);

  if (found == NULL)
    return NULL;
  found += strlen ("\r\n" EXTENSIONS);
  snprintf (value, sizeof value, "%.*s", (int) strcspn (found, "\r"), found);
  CHECK (strstr (found, EXTENSIONS) == NULL);
  return value;
}

/* What a client with these options offers. */
static const char *offer (noPollCtx *ctx, noPollConnOpts *opts)
{
  static char head[2048];
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new_opts (ctx, opts, "127.0.0.1", wire_port_text (listening), NULL,
                                           NULL, NULL, NULL);
  int peer = wire_accept (listening);

  wire_receive_head (peer, head, sizeof head);
  CHECK (!nopoll_conn_is_compressed (conn));
  nopoll_conn_close (conn);
  close (peer);
  close (listening);
  return extensions (head);
}

/* The answer of a server to a request with this header value; the status in *status. */
static const char *answer (noPollCtx *ctx, noPollConn *listener, const char *value, int *status,
                           int *compressed)
{
  static char head[2048];
  char extra[512] = "";
  noPollConn *conn;
  int peer = wire_connect (LISTENER_PORT (listener));

  if (value)
    snprintf (extra, sizeof extra, EXTENSIONS "%s\r\n", value);
  wire_send_request (peer, "/", extra);
  conn = nopoll_conn_accept (ctx, listener);
  nopoll_conn_ref (conn);
  nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ());
  *compressed = nopoll_conn_is_compressed (conn);
  wire_receive_head (peer, head, sizeof head);
  *status = atoi (head + strlen ("HTTP/1.1 "));
  nopoll_conn_close (conn);
  close (peer);
  return extensions (head);
}

TEST (nothing_is_offered_or_agreed_to_unless_asked_for)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int status, compressed;

  CHECK_STR (offer (ctx, NULL), NULL);
  CHECK_STR (answer (ctx, listener, "permessage-deflate", &status, &compressed), NULL);
  CHECK_INT (status, 101);
  CHECK_INT (compressed, 0);
  /* Nobody looks at what isn't wanted. */
  CHECK_STR (answer (ctx, listener, "permessage-deflate;;", &status, &compressed), NULL);
  CHECK_INT (status, 101);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression (ctx, nopoll_false);
  CHECK_STR (offer (ctx, NULL), NULL);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (a_client_offers_what_its_settings_say)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_conn_opts_set_reuse (opts, nopoll_true);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  CHECK_STR (offer (ctx, NULL), "permessage-deflate; client_max_window_bits");
  nopoll_ctx_set_compression_window_bits (ctx, 10, 15);
  nopoll_ctx_set_compression_context_takeover (ctx, nopoll_true, nopoll_false);
  CHECK_STR (offer (ctx, opts),
             "permessage-deflate; server_no_context_takeover; client_max_window_bits=10");
  /* Options win, setting by setting. */
  nopoll_conn_opts_set_compression_window_bits (opts, 15, 9);
  CHECK_STR (offer (ctx, opts), "permessage-deflate; server_no_context_takeover; "
                                "server_max_window_bits=9; client_max_window_bits");
  nopoll_conn_opts_set_compression_context_takeover (opts, nopoll_false, nopoll_true);
  CHECK_STR (offer (ctx, opts), "permessage-deflate; client_no_context_takeover; "
                                "server_max_window_bits=9; client_max_window_bits");
  nopoll_conn_opts_set_compression (opts, nopoll_false);
  CHECK_STR (offer (ctx, opts), NULL);
  nopoll_ctx_set_compression (ctx, nopoll_false);
  nopoll_conn_opts_set_compression (opts, nopoll_true);
  CHECK (offer (ctx, opts) != NULL);
  CHECK_STR (offer (ctx, NULL), NULL);
  nopoll_conn_opts_free (opts);
  nopoll_ctx_unref (ctx);
}

static int refused;

static void count_refused (noPollCtx *ctx, noPollDebugLevel level, const char *text, noPollPtr data)
{
  refused += level == NOPOLL_LEVEL_CRITICAL && strstr (text, "is not within") != NULL;
}

TEST (values_out_of_range_change_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_log_set_handler (ctx, count_refused, NULL);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  refused = 0;
  nopoll_ctx_set_compression_window_bits (ctx, 8, 15);
  nopoll_ctx_set_compression_window_bits (ctx, 15, 8);
  nopoll_ctx_set_compression_window_bits (ctx, 16, 9);
  nopoll_ctx_set_compression_window_bits (ctx, -1, 300);
  nopoll_ctx_set_compression_level (ctx, 0);
  nopoll_ctx_set_compression_level (ctx, 10);
  nopoll_ctx_set_compression_level (ctx, -1);
  nopoll_ctx_set_compression_threshold (ctx, -1);
  CHECK_INT (refused, 8);
  nopoll_conn_opts_set_compression_window_bits (opts, 9, 16);
  nopoll_conn_opts_set_compression_level (opts, 300);
  nopoll_conn_opts_set_compression_threshold (opts, -5);
  CHECK_STR (offer (ctx, opts), "permessage-deflate; client_max_window_bits");
  nopoll_log_set_handler (ctx, NULL, NULL);
  nopoll_ctx_unref (ctx);
}

TEST (a_server_answers_the_first_offer_it_can_accept)
{
  static const struct { const char *offers, *answer; } cases[] = {
    { NULL, NULL },
    { "", NULL },
    { "foo", NULL },
    { "permessage-deflate", "permessage-deflate" },
    { "permessage-deflate; client_max_window_bits", "permessage-deflate" },
    { "permessage-deflate; client_max_window_bits=8",
      "permessage-deflate; client_max_window_bits=8" },
    { "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; server_no_context_takeover" },
    { "permessage-deflate; server_max_window_bits=\"10\"",
      "permessage-deflate; server_max_window_bits=10" },
    { "permessage-deflate; server_max_window_bits=8", NULL },
    { "permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate" },
    { "permessage-deflate; foo, permessage-deflate; server_max_window_bits=16, foo; a=b, "
      "permessage-deflate; server_max_window_bits=9, permessage-deflate",
      "permessage-deflate; server_max_window_bits=9" },
    { "permessage-deflate; server_max_window_bits", NULL },
    { "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", NULL },
    { "permessage-deflate\r\n" EXTENSIONS "foo", "permessage-deflate" },
    { "foo\r\n" EXTENSIONS "permessage-deflate", "permessage-deflate" },
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int status, compressed;
  size_t i;

  nopoll_ctx_set_compression (ctx, nopoll_true);
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    CHECK_STR (answer (ctx, listener, cases[i].offers, &status, &compressed), cases[i].answer);
    CHECK_INT (status, 101);
    CHECK_INT (compressed, cases[i].answer != NULL);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (a_server_asks_for_what_its_settings_say)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  int status, compressed;

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_compression (opts, nopoll_true);
  nopoll_conn_opts_set_compression_window_bits (opts, 12, 11);
  nopoll_conn_opts_set_compression_context_takeover (opts, nopoll_true, nopoll_false);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_STR (answer (ctx, listener, "permessage-deflate; client_max_window_bits", &status,
                     &compressed),
             "permessage-deflate; client_no_context_takeover; server_max_window_bits=12; "
             "client_max_window_bits=11");
  /* A client that doesn't say that it can use less isn't asked to. */
  CHECK_STR (answer (ctx, listener, "permessage-deflate; server_max_window_bits=10", &status,
                     &compressed),
             "permessage-deflate; client_no_context_takeover; server_max_window_bits=10");
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (a_header_that_is_no_list_of_extensions_is_a_bad_request)
{
  static const char *const values[] = {
    ";", "permessage-deflate;", "permessage-deflate;; x", "permessage-deflate; =1",
    "permessage-deflate; server_max_window_bits=", "perm essage", "a\"b\"", "foo; bar=\"",
    "foo; bar=\"a b\"", "permessage-deflate, foo/bar",
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int status, compressed;
  size_t i;

  nopoll_ctx_set_compression (ctx, nopoll_true);
  for (i = 0; i < sizeof values / sizeof values[0]; i++) {
    CHECK_STR (answer (ctx, listener, values[i], &status, &compressed), NULL);
    CHECK_INT (status, 400);
    CHECK_INT (compressed, 0);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* Whether a client becomes ready on this answer, and is compressed then. */
static int client_with (noPollCtx *ctx, const char *value)
{
  char extra[512] = "";
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                                      NULL);
  int peer = wire_accept (listening);
  int outcome;

  if (value)
    snprintf (extra, sizeof extra, EXTENSIONS "%s\r\n", value);
  wire_answer_request (peer, extra);
  outcome = nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ());
  if (outcome)
    outcome += nopoll_conn_is_compressed (conn);
  else
    CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_REJECTED);
  nopoll_conn_close (conn);
  close (peer);
  close (listening);
  return outcome;
}

TEST (a_client_takes_an_answer_that_fits_its_offer_and_no_other)
{
  static const struct { const char *answer; int outcome; } cases[] = {
    { NULL, 1 },
    { "", 1 },
    { "permessage-deflate", 2 },
    { "permessage-deflate; server_no_context_takeover; client_no_context_takeover", 2 },
    { "permessage-deflate; server_max_window_bits=8; client_max_window_bits=\"8\"", 2 },
    { "foo", 0 },
    { "permessage-deflate, foo", 0 },
    { "permessage-deflate, permessage-deflate", 0 },
    { "permessage-deflate;", 0 },
    { "permessage-deflate; foo", 0 },
    { "permessage-deflate; client_max_window_bits", 0 },
    { "permessage-deflate; server_max_window_bits=7", 0 },
    { "permessage-deflate; client_max_window_bits=16", 0 },
    { "permessage-deflate; server_no_context_takeover=1", 0 },
    { "permessage-deflate; server_no_context_takeover; server_no_context_takeover", 0 },
    { "permessage-deflate\r\n" EXTENSIONS "permessage-deflate", 0 },
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  size_t i;

  /* Without an offer, no answer fits. */
  CHECK_INT (client_with (ctx, "permessage-deflate"), 0);
  nopoll_ctx_set_compression (ctx, nopoll_true);
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
    CHECK_INT (client_with (ctx, cases[i].answer), cases[i].outcome);
  /* What was asked of the server it must agree to. */
  nopoll_ctx_set_compression_window_bits (ctx, 15, 12);
  CHECK_INT (client_with (ctx, "permessage-deflate; server_max_window_bits=12"), 2);
  CHECK_INT (client_with (ctx, "permessage-deflate; server_max_window_bits=13"), 0);
  CHECK_INT (client_with (ctx, "permessage-deflate"), 0);
  nopoll_ctx_set_compression_window_bits (ctx, 15, 15);
  nopoll_ctx_set_compression_context_takeover (ctx, nopoll_true, nopoll_false);
  CHECK_INT (client_with (ctx, "permessage-deflate; server_no_context_takeover"), 2);
  CHECK_INT (client_with (ctx, "permessage-deflate"), 0);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (nothing_is_offered_or_agreed_to_unless_asked_for),
       CASE (a_client_offers_what_its_settings_say),
       CASE (values_out_of_range_change_nothing),
       CASE (a_server_answers_the_first_offer_it_can_accept),
       CASE (a_server_asks_for_what_its_settings_say),
       CASE (a_header_that_is_no_list_of_extensions_is_a_bad_request),
       CASE (a_client_takes_an_answer_that_fits_its_offer_and_no_other))
