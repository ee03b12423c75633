/*
 * check.h - a small test runner for the programs in tests/c.
 *
 * Each program defines its cases with TEST (name) and lists them in TESTS (...). It prints one
 * line per case and "N passed, N failed" at the end. A failed CHECK ends its case only. A program
 * that hangs is ended by an alarm: there are no other timing assertions.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct check_case {
  const char *name;
  void (*run) (void);
};

/* Runs the cases (all, or those named on the command line); the program's exit status. */
int check_main (int argc, char **argv, const struct check_case *cases, int count);
/* Reports a failure. Returns from the case when it is called on the case's own thread outside of a
 * handler; anywhere else the case goes on and is failed at its end. */
void check_fail (const char *file, int line, const char *format, ...)
  __attribute__ ((format (printf, 3, 4)));
void check_int (const char *file, int line, const char *what, long got, long wanted);
void check_str (const char *file, int line, const char *what, const char *got, const char *wanted);
void check_mem (const char *file, int line, const char *what, const void *got, long got_size,
                const void *wanted, long wanted_size);
/* Marks that the library is on the stack: failures inside don't jump out of it. */
void check_enter_handler (void);
void check_leave_handler (void);
/* Gives the rest of the program so many seconds more (times the factor for slow tools). */
void check_guard (int seconds);
/* Calls run as if it were a case, in a forked child; 0 when no CHECK failed. */
int check_alone (void (*run) (void *), void *data);
/* How many times slower than natively this runs; 1 without valgrind or sanitizers. */
int check_slowness (void);

#define TEST(name) static void name (void)
#define CASE(name) { #name, name }
#define TESTS(...) \
  int main (int argc, char **argv) { \
    static const struct check_case cases[] = { __VA_ARGS__ }; \
    return check_main (argc, argv, cases, (int) (sizeof cases / sizeof cases[0])); \
  }

/* The condition holds. */
#define CHECK(cond) \
  do { if (!(cond)) check_fail (__FILE__, __LINE__, "%s", #cond); } while (0)
/* Two integers are equal: what came out, and what should have. */
#define CHECK_INT(got, wanted) \
  check_int (__FILE__, __LINE__, #got, (long) (got), (long) (wanted))
/* Two strings are equal; NULL equals NULL only. */
#define CHECK_STR(got, wanted) check_str (__FILE__, __LINE__, #got, got, wanted)
/* Two memory blocks are equal. */
#define CHECK_MEM(got, got_size, wanted, wanted_size) \
  check_mem (__FILE__, __LINE__, #got, got, (long) (got_size), wanted, (long) (wanted_size))

#ifdef __cplusplus
}
#endif
#endif
