#!/usr/bin/python3
"""The file of the index: backups, readers of another account, a disk that is full or read-only, damage.

The tenant alone, without a directory. Without the right to mount, the tests of disks are skipped.
"""

import grp
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import time

from company import BAD_CONFIGURATION, BAD_USAGE, COMPLETE, FAILED, main, rows
from lab import wait_until
from test_cloud import CloudTest, user

PEOPLE = 1500
PAGE = 4096
NOBODY = 65534


def content(gald):
    """Everybody with id, addresses and phones."""
    return sorted(rows(gald, "SELECT c.id, c.display_name, c.job_title, c.status,"
                             " (SELECT group_concat(value) FROM contact_addresses a WHERE a.contact_id = c.id),"
                             " (SELECT group_concat(e164) FROM contact_phones p WHERE p.contact_id = c.id)"
                             " FROM contacts c"))


class CareTest(CloudTest):
    def setUp(self):
        super().setUp()
        self.tenant.bulk(users=map(user, range(PEOPLE)))
        os.chmod(self.directory, 0o755)

    def assertNoViolations(self):
        """Here many processes come and go, each of which needs a token of its own."""
        self.assertEqual([seen for seen in self.tenant._call("GET", "/violations")
                          if seen["kind"] != "token-not-cached"], [])

    def run_sync(self, gald, code):
        done = gald.sync("--json")
        self.assertEqual(done.code, code, done)
        return json.loads(done.out) if done.out else None, done.err

    def promote(self, title, numbers=range(PEOPLE)):
        self.tenant.bulk(users=[user(number, jobTitle=title) for number in numbers])

    def log_of(self, gald):
        with open(os.path.join(gald.directory, "gald.log"), encoding="utf-8") as log:
            return log.read()


class Backup(CareTest):
    def test_while_cycles_run(self):
        gald = self.gald({"schedule": {"interval": "1s", "jitter": "0s"}})
        gald.start()
        self.addCleanup(gald.stop)
        wait_until(lambda: "outcome=complete" in self.log_of(gald), 60, "a first publication")
        copy = os.path.join(self.directory, "backup.db")
        for number in range(5):
            self.promote(f"Title {number}", range(0, PEOPLE, 10))
            done = gald.run("backup", copy, "--json")
            self.assertEqual((done.code, done.err), (COMPLETE, ""), done)
            told = json.loads(done.out)
            self.assertEqual(told["bytes"], os.path.getsize(copy))
            self.assertEqual(stat.S_IMODE(os.stat(copy).st_mode), 0o640)
            index = sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)
            self.assertEqual(index.execute("SELECT count(*), (SELECT max(number) FROM changes) FROM contacts").fetchone(),
                             (PEOPLE, told["lastChange"]))
            index.close()
        self.assertEqual([name for name in os.listdir(self.directory) if "partial" in name], [])
        self.assertNotRegex(self.log_of(gald), "outcome=(partial|failed)")

    def test_what_it_says_to_a_mistake(self):
        gald = self.gald()
        missing = gald.run("backup", os.path.join(self.directory, "backup.db"))
        self.assertEqual(missing.code, FAILED)
        self.assertIn("there is no index yet", missing.err)
        self.run_sync(gald, COMPLETE)
        for arguments, code, says in (((), BAD_USAGE, "file is required"), ((self.directory,), FAILED, "is a folder"),
                                      ((gald.index_path,), FAILED, "is the index itself"),
                                      ((gald.config,), FAILED, "no gald index; remove it or name another file")):
            done = gald.run("backup", *arguments)
            self.assertEqual((done.code, done.out), (code, ""), done)
            self.assertIn(says, done.err)
            self.assertNotIn("\n", done.err.strip().replace("\nTry: gald --help", ""))

    def test_an_old_one_catches_up(self):
        """With a link that still holds, and with one that is too old."""
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        copy = os.path.join(self.directory, "backup.db")
        self.assertEqual(gald.run("backup", copy).code, COMPLETE)
        self.promote("Manager", range(100))
        self.tenant.delete("users", user(101)["id"])
        self.run_sync(gald, COMPLETE)
        expected = content(gald)
        for expired in (False, True):
            for suffix in ("", "-wal", "-shm"):
                os.remove(gald.index_path + suffix)
            shutil.copy(copy, gald.index_path)
            if expired:
                self.tenant.expire("users", "410")
            report, _ = self.run_sync(gald, COMPLETE)
            read = {one["collection"]: one for one in report["collections"] if one["connector"] == "entra"}["users"]
            self.assertEqual(read["round"], "full" if expired else "changes")
            self.assertEqual(content(gald), expected)


class Group(CareTest):
    """Consumers of a group may read, others not."""

    GROUP = "games"

    def as_reader(self, gald, group, sql="SELECT count(*) FROM contacts"):
        program = ("import sqlite3, sys; i = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True);"
                   " print(i.execute(sys.argv[2]).fetchone()[0])")
        return subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups", "--no-new-privs",
                               "/usr/bin/python3", "-c", program, gald.index_path, sql],
                              capture_output=True, text=True, check=False, cwd="/")

    def assertReadable(self, gald):
        read = self.as_reader(gald, grp.getgrnam(self.GROUP).gr_gid)
        self.assertEqual((read.returncode, read.stdout.strip()), (0, str(PEOPLE)), read)
        read = self.as_reader(gald, NOBODY)
        self.assertNotEqual(read.returncode, 0)

    def test_its_members_may_read(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)  # from before the group was configured
        gald.configure({"index": {"group": self.GROUP}})
        os.chmod(gald.directory, 0o711)
        self.run_sync(gald, COMPLETE)
        for suffix in ("", "-wal", "-shm"):
            state = os.stat(gald.index_path + suffix)
            self.assertEqual((stat.S_IMODE(state.st_mode), state.st_gid),
                             (0o640, grp.getgrnam(self.GROUP).gr_gid), suffix)
        self.assertReadable(gald)  # no writer, an empty log
        self.promote("Manager")
        process = self.start_sync(gald)
        wait_until(lambda: os.path.getsize(gald.index_path + "-wal") > 100000, 60, "a part of a cycle")
        self.assertReadable(gald)  # beside a writer
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertReadable(gald)  # no writer, and a log that it left

    def test_a_group_that_is_not_there(self):
        gald = self.gald({"index": {"group": "gald-raeders"}})
        done = gald.sync()
        self.assertEqual(done.code, BAD_CONFIGURATION)
        self.assertRegex(done.err, r'gald\.toml:\d+: index\.group: there is no group "gald-raeders"')
        self.assertFalse(os.path.exists(gald.index_path))

    def test_a_group_that_gald_is_not_in(self):
        gald = self.gald({"index": {"group": self.GROUP}})
        os.chown(gald.directory, NOBODY, NOBODY)
        for place in (gald.config, *self.tenant.about.values()):
            if os.path.isfile(str(place)):
                os.chown(place, NOBODY, NOBODY)
        gald.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        os.chmod(self.tenant.directory, 0o755)
        done = gald.sync()
        self.assertEqual(done.code, FAILED, done)
        self.assertIn("cannot be given to the group games: Operation not permitted; the account that gald runs as must"
                      " be a member of it", done.err)
        self.assertEqual(len(done.err.strip().splitlines()), 1, done.err)
        checked = gald.check()
        self.assertEqual(checked.code, FAILED)
        self.assertIn("index.group: this account is no member of the group games", checked.out)


class Disk(CareTest):
    """An index on a disk of its own, which can be small or read-only."""

    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.directory, "disk")
        os.mkdir(self.disk)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", self.disk], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"a disk for the test cannot be mounted: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def gald(self, changes=None, exchange=False):
        gald = super().gald(changes, exchange)
        gald.index_path = os.path.join(self.disk, f"gald-{self.number}.db")
        gald.configure({"index": {"path": gald.index_path}})
        return gald

    def leave(self, room):
        """Fill the disk but for so many bytes."""
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb"):
            pass
        free = os.statvfs(self.disk).f_bavail * os.statvfs(self.disk).f_frsize
        with open(ballast, "wb") as file:
            file.write(bytes(max(0, free - room)))
            file.flush()

    def free(self):
        os.remove(os.path.join(self.disk, "ballast"))

    def assertSaid(self, gald, text, words):
        lines = [line for line in text.splitlines() if line]
        self.assertTrue(lines)
        self.assertTrue(any(gald.index_path in line and words in line for line in lines), text)

    def test_full(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        other = self.gald()
        self.run_sync(other, COMPLETE)
        dice = random.Random(4711)
        failed = 0
        for attempt in range(12):
            self.promote(f"Title of {attempt}")
            self.run_sync(other, COMPLETE)
            self.leave(dice.randrange(0, 3 << 20))
            done = gald.sync()
            if done.code != COMPLETE:
                failed += 1
                self.assertEqual(done.code, FAILED, done)
                self.assertSaid(gald, done.out + done.err, "full")
                self.assertNotRegex(done.err + done.out, "(?i)terminate|exception|assert|std::")
                self.assertEqual(rows(gald, "PRAGMA quick_check"), [("ok",)])
                self.assertEqual(gald.status().code, COMPLETE)
            self.free()
            self.run_sync(gald, COMPLETE)
            self.assertEqual(content(gald), content(other), attempt)
        self.assertGreater(failed, 3)

    def test_a_first_import(self):
        other = self.gald()
        self.run_sync(other, COMPLETE)
        for room in (0, 100_000, 500_000, 1_500_000, 2_500_000):
            gald = self.gald()
            self.leave(room)
            done = gald.sync()
            self.assertEqual(done.code, FAILED, done)
            self.assertSaid(gald, done.out + done.err, "full")
            self.free()
            self.run_sync(gald, COMPLETE)
            self.assertEqual(content(gald), content(other), room)
            for suffix in ("", "-wal", "-shm"):
                os.remove(gald.index_path + suffix)

    def test_the_service_goes_on_without_a_restart(self):
        gald = self.gald({"schedule": {"interval": "1s", "jitter": "0s"}})
        gald.start()
        self.addCleanup(gald.stop)
        wait_until(lambda: "outcome=complete" in self.log_of(gald), 60, "a first cycle")
        self.leave(0)
        self.promote("Manager")
        wait_until(lambda: "full" in self.log_of(gald), 60, "a cycle that fails")
        self.free()
        wait_until(lambda: rows(gald, "SELECT count(*) FROM contacts WHERE job_title = 'Manager'") == [(PEOPLE,)], 60,
                   "a cycle that goes on")
        self.assertIsNone(gald.daemon.poll())

    def test_read_only(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        before = content(gald)
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        done = gald.sync()
        self.assertEqual(done.code, FAILED, done)
        self.assertSaid(gald, done.out + done.err, "Read-only file system")
        self.assertEqual(gald.list().out.count("\n"), PEOPLE)
        self.assertEqual(gald.status().code, COMPLETE)
        subprocess.run(["mount", "-o", "remount,rw", self.disk], check=True)
        self.promote("Manager", [7])
        self.run_sync(gald, COMPLETE)
        self.assertEqual(len(set(content(gald)) - set(before)), 1)


class Damage(CareTest):
    def overwrite(self, gald, pages):
        with open(gald.index_path, "r+b") as file:
            for page in pages:
                file.seek((page - 1) * PAGE)
                file.write(random.Random(page).randbytes(100))

    def age(self, gald):
        """The last examination is long ago."""
        index = sqlite3.connect(gald.index_path)
        index.execute("UPDATE upkeep SET at = '2020-01-01T00:00:00.000Z' WHERE what = 'examined'")
        index.commit()
        index.close()

    def test_it_is_made_anew_with_the_same_ids(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        self.assertEqual(gald.check().code, COMPLETE)
        expected = content(gald)
        pages = os.path.getsize(gald.index_path) // PAGE
        dice = random.Random(4711)
        for attempt, broken in enumerate(([1], [pages // 2], [dice.randrange(2, pages) for _ in range(5)],
                                          [dice.randrange(2, pages) for _ in range(20)])):
            if broken != [1]:  # which is met without a search
                self.age(gald)
            self.overwrite(gald, broken)
            report, said = self.run_sync(gald, COMPLETE)
            self.assertIn("index.damaged", said)
            self.assertIn("index.rebuilt", said)
            self.assertIn("has been made anew from the sources", report["damage"])
            self.assertEqual(content(gald), expected, broken)
            status = json.loads(gald.status("--json").out)
            self.assertEqual((len(status["keptAside"]), status["damaged"]), (attempt + 1, False))
            self.assertIn("gald.db.broken-", gald.status().out)
        self.assertEqual(gald.check().code, COMPLETE)

    def test_a_crash_is_followed_by_an_examination(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        expected = content(gald)
        self.tenant.settings(latency=2.0)
        process = self.start_sync(gald)
        wait_until(lambda: rows(gald, "SELECT count(*) FROM run WHERE ended_at IS NULL") == [(1,)], 60,
                   "a cycle that began")
        process.kill()
        process.wait()
        time.sleep(2.5)  # until the tenant has answered what the killed process asked for
        self.tenant.settings(latency=0)
        self.overwrite(gald, [os.path.getsize(gald.index_path) // PAGE // 2])
        report, _ = self.run_sync(gald, COMPLETE)
        self.assertIn("has been made anew", report["damage"])
        self.assertEqual(content(gald), expected)

    def test_meanwhile_the_old_one_is_served(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        self.age(gald)
        root, = rows(gald, "SELECT rootpage FROM sqlite_schema WHERE name = 'change_by_run'")[0]
        history, = rows(gald, "SELECT rootpage FROM sqlite_schema WHERE name = 'history'")[0]
        self.overwrite(gald, [root])
        checked = gald.check()
        self.assertEqual(checked.code, FAILED)
        self.assertIn("is damaged", checked.out)
        self.tenant.fault(service="graph", path="/users", status=403, times=-1)
        _, said = self.run_sync(gald, 3)
        self.assertIn("index.damaged", said)
        self.assertEqual(gald.list().out.count("\n"), PEOPLE)
        status = gald.status()
        self.assertIn("The index is damaged.", status.out)
        self.assertIn("waiting for a first complete read of entra/users", status.out)
        self.overwrite(gald, [history])
        self.assertEqual(gald.status().out, status.out, "it is told of the one that is being made")
        for command in (("backup", os.path.join(self.directory, "backup.db")), ("plan",)):
            done = gald.run(*command)
            self.assertEqual(done.code, FAILED, done)
            self.assertIn("being made anew", done.err)
        self.tenant.clear_faults()
        report, _ = self.run_sync(gald, COMPLETE)
        self.assertIn("has been made anew", report["damage"])
        self.assertEqual(gald.list().out.count("\n"), PEOPLE)


class LongReader(CareTest):
    def test_it_is_named_and_the_log_shrinks_behind_it(self):
        gald = self.gald()
        self.run_sync(gald, COMPLETE)
        log = gald.index_path + "-wal"
        self.assertEqual(os.path.getsize(log), 0)
        reader = subprocess.Popen(["/usr/bin/python3", "-c",
                                   "import sqlite3, sys; i = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True);"
                                   " i.execute('BEGIN'); i.execute('SELECT count(*) FROM contacts').fetchone();"
                                   " print('reading', flush=True); sys.stdin.read()", gald.index_path],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(reader.stdout.close)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.kill)
        self.assertEqual(reader.stdout.readline(), "reading\n")
        for title in ("Manager", "Director"):
            self.promote(title)
            before = os.path.getsize(log)
            _, said = self.run_sync(gald, COMPLETE)
            self.assertGreater(os.path.getsize(log), before)
        self.assertIn("index.log_held", said)
        status = json.loads(gald.status("--json").out)["file"]
        self.assertEqual((status["logBytes"], status["logHolder"]), (os.path.getsize(log), reader.pid))
        self.assertIn(f"process {reader.pid} reads now", gald.status().out)
        reader.stdin.close()
        reader.wait()
        self.run_sync(gald, COMPLETE)
        self.assertEqual(os.path.getsize(log), 0)
        self.assertIsNone(json.loads(gald.status("--json").out)["file"]["logHeldSince"])


if __name__ == "__main__":
    main()
