/* How a client gets its socket, and what happens when it gets none. */
#include <nopoll.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>

#include "support/threads.h"
#include "support/wire.h"

static int flags_of (int fd) { return fcntl (fd, F_GETFL); }

static int is_open (int fd) { return fcntl (fd, F_GETFD) >= 0; }

static int option_of (int fd, int level, int name)
{
  int value = -1;
  socklen_t size = sizeof value;

  getsockopt (fd, level, name, &value, &size);
  return value;
}

/* Q09 */
TEST (the_library_makes_sockets_that_are_not_blocking_not_delayed_and_inherited)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);
  int fd = nopoll_conn_socket (conn);

  CHECK (fd >= 0);
  CHECK (flags_of (fd) & O_NONBLOCK);
  CHECK_INT (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  CHECK (option_of (fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  nopoll_conn_close (conn);
  CHECK (!is_open (fd));
  nopoll_ctx_unref (ctx);
  close (listening);
}

/* Talks to the client on `fds[0]` from the other end. */
static void talk (noPollCtx *ctx, int fds[2], int blocking)
{
  noPollConn *conn;
  noPollMsg *msg;
  int mode;

  if (!blocking)
    nopoll_conn_set_sock_block (fds[0], nopoll_false);
  mode = flags_of (fds[0]);
  conn = nopoll_conn_new_with_socket (ctx, NULL, fds[0], "name", NULL, NULL, NULL, NULL, NULL);
  CHECK (nopoll_conn_is_ok (conn));
  CHECK_INT (nopoll_conn_socket (conn), fds[0]);
  CHECK_STR (nopoll_conn_host (conn), "name");
  CHECK_STR (nopoll_conn_port (conn), "80");
  wire_answer_request (fds[1], NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  CHECK_INT (nopoll_conn_send_text (conn, "there", 5), 5);
  wire_expect_frame (fds[1], 0x81, 1, "there", 5);
  wire_send_frame (fds[1], 0x81, 0, "back", 4);
  wire_wait_readable (fds[0]);
  msg = nopoll_conn_get_msg (conn);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "back");
  nopoll_msg_unref (msg);
  CHECK_INT (flags_of (fds[0]), mode);
  nopoll_conn_close (conn);
  CHECK (!is_open (fds[0]));
  wire_expect_frame (fds[1], 0x88, 1, "", 0);
  wire_expect_end (fds[1]);
  close (fds[1]);
}

TEST (any_stream_socket_of_the_program_will_do_in_the_mode_it_has)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  for (i = 0; i < 4; i++) {
    int fds[2];

    if (i < 2) {
      CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    } else {
      int listening = wire_listen ();

      fds[0] = wire_connect (wire_port (listening));
      fds[1] = wire_accept (listening);
      close (listening);
      CHECK_INT (option_of (fds[0], IPPROTO_TCP, TCP_NODELAY), 0);
    }
    talk (ctx, fds, i % 2);
  }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (a_socket_that_is_still_connecting_gets_the_request_when_it_is_there)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  int fd = nopoll_conn_sock_connect (ctx, "127.0.0.1", wire_port_text (listening));
  noPollConn *conn;
  char head[1024];
  int peer;

  CHECK (fd >= 0);
  conn = nopoll_conn_new_with_socket (ctx, NULL, fd, "h", NULL, NULL, NULL, NULL, NULL);
  CHECK (nopoll_conn_is_ok (conn));
  peer = wire_accept (listening);
  wire_receive_head (peer, head, sizeof head);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
  close (listening);
}

/* Q04 */
TEST (a_negative_socket_means_connect)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  static const int none[] = { -1, -2, -2147483647 };
  int i;

  for (i = 0; i < 3; i++) {
    noPollConn *conn = nopoll_conn_new_with_socket (
      ctx, NULL, none[i], "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL, NULL);

    CHECK (nopoll_conn_is_ok (conn));
    close (wire_accept (listening));
    nopoll_conn_close (conn);
  }
  nopoll_ctx_unref (ctx);
  close (listening);
}

TEST (a_socket_stays_the_callers_when_arguments_are_missing)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int fds[2];

  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  CHECK (nopoll_conn_new_with_socket (NULL, NULL, fds[0], "h", NULL, NULL, NULL, NULL, NULL)
         == NULL);
  CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_ARGUMENT);
  CHECK (nopoll_conn_new_with_socket (ctx, NULL, fds[0], NULL, NULL, NULL, NULL, NULL, NULL)
         == NULL);
  CHECK_INT (nopoll_conn_get_error (NULL), NOPOLL_ERROR_ARGUMENT);
  CHECK (is_open (fds[0]));
  CHECK (wire_is_quiet (fds[1]));
  close (fds[0]);
  close (fds[1]);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  nopoll_ctx_unref (ctx);
}

/* Q05 */
TEST (the_default_port_is_80_or_443_with_tls)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  for (i = 0; i < 2; i++) {
    noPollConn *conn;
    int fds[2];

    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    /* Nobody speaks TLS there. */
    close (fds[1]);
    conn = i == 0
      ? nopoll_conn_new_with_socket (ctx, NULL, fds[0], "h", NULL, NULL, NULL, NULL, NULL)
      : nopoll_conn_tls_new_with_socket (ctx, NULL, fds[0], "h", NULL, NULL, NULL, NULL, NULL);
    CHECK (conn != NULL);
    CHECK (!nopoll_conn_is_ok (conn));
    CHECK (!is_open (fds[0]));
    CHECK_STR (nopoll_conn_port (conn), i == 0 ? "80" : "443");
    nopoll_conn_close (conn);
  }
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* Nothing came about: NULL, or a connection that has to be closed. */
static void check_failed (noPollCtx *ctx, noPollConn *conn, noPollError error)
{
  CHECK_INT (nopoll_conn_is_ok (conn), 0);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  CHECK_INT (nopoll_conn_get_error (conn), error);
  CHECK (strlen (nopoll_conn_get_error_text (conn)) > 0);
  if (conn != NULL) {
    CHECK_INT (nopoll_conn_ref_count (conn), 2);
    CHECK_INT (nopoll_conn_socket (conn), -1);
    CHECK_INT (nopoll_conn_send_text (conn, "x", 1), -1);
    CHECK (nopoll_conn_get_msg (conn) == NULL);
  }
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
}

TEST (constructors_that_fail_say_why)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  char port[8];

  strcpy (port, wire_port_text (listening));
  close (listening);
  check_failed (ctx, nopoll_conn_new (ctx, "127.0.0.1", port, NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_CONNECT);
  check_failed (ctx, nopoll_conn_new (ctx, "no.such.host.invalid", "80", NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_RESOLVE);
  check_failed (ctx, nopoll_conn_new (ctx, "127.0.0.1", "no-such-service", NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_RESOLVE);
  check_failed (ctx, nopoll_conn_new (ctx, "127.0.0.1", "65536", NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_RESOLVE);
  check_failed (ctx, nopoll_conn_new (ctx, "::1", "80", NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_RESOLVE);
  check_failed (ctx, nopoll_conn_new6 (ctx, "127.0.0.1", "80", NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_RESOLVE);
  nopoll_conn_opts_set_interface (opts, "no-such-dev0");
  check_failed (ctx, nopoll_conn_new_opts (ctx, opts, "127.0.0.1", port, NULL, NULL, NULL, NULL),
                NOPOLL_ERROR_CONNECT);
  nopoll_ctx_unref (ctx);
}

/* A listening socket that takes no further connection: its queue is full. */
static int full_listener (int fillers[], int count)
{
  int fd = wire_listen ();
  int port = wire_port (fd);
  struct sockaddr_in address;
  int i;

  CHECK (listen (fd, 0) == 0);
  memset (&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  address.sin_port = htons ((unsigned short) port);
  for (i = 0; i < count; i++) {
    fillers[i] = socket (AF_INET, SOCK_STREAM, 0);
    nopoll_conn_set_sock_block (fillers[i], nopoll_false);
    connect (fillers[i], (struct sockaddr *) &address, sizeof address);
  }
  return fd;
}

/* Q11 */
TEST (a_host_that_does_not_answer_in_time_gives_a_dead_connection)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int fillers[4], i;
  int listening = full_listener (fillers, 4);

  nopoll_conn_connect_timeout (ctx, 200000);
  check_failed (ctx,
                nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL,
                                 NULL),
                NOPOLL_ERROR_TIMEOUT);
  check_failed (ctx,
                nopoll_conn_new_auto (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL),
                NOPOLL_ERROR_TIMEOUT);
  for (i = 0; i < 4; i++)
    close (fillers[i]);
  close (listening);
  nopoll_ctx_unref (ctx);
}

/* Q10 */
TEST (a_connect_timeout_of_nothing_is_the_default)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  static const long none[] = { 0, -1, -2147483647L };
  int i;

  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 20000000);
  CHECK_INT (nopoll_conn_get_connect_timeout (NULL), 0);
  nopoll_conn_connect_timeout (NULL, 5);
  nopoll_conn_connect_timeout (ctx, 1500000);
  CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 1500000);
  for (i = 0; i < 3; i++) {
    noPollConn *conn;
    char head[1024];
    int peer;

    nopoll_conn_connect_timeout (ctx, none[i]);
    CHECK_INT (nopoll_conn_get_connect_timeout (ctx), 20000000);
    conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL, NULL, NULL);
    CHECK (nopoll_conn_is_ok (conn));
    peer = wire_accept (listening);
    wire_receive_head (peer, head, sizeof head);
    nopoll_conn_close (conn);
    close (peer);
  }
  nopoll_ctx_unref (ctx);
  close (listening);
}

struct reader {
  int fd;
  char *text;
  long room, size;
};

static void *read_all (void *data)
{
  struct reader *reader = (struct reader *) data;

  while (reader->size < reader->room) {
    ssize_t n = recv (reader->fd, reader->text + reader->size,
                      (size_t) (reader->room - reader->size), 0);

    if (n <= 0)
      break;
    reader->size += n;
    if (reader->size >= 4 && memcmp (reader->text + reader->size - 4, "\r\n\r\n", 4) == 0)
      break;
  }
  return NULL;
}

/* "\r\nX: 000000", and so on: what a header of many kilobytes may look like. */
static char *numbered_headers (int count)
{
  char *text = (char *) malloc ((size_t) count * 11 + 1);
  int i;

  for (i = 0; i < count; i++)
    sprintf (text + i * 11, "\r\nX: %06d", i % 1000000);
  return text;
}

/* Q12 */
TEST (a_request_larger_than_the_sockets_buffer_arrives_whole)
{
  const int count = 50000;
  char *headers = numbered_headers (count);
  int blocking;

  for (blocking = 0; blocking < 2; blocking++) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConnOpts *opts = nopoll_conn_opts_new ();
    struct reader reader = { -1, NULL, count * 11L + 1024, 0 };
    noPollConn *conn;
    pthread_t thread;
    char *start;
    int fds[2];

    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    wire_shrink (fds[0], fds[1]);
    nopoll_conn_set_sock_block (fds[0], blocking);
    reader.fd = fds[1];
    reader.text = (char *) malloc ((size_t) reader.room + 1);
    pthread_create (&thread, NULL, read_all, &reader);
    nopoll_conn_opts_set_extra_headers (opts, headers);
    conn = nopoll_conn_new_with_socket (ctx, opts, fds[0], "h", NULL, NULL, NULL, NULL, NULL);
    pthread_join (thread, NULL);
    CHECK (nopoll_conn_is_ok (conn));
    reader.text[reader.size] = 0;
    start = strstr (reader.text, "\r\nX: 000000");
    CHECK (start != NULL);
    CHECK_INT (reader.text + reader.size - start, count * 11 + 4);
    CHECK_MEM (start, count * 11, headers, count * 11);
    nopoll_conn_close (conn);
    nopoll_ctx_unref (ctx);
    close (fds[1]);
    free (reader.text);
  }
  free (headers);
}

/* Q11, Q12 */
TEST (a_request_that_nobody_takes_in_time_gives_a_dead_connection)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char *headers = numbered_headers (50000);
  int full;

  nopoll_conn_connect_timeout (ctx, 100000);
  /* Partly taken, or not at all. */
  for (full = 0; full < 2; full++) {
    noPollConnOpts *opts = nopoll_conn_opts_new ();
    noPollConn *conn;
    int fds[2];

    CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    wire_shrink (fds[0], fds[1]);
    if (full)
      wire_stuff (fds[0]);
    nopoll_conn_opts_set_extra_headers (opts, headers);
    conn = nopoll_conn_new_with_socket (ctx, opts, fds[0], "h", NULL, NULL, NULL, NULL, NULL);
    CHECK (conn != NULL);
    CHECK (!is_open (fds[0]));
    check_failed (ctx, conn, NOPOLL_ERROR_TIMEOUT);
    close (fds[1]);
  }
  free (headers);
  nopoll_ctx_unref (ctx);
}

/* Q02, L-04 */
TEST (ids_are_unique_and_increase)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  int i, last = 0;

  for (i = 0; i < 20; i++) {
    noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                        NULL, NULL);

    CHECK (nopoll_conn_get_id (conn) > last);
    last = nopoll_conn_get_id (conn);
    nopoll_conn_close (conn);
    close (wire_accept (listening));
  }
  nopoll_ctx_unref (ctx);
  close (listening);
}

static int looking, unfinished;

static nopoll_bool look_at (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  /* -1 is one that has been closed meanwhile. */
  if (nopoll_conn_socket (conn) == 0 || nopoll_conn_host (conn) == NULL
      || nopoll_conn_port (conn) == NULL || nopoll_conn_get_host_header (conn) == NULL)
    SHARED_ADD (unfinished, 1);
  return nopoll_false;
}

static void *keep_looking (void *data)
{
  while (SHARED_GET (looking))
    nopoll_ctx_foreach_conn ((noPollCtx *) data, look_at, NULL);
  return NULL;
}

/* Q03 */
TEST (nobody_sees_a_connection_that_is_not_filled_in)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  pthread_t thread;
  int i;

  looking = 1;
  unfinished = 0;
  pthread_create (&thread, NULL, keep_looking, ctx);
  for (i = 0; i < 200; i++) {
    noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                        NULL, NULL);

    CHECK (nopoll_conn_is_ok (conn));
    nopoll_conn_ref (conn);
    nopoll_ctx_unregister_conn (ctx, conn);
    nopoll_conn_close (conn);
    nopoll_conn_unref (conn);
    close (wire_accept (listening));
  }
  SHARED_SET (looking, 0);
  pthread_join (thread, NULL);
  CHECK_INT (unfinished, 0);
  nopoll_ctx_unref (ctx);
  close (listening);
}

TEST (bare_sockets_can_be_made_and_tuned)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  int listening = wire_listen ();
  int fd = nopoll_conn_sock_connect_opts (NULL, "127.0.0.1", wire_port_text (listening), opts);
  int peer = wire_accept (listening);

  CHECK (fd >= 0);
  CHECK (flags_of (fd) & O_NONBLOCK);
  CHECK_INT (nopoll_conn_set_sock_tcp_nodelay (fd, nopoll_false), 1);
  CHECK_INT (option_of (fd, IPPROTO_TCP, TCP_NODELAY), 0);
  CHECK_INT (nopoll_conn_set_sock_tcp_nodelay (fd, nopoll_true), 1);
  CHECK (option_of (fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK_INT (nopoll_conn_set_sock_tcp_nodelay (-1, nopoll_true), 0);
  CHECK_INT (nopoll_conn_set_bind_interface (fd, NULL), 1);
  CHECK_INT (nopoll_conn_set_bind_interface (fd, opts), 1);
  nopoll_conn_opts_set_interface (opts, "no-such-dev0");
  CHECK_INT (nopoll_conn_set_bind_interface (fd, opts), 0);
  CHECK_INT (nopoll_conn_sock_connect (NULL, "no.such.host.invalid", "80"), -1);
  CHECK_INT (nopoll_conn_sock_connect (NULL, NULL, "80"), -1);
  CHECK_INT (nopoll_conn_set_sock_block (fd, nopoll_true), 1);
  CHECK_INT (flags_of (fd) & O_NONBLOCK, 0);
  CHECK_INT (nopoll_conn_set_sock_block (fd, nopoll_false), 1);
  CHECK (flags_of (fd) & O_NONBLOCK);
  CHECK_INT (nopoll_conn_set_sock_block (-1, nopoll_true), 0);
  close (fd);
  close (peer);
  close (listening);
  nopoll_conn_opts_unref (opts);
}

TESTS (CASE (the_library_makes_sockets_that_are_not_blocking_not_delayed_and_inherited),
       CASE (any_stream_socket_of_the_program_will_do_in_the_mode_it_has),
       CASE (a_socket_that_is_still_connecting_gets_the_request_when_it_is_there),
       CASE (a_negative_socket_means_connect),
       CASE (a_socket_stays_the_callers_when_arguments_are_missing),
       CASE (the_default_port_is_80_or_443_with_tls),
       CASE (constructors_that_fail_say_why),
       CASE (a_host_that_does_not_answer_in_time_gives_a_dead_connection),
       CASE (a_connect_timeout_of_nothing_is_the_default),
       CASE (a_request_larger_than_the_sockets_buffer_arrives_whole),
       CASE (a_request_that_nobody_takes_in_time_gives_a_dead_connection),
       CASE (ids_are_unique_and_increase),
       CASE (nobody_sees_a_connection_that_is_not_filled_in),
       CASE (bare_sockets_can_be_made_and_tuned))
