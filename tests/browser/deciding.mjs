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
  await page.waitForSelector(".done:has-text('is approved')");
  await page.waitForSelector(".pill.plan-approved");
  assert.match(await page.evaluate(() => document.activeElement.innerText), /is approved/);
  await page.waitForSelector("main :text('It was approved')");
  await until(() => listed().length < before, "what was approved is done");

  const then = listed().length;
  await vanish("Dilan", "Elif", "Farid");
  await page.goto(`${url}/#/overview`);
  await page.click("text=Sync now");
  await page.waitForSelector(".held .plan", { timeout: 60_000 });
  await page.click("button:has-text('Reject')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector(".held", { state: "detached" });
  assert.match(await page.evaluate(() => document.activeElement.innerText), /is rejected/);
  assert.equal(listed().length, then);
  await page.goto(`${url}/#/plans`);
  await page.waitForSelector(".pill.plan-rejected");
  // It can still be approved.
  assert.deepEqual(await page.locator(".plan:has(.plan-rejected) button").allInnerTexts(), [
    "Approve",
  ]);
  await page.check("input[type=checkbox]");
  await page.waitForSelector(".pill.plan-approved");
  await shot(page, "plans");
  await page.goto(`${url}/#/runs`);
  await page.waitForSelector("table tbody tr");
  await shot(page, "runs");
  await close(page);
});

test("a decision that is under way is not taken back by closing the question", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  const plan = {
    plan: 77,
    state: "open",
    createdAt: "2026-11-28T10:00:00Z",
    run: 1,
    reason: "too-many",
    connector: "ad",
    subject: "contact",
    text: "7 of 9 contacts would vanish",
    records: 7,
    deleted: 7,
    updated: 0,
    created: 0,
    supersededBy: null,
    decidedAt: null,
  };
  await page.route(/identity\/plans\?/, (route) => route.fulfill({ json: { items: [plan] } }));
  let answer;
  const answered = new Promise((resolve) => {
    answer = resolve;
  });
  await page.route(/plans\/77\/approve/, async (route) => {
    await answered;
    plan.state = "approved";
    await route.fulfill({ json: plan });
  });
  await page.goto(`${url}/#/plans`);
  await page.click(".plan button:has-text('Approve')");
  const asked = page.waitForRequest(/plans\/77\/approve/);
  await page.click("dialog button[type=submit]");
  await asked;
  assert.ok(await page.isDisabled("dialog button:has-text('Cancel')"));
  for (let time = 0; time < 3; ++time) await page.keyboard.press("Escape");
  await page.waitForTimeout(200);
  assert.equal(await page.locator("dialog[open]").count(), 1);
  // Whatever closes it: what was asked for is done.
  await page.evaluate(() => document.querySelector("dialog").close());
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal(await page.locator(".done").count(), 0);
  answer();
  await page.waitForSelector(".done:has-text('Plan 77 is approved')");
  await page.waitForSelector(".pill.plan-approved");
  await close(page);
});

test("a question goes with its view", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await page.goto(`${url}/#/contacts`);
  await page.click("button:has-text('Export')");
  await page.waitForSelector("dialog[open]");
  await page.goBack();
  await page.waitForSelector(".tiles");
  await page.waitForSelector("dialog", { state: "detached" });
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
