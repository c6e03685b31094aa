#!/usr/bin/python3
"""docs/sql.md, the views and the versions of the contract must agree: every view is documented with its
columns, their types and whether they may be NULL; every view has an example, and the examples run; and no
view changes without a new version. The views are taken from the source of the schema, so that no index is
needed; tests/integration/test_sql_contract.py compares the page with what they give.

sql_contract.txt says what each version promised: a line for each column. What a version that was delivered
promised is not edited any more.
"""

import re
import sqlite3
import sys
import unittest

import sql_contract
from sql_contract import REPOSITORY


def empty_index():
    database = sqlite3.connect(":memory:")
    source = (REPOSITORY / "lib/index/schema.cpp").read_text(encoding="utf-8")
    for sql in re.findall(r'R"sql\((.*?)\)sql"', source, re.DOTALL):
        database.executescript(sql)
    return database


def promised():
    """{version: its lines}."""
    versions = {}
    for line in (REPOSITORY / "tests/lint/sql_contract.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("version "):
            lines = versions.setdefault(int(line.split()[1]), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return versions


class SqlContract(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.database = empty_index()
        self.views = sql_contract.documented()
        self.version = self.database.execute("SELECT version FROM contract").fetchone()[0]

    def test_every_view_and_column_is_documented(self):
        actual = {name: [column for _, column, *_ in self.database.execute(f"PRAGMA table_info({name})")]
                  for name, in self.database.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
        self.assertEqual(set(actual), set(self.views))
        for name, view in self.views.items():
            self.assertCountEqual(actual[name], [column.name for column in view.columns], name)

    def test_types_and_nulls_are_said(self):
        for name, view in self.views.items():
            for column in view.columns:
                self.assertIn(column.type, ("text", "integer", "real", "none"), f"{name}.{column.name}")
                self.assertIn(column.null, ("yes", "no"), f"{name}.{column.name}")

    def test_every_view_has_an_example_that_runs(self):
        for name, view in self.views.items():
            self.assertTrue(any(re.search(rf"\b{name}\b", example) for example in view.examples), name)
            for example in view.examples:
                with self.subTest(example):
                    self.database.execute(example).fetchall()

    def test_the_page_tells_the_version(self):
        self.assertIn(f"the version of this contract: **{self.version}**", sql_contract.page())
        self.assertRegex(sql_contract.page(), rf"(?m)^\| {self.version} \| ")

    def test_no_view_changes_without_a_new_version(self):
        versions = promised()
        self.assertEqual(max(versions), self.version)
        self.assertEqual(list(versions), list(range(1, self.version + 1)))
        now = sorted(f"{name}.{column.name} {column.type}{' null' if column.null == 'yes' else ''}"
                     for name, view in self.views.items() for column in view.columns)
        self.assertEqual(
            now, versions[self.version],
            f"the views are not what version {self.version} promised. If it was delivered, this is a new version:"
            " count it up in the view `contract` (lib/index/schema.cpp) and kContractVersion, say in docs/sql.md"
            " what came and what went, and add it to tests/lint/sql_contract.txt with these lines.")


if __name__ == "__main__":
    sys.argv[0] = __file__
    unittest.main()
