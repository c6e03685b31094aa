#!/usr/bin/python3
"""Two domain controllers that die, stall, refuse and come back, and the ways to sign in to them.

Each test ends with an index that says what the directory says.
"""

import glob
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

import company
from company import COMPLETE, FAILED, differing, dump, rows
from lab import DomainController, Gald, guid_text, reserve_address, wait_until
from wire import NameServer, Wire

DC1, DC2 = "dc1.contoso.test", "dc2.contoso.test"
SERVICE = "_ldap._tcp.dc._msdcs.contoso.test"
SITE_SERVICE = "_ldap._tcp.Paris._sites.dc._msdcs.contoso.test"
NOBODY = "ldaps://127.0.0.1:9"  # the port "discard", where nobody listens

#: all that an index knows; a cursor is given anew with each answer
KNOWLEDGE = company.OF_RUNS + ("collection",)


def with_other_keys(keytab):
    """The same keytab, but for one bit of each key: each entry has its length in front, and behind its key
    (as Samba writes it) version and flags in four octets each."""
    changed, at = bytearray(keytab), 2
    while at < len(keytab):
        at += 4 + int.from_bytes(keytab[at:at + 4], "big")
        changed[at - 9] ^= 1
    return bytes(changed)


class PairTest(unittest.TestCase):
    """Two controllers of one domain, a name server that knows them, and one more address for what breaks."""

    maxDiff = None
    contacts = 400

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-test-")
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        # Kerberos under TLS as Windows accepts it
        cls.dc1, cls.dc2 = DomainController.pair(DC_STRONG_AUTH="allow_sasl_over_tls")
        cls.addClassCleanup(cls.dc1.close)
        cls.addClassCleanup(cls.dc2.close)
        cls.staff = "OU=Staff," + cls.dc1.base_dn
        cls.dc1.load_offline(cls.entries())
        cls.dc1.start()
        cls.dc2.start()
        cls.dc2.pull(cls.dc1)
        cls.middle, reserved = reserve_address(DomainController.cache_dir())
        cls.addClassCleanup(reserved.close)
        where, reserved = reserve_address(DomainController.cache_dir())
        cls.addClassCleanup(reserved.close)
        cls.names = NameServer(where, {})
        cls.addClassCleanup(cls.names.close)
        cls.prefix = cls.names.prefix(cls.place)
        cls.krb5_config = cls.kerberos_config("krb5.conf", cls.dc1, cls.dc2)

    @classmethod
    def entries(cls):
        yield cls.staff, {"objectClass": "organizationalUnit"}
        for number in range(cls.contacts):
            name = f"Contact {number:04}"
            yield f"CN={name},{cls.staff}", {"objectClass": "contact", "displayName": name,
                                             "mail": f"contact{number}@example.test"}

    @classmethod
    def kerberos_config(cls, name, *controllers, settings=""):
        path = os.path.join(cls.place, name)
        port = controllers[0].settings["DC_KRB5_CONFIG"]
        with open(port, encoding="ascii") as file:
            port = file.read().partition("kdc = ")[2].split(":")[1].split()[0]
        kdcs = "\n".join(f"        kdc = {one.ip}:{port}" for one in controllers)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""[libdefaults]
    default_realm = CONTOSO.TEST
    dns_lookup_kdc = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
    {settings}
[realms]
    CONTOSO.TEST = {{
{kdcs}
    }}
[domain_realm]
    .contoso.test = CONTOSO.TEST
""")
        return path

    def setUp(self):
        self.names.hosts = {DC1: self.dc1.ip, DC2: self.dc2.ip, "middle.contoso.test": self.middle}
        self.names.services = {SERVICE: [(0, 100, 389, DC1), (10, 100, 389, DC2)]}
        self.names.silent = False
        self.names.asked = []

    def gald(self, keys, name="gald"):
        """A gald whose directory is described by these keys; limits are short."""
        gald = Gald(tempfile.mkdtemp(prefix=name + "-", dir=self.place), dc=self.dc1, changes={
            "connector.ad": {"url": None, "connect_timeout": "2s", "answer_timeout": "20s", **keys}})
        gald.prefix = self.prefix
        gald.environment = {"KRB5_CONFIG": self.krb5_config}
        self.addCleanup(gald.stop)
        return gald

    def kerberos(self, keys, name="gald"):
        return self.gald({"auth": "kerberos", "bind_name": None, "password_file": None,
                          "principal": "svc-gald@CONTOSO.TEST",
                          "keytab_file": self.dc1.settings["DC_KEYTAB"], **keys}, name)

    def sync(self, gald, code=COMPLETE):
        done = gald.sync("--json")
        self.assertEqual(done.code, code, done.err + done.out)
        gald.said = done.err
        with open(self.dc1.password_file("svc-gald"), encoding="ascii") as file:
            self.assertNotIn(file.read(), done.err + done.out)
        return json.loads(done.out)

    def error_of(self, report):
        return report["collections"][0]["error"]

    def lines(self, gald, words):
        return [line for line in gald.said.splitlines() if words in line]

    def answered_by(self, gald):
        (identity,), = rows(gald, "SELECT answered_by FROM collection")
        return identity.partition("/")[0]

    def truth(self, controller):
        return {guid_text(values["objectGUID"][0]): values["displayName"][0].decode()
                for _, values in controller.search("(objectClass=contact)", attributes=["objectGUID", "displayName"])}

    def assertTruth(self, gald, controller):
        """The contacts of the index are those of the controller, with their names."""
        found = dict(rows(gald, "SELECT r.anchor, c.display_name FROM contacts c JOIN contact_records r"
                                " ON r.contact_id = c.id WHERE c.kind = 'contact' AND c.status <> 'deleted'"))
        truth = self.truth(controller)
        self.assertEqual(found.items() ^ truth.items(), set())
        self.assertGreaterEqual(len(truth), self.contacts)

    def assertNothingPublished(self, report):
        self.assertEqual(set(report["published"].values()), {0}, report["published"])

    def add_everywhere(self, name):
        """A contact on both controllers, for a cycle that must see it."""
        dn = f"CN={name},{self.staff}"
        self.dc1.add(dn, {"objectClass": "contact", "displayName": name, "mail": "new@example.test"})
        self.dc2.pull(self.dc1)

        def remove():
            self.dc1.delete(dn)
            self.dc2.pull(self.dc1)

        self.addCleanup(remove)

    def runs(self, gald, outcome="complete"):
        """How many cycles of the service had this outcome."""
        if not os.path.exists(gald.index_path):
            return 0
        try:
            return rows(gald, "SELECT count(*) FROM run WHERE outcome = ?", outcome)[0][0]
        except sqlite3.OperationalError:  # not made yet
            return 0

    def finding(self, gald, check, level=None, code=None):
        """The findings of `gald check` of this name, as texts with their remedies."""
        done = gald.check("--json")
        answer = json.loads(done.out)
        self.assertEqual(done.code, COMPLETE if answer["ok"] else FAILED)
        if code is not None:
            self.assertEqual(done.code, code, done.out)
        return [f"{each['what']} ({each['remedy']})" for each in answer["findings"]
                if each["check"] == check and level in (None, each["level"])]


class Failover(PairTest):
    def assertGoesToTheSecond(self, gald, why):
        """A first cycle that reads from the second controller, and says once why; then a quiet one."""
        began = time.monotonic()
        self.sync(gald)
        self.assertLess(time.monotonic() - began, 15)
        failed, = self.lines(gald, "ad.server-failed")
        self.assertRegex(failed, why)
        self.assertEqual(self.answered_by(gald), DC2)
        self.assertTruth(gald, self.dc2)
        self.assertNothingPublished(self.sync(gald))
        # it stays with the one that it knows, and does not even ask the other
        self.assertEqual(self.lines(gald, "ad.server-failed"), [])

    def test_the_first_is_dead(self):
        self.assertGoesToTheSecond(self.gald({"servers": [NOBODY, "ldaps://" + DC2]}), "connection refused")

    def test_the_first_has_no_name(self):
        self.assertGoesToTheSecond(self.gald({"servers": ["ldaps://dc9.contoso.test", "ldaps://" + DC2]}),
                                   "host name not found")

    def test_the_first_accepts_and_never_answers(self):
        with Wire(self.middle, 636, (self.dc1.ip, 636)) as wire:
            wire.mode = "stall"
            self.assertGoesToTheSecond(self.gald({"servers": ["ldaps://middle.contoso.test", "ldaps://" + DC2]}),
                                       "no answer to the TLS handshake within 2 s")
            self.assertEqual(wire.connections, 1)

    def test_the_first_refuses_tls(self):
        with Wire(self.middle, 636, (self.dc1.ip, 636)) as wire:
            wire.mode = "refuse"
            self.assertGoesToTheSecond(self.gald({"servers": ["ldaps://middle.contoso.test", "ldaps://" + DC2]}),
                                       "TLS handshake failed")

    def test_the_first_speaks_clear_text(self):
        with Wire(self.middle, 636, (self.dc1.ip, 389)):
            self.assertGoesToTheSecond(self.gald({"servers": ["ldaps://middle.contoso.test", "ldaps://" + DC2]}),
                                       "TLS handshake failed|no answer to the TLS handshake")

    def test_starttls_that_is_never_answered(self):
        with Wire(self.middle, 389, (self.dc1.ip, 389)) as wire:
            wire.mode = "stall"
            self.assertGoesToTheSecond(
                self.gald({"servers": ["ldap://middle.contoso.test", "ldap://" + DC2], "security": "starttls"}),
                "no answer for 2 s")

    def test_the_connection_is_cut_in_the_middle_of_a_page(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        self.names.hosts[DC1] = self.middle
        with Wire(self.middle, 636, (self.dc1.ip, 636)) as wire:
            wire.mode = ("cut", 60_000)
            report = self.sync(gald)
            self.assertEqual(wire.mode, "pass", "the wire was not cut")
        lost, = self.lines(gald, "ad.connection-lost")
        self.assertIn(DC1, lost)
        self.assertEqual(self.answered_by(gald), DC2)
        self.assertTrue(report["collections"][0]["complete"])
        self.assertEqual(report["published"]["deleted"], 0)
        self.assertTruth(gald, self.dc2)
        self.assertNothingPublished(self.sync(gald))

    def test_the_one_in_use_stands_still_and_comes_back(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        self.sync(gald)
        self.assertEqual(self.answered_by(gald), DC1)
        self.add_everywhere("Standing still")
        self.dc1.freeze()
        try:
            report = self.sync(gald)
        finally:
            self.dc1.thaw()
        self.assertEqual(report["published"]["created"], 1)
        self.assertEqual(report["published"]["deleted"], 0)
        self.assertEqual(self.answered_by(gald), DC2)
        self.assertTruth(gald, self.dc2)
        self.assertNothingPublished(self.sync(gald))
        self.assertEqual(self.answered_by(gald), DC2)

    def test_the_one_in_use_is_killed(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        self.sync(gald)
        self.dc1.kill()
        try:
            self.assertNothingPublished(self.sync(gald))
            self.assertEqual(self.answered_by(gald), DC2)
            self.assertTruth(gald, self.dc2)
        finally:
            self.dc1.start()
        self.add_everywhere("After the kill")
        self.assertEqual(self.sync(gald)["published"]["created"], 1)
        self.assertTruth(gald, self.dc1)

    def test_a_service_goes_over_and_tells_it_once(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        gald.configure({"schedule": {"interval": "1s", "jitter": "0s"}})
        log = os.path.join(gald.directory, "gald.log")

        gald.start()
        wait_until(lambda: self.runs(gald) >= 1, 20, "the first cycle")
        self.dc1.kill()
        try:
            seen = self.runs(gald)
            wait_until(lambda: self.runs(gald) >= seen + 4, 30, "cycles without the first controller")
            self.assertEqual(self.answered_by(gald), DC2)
        finally:
            self.dc1.start()
        self.assertEqual(gald.stop(), 0)
        with open(log, encoding="utf-8") as file:
            text = file.read()
        told = [line for line in text.splitlines() if "ad.server-failed" in line or "ad.connection-lost" in line]
        self.assertEqual(len(told), 1, text)
        self.assertTruth(gald, self.dc2)

    def test_nobody_answers(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        self.sync(gald)
        before = dump(gald, KNOWLEDGE)
        gald.configure({"connector.ad": {"servers": [NOBODY, "ldaps://127.0.0.1:10"]}})
        report = self.sync(gald, FAILED)
        self.assertRegex(self.error_of(report), "none of 2 controllers .*:9: connection refused; .*:10: connection")
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
        found = self.finding(gald, "server", "problem", FAILED)
        self.assertEqual(len(found), 2)
        gald.configure({"connector.ad": {"servers": ["ldaps://" + DC1, "ldaps://" + DC2]}})
        self.assertNothingPublished(self.sync(gald))

    def test_addresses_lead_to_the_one_that_is_known(self):
        """The url does not say which controller it is, so that gald has to look."""
        gald = self.gald({"servers": ["ldaps://" + self.dc2.ip, "ldaps://" + self.dc1.ip]})
        self.sync(gald)
        self.assertEqual(self.answered_by(gald), DC2)
        gald.configure({"connector.ad": {"servers": ["ldaps://" + self.dc1.ip, "ldaps://" + self.dc2.ip]}})
        self.assertNothingPublished(self.sync(gald))
        self.assertEqual(self.answered_by(gald), DC2)

    def test_check_tells_of_each(self):
        gald = self.gald({"servers": [NOBODY, "ldaps://" + DC1, "ldaps://" + DC2]})
        self.assertIn("connection refused", self.finding(gald, "server", "warning", COMPLETE)[0])
        self.assertEqual(len(self.finding(gald, "server", "ok")), 2)
        self.assertEqual([text.split(" (")[0] for text in self.finding(gald, "dns", "ok")],
                         [f"ad: {DC1} is {self.dc1.ip}", f"ad: {DC2} is {self.dc2.ip}"])
        first, second = self.finding(gald, "tls", "ok")
        self.assertRegex(first, "certificate of CN=dc1.contoso.test, issued by CN=contoso.test test lab authority, "
                                r"valid until 20\d\d-\d\d-\d\d, TLS1.3")
        self.assertIn(DC2, second)
        self.assertEqual(len(self.finding(gald, "bind", "ok")), 2)


class NamesInDns(PairTest):
    def test_the_controllers_of_a_domain(self):
        gald = self.gald({"domain": "contoso.test"})
        self.sync(gald)
        self.assertEqual(self.answered_by(gald), DC1)  # of the lower priority
        self.assertTruth(gald, self.dc1)
        self.assertIn((SERVICE, 33), self.names.asked)
        found, = self.finding(gald, "dns", "ok")[:1]
        self.assertIn(f"contoso.test: DNS names ldaps://{DC1}, ldaps://{DC2}", found)

    def test_a_dead_one_is_passed_over(self):
        self.names.services[SERVICE] = [(0, 0, 389, "dc0.contoso.test"), (5, 0, 389, DC2)]
        self.names.hosts["dc0.contoso.test"] = "127.0.0.1"
        gald = self.gald({"domain": "contoso.test"})
        self.sync(gald)
        self.assertEqual(len(self.lines(gald, "ad.server-failed")), 1)
        self.assertEqual(self.answered_by(gald), DC2)
        self.assertTruth(gald, self.dc2)

    def test_those_of_the_site_come_first(self):
        self.names.services[SITE_SERVICE.lower()] = [(0, 100, 389, DC2)]
        gald = self.gald({"domain": "contoso.test", "site": "Paris"})
        self.sync(gald)
        self.assertEqual(self.answered_by(gald), DC2)
        self.assertIn("(site Paris first)", self.finding(gald, "dns", "ok")[0])
        # and when the site is down, the others
        self.names.services[SITE_SERVICE.lower()] = [(0, 100, 389, "dc0.contoso.test")]
        self.names.services[SERVICE] = [(0, 100, 389, DC1)]
        self.names.hosts["dc0.contoso.test"] = "127.0.0.1"
        self.assertNothingPublished(self.sync(gald))
        self.assertEqual(self.answered_by(gald), DC1)
        self.assertTruth(gald, self.dc1)

    def test_a_controller_outside_of_the_domain_is_not_asked(self):
        self.names.services[SERVICE] = [(0, 100, 389, "dc1.elsewhere.test"), (9, 100, 389, DC2)]
        self.names.hosts["dc1.elsewhere.test"] = self.middle
        with Wire(self.middle, 636, (self.dc1.ip, 636)) as wire:
            gald = self.gald({"domain": "contoso.test"})
            self.sync(gald)
            self.assertEqual(self.answered_by(gald), DC2)
            self.names.services[SERVICE].pop()
            self.assertIn("outside of the domain", self.error_of(self.sync(gald, FAILED)))
            self.assertEqual(wire.connections, 0)
        self.names.services[SERVICE].append((9, 100, 389, DC2))
        self.assertNothingPublished(self.sync(gald))
        self.assertTruth(gald, self.dc2)

    def test_a_domain_that_is_not_there(self):
        gald = self.gald({"domain": "fabrikam.test"})
        report = self.sync(gald, FAILED)
        self.assertIn("fabrikam.test: DNS names no domain controllers", self.error_of(report))
        self.assertIn("is this the DNS name of the domain", self.finding(gald, "dns", "problem", FAILED)[0])

    def test_a_name_server_that_does_not_answer(self):
        gald = self.gald({"domain": "contoso.test"})
        self.sync(gald)
        before = dump(gald, KNOWLEDGE)
        self.names.silent = True
        began = time.monotonic()
        report = self.sync(gald, FAILED)
        self.assertLess(time.monotonic() - began, 5)
        self.assertRegex(self.error_of(report), "contoso.test: the name service (does|did) not answer")
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
        self.names.silent = False
        self.assertNothingPublished(self.sync(gald))


class SigningIn(PairTest):
    def test_starttls(self):
        gald = self.gald({"url": "ldap://" + DC1, "security": "starttls"})
        self.sync(gald)
        self.assertTruth(gald, self.dc1)
        self.assertRegex(self.finding(gald, "tls", "ok")[0], "certificate of CN=dc1.contoso.test")

    def test_kerberos_signs_and_seals(self):
        caches = set(glob.glob("/tmp/krb5cc*"))
        gald = self.kerberos({"url": "ldap://" + DC1, "ca_file": None})
        self.sync(gald)
        self.assertTruth(gald, self.dc1)
        self.assertEqual(self.finding(gald, "bind", "ok"), [
            f"ad: bound as svc-gald@CONTOSO.TEST to ldap://{DC1} with Kerberos, signed and sealed (None)"])
        self.assertEqual(set(glob.glob("/tmp/krb5cc*")), caches)  # no ticket is left for others

    def test_what_is_sealed_cannot_be_read_on_the_way(self):
        heard = []

        class Ear(Wire):
            def _pump(self, near, far):
                receive = far.recv

                class Far:
                    fileno = far.fileno

                    def recv(self, size):
                        heard.append(receive(size))
                        return heard[-1]

                    sendall = staticmethod(far.sendall)

                super()._pump(near, Far())

        gald = self.kerberos({"url": "ldap://" + DC1, "ca_file": None})
        self.names.hosts[DC1] = self.middle
        with Ear(self.middle, 389, (self.dc1.ip, 389)):
            self.sync(gald)
        self.assertTruth(gald, self.dc1)
        self.assertGreater(sum(map(len, heard)), 50_000)
        self.assertNotIn(b"Contact 0001", b"".join(heard))

    def test_kerberos_under_tls(self):
        for keys in ({"url": "ldaps://" + DC1}, {"url": "ldap://" + DC1, "security": "starttls"}):
            gald = self.kerberos(keys)
            self.sync(gald)
            self.assertTruth(gald, self.dc1)

    def test_kerberos_finds_its_controllers_and_goes_over(self):
        gald = self.kerberos({"domain": "contoso.test", "ca_file": None})
        self.sync(gald)
        self.assertEqual(self.answered_by(gald), DC1)
        self.dc1.kill()  # its KDC goes too
        try:
            self.assertNothingPublished(self.sync(gald))
            self.assertEqual(self.answered_by(gald), DC2)
            self.assertTruth(gald, self.dc2)
        finally:
            self.dc1.start()

    def test_each_cycle_has_a_ticket_of_its_own(self):
        """So that none ends while the service runs, and a new keytab needs no restart."""
        gald = self.kerberos({"url": "ldap://" + DC1, "ca_file": None})
        with open(gald.sections["connector.ad"]["keytab_file"], "rb") as file:
            right = file.read()
        keytab = os.path.join(gald.directory, "keytab")

        def write(content):
            with open(os.open(keytab + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            os.rename(keytab + ".new", keytab)

        write(right)
        gald.configure({"connector.ad": {"keytab_file": keytab}, "schedule": {"interval": "1s", "jitter": "0s"}})
        with open(self.krb5_config, encoding="ascii") as file:
            text = file.read()
        gald.environment = {"KRB5_CONFIG": os.path.join(gald.directory, "krb5.conf")}
        with open(gald.environment["KRB5_CONFIG"], "w", encoding="ascii") as file:
            file.write(text.replace(f"kdc = {self.dc2.ip}:10088", "").replace(self.dc1.ip, self.middle))
        with Wire(self.middle, 10088, (self.dc1.ip, 10088)) as kdc:
            gald.start()
            wait_until(lambda: self.runs(gald) >= 1, 20, "the first cycle")
            for _ in range(3):
                asked, seen = kdc.connections, self.runs(gald)
                wait_until(lambda: self.runs(gald) > seen, 20, "another cycle")
                self.assertGreater(kdc.connections, asked)
            write(with_other_keys(right))
            wait_until(lambda: self.runs(gald, "failed") >= 1, 20, "a cycle with a wrong key")
            write(right)
            seen = self.runs(gald)
            wait_until(lambda: self.runs(gald) > seen, 20, "a cycle with the right key")
        self.assertEqual(gald.stop(), 0)
        with open(os.path.join(gald.directory, "gald.log"), encoding="utf-8") as file:
            self.assertRegex(file.read(), "the key in the keytab is wrong|holds no key")
        self.assertTruth(gald, self.dc1)

    def assertRefused(self, gald, words):
        report = self.sync(gald, FAILED)
        self.assertRegex(self.error_of(report), words)
        self.assertRegex(self.finding(gald, "bind", "problem", FAILED)[0], words)

    def test_kerberos_that_fails(self):
        self.assertRefused(self.kerberos({"url": "ldap://" + DC1, "ca_file": None, "principal": "svc-plain@CONTOSO.TEST"}),
                           "holds no key of svc-plain@CONTOSO.TEST")
        self.assertRefused(self.kerberos({"url": "ldap://middle.contoso.test", "ca_file": None}),
                           "no Kerberos ticket for ldap/middle.contoso.test")
        gald = self.kerberos({"url": "ldap://" + DC1, "ca_file": None})
        with Wire(self.middle, 10088, (self.dc1.ip, 10088)) as wire:
            wire.mode = "stall"
            gald.environment = {"KRB5_CONFIG": self.kerberos_config("stalled.conf", self.dc1)}
            with open(gald.environment["KRB5_CONFIG"], encoding="ascii") as file:
                text = file.read()
            with open(gald.environment["KRB5_CONFIG"], "w", encoding="ascii") as file:
                file.write(text.replace(self.dc1.ip, self.middle))
            began = time.monotonic()
            report = self.sync(gald, FAILED)
            self.assertLess(time.monotonic() - began, 8)
            self.assertRegex(self.error_of(report), "no Kerberos server .KDC. answered in time")
        gald.environment = {"KRB5_CONFIG": self.krb5_config}
        self.sync(gald)
        self.assertTruth(gald, self.dc1)

    def bad_passwords(self, controller):
        return int(controller.search("(sAMAccountName=svc-gald)", attributes=["badPwdCount"])[0][1]
                   .get("badPwdCount", [b"0"])[0])

    def test_a_wrong_password_and_then_the_right_one(self):
        gald = self.gald({"servers": ["ldaps://" + DC1, "ldaps://" + DC2]})
        self.sync(gald)
        before = dump(gald, KNOWLEDGE)
        self.dc1.modify(self.dc1.base_dn, {"lockoutThreshold": 20})  # without it nobody counts
        self.dc2.pull(self.dc1)
        wrong = os.path.join(gald.directory, "wrong")
        with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("hunter2")
        right = gald.sections["connector.ad"]["password_file"]
        gald.configure({"connector.ad": {"password_file": wrong}})
        once = self.bad_passwords(self.dc1), self.bad_passwords(self.dc2)
        for cycle in range(2):
            report = self.sync(gald, FAILED)
            self.assertIn("wrong name or password", self.error_of(report))
            self.assertEqual(len(self.lines(gald, "refused")), 1, gald.said)
            self.assertNotIn("hunter2", gald.said)
            self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
            # not tried at the other one: that would lock the account twice as fast
            self.assertEqual((self.bad_passwords(self.dc1), self.bad_passwords(self.dc2)),
                             (once[0] + cycle + 1, once[1]))
        self.assertEqual(len(self.finding(gald, "bind", "problem", FAILED)), 1)
        gald.configure({"connector.ad": {"password_file": right}})
        self.assertNothingPublished(self.sync(gald))
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
        self.assertTruth(gald, self.dc1)


class Certificates(PairTest):
    """The controller behind a wire that shows another certificate than its own."""

    def certificate(self, name, subject="middle.contoso.test", authority=None, days=30):
        """A certificate with its key; of the lab's authority unless another one is given, or of none."""
        path = os.path.join(self.place, name)
        authority = authority or os.path.join(self.dc1.directory, "tls", "ca")
        script = """set -e; umask 077
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $0.key -out $0.csr -subj /CN=$1
            printf 'subjectAltName = DNS:%s\\nextendedKeyUsage = serverAuth\\n' $1 >$0.ext
            mkdir -p $0.d; : >$0.d/index; echo 01 >$0.d/serial
            openssl ca -batch -config $4 -cert $2.pem -keyfile $2.key -in $0.csr -out $0.crt -extfile $0.ext \
                -startdate $5 -enddate $6 -notext
            cat $0.crt $0.key >$0"""
        config = path + ".cnf"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca = one\n[one]\ndatabase = {path}.d/index\nserial = {path}.d/serial\n"
                       f"new_certs_dir = {path}.d\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n")
        now = time.time()
        stamps = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(moment))
                  for moment in (now - 100 * 86400, now + days * 86400)]
        subprocess.run(["bash", "-c", script, path, subject, authority, "-", config, *stamps], check=True,
                       capture_output=True)
        return path

    def another_authority(self):
        path = os.path.join(self.place, "other")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", path + ".key", "-out", path + ".pem", "-subj", "/CN=somebody else"],
                       check=True, capture_output=True)
        return path

    def test_certificates_that_must_not_be_accepted(self):
        good = self.certificate("good", days=90)
        cases = {
            "expired": self.certificate("expired", days=-1),
            "it is for another name": self.certificate("named", subject="elsewhere.contoso.test"),
            "its issuer is not trusted": self.certificate("strange", authority=self.another_authority()),
        }
        gald = self.gald({"url": "ldaps://middle.contoso.test"})
        with Wire(self.middle, 636, (self.dc1.ip, 636), certificate=good) as wire:
            self.sync(gald)
            before = dump(gald, KNOWLEDGE)
            for words, certificate in cases.items():
                with self.subTest(words):
                    wire.certificate = certificate
                    report = self.sync(gald, FAILED)
                    self.assertRegex(self.error_of(report), f"certificate refused: {words} .ca_file = ")
                    self.assertEqual(len(self.lines(gald, "certificate refused")), 1, gald.said)
                    self.assertRegex("".join(self.finding(gald, "tls", "problem", FAILED)), words)
                    self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
                    wire.certificate = good
                    self.assertNothingPublished(self.sync(gald))
        self.assertTruth(gald, self.dc1)

    def test_a_certificate_that_ends_soon_is_told(self):
        with Wire(self.middle, 636, (self.dc1.ip, 636), certificate=self.certificate("soon", days=20)):
            gald = self.gald({"url": "ldaps://middle.contoso.test"})
            found, = self.finding(gald, "tls", "warning", COMPLETE)
            self.assertIn("renew the controller's certificate before that day", found)


if __name__ == "__main__":
    company.main()
