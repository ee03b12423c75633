/* Logging: who gets a record and what it looks like, to the byte. */
#include <nopoll.h>

#include <pthread.h>
#include <sys/wait.h>
#include <wchar.h>

#include "support/capture.h"
#include "support/check.h"
#include "support/records.h"

/* The lines that the console gets, with %P for the process id. */
static void prints (noPollCtx *ctx, noPollDebugLevel level, const char *wanted)
{
  char line[256];
  char *got;

  capture_begin ();
  __nopoll_log (ctx, "function", "file.c", 12, level, "%s %d", "message", 7);
  got = capture_end ();
  snprintf (line, sizeof line, wanted, (int) getpid ());
  CHECK_STR (got, line);
  free (got);
}

/* U-17 */
TEST (the_console_gets_plain_lines)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_log_enable (ctx, nopoll_true);
  prints (ctx, NOPOLL_LEVEL_DEBUG, "(proc %d): (debug)file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_WARNING, "(proc %d): (warning)file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_CRITICAL, "(proc %d): (critical) file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_INFO, "(proc %d): file.c:12 message 7\n");
  prints (ctx, (noPollDebugLevel) 99, "(proc %d): file.c:12 message 7\n");
  prints (ctx, (noPollDebugLevel) -1, "(proc %d): file.c:12 message 7\n");
  nopoll_ctx_unref (ctx);
}

TEST (the_console_gets_coloured_lines)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_log_enable (ctx, nopoll_true);
  nopoll_log_color_enable (ctx, nopoll_true);
  prints (ctx, NOPOLL_LEVEL_DEBUG,
          "\x1b[1;36m(proc %d)\x1b[0m: (\x1b[1;32mdebug\x1b[0m) file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_WARNING,
          "\x1b[1;36m(proc %d)\x1b[0m: (\x1b[1;33mwarning\x1b[0m) file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_CRITICAL,
          "\x1b[1;36m(proc %d)\x1b[0m: (\x1b[1;31mcritical\x1b[0m) file.c:12 message 7\n");
  prints (ctx, NOPOLL_LEVEL_INFO, "\x1b[1;36m(proc %d)\x1b[0m: file.c:12 message 7\n");
  nopoll_ctx_unref (ctx);
}

TEST (the_console_gets_nothing_unless_switched_on)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  CHECK_INT (nopoll_log_is_enabled (ctx), 0);
  CHECK_INT (nopoll_log_color_is_enabled (ctx), 0);
  prints (ctx, NOPOLL_LEVEL_CRITICAL, "");
  nopoll_log_color_enable (ctx, nopoll_true);
  prints (ctx, NOPOLL_LEVEL_CRITICAL, "");
  nopoll_log_color_enable (ctx, nopoll_false);
  nopoll_log_enable (ctx, nopoll_true);
  prints (ctx, NOPOLL_LEVEL_CRITICAL, "(proc %d): (critical) file.c:12 message 7\n");
  nopoll_log_enable (ctx, nopoll_false);
  prints (ctx, NOPOLL_LEVEL_CRITICAL, "");
  prints (NULL, NOPOLL_LEVEL_CRITICAL, "");
  nopoll_ctx_unref (ctx);
}

/* U-16 */
TEST (switches_read_back_what_was_stored)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_log_enable (ctx, 7);
  nopoll_log_color_enable (ctx, -3);
  CHECK_INT (nopoll_log_is_enabled (ctx), 7);
  CHECK_INT (nopoll_log_color_is_enabled (ctx), -3);
  nopoll_log_enable (NULL, 1);
  nopoll_log_color_enable (NULL, 1);
  CHECK_INT (nopoll_log_is_enabled (NULL), 0);
  CHECK_INT (nopoll_log_color_is_enabled (NULL), 0);
  nopoll_ctx_unref (ctx);
}

TEST (switches_are_each_contexts_own)
{
  noPollCtx *loud = nopoll_ctx_new ();
  noPollCtx *quiet = nopoll_ctx_new ();

  nopoll_log_enable (loud, nopoll_true);
  prints (quiet, NOPOLL_LEVEL_CRITICAL, "");
  prints (loud, NOPOLL_LEVEL_DEBUG, "(proc %d): (debug)file.c:12 message 7\n");
  nopoll_ctx_unref (loud);
  nopoll_ctx_unref (quiet);
}

TEST (lines_keep_their_place_among_the_programs_own)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char wanted[128];
  char *got;

  nopoll_log_enable (ctx, nopoll_true);
  capture_begin ();
  printf ("before, ");
  __nopoll_log (ctx, "f", "a.c", 1, NOPOLL_LEVEL_CRITICAL, "record");
  printf ("after");
  got = capture_end ();
  snprintf (wanted, sizeof wanted, "before, (proc %d): (critical) a.c:1 record\nafter",
            (int) getpid ());
  CHECK_STR (got, wanted);
  free (got);
  nopoll_ctx_unref (ctx);
}

TEST (lines_are_out_at_once)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char wanted[128];
  char *got;

  nopoll_log_enable (ctx, nopoll_true);
  capture_begin ();
  setvbuf (stdout, NULL, _IOFBF, BUFSIZ);
  if (fork () == 0) {
    __nopoll_log (ctx, "f", "a.c", 1, NOPOLL_LEVEL_WARNING, "%d", (int) getpid ());
    _exit (0);   /* flushes nothing */
  }
  wait (NULL);
  setvbuf (stdout, NULL, _IOLBF, 0);
  got = capture_end ();
  /* The child's own process id. */
  CHECK (strlen (got) > 24);
  snprintf (wanted, sizeof wanted, "(proc %d): (warning)a.c:1 %d\n", atoi (got + 6),
            atoi (got + 6));
  CHECK_STR (got, wanted);
  CHECK (atoi (got + 6) != (int) getpid ());
  free (got);
  nopoll_ctx_unref (ctx);
}

struct heard {
  noPollCtx *ctx;
  noPollDebugLevel level;
  noPollPtr data;
  char line[256];
  int count;
};

static struct heard heard;

static void hear (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  heard.ctx = ctx;
  heard.level = level;
  heard.data = data;
  snprintf (heard.line, sizeof heard.line, "%s", line);
  heard.count++;
}

TEST (a_handler_gets_place_and_text_and_one_blank)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int data, level;

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear, &data);
  for (level = 0; level < 5; level++) {
    __nopoll_log (ctx, "function", "dir/file.c", 12, (noPollDebugLevel) level, "%s-%d", "text", 5);
    CHECK_STR (heard.line, "dir/file.c:12 text-5 ");
    CHECK (heard.ctx == ctx);
    CHECK (heard.data == &data);
    CHECK_INT (heard.level, level);
    CHECK_INT (heard.count, level + 1);
  }
  __nopoll_log (ctx, NULL, "f", -1, NOPOLL_LEVEL_DEBUG, "");
  CHECK_STR (heard.line, "f:-1  ");
  __nopoll_log (ctx, NULL, NULL, 0, NOPOLL_LEVEL_DEBUG, NULL);
  CHECK_STR (heard.line, "(null):0 (null) ");
  __nopoll_log (ctx, NULL, "f", 1, NOPOLL_LEVEL_DEBUG, "%s", (char *) NULL);
  CHECK_STR (heard.line, "f:1 (null) ");
  nopoll_ctx_unref (ctx);
}

TEST (a_handler_gets_records_instead_of_the_console)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear, NULL);
  prints (ctx, NOPOLL_LEVEL_DEBUG, "");
  CHECK_INT (heard.count, 1);
  nopoll_log_enable (ctx, nopoll_true);
  prints (ctx, NOPOLL_LEVEL_DEBUG, "");
  CHECK_INT (heard.count, 2);
  nopoll_log_set_handler (ctx, NULL, &heard);
  prints (ctx, NOPOLL_LEVEL_DEBUG, "(proc %d): (debug)file.c:12 message 7\n");
  nopoll_log_enable (ctx, nopoll_false);
  prints (ctx, NOPOLL_LEVEL_DEBUG, "");
  CHECK_INT (heard.count, 2);
  nopoll_ctx_unref (ctx);
}

TEST (records_take_any_number_of_arguments)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear, NULL);
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG,
                "%d %s %.1f %ld %d %d %d %d %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %d %s", 1, "2",
                3.0, 4L, 5, 6, 7, 8, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17, "18");
  CHECK_STR (heard.line, "f:1 1 2 3.0 4 5 6 7 8 9.0 10.0 11.0 12.0 13.0 14.0 15.0 16.0 17 18 ");
  nopoll_ctx_unref (ctx);
}

/* U-19 */
TEST (a_record_that_can_not_be_formatted_is_still_a_record)
{
  static const wchar_t not_a_character[] = { 0x7fffffff, 0 };
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear, NULL);
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG, "text %ls", not_a_character);
  CHECK_INT (heard.count, 1);
  CHECK_STR (heard.line, "f:1 (null) ");
  CHECK (nopoll_strdup_printf ("text %ls", not_a_character) == NULL);
  nopoll_ctx_unref (ctx);
}

static size_t heard_size;

static void measure (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  heard_size = strlen (line);
}

TEST (records_have_any_length)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char *text = (char *) malloc (200001);
  char *got;

  memset (text, 'x', 200000);
  text[200000] = 0;
  nopoll_log_set_handler (ctx, measure, NULL);
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG, "%s", text);
  CHECK_INT (heard_size, 200000 + 5);
  nopoll_log_set_handler (ctx, NULL, NULL);
  nopoll_log_enable (ctx, nopoll_true);
  capture_begin ();
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG, "%s", text);
  got = capture_end ();
  CHECK (strlen (got) > 200000);
  CHECK_INT (got[strlen (got) - 1], '\n');
  free (got);
  free (text);
  nopoll_ctx_unref (ctx);
}

TEST (the_librarys_own_records_name_a_bare_file_and_a_line)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  char name[64];
  int line;

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear, NULL);
  nopoll_ctx_set_max_frame_size (ctx, -1);
  CHECK_INT (heard.count, 1);
  CHECK_INT (heard.level, NOPOLL_LEVEL_CRITICAL);
  CHECK_INT (sscanf (heard.line, "%63[A-Za-z0-9_.]:%d ", name, &line), 2);
  CHECK (line > 0);
  CHECK_INT (heard.line[strlen (heard.line) - 1], ' ');
  CHECK (strchr (heard.line, '\n') == NULL);
  nopoll_ctx_unref (ctx);
}

static void hear_again (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  if (heard.count++ < 3)
    nopoll_ctx_set_max_frame_size (ctx, 0);
}

TEST (a_handler_that_causes_a_record_is_entered_again)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, hear_again, NULL);
  nopoll_ctx_set_max_frame_size (ctx, 0);
  CHECK_INT (heard.count, 4);
  nopoll_ctx_unref (ctx);
}

static void replace_itself (noPollCtx *ctx, noPollDebugLevel level, const char *line,
                            noPollPtr data)
{
  nopoll_log_set_handler (ctx, hear, data);
  heard.count += 10;
}

TEST (a_handler_may_replace_itself)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  memset (&heard, 0, sizeof heard);
  nopoll_log_set_handler (ctx, replace_itself, NULL);
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG, "a");
  CHECK_INT (heard.count, 10);
  __nopoll_log (ctx, "f", "f", 1, NOPOLL_LEVEL_DEBUG, "b");
  CHECK_INT (heard.count, 11);
  CHECK_STR (heard.line, "f:1 b ");
  nopoll_ctx_unref (ctx);
}

#define WRITERS 4
#define LINES 200

static void *write_lines (void *data)
{
  noPollCtx *ctx = (noPollCtx *) data;
  int i;

  for (i = 0; i < LINES; i++)
    __nopoll_log (ctx, "f", "thread.c", i, NOPOLL_LEVEL_CRITICAL, "%s and %d", "one line", i);
  return NULL;
}

static void write_from_threads (noPollCtx *ctx)
{
  pthread_t threads[WRITERS];
  int i;

  for (i = 0; i < WRITERS; i++)
    if (pthread_create (&threads[i], NULL, write_lines, ctx) != 0)
      abort ();
  for (i = 0; i < WRITERS; i++)
    pthread_join (threads[i], NULL);
}

TEST (lines_of_several_threads_stay_whole)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  int counts[LINES];
  char *got, *line;
  int i, pid, first, second, used, total = 0;

  memset (counts, 0, sizeof counts);
  nopoll_log_enable (ctx, nopoll_true);
  capture_begin ();
  write_from_threads (ctx);
  got = capture_end ();
  for (line = strtok (got, "\n"); line != NULL; line = strtok (NULL, "\n"), total++) {
    used = 0;
    CHECK_INT (sscanf (line, "(proc %d): (critical) thread.c:%d one line and %d%n", &pid, &first,
                       &second, &used), 3);
    CHECK_INT (used, strlen (line));
    CHECK_INT (first, second);
    counts[first]++;
  }
  CHECK_INT (total, WRITERS * LINES);
  for (i = 0; i < LINES; i++)
    CHECK_INT (counts[i], WRITERS);
  free (got);
  nopoll_ctx_unref (ctx);
}

static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static int whole;

static void count_whole (noPollCtx *ctx, noPollDebugLevel level, const char *line, noPollPtr data)
{
  int first, second, used = 0;

  if (sscanf (line, "thread.c:%d one line and %d %n", &first, &second, &used) == 2
      && first == second && (size_t) used == strlen (line)) {
    pthread_mutex_lock (&count_lock);
    whole++;
    pthread_mutex_unlock (&count_lock);
  }
}

TEST (a_handler_serves_several_threads)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_log_set_handler (ctx, count_whole, NULL);
  write_from_threads (ctx);
  CHECK_INT (whole, WRITERS * LINES);
  nopoll_ctx_unref (ctx);
}

static int nothing_if_negative (noPollCtx *ctx, int number)
{
  nopoll_return_val_if_fail (ctx, number >= 0, -1234);
  return number;
}

static void positive_only (noPollCtx *ctx, int number, int *done)
{
  nopoll_return_if_fail (ctx, number > 0);
  *done = 1;
}

/* U-15 */
TEST (return_if_fail_logs_and_returns)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  int done = 0;

  records_of (ctx, &records);
  CHECK_INT (nothing_if_negative (ctx, 5), 5);
  CHECK_INT (records.count, 0);
  CHECK_INT (nothing_if_negative (ctx, -1), -1234);
  CHECK_INT (records.count, 1);
  CHECK_INT (records.level, NOPOLL_LEVEL_CRITICAL);
  CHECK (strstr (records.last, "number >= 0") != NULL);
  CHECK (records_name (&records, "nothing_if_negative"));
  CHECK (records_name (&records, "logging.c"));
  CHECK (strstr (records.last, "-1234") != NULL);
  positive_only (ctx, 1, &done);
  CHECK_INT (done, 1);
  done = 0;
  positive_only (ctx, 0, &done);
  CHECK_INT (done, 0);
  CHECK_INT (records.count, 2);
  CHECK_INT (records.level, NOPOLL_LEVEL_CRITICAL);
  CHECK (strstr (records.last, "number > 0") != NULL);
  CHECK (records_name (&records, "positive_only"));
  /* Without a context only the return is left. */
  CHECK_INT (nothing_if_negative (NULL, -1), -1234);
  positive_only (NULL, 0, &done);
  CHECK_INT (done, 0);
  CHECK_INT (records.count, 2);
  nopoll_ctx_unref (ctx);
}

TEST (nopoll_log_is_nothing_unless_asked_for)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;
  int evaluated = 0;

  records_of (ctx, &records);
  nopoll_log (ctx, NOPOLL_LEVEL_DEBUG, "%d", evaluated++);
  CHECK_INT (records.count, 0);
  CHECK_INT (evaluated, 0);
  nopoll_ctx_unref (ctx);
}

TESTS (CASE (the_console_gets_plain_lines), CASE (the_console_gets_coloured_lines),
       CASE (the_console_gets_nothing_unless_switched_on),
       CASE (switches_read_back_what_was_stored), CASE (switches_are_each_contexts_own),
       CASE (lines_keep_their_place_among_the_programs_own), CASE (lines_are_out_at_once),
       CASE (a_handler_gets_place_and_text_and_one_blank),
       CASE (a_handler_gets_records_instead_of_the_console),
       CASE (records_take_any_number_of_arguments),
       CASE (a_record_that_can_not_be_formatted_is_still_a_record), CASE (records_have_any_length),
       CASE (the_librarys_own_records_name_a_bare_file_and_a_line),
       CASE (a_handler_that_causes_a_record_is_entered_again),
       CASE (a_handler_may_replace_itself), CASE (lines_of_several_threads_stay_whole),
       CASE (a_handler_serves_several_threads), CASE (return_if_fail_logs_and_returns),
       CASE (nopoll_log_is_nothing_unless_asked_for))
