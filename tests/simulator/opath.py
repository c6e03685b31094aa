"""OPATH: the language of the -Filter parameter of Exchange's cmdlets, as far as recipients go."""

import re
from datetime import datetime, timezone

GUID, DATE, INTEGER, STRINGS = "System.Guid", "System.DateTime", "System.Int32", "Strings"
TEXT, BOOLEAN = "Text", "Boolean"

# What is no text that could be like something, nor be put in an order.
ONLY_EQUALITY = {"Guid", "IsDirSynced", "HiddenFromAddressListsEnabled", "RecipientTypeDetails",
                 "RecipientType", "ExternalDirectoryObjectId", "ExchangeObjectId"}


class FilterError(Exception):
    pass


def moment(text):
    """A date literal: ISO 8601, or the documented US form `8/1/2017 2:00:00 PM`; None when neither."""
    text = text.strip()
    match = re.match(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?)?\s*"
                     r"(Z|[+-]\d\d:\d\d)?\Z", text)
    if match:
        day, clock, fraction, zone = match.groups()
        micros = (fraction or "0")[:6].ljust(6, "0")
        clock = (clock or "00:00") + (":00" if len(clock or "00:00") == 5 else "")
        try:
            return datetime.fromisoformat(
                f"{day}T{clock}.{micros}{'+00:00' if zone in (None, 'Z') else zone}")
        except ValueError:
            return None
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
                 "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None


class Filter:
    """The OPATH subset: comparisons of filterable properties, -and, -or, -not, parentheses."""

    _TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*'|\"[^\"]*\")|(?P<paren>[()])|"
                        r"(?P<word>[-$]?[A-Za-z0-9_.:/@]+))")

    def __init__(self, text, filterable, properties):
        """`properties`: name -> type; FilterError for what the service would not understand."""
        self._filterable = {name.lower(): name for name in filterable}
        self._properties = properties
        self._tokens = []
        text = text.strip()
        if text.startswith("{") and text.endswith("}"):
            text = text[1:-1].strip()
        at = 0
        while at < len(text):
            match = self._TOKEN.match(text, at)
            if not match:
                raise self._error(f"Invalid filter syntax at position {at}.")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
            while at < len(text) and text[at].isspace():
                at += 1
        self._at = 0
        self.matches = self._either()
        if self._at != len(self._tokens):
            raise self._error("Invalid filter syntax: unexpected text at the end.")

    @staticmethod
    def _error(message):
        return FilterError(message)

    def _peek(self):
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else None

    def _take(self):
        if self._at >= len(self._tokens):
            raise self._error("Invalid filter syntax: unexpected end.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _either(self):
        left = self._both()
        while self._peek() == "-or":
            self._take()
            left = (lambda a, b: lambda c: a(c) or b(c))(left, self._both())
        return left

    def _both(self):
        left = self._one()
        while self._peek() == "-and":
            self._take()
            left = (lambda a, b: lambda c: a(c) and b(c))(left, self._one())
        return left

    def _one(self):
        kind, word = self._take()
        if word.lower() == "-not":
            inner = self._one()
            return lambda c: not inner(c)
        if kind == "paren" and word == "(":
            inner = self._either()
            if self._take()[1] != ")":
                raise self._error("Invalid filter syntax: ')' is missing.")
            return inner
        name = self._filterable.get(word.lower())
        if name is None:
            raise self._error(f"\"{word}\" is not a recognized filterable property.")
        operator = self._take()[1].lower()
        return self._comparison(name, operator, *self._take())

    def _comparison(self, name, operator, kind, literal):
        if operator not in ("-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-like", "-notlike"):
            raise self._error(f"\"{operator}\" is not a recognized operator.")
        if name in ONLY_EQUALITY and operator not in ("-eq", "-ne"):
            raise self._error(f"The operator {operator} cannot be used with {name}.")
        if kind == "text":
            quote = literal[0]
            value = literal[1:-1].replace(quote * 2, quote)
        else:
            words = {"$true": True, "$false": False, "$null": None}
            value = words.get(literal.lower(), literal)
        type_name = self._properties[name]
        if type_name == BOOLEAN and not isinstance(value, bool):
            value = {"true": True, "false": False}.get(str(value).lower())
            if value is None:
                raise self._error(f"Cannot convert '{literal}' to a boolean.")
        if type_name == DATE and value is not None:
            value = moment(str(value))
            if value is None:
                raise self._error(f"Cannot convert {literal} to a date.")
        if operator in ("-like", "-notlike"):
            pattern = re.compile(".*".join(re.escape(part) for part in str(value).split("*")) + r"\Z",
                                 re.IGNORECASE | re.DOTALL)
            positive = operator == "-like"
            return lambda c: any(pattern.match(str(v)) for v in _each(c[name])) == positive
        compare = {"-eq": lambda a, b: a == b, "-ne": lambda a, b: a == b,
                   "-gt": lambda a, b: a > b, "-ge": lambda a, b: a >= b,
                   "-lt": lambda a, b: a < b, "-le": lambda a, b: a <= b}[operator]

        def matches(contact):
            for stored in _each(contact[name]):
                if type_name == DATE:
                    stored = moment(stored) if stored else None
                elif isinstance(stored, str) and isinstance(value, str):
                    if compare(stored.lower(), value.lower()):
                        return operator != "-ne"
                    continue
                if stored in (None, "") or value is None:
                    equal = (stored in (None, "")) == (value is None)
                    if operator in ("-eq", "-ne") and equal:
                        return operator == "-eq"
                elif compare(stored, value):
                    return operator != "-ne"
            return operator == "-ne"
        return matches


def _each(value):
    return value if isinstance(value, list) else (value,)
