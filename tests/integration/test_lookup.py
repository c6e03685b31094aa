#!/usr/bin/python3
"""`gald lookup` as a telephone system and a help desk use it, on an index of the cloud alone."""

import json
import os
import shutil
import tempfile
import unittest

from company import BAD_CONFIGURATION, BAD_USAGE, COMPLETE, FAILED, main  # which finds the lab
import shapes
from lab import Gald, Tenant

JANE, JOE, DESK, GUEST = (shapes.entra_id(name) for name in ("jane", "joe", "desk", "guest"))


class Lookup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-lookup-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.tenant = Tenant(os.path.join(cls.place, "tenant")).start()
        cls.addClassCleanup(cls.tenant.stop)
        cls.tenant.bulk(
            users=[shapes.user(JANE, displayName="Jane Doe", userPrincipalName="jane@contoso.test",
                               mail="jane@contoso.test", mailNickname="jane", companyName="Contoso",
                               proxies=["SMTP:jane@contoso.test", "smtp:doe@contoso.test"],
                               phones=["030 23125-110"], country="Germany"),
                   shapes.guest(GUEST, "gus@fabrikam.test", "contoso.test", displayName="Gus", phones=["+49 30 5550-1"])],
            contacts=[shapes.contact(JOE, displayName="Joe", mail="joe@fabrikam.test", mailNickname="joe",
                                     proxies=["SMTP:joe@fabrikam.test"], business="+1 (425) 555-0100 x12",
                                     mobile="+49 30 5550-1"),
                      shapes.contact(DESK, displayName="Contoso", mail="desk@contoso.test", mailNickname="desk",
                                     proxies=["SMTP:desk@contoso.test"], business="+49 30 23125-0")])
        cls.gald = Gald(os.path.join(cls.place, "gald"), tenant=cls.tenant)
        cls.sync()

    @classmethod
    def sync(cls):
        done = cls.gald.sync()
        if done.code != COMPLETE:
            raise AssertionError(done)

    def found(self, *arguments, gald=None):
        """[(match, name, status)], as --json tells them."""
        done = (gald or self.gald).run("lookup", "--json", *arguments)
        self.assertEqual(done.code, COMPLETE if done.out else FAILED, done)
        hits = [json.loads(line) for line in done.out.splitlines()]
        return [(hit["match"], hit["contact"]["displayName"], hit["contact"]["status"]) for hit in hits]

    def test_a_number_in_every_form(self):
        jane = [("exact", "Jane Doe", "active")]
        for number in ("+4930 23125110", "+49 (0)30 23125-110", "0049 30 23125-110", "011 49 30 23125110",
                       "tel:+49-30-23125-110", "sip:+493023125110@pbx.contoso.test;user=phone"):
            self.assertEqual(self.found(number), jane, number)
        self.assertEqual(self.found("030 23125-110"), [("national", "Jane Doe", "active")])
        self.assertEqual(self.found("23125-110"), [("tail", "Jane Doe", "active")])
        self.assertEqual(self.found("+49 30 23125-111"), [("switchboard", "Contoso", "active")])
        self.assertEqual(self.found("12"), [("extension", "Joe", "active")])
        self.assertEqual(self.found("+1 425 555 0199"), [])

    def test_blanks_need_no_quotes(self):
        self.assertEqual(self.found("+49", "30", "23125", "-110"), [("exact", "Jane Doe", "active")])

    def test_an_address_of_before(self):
        self.assertEqual(self.found("SMTP:Doe@contoso.test"), [("current", "Jane Doe", "active")])
        self.tenant.put("users", JANE, {"proxyAddresses": ["SMTP:jane@contoso.test"]})
        self.addCleanup(self.tenant.put, "users", JANE,
                        {"proxyAddresses": ["SMTP:jane@contoso.test", "smtp:doe@contoso.test"]})
        self.sync()
        self.assertEqual(self.found("doe@contoso.test"), [("former", "Jane Doe", "active")])
        hit = json.loads(self.gald.run("lookup", "--json", "doe@contoso.test").out)
        self.assertRegex(hit["until"], r"^20\d\d-.*Z$")
        self.assertEqual(hit["contact"]["id"], json.loads(self.gald.show("--json", "jane@contoso.test").out)["id"])

    def test_what_the_configuration_prefers_comes_first(self):
        shared = ("+49 30 5550-1",)
        self.assertEqual(self.found(*shared), [("exact", "Joe", "active"), ("exact", "Gus", "active")])
        config = {"lookup": {"prefer": ["cloud"], "region": "DE"}}
        copy = Gald(os.path.join(self.place, "preferring"), tenant=self.tenant, changes=config)
        shutil.copy(self.gald.index_path, copy.index_path)
        self.assertEqual(len(self.found(*shared, gald=copy)), 2)
        self.assertEqual(self.found("030 23125-110", gald=copy), [("exact", "Jane Doe", "active")])
        copy.configure({"lookup": {"prefer": ["entre"]}})
        done = copy.run("lookup", *shared)
        self.assertEqual(done.code, BAD_CONFIGURATION)
        self.assertRegex(done.err, r"gald.toml:\d+: lookup.prefer: there is no source and no connector \"entre\""
                                   r" \(did you mean entra\?\)\n$")

    def test_what_people_read(self):
        done = self.gald.run("lookup", "+49 30 23125-110")
        self.assertEqual(done.code, COMPLETE)
        self.assertRegex(done.out, r"^exact        Jane Doe, Contoso\n +business 030 23125-110\n"
                                   r" +user, cloud, active  [0-9a-f-]{36}\n$")
        done = self.gald.run("lookup", "nobody@contoso.test")
        self.assertEqual((done.code, done.out, done.err), (FAILED, "", (
            "gald: nobody@contoso.test: nobody in the index has this number or address\n")))
        self.assertEqual(self.gald.run("lookup").code, BAD_USAGE)
        self.assertEqual(self.gald.run("lookup", "--al", "x").code, BAD_USAGE)

    def test_who_is_deleted_is_told_last(self):
        self.tenant.bulk(contacts=[shapes.contact(shapes.entra_id("gone"), displayName="Gone", mail="gone@fabrikam.test",
                                                  mailNickname="gone", proxies=["SMTP:gone@fabrikam.test"],
                                                  business="+49 30 5550-1")])
        self.sync()
        self.tenant.delete("contacts", shapes.entra_id("gone"))
        self.sync()
        self.assertEqual(self.found("gone@fabrikam.test"), [("current", "Gone", "deleted")])
        self.assertEqual([name for _, name, _ in self.found("+49 30 5550 1")], ["Joe", "Gus"])
        self.assertEqual([name for _, name, _ in self.found("--all", "+49 30 5550 1")], ["Joe", "Gus", "Gone"])


if __name__ == "__main__":
    main()
