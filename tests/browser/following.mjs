// What changes while somebody looks, and answers that come late: what is shown stays true, and
// stays where it was.
import assert from "node:assert/strict";
import { test } from "node:test";

import { open, until } from "./browser.mjs";
import { session, count, settled, close, listed } from "./session.mjs";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const goTo = (page, hash) =>
  page.evaluate((to) => {
    location.hash = to;
  }, hash);

/// A page of a window that comes into sight looks at once.
const look = (page) =>
  page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

/// From now on the status is told as `change` makes it.
const statusIs = (page, change) =>
  page.route(/identity\/status/, async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    change(json);
    await route.fulfill({ response, json });
  });

test("a number of other filters does not end up in the list", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  const hybrid = listed("--source", "hybrid").length;
  await until(async () => (await count(page)) === listed().length, "everybody");
  await statusIs(page, (status) => {
    status.lastChange += 1;
  });
  // The number of all comes once the filter is set.
  await page.route(
    (address) => address.search.includes("count=true") && !address.search.includes("source="),
    async (route) => {
      await pause(1500);
      await route.fulfill({ json: { items: [], next: null, total: 9999 } }).catch(() => {});
    },
  );
  const asked = page.waitForRequest(/count=true/);
  await look(page);
  await asked;
  await page.selectOption("select:near(:text('Source'))", "hybrid");
  await until(async () => (await count(page)) === hybrid, "hybrid contacts");
  await pause(1800);
  assert.equal(await count(page), hybrid);
  assert.equal(await page.getAttribute(".rows", "aria-rowcount"), String(hybrid + 1));
  await close(page);
});

test("a filter asks for the first page once", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  await settled(page);
  const asked = [];
  page.on("request", (request) => {
    const { searchParams } = new URL(request.url());
    if (searchParams.get("limit") === "100") asked.push(searchParams.get("offset"));
  });
  await page.selectOption("select:near(:text('Source'))", "cloud");
  await until(async () => (await count(page)) === listed("--source", "cloud").length, "the cloud");
  await settled(page);
  await pause(200);
  assert.equal(asked.filter((offset) => offset === "0").length, 1, asked.join(" "));
  await close(page);
});

/// As if the index had a million.
async function million(page) {
  const all = 1_000_000;
  await page.route(/identity\/contacts\?/, async (route) => {
    const query = new URL(route.request().url()).searchParams;
    if (query.get("count"))
      return route.fulfill({ json: { items: [], next: null, total: all } });
    const offset = Number(query.get("offset"));
    const items = Array.from(
      { length: Math.min(Number(query.get("limit")), all - offset) },
      (_, index) => ({
        id: `00000000-0000-4000-8000-${String(offset + index).padStart(12, "0")}`,
        kind: "user",
        source: "cloud",
        status: "active",
        displayName: `Name ${offset + index}`,
        mail: null,
        companyName: null,
        jobTitle: null,
        phones: [],
        hidden: null,
      }),
    );
    return route.fulfill({ json: { items, next: null } });
  });
}

/// The numbers of the rows in sight, in the order of the document.
const inSight = (page) =>
  page.evaluate(() => {
    const window_ = document.querySelector(".rows").getBoundingClientRect();
    const head = document.querySelector(".row.head").offsetHeight;
    return [...document.querySelectorAll(".spacer .row")]
      .filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > window_.top + head + 1 && top < window_.bottom - 1;
      })
      .map((row) => Number(row.getAttribute("aria-rowindex")) - 2);
  });

test("a list of a million ends where it ends, and stays where it was left", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await million(page);
  await goTo(page, "#/contacts");
  await page.waitForSelector(".count:has-text('1,000,000')");
  await page.focus(".rows");
  const box = await page.locator(".rows").boundingBox();
  await page.mouse.move(box.x + 200, box.y + 200);
  // Some pages from an end, the wheel gets there with as many notches as it takes.
  for (const [end, key, notch, last] of [
    ["Home", "PageDown", -100, 0],
    ["End", "PageUp", 100, 999_999],
  ]) {
    await page.keyboard.press(end);
    for (let step = 0; step < 5; ++step) await page.keyboard.press(key);
    await page.waitForFunction(() => !document.querySelector(".row .blank"));
    const seen = await inSight(page);
    const away = Math.min(...seen.map((index) => Math.abs(index - last))) * 44;
    assert.ok(away > 500, `${away}`);
    const most = Math.ceil(away / 100) + 4;
    let notches = 0;
    while (!(await inSight(page)).includes(last)) {
      assert.ok(++notches <= most, `${most} notches for ${away} pixels`);
      await page.mouse.wheel(0, notch);
      await pause(60);
    }
  }
  // The rows are in the document as they are on the screen.
  const rows = await inSight(page);
  assert.deepEqual(rows, [...rows].sort((a, b) => a - b));

  // A window that comes back finds the list where it was, wherever the active row is.
  await page.keyboard.press("Home");
  await page.mouse.wheel(0, 3000);
  await until(async () => (await inSight(page))[0] > 50, "rows further down");
  const before = await inSight(page);
  await page.evaluate(() => {
    document.activeElement.blur();
    document.querySelector(".rows").focus();
  });
  await pause(200);
  assert.deepEqual(await inSight(page), before);
  await close(page);
});
