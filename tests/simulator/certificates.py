"""Keys and certificates, by the openssl command: the simulator's own authority, made anew at every
start, and the certificates that stand for credentials.

A client has to be told to trust `ca.pem`; that a client refuses the servers without it is worth a
test of its own.
"""

import hashlib
import ipaddress
import os
import ssl
import subprocess
import tempfile

# Names that only the simulator's proxy can reach: nothing resolves them.
TUNNEL_NAMES = ("login.tenant.test", "graph.tenant.test", "exchange.tenant.test")

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

    names = ["DNS:localhost", "IP:127.0.0.1", *(f"DNS:{name}" for name in TUNNEL_NAMES)]
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


class RsaKey:
    """An RSA key of 2048 bits with a self-signed certificate."""

    def __init__(self, subject, days):
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = os.path.join(directory, "key"), os.path.join(directory, "certificate")
            _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                     certificate, "-subj", f"/CN={subject}", "-days", str(days))
            with open(key, encoding="ascii") as file:
                self.private_pem = file.read()
            with open(certificate, encoding="ascii") as file:
                self.certificate_pem = file.read()
        self.public_pem = _openssl("x509", "-pubkey", "-noout", data=self.certificate_pem.encode())
        der = ssl.PEM_cert_to_DER_cert(self.certificate_pem)
        self.sha1 = hashlib.sha1(der).digest()
        self.sha256 = hashlib.sha256(der).digest()

    def sign(self, data):
        """RS256."""
        with _files(key=self.private_pem.encode()) as path:
            return _openssl("dgst", "-sha256", "-sign", path["key"], data=data)

    def verifies(self, algorithm, data, signature):
        """Whether the signature (PS256 or RS256) of the data is by this key."""
        padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] \
            if algorithm == "PS256" else []
        with _files(key=self.public_pem, signature=signature) as path:
            done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", path["key"], "-signature",
                                   path["signature"], *padding], input=data, capture_output=True,
                                  check=False)
        return done.returncode == 0


class _files:
    """Temporary files with given contents, for a command that reads files only."""

    def __init__(self, **contents):
        self._contents = contents
        self._directory = tempfile.TemporaryDirectory()

    def __enter__(self):
        paths = {}
        for name, content in self._contents.items():
            paths[name] = os.path.join(self._directory.name, name)
            with open(paths[name], "wb") as file:
                file.write(content)
        return paths

    def __exit__(self, *_):
        self._directory.cleanup()


def _is_address(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def _openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *arguments], input=data or b"", capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
