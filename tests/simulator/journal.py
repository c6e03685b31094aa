"""What was asked of the simulator, for tests: a row for each request, and sums.

Holds neither headers nor bodies, so no token and no secret.
"""

import threading

KEPT_REQUESTS = 100_000


class RequestLog:
    def __init__(self):
        self._lock = threading.Lock()
        self._rows = []

    def add(self, row):
        with self._lock:
            if len(self._rows) >= KEPT_REQUESTS:
                del self._rows[:KEPT_REQUESTS // 10]
            self._rows.append(row)

    def list(self):
        with self._lock:
            return list(self._rows)

    def clear(self):
        with self._lock:
            self._rows.clear()


class Stats:
    """Sums over the requests since the start or the last clear()."""

    def __init__(self):
        self._lock = threading.Lock()
        self._services = {}
        self._collections = {}

    def add(self, row, throttled, began, seconds):
        """`began` is when the request came, `seconds` how long it was inside the service."""
        with self._lock:
            service = self._services.setdefault(row["service"], {
                "requests": 0, "ok": 0, "throttled": 0, "errors": 0, "units": 0, "bytes": 0})
            service["requests"] += 1
            outcome = "throttled" if throttled else "ok" if 200 <= row["status"] < 400 else "errors"
            service[outcome] += 1
            service["units"] += row["units"]
            service["bytes"] += row["bytes"]
            if row["collection"] is None:
                return
            collection = self._collections.setdefault(row["collection"], {
                "requests": 0, "busy_seconds": 0.0, "first": began, "last": began})
            collection["requests"] += 1
            collection["busy_seconds"] += seconds
            collection["first"] = min(collection["first"], began)
            collection["last"] = max(collection["last"], began + seconds)

    def dump(self):
        with self._lock:
            return {"services": {name: dict(sums) for name, sums in self._services.items()},
                    "collections": {name: dict(sums) for name, sums in self._collections.items()}}

    def clear(self):
        with self._lock:
            self._services.clear()
            self._collections.clear()
