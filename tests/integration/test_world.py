#!/usr/bin/python3
"""A whole world against the truth about it, in every row: after a first import, after changes, after
nothing happened, and once more from nothing under other conditions.

GALD_WORLD_SIZE (default 600) is about the number of contacts; the group of 1,510 adds its members to it.
GALD_WORLD_SEED (default 7) makes another world.
"""

import os

import company
from company import CompanyTest, by_anchor, differing, dump, in_common, listed, living, published
from lab import guid_text
from world import World

SIZE = int(os.environ.get("GALD_WORLD_SIZE", "600"))
SEED = int(os.environ.get("GALD_WORLD_SEED", "7"))
BIG_GROUP = 1510


class WorldTest(CompanyTest):
    """The steps are one story: each stands on the one before it."""

    @classmethod
    def design(cls):
        cls.world = World(cls.dc, cls.tenant, seed=SEED, size=SIZE, big_group=BIG_GROUP)
        cls.dc.load_offline(cls.world.entries())

    @classmethod
    def populate(cls):
        cls.world.populate()

    # ---- the truth, in the terms of the index ----

    def natives(self, kinds):
        """What Samba itself puts into a new domain and gald has to show: {anchor: display name}."""
        found = {}
        for dn, values in self.dc.search(
                "(|(objectClass=contact)(objectClass=group)(&(objectClass=user)(!(objectClass=computer))))",
                attributes=["objectClass", "objectGUID", "displayName", "name", "isCriticalSystemObject"]):
            classes = {name.decode().lower() for name in values["objectClass"]}
            if dn.lower().endswith(self.world.root.lower()) or not classes & kinds:
                continue
            if values.get("isCriticalSystemObject") == [b"TRUE"]:
                continue
            found[guid_text(values["objectGUID"][0])] = (
                values.get("displayName") or values["name"])[0].decode()
        return found

    def check_contacts(self, gald, before=None):
        """Every contact; those deleted since `before` must be as they were, but deleted."""
        contacts = published(gald)
        from_list = listed(gald, "--all")
        self.assertSame(contacts, in_common(from_list, contacts), "gald list --json against the views")
        self.assertEqual(listed(gald).keys(), {key for key, each in contacts.items() if each["status"] != "deleted"})

        truths = {truth.key: truth for truth in self.world.expected()}
        known = by_anchor(contacts, live_only=False)
        ids, expected, actual = {}, {}, {}
        for key, truth in truths.items():
            # all the anchors of a contact lead to one entry, and no other contact's do
            found = {known.get(anchor) for anchor in truth.anchors.items()}
            self.assertEqual(len(found), 1, f"{self.name_of(key)} is {found}")
            identity = found.pop()
            self.assertIsNotNone(identity, f"{self.name_of(key)} is missing")
            self.assertNotIn(identity, ids, f"{self.name_of(key)} and {ids.get(identity)} are one")
            ids[identity] = key
            if truth.status == "deleted" and before:
                expected[key] = self.after_deletion(before[identity])
                actual[key] = {**contacts[identity], "records": None}
            else:
                expected[key] = self.row_of_truth(truth)
                actual[key] = self.row_of_contact(contacts[identity])
        self.assertSame(expected, actual, "contacts")

        natives = self.natives({"user", "contact"})
        others = {key: contact for key, contact in contacts.items() if key not in ids}
        self.assertEqual(
            {anchor: (contact["display_name"], contact["source"], contact["status"])
             for contact in others.values() for _, _, anchor, _, _ in contact["records"]},
            {anchor: (name, "on_premises", "active") for anchor, name in natives.items()})
        self.assertEqual(len(others), len(natives))
        return ids, contacts

    def name_of(self, key):
        return f"{key} ({self.world.subjects[int(key[1:])].recipe.name})"

    @staticmethod
    def row_of_truth(truth):
        # only Exchange's "not hidden" is an answer; what the others do not say is not known
        hidden = True if truth.hidden else False if "exchange" in truth.anchors else None
        return {"source": truth.source, "kind": truth.kind, "status": truth.status, "hidden": hidden,
                "display_name": truth.display_name,
                "addresses": truth.addresses, "others": {value.lower() for value in truth.others},
                "groups": sorted(truth.groups or ()), "records": truth.anchors}

    @staticmethod
    def row_of_contact(contact):
        smtp = [value.lower() for kind, value, _ in contact["addresses"] if kind == "smtp"]
        others = [f"{kind}:{value}".lower() for kind, value, _ in contact["addresses"] if kind != "smtp"]
        primary = [value.lower() for kind, value, first in contact["addresses"] if kind == "smtp" and first]
        if len(smtp) != len(set(smtp)) or len(others) != len(set(others)):
            raise AssertionError(f"an address is there twice: {contact['addresses']}")
        if smtp and primary != [contact["mail"].lower()]:
            raise AssertionError(f"{contact['mail']} is not the one primary address of {contact['addresses']}")
        return {"source": contact["source"], "kind": contact["kind"], "status": contact["status"],
                "hidden": contact["hidden"], "display_name": contact["display_name"],
                "addresses": set(smtp), "others": set(others),
                "groups": sorted(name for _, name in contact["groups"]),
                "records": {connector: anchor for connector, _, anchor, presence, _ in contact["records"]
                            if presence == "live"}}

    @staticmethod
    def after_deletion(contact):
        return {**contact, "status": "deleted", "groups": [], "records": None}

    def check_groups(self, gald, ids):
        groups = published(gald, "groups")
        from_list = listed(gald, "--all", "--kind", "group")
        self.assertSame(groups, in_common(from_list, groups), "gald list --kind group against the views")
        members = {}
        for group, member in company.rows(gald, "SELECT group_id, member_id FROM group_members"):
            members.setdefault(group, set()).add(member)

        names = {key: group["display_name"] for key, group in groups.items()}
        expected = {truth.name: {"source": truth.source, "status": "active", "members": truth.members,
                                 "groups": truth.groups, "records": truth.anchors}
                    for truth in self.world.expected_groups()}
        natives = self.natives({"group"})
        known = by_anchor(groups)
        native_ids = {known["ad", anchor] for anchor in natives}
        actual = {}
        for key, group in groups.items():
            if key in native_ids:
                continue
            self.assertNotIn(group["display_name"], actual)
            inside = members.get(key, set())
            actual[group["display_name"]] = {
                "source": group["source"], "status": group["status"],
                "members": {ids[member] for member in inside if member in ids},
                "groups": {names[member] for member in inside if member in names},
                "records": {connector: anchor for connector, _, anchor, presence, _ in group["records"]
                            if presence == "live"}}
            self.assertEqual(inside, {member for member in inside if member in ids or member in names})
        self.assertSame(expected, actual, "groups")
        self.assertEqual({names[key] for key in native_ids}, set(natives.values()))
        return groups

    # ---- the story ----

    def test_the_index_agrees_with_the_world(self):
        gald = self.gald("first")
        report = self.sync(gald)
        self.assertEqual(report["outcome"], "complete")
        self.assertEqual({read["round"] for read in report["collections"]}, {"full"})
        ids, before = self.check_contacts(gald)
        self.check_groups(gald, ids)
        big = next(truth for truth in self.world.expected_groups() if truth.name == "Everybody")
        self.assertEqual(len(big.members), BIG_GROUP)
        self.assertEqual(company.rows(gald, "SELECT count(*) FROM group_members WHERE group_name = 'Everybody'"),
                         [(BIG_GROUP,)])

        self.assertTrue(self.world.churn())
        self.assertEqual({read["round"] for read in self.sync(gald)["collections"] if read["connector"] != "exchange"},
                         {"changes"})
        ids, after = self.check_contacts(gald, before)
        self.check_groups(gald, ids)

        content = dump(gald, company.OF_RUNS + ("collection",))
        self.assertQuiet(self.sync(gald))
        self.assertEqual(differing(content, dump(gald, company.OF_RUNS + ("collection",))), {})

        # Small pages, empty ones between them, old news among the new: the changes arrive all the same.
        self.tenant.settings(page_size=50, link_page_size=70, exchange_page_size=40, empty_pages=True, replays=True)
        self.assertTrue(self.world.churn())
        before, after = after, None
        self.sync(gald)
        ids, after = self.check_contacts(gald, before)
        self.check_groups(gald, ids)
        content = dump(gald, company.OF_RUNS + ("collection",))
        self.assertQuiet(self.sync(gald))
        self.assertEqual(differing(content, dump(gald, company.OF_RUNS + ("collection",))), {})

        self.build_from_nothing(gald)

    def build_from_nothing(self, gald):
        """The same input gives the same output: what is live has the same ids and the same rows."""
        contacts, groups = living(published(gald)), living(published(gald, "groups"))
        for settings in ({"page_size": 23, "link_page_size": 31, "exchange_page_size": 17, "empty_pages": True,
                          "replays": True},
                         {"page_size": 200, "link_page_size": 500, "exchange_page_size": 1000, "empty_pages": False,
                          "replays": False}):
            with self.subTest(**settings):
                self.tenant.settings(**settings)
                fresh = self.gald("fresh")
                self.sync(fresh)
                self.assertSame(contacts, published(fresh), "contacts of a new index")
                self.assertSame(groups, published(fresh, "groups"), "groups of a new index")


if __name__ == "__main__":
    company.main()
