/* Plain HTTP requests on a listener's port: the program's pages. */
#include <nopoll.h>

#include "support/wire.h"

#define BIG (1024 * 1024)

struct pages {
  int asked;
  int closed;
  int second;
  char method[8];
  char url[64];
  char host[64];
};

static void closed (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  (void) ctx;
  (void) conn;
  ((struct pages *) data)->closed++;
}

static nopoll_bool serve (noPollCtx *ctx, noPollConn *conn, const char *method, const char *url,
                          noPollPtr data)
{
  struct pages *pages = (struct pages *) data;
  static char big[BIG];

  (void) ctx;
  pages->asked++;
  nopoll_conn_set_on_close (conn, closed, pages);
  snprintf (pages->method, sizeof pages->method, "%s", method);
  snprintf (pages->url, sizeof pages->url, "%s", url);
  snprintf (pages->host, sizeof pages->host, "%s", nopoll_conn_get_host_header (conn));
  if (strcmp (url, "/") == 0) {
    nopoll_bool taken = nopoll_conn_http_reply (conn, 200, "text/html", "<p>hello", -1);

    pages->second = nopoll_conn_http_reply (conn, 200, NULL, "again", -1);
    return taken;
  }
  if (strcmp (url, "/big") == 0) {
    memset (big, 'x', sizeof big);
    return nopoll_conn_http_reply (conn, 200, "application/octet-stream", big, sizeof big);
  }
  if (strcmp (url, "/empty") == 0)
    return nopoll_conn_http_reply (conn, 404, NULL, NULL, 0);
  if (strcmp (url, "/bad") == 0) {
    CHECK_INT (nopoll_conn_http_reply (conn, 101, NULL, "", 0), nopoll_false);
    CHECK_INT (nopoll_conn_http_reply (conn, 600, NULL, "", 0), nopoll_false);
    CHECK_INT (nopoll_conn_http_reply (conn, 200, "a\r\nSet-Cookie: b", "", 0), nopoll_false);
    CHECK_INT (nopoll_conn_http_reply (conn, 200, NULL, "", -2), nopoll_false);
    return nopoll_false;
  }
  if (strcmp (url, "/silent") == 0)
    return nopoll_true;
  if (strcmp (url, "/closed") == 0)
    nopoll_conn_shutdown (conn);
  return nopoll_false;
}

/* What the peer gets for a request; the loop runs meanwhile. Returns the size. */
static long exchange (noPollCtx *ctx, noPollConn *listener, const char *request, char *answer,
                      long room)
{
  int peer = wire_connect (LISTENER_PORT (listener));
  long size = 0, left = 2000L * check_slowness ();

  wire_send_text (peer, request);
  while (left-- > 0) {
    ssize_t n = recv (peer, answer + size, (size_t) (room - size - 1), MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN))
      break;
    if (n > 0)
      size += n;
    else
      nopoll_loop_wait (ctx, 5000);
  }
  CHECK (left > 0);
  answer[size] = 0;
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  return size;
}

static char answer[BIG + 4096];

TEST (a_page_is_served_beside_the_websocket)
{
  struct pages pages = { 0, 0, -1, "", "", "" };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollConn *conn;
  int peer;

  nopoll_ctx_set_on_http (ctx, serve, &pages);
  exchange (ctx, listener, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", answer, sizeof answer);
  CHECK_STR (answer, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n"
             "Connection: close\r\n\r\n<p>hello");
  CHECK_INT (pages.asked, 1);
  CHECK_INT (pages.closed, 1);
  CHECK_INT (pages.second, nopoll_false);
  CHECK_STR (pages.method, "GET");
  CHECK_STR (pages.url, "/");
  CHECK_STR (pages.host, "a.example");

  exchange (ctx, listener, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
  CHECK_STR (answer, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n"
             "Connection: close\r\n\r\n");
  CHECK_STR (pages.method, "HEAD");

  conn = wire_accepted (ctx, listener, &peer, 0);
  CHECK_INT (pages.asked, 2);
  nopoll_conn_close (conn);
  close (peer);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (requests_that_are_not_answered_get_an_http_error)
{
  struct pages pages = { 0, 0, -1, "", "", "" };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  static const struct { const char *request, *begins; int asked; } rows[] = {
    { "GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", 1 },
    { "GET /bad HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", 2 },
    { "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 500 ", 3 },
    { "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
      "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n",
      4 },
    { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 400 ", 4 },
    { "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 400 ", 4 },
  };
  size_t i;

  nopoll_ctx_set_on_http (ctx, serve, &pages);
  for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    exchange (ctx, listener, rows[i].request, answer, sizeof answer);
    answer[strlen (rows[i].begins)] = 0;
    CHECK_STR (answer, rows[i].begins);
    CHECK_INT (pages.asked, rows[i].asked);
  }
  CHECK_INT (exchange (ctx, listener, "GET /closed HTTP/1.1\r\nHost: a\r\n\r\n", answer,
                       sizeof answer), 0);
  nopoll_ctx_set_on_http (ctx, NULL, NULL);
  exchange (ctx, listener, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
  CHECK (strncmp (answer, "HTTP/1.1 4", 10) == 0);
  CHECK_INT (pages.asked, 5);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (a_large_page_arrives_whole)
{
  struct pages pages = { 0, 0, -1, "", "", "" };
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  long size;

  nopoll_ctx_set_on_http (ctx, serve, &pages);
  size = exchange (ctx, listener, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
  CHECK (size > BIG);
  CHECK_INT (answer[size - BIG - 1], '\n');
  CHECK_INT (answer[size - BIG], 'x');
  CHECK_INT (answer[size - 1], 'x');
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TEST (replies_are_taken_inside_the_handler_only)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  noPollConn *conn;
  int peer;

  conn = wire_accepted (ctx, listener, &peer, 0);
  CHECK_INT (nopoll_conn_http_reply (conn, 200, NULL, "x", 1), nopoll_false);
  CHECK_INT (nopoll_conn_http_reply (listener, 200, NULL, "x", 1), nopoll_false);
  CHECK_INT (nopoll_conn_http_reply (NULL, 200, NULL, "x", 1), nopoll_false);
  CHECK (wire_is_quiet (peer));
  nopoll_conn_close (conn);
  close (peer);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (a_page_is_served_beside_the_websocket),
       CASE (requests_that_are_not_answered_get_an_http_error),
       CASE (a_large_page_arrives_whole), CASE (replies_are_taken_inside_the_handler_only))
