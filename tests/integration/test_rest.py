#!/usr/bin/python3
"""The API as a program meets it: every path and method of /api/openapi.json, with good and bad parameters, each
answer held to what the document says of it. A tenant without a directory; gald as it is started.
"""

import json
import os
import re
import shutil
import tempfile
import time
import unittest
import urllib.parse
from datetime import datetime, timezone

from company import COMPLETE, main, rows  # which finds the lab
import shapes
from lab import Gald, Tenant, wait_until
from rest import Description, Service, UnixConnection

PEOPLE = 60
GONE = 20  # more than the guard allows
TWINS = [shapes.entra_id(f"twin {number}") for number in range(2)]
STAFF, BOARD = (shapes.entra_id(name) for name in ("staff", "board"))
API = "/api/identity"


def person(number, **more):
    mail = f"person.{number}@contoso.test"
    return shapes.user(shapes.entra_id(f"person {number}"), displayName=f"Person {number:02}", givenName="Person",
                       userPrincipalName=mail, mail=mail, mailNickname=f"person{number}", proxies=["SMTP:" + mail],
                       phones=[f"+49 30 5550{number:02}"], jobTitle="Clerk", companyName="Contoso", country="Germany",
                       **more)


def twin(number):
    return shapes.contact(TWINS[number], displayName=f"Twin {number}", mail="twin@fabrikam.test",
                          mailNickname=f"twin{number}", proxies=["SMTP:twin@fabrikam.test"])


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_body(stream):
    """Of the next answer in a stream of them."""
    length = 0
    while (line := stream.readline().strip()):
        name, _, value = line.lower().partition(b":")
        length = int(value) if name == b"content-length" else length
    return stream.read(length)


class RestTest(unittest.TestCase):
    """A small company in the cloud, with a past, a conflict and plans that wait; nothing changes it but the tests."""

    maxDiff = None
    api = {"requests_per_minute": 1_000_000}

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-rest-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.tenant = Tenant(os.path.join(cls.place, "tenant")).start()
        cls.addClassCleanup(cls.tenant.stop)
        cls.gald = Gald(os.path.join(cls.place, "gald"), tenant=cls.tenant,
                        changes={"labels": {"VIP": ["Board"]}, "retention": {"history": "400d"}})
        cls.populate()
        cls.service = Service(cls.gald, **cls.api)
        cls.reader, cls.operator, cls.admin = (
            cls.service.token(scope, "--scope", scope) for scope in ("read", "operate", "admin"))
        before = cls.cycles()
        cls.service.start()
        cls.addClassCleanup(cls.gald.stop)
        wait_until(lambda: cls.cycles() > before, 60, "the cycle that a service begins with")
        cls.description = Description(cls.service.ask("GET", "/api/openapi.json").json)

    @classmethod
    def populate(cls):
        members = {STAFF: range(PEOPLE), BOARD: range(3)}
        cls.tenant.bulk(users=[person(number) for number in range(PEOPLE)], contacts=[twin(0), twin(1)],
                        groups=[shapes.group(group, displayName=name, mail=f"{name.lower()}@contoso.test",
                                             proxies=[f"SMTP:{name.lower()}@contoso.test"],
                                             members=[("user", shapes.entra_id(f"person {number}"))
                                                      for number in members[group]])
                                for group, name in ((STAFF, "Staff"), (BOARD, "Board"))])
        cls.cycle()
        cls.then = now()
        time.sleep(0.01)
        cls.tenant.put("users", shapes.entra_id("person 0"), {"jobTitle": "Chair", "displayName": "<b>Person</b> & 'Ö'"})
        cls.tenant.delete("users", shapes.entra_id("person 1"), permanent=True)
        cls.cycle()

    @classmethod
    def cycle(cls):
        done = cls.gald.sync()
        if done.code != COMPLETE:
            raise AssertionError(done)

    @classmethod
    def cycles(cls):
        return rows(cls.gald, "SELECT count(*) FROM runs WHERE ended_at IS NOT NULL")[0][0]

    def ask(self, method, path, query=(), token=None, **more):
        return self.service.ask(method, path, query, token or self.reader, **more)

    def get(self, path, query=(), **more):
        answer = self.ask("GET", API + path, query, **more)
        self.assertEqual(answer.status, 200, answer)
        return answer

    def id_of(self, name):
        return rows(self.gald, "SELECT id FROM contacts WHERE mail = ? UNION SELECT id FROM groups WHERE mail = ?",
                    name, name)[0][0]

    def assertDescribed(self, operation, answer):
        self.assertEqual(self.description.complaints(operation, answer), [], answer)


class Walk(RestTest):
    """Every operation of the document."""

    @classmethod
    def populate(cls):
        super().populate()
        for number in range(2, 2 + GONE):
            cls.tenant.delete("users", shapes.entra_id(f"person {number}"), permanent=True)
        cls.cycle()
        cls.plan = json.loads(cls.gald.run("plan", "list", "--json").out)["plan"]

    def setUp(self):
        self.person = self.id_of("person.0@contoso.test")
        self.group = self.id_of("staff@contoso.test")
        self.position = self.ask("GET", API + "/changes/snapshot").headers["feed-position"]
        feed = self.position.partition(".")[0]

        #: what an operation is not asked without
        self.needed = {"lookUp": {"phone": "+49 30 555000"}, "getChanges": {"since": feed + ".1"},
                       "exportContacts": {"format": "csv"}}
        self.paths = {"Id": self.person, "GroupId": self.group, "PlanNumber": str(self.plan)}
        self.good = {
            "source": "cloud", "status": "active", "kind": "user", "group": "Staff", "label": "VIP",
            "hidden": "unknown", "changed_since": "2020-01-01T00:00:00Z", "changed_after": "1", "with_deleted": "true",
            "q": "person", "sort": "-displayName", "limit": "2", "offset": "1", "count": "true",
            "fields": "displayName,mail", "at": self.then, "phone": "+49 30 555000", "address": "person.0@contoso.test",
            "region": "DE", "since": self.position, "compact": "true", "wait": "0", "format": "jsonl",
            "columns": "DisplayName,Mail", "contact": self.person, "all": "true"}
        #: refused although the schema has nothing against it
        self.bad = {"at": "once", "columns": "Nonsense", "cursor": "nonsense", "changed_since": "yesterday"}

    def target(self, path, operation):
        for parameter in operation.get("parameters", []):
            name = parameter["$ref"].rpartition("/")[2]
            if name in self.paths:
                path = path.replace("{" + self.description.resolved(parameter)["name"] + "}",
                                    urllib.parse.quote(self.paths[name], safe=""))
        self.assertNotIn("{", path)
        return path

    def token_for(self, operation):
        for security in operation["security"]:
            for scopes in security.values():
                return {"read": self.reader, "operate": self.operator, "admin": self.admin}[scopes[0]]
        return None

    def base(self, method, path, operation, **more):
        """The operation as it is asked at its simplest."""
        return self.service.ask(method, self.target(path, operation), self.needed.get(operation["operationId"], {}),
                                self.token_for(operation), **more)

    def refusals(self, parameter):
        schema = self.description.schema(parameter["schema"])
        name = parameter["name"]
        if name in self.bad:
            yield self.bad[name]
        if "enum" in schema or "pattern" in schema or schema["type"] == "boolean":
            yield "nonsense"
        elif schema["type"] == "integer":
            yield "x"
            yield str(schema["minimum"] - 1)
            yield "9" * 30
            if "maximum" in schema:
                yield str(schema["maximum"] + 1)
        elif schema["type"] == "array":
            yield "displayName,nonsense"

    def cases(self, path, operation):
        """(query, expected status)"""
        needed = self.needed.get(operation["operationId"], {})
        parameters = self.description.parameters(operation, "query")
        yield needed, None
        for name, parameter in parameters.items():
            others = {key: value for key, value in needed.items()
                      if key != name and {key, name} != {"phone", "address"}}
            if name in self.good and operation["operationId"] != "listConflicts":
                yield {**others, name: self.good[name]}, None
            for value in self.refusals(parameter):
                yield {**others, name: value}, 400
            if "enum" in self.description.schema(parameter["schema"]):
                for value in self.description.schema(parameter["schema"])["enum"]:
                    yield {**others, name: value}, None
            given = {**needed, name: self.good.get(name, "1")}
            yield [*given.items(), (name, given[name])], 400
        for name in needed:
            if name != "phone":
                yield {}, 400
        for wrong in ("nonsense=1", "limit=%zz", "limit=%ff", "%00=1"):
            yield "&".join(filter(None, (urllib.parse.urlencode(needed), wrong))), 400

    def test_every_operation(self):
        """With every parameter, good and bad."""
        found, asked = [], 0
        for method, path, operation in self.description.operations():
            # What decides or writes has tests of its own; here it is asked for what is refused.
            changes = method != "GET"
            usual = next(status for status in operation["responses"] if status[0] in "25")
            for query, expected in self.cases(path, operation):
                if changes and expected is None:
                    continue
                answer = self.service.ask(method, self.target(path, operation), query, self.token_for(operation))
                asked += 1
                complaints = self.description.complaints(operation, answer)
                if str(answer.status) != str(expected or usual):
                    complaints.append(f"the status is {answer.status}, expected {expected or usual}")
                found += [f"{answer}\n      {complaint}" for complaint in complaints]
        self.assertEqual(found, [], f"{len(found)} of {asked}:\n  " + "\n  ".join(found))
        self.assertGreater(asked, 350)

    def test_what_is_not_there(self):
        found = []
        nobody = {"Id": ("nobody@contoso.test", "00000000-0000-4000-8000-000000000000", "%", "ü/ö"),
                  "GroupId": ("nobody@contoso.test", "00000000-0000-4000-8000-000000000000"),
                  "PlanNumber": ("4711",)}
        for method, path, operation in self.description.operations():
            names = [parameter["$ref"].rpartition("/")[2] for parameter in operation.get("parameters", [])]
            name = next((name for name in names if name in nobody), None)
            if name is None or "501" in operation["responses"]:
                continue
            for self.paths[name] in nobody[name]:
                answer = self.base(method, path, operation)
                complaints = self.description.complaints(operation, answer)
                if answer.status != 404:
                    complaints.append("expected 404")
                found += [f"{answer}: {complaint}" for complaint in complaints]
        self.assertEqual(found, [], "\n  " + "\n  ".join(found))

    def test_writing_is_for_later(self):
        later = [operation for operation in self.description.operations() if "501" in operation[2]["responses"]]
        self.assertEqual(len(later), 4)
        for method, path, operation in later:
            for body, kind in ((None, None), ('{"displayName":"Jane"}', "application/json")):
                answer = self.base(method, path, operation, body=body,
                                   headers={"Content-Type": kind} if kind else {})
                self.assertEqual(answer.status, 501, answer)
                self.assertDescribed(operation, answer)

    def test_bodies_are_json_or_nothing(self):
        """So that no page of another origin can make a browser send one."""
        asked = 0
        for method, path, operation in self.description.operations():
            if "requestBody" in operation:
                answer = self.base(method, path, operation, body="a=b",
                                   headers={"Content-Type": "application/x-www-form-urlencoded"})
                self.assertEqual(answer.status, 415, answer)
                self.assertDescribed(operation, answer)
                asked += 1
        self.assertGreater(asked, 3)

    def test_other_methods(self):
        for path, item in self.description.document["paths"].items():
            operation = next(iter(item.values()))
            allowed = {method.upper() for method in item}
            allowed |= {"HEAD"} if "GET" in allowed else set()
            for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - allowed:
                answer = self.service.ask(method, self.target(path, operation), token=self.admin)
                self.assertEqual(answer.status, 405, answer)
                self.assertEqual(set(answer.headers["allow"].split(", ")), allowed, answer)
                self.assertDescribed(operation, answer)

    def test_other_paths(self):
        for path in ("/api", "/api/", API, API + "/contacts/", API + "//contacts", "/api/identity/contacts/a/b",
                     "/API/identity/contacts", "/healthz/", "/..%2fetc%2fpasswd", "/favicon.ico"):
            answer = self.ask("GET", path)
            self.assertEqual((answer.status, answer.type), (404, "application/problem+json"), answer)

    def test_too_much(self):
        operation = self.description.document["paths"][API + "/contacts"]["get"]
        for status, more in ((414, {"query": "q=" + "x" * 9000}), (431, {"headers": {"X-Much": "x" * 20000}})):
            answer = self.ask("GET", API + "/contacts", **more)
            self.assertEqual(answer.status, status, answer)
            self.assertDescribed(operation, answer)
        answer = self.ask("POST", API + "/sync", headers={"Content-Length": "1000000"})
        self.assertEqual(answer.status, 413, answer)
        self.assertDescribed(self.description.document["paths"][API + "/sync"]["post"], answer)

    def test_pipelining(self):
        """Several requests at once are answered in their order, on one connection."""
        connection = self.service.connection()
        self.addCleanup(connection.close)
        connection.connect()
        targets = [API + "/contacts/" + self.person, "/healthz", API + "/contacts?limit=3", API + "/nothing"]
        connection.sock.sendall("".join(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.reader}\r\n\r\n"
            for target in targets).encode())
        with connection.sock.makefile("rb") as stream:
            bodies = [next_body(stream) for _ in targets]
        self.assertEqual(json.loads(bodies[0])["id"], self.person)
        self.assertEqual(bodies[1], b"ok\n")
        self.assertEqual(len(json.loads(bodies[2])["items"]), 3)
        self.assertEqual(json.loads(bodies[3])["status"], 404)

    def test_who_may_ask(self):
        for number, (method, path, operation) in enumerate(self.description.operations()):
            def asked(token):
                answer = self.service.ask(method, self.target(path, operation),
                                          self.needed.get(operation["operationId"], {}), token)
                self.assertDescribed(operation, answer)
                return answer.status
            scope = next((scopes[0] for security in operation["security"] for scopes in security.values()), None)
            with self.subTest(f"{method} {path}"):
                if scope is None:
                    self.assertEqual(asked(None), 200)
                    continue
                self.assertEqual(asked(None), 401)
                if number % 4 == 0:  # an address has some 30 a minute
                    self.assertEqual(asked(self.reader[:-1] + ("a" if self.reader[-1] != "a" else "b")), 401)
                    self.assertEqual(asked("nonsense"), 401)
                if scope in ("operate", "admin"):
                    self.assertEqual(asked(self.reader), 403)
                if scope == "admin":
                    self.assertEqual(asked(self.operator), 403)

    def test_a_token_that_is_revoked(self):
        token = self.service.token("short-lived")
        answer = self.ask("GET", API + "/me", token=token)
        self.assertEqual((answer.status, answer.json.get("scope")), (200, "read"), answer)
        self.assertEqual(self.gald.run("token", "revoke", "short-lived").code, COMPLETE)
        wait_until(lambda: self.ask("GET", API + "/me", token=token).status == 401, 5, "the end of a token")

    def test_head_is_get_without_the_body(self):
        for method, path, operation in self.description.operations():
            if method == "GET":
                get, head = (self.base(verb, path, operation) for verb in ("GET", "HEAD"))
                self.assertEqual((head.status, head.sent), (get.status, b""), head)
                # What tells the moment has another length each time; a file that nobody takes is not made.
                volatile = {"date", "transfer-encoding", "connection"}
                if path in ("/metrics", API + "/status", API + "/contacts/export", API + "/changes/snapshot"):
                    volatile.add("content-length")
                told = [{name: value for name, value in answer.headers.items() if name not in volatile}
                        for answer in (get, head)]
                self.assertEqual(told[1], told[0], head)
                self.assertDescribed(operation, head)

    def test_what_the_client_has_is_not_sent(self):
        asked = 0
        for method, path, operation in self.description.operations():
            if "304" not in operation["responses"]:
                continue
            first = self.base(method, path, operation)
            tag = first.headers["etag"]
            for given in (tag, f'"other", W/{tag}', "*"):
                answer = self.base(method, path, operation, headers={"If-None-Match": given})
                self.assertEqual((answer.status, answer.headers.get("etag"), answer.sent), (304, tag, b""), answer)
                self.assertDescribed(operation, answer)
            answer = self.base(method, path, operation, headers={"If-None-Match": '"other"'})
            self.assertEqual((answer.status, answer.body), (200, first.body), answer)
            asked += 1
        self.assertGreater(asked, 3)

    def test_compression(self):
        packed = 0
        for method, path, operation in self.description.operations():
            if method != "GET":
                continue
            plain = self.base(method, path, operation, headers={"Accept-Encoding": "identity"})
            answer = self.base(method, path, operation, headers={"Accept-Encoding": "gzip"})
            self.assertDescribed(operation, answer)
            self.assertNotIn("content-encoding", plain.headers, plain)
            if path not in ("/metrics", API + "/status"):
                self.assertEqual(answer.body, plain.body, answer)
            if len(plain.body) >= 2048 and plain.type != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
                self.assertEqual(answer.headers.get("content-encoding"), "gzip", answer)
                self.assertIn("accept-encoding", answer.headers.get("vary", "").lower(), answer)
                self.assertLess(len(answer.sent), len(plain.sent))
                packed += 1
        self.assertGreater(packed, 3)

    def test_a_fault_in_the_document_would_show(self):
        """The checks of this file, checked."""
        operation = self.description.document["paths"][API + "/contacts"]["get"]
        answer = self.get("/contacts", {"limit": 1})
        self.assertDescribed(operation, answer)
        page = answer.json
        for spoil in (lambda item: item.pop("mail"), lambda item: item.update(extra=1),
                      lambda item: item.update(kind="robot"), lambda item: item.update(changedAt="now")):
            spoiled = json.loads(answer.body)
            spoil(spoiled["items"][0])
            if "mail" not in spoiled["items"][0]:
                spoiled["items"][0]["addresses"] = None
            answer.body = json.dumps(spoiled).encode()
            self.assertNotEqual(self.description.complaints(operation, answer), [], spoiled)
            answer.body = json.dumps(page).encode()
        answer.headers["x-extra"] = "1"
        self.assertNotEqual(self.description.complaints(operation, answer), [])
        answer.status = 418
        self.assertNotEqual(self.description.complaints(operation, answer), [])


class Reading(RestTest):
    """What the answers say is what the index says."""

    def listed(self, *arguments):
        done = self.gald.list(*arguments)
        self.assertEqual(done.code, COMPLETE, done)
        return [json.loads(line) for line in done.out.splitlines()]

    def pages(self, path, query):
        """The items of all pages; `next` and the header Link lead to the same."""
        items, cursor = [], None
        while True:
            answer = self.get(path, {**query, **({"cursor": cursor} if cursor else {})})
            items += answer.json["items"]
            cursor = answer.json["next"]
            if cursor is None:
                self.assertNotIn("link", answer.headers)
                return items
            target = answer.headers["link"].partition(">")[0].lstrip("<")
            self.assertEqual(dict(urllib.parse.parse_qsl(target.partition("?")[2]))["cursor"], cursor)

    def test_pages_are_the_list(self):
        self.assertEqual(self.pages("/contacts", {"limit": 7}), self.listed())
        self.assertEqual(self.pages("/contacts", {"limit": 7, "with_deleted": "true"}), self.listed("--all"))
        self.assertEqual(self.pages("/contacts", {"limit": 1, "kind": "group"}), self.listed("--kind", "group"))
        self.assertEqual(self.pages("/contacts", {"limit": 2, "group": "Board"}), self.listed("--group", "Board"))
        self.assertEqual(self.pages("/contacts", {"limit": 9, "sort": "-displayName"}),
                         list(reversed(self.listed())))
        answer = self.get("/contacts", {"limit": 3, "offset": 5, "count": "true"}).json
        self.assertEqual((answer["items"], answer["total"]), (self.listed()[5:8], len(self.listed())))

    def test_a_contact_is_the_contact(self):
        for contact in self.listed("--all")[:5]:
            self.assertEqual(self.get("/contacts/" + contact["id"]).json, contact)
        by_mail = self.get("/contacts/person.5%40contoso.test")
        self.assertEqual(by_mail.json["mail"], "person.5@contoso.test")
        self.assertEqual(by_mail.headers["content-location"], API + "/contacts/" + by_mail.json["id"])
        self.assertEqual(self.get("/contacts/person.5%40contoso.test", {"fields": "mail"}).json,
                         {"id": by_mail.json["id"], "mail": "person.5@contoso.test"})

    def test_several_with_one_address(self):
        answer = self.ask("GET", API + "/contacts/twin%40fabrikam.test")
        self.assertEqual(answer.status, 409, answer)
        ids = {key for key, in rows(self.gald, "SELECT id FROM contacts WHERE mail = 'twin@fabrikam.test'")}
        self.assertEqual(set(answer.json["ids"]), ids)
        self.assertEqual(len(ids), 2)

    def test_groups(self):
        groups = {group["displayName"]: group for group in self.pages("/groups", {"limit": 1})}
        self.assertEqual({name: group["members"] for name, group in groups.items()}, {"Staff": PEOPLE - 1, "Board": 2})
        self.assertEqual(self.get("/groups/" + groups["Board"]["id"]).json, groups["Board"])
        self.assertEqual(self.get("/groups", {"q": "st"}).json["items"], [groups["Staff"]])
        members = self.pages(f"/groups/{groups['Board']['id']}/members", {"limit": 1})
        self.assertEqual(members, self.listed("--group", "Board"))
        self.assertEqual(self.get(f"/contacts/{members[0]['id']}/groups").json["items"],
                         [groups["Board"], groups["Staff"]])

    def test_totals(self):
        overview = self.get("/contacts/overview").json
        self.assertEqual(overview["contacts"], len(self.listed()))
        self.assertEqual((overview["groups"], overview["byStatus"]["deleted"], overview["conflicts"]),
                         (2, 1, {"duplicate": 1}))
        self.assertEqual(sum(line["count"] for line in overview["totals"]), PEOPLE + 2 + 2)

    def test_who_calls(self):
        hits = self.get("/lookup", {"phone": "0049 (0)30 555007"}).json["items"]
        self.assertEqual([(hit["match"], hit["contact"]["displayName"]) for hit in hits], [("exact", "Person 07")])
        hits = self.get("/lookup", {"phone": "030 555007", "region": "DE"}).json["items"]
        self.assertEqual([(hit["match"], hit["contact"]["displayName"]) for hit in hits], [("exact", "Person 07")])
        hits = self.get("/lookup", {"address": "person.7@contoso.test"}).json["items"]
        self.assertEqual([hit["contact"]["displayName"] for hit in hits], ["Person 07"])
        self.assertEqual(self.get("/lookup", {"address": "person.1@contoso.test"}).json["items"][0]["contact"]["status"],
                         "deleted")
        self.assertEqual(self.get("/lookup", {"phone": "+1 425 555 0100"}).json["items"], [])
        for query in ({}, {"phone": "1", "address": "a"}):
            self.assertEqual(self.ask("GET", API + "/lookup", query).status, 400)

    def test_search(self):
        answer = self.get("/contacts", {"q": "persn 07", "limit": 3}).json
        self.assertEqual((answer["items"][0]["displayName"], answer["items"][0]["similar"]), ("Person 07", True))

    def test_the_past(self):
        query = {"at": self.then, "limit": 1000}
        self.assertEqual(self.get("/contacts", query).json["items"], self.listed("--at", self.then))
        contact = self.id_of("person.0@contoso.test")
        self.assertEqual(self.get("/contacts/" + contact, {"at": self.then}).json["jobTitle"], "Clerk")
        self.assertEqual(self.get("/contacts/" + contact).json["jobTitle"], "Chair")
        self.assertEqual(self.get("/contacts/" + contact, {"at": "1"}).json["jobTitle"], "Clerk")
        self.assertEqual(self.ask("GET", API + "/contacts", {"at": "2999-01-01T00:00:00Z"}).status, 400)

    def test_history_and_reasons(self):
        contact = self.id_of("person.0@contoso.test")
        done = self.gald.run("history", contact, "--json")
        told = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(self.pages(f"/contacts/{contact}/history", {"limit": 1}), told)
        self.assertEqual(self.get(f"/contacts/{contact}/explain").json,
                         json.loads(self.gald.run("explain", contact, "--json").out))
        conflicts = [json.loads(line) for line in self.gald.run("conflicts", "--json").out.splitlines()]
        self.assertEqual(self.pages("/conflicts", {"limit": 1}), conflicts)
        runs = self.pages("/runs", {"limit": 1})
        self.assertEqual([run["run"] for run in runs],
                         [number for number, in rows(self.gald, "SELECT id FROM runs ORDER BY id DESC")])
        known = json.loads(self.gald.status("--json").out)["collections"]
        self.assertEqual({(read["connector"], read["collection"]) for read in runs[-1]["collections"]},
                         {(state["connector"], state["collection"]) for state in known})

    def test_exports_are_those_of_the_command(self):
        for kind in ("csv", "vcf", "vcf3", "jsonl", "ldif"):
            answer = self.get("/contacts/export", {"format": kind, "group": "Board"})
            path = os.path.join(self.place, "export")
            done = self.gald.run("export", "--format", kind, "--group", "Board", "--output", path)
            self.assertEqual(done.code, COMPLETE, done)
            with open(path, "rb") as file:
                self.assertEqual(answer.body, file.read(), kind)
            self.assertRegex(answer.headers["content-disposition"], r'^attachment; filename="contacts\.\w+"$')
        self.assertTrue(self.get("/contacts/export", {"format": "xlsx"}).body.startswith(b"PK"))

    def test_the_socket_needs_no_token(self):
        connection = UnixConnection(self.service.socket, timeout=10)
        self.addCleanup(connection.close)
        answer = self.service.ask("GET", API + "/me", connection=connection)
        self.assertEqual((answer.status, answer.json["scope"]), (200, "admin"), answer)
        self.assertIn("root", answer.json["name"])

    def test_nothing_personal_is_logged(self):
        self.get("/contacts", {"q": "person.7@contoso.test"})
        self.ask("GET", API + "/contacts/nobody%40contoso.test")
        self.assertNotIn("contoso.test", self.service.log())
        for token in (self.reader, self.operator, self.admin):
            self.assertNotIn(token, self.service.log())


class Following(RestTest):
    """What happens while somebody waits."""

    def cycle_now(self):
        """As a program asks for one, and waits for its end."""
        answer = self.service.ask("POST", API + "/sync", token=self.operator)
        self.assertEqual(answer.status, 202, answer)
        self.assertDescribed(self.description.document["paths"][API + "/sync"]["post"], answer)
        last = answer.json["lastRun"]

        def ended():
            run = self.get("/runs", {"limit": 1}).json["items"][0]
            return run if run["run"] > last and run["endedAt"] else None
        return wait_until(ended, 60, "a cycle")

    def rename(self, number, title):
        self.tenant.put("users", shapes.entra_id(f"person {number}"), {"jobTitle": title})

    def position(self):
        return self.ask("GET", API + "/changes/snapshot").headers["feed-position"]

    def test_a_position_that_is_none(self):
        for position in ("0000000000000000.1", self.position().partition(".")[0] + ".999999"):
            answer = self.ask("GET", API + "/changes", {"since": position})
            self.assertEqual((answer.status, answer.json.get("snapshot")), (410, API + "/changes/snapshot"), answer)
            self.assertDescribed(self.description.document["paths"][API + "/changes"]["get"], answer)

    def test_a_snapshot_is_the_index(self):
        *items, end = map(json.loads, self.ask("GET", API + "/changes/snapshot").body.splitlines())
        self.assertEqual(end, {"position": self.position(), "more": False})
        self.assertEqual(len(items), PEOPLE + 4)
        first = self.get("/changes", {"since": end["position"].partition(".")[0] + ".0", "limit": 10}).json
        self.assertEqual((len(first["items"]), first["more"]), (10, True))

    def test_long_poll(self):
        position = self.position()
        start = time.monotonic()
        answer = self.get("/changes", {"since": position, "wait": 1})
        self.assertEqual(answer.json, {"items": [], "next": position, "more": False})
        self.assertGreaterEqual(time.monotonic() - start, 0.9)
        connection = self.service.connection(60)
        self.addCleanup(connection.close)
        query = urllib.parse.urlencode({"since": position, "wait": 50, "compact": "true"})
        connection.request("GET", API + "/changes?" + query, headers={"Authorization": "Bearer " + self.reader})
        self.rename(5, "Waited for")
        start = time.monotonic()
        self.cycle_now()
        page = json.loads(connection.getresponse().read())
        self.assertLess(time.monotonic() - start, 30)
        self.assertEqual([(item["action"], item["contact"]["jobTitle"]) for item in page["items"]],
                         [("put", "Waited for")])

    def test_server_sent_events(self):
        stream = Events(self.service, self.reader, since=self.position(), compact="true")
        self.addCleanup(stream.close)
        self.rename(6, "Streamed")
        self.cycle_now()
        event = stream.next()
        self.assertEqual(event["event"], "change")
        item = json.loads(event["data"])
        self.assertEqual(item["contact"]["jobTitle"], "Streamed")
        self.assertEqual(self.description.errors(item, {"$ref": "#/components/schemas/FeedItem"}), [])
        stream.close()
        self.rename(6, "Streamed again")
        self.cycle_now()
        again = Events(self.service, self.reader, last=event["id"], compact="true")
        self.addCleanup(again.close)
        self.assertEqual(json.loads(again.next()["data"])["contact"]["jobTitle"], "Streamed again")

    def test_a_token_that_nobody_used_is_told_of(self):
        """No request comes meanwhile that would have the service look at the file."""
        for command, told in (("add", "added"), ("revoke", "revoked")):
            done = self.gald.run("token", command, "brief")
            self.assertEqual(done.code, COMPLETE, done)
            self.assertIn(f'what="token brief {told}" outcome=done', done.err)
            wait_until(lambda: f'what="token brief {told}" outcome=done' in self.service.log(), 30, told)

    def counted(self, series):
        text = self.ask("GET", "/metrics", token=self.operator).body.decode()
        return float(re.search(re.escape(series) + r" (\S+)", text).group(1))

    def test_decisions(self):
        described = self.description.document["paths"]

        def decide(number, decision, expected):
            answer = self.service.ask("POST", f"{API}/plans/{number}/{decision}", token=self.operator)
            self.assertEqual(answer.status, expected, answer)
            self.assertDescribed(described[API + "/plans/{plan}/" + decision]["post"], answer)
            return answer.json
        for number in range(30, 30 + GONE):
            self.tenant.delete("users", shapes.entra_id(f"person {number}"), permanent=True)
        self.cycle_now()
        plan, = self.get("/plans").json["items"]
        self.assertEqual((plan["state"], plan["deleted"]), ("open", GONE))
        detail = self.get(f"/plans/{plan['plan']}", {"limit": 3}).json
        self.assertEqual((len(detail["changes"]), detail["more"]), (3, True))
        self.assertEqual(decide(plan["plan"], "reject", 200)["state"], "rejected")
        deleted = self.counted('gald_changes_published_total{operation="deleted"}')
        self.assertEqual(decide(plan["plan"], "approve", 200)["state"], "approved")
        self.assertEqual(self.counted('gald_changes_published_total{operation="deleted"}'), deleted + GONE)
        decide(4711, "approve", 404)
        self.cycle_now()
        decide(plan["plan"], "reject", 409)
        self.assertEqual(rows(self.gald, "SELECT count(*) FROM contacts WHERE status = 'deleted'"), [(GONE + 1,)])
        self.assertRegex(self.service.log(), r"api\.audit.*operate")


class Events:
    """A client of server-sent events."""

    def __init__(self, service, token, last=None, **query):
        self.connection = service.connection(60)
        headers = {"Authorization": "Bearer " + token, "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        self.connection.request("GET", API + "/changes?" + urllib.parse.urlencode(query), headers=headers)
        self.response = self.connection.getresponse()
        if self.response.status != 200 or not self.response.headers["Content-Type"].startswith("text/event-stream"):
            raise AssertionError(f"{self.response.status} {self.response.read()}")

    def next(self):
        """The fields of the next event that has data; comments and the like are passed over."""
        event = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
            elif not line:
                if "data" in event:
                    return event
                event = {}

    def close(self):
        self.connection.close()


class Narrowed(RestTest):
    """A token that sees two people, and of them their names, is answered as the document says, too."""

    def setUp(self):
        self.narrow = self.service.token(f"narrow-{self.id().rpartition('.')[2]}", "--group", "Board", "--attribute",
                                         "displayName,groups", "--no-hidden")
        self.person = self.id_of("person.2@contoso.test")

    def test_every_answer(self):
        paths = {"contacts": self.person, "groups": self.id_of("board@contoso.test")}
        refused = set()
        for method, path, operation in self.description.operations():
            if method != "GET" or not operation["security"]:
                continue
            target = path.replace("{id}", paths["groups" if "/groups/{id}" in path else "contacts"])
            answer = self.service.ask(method, target.replace("{plan}", "1"), {
                "lookUp": {"phone": "+49 30 555002"}, "exportContacts": {"format": "jsonl"},
                "getChanges": {"since": self.position(), "compact": "true"}}.get(operation["operationId"], {}), self.narrow)
            self.assertDescribed(operation, answer)
            if answer.status == 403:
                refused.add(operation["operationId"])
            else:
                self.assertEqual(answer.status, 200, answer)
                self.assertNotIn(b"Twin", answer.body)
                self.assertNotIn(b"Clerk", answer.body)
        self.assertEqual(refused, {"explainContact", "listPlans", "getPlan", "listRuns", "getMetrics"})

    def position(self):
        return self.service.ask("GET", API + "/changes/snapshot", token=self.narrow).headers["feed-position"]

    def test_who_leaves_is_deleted(self):
        before = self.position()
        self.tenant.members(BOARD, remove=[("user", shapes.entra_id("person 2"))])
        self.cycle()
        answer = self.service.ask("GET", API + "/changes", {"since": before, "compact": "true"}, self.narrow)
        self.assertDescribed(self.description.document["paths"][API + "/changes"]["get"], answer)
        item, = (item for item in answer.json["items"] if item["id"] == self.person)
        self.assertEqual((item["action"], item["contact"]["displayName"]), ("delete", None))
        self.assertEqual(self.service.ask("GET", API + "/contacts/" + self.person, token=self.narrow).status, 404)


class Limited(RestTest):
    api = {"requests_per_minute": 30}

    def refused(self, token):
        """What is answered at last to somebody who asks again and again."""
        for _ in range(100):
            answer = self.ask("GET", API + "/me", token=token)
            if answer.status == 429:
                self.assertDescribed(self.description.document["paths"][API + "/me"]["get"], answer)
                return answer
        self.fail(f"never refused: {answer}")

    def test_too_many_requests(self):
        self.refused(self.reader)
        # Another client goes on, and so does who has the right token beside one who guesses.
        self.assertEqual(self.ask("GET", API + "/me", token=self.operator).status, 200)
        self.refused("gald_00000000_nonsense")
        self.assertEqual(self.ask("GET", API + "/me", token=self.operator).status, 200)


if __name__ == "__main__":
    main()
