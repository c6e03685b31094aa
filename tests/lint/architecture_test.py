#!/usr/bin/python3
"""Reads the table of rooms in docs/architecture.md and fails on an #include that it forbids.

Also: Boost only in lib/net, <ldap.h> and <lber.h> only in lib/ad, nlohmann/json in no header, and no
_WIN32 in lib. Whoever needs an exception changes the table, where everybody sees it.
"""

import pathlib
import re
import sys
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def rooms():
    """{"lib/base": {"lib/base"}, "lib/model": {"lib/model", "lib/base"}, ...} from the table: its first
    column names the room, its third what the room may include, both in backticks."""
    table = {}
    for line in (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or not re.fullmatch(r"`(lib/\w+|daemon)`", cells[1]):
            continue
        room = cells[1].strip("`")
        table[room] = {room, *re.findall(r"`((?:lib/|sync/)[\w./]+|lib)`", cells[3])}
    return table


def sources():
    for folder in ("lib", "daemon"):
        yield from sorted((REPOSITORY / folder).rglob("*.[ch]pp"))


def room_of(path):
    parts = path.relative_to(REPOSITORY).parts
    return "daemon" if parts[0] == "daemon" else "/".join(parts[:2])


def violations(room, path_name, text, allowed, known):
    """What in the text of a file of this room is forbidden, as sentences."""
    found = []
    for bracket, name in INCLUDE.findall(text):
        where = f"{path_name}: #include {name}"
        if bracket == "<":
            if name.startswith("boost/") and room != "lib/net":
                found.append(f"{where}: Boost stays in lib/net")
            if name in ("ldap.h", "lber.h") and room != "lib/ad":
                found.append(f"{where}: libldap stays in lib/ad")
            if name.startswith("nlohmann/") and path_name.endswith(".hpp"):
                found.append(f"{where}: JSON stays out of headers")
            continue
        target = "lib/" + name.split("/")[0]
        if target not in known:
            continue  # a header of the file's own folder
        if "lib" in allowed or target in allowed or name in allowed:
            continue
        found.append(f"{where}: {room} may not include {target} (docs/architecture.md, table of rooms)")
    if room.startswith("lib/") and "_WIN32" in text:
        found.append(f"{path_name}: _WIN32: platform code lives in daemon/")
    return found


class Architecture(unittest.TestCase):
    def test_every_room_is_in_the_table(self):
        self.assertEqual({room_of(path) for path in sources()} - set(rooms()), set())

    def test_no_forbidden_include(self):
        table = rooms()
        found = []
        for path in sources():
            found += violations(room_of(path), str(path.relative_to(REPOSITORY)),
                                path.read_text(encoding="utf-8"), table.get(room_of(path), set()), set(table))
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_the_check_can_fail(self):
        table = rooms()

        def of(room, name, text):
            return violations(room, name, text, table[room], set(table))

        self.assertTrue(of("lib/model", "lib/model/x.cpp", '#include "index/index.hpp"\n'))
        self.assertTrue(of("lib/reconcile", "lib/reconcile/x.cpp", '#include "net/http_client.hpp"\n'))
        self.assertTrue(of("lib/ad", "lib/ad/x.cpp", '#include "sync/cycle.hpp"\n'))
        self.assertFalse(of("lib/ad", "lib/ad/x.cpp", '#include "sync/connector.hpp"\n'))
        self.assertTrue(of("lib/cloud", "lib/cloud/x.cpp", "#include <boost/asio.hpp>\n"))
        self.assertTrue(of("lib/net", "lib/net/x.cpp", "#  include <ldap.h>\n"))
        self.assertTrue(of("lib/index", "lib/index/x.hpp", "#include <nlohmann/json.hpp>\n"))
        self.assertTrue(of("lib/base", "lib/base/x.cpp", "#ifdef _WIN32\n"))


if __name__ == "__main__":
    sys.argv[0] = __file__
    unittest.main()
