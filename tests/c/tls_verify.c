/* run.py: needs=tls */
/*
 * Which servers a TLS client believes: every way to ask (rows) against every kind of certificate
 * (columns), and the reason for each refusal.
 */
#include <nopoll.h>

#include "support/tls/tls.h"

/* What becomes of it: nothing of that, or the words in the reason. */
#define FINE NULL
#define EXPIRED "certificate has expired"
#define FUTURE "certificate is not yet valid"
#define SELF "signed certificate"                          /* OpenSSL 3 has a hyphen before it */
#define ISSUER "unable to get local issuer certificate"
#define NAME "host name mismatch: the certificate is not for '"
#define PIN "pin mismatch: the server's public key is '"
#define MISSING "certificate required"
#define WRONG "unknown ca"

enum { NONE, SYSTEM, GIVEN };

struct way {
  const char *says;
  /* What the options are told: -1 is nothing. No options at all: */
  int no_options;
  int peer, ca, host;
  /* The program makes the context, and has it verify or not. */
  int creator, creator_verifies;
  /* The chain is checked against this, and the name or not. Only to make the table readable. */
  int chain, name;
};

static const struct way ways[] = {
  { "no options", 1, -1, 0, -1, 0, 0, SYSTEM, 1 },
  { "fresh options", 0, -1, 0, -1, 0, 0, NONE, 0 },
  { "fresh options with a CA", 0, -1, 1, -1, 0, 0, NONE, 0 },
  { "fresh options, no host names", 0, -1, 1, 0, 0, 0, NONE, 0 },
  { "peer verify off", 0, 0, 1, -1, 0, 0, NONE, 0 },
  { "peer verify", 0, 1, 0, -1, 0, 0, SYSTEM, 1 },
  { "peer verify, host names", 0, 1, 0, 1, 0, 0, SYSTEM, 1 },
  { "peer verify, no host names", 0, 1, 0, 0, 0, 0, SYSTEM, 0 },
  { "peer verify with a CA", 0, 1, 1, -1, 0, 0, GIVEN, 0 },
  { "peer verify with a CA, no host names", 0, 1, 1, 0, 0, 0, GIVEN, 0 },
  { "peer verify with a CA, host names", 0, 1, 1, 1, 0, 0, GIVEN, 1 },
  { "host names alone", 0, -1, 0, 1, 0, 0, SYSTEM, 1 },
  { "host names alone with a CA", 0, -1, 1, 1, 0, 0, GIVEN, 1 },
  { "peer verify off, host names", 0, 0, 1, 1, 0, 0, GIVEN, 1 },
  { "creator, no options", 1, -1, 0, -1, 1, 0, SYSTEM, 0 },
  { "creator, fresh options", 0, -1, 0, -1, 1, 0, NONE, 0 },
  { "creator, peer verify", 0, 1, 0, -1, 1, 0, SYSTEM, 0 },
  { "creator, peer verify, host names", 0, 1, 0, 1, 1, 0, SYSTEM, 1 },
  { "creator that verifies, no options", 1, -1, 0, -1, 1, 1, GIVEN, 0 },
  { "creator that verifies, fresh options", 0, -1, 0, -1, 1, 1, GIVEN, 0 },
  { "creator that verifies, host names", 0, -1, 0, 1, 1, 1, GIVEN, 1 },
};
#define WAYS ((int) (sizeof ways / sizeof ways[0]))

struct kind {
  const char *says;
  /* The server's certificate, and what the client calls the server. */
  const char *certificate, *host_ip, *host_name;
  /* A pin of the client's, and its own certificate, demanded by the server. */
  const char *pin, *identity;
  int demanded;
  /* What becomes of it, by what is checked: nothing, chain, chain and name. */
  const char *unchecked, *chain, *chain_and_name;
};

static const struct kind kinds[] = {
  { "right", "server", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, FINE, FINE },
  { "right, RSA", "rsa", "127.0.0.1", "server.test:4433", NULL, NULL, 0, FINE, FINE, FINE },
  { "expired", "expired", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, EXPIRED, EXPIRED },
  { "not yet valid", "future", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, FUTURE, FUTURE },
  { "self-signed", "self", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, SELF, SELF },
  { "of another CA", "stranger", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, ISSUER, ISSUER },
  { "of another host", "elsewhere", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, FINE, NAME },
  { "by address", "server", "127.0.0.1", NULL, NULL, NULL, 0, FINE, FINE, FINE },
  { "by address, with a port", "server", "127.0.0.1", "127.0.0.1:80", NULL, NULL, 0, FINE, FINE, FINE },
  { "for the address only", "address", "127.0.0.1", NULL, NULL, NULL, 0, FINE, FINE, FINE },
  { "for the address only, by name", "address", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, FINE, NAME },
  { "by an address it isn't for", "elsewhere", "127.0.0.1", NULL, NULL, NULL, 0, FINE, FINE, NAME },
  { "wildcard", "wildcard", "127.0.0.1", "a.wild.test", NULL, NULL, 0, FINE, FINE, FINE },
  { "wildcard, two labels", "wildcard", "127.0.0.1", "b.a.wild.test", NULL, NULL, 0, FINE, FINE, NAME },
  { "wildcard, no label", "wildcard", "127.0.0.1", "wild.test", NULL, NULL, 0, FINE, FINE, NAME },
  { "without its intermediate", "deep", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, ISSUER, ISSUER },
  { "with its intermediate", "deep_chain", "127.0.0.1", "localhost", NULL, NULL, 0, FINE, FINE, FINE },
  { "with the right pin", "server", "127.0.0.1", "localhost", "server", NULL, 0, FINE, FINE, FINE },
  { "with the CA's pin", "server", "127.0.0.1", "localhost", "root", NULL, 0, PIN, PIN, PIN },
  { "with a wrong pin", "server", "127.0.0.1", "localhost", "rsa", NULL, 0, PIN, PIN, PIN },
  { "expired, with the right pin", "expired", "127.0.0.1", "localhost", "expired", NULL, 0, FINE, EXPIRED, EXPIRED },
  { "asking for a certificate", "server", "127.0.0.1", "localhost", NULL, "client", 1, FINE, FINE, FINE },
  { "asking for a certificate, chain", "server", "127.0.0.1", "localhost", NULL, "client_deep_chain", 1, FINE, FINE, FINE },
  { "asking for one there isn't", "server", "127.0.0.1", "localhost", NULL, NULL, 1, MISSING, MISSING, MISSING },
  { "asking for another one", "server", "127.0.0.1", "localhost", NULL, "client_stranger", 1, WRONG, WRONG, WRONG },
  { "asking for one that has expired", "server", "127.0.0.1", "localhost", NULL, "client_expired", 1, "expired", "expired", "expired" },
};
#define KINDS ((int) (sizeof kinds / sizeof kinds[0]))

/* With a CA of its own, a client must not fall back on what the system trusts; so then the system
 * trusts the other one. */
static const char *expected (const struct way *way, const struct kind *kind)
{
  if (way->chain == NONE)
    return kind->unchecked;
  return way->name ? kind->chain_and_name : kind->chain;
}

static noPollPtr make_context (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                               nopoll_bool is_client, noPollPtr data)
{
  const struct way *way = (const struct way *) data;
  SSL_CTX *made = SSL_CTX_new (TLS_client_method ());

  (void) ctx, (void) conn, (void) opts;
  CHECK_INT (is_client, nopoll_true);
  if (way->creator_verifies) {
    SSL_CTX_load_verify_locations (made, tls_file ("root.pem"), NULL);
    SSL_CTX_set_verify (made, SSL_VERIFY_PEER, NULL);
  }
  return made;
}

static noPollConnOpts *options (const struct way *way, const struct kind *kind)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  char key[64];
  const char *certificate = NULL, *key_file = NULL;

  if (kind->identity != NULL) {
    char name[64];

    snprintf (name, sizeof name, "%s.pem", kind->identity);
    certificate = tls_file (name);
    snprintf (key, sizeof key, "%s.key",
              strcmp (kind->identity, "client_deep_chain") == 0 ? "client_deep" : kind->identity);
    key_file = tls_file (key);
  }
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, certificate, key_file, NULL,
                                             way->ca ? tls_file ("root.pem") : NULL), nopoll_true);
  if (way->peer >= 0)
    nopoll_conn_opts_ssl_peer_verify (opts, way->peer);
  if (way->host >= 0)
    nopoll_conn_opts_ssl_host_verify (opts, way->host);
  if (kind->pin != NULL) {
    char name[64];

    snprintf (name, sizeof name, "%s.pin", kind->pin);
    /* One that nobody has stands beside it. */
    CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, tls_text ("b.pin")), nopoll_true);
    CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, tls_text (name)), nopoll_true);
  }
  return opts;
}

static void cell (noPollCtx *ctx, const struct way *way, const struct kind *kind, int port, int version)
{
  const char *wanted = expected (way, kind);
  char port_text[8];
  noPollConnOpts *opts = NULL;
  noPollConn *conn;
  int ready;
  const char *why;

  /* Before TLS 1.3 there was no alert of its own for this. */
  if (version < TLS1_3_VERSION && wanted != NULL && strcmp (wanted, MISSING) == 0)
    wanted = "handshake failure";
  if (way->no_options && (kind->pin != NULL || kind->identity != NULL))
    return;
  tls_set_system (way->chain == GIVEN ? "other.pem" : "root.pem");
  nopoll_ctx_set_ssl_context_creator (ctx, way->creator ? make_context : NULL, (noPollPtr) way);
  if (!way->no_options)
    opts = options (way, kind);
  snprintf (port_text, sizeof port_text, "%d", port);
  conn = nopoll_conn_tls_new (ctx, opts, kind->host_ip, port_text, kind->host_name, NULL, NULL, NULL);
  CHECK (conn != NULL);
  ready = nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ());
  why = nopoll_conn_get_error_text (conn);
  if (ready != (wanted == NULL) || (wanted != NULL && strstr (why, wanted) == NULL))
    check_fail (__FILE__, __LINE__, "%s, server %s: %s, wanted %s", way->says, kind->says, why,
                wanted == NULL ? "no error" : wanted);
  if (wanted != NULL) {
    CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_TLS);
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  } else {
    CHECK_INT (nopoll_conn_is_tls_on (conn), nopoll_true);
    CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_NONE);
  }
  nopoll_conn_close (conn);
}

/* Every row against this many columns, from the first on. */
static void columns (int version)
{
  int w, k;

  for (k = 0; k < KINDS; k++) {
    struct tls_server server;
    noPollCtx *ctx = nopoll_ctx_new ();

    memset (&server, 0, sizeof server);
    server.name = kinds[k].certificate;
    server.ca = kinds[k].demanded ? "root.pem" : NULL;
    server.max_version = version;
    tls_server_start (&server);
    for (w = 0; w < WAYS; w++)
      cell (ctx, &ways[w], &kinds[k], server.port, version);
    tls_server_stop (&server);
    nopoll_ctx_unref (ctx);
  }
}

/* U-25, Q47 */
TEST (the_table_with_tls_1_3) { columns (TLS1_3_VERSION); }

TEST (the_table_with_tls_1_2)
{
  columns (TLS1_2_VERSION);
}

TEST (with_the_environment_switch_names_are_checked_only_when_asked)
{
  struct tls_server server;
  noPollConnOpts *opts;
  noPollConn *conn;
  noPollCtx *ctx;
  int asked;

  memset (&server, 0, sizeof server);
  server.name = "elsewhere";
  tls_server_start (&server);
  tls_set_system ("root.pem");
  setenv ("NOPOLL_LENIENT", "1", 1);
  ctx = nopoll_ctx_new ();
  unsetenv ("NOPOLL_LENIENT");
  for (asked = 0; asked < 2; asked++) {
    opts = nopoll_conn_opts_new ();
    nopoll_conn_opts_ssl_peer_verify (opts, nopoll_true);
    if (asked)
      nopoll_conn_opts_ssl_host_verify (opts, nopoll_true);
    conn = nopoll_conn_tls_new (ctx, opts, "127.0.0.1", tls_port (&server), "localhost", NULL, NULL,
                                NULL);
    CHECK_INT (nopoll_conn_is_ok (conn), !asked);
    nopoll_conn_close (conn);
  }
  conn = nopoll_conn_tls_new (ctx, NULL, "127.0.0.1", tls_port (&server), NULL, NULL, NULL, NULL);
  CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (a_pin_is_the_base64_of_32_bytes)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, tls_text ("server.pin")), nopoll_true);
  CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, ""), nopoll_false);
  CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, "c2hvcnQ="), nopoll_false);
  CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
             nopoll_false);
  CHECK_INT (nopoll_conn_opts_add_ssl_pin (opts, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
             nopoll_false);
  nopoll_conn_opts_free (opts);
}

TESTS (CASE (the_table_with_tls_1_3), CASE (the_table_with_tls_1_2),
       CASE (with_the_environment_switch_names_are_checked_only_when_asked),
       CASE (a_pin_is_the_base64_of_32_bytes))
