/* errno is a second result: its value after every call that reads or writes, and that nothing else
 * touches it. Programs test it once after a run of calls. */
#include <nopoll.h>

#include <pthread.h>

#include "support/wire.h"

/* No call of the library leaves this value. */
#define UNTOUCHED 1234

/* errno after `call`, which must return `result`. */
#define AFTER(call, result, wanted) \
  do { \
    long result_; \
    int errno_; \
    errno = UNTOUCHED; \
    result_ = (long) (call); \
    errno_ = errno; \
    check_int (__FILE__, __LINE__, #call, result_, (long) (result)); \
    check_int (__FILE__, __LINE__, "errno after " #call, errno_, wanted); \
  } while (0)

#define GET(conn) (nopoll_conn_get_msg (conn) != NULL)

/* As GET, for a message that is there. */
static int get_and_drop (noPollConn *conn)
{
  noPollMsg *msg = nopoll_conn_get_msg (conn);
  int error = errno;

  nopoll_msg_unref (msg);
  errno = error;
  return msg != NULL;
}

static void receiving (void)
{
  struct wire_pair pair;
  char buffer[8];
  int server;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    AFTER (GET (pair.conn), 0, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_read (pair.conn, buffer, 4, nopoll_false, 0), -1, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_read_pending (pair.conn), 0, UNTOUCHED);
    wire_put (&pair, 0x81, "text", 4);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (get_and_drop (pair.conn), 1, 0);
    wire_put (&pair, 0x89, "ping", 4);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (GET (pair.conn), 0, 0);
    wire_expect (&pair, 0x8a, "ping", 4);
    wire_put (&pair, 0x81, "text", 4);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (nopoll_conn_read (pair.conn, buffer, 3, nopoll_false, 0), 3, UNTOUCHED);
    AFTER (nopoll_conn_read_pending (pair.conn), 1, UNTOUCHED);
    AFTER (nopoll_conn_read (pair.conn, buffer, 3, nopoll_true, 1), 1, UNTOUCHED);
    AFTER (nopoll_conn_read (pair.conn, NULL, 3, nopoll_true, 1), -1, EINVAL);
    AFTER (nopoll_conn_read (pair.conn, buffer, 0, nopoll_true, 1), -1, EINVAL);
    /* The beginning of a frame is nothing yet. */
    wire_send (pair.peer, server ? "\x81\x81" : "\x81\x01", 2);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (GET (pair.conn), 0, NOPOLL_EWOULDBLOCK);
    /* An orderly end, and what is dead. */
    wire_end (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (GET (pair.conn), 0, 0);
    AFTER (nopoll_conn_is_ok (pair.conn), 0, UNTOUCHED);
    AFTER (GET (pair.conn), 0, EBADF);
    AFTER (nopoll_conn_read (pair.conn, buffer, 4, nopoll_true, 1), 0, UNTOUCHED);
    wire_close (&pair);
    /* A reset. */
    wire_open (&pair, NULL, server);
    wire_reset (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (GET (pair.conn), 0, ECONNRESET);
    AFTER (nopoll_conn_is_ok (pair.conn), 0, UNTOUCHED);
    pair.peer = -1;
    wire_close (&pair);
    /* A close frame. */
    wire_open (&pair, NULL, server);
    wire_put (&pair, 0x88, "", 0);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    AFTER (GET (pair.conn), 0, 0);
    wire_close (&pair);
  }
}

static void sending (void)
{
  static char large[3 * 1024 * 1024];
  struct wire_pair pair;
  int server, n, pending;

  for (server = 0; server < 2; server++) {
    wire_open (&pair, NULL, server);
    AFTER (nopoll_conn_send_text (pair.conn, "text", 4), 4, UNTOUCHED);
    AFTER (nopoll_conn_send_binary_fragment (pair.conn, "text", 4), 4, UNTOUCHED);
    AFTER (nopoll_conn_send_text (pair.conn, "", -1), 0, UNTOUCHED);
    AFTER (nopoll_conn_send_frame (pair.conn, 1, 1, NOPOLL_BINARY_FRAME, 0, "", 0), 0, UNTOUCHED);
    AFTER (nopoll_conn_send_ping (pair.conn), 1, UNTOUCHED);
    AFTER (nopoll_conn_send_pong (pair.conn, 2, "zz"), 1, UNTOUCHED);
    AFTER (nopoll_conn_complete_pending_write (pair.conn), 0, UNTOUCHED);
    AFTER (nopoll_conn_flush_writes (pair.conn, 1000, 7), 7, UNTOUCHED);
    /* Arguments. */
    AFTER (nopoll_conn_send_text (NULL, "text", 4), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_text (pair.conn, NULL, 4), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_text (pair.conn, "text", 0), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_text (pair.conn, "text", -2), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_binary (pair.conn, "text", -1), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_frame (pair.conn, 1, 0, NOPOLL_TEXT_FRAME, -1, "x", 0), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_frame (pair.conn, 1, 0, NOPOLL_TEXT_FRAME, 1, NULL, 0), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_frame (NULL, 1, 0, NOPOLL_TEXT_FRAME, 1, "x", 0), -1, UNTOUCHED);
    AFTER (nopoll_conn_send_ping (NULL), 0, UNTOUCHED);
    AFTER (nopoll_conn_send_pong (pair.conn, -1, "x"), 0, UNTOUCHED);
    if (server) {
      AFTER (nopoll_conn_send_text (pair.listener, "text", 4), -1, UNTOUCHED);
      AFTER (nopoll_conn_send_ping (pair.listener), 0, UNTOUCHED);
    }
    wire_close (&pair);
    /* More than the buffers take. */
    wire_open_local (&pair, NULL, server);
    errno = UNTOUCHED;
    n = nopoll_conn_send_binary (pair.conn, large, sizeof large);
    CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
    CHECK (n > 0 && n < (int) sizeof large);
    pending = nopoll_conn_pending_write_bytes (pair.conn);
    CHECK_INT (pending + n, sizeof large);
    wire_stuff (nopoll_conn_socket (pair.conn));
    AFTER (nopoll_conn_send_text (pair.conn, "text", 4), -1, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_send_ping (pair.conn), 0, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_complete_pending_write (pair.conn), -1, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_flush_writes (pair.conn, 0, n), n, UNTOUCHED);
    AFTER (nopoll_conn_pending_write_bytes (pair.conn), pending, UNTOUCHED);
    nopoll_conn_shutdown (pair.conn);
    AFTER (nopoll_conn_send_text (pair.conn, "text", 4), -1, EBADF);
    AFTER (nopoll_conn_send_ping (pair.conn), 0, EBADF);
    wire_close (&pair);
    /* A frame of which nothing can be written is accepted. */
    wire_open_local (&pair, NULL, server);
    wire_stuff (nopoll_conn_socket (pair.conn));
    AFTER (nopoll_conn_send_text (pair.conn, "text", 4), -2, NOPOLL_EWOULDBLOCK);
    AFTER (nopoll_conn_complete_pending_write (pair.conn), -1, NOPOLL_EWOULDBLOCK);
    wire_close (&pair);
    /* Nobody is there any more. */
    wire_open (&pair, NULL, server);
    wire_reset (pair.peer);
    wire_wait_readable (nopoll_conn_socket (pair.conn));
    errno = UNTOUCHED;
    CHECK_INT (nopoll_conn_send_text (pair.conn, "text", 4), -1);
    CHECK (errno == EPIPE || errno == ECONNRESET);
    AFTER (nopoll_conn_is_ok (pair.conn), 1, UNTOUCHED);
    AFTER (nopoll_conn_send_text (pair.conn, "text", 4), -1, EPIPE);
    pair.peer = -1;
    wire_close (&pair);
  }
}

static void getting_ready (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int listening = wire_listen ();
  noPollConn *conn = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                      NULL, NULL);
  noPollConn *listener = wire_listener (ctx);
  int peer = wire_accept (listening);

  AFTER (nopoll_conn_is_ready (conn), 0, NOPOLL_EWOULDBLOCK);
  AFTER (nopoll_conn_wait_until_connection_ready (conn, 0), 0, NOPOLL_EWOULDBLOCK);
  AFTER (GET (conn), 0, NOPOLL_EWOULDBLOCK);
  wire_answer_request (peer, NULL);
  wire_wait_readable (nopoll_conn_socket (conn));
  AFTER (nopoll_conn_is_ready (conn), 1, UNTOUCHED);
  AFTER (nopoll_conn_is_ready (conn), 1, UNTOUCHED);
  AFTER (nopoll_conn_wait_until_connection_ready (conn, 1), 1, UNTOUCHED);
  AFTER (nopoll_conn_is_ready (NULL), 0, UNTOUCHED);
  close (peer);
  peer = wire_connect (LISTENER_PORT (listener));
  nopoll_conn_close (conn);
  conn = nopoll_conn_accept (ctx, listener);
  /* Before the 101 there is no WebSocket to send on. */
  AFTER (nopoll_conn_send_text (conn, "early", 5), -1, ENOTCONN);
  AFTER (nopoll_conn_send_ping (conn), 0, ENOTCONN);
  nopoll_conn_close (conn);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  close (listening);
  close (peer);
}

/* What concerns no socket leaves errno alone, whatever it does inside. */
static void everything_else (void)
{
  noPollCtx *ctx;
  noPollConnOpts *opts;
  struct wire_pair pair;
  noPollMsg *a, *b;

  errno = UNTOUCHED;
  ctx = nopoll_ctx_new ();
  opts = nopoll_conn_opts_new ();
  nopoll_conn_opts_set_cookie (opts, "cookie");
  nopoll_conn_opts_set_extra_headers (opts, "\r\na: b");
  nopoll_conn_opts_unref (opts);
  CHECK_INT (errno, UNTOUCHED);
  wire_open (&pair, ctx, 1);
  errno = UNTOUCHED;
  nopoll_conn_get_id (pair.conn);
  nopoll_conn_host (pair.conn);
  nopoll_conn_port (pair.conn);
  nopoll_conn_socket (pair.conn);
  nopoll_conn_role (pair.conn);
  nopoll_conn_get_requested_url (pair.conn);
  nopoll_conn_get_close_status (pair.conn);
  nopoll_conn_set_hook (pair.conn, ctx);
  nopoll_conn_set_accepted_protocol (pair.conn, "p");
  nopoll_conn_set_on_msg (pair.conn, NULL, NULL);
  nopoll_conn_ref (pair.conn);
  nopoll_conn_unref (pair.conn);
  nopoll_ctx_conns (ctx);
  nopoll_ctx_set_max_frame_size (ctx, 0);
  a = nopoll_msg_new ();
  b = nopoll_msg_join (a, a);
  nopoll_msg_unref (a);
  nopoll_msg_unref (b);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), nopoll_true);
  CHECK_INT (errno, UNTOUCHED);
  CHECK_INT (nopoll_loop_wait (ctx, 1000), -3);
  nopoll_conn_close_ext (pair.conn, 1000, "bye", 3);
  nopoll_conn_shutdown (pair.listener);
  nopoll_conn_close (pair.listener);
  nopoll_loop_stop (ctx);
  nopoll_ctx_unref (ctx);
  CHECK_INT (errno, UNTOUCHED);
  close (pair.peer);
}

static int errno_in_handler[2];

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  errno_in_handler[1] = errno;
  errno = 55;
  if (nopoll_msg_opcode (msg) == NOPOLL_BINARY_FRAME)
    nopoll_loop_stop (ctx);
  else
    errno_in_handler[0] = errno_in_handler[1];
}

static void in_handlers (void)
{
  struct wire_pair pair;

  wire_open (&pair, NULL, 1);
  nopoll_conn_set_on_msg (pair.conn, on_msg, NULL);
  errno_in_handler[0] = errno_in_handler[1] = -1;
  wire_put (&pair, 0x81, "a", 1);
  wire_put (&pair, 0x82, "b", 1);
  errno = UNTOUCHED;
  CHECK_INT (nopoll_loop_wait (pair.ctx, 0), 0);
  CHECK_INT (errno_in_handler[0], 0);
  CHECK_INT (errno_in_handler[1], 0);
  wire_close (&pair);
}

static void whole_table (void)
{
  receiving ();
  sending ();
  getting_ready ();
  everything_else ();
  in_handlers ();
}

TEST (errno_after_receiving) { receiving (); }

/* M-26, M-27 */
TEST (errno_after_sending) { sending (); }

TEST (errno_after_asking_whether_it_is_ready) { getting_ready (); }

TEST (errno_after_everything_else) { everything_else (); }

TEST (errno_is_0_when_a_message_handler_begins) { in_handlers (); }

static noPollPtr create_mutex (void)
{
  pthread_mutex_t *mutex = (pthread_mutex_t *) malloc (sizeof *mutex);

  pthread_mutex_init (mutex, NULL);
  errno = 60;
  return mutex;
}

static void destroy_mutex (noPollPtr mutex)
{
  pthread_mutex_destroy ((pthread_mutex_t *) mutex);
  free (mutex);
  errno = 61;
}

static void lock_mutex (noPollPtr mutex)
{
  pthread_mutex_lock ((pthread_mutex_t *) mutex);
  errno = 62;
}

static void unlock_mutex (noPollPtr mutex)
{
  pthread_mutex_unlock ((pthread_mutex_t *) mutex);
  errno = 63;
}

TEST (mutex_functions_that_set_errno_change_nothing)
{
  nopoll_thread_handlers (create_mutex, destroy_mutex, lock_mutex, unlock_mutex);
  whole_table ();
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
}

TESTS (CASE (errno_after_receiving),
       CASE (errno_after_sending),
       CASE (errno_after_asking_whether_it_is_ready),
       CASE (errno_after_everything_else),
       CASE (errno_is_0_when_a_message_handler_begins),
       CASE (mutex_functions_that_set_errno_change_nothing))
