"""Exchange: mail contacts, contacts without mail, distribution groups and their members, mailboxes."""

import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import EXCHANGE_SCOPE, TENANT, Case


class MailContactTest(Case):
    def contacts(self, count, **more):
        return TENANT.mail_contacts(count, **more)

    def test_paging(self):
        guids = self.contacts(25)
        parameters = {"ResultSize": "Unlimited"}
        answer = TENANT.invoke(parameters, prefer="odata.maxpagesize = 10;odata.continue-on-error",
                               query="?$select=Guid,WhenChangedUTC")
        page = answer.json
        first = page["value"][0]
        self.assertEqual({"Guid", "Guid@data.type", "Guid@odata.type", "WhenChangedUTC",
                          "WhenChangedUTC@data.type"}, set(first))
        self.assertRegex(first["WhenChangedUTC"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$")
        found, link = [v["Guid"] for v in page["value"]], page["@odata.nextLink"]
        self.assertEqual(405, TENANT.invoke(parameters, link, "GET").status)
        self.assertEqual(400, TENANT.invoke({"ResultSize": 7}, link).status)
        while link:
            page = TENANT.invoke(parameters, link, prefer="odata.maxpagesize=10").json
            found += [v["Guid"] for v in page["value"]]
            link = page.get("@odata.nextLink")
        self.assertEqual(guids, found)

    def test_link_dies(self):
        self.contacts(3)
        link = TENANT.invoke({}, prefer="odata.maxpagesize=1").json["@odata.nextLink"]
        TENANT.control("POST", "/settings", {"exchange_link_lifetime": 0})
        self.assertEqual(400, TENANT.invoke({}, link).status)

    def test_result_size(self):
        self.contacts(1001)
        page = TENANT.invoke({}, query="?$select=Guid").json
        self.assertEqual(1000, len(page["value"]))
        self.assertEqual(1, len(page["@adminapi.warnings"]))
        self.assertEqual(1, len(TENANT.invoke({"ResultSize": 1}).json["value"]))

    def names(self, **parameters):
        return [v["Name"] for v in TENANT.invoke(parameters).json["value"]]

    def test_filter_and_identity(self):
        guids = self.contacts(4)
        self.assertEqual(["Contact 0", "Contact 2"], self.names(Filter="IsDirSynced -eq $true"))
        self.assertEqual(["Contact 1", "Contact 3"], self.names(Filter="IsDirSynced -eq $false"))
        self.assertEqual(["Contact 3"], self.names(Filter="ExternalDirectoryObjectId -eq 'entra-3'"))
        TENANT.control("PUT", f"/mailcontacts/{guids[0]}", {"WhenChangedUTC": "2017-08-01T13:59:59.0000000Z"})
        TENANT.control("PUT", f"/mailcontacts/{guids[1]}", {"WhenChangedUTC": "2017-08-01T14:00:01.0000000Z"})
        self.assertEqual(3, len(self.names(Filter="WhenChangedUTC -gt '8/1/2017 2:00:00 PM'")))
        self.assertEqual(3, len(self.names(Filter="WhenChangedUTC -gt '2017-08-01T14:00:00Z'")))
        self.assertEqual(["Contact 0"], self.names(
            Filter="(WhenChangedUTC -lt '2017-08-01T14:00:00Z') -and (DisplayName -like 'Contact*')"))
        self.assertEqual(["Contact 2"], self.names(Identity="c2@fabrikam.com"))
        self.assertEqual(["Contact 2"], self.names(Identity=guids[2]))
        self.assertEqual(4, len(self.names(Identity="")))
        missing = TENANT.invoke({"Identity": "nobody@contoso.com"})
        self.assertEqual(404, missing.status)
        self.assertIn("|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|",
                      missing.json["error"]["details"][0]["message"])
        for wrong in ("Nonsense -eq 'x'", "IsDirSynced -gt $true", "Name -eq", "WhenChangedUTC -gt 'soon'"):
            self.assertEqual(400, TENANT.invoke({"Filter": wrong}).status, wrong)
        self.assertEqual(400, TENANT.invoke({"Nonsense": 1}).status)
        self.assertEqual(400, TENANT.invoke({}, cmdlet="Get-Nonsense").status)

    def test_rights(self):
        TENANT.control("POST", "/settings", {"roles": {"exchange": []}})
        denied = TENANT.invoke({})
        self.assertEqual((403, b""), (denied.status, denied.raw))
        self.assertIn("reason=", denied.headers["x-ms-diagnostics"])
        TENANT.control("POST", "/settings", {"roles": {"exchange": ["Exchange.ManageAsApp"]}})
        TENANT.tokens.clear()
        url = f"{TENANT.at['exchange']}/AdminApi/v1.0/{TENANT.at['tenant_id']}/EXOModuleFile?Version=3.9.2"
        answer = TENANT.send("GET", url, {"Authorization": f"Bearer {TENANT.token(EXCHANGE_SCOPE)}",
                                          "CommandName": "*"})
        self.assertIn("Get-MailContact", answer.json["value"][0]["exportedCmdlets"])
        TENANT.control("POST", "/settings", {"exchange_rbac": False})
        self.assertEqual(403, TENANT.invoke({}).status)

    def test_concurrency(self):
        TENANT.token(EXCHANGE_SCOPE)
        TENANT.control("POST", "/settings", {"concurrency": 2})
        TENANT.control("POST", "/faults", {"service": "exchange", "action": "hang", "seconds": 0.4,
                                           "times": -1})
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(TENANT.invoke({}, fresh=True)))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200, 200, 429, 429], sorted(a.status for a in answers))
        refused = next(a for a in answers if a.status == 429)
        self.assertTrue(refused.raw.startswith(b"You have reached the maximum number of concurrent"))


class RecipientTest(Case):
    def groups(self, *groups):
        return TENANT.control("POST", "/bulk", {"distributiongroups": list(groups)})["distributiongroups"]

    def rows(self, cmdlet, query="?$select=Name,Guid,RecipientTypeDetails", **parameters):
        answer = TENANT.invoke({"ResultSize": "Unlimited", **parameters}, cmdlet=cmdlet, query=query)
        self.assertEqual(200, answer.status, answer.raw)
        return answer.json["value"]

    def names(self, cmdlet, **parameters):
        return [row["Name"] for row in self.rows(cmdlet, **parameters)]

    def test_plain_contacts(self):
        TENANT.mail_contacts(1)
        TENANT.control("PUT", "/mailcontacts/aaaaaaaa-0000-0000-0000-000000000001", {
            "Name": "Plain", "RecipientTypeDetails": "Contact", "Phone": "+1 555", "FirstName": "Pla"})
        self.assertEqual(["Contact 0"], self.names("Get-MailContact"))
        self.assertEqual(["Contact 0", "Plain"], self.names("Get-Contact"))
        plain = self.rows("Get-Contact", "?$select=RecipientType,Phone,FirstName,WindowsEmailAddress",
                          Identity="Plain")[0]
        self.assertEqual(("Contact", "+1 555", "Pla", ""), tuple(plain[name] for name in (
            "RecipientType", "Phone", "FirstName", "WindowsEmailAddress")))
        self.assertEqual(["Plain"], self.names("Get-Contact", RecipientTypeDetails="Contact"))
        self.assertEqual(404, TENANT.invoke({"Identity": "Plain"}).status)

    def test_groups(self):
        one, two, three = self.groups(
            {"Name": "Sales", "PrimarySmtpAddress": "sales@contoso.com", "ManagedBy": ["boss"]},
            {"Name": "Guards", "RecipientTypeDetails": "MailUniversalSecurityGroup",
             "HiddenFromAddressListsEnabled": True},
            {"Name": "Everybody", "Dynamic": True, "RecipientFilter": "Company -eq 'Contoso'"})
        rows = self.rows("Get-DistributionGroup",
                         "?$select=Guid,Name,RecipientType,RecipientTypeDetails,EmailAddresses,GroupType")
        self.assertEqual([(one, "MailUniversalDistributionGroup"), (two, "MailUniversalSecurityGroup")],
                         [(row["Guid"], row["RecipientType"]) for row in rows])
        self.assertEqual(["SMTP:sales@contoso.com"], rows[0]["EmailAddresses"])
        self.assertEqual("#Collection(String)", rows[0]["EmailAddresses@odata.type"])
        self.assertEqual(["Everybody"], self.names("Get-DynamicDistributionGroup"))
        self.assertEqual(["Sales"], self.names("Get-DistributionGroup", Identity="sales@contoso.com"))
        self.assertEqual(["Sales"], self.names("Get-DistributionGroup", ManagedBy="boss"))
        self.assertEqual(["Guards"], self.names("Get-DistributionGroup",
                                                Filter="HiddenFromAddressListsEnabled -eq $true"))
        dynamic = self.rows("Get-DynamicDistributionGroup", "?$select=RecipientFilter")[0]
        self.assertEqual("Company -eq 'Contoso'", dynamic["RecipientFilter"])
        self.assertEqual((True, []), tuple(TENANT.control("GET", f"/distributiongroups/{three}")[name]
                                           for name in ("Dynamic", "members")))
        rows = TENANT.control("GET", "/requests")
        self.assertEqual({"distributiongroups"}, {row["collection"] for row in rows if row["service"] == "exchange"})

    def test_incremental(self):
        self.settings(clock="virtual")
        one, two = self.groups({"Name": "One"}, {"Name": "Two"})
        self.advance(3600)
        now = TENANT.control("PUT", f"/distributiongroups/{two}", {"MailTip": "x"})["WhenChangedUTC"]
        self.assertEqual(["Two"], self.names("Get-DistributionGroup", Filter=f"WhenChangedUTC -ge '{now}'"))
        TENANT.control("PUT", f"/distributiongroups/{one}", {"WhenChangedUTC": "2017-08-01T13:59:59.0000000Z"})
        TENANT.control("PUT", f"/distributiongroups/{two}", {"WhenChangedUTC": "2017-08-01T14:00:01.0000000Z"})
        self.assertEqual(["Two"], self.names("Get-DistributionGroup",
                                             Filter="WhenChangedUTC -gt '8/1/2017 2:00:00 PM'"))

    def test_members(self):
        contact, = TENANT.mail_contacts(1, FirstName="Con")
        user, = self.users(1, givenName="Use")
        nested, = self.groups({"Name": "Nested"})
        group, dynamic = self.groups(
            {"Name": "Sales", "members": [{"Guid": contact}, {"ExternalDirectoryObjectId": user}, {"Guid": nested},
                                          {"ExternalDirectoryObjectId": "elsewhere", "Name": "Shared",
                                           "RecipientTypeDetails": "SharedMailbox"}]},
            {"Name": "All", "Dynamic": True, "members": [{"ExternalDirectoryObjectId": "entra-0"}]})
        query = "?$select=Guid,ExternalDirectoryObjectId,Name,RecipientTypeDetails,FirstName,PrimarySmtpAddress"
        rows = self.rows("Get-DistributionGroupMember", query, Identity=group)
        self.assertEqual([("Contact 0", "MailContact", "entra-0"), ("User 0", "UserMailbox", user),
                          ("Nested", "MailUniversalDistributionGroup", ""), ("Shared", "SharedMailbox", "elsewhere")],
                         [(row["Name"], row["RecipientTypeDetails"], row["ExternalDirectoryObjectId"])
                          for row in rows])
        self.assertEqual(["Con", "Use"], [row["FirstName"] for row in rows[:2]])
        self.assertEqual("user0@contoso.com", rows[1]["PrimarySmtpAddress"])
        self.assertEqual(["Contact 0"], self.names("Get-DynamicDistributionGroupMember", Identity=dynamic))
        TENANT.control("DELETE", f"/mailcontacts/{contact}")
        TENANT.control("DELETE", f"/users/{user}")
        self.assertEqual(["Nested", "Shared"], self.names("Get-DistributionGroupMember", Identity="Sales"))
        for cmdlet, wrong in (("Get-DistributionGroupMember", {"Identity": "All"}),
                              ("Get-DynamicDistributionGroupMember", {"Identity": "Sales"}),
                              ("Get-DistributionGroup", {"Identity": "nobody"})):
            missing = TENANT.invoke(wrong, cmdlet=cmdlet)
            self.assertEqual(404, missing.status)
            self.assertIn("ManagementObjectNotFoundException", missing.json["error"]["details"][0]["message"])
        self.assertEqual(400, TENANT.invoke({}, cmdlet="Get-DistributionGroupMember").status)
        self.assertEqual(400, TENANT.invoke({"Identity": "Sales", "Filter": "Name -eq 'x'"},
                                            cmdlet="Get-DistributionGroupMember").status)

    def test_mailboxes(self):
        user, = self.users(1)
        person, shared, room = TENANT.control("POST", "/bulk", {"mailboxes": [
            {"Name": "Jane", "ExternalDirectoryObjectId": user, "PrimarySmtpAddress": "jane@contoso.com"},
            {"Name": "Info", "RecipientTypeDetails": "SharedMailbox", "PrimarySmtpAddress": "info@contoso.com"},
            {"Name": "Room 1", "RecipientTypeDetails": "RoomMailbox", "HiddenFromAddressListsEnabled": True}]
        })["mailboxes"]
        rows = self.rows("Get-Mailbox", "?$select=Guid,RecipientType,RecipientTypeDetails,ExternalDirectoryObjectId,"
                                        "HiddenFromAddressListsEnabled,UserPrincipalName")
        self.assertEqual([(person, "UserMailbox", user), (shared, "SharedMailbox", ""), (room, "RoomMailbox", "")],
                         [(row["Guid"], row["RecipientTypeDetails"], row["ExternalDirectoryObjectId"])
                          for row in rows])
        self.assertEqual({"UserMailbox"}, {row["RecipientType"] for row in rows})
        self.assertEqual(["jane@contoso.com", "info@contoso.com", ""], [row["UserPrincipalName"] for row in rows])
        self.assertEqual([False, False, True], [row["HiddenFromAddressListsEnabled"] for row in rows])
        nobodys = ["SharedMailbox", "RoomMailbox", "EquipmentMailbox"]
        self.assertEqual(["Info", "Room 1"], self.names("Get-Mailbox", RecipientTypeDetails=nobodys))
        self.assertEqual(["Room 1"], self.names("Get-Mailbox", RecipientTypeDetails=nobodys,
                                                Filter="HiddenFromAddressListsEnabled -eq $true"))
        self.assertEqual(["Info"], self.names("Get-Mailbox", Identity="info@contoso.com"))
        group, = self.groups({"Name": "All", "Dynamic": True, "members": [{"Guid": shared}]})
        self.assertEqual(["SharedMailbox"], [row["RecipientTypeDetails"] for row in self.rows(
            "Get-DynamicDistributionGroupMember", Identity=group)])
        TENANT.control("PUT", f"/mailboxes/{shared}", {"RecipientTypeDetails": "UserMailbox"})
        TENANT.control("DELETE", f"/mailboxes/{room}")
        self.assertEqual([], self.names("Get-Mailbox", RecipientTypeDetails=nobodys))
        self.assertEqual(["Jane", "Info"], self.names("Get-Mailbox"))
        self.assertEqual(400, TENANT.invoke({"GroupType": "x"}, cmdlet="Get-Mailbox").status)
        with self.assertRaises(AssertionError):
            TENANT.control("PUT", f"/mailboxes/{person}", {"ExternalEmailAddress": "SMTP:x@y.z"})
        self.assertEqual({"distributiongroups", "mailboxes"}, {
            row["collection"] for row in TENANT.control("GET", "/requests")[-9:] if row["service"] == "exchange"})

    def test_nobody_is_everybody(self):
        self.groups({"Name": "One", "members": [{"ExternalDirectoryObjectId": "a"}]},
                    {"Name": "Two", "members": [{"ExternalDirectoryObjectId": "b"}]})
        for nothing in (None, ""):
            self.assertEqual(2, len(self.rows("Get-DistributionGroup", Identity=nothing)))
            self.assertEqual(2, len(self.rows("Get-DistributionGroupMember", Identity=nothing)))

    def test_pages(self):
        group, = self.groups({"Name": "Big", "members": [{"ExternalDirectoryObjectId": f"m{n}"} for n in range(25)]})
        self.groups(*({"Name": f"Group {n}"} for n in range(24)))
        for cmdlet, parameters in (("Get-DistributionGroup", {"ResultSize": "Unlimited"}),
                                   ("Get-DistributionGroupMember", {"Identity": group, "ResultSize": "Unlimited"})):
            page = TENANT.invoke(parameters, cmdlet=cmdlet, query="?$select=Guid", prefer="odata.maxpagesize=10").json
            pages = [page["value"]]
            while "@odata.nextLink" in page:
                page = TENANT.invoke(parameters, page["@odata.nextLink"], cmdlet=cmdlet,
                                     prefer="odata.maxpagesize=10").json
                pages.append(page["value"])
            self.assertEqual([10, 10, 5], [len(rows) for rows in pages])
            self.assertEqual(25, len({row["Guid"] for rows in pages for row in rows}))

    def test_links_age(self):
        self.settings(clock="virtual")
        self.groups({"Name": "One"}, {"Name": "Two"})
        link = TENANT.invoke({}, cmdlet="Get-DistributionGroup", query="?$select=Guid",
                             prefer="odata.maxpagesize=1").json["@odata.nextLink"]
        self.advance(299)
        self.assertEqual(200, TENANT.invoke({}, link, cmdlet="Get-DistributionGroup").status)
        self.advance(1)
        self.assertEqual(400, TENANT.invoke({}, link, cmdlet="Get-DistributionGroup").status)

    def test_control_refuses_what_no_tenant_holds(self):
        group, = self.groups({"Name": "One"})
        for body in ({"members": [{}]}, {"members": ["x"]}, {"Dynamic": True}, {"Nonsense": 1},
                     {"RecipientTypeDetails": "Moon"}, {"members": [{"Guid": "a", "Nonsense": 1}]}):
            with self.subTest(body=body), self.assertRaises(AssertionError):
                TENANT.control("PUT", f"/distributiongroups/{group}", body)
        with self.assertRaises(AssertionError):
            TENANT.control("PUT", f"/mailcontacts/{group}", {"Name": "x"})

    def test_rights(self):
        url = f"{TENANT.at['exchange']}/AdminApi/v1.0/{TENANT.at['tenant_id']}/EXOModuleFile?Version=3.9.2"
        told = TENANT.send("GET", url, {"Authorization": f"Bearer {TENANT.token(EXCHANGE_SCOPE)}"}).json
        self.assertEqual(7, len(told["value"][0]["exportedCmdlets"]))
        for form, body in (("diagnostics", b""), ("nul", b"\0" * 256)):
            self.settings(exchange_403=form)
            denied = TENANT.invoke({})
            self.assertEqual((403, body), (denied.status, denied.raw))
            self.assertIn("reason=", denied.headers["x-ms-diagnostics"])
        self.settings(exchange_403="")
        self.assertEqual(200, TENANT.invoke({}).status)


if __name__ == "__main__":
    unittest.main()
