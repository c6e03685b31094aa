"""Scripted misbehaviour: which request is answered how, told through the control interface."""

import math
import threading
from email.utils import formatdate
from random import Random
from urllib.parse import unquote

SERVICES = ("login", "graph", "exchange", "imds", "proxy")
ACTIONS = ("reset", "truncate", "malformed", "nolinks", "loop", "foreignlink", "strangerlink", "hang",
           "duplicate")
RETRY_AFTER = ("seconds", "decimal", "date", "none")
_KEYS = {"service", "path", "method", "skip", "times", "share", "for", "page", "status", "headers",
         "body", "cmdlet", "retry_after", "between", "sticky", "stranger_location", "inner", "action", "seconds"}


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _problem(script):
    """What is wrong with a script, or None."""
    if not isinstance(script, dict) or set(script) - _KEYS:
        return f"a fault has the keys {', '.join(sorted(_KEYS))}"
    status, action = script.get("status"), script.get("action")
    if script.get("service") not in SERVICES:
        return f"service is one of {', '.join(SERVICES)}"
    if action is None and (not isinstance(status, int) or isinstance(status, bool)):
        return "a fault needs a status or an action"
    if action is not None and action not in ACTIONS:
        return f"action is one of {', '.join(ACTIONS)}"
    if "share" in script and not (_number(script["share"]) and 0 <= script["share"] <= 1):
        return "share is a probability, 0 to 1"
    if "for" in script and not (_number(script["for"]) and script["for"] >= 0):
        return "for is a number of seconds"
    if "page" in script and not (isinstance(script["page"], int) and script["page"] >= 1):
        return "page counts from 1"
    if "retry_after" in script and script["retry_after"] not in RETRY_AFTER:
        return f"retry_after is one of {', '.join(RETRY_AFTER)}"
    if "between" in script:
        between = script["between"]
        if not (isinstance(between, list) and len(between) == 2 and all(map(_number, between))
                and 0 <= between[0] <= between[1]):
            return "between is [least, most] seconds"
    for key in ("retry_after", "stranger_location", "sticky", "inner"):
        if script.get(key) and status is None:
            return f"{key} needs a status"
    if script.get("inner") and (script["service"] != "graph" or action is not None):
        return "inner is for the parts of a Graph batch, with a status"
    return None


class Faults:
    """The first script that matches a request and has not run out fires. Thread-safe.

    Chance comes from the seed, so the same requests in the same order meet the same faults.
    """

    def __init__(self, seed, clock):
        self._lock = threading.Lock()
        self._clock = clock
        self._random = Random(f"faults {seed}")
        self._scripts = []

    def add(self, script):
        """Takes a script of the control interface; ValueError tells what is wrong with it."""
        problem = _problem(script)
        if problem:
            raise ValueError(problem)
        with self._lock:
            self._scripts.append({"times": 1, "skip": 0, "path": "", "method": None, **script,
                                  "added": self._clock.now()})

    def list(self):
        with self._lock:
            return [dict(script) for script in self._scripts]

    def clear(self):
        with self._lock:
            self._scripts.clear()

    def match(self, request, inner=False):
        """The script that fires for a request, or (inner) for a part of a batch; None mostly.

        `headers` of the returned script hold the Retry-After that it asks for.
        """
        decoded = unquote(request.target)
        now = self._clock.now()
        with self._lock:
            for script in self._scripts:
                if not self._applies(script, request, decoded, now, inner):
                    continue
                if script["skip"] > 0:
                    script["skip"] -= 1
                    continue
                if "share" in script and self._random.random() >= script["share"]:
                    continue
                if script["times"] > 0:
                    script["times"] -= 1
                fired = dict(script)
                fired["headers"] = {**self._retry_after(script, now), **script.get("headers", {})}
                return fired
        return None

    @staticmethod
    def _applies(script, request, decoded, now, inner):
        if script["service"] != request.service or script["times"] == 0 \
                or bool(script.get("inner")) != inner:
            return False
        if "for" in script and now - script["added"] >= script["for"]:
            return False
        if "page" in script and script["page"] != request.page:
            return False
        if "cmdlet" in script and script["cmdlet"] != request.cmdlet:
            return False
        if script["method"] and script["method"].upper() != request.method:
            return False
        return not script["path"] or script["path"] in request.target or script["path"] in decoded

    def _retry_after(self, script, now):
        form = script.get("retry_after", "none")
        if form == "none":
            return {}
        seconds = self._random.uniform(*script.get("between", (1, 3)))
        if form == "seconds":
            return {"Retry-After": str(math.ceil(seconds))}
        if form == "decimal":
            return {"Retry-After": f"{seconds:.3f}"}
        return {"Retry-After": formatdate(math.ceil(now + seconds), usegmt=True)}


class Pages:
    """Counts the requests of each listing's present round, which is what a fault's `page` means.

    A round begins with a request that carries no skip token.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {}

    def count(self, listing, continues):
        with self._lock:
            self._counts[listing] = self._counts.get(listing, 0) + 1 if continues else 1
            return self._counts[listing]
