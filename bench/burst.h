/*
 * burst.h - the messages that servers push: byte j of message i is (j * 31 + j / 251 + i * 7) % 256,
 * which the load generator knows.
 */
#ifndef BURST_H
#define BURST_H

#include <stdlib.h>

struct burst {
  int count;
  long size;
  /* Bytes between one payload and the next, and in front of the first one: room for a header. */
  long room;
  char *bytes;
};

static inline char *burst_payload (const struct burst *burst, int i)
{
  return burst->bytes + i * (burst->room + burst->size) + burst->room;
}

/* With `room` bytes in front of each payload. Never released: servers need it to their end. */
static inline struct burst *burst_new_with_room (int count, long size, long room)
{
  struct burst *burst = (struct burst *) malloc (sizeof *burst);
  long j;
  int i;

  burst->count = count;
  burst->size = size;
  burst->room = room;
  burst->bytes = (char *) malloc (count * (room + size));
  for (i = 0; i < count; i++)
    for (j = 0; j < size; j++)
      burst_payload (burst, i)[j] = (char) (j * 31 + j / 251 + i * 7);
  return burst;
}

static inline struct burst *burst_new (int count, long size)
{
  return burst_new_with_room (count, size, 0);
}

#endif
