/* Accepting: directly, by the loop, of sockets the program accepted, on shared ports. */
#include <nopoll.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "support/process.h"
#include "support/server.h"

static int is_blocking (int fd) { return (fcntl (fd, F_GETFL) & O_NONBLOCK) == 0; }

static int is_open (int fd) { return fcntl (fd, F_GETFD) >= 0; }

struct asked {
  int count;
  int refuse;
  int close;
  int closed;
  int keep;
  int refs;
  int listener_refs;
  noPollConn *conn;
  noPollConn *listener;
  int blocking;
  int tls;
  char url[16];
};

static void count_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  CHECK (nopoll_conn_is_ok (conn));
  ((struct asked *) data)->closed++;
}

static nopoll_bool ask (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct asked *asked = (struct asked *) data;

  (void) ctx;
  asked->count++;
  asked->conn = conn;
  asked->refs = nopoll_conn_ref_count (conn);
  asked->listener = nopoll_conn_get_listener (conn);
  asked->listener_refs = asked->listener ? nopoll_conn_ref_count (asked->listener) : -1;
  asked->blocking = is_blocking (nopoll_conn_socket (conn));
  asked->tls = nopoll_conn_is_tls_on (conn);
  snprintf (asked->url, sizeof asked->url, "%s", nopoll_conn_get_requested_url (conn));
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_LISTENER);
  CHECK (nopoll_conn_get_origin (conn) == NULL && nopoll_conn_get_host_header (conn) == NULL);
  nopoll_conn_set_on_close (conn, count_close, asked);
  if (asked->keep)
    nopoll_conn_ref (conn);
  if (asked->close)
    nopoll_conn_close (conn);
  return asked->refuse ? nopoll_false : nopoll_true;
}

struct scene {
  struct server server;
  struct asked asked;
  int descriptors;
};

static void begin (struct scene *scene)
{
  memset (scene, 0, sizeof *scene);
  server_start (&scene->server, server_echo, NULL);
  nopoll_ctx_set_on_accept (scene->server.ctx, ask, &scene->asked);
  scene->descriptors = process_descriptors ();
}

/* Everything was given back, descriptors too. */
static void finish (struct scene *scene)
{
  nopoll_loop_wait (scene->server.ctx, 1);
  nopoll_loop_wait (scene->server.ctx, 1);
  server_stop (&scene->server);
}

static int connected (struct scene *scene, int *peer)
{
  *peer = wire_connect (LISTENER_PORT (scene->server.listener));
  return wire_accept (nopoll_conn_socket (scene->server.listener));
}

/* A request and a message in one go. */
static void say_hello (int peer)
{
  wire_send_request (peer, "/", NULL);
  wire_send_frame (peer, 0x81, 1, "hello", 5);
}

/* Serves both by direct calls. */
static void use_directly (noPollConn *conn, int peer)
{
  char head[4096];
  noPollMsg *msg = nopoll_conn_get_msg (conn);

  CHECK (msg != NULL);
  server_echo (NULL, conn, msg, NULL);
  nopoll_msg_unref (msg);
  wire_receive_head (peer, head, sizeof head);
  CHECK (memcmp (head, "HTTP/1.1 101", 12) == 0);
  wire_expect_frame (peer, 0x81, 0, "hello", 5);
}

/* Serves both by the loop. */
static void use_in_loop (struct scene *scene, int peer)
{
  char head[4096];

  LOOP_UNTIL (scene->server.ctx, wire_unread (peer) > 100);
  wire_receive_head (peer, head, sizeof head);
  CHECK (memcmp (head, "HTTP/1.1 101", 12) == 0);
  LOOP_UNTIL (scene->server.ctx, wire_unread (peer) >= 7);
  wire_expect_frame (peer, 0x81, 0, "hello", 5);
}

/* M-01 */
TEST (a_direct_accept)
{
  struct scene scene;
  noPollConn *conn;
  int peer;

  begin (&scene);
  peer = wire_connect (LISTENER_PORT (scene.server.listener));
  conn = nopoll_conn_accept (scene.server.ctx, scene.server.listener);
  CHECK (conn != NULL);
  CHECK_INT (scene.asked.count, 1);
  CHECK (scene.asked.conn == conn);
  CHECK_INT (scene.asked.refs, 1);
  CHECK_INT (scene.asked.listener_refs, 2);
  CHECK (scene.asked.listener == scene.server.listener);
  CHECK_INT (scene.asked.blocking, 1);
  CHECK_INT (scene.asked.tls, 0);
  CHECK_STR (scene.asked.url, "/");
  CHECK_INT (nopoll_conn_ref_count (conn), 1);
  CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 2);
  CHECK_STR (nopoll_conn_host (conn), "127.0.0.1");
  CHECK_INT (atoi (nopoll_conn_port (conn)), wire_port (peer));
  CHECK (is_blocking (nopoll_conn_socket (conn)));
  say_hello (peer);
  use_directly (conn, peer);
  finish (&scene);
  close (peer);
}

TEST (an_accept_by_the_loop)
{
  struct scene scene;
  int peer;

  begin (&scene);
  peer = server_peer (&scene.server);
  CHECK_INT (scene.asked.count, 1);
  CHECK_INT (scene.asked.refs, 1);
  CHECK_INT (scene.asked.listener_refs, 3);
  CHECK (scene.asked.listener == scene.server.listener);
  CHECK (is_blocking (nopoll_conn_socket (scene.asked.conn)));
  CHECK_INT (nopoll_conn_ref_count (scene.asked.conn), 1);
  finish (&scene);
  close (peer);
}

TEST (an_accept_of_a_socket)
{
  struct scene scene;
  noPollConn *conn;
  int peer, fd;

  begin (&scene);
  fd = connected (&scene, &peer);
  nopoll_conn_set_sock_block (fd, nopoll_false);
  conn = nopoll_conn_accept_socket (scene.server.ctx, scene.server.listener, fd);
  CHECK (conn != NULL);
  CHECK_INT (nopoll_conn_socket (conn), fd);
  CHECK (is_blocking (fd));
  CHECK_INT (scene.asked.refs, 1);
  CHECK (nopoll_conn_get_listener (conn) == scene.server.listener);
  say_hello (peer);
  use_directly (conn, peer);
  finish (&scene);
  close (peer);
}

TEST (accepting_with_bad_arguments)
{
  struct scene scene;
  noPollCtx *ctx;
  noPollConn *l;
  int peer, fd;

  begin (&scene);
  ctx = scene.server.ctx;
  l = scene.server.listener;
  fd = connected (&scene, &peer);
  CHECK (nopoll_conn_accept (NULL, l) == NULL);
  CHECK (nopoll_conn_accept (ctx, NULL) == NULL);
  CHECK (nopoll_conn_accept_socket (NULL, l, fd) == NULL);
  CHECK (nopoll_conn_accept_socket (ctx, NULL, fd) == NULL);
  CHECK (nopoll_conn_accept_socket (ctx, l, 0) == NULL);
  CHECK (nopoll_conn_accept_socket (ctx, l, -1) == NULL);
  CHECK (nopoll_listener_from_socket (NULL, fd) == NULL);
  CHECK (nopoll_listener_from_socket (ctx, 0) == NULL);
  CHECK (nopoll_listener_from_socket (ctx, -1) == NULL);
  CHECK (nopoll_listener_from_socket (ctx, 1000000) == NULL);
  CHECK (is_open (fd) && is_open (0));
  CHECK_INT (scene.asked.count, 0);
  CHECK_INT (nopoll_ctx_conns (ctx), 1);
  close (fd);
  close (peer);
  finish (&scene);
}

/* L-14: closing in on_accept refuses, whatever it returns. */
static void refuse (int by_close, int keep)
{
  struct scene scene;
  int peer, i;

  begin (&scene);
  scene.asked.refuse = !by_close;
  scene.asked.close = by_close;
  scene.asked.keep = keep;
  for (i = 0; i < 3; i++) {
    int fd;

    if (i == 2) {
      fd = connected (&scene, &peer);
      CHECK (nopoll_conn_accept_socket (scene.server.ctx, scene.server.listener, fd) == NULL);
    } else {
      peer = wire_connect (LISTENER_PORT (scene.server.listener));
      if (i == 0)
        CHECK (nopoll_conn_accept (scene.server.ctx, scene.server.listener) == NULL);
      else
        LOOP_UNTIL (scene.server.ctx, scene.asked.count == 2);
    }
    CHECK_INT (scene.asked.count, i + 1);
    CHECK_INT (scene.asked.closed, i + 1);
    CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 1);
    if (keep && !by_close) {
      CHECK_INT (nopoll_conn_ref_count (scene.asked.conn), 1);
      CHECK_INT (nopoll_conn_is_ok (scene.asked.conn), nopoll_false);
      nopoll_conn_unref (scene.asked.conn);
    }
    wire_expect_end (peer);
    close (peer);
  }
  nopoll_loop_wait (scene.server.ctx, 1);
  finish (&scene);
}

TEST (a_refused_connection_ends_without_a_byte) { refuse (0, 0); }
TEST (a_refused_connection_may_be_kept) { refuse (0, 1); }
TEST (closing_in_on_accept_refuses) { refuse (1, 0); }

/* L-37: the peer is gone before anybody looked. */
TEST (a_peer_that_has_already_gone_leaks_nothing)
{
  struct scene scene;
  int peer, fd, before;

  begin (&scene);
  nopoll_loop_wait (scene.server.ctx, 1);
  before = process_descriptors ();
  peer = wire_connect (LISTENER_PORT (scene.server.listener));
  wire_reset (peer);
  wire_wait_readable (nopoll_conn_socket (scene.server.listener));
  CHECK (nopoll_conn_accept (scene.server.ctx, scene.server.listener) == NULL);
  CHECK_INT (process_descriptors (), before);
  peer = wire_connect (LISTENER_PORT (scene.server.listener));
  wire_reset (peer);
  peer = server_peer (&scene.server);
  CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 2);
  CHECK_INT (process_descriptors (), before + 2);
  close (peer);
  peer = wire_connect (LISTENER_PORT (scene.server.listener));
  wire_reset (peer);
  fd = wire_accept (nopoll_conn_socket (scene.server.listener));
  CHECK (nopoll_conn_accept_socket (scene.server.ctx, scene.server.listener, fd) == NULL);
  CHECK (is_open (fd));
  close (fd);
  CHECK_INT (scene.asked.count, 1);
  finish (&scene);
}

/* L-38: what the socket is decides; its mode stays, no handler runs. */
TEST (from_socket_takes_connected_sockets)
{
  struct scene scene;
  noPollConn *conn;
  int peer, fd, fds[2], i;

  begin (&scene);
  fd = connected (&scene, &peer);
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  for (i = 0; i < 2; i++) {
    nopoll_conn_set_sock_block (i ? fds[0] : fd, i);
    conn = nopoll_listener_from_socket (scene.server.ctx, i ? fds[0] : fd);
    CHECK (conn != NULL);
    CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_LISTENER);
    CHECK_INT (nopoll_conn_ref_count (conn), 1);
    CHECK_INT (is_blocking (nopoll_conn_socket (conn)), i);
    CHECK (nopoll_conn_get_listener (conn) == NULL);
    CHECK_STR (nopoll_conn_host (conn), i ? "0.0.0.0" : "127.0.0.1");
    CHECK_INT (atoi (nopoll_conn_port (conn)), i ? 0 : wire_port (peer));
    say_hello (i ? fds[1] : peer);
    use_in_loop (&scene, i ? fds[1] : peer);
  }
  CHECK_INT (scene.asked.count, 0);
  close (peer);
  close (fds[1]);
  LOOP_UNTIL (scene.server.ctx, nopoll_ctx_conns (scene.server.ctx) == 1);
  finish (&scene);
}

/* L-40 */
TEST (from_socket_makes_a_listener_of_a_listening_socket)
{
  struct scene scene;
  struct server other;
  int fd, peer;

  begin (&scene);
  fd = wire_listen ();
  other.ctx = scene.server.ctx;
  other.listener = nopoll_listener_from_socket (scene.server.ctx, fd);
  CHECK (other.listener != NULL);
  CHECK_INT (nopoll_conn_role (other.listener), NOPOLL_ROLE_MAIN_LISTENER);
  CHECK_INT (nopoll_conn_ref_count (other.listener), 1);
  CHECK_STR (nopoll_conn_host (other.listener), "0.0.0.0");
  CHECK_STR (nopoll_conn_port (other.listener), "0");
  CHECK_INT (nopoll_conn_socket (other.listener), fd);
  CHECK (is_blocking (fd));
  peer = server_peer (&other);
  CHECK (scene.asked.listener == other.listener);
  nopoll_conn_close (other.listener);
  CHECK (!is_open (fd));
  wire_send_frame (peer, 0x81, 1, "a", 1);
  LOOP_UNTIL (scene.server.ctx, wire_unread (peer) > 0);
  close (peer);
  finish (&scene);
}

TEST (from_socket_takes_sockets_without_a_peer)
{
  struct scene scene;
  noPollConn *conn;
  int fd, file = open ("/dev/null", O_RDONLY);

  begin (&scene);
  fd = socket (AF_INET, SOCK_STREAM, 0);
  conn = nopoll_listener_from_socket (scene.server.ctx, fd);
  CHECK (conn != NULL);
  CHECK_STR (nopoll_conn_host (conn), "0.0.0.0");
  CHECK_STR (nopoll_conn_port (conn), "0");
  CHECK (nopoll_conn_get_msg (conn) == NULL);
  nopoll_conn_close (conn);
  CHECK (!is_open (fd));
  CHECK (nopoll_listener_from_socket (scene.server.ctx, file) == NULL);
  CHECK (is_open (file));
  close (file);
  finish (&scene);
}

/* L-39, Q32: the program accepts and peeks, the library reads what was peeked at. */
TEST (a_port_may_be_shared)
{
  struct scene scene;
  noPollConn *conn, *stand_in;
  int peer, fd, i, listening = wire_listen ();
  char bytes[4];

  begin (&scene);
  stand_in = nopoll_listener_from_socket (scene.server.ctx, listening);
  for (i = 0; i < 4; i++) {
    noPollConn *listener = i < 2 ? scene.server.listener : stand_in;

    peer = wire_connect (LISTENER_PORT (listener));
    fd = wire_accept (nopoll_conn_socket (listener));
    say_hello (peer);
    CHECK_INT (recv (fd, bytes, 3, MSG_PEEK), 3);
    CHECK_MEM (bytes, 3, "GET", 3);
    nopoll_conn_set_sock_block (fd, nopoll_false);
    conn = nopoll_listener_from_socket (scene.server.ctx, fd);
    CHECK_INT (nopoll_conn_accept_complete (scene.server.ctx, listener, conn, fd, nopoll_false),
               nopoll_true);
    CHECK_INT (scene.asked.count, i + 1);
    CHECK_INT (scene.asked.refs, 1);
    CHECK (is_blocking (fd));
    CHECK (nopoll_conn_get_listener (conn) == listener);
    CHECK_INT (nopoll_conn_ref_count (conn), 1);
    if (i % 2)
      use_in_loop (&scene, peer);
    else
      use_directly (conn, peer);
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_conn_close (stand_in);
  finish (&scene);
}

/* Q32: the options of the listener count for such a connection. */
TEST (a_shared_port_keeps_its_listeners_options)
{
  struct scene scene;
  noPollConn *strict, *conn;
  int peer, fd, i;

  begin (&scene);
  strict = nopoll_listener_new (scene.server.ctx, "127.0.0.1", "0");
  for (i = 0; i < 2; i++) {
    noPollConn *listener = i ? strict : scene.server.listener;
    char head[4096];

    peer = wire_connect (LISTENER_PORT (listener));
    fd = wire_accept (nopoll_conn_socket (listener));
    conn = nopoll_listener_from_socket (scene.server.ctx, fd);
    CHECK (nopoll_conn_accept_complete (scene.server.ctx, listener, conn, fd, nopoll_false));
    wire_send_text (peer, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    CHECK_INT (nopoll_conn_is_ready (conn), !i);
    wire_receive_head (peer, head, sizeof head);
    CHECK (memcmp (head + 9, i ? "403" : "101", 3) == 0);
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_conn_close (strict);
  finish (&scene);
}

/* The object of the listening socket itself becomes the accepted connection. */
TEST (a_listener_may_become_the_connection)
{
  struct scene scene;
  noPollConn *conn;
  int listening = wire_listen (), peer, fd, i;

  begin (&scene);
  for (i = 0; i < 2; i++) {
    conn = nopoll_listener_from_socket (scene.server.ctx, listening);
    if (i)
      nopoll_loop_wait (scene.server.ctx, 1);
    peer = wire_connect (wire_port (listening));
    fd = wire_accept (listening);
    CHECK (nopoll_conn_accept_complete (scene.server.ctx, conn, conn, fd, nopoll_false));
    CHECK_INT (nopoll_conn_socket (conn), fd);
    CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_LISTENER);
    CHECK_STR (nopoll_conn_host (conn), "127.0.0.1");
    CHECK (is_blocking (fd));
    CHECK (is_open (listening));
    say_hello (peer);
    use_in_loop (&scene, peer);
    nopoll_conn_close (conn);
    close (peer);
  }
  close (listening);
  finish (&scene);
}

enum refusal { BY_HANDLER, BY_CLOSE, NO_LISTENER, NO_SESSION, NO_CONTEXT, NO_CERTIFICATE };

static void refuse_complete (enum refusal how, int keep, int close_it)
{
  struct scene scene;
  noPollConn *conn;
  int peer, fd, refs;

  begin (&scene);
  scene.asked.refuse = how == BY_HANDLER;
  scene.asked.close = how == BY_CLOSE;
  fd = connected (&scene, &peer);
  conn = nopoll_listener_from_socket (scene.server.ctx, fd);
  if (keep)
    nopoll_conn_ref (conn);
  refs = nopoll_ctx_ref_count (scene.server.ctx);
  CHECK_INT (nopoll_conn_accept_complete (how == NO_CONTEXT ? NULL : scene.server.ctx,
                                          how == NO_LISTENER ? NULL : scene.server.listener, conn,
                                          how == NO_SESSION ? -1 : fd, how == NO_CERTIFICATE),
             nopoll_false);
  wire_expect_end (peer);
  CHECK (!is_open (fd));
  if (how == NO_CONTEXT) {
    CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 2);
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
  } else {
    CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 1);
    CHECK_INT (nopoll_ctx_ref_count (scene.server.ctx), keep && how != BY_CLOSE ? refs : refs - 1);
  }
  CHECK_INT (scene.asked.closed, how < NO_LISTENER || how == NO_CERTIFICATE ? 1 : 0);
  if (close_it) {
    nopoll_loop_wait (scene.server.ctx, 1);
    if (how != NO_CONTEXT || keep)
      nopoll_conn_close (conn);
  } else if (keep && how != BY_CLOSE) {
    CHECK_INT (nopoll_conn_is_ok (conn), nopoll_false);
    nopoll_conn_unref (conn);
  }
  finish (&scene);
  close (peer);
}

/* L-39: documented programs close what was refused, whoever owns it; others don't. */
TEST (what_accept_complete_refuses_may_be_closed)
{
  static const enum refusal ways[] = { BY_HANDLER, BY_CLOSE, NO_LISTENER, NO_SESSION, NO_CONTEXT,
                                       NO_CERTIFICATE };
  size_t i;

  for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    refuse_complete (ways[i], 0, 0);
    refuse_complete (ways[i], 0, 1);
    if (ways[i] != BY_CLOSE) {
      refuse_complete (ways[i], 1, 0);
      refuse_complete (ways[i], 1, 1);
    }
  }
}

TEST (accept_complete_without_a_connection)
{
  struct scene scene;
  int peer, fd;

  begin (&scene);
  fd = connected (&scene, &peer);
  CHECK_INT (nopoll_conn_accept_complete (scene.server.ctx, scene.server.listener, NULL, fd, 0), 0);
  CHECK_INT (nopoll_conn_accept_complete (NULL, NULL, NULL, -1, 0), 0);
  CHECK (is_open (fd));
  close (fd);
  close (peer);
  finish (&scene);
}

struct later {
  int port;
  int peer;
};

static void *connect_later (void *data)
{
  struct later *later = (struct later *) data;

  nopoll_sleep (20000);
  later->peer = wire_connect (later->port);
  return NULL;
}

/* Accepts while nobody is there yet; returns our end. */
static int accept_early (struct scene *scene, int bare)
{
  struct later later;
  pthread_t helper;

  later.port = LISTENER_PORT (scene->server.listener);
  CHECK (pthread_create (&helper, NULL, connect_later, &later) == 0);
  if (bare) {
    int fd = nopoll_listener_accept (nopoll_conn_socket (scene->server.listener));

    CHECK (fd >= 0);
    close (fd);
  } else {
    noPollConn *conn = nopoll_conn_accept (scene->server.ctx, scene->server.listener);

    CHECK (conn != NULL);
    nopoll_conn_close (conn);
  }
  pthread_join (helper, NULL);
  return later.peer;
}

/* L-33: the loop makes the listener non-blocking, which direct accepts don't let show. */
TEST (direct_accepts_wait_before_and_after_a_wait_of_the_loop)
{
  struct scene scene;
  int i;

  begin (&scene);
  for (i = 0; i < 2; i++) {
    close (accept_early (&scene, 0));
    close (accept_early (&scene, 1));
    nopoll_loop_wait (scene.server.ctx, 1);
    CHECK (!is_blocking (nopoll_conn_socket (scene.server.listener)));
  }
  finish (&scene);
}

static void expect_nobody (struct scene *scene)
{
  errno = 0;
  CHECK (nopoll_conn_accept (scene->server.ctx, scene->server.listener) == NULL);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  errno = 0;
  CHECK_INT (nopoll_listener_accept (nopoll_conn_socket (scene->server.listener)), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
}

/* The program says so before the loop has seen the listener, or only after that. */
TEST (direct_accepts_on_a_nonblocking_listener_dont_wait)
{
  struct scene scene;
  int fd, i;

  for (i = 0; i < 2; i++) {
    begin (&scene);
    fd = nopoll_conn_socket (scene.server.listener);
    if (i)
      nopoll_loop_wait (scene.server.ctx, 1);
    nopoll_conn_set_sock_block (fd, nopoll_false);
    expect_nobody (&scene);
    nopoll_loop_wait (scene.server.ctx, 1);
    expect_nobody (&scene);
    nopoll_conn_set_sock_block (fd, nopoll_true);
    CHECK (is_blocking (fd));
    nopoll_loop_wait (scene.server.ctx, 1);
    close (accept_early (&scene, 0));
    finish (&scene);
  }
}

/* The program makes the listener blocking behind the loop's back: it still never blocks in it. */
TEST (the_loop_never_blocks_on_a_listener)
{
  struct scene scene;
  int fd, peer, second;

  begin (&scene);
  fd = nopoll_conn_socket (scene.server.listener);
  peer = server_peer (&scene.server);
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
  second = server_peer (&scene.server);
  CHECK_INT (nopoll_ctx_conns (scene.server.ctx), 3);
  close (accept_early (&scene, 0));
  close (peer);
  close (second);
  finish (&scene);
}

struct waiting {
  noPollCtx *ctx;
  noPollConn *listener;
  noPollConn *result;
};

static void *accept_forever (void *data)
{
  struct waiting *waiting = (struct waiting *) data;

  waiting->result = nopoll_conn_accept (waiting->ctx, waiting->listener);
  return NULL;
}

/* A direct accept that waits ends when another thread closes the listener. */
TEST (closing_the_listener_ends_a_waiting_accept)
{
  struct scene scene;
  struct waiting waiting;
  pthread_t helper;
  int i;

  for (i = 0; i < 2; i++) {
    begin (&scene);
    if (i)
      nopoll_loop_wait (scene.server.ctx, 1);
    waiting.ctx = scene.server.ctx;
    waiting.listener = scene.server.listener;
    nopoll_conn_ref (scene.server.listener);
    CHECK (pthread_create (&helper, NULL, accept_forever, &waiting) == 0);
    nopoll_sleep (20000);
    nopoll_conn_shutdown (scene.server.listener);
    pthread_join (helper, NULL);
    CHECK (waiting.result == NULL);
    nopoll_conn_unref (scene.server.listener);
    finish (&scene);
  }
}

TESTS (CASE (a_direct_accept), CASE (an_accept_by_the_loop), CASE (an_accept_of_a_socket),
       CASE (accepting_with_bad_arguments), CASE (a_refused_connection_ends_without_a_byte),
       CASE (a_refused_connection_may_be_kept), CASE (closing_in_on_accept_refuses),
       CASE (a_peer_that_has_already_gone_leaks_nothing),
       CASE (from_socket_takes_connected_sockets),
       CASE (from_socket_makes_a_listener_of_a_listening_socket),
       CASE (from_socket_takes_sockets_without_a_peer), CASE (a_port_may_be_shared),
       CASE (a_shared_port_keeps_its_listeners_options),
       CASE (a_listener_may_become_the_connection),
       CASE (what_accept_complete_refuses_may_be_closed),
       CASE (accept_complete_without_a_connection),
       CASE (direct_accepts_wait_before_and_after_a_wait_of_the_loop),
       CASE (direct_accepts_on_a_nonblocking_listener_dont_wait),
       CASE (the_loop_never_blocks_on_a_listener),
       CASE (closing_the_listener_ends_a_waiting_accept))
