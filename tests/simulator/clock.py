"""The one clock of the simulator.

Token lifetimes, Retry-After, buckets, the ages of links and everything that is written with a time
ask it, so that a test can let days pass in no time: the setting `clock` is "real", or "virtual" for
a clock that starts at the real time and then moves only when told (POST /clock) or by the latency
that requests are given.
"""

import threading
import time
from datetime import datetime, timezone


class Clock:
    def __init__(self, settings):
        self._settings = settings
        self._lock = threading.Lock()
        self._virtual = None    # the time shown while the clock is virtual

    def now(self):
        """Seconds since the epoch."""
        with self._lock:
            return self._now()

    def _now(self):
        if self._settings["clock"] != "virtual":
            self._virtual = None
            return time.time()
        if self._virtual is None:
            self._virtual = time.time()
        return self._virtual

    def advance(self, seconds=0, until=0):
        """Moves a virtual clock by some seconds, and at least to `until`; returns its time.

        ValueError for one that cannot be moved.
        """
        with self._lock:
            if self._settings["clock"] != "virtual":
                raise ValueError("only a virtual clock can be moved")
            self._virtual = max(self._now() + seconds, until)
            return self._virtual

    def spend(self, seconds, stopping):
        """Lets time pass: a real clock waits (until `stopping` is set), a virtual one is moved."""
        if seconds <= 0:
            return
        with self._lock:
            if self._settings["clock"] == "virtual":
                self._virtual = self._now() + seconds
                return
        stopping.wait(seconds)

    def utc(self):
        return datetime.fromtimestamp(self.now(), timezone.utc)

    def timestamp(self):
        """The time as Graph writes it."""
        return self.utc().strftime("%Y-%m-%dT%H:%M:%SZ")
