/*
 * env.h - what the calls of the table work with, and how a result is compared.
 */
#ifndef TABLE_ENV_H
#define TABLE_ENV_H

#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <limits.h>
#include <pthread.h>

#include "../support/wire.h"

/* States of a connection, the columns of a CONN row, in this order. */
enum state {
  FRESH,       /* a client whose answer hasn't come */
  CONNECTING,  /* a client whose constructor is still at work, in another thread */
  WAITING,     /* an accepted connection whose request hasn't come */
  READY,       /* a client */
  ACCEPTED,    /* an accepted connection, ready */
  GONE,        /* a client whose peer has closed with 1001 "away" */
  SHUT,        /* a client after nopoll_conn_shutdown */
  CLOSED,      /* a client after nopoll_conn_close, still referenced */
  LISTENER,    /* with somebody waiting to be accepted */
  DETACHED,    /* a client after nopoll_conn_set_socket (-1) */
  STATES
};

/* The callbacks that calls are made from. */
enum place {
  ON_ACCEPT, ON_OPEN, ON_HTTP, ON_READY, ON_MSG, ON_PING, ON_CLOSE,   /* accepted, by the loop */
  ON_CLIENT_READY,                                           /* client, by a direct call */
  ON_LOG, ON_FOREACH,                                        /* with a ready client */
  ON_MUTEX,                                                  /* FREE rows only */
  /* Over TLS. Those without a callback are states. */
  TLS_CLIENT, TLS_WAITING, TLS_ACCEPTED,
  IN_CLIENT_CREATOR, IN_CLIENT_CHECK, IN_SERVER_CREATOR, IN_SERVER_CHECK,
  PLACES
};

/* What the arguments of a call are taken from. */
struct env {
  noPollCtx *ctx;
  noPollConn *listener;
  /* The connection the call is about. The test holds two references on it beside those of its
   * maker and of the registry (accepted: of the registry only, so one more). */
  noPollConn *conn;
  noPollConnOpts *opts;      /* to be reused */
  noPollMsg *msg, *msg2;     /* "abc" and "de" */
  int peer;                  /* the other end of conn */
  int raw;                   /* somebody else's listening socket, non-blocking */
  char raw_port[8];
  int pair[2];               /* a connected TCP pair: a descriptor to hand over, and its peer */
  int fds[8];                /* closed at the end */
  int fd_count;
  int taken;                 /* the descriptor that was taken from conn */
  char asked[12];            /* which arguments P was used for */
  char text[64];
  int size;
  struct timeval early, late, between;
  const char *found[3];
  pthread_t thread;
  int threaded;
  int stuck[2];
};

/* What came out of a call: a number, or a text, and errno right behind it. Texts are copied: what
 * they belong to may be gone when they are compared. */
struct got {
  long number;
  char text[64];
  int code;
};

/* What pointers count as, when they are results. */
enum { IS_NULL, IS_CTX, IS_CONN, IS_LISTENER, IS_OTHER };

/* What should come out. */
enum how { NOT_GIVEN, NUMBER, TEXT, SOMETHING, ANYTHING };
#define UNCHANGED -1
#define UNKNOWN -2

#define ALWAYS 0
#define WITH_TLS 1
#define WITH_V6 2

struct want {
  enum how how;
  long number;
  const char *text;
  int code;                  /* errno, UNCHANGED or UNKNOWN */
  int when;   /* on other machines: nothing */
};

/* The cells. The letter says what becomes of errno. */
#define K(n) { NUMBER, n, NULL, UNCHANGED, ALWAYS }     /* kept as it was */
#define W(n) { NUMBER, n, NULL, EWOULDBLOCK, ALWAYS }
#define B(n) { NUMBER, n, NULL, EBADF, ALWAYS }
#define N(n) { NUMBER, n, NULL, ENOTCONN, ALWAYS }
#define I(n) { NUMBER, n, NULL, EINVAL, ALWAYS }
#define A(n) { NUMBER, n, NULL, UNKNOWN, ALWAYS }       /* anything */
#define V K (0)                                         /* a call without a result */
#define T(s) { TEXT, 0, s, UNCHANGED, ALWAYS }
#define SOME { SOMETHING, 0, NULL, UNCHANGED, ALWAYS }  /* not NULL; above 0 */
#define ANY { ANYTHING, 0, NULL, UNKNOWN, ALWAYS }      /* not fixed, but no crash */
/* Where the build has no TLS, the machine no IPv6, a constructor has no result. */
#define IF_TLS(n) { NUMBER, n, NULL, UNKNOWN, WITH_TLS }
#define IF_V6(n) { NUMBER, n, NULL, UNKNOWN, WITH_V6 }
#define IF_V6_TLS(n) { NUMBER, n, NULL, UNKNOWN, WITH_V6 | WITH_TLS }

/* errno before each call. */
#define BEFORE EDOM

static struct got result (long number, const char *text)
{
  struct got got;

  got.code = errno;
  got.number = number;
  snprintf (got.text, sizeof got.text, "%s", text);
  return got;
}

static struct got number (long value) { return result (value, ""); }
static struct got text (const char *value)
{
  return result (value ? IS_OTHER : IS_NULL, value ? value : "(null)");
}

static struct got pointer (const struct env *e, const void *value)
{
  long what = IS_OTHER;

  if (value == NULL)
    what = IS_NULL;
  else if (value == e->ctx)
    what = IS_CTX;
  else if (value == e->listener)
    what = IS_LISTENER;
  else if (value == e->conn)
    what = IS_CONN;
  return number (what);
}

#define NOTHING(call) ((call), number (0))

/* Argument i of a call, if NULL isn't its turn. */
#define P(i, value) (e->asked[i] = 1, nulls >> (i) & 1 ? NULL : (value))

/* What a row may prepare before the call, without errno showing it. */
#define PREPARED (errno = BEFORE)

static void close_later (struct env *e, int fd)
{
  if (e->fd_count < 8)
    e->fds[e->fd_count++] = fd;
}

#endif
