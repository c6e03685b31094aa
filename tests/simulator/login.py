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
import time
import uuid
from datetime import datetime, timezone
from urllib.parse import parse_qsl, unquote_plus

from server import Response

GRAPH_ROOT = "https://graph.microsoft.com"
EXCHANGE_ROOT = "https://outlook.office365.com"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


class TokenIssuer:
    """Makes access tokens (JWT shaped, officially opaque) and reads them back."""

    def __init__(self, identity, settings):
        self._identity = identity
        self._settings = settings
        self._key = hashlib.sha256(f"signing key of {identity.tenant_id}".encode()).digest()

    def issue(self, resource):
        """A token for "graph" or "exchange", and its lifetime in seconds."""
        now = int(time.time())
        lifetime = self._settings["token_lifetime"]
        roles = list(self._settings["roles"].get(resource, ()))
        claims = {
            "aud": GRAPH_ROOT if resource == "graph" else EXCHANGE_ROOT,
            "iss": f"https://sts.windows.net/{self._identity.tenant_id}/",
            "iat": now, "nbf": now, "exp": now + lifetime,
            "appid": self._identity.client_id, "appidacr": "1", "idtyp": "app",
            "oid": self._identity.object_id, "sub": self._identity.object_id,
            **({"roles": roles} if roles else {}),
            "tid": self._identity.tenant_id, "uti": _encode(uuid.uuid4().bytes), "ver": "1.0",
            "wids": [GLOBAL_READER] if self._settings["exchange_rbac"] else [],
        }
        signed = ".".join(_encode(json.dumps(part, separators=(",", ":")).encode())
                          for part in ({"typ": "JWT", "alg": "HS256"}, claims))
        return f"{signed}.{_encode(self._sign(signed))}", lifetime

    def check(self, authorization, resource):
        """(claims, None) of a token that is good for the resource, else (None, what is wrong):
        "missing", "malformed", "expired" or "audience"."""
        if not authorization:
            return None, "missing"
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None, "missing"
        signed, _, signature = token.rpartition(".")
        try:
            genuine = hmac.compare_digest(_decode(signature), self._sign(signed))
            claims = json.loads(_decode(signed.partition(".")[2])) if genuine else None
        except (ValueError, binascii.Error):
            return None, "malformed"
        if claims is None:
            return None, "malformed"
        if claims["aud"] != (GRAPH_ROOT if resource == "graph" else EXCHANGE_ROOT):
            return None, "audience"
        if claims["exp"] <= time.time():
            return None, "expired"
        return claims, None

    def _sign(self, text):
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()


class Login:
    name = "login"

    def __init__(self, identity, issuer):
        self._identity = identity
        self._issuer = issuer
        # Scope roots: those of the global cloud, and the simulator's own origins.
        self.roots = {GRAPH_ROOT: "graph", EXCHANGE_ROOT: "exchange"}

    def collection(self, request):
        return None

    def default_error(self, status):
        if status == 429:
            return _error("temporarily_unavailable", 90055, "The tenant is being throttled.")
        if status >= 500:
            return _error("temporarily_unavailable", 90033,
                          "A transient error has occurred. Please try again.")
        return _error("invalid_request", 900144, "The request is not valid.")

    def handle(self, request):
        parts = request.path.strip("/").split("/")
        if len(parts) != 4 or [part.lower() for part in parts[1:]] != ["oauth2", "v2.0", "token"]:
            return Response(404, "Not Found", content_type="text/plain")
        if request.method != "POST":
            return _refuse(405, "invalid_request", 900561,
                           "The endpoint only accepts POST requests.")
        tenant = parts[0].lower()
        if tenant in ("common", "organizations", "consumers"):
            return _refuse(400, "invalid_request", 9001023,
                           "The grant type is not supported over the /common or /consumers "
                           "endpoints. Please use a tenant-specific endpoint.")
        if tenant not in (self._identity.tenant_id, self._identity.domain):
            return _refuse(400, "invalid_request", 90002,
                           f"Tenant '{parts[0]}' not found. Check that the tenant id and the cloud "
                           "are the right ones.")
        content_type = (request.header("Content-Type") or "").split(";")[0].strip().lower()
        pairs = []
        if content_type == "application/x-www-form-urlencoded":
            pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            return _refuse(400, "invalid_request", 900144, "A parameter is given twice.")
        return self._grant(request, form)

    def _grant(self, request, form):
        if not form.get("grant_type"):
            return _missing("grant_type")
        if form["grant_type"] != "client_credentials":
            return _refuse(400, "unsupported_grant_type", 70003,
                           f"The app requested an unsupported grant type '{form['grant_type']}'.")
        basic = _basic_credentials(request.header("Authorization"))
        client_id = form.get("client_id") or (basic and basic[0])
        secret = form.get("client_secret") or (basic and basic[1])
        if not client_id:
            return _missing("client_id")
        if client_id.lower() != self._identity.client_id:
            return _refuse(400, "unauthorized_client", 700016,
                           f"Application with identifier '{client_id}' was not found in the "
                           "directory of the tenant.")
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                return _missing("client_assertion_type")
            return _refuse(401, "invalid_client", 700027,
                           "The certificate with identifier used to sign the client assertion is "
                           "not registered on application.")
        if not secret:
            return _refuse(401, "invalid_client", 7000218,
                           "The request body must contain the following parameter: "
                           "'client_assertion' or 'client_secret'.")
        if not hmac.compare_digest(secret.encode(), self._identity.client_secret.encode()):
            return _refuse(401, "invalid_client", 7000215,
                           "Invalid client secret provided. Ensure the secret being sent in the "
                           "request is the client secret value, not the client secret ID.")
        return self._scope(form.get("scope") or "")

    def _scope(self, text):
        scopes = text.split()
        if not scopes:
            return _missing("scope")
        resources = set()
        for scope in scopes:
            root = scope[:-len("/.default")] if scope.endswith("/.default") else None
            resource = self.roots.get((root or "").rstrip("/").lower())
            if resource is None:
                return _refuse(400, "invalid_scope", 70011,
                               "The provided value for the input parameter 'scope' is not valid. "
                               f"The scope {scope} is not valid.")
            resources.add(resource)
        if len(resources) > 1:
            return _refuse(400, "invalid_scope", 700022,
                           "The provided value for the input parameter 'scope' is not valid "
                           "because it contains more than one resource.")
        token, lifetime = self._issuer.issue(resources.pop())
        return Response(200, {"token_type": "Bearer", "expires_in": lifetime,
                              "ext_expires_in": lifetime, "access_token": token},
                        {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
                        "application/json; charset=utf-8")


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


def _missing(parameter):
    return _refuse(400, "invalid_request", 900144,
                   f"The request body must contain the following parameter: '{parameter}'.")


def _refuse(status, error, code, message):
    return Response(status, _error(error, code, message), {"Cache-Control": "no-store, no-cache"},
                    "application/json; charset=utf-8")


def _error(error, code, message):
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
    return {"error": error,
            "error_description": f"AADSTS{code}: {message}\r\nTrace ID: {trace}\r\n"
                                 f"Correlation ID: {correlation}\r\nTimestamp: {now}",
            "error_codes": [code], "timestamp": now, "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={code}"}
