"""The query options of Graph requests: parsed, and refused where the service refuses them."""

import re

from schema import BOOLEAN, ENTITIES

_SYSTEM_OPTIONS = {"$select", "$filter", "$expand", "$orderby", "$search", "$count", "$top", "$skip",
                   "$skiptoken", "$deltatoken", "$format"}
_TERM = re.compile(r"\s*([A-Za-z0-9]+)\s+eq\s+('(?:[^']|'')*'|true|false|null)\s*\Z")
MAX_FILTER_IDS = 50     # of $filter on delta
DEFAULT_LIST, MAX_LIST = 100, 999
_EXPAND_MANAGER = re.compile(r"manager(\(\$select=([A-Za-z0-9,]+)\))?\Z")


class GraphError(Exception):
    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def bad(message, code="Request_BadRequest"):
    return GraphError(400, code, message)


def options_of(request):
    """The query options by lower-case name; unknown system options and repeated ones refused."""
    options = {}
    for name, value in request.query:
        lower = name.lower()
        if lower.startswith("$"):
            if lower not in _SYSTEM_OPTIONS:
                raise bad(f"The query parameter '{name}' is not recognized.")
            if lower in options:
                raise bad(f"Query option '{name}' was specified more than once.")
            options[lower] = value
    return options


def preferences_of(request):
    """The Prefer header: comma separated `name[=value]`."""
    found = {}
    for part in (request.header("Prefer") or "").split(","):
        name, _, value = part.strip().partition("=")
        if name:
            found[name.strip().lower()] = value.strip().strip('"').lower()
    return found


def page_preference(preferences):
    text = preferences.get("odata.maxpagesize", "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def unknown_property(name, type_name):
    return bad(f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'.")


def select_of(kind, options, single=False, tracked_allowed=False):
    """(property names or None, relations among them) of $select; refuses what the type lacks."""
    if "$select" not in options:
        return None, ()
    entity = ENTITIES[kind]
    names, relations = [], []
    for name in options["$select"].split(","):
        name = name.strip()
        if not name:
            raise bad("Parsing OData Select and Expand failed: an empty name.")
        if name in entity.outside and not (single and name in entity.properties):
            raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
        if name in entity.tracked and tracked_allowed:
            relations.append(name)
        elif name in entity.relations:
            raise GraphError(501, "NotImplemented", f"The simulator does not track '{name}'.")
        elif name != "id" and name not in entity.properties:
            raise unknown_property(name, entity.type_name)
        if name not in names:
            names.append(name)
    return tuple(names), tuple(relations)


def top_of(options):
    if "$top" not in options:
        return DEFAULT_LIST
    text = options["$top"]
    if not text.isdigit() or not 1 <= int(text) <= MAX_LIST:
        raise bad(f"Invalid page size specified: '{text}'. Must be between 1 and {MAX_LIST} "
                  "inclusive.")
    return int(text)


def expanded_manager(kind, options):
    """Whether managers are to be told, and which of their properties (None = the default ones)."""
    if "$expand" not in options:
        return False, None
    match = _EXPAND_MANAGER.match(options["$expand"])
    if not match or kind == "groups":
        raise GraphError(501, "NotImplemented", "The simulator expands managers only.")
    return True, tuple(match[2].split(",")) if match[2] else None


def filter_ids(text):
    """The ids of `id eq 'a' or id eq 'b'`, the only filter delta knows."""
    ids = []
    for term in re.split(r"\s+or\s+", text):
        match = _TERM.match(term)
        if not match or match[1] != "id" or not match[2].startswith("'"):
            raise bad("Delta supports $filter on id only.", "Request_UnsupportedQuery")
        ids.append(match[2][1:-1].replace("''", "'"))
    if len(ids) > MAX_FILTER_IDS:
        raise bad(f"Delta filters at most {MAX_FILTER_IDS} objects.", "Request_UnsupportedQuery")
    return ids


def list_filter(kind, text):
    """A predicate for `property eq literal [and|or ...]`, left to right with `and` binding more."""
    alternatives = []
    for alternative in re.split(r"\s+or\s+", text):
        terms = []
        for term in re.split(r"\s+and\s+", alternative):
            match = _TERM.match(term)
            if not match:
                raise bad("The simulator filters with eq, and, or only.", "Request_UnsupportedQuery")
            name, literal = match[1], match[2]
            expected = ENTITIES[kind].properties.get(name)
            if name != "id" and expected is None:
                raise unknown_property(name, ENTITIES[kind].type_name)
            value = {"true": True, "false": False, "null": None}.get(literal, literal)
            if isinstance(value, bool) != (expected == BOOLEAN) and value is not None:
                raise bad("A binary operator with incompatible types was detected.")
            if isinstance(value, str):
                value = value[1:-1].replace("''", "'").lower()
            terms.append((name, value))
        alternatives.append(terms)

    def matches(entry):
        return any(all(_folded(entry.get(name)) == value for name, value in terms)
                   for terms in alternatives)
    return matches


def _folded(value):
    return value.lower() if isinstance(value, str) else value
