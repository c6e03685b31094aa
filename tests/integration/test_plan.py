#!/usr/bin/python3
"""Plans: what a change of the configuration or a source that loses its objects would delete is held until
somebody decides. A real controller; the program is used as an operator would use it.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import company
import shapes
from company import COMPLETE, FAILED, dump, rows
from lab import DomainController, Gald, child, wait_until

STAFF, VISITORS = 40, 44


class PlanTest(unittest.TestCase):
    """Half of the directory's contacts are in the OU Staff, half in the OU Visitors."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-test-")
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        cls.dc = DomainController.provisioned(ip="free")
        cls.addClassCleanup(cls.dc.close)
        cls.staff, cls.visitors = (child(name, cls.dc.base_dn, "OU") for name in ("Staff", "Visitors"))
        cls.dc.load_offline(cls.entries())
        cls.dc.start()

    @classmethod
    def entries(cls):
        for unit, count in ((cls.staff, STAFF), (cls.visitors, VISITORS)):
            yield unit, shapes.directory_unit(unit.split(",")[0][3:])
            for number in range(count):
                yield cls.contact(number, unit)

    @classmethod
    def contact(cls, number, unit):
        name = f"{unit.split(',')[0][3:]} {number:03}"
        mail = name.replace(" ", ".").lower() + "@x.test"
        return child(name, unit), shapes.directory_contact(mail.partition("@")[0], mail, displayName=name)

    def setUp(self):
        self.gald = Gald(tempfile.mkdtemp(prefix="gald-", dir=self.place), dc=self.dc,
                         changes={"connector.ad": {"kinds": ["contact"]}})
        self.addCleanup(self.gald.stop)

    def run_json(self, *arguments, code=COMPLETE):
        """What the command prints: a list of objects, one for each line."""
        done = self.gald.run(*arguments, "--json")
        if done.code != code:
            self.fail(f"gald {arguments}: exit code {done.code}, expected {code}\n{done.err}{done.out}")
        return [json.loads(line) for line in done.out.splitlines()]

    def sync(self, code=COMPLETE):
        return self.run_json("sync", code=code)[0]

    def open_plans(self):
        return [plan for plan in self.run_json("plan", "list") if plan["state"] == "open"]

    def state(self, number):
        return {plan["plan"]: plan["state"] for plan in self.run_json("plan", "list", "--all")}[number]

    def names(self):
        return {name for name, in rows(self.gald, "SELECT display_name FROM contacts WHERE status <> 'deleted'")}

    def history(self):
        return rows(self.gald, "SELECT count(*) FROM changes")[0][0]

    def assertQuiet(self, report):
        self.assertEqual(set(report["published"].values()), {0}, report["published"])

    # ---- scope ----

    def test_half_of_the_directory_falls_out_of_scope(self):
        self.assertEqual(self.sync()["published"]["created"], STAFF + VISITORS)
        everybody, told = self.names(), self.history()

        self.gald.configure({"connector.ad": {"exclude": [self.visitors]}})
        report = self.sync()
        self.assertQuiet(report)
        self.assertEqual(report["outcome"], "complete", "a plan is no failure")
        self.assertEqual(self.names(), everybody)
        held, = report["plans"]
        self.assertEqual((held["reason"], held["connector"], held["subject"], held["records"], held["deleted"],
                          held["updated"], held["created"], held["state"]),
                         ("scope", "ad", "directory", VISITORS, VISITORS, 0, 0, "open"))
        self.assertEqual(self.open_plans(), [held])

        status = self.gald.status().out
        self.assertIn(f"records that leave it: {VISITORS}", status)
        self.assertIn(f"gald plan show {held['plan']}", status)
        self.assertEqual([plan["plan"] for plan in self.run_json("status")[0]["plans"]], [held["plan"]])
        shown, *contacts = self.run_json("plan", "show", str(held["plan"]))
        self.assertEqual(shown, held)
        self.assertEqual({contact["displayName"] for contact in contacts},
                         {name for name in everybody if name.startswith("Visitors")})
        self.assertEqual({contact["operation"] for contact in contacts}, {"deleted"})
        self.assertTrue(all("out_of_scope" in record for contact in contacts for record in contact["records"]))
        self.assertEqual(self.gald.run("plan", "show", str(held["plan"])).out.count("deleted, status"), VISITORS)

        self.assertIn(f"out_of_scope, held by plan {held['plan']}", self.gald.show("visitors.003@x.test").out)
        self.assertQuiet(self.sync())
        self.assertEqual(self.open_plans(), [held], "the same, as long as nothing happens")
        newcomer, entry = self.contact(900, self.staff)
        self.dc.add(newcomer, entry)
        self.addCleanup(self.dc.delete, newcomer)
        self.assertEqual(self.sync()["published"]["created"], 1, "the others go on")

        # reverting the filter drops the plan
        self.gald.configure({"connector.ad": {"exclude": None}})
        report = self.sync()
        self.assertQuiet(report)
        self.assertEqual([plan["state"] for plan in report["plans"]], ["dropped"])
        self.assertEqual(self.open_plans(), [])
        self.assertEqual(self.history(), told + 1, "of the visitors, nothing was ever told")
        late = self.gald.run("plan", "approve", str(held["plan"]))
        self.assertEqual(late.code, FAILED)
        self.assertIn("dropped", late.err)

        # approving it applies exactly it
        self.gald.configure({"connector.ad": {"exclude": [self.visitors]}})
        number = self.sync()["plans"][0]["plan"]
        wanted = {(contact["id"], contact["operation"]) for contact in self.run_json("plan", "show", str(number))[1:]}
        report, = self.run_json("plan", "approve", str(number))
        self.assertEqual(report["published"]["deleted"], VISITORS)
        done = {(line["id"], line["operation"])
                for line in self.run_json("changes", "--run", str(report["run"]), "--limit", "1000")}
        self.assertEqual(done, wanted)
        self.assertEqual({name.split()[0] for name in self.names()}, {"Staff"})
        self.assertQuiet(self.sync())
        self.assertEqual(self.run_json("plan", "approve", str(number))[0]["published"]["deleted"], 0, "once is enough")
        self.assertQuiet(self.sync())

    def test_a_scope_that_grows_is_held_too(self):
        self.gald.configure({"connector.ad": {"base": [self.staff]}})
        self.sync()
        self.gald.configure({"connector.ad": {"base": None}})
        held, = self.sync()["plans"]
        self.assertEqual((held["created"], held["deleted"]), (VISITORS, 0))
        self.assertEqual({name.split()[0] for name in self.names()}, {"Staff"})
        self.assertEqual(self.gald.run("plan", "reject", str(held["plan"])).code, COMPLETE)
        self.assertQuiet(self.sync())
        self.assertEqual(self.state(held["plan"]), "rejected")
        self.assertNotIn("gald plan show", self.gald.status().out)
        self.assertEqual(self.run_json("plan", "approve", str(held["plan"]))[0]["published"]["created"], VISITORS)

    # ---- the guard ----

    def test_a_source_that_is_emptied(self):
        unit = child("Project", self.dc.base_dn, "OU")
        self.dc.add(unit, shapes.directory_unit("Project"))
        members = [self.contact(number, unit) for number in range(12)]
        for dn, entry in members:
            self.dc.add(dn, entry)
        self.gald.configure({"connector.ad": {"base": [unit]}, "guard": {"deletes": 1000, "percent": 100}})
        self.assertEqual(self.sync()["published"]["created"], len(members))
        for dn, _ in members:
            self.dc.delete(dn)
        report = self.sync()
        self.assertQuiet(report)
        held, = report["plans"]
        self.assertEqual((held["reason"], held["subject"], held["deleted"]), ("emptied", "contact", len(members)))
        self.assertEqual(held["text"], f"connector ad: all {len(members)} contacts would vanish")
        self.assertEqual(len(self.names()), len(members))

        replacement, entry = self.contact(500, unit)
        self.dc.add(replacement, entry)
        self.assertEqual(self.sync()["published"]["created"], 1)
        self.assertEqual(self.open_plans()[0]["plan"], held["plan"])
        report, = self.run_json("plan", "approve", str(held["plan"]))
        self.assertEqual(report["published"]["deleted"], len(members))
        self.assertEqual(self.names(), {"Project 500"})
        self.dc.delete(replacement)
        self.dc.delete(unit)

    def test_another_policy(self):
        self.sync()
        before = dict(rows(self.gald, "SELECT id, company_name FROM contacts"))
        self.gald.configure({"connector.ad.mapping": {"companyName": "displayName"}})
        report = self.sync()
        self.assertQuiet(report)
        held, = report["plans"]
        self.assertEqual((held["reason"], held["updated"], held["deleted"]), ("policy", STAFF + VISITORS, 0))
        self.assertQuiet(self.sync())
        self.assertEqual([plan["plan"] for plan in self.open_plans()], [held["plan"]], "one plan, not one in each cycle")
        _, first, *others = self.run_json("plan", "show", str(held["plan"]))
        self.assertEqual(len(others), STAFF + VISITORS - 1)
        self.assertEqual([(change["field"], change["newValue"]) for change in first["changes"]],
                         [("companyName", first["displayName"])])

        newcomer, entry = self.contact(902, self.staff)
        self.dc.add(newcomer, entry)
        self.addCleanup(self.dc.delete, newcomer)
        self.sync()
        moved = self.gald.run("plan", "approve", str(held["plan"]))
        self.assertEqual(moved.code, FAILED, "with one contact more it would do more than was shown")
        number = self.open_plans()[0]["plan"]
        self.assertIn(f"gald plan show {number}", moved.err)
        self.assertEqual({name: dict(rows(self.gald, "SELECT id, company_name FROM contacts"))[name] for name in before},
                         before)
        report, = self.run_json("plan", "approve", str(number))
        self.assertEqual(report["published"]["updated"], STAFF + VISITORS + 1)
        self.assertEqual(rows(self.gald, "SELECT count(*) FROM contacts WHERE company_name = display_name"),
                         [(STAFF + VISITORS + 1,)])
        self.assertQuiet(self.sync())

    def test_a_preview_changes_nothing(self):
        self.sync()
        before = dump(self.gald, without=())
        newcomer, entry = self.contact(901, self.staff)
        self.dc.add(newcomer, entry)
        self.addCleanup(self.dc.delete, newcomer)
        report, line = self.run_json("plan")
        self.assertEqual(report["published"]["created"], 1)
        self.assertEqual((line["displayName"], line["operation"]), ("Staff 901", "created"))

        self.gald.configure({"connector.ad": {"exclude": [self.visitors]}})
        report, *lines = self.run_json("plan")
        self.assertEqual(report["plans"][0]["deleted"], VISITORS)
        held = {line["displayName"]: line["operation"] for line in lines}
        self.assertEqual(held.pop("Staff 901"), "created")
        self.assertEqual(set(held.values()), {"deleted"})
        self.assertEqual(len(held), VISITORS)
        self.assertEqual(dump(self.gald, without=()), before)
        left = {name for name in os.listdir(self.gald.directory) if ".preview" in name}
        self.assertLessEqual(left, {"gald.db.preview.lock"})
        self.gald.configure({"connector.ad": {"exclude": None}})
        self.assertEqual(self.sync()["published"]["created"], 1, "the cursor of the preview was its own")

    def test_a_kill_does_not_lose_a_plan(self):
        """Whenever the cycle that makes the plan is killed, nothing is deleted, and the plan comes."""
        self.sync()
        everybody = self.names()
        self.gald.configure({"connector.ad": {"exclude": [self.visitors]}})
        for milliseconds in range(20, 400, 40):
            process = subprocess.Popen([self.gald.binary, "--config", self.gald.config, "sync", "--quiet"])
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.assertEqual(self.names(), everybody)
        self.assertQuiet(self.sync())
        held, = self.open_plans()
        self.assertEqual(held["deleted"], VISITORS)

        for milliseconds in range(5, 60, 5):
            process = subprocess.Popen([self.gald.binary, "--config", self.gald.config, "plan", "approve",
                                        str(held["plan"])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.gald.run("plan", "approve", str(held["plan"]))
        self.assertEqual({name.split()[0] for name in self.names()}, {"Staff"})
        deleted = rows(self.gald, "SELECT count(*) FROM changes WHERE operation = 'deleted'")[0][0]
        self.assertEqual(deleted, VISITORS, "each of them once")
        self.assertQuiet(self.sync())

    def test_the_service_warns_once(self):
        self.sync()
        self.gald.configure({"connector.ad": {"exclude": [self.visitors]}, "schedule": {"interval": "1s", "jitter": "0s"}})
        self.gald.start()
        log = os.path.join(self.gald.directory, "gald.log")

        def told():
            with open(log, encoding="utf-8") as file:
                return [line for line in file if "plan.held" in line]

        wait_until(lambda: len(told()) >= 3, 60, "a line in each cycle")
        self.gald.stop()
        warnings = [line for line in told() if "warning" in line.lower()]
        self.assertEqual(len(warnings), 1, told())
        self.assertFalse([line for line in told() if "x.test" in line], "personal data in the log")


if __name__ == "__main__":
    company.main()
