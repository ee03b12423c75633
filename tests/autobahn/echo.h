/* What both testees do with a message: send it back. */
#ifndef ECHO_H
#define ECHO_H

#include <nopoll.h>
#include <stdio.h>

static void echo (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  const char *payload = (const char *) nopoll_msg_get_payload (msg);
  long size = nopoll_msg_get_payload_size (msg);
  noPollOpCode opcode = nopoll_msg_opcode (msg);
  nopoll_bool is_client = nopoll_conn_role (conn) == NOPOLL_ROLE_CLIENT;
  long sent;

  (void) ctx;
  (void) data;
  if (size == 0)
    /* The other functions take an empty message for a mistake. */
    sent = nopoll_conn_send_frame (conn, nopoll_true, is_client, opcode, 0, "", 0);
  else if (opcode == NOPOLL_TEXT_FRAME)
    sent = nopoll_conn_send_text (conn, payload, size);
  else
    sent = nopoll_conn_send_binary (conn, payload, size);
  if (sent != size)
    fprintf (stderr, "conn id %d: sent %ld of %ld bytes\n", nopoll_conn_get_id (conn), sent, size);
}

#endif
