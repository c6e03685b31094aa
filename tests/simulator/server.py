"""HTTP/1.1 servers of the simulator: request and response values, connections, scripted answers.

A Service knows nothing about sockets. Whatever has to do with the wire (keep-alive, gzip, cut
connections, latency, what is under way) is here and only here.
"""

import gzip
import json
import select
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import traceback
import uuid
from email.utils import formatdate
from http.client import responses as REASONS
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote

from faults import Pages

MAX_BODY = 512 * 1024 * 1024
# The services that latency, limits and concurrency are about.
CLOUD = ("graph", "exchange")


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
        self.arrived = time.monotonic()
        self.under_way = False  # whether it had been sent before the last Retry-After went out
        self.page = 0           # which request of its listing's round it is, from 1; 0 = of none
        self.collection = None
        self.cmdlet = None
        self.units = 0          # what it cost
        self.flags = []         # (kind, detail, target) of violations that the service noticed

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
        self.throttled = status == 429
        self.issued = None      # (app, resource, lifetime) of the token that it carries

    def encoded(self):
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class Service:
    """What answers behind an origin; the defaults are those of a service without collections."""

    name = ""       # as the fault scripts and the request log call it

    def handle(self, request):
        raise NotImplementedError

    def collection(self, request):
        """"users" and the like, for the request log."""
        return None

    def cmdlet(self, request):
        return None

    def listing(self, request):
        """(what is listed, whether the request continues it) for requests that list, else None."""
        return None

    def default_error(self, status):
        """The body of a scripted error that names none."""
        return {"error": f"status {status}"}


class House:
    """What all origins share."""

    def __init__(self, settings, clock, faults, log, stats, violations):
        self.settings = settings
        self.clock = clock
        self.faults = faults
        self.log = log
        self.stats = stats
        self.violations = violations
        self.pages = Pages()
        self.stranger = ""      # the origin that the links of some faults lead to


class Origin(ThreadingHTTPServer):
    """One listening port with one service behind it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, port, service, hosts, house, tls=None, handler=None):
        super().__init__((address, port), handler or Handler)
        self.service = service
        self.house = house
        self.tls = tls
        self.port = self.server_address[1]
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._running = 0
        self._connections = set()
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
        with self._lock:
            self._running += change
            return self._running

    def connected(self, handler, is_there):
        with self._lock:
            (self._connections.add if is_there else self._connections.discard)(handler)

    def excuse_what_is_under_way(self):
        """A Retry-After is about to be sent: what clients have sent by now, they sent unknowing."""
        with self._lock:
            handlers = list(self._connections)
        for handler in handlers:
            if not handler.ready or _polled(handler.connection, select.POLLIN):
                handler.excused = True

    def handle_error(self, request, client_address):
        """Broken connections are everyday life here; anything else is a bug worth a traceback."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError, ValueError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120       # seconds that a request may take to come

    def setup(self):
        self.ready = False      # whether the handshake is over
        self.excused = False    # whether its next request was sent before a Retry-After
        self.stuck = None       # a sticky fault
        self.arrived = 0.0
        self.connection = self.request
        self.server.connected(self, True)
        try:
            if self.server.tls:
                self.request.settimeout(15)
                self.request.do_handshake()
        except BaseException:
            self.server.connected(self, False)      # finish() is not called then
            raise
        self.ready = True
        super().setup()

    def finish(self):
        self.server.connected(self, False)
        super().finish()

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        # The real service resets connections that were idle for about two minutes.
        try:
            if self.server.service.name != "control":
                self.connection.settimeout(self.server.house.settings["idle_timeout"])
            self.rfile.peek(1)
            self.connection.settimeout(self.timeout)
        except TimeoutError:
            self._reset()
            return
        super().handle_one_request()

    def parse_request(self):
        self.arrived = time.monotonic()
        return super().parse_request()

    def _answer(self):
        body = self._read_body()
        if body is None:
            return
        request = self.question(self.path, body)
        request.concurrent = self.server.running(+1)
        try:
            found = self._serve(request)
        finally:
            # Before the answer goes out: its receiver may ask again at once.
            self.server.running(-1)
        if found is not None:
            self._send(request, *found)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _answer

    def question(self, target, body):
        server = self.server
        host = (self.headers.get("Host") or "").lower()
        request = Request(server.service.name, self.command, target, self.headers, body,
                          f"{server.scheme}://{host}")
        request.arrived = self.arrived
        request.under_way, self.excused = self.excused, False
        request.collection = server.service.collection(request)
        request.cmdlet = server.service.cmdlet(request)
        listing = server.service.listing(request)
        if listing is not None:
            request.page = server.house.pages.count((server.service.name, listing[0]), listing[1])
        return request

    def scripted(self, request):
        """The fault that this request meets, if any."""
        if self.stuck is None and self.server.service.name != "control":
            fault = self.server.house.faults.match(request)
            if fault is None or not fault.get("sticky"):
                return fault
            self.stuck = fault
        return self.stuck

    def _serve(self, request):
        """(response, its body, fault, seconds spent, when it came), or None when cut."""
        server, house = self.server, self.server.house
        began = house.clock.now()
        house.violations.arrived(request)
        fault = self.scripted(request)
        latency = house.settings["latency"] if request.service in CLOUD else 0
        house.clock.spend(latency, server.stopping)
        if fault and fault.get("action") == "hang":
            self.hang(float(fault.get("seconds", 30)))
        if fault and fault.get("action") == "reset":
            self.note(request, Response(0), b"", False, fault, began, latency)
            self._reset()
            return None
        if request.origin.partition("://")[2] not in server.hosts:
            response = Response(404, "Not Found", content_type="text/plain")
        elif fault and "status" in fault:
            response = self.play(fault, request)
        else:
            request.action = fault.get("action") if fault else None
            try:
                response = server.service.handle(request)
            except Exception:   # a bug of the simulator; must be seen, and must not hang a client
                traceback.print_exc()
                response = Response(500, f"simulator bug\n{traceback.format_exc()}",
                                    content_type="text/plain")
            if request.action in ("nolinks", "loop", "foreignlink", "strangerlink"):
                _spoil_links(request, response, house.stranger)
        raw = response.encoded()
        if request.action == "malformed":
            response.status, raw = 200, raw[:max(1, len(raw) * 2 // 3)] + b'"}{,'
        whole = not (fault and fault.get("action") in ("truncate", "malformed"))
        gone = _polled(self.connection, select.POLLRDHUP)
        house.violations.answered(request, response, whole and not gone)
        if any(name.lower() == "retry-after" for name in response.headers):
            server.excuse_what_is_under_way()
        return response, raw, fault, began, latency

    def hang(self, seconds):
        """Waits in real time, for as long as the client does."""
        end = time.monotonic() + seconds
        while not self.server.stopping.wait(min(0.05, max(0, end - time.monotonic()))):
            if time.monotonic() >= end or _polled(self.connection, select.POLLRDHUP):
                return

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

    def play(self, fault, request):
        """The answer that a script gives."""
        body = fault.get("body")
        if body is None:
            body = self.server.service.default_error(fault["status"])
        request_id = str(uuid.uuid4())      # errors have one too, it is what support asks for
        headers = {"request-id": request_id,
                   "client-request-id": request.header("client-request-id") or request_id,
                   **{name: str(value) for name, value in fault["headers"].items()}}
        if fault.get("stranger_location"):
            headers["Location"] = f"{self.server.house.stranger}{request.path}?$deltatoken="
        return Response(fault["status"], body, headers,
                        "text/plain" if isinstance(body, str) else "application/json")

    def _send(self, request, response, raw, fault, began, latency):
        house = self.server.house
        zipped = bool(raw) and house.settings["gzip"] and self.server.service.name != "control" \
            and _accepts_gzip(self.headers.get("Accept-Encoding"))
        if zipped:
            raw = gzip.compress(raw, compresslevel=1, mtime=0)
        headers = {
            "Date": formatdate(house.clock.now(), usegmt=True),
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
        self.note(request, response, raw, zipped, fault, began, latency)
        if truncate:
            raw = raw[:len(raw) // 2]
        elif self.command == "HEAD":
            raw = b""
        self.wfile.write(head.encode("latin-1", "replace") + raw)
        if truncate:
            self._drop()

    def note(self, request, response, raw, zipped, fault, began, latency):
        """Writes the request down."""
        if request.service == "control":
            return
        house = self.server.house
        # A virtual clock stands still while the simulator works: only latency counts then.
        spent = latency if house.settings["clock"] == "virtual" else time.monotonic() - request.arrived
        row = {"t": house.clock.utc().isoformat(timespec="milliseconds"),
               "service": request.service, "method": request.method,
               "path": house.violations.mask(request.target), "collection": request.collection,
               "status": response.status, "bytes": len(raw), "gzip": zipped, "units": request.units,
               "took_ms": round(spent * 1000, 3)}
        if request.service == "exchange":
            row["cmdlet"] = request.cmdlet
        wait = house.violations.wait_told(response)
        if wait is not None:
            row["retry_after"] = round(wait, 3)
        if fault:
            row["fault"] = fault.get("action") or "status"
        house.log.add(row)
        house.stats.add(row, response.throttled, began, spent)

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


def _polled(connection, event):
    """Whether something has happened on a connection: POLLIN, or POLLRDHUP (its peer is gone)."""
    descriptor = connection.fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, event)
    return any(happened & (event | select.POLLHUP | select.POLLERR) for _, happened in poll.poll(0))


def _spoil_links(request, response, stranger):
    if not isinstance(response.body, dict):
        return
    response.body.pop("@odata.deltaLink", None)
    response.body.pop("@odata.nextLink", None)
    roots = {"loop": request.origin, "foreignlink": "https://evil.invalid", "strangerlink": stranger}
    if request.action in roots:
        response.body["@odata.nextLink"] = roots[request.action] + request.target
