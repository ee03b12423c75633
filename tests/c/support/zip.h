/*
 * zip.h - a peer that compresses, by zlib itself (programs need libs=z).
 */
#ifndef ZIP_H
#define ZIP_H

#include <zlib.h>

#include "wire.h"

#define ZIP_PLAIN "Sec-WebSocket-Extensions: permessage-deflate\r\n"

/* The peer's two streams, which go on from message to message. */
struct zip {
  z_stream out;
  z_stream in;
};

static inline void zip_start (struct zip *zip)
{
  memset (zip, 0, sizeof *zip);
  CHECK_INT (deflateInit2 (&zip->out, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  CHECK_INT (inflateInit2 (&zip->in, -15), Z_OK);
}

static inline void zip_end (struct zip *zip)
{
  deflateEnd (&zip->out);
  inflateEnd (&zip->in);
}

/* Compresses into out; without the tail of the flush, which the last frame of a message lacks. */
static inline long zip_pack (struct zip *zip, const void *payload, long size, void *out, long room)
{
  zip->out.next_in = (Bytef *) payload;
  zip->out.avail_in = size;
  zip->out.next_out = (Bytef *) out;
  zip->out.avail_out = room;
  CHECK_INT (deflate (&zip->out, Z_SYNC_FLUSH), Z_OK);
  CHECK (zip->out.avail_in == 0 && zip->out.avail_out > 0);
  return room - zip->out.avail_out - 4;
}

/* Decompresses the payload of a message into out. */
static inline long zip_unpack (struct zip *zip, const void *payload, long size, void *out, long room)
{
  static unsigned char tail[4] = { 0, 0, 0xff, 0xff };

  zip->in.next_in = (Bytef *) payload;
  zip->in.avail_in = size;
  zip->in.next_out = (Bytef *) out;
  zip->in.avail_out = room;
  if (size > 0)
    CHECK_INT (inflate (&zip->in, Z_SYNC_FLUSH), Z_OK);
  zip->in.next_in = tail;
  zip->in.avail_in = sizeof tail;
  CHECK_INT (inflate (&zip->in, Z_SYNC_FLUSH), Z_OK);
  CHECK (zip->in.avail_in == 0 && zip->in.avail_out > 0);
  return room - zip->in.avail_out;
}

/* Sends a message to the library in one frame, compressed; first without the bit that says so. */
static inline void zip_put (struct zip *zip, struct wire_pair *pair, int first, const void *payload,
                     long size)
{
  long room = size + size / 100 + 100;
  unsigned char *packed = (unsigned char *) malloc (room);

  wire_put (pair, first | 0x40, packed, zip_pack (zip, payload, size, packed, room));
  free (packed);
}

/* The next frame from the library is this message, compressed. Returns its size on the wire. */
static inline long zip_expect (struct zip *zip, struct wire_pair *pair, int first, const void *payload,
                        long size)
{
  long room = size + size / 100 + 100;
  unsigned char *packed = (unsigned char *) malloc (room);
  unsigned char *unpacked = (unsigned char *) malloc (room);
  int got_first, masked;
  long packed_size = wire_receive_frame (pair->peer, &got_first, &masked, packed, room);
  long got = zip_unpack (zip, packed, packed_size, unpacked, room);

  CHECK_INT (got_first, first | 0x40);
  CHECK_INT (masked, !pair->server);
  CHECK_MEM (unpacked, got, payload, size);
  free (packed);
  free (unpacked);
  return packed_size;
}

#endif
