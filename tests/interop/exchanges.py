"""The library against itself and against other implementations, as client and as server."""
from harness import test
from peers import PAIRS as IMPLEMENTATIONS
from peers import Peer, connected, listening

PAIRS = [*IMPLEMENTATIONS, ("minimal", "C")]
TEXT = "Grüße, κόσμε, 世界 🐎"
MEBIBYTE = 1 << 20


def exchange(what, pairs=PAIRS):
    """A test for each pair of client and server; the function gets both, connected."""
    def add(function):
        for client_kind, server_kind in pairs:
            @test(f"{client_kind} client, {server_kind} server: {what}")
            def run(bench, kinds=(client_kind, server_kind)):
                client, server = connected(bench, *kinds)
                function(client, server)
                client.end()
                server.end()
        return function
    return add


def both_ways(client, server):
    return (client, server), (server, client)


@exchange("text, binary and empty messages both ways")
def messages(client, server):
    for sender, receiver in both_ways(client, server):
        for content in "hello", TEXT, "with\0NUL", bytes(range(256)), "", b"", "x" * 125, "x" * 126:
            sender.send(content)
            receiver.receives(content)


@exchange("fragmented messages both ways")
def fragments(client, server):
    for sender, receiver in both_ways(client, server):
        sender.send_fragments("one ", "two ", TEXT)
        receiver.receives("one two " + TEXT)
        sender.send_fragments(b"\x00\xff" * 1000, b"\x01", b"\x02" * 70000)
        receiver.receives(b"\x00\xff" * 1000 + b"\x01" + b"\x02" * 70000)
        sender.send("whole")
        receiver.receives("whole")


@exchange("a character cut by fragments", [pair for pair in PAIRS if "websockets" not in pair])
def cut_characters(client, server):
    # Its pieces are no text by themselves, so they are passed as bytes of a text message.
    for sender, receiver in both_ways(client, server):
        pieces = [TEXT.encode()[i:i + 1] for i in range(len(TEXT.encode()))]
        sender.command("fragments", "text", *(piece.hex() for piece in pieces))
        receiver.receives(TEXT)


@exchange("1 MiB of text and of bytes both ways at once")
def large(client, server):
    text, data = "0123456789abcdef" * (MEBIBYTE // 16), bytes(range(256)) * (MEBIBYTE // 256)
    for sender in client, server:
        sender.send(text)
        sender.send(data)
    for receiver in client, server:
        receiver.receives(text)
        receiver.receives(data)


@exchange("many messages both ways at once arrive in their order")
def many(client, server):
    for i in range(500):
        for sender in client, server:
            sender.send(f"message {i}")
    for i in range(500):
        for receiver in client, server:
            receiver.receives(f"message {i}")


@exchange("pings both ways, also inside a fragmented message")
def pings(client, server):
    for sender, receiver in both_ways(client, server):
        for payload in b"are you there", b"x" * 125:
            sender.ping(payload)
            receiver.is_pinged(payload)
            sender.gets_pong(payload)
        sender.send("after")
        receiver.receives("after")


@exchange("the client closes with a status and a reason")
def client_closes(client, server):
    closes(client, server, 4001, "had enough, " + TEXT)


@exchange("the server closes with a status and a reason")
def server_closes(client, server):
    closes(server, client, 1001, "going away")


@exchange("the client closes without a reason")
def client_closes_without_reason(client, server):
    closes(client, server, 1000, "")


# libwebsockets has no close frame without a status: it sends none at all.
@exchange("the server closes without a status", [pair for pair in PAIRS if pair[1] != "libwebsockets"])
def server_closes_without_status(client, server):
    server.send("last words")
    server.close()
    client.receives("last words")
    client.is_closed(1005)


def closes(one, other, status, reason):
    one.send("last words")
    one.close(status, reason)
    other.receives("last words")
    other.is_closed(status, reason)
    one.has_closed(status)


for _client, _server in PAIRS:
    @test(f"{_client} client, {_server} server: the sub-protocol is agreed upon")
    def protocol(bench, kinds=(_client, _server)):
        client_kind, server_kind = kinds
        server, port = listening(bench, server_kind, "superchat")
        client = Peer(bench, client_kind, "connect", "127.0.0.1", port, "/", "chat, superchat")
        client.is_open("superchat")
        server.is_open("superchat")
        client.end()
        server.end()
