/*
 * tls.h - connections over TLS: their states, and calls from inside the two callbacks of TLS.
 */
#ifndef TABLE_TLS_H
#define TABLE_TLS_H

#include "table.h"
#include "../support/tls/tls.h"

static void tls_act (noPollConn *conn, noPollPtr data)
{
  struct scene *scene = (struct scene *) data;

  if (scene->env.conn == NULL) {
    scene->env.conn = conn;
    own (&scene->env);
  }
  act (scene);
}

static noPollPtr in_creator (noPollCtx *ctx, noPollConn *conn, noPollConnOpts *opts,
                             nopoll_bool is_client, noPollPtr data)
{
  tls_act (conn, data);
  return SSL_CTX_new (is_client ? TLS_client_method () : TLS_server_method ());
}

static nopoll_bool in_check (noPollCtx *ctx, noPollConn *conn, noPollPtr ssl_ctx, noPollPtr ssl,
                             noPollPtr data)
{
  tls_act (conn, data);
  return nopoll_true;
}

/* A client, whose constructor calls back. */
static void tls_client (struct scene *scene, struct tls_server *server)
{
  struct env *e = &scene->env;
  noPollConn *conn;

  tls_server_start (server);
  conn = nopoll_conn_tls_new (e->ctx, nopoll_conn_opts_new (), "127.0.0.1", tls_port (server), NULL,
                              "/table", "p1", NULL);
  if (scene->place != TLS_CLIENT)
    return;   /* whatever became of it */
  e->conn = conn;
  own (e);
  CHECK (nopoll_conn_wait_until_connection_ready (conn, 10 * check_slowness ()));
  act (scene);
}

/* A connection that the loop of another thread accepts. */
static SSL *tls_accepted (struct scene *scene, SSL_CTX *raw)
{
  struct env *e = &scene->env;
  char text[2048];
  SSL *ssl;

  nopoll_ctx_set_on_accept (e->ctx, in_accept, scene);
  loop_start (e->ctx);
  ssl = tls_connect (raw, LISTENER_PORT (e->listener), "localhost");
  CHECK (ssl != NULL);
  if (scene->place == TLS_ACCEPTED) {
    snprintf (text, sizeof text, "GET /table HTTP/1.1\r\nHost: test.example\r\n"
              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
              "Origin: http://test.example\r\n%s\r\n", accepted_headers);
    tls_send (ssl, text, (long) strlen (text));
    tls_receive_head (ssl, text, sizeof text);
  } else {
    WAIT_UNTIL (__sync_fetch_and_add (&scene->done, 0));
  }
  loop_end (e->ctx);
  if (scene->place == TLS_ACCEPTED)
    act (scene);
  return ssl;
}

static void play_tls (struct scene *scene)
{
  struct env *e = &scene->env;
  struct tls_server server;
  SSL_CTX *raw = tls_client_ctx (NULL);
  SSL *ssl = NULL;

  memset (&server, 0, sizeof server);
  env_start (e);
  nopoll_conn_close (e->listener);
  e->listener = tls_listener (e->ctx, "server");
  if (scene->place == IN_CLIENT_CREATOR || scene->place == IN_SERVER_CREATOR)
    nopoll_ctx_set_ssl_context_creator (e->ctx, in_creator, scene);
  if (scene->place == IN_CLIENT_CHECK || scene->place == IN_SERVER_CHECK)
    nopoll_ctx_set_post_ssl_check (e->ctx, in_check, scene);
  switch (scene->place) {
  case TLS_CLIENT: case IN_CLIENT_CREATOR: case IN_CLIENT_CHECK: tls_client (scene, &server); break;
  case TLS_WAITING:
  case IN_SERVER_CREATOR:
    e->peer = wire_connect (LISTENER_PORT (e->listener));
    if (scene->place == TLS_WAITING)
      e->conn = nopoll_conn_accept (e->ctx, e->listener), own (e), act (scene);
    else
      nopoll_conn_accept (e->ctx, e->listener);
    break;
  default: ssl = tls_accepted (scene, raw); break;
  }
  CHECK (scene->done);
  env_end (e);
  if (ssl != NULL)
    tls_free (ssl);
  SSL_CTX_free (raw);
  if (server.thread != NULL)
    tls_server_stop (&server);
}

#endif
