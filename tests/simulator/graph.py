"""Microsoft Graph v1.0 as far as a reader of contacts, users and groups meets it.

Refuses what the service refuses: requests without a token or with one for another audience (401),
without the role (403), unknown properties (400), properties outside the directory store (501),
$top, $expand, $orderby and friends on delta (400), anything beside a token (400).
"""

import json
import re
import uuid
from datetime import datetime, timezone
from urllib.parse import quote, urlsplit

from directory import MEMBER_TYPES, Query, TokenError
from schema import BOOLEAN, ENTITIES
from server import Request, Response

_CONTENT_TYPE = ("application/json;odata.metadata=minimal;odata.streaming=true;"
                 "IEEE754Compatible=false;charset=utf-8")

_DIRECTORY = {"Directory.Read.All", "Directory.ReadWrite.All"}
_ROLES = {
    "contacts": {"OrgContact.Read.All"} | _DIRECTORY,
    "users": {"User.Read.All", "User.ReadWrite.All"} | _DIRECTORY,
    "groups": {"Group.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All",
               "Group.ReadWrite.All"} | _DIRECTORY,
    "members": {"GroupMember.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All",
                "Group.ReadWrite.All"} | _DIRECTORY,
    "organization": {"Organization.Read.All", "Organization.ReadWrite.All"} | _DIRECTORY,
}
_DELTA_SEGMENTS = ("delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()")
_SYSTEM_OPTIONS = {"$select", "$filter", "$expand", "$orderby", "$search", "$count", "$top", "$skip",
                   "$skiptoken", "$deltatoken", "$format"}
_TERM = re.compile(r"\s*([A-Za-z0-9]+)\s+eq\s+('(?:[^']|'')*'|true|false|null)\s*\Z")
MAX_FILTER_IDS = 50     # of $filter on delta
DEFAULT_LIST, MAX_LIST = 100, 999
MAX_BATCH = 20


class GraphError(Exception):
    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def _bad(message, code="Request_BadRequest"):
    return GraphError(400, code, message)


def _not_found(what):
    return GraphError(404, "Request_ResourceNotFound",
                      f"Resource '{what}' does not exist or one of its queried reference-property "
                      "objects are not present.")


def _unknown_segment(path):
    return GraphError(404, "BadRequest", f"Resource not found for the segment '{path}'.")


class Graph:
    name = "graph"

    def __init__(self, identity, directory, issuer, settings):
        self._identity = identity
        self._directory = directory
        self._issuer = issuer
        self._settings = settings

    # ---- frame: every answer has the same headers and every error the same envelope ---------------

    def collection(self, request):
        parts = request.path.strip("/").split("/")
        return parts[1] if len(parts) > 1 and parts[1] in ENTITIES else None

    def default_error(self, status):
        codes = {429: ("TooManyRequests", "Please retry again later."),
                 503: ("serviceNotAvailable", "The service is temporarily unavailable."),
                 404: ("UnknownError", ""), 500: ("UnknownError", ""),
                 401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
                 403: ("Authorization_RequestDenied",
                       "Insufficient privileges to complete the operation."),
                 400: ("Request_BadRequest", "The request is not valid.")}
        code, message = codes.get(status, ("UnknownError", ""))
        return _envelope(code, message, str(uuid.uuid4()), None)

    def handle(self, request):
        request_id = str(uuid.uuid4())
        client_id = request.header("client-request-id")
        try:
            response = self._dispatch(request)
        except GraphError as error:
            response = Response(error.status,
                                _envelope(error.code, str(error), request_id, client_id), error.headers)
        if response.content_type is None:
            response.content_type = _CONTENT_TYPE if response.status < 400 else "application/json"
        response.headers = {
            "Cache-Control": "no-cache",
            "request-id": request_id,
            "client-request-id": client_id or request_id,
            "x-ms-ags-diagnostic": json.dumps({"ServerInfo": {
                "DataCenter": "Simulated", "Slice": "E", "Ring": "0", "ScaleUnit": "000",
                "RoleInstance": "SIM00000"}}, separators=(",", ":")),
            **({"OData-Version": "4.0", "x-ms-resource-unit": str(_cost(request))}
               if response.status < 400 else {}),
            **response.headers,
        }
        return response

    def _dispatch(self, request):
        if request.header("Content-Encoding"):
            raise GraphError(415, "UnsupportedMediaType", "Compressed requests are not accepted.")
        parts = request.path.split("/")[1:]
        if not parts or parts[0].lower() != "v1.0":
            raise GraphError(404, "BadRequest", "Invalid version.")
        claims, trouble = self._issuer.check(request.header("Authorization"), "graph")
        if trouble:
            raise _unauthorized(trouble, self._identity)
        roles = frozenset(claims.get("roles", ()))
        options = _options(request)
        segments = [part for part in parts[1:] if part]
        if segments == ["$batch"]:
            return self._batch(request)
        if request.method != "GET":
            raise GraphError(405, "Request_BadRequest",
                             f"Specified HTTP method '{request.method}' is not allowed for the "
                             "request target.")
        if segments == ["organization"]:
            _require(roles, "organization")
            return self._organization(request, options)
        if len(segments) >= 2 and segments[:2] == ["directory", "deletedItems"]:
            return self._deleted_items(request, segments[2:], roles)
        kind = segments[0] if segments else ""
        if kind not in ENTITIES:
            raise _unknown_segment(kind)
        if len(segments) == 1:
            _require(roles, kind)
            return self._list(request, kind, options)
        if segments[1] in _DELTA_SEGMENTS and len(segments) == 2:
            _require(roles, kind)
            return self._delta(request, kind, options, roles)
        if segments[1] == "$count" and len(segments) == 2:
            _require(roles, kind)
            return self._count(request, kind)
        return self._object(request, kind, segments[1], segments[2:], options, roles)

    # ---- delta -------------------------------------------------------------------------------------

    def _delta(self, request, kind, options, roles):
        preferences = _preferences(request)
        minimal = preferences.get("return") == "minimal"
        skip, token = options.get("$skiptoken"), options.get("$deltatoken")
        root = f"{request.origin}/v1.0/{kind}/delta"
        if skip is not None or token not in (None, "", "latest"):
            if len(request.query) != 1:
                raise _bad("A token carries the whole query; no other parameter is allowed with it.")
            try:
                at = self._directory.resume(kind, token if skip is None else skip, skip is None,
                                            minimal)
            except TokenError as error:
                raise self._dead_token(error, root, skip is None) from None
        else:
            query = self._delta_query(kind, options)
            at = self._directory.begin(kind, query, token == "latest", minimal)
        if at.query.members and not roles & (_ROLES["members"] - {"GroupMember.ReadBasic.All"}):
            raise _denied()
        if token == "latest":
            items, finished = [], True
        else:
            # Prefer: odata.maxpagesize is honoured downwards only.
            limit = _page_preference(preferences) or self._settings["page_size"]
            items, at, finished = self._directory.page(at, limit, request.action == "duplicate")
        select = f"({','.join(at.query.select)})" if at.query.select else ""
        body = {"@odata.context": f"{request.origin}/v1.0/$metadata#{kind}{select}"}
        if finished:
            body["@odata.deltaLink"] = f"{root}?$deltatoken={self._directory.delta_token(at)}"
        else:
            body["@odata.nextLink"] = f"{root}?$skiptoken={self._directory.skip_token(at)}"
        body["value"] = items
        applied = ["odata.track-changes"] + (["return=minimal"] if minimal else [])
        return Response(200, body, {"Preference-Applied": ", ".join(applied)})

    def _delta_query(self, kind, options):
        for name in options:
            if name not in ("$select", "$filter", "$deltatoken"):
                raise _bad(f"The query parameter '{name}' is not supported on delta.",
                           "Request_UnsupportedQuery")
        select, relations = _select(kind, options, tracked_allowed=True)
        ids = None
        if "$filter" in options:
            ids = frozenset(_filter_ids(options["$filter"]))
        # Without $select the tracked relations come along; with it they must be named.
        members = kind == "groups" and (select is None or "members" in relations)
        if select is not None:
            select = tuple(name for name in select if name not in relations)
            select = select or ("id",)
        return Query(select, members, ids)

    def _dead_token(self, error, root, is_delta_link):
        if error.how == "invalid":
            return _bad(f"The {'$deltatoken' if is_delta_link else '$skiptoken'} is not valid.")
        message = ("The sync state generation is not found. The delta token is expired and data must "
                   "be synchronized again.")
        if error.how == "410":
            location = root + "?"
            if self._settings["location_select"] and error.query.select:
                names = [name for name in error.query.select]
                names += ["members"] if error.query.members else []
                location += f"$select={quote(','.join(names), safe=',')}&"
            return GraphError(410, "syncStateNotFound", message,
                              {"Location": location + "$deltatoken="})
        return _bad(message, "syncStateNotFound")

    # ---- plain lists and single objects ------------------------------------------------------------

    def _list(self, request, kind, options):
        for name in options:
            if name in ("$expand", "$orderby", "$search", "$skip", "$deltatoken"):
                raise GraphError(501, "NotImplemented", f"The simulator does not do {name} on lists.")
        select, _ = _select(kind, options)
        limit = _top(options)
        wanted = _filter(kind, options["$filter"]) if "$filter" in options else None
        counted = options.get("$count", "").lower() == "true"
        eventual = (request.header("ConsistencyLevel") or "").lower() == "eventual"
        after = self._list_position(options, kind, eventual)
        if counted and not eventual:
            raise _bad("$count is not currently supported.")
        found, rest = self._directory.listing(kind, after, limit, wanted)
        names = select or ENTITIES[kind].default
        context = f"({','.join(select)})" if select else ""
        body = {"@odata.context": f"{request.origin}/v1.0/$metadata#{kind}{context}"}
        if counted and "$skiptoken" not in options:
            body["@odata.count"] = len(self._directory.listing(kind, 0, 10 ** 9, wanted)[0])
        if rest is not None:
            body["@odata.nextLink"] = self._list_link(request, options, kind, rest, eventual)
        body["value"] = [_listed(entry, names) for entry in found]
        return Response(200, body)

    def _list_position(self, options, what, eventual):
        if "$skiptoken" not in options:
            return 0
        value = self._directory.unseal(options["$skiptoken"])
        if not isinstance(value, list) or value[:2] != ["l", what]:
            raise _bad("The $skiptoken is not valid.")
        rest = sorted((n, v) for n, v in options.items() if n != "$skiptoken")
        if [list(pair) for pair in rest] != value[3]:
            raise _bad("A nextLink has to be used as it is.")
        if value[4] and not eventual:
            # An advanced query needs its header again with every nextLink.
            raise _bad("The specified page token value has expired and can no longer be included in "
                       "your request.", "Directory_ExpiredPageToken")
        return value[2]

    def _list_link(self, request, options, what, position, eventual):
        rest = sorted((n, v) for n, v in options.items() if n != "$skiptoken")
        token = self._directory.seal(["l", what, position, rest, eventual])
        query = "".join(f"{n}={quote(v, safe=',')}&" for n, v in rest)
        return f"{request.origin}{quote(request.path, safe='/$')}?{query}$skiptoken={token}"

    def _count(self, request, kind):
        if (request.header("ConsistencyLevel") or "").lower() != "eventual":
            raise _bad("$count is not currently supported.")
        return Response(200, str(self._directory.count(kind)), content_type="text/plain")

    def _object(self, request, kind, object_id, rest, options, roles):
        if not rest:
            _require(roles, kind)
            for name in options:
                if name != "$select":
                    raise _bad(f"The query parameter '{name}' is not supported here.")
            select, _ = _select(kind, options, single=True)
            found = self._find(kind, object_id)
            context = f"({','.join(select)})" if select else ""
            names = select or ENTITIES[kind].default
            return Response(200, {
                "@odata.context": f"{request.origin}/v1.0/$metadata#{kind}{context}/$entity",
                **_listed(found, names)})
        relation = rest[0]
        if relation not in ENTITIES[kind].relations:
            raise _unknown_segment(relation)
        if kind == "groups" and relation == "members":
            _require(roles, "members")
            self._find(kind, object_id)
            return self._members(request, object_id, rest[1:], options, roles)
        _require(roles, kind)
        found = self._find(kind, object_id)
        if relation == "memberOf" and len(rest) == 1:
            groups = self._directory.member_of(found["id"])
            return Response(200, {
                "@odata.context": f"{request.origin}/v1.0/$metadata#directoryObjects",
                "value": [{"@odata.type": MEMBER_TYPES["group"],
                           **_listed(group, ENTITIES["groups"].default)} for group in groups]})
        if relation == "manager":
            raise _not_found("manager")     # nobody has one here
        raise GraphError(501, "NotImplemented", f"The simulator does not do {relation}.")

    def _find(self, kind, object_id):
        found = self._directory.find(kind, object_id)
        if found is None and kind == "users" and "@" in object_id:
            name = object_id.lower()
            matches, _ = self._directory.listing(
                kind, 0, 1, lambda user: (user.get("userPrincipalName") or "").lower() == name)
            found = matches[0] if matches else None
        if found is None:
            raise _not_found(object_id)
        return found

    def _members(self, request, group_id, cast, options, roles):
        only = None
        if cast:
            only = next((name for name, full in MEMBER_TYPES.items() if full[1:] == cast[0]), None)
            if only is None or len(cast) > 1:
                raise _unknown_segment("/".join(cast))
        for name in options:
            if name not in ("$select", "$top", "$skiptoken"):
                raise _bad(f"The query parameter '{name}' is not supported here.")
        selected = options["$select"].split(",") if "$select" in options else None
        where = f"members {group_id}"
        after = self._list_position(options, where, False)
        found, rest = self._directory.members(group_id, after, _top(options))
        value = []
        for member_type, member_id, values in found:
            if only is not None and member_type != only:
                continue
            kind = {"user": "users", "contact": "contacts", "group": "groups"}.get(member_type)
            item = {"@odata.type": MEMBER_TYPES[member_type], "id": member_id}
            if kind and values is not None:
                names = selected or ENTITIES[kind].default
                # Of types that may not be read only type and id are told; the rest is null.
                readable = bool(roles & _ROLES[kind])
                for name in names:
                    if name in ENTITIES[kind].properties:
                        item[name] = values.get(name) if readable else None
            value.append(item)
        body = {"@odata.context": f"{request.origin}/v1.0/$metadata#directoryObjects"}
        if rest is not None:
            body["@odata.nextLink"] = self._list_link(request, options, where, rest, False)
        body["value"] = value
        return Response(200, body)

    def _organization(self, request, options):
        values = self._identity.organization()
        names = options["$select"].split(",") if "$select" in options else list(values)
        for name in names:
            if name not in values:
                raise _unknown_property(name, "organization")
        names = ["id"] + [name for name in names if name != "id"]
        return Response(200, {"@odata.context": f"{request.origin}/v1.0/$metadata#organization",
                              "value": [{name: values[name] for name in names}]})

    def _deleted_items(self, request, rest, roles):
        kinds = {"microsoft.graph.user": "users", "microsoft.graph.group": "groups"}
        if len(rest) != 1:
            raise _unknown_segment("deletedItems")
        if rest[0] in kinds:
            kind = kinds[rest[0]]
            _require(roles, kind)
            names = ENTITIES[kind].default + ("deletedDateTime",)
            return Response(200, {
                "@odata.context": f"{request.origin}/v1.0/$metadata#{kind}",
                "value": [_listed(entry, names) for entry in self._directory.deleted(kind)]})
        for kind in ("users", "groups"):
            for entry in self._directory.deleted(kind):
                if entry["id"] == rest[0]:
                    _require(roles, kind)
                    return Response(200, {
                        "@odata.context": f"{request.origin}/v1.0/$metadata#directoryObjects/$entity",
                        "@odata.type": f"#microsoft.graph.{ENTITIES[kind].type_name}",
                        **_listed(entry, ENTITIES[kind].default + ("deletedDateTime",))})
        raise _not_found(rest[0])

    # ---- batch ---------------------------------------------------------------------------------------

    def _batch(self, request):
        """$batch: at most 20 parts, urls relative to the version root, answers in any order."""
        if request.method != "POST":
            raise GraphError(405, "Request_BadRequest", "A batch is posted.")
        try:
            parts = request.json()["requests"]
            ids = [str(part["id"]).lower() for part in parts]
        except (ValueError, KeyError, TypeError):
            raise _bad("The batch payload is not valid.") from None
        if not parts or len(parts) > MAX_BATCH or len(set(ids)) != len(ids):
            raise _bad("A batch has 1 to 20 requests with ids of their own.")
        responses = []
        for part in parts:
            headers = {"Authorization": request.header("Authorization"), **part.get("headers", {})}
            inner = Request("graph", str(part.get("method", "GET")).upper(),
                            "/v1.0/" + str(part.get("url", "")).lstrip("/"),
                            _Headers(headers), b"", request.origin)
            if urlsplit(str(part.get("url", ""))).scheme or "$batch" in inner.path:
                answer = Response(400, _envelope("Request_BadRequest", "Invalid url.", None, None))
            else:
                answer = self.handle(inner)
            responses.append({"id": part["id"], "status": answer.status,
                              "headers": {"Content-Type": answer.content_type or "application/json"},
                              "body": answer.body})
        responses.reverse()     # no order is promised, so none is kept
        return Response(200, {"responses": responses})


class _Headers(dict):
    """Headers of a part of a batch: names compare without case."""

    def __init__(self, values):
        super().__init__({str(name).lower(): value for name, value in values.items()})

    def get(self, name, default=None):
        return super().get(name.lower(), default)


def _envelope(code, message, request_id, client_id):
    return {"error": {"code": code, "message": message, "innerError": {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id, "client-request-id": client_id or request_id}}}


def _unauthorized(trouble, identity):
    messages = {"missing": "Access token is empty.",
                "malformed": "CompactToken parsing failed; the token is not valid.",
                "expired": "Lifetime validation failed, the token is expired.",
                "audience": "Access token validation failure. Invalid audience."}
    challenge = (f'Bearer realm="", authorization_uri="https://login.microsoftonline.com/'
                 f'{identity.tenant_id}/oauth2/authorize", client_id="00000003-0000-0000-c000-'
                 '000000000000"')
    return GraphError(401, "InvalidAuthenticationToken", messages[trouble],
                      {"WWW-Authenticate": challenge})


def _denied():
    return GraphError(403, "Authorization_RequestDenied",
                      "Insufficient privileges to complete the operation.")


def _require(roles, what):
    if not roles & _ROLES[what]:
        raise _denied()


def _cost(request):
    """Resource units: users lists 2, members 3, the rest 1; $select 1 less, never below 1."""
    parts = [part for part in request.path.split("/") if part][1:]
    cost = 2 if parts == ["users"] else 3 if parts[-1:] == ["members"] else 1
    names = {name.lower(): value for name, value in request.query}
    cost -= "$select" in names
    cost += "$expand" in names
    if names.get("$top", "").isdigit() and int(names["$top"]) < 20:
        cost -= 1
    return max(1, cost)


def _options(request):
    """The query options by lower-case name; unknown system options and repeated ones refused."""
    options = {}
    for name, value in request.query:
        lower = name.lower()
        if lower.startswith("$"):
            if lower not in _SYSTEM_OPTIONS:
                raise _bad(f"The query parameter '{name}' is not recognized.")
            if lower in options:
                raise _bad(f"Query option '{name}' was specified more than once.")
            options[lower] = value
    return options


def _preferences(request):
    """The Prefer header: comma separated `name[=value]`."""
    found = {}
    for part in (request.header("Prefer") or "").split(","):
        name, _, value = part.strip().partition("=")
        if name:
            found[name.strip().lower()] = value.strip().strip('"').lower()
    return found


def _page_preference(preferences):
    text = preferences.get("odata.maxpagesize", "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _unknown_property(name, type_name):
    return _bad(f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'.")


def _select(kind, options, single=False, tracked_allowed=False):
    """(property names or None, relations among them) of $select; refuses what the type lacks."""
    if "$select" not in options:
        return None, ()
    entity = ENTITIES[kind]
    names, relations = [], []
    for name in options["$select"].split(","):
        name = name.strip()
        if not name:
            raise _bad("Parsing OData Select and Expand failed: an empty name.")
        if name in entity.outside and not (single and name in entity.properties):
            raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
        if name in entity.tracked and tracked_allowed:
            relations.append(name)
        elif name in entity.relations:
            raise GraphError(501, "NotImplemented", f"The simulator does not track '{name}'.")
        elif name != "id" and name not in entity.properties:
            raise _unknown_property(name, entity.type_name)
        if name not in names:
            names.append(name)
    return tuple(names), tuple(relations)


def _listed(entry, names):
    """An object of a list or a single GET: what is unset is null there."""
    item = {name: entry.get(name) for name in names}
    item["id"] = entry["id"]
    return item


def _top(options):
    if "$top" not in options:
        return DEFAULT_LIST
    text = options["$top"]
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIST:
        raise _bad(f"Invalid page size specified: '{text}'. Must be between 1 and {MAX_LIST} "
                   "inclusive.")
    return int(text)


def _filter_ids(text):
    """The ids of `id eq 'a' or id eq 'b'`, the only filter delta knows."""
    ids = []
    for term in re.split(r"\s+or\s+", text):
        match = _TERM.match(term)
        if not match or match[1] != "id" or not match[2].startswith("'"):
            raise _bad("Delta supports $filter on id only.", "Request_UnsupportedQuery")
        ids.append(match[2][1:-1].replace("''", "'"))
    if len(ids) > MAX_FILTER_IDS:
        raise _bad(f"Delta filters at most {MAX_FILTER_IDS} objects.", "Request_UnsupportedQuery")
    return ids


def _filter(kind, text):
    """A predicate for `property eq literal [and|or ...]`, left to right with `and` binding more."""
    alternatives = []
    for alternative in re.split(r"\s+or\s+", text):
        terms = []
        for term in re.split(r"\s+and\s+", alternative):
            match = _TERM.match(term)
            if not match:
                raise _bad("The simulator filters with eq, and, or only.", "Request_UnsupportedQuery")
            name, literal = match[1], match[2]
            expected = ENTITIES[kind].properties.get(name)
            if name != "id" and expected is None:
                raise _unknown_property(name, ENTITIES[kind].type_name)
            value = {"true": True, "false": False, "null": None}.get(literal, literal)
            if isinstance(value, bool) != (expected == BOOLEAN) and value is not None:
                raise _bad("A binary operator with incompatible types was detected.")
            if isinstance(value, str):
                value = value[1:-1].replace("''", "'").lower()
            terms.append((name, value))
        alternatives.append(terms)

    def matches(entry):
        return any(all(_folded(entry.get(name)) == value for name, value in terms)
                   for terms in alternatives)
    return matches


def _folded(value):
    return value.lower() if isinstance(value, str) else value
