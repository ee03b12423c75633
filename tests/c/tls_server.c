/* run.py: needs=tls */
/* TLS listeners: which certificate a client gets, whom they believe, what the program sees. */
#include <fcntl.h>
#include <nopoll.h>
#include <nopoll_private.h>

#include "support/threads.h"
#include "support/tls/tls.h"

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) data;
  nopoll_conn_send_frame (conn, nopoll_msg_is_final (msg), nopoll_false, nopoll_msg_opcode (msg),
                          nopoll_msg_get_payload_size (msg), (void *) nopoll_msg_get_payload (msg), 0);
}

static noPollCtx *echo_ctx (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  return ctx;
}

/* The common name of the certificate that a client gets who asks for this name. */
static const char *certificate_for (int port, const char *name)
{
  static char common[64];
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = tls_connect (raw, port, name);
  X509 *certificate;

  common[0] = 0;
  if (ssl != NULL) {
    certificate = SSL_get1_peer_certificate (ssl);
    X509_NAME_get_text_by_NID (X509_get_subject_name (certificate), NID_commonName, common,
                               sizeof common);
    X509_free (certificate);
    SSL_shutdown (ssl);
    tls_free (ssl);
  }
  SSL_CTX_free (raw);
  return common;
}

static void store (noPollCtx *ctx, const char *server, const char *name)
{
  char certificate[64], key[64];

  snprintf (certificate, sizeof certificate, "%s.pem", name);
  snprintf (key, sizeof key, "%s.key", name);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, server, tls_file (certificate), tls_file (key), NULL),
             nopoll_true);
}

TEST (raw_tls_is_echoed_in_both_versions_and_with_both_kinds_of_key)
{
  static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
  static const char *const names[] = { "server", "rsa", "deep_chain" };
  int v, n;

  for (v = 0; v < 2; v++)
    for (n = 0; n < 3; n++) {
      noPollCtx *ctx = echo_ctx ();
      noPollConn *listener = tls_listener (ctx, names[n]);
      SSL_CTX *raw = tls_client_ctx ("root.pem");
      SSL *ssl;

      SSL_CTX_set_max_proto_version (raw, versions[v]);
      loop_start (ctx);
      ssl = tls_connect (raw, LISTENER_PORT (listener), "localhost");
      CHECK_INT (SSL_version (ssl), versions[v]);
      CHECK_INT (SSL_get_verify_result (ssl), X509_V_OK);
      tls_upgrade (ssl);
      tls_send_frame (ssl, 0x82, 1, "hello", 5);
      tls_expect_frame (ssl, 0x82, "hello", 5);
      tls_send_frame (ssl, 0x88, 1, "\x03\xe8", 2);
      tls_expect_frame (ssl, 0x88, "\x03\xe8", 2);
      CHECK_INT (tls_expect_end (ssl), 1);
      tls_free (ssl);
      SSL_CTX_free (raw);
      ctx_end (ctx);
    }
}

/* Q48, L-41 */
TEST (the_chain_file_is_sent)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, NULL);
  SSL_CTX *raw = tls_client_ctx ("root.pem");
  SSL *ssl;

  CHECK_INT (nopoll_listener_set_certificate (listener, tls_file ("deep.pem"), tls_file ("deep.key"),
                                              tls_file ("between.pem")), nopoll_true);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  CHECK_INT (sk_X509_num (SSL_get_peer_cert_chain (ssl)), 2);
  tls_free (ssl);
  /* Also when it repeats the certificate. */
  CHECK_INT (nopoll_listener_set_certificate (listener, tls_file ("deep.pem"), tls_file ("deep.key"),
                                              tls_file ("deep_chain.pem")), nopoll_true);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  CHECK_INT (sk_X509_num (SSL_get_peer_cert_chain (ssl)), 2);
  tls_free (ssl);
  /* A setting without one keeps the one before. */
  CHECK_INT (nopoll_listener_set_certificate (listener, tls_file ("deep.pem"), tls_file ("deep.key"),
                                              NULL), nopoll_true);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  CHECK_INT (sk_X509_num (SSL_get_peer_cert_chain (ssl)), 2);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (nothing_is_added_to_a_chain_from_what_is_trusted)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  SSL_CTX *raw = tls_client_ctx ("root.pem");
  SSL *ssl;

  nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, tls_file ("root.pem"));
  listener = tls_listener_opts (ctx, opts, "server");
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  CHECK_INT (sk_X509_num (SSL_get_peer_cert_chain (ssl)), 1);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (options_come_before_the_listener_and_that_before_the_context)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *plain = tls_listener (ctx, NULL);
  noPollConn *with_options, *with_half;

  nopoll_conn_opts_set_ssl_certs (opts, tls_file ("a.pem"), tls_file ("a.key"), NULL, NULL);
  with_options = tls_listener_opts (ctx, opts, "b");
  opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_set_ssl_certs (opts, tls_file ("a.pem"), NULL, NULL, NULL);
  with_half = tls_listener_opts (ctx, opts, NULL);
  store (ctx, NULL, "server");
  store (ctx, "b.test", "b");
  loop_start (ctx);
  CHECK_STR (certificate_for (LISTENER_PORT (with_options), "b.test"), "a");
  CHECK_STR (certificate_for (LISTENER_PORT (plain), NULL), "server");
  CHECK_STR (certificate_for (LISTENER_PORT (with_half), NULL), "server");
  nopoll_listener_set_certificate (with_half, tls_file ("rsa.pem"), tls_file ("rsa.key"), NULL);
  CHECK_STR (certificate_for (LISTENER_PORT (with_half), "b.test"), "rsa");
  ctx_end (ctx);
}

/* Q51 */
TEST (the_name_asked_for_selects_from_the_context)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, NULL);
  int port = LISTENER_PORT (listener);

  store (ctx, "first.test", "rsa");
  loop_start (ctx);
  /* The only one there is. */
  CHECK_STR (certificate_for (port, NULL), "rsa");
  CHECK_STR (certificate_for (port, "elsewhere.test"), "rsa");
  store (ctx, "a.test", "a");
  store (ctx, "*.wild.test", "wildcard");
  /* Without a nameless entry: the first. */
  CHECK_STR (certificate_for (port, NULL), "rsa");
  CHECK_STR (certificate_for (port, "elsewhere.test"), "rsa");
  store (ctx, NULL, "server");
  CHECK_STR (certificate_for (port, NULL), "server");
  CHECK_STR (certificate_for (port, "elsewhere.test"), "server");
  CHECK_STR (certificate_for (port, "first.test"), "rsa");
  CHECK_STR (certificate_for (port, "a.test"), "a");
  CHECK_STR (certificate_for (port, "A.Test"), "a");
  CHECK_STR (certificate_for (port, "x.wild.test"), "wildcard");
  CHECK_STR (certificate_for (port, "y.x.wild.test"), "server");
  CHECK_STR (certificate_for (port, "wild.test"), "server");
  ctx_end (ctx);
}

TEST (without_any_certificate_clients_are_refused)
{
  noPollCtx *ctx = echo_ctx ();
  struct tls_log log;
  noPollConn *listener;
  int fd;

  tls_watch_log (ctx, &log);
  listener = tls_listener (ctx, NULL);
  loop_start (ctx);
  fd = wire_connect (LISTENER_PORT (listener));
  wire_expect_end (fd);
  close (fd);
  CHECK_INT (tls_logged (&log, "there is no certificate"), 1);
  store (ctx, NULL, "server");
  CHECK_STR (certificate_for (LISTENER_PORT (listener), NULL), "server");
  ctx_end (ctx);
}

/* The OpenSSL context of each accepted connection, as it was at its post-check or message. */
static struct { SSL_CTX *ssl_ctx; int count; } seen[16];
static int seen_count;

static void note_context (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) msg, (void) data;
  seen[seen_count++ % 16].ssl_ctx = conn->ssl_ctx;
  nopoll_conn_send_text (conn, "seen", 4);
}

static SSL_CTX *context_used (int port, const char *name)
{
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = tls_connect (raw, port, name);

  tls_upgrade (ssl);
  tls_send_frame (ssl, 0x81, 1, "x", 1);
  tls_expect_frame (ssl, 0x81, "seen", 4);
  tls_free (ssl);
  SSL_CTX_free (raw);
  return seen[(seen_count - 1) % 16].ssl_ctx;
}

TEST (contexts_are_shared_until_the_files_change)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener, *other;
  const char *certificate = tls_own_file ("renewed.pem"), *key = tls_own_file ("renewed.key");
  struct tls_log log;
  SSL_CTX *first;
  int port;

  tls_watch_log (ctx, &log);
  nopoll_ctx_set_on_msg (ctx, note_context, NULL);
  tls_copy ("a.pem", certificate);
  tls_copy ("a.key", key);
  listener = tls_listener (ctx, NULL);
  other = tls_listener (ctx, NULL);
  CHECK_INT (nopoll_listener_set_certificate (listener, certificate, key, NULL), nopoll_true);
  CHECK_INT (nopoll_listener_set_certificate (other, certificate, key, NULL), nopoll_true);
  port = LISTENER_PORT (listener);
  loop_start (ctx);
  CHECK_STR (certificate_for (port, NULL), "a");
  first = context_used (port, NULL);
  /* So that another one can't have its address. */
  SSL_CTX_up_ref (first);
  CHECK (context_used (port, NULL) == first);
  CHECK (context_used (LISTENER_PORT (other), NULL) == first);

  /* Half of the renewal is no usable pair: what was there stays, and the log says so once. */
  tls_copy ("b.pem", certificate);
  CHECK_STR (certificate_for (port, NULL), "a");
  CHECK_STR (certificate_for (port, NULL), "a");
  CHECK (context_used (port, NULL) == first);
  CHECK_INT (tls_logged (&log, "what was loaded before stays in use"), 1);
  CHECK_INT (tls_logged (&log, certificate), 1);
  CHECK_INT (nopoll_ctx_reload_certificates (ctx), nopoll_false);
  CHECK_INT (tls_logged (&log, "what was loaded before stays in use"), 2);
  CHECK_INT (log.count, 2);

  tls_copy ("b.key", key);
  CHECK_STR (certificate_for (port, NULL), "b");
  CHECK (context_used (port, NULL) != first);
  SSL_CTX_free (first);
  CHECK_INT (nopoll_ctx_reload_certificates (ctx), nopoll_true);
  first = context_used (port, NULL);
  SSL_CTX_up_ref (first);
  CHECK_INT (nopoll_ctx_reload_certificates (ctx), nopoll_true);
  CHECK (context_used (port, NULL) != first);
  SSL_CTX_free (first);

  /* And without any file. */
  CHECK_INT (unlink (certificate), 0);
  CHECK_STR (certificate_for (port, NULL), "b");
  CHECK_INT (tls_logged (&log, "No such file or directory"), 1);
  unlink (key);
  ctx_end (ctx);
  CHECK_INT (nopoll_ctx_reload_certificates (NULL), nopoll_false);
}

TEST (clients_that_offer_http_1_1_get_it)
{
  static const struct { const char *offer; int size; const char *chosen; } rows[] = {
    { "\x08http/1.1", 9, "http/1.1" }, { "\x02h2\x08http/1.1", 12, "http/1.1" }, { "\x02h2", 3, "" },
  };
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  int i;

  loop_start (ctx);
  for (i = 0; i < 3; i++) {
    SSL_CTX *raw = tls_client_ctx (NULL);
    const unsigned char *chosen = NULL;
    unsigned size = 0;
    char text[16];
    SSL *ssl;

    SSL_CTX_set_alpn_protos (raw, (const unsigned char *) rows[i].offer, (unsigned) rows[i].size);
    ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
    SSL_get0_alpn_selected (ssl, &chosen, &size);
    snprintf (text, sizeof text, "%.*s", (int) size, chosen != NULL ? (const char *) chosen : "");
    CHECK_STR (text, rows[i].chosen);
    tls_free (ssl);
    SSL_CTX_free (raw);
  }
  ctx_end (ctx);
}

static nopoll_bool agree (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                          noPollPtr data)
{
  (void) ctx, (void) conn, (void) ssl_ctx, (void) ssl, (void) data;
  return nopoll_true;
}

static SSL_SESSION *last_session;

static int keep_session (SSL *ssl, SSL_SESSION *session)
{
  (void) ssl;
  SSL_SESSION_free (last_session);
  last_session = session;
  return 1;
}

/* Two connections; whether the second resumes the session of the first. */
static int second_resumes (int port, int version)
{
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl;
  int i, resumed = 0;

  SSL_CTX_set_max_proto_version (raw, version);
  SSL_CTX_set_session_cache_mode (raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb (raw, keep_session);
  last_session = NULL;
  for (i = 0; i < 2; i++) {
    int fd = wire_connect (port);

    ssl = SSL_new (raw);
    SSL_set_fd (ssl, fd);
    if (last_session != NULL)
      SSL_set_session (ssl, last_session);
    CHECK_INT (SSL_connect (ssl), 1);
    resumed = SSL_session_reused (ssl);
    tls_upgrade (ssl);
    tls_send_frame (ssl, 0x88, 1, "", 0);
    tls_expect_frame (ssl, 0x88, "", 0);
    tls_expect_end (ssl);
    SSL_shutdown (ssl);
    tls_free (ssl);
  }
  SSL_SESSION_free (last_session);
  last_session = NULL;
  SSL_CTX_free (raw);
  return resumed;
}

static SSL_CTX *shared_context;

static noPollPtr share (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts, nopoll_bool is_client,
                        noPollPtr data)
{
  (void) ctx, (void) opts, (void) data;
  CHECK_INT (is_client, nopoll_false);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_LISTENER);
  CHECK (nopoll_conn_get_listener (conn) != NULL);
  SSL_CTX_up_ref (shared_context);
  return shared_context;
}

TEST (sessions_are_resumed_unless_the_program_looks_at_certificates)
{
  static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
  int v;

  for (v = 0; v < 2; v++) {
    noPollCtx *ctx = echo_ctx ();
    noPollConn *listener = tls_listener (ctx, "server");
    int port = LISTENER_PORT (listener);

    loop_start (ctx);
    CHECK_INT (second_resumes (port, versions[v]), 1);
    nopoll_ctx_set_post_ssl_check (ctx, agree, NULL);
    CHECK_INT (second_resumes (port, versions[v]), 0);
    nopoll_ctx_set_post_ssl_check (ctx, NULL, NULL);
    shared_context = SSL_CTX_new (TLS_server_method ());
    nopoll_ctx_set_ssl_context_creator (ctx, share, NULL);
    CHECK_INT (second_resumes (port, versions[v]), 0);
    nopoll_ctx_set_ssl_context_creator (ctx, NULL, NULL);
    SSL_CTX_free (shared_context);
    CHECK_INT (second_resumes (port, versions[v]), 1);
    ctx_end (ctx);
  }
}

/* What becomes of a client with this identity: NULL is an echo, otherwise the alert. */
static const char *admitted (int port, const char *identity, int version)
{
  static char why[256];
  char name[64];
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl;

  SSL_CTX_set_max_proto_version (raw, version);
  if (identity != NULL) {
    snprintf (name, sizeof name, "%s.pem", identity);
    CHECK_INT (SSL_CTX_use_certificate_chain_file (raw, tls_file (name)), 1);
    snprintf (name, sizeof name, "%s.key",
              strcmp (identity, "client_deep_chain") == 0 ? "client_deep" : identity);
    CHECK_INT (SSL_CTX_use_PrivateKey_file (raw, tls_file (name), SSL_FILETYPE_PEM), 1);
  }
  why[0] = 0;
  ssl = tls_try_connect (raw, port, NULL, why, sizeof why);
  if (ssl != NULL) {
    char byte;

    /* In TLS 1.3 the server's opinion comes after the handshake. */
    tls_send_request (ssl, "/");
    if (SSL_peek (ssl, &byte, 1) == 1) {
      char head[1024];

      tls_receive_head (ssl, head, sizeof head);
      tls_send_frame (ssl, 0x81, 1, "in", 2);
      tls_expect_frame (ssl, 0x81, "in", 2);
    } else {
      const char *reason = ERR_reason_error_string (ERR_peek_error ());

      snprintf (why, sizeof why, "%s", reason != NULL ? reason : "closed");
      ERR_clear_error ();
    }
    tls_free (ssl);
  }
  SSL_CTX_free (raw);
  return why[0] == 0 ? NULL : why;
}

/* Q52 */
TEST (clients_are_asked_for_certificates_of_one_authority)
{
  static const struct { const char *identity, *why_1_2, *why_1_3, *logged; } rows[] = {
    { "client", NULL, NULL, NULL },
    { "client_deep_chain", NULL, NULL, NULL },
    { NULL, "handshake failure", "certificate required", "peer did not return a certificate" },
    { "client_stranger", "unknown ca", "unknown ca", "unable to get local issuer certificate" },
    { "client_expired", "certificate expired", "certificate expired", "certificate has expired" },
    { "client_deep", "unknown ca", "unknown ca", "unable to get local issuer certificate" },
    { "self", "unknown ca", "unknown ca", "self" },
  };
  noPollCtx *ctx = echo_ctx ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  struct tls_log log;
  noPollConn *listener;
  int i, version;

  tls_watch_log (ctx, &log);
  /* That the system trusts others is of no interest. */
  tls_set_system ("both_roots.pem");
  nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, tls_file ("root.pem"));
  nopoll_conn_opts_ssl_peer_verify (opts, nopoll_true);
  listener = tls_listener_opts (ctx, opts, "server");
  loop_start (ctx);
  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
    for (i = 0; i < (int) (sizeof rows / sizeof rows[0]); i++) {
      const char *wanted = version == TLS1_2_VERSION ? rows[i].why_1_2 : rows[i].why_1_3;
      const char *why = admitted (LISTENER_PORT (listener), rows[i].identity, version);

      if ((why == NULL) != (wanted == NULL) || (why != NULL && strstr (why, wanted) == NULL))
        check_fail (__FILE__, __LINE__, "row %d: %s", i, why != NULL ? why : "admitted");
      if (rows[i].logged != NULL)
        WAIT_UNTIL (tls_logged (&log, rows[i].logged) > 0);
      log.all[0] = 0;
    }
  ctx_end (ctx);
}

TEST (without_an_authority_of_its_own_a_listener_believes_the_systems)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *verifying, *asking_nobody;

  tls_set_system ("root.pem");
  nopoll_conn_opts_ssl_peer_verify (opts, nopoll_true);
  verifying = tls_listener_opts (ctx, opts, "server");
  opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, tls_file ("root.pem"));
  asking_nobody = tls_listener_opts (ctx, opts, "server");
  loop_start (ctx);
  CHECK_STR (admitted (LISTENER_PORT (verifying), "client", TLS1_3_VERSION), NULL);
  CHECK (admitted (LISTENER_PORT (verifying), "client_stranger", TLS1_3_VERSION) != NULL);
  CHECK_STR (admitted (LISTENER_PORT (asking_nobody), NULL, TLS1_3_VERSION), NULL);
  ctx_end (ctx);
}

/* Q17 */
TEST (without_a_loop_each_call_takes_a_step)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  noPollConn *conn;
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = SSL_new (raw);
  noPollMsg *msg;
  int fd = wire_connect (LISTENER_PORT (listener));

  conn = nopoll_conn_accept (ctx, listener);
  CHECK (conn != NULL);
  CHECK (fcntl (nopoll_conn_socket (conn), F_GETFL) & O_NONBLOCK);
  CHECK_INT (conn->tls_on, 1);
  CHECK_INT (conn->pending_ssl_accept, 1);
  CHECK (conn->ssl != NULL && conn->ssl_ctx != NULL);
  CHECK_INT (SSL_get_fd (conn->ssl), nopoll_conn_socket (conn));
  /* Nothing may go out before TLS is there. */
  CHECK_INT (nopoll_conn_send_text (conn, "clear", 5), -1);
  CHECK_INT (errno, ENOTCONN);
  CHECK_INT (nopoll_conn_send_ping (conn), nopoll_false);
  CHECK_INT (nopoll_conn_is_ready (conn), nopoll_false);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK_INT (nopoll_conn_read_pending (conn), 0);
  CHECK (wire_is_quiet (fd));

  fcntl (fd, F_SETFL, O_NONBLOCK);
  SSL_set_fd (ssl, fd);
  while (SSL_connect (ssl) != 1) {
    CHECK_INT (conn->pending_ssl_accept, 1);
    wire_wait_readable (nopoll_conn_socket (conn));
    CHECK (nopoll_conn_get_msg (conn) == NULL);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    ERR_clear_error ();
  }
  fcntl (fd, F_SETFL, 0);
  tls_send_request (ssl, "/there");
  /* The client is through; our side has its last flight yet to read. */
  while (conn->pending_ssl_accept) {
    CHECK (nopoll_conn_get_msg (conn) == NULL);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  }
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/");
  WAIT_UNTIL (nopoll_conn_is_ready (conn));
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/there");
  tls_send_frame (ssl, 0x81, 1, "hello", 5);
  wire_wait_readable (nopoll_conn_socket (conn));
  msg = nopoll_conn_get_msg (conn);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "hello");
  nopoll_msg_unref (msg);
  tls_free (ssl);
  SSL_CTX_free (raw);
  nopoll_conn_close (conn);
  ctx_end (ctx);
}

/* M-37 */
TEST (a_connection_closed_before_tls_says_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  noPollConn *conn;
  int fd = wire_connect (LISTENER_PORT (listener));

  conn = nopoll_conn_accept (ctx, listener);
  nopoll_conn_close_ext (conn, 1000, "clear text", 10);
  wire_expect_end (fd);
  close (fd);
  ctx_end (ctx);
}

/* How often each was called, in order. */
static char order[64];

static nopoll_bool on_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx, (void) data;
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_false);
  CHECK_INT (fcntl (nopoll_conn_socket (conn), F_GETFL) & O_NONBLOCK, 0);
  strcat (order, "a");
  return nopoll_true;
}

static noPollPtr on_create (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                            nopoll_bool is_client, noPollPtr data)
{
  (void) ctx, (void) is_client;
  CHECK (opts == (noPollConnOpts *) data);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
  CHECK_INT (nopoll_conn_send_text (conn, "clear", 5), -1);
  strcat (order, "c");
  return SSL_CTX_new (TLS_server_method ());
}

static nopoll_bool on_check (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                             noPollPtr data)
{
  (void) ctx, (void) data;
  CHECK (conn->ssl == ssl && conn->ssl_ctx == ssl_ctx);
  CHECK_INT (conn->pending_ssl_accept, 0);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
  CHECK_INT (SSL_get_fd ((SSL *) ssl), nopoll_conn_socket (conn));
  CHECK_STR (SSL_get_servername ((SSL *) ssl, TLSEXT_NAMETYPE_host_name), "server.test");
  CHECK_INT (nopoll_conn_send_text (conn, "early", 5), -1);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  strcat (order, "p");
  return nopoll_true;
}

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx, (void) conn, (void) data;
  strcat (order, "o");
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx, (void) conn, (void) data;
  strcat (order, "r");
  return nopoll_true;
}

TEST (handlers_come_in_order)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener = tls_listener_opts (ctx, opts, "server");
  SSL_CTX *raw = tls_client_ctx ("root.pem");
  SSL *ssl;

  order[0] = 0;
  nopoll_ctx_set_on_accept (ctx, on_accept, NULL);
  nopoll_ctx_set_ssl_context_creator (ctx, on_create, opts);
  nopoll_ctx_set_post_ssl_check (ctx, on_check, NULL);
  nopoll_ctx_set_on_open (ctx, on_open, NULL);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), "server.test");
  tls_upgrade (ssl);
  tls_send_frame (ssl, 0x81, 1, "x", 1);
  tls_expect_frame (ssl, 0x81, "x", 1);
  CHECK_STR (order, "acpor");
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

static noPollPtr with_certificate (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                                   nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *made = SSL_CTX_new (TLS_server_method ());

  (void) ctx, (void) conn, (void) opts, (void) is_client;
  if (data == NULL)
    return made;
  SSL_CTX_use_certificate_chain_file (made, tls_file ("a.pem"));
  SSL_CTX_use_PrivateKey_file (made, tls_file ("a.key"), SSL_FILETYPE_PEM);
  return made;
}

static noPollPtr nothing (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                          nopoll_bool is_client, noPollPtr data)
{
  (void) ctx, (void) conn, (void) opts, (void) is_client, (void) data;
  return NULL;
}

/* Q50 */
TEST (a_creator_may_bring_the_certificate)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *without = tls_listener (ctx, NULL), *with = tls_listener (ctx, "server");
  int fd;

  loop_start (ctx);
  nopoll_ctx_set_ssl_context_creator (ctx, with_certificate, ctx);
  CHECK_STR (certificate_for (LISTENER_PORT (without), NULL), "a");
  /* Files that are set are used, whatever the context has. */
  CHECK_STR (certificate_for (LISTENER_PORT (with), NULL), "server");
  nopoll_ctx_set_ssl_context_creator (ctx, with_certificate, NULL);
  CHECK_STR (certificate_for (LISTENER_PORT (with), NULL), "server");
  fd = wire_connect (LISTENER_PORT (without));
  wire_expect_end (fd);
  close (fd);
  nopoll_ctx_set_ssl_context_creator (ctx, nothing, NULL);
  fd = wire_connect (LISTENER_PORT (with));
  wire_expect_end (fd);
  close (fd);
  ctx_end (ctx);
}

/* How programs chose certificates by name before the context's store did. */
static int put_another (SSL *ssl, int *alert, void *data)
{
  SSL_CTX *other = SSL_CTX_new (TLS_server_method ());

  (void) alert, (void) data;
  SSL_CTX_use_certificate_chain_file (other, tls_file ("b.pem"));
  SSL_CTX_use_PrivateKey_file (other, tls_file ("b.key"), SSL_FILETYPE_PEM);
  SSL_set_SSL_CTX (ssl, other);
  SSL_CTX_free (other);
  return SSL_TLSEXT_ERR_OK;
}

static noPollPtr with_name_callback (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                                     nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *made = (SSL_CTX *) with_certificate (ctx, conn, opts, is_client, ctx);

  (void) data;
  SSL_CTX_set_tlsext_servername_callback (made, put_another);
  return made;
}

static void look_at_context (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) msg, (void) data;
  /* The one that was made, alive, and not the one that is used now. */
  CHECK (conn->ssl_ctx != SSL_get_SSL_CTX (conn->ssl));
  CHECK (SSL_CTX_get0_certificate (conn->ssl_ctx) != NULL);
  nopoll_conn_send_text (conn, "fine", 4);
}

/* A client sends a message and gets this one. */
static void exchange (noPollConn *listener, const char *name, const char *answer)
{
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = tls_connect (raw, LISTENER_PORT (listener), name);

  tls_upgrade (ssl);
  tls_send_frame (ssl, 0x81, 1, "x", 1);
  tls_expect_frame (ssl, 0x81, answer, (long) strlen (answer));
  tls_free (ssl);
  SSL_CTX_free (raw);
}

TEST (a_creators_context_may_be_changed_for_another_by_name)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, NULL);

  nopoll_ctx_set_on_msg (ctx, look_at_context, NULL);
  nopoll_ctx_set_ssl_context_creator (ctx, with_name_callback, NULL);
  loop_start (ctx);
  CHECK_STR (certificate_for (LISTENER_PORT (listener), "b.test"), "b");
  exchange (listener, "b.test", "fine");
  ctx_end (ctx);
}

static struct {
  noPollCtx *ctx;
  noPollConn *conn;
  int lines;
} told;

static void tell (const SSL *ssl, int where, int ret)
{
  (void) ssl, (void) ret;
  if (where & SSL_CB_HANDSHAKE_START)
    __nopoll_log (told.ctx, __func__, __FILE__, __LINE__, NOPOLL_LEVEL_DEBUG, "a handshake begins");
}

static noPollPtr with_info_callback (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                                     nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *made = (SSL_CTX *) with_certificate (ctx, conn, opts, is_client, ctx);

  (void) data;
  told.ctx = ctx;
  told.conn = conn;
  SSL_CTX_set_info_callback (made, tell);
  return made;
}

static void ask_the_connection (noPollCtx *ctx, noPollDebugLevel level, const char *line,
                                noPollPtr data)
{
  (void) ctx, (void) level, (void) data;
  if (strstr (line, "a handshake begins") == NULL)
    return;
  CHECK_INT (nopoll_conn_pending_write_bytes (told.conn), 0);
  SHARED_ADD (told.lines, 1);
}

/* The log handler may call the library, which is in the middle of something there. */
TEST (what_callbacks_of_openssl_log_is_told_afterwards)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, NULL);

  nopoll_log_set_handler (ctx, ask_the_connection, NULL);
  nopoll_ctx_set_ssl_context_creator (ctx, with_info_callback, NULL);
  loop_start (ctx);
  exchange (listener, NULL, "x");
  CHECK (SHARED_GET (told.lines) >= 1);
  ctx_end (ctx);
}

static nopoll_bool refuse (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                           noPollPtr data)
{
  (void) ctx, (void) conn, (void) ssl_ctx, (void) ssl, (void) data;
  return nopoll_false;
}

TEST (a_post_check_that_refuses_leaves_the_request_unanswered)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl;

  nopoll_ctx_set_post_ssl_check (ctx, refuse, NULL);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_expect_end (ssl);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (plain_http_on_a_tls_port_and_tls_on_a_plain_port)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *secure = tls_listener (ctx, "server"), *plain = wire_listener (ctx);
  SSL_CTX *raw = tls_client_ctx (NULL);
  struct tls_log log;
  char why[256], answer[1024];
  int fd;

  tls_watch_log (ctx, &log);
  loop_start (ctx);
  fd = wire_connect (LISTENER_PORT (secure));
  wire_send_request (fd, "/", "");
  wire_receive_rest (fd, answer, sizeof answer);
  WAIT_UNTIL (tls_logged (&log, "http request") == 1);
  close (fd);
  CHECK (tls_try_connect (raw, LISTENER_PORT (plain), NULL, why, sizeof why) == NULL);
  WAIT_UNTIL (tls_logged (&log, "refused with 400") == 1);
  /* Neither disturbs anybody. */
  CHECK_STR (certificate_for (LISTENER_PORT (secure), NULL), "server");
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (a_port_shared_between_tls_and_plain)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = wire_listener (ctx);
  SSL_CTX *raw = tls_client_ctx (NULL);
  noPollConn *conn;
  SSL *ssl;
  int fd, accepted;

  store (ctx, NULL, "server");
  nopoll_ctx_unregister_conn (ctx, listener);
  fd = wire_connect (LISTENER_PORT (listener));
  accepted = nopoll_listener_accept (nopoll_conn_socket (listener));
  CHECK (accepted > 0);
  conn = nopoll_listener_from_socket (ctx, accepted);
  CHECK_INT (nopoll_conn_accept_complete (ctx, listener, conn, accepted, nopoll_true), nopoll_true);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
  loop_start (ctx);
  ssl = tls_over (raw, fd);
  tls_upgrade (ssl);
  tls_send_frame (ssl, 0x81, 1, "x", 1);
  tls_expect_frame (ssl, 0x81, "x", 1);
  tls_free (ssl);
  SSL_CTX_free (raw);
  /* Out of the registry it has to be closed by hand. */
  loop_end (ctx);
  nopoll_conn_close (listener);
  ctx_end (ctx);
}

TESTS (CASE (raw_tls_is_echoed_in_both_versions_and_with_both_kinds_of_key),
       CASE (the_chain_file_is_sent), CASE (nothing_is_added_to_a_chain_from_what_is_trusted),
       CASE (options_come_before_the_listener_and_that_before_the_context),
       CASE (the_name_asked_for_selects_from_the_context),
       CASE (without_any_certificate_clients_are_refused),
       CASE (contexts_are_shared_until_the_files_change),
       CASE (clients_that_offer_http_1_1_get_it),
       CASE (sessions_are_resumed_unless_the_program_looks_at_certificates),
       CASE (clients_are_asked_for_certificates_of_one_authority),
       CASE (without_an_authority_of_its_own_a_listener_believes_the_systems),
       CASE (without_a_loop_each_call_takes_a_step),
       CASE (a_connection_closed_before_tls_says_nothing),
       CASE (handlers_come_in_order),
       CASE (a_creator_may_bring_the_certificate),
       CASE (a_creators_context_may_be_changed_for_another_by_name),
       CASE (what_callbacks_of_openssl_log_is_told_afterwards),
       CASE (a_post_check_that_refuses_leaves_the_request_unanswered),
       CASE (plain_http_on_a_tls_port_and_tls_on_a_plain_port),
       CASE (a_port_shared_between_tls_and_plain))
