#!/usr/bin/python3
"""Exports, as the programs that read them see them: the values that went in come out, hostile ones too.

What a file must contain is made anew here, from `gald list --json`. The programs are Debian's: LibreOffice,
openpyxl, Python's csv, vobject, and OpenLDAP's slapadd.
"""

import base64
import csv
import io
import json
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import unittest
import zipfile

import openpyxl
import vobject

from company import BAD_USAGE, COMPLETE, FAILED, main
from lab import Gald, Tenant
from test_cloud import user

VISIBLE = ["DisplayName", "EmailAddress", "FirstName", "LastName", "Company", "JobTitle", "BusinessPhone"]

#: What a directory may hold, and what a file may trip over.
HOSTILE = [
    "=cmd|'/C calc'!A0", "=HYPERLINK(\"http://evil.test\",\"x\")", "+1+1", "-2+3", "@SUM(1,2)", "＝1+1", "'=1",
    "'t Hooft", "Doe, Jane", "Doe; Jane", "back\\slash\\n", "\"quoted\" \"\"twice", "first line\nsecond line",
    "tab\there", "x\t=1+1", "x,=1+1", "x;=1+1", "Jos\u00e9 M\u00fcller", "Jose\u0301 combining", "\u05d3\u05d5\u05d3 RTL", "\u200f\u0645\u062d\u0645\u062f",
    "\u674e\u5c0f\u9f8d", "\u5c71\u7530\u592a\u90ce", "\U0001F468\u200d\U0001F469\u200d\U0001F467 family \U0001F600",
    "<b>&amp;</b>", "]]>", "_x0041_", "_x005F_", "a:b", ":colon", "<less", "#hash", "{brace}", "$1", "%00",
    "007", "1e5", "2026-11-21", "TRUE", "NULL", "BEGIN:VCARD", "END:VCARD\nBEGIN:VCARD", "x" * 250, "\u4e2d" * 250,
    "na\u0308me " * 40, "control\x01\x1fcharacters", "line\u2028separator",
]


def without_controls(text):
    """What a workbook and a vCard cannot hold."""
    return "".join(c for c in text if c >= " " or c in "\t\n")


def restored(cell):
    """docs/exports.md: the apostrophe goes where a value follows that would have got one."""
    if not cell.startswith("'"):
        return cell
    rest = cell.lstrip("'")
    visible = rest.lstrip("".join(map(chr, range(33))) + "\x7f\x85\u00a0\u00ad\u061c\u1680\u180e"
                          + "".join(map(chr, range(0x2000, 0x2010))) + "\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
                          "\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u3000\ufeff")
    dangerous = rest[:1] in ("\t", "\r", "\n") or visible[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    return cell[1:] if dangerous and rest else cell


def visible_row(contact):
    """The default columns of a contact object."""
    phones = [phone["raw"] for phone in contact["phones"] if phone["type"] == "business"]
    return [contact["displayName"] or "", contact["mail"] or "", contact["givenName"] or "", contact["surname"] or "",
            contact["companyName"] or "", contact["jobTitle"] or "", (phones + [""])[0]]


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="gald-exports-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        tenant = Tenant(os.path.join(cls.directory, "tenant")).start()
        try:
            people = [user(number, displayName=name, givenName=name[:60], surname=name[::-1][:60],
                           companyName=name[:60], jobTitle=f"Title {name[:50]}",
                           businessPhones=[["+49 89 1234567", "**610", "089/123-45", "-1 =x", "+49 (0)89 12 ext. 5"][number % 5]])
                      for number, name in enumerate(HOSTILE)]
            tenant.bulk(users=people, groups=[
                {"displayName": "Sales; \"Süd\"", "members": [{"type": "user", "id": person["id"]} for person in people[:7]]}])
            cls.gald = Gald(os.path.join(cls.directory, "gald"), tenant=tenant, exchange=False)
            done = cls.gald.sync("--quiet")
            assert done.code == COMPLETE, done
        finally:
            tenant.stop()
        cls.contacts = [json.loads(line) for line in cls.gald.run("list", "--json").out.split("\n") if line]
        cls.rows = [visible_row(contact) for contact in cls.contacts]

    def export(self, kind, *arguments, code=COMPLETE):
        """The bytes of an export to a file."""
        path = os.path.join(tempfile.mkdtemp(dir=self.directory), f"gal.{kind}")
        done = self.gald.run("export", "--format", kind, "--output", path, *arguments)
        self.assertEqual((done.code, done.out, done.err), (code, "", ""))
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def office(self, path, to, infilter=None):
        """The file, opened by LibreOffice and saved as something else."""
        out = tempfile.mkdtemp(dir=self.directory)
        command = ["soffice", f"-env:UserInstallation=file://{self.directory}/office", "--headless",
                   "--convert-to", to, "--outdir", out]
        if infilter:
            command.append(f"--infilter={infilter}")
        done = subprocess.run([*command, path], capture_output=True, text=True, timeout=180, check=False)
        made = os.listdir(out)
        self.assertEqual(len(made), 1, done)
        return os.path.join(out, made[0])

    def assertRows(self, expected, actual):
        self.assertEqual(len(actual), len(expected))
        for one, other in zip(expected, actual):
            self.assertEqual(one, other)

    # --- what went in --------------------------------------------------------------------------------

    def test_the_hostile_names_are_in_the_index(self):
        self.assertEqual(sorted(contact["displayName"] for contact in self.contacts), sorted(HOSTILE))

    # --- CSV -----------------------------------------------------------------------------------------

    def test_csv(self):
        text = self.read(self.export("csv")).decode("utf-8")
        self.assertTrue(text.startswith(",".join(VISIBLE) + "\r\n"))
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        self.assertRows(self.rows, [[restored(cell) for cell in row] for row in table[1:]])
        for row in table[1:]:
            for cell in row:
                self.assertNotIn(cell[:1], tuple("=+-@\t\r\n") + tuple("＝＋－＠") if cell else ())

    def test_csv_with_all_columns(self):
        table = list(csv.DictReader(io.StringIO(self.read(self.export("csv", "--columns", "all")).decode(), newline="")))
        for contact, row in zip(self.contacts, table, strict=True):
            self.assertEqual(row["Id"], contact["id"])
            self.assertEqual(row["Groups"], "; ".join(
                group["displayName"].replace("\\", "\\\\").replace(";", "\\;") for group in contact["groups"]))
            self.assertEqual(row["ChangeNumber"], str(contact["changeNumber"]))
            self.assertEqual(row["UserPrincipalName"], contact["userPrincipalName"])
            self.assertEqual(row["Department"], contact["department"])

    def test_csv_in_libreoffice(self):
        path = self.export("csv")
        columns = "/".join(f"{number}/2" for number in range(1, len(VISIBLE) + 1))  # 2: text
        back = self.read(self.office(path, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false",
                                     f"CSV:44,34,76,1,{columns}"))
        table = list(csv.reader(io.StringIO(back.decode("utf-8-sig"), newline="")))
        self.assertEqual(table[0], VISIBLE)
        self.assertRows([[without_controls(cell) for cell in row] for row in self.rows],
                        [[without_controls(restored(cell)) for cell in row] for row in table[1:]])

    def test_csv_gives_libreoffice_nothing_to_calculate(self):
        made = self.export("csv", "--columns", "all")
        for separators in ("44", "9/44/59"):  # a comma; what is ticked when somebody opens a file
            with self.subTest(separators):
                sheet = openpyxl.load_workbook(self.office(made, "xlsx", f"CSV:{separators},34,76,1")).active
                self.assertEqual([cell.coordinate for row in sheet.iter_rows() for cell in row
                                  if cell.data_type == "f"], [])
                self.assertEqual(sheet.max_row, len(self.contacts) + 1)

    # --- XLSX ----------------------------------------------------------------------------------------

    def test_xlsx(self):
        book = openpyxl.load_workbook(self.export("xlsx"))
        self.assertEqual(book.sheetnames, ["Contacts", "Overview"])
        sheet = book["Contacts"]
        self.assertEqual(sheet.freeze_panes, "A2")
        self.assertEqual(sheet.auto_filter.ref, f"A1:G{len(self.contacts) + 1}")
        table = [["" if cell is None else openpyxl.utils.escape.unescape(cell) for cell in row]
                 for row in sheet.iter_rows(values_only=True)]
        self.assertEqual(table[0], VISIBLE)
        self.assertRows([[without_controls(cell) for cell in row] for row in self.rows], table[1:])
        self.assertEqual({cell.data_type for row in sheet.iter_rows() for cell in row if cell.value}, {"s"})
        totals = {(topic, name): count for topic, name, count in book["Overview"].iter_rows(min_row=2, values_only=True)}
        self.assertEqual(totals[("contacts", "all")], len(self.contacts))
        self.assertEqual(totals[("source", "cloud")], len(self.contacts))
        self.assertEqual(totals[("group", "Sales; \"Süd\"")], 7)

    def test_xlsx_in_libreoffice(self):
        back = self.read(self.office(self.export("xlsx"),
                                     "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"))
        table = list(csv.reader(io.StringIO(back.decode("utf-8-sig"), newline="")))
        self.assertEqual(table[0], VISIBLE)
        self.assertRows([[without_controls(cell) for cell in row] for row in self.rows], table[1:])

    # --- vCard ---------------------------------------------------------------------------------------

    def test_vcards(self):
        for kind, version in (("vcf", "4.0"), ("vcf3", "3.0")):
            with self.subTest(kind):
                raw = self.read(self.export(kind))
                self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 75)
                self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
                for line in raw.split(b"\r\n"):
                    line.decode("utf-8")  # no character is cut
                cards = list(vobject.readComponents(raw.decode("utf-8")))
                self.assertEqual(len(cards), len(self.contacts))
                for contact, card in zip(self.contacts, cards):
                    self.assertEqual(card.version.value, version)
                    self.assertEqual(card.uid.value, "urn:uuid:" + contact["id"])
                    self.assertEqual(card.fn.value, without_controls(contact["displayName"]))
                    self.assertEqual(card.n.value.family, without_controls(contact["surname"]))
                    self.assertEqual(card.n.value.given, without_controls(contact["givenName"]))
                    self.assertEqual(card.org.value, [without_controls(contact["companyName"]), contact["department"]])
                    self.assertEqual(card.title.value, without_controls(contact["jobTitle"]))
                    self.assertEqual(card.email.value, contact["mail"])
                    for phone, told in zip(contact["phones"], card.contents["tel"], strict=True):
                        expected = phone["raw"]
                        if version == "4.0" and phone["e164"]:
                            expected = "tel:" + phone["e164"] + (f";ext={phone['extension']}" if phone["extension"] else "")
                        self.assertEqual(told.value, expected)

    # --- LDIF ----------------------------------------------------------------------------------------

    def test_ldif_in_openldap(self):
        path = self.export("ldif", "--base", "ou=gal,dc=contoso,dc=test")
        self.assertLessEqual(max(map(len, self.read(path).split(b"\n"))), 76)
        home = tempfile.mkdtemp(dir=self.directory)
        conf = os.path.join(home, "slapd.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.writelines(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
            file.write("modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nmaxsize 104857600\n"
                       f"suffix ou=gal,dc=contoso,dc=test\ndirectory {home}\n")
        root = "dn: ou=gal,dc=contoso,dc=test\nobjectClass: organizationalUnit\nou: gal\n"

        def slapd(tool, *arguments, **options):
            done = subprocess.run([f"/usr/sbin/{tool}", "-f", conf, *arguments], capture_output=True, text=True,
                                  timeout=60, check=False, **options)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        slapd("slapadd", input=root)
        text = self.read(path).decode("ascii")
        self.assertTrue(text.startswith("version: 1\n"))
        slapd("slapadd", input=text.split("\n", 1)[1])  # it knows no version, as ldapadd does
        entries = {}
        for block in slapd("slapcat", "-o", "ldif-wrap=no").split("\n\n"):
            values = {}
            for line in filter(None, block.split("\n")):
                name, _, text = line.partition(":")
                value = base64.b64decode(text[1:]).decode("utf-8") if text.startswith(":") else text[1:]
                values.setdefault(name, []).append(value)
            entries[values.get("uid", [""])[0]] = values
        for contact in self.contacts:
            entry = entries[contact["id"]]
            self.assertEqual(entry["cn"], [contact["displayName"]])
            self.assertEqual(entry["sn"], [contact["surname"]])
            self.assertEqual(entry["o"], [contact["companyName"]])
            self.assertEqual(entry["title"], [contact["jobTitle"]])
            self.assertEqual(entry["mail"][0], contact["mail"])

    # --- JSON Lines, and to a pipe -------------------------------------------------------------------

    def test_json_lines(self):
        self.assertEqual(self.read(self.export("jsonl")).decode(), self.gald.run("list", "--json").out)

    def test_standard_output(self):
        done = self.gald.run("export", "--format", "ldif", "--group", "Sales; \"Süd\"")
        self.assertEqual((done.code, done.out.count("\ndn: "), done.err), (COMPLETE, 7, ""))
        self.assertEqual(self.gald.run("export", "--format", "xlsx").code, BAD_USAGE)
        refused = self.gald.run("export", "--format", "csv", "--group", "nobody's")
        self.assertEqual(refused.code, FAILED)
        self.assertIn("nobody's", refused.err)

    # --- the file ------------------------------------------------------------------------------------

    def test_the_file_is_replaced_when_it_is_complete(self):
        folder = tempfile.mkdtemp(dir=self.directory)
        real, link = os.path.join(folder, "real.csv"), os.path.join(folder, "link.csv")
        with open(real, "w", encoding="ascii") as file:
            file.write("old")
        os.symlink("real.csv", link)
        self.assertEqual(self.gald.run("export", "--format", "csv", "--output", link).code, COMPLETE)
        self.assertTrue(os.path.islink(link))
        self.assertTrue(self.read(real).startswith(b"DisplayName"))
        self.assertEqual(stat.S_IMODE(os.stat(real).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(folder)), ["link.csv", "real.csv"])

    def assertRefusedWithin(self, limit, kind):
        """No file may become larger than the limit: a disk that is full."""
        folder = tempfile.mkdtemp(dir=self.directory)
        path = os.path.join(folder, "gal")
        # the first reader of an index makes a file beside it
        reader = sqlite3.connect(f"file:{self.gald.index_path}?mode=ro", uri=True)
        self.addCleanup(reader.close)
        reader.execute("SELECT count(*) FROM contacts").fetchone()
        with open(path, "w", encoding="ascii") as file:
            file.write("old")

        def small():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run([self.gald.binary, "--config", self.gald.config, "export", "--format", kind, "--output", path],
                              capture_output=True, text=True, timeout=60, preexec_fn=small, check=False)
        self.assertEqual(done.returncode, FAILED, (kind, limit, done))
        self.assertIn(folder, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(os.listdir(folder), ["gal"])
        self.assertEqual(self.read(path), b"old")

    def test_a_full_disk_leaves_the_old_file(self):
        for kind in ("csv", "vcf", "vcf3", "jsonl", "ldif"):
            size = os.path.getsize(self.export(kind))
            for limit in (1, size // 2, size - 1):
                self.assertRefusedWithin(limit, kind)

    def test_a_full_disk_leaves_the_old_workbook(self):
        """Rows that were put aside, and the sheet that is made of them."""
        path = self.export("xlsx")
        with zipfile.ZipFile(path) as book:
            sheet = book.getinfo("xl/worksheets/sheet1.xml").file_size
        for limit in (1, sheet // 2, sheet - 100, sheet - 1):
            self.assertRefusedWithin(limit, "xlsx")


if __name__ == "__main__":
    main()
