#!/usr/bin/python3
"""A stand-in for Entra Connect: carries objects from the domain controller to the tenant.

    connect.py --dc DIR --tenant DIR --scope OU=Staff,DC=contoso,DC=test [--scope …]

It follows what Microsoft documents of the product, as far as a reader of both sides can tell:
objects below the chosen OUs go up, an attribute goes up only when it changed, what vanishes from the
scope is deleted in the cloud (users softly), and an object that comes back gets its old identity. Like
the product it remembers what it exported; changes made in the cloud by others are not undone until the
same attribute changes on-premises.

The tenant given on the command line must be running; its directory also keeps that memory.
"""

import argparse
import base64
import collections
import functools
import json
import os

import ldap

import shapes
from lab import DomainController, Tenant, TenantError, guid_text, sid_text

ATTRIBUTES = """
    objectClass objectGUID objectSid mS-DS-ConsistencyGuid isCriticalSystemObject sAMAccountName
    userPrincipalName userAccountControl displayName name givenName sn mail mailNickname proxyAddresses
    targetAddress legacyExchangeDN telephoneNumber mobile facsimileTelephoneNumber company department title
    physicalDeliveryOfficeName streetAddress l st postalCode co employeeID description groupType member
    msExchHideFromAddressLists""".split() + [f"extensionAttribute{n}" for n in shapes.CUSTOM]

DISABLED = 0x2
SECURITY_GROUP = 0x80000000

#: what one run sent: numbers of objects by kind of action
Report = collections.namedtuple("Report", "created changed deleted restored memberships")


class Source:
    """One directory entry, with its values as text."""

    def __init__(self, dn, values):
        self.dn = dn
        self.values = {name.lower(): found for name, found in values.items()}
        self.guid = guid_text(self.values["objectguid"][0])
        self.classes = {value.lower() for value in self.all("objectClass")}

    def all(self, name):
        return [value.decode("utf-8") for value in self.values.get(name.lower(), [])]

    def one(self, name):
        found = self.all(name)
        return found[0] if found else None

    def number(self, name):
        return int(self.one(name) or 0)

    @property
    def kind(self):
        for name in ("contact", "group", "user"):
            if name in self.classes:
                return name
        return None

    @property
    def custom(self):
        return {n: self.one(f"extensionAttribute{n}") for n in shapes.CUSTOM}

    @property
    def hidden(self):
        return self.one("msExchHideFromAddressLists") == "TRUE"

    @property
    def display_name(self):
        return self.one("displayName") or self.one("name")

    @property
    def entra_id(self):
        return shapes.entra_id(self.guid)

    @property
    def exchange_guid(self):
        return shapes.exchange_guid(self.guid)

    def in_scope(self):
        """The product's default rules, beyond the OU."""
        if self.one("isCriticalSystemObject") == "TRUE":
            return False
        if self.kind == "contact":
            return bool(self.one("mail")) and "@" in (shapes.primary(self.all("proxyAddresses")) or "")
        if self.kind == "group":
            return bool(self.number("groupType") & SECURITY_GROUP) or bool(self.one("mail"))
        return self.kind == "user"


class Connect:
    """The synchronization of some OUs of a controller with a tenant."""

    def __init__(self, dc, tenant, scopes, tenant_domain="contoso.onmicrosoft.com", write_back=False):
        """With write_back the cloud's LegacyExchangeDN returns to the proxyAddresses of AD contacts,
        as the product does when Exchange hybrid deployment is chosen."""
        self.dc = dc
        self.tenant = tenant
        self.scopes = list(scopes)
        self.tenant_domain = tenant_domain
        self.write_back = write_back
        self.memory_path = os.path.join(tenant.directory, "connect.json")

    def run(self):
        """One synchronization cycle; returns a Report."""
        memory = self._remember()
        known = memory["exported"]
        wanted, sources = self._wanted()
        report = collections.Counter()

        new = {kind: [] for kind in wanted}
        for kind, objects in wanted.items():
            for identity, properties in objects.items():
                before = known[kind].get(identity)
                if before is None and identity in memory["deleted"]:
                    self.tenant.restore(identity)
                    self.tenant.put(kind, identity, properties)
                    memory["deleted"].remove(identity)
                    report["restored"] += 1
                elif before is None:
                    new[kind].append(properties)
                elif before != properties:
                    report["changed"] += self._send_change(kind, identity, before, properties)
        report["created"] = sum(map(len, new.values()))
        self._create(new)

        report["memberships"] = self._nest(known["groups"], wanted["groups"])

        for kind in ("groups", "mailcontacts", "contacts", "users"):
            for identity in known[kind].keys() - wanted[kind].keys():
                # of what is synchronized only users go to the recycle bin of the directory
                report["deleted"] += self._unless_gone(
                    functools.partial(self.tenant.delete, kind, identity, permanent=kind != "users"))
                if kind == "users":
                    memory["deleted"].append(identity)

        memory["exported"] = wanted
        self._keep(memory)
        if self.write_back:
            self._write_back(sources, wanted["mailcontacts"])
        return Report(*(report[name] for name in Report._fields))

    # ---- memory ----

    def _remember(self):
        try:
            with open(self.memory_path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"exported": {"users": {}, "contacts": {}, "mailcontacts": {}, "groups": {}}, "deleted": []}

    def _keep(self, memory):
        with open(self.memory_path + ".new", "w", encoding="utf-8") as file:
            json.dump(memory, file)
        os.replace(self.memory_path + ".new", self.memory_path)

    # ---- sending ----

    def _create(self, new):
        # Groups within groups are left to _nest: a group may be named before it exists.
        groups = [{**group, "members": [member for member in group["members"] if member["type"] != "group"]}
                  for group in new["groups"]]
        self.tenant.bulk(users=new["users"], contacts=new["contacts"], mailcontacts=new["mailcontacts"], groups=groups)

    def _send_change(self, kind, identity, before, after):
        changes = {name: value for name, value in after.items() if name != "members" and before.get(name) != value}
        if not changes:
            return False
        return self._unless_gone(functools.partial(self.tenant.put, kind, identity, changes))

    @staticmethod
    def _unless_gone(request):
        """Whether a request was accepted; somebody in the cloud may have deleted its object."""
        try:
            request()
        except TenantError as error:
            if error.status not in (404, 409):
                raise
            return False
        return True

    def _nest(self, known, wanted):
        """Bring memberships in line that _create has not set; returns their number."""
        sent = 0
        for identity, group in wanted.items():
            after = {(member["type"], member["id"]) for member in group["members"]}
            if identity in known:
                before = {(member["type"], member["id"]) for member in known[identity]["members"]}
            else:
                before = {member for member in after if member[0] != "group"}
            if before != after:
                self.tenant.members(identity, add=sorted(after - before), remove=sorted(before - after))
                sent += len(before ^ after)
        return sent

    # ---- reading ----

    def _wanted(self):
        """What the tenant ought to hold, and the entries that it comes from."""
        sources = {}
        for scope in self.scopes:
            found = self.dc.search("(|(objectClass=contact)(objectClass=group)"
                                   "(&(objectClass=user)(!(objectClass=computer))))", scope, ATTRIBUTES)
            for source in (Source(dn, values) for dn, values in found):
                if source.in_scope():
                    sources[source.dn.lower()] = source
        wanted = {"users": {}, "contacts": {}, "mailcontacts": {}, "groups": {}}
        for source in sources.values():
            if source.kind == "user":
                wanted["users"][source.entra_id] = self._user(source)
            elif source.kind == "contact":
                contact = self._contact(source)
                wanted["contacts"][source.entra_id] = contact
                wanted["mailcontacts"][source.exchange_guid] = self._mail_contact(source, contact)
            else:
                wanted["groups"][source.entra_id] = self._group(source, sources)
        return wanted, sources

    def _user(self, source):
        anchor = (source.values.get("ms-ds-consistencyguid") or source.values["objectguid"])[0]
        alias = source.one("mailNickname") or source.one("sAMAccountName")
        proxies = source.all("proxyAddresses")
        cloud_address = f"{alias}@{self.tenant_domain}"
        if cloud_address.lower() not in {value.partition(":")[2].lower() for value in proxies}:
            proxies.append("smtp:" + cloud_address)
        return shapes.user(
            source.entra_id, proxies=sorted(proxies), custom=source.custom,
            phones=source.all("telephoneNumber"),
            displayName=source.display_name, givenName=source.one("givenName"), surname=source.one("sn"),
            userPrincipalName=source.one("userPrincipalName") or cloud_address,
            mail=source.one("mail"), mailNickname=alias,
            accountEnabled=not source.number("userAccountControl") & DISABLED,
            companyName=source.one("company"), department=source.one("department"), jobTitle=source.one("title"),
            officeLocation=source.one("physicalDeliveryOfficeName"), mobilePhone=source.one("mobile"),
            faxNumber=source.one("facsimileTelephoneNumber"), streetAddress=source.one("streetAddress"),
            city=source.one("l"), state=source.one("st"), postalCode=source.one("postalCode"),
            country=source.one("co"), employeeId=source.one("employeeID"),
            showInAddressList=False if source.hidden else None,
            onPremisesSyncEnabled=True, onPremisesImmutableId=base64.b64encode(anchor).decode(),
            onPremisesDistinguishedName=source.dn, onPremisesDomainName=self.dc.domain,
            onPremisesSamAccountName=source.one("sAMAccountName"),
            onPremisesUserPrincipalName=source.one("userPrincipalName"),
            onPremisesSecurityIdentifier=sid_text(source.values["objectsid"][0]))

    def _contact(self, source):
        proxies = source.all("proxyAddresses")
        legacy = source.one("legacyExchangeDN")
        if legacy and "x500:" + legacy.lower() not in {value.lower() for value in proxies}:
            proxies.append("X500:" + legacy)
        return shapes.contact(
            source.entra_id, proxies=sorted(proxies),
            displayName=source.display_name, givenName=source.one("givenName"), surname=source.one("sn"),
            mail=source.one("mail"), mailNickname=source.one("mailNickname"), companyName=source.one("company"),
            department=source.one("department"), jobTitle=source.one("title"), onPremisesSyncEnabled=True,
            business=source.one("telephoneNumber"), mobile=source.one("mobile"),
            fax=source.one("facsimileTelephoneNumber"),
            address={"street": source.one("streetAddress"), "city": source.one("l"), "state": source.one("st"),
                     "postalCode": source.one("postalCode"), "countryOrRegion": source.one("co"),
                     "officeLocation": source.one("physicalDeliveryOfficeName")})

    def _mail_contact(self, source, contact):
        alias = source.one("mailNickname") or "contact"
        return shapes.mail_contact(
            source.exchange_guid, contact, legacy=shapes.legacy_dn(source.guid, alias),
            external=source.one("targetAddress"), hidden=source.hidden, synced=True, custom=source.custom)

    def _group(self, source, sources):
        members = [sources[dn.lower()] for dn in source.all("member") if dn.lower() in sources]
        return shapes.group(
            source.entra_id, members=sorted((member.kind, member.entra_id) for member in members),
            proxies=sorted(source.all("proxyAddresses")), displayName=source.display_name,
            description=source.one("description"), mail=source.one("mail"), mailNickname=source.one("mailNickname"),
            mailEnabled=bool(source.one("mail")),
            securityEnabled=bool(source.number("groupType") & SECURITY_GROUP), onPremisesSyncEnabled=True,
            onPremisesSamAccountName=source.one("sAMAccountName"), onPremisesDomainName=self.dc.domain,
            onPremisesSecurityIdentifier=sid_text(source.values["objectsid"][0]))

    def _write_back(self, sources, mail_contacts):
        for source in sources.values():
            if source.kind != "contact":
                continue
            x500 = "X500:" + mail_contacts[source.exchange_guid]["LegacyExchangeDN"]
            if x500.lower() not in {value.lower() for value in source.all("proxyAddresses")}:
                self.dc.admin().modify_s(source.dn, [(ldap.MOD_ADD, "proxyAddresses", [x500.encode()])])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dc", required=True, metavar="DIR", help="directory of the running domain controller")
    parser.add_argument("--tenant", required=True, metavar="DIR", help="directory of the running tenant simulator")
    parser.add_argument("--scope", required=True, action="append", metavar="DN", help="an OU to synchronize")
    parser.add_argument("--tenant-domain", default="contoso.onmicrosoft.com")
    parser.add_argument("--write-back", action="store_true", help="write X500 addresses back to AD contacts")
    options = parser.parse_args()
    connect = Connect(DomainController(options.dc), Tenant.attach(options.tenant), options.scope,
                      options.tenant_domain, options.write_back)
    for name, number in connect.run()._asdict().items():
        print(f"{name:12} {number}")


if __name__ == "__main__":
    main()
