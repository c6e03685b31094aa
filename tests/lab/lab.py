#!/usr/bin/python3
"""The test lab as a Python library: a domain controller, a tenant, and gald between them.

    from lab import DomainController, Tenant, Gald

    with DomainController.provisioned() as dc, Tenant(where) as tenant:
        dc.start()
        tenant.start()
        dc.add("OU=Staff," + dc.base_dn, {"objectClass": "organizationalUnit"})
        gald = Gald(where, dc=dc, tenant=tenant)
        code, out, err = gald.sync()

Nothing here knows unittest; a test case keeps these objects in setUpClass and calls close() at the
end, or uses them as context managers. Run with /usr/bin/python3 (needs Debian's python3-ldap).
"""

import base64
import collections
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import ldap
import ldap.dn
import ldap.modlist
from ldap.controls import LDAPControl, RequestControl, ResponseControl
from ldap.controls.libldap import SimplePagedResultsControl
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import namedtype, univ

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"  # Debian's own: the one that has the ldap and samba modules

SHOW_DELETED = LDAPControl("1.2.840.113556.1.4.417", True)

#: What a command said: its exit code and both outputs as text.
Result = collections.namedtuple("Result", "code out err")


class LabError(Exception):
    """Something in the lab itself did not work; its text is meant to be read."""


class TenantError(LabError):
    """The tenant refused a request of the control interface; `status` is its HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


# ---- values ---------------------------------------------------------------------------------------

def octets(value):
    """One attribute value as LDAP carries it."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"TRUE" if value else b"FALSE"
    if isinstance(value, uuid.UUID):
        return value.bytes_le  # the byte order of objectGUID and mS-DS-ConsistencyGuid
    return str(value).encode("utf-8")


def value_list(values):
    """The values of one attribute, given as one value, a list of values or None."""
    if values is None:
        return []
    if isinstance(values, (list, tuple, set)):
        return [octets(value) for value in values]
    return [octets(values)]


def child(name, parent, kind="CN"):
    """The DN of an object called `name`, whatever characters that holds, below `parent`."""
    return f"{kind}={ldap.dn.escape_dn_chars(name)},{parent}"


def guid_text(value):
    """The usual notation of 16 GUID bytes."""
    return str(uuid.UUID(bytes_le=value))


def sid_text(value):
    """S-1-5-… of a binary SID."""
    authority = int.from_bytes(value[2:8], "big")
    parts = [int.from_bytes(value[at:at + 4], "little") for at in range(8, 8 + 4 * value[1], 4)]
    return "-".join(["S", str(value[0]), str(authority), *map(str, parts)])


def wait_until(condition, seconds, what):
    """Poll until condition() is true; fail with a sentence when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


class DirSyncControl(RequestControl, ResponseControl):
    """The control that asks for what changed since a cookie was given out, and carries the next one."""

    controlType = "1.2.840.113556.1.4.841"

    class Value(univ.Sequence):
        componentType = namedtype.NamedTypes(
            namedtype.NamedType("number", univ.Integer()),  # flags when asking, "more to come" when answering
            namedtype.NamedType("size", univ.Integer()),
            namedtype.NamedType("cookie", univ.OctetString()))

    def __init__(self, cookie=b"", flags=0):
        super().__init__(self.controlType, criticality=True)
        self.cookie = cookie
        self.number = flags

    def encodeControlValue(self):
        value = self.Value()
        value["number"], value["size"], value["cookie"] = self.number, 0, self.cookie
        return encoder.encode(value)

    def decodeControlValue(self, encodedControlValue):
        value, _ = decoder.decode(encodedControlValue, asn1Spec=self.Value())
        self.number, self.cookie = int(value["number"]), bytes(value["cookie"])


# ---- the domain controller ------------------------------------------------------------------------

def run_dc(*arguments, **environment):
    """Call the `dc` script; its own message becomes the exception's text."""
    done = subprocess.run([os.path.join(HERE, "dc"), *arguments], env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(done.stderr.strip() or f"dc {arguments[0]} failed")
    return done.stdout


def reserve_address(cache_dir):
    """A loopback address on which nobody serves LDAP, and the lock that keeps other test programs
    from choosing it too. Closing the lock gives the address back; so does the end of the process.
    """
    for number in range(30, 100):
        address = f"127.0.0.{number}"
        lock = open(os.path.join(cache_dir, address + ".lock"), "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in (389, 636):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
            return address, lock
        except OSError as error:
            lock.close()
            if error.errno == errno.EACCES:
                raise LabError("needs root or CAP_NET_BIND_SERVICE to serve LDAP") from None
    raise LabError("every loopback address of the lab is in use")


class DomainController:
    """A Samba domain controller in a directory, made by the `dc` script."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.remove_on_close = False
        self.reserved = None
        self._admin = None
        self._read_settings()

    def _read_settings(self):
        lines = run_dc("env", self.directory).splitlines()
        self.settings = dict(line.split("=", 1) for line in lines)
        self.ip = self.settings["DC_IP"]
        self.uri = self.settings["DC_URI"]
        self.ca = self.settings["DC_CA"]
        self.base_dn = self.settings["DC_BASE_DN"]
        self.domain = self.settings["DC_DNSDOMAIN"]

    @classmethod
    def pair(cls, **settings):
        """Two fresh, stopped controllers of one domain, on two free addresses, in temporary directories.

        `settings` go to both, as DC_STRONG_AUTH does. What changes on one comes to the other by pull().
        """
        cache_dir = cls.cache_dir()
        original = cls._join_once(cache_dir)
        both = []
        for name in ("dc1", "dc2"):
            ip, reserved = reserve_address(cache_dir)
            directory = os.path.join(tempfile.mkdtemp(prefix=f"gald-{name}-"), "dc")
            run_dc("clone", directory, os.path.join(original, name), DC_IP=ip, **settings)
            controller = cls(directory)
            controller.remove_on_close, controller.reserved = True, reserved
            both.append(controller)
        return both

    @staticmethod
    def cache_dir():
        return os.environ.get("LAB_CACHE") or os.path.join(tempfile.gettempdir(), f"gald-lab-{os.getuid()}")

    @classmethod
    def _join_once(cls, cache_dir):
        first = cls._provision_once(cache_dir, False)
        kept = os.path.join(cache_dir, "pair-" + os.path.basename(first).partition("-")[2])
        with open(kept + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.isdir(kept):
                unfinished = kept + ".new"
                shutil.rmtree(unfinished, ignore_errors=True)
                addresses = [reserve_address(cache_dir) for _ in range(2)]
                one, two = os.path.join(unfinished, "dc1"), os.path.join(unfinished, "dc2")
                # a joining controller asks over RPC and CLDAP
                run_dc("clone", one, first, DC_IP=addresses[0][0], DC_SERVICES="ldap kdc rpc cldap")
                run_dc("start", one)
                try:
                    run_dc("join", two, one, DC_IP=addresses[1][0])
                    run_dc("start", two)
                    run_dc("stop", two)
                finally:
                    run_dc("stop", one)
                    for _, reserved in addresses:
                        reserved.close()
                os.rename(unfinished, kept)
        return kept

    @classmethod
    def provisioned(cls, cache_dir=None, directory=None, ip=None, recycle_bin=False):
        """A fresh, stopped controller: a clone of one that is provisioned once and kept.

        The kept one is found by a hash of everything that it was made from, so a change of the lab's
        files makes a new one. With no directory given the clone is temporary and close() removes it.
        ip="free" picks an address that nobody uses; otherwise DC_IP, otherwise 127.0.0.11.
        """
        cache_dir = cache_dir or cls.cache_dir()
        original = cls._provision_once(cache_dir, recycle_bin)
        reserved = None
        if ip == "free":
            ip, reserved = reserve_address(cache_dir)
        temporary = directory is None
        if temporary:
            directory = os.path.join(tempfile.mkdtemp(prefix="gald-dc-"), "dc")
        run_dc("clone", directory, original, DC_IP=ip or os.environ.get("DC_IP") or "127.0.0.11")
        controller = cls(directory)
        controller.remove_on_close = temporary
        controller.reserved = reserved
        return controller

    @staticmethod
    def _provision_once(cache_dir, recycle_bin):
        os.makedirs(cache_dir, mode=0o700, exist_ok=True)
        digest = hashlib.sha256()
        for name in ("dc", "dc_setup.py"):
            with open(os.path.join(HERE, name), "rb") as file:
                digest.update(file.read())
        names = ("DC_HOST", "DC_REALM", "DC_DOMAIN", "DC_MODEL", "DC_KDC_PORT", "DC_SERVICES", "DC_STRONG_AUTH")
        digest.update(repr([recycle_bin, [os.environ.get(name) for name in names]]).encode())
        kept = os.path.join(cache_dir, "dc-" + digest.hexdigest()[:16])
        with open(kept + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the kernel even if this process is killed
            if not os.path.isdir(kept):
                unfinished = kept + ".new"
                shutil.rmtree(unfinished, ignore_errors=True)
                run_dc("provision", unfinished, DC_IP="127.0.0.11", DC_RECYCLEBIN="1" if recycle_bin else "0")
                os.rename(unfinished, kept)
        return kept

    # ---- life ----

    def start(self):
        run_dc("start", self.directory)
        return self

    def stop(self):
        if self._admin is not None:
            with contextlib.suppress(ldap.LDAPError):
                self._admin.unbind_s()
            self._admin = None
        run_dc("stop", self.directory)

    def kill(self):
        """End it as a power cut does."""
        self._admin = None
        run_dc("kill", self.directory)

    def freeze(self):
        """Let it stand still: the kernel accepts connections for it, and nothing answers."""
        self._admin = None
        run_dc("freeze", self.directory)

    def thaw(self):
        run_dc("thaw", self.directory)

    def pull(self, other):
        """Bring what changed on another running controller of the domain to this one."""
        run_dc("pull", self.directory, other.directory)

    def backup(self, directory):
        """Copy the stopped controller away, without the sockets that it may have left."""
        def sockets(place, names):
            return [name for name in names if stat.S_ISSOCK(os.lstat(os.path.join(place, name)).st_mode)]

        shutil.copytree(self.directory, directory, symlinks=True, ignore=sockets)

    def restore(self, directory):
        """Put a copy back in the place of the stopped controller, as a virtual machine's snapshot does."""
        shutil.rmtree(self.directory)
        shutil.copytree(directory, self.directory, symlinks=True)

    def close(self):
        """Stop, and remove the directory if it was a temporary one."""
        with contextlib.suppress(LabError):
            run_dc("thaw", self.directory)  # what stands still does not end
        self.stop()
        if self.reserved:
            self.reserved.close()
        if self.remove_on_close:
            shutil.rmtree(os.path.dirname(self.directory), ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- connections ----

    def password_file(self, account):
        return os.path.join(self.settings["DC_SECRETS"], account.lower())

    def password(self, account):
        with open(self.password_file(account), encoding="utf-8") as file:
            return file.read()

    def connect(self, account, password=None):
        """A new connection over LDAPS, bound as one of the lab's accounts."""
        connection = ldap.initialize(self.uri)
        connection.protocol_version = 3
        connection.set_option(ldap.OPT_REFERRALS, 0)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 20)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, self.ca)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # without this the two lines above do nothing
        connection.simple_bind_s(f"{account}@{self.domain}", password or self.password(account))
        return connection

    def admin(self):
        """The connection of the helpers below, bound as Administrator."""
        if self._admin is None:
            self._admin = self.connect("Administrator")
        return self._admin

    # ---- reading ----

    def search(self, query="(objectClass=*)", base=None, attributes=None, scope=ldap.SCOPE_SUBTREE,
               deleted=False, connection=None):
        """Entries as (DN, {attribute: [bytes…]}), read in pages; referrals are left out."""
        connection = connection or self.admin()
        found = []
        paging = SimplePagedResultsControl(True, size=500, cookie=b"")
        controls = [paging, SHOW_DELETED] if deleted else [paging]
        while True:
            message = connection.search_ext(base or self.base_dn, scope, query, attributes, serverctrls=controls)
            _, entries, _, answer = connection.result3(message)
            found += [(dn, values) for dn, values in entries if dn is not None]
            paging.cookie = next((control.cookie for control in answer
                                  if control.controlType == paging.controlType), b"")
            if not paging.cookie:
                return found

    def entry(self, dn, attributes=None, deleted=False):
        """The attributes of one object; dn may be <GUID=…>."""
        controls = [SHOW_DELETED] if deleted else None
        return self.admin().search_ext_s(dn, ldap.SCOPE_BASE, attrlist=attributes, serverctrls=controls)[0][1]

    def guid(self, dn):
        """objectGUID in its usual notation."""
        return guid_text(self.entry(dn, ["objectGUID"])["objectGUID"][0])

    def sid(self, dn):
        """objectSid as S-1-5-…"""
        return sid_text(self.entry(dn, ["objectSid"])["objectSid"][0])

    def dirsync(self, connection, cookie=b"", attributes=None, query="(objectClass=*)"):
        """What changed in the domain since the cookie, as (entries, next cookie)."""
        found = []
        while True:
            message = connection.search_ext(self.base_dn, ldap.SCOPE_SUBTREE, query, attributes,
                                            serverctrls=[DirSyncControl(cookie)])
            _, entries, _, answer = connection.result3(
                message, resp_ctrl_classes={DirSyncControl.controlType: DirSyncControl})
            found += [(dn, values) for dn, values in entries if dn is not None]
            cookie = answer[0].cookie
            if not answer[0].number:
                return found, cookie

    # ---- writing ----

    def add(self, dn, attributes):
        """Create an object; returns its GUID."""
        entry = {name: value_list(values) for name, values in attributes.items()}
        self.admin().add_s(dn, ldap.modlist.addModlist({name: values for name, values in entry.items() if values}))
        return self.guid(dn)

    def modify(self, dn, changes):
        """Replace attributes; None or an empty list removes one."""
        self.admin().modify_s(dn, [(ldap.MOD_REPLACE, name, value_list(values) or None)
                                   for name, values in changes.items()])

    def rename(self, dn, new_name):
        """Give an object another name in its place; returns the new DN."""
        first, *above = ldap.dn.str2dn(dn)
        new_rdn = ldap.dn.dn2str([[(first[0][0], new_name, first[0][2])]])
        self.admin().rename_s(dn, new_rdn, delold=1)
        return f"{new_rdn},{ldap.dn.dn2str(above)}"

    def move(self, dn, new_parent):
        """Move an object, with all below it, under another parent; returns the new DN."""
        rdn = ldap.dn.dn2str(ldap.dn.str2dn(dn)[:1])
        self.admin().rename_s(dn, rdn, newsuperior=new_parent, delold=1)
        return f"{rdn},{new_parent}"

    def delete(self, dn):
        self.admin().delete_s(dn)

    def undelete(self, guid, new_dn=None):
        """Bring a deleted object back to where it was, or to new_dn; returns its DN.

        Without a recycle bin the attributes that the deletion stripped stay lost, as on any
        Active Directory.
        """
        # Samba wants the tombstone's own DN here, not <GUID=…>
        tombstone, grave = self.admin().search_ext_s(f"<GUID={guid}>", ldap.SCOPE_BASE, serverctrls=[SHOW_DELETED])[0]
        if new_dn is None:
            name = grave["name"][0].decode().split("\nDEL:")[0]
            parent = grave["lastKnownParent"][0].decode().split(";")[-1]  # may be <GUID=…>;<DN>
            new_dn = child(name, parent)
        self.admin().modify_ext_s(tombstone, [(ldap.MOD_DELETE, "isDeleted", None),
                                              (ldap.MOD_REPLACE, "distinguishedName", [octets(new_dn)])],
                                  serverctrls=[SHOW_DELETED])
        return new_dn

    def add_members(self, group, dns):
        self.admin().modify_s(group, [(ldap.MOD_ADD, "member", value_list(list(dns)))])

    def remove_members(self, group, dns):
        self.admin().modify_s(group, [(ldap.MOD_DELETE, "member", value_list(list(dns)))])

    def load_offline(self, entries):
        """Add many (dn, attributes) straight to the database of the stopped controller.

        Some hundred entries a second, in one transaction: all of them or none. Returns their number.
        """
        count = 0
        with tempfile.TemporaryFile() as lines:
            for dn, attributes in entries:
                values = {name: [{"b64": base64.b64encode(octets(value)).decode()} if isinstance(value, (bytes, uuid.UUID))
                                 else octets(value).decode() for value in
                                 (given if isinstance(given, (list, tuple, set)) else [given])]
                          for name, given in attributes.items() if given not in (None, [], ())}
                lines.write(json.dumps({"dn": dn, "attrs": values}).encode() + b"\n")
                count += 1
            lines.seek(0)
            self._setup("load", stdin=lines)
        return count

    def rename_offline(self, dn, new_name):
        """rename() while stopped: the way for a container of thousands, which the server gives up after 300 seconds."""
        new_dn = child(new_name, dn.partition(",")[2], dn.partition("=")[0])
        self._setup("rename", dn, new_dn)
        return new_dn

    def _setup(self, command, *arguments, stdin=None):
        done = subprocess.run([PYTHON, os.path.join(HERE, "dc_setup.py"), command, "--dir", self.directory, *arguments],
                              stdin=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(done.stderr.strip())


# ---- the tenant -----------------------------------------------------------------------------------

class Tenant:
    """The simulated cloud tenant: a program of its own, steered over its control interface."""

    #: the largest number of objects sent in one request
    CHUNK = 2000

    def __init__(self, directory, program=None, arguments=()):
        self.directory = os.path.abspath(directory)
        self.program = program or os.environ.get("LAB_TENANT") or os.path.join(
            REPOSITORY, "tests", "simulator", "tenant")
        self.arguments = list(arguments)
        self.process = None
        self.about = {}

    @classmethod
    def available(cls):
        """Whether the simulator is there to be started."""
        return os.access(cls(".").program, os.X_OK)

    @classmethod
    def attach(cls, directory):
        """The tenant that another process runs in this directory."""
        tenant = cls(directory)
        with open(os.path.join(tenant.directory, "tenant.json"), encoding="utf-8") as file:
            tenant.about = json.load(file)
        return tenant

    # ---- life ----

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        self._log = open(os.path.join(self.directory, "tenant.log"), "ab")
        self.process = subprocess.Popen([self.program, "--dir", self.directory, *self.arguments],
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_until(self._ready, 20, f"the tenant simulator, see {self._log.name}")
        except BaseException:
            self.stop()
            raise
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise LabError(f"the tenant simulator ended with code {self.process.returncode}, see {self._log.name}")
        # An earlier run may have left the file: only an answer proves that it is up to date.
        try:
            with open(os.path.join(self.directory, "tenant.json"), encoding="utf-8") as file:
                self.about = json.load(file)
            self.settings()
            return True
        except (OSError, ValueError, KeyError):
            return False

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(OSError, KeyError, LabError):
                self._call("POST", "/shutdown", {}, seconds=2)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.terminate()
                try:
                    self.process.wait(3)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
        self.process = None
        self._log.close()

    close = stop

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- the control interface ----

    def _call(self, method, path, body=None, seconds=60):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.about["control"].rstrip("/") + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:300]
            raise TenantError(error.code, f"{method} {path}: {error.code} {reason}") from None
        return json.loads(text) if text.strip() else None

    @staticmethod
    def _path(kind, identity, *rest):
        collection = kind if kind.endswith("s") else kind + "s"  # "user" and "users" are both understood
        return "/" + "/".join([collection, urllib.parse.quote(identity, safe=""), *rest])

    def bulk(self, users=(), contacts=(), groups=(), mailcontacts=(), mailboxes=()):
        """Create or change many objects; groups last, because they name members."""
        for kind, objects in (("users", users), ("contacts", contacts), ("mailcontacts", mailcontacts),
                              ("mailboxes", mailboxes), ("groups", groups)):
            objects = list(objects)
            for at in range(0, len(objects), self.CHUNK):
                self._call("POST", "/bulk", {kind: objects[at:at + self.CHUNK]}, seconds=300)

    def put(self, kind, identity, properties):
        """Create one object or merge properties into it; None sets null."""
        return self._call("PUT", self._path(kind, identity), properties)

    def get(self, kind, identity):
        return self._call("GET", self._path(kind, identity))

    def delete(self, kind, identity, permanent=False):
        """Softly where the kind has it, unless permanent."""
        return self._call("DELETE", self._path(kind, identity) + ("?permanent=1" if permanent else ""))

    def restore(self, identity, kind="users"):
        return self._call("POST", self._path(kind, identity, "restore"), {})

    def members(self, group, add=(), remove=()):
        """Change a group by (type, id) pairs, the type being user, contact or group."""
        return self._call("POST", self._path("groups", group, "members"),
                          {"add": [{"type": kind, "id": identity} for kind, identity in add],
                           "remove": [{"type": kind, "id": identity} for kind, identity in remove]})

    def expire(self, collection, how="410"):
        """Make the cursors given out so far useless: how is "410" or "syncStateNotFound"."""
        return self._call("POST", "/expire", {"collection": collection, "how": how})

    def fault(self, **what):
        return self._call("POST", "/faults", what)

    def clear_faults(self):
        return self._call("DELETE", "/faults")

    def requests(self):
        """What clients have asked since the start or the last clear_requests()."""
        return self._call("GET", "/requests")

    def clear_requests(self):
        return self._call("DELETE", "/requests")

    def settings(self, **changes):
        """The simulator's settings, after changing some."""
        if changes:
            self._call("POST", "/settings", changes)
        return self._call("GET", "/settings")

    def objects(self):
        return self._call("GET", "/objects")


# ---- gald -----------------------------------------------------------------------------------------

def toml(value):
    """A TOML value; JSON's notation of strings, numbers, booleans and lists of them is also TOML's."""
    return json.dumps(value, ensure_ascii=False)


def free_port():
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gald:
    """gald with a configuration for the lab's controller and tenant, and its index."""

    def __init__(self, directory, binary=None, dc=None, tenant=None, account="svc-gald", exchange=True, changes=None):
        """`changes` is {section: {key: value}} to add to, or (None) remove from, the configuration."""
        self.directory = os.path.abspath(directory)
        self.binary = binary or os.environ.get("GALD") or os.path.join(REPOSITORY, "build", "dev", "gald")
        self.config = os.path.join(self.directory, "gald.toml")
        self.index_path = os.path.join(self.directory, "gald.db")
        self.daemon = None
        self.prefix = []  # a command that runs the program, as NameServer.prefix does
        self.environment = {}
        os.makedirs(self.directory, exist_ok=True)
        self.sections = {"index": {"path": self.index_path}, "schedule": {
            # Sources that fail on purpose shall not be waited for long.
            "interval": "30m", "patience": "30s"},
            "api": {"listen": []}}  # several run side by side
        if dc:
            self.sections["connector.ad"] = {
                "type": "active-directory", "url": dc.uri, "bind_name": f"{account}@{dc.domain}",
                "password_file": dc.password_file(account), "ca_file": dc.ca}
        if tenant:
            about = tenant.about
            login = {"tenant": about["tenant_id"], "client_id": about["client_id"],
                     "client_secret_file": about["client_secret_file"], "login_endpoint": about["login"]}
            self.sections["connector.entra"] = {
                "type": "entra", **login, "graph_endpoint": about["graph"], "ca_file": about["ca"]}
            if exchange:
                self.sections["connector.exchange"] = {
                    "type": "exchange-online", **login, "exchange_endpoint": about["exchange"], "ca_file": about["ca"],
                    "complete_every": "0s"}
        self.configure(changes or {})

    def configure(self, changes):
        """Change the configuration and write it."""
        for section, keys in changes.items():
            if keys is None:
                self.sections.pop(section, None)
                continue
            target = self.sections.setdefault(section, {})
            for key, value in keys.items():
                if value is None:
                    target.pop(key, None)
                else:
                    target[key] = value
        with open(self.config, "w", encoding="utf-8") as file:
            for section, keys in self.sections.items():
                file.write(f"[{section}]\n")
                file.writelines(f"{key} = {toml(value)}\n" for key, value in keys.items())
                file.write("\n")

    def run(self, *arguments, seconds=600):
        """Run a subcommand to its end: (exit code, standard output, standard error)."""
        done = subprocess.run([*self.prefix, self.binary, "--config", self.config, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                              env={**os.environ, **self.environment}, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def sync(self, *arguments, **options):
        return self.run("sync", *arguments, **options)

    def list(self, *arguments, **options):
        return self.run("list", "--json", *arguments, **options)

    def show(self, *arguments, **options):
        return self.run("show", *arguments, **options)

    def status(self, *arguments, **options):
        return self.run("status", *arguments, **options)

    def check(self, *arguments, **options):
        return self.run("check", *arguments, **options)

    def start(self, *arguments):
        """Start the daemon (`gald run`); its output goes to gald.log."""
        with open(os.path.join(self.directory, "gald.log"), "ab") as log:
            self.daemon = subprocess.Popen([*self.prefix, self.binary, "--config", self.config, "run", *arguments],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, **self.environment})
        return self.daemon

    def stop(self, seconds=20):
        """Ask the daemon to end; returns its exit code."""
        if self.daemon is None:
            return None
        daemon, self.daemon = self.daemon, None
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
        try:
            return daemon.wait(seconds)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
            raise LabError(f"gald did not end within {seconds} s of SIGTERM") from None

    def index(self):
        """The index, opened for reading only; rows can be read by column name."""
        connection = sqlite3.connect(f"file:{urllib.parse.quote(self.index_path)}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        return connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
