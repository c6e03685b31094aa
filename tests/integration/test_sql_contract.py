#!/usr/bin/python3
"""The views of an index that gald made give what docs/sql.md says, and can be read while it writes.

The reader is what a consumer has: Python's sqlite3 and the file.
"""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lint"))

import sql_contract
from company import main
from lab import Gald, Tenant

#: what cannot be asked for all that there is
QUESTIONS = {"contact_search": "SELECT * FROM contact_search WHERE words MATCH 'person'"}

TYPES = {"text": str, "integer": int, "real": float}
READERS = 4


def identity(number):
    return str(uuid.UUID(int=number + 1, version=4))


def user(number, **more):
    return {"id": identity(number), "displayName": f"Person {number:06}", "givenName": "Person",
            "surname": f"{number:06}", "userPrincipalName": f"p{number}@contoso.test", "mail": f"p{number}@contoso.test",
            "mailNickname": f"p{number}", "accountEnabled": True, "companyName": "Contoso", "jobTitle": "Engineer",
            "proxyAddresses": [f"SMTP:p{number}@contoso.test", f"smtp:person.{number}@contoso.test"],
            "businessPhones": [f"+49 89 {number:07}"], "userType": "Member", **more}


def contact(number, **more):
    mail = f"c{number}@fabrikam.test"
    return {"id": identity(number), "displayName": f"Contact {number}", "mail": mail, "mailNickname": f"c{number}",
            "proxyAddresses": ["SMTP:" + mail], "phones": [{"type": "business", "number": "x4711"}], **more}


def group(number, members, **more):
    return {"id": identity(number), "displayName": f"Group {number}", "mail": f"g{number}@contoso.test",
            "mailNickname": f"g{number}", "mailEnabled": True, "securityEnabled": False, "groupTypes": [],
            "proxyAddresses": [f"SMTP:g{number}@contoso.test"],
            "members": [{"type": "user", "id": identity(member)} for member in members], **more}


def opened(gald):
    return sqlite3.connect(f"file:{gald.index_path}?mode=ro", uri=True, isolation_level=None)


class SqlContract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="gald-contract-")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.tenant = Tenant(os.path.join(cls.place, "tenant")).start()
        cls.addClassCleanup(cls.tenant.stop)
        cls.tenant.bulk(
            users=[*map(user, range(20)), user(20, accountEnabled=False),
                   user(21, onPremisesImmutableId="AQIDBAUGBwgJCgsMDQ4PEA==", onPremisesSyncEnabled=True),
                   user(22, onPremisesImmutableId="AQIDBAUGBwgJCgsMDQ4PEA==", onPremisesSyncEnabled=True)],
            contacts=[contact(100), contact(101, mail="p0@contoso.test", proxyAddresses=["SMTP:p0@contoso.test"]),
                      contact(102), contact(103)],
            groups=[group(200, range(10)), group(201, range(3))])
        cls.gald = Gald(os.path.join(cls.place, "gald"), tenant=cls.tenant,
                        changes={"labels": {"VIP": ["Group 201"]}, "connector.entra": {"region": "DE"}})
        cls.sync()
        cls.tenant.bulk(users=[user(1, jobTitle="Manager", proxyAddresses=["SMTP:p1@contoso.test"])])
        cls.tenant.delete("contacts", identity(102))
        cls.sync()
        # what a source says makes this only after a longer story
        with sqlite3.connect(cls.gald.index_path) as index:
            index.execute("UPDATE entry SET status_code = 2, forward_to ="
                          " (SELECT uuid FROM entry WHERE display_name = 'Contact 100')"
                          " WHERE display_name = 'Contact 103'")
        index.close()
        cls.views = sql_contract.documented()

    @classmethod
    def sync(cls):
        done = cls.gald.sync()
        if done.code != 0:
            raise AssertionError(done)

    def test_every_view_gives_what_is_documented(self):
        index = opened(self.gald)
        self.addCleanup(index.close)
        for name, view in self.views.items():
            columns = {column.name: column for column in view.columns}
            cursor = index.execute(QUESTIONS.get(name, f"SELECT * FROM {name}"))
            given = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            self.assertGreater(len(rows), 0, f"{name}: no row, so nothing was looked at")
            wrong = {f"{name}.{column} gives {value!r}" for row in rows for column, value in zip(given, row)
                     if columns[column].type != "none" and not (columns[column].null == "yes" if value is None
                             else isinstance(value, TYPES[columns[column].type]))}
            self.assertEqual(wrong, set())

    def test_every_example_runs(self):
        index = opened(self.gald)
        self.addCleanup(index.close)
        for name, view in self.views.items():
            for example in view.examples:
                with self.subTest(name, example=example):
                    index.execute(example).fetchall()

    def test_lookups_of_consumers_use_an_index(self):
        index = opened(self.gald)
        self.addCleanup(index.close)
        for sql in ("SELECT * FROM contacts WHERE id = ''", "SELECT * FROM contact_addresses WHERE folded = ''",
                    "SELECT * FROM contact_phones WHERE e164 = ''", "SELECT * FROM former_addresses WHERE folded = ''",
                    "SELECT * FROM contact_addresses WHERE contact_id = ''",
                    "SELECT * FROM changes WHERE number > 7 LIMIT 10"):
            steps = [step[3] for step in index.execute("EXPLAIN QUERY PLAN " + sql)]
            # what a view itself gives is gone through, of course
            scans = [step for step in steps if step.startswith("SCAN") and step.split()[1] not in self.views]
            self.assertEqual(scans, [], f"{sql}: {steps}")

    def test_readers_see_one_picture_while_gald_writes(self):
        """Each transaction of a reader is consistent in itself, and none fails or waits for long."""
        self.tenant.bulk(users=[user(number) for number in range(1000, 9000)])
        errors, reads, longest, stop = [], [0] * READERS, [0.0] * READERS, threading.Event()

        def read(reader):
            index = opened(self.gald)
            try:
                while not stop.is_set():
                    start = time.monotonic()
                    index.execute("BEGIN")
                    known = index.execute("SELECT count(*) FROM contacts WHERE kind = 'user'").fetchone()[0]
                    told = index.execute("SELECT count FROM overview WHERE topic = 'kind' AND name = 'user'").fetchone()[0]
                    halves = index.execute(
                        "SELECT count(*) FROM contacts c WHERE kind = 'user' AND NOT EXISTS"
                        " (SELECT 1 FROM contact_addresses a WHERE a.contact_id = c.id)").fetchone()[0]
                    newest = index.execute("SELECT max(change_number) FROM contacts").fetchone()[0]
                    last = index.execute("SELECT max(number) FROM changes").fetchone()[0]
                    index.execute("COMMIT")
                    longest[reader] = max(longest[reader], time.monotonic() - start)
                    reads[reader] += 1
                    if known != told or halves or newest > last:
                        errors.append((known, told, halves, newest, last))
            except sqlite3.Error as error:
                errors.append(error)
            finally:
                index.close()

        threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
        for thread in threads:
            thread.start()
        done = subprocess.run([self.gald.binary, "--config", self.gald.config, "sync", "--quiet"], check=False)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual((done.returncode, errors), (0, []))
        self.assertGreater(min(reads), 2)
        print(f"{sum(reads)} reads beside a sync of 8,000, the longest {max(longest):.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
