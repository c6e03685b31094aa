#!/usr/bin/python3
"""The shapes of objects: how Microsoft Graph, Exchange Online and Active Directory describe a recipient.

The functions for the cloud take the few facts that matter and return the complete property bag, unset
properties included as None (Graph) or "" (Exchange), so that two bags can be compared property by
property. Those for the directory return the attributes of a new entry.
"""

import uuid

#: Identities in the lab are derived, never drawn: the same world has the same ids in every run.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ids.lab.contoso.test")

CUSTOM = range(1, 16)


def entra_id(source):
    """The Entra object id of something, say an AD objectGUID or a name of the caller's own."""
    return str(uuid.uuid5(_NAMESPACE, "entra/" + source))


def exchange_guid(source):
    """The Guid of the Exchange object that belongs to the Entra object entra_id(source)."""
    return str(uuid.uuid5(_NAMESPACE, "exchange/" + source))


def legacy_dn(source, alias):
    """LegacyExchangeDN as Exchange Online makes it."""
    unique = uuid.uuid5(_NAMESPACE, "legacy/" + source).hex
    return ("/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)"
            f"/cn=Recipients/cn={unique}-{alias}")


def on_premises_legacy_dn(alias):
    """legacyExchangeDN as an Exchange server on-premises makes it."""
    return f"/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={alias}"


def primary(proxies):
    """The primary SMTP address among proxyAddresses, or None."""
    return next((value[5:] for value in proxies if value.startswith("SMTP:")), None)


_USER = """
    displayName givenName surname userPrincipalName mail mailNickname accountEnabled companyName department
    jobTitle officeLocation mobilePhone faxNumber streetAddress city state postalCode country employeeId
    showInAddressList externalUserState creationType onPremisesSyncEnabled onPremisesImmutableId
    onPremisesDistinguishedName onPremisesDomainName onPremisesSamAccountName onPremisesUserPrincipalName
    onPremisesSecurityIdentifier""".split()

_CONTACT = """
    displayName givenName surname mail mailNickname companyName department jobTitle
    onPremisesSyncEnabled""".split()

_GROUP = """
    displayName description mail mailNickname mailEnabled securityEnabled visibility onPremisesSyncEnabled
    onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesDomainName""".split()


def _complete(known, given, what):
    unknown = given.keys() - set(known)
    if unknown:
        raise TypeError(f"{what} has no property {', '.join(sorted(unknown))}")
    return {name: given.get(name) for name in known}


def user(identity, *, proxies=(), phones=(), other_mails=(), custom=None, kind="Member", **properties):
    """A user or (kind="Guest") a guest."""
    properties.setdefault("accountEnabled", True)
    custom = custom or {}
    return {
        "id": identity, "userType": kind, **_complete(_USER, properties, "a user"),
        "proxyAddresses": list(proxies), "otherMails": list(other_mails), "businessPhones": list(phones),
        "onPremisesExtensionAttributes": {f"extensionAttribute{n}": custom.get(n) for n in CUSTOM},
    }


def guest(identity, mail, tenant_domain, **properties):
    """A guest who was invited under an address of another organisation."""
    return user(identity, kind="Guest", mail=mail, proxies=["SMTP:" + mail], other_mails=[mail],
                mailNickname=mail.replace("@", "_") + "#EXT#", externalUserState="Accepted",
                creationType="Invitation",
                userPrincipalName=f"{mail.replace('@', '_')}#EXT#@{tenant_domain}", **properties)


def contact(identity, *, proxies=(), business=None, mobile=None, fax=None, address=None, **properties):
    """An organizational contact. `address` has street, city, state, postalCode, countryOrRegion, officeLocation."""
    numbers = (("business", business), ("mobile", mobile), ("businessFax", fax))
    where = {name: (address or {}).get(name) for name in
             ("city", "countryOrRegion", "officeLocation", "postalCode", "state", "street")}
    return {
        "id": identity, **_complete(_CONTACT, properties, "a contact"), "proxyAddresses": list(proxies),
        "phones": [{"type": kind, "number": number} for kind, number in numbers if number],
        "addresses": [where] if any(where.values()) else [],
    }


def mail_contact(guid, of, *, legacy, external=None, hidden=False, synced=False, custom=None):
    """The Exchange object of a contact; `of` is what contact() returned for its Entra object."""
    mail = primary(of["proxyAddresses"]) or of["mail"] or ""
    custom = custom or {}
    return {
        "Guid": guid, "ExchangeObjectId": guid, "ExternalDirectoryObjectId": of["id"],
        "Identity": of["displayName"], "Name": of["displayName"], "DisplayName": of["displayName"],
        "Alias": of["mailNickname"] or "", "PrimarySmtpAddress": mail, "WindowsEmailAddress": of["mail"] or mail,
        "EmailAddresses": list(of["proxyAddresses"]), "ExternalEmailAddress": external or "SMTP:" + mail,
        "LegacyExchangeDN": legacy, "HiddenFromAddressListsEnabled": hidden, "IsDirSynced": synced,
        "RecipientType": "MailContact", "RecipientTypeDetails": "MailContact",
        **{f"CustomAttribute{n}": custom.get(n) or "" for n in CUSTOM},
    }


def group(identity, *, members=(), proxies=(), types=(), **properties):
    """A group; members are (type, id) pairs, the type being user, contact or group."""
    properties.setdefault("securityEnabled", True)
    properties.setdefault("mailEnabled", bool(proxies))
    return {
        "id": identity, **_complete(_GROUP, properties, "a group"), "groupTypes": list(types),
        "proxyAddresses": list(proxies),
        "members": [{"type": kind, "id": member} for kind, member in members],
    }


# ---- Active Directory -----------------------------------------------------------------------------

DISTRIBUTION_GROUP = 8  # universal
SECURITY_MAIL_GROUP = 8 - 2 ** 31  # universal, security
SECURITY_GROUP = 2 - 2 ** 31  # global, security


def directory_user(account, domain, *, disabled=False, **attributes):
    """Attributes of an AD user."""
    return {"objectClass": ["top", "person", "organizationalPerson", "user"], "sAMAccountName": account,
            "userPrincipalName": f"{account}@{domain}", "userAccountControl": 514 if disabled else 512,
            **attributes}


def directory_contact(alias, mail, **attributes):
    """Attributes of an AD mail contact as Exchange makes one."""
    entry = {"objectClass": ["top", "person", "organizationalPerson", "contact"], "mail": mail,
             "mailNickname": alias, "legacyExchangeDN": on_premises_legacy_dn(alias)}
    if mail:
        entry |= {"targetAddress": "SMTP:" + mail, "proxyAddresses": ["SMTP:" + mail]}
    return {**entry, **attributes}


def directory_group(account, members, kind=SECURITY_GROUP, mail=None, **attributes):
    """Attributes of an AD group; with a mail address it is a mail-enabled one."""
    entry = {"objectClass": ["top", "group"], "sAMAccountName": account, "groupType": kind,
             "member": list(members), "displayName": account}
    if mail:
        entry |= {"mail": mail, "mailNickname": account, "proxyAddresses": ["SMTP:" + mail]}
    return {**entry, **attributes}


def directory_unit(name):
    """Attributes of an organizational unit."""
    return {"objectClass": ["top", "organizationalUnit"], "ou": name}
