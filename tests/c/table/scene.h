/*
 * scene.h - one call at one place: what the callbacks that lead there share.
 */
#ifndef TABLE_SCENE_H
#define TABLE_SCENE_H

#include "calls.h"
#include "setup.h"

typedef struct got (*table_call) (struct env *e, unsigned nulls);

static const char *const place_names[PLACES] = {
  "on_accept", "on_open", "on_http", "on_ready", "on_msg", "on_ping_msg", "on_close",
  "on_ready of a client", "the log handler", "foreach", "a mutex handler",
  "a client over TLS", "accepted, TLS pending", "accepted over TLS",
  "creator of a client", "check of a client", "creator of a server", "check of a server"
};

/* What holds inside, unless exceptions.def says otherwise: the column of this state. */
static const enum state place_states[PLACES] = {
  WAITING, ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED,
  READY, READY, READY, READY,
  READY, WAITING, ACCEPTED, CONNECTING, CONNECTING, WAITING, WAITING
};

struct scene {
  struct env env;
  enum place place;
  table_call call;
  struct got got;
  int begun, done;
};

/* For the mutex handlers, which get no pointer of the test's. */
static struct scene *mutex_scene;

static void act (struct scene *scene)
{
  if (scene->begun)
    return;
  scene->begun = 1;
  errno = BEFORE;
  scene->got = scene->call (&scene->env, 0);
  __sync_fetch_and_add (&scene->done, 1);
  nopoll_loop_stop (scene->env.ctx);
}

static void at (noPollConn *conn, enum place place, noPollPtr data)
{
  struct scene *scene = (struct scene *) data;

  if (scene->place == place && conn == scene->env.conn)
    act (scene);
}

static nopoll_bool in_accept (noPollCtx *ctx, noPollConn *conn, noPollPtr data)
{
  struct scene *scene = (struct scene *) data;

  if (scene->env.conn == NULL) {
    scene->env.conn = conn;
    own (&scene->env);
    nopoll_conn_set_sock_block (nopoll_conn_socket (conn), nopoll_false);
    nopoll_loop_stop (ctx);
  }
  at (conn, ON_ACCEPT, data);
  return nopoll_true;
}

/* Mutexes that are none: the test that uses them has one thread. */
static noPollPtr mutex_make (void) { return malloc (1); }
static void mutex_break (noPollPtr mutex) { if (mutex != mutex_scene) free (mutex); }
static void mutex_give (noPollPtr mutex) { }
static void mutex_take (noPollPtr mutex)
{
  if (mutex_scene != NULL)
    act (mutex_scene);
}

#endif
