#!/usr/bin/env python3
"""Makes the certificates the TLS tests use.

    certificates.py DIR

Nothing in DIR is touched if it was made by this very file. Certificates are valid from 2020 to 2120
unless their name says otherwise; nothing here is secret.
"""
import hashlib
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

VALID = ("20200101000000Z", "21200101000000Z")
SERVER = "DNS:localhost,DNS:server.test,IP:127.0.0.1,IP:::1"

# Name: issuer (None: itself), alternative names, dates.
CERTIFICATES = {
    "root": (None, None, VALID),
    "other": (None, None, VALID),
    "between": ("root", None, VALID),
    "server": ("root", SERVER, VALID),
    "rsa": ("root", SERVER, VALID),
    "elsewhere": ("root", "DNS:elsewhere.test", VALID),
    "address": ("root", "IP:127.0.0.1", VALID),
    "wildcard": ("root", "DNS:*.wild.test", VALID),
    "a": ("root", "DNS:a.test", VALID),
    "b": ("root", "DNS:b.test", VALID),
    "expired": ("root", SERVER, ("20200101000000Z", "20210101000000Z")),
    "future": ("root", SERVER, ("21190101000000Z", "21200101000000Z")),
    "self": (None, SERVER, VALID),
    "stranger": ("other", SERVER, VALID),
    "deep": ("between", SERVER, VALID),
    "client": ("root", "DNS:client.test", VALID),
    "client_deep": ("between", "DNS:client.test", VALID),
    "client_stranger": ("other", "DNS:client.test", VALID),
    "client_expired": ("root", "DNS:client.test", ("20200101000000Z", "20210101000000Z")),
}
AUTHORITIES = {"root", "other", "between"}
PASS_PHRASE = "secret"

CONFIG = """
[ca]
default_ca = this
[this]
new_certs_dir = {work}
database = {work}/index
serial = {work}/serial
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, **options)
    if done.returncode != 0:
        sys.exit(f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode()}")
    return done.stdout


def make(out, name, issuer, names, dates):
    work = out / "work"
    config = work / "config"
    config.write_text(CONFIG.format(work=work, names=names or "DNS:unused"))
    (work / "index").write_text("")
    key, request, certificate = out / f"{name}.key", work / f"{name}.csr", out / f"{name}.pem"
    kind = (["rsa:2048"] if name == "rsa" else
            ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"])
    openssl("req", "-new", "-newkey", *kind, "-nodes", "-keyout", key, "-out", request,
            "-subj", f"/CN={name}", "-config", config)
    sign = (["-selfsign", "-keyfile", key] if issuer is None else
            ["-cert", out / f"{issuer}.pem", "-keyfile", out / f"{issuer}.key"])
    openssl("ca", "-batch", "-notext", "-config", config, *sign, "-in", request,
            "-out", certificate, "-startdate", dates[0], "-enddate", dates[1],
            "-extensions", "authority" if name in AUTHORITIES else "leaf")
    public = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "der", input=public)
    (out / f"{name}.pin").write_bytes(b64encode(hashlib.sha256(der).digest()))


def main():
    out = Path(sys.argv[1])
    stamp = out / "made-by"
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == version:
        return
    (out / "work").mkdir(parents=True, exist_ok=True)
    for name, (issuer, names, dates) in CERTIFICATES.items():
        make(out, name, issuer, names, dates)

    def read(name):
        return (out / name).read_text()

    (out / "deep_chain.pem").write_text(read("deep.pem") + read("between.pem"))
    (out / "client_deep_chain.pem").write_text(read("client_deep.pem") + read("between.pem"))
    (out / "both_roots.pem").write_text(read("root.pem") + read("other.pem"))
    (out / "garbage.pem").write_text("this is no PEM file\n")
    (out / "broken.pem").write_text(read("server.pem").replace("M", "N", 5))
    openssl("pkcs8", "-topk8", "-in", out / "server.key", "-out", out / "encrypted.key",
            "-passout", f"pass:{PASS_PHRASE}")
    openssl("ec", "-in", out / "server.key", "-out", out / "encrypted_old.key", "-aes128",
            "-passout", f"pass:{PASS_PHRASE}")
    openssl("pkcs12", "-export", "-in", out / "client.pem", "-inkey", out / "client.key",
            "-out", out / "client.p12", "-passout", f"pass:{PASS_PHRASE}")
    stamp.write_text(version)


if __name__ == "__main__":
    main()
