/*
 * table.h - the rows, the exceptions, and how a call is made and judged. See ../table.c.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "scene.h"

struct row {
  const char *name;
  table_call call;
  struct want nulls[12];
  int is_free, is_conn;
  struct want cells[STATES];
};

#define NULLS(...) { __VA_ARGS__ }
#define CALL(name, statements, ...) \
  static struct got call_##name (struct env *e, unsigned nulls) { statements }
#define FREE CALL
#define ROW CALL
#define CONN CALL
#include "rows/utilities.def"
#include "rows/objects.def"
#include "rows/constructors.def"
#include "rows/connections.def"
#undef FREE
#undef ROW
#undef CONN

#define FREE(name, statements, nulls, cell) { #name, call_##name, nulls, 1, 0, { cell } },
#define ROW(name, statements, nulls, cell) { #name, call_##name, nulls, 0, 0, { cell } },
#define CONN(name, statements, nulls, ...) { #name, call_##name, nulls, 0, 1, { __VA_ARGS__ } },
static const struct row rows[] = {
#include "rows/utilities.def"
#include "rows/objects.def"
#include "rows/constructors.def"
#include "rows/connections.def"
};
#define ROWS ((int) (sizeof rows / sizeof rows[0]))

struct exception {
  const char *name;
  unsigned places;
  struct want want;
};

#define IN(place) (1u << (place))
#define EXCEPT(name, places, cell) { #name, places, cell },
static const struct exception exceptions[] = {
#include "exceptions.def"
};
#define EXCEPTIONS ((int) (sizeof exceptions / sizeof exceptions[0]))

/* What this build and this machine have. */
static int available (int when)
{
  static int known = -1;

  if (known < 0) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConn *tls = nopoll_listener_tls_new (ctx, "127.0.0.1", "0");
    noPollConn *v6 = nopoll_listener_new6 (ctx, "::1", "0");

    known = (tls ? WITH_TLS : 0) | (v6 ? WITH_V6 : 0);
    nopoll_conn_close (tls);
    nopoll_conn_close (v6);
    nopoll_ctx_unref (ctx);
  }
  return (known & when) == when;
}

static void compare (const char *name, const char *where, struct got got, struct want want)
{
  int code = want.code == UNCHANGED ? BEFORE : want.code;

  if (!available (want.when))
    want.how = NUMBER, want.number = 0;
  switch (want.how) {
  case NUMBER:
    if (got.number != want.number)
      check_fail (__FILE__, __LINE__, "%s, %s: %ld, not %ld", name, where, got.number,
                  want.number);
    break;
  case TEXT:
    if (strcmp (got.text, want.text) != 0)
      check_fail (__FILE__, __LINE__, "%s, %s: \"%s\", not \"%s\"", name, where, got.text,
                  want.text);
    break;
  case SOMETHING:
    if (got.number <= 0)
      check_fail (__FILE__, __LINE__, "%s, %s: %ld, not above 0", name, where, got.number);
    break;
  case ANYTHING: break;
  case NOT_GIVEN: check_fail (__FILE__, __LINE__, "%s, %s: no cell", name, where); break;
  }
  if (code != UNKNOWN && got.code != code)
    check_fail (__FILE__, __LINE__, "%s, %s: errno %d (%s), not %d", name, where, got.code,
                got.code == BEFORE ? "unchanged" : strerror (got.code), code);
}

/* All failures of a test are reported, not only the first. */
static void begin (void) { check_enter_handler (); available (0); }

static struct want wanted_at (const struct row *row, enum place place)
{
  int i;

  for (i = 0; i < EXCEPTIONS; i++)
    if (strcmp (exceptions[i].name, row->name) == 0 && exceptions[i].places & IN (place))
      return exceptions[i].want;
  return row->cells[row->is_conn ? place_states[place] : 0];
}

/* Makes every call of a row there, or only those about connections. */
static void at_place (enum place place, void (*play) (struct scene *scene), int all)
{
  int i;

  begin ();
  for (i = 0; i < ROWS; i++) {
    struct scene scene;

    if ((place == ON_MUTEX && !rows[i].is_free) || (!all && !rows[i].is_conn))
      continue;
    check_guard (60);
    if (getenv ("TABLE_VERBOSE"))
      printf ("%s, %s\n", rows[i].name, place_names[place]);
    memset (&scene, 0, sizeof scene);
    scene.place = place;
    scene.call = rows[i].call;
    play (&scene);
    compare (rows[i].name, place_names[place], scene.got, wanted_at (&rows[i], place));
  }
}

#endif
