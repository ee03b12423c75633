/* What a client sends first, to the byte. */
#include <nopoll.h>

#include "support/wire.h"

#define KEY "Sec-WebSocket-Key: "

/* A context, a socket of ours that listens, and what the constructors are to be given. */
struct place {
  noPollCtx *ctx;
  int listening;
  char host[16], port[8];
};

static void begin (struct place *place)
{
  place->ctx = nopoll_ctx_new ();
  place->listening = wire_listen ();
  strcpy (place->host, "127.0.0.1");
  strcpy (place->port, wire_port_text (place->listening));
}

static void end (struct place *place)
{
  CHECK_INT (nopoll_ctx_ref_count (place->ctx), 1);
  nopoll_ctx_unref (place->ctx);
  close (place->listening);
}

/* The request on an accepted socket, with the key's 24 characters replaced by dots. All of it has
 * arrived in one go: the constructor returned, nothing else wrote. */
static void request (int fd, char *text, char *key)
{
  long size;
  char *at;

  wire_wait_readable (fd);
  size = recv (fd, text, 65535, MSG_DONTWAIT);
  CHECK (size > 4);
  text[size] = 0;
  CHECK_STR (text + size - 4, "\r\n\r\n");
  at = strstr (text, KEY);
  CHECK (at != NULL);
  at += strlen (KEY);
  CHECK_INT (strcspn (at, "\r"), 24);
  memcpy (key, at, 24);
  key[24] = 0;
  memset (at, '.', 24);
}

#define DOTS KEY "........................\r\n"

/* The request of `conn`, which is closed, is `expected`. */
static void expect (struct place *place, noPollConn *conn, const char *expected)
{
  static char text[65536];
  char key[32];
  int fd;

  CHECK_INT (nopoll_conn_is_ok (conn), 1);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  fd = wire_accept (place->listening);
  request (fd, text, key);
  CHECK_STR (text, expected);
  nopoll_conn_close (conn);
  wire_expect_end (fd);
  close (fd);
}

/* Q06, Q14 */
TEST (defaults_are_taken_from_the_host)
{
  struct place place;
  noPollConn *conn;

  begin (&place);
  conn = nopoll_conn_new (place.ctx, place.host, place.port, NULL, NULL, NULL, NULL);
  CHECK_STR (nopoll_conn_host (conn), "127.0.0.1");
  CHECK_STR (nopoll_conn_port (conn), place.port);
  CHECK_STR (nopoll_conn_get_host_header (conn), "127.0.0.1");
  CHECK_STR (nopoll_conn_get_origin (conn), "http://127.0.0.1");
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/");
  CHECK_STR (nopoll_conn_get_requested_protocol (conn), NULL);
  CHECK_STR (nopoll_conn_get_accepted_protocol (conn), NULL);
  CHECK_STR (nopoll_conn_get_cookie (conn), NULL);
  CHECK_STR (nopoll_conn_get_x_real_ip_header (conn), NULL);
  CHECK (nopoll_conn_get_listener (conn) == NULL);
  CHECK_INT (nopoll_conn_role (conn), NOPOLL_ROLE_CLIENT);
  CHECK_INT (nopoll_conn_ref_count (conn), 2);
  CHECK_INT (nopoll_conn_get_close_status (conn), 1006);
  expect (&place, conn,
          "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1\r\n\r\n");
  end (&place);
}

/* Q06, Q07, Q14, U-26 */
TEST (every_option_has_its_header_in_the_same_order)
{
  struct place place;
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  begin (&place);
  nopoll_conn_opts_set_cookie (opts, "a=b; c=d");
  nopoll_conn_opts_set_extra_headers (opts, "\r\nfoo: bar\r\nX-Two: 2");
  expect (&place,
          nopoll_conn_new_opts (place.ctx, opts, place.host, place.port, "example.org:8080",
                                "no/slash?q=%20", "chat, superchat", "https://elsewhere"),
          "GET no/slash?q=%20 HTTP/1.1\r\nHost: example.org:8080\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: https://elsewhere\r\nCookie: a=b; c=d\r\n"
          "Sec-WebSocket-Protocol: chat, superchat\r\nfoo: bar\r\nX-Two: 2\r\n\r\n");
  expect (&place,
          nopoll_conn_new (place.ctx, place.host, place.port, "example.org:8080", NULL, NULL, NULL),
          "GET / HTTP/1.1\r\nHost: example.org:8080\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: http://example.org:8080\r\n\r\n");
  end (&place);
}

TEST (empty_strings_are_empty_values)
{
  struct place place;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *conn;

  begin (&place);
  nopoll_conn_opts_set_cookie (opts, "");
  nopoll_conn_opts_set_extra_headers (opts, "");
  conn = nopoll_conn_new_opts (place.ctx, opts, place.host, place.port, "", "", "", "");
  CHECK_STR (nopoll_conn_get_host_header (conn), "");
  CHECK_STR (nopoll_conn_get_requested_url (conn), "");
  CHECK_STR (nopoll_conn_get_requested_protocol (conn), "");
  CHECK_STR (nopoll_conn_get_origin (conn), "");
  expect (&place, conn,
          "GET  HTTP/1.1\r\nHost: \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: \r\nCookie: \r\nSec-WebSocket-Protocol: \r\n\r\n");
  end (&place);
}

TEST (origin_is_reported_even_when_it_is_not_sent)
{
  struct place place;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *conn;

  begin (&place);
  nopoll_conn_opts_add_origin_header (opts, nopoll_false);
  conn = nopoll_conn_new_opts (place.ctx, opts, place.host, place.port, "h", "/u", NULL, "o");
  CHECK_STR (nopoll_conn_get_origin (conn), "o");
  expect (&place, conn,
          "GET /u HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\n\r\n");
  end (&place);
}

TEST (the_version_is_the_contexts_at_the_time)
{
  struct place place;
  noPollConn *conn;

  begin (&place);
  nopoll_ctx_set_protocol_version (place.ctx, 8);
  conn = nopoll_conn_new (place.ctx, place.host, place.port, "h", "/", NULL, "o");
  nopoll_ctx_set_protocol_version (place.ctx, 7);
  expect (&place, conn,
          "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 8\r\nOrigin: o\r\n\r\n");
  end (&place);
}

TEST (bytes_of_any_kind_go_out_as_they_are)
{
  struct place place;

  begin (&place);
  expect (&place,
          nopoll_conn_new (place.ctx, place.host, place.port, "h\xff\x80 ", "/\xc3\xa4 b", "\x01",
                           "\r\nInjected: yes"),
          "GET /\xc3\xa4 b HTTP/1.1\r\nHost: h\xff\x80 \r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: \r\nInjected: yes\r\n"
          "Sec-WebSocket-Protocol: \x01\r\n\r\n");
  end (&place);
}

TEST (strings_are_copied)
{
  struct place place;
  char text[6][8] = { "", "", "host", "/url", "proto", "origin" };
  noPollConn *conn;
  int fd;

  begin (&place);
  conn = nopoll_conn_new (place.ctx, place.host, place.port, text[2], text[3], text[4], text[5]);
  memset (text, 'x', sizeof text);
  place.port[0] = 'x';
  place.host[0] = 'x';
  CHECK_STR (nopoll_conn_host (conn), "127.0.0.1");
  CHECK_STR (nopoll_conn_get_host_header (conn), "host");
  CHECK_STR (nopoll_conn_get_requested_url (conn), "/url");
  CHECK_STR (nopoll_conn_get_requested_protocol (conn), "proto");
  CHECK_STR (nopoll_conn_get_origin (conn), "origin");
  fd = wire_accept (place.listening);
  wire_answer_request (fd, NULL);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  nopoll_conn_close (conn);
  close (fd);
  end (&place);
}

/* Q16, U-13 */
TEST (keys_are_16_bytes_of_their_own_and_random_is_left_alone)
{
  struct place place;
  static char text[65536];
  char key[4][32], nonce[4][64];
  int i, j, size;
  long before, after;

  begin (&place);
  srandom (7);
  before = random ();
  srandom (7);
  for (i = 0; i < 4; i++) {
    noPollConn *conn = nopoll_conn_new (place.ctx, place.host, place.port, NULL, NULL, NULL, NULL);
    int fd = wire_accept (place.listening);

    request (fd, text, key[i]);
    size = sizeof nonce[i];
    CHECK (nopoll_base64_decode (key[i], 24, nonce[i], &size));
    CHECK_INT (size, 16);
    for (j = 0; j < i; j++)
      CHECK (memcmp (nonce[i], nonce[j], 16) != 0);
    nopoll_conn_close (conn);
    close (fd);
  }
  after = random ();
  CHECK_INT (after, before);
  end (&place);
}

/* Q15 */
TEST (ipv6_addresses_are_used_and_named_as_given)
{
  struct place place;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *conn[2];
  struct sockaddr_in6 address;
  int i;

  begin (&place);
  close (place.listening);
  memset (&address, 0, sizeof address);
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  place.listening = socket (AF_INET6, SOCK_STREAM, 0);
  CHECK (place.listening >= 0);
  CHECK (bind (place.listening, (struct sockaddr *) &address, sizeof address) == 0);
  CHECK (listen (place.listening, 5) == 0);
  strcpy (place.port, wire_port_text (place.listening));
  nopoll_conn_opts_set_cookie (opts, "six");
  conn[0] = nopoll_conn_new6 (place.ctx, "::1", place.port, NULL, NULL, NULL, NULL);
  conn[1] = nopoll_conn_new_opts6 (place.ctx, opts, "::1", place.port, "[::1]", NULL, NULL, NULL);
  for (i = 0; i < 2; i++) {
    CHECK (nopoll_conn_is_ok (conn[i]));
    CHECK_STR (nopoll_conn_host (conn[i]), "::1");
  }
  expect (&place, conn[0],
          "GET / HTTP/1.1\r\nHost: ::1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: http://::1\r\n\r\n");
  expect (&place, conn[1],
          "GET / HTTP/1.1\r\nHost: [::1]\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: http://[::1]\r\nCookie: six\r\n\r\n");
  end (&place);
}

/* Q08 */
TEST (the_automatic_constructors_use_whichever_family_answers)
{
  struct place place;
  noPollConnOpts *opts = nopoll_conn_opts_new ();

  begin (&place);
  expect (&place,
          nopoll_conn_new_auto (place.ctx, "localhost", place.port, NULL, NULL, NULL, NULL),
          "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n\r\n");
  nopoll_conn_opts_set_cookie (opts, "auto");
  expect (&place,
          nopoll_conn_new_opts_auto (place.ctx, opts, "127.0.0.1", place.port, "h", "/a", "p", "o"),
          "GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
          "Sec-WebSocket-Version: 13\r\nOrigin: o\r\nCookie: auto\r\n"
          "Sec-WebSocket-Protocol: p\r\n\r\n");
  end (&place);
}

TEST (options_serve_one_constructor_unless_they_are_reusable)
{
  struct place place;
  noPollConnOpts *once = nopoll_conn_opts_new ();
  noPollConnOpts *often = nopoll_conn_opts_new ();
  int i;

  begin (&place);
  /* With a reference of our own, once is still there when the constructor has dropped its. */
  CHECK (nopoll_conn_opts_ref (once));
  nopoll_conn_opts_set_cookie (once, "once");
  nopoll_conn_opts_set_cookie (often, "often");
  nopoll_conn_opts_set_reuse (often, nopoll_true);
  CHECK (nopoll_conn_new_opts (place.ctx, once, NULL, place.port, NULL, NULL, NULL, NULL) == NULL);
  nopoll_conn_opts_unref (once);
  for (i = 0; i < 3; i++)
    expect (&place,
            nopoll_conn_new_opts (place.ctx, often, place.host, place.port, "h", NULL, NULL, "o"),
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" DOTS
            "Sec-WebSocket-Version: 13\r\nOrigin: o\r\nCookie: often\r\n\r\n");
  CHECK (nopoll_conn_new_opts (NULL, often, place.host, place.port, NULL, NULL, NULL, NULL)
         == NULL);
  nopoll_conn_opts_unref (often);
  end (&place);
}

/* Q18, M-36 */
TEST (frames_sent_before_the_answer_follow_the_request)
{
  struct place place;
  char text[4096];
  noPollConn *conn;
  int fd;

  begin (&place);
  conn = nopoll_conn_new (place.ctx, place.host, place.port, NULL, NULL, NULL, NULL);
  CHECK_INT (nopoll_conn_send_text (conn, "early", 5), 5);
  CHECK_INT (nopoll_conn_send_ping (conn), 1);
  fd = wire_accept (place.listening);
  wire_receive_head (fd, text, sizeof text);
  wire_expect_frame (fd, 0x81, 1, "early", 5);
  wire_expect_frame (fd, 0x89, 1, "", 0);
  nopoll_conn_close (conn);
  /* The handshake was not complete: no close frame. */
  wire_expect_end (fd);
  close (fd);
  end (&place);
}

TESTS (CASE (defaults_are_taken_from_the_host),
       CASE (every_option_has_its_header_in_the_same_order),
       CASE (empty_strings_are_empty_values),
       CASE (origin_is_reported_even_when_it_is_not_sent),
       CASE (the_version_is_the_contexts_at_the_time),
       CASE (bytes_of_any_kind_go_out_as_they_are),
       CASE (strings_are_copied),
       CASE (keys_are_16_bytes_of_their_own_and_random_is_left_alone),
       CASE (ipv6_addresses_are_used_and_named_as_given),
       CASE (the_automatic_constructors_use_whichever_family_answers),
       CASE (options_serve_one_constructor_unless_they_are_reusable),
       CASE (frames_sent_before_the_answer_follow_the_request))
