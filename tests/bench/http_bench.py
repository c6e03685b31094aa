#!/usr/bin/python3
"""What the API costs: `http_bench.py GALD [--json] [--seconds N] [--people N] [--import N]`.

GALD is the built program. wrk asks it for a contact and for whose number it is, and nginx for a file of the same
bytes, by turns; compared is the CPU time of the servers for a request, from /proc. Then it asks while a second
connector reads its source for the first time: the slowest of a hundred requests has a limit. The sources are
simulated tenants.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

from lab import Gald, Tenant, free_port, wait_until  # pylint: disable=wrong-import-position

TICKS = os.sysconf("SC_CLK_TCK")

#: 0.8 of what nginx answers in a second of CPU time
COST_LIMIT = 1 / 0.8
P99_LIMIT_MS = 5.0

WORDS = {"contact": "/contacts/{id}", "lookup": "/lookup"}

#: so many connections ask, each again as soon as it is answered, or after a pause
CONNECTIONS = 64
CONNECTIONS_WITH_PAUSES = 16
PAUSES = "function delay()\n  return math.random(5, 15)\nend\n"


def person(number, domain):
    name = f"Person {number}"
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}.{domain}"))
    return {"id": identity, "displayName": name, "givenName": "Person", "surname": str(number),
            "userPrincipalName": f"person{number}@{domain}", "mail": f"person{number}@{domain}",
            "businessPhones": [f"+49 89 {2000000 + number}"], "mobilePhone": f"+49 170 {3000000 + number}",
            "companyName": "Contoso", "department": f"Department {number % 40}", "jobTitle": "Engineer",
            "officeLocation": f"{number % 9}.{number % 17}", "city": "München", "country": "Germany",
            "accountEnabled": True, "userType": "Member"}


def cpu_seconds(process):
    """Of a process that still runs, with all of its threads."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_rss_mib(process):
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


class Nginx:
    """One worker that serves the files of a folder."""

    def __init__(self, folder, pages):
        self.port = free_port()
        root = os.path.join(folder, "pages")
        os.makedirs(root)
        for name, body in pages.items():
            with open(os.path.join(root, name), "wb") as file:
                file.write(body)
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""
                daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
                {"user root;" if os.geteuid() == 0 else ""}
                events {{ worker_connections 1024; }}
                http {{
                  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
                  open_file_cache max=100; types {{ application/json json; }}
                  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                  server {{ listen 127.0.0.1:{self.port}; root {root}; }}
                }}""")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", config])
        wait_until(self._workers, 10, "nginx")

    def _workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return file.read().split()

    @property
    def pid(self):
        return int(self._workers()[0])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk(url, seconds, token=None, script=None):
    """(requests, milliseconds of the slowest but for one of a hundred); every answer has to be one."""
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS_WITH_PAUSES if script else CONNECTIONS),
               "--duration", f"{seconds}s", "--latency"]
    command += ["--script", script] if script else []
    command += ["--header", f"Authorization: Bearer {token}"] if token else []
    said = subprocess.run([*command, url], stdout=subprocess.PIPE, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said or " 0 requests in" in said:
        raise SystemExit(f"http_bench: {url} was not always answered:\n{said}")
    return (int(re.search(r"(\d+) requests in", said).group(1)),
            milliseconds(re.search(r"99%\s+(\S+)", said).group(1)))


def cost_of_request(process, url, seconds, token=None):
    before = cpu_seconds(process)
    requests, _ = wrk(url, seconds, token)
    return (cpu_seconds(process) - before) / requests


class Service:
    """`gald run` over a small tenant."""

    def __init__(self, folder, binary, people):
        self.folder = folder
        self.tenant = Tenant(os.path.join(folder, "tenant")).start()
        self.tenant.bulk(users=(person(number, "contoso.test") for number in range(people)))
        self.port = free_port()
        self.gald = Gald(os.path.join(folder, "gald"), binary=binary, tenant=self.tenant, exchange=False,
                         changes={"api": {"listen": [f"127.0.0.1:{self.port}"],
                                          "requests_per_minute": 1_000_000_000}})
        done = self.gald.sync()
        if done.code != 0:
            raise SystemExit(f"http_bench: {done.out}{done.err}")
        added = self.gald.run("token", "add", "bench")
        found = re.search(r"gald_\w[\w-]*", added.out)
        if not found:
            raise SystemExit(f"http_bench: no token: {added.out}{added.err}")
        self.token = found.group()

    def start(self):
        self.gald.start()
        wait_until(lambda: self.status("/healthz") is not None, 30, "gald run")

    def status(self, path):
        try:
            return self.get(path)[0]
        except OSError:
            return None

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def pid(self):
        return self.gald.daemon.pid

    def targets(self):
        """{name: path}, of one contact."""
        first = json.loads(self.get("/api/identity/contacts?limit=1&source=cloud")[1])["items"][0]
        phone = urllib.parse.quote(first["phones"][0]["e164"])
        return {"contact": f"/api/identity/contacts/{first['id']}", "lookup": f"/api/identity/lookup?phone={phone}"}

    def import_is_running(self):
        """Whether the second connector has begun, and has not come to its end."""
        with open(os.path.join(self.gald.directory, "gald.log"), encoding="utf-8") as file:
            said = file.read()[self.log_before:]
        return "cycle.started" in said and "cycle.done" not in said

    def begin_import(self, people):
        """A second tenant, as a connector that is new: it is read for the first time."""
        other = Tenant(os.path.join(self.folder, "other")).start()
        other.bulk(users=(person(number, "fabrikam.test") for number in range(people)))
        about = other.about
        self.gald.configure({"connector.other": {
            "type": "entra", "tenant": about["tenant_id"], "client_id": about["client_id"],
            "client_secret_file": about["client_secret_file"], "login_endpoint": about["login"],
            "graph_endpoint": about["graph"], "ca_file": about["ca"]}})
        self.log_before = os.path.getsize(os.path.join(self.gald.directory, "gald.log"))
        self.start()
        wait_until(self.import_is_running, 30, "the import")
        return other

    def stop(self):
        self.gald.stop()
        self.tenant.stop()


def compared(service, folder, seconds):
    """A row for each target: what a request costs, and what it costs nginx."""
    targets = service.targets()
    pages = {f"{name}.json": service.get(path)[1] for name, path in targets.items()}
    nginx = Nginx(folder, pages)
    rows = []
    try:
        for name, path in targets.items():
            ours, theirs = [], []
            for _ in range(3):
                ours.append(cost_of_request(service.pid, service.url(path), seconds, service.token))
                theirs.append(cost_of_request(nginx.pid, f"http://127.0.0.1:{nginx.port}/{name}.json", seconds))
            rows.append({
                "name": f"http.{name}",
                "what": f"GET {WORDS[name]} to nginx, a file of {len(pages[name + '.json'])} bytes",
                "ratio": min(ours) / min(theirs), "limit": COST_LIMIT, "cpu_s": min(ours),
                "requests_per_cpu_s": 1 / min(ours), "nginx_requests_per_cpu_s": 1 / min(theirs),
                "peak_rss_mib": peak_rss_mib(service.pid)})
    finally:
        nginx.stop()
    return rows


def during_an_import(service, folder, seconds, people):
    script = os.path.join(folder, "pauses.lua")
    with open(script, "w", encoding="utf-8") as file:
        file.write(PAUSES)
    path = service.targets()["contact"]
    service.gald.stop()
    other = service.begin_import(people)
    try:
        _, p99 = wrk(service.url(path), seconds, service.token, script)
        if not service.import_is_running():
            raise SystemExit("http_bench: the import was over too soon: give it more people with --import")
        return {"name": "http.import", "what": "GET /contacts/{id} during a first import", "ratio": 0,
                "limit": 0, "cpu_s": 0, "peak_rss_mib": peak_rss_mib(service.pid), "p99_ms": p99,
                "p99_limit_ms": P99_LIMIT_MS}
    finally:
        other.stop()


def text_of(row):
    if "p99_ms" in row:
        above = row["p99_ms"] > row["p99_limit_ms"]
        said = f"99 % within {row['p99_ms']:.2f} ms (limit {row['p99_limit_ms']:.1f})"
    else:
        above = row["ratio"] > row["limit"]
        said = (f"{row['cpu_s'] * 1e6:.2f} us CPU, {row['requests_per_cpu_s']:.0f} requests in a CPU second, nginx "
                f"{row['nginx_requests_per_cpu_s']:.0f}: {row['ratio']:.2f} x  (limit {row['limit']:.2f})")
    return f"{row['what']:<58} {said}{'  ABOVE' if above else ''}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gald")
    parser.add_argument("--json", action="store_true", help="an array of rows, as the other benchmarks have it")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--people", type=int, default=1000, help="contacts that are there before (default: 1000)")
    parser.add_argument("--import", type=int, default=50_000, dest="imported", help="people of the import "
                        "(default: 50000)")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gald-http-bench-")
    try:
        service = Service(folder, os.path.abspath(options.gald), options.people)
        try:
            service.start()
            rows = compared(service, folder, options.seconds)
            rows.append(during_an_import(service, folder, options.seconds, options.imported))
        finally:
            service.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(rows, indent=1) if options.json else "\n".join(map(text_of, rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
