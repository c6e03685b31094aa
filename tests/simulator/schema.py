"""The property lists of the simulated entities, with their types.

Graph refuses a $select that names an unknown property and answers 501 when a property exists but
is not stored in the directory, so both lists are fixed here (v1.0 metadata of orgContact, user and
group). The control interface uses the same tables to refuse an object that no tenant could hold.
"""

import re

STRING, BOOLEAN, DATE, INTEGER, STRINGS = "String", "Boolean", "DateTimeOffset", "Int32", "Strings"


class Complex:
    """A complex type: its member names and types; `many` for a collection of it."""

    def __init__(self, members, many):
        self.members = members
        self.many = many


def _strings(*names):
    return dict.fromkeys(names, STRING)


_PROVISIONING_ERRORS = Complex(
    {**_strings("category", "propertyCausingError", "value"), "occurredDateTime": DATE}, many=True)
_SERVICE_ERRORS = Complex(
    {"createdDateTime": DATE, "isResolved": BOOLEAN, "serviceInstance": STRING, "errorDetail": STRING},
    many=True)
_LICENSES = Complex({"skuId": STRING, "disabledPlans": STRINGS}, many=True)

_CONTACT = {
    **_strings("companyName", "department", "displayName", "givenName", "jobTitle", "mail",
               "mailNickname", "surname"),
    "deletedDateTime": DATE,
    "addresses": Complex(_strings("city", "countryOrRegion", "officeLocation", "postalCode", "state",
                                  "street"), many=True),
    "phones": Complex(_strings("language", "number", "region", "type"), many=True),
    "proxyAddresses": STRINGS,
    "onPremisesLastSyncDateTime": DATE,
    "onPremisesSyncEnabled": BOOLEAN,
    "onPremisesProvisioningErrors": _PROVISIONING_ERRORS,
    "serviceProvisioningErrors": _SERVICE_ERRORS,
}

_USER = {
    **_strings("ageGroup", "city", "companyName", "consentProvidedForMinor", "country", "creationType",
               "department", "displayName", "employeeId", "employeeType", "externalUserState",
               "faxNumber", "givenName", "jobTitle", "legalAgeGroupClassification", "mail",
               "mailNickname", "mobilePhone", "officeLocation", "onPremisesDistinguishedName",
               "onPremisesDomainName", "onPremisesImmutableId", "onPremisesSamAccountName",
               "onPremisesSecurityIdentifier", "onPremisesUserPrincipalName", "passwordPolicies",
               "postalCode", "preferredDataLocation", "preferredLanguage", "securityIdentifier",
               "state", "streetAddress", "surname", "usageLocation", "userPrincipalName", "userType"),
    "accountEnabled": BOOLEAN, "isResourceAccount": BOOLEAN, "onPremisesSyncEnabled": BOOLEAN,
    "showInAddressList": BOOLEAN,
    "createdDateTime": DATE, "deletedDateTime": DATE, "employeeHireDate": DATE,
    "externalUserStateChangeDateTime": DATE, "lastPasswordChangeDateTime": DATE,
    "onPremisesLastSyncDateTime": DATE, "signInSessionsValidFromDateTime": DATE,
    "businessPhones": STRINGS, "imAddresses": STRINGS, "otherMails": STRINGS,
    "proxyAddresses": STRINGS,
    "assignedLicenses": _LICENSES,
    "employeeOrgData": Complex(_strings("costCenter", "division"), many=False),
    "identities": Complex(_strings("signInType", "issuer", "issuerAssignedId"), many=True),
    "onPremisesExtensionAttributes": Complex(
        _strings(*(f"extensionAttribute{n}" for n in range(1, 16))), many=False),
    "onPremisesProvisioningErrors": _PROVISIONING_ERRORS,
    "serviceProvisioningErrors": _SERVICE_ERRORS,
}

_GROUP = {
    **_strings("classification", "description", "displayName", "mail", "mailNickname",
               "membershipRule", "membershipRuleProcessingState", "onPremisesDomainName",
               "onPremisesNetBiosName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
               "preferredDataLocation", "preferredLanguage", "securityIdentifier", "theme",
               "visibility"),
    "createdDateTime": DATE, "deletedDateTime": DATE, "expirationDateTime": DATE,
    "onPremisesLastSyncDateTime": DATE, "renewedDateTime": DATE,
    "isAssignableToRole": BOOLEAN, "mailEnabled": BOOLEAN, "onPremisesSyncEnabled": BOOLEAN,
    "securityEnabled": BOOLEAN,
    "groupTypes": STRINGS, "proxyAddresses": STRINGS,
    "assignedLabels": Complex(_strings("displayName", "labelId"), many=True),
    "assignedLicenses": _LICENSES,
    "licenseProcessingState": Complex(_strings("state"), many=False),
    "onPremisesProvisioningErrors": _PROVISIONING_ERRORS,
    "serviceProvisioningErrors": _SERVICE_ERRORS,
    # Kept by Exchange, not by the directory: only a single GET returns them.
    "allowExternalSenders": BOOLEAN, "autoSubscribeNewMembers": BOOLEAN,
    "hideFromAddressLists": BOOLEAN, "hideFromOutlookClients": BOOLEAN,
    "isSubscribedByMail": BOOLEAN, "unseenCount": INTEGER,
}


class Entity:
    """What one collection may hold and what its requests may name.

    properties: name -> type. default: what an answer without $select carries.
    outside: known, but not in the directory store, so 501 on lists and delta.
    relations: navigation properties; tracked: those whose changes delta reports as name@delta.
    """

    def __init__(self, kind, type_name, properties, default, outside, relations, tracked):
        self.kind = kind
        self.type_name = type_name
        self.properties = properties
        self.default = tuple(default)
        self.outside = frozenset(outside)
        self.relations = frozenset(relations)
        self.tracked = frozenset(tracked)


ENTITIES = {
    "contacts": Entity(
        "contacts", "orgContact", _CONTACT,
        ("companyName", "department", "displayName", "givenName", "jobTitle", "mail", "mailNickname",
         "surname"),
        outside=(),
        relations=("manager", "directReports", "memberOf", "transitiveMemberOf",
                   "onPremisesSyncBehavior"),
        tracked=()),
    "users": Entity(
        "users", "user", _USER,
        ("businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone",
         "officeLocation", "preferredLanguage", "surname", "userPrincipalName"),
        outside=("aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite",
                 "pastProjects", "preferredName", "responsibilities", "schools", "skills"),
        relations=("manager", "directReports", "memberOf", "transitiveMemberOf", "photo"),
        tracked=("manager",)),
    "groups": Entity(
        "groups", "group", _GROUP,
        ("classification", "createdDateTime", "deletedDateTime", "description", "displayName",
         "expirationDateTime", "groupTypes", "mail", "mailEnabled", "mailNickname", "membershipRule",
         "onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesNetBiosName",
         "onPremisesProvisioningErrors", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
         "onPremisesSyncEnabled", "preferredDataLocation", "proxyAddresses", "renewedDateTime",
         "securityEnabled", "securityIdentifier", "theme", "visibility"),
        outside=("allowExternalSenders", "autoSubscribeNewMembers", "hideFromAddressLists",
                 "hideFromOutlookClients", "isSubscribedByMail", "unseenCount"),
        relations=("members", "transitiveMembers", "owners", "memberOf", "transitiveMemberOf"),
        tracked=("members",)),
}

# The metadata declares these collections as never null.
NOT_NULL = frozenset({"proxyAddresses"})

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
_LIMITS = {"displayName": 256}


def problem(entity, name, value):
    """Why `value` cannot be stored as property `name` of `entity`; None when it can."""
    expected = entity.properties.get(name)
    if expected is None:
        return f"{entity.type_name} has no property '{name}'"
    if value is None:
        return f"'{name}' is never null" if name in NOT_NULL else None
    if name in _LIMITS and isinstance(value, str) and len(value) > _LIMITS[name]:
        return f"'{name}' is longer than {_LIMITS[name]} characters"
    return _type_problem(name, expected, value)


def _type_problem(name, expected, value):
    if isinstance(expected, Complex):
        return _complex_problem(name, expected, value)
    if expected == STRING:
        fits = isinstance(value, str)
    elif expected == BOOLEAN:
        fits = isinstance(value, bool)
    elif expected == INTEGER:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif expected == DATE:
        fits = isinstance(value, str) and _DATE.match(value) is not None
    else:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if fits else f"'{name}' is not of type {expected}"


def _complex_problem(name, expected, value):
    if expected.many:
        if not isinstance(value, list):
            return f"'{name}' is not a collection"
        items = value
    else:
        items = [value]
    for item in items:
        if not isinstance(item, dict):
            return f"'{name}' does not hold objects"
        for key, part in item.items():
            if key not in expected.members:
                return f"'{name}' has no member '{key}'"
            if part is not None:
                trouble = _type_problem(f"{name}/{key}", expected.members[key], part)
                if trouble:
                    return trouble
    return None
