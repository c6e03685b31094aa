"""A fast LDAP server for the benchmark: OpenLDAP's slapd with entries that look like those of Active
Directory, over LDAPS on a free port of this machine, unprivileged and apart from any slapd of the system.
"""

import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid

#: a change of what is generated below makes a kept directory useless
VERSION = 4

BASE = "dc=bench,dc=test"
PASSWORD = "benchmark"
READER = "cn=reader," + BASE

#: AD's names that OpenLDAP's own schemas do not know; the OIDs are of the arc for documentation
STRINGS = """name sAMAccountName userPrincipalName mailNickname targetAddress legacyExchangeDN company department
    employeeID proxyAddresses extensionAttribute1""".split()
BYTES = "objectGUID parentGUID objectSid mS-DS-ConsistencyGuid".split()
NUMBERS = "userAccountControl accountExpires msExchRecipientTypeDetails uSNChanged".split()
ARC = "1.3.6.1.4.1.32473.77"

#: single-valued text columns of the comparison file, in the order of the directory's attributes
COLUMNS = """dn objectClass objectGUID parentGUID name objectSid sAMAccountName userPrincipalName userAccountControl
    accountExpires displayName givenName sn initials company department title physicalDeliveryOfficeName employeeID
    mail mailNickname proxyAddresses legacyExchangeDN targetAddress telephoneNumber mobile street l st postalCode co
    extensionAttribute1 msExchRecipientTypeDetails""".split()
BINARY = set(BYTES)

GIVEN = "Jürgen Anneliese François Małgorzata Jiří Çağla Björk Ελένη Алексей Олексій 美咲 서연 Siân Noah".split()
FAMILY = "Müller Köhler Lefèvre Wiśniewska Dvořák Yılmaz Jónsdóttir Παπαδόπουλος Щукин Шевченко 山田 김 O'Connell Ng".split()
TITLES = ["Engineer", "Head of Sales", "Sachbearbeiterin", "Directrice générale", "Менеджер", "課長"]
CITIES = ["München", "Łódź", "São Paulo", "東京", "Αθήνα", "Reykjavík"]
UNITS = 60


def schema():
    """The missing attributes and two classes, as slapd.conf wants them."""
    lines = []
    for number, name in enumerate(STRINGS + BYTES + NUMBERS, 1):
        if name in BYTES:
            syntax = "EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40"
        elif name in NUMBERS:
            syntax = ("EQUALITY integerMatch ORDERING integerOrderingMatch"
                      " SYNTAX 1.3.6.1.4.1.1466.115.121.1.27")
        else:
            syntax = "EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
        single = "" if name == "proxyAddresses" else " SINGLE-VALUE"
        clash = "benchName" if name == "name" else name
        if name != "name":  # the supertype of OpenLDAP's own
            lines.append(f"attributetype ( {ARC}.1.{number} NAME '{clash}' {syntax}{single} )")
    may = " $ ".join([name for name in STRINGS + BYTES + NUMBERS if name != "name"] +
                     "displayName givenName initials mail mobile co uid".split())
    for number, name in enumerate(("user", "contact"), 1):
        lines.append(f"objectclass ( {ARC}.2.{number} NAME '{name}' SUP organizationalPerson STRUCTURAL"
                     f" MAY ( {may} ) )")
    lines.append(f"objectclass ( {ARC}.2.3 NAME 'identified' SUP top AUXILIARY MAY ( objectGUID $ parentGUID ) )")
    # what the filter names must be known, or the server takes it for undefined
    for number, name in enumerate(("computer", "group", "container", "domainDNS", "builtinDomain"), 4):
        lines.append(f"objectclass ( {ARC}.2.{number} NAME '{name}' SUP top STRUCTURAL MAY description )")
    return "\n".join(lines) + "\n"


def guid(name):
    return uuid.uuid5(uuid.NAMESPACE_X500, name).bytes_le


def unit_dn(number):
    return f"ou=Unit {number},{BASE}"


def person(number, source):
    """One entry: (DN, {attribute: value or list})."""
    is_contact = number % 5 == 0
    given, family = source.choice(GIVEN), source.choice(FAMILY)
    alias = f"{'c' if is_contact else 'u'}{number:07d}"
    mail = f"{alias}@{'fabrikam' if is_contact else 'contoso'}.test"
    unit = unit_dn(number % UNITS)
    cn = f"{given} {family} {number}"
    entry = {
        "objectClass": ["top", "person", "organizationalPerson", "contact" if is_contact else "user"],
        "cn": cn, "objectGUID": guid(alias), "parentGUID": guid(unit), "displayName": f"{family}, {given}",
        "givenName": given, "sn": family, "initials": "X", "company": "Contoso GmbH & Co. KG",
        "department": f"Department {number % 97}", "title": source.choice(TITLES),
        "physicalDeliveryOfficeName": f"Building {number % 40}, room {number % 300}", "employeeID": f"{number:07d}",
        "mail": mail, "mailNickname": alias,
        "proxyAddresses": [f"SMTP:{mail}", f"smtp:{alias}@contoso.onmicrosoft.test", f"smtp:person.{number}@contoso.test"],
        "legacyExchangeDN": f"/o=Contoso/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={alias}",
        "telephoneNumber": f"+49 30 {number % 9000000 + 1000000}", "mobile": f"+49 171 {number % 9000000 + 1000000}",
        "street": f"Hauptstraße {number % 200 + 1}", "l": source.choice(CITIES), "st": "Bayern",
        "postalCode": f"{number % 90000 + 10000}", "co": "Germany", "extensionAttribute1": f"EMP-{number:07d}",
        "uSNChanged": number + 1000,
    }
    if is_contact:
        entry["targetAddress"] = f"SMTP:{mail}"
    else:
        entry.update({
            "objectSid": b"\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00" + source.randbytes(12) +
                         number.to_bytes(4, "little"),
            "sAMAccountName": alias, "userPrincipalName": mail, "userAccountControl": 514 if number % 17 == 0 else 512,
            "accountExpires": 0 if number % 9 else 134500000000000000 + number, "msExchRecipientTypeDetails": 1})
    return f"cn={cn},{unit}", entry


def ldif_line(name, value):
    data = value if isinstance(value, bytes) else str(value).encode()
    plain = data and data[0] not in b" :<" and data[-1:] != b" " and all(32 <= c < 127 for c in data)
    return f"{name}: {data.decode()}\n" if plain else f"{name}:: {base64.b64encode(data).decode()}\n"


def write_entry(out, dn, entry):
    out.write(ldif_line("dn", dn))
    for name, value in entry.items():
        for each in value if isinstance(value, list) else [value]:
            out.write(ldif_line(name, each))
    out.write("\n")


def csv_field(entry, name):
    value = entry.get("cn" if name == "name" else name, "")
    if isinstance(value, list):
        value = "\n".join(value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return '"' + str(value).replace('"', '""') + '"'


class DirectoryServer:
    """slapd with `count` people in a directory that is kept between runs when it has a name."""

    def __init__(self, directory, count):
        self.directory = directory
        self.count = count
        self.process = None
        self.port = 0

    @property
    def url(self):
        return f"ldaps://127.0.0.1:{self.port}"

    def path(self, name):
        return os.path.join(self.directory, name)

    def prepare(self):
        """Generates and loads, unless an earlier run did."""
        wanted = json.dumps([VERSION, self.count])
        try:
            with open(self.path("ready"), encoding="ascii") as file:
                if file.read() == wanted:
                    return
        except OSError:
            pass
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.path("db"))
        self._write_configuration()
        self._load()
        with open(self.path("ready"), "w", encoding="ascii") as file:
            file.write(wanted)

    def _write_configuration(self):
        with open(self.path("bench.schema"), "w", encoding="ascii") as file:
            file.write(schema())
        with open(os.open(self.path("password"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(PASSWORD)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"), "-days", "3650",
                        "-subj", "/CN=gald benchmark", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        columns = ", ".join(f'"{name}" TEXT' for name in COLUMNS)
        with open(self.path("columns.sql"), "w", encoding="ascii") as file:
            file.write(f"CREATE TABLE entry ({columns})")
        schemas = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
        with open(self.path("slapd.conf"), "w", encoding="ascii") as file:
            file.write(f"{schemas}include {self.path('bench.schema')}\n"
                       "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
                       f"pidfile {self.path('slapd.pid')}\nTLSCertificateFile {self.path('cert.pem')}\n"
                       f"TLSCertificateKeyFile {self.path('key.pem')}\nthreads 4\ntool-threads 2\nsizelimit unlimited\n"
                       f'database mdb\nsuffix "{BASE}"\nrootdn "{READER}"\nrootpw {PASSWORD}\n'
                       f"directory {self.path('db')}\nmaxsize 8589934592\nenvflags nosync nometasync\n"
                       "index objectClass eq\n")

    def _load(self):
        source = random.Random(42)
        with subprocess.Popen(["slapadd", "-q", "-f", self.path("slapd.conf")], stdin=subprocess.PIPE, text=True,
                              encoding="utf-8", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as loader, \
                open(self.path("entries.csv"), "w", encoding="utf-8") as table:
            write_entry(loader.stdin, BASE, {"objectClass": ["dcObject", "organization"], "dc": "bench", "o": "bench"})
            for number in range(UNITS):
                write_entry(loader.stdin, unit_dn(number),
                            {"objectClass": ["organizationalUnit", "identified"], "ou": f"Unit {number}",
                             "objectGUID": guid(unit_dn(number)), "parentGUID": guid(BASE)})
            for number in range(self.count):
                dn, entry = person(number, source)
                write_entry(loader.stdin, dn, entry)
                table.write(",".join(csv_field({"dn": dn, **entry}, name) for name in COLUMNS) + "\n")
            loader.stdin.close()
            complaint = loader.stderr.read()
        if loader.returncode != 0:
            raise SystemExit(f"slapadd failed: {complaint.strip()}")

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-f", self.path("slapd.conf"), "-h", self.url, "-d", "0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(400):
            if self.process.poll() is not None:
                raise SystemExit(f"slapd ended with code {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit("slapd does not answer")

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process = None
