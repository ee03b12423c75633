/* Utilities: strings, base64, random bytes, bits, time, memory, the mutex indirection. */
#include <nopoll.h>

#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "support/check.h"
#include "support/records.h"

/* Bytes without a terminator, in a block of exactly their size: reading past it is noticed. */
static char *exactly (const char *bytes, size_t size)
{
  char *block = (char *) malloc (size);

  memcpy (block, bytes, size);
  return block;
}

TEST (strings_are_equal_or_not)
{
  CHECK_INT (nopoll_cmp (NULL, NULL), 1);
  CHECK_INT (nopoll_cmp ("", ""), 1);
  CHECK_INT (nopoll_cmp ("abc", "abc"), 1);
  CHECK_INT (nopoll_cmp ("abc", "ABC"), 0);
  CHECK_INT (nopoll_cmp ("abc", "ab"), 0);
  CHECK_INT (nopoll_cmp ("abc", NULL), 0);
  CHECK_INT (nopoll_cmp (NULL, ""), 0);
}

/* U-03 */
TEST (beginnings_match_only_when_both_are_long_enough)
{
  CHECK_INT (nopoll_ncmp ("abcd", "abce", 3), 1);
  CHECK_INT (nopoll_ncmp ("abcd", "abce", 4), 0);
  CHECK_INT (nopoll_ncmp ("abc", "abc", 3), 1);
  CHECK_INT (nopoll_ncmp ("abc", "abc", 4), 0);
  CHECK_INT (nopoll_ncmp ("", "", 1), 0);
  CHECK_INT (nopoll_ncmp ("a", "a", INT_MAX), 0);
  CHECK_INT (nopoll_ncmp (NULL, NULL, 1), 1);
  CHECK_INT (nopoll_ncmp (NULL, NULL, 0), 0);
  CHECK_INT (nopoll_ncmp ("a", "a", 0), 0);
  CHECK_INT (nopoll_ncmp ("a", "a", -1), 0);
  CHECK_INT (nopoll_ncmp ("a", NULL, 1), 0);
  CHECK_INT (nopoll_ncmp (NULL, "a", 1), 0);
}

TEST (comparing_beginnings_reads_no_further)
{
  char *first = exactly ("abc", 3);
  char *second = exactly ("abcd", 4);
  char *ended = exactly ("ab", 3);

  CHECK_INT (nopoll_ncmp (first, second, 3), 1);
  CHECK_INT (nopoll_ncmp (second, ended, 4), 0);
  free (first);
  free (second);
  free (ended);
}

TEST (memory_is_the_c_librarys)
{
  char *block = (char *) nopoll_calloc (3, 5);
  int *numbers;
  int i;

  for (i = 0; i < 15; i++)
    CHECK_INT (block[i], 0);
  memcpy (block, "kept", 5);
  block = (char *) nopoll_realloc (block, 4096);
  CHECK_STR (block, "kept");
  free (block);
  block = (char *) malloc (4);
  nopoll_free (block);
  nopoll_free (NULL);
  block = nopoll_strdup ("copy");
  CHECK_STR (block, "copy");
  free (block);
  CHECK (nopoll_strdup (NULL) == NULL);
  block = (char *) nopoll_realloc (NULL, 7);
  CHECK (block != NULL);
  nopoll_free (block);
  numbers = nopoll_new (int, 4);
  CHECK_INT (numbers[0] | numbers[1] | numbers[2] | numbers[3], 0);
  nopoll_free (numbers);
}

TEST (too_much_memory_is_null_and_loses_nothing)
{
  volatile size_t huge = (size_t) LONG_MAX + 1;   /* no compiler knows better */
  char *block, *same;

  if (check_slowness () > 1)
    return;   /* the tools think that it is a mistake */
  CHECK (nopoll_calloc (huge, 2) == NULL);
  block = nopoll_strdup ("still here");
  same = (char *) nopoll_realloc (block, huge);
  CHECK (same == NULL);
  CHECK_STR (block, "still here");
  nopoll_free (block);
}

TEST (formatting_takes_any_number_of_arguments)
{
  char *text = nopoll_strdup_printf ("%d %d %d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8,
                                     9, 10, 11, 12);

  CHECK_STR (text, "1 2 3 4 5 6 7 8 9 10 11 12");
  free (text);
  text = nopoll_strdup_printf ("%.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f", 0.5,
                               1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5);
  CHECK_STR (text, "0.5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 10.5 11.5");
  nopoll_free (text);
  text = nopoll_strdup_printf ("%s %d %.2f %c %ld %lld %u %x %.3Lf %zu %5d|%-5s|%*d %.*s %p%%", "s", -1,
                               2.25, 'c', LONG_MIN, LLONG_MAX, UINT_MAX, 0xbeefu, 1.125L,
                               (size_t) 42, 7, "l", 4, 9, 2, "cut", NULL);
  CHECK_STR (text, "s -1 2.25 c -9223372036854775808 9223372036854775807 4294967295 beef 1.125 42 "
             "    7|l    |   9 cu (nil)%");
  free (text);
  text = nopoll_strdup_printf ("%f %d %f %d %f %d %f %d %f %d %f %d %f %d %f %d %f %d", 1.0, 1, 2.0,
                               2, 3.0, 3, 4.0, 4, 5.0, 5, 6.0, 6, 7.0, 7, 8.0, 8, 9.0, 9);
  CHECK_STR (text, "1.000000 1 2.000000 2 3.000000 3 4.000000 4 5.000000 5 6.000000 6 7.000000 7 "
             "8.000000 8 9.000000 9");
  free (text);
}

#if defined(__x86_64__)
TEST (formatting_takes_more_arguments_than_anybody_writes)
{
#define TEN(f) f f f f f f f f f f
#define NUMBERS(n) n + 0, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9
  static const char format[] =
    TEN ("%d ") TEN ("%.0f ") TEN ("%.0Lf ") TEN ("%d ") TEN ("%.0f ") TEN ("%ld ") "%s";
  char wanted[1024];
  char *text;

  snprintf (wanted, sizeof wanted, format, NUMBERS (0), NUMBERS (10.0), NUMBERS (20.0L),
            NUMBERS (30), NUMBERS (40.0), NUMBERS (50L), "end");
  text = nopoll_strdup_printf (format, NUMBERS (0), NUMBERS (10.0), NUMBERS (20.0L), NUMBERS (30),
                               NUMBERS (40.0), NUMBERS (50L), "end");
  CHECK_STR (text, wanted);
  CHECK (strstr (text, " 59 end") != NULL);
  free (text);
}
#else
TEST (formatting_takes_more_arguments_than_anybody_writes) { }
#endif

TEST (formatting_without_arguments_or_without_a_format)
{
  char *text = nopoll_strdup_printf ("plain");

  CHECK_STR (text, "plain");
  free (text);
  text = nopoll_strdup_printf ("%s", "");
  CHECK_STR (text, "");
  free (text);
  text = nopoll_strdup_printf ("[%s]", (char *) NULL);
  CHECK_STR (text, "[(null)]");
  free (text);
  CHECK (nopoll_strdup_printf (NULL) == NULL);
  CHECK (nopoll_strdup_printf (NULL, 1, 2.0, "x") == NULL);
}

TEST (formatted_text_has_any_length)
{
  size_t size = 300000;
  char *long_text = (char *) malloc (size + 1);
  char *text;

  memset (long_text, 'x', size);
  long_text[size] = 0;
  text = nopoll_strdup_printf ("<%s>", long_text);
  CHECK_INT (strlen (text), size + 2);
  CHECK_MEM (text + 1, size, long_text, size);
  CHECK_INT (text[size + 1], '>');
  free (text);
  free (long_text);
}

static void format_twice (char **text, int *size, const char *format, ...)
{
  va_list args, again;

  va_start (args, format);
  va_copy (again, args);
  *text = nopoll_strdup_printfv (format, args);
  *size = nopoll_vprintf_len (format, again);
  va_end (again);
  va_end (args);
}

TEST (argument_lists_can_be_passed_on)
{
  char *text;
  int size;

  format_twice (&text, &size, "%d %s %.1f %ld %d %d %d %d %.1f %s", 1, "two", 3.0, 4L, 5, 6, 7, 8,
                9.5, "ten");
  CHECK_STR (text, "1 two 3.0 4 5 6 7 8 9.5 ten");
  CHECK_INT (size, (long) strlen (text) + 1);
  free (text);
  format_twice (&text, &size, NULL);
  CHECK (text == NULL);
  CHECK_INT (size, 0);
  format_twice (&text, &size, "");
  CHECK_STR (text, "");
  CHECK_INT (size, 1);
  free (text);
}

TEST (white_space_is_four_bytes)
{
  char text[2] = { 0, 0 };
  int byte;

  for (byte = 1; byte < 256; byte++) {
    text[0] = (char) byte;
    CHECK_INT (nopoll_is_white_space (text),
               byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r');
  }
  text[0] = 0;
  CHECK_INT (nopoll_is_white_space (text), 0);
  CHECK_INT (nopoll_is_white_space (NULL), 0);
}

TEST (trimming_removes_both_ends)
{
  static const struct { const char *text, *rest; int removed; } cases[] = {
    { "", "", 0 }, { " \t\r\n ", "", 5 }, { " a b ", "a b", 2 }, { "ab", "ab", 0 },
    { "\n\nab", "ab", 2 }, { "ab\r\n", "ab", 2 }, { "\va\f", "\va\f", 0 }, { "a", "a", 0 },
    { " ", "", 1 }, { "\xff ", "\xff", 1 }
  };
  unsigned i;
  int removed;

  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = strdup (cases[i].text);

    removed = -7;
    nopoll_trim (text, &removed);
    CHECK_STR (text, cases[i].rest);
    CHECK_INT (removed, cases[i].removed);
    free (text);
    text = strdup (cases[i].text);
    nopoll_trim (text, NULL);
    CHECK_STR (text, cases[i].rest);
    free (text);
  }
  removed = -7;
  nopoll_trim (NULL, &removed);
  CHECK_INT (removed, -7);
}

/* U-04 */
TEST (base64_text_comes_in_lines_of_64)
{
  static const struct { int bytes, room; } cases[] = {
    { 1, 5 }, { 2, 5 }, { 3, 5 }, { 16, 25 }, { 20, 29 }, { 48, 65 }, { 49, 70 }, { 96, 130 },
    { 97, 135 }, { 1000, 1357 }
  };
  char content[1000];
  unsigned i;

  memset (content, 'M', sizeof content);
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int room = cases[i].room, size = room, at;
    char *text = (char *) malloc ((size_t) room);

    CHECK_INT (nopoll_base64_encode (content, cases[i].bytes, text, &size), 1);
    CHECK_INT (size, room);
    CHECK_INT (strlen (text), room - 1);
    for (at = 0; at < room - 1; at++)
      CHECK_INT (text[at] == '\n', at % 65 == 64);
    free (text);
  }
}

/* U-05, U-06 */
TEST (base64_text_that_does_not_fit_names_the_size_needed)
{
  static const int rooms[] = { 24, 1, 0, -1, INT_MIN };
  char text[25];
  unsigned i;

  for (i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
    int size = rooms[i];

    memset (text, '?', sizeof text);
    CHECK_INT (nopoll_base64_encode ("0123456789abcdef", 16, text, &size), 0);
    CHECK_INT (size, 25);
    CHECK_INT (text[0], '?');
  }
}

TEST (base64_of_nothing_is_refused)
{
  char text[8] = "?";
  int size = 8;

  CHECK_INT (nopoll_base64_encode ("a", 0, text, &size), 0);
  CHECK_INT (nopoll_base64_encode ("a", -1, text, &size), 0);
  CHECK_INT (nopoll_base64_decode ("YQ==", 0, text, &size), 0);
  CHECK_INT (nopoll_base64_decode ("YQ==", -1, text, &size), 0);
  CHECK_INT (size, 8);
  CHECK_STR (text, "?");
  size = 0;
  CHECK_INT (nopoll_base64_decode ("YQ==", 4, text, &size), 0);
  CHECK_INT (size, 0);
  size = -1;
  CHECK_INT (nopoll_base64_decode ("YQ==", 4, text, &size), 0);
  CHECK_INT (size, -1);
  CHECK_STR (text, "?");
}

TEST (base64_needs_no_terminator)
{
  char *content = exactly ("\0\xff\x10", 3);
  char *text = exactly ("AP8Q", 4);
  char out[8];
  int size = sizeof out;

  CHECK_INT (nopoll_base64_encode (content, 3, out, &size), 1);
  CHECK_STR (out, "AP8Q");
  CHECK_INT (nopoll_base64_decode (text, 4, out, &size), 1);
  CHECK_MEM (out, size, "\0\xff\x10", 3);
  free (content);
  free (text);
}

static void decodes (const char *text, int room, int result, const char *bytes, int count)
{
  char *out = (char *) malloc ((size_t) room);
  int size = room;

  memset (out, '?', (size_t) room);
  CHECK_INT (nopoll_base64_decode (text, (int) strlen (text), out, &size), result);
  CHECK_MEM (out, size, bytes, count);
  CHECK_INT (out[size], 0);
  free (out);
}

/* U-08, U-09 */
TEST (base64_decodes_canonical_text)
{
  decodes ("TWFu", 16, 1, "Man", 3);
  decodes ("TWFuTQ==", 16, 1, "ManM", 4);
  decodes ("TWFuTWE=", 16, 1, "ManMa", 5);
  decodes ("TWFu\r\n \t", 16, 1, "Man", 3);
  decodes ("TWFu====", 16, 1, "Man", 3);
  decodes ("+/+/", 16, 1, "\xfb\xff\xbf", 3);
  /* Incomplete groups are dropped. */
  decodes ("TWFuTQ=", 16, 1, "Man", 3);
  decodes ("TWFuTQ", 16, 1, "Man", 3);
  decodes ("TWFuT", 16, 1, "Man", 3);
  decodes ("TWF", 16, 0, "", 0);
  decodes ("T", 16, 0, "", 0);
  decodes ("=", 16, 0, "", 0);
  /* Line ends within. */
  decodes ("TW\nFu\r\nTWFu", 16, 1, "ManMan", 6);
}

TEST (base64_refuses_other_characters)
{
  decodes (" TWFu", 16, 0, "", 0);
  decodes ("TW Fu", 16, 0, "", 0);
  decodes ("TW-u", 16, 0, "", 0);
  decodes ("TW_u", 16, 0, "", 0);
  decodes ("TWFu.", 16, 0, "", 0);
  decodes ("TW\xc3\xa9u", 16, 0, "", 0);
  decodes ("\n", 16, 0, "", 0);
}

/* U-07 */
TEST (base64_bytes_that_do_not_fit_are_cut)
{
  decodes ("TWFuTWFu", 7, 1, "ManMan", 6);
  decodes ("TWFuTWFu", 6, 1, "ManMa", 5);
  decodes ("TWFuTWFu", 2, 1, "M", 1);
  decodes ("TWFuTWFu", 1, 0, "", 0);
}

/* U-10 */
TEST (base64_with_an_error_late_in_the_text_is_refused_whole)
{
  char text[4001], out[4000];
  int size = sizeof out;

  memset (text, 'A', 4000);
  text[3999] = '*';
  text[4000] = 0;
  CHECK_INT (nopoll_base64_decode (text, 4000, out, &size), 0);
  CHECK_INT (size, 0);
}

TEST (base64_decodes_what_it_encoded)
{
  char content[300], text[500], out[301];
  int length;

  for (length = 1; length <= 300; length++) {
    int size = sizeof text, back = sizeof out;

    CHECK_INT (nopoll_nonce (content, length), 1);
    CHECK_INT (nopoll_base64_encode (content, length, text, &size), 1);
    CHECK_INT (nopoll_base64_decode (text, (int) strlen (text), out, &back), 1);
    CHECK_MEM (out, back, content, length);
  }
}

/* U-13, Q16, M-24 */
TEST (random_bytes_are_the_systems)
{
  char bytes[4096], more[4096];
  unsigned char seen[8] = { 0, 0, 0, 0, 0, 0, 0, 0 };
  int i, first, second;

  srandom (7);
  first = (int) random ();
  srandom (7);
  CHECK_INT (nopoll_nonce (bytes, sizeof bytes), 1);
  second = (int) random ();
  CHECK_INT (second, first);
  for (i = 0; i < 4096; i++)
    seen[i % 8] |= (unsigned char) bytes[i];
  for (i = 0; i < 8; i++)
    CHECK_INT (seen[i], 255);
  CHECK_INT (nopoll_nonce (more, sizeof more), 1);
  CHECK (memcmp (bytes, more, sizeof bytes) != 0);
}

TEST (random_bytes_fill_exactly_what_was_asked_for)
{
  char bytes[64];
  int size, round, i, changed;

  for (size = 1; size < 20; size++) {
    for (changed = 0, round = 0; round < 100; round++) {
      memset (bytes, '?', sizeof bytes);
      CHECK_INT (nopoll_nonce (bytes, size), 1);
      changed |= bytes[size - 1] != '?';
      for (i = size; i < (int) sizeof bytes; i++)
        CHECK_INT (bytes[i], '?');
    }
    CHECK (changed);
  }
  memset (bytes, '?', sizeof bytes);
  CHECK_INT (nopoll_nonce (bytes, 0), 0);
  CHECK_INT (nopoll_nonce (bytes, -5), 0);
  CHECK_INT (nopoll_nonce (NULL, 8), 0);
  CHECK_INT (bytes[0], '?');
}

TEST (bits_are_read_and_set)
{
  char byte[2] = { 0, 0 };
  int position;

  for (position = 0; position < 8; position++) {
    CHECK_INT (nopoll_get_bit ((char) (1 << position), position), 1);
    CHECK_INT (nopoll_get_bit ((char) ~(1 << position), position), 0);
  }
  CHECK_INT (nopoll_get_bit ((char) 0xff, 8), 0);
  CHECK_INT (nopoll_get_bit ((char) 0xff, -1), 0);
  nopoll_set_bit (byte, 0);
  nopoll_set_bit (byte, 7);
  nopoll_set_bit (byte, 7);
  CHECK_INT ((unsigned char) byte[0], 0x81);
  nopoll_set_bit (byte, 8);
  nopoll_set_bit (byte, -1);
  nopoll_set_bit (byte, INT_MAX);
  CHECK_INT ((unsigned char) byte[0], 0x81);
  CHECK_INT (byte[1], 0);
}

TEST (numbers_are_stored_in_network_order)
{
  static const int values[] = { 0, 1, -1, 255, 256, 65535, 65536, 0x12345678, INT_MAX, INT_MIN };
  char buffer[8];
  unsigned i, at;

  for (i = 0; i < sizeof values / sizeof values[0]; i++)
    for (at = 0; at < 4; at++) {
      memset (buffer, '?', sizeof buffer);
      nopoll_set_32bit (values[i], buffer + at);
      CHECK_INT (nopoll_get_32bit (buffer + at), values[i]);
      CHECK_INT (nopoll_get_8bit (buffer + at), (unsigned) values[i] >> 24);
      CHECK_INT (buffer[at + 4], '?');
      nopoll_set_16bit (values[i], buffer + at);
      CHECK_INT (nopoll_get_16bit (buffer + at), values[i] & 0xffff);
      CHECK_INT (nopoll_get_8bit (buffer + at + 1), values[i] & 0xff);
    }
  nopoll_set_32bit (0x12345678, buffer);
  CHECK_MEM (buffer, 4, "\x12\x34\x56\x78", 4);
}

/* U-14 */
TEST (binary_digits_go_to_the_end_of_the_buffer)
{
  static const char one[] = "00000000000000000000000000000101";
  char buffer[42];

  memset (buffer, '?', sizeof buffer);
  CHECK (nopoll_int2bin (5, buffer, 40) == buffer + 7);
  CHECK_MEM (buffer, 8, "????????", 8);
  CHECK_MEM (buffer + 8, 32, one, 32);
  CHECK_MEM (buffer + 40, 2, "??", 2);
  CHECK (nopoll_int2bin (-1, buffer, 32) + 1 == buffer);
  CHECK_MEM (buffer, 32, "11111111111111111111111111111111", 32);
  memset (buffer, '?', sizeof buffer);
  CHECK (nopoll_int2bin (5, buffer, 31) == buffer);
  CHECK (nopoll_int2bin (5, buffer, -1) == buffer);
  CHECK (nopoll_int2bin (5, NULL, 40) == NULL);
  CHECK_INT (buffer[0], '?');
}

TEST (bits_are_logged_as_debug_records)
{
  noPollCtx *ctx = nopoll_ctx_new ();
  struct records records;

  records_of (ctx, &records);
  nopoll_show_byte (ctx, (char) 0xa1, "label");
  CHECK_INT (records.count, 1);
  CHECK_INT (records.level, NOPOLL_LEVEL_DEBUG);
  CHECK (records_name (&records, "label"));
  CHECK (records_name (&records, "10100001"));
  records_clear (&records);
  nopoll_int2bin_print (ctx, -2);
  CHECK_INT (records.count, 1);
  CHECK_INT (records.level, NOPOLL_LEVEL_DEBUG);
  CHECK (strstr (records.last, "-2") != NULL);
  CHECK (records_name (&records, "11111111111111111111111111111110"));
  nopoll_show_byte (ctx, 1, NULL);
  nopoll_show_byte (NULL, 1, "label");
  nopoll_int2bin_print (NULL, 1);
  CHECK_INT (records.count, 2);
  nopoll_ctx_unref (ctx);
}

/* U-11 */
TEST (sleeping_for_nothing_or_less_returns_at_once)
{
  nopoll_sleep (0);
  nopoll_sleep (-1);
  nopoll_sleep (LONG_MIN);
}

/* U-11 */
TEST (sleeping_for_long_does_not_end_early)
{
  pid_t child = fork ();

  CHECK (child >= 0);
  if (child == 0) {
    nopoll_sleep (0x100000000L + 1);
    _exit (0);
  }
  nopoll_sleep (100000);
  CHECK_INT (waitpid (child, NULL, WNOHANG), 0);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

TEST (sleeping_takes_at_least_as_long_as_asked)
{
  struct timespec before, after;

  clock_gettime (CLOCK_MONOTONIC, &before);
  nopoll_sleep (20000);
  clock_gettime (CLOCK_MONOTONIC, &after);
  CHECK ((after.tv_sec - before.tv_sec) * 1000000L + (after.tv_nsec - before.tv_nsec) / 1000
         >= 20000);
}

static void subtracts (struct timeval a, struct timeval b, long seconds, long micros, int negative)
{
  struct timeval result = { 77, 77 }, before = b;

  CHECK_INT (nopoll_timeval_substract (&a, &b, &result), negative);
  CHECK_INT (result.tv_sec, seconds);
  CHECK_INT (result.tv_usec, micros);
  CHECK_INT (b.tv_sec, before.tv_sec);
  CHECK_INT (b.tv_usec, before.tv_usec);
}

/* U-12 */
TEST (times_are_subtracted)
{
  struct timeval a = { 5, 200 }, b = { 5, 100 }, c = { 6, 100000 }, d = { 5, 900000 };

  subtracts (a, b, 0, 100, 0);
  subtracts (b, a, -1, 999900, 1);
  subtracts (a, a, 0, 0, 0);
  subtracts (c, d, 0, 200000, 0);
  subtracts (d, c, -1, 800000, 1);
  CHECK_INT (nopoll_timeval_substract (&c, &d, &c), 0);
  CHECK_INT (c.tv_sec, 0);
  CHECK_INT (c.tv_usec, 200000);
}

TEST (a_descriptor_is_valid_from_0_on)
{
  CHECK_INT (nopoll_socket_is_valid (0), 1);
  CHECK_INT (nopoll_socket_is_valid (2), 1);
  CHECK_INT (nopoll_socket_is_valid (INT_MAX), 1);
  CHECK_INT (nopoll_socket_is_valid (-1), 0);
  CHECK_INT (nopoll_socket_is_valid (-2), 0);
  CHECK_INT (nopoll_socket_is_valid (INT_MIN), 0);
}

TEST (cleaning_up_is_idempotent_and_ends_nothing)
{
  noPollCtx *ctx;
  char bytes[8];

  nopoll_cleanup_library ();
  nopoll_cleanup_library ();
  CHECK_INT (nopoll_nonce (bytes, 8), 1);
  ctx = nopoll_ctx_new ();
  nopoll_cleanup_library ();
  CHECK_INT (nopoll_ctx_ref_count (ctx), 1);
  nopoll_ctx_unref (ctx);
  nopoll_cleanup_library ();
}

/* The mutex indirection: what was called with what. */
static char called[64];
static noPollPtr with;
static int token;

static noPollPtr create_token (void) { strcat (called, "c"); return &token; }
static noPollPtr create_nothing (void) { strcat (called, "n"); return NULL; }
static void destroy_it (noPollPtr mutex) { strcat (called, "d"); with = mutex; }
static void lock_it (noPollPtr mutex) { strcat (called, "l"); with = mutex; }
static void unlock_it (noPollPtr mutex) { strcat (called, "u"); with = mutex; }

TEST (without_handlers_there_are_no_mutexes)
{
  CHECK (nopoll_mutex_create () == NULL);
  nopoll_mutex_lock (&token);
  nopoll_mutex_unlock (&token);
  nopoll_mutex_destroy (&token);
  nopoll_mutex_lock (NULL);
}

TEST (handlers_get_what_they_are_given)
{
  called[0] = 0;
  nopoll_thread_handlers (create_token, destroy_it, lock_it, unlock_it);
  CHECK (nopoll_mutex_create () == &token);
  nopoll_mutex_lock (&token);
  CHECK (with == &token);
  with = NULL;
  nopoll_mutex_unlock (&token);
  CHECK (with == &token);
  with = NULL;
  nopoll_mutex_destroy (&token);
  CHECK (with == &token);
  CHECK_STR (called, "clud");
  nopoll_mutex_lock (NULL);
  nopoll_mutex_unlock (NULL);
  nopoll_mutex_destroy (NULL);
  CHECK_STR (called, "clud");
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
}

TEST (handlers_are_looked_up_at_each_call)
{
  called[0] = 0;
  nopoll_thread_handlers (create_token, NULL, lock_it, NULL);
  CHECK (nopoll_mutex_create () == &token);
  nopoll_mutex_lock (&token);
  nopoll_mutex_unlock (&token);
  nopoll_mutex_destroy (&token);
  CHECK_STR (called, "cl");
  nopoll_thread_handlers (create_nothing, destroy_it, NULL, unlock_it);
  CHECK (nopoll_mutex_create () == NULL);
  nopoll_mutex_lock (&token);
  nopoll_mutex_unlock (&token);
  nopoll_mutex_destroy (&token);
  CHECK_STR (called, "clnud");
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
  nopoll_mutex_destroy (&token);
  CHECK_STR (called, "clnud");
}

TESTS (CASE (strings_are_equal_or_not), CASE (beginnings_match_only_when_both_are_long_enough),
       CASE (comparing_beginnings_reads_no_further), CASE (memory_is_the_c_librarys),
       CASE (too_much_memory_is_null_and_loses_nothing),
       CASE (formatting_takes_any_number_of_arguments),
       CASE (formatting_takes_more_arguments_than_anybody_writes),
       CASE (formatting_without_arguments_or_without_a_format),
       CASE (formatted_text_has_any_length), CASE (argument_lists_can_be_passed_on),
       CASE (white_space_is_four_bytes), CASE (trimming_removes_both_ends),
       CASE (base64_text_comes_in_lines_of_64),
       CASE (base64_text_that_does_not_fit_names_the_size_needed),
       CASE (base64_of_nothing_is_refused), CASE (base64_needs_no_terminator),
       CASE (base64_decodes_canonical_text), CASE (base64_refuses_other_characters),
       CASE (base64_bytes_that_do_not_fit_are_cut),
       CASE (base64_with_an_error_late_in_the_text_is_refused_whole),
       CASE (base64_decodes_what_it_encoded), CASE (random_bytes_are_the_systems),
       CASE (random_bytes_fill_exactly_what_was_asked_for), CASE (bits_are_read_and_set),
       CASE (numbers_are_stored_in_network_order),
       CASE (binary_digits_go_to_the_end_of_the_buffer), CASE (bits_are_logged_as_debug_records),
       CASE (sleeping_for_nothing_or_less_returns_at_once),
       CASE (sleeping_for_long_does_not_end_early),
       CASE (sleeping_takes_at_least_as_long_as_asked), CASE (times_are_subtracted),
       CASE (a_descriptor_is_valid_from_0_on), CASE (cleaning_up_is_idempotent_and_ends_nothing),
       CASE (without_handlers_there_are_no_mutexes), CASE (handlers_get_what_they_are_given),
       CASE (handlers_are_looked_up_at_each_call))
