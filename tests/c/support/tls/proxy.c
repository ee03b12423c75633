#include "proxy.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

/* RFC 8446 §5.1: type, version 3.x, length. */
static void inspect (struct tls_proxy *proxy, int way, const unsigned char *bytes, long size)
{
  long i;

  for (i = 0; i < size; i++) {
    if (proxy->left[way] > 0) {
      proxy->left[way]--;
      continue;
    }
    proxy->head[way][proxy->at[way]++] = bytes[i];
    if (proxy->at[way] == 5) {
      const unsigned char *head = proxy->head[way];
      int length = head[3] << 8 | head[4];

      if (head[0] < 20 || head[0] > 23 || head[1] != 3 || head[2] > 4 || length > 16640)
        proxy->clear[way] = 1;
      proxy->records[way][head[0]]++;
      proxy->left[way] = length;
      proxy->at[way] = 0;
    }
  }
}

static int hand_on (struct tls_proxy *proxy, int from, int to, int way)
{
  unsigned char bytes[4096];
  ssize_t n = recv (from, bytes, (size_t) proxy->portion, 0), sent = 0;

  if (n <= 0) {
    shutdown (to, SHUT_WR);
    return 0;
  }
  inspect (proxy, way, bytes, n);
  proxy->bytes[way] += n;
  while (sent < n) {
    ssize_t m = send (to, bytes + sent, (size_t) (n - sent), MSG_NOSIGNAL);

    if (m <= 0)
      return 0;
    sent += m;
  }
  /* So that the other end looks before there is more. */
  sched_yield ();
  return 1;
}

static void relay (struct tls_proxy *proxy, int near, int far)
{
  struct pollfd fds[3];
  int open[2] = { 1, 1 }, on = 1;

  setsockopt (near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  while (open[0] || open[1]) {
    fds[0].fd = open[0] ? near : -1;
    fds[1].fd = open[1] ? far : -1;
    fds[2].fd = proxy->stop[0];
    fds[0].events = fds[1].events = fds[2].events = POLLIN;
    if (poll (fds, 3, -1) < 0 || fds[2].revents != 0)
      break;
    if (fds[0].revents != 0)
      open[0] = hand_on (proxy, near, far, 0);
    if (fds[1].revents != 0)
      open[1] = hand_on (proxy, far, near, 1);
  }
}

static void *run (void *data)
{
  struct tls_proxy *proxy = (struct tls_proxy *) data;
  struct pollfd fds[2];

  fds[0].fd = proxy->stop[0];
  fds[1].fd = proxy->listening;
  fds[0].events = fds[1].events = POLLIN;
  while (poll (fds, 2, -1) >= 0 && fds[0].revents == 0) {
    int near = accept (proxy->listening, NULL, NULL);
    int far = wire_connect (proxy->to_port);

    memset (proxy->left, 0, sizeof proxy->left);
    memset (proxy->at, 0, sizeof proxy->at);
    relay (proxy, near, far);
    close (near);
    close (far);
  }
  return NULL;
}

void tls_proxy_start (struct tls_proxy *proxy)
{
  pthread_t *thread = (pthread_t *) malloc (sizeof *thread);

  proxy->listening = wire_listen ();
  proxy->port = wire_port (proxy->listening);
  if (proxy->portion == 0)
    proxy->portion = 4096;
  CHECK (pipe (proxy->stop) == 0);
  CHECK (pthread_create (thread, NULL, run, proxy) == 0);
  proxy->thread = thread;
}

void tls_proxy_stop (struct tls_proxy *proxy)
{
  pthread_t *thread = (pthread_t *) proxy->thread;

  close (proxy->stop[1]);
  pthread_join (*thread, NULL);
  free (thread);
  close (proxy->stop[0]);
  close (proxy->listening);
  CHECK_INT (proxy->clear[0], 0);
  CHECK_INT (proxy->clear[1], 0);
}
