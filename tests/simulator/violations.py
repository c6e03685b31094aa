"""What a client did that a good client of the real services never does.

Everything here only watches: the services answer as they would anyway. A test runs its client and
then expects the list to be empty.
"""

import re
import threading
import time
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, quote, unquote

from schema import ENTITIES

KINDS = ("during-retry-after", "concurrency", "bearer-at-wrong-place", "missing-select", "altered-link",
         "get-on-post-link", "body-changed-on-link", "empty-identity", "token-not-cached",
         "secret-in-url", "batch-misuse")

# Seconds: clock granularity.
ALLOWANCE = 0.02
AT_ONCE = {"graph": 4, "exchange": 2}
MAX_BATCH = 20
# A token is renewed near its end, not before this share of its life is left.
RENEWABLE = 0.25
# After this many seconds nobody retries a batch any more: who asks the same asks afresh.
BATCH_MEMORY = 600
KEPT = 10_000

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_SECRET_PARAMETERS = {"client_secret", "client_assertion", "access_token"}
_DELTA = ("delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()")
_RELATION_LISTS = {"members", "transitiveMembers", "owners", "memberOf", "transitiveMemberOf",
                   "directReports"}


class Violations:
    """Watches requests as they arrive and answers as they leave. Thread-safe."""

    def __init__(self, settings, clock, issuer, secrets):
        """`secrets()` tells the values that must be in no URL."""
        self._settings = settings
        self._clock = clock
        self._issuer = issuer
        self._secrets = secrets
        self._lock = threading.Lock()
        self._found = []
        self._pauses = {}       # (service, app) -> [(when sent, monotonic, until)]
        self._tokens = {}       # (app, resource) -> [issued, lifetime, whether it may be replaced]
        self._batches = {}      # app -> [(when, parts that succeeded, parts that failed)]

    def list(self):
        with self._lock:
            return list(self._found)

    def clear(self):
        """Begins anew: forgets what was found, and all that a client has to remember (tokens, waiting
        times, batches). Whoever starts another client starts here."""
        with self._lock:
            for each in (self._found, self._pauses, self._tokens, self._batches):
                each.clear()

    def mask(self, text):
        """`text` with every secret in it made unreadable."""
        for secret in self._secrets():
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, "***")
        return _JWT.sub("***", text)

    def add(self, kind, request, detail, target=None):
        row = {"t": self._clock.utc().isoformat(timespec="milliseconds"), "kind": kind,
               "service": request.service, "method": request.method,
               "path": self.mask(target or request.target), "detail": detail}
        with self._lock:
            if len(self._found) < KEPT:
                self._found.append(row)

    def wait_told(self, response):
        """The seconds that the Retry-After of an answer means; None when it has none."""
        wait = _header(response.headers, "Retry-After")
        until = None if wait is None else _until(str(wait), self._clock.now())
        return None if until is None else until - self._clock.now()

    # ---- requests ------------------------------------------------------------------------------

    def arrived(self, request):
        if request.service == "control":
            return
        self._look_for_secrets(request)
        self._look_at_bearer(request)
        if request.service not in AT_ONCE:
            return
        self._look_at_time(request)
        limit = AT_ONCE[request.service]
        if request.concurrent > limit:
            self.add("concurrency", request, f"{request.concurrent} requests at once, at most {limit}")
        if request.service == "graph":
            if request.path.rstrip("/").endswith("/$batch"):
                self._look_at_batch(request)
            else:
                self._look_at_question(request, request.method, request.path, request.query)
        else:
            self._look_at_cmdlet(request)

    def _look_for_secrets(self, request):
        target = unquote(request.target)
        names = {name.lower() for name, _ in request.query}
        if _JWT.search(target) or names & _SECRET_PARAMETERS \
                or any(secret in target or secret in request.target for secret in self._secrets()):
            self.add("secret-in-url", request, "a secret or a token is part of the URL",
                     request.target if not names & _SECRET_PARAMETERS else request.path)

    def _look_at_bearer(self, request):
        sent = [request.header(name) or "" for name in ("Authorization", "Proxy-Authorization")]
        if not any(value.lower().startswith("bearer") for value in sent):
            return
        if request.service not in AT_ONCE:
            self.add("bearer-at-wrong-place", request, "no bearer token belongs here")
            return
        claims = self._issuer.peek(sent[0])
        if claims is not None and self._issuer.resource(claims) != request.service:
            self.add("bearer-at-wrong-place", request,
                     f"the token is for {self._issuer.resource(claims)}")

    def _scope(self, request):
        return request.service, self._issuer.app(request.header("Authorization"))

    def _look_at_time(self, request):
        if request.under_way:
            return
        now, scope = self._clock.now(), self._scope(request)
        reaction = self._settings["reaction_time"]
        with self._lock:
            pauses = [p for p in self._pauses.get(scope, ()) if p[0] <= now < p[2]]
            self._pauses[scope] = pauses
            early = [until - now for _, sent, until in pauses
                     if request.arrived > sent + reaction and now < until - ALLOWANCE]
        if early:
            self.add("during-retry-after", request, f"{max(early):.3f} s too early")

    def _look_at_question(self, request, method, path, query, target=None):
        parts = [part for part in path.split("/") if part][1:]
        names = {name.lower(): value for name, value in query}
        if method != "GET" or "$skiptoken" in names \
                or names.get("$deltatoken") not in (None, "", "latest"):
            return
        if _is_listing(parts) and not names.get("$select"):
            self.add("missing-select", request, f"{'/'.join(parts)} without $select", target)

    def _look_at_cmdlet(self, request):
        if not request.path.rstrip("/").lower().endswith("/invokecommand"):
            return
        names = {name.lower(): value for name, value in request.query}
        if "$skiptoken" in names:
            if request.method != "POST":
                self.add("get-on-post-link", request, "a nextLink is continued by POST")
        elif request.method == "POST" and not names.get("$select"):
            self.add("missing-select", request, f"{request.cmdlet} without $select")
        try:
            parameters = request.json()["CmdletInput"].get("Parameters") or {}
            identity = [value for name, value in parameters.items() if name.lower() == "identity"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        for value in identity:
            if value is None or value == [] or (isinstance(value, str) and not value.strip()):
                self.add("empty-identity", request,
                         f"{request.cmdlet} with an empty Identity lists everything")

    # ---- batches -------------------------------------------------------------------------------

    def _look_at_batch(self, request):
        parts = _parts(request)
        if len(parts) > MAX_BATCH:
            self.add("batch-misuse", request, f"{len(parts)} parts, at most {MAX_BATCH}")
        for method, url in parts.values():
            path, _, query = url.partition("?")
            path = "/v1.0/" + unquote(path).lstrip("/")
            segments = [part for part in path.split("/") if part][1:]
            if segments[:1] and segments[0] in ENTITIES \
                    and (len(segments) == 1 or segments[1] in _DELTA):
                self.add("batch-misuse", request, "a part asks for a list that has delta", url)
            else:
                self._look_at_question(request, method, path,
                                       parse_qsl(query, keep_blank_values=True), url)
        app = self._scope(request)[1]
        asked, now = set(parts.values()), self._clock.now()
        with self._lock:
            remembered = [b for b in self._batches.get(app, ()) if 0 <= now - b[0] <= BATCH_MEMORY]
            retried = [b for b in remembered if b[2] & asked]
            again = {part for _, done, _ in retried for part in done & asked}
            # A retry settles what it retries.
            self._batches[app] = [b for b in remembered if b not in retried]
        if again:
            self.add("batch-misuse", request, f"{len(again)} parts that had succeeded are asked again")

    def _batch_answered(self, request, response, app):
        parts = _parts(request)
        done, failed = set(), set()
        for answer in response.body["responses"]:
            part = parts.get(str(answer["id"]))
            if part:
                again = answer["status"] in (408, 424, 429) or answer["status"] >= 500
                (failed if again else done).add(part)
            self._told(request, answer["status"], answer["headers"], app)
        if done and failed:
            with self._lock:
                self._batches.setdefault(app, []).append((self._clock.now(), done, failed))

    # ---- answers -------------------------------------------------------------------------------

    def answered(self, request, response, delivered):
        """`delivered`: whether the answer goes out whole, so that the client can know it."""
        for kind, detail, target in request.flags:
            self.add(kind, request, detail, target)
        issued = getattr(response, "issued", None)
        if issued and delivered:
            self._token_issued(request, *issued)
        if request.service not in AT_ONCE or not delivered:
            return
        app = self._scope(request)[1]
        self._told(request, response.status, response.headers, app)
        if request.service == "graph" and response.status == 200 and isinstance(response.body, dict) \
                and "responses" in response.body and request.path.rstrip("/").endswith("/$batch"):
            self._batch_answered(request, response, app)

    def _told(self, request, status, headers, app):
        """Takes note of a status and of a Retry-After that the client is told."""
        if status in (401, 403):
            self.renewable(request.service, app)
        wait = _header(headers, "Retry-After")
        if wait is None:
            return
        now = self._clock.now()
        until = _until(str(wait), now)
        if until is not None and until > now:
            with self._lock:
                self._pauses.setdefault((request.service, app), []).append(
                    (now, time.monotonic(), until))

    def _token_issued(self, request, app, resource, lifetime):
        now = self._clock.now()
        with self._lock:
            last = self._tokens.get((app, resource))
            self._tokens[app, resource] = [now, lifetime, False]
        if last is None or last[2] or now < last[0]:
            return
        left = last[0] + last[1] - now
        if left > last[1] * RENEWABLE:
            self.add("token-not-cached", request,
                     f"the last token for {resource} is good for {left:.0f} of {last[1]} s more")

    def renewable(self, resource, app=None):
        """From now on a new token for the resource may be asked for (by all apps when None)."""
        with self._lock:
            for (whose, what), token in self._tokens.items():
                if what == resource and app in (None, whose):
                    token[2] = True


def _is_listing(parts):
    if not parts:
        return False
    if parts[0] in ENTITIES or parts[0] == "directoryObjects":
        if len(parts) == 1:
            return parts[0] in ENTITIES
        return parts[1] in _DELTA or (len(parts) > 2 and parts[2] in _RELATION_LISTS)
    return parts[:2] == ["directory", "deletedItems"] and len(parts) == 3 \
        and parts[2].startswith("microsoft.graph.")


def _parts(request):
    """id -> (method, url) of the parts of a batch; those that make no sense are left out."""
    try:
        return {str(part["id"]): (str(part.get("method", "GET")).upper(), str(part.get("url", "")))
                for part in request.json()["requests"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _header(headers, wanted):
    return next((value for name, value in headers.items() if name.lower() == wanted.lower()), None)


def _until(text, now):
    """The end of a Retry-After: seconds, decimal too, or a date; None for what says nothing."""
    try:
        return now + float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
