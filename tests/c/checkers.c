/* run.py: modes=asan,valgrind */
/* The library uses the memory of one message for the next. Memory checkers see nevertheless who uses a
 * message that is no longer his. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wire.h"

struct record {
  const char *payload;
  noPollMsg *msg;
  int seen;
};

static void handle (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct record *record = (struct record *) data;

  record->payload = (const char *) nopoll_msg_get_payload (msg);
  record->msg = msg;
  record->seen++;
}

enum misuse { NONE, PAYLOAD, MESSAGE };

/* One that comes in the loop's buffer, and one that comes in the memory of the one before. */
#define SMALL 5
#define LARGE 100000

struct child {
  enum misuse misuse;
  long size;
  /* Told when everything but the misuse is done. */
  int ready[2];
};

/* Two messages at once, so that the second is one of a batch; then perhaps a use of it. */
static void receive (void *data)
{
  static volatile char sink;
  const struct child *child = (const struct child *) data;
  struct record record = { NULL, NULL, 0 };
  struct wire_pair pair;
  static unsigned char frames[2 * (14 + LARGE)];
  static char text[LARGE];
  long size;

  wire_open (&pair, NULL, 1);
  nopoll_ctx_set_on_msg (pair.ctx, handle, &record);
  memset (text, 't', sizeof text);
  size = wire_frame (frames, 0x81, 1, text, child->size);
  size += wire_frame (frames + size, 0x81, 1, text, child->size);
  wire_send (pair.peer, frames, size);
  LOOP_UNTIL (pair.ctx, record.seen == 2);
  CHECK_INT (write (child->ready[1], "", 1), 1);
  if (child->misuse == PAYLOAD)
    sink = record.payload[0];
  if (child->misuse == MESSAGE)
    sink = (char) record.msg->payload_size;
  (void) sink;
  wire_close (&pair);
}

/* How a child ends that does so; what the checker says of it is not for the log. */
static int end_of (enum misuse misuse, long size)
{
  struct child child = { misuse, size, { -1, -1 } };
  int status;
  char byte;
  pid_t pid;

  CHECK_INT (pipe (child.ready), 0);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    dup2 (open ("/dev/null", O_WRONLY), 2);
    exit (check_alone (receive, &child));
  }
  close (child.ready[1]);
  CHECK_INT (read (child.ready[0], &byte, 1), 1);
  close (child.ready[0]);
  CHECK_INT (waitpid (pid, &status, 0), pid);
  return status;
}

TEST (have_nothing_to_say_of_a_good_program)
{
  CHECK_INT (end_of (NONE, SMALL), 0);
  CHECK_INT (end_of (NONE, LARGE), 0);
}

TEST (see_a_payload_that_is_used_after_its_handler)
{
  CHECK (end_of (PAYLOAD, SMALL) != 0);
  CHECK (end_of (PAYLOAD, LARGE) != 0);
}

TEST (see_a_message_that_is_used_after_its_handler)
{
  CHECK (end_of (MESSAGE, SMALL) != 0);
  CHECK (end_of (MESSAGE, LARGE) != 0);
}

TESTS (CASE (have_nothing_to_say_of_a_good_program), CASE (see_a_payload_that_is_used_after_its_handler),
       CASE (see_a_message_that_is_used_after_its_handler))
