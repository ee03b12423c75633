/* run.py: cflags=-DSHOW_FORMAT_BUGS,-DSHOW_DEBUG_LOG */
/* The macro nopoll_log where it only serves to have the compiler check formats. */
#include <nopoll.h>

#include "support/capture.h"
#include "support/check.h"
#include "support/records.h"

TEST (nopoll_log_is_a_printf)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  char *got;

  records_of (ctx, &records);
  capture_begin ();
  nopoll_log (ctx, NOPOLL_LEVEL_CRITICAL, "%s %d|", "text", 7);
  nopoll_log (NULL, NOPOLL_LEVEL_DEBUG, "no arguments");
  got = capture_end ();
  CHECK_STR (got, "text 7|no arguments");
  CHECK_INT (records.count, 0);
  free (got);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (nopoll_log_is_a_printf))
