/*
 * capture.h - what is written to standard output. Nothing may be checked in between: failures are
 * reported there, too.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#ifdef __cplusplus
extern "C" {
#endif

void capture_begin (void);
/* Ends it; returns what was written since, to be freed. */
char *capture_end (void);

#ifdef __cplusplus
}
#endif
#endif
