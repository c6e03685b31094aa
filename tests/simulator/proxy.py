"""An HTTP proxy with nothing but CONNECT, as companies have them: tunnels to the tenant only."""

import base64
import hmac
import socket
import threading

from certificates import TUNNEL_NAMES
from server import Handler, Response, Service

_CHUNK = 64 * 1024


class Proxy(Service):
    name = "proxy"

    def __init__(self, settings, address):
        self._settings = settings
        self.address = address      # where the tenant listens
        self.ports = set()          # those that tunnels may lead to

    def handle(self, request):
        """The answer to CONNECT; 200 stands for a tunnel."""
        wanted = self._settings["proxy_credentials"]
        if wanted:
            expected = "Basic " + base64.b64encode(wanted.encode()).decode()
            given = request.header("Proxy-Authorization") or ""
            if not hmac.compare_digest(expected.encode(), given.encode()):
                return Response(407, None, {"Proxy-Authenticate": 'Basic realm="tenant"'})
        host, _, port = request.target.rpartition(":")
        known = host.lower() in ("localhost", "127.0.0.1", self.address) + TUNNEL_NAMES
        if not known or not port.isdigit() or int(port) not in self.ports:
            return Response(403, "This proxy leads to the tenant only.", content_type="text/plain")
        return Response(200)

    def default_error(self, status):
        return ""


class ProxyHandler(Handler):
    def _refuse_plain(self):
        body = self._read_body()
        if body is not None:
            self._finish(Response(405, "CONNECT is expected.", {"Allow": "CONNECT"},
                                  content_type="text/plain"))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _refuse_plain

    def do_CONNECT(self):
        self._finish(None)

    def _finish(self, response):
        house = self.server.house
        request = self.question(self.path, b"")
        began = house.clock.now()
        house.violations.arrived(request)
        fault = self.scripted(request)
        if fault and fault.get("action") == "hang":
            self.hang(float(fault.get("seconds", 30)))
        if fault and fault.get("action") in ("reset", "truncate"):
            self.note(request, Response(0), b"", False, fault, began, 0)
            self._reset()
            return
        if fault and "status" in fault:
            response = self.play(fault, request)
        response = response or self.server.service.handle(request)
        house.violations.answered(request, response, True)
        if request.method != "CONNECT" or response.status != 200:
            self._send(request, response, response.encoded(), fault, began, 0)
            return
        self._tunnel(request, response, fault, began)

    def _tunnel(self, request, response, fault, began):
        port = int(request.target.rpartition(":")[2])
        with socket.create_connection((self.server.service.address, port), timeout=10) as upstream:
            upstream.settimeout(None)
            self.connection.settimeout(None)
            self.note(request, response, b"", False, fault, began, 0)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            # Bytes that came with the request are already in the buffer of the reader.
            back = threading.Thread(target=_pump, args=(upstream.recv, self.connection, upstream),
                                    daemon=True)
            back.start()
            _pump(self.rfile.read1, upstream, self.connection)
            back.join()
        self.close_connection = True


def _pump(read, to, come_from):
    """Carries bytes until one side is done, then ends both ways."""
    try:
        while data := read(_CHUNK):
            to.sendall(data)
    except OSError:
        pass
    for side in (to, come_from):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
