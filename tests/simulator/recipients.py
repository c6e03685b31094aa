"""The recipients as Exchange keeps them: contacts with and without mail, distribution groups, mailboxes.

Tables of their properties with types, and the store behind the cmdlets. Facts behind it: nothing
here has a recycle bin; unset strings are "", other unset values null or []; a plain contact is seen
by Get-Contact only; the members of a group are told as reduced recipients.
"""

import re
import threading
import uuid
from random import Random

from objects import DirectoryError
from opath import BOOLEAN, DATE, GUID, INTEGER, STRINGS, TEXT, moment

KINDS = ("mailcontacts", "distributiongroups", "mailboxes")


def _typed(kind, names):
    return dict.fromkeys(names.split(), kind)


# Every recipient; what has mail; what a person has; what a group has.
COMMON = {
    **_typed(GUID, "Guid ExchangeObjectId"),
    **_typed(TEXT, "Identity Id Name DistinguishedName DisplayName SimpleDisplayName "
                   "WindowsEmailAddress RecipientType RecipientTypeDetails OrganizationalUnit "
                   "OrganizationId ObjectCategory ExchangeVersion"),
    **_typed(DATE, "WhenChanged WhenChangedUTC WhenCreated WhenCreatedUTC"),
    **_typed(BOOLEAN, "IsDirSynced IsValid"),
    **_typed(STRINGS, "ObjectClass AdministrativeUnits"),
}
MAIL = {
    **_typed(TEXT, "ExternalDirectoryObjectId Alias PrimarySmtpAddress LegacyExchangeDN "
                   "SendModerationNotifications MaxSendSize MaxReceiveSize MailTip"),
    **{f"CustomAttribute{n}": TEXT for n in range(1, 16)},
    **{f"ExtensionCustomAttribute{n}": STRINGS for n in range(1, 6)},
    **_typed(STRINGS, "EmailAddresses ModeratedBy BypassModerationFromSendersOrMembers "
                      "AcceptMessagesOnlyFrom AcceptMessagesOnlyFromDLMembers "
                      "AcceptMessagesOnlyFromSendersOrMembers RejectMessagesFrom "
                      "RejectMessagesFromDLMembers RejectMessagesFromSendersOrMembers "
                      "GrantSendOnBehalfTo MailTipTranslations AddressListMembership "
                      "PoliciesIncluded PoliciesExcluded"),
    **_typed(BOOLEAN, "HiddenFromAddressListsEnabled ModerationEnabled EmailAddressPolicyEnabled "
                      "RequireSenderAuthenticationEnabled"),
    **_typed(DATE, "LastExchangeChangedTime"),
}
ROUTING = {
    **_typed(TEXT, "ExternalEmailAddress MessageFormat MessageBodyFormat MacAttachmentFormat "
                   "UseMapiRichTextFormat MaxRecipientPerMessage"),
    **_typed(STRINGS, "UserCertificate UserSMimeCertificate"),
    **_typed(BOOLEAN, "HasPicture"),
}
PERSON = {
    **_typed(TEXT, "FirstName LastName Initials Company Department Title Office StreetAddress City "
                   "StateOrProvince PostalCode CountryOrRegion Phone HomePhone MobilePhone Fax Pager "
                   "AssistantName TelephoneAssistant Manager Notes WebPage PhoneticDisplayName "
                   "GeoCoordinates"),
    **_typed(STRINGS, "OtherTelephone OtherHomePhone OtherFax PostOfficeBox DirectReports"),
    **_typed(INTEGER, "SeniorityIndex"),
}
GROUP = {
    **_typed(TEXT, "GroupType SamAccountName MemberJoinRestriction MemberDepartRestriction"),
    **_typed(STRINGS, "ManagedBy Description"),
    **_typed(BOOLEAN, "BypassNestedModerationEnabled ReportToManagerEnabled "
                      "ReportToOriginatorEnabled SendOofMessageToOriginatorEnabled "
                      "HiddenGroupMembershipEnabled"),
}
DYNAMIC = {
    **_typed(TEXT, "RecipientFilter LdapRecipientFilter RecipientContainer IncludedRecipients Notes "
                   "PhoneticDisplayName"),
    **_typed(STRINGS, "ManagedBy ConditionalCompany ConditionalDepartment ConditionalStateOrProvince"),
    **_typed(BOOLEAN, "ReportToManagerEnabled ReportToOriginatorEnabled "
                      "SendOofMessageToOriginatorEnabled"),
}
MAILBOX = {
    **_typed(GUID, "ExchangeGuid"),
    **_typed(TEXT, "UserPrincipalName ResourceType Office"),
    **_typed(INTEGER, "ResourceCapacity"),
    **_typed(BOOLEAN, "IsMailboxEnabled"),
}
_CONTACT = {**COMMON, **MAIL, **ROUTING, **PERSON}
_ANY_GROUP = {**COMMON, **MAIL, **GROUP, **DYNAMIC}
_TABLES = {"mailcontacts": _CONTACT, "distributiongroups": _ANY_GROUP,
           "mailboxes": {**COMMON, **MAIL, **MAILBOX}}
# What a member cmdlet tells of a recipient.
MEMBER = {**{name: kind for name, kind in _CONTACT.items() if name in set(
    "Guid ExchangeObjectId ExternalDirectoryObjectId Identity Id Name DisplayName Alias "
    "PrimarySmtpAddress WindowsEmailAddress ExternalEmailAddress EmailAddresses RecipientType "
    "RecipientTypeDetails HiddenFromAddressListsEnabled IsDirSynced FirstName LastName Company "
    "Department Title Office City StateOrProvince PostalCode CountryOrRegion Phone Manager "
    "DistinguishedName OrganizationalUnit WhenChanged WhenChangedUTC WhenCreated WhenCreatedUTC"
    .split())}}
_TYPES = {"MailContact": "MailContact", "MailForestContact": "MailContact", "Contact": "Contact",
          "MailUniversalDistributionGroup": "MailUniversalDistributionGroup",
          "MailUniversalSecurityGroup": "MailUniversalSecurityGroup",
          "RoomList": "MailUniversalDistributionGroup",
          "DynamicDistributionGroup": "DynamicDistributionGroup",
          **dict.fromkeys(("UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox"), "UserMailbox")}


class Recipients:
    """All recipients by Guid. Thread-safe; what it hands out is never altered, only replaced."""

    def __init__(self, seed, domain, clock, directory):
        """`directory` is where members are found that are no recipients of this store."""
        self._lock = threading.RLock()
        self._random = Random(f"mail contacts {seed}")
        self._domain = domain
        self._clock = clock
        self._directory = directory
        self._objects = {kind: {} for kind in KINDS}
        self._members = {}      # guid of a group -> its members as they were given
        self._deleted = set()

    # ---- changes -------------------------------------------------------------------------------

    def put(self, kind, guid, values):
        """Merges `values` into the object, creating it when it does not exist; returns its Guid."""
        values = dict(values)
        members, dynamic = None, None
        if kind == "distributiongroups":
            members = values.pop("members", values.pop("Members", None))
            dynamic = values.pop("Dynamic", None)
        guid = guid or values.get("Guid")
        with self._lock:
            if guid is None:
                guid = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            if not isinstance(guid, str) or not guid:
                raise DirectoryError(400, f"not a Guid: {guid!r}")
            guid = guid.lower()
            if str(values.pop("Guid", guid)).lower() != guid:
                raise DirectoryError(400, "the Guid in the body is another one")
            self._check(kind, guid, values, members, dynamic)
            known = self._objects[kind].get(guid)
            if members is not None:
                members = [dict(member) for member in members]
            unchanged = known is not None and all(known.get(n) == v for n, v in values.items()) \
                and (members is None or members == self._members.get(guid))
            if unchanged:
                return guid
            stamp = self._clock.utc().strftime("%Y-%m-%dT%H:%M:%S.%f0")
            if known is None:
                fresh = {"mailcontacts": self._fresh_contact, "distributiongroups": self._fresh_group,
                         "mailboxes": self._fresh_mailbox}[kind]
                known = fresh(guid, values, bool(dynamic))
                known["WhenCreatedUTC"], known["WhenCreated"] = stamp + "Z", stamp + "+00:00"
            if "RecipientTypeDetails" in values:
                values.setdefault("RecipientType", _TYPES[values["RecipientTypeDetails"]])
            # Replaced, not altered: a page being written may still hold the old one.
            self._objects[kind][guid] = {**known, "WhenChangedUTC": stamp + "Z",
                                         "WhenChanged": stamp + "+00:00", **values}
            if members is not None:
                self._members[guid] = members
            self._deleted.discard(guid)
            return guid

    def _check(self, kind, guid, values, members, dynamic):
        table = _TABLES[kind]
        for name, value in values.items():
            trouble = _problem(table, name, value)
            if trouble:
                raise DirectoryError(400, f"{kind}/{guid}: {trouble}")
        for other in KINDS:
            if other != kind and guid in self._objects[other]:
                raise DirectoryError(400, f"{guid} is one of {other}")
        if values.get("RecipientTypeDetails", "MailContact") not in _TYPES:
            raise DirectoryError(400, f"no RecipientTypeDetails '{values['RecipientTypeDetails']}'")
        if dynamic is not None and not isinstance(dynamic, bool):
            raise DirectoryError(400, "Dynamic is true or false")
        known = self._objects[kind].get(guid)
        if known is not None and dynamic is not None and dynamic != is_dynamic(known):
            raise DirectoryError(400, "a group is dynamic, or it is not, for life")
        for member in members or ():
            if not isinstance(member, dict) or not (member.get("Guid")
                                                    or member.get("ExternalDirectoryObjectId")):
                raise DirectoryError(400, f"not a member: {member!r}")
            for name, value in member.items():
                trouble = _problem(MEMBER, name, value)
                if trouble:
                    raise DirectoryError(400, f"member of {guid}: {trouble}")

    def _fresh(self, guid, values, table, address):
        """What the service fills in for any recipient."""
        made = {name: {TEXT: "", BOOLEAN: False, STRINGS: []}.get(kind) for name, kind in table.items()}
        name = values.get("Name") or values.get("DisplayName") or values.get("Alias") or guid
        alias = values.get("Alias") or address.partition("@")[0]
        number = f"{self._random.getrandbits(128):032x}"
        made.update({
            "Guid": guid, "ExchangeObjectId": guid, "Name": name, "Identity": name, "Id": name,
            "DisplayName": values.get("DisplayName") or name, "Alias": alias,
            "DistinguishedName": f"CN={name},OU={self._domain},OU=Microsoft Exchange Hosted "
                                 "Organizations,DC=simulated,DC=prod,DC=outlook,DC=com",
            "OrganizationalUnit": "simulated.prod.outlook.com/Microsoft Exchange Hosted "
                                  f"Organizations/{self._domain}",
            "PrimarySmtpAddress": address, "WindowsEmailAddress": address,
            "EmailAddresses": [f"SMTP:{address}"] if address else [],
            "LegacyExchangeDN": "/o=ExchangeLabs/ou=Exchange Administrative Group "
                                f"(FYDIBOHF23SPDLT)/cn=Recipients/cn={number}-{alias}",
            "SendModerationNotifications": "Always", "MaxSendSize": "Unlimited",
            "MaxReceiveSize": "Unlimited", "IsValid": True})
        return made

    def _fresh_contact(self, guid, values, _):
        if values.get("RecipientTypeDetails") == "Contact":
            made = self._fresh(guid, values, _CONTACT, "")
            made.update({"Alias": "", "LegacyExchangeDN": "", "RecipientType": "Contact",
                         "RecipientTypeDetails": "Contact"})
        else:
            external = values.get("ExternalEmailAddress") or ""
            address = values.get("PrimarySmtpAddress") or re.sub(r"(?i)^smtp:", "", external)
            made = self._fresh(guid, values, _CONTACT, address)
            made.update({"RecipientType": "MailContact", "RecipientTypeDetails": "MailContact",
                         "MessageFormat": "Mime", "MessageBodyFormat": "TextAndHtml",
                         "UseMapiRichTextFormat": "UseDefaultSettings",
                         "MaxRecipientPerMessage": "Unlimited"})
        made["ObjectClass"] = ["top", "person", "organizationalPerson", "contact"]
        return made

    def _fresh_group(self, guid, values, dynamic):
        made = self._fresh(guid, values, _ANY_GROUP, values.get("PrimarySmtpAddress") or "")
        if dynamic:
            made.update({"RecipientType": "DynamicDistributionGroup",
                         "RecipientTypeDetails": "DynamicDistributionGroup",
                         "RecipientContainer": self._domain, "IncludedRecipients": "AllRecipients",
                         "RecipientFilter": "Alias -ne $null",
                         "ObjectClass": ["top", "msExchDynamicDistributionList"]})
        else:
            made.update({"RecipientType": "MailUniversalDistributionGroup",
                         "RecipientTypeDetails": "MailUniversalDistributionGroup",
                         "GroupType": "Universal", "MemberJoinRestriction": "Closed",
                         "MemberDepartRestriction": "Open", "ObjectClass": ["top", "group"]})
        return made

    def _fresh_mailbox(self, guid, values, _):
        made = self._fresh(guid, values, _TABLES["mailboxes"], values.get("PrimarySmtpAddress") or "")
        made.update({"RecipientType": "UserMailbox", "RecipientTypeDetails": "UserMailbox",
                     "ExchangeGuid": guid, "IsMailboxEnabled": True,
                     "UserPrincipalName": made["PrimarySmtpAddress"],
                     "ObjectClass": ["top", "person", "organizationalPerson", "user"]})
        return made

    def delete(self, kind, guid, _permanent=True):
        """For good: nothing here has a recycle bin."""
        with self._lock:
            if self._objects[kind].pop(guid.lower(), None) is None:
                raise DirectoryError(404, f"no {kind}/{guid}")
            self._members.pop(guid.lower(), None)
            self._deleted.add(guid.lower())
            return "gone"

    # ---- reading -------------------------------------------------------------------------------

    def get(self, kind, guid):
        with self._lock:
            return self._objects[kind].get(guid.lower())

    def all(self, kind):
        with self._lock:
            return list(self._objects[kind].values())

    def describe(self, kind, guid):
        with self._lock:
            found = self._objects[kind].get(guid.lower())
            if found is None:
                raise DirectoryError(404, f"no {kind}/{guid}")
            return self._described(kind, found)

    def describe_all(self):
        with self._lock:
            return {kind: [self._described(kind, each) for each in self._objects[kind].values()]
                    for kind in KINDS}

    def _described(self, kind, found):
        if kind != "distributiongroups":
            return found
        return {**found, "Dynamic": is_dynamic(found), "members": self._members.get(found["Guid"], [])}

    def members(self, group):
        """The members of a group as reduced recipients, without those that are no more."""
        with self._lock:
            known = {}      # by Guid and by ExternalDirectoryObjectId
            for each in (each for kind in KINDS for each in self._objects[kind].values()):
                known[each["ExternalDirectoryObjectId"]] = known[each["Guid"]] = each
            rows = (self._member(member, known) for member in self._members.get(group["Guid"], ()))
            return [row for row in rows if row is not None]

    def _member(self, member, known):
        guid = str(member.get("Guid") or "").lower()
        external = member.get("ExternalDirectoryObjectId")
        recipient = known.get(guid or external)
        if recipient is not None:
            return {name: recipient.get(name, _empty(kind)) for name, kind in MEMBER.items()}
        if guid in self._deleted:
            return None
        values = {}
        if external:
            kind, entry = self._directory.look_up(external)
            if kind and entry is None:
                return None
            values = _from_directory(kind, entry) if entry else {}
        guid = guid or str(uuid.uuid5(uuid.NAMESPACE_URL, f"recipient {external}"))
        name = values.get("DisplayName") or member.get("DisplayName") or member.get("Name") or guid
        return {**{name: _empty(kind) for name, kind in MEMBER.items()},
                "ExternalDirectoryObjectId": external or "", "Guid": guid, "ExchangeObjectId": guid,
                "Name": name, "Identity": name, "Id": name, "DisplayName": name,
                "RecipientType": "UserMailbox", "RecipientTypeDetails": "UserMailbox",
                **values, **member}


def is_dynamic(group):
    return group["RecipientTypeDetails"] == "DynamicDistributionGroup"


def _empty(kind):
    return {TEXT: "", BOOLEAN: False, STRINGS: []}.get(kind)


def _from_directory(kind, entry):
    """A recipient made from an object of the directory."""
    types = {"users": ("UserMailbox", "UserMailbox"), "contacts": ("MailContact", "MailContact"),
             "groups": ("MailUniversalDistributionGroup", "GroupMailbox")}[kind]
    if kind == "users" and entry.get("userType") == "Guest":
        types = ("MailUser", "GuestMailUser")
    names = {"DisplayName": "displayName", "PrimarySmtpAddress": "mail", "Alias": "mailNickname",
             "FirstName": "givenName", "LastName": "surname", "Title": "jobTitle",
             "Department": "department", "Company": "companyName"}
    return {"RecipientType": types[0], "RecipientTypeDetails": types[1],
            "IsDirSynced": bool(entry.get("onPremisesSyncEnabled")),
            **{ours: entry[theirs] for ours, theirs in names.items() if entry.get(theirs)}}


def names(recipient):
    """What an Identity may call it."""
    return {str(recipient[n]).lower() for n in (
        "Guid", "ExternalDirectoryObjectId", "Alias", "Name", "Identity", "DisplayName",
        "DistinguishedName", "PrimarySmtpAddress", "LegacyExchangeDN") if recipient.get(n)} \
        | {address.partition(":")[2].lower() for address in recipient["EmailAddresses"] or ()}


def _problem(table, name, value):
    kind = table.get(name)
    if kind is None:
        return f"there is no property '{name}'"
    if value is None:
        return None
    if kind == STRINGS:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif kind == BOOLEAN:
        fits = isinstance(value, bool)
    elif kind == INTEGER:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind == DATE:
        fits = isinstance(value, str) and moment(value) is not None
    else:
        fits = isinstance(value, str)
    return None if fits else f"'{name}' is not of type {kind}"
