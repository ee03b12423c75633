/* The ways programs push large data through a socket that is not blocking: each must end, and the
 * peer must get every byte once, whether a loop runs in another thread or not. */
#include <nopoll.h>

#include <poll.h>
#include <pthread.h>

#include "support/threads.h"
#include "support/wire.h"

enum { BLOCK = 16384, BLOCKS = 24, TOTAL = BLOCK * BLOCKS };

static char data[TOTAL];

static long patience (void) { return 20000000L * check_slowness (); }

/* Sends one frame completely: 0, or -1. */
static int send_all (noPollConn *c, const char *buf, int len, int fin)
{
  for (;;) {
    int n = fin ? nopoll_conn_send_binary (c, buf, len)
                : nopoll_conn_send_binary_fragment (c, buf, len);

    if (n == len)
      return 0;
    if (n == -1 && errno != NOPOLL_EWOULDBLOCK)
      return -1;
    while (nopoll_conn_pending_write_bytes (c) > 0) {
      struct pollfd p;

      p.fd = nopoll_conn_socket (c);
      p.events = POLLOUT;
      if (!nopoll_conn_is_ok (c) || poll (&p, 1, (int) (patience () / 1000)) <= 0)
        return -1;
      if (nopoll_conn_complete_pending_write (c) < 0 && errno != NOPOLL_EWOULDBLOCK)
        return -1;
    }
    if (n != -1)
      return 0;
  }
}

static int send_all_simple (noPollConn *c, const char *buf, int len, int fin)
{
  int n = fin ? nopoll_conn_send_binary (c, buf, len)
              : nopoll_conn_send_binary_fragment (c, buf, len);

  if (n != len && n != -1)
    n = nopoll_conn_flush_writes (c, patience (), n);
  return n == len ? 0 : -1;
}

static int send_and_flush (noPollConn *c, const char *buf, int len, int fin)
{
  int n = fin ? nopoll_conn_send_binary (c, buf, len)
              : nopoll_conn_send_binary_fragment (c, buf, len);

  n = nopoll_conn_flush_writes (c, patience (), n);
  return n == len ? 0 : -1;
}

static int send_and_retry (noPollConn *c, const char *buf, int len, int fin)
{
  long tries = patience () / 1000;
  int n = __nopoll_conn_send_common (c, buf, len, fin, 0, NOPOLL_BINARY_FRAME);
  int sum = n > 0 ? n : 0;

  if (n == -1)
    return -1;
  while (tries-- > 0 && errno == NOPOLL_EWOULDBLOCK && nopoll_conn_pending_write_bytes (c) > 0) {
    nopoll_sleep (1000);
    n = nopoll_conn_complete_pending_write (c);
    sum += n > 0 ? n : 0;
    errno = NOPOLL_EWOULDBLOCK;
  }
  return sum == len ? 0 : -1;
}

/* One message in parts of which only the first has its type. */
static int send_common (noPollConn *c, const char *buf, int len, int fin)
{
  noPollOpCode type = buf == data ? NOPOLL_BINARY_FRAME : NOPOLL_CONTINUATION_FRAME;
  int n = __nopoll_conn_send_common (c, buf, len, fin, 0, type);

  if (n == -1)
    return -1;
  if (n != len)
    n = nopoll_conn_flush_writes (c, patience (), n);
  return n == len ? 0 : -1;
}

static int complete_what_is_pending (noPollConn *c, const char *buf, int len, int fin)
{
  long tries = patience () / 1000;
  int n = __nopoll_conn_send_common (c, buf, len, fin, 0, NOPOLL_BINARY_FRAME);

  if (n == len)
    return 0;
  if (n == -1)
    return -1;
  while (tries-- > 0) {
    int before = nopoll_conn_pending_write_bytes (c);

    if (before == 0 || nopoll_conn_complete_pending_write (c) == before)
      return 0;
    nopoll_sleep (1000);
  }
  return -1;
}

typedef int (*Shape) (noPollConn *, const char *, int, int);

static const Shape shapes[] = { send_all,       send_all_simple, send_and_flush,
                                send_and_retry, send_common,     complete_what_is_pending };

struct peer {
  int fd, server, wrong;
};

/* Reads one message of all blocks, each a frame, with a rest now and then. */
static void *read_blocks (void *argument)
{
  struct peer *peer = (struct peer *) argument;
  static char payload[BLOCK];
  int i;

  for (i = 0; i < BLOCKS; i++) {
    int first, masked;
    long size = wire_receive_frame (peer->fd, &first, &masked, payload, sizeof payload);

    if (size != BLOCK || memcmp (payload, data + (long) i * BLOCK, BLOCK) != 0
        || first != ((i == 0 ? 2 : 0) | (i == BLOCKS - 1 ? 0x80 : 0)) || masked == peer->server)
      peer->wrong++;
    if (i % 5 == 0)
      nopoll_sleep (2000);
  }
  return NULL;
}

static int looping;

static void *run_loop (void *argument)
{
  SHARED_SET (looping, 1);
  nopoll_loop_wait ((noPollCtx *) argument, 0);
  return NULL;
}

static void send_blocks (Shape shape, int server, int local, int with_loop)
{
  struct wire_pair pair;
  struct peer peer = { -1, server, 0 };
  pthread_t reader, loop;
  int i;

  if (local) {
    wire_open_local (&pair, NULL, server);
  } else {
    int room = 8192;

    wire_open (&pair, NULL, server);
    setsockopt (nopoll_conn_socket (pair.conn), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  }
  peer.fd = pair.peer;
  looping = 0;
  if (with_loop) {
    pthread_create (&loop, NULL, run_loop, pair.ctx);
    WAIT_UNTIL (SHARED_GET (looping) && !nopoll_loop_ended (pair.ctx));
  }
  pthread_create (&reader, NULL, read_blocks, &peer);
  for (i = 0; i < BLOCKS; i++)
    CHECK_INT (shape (pair.conn, data + (long) i * BLOCK, BLOCK, i == BLOCKS - 1), 0);
  pthread_join (reader, NULL);
  if (with_loop) {
    nopoll_loop_stop (pair.ctx);
    pthread_join (loop, NULL);
  }
  CHECK_INT (peer.wrong, 0);
  CHECK_INT (nopoll_conn_complete_pending_write (pair.conn), 0);
  CHECK_INT (nopoll_conn_pending_write_bytes (pair.conn), 0);
  wire_close (&pair);
}

static void try_all (int with_loop)
{
  size_t i;
  int way;

  for (i = 0; i < TOTAL; i++)
    data[i] = (char) (i * 7 + (i >> 11));
  for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    for (way = 0; way < 4; way++)
      send_blocks (shapes[i], way % 2, way / 2, with_loop);
}

/* M-28, M-31, M-32 */
TEST (every_way_of_retrying_sends_every_byte_once) { try_all (0); }

/* L-19 */
TEST (every_way_of_retrying_works_while_a_loop_writes_too) { try_all (1); }

static noPollPtr create_mutex (void)
{
  pthread_mutex_t *mutex = (pthread_mutex_t *) malloc (sizeof *mutex);
  pthread_mutexattr_t kind;

  pthread_mutexattr_init (&kind);
  pthread_mutexattr_settype (&kind, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init (mutex, &kind);
  pthread_mutexattr_destroy (&kind);
  return mutex;
}

static void destroy_mutex (noPollPtr mutex)
{
  pthread_mutex_destroy ((pthread_mutex_t *) mutex);
  free (mutex);
}

static void lock_mutex (noPollPtr mutex) { pthread_mutex_lock ((pthread_mutex_t *) mutex); }

static void unlock_mutex (noPollPtr mutex) { pthread_mutex_unlock ((pthread_mutex_t *) mutex); }

TEST (pieces_from_a_worker_with_recursive_mutexes_plugged_in)
{
  size_t i;

  for (i = 0; i < TOTAL; i++)
    data[i] = (char) (i * 3 + (i >> 10));
  nopoll_thread_handlers (create_mutex, destroy_mutex, lock_mutex, unlock_mutex);
  send_blocks (send_common, 0, 0, 1);
  send_blocks (send_common, 1, 1, 1);
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
}

TESTS (CASE (every_way_of_retrying_sends_every_byte_once),
       CASE (every_way_of_retrying_works_while_a_loop_writes_too),
       CASE (pieces_from_a_worker_with_recursive_mutexes_plugged_in))
