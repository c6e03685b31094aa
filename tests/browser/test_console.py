#!/usr/bin/python3
"""The console in a real browser, in front of a real gald with a real domain controller and the simulated
tenant. This file makes the world; what is done with it stands in console.test.mjs.

Needs node and npm (its packages are fetched when they are not there yet), Chromium, and what the other
integration tests need. Screenshots are left in build/browser.
"""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "lab"))
sys.path.insert(0, os.path.join(REPOSITORY, "tests", "integration"))

from company import leave  # noqa: E402
from lab import DomainController, Gald, LabError, Tenant, free_port, run_dc  # noqa: E402
from sample import Sample  # noqa: E402

CHROMIUM = os.environ.get("GALD_CHROMIUM", "/usr/bin/chromium")
CROWD = 260  # more than two pages of the list

# What a source may call somebody, and what a page must not take for anything else.
HOSTILE = [
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror=\"window.hit = 1\">",
    "</title><svg onload=\"window.hit = 1\">",
    "' onmouseover='window.hit = 1' '",
    "&lt;b&gt; &#x3c;script&#x3e;",
    "{{constructor.constructor('window.hit = 1')()}} ${window.hit = 1}",
    "javascript:window.hit = 1",
    "abc\u202egnp.exe\u202c",
    "Z\u0338\u034e\u0310a\u0334\u0324l\u0335\u0321g\u0336\u0323o\u0338" + "\u0317" * 60,
    "W" * 240,
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦 Family",
]

GIVEN = "Ada Bruno Chiara Dilan Elif Farid Greta Henrik Iris Jonas Kaja Luca Marta".split()
SURNAMES = ("Adler Berger Costa Dahl Engel Fischer Graf Hofer Ivanov Jansen Klein Lang Moser Novak Olsen Peters "
            "Quist Rossi Steiner Toth").split()


def crowd():
    for number in range(CROWD):
        given, surname = GIVEN[number % len(GIVEN)], SURNAMES[number // len(GIVEN) % len(SURNAMES)]
        yield {"Name": f"crowd-{number}", "DisplayName": f"{given} {surname}", "FirstName": given, "LastName": surname,
               "ExternalEmailAddress": f"SMTP:{given}.{surname}@tailspin.example".lower(), "Company": "Tailspin Toys",
               "Title": "Agent", "Phone": f"+1 206 555 {1000 + number}"}


def hostile():
    for number, name in enumerate(HOSTILE):
        yield {"Name": f"hostile-{number}", "DisplayName": name, "FirstName": name[:60], "Company": name[:60],
               "Title": name[:60], "Notes": name, "WebPage": "javascript:window.hit = 1",
               "ExternalEmailAddress": f"SMTP:hostile{number}@adatum.example", "HiddenFromAddressListsEnabled": number == 0}


def ensure_packages():
    wanted = os.path.join(HERE, "package-lock.json")
    kept = os.path.join(HERE, "node_modules", ".package-lock.json")
    if os.path.exists(kept) and os.path.getmtime(kept) >= os.path.getmtime(wanted):
        return
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"npm ci failed in {HERE}:\n{done.stderr}")


def main():
    try:
        run_dc("check")
    except LabError as error:
        leave(error)
    for program in ("node", "npm", CHROMIUM):
        if not shutil.which(program):
            leave(f"{program} is not there")
    if os.getuid() != 0:
        leave("serving the LDAP ports needs root")
    ensure_packages()
    shots = os.path.join(REPOSITORY, "build", "browser")
    os.makedirs(shots, exist_ok=True)
    place = tempfile.mkdtemp(prefix="gald-console-")
    try:
        with DomainController.provisioned(ip="free") as dc, Tenant(os.path.join(place, "tenant")) as tenant:
            company = Sample(dc, tenant)
            dc.load_offline(company.entries())
            dc.start()
            tenant.start()
            company.populate()
            tenant.bulk(mailcontacts=[*crowd(), *hostile()])
            port = free_port()
            gald = Gald(os.path.join(place, "gald"), dc=dc, tenant=tenant, changes={
                "api": {"listen": [f"127.0.0.1:{port}"]}, "guard": {"deletes": 5, "percent": 1}})
            done = subprocess.run(
                ["node", "--test-reporter=spec", "--test", os.path.join(HERE, "console.test.mjs"), *sys.argv[1:]],
                env={**os.environ, "GALD": gald.binary, "GALD_CONFIG": gald.config, "GALD_URL": f"http://127.0.0.1:{port}",
                     "GALD_TENANT": tenant.about["control"], "GALD_SHOTS": shots, "GALD_CHROMIUM": CHROMIUM,
                     "GALD_TLS_PORT": str(free_port())},
                check=False)
            return done.returncode
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
