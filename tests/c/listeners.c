/* Listeners: where they can listen, what their sockets and objects are like, what can't be done. */
#include <nopoll.h>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support/process.h"
#include "support/server.h"

/* Whether ::1 can be listened on here. */
static int has_ipv6 (void)
{
  struct sockaddr_in6 address;
  int fd = socket (AF_INET6, SOCK_STREAM, 0), result;

  memset (&address, 0, sizeof address);
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  result = fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0;
  if (fd >= 0)
    close (fd);
  return result;
}

static int option (int fd, int level, int name)
{
  int value = -1;
  socklen_t size = sizeof value;

  CHECK (getsockopt (fd, level, name, &value, &size) == 0);
  return value;
}

static int is_blocking (int fd) { return (fcntl (fd, F_GETFL) & O_NONBLOCK) == 0; }

struct place {
  const char *host;
  const char *port;
  int opens;
};

static const struct place ipv4[] = {
  { "127.0.0.1", "0", 1 }, { "0.0.0.0", "0", 1 }, { "127.1", "0", 1 }, { "localhost", "0", 1 },
  { "127.0.0.1", "70000", 0 }, { "127.0.0.1", "65536", 0 },
  { "127.0.0.1", "99999999999999999999", 0 }, { "127.0.0.1", "-1", 0 }, { "127.0.0.1", "", 0 },
  { "127.0.0.1", "no-such-service", 0 }, { "127.0.0.1", NULL, 0 }, { NULL, "0", 0 }, { "", "0", 0 },
  { "::1", "0", 0 }, { "::", "0", 0 }, { "no-such-host.invalid", "0", 0 }
};

static const struct place ipv6[] = {
  { "::1", "0", 1 }, { "::", "0", 1 }, { "::ffff:127.0.0.1", "0", 1 }, { "127.0.0.1", "0", 0 },
  { "0.0.0.0", "0", 0 }, { "::1", "70000", 0 }, { "::1", "", 0 }, { "", "0", 0 }, { NULL, "0", 0 },
  { "::g", "0", 0 }
};

typedef noPollConn *(*maker) (noPollCtx *ctx, const char *host, const char *port);

static noPollConn *new_opts (noPollCtx *ctx, const char *host, const char *port)
{
  return nopoll_listener_new_opts (ctx, nopoll_conn_opts_new (), host, port);
}

static noPollConn *new_opts6 (noPollCtx *ctx, const char *host, const char *port)
{
  return nopoll_listener_new_opts6 (ctx, nopoll_conn_opts_new (), host, port);
}

static void try_places (maker make, const struct place *places, size_t count)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  size_t i;

  CHECK (make (NULL, "127.0.0.1", "0") == NULL);
  for (i = 0; i < count; i++) {
    const struct place *place = &places[i];
    noPollConn *listener = make (ctx, place->host, place->port);

    if ((listener != NULL) != place->opens)
      check_fail (__FILE__, __LINE__, "host %s port %s", place->host ? place->host : "NULL",
                  place->port ? place->port : "NULL");
    CHECK_INT (nopoll_ctx_conns (ctx), place->opens);
    if (listener) {
      CHECK (wire_port (nopoll_conn_socket (listener)) > 0);
      CHECK_STR (nopoll_conn_host (listener), place->host);
      CHECK_STR (nopoll_conn_port (listener), "0");
    } else {
      CHECK (nopoll_conn_get_error (NULL) != NOPOLL_ERROR_NONE);
    }
    nopoll_conn_close (listener);
  }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

#define COUNT(array) (sizeof array / sizeof array[0])

/* L-31, L-45 */
TEST (ipv4_hosts_and_ports)
{
  try_places (nopoll_listener_new, ipv4, COUNT (ipv4));
  try_places (new_opts, ipv4, COUNT (ipv4));
}

TEST (ipv6_hosts_and_ports)
{
  if (!has_ipv6 ())
    return;
  try_places (nopoll_listener_new6, ipv6, COUNT (ipv6));
  try_places (new_opts6, ipv6, COUNT (ipv6));
}

TEST (a_port_may_be_a_service_name)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct servent *service = getservbyname ("http-alt", "tcp");
  noPollConn *listener = service ? nopoll_listener_new (ctx, "127.0.0.1", "http-alt") : NULL;

  if (listener) {
    CHECK_INT (LISTENER_PORT (listener), ntohs ((unsigned short) service->s_port));
    CHECK_STR (nopoll_conn_port (listener), "http-alt");
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* A message there and back over IPv6; addresses in their text form. */
TEST (clients_are_served_over_ipv6)
{
  noPollCtx *ctx;
  noPollConn *listener, *client;
  noPollConnOpts *opts;
  struct server server;
  char port[8];

  if (!has_ipv6 ())
    return;
  ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_msg (ctx, server_echo, NULL);
  opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts6 (ctx, opts, "::1", "0");
  snprintf (port, sizeof port, "%d", LISTENER_PORT (listener));
  client = nopoll_conn_new6 (ctx, "::1", port, NULL, NULL, NULL, NULL);
  LOOP_UNTIL (ctx, nopoll_conn_is_ready (client) && nopoll_ctx_conns (ctx) == 3);
  server.ctx = ctx;
  CHECK_STR (nopoll_conn_host (server_newest (&server)), "::1");
  CHECK (atoi (nopoll_conn_port (server_newest (&server))) > 0);
  nopoll_conn_close (client);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* "::" serves IPv4 as well, where the system has it so; the mapped address is the peer's name. */
TEST (an_ipv6_listener_follows_the_system_in_serving_ipv4)
{
  noPollCtx *ctx;
  noPollConn *listener, *conn;
  int peer;

  if (!has_ipv6 ())
    return;
  ctx = nopoll_ctx_new ();
  listener = nopoll_listener_new6 (ctx, "::", "0");
  if (!option (nopoll_conn_socket (listener), IPPROTO_IPV6, IPV6_V6ONLY)) {
    peer = wire_connect (LISTENER_PORT (listener));
    conn = nopoll_conn_accept (ctx, listener);
    CHECK_STR (nopoll_conn_host (conn), "::ffff:127.0.0.1");
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

struct occupant {
  int fd;
  int port;
};

/* A socket on a port, without the option that lets others share it in time. The port is none that the
 * system gives away by itself: whoever connects meanwhile must not get it when it is left. */
static struct occupant occupy (void)
{
  struct sockaddr_in address;
  struct occupant occupant;
  int tries = 1000;

  memset (&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  occupant.fd = socket (AF_INET, SOCK_STREAM, 0);
  do {
    occupant.port = 16000 + (int) ((getpid () * 7919L + random ()) % 16000);
    address.sin_port = htons ((unsigned short) occupant.port);
  } while (bind (occupant.fd, (struct sockaddr *) &address, sizeof address) != 0 && tries-- > 0);
  CHECK (tries > 0);
  CHECK (listen (occupant.fd, 1) == 0);
  return occupant;
}

static void *leave_late (void *data)
{
  nopoll_sleep (250000);
  close (((struct occupant *) data)->fd);
  return NULL;
}

/* L-30: a daemon that restarts finds its port after a moment. */
TEST (a_port_in_use_is_tried_again)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct occupant occupant = occupy ();
  noPollConn *listener;
  pthread_t helper;
  char port[8];

  snprintf (port, sizeof port, "%d", occupant.port);
  CHECK (pthread_create (&helper, NULL, leave_late, &occupant) == 0);
  listener = nopoll_listener_new (ctx, "127.0.0.1", port);
  pthread_join (helper, NULL);
  CHECK (nopoll_conn_is_ok (listener));
  CHECK_INT (LISTENER_PORT (listener), occupant.port);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* L-30: 25 attempts, 100 ms apart. */
TEST (a_port_that_stays_in_use_fails_after_a_while)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct occupant occupant = occupy ();
  long long begun = clock_us ();
  int before = process_descriptors ();
  char port[8];

  snprintf (port, sizeof port, "%d", occupant.port);
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", port) == NULL);
  CHECK (clock_us () - begun >= 2400000);
  CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_IO);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (process_descriptors (), before);
  close (occupant.fd);
  nopoll_ctx_unref (ctx);
}

/* Connections of the previous process in TIME_WAIT are no obstacle. */
TEST (a_port_can_be_listened_on_again_at_once)
{
  struct server server;
  noPollConn *again;
  char port[8];
  int peer;

  server_start (&server, NULL, NULL);
  snprintf (port, sizeof port, "%d", LISTENER_PORT (server.listener));
  peer = server_peer (&server);
  nopoll_conn_close (server_newest (&server));
  close (peer);
  nopoll_conn_close (server.listener);
  again = nopoll_listener_new (server.ctx, "127.0.0.1", port);
  CHECK (nopoll_conn_is_ok (again));
  nopoll_conn_close (again);
  nopoll_ctx_unref (server.ctx);
}

TEST (sock_listen_gives_a_bare_descriptor)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int fd = nopoll_listener_sock_listen (ctx, "127.0.0.1", "0"), peer, accepted;

  CHECK (fd > 2);
  CHECK (is_blocking (fd));
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  peer = wire_connect (wire_port (fd));
  accepted = nopoll_listener_accept (fd);
  CHECK (accepted >= 0);
  wire_send (accepted, "x", 1);
  wire_await_unread (peer, 1);
  close (accepted);
  close (peer);
  close (fd);
  CHECK_INT (nopoll_listener_accept (-1), -1);
  CHECK_INT (nopoll_listener_accept (fd), -1);
  CHECK_INT (nopoll_listener_sock_listen (NULL, "127.0.0.1", "0"), -2);
  CHECK_INT (nopoll_listener_sock_listen (ctx, NULL, "0"), -2);
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", NULL), -2);
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", ""), -2);
  CHECK_INT (nopoll_listener_sock_listen (ctx, "", "0"), -1);
  CHECK_INT (nopoll_listener_sock_listen (ctx, "::1", "0"), -1);
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", "70000"), -1);
  nopoll_ctx_unref (ctx);
}

/* L-33 */
TEST (what_the_sockets_are_like)
{
  struct server server;
  noPollConn *conn;
  int fd, peer, late[40], i;

  server_start (&server, NULL, NULL);
  fd = nopoll_conn_socket (server.listener);
  CHECK (is_blocking (fd));
  CHECK_INT (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  CHECK_INT (option (fd, SOL_SOCKET, SO_REUSEADDR), 1);
  CHECK_INT (option (fd, SOL_SOCKET, SO_REUSEPORT), 0);
  for (i = 0; i < 40; i++)
    late[i] = wire_connect (LISTENER_PORT (server.listener));
  for (i = 0; i < 40; i++) {
    conn = nopoll_conn_accept (server.ctx, server.listener);
    CHECK (conn != NULL);
    fd = nopoll_conn_socket (conn);
    CHECK (is_blocking (fd));
    CHECK_INT (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
    CHECK (option (fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    nopoll_conn_close (conn);
    close (late[i]);
  }
  peer = server_peer (&server);
  fd = nopoll_conn_socket (server_newest (&server));
  CHECK (is_blocking (fd));
  CHECK_INT (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  CHECK (option (fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  server_stop (&server);
  close (peer);
}

TEST (what_the_object_says)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *limited;
  char host[] = "127.0.0.1", port[] = "0";

  listener = nopoll_listener_new (ctx, host, port);
  host[0] = port[0] = 'x';
  CHECK_INT (nopoll_conn_role (listener), NOPOLL_ROLE_MAIN_LISTENER);
  CHECK_STR (nopoll_conn_host (listener), "127.0.0.1");
  CHECK_STR (nopoll_conn_port (listener), "0");
  CHECK_INT (nopoll_conn_ref_count (listener), 2);
  CHECK_INT (nopoll_conn_is_ok (listener), nopoll_true);
  CHECK_INT (nopoll_conn_is_tls_on (listener), nopoll_false);
  CHECK (nopoll_conn_get_id (listener) > 0);
  CHECK (nopoll_conn_get_listener (listener) == NULL);
  CHECK (nopoll_conn_ctx (listener) == ctx);
  CHECK_STR (nopoll_conn_get_requested_url (listener), "/");
  CHECK (nopoll_conn_get_origin (listener) == NULL);
  CHECK (nopoll_conn_get_host_header (listener) == NULL);
  CHECK (nopoll_conn_get_cookie (listener) == NULL);
  CHECK (nopoll_conn_get_requested_protocol (listener) == NULL);
  CHECK (nopoll_conn_get_accepted_protocol (listener) == NULL);
  CHECK_INT (nopoll_conn_get_max_frame_size (listener), nopoll_ctx_get_max_frame_size (ctx));
  nopoll_conn_opts_set_max_frame_size (opts, 99);
  limited = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  CHECK_INT (nopoll_conn_get_max_frame_size (limited), 99);
  nopoll_conn_close (limited);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ++*(int *) data;
}

static void misuse (noPollConn *listener)
{
  char buffer[8];
  int i;

  for (i = 0; i < 2; i++) {
    CHECK (nopoll_conn_get_msg (listener) == NULL);
    CHECK_INT (nopoll_conn_read (listener, buffer, 8, nopoll_false, 0), -1);
    CHECK_INT (nopoll_conn_read (listener, buffer, 8, nopoll_true, 5), 0);
    CHECK_INT (nopoll_conn_read_pending (listener), 0);
    CHECK_INT (nopoll_conn_is_ready (listener), nopoll_false);
    CHECK_INT (nopoll_conn_wait_until_connection_ready (listener, 5), nopoll_false);
    CHECK_INT (nopoll_conn_send_text (listener, "x", 1), -1);
    CHECK_INT (nopoll_conn_send_binary (listener, "x", 1), -1);
    CHECK_INT (nopoll_conn_send_ping (listener), nopoll_false);
    CHECK_INT (nopoll_conn_send_pong (listener, 0, NULL), nopoll_false);
    CHECK_INT (nopoll_conn_complete_pending_write (listener), 0);
    CHECK_INT (nopoll_conn_pending_write_bytes (listener), 0);
    CHECK_INT (nopoll_conn_flush_writes (listener, 1000, 0), 0);
    CHECK_INT (nopoll_conn_default_receive (listener, buffer, 8), -1);
    CHECK_INT (nopoll_conn_default_send (listener, buffer, 8), -1);
    CHECK_INT (nopoll_conn_is_ok (listener), nopoll_true);
  }
}

/* L-34, L-35, M-17, Q21 */
TEST (a_listener_can_be_neither_read_nor_written)
{
  struct server server;
  int closed = 0, peer;

  server_start (&server, server_echo, NULL);
  nopoll_conn_set_on_close (server.listener, count_close, &closed);
  misuse (server.listener);
  peer = wire_connect (LISTENER_PORT (server.listener));
  misuse (server.listener);
  close (peer);
  peer = server_peer (&server);
  misuse (server.listener);
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (server.ctx, wire_unread (peer) > 0);
  CHECK_INT (closed, 0);
  CHECK (wire_unread (peer) == 3);
  server_stop (&server);
  CHECK_INT (closed, 1);
  close (peer);
}

/* L-36, M-18, Q33: limits and leniency of the listener's options outlive it; its pointer doesn't. */
TEST (accepted_connections_outlive_their_listener)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener, *conn, *late;
  char head[4096];
  int peer, late_peer;

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  nopoll_conn_opts_set_max_frame_size (opts, 10);
  listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  conn = wire_accepted (ctx, listener, &peer, 0);
  nopoll_conn_ref (conn);
  late_peer = wire_connect (LISTENER_PORT (listener));
  late = nopoll_conn_accept (ctx, listener);
  CHECK (nopoll_conn_get_listener (conn) == listener);
  nopoll_conn_close (listener);
  CHECK (nopoll_conn_get_listener (conn) == NULL);
  CHECK (nopoll_conn_get_listener (late) == NULL);
  CHECK_INT (nopoll_conn_get_max_frame_size (conn), 10);
  wire_send_text (late_peer, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  CHECK (nopoll_conn_wait_until_connection_ready (late, 10 * check_slowness ()));
  wire_receive_head (late_peer, head, sizeof head);
  CHECK_INT (nopoll_conn_send_text (conn, "still", 5), 5);
  wire_expect_frame (peer, 0x81, 0, "still", 5);
  wire_send_frame (peer, 0x81, 1, "elevenbytes", 11);
  LOOP_UNTIL (ctx, !nopoll_conn_is_ok (conn));
  wire_expect_frame (peer, 0x88, 0, "\x03\xf1", 2);
  nopoll_conn_unref (conn);
  nopoll_conn_close (late);
  nopoll_loop_wait (ctx, 1);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  close (peer);
  close (late_peer);
}

static void without_standard_streams (void *data)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  (void) data;
  for (i = 0; i < 3; i++) {
    close (i);
    if (nopoll_listener_new (ctx, "127.0.0.1", "0") != NULL)
      _exit (10 + i);
    if (nopoll_listener_sock_listen (ctx, "127.0.0.1", "0") != -1)
      _exit (20 + i);
    if (open ("/dev/null", O_RDWR) != i)
      _exit (30 + i);
  }
  nopoll_ctx_unref (ctx);
}

/* L-32: a daemon that closed its standard streams must not write its log to a client. */
TEST (standard_streams_are_no_listeners)
{
  process_join (process_start (without_standard_streams, NULL));
}

TESTS (CASE (ipv4_hosts_and_ports), CASE (ipv6_hosts_and_ports),
       CASE (a_port_may_be_a_service_name), CASE (clients_are_served_over_ipv6),
       CASE (an_ipv6_listener_follows_the_system_in_serving_ipv4),
       CASE (a_port_in_use_is_tried_again), CASE (a_port_that_stays_in_use_fails_after_a_while),
       CASE (a_port_can_be_listened_on_again_at_once), CASE (sock_listen_gives_a_bare_descriptor),
       CASE (what_the_sockets_are_like), CASE (what_the_object_says),
       CASE (a_listener_can_be_neither_read_nor_written),
       CASE (accepted_connections_outlive_their_listener), CASE (standard_streams_are_no_listeners))
