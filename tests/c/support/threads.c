#include "threads.h"

#include <nopoll.h>
#include <stdlib.h>

#include "check.h"

static int plugged_type;
static long created, destroyed;
static __thread int held;

static noPollPtr create (void)
{
  pthread_mutex_t *mutex = (pthread_mutex_t *) malloc (sizeof *mutex);
  pthread_mutexattr_t attributes;

  CHECK (mutex != NULL);
  pthread_mutexattr_init (&attributes);
  CHECK_INT (pthread_mutexattr_settype (&attributes, plugged_type), 0);
  CHECK_INT (pthread_mutex_init (mutex, &attributes), 0);
  pthread_mutexattr_destroy (&attributes);
  SHARED_ADD (created, 1);
  return mutex;
}

static void destroy (noPollPtr mutex)
{
  CHECK_INT (pthread_mutex_destroy ((pthread_mutex_t *) mutex), 0);
  free (mutex);
  SHARED_ADD (destroyed, 1);
}

static void lock (noPollPtr mutex)
{
  CHECK_INT (pthread_mutex_lock ((pthread_mutex_t *) mutex), 0);
  held++;
}

static void unlock (noPollPtr mutex)
{
  held--;
  CHECK_INT (pthread_mutex_unlock ((pthread_mutex_t *) mutex), 0);
}

void threads_plug (int type)
{
  plugged_type = type;
  created = destroyed = 0;
  nopoll_thread_handlers (create, destroy, lock, unlock);
}

void threads_unplug (void)
{
  nopoll_thread_handlers (NULL, NULL, NULL, NULL);
  CHECK (SHARED_GET (created) > 0);
  CHECK_INT (SHARED_GET (destroyed), SHARED_GET (created));
  CHECK_INT (held, 0);
}

int threads_held (void) { return held; }

pthread_t threads_start (void *(*run) (void *), void *data)
{
  pthread_t thread;

  CHECK_INT (pthread_create (&thread, NULL, run, data), 0);
  return thread;
}

void threads_join (pthread_t thread)
{
  CHECK_INT (pthread_join (thread, NULL), 0);
}
