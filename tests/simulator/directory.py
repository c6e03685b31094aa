"""The tenant's directory: its objects, its change log and its delta tokens. No I/O.

Every change takes the next number of one sequence and moves its object to the end of the log of
its collection. A delta token remembers a number, so a round costs what changed since then. Because
an object that changes while a round is being paged moves to the end, it comes in that same round
(once more, if it had been delivered): nothing that exists is ever missing from a full round.

Documented facts that shape this file:
  * with $select all selected properties that were ever set are returned; with return=minimal only
    the changed ones; a change outside $select does not surface;
  * users and Microsoft 365 groups go to the recycle bin (reason "changed") and are purged later
    (reason "deleted"); contacts and other groups are gone at once;
  * a membership ends with the permanent deletion of the member, not with its soft deletion;
  * groups pages are limited in links: a large group is repeated with further slices of members;
  * every answer to a delta link, even an empty one, carries a new token.
"""

import base64
import hashlib
import hmac
import json
import threading
import uuid
import zlib
from bisect import bisect_right
from collections import namedtuple
from datetime import datetime, timezone
from random import Random

from schema import ENTITIES, problem

KINDS = ("contacts", "users", "groups")
LIVE, SOFT, GONE = "live", "soft", "gone"
MEMBER_KINDS = {"user": "users", "contact": "contacts", "group": "groups",
                "device": None, "servicePrincipal": None}
MEMBER_TYPES = {"user": "#microsoft.graph.user", "contact": "#microsoft.graph.orgContact",
                "group": "#microsoft.graph.group", "device": "#microsoft.graph.device",
                "servicePrincipal": "#microsoft.graph.servicePrincipal"}
# So many large groups are delivered in slices at the same time.
INTERLEAVED_GROUPS = 3


class DirectoryError(Exception):
    """A change that no tenant would accept; `status` is what the control interface answers."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class TokenError(Exception):
    """A token that cannot be used; `how` is "invalid", "410" or "syncStateNotFound"."""

    def __init__(self, how, query=None):
        super().__init__(how)
        self.how = how
        self.query = query


# What a round asks for: properties (None = default set), whether member links are wanted, and the
# ids of a `$filter=id eq ...` (None = all). Registered once, tokens carry its index.
Query = namedtuple("Query", "select members ids")

# Where a round stands. since: number its token remembers (0 = full round); start: number when the
# round began; pos: log position already delivered; partial: [group id, link position] of groups
# whose members are not all delivered yet.
Round = namedtuple("Round", "kind query generation since start pos page minimal partial")


class Links:
    """The members of one group with their own change log."""

    __slots__ = ("present", "stamp", "types", "seqs", "ids")

    def __init__(self):
        self.present = {}   # member id -> type
        self.stamp = {}     # member id -> number of its last change, also of removed ones
        self.types = {}     # member id -> type, also of removed ones
        self.seqs = []      # the log: ascending numbers ...
        self.ids = []       # ... and whose membership changed; stale where stamp differs

    def record(self, member, member_type, seq, is_member):
        if is_member:
            self.present[member] = member_type
        else:
            self.present.pop(member, None)
        self.types[member] = member_type
        self.stamp[member] = seq
        self.seqs.append(seq)
        self.ids.append(member)
        if len(self.seqs) > 2 * len(self.stamp) + 1000:
            keep = [(s, i) for s, i in zip(self.seqs, self.ids) if self.stamp[i] == s]
            self.seqs = [s for s, _ in keep]
            self.ids = [i for _, i in keep]

    @property
    def last(self):
        return self.seqs[-1] if self.seqs else 0


class Entry:
    """One object. `values` holds every property that was ever set, null included."""

    __slots__ = ("kind", "id", "values", "previous", "born", "stamps", "order", "seq", "state",
                 "reason", "deleted_at", "links", "was_removed")

    def __init__(self, kind, object_id):
        self.kind = kind
        self.id = object_id
        self.values = {}
        self.previous = {}      # what the last change replaced, for replays of old versions
        self.born = 0           # number of its creation or restore
        self.stamps = {}        # property -> number of its last change after `born`
        self.order = 0          # number of its creation: the order of plain lists
        self.seq = 0            # number of its last change = its place in the log
        self.state = LIVE
        self.reason = None
        self.deleted_at = None
        self.links = Links() if kind == "groups" else None
        self.was_removed = False


class Collection:
    """The objects of one kind, their log, and the generations of tokens that were expired."""

    def __init__(self):
        self.entries = {}
        self.seqs = []
        self.log = []
        self.orders = []
        self.listed = []
        self.expired = []   # how generation n died; the current generation is len(expired)

    def append(self, entry, seq):
        entry.seq = seq
        self.seqs.append(seq)
        self.log.append(entry)
        if len(self.seqs) > 2 * len(self.entries) + 1000:
            keep = [(s, e) for s, e in zip(self.seqs, self.log) if e.seq == s]
            self.seqs = [s for s, _ in keep]
            self.log = [e for _, e in keep]

    def enlist(self, entry):
        entry.order = entry.seq
        self.orders.append(entry.seq)
        self.listed.append(entry)


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


def timestamp():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Directory:
    """All collections behind one lock. Every public function may be called from any thread."""

    def __init__(self, seed, settings):
        self._lock = threading.RLock()
        self._seed = seed
        self._settings = settings
        self._random = Random(f"ids {seed}")
        self._sealer = Sealer(seed)
        self._seq = 0
        self._collections = {kind: Collection() for kind in KINDS}
        self._member_of = {}    # member id -> ids of groups
        self._queries = []
        self._query_index = {}

    # ---- changes -----------------------------------------------------------------------------

    def new_id(self):
        with self._lock:
            return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def put(self, kind, object_id, values):
        """Merges `values` into the object, creating it when it does not exist; returns its id."""
        values = dict(values)
        named = values.pop("id", None)
        members = values.pop("members", None) if kind == "groups" else None
        object_id = object_id or named or self.new_id()
        if not isinstance(object_id, str) or not object_id or "/" in object_id:
            raise DirectoryError(400, f"not an id: {object_id!r}")
        if named is not None and named != object_id:
            raise DirectoryError(400, "the id in the body is another one")
        for name, value in values.items():
            trouble = problem(ENTITIES[kind], name, value)
            if trouble:
                raise DirectoryError(400, f"{kind}/{object_id}: {trouble}")
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is not None and entry.state == SOFT:
                raise DirectoryError(409, f"{kind}/{object_id} is deleted; restore it first")
            wanted = self._checked_members(members) if members is not None else None
            if entry is None or entry.state == GONE:
                entry = self._create(kind, object_id, values)
            else:
                self._merge(entry, values)
            if wanted is not None:
                stale = [(t, m) for m, t in entry.links.present.items() if m not in wanted]
                self._link(entry, [(t, m) for m, t in wanted.items()], stale)
            return object_id

    def _create(self, kind, object_id, values):
        collection = self._collections[kind]
        known = collection.entries.get(object_id)
        entry = Entry(kind, object_id)
        entry.was_removed = known is not None
        if known is not None:
            known.seq = -1      # its tombstone leaves the log
            known.order = -1
        collection.entries[object_id] = entry
        entry.values = values
        entry.born = self._touch(entry)
        collection.enlist(entry)
        return entry

    def _merge(self, entry, values):
        changed = {name: value for name, value in values.items()
                   if name not in entry.values or entry.values[name] != value}
        if not changed:
            return
        entry.previous = {name: entry.values[name] for name in changed if name in entry.values}
        entry.values = {**entry.values, **changed}
        seq = self._touch(entry)
        for name in changed:
            entry.stamps[name] = seq

    def change_members(self, group_id, add, remove):
        with self._lock:
            group = self._living("groups", group_id)
            additions = self._checked_members(add)
            removals = self._checked_members(remove)
            self._link(group, [(t, m) for m, t in additions.items()],
                       [(t, m) for m, t in removals.items()])

    def _checked_members(self, members):
        checked = {}
        for member in members:
            member_type, member_id = member.get("type"), member.get("id")
            if member_type not in MEMBER_KINDS or not isinstance(member_id, str) or not member_id:
                raise DirectoryError(400, f"not a member: {member!r}")
            for name, kind in MEMBER_KINDS.items():
                if kind and name != member_type and member_id in self._collections[kind].entries:
                    raise DirectoryError(400, f"{member_id} is a {name}, not a {member_type}")
            checked[member_id] = member_type
        return checked

    def _link(self, group, add, remove):
        changed = False
        for member_type, member in add:
            if member not in group.links.present:
                group.links.record(member, member_type, self._next(), True)
                self._member_of.setdefault(member, set()).add(group.id)
                changed = True
        for _, member in remove:
            if member in group.links.present:
                self._unlink(group, member)
                changed = True
        if changed and group.state == LIVE:
            self._touch(group)

    def _unlink(self, group, member):
        group.links.record(member, group.links.types[member], self._next(), False)
        groups = self._member_of.get(member)
        if groups is not None:
            groups.discard(group.id)

    def delete(self, kind, object_id, permanent):
        """Soft where the type has a recycle bin, otherwise (or when asked) for good."""
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is None or entry.state == GONE:
                raise DirectoryError(404, f"no {kind}/{object_id}")
            if not permanent and entry.state == SOFT:
                raise DirectoryError(409, f"{kind}/{object_id} is already in the recycle bin")
            if not permanent and self._has_recycle_bin(entry):
                entry.state, entry.reason = SOFT, "changed"
                entry.deleted_at = timestamp()
                self._touch(entry)
            else:
                self._purge(entry)
            return entry.state

    @staticmethod
    def _has_recycle_bin(entry):
        if entry.kind == "groups":
            return "Unified" in (entry.values.get("groupTypes") or ())
        return entry.kind == "users"

    def _purge(self, entry):
        entry.state, entry.reason = GONE, "deleted"
        entry.values, entry.previous, entry.stamps = {}, {}, {}
        self._touch(entry)
        groups = self._collections["groups"].entries
        for group_id in sorted(self._member_of.pop(entry.id, ())):
            group = groups[group_id]
            self._unlink(group, entry.id)
            if group.state == LIVE:
                self._touch(group)
        if entry.links is not None:
            for member in entry.links.present:
                self._member_of.get(member, set()).discard(entry.id)
            entry.links = Links()

    def restore(self, kind, object_id):
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is None or entry.state != SOFT:
                raise DirectoryError(404, f"{kind}/{object_id} is not in the recycle bin")
            entry.state, entry.reason, entry.deleted_at = LIVE, None, None
            entry.was_removed = True
            entry.stamps = {}
            entry.born = self._touch(entry)

    def expire(self, kind, how):
        """Kills every token handed out so far for the collection."""
        with self._lock:
            self._collections[kind].expired.append(how)

    def _next(self):
        self._seq += 1
        return self._seq

    def _touch(self, entry):
        seq = self._next()
        self._collections[entry.kind].append(entry, seq)
        return seq

    # ---- reading -----------------------------------------------------------------------------

    def _living(self, kind, object_id):
        entry = self._collections[kind].entries.get(object_id)
        if entry is None or entry.state != LIVE:
            raise DirectoryError(404, f"no {kind}/{object_id}")
        return entry

    def find(self, kind, object_id):
        """The values of a living object (with id), or None."""
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is None or entry.state != LIVE:
                return None
            return {"id": entry.id, **entry.values}

    def describe(self, kind, object_id):
        """The object as the control interface shows it: members included, also when soft-deleted."""
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is None or entry.state == GONE:
                raise DirectoryError(404, f"no {kind}/{object_id}")
            return self._described(entry)

    def describe_all(self):
        with self._lock:
            return {kind: [self._described(entry) for entry in self._collections[kind].listed
                           if entry.order >= 0 and entry.state != GONE]
                    for kind in KINDS}

    @staticmethod
    def _described(entry):
        shown = {"id": entry.id, **entry.values}
        if entry.state == SOFT:
            shown["deletedDateTime"] = entry.deleted_at
        if entry.links is not None:
            shown["members"] = [{"type": t, "id": m} for m, t in entry.links.present.items()]
        return shown

    def deleted(self, kind):
        """The recycle bin of a kind."""
        with self._lock:
            return [self._described(entry) for entry in self._collections[kind].listed
                    if entry.order >= 0 and entry.state == SOFT]

    def listing(self, kind, after, limit, wanted=None):
        """Up to `limit` living objects created after position `after`; (objects, next or None)."""
        with self._lock:
            collection = self._collections[kind]
            i = bisect_right(collection.orders, after)
            found = []
            while i < len(collection.listed):
                entry = collection.listed[i]
                if entry.state == LIVE and entry.order == collection.orders[i]:
                    shown = {"id": entry.id, **entry.values}
                    if wanted is None or wanted(shown):
                        if len(found) == limit:
                            return found, after
                        found.append(shown)
                after = collection.orders[i]
                i += 1
            return found, None

    def members(self, group_id, after, limit):
        """Visible members of a group as (type, id, values or None); (members, next or None)."""
        with self._lock:
            links = self._living("groups", group_id).links
            i = bisect_right(links.seqs, after)
            found = []
            while i < len(links.ids):
                member, seq = links.ids[i], links.seqs[i]
                if links.stamp[member] == seq and member in links.present:
                    member_type = links.present[member]
                    if not self._hidden(member_type, member):
                        if len(found) == limit:
                            return found, after
                        kind = MEMBER_KINDS[member_type]
                        entry = self._collections[kind].entries.get(member) if kind else None
                        found.append((member_type, member, entry.values if entry else None))
                after = seq
                i += 1
            return found, None

    def member_of(self, object_id):
        """Living groups that have the object as a direct member."""
        with self._lock:
            groups = self._collections["groups"].entries
            return [{"id": g, **groups[g].values} for g in sorted(self._member_of.get(object_id, ()))
                    if groups[g].state == LIVE]

    def count(self, kind):
        with self._lock:
            return sum(e.state == LIVE for e in self._collections[kind].entries.values())

    def seal(self, value):
        with self._lock:
            return self._sealer.seal(value)

    def unseal(self, token):
        return self._sealer.open(token)

    # ---- delta -------------------------------------------------------------------------------

    def begin(self, kind, query, latest, minimal):
        """A new round: full, or for `$deltatoken=latest` one that starts (and ends) now."""
        with self._lock:
            if query not in self._query_index:
                self._query_index[query] = len(self._queries)
                self._queries.append(query)
            now = self._seq
            return Round(kind, query, len(self._collections[kind].expired), now if latest else 0,
                         now, now if latest else 0, 0, minimal, ())

    def resume(self, kind, token, is_delta_link, minimal):
        """The round a token stands for. Raises TokenError for foreign, altered and dead ones."""
        value = self._sealer.open(token)
        if not isinstance(value, list) or value[0] != ("d" if is_delta_link else "s") \
                or value[1] != kind:
            raise TokenError("invalid")
        _, _, index, generation, since, start, pos, page, was_minimal, partial = value
        with self._lock:
            query = self._queries[index]
            expired = self._collections[kind].expired
            if generation < len(expired):
                raise TokenError(expired[generation], query)
            if is_delta_link:
                start, pos = self._seq, since
            return Round(kind, query, generation, since, start, pos, page, minimal or was_minimal,
                         tuple((group, link) for group, link in partial))

    def skip_token(self, at):
        with self._lock:
            return self._sealer.seal(["s", at.kind, self._query_index[at.query], at.generation,
                                      at.since, at.start, at.pos, at.page, at.minimal,
                                      list(at.partial)])

    def delta_token(self, at):
        """The token of a finished round; `at.since` is where the next one begins."""
        with self._lock:
            return self._sealer.seal(["d", at.kind, self._query_index[at.query], at.generation,
                                      at.since, 0, 0, 0, False, []])

    def page(self, at, limit, duplicate=False):
        """One page of a round: (items, next Round, whether the round is finished)."""
        with self._lock:
            if self._settings["empty_pages"] and at.page % 2 == 0:
                return [], at._replace(page=at.page + 1), False
            limit = min(limit, self._settings["page_size"])
            # Replays leave room for at least one object, so that every page advances.
            items = self._replayed(at)[:limit - 1] if self._settings["replays"] else []
            pos, partial = self._fill(at, limit, items)
            collection = self._collections[at.kind]
            more = bool(partial) or (bool(collection.seqs) and collection.seqs[-1] > pos)
            if duplicate:
                items = [version for item in items
                         for version in (self._older(at.kind, item), item)]
            elif self._settings["replays"]:
                items = self._repeated(at, items)
            if more:
                return items, at._replace(pos=pos, page=at.page + 1, partial=tuple(partial)), False
            return items, at._replace(since=self._seq, page=0, partial=()), True

    def _fill(self, at, limit, items):
        """Appends what comes next to `items`; returns (log position, groups still unfinished)."""
        collection = self._collections[at.kind]
        pos = at.pos
        room = self._settings["link_page_size"]
        partial = []
        if at.partial:
            waits = bool(collection.seqs) and collection.seqs[-1] > pos \
                and len(at.partial) < INTERLEAVED_GROUPS
            # Further groups get a share of the links, so that slices of several groups interleave.
            share = max(1, room // (len(at.partial) + waits))
            for group_id, link in at.partial:
                if len(items) == limit:
                    partial.insert(0, (group_id, link))
                    continue
                group = collection.entries.get(group_id)
                if group is None or group.state != LIVE:
                    continue    # its tombstone follows in the log
                links, rest = self._slice(group, at, link, min(share, room))
                room -= len(links)
                if links:
                    items.append({**self._shown(group, at), "members@delta": links})
                if rest is not None:
                    partial.append((group_id, rest))
        seqs, log, wants_links = collection.seqs, collection.log, at.query.members
        i = bisect_right(seqs, pos)
        total = len(seqs)
        while i < total and len(items) < limit:
            if wants_links and (room == 0 or len(partial) >= INTERLEAVED_GROUPS):
                break
            entry = log[i]
            pos = seqs[i]
            i += 1
            if entry.seq != pos or (at.query.ids is not None and entry.id not in at.query.ids):
                continue
            item = self._change(entry, at)
            if item is None:
                continue
            if wants_links and entry.state == LIVE:
                links, rest = self._slice(entry, at, 0, room)
                room -= len(links)
                if links:
                    item["members@delta"] = links
                if rest is not None:
                    partial.append((entry.id, rest))
            items.append(item)
        return pos, partial

    def _change(self, entry, at):
        """The item for an object of the log, or None when nothing of it is to be reported."""
        if entry.state != LIVE:
            # A full round knows no past; removals during it must come, though.
            if entry.seq > (at.since or at.start) or self._settings["replays"]:
                return {"id": entry.id, "@removed": {"reason": entry.reason}}
            return None
        since = at.since
        if since and entry.born <= since:
            select = at.query.select or ENTITIES[at.kind].default
            stamps = entry.stamps
            if not any(stamps.get(name, 0) > since for name in select) \
                    and not (at.query.members and entry.links.last > since):
                return None
        return self._shown(entry, at)

    def _shown(self, entry, at):
        """The properties of an object, all selected ones or (minimal) those changed since."""
        select = at.query.select or ENTITIES[at.kind].default
        values = entry.values
        if at.minimal and at.since and entry.born <= at.since:
            stamps, since = entry.stamps, at.since
            item = {name: values[name] for name in select if stamps.get(name, 0) > since}
        else:
            item = {name: values[name] for name in select if name in values}
        item["id"] = entry.id
        return item

    def _slice(self, group, at, pos, room):
        """Up to `room` link changes after `pos`; (links, next position or None when complete)."""
        links = group.links
        fresh = not at.since or group.born > at.since
        removals_after = at.since or at.start
        i = bisect_right(links.seqs, max(0 if fresh else at.since, pos))
        found = []
        while i < len(links.seqs):
            if len(found) == room:
                return found, pos
            member, pos = links.ids[i], links.seqs[i]
            i += 1
            if links.stamp[member] != pos:
                continue
            member_type = links.types[member]
            if member in links.present:
                # A full round shows the members that can be seen; a soft-deleted one cannot.
                if at.since or not self._hidden(member_type, member):
                    found.append({"@odata.type": MEMBER_TYPES[member_type], "id": member})
            elif pos > removals_after:
                found.append({"@odata.type": MEMBER_TYPES[member_type], "id": member,
                              "@removed": {"reason": "deleted"}})
        return found, None

    def _hidden(self, member_type, member):
        kind = MEMBER_KINDS[member_type]
        entry = self._collections[kind].entries.get(member) if kind else None
        return entry is not None and entry.state != LIVE

    # ---- what the service is allowed to do and clients must bear -------------------------------

    def _older(self, kind, item):
        """An earlier version of an item: the values its last change replaced, where known."""
        entry = self._collections[kind].entries.get(item["id"])
        if entry is None or "@removed" in item:
            return dict(item)
        return {name: entry.previous.get(name, value) for name, value in item.items()}

    def _chance(self, one_in, *what):
        return zlib.crc32(repr((self._seed, *what)).encode()) % one_in == 0

    def _replayed(self, at):
        """Changes from before the token, told once more; for a restored object its tombstone."""
        collection = self._collections[at.kind]
        before = bisect_right(collection.seqs, at.since)
        items = []
        for n in range(3 if before else 0):
            pick = zlib.crc32(repr((self._seed, at.since, at.page, n)).encode())
            entry = collection.log[pick % before]
            if entry.seq < 0 or entry.seq > at.since or \
                    (at.query.ids is not None and entry.id not in at.query.ids):
                continue
            if entry.state != LIVE:
                items.append({"id": entry.id, "@removed": {"reason": entry.reason}})
            else:
                items.append(self._shown(entry, at._replace(since=0)))
        return items

    def _repeated(self, at, items):
        """Some objects of the page twice, the older version first; restored ones as removed first."""
        told = []
        for item in items:
            entry = self._collections[at.kind].entries.get(item["id"])
            # Only before a complete object: whoever drops it has to get all of it back.
            if entry is not None and entry.was_removed and entry.born > at.since \
                    and at.kind != "groups" and "@removed" not in item:
                told.append({"id": item["id"], "@removed": {"reason": "changed"}})
            elif self._chance(5, item["id"], at.page):
                told.append(self._older(at.kind, item))
            told.append(item)
        return told
