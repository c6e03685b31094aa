#!/usr/bin/env python3
"""A TLS server that misbehaves on request, for the tests of lib/net and lib/cloud.

    cloud_tls_server.py DIR

Makes two authorities and their certificates with openssl, listens on ports of its own choice and
writes DIR/ports ("name port" lines) when it is ready. Ends when its standard input ends, so that it
never outlives the test. Requests beyond the paths below are answered from DIR/answers: the raw
responses stand in files that are served once each, in the order of their names. DIR/requests holds
what came: method, target, headers, body.

Port "plain" speaks the same without TLS, "hangup" resets every handshake. Port "proxy" is a proxy that
makes tunnels and takes every host name for this machine; DIR/proxy, if it is there, changes it: "auth
USER:PASSWORD" (Basic) is wanted, "status N" is answered, "chatty" talks into the tunnel, "garbled" speaks
no HTTP, "deaf" says nothing.
"""

import base64
import gzip
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings

warnings.simplefilter("ignore")  # TLS 1.1 is deprecated: that is why it is here
directory = sys.argv[1]
lock = threading.Lock()
connections = 0
tokens = 0


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority(name, subject):
    base = os.path.join(directory, name)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", f"/CN={subject}", "-keyout", base + ".key", "-out", base + ".pem")


def make_certificate(name, alternative, authority):
    base, ca = os.path.join(directory, name), os.path.join(directory, authority)
    with open(base + ".ext", "w") as file:
        file.write(f"subjectAltName={alternative}\n")
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", f"/CN={name}", "-keyout", base + ".key", "-out", base + ".csr")
    run("openssl", "x509", "-req", "-in", base + ".csr", "-days", "2", "-CA", ca + ".pem",
        "-CAkey", ca + ".key", "-CAcreateserial", "-extfile", base + ".ext", "-out", base + ".pem")


def head(status, *fields):
    return (f"HTTP/1.1 {status} Whatever\r\n" + "".join(f + "\r\n" for f in fields) + "\r\n").encode()


def answer(body, *fields, status=200):
    return head(status, f"Content-Length: {len(body)}", *fields) + body


def reset_at_close(connection):
    # Linger of zero seconds turns the close into a TCP reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Closed(Exception):
    pass


class Session:
    def __init__(self, stream, number):
        self.stream = stream
        self.number = number
        self.pending = b""
        self.deaf = False

    def read_until(self, mark):
        while mark not in self.pending:
            received = self.stream.recv(65536)
            if not received:
                raise Closed
            self.pending += received
        found, _, self.pending = self.pending.partition(mark)
        return found

    def read(self, size):
        while len(self.pending) < size:
            received = self.stream.recv(65536)
            if not received:
                raise Closed
            self.pending += received
        found, self.pending = self.pending[:size], self.pending[size:]
        return found

    def serve(self):
        while True:
            start = self.read_until(b"\r\n\r\n").decode("latin-1")
            lines = start.split("\r\n")
            method, target, _ = lines[0].split(" ")
            fields = dict(line.split(": ", 1) for line in lines[1:])
            body = self.read(int(fields.get("Content-Length", 0)))
            with lock, open(os.path.join(directory, "requests"), "ab") as file:
                file.write(start.encode("latin-1") + b"\r\n" + body + b"\r\n\r\n")
            if self.deaf:
                raise Closed
            self.handle(target, start)

    def handle(self, target, start):
        send = self.stream.sendall
        path = target.partition("?")[0]
        if path == "/hello":
            send(answer(b"hello", f"X-Connection: {self.number}"))
        elif path == "/echo":
            send(answer(start.encode("latin-1")))
        elif path == "/chunked":
            send(head(200, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n")
        elif path == "/gzip":
            send(answer(gzip.compress(b"hello " * 50000), "Content-Encoding: gzip"))
        elif path == "/gzip-chunked":
            data = gzip.compress(b"hello " * 50000)
            send(head(200, "Transfer-Encoding: chunked", "Content-Encoding: gzip"))
            for at in range(0, len(data), 100):
                part = data[at:at + 100]
                send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            send(b"0\r\n\r\n")
        elif path == "/bomb":
            send(answer(gzip.compress(b"\0" * (8 << 20)), "Content-Encoding: gzip"))
        elif path == "/large":
            send(answer(b"x" * (3 << 20)))
        elif path == "/broken-gzip":
            send(answer(gzip.compress(b"hello")[:-6], "Content-Encoding: gzip"))
        elif path == "/brotli":
            send(answer(b"\x0b\x02", "Content-Encoding: br"))
        elif path == "/continue":
            send(head(100) + answer(b"hello"))
        elif path == "/empty":
            send(head(204))
        elif path == "/until-close":
            send(head(200, "Connection: close") + b"hello")
            self.stream.unwrap()
            raise Closed
        elif path == "/close":
            send(answer(b"hello", "Connection: close", f"X-Connection: {self.number}"))
            raise Closed
        elif path == "/cut":
            send(head(200, "Content-Length: 1000") + b"x" * 400)
            raise Closed
        elif path == "/cut-chunk":
            send(head(200, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n7\r\n, w")
            raise Closed
        elif path == "/cut-until-close":
            send(head(200, "Connection: close") + b"hello")
            raise Closed
        elif path == "/not-http":
            send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            raise Closed
        elif path == "/reset":
            self.reset()
        elif path == "/silent":
            time.sleep(30)
        elif path == "/stalled":
            send(head(200, "Content-Length: 1000") + b"x" * 400)
            time.sleep(30)
        elif path == "/then-close":
            send(answer(b"hello", f"X-Connection: {self.number}"))
            raise Closed
        elif path == "/then-deaf":
            self.deaf = True  # the next request on this connection gets no answer
            send(answer(b"hello", f"X-Connection: {self.number}"))
        elif path == "/metadata/identity/oauth2/token":
            send(self.identity(target, start))
        elif path.endswith("/$count"):
            send(answer(b"\xef\xbb\xbf893", "Content-Type: text/plain"))
        elif path.endswith("/oauth2/v2.0/token"):
            send(self.token())
        else:
            send(self.scripted())

    def token(self):
        global tokens
        script = os.path.join(directory, "token")
        if os.path.exists(script):
            with open(script, "rb") as file:
                return file.read()
        time.sleep(0.2)  # long enough for several threads to want it at the same time
        with lock:
            tokens += 1
            return answer(b'{"token_type":"Bearer","expires_in":3599,"access_token":"token-%d"}' % tokens)

    def identity(self, target, start):
        global tokens
        if "\r\nMetadata: true" not in start or "resource=https%3A%2F%2Fgraph.microsoft.com%2F" not in target:
            return answer(b'{"error":"invalid_request","error_description":"Identity not found"}', status=400)
        with lock:
            tokens += 1
            return answer(b'{"token_type":"Bearer","expires_in":"3599","access_token":"imds-%d"}' % tokens)

    def scripted(self):
        with lock:
            folder = os.path.join(directory, "answers")
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), "rb") as file:
                    data = file.read()
                os.remove(os.path.join(folder, name))
                return data
        return answer(b"nothing scripted", status=404)

    def reset(self):
        reset_at_close(self.stream)
        raise Closed


def serve(plain, context):
    global connections
    with lock:
        connections += 1
        number = connections
    try:
        stream = context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True)
    except OSError:
        plain.close()
        return
    try:
        Session(stream, number).serve()
    except (Closed, OSError):
        pass
    descriptor = stream.detach()  # closed below TLS, without close_notify: a broken connection
    if descriptor >= 0:
        socket.close(descriptor)


def serve_plain(connection):
    global connections
    with lock:
        connections += 1
        number = connections
    try:
        Session(connection, number).serve()
    except (Closed, OSError):
        pass
    connection.close()


def hang_up(connection):
    connection.recv(5)  # the beginning of the handshake
    reset_at_close(connection)
    connection.close()


def relay(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def tunnel(connection):
    start = b""
    while b"\r\n\r\n" not in start:
        data = connection.recv(65536)
        if not data:
            return
        start += data
    with lock, open(os.path.join(directory, "requests"), "ab") as file:
        file.write(start)
    try:
        with open(os.path.join(directory, "proxy")) as file:
            mode, _, argument = file.read().partition(" ")
    except FileNotFoundError:
        mode, argument = "", ""
    lines = start.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    wanted = "Proxy-Authorization: Basic " + base64.b64encode(argument.encode()).decode()
    if mode == "deaf":
        time.sleep(30)
    elif mode == "garbled":
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    elif mode == "status" or method != "CONNECT":
        connection.sendall(answer(b"refused", status=int(argument or 405)))
    elif mode == "auth" and wanted not in lines:
        connection.sendall(answer(b"", 'Proxy-Authenticate: Basic realm="p"', status=407))
    else:
        origin = socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2])))
        # A length that means nothing here: no proxy should send one, some do.
        connection.sendall(head(200, "Content-Length: 10") + (b"hello" if mode == "chatty" else b""))
        threading.Thread(target=relay, args=(origin, connection), daemon=True).start()
        relay(connection, origin)
    connection.close()


def listen(family=socket.AF_INET, address="127.0.0.1"):
    listener = socket.socket(family)
    listener.bind((address, 0))
    listener.listen(50)
    return listener


def accept(listener, handle):
    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def context_of(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key"))
    return context


def main():
    os.makedirs(os.path.join(directory, "answers"), exist_ok=True)
    make_authority("ca", "Test authority")
    make_authority("stranger", "Unknown authority")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=app",
        "-keyout", os.path.join(directory, "app.key"), "-out", os.path.join(directory, "app.pem"))
    make_certificate("server", "DNS:localhost,DNS:service.test,IP:127.0.0.1,IP:::1", "ca")
    make_certificate("elsewhere", "DNS:elsewhere.example", "ca")
    make_certificate("untrusted", "DNS:localhost", "stranger")

    ports = {}
    for name in ("server", "elsewhere", "untrusted"):
        listener = listen()
        ports[name] = listener.getsockname()[1]
        accept(listener, lambda connection, context=context_of(name): serve(connection, context))
    old = context_of("server")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    listener = listen()
    ports["old"] = listener.getsockname()[1]
    accept(listener, lambda connection: serve(connection, old))
    try:
        listener = listen(socket.AF_INET6, "::1")
        ports["server6"] = listener.getsockname()[1]
        accept(listener, lambda connection, context=context_of("server"): serve(connection, context))
    except OSError:
        pass
    for name, handle in (("plain", serve_plain), ("hangup", hang_up), ("proxy", tunnel)):
        listener = listen()
        ports[name] = listener.getsockname()[1]
        accept(listener, handle)
    silent = listen()  # connections stand in its queue; nobody says a word
    ports["silent"] = silent.getsockname()[1]
    refused = listen()
    ports["refused"] = refused.getsockname()[1]
    refused.close()

    path = os.path.join(directory, "ports")
    with open(path + ".new", "w") as file:
        file.writelines(f"{name} {port}\n" for name, port in ports.items())
    os.rename(path + ".new", path)
    sys.stdin.read()


main()
