/*
 * nopoll_private.h - members of the objects, for programs that look inside.
 *
 * nopoll.h does not include it. It needs OpenSSL's headers; with NOPOLL_WITHOUT_TLS defined it
 * does without, and the members that point to OpenSSL objects become void *.
 *
 * What is here is the beginning of each object and is kept up to date by the library. Objects are
 * larger: never allocate, copy or compare them by these definitions. Members named reserved are
 * the library's. On LP64 targets the offsets are those of noPoll 0.4.9, so binaries built against that
 * find what they look for; on others only the names are promised.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_PRIVATE_H__
#define __NOPOLL_PRIVATE_H__

#include "nopoll.h"

#if !defined(NOPOLL_WITHOUT_TLS)
# include <openssl/bio.h>
# include <openssl/evp.h>
# include <openssl/objects.h>
# include <openssl/x509v3.h>
# include <openssl/ssl.h>
# include <openssl/err.h>
# include <openssl/opensslv.h>
#endif

BEGIN_C_DECLS

/** The files that nopoll_ctx_set_certificate () stores for one server name. */
typedef struct _noPollCertificate {
  /** NULL: for connections without a name. */
  char *serverName;
  char *certificateFile;
  char *privateKey;
  /** NULL: none. */
  char *optionalChainFile;
} noPollCertificate;

struct _noPollCtx {
  /** nopoll_ctx_ref_count (). */
  int refs;
  int reserved[16];
  /** nopoll_ctx_conns (). */
  int conn_num;
};

struct _noPollConn {
  /** nopoll_conn_get_id (). */
  int id;
  /** nopoll_conn_ctx (). */
  noPollCtx *ctx;
  /** nopoll_conn_socket (); -1 when dead. */
  NOPOLL_SOCKET session;
  /** The opening handshake is complete. */
  nopoll_bool handshake_ok;
  void *reserved1[2];
  /** nopoll_conn_role (). */
  noPollRole role;
  /** nopoll_conn_host (). */
  char *host;
  /** nopoll_conn_port (). */
  char *port;
  /** nopoll_conn_get_host_header (). */
  char *host_name;
  /** nopoll_conn_get_origin (). */
  char *origin;
  /** nopoll_conn_get_requested_url (). */
  char *get_url;
  /** nopoll_conn_get_requested_protocol (). */
  char *protocols;
  /** nopoll_conn_get_accepted_protocol (). */
  char *accepted_protocol;
  /** nopoll_conn_get_close_status (). */
  int peer_close_status;
  /** nopoll_conn_get_close_reason (). */
  char *peer_close_reason;
  void *reserved2[8];
  /** nopoll_conn_ref_count (). */
  int refs;
  int reserved3[7];
  /** nopoll_conn_is_tls_on (). */
  nopoll_bool tls_on;
  /** The TLS handshake of an accepted connection is still going on. */
  nopoll_bool pending_ssl_accept;
  void *reserved4;
#if defined(NOPOLL_WITHOUT_TLS)
  void *ssl_ctx;
  void *ssl;
#else
  /** The OpenSSL context in use; NULL without TLS. */
  SSL_CTX *ssl_ctx;
  /** The OpenSSL connection in use; NULL without TLS. */
  SSL *ssl;
#endif
  /**
   * Fault injection: while it is above 0 and below the size of a frame, each frame sent stops
   * after so many bytes for 5 seconds.
   */
  nopoll_bool __force_stop_after_header;
};

struct _noPollConnOpts {
  /** What nopoll_conn_opts_set_reuse () stored. */
  nopoll_bool reuse;
  int reserved[3];
  /** The references on the object. */
  int refs;
};

struct _noPollMsg {
  /** The FIN bit of its frame. */
  nopoll_bool has_fin;
  /** nopoll_msg_opcode (). */
  short op_code;
  /** Whether its frame came masked. */
  nopoll_bool is_masked;
  /** A block from malloc (), freed with the message. */
  noPollPtr payload;
  /** Bytes in payload; a NUL follows them. */
  long int payload_size;
  /** nopoll_msg_ref_count (). */
  int refs;
  int reserved[5];
  /** A part of something larger, whatever has_fin says. */
  nopoll_bool is_fragment;
};

END_C_DECLS

#endif /* __NOPOLL_PRIVATE_H__ */
