#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *file;
static int out = -1;

void capture_begin (void)
{
  fflush (stdout);
  file = tmpfile ();
  out = dup (1);
  if (file == NULL || out < 0 || dup2 (fileno (file), 1) < 0)
    abort ();
}

char *capture_end (void)
{
  long size;
  char *text;

  fflush (stdout);
  dup2 (out, 1);
  close (out);
  size = lseek (fileno (file), 0, SEEK_END);
  text = (char *) malloc ((size_t) size + 1);
  rewind (file);
  size = (long) fread (text, 1, (size_t) size, file);
  text[size] = 0;
  fclose (file);
  return text;
}
