#!/usr/bin/python3
"""Runs the benchmarks: `run.py BENCH [--json] [--entries N] [--contacts N] [RECORDS]`, or only the import with
twenty readers, of as many contacts as one likes: `run.py BENCH [--json] --readers N`.

BENCH is the built program. The directory that it reads is made once and kept in GALD_BENCH_DIR, if that is
set; otherwise it is made anew, which takes a minute, and removed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from directory_server import DirectoryServer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--json", action="store_true", help="an array of {name, ratio, limit, cpu_s, peak_rss_mib}")
    parser.add_argument("--entries", type=int, default=200_000, help="people in the directory (default: 200000)")
    parser.add_argument("--contacts", type=int, default=100_000, help="contacts that are searched (default: 100000)")
    parser.add_argument("records", nargs="?", type=int, default=50_000, help="contacts of the index (default: 50000)")
    parser.add_argument("--readers", type=int, default=0, metavar="N", help="only an import of N with readers")
    options = parser.parse_args()
    as_json = ["--json"] if options.json else []
    if options.readers:
        return subprocess.run([options.bench, *as_json, "--readers", str(options.readers)], check=False).returncode
    kept = os.environ.get("GALD_BENCH_DIR")
    place = kept or tempfile.mkdtemp(prefix="gald-bench-")
    server = DirectoryServer(os.path.join(place, "directory"), options.entries)
    try:
        print(f"making a directory of {options.entries} people ...", file=sys.stderr)
        server.prepare()
        server.start()
        command = [options.bench, "--directory", server.url, server.directory]
        command += [*as_json, "--contacts", str(options.contacts)]
        return subprocess.run([*command, str(options.records)], check=False).returncode
    finally:
        server.stop()
        if not kept:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
