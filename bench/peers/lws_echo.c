/* lws_echo.c - the same server on libwebsockets: [--sink | --push N SIZE] [PORT]. Prints "port N". */
#include <libwebsockets.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../burst.h"

static int sink;
static struct burst *burst;

struct message {
  struct message *next;
  size_t size, room;
  int binary;
  /* LWS_PRE bytes in front of the payload, as lws_write demands. */
  unsigned char *bytes;
};

struct session {
  struct message *first, *last, *arriving;
  /* Messages of bursts to be sent. */
  int owed;
};

/* Asks for nothing but its end. */
static void ask_for_burst (struct session *session, struct lws *wsi)
{
  if (lws_remaining_packet_payload (wsi) > 0 || !lws_is_final_fragment (wsi))
    return;
  session->owed += burst->count;
  lws_callback_on_writable (wsi);
}

/* One message per event, as libwebsockets demands; each has room in front of it. */
static int push (struct session *session, struct lws *wsi)
{
  char *payload = burst_payload (burst, (burst->count - session->owed % burst->count) % burst->count);

  if (session->owed == 0)
    return 0;
  if (--session->owed > 0)
    lws_callback_on_writable (wsi);
  return lws_write (wsi, (unsigned char *) payload, burst->size, LWS_WRITE_BINARY) < 0 ? -1 : 0;
}

static void append (struct session *session, struct lws *wsi, const void *in, size_t size)
{
  struct message *message = session->arriving;
  size_t left = lws_remaining_packet_payload (wsi);

  if (message == NULL) {
    message = session->arriving = calloc (1, sizeof *message);
    message->binary = lws_frame_is_binary (wsi);
  }
  if (message->size + size + left > message->room) {
    message->room = message->size + size + left;
    message->bytes = realloc (message->bytes, LWS_PRE + message->room);
  }
  memcpy (message->bytes + LWS_PRE + message->size, in, size);
  message->size += size;
  if (left > 0 || !lws_is_final_fragment (wsi))
    return;
  session->arriving = NULL;
  if (session->last != NULL)
    session->last->next = message;
  else
    session->first = message;
  session->last = message;
  lws_callback_on_writable (wsi);
}

static void discard (struct message *message)
{
  if (message != NULL)
    free (message->bytes);
  free (message);
}

static int callback (struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t size)
{
  struct session *session = user;
  struct message *message;
  int written;

  switch (reason) {
  case LWS_CALLBACK_RECEIVE:
    if (burst != NULL)
      ask_for_burst (session, wsi);
    else if (!sink)
      append (session, wsi, in, size);
    break;
  case LWS_CALLBACK_SERVER_WRITEABLE:
    if (burst != NULL)
      return push (session, wsi);
    message = session->first;
    if (message == NULL)
      break;
    session->first = message->next;
    if (session->first == NULL)
      session->last = NULL;
    else
      lws_callback_on_writable (wsi);
    written = lws_write (wsi, message->bytes + LWS_PRE, message->size,
                         message->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    discard (message);
    return written < 0 ? -1 : 0;
  case LWS_CALLBACK_CLOSED:
    discard (session->arriving);
    while ((message = session->first) != NULL) {
      session->first = message->next;
      discard (message);
    }
    break;
  default:
    break;
  }
  return 0;
}

int main (int argc, char **argv)
{
  static const struct lws_protocols protocols[] = {
    { .name = "echo", .callback = callback, .per_session_data_size = sizeof (struct session),
      .rx_buffer_size = 64 * 1024 },
    { .name = NULL }
  };
  struct lws_context_creation_info info;
  struct lws_context *context;
  struct lws_vhost *vhost;
  int port = 0, i;

  for (i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--sink") == 0)
      sink = 1;
    else if (strcmp (argv[i], "--push") == 0 && i + 2 < argc) {
      burst = burst_new_with_room (atoi (argv[i + 1]), atol (argv[i + 2]), LWS_PRE);
      i += 2;
    } else
      port = atoi (argv[i]);
  }
  lws_set_log_level (LLL_ERR, NULL);
  memset (&info, 0, sizeof info);
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  info.pt_serv_buf_size = 64 * 1024;
  context = lws_create_context (&info);
  info.port = port;
  info.iface = "127.0.0.1";
  info.protocols = protocols;
  vhost = context != NULL ? lws_create_vhost (context, &info) : NULL;
  if (vhost == NULL)
    return 1;
  printf ("port %d\n", lws_get_vhost_listen_port (vhost));
  fflush (stdout);
  while (lws_service (context, 0) >= 0)
    ;
  return 1;
}
