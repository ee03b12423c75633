"""The library behind proxies, plain and with TLS ended there, and as a client through them."""
import random
import shutil
import socket
import subprocess
import threading
import time

from environment import HERE, TARGET
from harness import Failure, check, equal, test, wait_until
from peers import Peer, listening

FOLDER = TARGET / "interop" / "proxies"
HOST = "proxy.example"
# Seconds that a proxy waits before it ends a connection on which nothing happens: as good as never, and
# a few times as long as behind.c lets pass between pings.
LONG_IDLE = 60
SHORT_IDLE = 3


def free_port():
    """A port that nobody has, and that the system gives to nobody by itself meanwhile."""
    while True:
        port = random.randrange(16000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


CERTIFICATE = threading.Lock()


def certificate():
    """Certificate, key, and both in one file; self-signed, for HOST. Made once a day."""
    files = [FOLDER / name for name in ("cert.pem", "key.pem", "both.pem")]
    with CERTIFICATE:
        FOLDER.mkdir(parents=True, exist_ok=True)
        if not files[2].exists() or time.time() - files[2].stat().st_mtime > 86400:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7",
                            "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout",
                            files[1], "-out", files[0]], check=True, capture_output=True)
            files[2].write_text(files[0].read_text() + files[1].read_text())
    return files


def nginx(folder, plain, tls, back, idle):
    cert, key, _ = certificate()
    location = f"""location / {{
      proxy_pass http://127.0.0.1:{back};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_read_timeout {idle}s;
    }}"""
    config = folder / "nginx.conf"
    config.write_text(f"""daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{plain}; {location} }}
  server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; {location} }}
}}
""")
    return ["nginx", "-p", folder, "-c", config]


def haproxy(folder, plain, tls, back, idle):
    _, _, both = certificate()
    config = folder / "haproxy.cfg"
    config.write_text(f"""defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel {idle}s
frontend all
  bind 127.0.0.1:{plain}
  bind 127.0.0.1:{tls} ssl crt {both}
  http-request set-header X-Real-IP %[src]
  default_backend servers
backend servers
  server one 127.0.0.1:{back}
""")
    return ["haproxy", "-db", "-f", config]


def lighttpd(folder, plain, tls, back, idle):
    _, _, both = certificate()
    config = folder / "lighttpd.conf"
    # It has no variable for the peer's address that a request header could be set from, but a script has.
    script = folder / "real-ip.lua"
    script.write_text('lighty.r.req_header["X-Real-IP"] = lighty.r.req_attr["request.remote-addr"]\n')
    config.write_text(f"""server.modules = ("mod_magnet", "mod_proxy", "mod_openssl")
magnet.attract-raw-url-to = ("{script}")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {plain}
server.errorlog = "{folder}/error.log"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {back}, "read-timeout" => {idle}, "write-timeout" => {idle})))
proxy.header = ("upgrade" => "enable")
$SERVER["socket"] == "127.0.0.1:{tls}" {{
  ssl.engine = "enable"
  ssl.pemfile = "{both}"
}}
""")
    return ["lighttpd", "-D", "-f", config]


def apache(folder, plain, tls, back, idle):
    cert, key, _ = certificate()
    config = folder / "apache.conf"
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                        for name in ("mpm_event", "authz_core", "headers", "proxy", "proxy_http", "ssl"))
    through = f"""ProxyPreserveHost On
  ProxyPass / http://127.0.0.1:{back}/ upgrade=websocket timeout={idle}
  RequestHeader set X-Real-IP expr=%{{REMOTE_ADDR}}"""
    config.write_text(f"""{modules}
ServerRoot {folder}
ServerName {HOST}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Timeout {idle}
DefaultRuntimeDir {folder}
User www-data
Group www-data
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{tls}
<VirtualHost 127.0.0.1:{plain}>
  {through}
</VirtualHost>
<VirtualHost 127.0.0.1:{tls}>
  SSLEngine on
  SSLCertificateFile {cert}
  SSLCertificateKeyFile {key}
  {through}
</VirtualHost>
""")
    return ["apache2", "-DFOREGROUND", "-f", config]


PROXIES = {"nginx": nginx, "HAProxy": haproxy, "lighttpd": lighttpd, "Apache": apache}


def start(bench, name, back, idle=LONG_IDLE):
    """A proxy in front of a port of loopback that ends what is idle for so many seconds; its plain port
    and that with TLS."""
    # A port that was free may be taken before the proxy binds it.
    for _ in range(3):
        plain, tls = free_port(), free_port()
        folder = FOLDER / f"{name}-{plain}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        proxy = bench.start(*PROXIES[name](folder, plain, tls, back, idle)).process
        wait_until(lambda: proxy.poll() is not None or accepts(plain) and accepts(tls),
                   f"{name} doesn't listen")
        if proxy.poll() is None:
            return plain, tls
    raise Failure(f"{name} doesn't start")


def server_behind(name):
    @test(f"C server behind {name}: headers, sizes, close codes; plain and TLS")
    def run(bench):
        server = bench.program("behind")
        back = server.expect(r"listening (\d+)").group(1)
        plain, tls = start(bench, name, back)
        for url, ca in [(f"ws://{HOST}:{plain}/a/path?x=1", []),
                        (f"wss://{HOST}:{tls}/a/path?x=1", [certificate()[0]])]:
            client = bench.python(HERE / "through.py", url, HOST, *ca)
            greeting = client.line() or ""
            host = url.split("/")[2]
            check(f"host {host};" in greeting, f"Host: {greeting}")
            check("url /a/path?x=1;" in greeting, f"target: {greeting}")
            check("real-ip 127.0.0.1;" in greeting, f"X-Real-IP: {greeting}")
            client.expect("echoed")
            # Each side's code and reason reach the other through the proxy.
            server.expect("closed 4001 we go: .*")
            client.expect("closed 4002 you go")
            server.line()
            client.ends_well()
        server.interrupt()
        server.ends_well()


def client_through(name):
    @test(f"C client through {name}: messages and close codes both ways")
    def run(bench):
        server, back = listening(bench, "websockets")
        plain, _ = start(bench, name, back)
        client = Peer(bench, "C", "connect", "127.0.0.1", str(plain), "/")
        client.is_open()
        server.is_open()
        for sender, receiver in (client, server), (server, client):
            for content in "hello", bytes(range(256)), "x" * 100000, bytes(1 << 20):
                sender.send(content)
                receiver.receives(content)
        server.close(4003, "enough")
        client.is_closed(4003, "enough")
        equal(server.process.line().split()[0], "closed", "the server's last event")
        client.end()
        server.end()


def idle_behind(name):
    @test(f"{name} ends what is idle, and both its ends are told, but not what this library pings")
    def run(bench):
        server = bench.program("behind")
        back = server.expect(r"listening (\d+)").group(1)
        plain, _ = start(bench, name, back, SHORT_IDLE)

        def idle_client(kind, path):
            client = Peer(bench, kind, "connect", "127.0.0.1", str(plain), path)
            client.is_open()
            client.process.expect("message text .*")
            return client

        # The one that lives is the older one.
        kept, dropped = idle_client("websockets", "/kept"), idle_client("C", "/idle")
        dropped.is_closed(1006)
        server.expect(r"closed 1006 -: (the peer closed the connection|Connection reset by peer .*)")
        kept.send("still here")
        pings = 0
        while (event := kept.process.line()) == "ping ":
            pings += 1
        check(pings > 0, "the server didn't ping")
        equal(event, f"message text {b'still here'.hex()}", "what comes back")
        kept.close(4004)
        server.expect("closed 4004 .*")
        kept.end()
        dropped.end()
        server.interrupt()
        server.ends_well()


for proxy in PROXIES:
    server_behind(proxy)
    client_through(proxy)
    idle_behind(proxy)
