"""The Exchange Online admin API as the PowerShell module uses it: cmdlets posted as JSON.

Simulated: `POST /adminapi/{beta|v1.0}/{tenant}/InvokeCommand` with Get-MailContact and Get-Contact,
and `GET /adminapi/v1.0/{tenant}/EXOModuleFile`, which tells the cmdlets an identity may run.

Facts behind it: a page is continued by POST of the same body to the nextLink, never by GET, and the
link dies after minutes; ResultSize is 1000 unless told otherwise; an empty Identity lists everything;
a filter never shows deletions; 403 has no body, its reason is in x-ms-diagnostics; every object
carries type keys beside its values.
"""

import hashlib
import json
import re
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from random import Random

from directory import DirectoryError
from server import Response

GUID, DATE, INTEGER, STRINGS = "System.Guid", "System.DateTime", "System.Int32", "Strings"
TEXT, BOOLEAN, ANY = "Text", "Boolean", "Any"


def _typed(kind, names):
    return dict.fromkeys(names.split(), kind)


# What both cmdlets return, what only Get-MailContact does, and what only Get-Contact does.
_COMMON = {
    **_typed(GUID, "Guid ExchangeObjectId"),
    **_typed(TEXT, "Identity Id Name DistinguishedName DisplayName SimpleDisplayName "
                   "WindowsEmailAddress RecipientType RecipientTypeDetails OrganizationalUnit "
                   "OrganizationId ObjectCategory ExchangeVersion"),
    **_typed(DATE, "WhenChanged WhenChangedUTC WhenCreated WhenCreatedUTC"),
    **_typed(BOOLEAN, "IsDirSynced IsValid"),
    **_typed(STRINGS, "ObjectClass AdministrativeUnits"),
}
_ROUTING = {
    **_typed(TEXT, "ExternalDirectoryObjectId ExternalEmailAddress Alias PrimarySmtpAddress "
                   "LegacyExchangeDN SendModerationNotifications MessageFormat MessageBodyFormat "
                   "MacAttachmentFormat UseMapiRichTextFormat MaxRecipientPerMessage MaxSendSize "
                   "MaxReceiveSize MailTip"),
    **{f"CustomAttribute{n}": TEXT for n in range(1, 16)},
    **{f"ExtensionCustomAttribute{n}": STRINGS for n in range(1, 6)},
    **_typed(STRINGS, "EmailAddresses ModeratedBy BypassModerationFromSendersOrMembers "
                      "AcceptMessagesOnlyFrom AcceptMessagesOnlyFromDLMembers "
                      "AcceptMessagesOnlyFromSendersOrMembers RejectMessagesFrom "
                      "RejectMessagesFromDLMembers RejectMessagesFromSendersOrMembers "
                      "GrantSendOnBehalfTo MailTipTranslations AddressListMembership "
                      "PoliciesIncluded PoliciesExcluded UserCertificate UserSMimeCertificate"),
    **_typed(BOOLEAN, "HiddenFromAddressListsEnabled ModerationEnabled EmailAddressPolicyEnabled "
                      "RequireSenderAuthenticationEnabled HasPicture"),
    **_typed(DATE, "LastExchangeChangedTime"),
}
_PERSON = {
    **_typed(TEXT, "FirstName LastName Initials Company Department Title Office StreetAddress City "
                   "StateOrProvince PostalCode CountryOrRegion Phone HomePhone MobilePhone Fax Pager "
                   "AssistantName TelephoneAssistant Manager Notes WebPage PhoneticDisplayName "
                   "GeoCoordinates"),
    **_typed(STRINGS, "OtherTelephone OtherHomePhone OtherFax PostOfficeBox DirectReports"),
    **_typed(INTEGER, "SeniorityIndex"),
}
PROPERTIES = {**_COMMON, **_ROUTING, **_PERSON}
_CMDLETS = {"Get-MailContact": {**_COMMON, **_ROUTING}, "Get-Contact": {**_COMMON, **_PERSON}}
_PARAMETERS = {"identity", "anr", "filter", "organizationalunit", "recipienttypedetails",
               "resultsize", "sortby", "erroraction", "warningaction", "confirm"}
_FILTERABLE = {
    "Get-MailContact": {"Alias", "DisplayName", "EmailAddresses", "ExternalDirectoryObjectId",
                        "ExternalEmailAddress", "Guid", "HiddenFromAddressListsEnabled", "IsDirSynced",
                        "LegacyExchangeDN", "Name", "PrimarySmtpAddress", "RecipientTypeDetails",
                        "WhenChanged", "WhenChangedUTC", "WhenCreated", "WhenCreatedUTC",
                        "WindowsEmailAddress", *(f"CustomAttribute{n}" for n in range(1, 16))},
    "Get-Contact": {"Guid", "IsDirSynced", "WhenChanged", "WhenChangedUTC", "WhenCreated",
                    "WhenCreatedUTC", "WindowsEmailAddress", "DisplayName", "Name", "Company",
                    "Department", "FirstName", "LastName", "Title", "City", "Office", "Phone",
                    "RecipientTypeDetails"},
}
_ONLY_EQUALITY = {"Guid", "IsDirSynced", "HiddenFromAddressListsEnabled", "RecipientTypeDetails",
                  "ExternalDirectoryObjectId"}
MAX_PAGE = 1000
DEFAULT_RESULT_SIZE = 1000
THROTTLED = ("You have reached the maximum number of concurrent requests per tenant. "
             "Please wait and try again")


class ExchangeError(Exception):
    """An error with the JSON body of the admin API; `code|type|text` goes into its details."""

    def __init__(self, status, code, exception, message):
        super().__init__(message)
        self.status = status
        self.code = code
        self.exception = exception


class MailContacts:
    """The mail contacts as Exchange keeps them, by Guid. Thread-safe."""

    def __init__(self, seed, domain):
        self._lock = threading.Lock()
        self._random = Random(f"mail contacts {seed}")
        self._domain = domain
        self._objects = {}

    def put(self, guid, values):
        values = dict(values)
        guid = guid or values.get("Guid")
        with self._lock:
            if guid is None:
                guid = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            if not isinstance(guid, str) or not guid:
                raise DirectoryError(400, f"not a Guid: {guid!r}")
            guid = guid.lower()
            if str(values.pop("Guid", guid)).lower() != guid:
                raise DirectoryError(400, "the Guid in the body is another one")
            for name, value in values.items():
                trouble = _problem(name, value)
                if trouble:
                    raise DirectoryError(400, f"mailcontacts/{guid}: {trouble}")
            known = self._objects.get(guid)
            if known is not None and all(n in known and known[n] == v for n, v in values.items()):
                return guid
            stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0")
            if known is None:
                known = self._fresh(guid, values)
                known["WhenCreatedUTC"], known["WhenCreated"] = stamp + "Z", stamp + "+00:00"
            # Replaced, not altered: a page being written may still hold the old one.
            self._objects[guid] = {**known, "WhenChangedUTC": stamp + "Z",
                                   "WhenChanged": stamp + "+00:00", **values}
            return guid

    def _fresh(self, guid, values):
        """What the service fills in: unset strings are "", other unset values null or []."""
        made = {name: {TEXT: "", BOOLEAN: False, STRINGS: []}.get(kind)
                for name, kind in PROPERTIES.items()}
        name = values.get("Name") or values.get("DisplayName") or values.get("Alias") or guid
        external = values.get("ExternalEmailAddress") or ""
        address = values.get("PrimarySmtpAddress") or re.sub(r"(?i)^smtp:", "", external)
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
            "RecipientType": "MailContact", "RecipientTypeDetails": "MailContact", "IsValid": True,
            "ObjectClass": ["top", "person", "organizationalPerson", "contact"],
            "SendModerationNotifications": "Always", "MessageFormat": "Mime",
            "MessageBodyFormat": "TextAndHtml", "UseMapiRichTextFormat": "UseDefaultSettings",
            "MaxRecipientPerMessage": "Unlimited", "MaxSendSize": "Unlimited",
            "MaxReceiveSize": "Unlimited"})
        return made

    def delete(self, guid):
        """For good: contacts have no recycle bin in Exchange either."""
        with self._lock:
            if self._objects.pop(guid.lower(), None) is None:
                raise DirectoryError(404, f"no mailcontacts/{guid}")

    def describe(self, guid):
        found = self.get(guid)
        if found is None:
            raise DirectoryError(404, f"no mailcontacts/{guid}")
        return found

    def describe_all(self):
        with self._lock:
            return list(self._objects.values())

    def get(self, guid):
        with self._lock:
            return self._objects.get(guid.lower())


def _problem(name, value):
    kind = PROPERTIES.get(name)
    if kind is None:
        return f"a mail contact has no property '{name}'"
    if value is None:
        return None
    if kind == STRINGS:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif kind == BOOLEAN:
        fits = isinstance(value, bool)
    elif kind == INTEGER:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind == DATE:
        fits = isinstance(value, str) and _moment(value) is not None
    else:
        fits = isinstance(value, str)
    return None if fits else f"'{name}' is not of type {kind}"


class Exchange:
    name = "exchange"

    def __init__(self, identity, contacts, directory, issuer, settings):
        self._identity = identity
        self._contacts = contacts
        self._directory = directory     # for its tokens
        self._issuer = issuer
        self._settings = settings
        self._lock = threading.Lock()
        self._listings = {}     # number -> (time, guids): what a nextLink continues
        self._last_listing = 0

    def collection(self, request):
        return "mailcontacts" if request.path.lower().endswith("/invokecommand") else None

    def default_error(self, status):
        if status == 403:
            return ""
        return _body("Error" if status < 500 else "ServerBusyException", "ServerBusyException",
                     "The server is busy. Please try again later.")

    # ---- frame -------------------------------------------------------------------------------------

    def handle(self, request):
        try:
            limit = self._settings["concurrency"]
            if limit and request.concurrent > limit:
                response = Response(429, THROTTLED, content_type="text/plain; charset=utf-8")
            else:
                response = self._dispatch(request)
        except ExchangeError as error:
            response = Response(error.status, _body(error.code, error.exception, str(error)),
                                {"X-ExceptionType": error.exception.rpartition(".")[2]})
        reset = datetime.now(timezone.utc) + timedelta(seconds=15)
        response.headers = {
            "Request-Id": request.header("client-request-id") or str(uuid.uuid4()),
            "X-ExchangeVersion": "15.20.0000.000", "X-BackendHttpStatus": str(response.status),
            "X-ConcurrencyCount": str(request.concurrent), "Rate-Limit-Limit": "30000",
            "Rate-Limit-Remaining": "29999", "Rate-Limit-Reset": reset.isoformat(),
            "OData-Version": "4.0",
            **response.headers}
        if response.content_type is None:
            response.content_type = "application/json;odata.metadata=minimal;odata.streaming=true;" \
                                    "IEEE754Compatible=false;charset=utf-8"
        return response

    def _dispatch(self, request):
        parts = request.path.strip("/").split("/")
        lower = [part.lower() for part in parts]
        if len(parts) != 4 or lower[0] != "adminapi" or lower[1] not in ("beta", "v1.0") \
                or lower[3] not in ("invokecommand", "exomodulefile"):
            raise ExchangeError(404, "NotFound", "System.Web.HttpException",
                                f"No HTTP resource was found that matches the request '{request.path}'.")
        claims, trouble = self._issuer.check(request.header("Authorization"), "exchange")
        if trouble:
            reasons = {"missing": "no token", "malformed": "the token is not valid",
                       "expired": "the token has expired",
                       "audience": "the token is for another audience"}
            return Response(401, None, {
                "WWW-Authenticate": 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
                                    f'error="invalid_token", error_description="{reasons[trouble]}"',
                "x-ms-diagnostics": f'2000001;reason="{reasons[trouble]}";'
                                    'error_category="invalid_token"'})
        if lower[2] not in (self._identity.tenant_id, self._identity.domain):
            return _forbidden("The token is for another tenant than the request.")
        if "Exchange.ManageAsApp" not in claims.get("roles", ()):
            return _forbidden("The token contains not enough scope to make this call.")
        if lower[3] == "exomodulefile":
            return self._module_file(request)
        if not self._settings["exchange_rbac"]:
            return _forbidden("The role assigned to application is not supported in this scenario.")
        if request.method != "POST":
            raise ExchangeError(405, "MethodNotAllowed", "System.Web.HttpException",
                                f"The requested resource does not support http method "
                                f"'{request.method}'.")
        if not (request.header("Content-Type") or "").lower().startswith("application/json"):
            raise ExchangeError(415, "UnsupportedMediaType", "System.Web.HttpException",
                                "The request contains an entity body of an unsupported type.")
        if request.header("Content-Encoding"):
            raise ExchangeError(415, "UnsupportedMediaType", "System.Web.HttpException",
                                "Compressed requests are not accepted.")
        return self._invoke(request, lower[1])

    def _module_file(self, request):
        if request.method != "GET":
            raise ExchangeError(405, "MethodNotAllowed", "System.Web.HttpException", "GET is expected.")
        cmdlets = sorted(_CMDLETS) if self._settings["exchange_rbac"] else []
        return Response(200, {
            "@odata.context": f"{request.origin}/adminapi/v1.0/{self._identity.tenant_id}/"
                              "$metadata#EXOModuleFile",
            "value": [{"exportedCmdlets": cmdlets}]})

    # ---- cmdlets -----------------------------------------------------------------------------------

    def _invoke(self, request, version):
        try:
            body = request.json()
            call = body["CmdletInput"]
            cmdlet, parameters = call["CmdletName"], call.get("Parameters") or {}
            if not isinstance(cmdlet, str) or not isinstance(parameters, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise ExchangeError(400, "BadRequest", "Microsoft.OData.ODataException",
                                "The request body is not a CmdletInput.") from None
        cmdlet = next((name for name in _CMDLETS if name.lower() == cmdlet.lower()), None)
        if cmdlet is None:
            raise ExchangeError(400, "BadRequest",
                                "System.Management.Automation.CommandNotFoundException",
                                f"The term '{call['CmdletName']}' is not recognized as the name of a "
                                "cmdlet, function, script file, or operable program.")
        given = {}
        for name, value in parameters.items():
            if name.lower() not in _PARAMETERS:
                raise ExchangeError(
                    400, "BadRequest", "System.Management.Automation.ParameterBindingException",
                    f"A parameter cannot be found that matches parameter name '{name}'.")
            given[name.lower()] = value
        options = {name.lower(): value for name, value in request.query}
        fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        warnings = []
        if "$skiptoken" in options:
            number, at, select = self._continued(options["$skiptoken"], fingerprint)
            guids = self._listings[number][1]
        else:
            select = [n.strip() for n in options.get("$select", "").split(",") if n.strip()]
            guids = self._search(cmdlet, given, warnings)
            number, at = None, 0
        size = min(_page_size(request.header("Prefer")) or MAX_PAGE, MAX_PAGE,
                   self._settings["exchange_page_size"])
        root = f"{request.origin}/adminapi/{version}/{self._identity.tenant_id}"
        answer = {"@odata.context": f"{root}/$metadata#Collection(Exchange.GenericHashTable)",
                  "adminapi.warnings@odata.type": "#Collection(String)",
                  "@adminapi.warnings": warnings}
        if at + size < len(guids):
            if number is None:
                number = self._keep(guids)
            token = self._directory.seal(["x", number, at + size, fingerprint, select, time.time()])
            answer["@odata.nextLink"] = f"{root}/InvokeCommand?$skiptoken={token}"
        found = (self._contacts.get(guid) for guid in guids[at:at + size])
        value = [_shown(contact, _CMDLETS[cmdlet], select) for contact in found if contact]
        if request.action == "duplicate":
            value = [item for item in value for _ in (0, 1)]
        answer["value"] = value
        return Response(200, answer)

    def _search(self, cmdlet, given, warnings):
        contacts = self._contacts.describe_all()
        identity = given.get("identity")
        if identity:    # documented danger: an empty Identity means all objects
            name = str(identity).lower()
            contacts = [c for c in contacts if name in _names(c)]
            if not contacts:
                raise ExchangeError(
                    404, "NotFound",
                    "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
                    f"The operation couldn't be performed because object '{identity}' couldn't be "
                    "found on 'SIM0P000A000DC00.SIMP000A000.PROD.OUTLOOK.COM'.")
        if given.get("filter"):
            matches = Filter(str(given["filter"]), _FILTERABLE[cmdlet], _CMDLETS[cmdlet]).matches
            contacts = [c for c in contacts if matches(c)]
        if given.get("anr"):
            text = str(given["anr"]).lower()
            contacts = [c for c in contacts
                        if any(str(c[n]).lower().startswith(text)
                               for n in ("DisplayName", "Alias", "Name"))]
        wanted = given.get("recipienttypedetails")
        if wanted:
            kinds = {str(k).lower() for k in (wanted if isinstance(wanted, list) else [wanted])}
            contacts = [c for c in contacts if c["RecipientTypeDetails"].lower() in kinds]
        sort = given.get("sortby")
        if sort in PROPERTIES:
            contacts.sort(key=lambda c: str(c[sort]).lower())
        limit = _result_size(given.get("resultsize"))
        if limit is not None and len(contacts) > limit:
            warnings.append("There are more results available than are currently displayed. To view "
                            "them, increase the value for the ResultSize parameter.")
            contacts = contacts[:limit]
        return [contact["Guid"] for contact in contacts]

    def _keep(self, guids):
        """Keeps a listing for its nextLinks; forgets those whose links have died."""
        with self._lock:
            now = time.time()
            for number in [n for n, (made, _) in self._listings.items() if now - made > 3600]:
                del self._listings[number]
            self._last_listing += 1
            self._listings[self._last_listing] = (now, guids)
            return self._last_listing

    def _continued(self, token, fingerprint):
        value = self._directory.unseal(token)
        if not isinstance(value, list) or value[0] != "x":
            raise ExchangeError(400, "BadRequest", "Microsoft.OData.ODataException",
                                "The skip token is not valid.")
        _, number, at, same_body, select, made = value
        if same_body != fingerprint:
            raise ExchangeError(400, "BadRequest", "Microsoft.OData.ODataException",
                                "The next link is continued with the body of the first request.")
        if time.time() - made > self._settings["exchange_link_lifetime"] or number not in self._listings:
            raise ExchangeError(400, "BadRequest", "Microsoft.OData.ODataException",
                                "The next link has expired.")
        return number, at, select


def _names(contact):
    return {str(contact[n]).lower() for n in ("Guid", "ExternalDirectoryObjectId", "Alias", "Name",
                                              "Identity", "DisplayName", "DistinguishedName",
                                              "PrimarySmtpAddress", "LegacyExchangeDN") if contact[n]} \
        | {address.partition(":")[2].lower() for address in contact["EmailAddresses"] or ()}


def _shown(contact, properties, select):
    """The contact with the type keys that the service writes beside its values."""
    wanted = {name.lower() for name in select}
    shown = {}
    for name, kind in properties.items():
        if wanted and name.lower() not in wanted:
            continue
        if kind == GUID:
            shown[f"{name}@data.type"] = GUID
            shown[f"{name}@odata.type"] = "#Guid"
        elif kind == STRINGS:
            shown[f"{name}@odata.type"] = "#Collection(String)"
        elif kind in (DATE, INTEGER) and contact[name] is not None:
            shown[f"{name}@data.type"] = kind
        shown[name] = contact[name]
    return shown


def _result_size(value):
    """None for Unlimited."""
    if value is None:
        return DEFAULT_RESULT_SIZE
    if isinstance(value, str) and value.lower() == "unlimited":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.isdigit():
        return int(value)
    raise ExchangeError(400, "BadRequest", "System.Management.Automation.ParameterBindingException",
                        f"Cannot convert value '{value}' of parameter 'ResultSize'.")


def _page_size(prefer):
    match = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", prefer or "", re.IGNORECASE)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _forbidden(reason):
    return Response(403, None, {"x-ms-diagnostics": f'2000003;reason="{reason}"'})


def _body(code, exception, message):
    return {"error": {
        "code": code, "message": f"Error executing request. {message}",
        "details": [{"code": "Context", "target": "", "message": f"Ex6F9304|{exception}|{message}"}],
        "innererror": {"message": "Error executing cmdlet",
                       "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                       "internalException": {"message": message, "type": exception}}}}


def _moment(text):
    """A date literal: ISO 8601, or the documented US form `8/1/2017 2:00:00 PM`; None when neither."""
    text = text.strip()
    match = re.match(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?)?\s*"
                     r"(Z|[+-]\d\d:\d\d)?\Z", text)
    if match:
        day, clock, fraction, zone = match.groups()
        micros = (fraction or "0")[:6].ljust(6, "0")
        clock = (clock or "00:00") + (":00" if len(clock or "00:00") == 5 else "")
        try:
            return datetime.fromisoformat(
                f"{day}T{clock}.{micros}{'+00:00' if zone in (None, 'Z') else zone}")
        except ValueError:
            return None
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
                 "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None


class Filter:
    """The OPATH subset: comparisons of filterable properties, -and, -or, -not, parentheses."""

    _TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*'|\"[^\"]*\")|(?P<paren>[()])|"
                        r"(?P<word>[-$]?[A-Za-z0-9_.:/@]+))")

    def __init__(self, text, filterable, properties):
        self._filterable = {name.lower(): name for name in filterable}
        self._properties = properties
        self._tokens = []
        text = text.strip()
        if text.startswith("{") and text.endswith("}"):
            text = text[1:-1].strip()
        at = 0
        while at < len(text):
            match = self._TOKEN.match(text, at)
            if not match:
                raise self._error(f"Invalid filter syntax at position {at}.")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
            while at < len(text) and text[at].isspace():
                at += 1
        self._at = 0
        self.matches = self._either()
        if self._at != len(self._tokens):
            raise self._error("Invalid filter syntax: unexpected text at the end.")

    @staticmethod
    def _error(message):
        return ExchangeError(400, "BadRequest",
                             "Microsoft.Exchange.Data.ParsingException", message)

    def _peek(self):
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else None

    def _take(self):
        if self._at >= len(self._tokens):
            raise self._error("Invalid filter syntax: unexpected end.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _either(self):
        left = self._both()
        while self._peek() == "-or":
            self._take()
            left = (lambda a, b: lambda c: a(c) or b(c))(left, self._both())
        return left

    def _both(self):
        left = self._one()
        while self._peek() == "-and":
            self._take()
            left = (lambda a, b: lambda c: a(c) and b(c))(left, self._one())
        return left

    def _one(self):
        kind, word = self._take()
        if word.lower() == "-not":
            inner = self._one()
            return lambda c: not inner(c)
        if kind == "paren" and word == "(":
            inner = self._either()
            if self._take()[1] != ")":
                raise self._error("Invalid filter syntax: ')' is missing.")
            return inner
        name = self._filterable.get(word.lower())
        if name is None:
            raise self._error(f"\"{word}\" is not a recognized filterable property.")
        operator = self._take()[1].lower()
        return self._comparison(name, operator, *self._take())

    def _comparison(self, name, operator, kind, literal):
        if operator not in ("-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-like", "-notlike"):
            raise self._error(f"\"{operator}\" is not a recognized operator.")
        if name in _ONLY_EQUALITY and operator not in ("-eq", "-ne"):
            raise self._error(f"The operator {operator} cannot be used with {name}.")
        if kind == "text":
            quote = literal[0]
            value = literal[1:-1].replace(quote * 2, quote)
        else:
            words = {"$true": True, "$false": False, "$null": None}
            value = words.get(literal.lower(), literal)
        type_name = self._properties[name]
        if type_name == BOOLEAN and not isinstance(value, bool):
            value = {"true": True, "false": False}.get(str(value).lower())
            if value is None:
                raise self._error(f"Cannot convert '{literal}' to a boolean.")
        if type_name == DATE and value is not None:
            value = _moment(str(value))
            if value is None:
                raise self._error(f"Cannot convert {literal} to a date.")
        if operator in ("-like", "-notlike"):
            pattern = re.compile(".*".join(re.escape(part) for part in str(value).split("*")) + r"\Z",
                                 re.IGNORECASE | re.DOTALL)
            positive = operator == "-like"
            return lambda c: any(pattern.match(str(v)) for v in _each(c[name])) == positive
        compare = {"-eq": lambda a, b: a == b, "-ne": lambda a, b: a == b,
                   "-gt": lambda a, b: a > b, "-ge": lambda a, b: a >= b,
                   "-lt": lambda a, b: a < b, "-le": lambda a, b: a <= b}[operator]

        def matches(contact):
            for stored in _each(contact[name]):
                if type_name == DATE:
                    stored = _moment(stored) if stored else None
                elif isinstance(stored, str) and isinstance(value, str):
                    if compare(stored.lower(), value.lower()):
                        return operator != "-ne"
                    continue
                if stored in (None, "") or value is None:
                    equal = (stored in (None, "")) == (value is None)
                    if operator in ("-eq", "-ne") and equal:
                        return operator == "-eq"
                elif compare(stored, value):
                    return operator != "-ne"
            return operator == "-ne"
        return matches


def _each(value):
    return value if isinstance(value, list) else (value,)
