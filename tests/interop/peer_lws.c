/*
 * peer_lws.c - libwebsockets as one end of an exchange; commands and events are those of peers.py.
 *
 *   peer_lws [OPTION] listen [PROTOCOL]
 *   peer_lws [OPTION] connect ADDRESS PORT PATH [PROTOCOLS]
 *
 * OPTION: --tls=CERTIFICATE,KEY,CA,VERSION
 *
 * It answers pings without telling the program. Everything happens on the main thread; another one
 * reads commands and puts them into a queue.
 */
#include <libwebsockets.h>

#include <openssl/ssl.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What connections without a sub-protocol are served by. */
#define NO_PROTOCOL "none"

/* Something to be sent, with the room that lws_write demands in front. */
struct frame {
  struct frame *next;
  enum lws_write_protocol kind;
  size_t size;
  unsigned char bytes[];
};

/* Closes with a status and a reason; 0: without. */
struct farewell {
  int wanted, status;
  size_t size;
  unsigned char reason[123];
};

static struct lws_context *context;
/* The connection that commands are for. */
static struct lws *conn;
static struct frame *first, **last = &first;
static struct farewell farewell;
/* The message that is arriving. */
static unsigned char *message;
static size_t message_size;
/* The sub-protocol that a server has chosen. */
static char agreed[64];
/* What the peer's close frame said. */
static int peer_status;
static unsigned char peer_reason[123];
static size_t peer_reason_size;

struct line {
  struct line *next;
  char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line *lines, **last_line = &lines;
static int input_ended;

static void print_event (const char *what, const unsigned char *bytes, size_t size)
{
  size_t i;

  printf ("%s ", what);
  for (i = 0; i < size; i++)
    printf ("%02x", bytes[i]);
  putchar ('\n');
}

/* -- Commands -------------------------------------------------------------------------------- */

static int digit (char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t from_hex (unsigned char *bytes, const char *hex)
{
  size_t size;

  for (size = 0; hex != NULL && digit (hex[2 * size]) >= 0; size++)
    bytes[size] = (unsigned char) (digit (hex[2 * size]) << 4 | digit (hex[2 * size + 1]));
  return size;
}

static void queue (enum lws_write_protocol kind, const char *hex)
{
  size_t room = hex != NULL ? strlen (hex) / 2 : 0;
  struct frame *frame = malloc (sizeof *frame + LWS_PRE + room + 1);

  frame->next = NULL;
  frame->kind = kind;
  frame->size = from_hex (frame->bytes + LWS_PRE, hex);
  *last = frame;
  last = &frame->next;
}

static void obey (char *text)
{
  char *command = strtok (text, " \n");
  char *word = strtok (NULL, " \n");
  char *rest = strtok (NULL, " \n");
  enum lws_write_protocol kind = LWS_WRITE_BINARY;

  if (command == NULL)
    return;
  if (word != NULL && strcmp (word, "text") == 0)
    kind = LWS_WRITE_TEXT;
  if (strcmp (command, "send") == 0 || strcmp (command, "fragments") == 0)
    while (rest != NULL) {
      char *next = strtok (NULL, " \n");

      queue (next != NULL ? kind | LWS_WRITE_NO_FIN : kind, rest);
      kind = LWS_WRITE_CONTINUATION;
      rest = next;
    }
  else if (strcmp (command, "ping") == 0)
    queue (LWS_WRITE_PING, word);
  else if (strcmp (command, "close") == 0) {
    farewell.wanted = 1;
    farewell.status = word != NULL ? atoi (word) : 0;
    farewell.size = from_hex (farewell.reason, rest);
  } else
    printf ("error: %s\n", command);
  if (conn != NULL)
    lws_callback_on_writable (conn);
}

static void obey_all (void)
{
  struct line *line;

  pthread_mutex_lock (&lock);
  while ((line = lines) != NULL) {
    lines = line->next;
    obey (line->text);
    free (line);
  }
  last_line = &lines;
  pthread_mutex_unlock (&lock);
}

static void *read_commands (void *data)
{
  char *text = NULL;
  size_t room = 0;

  (void) data;
  while (getline (&text, &room, stdin) != -1) {
    struct line *line = malloc (sizeof *line + strlen (text) + 1);

    line->next = NULL;
    strcpy (line->text, text);
    pthread_mutex_lock (&lock);
    *last_line = line;
    last_line = &line->next;
    pthread_mutex_unlock (&lock);
    lws_cancel_service (context);
  }
  free (text);
  pthread_mutex_lock (&lock);
  input_ended = 1;
  pthread_mutex_unlock (&lock);
  lws_cancel_service (context);
  return NULL;
}

static int at_end (void)
{
  int ended;

  pthread_mutex_lock (&lock);
  ended = input_ended && lines == NULL;
  pthread_mutex_unlock (&lock);
  return ended;
}

/* -- Events ---------------------------------------------------------------------------------- */

static void opened (struct lws *wsi, const char *protocol)
{
  conn = wsi;
  peer_status = 1006;
  peer_reason_size = 0;
  if (strcmp (protocol, NO_PROTOCOL) == 0)
    protocol = "";
  print_event ("open", (const unsigned char *) protocol, strlen (protocol));
}

static void received (struct lws *wsi, const void *in, size_t size)
{
  message = realloc (message, message_size + size + 1);
  memcpy (message + message_size, in, size);
  message_size += size;
  if (lws_remaining_packet_payload (wsi) > 0 || !lws_is_final_fragment (wsi))
    return;
  print_event (lws_frame_is_binary (wsi) ? "message binary" : "message text", message, message_size);
  message_size = 0;
}

/* One frame, or the end. */
static int write_next (struct lws *wsi)
{
  struct frame *frame = first;
  int written;

  if (frame != NULL) {
    first = frame->next;
    if (first == NULL)
      last = &first;
    written = lws_write (wsi, frame->bytes + LWS_PRE, frame->size, frame->kind);
    free (frame);
    if (written < 0)
      return -1;
    lws_callback_on_writable (wsi);
    return 0;
  }
  if (!farewell.wanted)
    return 0;
  farewell.wanted = 0;
  if (farewell.status != 0)
    lws_close_reason (wsi, (enum lws_close_status) farewell.status, farewell.reason, farewell.size);
  return -1;
}

static void peer_closes (const unsigned char *payload, size_t size)
{
  peer_status = 1005;
  if (size < 2)
    return;
  peer_status = payload[0] << 8 | payload[1];
  peer_reason_size = size - 2;
  memcpy (peer_reason, payload + 2, peer_reason_size);
}

static void closed (struct lws *wsi)
{
  char what[32];

  if (wsi != conn)
    return;
  conn = NULL;
  sprintf (what, "closed %d", peer_status);
  print_event (what, peer_reason, peer_reason_size);
}

static void failed (struct lws *wsi, const char *why)
{
  int status = (int) lws_http_client_http_response (wsi);

  if (status > 101)
    printf ("refused %d\n", status);
  else
    printf ("failed %s\n", why != NULL ? why : "without a reason");
}

static int callback (struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t size)
{
  (void) user;
  switch (reason) {
  case LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION:
    /* OpenSSL's verdict on a client's certificate is the program's to confirm. */
    return size == 0;
  case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
    lws_hdr_copy (wsi, agreed, sizeof agreed, WSI_TOKEN_PROTOCOL);
    break;
  case LWS_CALLBACK_ESTABLISHED:
    opened (wsi, lws_get_protocol (wsi)->name);
    break;
  case LWS_CALLBACK_CLIENT_ESTABLISHED:
    opened (wsi, agreed);
    break;
  case LWS_CALLBACK_RECEIVE:
  case LWS_CALLBACK_CLIENT_RECEIVE:
    received (wsi, in, size);
    break;
  case LWS_CALLBACK_RECEIVE_PONG:
  case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    print_event ("pong", in, size);
    break;
  case LWS_CALLBACK_SERVER_WRITEABLE:
  case LWS_CALLBACK_CLIENT_WRITEABLE:
    return wsi == conn ? write_next (wsi) : 0;
  case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    peer_closes (in, size);
    break;
  case LWS_CALLBACK_CLOSED:
  case LWS_CALLBACK_CLIENT_CLOSED:
    closed (wsi);
    break;
  case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    failed (wsi, in);
    break;
  case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
    obey_all ();
    break;
  default:
    break;
  }
  return 0;
}

/* -- Either end ------------------------------------------------------------------------------ */

/* The fields of --tls=, NULL where they are empty. */
static void split (char *settings, const char *field[4])
{
  int i;

  for (i = 0; i < 4; i++) {
    char *next = settings != NULL ? strchr (settings, ',') : NULL;

    field[i] = settings != NULL && *settings != ',' && *settings != 0 ? settings : NULL;
    if (next != NULL)
      *next++ = 0;
    settings = next;
  }
}

static void serve (struct lws_context_creation_info *info, const char *field[4])
{
  info->ssl_cert_filepath = field[0];
  info->ssl_private_key_filepath = field[1];
  info->ssl_ca_filepath = field[2];
  if (field[2] != NULL)
    info->options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
  if (field[3] != NULL && strcmp (field[3], "1.2") == 0)
    info->ssl_options_set = SSL_OP_NO_TLSv1_3;
}

static void connect_with (struct lws_context_creation_info *info, const char *field[4])
{
  info->client_ssl_cert_filepath = field[0];
  info->client_ssl_private_key_filepath = field[1];
  info->client_ssl_ca_filepath = field[2];
  if (field[3] != NULL && strcmp (field[3], "1.2") == 0)
    info->ssl_client_options_set = SSL_OP_NO_TLSv1_3;
}

static void connect_to (struct lws_vhost *vhost, char **argv, const char *protocols, int flags)
{
  struct lws_client_connect_info info;

  memset (&info, 0, sizeof info);
  info.context = context;
  info.vhost = vhost;
  info.address = argv[0];
  info.port = atoi (argv[1]);
  info.path = argv[2];
  /* The name that certificates are checked for; it knows no addresses in them. */
  info.host = "localhost";
  info.protocol = protocols;
  info.ssl_connection = flags;
  lws_client_connect_via_info (&info);
}

int main (int argc, char **argv)
{
  struct lws_protocols protocols[] = {
    { .name = NO_PROTOCOL, .callback = callback, .rx_buffer_size = 64 * 1024 },
    { .name = NULL, .callback = callback, .rx_buffer_size = 64 * 1024 },
    { .name = NULL }
  };
  struct lws_context_creation_info info;
  struct lws_vhost *vhost;
  const char *field[4] = { NULL, NULL, NULL, NULL };
  int secure = argc > 1 && strncmp (argv[1], "--tls=", 6) == 0;
  int listens, flags = 0;
  pthread_t thread;

  setvbuf (stdout, NULL, _IOLBF, 0);
  memset (&info, 0, sizeof info);
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  if (secure) {
    split (argv[1] + 6, field);
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    flags = LCCSCF_USE_SSL;
    if (field[2] == NULL)
      flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE
               | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    argc--;
    argv++;
  }
  listens = argc > 1 && strcmp (argv[1], "listen") == 0;
  if (!listens && argc < 5)
    return 2;
  lws_set_log_level (LLL_ERR, NULL);
  context = lws_create_context (&info);
  if (listens) {
    info.iface = "127.0.0.1";
    protocols[1].name = argc > 2 ? argv[2] : NULL;
    serve (&info, field);
  } else {
    info.port = CONTEXT_PORT_NO_LISTEN;
    connect_with (&info, field);
  }
  if (protocols[1].name == NULL)
    protocols[1].callback = NULL;
  info.protocols = protocols;
  vhost = context != NULL ? lws_create_vhost (context, &info) : NULL;
  if (vhost == NULL)
    return 1;
  if (listens)
    printf ("listening %d\n", lws_get_vhost_listen_port (vhost));
  else
    connect_to (vhost, argv + 2, argc > 5 ? argv[5] : NULL, flags);
  pthread_create (&thread, NULL, read_commands, NULL);
  while (!at_end () && lws_service (context, 0) >= 0)
    ;
  pthread_join (thread, NULL);
  lws_context_destroy (context);
  return 0;
}
