/* run.py: libs=z needs=deflate */
/* Compressed messages on the wire, in both roles, against zlib. */
#include <nopoll.h>

#include <pthread.h>

#include "support/zip.h"

#define NUMBER(array) ((int) (sizeof (array) / sizeof (array)[0]))

/* A pair with compression, both sides' streams at their beginning. */
static void open_zipped (struct wire_pair *pair, struct zip *zip, int server, noPollDelivery delivery)
{
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 0);
  nopoll_ctx_set_delivery (ctx, delivery);
  wire_open_with (pair, ctx, server, ZIP_PLAIN);
  CHECK (nopoll_conn_is_compressed (pair->conn));
  zip_start (zip);
}

static void close_zipped (struct wire_pair *pair, struct zip *zip)
{
  zip_end (zip);
  wire_close (pair);
}

/* Prose-like, so that it can be compressed, but not to nothing. */
static void fill (char *text, long size)
{
  unsigned long state = 1;
  long i;

  for (i = 0; i < size; i++) {
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    text[i] = "etaoin shrdlu,.\n"[state >> 60];
  }
}

TEST (the_examples_of_rfc_7692_are_received)
{
  static const struct { int first; const char *bytes; int size, opcode, final, fragment;
                        const char *text; } steps[] = {
    /* 7.2.3.1, and as fragments. */
    { 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 1, 1, 0, "Hello" },
    { 0x41, "\xf2\x48\xcd", 3, 1, 0, 1, "He" },
    { 0x80, "\xc9\xc9\x07\x00", 4, 0, 1, 1, "llo" },
    /* 7.2.3.2: it refers to what was before. */
    { 0xc1, "\xf2\x00\x11\x00\x00", 5, 1, 1, 0, "Hello" },
    /* 7.2.3.3: a stored block. */
    { 0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, 1, 1, 0, "Hello" },
    /* 7.2.3.4: a final block; and the next message. */
    { 0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, 1, 1, 0, "Hello" },
    { 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 1, 1, 0, "Hello" },
    /* 7.2.3.5: two blocks. */
    { 0xc2, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, 2, 1, 0, "Hello" },
    /* 7.2.3.6: nothing, and nothing at all. */
    { 0xc1, "\x00", 1, 1, 1, 0, "" },
    { 0xc1, "", 0, 1, 1, 0, "" },
    /* Not everything has to be compressed. */
    { 0x81, "plain", 5, 1, 1, 0, "plain" },
  };
  int server, i;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct zip zip;

    open_zipped (&pair, &zip, server, NOPOLL_DELIVER_FRAMES);
    for (i = 0; i < NUMBER (steps); i++) {
      wire_put (&pair, steps[i].first, steps[i].bytes, steps[i].size);
      wire_expect_msg (pair.conn, steps[i].opcode, steps[i].final, steps[i].fragment,
                       steps[i].text, strlen (steps[i].text));
    }
    close_zipped (&pair, &zip);
  }
}

TEST (messages_go_out_compressed_and_refer_to_earlier_ones)
{
  int server;

  for (server = 0; server < 2; server++) {
    const char *text = "{\"id\":17,\"method\":\"subscribe\",\"topic\":\"/lamps/kitchen\"}";
    char *prose = (char *) malloc (100000);
    struct wire_pair pair;
    struct zip zip;
    long first, second;

    open_zipped (&pair, &zip, server, NOPOLL_DELIVER_FRAMES);
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), strlen (text));
    first = zip_expect (&zip, &pair, 0x81, text, strlen (text));
    CHECK_INT (nopoll_conn_send_binary (pair.conn, text, strlen (text)), strlen (text));
    second = zip_expect (&zip, &pair, 0x82, text, strlen (text));
    CHECK (first > 40 && second < 12);
    fill (prose, 1500);
    CHECK_INT (nopoll_conn_send_text (pair.conn, prose, 1500), 1500);
    CHECK (zip_expect (&zip, &pair, 0x81, prose, 1500) < 1000);
    /* Control frames are never compressed. */
    CHECK (nopoll_conn_send_ping (pair.conn));
    wire_expect (&pair, 0x89, "", 0);
    CHECK (nopoll_conn_send_pong (pair.conn, 5, (char *) "aaaaa"));
    wire_expect (&pair, 0x8a, "aaaaa", 5);
    wire_put (&pair, 0x89, "bbbbb", 5);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    wire_expect (&pair, 0x8a, "bbbbb", 5);
    nopoll_conn_release_compression (pair.conn);
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), strlen (text));
    CHECK (zip_expect (&zip, &pair, 0x81, text, strlen (text)) > 40);
    free (prose);
    close_zipped (&pair, &zip);
  }
}

TEST (fragments_are_one_compressed_message)
{
  int server;

  for (server = 0; server < 2; server++) {
    struct wire_pair pair;
    struct zip zip;
    unsigned char packed[3][100];
    unsigned char all[300];
    char text[300];
    long size[3];
    int first, masked, i;

    open_zipped (&pair, &zip, server, NOPOLL_DELIVER_FRAMES);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "one ", -1), 4);
    CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "two ", -1), 4);
    CHECK (nopoll_conn_send_ping (pair.conn));
    CHECK_INT (nopoll_conn_send_text (pair.conn, "three", -1), 5);
    for (i = 0; i < 3; i++) {
      if (i == 2)
        wire_expect (&pair, 0x89, "", 0);
      size[i] = wire_receive_frame (pair.peer, &first, &masked, packed[i], sizeof packed[i]);
      CHECK_INT (first, i == 0 ? 0x41 : i == 1 ? 0x00 : 0x80);
      memcpy (all + (i > 0 ? size[0] : 0) + (i > 1 ? size[1] : 0), packed[i], size[i]);
    }
    /* The whole is a message; and each fragment tells all of itself. */
    CHECK_INT (zip_unpack (&zip, all, size[0] + size[1] + size[2], text, sizeof text), 13);
    CHECK_MEM (text, 13, "one two three", 13);
    CHECK_MEM (packed[0] + size[0] - 4, 4, "\0\0\xff\xff", 4);
    CHECK_MEM (packed[1] + size[1] - 4, 4, "\0\0\xff\xff", 4);
    /* An empty frame to end a stream with. */
    CHECK_INT (nopoll_conn_send_binary_fragment (pair.conn, "data", 4), 4);
    CHECK_INT (nopoll_conn_send_frame (pair.conn, nopoll_true, !server, (noPollOpCode) 0, 0, "", 0), 0);
    size[0] = wire_receive_frame (pair.peer, &first, &masked, all, sizeof all);
    CHECK_INT (first, 0x42);
    size[1] = wire_receive_frame (pair.peer, &first, &masked, all + size[0], 100);
    CHECK_INT (first, 0x80);
    CHECK_INT (size[1], 1);
    CHECK_INT (zip_unpack (&zip, all, size[0] + 1, text, sizeof text), 4);
    CHECK_MEM (text, 4, "data", 4);
    close_zipped (&pair, &zip);
  }
}

TEST (short_and_empty_messages_go_out_as_they_are)
{
  struct wire_pair pair;
  struct zip zip;
  noPollCtx *ctx = nopoll_ctx_new ();

  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 10);
  wire_open_with (&pair, ctx, 1, ZIP_PLAIN);
  zip_start (&zip);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "nine char", 9), 9);
  wire_expect (&pair, 0x81, "nine char", 9);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "ten chars!", 10), 10);
  zip_expect (&zip, &pair, 0x81, "ten chars!", 10);
  /* The first fragment decides. */
  CHECK_INT (nopoll_conn_send_text_fragment (pair.conn, "short", 5), 5);
  CHECK_INT (nopoll_conn_send_text (pair.conn, "and then long", 13), 13);
  wire_expect (&pair, 0x01, "short", 5);
  wire_expect (&pair, 0x80, "and then long", 13);
  CHECK_INT (nopoll_conn_send_frame (pair.conn, nopoll_true, nopoll_false, NOPOLL_BINARY_FRAME, 0,
                                     "", 0), 0);
  wire_expect (&pair, 0x82, "", 0);
  /* The raw function compresses like the others. */
  CHECK_INT (nopoll_conn_send_frame (pair.conn, nopoll_true, nopoll_false, NOPOLL_TEXT_FRAME, 10,
                                     "ten chars!", 0), 10);
  zip_expect (&zip, &pair, 0x81, "ten chars!", 10);
  close_zipped (&pair, &zip);
}

TEST (without_takeover_every_message_stands_alone)
{
  const char *text = "the same words, the same words again";
  struct wire_pair pair;
  noPollCtx *ctx = nopoll_ctx_new ();
  int i;

  nopoll_ctx_set_compression (ctx, nopoll_true);
  nopoll_ctx_set_compression_threshold (ctx, 0);
  nopoll_ctx_set_compression_context_takeover (ctx, nopoll_false, nopoll_false);
  wire_open_with (&pair, ctx, 1, ZIP_PLAIN);
  for (i = 0; i < 3; i++) {
    struct zip zip;

    /* Both streams begin anew. */
    zip_start (&zip);
    CHECK_INT (nopoll_conn_send_text (pair.conn, text, -1), strlen (text));
    zip_expect (&zip, &pair, 0x81, text, strlen (text));
    zip_put (&zip, &pair, 0x81, text, strlen (text));
    wire_expect_msg (pair.conn, 1, 1, 0, text, strlen (text));
    zip_end (&zip);
  }
  /* A client that refers to an earlier message all the same. */
  wire_put (&pair, 0xc1, "\xf2\x00\x11\x00\x00", 5);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  wire_expect (&pair, 0x88, "\x03\xef", 2);
  wire_close (&pair);
}

TEST (whole_messages_are_joined_from_compressed_fragments)
{
  int server;

  for (server = 0; server < 2; server++) {
    char text[2000];
    unsigned char packed[2500];
    struct wire_pair pair;
    struct zip zip;
    long size;

    open_zipped (&pair, &zip, server, NOPOLL_DELIVER_MESSAGES);
    fill (text, sizeof text);
    size = zip_pack (&zip, text, sizeof text, packed, sizeof packed);
    wire_put (&pair, 0x41, packed, 500);
    wire_put (&pair, 0x89, "between", 7);
    wire_put (&pair, 0x00, "", 0);
    wire_put (&pair, 0x00, packed + 500, 1);
    wire_put (&pair, 0x80, packed + 501, size - 501);
    CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
    wire_expect (&pair, 0x8a, "between", 7);
    wire_expect_msg (pair.conn, 1, 1, 0, text, sizeof text);
    close_zipped (&pair, &zip);
  }
}

TEST (pieces_come_as_far_as_they_can_be_told)
{
  char text[20000];
  unsigned char packed[24000];
  struct wire_pair pair;
  struct zip zip;
  long size, sent = 0, got = 0;
  int is_final = 0;

  open_zipped (&pair, &zip, 1, NOPOLL_DELIVER_PIECES);
  fill (text, sizeof text);
  size = zip_pack (&zip, text, sizeof text, packed, sizeof packed - 14);
  memmove (packed + 8, packed, size);
  {
    unsigned char frame[24100];
    long whole = wire_frame (frame, 0xc2, 1, packed + 8, size);

    while (sent < whole) {
      long n = whole - sent < 1500 ? whole - sent : 1500;
      noPollMsg *msg;

      CHECK (!is_final);
      wire_send (pair.peer, frame + sent, n);
      sent += n;
      while ((msg = nopoll_conn_get_msg (pair.conn)) != NULL) {
        long n_got = nopoll_msg_get_payload_size (msg);

        CHECK_INT (nopoll_msg_opcode (msg), got == 0 ? 2 : 0);
        CHECK (nopoll_msg_is_fragment (msg));
        is_final = nopoll_msg_is_final (msg);
        CHECK_MEM (nopoll_msg_get_payload (msg), n_got, text + got, n_got);
        got += n_got;
        nopoll_msg_unref (msg);
      }
      CHECK (got > 0);
    }
  }
  CHECK (is_final);
  CHECK_INT (got, sizeof text);
  close_zipped (&pair, &zip);
}

TEST (a_stream_of_bytes_is_read_through_the_compression)
{
  int server;

  for (server = 0; server < 2; server++) {
    char *text = (char *) malloc (300000);
    char buffer[7000];
    struct wire_pair pair;
    struct zip zip;
    long got = 0;

    open_zipped (&pair, &zip, server, NOPOLL_DELIVER_FRAMES);
    /* Most of it compresses to nearly nothing: much comes from few bytes. */
    memset (text, 'x', 300000);
    fill (text, 1000);
    zip_put (&zip, &pair, 0x82, text, 150000);
    zip_put (&zip, &pair, 0x81, text + 150000, 150000);
    while (got < 300000) {
      int n = nopoll_conn_read (pair.conn, buffer, sizeof buffer, nopoll_false, 0);

      if (n == -1) {
        CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
        wire_wait_readable (nopoll_conn_socket (pair.conn));
        continue;
      }
      CHECK (n > 0);
      CHECK_MEM (buffer, n, text + got, n);
      got += n;
      /* Nothing is left in the kernel, so what is to come is told here. */
      CHECK (got == 300000 || got < 150000 || nopoll_conn_read_pending (pair.conn) > 0
             || !wire_is_quiet (nopoll_conn_socket (pair.conn)));
    }
    CHECK_INT (got, 300000);
    CHECK_INT (nopoll_conn_read (pair.conn, buffer, 1, nopoll_false, 0), -1);
    free (text);
    close_zipped (&pair, &zip);
  }
}

struct received {
  char *bytes;
  long size;
  int messages, finals;
};

static void collect (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  struct received *received = (struct received *) data;

  memcpy (received->bytes + received->size, nopoll_msg_get_payload (msg),
          nopoll_msg_get_payload_size (msg));
  received->size += nopoll_msg_get_payload_size (msg);
  received->messages++;
  received->finals += nopoll_msg_is_final (msg);
}

TEST (the_loop_dispatches_what_comes_of_few_bytes)
{
  noPollDelivery delivery;

  for (delivery = NOPOLL_DELIVER_FRAMES; delivery <= NOPOLL_DELIVER_MESSAGES; delivery++) {
    char *text = (char *) malloc (1000000);
    struct received received = { NULL, 0, 0, 0 };
    struct wire_pair pair;
    struct zip zip;
    int i;

    open_zipped (&pair, &zip, 1, delivery);
    received.bytes = (char *) malloc (1000000);
    nopoll_conn_set_on_msg (pair.conn, collect, &received);
    memset (text, 'y', 1000000);
    fill (text, 10);
    for (i = 0; i < 4; i++)
      zip_put (&zip, &pair, 0x82, text + i * 250000, 250000);
    LOOP_UNTIL (pair.ctx, received.finals == 4);
    CHECK_MEM (received.bytes, received.size, text, 1000000);
    if (delivery == NOPOLL_DELIVER_PIECES)
      CHECK (received.messages >= 12);
    else
      CHECK_INT (received.messages, 4);
    free (received.bytes);
    free (text);
    close_zipped (&pair, &zip);
  }
}

static void stop_at_first (noPollCtx *ctx, noPollConn *conn, noPollMsg *msg, noPollPtr data)
{
  collect (ctx, conn, msg, data);
  nopoll_loop_stop (ctx);
}

TEST (what_a_stop_leaves_of_a_compressed_frame_is_served_first)
{
  char *text = (char *) malloc (400000);
  struct received received = { NULL, 0, 0, 0 };
  struct wire_pair pair;
  struct zip zip;
  long left = 10000L * check_slowness ();

  open_zipped (&pair, &zip, 1, NOPOLL_DELIVER_PIECES);
  received.bytes = (char *) malloc (400000);
  nopoll_conn_set_on_msg (pair.conn, stop_at_first, &received);
  memset (text, 'z', 400000);
  zip_put (&zip, &pair, 0x82, text, 400000);
  while (received.messages == 0 && left-- > 0)
    nopoll_loop_wait (pair.ctx, 1000);
  /* One message, and the rest of the frame is told of. */
  CHECK_INT (received.messages, 1);
  CHECK (received.size < 400000);
  CHECK (nopoll_conn_read_pending (pair.conn) > 0);
  while (received.finals == 0) {
    noPollMsg *msg = nopoll_conn_get_msg (pair.conn);

    CHECK (msg != NULL);
    collect (pair.ctx, pair.conn, msg, &received);
    nopoll_msg_unref (msg);
  }
  CHECK_MEM (received.bytes, received.size, text, 400000);
  CHECK_INT (nopoll_conn_read_pending (pair.conn), 0);
  free (received.bytes);
  free (text);
  close_zipped (&pair, &zip);
}

TEST (violations_end_the_connection_with_their_status)
{
  static const struct { int first; const char *bytes; int size; const char *status; } cases[] = {
    /* Not DEFLATE. */
    { 0xc1, "\x06", 1, "\x03\xef" },
    { 0xc2, "\xf2\x00\x11\x00\x00", 5, "\x03\xef" },
    /* Reserved bits that aren't the extension's. */
    { 0xc9, "ping", 4, "\x03\xea" },
    { 0xa1, "two", 3, "\x03\xea" },
    { 0xd1, "\x00", 1, "\x03\xea" },
    { 0xc0, "\x00", 1, "\x03\xea" },
    { 0xc3, "\x00", 1, "\x03\xea" },
  };
  int server, i;

  for (server = 0; server < 2; server++)
    for (i = 0; i < NUMBER (cases); i++) {
      struct wire_pair pair;
      struct zip zip;

      open_zipped (&pair, &zip, server, NOPOLL_DELIVER_FRAMES);
      wire_put (&pair, cases[i].first, cases[i].bytes, cases[i].size);
      CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
      CHECK (!nopoll_conn_is_ok (pair.conn));
      wire_expect (&pair, 0x88, cases[i].status, 2);
      close_zipped (&pair, &zip);
    }
}

TEST (text_is_judged_when_it_is_inflated_also_across_fragments)
{
  static const struct { const char *text; int size, cut, ok; } cases[] = {
    { "\xff", 1, 1, 0 }, { "ok \xc3\xa4", 5, 4, 1 }, { "\xc3", 1, 1, 0 }, { "\xc3x", 2, 1, 0 },
    { "\xe2\x82\xac", 3, 1, 1 },
  };
  int i;

  for (i = 0; i < NUMBER (cases); i++) {
    unsigned char front[50], back[50];
    struct wire_pair pair;
    struct zip zip;

    open_zipped (&pair, &zip, 1, NOPOLL_DELIVER_MESSAGES);
    /* Each fragment flushed, tail and all. */
    zip_pack (&zip, cases[i].text, cases[i].cut, front, sizeof front);
    wire_put (&pair, 0x41, front, zip.out.next_out - front);
    if (cases[i].cut < cases[i].size)
      wire_put (&pair, 0x80, back, zip_pack (&zip, cases[i].text + cases[i].cut,
                                             cases[i].size - cases[i].cut, back, sizeof back));
    else
      wire_put (&pair, 0x80, "\0", 1);
    if (cases[i].ok) {
      wire_expect_msg (pair.conn, 1, 1, 0, cases[i].text, cases[i].size);
    } else {
      CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
      wire_expect (&pair, 0x88, "\x03\xef", 2);
      CHECK_STR (nopoll_conn_get_error_text (pair.conn), "text that is not UTF-8");
    }
    close_zipped (&pair, &zip);
  }
}

TEST (a_continuation_does_not_say_again_that_it_is_compressed)
{
  struct wire_pair pair;
  struct zip zip;

  open_zipped (&pair, &zip, 1, NOPOLL_DELIVER_FRAMES);
  wire_put (&pair, 0x41, "\xf2\x48\xcd", 3);
  wire_put (&pair, 0xc0, "\xc9\xc9\x07\x00", 4);
  wire_expect_msg (pair.conn, 1, 0, 1, "He", 2);
  CHECK (nopoll_conn_get_msg (pair.conn) == NULL);
  wire_expect (&pair, 0x88, "\x03\xea", 2);
  close_zipped (&pair, &zip);
}

TEST (messages_between_two_of_the_library_survive_every_setting)
{
  char *text = (char *) malloc (70000);
  int level;

  fill (text, 70000);
  for (level = 1; level <= 9; level += 2) {
    noPollCtx *ctx = nopoll_ctx_new ();
    noPollConn *listener, *client;
    struct received received = { NULL, 0, 0, 0 };
    long sizes[] = { 1, 200, 69000, 300, 5000, 12345 };
    long total = 0;
    int i;

    received.bytes = (char *) malloc (200000);
    nopoll_ctx_set_compression (ctx, nopoll_true);
    nopoll_ctx_set_compression_level (ctx, level);
    nopoll_ctx_set_compression_threshold (ctx, 0);
    nopoll_ctx_set_compression_window_bits (ctx, 9 + level % 7, 15 - level % 7);
    nopoll_ctx_set_compression_context_takeover (ctx, level % 4 == 1, level % 3 == 0);
    nopoll_ctx_set_on_msg (ctx, collect, &received);
    listener = wire_listener (ctx);
    client = nopoll_conn_new (ctx, "127.0.0.1", wire_port_text (nopoll_conn_socket (listener)), NULL,
                              NULL, NULL, NULL);
    LOOP_UNTIL (ctx, nopoll_conn_is_ready (client));
    CHECK (nopoll_conn_is_compressed (client));
    for (i = 0; i < NUMBER (sizes); i++) {
      CHECK_INT (nopoll_conn_send_text (client, text + i, sizes[i]), sizes[i]);
      LOOP_UNTIL (ctx, received.finals == i + 1);
      CHECK_MEM (received.bytes + total, received.size - total, text + i, sizes[i]);
      total += sizes[i];
    }
    nopoll_conn_close (client);
    LOOP_UNTIL (ctx, nopoll_ctx_conns (ctx) == 1);
    nopoll_conn_close (listener);
    nopoll_ctx_unref (ctx);
    free (received.bytes);
  }
  free (text);
}

#define THREADS 4
#define EACH 100

struct sender {
  noPollConn *conn;
  pthread_t thread;
  int number;
};

static void *send_many (void *data)
{
  struct sender *sender = (struct sender *) data;
  char text[200];
  int i;

  for (i = 0; i < EACH; i++) {
    int size = snprintf (text, sizeof text, "sender %d, message %d, %0*d", sender->number, i,
                         1 + i % 100, i);

    CHECK_INT (nopoll_conn_send_text (sender->conn, text, size), size);
  }
  return NULL;
}

TEST (threads_take_turns_in_one_compressed_stream)
{
  struct sender senders[THREADS];
  int next[THREADS] = { 0, 0, 0, 0 };
  struct wire_pair pair;
  struct zip zip;
  int i;

  open_zipped (&pair, &zip, 1, NOPOLL_DELIVER_FRAMES);
  nopoll_conn_set_sock_block (nopoll_conn_socket (pair.conn), nopoll_true);
  for (i = 0; i < THREADS; i++) {
    senders[i].conn = pair.conn;
    senders[i].number = i;
    pthread_create (&senders[i].thread, NULL, send_many, &senders[i]);
  }
  for (i = 0; i < THREADS * EACH; i++) {
    unsigned char packed[400];
    char text[400];
    int first, masked, sender, message;
    long size = wire_receive_frame (pair.peer, &first, &masked, packed, sizeof packed);

    CHECK_INT (first, 0xc1);
    text[zip_unpack (&zip, packed, size, text, sizeof text - 1)] = 0;
    CHECK_INT (sscanf (text, "sender %d, message %d,", &sender, &message), 2);
    CHECK (sender >= 0 && sender < THREADS);
    CHECK_INT (message, next[sender]++);
  }
  for (i = 0; i < THREADS; i++)
    pthread_join (senders[i].thread, NULL);
  close_zipped (&pair, &zip);
}

TESTS (CASE (the_examples_of_rfc_7692_are_received),
       CASE (messages_go_out_compressed_and_refer_to_earlier_ones),
       CASE (fragments_are_one_compressed_message),
       CASE (short_and_empty_messages_go_out_as_they_are),
       CASE (without_takeover_every_message_stands_alone),
       CASE (whole_messages_are_joined_from_compressed_fragments),
       CASE (pieces_come_as_far_as_they_can_be_told),
       CASE (a_stream_of_bytes_is_read_through_the_compression),
       CASE (the_loop_dispatches_what_comes_of_few_bytes),
       CASE (what_a_stop_leaves_of_a_compressed_frame_is_served_first),
       CASE (violations_end_the_connection_with_their_status),
       CASE (text_is_judged_when_it_is_inflated_also_across_fragments),
       CASE (a_continuation_does_not_say_again_that_it_is_compressed),
       CASE (threads_take_turns_in_one_compressed_stream),
       CASE (messages_between_two_of_the_library_survive_every_setting))
