/* Messages: their references, what they say of themselves, and joining them. */
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <limits.h>
#include <pthread.h>

#include "support/wire.h"

/* A message as a program that looks inside may make one. */
static noPollMsg *make (const char *payload, long size, int fin, int opcode)
{
  noPollMsg *msg = nopoll_msg_new ();

  msg->payload = malloc ((size_t) size + 1);
  memcpy (msg->payload, payload, (size_t) size);
  ((char *) msg->payload)[size] = 0;
  msg->payload_size = size;
  msg->has_fin = fin;
  msg->op_code = (short) opcode;
  return msg;
}

TEST (a_new_message_is_empty)
{
  noPollMsg *msg = nopoll_msg_new ();

  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  CHECK (nopoll_msg_get_payload (msg) == NULL);
  CHECK_INT (nopoll_msg_get_payload_size (msg), 0);
  CHECK_INT (nopoll_msg_opcode (msg), 0);
  CHECK_INT (nopoll_msg_is_final (msg), 0);
  CHECK_INT (nopoll_msg_is_fragment (msg), 1);
  nopoll_msg_unref (msg);
}

TEST (references_are_counted)
{
  noPollMsg *msg = make ("abc", 3, 1, 1);
  int i;

  for (i = 2; i < 10; i++) {
    CHECK_INT (nopoll_msg_ref (msg), 1);
    CHECK_INT (nopoll_msg_ref_count (msg), i);
  }
  for (i = 8; i > 0; i--) {
    nopoll_msg_unref (msg);
    CHECK_INT (nopoll_msg_ref_count (msg), i);
  }
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "abc");
  nopoll_msg_unref (msg);
}

static void *take_and_drop (void *data)
{
  int i;

  for (i = 0; i < 10000 / check_slowness (); i++) {
    nopoll_msg_ref ((noPollMsg *) data);
    nopoll_msg_unref ((noPollMsg *) data);
  }
  return NULL;
}

TEST (references_are_counted_across_threads)
{
  noPollMsg *msg = nopoll_msg_new ();
  pthread_t threads[4];
  int i;

  for (i = 0; i < 4; i++)
    CHECK (pthread_create (&threads[i], NULL, take_and_drop, msg) == 0);
  for (i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  nopoll_msg_unref (msg);
}

TEST (a_message_outlives_its_connection_and_context)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  noPollMsg *msg;
  int peer;
  noPollConn *conn = wire_client (ctx, &peer);

  wire_send_frame (peer, 0x82, 0, "with\0nul", 8);
  msg = wire_next_message (conn);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  CHECK_INT (nopoll_msg_get_payload_size (msg), 8);
  CHECK_MEM (nopoll_msg_get_payload (msg), 9, "with\0nul", 9);
  CHECK_INT (nopoll_msg_opcode (msg), NOPOLL_BINARY_FRAME);
  nopoll_msg_unref (msg);
}

/* M-03 */
TEST (a_part_of_a_frame_has_one_reference_too)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  unsigned char frame[32];
  noPollMsg *msg;
  int peer;
  noPollConn *conn;

  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_PIECES);
  conn = wire_client (ctx, &peer);
  wire_frame (frame, 0x81, 0, "abcdef", 6);
  wire_send (peer, frame, 5);
  msg = wire_next_message (conn);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "abc");
  CHECK_INT (nopoll_msg_is_final (msg), 0);
  CHECK_INT (nopoll_msg_is_fragment (msg), 1);
  nopoll_msg_unref (msg);
  wire_send (peer, frame + 5, 3);
  msg = wire_next_message (conn);
  CHECK_INT (nopoll_msg_ref_count (msg), 1);
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "def");
  CHECK_INT (nopoll_msg_is_final (msg), 1);
  nopoll_msg_unref (msg);
  nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  close (peer);
}

TEST (joining_with_nothing_gives_the_other_itself)
{
  noPollMsg *msg = make ("abc", 3, 1, 1);

  CHECK (nopoll_msg_join (NULL, NULL) == NULL);
  CHECK (nopoll_msg_join (msg, NULL) == msg);
  CHECK_INT (nopoll_msg_ref_count (msg), 2);
  CHECK (nopoll_msg_join (NULL, msg) == msg);
  CHECK_INT (nopoll_msg_ref_count (msg), 3);
  nopoll_msg_unref (msg);
  nopoll_msg_unref (msg);
  nopoll_msg_unref (msg);
}

static void joins (noPollMsg *first, noPollMsg *second, const char *payload, long size)
{
  int before = nopoll_msg_ref_count (first), too = nopoll_msg_ref_count (second);
  noPollMsg *joined = nopoll_msg_join (first, second);

  CHECK (joined != NULL);
  CHECK (joined != first && joined != second);
  CHECK_INT (nopoll_msg_ref_count (joined), 1);
  CHECK_INT (nopoll_msg_ref_count (first), before);
  CHECK_INT (nopoll_msg_ref_count (second), too);
  CHECK (nopoll_msg_get_payload (joined) != NULL);
  CHECK_MEM (nopoll_msg_get_payload (joined), nopoll_msg_get_payload_size (joined), payload, size);
  CHECK_INT (nopoll_msg_get_payload (joined)[size], 0);
  nopoll_msg_unref (joined);
}

TEST (joining_two_gives_a_third)
{
  noPollMsg *first = make ("ab\0c", 4, 0, 1);
  noPollMsg *second = make ("def", 3, 1, 0);
  noPollMsg *empty = nopoll_msg_new ();
  noPollMsg *nothing = make ("", 0, 1, 2);

  joins (first, second, "ab\0cdef", 7);
  joins (second, first, "defab\0c", 7);
  joins (first, first, "ab\0cab\0c", 8);
  joins (first, empty, "ab\0c", 4);
  joins (empty, second, "def", 3);
  joins (empty, empty, "", 0);
  joins (nothing, empty, "", 0);
  nopoll_msg_unref (first);
  nopoll_msg_unref (second);
  nopoll_msg_unref (empty);
  nopoll_msg_unref (nothing);
}

/* U-21, M-04 */
TEST (a_joined_message_takes_its_flags_from_the_first)
{
  int fin, opcode, other;

  for (fin = 0; fin < 2; fin++)
    for (other = 0; other < 2; other++)
      for (opcode = 0; opcode < 16; opcode++) {
        noPollMsg *first = make ("a", 1, fin, opcode);
        noPollMsg *second = make ("b", 1, other, 15 - opcode);
        noPollMsg *joined;

        first->is_fragment = other;   /* the state of a part is not taken along */
        first->is_masked = fin;
        joined = nopoll_msg_join (first, second);
        CHECK_INT (nopoll_msg_opcode (joined), opcode);
        CHECK_INT (nopoll_msg_is_final (joined), fin);
        CHECK_INT (nopoll_msg_is_fragment (joined), !fin);
        CHECK_INT (joined->is_masked, fin);
        nopoll_msg_unref (first);
        nopoll_msg_unref (second);
        nopoll_msg_unref (joined);
      }
}

static void refuses (noPollMsg *first, noPollMsg *second)
{
  CHECK (nopoll_msg_join (first, second) == NULL);
  CHECK_INT (nopoll_msg_ref_count (first), 1);
  CHECK_INT (nopoll_msg_ref_count (second), 1);
}

TEST (joining_absurd_sizes_is_refused)
{
  static const long absurd[] = { -1, LONG_MIN, LONG_MAX, LONG_MAX - 1, LONG_MAX - 3, LONG_MIN + 1 };
  noPollMsg *sane = make ("abc", 3, 1, 1);
  noPollMsg *odd = make ("x", 1, 1, 1);
  unsigned i;

  if (check_slowness () == 1) {
    for (i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
      odd->payload_size = absurd[i];
      refuses (sane, odd);
      refuses (odd, sane);
    }
    /* Representable, but no machine has it. */
    odd->payload_size = LONG_MAX / 2;
    refuses (sane, odd);
    refuses (odd, sane);
  } else {
    /* The tools take the attempt to allocate it for a mistake. */
    for (i = 0; i < 2; i++) {
      odd->payload_size = absurd[i];
      refuses (sane, odd);
      refuses (odd, sane);
    }
  }
  odd->payload_size = 1;
  nopoll_msg_unref (odd);
  odd = nopoll_msg_new ();
  odd->payload_size = 5;   /* without a payload */
  refuses (sane, odd);
  refuses (odd, sane);
  odd->payload_size = -5;
  refuses (sane, odd);
  CHECK_INT (nopoll_msg_get_payload_size (odd), -5);
  nopoll_msg_unref (odd);
  nopoll_msg_unref (sane);
}

TEST (sizes_beyond_int_are_told_in_full)
{
  noPollMsg *msg = nopoll_msg_new ();
  /* The library returns a long, whatever the header declares. */
  long (*size) (noPollMsg *) = (long (*) (noPollMsg *)) (void *) nopoll_msg_get_payload_size;

  msg->payload_size = 0x123456789aL;
  CHECK_INT (size (msg), 0x123456789aL);
  CHECK_INT (size (NULL), -1);
  msg->payload_size = 0;
  nopoll_msg_unref (msg);
}

TEST (parts_are_accumulated_from_nothing)
{
  static const char *const parts[] = { "one ", "two ", "", "three" };
  noPollMsg *whole = NULL;
  unsigned i;

  for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    noPollMsg *part = make (parts[i], (long) strlen (parts[i]), i == 3, i == 0);
    noPollMsg *joined = nopoll_msg_join (whole, part);

    nopoll_msg_unref (whole);
    nopoll_msg_unref (part);
    whole = joined;
  }
  CHECK_STR ((const char *) nopoll_msg_get_payload (whole), "one two three");
  CHECK_INT (nopoll_msg_opcode (whole), NOPOLL_TEXT_FRAME);
  CHECK_INT (nopoll_msg_ref_count (whole), 1);
  nopoll_msg_unref (whole);
}

TEST (a_payload_may_be_replaced)
{
  noPollMsg *msg = make ("old", 3, 1, 1);

  free (msg->payload);
  msg->payload = strdup ("newer");
  msg->payload_size = 5;
  CHECK_STR ((const char *) nopoll_msg_get_payload (msg), "newer");
  CHECK_INT (nopoll_msg_get_payload_size (msg), 5);
  nopoll_msg_unref (msg);
}

TESTS (CASE (a_new_message_is_empty), CASE (references_are_counted),
       CASE (references_are_counted_across_threads),
       CASE (a_message_outlives_its_connection_and_context),
       CASE (a_part_of_a_frame_has_one_reference_too),
       CASE (joining_with_nothing_gives_the_other_itself), CASE (joining_two_gives_a_third),
       CASE (a_joined_message_takes_its_flags_from_the_first),
       CASE (joining_absurd_sizes_is_refused), CASE (sizes_beyond_int_are_told_in_full),
       CASE (parts_are_accumulated_from_nothing), CASE (a_payload_may_be_replaced))
