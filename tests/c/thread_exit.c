/* The library is still called when a thread or the program is ending: by destructors of a program's
 * own data, by functions given to atexit. */
#include <nopoll.h>

#include <pthread.h>
#include <sys/wait.h>

#include "support/records.h"
#include "support/wire.h"

static pthread_key_t key;

struct leaving {
  struct wire_pair pair;
  struct records records;
  int sent, pinged, waited, made, told, messages;
};

static void on_msg (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  ((struct leaving *) data)->messages++;
  nopoll_conn_send_text (conn, "reply", 5);
}

/* Everything that keeps something per thread: keys of frames, records that wait for a lock, what
 * a loop is serving, the last failure. */
static void use (struct leaving *leaving)
{
  noPollConn *conn = leaving->pair.conn;

  leaving->sent = nopoll_conn_send_text (conn, "text", 4);
  leaving->pinged = nopoll_conn_send_ping (conn);
  leaving->waited = nopoll_loop_wait (leaving->pair.ctx, 20000);
  leaving->made = nopoll_conn_new (leaving->pair.ctx, NULL, NULL, NULL, NULL, NULL, NULL) != NULL;
  nopoll_conn_get_error (NULL);
  leaving->told = nopoll_conn_get_error_text (NULL) != NULL;
  nopoll_ctx_set_max_frame_size (leaving->pair.ctx, -1);
}

static void leave (void *data)
{
  struct leaving *leaving = (struct leaving *) data;

  wire_put (&leaving->pair, 0x81, "hello", 5);
  leaving->messages = 0;
  records_clear (&leaving->records);
  use (leaving);
  nopoll_conn_close (leaving->pair.conn);
}

static void *live (void *data)
{
  struct leaving *leaving = (struct leaving *) data;

  use (leaving);
  pthread_setspecific (key, data);
  return NULL;
}

TEST (a_thread_that_ends_may_use_and_close_its_connections)
{
  struct leaving leaving;
  pthread_t thread;

  memset (&leaving, 0, sizeof leaving);
  wire_open (&leaving.pair, NULL, 0);
  nopoll_ctx_set_on_msg (leaving.pair.ctx, on_msg, &leaving);
  records_of (leaving.pair.ctx, &leaving.records);
  CHECK (pthread_key_create (&key, leave) == 0);
  wire_put (&leaving.pair, 0x81, "hello", 5);
  CHECK (pthread_create (&thread, NULL, live, &leaving) == 0);
  pthread_join (thread, NULL);
  CHECK_INT (leaving.sent, 4);
  CHECK_INT (leaving.pinged, 1);
  CHECK_INT (leaving.waited, -3);
  CHECK_INT (leaving.made, 0);
  CHECK_INT (leaving.told, 1);
  CHECK_INT (leaving.messages, 1);
  CHECK (records_name (&leaving.records, "host_ip"));
  CHECK (records_name (&leaving.records, "max_frame_size"));
  CHECK_INT (nopoll_ctx_conns (leaving.pair.ctx), 0);
  CHECK_INT (nopoll_ctx_ref_count (leaving.pair.ctx), 1);
  records_of (leaving.pair.ctx, NULL);
  pthread_key_delete (key);
  leaving.pair.conn = NULL;
  wire_close (&leaving.pair);
}

static struct leaving at_exit;

static void leave_program (void)
{
  leave (&at_exit);
  _exit (at_exit.sent == 4 && at_exit.waited == -3 && at_exit.messages == 1
         && nopoll_ctx_ref_count (at_exit.pair.ctx) == 1 ? 0 : 1);
}

TEST (a_program_that_ends_may_do_so_too)
{
  pid_t child = fork ();
  int status = -1;

  CHECK (child >= 0);
  if (child == 0) {
    wire_open (&at_exit.pair, NULL, 0);
    nopoll_ctx_set_on_msg (at_exit.pair.ctx, on_msg, &at_exit);
    records_of (at_exit.pair.ctx, &at_exit.records);
    use (&at_exit);
    atexit (leave_program);
    exit (2);
  }
  CHECK (waitpid (child, &status, 0) == child);
  CHECK (WIFEXITED (status));
  CHECK_INT (WEXITSTATUS (status), 0);
}

TESTS (CASE (a_program_that_ends_may_do_so_too),
       CASE (a_thread_that_ends_may_use_and_close_its_connections))
