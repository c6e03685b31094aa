#!/usr/bin/python3
"""The cycle: quiet ones, ones that lack a source, ones whose cursor died, ones that are told to wait."""

import json
import os

import company
from company import COMPLETE, GRAPH, PARTIAL, CompanyTest, differing, dump, moment, published, reads, rows
from sample import CLOUD_CONTACTS, CLOUD_STAFF, GUESTS, Sample

KNOWLEDGE = company.OF_RUNS + ("collection",)


class Quiet(CompanyTest):
    """A cycle in which nothing happened."""

    def test_it_asks_once_and_writes_nothing(self):
        gald = self.gald()
        gald.configure({"connector.exchange": {"complete_every": "2h"}})
        self.sync(gald)
        before = dump(gald, KNOWLEDGE)
        self.assertTrue(before["entry"] and before["record"] and before["change"])
        for _ in range(2):
            self.tenant.clear_requests()
            report = self.sync(gald)
            self.assertQuiet(report)

            graph = [(collection, "$deltatoken=" in path, status)
                     for _, collection, path, status in self.asked("graph")]
            self.assertEqual(sorted(graph), [(name, True, 200) for name in GRAPH])
            # persons are two cmdlets, groups and mailboxes one each
            self.assertEqual([status for *_, status in self.asked("exchange")], [200, 200, 200, 200])
            # a new process knows no token: one for Graph, one for Exchange
            self.assertEqual([status for *_, status in self.asked("login")], [200, 200])

            (directory,) = reads(report, "ad").values()
            self.assertEqual((directory["pages"], directory["round"]), (1, "changes"))
            counts = {(name, read[name]) for read in report["collections"]
                      for name in ("added", "updated", "removed", "rejected")}
            self.assertEqual({number for _, number in counts}, {0}, counts)
            self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})

    def test_the_changes_of_a_day_come_once(self):
        """The cycle after the one with changes is quiet again."""
        gald = self.gald()
        self.sync(gald)
        self.assertTrue(self.company.changes())
        report = self.sync(gald)
        self.assertEqual({name: number > 0 for name, number in report["published"].items()},
                         {"created": True, "updated": True, "deleted": True, "restored": False, "memberships": True})
        before = dump(gald, KNOWLEDGE)
        self.assertQuiet(self.sync(gald))
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})


class WithoutGraph(CompanyTest):
    """Graph cannot be reached: everybody else goes on."""

    def setUp(self):
        super().setUp()
        # The connector names the tenant by its domain, so that faults can tell its tokens from Exchange's.
        about = self.tenant.about
        self.there = {"connector.entra": {"tenant": about["tenant_domain"], "graph_endpoint": about["graph"]}}
        self.gone = {"connector.entra": {"graph_endpoint": "https://127.0.0.1:9"}}  # the port "discard"

    def lose_graph(self, gald):
        """No host at Graph's address, while tokens for it can be had."""
        self.tenant.fault(service="login", path="/" + self.tenant.about["tenant_domain"] + "/", times=-1, status=200,
                          body={"token_type": "Bearer", "expires_in": 3599, "access_token": "of.no.use"})
        gald.configure(self.gone)

    def find_graph(self, gald):
        self.tenant.clear_faults()
        gald.configure(self.there)

    def test_others_are_published_and_nothing_is_deleted(self):
        gald = self.gald(changes=self.there)
        self.sync(gald)
        before = published(gald)
        dn = self.company.partner_dn("rita.blum")
        self.dc.modify(dn, {"title": "Head of Sales"})
        self.addCleanup(self.dc.modify, dn, {"title": "Sales"})
        self.lose_graph(gald)

        failures = []
        for _ in range(2):
            report = self.sync(gald, PARTIAL)
            failures.append(report)
            self.assertEqual(report["outcome"], "partial")
            self.assertEqual({name: read["complete"] for name, read in reads(report).items()},
                             {**{f"entra/{name}": False for name in GRAPH},
                              "ad/directory": True, "exchange/mailcontacts": True,
                              "exchange/distributiongroups": True, "exchange/mailboxes": True})
            for read in reads(report, "entra").values():
                self.assertIn("127.0.0.1:9", read["error"])
        self.assertEqual(failures[0]["published"],
                         {"created": 0, "updated": 1, "deleted": 0, "restored": 0, "memberships": 0})
        self.assertQuiet(failures[1])
        (rita,) = [key for key, each in before.items() if each["display_name"] == "Rita Blum"]
        self.assertEqual(before[rita]["job_title"], "Sales")
        before[rita]["job_title"] = "Head of Sales"
        self.assertSame(before, published(gald), "the index without Graph")
        self.check_status_without_graph(gald, failures)

        self.find_graph(gald)
        self.assertQuiet(self.sync(gald, COMPLETE))
        self.assertSame(before, published(gald), "the index when Graph is back")
        status = json.loads(gald.status("--json").out)
        self.assertEqual({read["state"] for read in status["collections"]}, {"ok"})
        self.assertEqual({read["failingSince"] for read in status["collections"]}, {None})
        self.assertNotIn("failing", gald.status().out)

    def check_status_without_graph(self, gald, failures):
        status = json.loads(gald.status("--json").out)
        read = {each["connector"] + "/" + each["collection"]: each for each in status["collections"]}
        for name, each in read.items():
            if not name.startswith("entra/"):
                self.assertEqual((each["state"], each["failingSince"]), ("ok", None), name)
                continue
            self.assertEqual(each["state"], "failing", name)
            # since the first of the two failures, and after the last success
            first, second = (moment(report["startedAt"]) for report in failures)
            self.assertLessEqual(abs(moment(each["failingSince"]) - first), company.seconds(10))
            self.assertLess(moment(each["failingSince"]), second)
            self.assertLess(moment(each["lastSuccess"]), moment(each["failingSince"]))
            self.assertIn("127.0.0.1:9", each["lastError"])
        shown = gald.status().out
        self.assertRegex(shown, r"entra/users +failing +last success \S")
        self.assertRegex(shown, r"failing since \S.*127\.0\.0\.1:9")

    def test_the_first_publication_waits_for_everybody(self):
        gald = self.gald(changes=self.there)
        self.lose_graph(gald)
        waiting = [f"entra/{name}" for name in GRAPH]
        for _ in range(2):
            report = self.sync(gald, PARTIAL)
            self.assertEqual(sorted(report["waitingFor"]), waiting)
            self.assertQuiet(report)
        for view in ("contacts", "groups", "changes", "group_members", "contact_addresses"):
            self.assertEqual(rows(gald, f"SELECT count(*) FROM {view}"), [(0,)], view)
        self.assertEqual(gald.list().out, "")
        self.assertGreater(rows(gald, "SELECT count(*) FROM record")[0][0], 0, "AD was read, and is kept")
        status = json.loads(gald.status("--json").out)
        self.assertEqual(sorted(status["waitingFor"]), waiting)
        shown = gald.status().out
        for name in waiting:
            self.assertRegex(shown, f"waiting for .*{name}\n")
        done = gald.sync()
        self.assertEqual(done.code, PARTIAL)
        self.assertRegex(done.out, "(?s)nothing yet.*entra/users")

        self.find_graph(gald)
        report = self.sync(gald)
        self.assertEqual((report["outcome"], report["waitingFor"]), ("complete", []))
        self.assertEqual(reads(report)["ad/directory"]["round"], "changes", "AD is not read again")
        undisturbed = self.gald("undisturbed")
        self.sync(undisturbed)
        self.assertSame(published(undisturbed), published(gald), "contacts")
        self.assertSame(published(undisturbed, "groups"), published(gald, "groups"), "groups")


class DeadCursors(CompanyTest):
    """Graph no longer accepts a cursor: everything is read anew, and only what differs is told."""

    def test_a_full_read_of_what_did_not_change_is_quiet(self):
        gald = self.gald()
        self.sync(gald)
        for how in ("410", "syncStateNotFound"):
            with self.subTest(how):
                before = dump(gald, KNOWLEDGE)
                self.tenant.expire("all", how)
                report = self.sync(gald)
                self.assertQuiet(report)
                self.assertEqual({read["round"] for read in reads(report, "entra").values()}, {"full"})
                self.assertEqual(reads(report, "ad")["ad/directory"]["round"], "changes")
                self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
                report = self.sync(gald)
                self.assertEqual({read["round"] for read in reads(report, "entra").values()}, {"changes"})

    def test_what_went_meanwhile_is_gone(self):
        gald = self.gald()
        self.sync(gald)
        mails = {"users": CLOUD_STAFF[1].account + "@contoso.test", "guests": GUESTS[2],
                 "contacts": CLOUD_CONTACTS[1].mail}
        for kind, identity, permanent in (
                ("users", Sample.cloud_id(CLOUD_STAFF[1].account), False), ("users", Sample.cloud_id(GUESTS[2]), True),
                ("contacts", Sample.cloud_contact_id(CLOUD_CONTACTS[1].alias), True),
                ("mailcontacts", Sample.cloud_contact_guid(CLOUD_CONTACTS[1].alias), True)):
            self.tenant.delete(kind, identity, permanent)
        team = Sample.cloud_id("cloud-team")
        self.tenant.members(team, remove=[("user", Sample.cloud_id("nora.quist"))])
        self.tenant.put("users", Sample.cloud_id("nora.quist"), {"jobTitle": None, "department": "Research"})
        self.tenant.expire("all", "410")

        report = self.sync(gald)
        self.assertEqual(report["published"],
                         {"created": 0, "updated": 1, "deleted": 3, "restored": 0, "memberships": 2})
        found = company.changes_of(gald, report["run"])
        ids = {mail: self.id_of(gald, mail) for mail in (*mails.values(), "nora.quist@contoso.test")}
        nora, sam = ids["nora.quist@contoso.test"], ids[mails["users"]]
        team = self.id_of(gald, "cloud-team@contoso.test", "groups")
        self.assertEqual(found, {
            *((ids[mail], "deleted", "status", "active", "deleted", "entra") for mail in mails.values()),
            (nora, "updated", "jobTitle", "Cloud Architect", None, "entra"),
            (nora, "updated", "department", "Engineering", "Research", "entra"),
            (nora, "updated", "groups", team, None, "entra"),
            (sam, "updated", "groups", team, None, "entra")})
        fresh = self.gald("fresh")
        self.sync(fresh)
        self.assertSame(published(fresh), company.living(published(gald)), "contacts")
        self.assertSame(published(fresh, "groups"), company.living(published(gald, "groups")), "groups")

    def id_of(self, gald, mail, view="contacts"):
        ((identity,),) = rows(gald, f"SELECT id FROM {view} WHERE mail = ?", mail)
        return identity


class Wire(CompanyTest):
    """What the documentation of Graph allows it to do on the way."""

    def setUp(self):
        super().setUp()
        self.undisturbed = self.gald("undisturbed")
        self.sync(self.undisturbed)
        self.tenant.clear_requests()

    def assertUndisturbed(self, gald):
        self.assertSame(published(self.undisturbed), published(gald), "contacts")
        self.assertSame(published(self.undisturbed, "groups"), published(gald, "groups"), "groups")

    def test_the_same_object_twice_in_one_page(self):
        gald = self.gald()
        self.tenant.fault(service="graph", path="/delta", times=-1, action="duplicate")
        self.sync(gald)
        self.assertUndisturbed(gald)

        nora = Sample.cloud_id("nora.quist")
        self.tenant.put("users", nora, {"jobTitle": "Engineer of Clouds"})
        self.addCleanup(self.tenant.put, "users", nora, {"jobTitle": "Cloud Architect"})
        report = self.sync(gald)
        self.assertEqual([(field, old, new) for _, _, field, old, new, _ in company.changes_of(gald, report["run"])],
                         [("jobTitle", "Cloud Architect", "Engineer of Clouds")])
        self.assertQuiet(self.sync(gald))
        self.assertIn("duplicate", {row.get("fault") for row in self.tenant.requests()})

    def test_many_pages_and_empty_ones(self):
        self.tenant.settings(page_size=4, link_page_size=3, exchange_page_size=2, empty_pages=True)
        gald = self.gald()
        report = self.sync(gald)
        self.assertGreater(reads(report)["entra/users"]["pages"], 10)
        self.assertUndisturbed(gald)
        self.assertQuiet(self.sync(gald))

    def test_repeated_news_change_nothing(self):
        self.tenant.settings(page_size=5, replays=True)
        gald = self.gald()
        self.sync(gald)
        self.assertUndisturbed(gald)
        before = dump(gald, KNOWLEDGE)
        for _ in range(3):
            self.assertQuiet(self.sync(gald))
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})

    def test_without_compression(self):
        self.tenant.settings(gzip=False)
        gald = self.gald()
        self.sync(gald)
        self.assertUndisturbed(gald)
        self.assertEqual({row["gzip"] for row in self.tenant.requests() if row["service"] == "graph"}, {False})
        self.tenant.settings(gzip=True)
        self.tenant.clear_requests()
        self.sync(gald)
        self.assertEqual({row["gzip"] for row in self.tenant.requests() if row["service"] == "graph"}, {True})

    def waits(self, service, collection, refused):
        """Seconds between each refusal and the next request of the same kind."""
        times = [(moment(row["t"]), row["status"]) for row in self.tenant.requests()
                 if row["service"] == service and row["collection"] == collection]
        return [(later - time).total_seconds() for (time, status), (later, _) in zip(times, times[1:])
                if status == refused]

    def test_retry_after_is_honoured(self):
        for service, collection, path, status in (
                ("graph", "users", "/users/delta", 429), ("graph", "groups", "/groups/delta", 503),
                ("exchange", "mailcontacts", "InvokeCommand", 429)):
            self.tenant.fault(service=service, path=path, times=2 if status == 429 else 1, status=status,
                              headers={"Retry-After": "2"}, **({"cmdlet": "Get-MailContact"} if service == "exchange" else {}))
        gald = self.gald()
        report = self.sync(gald)
        self.assertUndisturbed(gald)
        self.assertEqual(rows(gald, "SELECT count(DISTINCT run_id) FROM run_collections"), [(1,)])
        for service, collection, status, number in (
                ("graph", "users", 429, 2), ("graph", "groups", 503, 1), ("exchange", "mailcontacts", 429, 2)):
            waits = self.waits(service, collection, status)
            self.assertEqual(len(waits), number, collection)
            for wait in waits:
                # not earlier than asked; how much later depends on the machine's other work
                self.assertGreaterEqual(wait, 1.95, collection)
                self.assertLess(wait, 30, collection)
        read = reads(report)
        self.assertGreaterEqual(read["entra/users"]["waitedMs"], 4000)
        self.assertGreaterEqual(read["entra/groups"]["waitedMs"], 2000)
        self.assertEqual(read["ad/directory"]["waitedMs"], 0)

    def test_a_refusal_without_a_time_is_tried_again(self):
        """Only a retry that the source did not date may be chosen freely, and never at once."""
        self.tenant.fault(service="graph", path="/contacts/delta", status=503)
        self.tenant.fault(service="login", path="", status=503)
        gald = self.gald()
        self.sync(gald)
        self.assertUndisturbed(gald)
        (wait,) = self.waits("graph", "contacts", 503)
        self.assertGreaterEqual(wait, 0.1)

    def test_a_token_that_dies_is_replaced(self):
        self.tenant.fault(service="graph", path="/users/delta", status=401)
        gald = self.gald()
        self.sync(gald)
        self.assertUndisturbed(gald)
        self.assertEqual(len(self.asked("login")), 3)


class Sources(CompanyTest):
    """Which sources there are, and which of them speaks first."""

    def counts(self, gald):
        # without what Samba itself brings along
        return {(source, kind): number for source, kind, number in rows(
            gald, "SELECT source, kind, count(*) FROM contacts WHERE mail IS NOT NULL GROUP BY 1, 2")}

    def test_all_of_them(self):
        gald = self.gald()
        self.sync(gald)
        self.assertEqual(self.counts(gald), Sample.expected())
        done = gald.check()
        self.assertEqual(done.code, COMPLETE, done)
        self.assertEqual(done.err, "")
        self.assertEqual([line for line in done.out.splitlines() if not line.startswith("ok ")], [])
        for place in (self.dc.ip, self.tenant.about["graph"], self.tenant.about["exchange"], gald.index_path):
            self.assertIn(place, done.out)

    def test_checking_makes_no_index(self):
        gald = self.gald()
        self.assertEqual(gald.check().code, COMPLETE)
        self.assertFalse(os.path.exists(gald.index_path))

    def test_exchange_comes_later(self):
        """A connector that is added does not hold what is published already."""
        gald = self.gald(changes={"connector.exchange": None})
        self.sync(gald)
        fewer = Sample.expected()
        fewer["cloud", "contact"] -= 1
        self.assertEqual(self.counts(gald), fewer)

        with_exchange = self.gald("with").sections["connector.exchange"]
        gald.configure({"connector.exchange": with_exchange})
        self.tenant.fault(service="exchange", path="", times=-1, status=403)
        dn = self.company.partner_dn("rita.blum")
        self.dc.modify(dn, {"title": "Head of Sales"})
        self.addCleanup(self.dc.modify, dn, {"title": "Sales"})
        report = self.sync(gald, PARTIAL)
        self.assertEqual((report["published"]["updated"], report["waitingFor"]), (1, []))
        self.tenant.clear_faults()
        report = self.sync(gald)
        self.assertEqual(report["published"]["created"], 1)
        self.assertEqual(self.counts(gald), Sample.expected())

        fresh = self.gald("fresh")
        self.sync(fresh)
        self.assertSame(published(fresh), published(gald), "contacts")

    def test_a_connector_that_is_disabled_keeps_what_it_said(self):
        gald = self.gald()
        self.sync(gald)
        before = published(gald)
        gald.configure({"connector.entra": {"enabled": False}})
        self.tenant.clear_requests()
        self.assertQuiet(self.sync(gald))
        self.assertEqual(self.asked("graph"), [])
        self.assertSame(before, published(gald), "contacts")

    def test_only_the_directory(self):
        gald = self.gald(changes={"connector.entra": None, "connector.exchange": None})
        self.sync(gald)
        expected = {"user": 0, "contact": 0}
        for (source, kind), number in Sample.expected().items():
            if source != "cloud":
                expected[kind] += number
        self.assertEqual(self.counts(gald), {("on_premises", kind): number for kind, number in expected.items()})
        self.assertEqual(self.asked(), [])

    def test_only_the_cloud(self):
        gald = self.gald(changes={"connector.ad": None})
        self.sync(gald)
        self.assertEqual(self.counts(gald), {key: number for key, number in Sample.expected().items()
                                             if key[0] != "on_premises"})


class Order(CompanyTest):
    def test_who_speaks_first_does_not_matter(self):
        """The same ids, the same rows, the same history, whoever is slow."""
        told = "SELECT contact_id, operation, field, old_value, new_value, connector FROM changes ORDER BY 1, 3, 4, 5"
        slow = {"nobody": (), "graph": (("graph", "/delta"),), "groups": (("graph", "/groups/delta"),),
                "exchange": (("exchange", ""),), "users and exchange": (("graph", "/users/delta"), ("exchange", ""))}
        galds = {}
        for who, faults in slow.items():
            galds[who] = self.gald()
            for service, path in faults:
                self.tenant.fault(service=service, path=path, times=3, action="hang", seconds=0.5)
            self.sync(galds[who])
            self.tenant.clear_faults()
        self.company.changes()
        for who, faults in slow.items():
            for service, path in faults:
                self.tenant.fault(service=service, path=path, times=3, action="hang", seconds=0.5)
            self.sync(galds[who])
            self.tenant.clear_faults()
        first = galds.pop("nobody")
        for who, other in galds.items():
            with self.subTest(slow=who):
                self.assertSame(published(first), published(other), "contacts")
                self.assertSame(published(first, "groups"), published(other, "groups"), "groups")
                self.assertEqual(rows(first, told), rows(other, told))
                names = [[each["connector"] + "/" + each["collection"]
                          for each in json.loads(gald.status("--json").out)["collections"]] for gald in (first, other)]
                self.assertEqual(names[0], names[1])


if __name__ == "__main__":
    company.main()
