/*
 * raw_echo.c - the limit: an epoll server that looks at no byte it moves.
 *
 *   raw_echo [--sink | --push N SIZE | --setup] [--tls CERTIFICATE KEY] [PORT]
 *
 * Sends back what it receives; with --sink it only takes it. With --push it answers every 14 bytes (a
 * small frame) with frames laid out beforehand, in one piece. With --setup it answers the first
 * bytes of a connection with a canned 101 and the next ones with a canned close frame, and closes:
 * what a WebSocket server exchanges for a connection that is set up and closed. Prints "port N".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "burst.h"

#define ROOM (64 * 1024)
#define EVENTS 1024
#define REQUEST 14

static const char RESPONSE[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char CLOSE[] = "\x88\x02\x03\xe8";

enum mode { ECHO, SINK, PUSH, SETUP };

struct conn {
  int fd;
  int answered;
  SSL *ssl;
  /* What the peer has not taken yet; while there is some, nothing is read. */
  char *rest;
  size_t from, to;
  /* PUSH: bytes received of the next request, bytes of bursts to be sent, position in the burst. */
  size_t asked, owed, at;
};

static char buffer[ROOM];
/* PUSH: the frames that answer a request. */
static char *burst;
static size_t burst_size;

static void fail (const char *what)
{
  perror (what);
  exit (1);
}

static ssize_t get (struct conn *conn)
{
  int n;

  if (conn->ssl == NULL)
    return recv (conn->fd, buffer, ROOM, 0);
  n = SSL_read (conn->ssl, buffer, ROOM);
  if (n <= 0)
    errno = SSL_get_error (conn->ssl, n) == SSL_ERROR_WANT_READ ? EAGAIN : EIO;
  return n;
}

static ssize_t put (struct conn *conn, const char *bytes, size_t size)
{
  int n;

  if (conn->ssl == NULL)
    return send (conn->fd, bytes, size, MSG_NOSIGNAL);
  n = SSL_write (conn->ssl, bytes, size);
  if (n <= 0)
    errno = SSL_get_error (conn->ssl, n) == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return n;
}

/* Writes what is left over; 0 while some remains. */
static int flush (struct conn *conn)
{
  while (conn->from < conn->to) {
    ssize_t n = put (conn, conn->rest + conn->from, conn->to - conn->from);

    if (n <= 0)
      return 0;
    conn->from += n;
  }
  return 1;
}

/* Sends; keeps what the peer doesn't take. */
static int answer (struct conn *conn, const char *bytes, size_t size)
{
  ssize_t n = put (conn, bytes, size);

  if (n < 0 && errno != EAGAIN)
    return 0;
  if (n < 0)
    n = 0;
  if ((size_t) n < size) {
    if (conn->rest == NULL)
      conn->rest = malloc (ROOM);
    conn->from = 0;
    conn->to = size - n;
    memcpy (conn->rest, bytes + n, conn->to);
  }
  return 1;
}

/* Lays out the frames, without masks. */
static void lay_out (int count, long size)
{
  int header = size < 126 ? 2 : size < 65536 ? 4 : 10, i, j;
  struct burst *laid = burst_new_with_room (count, size, header);

  for (i = 0; i < count; i++) {
    unsigned char *frame = (unsigned char *) burst_payload (laid, i) - header;

    frame[0] = 0x82;
    frame[1] = header == 2 ? size : header == 4 ? 126 : 127;
    for (j = 2; j < header; j++)
      frame[j] = size >> 8 * (header - 1 - j);
  }
  burst = laid->bytes;
  burst_size = count * (header + size);
}

/* Sends the bursts that have been asked for, as far as the peer takes them; 0 when it is over. */
static int push (struct conn *conn)
{
  while (conn->owed > 0) {
    size_t rest = burst_size - conn->at;
    ssize_t n = put (conn, burst + conn->at, rest < conn->owed ? rest : conn->owed);

    if (n <= 0)
      return n < 0 && errno == EAGAIN;
    conn->owed -= n;
    conn->at = (conn->at + n) % burst_size;
  }
  return 1;
}

/* Serves a readable or writable connection; 0 when it is over. */
static int serve (struct conn *conn, enum mode mode)
{
  for (;;) {
    ssize_t n;

    if (!flush (conn))
      return 1;
    if (!push (conn))
      return 0;
    if (conn->owed > 0)
      return 1;
    n = get (conn);
    if (n <= 0)
      return n < 0 && errno == EAGAIN;
    if (mode == ECHO && !answer (conn, buffer, n))
      return 0;
    if (mode == PUSH) {
      conn->asked += n;
      conn->owed = conn->asked / REQUEST * burst_size;
      conn->asked %= REQUEST;
      continue;
    }
    if (mode == SETUP) {
      if (conn->answered++)
        return answer (conn, CLOSE, sizeof CLOSE - 1) & 0;
      if (!answer (conn, RESPONSE, sizeof RESPONSE - 1))
        return 0;
    }
    if (n < ROOM && conn->ssl == NULL)
      return 1;
  }
}

static SSL_CTX *tls_context (const char *certificate, const char *key)
{
  SSL_CTX *ctx = SSL_CTX_new (TLS_server_method ());

  if (SSL_CTX_use_certificate_chain_file (ctx, certificate) != 1
      || SSL_CTX_use_PrivateKey_file (ctx, key, SSL_FILETYPE_PEM) != 1) {
    fprintf (stderr, "can't use %s and %s\n", certificate, key);
    exit (1);
  }
  SSL_CTX_set_mode (ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return ctx;
}

static void accept_all (int listener, int epoll, SSL_CTX *tls)
{
  int fd, one = 1;

  while ((fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct conn *conn = calloc (1, sizeof *conn);
    struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLET, { conn } };

    conn->fd = fd;
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (tls != NULL) {
      conn->ssl = SSL_new (tls);
      SSL_set_fd (conn->ssl, fd);
      SSL_set_accept_state (conn->ssl);
    }
    epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

int main (int argc, char **argv)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct epoll_event events[EVENTS], event = { EPOLLIN | EPOLLET, { NULL } };
  socklen_t size = sizeof address;
  enum mode mode = ECHO;
  SSL_CTX *tls = NULL;
  int listener, epoll, i, one = 1;

  for (i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--sink") == 0)
      mode = SINK;
    else if (strcmp (argv[i], "--push") == 0 && i + 2 < argc) {
      mode = PUSH;
      lay_out (atoi (argv[i + 1]), atol (argv[i + 2]));
      i += 2;
    } else if (strcmp (argv[i], "--setup") == 0)
      mode = SETUP;
    else if (strcmp (argv[i], "--tls") == 0 && i + 2 < argc) {
      tls = tls_context (argv[i + 1], argv[i + 2]);
      i += 2;
    } else
      address.sin_port = htons (atoi (argv[i]));
  }
  listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (listener, (struct sockaddr *) &address, sizeof address) != 0
      || listen (listener, 4096) != 0)
    fail ("listen");
  getsockname (listener, (struct sockaddr *) &address, &size);
  printf ("port %d\n", ntohs (address.sin_port));
  fflush (stdout);
  /* OpenSSL writes without MSG_NOSIGNAL: a client that is gone would end the server. */
  signal (SIGPIPE, SIG_IGN);
  epoll = epoll_create1 (0);
  epoll_ctl (epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int n = epoll_wait (epoll, events, EVENTS, -1);

    for (i = 0; i < n; i++) {
      struct conn *conn = events[i].data.ptr;

      if (conn == NULL)
        accept_all (listener, epoll, tls);
      else if (!serve (conn, mode)) {
        SSL_free (conn->ssl);
        close (conn->fd);
        free (conn->rest);
        free (conn);
      }
    }
  }
}
