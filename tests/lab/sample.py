#!/usr/bin/python3
"""A small, friendly company for demonstrations: Contoso, its people, partners and suppliers.

    sample = Sample(dc, tenant)
    dc.load_offline(sample.entries())       # while the controller is stopped
    sample.populate()                       # both run: synchronizes, adds what lives in the cloud only
    for sentence in sample.changes():       # later: a day in the life of the company
        print(sentence)

All persons are invented. Telephone numbers are from ranges that regulators keep for fiction where a
country has one.
"""

import collections

import shapes
from connect import Connect
from lab import child

TENANT_DOMAIN = "contoso.onmicrosoft.com"

Person = collections.namedtuple("Person", "account given surname title department city country phone mobile")

#: employees whose accounts are synchronized to the cloud
STAFF = [Person(*row) for row in (
    ("a.keller", "Anna", "Keller", "Managing Director", "Management", "Berlin", "Germany", "+49 30 23125 100", "+49 176 04069 100"),
    ("j.mueller", "Jürgen", "Müller", "Head of Sales", "Sales", "Berlin", "Germany", "+49 30 23125 110", "+49 176 04069 110"),
    ("z.dabrowska", "Zofia", "Dąbrowska", "Account Manager", "Sales", "Warszawa", "Poland", "+48 22 555 01 11", None),
    ("f.lefevre", "François", "Lefèvre", "Account Manager", "Sales", "Lyon", "France", "+33 4 65 71 00 12", "+33 6 39 98 00 12"),
    ("s.obrien", "Siobhán", "O'Brien", "Sales Assistant", "Sales", "Dublin", "Ireland", "+353 20 910 0113", None),
    ("y.tanaka", "陽子", "田中", "Country Manager", "Sales", "東京", "Japan", "+81 3 5555 0114", "+81 90 5555 0114"),
    ("g.papadopoulou", "Ελένη", "Παπαδοπούλου", "Marketing Manager", "Marketing", "Αθήνα", "Greece", "+30 21 5555 0120", None),
    ("m.silva", "Márcia", "da Silva", "Designer", "Marketing", "Lisboa", "Portugal", "+351 21 555 0121", None),
    ("d.cerny", "Dušan", "Černý", "Lead Engineer", "Engineering", "Brno", "Czechia", "+420 555 010 130", "+420 601 010 130"),
    ("i.kovalenko", "Ірина", "Коваленко", "Software Engineer", "Engineering", "Київ", "Ukraine", "+380 44 555 0131", None),
    ("r.whitfield", "Rosalind", "Whitfield", "Software Engineer", "Engineering", "Leeds", "United Kingdom", "+44 113 496 0132", "+44 7700 900132"),
    ("o.yilmaz", "Ömer", "Yılmaz", "Test Engineer", "Engineering", "İzmir", "Türkiye", "+90 232 555 0133", None),
    ("n.levi", "נועה", "לוי", "Data Analyst", "Engineering", "חיפה", "Israel", "+972 4 555 0134", None),
    ("p.sharma", "प्रिया", "शर्मा", "Support Lead", "Support", "पुणे", "India", "+91 20 5550 0140", "+91 98 5550 0140"),
    ("t.bergstrom", "Tove", "Bergström", "Support Engineer", "Support", "Malmö", "Sweden", "+46 40 628 01 41", None),
    ("h.brandt", "Helmut", "Brandt", "Accountant", "Finance", "Berlin", "Germany", "+49 30 23125 150", None),
    ("c.moreau", "Chloé", "Moreau", "Payroll Clerk", "Finance", "Lyon", "France", "+33 4 65 71 00 51", None),
    ("w.lindqvist", "Wilma", "Lindqvist", "Former Trainee", "Support", "Malmö", "Sweden", None, None),
)]
#: accounts among them that are disabled from the start
DISABLED_STAFF = {"w.lindqvist"}

#: employees of the workshop, whose accounts stay on-premises
WORKSHOP = [Person(*row) for row in (
    ("k.schulze", "Karl-Heinz", "Schulze", "Foreman", "Workshop", "Potsdam", "Germany", "+49 30 23125 201", None),
    ("b.nowak", "Bartosz", "Nowak", "Machinist", "Workshop", "Potsdam", "Germany", "+49 30 23125 202", None),
    ("l.nguyen", "Thị Lan", "Nguyễn", "Electrician", "Workshop", "Potsdam", "Germany", "+49 30 23125 203", None),
    ("e.haas", "Elfriede", "Haas", "Storekeeper", "Workshop", "Potsdam", "Germany", "+49 30 23125 204", None),
    ("v.petrov", "Виктор", "Петров", "Welder", "Workshop", "Potsdam", "Germany", None, None),
)]

Partner = collections.namedtuple("Partner", "alias name given surname mail company title phone")

#: external contacts that are synchronized
PARTNERS = [Partner(*row) for row in (
    ("amelia.hart", "Hart, Amelia", "Amelia", "Hart", "amelia.hart@fabrikam.example", "Fabrikam", "Purchasing", "+1 425 555 0171"),
    ("ben.okafor", "Ben Okafor", "Ben", "Okafor", "ben.okafor@fabrikam.example", "Fabrikam", "Logistics", "+1 425 555 0172"),
    ("carla.ruiz", "Carla Ruiz", "Carla", "Ruiz", "carla.ruiz@adatum.example", "A. Datum", "Auditor", "+34 912 555 173"),
    ("li.wei", "李伟", "伟", "李", "li.wei@adatum.example", "A. Datum", "Regional Partner", "+86 10 5555 0174"),
    ("omar.haddad", "عمر حداد", "عمر", "حداد", "omar.haddad@adatum.example", "A. Datum", "Consultant", None),
    ("ingrid.dahl", "Ingrid \"Inga\" Dahl", "Ingrid", "Dahl", "ingrid.dahl@northwind.example", "Northwind", "Lawyer", "+47 22 55 01 75"),
    ("service.desk", "Northwind + Partners; Service Desk", None, None, "service@northwind.example", "Northwind", None, "+47 22 55 01 76"),
    ("press.office", "#Press Office", None, None, "press@fabrikam.example", "Fabrikam", None, "+1 425 555 0177"),
)]
#: contacts of the workshop, known on-premises only
SUPPLIERS = [Partner(*row) for row in (
    ("steel.orders", "Steel & Son Orders", None, None, "orders@steelandson.example", "Steel & Son", None, "+44 20 7946 0181"),
    ("rita.blum", "Rita Blum", "Rita", "Blum", "rita.blum@woodgrove.example", "Woodgrove", "Sales", "+49 30 23125 282"),
    ("sven.holt", "Sven Holt", "Sven", "Holt", "sven.holt@woodgrove.example", "Woodgrove", "Driver", None),
    ("gary.pike", "Gary Pike", "Gary", "Pike", "gary.pike@tailspin.example", "Tailspin", "Repairs", "+44 20 7946 0184"),
)]
#: members of the cloud only: users, guests, contacts
CLOUD_STAFF = [Person(*row) for row in (
    ("nora.quist", "Nora", "Quist", "Cloud Architect", "Engineering", "Aarhus", "Denmark", "+45 55 55 01 91", None),
    ("sam.rivers", "Sam", "Rivers", "Cloud Engineer", "Engineering", "Seattle", "United States", "+1 206 555 0192", "+1 206 555 0193"),
    ("kim.minjun", "민준", "김", "Community Manager", "Marketing", "서울", "South Korea", None, None),
    ("booking", "Meeting", "Desk", None, "Management", "Berlin", "Germany", None, None),
)]
GUESTS = ["paula.stone@fabrikam.example", "marc.vidal@adatum.example", "erin.fox@tailspin.example"]
CLOUD_CONTACTS = [Partner(*row) for row in (
    ("newsroom", "Northwind Newsroom", None, None, "newsroom@northwind.example", "Northwind", None, "+47 22 55 01 95"),
    ("tess.monroe", "Tess Monroe", "Tess", "Monroe", "tess.monroe@woodgrove.example", "Woodgrove", "Investor Relations", "+1 425 555 0196"),
    # also a supplier on-premises: the same address on both sides, and not synchronized
    ("gary.pike", "Gary Pike (Tailspin)", "Gary", "Pike", "gary.pike@tailspin.example", "Tailspin", "Repairs", "+44 20 7946 0184"),
)]
#: made in Exchange a minute ago: no Entra object yet
EXCHANGE_ONLY = Partner("jo.abrams", "Jo Abrams", "Jo", "Abrams", "jo.abrams@fabrikam.example", "Fabrikam", None, None)

UNITS = ("People", "Workshop", "Partners", "Suppliers", "Groups", "Workshop Groups", "Sales Team")
#: the units that Entra Connect synchronizes
SYNCHRONIZED = ("People", "Partners", "Groups")


class Sample:
    """The sample company on a controller and, when there is one, in a tenant."""

    def __init__(self, dc, tenant=None):
        self.dc = dc
        self.tenant = tenant
        self.root = child("Contoso", dc.base_dn, "OU")
        self.connect = tenant and Connect(dc, tenant, [self.unit(name) for name in SYNCHRONIZED], TENANT_DOMAIN)

    # ---- where things are ----

    def unit(self, name):
        # the sales team sits among the people, so that someone can move within the synchronized scope
        return child(name, self.unit("People") if name == "Sales Team" else self.root, "OU")

    def person_dn(self, account):
        for people, unit in ((STAFF, "People"), (WORKSHOP, "Workshop")):
            for person in people:
                if person.account == account:
                    return child(f"{person.given} {person.surname}", self.unit(unit))
        raise KeyError(account)

    def partner_dn(self, alias):
        for partners, unit in ((PARTNERS, "Partners"), (SUPPLIERS, "Suppliers")):
            for partner in partners:
                if partner.alias == alias:
                    return child(partner.name, self.unit(unit))
        raise KeyError(alias)

    def group_dn(self, name):
        return child(name, self.unit("Workshop Groups" if name.startswith("Workshop") else "Groups"))

    # ---- the directory ----

    def entries(self):
        """(DN, attributes) of everything on-premises, parents and members first."""
        yield self.root, shapes.directory_unit("Contoso")
        for name in UNITS:
            yield self.unit(name), shapes.directory_unit(name)
        for person in STAFF + WORKSHOP:
            yield self.person_dn(person.account), self._employee(person)
        for partner in PARTNERS + SUPPLIERS:
            yield self.partner_dn(partner.alias), self._external(partner)
        yield from self._groups()

    def _employee(self, person):
        mail = f"{person.account}@contoso.test"
        return shapes.directory_user(
            person.account, self.dc.domain, disabled=person.account in DISABLED_STAFF,
            displayName=f"{person.given} {person.surname}", givenName=person.given, sn=person.surname,
            mail=mail, mailNickname=person.account, title=person.title, department=person.department,
            company="Contoso", l=person.city, co=person.country, telephoneNumber=person.phone,
            mobile=person.mobile, proxyAddresses=["SMTP:" + mail, "sip:" + mail,
                                                  f"smtp:{person.account.replace('.', '')}@contoso.test"])

    @staticmethod
    def _external(partner):
        return shapes.directory_contact(
            partner.alias, partner.mail, displayName=partner.name, givenName=partner.given, sn=partner.surname,
            company=partner.company, title=partner.title, telephoneNumber=partner.phone)

    def _groups(self):
        def people(department):
            return [self.person_dn(person.account) for person in STAFF if person.department == department]

        def group(name, account, members, kind, mail=None):
            return self.group_dn(name), shapes.directory_group(account, members, kind, mail, displayName=name)

        distribution, security = shapes.DISTRIBUTION_GROUP, shapes.SECURITY_GROUP
        sales, engineering = self.group_dn("Sales"), self.group_dn("Engineering")
        yield group("Sales", "sales", people("Sales"), distribution, "sales@contoso.test")
        yield group("Engineering", "engineering", people("Engineering"), distribution, "engineering@contoso.test")
        yield group("Finance Share", "finance-share", people("Finance"), security)
        yield group("Everyone at Contoso", "everyone",
                    [sales, engineering, *people("Management"), *people("Support"), *people("Marketing"),
                     *people("Finance")], distribution, "everyone@contoso.test")
        yield group("Fabrikam Project", "fabrikam-project",
                    [self.partner_dn("amelia.hart"), self.partner_dn("ben.okafor"), *people("Sales")],
                    distribution, "fabrikam-project@contoso.test")
        yield group("Workshop", "workshop", [self.person_dn(person.account) for person in WORKSHOP], security)
        yield group("Workshop Orders", "workshop-orders",
                    [self.person_dn("e.haas"), self.partner_dn("steel.orders")], distribution, "orders@contoso.test")

    # ---- the tenant ----

    def populate(self):
        """Synchronize, and add what exists in the cloud only."""
        report = self.connect.run()
        users = [self._cloud_user(person) for person in CLOUD_STAFF]
        users += [self._guest(mail) for mail in GUESTS]
        contacts, mail_contacts = zip(*map(self._cloud_contact, CLOUD_CONTACTS))
        fresh = self._cloud_contact(EXCHANGE_ONLY)[1]
        fresh["ExternalDirectoryObjectId"] = ""
        team = shapes.group(
            self.cloud_id("cloud-team"), displayName="Cloud Team", mailNickname="cloud-team", mail="cloud-team@contoso.test",
            proxies=["SMTP:cloud-team@contoso.test"], types=["Unified"], securityEnabled=False, visibility="Private",
            members=[("user", self.cloud_id("nora.quist")), ("user", self.cloud_id("sam.rivers")),
                     ("user", self.synced_id(self.person_dn("d.cerny"))), ("user", self.cloud_id(GUESTS[0]))])
        self.tenant.bulk(users=users, contacts=contacts, mailcontacts=[*mail_contacts, fresh], groups=[team])
        return report

    @staticmethod
    def cloud_id(name):
        """The Entra id of what exists in the cloud only."""
        return shapes.entra_id("sample/" + name)

    @staticmethod
    def cloud_contact_id(alias):
        return shapes.entra_id("sample/contact/" + alias)

    @staticmethod
    def cloud_contact_guid(alias):
        return shapes.exchange_guid("sample/contact/" + alias)

    def synced_id(self, dn):
        """The Entra id of what is synchronized from this entry."""
        return shapes.entra_id(self.dc.guid(dn))

    def _cloud_user(self, person):
        mail = f"{person.account}@contoso.test"
        return shapes.user(
            self.cloud_id(person.account), displayName=f"{person.given} {person.surname}", givenName=person.given,
            surname=person.surname, userPrincipalName=mail, mail=mail, mailNickname=person.account,
            proxies=["SMTP:" + mail, f"smtp:{person.account}@{TENANT_DOMAIN}"], jobTitle=person.title,
            department=person.department, companyName="Contoso", city=person.city, country=person.country,
            phones=[person.phone] if person.phone else [], mobilePhone=person.mobile)

    def _guest(self, mail):
        given, surname = mail.partition("@")[0].title().split(".")
        return shapes.guest(self.cloud_id(mail), mail, TENANT_DOMAIN, displayName=f"{given} {surname}",
                            givenName=given, surname=surname)

    def _cloud_contact(self, partner):
        contact = shapes.contact(
            self.cloud_contact_id(partner.alias), displayName=partner.name, givenName=partner.given,
            surname=partner.surname, mail=partner.mail, mailNickname=partner.alias, companyName=partner.company,
            jobTitle=partner.title, business=partner.phone, proxies=["SMTP:" + partner.mail])
        return contact, shapes.mail_contact(
            self.cloud_contact_guid(partner.alias), contact,
            legacy=shapes.legacy_dn("sample/" + partner.alias, partner.alias))

    # ---- what an index of it should hold ----

    @staticmethod
    def expected():
        """How many contacts of each (source, kind) there are before changes()."""
        return {
            ("hybrid", "user"): len(STAFF), ("on_premises", "user"): len(WORKSHOP),
            ("hybrid", "contact"): len(PARTNERS), ("on_premises", "contact"): len(SUPPLIERS),
            ("cloud", "user"): len(CLOUD_STAFF), ("cloud", "guest"): len(GUESTS),
            ("cloud", "contact"): len(CLOUD_CONTACTS) + 1,
        }

    # ---- a day in the life ----

    def changes(self):
        """Change both sides, synchronize, and return what was done as sentences."""
        return self._directory_changes() + (self._cloud_changes() if self.tenant else [])

    def _directory_changes(self):
        dc, done = self.dc, []

        new = Person("f.adeyemi", "Folasade", "Adéyẹmí", "Account Manager", "Sales", "Berlin", "Germany",
                     "+49 30 23125 160", None)
        dn = child(f"{new.given} {new.surname}", self.unit("People"))
        dc.add(dn, self._employee(new))
        dc.add_members(self.group_dn("Sales"), [dn])
        done.append("Folasade Adéyẹmí joins Sales (directory, synchronized), and its group")

        supplier = Partner("uwe.kern", "Uwe Kern", "Uwe", "Kern", "uwe.kern@steelandson.example", "Steel & Son",
                           "Dispatch", "+44 20 7946 0185")
        dc.add(child(supplier.name, self.unit("Suppliers")), self._external(supplier))
        done.append("Uwe Kern of Steel & Son becomes a supplier (directory only)")

        dc.modify(self.person_dn("r.whitfield"), {"title": "Lead Engineer", "telephoneNumber": "+44 113 496 0199"})
        done.append("Rosalind Whitfield is promoted to Lead Engineer and has a new number (directory)")

        dc.move(self.person_dn("z.dabrowska"), self.unit("Sales Team"))
        done.append("Zofia Dąbrowska moves to the unit Sales Team (directory, still synchronized)")

        dc.move(self.person_dn("b.nowak"), self.unit("People"))
        done.append("Bartosz Nowak moves from the workshop to People and is synchronized from now on")

        dc.modify(self.person_dn("h.brandt"), {"userAccountControl": 514})
        done.append("Helmut Brandt's account is disabled (directory)")

        dc.delete(self.partner_dn("carla.ruiz"))
        done.append("the contact Carla Ruiz is deleted in the directory, and the cloud follows")

        dc.delete(self.partner_dn("sven.holt"))
        done.append("the supplier Sven Holt is deleted in the directory")

        dc.remove_members(self.group_dn("Fabrikam Project"), [self.partner_dn("ben.okafor")])
        done.append("Ben Okafor leaves the group Fabrikam Project (directory)")

        dc.modify(self.partner_dn("press.office"), {"msExchHideFromAddressLists": True})
        done.append("the contact #Press Office is hidden from address lists (directory)")
        return done

    def _cloud_changes(self):
        tenant, done = self.tenant, []
        self.connect.run()

        new = Person("lea.winter", "Lea", "Winter", "Intern", "Engineering", "Wien", "Austria", "+43 1 5550 1197", None)
        tenant.bulk(users=[self._cloud_user(new)])
        tenant.members(self.cloud_id("cloud-team"), add=[("user", self.cloud_id(new.account))],
                       remove=[("user", self.cloud_id("sam.rivers"))])
        done.append("Lea Winter is new in the cloud and takes Sam Rivers's place in the Cloud Team")

        tenant.put("users", self.cloud_id("nora.quist"),
                   {"jobTitle": "Principal Architect", "businessPhones": ["+45 55 55 01 99"]})
        done.append("Nora Quist is promoted to Principal Architect and has a new number (cloud)")

        tenant.put("users", self.cloud_id(GUESTS[1]), {"accountEnabled": False})
        done.append("the guest Marc Vidal is blocked (cloud)")

        tenant.delete("users", self.cloud_id("kim.minjun"))
        done.append("the user 민준 김 is deleted in the cloud, softly")

        tenant.delete("users", self.synced_id(self.person_dn("c.moreau")))
        done.append("Chloé Moreau's synchronized account is deleted in the cloud, softly; on-premises it stays")

        for kind, identity in (("contacts", self.cloud_contact_id("newsroom")),
                               ("mailcontacts", self.cloud_contact_guid("newsroom"))):
            tenant.delete(kind, identity, permanent=True)
        done.append("the contact Northwind Newsroom is deleted in the cloud")

        tenant.put("mailcontacts", self.cloud_contact_guid("tess.monroe"), {"HiddenFromAddressListsEnabled": True})
        done.append("the contact Tess Monroe is hidden from address lists (cloud)")

        tenant.put("mailcontacts", self.cloud_contact_guid(EXCHANGE_ONLY.alias),
                   {"ExternalDirectoryObjectId": self.cloud_contact_id(EXCHANGE_ONLY.alias)})
        tenant.put("contacts", self.cloud_contact_id(EXCHANGE_ONLY.alias), self._cloud_contact(EXCHANGE_ONLY)[0])
        done.append("the new contact Jo Abrams arrives in Entra")
        return done
