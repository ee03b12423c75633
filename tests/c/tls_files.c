/* run.py: needs=tls */
/* Files that are no use: what fails, and that the log names the file and the reason. */
#include <nopoll.h>
#include <nopoll_private.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/tls/tls.h"

struct files { const char *certificate, *key, *chain, *ca; };

static const struct row {
  struct files files;
  /* Which file is named, and what is said of it. */
  const char *named, *reason;
} rows[] = {
  { { "missing.pem", "server.key", NULL, NULL }, "missing.pem", "No such file or directory" },
  { { "server.pem", "missing.key", NULL, NULL }, "missing.key", "No such file or directory" },
  { { "server.pem", "server.key", "missing.pem", NULL }, "missing.pem", "No such file or directory" },
  { { "server.pem", "server.key", NULL, "missing.pem" }, "missing.pem", "No such file or directory" },
  { { "garbage.pem", "server.key", NULL, NULL }, "garbage.pem", "no start line" },
  { { "server.pem", "garbage.pem", NULL, NULL }, "garbage.pem", "" },
  { { "server.pem", "server.key", "garbage.pem", NULL }, "garbage.pem", "no start line" },
  { { "server.pem", "server.key", NULL, "garbage.pem" }, "garbage.pem", "no start line" },
  { { "broken.pem", "server.key", NULL, NULL }, "broken.pem", "" },
  { { "server.key", "server.key", NULL, NULL }, "server.key", "no start line" },
  { { "server.pem", "server.pem", NULL, NULL }, "server.pem", "" },
  { { "server.pem", "a.key", NULL, NULL }, "a.key", "key values mismatch" },
  { { "server.pem", "rsa.key", NULL, NULL }, "rsa.key", "key type mismatch" },
  { { "server.pem", "encrypted.key", NULL, NULL }, "encrypted.key", "no terminal to ask" },
  { { "server.pem", "encrypted_old.key", NULL, NULL }, "encrypted_old.key", "no terminal to ask" },
  { { ".", "server.key", NULL, NULL }, "'", "Is a directory" },
};
#define ROWS ((int) (sizeof rows / sizeof rows[0]))

/* Options can't be told of a file that isn't there: it goes after they have been. */
static noPollConnOpts *options (const struct files *files, const char **gone)
{
  const char *given[4], *names[4];
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int i;

  names[0] = files->certificate;
  names[1] = files->key;
  names[2] = files->chain;
  names[3] = files->ca;
  *gone = NULL;
  for (i = 0; i < 4; i++) {
    given[i] = tls_file (names[i]);
    if (names[i] != NULL && strncmp (names[i], "missing", 7) == 0) {
      tls_copy ("server.pem", given[i]);
      *gone = given[i];
    }
  }
  CHECK_INT (nopoll_conn_opts_set_ssl_certs (opts, given[0], given[1], given[2], given[3]),
             nopoll_true);
  if (*gone != NULL)
    unlink (*gone);
  return opts;
}

static int says (const char *text, const struct row *row)
{
  return strstr (text, row->named) != NULL && strstr (text, row->reason) != NULL;
}

TEST (clients_with_unusable_files_are_not_ok)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  struct tls_log log;
  const char *gone;
  int i;

  memset (&server, 0, sizeof server);
  tls_server_start (&server);
  tls_watch_log (ctx, &log);
  for (i = 0; i < ROWS; i++) {
    noPollConnOpts *opts = options (&rows[i].files, &gone);
    noPollConn *conn;

    log.last[0] = 0;
    conn = nopoll_conn_tls_new (ctx, opts, "127.0.0.1", tls_port (&server), NULL, NULL, NULL, NULL);
    CHECK (conn != NULL);
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
    CHECK_INT (nopoll_conn_get_error (conn), NOPOLL_ERROR_TLS);
    if (!says (nopoll_conn_get_error_text (conn), &rows[i]) || !says (log.last, &rows[i]))
      check_fail (__FILE__, __LINE__, "row %d: %s; logged: %s", i, nopoll_conn_get_error_text (conn),
                  log.last);
    nopoll_conn_close (conn);
  }
  CHECK_INT (server.established, 0);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

TEST (listeners_with_unusable_files_refuse)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct tls_log log;
  const char *gone;
  int i;

  tls_watch_log (ctx, &log);
  loop_start (ctx);
  for (i = 0; i < ROWS; i++) {
    noPollConnOpts *opts = options (&rows[i].files, &gone);
    noPollConn *listener = tls_listener_opts (ctx, opts, NULL);
    int fd, count = log.count;

    fd = wire_connect (LISTENER_PORT (listener));
    wire_expect_end (fd);
    close (fd);
    /* Each one that is refused is a line. */
    fd = wire_connect (LISTENER_PORT (listener));
    wire_expect_end (fd);
    close (fd);
    CHECK_INT (log.count, count + 2);
    if (!says (log.last, &rows[i]))
      check_fail (__FILE__, __LINE__, "row %d: logged: %s", i, log.last);
    nopoll_conn_close (listener);
  }
  ctx_end (ctx);
}

TEST (files_that_appear_later_are_used)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  const char *certificate = tls_own_file ("late.pem"), *key = tls_own_file ("late.key");
  noPollConn *listener = tls_listener (ctx, NULL);
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl;
  int fd;

  CHECK_INT (nopoll_ctx_set_certificate (ctx, NULL, certificate, key, NULL), nopoll_true);
  loop_start (ctx);
  fd = wire_connect (LISTENER_PORT (listener));
  wire_expect_end (fd);
  close (fd);
  tls_copy ("server.pem", certificate);
  tls_copy ("server.key", key);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_free (ssl);
  SSL_CTX_free (raw);
  unlink (certificate);
  unlink (key);
  ctx_end (ctx);
}

TEST (a_name_whose_files_are_unusable_costs_the_others_nothing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, NULL);
  SSL_CTX *raw = tls_client_ctx ("root.pem");
  struct tls_log log;
  char why[256];
  SSL *ssl;

  tls_watch_log (ctx, &log);
  nopoll_ctx_set_certificate (ctx, NULL, tls_file ("server.pem"), tls_file ("server.key"), NULL);
  nopoll_ctx_set_certificate (ctx, "bad.test", tls_file ("a.pem"), tls_file ("b.key"), NULL);
  loop_start (ctx);
  CHECK (tls_try_connect (raw, LISTENER_PORT (listener), "bad.test", why, sizeof why) == NULL);
  WAIT_UNTIL (tls_logged (&log, "b.key") == 1);
  ssl = tls_connect (raw, LISTENER_PORT (listener), "good.test");
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

static int asked (char *buffer, int size, int writing, void *data)
{
  (void) writing;
  ++*(int *) data;
  return snprintf (buffer, (size_t) size, "secret");
}

static int asks;

static noPollPtr with_pass_phrase (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                                   nopoll_bool is_client, noPollPtr data)
{
  SSL_CTX *made = SSL_CTX_new (is_client ? TLS_client_method () : TLS_server_method ());

  (void) ctx, (void) conn, (void) opts, (void) data;
  SSL_CTX_set_default_passwd_cb (made, asked);
  SSL_CTX_set_default_passwd_cb_userdata (made, &asks);
  return made;
}

TEST (a_context_of_the_program_knows_the_pass_phrase)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, NULL);
  SSL_CTX *raw = tls_client_ctx ("root.pem");
  SSL *ssl;

  CHECK_INT (nopoll_listener_set_certificate (listener, tls_file ("server.pem"),
                                              tls_file ("encrypted.key"), NULL), nopoll_true);
  nopoll_ctx_set_ssl_context_creator (ctx, with_pass_phrase, NULL);
  asks = 0;
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), "server.test");
  CHECK_INT (asks, 1);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

/* Runs the cases without a controlling terminal, which one would be asked at. */
int main (int argc, char **argv)
{
  static const struct check_case cases[] = {
    CASE (clients_with_unusable_files_are_not_ok), CASE (listeners_with_unusable_files_refuse),
    CASE (files_that_appear_later_are_used),
    CASE (a_name_whose_files_are_unusable_costs_the_others_nothing),
    CASE (a_context_of_the_program_knows_the_pass_phrase),
  };
  int status;
  pid_t child = fork ();

  if (child == 0) {
    setsid ();
    return check_main (argc, argv, cases, (int) (sizeof cases / sizeof cases[0]));
  }
  waitpid (child, &status, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 1;
}
