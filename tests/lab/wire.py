"""What can go wrong on the way to a server: a name server of our own, and wires that break.

    names = NameServer("127.0.0.90", {"dc1.contoso.test": "127.0.0.30"},
                       {"_ldap._tcp.dc._msdcs.contoso.test": [(0, 100, 389, "dc1.contoso.test")]})
    gald.prefix = names.prefix(where)      # gald now asks this name server, and nothing else does

    wire = Wire("127.0.0.91", 636, ("127.0.0.30", 636))
    wire.mode = "stall"                    # pass, stall, refuse, or ("cut", bytes)

Both are threads of the calling process, and end with close() or as context managers.
"""

import contextlib
import os
import select
import socket
import ssl
import struct
import threading

A, SRV, IN = 1, 33, 1
NO_ERROR, NAME_ERROR = 0, 3


def _wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split(".")) + b"\0"


class NameServer:
    """Answers questions for A and SRV records over UDP. `silent` keeps it from answering."""

    def __init__(self, address, hosts, services=None):
        self.address = address
        self.hosts = hosts  # {name: address}
        self.services = services or {}  # {name: [(priority, weight, port, target)]}
        self.silent = False
        self.asked = []  # (name, type)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def prefix(self, directory):
        """A command before another one, which then lives with this name server: the file that names it is laid
        over /etc/resolv.conf in a mount namespace of its own. Needs root."""
        path = os.path.join(directory, "resolv.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"nameserver {self.address}\noptions timeout:1 attempts:1\n")
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path]

    def _serve(self):
        while True:
            try:
                question, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:
                return
            if not self.silent:
                self._socket.sendto(self._answer(question), sender)

    def _answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode("ascii"))
            at += 1 + question[at]
        at += 1
        kind, _ = struct.unpack_from("!HH", question, at)
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        answers = []
        if kind == A and name in self.hosts:
            answers = [socket.inet_aton(self.hosts[name])]
        elif kind == SRV:
            answers = [struct.pack("!HHH", priority, weight, port) + _wire_name(target)
                       for priority, weight, port, target in self.services.get(name, [])]
        known = name in self.hosts or name in self.services
        flags = 0x8580 | (NO_ERROR if known else NAME_ERROR)
        header = question[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, IN, 5, len(data)) + data for data in answers)
        return header + question[12:at + 4] + body

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, 53))  # close() alone would leave recvfrom() waiting
        self._thread.join(10)
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Wire:
    """A port behind which another server answers, for as long as the wire holds.

    mode: "pass"; "stall" accepts and never answers; "refuse" accepts and hangs up; ("cut", n) hangs up once, after n bytes
    of answers, and passes from then on. With `certificate` (a file with certificate and key) the wire ends TLS itself and
    shows that to its clients; behind it goes on TLS that is not checked.
    """

    def __init__(self, address, port, target, certificate=None):
        self.mode = "pass"
        self.certificate = certificate
        self.connections = 0
        self._target = target
        self._socket = socket.create_server((address, port))
        self.port = self._socket.getsockname()[1]
        self._held = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            if self.mode == "stall":
                self._held.append(near)
            elif self.mode == "refuse":
                near.close()
            else:
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near):
        with contextlib.ExitStack() as ends:
            ends.callback(near.close)
            with contextlib.suppress(OSError):
                far = ends.enter_context(socket.create_connection(self._target))
                if self.certificate:
                    near, far = self._wrap(near, far)
                    ends.callback(near.close)
                    ends.callback(far.close)
                self._pump(near, far)

    def _wrap(self, near, far):
        outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        outside.load_cert_chain(self.certificate)
        inside = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        inside.check_hostname = False
        inside.verify_mode = ssl.CERT_NONE
        return outside.wrap_socket(near, server_side=True), inside.wrap_socket(far)

    def _pump(self, near, far):
        passed = 0
        while True:
            pending = [one for one in (near, far) if isinstance(one, ssl.SSLSocket) and one.pending()]
            for one in pending or select.select([near, far], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                (far if one is near else near).sendall(data)
                passed += len(data) if one is far else 0
            if isinstance(self.mode, tuple) and passed >= self.mode[1]:
                self.mode = "pass"
                return

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # close() alone would leave accept() waiting
        self._socket.close()
        self._thread.join(10)
        for held in self._held:
            held.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
