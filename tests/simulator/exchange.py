"""The Exchange Online admin API as the PowerShell module uses it: cmdlets posted as JSON.

Simulated: `POST /adminapi/{beta|v1.0}/{tenant}/InvokeCommand` with the cmdlets that read contacts,
distribution groups and mailboxes, and `GET /adminapi/v1.0/{tenant}/EXOModuleFile`, which tells the cmdlets an
identity may run.

Facts behind it: a page is continued by POST of the same body to the nextLink, never by GET, and the
link dies after minutes; ResultSize is 1000 unless told otherwise; an empty Identity lists everything;
a filter never shows deletions; the reason of a 403 is in x-ms-diagnostics, its body says nothing;
every object carries type keys beside its values.
"""

import hashlib
import json
import re
import threading
import uuid
from collections import namedtuple
from datetime import timedelta

from opath import DATE, GUID, INTEGER, STRINGS, Filter, FilterError
from recipients import COMMON, DYNAMIC, GROUP, MAIL, MAILBOX, MEMBER, PERSON, ROUTING, is_dynamic, names
from server import Response, Service

# properties: of what it returns; parameters: besides those of all cmdlets; filterable: None where
# there is no -Filter; kind: where its objects are; wanted: which of them; members: whether it tells
# the members of what Identity names.
Cmdlet = namedtuple("Cmdlet", "properties parameters filterable kind wanted members")

_ALWAYS = {"resultsize", "erroraction", "warningaction", "confirm"}
_LISTS = {"identity", "anr", "filter", "organizationalunit", "sortby"}
_MEMBERS = {"identity", "includesoftdeletedobjects"}

_ANY_FILTER = {"DisplayName", "Guid", "IsDirSynced", "Name", "RecipientTypeDetails", "WhenChanged",
               "WhenChangedUTC", "WhenCreated", "WhenCreatedUTC", "WindowsEmailAddress"}
_MAIL_FILTER = {"Alias", "EmailAddresses", "ExternalDirectoryObjectId",
                "HiddenFromAddressListsEnabled", "LegacyExchangeDN", "PrimarySmtpAddress",
                *(f"CustomAttribute{n}" for n in range(1, 16))}

CMDLETS = {
    "Get-MailContact": Cmdlet(
        {**COMMON, **MAIL, **ROUTING}, _LISTS | {"recipienttypedetails"},
        _ANY_FILTER | _MAIL_FILTER | {"ExternalEmailAddress"}, "mailcontacts",
        lambda c: c["RecipientTypeDetails"] != "Contact", False),
    "Get-Contact": Cmdlet(
        {**COMMON, **PERSON}, _LISTS | {"recipienttypedetails"},
        _ANY_FILTER | {"Company", "Department", "FirstName", "LastName", "Title", "City", "Office",
                       "Phone"}, "mailcontacts", lambda c: True, False),
    "Get-DistributionGroup": Cmdlet(
        {**COMMON, **MAIL, **GROUP}, _LISTS | {"managedby", "recipienttypedetails"},
        _ANY_FILTER | _MAIL_FILTER | {"ManagedBy", "GroupType"}, "distributiongroups",
        lambda g: not is_dynamic(g), False),
    "Get-DynamicDistributionGroup": Cmdlet(
        {**COMMON, **MAIL, **DYNAMIC}, _LISTS | {"managedby", "includesystemobjects"},
        _ANY_FILTER | _MAIL_FILTER | {"ManagedBy"}, "distributiongroups", is_dynamic, False),
    "Get-DistributionGroupMember": Cmdlet(
        MEMBER, _MEMBERS, None, "distributiongroups", lambda g: not is_dynamic(g), True),
    "Get-DynamicDistributionGroupMember": Cmdlet(
        MEMBER, _MEMBERS, None, "distributiongroups", is_dynamic, True),
    "Get-Mailbox": Cmdlet(
        {**COMMON, **MAIL, **MAILBOX},
        _LISTS | {"recipienttypedetails", "archive", "includeinactivemailbox", "softdeletedmailbox"},
        _ANY_FILTER | _MAIL_FILTER | {"IsMailboxEnabled", "ResourceType", "UserPrincipalName"},
        "mailboxes", lambda m: True, False),
}
_BY_LOWER_NAME = {name.lower(): name for name in CMDLETS}

MAX_PAGE = 1000
DEFAULT_RESULT_SIZE = 1000
KEPT_SECONDS = 3600     # of a listing that is being paged
THROTTLED = ("You have reached the maximum number of concurrent requests per tenant. "
             "Please wait and try again")


class ExchangeError(Exception):
    """An error with the JSON body of the admin API; `code|type|text` goes into its details."""

    def __init__(self, status, code, exception, message):
        super().__init__(message)
        self.status = status
        self.code = code
        self.exception = exception


def _bad_request(message, exception="Microsoft.OData.ODataException"):
    return ExchangeError(400, "BadRequest", exception, message)


class Exchange(Service):
    name = "exchange"

    def __init__(self, identity, recipients, directory, issuer, settings, clock):
        self._identity = identity
        self._recipients = recipients
        self._directory = directory     # for its tokens
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._listings = {}     # number -> (time, what is listed): what a nextLink continues
        self._last_listing = 0

    def cmdlet(self, request):
        if not _is_invoke(request):
            return None
        try:
            name = str(request.json()["CmdletInput"]["CmdletName"])
        except (ValueError, KeyError, TypeError):
            return None
        return _BY_LOWER_NAME.get(name.lower(), name[:80])

    def collection(self, request):
        if not _is_invoke(request):
            return None
        known = CMDLETS.get(self.cmdlet(request))
        return known.kind if known else "mailcontacts"

    def listing(self, request):
        if not _is_invoke(request):
            return None
        return self.cmdlet(request), any(name.lower() == "$skiptoken" for name, _ in request.query)

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
                response = Response(self._settings["exchange_throttle_status"], THROTTLED,
                                    content_type="text/plain; charset=utf-8")
                response.throttled = True
            else:
                response = self._dispatch(request)
        except ExchangeError as error:
            response = Response(error.status, _body(error.code, error.exception, str(error)),
                                {"X-ExceptionType": error.exception.rpartition(".")[2]})
        reset = self._clock.utc() + timedelta(seconds=15)
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
            return self._unauthorized(trouble)
        if lower[2] not in (self._identity.tenant_id, self._identity.domain):
            return self._forbidden("The token is for another tenant than the request.")
        if "Exchange.ManageAsApp" not in claims.get("roles", ()):
            return self._forbidden("The token contains not enough scope to make this call.")
        if self._settings["exchange_403"]:
            return self._forbidden("The role assigned to application is not supported in this scenario.")
        if lower[3] == "exomodulefile":
            return self._module_file(request)
        if not self._settings["exchange_rbac"]:
            return self._forbidden("The role assigned to application is not supported in this scenario.")
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

    def _unauthorized(self, trouble):
        reasons = {"missing": "no token", "malformed": "the token is not valid",
                   "expired": "the token has expired", "audience": "the token is for another audience",
                   "challenged": "the token was revoked"}
        header = self._issuer.www_authenticate(trouble, "exchange")
        if trouble != "challenged":
            header += f', error="invalid_token", error_description="{reasons[trouble]}"'
        return Response(401, None, {
            "WWW-Authenticate": header,
            "x-ms-diagnostics": f'2000001;reason="{reasons[trouble]}";error_category="invalid_token"'})

    def _forbidden(self, reason):
        # Both forms were seen: no body at all, and one of NULs.
        body = b"\0" * 256 if self._settings["exchange_403"] == "nul" else None
        return Response(403, body, {"x-ms-diagnostics": f'2000003;reason="{reason}"'})

    def _module_file(self, request):
        if request.method != "GET":
            raise ExchangeError(405, "MethodNotAllowed", "System.Web.HttpException", "GET is expected.")
        cmdlets = sorted(CMDLETS) if self._settings["exchange_rbac"] else []
        return Response(200, {
            "@odata.context": f"{request.origin}/adminapi/v1.0/{self._identity.tenant_id}/"
                              "$metadata#EXOModuleFile",
            "value": [{"exportedCmdlets": cmdlets}]})

    # ---- cmdlets -----------------------------------------------------------------------------------

    def _invoke(self, request, version):
        try:
            body = request.json()
            call = body["CmdletInput"]
            name, parameters = call["CmdletName"], call.get("Parameters") or {}
            if not isinstance(name, str) or not isinstance(parameters, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise _bad_request("The request body is not a CmdletInput.") from None
        cmdlet = CMDLETS.get(_BY_LOWER_NAME.get(name.lower()))
        if cmdlet is None:
            raise _bad_request(f"The term '{name}' is not recognized as the name of a cmdlet, function, "
                               "script file, or operable program.",
                               "System.Management.Automation.CommandNotFoundException")
        given = {}
        for parameter, value in parameters.items():
            if parameter.lower() not in cmdlet.parameters | _ALWAYS:
                raise _bad_request(
                    f"A parameter cannot be found that matches parameter name '{parameter}'.",
                    "System.Management.Automation.ParameterBindingException")
            given[parameter.lower()] = value
        options = {option.lower(): value for option, value in request.query}
        fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        warnings = []
        if "$skiptoken" in options:
            number, at, select = self._continued(request, options["$skiptoken"], fingerprint)
            found = self._listings[number][1]
        else:
            select = [n.strip() for n in options.get("$select", "").split(",") if n.strip()]
            found = self._search(cmdlet, given, warnings)
            number, at = None, 0
        size = min(_page_size(request.header("Prefer")) or MAX_PAGE, MAX_PAGE,
                   self._settings["exchange_page_size"])
        root = f"{request.origin}/adminapi/{version}/{self._identity.tenant_id}"
        answer = {"@odata.context": f"{root}/$metadata#Collection(Exchange.GenericHashTable)",
                  "adminapi.warnings@odata.type": "#Collection(String)",
                  "@adminapi.warnings": warnings}
        if at + size < len(found):
            if number is None:
                number = self._keep(found)
            token = self._directory.seal(["x", number, at + size, fingerprint, select,
                                          self._clock.now()])
            answer["@odata.nextLink"] = f"{root}/InvokeCommand?$skiptoken={token}"
        rows = found[at:at + size]
        if not cmdlet.members:      # as they are by now, without those that are gone
            rows = (self._recipients.get(cmdlet.kind, guid) for guid in rows)
        value = [_shown(row, cmdlet.properties, select) for row in rows if row]
        if request.action == "duplicate":
            value = [item for item in value for _ in (0, 1)]
        answer["value"] = value
        return Response(200, answer)

    def _search(self, cmdlet, given, warnings):
        """The Guids of what is asked for, or the members themselves."""
        found = [each for each in self._recipients.all(cmdlet.kind) if cmdlet.wanted(each)]
        identity = given.get("identity")
        if cmdlet.members and "identity" not in given:
            raise _bad_request("Cannot process command because of one or more missing mandatory "
                               "parameters: Identity.",
                               "System.Management.Automation.ParameterBindingException")
        if identity:    # documented danger: an empty Identity means all objects
            name = str(identity).lower()
            found = [each for each in found if name in names(each)]
            if not found:
                raise ExchangeError(
                    404, "NotFound",
                    "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
                    f"The operation couldn't be performed because object '{identity}' couldn't be "
                    "found on 'SIM0P000A000DC00.SIMP000A000.PROD.OUTLOOK.COM'.")
        if cmdlet.members:
            found = [member for group in found for member in self._recipients.members(group)]
        else:
            found = self._narrowed(cmdlet, given, found)
        limit = _result_size(given.get("resultsize"))
        if limit is not None and len(found) > limit:
            warnings.append("There are more results available than are currently displayed. To view "
                            "them, increase the value for the ResultSize parameter.")
            found = found[:limit]
        return found if cmdlet.members else [each["Guid"] for each in found]

    @staticmethod
    def _narrowed(cmdlet, given, found):
        if given.get("filter"):
            try:
                matches = Filter(str(given["filter"]), cmdlet.filterable, cmdlet.properties).matches
            except FilterError as error:
                raise _bad_request(str(error), "Microsoft.Exchange.Data.ParsingException") from None
            found = [each for each in found if matches(each)]
        if given.get("anr"):
            text = str(given["anr"]).lower()
            found = [each for each in found if any(str(each[n]).lower().startswith(text)
                                                   for n in ("DisplayName", "Alias", "Name"))]
        wanted = given.get("recipienttypedetails")
        if wanted:
            kinds = {str(k).lower() for k in (wanted if isinstance(wanted, list) else [wanted])}
            found = [each for each in found if each["RecipientTypeDetails"].lower() in kinds]
        if given.get("managedby"):
            manager = str(given["managedby"]).lower()
            found = [each for each in found if manager in [m.lower() for m in each["ManagedBy"]]]
        sort = given.get("sortby")
        if sort in cmdlet.properties:
            found.sort(key=lambda each: str(each[sort]).lower())
        return found

    def _keep(self, found):
        """Keeps a listing for its nextLinks; forgets those whose links have died."""
        with self._lock:
            now = self._clock.now()
            for number in [n for n, (made, _) in self._listings.items() if now - made > KEPT_SECONDS]:
                del self._listings[number]
            self._last_listing += 1
            self._listings[self._last_listing] = (now, found)
            return self._last_listing

    def _continued(self, request, token, fingerprint):
        if len(request.query) != 1:
            request.flags.append(("altered-link", "the nextLink came with further parameters", None))
            raise _bad_request("A next link has to be used as it is.")
        value = self._directory.unseal(token)
        if not isinstance(value, list) or value[0] != "x":
            raise _bad_request("The skip token is not valid.")
        _, number, at, same_body, select, made = value
        if same_body != fingerprint:
            request.flags.append(("body-changed-on-link", "the nextLink came with another body", None))
            raise _bad_request("The next link is continued with the body of the first request.")
        lifetime = min(self._settings["exchange_link_lifetime"], KEPT_SECONDS)
        if self._clock.now() - made >= lifetime or number not in self._listings:
            raise _bad_request("The next link has expired.")
        return number, at, select


def _is_invoke(request):
    return request.path.rstrip("/").lower().endswith("/invokecommand")


def _shown(recipient, properties, select):
    """The recipient with the type keys that the service writes beside its values."""
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
        elif kind in (DATE, INTEGER) and recipient[name] is not None:
            shown[f"{name}@data.type"] = kind
        shown[name] = recipient[name]
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
    raise _bad_request(f"Cannot convert value '{value}' of parameter 'ResultSize'.",
                       "System.Management.Automation.ParameterBindingException")


def _page_size(prefer):
    match = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", prefer or "", re.IGNORECASE)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _body(code, exception, message):
    return {"error": {
        "code": code, "message": f"Error executing request. {message}",
        "details": [{"code": "Context", "target": "", "message": f"Ex6F9304|{exception}|{message}"}],
        "innererror": {"message": "Error executing cmdlet",
                       "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                       "internalException": {"message": message, "type": exception}}}}
