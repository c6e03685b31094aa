#!/usr/bin/python3
"""Where `gald run` serves its API, and what it says when it cannot. No source answers, and none has to."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from company import BAD_CONFIGURATION, FAILED, main  # which finds the lab
from lab import Gald, free_port, wait_until


class Listening(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="gald-listening-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        with open(os.path.join(self.directory, "password"), "w", encoding="ascii") as file:
            file.write("secret\n")
        os.chmod(file.name, 0o600)
        self.port = free_port()

    def gald(self, name="one", **api):
        gald = Gald(os.path.join(self.directory, name), changes={
            "connector.ad": {"type": "active-directory", "url": "ldaps://127.0.0.1:1", "bind_name": "a@b.test",
                             "password_file": os.path.join(self.directory, "password")},
            "api": {"listen": [f"127.0.0.1:{self.port}"], **api}})
        self.addCleanup(gald.stop)
        return gald

    def started(self, gald):
        gald.start()
        wait_until(lambda: "service.ready" in self.log(gald), 20, "the service")
        return gald

    @staticmethod
    def log(gald):
        path = os.path.join(gald.directory, "gald.log")
        with open(path, encoding="utf-8") as file:
            return file.read()

    def refused(self, gald, code, *words):
        done = gald.run("run", seconds=30)
        self.assertEqual(done.code, code, done)
        for word in words:
            self.assertIn(word, done.err)
        self.assertEqual(len(done.err.strip().splitlines()), 1, done.err)

    def certificate(self, name):
        path = os.path.join(self.directory, name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", path + ".key", "-out", path + ".pem"],
                       check=True, capture_output=True)
        os.chmod(path + ".key", 0o600)
        return path

    def test_ready_means_listening(self):
        gald = self.started(self.gald())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/api/openapi.json")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertIn(f"api.listening: the API is there address=127.0.0.1:{self.port}", self.log(gald))

    def test_an_address_that_another_has(self):
        self.started(self.gald())
        self.refused(self.gald("two"), FAILED, f"cannot listen on 127.0.0.1:{self.port}", "in use by another program")

    def test_a_socket_that_another_has_and_one_that_is_left(self):
        where = f"unix:{self.directory}/gald.sock"
        first = self.started(self.gald(listen=[where]))
        self.refused(self.gald("two", listen=[where]), FAILED, where, "in use by another program")
        first.daemon.send_signal(signal.SIGKILL)
        first.daemon.wait()
        self.assertTrue(os.path.exists(f"{self.directory}/gald.sock"))
        self.started(self.gald("three", listen=[where]))

    def test_a_folder_that_is_not_there(self):
        self.refused(self.gald(listen=["unix:/nowhere/gald.sock"]), FAILED,
                     "cannot listen on unix:/nowhere/gald.sock: No such file or directory")

    def test_the_default_is_left_out_where_it_cannot_be(self):
        gald = self.started(self.gald(listen=None))
        self.assertRegex(self.log(gald), r"api\.(not_)?listening: .*unix:/run/gald/gald\.sock")
        self.assertRegex(self.log(gald), r"api\.(not_)?listening: .*127\.0\.0\.1:8389")

    def test_other_machines_need_a_certificate(self):
        self.refused(self.gald(listen=[f"0.0.0.0:{self.port}"]), BAD_CONFIGURATION, "api.listen", "certificate_file")

    def test_a_certificate_and_the_key_of_another(self):
        one, other = self.certificate("one"), self.certificate("other")
        gald = self.gald(certificate_file=one + ".pem", key_file=other + ".key")
        self.refused(gald, BAD_CONFIGURATION, "api.certificate_file", "other.key: no private key of the certificate")
        gald.configure({"api": {"key_file": one + ".key"}})
        self.started(gald)

    def test_the_end_does_not_wait_for_clients(self):
        where = f"{self.directory}/gald.sock"
        gald = self.started(self.gald(listen=["unix:" + where]))
        clients = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for number, client in enumerate(clients):
            self.addCleanup(client.close)
            client.connect(where)
            client.sendall([b"", b"GET / HT", b"GET /api/identity/changes HTTP/1.1\r\nHost: x\r\n"
                            b"Accept: text/event-stream\r\n\r\n"][number % 3])
        time.sleep(0.5)
        began = time.monotonic()
        self.assertEqual(gald.stop(), 0)
        self.assertLess(time.monotonic() - began, 8)
        self.assertFalse(os.path.exists(where))


if __name__ == "__main__":
    main()
