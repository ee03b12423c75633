/* run.py: needs=tls */
/* TLS clients: what they say, what they remember, what the program may add and see. */
#include <fcntl.h>
#include <nopoll.h>
#include <nopoll_private.h>
#include <openssl/pkcs12.h>

#include "support/tls/tls.h"

static noPollConn *connect_to (noPollCtx *ctx, noPollConnOpts *opts, const struct tls_server *server,
                               const char *host_name)
{
  return nopoll_conn_tls_new (ctx, opts, "127.0.0.1", tls_port (server), host_name, NULL, NULL, NULL);
}

static noPollConnOpts *verifying (void)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, tls_file ("root.pem"));
  nopoll_conn_opts_ssl_peer_verify (opts, nopoll_true);
  return opts;
}

static int is_ready (noPollConn *conn)
{
  return nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ());
}

static void expect_text (noPollConn *conn, const char *text)
{
  char got[64] = "";
  int size = (int) strlen (text);

  CHECK_INT (nopoll_conn_read (conn, got, size, nopoll_true, 10000 * check_slowness ()), size);
  CHECK_STR (got, text);
}

static void expect_echo (noPollConn *conn, const char *text)
{
  CHECK_INT (nopoll_conn_send_text (conn, text, -1), strlen (text));
  expect_text (conn, text);
}

TEST (a_message_goes_there_and_back)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  conn = connect_to (ctx, verifying (), &server, NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
  /* Before the answer to the request is there. */
  CHECK_INT (nopoll_conn_send_text (conn, "early", 5), 5);
  CHECK (is_ready (conn));
  expect_text (conn, "early");
  expect_echo (conn, "late");
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* Q49 */
TEST (the_name_asked_for_has_no_port_and_is_no_address)
{
  static const struct { const char *host, *host_name, *sni; } rows[] = {
    { "127.0.0.1", "server.test", "server.test" },
    { "127.0.0.1", "server.test:8443", "server.test" },
    { "127.0.0.1", "server.test.", "server.test" },
    { "localhost", NULL, "localhost" },
    { "127.0.0.1", NULL, "" },
    { "127.0.0.1", "127.0.0.1:80", "" },
    { "127.0.0.1", "[::1]:443", "" },
    { "localhost", "", "localhost" },
  };
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  for (i = 0; i < (int) (sizeof rows / sizeof rows[0]); i++) {
    noPollConn *conn = nopoll_conn_tls_new (ctx, nopoll_conn_opts_new (), rows[i].host,
                                            tls_port (&server), rows[i].host_name, NULL, NULL, NULL);

    CHECK (is_ready (conn));
    CHECK_STR (server.sni, rows[i].sni);
    CHECK_STR (nopoll_conn_get_host_header (conn),
               rows[i].host_name != NULL ? rows[i].host_name : rows[i].host);
    CHECK_STR (server.alpn, "");
    nopoll_conn_close (conn);
  }
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

static int resumed_with (noPollCtx *ctx, noPollConnOpts *opts, struct tls_server *server,
                         const char *host_name)
{
  int before = server->resumed;
  noPollConn *conn = connect_to (ctx, opts, server, host_name);

  CHECK (is_ready (conn));
  expect_echo (conn, "x");
  nopoll_conn_close (conn);
  return server->resumed - before;
}

static nopoll_bool agree (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                          noPollPtr data)
{
  (void) ctx, (void) conn, (void) ssl_ctx, (void) ssl;
  ++*(int *) data;
  return nopoll_true;
}

static noPollPtr new_context (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                              nopoll_bool is_client, noPollPtr data)
{
  (void) ctx, (void) conn, (void) opts, (void) data;
  return SSL_CTX_new (is_client ? TLS_client_method () : TLS_server_method ());
}

static void resumption (int version)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *pinned;
  int checks = 0;

  memset (&server, 0, sizeof server);
  server.max_version = version;
  tls_server_start (&server);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 0);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 1);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 1);
  /* What was agreed with other demands, or with somebody else, is no use. */
  CHECK_INT (resumed_with (ctx, nopoll_conn_opts_new (), &server, "server.test"), 0);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "localhost"), 0);
  pinned = verifying ();
  nopoll_conn_opts_add_ssl_pin (pinned, tls_text ("server.pin"));
  CHECK_INT (resumed_with (ctx, pinned, &server, "server.test"), 0);
  /* A resumed session has no certificates to look at. */
  nopoll_ctx_set_post_ssl_check (ctx, agree, &checks);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 0);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 0);
  nopoll_ctx_set_post_ssl_check (ctx, NULL, NULL);
  CHECK_INT (checks, 2);
  nopoll_ctx_set_ssl_context_creator (ctx, new_context, NULL);
  CHECK_INT (resumed_with (ctx, nopoll_conn_opts_new (), &server, "server.test"), 0);
  CHECK_INT (resumed_with (ctx, nopoll_conn_opts_new (), &server, "server.test"), 0);
  nopoll_ctx_set_ssl_context_creator (ctx, NULL, NULL);
  CHECK_INT (resumed_with (ctx, verifying (), &server, "server.test"), 1);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (sessions_are_resumed_per_host_and_demand_in_tls_1_3) { resumption (TLS1_3_VERSION); }
TEST (sessions_are_resumed_per_host_and_demand_in_tls_1_2) { resumption (TLS1_2_VERSION); }

TEST (a_wrong_pin_is_refused_every_time)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  noPollConnOpts *opts;
  int i;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  for (i = 0; i < 2; i++) {
    opts = nopoll_conn_opts_new ();
    nopoll_conn_opts_add_ssl_pin (opts, tls_text ("rsa.pin"));
    conn = connect_to (ctx, opts, &server, "server.test");
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
    CHECK (strstr (nopoll_conn_get_error_text (conn), "pin mismatch: ") != NULL);
    CHECK (strstr (nopoll_conn_get_error_text (conn), tls_text ("server.pin")) != NULL);
    nopoll_conn_close (conn);
  }
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

/* Q44 */
TEST (the_oldest_version_is_what_the_options_say)
{
  static const struct { int method, minimum; } rows[] = {
    { NOPOLL_METHOD_TLSV1, TLS1_VERSION }, { NOPOLL_METHOD_TLSV1_1, TLS1_1_VERSION },
    { NOPOLL_METHOD_TLSV1_2, TLS1_2_VERSION }, { NOPOLL_METHOD_TLS_FLEXIBLE, TLS1_2_VERSION },
    { NOPOLL_METHOD_TLSV1_3, TLS1_3_VERSION }, { 0, TLS1_2_VERSION }, { 77, TLS1_2_VERSION },
  };
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts;
  noPollConn *conn;
  int i;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  for (i = 0; i < (int) (sizeof rows / sizeof rows[0]); i++) {
    opts = nopoll_conn_opts_new ();
    nopoll_conn_opts_set_ssl_protocol (opts, (noPollSslProtocol) rows[i].method);
    conn = connect_to (ctx, opts, &server, NULL);
    CHECK (is_ready (conn));
    CHECK_INT (SSL_get_min_proto_version (conn->ssl), rows[i].minimum);
    CHECK_INT (SSL_get_max_proto_version (conn->ssl), 0);
    /* None is a maximum. */
    CHECK_INT (SSL_version (conn->ssl), TLS1_3_VERSION);
    nopoll_conn_close (conn);
  }
  tls_server_stop (&server);
  memset (&server, 0, sizeof server);
  server.max_version = TLS1_2_VERSION;
  tls_server_start (&server);
  opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_set_ssl_protocol (opts, NOPOLL_METHOD_TLSV1_3);
  conn = connect_to (ctx, opts, &server, NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_TLS);
  CHECK (strstr (nopoll_conn_get_error_text (conn), "protocol") != NULL);
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

/* Contexts of the program: how many it made, and how many OpenSSL has freed. */
static int made, freed;

static void note_freed (void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl,
                        void *argp)
{
  (void) parent, (void) data, (void) index, (void) argl, (void) argp;
  if (pointer != NULL)
    freed++;
}

static SSL_CTX *counted_context (void)
{
  static int index = -1;
  SSL_CTX *ssl_ctx = SSL_CTX_new (TLS_client_method ());

  if (index < 0)
    index = SSL_CTX_get_ex_new_index (0, NULL, NULL, NULL, note_freed);
  SSL_CTX_set_ex_data (ssl_ctx, index, &made);
  made++;
  return ssl_ctx;
}

struct ocsp { char answer[64]; SSL_CTX *shared; int checked; const char *cipher; noPollConnOpts *opts; };

static noPollPtr demanding (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                            nopoll_bool is_client, noPollPtr data)
{
  struct ocsp *ocsp = (struct ocsp *) data;
  SSL_CTX *ssl_ctx = counted_context ();

  CHECK (ctx == nopoll_conn_ctx (conn));
  CHECK_INT (is_client, nopoll_true);
  CHECK (opts == ocsp->opts);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_false);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_CLIENT);
  CHECK_INT (nopoll_conn_send_text (conn, "clear", 5), -1);
  CHECK_INT (nopoll_conn_default_send (conn, (char *) "clear", 5), -1);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (SSL_CTX_set_cipher_list (ssl_ctx, "ECDHE-ECDSA-CHACHA20-POLY1305"), 1);
  SSL_CTX_set_max_proto_version (ssl_ctx, TLS1_2_VERSION);
  SSL_CTX_set_tlsext_status_type (ssl_ctx, TLSEXT_STATUSTYPE_ocsp);
  return ssl_ctx;
}

static nopoll_bool look (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                         noPollPtr data)
{
  struct ocsp *ocsp = (struct ocsp *) data;
  const unsigned char *answer = NULL;
  long size = SSL_get_tlsext_status_ocsp_resp ((SSL *) ssl, &answer);
  X509 *certificate = SSL_get1_peer_certificate ((SSL *) ssl);

  (void) ctx;
  CHECK (conn->ssl == ssl && conn->ssl_ctx == ssl_ctx);
  CHECK (SSL_get_SSL_CTX ((SSL *) ssl) == ssl_ctx);
  CHECK_INT (SSL_get_fd ((SSL *) ssl), nopoll_conn_socket (conn));
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_false);
  CHECK (certificate != NULL);
  X509_free (certificate);
  if (size > 0)
    snprintf (ocsp->answer, sizeof ocsp->answer, "%.*s", (int) size, (const char *) answer);
  ocsp->cipher = SSL_get_cipher_name ((SSL *) ssl);
  CHECK_INT (nopoll_conn_send_text (conn, "early", 5), -1);
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  CHECK_INT (nopoll_conn_is_ready (conn), nopoll_false);
  ocsp->checked++;
  return ocsp->shared == NULL;
}

static int staple (SSL *ssl, void *data)
{
  unsigned char *copy = (unsigned char *) OPENSSL_strdup ("all is well");

  (void) data;
  SSL_set_tlsext_status_ocsp_resp (ssl, copy, 11);
  return SSL_TLSEXT_ERR_OK;
}

static void set_up_stapling (SSL_CTX *ssl_ctx, void *data)
{
  (void) data;
  SSL_CTX_set_tlsext_status_cb (ssl_ctx, staple);
}

TEST (a_context_of_the_program_with_ciphers_and_ocsp)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  struct ocsp ocsp;
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  memset (&ocsp, 0, sizeof ocsp);
  made = freed = 0;
  server.setup = set_up_stapling;
  tls_server_start (&server);
  nopoll_ctx_set_ssl_context_creator (ctx, demanding, &ocsp);
  nopoll_ctx_set_post_ssl_check (ctx, look, &ocsp);
  ocsp.opts = verifying ();
  conn = connect_to (ctx, ocsp.opts, &server, NULL);
  CHECK (is_ready (conn));
  CHECK_INT (ocsp.checked, 1);
  CHECK_STR (ocsp.answer, "all is well");
  CHECK_STR (ocsp.cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
  expect_echo (conn, "hello");
  /* The objects are there as long as the connection is, socket or not. */
  nopoll_conn_ref (conn);
  nopoll_conn_close (conn);
  CHECK_STR (SSL_get_cipher_name (conn->ssl), "ECDHE-ECDSA-CHACHA20-POLY1305");
  CHECK_INT (SSL_get_fd (conn->ssl), -1);
  CHECK (SSL_write (conn->ssl, "stale", 5) <= 0);
  ERR_clear_error ();
  CHECK_INT (freed, 0);
  nopoll_conn_unref (conn);
  CHECK_INT (made, 1);
  CHECK_INT (freed, 1);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (a_refusal_by_the_post_check)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  struct ocsp ocsp;
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  memset (&ocsp, 0, sizeof ocsp);
  made = freed = 0;
  ocsp.shared = (SSL_CTX *) ctx;
  tls_server_start (&server);
  nopoll_ctx_set_ssl_context_creator (ctx, demanding, &ocsp);
  nopoll_ctx_set_post_ssl_check (ctx, look, &ocsp);
  ocsp.opts = verifying ();
  conn = connect_to (ctx, ocsp.opts, &server, NULL);
  CHECK (conn != NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_false);
  CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_REJECTED);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  nopoll_conn_close (conn);
  CHECK_INT (freed, 1);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

static noPollPtr share (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts, nopoll_bool is_client,
                        noPollPtr data)
{
  (void) ctx, (void) conn, (void) opts, (void) is_client;
  SSL_CTX_up_ref ((SSL_CTX *) data);
  return data;
}

TEST (one_context_of_the_program_for_several_connections)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *first, *second;
  SSL_CTX *shared;

  memset (&server, 0, sizeof server);
  made = freed = 0;
  shared = counted_context ();
  tls_server_start (&server);
  tls_set_system ("root.pem");
  nopoll_ctx_set_ssl_context_creator (ctx, share, shared);
  first = connect_to (ctx, NULL, &server, NULL);
  CHECK (is_ready (first));
  nopoll_conn_close (first);
  second = connect_to (ctx, NULL, &server, NULL);
  CHECK (is_ready (second));
  CHECK (second->ssl_ctx == shared);
  SSL_CTX_free (shared);
  CHECK_INT (freed, 0);
  expect_echo (second, "still there");
  nopoll_conn_close (second);
  CHECK_INT (freed, 1);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

static noPollPtr no_context (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                             nopoll_bool is_client, noPollPtr data)
{
  (void) ctx, (void) opts, (void) is_client;
  if (data != NULL)
    nopoll_conn_shutdown (conn);
  return data == NULL ? NULL : (noPollPtr) counted_context ();
}

TEST (a_creator_that_returns_null_or_ends_the_connection)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  int i;

  memset (&server, 0, sizeof server);
  made = freed = 0;
  tls_server_start (&server);
  for (i = 0; i < 2; i++) {
    nopoll_ctx_set_ssl_context_creator (ctx, no_context, i == 0 ? NULL : &made);
    conn = connect_to (ctx, NULL, &server, NULL);
    CHECK (conn != NULL);
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
    CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_TLS);
    nopoll_conn_close (conn);
  }
  CHECK_INT (freed, made);
  CHECK_INT (server.established, 0);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

static nopoll_bool close_it (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                             noPollPtr data)
{
  (void) ctx, (void) ssl_ctx, (void) ssl, (void) data;
  nopoll_conn_shutdown (conn);
  return nopoll_true;
}

TEST (a_post_check_that_ends_the_connection)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  nopoll_ctx_set_post_ssl_check (ctx, close_it, NULL);
  conn = connect_to (ctx, verifying (), &server, NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

/* A certificate from a PKCS#12 file, as products do it. */
static noPollPtr with_pkcs12 (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                              nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *ssl_ctx = SSL_CTX_new (TLS_client_method ());
  FILE *file = fopen (tls_file ("client.p12"), "rb");
  PKCS12 *bag = d2i_PKCS12_fp (file, NULL);
  X509 *certificate = NULL;
  EVP_PKEY *key = NULL;

  (void) ctx, (void) conn, (void) opts, (void) is_client, (void) data;
  fclose (file);
  CHECK_INT (PKCS12_parse (bag, "secret", &key, &certificate, NULL), 1);
  CHECK_INT (SSL_CTX_use_certificate (ssl_ctx, certificate), 1);
  CHECK_INT (SSL_CTX_use_PrivateKey (ssl_ctx, key), 1);
  X509_free (certificate);
  EVP_PKEY_free (key);
  PKCS12_free (bag);
  return ssl_ctx;
}

TEST (a_client_certificate_from_a_context_of_the_program)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  server.ca = "root.pem";
  tls_server_start (&server);
  nopoll_ctx_set_ssl_context_creator (ctx, with_pkcs12, NULL);
  conn = connect_to (ctx, verifying (), &server, NULL);
  CHECK (is_ready (conn));
  expect_echo (conn, "who am I");
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

/* What servers do that are none. */
static void be_silent (int fd, void *data)
{
  char byte;

  (void) data;
  while (recv (fd, &byte, 1, 0) > 0)
    ;
}

static void hang_up (int fd, void *data)
{
  char hello[64];

  (void) data;
  recv (fd, hello, sizeof hello, 0);
}

static void speak_http (int fd, void *data)
{
  char byte;

  (void) data;
  send (fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL);
  shutdown (fd, SHUT_WR);
  while (recv (fd, &byte, 1, 0) > 0)
    ;
}

static int closes;

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx, (void) conn, (void) data;
  closes++;
}

static noPollPtr watch_close (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                              nopoll_bool is_client, noPollPtr data)
{
  nopoll_conn_set_on_close (conn, count_close, NULL);
  return new_context (ctx, conn, opts, is_client, data);
}

/* Q13 */
TEST (servers_that_are_none)
{
  static const struct { void (*serve) (int, void *); int error; const char *text; } rows[] = {
    { be_silent, NOPOLL_ERROR_TIMEOUT, "handshake" },
    { hang_up, NOPOLL_ERROR_TLS, "" },
    { speak_http, NOPOLL_ERROR_TLS, "" },
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  nopoll_conn_connect_timeout (ctx, 300000L * check_slowness ());
  for (i = 0; i < 3; i++) {
    struct tls_server server;
    noPollConn *conn;

    memset (&server, 0, sizeof server);
    server.raw = rows[i].serve;
    tls_server_start (&server);
    nopoll_ctx_set_ssl_context_creator (ctx, i > 0 ? watch_close : NULL, NULL);
    closes = 0;
    conn = connect_to (ctx, nopoll_conn_opts_new (), &server, NULL);
    CHECK (conn != NULL);
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
    CHECK_INT (nopoll_conn_get_error (conn), rows[i].error);
    CHECK (strstr (nopoll_conn_get_error_text (conn), rows[i].text) != NULL);
    CHECK_INT (closes, i > 0);
    CHECK_INT (nopoll_conn_send_text (conn, "x", 1), -1);
    CHECK_INT (errno, EBADF);
    nopoll_conn_close (conn);
    tls_server_stop (&server);
  }
  nopoll_ctx_unref (ctx);
}

struct departure {
  int phase, resets;
};

/* Says what belongs to the phases before, and is gone without a word of TLS. */
static void depart (SSL *ssl, void *data)
{
  const struct departure *how = (const struct departure *) data;
  const struct linger at_once = { 1, 0 };
  int fd = SSL_get_fd (ssl);
  char head[4096];

  if (how->phase >= 3)
    tls_answer_upgrade (ssl);
  else if (how->phase >= 1)
    tls_receive_head (ssl, head, sizeof head);
  if (how->phase == 2)
    tls_send (ssl, "HTTP/1.1 101 Swit", 17);
  if (how->phase == 4)
    tls_send (ssl, "\x81\x05" "ha", 4);
  if (how->phase == 5)
    tls_send_frame (ssl, 0x81, 0, "whole", 5);
  if (how->resets)
    setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  else
    shutdown (fd, SHUT_RDWR);
}

static void count_message (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) conn;
  CHECK_INT (nopoll_msg_get_payload_size (msg), 5);
  ++*(int *) data;
}

TEST (servers_that_go_in_every_phase)
{
  struct departure how;

  for (how.phase = 0; how.phase <= 5; how.phase++)
    for (how.resets = 0; how.resets <= 1; how.resets++) {
      noPollCtx *ctx = nopoll_ctx_new ();
      struct tls_server server;
      noPollConn *conn;
      int messages = 0;

      memset (&server, 0, sizeof server);
      server.serve = depart;
      server.data = &how;
      tls_server_start (&server);
      nopoll_ctx_set_ssl_context_creator (ctx, watch_close, NULL);
      nopoll_ctx_set_on_msg (ctx, count_message, &messages);
      closes = 0;
      conn = connect_to (ctx, nopoll_conn_opts_new (), &server, NULL);
      CHECK (conn != NULL);
      while (nopoll_conn_is_ok (conn))
        nopoll_loop_wait (ctx, 10000);
      CHECK_INT (closes, 1);
      /* A reset may overtake what was sent before it. */
      if (how.phase < 5)
        CHECK_INT (messages, 0);
      else if (!how.resets)
        CHECK_INT (messages, 1);
      CHECK_INT (nopoll_conn_send_text (conn, "x", 1), -1);
      nopoll_conn_close (conn);
      tls_server_stop (&server);
      CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
      nopoll_ctx_unref (ctx);
    }
}

TEST (over_a_blocking_socket_of_the_caller)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  noPollMsg *msg;
  int fd;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  fd = wire_connect (server.port);
  conn = nopoll_conn_tls_new_with_socket (ctx, verifying (), fd, "localhost", NULL, NULL, NULL, NULL,
                                          NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
  CHECK_INT (nopoll_conn_socket (conn), fd);
  CHECK_INT (SSL_get_fd (conn->ssl), fd);
  CHECK_INT (fcntl (fd, F_GETFL) & O_NONBLOCK, 0);
  /* Blocking: one call waits for the answer to the request, and one for the message. */
  CHECK_INT (nopoll_conn_is_ready (conn), nopoll_true);
  CHECK_INT (nopoll_conn_send_text (conn, "hello", 5), 5);
  msg = nopoll_conn_get_msg (conn);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "hello");
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (raw_functions_are_refused)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  char buffer[8];

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  conn = connect_to (ctx, verifying (), &server, NULL);
  CHECK (is_ready (conn));
  CHECK_INT (nopoll_conn_default_send (conn, (char *) "clear", 5), -1);
  CHECK_INT (errno, EINVAL);
  CHECK_INT (nopoll_conn_default_receive (conn, buffer, sizeof buffer), -1);
  CHECK_INT (errno, EINVAL);
  expect_echo (conn, "fine");
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (a_descriptor_taken_out_and_put_in_again_goes_on_with_tls)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  int fd, other;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  conn = connect_to (ctx, verifying (), &server, NULL);
  CHECK (is_ready (conn));
  fd = nopoll_conn_socket (conn);
  nopoll_conn_set_socket (conn, -1);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  CHECK_INT (nopoll_conn_send_text (conn, "x", 1), -1);
  CHECK_INT (SSL_get_fd (conn->ssl), -1);
  other = dup (fd);
  close (fd);
  nopoll_conn_set_socket (conn, other);
  CHECK_INT (SSL_get_fd (conn->ssl), other);
  expect_echo (conn, "as before");
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (a_listening_loop_and_clients_in_one_context)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  noPollConn *conn;

  loop_start (ctx);
  conn = nopoll_conn_tls_new (ctx, verifying (), "127.0.0.1",
                              wire_port_text (nopoll_conn_socket (listener)), NULL, NULL, NULL, NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
  WAIT_UNTIL (nopoll_conn_is_ready (conn));
  ctx_end (ctx);
}

TESTS (CASE (a_message_goes_there_and_back),
       CASE (the_name_asked_for_has_no_port_and_is_no_address),
       CASE (sessions_are_resumed_per_host_and_demand_in_tls_1_3),
       CASE (sessions_are_resumed_per_host_and_demand_in_tls_1_2),
       CASE (a_wrong_pin_is_refused_every_time),
       CASE (the_oldest_version_is_what_the_options_say),
       CASE (a_context_of_the_program_with_ciphers_and_ocsp),
       CASE (a_refusal_by_the_post_check),
       CASE (one_context_of_the_program_for_several_connections),
       CASE (a_creator_that_returns_null_or_ends_the_connection),
       CASE (a_post_check_that_ends_the_connection),
       CASE (a_client_certificate_from_a_context_of_the_program),
       CASE (servers_that_are_none),
       CASE (servers_that_go_in_every_phase),
       CASE (over_a_blocking_socket_of_the_caller),
       CASE (raw_functions_are_refused),
       CASE (a_descriptor_taken_out_and_put_in_again_goes_on_with_tls),
       CASE (a_listening_loop_and_clients_in_one_context))
