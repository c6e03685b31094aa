#!/usr/bin/python3
"""What contradicts itself is listed with a remedy, and every contact says why it is what it is."""

import json

import company
from company import COMPLETE, CompanyTest
from sample import CLOUD_CONTACTS, Sample


def conflicts(gald, *arguments):
    """{kind: [the conflicts of that kind]} as `gald conflicts --json` tells them."""
    done = gald.run("conflicts", "--json", *arguments)
    assert done.code == COMPLETE, done.err
    found = {}
    for line in done.out.splitlines():
        conflict = json.loads(line)
        found.setdefault(conflict["kind"], []).append(conflict)
    return found


class Conflicts(CompanyTest):
    def test_one_address_on_both_sides_is_a_collision_and_both_explain_it(self):
        gald = self.gald()
        self.sync(gald)
        (collision,) = conflicts(gald, "--kind", "collision")["collision"]
        self.assertEqual(collision["contact"]["displayName"], "Gary Pike (Tailspin)")
        self.assertIn("gary.pike@tailspin.example", collision["evidence"])
        self.assertIn("Entra Connect", collision["remedy"])

        for side in ("contact", "other"):
            text = gald.run("explain", collision[side]["id"])
            self.assertEqual(text.code, COMPLETE, text.err)
            self.assertIn("\nConflicts\n  collision: gary.pike@tailspin.example", text.out)
        by_address = gald.run("explain", "gary.pike@tailspin.example", "--json").out.splitlines()
        self.assertEqual({json.loads(line)["source"]["value"] for line in by_address}, {"cloud", "on_premises"})
        self.assertIn("collision", json.loads(gald.run("status", "--json").out)["conflicts"])
        self.assertIn("1 collision", gald.run("status").out)
        listing = gald.run("conflicts")
        self.assertEqual(listing.code, COMPLETE)
        self.assertIn("collision\n  If both are the same,", listing.out)

    def test_a_withheld_address_is_told_until_it_is_given_back(self):
        gald = self.gald()
        self.sync(gald)
        self.assertNotIn("quarantined-address", conflicts(gald))
        identity = Sample.cloud_contact_id(CLOUD_CONTACTS[1].alias)
        self.addCleanup(self.tenant.put, "contacts", identity, {"onPremisesProvisioningErrors": []})
        self.tenant.put("contacts", identity, {"onPremisesProvisioningErrors": [
            {"category": "PropertyConflict", "occurredDateTime": "2026-11-21T05:30:00Z",
             "propertyCausingError": "proxyAddresses", "value": "SMTP:newsroom@northwind.example"}]})
        self.sync(gald)
        (withheld,) = conflicts(gald)["quarantined-address"]
        self.assertEqual(withheld["contact"]["displayName"], "Tess Monroe")
        self.assertIn("proxyAddresses SMTP:newsroom@northwind.example", withheld["evidence"])
        self.tenant.put("contacts", identity, {"onPremisesProvisioningErrors": []})
        self.sync(gald)
        self.assertNotIn("quarantined-address", conflicts(gald))

    def test_every_contact_is_explained(self):
        """By name too; and what is published is what the explanation says."""
        gald = self.gald()
        self.sync(gald)
        listed = gald.list("--json", "--all")
        for line in listed.out.splitlines():
            contact = json.loads(line)
            told = json.loads(gald.run("explain", contact["id"], "--json").out)
            with self.subTest(contact["displayName"]):
                for field in ("kind", "source", "status"):
                    self.assertEqual(told[field]["value"], contact[field])
                    self.assertTrue(told[field]["reason"]["text"])
                self.assertEqual(len(told["records"]), len(contact["records"]))
                self.assertFalse(told["pending"])
                for value in told["values"]:
                    if value["attribute"] in contact and value["attribute"] != "manager":
                        self.assertEqual(contact[value["attribute"]], value["value"])
                        self.assertEqual(contact["origins"][value["attribute"]], value["connector"])
        tess = gald.run("explain", "tess monroe")
        self.assertEqual(tess.code, COMPLETE, tess.err)
        self.assertIn("Tess Monroe: a cloud contact, active", tess.out)
        self.assertEqual(gald.run("explain", "nobody@contoso.test").code, 1)


if __name__ == "__main__":
    company.main()
