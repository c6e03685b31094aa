"""Scripts of misbehaviour: answers, chance, time, pages, connections, and the other services."""

import http.client
import os
import sys
import time
import unittest
from email.utils import parsedate_to_datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import EXCHANGE_SCOPE, TENANT, Case
from clock import Clock
from faults import Faults
from server import Request
from settings import default_settings

USERS = "/users/delta?$select=id"


class FaultTest(Case):
    def fault(self, **script):
        super().fault(**{"path": "/users/delta", **script})

    def test_status_skip_times(self):
        self.fault(status=429, headers={"Retry-After": "2.128"}, skip=1, times=2)
        statuses = [TENANT.graph("/users/delta").status for _ in range(4)]
        self.assertEqual([200, 429, 429, 200], statuses)
        self.assertEqual(0, TENANT.control("GET", "/faults")[0]["times"])
        self.fault(status=503, body="busy", times=-1)
        for _ in range(3):
            self.assertEqual((503, b"busy"), (TENANT.graph("/users/delta").status,
                                              TENANT.graph("/users/delta").raw))
        self.assertEqual(200, TENANT.graph("/contacts/delta").status)
        TENANT.control("DELETE", "/faults")
        self.assertEqual(200, TENANT.graph("/users/delta").status)

    def test_login_and_exchange(self):
        TENANT.control("POST", "/faults", {"service": "login", "status": 429, "headers": {"Retry-After": "60"}})
        answer = TENANT.ask_token()
        self.assertEqual((429, "60"), (answer.status, answer.headers["Retry-After"]))
        TENANT.token(EXCHANGE_SCOPE)
        TENANT.control("POST", "/faults", {"service": "exchange", "status": 400,
                                           "body": {"error": {"code": "ServerBusyException"}}})
        self.assertEqual("ServerBusyException", TENANT.invoke({}).json["error"]["code"])

    def test_connection(self):
        self.users(20)
        TENANT.token()
        self.fault(action="reset")
        with self.assertRaises((OSError, http.client.HTTPException)):
            TENANT.graph("/users/delta")
        self.fault(action="truncate")
        with self.assertRaises((OSError, http.client.HTTPException)):
            TENANT.graph("/users/delta")
        self.assertEqual(200, TENANT.graph("/users/delta").status)

    def test_pages(self):
        self.users(3)
        self.fault(action="malformed")
        with self.assertRaises(ValueError):
            _ = TENANT.graph("/users/delta").json
        self.fault(action="nolinks")
        self.assertEqual({"@odata.context", "value"}, set(TENANT.graph("/users/delta").json))
        self.fault(action="loop")
        url = TENANT.at["graph"] + "/v1.0/users/delta?$select=id"
        self.assertEqual(url, TENANT.graph(url).json["@odata.nextLink"])
        self.fault(action="foreignlink")
        self.assertTrue(TENANT.graph(url).json["@odata.nextLink"].startswith("https://evil.invalid/"))

    def test_duplicate(self):
        one, _ = self.users(2)
        TENANT.control("PUT", f"/users/{one}", {"displayName": "New"})
        self.fault(action="duplicate")
        values = TENANT.graph("/users/delta?$select=displayName").json["value"]
        self.assertEqual(["User 1", "User 1", "User 0", "New"], [v["displayName"] for v in values])

    def test_hang(self):
        self.fault(action="hang", seconds=0.3)
        started = time.monotonic()
        self.assertEqual(200, TENANT.graph("/users/delta").status)
        self.assertGreaterEqual(time.monotonic() - started, 0.3)


class ScriptTest(Case):
    def test_share_is_chance_of_the_seed(self):
        def outcome(seed):
            faults = Faults(seed, Clock(default_settings()))
            faults.add({"service": "graph", "status": 503, "share": 0.5, "times": -1})
            request = Request("graph", "GET", "/v1.0/users", {}, b"", "")
            return [faults.match(request) is not None for _ in range(400)]
        self.assertEqual(outcome(1), outcome(1))
        self.assertNotEqual(outcome(1), outcome(2))
        self.assertTrue(140 < sum(outcome(1)) < 260)
        self.fault(status=503, share=0, times=-1)
        self.assertEqual(200, TENANT.graph(USERS).status)
        self.fault(status=503, share=1.0)
        self.assertEqual([503, 200], [TENANT.graph(USERS).status for _ in range(2)])

    def test_for_some_time(self):
        self.settings(clock="virtual")
        self.fault(status=503, times=-1, **{"for": 20})
        self.assertEqual(503, TENANT.graph(USERS).status)
        self.advance(19)
        self.assertEqual(503, TENANT.graph(USERS).status)
        self.advance(1)
        self.assertEqual(200, TENANT.graph(USERS).status)

    def test_retry_after(self):
        def told(**script):
            self.fault(status=429, **script)
            return TENANT.graph(USERS).headers["Retry-After"]
        self.assertRegex(told(retry_after="seconds", between=[3, 5]), r"^[3-5]$")
        self.assertRegex(told(retry_after="decimal", between=[1, 2]), r"^1\.\d{3}$|^2\.000$")
        date = parsedate_to_datetime(told(retry_after="date", between=[10, 12])).timestamp()
        self.assertTrue(9 <= date - time.time() <= 14)
        self.assertIsNone(told(retry_after="none"))
        self.assertEqual("7", told(headers={"Retry-After": 7}))

    def test_page(self):
        self.users(6)
        self.settings(page_size=2)
        self.fault(status=503, page=2, times=-1)

        def statuses():
            link, found = USERS, []
            while link:
                answer = TENANT.graph(link)
                found.append(answer.status)
                if answer.status == 200:
                    link = answer.json.get("@odata.nextLink")
            return found
        self.assertEqual([200, 503, 200, 200], statuses())      # asked again it is the third request
        self.assertEqual([200, 503, 200, 200], statuses())      # and the next round has a second one, too
        TENANT.control("DELETE", "/faults")
        TENANT.mail_contacts(3)
        self.fault(service="exchange", status=503, page=2, times=-1)
        page = TENANT.invoke({}, query="?$select=Guid", prefer="odata.maxpagesize=1")
        other = TENANT.invoke({}, query="?$select=Guid", prefer="odata.maxpagesize=1", cmdlet="Get-Contact")
        self.assertEqual((200, 200), (page.status, other.status))
        self.assertEqual(503, TENANT.invoke({}, page.json["@odata.nextLink"]).status)
        self.assertEqual(200, TENANT.invoke({}, page.json["@odata.nextLink"]).status)

    def test_sticky(self):
        self.fault(status=503, sticky=True, path="/users/")
        self.assertEqual(503, TENANT.graph(USERS).status)
        self.assertEqual(503, TENANT.graph("/contacts/delta?$select=id").status)
        self.assertEqual(200, TENANT.graph(USERS, fresh=True).status)
        self.assertEqual(503, TENANT.graph(USERS).status)
        TENANT.disconnect()
        self.assertEqual(200, TENANT.graph(USERS).status)

    def test_idle_connections_are_reset(self):
        self.settings(idle_timeout=0.2)
        TENANT.disconnect()
        self.assertEqual([200, 200], [TENANT.graph(USERS).status for _ in range(2)])
        time.sleep(0.5)
        with self.assertRaises((OSError, http.client.HTTPException)):
            TENANT.graph(USERS)
        self.assertEqual(200, TENANT.graph(USERS).status)
        TENANT.disconnect()

    def test_cmdlet(self):
        self.fault(service="exchange", status=503, cmdlet="Get-Contact", times=-1)
        self.assertEqual(200, TENANT.invoke({}).status)
        self.assertEqual(503, TENANT.invoke({}, cmdlet="Get-Contact").status)

    def test_imds_and_proxy(self):
        self.fault(service="imds", status=410)
        url = (TENANT.at["imds"] + "/metadata/identity/oauth2/token?api-version=2018-02-01"
               "&resource=https://graph.microsoft.com/")
        self.assertEqual([410, 200], [TENANT.send("GET", url, {"Metadata": "true"}).status for _ in range(2)])
        self.fault(service="proxy", status=502)
        with self.assertRaises(OSError):
            TENANT.through_proxy(TENANT.at["graph"])
        self.fault(service="proxy", action="reset")
        with self.assertRaises((OSError, http.client.HTTPException)):
            TENANT.through_proxy(TENANT.at["graph"])
        self.assertEqual(401, TENANT.through_proxy(TENANT.at["graph"]).status)

    def test_wrong_scripts(self):
        for script in ({"service": "graph"}, {"service": "moon", "status": 503}, {"status": 503},
                       {"service": "graph", "status": 503, "share": 2}, {"service": "graph", "action": "x"},
                       {"service": "graph", "status": 503, "for": -1}, {"service": "graph", "page": 0, "status": 1},
                       {"service": "graph", "status": 429, "retry_after": "soon"},
                       {"service": "graph", "status": 429, "retry_after": "date", "between": [2, 1]},
                       {"service": "graph", "action": "hang", "sticky": True},
                       {"service": "exchange", "status": 503, "inner": True},
                       {"service": "graph", "status": 503, "nonsense": 1}):
            with self.subTest(script=script), self.assertRaises(AssertionError):
                TENANT.control("POST", "/faults", script)


if __name__ == "__main__":
    unittest.main()
