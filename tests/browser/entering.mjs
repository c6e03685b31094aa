// A first import, signing in, and how the page loads.
import assert from "node:assert/strict";
import { test } from "node:test";

import { open, shot, tenant, until } from "./browser.mjs";
import { session, text, total, close, listed } from "./session.mjs";

test("a first import shows how far it is", async () => {
  const page = await open("#/overview", { token: session.token });
  try {
    await page.waitForSelector("h2:has-text('First import')", { timeout: 60_000 });
    await page.waitForSelector(".progress progress");
    await shot(page, "first-import");
  } finally {
    await tenant("POST", "/settings", { latency: 0 });
  }
  // The page needs no reload: it sees what was published.
  await until(async () => (await total(page)) > 200, "the totals", 60);
  await close(page);
});

test("signing in takes a token that is accepted", async () => {
  const page = await open();
  await page.waitForSelector("#token:focus");
  await shot(page, "sign-in");
  await page.fill("#token", "gald_no_such_token");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]:has-text('not accepted')");
  await page.fill("#token", "two words");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]:has-text('has no spaces')");
  await page.fill("#token", session.token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('Overview')");
  assert.match(await text(page, ".account"), /console/);
  await page.reload();
  await page.waitForSelector("h1:has-text('Overview')");
  // Signing out leaves nothing behind: no search, no list and no contact in the browser's cache.
  const [someone] = listed();
  await page.evaluate(() => {
    location.hash = "#/contacts?q=keller";
  });
  await page.waitForSelector(".row .name a");
  await page.evaluate((id) => {
    location.hash = `#/contacts/${id}`;
  }, someone.id);
  await page.waitForSelector(".facts");
  await page.click("text=Sign out");
  await page.waitForSelector("#token");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(new URL(page.url()).hash, "");
  const kept = await page.evaluate(
    (address) =>
      fetch(address, { cache: "only-if-cached", mode: "same-origin" }).then(
        (response) => response.status,
        () => "nothing",
      ),
    `/api/identity/contacts/${someone.id}`,
  );
  assert.ok(kept === "nothing" || kept === 504, `${kept}`);
  // Where nothing has been shown, nothing is how it was.
  await page.route(/identity\/me/, (route) => route.abort());
  await page.fill("#token", session.token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]:has-text('gald does not answer')");
  assert.equal(await text(page, ".note"), "gald does not answer.");
  await close(page);
});

test("the page is small, comes in one round, and asks nobody else", async () => {
  const page = await open("#/", {});
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  let bytes = 0;
  const rounds = new Map();
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  client.on("Network.requestWillBeSent", ({ request, initiator }) =>
    rounds.set(request.url, initiator.type),
  );
  await client.send("Network.clearBrowserCache");
  await page.reload({ waitUntil: "networkidle" });
  const assets = [...rounds].filter(([address]) => !address.includes("/api/"));
  assert.ok(assets.length > 10);
  // The document names all that it needs: nothing is asked for by what was asked for.
  assert.deepEqual(
    assets.filter(([, type]) => !["other", "parser"].includes(type)),
    [],
  );
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0].startTime,
  );
  console.log(
    `${bytes} bytes in ${assets.length} requests, first content after ${paint.toFixed(0)} ms`,
  );
  await close(page);
});
