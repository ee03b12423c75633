/*
 * peer.c - this library as one end of an exchange, told what to do on standard input.
 *
 *   peer [OPTION] listen [PROTOCOL]                      answers with PROTOCOL
 *   peer [OPTION] connect ADDRESS PORT PATH [PROTOCOLS]  offers PROTOCOLS
 *
 * OPTION: --deflate=SEND/RECEIVE or --tls=CERTIFICATE,KEY,CA,VERSION
 *
 * Commands and events are those of all peers, see peers.py. The loop runs on the main thread, and
 * commands are carried out on another one.
 */
#include <nopoll.h>

#include <pthread.h>

/* How long a peer may take nothing, in µs. */
#define FLUSH_TIMEOUT 60000000

static noPollCtx *ctx;
/* The connection commands are for, with a reference; the client, or the client last accepted. */
static noPollConn *conn;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *accepted_protocol;
/* What --tls= says; NULL: no TLS. */
static char *tls;
static nopoll_bool secure;
static volatile nopoll_bool was_open;
static volatile nopoll_bool ended;

/* -- Events ---------------------------------------------------------------------------------- */

/* Prints "WHAT HEX" in one piece: both threads print. */
static void print_event (const char *what, const unsigned char *bytes, long size)
{
  char *line = malloc (strlen (what) + 2 * (size_t) size + 3);
  char *end = line + sprintf (line, "%s ", what);
  long i;

  for (i = 0; i < size; i++) {
    *end++ = "0123456789abcdef"[bytes[i] >> 4];
    *end++ = "0123456789abcdef"[bytes[i] & 15];
  }
  *end++ = '\n';
  *end = 0;
  fputs (line, stdout);
  free (line);
}

static void print_text_event (const char *what, const char *text)
{
  print_event (what, (const unsigned char *) text, text != NULL ? (long) strlen (text) : 0);
}

static void on_msg (noPollCtx *c, noPollConn *from, noPollMsg *msg, noPollPtr data)
{
  static noPollMsg *parts = NULL;
  noPollMsg *joined = nopoll_msg_join (parts, msg);

  (void) c;
  (void) from;
  (void) data;
  nopoll_msg_unref (parts);
  parts = joined;
  if (!nopoll_msg_is_final (msg))
    return;
  print_event (nopoll_msg_opcode (parts) == NOPOLL_TEXT_FRAME ? "message text" : "message binary",
               nopoll_msg_get_payload (parts), nopoll_msg_get_payload_size (parts));
  nopoll_msg_unref (parts);
  parts = NULL;
}

static void on_ping (noPollCtx *c, noPollConn *from, noPollMsg *msg, noPollPtr data)
{
  (void) c;
  (void) from;
  (void) data;
  print_event ("ping", nopoll_msg_get_payload (msg), nopoll_msg_get_payload_size (msg));
}

static void on_close (noPollCtx *c, noPollConn *from, noPollPtr data)
{
  char what[32];

  (void) c;
  (void) data;
  sprintf (what, "closed %d", nopoll_conn_get_close_status (from));
  print_text_event (what, nopoll_conn_get_close_reason (from));
}

static nopoll_bool on_open (noPollCtx *c, noPollConn *from, noPollPtr data)
{
  (void) c;
  (void) data;
  nopoll_conn_set_accepted_protocol (from, accepted_protocol);
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *c, noPollConn *from, noPollPtr data)
{
  (void) c;
  (void) data;
  nopoll_conn_set_on_ping_msg (from, on_ping, NULL);
  nopoll_conn_set_on_close (from, on_close, NULL);
  if (nopoll_conn_role (from) == NOPOLL_ROLE_LISTENER) {
    pthread_mutex_lock (&lock);
    nopoll_conn_unref (conn);
    nopoll_conn_ref (from);
    conn = from;
    pthread_mutex_unlock (&lock);
  }
  was_open = nopoll_true;
  print_text_event ("open", nopoll_conn_get_accepted_protocol (from));
  if (nopoll_conn_is_compressed (from))
    puts ("compressed");
  return nopoll_true;
}

/* -- Commands -------------------------------------------------------------------------------- */

static int digit (char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Turns hexadecimal digits into bytes, in place; how many. */
static long from_hex (char *text)
{
  long size;

  for (size = 0; digit (text[2 * size]) >= 0; size++)
    text[size] = (char) (digit (text[2 * size]) << 4 | digit (text[2 * size + 1]));
  return size;
}

/* Sends one frame and waits until it is out, whatever its size and the descriptor's mode. */
static void send_frame (noPollConn *to, nopoll_bool fin, noPollOpCode opcode, char *hex)
{
  long size = hex != NULL ? from_hex (hex) : 0;
  int result;

  if (size == 0 || opcode == NOPOLL_PING_FRAME)
    result = nopoll_conn_send_frame (to, fin, nopoll_conn_role (to) == NOPOLL_ROLE_CLIENT, opcode,
                                     size, hex, 0);
  else if (opcode == NOPOLL_TEXT_FRAME)
    result = fin ? nopoll_conn_send_text (to, hex, size)
                 : nopoll_conn_send_text_fragment (to, hex, size);
  else
    result = fin ? nopoll_conn_send_binary (to, hex, size)
                 : nopoll_conn_send_binary_fragment (to, hex, size);
  if (result != size)
    result = nopoll_conn_flush_writes (to, FLUSH_TIMEOUT, result);
  if (result != size)
    printf ("error: %d of %ld bytes sent: %s\n", result, size, strerror (errno));
}

static void obey (noPollConn *to, char *line)
{
  char *command = strtok (line, " \n");
  char *word = strtok (NULL, " \n");
  char *rest = strtok (NULL, " \n");
  noPollOpCode opcode = NOPOLL_BINARY_FRAME;

  if (command == NULL)
    return;
  if (word != NULL && strcmp (word, "text") == 0)
    opcode = NOPOLL_TEXT_FRAME;
  if (strcmp (command, "send") == 0)
    send_frame (to, nopoll_true, opcode, rest);
  else if (strcmp (command, "fragments") == 0) {
    while (rest != NULL) {
      char *next = strtok (NULL, " \n");

      send_frame (to, next == NULL, opcode, rest);
      rest = next;
    }
  } else if (strcmp (command, "ping") == 0)
    send_frame (to, nopoll_true, NOPOLL_PING_FRAME, word);
  else if (strcmp (command, "close") == 0) {
    long size = rest != NULL ? from_hex (rest) : 0;

    nopoll_conn_ref (to); /* close takes one, and the connection is looked at afterwards */
    nopoll_conn_close_ext (to, word != NULL ? atoi (word) : 0, rest, (int) size);
  } else
    printf ("error: %s\n", command);
}

static void *read_commands (void *data)
{
  char *line = NULL;
  size_t room = 0;

  (void) data;
  while (getline (&line, &room, stdin) != -1) {
    noPollConn *to;

    pthread_mutex_lock (&lock);
    to = conn;
    nopoll_conn_ref (to);
    pthread_mutex_unlock (&lock);
    obey (to, line);
    nopoll_conn_unref (to);
  }
  free (line);
  ended = nopoll_true;
  nopoll_loop_stop (ctx);
  return NULL;
}

/* -- Either end ------------------------------------------------------------------------------ */

/* Sets the files for TLS; those of a listener with a CA and of a client verify each other. */
static void set_files (noPollConnOpts *opts)
{
  char *field[4];
  int i;

  for (i = 0; i < 4; i++) {
    char *next = tls != NULL ? strchr (tls, ',') : NULL;

    field[i] = tls != NULL && *tls != ',' && *tls != 0 ? tls : NULL;
    if (next != NULL)
      *next = 0;
    tls = next != NULL ? next + 1 : NULL;
  }
  nopoll_conn_opts_set_ssl_certs (opts, field[0], field[1], NULL, field[2]);
  nopoll_conn_opts_ssl_peer_verify (opts, field[2] != NULL);
  nopoll_conn_opts_ssl_host_verify (opts, field[2] != NULL);
}

static noPollConn *listen_on_any_port (void)
{
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  noPollConn *listener;

  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  if (tls != NULL) {
    set_files (opts);
    listener = nopoll_listener_tls_new_opts (ctx, opts, "127.0.0.1", "0");
  } else
    listener = nopoll_listener_new_opts (ctx, opts, "127.0.0.1", "0");
  getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size);
  printf ("listening %d\n", ntohs (address.sin_port));
  return listener;
}

static noPollConn *connect_to (char **argv, const char *protocols)
{
  noPollConnOpts *opts = NULL;

  if (tls == NULL)
    return nopoll_conn_new (ctx, argv[0], argv[1], NULL, argv[2], protocols, NULL);
  opts = nopoll_conn_opts_new ();
  set_files (opts);
  return nopoll_conn_tls_new (ctx, opts, argv[0], argv[1], NULL, argv[2], protocols, NULL);
}

/* What --deflate=SEND/RECEIVE asks for. */
static void compress (const char *settings)
{
  const char *receive = strchr (settings, '/') + 1;

  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 0);
  nopoll_ctx_set_compression_window_bits (ctx, atoi (settings), atoi (receive));
  nopoll_ctx_set_compression_context_takeover (ctx, strstr (settings, "!/") == NULL,
                                               strchr (receive, '!') == NULL);
}

int main (int argc, char **argv)
{
  noPollConn *listener = NULL;
  pthread_t thread;

  setvbuf (stdout, NULL, _IOLBF, 0);
  ctx = nopoll_ctx_new ();
  if (argc > 1 && strncmp (argv[1], "--deflate=", 10) == 0) {
    compress (argv[1] + 10);
    argc--;
    argv++;
  } else if (argc > 1 && strncmp (argv[1], "--tls=", 6) == 0) {
    tls = argv[1] + 6;
    secure = nopoll_true;
    argc--;
    argv++;
  }
  nopoll_ctx_set_on_open (ctx, on_open, NULL);
  nopoll_ctx_set_on_ready (ctx, on_ready, NULL);
  nopoll_ctx_set_on_msg (ctx, on_msg, NULL);
  if (argc > 1 && strcmp (argv[1], "listen") == 0) {
    accepted_protocol = argc > 2 ? argv[2] : NULL;
    listener = listen_on_any_port ();
  } else if (argc > 4 && strcmp (argv[1], "connect") == 0) {
    conn = connect_to (argv + 2, argc > 5 ? argv[5] : NULL);
  } else
    return 2;

  pthread_create (&thread, NULL, read_commands, NULL);
  while (!ended) {
    nopoll_loop_wait (ctx, 1000000);
    if (listener == NULL && !nopoll_conn_is_ok (conn) && nopoll_conn_get_http_status (conn) > 101) {
      printf ("refused %d\n", nopoll_conn_get_http_status (conn));
      break;
    }
    if (listener == NULL && secure && !was_open && !nopoll_conn_is_ok (conn)) {
      printf ("failed %s\n", nopoll_conn_get_error_text (conn));
      break;
    }
  }
  pthread_join (thread, NULL);
  if (listener != NULL) {
    nopoll_conn_unref (conn);
    nopoll_conn_close (listener);
  } else
    nopoll_conn_close (conn);
  nopoll_ctx_unref (ctx);
  return 0;
}
