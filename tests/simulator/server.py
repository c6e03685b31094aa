"""HTTP/1.1 servers of the simulator: request and response values, scripted faults, request log.

A service (login, graph, exchange, control) is an object with
    name                       as the fault scripts and the request log call it
    handle(request)            -> Response
    collection(request)        -> "users" ... or None, for the request log
    default_error(status)      -> body of a scripted error that names none
and knows nothing about sockets. Whatever has to do with the wire (keep-alive, gzip, cut
connections) is here and only here.
"""

import gzip
import json
import socket
import socketserver
import ssl
import struct
import sys
import threading
import traceback
import uuid
from datetime import datetime, timezone
from email.utils import formatdate
from http.client import responses as REASONS
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote

ACTIONS = ("reset", "truncate", "malformed", "nolinks", "loop", "foreignlink", "hang", "duplicate")
MAX_BODY = 512 * 1024 * 1024
KEPT_REQUESTS = 100_000


class Request:
    """One request, complete with its body. `origin` is the origin the client used."""

    def __init__(self, service, method, target, headers, body, origin):
        self.service = service
        self.method = method
        self.target = target
        raw_path, _, raw_query = target.partition("?")
        self.path = unquote(raw_path)
        self.query = parse_qsl(raw_query, keep_blank_values=True)
        self.headers = headers
        self.body = body
        self.origin = origin
        self.action = None      # of a scripted fault that the service itself has to play
        self.concurrent = 1     # requests being served by this origin at its arrival, itself included

    def header(self, name):
        return self.headers.get(name)

    def json(self):
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body.decode("utf-8"))


class Response:
    """Status, headers and a body: bytes, text, or a value to be sent as JSON."""

    def __init__(self, status, body=None, headers=None, content_type=None):
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.content_type = content_type

    def encoded(self):
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class Faults:
    """Scripted misbehaviour. The first script that matches a request and has not run out fires."""

    def __init__(self):
        self._lock = threading.Lock()
        self._scripts = []

    def add(self, script):
        """Takes a script of the control interface; ValueError tells what is wrong with it."""
        known = {"service", "path", "method", "skip", "times", "status", "headers", "body", "action",
                 "seconds"}
        if not isinstance(script, dict) or set(script) - known:
            raise ValueError(f"a fault has the keys {', '.join(sorted(known))}")
        if script.get("service") not in ("login", "graph", "exchange"):
            raise ValueError("service is login, graph or exchange")
        if script.get("action") is None and not isinstance(script.get("status"), int):
            raise ValueError("a fault needs a status or an action")
        if script.get("action") is not None and script["action"] not in ACTIONS:
            raise ValueError(f"action is one of {', '.join(ACTIONS)}")
        with self._lock:
            self._scripts.append({"times": 1, "skip": 0, "path": "", "method": None, **script})

    def list(self):
        with self._lock:
            return [dict(script) for script in self._scripts]

    def clear(self):
        with self._lock:
            self._scripts.clear()

    def match(self, request):
        decoded = unquote(request.target)
        with self._lock:
            for script in self._scripts:
                if script["service"] != request.service or script["times"] == 0:
                    continue
                if script["method"] and script["method"].upper() != request.method:
                    continue
                if script["path"] and script["path"] not in request.target \
                        and script["path"] not in decoded:
                    continue
                if script["skip"] > 0:
                    script["skip"] -= 1
                    continue
                if script["times"] > 0:
                    script["times"] -= 1
                return dict(script)
        return None


class RequestLog:
    """What was asked, for tests. Holds neither headers nor bodies, so no token and no secret."""

    def __init__(self):
        self._lock = threading.Lock()
        self._rows = []

    def add(self, row):
        with self._lock:
            if len(self._rows) >= KEPT_REQUESTS:
                del self._rows[:KEPT_REQUESTS // 10]
            self._rows.append(row)

    def list(self):
        with self._lock:
            return list(self._rows)

    def clear(self):
        with self._lock:
            self._rows.clear()


class Origin(ThreadingHTTPServer):
    """One listening port with one service behind it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, port, service, hosts, settings, faults, log, tls=None):
        super().__init__((address, port), _Handler)
        self.service = service
        self.settings = settings
        self.faults = faults
        self.log = log
        self.tls = tls
        self.port = self.server_address[1]
        self.stopping = threading.Event()
        self._running = 0
        self._running_lock = threading.Lock()
        self.scheme = "https" if tls else "http"
        # A front door knows the names it serves; a request for any other name is not for it.
        self.hosts = frozenset(f"{host}:{self.port}".lower() for host in hosts)

    def server_bind(self):
        # Not HTTPServer.server_bind: it looks the address up in the DNS.
        self.allow_reuse_address = True
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]    # HTTPServer's own names

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:
            # The handshake is left to the thread of the connection: a silent peer stops nobody.
            connection = self.tls.wrap_socket(connection, server_side=True,
                                              do_handshake_on_connect=False)
        return connection, address

    def running(self, change):
        with self._running_lock:
            self._running += change
            return self._running

    def handle_error(self, request, client_address):
        """Broken connections are everyday life here; anything else is a bug worth a traceback."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError, ValueError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120       # idle connections of the real service are cut after about two minutes

    def setup(self):
        if self.server.tls:
            self.request.settimeout(15)
            self.request.do_handshake()
        super().setup()

    def log_message(self, *args):
        pass

    def _answer(self):
        body = self._read_body()
        if body is None:
            return
        concurrent = self.server.running(+1)
        try:
            self._serve(body, concurrent)
        finally:
            self.server.running(-1)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _answer

    def _serve(self, body, concurrent):
        server = self.server
        host = (self.headers.get("Host") or "").lower()
        request = Request(server.service.name, self.command, self.path, self.headers, body,
                          f"{server.scheme}://{host}")
        request.concurrent = concurrent
        fault = None
        if server.service.name != "control":
            fault = server.faults.match(request)
        if fault and fault.get("action") == "hang":
            server.stopping.wait(float(fault.get("seconds", 30)))
        if fault and fault.get("action") == "reset":
            self._log(request, 0, b"", False, fault)
            self._reset()
            return
        if host not in server.hosts:
            response = Response(404, "Not Found", content_type="text/plain")
        elif fault and "status" in fault:
            response = self._scripted(fault, request)
        else:
            request.action = fault.get("action") if fault else None
            try:
                response = server.service.handle(request)
            except Exception:   # a bug of the simulator; must be seen, and must not hang a client
                traceback.print_exc()
                response = Response(500, f"simulator bug\n{traceback.format_exc()}",
                                    content_type="text/plain")
            if request.action in ("nolinks", "loop", "foreignlink"):
                _spoil_links(request, response)
        raw = response.encoded()
        if request.action == "malformed":
            response.status, raw = 200, raw[:max(1, len(raw) * 2 // 3)] + b'"}{,'
        self._send(request, response, raw, fault)

    def _read_body(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            parts = []
            while True:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline(65536).strip():
                        pass    # trailers
                    return b"".join(parts)
                parts.append(self.rfile.read(size))
                self.rfile.readline(10)
        length = int(self.headers.get("Content-Length") or 0)
        if length < 0 or length > MAX_BODY:
            self.close_connection = True
            return None
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _scripted(self, fault, request):
        body = fault.get("body")
        if body is None:
            body = self.server.service.default_error(fault["status"])
        request_id = str(uuid.uuid4())      # errors have one too, it is what support asks for
        headers = {"request-id": request_id,
                   "client-request-id": request.header("client-request-id") or request_id,
                   **{name: str(value) for name, value in fault.get("headers", {}).items()}}
        return Response(fault["status"], body, headers,
                        "text/plain" if isinstance(body, str) else "application/json")

    def _send(self, request, response, raw, fault):
        zipped = bool(raw) and self.server.settings["gzip"] and self.server.service.name != "control" \
            and _accepts_gzip(self.headers.get("Accept-Encoding"))
        if zipped:
            raw = gzip.compress(raw, compresslevel=1, mtime=0)
        headers = {
            "Date": formatdate(usegmt=True),
            **({"Content-Type": response.content_type or "application/json"} if raw else {}),
            **({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"} if zipped else {}),
            **response.headers,
        }
        if response.status != 204:
            headers["Content-Length"] = str(len(raw))
        truncate = bool(fault) and fault.get("action") == "truncate"
        if truncate:
            self.close_connection = True
        elif self.close_connection:
            headers["Connection"] = "close"
        head = f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self._log(request, response.status, raw, zipped, fault)
        if truncate:
            raw = raw[:len(raw) // 2]
        elif self.command == "HEAD":
            raw = b""
        self.wfile.write(head.encode("latin-1", "replace") + raw)
        if truncate:
            self._drop()

    def _log(self, request, status, raw, zipped, fault):
        if request.service == "control":
            return
        row = {"t": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
               "service": request.service, "method": request.method, "path": request.target,
               "collection": self.server.service.collection(request), "status": status,
               "bytes": len(raw), "gzip": zipped}
        if fault:
            row["fault"] = fault.get("action") or "status"
        self.server.log.add(row)

    def _reset(self):
        # Linger of zero seconds turns the close into a TCP reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._drop()

    def _drop(self):
        """Closes below TLS, without close_notify: that is what a broken connection looks like."""
        self.close_connection = True
        descriptor = self.connection.detach()
        if descriptor >= 0:
            socket.close(descriptor)


def _accepts_gzip(header):
    for part in (header or "").split(","):
        name, _, parameters = part.strip().partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return parameters.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _spoil_links(request, response):
    if not isinstance(response.body, dict):
        return
    response.body.pop("@odata.deltaLink", None)
    response.body.pop("@odata.nextLink", None)
    if request.action == "loop":
        response.body["@odata.nextLink"] = request.origin + request.target
    elif request.action == "foreignlink":
        response.body["@odata.nextLink"] = "https://evil.invalid" + request.target
