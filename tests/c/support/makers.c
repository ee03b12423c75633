#include "makers.h"

#define PLAIN(name) \
  static noPollConn *name (noPollCtx *ctx, noPollConnOpts *opts, const char *host, \
                           const char *port, int socket) \
  { \
    (void) opts; \
    (void) socket; \
    return nopoll_##name (ctx, host, port, NULL, NULL, NULL, NULL); \
  }
#define OPTS(name) \
  static noPollConn *name (noPollCtx *ctx, noPollConnOpts *opts, const char *host, \
                           const char *port, int socket) \
  { \
    (void) socket; \
    return nopoll_##name (ctx, opts, host, port, NULL, NULL, NULL, NULL); \
  }
#define SOCKET(name) \
  static noPollConn *name (noPollCtx *ctx, noPollConnOpts *opts, const char *host, \
                           const char *port, int socket) \
  { \
    return nopoll_##name (ctx, opts, socket, host, port, NULL, NULL, NULL, NULL); \
  }

PLAIN (conn_new)
PLAIN (conn_new6)
PLAIN (conn_new_auto)
OPTS (conn_new_opts)
OPTS (conn_new_opts6)
OPTS (conn_new_opts_auto)
OPTS (conn_tls_new)
OPTS (conn_tls_new6)
OPTS (conn_tls_new_auto)
SOCKET (conn_new_with_socket)
SOCKET (conn_tls_new_with_socket)

#define V4 "127.0.0.1"
#define V6 "::1"

const struct maker makers[] = {
  { "new", V4, conn_new, 0, 0 },
  { "new6", V6, conn_new6, 0, 0 },
  { "new_auto", V4, conn_new_auto, 0, 0 },
  { "new_opts", V4, conn_new_opts, 1, 0 },
  { "new_opts6", V6, conn_new_opts6, 1, 0 },
  { "new_opts_auto", V4, conn_new_opts_auto, 1, 0 },
  { "tls_new", V4, conn_tls_new, 1, 0 },
  { "tls_new6", V6, conn_tls_new6, 1, 0 },
  { "tls_new_auto", V4, conn_tls_new_auto, 1, 0 },
  { "new_with_socket", V4, conn_new_with_socket, 1, 1 },
  { "tls_new_with_socket", V4, conn_tls_new_with_socket, 1, 1 }
};
const int maker_count = (int) (sizeof makers / sizeof makers[0]);
