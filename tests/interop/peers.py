"""Peers: one end of an exchange each, which say what happens and do what they are told.

There is one for each implementation, as a program: peer.c (this library), peer_websockets.py,
peer_ws.js, peer_lws.c, tungstenite/, peer_minimal.py (a client only). All of them speak the same language, a line at a time; bytes are hexadecimal, and "-" is
none.

    command                           what it does
    send text|binary BYTES            sends a message
    fragments text|binary BYTES...    sends one in fragments
    ping BYTES                        sends a ping
    close [STATUS [BYTES]]            closes the connection, with a status and a reason
    (the end of the input)            ends the program

    event                             what has happened
    listening PORT
    open BYTES                        a handshake is complete; the sub-protocol
    compressed                        follows open, if compression was agreed upon
    refused STATUS                    the server's answer to a client was something else than 101
    message text|binary BYTES         a whole message has arrived
    ping BYTES, pong BYTES            likewise; this library answers pings, but hears no pongs, and
                                      libwebsockets tells of no pings
    closed STATUS BYTES               the connection has ended; 1006 without a close frame
    failed WORDS                      a client didn't get as far as an HTTP answer, and why

A first argument --deflate=SEND/RECEIVE has a peer compress every message. SEND and RECEIVE say what
it asks for in either direction: the bits of the window, and "!" behind them where no message may
refer to earlier ones. 15 asks for nothing.

A first argument --tls=CERTIFICATE,KEY,CA,VERSION has it speak TLS: with these files, PEM each, and at
most this version, which this library leaves to its peer. Each may be empty. A client checks the server
against the CA and, with that, for its address; a server demands certificates of it.
"""
from environment import HERE, LWS_PEER, TUNGSTENITE_PEER
from harness import equal

# What a client and a server are made with; "C" is this library.
OTHERS = ["websockets", "ws", "libwebsockets", "tungstenite"]
PAIRS = [("C", "C"), *((other, "C") for other in OTHERS), *(("C", other) for other in OTHERS)]


class Peer:
    def __init__(self, bench, kind, *arguments):
        self.kind = kind
        if kind == "C":
            self.process = bench.program("peer", *arguments)
        elif kind == "websockets":
            self.process = bench.python(HERE / "peer_websockets.py", *arguments)
        elif kind == "minimal":
            self.process = bench.python(HERE / "peer_minimal.py", *arguments)
        elif kind == "ws":
            self.process = bench.node(HERE / "peer_ws.js", *arguments)
        else:
            program = {"libwebsockets": LWS_PEER, "tungstenite": TUNGSTENITE_PEER}[kind]
            self.process = bench.start(program, *arguments)

    # Commands.

    def send(self, content):
        self.command("send", *typed(content))

    def send_fragments(self, *parts):
        kind, _ = typed(parts[0])
        self.command("fragments", kind, *(typed(part)[1] for part in parts))

    def ping(self, payload):
        self.command("ping", payload.hex())

    def close(self, status=None, reason=None):
        words = [] if status is None else [str(status)]
        self.command("close", *words, *([reason.encode().hex()] if reason else []))

    def end(self):
        self.process.end_of_input()
        self.process.ends_well()

    def command(self, *words):
        self.process.write(" ".join(words) + "\n")

    # Events.

    def is_open(self, protocol=""):
        self.hears("open", protocol.encode().hex())

    def receives(self, content):
        kind, text = typed(content)
        self.hears(f"message {kind}", text.strip("-"))

    def is_pinged(self, payload):
        if self.kind != "libwebsockets":
            self.hears("ping", payload.hex())

    def gets_pong(self, payload):
        if self.kind != "C":
            self.hears("pong", payload.hex())

    def is_closed(self, status, reason=""):
        self.hears("closed", str(status), reason.encode().hex())

    def has_closed(self, status):
        """After close(): the others report the answer, which repeats the status. This library doesn't
        wait for it, but its loop may see it before the call ends; libwebsockets keeps it to itself."""
        if self.kind in ("C", "libwebsockets"):
            self.process.expect(f"closed (1006|{status}) .*")
        else:
            self.is_closed(status)

    def hears(self, *words):
        equal(self.process.line(), " ".join(words), f"event of {self.kind}")


def typed(content):
    if isinstance(content, str):
        return "text", content.encode().hex() or "-"
    return "binary", content.hex() or "-"


def listening(bench, kind, *arguments):
    """A server and its port."""
    server = Peer(bench, kind, "listen", *arguments)
    return server, server.process.expect(r"listening (\d+)").group(1)


def connected(bench, client_kind, server_kind):
    """A client and a server, connected to each other."""
    server, port = listening(bench, server_kind)
    client = Peer(bench, client_kind, "connect", "127.0.0.1", port, "/")
    client.is_open()
    server.is_open()
    return client, server
