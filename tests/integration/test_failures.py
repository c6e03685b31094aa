#!/usr/bin/python3
"""Bad input: one clear line, an exit code that says so, and an index that is as it was."""

import os
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import urllib.request

import company
from company import (BAD_CONFIGURATION, FAILED, GRAPH, PARTIAL, CompanyTest, differing, dump, published, rows)
from lab import wait_until

#: all that an index knows; without the marks of a full read under way, which are its cursor's other half
KNOWLEDGE = company.OF_RUNS + ("collection", "seen_record", "seen_member")

NOBODY = "127.0.0.1:9"  # the port "discard", where nobody listens


class Listener:
    """Another origin with the tenant's own certificate: whoever is sent there could talk to it."""

    def __init__(self, tenant):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(tenant.directory, "server.pem"),
                                os.path.join(tenant.directory, "server.key"))
        self.heard = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.origin = f"https://localhost:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.heard.append(b"a connection")
            try:
                connection.settimeout(5)
                with self._context.wrap_socket(connection, server_side=True) as talk:
                    self.heard.append(talk.recv(65536))
            except OSError:
                pass

    def close(self):
        # close() alone would leave accept() waiting
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


class Relay:
    """A port of this machine behind which another server answers."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _listen(self):
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            with near, socket.create_connection(self._target) as far:
                self._carry(near, far)

    @staticmethod
    def _carry(near, far):
        while True:
            ready, _, _ = select.select([near, far], [], [], 20)
            for one in ready:
                try:
                    data = one.recv(65536)
                except OSError:
                    return
                if not data:
                    return
                (far if one is near else near).sendall(data)
            if not ready:
                return


class FailuresTest(CompanyTest):
    @classmethod
    def populate(cls):
        super().populate()
        cls.good = company.Gald(os.path.join(cls.place, "good"), dc=cls.dc, tenant=cls.tenant)
        done = cls.good.sync()
        assert done.code == company.COMPLETE, done

    def write(self, name, text):
        path = os.path.join(self.place, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def assertFails(self, gald, code, failed, *says):
        """A cycle ends with this code, says so in one line for each collection that failed, and leaves the index alone.

        `failed` are collections; each of `says` is found in the line of each. Once more as text, because
        a person reads another form than a program.
        """
        before = dump(gald, KNOWLEDGE)
        states = dict(rows(gald, "SELECT c.name || '/' || l.name, l.completed_at FROM collection l"
                                 " JOIN connector c ON c.id = l.connector_id"))
        report = self.sync(gald, code)
        self.assertEqual(report["outcome"], {PARTIAL: "partial", FAILED: "failed"}[code])
        errors = {read["connector"] + "/" + read["collection"]: read["error"] for read in report["collections"]}
        self.assertEqual({name for name, error in errors.items() if error}, set(failed), errors)
        self.assertEqual({read["connector"] + "/" + read["collection"] for read in report["collections"]
                          if not read["complete"]}, set(failed))
        for name in failed:
            self.assertEqual(errors[name], errors[name].strip())
            self.assertNotIn("\n", errors[name])
            for words in says:
                self.assertRegex(errors[name], words)

        done = gald.sync()
        self.assertEqual(done.code, code)
        lines = [line.strip() for line in done.out.splitlines()]
        complaints = [line for line in lines if line.startswith("not complete")]
        self.assertEqual(len(complaints), len(failed), done.out)
        for words in says:
            for complaint in complaints:
                self.assertRegex(complaint, words)
        self.assertNotRegex(done.err + done.out, "(?i)terminate|exception|assert|std::")
        self.assertNoSecrets(done.err + done.out)

        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
        after = dict(rows(gald, "SELECT c.name || '/' || l.name, l.completed_at FROM collection l"
                                " JOIN connector c ON c.id = l.connector_id"))
        self.assertEqual({name for name in states if states[name] == after[name]} & set(failed), set(failed))
        return report

    def assertNoSecrets(self, text):
        with open(self.tenant.about["client_secret_file"], encoding="utf-8") as file:
            self.assertNotIn(file.read().strip(), text)
        self.assertNotIn(self.dc.password("svc-gald"), text)
        self.assertNotIn("Bearer", text)

    def assertRecovers(self, gald):
        """With what was wrong put right the next cycle is complete, and has nothing to tell."""
        gald.sections = {name: dict(keys) for name, keys in self.gald("right").sections.items()}
        gald.sections["index"]["path"] = gald.index_path
        gald.configure({})
        self.tenant.clear_faults()
        self.assertQuiet(self.sync(gald))


ENTRA = tuple(f"entra/{name}" for name in GRAPH)
DIRECTORY = ("ad/directory",)
EXCHANGE = ("exchange/distributiongroups", "exchange/mailboxes", "exchange/mailcontacts")


class Reaching(FailuresTest):
    """Nobody there, the wrong one there, or the right one who does not let us in."""

    def one_side_fails(self, changes, failed, *says):
        gald = self.copy_of(self.good, changes)
        self.assertFails(gald, PARTIAL, failed, *says)
        done = gald.check()
        self.assertEqual(done.code, FAILED)
        self.assertRegex(done.out, "(?m)^problem ")
        self.assertNoSecrets(done.out + done.err)
        self.assertRecovers(gald)

    def test_the_directory_is_unreachable(self):
        self.one_side_fails({"connector.ad": {"url": "ldaps://" + NOBODY}}, DIRECTORY, NOBODY, "refused")

    def test_graph_is_unreachable(self):
        domain = self.tenant.about["tenant_domain"]
        self.tenant.fault(service="login", path=f"/{domain}/", times=-1, status=200,
                          body={"token_type": "Bearer", "expires_in": 3599, "access_token": "of.no.use"})
        self.one_side_fails({"connector.entra": {"tenant": domain, "graph_endpoint": "https://" + NOBODY}},
                            ENTRA, NOBODY, "refused")

    def test_the_login_service_is_unreachable(self):
        self.one_side_fails({"connector.entra": {"login_endpoint": "https://" + NOBODY}}, ENTRA, NOBODY, "refused")

    def test_the_connection_is_cut(self):
        self.tenant.fault(service="graph", path="", times=-1, action="reset")
        origin = self.tenant.about["graph"].partition("//")[2]
        gald = self.copy_of(self.good)
        self.assertFails(gald, PARTIAL, ENTRA, origin)
        self.assertRecovers(gald)

    def test_nobody_is_reachable(self):
        nowhere = {"login_endpoint": "https://" + NOBODY}
        gald = self.copy_of(self.good, {"connector.ad": {"url": "ldaps://" + NOBODY}, "connector.entra": nowhere,
                                        "connector.exchange": nowhere})
        self.assertFails(gald, FAILED, (*DIRECTORY, *ENTRA, *EXCHANGE), NOBODY, "refused")
        self.assertRecovers(gald)

    def test_unknown_host_names(self):
        name = "no-such-host.invalid"
        self.one_side_fails({"connector.ad": {"url": "ldaps://" + name}}, DIRECTORY, name, "(?i)host name|look")
        self.one_side_fails({"connector.entra": {"login_endpoint": "https://" + name}}, ENTRA, name,
                            "(?i)host name|not found|look|resolve")

    def test_wrong_password(self):
        wrong = self.write("wrong-password", "not-the-password-1")
        self.one_side_fails({"connector.ad": {"password_file": wrong}}, DIRECTORY, "svc-gald", "(?i)password")

    def test_wrong_account(self):
        self.one_side_fails({"connector.ad": {"bind_name": "svc-nobody@" + self.dc.domain}}, DIRECTORY, "svc-nobody")

    def test_an_account_without_the_right_to_replicate(self):
        """It sees what everybody may see, and is told what it lacks."""
        gald = self.copy_of(self.good, {"connector.ad": {
            "bind_name": "svc-plain@" + self.dc.domain, "password_file": self.dc.password_file("svc-plain")}})
        before = dump(gald, KNOWLEDGE)
        done = gald.sync()
        self.assertEqual(done.code, company.COMPLETE)
        self.assertEqual(len([line for line in done.err.splitlines() if "deletions" in line]), 2, done.err)
        self.assertEqual(differing(before, dump(gald, KNOWLEDGE)), {})
        self.assertRegex(gald.check().out, "(?s)Replicating Directory Changes.*Deleted Objects")
        self.assertRecovers(gald)

    def test_wrong_secret(self):
        wrong = self.write("wrong-secret", "not-the-secret")
        self.one_side_fails({"connector.entra": {"client_secret_file": wrong}}, ENTRA, "AADSTS7000215", "(?i)secret",
                            self.tenant.about["client_id"])

    def test_a_foreign_authority(self):
        self.one_side_fails({"connector.ad": {"ca_file": self.tenant.about["ca"]}}, DIRECTORY, "(?i)certificate",
                            self.dc.ip)
        origin = self.tenant.about["login"].partition("//")[2]
        self.one_side_fails({"connector.entra": {"ca_file": self.dc.ca}}, ENTRA, "(?i)certificate", origin)

    def test_a_certificate_for_another_name(self):
        # the right servers, under addresses that their certificates do not name
        with Relay(self.dc.ip, 636) as relay:
            self.one_side_fails({"connector.ad": {"url": f"ldaps://127.0.0.1:{relay.port}"}}, DIRECTORY,
                                "(?i)certificate", f"127.0.0.1:{relay.port}")
        login = self.tenant.about["login"].rpartition(":")[2]
        self.one_side_fails({"connector.entra": {"login_endpoint": "https://127.1:" + login}}, ENTRA,
                            "(?i)certificate", "127.1:" + login)

    def test_no_consent(self):
        self.tenant.settings(roles={"graph": []})
        gald = self.copy_of(self.good)
        self.assertFails(gald, PARTIAL, ENTRA, "403|Authorization_RequestDenied", self.tenant.about["graph"])
        self.tenant.settings(**self.original_settings)
        self.assertRecovers(gald)


class Answers(FailuresTest):
    """Somebody answers, but not what was asked."""

    def graph_answers(self, *says, **fault):
        """Both when asked what changed, and in the middle of a full read."""
        path = fault.pop("path", "/users/delta")
        collection = path.split("/")[1]
        origin = self.tenant.about["graph"].partition("//")[2]
        gald = self.copy_of(self.good)
        self.tenant.fault(service="graph", path=path, times=-1, **fault)
        self.assertFails(gald, PARTIAL, (f"entra/{collection}",), origin, *says)
        self.tenant.clear_faults()
        self.assertQuiet(self.sync(gald))

        self.tenant.settings(page_size=4)
        self.tenant.expire(collection)
        self.tenant.fault(service="graph", path="$skiptoken", skip=1, times=-1, **fault)
        self.assertFails(gald, PARTIAL, (f"entra/{collection}",), origin, *says)
        self.tenant.clear_faults()
        self.assertQuiet(self.sync(gald))

    def test_malformed_json(self):
        self.graph_answers("(?i)json", action="malformed")

    def test_something_that_is_no_json(self):
        self.graph_answers("(?i)json", status=200, body="<html><body>Welcome to the hotel WLAN</body></html>")

    def test_a_truncated_body(self):
        self.graph_answers("(?i)truncated|cut|ended|incomplete|short|closed", action="truncate")

    def test_a_page_without_any_link(self):
        self.graph_answers("(?i)link", action="nolinks")

    def test_a_loop_of_links(self):
        self.graph_answers("(?i)link|loop|again|twice", action="loop")

    def test_json_of_another_shape(self):
        self.graph_answers(status=200, body={"value": {"id": "one"}})
        self.graph_answers(status=200, body=[])

    def test_a_link_to_somebody_else(self):
        listener = Listener(self.tenant)
        self.addCleanup(listener.close)
        gald = self.copy_of(self.good)
        for link in ("@odata.nextLink", "@odata.deltaLink"):
            for foreign in (listener.origin, self.tenant.about["graph"] + "@" + listener.origin.partition("//")[2],
                            listener.origin.replace("https:", "http:")):
                with self.subTest(link=link, to=foreign):
                    self.tenant.clear_faults()
                    self.tenant.fault(service="graph", path="/users/delta", times=-1, status=200, body={
                        "value": [], link: f"{foreign}/v1.0/users/delta?$skiptoken=x"})
                    self.assertFails(gald, PARTIAL, ("entra/users",), "(?i)link|origin|foreign|host")
        self.tenant.clear_faults()
        self.tenant.fault(service="graph", path="/users/delta", times=-1, action="foreignlink")
        self.assertFails(gald, PARTIAL, ("entra/users",), "(?i)link|origin|foreign|host")
        self.tenant.clear_faults()
        self.tenant.fault(service="graph", path="/users/delta", times=-1, status=302,
                          headers={"Location": listener.origin + "/v1.0/users/delta"})
        self.assertFails(gald, PARTIAL, ("entra/users",), "302")
        self.tenant.clear_faults()
        self.assertQuiet(self.sync(gald))
        self.assertEqual(listener.heard, [], "the token may have gone to somebody else")
        # and the trap would have noticed
        with self.assertRaises(OSError):
            trust = ssl.create_default_context(cafile=self.tenant.about["ca"])
            urllib.request.urlopen(urllib.request.Request(listener.origin, headers={"Authorization": "x"}), timeout=10,
                                   context=trust)
        self.assertIn(b"Authorization: x", b"".join(listener.heard))

    def test_exchange_answers_nonsense(self):
        origin = self.tenant.about["exchange"].partition("//")[2]
        for fault, says in (({"action": "malformed"}, "(?i)json"), ({"action": "truncate"}, origin),
                            ({"status": 200, "body": {"value": "none"}}, origin), ({"status": 403}, "403")):
            with self.subTest(**fault):
                gald = self.copy_of(self.good)
                self.tenant.fault(service="exchange", path="InvokeCommand", times=-1, **fault)
                self.assertFails(gald, PARTIAL, EXCHANGE, origin, says)
                self.tenant.clear_faults()
                self.assertQuiet(self.sync(gald))

    def test_the_login_service_answers_nonsense(self):
        for fault in ({"action": "malformed"}, {"action": "truncate"}, {"status": 200, "body": {}},
                      {"status": 200, "body": "<html></html>"}):
            with self.subTest(**fault):
                gald = self.copy_of(self.good)
                self.tenant.fault(service="login", path="", times=-1, **fault)
                self.assertFails(gald, PARTIAL, (*ENTRA, *EXCHANGE), "(?i)token|login|localhost")
                self.tenant.clear_faults()
                self.assertQuiet(self.sync(gald))


class Configuration(FailuresTest):
    """What is wrong in the file is said with its place; nobody is asked and nothing is touched."""

    def assertRefused(self, gald, *says, commands=("sync", "status", "list", "check", "run"), before=None):
        tables = before or dump(gald, ())
        for command in commands:
            with self.subTest(command=command):
                self.tenant.clear_requests()
                done = gald.run(command, seconds=60)
                self.assertEqual(done.code, BAD_CONFIGURATION, done)
                self.assertEqual(done.out, "")
                lines = done.err.splitlines()
                self.assertEqual(len(lines), 1, done.err)
                for words in says:
                    self.assertRegex(lines[0], words)
                self.assertEqual(self.asked(), [])
        self.assertEqual(differing(tables, dump(gald, ())), {})

    def line_of(self, gald, text):
        with open(gald.config, encoding="utf-8") as file:
            return next(number for number, line in enumerate(file, 1) if line.startswith(text))

    def test_a_misspelt_key(self):
        gald = self.copy_of(self.good, {"connector.entra": {"clientid": "x"}})
        line = self.line_of(gald, "clientid")
        self.assertRefused(gald, f"gald.toml:{line}", r"connector\.entra\.clientid", "unknown key", "client_id")

    def test_a_misspelt_section(self):
        gald = self.copy_of(self.good, {"schedul": {"interval": "30m"}})
        self.assertRefused(gald, f"gald.toml:{self.line_of(gald, '[schedul]')}", "schedul", "did you mean schedule")

    def test_a_value_of_the_wrong_kind(self):
        for key, value, says in (("interval", "soon", "duration"), ("interval", 30, "30"), ("interval", "0s", "1s")):
            gald = self.copy_of(self.good, {"schedule": {key: value}})
            self.assertRefused(gald, f"gald.toml:{self.line_of(gald, 'interval')}", r"schedule\.interval", says,
                               commands=("sync", "run"))

    def test_a_missing_key(self):
        gald = self.copy_of(self.good, {"connector.ad": {"bind_name": None}})
        self.assertRefused(gald, r"connector\.ad", "missing key bind_name", commands=("sync", "check"))

    def test_no_toml_at_all(self):
        gald = self.copy_of(self.good)
        with open(gald.config, "a", encoding="utf-8") as file:
            file.write("this is = = no toml\n")
        self.assertRefused(gald, rf"gald\.toml:{self.line_of(gald, 'this is')}:\d+", commands=("sync", "run"))

    def test_plain_ldap_is_refused(self):
        gald = self.copy_of(self.good, {"connector.ad": {"url": "ldap://" + self.dc.ip}})
        self.assertRefused(gald, "ldaps://", commands=("sync", "run"))

    def test_a_secret_that_cannot_be_read(self):
        gald = self.copy_of(self.good, {"connector.ad": {"password_file": "/nowhere/secret"}})
        self.assertRefused(gald, f"gald.toml:{self.line_of(gald, 'password_file')}", "/nowhere/secret",
                           commands=("sync", "run"))

    def test_no_configuration(self):
        gald = self.copy_of(self.good)
        os.rename(gald.config, gald.config + ".away")
        self.assertRefused(gald, "gald.toml", commands=("sync", "list", "run"))

    def test_an_index_that_is_none(self):
        gald = self.gald()
        with open(gald.index_path, "wb") as file:
            file.write(b"This is no database at all. " * 200)
        for command in ("sync", "list", "status", "show x", "run"):
            done = gald.run(*command.split(), seconds=60)
            self.assertEqual(done.code, FAILED, (command, done))
            self.assertEqual(len(done.err.splitlines()), 1, done.err)
            self.assertIn(gald.index_path, done.err)
        with open(gald.index_path, "rb") as file:
            self.assertEqual(file.read(), b"This is no database at all. " * 200)

    def test_bad_usage(self):
        for arguments in ((), ("frobnicate",), ("list", "--source", "moon"), ("sync", "--password", "x"), ("show",)):
            done = self.good.run(*arguments)
            self.assertEqual(done.code, company.BAD_USAGE, (arguments, done))
            self.assertEqual(done.out, "")
            self.assertTrue(done.err.startswith("gald: "), done.err)


class Killed(FailuresTest):
    """kill -9 at any moment of a first import costs nothing but the time."""

    def start(self, gald):
        # a session of its own, so that nothing of it is left when it is killed
        process = subprocess.Popen([gald.binary, "--config", gald.config, "sync", "--quiet"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def assertLikeUndisturbed(self, gald):
        self.assertSame(published(self.good), published(gald), "contacts")
        self.assertSame(published(self.good, "groups"), published(gald, "groups"), "groups")
        wanted = "SELECT contact_id, operation, field, old_value, new_value, connector FROM changes ORDER BY 1, 3, 5"
        self.assertEqual(rows(self.good, wanted), rows(gald, wanted), "what was told")
        self.assertEqual(rows(gald, "PRAGMA integrity_check"), [("ok",)])

    def test_in_the_middle_of_a_page(self):
        self.tenant.settings(page_size=4, link_page_size=4)
        self.tenant.fault(service="graph", path="/users/delta", skip=3, times=1, action="hang", seconds=120)
        gald = self.gald()
        process = self.start(gald)

        def stuck():
            if not os.path.exists(gald.index_path):
                return False
            try:
                done = dict(rows(gald, "SELECT l.name, l.completed_at FROM collection l"))
                users = rows(gald, "SELECT count(*) FROM record r JOIN collection l ON l.id = r.collection_id"
                                   " WHERE l.name = 'users'")[0][0]
            except sqlite3.OperationalError:
                return False  # still being made
            return users == 12 and len(done) == 7 and [name for name, at in done.items() if not at] == ["users"]

        wait_until(stuck, 30, "three pages of users and everything else")
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(10), -signal.SIGKILL)
        self.assertEqual(rows(gald, "SELECT count(*) FROM contacts"), [(0,)])
        self.assertEqual(rows(gald, "PRAGMA integrity_check"), [("ok",)])

        self.tenant.clear_faults()
        self.tenant.clear_requests()
        self.sync(gald)
        users = [path for _, collection, path, _ in self.asked("graph") if collection == "users"]
        self.assertIn("$skiptoken=", users[0], "it goes on behind the last page that it has")
        self.assertLikeUndisturbed(gald)
        self.assertQuiet(self.sync(gald))

    def kill_until_done(self, gald, step):
        """Starts a cycle and kills it, each time a little later, until one gets through; returns how many did not."""
        for number in range(1, 200):
            process = self.start(gald)
            try:
                self.assertEqual(process.wait(step * number), company.COMPLETE)
                return number - 1
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(10)
        self.fail("it never got through")

    def test_again_and_again(self):
        """Whatever it was doing at that moment."""
        self.tenant.settings(page_size=3, link_page_size=4, exchange_page_size=3)
        gald = self.gald()
        self.assertGreater(self.kill_until_done(gald, 0.01), 0, "the import was too quick to be killed")
        self.assertLikeUndisturbed(gald)
        self.assertQuiet(self.sync(gald))


class KilledLater(Killed):
    """Later on, too: with changes on their way the history stays the same."""

    test_in_the_middle_of_a_page = test_again_and_again = None

    def test_changes_are_told_once(self):
        before = self.copy_of(self.good)
        self.assertTrue(self.company.changes())
        self.sync(self.good)
        self.tenant.settings(page_size=2, link_page_size=2, exchange_page_size=3)
        killed = 0
        for step in (0.004, 0.007, 0.011):
            gald = self.copy_of(before)
            killed += self.kill_until_done(gald, step)
            self.assertQuiet(self.sync(gald))
            self.assertLikeUndisturbed(gald)
        self.assertGreater(killed, 2, "the cycles were too quick to be killed")


if __name__ == "__main__":
    company.main()
