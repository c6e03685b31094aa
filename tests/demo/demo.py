#!/usr/bin/python3
"""The main job, shown: a real domain controller, the simulated tenant that belongs to it, and gald
between them, through a first import, a quiet cycle and a cycle with changes.

Run by ./dev demo. The index stays behind for whoever wants to look; everything else is thrown away.
"""

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "lab"))

from lab import DomainController, Gald, LabError, Tenant, free_port  # noqa: E402
from sample import Sample  # noqa: E402

RESULT = os.path.join(REPOSITORY, "build", "demo")

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def say(text=""):
    print(f"{BOLD}{text}{PLAIN}", flush=True)


class Failed(Exception):
    """The demo did not show what it promises."""


def gald_says(gald, *arguments, expected=0):
    """Run a command the way the reader could, and show what it prints."""
    say(f"$ gald {' '.join(arguments)}")
    code, out, err = gald.run(*arguments)
    print(out, end="")
    print(err, end="", file=sys.stderr)
    print(flush=True)
    if code != expected:
        raise Failed(f"gald {' '.join(arguments)} ended with exit code {code}, expected {expected}")
    return out


def over_http(gald):
    """The service, asked the way a telephone system does."""
    port = free_port()
    gald.configure({"api": {"listen": [f"127.0.0.1:{port}"]}})
    token = gald_says(gald, "token", "add", "demo", "--scope", "operate").strip()
    say("$ gald run &")
    gald.start()
    try:
        place = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not answers(f"{place}/readyz"):
            if time.monotonic() > deadline:
                raise Failed("gald run does not answer")
            time.sleep(0.1)
        for path in ("/api/identity/lookup?" + urllib.parse.urlencode({"phone": "0049 30 23125-110"}),
                     "/api/identity/contacts?q=muller&fields=displayName,mail,source,status"):
            say(f"$ curl -H \"Authorization: Bearer $TOKEN\" '{place}{path}'")
            request = urllib.request.Request(place + path, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                found = json.load(answer)
            print(json.dumps(found, indent=2, ensure_ascii=False) + "\n", flush=True)
            if not found["items"]:
                raise Failed(f"{path} finds nobody")
    finally:
        gald.stop()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def counts(index):
    rows = index.execute("SELECT source, kind, count(*) FROM contacts"
                         " WHERE mail LIKE '%@%' AND status <> 'deleted' GROUP BY source, kind")
    return {(source, kind): count for source, kind, count in rows}


def show(directory, dc, tenant):
    say("The domain controller starts with the people of a small company ...")
    sample = Sample(dc, tenant)
    dc.load_offline(sample.entries())
    dc.start()
    say("... and so does the tenant; Entra Connect (a stand-in) synchronizes one to the other.")
    tenant.start()
    sample.populate()
    gald = Gald(RESULT, dc=dc, tenant=tenant)
    print(f"Domain controller {dc.uri}, Graph {tenant.about['graph']}, configuration {gald.config}\n")

    gald_says(gald, "check")

    say("--- First import: everything is read, joined, classified and published.\n")
    gald_says(gald, "sync")
    gald_says(gald, "list")
    with gald.index() as index:
        found = counts(index)
    if found != sample.expected():
        raise Failed(f"the index holds {found}, but the sample company is {sample.expected()}")

    say("--- A quiet cycle: nothing happened, so nothing is written but cursors and the run.\n")
    tenant.clear_requests()
    gald_says(gald, "sync")
    asked = [row for row in tenant.requests() if row["collection"]]
    print(f"It took the tenant {len(asked)} request(s) for {len({row['collection'] for row in asked})}"
          " collections.\n")

    say("--- A day passes:\n")
    for sentence in sample.changes():
        print(f"  - {sentence}")
    print(flush=True)

    say("--- The next cycle sees the changes, and only them.\n")
    gald_says(gald, "sync")
    say("What changed, and who said so:")
    changes = gald_says(gald, "changes")
    for name in ("Rosalind Whitfield", "Helmut Brandt", "Chloé Moreau"):
        if name not in changes:
            raise Failed(f"the changes do not mention {name}")

    say("One contact in full:")
    gald_says(gald, "show", "c.moreau@contoso.test")
    say("And why it is what it is:")
    gald_says(gald, "explain", "c.moreau@contoso.test")

    say("The telephone rings, with the number as the exchange shows it:")
    if "Jürgen Müller" not in gald_says(gald, "lookup", "0049 30 23125-110"):
        raise Failed("nobody knows who calls")
    say("The help desk types a name as it heard it:")
    if "Jürgen Müller" not in gald_says(gald, "search", "jurgen mueler"):
        raise Failed("a misspelt name is not found")

    say("--- Somebody edits a filter, and the people of an OU fall out of it. Nobody is deleted:\n")
    gald.configure({"connector.ad": {"exclude": [sample.unit("People")]}})
    gald_says(gald, "sync")
    held = gald_says(gald, "plan", "show")
    if "Chloé Moreau" not in held:
        raise Failed("the plan does not hold the people of the OU")
    say("The filter is put right, and the plan drops by itself:")
    gald.configure({"connector.ad": {"exclude": None}})
    gald_says(gald, "sync")
    gald_says(gald, "plan", "list")

    say("And the totals:")
    gald_says(gald, "status")

    say("Programs and people ask over HTTP, too:")
    over_http(gald)

    say(f"The index stays at {gald.index_path}. Look for yourself, for example:")
    print(f"  sqlite3 -readonly {gald.index_path}"
          " \"SELECT display_name, source, status FROM contacts ORDER BY display_name\"")
    print(f"  {gald.binary} --config {gald.config} list --source hybrid")


def main():
    shutil.rmtree(RESULT, ignore_errors=True)
    directory = tempfile.mkdtemp(prefix="gald-demo-")
    try:
        with DomainController.provisioned(directory=os.path.join(directory, "dc"), ip="free") as dc, \
                Tenant(os.path.join(directory, "tenant")) as tenant:
            show(directory, dc, tenant)
    except (Failed, LabError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
