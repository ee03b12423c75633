#include "wire.h"

#include <poll.h>
#include <sys/ioctl.h>

static int patience (void) { return 10000 * check_slowness (); }

static int ready (int fd, short events)
{
  struct pollfd entry;
  int result;

  entry.fd = fd;
  entry.events = events;
  do
    result = poll (&entry, 1, patience ());
  while (result < 0 && errno == EINTR);
  return result > 0;
}

int wire_port (int fd)
{
  struct sockaddr_storage address;
  socklen_t size = sizeof address;

  if (getsockname (fd, (struct sockaddr *) &address, &size) != 0)
    return -1;
  if (address.ss_family == AF_INET6)
    return ntohs (((struct sockaddr_in6 *) &address)->sin6_port);
  return ntohs (((struct sockaddr_in *) &address)->sin_port);
}

const char *wire_port_text (int fd)
{
  static char text[8];

  snprintf (text, sizeof text, "%d", wire_port (fd));
  return text;
}

static void loopback (struct sockaddr_in *address, int port)
{
  memset (address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  address->sin_port = htons ((unsigned short) port);
}

int wire_listen (void)
{
  struct sockaddr_in address;
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  loopback (&address, 0);
  CHECK (fd >= 0);
  CHECK (bind (fd, (struct sockaddr *) &address, sizeof address) == 0);
  CHECK (listen (fd, 4096) == 0);
  return fd;
}

int wire_accept (int listening)
{
  int fd;

  CHECK (ready (listening, POLLIN));
  fd = accept (listening, NULL, NULL);
  CHECK (fd >= 0);
  return fd;
}

int wire_connect (int port)
{
  struct sockaddr_in address;
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  loopback (&address, port);
  CHECK (fd >= 0);
  CHECK (connect (fd, (struct sockaddr *) &address, sizeof address) == 0);
  return fd;
}

void wire_send (int fd, const void *bytes, long size)
{
  const char *from = (const char *) bytes;

  while (size > 0) {
    ssize_t n;

    CHECK (ready (fd, POLLOUT));
    n = send (fd, from, (size_t) size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    CHECK (n > 0);
    /* On a thread of its own, a failed check goes on. */
    if (n <= 0)
      return;
    from += n;
    size -= n;
  }
}

void wire_send_text (int fd, const char *text)
{
  wire_send (fd, text, (long) strlen (text));
}

void wire_receive (int fd, void *bytes, long size)
{
  char *to = (char *) bytes;

  while (size > 0) {
    ssize_t n;

    CHECK (ready (fd, POLLIN));
    n = recv (fd, to, (size_t) size, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    CHECK (n > 0);
    /* On a thread of its own, a failed check goes on. */
    if (n <= 0)
      return;
    to += n;
    size -= n;
  }
}

long wire_receive_head (int fd, char *text, long room)
{
  long size = 0;

  while (size < 4 || memcmp (text + size - 4, "\r\n\r\n", 4) != 0) {
    CHECK (size + 1 < room);
    wire_receive (fd, text + size, 1);
    size++;
  }
  text[size] = 0;
  return size;
}

long wire_receive_rest (int fd, void *bytes, long room)
{
  long size = 0;

  for (;;) {
    ssize_t n;

    CHECK (ready (fd, POLLIN));
    CHECK (size < room);
    n = recv (fd, (char *) bytes + size, (size_t) (room - size), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (n <= 0)
      return size;
    size += n;
  }
}

void wire_expect_end (int fd)
{
  char byte;

  CHECK_INT (wire_receive_rest (fd, &byte, 1), 0);
}

int wire_is_quiet (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0
    && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void wire_wait_readable (int fd)
{
  CHECK (ready (fd, POLLIN));
}

int wire_unread (int fd)
{
  int size = -1;

  CHECK (ioctl (fd, FIONREAD, &size) == 0);
  return size;
}

void wire_await_unread (int fd, int size)
{
  WAIT_UNTIL (wire_unread (fd) >= size);
}

void wire_end (int fd)
{
  CHECK (shutdown (fd, SHUT_WR) == 0);
}

void wire_reset (int fd)
{
  struct linger abort_it = { 1, 0 };

  CHECK (setsockopt (fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it) == 0);
  close (fd);
}

void wire_shrink (int from, int to)
{
  /* The kernel takes the double. Less, and small frames that are not acknowledged yet fill it. */
  int size = 8192;

  setsockopt (from, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt (to, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

long wire_stuff (int fd)
{
  static const char block[4096];
  long size = 0;
  ssize_t n;

  while ((n = send (fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
    size += n;
  return size;
}

void wire_send_request (int fd, const char *target, const char *extra)
{
  char text[4096];

  snprintf (text, sizeof text,
            "GET %s HTTP/1.1\r\nHost: test.example\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\nOrigin: http://test.example\r\n%s\r\n",
            target, extra ? extra : "");
  wire_send_text (fd, text);
}

/* SHA-1 (RFC 3174): the tests must not ask the library for what they check it with. */
static void sha1 (const unsigned char *data, size_t size, unsigned char digest[20])
{
  unsigned int h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u };
  unsigned char block[128];
  size_t padded = size + 9 > 64 ? 128 : 64;
  size_t start, i;

  if (size > 119)
    abort ();
  memset (block, 0, sizeof block);
  memcpy (block, data, size);
  block[size] = 0x80;
  block[padded - 2] = (unsigned char) (size * 8 >> 8);
  block[padded - 1] = (unsigned char) (size * 8);
  for (start = 0; start < padded; start += 64) {
    unsigned int w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

    for (i = 0; i < 80; i++) {
      if (i < 16) {
        const unsigned char *p = block + start + 4 * i;
        w[i] = (unsigned) p[0] << 24 | (unsigned) p[1] << 16 | (unsigned) p[2] << 8 | p[3];
      } else {
        unsigned int x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
        w[i] = x << 1 | x >> 31;
      }
    }
    for (i = 0; i < 80; i++) {
      unsigned int f, k, t;

      if (i < 20) { f = (b & c) | (~b & d); k = 0x5a827999u; }
      else if (i < 40) { f = b ^ c ^ d; k = 0x6ed9eba1u; }
      else if (i < 60) { f = (b & c) | (b & d) | (c & d); k = 0x8f1bbcdcu; }
      else { f = b ^ c ^ d; k = 0xca62c1d6u; }
      t = (a << 5 | a >> 27) + f + e + k + w[i];
      e = d; d = c; c = b << 30 | b >> 2; b = a; a = t;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e;
  }
  for (i = 0; i < 20; i++)
    digest[i] = (unsigned char) (h[i / 4] >> (24 - 8 * (i % 4)));
}

void wire_accept_key (const char *key, char *accept)
{
  static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char text[128], digest[21];
  int i;

  snprintf ((char *) text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  sha1 (text, strlen ((char *) text), digest);
  digest[20] = 0;
  for (i = 0; i < 7; i++) {
    const unsigned char *p = digest + 3 * i;

    accept[4 * i] = alphabet[p[0] >> 2];
    accept[4 * i + 1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
    accept[4 * i + 2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
    accept[4 * i + 3] = alphabet[p[2] & 63];
  }
  accept[27] = '=';
  accept[28] = 0;
}

void wire_answer_request (int fd, const char *extra)
{
  static const char name[] = "Sec-WebSocket-Key: ";
  char head[16384], answer[4096], key[64], accept[32];
  char *at;
  size_t size;

  wire_receive_head (fd, head, sizeof head);
  at = strstr (head, name);
  CHECK (at != NULL);
  at += sizeof name - 1;
  size = strcspn (at, "\r");
  CHECK (size < sizeof key);
  memcpy (key, at, size);
  key[size] = 0;
  wire_accept_key (key, accept);
  snprintf (answer, sizeof answer,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
            accept, extra ? extra : "");
  wire_send_text (fd, answer);
}

long wire_frame (unsigned char *out, int first, int masked, const void *payload, long size)
{
  static const unsigned char key[4] = { 1, 2, 3, 4 };
  long at = 2, i;

  out[0] = (unsigned char) first;
  if (size < 126) {
    out[1] = (unsigned char) size;
  } else if (size <= 65535) {
    out[1] = 126;
    out[2] = (unsigned char) (size >> 8);
    out[3] = (unsigned char) size;
    at = 4;
  } else {
    out[1] = 127;
    for (i = 0; i < 8; i++)
      out[2 + i] = (unsigned char) ((unsigned long long) size >> (56 - 8 * i));
    at = 10;
  }
  if (masked) {
    out[1] |= 0x80;
    memcpy (out + at, key, 4);
    at += 4;
  }
  for (i = 0; i < size; i++)
    out[at + i] = (unsigned char) (((const unsigned char *) payload)[i]
                                   ^ (masked ? key[i % 4] : 0));
  return at + size;
}

void wire_send_frame (int fd, int first, int masked, const void *payload, long size)
{
  unsigned char *frame = (unsigned char *) malloc ((size_t) size + 14);
  long length = wire_frame (frame, first, masked, payload, size);

  wire_send (fd, frame, length);
  free (frame);
}

long wire_receive_frame (int fd, int *first, int *masked, void *payload, long room)
{
  unsigned char head[2], more[8], key[4] = { 0, 0, 0, 0 };
  unsigned long long size;
  int i;

  wire_receive (fd, head, 2);
  size = head[1] & 0x7f;
  if (size == 126) {
    wire_receive (fd, more, 2);
    size = (unsigned) more[0] << 8 | more[1];
  } else if (size == 127) {
    wire_receive (fd, more, 8);
    for (size = 0, i = 0; i < 8; i++)
      size = size << 8 | more[i];
  }
  if (head[1] & 0x80)
    wire_receive (fd, key, 4);
  CHECK ((long) size >= 0 && (long) size <= room);
  wire_receive (fd, payload, (long) size);
  for (i = 0; (unsigned long long) i < size; i++)
    ((unsigned char *) payload)[i] ^= key[i % 4];
  if (first)
    *first = head[0];
  if (masked)
    *masked = head[1] >> 7;
  return (long) size;
}

void wire_expect_frame (int fd, int first, int masked, const void *payload, long size)
{
  unsigned char *got = (unsigned char *) malloc ((size_t) size + 65536);
  int got_first, got_masked;
  long got_size = wire_receive_frame (fd, &got_first, &got_masked, got, size + 65536);

  CHECK_INT (got_first, first);
  CHECK_INT (got_masked, masked);
  CHECK_MEM (got, got_size, payload, size);
  free (got);
}

noPollConn *wire_listener (noPollCtx *ctx)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK (nopoll_conn_is_ok (listener));
  return listener;
}

noPollConn *wire_client (noPollCtx *ctx, int *peer)
{
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);

  CHECK (nopoll_conn_is_ok (conn));
  *peer = wire_accept (listening);
  close (listening);
  wire_answer_request (*peer, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  return conn;
}

noPollConn *wire_accepted (noPollCtx *ctx, noPollConn *listener, int *peer, int blocking)
{
  char head[4096];
  noPollConn *conn;

  *peer = wire_connect (LISTENER_PORT (listener));
  wire_send_request (*peer, "/", NULL);
  conn = nopoll_conn_accept (ctx, listener);
  CHECK (conn != NULL);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), blocking);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  wire_receive_head (*peer, head, sizeof head);
  return conn;
}

void wire_open (struct wire_pair *pair, noPollCtx *ctx, int server)
{
  pair->ctx = ctx ? ctx : nopoll_ctx_new ();
  pair->server = server;
  pair->listener = server ? wire_listener (pair->ctx) : NULL;
  pair->conn = server ? wire_accepted (pair->ctx, pair->listener, &pair->peer, 0)
                      : wire_client (pair->ctx, &pair->peer);
  if (server)
    nopoll_conn_ref (pair->conn);
}

void wire_open_local (struct wire_pair *pair, noPollCtx *ctx, int server)
{
  wire_open_with (pair, ctx, server, NULL);
}

void wire_open_with (struct wire_pair *pair, noPollCtx *ctx, int server, const char *extra)
{
  char head[1024];
  int fds[2];

  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  wire_shrink (fds[0], fds[1]);
  wire_shrink (fds[1], fds[0]);
  pair->ctx = ctx ? ctx : nopoll_ctx_new ();
  pair->server = server;
  pair->peer = fds[1];
  pair->listener = server ? wire_listener (pair->ctx) : NULL;
  if (server) {
    wire_send_request (fds[1], "/", extra);
    pair->conn = nopoll_conn_accept_socket (pair->ctx, pair->listener, fds[0]);
    nopoll_conn_ref (pair->conn);
  } else {
    pair->conn = nopoll_conn_new_with_socket (pair->ctx, NULL, fds[0], "local", NULL, NULL, NULL,
                                              NULL, NULL);
    wire_answer_request (fds[1], extra);
  }
  nopoll_conn_set_sock_block (fds[0], nopoll_false);
  CHECK (nopoll_conn_wait_until_connection_ready (pair->conn, 10 * check_slowness ()));
  if (server)
    wire_receive_head (fds[1], head, sizeof head);
}

void wire_close (struct wire_pair *pair)
{
  nopoll_conn_close (pair->conn);
  nopoll_conn_close (pair->listener);
  CHECK_INT (nopoll_ctx_ref_count (pair->ctx), 1);
  nopoll_ctx_unref (pair->ctx);
  close (pair->peer);
}

void wire_put (struct wire_pair *pair, int first, const void *payload, long size)
{
  wire_send_frame (pair->peer, first, pair->server, payload, size);
}

void wire_expect (struct wire_pair *pair, int first, const void *payload, long size)
{
  wire_expect_frame (pair->peer, first, !pair->server, payload, size);
}

noPollMsg *wire_next_message (noPollConn *conn)
{
  noPollMsg *msg;

  while ((msg = nopoll_conn_get_msg (conn)) == NULL) {
    CHECK (nopoll_conn_is_ok (conn));
    wire_wait_readable (nopoll_conn_socket (conn));
  }
  return msg;
}

void wire_expect_msg (noPollConn *conn, int opcode, int is_final, int is_fragment,
                      const void *payload, long size)
{
  noPollMsg *msg = wire_next_message (conn);

  CHECK_INT (errno, 0);
  CHECK_INT (nopoll_msg_opcode (msg), opcode);
  CHECK_INT (nopoll_msg_is_final (msg), is_final);
  CHECK_INT (nopoll_msg_is_fragment (msg), is_fragment);
  CHECK_MEM (nopoll_msg_get_payload (msg), nopoll_msg_get_payload_size (msg), payload, size);
  CHECK_INT (nopoll_msg_get_payload (msg)[size], 0);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  nopoll_msg_unref (msg);
}

void wire_expect_nothing (noPollConn *conn, int size)
{
  int fd = nopoll_conn_socket (conn);

  wire_await_unread (fd, size);
  do
    CHECK (nopoll_conn_get_msg (conn) == NULL);
  while (errno == 0 && nopoll_conn_is_ok (conn));
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (nopoll_conn_is_ok (conn));
  CHECK_INT (wire_unread (fd), 0);
}
