// Whoever is known by a certificate: signed in without a token, and able to act.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import { open, until } from "./browser.mjs";
import { text, close } from "./session.mjs";

const { GALD, GALD_TLS_PORT } = process.env;

const listening = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

test("a certificate signs in and acts", async () => {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "gald-certificate-"));
  const file = (name) => path.join(place, name);
  for (const name of ["server", "client"])
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`]
        .concat(["-addext", "subjectAltName=IP:127.0.0.1"])
        .concat(["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`)]),
      { stdio: "ignore" },
    );
  fs.writeFileSync(file("password"), "none\n", { mode: 0o600 });
  // The source is away: what is asked for is a cycle, not what it finds.
  fs.writeFileSync(
    file("gald.toml"),
    `[index]
path = "${file("gald.db")}"
[api]
listen = ["127.0.0.1:${GALD_TLS_PORT}"]
certificate_file = "server.pem"
key_file = "server.key"
client_ca_file = "client.pem"
[connector.ad]
type = "active-directory"
url = "ldaps://127.0.0.1:1"
bind_name = "nobody@contoso.test"
password_file = "password"
`,
  );
  const words = ["token", "add", "certified", "--scope", "operate"];
  execFileSync(GALD, [
    "--config",
    file("gald.toml"),
    ...words,
    "--certificate",
    file("client.pem"),
  ]);
  const daemon = spawn(GALD, ["--config", file("gald.toml"), "run"], { stdio: "ignore" });
  const ended = new Promise((resolve) => {
    daemon.once("exit", resolve);
  });
  try {
    await until(() => listening(GALD_TLS_PORT), "gald with a certificate");
    const certificate = {
      origin: `https://127.0.0.1:${GALD_TLS_PORT}`,
      certPath: file("client.pem"),
      keyPath: file("client.key"),
    };
    const page = await open("#/overview", { certificate });
    await page.waitForSelector("h1:has-text('Overview')");
    assert.match(await text(page, ".account"), /certified/);
    assert.equal(await page.locator("button:has-text('Sign out')").count(), 0);
    const answered = page.waitForResponse(/identity\/sync/);
    await page.click("text=Sync now");
    assert.equal((await answered).status(), 202);
    assert.equal(await page.locator("main .failure").count(), 0);
    await close(page);
  } finally {
    daemon.kill("SIGTERM");
    await ended;
    fs.rmSync(place, { recursive: true });
  }
});
