"""The token endpoint: client credentials of the v2.0 protocol, and the tokens it issues.

Facts behind it: one resource per request, named as `{root}/.default`; a token is issued also when
nothing is granted, it then simply has no `roles`; granted roles are those of the moment of issue
(a cached token keeps its old ones); no refresh token; errors carry `error`, `error_codes` and a
description that starts with the AADSTS number.
"""

import base64
import binascii
import hashlib
import hmac
import json
import threading
import uuid
from urllib.parse import parse_qsl, unquote_plus

from credentials import AssertionRefused, decode, encode
from server import Response, Service

GRAPH_ROOT = "https://graph.microsoft.com"
EXCHANGE_ROOT = "https://outlook.office365.com"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# AADSTS number -> (status, error) where it is not a 400 with invalid_request.
_REFUSALS = {
    **dict.fromkeys((7000215, 7000218, 7000222, 700027, 700024, 700023), (401, "invalid_client")),
    **dict.fromkeys((700016, 7000112, 70001, 65001, 650056, 650057), (400, "unauthorized_client")),
    **dict.fromkeys((700022, 70011, 700011), (400, "invalid_scope")),
    500011: (400, "invalid_resource"), 53003: (400, "interaction_required"),
    50000: (500, "server_error"), 90006: (500, "server_error"), 90033: (503, "temporarily_unavailable"),
    **dict.fromkeys((90012, 90024), (400, "temporarily_unavailable")),
    90055: (429, "temporarily_unavailable"),
}


class Roots:
    """Which service a resource is: the roots of the global cloud and the simulator's own origins."""

    def __init__(self):
        self._roots = {GRAPH_ROOT: "graph", EXCHANGE_ROOT: "exchange"}

    def add(self, root, service):
        self._roots[root] = service

    def find(self, root):
        return self._roots.get(root.rstrip("/").lower())


class TokenIssuer:
    """Makes access tokens (JWT shaped, officially opaque) and reads them back. Thread-safe."""

    def __init__(self, identity, settings, clock):
        self._identity = identity
        self._settings = settings
        self._clock = clock
        self._key = hashlib.sha256(f"signing key of {identity.tenant_id}".encode()).digest()
        self._lock = threading.Lock()
        self._count = 0
        # Of each resource that was challenged: the claims, the number of the last token before the
        # challenge, and the number of the first that met it (None while there is none).
        self._challenges = {}

    def issue(self, resource, app=None, method="1", claims=None, answers_challenge=False):
        """A token for "graph" or "exchange", and its lifetime in seconds.

        `method` is how the app proved itself ("1" secret, "2" certificate). A token meets a running
        challenge when it was asked for with its claims, or when `answers_challenge`.
        """
        now = int(self._clock.now())
        lifetime = self._settings["token_lifetime"]
        roles = list(self._settings["roles"].get(resource, ()))
        with self._lock:
            self._count += 1
            number = self._count
            challenge = self._challenges.get(resource)
            if challenge and challenge["met"] is None \
                    and (answers_challenge or claims == challenge["claims"]):
                challenge["met"] = number
        content = {
            "aud": GRAPH_ROOT if resource == "graph" else EXCHANGE_ROOT,
            "iss": f"https://sts.windows.net/{self._identity.tenant_id}/",
            "iat": now, "nbf": now, "exp": now + lifetime,
            "appid": app or self._identity.client_id, "appidacr": method, "idtyp": "app",
            "oid": self._identity.object_id, "sub": self._identity.object_id,
            **({"roles": roles} if roles else {}),
            "tid": self._identity.tenant_id, "uti": encode(uuid.uuid4().bytes), "ver": "1.0",
            "wids": [GLOBAL_READER] if self._settings["exchange_rbac"] else [],
            "number": number,
        }
        signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode())
                          for part in ({"typ": "JWT", "alg": "HS256"}, content))
        return f"{signed}.{encode(self._sign(signed))}", lifetime

    def peek(self, authorization):
        """The claims of a bearer token that was issued here, dead or alive, or None."""
        scheme, _, token = (authorization or "").partition(" ")
        signed, _, signature = token.strip().rpartition(".")
        try:
            if scheme.lower() == "bearer" and hmac.compare_digest(decode(signature), self._sign(signed)):
                return json.loads(decode(signed.partition(".")[2]))
        except (ValueError, binascii.Error):
            pass
        return None

    @staticmethod
    def resource(claims):
        return "graph" if claims["aud"] == GRAPH_ROOT else "exchange"

    def app(self, authorization):
        """Whose request it is; without a token, the registered application's."""
        claims = self.peek(authorization)
        return claims["appid"] if claims else self._identity.client_id

    def check(self, authorization, resource):
        """(claims, None) of a token that is good for the resource, else (None, what is wrong):
        "missing", "malformed", "expired", "audience" or "challenged"."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None, "missing"
        claims = self.peek(authorization)
        if claims is None:
            return None, "malformed"
        if self.resource(claims) != resource:
            return None, "audience"
        if claims["exp"] <= self._clock.now():
            return None, "expired"
        if self._is_challenged(claims["number"], resource):
            return None, "challenged"
        return claims, None

    def challenge(self, resource):
        """From now on the tokens issued so far are refused; returns the claims to ask with."""
        with self._lock:
            value = str(int(self._clock.now()))
            claims = {"access_token": {"nbf": {"essential": True, "value": value}}}
            self._challenges[resource] = {"claims": claims, "met": None}
            return claims

    def forget_challenges(self):
        with self._lock:
            self._challenges.clear()

    def _is_challenged(self, number, resource):
        with self._lock:
            challenge = self._challenges.get(resource)
            return challenge is not None and (challenge["met"] is None or number < challenge["met"])

    def www_authenticate(self, trouble, resource):
        """The header of a 401: with a claims challenge for what was refused by one."""
        known = {"graph": "00000003-0000-0000-c000-000000000000",
                 "exchange": "00000002-0000-0ff1-ce00-000000000000"}[resource]
        parts = ['realm=""', 'authorization_uri="https://login.microsoftonline.com/'
                 f'{self._identity.tenant_id}/oauth2/authorize"', f'client_id="{known}"']
        if trouble == "challenged":
            with self._lock:
                text = json.dumps(self._challenges[resource]["claims"], separators=(",", ":"))
            parts += ['error="insufficient_claims"',
                      f'claims="{base64.b64encode(text.encode()).decode()}"']
        return "Bearer " + ", ".join(parts)

    def _sign(self, text):
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()


class Login(Service):
    name = "login"

    def __init__(self, identity, issuer, credentials, roots, settings, clock):
        self._identity = identity
        self._issuer = issuer
        self._credentials = credentials
        self._roots = roots
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()

    def default_error(self, status):
        if status == 429:
            return self._error("temporarily_unavailable", 90055, "The tenant is being throttled.")
        if status >= 500:
            return self._error("temporarily_unavailable", 90033,
                               "A transient error has occurred. Please try again.")
        return self._error("invalid_request", 900144, "The request is not valid.")

    def handle(self, request):
        parts = request.path.strip("/").split("/")
        if len(parts) != 4 or [part.lower() for part in parts[1:]] != ["oauth2", "v2.0", "token"]:
            return Response(404, "Not Found", content_type="text/plain")
        if request.method != "POST":
            return self._refuse(900561, "The endpoint only accepts POST requests.", 405)
        tenant = parts[0].lower()
        if tenant in ("common", "organizations", "consumers"):
            return self._refuse(9001023,
                                "The grant type is not supported over the /common or /consumers "
                                "endpoints. Please use a tenant-specific endpoint.")
        if tenant not in (self._identity.tenant_id, self._identity.domain):
            return self._refuse(90002,
                                f"Tenant '{parts[0]}' not found. Check that the tenant id and the "
                                "cloud are the right ones.")
        content_type = (request.header("Content-Type") or "").split(";")[0].strip().lower()
        pairs = []
        if content_type == "application/x-www-form-urlencoded":
            pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            return self._refuse(900144, "A parameter is given twice.")
        with self._lock:
            scripted = self._settings["login_errors"][:1]
            self._settings["login_errors"] = self._settings["login_errors"][1:]
        if scripted:
            return self._refuse(scripted[0], "The simulator was told to answer this.")
        return self._grant(request, form)

    def _grant(self, request, form):
        if not form.get("grant_type"):
            return self._missing("grant_type")
        if form["grant_type"] != "client_credentials":
            return self._refuse(
                70003, f"The app requested an unsupported grant type '{form['grant_type']}'.",
                error="unsupported_grant_type")
        basic = _basic_credentials(request.header("Authorization"))
        client_id = form.get("client_id") or (basic and basic[0])
        secret = form.get("client_secret") or (basic and basic[1])
        if not client_id:
            return self._missing("client_id")
        if client_id.lower() != self._identity.client_id:
            return self._refuse(700016, f"Application with identifier '{client_id}' was not found in "
                                        "the directory of the tenant.")
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                return self._missing("client_assertion_type")
            try:
                self._credentials.check_assertion(form["client_assertion"],
                                                  self._audiences(request.origin))
            except AssertionRefused as refused:
                return self._refuse(refused.code, str(refused))
            return self._scope(form, "2")
        if not secret:
            return self._refuse(7000218, "The request body must contain the following parameter: "
                                         "'client_assertion' or 'client_secret'.")
        if not self._credentials.is_secret(secret):
            return self._refuse(7000215, "Invalid client secret provided. Ensure the secret being sent "
                                         "in the request is the client secret value, not the client "
                                         "secret ID.")
        if self._settings["secret_expired"]:
            return self._refuse(7000222, "The provided client secret keys are expired.")
        return self._scope(form, "1")

    def _audiences(self, origin):
        return {f"{root}/{tenant}/oauth2/v2.0/token"
                for root in (origin, "https://login.microsoftonline.com")
                for tenant in (self._identity.tenant_id, self._identity.domain)}

    def _scope(self, form, method):
        scopes = (form.get("scope") or "").split()
        if not scopes:
            return self._missing("scope")
        resources = set()
        for scope in scopes:
            root = scope[:-len("/.default")] if scope.endswith("/.default") else ""
            resource = self._roots.find(root)
            if resource is None:
                return self._refuse(70011, "The provided value for the input parameter 'scope' is not "
                                           f"valid. The scope {scope} is not valid.")
            resources.add(resource)
        if len(resources) > 1:
            return self._refuse(700022, "The provided value for the input parameter 'scope' is not "
                                        "valid because it contains more than one resource.")
        claims = None
        if form.get("claims"):
            try:
                claims = json.loads(form["claims"])
            except ValueError:
                return self._refuse(900144, "The parameter 'claims' is not JSON.")
        resource = resources.pop()
        token, lifetime = self._issuer.issue(resource, method=method, claims=claims)
        response = Response(200, {"token_type": "Bearer", "expires_in": lifetime,
                                  "ext_expires_in": lifetime, "access_token": token},
                            {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
                            "application/json; charset=utf-8")
        response.issued = (self._identity.client_id, resource, lifetime)
        return response

    # ---- errors ----------------------------------------------------------------------------------

    def _missing(self, parameter):
        return self._refuse(900144, "The request body must contain the following parameter: "
                                    f"'{parameter}'.")

    def _refuse(self, code, message, status=None, error=None):
        known = _REFUSALS.get(code, (400, "invalid_request"))
        status, error = status or known[0], error or known[1]
        headers = {"Cache-Control": "no-store, no-cache"}
        if status == 429:
            headers["Retry-After"] = "60"
        return Response(status, self._error(error, code, message), headers,
                        "application/json; charset=utf-8")

    def _error(self, error, code, message):
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        now = self._clock.utc().strftime("%Y-%m-%d %H:%M:%SZ")
        return {"error": error,
                "error_description": f"AADSTS{code}: {message}\r\nTrace ID: {trace}\r\n"
                                     f"Correlation ID: {correlation}\r\nTimestamp: {now}",
                "error_codes": [code], "timestamp": now, "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={code}"}


def _basic_credentials(header):
    """(client id, secret) of an RFC 6749 2.3.1 header, or None."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return unquote_plus(client_id), unquote_plus(secret)
