"""What a client does wrong is noticed, and what a client does right is not."""

import http.client
import json
import os
import sys
import time
import unittest
from urllib.parse import quote, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import EXCHANGE_SCOPE, GRAPH_SCOPE, TENANT, Case

USERS = "/users/delta?$select=id"


class ViolationTest(Case):
    def test_a_good_client_does_nothing_wrong(self):
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        self.users(5)
        self.settings(page_size=2)
        _, _, link = TENANT.round(USERS)
        TENANT.round(link)
        for path in ("/contacts?$select=id", "/contacts/c1?$select=id", "/contacts/$count", "/organization",
                     "/groups/delta?$select=id,members", "/contacts/c1/manager?$select=id"):
            TENANT.graph(path, ConsistencyLevel="eventual")
        TENANT.batch("/contacts/c1/manager?$select=id", "/contacts/c2/manager?$select=id")
        TENANT.mail_contacts(3)
        page = TENANT.invoke({"ResultSize": "Unlimited"}, query="?$select=Guid", prefer="odata.maxpagesize=2")
        TENANT.invoke({"ResultSize": "Unlimited"}, page.json["@odata.nextLink"], prefer="odata.maxpagesize=2")
        TENANT.invoke({"Identity": "c1@fabrikam.com"}, query="?$select=Guid")
        self.assertEqual([], TENANT.control("GET", "/violations"))

    def test_a_row(self):
        TENANT.graph("/users/delta")
        row, = TENANT.control("GET", "/violations")
        self.assertEqual({"t", "kind", "service", "method", "path", "detail"}, set(row))
        self.assertEqual(("missing-select", "graph", "GET", "/v1.0/users/delta"),
                         tuple(row[key] for key in ("kind", "service", "method", "path")))
        TENANT.control("DELETE", "/violations")
        self.assertEqual([], self.violations())

    def test_missing_select(self):
        for path in ("/contacts", "/users?$top=5", "/groups/delta?$deltatoken=latest", "/groups/delta?$deltatoken=",
                     "/groups/g/members", "/directory/deletedItems/microsoft.graph.user"):
            TENANT.graph(path)
            self.assertEqual(["missing-select"], self.violations(), path)
            TENANT.control("DELETE", "/violations")
        TENANT.invoke({"ResultSize": 1})
        self.assertEqual(["missing-select"], self.violations())

    def test_during_retry_after(self):
        for script in ({"headers": {"Retry-After": "0.3"}}, {"retry_after": "decimal", "between": [0.3, 0.3]}):
            TENANT.control("DELETE", "/violations")
            self.fault(status=429, times=1, **script)
            TENANT.graph(USERS)
            TENANT.token(EXCHANGE_SCOPE)
            TENANT.invoke({}, query="?$select=Guid")        # another scope
            self.assertEqual([], self.violations())
            time.sleep(0.05)
            TENANT.graph(USERS)
            self.assertEqual(["during-retry-after"], self.violations())
            time.sleep(0.3)
            TENANT.graph(USERS)
            self.assertEqual(1, len(self.violations()))

    def test_a_client_has_time_to_react(self):
        self.settings(reaction_time=0.3, clock="virtual")
        self.fault(status=429, retry_after="seconds", between=[30, 30])
        TENANT.graph(USERS)
        TENANT.graph(USERS)
        self.assertEqual([], self.violations())
        time.sleep(0.4)
        TENANT.graph(USERS)
        self.assertEqual(["during-retry-after"], self.violations())
        self.assertEqual([30], [row["retry_after"] for row in TENANT.control("GET", "/requests")
                                if "retry_after" in row])

    def test_a_date_is_a_retry_after_too(self):
        self.settings(clock="virtual")
        self.fault(service="exchange", status=503, retry_after="date", between=[60, 60])
        TENANT.invoke({}, query="?$select=Guid")
        time.sleep(0.05)
        self.advance(30)
        TENANT.invoke({}, query="?$select=Guid")
        self.assertEqual(["during-retry-after"], self.violations())
        self.advance(31)
        TENANT.invoke({}, query="?$select=Guid")
        self.assertEqual(1, len(self.violations()))

    def test_what_was_under_way_is_excused(self):
        TENANT.token()
        self.fault(action="hang", seconds=0.3)
        slow = self.in_background(lambda: TENANT.graph(USERS, fresh=True))
        time.sleep(0.1)
        self.fault(status=429, headers={"Retry-After": "1"})
        TENANT.graph(USERS, fresh=True)
        slow.join()
        self.assertEqual([], self.violations())

    def test_retry_after_of_the_limit_and_of_a_part(self):
        self.settings(limit_units=1, limit_window=1)
        TENANT.batch("/users/a?$select=id", "/users/b?$select=id")
        time.sleep(0.05)
        TENANT.graph(USERS)
        self.assertEqual(["during-retry-after"], self.violations())

    def test_concurrency(self):
        TENANT.token(EXCHANGE_SCOPE)
        TENANT.token()
        self.fault(service="exchange", action="hang", seconds=0.3, times=-1)
        self.fault(action="hang", seconds=0.3, times=-1)

        def at_once(count, ask):
            for thread in [self.in_background(ask) for _ in range(count)]:
                thread.join()
        at_once(2, lambda: TENANT.invoke({}, query="?$select=Guid", fresh=True))
        at_once(4, lambda: TENANT.graph(USERS, fresh=True))
        self.assertEqual([], self.violations())
        at_once(3, lambda: TENANT.invoke({}, query="?$select=Guid", fresh=True))
        at_once(5, lambda: TENANT.graph(USERS, fresh=True))
        self.assertEqual(["concurrency", "concurrency"], self.violations())

    def test_one_after_the_other_is_not_at_once(self):
        for _ in range(50):
            TENANT.invoke({}, query="?$select=Guid", fresh=True)
        self.assertEqual([], self.violations())

    def test_a_client_that_is_gone_asks_nothing(self):
        TENANT.token(EXCHANGE_SCOPE)
        self.fault(service="exchange", action="hang", seconds=20, times=3)
        for _ in range(3):
            with self.assertRaises(OSError):
                TENANT.invoke({}, query="?$select=Guid", fresh=True, timeout=0.2)
        time.sleep(0.2)
        TENANT.invoke({}, query="?$select=Guid", fresh=True)
        self.assertEqual([], self.violations())

    def test_bearer(self):
        bearer = {"Authorization": f"Bearer {TENANT.token()}"}
        for name in ("login", "stranger", "imds"):
            TENANT.send("GET", TENANT.at[name] + "/v1.0/users/delta?$select=id", bearer)
        self.assertEqual(["bearer-at-wrong-place"] * 3, self.violations())
        TENANT.control("DELETE", "/violations")
        TENANT.invoke({}, query="?$select=Guid", token=TENANT.token(GRAPH_SCOPE))
        TENANT.send("GET", TENANT.at["graph"] + "/v1.0" + USERS,
                    {"Authorization": f"Bearer {TENANT.token(EXCHANGE_SCOPE)}"})
        self.assertEqual(["bearer-at-wrong-place"] * 2, self.violations())

    def test_altered_links(self):
        self.users(3)
        TENANT.mail_contacts(3)
        self.settings(page_size=1)
        following = TENANT.graph(USERS).json["@odata.nextLink"]
        TENANT.graph(following + "&$select=id")
        listed = TENANT.graph("/users?$select=id&$top=1").json["@odata.nextLink"]
        TENANT.graph(listed.replace("$select=id&", ""))
        TENANT.graph(listed + "&$count=true")
        self.assertEqual(["altered-link"] * 3, self.violations())
        link = TENANT.invoke({}, query="?$select=Guid", prefer="odata.maxpagesize=1").json["@odata.nextLink"]
        self.assertEqual(400, TENANT.invoke({}, link + "&$select=Guid").status)
        TENANT.graph(following)
        TENANT.graph(listed)
        TENANT.invoke({}, link)
        self.assertEqual(["altered-link"] * 4, self.violations())

    def test_exchange_links(self):
        TENANT.mail_contacts(3)
        link = TENANT.invoke({}, query="?$select=Guid", prefer="odata.maxpagesize=1").json["@odata.nextLink"]
        TENANT.invoke({}, link, "GET")
        TENANT.invoke({"ResultSize": 2}, link)
        self.assertEqual(["get-on-post-link", "body-changed-on-link"], self.violations())

    def test_empty_identity(self):
        for nothing in (None, "", " ", []):
            TENANT.invoke({"Identity": nothing}, query="?$select=Guid")
        self.assertEqual(["empty-identity"] * 4, self.violations())

    def test_tokens_are_kept(self):
        self.settings(clock="virtual", token_lifetime=1000)
        TENANT.ask_token()
        TENANT.ask_token(scope=EXCHANGE_SCOPE)
        self.advance(800)       # 20 % left
        TENANT.ask_token()
        self.assertEqual([], self.violations())
        self.advance(700)
        TENANT.ask_token()
        self.assertEqual(["token-not-cached"], self.violations())

    def test_reasons_for_another_token(self):
        def excused(act):
            TENANT.tokens.clear()
            TENANT.control("DELETE", "/violations")
            TENANT.token()
            act()
            TENANT.tokens.clear()
            TENANT.token()
            return self.violations()
        self.assertEqual(["token-not-cached"], excused(lambda: TENANT.graph(USERS)))
        for status in (401, 403):
            self.fault(status=status)
            self.assertEqual([], excused(lambda: TENANT.graph(USERS)))
        self.assertEqual([], excused(lambda: TENANT.control("POST", "/challenge", {"service": "graph"})))
        self.settings(roles={"graph": ["User.Read.All"]})
        self.assertEqual([], excused(lambda: TENANT.graph("/contacts/delta?$select=id")))
        self.fault(service="login", action="truncate")
        TENANT.control("DELETE", "/violations")
        with self.assertRaises(http.client.HTTPException):
            TENANT.ask_token()
        TENANT.ask_token()
        self.assertEqual([], self.violations())

    def test_secrets_in_urls(self):
        secret = TENANT.secret
        TENANT.send("GET", f"{TENANT.at['login']}/{quote(secret, safe='')}")
        TENANT.send("GET", f"{TENANT.at['graph']}/v1.0/users?$select=id&access_token={TENANT.token()}")
        TENANT.send("GET", f"{TENANT.at['stranger']}/?x={TENANT.token()}")
        self.assertEqual(["secret-in-url"] * 3, self.violations())
        told = json.dumps([TENANT.control("GET", "/violations"), TENANT.control("GET", "/requests")])
        for hidden in (secret, quote(secret, safe=""), TENANT.token()):
            self.assertNotIn(hidden, told)

    def test_batches(self):
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        url = "/contacts/c1/manager?$select=id"
        TENANT.batch(*[url] * 21)
        TENANT.batch("/users?$select=id", url)
        TENANT.batch("/groups/delta?$select=id")
        self.assertEqual(["batch-misuse"] * 3, self.violations())

    def test_only_what_failed_is_asked_again(self):
        urls = [f"/contacts/c{n}/manager?$select=id" for n in range(4)]
        self.fault(inner=True, path="/contacts/c2/", status=503)
        TENANT.batch(*urls)
        TENANT.batch(urls[2])
        TENANT.batch(*urls)         # the next time all of it
        self.assertEqual([], self.violations())
        self.fault(inner=True, path="/contacts/c2/", status=503)
        TENANT.batch(*urls)
        TENANT.batch(*urls)
        self.assertEqual(["batch-misuse"], self.violations())
        self.fault(inner=True, path="/contacts/c2/", status=403)    # will not get better
        TENANT.batch(*urls)
        TENANT.batch(*urls)
        self.assertEqual(["batch-misuse"], self.violations())

    def test_stranger(self):
        self.users(3)
        self.settings(page_size=1)
        self.fault(action="strangerlink")
        link = TENANT.graph(USERS).json["@odata.nextLink"]
        self.assertEqual(urlsplit(TENANT.at["stranger"]).netloc, urlsplit(link).netloc)
        answer = TENANT.send("GET", link)
        self.assertEqual((200, []), (answer.status, answer.json["value"]))
        self.assertEqual("stranger", TENANT.control("GET", "/requests")[-1]["service"])
        self.assertEqual([], self.violations())
        self.fault(status=410, stranger_location=True, path="/users/delta")
        gone = TENANT.graph(USERS)
        self.assertEqual(f"{TENANT.at['stranger']}/v1.0/users/delta?$deltatoken=", gone.headers["Location"])


if __name__ == "__main__":
    unittest.main()
