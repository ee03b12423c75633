/*
 * proxy.h - stands between two ends of a TLS connection: hands the bytes on in small portions, and
 * looks at what goes by.
 */
#ifndef TLS_PROXY_H
#define TLS_PROXY_H

#include "tls.h"

struct tls_proxy {
  /* To be filled in: where to, and how many bytes at a time. */
  int to_port, portion;

  /* What it tells. Directions: 0 from the connecting end, 1 to it. */
  int port;
  long bytes[2];
  /* Something that is no TLS record went by. */
  int clear[2];
  /* Records by their type: 21 alert, 22 handshake, 23 data. */
  int records[2][256];

  int listening, stop[2];
  int left[2], at[2];
  unsigned char head[2][5];
  void *thread;
};

void tls_proxy_start (struct tls_proxy *proxy);
/* Ends it, and checks that nothing but TLS went by. */
void tls_proxy_stop (struct tls_proxy *proxy);

#endif
