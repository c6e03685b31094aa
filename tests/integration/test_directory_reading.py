#!/usr/bin/python3
"""Reading Active Directory: what a change costs, what an account may see, what is in scope, and how time
can go wrong. A real controller, and an index that must say what the directory says.
"""

import json
import os
import select
import shutil
import socket
import tempfile
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

import company
import ldap
import shapes
from company import COMPLETE, FAILED, published, rows
from ldap.controls import LDAPControl
from lab import DomainController, Gald, child, wait_until

#: of a group that is larger than any limit of AD's on values in one answer
CROWD = 20_000
UNIT = 10_000  # contacts in one OU

TRAFFIC = 10_000  # bytes that a cycle with one changed member may cost


#: LDAP_SERVER_SD_FLAGS: of a security descriptor, the list of rights alone
ONLY_DACL = LDAPControl("1.2.840.113556.1.4.801", True, encodedControlValue=b"\x30\x03\x02\x01\x04")


def denying(descriptor, sid):
    """The security descriptor with one entry more, which hides the object and what is below from `sid` (MS-DTYP 2.4)."""
    start = int.from_bytes(descriptor[16:20], "little")
    size, count = (int.from_bytes(descriptor[start + at:start + at + 2], "little") for at in (2, 4))
    hide = 0x4 | 0x10 | 0x80  # list contents, read property, list object
    entry = bytes([1, 2]) + (8 + len(sid)).to_bytes(2, "little") + hide.to_bytes(4, "little") + sid
    acl = (descriptor[start:start + 2] + (size + len(entry)).to_bytes(2, "little") + (count + 1).to_bytes(2, "little")
           + b"\0\0" + entry + descriptor[start + 8:start + size])
    header = descriptor[:4] + bytes(12) + (20).to_bytes(4, "little")
    return header + acl


class Meter:
    """A port of the controller's address that passes everything on to LDAPS and counts it."""

    def __init__(self, address):
        self.bytes = 0
        self._target = (address, 636)
        self._socket = socket.create_server((address, 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            with near, socket.create_connection(self._target) as far:  # one after the other is enough
                self._carry(near, far)

    def _carry(self, near, far):
        while True:
            for one in select.select([near, far], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                self.bytes += len(data)
                (far if one is near else near).sendall(data)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # close() alone would leave accept() waiting
        self._socket.close()
        self._thread.join(10)


class ReadingTest(unittest.TestCase):
    """A controller for the tests of one class, with an OU of its own for each test."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-test-")
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        cls.dc = DomainController.provisioned(ip="free")
        cls.addClassCleanup(cls.dc.close)
        cls.dc.load_offline(cls.entries())
        cls.dc.start()

    @classmethod
    def entries(cls):
        """What is there before the controller starts."""
        yield cls.unit("Staff"), shapes.directory_unit("Staff")

    @classmethod
    def unit(cls, name, above=None):
        return child(name, above or cls.dc.base_dn, "OU")

    def gald(self, account="svc-gald", **keys):
        """A gald that asks the controller alone, with further keys of its connector."""
        gald = Gald(tempfile.mkdtemp(prefix="gald-", dir=self.place), dc=self.dc, account=account,
                    changes={"connector.ad": keys})
        self.addCleanup(gald.stop)
        return gald

    def sync(self, gald, code=COMPLETE):
        done = gald.sync("--json")
        if done.code != code:
            self.fail(f"gald sync: exit code {done.code}, expected {code}\n{done.err}{done.out}")
        report = json.loads(done.out)
        return report, report["collections"][0]

    def approve(self, gald, report):
        """Somebody approves what the cycle has held: test_plan.py is about that."""
        for plan in report["plans"]:
            done = gald.run("plan", "approve", str(plan["plan"]))
            self.assertEqual(done.code, COMPLETE, done.err)

    def add_contact(self, name, above, **attributes):
        self.dc.add(child(name, above), shapes.directory_contact(name.lower(), f"{name.lower()}@x.test",
                                                                 displayName=name, **attributes))
        return child(name, above)

    def assertQuiet(self, report):
        self.assertEqual(set(report["published"].values()), {0}, report["published"])

    def names(self, gald):
        """Display names of the contacts and users that are not deleted."""
        return {name for name, in rows(gald, "SELECT display_name FROM contacts WHERE status <> 'deleted'")}

    def presences(self, gald):
        """{name: presence of its record} of everybody who was ever published."""
        return dict(rows(gald, "SELECT c.display_name, r.presence FROM contacts c"
                               " JOIN contact_records r ON r.contact_id = c.id"))

    def members(self, gald, group):
        return {name for name, in rows(gald, "SELECT member_name FROM group_members WHERE group_name = ?", group)}


class Cost(ReadingTest):
    """Work and traffic follow the change, whatever the directory holds."""

    @classmethod
    def entries(cls):
        cls.crowd, cls.others = cls.unit("Crowd"), cls.unit("Others")
        yield cls.crowd, shapes.directory_unit("Crowd")
        yield cls.others, shapes.directory_unit("Others")
        members = [child(f"Contact {number:05}", cls.others) for number in range(CROWD)]
        # apart from the group: Samba rewrites every link to what a renamed OU contains
        for dn in members + [child(f"Person {number:05}", cls.crowd) for number in range(UNIT)]:
            name = dn.partition(",")[0][3:]
            yield dn, {"objectClass": "contact", "displayName": name, "mail": name.replace(" ", ".") + "@example.test"}
        cls.group = child("Everybody", cls.dc.base_dn)
        yield cls.group, shapes.directory_group("everybody", members, displayName="Everybody")

    def test_a_change_costs_what_it_is(self):
        meter = Meter(self.dc.ip)
        self.addCleanup(meter.close)
        gald = self.gald(url=f"ldaps://{self.dc.ip}:{meter.port}")
        report, read = self.sync(gald)
        self.assertEqual(rows(gald, "SELECT count(*) FROM group_members"), [(CROWD,)])
        self.assertEqual(read["rejected"], 0)

        with self.subTest("nothing"):
            meter.bytes = 0
            report, read = self.sync(gald)
            self.assertQuiet(report)
            self.assertEqual(read["requests"], 4)  # who is there, who it is, what may be seen; one search
            self.assertLess(meter.bytes, TRAFFIC)

        with self.subTest("a member more in a group of 20,000"):
            newcomer = self.add_contact("Newcomer", self.others)
            self.sync(gald)
            self.dc.add_members(self.group, [newcomer])
            meter.bytes = 0
            report, read = self.sync(gald)
            self.assertEqual(report["published"]["memberships"], 1)
            self.assertEqual(sum(report["published"].values()), 1)
            self.assertEqual(read["objects"], 1)
            self.assertLess(read["bytes"], TRAFFIC)
            self.assertLess(meter.bytes, TRAFFIC)
            self.assertEqual(rows(gald, "SELECT count(*) FROM group_members"), [(CROWD + 1,)])
            print(f"\na member in a group of {CROWD}: {meter.bytes} bytes on the wire, with TLS and bind; "
                  f"{read['bytes']} of values", end=" ", flush=True)

        with self.subTest("a new name for an OU of 10,000"):
            ids = dict(rows(gald, "SELECT display_name, id FROM contacts"))
            self.dc.stop()
            self.dc.rename_offline(self.crowd, "Throng")
            self.dc.start()
            report, read = self.sync(gald)
            self.assertEqual((read["requests"], read["objects"]), (4, 1))
            published = report["published"]
            self.assertEqual((published["created"], published["deleted"], published["restored"]), (0, 0, 0))
            self.assertEqual(published["updated"], UNIT)
            self.assertEqual(dict(rows(gald, "SELECT display_name, id FROM contacts")), ids)
            self.assertEqual(rows(gald, "SELECT count(*) FROM contacts WHERE on_premises_distinguished_name LIKE ?",
                                  "%,OU=Throng," + self.dc.base_dn), [(UNIT,)])
            self.assertQuiet(self.sync(gald)[0])


class Groups(ReadingTest):
    @classmethod
    def entries(cls):
        yield from super().entries()
        cls.people = [child(f"Member {number:04}", cls.unit("Staff")) for number in range(5200)]
        for number, dn in enumerate(cls.people):
            yield dn, {"objectClass": "contact", "displayName": f"Member {number:04}"}

    def test_a_group_grows_over_every_limit(self):
        """Beyond 1,500 values AD answers in ranges, beyond 5,000 it always does."""
        group = child("Growing", self.unit("Staff"))
        self.dc.add(group, shapes.directory_group("growing", self.people[:1490], displayName="Growing"))
        galds = {way: self.gald(read_by=way) for way in ("dirsync", "polling")}
        size = 1490
        for step in (10, 1, 3499, 1, 150):  # 1,500, 1,501, 5,000, 5,001, 5,151
            self.sync_all(galds, size)
            self.dc.add_members(group, self.people[size:size + step])
            size += step
        self.sync_all(galds, size)
        self.dc.remove_members(group, self.people[100:5100])
        self.sync_all(galds, size - 5000)

    def sync_all(self, galds, size):
        for way, gald in galds.items():
            with self.subTest(way=way, size=size):
                self.sync(gald)
                self.assertEqual(rows(gald, "SELECT count(*) FROM group_members WHERE group_name = 'Growing'"),
                                 [(size,)])

    def test_groups_in_a_circle(self):
        staff = self.unit("Staff")
        groups = [child(f"Circle {number}", staff) for number in range(3)]
        for number, dn in enumerate(groups):
            self.dc.add(dn, shapes.directory_group(f"circle{number}", self.people[:1], displayName=f"Circle {number}"))
        for number, dn in enumerate(groups):
            self.dc.add_members(dn, [groups[(number + 1) % 3]])
        for way in ("dirsync", "polling"):
            gald = self.gald(read_by=way)
            self.sync(gald)
            for number in range(3):
                self.assertEqual(self.members(gald, f"Circle {number}"), {"Member 0000", f"Circle {(number + 1) % 3}"})
            self.assertQuiet(self.sync(gald)[0])
        for dn in groups:
            self.dc.delete(dn)


class Rights(ReadingTest):
    """One world, accounts with and without rights, both ways: the same index."""

    WAYS = {"all rights": ("svc-gald", {}), "all rights, polling": ("svc-gald", {"read_by": "polling"}),
            "no deletions": ("svc-nodel", {}), "no deletions, polling": ("svc-nodel", {"read_by": "polling"}),
            "no right": ("svc-plain", {}), "no right, polling": ("svc-plain", {"read_by": "polling"})}
    SEEING = {"all rights", "all rights, polling"}

    def contents(self, gald):
        """Both views, but for how the records of what is gone were found to be gone."""
        return {view: {key: {**entry, "records": [record[:3] for record in entry["records"]]}
                       for key, entry in published(gald, view).items()} for view in ("contacts", "groups")}

    def assertSameAs(self, truth, gald, way):
        for view, entries in truth.items():
            self.assertEqual(entries, self.contents(gald)[view], f"{way}: {view}")

    def test_the_same_world_gives_the_same_index(self):
        staff, away = self.unit("Staff"), self.unit("Away")
        self.dc.add(away, shapes.directory_unit("Away"))
        contacts = [self.add_contact(f"Person{number}", staff, title="Clerk") for number in range(12)]
        group = child("Team", staff)
        self.dc.add(group, shapes.directory_group("team", contacts, displayName="Team"))
        galds = {way: self.gald(account, **keys) for way, (account, keys) in self.WAYS.items()}
        for gald in galds.values():
            self.sync(gald)
        truth = self.contents(galds["all rights"])
        self.assertEqual(len(truth["contacts"]), 12 + 3)  # with the accounts of the lab
        for way, gald in galds.items():
            self.assertSameAs(truth, gald, way)

        # everything but a deletion is there in the next cycle
        self.dc.modify(contacts[0], {"title": "Head", "telephoneNumber": "+49 30 1"})
        self.dc.modify(contacts[1], {"title": None})
        self.dc.move(contacts[2], away)
        self.dc.rename(contacts[3], "Renamed")
        self.dc.remove_members(group, [contacts[4]])
        self.add_contact("Late", away)
        for way, gald in galds.items():
            _, read = self.sync(gald)
            self.assertEqual(read["round"], "changes", way)
        truth = self.contents(galds["all rights"])
        for way, gald in galds.items():
            self.assertSameAs(truth, gald, way)

        self.dc.delete(contacts[5])
        self.dc.delete(contacts[6])
        for way, gald in galds.items():
            report, read = self.sync(gald)
            self.assertEqual(read["round"], "changes", way)
            self.assertEqual(report["published"]["deleted"], 2 if way in self.SEEING else 0, way)
        # ... and a deletion at the latest with the next comparison
        truth = self.contents(galds["all rights"])
        for way, gald in galds.items():
            gald.configure({"connector.ad": {"compare_every": "0s"}})
            report, read = self.sync(gald)
            self.assertEqual(read["round"], "changes" if way in self.SEEING else "full", way)
            self.assertEqual(report["published"]["deleted"], 0 if way in self.SEEING else 2, way)
            self.assertSameAs(truth, gald, way)
            self.assertQuiet(self.sync(gald)[0])

    def findings(self, gald):
        done = gald.check("--json")
        return done.code, {found["check"]: found for found in json.loads(done.out)["findings"]
                           if found["connector"] == "ad"}

    def test_check_says_what_an_account_may_do(self):
        code, found = self.findings(self.gald())
        self.assertEqual(code, COMPLETE, found)
        for name in ("rights", "deletions", "scope", "clock", "schema", "count"):
            self.assertEqual(found[name]["level"], "ok", found[name])
        self.assertIn("DirSync", found["rights"]["what"])
        self.assertRegex(found["count"]["what"], "about [0-9]+ objects")
        self.assertIn("attributes of Exchange", found["schema"]["what"])

        code, found = self.findings(self.gald("svc-nodel"))
        self.assertEqual(code, COMPLETE)
        self.assertEqual(found["rights"]["level"], "ok")
        self.assertEqual(found["deletions"]["level"], "warning")
        self.assertIn("every 6 h", found["deletions"]["what"])
        self.assertIn(":LCRP", found["deletions"]["remedy"])

        code, found = self.findings(self.gald("svc-plain"))
        self.assertEqual(code, COMPLETE)
        self.assertEqual(found["rights"]["level"], "warning")
        self.assertIn("CA;Replicating Directory Changes", found["rights"]["remedy"])
        self.assertEqual(found["deletions"]["level"], "warning")

        code, found = self.findings(self.gald(exclude=["OU=Nowhere," + self.dc.base_dn]))
        self.assertEqual(code, FAILED)
        self.assertIn("OU=Nowhere", found["scope"]["what"])
        code, found = self.findings(self.gald(filter="(mail=*"))
        self.assertEqual(code, FAILED)
        self.assertEqual(found["scope"]["level"], "problem")

    def test_a_right_that_comes_is_noticed(self):
        """The account sees deletions from now on: what it missed before is found at once."""
        victim = self.add_contact("Victim", self.unit("Staff"))
        gald = self.gald("svc-nodel")
        self.sync(gald)
        self.dc.delete(victim)
        self.sync(gald)
        self.assertIn("Victim", self.names(gald))
        gald.configure({"connector.ad": {"bind_name": f"svc-gald@{self.dc.domain}",
                                         "password_file": self.dc.password_file("svc-gald")}})
        _, read = self.sync(gald)
        self.assertEqual(read["round"], "full")
        self.assertNotIn("Victim", self.names(gald))

    def test_a_referral_is_told_once_and_not_followed(self):
        """A search from the top of a domain ends with references to what lies beside it, in each page of each cycle."""
        gald = self.gald(read_by="polling")
        gald.configure({"schedule": {"interval": "1s", "jitter": "0s"}})
        gald.start()

        def log():
            with open(os.path.join(gald.directory, "gald.log"), encoding="utf-8") as file:
                return list(file)

        wait_until(lambda: sum("cycle.done" in line for line in log()) >= 3, 30, "three cycles")
        gald.stop()
        told = [line.split("ad.referral", 1)[1] for line in log() if "ad.referral" in line]
        self.assertTrue(any(f"CN=Configuration,{self.dc.base_dn}" in line for line in told), told)
        self.assertEqual(len(told), len(set(told)))


class Scope(ReadingTest):
    @classmethod
    def entries(cls):
        cls.inside, cls.outside = cls.unit("Inside"), cls.unit("Outside")
        cls.left_out, cls.back_in = cls.unit("Left out", cls.inside), None
        cls.back_in = cls.unit("Back in", cls.left_out)
        for dn in (cls.inside, cls.outside, cls.left_out, cls.back_in):
            yield dn, shapes.directory_unit(dn.split(",")[0][3:])

    def limited(self, **keys):
        return self.gald(**{"base": [self.inside], "exclude": [self.left_out], "include": [self.back_in], **keys})

    def test_the_nearest_rule_decides(self):
        for name, above in (("Iris", self.inside), ("Otto", self.outside), ("Lena", self.left_out),
                            ("Bert", self.back_in)):
            self.addCleanup(self.dc.delete, self.add_contact(name, above))
        for way in ("dirsync", "polling"):
            gald = self.limited(read_by=way)
            self.sync(gald)
            self.assertEqual(self.names(gald), {"Iris", "Bert"}, way)
            self.assertQuiet(self.sync(gald)[0])

    def test_leaving_is_not_deletion(self):
        mover = self.add_contact("Mover", self.inside)
        galds = {way: self.limited(read_by=way) for way in ("dirsync", "polling")}
        for gald in galds.values():
            self.sync(gald)
        mover = self.dc.move(mover, self.left_out)
        for way, gald in galds.items():
            report, _ = self.sync(gald)
            self.assertEqual(report["published"]["deleted"], 1, way)
            self.assertEqual(self.presences(gald)["Mover"], "out_of_scope", way)
            shown = gald.show("mover@x.test")
            self.assertIn("out_of_scope", shown.out)
        mover = self.dc.move(mover, self.back_in)
        for way, gald in galds.items():
            report, _ = self.sync(gald)
            self.assertEqual(report["published"]["restored"], 1, way)
        self.dc.delete(mover)
        for way, gald in galds.items():
            self.sync(gald)
            self.assertEqual(self.presences(gald)["Mover"], "deleted", way)

    def test_an_ou_takes_along_what_is_below_it(self):
        unit = self.unit("Caravan", self.inside)
        self.dc.add(unit, shapes.directory_unit("Caravan"))
        tent = self.unit("Tent", unit)
        self.dc.add(tent, shapes.directory_unit("Tent"))
        travellers = [self.add_contact(f"Traveller{number}", tent) for number in range(3)]
        names = {f"Traveller{number}" for number in range(3)}
        galds = {way: self.limited(read_by=way) for way in ("dirsync", "polling")}
        for gald in galds.values():
            self.sync(gald)
            self.assertLessEqual(names, self.names(gald))
        unit = self.dc.move(unit, self.outside)
        for way, gald in galds.items():
            _, read = self.sync(gald)
            self.assertEqual(read["objects"], 1, way)
            self.assertEqual(self.names(gald) & names, set(), way)
        unit = self.dc.move(unit, self.inside)
        for way, gald in galds.items():
            report, _ = self.sync(gald)
            self.assertEqual(report["published"]["restored"], 3, way)
        for dn in travellers:
            self.dc.delete(dn.replace(tent, self.unit("Tent", unit)))
        self.dc.delete(self.unit("Tent", unit))
        self.dc.delete(unit)

    def test_a_filter_is_asked_again_when_something_changed(self):
        seller = self.add_contact("Seller", self.outside, department="Sales")
        buyer = self.add_contact("Buyer", self.outside, department="Purchase")
        for way in ("dirsync", "polling"):
            gald = self.gald(read_by=way, filter="(&(department=Sales)(!(title=Trainee)))")
            self.sync(gald)
            self.assertEqual(self.names(gald), {"Seller"}, way)
            self.dc.modify(buyer, {"department": "Sales"})
            self.dc.modify(seller, {"title": "Trainee"})
            self.sync(gald)
            self.assertEqual(self.names(gald), {"Buyer"}, way)
            self.assertEqual(self.presences(gald)["Seller"], "out_of_scope", way)
            self.dc.modify(buyer, {"department": "Purchase"})
            self.dc.modify(seller, {"title": None})
            self.sync(gald)
            self.assertEqual(self.names(gald), {"Seller"}, way)
        self.dc.delete(seller)
        self.dc.delete(buyer)

    def test_a_filter_goes_with_many_pages(self):
        """The second connection: a search is under way when the filter is asked."""
        unit = self.unit("Many", self.outside)
        self.dc.add(unit, shapes.directory_unit("Many"))
        for number in range(1100):
            self.dc.add(child(f"Many{number}", unit), {"objectClass": "contact", "displayName": f"Many{number}",
                                                       "department": "Odd" if number % 2 else "Even"})
        for way in ("dirsync", "polling"):
            gald = self.gald(read_by=way, filter="(department=Odd)")
            self.sync(gald)
            self.assertEqual(self.names(gald), {f"Many{number}" for number in range(1, 1100, 2)}, way)

    def test_a_change_of_the_configuration(self):
        iris = self.add_contact("Ines", self.inside)
        otto = self.add_contact("Oleg", self.outside)
        gald = self.gald(base=[self.inside, self.outside], kinds=["contact"])
        self.sync(gald)
        self.assertLessEqual({"Ines", "Oleg"}, self.names(gald))
        ids = dict(rows(gald, "SELECT display_name, id FROM contacts"))
        gald.configure({"connector.ad": {"base": [self.inside]}})
        report, read = self.sync(gald)
        self.assertEqual(read["round"], "full")
        self.approve(gald, report)
        self.assertIn("Ines", self.names(gald))
        self.assertNotIn("Oleg", self.names(gald))
        self.assertEqual(self.presences(gald)["Oleg"], "out_of_scope")
        gald.configure({"connector.ad": {"kinds": ["user"]}})
        self.approve(gald, self.sync(gald)[0])
        self.assertEqual(self.presences(gald)["Ines"], "out_of_scope")
        gald.configure({"connector.ad": {"base": None, "kinds": None}})
        self.approve(gald, self.sync(gald)[0])
        now = dict(rows(gald, "SELECT display_name, id FROM contacts WHERE status <> 'deleted'"))
        self.assertEqual({name: now[name] for name in ("Ines", "Oleg")}, {name: ids[name] for name in ("Ines", "Oleg")})
        self.dc.delete(iris)
        self.dc.delete(otto)

    def test_a_configured_ou_that_was_renamed_holds_everything(self):
        unit = self.unit("Fickle", self.outside)
        self.dc.add(unit, shapes.directory_unit("Fickle"))
        someone = self.add_contact("Someone", unit)
        gald = self.gald(base=[unit])
        self.sync(gald)
        renamed = self.dc.rename(unit, "Constant")
        report, read = self.sync(gald, FAILED)
        self.assertIn("OU=Fickle", read["error"])
        self.assertQuiet(report)
        gald.configure({"connector.ad": {"base": [renamed]}})
        report, _ = self.sync(gald)
        self.assertEqual((report["published"]["created"], report["published"]["deleted"]), (0, 0))
        self.assertEqual(self.names(gald), {"Someone"})
        self.dc.delete(someone.replace(unit, renamed))
        self.dc.delete(renamed)


class Time(ReadingTest):
    def test_an_account_ends_by_itself(self):
        def file_time(moment):
            return int((moment - datetime(1601, 1, 1, tzinfo=timezone.utc)).total_seconds()) * 10_000_000

        now = datetime.now(timezone.utc)
        ends = {"Past": file_time(now - timedelta(days=1)), "Soon": file_time(now + timedelta(seconds=12)),
                "Later": file_time(now + timedelta(days=1)), "Never": 0, "Never2": 2 ** 63 - 1}
        for name, end in ends.items():
            self.dc.add(child(name, self.unit("Staff")), {
                **shapes.directory_user(name.lower(), self.dc.domain, displayName=name), "userAccountControl": 546,
                "accountExpires": end})
            self.dc.modify(child(name, self.unit("Staff")), {"userAccountControl": 66080})
        gald = self.gald()
        self.sync(gald)

        def disabled():
            return {name for name, in rows(gald, "SELECT display_name FROM contacts WHERE status = 'disabled'")
                    if name in ends}

        self.assertIn("Past", disabled())
        self.assertEqual(disabled() - {"Soon"}, {"Past"})
        time.sleep(max(0, 13 - (datetime.now(timezone.utc) - now).total_seconds()))
        _, read = self.sync(gald)
        self.assertEqual(read["objects"], 0)  # the directory says nothing
        self.assertEqual(disabled(), {"Past", "Soon"})
        self.assertQuiet(self.sync(gald)[0])

    def test_a_snapshot_takes_changes_back(self):
        staff = self.unit("Staff")
        kept = self.add_contact("Kept", staff, title="Before")
        gone = self.add_contact("Gone", staff)
        galds = {way: self.gald(read_by=way) for way in ("dirsync", "polling")}
        for gald in galds.values():
            self.sync(gald)
        snapshot = os.path.join(self.place, "snapshot")
        self.dc.stop()
        self.dc.backup(snapshot)
        self.dc.start()

        self.dc.modify(kept, {"title": "After"})
        self.dc.delete(gone)
        self.add_contact("Lost", staff)
        for way, gald in galds.items():
            self.sync(gald)
            self.assertIn("Lost", self.names(gald), way)
            self.assertNotIn("Gone", self.names(gald), way)
        self.dc.stop()
        self.dc.restore(snapshot)
        self.dc.start()
        for way, gald in galds.items():
            report, read = self.sync(gald)
            self.assertEqual(read["round"], "full", way)
            self.assertEqual((report["published"]["deleted"], report["published"]["restored"]), (1, 1), way)
            self.assertNotIn("Lost", self.names(gald), way)
            self.assertIn("Gone", self.names(gald), way)
            self.assertEqual(rows(gald, "SELECT job_title FROM contacts WHERE display_name = 'Kept'"), [("Before",)])
            self.assertQuiet(self.sync(gald)[0])

    def account(self, name):
        return self.dc.search(f"(sAMAccountName={name})", attributes=["objectGUID"])[0][0]

    def security(self, dn):
        """The security descriptor of an object, without owner and system part."""
        found = self.dc.admin().search_ext_s(dn, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"],
                                             serverctrls=[ONLY_DACL])
        return found[0][1]["nTSecurityDescriptor"][0]

    def secure(self, dn, descriptor):
        self.dc.admin().modify_ext_s(dn, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [descriptor])],
                                     serverctrls=[ONLY_DACL])

    def test_a_view_that_shrinks_is_not_believed(self):
        """The account lost its read access to most of the directory: nothing is deleted for that."""
        unit = self.unit("Guarded")
        self.dc.add(unit, shapes.directory_unit("Guarded"))
        for number in range(150):
            self.dc.add(child(f"Guarded{number}", unit), {"objectClass": "contact", "displayName": f"Guarded{number}"})
        gald = self.gald("svc-plain", read_by="polling", compare_every="0s", kinds=["contact"])
        self.sync(gald)
        before = self.names(gald)
        before_that = self.security(unit)
        self.secure(unit, denying(before_that, self.dc.entry(self.account("svc-plain"), ["objectSid"])["objectSid"][0]))
        report, read = self.sync(gald, FAILED)
        self.assertEqual(read["round"], "full")
        self.assertRegex(read["error"], "a complete read did not see [0-9]+ of [0-9]+ known objects")
        self.assertIn("gald check", read["remedy"])
        self.assertQuiet(report)
        self.assertEqual(self.names(gald), before)
        self.sync(gald, FAILED)  # as long as it lasts
        self.secure(unit, before_that)
        report, _ = self.sync(gald)
        self.assertQuiet(report)


if __name__ == "__main__":
    company.main()
