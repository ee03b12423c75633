/* run.py: slow=1 */
/* Threads that send on each other's connections while loops run: a million messages and more, each
 * arriving once and whole, those of one thread on one connection in its order. */
#include <nopoll.h>

#include "support/server.h"
#include "support/threads.h"

#define CONNS 6
#define SENDERS 4
/* Beside the senders, handlers answer some of what they get; they count as one more thread. */
#define ANSWERS SENDERS
#define LARGEST 20000
/* A million, in whole rounds of all senders on both ends of all connections. */
#define MILLION (SENDERS * CONNS * 2 * 20834L)

/* One end of a connection: what has arrived there, by who sent it. */
struct end {
  noPollConn *conn;
  unsigned next[SENDERS + 1];
  unsigned answers;
  long received;
};

struct arena {
  struct server server;
  noPollCtx *client_ctx;
  struct end accepted[CONNS];
  struct end clients[CONNS];
  int count;
  long messages;
  long received;
  long answered;
  long got_answers;
};

/* A message names its sender and number, and repeats a byte made of both up to its end. */
static long compose (unsigned char *content, int sender, unsigned number)
{
  long size = 8 + number * 7919u % 61;

  if (number % 64 == 13)
    size = 8 + number * 7919u % LARGEST;
  content[0] = (unsigned char) sender;
  content[1] = (unsigned char) (size >> 16);
  content[2] = (unsigned char) (size >> 8);
  content[3] = (unsigned char) size;
  memcpy (content + 4, &number, 4);
  memset (content + 8, (int) (sender * 31 + number) & 0xff, (size_t) size - 8);
  return size;
}

static int is_whole (const unsigned char *content, long size, int *sender, unsigned *number)
{
  unsigned char wanted[8 + LARGEST];

  if (size < 8)
    return 0;
  *sender = content[0];
  memcpy (number, content + 4, 4);
  return *sender <= ANSWERS && compose (wanted, *sender, *number) == size
    && memcmp (content, wanted, (size_t) size) == 0;
}

/* Sends all of one message, whatever the descriptor's mode: refused means again; accepted in part
 * means that the library does the rest. */
static void send_whole (noPollConn *conn, const unsigned char *content, long size)
{
  for (;;) {
    errno = 0;
    if (nopoll_conn_send_binary (conn, (const char *) content, size) != -1)
      return;
    if (errno != NOPOLL_EWOULDBLOCK) {
      check_fail (__FILE__, __LINE__, "a send failed with errno %d", errno);
      return;
    }
    nopoll_sleep (200);
  }
}

static void receive (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct arena *arena = (struct arena *) data;
  struct end *end = (struct end *) nopoll_conn_get_hook (conn);
  const unsigned char *content = nopoll_msg_get_payload (msg);
  int sender;
  unsigned number;

  (void) ctx;
  CHECK_INT (threads_held (), 0);
  if (!is_whole (content, nopoll_msg_get_payload_size (msg), &sender, &number)) {
    check_fail (__FILE__, __LINE__, "a message arrived torn");
    return;
  }
  if (number != end->next[sender])
    check_fail (__FILE__, __LINE__, "sender %d: message %u instead of %u", sender, number,
                end->next[sender]);
  end->next[sender] = number + 1;
  if (sender == ANSWERS) {
    SHARED_ADD (arena->got_answers, 1);
    return;
  }
  SHARED_ADD (arena->received, 1);
  if (number % 16 == 5) {
    unsigned char answer[8 + LARGEST];

    send_whole (conn, answer, compose (answer, ANSWERS, end->answers++));
    SHARED_ADD (arena->answered, 1);
  }
}

static nopoll_bool take (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct arena *arena = (struct arena *) data;

  (void) ctx;
  arena->accepted[arena->count].conn = conn;
  nopoll_conn_set_hook (conn, &arena->accepted[arena->count]);
  nopoll_conn_ref (conn);
  arena->count++;
  return nopoll_true;
}

struct sender {
  struct arena *arena;
  int number;
  pthread_t thread;
};

/* Sends on every connection, from both ends, in turn. */
static void *send_everywhere (void *data)
{
  struct sender *self = (struct sender *) data;
  struct arena *arena = self->arena;
  unsigned char content[8 + LARGEST];
  long rounds = arena->messages / (SENDERS * CONNS * 2);
  unsigned i;
  int k;

  for (i = 0; i < rounds; i++) {
    long size = compose (content, self->number, i);

    for (k = 0; k < CONNS; k++) {
      send_whole (arena->clients[k].conn, content, size);
      send_whole (arena->accepted[k].conn, content, size);
    }
  }
  return NULL;
}

static void open_all (struct arena *arena)
{
  char port[12];
  int i;

  server_start (&arena->server, receive, arena);
  nopoll_ctx_set_on_accept (arena->server.ctx, take, arena);
  arena->client_ctx = nopoll_ctx_new ();
  nopoll_ctx_set_on_msg (arena->client_ctx, receive, arena);
  sprintf (port, "%d", LISTENER_PORT (arena->server.listener));
  for (i = 0; i < CONNS; i++) {
    noPollConn *client = nopoll_conn_new (arena->client_ctx, "127.0.0.1", port, NULL, NULL, NULL,
                                          NULL);

    nopoll_conn_set_hook (client, &arena->clients[i]);
    arena->clients[i].conn = client;
    LOOP_UNTIL (arena->server.ctx, nopoll_conn_is_ready (client));
    /* Half of the accepted ends are as they come, blocking, the clients not; the others reverse. */
    if (i % 2) {
      nopoll_conn_set_sock_block (nopoll_conn_socket (client), nopoll_true);
      nopoll_conn_set_sock_block (nopoll_conn_socket (arena->accepted[i].conn), nopoll_false);
    }
  }
}

static void close_all (struct arena *arena)
{
  int i;

  for (i = 0; i < CONNS; i++) {
    CHECK (nopoll_conn_is_ok (arena->clients[i].conn));
    CHECK (nopoll_conn_is_ok (arena->accepted[i].conn));
    nopoll_conn_close (arena->clients[i].conn);
    nopoll_conn_close (arena->accepted[i].conn);
  }
  CHECK_INT (nopoll_ctx_ref_count (arena->client_ctx), 1);
  nopoll_ctx_unref (arena->client_ctx);
  server_stop (&arena->server);
}

static void stress (long messages)
{
  static struct arena arena;
  struct sender senders[SENDERS];
  struct loop_thread server_loop, client_loop;
  long total, i;

  check_guard (240);
  memset (&arena, 0, sizeof arena);
  arena.messages = messages / check_slowness ();
  total = arena.messages / (SENDERS * CONNS * 2) * (SENDERS * CONNS * 2);
  open_all (&arena);
  loop_thread_start (&server_loop, arena.server.ctx);
  loop_thread_start (&client_loop, arena.client_ctx);
  for (i = 0; i < SENDERS; i++) {
    senders[i].arena = &arena;
    senders[i].number = (int) i;
    senders[i].thread = threads_start (send_everywhere, &senders[i]);
  }
  for (i = 0; i < SENDERS; i++)
    threads_join (senders[i].thread);
  while (SHARED_GET (arena.received) < total
         || SHARED_GET (arena.got_answers) < SHARED_GET (arena.answered))
    nopoll_sleep (1000);
  CHECK_INT (loop_thread_stop (&server_loop), 0);
  CHECK_INT (loop_thread_stop (&client_loop), 0);
  CHECK_INT (arena.received, total);
  CHECK_INT (arena.got_answers, arena.answered);
  CHECK (arena.answered >= total / 16 - 2 * CONNS * SENDERS);
  close_all (&arena);
}

/* L-46 */
TEST (a_million_messages) { stress (MILLION); }

TEST (a_million_messages_with_recursive_mutexes)
{
  threads_plug (PTHREAD_MUTEX_RECURSIVE);
  stress (MILLION);
  threads_unplug ();
}

TEST (messages_with_error_checking_mutexes)
{
  threads_plug (PTHREAD_MUTEX_ERRORCHECK);
  stress (MILLION / 5);
  threads_unplug ();
}

TESTS (CASE (a_million_messages), CASE (a_million_messages_with_recursive_mutexes),
       CASE (messages_with_error_checking_mutexes))
