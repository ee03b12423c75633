#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

static jmp_buf out;
static pthread_t runner;
static int running;
static int in_handler;
static volatile int failures;
static const char *current = "(none)";

int check_slowness (void)
{
  const char *text = getenv ("CHECK_SLOWNESS");
  int factor = text ? atoi (text) : 1;

  return factor > 0 ? factor : 1;
}

static void out_of_time (int sig)
{
  static const char text[] = "\nout of time in ";
  ssize_t ignored;

  (void) sig;
  ignored = write (2, text, sizeof text - 1);
  ignored = write (2, current, strlen (current));
  ignored = write (2, "\n", 1);
  (void) ignored;
  _exit (3);
}

void check_guard (int seconds)
{
  signal (SIGALRM, out_of_time);
  alarm ((unsigned) (seconds * check_slowness ()));
}

void check_enter_handler (void) { in_handler++; }
void check_leave_handler (void) { in_handler--; }

void check_fail (const char *file, int line, const char *format, ...)
{
  va_list args;
  const char *name = strrchr (file, '/');

  printf ("  %s:%d: ", name ? name + 1 : file, line);
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  printf ("\n");
  fflush (stdout);
  failures++;
  if (running && in_handler == 0 && pthread_equal (pthread_self (), runner))
    longjmp (out, 1);
}

void check_int (const char *file, int line, const char *what, long got, long wanted)
{
  if (got != wanted)
    check_fail (file, line, "%s is %ld, not %ld", what, got, wanted);
}

void check_str (const char *file, int line, const char *what, const char *got, const char *wanted)
{
  if (got == NULL || wanted == NULL) {
    if (got != wanted)
      check_fail (file, line, "%s is %s, not %s", what, got ? got : "NULL",
                  wanted ? wanted : "NULL");
  } else if (strcmp (got, wanted) != 0) {
    check_fail (file, line, "%s is \"%s\", not \"%s\"", what, got, wanted);
  }
}

static void print_bytes (const char *label, const void *data, long size)
{
  const unsigned char *bytes = (const unsigned char *) data;
  long i;

  printf ("    %s %ld:", label, size);
  for (i = 0; i < size && i < 48; i++)
    printf (" %02x", bytes[i]);
  printf ("%s\n", size > 48 ? " ..." : "");
}

void check_mem (const char *file, int line, const char *what, const void *got, long got_size,
                const void *wanted, long wanted_size)
{
  if (got_size == wanted_size
      && (got_size == 0 || memcmp (got, wanted, (size_t) got_size) == 0))
    return;
  print_bytes ("got", got, got_size);
  print_bytes ("not", wanted, wanted_size);
  check_fail (file, line, "%s differs", what);
}

static int wanted (int argc, char **argv, const char *name)
{
  int i;

  for (i = 1; i < argc; i++)
    if (strcmp (argv[i], name) == 0)
      return 1;
  return argc < 2;
}

int check_alone (void (*run) (void *), void *data)
{
  failures = 0;
  in_handler = 0;
  runner = pthread_self ();
  running = 1;
  if (setjmp (out) == 0)
    run (data);
  running = 0;
  return failures ? 1 : 0;
}

int check_main (int argc, char **argv, const struct check_case *cases, int count)
{
  volatile int i, passed = 0, failed = 0;

  setvbuf (stdout, NULL, _IOLBF, 0);
  runner = pthread_self ();
  for (i = 0; i < count; i++) {
    if (!wanted (argc, argv, cases[i].name))
      continue;
    failures = 0;
    in_handler = 0;
    current = cases[i].name;
    check_guard (60);
    running = 1;
    if (setjmp (out) == 0)
      cases[i].run ();
    running = 0;
    if (failures == 0) {
      passed++;
      printf ("ok   %s\n", cases[i].name);
    } else {
      failed++;
      printf ("FAIL %s\n", cases[i].name);
    }
  }
  alarm (0);
  printf ("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
