#!/usr/bin/python3
"""A consumer with curl and jq keeps a copy of the index while cycles change it, is killed, misses a restart of
gald and a feed that begins anew, and ends with what the index is.
"""

import json
import os
import random
import signal
import subprocess
import time

from company import COMPLETE, main, rows  # which finds the lab
import shapes
from lab import wait_until
from rest import Service
from test_cloud import user
from test_feed import FeedTest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rest_consumer.sh")
PEOPLE = 300
ROUNDS = 12


class Consumer(FeedTest):
    def setUp(self):
        super().setUp()
        self.some = random.Random(11)
        self.tenant.bulk(users=[user(number, country="Germany") for number in range(PEOPLE)],
                         groups=[shapes.group(shapes.entra_id(f"group {number}"), displayName=f"Group {number}",
                                              members=[("user", user(each)["id"]) for each in range(5)])
                                 for number in range(3)])
        self.alone = self.gald({"guard": {"deletes": 100_000, "percent": 100}, "labels": {"VIP": ["Group 1"]},
                                "schedule": {"interval": "1s", "jitter": "0s"}})
        self.service = Service(self.alone, requests_per_minute=100_000)
        self.copy = os.path.join(self.directory, "copy.json")
        self.header = os.path.join(self.directory, "header")
        self.process = None
        self.addCleanup(self.kill)

    def start(self):
        with open(os.path.join(self.directory, "consumer.log"), "ab") as log:
            self.process = subprocess.Popen([SCRIPT, f"http://127.0.0.1:{self.service.port}", self.header, self.copy],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        if self.process:
            self.assertIsNone(self.process.poll(), "the consumer gave up: " + self.told_by_it())
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def told_by_it(self):
        with open(os.path.join(self.directory, "consumer.log"), encoding="utf-8") as file:
            return file.read()

    def kept(self):
        if not os.path.exists(self.copy):
            return {"contacts": {}, "position": None}
        with open(self.copy, encoding="utf-8") as file:
            return json.load(file)

    def index(self):
        return {contact["id"]: contact for contact in self.picture(self.alone)}

    def newest(self):
        return rows(self.alone, "SELECT newest_position FROM feed")[0][0]

    def assertEndsEqual(self):
        """Once nothing changes any more."""
        def ended():
            return rows(self.alone, "SELECT coalesce(max(id), 0) FROM runs WHERE ended_at IS NOT NULL")[0][0]

        def quiet():
            before, run = self.newest(), ended()
            wait_until(lambda: ended() > run + 1, 60, "a cycle that begins after the last change")
            return before == self.newest()
        wait_until(quiet, 120, "quiet cycles")
        self.assertIsNone(self.process.poll(), "the consumer gave up: " + self.told_by_it())
        position = self.newest()
        wait_until(lambda: int((self.kept()["position"] or ".0").partition(".")[2]) >= position, 60,
                   f"the consumer at {position}: " + self.told_by_it()[-500:])
        self.assertEqual(self.kept()["contacts"], self.index())

    def test_it_ends_with_what_the_index_is(self):
        self.service.start()
        self.addCleanup(self.alone.stop)
        with open(os.open(self.header, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(f"Authorization: Bearer {self.service.token('consumer')}\n")
        wait_until(lambda: self.service.ask("GET", "/readyz").status == 200, 60, "a first publication")
        self.start()
        wait_until(lambda: len(self.kept()["contacts"]) >= PEOPLE, 30, "a first copy")
        for number in range(ROUNDS):
            self.live(self.some)
            before = self.newest()
            wait_until(lambda: self.newest() > before, 60, "a publication")
            if number % 3 == 1:
                time.sleep(self.some.random() * 0.3)
                self.kill()
                self.kept()  # whole, whenever it was killed
                self.start()
            if number == 5:
                self.assertEqual(self.alone.stop(), COMPLETE)
                self.another_process()
                self.service.start()
        self.assertEndsEqual()
        self.assertEqual(self.told_by_it().count("a snapshot of"), 1, "the feed was enough: " + self.told_by_it())
        self.begin_anew()

    def begin_anew(self):
        """An index that is made anew has another feed: the consumer is told, and reads everything."""
        self.assertEqual(self.alone.stop(), COMPLETE)
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.alone.index_path + suffix):
                os.remove(self.alone.index_path + suffix)
        self.tenant.put("users", user(100)["id"], {"displayName": "Made anew"})
        self.another_process()
        self.service.start()
        wait_until(lambda: self.service.ask("GET", "/readyz").status == 200, 60, "a first publication")
        wait_until(lambda: self.told_by_it().count("a snapshot of") == 2, 60, "a second snapshot")
        self.assertEndsEqual()


if __name__ == "__main__":
    main()
