"""What the application proves itself with: secret, certificates, and a federated identity.

The files that a client reads are written here, and replaced when a test rotates them.
"""

import base64
import json
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from certificates import RsaKey

AUDIENCE = "api://AzureADTokenExchange"
ISSUER = "https://idp.simulated.test"
SUBJECT = "system:serviceaccount:directory:gald"
FEDERATED_LIFETIME = 3600

# Seconds that an assertion may seem to come from the future: its times are whole seconds.
_ROUNDING = 1


class AssertionRefused(Exception):
    """An assertion that proves nothing; `code` is the AADSTS number."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def write(path, text, mode):
    """Writes a file so that nobody ever sees half of it."""
    temporary = f"{path}.new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w",
              encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


class Credentials:
    """Of the one registered application. Thread-safe."""

    def __init__(self, directory, identity, settings, clock):
        self._identity = identity
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self.secret_file = os.path.join(directory, "client-secret")
        self.certificate_file = os.path.join(directory, "client-certificate.pem")
        self.private_key_file = os.path.join(directory, "client-key.pem")
        self.federated_token_file = os.path.join(directory, "federated-token")
        self._secret = identity.client_secret
        self._certificates = []
        self._used = {}     # jti of the assertions that were accepted -> their end
        with ThreadPoolExecutor() as pool:      # most of the time of a start
            certificate = pool.submit(RsaKey, identity.client_id, 30)
            self._provider = pool.submit(RsaKey, "external identity provider", 30).result()
        self._register(certificate.result())
        write(self.secret_file, self._secret, 0o600)
        self._write_federated_token()

    def announcement(self):
        """The keys of tenant.json."""
        return {"client_secret_file": self.secret_file, "certificate_file": self.certificate_file,
                "private_key_file": self.private_key_file,
                "federated_token_file": self.federated_token_file}

    def secrets(self):
        """The values that must be seen nowhere."""
        return [value for value in (self._secret, self._settings["proxy_credentials"]) if value]

    def is_secret(self, text):
        return text == self._secret

    def rotate(self, what, drop, days):
        """Writes new files. Old ones are worth nothing, but a certificate unless `drop`; `days` is
        how long the new certificate lasts."""
        if what == "secret":
            self._secret = f"{uuid.uuid4()}~rotated"
            write(self.secret_file, self._secret, 0o600)
        elif what == "certificate":
            if not isinstance(days, int) or isinstance(days, bool) or days < 1:
                raise ValueError("days is a number of days")
            self._register(RsaKey(self._identity.client_id, days), drop)
        elif what == "federated":
            self._provider = RsaKey("external identity provider", 30)
            self._write_federated_token()
        else:
            raise ValueError('rotate takes {"what": "certificate"|"secret"|"federated"}')
        return self.announcement()

    def _register(self, key, drop=False):
        with self._lock:
            self._certificates = ([] if drop else self._certificates) + [key]
        write(self.private_key_file, key.private_pem, 0o600)
        write(self.certificate_file, key.certificate_pem, 0o644)

    def _write_federated_token(self):
        now = int(self._clock.now())
        signed = ".".join(encode(json.dumps(part).encode()) for part in (
            {"alg": "RS256", "typ": "JWT", "kid": encode(self._provider.sha1)},
            {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now,
             "exp": now + FEDERATED_LIFETIME, "jti": str(uuid.uuid4())}))
        write(self.federated_token_file, f"{signed}.{encode(self._provider.sign(signed.encode()))}",
              0o600)

    # ---- assertions ----------------------------------------------------------------------------

    def check_assertion(self, assertion, audiences):
        """Returns "certificate" or "federated"; AssertionRefused when it is neither.

        `audiences`: the URLs of the token endpoint, which an assertion by certificate is for.
        """
        signed, _, signature = assertion.rpartition(".")
        try:
            first, second = signed.split(".")
            header, claims = (json.loads(decode(part)) for part in (first, second))
            signature = decode(signature)
            if not isinstance(header, dict) or not isinstance(claims, dict):
                raise ValueError
        except (ValueError, UnicodeDecodeError):
            raise AssertionRefused(700023, "The client assertion is not a JWT.") from None
        if "x5t" in header or "x5t#S256" in header:
            self._check_certificate(header, claims, signed, signature, audiences)
            return "certificate"
        self._check_federated(header, claims, signed, signature)
        return "federated"

    def _check_certificate(self, header, claims, signed, signature, audiences):
        algorithm = header.get("alg")
        named = {"PS256": "x5t#S256", "RS256": "x5t"}.get(algorithm)
        with self._lock:
            prints = {encode(key.sha256 if named == "x5t#S256" else key.sha1): key
                      for key in self._certificates}
        key = prints.get(header.get(named)) if named else None
        if key is None or not key.verifies(algorithm, signed.encode(), signature):
            raise AssertionRefused(
                700027, "The certificate with identifier used to sign the client assertion is not "
                        "registered on application.")
        if claims.get("aud") not in audiences:
            raise AssertionRefused(700023, "Client assertion audience claim does not match the token "
                                           "endpoint.")
        client = self._identity.client_id
        if claims.get("iss") != client or claims.get("sub") != client:
            raise AssertionRefused(700023, "Client assertion has another issuer or subject than the "
                                           "client id.")
        self._check_times(claims)
        jti, now = claims.get("jti"), self._clock.now()
        if not isinstance(jti, str) or not jti:
            raise AssertionRefused(700023, "Client assertion has no jti.")
        with self._lock:
            self._used = {used: end for used, end in self._used.items() if end > now}
            if jti in self._used:
                raise AssertionRefused(700023, "Client assertion was used before.")
            self._used[jti] = claims["exp"]

    def _check_federated(self, header, claims, signed, signature):
        wanted = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE}
        matches = all(claims.get(name) == value for name, value in wanted.items())
        if not matches or header.get("alg") != "RS256" \
                or not self._provider.verifies("RS256", signed.encode(), signature):
            raise AssertionRefused(70021, "No matching federated identity record found for presented "
                                          "assertion.")
        self._check_times(claims)

    def _check_times(self, claims):
        times = [claims.get(name) for name in ("nbf", "exp")]
        if not isinstance(times[1], (int, float)) \
                or not (times[0] is None or isinstance(times[0], (int, float))):
            raise AssertionRefused(700023, "Client assertion lacks its validity.")
        now = self._clock.now()
        if times[1] <= now or (times[0] or 0) > now + _ROUNDING:
            raise AssertionRefused(
                700024, "Client assertion is not within its valid time range. "
                        f"Current time: {self._clock.timestamp()}.")
