"""A client that goes through a proxy to the server of behind.c, and says what it finds.

    through.py URL HOST [CA_FILE]

Prints the greeting as one line, "echoed" when messages of many sizes have gone both ways, and how the
connection ended, once closed by each side: "closed STATUS REASON".
"""
import socket
import ssl
import sys

from websockets.sync.client import connect


def main():
    url, host, *ca = sys.argv[1:]
    trust = ssl.create_default_context(cafile=ca[0]) if ca else None
    options = {"ssl": trust, "server_hostname": host} if trust else {}

    def session():
        # The name in the URL is what the Host header says; the connection goes to loopback.
        scheme, rest = url.split("://")
        port, path = rest.split(":")[1].split("/", 1)
        return connect(f"{scheme}://{host}:{port}/{path}", max_size=None, compression=None,
                       sock=socket.create_connection(("127.0.0.1", int(port))), **options)

    with session() as client:
        print(client.recv().replace("\n", "; "), flush=True)
        for message in ["", "a", "ä" * 100, b"\x00\xff" * 300, "x" * 70000, bytes(1 << 20), "z" * (1 << 20)]:
            client.send(message)
            assert client.recv(timeout=60) == message, len(message)
        assert client.ping().wait(60)
        print("echoed", flush=True)
        client.close(4001, "we go")
    with session() as client:
        client.recv()
        client.send("close 4002 you go")
        try:
            client.recv(timeout=60)
        except Exception:
            pass
        print("closed", client.close_code, client.close_reason, flush=True)


main()
