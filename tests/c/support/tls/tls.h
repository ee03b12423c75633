/*
 * tls.h - OpenSSL at the other end of a connection, for programs with `needs=tls` in their first
 * line.
 *
 * Servers run on a thread of their own, because a client of the library does its whole handshake in
 * the constructor; a raw client blocks while the library's loop runs on a thread (loop_start).
 * Nothing here uses the library but the loop. All waits are bounded as in wire.h.
 */
#ifndef TLS_H
#define TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../wire.h"

/* The path of a file that tests/data/certificates.py has made, in one of many static buffers. */
const char *tls_file (const char *name);
/* The path for a file of this program's own. */
const char *tls_own_file (const char *name);
/* Copies a made file to one's own place, so that the time of change is another one. */
void tls_copy (const char *from, const char *to);
/* What is in a small file. */
const char *tls_text (const char *name);
/* The certificates that count as the system's. */
void tls_set_system (const char *name);

/* A server for clients of the library. Zero it and fill in what differs. */
struct tls_server {
  /* Its certificate file, the key file of the same name; "server" if NULL. */
  const char *name;
  /* Clients need a certificate of this authority. */
  const char *ca;
  /* 0: whatever OpenSSL likes. */
  int min_version, max_version;
  /* Makes changes to the context. */
  void (*setup) (SSL_CTX *ctx, void *data);
  /* Goes on with a connection after the handshake; NULL: tls_echo. */
  void (*serve) (SSL *ssl, void *data);
  /* Takes the connection instead of a TLS handshake. */
  void (*raw) (int fd, void *data);
  void *data;

  /* What it tells. */
  int port;
  int established, refused, resumed;
  char sni[256];
  char alpn[32];
  char why[256];

  int listening, stop[2];
  SSL_CTX *ctx;
  void *thread;
};

void tls_server_start (struct tls_server *server);
void tls_server_stop (struct tls_server *server);
/* Its port as text, in one of a few static buffers. */
const char *tls_port (const struct tls_server *server);

/* Answers the upgrade and sends back what comes, until the peer closes. */
void tls_echo (SSL *ssl, void *unused);

/* A context for raw clients, which believes the authority in the file named `ca`; NULL: anybody. */
SSL_CTX *tls_client_ctx (const char *ca);
/* Connects and does the handshake; `name` is the SNI and may be NULL. */
SSL *tls_connect (SSL_CTX *ctx, int port, const char *name);
/* As that; NULL, with the reason in *why if that is not NULL, when the handshake fails. */
SSL *tls_try_connect (SSL_CTX *ctx, int port, const char *name, char *why, int room);
/* The handshake over a connected socket. */
SSL *tls_over (SSL_CTX *ctx, int fd);
/* Ends a connection and closes its socket. */
void tls_free (SSL *ssl);

/* As wire.h's, through TLS. */
void tls_send (SSL *ssl, const void *bytes, long size);
void tls_receive (SSL *ssl, void *bytes, long size);
/* The stream has ended; returns whether the end was announced. */
int tls_expect_end (SSL *ssl);
void tls_send_request (SSL *ssl, const char *target);
void tls_receive_head (SSL *ssl, char *text, long room);
/* Request and answer. */
void tls_upgrade (SSL *ssl);
void tls_answer_upgrade (SSL *ssl);
void tls_send_frame (SSL *ssl, int first, int masked, const void *payload, long size);
long tls_receive_frame (SSL *ssl, int *first, void *payload, long room);
void tls_expect_frame (SSL *ssl, int first, const void *payload, long size);

/* Runs the loop on a thread, and ends that. */
void loop_start (noPollCtx *ctx);
void loop_end (noPollCtx *ctx);
/* Ends a context with everything in it: its loop, its listeners, clients and accepted connections. */
void ctx_end (noPollCtx *ctx);

/* A TLS listener of the library on 127.0.0.1 that doesn't ask for an Origin, with the certificate of
 * this name (NULL: none). */
noPollConn *tls_listener (noPollCtx *ctx, const char *name);
/* The same with options, which are given away. */
noPollConn *tls_listener_opts (noPollCtx *ctx, noPollConnOpts *opts, const char *name);

/* The log of a context: how many critical lines hold a text, and the last of them. */
struct tls_log {
  int count;
  char last[1024];
  char all[65536];
};
void tls_watch_log (noPollCtx *ctx, struct tls_log *log);
int tls_logged (const struct tls_log *log, const char *text);

#endif
