#!/usr/bin/python3
"""`gald run`: the rhythm, the ends, and what the service manager is told."""

import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from unittest import mock

import company
from company import COMPLETE, CompanyTest, moment, published, rows, seconds
from lab import wait_until

INTERVAL = 2
RHYTHM = {"schedule": {"interval": f"{INTERVAL}s", "jitter": "0s"}}


class ServiceTest(CompanyTest):
    def service(self, **settings):
        gald = self.gald("service", RHYTHM)
        self.started = time.monotonic()
        gald.start()
        return gald

    def runs(self, gald, where="1"):
        """(id, start, end or None, outcome) of each run."""
        try:
            return [(number, moment(start), end and moment(end), outcome) for number, start, end, outcome in
                    rows(gald, f"SELECT id, started_at, ended_at, outcome FROM runs WHERE {where} ORDER BY id")]
        except sqlite3.OperationalError:
            return []  # not there yet

    def wait_for_runs(self, gald, number, patience=30):
        def enough():
            self.assertIsNone(gald.daemon.poll(), "gald run ended on its own: " + self.log_of(gald))
            runs = self.runs(gald, "ended_at IS NOT NULL")
            return runs if len(runs) >= number else None
        return wait_until(enough, patience, f"{number} runs")

    def log_of(self, gald):
        with open(os.path.join(gald.directory, "gald.log"), encoding="utf-8") as file:
            return file.read()

    def stop(self, gald, limit=5):
        """SIGTERM; returns how long it took, which must not be longer than the limit, and exit code 0."""
        start = time.monotonic()
        self.assertEqual(gald.stop(20), COMPLETE, self.log_of(gald))
        took = time.monotonic() - start
        self.assertLess(took, limit, "from SIGTERM to the end")
        return took

    def assertNoOverlap(self, runs):
        for (number, _, end, _), (later, start, _, _) in zip(runs, runs[1:]):
            self.assertLessEqual(end, start, f"runs {number} and {later}")


class Rhythm(ServiceTest):
    def test_cycles_come_at_the_interval(self):
        gald = self.service()
        runs = self.wait_for_runs(gald, 4)
        self.assertNoOverlap(runs)
        self.assertEqual({outcome for *_, outcome in runs}, {"complete"})
        for (_, start, _, _), (_, later, _, _) in zip(runs, runs[1:]):
            self.assertGreaterEqual(later - start, seconds(INTERVAL - 0.1))
            self.assertLess(later - start, seconds(INTERVAL * 5))
        # one token for each resource serves all the cycles of a process
        self.assertEqual(len(self.asked("login")), 2)
        self.stop(gald)
        reference = self.gald("reference")
        self.sync(reference)
        self.assertSame(published(reference), published(gald), "contacts")
        log = self.log_of(gald)
        self.assertNotIn("@", log, "no personal data in the log")
        self.assertLess(len(log.splitlines()), 12 * len(runs) + 12, "a handful of lines for each cycle")

    def test_what_happens_is_seen(self):
        gald = self.service()
        self.wait_for_runs(gald, 1)
        dn = self.company.partner_dn("rita.blum")
        self.dc.modify(dn, {"title": "Chair"})
        self.addCleanup(self.dc.modify, dn, {"title": "Sales"})
        wait_until(lambda: rows(gald, "SELECT job_title FROM contacts WHERE display_name = 'Rita Blum'") ==
                   [("Chair",)], 10, "the new title")
        self.stop(gald)

    def test_a_slow_cycle_delays_the_next_one(self):
        gald = self.service()
        self.wait_for_runs(gald, 1)
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=INTERVAL * 2 + 1)
        runs = self.wait_for_runs(gald, 4)
        self.assertNoOverlap(runs)
        slow = [end - start for _, start, end, _ in runs if end - start > seconds(INTERVAL)]
        self.assertEqual(len(slow), 1, runs)
        self.assertGreater(slow[0], seconds(INTERVAL * 2))
        self.stop(gald)

    def test_sync_and_run_take_turns(self):
        gald = self.service()
        self.wait_for_runs(gald, 1)
        self.tenant.clear_requests()
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=4)
        wait_until(lambda: self.runs(gald, "ended_at IS NULL"), 10, "a cycle that hangs")
        start = time.monotonic()
        done = gald.sync()
        self.assertEqual(done.code, COMPLETE, done)
        self.assertIn("waiting", done.err)
        self.assertGreater(time.monotonic() - start, 1)
        # and the other way round: the service waits for the command
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=4)
        others = [subprocess.Popen([gald.binary, "--config", gald.config, "sync", "--quiet"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        for other in others:
            self.assertEqual(other.wait(40), COMPLETE)
        number = len(self.runs(gald))
        runs = self.wait_for_runs(gald, number + 1)
        self.assertNoOverlap(runs)
        self.assertEqual({outcome for *_, outcome in runs}, {"complete"})
        self.stop(gald)

    def test_a_cycle_on_request(self):
        """SIGHUP: not at the next time, but now; and once more after the one that runs."""
        gald = self.gald("service", {"schedule": {"interval": "30m", "jitter": "0s"}})
        gald.start()
        self.wait_for_runs(gald, 1)
        gald.daemon.send_signal(signal.SIGHUP)
        self.wait_for_runs(gald, 2, 10)
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=2)
        gald.daemon.send_signal(signal.SIGHUP)
        wait_until(lambda: self.runs(gald, "ended_at IS NULL"), 10, "a cycle that hangs")
        gald.daemon.send_signal(signal.SIGHUP)
        self.assertNoOverlap(self.wait_for_runs(gald, 4, 10))
        self.stop(gald)

    def test_a_failing_source_does_not_end_it(self):
        self.tenant.fault(service="graph", path="", times=-1, action="reset")
        gald = self.service()
        runs = self.wait_for_runs(gald, 2)
        self.assertEqual({outcome for *_, outcome in runs}, {"partial"})
        self.tenant.clear_faults()
        wait_until(lambda: self.runs(gald, "outcome = 'complete'"), 20, "a complete run")
        self.stop(gald)


class End(ServiceTest):
    def test_between_two_cycles(self):
        gald = self.gald("service", {"schedule": {"interval": "30m", "jitter": "0s"}})
        gald.start()
        self.wait_for_runs(gald, 1)
        self.stop(gald)

    def test_while_a_source_hangs_nothing_staged_is_lost(self):
        self.tenant.settings(page_size=4)
        self.tenant.fault(service="graph", path="/users/delta", skip=3, action="hang", seconds=120)
        gald = self.service()
        staged = "SELECT l.name, count(*) FROM record r JOIN collection l ON l.id = r.collection_id GROUP BY 1"

        def stuck():
            try:
                return dict(rows(gald, staged)).get("users") == 12 and \
                    rows(gald, "SELECT name FROM collection WHERE completed_at IS NULL") == [("users",)]
            except sqlite3.OperationalError:
                return False

        wait_until(stuck, 30, "three pages of users and everything else")
        before = company.dump(gald)
        self.stop(gald)
        self.assertEqual(company.differing(before, company.dump(gald)), {})
        ((number, _, end, _),) = self.runs(gald)
        self.assertIsNotNone(end, "the run has an end")
        self.assertEqual(rows(gald, "SELECT count(*) FROM contacts"), [(0,)])
        # being told to stop is nobody's failure
        self.assertEqual(rows(gald, "SELECT DISTINCT error FROM run_collections"), [("",)])

        self.tenant.clear_faults()
        self.tenant.clear_requests()
        self.sync(gald)
        users = [path for _, collection, path, _ in self.asked("graph") if collection == "users"]
        self.assertIn("$skiptoken=", users[0], "it goes on behind the last page that it has")
        self.tenant.settings(**self.original_settings)
        reference = self.gald("reference")
        self.sync(reference)
        self.assertSame(published(reference), published(gald), "contacts")

    def test_while_it_waits_as_told(self):
        self.tenant.fault(service="graph", path="/users/delta", times=-1, status=429, headers={"Retry-After": "300"})
        gald = self.service()
        wait_until(lambda: [1 for row in self.tenant.requests() if row["status"] == 429], 20, "a refusal")
        self.stop(gald)

    def test_while_the_login_service_hangs(self):
        self.tenant.fault(service="login", path="", times=-1, action="hang", seconds=120)
        gald = self.service()
        wait_until(lambda: self.runs(gald), 20, "a cycle that has begun")
        self.stop(gald)

    def test_while_the_directory_hangs(self):
        """A server that takes connections and says nothing."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            gald = self.gald("service", {**RHYTHM, "connector.ad": {"url": f"ldaps://127.0.0.1:{port}"}})
            silent.settimeout(20)
            gald.start()
            connection, _ = silent.accept()
            with connection:
                self.stop(gald)

    def test_while_it_waits_for_another_writer(self):
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=15)
        gald = self.gald("service", RHYTHM)
        other = subprocess.Popen([gald.binary, "--config", gald.config, "sync", "--quiet"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        wait_until(lambda: self.runs(gald), 10, "the cycle of the other one")
        gald.start()
        wait_until(lambda: "service.waiting" in self.log_of(gald), 10, "the service waits")
        self.stop(gald)
        other.terminate()
        self.assertNotEqual(other.wait(5), COMPLETE)

    def test_sync_can_be_stopped_too(self):
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=120)
        gald = self.gald()
        process = subprocess.Popen([gald.binary, "--config", gald.config, "sync"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        wait_until(lambda: self.runs(gald), 10, "a cycle that has begun")
        process.terminate()
        start = time.monotonic()
        _, errors = process.communicate(timeout=20)
        self.assertLess(time.monotonic() - start, 5)
        self.assertIn(process.returncode, (company.FAILED, company.PARTIAL))
        self.assertIn("stopped", errors)


class ServiceManager(ServiceTest):
    """The protocol of systemd's sd_notify(3)."""

    def listen(self):
        """A socket as the service manager has it, and the environment that names it."""
        address = os.path.join(tempfile.mkdtemp(dir=self.place), "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(20)
        return manager, {"NOTIFY_SOCKET": address}

    def heard(self, manager, until=None):
        """The lines that came; waits for the one given, and otherwise for nothing."""
        lines = []
        manager.settimeout(20 if until else 0)
        try:
            while until not in lines:
                lines += manager.recv(65536).decode().split("\n")
        except BlockingIOError:
            pass
        return [line for line in lines if line]

    def test_it_is_told_when_we_are_ready_and_when_we_stop(self):
        manager, environment = self.listen()
        with mock.patch.dict(os.environ, environment):
            gald = self.service()
        lines = self.heard(manager, "READY=1")
        self.assertIsNone(gald.daemon.poll())
        self.wait_for_runs(gald, 1)
        self.stop(gald)
        lines += self.heard(manager)
        self.assertEqual((lines.count("READY=1"), lines.count("STOPPING=1")), (1, 1))
        self.assertLess(lines.index("READY=1"), lines.index("STOPPING=1"))
        self.assertTrue([line for line in lines if line.startswith("STATUS=Run 1 complete")], lines)
        self.assertNotIn("WATCHDOG=1", lines)

    def test_the_watchdog_is_fed(self):
        manager, environment = self.listen()
        with mock.patch.dict(os.environ, {**environment, "WATCHDOG_USEC": "400000"}):
            gald = self.service()
        self.heard(manager, "WATCHDOG=1")
        # also while a source keeps us waiting
        self.tenant.fault(service="graph", path="/users/delta", action="hang", seconds=60)
        # a few words wait in the socket, then the speaker does: listen all the time
        wait_until(lambda: self.heard(manager) and self.runs(gald, "id > 1 AND ended_at IS NULL"), 20,
                   "a cycle that hangs")
        for _ in range(3):
            self.heard(manager, "WATCHDOG=1")
        self.stop(gald)

    def test_one_who_does_not_listen_does_not_hold_us(self):
        _, environment = self.listen()
        with mock.patch.dict(os.environ, {**environment, "WATCHDOG_USEC": "20000"}):
            gald = self.service()
        self.wait_for_runs(gald, 3)
        self.stop(gald)

    def test_what_can_never_work_does_not_start(self):
        manager, environment = self.listen()
        gald = self.gald("service", {"connector.ad": {"ca_file": "/nowhere/ca.pem"}})
        with mock.patch.dict(os.environ, environment):
            gald.start()
        self.assertEqual(gald.daemon.wait(20), company.BAD_CONFIGURATION)
        self.assertNotIn("READY=1", self.heard(manager))
        self.assertEqual(len(self.log_of(gald).splitlines()), 1, self.log_of(gald))


if __name__ == "__main__":
    company.main()
