"""The tests' own client of the simulator, over TLS and the control interface."""

import atexit
import base64
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from urllib.parse import quote, urlencode, urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from settings import default_settings

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"


class Answer:
    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def json(self):
        return json.loads(self.raw)


class Tenant:
    """The simulator as a child process, and a client for it."""

    def __init__(self):
        self.process = None
        self.connections = {}
        self.tokens = {}

    def start(self):
        """Once; it ends with the tests."""
        if self.process is not None:
            return
        atexit.register(self.close)
        self.dir = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([os.path.join(HERE, "tenant"), "--dir", self.dir.name],
                                        stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        with open(os.path.join(self.dir.name, "tenant.json"), encoding="utf-8") as file:
            self.at = json.load(file)
        with open(self.at["client_secret_file"], encoding="utf-8") as file:
            self.secret = file.read()
        self.tls = ssl.create_default_context(cafile=self.at["ca"])

    def close(self):
        self.disconnect()
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()
        self.dir.cleanup()

    def send(self, method, url, headers=None, body=None, fresh=False, timeout=10):
        parts = urlsplit(url)
        connection = None if fresh else self.connections.get(parts.netloc)
        if connection is None:
            if parts.scheme == "https":
                connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout,
                                                         context=self.tls)
            else:
                connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
            if not fresh:
                self.connections[parts.netloc] = connection
        try:
            connection.request(method, parts.path + ("?" + parts.query if parts.query else ""),
                               body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.connections.pop(parts.netloc, None)
            raise
        finally:
            if fresh:
                connection.close()

    def disconnect(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def through_proxy(self, url, path="/v1.0/users/delta?$select=id", headers=None, credentials=None,
                      tunnel_headers=None):
        """A GET on a connection of its own; OSError with the status when there is no tunnel."""
        parts, proxy = urlsplit(url), urlsplit(self.at["proxy"])
        connection = http.client.HTTPSConnection(proxy.netloc, timeout=10, context=self.tls)
        sent = {**(tunnel_headers or {}), **({"Proxy-Authorization": "Basic " + base64.b64encode(
            credentials.encode()).decode()} if credentials else {})}
        connection.set_tunnel(parts.hostname, parts.port, sent)
        try:
            connection.request("GET", path, None, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def control(self, method, path, body=None):
        answer = self.send(method, self.at["control"] + path, {"Content-Type": "application/json"},
                           None if body is None else json.dumps(body))
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.raw!r}")
        return answer.json

    def ask_token(self, tenant=None, **changes):
        form = {"grant_type": "client_credentials", "client_id": self.at["client_id"],
                "client_secret": self.secret, "scope": GRAPH_SCOPE, **changes}
        return self.send("POST", f"{self.at['login']}/{tenant or self.at['tenant_id']}/oauth2/v2.0/token",
                         {"Content-Type": "application/x-www-form-urlencoded"},
                         urlencode({k: v for k, v in form.items() if v is not None}))

    def token(self, scope=GRAPH_SCOPE):
        if scope not in self.tokens:
            self.tokens[scope] = self.ask_token(scope=scope).json["access_token"]
        return self.tokens[scope]

    def graph(self, path, prefer=None, method="GET", fresh=False, **headers):
        url = path if path.startswith("https:") else f"{self.at['graph']}/v1.0{path}"
        sent = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json",
                **({"Prefer": prefer} if prefer else {}),
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.send(method, url, sent, fresh=fresh)

    def batch(self, *urls):
        """A batch of GETs with the ids "0", "1" ..."""
        return self.send("POST", self.at["graph"] + "/v1.0/$batch", {
            "Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
            json.dumps({"requests": [{"id": str(n), "method": "GET", "url": url}
                                     for n, url in enumerate(urls)]}))

    def mail_contacts(self, count, **more):
        return self.control("POST", "/bulk", {"mailcontacts": [
            {"Name": f"Contact {n}", "ExternalEmailAddress": f"SMTP:c{n}@fabrikam.com",
             "IsDirSynced": n % 2 == 0, "ExternalDirectoryObjectId": f"entra-{n}", **more}
            for n in range(count)]})["mailcontacts"]

    def round(self, start, prefer=None, between=None):
        """All pages from a path or link: (items, pages, delta link)."""
        items, pages, url = [], [], start
        while True:
            answer = self.graph(url, prefer)
            if answer.status != 200:
                raise AssertionError(f"{url}: {answer.status} {answer.raw!r}")
            page = answer.json
            pages.append(page["value"])
            items += page["value"]
            if ("@odata.nextLink" in page) == ("@odata.deltaLink" in page):
                raise AssertionError("exactly one link is expected")
            if "@odata.deltaLink" in page:
                return items, pages, page["@odata.deltaLink"]
            url = page["@odata.nextLink"]
            if between:
                between()
                between = None

    def invoke(self, parameters, url=None, method="POST", prefer=None, query="", token=None,
               cmdlet="Get-MailContact", fresh=False, timeout=10):
        url = url or f"{self.at['exchange']}/adminapi/beta/{self.at['tenant_id']}/InvokeCommand{query}"
        body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}
        return self.send(method, url,
                         {"Authorization": f"Bearer {token or self.token(EXCHANGE_SCOPE)}",
                          "Content-Type": "application/json; charset=utf-8",
                          **({"Prefer": prefer} if prefer else {})},
                         None if method == "GET" else json.dumps(body), fresh, timeout)


TENANT = Tenant()


class Case(unittest.TestCase):
    """Gives every test an empty tenant: tokens die with everything that was there."""

    @classmethod
    def setUpClass(cls):
        TENANT.start()

    def setUp(self):
        objects = TENANT.control("GET", "/objects")
        for kind in ("users", "contacts", "groups"):
            for entry in objects[kind]:
                TENANT.control("DELETE", f"/{kind}/{quote(entry['id'])}?permanent=1")
        for kind in ("mailcontacts", "distributiongroups", "mailboxes"):
            for entry in objects[kind]:
                TENANT.control("DELETE", f"/{kind}/{entry['Guid']}")
        TENANT.control("DELETE", "/faults")
        TENANT.control("POST", "/settings", {**default_settings(), "roles": {
            "graph": ["Directory.Read.All"], "exchange": ["Exchange.ManageAsApp"]}})
        TENANT.tokens.clear()
        for what in ("challenge", "requests", "violations", "stats"):
            TENANT.control("DELETE", "/" + what)

    def users(self, count, **more):
        return TENANT.control("POST", "/bulk", {"users": [
            {"displayName": f"User {n}", "mail": f"user{n}@contoso.com", **more}
            for n in range(count)]})["users"]

    def refused(self, answer, status, code):
        self.assertEqual((status, code), (answer.status, answer.json["error"]["code"]), answer.raw)
        self.assertIn("request-id", answer.json["error"]["innerError"])

    @staticmethod
    def in_background(act):
        thread = threading.Thread(target=act)
        thread.start()
        return thread

    def settings(self, **changes):
        return TENANT.control("PUT", "/settings", changes)

    def fault(self, service="graph", **script):
        TENANT.control("POST", "/faults", {"service": service, **script})

    def advance(self, seconds):
        return TENANT.control("POST", "/clock", {"advance": seconds})["now"]

    def violations(self):
        """The kinds of what was done wrong, in order."""
        return [row["kind"] for row in TENANT.control("GET", "/violations")]
