"""What the integration tests share: a company to synchronize, and ways to look at the index.

A test class that derives from CompanyTest has a domain controller and a tenant of its own for as long as
the class runs, and a fresh gald with a fresh index for each test. Run a test file with Debian's
interpreter; the environment variable GALD names the program (default: build/dev/gald).

    GALD=build/dev/gald /usr/bin/python3 tests/integration/test_cycle.py [-v] [Class.test]

Without root or without the packages of the lab a file ends with exit code 77, which ctest can be told to
take as "skipped".
"""

import json
import os
import re
import shutil
import sys
import tempfile
import unittest
import uuid
from datetime import datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lab"))

SKIPPED = 77


def leave(reason):
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


try:
    import ldap.dn
    from lab import DomainController, Gald, LabError, Tenant, run_dc
    from sample import Sample
except ImportError as missing:
    leave(f"the test lab needs {missing.name}")

#: exit codes of gald
COMPLETE, FAILED, BAD_USAGE, PARTIAL, BAD_CONFIGURATION = range(5)

GRAPH = ("contacts", "groups", "users")

#: tables whose content says when gald asked, not what it knows
OF_RUNS = ("run", "run_collection", "upkeep")


def main():
    """Instead of unittest.main()."""
    try:
        run_dc("check")
    except LabError as error:
        leave(error)
    if os.getuid() != 0:
        leave("serving the LDAP ports needs root")
    gald = Gald(tempfile.mkdtemp(prefix="gald-test-"))
    shutil.rmtree(gald.directory)
    if not os.access(gald.binary, os.X_OK):
        print(f"{gald.binary} is not there: build gald, or name it in GALD", file=sys.stderr)
        sys.exit(1)
    unittest.main(module="__main__")


# ---- the company ----------------------------------------------------------------------------------

class CompanyTest(unittest.TestCase):
    """A controller and a tenant for the tests of one class; the sample company unless overridden."""

    maxDiff = None
    settings = {}  # of the tenant, put back before each test

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-test-")
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        cls.dc = DomainController.provisioned(ip="free")
        cls.addClassCleanup(cls.dc.close)
        cls.tenant = Tenant(os.path.join(cls.place, "tenant"))
        cls.addClassCleanup(cls.tenant.stop)
        cls.design()
        cls.dc.start()
        cls.tenant.start()
        cls.original_settings = {**cls.tenant.settings(), **cls.settings}
        cls.populate()

    @classmethod
    def design(cls):
        """For what is done while the controller stands still."""
        cls.company = Sample(cls.dc, cls.tenant)
        cls.dc.load_offline(cls.company.entries())

    @classmethod
    def populate(cls):
        """For what is done when both sides run."""
        cls.company.populate()

    def setUp(self):
        self.tenant.clear_faults()
        self.tenant.settings(**self.original_settings)
        self.tenant.clear_requests()

    def gald(self, name="gald", changes=None):
        """A gald with an index of its own; its daemon, if one is started, ends with the test."""
        gald = Gald(tempfile.mkdtemp(prefix=name + "-", dir=self.place), dc=self.dc, tenant=self.tenant,
                    changes=changes)
        self.addCleanup(gald.stop)
        return gald

    def copy_of(self, other, changes=None):
        """A gald with a copy of the index of another one, which must not be running."""
        gald = self.gald("copy", changes)
        for suffix in ("", "-wal"):
            if os.path.exists(other.index_path + suffix):
                shutil.copy(other.index_path + suffix, gald.index_path + suffix)
        return gald

    def sync(self, gald, code=COMPLETE):
        """Runs one cycle and returns its report; the exit code must be this one."""
        done = gald.sync("--json")
        if done.code != code:
            self.fail(f"gald sync: exit code {done.code}, expected {code}\n{done.err}{done.out}")
        return json.loads(done.out)

    # ---- what the tenant was asked ----

    def asked(self, service=None):
        """(service, collection or None, path, status) of each request since the last clear_requests()."""
        return [(row["service"], row["collection"], row["path"], row["status"])
                for row in self.tenant.requests() if service in (None, row["service"])]

    def assertSame(self, expected, actual, what):
        """Two dicts are equal; when not, says where, without drowning the reader."""
        if expected == actual:
            return
        lines = [f"missing {key}: {expected[key]}" for key in sorted(expected.keys() - actual.keys(), key=str)]
        lines += [f"unexpected {key}: {actual[key]}" for key in sorted(actual.keys() - expected.keys(), key=str)]
        for key in sorted(expected.keys() & actual.keys(), key=str):
            if expected[key] != actual[key]:
                lines.append(f"{key}: " + difference(expected[key], actual[key]))
        shown = "\n  ".join(lines[:15])
        self.fail(f"{what}: {len(lines)} differences\n  {shown}")

    def assertQuiet(self, report):
        """The cycle published nothing."""
        self.assertEqual(set(report["published"].values()), {0}, report["published"])


def difference(expected, actual):
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = [name for name in sorted(expected.keys() | actual.keys())
                 if expected.get(name) != actual.get(name)]
        return "; ".join(f"{name}: expected {expected.get(name)!r}, found {actual.get(name)!r}" for name in names)
    return f"expected {expected!r}, found {actual!r}"


# ---- looking at the index -------------------------------------------------------------------------

def reads(report, connector=None):
    return {read["connector"] + "/" + read["collection"]: read for read in report["collections"]
            if connector in (None, read["connector"])}


def rows(gald, sql, *values):
    """The rows of a query, as tuples."""
    index = gald.index()
    try:
        return [tuple(row) for row in index.execute(sql, values)]
    finally:
        index.close()


def dump(gald, without=OF_RUNS):
    """Every row of every table but some: {table: sorted rows}."""
    index = gald.index()
    try:
        # what a virtual table holds is in the tables behind it
        names = [name for name, in index.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                                 " AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'")]
        tables = {name: sorted((tuple(row) for row in index.execute(f'SELECT * FROM "{name}"')), key=repr)
                  for name in names if name not in without}
    finally:
        index.close()
    # the counters of the tables that are left out
    tables["sqlite_sequence"] = [row for row in tables.get("sqlite_sequence", []) if row[0] not in without]
    return tables


def differing(before, after):
    """The names of tables that differ between two dumps, each with some rows that do."""
    found = {}
    for name in before.keys() | after.keys():
        old, new = set(before.get(name, [])), set(after.get(name, []))
        if old != new:
            found[name] = [("-", row) for row in sorted(old - new, key=repr)[:3]] + \
                          [("+", row) for row in sorted(new - old, key=repr)[:3]]
    return found


#: columns of the views that tell when, not what
WHEN = ("created_at", "changed_at", "change_number")

#: columns that say again what others say, and that the JSON form does not have
DERIVED = ("search_name",)


def published(gald, view="contacts"):
    """What the views say: {id: everything about a contact (or group) but when it changed}."""
    key, addresses = ("contact_id", "contact_addresses") if view == "contacts" else ("group_id", "group_addresses")
    index = gald.index()
    try:
        index.execute("BEGIN")  # one picture
        found = {}
        for row in index.execute(f"SELECT * FROM {view}"):
            entry = {name: row[name] for name in row.keys() if name not in WHEN + DERIVED + ("id",)}
            entry["hidden"] = None if row["hidden"] is None else bool(row["hidden"])
            entry.update(addresses=[], phones=[], groups=[], records=[])
            found[row["id"]] = entry
        for row in index.execute(f"SELECT {key} AS id, * FROM {addresses}"):
            found[row["id"]]["addresses"].append((row["kind"], row["value"], bool(row["is_primary"])))
        for row in index.execute("SELECT * FROM contact_phones"):
            if view == "contacts":
                found[row["contact_id"]]["phones"].append(
                    (row["type"], row["raw"], row["e164"], row["extension"], row["kind"]))
        for row in index.execute("SELECT * FROM group_members"):
            if row["member_id"] in found:
                found[row["member_id"]]["groups"].append((row["group_id"], row["group_name"]))
        for row in index.execute("SELECT * FROM contact_records"):
            if row["contact_id"] in found:
                found[row["contact_id"]]["records"].append(
                    (row["connector"], row["connector_type"], row["anchor"], row["presence"],
                     row["joined_by"] or None))
    finally:
        index.close()
    for entry in found.values():
        if "custom_attributes" in entry:
            entry["custom_attributes"] = json.loads(entry["custom_attributes"])
        for name in ("addresses", "phones", "groups", "records"):
            entry[name].sort(key=repr)
    return found


def listed(gald, *arguments):
    """What `gald list --json` says, in the same form as published()."""
    done = gald.list(*arguments)
    if done.code != COMPLETE:
        raise AssertionError(f"gald list: exit code {done.code}\n{done.err}")
    found = {}
    for line in done.out.splitlines():
        contact = json.loads(line)
        if contact["id"] in found:
            raise AssertionError(f"gald list names {contact['id']} twice")
        found[contact["id"]] = from_json(contact)
    return found


def from_json(contact):
    """One contact object in the form of published()."""
    plain = {snake(name): value for name, value in contact.items()
             if name not in ("id", "postalAddress", "customAttributes", "origins", "changedAt", "changeNumber",
                             "history")}
    plain.update({snake(name): value for name, value in contact["postalAddress"].items()})
    plain["custom_attributes"] = contact["customAttributes"]
    plain["addresses"] = [(each["kind"], each["value"], each["primary"]) for each in contact["addresses"]]
    plain["phones"] = [(each["type"], each["raw"], each["e164"], each["extension"], each["kind"])
                       for each in contact["phones"]]
    plain["groups"] = [(each["id"], each["displayName"]) for each in contact["groups"]]
    plain["records"] = [(each["connector"], each["type"], each["anchor"], each["presence"], each["joinedBy"])
                        for each in contact["records"]]
    for name in ("addresses", "phones", "groups", "records"):
        plain[name].sort(key=repr)
    return plain


def snake(name):
    return re.sub("([A-Z])", lambda letter: "_" + letter.group(1).lower(), name)


def in_common(of, like):
    """The entries of `of` without the properties that `like` does not have."""
    names = set().union(*(entry.keys() for entry in like.values()))
    return {key: {name: value for name, value in entry.items() if name in names} for key, entry in of.items()}


def living(entries):
    """Those that are not deleted, without the records of what is gone: history, not content."""
    return {key: {**entry, "records": [record for record in entry["records"] if record[3] == "live"]}
            for key, entry in entries.items() if entry["status"] != "deleted"}


def by_anchor(entries, live_only=True):
    """{(connector, anchor): id of the contact or group}."""
    found = {}
    for key, entry in entries.items():
        for connector, _, anchor, presence, _ in entry["records"]:
            if presence == "live" or not live_only:
                if (connector, anchor) in found:
                    raise AssertionError(f"{connector} {anchor} stands behind two entries")
                found[connector, anchor] = key
    return found


def changes_of(gald, run):
    """{(id, operation, field, old, new, connector)} of a run, from the view; none may be there twice."""
    found = rows(gald, "SELECT contact_id, operation, field, old_value, new_value, connector FROM changes"
                       " WHERE run_id = ? ORDER BY number", run)
    if len(found) != len(set(found)):
        raise AssertionError(f"run {run} tells a change twice: {found}")
    return set(found)


def first_name_of(dn):
    """The value of the first RDN, in plain text."""
    return ldap.dn.str2dn(dn)[0][0][1]


def escaped_guid(guid):
    """A GUID as a search filter wants it."""
    return "".join(f"\\{byte:02x}" for byte in uuid.UUID(guid).bytes_le)


def moment(text):
    """A time as gald or the simulator writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def seconds(count):
    return timedelta(seconds=count)
