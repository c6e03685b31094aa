"""The ways to a token: secret, certificate, federated token, managed identity; challenges; the proxy."""

import base64
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from urllib.parse import quote, urlencode, urlsplit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import EXCHANGE_SCOPE, GRAPH_SCOPE, TENANT, Case
from credentials import encode

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
USERS = "/users/delta?$select=id"


def read(name):
    with open(TENANT.at[name], encoding="ascii") as file:
        return file.read()


def thumbprint(algorithm, certificate):
    return encode(hashlib.new(algorithm, ssl.PEM_cert_to_DER_cert(certificate)).digest())


def assertion(header=None, key=None, certificate=None, **changes):
    """A client assertion as a client makes it; PS256 unless the header says otherwise."""
    certificate = certificate or read("certificate_file")
    now, client = int(time.time()), TENANT.at["client_id"]
    header = {"typ": "JWT", **(header or {"alg": "PS256", "x5t#S256": thumbprint("sha256", certificate)})}
    claims = {"aud": f"{TENANT.at['login']}/{TENANT.at['tenant_id']}/oauth2/v2.0/token", "iss": client,
              "sub": client, "jti": str(uuid.uuid4()), "nbf": now, "iat": now, "exp": now + 600, **changes}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims)).encode()
    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] \
        if header.get("alg") == "PS256" else []
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(key or read("private_key_file"))
        file.flush()
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", file.name, *padding],
                                   input=signed, capture_output=True, check=True).stdout
    return signed.decode() + "." + encode(signature)


def ask(text, **changes):
    return TENANT.ask_token(**{"client_secret": None, "client_assertion_type": ASSERTION_TYPE,
                               "client_assertion": text, **changes})


def claims_of(answer):
    payload = answer.json["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class LoginTest(Case):
    def refusal(self, answer):
        body = answer.json
        self.assertTrue(body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: "))
        return answer.status, body["error"], body["error_codes"][0]

    def test_token(self):
        answer = TENANT.ask_token()
        self.assertEqual(200, answer.status)
        self.assertEqual(("Bearer", 3599), (answer.json["token_type"], answer.json["expires_in"]))
        payload = answer.json["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        self.assertEqual(["Directory.Read.All"], claims["roles"])
        self.assertEqual(TENANT.at["tenant_id"], claims["tid"])
        self.assertEqual(200, TENANT.ask_token("contoso.onmicrosoft.com").status)
        self.assertEqual(200, TENANT.ask_token(scope=TENANT.at["exchange"] + "/.default").status)

    def test_basic_credentials(self):
        pair = f"{TENANT.at['client_id']}:{quote(TENANT.secret, safe='')}".encode()
        answer = TENANT.send(
            "POST", f"{TENANT.at['login']}/{TENANT.at['tenant_id']}/oauth2/v2.0/token",
            {"Content-Type": "application/x-www-form-urlencoded",
             "Authorization": "Basic " + base64.b64encode(pair).decode()},
            urlencode({"grant_type": "client_credentials", "scope": GRAPH_SCOPE}))
        self.assertEqual(200, answer.status)

    def test_refusals(self):
        ask = TENANT.ask_token
        for expected, answer in (
                ((400, "invalid_request", 9001023), ask("common")),
                ((400, "invalid_request", 9001023), ask("organizations")),
                ((400, "invalid_request", 90002), ask("nobody.example")),
                ((401, "invalid_client", 7000215), ask(client_secret="wrong")),
                ((401, "invalid_client", 7000218), ask(client_secret=None)),
                ((400, "unauthorized_client", 700016), ask(client_id="11111111-2222-3333-4444-555555555555")),
                ((400, "unsupported_grant_type", 70003), ask(grant_type="password")),
                ((400, "invalid_request", 900144), ask(grant_type=None)),
                ((400, "invalid_scope", 70011), ask(scope="https://foo.example/.default")),
                ((400, "invalid_scope", 70011), ask(scope="https://graph.microsoft.com/User.Read.All")),
                ((400, "invalid_scope", 700022), ask(scope=f"{GRAPH_SCOPE} {EXCHANGE_SCOPE}"))):
            self.assertEqual(expected, self.refusal(answer))

    def test_other_authority_is_not_trusted(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection(urlsplit(TENANT.at["graph"]).netloc, timeout=5,
                                        context=ssl.create_default_context()).request("GET", "/")

    def test_tls_1_1_is_refused(self):
        context = ssl.create_default_context(cafile=TENANT.at["ca"])
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            http.client.HTTPSConnection(urlsplit(TENANT.at["graph"]).netloc, timeout=5,
                                        context=context).request("GET", "/")


class AssertionTest(Case):
    def code(self, answer):
        return (answer.status, *answer.json.get("error_codes", ()))

    def test_certificate(self):
        for header in (None, {"alg": "RS256", "x5t": thumbprint("sha1", read("certificate_file"))}):
            answer = ask(assertion(header))
            self.assertEqual(200, answer.status, answer.raw)
            self.assertEqual("2", claims_of(answer)["appidacr"])
        by_domain = f"{TENANT.at['login']}/{TENANT.at['tenant_domain']}/oauth2/v2.0/token"
        self.assertEqual(200, ask(assertion(aud=by_domain)).status)

    def test_refused(self):
        other = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True,
                               check=True).stdout
        sha1 = thumbprint("sha1", read("certificate_file"))
        used = assertion()
        self.assertEqual(200, ask(used).status)
        now = int(time.time())
        for expected, text in (
                (700027, assertion(key=other)), (700027, assertion({"alg": "PS256", "x5t#S256": "AAAA"})),
                (700027, assertion({"alg": "PS256", "x5t": sha1})),
                (700027, assertion({"alg": "RS384", "x5t": sha1})), (700027, assertion()[:-8] + "AAAAAAAA"),
                (700023, assertion(aud="https://elsewhere.example/token")), (700023, assertion(iss="me")),
                (700023, assertion(sub="me")), (700023, assertion(exp=None)), (700023, assertion(jti=None)),
                (700023, used), (700023, "no.jwt"), (700024, assertion(exp=now - 5)),
                (700024, assertion(nbf=now + 60))):
            self.assertEqual((401, expected), self.code(ask(text)), text[:200])
        self.assertEqual((400, 900144), self.code(ask(assertion(), client_assertion_type="x")))

    def test_time_is_that_of_the_clock(self):
        self.settings(clock="virtual")
        text = assertion()
        self.advance(3600)
        self.assertEqual((401, 700024), self.code(ask(text)))

    def test_federated(self):
        token = read("federated_token_file")
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
        self.assertEqual("RS256", header["alg"])
        self.assertEqual("api://AzureADTokenExchange", claims["aud"])
        self.assertGreater(claims["exp"], time.time())
        self.assertEqual(200, ask(token).status)
        self.assertEqual(200, ask(token).status)        # until it is replaced, the file serves again
        self.assertEqual((400, 70021), self.code(ask(token[:-8] + "AAAAAAAA")))
        for changes in ({"iss": "https://other.example"}, {"sub": "system:serviceaccount:a:b"}, {"aud": "x"}):
            wrong = assertion({"alg": "RS256"}, **{**claims, **changes})
            self.assertEqual((400, 70021), self.code(ask(wrong)))
        self.settings(clock="virtual")
        self.advance(3601)
        self.assertEqual((401, 700024), self.code(ask(token)))

    def test_rotation(self):
        old = {name: read(name) for name in ("certificate_file", "private_key_file", "federated_token_file",
                                             "client_secret_file")}

        def old_assertion():
            return assertion(key=old["private_key_file"], certificate=old["certificate_file"])
        TENANT.control("POST", "/rotate", {"what": "certificate"})
        self.assertNotEqual(old["certificate_file"], read("certificate_file"))
        self.assertEqual(200, ask(assertion()).status)
        self.assertEqual(200, ask(old_assertion()).status)
        TENANT.control("POST", "/rotate", {"what": "certificate", "drop": True, "days": 3})
        self.assertEqual(200, ask(assertion()).status)
        self.assertEqual((401, 700027), self.code(ask(old_assertion())))
        shown = subprocess.run(["openssl", "x509", "-checkend", str(4 * 86400), "-in",
                                TENANT.at["certificate_file"]], capture_output=True, check=False)
        self.assertEqual(1, shown.returncode, "it ends within four days")
        TENANT.control("POST", "/rotate", {"what": "federated"})
        self.assertEqual(200, ask(read("federated_token_file")).status)
        self.assertEqual((400, 70021), self.code(ask(old["federated_token_file"])))
        TENANT.control("POST", "/rotate", {"what": "secret"})
        self.assertEqual((401, 7000215), self.code(TENANT.ask_token(client_secret=old["client_secret_file"])))
        TENANT.secret = read("client_secret_file")
        self.assertEqual(200, TENANT.ask_token().status)
        for what in ("x", None):
            with self.assertRaises(AssertionError):
                TENANT.control("POST", "/rotate", {"what": what})

    def test_errors_on_demand(self):
        self.settings(login_errors=[700027, 90055, 90033])
        answers = [TENANT.ask_token() for _ in range(4)]
        self.assertEqual([(401, 700027), (429, 90055), (503, 90033), (200,)], [self.code(a) for a in answers])
        self.assertEqual("60", answers[1].headers["Retry-After"])
        self.settings(secret_expired=True)
        self.assertEqual((401, 7000222), self.code(TENANT.ask_token()))
        self.assertEqual(200, ask(assertion()).status)


class ManagedIdentityTest(Case):
    def get(self, resource="https://graph.microsoft.com/", metadata="true", **more):
        query = urlencode({"api-version": "2018-02-01", "resource": resource, **more})
        return TENANT.send("GET", f"{TENANT.at['imds']}/metadata/identity/oauth2/token?{query}",
                           {"Metadata": metadata} if metadata else {})

    def test_tokens(self):
        for resource, scope in (("https://graph.microsoft.com/", "graph"), ("https://graph.microsoft.com", "graph"),
                                ("https://outlook.office365.com/", "exchange"),
                                (TENANT.at["exchange"] + "/", "exchange")):
            answer = self.get(resource)
            self.assertEqual(200, answer.status)
            self.assertEqual({"access_token", "client_id", "expires_in", "expires_on", "ext_expires_in",
                              "not_before", "resource", "token_type"}, set(answer.json))
            self.assertTrue(all(isinstance(value, str) for value in answer.json.values()))
            self.assertEqual(("3599", resource), (answer.json["expires_in"], answer.json["resource"]))
            claims = claims_of(answer)
            self.assertEqual("https://graph.microsoft.com" if scope == "graph"
                             else "https://outlook.office365.com", claims["aud"])
        TENANT.tokens[GRAPH_SCOPE] = self.get(client_id=TENANT.at["client_id"]).json["access_token"]
        self.assertEqual(200, TENANT.graph(USERS).status)

    def test_refusals(self):
        self.assertEqual(400, self.get(metadata=None).status)
        self.assertEqual(400, self.get("https://elsewhere.example/").status)
        self.assertEqual(400, self.get(client_id=str(uuid.uuid4())).status)
        self.assertEqual(404, TENANT.send("GET", TENANT.at["imds"] + "/metadata/instance",
                                          {"Metadata": "true"}).status)
        self.assertEqual(400, TENANT.send(
            "GET", TENANT.at["imds"] + "/metadata/identity/oauth2/token?resource=https://graph.microsoft.com/",
            {"Metadata": "true"}).status)

    def test_tokens_are_kept_here_too(self):
        self.get()
        self.get("https://outlook.office365.com/")
        self.assertEqual([], self.violations())
        self.get()
        self.assertEqual(["token-not-cached"], self.violations())


class ChallengeTest(Case):
    def challenge_of(self, answer):
        self.assertEqual(401, answer.status)
        header = answer.headers["WWW-Authenticate"]
        self.assertTrue(header.startswith('Bearer realm="", authorization_uri="'), header)
        self.assertIn('error="insufficient_claims"', header)
        return base64.b64decode(header.partition('claims="')[2].partition('"')[0]).decode()

    def test_only_a_token_with_the_claims_will_do(self):
        for service, scope, ask_service in (
                ("graph", GRAPH_SCOPE, lambda: TENANT.graph(USERS)),
                ("exchange", EXCHANGE_SCOPE, lambda: TENANT.invoke({}, query="?$select=Guid"))):
            self.assertEqual(200, ask_service().status)
            TENANT.control("POST", "/challenge", {"service": service})
            claims = self.challenge_of(ask_service())
            TENANT.tokens[scope] = TENANT.ask_token(scope=scope).json["access_token"]
            self.assertEqual(claims, self.challenge_of(ask_service()))
            TENANT.tokens[scope] = TENANT.ask_token(
                scope=scope, claims='{"access_token":{}}').json["access_token"]
            self.challenge_of(ask_service())
            old = TENANT.tokens[scope]
            TENANT.tokens[scope] = TENANT.ask_token(scope=scope, claims=claims).json["access_token"]
            self.assertEqual(200, ask_service().status)
            # The challenge is met: who renews need not ask with it, but old tokens stay dead.
            TENANT.tokens[scope] = TENANT.ask_token(scope=scope).json["access_token"]
            self.assertEqual(200, ask_service().status)
            TENANT.tokens[scope] = old
            self.challenge_of(ask_service())
        self.assertEqual(400, TENANT.ask_token(claims="{").status)

    def test_services_are_challenged_apart(self):
        TENANT.control("POST", "/challenge", {"service": "exchange"})
        self.assertEqual(200, TENANT.graph(USERS).status)
        with self.assertRaises(AssertionError):
            TENANT.control("POST", "/challenge", {"service": "login"})


class ProxyTest(Case):
    def test_tunnels(self):
        self.assertEqual(401, TENANT.through_proxy(TENANT.at["graph"]).status)
        self.assertEqual(404, TENANT.through_proxy(TENANT.at["login"]).status)
        port = urlsplit(TENANT.at["graph"]).port
        # A name that only the proxy knows.
        self.assertEqual(401, TENANT.through_proxy(f"https://graph.tenant.test:{port}").status)
        rows = [row for row in TENANT.control("GET", "/requests") if row["service"] == "proxy"]
        self.assertEqual([("CONNECT", 200)] * 3, [(row["method"], row["status"]) for row in rows])
        self.assertEqual(f"localhost:{port}", rows[0]["path"])

    def test_a_page_of_some_size(self):
        self.users(3000, jobTitle="Clerk")
        self.settings(page_size=3000)
        answer = TENANT.through_proxy(TENANT.at["graph"], "/v1.0/users/delta?$select=displayName,jobTitle",
                                      {"Authorization": f"Bearer {TENANT.token()}"})
        self.assertEqual(3000, len(answer.json["value"]))

    def test_only_to_the_tenant(self):
        for url in ("https://example.com:443", TENANT.at["control"].replace("http:", "https:"),
                    f"https://evil.invalid:{urlsplit(TENANT.at['graph']).port}"):
            with self.assertRaisesRegex(OSError, "403"):
                TENANT.through_proxy(url)
        self.assertEqual(405, TENANT.send("GET", TENANT.at["proxy"] + "/").status)

    def test_credentials(self):
        self.settings(proxy_credentials="gald:s3cret word")
        with self.assertRaisesRegex(OSError, "407"):
            TENANT.through_proxy(TENANT.at["graph"])
        with self.assertRaisesRegex(OSError, "407"):
            TENANT.through_proxy(TENANT.at["graph"], credentials="gald:wrong")
        self.assertEqual(401, TENANT.through_proxy(TENANT.at["graph"], credentials="gald:s3cret word").status)
        self.assertNotIn("s3cret", json.dumps(TENANT.control("GET", "/requests")))
        answer = TENANT.send("CONNECT", TENANT.at["proxy"], fresh=True)
        self.assertEqual(407, answer.status)
        self.assertTrue(answer.headers["Proxy-Authenticate"].startswith("Basic "))

    def test_a_bearer_does_not_belong_there(self):
        TENANT.through_proxy(TENANT.at["graph"], tunnel_headers={"Authorization": "Bearer abc"})
        self.assertEqual(["bearer-at-wrong-place"], self.violations())


if __name__ == "__main__":
    unittest.main()
