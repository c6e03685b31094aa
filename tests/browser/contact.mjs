// A contact, hostile ones, and files of many.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";

import { gald, open, shot, until, url } from "./browser.mjs";
import { session, text, settled, close, listed, history } from "./session.mjs";

test("a contact tells what it is, its groups, its history and its sources", async () => {
  const [someone] = listed().filter((one) => one.displayName === "Jürgen Müller");
  const page = await open(`#/contacts/${someone.id}`, { token: session.token });
  await page.waitForSelector(".facts");
  const basics = await text(page, "[role=tabpanel]");
  for (const value of [
    someone.jobTitle,
    someone.companyName,
    someone.department,
    someone.mail,
    ...someone.phones.map((one) => one.raw),
    ...someone.addresses.map((one) => one.value),
  ].filter(Boolean))
    assert.ok(basics.includes(value), value);
  await shot(page, "contact-basics");
  await page.click("#tab-groups");
  for (const group of someone.groups)
    await page.waitForSelector(`.groups a:has-text('${group.displayName}')`);
  await shot(page, "contact-groups");
  await page.click("#tab-history");
  await page.waitForSelector(".history li");
  const lines = history(someone.id).length;
  assert.equal(await page.locator(".history li").count(), lines);
  await shot(page, "contact-history");
  await page.click("#tab-sources");
  await page.waitForSelector("table");
  const told = JSON.parse(gald("explain", someone.id, "--json"));
  const sources = await text(page, "[role=tabpanel]");
  for (const record of told.records) assert.ok(sources.includes(record.anchor), record.anchor);
  assert.ok(sources.includes(told.source.reason.text));
  await shot(page, "contact-sources");
  await close(page);
});

test("hostile names are names", async () => {
  const everybody = listed();
  const names = everybody.filter((one) => one.mail?.startsWith("hostile"));
  assert.ok(names.length >= 10);
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  await page.fill("input[type=search]", "hostile");
  await page.waitForSelector(".count:has-text('found')");
  await until(
    async () => (await page.locator(".spacer .row .name a").count()) >= 10,
    "the hostile ones",
  );
  await shot(page, "hostile");
  for (const one of names) {
    await page.goto(`${url}/#/contacts/${one.id}`);
    await page.waitForSelector(".who h1");
    await page.waitForFunction(
      (name) => document.querySelector(".who h1")?.textContent === name,
      one.displayName,
    );
    for (const tab of ["groups", "history", "sources"]) {
      await page.click(`#tab-${tab}`);
      await settled(page);
    }
    assert.equal(
      await page.evaluate(
        () =>
          document.querySelectorAll(
            "main script, main img, main iframe, main [onmouseover], " +
              "main a[href^='javascript']",
          ).length,
      ),
      0,
    );
  }
  for (const hash of [
    "#/overview",
    "#/conflicts",
    "#/runs",
    "#/<img src=x onerror=alert(1)>",
    "#/contacts/%3Cscript%3E",
    "#/contacts?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&group=%22%3E%3Cscript%3E",
  ]) {
    await page.goto(`${url}/${hash}`);
    await settled(page);
  }
  assert.equal(await page.evaluate(() => window.hit), undefined);
  // Even a script that tried could not make markup of a string.
  assert.equal(
    await page.evaluate(() => {
      try {
        document.querySelector("main").innerHTML = "<p>markup</p>";
        return "made";
      } catch (error) {
        return error.name;
      }
    }),
    "TypeError",
  );
  page.trouble = page.trouble.filter((line) => !line.includes("TrustedHTML"));
  await close(page);
});

test("an export is what gald export writes", async () => {
  const page = await open("#/contacts?source=hybrid", { token: session.token });
  await page.waitForSelector(".row .name a");
  for (const [format, columns, words] of [
    ["csv", "visible", []],
    ["csv", "all", ["--columns", "all"]],
    ["jsonl", null, []],
    ["xlsx", "visible", null],
  ]) {
    await page.click("button:has-text('Export')");
    await page.selectOption("dialog select", format);
    if (columns) await page.check(`dialog input[value=${columns}]`);
    const coming = page.waitForEvent("download");
    await page.click("dialog button[type=submit]");
    const file = await coming;
    assert.equal(file.suggestedFilename(), `contacts.${format}`);
    const bytes = fs.readFileSync(await file.path());
    if (words) {
      const expected = gald("export", "--format", format, "--source", "hybrid", ...words);
      assert.equal(bytes.toString("utf8"), expected, format);
    } else {
      assert.equal(bytes.subarray(0, 2).toString(), "PK");
    }
    await page.waitForSelector("dialog :text('is saved')");
    if (format === "xlsx") await shot(page, "export");
    await page.click("dialog button:has-text('Close')");
    await page.waitForSelector("dialog", { state: "detached" });
  }
  // What somebody should know of a file is told.
  const remark = "3 values were longer than a cell and were cut";
  await page.route(
    /export/,
    (route) =>
      route.fulfill({
        headers: {
          "Content-Type": "text/csv",
          "Content-Disposition": 'attachment; filename="contacts.csv"',
          "Export-Remark": remark,
        },
        body: "a\n",
      }),
    { times: 1 },
  );
  await page.click("button:has-text('Export')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector(`dialog :text('${remark}')`);
  await page.click("dialog button:has-text('Close')");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.route(/export/, (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({
        type: "about:blank",
        title: "Service Unavailable",
        status: 503,
        detail: "two exports are being made already",
      }),
    }),
  );
  await page.click("button:has-text('Export')");
  await page.click("dialog button[type=submit]");
  await page.waitForSelector("dialog .failure:has-text('two exports')");
  await close(page);
});
