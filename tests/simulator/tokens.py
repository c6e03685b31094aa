"""Rounds, and the tokens of links that stand for them: opaque for a client, readable here."""

import base64
import hashlib
import hmac
import json
from collections import namedtuple

# What a round asks for: properties (None = default set), whether member links are wanted, the ids of
# a `$filter=id eq ...` (None = all), and whether managers are wanted. Registered once, tokens carry
# its index.
Query = namedtuple("Query", "select members ids manager", defaults=(False,))

# Where a round stands. since: number its token remembers (0 = full round); start: number when the
# round began; pos: log position already delivered; partial: [group id, link position] of groups
# whose members are not all delivered yet; full: number when the full round began that all this
# goes back to.
Round = namedtuple("Round", "kind query generation since start pos page minimal partial full")


class TokenError(Exception):
    """A token that cannot be used; `how` is "invalid", "410", "syncStateNotFound" or "aged"."""

    def __init__(self, how, query=None):
        super().__init__(how)
        self.how = how
        self.query = query


class Sealer:
    """Makes tokens that look random, cannot be altered, and never repeat.

    Deterministic: the same seed and the same order of requests give the same tokens.
    """

    def __init__(self, seed):
        self._key = hashlib.sha256(f"tokens of tenant {seed}".encode()).digest()
        self._count = 0

    def seal(self, value):
        plain = json.dumps(value, separators=(",", ":")).encode()
        self._count += 1
        nonce = self._digest(b"nonce", self._count.to_bytes(8, "big"))[:9]
        sealed = nonce + self._cipher(nonce, plain)
        return base64.urlsafe_b64encode(sealed + self._digest(b"mac", sealed)[:12]).decode().rstrip("=")

    def open(self, token):
        """The sealed value, or None when this token was not made here."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        sealed, mac = raw[:-12], raw[-12:]
        if len(sealed) < 10 or not hmac.compare_digest(self._digest(b"mac", sealed)[:12], mac):
            return None
        return json.loads(self._cipher(sealed[:9], sealed[9:]))

    def _digest(self, purpose, data):
        return hashlib.blake2b(data, key=self._key, person=purpose, digest_size=32).digest()

    def _cipher(self, nonce, data):
        stream = hashlib.shake_256(self._key + nonce).digest(len(data))
        return bytes(a ^ b for a, b in zip(data, stream))
