#!/usr/bin/python3
"""The steps on a stopped Samba domain controller that need Samba's own Python modules.

    dc_setup.py provision --dir DIR --realm R --domain D --host H --ip IP [--recycle-bin]
    dc_setup.py load --dir DIR              entries as JSON lines on standard input
    dc_setup.py rename --dir DIR DN NEW_DN  with everything below it

The `dc` script and lab.py run this as a process of its own: python3-samba brings its own LDAP
library, which must not share a process with python3-ldap.
"""

import argparse
import base64
import json
import logging
import os
import sys
import uuid

os.environ.setdefault("TDB_NO_FSYNC", "1")  # disposable data; must be set before ldb opens a file

import ldb
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

# ---- the part of Exchange's schema that directory readers meet -------------------------------------
#
# Names, syntaxes and numbers are those of a forest prepared for Exchange, as far as they are public.
# Where no number is known the arc 1.3.6.1.4.1.32473 stands in, which IANA keeps for documentation;
# LDAP clients only ever see the name.

STRING = ("2.5.5.12", 64)
INTEGER = ("2.5.5.9", 2)
INT64 = ("2.5.5.16", 65)
BOOLEAN = ("2.5.5.8", 1)
OCTETS = ("2.5.5.10", 4)

_MS = "1.2.840.113556.1."
_EXAMPLE = "1.3.6.1.4.1.32473.7."

#: lDAPDisplayName: (attribute number, syntax, largest length or None, single valued)
ROUTING_ATTRIBUTES = {
    "mailNickname": (_MS + "2.447", STRING, 64, True),
    "targetAddress": (_MS + "2.352", STRING, 1123, True),
    "msExchHideFromAddressLists": (_MS + "4.7000.102.73", BOOLEAN, None, True),
    "msExchRecipientDisplayType": (_MS + "4.7000.102.50730", INTEGER, None, True),
    "msExchRecipientTypeDetails": (_MS + "4.7000.102.50855", INT64, None, True),
    "msExchMailboxGuid": (_MS + "4.7000.102.11058", OCTETS, 16, True),
    "msExchRequireAuthToSendTo": (_MS + "4.5062", BOOLEAN, None, True),
    "msDS-ExternalDirectoryObjectId": (_MS + "4.2310", STRING, 256, True),
}
CUSTOM_ATTRIBUTES = {
    f"extensionAttribute{n}": (f"{_MS}2.{n + (422 if n <= 10 else 588)}", STRING, 1024 if n <= 10 else 2048, True)
    for n in range(1, 16)
}
CUSTOM_ATTRIBUTES |= {
    f"msExchExtensionAttribute{n}": (f"{_EXAMPLE}1.{n}", STRING, 2048, True) for n in range(16, 21)
}
CUSTOM_ATTRIBUTES |= {
    f"msExchExtensionCustomAttribute{n}": (f"{_EXAMPLE}2.{n}", STRING, 2048, False) for n in range(1, 6)
}

#: The custom attributes reach users, contacts and groups through one auxiliary class.
CUSTOM_CLASS = ("msExchCustomAttributes", _MS + "5.7000.62.6")

#: The service accounts, and what each may do beyond being an ordinary user.
ACCOUNTS = {
    "svc-gald": {"replicate", "see-deleted"},
    "svc-nodel": {"replicate"},
    "svc-plain": set(),
}
REPLICATING_DIRECTORY_CHANGES = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"
RECYCLE_BIN_FEATURE = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"


def schema_guid(name):
    """A stable schemaIDGUID: every forest of the lab has the same schema."""
    return uuid.uuid5(uuid.NAMESPACE_OID, "lab.schema." + name).bytes_le


class Controller:
    """The directory database of a stopped domain controller."""

    def __init__(self, directory, **open_options):
        self.directory = directory
        self.settings = LoadParm()
        self.settings.load(os.path.join(directory, "etc", "smb.conf"))
        self.settings.set("dsdb:schema update allowed", "yes")
        self.session = system_session(self.settings)
        self.db = SamDB(url=self.settings.private_path("sam.ldb"), session_info=self.session,
                        lp=self.settings, **open_options)
        self.base = str(self.db.domain_dn())
        self.partitions = [self.base, str(self.db.get_config_basedn())]

    def secret(self, account):
        with open(os.path.join(self.directory, "secrets", account), encoding="ascii") as file:
            return file.read()

    def in_transaction(self, step):
        self.db.transaction_start()
        try:
            step()
        except BaseException:
            self.db.transaction_cancel()
            raise
        self.db.transaction_commit()

    def change(self, dn, flag, values, controls=None):
        message = ldb.Message(ldb.Dn(self.db, dn))
        for name, value in values.items():
            message[name] = ldb.MessageElement(value, flag, name)
        self.db.modify(message, controls or [])

    # ---- schema ----

    def extend_schema(self):
        """Each step relies on the one before, and new names are known only after a commit."""
        root = str(self.db.get_schema_basedn())
        attributes = ROUTING_ATTRIBUTES | CUSTOM_ATTRIBUTES

        def add_attributes():
            for name, (number, (syntax, om_syntax), longest, single) in attributes.items():
                entry = {
                    "dn": f"CN=lab-{name},{root}",
                    "objectClass": ["top", "attributeSchema"],
                    "lDAPDisplayName": name,
                    "attributeID": number,
                    "attributeSyntax": syntax,
                    "oMSyntax": str(om_syntax),
                    "isSingleValued": "TRUE" if single else "FALSE",
                    "isMemberOfPartialAttributeSet": "TRUE",
                    "searchFlags": "1" if name in ROUTING_ATTRIBUTES else "0",
                    "schemaIDGUID": schema_guid(name),
                }
                if longest:
                    entry["rangeUpper"] = str(longest)
                self.db.add(entry)

        def add_class():
            name, number = CUSTOM_CLASS
            self.db.add({
                "dn": f"CN=lab-{name},{root}",
                "objectClass": ["top", "classSchema"],
                "lDAPDisplayName": name,
                "governsID": number,
                "objectClassCategory": "3",  # auxiliary
                "subClassOf": "top",
                "rDNAttID": "cn",
                "schemaIDGUID": schema_guid(name),
                "mayContain": list(CUSTOM_ATTRIBUTES),
            })

        def use_them():
            self.change(f"CN=Mail-Recipient,{root}", ldb.FLAG_MOD_ADD, {"mayContain": list(ROUTING_ATTRIBUTES)})
            for owner in ("User", "Contact", "Group"):
                self.change(f"CN={owner},{root}", ldb.FLAG_MOD_ADD, {"auxiliaryClass": CUSTOM_CLASS[0]})

        for step in (add_attributes, add_class, use_them):
            self.in_transaction(step)
            self.db.set_schema_update_now()

    # ---- accounts and rights ----

    def relax_passwords(self):
        """Tests create accounts without passwords, and clones must not age."""
        self.change(self.base, ldb.FLAG_MOD_REPLACE, {
            "pwdProperties": "0", "minPwdLength": "0", "minPwdAge": "0",
            "maxPwdAge": str(-2 ** 63), "pwdHistoryLength": "0"})

    def create_accounts(self):
        for name in ACCOUNTS:
            self.db.newuser(name, self.secret(name), useusernameascn=True,
                            description="service account of the test lab")

    def grant_rights(self):
        for name, rights in ACCOUNTS.items():
            found = self.db.search(self.base, expression=f"(sAMAccountName={name})", attrs=["objectSid"])
            sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
            for partition in self.partitions:
                if "replicate" in rights:
                    self.allow(partition, f"(OA;;CR;{REPLICATING_DIRECTORY_CHANGES};;{sid})")
                if "see-deleted" in rights:
                    self.allow(f"CN=Deleted Objects,{partition}", f"(A;CI;RPLC;;;{sid})")

    def allow(self, dn, ace):
        """Put an access control entry in front of the others of an object."""
        SDUtils(self.db).update_aces_in_dacl(
            dn, add_aces=[{"idx": 0, "ace": ace}],
            controls=["show_deleted:1", f"sd_flags:1:{security.SECINFO_DACL}"])

    def name_services(self):
        """Let Kerberos clients ask for ldap/<name>, and for ldap/<address> where no DNS is.

        A whole range is registered because a clone may be given another address.
        """
        host = self.settings.get("netbios name")
        names = [f"{host}.{self.settings.get('realm')}".lower(), *(f"127.0.0.{n}" for n in range(1, 100))]
        found = self.db.search(self.base, expression=f"(sAMAccountName={host}$)", attrs=[])
        self.change(str(found[0].dn), ldb.FLAG_MOD_ADD,
                    {"servicePrincipalName": ["ldap/" + name for name in names]})

    def export_keytab(self, account):
        import samba.dckeytab  # noqa: F401  adds export_keytab to Net
        from samba.net import Net
        path = os.path.join(self.directory, "secrets", account + ".keytab")
        Net(Credentials(), self.settings).export_keytab(
            keytab=path, principal=f"{account}@{self.settings.get('realm')}")
        os.chmod(path, 0o600)

    def enable_recycle_bin(self):
        self.change("", ldb.FLAG_MOD_ADD, {
            "enableOptionalFeature": f"CN=Partitions,{self.partitions[1]}:{RECYCLE_BIN_FEATURE}"})


def provision(options):
    from samba.provision import provision as provision_forest
    log = logging.getLogger("provision")
    log.addHandler(logging.StreamHandler())
    conf = os.path.join(options.dir, "etc", "smb.conf")
    settings = LoadParm()
    settings.load(conf)
    with open(os.path.join(options.dir, "secrets", "administrator"), encoding="ascii") as file:
        admin_password = file.read()
    provision_forest(
        log, system_session(), smbconf=conf, targetdir=options.dir, lp=settings, realm=options.realm,
        domain=options.domain, hostname=options.host, hostip=options.ip, adminpass=admin_password,
        serverrole="active directory domain controller", dom_for_fun_level=4,  # 2008 R2, as the recycle bin needs
        base_schema="2012_R2", dns_backend="NONE",
        skip_sysvolacl=True)  # no file service runs, and file systems without ACLs must do

    controller = Controller(options.dir)
    controller.extend_schema()
    for step in (controller.relax_passwords, controller.create_accounts,
                 controller.grant_rights, controller.name_services):
        controller.in_transaction(step)
    if options.recycle_bin:
        controller.enable_recycle_bin()
    controller.export_keytab("svc-gald")


def load(options):
    """Add entries, one JSON object {"dn": …, "attrs": {name: [value…]}} per line.

    A value is a string, or {"b64": …} for octets. All in one transaction: batch mode leaves the index
    work to its end, and the larger index cache keeps that in memory. Together they are what makes
    ten thousand entries take seconds instead of minutes.
    """
    controller = Controller(options.dir, options=["batch_mode:1", "transaction_index_cache_size:200000"])

    def octets(value):
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("utf-8")

    def add_all():
        for line in sys.stdin.buffer:
            entry = json.loads(line)
            message = {name: [octets(value) for value in values] for name, values in entry["attrs"].items()}
            message["dn"] = entry["dn"]
            try:
                controller.db.add(message)
            except ldb.LdbError as error:
                raise SystemExit(f"cannot add {entry['dn']}: {error.args[1]}") from None

    controller.in_transaction(add_all)


def rename(options):
    """What the server does for a renamed container, without its limit of 300 seconds: outside of batch mode the index
    of every object below is written one by one, and 10,000 of them take about that long.
    """
    controller = Controller(options.dir, options=["batch_mode:1", "transaction_index_cache_size:200000"])
    controller.in_transaction(lambda: controller.db.rename(options.dn, options.new_dn))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, function in (("provision", provision), ("load", load), ("rename", rename)):
        command = commands.add_parser(name)
        command.add_argument("--dir", required=True)
        command.set_defaults(function=function)
        if function is provision:
            for option in ("--realm", "--domain", "--host", "--ip"):
                command.add_argument(option, required=True)
            command.add_argument("--recycle-bin", action="store_true")
        if function is rename:
            command.add_argument("dn")
            command.add_argument("new_dn")
    options = parser.parse_args()
    options.function(options)


if __name__ == "__main__":
    main()
