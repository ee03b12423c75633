"""permessage-deflate between the library and others, with every parameter each of them supports."""
import random

from exchanges import TEXT
from harness import test
from peers import Peer, listening

PAIRS = [("C", "C"), ("websockets", "C"), ("ws", "C"), ("C", "websockets"), ("C", "ws")]
# What may be asked for in one direction: a window, and whether messages may refer to earlier ones.
DIRECTIONS = [f"{bits}{fresh}" for bits in range(9, 16) for fresh in ("", "!")]
# The directions are independent of each other: each is tried in either place, with another.
COMBINATIONS = [f"{send}/{DIRECTIONS[(5 * i + 3) % len(DIRECTIONS)]}"
                for i, send in enumerate(DIRECTIONS)]
NOTHING = "15/15"


def contents():
    chance = random.Random(1)
    words = "the quick brown fox jumps over a lazy dog and runs away".split()
    prose = " ".join(chance.choice(words) for _ in range(8000))
    event = '{"id": %d, "method": "changed", "topic": "/lamps/kitchen", "value": true}'
    return [event % 1, event % 2, event % 2, TEXT, prose, prose[:500], chance.randbytes(40000),
            b"\0" * 100000, "", "x", event % 3]


CONTENTS = contents()


def converse(client, server, is_compressed=True):
    for peer in client, server:
        peer.is_open()
        if is_compressed:
            peer.hears("compressed")
    for sender, receiver in (client, server), (server, client):
        for content in CONTENTS:
            sender.send(content)
            receiver.receives(content)
        sender.send_fragments("one ", "two ", CONTENTS[4], TEXT)
        receiver.receives("one two " + CONTENTS[4] + TEXT)
    client.close(1000, "done")
    server.is_closed(1000, "done")
    client.has_closed(1000)


def client_of(bench, kind, settings, port):
    return Peer(bench, kind, f"--deflate={settings}", "connect", "127.0.0.1", port, "/")


def server_of(bench, kind, settings):
    server = Peer(bench, kind, f"--deflate={settings}", "listen")
    return server, server.process.expect(r"listening (\d+)").group(1)


for _client, _server in PAIRS:
    @test(f"{_client} client, {_server} server: compression as the client asks for it")
    def client_asks(bench, kinds=(_client, _server)):
        client_kind, server_kind = kinds
        server, port = server_of(bench, server_kind, NOTHING)
        for settings in COMBINATIONS:
            client = client_of(bench, client_kind, settings, port)
            converse(client, server)
            client.end()
        server.end()

    @test(f"{_client} client, {_server} server: compression as the server asks for it")
    def server_asks(bench, kinds=(_client, _server)):
        client_kind, server_kind = kinds
        for settings in COMBINATIONS:
            server, port = server_of(bench, server_kind, settings)
            client = client_of(bench, client_kind, NOTHING, port)
            converse(client, server)
            client.end()
            server.end()

# No engine makes a window of 8 bits, but some promise to keep to it: who asks, for what, and whether
# anything is agreed upon. This library reads what they send, sends nothing compressed to those who
# can't read more, and as a server declines to be asked.
EIGHT = [("ws", "C", "client", "8/15", True), ("C", "ws", "server", "8/15", True),
         ("C", "ws", "server", "15/8", True), ("C", "websockets", "server", "15/8", True),
         ("ws", "C", "client", "15/8", False), ("websockets", "C", "client", "15/8", False)]

for _client, _server, _asker, _settings, _agreed in EIGHT:
    @test(f"{_client} client, {_server} server: the {_asker} asks for {_settings} bits")
    def eight_bits(bench, kinds=(_client, _server), asker=_asker, settings=_settings,
                   agreed=_agreed):
        client_kind, server_kind = kinds
        of_client, of_server = ((settings, NOTHING) if asker == "client"
                                else (NOTHING, settings))
        server, port = server_of(bench, server_kind, of_server)
        client = client_of(bench, client_kind, of_client, port)
        converse(client, server, agreed)
        client.end()
        server.end()

for _kind in "websockets", "ws":
    @test(f"{_kind} client that offers compression, C server that doesn't want any")
    def not_wanted(bench, kind=_kind):
        server, port = listening(bench, "C")
        client = client_of(bench, kind, NOTHING, port)
        for peer in client, server:
            peer.is_open()
        client.send(CONTENTS[4])
        server.receives(CONTENTS[4])
        client.end()
        server.end()
