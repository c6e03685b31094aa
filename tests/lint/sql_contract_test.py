#!/usr/bin/python3
"""docs/sql.md and the views must agree: every view is documented, every column of it is named there, and
the examples run. The views are taken from the source of the schema, so that no index is needed.
"""

import pathlib
import re
import sqlite3
import sys
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def empty_index():
    source = (REPOSITORY / "lib/index/schema.cpp").read_text(encoding="utf-8")
    database = sqlite3.connect(":memory:")
    for sql in re.findall(r'R"sql\((.*?)\)sql"', source, re.DOTALL):
        database.executescript(sql)
    return database


class SqlContract(unittest.TestCase):
    def setUp(self):
        self.database = empty_index()
        self.text = (REPOSITORY / "docs/sql.md").read_text(encoding="utf-8")
        self.views = [name for name, in self.database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")]

    def test_every_view_and_column_is_documented(self):
        missing = []
        for view in self.views:
            if not re.search(rf"\b{view}\b", self.text):
                missing.append(view)
            cursor = self.database.execute(f"SELECT * FROM {view} LIMIT 0")
            missing += [f"{view}.{column[0]}" for column in cursor.description
                        if not re.search(rf"`{column[0]}`|SELECT {column[0]} FROM {view}", self.text)]
        self.assertEqual(missing, [])

    def test_the_examples_run(self):
        examples = re.findall(r"(?m)^    (?:--.*\n    )?((?:SELECT|WITH)[\s\S]*?;)$", self.text)
        self.assertGreaterEqual(len(examples), 8)
        for example in examples:
            with self.subTest(example):
                self.database.execute(example).fetchall()

    def test_the_contract_has_the_documented_version(self):
        version = self.database.execute("SELECT version FROM contract").fetchone()[0]
        self.assertIn(f"the version of this contract: **{version}**", self.text)


if __name__ == "__main__":
    sys.argv[0] = __file__
    unittest.main()
