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
  * every answer to a delta link, even an empty one, carries a new token;
  * the manager of a user is told by delta like a membership, the manager of a contact is not.
"""

import copy
import threading
import uuid
import zlib
from bisect import bisect_right
from random import Random

from objects import (GONE, KINDS, LIVE, MEMBER_KINDS, MEMBER_TYPES, SOFT, Collection, DirectoryError,
                     Entry, Links)
from schema import ENTITIES, problem
from tokens import Round, Sealer, TokenError

# So many large groups are delivered in slices at the same time.
INTERLEAVED_GROUPS = 3


class Directory:
    """All collections behind one lock. Every public function may be called from any thread."""

    def __init__(self, seed, settings, clock):
        self._lock = threading.RLock()
        self._seed = seed
        self._settings = settings
        self._clock = clock
        self._random = Random(f"ids {seed}")
        self._sealer = Sealer(seed)
        self._seq = 0
        self._collections = {kind: Collection() for kind in KINDS}
        self._member_of = {}    # member id -> ids of groups
        self._manages = {}      # manager id -> (kind, id) of whom they manage
        self._queries = []
        self._query_index = {}

    def copy(self):
        """One with the same objects and tokens, and a future of its own; ids never collide."""
        with self._lock:
            shared = (self._lock, self._settings, self._clock, self._sealer, self._random)
            twin = copy.deepcopy(self, {id(each): each for each in shared})
            twin._lock = threading.RLock()
            return twin

    # ---- changes -----------------------------------------------------------------------------

    def new_id(self):
        with self._lock:
            return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def put(self, kind, object_id, values):
        """Merges `values` into the object, creating it when it does not exist; returns its id."""
        values = dict(values)
        named = values.pop("id", None)
        members = values.pop("members", None) if kind == "groups" else None
        sets_manager = kind != "groups" and "manager" in values
        manager = values.pop("manager") if sets_manager else None
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
            boss = self._checked_members([manager], ("user", "contact")) if manager else {}
            if entry is None or entry.state == GONE:
                entry = self._create(kind, object_id, values)
            else:
                self._merge(entry, values)
            if wanted is not None:
                stale = [(t, m) for m, t in entry.links.present.items() if m not in wanted]
                self._link(entry, [(t, m) for m, t in wanted.items()], stale)
            if sets_manager:
                self._set_manager(entry, boss)
            return object_id

    def _set_manager(self, entry, boss):
        """`boss` is {id: type}, or empty for nobody."""
        old = dict(entry.manager.present)
        if old == boss:
            return
        for member, member_type in old.items():
            entry.manager.record(member, member_type, self._next(), False)
            self._manages.get(member, set()).discard((entry.kind, entry.id))
        for member, member_type in boss.items():
            entry.manager.record(member, member_type, self._next(), True)
            self._manages.setdefault(member, set()).add((entry.kind, entry.id))
        # A contact does not move: its manager is no part of what delta looks at.
        if entry.kind == "users":
            self._touch(entry)

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

    def _checked_members(self, members, types=tuple(MEMBER_KINDS)):
        checked = {}
        for member in members:
            if not isinstance(member, dict):
                raise DirectoryError(400, f"not a member: {member!r}")
            member_type, member_id = member.get("type"), member.get("id")
            if member_type not in types or not isinstance(member_id, str) or not member_id:
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
                entry.deleted_at = self._clock.timestamp()
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
        lost = self._settings["lost_purges"] and entry.kind == "users"
        for group_id in sorted(self._member_of.pop(entry.id, ())):
            group = groups[group_id]
            if lost:
                group.links.forget(entry.id)
                continue
            self._unlink(group, entry.id)
            if group.state == LIVE:
                self._touch(group)
        for kind, managed in sorted(self._manages.pop(entry.id, ())):
            self._set_manager(self._collections[kind].entries[managed], {})
        if entry.manager is not None:
            for member in entry.manager.present:
                self._manages.get(member, set()).discard((entry.kind, entry.id))
            entry.manager = Links()
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
            if kind == "users" and self._settings["undelete_silent"]:
                entry.silent = entry.born

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

    def look_up(self, object_id):
        """(kind, values or None when it is deleted) of an object of any kind; (None, None)."""
        with self._lock:
            for kind in KINDS:
                entry = self._collections[kind].entries.get(object_id)
                if entry is not None:
                    return kind, {"id": entry.id, **entry.values} if entry.state == LIVE else None
        return None, None

    def manager(self, kind, object_id):
        """(type, values with id) of the manager that can be seen, or None."""
        with self._lock:
            entry = self._collections[kind].entries.get(object_id)
            if entry is None or entry.manager is None:
                return None
            for member, member_type in entry.manager.present.items():
                known = self._collections[MEMBER_KINDS[member_type]].entries.get(member)
                if known is None:
                    return member_type, {"id": member}
                if known.state == LIVE:
                    return member_type, {"id": member, **known.values}
        return None

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
        if entry.manager is not None and entry.manager.present:
            (member, member_type), = entry.manager.present.items()
            shown["manager"] = {"type": member_type, "id": member}
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
                         now, now if latest else 0, 0, minimal, (), now)

    def resume(self, kind, token, is_delta_link, minimal):
        """The round a token stands for. Raises TokenError for foreign, altered and dead ones."""
        value = self._sealer.open(token)
        if not isinstance(value, list) or value[0] != ("d" if is_delta_link else "s") \
                or value[1] != kind:
            raise TokenError("invalid")
        (_, _, index, generation, since, start, pos, page, was_minimal, partial, full, made) = value
        with self._lock:
            query = self._queries[index]
            expired = self._collections[kind].expired
            if generation < len(expired):
                raise TokenError(expired[generation], query)
            lifetime = self._settings["delta_token_lifetime" if is_delta_link
                                      else "skip_token_lifetime"]
            if lifetime and self._clock.now() - made >= lifetime:
                raise TokenError("syncStateNotFound" if is_delta_link else "aged", query)
            if is_delta_link:
                start, pos = self._seq, since
            return Round(kind, query, generation, since, start, pos, page, minimal or was_minimal,
                         tuple((group, link) for group, link in partial), full)

    def skip_token(self, at):
        with self._lock:
            return self._sealer.seal(["s", at.kind, self._query_index[at.query], at.generation,
                                      at.since, at.start, at.pos, at.page, at.minimal,
                                      list(at.partial), at.full, self._clock.now()])

    def delta_token(self, at):
        """The token of a finished round; `at.since` is where the next one begins."""
        with self._lock:
            return self._sealer.seal(["d", at.kind, self._query_index[at.query], at.generation,
                                      at.since, 0, 0, 0, False, [], at.full, self._clock.now()])

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
                links, rest = self._slice(group.links, group.born, at, link, min(share, room))
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
                links, rest = self._slice(entry.links, entry.born, at, 0, room)
                room -= len(links)
                if links:
                    item["members@delta"] = links
                if rest is not None:
                    partial.append((entry.id, rest))
            if at.query.manager and entry.state == LIVE:
                links, _ = self._slice(entry.manager, entry.born, at, 0, len(entry.manager.ids) + 1)
                if links:
                    item["manager@delta"] = links
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
        # Some tenants do not tell that a user was restored to who selects properties; only a full
        # round that begins afterwards brings such a user back.
        if since and entry.silent > at.full and at.query.select:
            return None
        if since and entry.born <= since:
            select = at.query.select or ENTITIES[at.kind].default
            stamps = entry.stamps
            if not any(stamps.get(name, 0) > since for name in select) \
                    and not (at.query.members and entry.links.last > since) \
                    and not (at.query.manager and entry.manager.last > since):
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

    def _slice(self, links, born, at, pos, room):
        """Up to `room` link changes after `pos` of an object that was born at `born`; (links, next
        position or None when complete)."""
        fresh = not at.since or born > at.since
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
