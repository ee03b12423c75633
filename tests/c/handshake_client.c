/* Which responses a client believes, and what the program learns of the others. */
#include <nopoll.h>

#include "support/wire.h"

#define OK "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
/* Replaced by the right header. */
#define ACCEPT "@"
#define END "\r\n"

struct row {
  const char *response;
  /* What nopoll_conn_get_http_status, and _get_error, tell. */
  int status;
  noPollError error;
  /* The server closes after it, which is all that ends the connection. */
  int ends;
};

static const struct row refused[] = {
  /* No HTTP/1.1: at once, without a line end. */
  { "HTTP/1.0", 0, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/2", 0, NOPOLL_ERROR_HTTP, 0 },
  { "http/1.1 101 Ok\r\n", 0, NOPOLL_ERROR_HTTP, 0 },
  { "\r\n", 0, NOPOLL_ERROR_HTTP, 0 },
  { "\x15\x03\x01", 0, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 abc\r\n", 0, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 10\r\n", 0, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 \r\n", 0, NOPOLL_ERROR_HTTP, 0 },
  { UPGRADE CONNECTION ACCEPT END, 0, NOPOLL_ERROR_HTTP, 0 },
  { UPGRADE OK CONNECTION ACCEPT END, 0, NOPOLL_ERROR_HTTP, 0 },
  /* Another status, however right the headers are: at the blank line, before any body. */
  { "HTTP/1.1 200 OK\r\n" UPGRADE CONNECTION ACCEPT END, 200, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 100 Continue\r\n" END OK UPGRADE CONNECTION ACCEPT END, 100, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n" END "body", 404, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 404\r\n" END, 404, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 500 a: b\nX: 1\n\r\n", 500, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 301 Moved\r\nLocation: ws://b/\r\n" END, 301, NOPOLL_ERROR_HTTP, 0 },
  { "HTTP/1.1 503 Later\r\nRetry-After: 1\r\n", 503, NOPOLL_ERROR_HTTP, 1 },
  { "HTTP/1.1 403 Never\r\n", 403, NOPOLL_ERROR_HTTP, 1 },
  /* 101, but not to us. */
  { OK END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK CONNECTION ACCEPT END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE ACCEPT END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK "Upgrade: h2c\r\n" CONNECTION ACCEPT END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE "Connection: close\r\n" ACCEPT END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" END, 101,
    NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION "Sec-WebSocket-Accept:\r\n" END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION ACCEPT ACCEPT END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION ACCEPT UPGRADE END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION ACCEPT CONNECTION END, 101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n" END,
    101, NOPOLL_ERROR_REJECTED, 0 },
  { OK UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Extensions: x-made-up\r\n" END, 101,
    NOPOLL_ERROR_REJECTED, 0 },
  /* Not a header. */
  { OK UPGRADE CONNECTION ACCEPT OK END, 101, NOPOLL_ERROR_HTTP, 0 },
  { OK "no colon\r\n", 101, NOPOLL_ERROR_HTTP, 0 },
  { OK "x\n", 101, NOPOLL_ERROR_HTTP, 0 },
  { OK UPGRADE CONNECTION ACCEPT "\n", 101, NOPOLL_ERROR_HTTP, 0 },
  /* The end instead of an answer. */
  { "", 0, NOPOLL_ERROR_PEER_CLOSED, 1 },
  { OK UPGRADE, 101, NOPOLL_ERROR_PEER_CLOSED, 1 },
};

static const char *const accepted[] = {
  OK UPGRADE CONNECTION ACCEPT END,
  "HTTP/1.1   101\r\n" UPGRADE CONNECTION ACCEPT END,
  "HTTP/1.1 101 a: b\r\n" ACCEPT CONNECTION UPGRADE END,
  "HTTP/1.1 101\n" "Upgrade:websocket\nconnection \t:  x , upgrade\n" ACCEPT END,
  OK "uPGRADE: WebSocket\r\n" "Connection: keep-alive, UPGRADE\r\n" ACCEPT END,
  OK UPGRADE CONNECTION ACCEPT "Server: a\r\nServer: b\r\nSec-WebSocket-Extensions:\r\n" END,
};

struct counts {
  int ready, closed;
};

static nopoll_bool on_ready (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->ready++;
  return nopoll_true;
}

static void on_close (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  ((struct counts *) data)->closed++;
}

struct client {
  noPollCtx *ctx;
  noPollConn *conn;
  int peer;
  /* The right Sec-WebSocket-Accept header. */
  char accept[64];
  struct counts counts;
};

/* A client whose request we have. */
static void begin (struct client *client, const char *protocols)
{
  int listening = wire_listen ();
  char head[1024], *key;

  memset (client, 0, sizeof *client);
  client->ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_ready (client->ctx, on_ready, &client->counts);
  client->conn = nopoll_conn_new (client->ctx, "127.0.0.1", wire_port_text (listening), NULL, NULL,
                                  protocols, NULL);
  CHECK (nopoll_conn_is_ok (client->conn));
  nopoll_conn_set_on_close (client->conn, on_close, &client->counts);
  client->peer = wire_accept (listening);
  close (listening);
  wire_receive_head (client->peer, head, sizeof head);
  key = strstr (head, "Sec-WebSocket-Key: ") + strlen ("Sec-WebSocket-Key: ");
  key[24] = 0;
  strcpy (client->accept, "Sec-WebSocket-Accept: ");
  wire_accept_key (key, client->accept + strlen (client->accept));
  strcat (client->accept, "\r\n");
}

static void answer (struct client *client, const char *response)
{
  const char *at;

  while ((at = strchr (response, '@')) != NULL) {
    wire_send (client->peer, response, at - response);
    wire_send_text (client->peer, client->accept);
    response = at + 1;
  }
  wire_send_text (client->peer, response);
}

static void end (struct client *client)
{
  int closed = client->counts.closed;

  nopoll_conn_close (client->conn);
  CHECK_INT (client->counts.closed, 1);
  CHECK (closed <= 1);
  CHECK_INT (nopoll_ctx_ref_count (client->ctx), 1);
  nopoll_ctx_unref (client->ctx);
  close (client->peer);
}

static void check_refused (const struct row *row, int by_loop)
{
  struct client client;

  begin (&client, NULL);
  answer (&client, row->response);
  if (row->ends)
    wire_end (client.peer);
  if (by_loop) {
    LOOP_UNTIL (client.ctx, !nopoll_conn_is_ok (client.conn));
  } else {
    WAIT_UNTIL (!nopoll_conn_is_ready (client.conn) && !nopoll_conn_is_ok (client.conn));
  }
  CHECK_INT (nopoll_conn_is_ready (client.conn), 0);
  CHECK_INT (client.counts.ready, 0);
  CHECK_INT (client.counts.closed, 1);
  CHECK_INT (nopoll_conn_get_http_status (client.conn), row->status);
  CHECK_INT (nopoll_conn_get_error (client.conn), row->error);
  CHECK (strlen (nopoll_conn_get_error_text (client.conn)) > 0);
  CHECK_INT (nopoll_conn_get_close_status (client.conn), 1006);
  CHECK_STR (nopoll_conn_get_close_reason (client.conn), NULL);
  CHECK (nopoll_conn_get_msg (client.conn) == NULL);
  /* No close frame: there was no WebSocket. */
  wire_expect_end (client.peer);
  end (&client);
}

static void refuse_all (int by_loop)
{
  size_t i;

  for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
    check_refused (&refused[i], by_loop);
}

/* Q24, Q25, Q26, Q28, Q29, M-50 */
TEST (direct_calls_refuse_responses_that_are_no_consent) { refuse_all (0); }

/* Q24, Q25, Q26, Q28, Q29, M-50 */
TEST (the_loop_refuses_responses_that_are_no_consent) { refuse_all (1); }

TEST (responses_that_are_merely_unusual_are_accepted)
{
  size_t i;

  for (i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
    struct client client;

    begin (&client, NULL);
    answer (&client, accepted[i]);
    CHECK (nopoll_conn_wait_until_connection_ready (client.conn, 10 * check_slowness ()));
    CHECK_INT (client.counts.ready, 1);
    CHECK_INT (nopoll_conn_get_http_status (client.conn), 101);
    CHECK_INT (nopoll_conn_get_error (client.conn), NOPOLL_ERROR_NONE);
    CHECK_STR (nopoll_conn_get_accepted_protocol (client.conn), NULL);
    end (&client);
  }
}

/* Q27, Q43 */
TEST (the_servers_protocol_is_reported_whatever_was_asked_for)
{
  static const char *const asked[] = { NULL, "a, b" };
  static const char *const told[] = { "b", "c", "", " x  y " };
  static const char *const reported[] = { "b", "c", "", "x  y" };
  int i, j;

  for (i = 0; i < 2; i++)
    for (j = 0; j < 4; j++) {
      struct client client;
      char text[256];

      begin (&client, asked[i]);
      CHECK_STR (nopoll_conn_get_accepted_protocol (client.conn), NULL);
      if (j == 0)
        nopoll_conn_set_accepted_protocol (client.conn, "mine");
      sprintf (text, OK UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: %s\r\n" END, told[j]);
      answer (&client, text);
      CHECK (nopoll_conn_wait_until_connection_ready (client.conn, 10 * check_slowness ()));
      CHECK_STR (nopoll_conn_get_accepted_protocol (client.conn), reported[j]);
      CHECK_STR (nopoll_conn_get_requested_protocol (client.conn), asked[i]);
      end (&client);
    }
}

struct outcome {
  const char *response;
  nopoll_bool ready;
  int status;
  const char *message;
};

/* A status and a message that nobody touched are -7 and NULL. */
static const struct outcome outcomes[] = {
  { OK UPGRADE CONNECTION ACCEPT END, 1, -7, "Success" },
  { "HTTP/1.1 302 Found\r\nLocation: wss://other.example/x?y\r\n" END, 0, 302,
    "Redirect:wss://other.example/x?y" },
  { "HTTP/1.1 307 Found\r\nlocation:  a  \r\nLocation: b\r\n" END, 0, 307, "Redirect:a" },
  { "HTTP/1.1 302 Found\r\n" END, 0, 302, NULL },
  { "HTTP/1.1 401 No\r\nLocation: ws://b/\r\n" END, 0, 401, NULL },
  { "HTTP/1.1 503 Later\r\n" END, 0, 503, NULL },
  { OK END, 0, -7, "Failure" },
  { "nonsense\r\n", 0, -7, "Failure" },
};

TEST (waiting_for_the_status_tells_what_the_server_answered)
{
  size_t i;

  for (i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    struct client client;
    int status = -7;
    char *message = NULL;

    begin (&client, NULL);
    answer (&client, outcomes[i].response);
    CHECK_INT (nopoll_conn_wait_for_status_until_connection_ready (
                 client.conn, 10 * check_slowness (), &status, &message),
               outcomes[i].ready);
    CHECK_INT (status, outcomes[i].status);
    CHECK_STR (message, outcomes[i].message);
    free (message);
    end (&client);
  }
}

TEST (waiting_for_the_status_needs_neither_pointer)
{
  struct client client;
  char *message = NULL;
  int status = -7;

  begin (&client, NULL);
  /* Nothing has come: the time passes, and the connection stays. */
  CHECK_INT (nopoll_conn_wait_for_status_until_connection_ready (client.conn, 0, &status, &message),
             0);
  CHECK_INT (status, -7);
  free (message);
  CHECK (nopoll_conn_is_ok (client.conn));
  answer (&client, "HTTP/1.1 302 Found\r\nLocation: a\r\n" END);
  CHECK_INT (nopoll_conn_wait_for_status_until_connection_ready (
               client.conn, 10 * check_slowness (), NULL, NULL), 0);
  message = NULL;
  /* Asked again, the answer is the same. */
  CHECK_INT (nopoll_conn_wait_for_status_until_connection_ready (client.conn, 1, &status, &message),
             0);
  CHECK_INT (status, 302);
  CHECK_STR (message, "Redirect:a");
  free (message);
  end (&client);
  CHECK_INT (nopoll_conn_wait_for_status_until_connection_ready (NULL, 1, NULL, NULL), 0);
}

/* Q22 */
TEST (waiting_until_ready_looks_once_or_as_long_as_it_is_told)
{
  struct client client;

  begin (&client, NULL);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, 0), 0);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, -5), 0);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, 1), 0);
  CHECK (nopoll_conn_is_ok (client.conn));
  answer (&client, OK UPGRADE CONNECTION ACCEPT END);
  wire_wait_readable (nopoll_conn_socket (client.conn));
  /* The longest wait there is ends when the connection is ready. */
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, 2147483647), 1);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, 0), 1);
  nopoll_conn_shutdown (client.conn);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (client.conn, 2147483647), 0);
  CHECK_INT (nopoll_conn_wait_until_connection_ready (NULL, 2147483647), 0);
  end (&client);
}

/* Q23 */
TEST (responses_are_limited_like_requests)
{
  static char text[70000];
  int i, by_loop;

  for (by_loop = 0; by_loop < 2; by_loop++)
    for (i = 0; i < 3; i++) {
      struct client client;

      strcpy (text, i == 2 ? "HTTP/1.1 404 Not Found\r\n" : OK);
      if (i == 0) {
        memset (text + strlen (text), 'x', 8192);
        memset (text + strlen (OK) + 8192, 0, 1);
      } else {
        int line;

        for (line = 0; line < 101; line++)
          strcat (text, "a: b\r\n");
      }
      begin (&client, NULL);
      answer (&client, text);
      if (by_loop) {
        LOOP_UNTIL (client.ctx, !nopoll_conn_is_ok (client.conn));
      } else {
        WAIT_UNTIL (!nopoll_conn_is_ready (client.conn) && !nopoll_conn_is_ok (client.conn));
      }
      CHECK_INT (nopoll_conn_get_error (client.conn), NOPOLL_ERROR_LIMIT);
      CHECK_INT (nopoll_conn_get_http_status (client.conn), i == 2 ? 404 : 101);
      end (&client);
    }
}

TESTS (CASE (direct_calls_refuse_responses_that_are_no_consent),
       CASE (the_loop_refuses_responses_that_are_no_consent),
       CASE (responses_that_are_merely_unusual_are_accepted),
       CASE (the_servers_protocol_is_reported_whatever_was_asked_for),
       CASE (waiting_for_the_status_tells_what_the_server_answered),
       CASE (waiting_for_the_status_needs_neither_pointer),
       CASE (waiting_until_ready_looks_once_or_as_long_as_it_is_told),
       CASE (responses_are_limited_like_requests))
