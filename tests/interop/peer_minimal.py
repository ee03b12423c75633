"""A client as a small device has it, one end of an exchange; commands and events are those of peers.py.

    peer_minimal.py connect ADDRESS PORT PATH [PROTOCOLS]

It is written like those of MicroPython: a bare socket without buffers, a handshake put together by hand
and read byte by byte, one system call for each part of a frame. What it sends leaves in segments of a few
bytes, and no segment is longer than those of a small TCP stack. It knows nothing of TLS.
"""
import os
import select
import socket
import struct
import sys
from base64 import b64encode

# Bytes in a segment: of the handshake and short frames, of long ones.
TINY, SMALL = 3, 536
# How much is sent in tiny segments.
SHORT = 2048
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def say(*words):
    print(*words, flush=True)


class Device:
    def __init__(self, address, port):
        self.socket = socket.socket()
        self.socket.connect((address, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.message = b""
        self.opcode = None
        self.closed = (1006, b"")
        self.closing = False

    def transmit(self, data):
        step = TINY if len(data) <= SHORT else SMALL
        for start in range(0, len(data), step):
            self.socket.sendall(data[start:start + step])

    def read(self, size):
        """Exactly so many bytes, as they come."""
        data = b""
        while len(data) < size:
            part = self.socket.recv(min(size - len(data), SMALL))
            if not part:
                raise EOFError
            data += part
        return data

    def read_line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += self.read(1)
        return line[:-2].decode()

    def shake_hands(self, host, path, protocols):
        """The status, and the sub-protocol of a 101."""
        self.transmit(f"GET {path} HTTP/1.1\r\n".encode())
        for line in [f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
                     f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
                     "Sec-WebSocket-Version: 13",
                     *(f"Sec-WebSocket-Protocol: {names}" for names in protocols), ""]:
            self.transmit(line.encode() + b"\r\n")
        status = int(self.read_line().split()[1])
        agreed = ""
        while line := self.read_line():
            name, value = line.split(": ", 1)
            if name.lower() == "sec-websocket-protocol":
                agreed = value
        return status, agreed

    def send(self, opcode, payload, final=True):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([opcode | (0x80 if final else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        for byte in head + mask:
            self.socket.sendall(bytes([byte]))
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        self.transmit((int.from_bytes(payload, "big") ^ key).to_bytes(size, "big"))

    def receive(self):
        """One frame; false when there will be no other."""
        try:
            first, second = self.read(2)
            size = second
            if second == 126:
                size, = struct.unpack("!H", self.read(2))
            elif second == 127:
                size, = struct.unpack("!Q", self.read(8))
            payload = self.read(size)
        except (EOFError, ConnectionError):
            say("closed", self.closed[0], self.closed[1].hex())
            return False
        opcode, final = first & 15, first & 0x80
        if opcode == PING:
            say("ping", payload.hex())
            self.send(PONG, payload)
        elif opcode == PONG:
            say("pong", payload.hex())
        elif opcode == CLOSE:
            self.closed = (struct.unpack("!H", payload[:2])[0] if payload else 1005, payload[2:])
            if not self.closing:
                self.closing = True
                try:
                    self.send(CLOSE, payload[:2])
                except ConnectionError:
                    pass  # whoever closes need not wait for the answer
        else:
            self.opcode = opcode or self.opcode
            self.message += payload
            if final:
                say("message", "text" if self.opcode == TEXT else "binary", self.message.hex())
                self.message = b""
        return True

    def obey(self, command, *words):
        data = [bytes.fromhex(word.strip("-")) for word in words[1:]]
        if command in ("send", "fragments"):
            opcode = TEXT if words[0] == "text" else BINARY
            for i, part in enumerate(data):
                self.send(CONTINUATION if i else opcode, part, i == len(data) - 1)
        elif command == "ping":
            self.send(PING, bytes.fromhex(words[0]))
        elif command == "close":
            self.closing = True
            status = struct.pack("!H", int(words[0])) if words else b""
            self.send(CLOSE, status + b"".join(data))
        else:
            say("error:", command)


def main(role, address, port, path, *protocols):
    device = Device(address, port)
    status, agreed = device.shake_hands(f"{address}:{port}", path, protocols)
    if status == 101:
        say("open", agreed.encode().hex())
    else:
        say("refused", status)
    watched = [sys.stdin.buffer.raw, device.socket]
    while sys.stdin.buffer.raw in watched:
        ready, _, _ = select.select(watched, [], [])
        if device.socket in ready and not device.receive():
            watched.remove(device.socket)
        if sys.stdin.buffer.raw in ready:
            # Whoever writes commands writes whole lines.
            line = sys.stdin.buffer.raw.readline()
            if not line:
                break
            device.obey(*line.decode().split())


main(*sys.argv[1:])
