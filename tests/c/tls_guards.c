/* run.py: modes=plain needs=tls */
/* What an idle TLS connection keeps: hardly more than OpenSSL itself must. */
#include <malloc.h>
#include <nopoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/tls/tls.h"

#define WARM 20
#define IDLE 200

/* Heap bytes beyond those of a bare `SSL` that gives its buffers back. What a plain connection takes
 * (see guards.c) is most of it. */
#define OURS 1200

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) data;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

/* The clients live in a process of their own: their memory is not to be counted. Each says something
 * and is answered. They say when the first few are there, and go on when they are told; they say when
 * all are, and end with the channel. */
static pid_t start_clients (int port, int upgrade, int *channel)
{
  int ends[2];
  pid_t child;

  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  *channel = ends[0];
  child = fork ();
  if (child == 0) {
    SSL_CTX *raw = tls_client_ctx (NULL);
    char byte;
    int i;

    close (ends[0]);
    for (i = 0; i < WARM + IDLE; i++) {
      SSL *ssl = tls_connect (raw, port, NULL);

      if (upgrade) {
        tls_upgrade (ssl);
        tls_send_frame (ssl, 0x81, 1, "hello", 5);
        tls_expect_frame (ssl, 0x81, "hello", 5);
      } else {
        tls_send (ssl, "hello", 5);
        tls_receive (ssl, &byte, 1);
      }
      if ((i == WARM - 1 || i == WARM + IDLE - 1) && write (ends[1], "x", 1) != 1)
        _exit (1);
      /* Nobody goes on before memory has been looked at. */
      if (i == WARM - 1 && read (ends[1], &byte, 1) != 1)
        _exit (1);
    }
    while (read (ends[1], &byte, 1) > 0)
      ;
    _exit (0);
  }
  close (ends[1]);
  return child;
}

static void end_clients (pid_t child, int channel)
{
  int status = -1;
  char byte;

  CHECK (read (channel, &byte, 1) == 1);
  close (channel);
  CHECK (waitpid (child, &status, 0) == child);
  CHECK_INT (status, 0);
}

static long used (void)
{
  return (long) mallinfo2 ().uordblks;
}

/* Bytes per connection of the library's. */
static long of_the_library (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  int channel;
  pid_t child;
  char byte;
  long before, each;

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  child = start_clients (LISTENER_PORT (listener), 1, &channel);
  LOOP_UNTIL (ctx, !wire_is_quiet (channel));
  CHECK (read (channel, &byte, 1) == 1);
  before = used ();
  CHECK (write (channel, "x", 1) == 1);
  LOOP_UNTIL (ctx, !wire_is_quiet (channel));
  CHECK_INT (nopoll_ctx_conns (ctx), 1 + WARM + IDLE);
  each = (used () - before) / IDLE;
  end_clients (child, channel);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  ctx_end (ctx);
  return each;
}

/* Bytes per connection of a server on OpenSSL alone, in this mode. */
static long of_openssl (long mode)
{
  static SSL *all[WARM + IDLE];
  SSL_CTX *ctx = SSL_CTX_new (TLS_server_method ());
  int listening = wire_listen (), channel, i;
  long before = 0, each;
  char bytes[5];
  pid_t child;

  CHECK_INT (SSL_CTX_use_certificate_chain_file (ctx, tls_file ("server.pem")), 1);
  CHECK_INT (SSL_CTX_use_PrivateKey_file (ctx, tls_file ("server.key"), SSL_FILETYPE_PEM), 1);
  SSL_CTX_set_mode (ctx, mode);
  SSL_CTX_set_session_cache_mode (ctx, SSL_SESS_CACHE_OFF);
  child = start_clients (wire_port (listening), 0, &channel);
  for (i = 0; i < WARM + IDLE; i++) {
    all[i] = SSL_new (ctx);
    SSL_set_fd (all[i], wire_accept (listening));
    CHECK_INT (SSL_accept (all[i]), 1);
    tls_receive (all[i], bytes, 5);
    tls_send (all[i], "x", 1);
    if (i == WARM - 1) {
      CHECK (read (channel, bytes, 1) == 1);
      before = used ();
      CHECK (write (channel, "x", 1) == 1);
    }
  }
  each = (used () - before) / IDLE;
  end_clients (child, channel);
  for (i = 0; i < WARM + IDLE; i++)
    tls_free (all[i]);
  SSL_CTX_free (ctx);
  close (listening);
  return each;
}

TEST (an_idle_tls_connection_takes_half_of_what_openssl_takes_by_default)
{
  long ours = of_the_library (), plain = of_openssl (0);
  long least = of_openssl (SSL_MODE_RELEASE_BUFFERS);

  printf ("bytes per idle TLS connection: %ld; OpenSSL alone: %ld, without buffers %ld\n", ours, plain,
          least);
  CHECK (2 * ours <= plain);
  CHECK (ours <= least + OURS);
}

TESTS (CASE (an_idle_tls_connection_takes_half_of_what_openssl_takes_by_default))
