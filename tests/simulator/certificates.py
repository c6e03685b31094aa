"""The simulator's own certificate authority: made anew at every start by the openssl command.

A client has to be told to trust `ca.pem`; that a client refuses the servers without it is worth a
test of its own.
"""

import ipaddress
import os
import ssl
import subprocess

_EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make(directory, listen):
    """Writes ca.pem, ca.key, server.pem and server.key; returns the server's TLS context."""
    def path(name):
        return os.path.join(directory, name)

    names = ["DNS:localhost", "IP:127.0.0.1"]
    if listen not in ("127.0.0.1", "localhost"):
        names.append(("IP:" if _is_address(listen) else "DNS:") + listen)
    with open(path("server.ext"), "w", encoding="ascii") as file:
        file.write(_EXTENSIONS.format(names=",".join(names)))
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    old_mask = os.umask(0o077)
    try:
        _openssl("req", "-x509", *key, "-keyout", path("ca.key"), "-out", path("ca.pem"),
                 "-subj", "/CN=Simulated tenant CA", "-days", "30",
                 "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl("req", *key, "-keyout", path("server.key"), "-out", path("server.csr"),
                 "-subj", "/CN=localhost")
        _openssl("x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"),
                 "-CAkey", path("ca.key"), "-set_serial", str(int.from_bytes(os.urandom(8), "big")),
                 "-days", "30", "-extfile", path("server.ext"), "-out", path("server.pem"))
    finally:
        os.umask(old_mask)
    os.chmod(path("ca.pem"), 0o644)
    for name in ("server.csr", "server.ext"):
        os.unlink(path(name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path("server.pem"), path("server.key"))
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_address(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")
