"""Scripts of misbehaviour: chance, time, pages, connections, and the other services."""

import http.client
import os
import sys
import time
import unittest
from email.utils import parsedate_to_datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import TENANT, Case
from clock import Clock
from faults import Faults
from server import Request
from settings import default_settings

USERS = "/users/delta?$select=id"


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
