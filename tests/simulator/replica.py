"""Replication delay: the directory that is read lags behind the one that is changed.

While the setting `replication_delay` is 0 there is one directory. With a delay, changes are made at
once in a copy, which is what the control interface sees, and reach the directory that Graph reads
when they are old enough, in their order.
"""

import threading
from collections import deque


class Replicated:
    """A Directory to everybody. Thread-safe."""

    def __init__(self, directory, settings, clock):
        self._lock = threading.RLock()
        self._settings = settings
        self._clock = clock
        self._front = directory     # what is read
        self._latest = directory    # what is changed; another one only while changes are under way
        self._pending = deque()     # (when due, function, arguments)

    # ---- changes -----------------------------------------------------------------------------

    def put(self, kind, object_id, values):
        with self._lock:
            if self._begin() is None:
                return self._front.put(kind, object_id, values)
            made = self._latest.put(kind, object_id, values)
            self._later("put", kind, made, values)
            return made

    def change_members(self, group_id, add, remove):
        self._change("change_members", group_id, add, remove)

    def delete(self, kind, object_id, permanent):
        return self._change("delete", kind, object_id, permanent)

    def restore(self, kind, object_id):
        self._change("restore", kind, object_id)

    def expire(self, kind, how):
        """At once: tokens are a matter of the replica that is read."""
        with self._lock:
            self._deliver()
            for directory in {id(d): d for d in (self._front, self._latest)}.values():
                directory.expire(kind, how)

    def _change(self, name, *arguments):
        with self._lock:
            if self._begin() is None:
                return getattr(self._front, name)(*arguments)
            result = getattr(self._latest, name)(*arguments)
            self._later(name, *arguments)
            return result

    def _begin(self):
        """Makes ready for a change; None when it has not to be delayed."""
        self._deliver()
        if not self._settings["replication_delay"]:
            return None
        if self._latest is self._front:
            self._latest = self._front.copy()
        return self._latest

    def _later(self, name, *arguments):
        due = self._clock.now() + self._settings["replication_delay"]
        self._pending.append((due, name, arguments))

    def _deliver(self):
        """Lets the replica catch up: with what is old enough, or with everything without a delay."""
        delay, now = self._settings["replication_delay"], self._clock.now()
        while self._pending and (not delay or self._pending[0][0] <= now):
            _, name, arguments = self._pending.popleft()
            getattr(self._front, name)(*arguments)
        if not self._pending:
            self._latest = self._front

    # ---- reading -----------------------------------------------------------------------------

    def describe(self, kind, object_id):
        with self._lock:
            self._deliver()
            return self._latest.describe(kind, object_id)

    def describe_all(self):
        with self._lock:
            self._deliver()
            return self._latest.describe_all()

    def __getattr__(self, name):
        """Everything else is the reading of Graph."""
        if name.startswith("_"):
            raise AttributeError(name)
        with self._lock:
            self._deliver()
            return getattr(self._front, name)
