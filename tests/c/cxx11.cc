/* run.py: cflags=-DSHOW_DEBUG_LOG */
// A program in C++ (2011 or later): declarations, macros, handlers, the private header.
#include <nopoll.h>
#define NOPOLL_WITHOUT_TLS
#include <nopoll_private.h>

#include <memory>
#include <string>

#include "support/records.h"
#include "support/wire.h"

namespace {

struct Release {
  void operator() (noPollCtx *ctx) const { nopoll_ctx_unref (ctx); }
  void operator() (noPollMsg *msg) const { nopoll_msg_unref (msg); }
  void operator() (char *text) const { nopoll_free (text); }
};

using Context = std::unique_ptr<noPollCtx, Release>;
using Message = std::unique_ptr<noPollMsg, Release>;
using Text = std::unique_ptr<char, Release>;

struct Room {
  std::string said;
  int closed = 0;

  static nopoll_bool enter (noPollCtx *, noPollConn *conn, noPollPtr room)
  {
    nopoll_conn_set_hook (conn, room);
    nopoll_conn_set_on_close (conn, [] (noPollCtx *, noPollConn *, noPollPtr data) {
      ++static_cast<Room *> (data)->closed;
    }, room);
    return nopoll_true;
  }

  static void hear (noPollCtx *, noPollConn *conn, noPollMsg *msg, noPollPtr)
  {
    Room *room = static_cast<Room *> (nopoll_conn_get_hook (conn));

    room->said.append (reinterpret_cast<const char *> (nopoll_msg_get_payload (msg)),
                       static_cast<std::size_t> (nopoll_msg_get_payload_size (msg)));
    nopoll_conn_send_text (conn, room->said.data (), static_cast<long> (room->said.size ()));
  }
};

TEST (handlers_may_be_lambdas_and_members)
{
  Context ctx (nopoll_ctx_new ());
  noPollConn *listener = wire_listener (ctx.get ());
  Room room;
  Message answer;

  nopoll_ctx_set_on_open (ctx.get (), Room::enter, &room);
  nopoll_ctx_set_on_msg (ctx.get (), Room::hear, nullptr);
  noPollConn *client = nopoll_conn_new (ctx.get (), "127.0.0.1",
                                        wire_port_text (nopoll_conn_socket (listener)), nullptr,
                                        nullptr, nullptr, nullptr);
  nopoll_conn_set_on_msg (client, [] (noPollCtx *, noPollConn *, noPollMsg *msg, noPollPtr data) {
    nopoll_msg_ref (msg);
    static_cast<Message *> (data)->reset (msg);
  }, &answer);
  LOOP_UNTIL (ctx.get (), nopoll_conn_is_ready (client));
  CHECK_INT (nopoll_conn_send_text (client, "hello", 5), 5);
  LOOP_UNTIL (ctx.get (), answer != nullptr);
  CHECK_STR (reinterpret_cast<const char *> (nopoll_msg_get_payload (answer.get ())), "hello");
  nopoll_conn_close (client);
  LOOP_UNTIL (ctx.get (), room.closed == 1);
  LOOP_UNTIL (ctx.get (), nopoll_ctx_conns (ctx.get ()) == 1);
  nopoll_conn_close (listener);
  CHECK_INT (nopoll_ctx_ref_count (ctx.get ()), 1);
}

int doubled (noPollCtx *ctx, int number)
{
  nopoll_return_val_if_fail (ctx, number > 0, 0);
  return 2 * number;
}

TEST (macros_are_cpp_too)
{
  Context ctx (nopoll_ctx_new ());
  records *kept = nopoll_new (records, 1);
  int number = -7;

  CHECK (kept != nullptr);
  records_of (ctx.get (), kept);
  nopoll_log (ctx.get (), NOPOLL_LEVEL_WARNING, "%s", "text");
  CHECK (records_name (kept, "text"));
  CHECK_INT (doubled (ctx.get (), -1), 0);
  CHECK_INT (kept->count, 2);
  CHECK_INT (doubled (ctx.get (), 2), 4);
  CHECK_INT (PTR_TO_INT (INT_TO_PTR (number)), -7);
  records_of (ctx.get (), nullptr);
  nopoll_free (kept);
  noPollOpCode code = NOPOLL_PING_FRAME;
  CHECK_INT (code, 9);
  noPollSslProtocol protocol = NOPOLL_METHOD_TLS_FLEXIBLE;
  CHECK_INT (protocol, 7);
}

TEST (strings_and_members_are_reached)
{
  Context ctx (nopoll_ctx_new ());
  Text text (nopoll_strdup_printf ("%d %s %.1f", 1, "two", 3.0));

  CHECK_STR (text.get (), "1 two 3.0");
  CHECK_INT (ctx->refs, 1);
  Message msg (nopoll_msg_new ());
  CHECK_INT (msg->refs, 1);
  CHECK (msg->payload == nullptr);
}

}   // namespace

TESTS (CASE (handlers_may_be_lambdas_and_members), CASE (macros_are_cpp_too),
       CASE (strings_and_members_are_reached))
