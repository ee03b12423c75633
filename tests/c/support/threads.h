/*
 * threads.h - what tests with several threads share.
 */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers that several threads read and write. */
#define SHARED_GET(number) __atomic_load_n (&(number), __ATOMIC_SEQ_CST)
#define SHARED_SET(number, value) __atomic_store_n (&(number), value, __ATOMIC_SEQ_CST)
#define SHARED_ADD(number, value) __atomic_add_fetch (&(number), value, __ATOMIC_SEQ_CST)

/* Plugs mutexes of this pthread type into the library. Each use is checked: whether it succeeds,
 * and whether locks, unlocks, creations and destructions match. */
void threads_plug (int type);
/* Unplugs them; all that were created must be destroyed by now. */
void threads_unplug (void);
/* How many of them this thread holds. */
int threads_held (void);

/* Starts a thread and joins one. */
pthread_t threads_start (void *(*run) (void *), void *data);
void threads_join (pthread_t thread);

#ifdef __cplusplus
}
#endif
#endif
