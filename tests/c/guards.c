/* run.py: modes=plain */
/*
 * What a message and a connection cost, in numbers that don't depend on the machine: system calls,
 * allocations, bytes. The bounds are what the library needs now, or the promise behind it; who raises
 * one makes every message, or every connection, cost more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/process.h"
#include "support/wire.h"

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  nopoll_conn_send_binary (conn, (const char *) nopoll_msg_get_payload (msg),
                           nopoll_msg_get_payload_size (msg));
}

/* ---- allocations, counted on the thread that asks for it ---- */

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t count, size_t size);
extern void *__libc_realloc (void *block, size_t size);

static __thread long allocations, large_ones;

static void count (size_t size)
{
  allocations++;
  large_ones += size >= 0x10000;
}

void *malloc (size_t size)
{
  count (size);
  return __libc_malloc (size);
}

void *calloc (size_t number, size_t size)
{
  count (number * size);
  return __libc_calloc (number, size);
}

void *realloc (void *block, size_t size)
{
  count (size);
  return __libc_realloc (block, size);
}

/* An allocator of the program's own is trusted with sizes only if all of it is. */
size_t malloc_usable_size (void *block)
{
  static size_t (*of_libc) (void *);

  if (of_libc == NULL)
    of_libc = (size_t (*) (void *)) dlsym (RTLD_NEXT, "malloc_usable_size");
  return of_libc (block);
}

/* ---- an echo in which nothing but the library allocates ---- */

#define SIZE 100
#define FRAME (6 + SIZE)
#define REPLY (2 + SIZE)

struct client {
  int fd;
  int depth;
  int rounds;
};

static void *ping_pong (void *data)
{
  const struct client *client = data;
  unsigned char payload[SIZE], frames[64 * FRAME], replies[64 * REPLY];
  int i;

  memset (payload, 7, SIZE);
  for (i = 0; i < client->depth; i++)
    wire_frame (frames + i * FRAME, 0x82, 1, payload, SIZE);
  for (i = 0; i < client->rounds; i++) {
    wire_send (client->fd, frames, client->depth * FRAME);
    wire_receive (client->fd, replies, client->depth * REPLY);
  }
  /* A text message ends the wait. */
  wire_send_frame (client->fd, 0x81, 1, "end", 3);
  return NULL;
}

static void echo_or_stop (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  if (nopoll_msg_opcode (msg) == NOPOLL_TEXT_FRAME)
    nopoll_loop_stop (ctx);
  else
    echo (ctx, conn, msg, data);
}

/* Allocations of the loop's thread per echoed message, in hundredths. */
static long allocations_per_hundred (int depth)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  struct client client = { wire_connect (LISTENER_PORT (listener)), depth, 0 };
  long counted[2];
  pthread_t thread;
  char head[512];
  int i;

  nopoll_ctx_set_on_msg (ctx, echo_or_stop, NULL);
  wire_send_request (client.fd, "/", "");
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2 && !wire_is_quiet (client.fd));
  wire_receive_head (client.fd, head, sizeof head);
  /* The difference of two runs: what a wait needs once is in both. */
  for (i = 0; i < 2; i++) {
    client.rounds = i == 0 ? 10 : 1010;
    pthread_create (&thread, NULL, ping_pong, &client);
    allocations = 0;
    nopoll_loop_wait (ctx, 0);
    counted[i] = allocations;
    pthread_join (thread, NULL);
  }
  close (client.fd);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
  return (counted[1] - counted[0]) / (10 * depth);
}

/* Object and payload are those of the message before. */
TEST (a_small_message_takes_no_allocation)
{
  CHECK (allocations_per_hundred (1) <= 0);
}

TEST (nor_does_a_message_of_a_batch)
{
  CHECK (allocations_per_hundred (32) <= 0);
}

/* ---- large messages ---- */

/* The kernel has room for one. */
#define LARGE 150000

static void note_message (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ++*(int *) data;
  CHECK_INT (nopoll_msg_get_payload_size (msg), LARGE);
}

/* A server whose kernel takes a large message as a whole, so that the loop has it in one turn. */
static void open_with_room (struct wire_pair *pair, int *seen)
{
  int room = 1000000;

  wire_open (pair, NULL, 1);
  nopoll_ctx_set_on_msg (pair->ctx, note_message, seen);
  setsockopt (nopoll_conn_socket (pair->conn), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt (pair->peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

/* Returns how many large blocks the library has asked for. */
static long put_large (struct wire_pair *pair, const int *seen)
{
  static char payload[LARGE];
  int before = *seen;

  wire_put (pair, 0x82, payload, LARGE);
  wire_await_unread (nopoll_conn_socket (pair->conn), 14 + LARGE);
  large_ones = 0;
  LOOP_UNTIL (pair->ctx, *seen == before + 1);
  return large_ones;
}

TEST (a_large_message_comes_in_the_memory_of_the_one_before)
{
  struct wire_pair pair;
  int seen = 0, i;

  open_with_room (&pair, &seen);
  CHECK (put_large (&pair, &seen) > 0);
  for (i = 0; i < 10; i++)
    CHECK_INT (put_large (&pair, &seen), 0);
  wire_close (&pair);
}

static size_t heap (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

#define UNFINISHED 30

/* Not the memory of somebody else's large message. */
TEST (an_unfinished_message_holds_what_has_come_of_it)
{
  static unsigned char frame[14 + LARGE];
  static char payload[LARGE], head[512];
  struct wire_pair pair;
  int fds[UNFINISHED], seen = 0, i;
  size_t before;

  open_with_room (&pair, &seen);
  put_large (&pair, &seen);
  before = heap ();
  for (i = 0; i < UNFINISHED; i++) {
    long size;

    fds[i] = wire_connect (LISTENER_PORT (pair.listener));
    wire_send_request (fds[i], "/", "");
    LOOP_UNTIL (pair.ctx, !wire_is_quiet (fds[i]));
    wire_receive_head (fds[i], head, sizeof head);
    /* The answer to a ping says that what is behind it has been read, too. */
    size = wire_frame (frame, 0x89, 1, "", 0);
    wire_frame (frame + size, 0x82, 1, payload, LARGE);
    wire_send (fds[i], frame, size + 14 + 100);
    LOOP_UNTIL (pair.ctx, !wire_is_quiet (fds[i]));
    wire_expect_frame (fds[i], 0x8a, 0, "", 0);
    /* Nor does it cost others theirs. */
    CHECK_INT (put_large (&pair, &seen), 0);
  }
  printf ("%ld bytes per unfinished message\n", (long) (heap () - before) / UNFINISHED);
  CHECK (heap () - before < 4000 * UNFINISHED);
  for (i = 0; i < UNFINISHED; i++)
    close (fds[i]);
  LOOP_UNTIL (pair.ctx, nopoll_ctx_conns (pair.ctx) == 2);
  wire_close (&pair);
}

#define VERY_LARGE 6000000

static void note_very_large (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  CHECK_INT (nopoll_msg_get_payload_size (msg), VERY_LARGE);
  *(int *) data = 1;
}

/* What is kept for the next message is at most 4 MB. */
TEST (a_very_large_message_leaves_nothing_behind)
{
  unsigned char *payload = calloc (1, VERY_LARGE), *frame = malloc (14 + VERY_LARGE);
  long end = wire_frame (frame, 0x82, 1, payload, VERY_LARGE), sent;
  struct wire_pair pair;
  int seen = 0;
  size_t before;

  wire_open (&pair, NULL, 1);
  nopoll_ctx_set_on_msg (pair.ctx, note_very_large, &seen);
  before = heap ();
  for (sent = 0; sent < end; sent += 100000) {
    wire_send (pair.peer, frame + sent, end - sent < 100000 ? end - sent : 100000);
    nopoll_loop_wait (pair.ctx, 100);
  }
  LOOP_UNTIL (pair.ctx, seen);
  CHECK (heap () < before + 1000000);
  wire_close (&pair);
  free (frame);
  free (payload);
}

/* ---- heap bytes ---- */

#define IDLE 1000
/* With the strings of the request, the place in the registry, everything. */
#define IDLE_BYTES 800

TEST (an_idle_connection_takes_800_bytes)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int port = LISTENER_PORT (listener);
  static int fds[IDLE];
  static char head[512];
  size_t before = 0;
  long each;
  int i;

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  for (i = -50; i < IDLE; i++) {
    int fd = wire_connect (port);

    if (i == 0)
      before = mallinfo2 ().uordblks;
    wire_send_text (fd, "GET /chat?room=1 HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Origin: https://www.example.com\r\nSec-WebSocket-Version: 13\r\n\r\n");
    LOOP_UNTIL (ctx, !wire_is_quiet (fd));
    wire_receive_head (fd, head, sizeof head);
    /* It has worked before it is idle. */
    wire_send_frame (fd, 0x82, 1, "hello", 5);
    LOOP_UNTIL (ctx, !wire_is_quiet (fd));
    wire_expect_frame (fd, 0x82, 0, "hello", 5);
    if (i >= 0)
      fds[i] = fd;
  }
  each = (long) (mallinfo2 ().uordblks - before) / IDLE;
  printf ("%ld bytes per idle connection\n", each);
  CHECK (each <= IDLE_BYTES);
  for (i = 0; i < IDLE; i++)
    close (fds[i]);
  /* The other fifty close with the program. */
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 51);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

/* ---- system calls, counted by stopping the server at each of them ---- */

/* The call a stopped child is about to make; -1 at the other stops. */
static long call_of (pid_t child)
{
  struct __ptrace_syscall_info info;

  ptrace (PTRACE_GET_SYSCALL_INFO, child, (void *) sizeof info, &info);
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long) info.entry.nr : -1;
}

static int is_wait (long call)
{
#ifdef SYS_epoll_wait
  if (call == SYS_epoll_wait)
    return 1;
#endif
#ifdef SYS_epoll_pwait2
  if (call == SYS_epoll_pwait2)
    return 1;
#endif
  return call == SYS_epoll_pwait;
}

/* The child has stopped itself, to be traced from here on. */
static void begin_tracing (pid_t child)
{
  int status;

  waitpid (child, &status, 0);
  CHECK (WIFSTOPPED (status));
  CHECK (ptrace (PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
}

/* Lets the child run until it is about to wait and everything is done; returns how many calls it
 * made. There it stays, stopped, so that the next things to do are all there when it goes on. */
static long run_until_idle (pid_t child, int (*is_done) (void *), void *data)
{
  long calls = 0;
  int status;

  for (;;) {
    long call;

    ptrace (PTRACE_SYSCALL, child, NULL, NULL);
    waitpid (child, &status, 0);
    CHECK (WIFSTOPPED (status));
    call = call_of (child);
    if (call == -1)
      continue;
    calls++;
    if (is_wait (call) && is_done (data))
      return calls;
  }
}

static int never_mind (void *data)
{
  return 1;
}

static void serve (int pipe)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int port = LISTENER_PORT (listener);

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  ptrace (PTRACE_TRACEME, 0, NULL, NULL);
  if (write (pipe, &port, sizeof port) != sizeof port)
    _exit (1);
  raise (SIGSTOP);
  nopoll_loop_wait (ctx, 0);
  _exit (0);
}

#define CLIENTS 100

/* Everything that is awaited has arrived on all of them. */
static int all_have_news (void *data)
{
  int *fds = data, i;

  for (i = 0; i < CLIENTS; i++)
    if (wire_is_quiet (fds[i]))
      return 0;
  return 1;
}

/* An echo server that waits, stopped before its system call. */
static pid_t start_server (int *port)
{
  int pipes[2];
  pid_t child;

  CHECK_INT (pipe (pipes), 0);
  child = fork ();
  if (child == 0)
    serve (pipes[1]);
  CHECK (read (pipes[0], port, sizeof *port) == sizeof *port);
  close (pipes[0]);
  close (pipes[1]);
  begin_tracing (child);
  run_until_idle (child, never_mind, NULL);
  return child;
}

static void end_server (pid_t child)
{
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

/* Connections to it; returns how many calls they took. */
static long open_all (pid_t child, int port, int *fds)
{
  char head[512];
  long calls;
  int i;

  for (i = 0; i < CLIENTS; i++) {
    fds[i] = wire_connect (port);
    wire_send_request (fds[i], "/", "");
  }
  calls = run_until_idle (child, all_have_news, fds);
  for (i = 0; i < CLIENTS; i++)
    wire_receive_head (fds[i], head, sizeof head);
  return calls;
}

TEST (an_echo_takes_a_receive_and_a_send)
{
  int fds[CLIENTS], port, i, round;
  pid_t child = start_server (&port);
  long calls = 0;

  open_all (child, port, fds);
  for (round = 0; round < 5; round++) {
    for (i = 0; i < CLIENTS; i++)
      wire_send_frame (fds[i], 0x82, 1, "hello", 5);
    calls += run_until_idle (child, all_have_news, fds);
    for (i = 0; i < CLIENTS; i++)
      wire_expect_frame (fds[i], 0x82, 0, "hello", 5);
  }
  printf ("%ld system calls for %d echoes\n", calls, 5 * CLIENTS);
  CHECK (calls * 100 <= 205 * 5 * CLIENTS);
  end_server (child);
  for (i = 0; i < CLIENTS; i++)
    close (fds[i]);
}

/* A process and how many descriptors it shall have left. */
struct leaving {
  pid_t child;
  int descriptors;
};

static int all_are_gone (void *data)
{
  const struct leaving *leaving = data;

  return process_descriptors_of (leaving->child) <= leaving->descriptors;
}

/* accept, getpeername, epoll_ctl; recv and send of the request and of the close frame; shutdown,
 * epoll_ctl, recv of the peer's end, close. */
TEST (setting_up_and_closing_takes_eleven_system_calls)
{
  int fds[CLIENTS], port, i;
  pid_t child = start_server (&port);
  struct leaving leaving = { child, process_descriptors_of (child) };
  long calls = open_all (child, port, fds);

  for (i = 0; i < CLIENTS; i++)
    wire_send_frame (fds[i], 0x88, 1, "\x03\xe8", 2);
  calls += run_until_idle (child, all_have_news, fds);
  for (i = 0; i < CLIENTS; i++) {
    wire_expect_frame (fds[i], 0x88, 0, "\x03\xe8", 2);
    close (fds[i]);
  }
  calls += run_until_idle (child, all_are_gone, &leaving);
  printf ("%ld system calls for %d connections\n", calls, CLIENTS);
  CHECK (calls * 10 <= 115 * CLIENTS);
  end_server (child);
}

/* P11: a program with its own poll, and one small masked frame per event. */
TEST (a_direct_get_msg_takes_two_receives)
{
  int pipes[2], status, peer = -1, port, i;
  long calls = 0;
  char head[512];
  pid_t child;

  CHECK_INT (pipe (pipes), 0);
  child = fork ();
  if (child == 0) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConn *listener = wire_listener (ctx);
    noPollConn *conn;

    port = LISTENER_PORT (listener);
    if (write (pipes[1], &port, sizeof port) != sizeof port)
      _exit (1);
    conn = nopoll_conn_accept (ctx, listener);
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
    while (!nopoll_conn_is_ready (conn))
      nopoll_sleep (1000);
    ptrace (PTRACE_TRACEME, 0, NULL, NULL);
    raise (SIGSTOP);
    for (;;) {
      nopoll_msg_unref (nopoll_conn_get_msg (conn));
      /* Where the parent sees that the call has ended. */
      syscall (SYS_epoll_pwait, -1, NULL, 0, 0, NULL, 0);
    }
  }
  CHECK (read (pipes[0], &port, sizeof port) == sizeof port);
  peer = wire_connect (port);
  wire_send_request (peer, "/", "");
  wire_receive_head (peer, head, sizeof head);
  begin_tracing (child);
  for (i = 0; i < 10; i++) {
    wire_send_frame (peer, 0x82, 1, "hello", 5);
    /* The marker counts, too. */
    calls += run_until_idle (child, never_mind, NULL) - 1;
  }
  CHECK (calls <= 10 * 2);
  kill (child, SIGKILL);
  waitpid (child, &status, 0);
  close (peer);
  close (pipes[0]);
  close (pipes[1]);
}

TESTS (CASE (a_small_message_takes_no_allocation), CASE (nor_does_a_message_of_a_batch),
       CASE (a_large_message_comes_in_the_memory_of_the_one_before),
       CASE (an_unfinished_message_holds_what_has_come_of_it),
       CASE (a_very_large_message_leaves_nothing_behind),
       CASE (an_idle_connection_takes_800_bytes), CASE (an_echo_takes_a_receive_and_a_send),
       CASE (setting_up_and_closing_takes_eleven_system_calls),
       CASE (a_direct_get_msg_takes_two_receives))
