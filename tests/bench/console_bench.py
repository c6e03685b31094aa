#!/usr/bin/python3
"""How long each view of the console takes in Chromium with a large index: `console_bench.py BUILD [--contacts N]
[--json]`, where BUILD has the programs `bench` and `gald`. Each row says how many of the 200 ms that a view may
take it took; the median of five. Fails if one takes longer.

The index is made anew, which takes some minutes for 1,000,000 contacts, unless GALD_BENCH_DIR says where it is
kept.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BROWSER = os.path.join(os.path.dirname(HERE), "browser")
sys.path.insert(0, BROWSER)

from test_console import CHROMIUM, ensure_packages, free_port  # noqa: E402

LIMIT = 200  # milliseconds


def configure(place, index, port):
    """Its one source answers nothing, so that nothing changes meanwhile."""
    with open(os.path.join(place, "password"), "w", encoding="utf-8") as file:
        file.write("none")
    config = os.path.join(place, "gald.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"""[index]
path = {json.dumps(index)}
[api]
listen = ["127.0.0.1:{port}"]
requests_per_minute = 100000
tokens_file = {json.dumps(os.path.join(place, "tokens"))}
[connector.ad]
type = "active-directory"
url = "ldaps://127.0.0.1:1"
bind_name = "nobody@contoso.test"
password_file = "password"
""")
    return config


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--contacts", type=int, default=1_000_000, help="how many (default: 1000000)")
    parser.add_argument("--json", action="store_true", help="an array of {name, ratio, limit, ms}")
    options = parser.parse_args()
    ensure_packages()
    kept = os.environ.get("GALD_BENCH_DIR")
    place = tempfile.mkdtemp(prefix="gald-console-bench-")
    index = os.path.join(kept or place, f"console-{options.contacts}.db")
    rows = []
    try:
        if not os.path.exists(index):
            print(f"making an index of {options.contacts} contacts ...", file=sys.stderr)
            subprocess.run([os.path.join(options.build, "bench"), "--fill", index + ".new", str(options.contacts),
                            "cloud"], check=True)
            for suffix in ("-wal", "-shm", ""):
                if os.path.exists(index + ".new" + suffix):
                    os.rename(index + ".new" + suffix, index + suffix)
        port = free_port()
        config = configure(place, index, port)
        views = subprocess.Popen(
            ["node", os.path.join(BROWSER, "views.mjs")], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "GALD": os.path.join(options.build, "gald"), "GALD_CONFIG": config,
                 "GALD_URL": f"http://127.0.0.1:{port}", "GALD_SHOTS": place, "GALD_CHROMIUM": CHROMIUM})
        for line in views.stdout:
            row = json.loads(line)
            rows.append({"name": "console." + row["name"], "ratio": row["ms"] / LIMIT, "limit": 1.0, "ms": row["ms"]})
            if not options.json:
                print(f"{rows[-1]['name']:<48} {row['ms']:>5} ms  most {row['most']:>5} ms"
                      + ("  TOO SLOW" if row["ms"] > LIMIT else ""), flush=True)
        if views.wait() != 0:
            return 1
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.json:
        print(json.dumps(rows))
    return 0 if rows and all(row["ms"] <= LIMIT for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
