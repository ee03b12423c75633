"""TLS between the library and others: Python's ssl, Node, the openssl program, nginx in front."""
import base64
import hashlib
import os
import subprocess
import sys
import threading

from environment import ROOT, TARGET
from exchanges import client_closes, fragments, large, messages, pings
from harness import check, test
from peers import OTHERS, PAIRS, Peer
from proxies import certificate as proxy_certificate
from proxies import start as start_proxy

FOLDER = TARGET / "interop" / "certificates"
MADE = threading.Lock()


def certificates():
    with MADE:
        subprocess.run([sys.executable, ROOT / "tests/data/certificates.py", FOLDER], check=True)
    return FOLDER


def file(name):
    return str(FOLDER / name) if name else ""


def option(certificate="", ca="", version="", key=None):
    """--tls= for a certificate, a CA and the newest version."""
    key = key or certificate.split("_chain")[0]
    return "--tls=" + ",".join([file(certificate and f"{certificate}.pem"),
                                file(certificate and f"{key}.key"), file(ca and f"{ca}.pem"), version])


def secured(bench, client_kind, server_kind, client_option, server_option):
    certificates()
    server = Peer(bench, server_kind, server_option, "listen")
    port = server.process.expect(r"listening (\d+)").group(1)
    client = Peer(bench, client_kind, client_option, "connect", "127.0.0.1", port, "/")
    return client, server, port


def conversation(pair, version, identity):
    client_kind, server_kind = pair

    @test(f"{client_kind} client, {server_kind} server, TLS {version}, {identity}: messages both ways")
    def run(bench):
        client, server, _ = secured(bench, client_kind, server_kind, option(ca="root", version=version),
                                    option(identity, version=version))
        client.is_open()
        server.is_open()
        for exchange in messages, fragments, large, pings, client_closes:
            exchange(client, server)
        client.end()
        server.end()


for _pair in PAIRS:
    # This library has no way to be held back from the newest version.
    for _version in ["1.3"] if _pair == ("C", "C") else ["1.2", "1.3"]:
        for _identity in "server", "rsa", "deep_chain":
            conversation(_pair, _version, _identity)


def mutual(pair, version):
    client_kind, server_kind = pair

    @test(f"{client_kind} client, {server_kind} server, TLS {version}: certificates of clients")
    def run(bench):
        server_option = option("server", ca="root", version=version)
        client, server, port = secured(bench, client_kind, server_kind,
                                       option("client", ca="root", version=version), server_option)
        client.is_open()
        server.is_open()
        messages(client, server)
        client.close(1000)
        server.is_closed(1000)
        client.has_closed(1000)
        client.end()
        for identity in "", "client_stranger", "client_expired":
            refused = Peer(bench, client_kind, option(identity, ca="root", version=version), "connect",
                           "127.0.0.1", port, "/")
            refused.process.expect("failed .*")
            refused.end()
        # Nobody else is any the worse for it.
        client = Peer(bench, client_kind, option("client_deep_chain", ca="root", version=version,
                                                 key="client_deep"),
                      "connect", "127.0.0.1", port, "/")
        client.is_open()
        server.is_open()
        messages(client, server)
        client.end()
        server.end()


for _pair in PAIRS:
    for _version in ["1.3"] if _pair == ("C", "C") else ["1.2", "1.3"]:
        mutual(_pair, _version)


for _kind in "C", *OTHERS:
    for _server, _why in ("stranger", "issuer"), ("expired", "expired"), ("elsewhere", "."):
        @test(f"{_kind} server whose certificate is {_server}: this library refuses, and says why")
        def unbelievable(bench, kind=_kind, identity=_server, why=_why):
            client, server, _ = secured(bench, "C", kind, option(ca="root"), option(identity))
            client.process.expect(f"failed .*({why}|host name mismatch).*")
            client.end()
            server.end()


# -- The openssl program: raw bytes through its pipes --------------------------------------------

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def masked(opcode, payload):
    mask = b"\x01\x02\x03\x04"
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + body


class Program:
    """openssl with arguments; its output is read byte by byte."""

    def __init__(self, bench, *arguments):
        self.process = subprocess.Popen(["openssl", *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.guard = threading.Timer(60 * bench.slowness, self.process.kill)
        self.guard.start()

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self, size):
        got = b""
        while len(got) < size:
            part = os.read(self.process.stdout.fileno(), size - len(got))
            check(part, f"the openssl program ended after {got!r}")
            got += part
        return got

    def read_to(self, end):
        got = b""
        while not got.endswith(end):
            got += self.read(1)
        return got

    def end(self):
        self.guard.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


for _version in "1_2", "1_3":
    @test(f"openssl s_client, TLS {_version}, against this library")
    def s_client(bench, version=_version):
        certificates()
        server = Peer(bench, "C", option("deep_chain"), "listen")
        port = server.process.expect(r"listening (\d+)").group(1)
        client = Program(bench, "s_client", "-quiet", "-connect", f"127.0.0.1:{port}",
                         f"-tls{version}", "-CAfile", file("root.pem"), "-verify_return_error",
                         "-verify_hostname", "localhost", "-alpn", "http/1.1")
        client.write(REQUEST)
        head = client.read_to(b"\r\n\r\n")
        check(head.startswith(b"HTTP/1.1 101 "), f"answer: {head!r}")
        server.is_open()
        client.write(masked(1, b"hello") + masked(9, b"ping"))
        server.receives("hello")
        server.is_pinged(b"ping")
        check(client.read(6) == b"\x8a\x04ping", "the pong")
        server.send("there")
        check(client.read(7) == b"\x81\x05there", "the answer")
        client.write(masked(8, b"\x03\xe8"))
        check(client.read(4) == b"\x88\x02\x03\xe8", "the close frame")
        server.is_closed(1000)
        client.end()
        server.end()

    @test(f"openssl s_server, TLS {_version}, against this library")
    def s_server(bench, version=_version):
        certificates()
        server = Program(bench, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1",
                         f"-tls{version}", "-cert", file("deep.pem"), "-key", file("deep.key"),
                         "-cert_chain", file("between.pem"))
        listening = server.read_to(b"\n")
        while not listening.startswith(b"ACCEPT"):
            listening = server.read_to(b"\n")
        port = listening.split(b":")[-1].strip().decode()
        client = Peer(bench, "C", option(ca="root"), "connect", "127.0.0.1", port, "/")
        # What the handshake was like comes before what the client says.
        request = server.read_to(b"\r\n\r\n")
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        server.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        client.is_open()
        server.write(b"\x81\x05hello")
        client.receives("hello")
        client.send("there")
        check(server.read(2) == b"\x81\x85", "the frame's header")
        mask, body = server.read(4), server.read(5)
        check(bytes(a ^ b for a, b in zip(body, mask * 2)) == b"there", "the frame")
        server.write(b"\x88\x02\x03\xe9")
        client.is_closed(1001)
        client.end()
        server.end()


@test("C client through nginx with TLS: messages both ways")
def through_nginx(bench):
    server = Peer(bench, "websockets", "listen")
    back = server.process.expect(r"listening (\d+)").group(1)
    _, port = start_proxy(bench, "nginx", back)
    # Its certificate is for a name, and the address is what this client has.
    client = Peer(bench, "C", f"--tls=,,{proxy_certificate()[0]},", "connect", "127.0.0.1", str(port),
                  "/")
    client.process.expect("failed host name mismatch.*")
    client.end()
    client = Peer(bench, "C", "--tls=,,,", "connect", "127.0.0.1", str(port), "/")
    client.is_open()
    server.is_open()
    messages(client, server)
    large(client, server)
    client.end()
    server.end()
