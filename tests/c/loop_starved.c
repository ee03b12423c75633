/* run.py: modes=plain,asan */
/* The loop when descriptors run out. (valgrind closes what the kernel accepted at the limit.) */
#include <nopoll.h>

#include "support/process.h"
#include "support/server.h"

/* Opens descriptors until there are none left; returns how many. */
static int use_up (int *fds, int room)
{
  int count = 0;

  while (count < room && (fds[count] = dup (0)) >= 0)
    count++;
  CHECK_INT (errno, EMFILE);
  return count;
}

/* L-27: connections wait on the listener while there is no descriptor for them. The loop doesn't
 * spin, goes on serving, and accepts them once there are descriptors again. */
TEST (without_descriptors_accepting_pauses)
{
  enum { LIMIT = 256, LATE = 5 };
  struct server server;
  int fds[LIMIT], peer, late[LATE], count, i;
  long long used;

  process_allow (LIMIT);
  server_start (&server, server_echo, NULL);
  peer = server_peer (&server);
  for (i = 0; i < LATE; i++) {
    late[i] = wire_connect (LISTENER_PORT (server.listener));
    wire_send_request (late[i], "/", NULL);
  }
  count = use_up (fds, LIMIT);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 2);
  used = processor_us ();
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000000), -3);
  CHECK (processor_us () - used < 500000);
  wire_send_frame (peer, 0x81, 1, "still", 5);
  LOOP_UNTIL (server.ctx, wire_unread (peer) > 0);
  wire_expect_frame (peer, 0x81, 0, "still", 5);
  CHECK_INT (nopoll_ctx_conns (server.ctx), 2);
  while (count > 0)
    close (fds[--count]);
  LOOP_UNTIL (server.ctx, nopoll_ctx_conns (server.ctx) == 2 + LATE);
  server_stop (&server);
  close (peer);
  for (i = 0; i < LATE; i++)
    close (late[i]);
}

/* L-27: one descriptor after the other comes free. */
TEST (each_descriptor_that_comes_free_is_used)
{
  enum { LIMIT = 256, LATE = 3 };
  struct server server;
  struct loop_thread loop;
  int fds[LIMIT], late[LATE], count, i;

  process_allow (LIMIT);
  server_start (&server, NULL, NULL);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1), -3);
  for (i = 0; i < LATE; i++)
    late[i] = wire_connect (LISTENER_PORT (server.listener));
  count = use_up (fds, LIMIT);
  loop_thread_start (&loop, server.ctx);
  for (i = 0; i < LATE; i++) {
    close (fds[--count]);
    WAIT_UNTIL (nopoll_ctx_conns (server.ctx) == 2 + i);
  }
  CHECK_INT (loop_thread_stop (&loop), 0);
  while (count > 0)
    close (fds[--count]);
  server_stop (&server);
  for (i = 0; i < LATE; i++)
    close (late[i]);
}

TEST (a_wait_without_a_descriptor_for_it_fails_and_may_be_tried_again)
{
  enum { LIMIT = 256 };
  struct server server;
  int fds[LIMIT], count;

  process_allow (LIMIT);
  server_start (&server, NULL, NULL);
  count = use_up (fds, LIMIT);
  errno = 0;
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -4);
  CHECK_INT (errno, EMFILE);
  CHECK_INT (nopoll_loop_ended (server.ctx), 1);
  while (count > 0)
    close (fds[--count]);
  CHECK_INT (nopoll_loop_wait (server.ctx, 1000), -3);
  server_stop (&server);
}

TESTS (CASE (without_descriptors_accepting_pauses), CASE (each_descriptor_that_comes_free_is_used),
       CASE (a_wait_without_a_descriptor_for_it_fails_and_may_be_tried_again))
