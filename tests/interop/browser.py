"""The library as the server of a browser's page: Chromium, without a window."""
import tempfile
import urllib.parse

import environment
from compression import COMBINATIONS, CONTENTS, NOTHING, server_of
from environment import HERE
from harness import test
from peers import listening

# Root runs it in tests only, and nothing else is to be reached by it.
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def visit(bench, folder, *ports):
    """Opens the page, which connects to each of the ports."""
    query = urllib.parse.urlencode({"ports": ",".join(ports)})
    return bench.start(environment.chromium(), *OPTIONS, f"--user-data-dir={folder}",
                       f"{(HERE / 'page.html').as_uri()}?{query}")


def extensions(settings):
    """What a server that asks for this has agreed upon with a browser that can do everything."""
    send, receive = settings.split("/")
    names = ["permessage-deflate"]
    names += ["server_no_context_takeover"] if "!" in send else []
    names += ["client_no_context_takeover"] if "!" in receive else []
    for name, asked in ("server_max_window_bits", send), ("client_max_window_bits", receive):
        bits = asked.strip("!")
        names += [f"{name}={bits}"] if bits != "15" else []
    return "; ".join(names)


def converse(server, agreed):
    server.receives(f"extensions: {agreed}")
    for content in CONTENTS:
        server.send(content)
        server.receives(content)
    server.send_fragments("one ", "two ", CONTENTS[4])
    server.receives("one two " + CONTENTS[4])
    server.close(1000, "done")
    server.has_closed(1000)


def chromium(what):
    """A test with a folder for the browser, where there is one."""
    def add(function):
        if not environment.chromium():
            return

        @test(f"Chromium, C server: {what}")
        def run(bench):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                function(bench, folder)
                bench.clear()
    return add


@chromium("messages both ways")
def plain(bench, folder):
    server, port = listening(bench, "C")
    visit(bench, folder, port)
    server.is_open()
    converse(server, "")
    server.end()


@chromium("compression as the server asks for it")
def compressed(bench, folder):
    asked = [NOTHING, *COMBINATIONS]
    servers = [server_of(bench, "C", settings) for settings in asked]
    visit(bench, folder, *(port for _, port in servers))
    for settings, (server, _) in zip(asked, servers):
        server.is_open()
        server.hears("compressed")
        converse(server, extensions(settings))
        server.end()
