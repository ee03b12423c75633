/*
 * makers.h - every constructor of clients, under one signature.
 */
#ifndef MAKERS_H
#define MAKERS_H

#include <nopoll.h>

#ifdef __cplusplus
extern "C" {
#endif

struct maker {
  const char *name;
  /* The loopback address of its family. */
  const char *host;
  noPollConn *(*make) (noPollCtx *ctx, noPollConnOpts *opts, const char *host, const char *port,
                       int socket);
  /* It drops a reference on the options; the others don't take any. */
  int takes_opts;
  /* It goes over the socket. */
  int takes_socket;
};

extern const struct maker makers[];
extern const int maker_count;

#ifdef __cplusplus
}
#endif
#endif
