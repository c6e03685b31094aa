// The overview and the list: what they show, and how one finds one's way.
import assert from "node:assert/strict";
import { test } from "node:test";

import { open, shot, until } from "./browser.mjs";
import { session, text, count, settled, close, listed, conflicts } from "./session.mjs";

test("the overview tells what gald status tells", async () => {
  const page = await open("#/overview", { token: session.token });
  await page.waitForSelector(".tiles");
  await settled(page);
  const tiles = Object.fromEntries(
    await page
      .locator(".tile")
      .evaluateAll((all) =>
        all.map((tile) => [
          tile.querySelector("dt").innerText,
          Number(tile.querySelector("dd").innerText.replace(/\D/g, "")),
        ]),
      ),
  );
  const people = listed();
  const all = listed("--all");
  const of = (key, value) => people.filter((one) => one[key] === value).length;
  assert.equal(tiles.Contacts, people.length);
  assert.equal(tiles.Cloud, of("source", "cloud"));
  assert.equal(tiles["On-premises"], of("source", "on_premises"));
  assert.equal(tiles.Hybrid, of("source", "hybrid"));
  assert.equal(tiles.Active, of("status", "active"));
  assert.equal(tiles.Disabled, of("status", "disabled"));
  assert.equal(tiles.Deleted, all.length - people.length);
  assert.equal(tiles.Hidden, of("hidden", true));
  assert.equal(tiles.Groups, listed("--kind", "group").length);
  assert.equal(tiles.Conflicts, conflicts().length);
  assert.deepEqual(
    await page
      .locator("tbody th .said")
      .allInnerTexts()
      .then((names) => names.includes("ad/directory")),
    true,
  );
  assert.equal(await page.locator(".chart svg").count(), 2);
  await shot(page, "overview");
  await page.click(".tile:has-text('Cloud') a");
  await page.waitForSelector("h1:has-text('Contacts')");
  await settled(page);
  assert.equal(await count(page), tiles.Cloud);
  await close(page);
});

test("the list has everybody, in order, however far one scrolls", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  const people = listed();
  assert.equal(await count(page), people.length);
  assert.equal(await page.getAttribute(".rows", "aria-rowcount"), String(people.length + 1));
  await shot(page, "contacts");
  const seen = new Map();
  for (let last = -1; ;) {
    await page.waitForFunction(() => !document.querySelector(".row .blank"));
    for (const [index, name] of await page
      .locator(".spacer .row")
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.getAttribute("aria-rowindex"),
          row.querySelector(".name").textContent,
        ]),
      ))
      seen.set(Number(index) - 2, name);
    const top = await page.evaluate(() => {
      const rows = document.querySelector(".rows");
      rows.scrollTop += rows.clientHeight / 2;
      return rows.scrollTop;
    });
    if (top === last) break;
    last = top;
    await page.waitForTimeout(60);
  }
  assert.deepEqual(
    [...Array(people.length).keys()].map((index) => seen.get(index)),
    people.map((one) => one.displayName ?? "(no name)"),
  );
  await close(page);
});

test("search and filters say what they find", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  await page.selectOption("select:near(:text('Source'))", "hybrid");
  await until(
    async () => (await count(page)) === listed("--source", "hybrid").length,
    "hybrid contacts",
  );
  await page.fill("input[type=search]", "mull");
  await page.waitForSelector(".count:has-text('found')");
  await page.waitForSelector(".row .name a:has-text('Jürgen Müller')");
  assert.match(page.url(), /source=hybrid/);
  assert.match(page.url(), /q=mull/);
  await page.fill("input[type=search]", "nobodyiscalledso");
  await page.waitForSelector(".empty:has-text('Nobody')");
  await page.click("text=Clear");
  await until(async () => (await count(page)) === listed().length, "everybody again");
  await page.fill(".field input", "no such group");
  await page.keyboard.press("Tab");
  await page.waitForSelector(".failure:has-text('no group has this')");
  await page.fill(".field input", "Sales");
  await page.keyboard.press("Tab");
  await until(
    async () => (await count(page)) === listed("--group", "Sales").length,
    "the members of Sales",
  );
  await page.selectOption("select:near(:text('Order'))", "-displayName");
  await page.waitForFunction(() => document.querySelector(".row[aria-rowindex='2'] .name a"));
  const names = listed("--group", "Sales").map((one) => one.displayName);
  await until(
    async () => (await text(page, ".row[aria-rowindex='2'] .name")) === names.at(-1),
    "the last one first",
  );
  await close(page);
});

test("the last answer wins", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  // The answer for "Ada" comes after the one for "Bruno".
  await page.route(/[?&]q=Ada/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue().catch(() => {});
  });
  await page.fill("input[type=search]", "Ada");
  await page.waitForTimeout(300);
  await page.fill("input[type=search]", "Bruno");
  await page.waitForSelector(".row .name a:has-text('Bruno')");
  await page.waitForTimeout(1800);
  assert.equal(await page.locator(".row .name a:has-text('Ada')").count(), 0);
  await close(page);
});

test("everything can be done with the keyboard", async () => {
  const page = await open("#/contacts", { token: session.token });
  await page.waitForSelector(".row .name a");
  // A single key does something in the list alone.
  await page.keyboard.press("/");
  assert.notEqual(await page.evaluate(() => document.activeElement.type), "search");
  await page.focus(".rows");
  await page.keyboard.press("/");
  await page.keyboard.type("keller");
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h1:has-text('Anna Keller')");
  await page.waitForSelector("[role=tab]");
  for (let step = 0; step < 12; ++step) {
    if (await page.evaluate(() => document.activeElement.id === "tab-basics")) break;
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector("#tab-groups[aria-selected=true]");
  assert.match(page.url(), /tab=groups/);
  await page.goBack();
  await page.waitForSelector(".row .name a:has-text('Anna Keller')");
  await page.keyboard.press("/");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await until(async () => (await count(page)) > 200, "everybody");
  await page.keyboard.press("Enter"); // into the list
  await page.keyboard.press("End");
  const last = listed().at(-1).displayName;
  await page.waitForFunction(
    (name) => document.querySelector(".row.active .name")?.textContent === name,
    last,
  );
  await page.keyboard.press("Home");
  await page.keyboard.press("PageDown");
  await page.keyboard.press("ArrowUp");
  await page.waitForSelector(".row.active .name a");
  const chosen = await text(page, ".row.active .name");
  await page.keyboard.press("Enter");
  await page.waitForSelector(`.who h1`);
  assert.equal(await text(page, ".who h1"), chosen);
  await page.goBack();
  await page.waitForSelector(".row.active .name a");
  assert.equal(await text(page, ".row.active .name"), chosen);
  assert.equal(await page.evaluate(() => document.activeElement.className), "rows");
  // Every control in the order of tabs shows that it has the focus.
  for (let step = 0; step < 20; ++step) {
    await page.keyboard.press("Tab");
    const shown = await page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      return at === document.body || style.outlineStyle !== "none" || at.matches(".tile a");
    });
    assert.ok(shown, await page.evaluate(() => document.activeElement.outerHTML.slice(0, 200)));
  }
  await close(page);
});
