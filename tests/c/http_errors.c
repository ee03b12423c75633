/* Requests that are refused, with which answer, and requests that are not. */
#include <nopoll.h>

#include "support/wire.h"

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: h\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ORIGIN "Origin: http://h\r\n"
#define REST HOST UPGRADE CONNECTION KEY VERSION ORIGIN
#define END "\r\n"

struct row {
  const char *request;
  int status;
  noPollError error;
};

#define ALLOW "\r\nAllow: GET\r\n"
#define WANTED "\r\nUpgrade: websocket\r\n"
#define SPOKEN "\r\nSec-WebSocket-Version: 13\r\n"

static const struct row refused[] = {
  /* Neither a request line nor headers. */
  { "\r\n", 400, NOPOLL_ERROR_HTTP },
  { "\n", 400, NOPOLL_ERROR_HTTP },
  { "nonsense\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET /\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET / \r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET  HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { " GET / HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { "G\xffT / HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { "HTTP/1.1 101 Switching Protocols\r\n", 400, NOPOLL_ERROR_HTTP },
  { HOST LINE UPGRADE CONNECTION KEY VERSION ORIGIN END, 400, NOPOLL_ERROR_HTTP },
  { UPGRADE CONNECTION KEY VERSION ORIGIN END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST "no colon\r\n", 400, NOPOLL_ERROR_HTTP },
  { LINE REST "x\r\n", 400, NOPOLL_ERROR_HTTP },
  { LINE "GET /again HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { LINE REST "GET /again: HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  /* What other parsers may read otherwise. */
  { "GET / HTTP/1.1\n", 400, NOPOLL_ERROR_HTTP },
  { LINE "Host: h\n", 400, NOPOLL_ERROR_HTTP },
  { LINE REST "\n", 400, NOPOLL_ERROR_HTTP },
  { LINE "Host: a\rb: c\n", 400, NOPOLL_ERROR_HTTP },
  /* Another HTTP, or another target. */
  { "GET / HTTP/1.0\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET / HTTP/2.0\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET / HTTP/1.10\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET / http/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET /a b HTTP/1.1\r\n", 400, NOPOLL_ERROR_HTTP },
  { "GET http://h/ HTTP/1.1\r\n" REST END, 400, NOPOLL_ERROR_HTTP },
  { "GET * HTTP/1.1\r\n" REST END, 400, NOPOLL_ERROR_HTTP },
  { "PRI * HTTP/2.0\r\n", 400, NOPOLL_ERROR_HTTP },
  /* A TLS client. */
  { "\x16\x03\x01\x02", 400, NOPOLL_ERROR_HTTP },
  /* The key. */
  { LINE HOST UPGRADE CONNECTION VERSION ORIGIN END, 400, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key:\r\n" VERSION ORIGIN END, 400,
    NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: short\r\n" VERSION ORIGIN END, 400,
    NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n" VERSION ORIGIN END,
    400, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n" VERSION ORIGIN END,
    400, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n" VERSION ORIGIN END,
    400, NOPOLL_ERROR_HTTP },
  /* Single-valued headers that come twice. */
  { LINE REST HOST END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST UPGRADE END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST CONNECTION END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST KEY END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST VERSION END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST ORIGIN END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n" END, 400,
    NOPOLL_ERROR_HTTP },
  { LINE REST "Cookie: a\r\ncookie: b\r\n" END, 400, NOPOLL_ERROR_HTTP },
  { LINE REST "X-Real-IP: 1\r\nX-REAL-IP: 1\r\n" END, 400, NOPOLL_ERROR_HTTP },
  /* Other methods; what concerns the key comes first. */
  { "POST / HTTP/1.1\r\n" REST END, 405, NOPOLL_ERROR_HTTP },
  { "HEAD / HTTP/1.1\r\n" REST END, 405, NOPOLL_ERROR_HTTP },
  { "get / HTTP/1.1\r\n" REST END, 405, NOPOLL_ERROR_HTTP },
  { "GETTING / HTTP/1.1\r\n" REST END, 405, NOPOLL_ERROR_HTTP },
  { "OPTIONS * HTTP/1.1\r\n" KEY END, 405, NOPOLL_ERROR_HTTP },
  { "POST / HTTP/1.1\r\n" HOST END, 400, NOPOLL_ERROR_HTTP },
  /* No upgrade to WebSocket. */
  { LINE HOST CONNECTION KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST "Upgrade: h2c\r\n" CONNECTION KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST "Upgrade: websockets\r\n" CONNECTION KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST "Upgrade:\r\n" CONNECTION KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE "Connection: keep-alive\r\n" KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE "Connection: upgraded\r\n" KEY VERSION ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  /* Other versions of it. */
  { LINE HOST UPGRADE CONNECTION KEY ORIGIN END, 426, NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n" ORIGIN END, 426,
    NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n" ORIGIN END, 426,
    NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 0xd\r\n" ORIGIN END, 426,
    NOPOLL_ERROR_HTTP },
  { LINE HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13.0\r\n" ORIGIN END, 426,
    NOPOLL_ERROR_HTTP },
  /* Whose page is it? */
  { LINE HOST UPGRADE CONNECTION KEY VERSION END, 403, NOPOLL_ERROR_REJECTED },
};

static const char *const accepted[] = {
  LINE REST END,
  /* No Host; blanks and cases of all kinds; lists. */
  LINE UPGRADE CONNECTION KEY VERSION ORIGIN END,
  "GET     /   HTTP/1.1\r\n" REST END,
  LINE "  hOST  :\t h \t\r\n" UPGRADE CONNECTION KEY VERSION ORIGIN END,
  LINE HOST "UPGRADE: WebSocket\r\n" CONNECTION KEY VERSION ORIGIN END,
  LINE HOST "Upgrade: h2c, websocket\r\n" CONNECTION KEY VERSION ORIGIN END,
  LINE HOST UPGRADE "Connection: keep-alive,uPGRADE , x\r\n" KEY VERSION ORIGIN END,
  LINE HOST UPGRADE CONNECTION KEY VERSION "Origin:\r\n" END,
  LINE HOST UPGRADE CONNECTION KEY VERSION "Origin: null\r\n" END,
  /* Anything else may come twice, and say what it likes. */
  LINE REST "Accept: a\r\nAccept: b\r\nX:\r\n" END,
  LINE REST "Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n" END,
  /* The last four bits of this key belong to no byte. */
  LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==\r\n" VERSION ORIGIN END,
};

struct counts {
  int open, ready, closed;
};

static nopoll_bool on_open (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->open++;
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->ready++;
  return nopoll_true;
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->closed++;
}

/* One listener, whose connections count what happens to them. */
struct server {
  noPollCtx *ctx;
  noPollConn *listener;
  struct counts counts;
};

static void begin (struct server *server)
{
  memset (server, 0, sizeof *server);
  server->ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_open (server->ctx, on_open, &server->counts);
  nopoll_ctx_set_on_ready (server->ctx, on_ready, &server->counts);
  server->listener = nopoll_listener_new (server->ctx, "127.0.0.1", "0");
  CHECK (nopoll_conn_is_ok (server->listener));
}

static void end (struct server *server)
{
  nopoll_conn_close (server->listener);
  CHECK_INT (nopoll_ctx_ref_count (server->ctx), 1);
  nopoll_ctx_unref (server->ctx);
}

/* A connection with a reference of ours. */
static noPollConn *meet (struct server *server, int *peer)
{
  noPollConn *conn;

  *peer = wire_connect (LISTENER_PORT (server->listener));
  conn = nopoll_conn_accept (server->ctx, server->listener);
  CHECK (conn != NULL);
  nopoll_conn_ref (conn);
  nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
  nopoll_conn_set_on_close (conn, on_close, &server->counts);
  memset (&server->counts, 0, sizeof server->counts);
  return conn;
}

static void serve (struct server *server, noPollConn *conn, int by_loop)
{
  if (by_loop)
    LOOP_UNTIL (server->ctx, !nopoll_conn_is_ok (conn) || nopoll_conn_is_ready (conn));
  else
    WAIT_UNTIL (nopoll_conn_is_ready (conn) || !nopoll_conn_is_ok (conn));
}

/* An answer with this status and all that belongs to it; then the end of the stream. */
static void check_answer (int peer, int status)
{
  char text[4096], *body, start[16];
  long size = wire_receive_rest (peer, text, sizeof text - 1);
  const char *length;

  text[size] = 0;
  sprintf (start, "HTTP/1.1 %d ", status);
  CHECK_MEM (text, 13, start, 13);
  CHECK (strstr (text, "\r\nConnection: close\r\n") != NULL);
  length = strstr (text, "\r\nContent-Length: ");
  CHECK (length != NULL);
  body = strstr (text, "\r\n\r\n");
  CHECK (body != NULL);
  body += 4;
  CHECK_INT (atoi (length + 18), strlen (body));
  CHECK (strlen (body) > 4 && strlen (body) < 100);
  CHECK_INT (strstr (text, ALLOW) != NULL, status == 405);
  CHECK_INT (strstr (text, WANTED) != NULL, status == 426);
  CHECK_INT (strstr (text, SPOKEN) != NULL, status == 426);
}

static void check_refused (struct server *server, const char *request, long size, int status,
                           noPollError error, int by_loop)
{
  int peer;
  noPollConn *conn = meet (server, &peer);

  wire_send (peer, request, size);
  serve (server, conn, by_loop);
  CHECK_INT (nopoll_conn_is_ok (conn), 0);
  CHECK_INT (nopoll_conn_is_ready (conn), 0);
  CHECK_INT (server->counts.closed, 1);
  CHECK_INT (server->counts.ready, 0);
  CHECK_INT (nopoll_conn_get_error (conn), error);
  CHECK (strlen (nopoll_conn_get_error_text (conn)) > 0);
  CHECK_INT (nopoll_conn_get_close_status (conn), 1006);
  check_answer (peer, status);
  close (peer);
  nopoll_conn_close (conn);
  CHECK_INT (server->counts.closed, 1);
}

static void check_accepted (struct server *server, const char *request, long size)
{
  int peer;
  noPollConn *conn = meet (server, &peer);
  char head[1024];

  wire_send (peer, request, size);
  serve (server, conn, 0);
  if (!nopoll_conn_is_ready (conn))
    printf ("  refused: %s: %s\n", request, nopoll_conn_get_error_text (conn));
  CHECK_INT (nopoll_conn_is_ready (conn), 1);
  CHECK_INT (server->counts.open, 1);
  CHECK_INT (server->counts.ready, 1);
  wire_receive_head (peer, head, sizeof head);
  CHECK_MEM (head, 34, "HTTP/1.1 101 Switching Protocols\r\n", 34);
  close (peer);
  nopoll_conn_close (conn);
}

static void refuse_all (int by_loop)
{
  struct server server;
  size_t i;

  begin (&server);
  for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    const struct row *row = &refused[i];

    check_refused (&server, row->request, (long) strlen (row->request), row->status, row->error,
                   by_loop);
    CHECK_INT (server.counts.open, 0);
  }
  end (&server);
}

/* Q30, Q35, Q36, Q38, Q39, Q40 */
TEST (refusals_of_direct_calls_say_why) { refuse_all (0); }

/* Q30, Q35, Q36, Q38, Q39, Q40 */
TEST (refusals_of_the_loop_say_why) { refuse_all (1); }

/* Q37, Q38 */
TEST (requests_that_are_merely_unusual_are_accepted)
{
  struct server server;
  size_t i;

  begin (&server);
  for (i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
    check_accepted (&server, accepted[i], (long) strlen (accepted[i]));
  end (&server);
}

TEST (a_nul_byte_is_no_part_of_a_request)
{
  static const char line[] = "GET /\0 HTTP/1.1\r\n";
  static const char header[] = LINE HOST "Cookie: a\0b\r\n";
  static const char first[] = "\0";
  struct server server;

  begin (&server);
  check_refused (&server, line, sizeof line - 1, 400, NOPOLL_ERROR_HTTP, 0);
  check_refused (&server, header, sizeof header - 1, 400, NOPOLL_ERROR_HTTP, 0);
  check_refused (&server, first, 1, 400, NOPOLL_ERROR_HTTP, 1);
  end (&server);
}

/* Behind a good start: a line of `line` bytes, its line end included, as often as it takes to
 * have `lines` of them; then the end. */
static char *long_request (int lines, int line, long *size)
{
  static const char start[] = LINE REST;
  char *text = (char *) malloc (sizeof start + (size_t) lines * (size_t) line + 2);
  char *at = text + sizeof start - 1;
  int i;

  memcpy (text, start, sizeof start - 1);
  for (i = 0; i < lines; i++) {
    memset (at, 'x', (size_t) line);
    memcpy (at, "X:", 2);
    memcpy (at + line - 2, "\r\n", 2);
    at += line;
  }
  memcpy (at, "\r\n", 2);
  *size = at + 2 - text;
  return text;
}

static void try_long (struct server *server, int lines, int line, int fits)
{
  long size;
  char *text = long_request (lines, line, &size);
  int by_loop;

  if (fits)
    check_accepted (server, text, size);
  else
    for (by_loop = 0; by_loop < 2; by_loop++)
      check_refused (server, text, size, 431, NOPOLL_ERROR_LIMIT, by_loop);
  free (text);
}

/* Q23 */
TEST (requests_are_limited_in_lines_headers_and_size)
{
  struct server server;
  const int start = (int) strlen (LINE REST);

  begin (&server);
  /* The request line and 6 headers are there already. */
  try_long (&server, 1, 8192, 1);
  try_long (&server, 1, 8193, 0);
  try_long (&server, 94, 4, 1);
  try_long (&server, 95, 4, 0);
  try_long (&server, 80, (65536 - start - 2) / 80, 1);
  try_long (&server, 80, (65536 - start - 2) / 80 + 1, 0);
  end (&server);
}

/* Q23 */
TEST (a_line_without_end_is_refused_when_it_is_too_long)
{
  static char text[sizeof LINE + 8192];
  struct server server;

  begin (&server);
  memset (text, 'x', sizeof text);
  check_refused (&server, text, 8192, 431, NOPOLL_ERROR_LIMIT, 0);
  memcpy (text, LINE, sizeof LINE - 1);
  check_refused (&server, text, sizeof LINE - 1 + 8192, 431, NOPOLL_ERROR_LIMIT, 1);
  end (&server);
}

TEST (other_versions_are_told_the_contexts)
{
  static const char request[] = LINE REST END;
  struct server server;
  noPollConn *conn;
  char text[1024];
  int peer;

  begin (&server);
  nopoll_ctx_set_protocol_version (server.ctx, 8);
  conn = meet (&server, &peer);
  wire_send_text (peer, request);
  serve (&server, conn, 0);
  text[wire_receive_rest (peer, text, sizeof text - 1)] = 0;
  CHECK (strstr (text, "HTTP/1.1 426 ") == text);
  CHECK (strstr (text, "\r\nSec-WebSocket-Version: 8\r\n") != NULL);
  nopoll_conn_close (conn);
  close (peer);
  end (&server);
}

/* Q39 */
TEST (lenient_servers_take_any_key_but_none)
{
  static const char odd[] = LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: odd\r\n" VERSION
    ORIGIN END;
  static const char empty[] = LINE HOST UPGRADE CONNECTION "Sec-WebSocket-Key: \r\n" VERSION
    ORIGIN END;
  static const char none[] = LINE HOST UPGRADE CONNECTION VERSION ORIGIN END;
  static const char old[] = "GET / HTTP/1.0\r\n" REST END;
  struct server server;

  begin (&server);
  nopoll_ctx_set_lenient (server.ctx, nopoll_true);
  check_accepted (&server, odd, sizeof odd - 1);
  check_refused (&server, empty, sizeof empty - 1, 400, NOPOLL_ERROR_HTTP, 0);
  check_refused (&server, none, sizeof none - 1, 400, NOPOLL_ERROR_HTTP, 0);
  check_refused (&server, old, sizeof old - 1, 400, NOPOLL_ERROR_HTTP, 0);
  end (&server);
}

TEST (origin_is_asked_for_as_the_listeners_options_say_at_the_time)
{
  static const char request[] = LINE HOST UPGRADE CONNECTION KEY VERSION END;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  struct server server;
  int skip, peer;

  begin (&server);
  nopoll_conn_close (server.listener);
  nopoll_conn_opts_ref (opts);
  server.listener = nopoll_listener_new_opts (server.ctx, opts, "127.0.0.1", "0");
  for (skip = 1; skip >= 0; skip--) {
    noPollConn *conn = meet (&server, &peer);

    nopoll_conn_opts_skip_origin_check (opts, skip);
    wire_send_text (peer, request);
    serve (&server, conn, 0);
    CHECK_INT (nopoll_conn_is_ready (conn), skip);
    CHECK_STR (nopoll_conn_get_origin (conn), NULL);
    nopoll_conn_close (conn);
    close (peer);
  }
  end (&server);
  nopoll_conn_opts_unref (opts);
}

/* A kernel that finds unread bytes in a socket that is closed resets the connection, and the
 * answer would be lost. */
TEST (a_peer_that_goes_on_sending_still_reads_the_answer)
{
  static const char request[] = "POST /upload HTTP/1.1\r\n" REST END;
  const long more = 900 * 1024;
  char *body = (char *) calloc (1, (size_t) more);
  struct server server;
  noPollConn *conn;
  long sent = 0;
  int peer;

  begin (&server);
  conn = meet (&server, &peer);
  wire_send_text (peer, request);
  while (sent < more) {
    ssize_t n = send (peer, body + sent, (size_t) (more - sent), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
      sent += n;
    else
      CHECK_INT (errno, EAGAIN);
    nopoll_loop_wait (server.ctx, 1000);
  }
  CHECK_INT (nopoll_conn_is_ok (conn), 0);
  check_answer (peer, 405);
  wire_end (peer);
  /* The socket is closed for good soon: nothing but the listener is left to watch. */
  nopoll_conn_close (conn);
  free (body);
  close (peer);
  end (&server);
}

TESTS (CASE (refusals_of_direct_calls_say_why),
       CASE (refusals_of_the_loop_say_why),
       CASE (requests_that_are_merely_unusual_are_accepted),
       CASE (a_nul_byte_is_no_part_of_a_request),
       CASE (requests_are_limited_in_lines_headers_and_size),
       CASE (a_line_without_end_is_refused_when_it_is_too_long),
       CASE (other_versions_are_told_the_contexts),
       CASE (lenient_servers_take_any_key_but_none),
       CASE (origin_is_asked_for_as_the_listeners_options_say_at_the_time),
       CASE (a_peer_that_goes_on_sending_still_reads_the_answer))
