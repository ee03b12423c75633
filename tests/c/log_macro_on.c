/* run.py: cflags=-DSHOW_DEBUG_LOG */
/* The macro nopoll_log in a program that wants its records. */
#include <nopoll.h>

#include "support/check.h"
#include "support/records.h"

TEST (nopoll_log_writes_a_record_with_its_place)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  char wanted[64];
  int evaluated = 0;

  records_of (ctx, &records);
  snprintf (wanted, sizeof wanted, "log_macro_on.c:%d text 1 ", __LINE__ + 1);
  nopoll_log (ctx, NOPOLL_LEVEL_WARNING, "%s %d", "text", ++evaluated);
  CHECK_INT (records.count, 1);
  CHECK_INT (records.level, NOPOLL_LEVEL_WARNING);
  CHECK (strlen (records.last) >= strlen (wanted));
  CHECK_STR (records.last + strlen (records.last) - strlen (wanted), wanted);
  CHECK_INT (evaluated, 1);
  nopoll_log (ctx, NOPOLL_LEVEL_DEBUG, "no arguments");
  CHECK_INT (records.count, 2);
  CHECK (strstr (records.last, "no arguments ") != NULL);
  nopoll_ctx_unref (ctx);
}

TEST (nopoll_log_is_one_statement)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  int i;

  records_of (ctx, &records);
  for (i = 0; i < 2; i++)
    if (i == 0)
      nopoll_log (ctx, NOPOLL_LEVEL_DEBUG, "%d", i);
    else
      nopoll_log (ctx, NOPOLL_LEVEL_CRITICAL, "%d", i);
  CHECK_INT (records.count, 2);
  CHECK_INT (records.level, NOPOLL_LEVEL_CRITICAL);
  nopoll_ctx_unref (ctx);
}

TEST (nopoll_log_without_a_context_writes_nothing)
{
  nopoll_log (NULL, NOPOLL_LEVEL_CRITICAL, "%s", "text");
}

TESTS (CASE (nopoll_log_writes_a_record_with_its_place), CASE (nopoll_log_is_one_statement),
       CASE (nopoll_log_without_a_context_writes_nothing))
