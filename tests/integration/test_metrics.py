#!/usr/bin/python3
"""A real Prometheus scrapes a real `gald run`, with the configuration, the alerts and the dashboard of docs/.
"""

import datetime
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from company import main  # which finds the lab
import shapes
from lab import REPOSITORY, free_port, wait_until
from rest import Service
from test_cloud import CloudTest, user

DOCS = os.path.join(REPOSITORY, "docs", "monitoring")
PEOPLE = 300

#: of the dashboard: empty unless something is under way or wrong
MAY_BE_EMPTY = ("gald_progress_objects", "gald_progress_published_records", "gald_source_wait_seconds_total")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)


class Prometheus:
    """With a configuration and data of its own, below `directory`."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.log = open(os.path.join(directory, "prometheus.log"), "ab")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until(lambda: self.ready(), 60, "Prometheus")

    def ready(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.directory, "prometheus.log"), encoding="utf-8") as file:
                raise AssertionError("prometheus ended: " + file.read())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    def query(self, expression):
        """[(labels, value)]; an AssertionError with Prometheus' words if it is none."""
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.ask("query", query=expression)["result"]]

    def value(self, expression):
        """Of one series; None: there is none."""
        found = self.query(expression)
        if len(found) > 1:
            raise AssertionError(f"{expression}: {found}")
        return found[0][1] if found else None

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class Monitored(CloudTest):
    def setUp(self):
        super().setUp()
        self.tenant.bulk(users=[user(number) for number in range(PEOPLE)],
                         contacts=[{"id": shapes.entra_id(f"contact {number}"), "displayName": f"Contact {number}",
                                    "mail": f"c{number}@contoso.test"} for number in range(20)],
                         groups=[shapes.group(shapes.entra_id("group"), displayName="Group",
                                              members=[("user", user(each)["id"]) for each in range(5)])])
        ends = datetime.date.today() + datetime.timedelta(days=10)
        self.alone = self.gald({"schedule": {"interval": "2s", "jitter": "0s"},
                                "connector.entra": {"client_secret_expires": ends.isoformat()}})
        self.service = Service(self.alone)
        self.service.start()
        self.addCleanup(self.alone.stop)
        self.prometheus = self.watch()
        self.addCleanup(self.prometheus.stop)

    def watch(self):
        """As docs/monitoring/prometheus.yml says, with another port and in a hurry."""
        place = os.path.join(self.directory, "prometheus")
        shutil.copytree(DOCS, place)
        self.token = self.service.token("prometheus")
        with open(os.open(os.path.join(place, "gald-token"), os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="utf-8") as file:
            file.write(self.token)
        name = os.path.join(place, "prometheus.yml")
        with open(name, encoding="utf-8") as file:
            text = file.read()
        with open(name, "w", encoding="utf-8") as file:
            file.write(text.replace("127.0.0.1:8389", f"127.0.0.1:{self.service.port}")
                       .replace("scrape_interval: 30s", "scrape_interval: 1s\n  evaluation_interval: 1s"))
        return Prometheus(place)

    def scrape(self):
        answer = self.service.ask("GET", "/metrics", token=self.token)
        self.assertEqual(answer.status, 200, answer)
        return answer.body.decode()

    def wait_for(self, expression, patience=60):
        return wait_until(lambda: self.prometheus.value(expression), patience, expression)


class Metrics(Monitored):
    def test_it_sees_what_gald_does(self):
        self.wait_for("up == 1")
        self.wait_for('gald_runs_total{outcome="complete"} >= 3')
        at = self.prometheus
        self.assertEqual(at.value('sum(gald_contacts{kind="user"})'), PEOPLE)
        self.assertEqual(at.value('sum(gald_contacts{kind="group"})'), 1)
        self.assertEqual(at.value("gald_memberships"), 5)
        self.assertEqual(at.value('gald_objects_read_total{collection="users"} >= bool 300'), 1)
        self.assertEqual(at.value('gald_changes_published_total{operation="created"}'), PEOPLE + 21)
        self.assertLess(at.value("time() - min(gald_collection_last_success_timestamp_seconds)"), 30)
        self.assertAlmostEqual(at.value("(gald_credential_expiry_timestamp_seconds - time()) / 86400"), 10, delta=1)
        self.assertEqual(at.value("gald_cycle_interval_seconds"), 2)
        pid = self.alone.daemon.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            resident = int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1)) * 1024
        self.assertAlmostEqual(at.value('process_resident_memory_bytes{job="gald"}') / resident, 1, delta=0.5)
        self.assertLess(at.value('time() - process_start_time_seconds{job="gald"}'), 300)
        scrapes = 'gald_api_requests_total{route="/metrics",method="GET",status="200"}'
        self.assertGreater(self.wait_for(f"{scrapes} > 2"), 2)

        self.tenant.fault(service="graph", path="/users/delta", times=-1, action="reset")
        self.alone.configure({})
        self.wait_for('gald_collection_failing{collection="users"} == 1', 120)
        self.assertEqual(at.value('gald_collection_failing{collection="groups"}'), 0)
        self.wait_for('gald_reads_total{collection="users",outcome="failed"} > 0')
        self.assertEqual(self.service.ask("GET", "/readyz").status, 200, "what was published stays")
        self.tenant.clear_faults()
        self.wait_for('gald_collection_failing{collection="users"} == bool 0 == 1', 60)

        self.alone.stop()
        self.wait_for('up{job="gald"} == bool 0 == 1')

    def test_names_and_types_are_as_prometheus_wants_them(self):
        self.wait_for('gald_runs_total{outcome="complete"} >= 1')
        text = self.scrape()
        checked = run("promtool", "check", "metrics", input=text)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
        wrong = run("promtool", "check", "metrics", input=text.replace("gald_runs_total", "gald_runs"))
        self.assertNotEqual((wrong.returncode, wrong.stdout, wrong.stderr), (0, "", ""))
        self.assertNotIn("@", text, "no personal data")

    def test_a_member_of_the_group_needs_no_token_on_the_socket(self):
        """As the comment in docs/monitoring/prometheus.yml has it."""
        self.wait_for('gald_runs_total{outcome="complete"} >= 1')
        told = run("curl", "-sS", "--fail", "--unix-socket", self.service.socket, "http://localhost/metrics")
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        self.assertIn("gald_build_info", told.stdout)

    def test_alerts(self):
        self.wait_for('gald_runs_total{outcome="complete"} >= 1')
        rules = [rule for group in wait_until(lambda: self.evaluated(), 30, "the rules")["groups"]
                 for rule in group["rules"]]
        self.assertGreater(len(rules), 10)
        for rule in rules:
            with self.subTest(alert=rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                self.assertEqual(sorted(rule["annotations"]), ["description", "summary"])
                self.prometheus.query(rule["query"])
                for name in set(re.findall(r"\b(?:gald|process)_\w+|\bup\b", rule["query"])):
                    self.assertTrue(self.prometheus.query(name), name)
        firing = wait_until(lambda: [alert for alert in self.prometheus.ask("alerts")["alerts"]
                                     if alert["labels"]["alertname"] == "GaldCredentialExpires"], 30, "an alert")
        self.assertEqual(firing[0]["state"], "firing")
        self.assertRegex(firing[0]["annotations"]["summary"],
                         r"^the client secret of entra expires in (9d \d+h|10d 0h) ")

    def evaluated(self):
        rules = self.prometheus.ask("rules")
        ended = all(rule["health"] != "unknown" for group in rules["groups"] for rule in group["rules"])
        return rules if ended and rules["groups"] else None

    def test_the_dashboard(self):
        with open(os.path.join(DOCS, "grafana.json"), encoding="utf-8") as file:
            dashboard = json.load(file)
        self.assertGreaterEqual(dashboard["schemaVersion"], 36)
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels), "ids are unique")
        self.assertNoOverlap(panels)
        self.wait_for('gald_runs_total{outcome="complete"} >= 3')
        shown = [panel for panel in panels if panel["type"] != "row"]
        self.assertGreater(len(shown), 20)
        for panel in shown:
            self.assertIn(panel["type"], ("stat", "timeseries"))
            self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})
            self.assertTrue(panel["targets"], panel["title"])
            for target in panel["targets"]:
                with self.subTest(panel=panel["title"], expr=target["expr"]):
                    self.assertResult(target["expr"])
        for variable in ("job", "instance"):
            wanted = re.fullmatch(r"label_values\((.+), (\w+)\)", variables[variable]["query"]["query"])
            found = self.prometheus.query(self.substituted(wanted.group(1)))
            self.assertTrue(found[0][0][wanted.group(2)])

    @staticmethod
    def substituted(expression):
        """As Grafana would for the first minute of all instances."""
        for name, value in (("$__rate_interval", "1m"), ("$__interval", "1m"), ("$instance", ".*"), ("$job", "gald")):
            expression = expression.replace(name, value)
        return expression

    def assertResult(self, expression):
        expression = self.substituted(expression)
        self.assertNotIn("$", expression)
        self.prometheus.query(expression)
        if not any(name in expression for name in MAY_BE_EMPTY):
            wait_until(lambda: self.prometheus.query(expression), 30, expression)

    def assertNoOverlap(self, panels):
        taken = {}
        for panel in panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, f"{panel['title']} lies on {taken.get((x, y))}")
                    taken[x, y] = panel["title"]


class Live(Monitored):
    def test_a_read_of_everything_is_followed(self):
        """Page after page; how many there will be is told by the last time."""
        self.wait_for('gald_runs_total{outcome="complete"} >= 1')
        self.tenant.settings(latency=0.5)
        self.tenant.expire("users", "410")
        seen = []

        def moved():
            status = self.service.ask("GET", "/api/identity/status", token=self.token).json
            steps = [step for step in status["progress"] if step["collection"] == "users" and step["full"]]
            seen.extend((step["objects"], step["expected"]) for step in steps)
            return not steps and seen
        wait_until(moved, 120, "a complete read")
        self.assertEqual({expected for _, expected in seen}, {PEOPLE})
        self.assertEqual(sorted(seen), seen, "it only grows")
        self.assertLess(seen[0][0], PEOPLE, "the first page is told before the last one")


class Rules(CloudTest):
    def setUp(self):
        pass  # needs no tenant

    def test_when_alerts_fire(self):
        tested = run("promtool", "test", "rules", os.path.join(os.path.dirname(__file__), "alerts_test.yml"))
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)
        self.assertIn("SUCCESS", tested.stdout)

    def test_every_alert_is_tested(self):
        with open(os.path.join(DOCS, "alerts.yml"), encoding="utf-8") as file:
            alerts = set(re.findall(r"- alert: (\w+)", file.read()))
        with open(os.path.join(os.path.dirname(__file__), "alerts_test.yml"), encoding="utf-8") as file:
            text = file.read()
        for alert in alerts:
            cases = re.findall(rf'alertname="{alert}".*\n.*eval_time.*\n.*exp_samples: (\[.*)', text)
            self.assertIn("[]", cases, alert + " does not always fire")
            self.assertIn("[{labels: '{}', value: 1}]", cases, alert + " fires")

    def test_files_are_valid(self):
        checked = run("promtool", "check", "rules", os.path.join(DOCS, "alerts.yml"))
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


if __name__ == "__main__":
    main()
