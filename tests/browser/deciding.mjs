// Conflicts, what is held, and who may decide.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeToken, open, shot, tenant, until, url } from "./browser.mjs";
import { session, text, count, total, settled, close, listed, conflicts } from "./session.mjs";

test("conflicts say what to do", async () => {
  const page = await open("#/conflicts", { token: session.token });
  await page.waitForSelector(".conflict");
  const lines = conflicts();
  assert.equal(await page.locator(".conflict").count(), Math.min(50, lines.length));
  const shown = await text(page, "main");
  for (const line of lines.slice(0, 10)) {
    assert.ok(shown.includes(line.evidence), line.evidence);
    assert.ok(shown.includes(line.remedy), line.remedy);
  }
  await shot(page, "conflicts");
  await page.click(".conflict .sides a");
  await page.waitForSelector(".who h1");
  await close(page);
});

async function vanish(...given) {
  const { mailcontacts } = await tenant("GET", "/objects");
  for (const one of Object.values(mailcontacts))
    if (given.some((name) => one.DisplayName?.startsWith(`${name} `)))
      await tenant("DELETE", `/mailcontacts/${one.Guid}`);
}

test("what is held is approved or rejected", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  const before = listed().length;
  await vanish("Ada", "Bruno", "Chiara");
  await page.click("text=Sync now");
  // The plan appears by itself.
  await page.waitForSelector(".held .plan", { timeout: 60_000 });
  assert.equal(listed().length, before);
  await shot(page, "plan-held");
  await page.click(".held .plan h3 a");
  await page.waitForSelector("tbody .operation-deleted");
  await shot(page, "plan");

  await page.click("button:has-text('Approve')");
  await page.waitForSelector("dialog[open]");
  await shot(page, "plan-approve");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal(listed().length, before);

  await page.click("button:has-text('Approve')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector("main :text('is approved')");
  await page.waitForSelector(".pill.plan-approved");
  await until(() => listed().length < before, "what was approved is done");

  const then = listed().length;
  await vanish("Dilan", "Elif", "Farid");
  await page.goto(`${url}/#/overview`);
  await page.click("text=Sync now");
  await page.waitForSelector(".held .plan", { timeout: 60_000 });
  await page.click("button:has-text('Reject')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector(".held", { state: "detached" });
  assert.equal(listed().length, then);
  await page.goto(`${url}/#/plans`);
  await page.waitForSelector(".pill.plan-rejected");
  await page.check("input[type=checkbox]");
  await page.waitForSelector(".pill.plan-approved");
  await shot(page, "plans");
  await page.goto(`${url}/#/runs`);
  await page.waitForSelector("table tbody tr");
  await shot(page, "runs");
  await close(page);
});

test("a token that may only read decides nothing", async () => {
  const reader = await makeToken("reader");
  const page = await open("#/overview", { token: reader });
  await page.waitForSelector(".tiles");
  await settled(page);
  assert.equal(
    await page.locator("button:has-text('Sync now'), button:has-text('Approve')").count(),
    0,
  );
  await page.goto(`${url}/#/plans/1`);
  await page.waitForSelector(".plan");
  assert.equal(await page.locator("button:has-text('Approve')").count(), 0);
  await close(page);
});

test("a token for a part sees that part and no more", async () => {
  const part = await makeToken("part", "--group", "Sales");
  const page = await open("#/overview", { token: part });
  await page.waitForSelector(".tiles");
  await settled(page);
  assert.match(await text(page, ".account"), /part of the index/);
  assert.equal(await page.locator("nav a").count(), 3);
  const members = listed("--group", "Sales").length;
  assert.equal(await total(page), members);
  await page.goto(`${url}/#/contacts`);
  await page.waitForSelector(".row .name a");
  assert.equal(await count(page), members);
  await page.click(".row .name a");
  await page.waitForSelector(".who h1");
  for (const tab of ["groups", "history", "sources"]) {
    await page.click(`#tab-${tab}`);
    await settled(page);
  }
  await page.goto(`${url}/#/runs`);
  await page.waitForSelector("h1:has-text('Nothing is here')");
  await close(page);
});
