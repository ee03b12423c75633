#include "records.h"

static void record (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  struct records *records = (struct records *) data;
  size_t used = strlen (records->all), size = strlen (line);

  (void) ctx;
  records->count++;
  records->level = level;
  snprintf (records->last, sizeof records->last, "%s", line);
  if (used + size + 2 < sizeof records->all) {
    memcpy (records->all + used, line, size);
    memcpy (records->all + used + size, "\n", 2);
  }
}

void records_clear (struct records *records)
{
  memset (records, 0, sizeof *records);
}

void records_of (noPollCtx *ctx, struct records *records)
{
  if (records != NULL)
    records_clear (records);
  nopoll_log_set_handler (ctx, records ? record : NULL, records);
}

static int in_word (char c)
{
  return isalnum ((unsigned char) c) || c == '_';
}

int records_name (const struct records *records, const char *word)
{
  const char *at = records->all;
  size_t size = strlen (word);

  while ((at = strstr (at, word)) != NULL) {
    if ((at == records->all || !in_word (at[-1])) && !in_word (at[size]))
      return 1;
    at += size;
  }
  return 0;
}
