// Tokens that end, and a gald that goes away.
import assert from "node:assert/strict";
import { test } from "node:test";

import { api, gald, makeToken, open, shot, startGald, stopGald, until } from "./browser.mjs";
import { session, text, close } from "./session.mjs";

test("a token that ends leads back to signing in", async () => {
  const brief = await makeToken("brief");
  const page = await open("#/contacts", { token: brief });
  await page.waitForSelector(".row .name a");
  gald("token", "revoke", "brief");
  await until(async () => (await api(brief, "/me")).status === 401, "the revocation");
  await page.fill("input[type=search]", "anna");
  await page.waitForSelector("[role=alert]:has-text('revoked or has expired')");
  await page.waitForSelector("#token:focus");
  await shot(page, "token-ended");
  await page.fill("#token", session.token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1");
  await close(page);
});

test("a gald that goes away is missed, and is seen when it is back", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  await stopGald();
  await page.waitForSelector(".banner:has-text('does not answer')", { timeout: 20_000 });
  await shot(page, "away");
  // Seconds that are counted down are no alert.
  assert.equal(
    await text(page, "[role=alert]:visible"),
    "gald does not answer. What you see is how it was.",
  );
  assert.equal(await page.locator(".banner [role=alert] *, [role=alert] .banner").count(), 0);
  assert.equal(await page.getAttribute(".banner", "role"), null);
  assert.ok((await page.locator(".row .name a").count()) > 5);
  await page.fill("input[type=search]", "keller");
  await startGald();
  await page.waitForSelector(".banner", { state: "hidden", timeout: 40_000 });
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  await close(page);
});
