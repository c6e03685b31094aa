#!/usr/bin/python3
"""Every change on either side reaches the index in the next cycle, and the history names it exactly."""

import json
import zlib

import company
import shapes
from company import COMPLETE, CompanyTest, changes_of, published, rows
from connect import Connect
from lab import child
from world import HOSTILE_NAMES

TENANT_DOMAIN = "contoso.onmicrosoft.com"
BIG = 1510


def number_of(name):
    return zlib.crc32(name.encode())


class ChangesTest(CompanyTest):
    """Two units, one of them synchronized; each test makes the objects that it needs."""

    @classmethod
    def design(cls):
        cls.staff, cls.local = (child(name, cls.dc.base_dn, "OU") for name in ("Staff", "Local"))
        cls.connect = Connect(cls.dc, cls.tenant, [cls.staff], TENANT_DOMAIN)
        cls.dc.load_offline(cls.entries())

    @classmethod
    def entries(cls):
        for unit in (cls.staff, cls.local):
            yield unit, {"objectClass": "organizationalUnit"}
        # and a source that is emptied is held in any case
        yield child("Somebody", cls.local), shapes.directory_contact("somebody", "somebody@fabrikam.example")
        yield child("Some group", cls.local), shapes.directory_group("somegroup", [])

    @classmethod
    def populate(cls):
        cls.connect.run()
        # all that these tests delete would be too much for a directory of this size
        cls.keeper = company.Gald(cls.place + "/keeper", dc=cls.dc, tenant=cls.tenant,
                                  changes={"guard": {"deletes": 100_000, "percent": 100}})

    def setUp(self):
        super().setUp()
        self.connect.run()
        self.sync(self.keeper)  # whatever other tests left behind
        self.number = 0

    # ---- making things ----

    def name(self, word):
        self.number += 1
        return f"{word} {self._testMethodName} {self.number}"[:64]

    def contact(self, unit=None, name=None, **attributes):
        """A new contact in the directory: (DN, GUID, mail)."""
        name = name or self.name("contact")
        mail = f"c{number_of(name)}@fabrikam.example"
        dn = child(name, unit or self.local)
        alias = mail.partition("@")[0]
        guid = self.dc.add(dn, shapes.directory_contact(alias, mail, **{"displayName": name, **attributes}))
        return dn, guid, mail

    def user(self, unit=None, **attributes):
        """A new account in the directory: (DN, GUID, mail)."""
        name = self.name("user")
        account = f"u{number_of(name)}"
        mail = account + "@contoso.test"
        dn = child(name, unit or self.local)
        guid = self.dc.add(dn, shapes.directory_user(
            account, "contoso.test", **{"displayName": name, "mail": mail, "mailNickname": account,
                                        "proxyAddresses": ["SMTP:" + mail], **attributes}))
        return dn, guid, mail

    def cloud_user(self, **properties):
        """A new user of the cloud only: (Entra id, mail)."""
        name = self.name("cloud user")
        identity, mail = shapes.entra_id(name), f"v{number_of(name)}@contoso.test"
        self.tenant.bulk(users=[shapes.user(identity, **{
            "displayName": name, "mail": mail, "userPrincipalName": mail, "mailNickname": mail.partition("@")[0],
            "proxies": ["SMTP:" + mail], **properties})])
        return identity, mail

    def cloud_contact(self):
        """A new mail contact of the cloud only: (Entra id, Exchange Guid, mail)."""
        name = self.name("cloud contact")
        identity, guid, mail = shapes.entra_id(name), shapes.exchange_guid(name), f"d{number_of(name)}@adatum.example"
        contact = shapes.contact(identity, displayName=name, mail=mail, mailNickname=mail.partition("@")[0],
                                 proxies=["SMTP:" + mail])
        self.tenant.bulk(contacts=[contact], mailcontacts=[
            shapes.mail_contact(guid, contact, legacy=shapes.legacy_dn(name, "x"))])
        return identity, guid, mail

    def group(self, unit=None, members=(), **attributes):
        name = self.name("group")
        dn = child(name, unit or self.local)
        guid = self.dc.add(dn, shapes.directory_group(f"g{number_of(name)}", list(members),
                                                      displayName=name, **attributes))
        return dn, guid

    # ---- what gald makes of it ----

    def id_of(self, anchor, connector="ad"):
        found = rows(self.keeper, "SELECT contact_id FROM contact_records WHERE connector = ? AND anchor = ?",
                     connector, anchor)
        self.assertEqual(len(found), 1, f"{connector} {anchor}")
        return found[0][0]

    def told(self):
        """Runs a cycle and returns what its history says, which all the ways to ask must agree on."""
        report = self.sync(self.keeper)
        found = changes_of(self.keeper, report["run"])
        done = self.keeper.run("changes", "--run", str(report["run"]), "--json", "--limit", "100000")
        self.assertEqual(done.code, COMPLETE, done.err)
        self.assertEqual({self.line(json.loads(line)) for line in done.out.splitlines()}, found)
        for identity in {change[0] for change in found}:
            done = self.keeper.show(identity, "--json")
            self.assertEqual(done.code, COMPLETE, done.err)
            history = [line for line in json.loads(done.out)["history"] if line["run"] == report["run"]]
            self.assertEqual({self.line(line) for line in history},
                             {change for change in found if change[0] == identity})
        return found

    @staticmethod
    def line(change):
        return (change["id"], change["operation"], change["field"], change["oldValue"], change["newValue"],
                change["connector"])

    def assertTold(self, *expected):
        """The next cycle tells exactly this, and the one after it nothing."""
        self.assertEqual(self.told(), set(expected))
        self.assertQuiet(self.sync(self.keeper))

    def row(self, identity, view="contacts"):
        return published(self.keeper, view)[identity]

    def dn_of(self, guid):
        return self.dc.search(f"(objectGUID={company.escaped_guid(guid)})", attributes=["cn"])[0][0]


class InTheDirectory(ChangesTest):
    def test_a_new_contact_and_its_end(self):
        dn, guid, mail = self.contact()
        found = self.told()
        identity = self.id_of(guid)
        self.assertEqual(found, {(identity, "created", "status", None, "active", "ad")})
        self.assertEqual((self.row(identity)["source"], self.row(identity)["mail"]), ("on_premises", mail))
        before = self.row(identity)
        self.dc.delete(dn)
        self.assertTold((identity, "deleted", "status", "active", "deleted", "ad"))
        self.assertEqual(self.row(identity), {**before, "status": "deleted", "records": [
            ("ad", "active-directory", guid, "deleted", None)]})
        self.assertIn(identity, company.listed(self.keeper, "--status", "deleted"))
        self.assertNotIn(identity, company.listed(self.keeper))

    def test_modify_and_clear(self):
        dn, guid, _ = self.contact(title="Buyer", department="Purchasing", telephoneNumber="+49 30 23125 100")
        self.told()
        identity = self.id_of(guid)
        self.dc.modify(dn, {"title": "Head Buyer", "department": None, "company": "Fabrikam",
                            "telephoneNumber": "+49 30 23125 101"})
        self.assertTold((identity, "updated", "jobTitle", "Buyer", "Head Buyer", "ad"),
                        (identity, "updated", "department", "Purchasing", None, "ad"),
                        (identity, "updated", "companyName", None, "Fabrikam", "ad"),
                        (identity, "updated", "phones", "business:+49 30 23125 100", None, "ad"),
                        (identity, "updated", "phones", None, "business:+49 30 23125 101", "ad"))

    def test_addresses(self):
        dn, guid, mail = self.contact()
        self.told()
        identity = self.id_of(guid)
        self.dc.modify(dn, {"proxyAddresses": ["SMTP:" + mail, "smtp:second." + mail, "X500:/o=Old/cn=one"]})
        self.assertTold((identity, "updated", "addresses", None, "smtp:second." + mail, "ad"),
                        (identity, "updated", "addresses", None, "X500:/o=Old/cn=one", "ad"))
        self.dc.modify(dn, {"proxyAddresses": ["smtp:" + mail, "SMTP:second." + mail]})
        found = self.told()
        self.assertIn((identity, "updated", "addresses", "SMTP:" + mail, None, "ad"), found)
        self.assertIn((identity, "updated", "addresses", None, "SMTP:second." + mail, "ad"), found)
        self.assertIn((identity, "updated", "addresses", "X500:/o=Old/cn=one", None, "ad"), found)
        for address in (mail, "second." + mail, ("SECOND." + mail).upper()):
            self.assertEqual(json.loads(self.keeper.show(address, "--json").out)["id"], identity)

    def test_disable_and_enable(self):
        dn, guid, _ = self.user()
        self.told()
        identity = self.id_of(guid)
        self.dc.modify(dn, {"userAccountControl": 514})
        self.assertTold((identity, "updated", "status", "active", "disabled", "ad"))
        self.assertIn(identity, company.listed(self.keeper, "--status", "disabled"))
        self.dc.modify(dn, {"userAccountControl": 512 + 0x10000})
        self.assertTold((identity, "updated", "status", "disabled", "active", "ad"))

    def test_hide_and_show(self):
        dn, guid, _ = self.contact()
        self.told()
        identity = self.id_of(guid)
        for value, old, new in ((True, None, "true"), (False, "true", "false"), (True, "false", "true"),
                                (None, "true", None)):
            self.dc.modify(dn, {"msExchHideFromAddressLists": value})
            self.assertTold((identity, "updated", "hidden", old, new, "ad"))

    def test_move_and_rename(self):
        dn, guid, _ = self.contact()
        self.told()
        identity = self.id_of(guid)
        moved = self.dc.move(dn, child("Users", self.dc.base_dn))
        self.assertTold((identity, "updated", "onPremisesDistinguishedName", dn, moved, "ad"))
        renamed = self.dc.rename(moved, self.name("renamed"))
        self.assertTold((identity, "updated", "onPremisesDistinguishedName", moved, renamed, "ad"))
        self.assertEqual(self.row(identity)["on_premises_distinguished_name"], renamed)

    def test_a_name_that_only_the_dn_says(self):
        dn, guid, _ = self.contact(displayName=None)
        self.told()
        identity = self.id_of(guid)
        renamed = self.dc.rename(dn, "Doe, Jane")
        self.assertTold((identity, "updated", "onPremisesDistinguishedName", dn, renamed, "ad"),
                        (identity, "updated", "displayName", company.first_name_of(dn), "Doe, Jane", "ad"))

    def test_a_renamed_unit_takes_all_below_along(self):
        unit = child(self.name("unit"), self.local, "OU")
        inner = child("Inner, \"unit\"", unit, "OU")
        for dn in (unit, inner):
            self.dc.add(dn, {"objectClass": "organizationalUnit"})
        guids = [self.contact(unit)[1], self.contact(inner)[1], self.user(inner)[1]]
        outside = self.contact()[1]
        group, group_guid = self.group(inner)
        self.told()
        before = {guid: self.dn_of(guid) for guid in (*guids, group_guid, outside)}
        self.dc.rename(unit, "Another + unit")
        after = {guid: self.dn_of(guid) for guid in (*guids, group_guid, outside)}
        self.assertEqual([guid for guid in after if before[guid] == after[guid]], [outside])
        self.assertTold(*((self.id_of(guid), "updated", "onPremisesDistinguishedName", before[guid], after[guid], "ad")
                          for guid in (*guids, group_guid)))
        self.dc.move(child("Another + unit", self.local, "OU"), self.staff)
        moved = {guid: self.dn_of(guid) for guid in (*guids, group_guid)}
        self.assertTold(*((self.id_of(guid), "updated", "onPremisesDistinguishedName", after[guid], moved[guid], "ad")
                          for guid in (*guids, group_guid)))

    def test_undelete(self):
        dn, guid, mail = self.contact(title="Buyer")
        self.told()
        identity = self.id_of(guid)
        self.dc.delete(dn)
        self.assertTold((identity, "deleted", "status", "active", "deleted", "ad"))
        self.dc.undelete(guid)
        found = self.told()
        self.assertEqual({change[:2] for change in found}, {(identity, "restored")})
        self.assertIn((identity, "restored", "status", "deleted", "active", "ad"), found)
        # without a recycle bin most attributes stay lost, and the history says so
        self.assertIn((identity, "restored", "jobTitle", "Buyer", None, "ad"), found)
        self.assertEqual(self.row(identity)["status"], "active")
        self.dc.modify(dn, {"mail": mail, "title": "Buyer"})
        found = self.told()
        self.assertIn((identity, "updated", "jobTitle", None, "Buyer", "ad"), found)
        self.assertEqual(self.id_of(guid), identity)

    def test_delete_and_undelete_between_two_cycles(self):
        dn, guid, _ = self.contact(displayName=None)
        self.told()
        identity = self.id_of(guid)
        self.dc.delete(dn)
        self.dc.undelete(guid)
        found = self.told()
        self.assertEqual({change[:2] for change in found}, {(identity, "updated")})
        self.assertEqual(self.row(identity)["status"], "active")

    def test_members_come_and_go(self):
        first, first_guid, _ = self.contact()
        second, second_guid, _ = self.user()
        group, guid = self.group(members=[first])
        inner, inner_guid = self.group()
        self.told()
        group_id, first_id, second_id, inner_id = map(self.id_of, (guid, first_guid, second_guid, inner_guid))
        self.dc.add_members(group, [second, inner])
        self.assertTold((second_id, "updated", "groups", None, group_id, "ad"),
                        (inner_id, "updated", "groups", None, group_id, "ad"))
        self.assertEqual([each for each, _ in self.row(second_id)["groups"]], [group_id])
        self.dc.remove_members(group, [first, inner])
        self.assertTold((first_id, "updated", "groups", group_id, None, "ad"),
                        (inner_id, "updated", "groups", group_id, None, "ad"))
        self.dc.delete(second)
        self.assertTold((second_id, "deleted", "status", "active", "deleted", "ad"),
                        (second_id, "updated", "groups", group_id, None, "ad"))
        self.dc.undelete(second_guid)
        self.told()
        self.assertEqual(self.row(second_id)["groups"], [], "a tombstone has lost its links")
        self.dc.add_members(group, [first])
        self.told()
        self.dc.delete(group)
        self.assertTold((group_id, "deleted", "status", "active", "deleted", "ad"),
                        (first_id, "updated", "groups", group_id, None, "ad"))

    def test_hostile_names(self):
        """Names in which a careless reader of DNs loses the way, through a whole life."""
        unit = child('Hostile, "unit" + #1; \\<x>', self.local, "OU")
        self.dc.add(unit, {"objectClass": "organizationalUnit"})
        names = [pattern.format(g="Gáld", s="Müßte", n=number) for number, pattern in enumerate(HOSTILE_NAMES)]
        contacts = {}
        for name in names:
            dn, guid, _ = self.contact(unit, name)
            contacts[guid] = (name, dn)
        group, group_guid = self.group(unit, [dn for _, dn in contacts.values()])
        self.told()
        ids = {guid: self.id_of(guid) for guid in contacts}
        group_id = self.id_of(group_guid)
        for guid, (name, _) in contacts.items():
            row = self.row(ids[guid])
            self.assertEqual((row["display_name"], row["on_premises_distinguished_name"]), (name, self.dn_of(guid)))
            self.assertEqual([each for each, _ in row["groups"]], [group_id])
        self.assertEqual(company.listed(self.keeper).keys() & set(ids.values()), set(ids.values()))

        before = {guid: self.dn_of(guid) for guid in (*contacts, group_guid)}
        self.dc.rename(unit, " 日本+\u200f, =")
        after = {guid: self.dn_of(guid) for guid in (*contacts, group_guid)}
        self.assertTold(*((self.id_of(guid), "updated", "onPremisesDistinguishedName", before[guid], after[guid], "ad")
                          for guid in before))
        # each takes the name of the one before it, with a mark that keeps it unique
        for guid, other in zip(contacts, names[-1:] + names[:-1]):
            self.dc.rename(after[guid], (other.rstrip(" ") + "'")[:64])
        renamed = {guid: self.dn_of(guid) for guid in contacts}
        self.assertTold(*((ids[guid], "updated", "onPremisesDistinguishedName", after[guid], renamed[guid], "ad")
                          for guid in contacts))
        for guid in contacts:
            self.dc.delete(renamed[guid])
        self.assertTold(*((ids[guid], "deleted", "status", "active", "deleted", "ad") for guid in contacts),
                        *((ids[guid], "updated", "groups", group_id, None, "ad") for guid in contacts))


class InTheCloud(ChangesTest):
    def test_soft_delete_restore_purge(self):
        identity, mail = self.cloud_user(jobTitle="Tester")
        other, _ = self.cloud_user()
        team = shapes.entra_id(self.name("team"))
        self.tenant.bulk(groups=[shapes.group(team, displayName="A team", types=["Unified"], mail="t" + mail,
                                              mailNickname="t", members=[("user", identity), ("user", other)])])
        self.told()
        contact, group = self.id_of(identity, "entra"), self.id_of(team, "entra")
        before = self.row(contact)
        self.assertEqual([each for each, _ in before["groups"]], [group])
        deleted = (contact, "deleted", "status", "active", "deleted", "entra")
        gone = (contact, "updated", "groups", group, None, "entra")

        self.tenant.delete("users", identity)
        self.assertTold(deleted, gone)
        self.assertEqual(self.row(contact)["records"][0][3], "soft_deleted")
        self.tenant.restore(identity)
        self.assertTold((contact, "restored", "status", "deleted", "active", "entra"),
                        (contact, "updated", "groups", None, group, "entra"))
        self.assertEqual(self.row(contact), before)
        self.tenant.delete("users", identity)
        self.assertTold(deleted, gone)
        self.tenant.delete("users", identity, permanent=True)
        self.assertTold()
        self.assertEqual(self.row(contact)["records"][0][3], "deleted")
        self.assertEqual(self.row(contact)["status"], "deleted")

    def test_deleted_restored_and_changed_between_two_cycles(self):
        identity, _ = self.cloud_user(jobTitle="Tester")
        self.told()
        self.tenant.delete("users", identity)
        self.tenant.restore(identity)
        self.tenant.put("users", identity, {"jobTitle": "Pilot"})
        self.assertTold((self.id_of(identity, "entra"), "updated", "jobTitle", "Tester", "Pilot", "entra"))

    def test_modify_clear_disable_enable(self):
        identity, _ = self.cloud_user(jobTitle="Tester", department="Lab", city="Kraków")
        self.told()
        contact = self.id_of(identity, "entra")
        self.tenant.put("users", identity, {"jobTitle": "Pilot", "department": None, "accountEnabled": False})
        self.assertTold((contact, "updated", "jobTitle", "Tester", "Pilot", "entra"),
                        (contact, "updated", "department", "Lab", None, "entra"),
                        (contact, "updated", "status", "active", "disabled", "entra"))
        self.tenant.put("users", identity, {"accountEnabled": True})
        self.assertTold((contact, "updated", "status", "disabled", "active", "entra"))

    def test_a_contact_and_its_exchange_side(self):
        identity, guid, mail = self.cloud_contact()
        self.told()
        contact = self.id_of(identity, "entra")
        self.assertEqual(self.id_of(guid, "exchange"), contact)
        self.tenant.put("mailcontacts", guid, {"HiddenFromAddressListsEnabled": True, "CustomAttribute7": "seven"})
        self.assertTold((contact, "updated", "hidden", "false", "true", "exchange"),
                        (contact, "updated", "extensionAttribute7", None, "seven", "exchange"))
        self.tenant.put("mailcontacts", guid, {"HiddenFromAddressListsEnabled": False, "CustomAttribute7": ""})
        self.assertTold((contact, "updated", "hidden", "true", "false", "exchange"),
                        (contact, "updated", "extensionAttribute7", "seven", None, "exchange"))
        # one side goes before the other: the contact stays until the last has gone
        self.tenant.delete("contacts", identity, permanent=True)
        self.told()
        self.assertEqual((self.row(contact)["status"], self.row(contact)["source"]), ("active", "cloud"))
        self.tenant.delete("mailcontacts", guid)
        self.assertTold((contact, "deleted", "status", "active", "deleted", "exchange"))

    def test_an_exchange_contact_that_arrives_in_entra_later(self):
        identity, guid, mail = self.cloud_contact()
        self.tenant.delete("contacts", identity, permanent=True)
        self.told()
        contact = self.id_of(guid, "exchange")
        name = self.row(contact)["display_name"]
        self.tenant.put("contacts", identity, shapes.contact(
            identity, displayName=name, mail=mail, mailNickname=mail.partition("@")[0], proxies=["SMTP:" + mail]))
        found = self.told()
        self.assertEqual({change[:2] for change in found} - {(contact, "updated")}, set())
        self.assertEqual(self.id_of(identity, "entra"), contact)

    def test_members_come_and_go(self):
        (first, _), (second, _) = self.cloud_user(), self.cloud_user()
        person, _, _ = self.cloud_contact()
        team = shapes.entra_id(self.name("team"))
        self.tenant.bulk(groups=[shapes.group(team, displayName="A team", types=["Unified"], mailNickname="t",
                                              members=[("user", first), ("contact", person)])])
        self.told()
        group, first_id, second_id, person_id = (self.id_of(each, "entra") for each in (team, first, second, person))
        self.tenant.members(team, add=[("user", second)], remove=[("user", first), ("contact", person)])
        self.assertTold((second_id, "updated", "groups", None, group, "entra"),
                        (first_id, "updated", "groups", group, None, "entra"),
                        (person_id, "updated", "groups", group, None, "entra"))
        self.tenant.delete("groups", team)
        self.assertTold((group, "deleted", "status", "active", "deleted", "entra"),
                        (second_id, "updated", "groups", group, None, "entra"))
        self.tenant.restore(team, "groups")
        self.assertTold((group, "restored", "status", "deleted", "active", "entra"),
                        (second_id, "updated", "groups", None, group, "entra"))


class OnBothSides(ChangesTest):
    """Synchronized objects: what comes first is told with its source, what follows is not told again."""

    def test_modify_here_and_follow_there(self):
        dn, guid, _ = self.user(self.staff, title="Tester")
        self.connect.run()
        self.told()
        contact = self.id_of(guid)
        self.assertEqual(self.id_of(shapes.entra_id(guid), "entra"), contact)
        self.assertEqual(self.row(contact)["source"], "hybrid")
        self.dc.modify(dn, {"title": "Pilot", "userAccountControl": 514})
        self.assertTold((contact, "updated", "jobTitle", "Tester", "Pilot", "ad"),
                        (contact, "updated", "status", "active", "disabled", "ad"))
        self.assertEqual(self.connect.run().changed, 1)
        self.assertTold()

    def test_blocked_in_the_cloud(self):
        _, guid, _ = self.user(self.staff)
        self.connect.run()
        self.told()
        contact = self.id_of(guid)
        for enabled, old, new in ((False, "active", "disabled"), (True, "disabled", "active")):
            self.tenant.put("users", shapes.entra_id(guid), {"accountEnabled": enabled})
            self.assertTold((contact, "updated", "status", old, new, "entra"))

    def test_deleted_in_the_cloud_and_restored(self):
        _, guid, mail = self.user(self.staff)
        self.connect.run()
        self.told()
        contact, entra = self.id_of(guid), shapes.entra_id(guid)
        before = self.row(contact)
        self.tenant.delete("users", entra)
        found = self.told()
        self.assertIn((contact, "updated", "source", "hybrid", "on_premises", "entra"), found)
        self.assertEqual({change[:2] for change in found}, {(contact, "updated")})
        self.assertEqual((self.row(contact)["source"], self.row(contact)["status"]), ("on_premises", "active"))
        self.tenant.restore(entra)
        found = self.told()
        self.assertIn((contact, "updated", "source", "on_premises", "hybrid", "entra"), found)
        self.assertEqual(self.row(contact), before)

    def test_deleted_in_the_directory_and_followed(self):
        for make in (self.user, self.contact):
            with self.subTest(make.__name__):
                dn, guid, _ = make(self.staff)
                self.connect.run()
                self.told()
                contact = self.id_of(guid)
                self.assertEqual(self.row(contact)["source"], "hybrid")
                self.dc.delete(dn)
                self.told()
                self.assertEqual((self.row(contact)["source"], self.row(contact)["status"]), ("hybrid", "active"),
                                 "the cloud still has it")
                self.connect.run()
                self.assertTold((contact, "deleted", "status", "active", "deleted", "entra"))

    def test_deleted_on_both_sides_in_one_cycle_and_back(self):
        dn, guid, mail = self.user(self.staff)
        self.connect.run()
        self.told()
        contact = self.id_of(guid)
        before = self.row(contact)
        self.dc.delete(dn)
        self.connect.run()
        self.assertTold((contact, "deleted", "status", "active", "deleted", "ad"))
        self.dc.undelete(guid)
        account = mail.partition("@")[0]
        # what a deletion without a recycle bin strips
        self.dc.modify(dn, {"mail": mail, "mailNickname": account, "proxyAddresses": ["SMTP:" + mail],
                            "userPrincipalName": mail, "displayName": before["display_name"]})
        self.connect.run()
        self.assertTold((contact, "restored", "status", "deleted", "active", "ad"))
        self.assertEqual((self.id_of(guid), self.id_of(shapes.entra_id(guid), "entra")), (contact, contact))
        self.assertEqual(self.row(contact), before)

    def test_into_the_scope_and_out_again(self):
        dn, guid, _ = self.user(self.local)
        self.told()
        contact = self.id_of(guid)
        moved = self.dc.move(dn, self.staff)
        self.connect.run()
        found = self.told()
        self.assertIn((contact, "updated", "source", "on_premises", "hybrid", "entra"), found)
        self.assertIn((contact, "updated", "onPremisesDistinguishedName", dn, moved, "ad"), found)
        self.dc.move(moved, self.local)
        self.connect.run()
        found = self.told()
        self.assertIn((contact, "updated", "source", "hybrid", "on_premises", "entra"), found)
        self.assertIn((contact, "updated", "onPremisesDistinguishedName", moved, dn, "ad"), found)

    def test_members_of_a_synchronized_group(self):
        first, first_guid, _ = self.contact(self.staff)
        second, second_guid, _ = self.user(self.staff)
        group, guid = self.group(self.staff, [first])
        self.connect.run()
        self.told()
        group_id, first_id, second_id = map(self.id_of, (guid, first_guid, second_guid))
        self.assertEqual(self.id_of(shapes.entra_id(guid), "entra"), group_id)
        self.assertEqual(self.row(group_id, "groups")["source"], "hybrid")
        self.dc.add_members(group, [second])
        self.assertTold((second_id, "updated", "groups", None, group_id, "ad"))
        self.connect.run()
        self.assertTold()
        # whichever side names the member holds it, until the last one lets go
        self.dc.remove_members(group, [first])
        self.assertTold()
        self.connect.run()
        self.assertTold((first_id, "updated", "groups", group_id, None, "entra"))
        self.dc.remove_members(group, [second])
        self.connect.run()
        self.assertTold((second_id, "updated", "groups", group_id, None, "ad"))

    def test_hidden_here_shown_there(self):
        dn, guid, _ = self.contact(self.staff)
        self.connect.run()
        self.told()
        contact = self.id_of(guid)
        self.assertIs(self.row(contact)["hidden"], False)
        self.dc.modify(dn, {"msExchHideFromAddressLists": True})
        self.assertTold((contact, "updated", "hidden", "false", "true", "ad"))
        self.connect.run()
        self.assertTold()
        self.dc.modify(dn, {"msExchHideFromAddressLists": None})
        self.connect.run()
        found = self.told()
        self.assertEqual({change[:5] for change in found}, {(contact, "updated", "hidden", "true", "false")})


class BigGroups(ChangesTest):
    """More members than a server gives at once, on either side."""

    @classmethod
    def entries(cls):
        yield from super().entries()
        cls.members = [child(f"member {n}", cls.local) for n in range(BIG)]
        for n, dn in enumerate(cls.members):
            yield dn, shapes.directory_contact(f"m{n}", f"m{n}@fabrikam.example", displayName=f"member {n}")
        cls.everybody = child("Everybody", cls.local)
        yield cls.everybody, shapes.directory_group("everybody", cls.members, displayName="Everybody")

    def size(self, group):
        return rows(self.keeper, "SELECT count(*) FROM group_members WHERE group_id = ?", group)[0][0]

    def test_one_of_many_in_the_directory(self):
        group = self.id_of(self.dc.guid(self.everybody))
        someone = self.id_of(self.dc.guid(self.members[777]))
        self.assertEqual(self.size(group), BIG)
        self.dc.remove_members(self.everybody, [self.members[777]])
        self.assertTold((someone, "updated", "groups", group, None, "ad"))
        self.assertEqual(self.size(group), BIG - 1)
        self.dc.add_members(self.everybody, [self.members[777]])
        self.assertTold((someone, "updated", "groups", None, group, "ad"))
        self.assertEqual(self.size(group), BIG)

    def test_one_of_many_in_the_cloud(self):
        people = [shapes.entra_id(f"big {n}") for n in range(BIG)]
        team = shapes.entra_id("big team")
        self.tenant.bulk(
            contacts=[shapes.contact(each, displayName=f"big {n}", mail=f"big{n}@adatum.example",
                                     proxies=[f"SMTP:big{n}@adatum.example"]) for n, each in enumerate(people)],
            groups=[shapes.group(team, displayName="Big team", types=["Unified"], mailNickname="big",
                                 members=[("contact", each) for each in people])])
        report = self.sync(self.keeper)
        self.assertEqual((report["published"]["created"], report["published"]["memberships"]), (BIG + 1, BIG))
        group, someone = self.id_of(team, "entra"), self.id_of(people[777], "entra")
        self.assertEqual(self.size(group), BIG)
        self.tenant.members(team, remove=[("contact", people[777])])
        self.assertTold((someone, "updated", "groups", group, None, "entra"))
        self.assertEqual(self.size(group), BIG - 1)
        self.tenant.expire("groups", "410")
        self.assertTold()
        self.assertEqual(self.size(group), BIG - 1)


if __name__ == "__main__":
    company.main()
