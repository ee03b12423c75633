/*
 * process.h - descriptors and child processes.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many descriptors the process has open; a child. */
int process_descriptors (void);
int process_descriptors_of (pid_t child);
/* Sets the soft limit of descriptors, at most to the hard one; returns what it is now. */
long process_allow (long descriptors);
/* Forks a child that calls run and then exits; a CHECK that fails in it fails process_join. */
pid_t process_start (void (*run) (void *), void *data);
/* Whether the child has not ended yet. */
int process_is_running (pid_t child);
/* Waits for the child, which must have succeeded. */
void process_join (pid_t child);

#ifdef __cplusplus
}
#endif
#endif
