"""What tests of the running API share: a client, and the description that every answer is held to."""

import gzip
import http.client
import json
import os
import re
import socket
import urllib.parse

import jsonschema

from lab import LabError, free_port, wait_until

#: headers that the server adds to whatever it answers
OF_THE_SERVER = {"connection", "content-encoding", "content-length", "content-type", "date", "keep-alive", "server",
                 "transfer-encoding", "vary", "x-content-type-options"}

#: what may be answered to anybody at any time, described by "default"
OF_ANYTHING = {"405", "408", "413", "414", "431"}


class Answer:
    def __init__(self, method, target, response):
        self.method = method
        self.target = target
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.sent = response.read()
        packed = self.headers.get("content-encoding") == "gzip" and self.sent
        self.body = gzip.decompress(self.sent) if packed else self.sent

    @property
    def type(self):
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.method} {self.target}: {self.status} {self.body[:300].decode(errors='replace')}"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, **options):
        super().__init__("gald", **options)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Service:
    """`gald run` with its API, on a port and a socket of its own."""

    def __init__(self, gald, **api):
        self.gald = gald
        self.port = free_port()
        self.socket = os.path.join(gald.directory, "gald.sock")
        gald.configure({"api": {"listen": [f"unix:{self.socket}", f"127.0.0.1:{self.port}"], **api}})

    def start(self):
        self.gald.start()
        wait_until(self.answers, 30, "the API: " + self.log()[-500:])
        return self

    def answers(self):
        if self.gald.daemon.poll() is not None:
            raise LabError("gald run ended on its own: " + self.log()[-1000:])
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False

    def log(self):
        path = os.path.join(self.gald.directory, "gald.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def token(self, name, *arguments):
        done = self.gald.run("token", "add", name, *arguments)
        found = re.search(r"gald_\w[\w-]*", done.out)
        if done.code != 0 or not found:
            raise AssertionError(f"gald token add: {done}")
        return found.group()

    def connection(self, seconds=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)

    def ask(self, method, path, query=(), token=None, headers=None, body=None, connection=None):
        """One request. `query` is text as it is sent, or a dict or list of pairs to be encoded."""
        text = query if isinstance(query, str) else urllib.parse.urlencode(query)
        target = path + ("?" + text if text else "")
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        own = connection or self.connection()
        try:
            own.request(method, target, body, {**sent, **(headers or {})})
            return Answer(method, target, own.getresponse())
        finally:
            if connection is None:
                own.close()


class Description:
    """An OpenAPI document, and what an answer does that is not in it."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        self.formats = jsonschema.FormatChecker(["uuid"])

    def resolved(self, value):
        return self.resolver.resolve(value["$ref"])[1] if "$ref" in value else value

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def parameters(self, operation, place):
        described = [self.resolved(parameter) for parameter in operation.get("parameters", [])]
        return {parameter["name"]: parameter for parameter in described if parameter["in"] == place}

    def schema(self, value):
        """Without the reference that it may be."""
        while "$ref" in value:
            value = self.resolved(value)
        return value

    def errors(self, value, schema):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=self.formats)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def complaints(self, operation, answer):
        """Everything in which the answer is not as the operation says, in sentences."""
        responses = operation["responses"]
        status = str(answer.status)
        if status not in responses and status not in OF_ANYTHING:
            return [f"the status {status} is not described"]
        described = self.resolved(responses.get(status, responses["default"]))
        found = self.of_headers(described, answer)
        content = described.get("content")
        if not content:
            return found + (["a body where none is described"] if answer.body else [])
        if answer.type not in content:
            return found + [f"the content type {answer.type!r} is none of {sorted(content)}"]
        if answer.method == "HEAD":
            return found + (["HEAD has a body"] if answer.sent else [])
        return found + self.of_body(content[answer.type].get("schema"), answer)

    def of_headers(self, described, answer):
        found = []
        known = {name.lower(): self.resolved(header) for name, header in described.get("headers", {}).items()}
        for name, header in known.items():
            if name not in answer.headers:
                found += [f"the header {name} is missing"] if header.get("required") else []
                continue
            text = answer.headers[name]
            number = self.schema(header["schema"]).get("type") == "integer" and text.isdigit()
            found += [f"header {name}: {error}" for error in
                      self.errors(int(text) if number else text, header["schema"])]
        found += [f"the header {name} is not described" for name in
                  answer.headers.keys() - known.keys() - OF_THE_SERVER - ({"allow"} if answer.status == 405 else set())]
        if answer.headers.get("x-content-type-options") != "nosniff":
            found.append("X-Content-Type-Options is not nosniff")
        return found

    def of_body(self, schema, answer):
        if schema is None or answer.type.startswith("text/"):
            return []
        try:
            values = [json.loads(line) for line in answer.body.splitlines()] if answer.type == "application/jsonl" \
                else [answer.json]
        except ValueError as error:
            return [f"the body is no JSON: {error}"]
        found = [error for value in values for error in self.errors(value, schema)]
        if answer.type == "application/problem+json" and values[0].get("status") != answer.status:
            found.append(f"the body says {values[0].get('status')}")
        return found
