#!/usr/bin/python3
"""cmake --install puts everything in its place, the unit passes systemd-analyze verify, and the manual
pages are without warnings."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GALD_BUILD", REPOSITORY / "build/dev"))


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})


class Installation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="gald-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.done = run("cmake", "--install", str(BUILD), DESTDIR=str(cls.root))
        cls.prefix = next((path.parent.parent for path in cls.root.rglob("bin/gald")), cls.root)

    def test_every_file_is_in_its_place(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        installed = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        for name in ("bin/gald", "lib/systemd/system/gald.service", "lib/sysusers.d/gald.conf",
                     "share/man/man1/gald.1", "share/man/man5/gald.toml.5", "share/doc/gald/README.md",
                     "share/doc/gald/LICENSE", "share/doc/gald/examples/gald.toml", "share/doc/gald/sql.md",
                     "share/doc/gald/monitoring/alerts.yml", "share/doc/gald/monitoring/grafana.json"):
            self.assertIn(name, installed)

    def test_the_unit_passes_systemd_analyze(self):
        unit = self.prefix / "lib/systemd/system/gald.service"
        text = unit.read_text(encoding="utf-8")
        self.assertIn(f"ExecStart=/{self.prefix.relative_to(self.root)}/bin/gald run", text)
        # The program is looked for where it would be installed, so the copy names where it is now.
        copy = self.root / "gald.service"
        copy.write_text(text.replace(f"=/{self.prefix.relative_to(self.root)}/bin/gald",
                                     f"={self.prefix}/bin/gald"), encoding="utf-8")
        verified = run("systemd-analyze", "verify", "--man=no", str(copy))
        complaints = [line for line in verified.stderr.splitlines() if "gald" in line]
        self.assertEqual((verified.returncode, complaints), (0, []), verified.stderr)

    def test_another_prefix_moves_everything(self):
        with tempfile.TemporaryDirectory(prefix="gald-install-") as root:
            done = run("cmake", "--install", str(BUILD), "--prefix", "/opt/gald", DESTDIR=root)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([path.name for path in pathlib.Path(root).iterdir()], ["opt"])
            unit = pathlib.Path(root) / "opt/gald/lib/systemd/system/gald.service"
            self.assertIn("ExecStart=/opt/gald/bin/gald run", unit.read_text(encoding="utf-8"))

    def test_a_broken_unit_would_be_noticed(self):
        broken = self.root / "broken-gald.service"
        broken.write_text("[Service]\nTipe=notify\n", encoding="utf-8")
        verified = run("systemd-analyze", "verify", "--man=no", str(broken))
        self.assertTrue(verified.returncode != 0 or "broken-gald" in verified.stderr)

    def test_the_manual_pages_have_no_warnings(self):
        for page in ("share/man/man1/gald.1", "share/man/man5/gald.toml.5"):
            shown = run("man", "--warnings", "-l", str(self.prefix / page), MANROFFSEQ="", MANWIDTH="80",
                        LC_ALL="C.UTF-8")
            self.assertEqual((shown.returncode, shown.stderr), (0, ""), page)
            self.assertGreater(len(shown.stdout.splitlines()), 30, page)


if __name__ == "__main__":
    sys.argv[0] = __file__
    unittest.main()
