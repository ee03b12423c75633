"""The example programs, used as a person would."""
import contextlib
import os
import re
import select
import socket
import tempfile
from pathlib import Path

from environment import TARGET, run
from exchanges import TEXT
from harness import check, equal, test
from peers import Peer, listening

LISTENING = r"listening on 127\.0\.0\.1:(\d+)"


def serving(bench, name, *arguments):
    """An example server and where it listens."""
    server = bench.example(name, *arguments)
    return server, "127.0.0.1", server.expect(LISTENING).group(1)


def stops(server):
    """Ctrl-C ends a server well."""
    server.interrupt()
    server.ends_well()
    check("stopping" in server.seen, "the server doesn't say that it stops")


def client(bench, address, port, path="/", *options):
    return bench.example("client", *options, f"ws://{address}:{port}{path}")


def three_clients(bench, *where):
    """Clients that an echo server has answered."""
    people = [client(bench, *where) for _ in range(3)]
    for person in people:
        person.write("hello\n")
        person.expect("hello")
    return people


def fails(process, status, *texts):
    """The program ends with this status and an explanation."""
    equal(process.exit_status(), status, "exit status")
    told = "\n".join(process.errors)
    for text in texts:
        check(text in told, f"{text!r} is not in what it says: {told!r}")


# -- Echo server and interactive client --------------------------------------------------------------


def typed_lines_come_back(bench, name):
    server, *where = serving(bench, name)
    come_back(server, client(bench, *where))


def come_back(server, person):
    lines = ["hello", "", TEXT, "x" * 200000, "the last line has no end"]
    person.write("\n".join(lines))
    person.end_of_input()
    for line in lines:
        equal(person.line(), line, "the echo")
    person.ends_well()
    equal(person.errors[-1], "closed by the peer: 1000", "the client's last words")
    stops(server)


@test("echo server: what is typed into the client comes back, also a long line")
def echo(bench):
    typed_lines_come_back(bench, "echo_server")


@test("own-poll server: what is typed into the client comes back, also a long line")
def echo_by_poll(bench):
    typed_lines_come_back(bench, "poll_server")


@test("echo server: stops while clients are connected, and tells them")
def stop_with_clients(bench):
    server, *where = serving(bench, "echo_server")
    people = three_clients(bench, *where)
    stops(server)
    for person in people:
        person.ends_well()
        equal(person.errors[-1], "closed by the peer: 1001 server stops", "the client's last words")


@test("echo server: SIGTERM stops it, too")
def terminate(bench):
    server, *_ = serving(bench, "echo_server", "-v")
    server.process.terminate()
    server.ends_well()


def echo_to(bench, name, kind):
    """Another implementation talks to an example server."""
    server, address, port = serving(bench, name)
    peer = Peer(bench, kind, "connect", address, port, "/")
    peer.is_open()
    for content in "hello", TEXT, "", bytes(range(256)), b"", "x" * (1 << 20), b"y" * (1 << 20):
        peer.send(content)
        peer.receives(content)
    peer.send_fragments("one", "two", "three")
    peer.receives("onetwothree")
    peer.ping(b"ping")
    peer.gets_pong(b"ping")
    peer.close(4711, "enough")
    peer.has_closed(4711)
    peer.end()
    while (line := server.line()) != "2: closed by the peer: 4711 enough":
        check(line is not None, "the server says nothing of the end")
    stops(server)


for _name in "echo_server", "poll_server":
    for _kind in "C", "websockets", "ws":
        @test(f"{_name} with a {_kind} client: messages, fragments, ping, close")
        def echo_to_kind(bench, name=_name, kind=_kind):
            echo_to(bench, name, kind)


def client_of(bench, kind):
    """The interactive client talks to a server of another implementation."""
    server, port = listening(bench, kind)
    person = client(bench, "127.0.0.1", port, "/path?query")
    server.is_open()
    person.write(f"hello\n{TEXT}\n")
    server.receives("hello")
    server.receives(TEXT)
    server.send("welcome")
    person.expect("welcome")
    server.send_fragments("in ", "parts")
    person.expect("in parts")
    server.send(b"\0\1\2")
    person.expect(r"\(3 bytes\)")
    server.ping(b"ping")
    server.gets_pong(b"ping")
    return server, person


for _kind in "C", "websockets", "ws":
    @test(f"interactive client with a {_kind} server: ends at the end of the input")
    def client_ends(bench, kind=_kind):
        server, person = client_of(bench, kind)
        person.end_of_input()
        server.is_closed(1000)
        person.ends_well()
        server.end()

    @test(f"interactive client with a {_kind} server: says why the server closed")
    def server_closes(bench, kind=_kind):
        server, person = client_of(bench, kind)
        server.close(4000, "go away")
        fails(person, 1, "closed by the peer: 4000 go away")


@test("interactive client: waits for answers at the end of the input when asked to")
def client_waits(bench):
    server, port = listening(bench, "websockets")
    person = client(bench, "127.0.0.1", port, "/", "-w", "2")
    server.is_open()
    person.write("a question")
    person.end_of_input()
    server.receives("a question")
    server.send("the answer")
    person.expect("the answer")
    server.is_closed(1000)
    person.ends_well()
    server.end()


@test("interactive client: says why it can't connect")
def errors_of_clients(bench):
    server, address, port = serving(bench, "chat_server")
    fails(client(bench, address, port, "/"), 1, "HTTP status 403")
    stops(server)
    fails(client(bench, address, port), 1, f"ws://{address}:{port}/", "Connection refused")
    fails(bench.example("client", "http://localhost/"), 1, "ws://HOST[:PORT]")
    fails(bench.example("client"), 2, "usage:")


@test("servers: say why they can't listen")
def errors_of_servers(bench):
    server, _, port = serving(bench, "echo_server")
    fails(bench.example("poll_server", port), 1, f"can't listen on 127.0.0.1:{port}", "in use")
    fails(bench.example("poll_server", "70000"), 1, "out of range")
    fails(bench.example("echo_server", "1", "2"), 2, "usage:")
    stops(server)


@test("own-poll server: a client that vanishes disturbs nobody")
def vanishing(bench):
    server, *where = serving(bench, "poll_server")
    people = three_clients(bench, *where)
    people[1].process.kill()
    lost = r"\d: connection lost: the peer closed the connection"
    while not re.fullmatch(lost, line := server.line()):
        check("lost" not in line, f"the server says {line!r}")
    for person in people[0], people[2]:
        person.write("still here\n")
        person.expect("still here")
        person.end_of_input()
        person.ends_well()
    stops(server)


def deaf_client(port, path):
    """A client that never reads: its socket, after the request."""
    deaf = socket.create_connection(("127.0.0.1", int(port)))
    deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                 "Sec-WebSocket-Version: 13\r\n\r\n".encode())
    return deaf


@test("own-poll server: a client that never reads delays nobody, hoards nothing, and is forgotten when it is gone")
def deaf_to_echoes(bench):
    server, address, port = serving(bench, "poll_server")
    size = 65536
    # A masked binary frame; the key is zero, so that the payload stays as it is.
    frame = b"\x82\xff" + size.to_bytes(8, "big") + bytes(4) + bytes(size)
    with deaf_client(port, "/") as deaf:
        deaf.setblocking(False)
        sent, rest = 0, b""
        # Until the server stops reading; the kernel's buffers are no larger than this.
        while sent < 1 << 28 and (rest or select.select([], [deaf], [], 1)[1]):
            rest = rest or frame
            try:
                count = deaf.send(rest)
            except BlockingIOError:
                if not select.select([], [deaf], [], 1)[1]:
                    break
                continue
            sent += count
            rest = rest[count:]
        check(sent < 1 << 28, "the server reads on and on")
        for person in three_clients(bench, address, port):
            person.end_of_input()
            person.ends_well()
    # With answers still unsent.
    while (line := server.line()) != "2: closed by this side":
        check(line is not None, "the server doesn't notice")
    stops(server)


# -- Polling client ------------------------------------------------------------------------------------


@test("polling client: gets an answer to each message")
def polling(bench):
    server, address, port = serving(bench, "echo_server")
    poller = bench.example("polling_client", "-n", "3", "-i", "10", f"ws://{address}:{port}")
    for i in 1, 2, 3:
        poller.expect(f"message {i} of 3")
    poller.expect("3 sent, 3 received")
    poller.ends_well()
    stops(server)


@test("polling client: tells the reason when the server closes")
def polling_interrupted(bench):
    server, port = listening(bench, "websockets")
    poller = bench.example("polling_client", f"ws://127.0.0.1:{port}")
    server.is_open()
    server.receives("message 1 of 5")
    server.close(1013, "later")
    fails(poller, 1, "closed by the peer: 1013 later")


# -- Chat ----------------------------------------------------------------------------------------------


@test("chat server: three people see each other come, talk and go")
def chat(bench):
    server, address, port = serving(bench, "chat_server")
    alice = client(bench, address, port, "/alice")
    alice.expect(r"\* alice has joined")
    bob = Peer(bench, "websockets", "connect", address, port, "/bob")
    bob.is_open()
    bob.receives("* bob has joined")
    alice.expect(r"\* bob has joined")
    carol = Peer(bench, "ws", "connect", address, port, "/carol")
    carol.is_open()
    for person in bob, carol:
        person.receives("* carol has joined")
    alice.expect(r"\* carol has joined")

    fails(client(bench, address, port, "/bob"), 1, "HTTP status 403")

    alice.write(f"{TEXT}\n")
    alice.expect(f"alice: {TEXT}")
    bob.receives(f"alice: {TEXT}")
    carol.receives(f"alice: {TEXT}")
    bob.send_fragments("in ", "two parts")
    carol.receives("bob: in two parts")
    alice.expect("bob: in two parts")
    bob.receives("bob: in two parts")

    alice.end_of_input()
    alice.ends_well()
    bob.receives("* alice has left")
    carol.receives("* alice has left")
    stops(server)
    for person in bob, carol:
        line = person.process.line()
        while line.startswith("message"):  # the other one may be seen to leave
            line = person.process.line()
        equal(line, f"closed 1001 {b'server stops'.hex()}", "event")
        person.end()


@test("chat server: somebody who doesn't read is dropped, the others talk on")
def deaf_in_a_chat(bench):
    server, address, port = serving(bench, "chat_server")
    with deaf_client(port, "/dora"):
        server.expect(r"\* dora has joined")
        alice = Peer(bench, "C", "connect", address, port, "/alice")
        alice.is_open()
        server.expect(r"\* alice has joined")
        alice.receives("* alice has joined")
        words = "x" * 60000
        news = f"message text {b'* dora has left'.hex()}"
        alice.send(words)
        for _ in range(1000):  # more than the kernel's buffers and the server's patience together
            line = alice.process.line()
            if line == news:
                break
            equal(line, f"message text {b'alice: '.hex()}{words.encode().hex()}", "event")
            alice.send(words)
        check(line == news, "nobody is dropped")
        alice.receives("alice: " + words)
        alice.end()
    stops(server)
    check("dora doesn't read" in server.seen, "the server doesn't say why")


for _kind in "C", "websockets", "ws":
    @test(f"chat server: a {_kind} client without a name is refused")
    def nameless(bench, kind=_kind):
        server, address, port = serving(bench, "chat_server")
        peer = Peer(bench, kind, "connect", address, port, "/")
        peer.hears("refused", "403")
        peer.end()
        stops(server)


# -- Files ---------------------------------------------------------------------------------------------


@test("a file is streamed byte for byte, whatever its size")
def files(bench):
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        source, copy = Path(folder, "source file"), Path(folder, "copy")
        large = 20_000_000 // bench.slowness
        sizes = [0, 1, 65535, 65536, 65537, 3 * 65536, large]
        for size in [0, large] if bench.mode == "valgrind" else sizes:
            source.write_bytes(os.urandom(size))
            receiver, address, port = serving(bench, "receive_file", copy)
            sender = bench.example("send_file", source, f"ws://{address}:{port}/")
            sender.expect(f"received {size} bytes")
            sender.ends_well()
            receiver.expect(f"receiving source file, {size} bytes")
            receiver.ends_well()
            check(copy.read_bytes() == source.read_bytes(), f"{size} bytes differ")


@test("a file from a websockets client, in fragments of its own")
def file_from_python(bench):
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        copy = Path(folder, "copy")
        receiver, address, port = serving(bench, "receive_file", copy)
        sender = Peer(bench, "websockets", "connect", address, port, "/")
        sender.is_open()
        sender.send("name\n300000")
        parts = [bytes([i]) * 100000 for i in range(3)]
        sender.send_fragments(*parts)
        sender.receives("received 300000 bytes")
        sender.close(1000)
        receiver.ends_well()
        sender.end()
        check(copy.read_bytes() == b"".join(parts), "the bytes differ")


@test("a file that breaks off is reported")
def broken_file(bench):
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        receiver, address, port = serving(bench, "receive_file", Path(folder, "copy"))
        sender = Peer(bench, "ws", "connect", address, port, "/")
        sender.is_open()
        sender.send("name\n300000")
        receiver.expect("receiving name, 300000 bytes")
        sender.process.process.kill()
        fails(receiver, 1, "the file is incomplete: connection lost")
        fails(bench.example("send_file", folder, f"ws://{address}:{port}/"), 1, "Connection refused")


# -- TLS -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def certificate():
    """Files of a certificate for localhost, which signs itself, and its key."""
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        files = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
            "-out", str(files[0]), "-keyout", str(files[1]))
        yield files


for _name in "echo_server", "poll_server":
    @test(f"{_name} with TLS: what is typed into the client comes back")
    def echo_over_tls(bench, name=_name):
        with certificate() as (cert, key):
            server, _, port = serving(bench, name, "-c", cert, "-k", key)
            person = bench.example("client", f"wss://localhost:{port}/", SSL_CERT_FILE=cert)
            come_back(server, person)


@test("interactive client: refuses a certificate that nobody vouches for, and says so")
def unknown_certificate(bench):
    with certificate() as (cert, key):
        server, _, port = serving(bench, "echo_server", "-c", cert, "-k", key)
        fails(bench.example("client", f"wss://localhost:{port}/"), 1, "self-signed certificate")
        fails(bench.example("client", f"wss://127.0.0.1:{port}/", SSL_CERT_FILE=cert), 1, "mismatch")
        stops(server)
        fails(bench.example("echo_server", "-c", "/nowhere", "-k", key), 1, "can't read /nowhere")
        fails(bench.example("echo_server", "-c", cert), 2, "usage:")


@test("a file is streamed over TLS")
def file_over_tls(bench):
    with certificate() as (cert, key), tempfile.TemporaryDirectory(dir=TARGET) as folder:
        source, copy = Path(folder, "source"), Path(folder, "copy")
        source.write_bytes(os.urandom(5_000_000 // bench.slowness))
        receiver, _, port = serving(bench, "receive_file", "-c", cert, "-k", key, copy)
        sender = bench.example("send_file", source, f"wss://localhost:{port}/", SSL_CERT_FILE=cert)
        sender.ends_well()
        receiver.ends_well()
        check(copy.read_bytes() == source.read_bytes(), "the bytes differ")


# -- Threads -------------------------------------------------------------------------------------------


@test("threads with their own mutexes: every message arrives, mutexes are made and destroyed in pairs")
def threads(bench):
    messages = 20000 // bench.slowness
    program = bench.example("threads", "-w", "5", "-m", str(messages))
    program.expect(LISTENING)
    program.expect(f"{5 * messages} of {5 * messages} messages received, 0 of them wrong")
    found = program.expect(r"(\d+) mutexes created, (\d+) destroyed")
    equal(found.group(1), found.group(2), "mutexes destroyed")
    program.ends_well()
