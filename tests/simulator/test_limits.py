"""Clock, latency, resource units, and the books that are kept of requests."""

import os
import sys
import time
import unittest
from email.utils import parsedate_to_datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import EXCHANGE_SCOPE, TENANT, Answer, Case
from clock import Clock
from limits import Limits, cost
from server import Request
from settings import default_settings

USERS = "/users/delta?$select=id"


class ClockTest(Case):
    def test_real(self):
        self.assertAlmostEqual(time.time(), TENANT.control("GET", "/clock")["now"], delta=2)
        answer = TENANT.send("POST", TENANT.at["control"] + "/clock", {}, '{"advance": 1}')
        self.assertEqual(409, answer.status)

    def test_virtual(self):
        self.settings(clock="virtual")
        started = TENANT.control("GET", "/clock")["now"]
        self.assertAlmostEqual(time.time(), started, delta=2)
        time.sleep(0.05)
        self.assertEqual(started, TENANT.control("GET", "/clock")["now"])
        self.assertEqual(started + 86400.5, self.advance(86400.5))
        date = parsedate_to_datetime(TENANT.graph(USERS).headers["Date"]).timestamp()
        self.assertEqual(int(started + 86400.5), date)
        self.assertEqual(time.strftime("%Y-%m-%d", time.gmtime(date)),
                         TENANT.control("GET", "/requests")[-1]["t"][:10])
        now = TENANT.control("POST", "/clock", {"until": started + 86500})["now"]
        self.assertEqual(started + 86500, now)
        self.assertEqual(now, TENANT.control("POST", "/clock", {"until": started})["now"])
        for wrong in ("-1", '"1"', "true"):
            answer = TENANT.send("POST", TENANT.at["control"] + "/clock", {}, f'{{"advance": {wrong}}}')
            self.assertEqual(400, answer.status, wrong)

    def test_tokens_end_with_the_clock(self):
        self.settings(clock="virtual", token_lifetime=1000)
        TENANT.token()
        self.advance(999)
        self.assertEqual(200, TENANT.graph(USERS).status)
        self.advance(2)
        self.assertEqual(401, TENANT.graph(USERS).status)

    def test_latency(self):
        TENANT.token()
        self.settings(latency=0.2)
        started = time.monotonic()
        TENANT.graph(USERS)
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        self.settings(clock="virtual", latency=30)
        before = TENANT.control("GET", "/clock")["now"]
        started = time.monotonic()
        TENANT.graph(USERS)
        self.assertLess(time.monotonic() - started, 5)
        self.assertEqual(before + 30, TENANT.control("GET", "/clock")["now"])
        self.assertEqual(30_000, TENANT.control("GET", "/requests")[-1]["took_ms"])


class CostTest(unittest.TestCase):
    def test_table(self):
        for expected, method, path in (
                (2, "GET", "/users"), (1, "GET", "/users?$select=id"), (1, "GET", "/users/a"),
                (3, "GET", "/users?$expand=manager"), (1, "GET", "/users?$top=10"),
                (2, "GET", "/users?$top=20"), (1, "GET", "/users/delta"), (1, "GET", "/contacts"),
                (2, "GET", "/contacts?$expand=manager"), (1, "GET", "/contacts/delta?$select=id"),
                (3, "GET", "/groups/g/members"), (2, "GET", "/groups/g/members?$select=id"),
                (1, "GET", "/groups/g/members?$select=id&$top=5"), (5, "GET", "/groups/g/transitiveMembers"),
                (2, "GET", "/users/u/memberOf"), (1, "GET", "/organization"), (0, "POST", "/$batch"),
                (5, "POST", "/directoryObjects/getByIds"), (4, "POST", "/users/u/checkMemberGroups")):
            request = Request("graph", method, "/v1.0" + path, {}, b"", "https://localhost")
            self.assertEqual(expected, cost(request), path)

    def test_bucket(self):
        settings = {**default_settings(), "clock": "virtual", "limit_units": 100, "limit_window": 10}
        clock = Clock(settings)
        limits = Limits(settings, clock)
        verdicts = [limits.charge("app", 1) for _ in range(100)]
        self.assertTrue(all(v.wait is None for v in verdicts))
        self.assertAlmostEqual(0.8, verdicts[79].used)
        self.assertIsNone(limits.charge("another app", 1).wait)
        refused = limits.charge("app", 1)       # it counts: room for the next after two units
        self.assertAlmostEqual(0.2, refused.wait, delta=0.0011)
        clock.advance(refused.wait)
        self.assertIsNone(limits.charge("app", 1).wait)
        for _ in range(1000):
            worst = limits.charge("app", 1)
        self.assertAlmostEqual(1.8, worst.used)
        clock.advance(1000)
        self.assertIsNone(limits.charge("app", 500).wait, "alone, a request is served whatever it costs")


class LimitTest(Case):
    def test_refusal(self):
        self.settings(clock="virtual", limit_units=10, limit_window=10)
        answers = [TENANT.graph(USERS) for _ in range(11)]
        self.assertEqual([200] * 10 + [429], [a.status for a in answers])
        self.assertIsNone(answers[6].headers["x-ms-throttle-limit-percentage"])
        self.assertEqual("0.80", answers[7].headers["x-ms-throttle-limit-percentage"])
        refused = answers[10]
        self.assertEqual("1", refused.headers["x-ms-resource-unit"])
        self.assertEqual("ResourceUnitLimitExceeded", refused.headers["x-ms-throttle-information"])
        self.assertEqual(f"Tenant_Application/ReadWrite/{TENANT.at['client_id']}/{TENANT.at['tenant_id']}",
                         refused.headers["x-ms-throttle-scope"])
        self.refused(refused, 429, "TooManyRequests")
        self.assertEqual("429", refused.json["error"]["innerError"]["code"])
        self.assertEqual("2.000", refused.headers["Retry-After"])
        self.assertEqual(429, TENANT.graph(USERS).status)       # costs, too
        self.advance(2)
        self.assertEqual(429, TENANT.graph(USERS).status)
        self.advance(4)
        self.assertEqual(200, TENANT.graph(USERS).status)
        self.settings(limit_units=0)
        self.assertEqual({200}, {TENANT.graph(USERS).status for _ in range(30)})

    def test_parts_of_a_batch_cost(self):
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        self.settings(clock="virtual", limit_units=3, limit_window=10)
        answer = TENANT.batch(*["/contacts/c1?$select=displayName"] * 5)
        self.assertEqual(200, answer.status)
        parts = sorted(answer.json["responses"], key=lambda part: part["id"])
        self.assertEqual([200] * 3 + [429] * 2, [part["status"] for part in parts])
        self.assertEqual("C", parts[0]["body"]["displayName"])
        self.assertEqual("TooManyRequests", parts[4]["body"]["error"]["code"])
        self.assertGreater(float(parts[4]["headers"]["Retry-After"]), 0)
        row = TENANT.control("GET", "/requests")[-1]
        self.assertEqual((200, 5), (row["status"], row["units"]))


class BooksTest(Case):
    def test_rows_and_sums(self):
        self.users(3)
        TENANT.graph(USERS)
        TENANT.graph("/users?$top=999")
        self.fault(status=429, times=1)
        TENANT.graph(USERS)
        self.fault(action="reset", times=1)
        with self.assertRaises(OSError):
            TENANT.graph(USERS)
        TENANT.invoke({"ResultSize": 1}, query="?$select=Guid", cmdlet="get-contact")
        rows = TENANT.control("GET", "/requests")
        self.assertEqual([("login", 0), ("graph", 1), ("graph", 2), ("graph", 0), ("graph", 0), ("login", 0),
                          ("exchange", 0)], [(row["service"], row["units"]) for row in rows])
        self.assertEqual("Get-Contact", rows[-1]["cmdlet"])
        self.assertTrue(all(0 <= row["took_ms"] < 60_000 for row in rows))
        stats = TENANT.control("GET", "/stats")
        graph = stats["services"]["graph"]
        self.assertEqual((4, 2, 1, 1, 3), tuple(graph[k] for k in ("requests", "ok", "throttled", "errors",
                                                                   "units")))
        self.assertEqual(sum(row["bytes"] for row in rows if row["service"] == "graph"), graph["bytes"])
        users = stats["collections"]["users"]
        self.assertEqual(4, users["requests"])
        self.assertLessEqual(users["busy_seconds"], users["last"] - users["first"] + 0.1)
        self.assertEqual(1, stats["collections"]["mailcontacts"]["requests"])
        TENANT.control("DELETE", "/stats")
        self.assertEqual({"services": {}, "collections": {}}, TENANT.control("GET", "/stats"))

    def test_busy_time_counts_latency(self):
        self.settings(clock="virtual", latency=2)
        for _ in range(3):
            TENANT.graph(USERS)
        users = TENANT.control("GET", "/stats")["collections"]["users"]
        self.assertEqual((6, 6), (users["busy_seconds"], round(users["last"] - users["first"], 3)))

    def test_a_throttled_exchange_request_is_one_whatever_its_status(self):
        TENANT.token(EXCHANGE_SCOPE)
        self.fault(service="exchange", action="hang", seconds=0.6)
        self.settings(concurrency=1, exchange_throttle_status=200)
        waiting = self.in_background(lambda: TENANT.invoke({}, fresh=True))
        time.sleep(0.2)
        refused = TENANT.invoke({}, fresh=True)
        waiting.join()
        self.assertIsInstance(refused, Answer)
        self.assertEqual(200, refused.status)
        self.assertTrue(refused.raw.startswith(b"You have reached the maximum number of concurrent"))
        stats = TENANT.control("GET", "/stats")["services"]["exchange"]
        self.assertEqual((1, 1), (stats["ok"], stats["throttled"]))


if __name__ == "__main__":
    unittest.main()
