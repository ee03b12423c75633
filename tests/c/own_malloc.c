/* run.py: modes=plain */
/*
 * A program with a malloc of its own, as firmware has: malloc_usable_size is the C library's, and
 * knows nothing of these blocks. What it would take for their size is far too much.
 */
#include <nopoll.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/wire.h"

extern void *__libc_malloc (size_t size);
extern void __libc_free (void *block);

/* Stands before each block; its last word where the C library has the size of its blocks. */
struct head {
  void *start;
  size_t size;
  size_t unused;
  size_t misleading;
};

static void *take (size_t size, size_t alignment)
{
  size_t room = alignment > sizeof (struct head) ? alignment : sizeof (struct head);
  char *start = __libc_malloc (size + 2 * room);
  char *block;
  struct head *head;

  if (start == NULL)
    return NULL;
  block = start + 2 * room - (uintptr_t) start % room;
  head = (struct head *) block - 1;
  head->start = start;
  head->size = size;
  head->misleading = 0x1000000;
  return block;
}

void *malloc (size_t size)
{
  return take (size, 16);
}

void free (void *block)
{
  if (block != NULL)
    __libc_free (((struct head *) block - 1)->start);
}

void *calloc (size_t count, size_t size)
{
  size_t all;
  void *block = __builtin_mul_overflow (count, size, &all) ? NULL : take (all, 16);

  return block == NULL ? NULL : memset (block, 0, all);
}

void *realloc (void *block, size_t size)
{
  void *grown = take (size, 16);
  size_t old;

  if (block != NULL && grown != NULL) {
    old = ((struct head *) block - 1)->size;
    memcpy (grown, block, old < size ? old : size);
    free (block);
  }
  return grown;
}

int posix_memalign (void **block, size_t alignment, size_t size)
{
  *block = take (size, alignment);
  return *block == NULL ? ENOMEM : 0;
}

void *aligned_alloc (size_t alignment, size_t size)
{
  return take (size, alignment);
}

static int seen;

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  seen++;
  nopoll_conn_send_text (conn, (const char *) nopoll_msg_get_payload (msg),
                         nopoll_msg_get_payload_size (msg));
}

#define MOST 1000
#define STEP 7

TEST (messages_of_any_size_in_a_row)
{
  static unsigned char frames[(MOST / STEP) * (MOST + 8)];
  static char text[MOST];
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollConn *listener = wire_listener (ctx);
  int peer = wire_connect (LISTENER_PORT (listener));
  char head[512];
  long size, end = 0;
  int sent = 0;

  nopoll_ctx_set_on_msg (ctx, echo, NULL);
  wire_send_request (peer, "/", "");
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 2 && !wire_is_quiet (peer));
  wire_receive_head (peer, head, sizeof head);
  memset (text, 't', sizeof text);
  for (size = STEP; size < MOST; size += STEP, sent++)
    end += wire_frame (frames + end, 0x81, 1, text, size);
  wire_send (peer, frames, end);
  LOOP_UNTIL (ctx, seen == sent);
  for (size = STEP; size < MOST; size += STEP)
    wire_expect_frame (peer, 0x81, 0, text, size);
  close (peer);
  LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
  nopoll_conn_close (listener);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (messages_of_any_size_in_a_row))
