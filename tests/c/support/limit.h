/*
 * limit.h - a kernel that takes as many bytes as it is told.
 *
 * A program that includes this file answers the library's sends itself: on one descriptor so many
 * bytes are taken, then none. Include it in one file of a program.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <sys/syscall.h>

#include "threads.h"
#include "wire.h"

/* The descriptor that is watched; -1: none. */
static int limit_fd = -1;
/* What it takes before it would block; negative: everything. */
static long limit_left = -1;
/* How often something was written to it, or tried. */
static long limit_writes;

/* Watches the connection's descriptor from now on. */
static void limit_to (noPollConn *conn, long bytes)
{
  limit_fd = nopoll_conn_socket (conn);
  limit_left = bytes;
  limit_writes = 0;
}

static void limit_off (void)
{
  SHARED_SET (limit_fd, -1);
  SHARED_SET (limit_left, -1);
}

ssize_t sendmsg (int fd, const struct msghdr *message, int flags)
{
  struct msghdr part = *message;
  struct iovec parts[64];
  long limit = SHARED_GET (limit_left);
  size_t i, count = 0, room = (size_t) limit;
  ssize_t n;

  if (fd != SHARED_GET (limit_fd))
    return syscall (SYS_sendmsg, fd, message, flags);
  SHARED_ADD (limit_writes, 1);
  if (limit < 0)
    return syscall (SYS_sendmsg, fd, message, flags);
  for (i = 0; i < (size_t) message->msg_iovlen && room > 0 && count < 64; i++) {
    parts[count] = message->msg_iov[i];
    if (parts[count].iov_len > room)
      parts[count].iov_len = room;
    room -= parts[count].iov_len;
    count += parts[count].iov_len > 0;
  }
  if (count == 0) {
    errno = EAGAIN;
    return -1;
  }
  part.msg_iov = parts;
  part.msg_iovlen = count;
  n = syscall (SYS_sendmsg, fd, &part, flags);
  if (n > 0)
    SHARED_ADD (limit_left, -n);
  return n;
}

ssize_t send (int fd, const void *bytes, size_t size, int flags)
{
  struct iovec part;
  struct msghdr message;

  part.iov_base = (void *) bytes;
  part.iov_len = size;
  memset (&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return sendmsg (fd, &message, flags);
}

#endif
