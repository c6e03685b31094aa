#!/usr/bin/python3
"""The lab tests itself: the controller, the rights of its accounts, the sample, the synchronization.

    /usr/bin/python3 tests/lab/test_lab.py

Needs root (or CAP_NET_BIND_SERVICE) and the packages that `dc check` names; is skipped without them.
The tests with a tenant are skipped while the simulator is not there.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

try:
    import ldap

    import sample
    from connect import Connect
    from lab import DomainController, Gald, LabError, Tenant, child, guid_text, reserve_address, run_dc
    from wire import NameServer, Wire
    from world import World
except ImportError as missing:
    raise unittest.SkipTest(f"the test lab needs {missing.name}") from None


def setUpModule():
    try:
        run_dc("check")
    except LabError as error:
        raise unittest.SkipTest(str(error)) from None
    if os.getuid() != 0:
        raise unittest.SkipTest("the test lab needs root")


class WithController(unittest.TestCase):
    """A running controller for the tests of one class."""

    @classmethod
    def setUpClass(cls):
        cls.dc = DomainController.provisioned(ip="free")
        cls.addClassCleanup(cls.dc.close)
        cls.prepare()
        cls.dc.start()

    @classmethod
    def prepare(cls):
        """For what must happen before the controller runs."""


class ControllerLife(unittest.TestCase):
    def test_a_clone_starts_stops_and_starts_again(self):
        with DomainController.provisioned(ip="free") as dc:
            with self.assertRaisesRegex(LabError, "dc status failed"):
                run_dc("status", dc.directory)
            for _ in range(2):
                dc.start()
                self.assertIn("running on " + dc.ip, run_dc("status", dc.directory))
                self.assertTrue(dc.search(attributes=["cn"]))
                dc.stop()
            self.assertFalse(os.path.exists(os.path.join(dc.directory, "run", "leader")))

    def test_an_address_serves_one_controller(self):
        with DomainController.provisioned(ip="free") as first:
            first.start()
            with DomainController.provisioned(ip=first.ip) as second:
                with self.assertRaisesRegex(LabError, "already served") as caught:
                    second.start()
                self.assertEqual(str(caught.exception).count("\n"), 0)

    def test_a_running_controller_is_not_cloned(self):
        with DomainController.provisioned(ip="free") as dc:
            dc.start()
            with self.assertRaisesRegex(LabError, "is running"):
                run_dc("clone", dc.directory + "-copy", dc.directory)

    def test_passwords_are_private(self):
        with DomainController.provisioned(ip="free") as dc:
            for account in ("administrator", "svc-gald", "svc-nodel", "svc-plain"):
                self.assertEqual(os.stat(dc.password_file(account)).st_mode & 0o777, 0o600)

    def test_without_privilege_there_is_one_clear_line(self):
        with DomainController.provisioned(ip="free") as dc:
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dc")
            os.chmod(os.path.dirname(dc.directory), 0o755)  # a temporary directory is private
            done = subprocess.run(["setpriv", "--reuid=nobody", "--clear-groups", "--bounding-set=-all",
                                   script, "start", dc.directory], capture_output=True, text=True, check=False)
            if "Permission denied" in done.stderr:
                self.skipTest("an ordinary user cannot read this checkout or the temporary directory")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertIn("CAP_NET_BIND_SERVICE", done.stderr)


class TwoControllers(unittest.TestCase):
    def test_what_changes_on_one_comes_to_the_other(self):
        first, second = DomainController.pair()
        with first, second:
            first.start()
            second.start()
            self.assertNotEqual(first.ip, second.ip)
            dn = child("Staff", first.base_dn, "OU")
            guid = first.add(dn, {"objectClass": "organizationalUnit"})
            second.pull(first)
            self.assertEqual(second.guid(dn), guid)
            first.freeze()
            self.assertEqual(second.guid(dn), guid)
            first.thaw()
            self.assertEqual(first.guid(dn), guid)
            first.kill()
            first.start()
            self.assertEqual(first.guid(dn), guid)

    def test_a_backup_is_the_past(self):
        with DomainController.provisioned(ip="free") as dc, tempfile.TemporaryDirectory() as place:
            dc.backup(os.path.join(place, "backup"))
            dc.start()
            dc.add(child("Staff", dc.base_dn, "OU"), {"objectClass": "organizationalUnit"})
            dc.stop()
            dc.restore(os.path.join(place, "backup"))
            dc.start()
            self.assertEqual(dc.search("(ou=Staff)"), [])


class Wires(unittest.TestCase):
    def test_names_of_our_own(self):
        names = {"dc1.contoso.test": "127.0.0.30"}
        with reserved() as address, tempfile.TemporaryDirectory() as place, NameServer(address, names) as server:
            command = [*server.prefix(place), "getent", "ahostsv4"]
            done = subprocess.run([*command, "dc1.contoso.test"], capture_output=True, text=True, check=True)
            self.assertIn("127.0.0.30", done.stdout)
            self.assertNotEqual(subprocess.run([*command, "dc2.contoso.test"], check=False).returncode, 0)
            self.assertIn(("dc2.contoso.test", 1), server.asked)

    def test_wires_that_break(self):
        with reserved() as address, socket.create_server((address, 0)) as behind:
            def answer():
                with contextlib.suppress(OSError):
                    while True:
                        peer, _ = behind.accept()
                        with peer:
                            peer.sendall(peer.recv(100) * 10)

            threading.Thread(target=answer, daemon=True).start()

            def ask(wire_port, limit=5):
                with socket.create_connection((address, wire_port), limit) as asking:
                    asking.sendall(b"x" * 100)
                    heard = b""
                    while data := asking.recv(4096):
                        heard += data
                    return len(heard)

            with Wire(address, 0, behind.getsockname()) as wire:
                self.assertEqual(ask(wire.port), 1000)
                wire.mode = "refuse"
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(ask(wire.port), 0)
                wire.mode = "stall"
                with self.assertRaises(TimeoutError):
                    ask(wire.port, 0.3)
                wire.mode = ("cut", 1)
                self.assertLessEqual(ask(wire.port), 1000)
                self.assertEqual(wire.mode, "pass")
            behind.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def reserved():
    """A loopback address for what is no controller."""
    address, lock = reserve_address(DomainController.cache_dir())
    with lock:
        yield address


class Helpers(WithController):
    """The ways to change a directory."""

    HOSTILE = ("a,b", 'a"b"', "a+b", "#a", " a", "a ", "a\\b", "a\\", "a;b", "a=b", "<a>", "a/b", "(a*b)", "日本 太郎 🎻")

    def test_hostile_names_survive(self):
        for name in self.HOSTILE:
            with self.subTest(name=name):
                dn = child(name, "CN=Users," + self.dc.base_dn)
                guid = self.dc.add(dn, {"objectClass": "contact", "displayName": name})
                found = self.dc.entry(f"<GUID={guid}>", ["cn", "displayName"])
                self.assertEqual([found["cn"][0].decode(), found["displayName"][0].decode()], [name, name])
                self.dc.delete(dn)

    def test_the_life_of_a_user(self):
        dc = self.dc
        dn = child("Life, a", "CN=Users," + dc.base_dn)
        guid = dc.add(dn, {"objectClass": "user", "sAMAccountName": "life", "title": "Tester",
                           "mailNickname": "life", "extensionAttribute3": "x"})
        self.assertRegex(dc.sid(dn), r"^S-1-5-21-\d+-\d+-\d+-\d+$")
        dc.modify(dn, {"title": None, "department": "Lab"})
        self.assertNotIn("title", dc.entry(dn))
        dn = dc.rename(dn, "Life + b")
        unit = child("Elsewhere", dc.base_dn, "OU")
        dc.add(unit, {"objectClass": "organizationalUnit"})
        dn = dc.move(dn, unit)
        self.assertEqual(dc.guid(dn), guid)
        group = child("Club", unit)
        dc.add(group, {"objectClass": "group", "sAMAccountName": "club"})
        dc.add_members(group, [dn])
        self.assertEqual(len(dc.entry(group)["member"]), 1)
        dc.remove_members(group, [dn])
        self.assertNotIn("member", dc.entry(group))
        dc.delete(dn)
        self.assertEqual(dc.search("(sAMAccountName=life)"), [])
        self.assertEqual(dc.undelete(guid), dn)
        self.assertEqual(dc.guid(dn), guid)

    def test_loading_is_for_a_stopped_controller_and_is_all_or_nothing(self):
        with DomainController.provisioned(ip="free") as dc:
            good = (child("Good", "CN=Users," + dc.base_dn), {"objectClass": "contact"})
            bad = (child("Bad", "CN=Nowhere," + dc.base_dn), {"objectClass": "contact"})
            with self.assertRaisesRegex(LabError, "cannot add CN=Bad"):
                dc.load_offline([good, bad])
            self.assertEqual(dc.load_offline([good]), 1)


class Rights(WithController):
    """What the service accounts may see."""

    def test_replication_needs_the_right(self):
        for account in ("svc-gald", "svc-nodel"):
            self.assertTrue(self.dc.dirsync(self.dc.connect(account), attributes=["name"])[0])
        with self.assertRaises(ldap.INSUFFICIENT_ACCESS):
            self.dc.dirsync(self.dc.connect("svc-plain"))

    def test_deletions_are_seen_by_the_one_who_may_read_them(self):
        dn = child("Short-lived", "CN=Users," + self.dc.base_dn)
        guid = self.dc.add(dn, {"objectClass": "contact", "mail": "short@contoso.test"})
        attributes = ["name", "isDeleted", "objectGUID"]
        readers = {account: self.dc.connect(account) for account in ("svc-gald", "svc-nodel")}
        cookies = {account: self.dc.dirsync(reader, attributes=attributes)[1] for account, reader in readers.items()}
        self.dc.delete(dn)
        told = {}
        for account, reader in readers.items():
            entries, cookies[account] = self.dc.dirsync(reader, cookies[account], attributes)
            told[account] = [dn for dn, values in entries if values.get("isDeleted") == [b"TRUE"]]
        self.assertEqual(len(told["svc-gald"]), 1)
        self.assertEqual(told["svc-nodel"], [])

        self.dc.undelete(guid)
        entries, _ = self.dc.dirsync(readers["svc-gald"], cookies["svc-gald"], attributes)
        self.assertEqual([dn for dn, _ in entries], [dn])

    def test_a_password_is_needed_and_tls_is_checked(self):
        with self.assertRaises(ldap.INVALID_CREDENTIALS):
            self.dc.connect("svc-gald", "wrong")
        stranger = ldap.initialize(self.dc.uri)
        with self.assertRaises(ldap.SERVER_DOWN):
            stranger.simple_bind_s("svc-gald@contoso.test", self.dc.password("svc-gald"))


class SampleDirectory(WithController):
    """The sample company without a tenant."""

    @classmethod
    def prepare(cls):
        cls.sample = sample.Sample(cls.dc)
        cls.dc.load_offline(cls.sample.entries())

    def test_the_sample_is_there_and_changes(self):
        people = len(self.dc.search("(&(objectClass=user)(mail=*))", self.sample.root, ["cn"]))
        contacts = len(self.dc.search("(objectClass=contact)", self.sample.root, ["cn"]))
        self.assertEqual((people, contacts), (len(sample.STAFF) + len(sample.WORKSHOP),
                                              len(sample.PARTNERS) + len(sample.SUPPLIERS)))
        reader = self.dc.connect("svc-gald")
        _, cookie = self.dc.dirsync(reader, attributes=["name", "title", "member"])
        done = self.sample.changes()
        entries, _ = self.dc.dirsync(reader, cookie, ["name", "title", "member", "isDeleted"])
        self.assertGreaterEqual(len(entries), len(done) - 2)


class Worlds(unittest.TestCase):
    """Generated worlds, as far as they need no server."""

    class Place:
        base_dn, domain = "DC=contoso,DC=test", "contoso.test"

    def test_the_same_seed_makes_the_same_world(self):
        def make(seed):
            return list(World(self.Place, seed=seed, size=120, big_group=0).entries())
        self.assertEqual(make(5), make(5))
        self.assertNotEqual(make(5), make(6))

    def test_names_fit_and_are_unique(self):
        world = World(self.Place, seed=1, size=2000)
        names = [subject.name for subject in world.subjects]
        self.assertTrue(all(len(name) <= 64 for name in names))
        self.assertEqual(len(names), len({name.casefold().strip() for name in names}))
        everybody = next(group for group in world.groups if group.name == "Everybody")
        self.assertGreater(len(everybody.members), 1500)


@unittest.skipUnless("Tenant" in globals() and Tenant.available(), "the tenant simulator is not there")
class Synchronization(WithController):
    """connect.py between the controller and the simulated tenant."""

    @classmethod
    def prepare(cls):
        cls.directory = tempfile.mkdtemp(prefix="gald-tenant-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.tenant = Tenant(cls.directory).start()
        cls.addClassCleanup(cls.tenant.stop)
        cls.sample = sample.Sample(cls.dc, cls.tenant)
        cls.world = World(cls.dc, cls.tenant, seed=2, size=150, big_group=0)
        cls.dc.load_offline([*cls.sample.entries(), *cls.world.entries()])

    def test_what_is_synchronized(self):
        unit = child("Once", self.dc.base_dn, "OU")
        self.dc.add(unit, {"objectClass": "organizationalUnit"})
        dn = child("Up, Going", unit)
        guid = self.dc.add(dn, {"objectClass": "user", "sAMAccountName": "going.up", "userAccountControl": 512,
                                "mail": "up@contoso.test", "proxyAddresses": ["SMTP:up@contoso.test"]})
        silent = child("No Mail", unit)
        self.dc.add(silent, {"objectClass": "contact"})
        memory = os.path.join(self.directory, "once")
        os.makedirs(memory, exist_ok=True)
        connect = Connect(self.dc, self.tenant, [unit])
        connect.memory_path = os.path.join(memory, "connect.json")

        report = connect.run()
        self.assertEqual((report.created, sum(report)), (1, 1))
        self.assertEqual(sum(connect.run()), 0)

        self.dc.modify(dn, {"title": "Climber", "userAccountControl": 514})
        self.assertEqual((connect.run().changed, sum(connect.run())), (1, 0))
        (identity,) = [user["id"] for user in self.tenant.objects()["users"] if user.get("mail") == "up@contoso.test"]
        user = self.tenant.get("users", identity)
        self.assertEqual((user["jobTitle"], user["accountEnabled"], user["onPremisesSyncEnabled"]),
                         ("Climber", False, True))
        self.assertIn("smtp:going.up@contoso.onmicrosoft.com", user["proxyAddresses"])

        self.dc.delete(dn)
        self.assertEqual((connect.run().deleted, sum(connect.run())), (1, 0))
        self.dc.undelete(guid)
        self.assertEqual((connect.run().restored, sum(connect.run())), (1, 0))

    def test_the_sample_and_a_world_can_be_synchronized_again_without_effect(self):
        for place in (self.sample, self.world):
            with self.subTest(place=type(place).__name__):
                # two scopes in one tenant: each synchronization has a memory of its own
                place.connect.memory_path = os.path.join(self.directory, type(place).__name__ + ".json")
                place.populate()
                self.assertEqual(sum(place.connect.run()), 0)
                step = place.changes if place is self.sample else place.churn
                self.assertTrue(step())
                self.assertEqual(sum(place.connect.run()), 0)

    def test_the_truth_about_a_world_is_what_both_sides_say(self):
        """Reading every object by its anchors must give the expected addresses and memberships."""
        with DomainController.provisioned(ip="free") as dc, \
                tempfile.TemporaryDirectory() as directory, Tenant(directory) as tenant:
            world = World(dc, tenant, seed=4, size=250, big_group=0)
            dc.load_offline(world.entries())
            dc.start()
            tenant.start()
            world.populate()
            self._compare(world)
            world.churn()
            self._compare(world)

    def _compare(self, world):
        held = world.tenant.objects()
        cloud = {thing["id"]: thing for kind in ("users", "contacts", "groups") for thing in held[kind]
                 if not thing.get("deletedDateTime")}
        cloud |= {thing["Guid"]: thing for thing in held["mailcontacts"]}
        local = {guid_text(values["objectGUID"][0]): values for _, values in world.dc.search(base=world.root)}
        member_of = {}
        for dn, values in world.dc.search("(objectClass=group)", world.root, ["displayName", "member"]):
            for member in values.get("member", []):
                member_of.setdefault(member.decode(), set()).add(values["displayName"][0].decode())
        for group in held["groups"]:
            for member in group["members"]:
                member_of.setdefault(member["id"], set()).add(group["displayName"])

        seen = set()
        for truth in world.expected():
            with self.subTest(key=truth.key, recipe=world.subjects[int(truth.key[1:])].recipe.name):
                entry = local.get(truth.anchors.get("ad"))
                objects = [cloud[truth.anchors[side]] for side in ("entra", "exchange")
                           if truth.anchors.get(side) in cloud]
                seen |= set(truth.anchors.values())
                if truth.status == "deleted":
                    self.assertFalse(entry or objects)
                    continue
                self.assertEqual(len(objects) + bool(entry), len(truth.anchors))
                proxies = [value for thing in objects
                           for value in thing.get("proxyAddresses", []) + thing.get("EmailAddresses", [])]
                groups = set()
                if entry:
                    proxies += [value.decode() for value in entry.get("proxyAddresses", [])]
                    groups |= member_of.get(entry["distinguishedName"][0].decode(), set())
                if "entra" in truth.anchors:
                    groups |= member_of.get(truth.anchors["entra"], set())
                self.assertEqual({value[5:].lower() for value in proxies if value.lower().startswith("smtp:")},
                                 truth.addresses)
                self.assertEqual(groups, truth.groups)
        for truth in world.expected_groups():
            seen |= set(truth.anchors.values())
        self.assertEqual(cloud.keys() - seen, set(), "the tenant holds something that the truth does not know")

    def test_the_configuration_of_gald_names_both_sides(self):
        with tempfile.TemporaryDirectory() as directory:
            gald = Gald(directory, dc=self.dc, tenant=self.tenant)
            with open(gald.config, encoding="utf-8") as file:
                text = file.read()
        for part in ("[connector.ad]", "[connector.entra]", "[connector.exchange]", self.dc.uri, self.tenant.about["graph"]):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()
