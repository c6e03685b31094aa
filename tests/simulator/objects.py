"""The objects of the directory with their change logs: values without behaviour of the service."""

KINDS = ("contacts", "users", "groups")
LIVE, SOFT, GONE = "live", "soft", "gone"
MEMBER_KINDS = {"user": "users", "contact": "contacts", "group": "groups",
                "device": None, "servicePrincipal": None}
MEMBER_TYPES = {"user": "#microsoft.graph.user", "contact": "#microsoft.graph.orgContact",
                "group": "#microsoft.graph.group", "device": "#microsoft.graph.device",
                "servicePrincipal": "#microsoft.graph.servicePrincipal"}


class DirectoryError(Exception):
    """A change that no tenant would accept; `status` is what the control interface answers."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Links:
    """The members of one group, or the manager of one person, with their own change log."""

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

    def forget(self, member):
        """The member is no more, and no delta will ever say so."""
        self.present.pop(member, None)
        self.stamp[member] = -1

    @property
    def last(self):
        return self.seqs[-1] if self.seqs else 0


class Entry:
    """One object. `values` holds every property that was ever set, null included."""

    __slots__ = ("kind", "id", "values", "previous", "born", "stamps", "order", "seq", "state",
                 "reason", "deleted_at", "links", "manager", "was_removed", "silent")

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
        self.manager = Links() if kind != "groups" else None
        self.was_removed = False
        self.silent = 0         # number of a restore that delta does not tell


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
