/*
 * Every exported function: with NULL for every pointer, about a connection in every state, and from
 * inside every callback. What comes out, errno included, is written down in table/.
 *
 * A new function needs one row in one of table/rows/:
 *
 *   FREE (name, call, NULLS (...), cell)    it takes no object of the library's, so that it may be
 *                                           called from mutex handlers, too
 *   ROW (name, call, NULLS (...), cell)     it takes objects, and a connection's state is nothing
 *                                           to it
 *   CONN (name, call, NULLS (...), cells)   it is about a connection: one cell per state
 *
 * The call is statements that return number (), text (), pointer () or what calls.h has; e is the
 * environment (env.h), P (i, value) the i-th pointer argument. NULLS has what comes out with NULL
 * for the first pointer alone, the second alone, ..., and, if there are several, for all of them.
 * What differs inside a callback goes into exceptions.def.
 */
#include "table/places.h"

static int filled (const struct want *cells, int most)
{
  int n = 0;

  while (n < most && cells[n].how != NOT_GIVEN)
    n++;
  return n;
}

static void call_in_state (const struct row *row, enum state state, unsigned nulls,
                           const char *where, struct want want)
{
  struct env e;
  struct got got;

  if (getenv ("TABLE_VERBOSE"))
    printf ("%s, %s\n", row->name, where);
  enter_state (&e, state);
  errno = BEFORE;
  got = row->call (&e, nulls);
  compare (row->name, where, got, want);
  env_end (&e);
}

/* U-20, M-23, M-33, M-42, L-39 */
TEST (null_pointers_are_never_followed)
{
  char where[32];
  int i, n, count;

  begin ();
  for (i = 0; i < ROWS; i++) {
    count = filled (rows[i].nulls, 12);
    check_guard (60);
    for (n = 0; n < count; n++) {
      int all = count > 1 && n == count - 1;

      snprintf (where, sizeof where, all ? "all NULL" : "pointer %d NULL", n);
      call_in_state (&rows[i], READY, all ? ~0u : 1u << n, where, rows[i].nulls[n]);
    }
  }
}

static void in_state (enum state state)
{
  int i;

  begin ();
  for (i = 0; i < ROWS; i++) {
    check_guard (60);
    if (rows[i].is_conn)
      call_in_state (&rows[i], state, 0, state_names[state], rows[i].cells[state]);
    else if (state == READY)
      call_in_state (&rows[i], state, 0, "called as meant", rows[i].cells[0]);
  }
}

TEST (a_client_without_an_answer) { in_state (FRESH); }
TEST (a_client_still_in_its_constructor) { in_state (CONNECTING); }
TEST (an_accepted_connection_without_a_request) { in_state (WAITING); }
TEST (a_ready_client_and_everything_else) { in_state (READY); }
TEST (a_ready_accepted_connection) { in_state (ACCEPTED); }
TEST (a_client_whose_peer_has_closed) { in_state (GONE); }
TEST (a_client_that_was_shut_down) { in_state (SHUT); }
TEST (a_client_that_was_closed_and_is_referenced) { in_state (CLOSED); }
/* L-34, L-35, M-17, Q21 */
TEST (a_listener) { in_state (LISTENER); }
TEST (a_client_whose_socket_was_taken_away) { in_state (DETACHED); }

TEST (inside_on_accept) { at_place (ON_ACCEPT, play, 1); }
/* L-12, L-14, Q19 */
TEST (inside_on_open) { at_place (ON_OPEN, play, 1); }
TEST (inside_on_http) { at_place (ON_HTTP, play, 1); }
/* Q20, M-49 */
TEST (inside_on_ready) { at_place (ON_READY, play, 1); }
TEST (inside_on_ready_of_a_client) { at_place (ON_CLIENT_READY, play, 1); }
TEST (inside_on_msg) { at_place (ON_MSG, play, 1); }
TEST (inside_on_ping_msg) { at_place (ON_PING, play, 1); }
/* L-13, M-48 */
TEST (inside_on_close) { at_place (ON_CLOSE, play, 1); }
/* U-18 */
TEST (inside_a_log_handler) { at_place (ON_LOG, play, 1); }
TEST (inside_foreach) { at_place (ON_FOREACH, play, 1); }
TEST (inside_a_mutex_handler) { at_place (ON_MUTEX, play, 1); }

/* A file of the source tree, from beside this one. */
static char *source_file (const char *name)
{
  char path[PATH_MAX];
  const char *slash = strrchr (__FILE__, '/');
  char *content = NULL;
  size_t size = 0;
  FILE *file;

  snprintf (path, sizeof path, "%.*s/%s", (int) (slash ? slash - __FILE__ : 1),
            slash ? __FILE__ : ".", name);
  file = fopen (path, "r");
  CHECK (file != NULL);
  while (!feof (file)) {
    content = (char *) realloc (content, size + 65537);
    size += fread (content + size, 1, 65536, file);
    content[size] = 0;
  }
  fclose (file);
  return content;
}

static const struct row *row_of (const char *name)
{
  int i;

  for (i = 0; i < ROWS; i++)
    if (strcmp (rows[i].name, name) == 0)
      return &rows[i];
  return NULL;
}

TEST (every_exported_function_has_a_row)
{
  char *names = source_file ("../data/exports.txt");
  char *name;
  int count = 0;

  begin ();
  for (name = strtok (names, "\n"); name != NULL; name = strtok (NULL, "\n"), count++)
    if (row_of (name) == NULL)
      check_fail (__FILE__, __LINE__, "%s has no row in tests/c/table/rows", name);
  CHECK_INT (ROWS, count);
  free (names);
}

/* Whether a parameter, as it stands in the header, is a pointer. */
static int is_pointer (const char *parameter)
{
  static const char *const numbers[] = {
    "noPollOpCode", "noPollDebugLevel", "noPollSslProtocol", "noPollIoEngineType", "noPollDelivery"
  };
  unsigned i;

  if (strchr (parameter, '*'))
    return 1;
  for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strstr (parameter, numbers[i]))
      return 0;
  return strstr (parameter, "noPoll") != NULL;
}

static int pointers_in (const char *header, const char *name)
{
  char text[64], parameters[1024];
  const char *start, *end;
  char *parameter;
  int count = 0;

  snprintf (text, sizeof text, "%s(", name);
  for (start = strstr (header, text); start != NULL; start = strstr (start + 1, text))
    if (start > header && (start[-1] == ' ' || start[-1] == '*'))
      break;
  if (start == NULL || (end = strchr (start, ')')) == NULL)
    return -1;
  start += strlen (text);
  snprintf (parameters, sizeof parameters, "%.*s", (int) (end - start), start);
  for (parameter = strtok (parameters, ","); parameter != NULL; parameter = strtok (NULL, ","))
    count += is_pointer (parameter);
  return count;
}

TEST (every_pointer_argument_has_its_turn)
{
  char *header = source_file ("../../include/nopoll.h");
  int i, n;

  begin ();
  for (i = 0; i < ROWS; i++) {
    int count = pointers_in (header, rows[i].name);
    int cells = filled (rows[i].nulls, 12);
    int used = 0, last = 0;
    struct env e;

    check_guard (60);
    if (cells != (count > 1 ? count + 1 : count))
      check_fail (__FILE__, __LINE__, "%s takes %d pointers, NULLS has %d cells", rows[i].name,
                  count, cells);
    enter_state (&e, READY);
    rows[i].call (&e, 0);
    for (n = 0; n < (int) sizeof e.asked; n++)
      if (e.asked[n])
        used++, last = n + 1;
    if (used != count || last != count)
      check_fail (__FILE__, __LINE__, "%s takes %d pointers, P is used for %d", rows[i].name, count,
                  used);
    env_end (&e);
  }
  free (header);
}

TEST (every_exception_is_about_a_row)
{
  int i;

  begin ();
  for (i = 0; i < EXCEPTIONS; i++)
    if (row_of (exceptions[i].name) == NULL)
      check_fail (__FILE__, __LINE__, "%s is not in the table", exceptions[i].name);
}

TESTS (CASE (every_exported_function_has_a_row), CASE (every_pointer_argument_has_its_turn),
       CASE (every_exception_is_about_a_row), CASE (null_pointers_are_never_followed),
       CASE (a_client_without_an_answer), CASE (a_client_still_in_its_constructor),
       CASE (an_accepted_connection_without_a_request),
       CASE (a_ready_client_and_everything_else), CASE (a_ready_accepted_connection),
       CASE (a_client_whose_peer_has_closed), CASE (a_client_that_was_shut_down),
       CASE (a_client_that_was_closed_and_is_referenced), CASE (a_listener),
       CASE (a_client_whose_socket_was_taken_away), CASE (inside_on_accept),
       CASE (inside_on_open), CASE (inside_on_http), CASE (inside_on_ready),
       CASE (inside_on_ready_of_a_client), CASE (inside_on_msg), CASE (inside_on_ping_msg),
       CASE (inside_on_close), CASE (inside_a_log_handler), CASE (inside_foreach),
       CASE (inside_a_mutex_handler))
