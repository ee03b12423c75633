/* Text messages of every size that matters to who judges them in blocks: they arrive as they were
 * sent, and one wrong byte anywhere fails the connection (RFC 6455 section 8.1). */
#include <nopoll.h>

#include <string.h>

#include "support/wire.h"

#define MOST 70000

/* Characters of one to four bytes, ASCII alone if `ascii`; exactly `size` bytes. */
static void write_text (char *text, long size, int ascii)
{
  static const char *const characters[] = { "a", "\xc3\xa9", "\xed\x95\x9c", "\xf0\xa3\x8e\xb4" };
  long at = 0, length;
  int i;

  for (i = 0; at < size; i++) {
    const char *character = characters[ascii ? 0 : (i + i / 7) % 4];
    length = (long) strlen (character);
    if (at + length > size) {
      text[at++] = 'x';
      continue;
    }
    memcpy (text + at, character, (size_t) length);
    at += length;
  }
}

struct record {
  const char *expected;
  long size;
  int seen;
};

static void handle (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct record *record = (struct record *) data;
  const char *payload = (const char *) nopoll_msg_get_payload (msg);

  record->seen++;
  CHECK_INT (nopoll_msg_get_payload_size (msg), record->size);
  CHECK (memcmp (payload, record->expected, (size_t) record->size) == 0);
  CHECK_INT (payload[record->size], 0);
}

static const long larger[] = { 511, 512, 513, 1000, 4095, 4096, 4097, 8191, 8193, 16384, 65000, MOST };
#define LARGER ((int) (sizeof larger / sizeof larger[0]))

static void deliver (int server)
{
  static char text[MOST];
  struct record record = { text, 0, 0 };
  struct wire_pair pair;
  int i, ascii;

  wire_open (&pair, NULL, server);
  nopoll_ctx_set_on_msg (pair.ctx, handle, &record);
  for (ascii = 0; ascii < 2; ascii++) {
    for (i = 1; i < 300 + LARGER; i++) {
      int before = record.seen;
      record.size = i < 300 ? i : larger[i - 300];
      write_text (text, record.size, ascii);
      wire_put (&pair, 0x81, text, record.size);
      LOOP_UNTIL (pair.ctx, record.seen == before + 1);
    }
  }
  wire_close (&pair);
}

TEST (is_delivered_to_servers)
{
  deliver (1);
}

TEST (is_delivered_to_clients)
{
  deliver (0);
}

/* What makes a text no text, at some place of it. */
static const struct {
  const char *bytes;
  long size;
} wrong[] = { { "\xff", 1 }, { "\x80", 1 }, { "\xc0\x80", 2 }, { "\xe2\x82", 2 }, { "\xed\xa0\x80", 3 },
              { "\xf4\x90\x80\x80", 4 } };
#define WRONG ((int) (sizeof wrong / sizeof wrong[0]))

static void refuse (int server)
{
  static const long sizes[] = { 4, 20, 63, 64, 65, 100, 128, 129, 512, 640, 16384 };
  static char text[MOST];
  struct record record = { text, 0, 0 };
  struct wire_pair pair;
  int i, where;

  for (i = 0; i < (int) (sizeof sizes / sizeof sizes[0]); i++) {
    for (where = 0; where < 3; where++) {
      long bytes = wrong[(i + where) % WRONG].size;
      wire_open (&pair, NULL, server);
      nopoll_ctx_set_on_msg (pair.ctx, handle, &record);
      write_text (text, sizes[i], 1);
      memcpy (text + where * (sizes[i] - bytes) / 2, wrong[(i + where) % WRONG].bytes, (size_t) bytes);
      wire_put (&pair, 0x81, text, sizes[i]);
      LOOP_UNTIL (pair.ctx, !wire_is_quiet (pair.peer));
      wire_expect (&pair, 0x88, "\x03\xef", 2);
      CHECK_INT (record.seen, 0);
      wire_close (&pair);
    }
  }
}

TEST (that_is_none_is_refused_by_servers)
{
  refuse (1);
}

TEST (that_is_none_is_refused_by_clients)
{
  refuse (0);
}

TESTS (CASE (is_delivered_to_servers), CASE (is_delivered_to_clients),
       CASE (that_is_none_is_refused_by_servers), CASE (that_is_none_is_refused_by_clients))
