"""The control interface: plain HTTP and JSON on loopback, for tests and people.

It changes the tenant as administrators and synchronisation would, scripts faults, and tells what
was asked. The README lists its calls.
"""

import threading

from directory import KINDS, DirectoryError
from server import Response

_COLLECTIONS = KINDS + ("mailcontacts",)

# Name -> (default, check). `page_size`, `link_page_size`, `exchange_page_size` are the caps of the
# service; tests lower them to get many pages from few objects.
SETTINGS = {
    "page_size": (200, lambda v: _whole(v, 1)),
    "link_page_size": (500, lambda v: _whole(v, 1)),
    "exchange_page_size": (1000, lambda v: _whole(v, 1)),
    "exchange_link_lifetime": (300, lambda v: _number(v, 0)),
    "exchange_rbac": (True, lambda v: isinstance(v, bool)),
    "empty_pages": (False, lambda v: isinstance(v, bool)),
    "replays": (False, lambda v: isinstance(v, bool)),
    "gzip": (True, lambda v: isinstance(v, bool)),
    "location_select": (False, lambda v: isinstance(v, bool)),
    "token_lifetime": (3599, lambda v: _whole(v, 0)),
    "concurrency": (0, lambda v: _whole(v, 0)),
    "roles": ({"graph": ["OrgContact.Read.All", "User.Read.All", "Group.Read.All",
                         "GroupMember.Read.All", "Organization.Read.All"],
               "exchange": ["Exchange.ManageAsApp"]},
              lambda v: isinstance(v, dict) and set(v) <= {"graph", "exchange"} and all(
                  isinstance(r, list) and all(isinstance(n, str) for n in r) for r in v.values())),
}


def _whole(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value, least):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= least


def default_settings():
    return {name: dict(default) if isinstance(default, dict) else default
            for name, (default, _) in SETTINGS.items()}


def change_settings(settings, changes):
    """Merges `changes`; all of them or, when one is wrong (ControlError), none."""
    if not isinstance(changes, dict):
        raise ControlError(400, "settings are an object")
    for name, value in changes.items():
        if name not in SETTINGS:
            raise ControlError(400, f"no setting '{name}'; there are {', '.join(SETTINGS)}")
        if not SETTINGS[name][1](value):
            raise ControlError(400, f"not a value for '{name}': {value!r}")
    for name, value in changes.items():
        settings[name] = {**settings[name], **value} if name == "roles" else value


class ControlError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Control:
    name = "control"

    def __init__(self, directory, mail_contacts, faults, log, settings, stop):
        self._directory = directory
        self._mail_contacts = mail_contacts
        self._faults = faults
        self._log = log
        self._settings = settings
        self._stop = stop

    def collection(self, request):
        return None

    def default_error(self, status):
        return {"error": f"status {status}"}

    def handle(self, request):
        try:
            return Response(200, self._dispatch(request))
        except (ControlError, DirectoryError) as error:
            return Response(error.status, {"error": str(error)})

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
        store = self._mail_contacts if kind == "mailcontacts" else None
        if request.method == "GET":
            return store.describe(object_id) if store else self._directory.describe(kind, object_id)
        if request.method == "PUT":
            self._put(kind, object_id, self._body(request))
            return store.describe(object_id) if store else self._directory.describe(kind, object_id)
        if request.method == "DELETE":
            permanent = dict(request.query).get("permanent", "") in ("1", "true")
            if store:
                store.delete(object_id)
                return {"id": object_id, "state": "gone"}
            state = self._directory.delete(kind, object_id, permanent)
            return {"id": object_id, "state": state}
        raise ControlError(405, "GET, PUT or DELETE")

    def _put(self, kind, object_id, values):
        if not isinstance(values, dict):
            raise ControlError(400, "an object is expected")
        if kind == "mailcontacts":
            return self._mail_contacts.put(object_id, values)
        return self._directory.put(kind, object_id, values)

    @staticmethod
    def _body(request):
        try:
            return request.json() if request.body else {}
        except ValueError as error:
            raise ControlError(400, f"the body is not JSON: {error}") from None

    def bulk(self, body):
        """Upserts many. Members are set after all objects exist, so order does not matter."""
        if not isinstance(body, dict) or set(body) - set(_COLLECTIONS):
            raise ControlError(400, f"bulk takes {', '.join(_COLLECTIONS)}")
        ids = {}
        for kind in ("users", "contacts", "groups", "mailcontacts"):
            if kind in body:
                ids[kind] = [self._put(kind, None, {name: value for name, value in values.items()
                                                    if kind != "groups" or name != "members"})
                             for values in body[kind]]
        for values, object_id in zip(body.get("groups", ()), ids.get("groups", ())):
            if "members" in values:
                self._directory.put("groups", object_id, {"members": values["members"]})
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
            self._faults.add(self._body(request))
        except ValueError as error:
            raise ControlError(400, str(error)) from None
        return {}

    def _get_faults(self, _):
        return self._faults.list()

    def _delete_faults(self, _):
        self._faults.clear()
        return {}

    def _get_requests(self, _):
        return self._log.list()

    def _delete_requests(self, _):
        self._log.clear()
        return {}

    def _get_settings(self, _):
        return self._settings

    def _post_settings(self, request):
        change_settings(self._settings, self._body(request))
        return self._settings

    def _get_objects(self, _):
        return {**self._directory.describe_all(), "mailcontacts": self._mail_contacts.describe_all()}

    def _post_shutdown(self, _):
        threading.Timer(0.05, self._stop).start()
        return {}
