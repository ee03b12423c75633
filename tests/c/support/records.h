/*
 * records.h - what a context logs.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include <nopoll.h>

#ifdef __cplusplus
extern "C" {
#endif

struct records {
  int count;
  noPollDebugLevel level;   /* of the last one */
  char last[1024];          /* the last one, as the handler got it */
  char all[16384];          /* each on a line; what doesn't fit is left out */
};

/* From now on the context logs into this, which starts empty. NULL: back to the console. */
void records_of (noPollCtx *ctx, struct records *records);
void records_clear (struct records *records);
/* Whether some record has the word in it, as a word of its own. */
int records_name (const struct records *records, const char *word);

#ifdef __cplusplus
}
#endif
#endif
