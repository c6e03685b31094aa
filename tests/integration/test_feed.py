#!/usr/bin/python3
"""A consumer of the feed and an auditor, with nothing but the commands: what they see is what the index is,
and was, while cycles are killed.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import time
from datetime import datetime, timezone

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

import shapes
from company import BAD_USAGE, COMPLETE, FAILED, main, rows
from lab import wait_until
from test_cloud import CloudTest, user

READ_EVERYTHING = 5
MANY = 4000
CYCLES = 8


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(contact):
    """A contact object without what the history does not tell."""
    contact = {name: value for name, value in contact.items() if name not in ("records", "origins")}
    for name in ("addresses", "phones"):
        contact[name] = [{**each, "connector": None} for each in contact[name]]
    return contact


class FeedTest(CloudTest):
    def setUp(self):
        super().setUp()
        self.gone = set()

    def lines(self, gald, *arguments, code=COMPLETE):
        done = gald.run(*arguments, "--json")
        self.assertEqual(done.code, code, done)
        return [json.loads(line) for line in done.out.splitlines()]

    def picture(self, gald, *arguments):
        """Everything that is listed, in its order."""
        return [told(contact) for kind in ((), ("--kind", "group"))
                for contact in self.lines(gald, "list", "--all", *kind, *arguments)]

    def follow(self, gald, copy, position, *limit):
        """Applies what there is to do, once, and returns the position behind it."""
        if position:
            done = gald.run("changes", "--since", position, "--compact", "--json", *limit)
        if not position or done.code == READ_EVERYTHING:
            copy.clear()
            done = gald.run("changes", "--snapshot", "--json")
        self.assertEqual(done.code, COMPLETE, done)
        *items, end = map(json.loads, done.out.splitlines())
        for item in items:
            copy.pop(item["id"], None)
            if item["action"] in ("put", "delete"):
                copy[item["id"]] = item["contact"]
                self.assertEqual(item["action"] == "delete", item["contact"]["status"] == "deleted")
        return end["position"], end["more"]

    def live(self, some):
        """A day in the tenant."""
        for number in some.sample(range(60), 8):
            identity = user(number)["id"]
            what = some.randrange(6)
            if identity in self.gone:
                self.tenant.restore(identity)
                self.gone.remove(identity)
            if what == 0:
                self.tenant.delete("users", identity)
                self.gone.add(identity)
                continue
            group = shapes.entra_id(f"group {some.randrange(3)}")
            if what == 1:
                self.tenant.members(group, **{some.choice(("add", "remove")): [("user", identity)]})
            else:
                self.tenant.put("users", identity, some.choice((
                    {"displayName": f"Somebody {some.randrange(9)}"}, {"jobTitle": f"Title {some.randrange(9)}"},
                    {"businessPhones": [f"+49 30 {some.randrange(99):07}"], "mobilePhone": "0171/5550100"},
                    {"accountEnabled": some.random() < 0.5}, {"country": some.choice(("Germany", None))})))
        if some.random() < 0.3:
            self.tenant.put("groups", shapes.entra_id("group 1"), {"displayName": f"Group {some.randrange(99)}"})

    def publish_and_die(self, gald):
        """A cycle that changes much, killed while it publishes. True: it was under way."""
        round_number = random.randrange(10 ** 6)
        self.tenant.bulk(users=({"id": user(number)["id"], "department": f"Department {round_number}"}
                                for number in range(60, MANY)))
        newest = rows(gald, "SELECT newest_position FROM feed")[0][0]
        self.another_process()
        process = self.start_sync(gald)
        wait_until(lambda: process.poll() is not None
                   or rows(gald, "SELECT newest_position FROM feed")[0][0] > newest, 120, "a change")
        process.send_signal(signal.SIGKILL)
        died = process.wait(10) == -signal.SIGKILL
        return died and rows(gald, "SELECT newest_position FROM feed")[0][0] < newest + MANY - 60


class Feed(FeedTest):
    def test_consumer_and_auditor_see_what_there_is_and_was(self):
        some = random.Random(5)
        self.tenant.bulk(users=[user(number, country="Germany") for number in range(MANY)],
                         groups=[shapes.group(shapes.entra_id(f"group {number}"), displayName=f"Group {number}",
                                              members=[("user", user(each)["id"]) for each in range(5)])
                                 for number in range(3)])
        gald = self.gald(changes={"guard": {"deletes": 100_000, "percent": 100},
                                  "labels": {"VIP": ["Group 1", "Group 2"]}})
        self.sync(gald)
        copy, position, pictures, died = {}, None, [], 0
        for cycle in range(CYCLES):
            self.live(some)
            if cycle % 2:
                died += self.publish_and_die(gald)
            else:
                self.sync(gald)
            pictures.append((now(), self.picture(gald)))
            time.sleep(0.01)
            position, _ = self.follow(gald, copy, position, *(("--limit", "50") if cycle == 3 else ()))
        self.assertGreater(died, 0, "no cycle was killed in the middle of its publication")
        self.sync(gald)
        more = True
        while more:
            position, more = self.follow(gald, copy, position, "--limit", "700")
        present = self.picture(gald)
        self.assertEqual(copy, {contact["id"]: contact for contact in present})
        self.assertEqual(rows(gald, "PRAGMA integrity_check"), [("ok",)])

        for at, picture in pictures:
            self.assertEqual(self.picture(gald, "--at", at), picture, at)
        at, picture = pictures[2]
        for contact in some.sample(picture, 5):
            for what in (contact["id"], contact["mail"] or contact["id"]):
                self.assertEqual(self.lines(gald, "show", what, "--at", at), [contact])
        before, after = own(picture), own(present)
        self.assertEqual({line["id"] for line in self.lines(gald, "diff", at, now())},
                         {identity for identity in after if after[identity] != before.get(identity)})
        for identity in some.sample(sorted(after), 5):
            self.assertEqual(self.lines(gald, "history", identity)[::-1],
                             [line for line in self.lines(gald, "changes", "--since", "0")
                              if line.get("id") == identity])

    def test_positions_that_are_none_any_more(self):
        self.tenant.bulk(users=[user(number) for number in range(3)])
        gald = self.gald(changes={"retention": {"history": "1d"}})
        self.sync(gald)
        position = self.lines(gald, "changes", "--snapshot")[-1]["position"]
        feed, number = position.split(".")
        self.assertEqual(self.lines(gald, "changes", "--since", position), [{"position": position, "more": False}])
        self.assertEqual(len(self.lines(gald, "changes", "--since", "0")), int(number) + 1)

        self.tenant.put("users", user(1)["id"], {"jobTitle": "Another"})
        self.sync(gald)
        self.assertEqual([(line["field"], line["newValue"]) for line in self.lines(gald, "changes", "--since", position)
                          if "field" in line], [("jobTitle", "Another")])
        for wrong in (f"{feed}.9999", f"0123456789abcdef.{number}", "9999"):
            done = gald.run("changes", "--since", wrong, "--compact", "--json")
            self.assertEqual((done.code, done.out), (READ_EVERYTHING, ""), done)
            self.assertIn("read everything", done.err)

        # two days later
        writer = sqlite3.connect(gald.index_path)
        with writer:
            writer.execute("UPDATE change SET at = '2026-01-01T10:00:00.000Z' WHERE number <= ?", (int(number),))
        writer.close()
        self.sync(gald)
        self.assertEqual(rows(gald, "SELECT oldest_position, complete_since FROM feed"),
                         [(int(number), "2026-01-01T10:00:00.000Z")])
        done = gald.run("changes", "--since", f"{feed}.{int(number) - 1}", "--json")
        self.assertEqual((done.code, done.out), (READ_EVERYTHING, ""))
        self.assertEqual(len(self.lines(gald, "changes", "--since", position, "--compact")), 2)

        done = gald.run("list", "--at", "2025-11-01")
        self.assertEqual((done.code, done.out), (FAILED, ""))
        self.assertIn("2026-01-01T10:00:00.000Z", done.err)
        history = json.loads(gald.status("--json").out)["history"]
        self.assertEqual((history["changes"], history["completeSince"]), (1, "2026-01-01T10:00:00.000Z"))
        for wrong in (("list", "--at", "last week"), ("diff", "17"), ("changes", "--compact"),
                      ("changes", "--since", "x"), ("list", "--at", "2999-01-01")):
            done = gald.run(*wrong)
            self.assertEqual((done.code, done.out), (BAD_USAGE, ""), done)


def own(picture):
    """What is told of each, without what others are called and when it was told: {id: ...}."""
    return {contact["id"]: {**contact, "groups": {group["id"] for group in contact["groups"]}, "labels": None,
                            "changedAt": None, "changeNumber": None} for contact in picture}


if __name__ == "__main__":
    main()
