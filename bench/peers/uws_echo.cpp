/* uws_echo.cpp - the same server on uWebSockets: [--sink | --push N SIZE] [PORT]. Prints "port N". */
#include "App.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../burst.h"

struct PerConnection {
};

int main (int argc, char **argv)
{
  using Socket = uWS::WebSocket<false, true, PerConnection>;
  struct burst *burst = nullptr;
  bool sink = false;
  int port = 0;

  for (int i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--sink") == 0)
      sink = true;
    else if (strcmp (argv[i], "--push") == 0 && i + 2 < argc) {
      burst = burst_new (atoi (argv[i + 1]), atol (argv[i + 2]));
      i += 2;
    } else
      port = atoi (argv[i]);
  }
  /* It writes large messages with writev: a client that is gone would end the server. */
  signal (SIGPIPE, SIG_IGN);
  uWS::App ()
    .ws<PerConnection> ("/*", {
      .compression = uWS::DISABLED,
      .maxPayloadLength = 16 * 1024 * 1024,
      .idleTimeout = 0,
      .maxBackpressure = 64 * 1024 * 1024,
      .message = [sink, burst] (Socket *ws, std::string_view message, uWS::OpCode opcode) {
        if (burst != nullptr)
          for (int i = 0; i < burst->count; i++)
            ws->send (std::string_view (burst_payload (burst, i), burst->size), uWS::BINARY, false);
        else if (!sink)
          ws->send (message, opcode, false);
      }
    })
    .listen ("127.0.0.1", port, [] (us_listen_socket_t *socket) {
      if (socket == nullptr)
        exit (1);
      printf ("port %d\n", us_socket_local_port (0, (us_socket_t *) socket));
      fflush (stdout);
    })
    .run ();
  return 1;
}
