/*
 * support.h - what the examples have in common: opening, signals, saying what went wrong.
 *
 * nopoll.h comes before any other header: it asks for the GNU extensions that programs expect.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <nopoll.h>

/*
 * A listener on an address and port; port "0" lets the system choose. With files of a
 * certificate, its chain included, and its key (PEM) it speaks TLS, without (NULL) it doesn't.
 * Prints "listening on ADDRESS:PORT", or why it can't. Returns NULL then.
 */
noPollConn *open_listener (noPollCtx *ctx, const char *address, const char *port,
                           const char *certificate, const char *key);

#define LISTENER_USAGE "[-a ADDRESS] [-c CERTIFICATE -k KEY] [-v] [PORT]"

/*
 * The same as the command line says, which is LISTENER_USAGE: the address is 127.0.0.1 without
 * -a, the port 0 without a PORT, and -v shows what the library logs. Ends the program with the
 * usage if it says else.
 */
noPollConn *open_listener_for (noPollCtx *ctx, int argc, char **argv, const char *usage);

/*
 * A client connection to ws://HOST[:PORT][/PATH], or wss://, with its opening handshake done.
 * Prints why it can't be had. Returns NULL then. Give it back with nopoll_conn_close ().
 */
noPollConn *open_client (noPollCtx *ctx, const char *url);

/* From now on SIGINT and SIGTERM make stopped () true and end a running nopoll_loop_wait (ctx). */
void stop_on_signals (noPollCtx *ctx);
nopoll_bool stopped (void);

/*
 * Runs the loop until a signal stops it, then tells the peers that the server is going away, and
 * closes everything.
 */
void serve_until_stopped (noPollCtx *ctx, noPollConn *listener);

/* Why a connection is dead, in words: "closed by the peer: 1000 bye". Valid until the next call. */
const char *why_closed (noPollConn *conn);

/* Ends the program with "usage: PROGRAM USAGE". */
void exit_with_usage (char **argv, const char *usage);

/* A whole decimal number within limits; ends the program with a message otherwise. */
long number_argument (const char *what, const char *text, long least, long most);

#endif
