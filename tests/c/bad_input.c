/* What a program does wrong: the value it gets, and that the log names the argument. */
#include <nopoll.h>

#include <limits.h>
#include <pthread.h>

#include "support/records.h"
#include "support/wire.h"

static struct records records;

/* The last call logged this argument, as something serious, and nothing else. */
static void named (const char *file, int line, const char *argument)
{
  if (records.count != 1)
    check_fail (file, line, "%d records, not 1:\n%s", records.count, records.all);
  if (records.level != NOPOLL_LEVEL_CRITICAL)
    check_fail (file, line, "level %d: %s", (int) records.level, records.all);
  if (!records_name (&records, argument))
    check_fail (file, line, "'%s' is not named: %s", argument, records.all);
  records_clear (&records);
}

#define NAMED(argument) named (__FILE__, __LINE__, argument)

/* Why the last constructor failed. */
static void failed (const char *file, int line, noPollError error, const char *word)
{
  const char *text = nopoll_conn_get_error_text (NULL);

  check_int (file, line, "nopoll_conn_get_error (NULL)", nopoll_conn_get_error (NULL), error);
  if (text == NULL || (word != NULL && strstr (text, word) == NULL))
    check_fail (file, line, "the text is \"%s\", without \"%s\"", text ? text : "(null)", word);
}

#define FAILED(error, word) failed (__FILE__, __LINE__, error, word)

static noPollConn *to (noPollCtx *ctx, const char *host, const char *port)
{
  return nopoll_conn_new (ctx, host, port, NULL, NULL, NULL, NULL);
}

TEST (clients_without_a_place_to_connect_to)
{
  static const char *const ports[] = {
    "no-such-service", "70000", "65536", "-1", "+70000", " 70000", "-65456",
    "99999999999999999999999", "80x", "0x50"
  };
  noPollCtx *ctx = nopoll_ctx_new ();
  unsigned i;

  records_of (ctx, &records);
  CHECK (to (NULL, "127.0.0.1", "80") == NULL);
  FAILED (NOPOLL_ERROR_ARGUMENT, "ctx");
  CHECK (to (ctx, NULL, "80") == NULL);
  NAMED ("host_ip");
  FAILED (NOPOLL_ERROR_ARGUMENT, "host_ip");
  for (i = 0; i < sizeof ports / sizeof ports[0]; i++) {
    CHECK (to (ctx, "127.0.0.1", ports[i]) == NULL);
    CHECK (strstr (records.last, ports[i]) != NULL);
    NAMED ("port");
    FAILED (NOPOLL_ERROR_RESOLVE, ports[i]);
  }
  CHECK (to (ctx, "", "80") == NULL);
  NAMED ("host");
  FAILED (NOPOLL_ERROR_RESOLVE, "host");
  CHECK (to (ctx, "::1", "80") == NULL);   /* IPv4 only */
  NAMED ("host");
  CHECK (nopoll_conn_new6 (ctx, "127.0.0.1", "80", NULL, NULL, NULL, NULL) == NULL);
  NAMED ("host");
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (clients_over_sockets_that_are_none)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;

  records_of (ctx, &records);
  conn = nopoll_conn_new_with_socket (ctx, NULL, 987, "127.0.0.1", "80", NULL, NULL, NULL, NULL);
  CHECK (conn != NULL);   /* to be closed */
  CHECK_INT (nopoll_conn_is_ok (conn), 0);
  CHECK (nopoll_conn_get_error (conn) != NOPOLL_ERROR_NONE);
  CHECK (records.count > 0);
  FAILED (NOPOLL_ERROR_NONE, NULL);
  nopoll_conn_close (conn);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-31, L-45 */
TEST (listeners_without_a_place_to_listen_on)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  records_of (ctx, &records);
  CHECK (nopoll_listener_new (NULL, "127.0.0.1", "0") == NULL);
  FAILED (NOPOLL_ERROR_ARGUMENT, "ctx");
  CHECK (nopoll_listener_new (ctx, NULL, "0") == NULL);
  NAMED ("host");
  FAILED (NOPOLL_ERROR_ARGUMENT, "host");
  CHECK (nopoll_listener_new (ctx, "", "0") == NULL);
  NAMED ("host");
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", NULL) == NULL);
  NAMED ("port");
  FAILED (NOPOLL_ERROR_ARGUMENT, "port");
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", "") == NULL);
  NAMED ("port");
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", "abc") == NULL);
  NAMED ("port");
  FAILED (NOPOLL_ERROR_RESOLVE, "abc");
  CHECK (nopoll_listener_new (ctx, "127.0.0.1", "70000") == NULL);
  NAMED ("port");
  FAILED (NOPOLL_ERROR_RESOLVE, "70000");
  CHECK (nopoll_listener_new (ctx, "::1", "0") == NULL);
  NAMED ("host");
  CHECK (nopoll_listener_new6 (ctx, "127.0.0.1", "0") == NULL);
  NAMED ("host");
  CHECK (nopoll_listener_new6 (ctx, "0.0.0.0", "0") == NULL);
  NAMED ("host");
  CHECK (nopoll_listener_tls_new (ctx, NULL, "0") == NULL);
  NAMED ("host");
  CHECK (nopoll_listener_new_opts (ctx, NULL, NULL, "0") == NULL);
  NAMED ("host");
  CHECK_INT (nopoll_listener_sock_listen (NULL, "127.0.0.1", "0"), -2);
  CHECK_INT (nopoll_listener_sock_listen (ctx, NULL, "0"), -2);
  NAMED ("host");
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", NULL), -2);
  NAMED ("port");
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", ""), -2);
  NAMED ("port");
  CHECK_INT (nopoll_listener_sock_listen (ctx, "", "0"), -1);
  NAMED ("host");
  CHECK_INT (nopoll_listener_sock_listen (ctx, "127.0.0.1", "66000"), -1);
  NAMED ("port");
  CHECK_INT (nopoll_listener_set_certificate (NULL, "c", "k", NULL), 0);
  CHECK_INT (nopoll_ctx_conns (ctx), 0);
  nopoll_ctx_unref (ctx);
}

TEST (listeners_with_bad_certificates)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);

  records_of (ctx, &records);
  CHECK_INT (nopoll_listener_set_certificate (listener, NULL, "/dev/null", NULL), 0);
  NAMED ("certificate");
  CHECK_INT (nopoll_listener_set_certificate (listener, "/dev/null", NULL, NULL), 0);
  NAMED ("private_key");
  CHECK_INT (nopoll_listener_set_certificate (listener, "/no/such", "/dev/null", NULL), 0);
  NAMED ("certificate");
  CHECK_INT (nopoll_listener_set_certificate (listener, "/dev/null", "/no/such", NULL), 0);
  NAMED ("private_key");
  CHECK_INT (nopoll_listener_set_certificate (listener, "/dev/null", "/dev/null", "/no/such"), 0);
  NAMED ("chain_file");
  CHECK_INT (nopoll_listener_set_certificate (listener, "/dev/null", "/dev/null", "/dev/null"), 1);
  CHECK_INT (nopoll_ctx_set_certificate (ctx, "n", NULL, "key", NULL), 0);
  NAMED ("certificateFile");
  CHECK_INT (nopoll_ctx_set_certificate (ctx, "n", "cert", NULL, NULL), 0);
  NAMED ("privateKey");
  CHECK_INT (records.count, 0);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

static nopoll_bool refuse (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { return 0; }
static nopoll_bool let_in (noPollCtx *ctx, noPollConn *conn, noPollPtr data) { return 1; }
static nopoll_bool close_it (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  nopoll_conn_close (conn);
  return 1;
}

TEST (accepting_what_can_not_be_accepted)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int file = open ("/dev/null", O_RDONLY), peer;

  records_of (ctx, &records);
  CHECK (nopoll_conn_accept (ctx, NULL) == NULL);
  NAMED ("listener");
  FAILED (NOPOLL_ERROR_ARGUMENT, "listener");
  CHECK (nopoll_conn_accept (NULL, listener) == NULL);
  FAILED (NOPOLL_ERROR_ARGUMENT, "ctx");
  nopoll_conn_set_sock_block (nopoll_conn_socket (listener), nopoll_false);
  errno = 0;
  CHECK (nopoll_conn_accept (ctx, listener) == NULL);   /* nobody is there */
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  NAMED ("listener");
  FAILED (NOPOLL_ERROR_IO, NULL);
  CHECK (nopoll_conn_accept_socket (ctx, NULL, file) == NULL);
  NAMED ("listener");
  FAILED (NOPOLL_ERROR_ARGUMENT, "listener");
  CHECK (nopoll_conn_accept_socket (ctx, listener, -1) == NULL);
  NAMED ("session");
  FAILED (NOPOLL_ERROR_ARGUMENT, "session");
  CHECK (nopoll_conn_accept_socket (ctx, listener, file) == NULL);
  NAMED ("session");
  FAILED (NOPOLL_ERROR_IO, "session");
  CHECK (nopoll_conn_accept_socket (NULL, listener, file) == NULL);
  FAILED (NOPOLL_ERROR_ARGUMENT, "ctx");
  CHECK (nopoll_listener_from_socket (NULL, file) == NULL);
  FAILED (NOPOLL_ERROR_ARGUMENT, "ctx");
  CHECK (nopoll_listener_from_socket (ctx, 0) == NULL);
  NAMED ("session");
  FAILED (NOPOLL_ERROR_ARGUMENT, "session");
  CHECK (nopoll_listener_from_socket (ctx, -1) == NULL);
  NAMED ("session");
  CHECK (nopoll_listener_from_socket (ctx, file) == NULL);
  NAMED ("session");
  FAILED (NOPOLL_ERROR_IO, "session");
  CHECK_INT (close (file), 0);   /* still ours */

  /* Refused by a handler: less serious. */
  nopoll_ctx_set_on_accept (ctx, refuse, NULL);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_wait_readable (nopoll_conn_socket (listener));
  CHECK (nopoll_conn_accept (ctx, listener) == NULL);
  CHECK_INT (records.level, NOPOLL_LEVEL_WARNING);
  FAILED (NOPOLL_ERROR_REJECTED, "on_accept");
  close (peer);
  nopoll_ctx_set_on_accept (ctx, close_it, NULL);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_wait_readable (nopoll_conn_socket (listener));
  CHECK (nopoll_conn_accept (ctx, listener) == NULL);
  FAILED (NOPOLL_ERROR_REJECTED, NULL);
  close (peer);
  nopoll_ctx_set_on_accept (ctx, let_in, NULL);
  peer = wire_connect (LISTENER_PORT (listener));
  wire_wait_readable (nopoll_conn_socket (listener));
  conn = nopoll_conn_accept (ctx, listener);
  CHECK (conn != NULL);
  FAILED (NOPOLL_ERROR_NONE, NULL);
  records_of (ctx, NULL);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

/* L-39 */
TEST (completing_what_can_not_be_completed)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx), *conn;
  int how;

  for (how = 0; how < 4; how++) {
    int raw = wire_listen (), peer = wire_connect (wire_port (raw)), fd = wire_accept (raw);

    conn = nopoll_listener_from_socket (ctx, fd);
    nopoll_conn_ref (conn);
    records_of (ctx, &records);
    CHECK_INT (nopoll_conn_accept_complete (how == 0 ? NULL : ctx, how == 1 ? NULL : listener,
                                            how == 2 ? NULL : conn, how == 3 ? -1 : fd, 0), 0);
    NAMED (how == 0 ? "ctx" : how == 1 ? "listener" : how == 2 ? "conn" : "session");
    CHECK_INT (nopoll_conn_is_ok (conn), how == 2);
    CHECK_INT (__nopoll_ctx_conn_is_registered (ctx, conn), how == 0 || how == 2);
    records_of (ctx, NULL);
    nopoll_conn_close (conn);   /* which takes our reference while it is registered */
    if (how == 1 || how == 3)
      CHECK_INT (nopoll_ctx_conns (ctx), 1);
    CHECK_INT (nopoll_ctx_ref_count (ctx), 2);
    close (peer);
    close (raw);
  }
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
}

TEST (sending_what_can_not_be_sent)
{
  struct wire_pair pair;
  static const long lengths[] = { -1, -2, LONG_MIN };
  static char x[] = "x";
  unsigned i;

  wire_open (&pair, NULL, 0);
  records_of (pair.ctx, &records);
#define REFUSED(call, value, argument) \
  do { errno = 77; CHECK_INT (call, value); CHECK_INT (errno, 77); NAMED (argument); } while (0)
  REFUSED (nopoll_conn_send_text (pair.conn, NULL, 1), -1, "content");
  REFUSED (nopoll_conn_send_text (pair.conn, NULL, -1), -1, "content");
  REFUSED (nopoll_conn_send_text (pair.conn, "x", 0), -1, "length");
  REFUSED (nopoll_conn_send_text (pair.conn, "x", -2), -1, "length");
  REFUSED (nopoll_conn_send_text_fragment (pair.conn, "x", LONG_MIN), -1, "length");
  REFUSED (nopoll_conn_send_binary (pair.conn, "x", -1), -1, "length");
  REFUSED (nopoll_conn_send_binary_fragment (pair.conn, NULL, 1), -1, "content");
  REFUSED (__nopoll_conn_send_common (pair.conn, "x", -1, 1, 0, NOPOLL_BINARY_FRAME), -1, "length");
  REFUSED (nopoll_conn_send_text (pair.conn, "x", LONG_MAX), -1, "length");
  REFUSED (nopoll_conn_send_frame (pair.conn, 1, 1, NOPOLL_TEXT_FRAME, 5, NULL, 0), -1, "content");
  for (i = 0; i < 3; i++) {
    REFUSED (nopoll_conn_send_frame (pair.conn, 1, 1, NOPOLL_TEXT_FRAME, lengths[i], x, 0), -1,
             "length");
    REFUSED (nopoll_conn_send_pong (pair.conn, lengths[i], x), 0, "length");
  }
  REFUSED (nopoll_conn_send_pong (pair.conn, 5, NULL), 0, "content");
  CHECK (wire_is_quiet (pair.peer));
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  /* Opcodes have four bits. */
  CHECK_INT (nopoll_conn_send_frame (pair.conn, 1, 1, (noPollOpCode) 0x1f2, 1, x, 0), 1);
  wire_expect_frame (pair.peer, 0x82, 1, "x", 1);
  CHECK_INT (records.count, 0);
  records_of (pair.ctx, NULL);
  wire_close (&pair);
}

TEST (reading_where_nothing_can_be_stored)
{
  struct wire_pair pair;
  char buffer[4] = "???";

  wire_open (&pair, NULL, 0);
  wire_put (&pair, 0x81, "text", 4);
  records_of (pair.ctx, &records);
#define INVALID(call, argument) \
  do { errno = 0; CHECK_INT (call, -1); CHECK_INT (errno, EINVAL); NAMED (argument); } while (0)
  INVALID (nopoll_conn_read (pair.conn, NULL, 4, 0, 0), "buffer");
  INVALID (nopoll_conn_read (pair.conn, NULL, 4, 1, 0), "buffer");
  INVALID (nopoll_conn_read (pair.conn, buffer, 0, 1, 0), "bytes");
  INVALID (nopoll_conn_read (pair.conn, buffer, -1, 1, 0), "bytes");
  INVALID (nopoll_conn_read (pair.conn, buffer, INT_MIN, 0, 0), "bytes");
  INVALID (nopoll_conn_default_receive (pair.conn, NULL, 4), "buffer");
  INVALID (nopoll_conn_default_receive (pair.conn, buffer, -1), "buffer_size");
  INVALID (nopoll_conn_default_send (pair.conn, NULL, 4), "buffer");
  INVALID (nopoll_conn_default_send (pair.conn, buffer, -4), "buffer_size");
  CHECK_STR (buffer, "???");
  records_of (pair.ctx, NULL);
  wire_expect_msg (pair.conn, 1, 1, 0, "text", 4);
  wire_close (&pair);
}

TEST (settings_that_are_none)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 1);
  records_of (pair.ctx, &records);
  nopoll_ctx_set_max_frame_size (pair.ctx, -1);
  NAMED ("max_frame_size");
  nopoll_ctx_set_max_message_size (pair.ctx, 0);
  NAMED ("max_message_size");
  nopoll_ctx_set_max_pending (pair.ctx, LONG_MAX);
  NAMED ("max_pending");
  nopoll_ctx_set_delivery (pair.ctx, (noPollDelivery) 3);
  NAMED ("delivery");
  nopoll_ctx_set_delivery (pair.ctx, (noPollDelivery) -1);
  NAMED ("delivery");
  nopoll_ctx_set_on_accept (pair.ctx, NULL, NULL);
  NAMED ("on_accept");
  nopoll_ctx_set_on_open (pair.ctx, NULL, NULL);
  NAMED ("on_open");
  nopoll_ctx_set_on_ready (pair.ctx, NULL, NULL);
  NAMED ("on_ready");
  CHECK (nopoll_ctx_foreach_conn (pair.ctx, NULL, NULL) == NULL);
  NAMED ("foreach");
  CHECK_INT (nopoll_ctx_register_conn (pair.ctx, NULL), 0);
  NAMED ("conn");
  nopoll_ctx_unregister_conn (pair.ctx, NULL);
  NAMED ("conn");
  nopoll_conn_set_accepted_protocol (pair.conn, NULL);
  NAMED ("protocol");
  CHECK_INT (nopoll_loop_wait (pair.ctx, -1), -2);
  NAMED ("timeout");
  CHECK_INT (nopoll_loop_wait (pair.ctx, LONG_MIN), -2);
  NAMED ("timeout");
  CHECK_INT (nopoll_conn_sock_connect (pair.ctx, NULL, "80"), -1);
  NAMED ("host");
  CHECK_INT (nopoll_conn_sock_connect (pair.ctx, "127.0.0.1", NULL), -1);
  NAMED ("port");
  CHECK_INT (nopoll_conn_sock_connect (pair.ctx, "127.0.0.1", "no-such-service"), -1);
  NAMED ("port");
  CHECK_INT (nopoll_conn_sock_connect (NULL, "127.0.0.1", "no-such-service"), -1);
  CHECK_INT (nopoll_conn_set_sock_block (-1, 1), 0);
  CHECK_INT (nopoll_conn_set_sock_tcp_nodelay (-1, 1), 0);
  records_of (pair.ctx, NULL);
  wire_close (&pair);
}

TEST (a_negative_descriptor_is_none)
{
  struct wire_pair pair;
  int fd;

  wire_open (&pair, NULL, 0);
  fd = nopoll_conn_socket (pair.conn);
  nopoll_conn_set_socket (pair.conn, -17);
  CHECK_INT (nopoll_conn_is_ok (pair.conn), 0);
  CHECK_INT (nopoll_conn_socket (pair.conn), -1);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "x", 1), -1);
  CHECK_INT (nopoll_loop_wait (pair.ctx, 1), -3);
  CHECK_INT (nopoll_ctx_conns (pair.ctx), 0);
  wire_close (&pair);
  close (fd);
}

static void *fail_aside (void *data)
{
  to (NULL, NULL, NULL);
  return (void *) (long) nopoll_conn_get_error (NULL);
}

TEST (each_thread_remembers_its_own_failure)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;
  pthread_t thread;
  void *result;
  int listening = wire_listen ();

  CHECK (to (ctx, "127.0.0.1", "no-such-service") == NULL);
  FAILED (NOPOLL_ERROR_RESOLVE, "no-such-service");
  CHECK (pthread_create (&thread, NULL, fail_aside, NULL) == 0);
  pthread_join (thread, &result);
  CHECK_INT ((long) result, NOPOLL_ERROR_ARGUMENT);
  FAILED (NOPOLL_ERROR_RESOLVE, "no-such-service");
  conn = to (ctx, "127.0.0.1", wire_port_text (listening));
  FAILED (NOPOLL_ERROR_NONE, NULL);
  nopoll_conn_close (conn);
  close (listening);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (clients_without_a_place_to_connect_to), CASE (clients_over_sockets_that_are_none),
       CASE (listeners_without_a_place_to_listen_on), CASE (listeners_with_bad_certificates),
       CASE (accepting_what_can_not_be_accepted), CASE (completing_what_can_not_be_completed),
       CASE (sending_what_can_not_be_sent), CASE (reading_where_nothing_can_be_stored),
       CASE (settings_that_are_none), CASE (a_negative_descriptor_is_none),
       CASE (each_thread_remembers_its_own_failure))
