/* Prints "ok" when values, sizes, macros and offsets in the headers are what programs compiled
 * against noPoll's expect. Needs no library: what macros call is defined here. */
#include <nopoll_private.h>
#include <stddef.h>

static int failures;
static int records;

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      printf ("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      failures++; \
    } \
  } while (0)

void __nopoll_log (noPollCtx *ctx, const char *function_name, const char *file, int line,
                   noPollDebugLevel level, const char *message, ...)
{
  CHECK (ctx == NULL);
  CHECK (strlen (function_name) > 0 && strstr (file, "values.c") != NULL && line > 0);
  CHECK (level == NOPOLL_LEVEL_CRITICAL && message != NULL);
  records++;
}

noPollPtr nopoll_calloc (size_t count, size_t size)
{
  return calloc (count, size);
}

static void return_if_fail (int holds)
{
  nopoll_return_if_fail (NULL, holds);
  records += 100;
}

static int return_val_if_fail (int holds)
{
  nopoll_return_val_if_fail (NULL, holds, -7);
  return 1;
}

static void check_enumerations (void)
{
  CHECK (NOPOLL_LEVEL_DEBUG == 0 && NOPOLL_LEVEL_WARNING == 1 && NOPOLL_LEVEL_CRITICAL == 2);
  CHECK (NOPOLL_LEVEL_INFO == 3);
  CHECK (NOPOLL_ROLE_UNKNOWN == 0 && NOPOLL_ROLE_CLIENT == 1 && NOPOLL_ROLE_LISTENER == 2);
  CHECK (NOPOLL_ROLE_MAIN_LISTENER == 3);
  CHECK (NOPOLL_IO_ENGINE_DEFAULT == 0 && NOPOLL_IO_ENGINE_SELECT == 1);
  CHECK (NOPOLL_IO_ENGINE_POLL == 2 && NOPOLL_IO_ENGINE_EPOLL == 3);
  CHECK (NOPOLL_UNKNOWN_OP_CODE == -1 && NOPOLL_CONTINUATION_FRAME == 0);
  CHECK (NOPOLL_TEXT_FRAME == 1 && NOPOLL_BINARY_FRAME == 2 && NOPOLL_CLOSE_FRAME == 8);
  CHECK (NOPOLL_PING_FRAME == 9 && NOPOLL_PONG_FRAME == 10);
  CHECK (NOPOLL_METHOD_TLSV1 == 4 && NOPOLL_METHOD_TLSV1_1 == 5 && NOPOLL_METHOD_TLSV1_2 == 6);
  CHECK (NOPOLL_METHOD_TLS_FLEXIBLE == 7 && NOPOLL_METHOD_TLSV1_3 == 8);
  CHECK (NOPOLL_TRANSPORT_IPV4 == 1 && NOPOLL_TRANSPORT_IPV6 == 2 && NOPOLL_TRANSPORT_AUTO == 3);
  CHECK (NOPOLL_DELIVER_FRAMES == 0 && NOPOLL_DELIVER_PIECES == 1);
  CHECK (NOPOLL_DELIVER_MESSAGES == 2);
  CHECK (NOPOLL_ERROR_NONE == 0 && NOPOLL_ERROR_ARGUMENT == 1 && NOPOLL_ERROR_RESOLVE == 2);
  CHECK (NOPOLL_ERROR_CONNECT == 3 && NOPOLL_ERROR_TIMEOUT == 4 && NOPOLL_ERROR_TLS == 5);
  CHECK (NOPOLL_ERROR_HTTP == 6 && NOPOLL_ERROR_REJECTED == 7 && NOPOLL_ERROR_PROTOCOL == 8);
  CHECK (NOPOLL_ERROR_LIMIT == 9 && NOPOLL_ERROR_PEER_CLOSED == 10 && NOPOLL_ERROR_IO == 11);
  CHECK (sizeof (noPollDebugLevel) == 4 && sizeof (noPollRole) == 4);
  CHECK (sizeof (noPollIoEngineType) == 4 && sizeof (noPollOpCode) == 4);
  CHECK (sizeof (noPollSslProtocol) == 4 && sizeof (noPollTransport) == 4);
  CHECK (sizeof (noPollDelivery) == 4 && sizeof (noPollError) == 4);
}

static void check_macros (void)
{
  int *zeroed;
  noPollPtr pointer = INT_TO_PTR (-5);
  int pipes[2];

  CHECK (sizeof (nopoll_bool) == sizeof (int) && sizeof (NOPOLL_SOCKET) == sizeof (int));
  CHECK (nopoll_true == 1 && nopoll_false == 0);
  CHECK (NOPOLL_INVALID_SOCKET == -1 && NOPOLL_SOCKET_ERROR == -1);
  CHECK (NOPOLL_EINTR == EINTR && NOPOLL_EWOULDBLOCK == EWOULDBLOCK && NOPOLL_EAGAIN == EAGAIN);
  CHECK (NOPOLL_EINPROGRESS == EINPROGRESS && NOPOLL_ENOTCONN == ENOTCONN);
  CHECK (NOPOLL_HANDSHAKE_BUFFER_SIZE == 8192 && NOPOLL_MAX_FRAME_SIZE_DEFAULT == 16777216);
  CHECK (NOPOLL_MAX_FRAME_SIZE_LIMIT == 2147483646);
  CHECK (NOPOLL_OS_UNIX == 1 && NOPOLL_HAVE_VASPRINTF == 1);
#if defined(__LP64__)
  CHECK (NOPOLL_64BIT_PLATFORM == 1);
#elif defined(NOPOLL_64BIT_PLATFORM)
  CHECK (!"NOPOLL_64BIT_PLATFORM");
#endif
#if defined(NOPOLL_HAVE_SSLv23_ENABLED) || defined(NOPOLL_HAVE_SSLv3_ENABLED)
  CHECK (!"no such methods");
#endif
#if !defined(NOPOLL_HAVE_TLSv10_ENABLED) || !defined(NOPOLL_HAVE_TLSv11_ENABLED) \
  || !defined(NOPOLL_HAVE_TLSv12_ENABLED) || !defined(NOPOLL_HAVE_TLS_FLEXIBLE_ENABLED)
  CHECK (!"there are such methods");
#endif
#if defined(__linux__)
  CHECK (FD_SETSIZE == 1024 && sizeof (fd_set) == 128);
#endif
  CHECK (PTR_TO_INT (pointer) == -5 && (long) pointer == -5L);

  zeroed = nopoll_new (int, 3);
  CHECK (zeroed != NULL && zeroed[0] == 0 && zeroed[2] == 0);
  free (zeroed);

  errno = EPIPE;
  CHECK (nopoll_is_disconnected);
  errno = 0;
  CHECK (!nopoll_is_disconnected);

  CHECK (pipe (pipes) == 0);
  nopoll_close_socket (pipes[0]);
  nopoll_close_socket (pipes[1]);
  CHECK (fcntl (pipes[0], F_GETFD) == -1 && fcntl (pipes[1], F_GETFD) == -1);
  errno = 0;
  pipes[0] = -1;
  nopoll_close_socket (pipes[0]);
  CHECK (errno == 0);

  CHECK (strlen (__NOPOLL_PRETTY_FUNCTION__) > 0 && strlen (__function_name__) > 0);
  CHECK (__NOPOLL_LINE__ == __LINE__ && __line__ == __LINE__);
  CHECK (strcmp (__NOPOLL_FILE__, __FILE__) == 0 && strcmp (__file__, __FILE__) == 0);
}

static void check_log_macros (void)
{
  int evaluated = 0;
  noPollCtx *none = NULL;

  records = 0;
  return_if_fail (1);
  CHECK (records == 100);
  return_if_fail (0);
  CHECK (records == 101);
  CHECK (return_val_if_fail (1) == 1 && return_val_if_fail (0) == -7);
  CHECK (records == 102);

  nopoll_log (none, NOPOLL_LEVEL_CRITICAL, "no arguments");
  nopoll_log (none, NOPOLL_LEVEL_CRITICAL, "%d", ++evaluated);
#if defined(SHOW_DEBUG_LOG)
  CHECK (records == 104 && evaluated == 1);
#else
  CHECK (records == 102 && evaluated == 0);
  (void) none;
#endif
}

#define AT(type, member, offset) CHECK (offsetof (struct type, member) == (offset))
#define IS(type, member, kind) \
  do { \
    kind *place = &((struct type *) NULL)->member; \
    (void) place; \
  } while (0)

static void check_members (void)
{
#if defined(__LP64__)
  AT (_noPollConn, id, 0);
  AT (_noPollConn, ctx, 8);
  AT (_noPollConn, session, 16);
  AT (_noPollConn, handshake_ok, 20);
  AT (_noPollConn, role, 40);
  AT (_noPollConn, host, 48);
  AT (_noPollConn, port, 56);
  AT (_noPollConn, host_name, 64);
  AT (_noPollConn, origin, 72);
  AT (_noPollConn, get_url, 80);
  AT (_noPollConn, protocols, 88);
  AT (_noPollConn, accepted_protocol, 96);
  AT (_noPollConn, peer_close_status, 104);
  AT (_noPollConn, peer_close_reason, 112);
  AT (_noPollConn, refs, 184);
  AT (_noPollConn, tls_on, 216);
  AT (_noPollConn, pending_ssl_accept, 220);
  AT (_noPollConn, ssl_ctx, 232);
  AT (_noPollConn, ssl, 240);
  AT (_noPollConn, __force_stop_after_header, 248);
  AT (_noPollMsg, has_fin, 0);
  AT (_noPollMsg, op_code, 4);
  AT (_noPollMsg, is_masked, 8);
  AT (_noPollMsg, payload, 16);
  AT (_noPollMsg, payload_size, 24);
  AT (_noPollMsg, refs, 32);
  AT (_noPollMsg, is_fragment, 56);
  AT (_noPollConnOpts, reuse, 0);
  AT (_noPollConnOpts, refs, 16);
  AT (_noPollCtx, refs, 0);
  AT (_noPollCtx, conn_num, 68);
#endif
  IS (_noPollMsg, has_fin, nopoll_bool);
  IS (_noPollMsg, op_code, short);
  IS (_noPollMsg, payload, noPollPtr);
  IS (_noPollMsg, payload_size, long);
  IS (_noPollConnOpts, refs, int);
  IS (_noPollConn, __force_stop_after_header, nopoll_bool);
  IS (_noPollCertificate, serverName, char *);
  IS (_noPollCertificate, certificateFile, char *);
  IS (_noPollCertificate, privateKey, char *);
  IS (_noPollCertificate, optionalChainFile, char *);
#if defined(NOPOLL_WITHOUT_TLS)
  IS (_noPollConn, ssl, void *);
#else
  IS (_noPollConn, ssl, SSL *);
  IS (_noPollConn, ssl_ctx, SSL_CTX *);
#endif
  CHECK (sizeof (noPollCertificate) == 4 * sizeof (char *));
}

int main (void)
{
  check_enumerations ();
  check_macros ();
  check_log_macros ();
  check_members ();
  if (failures == 0)
    printf ("ok\n");
  return failures != 0;
}
