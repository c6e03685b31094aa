"""What docs/sql.md says, for the tests that compare it with the views."""

import pathlib
import re
from typing import NamedTuple

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Column(NamedTuple):
    name: str
    type: str  # "text", "integer", "real"; "none": it has no value to read
    null: str  # "yes", "no"


class View(NamedTuple):
    columns: list
    examples: list


def page():
    return (REPOSITORY / "docs/sql.md").read_text(encoding="utf-8")


def documented():
    """{name: View} of every section that has a table of columns."""
    views = {}
    for section in re.split(r"(?m)^## ", page())[1:]:
        name, _, text = section.partition("\n")
        table = re.search(r"(?m)^\| column \| type \| null \| meaning \|\n\|[-|]*\|\n((?:\|.*\n)+)", text)
        if table:
            views[name] = View([column for row in table.group(1).splitlines() for column in columns_of(row)],
                               re.findall(r"(?m)^    (?:--.*\n    )?((?:SELECT|WITH)[\s\S]*?;)$", text))
    return views


def columns_of(row):
    """A row tells of one column, or of several with one type for all or one for each."""
    names, types, nulls = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:4])
    names = re.findall(r"`(\w+)`", names)
    types, nulls = (cell.split(", ") for cell in (types, nulls))
    each = lambda values: values * len(names) if len(values) == 1 else values
    return [Column(*column) for column in zip(names, each(types), each(nulls), strict=True)]
