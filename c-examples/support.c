/*
 * support.c - see support.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support.h"

#include <signal.h>

/* -- Listening ------------------------------------------------------------------------------- */

noPollConn *open_listener (noPollCtx *ctx, const char *address, const char *port,
                           const char *certificate, const char *key)
{
  /* They pass to the listener with the call that makes it, whatever comes of that. */
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  struct sockaddr_in bound;
  socklen_t size = sizeof bound;
  noPollConn *listener;

  /* Only browsers send an Origin header. Without this, everybody else gets a 403. */
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);

  if (certificate == NULL)
    listener = nopoll_listener_new_opts (ctx, opts, address, port);
  else {
    if (!nopoll_conn_opts_set_ssl_certs (opts, certificate, key, NULL, NULL)) {
      fprintf (stderr, "can't read %s or %s\n", certificate, key);
      nopoll_conn_opts_free (opts);
      return NULL;
    }
    listener = nopoll_listener_tls_new_opts (ctx, opts, address, port);
  }
  if (listener == NULL) {
    fprintf (stderr, "can't listen on %s:%s: %s\n", address, port,
             nopoll_conn_get_error_text (NULL));
    return NULL;
  }
  memset (&bound, 0, sizeof bound);
  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &bound, &size);
  setvbuf (stdout, NULL, _IOLBF, 0); /* show each line at once, also through a pipe */
  printf ("listening on %s:%d\n", address, ntohs (bound.sin_port));
  return listener;
}

noPollConn *open_listener_for (noPollCtx *ctx, int argc, char **argv, const char *usage)
{
  const char *address = "127.0.0.1", *certificate = NULL, *key = NULL;
  int option;

  while ((option = getopt (argc, argv, "a:c:k:v")) != -1) {
    if (option == 'a')
      address = optarg;
    else if (option == 'c')
      certificate = optarg;
    else if (option == 'k')
      key = optarg;
    else if (option == 'v')
      nopoll_log_enable (ctx, nopoll_true);
    else
      exit_with_usage (argv, usage);
  }
  if (optind < argc - 1 || (certificate == NULL) != (key == NULL))
    exit_with_usage (argv, usage);
  return open_listener (ctx, address, optind < argc ? argv[optind] : "0", certificate, key);
}

/* -- Connecting ------------------------------------------------------------------------------ */

/* The parts of a ws:// address. All point into one copy of it. */
struct address {
  nopoll_bool tls;
  const char *host;
  const char *port; /* NULL: the scheme's own */
  const char *path; /* without its first slash */
};

/* Cuts text, which is modified, into its parts. */
static nopoll_bool parse (char *text, struct address *address)
{
  char *rest, *slash;

  if (strncmp (text, "ws://", 5) == 0)
    rest = text + 5;
  else if (strncmp (text, "wss://", 6) == 0)
    rest = text + 6;
  else
    return nopoll_false;
  address->tls = text[2] == 's';
  address->host = rest;
  address->port = NULL;
  address->path = "";

  slash = strchr (rest, '/');
  if (slash != NULL) {
    *slash = 0;
    address->path = slash + 1;
  }
  if (*rest == '[') { /* ws://[::1]:8080/ */
    address->host = rest + 1;
    rest = strchr (rest, ']');
    if (rest == NULL)
      return nopoll_false;
    *rest++ = 0;
    if (*rest != 0 && *rest != ':')
      return nopoll_false;
  }
  rest = strchr (rest, ':');
  if (rest != NULL) {
    *rest = 0;
    address->port = rest + 1;
  }
  return *address->host != 0 && (address->port == NULL || *address->port != 0);
}

static noPollConn *connect_to (noPollCtx *ctx, const struct address *address)
{
  char *path = nopoll_strdup_printf ("/%s", address->path);
  char *port = nopoll_strdup (address->port);
  noPollConn *conn;

  /* The "auto" constructors try IPv6 and IPv4. Without options, TLS checks certificate and name,
   * against the CAs of the system or, as always with OpenSSL, of the file SSL_CERT_FILE. */
  if (address->tls)
    conn = nopoll_conn_tls_new_auto (ctx, NULL, address->host, port, NULL, path, NULL, NULL);
  else
    conn = nopoll_conn_new_auto (ctx, address->host, port, NULL, path, NULL, NULL);
  nopoll_free (port);
  nopoll_free (path);
  return conn;
}

noPollConn *open_client (noPollCtx *ctx, const char *url)
{
  struct address address;
  char *copy = nopoll_strdup (url);
  noPollConn *conn;

  if (!parse (copy, &address)) {
    fprintf (stderr, "%s: not of the form ws://HOST[:PORT][/PATH]\n", url);
    nopoll_free (copy);
    return NULL;
  }
  conn = connect_to (ctx, &address);
  nopoll_free (copy);

  /* A connection that failed is either NULL or not ok, and in the latter case it is ours to
   * close. The server's answer is then still to come: this waits for it, without the loop. */
  if (nopoll_conn_is_ok (conn) && nopoll_conn_wait_until_connection_ready (conn, 10))
    return conn;
  if (nopoll_conn_get_http_status (conn) > 0)
    fprintf (stderr, "can't connect to %s: HTTP status %d\n", url,
             nopoll_conn_get_http_status (conn));
  else if (nopoll_conn_is_ok (conn))
    fprintf (stderr, "can't connect to %s: no answer\n", url);
  else
    fprintf (stderr, "can't connect to %s: %s\n", url, nopoll_conn_get_error_text (conn));
  nopoll_conn_close (conn);
  return NULL;
}

/* -- Signals --------------------------------------------------------------------------------- */

static volatile sig_atomic_t signalled = 0;
static noPollCtx *running = NULL;

static void on_signal (int number)
{
  (void) number;
  signalled = 1;
  nopoll_loop_stop (running); /* one of the few functions that a signal handler may call */
}

void stop_on_signals (noPollCtx *ctx)
{
  struct sigaction action;

  memset (&action, 0, sizeof action);
  action.sa_handler = on_signal; /* no SA_RESTART: poll () and friends return with EINTR */
  running = ctx;
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

nopoll_bool stopped (void)
{
  return signalled;
}

/* -- The loop of a server -------------------------------------------------------------------- */

static nopoll_bool say_goodbye (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) data;
  if (nopoll_conn_role (conn) == NOPOLL_ROLE_LISTENER)
    nopoll_conn_close_ext (conn, 1001, "server stops", 12);
  return nopoll_false; /* go on with the next one */
}

void serve_until_stopped (noPollCtx *ctx, noPollConn *listener)
{
  /* A stop that comes just before the wait begins is not seen by it: hence no wait without end. */
  while (!stopped ())
    nopoll_loop_wait (ctx, 1000000);
  printf ("stopping\n");
  nopoll_ctx_foreach_conn (ctx, say_goodbye, NULL);
  nopoll_conn_close (listener);
}

/* -- Words ----------------------------------------------------------------------------------- */

const char *why_closed (noPollConn *conn)
{
  static char text[192];
  int status = nopoll_conn_get_close_status (conn);
  const char *reason = nopoll_conn_get_close_reason (conn);

  if (nopoll_conn_get_error (conn) == NOPOLL_ERROR_NONE)
    snprintf (text, sizeof text, "closed by this side");
  else if (status == 1006) /* no close frame came (RFC 6455, section 7.1.5) */
    snprintf (text, sizeof text, "connection lost: %s", nopoll_conn_get_error_text (conn));
  else if (status == 1005) /* a close frame without a status */
    snprintf (text, sizeof text, "closed by the peer");
  else
    snprintf (text, sizeof text, "closed by the peer: %d%s%s", status, reason && *reason ? " " : "",
              reason ? reason : "");
  return text;
}

void exit_with_usage (char **argv, const char *usage)
{
  fprintf (stderr, "usage: %s %s\n", argv[0], usage);
  exit (2);
}

long number_argument (const char *what, const char *text, long least, long most)
{
  char *end;
  long value;

  errno = 0;
  value = strtol (text, &end, 10);
  if (errno != 0 || end == text || *end != 0 || value < least || value > most) {
    fprintf (stderr, "%s: \"%s\" is not a number from %ld to %ld\n", what, text, least, most);
    exit (2);
  }
  return value;
}
