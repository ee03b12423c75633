/*
 * micro.c - masking a 64 KB block through the public API, as a ratio of memcpy's speed. Prints JSON.
 */
#include <nopoll.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SIZE (64 * 1024)
#define TIMES 20000

static char from[SIZE], to[SIZE];

static double now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double best_of (void (*work) (void))
{
  double best = 1e9;
  int i, round;

  for (round = 0; round < 7; round++) {
    double begun = now ();

    for (i = 0; i < TIMES / 7; i++)
      work ();
    if (now () - begun < best)
      best = now () - begun;
  }
  return best;
}

static void copy (void)
{
  memcpy (to, from, SIZE);
  __asm__ volatile ("" : : "r" (to) : "memory");
}

static void mask (void)
{
  char key[4] = { 0x37, 0x21, 0x4a, 0x5d };

  nopoll_conn_mask_content (NULL, to, SIZE, key, 0);
}

int main (void)
{
  double memcpy_time;

  memset (from, 'x', SIZE);
  memcpy_time = best_of (copy);
  printf ("{\"mask 64 KB in place\": %.3f}\n", memcpy_time / best_of (mask));
  return 0;
}
