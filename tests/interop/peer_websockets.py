"""Python's websockets as one end of an exchange; commands and events are those of peers.py.

    peer_websockets.py [OPTION] listen [PROTOCOL]
    peer_websockets.py [OPTION] connect ADDRESS PORT PATH [PROTOCOLS]

OPTION: --deflate=SEND/RECEIVE or --tls=CERTIFICATE,KEY,CA,VERSION
"""
import asyncio
import ssl
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory)
from websockets.frames import Opcode

LONGEST_LINE = 64 * 1024 * 1024


def say(*words):
    print(*words, flush=True)


class TellsPings:
    """Reports pings, which websockets answers by itself without telling."""

    def process_event(self, event):
        if getattr(event, "opcode", None) is Opcode.PING:
            say("ping", bytes(event.data).hex())
        super().process_event(event)


class Server(TellsPings, ServerConnection):
    pass


class Client(TellsPings, ClientConnection):
    pass


class Peer:
    def __init__(self):
        self.connection = None
        self.pongs = set()

    async def receive(self, connection):
        self.connection = connection
        say("open", (connection.subprotocol or "").encode().hex())
        if connection.protocol.extensions:
            say("compressed")
        try:
            async for message in connection:
                if isinstance(message, str):
                    say("message text", message.encode().hex())
                else:
                    say("message binary", message.hex())
        except ConnectionClosed:
            pass
        say("closed", connection.close_code, (connection.close_reason or "").encode().hex())

    async def await_pong(self, waiter, data):
        await waiter
        say("pong", data.hex())

    async def obey(self, command, *words):
        if command in ("send", "fragments"):
            parts = [bytes.fromhex(word.strip("-")) for word in words[1:]]
            if words[0] == "text":
                parts = [part.decode() for part in parts]
            await self.connection.send(parts if command == "fragments" else parts[0])
        elif command == "ping":
            data = bytes.fromhex(words[0])
            waiter = await self.connection.ping(data)
            self.pongs.add(asyncio.create_task(self.await_pong(waiter, data)))
        elif command == "close" and words:
            await self.connection.close(int(words[0]), bytes.fromhex("".join(words[1:])).decode())
        elif command == "close":
            # websockets offers no closing without a status; its protocol object does.
            async with self.connection.send_context():
                self.connection.protocol.send_close()
        else:
            say("error:", command)

    async def read_commands(self):
        lines = asyncio.StreamReader(limit=LONGEST_LINE)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            try:
                await self.obey(*line.decode().split())
            except ConnectionClosed as trouble:
                say("error:", trouble)


def extensions(role, settings):
    """The extension as --deflate=SEND/RECEIVE asks for it."""
    send, receive = settings.split("/")
    server, client = (send, receive) if role == "listen" else (receive, send)
    factory = (ServerPerMessageDeflateFactory if role == "listen"
               else ClientPerMessageDeflateFactory)

    def bits(side):
        return None if side.strip("!") == "15" else int(side.strip("!"))

    client_bits = bits(client) or (True if role == "connect" else None)
    return {"compression": None, "extensions": [factory(
        server_no_context_takeover="!" in server, client_no_context_takeover="!" in client,
        server_max_window_bits=bits(server), client_max_window_bits=client_bits)]}


def tls(role, settings):
    """A context as --tls=CERTIFICATE,KEY,CA,VERSION asks for it."""
    certificate, key, ca, version = settings.split(",")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "listen" else ssl.PROTOCOL_TLS_CLIENT)
    if certificate:
        context.load_cert_chain(certificate, key)
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    elif role == "connect":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if version == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return {"ssl": context}


async def main(role, *arguments):
    options = {}
    scheme = "ws"
    if role.startswith("--deflate="):
        settings, (role, *arguments) = role.removeprefix("--deflate="), arguments
        options = extensions(role, settings)
    if role.startswith("--tls="):
        settings, (role, *arguments) = role.removeprefix("--tls="), arguments
        options = tls(role, settings)
        scheme = "wss"
    peer = Peer()
    if role == "listen":
        async with serve(peer.receive, "127.0.0.1", 0, subprotocols=arguments or None,
                         ping_interval=None, create_connection=Server, **options) as server:
            say("listening", server.sockets[0].getsockname()[1])
            await peer.read_commands()
        return
    address, port, path, *protocols = arguments
    protocols = protocols[0].split(", ") if protocols else None
    try:
        async with connect(f"{scheme}://{address}:{port}{path}", subprotocols=protocols,
                           ping_interval=None, create_connection=Client,
                           **options) as connection:
            receiving = asyncio.create_task(peer.receive(connection))
            await peer.read_commands()
        await receiving
    except InvalidStatus as refusal:
        say("refused", refusal.response.status_code)
        await peer.read_commands()
    except Exception as trouble:  # ssl.SSLError, or what the end of the stream looks like
        if scheme == "ws":
            raise
        say("failed", repr(trouble))
        await peer.read_commands()


asyncio.run(main(*sys.argv[1:]))
