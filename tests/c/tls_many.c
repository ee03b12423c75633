/* run.py: needs=tls slow=1 */
/* Many TLS connections on one loop, some of which never finish their handshake. */
#include <nopoll.h>
#include <sys/resource.h>

#include "support/tls/tls.h"

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  (void) ctx, (void) data;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

/* How many connections, both ends of which are here, fit below the limit of descriptors. */
static int room_for (int wanted)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur != RLIM_INFINITY && (long) limit.rlim_cur < 2L * wanted + 100)
    wanted = ((int) limit.rlim_cur - 100) / 2;
  return wanted;
}

TEST (the_others_echo_while_some_are_stalled_in_the_handshake)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = tls_listener (ctx, "server");
  int total = room_for (check_slowness () > 5 ? 60 : 1000), stalled = total / 20;
  SSL **clients = (SSL **) calloc ((size_t) total, sizeof *clients);
  int *silent = (int *) calloc ((size_t) stalled, sizeof *silent);
  SSL_CTX *raw = tls_client_ctx (NULL);
  /* The beginning of a record that never comes. */
  static const unsigned char hello[] = { 22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3 };
  int i, turn, good = total - stalled;
  char text[32];

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  loop_start (ctx);
  for (i = 0; i < total; i++) {
    if (i < stalled) {
      silent[i] = wire_connect (LISTENER_PORT (listener));
      wire_send (silent[i], hello, i % (int) (sizeof hello + 1));
      continue;
    }
    clients[i - stalled] = tls_connect (raw, LISTENER_PORT (listener), NULL);
    tls_upgrade (clients[i - stalled]);
  }
  WAIT_UNTIL (nopoll_ctx_conns (ctx) == total + 1);
  for (turn = 0; turn < 3; turn++) {
    for (i = 0; i < good; i++) {
      snprintf (text, sizeof text, "%d of %d", i, turn);
      tls_send_frame (clients[i], 0x81, 1, text, (long) strlen (text));
    }
    for (i = 0; i < good; i++) {
      snprintf (text, sizeof text, "%d of %d", i, turn);
      tls_expect_frame (clients[i], 0x81, text, (long) strlen (text));
    }
  }
  /* Nor are those that go in the middle of it anybody's trouble. */
  for (i = 0; i < stalled; i++)
    close (silent[i]);
  WAIT_UNTIL (nopoll_ctx_conns (ctx) == good + 1);
  tls_send_frame (clients[0], 0x81, 1, "x", 1);
  tls_expect_frame (clients[0], 0x81, "x", 1);
  for (i = 0; i < good; i++)
    tls_free (clients[i]);
  free (clients);
  free (silent);
  SSL_CTX_free (raw);
  ctx_end (ctx);
}

TESTS (CASE (the_others_echo_while_some_are_stalled_in_the_handshake))
