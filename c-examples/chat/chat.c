/*
 * chat.c - a chat server that hands out its own web page over the same port.
 *
 *   chat [PORT [PAGE.html]]      port 8080 by default, 0 for any; prints where to look
 *
 * Without PAGE.html it serves the page it was built with (page.html in this folder). People see who
 * is there, what was said before they came, and each other's messages.
 *
 * What page and server say to each other are text messages of fields separated by tabs:
 *
 *   page    join NAME | say TEXT
 *   server  welcome NAME | refused WHY | here NAME... | said TIME NAME TEXT | joined TIME NAME |
 *           left TIME NAME                                      (TIME in seconds since 1970)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <nopoll.h>

#include <signal.h>

extern const char page_html[];
extern const long page_html_size;

#define PROTOCOL "chat.example"
#define MOST_PEOPLE 100
#define NAME_SIZE 25
#define TEXT_SIZE 1001
#define LINE_SIZE (NAME_SIZE + TEXT_SIZE + 64)
#define HISTORY 50

struct person {
  noPollConn *conn;
  char name[NAME_SIZE]; /* empty until joined */
};

struct room {
  struct person *people[MOST_PEOPLE];
  int count;
  char history[HISTORY][LINE_SIZE]; /* a ring of "said" lines */
  int said;
  char *page;
  long page_size;
};

static noPollCtx *ctx;

static void quit (int sig)
{
  (void) sig;
  nopoll_loop_stop (ctx);
}

static void tell (noPollConn *conn, const char *line)
{
  /* In a handler this never waits for the peer: the loop writes what the kernel doesn't take. */
  nopoll_conn_send_text (conn, line, -1);
}

static void tell_everybody (struct room *room, const char *line)
{
  int i;

  for (i = 0; i < room->count; i++)
    if (room->people[i]->name[0] != 0)
      tell (room->people[i]->conn, line);
}

static void tell_who_is_here (struct room *room)
{
  char line[8 + MOST_PEOPLE * NAME_SIZE];
  int size = snprintf (line, sizeof line, "here"), i;

  for (i = 0; i < room->count; i++)
    if (room->people[i]->name[0] != 0)
      size += snprintf (line + size, sizeof line - (size_t) size, "\t%s", room->people[i]->name);
  tell_everybody (room, line);
}

/* Copies text without blanks at its ends; control characters, tabs among them, become blanks. */
static void clean (char *to, size_t room, const char *from)
{
  size_t size = 0;
  char *at;

  while (*from == ' ')
    from++;
  for (; *from != 0 && size + 1 < room; from++)
    to[size++] = (unsigned char) *from < ' ' || *from == 0x7f ? ' ' : *from;
  /* Don't end within a UTF-8 character. */
  if (*from != 0) {
    while (size > 0 && ((unsigned char) to[size - 1] & 0xc0) == 0x80)
      size--;
    if (size > 0 && ((unsigned char) to[size - 1] & 0xc0) == 0xc0)
      size--;
  }
  to[size] = 0;
  for (at = to + size; at > to && at[-1] == ' ';)
    *--at = 0;
}

static void join (struct room *room, struct person *person, const char *wanted)
{
  char line[LINE_SIZE], name[NAME_SIZE];
  int i, first;

  clean (name, sizeof name, wanted);
  if (person->name[0] != 0 || name[0] == 0) {
    tell (person->conn, "refused\tThat is no name");
    return;
  }
  for (i = 0; i < room->count; i++) {
    if (strcmp (room->people[i]->name, name) == 0) {
      tell (person->conn, "refused\tSomebody of that name is here");
      return;
    }
  }
  strcpy (person->name, name);
  snprintf (line, sizeof line, "welcome\t%s", name);
  tell (person->conn, line);
  first = room->said > HISTORY ? room->said - HISTORY : 0;
  for (i = first; i < room->said; i++)
    tell (person->conn, room->history[i % HISTORY]);
  snprintf (line, sizeof line, "joined\t%ld\t%s", (long) time (NULL), name);
  tell_everybody (room, line);
  tell_who_is_here (room);
}

static void say (struct room *room, struct person *person, const char *said)
{
  char *line = room->history[room->said % HISTORY], text[TEXT_SIZE];

  clean (text, sizeof text, said);
  if (person->name[0] == 0 || text[0] == 0)
    return;
  snprintf (line, LINE_SIZE, "said\t%ld\t%s\t%s", (long) time (NULL), person->name, text);
  room->said++;
  tell_everybody (room, line);
}

static void on_msg (noPollCtx *c, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct person *person = (struct person *) nopoll_conn_get_hook (conn);
  /* A NUL follows every payload. */
  const char *text = (const char *) nopoll_msg_get_payload (msg);

  (void) c;
  if (strncmp (text, "join\t", 5) == 0)
    join ((struct room *) data, person, text + 5);
  else if (strncmp (text, "say\t", 4) == 0)
    say ((struct room *) data, person, text + 4);
}

static void on_close (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  struct room *room = (struct room *) data;
  struct person *person = (struct person *) nopoll_conn_get_hook (conn);
  char line[LINE_SIZE];
  int i;

  (void) c;
  for (i = 0; i < room->count && room->people[i] != person; i++)
    ;
  room->people[i] = room->people[--room->count];
  if (person->name[0] != 0) {
    snprintf (line, sizeof line, "left\t%ld\t%s", (long) time (NULL), person->name);
    tell_everybody (room, line);
    tell_who_is_here (room);
  }
  nopoll_free (person);
}

/* A page of another site must not talk to this server in a visitor's name: the Origin that a browser
 * sends has to be the host it was sent to. Programs send none. */
static nopoll_bool is_same_site (noPollConn *conn)
{
  const char *origin = nopoll_conn_get_origin (conn), *host = nopoll_conn_get_host_header (conn);
  const char *site = origin ? strstr (origin, "://") : NULL;

  return origin == NULL || (site != NULL && host != NULL && strcmp (site + 3, host) == 0);
}

static nopoll_bool on_open (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  struct room *room = (struct room *) data;
  const char *protocol = nopoll_conn_get_requested_protocol (conn);

  (void) c;
  if (strcmp (nopoll_conn_get_requested_url (conn), "/chat") != 0 || !is_same_site (conn)
      || room->count == MOST_PEOPLE)
    return nopoll_false;
  if (protocol != NULL)
    nopoll_conn_set_accepted_protocol (conn, PROTOCOL);
  return nopoll_true;
}

static nopoll_bool on_ready (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  struct room *room = (struct room *) data;
  struct person *person = nopoll_new (struct person, 1);

  (void) c;
  if (person == NULL)
    return nopoll_false;
  person->conn = conn;
  room->people[room->count++] = person;
  nopoll_conn_set_hook (conn, person);
  nopoll_conn_set_on_close (conn, on_close, room);
  return nopoll_true;
}

static nopoll_bool on_http (noPollCtx *c, noPollConn *conn, const char *method, const char *url,
                            noPollPtr data)
{
  struct room *room = (struct room *) data;

  (void) c;
  (void) method;
  if (strcmp (url, "/") != 0)
    return nopoll_conn_http_reply (conn, 404, NULL, "Not here.\n", -1);
  return nopoll_conn_http_reply (conn, 200, "text/html; charset=utf-8", room->page,
                                 room->page_size);
}

static char *read_file (const char *name, long *size)
{
  FILE *file = fopen (name, "rb");
  char *text = NULL;

  if (file == NULL)
    return NULL;
  fseek (file, 0, SEEK_END);
  *size = ftell (file);
  rewind (file);
  text = nopoll_new (char, *size + 1);
  if (text != NULL && fread (text, 1, (size_t) *size, file) != (size_t) *size) {
    nopoll_free (text);
    text = NULL;
  }
  fclose (file);
  return text;
}

static nopoll_bool close_one (noPollCtx *c, noPollConn *conn, noPollPtr data)
{
  (void) c;
  (void) data;
  if (nopoll_conn_role (conn) == NOPOLL_ROLE_LISTENER)
    nopoll_conn_close_ext (conn, 1001, "the server is going away", 24);
  return nopoll_false;
}

int main (int argc, char **argv)
{
  static struct room room;
  noPollConnOpts *opts = nopoll_conn_opts_new ();
  noPollConn *listener;
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  room.page = (char *) page_html;
  room.page_size = page_html_size;
  if (argc > 2 && (room.page = read_file (argv[2], &room.page_size)) == NULL) {
    fprintf (stderr, "%s: %s\n", argv[2], strerror (errno));
    return 1;
  }
  ctx = nopoll_ctx_new ();
  nopoll_conn_opts_skip_origin_check (opts, nopoll_true);
  listener = nopoll_listener_new_opts (ctx, opts, "0.0.0.0", argc > 1 ? argv[1] : "8080");
  if (!nopoll_conn_is_ok (listener)) {
    fprintf (stderr, "can't listen: %s\n", nopoll_conn_get_error_text (NULL));
    return 1;
  }
  nopoll_ctx_set_delivery (ctx, NOPOLL_DELIVER_MESSAGES);
  nopoll_ctx_set_max_frame_size (ctx, 8192);
  nopoll_ctx_set_max_message_size (ctx, 8192);
  nopoll_ctx_set_on_http (ctx, on_http, &room);
  nopoll_ctx_set_on_open (ctx, on_open, &room);
  nopoll_ctx_set_on_ready (ctx, on_ready, &room);
  nopoll_ctx_set_on_msg (ctx, on_msg, &room);
  signal (SIGINT, quit);
  signal (SIGTERM, quit);
  if (getsockname (nopoll_conn_socket (listener), (struct sockaddr *) &address, &size) == 0)
    printf ("chat on http://localhost:%d/\n", ntohs (address.sin_port));
  fflush (stdout);

  nopoll_loop_wait (ctx, 0);

  nopoll_conn_close (listener);
  nopoll_ctx_foreach_conn (ctx, close_one, NULL);
  nopoll_ctx_unref (ctx);
  if (room.page != page_html)
    nopoll_free (room.page);
  return 0;
}
