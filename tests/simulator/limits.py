"""The limit on resource units: what a Graph request costs, and the bucket it is taken from.

The documented limit of identity and access is a token bucket of resource units for each pair of
app and tenant (8000 in 10 seconds in a large tenant). A request beyond it is refused with 429 and
still counts, so a client that goes on asking stays out.
"""

import math
import threading

# How much of the limit the service admits to at most: x-ms-throttle-limit-percentage ends at 1.8.
MOST_USED = 1.8
# From here on the header is sent.
WARNING = 0.8

_LIST_COSTS = {"users": 2, "applications": 2, "oauth2PermissionGrants": 2, "subscribedSkus": 3,
               "contracts": 3}
_RELATION_COSTS = {("groups", "members"): 3, ("groups", "transitiveMembers"): 5,
                   ("users", "memberOf"): 2, ("users", "transitiveMemberOf"): 2,
                   ("users", "ownedObjects"): 2, ("servicePrincipals", "appRoleAssignments"): 2}
_ACTION_COSTS = {"getByIds": 5, "checkMemberGroups": 4, "checkMemberObjects": 4}


def cost(request):
    """Resource units of one Graph request (a batch has none: its parts have)."""
    parts = [part for part in request.path.split("/") if part][1:]
    if not parts or parts == ["$batch"]:
        return 0
    last = parts[-1].rpartition(".")[2]
    if request.method == "GET":
        if len(parts) == 1:
            base = _LIST_COSTS.get(parts[0], 1)
        else:
            base = _RELATION_COSTS.get((parts[0], parts[2]), 1) if len(parts) > 2 else 1
    else:
        base = _ACTION_COSTS.get(last, 1)
    names = {name.lower(): value for name, value in request.query}
    if last == "getByIds" and "$select" in names:
        return 2
    base -= "$select" in names
    base += "$expand" in names
    if names.get("$top", "").isdigit() and int(names["$top"]) < 20:
        base -= 1
    return max(1, base)


class Verdict:
    """What the bucket says to a request: `wait` is None when there is room for it, else the seconds
    until there is; `used` is the share of the limit that is used up."""

    def __init__(self, wait, used):
        self.wait = wait
        self.used = used


class Limits:
    """One bucket for each scope. Thread-safe."""

    def __init__(self, settings, clock):
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._levels = {}   # scope -> (units in use, when that was so, the limit at that time)

    def charge(self, scope, units):
        capacity, window = self._settings["limit_units"], self._settings["limit_window"]
        if not capacity:
            return Verdict(None, 0)
        rate = capacity / window
        now = self._clock.now()
        with self._lock:
            level, since, limit = self._levels.get(scope, (0, now, None))
            if now < since or limit != (capacity, window):
                level, since = 0, now       # another clock or another limit: a bucket of its own
            level = max(0, level - (now - since) * rate)
            # One request that costs more than the whole bucket is served from a full one.
            room = level == 0 or level + units <= capacity + 1e-6
            level = min(level + units, max(capacity * MOST_USED, units))
            self._levels[scope] = (level, now, (capacity, window))
        wait = None
        if not room:
            # So long that the same request would be served, rounded up to what is told.
            wait = math.ceil(max(level + min(units, capacity) - capacity, 0) / rate * 1000) / 1000
            wait = max(wait, 0.001)
        return Verdict(wait, level / capacity)
