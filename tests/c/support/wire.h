/*
 * wire.h - the other end of a connection, byte by byte, and small things the tests share.
 *
 * Everything here uses plain system calls and knows nothing of the library: it is what the library
 * is tested against. All functions wait at most about 10 s (times check_slowness ()) and then fail
 * the case.
 */
#ifndef WIRE_H
#define WIRE_H

#include <nopoll.h>

#include "check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The port a listening descriptor got, and the same as text in a static buffer. */
int wire_port (int fd);
const char *wire_port_text (int fd);

/* A listening socket of ours on 127.0.0.1, any port. */
int wire_listen (void);
/* The next connection on it. */
int wire_accept (int listening);
/* A connection to 127.0.0.1. */
int wire_connect (int port);

/* Sends all of it. */
void wire_send (int fd, const void *bytes, long size);
void wire_send_text (int fd, const char *text);
/* Receives exactly so many bytes. */
void wire_receive (int fd, void *bytes, long size);
/* Receives up to and including the blank line of an HTTP head; a NUL follows. Returns its size. */
long wire_receive_head (int fd, char *text, long room);
/* Receives until the stream ends; returns how many bytes came (a reset counts as the end). */
long wire_receive_rest (int fd, void *bytes, long room);
/* The stream has ended: nothing but EOF or a reset is there. */
void wire_expect_end (int fd);
/* Nothing has arrived so far. */
int wire_is_quiet (int fd);
/* Waits until the descriptor is readable. */
void wire_wait_readable (int fd);
/* How many bytes wait in the kernel to be received; and waits until there are at least so many. */
int wire_unread (int fd);
void wire_await_unread (int fd, int size);
/* Half-closes, so that the other end reads to the end. */
void wire_end (int fd);
/* Closes with a reset instead of an orderly end. */
void wire_reset (int fd);
/* Makes the buffers in this direction small: some 10 kB. */
void wire_shrink (int from, int to);
/* Sends until the kernel takes no more, into the void; returns how many bytes it took. */
long wire_stuff (int fd);

/* A request a browser could send, with this target and these extra header lines ("A: b\r\n"). */
void wire_send_request (int fd, const char *target, const char *extra);
/* Reads a client's request and answers with a correct 101; extra header lines as above. */
void wire_answer_request (int fd, const char *extra);
/* The Sec-WebSocket-Accept value for a key, into room for 29 bytes. */
void wire_accept_key (const char *key, char *accept);

/* Builds a frame into out (room for 14 + size); masked with 01 02 03 04. Returns its size. */
long wire_frame (unsigned char *out, int first, int masked, const void *payload, long size);
/* Builds and sends one: first is the whole first byte, 0x81 for a text frame. */
void wire_send_frame (int fd, int first, int masked, const void *payload, long size);
/* Receives one frame; unmasks. Returns the payload size, its first byte in *first. */
long wire_receive_frame (int fd, int *first, int *masked, void *payload, long room);
/* Receives one frame and compares; the masked bit, too. */
void wire_expect_frame (int fd, int first, int masked, const void *payload, long size);

/* Runs the loop in slices of 1 ms until the condition holds. */
#define LOOP_UNTIL(ctx, condition) \
  do { \
    long left_ = 10000L * check_slowness (); \
    while (!(condition) && left_-- > 0) \
      nopoll_loop_wait (ctx, 1000); \
    CHECK (condition); \
  } while (0)

/* Polls a condition every ms. */
#define WAIT_UNTIL(condition) \
  do { \
    long left_ = 10000L * check_slowness (); \
    while (!(condition) && left_-- > 0) \
      nopoll_sleep (1000); \
    CHECK (condition); \
  } while (0)

/* A listener of the library on 127.0.0.1, any port, that doesn't ask for an Origin. */
noPollConn *wire_listener (noPollCtx *ctx);
/* Its port. */
#define LISTENER_PORT(listener) wire_port (nopoll_conn_socket (listener))

/* A context with one ready, non-blocking connection, and our end of it. */
struct wire_pair {
  noPollCtx *ctx;
  /* NULL for a client. */
  noPollConn *listener;
  noPollConn *conn;
  int peer;
  /* The library accepted; it masks nothing and wants everything masked. */
  int server;
};

/* Makes one, in ctx or, if that is NULL, a context of its own. There are two references, the
 * registry's and one that nopoll_conn_close takes, in both roles. */
void wire_open (struct wire_pair *pair, noPollCtx *ctx, int server);
/* As wire_open, over a local socket with small buffers. What the kernel takes is certain: a sender's
 * buffer is full until the other end has read, and has room at once then. */
void wire_open_local (struct wire_pair *pair, noPollCtx *ctx, int server);
/* As wire_open_local; the extra header lines go into our request or answer. */
void wire_open_with (struct wire_pair *pair, noPollCtx *ctx, int server, const char *extra);
/* Releases everything, the connection unless it is NULL. */
void wire_close (struct wire_pair *pair);
/* One frame from us to the library, masked as it must be. */
void wire_put (struct wire_pair *pair, int first, const void *payload, long size);
/* The next frame from the library, which must be this one and masked as it must be. */
void wire_expect (struct wire_pair *pair, int first, const void *payload, long size);

/* The next message that nopoll_conn_get_msg finds, waiting for it, is this one: as int opcode, final
 * and fragment; a NUL follows the payload. */
void wire_expect_msg (noPollConn *conn, int opcode, int is_final, int is_fragment,
                      const void *payload, long size);
/* All that has been sent, `size` bytes, is taken by nopoll_conn_get_msg, which finds no message. */
void wire_expect_nothing (noPollConn *conn, int size);

/* A ready client of the library on a raw socket of ours: *peer is our end. */
noPollConn *wire_client (noPollCtx *ctx, int *peer);
/* A ready accepted connection without a loop; *peer is our end. Non-blocking unless blocking. */
noPollConn *wire_accepted (noPollCtx *ctx, noPollConn *listener, int *peer, int blocking);
/* The next message of a connection that is served by no loop. */
noPollMsg *wire_next_message (noPollConn *conn);

#ifdef __cplusplus
}
#endif
#endif
