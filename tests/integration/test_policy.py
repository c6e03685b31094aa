#!/usr/bin/python3
"""What the configuration makes of contacts: mapping, precedence, labels, disabled accounts; and that a change
of it begins as a plan.
"""

import json

import company
from company import COMPLETE, CompanyTest, rows
from sample import DISABLED_STAFF, STAFF

POLICY = {
    "connector.ad.mapping": {"jobTitle": "department", "mobilePhone": "telephoneNumber"},
    "precedence": {"city": ["entra"]},
    "labels": {"Sellers": ["SALES@contoso.test"], "Project": ["Fabrikam Project", "no such group"]},
    "policy": {"disabled_account": "remove"},
}


class Policy(CompanyTest):
    def setUp(self):
        super().setUp()
        self.policy = json.loads(json.dumps(POLICY))

    def contact(self, gald, address):
        done = gald.show("--json", address)
        self.assertEqual(done.code, COMPLETE, done.err)
        return json.loads(done.out)

    def test_a_name_that_is_none_is_refused_with_its_line(self):
        gald = self.gald(changes=self.policy)
        done = gald.sync()
        self.assertEqual(done.code, company.BAD_CONFIGURATION)
        with open(gald.config, encoding="utf-8") as file:
            line = [text.startswith("mobilePhone = ") for text in file].index(True) + 1
        self.assertIn(f'{gald.config}:{line}: connector.ad.mapping.mobilePhone: unknown attribute "telephoneNumber"',
                      done.err)

    def test_contacts_are_made_as_configured(self):
        del self.policy["connector.ad.mapping"]["mobilePhone"]
        gald = self.gald(changes=self.policy)
        self.sync(gald)
        employed = [person for person in STAFF if person.account not in DISABLED_STAFF]
        for person in employed:
            contact = self.contact(gald, f"{person.account}@contoso.test")
            self.assertEqual((contact["jobTitle"], contact["origins"]["jobTitle"]), (person.department, "ad"))
            self.assertEqual((contact["postalAddress"]["city"], contact["origins"]["city"]), (person.city, "entra"))
            labels = ["Project", "Sellers"] if person.department == "Sales" else []
            self.assertEqual(contact["labels"], labels, person)
        for account in DISABLED_STAFF:
            self.assertEqual(rows(gald, "SELECT * FROM contacts WHERE mail = ?", f"{account}@contoso.test"), [])
        self.assertEqual(self.contact(gald, "amelia.hart@fabrikam.example")["labels"], ["Project"])
        self.assertEqual(rows(gald, "SELECT count(*) FROM contact_labels WHERE label = 'Sellers'"),
                         [(len([person for person in employed if person.department == "Sales"]),)])

        # a disabled account removes its contact, and brings it back under its id
        helmut = self.contact(gald, "h.brandt@contoso.test")
        dn = self.company.person_dn("h.brandt")
        self.dc.modify(dn, {"userAccountControl": 514})
        self.addCleanup(self.dc.modify, dn, {"userAccountControl": 512})
        self.assertEqual(self.sync(gald)["published"]["deleted"], 1)
        gone = self.contact(gald, helmut["id"])
        self.assertEqual((gone["status"], gone["groups"]), ("deleted", []))
        self.assertEqual([line for line in gone["history"] if line["field"] == "status"][0]["connector"], "ad")
        self.assertQuiet(self.sync(gald))
        self.dc.modify(dn, {"userAccountControl": 512})
        self.assertEqual(self.sync(gald)["published"]["restored"], 1)
        self.assertEqual((self.contact(gald, helmut["id"])["status"], self.contact(gald, helmut["id"])["groups"]),
                         ("active", helmut["groups"]))

    def test_a_change_of_the_mapping_begins_as_a_plan(self):
        gald = self.gald()
        self.sync(gald)
        gald.configure({"connector.ad.mapping": {"jobTitle": "department"}})
        report = self.sync(gald)
        self.assertQuiet(report)
        plan, = report["plans"]
        titled = [person for person in STAFF if person.title != person.department]
        self.assertEqual(plan["reason"], "policy")
        self.assertGreaterEqual(plan["updated"], len(titled))
        self.assertEqual((plan["created"], plan["deleted"]), (0, 0))
        person = titled[0]
        self.assertEqual(self.contact(gald, f"{person.account}@contoso.test")["jobTitle"], person.title)
        done = gald.run("plan", "approve", str(plan["plan"]))
        self.assertEqual(done.code, COMPLETE, done.err)
        self.sync(gald)
        self.assertEqual(self.contact(gald, f"{person.account}@contoso.test")["jobTitle"], person.department)
        self.assertQuiet(self.sync(gald))


if __name__ == "__main__":
    company.main()
