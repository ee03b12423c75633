/* run.py: needs=tls */
/* Bytes under TLS: cut anywhere, gathered in records, both ways at once, and never in clear. */
#include <fcntl.h>
#include <nopoll.h>
#include <nopoll_private.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "support/threads.h"
#include "support/tls/proxy.h"

static int messages;

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) data;
  SHARED_ADD (messages, 1);
  nopoll_conn_send_frame (conn, nopoll_msg_is_final (msg), nopoll_false, nopoll_msg_opcode (msg),
                          nopoll_msg_get_payload_size (msg), (void *) nopoll_msg_get_payload (msg), 0);
}

static noPollCtx *echo_ctx (void)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  messages = 0;
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  return ctx;
}

/* A raw client of which nothing leaves or arrives but by pass_to and pass_from. */
struct held { SSL_CTX *ctx; SSL *ssl; int fd; };

static struct held held_client (int port, int version)
{
  struct held held;

  held.ctx = tls_client_ctx (NULL);
  SSL_CTX_set_max_proto_version (held.ctx, version);
  held.ssl = SSL_new (held.ctx);
  SSL_set_bio (held.ssl, BIO_new (BIO_s_mem ()), BIO_new (BIO_s_mem ()));
  SSL_set_connect_state (held.ssl);
  held.fd = wire_connect (port);
  return held;
}

static void held_free (struct held *held)
{
  SSL_free (held->ssl);
  SSL_CTX_free (held->ctx);
  close (held->fd);
}

/* Gives the client what has arrived. */
static void pass_to (struct held *held)
{
  char bytes[4096];
  ssize_t n;

  while ((n = recv (held->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    BIO_write (SSL_get_rbio (held->ssl), bytes, (int) n);
}

TEST (every_byte_alone_by_direct_calls)
{
  int version;

  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConn *listener = tls_listener (ctx, "server");
    struct held held = held_client (LISTENER_PORT (listener), version);
    noPollConn *conn = nopoll_conn_accept (ctx, listener);
    noPollMsg *msg = NULL;
    char byte;
    int sent = 0;

    while (msg == NULL) {
      if (!SSL_is_init_finished (held.ssl))
        SSL_do_handshake (held.ssl);
      else if (!sent) {
        tls_send_request (held.ssl, "/cut");
        tls_send_frame (held.ssl, 0x81, 1, "hello", 5);
        sent = 1;
      }
      ERR_clear_error ();
      while (msg == NULL && BIO_read (SSL_get_wbio (held.ssl), &byte, 1) == 1) {
        wire_send (held.fd, &byte, 1);
        wire_wait_readable (nopoll_conn_socket (conn));
        msg = nopoll_conn_get_msg (conn);
        if (msg == NULL) {
          CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
          CHECK_INT (nopoll_conn_is_ok (conn), nopoll_true);
          /* Nothing is hidden from a poll of one's own. */
          CHECK_INT (nopoll_conn_read_pending (conn), 0);
        }
      }
      pass_to (&held);
    }
    CHECK_STR (nopoll_conn_get_requested_url (conn), "/cut");
    CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "hello");
    nopoll_msg_unref (msg);
    held_free (&held);
    ctx_end (ctx);
  }
}

TEST (every_byte_alone_under_the_loop)
{
  int version;

  for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    noPollCtx *ctx = echo_ctx ();
    noPollConn *listener = tls_listener (ctx, "server");
    struct held held = held_client (LISTENER_PORT (listener), version);
    int sent = 0;
    char byte;

    LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2);
    while (messages == 0) {
      if (!SSL_is_init_finished (held.ssl))
        SSL_do_handshake (held.ssl);
      else if (!sent) {
        tls_send_request (held.ssl, "/");
        tls_send_frame (held.ssl, 0x81, 1, "hello", 5);
        sent = 1;
      }
      ERR_clear_error ();
      while (BIO_read (SSL_get_wbio (held.ssl), &byte, 1) == 1) {
        wire_send (held.fd, &byte, 1);
        nopoll_loop_wait (ctx, 1);
      }
      nopoll_loop_wait (ctx, 1000);
      pass_to (&held);
    }
    CHECK_INT (nopoll_ctx_conns (ctx), 2);
    held_free (&held);
    ctx_end (ctx);
  }
}

TEST (clients_and_servers_through_a_wire_that_dribbles)
{
  static const int portions[] = { 1, 3, 7, 100 };
  int i;

  for (i = 0; i < (int) (sizeof portions / sizeof portions[0]); i++) {
    noPollCtx *ctx = echo_ctx ();
    noPollConn *listener = tls_listener (ctx, "server"), *client;
    noPollConnOpts *opts = nopoll_conn_opts_new ();
    struct tls_proxy proxy;
    char port[8], *big = (char *) malloc (20000), *got = (char *) malloc (20000);

    memset (&proxy, 0, sizeof proxy);
    proxy.to_port = LISTENER_PORT (listener);
    proxy.portion = portions[i];
    tls_proxy_start (&proxy);
    snprintf (port, sizeof port, "%d", proxy.port);
    nopoll_conn_opts_set_ssl_certs (opts, NULL, NULL, NULL, tls_file ("root.pem"));
    nopoll_conn_opts_ssl_host_verify (opts, nopoll_true);
    loop_start (ctx);
    client = nopoll_conn_tls_new (ctx, opts, "127.0.0.1", port, "localhost", NULL, NULL, NULL);
    CHECK_INT (nopoll_conn_is_ok (client), nopoll_true);
    /* Out of the loop, which would take its messages. */
    nopoll_ctx_unregister_conn (ctx, client);
    CHECK (nopoll_conn_wait_until_connection_ready (client, 10 * check_slowness ()));
    memset (big, 'b', 20000);
    CHECK_INT (nopoll_conn_flush_writes (client, 10000000L * check_slowness (),
                                         nopoll_conn_send_binary (client, big, 20000)), 20000);
    CHECK_INT (nopoll_conn_read (client, got, 20000, nopoll_true, 10000 * check_slowness ()), 20000);
    CHECK_MEM (got, 20000, big, 20000);
    free (big);
    free (got);
    nopoll_conn_close (client);
    ctx_end (ctx);
    tls_proxy_stop (&proxy);
    CHECK (proxy.records[0][23] > 0 && proxy.records[1][23] > 0);
  }
}

/* Three frames, and two of them with a ping between, as the content of one record. */
static long three_frames (unsigned char *out, const char *second, int second_first)
{
  long size = wire_frame (out, 0x81, 1, "one", 3);

  size += wire_frame (out + size, second_first, 1, second, (long) strlen (second));
  return size + wire_frame (out + size, 0x81, 1, "three", 5);
}

TEST (several_frames_in_one_record)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  unsigned char bytes[64];
  SSL *ssl;

  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  tls_send (ssl, bytes, three_frames (bytes, "two", 0x81));
  tls_expect_frame (ssl, 0x81, "one", 3);
  tls_expect_frame (ssl, 0x81, "two", 3);
  tls_expect_frame (ssl, 0x81, "three", 5);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

/* L-18 */
TEST (a_ping_and_texts_in_one_record_are_answered_in_one_pass)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct held held = held_client (LISTENER_PORT (listener), TLS1_3_VERSION);
  unsigned char bytes[64];
  char all[4096];
  int size;

  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2);
  while (!SSL_is_init_finished (held.ssl)) {
    SSL_do_handshake (held.ssl);
    ERR_clear_error ();
    while ((size = BIO_read (SSL_get_wbio (held.ssl), all, sizeof all)) > 0)
      wire_send (held.fd, all, size);
    nopoll_loop_wait (ctx, 1000);
    pass_to (&held);
  }
  tls_send_request (held.ssl, "/");
  tls_send (held.ssl, bytes, three_frames (bytes, "ping", 0x89));
  while ((size = BIO_read (SSL_get_wbio (held.ssl), all, sizeof all)) > 0)
    wire_send (held.fd, all, size);
  /* Nothing else will come: whatever is not dealt with now never is. */
  LOOP_UNTIL (ctx, messages == 2);
  pass_to (&held);
  tls_receive_head (held.ssl, all, sizeof all);
  tls_expect_frame (held.ssl, 0x81, "one", 3);
  tls_expect_frame (held.ssl, 0x8a, "ping", 4);
  tls_expect_frame (held.ssl, 0x81, "three", 5);
  held_free (&held);
  ctx_end (ctx);
}

/* A ready accepted connection without a loop, and the raw client of it, which blocks. */
struct pair { noPollConn *conn; SSL_CTX *raw; SSL *ssl; };

static void *connect_raw (void *data)
{
  struct pair *pair = (struct pair *) data;

  if (SSL_connect (pair->ssl) == 1)
    tls_send_request (pair->ssl, "/");
  return NULL;
}

static struct pair accepted_pair (noPollCtx *ctx, noPollConn *listener)
{
  struct pair pair;
  pthread_t thread;
  char head[1024];

  pair.raw = tls_client_ctx (NULL);
  pair.ssl = SSL_new (pair.raw);
  SSL_set_fd (pair.ssl, wire_connect (LISTENER_PORT (listener)));
  pair.conn = nopoll_conn_accept (ctx, listener);
  CHECK (pair.conn != NULL);
  pthread_create (&thread, NULL, connect_raw, &pair);
  WAIT_UNTIL (nopoll_conn_is_ready (pair.conn));
  pthread_join (thread, NULL);
  tls_receive_head (pair.ssl, head, sizeof head);
  return pair;
}

static void pair_free (struct pair *pair)
{
  tls_free (pair->ssl);
  SSL_CTX_free (pair->raw);
}

TEST (what_a_direct_call_leaves_in_a_record_is_told_by_read_pending)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  unsigned char bytes[64];
  struct pollfd entry;
  noPollMsg *msg;
  int count = 0;

  tls_send (pair.ssl, bytes, three_frames (bytes, "ping", 0x89));
  entry.fd = nopoll_conn_socket (pair.conn);
  entry.events = POLLIN;
  CHECK (poll (&entry, 1, 10000 * check_slowness ()) > 0);
  msg = nopoll_conn_get_msg (pair.conn);
  CHECK (msg != NULL);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "one");
  nopoll_msg_unref (msg);
  /* The descriptor is silent, but there is more. */
  CHECK_INT (poll (&entry, 1, 0), 0);
  while (nopoll_conn_read_pending (pair.conn) > 0) {
    msg = nopoll_conn_get_msg (pair.conn);
    if (msg != NULL) {
      count++;
      CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "three");
      nopoll_msg_unref (msg);
    }
  }
  CHECK_INT (count, 1);
  tls_expect_frame (pair.ssl, 0x8a, "ping", 4);
  /* And a loop that begins only now finds it, too. */
  tls_send (pair.ssl, bytes, three_frames (bytes, "two", 0x81));
  wire_wait_readable (nopoll_conn_socket (pair.conn));
  msg = nopoll_conn_get_msg (pair.conn);
  CHECK (msg != NULL);
  nopoll_msg_unref (msg);
  messages = 0;
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  LOOP_UNTIL (ctx, messages == 2);
  pair_free (&pair);
  ctx_end (ctx);
}

static void stop (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) conn, (void) msg, (void) data;
  SHARED_ADD (messages, 1);
  nopoll_loop_stop (ctx);
}

TEST (what_a_stop_leaves_is_served_first)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  noPollMsg *msg;
  int i;

  messages = 0;
  nopoll_ctx_set_on_msg (ctx, stop, NULL);
  /* Several records, each of which could be read ahead. */
  for (i = 0; i < 5; i++)
    tls_send_frame (pair.ssl, 0x81, 1, &"abcde"[i], 1);
  LOOP_UNTIL (ctx, messages == 1);
  for (i = 1; i < 5; i++) {
    if (nopoll_conn_read_pending (pair.conn) == 0)
      wire_wait_readable (nopoll_conn_socket (pair.conn));
    msg = nopoll_conn_get_msg (pair.conn);
    CHECK (msg != NULL);
    CHECK_MEM (nopoll_msg_get_payload (msg), 1, &"abcde"[i], 1);
    nopoll_msg_unref (msg);
  }
  pair_free (&pair);
  ctx_end (ctx);
}

static void ask_back (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  char answer[6] = "";

  (void) ctx, (void) data;
  CHECK_MEM (nopoll_msg_get_payload (msg), 3, "one", 3);
  SHARED_ADD (messages, 1);
  CHECK_INT (nopoll_conn_send_text (conn, "and?", 4), 4);
  CHECK_INT (nopoll_conn_read (conn, answer, 5, nopoll_true, 10000 * check_slowness ()), 5);
  CHECK_STR (answer, "three");
  SHARED_ADD (messages, 1);
}

TEST (a_handler_reads_on_within_the_record_and_beyond)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  unsigned char bytes[64];
  SSL *ssl;
  int i;

  messages = 0;
  nopoll_ctx_set_on_msg (ctx, ask_back, NULL);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  for (i = 0; i < 4; i++) {
    if (i % 2 == 0) {
      long size = wire_frame (bytes, 0x81, 1, "one", 3);

      tls_send (ssl, bytes, size + wire_frame (bytes + size, 0x81, 1, "three", 5));
      tls_expect_frame (ssl, 0x81, "and?", 4);
    } else {
      tls_send_frame (ssl, 0x81, 1, "one", 3);
      tls_expect_frame (ssl, 0x81, "and?", 4);
      tls_send_frame (ssl, 0x81, 1, "three", 5);
    }
    WAIT_UNTIL (SHARED_GET (messages) == 2 * (i + 1));
  }
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (one_frame_over_many_records)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  long size = 300000;
  char *big = (char *) malloc ((size_t) size);
  SSL *ssl;
  int i, on;

  for (i = 0; i < size; i++)
    big[i] = (char) (i * 7);
  SSL_CTX_set_max_send_fragment (raw, 512);
  for (on = 0; on < 2; on++) {
    nopoll_ctx_set_read_ahead (ctx, on);
    loop_start (ctx);
    ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
    tls_upgrade (ssl);
    tls_send_frame (ssl, 0x82, 1, big, size);
    tls_expect_frame (ssl, 0x82, big, size);
    tls_send_frame (ssl, 0x82, 1, big, 10);
    tls_expect_frame (ssl, 0x82, big, 10);
    tls_free (ssl);
    loop_end (ctx);
  }
  free (big);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (new_keys_in_the_middle)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl;
  int i;

  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  for (i = 0; i < 5; i++) {
    CHECK_INT (SSL_key_update (ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
               1);
    tls_send_frame (ssl, 0x81, 1, "x", 1);
    tls_expect_frame (ssl, 0x81, "x", 1);
  }
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (a_client_that_wants_to_renegotiate_is_not_heard)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl, *other;

  SSL_CTX_set_max_proto_version (raw, TLS1_2_VERSION);
  loop_start (ctx);
  other = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (other);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  CHECK_INT (SSL_renegotiate (ssl), 1);
  CHECK (SSL_do_handshake (ssl) != 1);
  CHECK (strstr (ERR_reason_error_string (ERR_peek_error ()), "renegotiation") != NULL);
  ERR_clear_error ();
  tls_free (ssl);
  tls_send_frame (other, 0x81, 1, "still here", 10);
  tls_expect_frame (other, 0x81, "still here", 10);
  tls_free (other);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

static void ask_for_renegotiation (SSL *ssl, void *data)
{
  char byte;

  (void) data;
  tls_answer_upgrade (ssl);
  SSL_renegotiate (ssl);
  SSL_do_handshake (ssl);
  SSL_peek (ssl, &byte, 1);
  ERR_clear_error ();
}

TEST (a_server_that_wants_to_renegotiate_is_not_heard)
{
  struct tls_server server;
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *conn;

  memset (&server, 0, sizeof server);
  server.max_version = TLS1_2_VERSION;
  server.serve = ask_for_renegotiation;
  tls_server_start (&server);
  conn = nopoll_conn_tls_new (ctx, nopoll_conn_opts_new (), "127.0.0.1", tls_port (&server), NULL,
                              NULL, NULL, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  /* The refusal is a warning to it; it ends the connection. */
  WAIT_UNTIL (nopoll_conn_get_msg (conn) == NULL && !nopoll_conn_is_ok (conn));
  nopoll_conn_close (conn);
  tls_server_stop (&server);
  nopoll_ctx_unref (ctx);
}

/* Ends it with a reset. */
static void reset (int fd)
{
  struct linger now = { 1, 0 };

  setsockopt (fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close (fd);
}

/* L-15, Q57, M-12 */
TEST (peers_that_go_in_every_phase)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  unsigned char hello[2048];
  int hard, size, cut;
  struct held held = held_client (LISTENER_PORT (listener), TLS1_3_VERSION);

  SSL_do_handshake (held.ssl);
  ERR_clear_error ();
  size = BIO_read (SSL_get_wbio (held.ssl), hello, sizeof hello);
  CHECK (size > 0);
  held_free (&held);
  loop_start (ctx);
  for (hard = 0; hard < 2; hard++) {
    SSL_CTX *raw = tls_client_ctx (NULL);
    int phase;

    for (cut = 0; cut <= size; cut += size / 20) {
      int fd = wire_connect (LISTENER_PORT (listener));

      wire_send (fd, hello, cut);
      if (hard)
        reset (fd);
      else
        close (fd);
    }
    /* After the handshake; within the request; ready; within a frame. */
    for (phase = 0; phase < 4; phase++) {
      SSL *ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
      int fd = SSL_get_fd (ssl);

      if (phase == 1)
        tls_send (ssl, "GET / HTTP/1.1\r\nHo", 18);
      if (phase >= 2)
        tls_upgrade (ssl);
      if (phase == 3)
        tls_send (ssl, "\x81\x85\x01\x02\x03\x04he", 8);
      SSL_free (ssl);
      if (hard)
        reset (fd);
      else
        close (fd);
    }
    SSL_CTX_free (raw);
  }
  WAIT_UNTIL (nopoll_ctx_conns (ctx) == 1);
  CHECK_INT (messages, 0);
  ctx_end (ctx);
}

/* Q55 */
TEST (the_end_is_announced)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  int first;
  char body[128];

  /* By close, by shutdown, and after an error frame. */
  nopoll_conn_close_ext (pair.conn, 1001, "bye", 3);
  tls_expect_frame (pair.ssl, 0x88, "\x03\xe9" "bye", 5);
  CHECK_INT (tls_expect_end (pair.ssl), 1);
  pair_free (&pair);
  pair = accepted_pair (ctx, listener);
  nopoll_conn_shutdown (pair.conn);
  CHECK_INT (tls_expect_end (pair.ssl), 1);
  pair_free (&pair);
  pair = accepted_pair (ctx, listener);
  loop_start (ctx);
  tls_send_frame (pair.ssl, 0x81, 0, "not masked", 10);
  CHECK (tls_receive_frame (pair.ssl, &first, body, sizeof body) >= 2);
  CHECK_INT (first, 0x88);
  CHECK_MEM (body, 2, "\x03\xea", 2);
  CHECK_INT (tls_expect_end (pair.ssl), 1);
  pair_free (&pair);
  ctx_end (ctx);
}

static void send_much_and_close (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  static char much[1000000];

  (void) ctx, (void) msg, (void) data;
  /* A descriptor that looks blocking: what the kernel doesn't take becomes backlog. */
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_true);
  CHECK_INT (nopoll_conn_send_binary (conn, much, sizeof much), sizeof much);
  nopoll_conn_close (conn);
}

TEST (what_was_sent_before_a_close_arrives_and_then_the_end)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  char *much = (char *) malloc (1000000);
  int first;
  SSL *ssl;

  nopoll_ctx_set_on_msg (ctx, send_much_and_close, NULL);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  tls_send_frame (ssl, 0x81, 1, "go", 2);
  WAIT_UNTIL (nopoll_ctx_conns (ctx) == 1);
  CHECK_INT (tls_receive_frame (ssl, &first, much, 1000000), 1000000);
  tls_expect_frame (ssl, 0x88, "", 0);
  CHECK_INT (tls_expect_end (ssl), 1);
  free (much);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TEST (the_parts_of_a_frame_that_had_to_wait_add_up)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  long size = 3000000, total;
  char *big = (char *) malloc ((size_t) size), *got = (char *) malloc ((size_t) size);
  int small = 16384, n, i;

  for (i = 0; i < size; i++)
    big[i] = (char) (i * 13 >> 3);
  setsockopt (nopoll_conn_socket (pair.conn), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  n = nopoll_conn_send_binary (pair.conn, big, size);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  CHECK (n == -2 || (n > 0 && n < size));
  if (n > 0)
    CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn) + n, size);
  /* The next one is not accepted, and leaves nothing behind. */
  CHECK_INT (nopoll_conn_send_text (pair.conn, "no", 2), -1);
  CHECK_INT (errno, NOPOLL_EWOULDBLOCK);
  total = n > 0 ? n : 0;
  fcntl (SSL_get_fd (pair.ssl), F_SETFL, O_NONBLOCK);
  i = -10;
  while (nopoll_conn_pending_write_bytes (pair.conn) > 0 || i < size) {
    int m;

    if (nopoll_conn_pending_write_bytes (pair.conn) > 0) {
      m = nopoll_conn_complete_pending_write (pair.conn);
      CHECK (m >= 0 || errno == NOPOLL_EWOULDBLOCK);
      total += m > 0 ? m : 0;
    }
    /* Header of ten bytes, then the payload. */
    m = SSL_read (pair.ssl, i < 0 ? got : got + i, i < 0 ? -i : (int) (size - i));
    if (m > 0)
      i += m;
    ERR_clear_error ();
  }
  CHECK_INT (total, size);
  CHECK_MEM (got, size, big, size);
  fcntl (SSL_get_fd (pair.ssl), F_SETFL, 0);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "yes", 3), 3);
  tls_expect_frame (pair.ssl, 0x81, "yes", 3);
  free (big);
  free (got);
  pair_free (&pair);
  ctx_end (ctx);
}

static nopoll_bool make_blocking (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx, (void) data;
  return nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_true);
}

/* Q54 */
TEST (neither_end_reads_until_both_are_full)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  SSL_CTX *raw = tls_client_ctx (NULL);
  long frame = 40000, frames = check_slowness () > 5 ? 100 : 500, out = 0, in = 0, size, all;
  unsigned char *bytes = (unsigned char *) malloc ((size_t) frame + 14), *got;
  char *payload = (char *) malloc ((size_t) frame);
  struct pollfd entry;
  long i, stuck = 0;
  SSL *ssl;

  for (i = 0; i < frame; i++)
    payload[i] = (char) (i * 31 >> 2);
  size = wire_frame (bytes, 0x82, 1, payload, frame);
  got = (unsigned char *) malloc ((size_t) frame + 14);
  SSL_CTX_set_mode (raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  /* Otherwise the echo would have to ask for each frame whether it was accepted. */
  nopoll_ctx_set_on_ready (ctx, make_blocking, NULL);
  loop_start (ctx);
  ssl = tls_connect (raw, LISTENER_PORT (listener), NULL);
  tls_upgrade (ssl);
  fcntl (SSL_get_fd (ssl), F_SETFL, O_NONBLOCK);
  entry.fd = SSL_get_fd (ssl);
  all = frames * size;
  /* Write until nothing goes any more, whatever comes; then both. */
  while (in < frames * (frame + 4)) {
    int moved = 0, n;

    if (out < all) {
      n = SSL_write (ssl, bytes + out % size, (int) (size - out % size));
      if (n > 0) {
        out += n;
        moved = 1;
      }
      ERR_clear_error ();
    }
    if (!moved && stuck < 20 && out < all) {
      nopoll_sleep (1000);
      stuck++;
      continue;
    }
    if (!moved || stuck >= 20) {
      long at = in % (frame + 4);

      n = SSL_read (ssl, got + at, (int) (frame + 4 - at));
      if (n > 0) {
        in += n;
        moved = 1;
        if (in % (frame + 4) == 0)
          CHECK_MEM (got + 4, frame, payload, frame);
      }
      ERR_clear_error ();
    }
    if (!moved) {
      entry.events = (short) (POLLIN | (out < all ? POLLOUT : 0));
      CHECK (poll (&entry, 1, 10000 * check_slowness ()) > 0);
    }
  }
  CHECK_INT (messages, frames);
  free (bytes);
  free (got);
  free (payload);
  tls_free (ssl);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

struct sender { noPollConn *conn; int count; };

static void *send_many (void *data)
{
  struct sender *sender = (struct sender *) data;
  int i;

  for (i = 0; i < sender->count; i++)
    while (nopoll_conn_send_text (sender->conn, "0123456789", 10) != 10)
      nopoll_sleep (100);
  return NULL;
}

static void count_message (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) conn, (void) data;
  if (nopoll_msg_get_payload_size (msg) == 10)
    SHARED_ADD (messages, 1);
}

TEST (several_threads_send_while_the_loop_reads)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server"), *client;
  struct sender sender;
  pthread_t threads[3];
  int i;

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  loop_start (ctx);
  client = nopoll_conn_tls_new (ctx, nopoll_conn_opts_new (), "127.0.0.1",
                                wire_port_text (nopoll_conn_socket (listener)), NULL, NULL, NULL, NULL);
  WAIT_UNTIL (nopoll_conn_is_ready (client));
  nopoll_conn_set_on_msg (client, count_message, NULL);
  messages = 0;
  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  sender.conn = client;
  sender.count = check_slowness () > 5 ? 50 : 500;
  for (i = 0; i < 3; i++)
    pthread_create (&threads[i], NULL, send_many, &sender);
  for (i = 0; i < 3; i++)
    pthread_join (threads[i], NULL);
  /* Each is counted where it is echoed and where it comes back. */
  WAIT_UNTIL (SHARED_GET (messages) == 6 * sender.count);
  ctx_end (ctx);
}

static pthread_key_t leaving;
static int is_leaving;

static void serve_once_more (void *data)
{
  noPollCtx *ctx = (noPollCtx *) data;

  SHARED_SET (is_leaving, 1);
  LOOP_UNTIL (ctx, SHARED_GET (messages) == 2);
}

static void *serve_and_leave (void *data)
{
  noPollCtx *ctx = (noPollCtx *) data;

  LOOP_UNTIL (ctx, SHARED_GET (messages) == 1);
  pthread_setspecific (leaving, ctx);
  return NULL;
}

TEST (a_thread_that_ends_may_still_run_the_loop)
{
  noPollCtx *ctx = echo_ctx ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  pthread_t thread;

  is_leaving = 0;
  CHECK (pthread_key_create (&leaving, serve_once_more) == 0);
  thread = threads_start (serve_and_leave, ctx);
  tls_send_frame (pair.ssl, 0x81, 1, "one", 3);
  tls_expect_frame (pair.ssl, 0x81, "one", 3);
  WAIT_UNTIL (SHARED_GET (is_leaving));
  tls_send_frame (pair.ssl, 0x81, 1, "two", 3);
  tls_expect_frame (pair.ssl, 0x81, "two", 3);
  threads_join (thread);
  pthread_key_delete (leaving);
  pair_free (&pair);
  ctx_end (ctx);
}

TEST (a_dead_connection_touches_nobodys_descriptor)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  struct pair pair = accepted_pair (ctx, listener);
  int number = nopoll_conn_socket (pair.conn), ends[2];
  char byte;

  nopoll_conn_ref (pair.conn);
  nopoll_conn_shutdown (pair.conn);
  /* Somebody else gets the number. */
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  CHECK (dup2 (ends[0], number) == number);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "stray", 5), -1);
  CHECK_INT (errno, EBADF);
  CHECK_INT (nopoll_conn_send_ping (pair.conn), nopoll_false);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
  CHECK (SSL_write (pair.conn->ssl, "stray", 5) <= 0);
  ERR_clear_error ();
  CHECK_INT (recv (ends[1], &byte, 1, MSG_DONTWAIT), -1);
  nopoll_conn_close (pair.conn);
  CHECK_INT (recv (ends[1], &byte, 1, MSG_DONTWAIT), -1);
  close (ends[0]);
  close (ends[1]);
  close (number);
  pair_free (&pair);
  ctx_end (ctx);
}

TESTS (CASE (every_byte_alone_by_direct_calls), CASE (every_byte_alone_under_the_loop),
       CASE (clients_and_servers_through_a_wire_that_dribbles), CASE (several_frames_in_one_record),
       CASE (a_ping_and_texts_in_one_record_are_answered_in_one_pass),
       CASE (what_a_direct_call_leaves_in_a_record_is_told_by_read_pending),
       CASE (what_a_stop_leaves_is_served_first),
       CASE (a_handler_reads_on_within_the_record_and_beyond), CASE (one_frame_over_many_records),
       CASE (new_keys_in_the_middle), CASE (a_client_that_wants_to_renegotiate_is_not_heard),
       CASE (a_server_that_wants_to_renegotiate_is_not_heard), CASE (peers_that_go_in_every_phase),
       CASE (the_end_is_announced), CASE (what_was_sent_before_a_close_arrives_and_then_the_end),
       CASE (the_parts_of_a_frame_that_had_to_wait_add_up), CASE (neither_end_reads_until_both_are_full),
       CASE (several_threads_send_while_the_loop_reads),
       CASE (a_thread_that_ends_may_still_run_the_loop),
       CASE (a_dead_connection_touches_nobodys_descriptor))
