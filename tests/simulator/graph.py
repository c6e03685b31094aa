"""Microsoft Graph v1.0 as far as a reader of contacts, users and groups meets it.

Refuses what the service refuses: requests without a token or with one for another audience (401),
without the role (403), unknown properties (400), properties outside the directory store (501),
$top, $expand, $orderby and friends on delta (400), anything beside a token (400), and what is more
than the resource units allow (429).
"""

import json
import uuid
from urllib.parse import quote, urlsplit

from limits import WARNING, cost
from objects import MEMBER_KINDS, MEMBER_TYPES
from odata import (GraphError, bad, expanded_manager, filter_ids, list_filter, options_of,
                   page_preference, preferences_of, select_of, top_of, unknown_property)
from schema import ENTITIES
from server import Request, Response, Service
from surprises import surprise
from tokens import Query, TokenError

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
MAX_BATCH = 20
# What a part of a batch is told in its own headers; the rest is the envelope's.
_INNER_HEADERS = {"retry-after", "x-ms-resource-unit", "x-ms-throttle-limit-percentage",
                  "x-ms-throttle-scope", "x-ms-throttle-information", "www-authenticate",
                  "cache-control", "odata-version", "location"}


def _not_found(what):
    return GraphError(404, "Request_ResourceNotFound",
                      f"Resource '{what}' does not exist or one of its queried reference-property "
                      "objects are not present.")


def _unknown_segment(path):
    return GraphError(404, "BadRequest", f"Resource not found for the segment '{path}'.")


class Graph(Service):
    name = "graph"

    def __init__(self, identity, directory, issuer, limits, faults, settings, clock):
        self._identity = identity
        self._directory = directory
        self._issuer = issuer
        self._limits = limits
        self._faults = faults       # for those that hit parts of a batch
        self._settings = settings
        self._clock = clock

    # ---- frame: every answer has the same headers and every error the same envelope ---------------

    def collection(self, request):
        parts = request.path.strip("/").split("/")
        return parts[1] if len(parts) > 1 and parts[1] in ENTITIES else None

    def listing(self, request):
        parts = request.path.strip("/").split("/")[1:]
        if request.method != "GET" or not parts or parts[0] not in ENTITIES \
                or not (len(parts) == 1 or (len(parts) == 2 and parts[1] in _DELTA_SEGMENTS)):
            return None
        return parts[0], any(name.lower() == "$skiptoken" for name, _ in request.query)

    def default_error(self, status):
        codes = {429: ("TooManyRequests", "Please retry again later."),
                 503: ("serviceNotAvailable", "The service is temporarily unavailable."),
                 404: ("UnknownError", ""), 500: ("UnknownError", ""),
                 401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
                 403: ("Authorization_RequestDenied",
                       "Insufficient privileges to complete the operation."),
                 400: ("Request_BadRequest", "The request is not valid.")}
        code, message = codes.get(status, ("UnknownError", ""))
        return self._envelope(code, message, str(uuid.uuid4()), None)

    def handle(self, request):
        request_id = str(uuid.uuid4())
        client_id = request.header("client-request-id")
        charged = {}
        try:
            response = self._dispatch(request, charged)
        except GraphError as error:
            response = Response(error.status, self._envelope(error.code, str(error), request_id,
                                                             client_id), error.headers)
            if error.status == 429:
                response.body["error"]["innerError"].update(
                    {"code": "429", "message": "Please retry after", "status": "429"})
        if response.content_type is None:
            response.content_type = _CONTENT_TYPE if response.status < 400 else "application/json"
        if self._settings["surprises"] and response.status < 400:
            response.body = surprise(response.body)
        response.headers = {
            "Cache-Control": "no-cache",
            "request-id": request_id,
            "client-request-id": client_id or request_id,
            "x-ms-ags-diagnostic": json.dumps({"ServerInfo": {
                "DataCenter": "Simulated", "Slice": "E", "Ring": "0", "ScaleUnit": "000",
                "RoleInstance": "SIM00000"}}, separators=(",", ":")),
            **({"OData-Version": "4.0"} if response.status < 400 else {}),
            **charged,
            **response.headers,
        }
        return response

    def _charge(self, request, app, charged):
        """Takes the cost out of the bucket; `charged` gets the headers that tell of it."""
        request.units = cost(request)
        verdict = self._limits.charge(app, request.units)
        charged["x-ms-resource-unit"] = str(request.units)
        if verdict.used >= WARNING:
            charged["x-ms-throttle-limit-percentage"] = f"{verdict.used:.2f}"
        if verdict.wait is not None:
            raise GraphError(429, "TooManyRequests", "Please retry again later.", {
                "Retry-After": f"{verdict.wait:.3f}",
                "x-ms-throttle-scope":
                    f"Tenant_Application/ReadWrite/{app}/{self._identity.tenant_id}",
                "x-ms-throttle-information": "ResourceUnitLimitExceeded"})

    def _dispatch(self, request, charged):
        if request.header("Content-Encoding"):
            raise GraphError(415, "UnsupportedMediaType", "Compressed requests are not accepted.")
        parts = request.path.split("/")[1:]
        if not parts or parts[0].lower() != "v1.0":
            raise GraphError(404, "BadRequest", "Invalid version.")
        claims, trouble = self._issuer.check(request.header("Authorization"), "graph")
        if trouble:
            raise self._unauthorized(trouble)
        roles = frozenset(claims.get("roles", ()))
        segments = [part for part in parts[1:] if part]
        if segments == ["$batch"]:
            return self._batch(request)
        self._charge(request, claims["appid"], charged)
        if request.method != "GET":
            raise GraphError(405, "Request_BadRequest",
                             f"Specified HTTP method '{request.method}' is not allowed for the "
                             "request target.")
        options = options_of(request)
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
        if kind == "contacts" and not self._settings["contacts_delta"]:
            raise bad("Differential query is not supported for entity type: OrgContact",
                      "Request_UnsupportedQuery")
        preferences = preferences_of(request)
        minimal = preferences.get("return") == "minimal"
        skip, token = options.get("$skiptoken"), options.get("$deltatoken")
        root = f"{request.origin}/v1.0/{kind}/delta"
        if skip is not None or token not in (None, "", "latest"):
            if len(request.query) != 1:
                request.flags.append(("altered-link", "a link came with further parameters",
                                      request.target))
                raise bad("A token carries the whole query; no other parameter is allowed with it.")
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
            limit = page_preference(preferences) or self._settings["page_size"]
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
                raise bad(f"The query parameter '{name}' is not supported on delta.",
                           "Request_UnsupportedQuery")
        select, relations = select_of(kind, options, tracked_allowed=True)
        ids = None
        if "$filter" in options:
            ids = frozenset(filter_ids(options["$filter"]))
        # Without $select the tracked relations come along; with it they must be named.
        members = kind == "groups" and (select is None or "members" in relations)
        manager = "manager" in relations
        if select is not None:
            select = tuple(name for name in select if name not in relations)
            select = select or ("id",)
        return Query(select, members, ids, manager)

    def _dead_token(self, error, root, is_delta_link):
        if error.how == "invalid":
            return bad(f"The {'$deltatoken' if is_delta_link else '$skiptoken'} is not valid.")
        if error.how == "aged":
            return _expired_page()
        message = ("The sync state generation is not found. The delta token is expired and data must "
                   "be synchronized again.")
        if error.how == "410":
            location = root + "?"
            if self._settings["location_select"] and error.query.select:
                names = [name for name in error.query.select]
                names += ["members"] if error.query.members else []
                names += ["manager"] if error.query.manager else []
                location += f"$select={quote(','.join(names), safe=',')}&"
            return GraphError(410, "syncStateNotFound", message,
                              {"Location": location + "$deltatoken="})
        return bad(message, "syncStateNotFound")

    # ---- plain lists and single objects ------------------------------------------------------------

    def _list(self, request, kind, options):
        for name in options:
            if name in ("$orderby", "$search", "$skip", "$deltatoken"):
                raise GraphError(501, "NotImplemented", f"The simulator does not do {name} on lists.")
        select, _ = select_of(kind, options)
        limit = top_of(options)
        wanted = list_filter(kind, options["$filter"]) if "$filter" in options else None
        expands, manager_select = expanded_manager(kind, options)
        counted = options.get("$count", "").lower() == "true"
        eventual = (request.header("ConsistencyLevel") or "").lower() == "eventual"
        after = self._list_position(request, options, kind, eventual)
        if counted and not eventual:
            raise bad("$count is not currently supported.")
        found, rest = self._directory.listing(kind, after, limit, wanted)
        names = select or ENTITIES[kind].default
        context = f"({','.join(select)})" if select else ""
        body = {"@odata.context": f"{request.origin}/v1.0/$metadata#{kind}{context}"}
        if counted and "$skiptoken" not in options:
            body["@odata.count"] = len(self._directory.listing(kind, 0, 10 ** 9, wanted)[0])
        if rest is not None:
            body["@odata.nextLink"] = self._list_link(request, options, kind, rest, eventual)
        body["value"] = [_listed(entry, names) for entry in found]
        if expands:
            for item in body["value"]:
                manager = self._manager(kind, item["id"], manager_select)
                if manager is not None:
                    item["manager"] = manager
        return Response(200, body)

    def _list_position(self, request, options, what, eventual):
        if "$skiptoken" not in options:
            return 0
        value = self._directory.unseal(options["$skiptoken"])
        if not isinstance(value, list) or value[:2] != ["l", what]:
            raise bad("The $skiptoken is not valid.")
        rest = sorted((n, v) for n, v in options.items() if n != "$skiptoken")
        if [list(pair) for pair in rest] != value[3]:
            request.flags.append(("altered-link", "a nextLink came with other parameters",
                                  request.target))
            raise bad("A nextLink has to be used as it is.")
        lifetime = self._settings["skip_token_lifetime"]
        aged = lifetime and self._clock.now() - value[5] >= lifetime
        # An advanced query needs its header again with every nextLink.
        if aged or (value[4] and not eventual):
            raise _expired_page()
        return value[2]

    def _list_link(self, request, options, what, position, eventual):
        rest = sorted((n, v) for n, v in options.items() if n != "$skiptoken")
        token = self._directory.seal(["l", what, position, rest, eventual, self._clock.now()])
        query = "".join(f"{n}={quote(v, safe=',')}&" for n, v in rest)
        return f"{request.origin}{quote(request.path, safe='/$')}?{query}$skiptoken={token}"

    def _count(self, request, kind):
        if (request.header("ConsistencyLevel") or "").lower() != "eventual":
            raise bad("$count is not currently supported.")
        return Response(200, str(self._directory.count(kind)), content_type="text/plain")

    def _object(self, request, kind, object_id, rest, options, roles):
        if not rest:
            _require(roles, kind)
            for name in options:
                if name != "$select":
                    raise bad(f"The query parameter '{name}' is not supported here.")
            select, _ = select_of(kind, options, single=True)
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
        if relation == "manager" and len(rest) == 1:
            return self._manager_of(request, kind, found["id"], options)
        raise GraphError(501, "NotImplemented", f"The simulator does not do {relation}.")

    def _manager_of(self, request, kind, object_id, options):
        for name in options:
            if name != "$select":
                raise bad(f"The query parameter '{name}' is not supported here.")
        select = tuple(options["$select"].split(",")) if "$select" in options else None
        manager = self._manager(kind, object_id, select)
        if manager is None:
            raise _not_found("manager")
        return Response(200, {
            "@odata.context": f"{request.origin}/v1.0/$metadata#directoryObjects/$entity", **manager})

    def _manager(self, kind, object_id, select):
        found = self._directory.manager(kind, object_id)
        if found is None:
            return None
        member_type, values = found
        item = {"@odata.type": MEMBER_TYPES[member_type]}
        if member_type in self._settings["hidden_types"]:
            return {**item, "id": values["id"]}
        entity = ENTITIES[MEMBER_KINDS[member_type]]
        known = [name for name in select or entity.default if name in entity.properties]
        return {**item, **_listed(values, known)}

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
                raise bad(f"The query parameter '{name}' is not supported here.")
        selected = options["$select"].split(",") if "$select" in options else None
        where = f"members {group_id}"
        after = self._list_position(request, options, where, False)
        found, rest = self._directory.members(group_id, after, top_of(options))
        value = []
        for member_type, member_id, values in found:
            if only is not None and member_type != only:
                continue
            kind = MEMBER_KINDS[member_type]
            item = {"@odata.type": MEMBER_TYPES[member_type], "id": member_id}
            if member_type in self._settings["hidden_types"]:
                value.append(item)
                continue
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
                raise unknown_property(name, "organization")
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
            raise bad("The batch payload is not valid.") from None
        if not parts or len(parts) > MAX_BATCH or len(set(ids)) != len(ids):
            raise bad("A batch has 1 to 20 requests with ids of their own.")
        responses = []
        for part in parts:
            headers = {"Authorization": request.header("Authorization"), **part.get("headers", {})}
            inner = Request("graph", str(part.get("method", "GET")).upper(),
                            "/v1.0/" + str(part.get("url", "")).lstrip("/"),
                            _Headers(headers), b"", request.origin)
            inner.flags = request.flags
            answer = self._part(inner, str(part.get("url", "")))
            request.units += inner.units
            kept = {name: value for name, value in answer.headers.items()
                    if name.lower() in _INNER_HEADERS}
            responses.append({"id": part["id"], "status": answer.status,
                              "headers": {**kept, "Content-Type": answer.content_type
                                          or "application/json"},
                              "body": answer.body})
        responses.reverse()     # no order is promised, so none is kept
        return Response(200, {"responses": responses})

    def _part(self, inner, url):
        fault = self._faults.match(inner, inner=True)
        if fault:
            body = fault.get("body")
            return Response(fault["status"], self.default_error(fault["status"]) if body is None
                            else body, {name: str(value) for name, value in fault["headers"].items()})
        if urlsplit(url).scheme or "$batch" in inner.path:
            return Response(400, self._envelope("Request_BadRequest", "Invalid url.", None, None))
        return self.handle(inner)

    # ---- errors --------------------------------------------------------------------------------------

    def _envelope(self, code, message, request_id, client_id):
        return {"error": {"code": code, "message": message, "innerError": {
            "date": self._clock.utc().strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id, "client-request-id": client_id or request_id}}}

    def _unauthorized(self, trouble):
        messages = {"missing": "Access token is empty.",
                    "malformed": "CompactToken parsing failed; the token is not valid.",
                    "expired": "Lifetime validation failed, the token is expired.",
                    "audience": "Access token validation failure. Invalid audience.",
                    "challenged": "Continuous access evaluation resulted in challenge."}
        return GraphError(401, "InvalidAuthenticationToken", messages[trouble],
                          {"WWW-Authenticate": self._issuer.www_authenticate(trouble, "graph")})


class _Headers(dict):
    """Headers of a part of a batch: names compare without case."""

    def __init__(self, values):
        super().__init__({str(name).lower(): value for name, value in values.items()})

    def get(self, name, default=None):
        return super().get(name.lower(), default)


def _expired_page():
    return bad("The specified page token value has expired and can no longer be included in your "
               "request.", "Directory_ExpiredPageToken")


def _denied():
    return GraphError(403, "Authorization_RequestDenied",
                      "Insufficient privileges to complete the operation.")


def _require(roles, what):
    if not roles & _ROLES[what]:
        raise _denied()


def _listed(entry, names):
    """An object of a list or a single GET: what is unset is null there."""
    item = {name: entry.get(name) for name in names}
    item["id"] = entry["id"]
    return item
