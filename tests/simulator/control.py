"""The control interface: plain HTTP and JSON on loopback, for tests and people.

It changes the tenant as administrators and synchronisation would, scripts faults, and tells what
was asked. The README lists its calls.
"""

import threading

from objects import KINDS, DirectoryError
from recipients import KINDS as RECIPIENTS
from server import Response, Service
from settings import SettingsError, change_settings

_COLLECTIONS = KINDS + RECIPIENTS


class ControlError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Control(Service):
    name = "control"

    def __init__(self, house, directory, recipients, issuer, credentials, stop):
        self._house = house
        self._directory = directory
        self._recipients = recipients
        self._issuer = issuer
        self._credentials = credentials
        self._settings = house.settings
        self._stop = stop

    def handle(self, request):
        try:
            return Response(200, self._dispatch(request))
        except (ControlError, DirectoryError) as error:
            return Response(error.status, {"error": str(error)})
        except SettingsError as error:
            return Response(400, {"error": str(error)})

    def _dispatch(self, request):
        parts = [part for part in request.path.split("/") if part]
        where = parts[0] if parts else ""
        if len(parts) == 1:
            call = getattr(self, f"_{request.method.lower()}_{where}", None)
            if call is None or not where.isalpha():
                raise ControlError(404, f"no call {request.method} {request.path}")
            return call(request)
        if where not in _COLLECTIONS:
            raise ControlError(404, f"no collection '{where}'")
        if len(parts) == 2:
            return self._one(request, where, parts[1])
        if len(parts) == 3 and request.method == "POST":
            if parts[2] == "restore" and where in ("users", "groups"):
                self._directory.restore(where, parts[1])
                return self._directory.describe(where, parts[1])
            if parts[2] == "members" and where == "groups":
                body = self._body(request)
                self._directory.change_members(parts[1], body.get("add", ()), body.get("remove", ()))
                return self._directory.describe("groups", parts[1])
        raise ControlError(404, f"no call {request.method} {request.path}")

    def _one(self, request, kind, object_id):
        store = self._directory if kind in KINDS else self._recipients
        if request.method == "GET":
            return store.describe(kind, object_id)
        if request.method == "PUT":
            made = self._put(kind, object_id, self._body(request))
            return store.describe(kind, made)
        if request.method == "DELETE":
            permanent = dict(request.query).get("permanent", "") in ("1", "true")
            return {"id": object_id, "state": store.delete(kind, object_id, permanent)}
        raise ControlError(405, "GET, PUT or DELETE")

    def _put(self, kind, object_id, values):
        if not isinstance(values, dict):
            raise ControlError(400, "an object is expected")
        store = self._directory if kind in KINDS else self._recipients
        return store.put(kind, object_id, values)

    @staticmethod
    def _body(request):
        try:
            return request.json() if request.body else {}
        except ValueError as error:
            raise ControlError(400, f"the body is not JSON: {error}") from None

    def bulk(self, body):
        """Upserts many. What names other objects is set after all of them exist, so order does not
        matter."""
        if not isinstance(body, dict) or set(body) - set(_COLLECTIONS):
            raise ControlError(400, f"bulk takes {', '.join(_COLLECTIONS)}")
        ids, names_others = {}, {"users": "manager", "contacts": "manager", "groups": "members"}
        for kind in ("users", "contacts", "groups", *RECIPIENTS):
            if kind in body:
                later = names_others.get(kind)
                ids[kind] = [self._put(kind, None, {name: value for name, value in values.items()
                                                    if name != later}) for values in body[kind]]
        for kind, later in names_others.items():
            for values, object_id in zip(body.get(kind, ()), ids.get(kind, ())):
                if later in values:
                    self._directory.put(kind, object_id, {later: values[later]})
        return ids

    def _post_bulk(self, request):
        return self.bulk(self._body(request))

    def _post_expire(self, request):
        body = self._body(request)
        kind, how = body.get("collection", "all"), body.get("how", "410")
        if how not in ("410", "syncStateNotFound") or kind not in KINDS + ("all",):
            raise ControlError(400, 'expire takes {"collection": contacts|users|groups|all, '
                                    '"how": "410"|"syncStateNotFound"}')
        for each in KINDS if kind == "all" else (kind,):
            self._directory.expire(each, how)
        return {}

    def _post_faults(self, request):
        try:
            self._house.faults.add(self._body(request))
        except ValueError as error:
            raise ControlError(400, str(error)) from None
        return {}

    def _get_faults(self, _):
        return self._house.faults.list()

    def _delete_faults(self, _):
        self._house.faults.clear()
        return {}

    def _get_requests(self, _):
        return self._house.log.list()

    def _delete_requests(self, _):
        self._house.log.clear()
        return {}

    def _get_stats(self, _):
        return self._house.stats.dump()

    def _delete_stats(self, _):
        self._house.stats.clear()
        return {}

    def _get_violations(self, _):
        return self._house.violations.list()

    def _delete_violations(self, _):
        self._house.violations.clear()
        return {}

    def _get_clock(self, _):
        return {"now": self._house.clock.now()}

    def _post_clock(self, request):
        body = self._body(request)
        if not body or set(body) - {"advance", "until"} or not all(
                isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
                for value in body.values()):
            raise ControlError(400, 'clock takes {"advance": seconds} or {"until": epoch seconds}')
        try:
            return {"now": self._house.clock.advance(body.get("advance", 0), body.get("until", 0))}
        except ValueError as error:
            raise ControlError(409, str(error)) from None

    def _post_challenge(self, request):
        service = self._body(request).get("service")
        if service not in ("graph", "exchange"):
            raise ControlError(400, 'challenge takes {"service": "graph"|"exchange"}')
        claims = self._issuer.challenge(service)
        self._house.violations.renewable(service)
        return {"claims": claims}

    def _delete_challenge(self, _):
        self._issuer.forget_challenges()
        return {}

    def _post_rotate(self, request):
        body = self._body(request)
        try:
            return self._credentials.rotate(body.get("what"), bool(body.get("drop")),
                                            body.get("days", 30))
        except ValueError as error:
            raise ControlError(400, str(error)) from None

    def _get_settings(self, _):
        return self._settings

    def _post_settings(self, request):
        change_settings(self._settings, self._body(request))
        self._house.clock.now()     # a clock that became virtual starts now
        return self._settings

    _put_settings = _post_settings

    def _get_objects(self, _):
        return {**self._directory.describe_all(), **self._recipients.describe_all()}

    def _post_shutdown(self, _):
        threading.Timer(0.05, self._stop).start()
        return {}
