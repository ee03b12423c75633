/* uws_echo.cpp - the same echo server on uWebSockets. Prints "port N". */
#include "App.h"

#include <cstdio>
#include <cstdlib>

struct PerConnection {
};

int main (int argc, char **argv)
{
  using Socket = uWS::WebSocket<false, true, PerConnection>;
  int port = argc > 1 ? atoi (argv[1]) : 0;

  uWS::App ()
    .ws<PerConnection> ("/*", {
      .compression = uWS::DISABLED,
      .maxPayloadLength = 16 * 1024 * 1024,
      .idleTimeout = 0,
      .maxBackpressure = 64 * 1024 * 1024,
      .message = [] (Socket *ws, std::string_view message, uWS::OpCode opcode) {
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
