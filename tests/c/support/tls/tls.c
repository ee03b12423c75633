#include "tls.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define PATHS 32

const char *tls_file (const char *name)
{
  static char paths[PATHS][512];
  static int next;
  static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
  char *path;

  if (name == NULL)
    return NULL;
  pthread_mutex_lock (&guard);
  path = paths[next++ % PATHS];
  pthread_mutex_unlock (&guard);
  snprintf (path, sizeof paths[0], "%s/%s", getenv ("CHECK_CERTIFICATES"), name);
  return path;
}

const char *tls_own_file (const char *name)
{
  char own[128];

  snprintf (own, sizeof own, "work/%d-%s", (int) getpid (), name);
  return tls_file (own);
}

void tls_copy (const char *from, const char *to)
{
  char command[1200];

  snprintf (command, sizeof command, "cp '%s' '%s.new' && mv '%s.new' '%s'", tls_file (from), to, to,
            to);
  CHECK_INT (system (command), 0);
}

const char *tls_text (const char *name)
{
  static char texts[4][128];
  static int next;
  char *text = texts[next++ % 4];
  FILE *file = fopen (tls_file (name), "r");
  size_t n;

  CHECK (file != NULL);
  n = fread (text, 1, sizeof texts[0] - 1, file);
  text[n] = 0;
  fclose (file);
  return text;
}

void tls_set_system (const char *name)
{
  setenv ("SSL_CERT_FILE", tls_file (name), 1);
  setenv ("SSL_CERT_DIR", "/nonexistent", 1);
}

/* Blocking calls on it end after a while, and nothing waits for acknowledgements. */
static void limit (int fd)
{
  struct timeval patience;
  int on = 1;

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  patience.tv_sec = 10 * check_slowness ();
  patience.tv_usec = 0;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static void note_reason (char *why, int room)
{
  const char *reason = ERR_reason_error_string (ERR_peek_error ());

  snprintf (why, (size_t) room, "%s", reason != NULL ? reason : "no reason");
  ERR_clear_error ();
}

static int choose_protocol (SSL *ssl, const unsigned char **out, unsigned char *size,
                            const unsigned char *in, unsigned in_size, void *data)
{
  struct tls_server *server = (struct tls_server *) data;

  (void) ssl;
  if (in_size > 1)
    snprintf (server->alpn, sizeof server->alpn, "%.*s", in[0], (const char *) in + 1);
  *out = in + 1;
  *size = in[0];
  return SSL_TLSEXT_ERR_NOACK;
}

static void serve (struct tls_server *server, int fd)
{
  SSL *ssl = SSL_new (server->ctx);
  const char *name;
  char rest[1024];

  limit (fd);
  SSL_set_fd (ssl, fd);
  if (SSL_accept (ssl) == 1) {
    name = SSL_get_servername (ssl, TLSEXT_NAMETYPE_host_name);
    snprintf (server->sni, sizeof server->sni, "%s", name != NULL ? name : "");
    if (SSL_session_reused (ssl))
      __sync_fetch_and_add (&server->resumed, 1);
    __sync_fetch_and_add (&server->established, 1);
    if (server->serve != NULL)
      server->serve (ssl, server->data);
    else
      tls_echo (ssl, NULL);
  } else {
    note_reason (server->why, sizeof server->why);
    __sync_fetch_and_add (&server->refused, 1);
    /* Closing with unread bytes would take the alert away from the client. */
    shutdown (fd, SHUT_WR);
    while (recv (fd, rest, sizeof rest, 0) > 0)
      ;
  }
  SSL_free (ssl);
}

static void *run (void *data)
{
  struct tls_server *server = (struct tls_server *) data;
  struct pollfd fds[2];

  fds[0].fd = server->stop[0];
  fds[1].fd = server->listening;
  fds[0].events = fds[1].events = POLLIN;
  while (poll (fds, 2, -1) >= 0 && fds[0].revents == 0) {
    int fd = accept (server->listening, NULL, NULL);

    if (fd < 0)
      continue;
    if (server->raw != NULL)
      server->raw (fd, server->data);
    else
      serve (server, fd);
    close (fd);
  }
  return NULL;
}

void tls_server_start (struct tls_server *server)
{
  char file[128];
  const char *name = server->name != NULL ? server->name : "server";
  pthread_t *thread = (pthread_t *) malloc (sizeof *thread);

  signal (SIGPIPE, SIG_IGN);
  server->ctx = SSL_CTX_new (TLS_server_method ());
  snprintf (file, sizeof file, "%s.pem", name);
  CHECK_INT (SSL_CTX_use_certificate_chain_file (server->ctx, tls_file (file)), 1);
  /* deep_chain.pem goes with deep.key. */
  snprintf (file, sizeof file, "%.*s.key", (int) strcspn (name, "_"), name);
  CHECK_INT (SSL_CTX_use_PrivateKey_file (server->ctx, tls_file (file), SSL_FILETYPE_PEM), 1);
  if (server->ca != NULL) {
    CHECK_INT (SSL_CTX_load_verify_locations (server->ctx, tls_file (server->ca), NULL), 1);
    SSL_CTX_set_verify (server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  SSL_CTX_set_session_id_context (server->ctx, (const unsigned char *) "peer", 4);
  SSL_CTX_set_min_proto_version (server->ctx, server->min_version);
  SSL_CTX_set_max_proto_version (server->ctx, server->max_version);
  SSL_CTX_set_alpn_select_cb (server->ctx, choose_protocol, server);
  if (server->setup != NULL)
    server->setup (server->ctx, server->data);
  server->listening = wire_listen ();
  server->port = wire_port (server->listening);
  CHECK (pipe (server->stop) == 0);
  CHECK (pthread_create (thread, NULL, run, server) == 0);
  server->thread = thread;
}

void tls_server_stop (struct tls_server *server)
{
  pthread_t *thread = (pthread_t *) server->thread;

  close (server->stop[1]);
  pthread_join (*thread, NULL);
  free (thread);
  close (server->stop[0]);
  close (server->listening);
  SSL_CTX_free (server->ctx);
}

const char *tls_port (const struct tls_server *server)
{
  static char texts[4][8];
  static int next;
  char *text = texts[next++ % 4];

  snprintf (text, sizeof texts[0], "%d", server->port);
  return text;
}

SSL_CTX *tls_client_ctx (const char *ca)
{
  SSL_CTX *ctx = SSL_CTX_new (TLS_client_method ());

  signal (SIGPIPE, SIG_IGN);
  if (ca != NULL) {
    CHECK_INT (SSL_CTX_load_verify_locations (ctx, tls_file (ca), NULL), 1);
    SSL_CTX_set_verify (ctx, SSL_VERIFY_PEER, NULL);
  }
  return ctx;
}

SSL *tls_try_connect (SSL_CTX *ctx, int port, const char *name, char *why, int room)
{
  int fd = wire_connect (port);
  SSL *ssl = SSL_new (ctx);

  limit (fd);
  SSL_set_fd (ssl, fd);
  if (name != NULL)
    SSL_set_tlsext_host_name (ssl, name);
  if (SSL_connect (ssl) == 1)
    return ssl;
  if (why != NULL)
    note_reason (why, room);
  ERR_clear_error ();
  SSL_free (ssl);
  close (fd);
  return NULL;
}

SSL *tls_connect (SSL_CTX *ctx, int port, const char *name)
{
  char why[256] = "";
  SSL *ssl = tls_try_connect (ctx, port, name, why, sizeof why);

  if (ssl == NULL)
    check_fail (__FILE__, __LINE__, "no handshake: %s", why);
  return ssl;
}

SSL *tls_over (SSL_CTX *ctx, int fd)
{
  SSL *ssl = SSL_new (ctx);

  limit (fd);
  SSL_set_fd (ssl, fd);
  CHECK_INT (SSL_connect (ssl), 1);
  return ssl;
}

void tls_free (SSL *ssl)
{
  int fd = SSL_get_fd (ssl);

  SSL_free (ssl);
  close (fd);
}

void tls_send (SSL *ssl, const void *bytes, long size)
{
  if (size > 0)
    CHECK_INT (SSL_write (ssl, bytes, (int) size), size);
}

void tls_receive (SSL *ssl, void *bytes, long size)
{
  char *to = (char *) bytes;

  while (size > 0) {
    int n = SSL_read (ssl, to, (int) size);

    CHECK (n > 0);
    if (n <= 0)
      return;
    to += n;
    size -= n;
  }
}

int tls_expect_end (SSL *ssl)
{
  char byte;
  int n = SSL_read (ssl, &byte, 1);
  int announced = SSL_get_error (ssl, n) == SSL_ERROR_ZERO_RETURN;

  CHECK (n <= 0);
  ERR_clear_error ();
  return announced;
}

void tls_send_request (SSL *ssl, const char *target)
{
  char text[512];

  snprintf (text, sizeof text,
            "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            target);
  tls_send (ssl, text, (long) strlen (text));
}

void tls_receive_head (SSL *ssl, char *text, long room)
{
  long n = 0;

  while (n < room - 1) {
    tls_receive (ssl, text + n, 1);
    n++;
    if (n >= 4 && memcmp (text + n - 4, "\r\n\r\n", 4) == 0)
      break;
  }
  text[n] = 0;
}

void tls_upgrade (SSL *ssl)
{
  char head[2048];

  tls_send_request (ssl, "/");
  tls_receive_head (ssl, head, sizeof head);
  CHECK (strncmp (head, "HTTP/1.1 101 ", 13) == 0);
  CHECK (strstr (head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL);
}

/* Reads a request and makes the answer. */
static void read_request (SSL *ssl, char *answer, int room)
{
  char head[4096], accept[29], key[64];
  const char *at;

  tls_receive_head (ssl, head, sizeof head);
  at = strstr (head, "Sec-WebSocket-Key: ");
  CHECK (at != NULL);
  answer[0] = 0;
  if (at == NULL)
    return;
  sscanf (at + 19, "%63s", key);
  wire_accept_key (key, accept);
  snprintf (answer, (size_t) room,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
}

void tls_answer_upgrade (SSL *ssl)
{
  char answer[256];

  read_request (ssl, answer, sizeof answer);
  tls_send (ssl, answer, (long) strlen (answer));
}

void tls_send_frame (SSL *ssl, int first, int masked, const void *payload, long size)
{
  unsigned char *frame = (unsigned char *) malloc ((size_t) size + 14);

  tls_send (ssl, frame, wire_frame (frame, first, masked, payload, size));
  free (frame);
}

long tls_receive_frame (SSL *ssl, int *first, void *payload, long room)
{
  unsigned char head[2], more[8], mask[4] = { 0 };
  unsigned char *bytes = (unsigned char *) payload;
  long size, i;

  tls_receive (ssl, head, 2);
  *first = head[0];
  size = head[1] & 0x7f;
  if (size >= 126) {
    int width = size == 126 ? 2 : 8;

    tls_receive (ssl, more, width);
    for (size = 0, i = 0; i < width; i++)
      size = size << 8 | more[i];
  }
  if (head[1] & 0x80)
    tls_receive (ssl, mask, 4);
  CHECK (size <= room);
  if (size > room)
    return -1;
  tls_receive (ssl, bytes, size);
  for (i = 0; i < size; i++)
    bytes[i] ^= mask[i % 4];
  return size;
}

void tls_expect_frame (SSL *ssl, int first, const void *payload, long size)
{
  unsigned char *got = (unsigned char *) malloc ((size_t) size + 1);
  int got_first;
  long got_size = tls_receive_frame (ssl, &got_first, got, size);

  CHECK_INT (got_first, first);
  CHECK_MEM (got, got_size, payload, size);
  free (got);
}

void tls_echo (SSL *ssl, void *unused)
{
  static const long room = 4 * 1024 * 1024;
  unsigned char *payload = (unsigned char *) malloc ((size_t) room);
  unsigned char *frame = (unsigned char *) malloc ((size_t) room + 14);
  char answer[256], byte;
  int first = 0;

  (void) unused;
  /* A client may go at any time: what it doesn't take is not missed. */
  if (SSL_peek (ssl, &byte, 1) == 1) {
    read_request (ssl, answer, sizeof answer);
    SSL_write (ssl, answer, (int) strlen (answer));
    while ((first & 0x0f) != 8 && SSL_peek (ssl, &byte, 1) == 1) {
      long size = tls_receive_frame (ssl, &first, payload, room);

      SSL_write (ssl, frame, (int) wire_frame (frame, first, 0, payload, size));
    }
  }
  free (frame);
  ERR_clear_error ();
  free (payload);
}

#define LOOPS 4

static struct { noPollCtx *ctx; pthread_t thread; int stop; } loops[LOOPS];

static void *turn (void *data)
{
  int i = (int) (long) data;

  while (!__sync_fetch_and_add (&loops[i].stop, 0))
    nopoll_loop_wait (loops[i].ctx, 20000);
  return NULL;
}

void loop_start (noPollCtx *ctx)
{
  int i;

  for (i = 0; i < LOOPS && loops[i].ctx != NULL; i++)
    ;
  CHECK (i < LOOPS);
  loops[i].ctx = ctx;
  loops[i].stop = 0;
  CHECK (pthread_create (&loops[i].thread, NULL, turn, (void *) (long) i) == 0);
}

void loop_end (noPollCtx *ctx)
{
  int i;

  for (i = 0; i < LOOPS; i++)
    if (loops[i].ctx == ctx) {
      __sync_fetch_and_add (&loops[i].stop, 1);
      nopoll_loop_stop (ctx);
      pthread_join (loops[i].thread, NULL);
      loops[i].ctx = NULL;
    }
}

static nopoll_bool close_conn (noPollCtx *ctx, noPollConn *conn, noPollPtr unused)
{
  (void) ctx, (void) unused;
  nopoll_conn_close (conn);
  return nopoll_false;
}

void ctx_end (noPollCtx *ctx)
{
  loop_end (ctx);
  nopoll_ctx_foreach_conn (ctx, close_conn, NULL);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

noPollConn *tls_listener_opts (noPollCtx *ctx, noPollConnOpts *opts, const char *name)
{
  char certificate[128], key[128];
  noPollConn *listener;

  if (opts == NULL)
    opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_tls_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK (nopoll_conn_is_ok (listener));
  CHECK_INT (nopoll_conn_is_tls_on (listener), nopoll_true);
  if (name != NULL) {
    snprintf (certificate, sizeof certificate, "%s.pem", name);
    snprintf (key, sizeof key, "%.*s.key", (int) strcspn (name, "_"), name);
    CHECK_INT (nopoll_listener_set_certificate (listener, tls_file (certificate), tls_file (key), NULL),
               nopoll_true);
  }
  return listener;
}

noPollConn *tls_listener (noPollCtx *ctx, const char *name)
{
  return tls_listener_opts (ctx, NULL, name);
}

static pthread_mutex_t log_guard = PTHREAD_MUTEX_INITIALIZER;

static void note (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  struct tls_log *log = (struct tls_log *) data;
  size_t used;

  (void) ctx;
  if (level != NOPOLL_LEVEL_CRITICAL)
    return;
  pthread_mutex_lock (&log_guard);
  used = strlen (log->all);
  log->count++;
  snprintf (log->last, sizeof log->last, "%s", line);
  snprintf (log->all + used, sizeof log->all - used, "%s\n", line);
  pthread_mutex_unlock (&log_guard);
}

void tls_watch_log (noPollCtx *ctx, struct tls_log *log)
{
  memset (log, 0, sizeof *log);
  nopoll_log_set_handler (ctx, note, log);
}

int tls_logged (const struct tls_log *log, const char *text)
{
  const char *at = log->all;
  int count = 0;

  pthread_mutex_lock (&log_guard);
  while ((at = strstr (at, text)) != NULL) {
    count++;
    at++;
  }
  pthread_mutex_unlock (&log_guard);
  return count;
}
