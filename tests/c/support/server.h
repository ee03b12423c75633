/*
 * server.h - a server of the library that a loop runs, and raw peers of it.
 */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>

#include "wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct server {
  noPollCtx *ctx;
  noPollConn *listener;
};

/* A context with a listener; messages go to on_msg (NULL: nowhere). */
void server_start (struct server *server, noPollOnMessageHandler on_msg, noPollPtr data);
/* A raw peer whose handshake is complete; the loop runs in slices meanwhile. */
int server_peer (struct server *server);
/* The same while another thread runs the loop. */
int server_peer_beside_loop (struct server *server);
/* The connection that was registered last, and so the other end of the newest peer. */
noPollConn *server_newest (struct server *server);
/* Closes everything that is registered; nothing else may hold the context. */
void server_stop (struct server *server);
/* Sends a message back as it came. */
void server_echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data);

/* A thread inside nopoll_loop_wait without a timeout. */
struct loop_thread {
  noPollCtx *ctx;
  pthread_t thread;
  int result;
};

/* Returns as soon as the wait runs. */
void loop_thread_start (struct loop_thread *loop, noPollCtx *ctx);
/* Waits for the wait to end; returns its result. */
int loop_thread_join (struct loop_thread *loop);
/* Stops it first. */
int loop_thread_stop (struct loop_thread *loop);

/* Monotonic time in microseconds. */
long long clock_us (void);
/* Processor time of the process in microseconds. */
long long processor_us (void);

#ifdef __cplusplus
}
#endif
#endif
